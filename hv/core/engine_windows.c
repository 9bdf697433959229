// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Windows of clients in the engine: what the driver hears of them, where blocks for a client
 * may lie, what of the region a client reaches.
 *
 * Translates nothing that goes over the wire: a block is where it is, for all who share it,
 * and the driver makes of that what each client is given.
 */
#include <string.h>

#include "hv/core/engine_internal.h"

/* In static mode the guest has the windows from its device tree. */
bool hvcma_client_needs_windows(const struct hvcma_engine *e, uint32_t id)
{
	return e->config.mode != VIRTIO_CMA_MODE_STATIC &&
	       !hvcma_dma_windows_is_identity(&e->clients[id].windows);
}

/*
 * The windows that an ALLOC for @client has to obey; NULL: anywhere. A driver that knows of
 * none has no client with other than identity.
 */
const struct hvcma_dma_windows *hvcma_place_of(const struct hvcma_engine *e, uint32_t client)
{
	const struct hvcma_dma_windows *w;

	if (client == VIRTIO_CMA_CLIENT_SHARED || !hvcma_has_feature(e, VIRTIO_CMA_F_WINDOWS))
		return NULL;
	w = &e->clients[client].windows;
	return hvcma_dma_windows_is_identity(w) ? NULL : w;
}

const struct hvcma_dma_windows *hvcma_engine_client_windows(const struct hvcma_engine *e,
							    uint32_t id, uint32_t *source)
{
	if (source)
		*source = e->clients[id].windows_source;
	return &e->clients[id].windows;
}

enum virtio_cma_status hvcma_serve_windows(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct virtio_cma_windows_resp resp = { 0 };
	const struct hvcma_dma_windows *w;
	struct virtio_cma_windows_req req;
	uint32_t id;

	memcpy(&req, call->req, sizeof(req));
	if (call->req_bytes != sizeof(req))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	if (req.reserved)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_windows_req, reserved));
	id = hvcma_from_le32(req.client);
	if (id >= e->config.nr_clients)
		return hvcma_refuse(call, VIRTIO_CMA_S_NO_CLIENT, id);
	if (hvcma_engine_client_state(e, id) == VIRTIO_CMA_CLIENT_ABSENT)
		return hvcma_refuse(call, VIRTIO_CMA_S_CLIENT_STATE, id);
	w = &e->clients[id].windows;
	if (call->resp_bytes < sizeof(resp) + w->nr * sizeof(struct virtio_cma_window))
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, call->resp_bytes);

	call->used_bytes = sizeof(resp);
	for (uint32_t i = 0; i < w->nr; i++) {
		struct virtio_cma_window wire = {
			.bus_base = hvcma_to_le64(w->window[i].bus_base),
			.base_dma = hvcma_to_le64(w->window[i].dma_base),
			.bytes = hvcma_to_le64(w->window[i].bytes),
		};

		memcpy(call->resp + call->used_bytes, &wire, sizeof(wire));
		call->used_bytes += sizeof(wire);
	}
	resp.nr_windows = hvcma_to_le32(w->nr);
	resp.source = hvcma_to_le32(e->clients[id].windows_source);
	resp.window_bytes = hvcma_to_le32(sizeof(struct virtio_cma_window));
	memcpy(call->resp, &resp, sizeof(resp));
	return VIRTIO_CMA_S_OK;
}

/* Is there room for a granule, aligned in memory as granules are? */
static bool has_room(const struct hvcma_engine *e, const struct hvcma_dma_window *w,
		     uint64_t max_bus)
{
	uint64_t mask = e->config.granule_bytes - 1, pad = -w->dma_base & mask;

	return pad < w->bytes && w->bytes - pad > mask && w->bus_base <= max_bus &&
	       max_bus - w->bus_base >= pad + mask;
}

static bool is_reached(const struct hvcma_engine *e, const struct hvcma_dma_windows *windows,
		       uint64_t max_bus, uint64_t dma)
{
	uint64_t bus, last = e->config.granule_bytes - 1;

	return hvcma_dma_windows_to_bus(windows, dma, last + 1, &bus) && bus <= max_bus &&
	       max_bus - bus >= last;
}

static void forget_granules(struct hvcma_reach *reach)
{
	*reach = (struct hvcma_reach){
		.has_room = reach->has_room,
		.lowest_dma = HVCMA_DMA_UNKNOWN,
		.highest_dma = HVCMA_DMA_UNKNOWN,
	};
}

static void count(const struct hvcma_engine *e, const struct hvcma_dma_windows *windows,
		  uint64_t max_bus, uint64_t dma, struct hvcma_reach *reach)
{
	if (dma == HVCMA_DMA_UNKNOWN) {
		reach->nr_unknown++;
		return;
	}
	if (is_reached(e, windows, max_bus, dma))
		reach->nr_reached++;
	else
		reach->nr_missed++;
	if (dma < reach->lowest_dma)
		reach->lowest_dma = dma;
	if (reach->highest_dma == HVCMA_DMA_UNKNOWN || dma > reach->highest_dma)
		reach->highest_dma = dma;
}

void hvcma_engine_reach(const struct hvcma_engine *e, const struct hvcma_dma_windows *windows,
			uint64_t max_bus, struct hvcma_reach *reach)
{
	reach->has_room = false;
	for (uint32_t i = 0; i < windows->nr; i++)
		reach->has_room |= has_room(e, &windows->window[i], max_bus);
	forget_granules(reach);
	for (uint64_t i = 0; i < e->nr_granules; i++)
		count(e, windows, max_bus, hvcma_alloc_dma(e->alloc, i), reach);
}

void hvcma_engine_reach_at(const struct hvcma_engine *e, const struct hvcma_dma_windows *windows,
			   uint64_t max_bus, const uint64_t *dma, uint64_t nr,
			   struct hvcma_reach *reach)
{
	forget_granules(reach);
	for (uint64_t i = 0; i < nr; i++)
		count(e, windows, max_bus, dma[i], reach);
}
