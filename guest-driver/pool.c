// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pool of blocks, sub-allocated by pages (pool.h).
 *
 * Each block has a gen_pool of its own, so that a block can leave the pool, and
 * no allocation can span two blocks, which may be far apart for the device.
 * gen_pool works on the block's CPU addresses (never 0) without locks; alignment
 * and limits are those of the DMA address, through the block's own algorithm.
 * Older blocks are tried first: the youngest run empty and can go back.
 *
 * Lock order: see region.h. Allocation walks the block list under RCU; a block
 * leaves the list, and a grace period passes, before it is looked at for pages
 * in use.
 */
#include <linux/bitmap.h>
#include <linux/genalloc.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "pool.h"
#include "region.h"
#include "trace.h"

#define VCMA_TRIM_DELAY		(5 * HZ)
#define VCMA_REFILL_PAUSE	(HZ / 2)	/* after the host had nothing to give */
#define VCMA_POOL_DEFAULT	SZ_16M

struct vcma_algo {
	const struct vcma_fit *fit;
	u64 base_dma;
};

static unsigned long vcma_pool_algo(unsigned long *map, unsigned long size,
				    unsigned long start, unsigned int nr, void *data,
				    struct gen_pool *pages, unsigned long start_addr)
{
	const struct vcma_algo *algo = data;
	const struct vcma_fit *fit = algo->fit;
	unsigned long end = size, bit;

	if (fit->max_dma < algo->base_dma)
		return size;
	/* Pages that lie at or below max_dma with all of their bytes. */
	if (fit->max_dma - algo->base_dma < (u64)size << PAGE_SHIFT)
		end = (fit->max_dma - algo->base_dma + 1) >> PAGE_SHIFT;

	bit = bitmap_find_next_zero_area_off(map, end, start, nr, fit->align_pages - 1,
					     (algo->base_dma >> PAGE_SHIFT) - fit->match);
	return bit < end ? bit : size;
}

bool vcma_pool_is_valid(struct vcma_pool *pool)
{
	struct vcma_block *block;
	u64 bytes = 0, avail;

	lockdep_assert_held(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node) {
		avail = gen_pool_avail(block->pages);
		if (block->use != VCMA_BLOCK_POOL || block->attr != pool->attr ||
		    avail > block->bytes || !vcma_block_is_valid(block))
			return false;
		bytes += block->bytes;
	}
	/* Pages are taken before they are counted, and counted before they are back. */
	return bytes <= (u64)atomic64_read(&pool->region->stats.held_bytes) &&
	       atomic64_read(&pool->free_bytes) <= (s64)bytes;
}

/* ---- blocks in and out ---- */

/* The block becomes the pool's, or on failure stays the caller's. */
static int vcma_pool_add(struct vcma_pool *pool, struct vcma_block *block)
{
	size_t nr = block->bytes >> PAGE_SHIFT;
	int err = -ENOMEM;

	block->slots = kvcalloc(nr, sizeof(*block->slots), GFP_KERNEL);
	if (!block->slots)
		return err;
	block->pages = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!block->pages)
		goto free_slots;
	err = gen_pool_add_virt(block->pages, (unsigned long)block->cpu, block->base_gpa,
				block->bytes, NUMA_NO_NODE);
	if (err)
		goto destroy_pages;

	atomic64_add(block->bytes, &pool->free_bytes);
	list_add_tail_rcu(&block->node, &pool->blocks);
	return 0;

destroy_pages:
	gen_pool_destroy(block->pages);
	block->pages = NULL;
free_slots:
	kvfree(block->slots);
	block->slots = NULL;
	return err;
}

static bool vcma_block_is_idle(const struct vcma_block *block)
{
	return gen_pool_avail(block->pages) == block->bytes;
}

static void vcma_pool_discard(struct vcma_block *block)
{
	struct vcma_slot *slots = block->slots;

	/* Another holder may keep the block in the index. */
	WRITE_ONCE(block->slots, NULL);
	synchronize_rcu();
	gen_pool_destroy(block->pages);
	kvfree(slots);
	vcma_region_drop(block);
}

