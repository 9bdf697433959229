// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a block is allocated: asked of the host, checked, isolated, mapped
 * (region.h).
 *
 * Every block the host offers is checked against the region and against all
 * allocated ones before it is mapped. One that fails the check is never touched
 * and never freed: the region is dead, and the reset of the device frees
 * it.
 *
 * A block is in the index, for those who watch what becomes of memory, while its pages are being
 * isolated; others may keep it, and map parts of it, only once it is whole. So one that can't be
 * had is freed when nobody knows its addresses any more.
 *
 * Locks: none here, and callers hold none that spins: the host is asked, pages are moved.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "account.h"
#include "block.h"
#include "hv/core/dma_windows.h"
#include "mode.h"
#include "request.h"
#include "trace.h"

/* How long to look for a place that can be isolated. */
#define VCMA_ALLOC_TRIES		32	/* blocks */
#define VCMA_ALLOC_ROUNDS	3	/* through all there are */
#define VCMA_ALLOC_PAUSE_MS	20

/* Return: what is wrong with the addresses at which a block is found, or NULL. */
static const char *vcma_block_place_check(const struct vcma_region *r,
					  const struct vcma_constraints *want,
					  const struct vcma_block_desc *desc)
{
	u64 at = desc->base_dma, align = max(want->align_bytes, 1);

	if (!IS_ALIGNED(desc->base_dma, r->granule_bytes))
		return "misaligned block";
	if (desc->base_dma > U64_MAX - desc->bytes)
		return "block above the address limit";
	if (want->windows && !hvcma_dma_windows_to_bus(want->windows, at, desc->bytes, &at))
		return "block outside the client's windows";
	if (!IS_ALIGNED(at, align))
		return "misaligned block";
	if (at + desc->bytes - 1 > want->max_dma)
		return "block above the address limit";
	return NULL;
}

/* Return: what is wrong with @desc as an answer to @want, or NULL. */
static const char *vcma_block_desc_check(const struct vcma_region *r,
					 const struct vcma_constraints *want,
					 const struct vcma_block_desc *desc)
{
	const char *wrong;

	if (desc->bytes != vcma_region_round_up(r, want->bytes))
		return "block of another size than asked for";
	if (!vcma_region_has(r, desc->base_gpa, desc->bytes))
		return "block outside the region";
	if (!IS_ALIGNED(desc->base_gpa - r->base_gpa, r->granule_bytes))
		return "misaligned block";
	wrong = vcma_block_place_check(r, want, desc);
	if (wrong)
		return wrong;
	if (!(r->flags & VIRTIO_CMA_FLAG_HPA) && desc->base_dma != desc->base_gpa)
		return "DMA address is not the guest-physical one";
	if (desc->attr > VIRTIO_CMA_ATTR_UNCACHED)
		return "block of an unknown memory type";
	/* What it says of a shared one is the region's policy, not its user's. */
	if (want->client != VIRTIO_CMA_CLIENT_SHARED &&
	    ((desc->attr == VIRTIO_CMA_ATTR_CACHED && want->attr != VCMA_CACHED) ||
	     (desc->attr == VIRTIO_CMA_ATTR_UNCACHED && want->attr != VCMA_UNCACHED)))
		return "block of another memory type than the client's";
	return NULL;
}

/* Make the memory of a new block ours, as far as @want says. @busy: set on -EBUSY */
static int vcma_block_occupy(struct vcma_block *block, const struct vcma_constraints *want,
			     struct vcma_busy *busy)
{
	const struct vcma_mode *mode = block->region->mode;
	unsigned long nr = block->bytes >> PAGE_SHIFT;
	int err;

	*busy = (struct vcma_busy) { .nr_pages = nr, .why = VIRTIO_CMA_WHY_UNMOVABLE };
	err = mode->get ? mode->get(block) : 0;
	if (err || want->lazy)
		return err;
	err = vcma_block_isolate(block, 0, nr, want->flags, want->deadline, busy);
	if (!err)
		err = vcma_block_map(block);
	if (err)
		vcma_block_release_pages(block);
	return err;
}

