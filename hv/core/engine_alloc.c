// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * ALLOC and ALLOC_BULK on the wire, and blocks that migrated in.
 *
 * Everything is checked here, up to the room for the response, before
 * engine_job.c has the first effect.
 */
#include <string.h>

#include "hv/core/engine_internal.h"

/* Granules that count for the pin limit: pinned, or about to be. */
static uint64_t nr_isolated(const struct hvcma_engine *e)
{
	struct hvcma_alloc_stats stats;

	hvcma_alloc_stats(e->alloc, &stats);
	return stats.nr_allocated;
}

/* A limit that binds before the region itself is full. */
static bool over_pin_limit(const struct hvcma_engine *e, uint64_t nr)
{
	return e->pin_limit < e->nr_granules && nr > e->pin_limit - nr_isolated(e);
}

/* What the job's owner may still have, whatever is free. */
static uint64_t room_of(const struct hvcma_engine *e, const struct hvcma_job *job)
{
	return hvcma_resv_room(e, HVCMA_OWNER_RESV(job->owner));
}

/* A reservation of others that binds before the region itself is full. */
static bool over_resv(const struct hvcma_engine *e, const struct hvcma_job *job, uint64_t nr)
{
	return e->config.nr_resvs && nr > room_of(e, job);
}

/* What ALLOC and ALLOC_BULK have in common sits at the same place in both. */
#define SAME_PLACE(a, b) VIRTIO_CMA_ASSERT(offsetof(struct virtio_cma_alloc_req, a) == \
					   offsetof(struct virtio_cma_bulk_req, b))
SAME_PLACE(bytes, block_bytes);
SAME_PLACE(align_bytes, align_bytes);
SAME_PLACE(max_dma_addr, max_dma_addr);
SAME_PLACE(flags, flags);
SAME_PLACE(client, client);
SAME_PLACE(purpose, purpose);
SAME_PLACE(nr_hints, nr_blocks);

static enum virtio_cma_status check_common(const struct hvcma_engine *e,
					   struct hvcma_call *call,
					   const struct virtio_cma_alloc_req *req,
					   struct hvcma_job *job)
{
	uint64_t mask = e->config.granule_bytes - 1;
	uint64_t bytes = hvcma_from_le64(req->bytes);
	uint64_t align = hvcma_from_le64(req->align_bytes);
	uint32_t flags = hvcma_from_le32(req->flags);
	uint32_t client = hvcma_from_le32(req->client);
	uint32_t purpose = hvcma_from_le32(req->purpose);
	bool is_shared = flags & VIRTIO_CMA_ALLOC_SHARED;
	enum virtio_cma_status status;

	if (!bytes || bytes > UINT64_MAX - mask)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_alloc_req, bytes));
	if (align & (align - 1))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_alloc_req, align_bytes));
	if (flags & ~(uint32_t)VIRTIO_CMA_ALLOC_FLAGS ||
	    (is_shared && !hvcma_has_feature(e, VIRTIO_CMA_F_WINDOWS)))
		return hvcma_refuse(call, VIRTIO_CMA_S_UNSUPP,
				    offsetof(struct virtio_cma_alloc_req, flags));
	if (is_shared && client == VIRTIO_CMA_CLIENT_SHARED)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_alloc_req, client));
	job->fit.nr_granules = (bytes + mask) >> e->granule_shift;
	job->fit.align_bytes = align;
	job->fit.max_dma = hvcma_from_le64(req->max_dma_addr);
	job->fit.quick = flags & VIRTIO_CMA_ALLOC_FAST;
	status = hvcma_owner_check(e, call, client, purpose,
				   offsetof(struct virtio_cma_alloc_req, purpose));
	if (status)
		return status;
	job->fit.windows = hvcma_place_of(e, client);
	if (is_shared)
		client = VIRTIO_CMA_CLIENT_SHARED;
	job->owner = HVCMA_OWNER(client, purpose, hvcma_resv_of(e, client));
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status check_hints(const struct hvcma_engine *e,
					  struct hvcma_call *call, uint32_t nr_hints)
{
	struct hvcma_granule_range granules;

