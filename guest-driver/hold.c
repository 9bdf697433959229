// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a block comes to be held: asked of the host, checked, vacated, mapped
 * (region.h).
 *
 * Every block the host grants is checked against the region and against all
 * blocks held before it is mapped. A grant that fails the check is never touched
 * and never given back: the region is dead, and the reset of the device frees
 * it.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "block.h"
#include "mode.h"
#include "request.h"
#include "trace.h"

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

/* Make the memory of a new block ours, as far as @want says. */
static int vcma_block_occupy(struct vcma_block *block, const struct vcma_want *want)
{
	const struct vcma_mode *mode = block->region->mode;
	struct vcma_busy busy;
	int err = 0;

	if (mode->hold)
		err = mode->hold(block);
	if (err || want->lazy)
		return err;
	err = vcma_block_take(block, 0, block->bytes >> PAGE_SHIFT, want->flags,
			      want->deadline, &busy);
	if (!err)
		err = vcma_block_map(block);
	if (err)
		vcma_block_vacate(block);
	return err;
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

	block = vcma_block_new(r, want, grant);
	if (!block) {
		err = -ENOMEM;
		goto give_back;
	}
	err = vcma_block_index(block);
	if (err == -EBUSY) {
		vcma_block_free(block);
		wrong = "block that is held already";
		goto refuse;
	}
	if (err)
		goto free;
	err = vcma_block_occupy(block, want);
	if (err)
		goto unindex;

	atomic64_add(block->bytes, &r->stats.held_bytes);
	trace_vcma_block_hold(block);
	vcma_assert_valid(vcma_block_is_valid(block));
	*out = block;
	return 0;

unindex:
	vcma_block_unindex(block);
free:
	vcma_block_free(block);
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
	struct vcma_grant grant;
	int err;

	err = vcma_request_alloc(r, want, &grant);
	if (!err)
		err = vcma_region_adopt(r, want, &grant, out);
	return err;
}

int vcma_region_hold_bulk(struct vcma_region *r, const struct vcma_want *want,
			  unsigned int max, struct vcma_block **blocks)
{
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
	return nr_held ? nr_held : err;
}
