// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Protocol engine: configuration, start, header checks and dispatch.
 *
 * What a request means is in engine_client.c, engine_alloc.c, engine_free.c and
 * engine_query.c.
 */
#include <string.h>

#include "hv/core/engine_internal.h"

#define ALIGN_BYTES	64u

VIRTIO_CMA_ASSERT(VIRTIO_CMA_NR_OPS == VIRTIO_CMA_OP_RECLAIM + 1);

VIRTIO_CMA_ASSERT(VIRTIO_CMA_MAX_GRANULES <= HVCMA_MAX_GRANULES);

/* What may be pinned at once: never more than there is, and whole granules. */
static uint64_t pin_limit_bytes(const struct hvcma_engine_config *config)
{
	uint64_t limit = config->pin_limit_bytes;

	if (!limit || limit > config->region_bytes)
		limit = config->region_bytes;
	return limit & ~(config->granule_bytes - 1);
}

const char *hvcma_engine_check_config(const struct hvcma_engine_config *config)
{
	uint64_t granule = config->granule_bytes;
	uint64_t left = pin_limit_bytes(config);
	size_t name_bytes = config->name ? strlen(config->name) : 0;

	if (granule < 4096 || (granule & (granule - 1)))
		return "granule is not a power of two of at least 4096 bytes";
	if (!config->region_bytes || (config->region_bytes & (granule - 1)))
		return "region size is not a multiple of the granule";
	if (config->region_bytes / granule > VIRTIO_CMA_MAX_GRANULES)
		return "region has more than 2^30 granules";
	if (config->region_base_gpa & (granule - 1))
		return "region base is not aligned to the granule";
	if (config->region_base_gpa > UINT64_MAX - config->region_bytes)
		return "region wraps around the address space";
	if (config->pin_limit_bytes && config->pin_limit_bytes < granule)
		return "pin limit is smaller than a granule";
	if (config->mode > VIRTIO_CMA_MODE_RAM)
		return "mode is unknown";
	if (config->attr_policy > VIRTIO_CMA_ATTR_UNCACHED)
		return "memory attribute policy is unknown";
	if (config->flags & ~(uint32_t)VIRTIO_CMA_FLAGS)
		return "a flag is unknown";
	if ((config->flags & VIRTIO_CMA_FLAG_AUTO) && config->mode != VIRTIO_CMA_MODE_REUSABLE)
		return "only a reusable region can be private by choice of the guest";
	if (config->mode == VIRTIO_CMA_MODE_RAM && !(config->flags & VIRTIO_CMA_FLAG_PINNED))
		return "the guest's RAM as a region is pinned from the start";
	if (config->flags & VIRTIO_CMA_FLAG_PINNED &&
	    ((config->mode != VIRTIO_CMA_MODE_REUSABLE && config->mode != VIRTIO_CMA_MODE_RAM) ||
	     config->flags & VIRTIO_CMA_FLAG_AUTO))
		return "only a region that is reusable in any case can be pinned from the start";
	if (config->flags & VIRTIO_CMA_FLAG_PINNED &&
	    (pin_limit_bytes(config) != config->region_bytes || config->unpin_discards))
		return "what is pinned from the start has neither a pin limit nor discards";
	if (config->max_align_order > VIRTIO_CMA_MAX_ALIGN_ORDER)
		return "alignment cap is above order 31";
	if (config->stage2 >= VIRTIO_CMA_NR_STAGE2)
		return "kind of second stage is unknown";
	if ((unsigned int)config->alias >= HVCMA_NR_ALIASES)
		return "use of the host's own mapping is unknown";
	if ((unsigned int)config->policy >= HVCMA_NR_POLICIES)
		return "allocation policy is unknown";
	if (config->nr_clients > VIRTIO_CMA_MAX_CLIENTS)
		return "more than 4096 clients";
	if (config->nr_resvs > HVCMA_MAX_RESVS)
		return "more than 255 reservations";
	for (uint32_t k = 0; k < config->nr_resvs; k++) {
		if (!config->resv_bytes[k] || (config->resv_bytes[k] & (granule - 1)))
			return "a reservation is zero or not a multiple of the granule";
		if (config->resv_bytes[k] > left)
			return "more is reserved than may be pinned";
		left -= config->resv_bytes[k];
	}
	if (!name_bytes || name_bytes >= VIRTIO_CMA_NAME_BYTES)
		return "name is empty or longer than 31 bytes";
	return hvcma_ranges_check(config);
}

