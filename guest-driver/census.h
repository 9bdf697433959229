/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in a range of pages of online movable memory: how much would have to be
 * moved to vacate it, and what can't be. Read without locks while the pages are in
 * use: true a moment ago, good for choosing, not for relying on.
 */
#ifndef VCMA_CENSUS_H
#define VCMA_CENSUS_H

struct vcma_census {
	unsigned long nr_free;		/* in the page allocator */
	unsigned long nr_movable;	/* in use, can be migrated */
	unsigned long nr_read;		/* of these being read from somewhere: till then they stay */
	unsigned long nr_pinned;	/* in use, with more references than users */
	unsigned long nr_stuck;		/* can't be moved now: pinned, or by nature */
	unsigned long first_stuck;	/* page frame number of the first of these */
	unsigned long run_stuck;	/* how many follow each other from there on */
};

/** vcma_census_take() - look at @nr pages from @pfn on. Any context. */
void vcma_census_take(unsigned long pfn, unsigned long nr, struct vcma_census *census);

#endif /* VCMA_CENSUS_H */
