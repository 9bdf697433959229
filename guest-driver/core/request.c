// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of the wire contract: fill in, carry, check the answer (request.h).
 *
 * Locks: vcma_region.talk_lock, read while a request is under way.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "hv/core/dma_windows.h"
#include "region.h"
#include "request.h"
#include "trace.h"

static int vcma_status_errno(u32 status)
{
#define VCMA_STATUS_ERRNO(name, nr, err, text)	\
	[nr] = -(err),
	static const int errnos[] = { VIRTIO_CMA_STATUS_TABLE(VCMA_STATUS_ERRNO) };

	return status < ARRAY_SIZE(errnos) ? errnos[status] : -EIO;
}

static int vcma_protocol_error(struct vcma_region *r, const char *why)
{
	vcma_region_break(r, why);
	return -EPROTO;
}

/*
 * Carry one request. The header of @req is filled in here. On success the
 * response is at least @min_bytes long, and @*bytes (if asked for) says how long.
 */
static int vcma_carry(struct vcma_region *r, enum vcma_queue queue, u32 op,
		      struct virtio_cma_req_hdr *req, size_t req_bytes,
		      struct virtio_cma_resp_hdr *resp, size_t resp_bytes,
		      size_t min_bytes, size_t *bytes)
{
	struct vcma_transport *t = r->transport;
	ktime_t start = ktime_get();
	unsigned int noio;
	size_t used = 0;
	u32 status;
	int err;

	if (!vcma_region_is_live(r))
		return -ESHUTDOWN;
	if (req_bytes > r->max_request_bytes || resp_bytes > r->max_response_bytes)
		return -EMSGSIZE;

	req->op = cpu_to_le32(op);
	req->bytes = cpu_to_le32(req_bytes);

	noio = memalloc_noio_save();
	err = t->ops->call(t, queue, req, req_bytes, resp, resp_bytes, &used);
	memalloc_noio_restore(noio);

	trace_vcma_request(r, op, err, err ? 0 : le32_to_cpu(resp->status),
			   ktime_us_delta(ktime_get(), start));
	if (err == -ETIMEDOUT)
		vcma_region_break(r, "no response within request_timeout_ms");
	if (err)
		return err;

	if (used > resp_bytes)
		return vcma_protocol_error(r, "response is longer than its buffer");
	if (used < sizeof(*resp))
		return vcma_protocol_error(r, "response without a header");
	if (le32_to_cpu(resp->bytes) != used)
		return vcma_protocol_error(r, "response length contradicts its header");
	status = le32_to_cpu(resp->status);
	if (status != VIRTIO_CMA_S_OK)
		return used == sizeof(*resp) ? vcma_status_errno(status) :
		       vcma_protocol_error(r, "refusal with a body");
	if (used < min_bytes)
		return vcma_protocol_error(r, "response is too short");
	if (bytes)
		*bytes = used;
	return 0;
}

static int vcma_call_queue(struct vcma_region *r, enum vcma_queue queue, u32 op,
			   struct virtio_cma_req_hdr *req, size_t req_bytes,
			   struct virtio_cma_resp_hdr *resp, size_t resp_bytes,
			   size_t min_bytes, size_t *bytes)
{
	int err = -EAGAIN;

	down_read(&r->talk_lock);
	if (!r->suspended)
		err = vcma_carry(r, queue, op, req, req_bytes, resp, resp_bytes, min_bytes, bytes);
	up_read(&r->talk_lock);
	return err;
}

static int vcma_call(struct vcma_region *r, u32 op,
		     struct virtio_cma_req_hdr *req, size_t req_bytes,
		     struct virtio_cma_resp_hdr *resp, size_t resp_bytes,
		     size_t min_bytes, size_t *bytes)
{
	return vcma_call_queue(r, VCMA_QUEUE_REQUEST, op, req, req_bytes,
			       resp, resp_bytes, min_bytes, bytes);
}