	if (call->req_bytes - sizeof(struct virtio_cma_alloc_req) !=
	    (uint64_t)nr_hints * sizeof(struct virtio_cma_range))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_alloc_req, nr_hints));
	for (uint32_t i = 0; i < nr_hints; i++) {
		size_t offset = sizeof(struct virtio_cma_alloc_req) +
				i * sizeof(struct virtio_cma_range);
		enum virtio_cma_status status = hvcma_range_get(e, call, offset, i, &granules);

		if (status)
			return status;
	}
	return VIRTIO_CMA_S_OK;
}

/*
 * Is it the request that was begun? One that its caller has changed meanwhile, and
 * one whose client is another by now, begins anew.
 */
static bool is_begun(struct hvcma_engine *e, const struct hvcma_call *call,
		     const struct virtio_cma_alloc_req *req, const struct hvcma_job *job)
{
	struct hvcma_pending_alloc *begun = &e->pending_alloc;

	if (begun->pending && !memcmp(begun->req, req, sizeof(*req)) &&
	    begun->resp_bytes == call->resp_bytes && begun->job.owner == job->owner)
		return true;
	hvcma_job_forget(e);
	return false;
}

/* Begin, or go on. */
static enum virtio_cma_status grant(struct hvcma_engine *e, const struct hvcma_call *call,
				    const struct virtio_cma_alloc_req *req,
				    struct hvcma_job *job)
{
	enum virtio_cma_status status;

	status = hvcma_job_run(e, job);
	e->pending_alloc.pending = status == HVCMA_AGAIN;
	memcpy(e->pending_alloc.req, req, sizeof(*req));
	e->pending_alloc.resp_bytes = call->resp_bytes;
	return status;
}

/* The job of ALLOC; a refusal if it can't be, whatever is free. */
static enum virtio_cma_status begin_alloc(struct hvcma_engine *e, struct hvcma_call *call,
					  const struct virtio_cma_alloc_req *req,
					  struct hvcma_job *job)
{
	size_t room = (call->resp_bytes - sizeof(struct virtio_cma_alloc_resp)) /
		      sizeof(struct virtio_cma_block);

	job->gather = !(hvcma_from_le32(req->flags) & VIRTIO_CMA_ALLOC_CONTIG);
	job->left = job->fit.nr_granules;
	job->max_granted = room < VIRTIO_CMA_MAX_BULK_BLOCKS ? (uint32_t)room
							    : VIRTIO_CMA_MAX_BULK_BLOCKS;
	hvcma_job_begin(job);
	if (over_pin_limit(e, job->left))
		return hvcma_refuse(call, VIRTIO_CMA_S_PIN_LIMIT, e->config.pin_limit_bytes);
	if (over_resv(e, job, job->left))
		return hvcma_refuse(call, VIRTIO_CMA_S_NO_SPACE,
				    hvcma_bytes(e, room_of(e, job)));
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_alloc(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct hvcma_job *job = &e->pending_alloc.job, asked = { 0 };
	struct virtio_cma_alloc_req req;
	struct virtio_cma_alloc_resp resp = { 0 };
	enum virtio_cma_status status;

	memcpy(&req, call->req, sizeof(req));
	status = check_common(e, call, &req, &asked);
	if (status)
		return status;
	asked.nr_hints = hvcma_from_le32(req.nr_hints);
	asked.hints = call->req + sizeof(req);
	status = check_hints(e, call, asked.nr_hints);
	if (status)
		return status;
	if (call->resp_bytes < sizeof(resp) + sizeof(struct virtio_cma_block))
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, call->resp_bytes);

