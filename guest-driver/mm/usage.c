// SPDX-License-Identifier: GPL-2.0-only
/*
 * Usage of a reusable region, or of the guest's RAM (usage.h).
 *
 * Looking at every page of a large region before every allocation would cost more
 * than the allocation. So what was seen is kept per granule for a while, and one
 * search looks at a bounded number of pages anew, some of them where the last one
 * stopped; it ends early when it has found as many empty granules as it was asked
 * for. A choice made on old news costs one more try, no more.
 *
 * Among equally cheap places those in the shortest run of DMA addresses come first,
 * then the lowest: long runs are left for those who need them.
 *
 * Locks: vcma_usage.extents_lock, under which the host is asked; vcma_usage.busy_lock, a leaf. Costs
 * are read and written without. Blocks are looked up under RCU.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "core/region.h"
#include "core/request.h"
#include "hv/core/dma_windows.h"
#include "memory.h"
#include "mode_ram.h"
#include "scan.h"
#include "usage.h"

#define VCMA_LOOK_PAGES		(256UL << 10)	/* looked at per search: 1 GiB of small pages */
#define VCMA_LOOK_AGE		(HZ / 4)	/* news for this long */
#define VCMA_EXTENTS_AGE	HZ
#define VCMA_MAX_EXTENTS	(64UL << 10)
#define VCMA_EXTENTS_AT_ONCE	512U
#define VCMA_BUSY_TIME		HZ
#define VCMA_RANGES_AT_ONCE	64U
#define VCMA_ONLINE_DELAY		(HZ / 2)
#define VCMA_ONLINE_AT_ONCE	(8UL << 10)	/* granules */

/* ---- cost of a granule ---- */

static u64 vcma_granule_gpa(const struct vcma_usage *o, unsigned long i)
{
	return o->region->base_gpa + ((u64)i << o->region->granule_shift);
}

/* Can the host not offer it, or the guest not isolate it, whatever is in it? */
static bool vcma_granule_is_out(struct vcma_usage *o, unsigned long i)
{
	struct vcma_region *r = o->region;

	if (xa_load(&r->by_gpa, i) || test_bit(i, o->busy))
		return true;
	return r->mode->is_ram ?
	       !vcma_ram_is_usable(r, vcma_granule_gpa(o, i), r->granule_bytes) :
	       !vcma_memory_is_online(r->memory, vcma_granule_gpa(o, i), r->granule_bytes);
}

/* Look at a granule, unless that was done just now. Return: pages looked at. */
static unsigned long vcma_granule_look(struct vcma_usage *o, unsigned long i)
{
	unsigned long nr = PHYS_PFN(o->region->granule_bytes);
	struct vcma_granule *granule = &o->granules[i];
	struct vcma_page_scan scan;

	if (granule->seen && (u32)jiffies - granule->seen < VCMA_LOOK_AGE)
		return 0;
	vcma_scan_pages(PHYS_PFN(vcma_granule_gpa(o, i)), nr, &scan);
	WRITE_ONCE(granule->cost, scan.nr_unmovable ? VCMA_COST_UNMOVABLE :
				  min_t(unsigned long, scan.nr_movable, U32_MAX - 1));
	WRITE_ONCE(granule->seen, (u32)jiffies | 1);
	return nr;
}

/* ---- DMA addresses ---- */

/* Shortest first. */
static int vcma_extent_cmp(const void *a, const void *b)
{
	u64 left = le64_to_cpu(((const struct virtio_cma_extent *)a)->bytes);
	u64 right = le64_to_cpu(((const struct virtio_cma_extent *)b)->bytes);

	return left < right ? -1 : left > right;
}

static void vcma_extents_refresh(struct vcma_usage *o)
{
	struct vcma_region *r = o->region;
	struct virtio_cma_extent *extents, *more;
	u64 first = 0, total = 0;
	u32 nr = 0, got;

	if (o->extents && time_before(jiffies, o->extents_seen + VCMA_EXTENTS_AGE))
		return;
	extents = NULL;
	do {
		more = kvcalloc(nr + VCMA_EXTENTS_AT_ONCE, sizeof(*more), GFP_NOIO);
		if (!more)
			goto fail;
		if (nr)
			memcpy(more, extents, array_size(nr, sizeof(*more)));
		kvfree(extents);
		extents = more;
		if (vcma_request_extents(r, first, VCMA_EXTENTS_AT_ONCE, extents + nr, &got,
					 &total))
			goto fail;
		nr += got;
		first += got;
	} while (got && first < total && nr < VCMA_MAX_EXTENTS);
	sort(extents, nr, sizeof(*extents), vcma_extent_cmp, NULL);
	kvfree(o->extents);
	o->extents = extents;
	o->nr_extents = nr;
	o->extents_seen = jiffies;
	return;
fail:
	kvfree(extents);	/* the old ones are better than none */
}