int vcma_request_clients(struct vcma_region *r, u32 first, u32 nr,
			 struct virtio_cma_client *clients)
{
	struct virtio_cma_clients_req req = {
		.first = cpu_to_le32(first),
		.max_clients = cpu_to_le32(nr),
	};
	struct virtio_cma_clients_resp *resp;
	size_t resp_bytes = struct_size(resp, clients, nr);
	size_t bytes;
	int err;

	resp = kzalloc(resp_bytes, GFP_NOIO);
	if (!resp)
		return -ENOMEM;
	err = vcma_call(r, VIRTIO_CMA_OP_CLIENTS, &req.hdr, sizeof(req),
			&resp->hdr, resp_bytes, sizeof(*resp), &bytes);
	if (err)
		goto out;

	if (le32_to_cpu(resp->nr_total) != r->nr_clients ||
	    le32_to_cpu(resp->nr_clients) != nr || bytes != resp_bytes) {
		err = vcma_protocol_error(r, "CLIENTS: counts contradict each other");
		goto out;
	}
	memcpy(clients, resp->clients, array_size(nr, sizeof(*clients)));
out:
	kfree(resp);
	return err;
}

int vcma_request_claim(struct vcma_region *r, u32 client, u32 coherent,
		       struct vcma_claim *claim)
{
	struct virtio_cma_client_req req = {
		.client = cpu_to_le32(client),
		.coherent = cpu_to_le32(coherent),
	};
	bool is_warned = vcma_has_feature(r->transport, VIRTIO_CMA_F_ATTRIBUTES);
	/* As memory, cached: the host refuses clients for which that would be wrong. */
	struct virtio_cma_claim_resp resp = { .attr = cpu_to_le32(VIRTIO_CMA_ATTR_CACHED) };
	size_t resp_bytes = is_warned ? sizeof(resp) : sizeof(resp.hdr);
	int err;

	err = vcma_call(r, VIRTIO_CMA_OP_CLAIM, &req.hdr, sizeof(req),
			&resp.hdr, resp_bytes, resp_bytes, NULL);
	if (err == -EACCES)
		claim->reason = VIRTIO_CMA_REFUSED_REASON(le64_to_cpu(resp.hdr.detail));
	if (err)
		return err;

	if (le32_to_cpu(resp.attr) > VIRTIO_CMA_ATTR_UNCACHED ||
	    le32_to_cpu(resp.maint) & ~VIRTIO_CMA_MAINT_FLAGS)
		return vcma_protocol_error(r, "CLAIM: unknown memory type");
	*claim = (struct vcma_claim) {
		.attr = le32_to_cpu(resp.attr),
		.maint = le32_to_cpu(resp.maint),
		.effective = le32_to_cpu(resp.effective),
		.reason = le32_to_cpu(resp.reason),
	};
	return 0;
}

/* Return: what is wrong with an answer to WINDOWS, or NULL. */
static const char *vcma_windows_check(const struct virtio_cma_windows_resp *resp, size_t bytes)
{
	u32 nr = le32_to_cpu(resp->nr_windows), each = le32_to_cpu(resp->window_bytes);

	if (!nr || nr > VIRTIO_CMA_MAX_WINDOWS)
		return "WINDOWS: none, or too many";
	if (each < sizeof(struct virtio_cma_window) || each > VIRTIO_CMA_MAX_WINDOW_BYTES ||
	    !IS_ALIGNED(each, sizeof(u64)))
		return "WINDOWS: entries of a wrong length";
	if (bytes != sizeof(*resp) + nr * each || resp->reserved)
		return "WINDOWS: length contradicts the count";
	return NULL;
}

