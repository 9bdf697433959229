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
	uint32_t client = HVCMA_OWNER_CLIENT(owner), resv = HVCMA_OWNER_RESV(owner);
	uint32_t purpose = HVCMA_OWNER_PURPOSE(owner);
	uint64_t marks = owner & (HVCMA_OWNER_TRANSIENT | HVCMA_OWNER_UNPINNED);

	if (client != VIRTIO_CMA_CLIENT_SHARED && client >= e->config.nr_clients)
		return false;
	return owner == (HVCMA_OWNER(client, purpose, resv) | marks) &&
	       purpose < VIRTIO_CMA_NR_PURPOSES && resv <= e->config.nr_resvs &&
	       marks != HVCMA_OWNER_UNPINNED;
}

/* Blocks that go back, and those that requests are at work on: each one is known. */
static bool transients_are_valid(const struct hvcma_engine *e)
{
	const struct hvcma_job *job = &e->pending_alloc.job;
	uint64_t first, nr, nr_transient = 0, nr_draining = 0, nr_between = 0, nr_unpinned = 0;
	uint64_t nr_known = e->pending_free.block.nr;

	for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr); i = first + nr) {
		uint64_t owner = hvcma_alloc_owner(e->alloc, first);
		bool leaves = hvcma_bitset_test(&e->draining, (uint32_t)first);

		if (owner & HVCMA_OWNER_UNPINNED)
			nr_unpinned += nr;
		if (leaves)
			nr_draining += nr;
		else if (owner & HVCMA_OWNER_TRANSIENT)
			nr_between += nr;
		nr_transient += leaves || owner & HVCMA_OWNER_TRANSIENT;
	}
	for (uint32_t i = 0; e->pending_alloc.pending && i < job->nr_granted; i++)
		nr_known += e->granted[i].nr;
	if (e->pending_alloc.pending &&
	    (job->nr_pinned > job->nr_granted || job->nr_granted > VIRTIO_CMA_MAX_BULK_BLOCKS ||
	     (job->nr_part && job->nr_part >= e->granted[job->nr_pinned].nr)))
		return false;
	return nr_transient == e->nr_transient && nr_draining == e->nr_draining &&
	       nr_between == e->nr_between && nr_between == nr_known &&
	       nr_unpinned == e->nr_unpinned;
}

bool hvcma_engine_is_valid(const struct hvcma_engine *e)
{
	struct hvcma_alloc_stats stats;
	uint64_t first, nr, nr_online = 0, nr_busy[VIRTIO_CMA_NR_WHYS] = { 0 };
	uint32_t nr_quarantined = 0, nr_noncoherent_clients = 0;

	if (!hvcma_alloc_is_valid(e->alloc))
		return false;
	hvcma_alloc_stats(e->alloc, &stats);
	if (stats.nr_allocated > e->pin_limit)
		return false;
	for (uint64_t i = 0; hvcma_alloc_next_block(e->alloc, i, &first, &nr); i = first + nr)
		if (!owner_is_valid(e, hvcma_alloc_owner(e->alloc, first)))
			return false;
	if (!transients_are_valid(e) || !hvcma_resvs_are_valid(e) || !hvcma_noncoherent_is_valid(e) ||
	    !hvcma_surrendered_is_valid(e))
		return false;
	for (uint32_t i = 0; i < (e->nr_granules + 63) / 64; i++)
		nr_online += hvcma_popcount64(e->online[i]);
	if (nr_online != e->nr_online || e->nr_orphaned > e->nr_granules)
		return false;
	for (uint64_t i = 0; i < e->nr_granules; i++) {
		if (e->why[i] >= VIRTIO_CMA_NR_WHYS)
			return false;
		if (hvcma_alloc_is_withheld(e->alloc, i) && !hvcma_is_surrendered(e, i))
			nr_busy[e->why[i]]++;
		else if (e->why[i])
			return false;
	}
	for (unsigned int i = 0; i < VIRTIO_CMA_NR_WHYS; i++)
		if (nr_busy[i] != e->nr_busy[i])
			return false;
	if (e->nr_granules % 64 && e->online[e->nr_granules / 64] >> (e->nr_granules % 64))
		return false;
	for (uint32_t id = 0; id < e->config.nr_clients; id++) {
		if ((unsigned int)e->clients[id].state >= HVCMA_NR_CLIENT_STATES)
			return false;
		nr_noncoherent_clients += e->clients[id].noncoherent &&
			       hvcma_client_is_active(e->clients[id].state);
		nr_quarantined += e->clients[id].state == HVCMA_CLIENT_QUARANTINED ||
			      e->clients[id].state == HVCMA_CLIENT_QUARANTINED_GONE;
	}
	return nr_quarantined == e->nr_quarantined &&
	       nr_noncoherent_clients == e->nr_noncoherent_clients;
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
