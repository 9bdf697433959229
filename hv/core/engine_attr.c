// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Memory attributes in the engine: what each client hears of its memory.
 *
 * Decides nothing about them: attr_policy.c does. What the host does to its own
 * mappings is in engine_noncoherent.c.
 */
#include "hv/core/attr.h"
#include "hv/core/engine_internal.h"

void hvcma_client_judge(const struct hvcma_engine *e, uint32_t id, uint32_t guest_says,
			struct hvcma_attr_decision *decision)
{
	const struct hvcma_client *client = &e->clients[id];
	struct hvcma_attr_case c = {
		.coherent = hvcma_attr_coherent(client->wire.coherent, client->emulated,
						guest_says, e->config.stage2),
		.stage2 = e->config.stage2,
		.mode = e->config.mode,
		.attr_policy = e->config.attr_policy,
		/* an emulated client and the host's mapping are one */
		.alias = client->emulated ? HVCMA_ALIAS_MAINTAINED : e->config.alias,
	};

	hvcma_attr_policy(&c, decision);	/* every value was checked when it came in */
}

enum virtio_cma_status hvcma_engine_client_decision(const struct hvcma_engine *e, uint32_t id,
						    struct hvcma_attr_decision *decision)
{
	if (id >= e->config.nr_clients)
		return VIRTIO_CMA_S_NO_CLIENT;
	if (hvcma_engine_client_state(e, id) == VIRTIO_CMA_CLIENT_ABSENT)
		return VIRTIO_CMA_S_CLIENT_STATE;
	hvcma_client_judge(e, id, e->clients[id].coherent, decision);
	return VIRTIO_CMA_S_OK;
}

/*
 * VIRTIO_CMA_ATTR_* of a block. One for several clients, or for one that is not
 * claimed, is mapped as its user was told to; where that can't differ from the
 * region's policy the policy is said.
 */
uint32_t hvcma_client_attr(const struct hvcma_engine *e, uint32_t client)
{
	struct hvcma_attr_decision decision;

	if (!hvcma_has_feature(e, VIRTIO_CMA_F_ATTRIBUTES))
		return VIRTIO_CMA_ATTR_AUTO;
	if (client != VIRTIO_CMA_CLIENT_SHARED &&
	    e->clients[client].state == HVCMA_CLIENT_CLAIMED) {
		hvcma_client_judge(e, client, e->clients[client].coherent, &decision);
		return decision.attr;
	}
	if (e->config.attr_policy == VIRTIO_CMA_ATTR_UNCACHED &&
	    e->config.stage2 != VIRTIO_CMA_STAGE2_NONE)
		return VIRTIO_CMA_ATTR_AUTO;
	return e->config.attr_policy;
}
