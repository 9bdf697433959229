// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partial blocks (partial.h).
 *
 * alloc_contig_range() has a high price per call: it drains the per-CPU lists of all
 * CPUs, whatever the size. Pages that are free can be had for much less: the page
 * allocator is asked for blocks of the part's size; those that lie in a block of ours are
 * kept, the others go back. What is then missing is isolated in runs as long as possible.
 *
 * Locks: none here: a struct vcma_partial and its block are the caller's.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "core/mode.h"
#include "core/region.h"
#include "partial.h"
#include "scan.h"

/*
 * Blocks of the page allocator that lie elsewhere, for each that is wanted; and how much of what
 * is free may be kept from others meanwhile, as a shift.
 */
#define VCMA_STRAYS_PER_PART	4
#define VCMA_STRAYS_SHIFT	2

int vcma_partial_init(struct vcma_partial *p, struct vcma_block *block, unsigned long part_pages)
{
	p->block = block;
	p->part_pages = part_pages;
	p->nr_parts = PHYS_PFN(block->bytes) / part_pages;
	p->nr_isolated = 0;
	p->isolated = bitmap_zalloc(p->nr_parts, GFP_KERNEL);
	p->tried = bitmap_zalloc(p->nr_parts, GFP_KERNEL);
	if (p->isolated && p->tried)
		return 0;
	vcma_partial_destroy(p);
	return -ENOMEM;
}

void vcma_partial_destroy(struct vcma_partial *p)
{
	bitmap_free(p->isolated);
	bitmap_free(p->tried);
	p->isolated = NULL;
	p->tried = NULL;
}

static void vcma_partial_got(struct vcma_partial *p, unsigned long first, unsigned long nr)
{
	bitmap_set(p->isolated, first, nr);
	bitmap_set(p->tried, first, nr);
	p->nr_isolated += nr;
}

static void vcma_partial_note(struct vcma_partial *p, unsigned long first_page,
			      unsigned long nr_pages, u32 why)
{
	if (p->busy)
		p->busy(p, first_page, nr_pages, why);
}

/* ---- from the page allocator ---- */

/* The part of one of the blocks that @page is, if it is wanted. */
static bool vcma_partial_keep(struct vcma_partial *parts, unsigned int nr, struct page *page)
{
	u64 gpa = page_to_phys(page);
	unsigned long first;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct vcma_partial *p = &parts[i];

		if (gpa - p->block->base_gpa >= p->block->bytes)
			continue;
		first = PHYS_PFN(gpa - p->block->base_gpa);
		split_page(page, ilog2(p->part_pages));
		vcma_block_add_isolated(p->block, first, p->part_pages);
		vcma_partial_got(p, first / p->part_pages, 1);
		return true;
	}
	return false;
}

/* Is there so much free that nobody else, nor kswapd, would notice @nr_pages more missing? */
static bool vcma_partial_may_collect(struct zone *zone, unsigned long nr_pages)
{
	return zone_page_state(zone, NR_FREE_PAGES) > high_wmark_pages(zone) + nr_pages;
}

