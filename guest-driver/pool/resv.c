// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations of a region and their pools (resv.h).
 *
 * Locks: none here. The list only ever grows while the region lives: it is walked without a lock, and
 * added to under vcma_bindings_lock, or before the region serves anybody.
 */
#include <linux/device.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "core/region.h"
#include "hv/core/region_text.h"
#include "resv.h"

static void vcma_pools_init(struct vcma_pool *pools, struct vcma_region *r, unsigned int resv,
			    u64 pool_bytes)
{
	int attr;

	for (attr = 0; attr < VCMA_NR_ATTRS; attr++)
		vcma_pool_init(&pools[attr], r, attr, resv, pool_bytes);
}

static void vcma_pools_destroy(struct vcma_pool *pools)
{
	int attr;

	for (attr = 0; attr < VCMA_NR_ATTRS; attr++)
		vcma_pool_destroy(&pools[attr]);
}

static struct vcma_resv *vcma_resv_find(struct vcma_region *r, unsigned int id)
{
	struct vcma_resv *resv;

	list_for_each_entry_rcu(resv, &r->accounts, account.node, true) {
		if (resv->account.id == id)
			return resv;
	}
	return NULL;
}

static struct vcma_resv *vcma_resv_new(struct vcma_region *r, unsigned int id, u64 pool_bytes)
{
	struct vcma_resv *resv = kvzalloc(sizeof(*resv), GFP_KERNEL);

	if (!resv)
		return NULL;
	resv->account.id = id;
	vcma_pools_init(resv->pools, r, id, pool_bytes);
	list_add_tail_rcu(&resv->account.node, &r->accounts);
	return resv;
}

struct vcma_pool *vcma_resv_pools(struct vcma_region *r, unsigned int id)
{
	struct vcma_resv *resv;

	if (!id)
		return r->pools;
	resv = vcma_resv_find(r, id) ?: vcma_resv_new(r, id, 0);
	return resv ? resv->pools : NULL;
}

struct vcma_pool *vcma_region_pool(struct vcma_region *r, unsigned int i)
{
	struct vcma_resv *resv;

	if (i < VCMA_NR_ATTRS)
		return &r->pools[i];
	i -= VCMA_NR_ATTRS;
	list_for_each_entry_rcu(resv, &r->accounts, account.node, true) {
		if (i < VCMA_NR_ATTRS)
			return &resv->pools[i];
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
		bytes += vcma_pool_free_bytes(pool);
	return max(bytes, 0LL);
}

/* ---- the module parameter ---- */

static const char *vcma_regions_text = "";

int vcma_resvs_check(const char *text)
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

static int vcma_resv_add(struct vcma_region *r, const struct hvcma_region_text *entry,
			 unsigned int *nr)
{
	u64 bytes = vcma_text_bytes(r, entry);
	struct vcma_resv *resv;

	/* All that is reserved is ready. */
	resv = vcma_resv_new(r, VCMA_RESV_FIRST_OWN + (*nr)++, max(bytes, r->granule_bytes));
	if (!resv)
		return -ENOMEM;
	resv->account.set_bytes = bytes;
	resv->clients = entry->clients.text;
	resv->clients_bytes = entry->clients.bytes;
	resv->kind = entry->kind.text;
	resv->kind_bytes = entry->kind.bytes;
	return 0;
}

static void vcma_resvs_forget(struct vcma_region *r)
{
	struct vcma_resv *resv, *next;

	list_for_each_entry_safe(resv, next, &r->accounts, account.node) {
		vcma_pools_destroy(resv->pools);
		list_del(&resv->account.node);
		kvfree(resv);
	}
}

static int vcma_resvs_add(struct vcma_region *r)
{
	const char *rest = vcma_regions_text;
	struct hvcma_region_text entry;
	struct hvcma_text_error wrong;
	struct vcma_resv *resv;
	u64 limit = r->bytes, set = 0;
	unsigned int nr = 0;
	int err = 0;

	while (!err && *rest && !hvcma_region_text_next(&rest, &entry, &wrong)) {
		if (!hvcma_slice_is(&entry.name, r->name))
			continue;
		if (!entry.clients.bytes)
			limit = min(vcma_text_bytes(r, &entry), r->bytes);
		else
			err = vcma_resv_add(r, &entry, &nr);
	}
	list_for_each_entry(resv, &r->accounts, account.node)
		set += resv->account.set_bytes;
	if (!err && set > limit) {
		dev_warn(r->dev, "region %s: %llu bytes are reserved by the parameter \"regions\", %llu may be used: all of it is shared\n",
			 r->name, set, limit);
		set = 0;
		vcma_resvs_forget(r);
	}
	if (err) {
		vcma_resvs_forget(r);
		return err;
	}
	r->shared_limit_bytes = limit - set;
	return 0;
}

unsigned int vcma_resv_of(struct vcma_region *r, const char *name, const char *kind)
{
	struct hvcma_slice rest, client, wanted;
	struct vcma_resv *resv;

	list_for_each_entry_rcu(resv, &r->accounts, account.node, true) {
		if (resv->account.id < VCMA_RESV_FIRST_OWN)
			continue;
		wanted = (struct hvcma_slice) { resv->kind, resv->kind_bytes };
		if (wanted.bytes && !hvcma_slice_is(&wanted, kind))
			continue;
		rest = (struct hvcma_slice) { resv->clients, resv->clients_bytes };
		while (hvcma_region_text_client(&rest, &client)) {
			if (hvcma_slice_is(&client, name))
				return resv->account.id;
		}
	}
	return 0;
}

/* ---- beginning and end ---- */

int vcma_resvs_init(struct vcma_region *r, u64 pool_bytes)
{
	int err;

	r->pools = kvcalloc(VCMA_NR_ATTRS, sizeof(*r->pools), GFP_KERNEL);
	if (!r->pools)
		return -ENOMEM;
	err = vcma_resvs_add(r);
	if (err) {
		kvfree(r->pools);
		r->pools = NULL;
		return err;
	}
	vcma_pools_init(r->pools, r, 0, pool_bytes);
	return 0;
}

void vcma_resvs_destroy(struct vcma_region *r)
{
	vcma_pools_destroy(r->pools);
	vcma_resvs_forget(r);
	kvfree(r->pools);
	r->pools = NULL;
}
