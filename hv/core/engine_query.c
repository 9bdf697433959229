// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * What can be seen: QUERY, REPORT, counters, iterators, configuration space.
 *
 * Changes nothing but what the guest reports about itself.
 */
#include <string.h>

#include "hv/core/engine_internal.h"

/* --- for the host ----------------------------------------------------- */

static bool is_online(const struct hvcma_engine *e, uint64_t granule)
{
	return e->online[granule / 64] >> (granule % 64) & 1;
}

/* It is allocated; is it pinned, too? */
static bool is_pinned(const struct hvcma_engine *e, uint64_t granule)
{
	uint64_t first, nr;

	return !e->nr_unpinned ||
	       !hvcma_alloc_block_around(e->alloc, granule, &first, &nr) ||
	       !(hvcma_alloc_owner(e->alloc, first) & HVCMA_OWNER_UNPINNED);
}

uint8_t hvcma_engine_granule_state(const struct hvcma_engine *e, uint64_t granule)
{
	uint8_t state = VIRTIO_CMA_GRANULE_MIGRATABLE;

	if (granule >= e->nr_granules)
		return VIRTIO_CMA_GRANULE_UNBACKED;
	if (e->pins_all ||
	    (hvcma_alloc_is_allocated(e->alloc, granule) && is_pinned(e, granule)))
		state = VIRTIO_CMA_GRANULE_PINNED;
	else if (hvcma_alloc_dma(e->alloc, granule) == HVCMA_DMA_UNKNOWN)
		state = VIRTIO_CMA_GRANULE_UNBACKED;
	if (is_online(e, granule))
		state |= VIRTIO_CMA_GRANULE_ONLINE;
	if (hvcma_alloc_is_withheld(e->alloc, granule) && !hvcma_is_surrendered(e, granule))
		state |= VIRTIO_CMA_GRANULE_BUSY |
			 (uint8_t)(e->why[granule] << VIRTIO_CMA_GRANULE_WHY_SHIFT);
	return state;
}

uint64_t hvcma_engine_alike(const struct hvcma_engine *e, uint64_t first, uint64_t max,
			    uint8_t *state, uint64_t *dma)
{
	uint64_t nr = hvcma_alloc_alike(e->alloc, first, max), i;
	uint64_t same, block, block_nr;

	if (!nr)
		return 0;
	if (e->nr_unpinned && !e->pins_all &&
	    hvcma_alloc_block_around(e->alloc, first, &block, &block_nr) &&
	    nr > block + block_nr - first)
		nr = block + block_nr - first;
	*state = hvcma_engine_granule_state(e, first);
	*dma = hvcma_alloc_dma(e->alloc, first);
	same = is_online(e, first) ? ~UINT64_C(0) : 0;
	for (i = 1; i < nr; i++) {
		if (!((first + i) % 64) && e->online[(first + i) / 64] == same &&
		    !(*state & VIRTIO_CMA_GRANULE_BUSY)) {
			i += 63;	/* a word at once */
			continue;
		}
		if (is_online(e, first + i) != (bool)same)
			return i;
		if (*state & VIRTIO_CMA_GRANULE_BUSY && e->why[first + i] != e->why[first])
			return i;
	}
	return nr;
}

bool hvcma_engine_next_block(const struct hvcma_engine *e, uint64_t from,
			     uint64_t *first, uint64_t *nr_granules,
			     uint32_t *client, uint32_t *purpose)
{
	for (; hvcma_alloc_next_block(e->alloc, from, first, nr_granules);
	     from = *first + *nr_granules) {
		uint64_t owner = hvcma_alloc_owner(e->alloc, *first);

		if (hvcma_block_is_transient(e, *first))
			continue;
		*client = HVCMA_OWNER_CLIENT(owner);
		*purpose = HVCMA_OWNER_PURPOSE(owner);
		return true;
	}
	return false;
}

bool hvcma_engine_next_extent(const struct hvcma_engine *e, uint64_t from_granule,
			      uint64_t *first, uint64_t *nr_granules,
			      uint64_t *dma)
{
	if (!hvcma_alloc_next_extent(e->alloc, from_granule, first, nr_granules))
		return false;
	*dma = hvcma_alloc_dma(e->alloc, *first);
	return true;
}

