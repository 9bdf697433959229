// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Block allocator: every invariant, checked from the granules up.
 *
 * For debug builds and tests; changes nothing.
 */
#include <string.h>

#include "hv/core/alloc_internal.h"

static bool is_known(const struct hvcma_alloc *a, uint32_t i)
{
	return a->granules[i].tag & HVCMA_TAG_KNOWN;
}

static bool is_extent_start(const struct hvcma_alloc *a, uint32_t i)
{
	return is_known(a, i) &&
	       !(i && is_known(a, i - 1) && hvcma_granule_follows(a, i));
}

/* The bits of one granule agree with each other; count it. */
static bool granule_is_valid(const struct hvcma_alloc *a, uint32_t i,
			     struct hvcma_alloc_stats *seen)
{
	const struct hvcma_granule *g = &a->granules[i];
	bool allocated = g->tag & HVCMA_TAG_ALLOCATED;
	bool withheld = g->tag & HVCMA_TAG_WITHHELD;

	if (g->tag & ~(HVCMA_TAG_KNOWN | HVCMA_TAG_ALLOCATED | HVCMA_TAG_WITHHELD))
		return false;
	if (allocated && (withheld || !is_known(a, i)))
		return false;
	if (is_known(a, i) && (g->dma & ((UINT64_C(1) << a->shift) - 1)))
		return false;
	if (hvcma_bitset_test(&a->unknown, i) == is_known(a, i) ||
	    hvcma_bitset_test(&a->withheld, i) != withheld ||
	    hvcma_bitset_test(&a->extents, i) != is_extent_start(a, i))
		return false;

	seen->nr_granules++;
	seen->nr_known += is_known(a, i);
	seen->nr_withheld += withheld;
	seen->nr_extents += is_extent_start(a, i);
	return true;
}

/* What starts at @i, a run, a block or neither, is whole. Sets its length. */
static bool object_is_valid(const struct hvcma_alloc *a, uint32_t i, uint32_t *nr,
			    struct hvcma_alloc_stats *seen)
{
	const struct hvcma_granule *g = &a->granules[i];
	bool is_free = hvcma_granule_is_free(a, i);

	if (!is_free && !(g->tag & HVCMA_TAG_ALLOCATED)) {
		*nr = 1;
		return !hvcma_bitset_test(&a->heads, i);
	}
	*nr = g->nr;
	if (!g->nr || g->nr > a->nr_granules - i || !hvcma_bitset_test(&a->heads, i))
		return false;
	for (uint32_t j = i + 1; j < i + g->nr; j++) {
		uint8_t tag = j == i + g->nr - 1 ? g->tag : HVCMA_TAG_KNOWN;

		if (a->granules[j].tag != tag || !hvcma_granule_follows(a, j) ||
		    hvcma_bitset_test(&a->heads, j))
			return false;
	}
	if (is_free) {
		seen->nr_runs++;
		seen->nr_free += g->nr;
		if (a->granules[i + g->nr - 1].nr != g->nr)
			return false;
		if (i && hvcma_granule_is_free(a, i - 1) && hvcma_granule_follows(a, i))
			return false;
	} else {
		seen->nr_blocks++;
		seen->nr_allocated += g->nr;
	}
	return true;
}

static bool bitset_is_valid(const struct hvcma_bitset *s)
{
	for (uint32_t l = 1; l < s->nr_levels; l++)
		for (uint32_t i = 0; i < s->nr_words[l - 1]; i++)
			if ((s->level[l][i / 64] >> (i % 64) & 1) != !!s->level[l - 1][i])
				return false;
	return true;
}

bool hvcma_alloc_is_valid(const struct hvcma_alloc *a)
{
	struct hvcma_alloc_stats seen = { 0 };
	uint32_t nr;

	for (uint32_t i = 0; i < a->nr_granules; i++)
		if (!granule_is_valid(a, i, &seen))
			return false;
	for (uint32_t i = 0; i < a->nr_granules; i += nr)
		if (!object_is_valid(a, i, &nr, &seen))
			return false;
	if (memcmp(&seen, &a->stats, sizeof(seen)))
		return false;
	if (!bitset_is_valid(&a->heads) || !bitset_is_valid(&a->unknown) ||
	    !bitset_is_valid(&a->withheld) || !bitset_is_valid(&a->extents))
		return false;
	if (a->policy != HVCMA_BEST_FIT)
		return a->cursor < a->nr_granules && hvcma_tree_is_valid(a);
	for (uint32_t z = 0; z < HVCMA_NR_ZONES; z++)
		if (!bitset_is_valid(&a->bins.zones[z].classes))
			return false;
	return hvcma_bins_is_valid(a);
}
