// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * How blocks go back: FREE, BUSY, reset, end.
 *
 * The only place that unpins blocks a device may have known. None of it happens
 * while a client that could not be quiesced may still be doing DMA.
 */
#include <string.h>

#include "hv/core/engine_internal.h"

/* Adjacent blocks to be unpinned in one call. */
struct stretch {
	uint64_t first, nr;
};

static void stretch_flush(struct hvcma_engine *e, struct stretch *s)
{
	if (s->nr)
		e->ops->unpin(e->opaque, s->first, s->nr);
	s->nr = 0;
}

static void stretch_add(struct hvcma_engine *e, struct stretch *s, uint64_t first,
			uint64_t nr)
{
	if (s->nr && s->first + s->nr == first) {
		s->nr += nr;
		return;
	}
	stretch_flush(e, s);
	s->first = first;
	s->nr = nr;
}

/* An unpinned block is nobody's any more. */
static void give_back(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	hvcma_share_give(e, hvcma_alloc_owner(e->alloc, first), nr);
	hvcma_ungrant(e, first, nr);
}

/* --- FREE ------------------------------------------------------------- */

static enum virtio_cma_status free_range_get(const struct hvcma_engine *e,
					     struct hvcma_call *call, uint32_t i,
					     struct hvcma_grant *block)
{
	return hvcma_range_get(e, call, sizeof(struct virtio_cma_free_req) +
			       i * sizeof(struct virtio_cma_range), i, block);
}

/*
 * Mark the block of each range, so that a block that is named twice is found;
 * ranges that overlap otherwise cannot both be blocks. Stops at the first that
 * is none, *nr_marked ranges later.
 */
static enum virtio_cma_status mark_blocks(struct hvcma_engine *e, struct hvcma_call *call,
					  uint32_t nr_ranges, uint32_t *nr_marked)
{
	for (*nr_marked = 0; *nr_marked < nr_ranges; ++*nr_marked) {
		enum virtio_cma_status status;
		struct hvcma_grant block;
		uint64_t owner;

		status = free_range_get(e, call, *nr_marked, &block);
		if (status)
			return status;
		owner = hvcma_alloc_owner(e->alloc, block.first);
		if (hvcma_alloc_block_granules(e->alloc, block.first) != block.nr ||
		    (owner & HVCMA_OWNER_MARK))
			return hvcma_refuse(call, VIRTIO_CMA_S_NOT_BLOCK, *nr_marked);
		hvcma_alloc_set_owner(e->alloc, block.first, owner | HVCMA_OWNER_MARK);
	}
	return VIRTIO_CMA_S_OK;
}

static void unmark_blocks(struct hvcma_engine *e, struct hvcma_call *call,
			  uint32_t nr_marked)
{
	uint64_t detail = call->detail;

	for (uint32_t i = 0; i < nr_marked; i++) {
		struct hvcma_grant block;

		free_range_get(e, call, i, &block);
		hvcma_alloc_set_owner(e->alloc, block.first,
				      hvcma_alloc_owner(e->alloc, block.first) &
				      ~HVCMA_OWNER_MARK);
	}
	call->detail = detail;
}

enum virtio_cma_status hvcma_serve_free(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct stretch stretch = { 0 };
	struct virtio_cma_free_req req;
	enum virtio_cma_status status;
	uint32_t nr_ranges, nr_marked;
	struct hvcma_grant block;

	memcpy(&req, call->req, sizeof(req));
	if (req.reserved)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_free_req, reserved));
	nr_ranges = hvcma_from_le32(req.nr_ranges);
	if (!nr_ranges || call->req_bytes - sizeof(req) !=
			  (uint64_t)nr_ranges * sizeof(struct virtio_cma_range))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_free_req, nr_ranges));
	status = mark_blocks(e, call, nr_ranges, &nr_marked);
	if (!status)
		status = hvcma_quarantine_check(e, call);
	if (status) {
		unmark_blocks(e, call, nr_marked);
		return status;
	}

	for (uint32_t i = 0; i < nr_ranges; i++) {
		free_range_get(e, call, i, &block);
		hvcma_maintain_block(e, &block);
		stretch_add(e, &stretch, block.first, block.nr);
	}
	stretch_flush(e, &stretch);
	for (uint32_t i = 0; i < nr_ranges; i++) {
		free_range_get(e, call, i, &block);
		give_back(e, block.first, block.nr);
		hvcma_trace(e, "free", block.first, block.nr, 0);
	}
	e->nr_freed += nr_ranges;
	return VIRTIO_CMA_S_OK;
}

