// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of the ready pool: how it is filled, grows and shrinks (pool.h). What happens
 * to their pages is in pool_pages.c.
 *
 * The pool is one run of its whole size, if the host has it in one piece, for large
 * allocations; and, beyond its size, an eighth in single granules, which small allocations
 * use first. The list is in order of size.
 *
 * Lock order: see region.h. Memory is got from the host without a lock. Allocation walks
 * the block list under RCU; a block leaves the list, and a grace period passes, before it
 * is looked at for pages in use.
 */
#include <linux/genalloc.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "core/mode.h"
#include "core/region.h"
#include "core/trace.h"
#include "hv/core/dma_windows.h"
#include "mm/partial.h"
#include "pool_pages.h"
#include "reserve.h"
#include "resv.h"

#define VCMA_REFILL_PAUSE	(HZ / 2)	/* after the host had nothing to give */
#define VCMA_PRESSURE_PAUSE	(10 * HZ)	/* after the guest needed it back */
#define VCMA_REFILL_LIMIT_MS	2000		/* nobody waits for it */
#define VCMA_POOL_DEFAULT	SZ_16M
#define VCMA_POOL_PART_OF_RAM	64
#define VCMA_POOL_PART_PAGES	(SZ_64K / PAGE_SIZE)	/* parts of granules are no smaller */
#define VCMA_POOL_PART_TRIES	8

bool vcma_pool_is_valid(struct vcma_pool *pool)
{
	struct vcma_block *block;
	u64 bytes = 0, last = 0;

	lockdep_assert_held(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node) {
		if (block->use != VCMA_BLOCK_POOL || block->attr != pool->attr ||
		    block->pool != pool || block->bytes < last || !block->cpu ||
		    gen_pool_avail(block->pages) > block->pool_bytes || !vcma_block_is_valid(block))
			return false;
		last = block->bytes;
		bytes += block->pool_bytes;
	}
	/* Pages are isolated before they are counted, and counted before they are back. */
	return bytes <= (u64)atomic64_read(&pool->region->stats.allocated_bytes) &&
	       atomic64_read(&pool->free_bytes) <= (s64)bytes;
}

/* What is kept in single granules. */
static u64 vcma_pool_small_bytes(const struct vcma_pool *pool)
{
	return vcma_region_round_up(pool->region, READ_ONCE(pool->high_bytes) / 8);
}

u64 vcma_pool_spare(const struct vcma_pool *pool)
{
	if (list_empty(&pool->users))
		return 0;
	return READ_ONCE(pool->high_bytes) + vcma_pool_small_bytes(pool);
}

/* ---- blocks in and out ---- */

/* Pages that are being zeroed are in use to gen_pool. */
static bool vcma_block_is_idle(struct vcma_block *block)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&block->pool->zero_lock, flags);
	idle = gen_pool_avail(block->pages) == block->pool_bytes;
	spin_unlock_irqrestore(&block->pool->zero_lock, flags);
	return idle;
}

/* Blocks that are idle, out of the pool, and seen by nobody who could allocate. */
static void vcma_pool_discard(struct llist_node *idle)
{
	struct vcma_block *block, *next;

	if (!idle)
		return;
	llist_for_each_entry(block, idle, free_node)
		vcma_pages_unpublish(block);
	synchronize_rcu();
	llist_for_each_entry_safe(block, next, idle, free_node) {
		vcma_pages_destroy(block);
		vcma_block_free(block);
	}
}

static void vcma_pool_insert(struct vcma_pool *pool, struct vcma_block *block)
{
	struct list_head *at = &pool->blocks;
	struct vcma_block *b;

	lockdep_assert_held(&pool->lock);
	list_for_each_entry(b, &pool->blocks, node) {
		if (b->bytes > block->bytes) {
			at = &b->node;
			break;
		}
	}
	list_add_tail_rcu(&block->node, at);
}

static u64 vcma_pool_granule_bytes(const struct vcma_pool *pool)
{
	struct vcma_block *block;
	u64 bytes = 0;

	lockdep_assert_held(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node) {
		if (block->bytes == pool->region->granule_bytes)
			bytes += block->pool_bytes;
	}
	return bytes;
}