/* Take idle blocks out of the pool while more than @keep_bytes are free. */
static void vcma_pool_shrink(struct vcma_pool *pool, u64 keep_bytes)
{
	struct vcma_block *block, *prev;
	LIST_HEAD(idle);

	lockdep_assert_held(&pool->lock);
	list_for_each_entry_safe_reverse(block, prev, &pool->blocks, node) {
		if (!vcma_block_is_idle(block) ||
		    atomic64_read(&pool->free_bytes) < keep_bytes + block->bytes)
			continue;
		list_del_rcu(&block->node);
		atomic64_sub(block->bytes, &pool->free_bytes);
		synchronize_rcu();
		if (vcma_block_is_idle(block)) {
			list_add(&block->node, &idle);
			continue;
		}
		/* An allocation was under way and has got its pages here. */
		atomic64_add(block->bytes, &pool->free_bytes);
		list_add_tail_rcu(&block->node, &pool->blocks);
	}
	list_for_each_entry_safe(block, prev, &idle, node) {
		list_del_init(&block->node);
		vcma_pool_discard(block);
	}
	vcma_assert_valid(vcma_pool_is_valid(pool));
}

static int vcma_pool_grow_locked(struct vcma_pool *pool, u64 bytes, u64 max_dma)
{
	struct vcma_region *r = pool->region;
	const struct vcma_want want = {
		.bytes = r->granule_bytes,
		.max_dma = max_dma,
		.attr = pool->attr,
		.use = VCMA_BLOCK_POOL,
		.client = VIRTIO_CMA_CLIENT_SHARED,
	};
	unsigned int noio = memalloc_noio_save();
	struct vcma_block *blocks[VCMA_BULK_BLOCKS];
	u64 missing = DIV_ROUND_UP_ULL(bytes, r->granule_bytes);
	bool any = false;
	int err = 0;

	lockdep_assert_held(&pool->lock);
	while (missing && !err) {
		int i, nr;

		nr = vcma_region_hold_bulk(r, &want, min_t(u64, missing, VCMA_BULK_BLOCKS),
					   blocks);
		if (nr < 0) {
			err = nr;
			break;
		}
		missing -= nr;
		for (i = 0; i < nr; i++) {
			int one = vcma_pool_add(pool, blocks[i]);

			if (one) {
				vcma_region_drop(blocks[i]);
				err = one;
			} else {
				any = true;
			}
		}
	}
	memalloc_noio_restore(noio);
	vcma_assert_valid(vcma_pool_is_valid(pool));
	trace_vcma_pool_grow(pool, bytes, max_dma, err);
	return any ? 0 : err;
}

int vcma_pool_grow(struct vcma_pool *pool, u64 bytes, u64 max_dma)
{
	int err;

	mutex_lock(&pool->lock);
	err = vcma_pool_grow_locked(pool, bytes, max_dma);
	mutex_unlock(&pool->lock);
	return err;
}

void vcma_pool_yield(struct vcma_pool *pool)
{
	mutex_lock(&pool->lock);
	vcma_pool_shrink(pool, pool->low_bytes);
	mutex_unlock(&pool->lock);
}

int vcma_pool_reach(struct vcma_pool *pool, u64 max_dma)
{
	struct vcma_block *block;
	int err = 0;

	mutex_lock(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node) {
		if (block->base_dma + PAGE_SIZE - 1 <= max_dma)
			goto out;
	}
	err = vcma_pool_grow_locked(pool, pool->region->granule_bytes, max_dma);
out:
	mutex_unlock(&pool->lock);
	return err;
}

static void vcma_pool_refill(struct work_struct *work)
{
	struct vcma_pool *pool = container_of(work, struct vcma_pool, refill);
	u64 limit = atomic64_xchg(&pool->refill_limit, U64_MAX);
	bool failed = atomic_xchg(&pool->refill_failed, 0);
	u64 have, need = 0;

	mutex_lock(&pool->lock);
	have = atomic64_read(&pool->free_bytes);
	if (have < pool->target_bytes)
		need = pool->target_bytes - have;
	else if (failed)	/* enough is free, but too high or in small pieces */
		need = pool->region->granule_bytes;
	if (pool->nr_users && need && vcma_pool_grow_locked(pool, need, limit))
		WRITE_ONCE(pool->refill_after, jiffies + VCMA_REFILL_PAUSE);
	mutex_unlock(&pool->lock);
}

