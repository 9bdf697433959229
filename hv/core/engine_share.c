// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Set-asides: how much of the region each share may have. Amounts, not places.
 *
 *	pin limit    |<------------------------------------------>|
 *	             | set-aside 1 | set-aside 2  |  shared part   |
 *	used by 1    |#######      |              |                |
 *	used by 2                  |##############|###             |
 *	used by 0                                 |   ####         |
 *	left for 1          |......|                      |........|
 *	left for 2, 0                                     |........|
 *
 * A share fills its set-aside first and goes on in the shared part; what it
 * frees leaves the shared part first. So one figure per share says it all.
 */
#include "hv/core/engine_internal.h"

/* Granules of the shared part in use. */
static uint64_t shared_used(const struct hvcma_engine *e)
{
	uint64_t used = e->shares[0].used;

	for (uint32_t k = 1; k <= e->config.nr_shares; k++)
		if (e->shares[k].used > e->shares[k].size)
			used += e->shares[k].used - e->shares[k].size;
	return used;
}

/* The share that blocks of a client, or of all of them, are counted for. */
uint32_t hvcma_share_of(const struct hvcma_engine *e, uint32_t client)
{
	return client == VIRTIO_CMA_CLIENT_SHARED ? 0 : e->clients[client].wire.share;
}

/* Granules that a share may still get. */
uint64_t hvcma_share_room(const struct hvcma_engine *e, uint32_t share)
{
	const struct hvcma_share *s = &e->shares[share];
	uint64_t room = e->shares[0].size - shared_used(e);

	return s != e->shares && s->used < s->size ? room + s->size - s->used : room;
}

void hvcma_share_take(struct hvcma_engine *e, uint64_t owner, uint64_t nr)
{
	e->shares[HVCMA_OWNER_SHARE(owner)].used += (uint32_t)nr;
}

void hvcma_share_give(struct hvcma_engine *e, uint64_t owner, uint64_t nr)
{
	e->shares[HVCMA_OWNER_SHARE(owner)].used -= (uint32_t)nr;
}

int hvcma_engine_client_share(struct hvcma_engine *e, uint32_t id, uint8_t share)
{
	if (id >= e->config.nr_clients)
		return -VIRTIO_CMA_S_NO_CLIENT;
	if (share > e->config.nr_shares)
		return -VIRTIO_CMA_S_INVAL;
	if (hvcma_engine_client_state(e, id) == VIRTIO_CMA_CLIENT_ABSENT)
		e->clients[id].wire.share = share;
	return 0;
}

bool hvcma_engine_share(const struct hvcma_engine *e, uint32_t share, uint64_t *bytes,
			uint64_t *used_bytes)
{
	if (share > e->config.nr_shares)
		return false;
	*bytes = hvcma_bytes(e, e->shares[share].size);
	*used_bytes = hvcma_bytes(e, e->shares[share].used);
	return true;
}

bool hvcma_shares_are_valid(const struct hvcma_engine *e)
{
	uint64_t first, nr, set_aside = 0;

	for (uint32_t k = 0; k <= e->config.nr_shares; k++) {
		uint64_t used = 0;

		for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr);
		     i = first + nr)
			if (HVCMA_OWNER_SHARE(hvcma_alloc_owner(e->alloc, first)) == k)
				used += nr;
		if (used != e->shares[k].used)
			return false;
		set_aside += e->shares[k].size;
	}
	return set_aside == e->pin_limit && shared_used(e) <= e->shares[0].size;
}