int vcma_request_windows(struct vcma_region *r, u32 client, struct hvcma_dma_windows *windows,
			 u32 *source)
{
	struct virtio_cma_windows_req req = { .client = cpu_to_le32(client) };
	size_t resp_bytes = sizeof(struct virtio_cma_windows_resp) +
			    VIRTIO_CMA_MAX_WINDOWS * VIRTIO_CMA_MAX_WINDOW_BYTES, bytes;
	struct virtio_cma_windows_resp *resp;
	struct hvcma_dma_windows_error wrong;
	struct hvcma_dma_window *list;
	const char *why;
	u32 nr, i;
	int err = -ENOMEM;

	if (!vcma_has_feature(r->transport, VIRTIO_CMA_F_WINDOWS))
		return -EOPNOTSUPP;
	resp = kzalloc(resp_bytes, GFP_NOIO);
	list = kcalloc(VIRTIO_CMA_MAX_WINDOWS, sizeof(*list), GFP_NOIO);
	if (!resp || !list)
		goto out;
	err = vcma_call(r, VIRTIO_CMA_OP_WINDOWS, &req.hdr, sizeof(req),
			&resp->hdr, resp_bytes, sizeof(*resp), &bytes);
	if (err)
		goto out;
	why = vcma_windows_check(resp, bytes);
	if (why) {
		err = vcma_protocol_error(r, why);
		goto out;
	}
	nr = le32_to_cpu(resp->nr_windows);
	for (i = 0; i < nr; i++) {
		const struct virtio_cma_window *wire =
			(void *)(resp + 1) + i * le32_to_cpu(resp->window_bytes);

		list[i] = (struct hvcma_dma_window) {
			.bus_base = le64_to_cpu(wire->bus_base),
			.dma_base = le64_to_cpu(wire->base_dma),
			.bytes = le64_to_cpu(wire->bytes),
		};
	}
	if (hvcma_dma_windows_set(windows, list, nr, &wrong)) {
		dev_err(r->dev, "region %s: client %u: window %u: %s: %#llx\n", r->name, client,
			wrong.window, wrong.sentence, wrong.value);
		err = vcma_protocol_error(r, "WINDOWS: a list that can't be");
		goto out;
	}
	*source = le32_to_cpu(resp->source);
	if (*source >= VIRTIO_CMA_NR_SOURCES)
		*source = VIRTIO_CMA_SOURCE_NONE;
out:
	kfree(list);
	kfree(resp);
	return err;
}

int vcma_request_release(struct vcma_region *r, u32 client)
{
	struct virtio_cma_client_req req = { .client = cpu_to_le32(client) };
	struct virtio_cma_resp_hdr resp = {};

	return vcma_call(r, VIRTIO_CMA_OP_RELEASE, &req.hdr, sizeof(req),
			 &resp, sizeof(resp), sizeof(resp), NULL);
}

static u32 vcma_purpose(const struct vcma_constraints *want)
{
	static const u32 purposes[VCMA_NR_BLOCK_USES] = {
		[VCMA_BLOCK_POOL] = VIRTIO_CMA_PURPOSE_POOL,
		[VCMA_BLOCK_BULK] = VIRTIO_CMA_PURPOSE_OTHER,
		[VCMA_BLOCK_USER] = VIRTIO_CMA_PURPOSE_USER,
	};

	/* Many blocks of a buffer, which is nobody's among the clients. */
	if (want->use == VCMA_BLOCK_BULK && want->client == VIRTIO_CMA_CLIENT_SHARED)
		return VIRTIO_CMA_PURPOSE_USER;
	return purposes[want->use];
}

/* Shared memory is placed for a client where it has windows. */
static bool vcma_is_placed(const struct vcma_constraints *want)
{
	return want->client == VIRTIO_CMA_CLIENT_SHARED && want->windows;
}

static u32 vcma_alloc_client(const struct vcma_constraints *want)
{
	return vcma_is_placed(want) ? want->place : want->client;
}

static u32 vcma_alloc_flags(const struct vcma_constraints *want)
{
	return VIRTIO_CMA_ALLOC_CONTIG |
	       (want->flags & VCMA_FAST ? VIRTIO_CMA_ALLOC_FAST : 0) |
	       (vcma_is_placed(want) ? VIRTIO_CMA_ALLOC_SHARED : 0);
}