static void vcma_pool_dismiss(struct vcma_pool *pool, struct vcma_block *block,
			      struct llist_head *removing)
{
	list_del_rcu(&block->node);
	atomic64_sub(block->pool_bytes, &pool->free_bytes);
	llist_add(&block->free_node, removing);
}

/*
 * Take idle blocks out of the pool while more than @keep_bytes are free: those that are more
 * than that by themselves, then shorter ones first, but for @small_bytes of granules, which
 * small allocations are to use. Return: bytes.
 */
static u64 vcma_pool_shrink(struct vcma_pool *pool, u64 keep_bytes, u64 small_bytes)
{
	struct llist_head removing = LLIST_HEAD_INIT(removing);
	u64 granules = vcma_pool_granule_bytes(pool);
	u64 long_bytes = max(keep_bytes, pool->region->granule_bytes);
	struct llist_head idle = LLIST_HEAD_INIT(idle);
	struct vcma_block *block, *next;
	u64 bytes = 0;

	vcma_stacks_flush(pool);
	list_for_each_entry_safe_reverse(block, next, &pool->blocks, node) {
		if (block->bytes <= long_bytes)
			break;
		if (vcma_block_is_idle(block))
			vcma_pool_dismiss(pool, block, &removing);
	}
	list_for_each_entry_safe(block, next, &pool->blocks, node) {
		if (!vcma_block_is_idle(block) ||
		    atomic64_read(&pool->free_bytes) < (s64)(keep_bytes + block->pool_bytes))
			continue;
		if (block->bytes == pool->region->granule_bytes) {
			if (granules < small_bytes + block->pool_bytes)
				continue;
			granules -= block->pool_bytes;
		}
		vcma_pool_dismiss(pool, block, &removing);
	}
	if (llist_empty(&removing))
		return 0;
	synchronize_rcu();
	llist_for_each_entry_safe(block, next, llist_del_all(&removing), free_node) {
		if (vcma_block_is_idle(block)) {
			bytes += block->pool_bytes;
			llist_add(&block->free_node, &idle);
			continue;
		}
		/* An allocation was under way and has got its pages here. */
		atomic64_add(block->pool_bytes, &pool->free_bytes);
		vcma_pool_insert(pool, block);
	}
	vcma_pool_discard(llist_del_all(&idle));
	vcma_assert_valid(vcma_pool_is_valid(pool));
	return bytes;
}

/* All that is idle, but for what makes small allocations in any context possible. */
static u64 vcma_pool_shrink_spare(struct vcma_pool *pool)
{
	return vcma_pool_shrink(pool, 0, list_empty(&pool->users) ? 0 :
					 vcma_pool_small_bytes(pool));
}

/* A new block becomes the pool's; @isolated_bytes of it are in use already. */
static void vcma_pool_add(struct vcma_pool *pool, struct vcma_block *block, u64 isolated_bytes)
{
	mutex_lock(&pool->lock);
	WRITE_ONCE(pool->max_dma, max(pool->max_dma, block->base_dma + block->bytes - 1));
	atomic64_add(block->pool_bytes - isolated_bytes, &pool->free_bytes);
	vcma_pool_insert(pool, block);
	vcma_assert_valid(vcma_pool_is_valid(pool));
	mutex_unlock(&pool->lock);
	queue_delayed_work(pool->region->wq, &pool->zero, VCMA_ZERO_DELAY);
}

/* ---- growth ---- */

/* In whose name memory is got: the host lets him draw on the pool's reservation, and he reaches it. */
struct vcma_pool_name {
	u32 id;
	const struct hvcma_dma_windows *windows;
};

static struct vcma_pool_name vcma_pool_name_of(const struct vcma_pool_user *user)
{
	return (struct vcma_pool_name) { .id = user->id, .windows = user->windows };
}

/* The user with that id; if there is none, the first one; else nobody. */
static struct vcma_pool_name vcma_pool_name(struct vcma_pool *pool, u32 id)
{
	struct vcma_pool_name name = { .id = VIRTIO_CMA_CLIENT_SHARED };
	struct vcma_pool_user *user, *found = NULL;

