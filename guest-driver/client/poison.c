// SPDX-License-Identifier: GPL-2.0-only
/*
 * Broken memory in allocated blocks, and anywhere in a region that is pinned from the start
 * (poison.h). At a struct page a cache line, a GiB costs some milliseconds; so of such a region, whose
 * every page can be a device's, a part is looked at each time, in turn.
 *
 * Locks: none; blocks and slots are read under RCU.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "core/extents.h"
#include "core/mode.h"
#include "hv/core/dma_windows.h"
#include "poison.h"
#include "pool/pool_pages.h"
#include "pool/reserve.h"
#include "core/region.h"

#define VCMA_POISON_PERIOD	(10 * HZ)
#define VCMA_POISON_PAGES	4096UL	/* looked at before others may run */
#define VCMA_POISON_PINNED	((unsigned long)SZ_1G >> PAGE_SHIFT)	/* looked at each time */

void vcma_poison_init(struct vcma_region *r)
{
	xa_init(&r->poison.seen);
	r->poison.looked_at = jiffies;
}

void vcma_poison_destroy(struct vcma_region *r)
{
	xa_destroy(&r->poison.seen);
}

/* Whose is the page? A pool's may be one of its clients'. */
static void vcma_poison_log(struct vcma_block *block, unsigned long page)
{
	struct vcma_region *r = block->region;
	const char *owner = block->owner_name;
	u64 dma = block->base_dma + PFN_PHYS(page);
	struct vcma_pool_user *user = NULL;
	struct vcma_slot *slot;

	rcu_read_lock();
	if (block->use == VCMA_BLOCK_POOL) {
		slot = vcma_pool_slot(block, dma);
		if (slot)
			user = READ_ONCE(slot->owner);
		if (user)
			owner = user->name;
		if (user && user->windows)
			hvcma_dma_windows_to_bus(user->windows, dma, PAGE_SIZE, &dma);
	}
	dev_err(r->dev, "region %s: broken memory at %#llx, device address %#llx, in a block of '%s'\n",
		r->name, block->base_gpa + PFN_PHYS(page), dma, owner);
	rcu_read_unlock();
}

/* Is it news? Then it is counted. */
static bool vcma_poison_is_new(struct vcma_region *r, unsigned long pfn)
{
	if (!PageHWPoison(pfn_to_page(pfn)) ||
	    xa_insert(&r->poison.seen, pfn, xa_mk_value(0), GFP_NOIO))
		return false;
	atomic64_add(PAGE_SIZE, &r->stats.broken_bytes);
	return true;
}

static void vcma_poison_look_at(struct vcma_block *block)
{
	unsigned long pfn = PHYS_PFN(block->base_gpa), nr = PHYS_PFN(block->bytes), i;
	struct vcma_region *r = block->region;

	for_each_set_bit(i, block->isolated, nr) {
		if (!(i % VCMA_POISON_PAGES))
			cond_resched();
		if (vcma_poison_is_new(r, pfn + i))
			vcma_poison_log(block, i);
	}
}

/* Pages of a region that is pinned from the start, in no block: who has them mapped nobody knows. */
static void vcma_poison_look_at_pinned(struct vcma_region *r)
{
	unsigned long nr = PHYS_PFN(r->span_bytes), left = min(nr, VCMA_POISON_PINNED), i, some;
	u64 gpa, dma;

	for (; left; left -= min(left, some)) {
		r->poison.next = r->poison.next < nr ? r->poison.next : 0;
		gpa = r->base_gpa + PFN_PHYS(r->poison.next);
		/* No further than what is online, or not, as a whole. */
		some = min(nr - r->poison.next, VCMA_POISON_PAGES - PHYS_PFN(gpa) % VCMA_POISON_PAGES);
		for (i = 0; i < some && pfn_to_online_page(PHYS_PFN(gpa)); i++, gpa += PAGE_SIZE) {
			if (!vcma_poison_is_new(r, PHYS_PFN(gpa)) ||
			    !vcma_extents_dma(r->extents, gpa, PAGE_SIZE, &dma))
				continue;
			dev_err(r->dev, "region %s: broken memory at %#llx, DMA address %#llx, in no block: any client may have it mapped\n",
				r->name, gpa, dma);
		}
		r->poison.next += some;
		cond_resched();
	}
}

void vcma_poison_look(struct vcma_region *r)
{
	struct vcma_block *block, *last = NULL;
	unsigned long key = 0;
	bool kept;

	if (!r->mode->has_pages || time_before(jiffies, r->poison.looked_at + VCMA_POISON_PERIOD))
		return;
	r->poison.looked_at = jiffies;
	rcu_read_lock();
	for (block = xa_find(&r->by_gpa, &key, ULONG_MAX, XA_PRESENT); block;
	     block = xa_find_after(&r->by_gpa, &key, ULONG_MAX, XA_PRESENT)) {
		if (block == last)	/* granule by granule it is found */
			continue;
		last = block;
		kept = vcma_block_tryget(block);
		rcu_read_unlock();
		if (kept) {
			vcma_poison_look_at(block);
			vcma_block_put(block);
		}
		rcu_read_lock();
	}
	rcu_read_unlock();
	/* After the blocks, whose owners are known. */
	if (r->extents)
		vcma_poison_look_at_pinned(r);
}
