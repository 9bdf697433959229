// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Surrendered granules: what the guest has given up for a while, so that the host's pool serves others.
 *
 *	            SURRENDER                      RECLAIM, reset of the machine
 *	a block  -------------->  surrendered  --------------------------------->  free, backed
 *	            unpinned,       withheld,            backed, or nothing
 *	            pages go        unbacked             has changed
 *
 * The allocator never has them to give (withheld), nor does it back them by itself. A request is about as much as the
 * host pins or backs in one call, so none takes several. A reset of the device ends nothing: the guest may have
 * something at these addresses.
 *
 * Whom memory is asked of, and who gets it, is not decided here.
 */
#include "hv/core/engine_internal.h"

bool hvcma_is_surrendered(const struct hvcma_engine *e, uint64_t granule)
{
	return e->nr_surrendered && hvcma_bitset_test(&e->surrendered, (uint32_t)granule);
}

bool hvcma_surrendered_is_valid(const struct hvcma_engine *e)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < e->nr_granules; i++) {
		if (!hvcma_bitset_test(&e->surrendered, (uint32_t)i))
			continue;
		if (!hvcma_alloc_is_withheld(e->alloc, i) || hvcma_alloc_is_allocated(e->alloc, i) || e->why[i] ||
		    hvcma_alloc_dma(e->alloc, i) != HVCMA_DMA_UNKNOWN)
			return false;
		nr++;
	}
	return nr == e->nr_surrendered;
}

/* The range of either request, of at most @max granules. */
static enum virtio_cma_status range_get(const struct hvcma_engine *e, struct hvcma_call *call, uint64_t max,
					struct hvcma_granule_range *range)
{
	enum virtio_cma_status status;

	if (call->req_bytes != sizeof(struct virtio_cma_surrender_req))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL, offsetof(struct virtio_cma_req_hdr, bytes));
	status = hvcma_range_get(e, call, offsetof(struct virtio_cma_surrender_req, range), 0, range);
	if (!status && range->nr > max)
		status = hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, hvcma_bytes(e, max));
	return status;
}

enum virtio_cma_status hvcma_serve_surrender(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct hvcma_granule_range block;
	enum virtio_cma_status status = range_get(e, call, hvcma_pin_budget(e), &block);

	if (status)
		return status;
	if (hvcma_alloc_block_granules(e->alloc, block.first) != block.nr ||
	    hvcma_block_is_transient(e, block.first))
		return hvcma_refuse(call, VIRTIO_CMA_S_NOT_BLOCK, 0);
	status = hvcma_quarantine_check(e, call);
	if (status)
		return status;

	hvcma_block_set_transient(e, block.first);
	hvcma_unpin(e, block.first, block.nr);
	hvcma_block_release(e, block.first);
	e->nr_freed++;
	for (uint64_t i = block.first; i < (uint64_t)block.first + block.nr; i++) {
		hvcma_alloc_learn(e->alloc, i, HVCMA_DMA_UNKNOWN);
		hvcma_alloc_withhold(e->alloc, i, true);
		hvcma_bitset_set(&e->surrendered, (uint32_t)i);
	}
	e->nr_surrendered += block.nr;
	e->ops->surrender(e->opaque, block.first, block.nr);
	hvcma_trace(e, "surrender", block.first, block.nr, 0);
	return VIRTIO_CMA_S_OK;
}

/* All of these are surrendered. On failure they still are. */
static enum virtio_cma_status reclaim(struct hvcma_engine *e, const struct hvcma_granule_range *range)
{
	uint64_t end = (uint64_t)range->first + range->nr;
	enum virtio_cma_status status = hvcma_host_status(e->ops->back(e->opaque, range->first, range->nr));

	if (status)
		return status;
	for (uint64_t i = range->first; i < end; i++) {
		hvcma_bitset_clear(&e->surrendered, (uint32_t)i);
		hvcma_alloc_withhold(e->alloc, i, false);
	}
	e->nr_surrendered -= range->nr;
	hvcma_trace(e, "reclaim", range->first, range->nr, 0);
	/* Where they can't be seen they are backed all the same: ALLOC looks again. */
	hvcma_learn_range(e, range->first, range->nr, false);
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_reclaim(struct hvcma_engine *e, struct hvcma_call *call)
{
	uint64_t max = e->config.back_max_granules ? e->config.back_max_granules : e->nr_granules;
	struct hvcma_granule_range range;
	enum virtio_cma_status status = range_get(e, call, max, &range);

	if (status)
		return status;
	for (uint64_t i = range.first; i < (uint64_t)range.first + range.nr; i++)
		if (!hvcma_is_surrendered(e, i))
			return hvcma_refuse(call, VIRTIO_CMA_S_NOT_BLOCK, 0);
	return reclaim(e, &range);
}

bool hvcma_engine_reclaim_all(struct hvcma_engine *e)
{
	uint32_t i = 0;

	while (e->nr_surrendered && (i = hvcma_bitset_next(&e->surrendered, i)) != HVCMA_NONE) {
		const struct hvcma_granule_range one = { i, 1 };

		if (reclaim(e, &one))
			break;
	}
	hvcma_engine_check(e);
	return !e->nr_surrendered;
}
