// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Blocks that are not, or no longer, the guest's: what goes back in steps.
 *
 * To pin or unpin takes the host some microseconds a granule, a region can have
 * hundreds of thousands, and others wait meanwhile. So a call does as much as
 * config.pin_max_granules says, and blocks can be in a state that no guest sees:
 *
 *	           ALLOC            answer              FREE, reset
 *	free ----> transient, unpinned      .---> the guest's ----> draining
 *	               | pinned, in pieces  |          | BUSY         | unpinned,
 *	               v                    |          v              v in pieces
 *	           transient, pinned -------'       transient ----> free
 *	               |  undone, forgotten
 *	               '----> draining
 *
 * All of them are the allocator's blocks and count for the pin limit and for
 * reservations until they are free. A block is draining if its first granule is a
 * member of e->draining; members that no block starts at have no meaning.
 *
 * Nothing is unpinned while a client may be doing DMA unasked (quarantine).
 */
#include "hv/core/engine_internal.h"

#define MARKS_PER_STEP	4096	/* busy marks, cheaper than pins by far */

static bool is_draining(const struct hvcma_engine *e, uint64_t first)
{
	return hvcma_bitset_test(&e->draining, (uint32_t)first);
}

/* A block starts at @first. */
bool hvcma_block_is_transient(const struct hvcma_engine *e, uint64_t first)
{
	return e->nr_transient && (is_draining(e, first) ||
				   hvcma_alloc_owner(e->alloc, first) & HVCMA_OWNER_TRANSIENT);
}

/* --- one block -------------------------------------------------------- */

/* The allocator gave a block for a request under way. */
void hvcma_reserve_block(struct hvcma_engine *e, uint64_t first, uint64_t owner)
{
	uint64_t nr = hvcma_alloc_block_granules(e->alloc, first);

	hvcma_alloc_set_owner(e->alloc, first,
			      owner | HVCMA_OWNER_TRANSIENT | HVCMA_OWNER_UNPINNED);
	hvcma_bitset_clear(&e->draining, (uint32_t)first);
	hvcma_resv_charge(e, owner, nr);
	e->nr_transient++;
	e->nr_between += nr;
	e->nr_unpinned += nr;
}

void hvcma_block_is_pinned(struct hvcma_engine *e, uint64_t first)
{
	uint64_t owner = hvcma_alloc_owner(e->alloc, first);

	hvcma_alloc_set_owner(e->alloc, first, owner & ~HVCMA_OWNER_UNPINNED);
	e->nr_unpinned -= hvcma_alloc_block_granules(e->alloc, first);
}

/* Of a transient block: [first, first + nr), and the rest. */
void hvcma_block_split(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	hvcma_alloc_split(e->alloc, first, nr);
	hvcma_bitset_assign(&e->draining, (uint32_t)(first + nr), is_draining(e, first));
	e->nr_transient++;
}

/* Two transient blocks that were one, and are in the same state again. */
void hvcma_block_join(struct hvcma_engine *e, uint64_t first)
{
	hvcma_alloc_join(e->alloc, first);
	e->nr_transient--;
}

/* A transient block that is not draining becomes the guest's. */
void hvcma_block_publish(struct hvcma_engine *e, uint64_t first)
{
	uint64_t owner = hvcma_alloc_owner(e->alloc, first);

	hvcma_alloc_set_owner(e->alloc, first, owner & ~HVCMA_OWNER_TRANSIENT);
	e->nr_transient--;
	e->nr_between -= hvcma_alloc_block_granules(e->alloc, first);
}

/* And one of the guest's becomes transient. */
void hvcma_block_set_transient(struct hvcma_engine *e, uint64_t first)
{
	uint64_t owner = hvcma_alloc_owner(e->alloc, first);

	hvcma_alloc_set_owner(e->alloc, first, owner | HVCMA_OWNER_TRANSIENT);
	e->nr_transient++;
	e->nr_between += hvcma_alloc_block_granules(e->alloc, first);
}

/* A transient block, of which nothing is pinned any more, is free. */
void hvcma_block_release(struct hvcma_engine *e, uint64_t first)
{
	uint64_t nr = hvcma_alloc_block_granules(e->alloc, first);
	uint64_t owner = hvcma_alloc_owner(e->alloc, first);

	hvcma_resv_uncharge(e, owner, nr);
	e->nr_transient--;
	if (is_draining(e, first))
		e->nr_draining -= nr;
	else
		e->nr_between -= nr;
	hvcma_bitset_clear(&e->draining, (uint32_t)first);
	hvcma_alloc_free(e->alloc, first, nr);
	if (owner & HVCMA_OWNER_UNPINNED)
		e->nr_unpinned -= nr;
	else if (e->config.unpin_discards)
		for (uint64_t i = first; i < first + nr; i++)
			hvcma_alloc_learn(e->alloc, i, HVCMA_DMA_UNKNOWN);
}

/* Of any kind but draining. */
void hvcma_drain_block(struct hvcma_engine *e, uint64_t first)
{
	uint64_t nr = hvcma_alloc_block_granules(e->alloc, first);

	if (hvcma_alloc_owner(e->alloc, first) & HVCMA_OWNER_TRANSIENT)
		e->nr_between -= nr;
	else
		e->nr_transient++;
	e->nr_draining += nr;
	hvcma_bitset_set(&e->draining, (uint32_t)first);
}