/* How much may be free without going back: a pool without users keeps nothing. */
static u64 vcma_pool_spare(const struct vcma_pool *pool)
{
	return READ_ONCE(pool->nr_users) ? pool->high_bytes : 0;
}

static void vcma_pool_trim(struct work_struct *work)
{
	struct vcma_pool *pool = container_of(to_delayed_work(work), struct vcma_pool, trim);

	mutex_lock(&pool->lock);
	vcma_pool_shrink(pool, vcma_pool_spare(pool));
	mutex_unlock(&pool->lock);
}

/* ---- users ---- */

void vcma_pool_init(struct vcma_pool *pool, struct vcma_region *r,
		    enum vcma_attr attr, u64 size_bytes)
{
	if (!size_bytes)
		size_bytes = min_t(u64, r->bytes / 2, VCMA_POOL_DEFAULT);
	size_bytes = vcma_region_round_up(r, min(max_t(u64, size_bytes, 1), r->bytes));

	pool->region = r;
	pool->attr = attr;
	pool->high_bytes = size_bytes;
	pool->target_bytes = size_bytes / 2;
	pool->low_bytes = size_bytes / 4;
	mutex_init(&pool->lock);
	INIT_LIST_HEAD(&pool->blocks);
	atomic64_set(&pool->refill_limit, U64_MAX);
	pool->refill_after = jiffies;
	INIT_WORK(&pool->refill, vcma_pool_refill);
	INIT_DELAYED_WORK(&pool->trim, vcma_pool_trim);
}

int vcma_pool_get(struct vcma_pool *pool)
{
	int err = 0;
	u64 have;

	mutex_lock(&pool->lock);
	have = atomic64_read(&pool->free_bytes);
	if (!pool->nr_users && have < pool->high_bytes)
		err = vcma_pool_grow_locked(pool, pool->high_bytes - have, U64_MAX);
	if (!list_empty(&pool->blocks))
		err = 0;
	if (!err)
		pool->nr_users++;
	mutex_unlock(&pool->lock);
	return err;
}

void vcma_pool_put(struct vcma_pool *pool)
{
	mutex_lock(&pool->lock);
	if (!--pool->nr_users)
		vcma_pool_shrink(pool, 0);
	mutex_unlock(&pool->lock);
}

void vcma_pool_destroy(struct vcma_pool *pool)
{
	cancel_work_sync(&pool->refill);
	cancel_delayed_work_sync(&pool->trim);
	mutex_lock(&pool->lock);
	vcma_pool_shrink(pool, 0);
	WARN_ON(!list_empty(&pool->blocks));
	mutex_unlock(&pool->lock);
	mutex_destroy(&pool->lock);
}

/* ---- pages ---- */

static void vcma_pool_wake(struct vcma_pool *pool)
{
	if (!time_before(jiffies, READ_ONCE(pool->refill_after)))
		queue_work(pool->region->wq, &pool->refill);
}

/* Nothing was found at or below @max_dma that a granule would not have. */
static void vcma_pool_wake_failed(struct vcma_pool *pool, u64 max_dma)
{
	u64 old;

	atomic_set(&pool->refill_failed, 1);
	old = atomic64_read(&pool->refill_limit);
	while (max_dma < old) {
		u64 seen = atomic64_cmpxchg(&pool->refill_limit, old, max_dma);

		if (seen == old)
			break;
		old = seen;
	}
	vcma_pool_wake(pool);
}

static void vcma_slots_fill(struct vcma_slot *slot, u32 first, u32 nr, phys_addr_t orig)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		slot[i].first = first;
		slot[i].orig = orig;
		if (orig != VCMA_NO_ORIG)
			orig = (orig & PAGE_MASK) + PAGE_SIZE;
	}
}

bool vcma_pool_alloc(struct vcma_pool *pool, const struct vcma_fit *fit,
		     struct vcma_client *owner, phys_addr_t orig, u64 bytes,
		     struct vcma_piece *piece)
{
	u64 need = (u64)fit->nr << PAGE_SHIFT;
	struct vcma_block *block;
	unsigned long cpu = 0;
	u64 off;
	u32 first;