/* ---- search ---- */

struct vcma_search {
	struct vcma_usage *o;
	const struct vcma_constraints *want;
	unsigned long nr;		/* granules in a block */
	unsigned long budget;		/* pages that may still be looked at */
	struct virtio_cma_range *hints;
	u64 *costs;			/* of the hints, ascending */
	unsigned int nr_hints, max;
};

static bool vcma_search_is_over(const struct vcma_search *s)
{
	return s->nr_hints == s->max && s->costs[s->max - 1] == VCMA_COST_EMPTY;
}

/* Keep the block at granule @first if it is among the cheapest so far. */
static void vcma_search_offer(struct vcma_search *s, unsigned long first, u64 cost)
{
	u64 gpa = vcma_granule_gpa(s->o, first);
	unsigned int i, nr = s->nr_hints;

	if (nr == s->max) {
		if (cost >= s->costs[nr - 1])
			return;
		nr--;
	}
	for (i = nr; i && s->costs[i - 1] > cost; i--) {
		s->costs[i] = s->costs[i - 1];
		s->hints[i] = s->hints[i - 1];
	}
	s->costs[i] = cost;
	s->hints[i].base_gpa = cpu_to_le64(gpa);
	s->hints[i].bytes = cpu_to_le64((u64)s->nr << s->o->region->granule_shift);
	s->nr_hints = nr + 1;
}

/* Return: what granule @i costs now. */
static u32 vcma_search_cost(struct vcma_search *s, unsigned long i)
{
	unsigned long looked;
	u32 cost;

	if (vcma_granule_is_out(s->o, i))
		return VCMA_COST_UNMOVABLE;
	if (s->budget) {
		looked = vcma_granule_look(s->o, i);
		s->budget -= min(s->budget, looked);
	} else if (!READ_ONCE(s->o->granules[i].seen)) {
		return VCMA_COST_UNMOVABLE;
	}
	cost = READ_ONCE(s->o->granules[i].cost);
	if (s->want->flags & VCMA_FAST && cost != VCMA_COST_EMPTY)
		return VCMA_COST_UNMOVABLE;
	return cost;
}

/* May a block begin at this DMA address, by its address on the bus, if that is another? */
static bool vcma_search_fits(const struct vcma_search *s, u64 at, u64 align)
{
	u64 bytes = (u64)s->nr << s->o->region->granule_shift;

	if (s->want->windows && !hvcma_dma_windows_to_bus(s->want->windows, at, bytes, &at))
		return false;
	return IS_ALIGNED(at, align) && at + bytes - 1 <= s->want->max_dma;
}

/*
 * Offer the blocks between granules @first and @end, which are one run of DMA
 * addresses from @dma on. Of overlapping blocks the first of the cheapest is enough:
 *
 *	cost	. . 9 0 0 0 7 0 X 0 0 .		blocks of 3
 *	sum	      9 0 7 7   - - -		offered: 0, then the next at or behind its end
 */
static void vcma_search_run(struct vcma_search *s, unsigned long first, unsigned long end,
			    u64 dma)
{
	struct vcma_region *r = s->o->region;
	u64 align = max(s->want->align_bytes, 1);
	u64 sum = 0, best = U64_MAX;
	unsigned long i, nr = 0, start, best_start = 0;

	for (i = first; i < end && !vcma_search_is_over(s); i++) {
		u32 cost = vcma_search_cost(s, i);
		u64 at;

		if (cost == VCMA_COST_UNMOVABLE) {
			nr = 0;
			sum = 0;
			continue;
		}
		sum += cost;
		if (++nr > s->nr) {
			sum -= READ_ONCE(s->o->granules[i - s->nr].cost);
			nr = s->nr;
		}
		if (nr < s->nr)
			continue;
		start = i + 1 - s->nr;
		at = dma + ((u64)(start - first) << r->granule_shift);
		if (!vcma_search_fits(s, at, align))
			continue;
		if (best != U64_MAX && start >= best_start + s->nr) {
			vcma_search_offer(s, best_start, best);
			best = U64_MAX;
		}
		if (sum < best) {
			best = sum;
			best_start = start;
		}
		if (best == VCMA_COST_EMPTY) {
			vcma_search_offer(s, best_start, best);
			best = U64_MAX;
			nr = 0;
			sum = 0;
		}
	}
	if (best != U64_MAX)
		vcma_search_offer(s, best_start, best);
}