/* --- one buffer for everything ---------------------------------------- */

struct layout {
	size_t clients, resvs, online, why, draining, noncoherent, surrendered, granted, dma, alloc, end;
};

static size_t align_up(size_t bytes)
{
	return (bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
}

static uint64_t online_words(const struct hvcma_engine_config *config)
{
	return (config->region_bytes / config->granule_bytes + 63) / 64;
}

static size_t set_words(const struct hvcma_engine_config *config)
{
	return hvcma_bitset_words((uint32_t)(config->region_bytes / config->granule_bytes));
}

static struct layout layout_of(const struct hvcma_engine_config *config)
{
	struct layout l;

	l.clients = align_up(sizeof(struct hvcma_engine));
	l.resvs = l.clients + align_up(config->nr_clients * sizeof(struct hvcma_client));
	l.online = l.resvs + align_up((config->nr_resvs + 1) * sizeof(struct hvcma_resv));
	l.why = l.online + align_up(online_words(config) * sizeof(uint64_t));
	l.draining = l.why + align_up(config->region_bytes / config->granule_bytes);
	l.noncoherent = l.draining + align_up(set_words(config) * sizeof(uint64_t));
	l.surrendered = l.noncoherent + align_up(set_words(config) * sizeof(uint64_t));
	l.granted = l.surrendered + align_up(set_words(config) * sizeof(uint64_t));
	l.dma = l.granted + align_up(VIRTIO_CMA_MAX_BULK_BLOCKS *
				     sizeof(struct hvcma_granule_range));
	l.alloc = l.dma + align_up(HVCMA_DMA_CHUNK * sizeof(uint64_t));
	l.end = l.alloc + hvcma_alloc_buffer_bytes(config->region_bytes / config->granule_bytes,
						   config->policy);
	return l;
}

size_t hvcma_engine_buffer_bytes(const struct hvcma_engine_config *config)
{
	return hvcma_engine_check_config(config) ? 0 : layout_of(config).end;
}

enum virtio_cma_status hvcma_engine_init(void *buffer, size_t buffer_bytes,
					 const struct hvcma_engine_config *config,
					 const struct hvcma_engine_ops *ops, void *opaque,
					 struct hvcma_engine **out)
{
	struct hvcma_engine *e = buffer;
	uint8_t *bytes = buffer;
	enum virtio_cma_status status;
	struct layout l;

	if (!buffer || hvcma_engine_check_config(config) || !ops->back || !ops->pin ||
	    !ops->unpin || !ops->dma_addr || !ops->claim || !ops->quiesce)
		return VIRTIO_CMA_S_INVAL;
	l = layout_of(config);
	if (buffer_bytes < l.end)
		return VIRTIO_CMA_S_INVAL;

	e->config = *config;
	memcpy(e->name, config->name, strlen(config->name));
	e->config.name = e->name;
	e->ops = ops;
	e->opaque = opaque;
	e->granule_shift = (uint32_t)__builtin_ctzll(config->granule_bytes);
	e->nr_granules = (uint32_t)(config->region_bytes >> e->granule_shift);
	if (!config->pin_limit_bytes || config->pin_limit_bytes > config->region_bytes)
		e->config.pin_limit_bytes = config->region_bytes;
	e->pin_limit = (uint32_t)(pin_limit_bytes(config) >> e->granule_shift);
	e->resvs = (void *)(bytes + l.resvs);
	e->resvs[0].size = e->pin_limit;
	for (uint32_t k = 1; k <= config->nr_resvs; k++) {
		e->resvs[k].size = (uint32_t)(config->resv_bytes[k - 1] >> e->granule_shift);
		e->resvs[0].size -= e->resvs[k].size;
	}
	e->config.resv_bytes = NULL;
	e->clients = (void *)(bytes + l.clients);
	for (uint32_t id = 0; id < config->nr_clients; id++)
		hvcma_dma_windows_identity(&e->clients[id].windows);
	e->online = (void *)(bytes + l.online);
	e->why = bytes + l.why;
	hvcma_bitset_init(&e->draining, (void *)(bytes + l.draining), e->nr_granules);
	hvcma_bitset_init(&e->noncoherent, (void *)(bytes + l.noncoherent), e->nr_granules);
	hvcma_bitset_init(&e->surrendered, (void *)(bytes + l.surrendered), e->nr_granules);
	e->claiming = HVCMA_NO_CLIENT;
	e->releasing = HVCMA_NO_CLIENT;
	e->granted = (void *)(bytes + l.granted);
	e->dma = (void *)(bytes + l.dma);
	e->alloc = hvcma_alloc_init(bytes + l.alloc, l.end - l.alloc, e->nr_granules,
				    config->granule_bytes, config->policy);
	if (!e->alloc)
		return VIRTIO_CMA_S_INVAL;
	hvcma_ranges_init(e, config);

	status = hvcma_learn_range(e, 0, e->nr_granules, false);
	if (status)
		return status;
	hvcma_engine_check(e);
	*out = e;
	return VIRTIO_CMA_S_OK;
}

/* --- addresses -------------------------------------------------------- */

/*
 * Ask the host where granules are and tell the allocator. Allocated ones keep
 * their address: they are pinned. On failure some may be up to date already.
 */
enum virtio_cma_status hvcma_learn_range(struct hvcma_engine *e, uint64_t first,
					 uint64_t nr, bool must_be_backed)
{
	for (uint64_t end = first + nr; first < end; first += nr) {
		enum virtio_cma_status status;

		nr = end - first < HVCMA_DMA_CHUNK ? end - first : HVCMA_DMA_CHUNK;
		status = e->ops->dma_addr(e->opaque, first, nr, e->dma);
		if (status)
			return hvcma_host_status(status);
		for (uint64_t i = 0; i < nr; i++) {
			if (hvcma_alloc_is_allocated(e->alloc, first + i))
				continue;
			if (must_be_backed && e->dma[i] == HVCMA_DMA_UNKNOWN)
				return VIRTIO_CMA_S_IO;
			if (!hvcma_alloc_learn(e->alloc, first + i, e->dma[i]))
				return VIRTIO_CMA_S_IO;
		}
	}
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_engine_refresh(struct hvcma_engine *e)
{
	enum virtio_cma_status status;

	/* A failure to look must not take back what the guest was told is final. */
	if (e->pins_all)
		return VIRTIO_CMA_S_OK;
	status = hvcma_learn_range(e, 0, e->nr_granules, false);
	hvcma_engine_check(e);
	return status;
}

enum virtio_cma_status hvcma_engine_set_base(struct hvcma_engine *e, uint64_t region_base_gpa)
{
	struct hvcma_alloc_stats stats;

	if ((region_base_gpa & (e->config.granule_bytes - 1)) ||
	    region_base_gpa > UINT64_MAX - e->config.region_bytes || e->nr_ranges > 1)
		return VIRTIO_CMA_S_INVAL;
	hvcma_alloc_stats(e->alloc, &stats);
	if (stats.nr_blocks || e->pins_all)
		return VIRTIO_CMA_S_BUSY;
	e->config.region_base_gpa = region_base_gpa;
	e->ranges[0].base_gpa = region_base_gpa;
	return hvcma_engine_refresh(e);
}

/*
 * The range at @offset of the request, the @index-th of its kind, in granules:
 * whole ones, inside one range of the region.
 */
enum virtio_cma_status hvcma_range_get(const struct hvcma_engine *e,
				       struct hvcma_call *call, size_t offset,
				       uint64_t index, struct hvcma_granule_range *granules)
{
	uint64_t mask = e->config.granule_bytes - 1;
	struct virtio_cma_range range;
	uint64_t base, bytes;

	memcpy(&range, call->req + offset, sizeof(range));
	base = hvcma_from_le64(range.base_gpa);
	bytes = hvcma_from_le64(range.bytes);
	if (base & mask)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offset + offsetof(struct virtio_cma_range, base_gpa));
	if (!bytes || (bytes & mask))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offset + offsetof(struct virtio_cma_range, bytes));
	if (!hvcma_ranges_find(e, base, bytes, granules))
		return hvcma_refuse(call, VIRTIO_CMA_S_RANGE, index);
	return VIRTIO_CMA_S_OK;
}