int vcma_request_alloc(struct vcma_region *r, const struct vcma_constraints *want,
		       const struct virtio_cma_range *hints, unsigned int nr_hints,
		       struct vcma_block_desc *desc)
{
	struct virtio_cma_alloc_req *req;
	struct virtio_cma_alloc_resp *resp;
	struct virtio_cma_block *block;
	size_t req_bytes = struct_size(req, hints, nr_hints);
	size_t resp_bytes = struct_size(resp, blocks, 1);
	size_t bytes;
	int err = -ENOMEM;

	req = kzalloc(req_bytes, GFP_NOIO);
	resp = kzalloc(resp_bytes, GFP_NOIO);
	if (!req || !resp)
		goto out;
	req->bytes = cpu_to_le64(want->bytes);
	req->align_bytes = cpu_to_le64(want->align_bytes);
	req->max_dma_addr = cpu_to_le64(want->max_dma);
	req->flags = cpu_to_le32(vcma_alloc_flags(want));
	req->client = cpu_to_le32(vcma_alloc_client(want));
	req->purpose = cpu_to_le32(vcma_purpose(want));
	req->nr_hints = cpu_to_le32(nr_hints);
	if (nr_hints)
		memcpy(req->hints, hints, array_size(nr_hints, sizeof(*hints)));
	atomic64_inc(&r->stats.nr_alloc_requests);
	err = vcma_call(r, VIRTIO_CMA_OP_ALLOC, &req->hdr, req_bytes,
			&resp->hdr, resp_bytes, resp_bytes, &bytes);
	if (err)
		goto out;

	block = &resp->blocks[0];
	if (le32_to_cpu(resp->nr_blocks) != 1 || bytes != resp_bytes ||
	    resp->reserved || block->reserved) {
		err = vcma_protocol_error(r, "ALLOC: not exactly one block");
		goto out;
	}
	*desc = (struct vcma_block_desc) {
		.base_gpa = le64_to_cpu(block->base_gpa),
		.base_dma = le64_to_cpu(block->base_dma),
		.bytes = le64_to_cpu(block->bytes),
		.attr = le32_to_cpu(block->attr),
	};
out:
	kfree(resp);
	kfree(req);
	return err;
}

/* Of a host without ALLOC_BULK: one by one. */
static int vcma_request_singly(struct vcma_region *r, const struct vcma_constraints *want,
			       u32 max, struct vcma_block_desc *descs, u32 *nr)
{
	u32 got = 0;
	int err = 0;

	while (got < max && !err) {
		err = vcma_request_alloc(r, want, NULL, 0, &descs[got]);
		got += !err;
	}
	if (!got)
		return err;
	*nr = got;
	return 0;
}

int vcma_request_bulk(struct vcma_region *r, const struct vcma_constraints *want,
		      u32 max, struct vcma_block_desc *descs, u32 *nr)
{
	u64 block_bytes = vcma_region_round_up(r, want->bytes);
	struct virtio_cma_bulk_req req = {
		.block_bytes = cpu_to_le64(block_bytes),
		.align_bytes = cpu_to_le64(want->align_bytes),
		.max_dma_addr = cpu_to_le64(want->max_dma),
		.flags = cpu_to_le32(vcma_alloc_flags(want)),
		.client = cpu_to_le32(vcma_alloc_client(want)),
		.purpose = cpu_to_le32(vcma_purpose(want)),
		.nr_blocks = cpu_to_le32(max),
	};
	struct virtio_cma_bulk_resp *resp;
	size_t resp_bytes = struct_size(resp, blocks, max);
	size_t bytes;
	u32 i, got;
	bool all;
	int err;

	if (!vcma_has_feature(r->transport, VIRTIO_CMA_F_BULK))
		return vcma_request_singly(r, want, max, descs, nr);
	resp = kzalloc(resp_bytes, GFP_NOIO);
	if (!resp)
		return -ENOMEM;
	atomic64_inc(&r->stats.nr_alloc_requests);
	err = vcma_call(r, VIRTIO_CMA_OP_ALLOC_BULK, &req.hdr, sizeof(req),
			&resp->hdr, resp_bytes, sizeof(*resp), &bytes);
	if (err)
		goto out;

	got = le32_to_cpu(resp->nr_blocks);
	all = le32_to_cpu(resp->stop_status) == VIRTIO_CMA_S_OK;
	if (!got || got > max || all != (got == max) ||
	    bytes != struct_size(resp, blocks, got)) {
		err = vcma_protocol_error(r, "ALLOC_BULK: wrong number of blocks");
		goto out;
	}
	for (i = 0; i < got; i++) {
		descs[i] = (struct vcma_block_desc) {
			.base_gpa = le64_to_cpu(resp->blocks[i].base_gpa),
			.base_dma = le64_to_cpu(resp->blocks[i].base_dma),
			.bytes = block_bytes,
			.attr = VIRTIO_CMA_ATTR_AUTO,
		};
	}
	*nr = got;
out:
	kfree(resp);
	return err;
}

