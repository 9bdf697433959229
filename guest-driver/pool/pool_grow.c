// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the ready pool gets blocks from the host (pool.h): ahead of need, as long runs and single
 * granules; or for one allocation that waits, at the price of what other pools have to spare. When
 * and how much is pool.c's to say.
 *
 * Where no granule can be isolated as a whole it is parts of some (mm/partial.h).
 *
 * Locks: vcma_pool.lock, for moments. Memory is got from the host without any.
 */
#include <linux/device.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include "core/mode.h"
#include "core/region.h"
#include "core/trace.h"
#include "mm/partial.h"
#include "pool_pages.h"
#include "reserve.h"
#include "resv.h"

#define VCMA_REFILL_LIMIT_MS	2000		/* nobody waits for it */
#define VCMA_POOL_PART_PAGES	(SZ_64K / PAGE_SIZE)	/* parts of granules are no smaller */
#define VCMA_POOL_PART_TRIES	8

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

int vcma_pool_grow(struct vcma_pool *pool, const struct vcma_pool_name *name, u64 bytes,
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
