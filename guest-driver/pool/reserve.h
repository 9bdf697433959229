/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Users of a pool, which are clients, and the reserve that each has: bounce buffers that are its
 * own for as long as it is claimed, used when the pool has none. Neither coherent memory nor
 * other clients nor a guest that is short of
 * memory take it away. So whoever waits for the client's I/O, reclaim above all, waits for what
 * is under way, and for nothing else: when that ends, the longest mapping fits again. What the
 * longest one is, where granules are short, is for the reserve to say: it was had in one piece.
 *
 *	pool block	|....|  reserve of a client  |....|
 *	used		     |xx..xxxx...............|	a bit per slot
 */
#ifndef VCMA_RESERVE_H
#define VCMA_RESERVE_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "pool.h"

struct device;
struct hvcma_dma_windows;

/*
 * The longest mapping that drivers are told of. As long as swiotlb allows, for longer runs of free
 * pages are rare under load; in a region that is pinned from the start, where few mappings are
 * copied, a shorter limit would cost all the others more than that costs the few.
 */
#define VCMA_MAPPING_BYTES	SZ_256K
#define VCMA_MAPPING_PINNED_BYTES	SZ_512K
/* One mapping of that length, wherever it begins in a page, and as much again. */
#define VCMA_RESERVE_BYTES(mapping_bytes)	(2 * (mapping_bytes))
#define VCMA_RESERVE_SLOTS	(VCMA_RESERVE_BYTES(VCMA_MAPPING_PINNED_BYTES) >> VCMA_SLOT_SHIFT)

struct vcma_reserve {
	spinlock_t lock;		/* a leaf: all below */
	struct vcma_piece all;		/* of the pool; block NULL: there is none */
	u32 nr;				/* slots of it */
	u64 max_dma;			/* that it was asked for with */
	u64 longest_bytes;		/* that can be had in one piece; read anywhere */
	DECLARE_BITMAP(used, VCMA_RESERVE_SLOTS);
};

/* Who allocates from a pool: a part of a client. */
struct vcma_pool_user {
	const char *name;		/* for messages; constant, as is id */
	u32 id;				/* the host's, of the client */
	/* What it reaches; NULL: all, at DMA addresses. Constant while it is a user. */
	const struct hvcma_dma_windows *windows;
	struct list_head node;		/* in vcma_pool.users; vcma_pool.lock */
	/* While it is one. */
	struct vcma_pool *pool;
	struct device *dev;		/* for messages */
	struct vcma_reserve reserve;
};

void vcma_reserve_init(struct vcma_reserve *reserve, u64 granule_bytes);

/** vcma_reserve_mapping_bytes() - the longest mapping that drivers of @region's clients are told of. */
u64 vcma_reserve_mapping_bytes(const struct vcma_region *region);

/**
 * vcma_reserve_fill() - take it from the client's pool, at nobody's expense. May sleep. Without
 * memory for it, which is logged, the client has none.
 * @max_dma: highest address that it may have; what is in reach already stays. Where nothing of
 *	it is in use, and it is out of reach, there is another one
 */
void vcma_reserve_fill(struct vcma_pool_user *user, u64 max_dma);

/**
 * vcma_reserve_yield() - an allocation of the client's own that is longer than a granule may need
 * its place: it goes back if nothing of it is in use. May sleep. Caller restores it.
 */
void vcma_reserve_yield(struct vcma_pool_user *user);

/** vcma_reserve_restore() - after that, whether it had gone back or not. May sleep. */
void vcma_reserve_restore(struct vcma_pool_user *user);

/** vcma_reserve_empty() - the client is quiesced: all of it goes back to the pool. */
void vcma_reserve_empty(struct vcma_pool_user *user);

/**
 * vcma_reserve_alloc() - as vcma_pool_alloc(), for a bounce buffer, from the reserve. Any context.
 */
bool vcma_reserve_alloc(struct vcma_pool_user *user, const struct vcma_fit *fit, phys_addr_t orig,
			u64 bytes, struct vcma_piece *piece);

/**
 * vcma_reserve_free() - free what came from vcma_reserve_alloc(). Any context.
 *
 * Return: false if it is not of the reserve.
 */
bool vcma_reserve_free(struct vcma_pool_user *user, struct vcma_block *block, struct vcma_slot *slot);

#endif /* VCMA_RESERVE_H */
