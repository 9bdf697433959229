// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode ram: the region is the RAM that this guest has been started with, all of it pinned.
 * Nothing is brought online, nothing is taken away at the end; memory for a block comes from the
 * guest's page allocator, in whole granules, as it does in reusable mode (isolate.c, usage.c).
 * Isolated pages are as any that a driver has allocated: MemTotal stays, and they are in dumps.
 *
 * Zones differ from reusable mode's: pages here may be the kernel's own, which don't move
 * (scan.c), and at the region's addresses there can be what is no RAM: firmware, holes, memory
 * that the guest has taken offline.
 *
 * Locks: none here, those of isolate.c and usage.c inside: pages of a block are its owner's.
 */
#include <linux/errno.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "compat/compat.h"
#include "core/region.h"
#include "isolate.h"
#include "mapping.h"
#include "mode_ram.h"
#include "modes.h"
#include "usage.h"

/* Put back before others may run. */
#define VCMA_RAM_PUTBACK_PAGES	((unsigned long)SZ_16M >> PAGE_SHIFT)

static int vcma_ram_start(struct vcma_region *r)
{
	return vcma_usage_create(r);
}

static int vcma_ram_stop(struct vcma_region *r)
{
	vcma_usage_destroy(r);
	return 0;
}

/* On Arm ZONE_DMA is what most devices reach: nothing is kept from those that need it. */
static bool vcma_ram_is_scarce(struct page *page)
{
#if defined(CONFIG_X86) && defined(CONFIG_ZONE_DMA)
	return page_zonenum(page) == ZONE_DMA;
#else
	return false;
#endif
}

bool vcma_ram_is_usable(const struct vcma_region *r, u64 gpa, u64 bytes)
{
	unsigned long pfn = PHYS_PFN(gpa), end = PHYS_PFN(gpa + bytes);
	struct page *page;

	if (!vcma_region_has(r, gpa, bytes))
		return false;
	/* Memory comes and goes by sections; there may be no struct pages of one that is not there. */
	for (; pfn < end; pfn = ALIGN(pfn + 1, PAGES_PER_SECTION)) {
		page = pfn_to_online_page(pfn);
		if (!page || vcma_ram_is_scarce(page))
			return false;
	}
	return pfn_to_online_page(end - 1);
}

/* How many of @nr pages from @pfn on, which are online, are in one zone: whole free blocks. */
static unsigned long vcma_ram_in_zone(unsigned long pfn, unsigned long nr)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));
	unsigned long next = pfn, end = pfn + nr;

	do {
		next = min(ALIGN(next + 1, (unsigned long)MAX_ORDER_NR_PAGES), end);
	} while (next < end && page_zone(pfn_to_page(next)) == zone);
	return next - pfn;
}

/* alloc_contig_range() is of one zone. */
static int vcma_ram_isolate(struct vcma_block *block, unsigned long first_page,
			    unsigned long nr_pages, unsigned int flags, ktime_t deadline,
			    struct vcma_busy *busy)
{
	unsigned long first = PHYS_PFN(block->base_gpa) + first_page, pfn = first;
	unsigned long end = first + nr_pages, some;
	int err = 0;

	*busy = (struct vcma_busy) {
		.first_page = first_page,
		.nr_pages = nr_pages,
		.why = VIRTIO_CMA_WHY_UNMOVABLE,
	};
	if (!vcma_ram_is_usable(block->region, PFN_PHYS(first), PFN_PHYS(nr_pages)))
		return -EBUSY;
	for (; pfn < end && !err; pfn += some) {
		some = vcma_ram_in_zone(pfn, end - pfn);
		err = vcma_isolate_pages(pfn, some, flags, deadline, busy);
		if (err)
			break;
	}
	if (!err)
		return 0;
	if (err == -EBUSY)
		busy->first_page += pfn - first + first_page;
	if (pfn > first)
		vcma_putback_pages(first, pfn - first);
	return err;
}

/* They are the driver's as soon as it has them. */
static void vcma_ram_add_isolated(struct vcma_block *block, unsigned long first_page,
				  unsigned long nr_pages)
{
}

static void vcma_ram_putback(struct vcma_block *block, unsigned long first_page,
			     unsigned long nr_pages)
{
	unsigned long pfn = PHYS_PFN(block->base_gpa) + first_page, end = pfn + nr_pages, some;

	for (; pfn < end; pfn += some) {
		some = min(end - pfn, VCMA_RAM_PUTBACK_PAGES);
		vcma_putback_pages(pfn, some);
		cond_resched();
	}
}

const struct vcma_mode vcma_mode_ram = {
	.name = "ram",
	.has_pages = true,
	.is_ram = true,
	.start = vcma_ram_start,
	.stop = vcma_ram_stop,
	.isolate = vcma_ram_isolate,
	.zeroes = vcma_pages_come_zeroed,
	.add_isolated = vcma_ram_add_isolated,
	.putback = vcma_ram_putback,
	.map = vcma_mapping_make,
	.unmap = vcma_mapping_end,
	.rank = vcma_usage_rank,
	.busy = vcma_usage_busy,
	.clear_busy = vcma_usage_clear_busy,
};