	mutex_lock(&pool->lock);
	list_for_each_entry(user, &pool->users, node) {
		if (!found || user->id == id)
			found = user;
	}
	if (found)
		name = vcma_pool_name_of(found);
	mutex_unlock(&pool->lock);
	return name;
}

/*
 * Alignment of blocks to granules costs nothing where addresses are those of memory; on a bus they
 * may be misaligned for good, and slots are judged one by one.
 */
static u64 vcma_pool_align_bytes(const struct vcma_pool *pool,
				 const struct hvcma_dma_windows *windows)
{
	return windows ? 0 : pool->region->granule_bytes;
}

/* No refill insists: nobody waits for it. */
static struct vcma_constraints vcma_pool_want(struct vcma_pool *pool,
					      const struct vcma_pool_name *name, u64 bytes,
					      u64 max_dma)
{
	return (struct vcma_constraints) {
		.bytes = bytes,
		.align_bytes = vcma_pool_align_bytes(pool, name->windows),
		.max_dma = max_dma,
		.windows = name->windows,
		.place = name->id,
		.attr = pool->attr,
		.use = VCMA_BLOCK_POOL,
		.client = pool->resv ? name->id : VIRTIO_CMA_CLIENT_SHARED,
		.resv = pool->resv,
		.deadline = ktime_add_ms(ktime_get(), VCMA_REFILL_LIMIT_MS),
	};
}

/* @parts: what is isolated of the block; NULL: all. Return: bytes that have joined the pool. */
static u64 vcma_pool_add_block(struct vcma_pool *pool, struct vcma_block *block,
			       const struct vcma_partial *parts)
{
	u64 bytes;

	if (vcma_pages_init(pool, block, parts)) {
		vcma_block_free(block);
		return 0;
	}
	bytes = block->pool_bytes;
	vcma_pool_add(pool, block, 0);
	return bytes;
}

/*
 * Isolate what can be had of a lazily allocated granule, in parts, and map it.
 * Return: 0; -EBUSY (nothing); or an error of vcma_partial_isolate(). Whatever it is,
 * vcma_partial_destroy() is called for, and the block is still allocated.
 */
static int vcma_pool_isolate_parts(struct vcma_pool *pool, struct vcma_block *block,
				   u64 part_pages, const struct vcma_alloc_limits *limits,
				   struct vcma_partial *parts)
{
	u64 nr_pages = PHYS_PFN(block->bytes);
	int err;

	err = vcma_partial_init(parts, block, min(part_pages, nr_pages));
	if (err)
		return err;
	vcma_partial_collect(parts, 1, parts->nr_parts);
	err = vcma_partial_isolate(parts, parts->nr_parts - parts->nr_isolated, limits->flags,
				   limits->deadline);
	if (!parts->nr_isolated)
		return err ?: -EBUSY;
	return pool->region->mode->map(block, 0, nr_pages, pool->attr, &block->cpu);
}

/* Can the pool use granules of which it has only parts? The linear map has them all. */
static bool vcma_pool_may_isolate_parts(const struct vcma_pool *pool)
{
	return pool->region->mode->has_pages && pool->attr == VCMA_CACHED;
}

/* Single granules. Return: bytes got; @err says why not all. */
static u64 vcma_pool_grow_granules(struct vcma_pool *pool, const struct vcma_pool_name *name,
				   u64 bytes, u64 max_dma, int *err)
{
	struct vcma_region *r = pool->region;
	struct vcma_constraints want = vcma_pool_want(pool, name, r->granule_bytes, max_dma);
	struct vcma_block *blocks[VCMA_BULK_BLOCKS];
	u64 got = 0, one;
	int i, nr;

	while (got < bytes) {
		nr = vcma_block_alloc_bulk(r, &want, min_t(u64, (bytes - got) >> r->granule_shift,
							   VCMA_BULK_BLOCKS), blocks);
		if (nr < 0) {
			*err = nr;
			break;
		}
		for (i = 0, one = 0; i < nr; i++)
			one += vcma_pool_add_block(pool, blocks[i], NULL);
		if (!one) {
			*err = -ENOMEM;
			break;
		}
		got += one;
	}
	return got;
}