	rcu_read_lock();
	list_for_each_entry_rcu(block, &pool->blocks, node) {
		struct vcma_algo algo = { .fit = fit, .base_dma = block->base_dma };

		cpu = gen_pool_alloc_algo(block->pages, need, vcma_pool_algo, &algo);
		if (cpu)
			break;
	}
	rcu_read_unlock();
	if (!cpu) {
		if (fit->align_pages << PAGE_SHIFT <= pool->region->granule_bytes)
			vcma_pool_wake_failed(pool, fit->max_dma);
		return false;
	}

	off = cpu - (unsigned long)block->cpu;
	first = off >> PAGE_SHIFT;
	piece->block = block;
	piece->slot = &block->slots[first];
	piece->cpu = (void *)cpu;
	piece->dma = block->base_dma + off;
	vcma_slots_fill(piece->slot, first, fit->nr, orig);
	piece->slot->bytes = bytes;
	piece->slot->nr = fit->nr;
	refcount_set(&piece->slot->refs, 1);
	WRITE_ONCE(piece->slot->owner, owner);

	if (atomic64_sub_return(need, &pool->free_bytes) < (s64)pool->low_bytes)
		vcma_pool_wake(pool);
	return true;
}

static void vcma_pool_free_pages(struct vcma_block *block, struct vcma_slot *slot)
{
	struct vcma_pool *pool = &block->region->pools[block->attr];
	u64 bytes = (u64)slot->nr << PAGE_SHIFT;
	unsigned long cpu;

	cpu = (unsigned long)block->cpu + ((slot - block->slots) << PAGE_SHIFT);
	/* Count first: with all pages free the block may be gone. */
	if (atomic64_add_return(bytes, &pool->free_bytes) > (s64)vcma_pool_spare(pool))
		queue_delayed_work(pool->region->wq, &pool->trim, VCMA_TRIM_DELAY);
	gen_pool_free(block->pages, cpu, bytes);
}

void vcma_pool_free(struct vcma_block *block, struct vcma_slot *slot)
{
	WRITE_ONCE(slot->owner, NULL);
	vcma_pool_put_range(block, slot);
}

void vcma_pool_put_range(struct vcma_block *block, struct vcma_slot *slot)
{
	if (slot && refcount_dec_and_test(&slot->refs))
		vcma_pool_free_pages(block, slot);
}

bool vcma_pool_get_range(struct vcma_block *block, u64 off, u64 bytes,
			 struct vcma_slot **slot)
{
	u32 page = off >> PAGE_SHIFT, end = (off + bytes - 1) >> PAGE_SHIFT;
	struct vcma_slot *first, *slots;
	bool got = false;

	if (block->use != VCMA_BLOCK_POOL) {
		*slot = NULL;
		return true;
	}
	rcu_read_lock();
	slots = READ_ONCE(block->slots);
	if (!slots)
		goto out;
	first = &slots[READ_ONCE(slots[page].first)];
	if (!READ_ONCE(first->owner) || !refcount_inc_not_zero(&first->refs))
		goto out;
	/* Now it can't change any more: is it what it was? */
	got = READ_ONCE(first->owner) && first->orig == VCMA_NO_ORIG &&
	      &slots[slots[page].first] == first && end - slots[page].first < first->nr;
	if (got)
		*slot = first;
	else
		vcma_pool_put_range(block, first);
out:
	rcu_read_unlock();
	return got;
}

struct vcma_slot *vcma_pool_slot(const struct vcma_block *block, u64 dma)
{
	struct vcma_slot *first, *slots = READ_ONCE(block->slots);
	u32 page = (dma - block->base_dma) >> PAGE_SHIFT;

	if (!slots)
		return NULL;
	first = &slots[slots[page].first];
	if (!READ_ONCE(first->owner) || page - slots[page].first >= first->nr)
		return NULL;
	return first;
}

unsigned int vcma_pool_free_owned(struct vcma_pool *pool, const struct vcma_client *owner)
{
	struct vcma_block *block;
	unsigned int nr = 0;

	mutex_lock(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node) {
		u64 i, end = block->bytes >> PAGE_SHIFT;

		for (i = 0; i < end; i++) {
			if (READ_ONCE(block->slots[i].owner) != owner)
				continue;
			vcma_pool_free(block, &block->slots[i]);
			nr++;
		}
	}
	mutex_unlock(&pool->lock);
	return nr;
}
