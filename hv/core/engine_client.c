// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Clients: their states, CLIENTS, CLAIM, RELEASE, quiescing.
 *
 *                 added            claimed
 *        ABSENT ---------> PRESENT --------> CLAIMED ----.
 *          ^  ^             | ^  ^ released     |        | could not be
 *          |  '-- removed --' |  '--------------'        | quiesced
 *          |                  |                          v
 *          |                  '--- quiesced ---- QUARANTINED
 *          '- quiesced - QUARANTINED_GONE <- removed --'
 *
 * Does not touch granules: what a state means for pins is decided by the callers
 * of hvcma_quarantine_check() and hvcma_quiesce_all().
 */
#include <string.h>

#include "hv/core/engine_internal.h"

#define TO(state)	(1u << HVCMA_CLIENT_##state)

static const uint8_t transitions[HVCMA_NR_CLIENT_STATES] = {
	[HVCMA_CLIENT_ABSENT]	= TO(PRESENT),
	[HVCMA_CLIENT_PRESENT]	= TO(CLAIMED) | TO(ABSENT),
	[HVCMA_CLIENT_CLAIMED]	= TO(PRESENT) | TO(ABSENT) | TO(QUARANTINED) | TO(QUARANTINED_GONE),
	[HVCMA_CLIENT_QUARANTINED] = TO(PRESENT) | TO(ABSENT) | TO(QUARANTINED_GONE),
	[HVCMA_CLIENT_QUARANTINED_GONE] = TO(ABSENT),
};

static bool is_quarantined(enum hvcma_client_state state)
{
	return state == HVCMA_CLIENT_QUARANTINED || state == HVCMA_CLIENT_QUARANTINED_GONE;
}

/* False, without effect, if the table does not allow the step. */
static bool set_state(struct hvcma_engine *e, uint32_t id, enum hvcma_client_state to)
{
	enum hvcma_client_state from = e->clients[id].state;

	if (!(transitions[from] & 1u << to))
		return false;
	e->nr_quarantined = e->nr_quarantined - is_quarantined(from) + is_quarantined(to);
	hvcma_noncoherent_step(e, id, from, to);
	e->clients[id].state = to;
	hvcma_trace(e, "client", id, from, to);
	return true;
}

uint8_t hvcma_client_wire_state(const struct hvcma_client *client)
{
	switch (client->state) {
	case HVCMA_CLIENT_PRESENT:
		return VIRTIO_CMA_CLIENT_PRESENT;
	case HVCMA_CLIENT_CLAIMED:
	case HVCMA_CLIENT_QUARANTINED:
		return VIRTIO_CMA_CLIENT_CLAIMED;
	default:
		return VIRTIO_CMA_CLIENT_ABSENT;
	}
}

uint8_t hvcma_engine_client_state(const struct hvcma_engine *e, uint32_t id)
{
	if (id >= e->config.nr_clients)
		return VIRTIO_CMA_CLIENT_ABSENT;
	return hvcma_client_wire_state(&e->clients[id]);
}

bool hvcma_engine_client_is_quarantined(const struct hvcma_engine *e, uint32_t id)
{
	return id < e->config.nr_clients && is_quarantined(e->clients[id].state);
}

/* The client of an ALLOC exists and is there, and the purpose is known. */
enum virtio_cma_status hvcma_owner_check(const struct hvcma_engine *e,
					 struct hvcma_call *call, uint32_t client,
					 uint32_t purpose, size_t purpose_offset)
{
	if (purpose >= VIRTIO_CMA_NR_PURPOSES)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL, purpose_offset);
	if (client == VIRTIO_CMA_CLIENT_SHARED)
		return VIRTIO_CMA_S_OK;
	if (client >= e->config.nr_clients)
		return hvcma_refuse(call, VIRTIO_CMA_S_NO_CLIENT, client);
	if (hvcma_engine_client_state(e, client) == VIRTIO_CMA_CLIENT_ABSENT)
		return hvcma_refuse(call, VIRTIO_CMA_S_CLIENT_STATE, client);
	return VIRTIO_CMA_S_OK;
}

/* Nothing may be unpinned while a client may be doing DMA unasked. */
enum virtio_cma_status hvcma_quarantine_check(const struct hvcma_engine *e,
					      struct hvcma_call *call)
{
	uint32_t id = 0;

