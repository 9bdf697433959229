// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Protocol engine: every invariant; the trap of debug builds.
 *
 * Changes nothing.
 */
#include "hv/core/bitset.h"
#include "hv/core/engine_internal.h"

static bool owner_is_valid(const struct hvcma_engine *e, uint64_t owner)
{
	uint32_t client = HVCMA_OWNER_CLIENT(owner), share = HVCMA_OWNER_SHARE(owner);
	uint32_t purpose = HVCMA_OWNER_PURPOSE(owner);
	uint64_t marks = owner & (HVCMA_OWNER_HIDDEN | HVCMA_OWNER_UNPINNED);

	if (client != VIRTIO_CMA_CLIENT_SHARED && client >= e->config.nr_clients)
		return false;
	return owner == (HVCMA_OWNER(client, purpose, share) | marks) &&
	       purpose < VIRTIO_CMA_NR_PURPOSES && share <= e->config.nr_shares &&
	       marks != HVCMA_OWNER_UNPINNED;
}

/* Blocks that go back, and those that requests are at work on: each one is known. */
static bool hidden_are_valid(const struct hvcma_engine *e)
{
	const struct hvcma_job *job = &e->begun.job;
	uint64_t first, nr, nr_hidden = 0, nr_leaving = 0, nr_between = 0, nr_unpinned = 0;
	uint64_t nr_known = e->going.block.nr;

	for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr); i = first + nr) {
		uint64_t owner = hvcma_alloc_owner(e->alloc, first);
		bool leaves = hvcma_bitset_test(&e->leaving, (uint32_t)first);

		if (owner & HVCMA_OWNER_UNPINNED)
			nr_unpinned += nr;
		if (leaves)
			nr_leaving += nr;
		else if (owner & HVCMA_OWNER_HIDDEN)
			nr_between += nr;
		nr_hidden += leaves || owner & HVCMA_OWNER_HIDDEN;
	}
	for (uint32_t i = 0; e->begun.pending && i < job->nr_grants; i++)
		nr_known += e->grants[i].nr;
	if (e->begun.pending &&
	    (job->nr_pinned > job->nr_grants || job->nr_grants > VIRTIO_CMA_MAX_BULK_BLOCKS ||
	     (job->nr_part && job->nr_part >= e->grants[job->nr_pinned].nr)))
		return false;
	return nr_hidden == e->nr_hidden && nr_leaving == e->nr_leaving &&
	       nr_between == e->nr_between && nr_between == nr_known &&
	       nr_unpinned == e->nr_unpinned;
}

bool hvcma_engine_is_valid(const struct hvcma_engine *e)
{
	struct hvcma_alloc_stats stats;
	uint64_t first, nr, nr_lent = 0, nr_busy[VIRTIO_CMA_NR_WHYS] = { 0 };
	uint32_t nr_unquiet = 0, nr_handover = 0;

	if (!hvcma_alloc_is_valid(e->alloc))
		return false;
	hvcma_alloc_stats(e->alloc, &stats);
	if (stats.nr_allocated > e->pin_limit)
		return false;
	for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr); i = first + nr)
		if (!owner_is_valid(e, hvcma_alloc_owner(e->alloc, first)))
			return false;
	if (!hidden_are_valid(e) || !hvcma_shares_are_valid(e) || !hvcma_handover_is_valid(e))
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
		nr_handover += e->clients[id].handover &&
			       hvcma_client_is_active(e->clients[id].state);
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
