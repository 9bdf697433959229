/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Block allocator: finds runs of whole granules in one region.
 *
 * Knows granule numbers and the DMA address of each granule; knows nothing of
 * pages, pins, clients or wire formats (see engine.h). Allocates no memory: the
 * caller gives one buffer whose size it asks for. Not thread safe: the caller
 * serialises all calls on one allocator.
 *
 * Words: a *granule* is known by its index from 0. A granule is *unknown*
 * (no DMA address yet), *free*, *allocated* or *withheld* (busy). A *run* is a
 * maximal set of free granules that are consecutive both by index and by DMA
 * address: it never crosses an extent border. A *block* is what one
 * hvcma_alloc_block() allocated.
 *
 * Windows (dma_windows.h) are what of memory a client reaches: a block that is asked for with
 * them lies in one, and is judged by its address there.
 *
 * Cost: allocating and freeing a block of any length is O(1) for best-fit and
 * O(log n) for first-fit and next-fit, n being the number of granules. alloc.c says what alignments above the granule and odd
 * address limits add. Memory: at most 30 bytes per granule.
 */
#ifndef HVCMA_CORE_ALLOC_H
#define HVCMA_CORE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HVCMA_DMA_UNKNOWN	UINT64_MAX	/* granule without a DMA address */
#define HVCMA_MAX_GRANULES	(UINT32_C(1) << 30)

enum hvcma_policy {
	/*
	 * Smallest run that fits, in the highest range of addresses that has one
	 * (ranges end at 2^28, 2^30, 2^32, 2^36, 2^40): low memory is left for
	 * who needs it. Above 1024 granules within 1/64 of the smallest.
	 */
	HVCMA_BEST_FIT,
	HVCMA_FIRST_FIT,	/* lowest granule index */
	HVCMA_NEXT_FIT,		/* like first-fit, from where the last one ended */
	HVCMA_NR_POLICIES
};

/* Most granules that do not follow the one before them: hvcma_alloc_cut(). */
#define HVCMA_ALLOC_MAX_CUTS	16

struct hvcma_alloc;		/* lives in the caller's buffer */
struct hvcma_bitset;
struct hvcma_dma_windows;

/* Why a search failed, most specific last resort first. */
enum hvcma_fit {
	HVCMA_FIT_OK,
	HVCMA_FIT_NO_SPACE,	/* fewer free granules than asked, in all */
	HVCMA_FIT_FRAGMENTED,	/* enough, but no run is long (or aligned) enough */
	HVCMA_FIT_ADDR_LIMIT,	/* a run would do, but lies above max_dma, or in no window */
};

struct hvcma_fit_request {
	uint64_t nr_granules;	/* > 0 */
	uint64_t align_bytes;	/* of the DMA address: 0 or a power of two */
	uint64_t max_dma;	/* highest DMA address of the block's last byte */
	/*
	 * NULL, or the block lies in one of them, and align_bytes and max_dma are of its
	 * bus address. Read while the request is searched for.
	 */
	const struct hvcma_dma_windows *windows;
	bool quick;		/* no exhaustive search: may miss a fit that exists */
	/*
	 * In and out: runs that exhaustive searches may still look at; when it
	 * is used up they are quick. NULL: no limit. Shared by the searches of
	 * one request, it bounds what a guest can make the host do.
	 */
	uint64_t *search_budget;
};

struct hvcma_alloc_stats {
	uint64_t nr_granules;
	uint64_t nr_known;	/* with a DMA address */
	uint64_t nr_free;	/* in runs: known, neither allocated nor withheld */
	uint64_t nr_allocated;
	uint64_t nr_withheld;
	uint64_t nr_blocks;
	uint64_t nr_runs;
	uint64_t nr_extents;
};

/**
 * hvcma_alloc_buffer_bytes() - size of the buffer hvcma_alloc_init() needs.
 * @nr_granules: 1 .. HVCMA_MAX_GRANULES
 * @policy: search policy
 *
 * Return: bytes, or 0 if an argument is out of range.
 */
size_t hvcma_alloc_buffer_bytes(uint64_t nr_granules, enum hvcma_policy policy);

/**
 * hvcma_alloc_init() - make an allocator in @buffer; every granule is unknown.
 * @buffer: zeroed memory of hvcma_alloc_buffer_bytes(), 64-byte aligned; stays
 *	the caller's, must outlive the allocator, freed by the caller
 * @granule_bytes: power of two
 *
 * Return: the allocator (inside @buffer), or NULL if an argument is invalid.
 */
