// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zero-copy streaming mappings (direct.h).
 *
 *	block		|  online  | alloc A |  free  | bounce |
 *	                    ok       ok       no        no
 *
 * Pages of a pool block that belong to no allocation, and bounce buffers, are nobody's to
 * map: such an address is left to bounce.c, which copies.
 *
 * Locks: of each bucket of the client's mappings, a leaf; blocks are looked up under RCU, then kept.
 */
#include <linux/dma-mapping.h>
#include <linux/hash.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "client/attr.h"
#include "client/windows.h"
#include "compat/compat.h"
#include "core/cache.h"
#include "core/mode.h"
#include "core/region.h"
#include "core/trace.h"
#include "direct.h"
#include "pool/pool.h"

struct vcma_direct_map {
	struct hlist_bl_node node;
	u64 dma;			/* as it was given out */
	u64 off;			/* in the block */
	u64 bytes;
	struct vcma_block *block;	/* with a reference */
	struct vcma_slot *slot;		/* with a reference; NULL: online, or all of the block */
};

static struct kmem_cache *vcma_direct_cache;

int vcma_direct_register(void)
{
	vcma_direct_cache = KMEM_CACHE(vcma_direct_map, 0);
	return vcma_direct_cache ? 0 : -ENOMEM;
}

void vcma_direct_unregister(void)
{
	kmem_cache_destroy(vcma_direct_cache);
}

void vcma_direct_init(struct vcma_direct *direct)
{
	unsigned int i;

	atomic_set(&direct->nr, 0);
	for (i = 0; i < VCMA_DIRECT_BUCKETS; i++)
		INIT_HLIST_BL_HEAD(&direct->buckets[i]);
}

static struct hlist_bl_head *vcma_direct_bucket(struct vcma_client *c, u64 dma)
{
	return &c->direct.buckets[hash_64(dma >> PAGE_SHIFT, ilog2(VCMA_DIRECT_BUCKETS))];
}

/* A cacheable mapping of the memory, if there is one. */
static void *vcma_direct_alias(const struct vcma_block *block, u64 off)
{
	if (block->region->mode->has_pages)
		return phys_to_virt(block->base_gpa + off);
	return block->attr == VCMA_CACHED ? block->cpu + off : NULL;
}

/* The block that has all of [@gpa, @gpa + @bytes), with a reference, or NULL. */
static struct vcma_block *vcma_direct_get_block(struct vcma_region *r, u64 gpa, u64 bytes)
{
	struct vcma_block *block;

	rcu_read_lock();
	block = vcma_block_by_gpa(r, gpa);
	if (block && !vcma_block_tryget(block))
		block = NULL;
	rcu_read_unlock();
	if (!block)
		return NULL;
	if (bytes <= block->bytes - (gpa - block->base_gpa))
		return block;
	vcma_block_put(block);
	return NULL;
}

static void vcma_direct_put(struct vcma_direct_map *m)
{
	vcma_pool_put_range(m->block, m->slot);
	vcma_block_put(m->block);
	kmem_cache_free(vcma_direct_cache, m);
}

const char *vcma_direct_obstacle(struct vcma_client *c, u64 phys, u64 dma, u64 bytes, u64 max_dma,
				 void *alias, enum dma_data_direction dir)
{
	if (dma == VCMA_NOWHERE)
		return "in none of its windows";
	if (dma > max_dma || bytes - 1 > max_dma - dma)
		return "above the device's mask";
	if ((dma ^ phys) & dma_get_min_align_mask(c->dev))
		return "another offset than the device can bear";
	if (alias && vcma_attr_bars_cached(c))
		return "there is a cacheable alias";
	if (!alias || !vcma_attr_needs_sync(c))
		return NULL;
	if (dir == DMA_TO_DEVICE || vcma_cache_has_whole_lines(alias, bytes))
		return NULL;
	return "shares cache lines with what lies beside it";
}

