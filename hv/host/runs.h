/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of host-physical memory: which of the pages that there are make the longest ones, and in
 * which order. Computes only: how pages are got, and get to their places, is contiguous.h's.
 */
#ifndef HVCMA_HOST_RUNS_H
#define HVCMA_HOST_RUNS_H

#include <stdint.h>

/* Of a row of pages. */
struct hvcma_runs {
	uint64_t nr;			/* an absent page is one of its own */
	uint64_t longest;		/* pages */
	uint64_t nr_low;		/* of its first low_nr pages, those below the limit */
};

struct hvcma_runs_want {
	uint64_t page_bytes;
	uint64_t nr;			/* pages in the row, > 0 */
	uint64_t low_nr;		/* so many first ones are to be below low_limit, <= nr */
	uint64_t low_limit;		/* address that all of a page is below */
};

/**
 * hvcma_runs_count() - what the row @hpa of @want->nr pages comes to.
 * @hpa: address of each, or HVCMA_HPA_* for one that has none
 */
void hvcma_runs_count(const uint64_t *hpa, const struct hvcma_runs_want *want,
		      struct hvcma_runs *runs);

/**
 * hvcma_runs_choose() - a row in as few runs as can be, the longest first.
 * @hpa: addresses of the @nr_pages to choose from; HVCMA_HPA_* is none
 * @order: out, @want->nr indices into @hpa; with low_nr the first ones are of pages below
 *	the limit, as far as there are any
 *
 * Whole runs, the longest first; at the end the shortest that has what is still missing,
 * and of equals the one with the highest address: long runs, and low ones, are left for others.
 *
 * Return: 0, -ENODATA: fewer pages than wanted; -ENOMEM.
 */
int hvcma_runs_choose(const uint64_t *hpa, uint64_t nr_pages, const struct hvcma_runs_want *want,
		      uint64_t *order);

#endif /* HVCMA_HOST_RUNS_H */