static uint64_t longest_free(const struct hvcma_engine *e)
{
	struct hvcma_fit_request any = {
		.nr_granules = e->nr_granules,
		.max_dma = UINT64_MAX,
	};

	return hvcma_alloc_longest(e->alloc, &any);
}

void hvcma_engine_counters(const struct hvcma_engine *e,
			   struct hvcma_engine_counters *counters)
{
	struct hvcma_alloc_stats stats;

	hvcma_alloc_stats(e->alloc, &stats);
	*counters = (struct hvcma_engine_counters){
		.backed_bytes = hvcma_bytes(e, stats.nr_known),
		.pinned_bytes = hvcma_bytes(e, hvcma_nr_pinned(e)),
		.online_bytes = hvcma_bytes(e, e->nr_online),
		.orphaned_bytes = hvcma_bytes(e, e->nr_orphaned),
		.surrendered_bytes = hvcma_bytes(e, e->nr_surrendered),
		.busy_bytes = hvcma_bytes(e, stats.nr_withheld - e->nr_surrendered),
		.free_bytes = hvcma_bytes(e, stats.nr_free),
		.allocated_bytes = hvcma_bytes(e, stats.nr_allocated - e->nr_draining -
						  e->nr_between),
		.longest_free_bytes = hvcma_bytes(e, longest_free(e)),
		.nr_blocks = stats.nr_blocks - e->nr_transient,
		.nr_extents = stats.nr_extents,
		.nr_alloc_ok = e->nr_alloc_ok,
		.nr_alloc_failed = e->nr_alloc_failed,
		.nr_freed = e->nr_freed,
		.nr_bad_requests = e->nr_bad_requests,
		.quarantined_bytes = e->nr_quarantined ? hvcma_bytes(e, hvcma_nr_pinned(e)) : 0,
		.guest_valid = e->guest_valid,
		.guest = {
			.allocated_bytes = hvcma_from_le64(e->guest.allocated_bytes),
			.coherent_bytes = hvcma_from_le64(e->guest.coherent_bytes),
			.bounce_bytes = hvcma_from_le64(e->guest.bounce_bytes),
			.nr_coherent_ok = hvcma_from_le64(e->guest.nr_coherent_ok),
			.nr_coherent_failed = hvcma_from_le64(e->guest.nr_coherent_failed),
			.nr_map_direct = hvcma_from_le64(e->guest.nr_map_direct),
			.nr_map_bounced = hvcma_from_le64(e->guest.nr_map_bounced),
			.nr_map_failed = hvcma_from_le64(e->guest.nr_map_failed),
			.online_bytes = hvcma_from_le64(e->guest.online_bytes),
			.ready_bytes = hvcma_from_le64(e->guest.ready_bytes),
			.nr_busy_retries = hvcma_from_le64(e->guest.nr_busy_retries),
			.nr_deadline_missed = hvcma_from_le64(e->guest.nr_deadline_missed),
			.nr_bulk_blocks = hvcma_from_le64(e->guest.nr_bulk_blocks),
			.broken_bytes = hvcma_from_le64(e->guest.broken_bytes),
		},
	};
	for (unsigned int i = 0; i < VIRTIO_CMA_NR_WHYS; i++)
		counters->busy_why_bytes[i] = hvcma_bytes(e, e->nr_busy[i]);
	for (unsigned int i = 0; i < VIRTIO_CMA_NR_LATENCIES; i++)
		counters->guest.alloc_us_log2[i] = hvcma_from_le64(e->guest.alloc_us_log2[i]);
	memcpy(counters->nr_requests, e->nr_requests, sizeof(e->nr_requests));
}

void hvcma_engine_get_config(const struct hvcma_engine *e,
			     struct virtio_cma_config *config)
{
	struct hvcma_alloc_stats stats;

