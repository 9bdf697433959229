// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * How blocks are freed: FREE, BUSY, reset, end. See engine_drain.c for the steps
 * in which they do.
 *
 * None of it happens while a client that could not be quiesced may still be doing
 * DMA. A FREE or BUSY that is under way when that becomes so was accepted before:
 * it is answered, and what is left of its blocks drains when it can.
 */
#include <string.h>

#include "hv/core/engine_internal.h"

/* --- FREE ------------------------------------------------------------- */

static enum virtio_cma_status free_range_get(const struct hvcma_engine *e,
					     struct hvcma_call *call, uint32_t i,
					     struct hvcma_granule_range *block)
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
		struct hvcma_granule_range block;
		uint64_t owner;

		status = free_range_get(e, call, *nr_marked, &block);
		if (status)
			return status;
		owner = hvcma_alloc_owner(e->alloc, block.first);
		if (hvcma_alloc_block_granules(e->alloc, block.first) != block.nr ||
		    (owner & HVCMA_OWNER_MARK) || hvcma_block_is_transient(e, block.first))
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
		struct hvcma_granule_range block;

		free_range_get(e, call, i, &block);
		hvcma_alloc_set_owner(e->alloc, block.first,
				      hvcma_alloc_owner(e->alloc, block.first) &
				      ~HVCMA_OWNER_MARK);
	}
	call->detail = detail;
}

/* All of it is in order: from here on these blocks are not the guest's any more. */
static enum virtio_cma_status free_begin(struct hvcma_engine *e, struct hvcma_call *call,
					 uint32_t nr_ranges)
{
	enum virtio_cma_status status;
	struct hvcma_granule_range block;
	uint32_t nr_marked;

	status = mark_blocks(e, call, nr_ranges, &nr_marked);
	if (!status)
		status = hvcma_quarantine_check(e, call);
	unmark_blocks(e, call, nr_marked);
	if (status)
		return status;
	for (uint32_t i = 0; i < nr_ranges; i++) {
		free_range_get(e, call, i, &block);
		hvcma_drain_block(e, block.first);
		hvcma_trace(e, "free", block.first, block.nr, 0);
	}
	e->nr_freed += nr_ranges;
	e->pending_free = (struct hvcma_pending_free){ .op = VIRTIO_CMA_OP_FREE };
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_free(struct hvcma_engine *e, struct hvcma_call *call)
{
	uint64_t budget = hvcma_pin_budget(e);
	struct virtio_cma_free_req req;
	enum virtio_cma_status status;
	struct hvcma_granule_range block;
	uint32_t nr_ranges;

	memcpy(&req, call->req, sizeof(req));
	if (req.reserved)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_free_req, reserved));
	nr_ranges = hvcma_from_le32(req.nr_ranges);
	if (!nr_ranges || call->req_bytes - sizeof(req) !=
			  (uint64_t)nr_ranges * sizeof(struct virtio_cma_range))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_free_req, nr_ranges));
	if (e->pending_free.op != VIRTIO_CMA_OP_FREE) {
		hvcma_pending_free_forget(e);
		status = free_begin(e, call, nr_ranges);
		if (status)
			return status;
	}
	for (; e->pending_free.next < nr_ranges; e->pending_free.next++) {
		status = free_range_get(e, call, e->pending_free.next, &block);
		if (status)
			return status;
		if (!hvcma_drain_range(e, block.first, block.nr, &budget))
			return HVCMA_AGAIN;
	}
	return VIRTIO_CMA_S_OK;
}

/* --- BUSY ------------------------------------------------------------- */

/* Granules that the @i-th range of a BUSY touches; not aligned, but in @within. */
static enum virtio_cma_status touched_get(const struct hvcma_engine *e,
					  struct hvcma_call *call, uint32_t i,
					  const struct hvcma_granule_range *within,
					  struct hvcma_granule_range *touched)
{
	size_t offset = sizeof(struct virtio_cma_busy_req) +
			i * sizeof(struct virtio_cma_range);
	struct virtio_cma_range range;
	uint64_t base, bytes;

	memcpy(&range, call->req + offset, sizeof(range));
	base = hvcma_from_le64(range.base_gpa);
	bytes = hvcma_from_le64(range.bytes);
	if (!bytes)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offset + offsetof(struct virtio_cma_range, bytes));
	if (!hvcma_ranges_find(e, base, bytes, touched) || touched->first < within->first ||
	    touched->first + touched->nr > within->first + within->nr)
		return hvcma_refuse(call, VIRTIO_CMA_S_RANGE, i);
	return VIRTIO_CMA_S_OK;
}

