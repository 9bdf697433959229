// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shares of a region and their pools (share.h).
 *
 * The list only ever grows while the region lives: it is walked without a lock. It is
 * added to under vcma_bindings_lock.
 */
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "binding.h"
#include "hv/core/region_text.h"
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

static struct vcma_share *vcma_share_find(struct vcma_region *r, unsigned int id)
{
	struct vcma_share *share;

	list_for_each_entry_rcu(share, &r->shares, node, true) {
		if (share->id == id)
			return share;
	}
	return NULL;
}

static struct vcma_share *vcma_share_new(struct vcma_region *r, unsigned int id, u64 pool_bytes)
{
	struct vcma_share *share = kvzalloc(sizeof(*share), GFP_KERNEL);

	if (!share)
		return NULL;
	share->id = id;
	vcma_pools_init(share->pools, r, id, pool_bytes);
	list_add_tail_rcu(&share->node, &r->shares);
	return share;
}

struct vcma_pool *vcma_share_pools(struct vcma_region *r, unsigned int id)
{
	struct vcma_share *share;

	lockdep_assert_held(&vcma_bindings_lock);
	if (!id)
		return r->pools;
	share = vcma_share_find(r, id) ?: vcma_share_new(r, id, 0);
	return share ? share->pools : NULL;
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

u64 vcma_region_ready_bytes(struct vcma_region *r)
{
	struct vcma_pool *pool;
	s64 bytes = 0;
	unsigned int i;

	for (i = 0; (pool = vcma_region_pool(r, i)); i++)
		bytes += atomic64_read(&pool->free_bytes);
	return max(bytes, 0LL);
}

/* ---- the module parameter ---- */

static const char *vcma_regions_text = "";

int vcma_shares_check(const char *text)
{
	struct hvcma_region_text entry;
	struct hvcma_text_error wrong;
	const char *rest = text;

	while (*rest) {
		if (hvcma_region_text_next(&rest, &entry, &wrong)) {
			pr_err("virtio_cma: regions=%s: at %td, \"%.*s\": %s\n", text,
			       wrong.slice.text - text, (int)wrong.slice.bytes,
			       wrong.slice.text, wrong.sentence);
			return -EINVAL;
		}
		if (entry.has_base) {
			pr_err("virtio_cma: regions=%s: region \"%.*s\": the host chooses the base\n",
			       text, (int)entry.name.bytes, entry.name.text);
			return -EINVAL;
		}
	}
	vcma_regions_text = text;
	return 0;
}

static u64 vcma_text_bytes(struct vcma_region *r, const struct hvcma_region_text *entry)
{
	u64 bytes = 0;

	hvcma_region_text_bytes(&entry->size, PFN_PHYS(totalram_pages()), &bytes);
	return round_down(bytes, r->granule_bytes);
}

static int vcma_share_add(struct vcma_region *r, const struct hvcma_region_text *entry,
			  unsigned int *nr)
{
	u64 bytes = vcma_text_bytes(r, entry);
	struct vcma_share *share;

	/* All that is set aside is ready. */
	share = vcma_share_new(r, VCMA_SHARE_FIRST_OWN + (*nr)++, max(bytes, r->granule_bytes));
	if (!share)
		return -ENOMEM;
	share->set_bytes = bytes;
	share->clients = entry->clients.text;
	share->clients_bytes = entry->clients.bytes;
	share->kind = entry->kind.text;
	share->kind_bytes = entry->kind.bytes;
	return 0;
}

static void vcma_shares_forget(struct vcma_region *r)
{
	struct vcma_share *share, *next;

	list_for_each_entry_safe(share, next, &r->shares, node) {
		vcma_pools_destroy(share->pools);
		list_del(&share->node);
		kvfree(share);
	}
}

static int vcma_shares_add(struct vcma_region *r)
{
	const char *rest = vcma_regions_text;
	struct hvcma_region_text entry;
	struct hvcma_text_error wrong;
	struct vcma_share *share;
	u64 limit = r->bytes, set = 0;
	unsigned int nr = 0;
	int err = 0;

	while (!err && *rest && !hvcma_region_text_next(&rest, &entry, &wrong)) {
		if (!hvcma_slice_is(&entry.name, r->name))
			continue;
		if (!entry.clients.bytes)
			limit = min(vcma_text_bytes(r, &entry), r->bytes);
		else
			err = vcma_share_add(r, &entry, &nr);
	}
	list_for_each_entry(share, &r->shares, node)
		set += share->set_bytes;
	if (!err && set > limit) {
		dev_warn(r->dev, "region %s: %llu bytes are set aside by the parameter \"regions\", %llu may be used: all of it is shared\n",
			 r->name, set, limit);
		set = 0;
		vcma_shares_forget(r);
	}
	if (err) {
		vcma_shares_forget(r);
		return err;
	}
	r->shared_limit_bytes = limit - set;
	return 0;
}

unsigned int vcma_share_of(struct vcma_region *r, const char *name, const char *kind)
{
	struct hvcma_slice rest, client, wanted;
	struct vcma_share *share;

	list_for_each_entry_rcu(share, &r->shares, node, true) {
		if (share->id < VCMA_SHARE_FIRST_OWN)
			continue;
		wanted = (struct hvcma_slice) { share->kind, share->kind_bytes };
		if (wanted.bytes && !hvcma_slice_is(&wanted, kind))
			continue;
		rest = (struct hvcma_slice) { share->clients, share->clients_bytes };
		while (hvcma_region_text_client(&rest, &client)) {
			if (hvcma_slice_is(&client, name))
				return share->id;
		}
	}
	return 0;
}

/* ---- accounts ---- */

/* What set-asides have used beyond what is set aside. Caller holds share_lock. */
static u64 vcma_shared_used(struct vcma_region *r)
{
	u64 used = r->shared_held_bytes;
	struct vcma_share *share;

	list_for_each_entry_rcu(share, &r->shares, node, true) {
		if (share->held_bytes > share->set_bytes)
			used += share->held_bytes - share->set_bytes;
	}
	return used;
}

static u64 *vcma_share_account(struct vcma_region *r, unsigned int id)
{
	struct vcma_share *share = id ? vcma_share_find(r, id) : NULL;

	return share ? &share->held_bytes : &r->shared_held_bytes;
}

int vcma_share_charge(struct vcma_region *r, unsigned int id, u64 bytes)
{
	u64 *held = vcma_share_account(r, id);
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&r->share_lock, flags);
	*held += bytes;
	if (vcma_shared_used(r) > r->shared_limit_bytes) {
		*held -= bytes;
		err = -EDQUOT;
	}
	spin_unlock_irqrestore(&r->share_lock, flags);
	return err;
}

void vcma_share_uncharge(struct vcma_region *r, unsigned int id, u64 bytes)
{
	u64 *held = vcma_share_account(r, id);
	unsigned long flags;

	spin_lock_irqsave(&r->share_lock, flags);
	*held -= bytes;
	spin_unlock_irqrestore(&r->share_lock, flags);
}

/* ---- beginning and end ---- */

int vcma_shares_init(struct vcma_region *r, u64 pool_bytes)
{
	int err;

	err = vcma_shares_add(r);
	if (err)
		return err;
	vcma_pools_init(r->pools, r, 0, pool_bytes);
	return 0;
}

void vcma_shares_destroy(struct vcma_region *r)
{
	vcma_pools_destroy(r->pools);
	vcma_shares_forget(r);
}