	if (!e->nr_quarantined)
		return VIRTIO_CMA_S_OK;
	while (!is_quarantined(e->clients[id].state))
		id++;
	return hvcma_refuse(call, VIRTIO_CMA_S_REFUSED, id);
}

/*
 * Bring a client that may be doing DMA to @quiesced; if the host cannot, to
 * @quarantined. Returns what the host said. A client that went while the host was at
 * it is where that brought it.
 */
static enum virtio_cma_status quiesce(struct hvcma_engine *e, uint32_t id,
				      enum hvcma_client_state quiesced,
				      enum hvcma_client_state quarantined)
{
	enum hvcma_client_state before = e->clients[id].state;
	enum virtio_cma_status status = e->ops->quiesce(e->opaque, id);

	if (e->clients[id].state != before)
		return status;
	if (!status)
		set_state(e, id, quiesced);
	else if (e->clients[id].state != quarantined)
		set_state(e, id, quarantined);
	return status;
}

/* Every client, even if one fails. Returns the first failure. */
enum virtio_cma_status hvcma_quiesce_all(struct hvcma_engine *e)
{
	enum virtio_cma_status first_failure = VIRTIO_CMA_S_OK;

	for (uint32_t id = 0; id < e->config.nr_clients; id++) {
		enum hvcma_client_state state = e->clients[id].state;
		enum virtio_cma_status status = VIRTIO_CMA_S_OK;

		if (state == HVCMA_CLIENT_CLAIMED || state == HVCMA_CLIENT_QUARANTINED)
			status = quiesce(e, id, HVCMA_CLIENT_PRESENT, HVCMA_CLIENT_QUARANTINED);
		else if (state == HVCMA_CLIENT_QUARANTINED_GONE)
			status = quiesce(e, id, HVCMA_CLIENT_ABSENT, HVCMA_CLIENT_QUARANTINED_GONE);
		if (!first_failure)
			first_failure = status;
	}
	return first_failure;
}

static bool copy_string(__u8 *field, size_t field_bytes, const char *s)
{
	size_t bytes = s ? strlen(s) : 0;

	if (bytes >= field_bytes)
		return false;
	memset(field, 0, field_bytes);
	if (bytes)
		memcpy(field, s, bytes);
	return true;
}

/* What was begun for another client of that number was placed for that one. */
static void forget_alloc_of(struct hvcma_engine *e, uint32_t id)
{
	struct virtio_cma_alloc_req req;

	memcpy(&req, e->pending_alloc.req, sizeof(req));
	if (e->pending_alloc.pending && hvcma_from_le32(req.client) == id)
		hvcma_job_forget(e);
}

