// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the host asked for (surrender.h).
 *
 * A block to be surrendered is allocated as any other: so the host chooses where, and pages are isolated, contents
 * moved elsewhere. From then on it is nobody's: not indexed, not charged, its pages fake-offline. When it was
 * reclaimed its pages go back to the page allocator, and an allocation finds it as any other memory.
 *
 * Locks: vcma_surrender.lock for the list. Whoever allocates may hold locks of his own; the work
 * holds none while it allocates.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/refcount.h>

#include "account.h"
#include "block.h"
#include "mode.h"
#include "region.h"
#include "request.h"
#include "surrender.h"

#include "hv/abi/virtio_cma.h"

/* How long to wait for pages of the host, if nothing else is said, and how often to ask. */
#define VCMA_RECLAIM_PATIENCE_MS	10000
#define VCMA_RECLAIM_PAUSE_MS		100

/* Nobody else has the block, nor finds it. It is not the host's any more, or, on failure, freed. */
static int vcma_surrender_block(struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	int err;

	vcma_block_unindex(block);
	if (block->cpu)
		vcma_block_unmap(block, 0, block->bytes >> PAGE_SHIFT, block->cpu);
	block->cpu = NULL;
	atomic64_sub(block->bytes, &r->stats.allocated_bytes);
	vcma_account_uncharge(r, block->resv, block->bytes);
	err = block->has_leaked ? -EBUSY : vcma_request_surrender(r, block->base_gpa, block->bytes);
	if (err) {
		vcma_block_release_pages(block);
		vcma_block_return(block);
		return err;
	}
	mutex_lock(&r->surrender.lock);
	list_add(&block->node, &r->surrender.blocks);
	mutex_unlock(&r->surrender.lock);
	return 0;
}

/* One granule. */
static int vcma_surrender_one(struct vcma_region *r, ktime_t deadline)
{
	const struct vcma_constraints want = {
		.bytes = r->granule_bytes,
		.max_dma = U64_MAX,
		.attr = VCMA_CACHED,
		.use = VCMA_BLOCK_POOL,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.flags = VCMA_NO_RECLAIM,
		.deadline = deadline,
		.owner = "surrendered",
	};
	struct vcma_block *block;
	int err;

	err = vcma_block_alloc(r, &want, &block);
	if (err)
		return err;
	WRITE_ONCE(block->freeing, true);
	if (!refcount_dec_and_test(&block->refs))
		return -EBUSY;	/* whoever looks at it just now ends it */
	return vcma_surrender_block(block);
}

static void vcma_surrender_work(struct work_struct *work)
{
	struct vcma_surrender *s = container_of(work, struct vcma_surrender, work);
	struct vcma_region *r = container_of(s, struct vcma_region, surrender);
	u64 wanted = atomic64_xchg(&s->wanted_bytes, 0), bytes = 0;
	u32 ms = READ_ONCE(s->deadline_ms);
	ktime_t deadline = ms ? ktime_add_ms(ktime_get(), ms) : 0;
	int err = 0;

	while (bytes < wanted && !err && READ_ONCE(r->state) == VCMA_REGION_READY) {
		err = vcma_surrender_one(r, deadline);
		if (!err)
			bytes += r->granule_bytes;
	}
	dev_dbg(r->dev, "region %s: the host wants %llu bytes: %llu are surrendered, then %d\n", r->name, wanted,
		bytes, err);
}

void vcma_surrender_wanted(struct vcma_region *r, u64 bytes, u32 deadline_ms)
{
	/* Without a page allocator's own use of the memory there is nothing idle in it. */
	if (!r->mode->rank || READ_ONCE(r->state) != VCMA_REGION_READY)
		return;
	WRITE_ONCE(r->surrender.deadline_ms, deadline_ms);
	atomic64_set(&r->surrender.wanted_bytes, min(bytes, r->bytes));
	queue_work(r->wq, &r->surrender.work);
}

static struct vcma_block *vcma_surrender_take(struct vcma_region *r)
{
	struct vcma_block *block;

	mutex_lock(&r->surrender.lock);
	block = list_first_entry_or_null(&r->surrender.blocks, struct vcma_block, node);
	if (block)
		list_del(&block->node);
	mutex_unlock(&r->surrender.lock);
	return block;
}

static void vcma_surrender_put(struct vcma_block *block)
{
	struct vcma_surrender *s = &block->region->surrender;

	mutex_lock(&s->lock);
	list_add(&block->node, &s->blocks);
	mutex_unlock(&s->lock);
}

/* Its pages are the page allocator's, and the block is no more. */
static void vcma_surrender_end(struct vcma_block *block)
{
	vcma_block_release_pages(block);
	vcma_block_destroy(block);
}

bool vcma_surrender_reclaim(struct vcma_region *r, const struct vcma_constraints *want)
{
	ktime_t deadline = want->deadline ?: ktime_add_ms(ktime_get(), VCMA_RECLAIM_PATIENCE_MS);
	struct vcma_block *block;
	u64 bytes = 0, wanted = 0;
	int err = 0;

	if (want->flags & (VCMA_FAST | VCMA_NO_RECLAIM) || list_empty(&r->surrender.blocks))
		return false;
	while (bytes < want->bytes && (block = vcma_surrender_take(r))) {
		while ((err = vcma_request_reclaim(r, block->base_gpa, block->bytes)) == -ENOBUFS &&
		       !vcma_is_late(deadline))
			msleep(VCMA_RECLAIM_PAUSE_MS);
		wanted += block->bytes;
		if (err) {
			vcma_surrender_put(block);
			break;
		}
		bytes += block->bytes;
		vcma_surrender_end(block);
	}
	if (err == -ENOBUFS)
		dev_warn_ratelimited(r->dev, "region %s: '%s' wants %llu bytes, of which %llu were surrendered: the host has had no pages for these in time\n",
				     r->name, want->owner ?: "somebody", want->bytes, wanted);
	else if (err)
		dev_dbg(r->dev, "region %s: what was surrendered is not reclaimed: %pe\n", r->name, ERR_PTR(err));
	return bytes;
}

void vcma_surrender_init(struct vcma_region *r)
{
	INIT_WORK(&r->surrender.work, vcma_surrender_work);
	mutex_init(&r->surrender.lock);
	INIT_LIST_HEAD(&r->surrender.blocks);
}

void vcma_surrender_stop(struct vcma_region *r)
{
	struct vcma_block *block;
	u64 kept = 0;

	cancel_work_sync(&r->surrender.work);
	while ((block = vcma_surrender_take(r))) {
		if (vcma_request_reclaim(r, block->base_gpa, block->bytes))
			kept += block->bytes;
		vcma_surrender_end(block);
	}
	if (kept)
		dev_info(r->dev, "region %s: the host has no pages for %llu bytes that were surrendered: they are in no block before the machine is reset\n",
			 r->name, kept);
}