/* The longest runs there are. Return: bytes got. */
static u64 vcma_pool_grow_runs(struct vcma_pool *pool, const struct vcma_pool_name *name, u64 bytes,
			       u64 max_dma)
{
	struct vcma_region *r = pool->region;
	struct vcma_block *block;
	u64 run = bytes, got = 0;

	while (run > r->granule_bytes && vcma_region_is_live(r)) {
		struct vcma_constraints want = vcma_pool_want(pool, name, run, max_dma);

		if (!vcma_block_alloc(r, &want, &block)) {
			u64 one = vcma_pool_add_block(pool, block, NULL);

			if (!one)
				break;
			got += one;
		} else {
			run = round_down(run / 2, r->granule_bytes);
		}
		run = min(run, bytes - got);
	}
	return got;
}

/* Parts of granules, none of which can be isolated as a whole. Return: bytes got. */
static u64 vcma_pool_grow_parts(struct vcma_pool *pool, const struct vcma_pool_name *name,
				u64 bytes, u64 max_dma, int *err)
{
	struct vcma_constraints want = vcma_pool_want(pool, name, pool->region->granule_bytes,
						      max_dma);
	struct vcma_alloc_limits limits = { .deadline = want.deadline };
	struct vcma_block *empty[VCMA_POOL_PART_TRIES], *block;
	unsigned int nr = 0;
	u64 got = 0;

	want.lazy = true;
	while (got < bytes && nr < VCMA_POOL_PART_TRIES &&
	       ktime_before(ktime_get(), limits.deadline)) {
		struct vcma_partial parts = {};
		u64 one;

		*err = vcma_block_alloc(pool->region, &want, &block);
		if (*err)
			break;
		*err = vcma_pool_isolate_parts(pool, block, VCMA_POOL_PART_PAGES, &limits, &parts);
		if (*err) {
			empty[nr++] = block;
		} else {
			one = vcma_pool_add_block(pool, block, &parts);
			if (!one)
				*err = -ENOMEM;
			got += one;
		}
		vcma_partial_destroy(&parts);
		if (*err && *err != -EBUSY)
			break;
	}
	while (nr)
		vcma_block_free(empty[--nr]);
	return got;
}

/* Get @bytes from the host. Return: 0 if any came, else why not. */
static int vcma_pool_grow(struct vcma_pool *pool, const struct vcma_pool_name *name, u64 bytes,
			  u64 max_dma)
{
	u64 small = vcma_pool_small_bytes(pool), have, got;
	int err = 0;

	mutex_lock(&pool->lock);
	have = vcma_pool_granule_bytes(pool);
	mutex_unlock(&pool->lock);
	bytes = vcma_region_round_up(pool->region, bytes);
	small = min(bytes, small > have ? small - have : 0);
	got = vcma_pool_grow_granules(pool, name, small, max_dma, &err);
	if (!err) {
		got += vcma_pool_grow_runs(pool, name, bytes - got, max_dma);
		got += vcma_pool_grow_granules(pool, name, bytes - got, max_dma, &err);
	}
	if (!got && vcma_pool_may_isolate_parts(pool) && vcma_region_is_live(pool->region))
		got = vcma_pool_grow_parts(pool, name, bytes, max_dma, &err);
	if (got < bytes)
		dev_dbg(pool->region->dev, "region %s: pool grows by %llu of %llu bytes: %d\n",
			pool->region->name, got, bytes, err);
	trace_vcma_pool_grow(pool, bytes, max_dma, err);
	return got ? 0 : err;
}

static struct vcma_constraints vcma_pool_want_for(struct vcma_pool *pool,
						  const struct vcma_fit *fit,
						  const struct vcma_alloc_limits *limits,
						  const struct vcma_pool_user *owner)
{
	return (struct vcma_constraints) {
		.bytes = (u64)fit->nr << VCMA_SLOT_SHIFT,
		.align_bytes = max(fit->align_slots << VCMA_SLOT_SHIFT,
				   vcma_pool_align_bytes(pool, fit->windows)),
		.max_dma = fit->max_dma,
		.windows = fit->windows,
		.place = owner->id,
		.attr = pool->attr,
		.use = VCMA_BLOCK_POOL,
		.client = pool->resv ? owner->id : VIRTIO_CMA_CLIENT_SHARED,
		.resv = pool->resv,
		.flags = limits->flags,
		.deadline = limits->deadline,
		.owner = owner->name,
	};
}