dma_addr_t vcma_direct_map(struct vcma_client *c, phys_addr_t phys, size_t bytes,
			   u64 max_dma, enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_region *r = c->region;
	struct vcma_direct_map *m;
	struct hlist_bl_head *bucket;
	struct vcma_block *block;
	const char *obstacle;
	unsigned long flags;
	u64 off, dma;
	void *alias;

	if (!bytes || phys < r->base_gpa || phys - r->base_gpa >= r->span_bytes ||
	    !vcma_client_is_claimed(c) ||
	    (attrs & VCMA_DMA_ATTR_REQUIRE_COHERENT && vcma_attr_needs_sync(c)))
		return DMA_MAPPING_ERROR;
	block = vcma_direct_get_block(r, phys, bytes);
	if (!block)
		return DMA_MAPPING_ERROR;
	off = phys - block->base_gpa;
	alias = vcma_direct_alias(block, off);
	dma = vcma_to_bus(c, block->base_dma + off, bytes);
	obstacle = vcma_direct_obstacle(c, phys, dma, bytes, max_dma, alias, dir);
	/* Mapped cached, if at all, where we don't know. */
	if (!obstacle && !alias && vcma_attr_needs_sync(c) && block->attr != VCMA_UNCACHED)
		obstacle = "cached elsewhere, perhaps";
	if (obstacle)
		goto put_block;
	m = kmem_cache_alloc(vcma_direct_cache, GFP_ATOMIC | __GFP_NOWARN);
	obstacle = "no memory for a record";
	if (!m)
		goto put_block;
	m->block = block;
	m->dma = dma;
	m->off = off;
	m->bytes = bytes;
	obstacle = "nobody's, or more than one allocation";
	if (!vcma_pool_get_range(block, off, bytes, &m->slot))
		goto free;

	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC) && alias)
		vcma_attr_sync_for_device(c, alias, bytes);
	bucket = vcma_direct_bucket(c, m->dma);
	local_irq_save(flags);
	hlist_bl_lock(bucket);
	hlist_bl_add_head(&m->node, bucket);
	hlist_bl_unlock(bucket);
	local_irq_restore(flags);
	atomic_inc(&c->direct.nr);
	vcma_stats_map(&r->stats, VCMA_STATS_DIRECT, 1);
	trace_vcma_direct_map(c, phys, bytes, m->dma);
	return m->dma;

free:
	kmem_cache_free(vcma_direct_cache, m);
put_block:
	vcma_block_put(block);
	dev_dbg_ratelimited(c->dev, "region %s: %#llx+%#zx is allocated, but not mapped as it is: %s\n",
			    r->name, (u64)phys, bytes, obstacle);
	return DMA_MAPPING_ERROR;
}

/* Take the mapping out of its bucket, one of them if there are several. */
static struct vcma_direct_map *vcma_direct_remove(struct vcma_client *c, dma_addr_t dma,
						  size_t bytes)
{
	struct hlist_bl_head *bucket = vcma_direct_bucket(c, dma);
	struct vcma_direct_map *m, *found = NULL;
	struct hlist_bl_node *node;
	unsigned long flags;

	local_irq_save(flags);
	hlist_bl_lock(bucket);
	hlist_bl_for_each_entry(m, node, bucket, node) {
		if (m->dma == dma && m->bytes == bytes) {
			found = m;
			hlist_bl_del(&m->node);
			break;
		}
	}
	hlist_bl_unlock(bucket);
	local_irq_restore(flags);
	return found;
}

bool vcma_direct_unmap(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		       enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_direct_map *m;
	void *alias;
	u64 off;

	if (!atomic_read(&c->direct.nr))
		return false;
	m = vcma_direct_remove(c, dma, bytes);
	if (!m)
		return false;
	atomic_dec(&c->direct.nr);
	off = m->off;
	alias = vcma_direct_alias(m->block, off);
	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC) && alias)
		vcma_attr_sync_for_cpu(c, alias, bytes, dir);
	trace_vcma_direct_unmap(c, m->block->base_gpa + off, bytes, dma);
	vcma_direct_put(m);
	return true;
}

bool vcma_direct_sync(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		      enum dma_data_direction dir, bool for_cpu)
{
	u64 at = vcma_to_dma(c, dma);
	struct vcma_block *block;
	struct vcma_slot *slot;
	bool found = false;
	void *alias = NULL;

	/* What the caller has mapped, or allocated, keeps the block. */
	rcu_read_lock();
	block = vcma_block_by_dma(c->region, at);
	if (block && bytes <= block->bytes - (at - block->base_dma)) {
		slot = block->use == VCMA_BLOCK_POOL ? vcma_pool_slot(block, at) : NULL;
		found = atomic_read(&c->direct.nr) ||
			(slot && slot->owner == &c->pool_user && slot->orig == VCMA_NO_ORIG);
		alias = vcma_direct_alias(block, at - block->base_dma);
	}
	rcu_read_unlock();
	if (!found)
		return false;
	if (alias && for_cpu)
		vcma_attr_sync_for_cpu(c, alias, bytes, dir);
	else if (alias)
		vcma_attr_sync_for_device(c, alias, bytes);
	return true;
}

unsigned int vcma_direct_forget(struct vcma_client *c)
{
	struct hlist_bl_node *node, *next;
	struct vcma_direct_map *m;
	unsigned int i, nr = 0;

	/* No driver is left that could add to the lists. */
	for (i = 0; i < VCMA_DIRECT_BUCKETS; i++) {
		hlist_bl_for_each_entry_safe(m, node, next, &c->direct.buckets[i], node) {
			hlist_bl_del(&m->node);
			vcma_direct_put(m);
			nr++;
		}
	}
	atomic_set(&c->direct.nr, 0);
	return nr;
}