	hvcma_alloc_stats(e->alloc, &stats);
	*config = (struct virtio_cma_config){
		.region_base_gpa = hvcma_to_le64(e->config.region_base_gpa),
		.region_bytes = hvcma_to_le64(e->config.region_bytes),
		.granule_bytes = hvcma_to_le64(e->config.granule_bytes),
		.mode = hvcma_to_le32(e->config.mode),
		.attr_policy = hvcma_to_le32(e->config.attr_policy),
		.flags = hvcma_to_le32(e->config.flags),
		.nr_clients = hvcma_to_le32(e->config.nr_clients),
		.max_request_bytes = hvcma_to_le32(VIRTIO_CMA_MAX_REQUEST_BYTES),
		.max_response_bytes = hvcma_to_le32(VIRTIO_CMA_MAX_RESPONSE_BYTES),
		.max_bulk_blocks = hvcma_to_le32(VIRTIO_CMA_MAX_BULK_BLOCKS),
		.max_align_order = hvcma_to_le32(e->config.max_align_order),
		.stage2 = hvcma_to_le32(e->config.stage2),
		.pin_limit_bytes = hvcma_to_le64(e->config.pin_limit_bytes),
		.pinned_bytes = hvcma_to_le64(hvcma_bytes(e, hvcma_nr_pinned(e))),
		.backed_bytes = hvcma_to_le64(hvcma_bytes(e, stats.nr_known)),
	};
	memcpy(config->name, e->name, sizeof(config->name));
	/* Of the features that a driver of before there were any does not know. */
	if (!e->pins_all || !hvcma_is_version_1(e) || !hvcma_has_feature(e, VIRTIO_CMA_F_PINNED))
		config->flags &= hvcma_to_le32(~(uint32_t)VIRTIO_CMA_FLAG_PINNED);
	if (!hvcma_has_feature(e, VIRTIO_CMA_F_REUSABLE) &&
	    e->config.mode == VIRTIO_CMA_MODE_REUSABLE) {
		config->mode = hvcma_to_le32(VIRTIO_CMA_MODE_PRIVATE);
		config->flags &= hvcma_to_le32(~(uint32_t)VIRTIO_CMA_FLAG_AUTO);
	}
	if (!hvcma_has_feature(e, VIRTIO_CMA_F_BULK))
		config->max_bulk_blocks = 0;
	if (!hvcma_has_feature(e, VIRTIO_CMA_F_ATTRIBUTES)) {
		config->attr_policy = 0;
		config->stage2 = 0;
	}
}

/* --- QUERY ------------------------------------------------------------ */

static void fill_states(const struct hvcma_engine *e, uint64_t first, uint64_t nr,
			uint8_t *items, size_t item_bytes)
{
	(void)item_bytes;
	for (uint64_t i = 0; i < nr; i++)
		items[i] = hvcma_engine_granule_state(e, first + i);
}

static void fill_extents(const struct hvcma_engine *e, uint64_t first, uint64_t nr,
			 uint8_t *items, size_t item_bytes)
{
	uint64_t at = 0, nr_granules, dma;

	hvcma_alloc_nth_extent(e->alloc, first, &at);
	for (; nr && hvcma_engine_next_extent(e, at, &at, &nr_granules, &dma);
	     nr--, items += item_bytes) {
		struct virtio_cma_extent extent;

		extent.base_gpa = hvcma_to_le64(hvcma_gpa(e, at));
		extent.base_dma = hvcma_to_le64(dma);
		extent.bytes = hvcma_to_le64(hvcma_bytes(e, nr_granules));
		memcpy(items, &extent, sizeof(extent));
		at += nr_granules;
	}
}

/* The first @item_bytes of them. */
static void fill_counters(const struct hvcma_engine *e, uint64_t first, uint64_t nr,
			  uint8_t *items, size_t item_bytes)
{
	struct hvcma_engine_counters c;
	struct virtio_cma_counters wire;

	(void)first;
	(void)nr;
	hvcma_engine_counters(e, &c);
	wire = (struct virtio_cma_counters){
		.free_bytes = hvcma_to_le64(c.free_bytes),
		.allocated_bytes = hvcma_to_le64(c.allocated_bytes),
		.busy_bytes = hvcma_to_le64(c.busy_bytes),
		.longest_free_bytes = hvcma_to_le64(c.longest_free_bytes),
		.nr_blocks = hvcma_to_le64(c.nr_blocks),
		.nr_extents = hvcma_to_le64(c.nr_extents),
		.nr_alloc_ok = hvcma_to_le64(c.nr_alloc_ok),
		.nr_alloc_failed = hvcma_to_le64(c.nr_alloc_failed),
		.nr_freed = hvcma_to_le64(c.nr_freed),
		.nr_bad_requests = hvcma_to_le64(c.nr_bad_requests),
	};
	memcpy(items, &wire, item_bytes);
}