	if (!is_begun(e, call, &req, &asked)) {
		status = begin_alloc(e, call, &req, &asked);
		if (status && hvcma_engine_is_draining(e)) {
			if (hvcma_drain_pending(e))
				return HVCMA_AGAIN;
			status = begin_alloc(e, call, &req, &asked);
		}
		if (status) {
			e->nr_alloc_failed++;
			return status;
		}
		*job = asked;
	}
	job->hints = asked.hints;
	status = grant(e, call, &req, job);
	if (status == HVCMA_AGAIN)
		return status;
	if (status) {
		e->nr_alloc_failed++;
		return hvcma_job_refusal(e, job, status, call);
	}
	e->nr_alloc_ok++;

	call->used_bytes = sizeof(resp);
	for (uint32_t i = 0; i < job->nr_granted; i++) {
		const struct hvcma_granule_range *g = &e->granted[i];
		struct virtio_cma_block block = {
			.base_gpa = hvcma_to_le64(hvcma_gpa(e, g->first)),
			.base_dma = hvcma_to_le64(hvcma_alloc_dma(e->alloc, g->first)),
			.bytes = hvcma_to_le64(hvcma_bytes(e, g->nr)),
			.attr = hvcma_to_le32(hvcma_client_attr(e, HVCMA_OWNER_CLIENT(job->owner))),
		};

		memcpy(call->resp + call->used_bytes, &block, sizeof(block));
		call->used_bytes += sizeof(block);
	}
	resp.nr_blocks = hvcma_to_le32(job->nr_granted);
	memcpy(call->resp, &resp, sizeof(resp));
	return VIRTIO_CMA_S_OK;
}

/* The job of ALLOC_BULK, of as many blocks as limits allow; a refusal if that is none. */
static enum virtio_cma_status begin_bulk(struct hvcma_engine *e, struct hvcma_call *call,
					 uint32_t nr_blocks, struct hvcma_job *job)
{
	uint64_t granules = job->fit.nr_granules;

	job->limit = VIRTIO_CMA_S_OK;
	/* Sizes beyond the region are sure to fail; keep products small. */
	if (granules > e->nr_granules)
		nr_blocks = 1;
	while (nr_blocks && over_pin_limit(e, granules * nr_blocks)) {
		job->limit = VIRTIO_CMA_S_PIN_LIMIT;
		nr_blocks = (uint32_t)((e->pin_limit - nr_isolated(e)) / granules);
	}
	if (over_resv(e, job, granules * nr_blocks)) {
		job->limit = VIRTIO_CMA_S_NO_SPACE;
		nr_blocks = (uint32_t)(room_of(e, job) / granules);
	}
	job->left = granules * nr_blocks;
	job->max_granted = nr_blocks;
	hvcma_job_begin(job);
	if (nr_blocks)
		return VIRTIO_CMA_S_OK;
	return hvcma_refuse(call, job->limit, job->limit == VIRTIO_CMA_S_NO_SPACE ?
			    hvcma_bytes(e, room_of(e, job)) : e->config.pin_limit_bytes);
}

