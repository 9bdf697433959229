/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shares of a region: the part that all clients share, and set-asides. Each has its own
 * ready pools, so that what is set aside for some is not used up by others.
 */
#ifndef VCMA_SHARE_H
#define VCMA_SHARE_H

#include <linux/list.h>

#include "pool.h"

struct vcma_region;

struct vcma_share {
	struct list_head node;
	unsigned int id;		/* > 0 */
	struct vcma_pool pools[VCMA_NR_ATTRS];
};

/**
 * vcma_share_pools() - the pools of set-aside @id, one per memory type; those of the
 * shared part for 0. Made when first asked for, and kept until the region ends. May
 * sleep.
 *
 * Return: array of VCMA_NR_ATTRS pools, or NULL if memory is short.
 */
struct vcma_pool *vcma_share_pools(struct vcma_region *r, unsigned int id);

/** vcma_region_pool() - the @i-th of all pools of the region, or NULL after the last. */
struct vcma_pool *vcma_region_pool(struct vcma_region *r, unsigned int i);

/** vcma_shares_init(), vcma_shares_destroy() - with all pools, in main.c's order. */
void vcma_shares_init(struct vcma_region *r, u64 pool_bytes);
void vcma_shares_destroy(struct vcma_region *r);

#endif /* VCMA_SHARE_H */