/*
 * All ranges are well-formed. Ranges that do not overlap touch a granule twice
 * only where two of them meet: more is refused, as it is no use and could be
 * made arbitrarily slow.
 */
static enum virtio_cma_status check_touched(const struct hvcma_engine *e,
					    struct hvcma_call *call, uint32_t nr_ranges,
					    const struct hvcma_granule_range *within)
{
	uint64_t nr_touched = 0;

	for (uint32_t i = 0; i < nr_ranges; i++) {
		struct hvcma_granule_range touched;
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
	if (hvcma_is_surrendered(e, granule))
		return;
	if (hvcma_alloc_is_withheld(e->alloc, granule))
		e->nr_busy[e->why[granule]]--;
	if (on)
		e->nr_busy[why]++;
	e->why[granule] = on ? why : 0;
	hvcma_alloc_withhold(e->alloc, granule, on);
}

/* Of the granules of @g those in @within, from its granule @from on; *@budget of them. */
static bool mark_range(struct hvcma_engine *e, const struct hvcma_granule_range *g,
		       const struct hvcma_granule_range *within, uint64_t *from, uint64_t *budget,
		       bool on, uint32_t why)
{
	uint64_t end = (uint64_t)g->first + g->nr;
	uint64_t i = (uint64_t)g->first + *from;

	if (i < within->first)
		i = within->first;
	if (end > (uint64_t)within->first + within->nr)
		end = (uint64_t)within->first + within->nr;
	for (; i < end && *budget; i++, --*budget)
		hvcma_busy_mark(e, i, on, (uint8_t)why);
	*from = i - g->first;
	return i >= end;
}

static enum virtio_cma_status busy_set_begin(struct hvcma_engine *e, struct hvcma_call *call,
					     uint32_t nr_ranges)
{
	enum virtio_cma_status status;
	struct hvcma_granule_range block;

	status = hvcma_range_get(e, call, offsetof(struct virtio_cma_busy_req, block), 0,
				 &block);
	if (status)
		return status;
	if (hvcma_alloc_block_granules(e->alloc, block.first) != block.nr ||
	    hvcma_block_is_transient(e, block.first))
		return hvcma_refuse(call, VIRTIO_CMA_S_NOT_BLOCK, 0);
	status = check_touched(e, call, nr_ranges, &block);
	if (!status)
		status = hvcma_quarantine_check(e, call);
	if (status)
		return status;
	hvcma_block_set_transient(e, block.first);
	hvcma_trace(e, "free", block.first, block.nr, 0);
	e->nr_freed++;
	e->pending_free = (struct hvcma_pending_free){ .op = VIRTIO_CMA_OP_BUSY, .block = block };
	return VIRTIO_CMA_S_OK;
}

/* A piece of the block goes, and with it comes what is busy of it. */
static void busy_set_piece(struct hvcma_engine *e, struct hvcma_call *call,
			   const struct hvcma_granule_range *block,
			   const struct hvcma_granule_range *piece, uint32_t nr_ranges, uint32_t why)
{
	uint64_t from, unlimited = UINT64_MAX;
	struct hvcma_granule_range touched;

	hvcma_unpin(e, piece->first, piece->nr);
	hvcma_block_release(e, piece->first);
	for (uint32_t i = 0; i < nr_ranges; i++) {
		touched_get(e, call, i, block, &touched);
		from = 0;
		mark_range(e, &touched, piece, &from, &unlimited, true, why);
	}
	from = 0;
	if (!nr_ranges)
		mark_range(e, piece, piece, &from, &unlimited, true, why);
}

static enum virtio_cma_status busy_set(struct hvcma_engine *e, struct hvcma_call *call,
				       uint32_t nr_ranges, uint32_t why)
{
	struct hvcma_granule_range *rest = &e->pending_free.block, block, piece;
	uint64_t budget = hvcma_pin_budget(e);
	enum virtio_cma_status status;

	if (!rest->nr) {
		hvcma_pending_free_forget(e);
		status = busy_set_begin(e, call, nr_ranges);
		if (status)
			return status;
	}
	status = hvcma_range_get(e, call, offsetof(struct virtio_cma_busy_req, block), 0,
				 &block);
	if (status || e->nr_quarantined)
		return status;
	piece = *rest;
	if (piece.nr > budget) {
		piece.nr = (uint32_t)budget;
		hvcma_block_split(e, piece.first, piece.nr);
	}
	rest->first += piece.nr;
	rest->nr -= piece.nr;
	busy_set_piece(e, call, &block, &piece, nr_ranges, why);
	if (rest->nr)
		return HVCMA_AGAIN;
	if (!nr_ranges)
		hvcma_trace(e, "busy", block.first, block.nr, 1);
	for (uint32_t i = 0; i < nr_ranges; i++) {
		touched_get(e, call, i, &block, &piece);
		hvcma_trace(e, "busy", piece.first, piece.nr, 1);
	}
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status busy_clear(struct hvcma_engine *e, struct hvcma_call *call,
					 uint32_t nr_ranges)
{
	const struct hvcma_granule_range region = { .nr = e->nr_granules };
	uint64_t budget = hvcma_mark_budget(e);
	enum virtio_cma_status status;
	struct hvcma_granule_range touched;

	if (!nr_ranges)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_busy_req, nr_ranges));
	if (e->pending_free.op != VIRTIO_CMA_OP_BUSY || e->pending_free.block.nr) {
		hvcma_pending_free_forget(e);
		status = check_touched(e, call, nr_ranges, &region);
		if (status)
			return status;
		e->pending_free.op = VIRTIO_CMA_OP_BUSY;
	}
	for (; e->pending_free.next < nr_ranges; e->pending_free.next++, e->pending_free.done = 0) {
		status = touched_get(e, call, e->pending_free.next, &region, &touched);
		if (status)
			return status;
		if (!mark_range(e, &touched, &region, &e->pending_free.done, &budget, false, 0))
			return HVCMA_AGAIN;
		hvcma_trace(e, "busy", touched.first, touched.nr, 0);
	}
	return VIRTIO_CMA_S_OK;
}

