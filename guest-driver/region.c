// SPDX-License-Identifier: GPL-2.0-only
/*
 * Region: configuration, state, and the index of held blocks (region.h).
 *
 * Every block the host grants is checked against the region and against all
 * blocks held before it is mapped. A grant that fails the check is never touched
 * and never given back: the region is dead, and the reset of the device frees
 * it.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mode.h"
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

/* ---- index of held blocks ---- */

static unsigned long vcma_gpa_key(const struct vcma_region *r, u64 gpa)
{
	return (gpa - r->base_gpa) >> r->granule_shift;
}

static unsigned long vcma_dma_key(const struct vcma_region *r, u64 dma)
{
	return dma >> r->granule_shift;
}

struct vcma_block *vcma_block_by_dma(struct vcma_region *r, u64 dma)
{
	return xa_load(&r->by_dma, vcma_dma_key(r, dma));
}

struct vcma_block *vcma_block_by_gpa(struct vcma_region *r, u64 gpa)
{
	if (gpa < r->base_gpa || gpa - r->base_gpa >= r->bytes)
		return NULL;
	return xa_load(&r->by_gpa, vcma_gpa_key(r, gpa));
}

static void vcma_index_erase(struct vcma_block *block, u64 bytes)
{
	struct vcma_region *r = block->region;
	u64 off;

	for (off = 0; off < bytes; off += r->granule_bytes) {
		xa_erase(&r->by_gpa, vcma_gpa_key(r, block->base_gpa + off));
		xa_erase(&r->by_dma, vcma_dma_key(r, block->base_dma + off));
	}
}

/* Return: 0, -ENOMEM, or -EBUSY if a held block overlaps. */
static int vcma_index_insert(struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	int err = 0;
	u64 off;

	mutex_lock(&r->index_lock);
	for (off = 0; off < block->bytes; off += r->granule_bytes) {
		err = xa_insert(&r->by_gpa, vcma_gpa_key(r, block->base_gpa + off),
				block, GFP_NOIO);
		if (err)
			break;
		err = xa_insert(&r->by_dma, vcma_dma_key(r, block->base_dma + off),
				block, GFP_NOIO);
		if (err) {
			xa_erase(&r->by_gpa, vcma_gpa_key(r, block->base_gpa + off));
			break;
		}
	}
	if (err)
		vcma_index_erase(block, off);
	mutex_unlock(&r->index_lock);
	return err;
}

static void vcma_index_remove(struct vcma_block *block)
{
	mutex_lock(&block->region->index_lock);
	vcma_index_erase(block, block->bytes);
	mutex_unlock(&block->region->index_lock);
}

bool vcma_block_is_valid(const struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	u64 off;

	if (!block->cpu || !IS_ALIGNED(block->bytes | block->base_dma, r->granule_bytes))
		return false;
	for (off = 0; off < block->bytes; off += r->granule_bytes) {
		if (vcma_block_by_gpa(r, block->base_gpa + off) != block ||
		    vcma_block_by_dma(r, block->base_dma + off) != block)
			return false;
	}
	return off > 0;
}

/* ---- blocks ---- */

/* Return: what is wrong with @grant as an answer to @want, or NULL. */
static const char *vcma_grant_check(const struct vcma_region *r,
				    const struct vcma_want *want,
				    const struct vcma_grant *grant)
{
	u64 align = max(want->align_bytes, r->granule_bytes);

	if (grant->bytes != vcma_region_round_up(r, want->bytes))
		return "block of another size than asked for";
	if (grant->base_gpa < r->base_gpa || grant->bytes > r->bytes ||
	    grant->base_gpa - r->base_gpa > r->bytes - grant->bytes)
		return "block outside the region";
	if (!IS_ALIGNED(grant->base_gpa - r->base_gpa, r->granule_bytes) ||
	    !IS_ALIGNED(grant->base_dma, align))
		return "misaligned block";
	if (grant->base_dma > U64_MAX - grant->bytes ||
	    grant->base_dma + grant->bytes - 1 > want->max_dma)
		return "block above the address limit";
	if (!(r->flags & VIRTIO_CMA_F_HPA) && grant->base_dma != grant->base_gpa)
		return "DMA address is not the guest-physical one";
	if (grant->attr > VIRTIO_CMA_ATTR_UNCACHED ||
	    (grant->attr == VIRTIO_CMA_ATTR_CACHED && want->attr != VCMA_CACHED) ||
	    (grant->attr == VIRTIO_CMA_ATTR_UNCACHED && want->attr != VCMA_UNCACHED))
		return "block of another memory type than the client's";
	return NULL;
}