/* --- BUSY ------------------------------------------------------------- */

/* Granules that the @i-th range of a BUSY touches; not aligned, but in @within. */
static enum virtio_cma_status touched_get(const struct hvcma_engine *e,
					  struct hvcma_call *call, uint32_t i,
					  const struct hvcma_grant *within,
					  struct hvcma_grant *touched)
{
	size_t offset = sizeof(struct virtio_cma_busy_req) +
			i * sizeof(struct virtio_cma_range);
	uint64_t region_gpa = hvcma_gpa(e, within->first);
	uint64_t region_bytes = hvcma_bytes(e, within->nr);
	struct virtio_cma_range range;
	uint64_t base, bytes;

	memcpy(&range, call->req + offset, sizeof(range));
	base = hvcma_from_le64(range.base_gpa);
	bytes = hvcma_from_le64(range.bytes);
	if (!bytes)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offset + offsetof(struct virtio_cma_range, bytes));
	if (base < region_gpa || base - region_gpa >= region_bytes ||
	    bytes > region_bytes - (base - region_gpa))
		return hvcma_refuse(call, VIRTIO_CMA_S_RANGE, i);
	base -= e->config.region_base_gpa;
	touched->first = (uint32_t)(base >> e->granule_shift);
	touched->nr = (uint32_t)((base + bytes - 1) >> e->granule_shift) - touched->first + 1;
	return VIRTIO_CMA_S_OK;
}

/*
 * All ranges are well-formed. Ranges that do not overlap touch a granule twice
 * only where two of them meet: more is refused, as it is no use and could be
 * made arbitrarily slow.
 */
static enum virtio_cma_status check_touched(const struct hvcma_engine *e,
					    struct hvcma_call *call, uint32_t nr_ranges,
					    const struct hvcma_grant *within)
{
	uint64_t nr_touched = 0;

	for (uint32_t i = 0; i < nr_ranges; i++) {
		struct hvcma_grant touched;
		enum virtio_cma_status status = touched_get(e, call, i, within, &touched);

		if (status)
			return status;
		nr_touched += touched.nr;
	}
	if (nr_ranges && nr_touched > (uint64_t)within->nr + nr_ranges - 1)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_busy_req, nr_ranges));
	return VIRTIO_CMA_S_OK;
}

/* Marks, unlike blocks, are set and cleared one by one; either may repeat. */
void hvcma_busy_mark(struct hvcma_engine *e, uint64_t granule, bool on, uint8_t why)
{
	if (hvcma_alloc_is_withheld(e->alloc, granule))
		e->nr_busy[e->why[granule]]--;
	if (on)
		e->nr_busy[why]++;
	e->why[granule] = on ? why : 0;
	hvcma_alloc_withhold(e->alloc, granule, on);
}

static void withhold(struct hvcma_engine *e, const struct hvcma_grant *g, bool on,
		     uint32_t why)
{
	for (uint64_t i = g->first; i < (uint64_t)g->first + g->nr; i++)
		hvcma_busy_mark(e, i, on, (uint8_t)why);
	hvcma_trace(e, "busy", g->first, g->nr, on);
}