/*
 * The host says where runs of DMA addresses are. What it has not backed yet has no
 * address, and is empty for sure: it comes next.
 */
static void vcma_search_extents(struct vcma_search *s)
{
	struct vcma_constraints anywhere = *s->want;
	struct vcma_usage *o = s->o;
	struct vcma_region *r = o->region;
	unsigned int i;

	mutex_lock(&o->extents_lock);
	vcma_extents_refresh(o);
	for (i = 0; i < o->nr_extents; i++) {
		u64 gpa = le64_to_cpu(o->extents[i].base_gpa) - r->base_gpa;
		u64 bytes = le64_to_cpu(o->extents[i].bytes);

		vcma_search_run(s, gpa >> r->granule_shift, (gpa + bytes) >> r->granule_shift,
				le64_to_cpu(o->extents[i].base_dma));
	}
	mutex_unlock(&o->extents_lock);

	if (s->nr_hints || s->want->flags & VCMA_FAST)
		return;
	anywhere.align_bytes = 0;
	anywhere.max_dma = U64_MAX;
	anywhere.windows = NULL;
	s->want = &anywhere;
	vcma_search_run(s, 0, o->nr, 0);
}

/* Look at the next part of a region that is too large to look at all of it at once. */
static void vcma_search_refresh(struct vcma_search *s)
{
	struct vcma_usage *o = s->o;
	unsigned long i = READ_ONCE(o->cursor) % o->nr;
	unsigned long used = 0;

	if (PHYS_PFN(o->region->span_bytes) <= s->budget)
		return;
	for (; used < s->budget / 2; i = i + 1 == o->nr ? 0 : i + 1) {
		if (vcma_granule_is_out(o, i))
			used++;
		else
			used += max(vcma_granule_look(o, i), 1UL);
	}
	s->budget -= min(used, s->budget);
	WRITE_ONCE(o->cursor, i);
}

unsigned int vcma_usage_rank(struct vcma_region *r, const struct vcma_constraints *want,
			     struct virtio_cma_range *hints, unsigned int max)
{
	u64 bytes = vcma_region_round_up(r, want->bytes);
	struct vcma_search s = {
		.o = r->usage,
		.want = want,
		.nr = bytes >> r->granule_shift,
		.budget = VCMA_LOOK_PAGES,
		.hints = hints,
		.max = max,
	};

	if (!s.nr || s.nr > s.o->nr)
		return 0;
	s.costs = kcalloc(max, sizeof(*s.costs), GFP_NOIO);
	if (!s.costs)
		return 0;
	vcma_search_refresh(&s);
	if (r->flags & VIRTIO_CMA_FLAG_HPA)
		vcma_search_extents(&s);
	else
		vcma_search_run(&s, 0, s.o->nr, r->base_gpa);
	kfree(s.costs);
	return s.nr_hints;
}

/* ---- busy granules ---- */

void vcma_usage_busy(struct vcma_region *r, u64 base_gpa, u64 bytes)
{
	struct vcma_usage *o = r->usage;
	unsigned long first = (base_gpa - r->base_gpa) >> r->granule_shift;
	unsigned long last = (base_gpa + bytes - 1 - r->base_gpa) >> r->granule_shift;

	spin_lock(&o->busy_lock);
	bitmap_set(o->busy, first, last - first + 1);
	spin_unlock(&o->busy_lock);
	queue_delayed_work(r->wq, &o->clear_work, VCMA_BUSY_TIME);
}

bool vcma_usage_clear_busy(struct vcma_region *r)
{
	struct vcma_usage *o = r->usage;
	struct virtio_cma_range ranges[VCMA_RANGES_AT_ONCE];
	bool any = false;
	unsigned int nr;

	do {
		unsigned long first = 0, end = 0;

		nr = 0;
		spin_lock(&o->busy_lock);
		while (nr < ARRAY_SIZE(ranges)) {
			first = find_next_bit(o->busy, o->nr, end);
			if (first >= o->nr)
				break;
			end = find_next_zero_bit(o->busy, o->nr, first);
			bitmap_clear(o->busy, first, end - first);
			ranges[nr].base_gpa = cpu_to_le64(vcma_granule_gpa(o, first));
			ranges[nr].bytes = cpu_to_le64((u64)(end - first) << r->granule_shift);
			nr++;
		}
		spin_unlock(&o->busy_lock);
		any |= nr;
	} while (nr && !vcma_request_busy_clear(r, ranges, nr));
	return any;
}