/*
 * A block comes to the pool for one allocation, which has its pages before others see the
 * block. Return: 0; or -ENOMEM, -ENOSPC (not enough in one piece), and it is freed.
 */
static int vcma_pool_add_block_for(struct vcma_pool *pool, struct vcma_block *block,
				   const struct vcma_partial *parts, const struct vcma_fit *fit,
				   struct vcma_pool_user *owner, u64 bytes, struct vcma_piece *piece)
{
	u32 first;
	int err;

	err = vcma_pages_init(pool, block, parts);
	if (!err && !vcma_pages_isolate(block, fit, false, &first)) {
		vcma_pages_unpublish(block);
		synchronize_rcu();
		vcma_pages_destroy(block);
		err = -ENOSPC;
	}
	if (err) {
		vcma_block_free(block);
		return err;
	}
	vcma_pages_record(block, first, fit->nr, owner, VCMA_NO_ORIG, bytes, piece);
	vcma_pool_add(pool, block, (u64)fit->nr << VCMA_SLOT_SHIFT);
	return 0;
}

/* No granule can be isolated as a whole, or at a price: then part of one. */
static int vcma_pool_grow_part_for(struct vcma_pool *pool, const struct vcma_fit *fit,
				   const struct vcma_alloc_limits *limits,
				   struct vcma_pool_user *owner, u64 bytes,
				   struct vcma_piece *piece)
{
	u64 nr_pages = DIV_ROUND_UP(fit->nr, VCMA_SLOTS_PER_PAGE);
	u64 part_pages = max_t(u64, roundup_pow_of_two(nr_pages), VCMA_POOL_PART_PAGES);
	struct vcma_constraints want = vcma_pool_want_for(pool, fit, limits, owner);
	struct vcma_block *empty[VCMA_POOL_PART_TRIES], *block;
	int err = -EBUSY, nr = 0;

	want.lazy = true;
	while (err == -EBUSY && nr < VCMA_POOL_PART_TRIES) {
		struct vcma_partial parts = {};

		err = vcma_block_alloc(pool->region, &want, &block);
		if (err)
			break;
		err = vcma_pool_isolate_parts(pool, block, part_pages, limits, &parts);
		if (err)	/* kept until the end: the host would offer it again */
			empty[nr++] = block;
		else
			err = vcma_pool_add_block_for(pool, block, &parts, fit, owner, bytes,
						      piece);
		vcma_partial_destroy(&parts);
	}
	while (nr)
		vcma_block_free(empty[--nr]);
	return err;
}

static int vcma_pool_grow_for(struct vcma_pool *pool, const struct vcma_fit *fit,
			      const struct vcma_alloc_limits *limits, struct vcma_pool_user *owner,
			      u64 bytes, struct vcma_piece *piece)
{
	struct vcma_constraints want = vcma_pool_want_for(pool, fit, limits, owner);
	bool by_parts = vcma_pool_may_isolate_parts(pool) &&
			want.bytes <= pool->region->granule_bytes / 2;
	struct vcma_block *block;
	int err;

	if (by_parts)	/* an empty granule, or what is empty of one */
		want.flags |= VCMA_FAST;
	err = vcma_block_alloc(pool->region, &want, &block);
	if (!err)
		return vcma_pool_add_block_for(pool, block, NULL, fit, owner, bytes, piece);
	if (by_parts && vcma_region_is_live(pool->region)) {
		dev_dbg(pool->region->dev, "region %s: %llu bytes for '%s': no empty granule (%pe): part of one\n",
			pool->region->name, bytes, owner->name, ERR_PTR(err));
		err = vcma_pool_grow_part_for(pool, fit, limits, owner, bytes, piece);
	}
	return err;
}

/*
 * Who can't wait must not find the pools empty because of what others asked for, got or not.
 * @wait: they may be, even of what small allocations need
 */