enum virtio_cma_status hvcma_serve_bulk(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct hvcma_job *job = &e->pending_alloc.job, asked = { .partial = true };
	struct virtio_cma_alloc_req req;
	struct virtio_cma_bulk_resp resp = { 0 };
	enum virtio_cma_status status;
	uint32_t nr_blocks;

	memcpy(&req, call->req, sizeof(req));
	if (call->req_bytes != sizeof(struct virtio_cma_bulk_req))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	status = check_common(e, call, &req, &asked);
	if (status)
		return status;
	nr_blocks = hvcma_from_le32(req.nr_hints);
	if (!nr_blocks)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_bulk_req, nr_blocks));
	if (nr_blocks > VIRTIO_CMA_MAX_BULK_BLOCKS)
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, sizeof(resp) +
				    VIRTIO_CMA_MAX_BULK_BLOCKS *
				    sizeof(struct virtio_cma_bulk_block));
	if (call->resp_bytes < sizeof(resp) +
			       (uint64_t)nr_blocks * sizeof(struct virtio_cma_bulk_block))
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, call->resp_bytes);

	if (!is_begun(e, call, &req, &asked)) {
		status = begin_bulk(e, call, nr_blocks, &asked);
		if (asked.limit && hvcma_engine_is_draining(e)) {
			if (hvcma_drain_pending(e))
				return HVCMA_AGAIN;
			status = begin_bulk(e, call, nr_blocks, &asked);
		}
		if (status) {
			e->nr_alloc_failed++;
			return status;
		}
		*job = asked;
	}
	status = grant(e, call, &req, job);
	if (status == HVCMA_AGAIN)
		return status;
	if (!job->nr_granted) {
		e->nr_alloc_failed++;
		return hvcma_job_refusal(e, job, status, call);
	}
	e->nr_alloc_ok++;

	call->used_bytes = sizeof(resp);
	for (uint32_t i = 0; i < job->nr_granted; i++) {
		uint64_t first = e->granted[i].first;
		struct virtio_cma_bulk_block block = {
			.base_gpa = hvcma_to_le64(hvcma_gpa(e, first)),
			.base_dma = hvcma_to_le64(hvcma_alloc_dma(e->alloc, first)),
		};

		memcpy(call->resp + call->used_bytes, &block, sizeof(block));
		call->used_bytes += sizeof(block);
	}
	if (status)
		job->limit = hvcma_job_refusal(e, job, status, call);
	resp.nr_blocks = hvcma_to_le32(job->nr_granted);
	resp.stop_status = hvcma_to_le32(job->limit);
	memcpy(call->resp, &resp, sizeof(resp));
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_engine_restore_block(struct hvcma_engine *e, uint64_t first,
						  uint64_t nr_granules, uint32_t client,
						  uint32_t purpose)
{
	struct hvcma_fit_request fit = {
		.nr_granules = nr_granules,
		.max_dma = UINT64_MAX,
	};
	uint64_t end = first + nr_granules, unknown, nr;
	enum virtio_cma_status status;

	if (!nr_granules || first >= e->nr_granules || nr_granules > e->nr_granules - first)
		return VIRTIO_CMA_S_RANGE;
	if (purpose >= VIRTIO_CMA_NR_PURPOSES)
		return VIRTIO_CMA_S_INVAL;
	if (client != VIRTIO_CMA_CLIENT_SHARED && client >= e->config.nr_clients)
		return VIRTIO_CMA_S_NO_CLIENT;
	for (uint64_t i = first; i < end; i++)
		if (hvcma_alloc_is_allocated(e->alloc, i) || hvcma_alloc_is_withheld(e->alloc, i))
			return VIRTIO_CMA_S_NO_SPACE;
	if (over_pin_limit(e, nr_granules))
		return VIRTIO_CMA_S_PIN_LIMIT;
	if (nr_granules > hvcma_resv_room(e, hvcma_resv_of(e, client)))
		return VIRTIO_CMA_S_NO_SPACE;

	for (uint64_t i = first;
	     hvcma_alloc_next_unknown(e->alloc, i, end - i, &unknown, &nr) && unknown < end;
	     i = unknown + nr) {
		if (nr > end - unknown)
			nr = end - unknown;
		status = e->ops->back(e->opaque, unknown, nr);
		if (status)
			return hvcma_host_status(status);
	}
	status = hvcma_pin(e, first, nr_granules);
	if (status)
		return status;
	status = hvcma_learn_range(e, first, nr_granules, true);
	if (!status && !hvcma_alloc_block_at(e->alloc, first, &fit))
		status = VIRTIO_CMA_S_FRAGMENTED;
	if (status) {
		hvcma_unpin(e, first, nr_granules);
		return status;
	}
	hvcma_reserve_block(e, first, HVCMA_OWNER(client, purpose, hvcma_resv_of(e, client)));
	hvcma_block_is_pinned(e, first);
	hvcma_block_publish(e, first);
	e->noncoherent_lags |= e->keeps_off;
	hvcma_trace(e, "restore", first, nr_granules, client);
	hvcma_engine_check(e);
	return VIRTIO_CMA_S_OK;
}
