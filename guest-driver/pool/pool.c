// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of the ready pool: how many there are to be, when it is filled, and how it shrinks (pool.h).
 * How they are got from the host is in pool_grow.c, what happens to their pages in pool_pages.c.
 *
 * The pool is one run of its whole size, if the host has it in one piece, for large
 * allocations; and, beyond its size, an eighth in single granules, which small allocations
 * use first. The list is in order of size.
 *
 * Lock order: see region.h. Allocation walks the block list under RCU; a block leaves the list,
 * and a grace period passes, before it is looked at for pages in use.
 */
#include <linux/device.h>
#include <linux/genalloc.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "core/region.h"
#include "hv/core/dma_windows.h"
#include "pool_pages.h"
#include "reserve.h"
#include "resv.h"

#define VCMA_REFILL_PAUSE	(HZ / 2)	/* after the host had nothing to give */
#define VCMA_PRESSURE_PAUSE	(10 * HZ)	/* after the guest needed it back */
#define VCMA_POOL_DEFAULT	SZ_16M
#define VCMA_POOL_PART_OF_RAM	32

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
	       vcma_pool_free_bytes(pool) <= (s64)bytes + VCMA_POOL_AREAS * VCMA_AREA_BYTES;
}

u64 vcma_pool_small_bytes(const struct vcma_pool *pool)
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

u64 vcma_pool_granule_bytes(const struct vcma_pool *pool)
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
		    vcma_pool_free_bytes(pool) < (s64)(keep_bytes + block->pool_bytes))
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

void vcma_pool_add(struct vcma_pool *pool, struct vcma_block *block, u64 isolated_bytes)
{
	mutex_lock(&pool->lock);
	WRITE_ONCE(pool->max_dma, max(pool->max_dma, block->base_dma + block->bytes - 1));
	atomic64_add(block->pool_bytes - isolated_bytes, &pool->free_bytes);
	vcma_pool_insert(pool, block);
	vcma_assert_valid(vcma_pool_is_valid(pool));
	mutex_unlock(&pool->lock);
	queue_delayed_work(pool->region->wq, &pool->zero, VCMA_ZERO_DELAY);
}

/* ---- in whose name ---- */

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
	u64 have = vcma_pool_free_bytes(pool), target = READ_ONCE(pool->target_bytes);
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
		if (spare && vcma_pool_free_bytes(pool) < (s64)READ_ONCE(pool->low_bytes))
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
	s64 idle = vcma_pool_free_bytes(pool) - (s64)vcma_pool_small_bytes(pool);

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
	missing = vcma_pool_spare(pool) - vcma_pool_free_bytes(pool);
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
	missing = vcma_pool_spare(pool) - vcma_pool_free_bytes(pool);
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
