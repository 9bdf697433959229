// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coherent allocations (coherent.h).
 *
 * All come from the client's ready pool, whatever their size; if that has no room and the
 * caller may sleep, the pool gets a block from the host that fits. What is freed stays in
 * the pool for a while.
 *
 * Locks: none; blocks are looked up under RCU, and stay while an allocation in them is the caller's.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/clock.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "client/attr.h"
#include "client/windows.h"
#include "coherent.h"
#include "core/mode.h"
#include "core/region.h"
#include "core/trace.h"

unsigned int vcma_alloc_timeout_ms = 10000;

static u64 vcma_coherent_align_bytes(const struct vcma_region *r, u64 bytes)
{
	u64 most = (u64)PAGE_SIZE << READ_ONCE(r->max_align_order);

	return min_t(u64, roundup_pow_of_two(bytes), most);
}

/* Return: 0 and @piece, not cleared. */
static int vcma_coherent_get(struct vcma_client *c, enum vcma_attr attr, size_t bytes,
			     u64 max_dma, gfp_t gfp, struct vcma_piece *piece)
{
	struct vcma_pool *pool = &c->pools[attr];
	const struct vcma_fit fit = {
		.nr = bytes >> VCMA_SLOT_SHIFT,
		.windows = c->windows,
		.align_slots = vcma_coherent_align_bytes(c->region, bytes) >> VCMA_SLOT_SHIFT,
		.max_dma = max_dma,
	};
	struct vcma_alloc_limits limits = {};
	unsigned int timeout_ms, noio;
	int err;

	if (vcma_pool_alloc(pool, &fit, &c->pool_user, VCMA_NO_ORIG, bytes, piece))
		return 0;
	dev_dbg_ratelimited(c->dev, "region %s: %zu bytes: not in the ready pool%s\n",
			    c->region->name, bytes, gfpflags_allow_blocking(gfp) ? "" :
			    ", and the caller can't sleep");
	if (!gfpflags_allow_blocking(gfp))
		return -ENOMEM;
	if (gfp & __GFP_NORETRY)
		limits.flags |= VCMA_FAST;
	timeout_ms = READ_ONCE(vcma_alloc_timeout_ms);
	if (timeout_ms)
		limits.deadline = ktime_add_ms(ktime_get(), timeout_ms);
	if ((gfp & (__GFP_IO | __GFP_FS)) == (__GFP_IO | __GFP_FS)) {
		err = vcma_pool_alloc_slow(pool, &fit, &limits, &c->pool_user, bytes, piece);
	} else {
		noio = memalloc_noio_save();
		err = vcma_pool_alloc_slow(pool, &fit, &limits, &c->pool_user, bytes, piece);
		memalloc_noio_restore(noio);
	}
	return err;
}

void *vcma_coherent_alloc(struct vcma_client *c, enum vcma_attr attr, size_t bytes,
			  u64 max_dma, gfp_t gfp, dma_addr_t *dma)
{
	struct vcma_stats *stats = &c->region->stats;
	size_t rounded = PAGE_ALIGN(bytes);
	u64 start = local_clock();
	u64 bus = VCMA_NOWHERE;
	struct vcma_piece piece;
	int err = -EINVAL;

	if (rounded && rounded <= c->region->bytes && vcma_client_is_claimed(c))
		err = vcma_coherent_get(c, attr, rounded, max_dma, gfp, &piece);
	if (!err)
		bus = vcma_to_bus(c, piece.dma, rounded);
	trace_vcma_coherent_alloc(c, bytes, max_dma, bus);
	if (!err) {
		vcma_pool_clear(&piece, rounded >> VCMA_SLOT_SHIFT, gfpflags_allow_blocking(gfp));
		if (attr == VCMA_CACHED)
			vcma_attr_sync_for_device(c, piece.cpu, rounded);
	}
	/* About microseconds; the clocks of two CPUs may differ. */
	vcma_stats_alloc(stats, VCMA_STATS_COHERENT, rounded >> PAGE_SHIFT, err,
			 max_t(s64, local_clock() - start, 0) >> 10);
	if (err)
		return NULL;
	atomic64_add(rounded, &stats->coherent_bytes);
	atomic64_add(rounded, &c->coherent_bytes);
	*dma = bus;
	return piece.cpu;
}

/*
 * Find the allocation that @dma, an address of memory, lies in.
 * Return: how far from its beginning; U64_MAX if there is none of this client.
 */