/* The FREE or BUSY that was to be made again is done with, or will not be. */
void hvcma_pending_free_forget(struct hvcma_engine *e)
{
	if (e->pending_free.block.nr)
		hvcma_drain_block(e, e->pending_free.block.first);
	e->pending_free = (struct hvcma_pending_free){ 0 };
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
	if (e->sweeps_busy && hvcma_drain_pending(e) && e->sweeps_busy)
		return HVCMA_AGAIN;
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

/* --- suspend ----------------------------------------------------------- */

enum virtio_cma_status hvcma_serve_suspend(struct hvcma_engine *e, struct hvcma_call *call)
{
	if (call->req_bytes != sizeof(struct virtio_cma_req_hdr))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	hvcma_engine_set_suspended(e, true);
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_resume(struct hvcma_engine *e, struct hvcma_call *call)
{
	if (call->req_bytes != sizeof(struct virtio_cma_req_hdr))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	if (!e->suspended)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, op));
	hvcma_engine_set_suspended(e, false);
	return VIRTIO_CMA_S_OK;
}

bool hvcma_engine_is_suspended(const struct hvcma_engine *e)
{
	return e->suspended;
}

void hvcma_engine_set_suspended(struct hvcma_engine *e, bool suspended)
{
	e->suspended = suspended;
	hvcma_trace(e, "suspend", suspended, 0, 0);
}

/* --- reset ------------------------------------------------------------ */

enum virtio_cma_status hvcma_engine_reset(struct hvcma_engine *e)
{
	enum virtio_cma_status status = hvcma_quiesce_all(e);
	uint64_t nr_blocks = 0;

	e->suspended = false;
	hvcma_engine_forget_pending(e);
	if (!status)
		nr_blocks = hvcma_drain_every_block(e);
	e->nr_freed += nr_blocks;
	e->sweeps_busy = true;
	e->busy_from = 0;
	hvcma_drain_step(e);
	/* A driver that went without isolating it has orphaned it. */
	if (e->nr_online)
		e->nr_orphaned = e->nr_online;
	hvcma_online_clear(e);
	e->guest_valid = false;
	memset(&e->guest, 0, sizeof(e->guest));
	hvcma_trace(e, "reset", nr_blocks, e->nr_quarantined, 0);
	hvcma_engine_check(e);
	return status;
}

enum virtio_cma_status hvcma_engine_fini(struct hvcma_engine *e)
{
	enum virtio_cma_status status = hvcma_engine_reset(e);

	while (hvcma_engine_drain(e))
		;
	if (!status)
		hvcma_unpin_all(e);
	return status;
}