int vcma_request_free(struct vcma_region *r, u64 base_gpa, u64 bytes)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_free_req *req;
	size_t req_bytes = struct_size(req, ranges, 1);
	int err;

	req = kzalloc(req_bytes, GFP_NOIO);
	if (!req)
		return -ENOMEM;
	req->nr_ranges = cpu_to_le32(1);
	req->ranges[0].base_gpa = cpu_to_le64(base_gpa);
	req->ranges[0].bytes = cpu_to_le64(bytes);
	err = vcma_call(r, VIRTIO_CMA_OP_FREE, &req->hdr, req_bytes,
			&resp, sizeof(resp), sizeof(resp), NULL);
	kfree(req);
	return err;
}

static int vcma_request_range(struct vcma_region *r, u32 op, u64 base_gpa, u64 bytes)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_surrender_req *req;
	int err;

	if (!vcma_has_feature(r->transport, VIRTIO_CMA_F_SURRENDER))
		return -EOPNOTSUPP;
	req = kzalloc(sizeof(*req), GFP_NOIO);
	if (!req)
		return -ENOMEM;
	req->range.base_gpa = cpu_to_le64(base_gpa);
	req->range.bytes = cpu_to_le64(bytes);
	err = vcma_call(r, op, &req->hdr, sizeof(*req), &resp, sizeof(resp), sizeof(resp), NULL);
	kfree(req);
	return err;
}

int vcma_request_surrender(struct vcma_region *r, u64 base_gpa, u64 bytes)
{
	return vcma_request_range(r, VIRTIO_CMA_OP_SURRENDER, base_gpa, bytes);
}

int vcma_request_reclaim(struct vcma_region *r, u64 base_gpa, u64 bytes)
{
	return vcma_request_range(r, VIRTIO_CMA_OP_RECLAIM, base_gpa, bytes);
}

int vcma_request_busy(struct vcma_region *r, u64 base_gpa, u64 bytes,
		      u64 busy_gpa, u64 busy_bytes, u32 why)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_busy_req *req;
	size_t req_bytes = struct_size(req, ranges, 1);
	int err;

	req = kzalloc(req_bytes, GFP_NOIO);
	if (!req)
		return -ENOMEM;
	req->block.base_gpa = cpu_to_le64(base_gpa);
	req->block.bytes = cpu_to_le64(bytes);
	req->action = cpu_to_le32(VIRTIO_CMA_BUSY_SET);
	req->why = cpu_to_le32(why);
	req->nr_ranges = cpu_to_le32(1);
	req->ranges[0].base_gpa = cpu_to_le64(busy_gpa);
	req->ranges[0].bytes = cpu_to_le64(busy_bytes);
	err = vcma_call(r, VIRTIO_CMA_OP_BUSY, &req->hdr, req_bytes,
			&resp, sizeof(resp), sizeof(resp), NULL);
	kfree(req);
	return err;
}

