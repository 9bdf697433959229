// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reserve of a client (reserve.h).
 *
 * To the pool it is one allocation of the client. Its slots have records of their own while they
 * are in use, so that a mapping is found in it as in the rest of the block.
 *
 * Locks: vcma_reserve.lock, a leaf.
 */
#include <linux/device.h>
#include <linux/mm.h>

#include "core/region.h"
#include "hv/core/dma_windows.h"
#include "pool_pages.h"
#include "reserve.h"

void vcma_reserve_init(struct vcma_reserve *reserve, u64 granule_bytes)
{
	spin_lock_init(&reserve->lock);
	reserve->longest_bytes = granule_bytes;
	reserve->all.block = NULL;
	reserve->nr = 0;
	reserve->max_dma = U64_MAX;
}

u64 vcma_reserve_mapping_bytes(const struct vcma_region *region)
{
	return region->extents ? VCMA_MAPPING_PINNED_BYTES : VCMA_MAPPING_BYTES;
}

static u32 vcma_reserve_first(const struct vcma_reserve *reserve)
{
	return reserve->all.slot - reserve->all.block->slots;
}

/* Is there one, all of it where @max_dma allows it to be? */
static bool vcma_reserve_reaches(struct vcma_pool_user *user, u64 max_dma)
{
	struct vcma_reserve *reserve = &user->reserve;
	unsigned long flags;
	u64 at, bytes;
	bool reaches;

	spin_lock_irqsave(&reserve->lock, flags);
	at = reserve->all.dma;
	bytes = (u64)reserve->nr << VCMA_SLOT_SHIFT;
	reaches = reserve->all.block &&
		  (!user->windows || hvcma_dma_windows_to_bus(user->windows, at, bytes, &at)) &&
		  at + bytes - 1 <= max_dma;
	spin_unlock_irqrestore(&reserve->lock, flags);
	return reaches;
}

/*
 * Another one, of @nr slots, or none, in place of what there is, at once: several may be at it.
 * Return: false, and nothing has changed, if some of it is in use.
 */
static bool vcma_reserve_swap(struct vcma_reserve *reserve, struct vcma_piece *all, u32 *nr,
			      bool force)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&reserve->lock, flags);
	idle = force || bitmap_empty(reserve->used, reserve->nr);
	if (idle) {
		swap(reserve->all, *all);
		swap(reserve->nr, *nr);
		bitmap_zero(reserve->used, VCMA_RESERVE_SLOTS);
	}
	spin_unlock_irqrestore(&reserve->lock, flags);
	return idle;
}

/* The pool gets back what it had given: one allocation. */
static void vcma_reserve_put(struct vcma_pool_user *user, struct vcma_piece *all, u32 nr)
{
	u32 first, i;

	if (!all->block)
		return;
	first = all->slot - all->block->slots;
	for (i = 0; i < nr; i++)	/* what a driver has left mapped */
		WRITE_ONCE(all->slot[i].owner, NULL);
	vcma_pages_record(all->block, first, nr, user, VCMA_NO_ORIG, (u64)nr << VCMA_SLOT_SHIFT, all);
	vcma_pool_free(all->block, all->slot);
}

/*
 * The longest piece there is, from all of it down to a granule, where that is shorter.
 * Return: slots, 0 if there is none.
 */
static u32 vcma_reserve_get(struct vcma_pool_user *user, u64 max_dma, struct vcma_piece *all)
{
	const struct vcma_alloc_limits limits = { .flags = VCMA_FAST };
	struct vcma_pool *pool = user->pool;
	struct vcma_fit fit = {
		.nr = VCMA_RESERVE_BYTES(vcma_reserve_mapping_bytes(pool->region)) >> VCMA_SLOT_SHIFT,
		.windows = user->windows,
		.align_slots = 1,
		.max_dma = max_dma,
	};
	u64 least = min_t(u64, fit.nr, pool->region->granule_bytes >> VCMA_SLOT_SHIFT);

	for (; fit.nr >= least; fit.nr /= 2) {
		u64 bytes = (u64)fit.nr << VCMA_SLOT_SHIFT;

		if (vcma_pool_alloc(pool, &fit, user, VCMA_NO_ORIG, bytes, all) ||
		    !vcma_pool_alloc_slow(pool, &fit, &limits, user, bytes, all))
			return fit.nr;
	}
	return 0;
}