struct hvcma_alloc *hvcma_alloc_init(void *buffer, size_t buffer_bytes,
				     uint64_t nr_granules,
				     uint64_t granule_bytes,
				     enum hvcma_policy policy);

/**
 * hvcma_alloc_cut() - @granule does not follow the one before it, whatever their addresses: no
 * run, block or extent goes across. Before the first hvcma_alloc_learn().
 *
 * Return: false if @granule is 0 or out of range, or there are HVCMA_ALLOC_MAX_CUTS.
 */
bool hvcma_alloc_cut(struct hvcma_alloc *a, uint64_t granule);

/**
 * hvcma_alloc_learn() - tell the DMA address of a granule that is not allocated.
 * @granule: index; must not be allocated
 * @dma: granule-aligned address, or HVCMA_DMA_UNKNOWN to forget it
 *
 * A free granule joins or leaves runs accordingly. Telling the same address
 * again does nothing.
 *
 * Return: true, or false if @granule is out of range or allocated, or @dma is
 * misaligned or its end wraps (nothing changed).
 */
bool hvcma_alloc_learn(struct hvcma_alloc *a, uint64_t granule, uint64_t dma);

/** hvcma_alloc_dma() - DMA address of @granule, HVCMA_DMA_UNKNOWN if none. */
uint64_t hvcma_alloc_dma(const struct hvcma_alloc *a, uint64_t granule);

/**
 * hvcma_alloc_block() - allocate one block: one run, one extent.
 * @first: out, index of the block's first granule; untouched on failure
 *
 * Return: HVCMA_FIT_OK or why not. A malformed request (alignment not a power of
 * two, no granules) is HVCMA_FIT_NO_SPACE.
 */
enum hvcma_fit hvcma_alloc_block(struct hvcma_alloc *a,
				 const struct hvcma_fit_request *req,
				 uint64_t *first);

/**
 * hvcma_alloc_block_within() - allocate one block inside the granules
 * [@first, @first + @nr), the lowest that fits.
 * @budget: in and out, runs and blocks that may still be looked at
 * @block: out, index of the block's first granule; untouched on failure
 *
 * Return: true if allocated; false if nothing fits, the budget ran out or the range
 * is out of bounds.
 */
bool hvcma_alloc_block_within(struct hvcma_alloc *a, uint64_t first, uint64_t nr,
			      const struct hvcma_fit_request *req,
			      uint32_t *budget, uint64_t *block);

/**
 * hvcma_alloc_block_at() - allocate exactly [first, first + nr) if all of it is one
 * free stretch inside one run and satisfies @req's alignment and limit.
 *
 * Return: true if allocated.
 */
bool hvcma_alloc_block_at(struct hvcma_alloc *a, uint64_t first,
			  const struct hvcma_fit_request *req);

/**
 * hvcma_alloc_fits_withheld() - would @req fit, were withheld granules free? Looks at
 * the stretches of free granules with a withheld one among them, as far as the
 * search_budget of @req goes. Withheld granules without an address do not count.
 */
bool hvcma_alloc_fits_withheld(const struct hvcma_alloc *a,
			       const struct hvcma_fit_request *req);

/**
 * hvcma_alloc_longest() - longest block obtainable under @req's alignment and
 * limit, nr_granules being the most that is of interest.
 *
 * Return: granules, 0 if none. Exact for alignments up to the granule.
 */
uint64_t hvcma_alloc_longest(const struct hvcma_alloc *a,
			     const struct hvcma_fit_request *req);

/** hvcma_alloc_lowest_dma() - lowest free address, HVCMA_DMA_UNKNOWN if none; O(runs). */
uint64_t hvcma_alloc_lowest_dma(const struct hvcma_alloc *a);

/**
 * hvcma_alloc_free() - free a block. [first, first + nr) must be exactly
 * one block.
 *
 * Return: true, or false (nothing changed) if it is not.
 */
bool hvcma_alloc_free(struct hvcma_alloc *a, uint64_t first, uint64_t nr);

/**
 * hvcma_alloc_block_granules() - length of the block that starts at @first.
 *
 * Return: granules, 0 if no block starts there or @first is out of range.
 */
uint64_t hvcma_alloc_block_granules(const struct hvcma_alloc *a, uint64_t first);

/**
 * hvcma_alloc_split() - the block that starts at @first becomes two, the first of
 * @nr granules, with the same owner; O(1).
 *
 * Return: false (nothing changed) if no block starts there, or @nr is 0 or not less
 * than its length.
 */