int vcma_request_busy_clear(struct vcma_region *r, const struct virtio_cma_range *ranges,
			    unsigned int nr)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_busy_req *req;
	size_t req_bytes = struct_size(req, ranges, nr);
	int err;

	req = kzalloc(req_bytes, GFP_NOIO);
	if (!req)
		return -ENOMEM;
	req->action = cpu_to_le32(VIRTIO_CMA_BUSY_CLEAR);
	req->nr_ranges = cpu_to_le32(nr);
	memcpy(req->ranges, ranges, array_size(nr, sizeof(*ranges)));
	err = vcma_call(r, VIRTIO_CMA_OP_BUSY, &req->hdr, req_bytes,
			&resp, sizeof(resp), sizeof(resp), NULL);
	kfree(req);
	return err;
}

/* Return: is a run of DMA addresses inside the region, in whole granules? */
static bool vcma_extent_is_sane(const struct vcma_region *r,
				const struct virtio_cma_extent *extent)
{
	u64 gpa = le64_to_cpu(extent->base_gpa), bytes = le64_to_cpu(extent->bytes);
	u64 dma = le64_to_cpu(extent->base_dma);

	return bytes && vcma_region_has(r, gpa, bytes) && dma <= U64_MAX - bytes &&
	       IS_ALIGNED(gpa - r->base_gpa, r->granule_bytes) &&
	       IS_ALIGNED(dma | bytes, r->granule_bytes);
}

/* Items of a list, @item_bytes each, from number @first on, at most @max. */
static int vcma_query(struct vcma_region *r, u32 what, u64 first, u32 max, size_t item_bytes,
		      void *items, u32 *nr, u64 *total)
{
	struct virtio_cma_query_req req = {
		.what = cpu_to_le32(what),
		.first = cpu_to_le64(first),
		.nr = cpu_to_le64(max),
	};
	struct virtio_cma_query_resp *resp;
	size_t resp_bytes = size_add(sizeof(*resp), array_size(max, item_bytes));
	u64 got, left;
	size_t bytes;
	int err;

	resp = kvzalloc(resp_bytes, GFP_NOIO);
	if (!resp)
		return -ENOMEM;
	err = vcma_call(r, VIRTIO_CMA_OP_QUERY, &req.hdr, sizeof(req),
			&resp->hdr, resp_bytes, sizeof(*resp), &bytes);
	if (err)
		goto out;

	got = le64_to_cpu(resp->nr);
	left = le64_to_cpu(resp->total) - first;
	if (le64_to_cpu(resp->total) < first || got != min_t(u64, left, max) ||
	    bytes != sizeof(*resp) + got * item_bytes) {
		err = vcma_protocol_error(r, "QUERY: count contradicts the length");
		goto out;
	}
	memcpy(items, resp + 1, got * item_bytes);
	*nr = got;
	*total = le64_to_cpu(resp->total);
out:
	kvfree(resp);
	return err;
}

int vcma_request_extents(struct vcma_region *r, u64 first, u32 max,
			 struct virtio_cma_extent *extents, u32 *nr, u64 *total)
{
	u64 all;
	u32 got, i;
	int err;

	err = vcma_query(r, VIRTIO_CMA_QUERY_EXTENTS, first, max, sizeof(*extents), extents, &got,
			 &all);
	if (err)
		return err;
	for (i = 0; i < got; i++) {
		if (!vcma_extent_is_sane(r, &extents[i]))
			return vcma_protocol_error(r, "QUERY: extent outside the region");
	}
	*nr = got;
	*total = all;
	return 0;
}

int vcma_request_ranges(struct vcma_region *r, struct virtio_cma_range *ranges, u32 *nr)
{
	u64 total;
	u32 got;
	int err;

	err = vcma_query(r, VIRTIO_CMA_QUERY_RANGES, 0, VIRTIO_CMA_MAX_RANGES, sizeof(*ranges),
			 ranges, &got, &total);
	if (err)
		return err;
	if (total != got)
		return vcma_protocol_error(r, "QUERY: more ranges than there can be");
	*nr = got;
	return 0;
}

