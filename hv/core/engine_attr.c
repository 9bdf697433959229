// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Memory attributes in the engine: what each client is told, and when the host
 * must maintain its own mappings of a block.
 *
 * A block is *handed over* while a claimed client may be doing DMA to it past
 * the caches: a block of such a client, or a shared one while there is any such
 * client. ops->maintain is called when that begins and when it ends.
 *
 * Decides nothing about attributes: attr_policy.c does.
 */
#include "hv/core/attr.h"
#include "hv/core/engine_internal.h"

void hvcma_client_judge(const struct hvcma_engine *e, uint32_t id, uint32_t guest_says,
			struct hvcma_attr_verdict *verdict)
{
	const struct hvcma_client *client = &e->clients[id];
	struct hvcma_attr_case c = {
		.coherent = hvcma_attr_coherent(client->wire.coherent, client->emulated,
						guest_says, e->config.stage2),
		.stage2 = e->config.stage2,
		.mode = e->config.mode,
		.attr_policy = e->config.attr_policy,
		/* an emulated client and the host's mapping are one */
		.alias = client->emulated ? HVCMA_ALIAS_QUIET : e->config.alias,
	};

	hvcma_attr_policy(&c, verdict);	/* every value was checked when it came in */
}

int hvcma_engine_client_verdict(const struct hvcma_engine *e, uint32_t id,
				struct hvcma_attr_verdict *verdict)
{
	if (id >= e->config.nr_clients)
		return -VIRTIO_CMA_S_NO_CLIENT;
	if (hvcma_engine_client_state(e, id) == VIRTIO_CMA_CLIENT_ABSENT)
		return -VIRTIO_CMA_S_CLIENT_STATE;
	hvcma_client_judge(e, id, e->clients[id].coherent, verdict);
	return 0;
}

/*
 * VIRTIO_CMA_ATTR_* of a block. One for several clients, or for one that is not
 * claimed, is mapped as its user was told to; where that can't differ from the
 * region's policy the policy is said.
 */
uint32_t hvcma_client_attr(const struct hvcma_engine *e, uint32_t client)
{
	struct hvcma_attr_verdict verdict;

	if (client != VIRTIO_CMA_CLIENT_SHARED &&
	    e->clients[client].state == HVCMA_CLIENT_CLAIMED) {
		hvcma_client_judge(e, client, e->clients[client].coherent, &verdict);
		return verdict.attr;
	}
	if (e->config.attr_policy == VIRTIO_CMA_ATTR_UNCACHED &&
	    e->config.stage2 != VIRTIO_CMA_STAGE2_NONE)
		return VIRTIO_CMA_ATTR_AUTO;
	return e->config.attr_policy;
}

bool hvcma_is_handed_over(const struct hvcma_engine *e, uint32_t client)
{
	if (client == VIRTIO_CMA_CLIENT_SHARED)
		return e->nr_handover;
	return e->clients[client].handover &&
	       hvcma_client_is_active(e->clients[client].state);
}

/* The next block that is pinned as a whole, be it the guest's or hidden from it. */
static bool next_pinned(const struct hvcma_engine *e, uint64_t from, uint64_t *first,
			uint64_t *nr, uint32_t *client)
{
	for (; hvcma_alloc_next_block(e->alloc, from, first, nr); from = *first + *nr) {
		uint64_t owner = hvcma_alloc_owner(e->alloc, *first);

		*client = HVCMA_OWNER_CLIENT(owner);
		if (!(owner & HVCMA_OWNER_UNPINNED))
			return true;
	}
	return false;
}

bool hvcma_engine_next_handed(const struct hvcma_engine *e, uint64_t from,
			      uint64_t *first, uint64_t *nr_granules)
{
	uint32_t client;

	for (; e->nr_handover && next_pinned(e, from, first, nr_granules, &client);
	     from = *first + *nr_granules)
		if (hvcma_is_handed_over(e, client))
			return true;
	return false;
}

void hvcma_maintain(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	if (e->ops->maintain)
		e->ops->maintain(e->opaque, first, nr);
	hvcma_trace(e, "maintain", first, nr, 0);
}

void hvcma_maintain_client(struct hvcma_engine *e, uint32_t id)
{
	uint64_t first, nr;
	uint32_t client;

	for (uint64_t from = 0; next_pinned(e, from, &first, &nr, &client); from = first + nr)
		if (client == id || client == VIRTIO_CMA_CLIENT_SHARED)
			hvcma_maintain(e, first, nr);
}

void hvcma_maintain_block(struct hvcma_engine *e, const struct hvcma_grant *block)
{
	uint64_t owner = hvcma_alloc_owner(e->alloc, block->first);

	if (hvcma_is_handed_over(e, HVCMA_OWNER_CLIENT(owner)))
		hvcma_maintain(e, block->first, block->nr);
}

static int keep_off(struct hvcma_engine *e, bool on)
{
	return e->ops->keep_off ? e->ops->keep_off(e->opaque, on) : 0;
}

int hvcma_handover_begin(struct hvcma_engine *e, uint32_t id,
			 const struct hvcma_attr_verdict *verdict)
{
	int rc = 0;

	if (!(verdict->care & VIRTIO_CMA_CARE_HANDOVER))
		return 0;
	if (!e->nr_handover)
		rc = keep_off(e, true);
	if (!rc)
		hvcma_maintain_client(e, id);
	return rc;
}

void hvcma_handover_cancel(struct hvcma_engine *e, const struct hvcma_attr_verdict *verdict)
{
	if ((verdict->care & VIRTIO_CMA_CARE_HANDOVER) && !e->nr_handover)
		keep_off(e, false);
}

void hvcma_handover_step(struct hvcma_engine *e, uint32_t id, enum hvcma_client_state from,
			 enum hvcma_client_state to)
{
	if (!e->clients[id].handover || hvcma_client_is_active(from) == hvcma_client_is_active(to))
		return;
	if (hvcma_client_is_active(to))
		e->nr_handover++;
	else if (!--e->nr_handover)
		keep_off(e, false);
}