enum virtio_cma_status hvcma_engine_client_added(struct hvcma_engine *e, uint32_t id,
						 const struct hvcma_client_info *info)
{
	struct virtio_cma_client wire = {
		.id = hvcma_to_le32(id),
		.bus = info->bus,
		.coherent = info->coherent,
		.resv = info->resv,
	};

	if (id >= e->config.nr_clients)
		return VIRTIO_CMA_S_NO_CLIENT;
	if ((info->bus != VIRTIO_CMA_BUS_PCI && info->bus != VIRTIO_CMA_BUS_PLATFORM) ||
	    info->coherent >= VIRTIO_CMA_NR_COHERENT || info->resv > e->config.nr_resvs ||
	    info->windows_source >= VIRTIO_CMA_NR_SOURCES ||
	    !copy_string(wire.kind, sizeof(wire.kind), info->kind) ||
	    !copy_string(wire.name, sizeof(wire.name), info->name) ||
	    !copy_string(wire.path, sizeof(wire.path), info->path))
		return VIRTIO_CMA_S_INVAL;
	if (!set_state(e, id, HVCMA_CLIENT_PRESENT))
		return VIRTIO_CMA_S_CLIENT_STATE;
	forget_alloc_of(e, id);
	if (info->windows)
		e->clients[id].windows = *info->windows;
	else
		hvcma_dma_windows_identity(&e->clients[id].windows);
	e->clients[id].windows_source = info->windows_source;
	e->clients[id].wire = wire;
	e->clients[id].coherent = VIRTIO_CMA_COHERENT_UNKNOWN;
	e->clients[id].emulated = info->emulated;
	e->clients[id].noncoherent = false;
	hvcma_engine_check(e);
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_engine_client_removed(struct hvcma_engine *e, uint32_t id)
{
	enum virtio_cma_status status = VIRTIO_CMA_S_OK;

	if (id >= e->config.nr_clients)
		return VIRTIO_CMA_S_NO_CLIENT;
	switch (e->clients[id].state) {
	case HVCMA_CLIENT_PRESENT:
		set_state(e, id, HVCMA_CLIENT_ABSENT);
		break;
	case HVCMA_CLIENT_CLAIMED:
	case HVCMA_CLIENT_QUARANTINED:
		status = quiesce(e, id, HVCMA_CLIENT_ABSENT, HVCMA_CLIENT_QUARANTINED_GONE);
		break;
	default:
		break;
	}
	hvcma_engine_check(e);
	return status;
}

uint8_t hvcma_engine_client_coherent(const struct hvcma_engine *e, uint32_t id)
{
	return id < e->config.nr_clients ? e->clients[id].coherent
					 : VIRTIO_CMA_COHERENT_UNKNOWN;
}

enum virtio_cma_status hvcma_engine_client_quarantined(struct hvcma_engine *e, uint32_t id)
{
	if (id >= e->config.nr_clients)
		return VIRTIO_CMA_S_NO_CLIENT;
	if (e->clients[id].state == HVCMA_CLIENT_CLAIMED)
		set_state(e, id, HVCMA_CLIENT_QUARANTINED);
	hvcma_engine_check(e);
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_clients(struct hvcma_engine *e, struct hvcma_call *call)
{
	struct virtio_cma_clients_req req;
	struct virtio_cma_clients_resp resp = { 0 };
	uint32_t first, nr;
	size_t room;

	memcpy(&req, call->req, sizeof(req));
	if (call->req_bytes != sizeof(req))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	first = hvcma_from_le32(req.first);
	nr = hvcma_from_le32(req.max_clients);
	if (first > e->config.nr_clients)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_clients_req, first));
	if (!nr || nr > e->config.nr_clients - first)
		nr = e->config.nr_clients - first;
	if (call->resp_bytes < sizeof(resp) + (nr ? sizeof(struct virtio_cma_client) : 0))
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, call->resp_bytes);
	room = (call->resp_bytes - sizeof(resp)) / sizeof(struct virtio_cma_client);
	if (nr > room)
		nr = (uint32_t)room;

	call->used_bytes = sizeof(resp);
	for (uint32_t id = first; id < first + nr; id++) {
		struct virtio_cma_client wire = e->clients[id].wire;

		wire.id = hvcma_to_le32(id);
		wire.state = hvcma_client_wire_state(&e->clients[id]);
		if (!hvcma_has_feature(e, VIRTIO_CMA_F_KINDS))
			memset(wire.kind, 0, sizeof(wire.kind));
		memcpy(call->resp + call->used_bytes, &wire, sizeof(wire));
		call->used_bytes += sizeof(wire);
	}
	resp.nr_total = hvcma_to_le32(e->config.nr_clients);
	resp.nr_clients = hvcma_to_le32(nr);
	memcpy(call->resp, &resp, sizeof(resp));
	return VIRTIO_CMA_S_OK;
}

/* What CLAIM and RELEASE have in common: one known client; @nr_coherent words for it. */
static enum virtio_cma_status get_client(const struct hvcma_engine *e,
					 struct hvcma_call *call, uint32_t nr_coherent,
					 uint32_t *id, uint8_t *coherent)
{
	struct virtio_cma_client_req req;

	memcpy(&req, call->req, sizeof(req));
	if (call->req_bytes != sizeof(req))
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_req_hdr, bytes));
	if (hvcma_from_le32(req.coherent) >= nr_coherent)
		return hvcma_refuse(call, VIRTIO_CMA_S_INVAL,
				    offsetof(struct virtio_cma_client_req, coherent));
	*coherent = (uint8_t)hvcma_from_le32(req.coherent);
	*id = hvcma_from_le32(req.client);
	if (*id >= e->config.nr_clients)
		return hvcma_refuse(call, VIRTIO_CMA_S_NO_CLIENT, *id);
	return VIRTIO_CMA_S_OK;
}

