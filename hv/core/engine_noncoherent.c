// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Non-coherent use: which granules the host must not touch, because a client may be doing
 * DMA to them past the caches.
 *
 * Those of a block of such a client, and of shared blocks while there is any such
 * client; where all of the region is pinned from the start, all of them while there is any,
 * for the guest maps what it likes. ops->maintain is called for a granule when that begins and when it ends:
 *
 *	CLAIM     it begins for what the client has, then its gate opens
 *	ALLOC     each piece, when it is pinned
 *	FREE      each piece, before it is unpinned
 *	RELEASE   the gate closes, then it ends for what nobody else needs
 *
 * An instruction for each cache line: so what a CLAIM or a RELEASE is about takes
 * several calls, as pins do (engine_drain.c), and where nobody waits for it, after a
 * reset or an unplug, it is one of the things that hvcma_engine_drain() does.
 *
 * e->noncoherent says how it is, clients and owners of blocks how it is to be; while
 * e->noncoherent_lags, the two may differ. Says nothing about attributes.
 */
#include "hv/core/attr.h"
#include "hv/core/engine_internal.h"

static bool any_client(const struct hvcma_engine *e)
{
	return e->nr_noncoherent_clients || e->claiming != HVCMA_NO_CLIENT;
}

/* Are blocks of this client, which may be VIRTIO_CMA_CLIENT_SHARED, to be in non-coherent use? */
static bool is_due(const struct hvcma_engine *e, uint32_t client)
{
	if (client == VIRTIO_CMA_CLIENT_SHARED)
		return any_client(e);
	return client == e->claiming ||
	       (e->clients[client].noncoherent && hvcma_client_is_active(e->clients[client].state));
}

bool hvcma_engine_is_noncoherent(const struct hvcma_engine *e, uint64_t granule)
{
	return granule < e->nr_granules && hvcma_bitset_test(&e->noncoherent, (uint32_t)granule);
}

uint64_t hvcma_engine_noncoherent_bytes(const struct hvcma_engine *e)
{
	return hvcma_bytes(e, e->nr_noncoherent);
}

/* From @from on: the next that is in non-coherent use, or is not; @end if there is none before. */
static uint64_t next_that_is(const struct hvcma_engine *e, bool noncoherent, uint64_t from,
			     uint64_t end)
{
	if (noncoherent) {
		uint32_t next = hvcma_bitset_next(&e->noncoherent, (uint32_t)from);

		return next < end ? next : end;
	}
	while (from < end && hvcma_bitset_test(&e->noncoherent, (uint32_t)from))
		from++;
	return from;
}

/* Of [first, first + nr), at most @budget. Returns whether that is all of them now. */
static bool set_noncoherent(struct hvcma_engine *e, uint64_t first, uint64_t nr, bool noncoherent,
			    uint64_t *budget)
{
	uint64_t end = first + nr, stop;

	for (; (first = next_that_is(e, !noncoherent, first, end)) < end; first = stop) {
		if (!*budget)
			return false;
		stop = next_that_is(e, noncoherent, first, end);
		if (stop - first > *budget)
			stop = first + *budget;
		*budget -= stop - first;
		if (e->ops->maintain)
			e->ops->maintain(e->opaque, first, stop - first);
		hvcma_trace(e, "maintain", first, stop - first, 0);
		e->nr_noncoherent += noncoherent ? stop - first : first - stop;
		for (uint64_t i = first; i < stop; i++)
			hvcma_bitset_assign(&e->noncoherent, (uint32_t)i, noncoherent);
	}
	return true;
}

/* ---- pieces of blocks ---- */

void hvcma_noncoherent_pinned(struct hvcma_engine *e, const struct hvcma_granule_range *piece)
{
	uint64_t unlimited = UINT64_MAX;

	if (!e->pins_all && is_due(e, HVCMA_OWNER_CLIENT(hvcma_alloc_owner(e->alloc, piece->first))))
		set_noncoherent(e, piece->first, piece->nr, true, &unlimited);
}

void hvcma_noncoherent_unpinned(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	uint64_t unlimited = UINT64_MAX;

	if (e->nr_noncoherent)
		set_noncoherent(e, first, nr, false, &unlimited);
}

/* ---- clients ---- */