unsigned long vcma_partial_collect(struct vcma_partial *parts, unsigned int nr, unsigned long max)
{
	const gfp_t gfp = (GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_NOWARN |
			  __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_THISNODE;
	struct page *page = pfn_to_page(PHYS_PFN(parts->block->base_gpa)), *next;
	unsigned long got = 0, strays = 0, max_strays, room = 0;
	unsigned int order = ilog2(parts->part_pages), i;
	struct zone *zone = page_zone(page);
	int nid = page_to_nid(page);
	LIST_HEAD(elsewhere);
	bool movable;

	/* Larger blocks than the page allocator has are isolated. */
	if (parts->part_pages > MAX_ORDER_NR_PAGES)
		return 0;
	for (i = 0; i < nr; i++)
		room += parts[i].nr_parts - parts[i].nr_isolated;
	max = min(max, room);
	max_strays = min(VCMA_STRAYS_PER_PART * max,
			 zone_page_state(zone, NR_FREE_PAGES) >> order >> VCMA_STRAYS_SHIFT);
	while (got < max && strays < max_strays &&
	       vcma_partial_may_collect(zone, parts->part_pages)) {
		page = alloc_pages_node(nid, gfp, order);
		if (!page)
			break;
		movable = is_zone_movable_page(page);
		if (movable && vcma_partial_keep(parts, nr, page)) {
			got++;
		} else {
			list_add(&page->lru, &elsewhere);
			strays++;
		}
		cond_resched();
		if (!movable)	/* the zone of the region has no more */
			break;
	}
	list_for_each_entry_safe(page, next, &elsewhere, lru) {
		list_del(&page->lru);
		__free_pages(page, order);
	}
	return got;
}

/* ---- by isolating ---- */

/* Don't try parts that have something in them that can't be moved. */
static void vcma_partial_scan(struct vcma_partial *p)
{
	unsigned long pfn = PHYS_PFN(p->block->base_gpa), i;
	struct vcma_page_scan scan;

	for_each_clear_bit(i, p->tried, p->nr_parts) {
		vcma_scan_pages(pfn + i * p->part_pages, p->part_pages, &scan);
		if (!scan.nr_unmovable)
			continue;
		__set_bit(i, p->tried);
		vcma_partial_note(p, scan.first_unmovable - pfn, scan.run_unmovable,
				  scan.nr_pinned ? VIRTIO_CMA_WHY_PINNED :
						   VIRTIO_CMA_WHY_UNMOVABLE);
	}
}

/*
 * Isolate a run of parts, or as much of its beginning as can be had.
 * @limit: parts to try at once; halved when nobody can say which of them is busy
 */
static int vcma_partial_isolate_run(struct vcma_partial *p, unsigned long first, unsigned long nr,
				    unsigned long *limit, unsigned int flags, ktime_t deadline)
{
	struct vcma_busy busy = {};
	unsigned long bad, end;
	int err;

	nr = min(nr, *limit);
	err = vcma_block_isolate(p->block, first * p->part_pages, nr * p->part_pages, flags,
				 deadline, &busy);
	if (!err) {
		vcma_partial_got(p, first, nr);
		*limit = ULONG_MAX;
		return 0;
	}
	if (err != -EBUSY) {
		if (err == -ENOMEM)
			vcma_partial_note(p, first * p->part_pages, nr * p->part_pages,
					  VIRTIO_CMA_WHY_NO_ROOM);
		return err;
	}
	bad = busy.first_page / p->part_pages;
	end = DIV_ROUND_UP(busy.first_page + busy.nr_pages, p->part_pages);
	if (bad <= first && end >= first + nr && nr > 1) {
		*limit = nr / 2;
		return 0;
	}
	bad = max(bad, first);
	end = min(end, first + nr);
	if (bad >= end) {	/* said to lie elsewhere */
		bad = first;
		end = first + 1;
	}
	vcma_partial_note(p, bad * p->part_pages, (end - bad) * p->part_pages, busy.why);
	bitmap_set(p->tried, bad, end - bad);
	return 0;
}

int vcma_partial_isolate(struct vcma_partial *p, unsigned long max, unsigned int flags,
			 ktime_t deadline)
{
	unsigned long first, end, limit = ULONG_MAX, stop;
	int err = 0;

	if (!max)
		return 0;
	stop = p->nr_isolated + max;
	vcma_partial_scan(p);
	while (p->nr_isolated < stop && !err) {
		first = find_first_zero_bit(p->tried, p->nr_parts);
		if (first >= p->nr_parts)
			break;
		end = find_next_bit(p->tried, p->nr_parts, first);
		err = vcma_partial_isolate_run(p, first, min(end - first, stop - p->nr_isolated),
					       &limit, flags, deadline);
	}
	return err;
}