static void vcma_pools_restore(struct vcma_region *r, const struct vcma_alloc_limits *limits,
			       bool wait)
{
	struct vcma_pool *p;
	unsigned int i;

	/* It may wait for I/O that waits for the caller. */
	wait &= current_gfp_context(GFP_KERNEL) == GFP_KERNEL;
	for (i = 0; (p = vcma_region_pool(r, i)); i++) {
		queue_work(r->wq, &p->refill);
		if (wait && !vcma_is_late(limits->deadline))
			flush_work(&p->refill);
	}
}

int vcma_pool_alloc_slow(struct vcma_pool *pool, const struct vcma_fit *fit,
			 const struct vcma_alloc_limits *limits, struct vcma_pool_user *owner,
			 u64 bytes, struct vcma_piece *piece)
{
	enum { ASK, YIELD_SPARE, YIELD_ALL } step;
	struct vcma_region *r = pool->region;
	bool long_run = (u64)fit->nr << VCMA_SLOT_SHIFT > r->granule_bytes;
	struct vcma_pool *p;
	unsigned int i;
	int err = -ENOMEM;

	for (step = ASK; step <= YIELD_ALL && vcma_region_is_live(r); step++) {
		/* What others don't need, or have just freed, may be what is missing. */
		if (step != ASK) {
			dev_dbg(r->dev, "region %s: %llu bytes for '%s': %pe: pools yield %s\n",
				r->name, bytes, owner->name, ERR_PTR(err),
				step == YIELD_ALL ? "all" : "what they can spare");
			vcma_region_flush_frees(r);
			if (step == YIELD_ALL && long_run)
				vcma_reserve_yield(owner);
			for (i = 0; (p = vcma_region_pool(r, i)); i++)
				vcma_pool_yield(p, step == YIELD_ALL && p->resv == pool->resv);
		}
		err = vcma_pool_grow_for(pool, fit, limits, owner, bytes, piece);
		/* Nothing that is allocated lies so low: then nothing that is freed does. */
		if (!err || err == -EPROTO || err == -ETIMEDOUT || err == -EINTR ||
		    limits->flags & VCMA_FAST ||
		    (!fit->windows && fit->max_dma < READ_ONCE(r->lowest_dma)))
			break;
		if (vcma_pool_alloc(pool, fit, owner, VCMA_NO_ORIG, bytes, piece)) {
			err = 0;
			break;
		}
	}
	if (step != ASK)
		vcma_pools_restore(r, limits, err != -EINTR && (err || step >= YIELD_ALL));
	if (step >= YIELD_ALL && long_run)
		vcma_reserve_restore(owner);
	return err;
}

/* ---- in the background ---- */

/* @urgent: whoever needs memory back may be waiting for what waits for this */
static void vcma_pool_wake_for(struct vcma_pool *pool, bool urgent)
{
	if (time_before(jiffies, READ_ONCE(pool->refill_after)) ||
	    (!urgent && time_before(jiffies, READ_ONCE(pool->relief_until))))
		return;
	if (!work_pending(&pool->refill))
		queue_work(pool->region->wq, &pool->refill);
}

void vcma_pool_wake(struct vcma_pool *pool)
{
	vcma_pool_wake_for(pool, false);
}

void vcma_pool_wake_failed(struct vcma_pool *pool, const struct vcma_pool_user *user, u64 max_dma,
			   bool urgent)
{
	u64 old;

	atomic_set(&pool->refill_failed, 1);
	/* The limits of two buses can't be compared: the last one counts. */
	if (READ_ONCE(pool->refill_for) != user->id) {
		WRITE_ONCE(pool->refill_for, user->id);
		atomic64_set(&pool->refill_limit, max_dma);
	}
	old = atomic64_read(&pool->refill_limit);
	while (max_dma < old) {
		u64 seen = atomic64_cmpxchg(&pool->refill_limit, old, max_dma);

		if (seen == old)
			break;
		old = seen;
	}
	vcma_pool_wake_for(pool, urgent);
}

static bool vcma_pool_is_used(struct vcma_pool *pool)
{
	bool used;

	mutex_lock(&pool->lock);
	used = !list_empty(&pool->users);
	mutex_unlock(&pool->lock);
	return used;
}