/* The last one: the host may use its mappings again. */
void hvcma_noncoherent_end(struct hvcma_engine *e)
{
	if (!e->keeps_off || any_client(e) || e->nr_noncoherent)
		return;
	e->keeps_off = false;
	if (e->ops->keep_off)
		e->ops->keep_off(e->opaque, false);
}

enum virtio_cma_status hvcma_noncoherent_begin(struct hvcma_engine *e, uint32_t client)
{
	enum virtio_cma_status status = VIRTIO_CMA_S_OK;

	if (e->claiming == client)
		return VIRTIO_CMA_S_OK;
	hvcma_noncoherent_forget(e);
	if (!e->keeps_off && e->ops->keep_off)
		status = e->ops->keep_off(e->opaque, true);
	if (status)
		return status;
	e->keeps_off = true;
	e->claiming = client;
	e->noncoherent_lags = true;
	return VIRTIO_CMA_S_OK;
}

void hvcma_noncoherent_claimed(struct hvcma_engine *e)
{
	uint32_t client = e->claiming;

	e->claiming = HVCMA_NO_CLIENT;
	if (client != HVCMA_NO_CLIENT && !is_due(e, client))	/* it went meanwhile */
		e->noncoherent_lags = true;
}

void hvcma_noncoherent_forget(struct hvcma_engine *e)
{
	e->releasing = HVCMA_NO_CLIENT;
	if (e->claiming == HVCMA_NO_CLIENT)
		return;
	e->claiming = HVCMA_NO_CLIENT;
	e->noncoherent_lags = true;
}

void hvcma_noncoherent_step(struct hvcma_engine *e, uint32_t id, enum hvcma_client_state from,
			    enum hvcma_client_state to)
{
	if (!e->clients[id].noncoherent ||
	    hvcma_client_is_active(from) == hvcma_client_is_active(to))
		return;
	if (hvcma_client_is_active(to)) {
		e->nr_noncoherent_clients++;
	} else {
		e->nr_noncoherent_clients--;
		e->noncoherent_lags = true;
	}
}

bool hvcma_noncoherent_follow(struct hvcma_engine *e)
{
	uint64_t budget = hvcma_pin_budget(e), first, nr;

	if (!e->noncoherent_lags)
		return true;
	if (e->pins_all && !set_noncoherent(e, 0, e->nr_granules, any_client(e), &budget))
		return false;
	for (uint64_t i = 0; !e->pins_all && hvcma_alloc_next_block(e->alloc, i, &first, &nr);
	     i = first + nr) {
		uint64_t owner = hvcma_alloc_owner(e->alloc, first);

		if (!(owner & HVCMA_OWNER_UNPINNED) &&
		    !set_noncoherent(e, first, nr, is_due(e, HVCMA_OWNER_CLIENT(owner)), &budget))
			return false;
	}
	e->noncoherent_lags = false;
	hvcma_noncoherent_end(e);
	return true;
}

bool hvcma_noncoherent_is_valid(const struct hvcma_engine *e)
{
	uint64_t first, nr, nr_noncoherent = 0, nr_in_blocks = 0;

	for (uint64_t i = 0; (i = next_that_is(e, true, i, e->nr_granules)) < e->nr_granules; i++)
		nr_noncoherent++;
	if (e->pins_all)
		return nr_noncoherent == e->nr_noncoherent &&
		       (e->noncoherent_lags ||
			nr_noncoherent == (any_client(e) ? e->nr_granules : 0)) &&
		       (e->keeps_off || (!any_client(e) && !nr_noncoherent));
	for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr); i = first + nr) {
		uint64_t owner = hvcma_alloc_owner(e->alloc, first), nr_of_block = 0;

		if (owner & HVCMA_OWNER_UNPINNED)
			continue;
		for (uint64_t k = first; k < first + nr; k++)
			nr_of_block += hvcma_bitset_test(&e->noncoherent, (uint32_t)k);
		if (!e->noncoherent_lags &&
		    nr_of_block != (is_due(e, HVCMA_OWNER_CLIENT(owner)) ? nr : 0))
			return false;
		nr_in_blocks += nr_of_block;
	}
	return nr_noncoherent == e->nr_noncoherent && nr_in_blocks == nr_noncoherent &&
	       (e->keeps_off || (!any_client(e) && !nr_noncoherent));
}