static void fill_ranges(const struct hvcma_engine *e, uint64_t first, uint64_t nr,
			uint8_t *items, size_t item_bytes)
{
	for (uint64_t i = first; i < first + nr; i++, items += item_bytes) {
		struct virtio_cma_range range = {
			.base_gpa = hvcma_to_le64(e->ranges[i].base_gpa),
			.bytes = hvcma_to_le64(e->ranges[i].bytes),
		};

		memcpy(items, &range, sizeof(range));
	}
}

enum virtio_cma_status hvcma_serve_query(struct hvcma_engine *e, struct hvcma_call *call)
{
	static const struct {
		size_t item_bytes;
		void (*fill)(const struct hvcma_engine *e, uint64_t first, uint64_t nr,
			     uint8_t *items, size_t item_bytes);
	} whats[] = {
		[VIRTIO_CMA_QUERY_STATES] = { 1, fill_states },
		[VIRTIO_CMA_QUERY_EXTENTS] = { sizeof(struct virtio_cma_extent), fill_extents },
		[VIRTIO_CMA_QUERY_COUNTERS] = { sizeof(struct virtio_cma_counters),
						fill_counters },
		[VIRTIO_CMA_QUERY_RANGES] = { sizeof(struct virtio_cma_range), fill_ranges },
	};
	struct virtio_cma_query_req req;
	struct virtio_cma_query_resp resp = { 0 };
	struct hvcma_alloc_stats stats;
	uint64_t first, nr, total, room;
	size_t item_bytes;
	uint32_t what;

	memcpy(&req, call->req, sizeof(req));
	if (call->req_bytes != sizeof(req))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	if (req.reserved)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_query_req, reserved));
	what = hvcma_from_le32(req.what);
	if (what >= sizeof(whats) / sizeof(whats[0]) ||
	    (what == VIRTIO_CMA_QUERY_RANGES && !hvcma_has_feature(e, VIRTIO_CMA_F_RAM)))
		return hvcma_refuse(call, VIRTIO_CMA_S_UNSUPP,
				    offsetof(struct virtio_cma_query_req, what));
	first = hvcma_from_le64(req.first);
	nr = hvcma_from_le64(req.nr);
	hvcma_alloc_stats(e->alloc, &stats);
	switch (what) {
	case VIRTIO_CMA_QUERY_STATES:
		total = e->nr_granules;
		break;
	case VIRTIO_CMA_QUERY_EXTENTS:
		total = stats.nr_extents;
		break;
	case VIRTIO_CMA_QUERY_RANGES:
		total = e->nr_ranges;
		break;
	default:
		total = 1;
		if (nr)
			return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
					    offsetof(struct virtio_cma_query_req, nr));
		if (first)
			return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
					    offsetof(struct virtio_cma_query_req, first));
	}
	if (first > total)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_query_req, first));
	if (!nr || nr > total - first)
		nr = total - first;
	if (call->resp_bytes < sizeof(resp))
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, call->resp_bytes);
	room = call->resp_bytes - sizeof(resp);
	item_bytes = whats[what].item_bytes;
	/* A driver that knows fewer of the counters gets those. */
	if (what == VIRTIO_CMA_QUERY_COUNTERS && hvcma_is_version_1(e) && room < item_bytes)
		item_bytes = (size_t)room - room % sizeof(__le64);
	if (nr && (!item_bytes || room < item_bytes))
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, call->resp_bytes);
	if (nr && nr > room / item_bytes)
		nr = room / item_bytes;

	whats[what].fill(e, first, nr, call->resp + sizeof(resp), item_bytes);
	resp.total = hvcma_to_le64(total);
	resp.nr = hvcma_to_le64(nr);
	memcpy(call->resp, &resp, sizeof(resp));
	call->used_bytes = sizeof(resp) + (size_t)nr * item_bytes;
	return VIRTIO_CMA_S_OK;
}

