// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bounce buffers (bounce.h). Takes no lock: a mapping belongs to the driver that
 * made it, and its record (struct vcma_slot) with it.
 *
 *	driver's pages      |....xxxx|xxxxxxxx|xxx.....|	orig of slot 0: exact
 *	slots of the block  |   0    |   1    |   2    |	orig of 1, 2: page start
 *	bounce pages        |....xxxx|xxxxxxxx|xxx.....|	dma: same page offset
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "attr.h"
#include "bounce.h"
#include "region.h"
#include "trace.h"

/* As large as swiotlb allows: longer runs of free pages are rare under load. */
#define VCMA_BOUNCE_MAX		SZ_256K

static dma_addr_t vcma_bounce_fail(struct vcma_client *c, phys_addr_t phys, size_t bytes)
{
	atomic64_inc(&c->region->stats.nr_map_failed);
	trace_vcma_bounce_map(c, phys, bytes, DMA_MAPPING_ERROR);
	return DMA_MAPPING_ERROR;
}

dma_addr_t vcma_bounce_map(struct vcma_client *c, phys_addr_t phys, size_t bytes,
			   u64 max_dma)
{
	u64 keep = roundup_pow_of_two((u64)dma_get_min_align_mask(c->dev) + 1);
	struct vcma_region *r = c->region;
	size_t offset = offset_in_page(phys);
	struct vcma_piece piece;
	struct vcma_fit fit;

	if (!bytes || bytes > r->granule_bytes - offset || c->state != VCMA_CLIENT_CLAIMED)
		return vcma_bounce_fail(c, phys, bytes);

	fit.nr = PAGE_ALIGN(offset + bytes) >> PAGE_SHIFT;
	fit.align_pages = max_t(u64, keep >> PAGE_SHIFT, 1);
	fit.match = PHYS_PFN(phys) & (fit.align_pages - 1);
	fit.max_dma = max_dma;
	if (!vcma_pool_alloc(&c->pools[c->attr], &fit, c, phys, bytes, &piece) &&
	    !vcma_reserve_alloc(c, &fit, phys, bytes, &piece))
		return vcma_bounce_fail(c, phys, bytes);

	memcpy(piece.cpu + offset, phys_to_virt(phys), bytes);
	if (piece.block->attr == VCMA_CACHED)
		vcma_attr_sync_for_device(c, piece.cpu + offset, bytes);
	atomic64_inc(&r->stats.nr_map_bounced);
	atomic64_add(bytes, &r->stats.bounce_bytes);
	atomic64_add(bytes, &c->bounce_bytes);
	trace_vcma_bounce_map(c, phys, bytes, piece.dma + offset);
	return piece.dma + offset;
}

/*
 * Find the mapping that contains [@dma, @dma + @bytes).
 * Return: its first slot, or NULL if there is none of this client.
 */
static struct vcma_slot *vcma_bounce_find(struct vcma_client *c, dma_addr_t dma,
					  size_t bytes, struct vcma_block **block)
{
	struct vcma_slot *s = NULL;
	struct vcma_block *b;
	u64 start, from;

	rcu_read_lock();
	b = vcma_block_by_dma(c->region, dma);
	if (b && b->use == VCMA_BLOCK_POOL)
		s = vcma_pool_slot(b, dma);
	rcu_read_unlock();
	if (!s || s->owner != c || s->orig == VCMA_NO_ORIG)
		return NULL;

	start = b->base_dma + ((u64)(s - b->slots) << PAGE_SHIFT) + offset_in_page(s->orig);
	from = dma - start;
	if (dma < start || from > s->bytes || bytes > s->bytes - from)
		return NULL;
	*block = b;
	return s;
}

static void vcma_bounce_copy(struct vcma_client *c, const struct vcma_block *block,
			     const struct vcma_slot *slot, dma_addr_t dma, size_t bytes,
			     enum dma_data_direction dir, bool for_cpu)
{
	u64 start = block->base_dma + ((u64)(slot - block->slots) << PAGE_SHIFT) +
		    offset_in_page(slot->orig);
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
	struct vcma_block *block;
	struct vcma_slot *slot;

	slot = vcma_bounce_find(c, dma, bytes, &block);
	if (slot)
		vcma_bounce_copy(c, block, slot, dma, bytes, dir, for_cpu);
	return slot;
}

bool vcma_bounce_unmap(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		       enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_block *block;
	struct vcma_slot *slot;
	u64 mapped;

	slot = vcma_bounce_find(c, dma, bytes, &block);
	if (!slot)
		return false;
	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		vcma_bounce_copy(c, block, slot, dma, bytes, dir, true);
	trace_vcma_bounce_unmap(c, slot->orig, slot->bytes, dma);
	mapped = slot->bytes;
	if (!vcma_reserve_free(c, block, slot))
		vcma_pool_free(block, slot);
	atomic64_sub(mapped, &c->region->stats.bounce_bytes);
	atomic64_sub(mapped, &c->bounce_bytes);
	return true;
}

size_t vcma_bounce_max_bytes(struct vcma_client *c)
{
	u64 keep = max_t(u64, (u64)dma_get_min_align_mask(c->dev) + 1, PAGE_SIZE);
	u64 room = min_t(u64, c->region->granule_bytes, VCMA_BOUNCE_MAX + keep);

	return room > keep ? room - keep : PAGE_SIZE;
}
