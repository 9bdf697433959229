// SPDX-License-Identifier: GPL-2.0-only
/*
 * Region: configuration, state, beginning and end (region.h). Its blocks are in
 * block_alloc.c and block.c.
 *
 * Locks: vcma_region.state_lock, a leaf, for steps from state to state.
 */
#include <linux/crash_dump.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "block.h"
#include "compat/compat.h"
#include "extents.h"
#include "mode.h"
#include "ranges.h"
#include "region.h"
#include "request.h"
#include "trace.h"

static const char * const vcma_region_state_names[] = {
	[VCMA_REGION_STARTING] = "starting",
	[VCMA_REGION_READY] = "ready",
	[VCMA_REGION_STOPPING] = "stopping",
	[VCMA_REGION_DEAD] = "dead",
};

/* Bit n of entry m: state m may become state n. */
static const u8 vcma_region_steps[VCMA_REGION_NR_STATES] = {
	[VCMA_REGION_STARTING] = BIT(VCMA_REGION_READY) | BIT(VCMA_REGION_STOPPING) |
				 BIT(VCMA_REGION_DEAD),
	[VCMA_REGION_READY] = BIT(VCMA_REGION_STOPPING) | BIT(VCMA_REGION_DEAD),
	[VCMA_REGION_STOPPING] = BIT(VCMA_REGION_DEAD),
	[VCMA_REGION_DEAD] = 0,
};

const char *vcma_region_state_name(enum vcma_region_state state)
{
	return vcma_region_state_names[state];
}

/* Return: whether the state changed. A dead region stays dead, quietly. */
static bool vcma_region_step(struct vcma_region *r, enum vcma_region_state state)
{
	enum vcma_region_state old;
	unsigned long flags;

	spin_lock_irqsave(&r->state_lock, flags);
	old = r->state;
	if (old != state && vcma_region_steps[old] & BIT(state))
		WRITE_ONCE(r->state, state);
	else if (old != VCMA_REGION_DEAD)
		WARN(1, "region %s: %s to %s", r->name, vcma_region_state_name(old),
		     vcma_region_state_name(state));
	state = r->state;
	spin_unlock_irqrestore(&r->state_lock, flags);

	if (state != old)
		trace_vcma_region_state(r, old, state);
	return state != old;
}

void vcma_region_set_state(struct vcma_region *r, enum vcma_region_state state)
{
	vcma_region_step(r, state);
}

void vcma_region_break(struct vcma_region *r, const char *why)
{
	if (vcma_region_step(r, VCMA_REGION_DEAD))
		dev_err(r->dev, "region %s: %s; no more requests until the device is reset\n",
			r->name, why);
}

/* ---- where its memory is ---- */

void vcma_region_find_lowest(struct vcma_region *r)
{
	struct virtio_cma_extent *extents;
	u64 first = 0, total = 1;
	u32 nr = 0, i;

	if (!(r->flags & VIRTIO_CMA_FLAG_HPA))
		return;
	extents = kcalloc(VCMA_EXTENTS_AT_ONCE, sizeof(*extents), GFP_KERNEL);
	if (!extents)
		return;
	while (first < total && !vcma_request_extents(r, first, VCMA_EXTENTS_AT_ONCE, extents,
						      &nr, &total) && nr) {
		for (i = 0; i < nr; i++)
			vcma_region_note_dma(r, le64_to_cpu(extents[i].base_dma));
		first += nr;
	}
	kfree(extents);
}

/* ---- configuration ---- */

static bool vcma_is_between(__le32 value, u32 min, u32 max)
{
	return le32_to_cpu(value) >= min && le32_to_cpu(value) <= max;
}

