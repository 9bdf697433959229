// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bounce buffers (bounce.h).
 *
 *	driver's memory     |....xxxx|xxxxxxxx|xxx.....|	orig of slot 0: exact
 *	slots of the block  |   0    |   1    |   2    |	orig of 1, 2: where it begins
 *	bounce buffer       |....xxxx|xxxxxxxx|xxx.....|	dma: same offset in the slot
 *
 * Locks: none: a mapping belongs to the driver that made it, and its record (struct vcma_slot)
 * with it. Blocks are looked up under RCU.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "bounce.h"
#include "client/attr.h"
#include "client/windows.h"
#include "core/region.h"
#include "core/trace.h"

/* What of the address is kept for all devices: drivers have buffers in units of that. */
#define VCMA_BOUNCE_KEEP	SZ_4K

static dma_addr_t vcma_bounce_fail(struct vcma_client *c, phys_addr_t phys, size_t bytes,
				   const char *why)
{
	dev_dbg_ratelimited(c->dev, "region %s: no bounce buffer for %#llx+%#zx: %s\n",
			    c->region->name, (u64)phys, bytes, why);
	atomic64_inc(&c->region->stats.nr_map_failed);
	trace_vcma_bounce_map(c, phys, bytes, DMA_MAPPING_ERROR);
	return DMA_MAPPING_ERROR;
}

/* The address is kept modulo this; of what is a page or more its offset in the page, too. */
static u64 vcma_bounce_keep(struct vcma_client *c, size_t bytes)
{
	u64 keep = roundup_pow_of_two((u64)dma_get_min_align_mask(c->dev) + 1);

	return max_t(u64, keep, bytes < PAGE_SIZE ? VCMA_BOUNCE_KEEP : PAGE_SIZE);
}

/*
 * What the device can't count beyond (dma_set_seg_boundary()): who cuts his memory by it finds the
 * copies cut likewise. A mapping that is longer crosses it in any case, and its driver knows.
 */
static u64 vcma_bounce_boundary(struct vcma_client *c, unsigned int nr)
{
	u64 slots = dma_get_seg_boundary_nr_pages(c->dev, VCMA_SLOT_SHIFT);

	return is_power_of_2(slots) && nr <= slots ? slots : 0;
}

/* In a region that is pinned from the start who has none is spared to look for it. */
static bool vcma_bounce_may_have(const struct vcma_client *c)
{
	return !c->region->extents || atomic64_read(&c->bounce_bytes);
}

/* Count @bytes that are mapped, or (< 0) are not any more. */
static void vcma_bounce_count(struct vcma_client *c, s64 bytes)
{
	vcma_stats_map(&c->region->stats, VCMA_STATS_BOUNCE_BYTES, bytes);
	if (c->region->extents)
		atomic64_add(bytes, &c->bounce_bytes);
}

static size_t vcma_slot_offset(phys_addr_t phys)
{
	return phys & (VCMA_SLOT_BYTES - 1);
}

bool vcma_bounce_may_fit(const struct vcma_client *c, phys_addr_t phys, size_t bytes)
{
	return bytes <= READ_ONCE(c->pool_user.reserve.longest_bytes) - vcma_slot_offset(phys);
}

dma_addr_t vcma_bounce_map(struct vcma_client *c, phys_addr_t phys, size_t bytes,
			   u64 max_dma)
{
	size_t offset = vcma_slot_offset(phys);
	struct vcma_piece piece;
	struct vcma_fit fit;
	u64 bus;

	if (!bytes || !vcma_bounce_may_fit(c, phys, bytes) || !vcma_client_is_claimed(c))
		return vcma_bounce_fail(c, phys, bytes, "no bytes, or more than a granule has room for");

	fit.windows = c->windows;
	fit.nr = ALIGN(offset + bytes, VCMA_SLOT_BYTES) >> VCMA_SLOT_SHIFT;
	fit.align_slots = vcma_bounce_keep(c, bytes) >> VCMA_SLOT_SHIFT;
	fit.match = (phys >> VCMA_SLOT_SHIFT) & (fit.align_slots - 1);
	fit.boundary_slots = vcma_bounce_boundary(c, fit.nr);
	fit.max_dma = max_dma;
	if (!vcma_pool_alloc(&c->pools[c->attr], &fit, &c->pool_user, phys, bytes, &piece) &&
	    !vcma_reserve_alloc(&c->pool_user, &fit, phys, bytes, &piece))
		return vcma_bounce_fail(c, phys, bytes, "neither in the pool nor in reserve");

	memcpy(piece.cpu + offset, phys_to_virt(phys), bytes);
	if (piece.block->attr == VCMA_CACHED)
		vcma_attr_sync_for_device(c, piece.cpu + offset, bytes);
	vcma_stats_map(&c->region->stats, VCMA_STATS_BOUNCED, 1);
	vcma_bounce_count(c, bytes);
	bus = vcma_to_bus(c, piece.dma, (u64)fit.nr << VCMA_SLOT_SHIFT) + offset;
	trace_vcma_bounce_map(c, phys, bytes, bus);
	return bus;
}