/*
 * The block, not indexed any more, could not be occupied: it goes back. Where the
 * guest has a choice, the host keeps the busy part to itself for a while.
 */
static void vcma_block_refuse(struct vcma_block *block, const struct vcma_constraints *want,
			      int err, const struct vcma_busy *busy)
{
	struct vcma_region *r = block->region;
	u64 gpa = block->base_gpa + PFN_PHYS(busy->first_page);
	u64 bytes = PFN_PHYS(busy->nr_pages);

	dev_dbg(r->dev, "region %s: gives up %#llx+%#llx: %pe%s%s\n", r->name, gpa, bytes,
		ERR_PTR(err), err == -EBUSY ? ", " : "",
		err == -EBUSY ? vcma_why_name(busy->why) : "");
	if (err == -EBUSY && r->mode->rank && !(want->flags & VCMA_FAST) &&
	    !vcma_request_busy(r, block->base_gpa, block->bytes, gpa, bytes, busy->why)) {
		r->mode->busy(r, gpa, bytes);
		trace_vcma_block_busy(r, gpa, bytes, busy->why);
		atomic64_inc(&r->stats.nr_busy_retries);
		vcma_block_destroy(block);
	} else {
		vcma_block_return(block);
	}
}

/* Make a block of what the host answered; what can't be one goes back to the host. */
static int vcma_block_create(struct vcma_region *r, const struct vcma_constraints *want,
			     const struct vcma_block_desc *desc, struct vcma_block **out)
{
	struct vcma_block *block;
	struct vcma_busy busy;
	const char *wrong;
	int err;

	wrong = vcma_block_desc_check(r, want, desc);
	if (wrong)
		goto refuse;

	block = vcma_block_new(r, want, desc);
	if (!block) {
		vcma_request_free(r, desc->base_gpa, desc->bytes);
		return -ENOMEM;
	}
	err = vcma_block_index(block);
	if (err == -EBUSY) {
		vcma_block_destroy(block);
		wrong = "block that is allocated already";
		goto refuse;
	}
	if (err) {
		vcma_block_return(block);
		return err;
	}
	err = vcma_block_occupy(block, want, &busy);
	if (err) {
		vcma_block_unindex(block);
		vcma_block_refuse(block, want, err, &busy);
		return err;
	}

	vcma_block_publish(block);
	atomic64_add(block->bytes, &r->stats.allocated_bytes);
	vcma_region_note_dma(r, block->base_dma);
	trace_vcma_block_alloc(block);
	vcma_assert_valid(vcma_block_is_valid(block));
	*out = block;
	return 0;

refuse:
	dev_err(r->dev, "region %s: host offered gpa %#llx dma %#llx size %#llx for size %#llx align %#llx limit %#llx\n",
		r->name, desc->base_gpa, desc->base_dma, desc->bytes,
		want->bytes, want->align_bytes, want->max_dma);
	vcma_region_break(r, wrong);
	return -EPROTO;
}

/*
 * One attempt: the best places there are now, in the guest's view, and what the host
 * makes of them. @granted: did it offer a block?
 */
static int vcma_region_try(struct vcma_region *r, const struct vcma_constraints *want,
			   bool *granted, struct vcma_block **out)
{
	struct virtio_cma_range hints[VCMA_MAX_HINTS];
	struct vcma_block_desc desc;
	unsigned int nr = 0;
	int err;

	if (r->mode->rank)
		nr = r->mode->rank(r, want, hints, ARRAY_SIZE(hints));
	err = vcma_request_alloc(r, want, hints, nr, &desc);
	*granted = !err;
	return err ?: vcma_block_create(r, want, &desc, out);
}