/* A reset. Returns how many were the guest's. */
uint64_t hvcma_drain_every_block(struct hvcma_engine *e)
{
	struct hvcma_alloc_stats stats;
	uint64_t nr_blocks;

	hvcma_alloc_stats(e->alloc, &stats);
	nr_blocks = stats.nr_blocks - e->nr_transient;
	if (stats.nr_blocks)
		hvcma_alloc_copy_heads(e->alloc, &e->draining);
	e->nr_transient = stats.nr_blocks;
	e->nr_draining = stats.nr_allocated;
	e->nr_between = 0;
	return nr_blocks;
}

/* --- steps ------------------------------------------------------------ */

/* Granules that one call may pin, or unpin. */
uint64_t hvcma_pin_budget(const struct hvcma_engine *e)
{
	return e->config.pin_max_granules ? e->config.pin_max_granules : UINT64_MAX;
}

/* And as many busy marks may change. */
uint64_t hvcma_mark_budget(const struct hvcma_engine *e)
{
	return e->config.pin_max_granules ? MARKS_PER_STEP : UINT64_MAX;
}

/* The first draining block at or after @from that starts before @end. */
static bool next_draining(struct hvcma_engine *e, uint64_t from, uint64_t end,
			  uint64_t *first)
{
	while (e->nr_draining && from < end) {
		uint32_t i = hvcma_bitset_next(&e->draining, (uint32_t)from);

		if (i == HVCMA_NONE || i >= end)
			return false;
		if (hvcma_alloc_block_granules(e->alloc, i)) {
			*first = i;
			return true;
		}
		hvcma_bitset_clear(&e->draining, i);
		from = i;
	}
	return false;
}

static bool may_join(const struct hvcma_engine *e, uint64_t at, bool unpinned)
{
	return hvcma_alloc_block_granules(e->alloc, at) && is_draining(e, at) &&
	       unpinned == (bool)(hvcma_alloc_owner(e->alloc, at) & HVCMA_OWNER_UNPINNED);
}

/* Draining blocks from @first on that are adjacent, in one call of the host. */
static void drain_stretch(struct hvcma_engine *e, uint64_t first, uint64_t *budget)
{
	bool unpinned = hvcma_alloc_owner(e->alloc, first) & HVCMA_OWNER_UNPINNED;
	uint64_t end = first;

	while (*budget && may_join(e, end, unpinned)) {
		struct hvcma_granule_range block = {
			.first = (uint32_t)end,
			.nr = (uint32_t)hvcma_alloc_block_granules(e->alloc, end),
		};

		if (block.nr > *budget) {
			hvcma_block_split(e, end, *budget);
			block.nr = (uint32_t)*budget;
		}
		end += block.nr;
		*budget -= block.nr;
	}
	if (!unpinned)
		hvcma_unpin(e, first, end - first);
	while (first < end) {
		uint64_t nr = hvcma_alloc_block_granules(e->alloc, first);

		hvcma_block_release(e, first);
		first += nr;
	}
}

/*
 * What of [first, first + nr) is draining is freed, and what is adjacent, as far
 * as @budget allows. Returns whether it all went, or can't go.
 */
bool hvcma_drain_range(struct hvcma_engine *e, uint64_t first, uint64_t nr, uint64_t *budget)
{
	uint64_t at = first, end = first + nr;

	while (!e->nr_quarantined && next_draining(e, at, end, &at)) {
		if (!*budget)
			return false;
		drain_stretch(e, at, budget);
	}
	return true;
}

/* Marks of before a reset. */
static void sweep_busy(struct hvcma_engine *e)
{
	uint64_t budget = hvcma_mark_budget(e), granule;

	while (e->sweeps_busy && budget--) {
		e->sweeps_busy = hvcma_alloc_next_withheld(e->alloc, e->busy_from, &granule);
		if (!e->sweeps_busy)
			return;
		hvcma_busy_mark(e, granule, false, 0);
		e->busy_from = granule + 1;
	}
}

void hvcma_drain_step(struct hvcma_engine *e)
{
	uint64_t budget = hvcma_pin_budget(e);

	hvcma_drain_range(e, 0, e->nr_granules, &budget);
	hvcma_noncoherent_follow(e);
	sweep_busy(e);
}

bool hvcma_engine_is_draining(const struct hvcma_engine *e)
{
	return (e->nr_draining && !e->nr_quarantined) || e->sweeps_busy || e->noncoherent_lags;
}

bool hvcma_engine_has_accepted(const struct hvcma_engine *e)
{
	return e->pending_free.op;
}

bool hvcma_engine_drain(struct hvcma_engine *e)
{
	hvcma_drain_step(e);
	hvcma_engine_check(e);
	return hvcma_engine_is_draining(e);
}

/*
 * What a request can't have may be draining. A step, also for those whose caller
 * does nothing else meanwhile; returns whether to make the request again after it.
 */
bool hvcma_drain_pending(struct hvcma_engine *e)
{
	hvcma_drain_step(e);
	return hvcma_engine_is_draining(e);
}