/* --- requests --------------------------------------------------------- */

void hvcma_engine_set_features(struct hvcma_engine *e, uint64_t features)
{
	e->features = features & ((UINT64_C(1) << VIRTIO_CMA_NR_FEATURES) - 1);
	if (!e->ops->surrender)
		e->features &= ~(UINT64_C(1) << VIRTIO_CMA_F_SURRENDER);
	if (!hvcma_is_version_1(e))
		e->features = 0;
}

static const struct {
	enum virtio_cma_status (*serve)(struct hvcma_engine *e, struct hvcma_call *call);
	uint32_t min_bytes;		/* the part that every request of the kind has */
	bool on_report_queue;
	unsigned int feature;		/* without it there is no such request */
} requests[] = {
	[VIRTIO_CMA_OP_CLIENTS] = {
		.serve = hvcma_serve_clients, .min_bytes = sizeof(struct virtio_cma_clients_req),
	},
	[VIRTIO_CMA_OP_CLAIM] = {
		.serve = hvcma_serve_claim, .min_bytes = sizeof(struct virtio_cma_client_req),
	},
	[VIRTIO_CMA_OP_RELEASE] = {
		.serve = hvcma_serve_release, .min_bytes = sizeof(struct virtio_cma_client_req),
	},
	[VIRTIO_CMA_OP_ALLOC] = {
		.serve = hvcma_serve_alloc, .min_bytes = sizeof(struct virtio_cma_alloc_req),
	},
	[VIRTIO_CMA_OP_ALLOC_BULK] = {
		.serve = hvcma_serve_bulk, .min_bytes = sizeof(struct virtio_cma_bulk_req),
		.feature = VIRTIO_CMA_F_BULK,
	},
	[VIRTIO_CMA_OP_FREE] = {
		.serve = hvcma_serve_free, .min_bytes = sizeof(struct virtio_cma_free_req),
	},
	[VIRTIO_CMA_OP_BUSY] = {
		.serve = hvcma_serve_busy, .min_bytes = sizeof(struct virtio_cma_busy_req),
	},
	[VIRTIO_CMA_OP_QUERY] = {
		.serve = hvcma_serve_query, .min_bytes = sizeof(struct virtio_cma_query_req),
	},
	[VIRTIO_CMA_OP_REPORT] = {
		.serve = hvcma_serve_report, .min_bytes = sizeof(struct virtio_cma_report_req),
		.on_report_queue = true,
	},
	[VIRTIO_CMA_OP_SUSPEND] = {
		.serve = hvcma_serve_suspend, .min_bytes = sizeof(struct virtio_cma_req_hdr),
		.feature = VIRTIO_CMA_F_SUSPEND,
	},
	[VIRTIO_CMA_OP_RESUME] = {
		.serve = hvcma_serve_resume, .min_bytes = sizeof(struct virtio_cma_req_hdr),
		.feature = VIRTIO_CMA_F_SUSPEND,
	},
	[VIRTIO_CMA_OP_WINDOWS] = {
		.serve = hvcma_serve_windows, .min_bytes = sizeof(struct virtio_cma_windows_req),
		.feature = VIRTIO_CMA_F_WINDOWS,
	},
	[VIRTIO_CMA_OP_SURRENDER] = {
		.serve = hvcma_serve_surrender, .min_bytes = sizeof(struct virtio_cma_surrender_req),
		.feature = VIRTIO_CMA_F_SURRENDER,
	},
	[VIRTIO_CMA_OP_RECLAIM] = {
		.serve = hvcma_serve_reclaim, .min_bytes = sizeof(struct virtio_cma_surrender_req),
		.feature = VIRTIO_CMA_F_SURRENDER,
	},
};