static void vcma_pool_refill(struct work_struct *work)
{
	struct vcma_pool *pool = container_of(work, struct vcma_pool, refill);
	u64 limit = atomic64_xchg(&pool->refill_limit, U64_MAX);
	bool failed = atomic_xchg(&pool->refill_failed, 0);
	u64 have = atomic64_read(&pool->free_bytes), target = READ_ONCE(pool->target_bytes);
	struct vcma_pool_name name;
	u64 need = 0;

	if (have < target)
		need = target - have;
	else if (failed)	/* enough is free, but too high or in small pieces */
		need = pool->region->granule_bytes;
	if (!need || !vcma_pool_is_used(pool))
		return;
	name = vcma_pool_name(pool, READ_ONCE(pool->refill_for));
	if (vcma_pool_grow(pool, &name, need, limit))
		WRITE_ONCE(pool->refill_after, jiffies + VCMA_REFILL_PAUSE);
	/* The last user may have gone meanwhile. */
	mutex_lock(&pool->lock);
	if (list_empty(&pool->users))
		vcma_pool_shrink(pool, 0, 0);
	mutex_unlock(&pool->lock);
}

static void vcma_pool_trim(struct work_struct *work)
{
	struct vcma_pool *pool = container_of(to_delayed_work(work), struct vcma_pool, trim);
	u64 spare, bytes;

	mutex_lock(&pool->lock);
	if (READ_ONCE(pool->pressure)) {
		WRITE_ONCE(pool->pressure, false);
		WRITE_ONCE(pool->relief_until, jiffies + VCMA_PRESSURE_PAUSE);
		bytes = vcma_pool_shrink_spare(pool);
		atomic64_add(bytes, &pool->relieved_bytes);
		dev_dbg(pool->region->dev, "region %s: the guest is short of memory: %llu bytes go back\n",
			pool->region->name, bytes);
	} else {
		spare = vcma_pool_spare(pool);
		vcma_pool_shrink(pool, spare, min(spare, vcma_pool_small_bytes(pool)));
		if (spare && atomic64_read(&pool->free_bytes) < (s64)READ_ONCE(pool->low_bytes))
			vcma_pool_wake(pool);
	}
	mutex_unlock(&pool->lock);
}

void vcma_pool_yield(struct vcma_pool *pool, bool all)
{
	mutex_lock(&pool->lock);
	if (all)
		vcma_pool_shrink(pool, 0, 0);
	else
		vcma_pool_shrink_spare(pool);
	mutex_unlock(&pool->lock);
}

u64 vcma_pool_idle_bytes(struct vcma_pool *pool)
{
	s64 idle = atomic64_read(&pool->free_bytes) - (s64)vcma_pool_small_bytes(pool);

	return max(idle, 0LL);
}

void vcma_pool_shrink_later(struct vcma_pool *pool)
{
	WRITE_ONCE(pool->pressure, true);
	mod_delayed_work(pool->region->wq, &pool->trim, 0);
}

u64 vcma_pool_relieved_bytes(struct vcma_pool *pool)
{
	return atomic64_xchg(&pool->relieved_bytes, 0);
}

/* Does the user reach a page of the block? */
static bool vcma_block_is_reached(const struct vcma_block *block,
				  const struct hvcma_dma_windows *windows, u64 max_dma)
{
	u64 first, bytes;

	if (!windows)
		return block->base_dma + PAGE_SIZE - 1 <= max_dma;
	return hvcma_dma_windows_reach(windows, block->base_dma, block->bytes, max_dma, &first,
				       &bytes) && bytes >= PAGE_SIZE;
}

int vcma_pool_reach(struct vcma_pool *pool, const struct vcma_pool_user *user, u64 max_dma)
{
	const struct vcma_pool_name name = vcma_pool_name_of(user);
	struct vcma_block *block;
	bool reached = false;

	mutex_lock(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node)
		reached |= vcma_block_is_reached(block, user->windows, max_dma);
	mutex_unlock(&pool->lock);
	return reached ? 0 : vcma_pool_grow(pool, &name, pool->region->granule_bytes, max_dma);
}

/* ---- users ---- */

