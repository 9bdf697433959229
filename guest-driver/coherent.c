// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coherent allocations (coherent.h).
 *
 * Up to a granule they come from the pool; if that has no room and the caller
 * may sleep, the pool grows by a granule, or, for more than half a granule, the
 * allocation gets a block of its own, as everything larger than a granule does.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "attr.h"
#include "coherent.h"
#include "mode.h"
#include "region.h"
#include "trace.h"

#define VCMA_GROW_TRIES	3	/* others may take what this one made the pool get */

static bool vcma_coherent_from_pool(struct vcma_client *c, enum vcma_attr attr,
				    size_t bytes, u64 max_dma, struct vcma_piece *piece)
{
	const struct vcma_fit fit = {
		.nr = bytes >> PAGE_SHIFT,
		.align_pages = roundup_pow_of_two(bytes) >> PAGE_SHIFT,
		.max_dma = max_dma,
	};

	return vcma_pool_alloc(&c->region->pools[attr], &fit, c, VCMA_NO_ORIG, bytes, piece);
}

static struct vcma_block *vcma_coherent_whole(struct vcma_client *c, enum vcma_attr attr,
					      size_t bytes, u64 max_dma)
{
	struct vcma_region *r = c->region;
	const struct vcma_want want = {
		.bytes = bytes,
		.align_bytes = min_t(u64, roundup_pow_of_two(bytes),
				     max_t(u64, r->granule_bytes, SZ_1M)),
		.max_dma = max_dma,
		.attr = attr,
		.use = VCMA_BLOCK_WHOLE,
		.client = c->id,
	};
	struct vcma_block *block;
	unsigned long flags;
	int err, i;

	err = vcma_region_hold(r, &want, &block);
	if (err && vcma_region_is_live(r)) {
		/* What we don't need, or have just freed, may be what is missing. */
		vcma_region_flush_drops(r);
		for (i = 0; i < VCMA_NR_ATTRS; i++)
			vcma_pool_yield(&r->pools[i]);
		err = vcma_region_hold(r, &want, &block);
	}
	if (err)
		return NULL;

	block->owner = c;
	block->used_bytes = bytes;
	spin_lock_irqsave(&c->lock, flags);
	list_add(&block->node, &c->whole_blocks);
	spin_unlock_irqrestore(&c->lock, flags);
	return block;
}

/* Return: CPU address of @bytes of whole pages, or NULL. */
static void *vcma_coherent_get(struct vcma_client *c, enum vcma_attr attr, size_t bytes,
			       u64 max_dma, gfp_t gfp, dma_addr_t *dma)
{
	struct vcma_region *r = c->region;
	struct vcma_block *block;
	struct vcma_piece piece;
	int tries = 0;

	if (bytes > r->bytes)
		return NULL;
	while (bytes <= r->granule_bytes) {
		if (vcma_coherent_from_pool(c, attr, bytes, max_dma, &piece)) {
			*dma = piece.dma;
			return piece.cpu;
		}
		if (!gfpflags_allow_blocking(gfp))
			return NULL;
		if (bytes > r->granule_bytes / 2)
			break;
		if (tries++ == VCMA_GROW_TRIES ||
		    vcma_pool_grow(&r->pools[attr], r->granule_bytes, max_dma))
			return NULL;
	}
	if (!gfpflags_allow_blocking(gfp))
		return NULL;
	block = vcma_coherent_whole(c, attr, bytes, max_dma);
	if (!block)
		return NULL;
	*dma = block->base_dma;
	return block->cpu;
}

void *vcma_coherent_alloc(struct vcma_client *c, enum vcma_attr attr, size_t bytes,
			  u64 max_dma, gfp_t gfp, dma_addr_t *dma)
{
	struct vcma_stats *stats = &c->region->stats;
	size_t rounded = PAGE_ALIGN(bytes);
	void *cpu = NULL;

	if (rounded && c->state == VCMA_CLIENT_CLAIMED)
		cpu = vcma_coherent_get(c, attr, rounded, max_dma, gfp, dma);
	trace_vcma_coherent_alloc(c, bytes, max_dma, cpu ? *dma : DMA_MAPPING_ERROR);
	if (!cpu) {
		atomic64_inc(&stats->nr_coherent_failed);
		return NULL;
	}
	memset(cpu, 0, rounded);
	if (attr == VCMA_CACHED)
		vcma_attr_sync_for_device(c, cpu, rounded);
	atomic64_inc(&stats->nr_coherent_ok);
	atomic64_add(rounded, &stats->coherent_bytes);
	atomic64_add(rounded, &c->coherent_bytes);
	return cpu;
}