void vcma_reserve_fill(struct vcma_pool_user *user, u64 max_dma)
{
	struct vcma_reserve *reserve = &user->reserve;
	struct vcma_pool *pool = user->pool;
	struct vcma_piece all;
	u64 bytes;
	u32 nr;

	if (vcma_reserve_reaches(user, max_dma))
		return;
	nr = vcma_reserve_get(user, max_dma, &all);
	if (!nr) {
		dev_info(user->dev, "region %s: no memory for a reserve of bounce buffers at or below %#llx\n",
			 pool->region->name, max_dma);
		return;
	}
	bytes = (u64)nr << VCMA_SLOT_SHIFT;
	if (vcma_reserve_swap(reserve, &all, &nr, false)) {
		reserve->max_dma = max_dma;
		WRITE_ONCE(reserve->longest_bytes, max(bytes, pool->region->granule_bytes));
	}
	vcma_reserve_put(user, &all, nr);	/* the old one, or ours: no driver does that */
}

void vcma_reserve_yield(struct vcma_pool_user *user)
{
	struct vcma_piece all = {};
	u32 nr = 0;

	if (vcma_reserve_swap(&user->reserve, &all, &nr, false))
		vcma_reserve_put(user, &all, nr);
}

void vcma_reserve_restore(struct vcma_pool_user *user)
{
	vcma_reserve_fill(user, user->reserve.max_dma);
}

void vcma_reserve_empty(struct vcma_pool_user *user)
{
	struct vcma_piece all = {};
	u32 nr = 0;

	vcma_reserve_swap(&user->reserve, &all, &nr, true);
	vcma_reserve_put(user, &all, nr);
	user->reserve.max_dma = U64_MAX;
	WRITE_ONCE(user->reserve.longest_bytes, user->pool->region->granule_bytes);
}

bool vcma_reserve_alloc(struct vcma_pool_user *user, const struct vcma_fit *fit, phys_addr_t orig,
			u64 bytes, struct vcma_piece *piece)
{
	struct vcma_reserve *reserve = &user->reserve;
	unsigned long flags, bit;
	bool found = false;

	spin_lock_irqsave(&reserve->lock, flags);
	if (!reserve->all.block)
		goto unlock;
	bit = vcma_fit_find(fit, reserve->used, reserve->nr, 0, reserve->all.dma);
	if (bit >= reserve->nr)
		goto unlock;
	bitmap_set(reserve->used, bit, fit->nr);
	vcma_pages_record(reserve->all.block, vcma_reserve_first(reserve) + bit, fit->nr, user, orig,
			  bytes, piece);
	found = true;
unlock:
	spin_unlock_irqrestore(&reserve->lock, flags);
	return found;
}

static bool vcma_reserve_has(const struct vcma_reserve *reserve, const struct vcma_slot *slot)
{
	const struct vcma_slot *first = READ_ONCE(reserve->all.slot);

	return slot >= first && slot < first + READ_ONCE(reserve->nr);
}

bool vcma_reserve_free(struct vcma_pool_user *user, struct vcma_block *block, struct vcma_slot *slot)
{
	struct vcma_reserve *reserve = &user->reserve;
	unsigned long flags;
	bool ours;

	/* Most are not, and while one is, the reserve stays as it is: no lock is needed to say no. */
	if (!vcma_reserve_has(reserve, slot))
		return false;
	spin_lock_irqsave(&reserve->lock, flags);
	ours = reserve->all.block == block && vcma_reserve_has(reserve, slot);
	if (ours) {
		WRITE_ONCE(slot->owner, NULL);
		bitmap_clear(reserve->used, slot - reserve->all.slot, slot->nr);
	}
	spin_unlock_irqrestore(&reserve->lock, flags);
	return ours;
}
