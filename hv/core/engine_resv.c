// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Reservations: how much of the region each reservation may have. Amounts, not places.
 *
 *	pin limit    |<------------------------------------------>|
 *	             |reservation 1| reservation 2|  shared part    |
 *	used by 1    |#######      |              |                |
 *	used by 2                  |##############|###             |
 *	used by 0                                 |   ####         |
 *	left for 1          |......|                      |........|
 *	left for 2, 0                                     |........|
 *
 * Clients fill their reservation first and go on in the shared part; what they
 * free leaves the shared part first. So one figure per reservation says it all.
 */
#include "hv/core/engine_internal.h"

/* Granules of the shared part in use. */
static uint64_t shared_used(const struct hvcma_engine *e)
{
	uint64_t used = e->resvs[0].used;

	for (uint32_t k = 1; k <= e->config.nr_resvs; k++)
		if (e->resvs[k].used > e->resvs[k].size)
			used += e->resvs[k].used - e->resvs[k].size;
	return used;
}

/* The reservation that blocks of a client, or of all of them, are counted for. */
uint32_t hvcma_resv_of(const struct hvcma_engine *e, uint32_t client)
{
	return client == VIRTIO_CMA_CLIENT_SHARED ? 0 : e->clients[client].wire.resv;
}

/* Granules that a reservation may still get. */
uint64_t hvcma_resv_room(const struct hvcma_engine *e, uint32_t resv)
{
	const struct hvcma_resv *s = &e->resvs[resv];
	uint64_t room = e->resvs[0].size - shared_used(e);

	return s != e->resvs && s->used < s->size ? room + s->size - s->used : room;
}

void hvcma_resv_charge(struct hvcma_engine *e, uint64_t owner, uint64_t nr)
{
	e->resvs[HVCMA_OWNER_RESV(owner)].used += (uint32_t)nr;
}

void hvcma_resv_uncharge(struct hvcma_engine *e, uint64_t owner, uint64_t nr)
{
	e->resvs[HVCMA_OWNER_RESV(owner)].used -= (uint32_t)nr;
}

enum virtio_cma_status hvcma_engine_client_resv(struct hvcma_engine *e, uint32_t id, uint8_t resv)
{
	if (id >= e->config.nr_clients)
		return VIRTIO_CMA_S_NO_CLIENT;
	if (resv > e->config.nr_resvs)
		return VIRTIO_CMA_S_INVAL;
	if (hvcma_engine_client_state(e, id) == VIRTIO_CMA_CLIENT_ABSENT)
		e->clients[id].wire.resv = resv;
	return VIRTIO_CMA_S_OK;
}

bool hvcma_engine_resv(const struct hvcma_engine *e, uint32_t resv, uint64_t *bytes,
		       uint64_t *used_bytes)
{
	if (resv > e->config.nr_resvs)
		return false;
	*bytes = hvcma_bytes(e, e->resvs[resv].size);
	*used_bytes = hvcma_bytes(e, e->resvs[resv].used);
	return true;
}

bool hvcma_resvs_are_valid(const struct hvcma_engine *e)
{
	uint64_t first, nr, reserved = 0;

	for (uint32_t k = 0; k <= e->config.nr_resvs; k++) {
		uint64_t used = 0;

		for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr);
		     i = first + nr)
			if (HVCMA_OWNER_RESV(hvcma_alloc_owner(e->alloc, first)) == k)
				used += nr;
		if (used != e->resvs[k].used)
			return false;
		reserved += e->resvs[k].size;
	}
	return reserved == e->pin_limit && shared_used(e) <= e->resvs[0].size;
}
