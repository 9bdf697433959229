// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of region memory that are the driver's: isolated, fake-offline (nobody takes them for RAM),
 * put back. Knows neither blocks of the host nor of the kernel's hotplug.
 *
 * Poisoned pages (memory_failure()) are nobody's: left out where pages are isolated, and never
 * fake-offline. Memory goes offline with them. One that is poisoned while it is fake-offline stays
 * so until its turn comes, and does not come back.
 *
 * Locks: none but the kernel's own around PageOffline(): the pages are the caller's.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>

#include "compat/compat.h"
#include "isolate.h"
#include "memory.h"

void vcma_memory_fake_offline(unsigned long pfn, unsigned long nr)
{
	struct page *page, *end = pfn_to_page(pfn) + nr;
	long changed = 0;

	page_offline_begin();
	for (page = pfn_to_page(pfn); page < end; page++) {
		if (PageHWPoison(page))
			continue;
		__SetPageOffline(page);
		changed++;
	}
	page_offline_end();
	adjust_managed_page_count(pfn_to_page(pfn), -changed);
}

void vcma_memory_fake_online(unsigned long pfn, unsigned long nr)
{
	struct page *page, *end = pfn_to_page(pfn) + nr;
	long changed = 0;

	page_offline_begin();
	for (page = pfn_to_page(pfn); page < end; page++) {
		if (!PageOffline(page))
			continue;
		__ClearPageOffline(page);
		changed++;
	}
	page_offline_end();
	adjust_managed_page_count(pfn_to_page(pfn), changed);
}

void vcma_memory_unref(unsigned long pfn, unsigned long nr)
{
	struct page *page, *end = pfn_to_page(pfn) + nr;
	long changed = 0;

	for (page = pfn_to_page(pfn); page < end; page++) {
		if (!PageOffline(page))
			continue;
		WARN_ON_ONCE(!page_ref_dec_and_test(page));
		changed++;
	}
	if (vcma_offlining_counts_fake_offline_pages())
		adjust_managed_page_count(pfn_to_page(pfn), changed);
}

void vcma_memory_ref(unsigned long pfn, unsigned long nr)
{
	struct page *page, *end = pfn_to_page(pfn) + nr;
	long changed = 0;

	for (page = pfn_to_page(pfn); page < end; page++) {
		if (!PageOffline(page))
			continue;
		page_ref_inc(page);
		changed++;
	}
	if (vcma_offlining_counts_fake_offline_pages())
		adjust_managed_page_count(pfn_to_page(pfn), -changed);
}

/*
 * Pages from @pfn on, before @end, up to one that is poisoned; with @pfn moved past those that
 * are.
 */
static unsigned long vcma_memory_sound(unsigned long *pfn, unsigned long end)
{
	unsigned long next;

	while (*pfn < end && PageHWPoison(pfn_to_page(*pfn)))
		(*pfn)++;
	for (next = *pfn; next < end && !PageHWPoison(pfn_to_page(next)); next++)
		;
	return next - *pfn;
}

void vcma_memory_putback(unsigned long pfn, unsigned long nr)
{
	unsigned long end = pfn + nr, run;

	for (; (run = vcma_memory_sound(&pfn, end)); pfn += run)
		vcma_putback_pages(pfn, run);
}

int vcma_memory_isolate(unsigned long first, unsigned long nr, struct vcma_busy *busy)
{
	unsigned long pfn = first, end = first + nr, run;
	int err;

	for (; (run = vcma_memory_sound(&pfn, end)); pfn += run) {
		err = vcma_isolate_pages(pfn, run, 0, 0, busy);
		if (err) {
			busy->first_page += pfn - first;
			vcma_memory_putback(first, pfn - first);
			return err;
		}
	}
	return 0;
}
