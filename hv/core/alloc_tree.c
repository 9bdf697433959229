// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * First-fit and next-fit index of runs: a 16-ary maximum tree.
 *
 * Leaf i is the length of the run whose head is granule i, else 0; an inner
 * node is the greatest of its 16 children, which share one cache line. The
 * first run of at least k granules at or after a granule is found by going up
 * until a later sibling is large enough, then down.
 *
 *   level 1:   5                 2
 *   level 0:   0 5 0 0 ... 3     0 2 0 ...
 *
 * Knows nothing of blocks, granule states or how runs come about (alloc.c).
 */
#include "hv/core/alloc_internal.h"

#define FANOUT_BITS	4
#define FANOUT		(1u << FANOUT_BITS)

/* Nodes per level are padded to whole groups; padding stays 0. */
static uint32_t padded(uint32_t nr)
{
	return (nr + FANOUT - 1) & ~(FANOUT - 1);
}

size_t hvcma_tree_bytes(uint64_t nr_granules)
{
	uint32_t nr = padded((uint32_t)nr_granules);
	size_t nodes = nr;

	while (nr > FANOUT) {
		nr = padded(nr >> FANOUT_BITS);
		nodes += nr;
	}
	return nodes * sizeof(uint32_t);
}

void hvcma_tree_init(struct hvcma_alloc *a, void *buffer)
{
	uint32_t *nodes = buffer;
	uint32_t nr = padded(a->nr_granules);

	a->tree.nr_levels = 0;
	for (;;) {
		a->tree.nr_nodes[a->tree.nr_levels] = nr;
		a->tree.level[a->tree.nr_levels++] = nodes;
		nodes += nr;
		if (nr <= FANOUT)
			break;
		nr = padded(nr >> FANOUT_BITS);
	}
}

static uint32_t group_max(const uint32_t *group)
{
	uint32_t max = 0;

	for (uint32_t i = 0; i < FANOUT; i++)
		max = group[i] > max ? group[i] : max;
	return max;
}

static void set_leaf(struct hvcma_alloc *a, uint32_t i, uint32_t nr)
{
	a->tree.level[0][i] = nr;
	for (uint32_t l = 1; l < a->tree.nr_levels; l++) {
		nr = group_max(&a->tree.level[l - 1][i & ~(FANOUT - 1)]);
		i >>= FANOUT_BITS;
		if (a->tree.level[l][i] == nr)
			return;
		a->tree.level[l][i] = nr;
	}
}

void hvcma_tree_insert(struct hvcma_alloc *a, uint32_t head)
{
	set_leaf(a, head, a->granules[head].nr);
}

void hvcma_tree_remove(struct hvcma_alloc *a, uint32_t head)
{
	set_leaf(a, head, 0);
}

/* First node from @i to the end of its group that is at least @nr, else NONE. */
static uint32_t next_sibling(const uint32_t *level, uint32_t i, uint32_t nr)
{
	do {
		if (level[i] >= nr)
			return i;
	} while (++i & (FANOUT - 1));
	return HVCMA_NONE;
}

/* First head at or after @from whose run has at least @nr granules. */
static uint32_t next_run(const struct hvcma_alloc *a, uint32_t from, uint32_t nr)
{
	uint32_t i = from;

	for (uint32_t l = 0; l < a->tree.nr_levels; l++) {
		uint32_t found;

		if (i >= a->tree.nr_nodes[l])
			return HVCMA_NONE;
		found = next_sibling(a->tree.level[l], i, nr);
		if (found != HVCMA_NONE) {
			while (l--)
				found = next_sibling(a->tree.level[l],
						     found << FANOUT_BITS, nr);
			return found;
		}
		i = (i >> FANOUT_BITS) + 1;
	}
	return HVCMA_NONE;
}