static void vcma_usage_clear_work(struct work_struct *work)
{
	struct vcma_usage *o = container_of(to_delayed_work(work), struct vcma_usage,
					    clear_work);

	vcma_usage_clear_busy(o->region);
}

/* ---- online granules ---- */

static bool vcma_granule_is_online(struct vcma_usage *o, struct vcma_memory *memory,
				   unsigned long i)
{
	struct vcma_region *r = o->region;
	u64 gpa = vcma_granule_gpa(o, i);
	struct vcma_block *block;
	unsigned long first, nr = PHYS_PFN(r->granule_bytes);
	bool online;

	if (!vcma_memory_is_online(memory, gpa, r->granule_bytes))
		return false;
	rcu_read_lock();
	block = vcma_block_by_gpa(r, gpa);
	online = true;
	if (block) {
		first = PHYS_PFN(gpa - block->base_gpa);
		online = find_next_zero_bit(block->isolated, first + nr, first) < first + nr;
	}
	rcu_read_unlock();
	return online;
}

/* Tell the host what online_now says, as far as it doesn't know. */
static void vcma_usage_online_report(struct vcma_usage *o)
{
	unsigned long first, nr, words;

	for (first = 0; first < o->nr; first += nr) {
		nr = min(o->nr - first, VCMA_ONLINE_AT_ONCE);
		words = BITS_TO_LONGS(nr);
		if (o->online_reported &&
		    bitmap_equal(o->online + BIT_WORD(first), o->online_now + BIT_WORD(first), nr))
			continue;
		if (vcma_request_report_online(o->region, first, nr,
					       o->online_now + BIT_WORD(first)))
			return;
		memcpy(o->online + BIT_WORD(first), o->online_now + BIT_WORD(first),
		       words * sizeof(long));
	}
	o->online_reported = true;
}

static void vcma_usage_online_work(struct work_struct *work)
{
	struct vcma_usage *o = container_of(to_delayed_work(work), struct vcma_usage,
					    online_work);
	struct vcma_memory *memory = READ_ONCE(o->region->memory);
	unsigned long i;

	if (!memory)
		return;
	for (i = 0; i < o->nr; i++)
		__assign_bit(i, o->online_now, vcma_granule_is_online(o, memory, i));
	vcma_usage_online_report(o);
}

void vcma_usage_online_stop(struct vcma_region *r)
{
	cancel_delayed_work_sync(&r->usage->online_work);
}

void vcma_usage_online_end(struct vcma_region *r, bool all)
{
	struct vcma_usage *o = r->usage;

	if (all)
		bitmap_fill(o->online_now, o->nr);
	else
		bitmap_zero(o->online_now, o->nr);
	vcma_usage_online_report(o);
}

void vcma_usage_online_changed(struct vcma_region *r)
{
	queue_delayed_work(r->wq, &r->usage->online_work, VCMA_ONLINE_DELAY);
}

/* ---- life ---- */

int vcma_usage_create(struct vcma_region *r)
{
	struct vcma_usage *o;

	o = kzalloc(sizeof(*o), GFP_KERNEL);
	if (!o)
		return -ENOMEM;
	o->region = r;
	o->nr = r->span_bytes >> r->granule_shift;
	o->granules = kvcalloc(o->nr, sizeof(*o->granules), GFP_KERNEL);
	o->busy = kvcalloc(BITS_TO_LONGS(o->nr), sizeof(long), GFP_KERNEL);
	o->online = kvcalloc(BITS_TO_LONGS(o->nr), sizeof(long), GFP_KERNEL);
	o->online_now = kvcalloc(BITS_TO_LONGS(o->nr), sizeof(long), GFP_KERNEL);
	spin_lock_init(&o->busy_lock);
	mutex_init(&o->extents_lock);
	INIT_DELAYED_WORK(&o->clear_work, vcma_usage_clear_work);
	INIT_DELAYED_WORK(&o->online_work, vcma_usage_online_work);
	r->usage = o;
	if (o->granules && o->busy && o->online && o->online_now)
		return 0;
	vcma_usage_destroy(r);
	return -ENOMEM;
}

void vcma_usage_destroy(struct vcma_region *r)
{
	struct vcma_usage *o = r->usage;

	cancel_delayed_work_sync(&o->clear_work);
	cancel_delayed_work_sync(&o->online_work);
	r->usage = NULL;
	mutex_destroy(&o->extents_lock);
	kvfree(o->extents);
	kvfree(o->online_now);
	kvfree(o->online);
	kvfree(o->busy);
	kvfree(o->granules);
	kfree(o);
}
