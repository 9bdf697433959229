// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scan of page ranges (scan.h).
 *
 * A page that is in use has a reference for each mapping and for the cache it is
 * in. One more, and migration fails: someone does I/O on it right now, or has
 * pinned it for good. Pages that are not on an LRU list are left out of this:
 * fresh ones wait for that in per-CPU batches that hold a reference, and taking
 * them drains the batches.
 *
 * Without a reference of our own a folio may be freed, or split, or become part of another one
 * while it is looked at, and the kernel's debug checks take that for a mistake. Who migrates the
 * page at that very moment tries again.
 *
 * Locks: none: what is read was true a moment ago.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "scan.h"

enum vcma_page_kind {
	VCMA_PAGE_FREE,
	VCMA_PAGE_MOVABLE,
	VCMA_PAGE_READ,
	VCMA_PAGE_PINNED,
	VCMA_PAGE_UNMOVABLE,
};

/* Caller has a reference. */
static bool vcma_folio_is_pinned(struct folio *folio)
{
	int users, nr = folio_nr_pages(folio);

	if (folio_maybe_dma_pinned(folio))
		return true;
	if (!folio_test_lru(folio) || !vcma_folio_users(folio, &users))
		return false;
	if (folio_test_anon(folio))
		users += folio_test_swapcache(folio) ? nr : 0;
	else if (READ_ONCE(folio->mapping))
		users += nr + (folio_has_private(folio) ? 1 : 0);
	return folio_ref_count(folio) > users + 1;
}

/*
 * In ZONE_MOVABLE all can be moved, if not now. Elsewhere there is what the kernel has for itself;
 * what has a mapping is a program's or a file's, or its owner can move it.
 */
static bool vcma_folio_is_kernels(struct page *page, struct folio *folio)
{
	if (is_zone_movable_page(page) || folio_test_lru(folio) || folio_test_hugetlb(folio))
		return false;
	return folio_test_slab(folio) || !READ_ONCE(folio->mapping);
}

/* Return: the folio that @page is part of, with a reference; or NULL if it is free. */
static struct folio *vcma_folio_get(struct page *page)
{
	struct page *head = compound_head(page);

	/* What is no head any more has no references. */
	if (!get_page_unless_zero(head))
		return NULL;
	if (compound_head(page) == head)
		return (struct folio *)head;
	put_page(head);
	return NULL;
}

/*
 * Of a page that is in no list of those in use, nor part of a larger one: as the pages of blocks are.
 * No reference is taken: a block that is put back meanwhile would be found in use.
 */
static enum vcma_page_kind vcma_lone_page_kind(struct page *page)
{
	unsigned int refs = page_ref_count(page);

	if (!refs)	/* in a per-CPU list of free pages, too */
		return VCMA_PAGE_FREE;
	if (PageLocked(page) && !PageUptodate(page))
		return VCMA_PAGE_READ;
	return refs >= GUP_PIN_COUNTING_BIAS ? VCMA_PAGE_PINNED : VCMA_PAGE_MOVABLE;
}

/* @nr: how many pages the answer is for, from @page on */
static enum vcma_page_kind vcma_page_kind(struct page *page, unsigned long *nr)
{
	enum vcma_page_kind kind;
	struct folio *folio;

	*nr = 1;
	if (PageBuddy(page)) {
		unsigned long order = READ_ONCE(page_private(page));

		/* It may have been allocated since, and say something else there. */
		if ((1UL << min(order, 31UL)) <= MAX_ORDER_NR_PAGES)
			*nr = 1UL << order;
		return VCMA_PAGE_FREE;
	}
	if (PageReserved(page) || PageOffline(page) || PageHWPoison(page))
		return VCMA_PAGE_UNMOVABLE;
	if (!PageLRU(page) && !PageCompound(page))
		return vcma_lone_page_kind(page);
	folio = vcma_folio_get(page);
	if (!folio)
		return VCMA_PAGE_FREE;
	if (vcma_folio_is_kernels(page, folio))
		kind = VCMA_PAGE_UNMOVABLE;
	else if (folio_test_locked(folio) && !folio_test_uptodate(folio))
		kind = VCMA_PAGE_READ;
	else
		kind = vcma_folio_is_pinned(folio) ? VCMA_PAGE_PINNED : VCMA_PAGE_MOVABLE;
	folio_put(folio);
	return kind;
}

void vcma_scan_pages(unsigned long pfn, unsigned long nr, struct vcma_page_scan *scan)
{
	unsigned long end = pfn + nr, run;

	memset(scan, 0, sizeof(*scan));
	for (; pfn < end; pfn += run) {
		enum vcma_page_kind kind = vcma_page_kind(pfn_to_page(pfn), &run);

		run = min(run, end - pfn);
		switch (kind) {
		case VCMA_PAGE_FREE:
			scan->nr_free += run;
			continue;
		case VCMA_PAGE_READ:
			scan->nr_read += run;
			fallthrough;
		case VCMA_PAGE_MOVABLE:
			scan->nr_movable += run;
			continue;
		case VCMA_PAGE_PINNED:
			scan->nr_pinned += run;
			break;
		case VCMA_PAGE_UNMOVABLE:
			break;
		}
		if (!scan->nr_unmovable)
			scan->first_unmovable = pfn;
		if (scan->first_unmovable + scan->run_unmovable == pfn)
			scan->run_unmovable += run;
		scan->nr_unmovable += run;
	}
}
