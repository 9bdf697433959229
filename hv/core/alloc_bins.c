// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Best-fit index of runs: segregated lists by address zone and length class.
 *
 * Lengths below 1024 granules have a class each; longer ones share 64 classes
 * per power of two, so that a class spans at most 1/64 of its length. A run is
 * in the zone of its first byte. The search takes the highest zone the address
 * limit permits and goes down, so low memory is left for who needs it; within
 * a zone it takes the first run of the smallest class that fits.
 *
 * Knows nothing of blocks, granule states or how runs come about (alloc.c).
 */
#include "hv/core/alloc_internal.h"

#define EXACT_BITS	10
#define SUB_BITS	6

static uint32_t class_of(uint32_t nr)
{
	uint32_t log;

	if (nr < 1u << EXACT_BITS)
		return nr - 1;
	log = 31 - (uint32_t)__builtin_clz(nr);
	return (1u << EXACT_BITS) - 1 + ((log - EXACT_BITS) << SUB_BITS) +
	       ((nr >> (log - SUB_BITS)) & ((1u << SUB_BITS) - 1));
}

/* Smallest class all of whose runs have at least @nr granules. */
static uint32_t class_from(uint64_t nr)
{
	if (nr > HVCMA_MAX_GRANULES)
		return HVCMA_NONE;
	return nr == 1 ? 0 : class_of((uint32_t)nr - 1) + 1;
}

static uint32_t zone_of(uint64_t dma)
{
	return (uint32_t)(dma >> 28 != 0) + (dma >> 30 != 0) + (dma >> 32 != 0) +
	       (dma >> 36 != 0) + (dma >> 40 != 0);
}

size_t hvcma_bins_bytes(uint64_t nr_granules)
{
	uint32_t nr_classes = class_of((uint32_t)nr_granules) + 1;

	return HVCMA_NR_ZONES * (hvcma_bitset_words(nr_classes) * sizeof(uint64_t) +
				 nr_classes * sizeof(uint32_t));
}

void hvcma_bins_init(struct hvcma_alloc *a, void *buffer)
{
	uint64_t *words = buffer;
	uint32_t *firsts;

	a->bins.nr_classes = class_of(a->nr_granules) + 1;
	for (int z = 0; z < HVCMA_NR_ZONES; z++)
		words = hvcma_bitset_init(&a->bins.zones[z].classes, words,
					  a->bins.nr_classes);
	firsts = (void *)words;
	for (int z = 0; z < HVCMA_NR_ZONES; z++) {
		a->bins.zones[z].first = firsts;
		firsts += a->bins.nr_classes;
	}
	for (uint32_t *f = a->bins.zones[0].first; f < firsts; f++)
		*f = HVCMA_NONE;
}

void hvcma_bins_insert(struct hvcma_alloc *a, uint32_t head)
{
	struct hvcma_granule *g = &a->granules[head];
	struct hvcma_zone *zone = &a->bins.zones[zone_of(g->dma)];
	uint32_t class = class_of(g->nr);
	uint32_t next = zone->first[class];

	g->bin.next = next;
	g->bin.prev = HVCMA_NONE;
	zone->first[class] = head;
	if (next != HVCMA_NONE)
		a->granules[next].bin.prev = head;
	else
		hvcma_bitset_set(&zone->classes, class);
}

void hvcma_bins_remove(struct hvcma_alloc *a, uint32_t head)
{
	struct hvcma_granule *g = &a->granules[head];
	uint32_t next = g->bin.next, prev = g->bin.prev;

	if (next != HVCMA_NONE)
		a->granules[next].bin.prev = prev;
	if (prev != HVCMA_NONE) {
		a->granules[prev].bin.next = next;
	} else {
		struct hvcma_zone *zone = &a->bins.zones[zone_of(g->dma)];
		uint32_t class = class_of(g->nr);

		zone->first[class] = next;
		if (next == HVCMA_NONE)
			hvcma_bitset_clear(&zone->classes, class);
	}
}

/* First run in classes [class, end) that fits; looks at no more than *budget. */
static uint32_t scan(const struct hvcma_alloc *a, const struct hvcma_zone *zone,
		     uint32_t class, uint32_t end, const struct hvcma_fit_constraints *want,
		     uint64_t *budget, uint32_t *at)
{
	while (class < end) {
		class = hvcma_bitset_next(&zone->classes, class);
		if (class >= end)
			break;
		for (uint32_t i = zone->first[class]; i != HVCMA_NONE;
		     i = a->granules[i].bin.next) {
			if (!*budget)
				return HVCMA_NONE;
			--*budget;
			if (hvcma_usable(a, i, a->granules[i].nr, want, at) >= want->nr)
				return i;
		}
		class++;
	}
	return HVCMA_NONE;
}