static enum virtio_cma_status busy_set(struct hvcma_engine *e, struct hvcma_call *call,
				       uint32_t nr_ranges, uint32_t why)
{
	struct hvcma_grant block, touched;
	enum virtio_cma_status status;

	status = hvcma_range_get(e, call, offsetof(struct virtio_cma_busy_req, block), 0,
				 &block);
	if (status)
		return status;
	if (hvcma_alloc_block_granules(e->alloc, block.first) != block.nr)
		return hvcma_refuse(call, VIRTIO_CMA_S_NOT_BLOCK, 0);
	status = check_touched(e, call, nr_ranges, &block);
	if (status)
		return status;
	status = hvcma_quarantine_check(e, call);
	if (status)
		return status;

	hvcma_maintain_block(e, &block);
	e->ops->unpin(e->opaque, block.first, block.nr);
	give_back(e, block.first, block.nr);
	hvcma_trace(e, "free", block.first, block.nr, 0);
	e->nr_freed++;
	if (!nr_ranges)
		withhold(e, &block, true, why);
	for (uint32_t i = 0; i < nr_ranges; i++) {
		touched_get(e, call, i, &block, &touched);
		withhold(e, &touched, true, why);
	}
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status busy_clear(struct hvcma_engine *e, struct hvcma_call *call,
					 uint32_t nr_ranges)
{
	const struct hvcma_grant region = { .nr = e->nr_granules };
	struct hvcma_grant touched;
	enum virtio_cma_status status;

	if (!nr_ranges)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_busy_req, nr_ranges));
	status = check_touched(e, call, nr_ranges, &region);
	if (status)
		return status;
	for (uint32_t i = 0; i < nr_ranges; i++) {
		touched_get(e, call, i, &region, &touched);
		withhold(e, &touched, false, 0);
	}
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_busy(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct virtio_cma_busy_req req;
	uint32_t nr_ranges, why;

	memcpy(&req, call->req, sizeof(req));
	nr_ranges = hvcma_from_le32(req.nr_ranges);
	if (call->req_bytes - sizeof(req) !=
	    (uint64_t)nr_ranges * sizeof(struct virtio_cma_range))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_busy_req, nr_ranges));
	why = hvcma_from_le32(req.why);
	if (why >= VIRTIO_CMA_NR_WHYS)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_busy_req, why));
	if (req.reserved)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_busy_req, reserved));
	switch (hvcma_from_le32(req.action)) {
	case VIRTIO_CMA_BUSY_SET:
		return busy_set(e, call, nr_ranges, why);
	case VIRTIO_CMA_BUSY_CLEAR:
		if (why)
			return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
					    offsetof(struct virtio_cma_busy_req, why));
		if (req.block.base_gpa)
			return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
					    offsetof(struct virtio_cma_busy_req,
						     block.base_gpa));
		if (req.block.bytes)
			return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
					    offsetof(struct virtio_cma_busy_req, block.bytes));
		return busy_clear(e, call, nr_ranges);
	default:
		return hvcma_refuse(call, VIRTIO_CMA_S_UNSUPP,
				    offsetof(struct virtio_cma_busy_req, action));
	}
}

/* --- reset ------------------------------------------------------------ */

/* Every client is quiet: unpin and free every block. Returns how many. */
static uint64_t free_all(struct hvcma_engine *e)
{
	struct stretch stretch = { 0 };
	uint64_t first, nr, nr_blocks = 0;

	for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr); i = first + nr) {
		stretch_add(e, &stretch, first, nr);
		nr_blocks++;
	}
	stretch_flush(e, &stretch);
	for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr); i = first + nr)
		give_back(e, first, nr);
	return nr_blocks;
}

int hvcma_engine_reset(struct hvcma_engine *e)
{
	int rc = hvcma_quiesce_all(e);
	uint64_t granule, nr_blocks = 0;

	e->resume.pending = false;
	if (!rc)
		nr_blocks = free_all(e);
	e->nr_freed += nr_blocks;
	while (hvcma_alloc_next_withheld(e->alloc, 0, &granule))
		hvcma_busy_mark(e, granule, false, 0);
	/* A driver that went without taking it back has left it to the guest. */
	if (e->nr_lent)
		e->nr_left = e->nr_lent;
	hvcma_lent_clear(e);
	e->guest_valid = false;
	memset(&e->guest, 0, sizeof(e->guest));
	hvcma_trace(e, "reset", nr_blocks, e->nr_unquiet, 0);
	hvcma_engine_check(e);
	return rc;
}

int hvcma_engine_fini(struct hvcma_engine *e)
{
	return hvcma_engine_reset(e);
}