/* Make a block of a grant; the grant goes back to the host if memory is short. */
static int vcma_region_adopt(struct vcma_region *r, const struct vcma_want *want,
			     const struct vcma_grant *grant, struct vcma_block **out)
{
	struct vcma_block *block;
	const char *wrong;
	int err;

	wrong = vcma_grant_check(r, want, grant);
	if (wrong)
		goto refuse;

	block = kzalloc(sizeof(*block), GFP_NOIO);
	if (!block) {
		err = -ENOMEM;
		goto give_back;
	}
	block->region = r;
	block->base_gpa = grant->base_gpa;
	block->base_dma = grant->base_dma;
	block->bytes = grant->bytes;
	block->attr = want->attr;
	block->use = want->use;
	INIT_LIST_HEAD(&block->node);

	err = vcma_index_insert(block);
	if (err == -EBUSY) {
		kfree(block);
		wrong = "block that is held already";
		goto refuse;
	}
	if (err)
		goto free;
	err = r->mode->take(block);
	if (err)
		goto remove;

	atomic64_add(block->bytes, &r->stats.held_bytes);
	trace_vcma_block_hold(block);
	vcma_assert_valid(vcma_block_is_valid(block));
	*out = block;
	return 0;

remove:
	vcma_index_remove(block);
free:
	kfree_rcu(block, rcu);
give_back:
	vcma_request_free(r, grant->base_gpa, grant->bytes);
	return err;

refuse:
	dev_err(r->dev, "region %s: host granted gpa %#llx dma %#llx size %#llx for size %#llx align %#llx limit %#llx\n",
		r->name, grant->base_gpa, grant->base_dma, grant->bytes,
		want->bytes, want->align_bytes, want->max_dma);
	vcma_region_break(r, wrong);
	return -EPROTO;
}

int vcma_region_hold(struct vcma_region *r, const struct vcma_want *want,
		     struct vcma_block **out)
{
	unsigned int noio = memalloc_noio_save();
	struct vcma_grant grant;
	int err;

	err = vcma_request_alloc(r, want, &grant);
	if (!err)
		err = vcma_region_adopt(r, want, &grant, out);
	memalloc_noio_restore(noio);
	return err;
}

int vcma_region_hold_bulk(struct vcma_region *r, const struct vcma_want *want,
			  unsigned int max, struct vcma_block **blocks)
{
	unsigned int noio = memalloc_noio_save();
	struct vcma_grant *grants;
	int nr_held = 0;
	u32 nr = 0, i;
	int err;

	max = min3(max, (unsigned int)VCMA_BULK_BLOCKS, r->max_bulk_blocks);
	grants = kcalloc(max, sizeof(*grants), GFP_NOIO);
	err = grants ? vcma_request_bulk(r, want, max, grants, &nr) : -ENOMEM;
	for (i = 0; i < nr; i++) {
		int one = vcma_region_adopt(r, want, &grants[i], &blocks[nr_held]);

		if (one)
			err = one;
		else
			nr_held++;
	}
	kfree(grants);
	memalloc_noio_restore(noio);
	return nr_held ? nr_held : err;
}

/* Only its addresses are of interest any more. */
static void vcma_region_free(struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	int err = vcma_request_free(r, block->base_gpa, block->bytes);

	if (err == -EACCES) {
		llist_add(&block->drop_node, &r->unfreed);
		return;
	}
	if (err && vcma_region_is_live(r))
		dev_err(r->dev, "region %s: host did not take back gpa %#llx size %#llx: %pe\n",
			r->name, block->base_gpa, block->bytes, ERR_PTR(err));
	kfree_rcu(block, rcu);
}

void vcma_region_drop(struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	unsigned int noio = memalloc_noio_save();

	trace_vcma_block_drop(block);
	vcma_index_remove(block);
	r->mode->give(block);
	atomic64_sub(block->bytes, &r->stats.held_bytes);
	vcma_region_free(block);
	memalloc_noio_restore(noio);
}

void vcma_region_retry_frees(struct vcma_region *r)
{
	struct llist_node *list = llist_del_all(&r->unfreed);
	struct vcma_block *block, *next;

	llist_for_each_entry_safe(block, next, list, drop_node)
		vcma_region_free(block);
}

static void vcma_region_drop_work(struct work_struct *work)
{
	struct vcma_region *r = container_of(work, struct vcma_region, drop_work);
	struct llist_node *list = llist_del_all(&r->dropped);
	struct vcma_block *block, *next;

	llist_for_each_entry_safe(block, next, list, drop_node)
		vcma_region_drop(block);
}

void vcma_region_drop_later(struct vcma_block *block)
{
	struct vcma_region *r = block->region;

	llist_add(&block->drop_node, &r->dropped);
	queue_work(r->wq, &r->drop_work);
}

void vcma_region_flush_drops(struct vcma_region *r)
{
	flush_work(&r->drop_work);
}

/* ---- configuration ---- */