/* --- REPORT ----------------------------------------------------------- */

void hvcma_engine_forget_orphaned(struct hvcma_engine *e)
{
	hvcma_online_clear(e);
	e->nr_orphaned = 0;
	hvcma_engine_check(e);
}

enum virtio_cma_status hvcma_engine_restore_orphaned(struct hvcma_engine *e,
						     uint64_t orphaned_bytes)
{
	if (orphaned_bytes > e->config.region_bytes || (orphaned_bytes & (e->config.granule_bytes - 1)))
		return VIRTIO_CMA_S_RANGE;
	e->nr_orphaned = orphaned_bytes >> e->granule_shift;
	hvcma_engine_check(e);
	return VIRTIO_CMA_S_OK;
}

void hvcma_online_clear(struct hvcma_engine *e)
{
	memset(e->online, 0, ((size_t)e->nr_granules + 63) / 64 * sizeof(uint64_t));
	e->nr_online = 0;
}

static enum virtio_cma_status report_online(struct hvcma_engine *e, struct hvcma_call *call,
					    uint64_t first, uint64_t nr)
{
	const uint8_t *bits = call->req + sizeof(struct virtio_cma_report_req);
	uint64_t bits_bytes = call->req_bytes - sizeof(struct virtio_cma_report_req);

	if (!nr || nr > (uint64_t)VIRTIO_CMA_MAX_REQUEST_BYTES * 8 ||
	    bits_bytes != (nr + 7) / 8 || (nr % 8 && bits[nr / 8] >> (nr % 8)))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_report_req, nr));
	if (first >= e->nr_granules || nr > e->nr_granules - first)
		return hvcma_refuse(call, VIRTIO_CMA_S_RANGE, 0);
	for (uint64_t i = 0; i < nr; i++) {
		bool online = bits[i / 8] >> (i % 8) & 1;

		if (online == is_online(e, first + i))
			continue;
		e->online[(first + i) / 64] ^= UINT64_C(1) << ((first + i) % 64);
		e->nr_online += online ? 1 : UINT64_MAX;
	}
	e->nr_orphaned = 0;
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status report_counters(struct hvcma_engine *e,
					      struct hvcma_call *call, uint64_t first,
					      uint64_t nr)
{
	uint64_t bytes = call->req_bytes - sizeof(struct virtio_cma_report_req);

	if (hvcma_is_version_1(e) ? !bytes || bytes % sizeof(__le64) :
	    bytes != VIRTIO_CMA_GUEST_COUNTERS_LEAST)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	if (first)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_report_req, first));
	if (nr)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_report_req, nr));
	/* Of a driver that has fewer the others are 0; what is beyond them nobody here knows. */
	memset(&e->guest, 0, sizeof(e->guest));
	memcpy(&e->guest, call->req + sizeof(struct virtio_cma_report_req),
	       bytes < sizeof(e->guest) ? bytes : sizeof(e->guest));
	e->guest_valid = true;
	e->nr_orphaned = 0;
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_report(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct virtio_cma_report_req req;
	uint64_t first, nr;

	memcpy(&req, call->req, sizeof(req));
	if (req.reserved)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_report_req, reserved));
	first = hvcma_from_le64(req.first);
	nr = hvcma_from_le64(req.nr);
	switch (hvcma_from_le32(req.what)) {
	case VIRTIO_CMA_REPORT_ONLINE:
		if (!hvcma_has_feature(e, VIRTIO_CMA_F_REUSABLE))
			break;
		return report_online(e, call, first, nr);
	case VIRTIO_CMA_REPORT_COUNTERS:
		return report_counters(e, call, first, nr);
	}
	return hvcma_refuse(call, VIRTIO_CMA_S_UNSUPP,
			    offsetof(struct virtio_cma_report_req, what));
}