/* Return: what is wrong with a configuration, or NULL. */
static const char *vcma_config_check(const struct virtio_cma_config *config,
				     const struct vcma_transport *t)
{
	u64 base = le64_to_cpu(config->region_base_gpa);
	u64 bytes = le64_to_cpu(config->region_bytes);
	u64 granule = le64_to_cpu(config->granule_bytes);

	if (!is_power_of_2(granule) || granule < PAGE_SIZE)
		return "granule is not a power of two of at least a page";
	if (!bytes || !IS_ALIGNED(bytes, granule))
		return "size is not a multiple of the granule";
	if (!base && le32_to_cpu(config->mode) != VIRTIO_CMA_MODE_RAM)
		return "region has no address yet";
	if (!IS_ALIGNED(base, granule) || base > U64_MAX - bytes)
		return "base is misaligned or wraps";
	if (bytes / granule > VIRTIO_CMA_MAX_GRANULES)
		return "too many granules";
	if (le32_to_cpu(config->nr_clients) > VIRTIO_CMA_MAX_CLIENTS)
		return "too many clients";
	if (le32_to_cpu(config->attr_policy) > VIRTIO_CMA_ATTR_UNCACHED)
		return "unknown memory type policy";
	if (le32_to_cpu(config->flags) & ~VIRTIO_CMA_FLAGS)
		return "unknown flags";
	if (le32_to_cpu(config->mode) == VIRTIO_CMA_MODE_REUSABLE &&
	    !vcma_has_feature(t, VIRTIO_CMA_F_REUSABLE))
		return "reusable, which was not negotiated";
	if (!vcma_is_between(config->max_request_bytes, VIRTIO_CMA_MIN_REQUEST_BYTES,
			     VIRTIO_CMA_MAX_REQUEST_BYTES) ||
	    !vcma_is_between(config->max_response_bytes, VIRTIO_CMA_MIN_RESPONSE_BYTES,
			     VIRTIO_CMA_MAX_RESPONSE_BYTES))
		return "request or response limit is too small or too large";
	if (vcma_has_feature(t, VIRTIO_CMA_F_BULK) &&
	    !vcma_is_between(config->max_bulk_blocks, 1, VIRTIO_CMA_MAX_BULK_BLOCKS))
		return "bulk limit is zero or too large";
	if (le32_to_cpu(config->max_align_order) > VIRTIO_CMA_MAX_ALIGN_ORDER)
		return "alignment cap is above order 31";
	if (le32_to_cpu(config->stage2) >= VIRTIO_CMA_NR_STAGE2)
		return "unknown kind of second stage";
	if (le32_to_cpu(config->flags) & VIRTIO_CMA_FLAG_PINNED &&
	    (!vcma_is_version_1(t) || !vcma_has_feature(t, VIRTIO_CMA_F_PINNED) ||
	     (le32_to_cpu(config->mode) != VIRTIO_CMA_MODE_REUSABLE &&
	      le32_to_cpu(config->mode) != VIRTIO_CMA_MODE_RAM) ||
	     le32_to_cpu(config->flags) & VIRTIO_CMA_FLAG_AUTO))
		return "pinned from the start, which was not negotiated, or is not of its mode";
	if ((le32_to_cpu(config->mode) == VIRTIO_CMA_MODE_RAM) !=
	    (vcma_is_version_1(t) && vcma_has_feature(t, VIRTIO_CMA_F_RAM)) ||
	    (le32_to_cpu(config->mode) == VIRTIO_CMA_MODE_RAM &&
	     !(le32_to_cpu(config->flags) & VIRTIO_CMA_FLAG_PINNED)))
		return "mode ram without its feature, or the feature without the mode, or not pinned";
	if (config->reserved)
		return "reserved field is not zero";
	return NULL;
}

static int vcma_region_choose_mode(struct vcma_region *r, u32 mode, const struct vcma_modes *modes)
{
	char reason[160];

	r->mode = modes->private;
	if (mode == VIRTIO_CMA_MODE_PRIVATE)
		return 0;
	if (mode == VIRTIO_CMA_MODE_RAM) {
		/* A crash kernel's, too: what it runs in is a part of it. */
		r->mode = modes->ram;
		return 0;
	}
	if (mode != VIRTIO_CMA_MODE_REUSABLE) {
		dev_err(r->dev, "region %s: mode %u is not supported, only private (%u), reusable (%u) and ram (%u)\n",
			r->name, mode, VIRTIO_CMA_MODE_PRIVATE, VIRTIO_CMA_MODE_REUSABLE,
			VIRTIO_CMA_MODE_RAM);
		return -EOPNOTSUPP;
	}
	if (is_kdump_kernel()) {
		/* What the crashed kernel left there must not become this one's RAM. */
		dev_warn(r->dev, "region %s: crash kernel: private, not online; what its devices need of it is missing in the dump\n",
			 r->name);
		return 0;
	}
	if (!modes->reusable->unfit(r->base_gpa, r->bytes, reason, sizeof(reason))) {
		r->mode = modes->reusable;
		return 0;
	}
	if (r->flags & VIRTIO_CMA_FLAG_AUTO) {
		dev_info(r->dev, "region %s: private: %s\n", r->name, reason);
		return 0;
	}
	dev_err(r->dev, "region %s: %s; mode=auto or mode=private on the host would use it as it is\n",
		r->name, reason);
	return -EINVAL;
}