bool hvcma_alloc_split(struct hvcma_alloc *a, uint64_t first, uint64_t nr);

/**
 * hvcma_alloc_join() - undo a split: the block that starts at @first takes in the
 * one right behind it, whose owner is forgotten; O(1).
 *
 * Return: false (nothing changed) if these are not two blocks, or not consecutive
 * by DMA address.
 */
bool hvcma_alloc_join(struct hvcma_alloc *a, uint64_t first);

/**
 * hvcma_alloc_block_around() - the block that has @granule.
 *
 * Return: true and @first, @nr set, or false if it is in none.
 */
bool hvcma_alloc_block_around(const struct hvcma_alloc *a, uint64_t granule,
			      uint64_t *first, uint64_t *nr);

/**
 * hvcma_alloc_copy_heads() - the first granules of all blocks, and of all runs, as
 * a set; O(n / 64).
 * @set: of as many bits as there are granules
 */
void hvcma_alloc_copy_heads(const struct hvcma_alloc *a, struct hvcma_bitset *set);

/**
 * hvcma_alloc_set_owner() - keep a value with the block that starts at @first.
 *
 * Return: false if no block starts there. A new block's owner is 0.
 */
bool hvcma_alloc_set_owner(struct hvcma_alloc *a, uint64_t first, uint64_t owner);

/** hvcma_alloc_owner() - the value kept with the block, 0 if none starts there. */
uint64_t hvcma_alloc_owner(const struct hvcma_alloc *a, uint64_t first);

/**
 * hvcma_alloc_next_block() - first block that starts at or after @from.
 *
 * Return: true and @first, @nr set, or false if there is none.
 */
bool hvcma_alloc_next_block(const struct hvcma_alloc *a, uint64_t from,
			    uint64_t *first, uint64_t *nr);

/**
 * hvcma_alloc_withhold() - keep a granule that is not allocated out of runs
 * (@on) or let it back in. Idempotent; the state survives forgetting the
 * address.
 *
 * Return: false if @granule is out of range or allocated.
 */
bool hvcma_alloc_withhold(struct hvcma_alloc *a, uint64_t granule, bool on);

/** hvcma_alloc_next_withheld() - first withheld granule at or after @from; false if none. */
bool hvcma_alloc_next_withheld(const struct hvcma_alloc *a, uint64_t from,
			       uint64_t *granule);

bool hvcma_alloc_is_allocated(const struct hvcma_alloc *a, uint64_t granule);
bool hvcma_alloc_is_withheld(const struct hvcma_alloc *a, uint64_t granule);

void hvcma_alloc_stats(const struct hvcma_alloc *a,
		       struct hvcma_alloc_stats *stats);

/**
 * hvcma_alloc_next_unknown() - first stretch of granules at or after @from that
 * are unknown and not withheld, at most @max_granules of it.
 *
 * Return: true and @first, @nr set, or false if there is none.
 */
bool hvcma_alloc_next_unknown(const struct hvcma_alloc *a, uint64_t from,
			      uint64_t max_granules, uint64_t *first,
			      uint64_t *nr);

/**
 * hvcma_alloc_next_extent() - first extent that starts at or after @from: a
 * maximal set of granules, in whatever state, that are consecutive by index and
 * by DMA address.
 *
 * Return: true and @first, @nr set, or false if there is none.
 */
bool hvcma_alloc_next_extent(const struct hvcma_alloc *a, uint64_t from,
			     uint64_t *first, uint64_t *nr);

/**
 * hvcma_alloc_nth_extent() - first granule of the @nth extent, counted from 0
 * by index; O(n / 64). Return: false if there are fewer.
 */
bool hvcma_alloc_nth_extent(const struct hvcma_alloc *a, uint64_t nth,
			    uint64_t *first);

/**
 * hvcma_alloc_alike() - how many granules from @first on, at most @max, are in the
 * same state (known, allocated, withheld) and, if known, consecutive by address.
 *
 * Return: at least 1; 0 if @first is out of range or @max is 0.
 */
uint64_t hvcma_alloc_alike(const struct hvcma_alloc *a, uint64_t first, uint64_t max);

/** hvcma_alloc_free_before() - length of the part of a run that ends before @granule. */
uint64_t hvcma_alloc_free_before(const struct hvcma_alloc *a, uint64_t granule);

/** hvcma_alloc_is_valid() - check every invariant; O(n), for debug and tests. */
bool hvcma_alloc_is_valid(const struct hvcma_alloc *a);

#endif /* HVCMA_CORE_ALLOC_H */