static enum virtio_cma_status serve(struct hvcma_engine *e, struct hvcma_call *call,
				    bool from_report_queue)
{
	const size_t bytes_offset = offsetof(struct virtio_cma_req_hdr, bytes);
	struct virtio_cma_req_hdr hdr;
	enum virtio_cma_status status;
	bool supported;
	uint32_t op;

	if (call->req_bytes < sizeof(hdr))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL, bytes_offset);
	if (call->req_bytes > VIRTIO_CMA_MAX_REQUEST_BYTES)
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, VIRTIO_CMA_MAX_REQUEST_BYTES);
	memcpy(&hdr, call->req, sizeof(hdr));
	op = hvcma_from_le32(hdr.op);
	if (op >= sizeof(requests) / sizeof(requests[0]) || !requests[op].serve) {
		e->nr_requests[0]++;
		return hvcma_refuse(call, VIRTIO_CMA_S_UNSUPP,
				    offsetof(struct virtio_cma_req_hdr, op));
	}
	e->nr_requests[op]++;
	if (requests[op].on_report_queue != from_report_queue)
		return hvcma_refuse(call, VIRTIO_CMA_S_UNSUPP,
				    offsetof(struct virtio_cma_req_hdr, op));
	if (hvcma_from_le32(hdr.bytes) != call->req_bytes ||
	    call->req_bytes < requests[op].min_bytes)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL, bytes_offset);
	supported = !requests[op].feature || hvcma_has_feature(e, requests[op].feature);
	/* Who was suspended says RESUME: this driver is another, or has lost what it had. */
	if (e->suspended && (op != VIRTIO_CMA_OP_RESUME || !supported))
		hvcma_engine_reset(e);
	status = supported ? requests[op].serve(e, call) :
		 hvcma_refuse(call, VIRTIO_CMA_S_UNSUPP, offsetof(struct virtio_cma_req_hdr, op));
	if (status == HVCMA_AGAIN)
		e->nr_requests[op]--;
	else if (op == VIRTIO_CMA_OP_ALLOC || op == VIRTIO_CMA_OP_ALLOC_BULK)
		hvcma_job_forget(e);	/* refused after it was begun */
	else if (op == VIRTIO_CMA_OP_CLAIM || op == VIRTIO_CMA_OP_RELEASE)
		hvcma_noncoherent_forget(e);
	else if (op == e->pending_free.op)
		hvcma_pending_free_forget(e);
	return status;
}