static int vcma_region_configure(struct vcma_region *r, const struct vcma_modes *modes)
{
	struct virtio_cma_config config = {};
	const char *wrong;

	r->transport->ops->read_config(r->transport, &config);
	memcpy(r->name, config.name, VIRTIO_CMA_NAME_BYTES);
	wrong = vcma_config_check(&config, r->transport);
	if (wrong) {
		dev_err(r->dev, "region %s (base %#llx size %#llx granule %#llx): %s\n",
			r->name, le64_to_cpu(config.region_base_gpa),
			le64_to_cpu(config.region_bytes),
			le64_to_cpu(config.granule_bytes), wrong);
		return -EINVAL;
	}
	r->base_gpa = le64_to_cpu(config.region_base_gpa);
	r->bytes = le64_to_cpu(config.region_bytes);
	r->granule_bytes = le64_to_cpu(config.granule_bytes);
	r->granule_shift = ilog2(r->granule_bytes);
	r->attr_policy = le32_to_cpu(config.attr_policy);
	r->flags = le32_to_cpu(config.flags);
	r->lowest_dma = r->flags & VIRTIO_CMA_FLAG_HPA ? U64_MAX : r->base_gpa;
	r->nr_clients = le32_to_cpu(config.nr_clients);
	r->max_request_bytes = le32_to_cpu(config.max_request_bytes);
	r->max_response_bytes = le32_to_cpu(config.max_response_bytes);
	r->max_bulk_blocks = vcma_has_feature(r->transport, VIRTIO_CMA_F_BULK) ?
			     le32_to_cpu(config.max_bulk_blocks) : VIRTIO_CMA_MAX_BULK_BLOCKS;
	r->max_align_order = le32_to_cpu(config.max_align_order);
	return vcma_region_choose_mode(r, le32_to_cpu(config.mode), modes);
}

/*
 * Where all of it is for devices, if the host has pinned it. A crash kernel doesn't ask: the region
 * is no RAM of its own.
 */
static int vcma_region_read_extents(struct vcma_region *r)
{
	int err;

	if (!(r->flags & VIRTIO_CMA_FLAG_PINNED) || !r->mode->has_pages)
		return 0;
	err = vcma_extents_read(r, &r->extents);
	if (err == -ENOMEM) {
		dev_warn(r->dev, "region %s: no memory for a table of where it is pinned: streaming mappings are copied\n",
			 r->name);
		return 0;
	}
	if (err) {
		dev_err(r->dev, "region %s: where it is pinned is not known: %pe\n", r->name,
			ERR_PTR(err));
		return err;
	}
	vcma_region_note_dma(r, r->extents->lowest_dma);
	dev_dbg(r->dev, "region %s: pinned from the start, %u extents, DMA addresses %#llx to %#llx\n",
		r->name, r->extents->nr, r->extents->lowest_dma, r->extents->highest_dma);
	return 0;
}

int vcma_region_create(struct vcma_transport *transport, const struct vcma_modes *modes,
		       struct vcma_region **out)
{
	struct vcma_region *r;
	int err;

	r = kvzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	err = vcma_stats_init(&r->stats);
	if (err)
		goto free;
	r->transport = transport;
	r->dev = transport->dev;
	r->state = VCMA_REGION_STARTING;
	spin_lock_init(&r->state_lock);
	mutex_init(&r->index_lock);
	init_rwsem(&r->talk_lock);
	xa_init(&r->by_gpa);
	xa_init(&r->by_dma);
	init_llist_head(&r->freeing);
	init_llist_head(&r->unfreed);
	INIT_LIST_HEAD(&r->accounts);
	spin_lock_init(&r->resv_lock);
	r->shared_limit_bytes = U64_MAX;
	INIT_WORK(&r->free_work, vcma_block_free_work);
	vcma_surrender_init(r);

	err = vcma_region_configure(r, modes);
	if (!err && vcma_guest_is_encrypted()) {
		dev_err(r->dev, "region %s: guest memory is encrypted, what devices write is not\n",
			r->name);
		err = -EOPNOTSUPP;
	}
	if (err)
		goto destroy_stats;
	r->wq = alloc_workqueue("vcma-%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0,
				dev_name(r->dev));
	if (!r->wq) {
		err = -ENOMEM;
		goto destroy_stats;
	}
	err = vcma_ranges_read(r) ?: vcma_region_read_extents(r);
	if (err)
		goto destroy_wq;
	err = r->mode->start(r);
	if (err)
		goto free_extents;
	*out = r;
	return 0;

free_extents:
	vcma_extents_free(r->extents);
destroy_wq:
	destroy_workqueue(r->wq);
destroy_stats:
	vcma_stats_destroy(&r->stats);
free:
	kvfree(r);
	return err;
}

void vcma_region_retire(struct vcma_region *r)
{
	flush_work(&r->free_work);
	WARN_ON(!xa_empty(&r->by_gpa) || !xa_empty(&r->by_dma));
	r->mode->stop(r);	/* an error is logged, and the host knows what stays */
	r->retired = true;
}

void vcma_region_destroy(struct vcma_region *r)
{
	struct vcma_block *block, *next;

	if (!r->retired)
		vcma_region_retire(r);
	llist_for_each_entry_safe(block, next, llist_del_all(&r->unfreed), free_node)
		vcma_block_destroy(block);
	xa_destroy(&r->by_gpa);
	xa_destroy(&r->by_dma);
	destroy_workqueue(r->wq);
	vcma_extents_free(r->extents);
	vcma_stats_destroy(&r->stats);
	kvfree(r);
}
