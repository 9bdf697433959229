/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between pool.c (blocks come and go), pool_grow.c (where from) and pool_pages.c (slots of the
 * blocks): nobody else includes this.
 */
#ifndef VCMA_POOL_PAGES_H
#define VCMA_POOL_PAGES_H

#include "pool.h"

#define VCMA_ZERO_DELAY		1	/* a tick: what is freed in between goes along */

struct hvcma_dma_windows;
struct vcma_partial;

/* In whose name memory is got: the host lets him draw on the pool's reservation, and he reaches it. */
struct vcma_pool_name {
	u32 id;
	const struct hvcma_dma_windows *windows;
};

/**
 * vcma_pool_grow() - get @bytes from the host, for nobody in particular. May sleep; caller holds no
 * lock.
 *
 * Return: 0 if any came, else why not.
 */
int vcma_pool_grow(struct vcma_pool *pool, const struct vcma_pool_name *name, u64 bytes,
		   u64 max_dma);

/** vcma_pool_small_bytes() - what is to be kept in single granules. */
u64 vcma_pool_small_bytes(const struct vcma_pool *pool);

/** vcma_pool_granule_bytes() - what there is in single granules. Caller holds vcma_pool.lock. */
u64 vcma_pool_granule_bytes(const struct vcma_pool *pool);

/**
 * vcma_pool_add() - a new block becomes the pool's; @isolated_bytes of it are in use already. Takes
 * vcma_pool.lock.
 */
void vcma_pool_add(struct vcma_pool *pool, struct vcma_block *block, u64 isolated_bytes);

/**
 * vcma_pages_init() - the records of a new block's slots; all are free and dirty.
 * @parts: which pages are isolated; NULL: all
 *
 * Return: 0, or -ENOMEM and nothing was done.
 */
int vcma_pages_init(struct vcma_pool *pool, struct vcma_block *block,
		    const struct vcma_partial *parts);

/**
 * vcma_pages_unpublish() - no slot is in use: from a grace period on nobody looks at the
 * records any more.
 */
void vcma_pages_unpublish(struct vcma_block *block);

/** vcma_pages_destroy() - free the records. */
void vcma_pages_destroy(struct vcma_block *block);

/**
 * vcma_pages_isolate() - take slots of one block, as vcma_pool_alloc().
 * @block: nobody else's yet, or on the pool's list and under rcu_read_lock()
 */
bool vcma_pages_isolate(struct vcma_block *block, const struct vcma_fit *fit, bool clean,
			u32 *first);

/**
 * vcma_fit_find() - the first run of free slots that fits.
 * @map: bit i is slot i, at DMA address @base_dma + i slots; set: in use
 * @end, @start: where to look
 *
 * Return: its first slot; @end if there is none.
 */
unsigned long vcma_fit_find(const struct vcma_fit *fit, unsigned long *map, unsigned long end,
			    unsigned long start, u64 base_dma);

/** vcma_pages_record() - fill the records of taken slots, and @piece. */
void vcma_pages_record(struct vcma_block *block, u32 first, u32 nr, struct vcma_pool_user *owner,
		       phys_addr_t orig, u64 bytes, struct vcma_piece *piece);

/** vcma_stacks_init() - all are empty. */
void vcma_stacks_init(struct vcma_pool *pool);

/** vcma_stacks_flush() - put the runs that wait in the stacks back into their blocks. */
void vcma_stacks_flush(struct vcma_pool *pool);

/** vcma_pool_zero_work() - zeroes what is free and dirty. */
void vcma_pool_zero_work(struct work_struct *work);

/** vcma_pool_wake() - get more in the background, unless that has just failed. */
void vcma_pool_wake(struct vcma_pool *pool);

/**
 * vcma_pool_wake_failed() - @user found nothing at or below @max_dma.
 * @urgent: get more though the guest is short of memory
 */
void vcma_pool_wake_failed(struct vcma_pool *pool, const struct vcma_pool_user *user, u64 max_dma,
			   bool urgent);

/** vcma_pool_spare() - how much may be free without going back after a while. */
u64 vcma_pool_spare(const struct vcma_pool *pool);

#define VCMA_TRIM_DELAY		(5 * HZ)

#endif /* VCMA_POOL_PAGES_H */
