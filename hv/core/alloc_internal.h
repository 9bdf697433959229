/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Inside of the block allocator: its data, and the contract between the run
 * bookkeeping (alloc.c) and the two indexes of runs (alloc_bins.c for best-fit,
 * alloc_tree.c for first-fit and next-fit). Not for users of alloc.h.
 */
#ifndef HVCMA_CORE_ALLOC_INTERNAL_H
#define HVCMA_CORE_ALLOC_INTERNAL_H

#include "hv/core/alloc.h"
#include "hv/core/bitset.h"
#include "hv/core/dma_windows.h"

/*
 * A granule is in a run or in a block if it is KNOWN and not WITHHELD; the two ends
 * of a block are ALLOCATED.
 */
#define HVCMA_TAG_KNOWN		0x1
#define HVCMA_TAG_ALLOCATED	0x2
#define HVCMA_TAG_WITHHELD	0x4

/*
 *  index   0     1     2     3     4     5     6     7
 *        +-----+-----+-----+-----+-----+-----+-----+-----+
 *  state |  free run, 3    | block, 2  | ??? | free run, 2
 *  nr    |  3     -     3  |  2     -  |  -  |  2     2
 *  heads |  x              |  x        |     |  x
 */
struct hvcma_granule {
	uint64_t dma;			/* if KNOWN */
	union {
		struct {
			uint32_t next, prev;
		} bin;			/* at the head of a run, best-fit only */
		uint64_t owner;		/* at the head of a block */
	};
	uint32_t nr;			/* at head and tail of a run, head of a block */
	uint8_t tag;
};

/* Runs whose first byte is at or above 2^28, 30, 32, 36, 40; and those below. */
#define HVCMA_NR_ZONES		6

struct hvcma_zone {
	struct hvcma_bitset classes;	/* that have a run */
	uint32_t *first;		/* list of runs, by class */
};

#define HVCMA_TREE_LEVELS	8	/* 16^8 > HVCMA_MAX_GRANULES */

struct hvcma_alloc {
	uint32_t nr_granules;
	uint32_t shift;			/* log2 of granule_bytes */
	enum hvcma_policy policy;
	uint32_t cursor;		/* next-fit: where the last block ended */
	uint32_t nr_cuts;
	uint32_t cuts[HVCMA_ALLOC_MAX_CUTS];
	struct hvcma_granule *granules;
	struct hvcma_bitset heads;	/* of runs and of blocks */
	struct hvcma_bitset unknown;
	struct hvcma_bitset withheld;
	struct hvcma_bitset extents;	/* first granule of each */
	struct hvcma_alloc_stats stats;
	union {
		struct {
			uint32_t nr_classes;
			struct hvcma_zone zones[HVCMA_NR_ZONES];
		} bins;
		struct {
			uint32_t nr_levels;
			uint32_t nr_nodes[HVCMA_TREE_LEVELS];
			uint32_t *level[HVCMA_TREE_LEVELS];
		} tree;
	};
};

/* A request in the allocator's own units. */
struct hvcma_fit_constraints {
	uint32_t nr;
	uint32_t slack;			/* any run of nr + slack holds an aligned block */
	uint64_t align_mask;
	uint64_t max_dma;		/* with windows, too: no block ends above it */
	const struct hvcma_dma_windows *windows;	/* or NULL */
	uint64_t align_low_mask;	/* with windows: of bus addresses, below the granule */
	uint64_t max_bus;
	bool quick;
	uint64_t *search_budget;
};

/* Candidates that one step of a bounded search looks at. */
#define HVCMA_PROBES		16

/* Of a granule at an end of a run or a block, or in neither. */
static inline bool hvcma_granule_is_free(const struct hvcma_alloc *a, uint32_t i)
{
	return a->granules[i].tag == HVCMA_TAG_KNOWN;
}

static inline bool hvcma_granule_is_cut(const struct hvcma_alloc *a, uint32_t i)
{
	for (uint32_t k = 0; k < a->nr_cuts; k++)
		if (a->cuts[k] == i)
			return true;
	return false;
}