int vcma_request_report_online(struct vcma_region *r, u64 first, u32 nr,
			       const unsigned long *online)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_report_req *req;
	size_t req_bytes = struct_size(req, payload, DIV_ROUND_UP(nr, BITS_PER_BYTE));
	unsigned long bit;
	int err;

	req = kzalloc(req_bytes, GFP_NOIO);
	if (!req)
		return -ENOMEM;
	req->what = cpu_to_le32(VIRTIO_CMA_REPORT_ONLINE);
	req->first = cpu_to_le64(first);
	req->nr = cpu_to_le64(nr);
	for_each_set_bit(bit, online, nr)
		req->payload[bit / BITS_PER_BYTE] |= BIT(bit % BITS_PER_BYTE);
	err = vcma_call_queue(r, VCMA_QUEUE_REPORT, VIRTIO_CMA_OP_REPORT,
			      &req->hdr, req_bytes, &resp, sizeof(resp),
			      sizeof(resp), NULL);
	kfree(req);
	return err;
}

int vcma_request_report(struct vcma_region *r,
			const struct virtio_cma_guest_counters *counters)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_report_req *req;
	/* Of before there were features: it knows one length. */
	size_t bytes = vcma_is_version_1(r->transport) ? sizeof(*counters) :
							 VIRTIO_CMA_GUEST_COUNTERS_LEAST;
	size_t req_bytes = struct_size(req, payload, bytes);
	int err;

	req = kzalloc(req_bytes, GFP_NOIO);
	if (!req)
		return -ENOMEM;
	req->what = cpu_to_le32(VIRTIO_CMA_REPORT_COUNTERS);
	memcpy(req->payload, counters, bytes);
	err = vcma_call_queue(r, VCMA_QUEUE_REPORT, VIRTIO_CMA_OP_REPORT,
			      &req->hdr, req_bytes, &resp, sizeof(resp),
			      sizeof(resp), NULL);
	kfree(req);
	return err;
}

static void vcma_set_suspended(struct vcma_region *r, bool suspended)
{
	down_write(&r->talk_lock);
	r->suspended = suspended;
	up_write(&r->talk_lock);
}

int vcma_request_suspend(struct vcma_region *r)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_req_hdr req = {};
	int err;

	if (!vcma_has_feature(r->transport, VIRTIO_CMA_F_SUSPEND))
		return -EOPNOTSUPP;
	vcma_set_suspended(r, true);
	err = vcma_carry(r, VCMA_QUEUE_REQUEST, VIRTIO_CMA_OP_SUSPEND, &req, sizeof(req),
			 &resp, sizeof(resp), sizeof(resp), NULL);
	if (err)
		vcma_set_suspended(r, false);
	return err;
}

int vcma_request_resume(struct vcma_region *r)
{
	struct virtio_cma_resp_hdr resp = {};
	struct virtio_cma_req_hdr req = {};
	int err;

	err = vcma_carry(r, VCMA_QUEUE_REQUEST, VIRTIO_CMA_OP_RESUME, &req, sizeof(req),
			 &resp, sizeof(resp), sizeof(resp), NULL);
	vcma_set_suspended(r, false);
	return err;
}

const char *vcma_why_name(u32 why)
{
	static const char * const names[VIRTIO_CMA_NR_WHYS] = {
		[VIRTIO_CMA_WHY_OTHER] = "busy",
		[VIRTIO_CMA_WHY_PINNED] = "pinned",
		[VIRTIO_CMA_WHY_UNMOVABLE] = "not movable",
		[VIRTIO_CMA_WHY_NO_ROOM] = "no room to move it to",
	};

	return why < ARRAY_SIZE(names) ? names[why] : "?";
}