static u64 vcma_coherent_find(struct vcma_client *c, u64 dma,
			      struct vcma_block **block, struct vcma_slot **slot)
{
	struct vcma_block *b;
	struct vcma_slot *s;
	u64 off = U64_MAX;

	rcu_read_lock();
	b = vcma_block_by_dma(c->region, dma);
	s = b && b->use == VCMA_BLOCK_POOL ? vcma_pool_slot(b, dma) : NULL;
	if (s && s->owner == &c->pool_user && s->orig == VCMA_NO_ORIG)
		off = dma - b->base_dma - ((u64)(s - b->slots) << VCMA_SLOT_SHIFT);
	rcu_read_unlock();
	*block = b;
	*slot = s;
	return off;
}

/*
 * Users map what they need of an allocation, and drivers name that part of it.
 * Return: guest-physical address of the whole pages at @bus, in *@block; 0 if they are not all in
 * one allocation of this client.
 */
static u64 vcma_coherent_part(struct vcma_client *c, dma_addr_t bus, size_t bytes,
			      struct vcma_block **block)
{
	u64 dma = vcma_to_dma(c, bus);
	struct vcma_slot *slot;
	u64 off = vcma_coherent_find(c, dma, block, &slot);

	if (off == U64_MAX || !bytes || PAGE_ALIGN(bytes) < bytes ||
	    PAGE_ALIGN(bytes) > slot->bytes - off)
		return 0;
	return (*block)->base_gpa + (dma - (*block)->base_dma);
}

bool vcma_coherent_free(struct vcma_client *c, size_t bytes, dma_addr_t dma)
{
	size_t rounded = PAGE_ALIGN(bytes);
	struct vcma_block *block;
	struct vcma_slot *slot;
	u64 found;

	if (vcma_coherent_find(c, vcma_to_dma(c, dma), &block, &slot))
		return false;
	found = slot->bytes;
	if (found != rounded) {
		dev_WARN_ONCE(c->dev, 1, "frees %#zx bytes at %pad, %#llx are allocated there\n",
			      rounded, &dma, found);
		return true;
	}
	trace_vcma_coherent_free(c, bytes, dma);
	atomic64_add(found >> PAGE_SHIFT, &c->region->stats.nr_freed_pages);
	atomic64_sub(found, &c->region->stats.coherent_bytes);
	atomic64_sub(found, &c->coherent_bytes);
	vcma_pool_free(block, slot);
	return true;
}

int vcma_coherent_mmap(struct vcma_client *c, struct vm_area_struct *vma,
		       dma_addr_t dma, size_t bytes)
{
	unsigned long nr = PAGE_ALIGN(bytes) >> PAGE_SHIFT;
	struct vcma_block *block;
	u64 gpa = vcma_coherent_part(c, dma, bytes, &block);

	if (!gpa || vma->vm_pgoff >= nr || vma_pages(vma) > nr - vma->vm_pgoff)
		return -ENXIO;
	if (block->attr == VCMA_UNCACHED)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(gpa) + vma->vm_pgoff,
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

int vcma_coherent_sgtable(struct vcma_client *c, struct sg_table *sgt, dma_addr_t dma,
			  size_t bytes)
{
	struct vcma_block *block;
	u64 gpa;
	int err;

	gpa = c->region->mode->has_pages ? vcma_coherent_part(c, dma, bytes, &block) : 0;
	if (!gpa)
		return -ENXIO;
	err = sg_alloc_table(sgt, 1, GFP_KERNEL);
	if (!err)
		sg_set_page(sgt->sgl, pfn_to_page(PHYS_PFN(gpa)), PAGE_ALIGN(bytes), 0);
	return err;
}

void vcma_coherent_free_all(struct vcma_client *c)
{
	s64 left, mapped = 0;
	int attr;

	/* No driver is left that could take more. */
	for (attr = 0; c->pools && attr < VCMA_NR_ATTRS; attr++) {
		mapped += vcma_pool_mapped_bytes(&c->pools[attr], &c->pool_user);
		vcma_pool_free_owned(&c->pools[attr], &c->pool_user);
	}
	left = atomic64_xchg(&c->coherent_bytes, 0);
	atomic64_sub(left, &c->region->stats.coherent_bytes);
	atomic64_add(left >> PAGE_SHIFT, &c->region->stats.nr_freed_pages);
	vcma_stats_map(&c->region->stats, VCMA_STATS_BOUNCE_BYTES, -mapped);
	atomic64_set(&c->bounce_bytes, 0);
}