/* Of what there is now. */
static int vcma_block_alloc_now(struct vcma_region *r, const struct vcma_constraints *want,
				struct vcma_block **out)
{
	u64 bytes = vcma_region_round_up(r, want->bytes);
	unsigned int tries, rounds = 0;
	ktime_t start = ktime_get();
	bool granted;
	int err;

	err = vcma_account_charge(r, want->resv, bytes);
	if (err) {
		dev_dbg(r->dev, "region %s: %llu bytes for '%s': over the limit of the parameter regions\n",
			r->name, bytes, want->owner);
		return err;
	}
	trace_vcma_alloc_start(r, want->bytes, 1, want->max_dma, want->flags);
	for (tries = 1;; tries++) {
		err = vcma_region_try(r, want, &granted, out);
		if (err != -EBUSY || !r->mode->rank || want->flags & VCMA_FAST ||
		    tries == VCMA_ALLOC_TRIES)
			break;
		if (vcma_is_late(want->deadline)) {
			err = -ETIMEDOUT;
			break;
		}
		if (granted)	/* and busy: the next one */
			continue;
		/* All have been tried. Most reasons for a page to be busy soon pass. */
		if (rounds++ == VCMA_ALLOC_ROUNDS || !r->mode->clear_busy(r))
			break;
		msleep(VCMA_ALLOC_PAUSE_MS);
	}
	if (err) {
		dev_dbg(r->dev, "region %s: no block of %llu bytes at or below %#llx for '%s': %pe, %u tries, %u rounds\n",
			r->name, bytes, want->max_dma, want->owner, ERR_PTR(err), tries, rounds);
		vcma_account_uncharge(r, want->resv, bytes);
	}
	trace_vcma_alloc_finish(r, want->bytes, !err, err, ktime_us_delta(ktime_get(), start));
	return err;
}

/* Is it more memory that is missing? */
static bool vcma_is_short(int err)
{
	return err == -ENOSPC || err == -ENOMEM || err == -EBUSY;
}

int vcma_block_alloc(struct vcma_region *r, const struct vcma_constraints *want,
		     struct vcma_block **out)
{
	int err;

	do {
		err = vcma_block_alloc_now(r, want, out);
	} while (vcma_is_short(err) && vcma_surrender_reclaim(r, want));
	return err;
}
EXPORT_SYMBOL_GPL(vcma_block_alloc);	/* for tests/guest/reuse.c */

/* Where the guest chooses, it does so block by block. */
static int vcma_block_alloc_each(struct vcma_region *r, const struct vcma_constraints *want,
				 unsigned int max, struct vcma_block **blocks)
{
	unsigned int nr = 0;
	int err = 0;

	while (nr < max && !err) {
		err = vcma_block_alloc(r, want, &blocks[nr]);
		if (!err)
			nr++;
	}
	return nr ?: err;
}

int vcma_block_alloc_bulk(struct vcma_region *r, const struct vcma_constraints *want,
			  unsigned int max, struct vcma_block **blocks)
{
	u64 bytes = vcma_region_round_up(r, want->bytes);
	struct vcma_block_desc *descs;
	u32 nr = 0, charged, i;
	int nr_got = 0;
	int err = 0;

	max = min3(max, (unsigned int)VCMA_BULK_BLOCKS, r->max_bulk_blocks);
	if (r->mode->rank)
		return vcma_block_alloc_each(r, want, max, blocks);
	for (charged = 0; charged < max && !err; charged += !err)
		err = vcma_account_charge(r, want->resv, bytes);
	if (!charged)
		return err;
	descs = kcalloc(charged, sizeof(*descs), GFP_NOIO);
	err = descs ? vcma_request_bulk(r, want, charged, descs, &nr) : -ENOMEM;
	for (i = 0; i < nr; i++) {
		int one = vcma_block_create(r, want, &descs[i], &blocks[nr_got]);

		if (one)
			err = one;
		else
			nr_got++;
	}
	kfree(descs);
	vcma_account_uncharge(r, want->resv, (charged - nr_got) * bytes);
	return nr_got ? nr_got : err;
}
