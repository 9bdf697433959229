/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page of the guest's memory with a certain address, got as everybody gets theirs.
 */
#ifndef VCMA_TESTS_TAKE_PAGE_H
#define VCMA_TESTS_TAKE_PAGE_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>

/**
 * take_page() - allocate movable pages until one is @wanted; the others go back.
 * @tries: pages, at most
 *
 * Return: the page, or NULL.
 */
static inline struct page *take_page(bool (*wanted)(phys_addr_t phys, const void *arg),
				     const void *arg, unsigned int tries)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_NOWARN | __GFP_NORETRY;
	struct page *page, *next, *found = NULL;
	LIST_HEAD(others);

	while (!found && tries--) {
		page = alloc_page(gfp);
		if (!page)
			break;
		if (wanted(page_to_phys(page), arg))
			found = page;
		else
			list_add(&page->lru, &others);
	}
	list_for_each_entry_safe(page, next, &others, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	return found;
}

#endif /* VCMA_TESTS_TAKE_PAGE_H */