/* The host refused to let a client go, or to stop it. */
static enum virtio_cma_status refused_by_host(struct hvcma_call *call,
					      enum virtio_cma_status status, uint32_t id)
{
	status = hvcma_host_status(status);
	return hvcma_refuse(call, status, status == VIRTIO_CMA_S_REFUSED ? id : 0);
}

/* A driver that is told nothing of memory types maps all as memory that is cached. */
static bool is_right_as_memory(const struct hvcma_attr_decision *decision)
{
	return decision->attr != VIRTIO_CMA_ATTR_UNCACHED && !decision->maint;
}

enum virtio_cma_status hvcma_serve_claim(struct hvcma_engine *e, struct hvcma_call *call)
{
	bool is_warned = hvcma_has_feature(e, VIRTIO_CMA_F_ATTRIBUTES);
	size_t resp_bytes = is_warned ? sizeof(struct virtio_cma_claim_resp) :
				      sizeof(struct virtio_cma_resp_hdr);
	struct virtio_cma_claim_resp resp = { 0 };
	struct hvcma_attr_decision decision;
	enum virtio_cma_status status;
	uint8_t coherent;
	uint32_t id;

	status = get_client(e, call, VIRTIO_CMA_NR_COHERENT, &id, &coherent);
	if (status)
		return status;
	if (e->clients[id].state != HVCMA_CLIENT_PRESENT)
		return hvcma_refuse(call, VIRTIO_CMA_S_CLIENT_STATE, id);
	if (call->resp_bytes < resp_bytes)
		return hvcma_refuse(call, VIRTIO_CMA_S_TOO_BIG, call->resp_bytes);
	if (hvcma_client_needs_windows(e, id) && !hvcma_has_feature(e, VIRTIO_CMA_F_WINDOWS))
		return hvcma_refuse(call, VIRTIO_CMA_S_REFUSED,
				    VIRTIO_CMA_REFUSED_DETAIL(id, VIRTIO_CMA_REASON_WINDOWS));
	hvcma_client_judge(e, id, coherent, &decision);
	if (decision.refused || (!is_warned && !is_right_as_memory(&decision)))
		return hvcma_refuse(call, VIRTIO_CMA_S_REFUSED,
				    VIRTIO_CMA_REFUSED_DETAIL(id, decision.reason));
	if (decision.maint & VIRTIO_CMA_MAINT_BLOCK) {
		status = hvcma_noncoherent_begin(e, id);
		if (status)
			return refused_by_host(call, status, id);
		if (!hvcma_noncoherent_follow(e))
			return HVCMA_AGAIN;
	}
	status = e->ops->claim(e->opaque, id);
	if (status) {
		hvcma_noncoherent_forget(e);
		hvcma_noncoherent_follow(e);
		return refused_by_host(call, status, id);
	}
	e->clients[id].coherent = coherent;
	e->clients[id].noncoherent = decision.maint & VIRTIO_CMA_MAINT_BLOCK;
	set_state(e, id, HVCMA_CLIENT_CLAIMED);
	hvcma_noncoherent_claimed(e);

	resp.attr = hvcma_to_le32(decision.attr);
	resp.maint = hvcma_to_le32(decision.maint);
	resp.effective = hvcma_to_le32(decision.effective);
	resp.reason = hvcma_to_le32(decision.reason);
	memcpy(call->resp, &resp, resp_bytes);
	call->used_bytes = resp_bytes;
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_serve_release(struct hvcma_engine *e, struct hvcma_call *call)
{
	enum virtio_cma_status status;
	uint8_t coherent;
	uint32_t id;

	status = get_client(e, call, 1, &id, &coherent);
	if (status)
		return status;
	if (e->releasing != id) {
		if (hvcma_engine_client_state(e, id) != VIRTIO_CMA_CLIENT_CLAIMED)
			return hvcma_refuse(call, VIRTIO_CMA_S_CLIENT_STATE, id);
		status = quiesce(e, id, HVCMA_CLIENT_PRESENT, HVCMA_CLIENT_QUARANTINED);
		if (status)
			return refused_by_host(call, status, id);
		hvcma_noncoherent_forget(e);
		e->releasing = id;
	}
	return hvcma_noncoherent_follow(e) ? VIRTIO_CMA_S_OK : HVCMA_AGAIN;
}
