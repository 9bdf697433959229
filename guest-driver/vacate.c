// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vacating page ranges (vacate.h), with the kernel's alloc_contig_range().
 *
 * That function gives up with -EBUSY if another call is at work in the same free
 * block of the buddy allocator. Ranges are therefore listed, in these units, while
 * they are being vacated, and whoever wants an overlapping one waits. The lock
 * protects the list; nobody holds it while pages are migrated.
 *
 * When memory is too short for the pages that would have to be moved, the kernel
 * notices late, and up to 6.12 with a stack dump in the log: so there is a look
 * beforehand, memory is reclaimed in a way that logs nothing, and less is moved at
 * once.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "census.h"
#include "compat.h"
#include "region.h"
#include "vacate.h"

#include "hv/abi/virtio_cma.h"

/* The buddy allocator's largest block. */
#define VCMA_UNIT_PAGES	((unsigned long)MAX_ORDER_NR_PAGES)

/*
 * Each call of alloc_contig_range() waits for all CPUs, so few calls are best; but it prepares
 * all pages in one go, and a deadline is looked at only between calls.
 */
#define VCMA_STEP_PAGES	max(VCMA_UNIT_PAGES, (unsigned long)SZ_16M >> PAGE_SHIFT)
#define VCMA_STEP_MS	1000

struct vcma_range_at_work {
	struct list_head node;
	unsigned long first, end;	/* whole units */
};

static DEFINE_SPINLOCK(vcma_work_lock);
static LIST_HEAD(vcma_work_list);
static DECLARE_WAIT_QUEUE_HEAD(vcma_work_done);

/* Pages that all calls together are about to find new places for. */
static atomic_long_t vcma_nr_moving = ATOMIC_LONG_INIT(0);

const char *vcma_why_name(u32 why)
{
	static const char * const names[VIRTIO_CMA_NR_WHYS] = {
		[VIRTIO_CMA_WHY_OTHER] = "busy",
		[VIRTIO_CMA_WHY_PINNED] = "pinned",
		[VIRTIO_CMA_WHY_UNMOVABLE] = "not movable",
		[VIRTIO_CMA_WHY_NO_ROOM] = "no room to move it to",
	};

	return why < ARRAY_SIZE(names) ? names[why] : "?";
}

/* ---- ranges at work ---- */

static bool vcma_work_enter(struct vcma_range_at_work *range)
{
	struct vcma_range_at_work *other;
	bool free = true;

	spin_lock(&vcma_work_lock);
	list_for_each_entry(other, &vcma_work_list, node)
		free &= range->end <= other->first || range->first >= other->end;
	if (free)
		list_add(&range->node, &vcma_work_list);
	spin_unlock(&vcma_work_lock);
	return free;
}

static void vcma_work_begin(struct vcma_range_at_work *range, unsigned long pfn,
			    unsigned long nr)
{
	range->first = ALIGN_DOWN(pfn, VCMA_UNIT_PAGES);
	range->end = ALIGN(pfn + nr, VCMA_UNIT_PAGES);
	wait_event(vcma_work_done, vcma_work_enter(range));
}

static void vcma_work_end(struct vcma_range_at_work *range)
{
	spin_lock(&vcma_work_lock);
	list_del(&range->node);
	spin_unlock(&vcma_work_lock);
	wake_up_all(&vcma_work_done);
}

/* ---- room ---- */

/* Free pages that a movable allocation may use before the kernel reclaims any. */
static unsigned long vcma_pages_free(void)
{
	unsigned long total = 0;
	int nid, i;

	for_each_online_node(nid) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[i];
			unsigned long free, kept;

			if (!populated_zone(zone))
				continue;
			free = zone_page_state(zone, NR_FREE_PAGES);
			kept = min_wmark_pages(zone) + zone->lowmem_reserve[ZONE_MOVABLE];
			total += free > kept ? free - kept : 0;
		}
	}
	return total;
}

/* Have @nr pages reclaimed, if that can be done, and nothing logged if it can't. */
static bool vcma_reclaim(unsigned long nr)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	struct page *page, *next;
	LIST_HEAD(pages);
	bool good = true;

	while (good && nr--) {
		page = alloc_page(gfp);
		if (page)
			list_add(&page->lru, &pages);
		good = page;
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	return good;
}

/*
 * Is there a place elsewhere for what is in the range? Its own free pages are none,
 * but the kernel may hand them out while it reclaims others. Nothing is squeezed out
 * of a guest that has little left: others would pay for that.
 * Return: true, and the places are reserved until vcma_room_done().
 */