/*
 * Find the mapping that contains [@dma, @dma + @bytes), of memory.
 * Return: its first slot, or NULL if there is none of this client.
 */
static struct vcma_slot *vcma_bounce_find(struct vcma_client *c, u64 dma,
					  size_t bytes, struct vcma_block **block)
{
	struct vcma_slot *s = NULL;
	struct vcma_block *b;
	u64 start, from;

	/* Who has mapped it knows that it is counted. */
	if (!vcma_bounce_may_have(c))
		return NULL;
	rcu_read_lock();
	b = vcma_block_by_dma(c->region, dma);
	if (b && b->use == VCMA_BLOCK_POOL)
		s = vcma_pool_slot(b, dma);
	rcu_read_unlock();
	if (!s || s->owner != &c->pool_user || s->orig == VCMA_NO_ORIG)
		return NULL;

	start = b->base_dma + ((u64)(s - b->slots) << VCMA_SLOT_SHIFT) + vcma_slot_offset(s->orig);
	from = dma - start;
	if (dma < start || from > s->bytes || bytes > s->bytes - from)
		return NULL;
	*block = b;
	return s;
}

static void vcma_bounce_copy(struct vcma_client *c, const struct vcma_block *block,
			     const struct vcma_slot *slot, u64 dma, size_t bytes,
			     enum dma_data_direction dir, bool for_cpu)
{
	u64 start = block->base_dma + ((u64)(slot - block->slots) << VCMA_SLOT_SHIFT) +
		    vcma_slot_offset(slot->orig);
	void *bounce = block->cpu + (dma - block->base_dma);
	void *orig = phys_to_virt(slot->orig + (dma - start));

	if (for_cpu) {
		if (block->attr == VCMA_CACHED)
			vcma_attr_sync_for_cpu(c, bounce, bytes, dir);
		if (dir != DMA_TO_DEVICE)
			memcpy(orig, bounce, bytes);
	} else {
		if (dir != DMA_FROM_DEVICE)
			memcpy(bounce, orig, bytes);
		if (block->attr == VCMA_CACHED)
			vcma_attr_sync_for_device(c, bounce, bytes);
	}
}

bool vcma_bounce_sync(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		      enum dma_data_direction dir, bool for_cpu)
{
	u64 at = vcma_to_dma(c, dma);
	struct vcma_block *block;
	struct vcma_slot *slot;

	slot = vcma_bounce_find(c, at, bytes, &block);
	if (slot)
		vcma_bounce_copy(c, block, slot, at, bytes, dir, for_cpu);
	return slot;
}

bool vcma_bounce_unmap(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		       enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_block *block;
	u64 at = vcma_to_dma(c, dma);
	s64 mapped;
	struct vcma_slot *slot;

	slot = vcma_bounce_find(c, at, bytes, &block);
	if (!slot)
		return false;
	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		vcma_bounce_copy(c, block, slot, at, bytes, dir, true);
	trace_vcma_bounce_unmap(c, slot->orig, slot->bytes, dma);
	mapped = slot->bytes;
	if (!vcma_reserve_free(&c->pool_user, block, slot))
		vcma_pool_free(block, slot);
	vcma_bounce_count(c, -mapped);
	return true;
}

size_t vcma_bounce_max_bytes(struct vcma_client *c)
{
	u64 keep = vcma_bounce_keep(c, PAGE_SIZE);
	u64 room = min(READ_ONCE(c->pool_user.reserve.longest_bytes),
		       vcma_reserve_mapping_bytes(c->region) + keep);

	return room > keep ? room - keep : PAGE_SIZE;
}
