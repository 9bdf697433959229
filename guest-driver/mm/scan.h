/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in a range of pages of online memory: how much would have to be
 * moved to isolate it, and what can't be. Read without locks while the pages are in
 * use: true a moment ago, good for choosing, not for relying on. Each page has one
 * reference more while it is looked at.
 */
#ifndef VCMA_SCAN_H
#define VCMA_SCAN_H

struct vcma_page_scan {
	unsigned long nr_free;		/* in the page allocator */
	unsigned long nr_movable;	/* in use, can be migrated */
	unsigned long nr_read;		/* of these being read from somewhere: till then they stay */
	unsigned long nr_pinned;	/* in use, with more references than users */
	unsigned long nr_unmovable;		/* can't be moved now: pinned, or by nature */
	unsigned long first_unmovable;	/* page frame number of the first of these */
	unsigned long run_unmovable;	/* how many follow each other from there on */
};

/**
 * vcma_scan_pages() - look at @nr pages from @pfn on. Its references may turn out to be the last
 * ones: caller holds no spinlock.
 */
void vcma_scan_pages(unsigned long pfn, unsigned long nr, struct vcma_page_scan *scan);

#endif /* VCMA_SCAN_H */