static bool vcma_room(const struct vcma_census *census)
{
	unsigned long need = census->nr_movable;
	unsigned long others = atomic_long_add_return(need, &vcma_nr_moving) - need;
	unsigned long taken = others + census->nr_free;

	if (!need || vcma_pages_free() > taken + need + need / 4)
		return true;
	if (si_mem_available() / 2 > (long)(taken + need) &&
	    vcma_reclaim(need + census->nr_free) && vcma_pages_free() > taken + need)
		return true;
	atomic_long_sub(need, &vcma_nr_moving);
	return false;
}

static void vcma_room_done(const struct vcma_census *census)
{
	atomic_long_sub(census->nr_movable, &vcma_nr_moving);
}

/* ---- vacate ---- */

/* What was in the way? Pages may have moved on: then just all of them. */
static void vcma_vacate_blame(unsigned long pfn, unsigned long nr, struct vcma_busy *busy)
{
	struct vcma_census census;

	vcma_census_take(pfn, nr, &census);
	*busy = (struct vcma_busy) { .nr_pages = nr, .why = VIRTIO_CMA_WHY_OTHER };
	if (census.nr_stuck) {
		busy->first_page = census.first_stuck - pfn;
		busy->nr_pages = census.run_stuck;
		busy->why = census.nr_pinned ? VIRTIO_CMA_WHY_PINNED : VIRTIO_CMA_WHY_UNMOVABLE;
	}
}

static int vcma_vacate_one(unsigned long pfn, unsigned long nr, unsigned int flags,
			   struct vcma_busy *busy)
{
	struct vcma_range_at_work range;
	struct vcma_census census;
	int err;

	vcma_work_begin(&range, pfn, nr);
	vcma_census_take(pfn, nr, &census);
	if (flags & VCMA_WANT_FAST && census.nr_free != nr) {
		*busy = (struct vcma_busy) { .nr_pages = nr, .why = VIRTIO_CMA_WHY_OTHER };
		err = -EBUSY;
		goto out;
	}
	if (!vcma_room(&census)) {
		err = -ENOMEM;
		goto out;
	}
	err = vcma_alloc_contig(pfn, pfn + nr, GFP_KERNEL | __GFP_NOWARN);
	vcma_room_done(&census);
	if (err == -EBUSY)
		vcma_vacate_blame(pfn, nr, busy);
out:
	vcma_work_end(&range);
	return err;
}

/*
 * How many of @nr pages from @pfn to vacate at once.
 * @units: no more than must be
 */
static unsigned long vcma_vacate_step(unsigned long pfn, unsigned long nr, ktime_t deadline,
				      bool units)
{
	unsigned long most = VCMA_STEP_PAGES;

	if (units || vcma_pages_free() < 2 * min(nr, most) ||
	    (deadline && ktime_ms_delta(deadline, ktime_get()) < VCMA_STEP_MS))
		most = VCMA_UNIT_PAGES;
	return most < nr ? ALIGN(pfn + 1, most) - pfn : nr;
}

/* May less at once find room, or tell better what is in the way? */
static bool vcma_vacate_may_split(unsigned long step, unsigned int flags, int err,
				  const struct vcma_busy *busy)
{
	return step > VCMA_UNIT_PAGES && !(flags & VCMA_WANT_FAST) &&
	       (err == -ENOMEM || (err == -EBUSY && busy->nr_pages == step));
}

int vcma_vacate(unsigned long pfn, unsigned long nr, unsigned int flags,
		ktime_t deadline, struct vcma_busy *busy)
{
	unsigned long done = 0, step;
	bool units = false;
	int err = 0;

	while (done < nr) {
		step = vcma_vacate_step(pfn + done, nr - done, deadline, units);
		if (vcma_is_late(deadline))
			err = -ETIMEDOUT;
		else
			err = vcma_vacate_one(pfn + done, step, flags, busy);
		if (!err)
			done += step;
		else if (vcma_vacate_may_split(step, flags, err, busy))
			units = true;
		else
			break;
	}
	if (!err)
		return 0;
	if (err == -EBUSY)
		busy->first_page += done;
	if (done)
		vcma_unvacate(pfn, done);
	return err;
}

void vcma_unvacate(unsigned long pfn, unsigned long nr)
{
	free_contig_range(pfn, nr);
}
