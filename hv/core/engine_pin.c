// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Pins: of blocks, or, with VIRTIO_CMA_FLAG_PINNED, of all of the region from the start.
 *
 *	by block:  ALLOC pins, FREE and reset unpin        (engine_job.c, engine_drain.c)
 *	all:       hvcma_engine_pin_all() ... hvcma_engine_fini(), nothing between
 *
 * Blocks come and go in both; where all is pinned that costs the host nothing, and no
 * address changes. Which granules the host must not touch is engine_noncoherent.c's.
 */
#include "hv/core/engine_internal.h"

enum virtio_cma_status hvcma_pin(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	return e->pins_all ? VIRTIO_CMA_S_OK :
			     hvcma_host_status(e->ops->pin(e->opaque, first, nr));
}

void hvcma_unpin(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	if (e->pins_all)
		return;
	hvcma_noncoherent_unpinned(e, first, nr);
	e->ops->unpin(e->opaque, first, nr);
	hvcma_noncoherent_end(e);
}

uint64_t hvcma_nr_pinned(const struct hvcma_engine *e)
{
	struct hvcma_alloc_stats stats;

	if (e->pins_all)
		return e->nr_granules;
	hvcma_alloc_stats(e->alloc, &stats);
	return stats.nr_allocated - e->nr_unpinned;
}

enum virtio_cma_status hvcma_engine_pin_all(struct hvcma_engine *e)
{
	struct hvcma_alloc_stats stats;
	enum virtio_cma_status status;

	if (!(e->config.flags & VIRTIO_CMA_FLAG_PINNED) || e->pins_all)
		return VIRTIO_CMA_S_INVAL;
	hvcma_alloc_stats(e->alloc, &stats);
	if (stats.nr_blocks)
		return VIRTIO_CMA_S_BUSY;
	status = hvcma_pin(e, 0, e->nr_granules);
	if (status)
		return status;
	status = hvcma_learn_range(e, 0, e->nr_granules, true);
	if (status)
		hvcma_unpin(e, 0, e->nr_granules);
	else
		e->pins_all = true;
	hvcma_engine_check(e);
	return status;
}

void hvcma_unpin_all(struct hvcma_engine *e)
{
	if (!e->pins_all)
		return;
	e->pins_all = false;
	hvcma_unpin(e, 0, e->nr_granules);
}
