// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolating page ranges (isolate.h), with the kernel's alloc_contig_range().
 *
 * That function gives up with -EBUSY if another call is at work in the same free
 * block of the buddy allocator. Ranges are therefore listed, in these units, while
 * they are being isolated, and whoever wants an overlapping one waits.
 *
 * It waits for I/O on a page, however long that takes; a network or a program (FUSE) that never
 * answers makes that for ever. So ranges with pages that are being read are left alone after a moment,
 * and the call is made by a worker: who has waited long enough goes on without it. What the worker
 * gets after all goes back at once. The kernel can't be told to give up.
 *
 * When memory is too short for the pages that would have to be moved, the kernel
 * notices late, and up to 6.12 with a stack dump in the log: so there is a look
 * beforehand, memory is reclaimed in a way that logs nothing, and less is moved at
 * once.
 *
 * Locks: vcma_work_lock, a leaf, for the list of ranges and whether who asked still waits; nobody
 * holds it while pages are migrated.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "core/region.h"
#include "core/request.h"
#include "isolate.h"
#include "scan.h"

#include "hv/abi/virtio_cma.h"

/* The buddy allocator's largest block. */
#define VCMA_UNIT_PAGES	((unsigned long)MAX_ORDER_NR_PAGES)

/*
 * Each call of alloc_contig_range() waits for all CPUs, so few calls are best; but it prepares
 * all pages in one go, and a deadline is looked at only between calls.
 */
#define VCMA_STEP_PAGES	max(VCMA_UNIT_PAGES, (unsigned long)SZ_16M >> PAGE_SHIFT)
#define VCMA_STEP_MS	1000

/* How long to wait for pages that are being read, and for a call. */
#define VCMA_READ_TRIES		10
#define VCMA_READ_PAUSE_MS	20
#define VCMA_CALL_PATIENCE_MS	3000

struct vcma_range_at_work {
	struct list_head node;
	unsigned long first, end;	/* whole units */
	bool abandoned;			/* nobody knows when it ends */
};

/* A call of alloc_contig_range(): its caller's, or, abandoned, its worker's. */
struct vcma_isolation {
	struct work_struct work;
	struct vcma_range_at_work range;
	struct vcma_page_scan scan;
	unsigned long pfn, nr;
	gfp_t context;			/* what the caller may wait for */
	struct completion done;
	int err;			/* valid when done */
};

static struct workqueue_struct *vcma_isolate_wq;

static DEFINE_SPINLOCK(vcma_work_lock);
static LIST_HEAD(vcma_work_list);
static DECLARE_WAIT_QUEUE_HEAD(vcma_work_done);

/* Pages that all calls together are about to find new places for. */
static atomic_long_t vcma_nr_moving = ATOMIC_LONG_INIT(0);

/* ---- ranges at work ---- */

/* Return: 0, -EAGAIN (others are at work), -EBUSY (and may never end). */
static int vcma_work_enter(struct vcma_range_at_work *range)
{
	struct vcma_range_at_work *other;
	int err = 0;

	spin_lock(&vcma_work_lock);
	list_for_each_entry(other, &vcma_work_list, node) {
		if (range->end <= other->first || range->first >= other->end)
			continue;
		err = other->abandoned ? -EBUSY : -EAGAIN;
		if (other->abandoned)
			break;
	}
	if (!err)
		list_add(&range->node, &vcma_work_list);
	spin_unlock(&vcma_work_lock);
	return err;
}