/*
 * Find the allocation that starts at @dma.
 * Return: its length, 0 if there is none of this client.
 */
static u64 vcma_coherent_find(struct vcma_client *c, dma_addr_t dma,
			      struct vcma_block **block, struct vcma_slot **slot)
{
	struct vcma_block *b;
	struct vcma_slot *s;
	u64 bytes = 0;

	rcu_read_lock();
	b = vcma_block_by_dma(c->region, dma);
	if (!b)
		goto out;
	if (b->use == VCMA_BLOCK_WHOLE) {
		if (b->owner == c && b->base_dma == dma)
			bytes = b->used_bytes;
		*slot = NULL;
	} else {
		s = vcma_pool_slot(b, dma);
		if (s && s->owner == c && s->orig == VCMA_NO_ORIG &&
		    b->base_dma + ((u64)(s - b->slots) << PAGE_SHIFT) == dma)
			bytes = s->bytes;
		*slot = s;
	}
	*block = b;
out:
	rcu_read_unlock();
	return bytes;
}

void vcma_coherent_free(struct vcma_client *c, size_t bytes, dma_addr_t dma)
{
	size_t rounded = PAGE_ALIGN(bytes);
	struct vcma_block *block;
	struct vcma_slot *slot;
	unsigned long flags;
	u64 found;

	found = vcma_coherent_find(c, dma, &block, &slot);
	if (found != rounded) {
		dev_WARN_ONCE(c->dev, 1, "frees %#zx bytes at %pad, %#llx are allocated there\n",
			      rounded, &dma, found);
		return;
	}
	trace_vcma_coherent_free(c, bytes, dma);
	atomic64_sub(found, &c->region->stats.coherent_bytes);
	atomic64_sub(found, &c->coherent_bytes);
	if (slot) {
		vcma_pool_free(block, slot);
		return;
	}
	spin_lock_irqsave(&c->lock, flags);
	list_del_init(&block->node);
	block->owner = NULL;
	spin_unlock_irqrestore(&c->lock, flags);
	vcma_region_drop_later(block);
}

int vcma_coherent_mmap(struct vcma_client *c, struct vm_area_struct *vma,
		       dma_addr_t dma, size_t bytes)
{
	unsigned long nr = PAGE_ALIGN(bytes) >> PAGE_SHIFT;
	struct vcma_block *block;
	struct vcma_slot *slot;
	u64 gpa;

	if (vcma_coherent_find(c, dma, &block, &slot) != PAGE_ALIGN(bytes))
		return -ENXIO;
	if (vma->vm_pgoff >= nr || vma_pages(vma) > nr - vma->vm_pgoff)
		return -ENXIO;
	gpa = block->base_gpa + (dma - block->base_dma);
	if (block->attr == VCMA_UNCACHED)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(gpa) + vma->vm_pgoff,
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

int vcma_coherent_sgtable(struct vcma_client *c, struct sg_table *sgt, dma_addr_t dma,
			  size_t bytes)
{
	struct vcma_block *block;
	struct vcma_slot *slot;
	u64 gpa;
	int err;

	if (!c->region->mode->has_pages || !bytes ||
	    vcma_coherent_find(c, dma, &block, &slot) < PAGE_ALIGN(bytes))
		return -ENXIO;
	gpa = block->base_gpa + (dma - block->base_dma);
	err = sg_alloc_table(sgt, 1, GFP_KERNEL);
	if (!err)
		sg_set_page(sgt->sgl, pfn_to_page(PHYS_PFN(gpa)), PAGE_ALIGN(bytes), 0);
	return err;
}

void vcma_coherent_free_all(struct vcma_client *c)
{
	struct vcma_block *block, *next;
	int attr;

	/* No driver is left that could add to the list. */
	list_for_each_entry_safe(block, next, &c->whole_blocks, node) {
		list_del_init(&block->node);
		vcma_region_drop(block);
	}
	for (attr = 0; attr < VCMA_NR_ATTRS; attr++)
		vcma_pool_free_owned(&c->region->pools[attr], c);
	atomic64_sub(atomic64_xchg(&c->coherent_bytes, 0), &c->region->stats.coherent_bytes);
	atomic64_sub(atomic64_xchg(&c->bounce_bytes, 0), &c->region->stats.bounce_bytes);
}