static void vcma_pool_set_size(struct vcma_pool *pool, u64 size_bytes)
{
	struct vcma_region *r = pool->region;

	if (!size_bytes)
		size_bytes = min_t(u64, r->bytes / 2, VCMA_POOL_DEFAULT);
	/* Of the guest's own RAM, of which a crash kernel has but a small part. */
	if (r->mode->is_ram)
		size_bytes = min_t(u64, size_bytes,
				   PFN_PHYS(totalram_pages()) / VCMA_POOL_PART_OF_RAM);
	size_bytes = vcma_region_round_up(r, min(size_bytes, r->bytes));
	WRITE_ONCE(pool->high_bytes, size_bytes);
	WRITE_ONCE(pool->target_bytes, size_bytes / 2);
	WRITE_ONCE(pool->low_bytes, size_bytes / 4);
}

void vcma_pool_init(struct vcma_pool *pool, struct vcma_region *r, enum vcma_attr attr,
		    unsigned int resv, u64 size_bytes)
{
	pool->region = r;
	pool->attr = attr;
	pool->resv = resv;
	vcma_pool_set_size(pool, size_bytes);
	mutex_init(&pool->lock);
	INIT_LIST_HEAD(&pool->blocks);
	INIT_LIST_HEAD(&pool->users);
	vcma_stacks_init(pool);
	spin_lock_init(&pool->zero_lock);
	INIT_DELAYED_WORK(&pool->zero, vcma_pool_zero_work);
	atomic64_set(&pool->refill_limit, U64_MAX);
	pool->refill_after = jiffies;
	pool->relief_until = jiffies;
	INIT_WORK(&pool->refill, vcma_pool_refill);
	INIT_DELAYED_WORK(&pool->trim, vcma_pool_trim);
}

void vcma_pool_resize(struct vcma_pool *pool, u64 size_bytes)
{
	struct vcma_pool_name name;
	s64 missing;
	bool used;

	mutex_lock(&pool->lock);
	vcma_pool_set_size(pool, size_bytes);
	used = !list_empty(&pool->users);
	missing = vcma_pool_spare(pool) - atomic64_read(&pool->free_bytes);
	mutex_unlock(&pool->lock);
	if (used && missing > 0) {
		name = vcma_pool_name(pool, VIRTIO_CMA_CLIENT_SHARED);
		vcma_pool_grow(pool, &name, missing, U64_MAX);
	}
	mod_delayed_work(pool->region->wq, &pool->trim, 0);
}

int vcma_pool_get(struct vcma_pool *pool, struct vcma_pool_user *user)
{
	const struct vcma_pool_name name = vcma_pool_name_of(user);
	bool first;
	int err = 0;
	s64 missing;

	mutex_lock(&pool->lock);
	first = list_empty(&pool->users);
	list_add_tail(&user->node, &pool->users);
	user->pool = pool;
	missing = vcma_pool_spare(pool) - atomic64_read(&pool->free_bytes);
	mutex_unlock(&pool->lock);

	if (first && missing > 0)
		err = vcma_pool_grow(pool, &name, missing, U64_MAX);
	/* What others have of it may be of no use to this one. */
	if (!err && user->windows)
		err = vcma_pool_reach(pool, user, U64_MAX);
	mutex_lock(&pool->lock);
	if (!list_empty(&pool->blocks) && !user->windows)
		err = 0;
	if (err)
		list_del(&user->node);
	mutex_unlock(&pool->lock);
	return err;
}

void vcma_pool_put(struct vcma_pool *pool, struct vcma_pool_user *user)
{
	mutex_lock(&pool->lock);
	list_del(&user->node);
	if (list_empty(&pool->users))
		vcma_pool_shrink(pool, 0, 0);
	mutex_unlock(&pool->lock);
}

void vcma_pool_destroy(struct vcma_pool *pool)
{
	cancel_work_sync(&pool->refill);
	cancel_delayed_work_sync(&pool->trim);
	cancel_delayed_work_sync(&pool->zero);
	mutex_lock(&pool->lock);
	vcma_pool_shrink(pool, 0, 0);
	WARN_ON(!list_empty(&pool->blocks));
	mutex_unlock(&pool->lock);
	mutex_destroy(&pool->lock);
}