/* First run with head in [from, end) and @nr granules or more that fits @want. */
static uint32_t scan(const struct hvcma_alloc *a, uint32_t from, uint32_t end,
		     uint32_t nr, const struct hvcma_fit_constraints *want,
		     uint64_t *budget, uint32_t *at)
{
	for (uint32_t i = next_run(a, from, nr); i < end; i = next_run(a, i + 1, nr)) {
		if (!*budget)
			break;
		--*budget;
		if (hvcma_usable(a, i, a->granules[i].nr, want, at) >= want->nr)
			return i;
	}
	return HVCMA_NONE;
}

/* The same over all heads, from where the policy says. */
static uint32_t scan_all(const struct hvcma_alloc *a, uint32_t nr,
			 const struct hvcma_fit_constraints *want, uint64_t *budget,
			 uint32_t *at)
{
	uint32_t start = a->policy == HVCMA_NEXT_FIT ? a->cursor : 0;
	uint32_t i = scan(a, start, a->nr_granules, nr, want, budget, at);

	if (i == HVCMA_NONE && start)
		i = scan(a, 0, start, nr, want, budget, at);
	return i;
}

uint32_t hvcma_tree_find(const struct hvcma_alloc *a,
			 const struct hvcma_fit_constraints *want, uint32_t *at)
{
	uint64_t budget = HVCMA_PROBES, unlimited;
	uint32_t i = scan_all(a, want->nr, want, &budget, at);
	uint64_t sure = (uint64_t)want->nr + want->slack;

	if (i != HVCMA_NONE || budget)
		return i;
	if (want->slack && sure <= a->nr_granules) {
		budget = HVCMA_PROBES;
		i = scan_all(a, (uint32_t)sure, want, &budget, at);
	}
	if (i != HVCMA_NONE || want->quick)
		return i;
	return scan_all(a, want->nr, want, hvcma_fit_budget(want, &unlimited), at);
}

uint32_t hvcma_tree_longest(const struct hvcma_alloc *a,
			    const struct hvcma_fit_constraints *want)
{
	uint32_t best = 0, at;
	uint64_t few = HVCMA_PROBES, unlimited;
	uint64_t *budget = want->quick ? &few : hvcma_fit_budget(want, &unlimited);
	uint32_t max = group_max(a->tree.level[a->tree.nr_levels - 1]);

	/* The longest run often does, and then nothing can be better. */
	if (max) {
		uint32_t i = next_run(a, 0, max);

		best = hvcma_usable(a, i, max, want, &at);
	}
	for (uint32_t i = 0; best < max && best < want->nr && *budget; --*budget) {
		uint32_t nr;

		i = next_run(a, i, best + 1);
		if (i == HVCMA_NONE)
			break;
		nr = hvcma_usable(a, i, a->granules[i].nr, want, &at);
		if (nr > best)
			best = nr;
		i++;
	}
	return best < want->nr ? best : want->nr;
}

uint64_t hvcma_tree_lowest_dma(const struct hvcma_alloc *a)
{
	uint64_t lowest = HVCMA_DMA_UNKNOWN;

	for (uint32_t i = next_run(a, 0, 1); i != HVCMA_NONE; i = next_run(a, i + 1, 1))
		if (a->granules[i].dma < lowest)
			lowest = a->granules[i].dma;
	return lowest;
}

bool hvcma_tree_is_valid(const struct hvcma_alloc *a)
{
	for (uint32_t i = 0; i < a->tree.nr_nodes[0]; i++) {
		uint32_t nr = 0;

		if (i < a->nr_granules && hvcma_granule_is_free(a, i) &&
		    hvcma_bitset_test(&a->heads, i))
			nr = a->granules[i].nr;
		if (a->tree.level[0][i] != nr)
			return false;
	}
	for (uint32_t l = 1; l < a->tree.nr_levels; l++)
		for (uint32_t i = 0; i < a->tree.nr_nodes[l - 1]; i += FANOUT)
			if (a->tree.level[l][i >> FANOUT_BITS] !=
			    group_max(&a->tree.level[l - 1][i]))
				return false;
	return true;
}