/* Return: what is wrong with a configuration, or NULL. */
static const char *vcma_config_check(const struct virtio_cma_config *config)
{
	u64 base = le64_to_cpu(config->region_base_gpa);
	u64 bytes = le64_to_cpu(config->region_bytes);
	u64 granule = le64_to_cpu(config->granule_bytes);

	if (!is_power_of_2(granule) || granule < PAGE_SIZE)
		return "granule is not a power of two of at least a page";
	if (!bytes || !IS_ALIGNED(bytes, granule))
		return "size is not a multiple of the granule";
	if (!base)
		return "region has no address yet";
	if (!IS_ALIGNED(base, PAGE_SIZE) || base > U64_MAX - bytes)
		return "base is misaligned or wraps";
	if (bytes / granule > U32_MAX)
		return "too many granules";
	if (le32_to_cpu(config->attr_policy) > VIRTIO_CMA_ATTR_UNCACHED)
		return "unknown memory type policy";
	if (le32_to_cpu(config->flags) &
	    ~(VIRTIO_CMA_F_DEFAULT | VIRTIO_CMA_F_HPA | VIRTIO_CMA_F_AUTO))
		return "unknown flags";
	if (le32_to_cpu(config->max_request_bytes) < PAGE_SIZE / 4 ||
	    le32_to_cpu(config->max_response_bytes) < PAGE_SIZE)
		return "request or response limit is too small";
	if (!config->max_bulk_blocks)
		return "bulk limit is zero";
	if (le32_to_cpu(config->max_align_order) > VIRTIO_CMA_MAX_ALIGN_ORDER)
		return "alignment cap is above order 31";
	if (le32_to_cpu(config->stage2) >= VIRTIO_CMA_NR_STAGE2)
		return "unknown kind of second stage";
	if (config->reserved)
		return "reserved field is not zero";
	return NULL;
}

static int vcma_region_configure(struct vcma_region *r)
{
	struct virtio_cma_config config = {};
	const char *wrong;

	r->transport->ops->read_config(r->transport, &config);
	memcpy(r->name, config.name, VIRTIO_CMA_NAME_BYTES);
	wrong = vcma_config_check(&config);
	if (wrong) {
		dev_err(r->dev, "region %s (base %#llx size %#llx granule %#llx): %s\n",
			r->name, le64_to_cpu(config.region_base_gpa),
			le64_to_cpu(config.region_bytes),
			le64_to_cpu(config.granule_bytes), wrong);
		return -EINVAL;
	}
	if (le32_to_cpu(config.mode) != VIRTIO_CMA_MODE_PRIVATE) {
		dev_err(r->dev, "region %s: mode %u is not supported, only private (%u)\n",
			r->name, le32_to_cpu(config.mode), VIRTIO_CMA_MODE_PRIVATE);
		return -EOPNOTSUPP;
	}

	r->mode = &vcma_mode_private;
	r->base_gpa = le64_to_cpu(config.region_base_gpa);
	r->bytes = le64_to_cpu(config.region_bytes);
	r->granule_bytes = le64_to_cpu(config.granule_bytes);
	r->granule_shift = ilog2(r->granule_bytes);
	r->attr_policy = le32_to_cpu(config.attr_policy);
	r->flags = le32_to_cpu(config.flags);
	r->nr_clients = le32_to_cpu(config.nr_clients);
	r->max_request_bytes = le32_to_cpu(config.max_request_bytes);
	r->max_response_bytes = le32_to_cpu(config.max_response_bytes);
	r->max_bulk_blocks = le32_to_cpu(config.max_bulk_blocks);
	return 0;
}

int vcma_region_create(struct vcma_transport *transport, struct vcma_region **out)
{
	struct vcma_region *r;
	int err;

	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	r->transport = transport;
	r->dev = transport->dev;
	r->state = VCMA_REGION_STARTING;
	spin_lock_init(&r->state_lock);
	mutex_init(&r->index_lock);
	xa_init(&r->by_gpa);
	xa_init(&r->by_dma);
	init_llist_head(&r->dropped);
	init_llist_head(&r->unfreed);
	INIT_WORK(&r->drop_work, vcma_region_drop_work);

	err = vcma_region_configure(r);
	if (err)
		goto free;
	r->wq = alloc_workqueue("vcma-%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0,
				dev_name(r->dev));
	if (!r->wq) {
		err = -ENOMEM;
		goto free;
	}
	err = r->mode->start(r);
	if (err)
		goto destroy_wq;
	*out = r;
	return 0;

destroy_wq:
	destroy_workqueue(r->wq);
free:
	kfree(r);
	return err;
}

void vcma_region_destroy(struct vcma_region *r)
{
	struct vcma_block *block, *next;

	destroy_workqueue(r->wq);
	llist_for_each_entry_safe(block, next, llist_del_all(&r->unfreed), drop_node)
		kfree_rcu(block, rcu);
	WARN_ON(!xa_empty(&r->by_gpa) || !xa_empty(&r->by_dma));
	xa_destroy(&r->by_gpa);
	xa_destroy(&r->by_dma);
	r->mode->stop(r);
	kfree(r);
}
