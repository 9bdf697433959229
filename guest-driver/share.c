// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shares of a region and their pools (share.h).
 *
 * The list only ever grows while the region lives: it is walked without a lock. It is
 * added to under vcma_bindings_lock.
 */
#include <linux/rculist.h>
#include <linux/slab.h>

#include "binding.h"
#include "region.h"
#include "share.h"

static void vcma_pools_init(struct vcma_pool *pools, struct vcma_region *r, unsigned int share,
			    u64 pool_bytes)
{
	int attr;

	for (attr = 0; attr < VCMA_NR_ATTRS; attr++)
		vcma_pool_init(&pools[attr], r, attr, share, pool_bytes);
}

static void vcma_pools_destroy(struct vcma_pool *pools)
{
	int attr;

	for (attr = 0; attr < VCMA_NR_ATTRS; attr++)
		vcma_pool_destroy(&pools[attr]);
}

struct vcma_pool *vcma_share_pools(struct vcma_region *r, unsigned int id)
{
	struct vcma_share *share;

	lockdep_assert_held(&vcma_bindings_lock);
	if (!id)
		return r->pools;
	list_for_each_entry(share, &r->shares, node) {
		if (share->id == id)
			return share->pools;
	}
	share = kzalloc(sizeof(*share), GFP_KERNEL);
	if (!share)
		return NULL;
	share->id = id;
	vcma_pools_init(share->pools, r, id, 0);
	list_add_tail_rcu(&share->node, &r->shares);
	return share->pools;
}

struct vcma_pool *vcma_region_pool(struct vcma_region *r, unsigned int i)
{
	struct vcma_share *share;

	if (i < VCMA_NR_ATTRS)
		return &r->pools[i];
	i -= VCMA_NR_ATTRS;
	list_for_each_entry_rcu(share, &r->shares, node, true) {
		if (i < VCMA_NR_ATTRS)
			return &share->pools[i];
		i -= VCMA_NR_ATTRS;
	}
	return NULL;
}

void vcma_shares_init(struct vcma_region *r, u64 pool_bytes)
{
	vcma_pools_init(r->pools, r, 0, pool_bytes);
}

void vcma_shares_destroy(struct vcma_region *r)
{
	struct vcma_share *share, *next;

	vcma_pools_destroy(r->pools);
	list_for_each_entry_safe(share, next, &r->shares, node) {
		vcma_pools_destroy(share->pools);
		list_del(&share->node);
		kfree(share);
	}
}