uint32_t hvcma_bins_find(const struct hvcma_alloc *a,
			 const struct hvcma_fit_constraints *want, uint32_t *at)
{
	uint32_t low = class_of(want->nr);
	uint32_t sure = class_from((uint64_t)want->nr + want->slack);
	uint64_t last = ((uint64_t)want->nr << a->shift) - 1;
	uint64_t unlimited;
	bool cut = false;
	uint32_t top, i;

	if (want->max_dma < last)
		return HVCMA_NONE;
	top = zone_of(want->max_dma - last);

	for (uint32_t z = top; z != HVCMA_NONE; z--) {
		const struct hvcma_zone *zone = &a->bins.zones[z];
		uint64_t budget = HVCMA_PROBES;

		if (hvcma_bitset_is_empty(&zone->classes))
			continue;
		i = scan(a, zone, low, sure, want, &budget, at);
		if (i != HVCMA_NONE)
			return i;
		cut = cut || !budget;
		budget = HVCMA_PROBES;
		i = scan(a, zone, sure, HVCMA_NONE, want, &budget, at);
		if (i != HVCMA_NONE)
			return i;
		cut = cut || !budget;
	}
	if (!cut || want->quick)
		return HVCMA_NONE;
	for (uint32_t z = top; z != HVCMA_NONE; z--) {
		i = scan(a, &a->bins.zones[z], low, HVCMA_NONE, want,
			 hvcma_fit_budget(want, &unlimited), at);
		if (i != HVCMA_NONE)
			return i;
	}
	return HVCMA_NONE;
}

/* Longest usable part of a run in the class, if it is more than @best. */
static uint32_t longest_in(const struct hvcma_alloc *a, const struct hvcma_zone *zone,
			   uint32_t class, uint32_t best, const struct hvcma_fit_constraints *want,
			   uint64_t *budget)
{
	uint32_t at;

	for (uint32_t i = zone->first[class]; i != HVCMA_NONE && *budget && best < want->nr;
	     i = a->granules[i].bin.next) {
		uint32_t nr = hvcma_usable(a, i, a->granules[i].nr, want, &at);

		--*budget;
		if (nr > best)
			best = nr;
		/* None in the class is longer than this one. */
		if (best >= a->granules[i].nr && class < (1u << EXACT_BITS) - 1)
			break;
	}
	return best;
}

uint32_t hvcma_bins_longest(const struct hvcma_alloc *a,
			    const struct hvcma_fit_constraints *want)
{
	uint32_t best = 0;

	for (uint32_t z = zone_of(want->max_dma); z != HVCMA_NONE; z--) {
		const struct hvcma_zone *zone = &a->bins.zones[z];
		uint64_t few = HVCMA_PROBES, unlimited;
		uint64_t *budget = want->quick ? &few : hvcma_fit_budget(want, &unlimited);
		uint32_t class = hvcma_bitset_last(&zone->classes);

		while (class != HVCMA_NONE && best < want->nr && class >= class_of(best + 1)) {
			best = longest_in(a, zone, class, best, want, budget);
			if (!class || !*budget)
				break;
			class = hvcma_bitset_prev(&zone->classes, class - 1);
		}
	}
	return best < want->nr ? best : want->nr;
}

uint64_t hvcma_bins_lowest_dma(const struct hvcma_alloc *a)
{
	uint64_t lowest = HVCMA_DMA_UNKNOWN;

	for (uint32_t z = 0; z < HVCMA_NR_ZONES && lowest == HVCMA_DMA_UNKNOWN; z++) {
		const struct hvcma_zone *zone = &a->bins.zones[z];

		for (uint32_t class = hvcma_bitset_next(&zone->classes, 0);
		     class != HVCMA_NONE;
		     class = hvcma_bitset_next(&zone->classes, class + 1))
			for (uint32_t i = zone->first[class]; i != HVCMA_NONE;
			     i = a->granules[i].bin.next)
				if (a->granules[i].dma < lowest)
					lowest = a->granules[i].dma;
	}
	return lowest;
}

bool hvcma_bins_is_valid(const struct hvcma_alloc *a)
{
	uint64_t nr_runs = 0;

	for (uint32_t z = 0; z < HVCMA_NR_ZONES; z++) {
		const struct hvcma_zone *zone = &a->bins.zones[z];

		for (uint32_t class = 0; class < a->bins.nr_classes; class++) {
			uint32_t prev = HVCMA_NONE;

			if (hvcma_bitset_test(&zone->classes, class) !=
			    (zone->first[class] != HVCMA_NONE))
				return false;
			for (uint32_t i = zone->first[class]; i != HVCMA_NONE;
			     prev = i, i = a->granules[i].bin.next)
				if (++nr_runs > a->stats.nr_runs ||
				    i >= a->nr_granules ||
				    a->granules[i].bin.prev != prev ||
				    !hvcma_granule_is_free(a, i) ||
				    !hvcma_bitset_test(&a->heads, i) ||
				    zone_of(a->granules[i].dma) != z ||
				    class_of(a->granules[i].nr) != class)
					return false;
		}
	}
	return nr_runs == a->stats.nr_runs;
}