static inline bool hvcma_granule_follows(const struct hvcma_alloc *a, uint32_t i)
{
	return a->granules[i - 1].dma + (UINT64_C(1) << a->shift) == a->granules[i].dma &&
	       !hvcma_granule_is_cut(a, i);
}

/* The same as hvcma_usable(), of a request with windows: of several parts the first that will do. */
uint32_t hvcma_usable_in_windows(const struct hvcma_alloc *a, uint32_t first, uint32_t nr,
				 const struct hvcma_fit_constraints *want, uint32_t *at);

/*
 * How much of the @nr free granules from @first serves @want: the aligned start
 * in @at, and the granules from there up to the end or the address limit.
 */
static inline uint32_t hvcma_usable(const struct hvcma_alloc *a, uint32_t first,
				    uint32_t nr, const struct hvcma_fit_constraints *want,
				    uint32_t *at)
{
	uint64_t dma = a->granules[first].dma;
	uint64_t pad = (-dma & want->align_mask) >> a->shift;
	uint64_t room;

	if (want->windows)
		return hvcma_usable_in_windows(a, first, nr, want, at);
	if (pad >= nr)
		return 0;
	dma += pad << a->shift;
	if (want->max_dma < dma)
		return 0;
	room = want->max_dma - dma;
	room = (room >> a->shift) + (((room + 1) & ((UINT64_C(1) << a->shift) - 1)) == 0);
	*at = first + (uint32_t)pad;
	nr -= (uint32_t)pad;
	return room < nr ? (uint32_t)room : nr;
}

/* Runs that an exhaustive search may look at; *unlimited serves if nothing is said. */
static inline uint64_t *hvcma_fit_budget(const struct hvcma_fit_constraints *want,
					 uint64_t *unlimited)
{
	*unlimited = UINT64_MAX;
	return want->search_budget ? want->search_budget : unlimited;
}

/*
 * An index of runs. insert() and remove() take the head of a run whose length
 * is at granules[head].nr. find() returns the head of a run that fits and where
 * the block starts in it, or HVCMA_NONE. longest() is at most want->nr.
 * lowest_dma() is HVCMA_DMA_UNKNOWN without runs. is_valid() checks the index
 * against the runs that @heads and tags describe.
 */
size_t hvcma_bins_bytes(uint64_t nr_granules);
void hvcma_bins_init(struct hvcma_alloc *a, void *buffer);
void hvcma_bins_insert(struct hvcma_alloc *a, uint32_t head);
void hvcma_bins_remove(struct hvcma_alloc *a, uint32_t head);
uint32_t hvcma_bins_find(const struct hvcma_alloc *a,
			 const struct hvcma_fit_constraints *want, uint32_t *at);
uint32_t hvcma_bins_longest(const struct hvcma_alloc *a,
			    const struct hvcma_fit_constraints *want);
uint64_t hvcma_bins_lowest_dma(const struct hvcma_alloc *a);
bool hvcma_bins_is_valid(const struct hvcma_alloc *a);

size_t hvcma_tree_bytes(uint64_t nr_granules);
void hvcma_tree_init(struct hvcma_alloc *a, void *buffer);
void hvcma_tree_insert(struct hvcma_alloc *a, uint32_t head);
void hvcma_tree_remove(struct hvcma_alloc *a, uint32_t head);
uint32_t hvcma_tree_find(const struct hvcma_alloc *a,
			 const struct hvcma_fit_constraints *want, uint32_t *at);
uint32_t hvcma_tree_longest(const struct hvcma_alloc *a,
			    const struct hvcma_fit_constraints *want);
uint64_t hvcma_tree_lowest_dma(const struct hvcma_alloc *a);
bool hvcma_tree_is_valid(const struct hvcma_alloc *a);

#endif /* HVCMA_CORE_ALLOC_INTERNAL_H */