/* Statuses that a correct guest never causes. */
static bool is_bad_request(enum virtio_cma_status status)
{
	return status == VIRTIO_CMA_S_INVAL || status == VIRTIO_CMA_S_UNSUPP ||
	       status == VIRTIO_CMA_S_TOO_BIG || status == VIRTIO_CMA_S_NO_CLIENT ||
	       status == VIRTIO_CMA_S_NOT_BLOCK || status == VIRTIO_CMA_S_RANGE;
}

bool hvcma_engine_request(struct hvcma_engine *e, const void *req,
			  size_t req_bytes, void *resp, size_t resp_bytes,
			  bool from_report_queue, size_t *used_bytes)
{
	struct virtio_cma_resp_hdr hdr;
	struct hvcma_call call = {
		.req = req,
		.req_bytes = req_bytes,
		.resp = resp,
		.resp_bytes = resp_bytes,
		.used_bytes = sizeof(hdr),
	};
	enum virtio_cma_status status;

	if (resp_bytes < sizeof(hdr)) {
		e->nr_bad_requests++;
		*used_bytes = 0;
		return true;
	}
	if (call.resp_bytes > VIRTIO_CMA_MAX_RESPONSE_BYTES)
		call.resp_bytes = VIRTIO_CMA_MAX_RESPONSE_BYTES;

	status = serve(e, &call, from_report_queue);
	if (status == HVCMA_AGAIN) {
		hvcma_trace(e, "again", 0, 0, 0);
		hvcma_engine_check(e);
		*used_bytes = 0;
		return false;
	}
	if (is_bad_request(status))
		e->nr_bad_requests++;
	if (status)
		call.used_bytes = sizeof(hdr);
	hdr.status = hvcma_to_le32(status);
	hdr.bytes = hvcma_to_le32((uint32_t)call.used_bytes);
	hdr.detail = hvcma_to_le64(status ? call.detail : 0);
	memcpy(resp, &hdr, sizeof(hdr));
	*used_bytes = call.used_bytes;
	hvcma_engine_check(e);
	return true;
}