/* Return: 0; -EBUSY; -EINTR (the process is being killed). */
static int vcma_work_begin(struct vcma_range_at_work *range, unsigned long pfn,
			   unsigned long nr)
{
	int err, killed;

	range->first = ALIGN_DOWN(pfn, VCMA_UNIT_PAGES);
	range->end = ALIGN(pfn + nr, VCMA_UNIT_PAGES);
	killed = wait_event_killable(vcma_work_done, (err = vcma_work_enter(range)) != -EAGAIN);
	return killed ? -EINTR : err;
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
static bool vcma_room(const struct vcma_page_scan *scan)
{
	unsigned long need = scan->nr_movable;
	unsigned long others = atomic_long_add_return(need, &vcma_nr_moving) - need;
	unsigned long taken = others + scan->nr_free;

	if (!need || vcma_pages_free() > taken + need + need / 4)
		return true;
	if (si_mem_available() / 2 > (long)(taken + need) &&
	    vcma_reclaim(need + scan->nr_free) && vcma_pages_free() > taken + need)
		return true;
	atomic_long_sub(need, &vcma_nr_moving);
	return false;
}

static void vcma_room_done(const struct vcma_page_scan *scan)
{
	atomic_long_sub(scan->nr_movable, &vcma_nr_moving);
}

/* ---- isolate ---- */

/* What was in the way? Pages may have moved on: then just all of them. */
static void vcma_isolate_blame(unsigned long pfn, unsigned long nr, struct vcma_busy *busy)
{
	struct vcma_page_scan scan;

	vcma_scan_pages(pfn, nr, &scan);
	*busy = (struct vcma_busy) { .nr_pages = nr, .why = VIRTIO_CMA_WHY_OTHER };
	if (scan.nr_unmovable) {
		busy->first_page = scan.first_unmovable - pfn;
		busy->nr_pages = scan.run_unmovable;
		busy->why = scan.nr_pinned ? VIRTIO_CMA_WHY_PINNED : VIRTIO_CMA_WHY_UNMOVABLE;
	}
}

/* ---- the call ---- */

static unsigned int vcma_context_save(gfp_t context)
{
	if (!(context & __GFP_IO))
		return memalloc_noio_save();
	return context & __GFP_FS ? 0 : memalloc_nofs_save();
}

static void vcma_context_restore(gfp_t context, unsigned int saved)
{
	if (!(context & __GFP_IO))
		memalloc_noio_restore(saved);
	else if (!(context & __GFP_FS))
		memalloc_nofs_restore(saved);
}

static void vcma_isolation_work(struct work_struct *work)
{
	struct vcma_isolation *v = container_of(work, struct vcma_isolation, work);
	unsigned int saved = vcma_context_save(v->context);
	bool abandoned;
	int err;

	err = vcma_alloc_contig(v->pfn, v->pfn + v->nr, GFP_KERNEL | __GFP_NOWARN);
	vcma_context_restore(v->context, saved);
	vcma_room_done(&v->scan);

	spin_lock(&vcma_work_lock);
	abandoned = v->range.abandoned;
	v->err = err;
	if (!abandoned)
		complete(&v->done);
	spin_unlock(&vcma_work_lock);
	if (!abandoned)
		return;
	if (!err)
		vcma_putback_pages(v->pfn, v->nr);
	vcma_work_end(&v->range);
	kfree(v);
	module_put(THIS_MODULE);	/* whose end waits for the queue */
}

/* Return: true, and @v ends without its caller; false if it is done. */
static bool vcma_isolation_abandon(struct vcma_isolation *v)
{
	bool abandoned;

	spin_lock(&vcma_work_lock);
	abandoned = !completion_done(&v->done);
	if (abandoned)
		__module_get(THIS_MODULE);
	v->range.abandoned = abandoned;
	spin_unlock(&vcma_work_lock);
	if (abandoned)
		wake_up_all(&vcma_work_done);
	return abandoned;
}

/* The range is entered, the room is there. Return: error, and @v is gone, or 0, likewise. */
static int vcma_isolation_call(struct vcma_isolation *v, ktime_t deadline, struct vcma_busy *busy)
{
	unsigned long pfn = v->pfn, nr = v->nr;	/* an abandoned one may be gone */
	s64 patience_ms = VCMA_CALL_PATIENCE_MS;
	long left;
	int err;

	if (deadline)
		patience_ms = clamp_t(s64, ktime_ms_delta(deadline, ktime_get()), 1, patience_ms);
	v->context = current_gfp_context(GFP_KERNEL);
	INIT_WORK(&v->work, vcma_isolation_work);
	init_completion(&v->done);
	queue_work(vcma_isolate_wq, &v->work);
	left = wait_for_completion_killable_timeout(&v->done, msecs_to_jiffies(patience_ms));
	if (left <= 0 && vcma_isolation_abandon(v)) {
		pr_debug("virtio_cma: pages %#lx+%#lx: alloc_contig_range() goes on without its caller, who %s\n",
			 pfn, nr, left < 0 ? "is being killed" : "has waited long enough");
		if (left < 0)
			return -EINTR;
		return vcma_is_late(deadline) ? -ETIMEDOUT : -EBUSY;
	}
	err = v->err;
	if (err == -EBUSY)
		vcma_isolate_blame(v->pfn, v->nr, busy);
	vcma_work_end(&v->range);
	kfree(v);
	return err;
}

/* May it be tried? Pages that are being read are given a moment. */
static bool vcma_may_be_isolated(unsigned long pfn, unsigned long nr, unsigned int flags,
				 ktime_t deadline, struct vcma_page_scan *scan)
{
	unsigned int tries;

	for (tries = 0;; tries++) {
		vcma_scan_pages(pfn, nr, scan);
		if (flags & VCMA_FAST)
			return scan->nr_free == nr;
		if (!scan->nr_read)
			return true;
		if (tries == VCMA_READ_TRIES || vcma_is_late(deadline))
			return false;
		msleep(VCMA_READ_PAUSE_MS);
	}
}

static int vcma_isolate_one(unsigned long pfn, unsigned long nr, unsigned int flags,
			    ktime_t deadline, struct vcma_busy *busy)
{
	struct vcma_isolation *v;
	int err;

	*busy = (struct vcma_busy) { .nr_pages = nr, .why = VIRTIO_CMA_WHY_OTHER };
	v = kzalloc(sizeof(*v), GFP_NOIO);
	if (!v)
		return -ENOMEM;
	v->pfn = pfn;
	v->nr = nr;
	err = vcma_work_begin(&v->range, pfn, nr);
	if (err)
		goto free;
	err = -EBUSY;
	if (!vcma_may_be_isolated(pfn, nr, flags, deadline, &v->scan)) {
		pr_debug("virtio_cma: pages %#lx+%#lx: not tried: %lu are free, %lu are being read\n",
			 pfn, nr, v->scan.nr_free, v->scan.nr_read);
		goto end;
	}
	err = -ENOMEM;
	if (!vcma_room(&v->scan)) {
		pr_debug("virtio_cma: pages %#lx+%#lx: no room for %lu to be moved\n", pfn, nr,
			 v->scan.nr_movable);
		goto end;
	}
	return vcma_isolation_call(v, deadline, busy);

end:
	vcma_work_end(&v->range);
free:
	kfree(v);
	return err;
}

/*
 * How many of @nr pages from @pfn to isolate at once.
 * @units: no more than must be
 */
static unsigned long vcma_isolate_step(unsigned long pfn, unsigned long nr, ktime_t deadline,
				       bool units)
{
	unsigned long most = VCMA_STEP_PAGES;

	if (units || vcma_pages_free() < 2 * min(nr, most) ||
	    (deadline && ktime_ms_delta(deadline, ktime_get()) < VCMA_STEP_MS))
		most = VCMA_UNIT_PAGES;
	return most < nr ? ALIGN(pfn + 1, most) - pfn : nr;
}

/* May less at once find room, or tell better what is in the way? */
static bool vcma_isolate_may_split(unsigned long step, unsigned int flags, int err,
				   const struct vcma_busy *busy)
{
	return step > VCMA_UNIT_PAGES && !(flags & VCMA_FAST) &&
	       (err == -ENOMEM || (err == -EBUSY && busy->nr_pages == step));
}

int vcma_isolate_pages(unsigned long pfn, unsigned long nr, unsigned int flags,
		       ktime_t deadline, struct vcma_busy *busy)
{
	unsigned long done = 0, step;
	bool units = false;
	int err = 0;

	while (done < nr) {
		step = vcma_isolate_step(pfn + done, nr - done, deadline, units);
		if (vcma_is_late(deadline))
			err = -ETIMEDOUT;
		else
			err = vcma_isolate_one(pfn + done, step, flags, deadline, busy);
		if (!err)
			done += step;
		else if (vcma_isolate_may_split(step, flags, err, busy))
			units = true;
		else
			break;
	}
	if (!err)
		return 0;
	if (err == -EBUSY)
		busy->first_page += done;
	pr_debug("virtio_cma: pages %#lx+%#lx: not isolated: %pe%s%s\n", pfn, nr, ERR_PTR(err),
		 err == -EBUSY ? ", " : "", err == -EBUSY ? vcma_why_name(busy->why) : "");
	if (done)
		vcma_putback_pages(pfn, done);
	return err;
}

void vcma_putback_pages(unsigned long pfn, unsigned long nr)
{
	free_contig_range(pfn, nr);
}

int vcma_isolate_init(void)
{
	vcma_isolate_wq = alloc_workqueue("vcma-isolate", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return vcma_isolate_wq ? 0 : -ENOMEM;
}

void vcma_isolate_exit(void)
{
	destroy_workqueue(vcma_isolate_wq);
}
