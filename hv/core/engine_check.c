// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Protocol engine: every invariant; the trap of debug builds.
 *
 * Changes nothing.
 */
#include "hv/core/bitset.h"
#include "hv/core/engine_internal.h"

bool hvcma_engine_is_valid(const struct hvcma_engine *e)
{
	struct hvcma_alloc_stats stats;
	uint64_t first, nr, nr_lent = 0, nr_busy[VIRTIO_CMA_NR_WHYS] = { 0 };
	uint32_t client, purpose, share, nr_unquiet = 0, nr_handover = 0;
	uint64_t owner;

	if (!hvcma_alloc_is_valid(e->alloc))
		return false;
	hvcma_alloc_stats(e->alloc, &stats);
	if (stats.nr_allocated > e->pin_limit)
		return false;
	for (uint64_t i = 0; hvcma_engine_next_block(e, i, &first, &nr, &client, &purpose);
	     i = first + nr) {
		if (client != VIRTIO_CMA_CLIENT_SHARED && client >= e->config.nr_clients)
			return false;
		owner = hvcma_alloc_owner(e->alloc, first);
		share = HVCMA_OWNER_SHARE(owner);
		if (owner != HVCMA_OWNER(client, purpose, share) ||
		    purpose >= VIRTIO_CMA_NR_PURPOSES || share > e->config.nr_shares)
			return false;
	}
	if (!hvcma_shares_are_valid(e))
		return false;
	for (uint32_t i = 0; i < (e->nr_granules + 63) / 64; i++)
		nr_lent += hvcma_popcount64(e->lent[i]);
	if (nr_lent != e->nr_lent || e->nr_left > e->nr_granules)
		return false;
	for (uint64_t i = 0; i < e->nr_granules; i++) {
		if (e->why[i] >= VIRTIO_CMA_NR_WHYS)
			return false;
		if (hvcma_alloc_is_withheld(e->alloc, i))
			nr_busy[e->why[i]]++;
		else if (e->why[i])
			return false;
	}
	for (unsigned int i = 0; i < VIRTIO_CMA_NR_WHYS; i++)
		if (nr_busy[i] != e->nr_busy[i])
			return false;
	if (e->nr_granules % 64 && e->lent[e->nr_granules / 64] >> (e->nr_granules % 64))
		return false;
	for (uint32_t id = 0; id < e->config.nr_clients; id++) {
		if ((unsigned int)e->clients[id].state >= HVCMA_NR_CLIENT_STATES)
			return false;
		nr_handover += hvcma_is_handed_over(e, id);
		nr_unquiet += e->clients[id].state == HVCMA_CLIENT_STUCK ||
			      e->clients[id].state == HVCMA_CLIENT_LOST;
	}
	return nr_unquiet == e->nr_unquiet && nr_handover == e->nr_handover;
}

#ifdef HVCMA_DEBUG
#define CHECK_ALWAYS_GRANULES	4096	/* larger regions are sampled */
#define CHECK_ONE_IN		1024

void hvcma_engine_check(const struct hvcma_engine *e)
{
	static unsigned int nr_calls;

	if (e->nr_granules > CHECK_ALWAYS_GRANULES && nr_calls++ % CHECK_ONE_IN)
		return;
	if (!hvcma_engine_is_valid(e))
		__builtin_trap();
}
#endif
