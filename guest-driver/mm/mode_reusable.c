// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reusable mode: the region's memory is ordinary movable RAM of the guest, and
 * pages of it are isolated, their contents moved elsewhere, while a device needs
 * them. Puts together what memory.c, isolate.c and usage.c do.
 *
 * Every page has a cacheable linear address; how pages are mapped otherwise is mapping.h's.
 *
 * Locks: none here, those of memory.c, isolate.c and usage.c inside: pages of a block are its owner's.
 */
#include <linux/mm.h>

#include "compat/compat.h"
#include "core/region.h"
#include "isolate.h"
#include "mapping.h"
#include "memory.h"
#include "modes.h"
#include "usage.h"

/* Put back before others may run. */
#define VCMA_PUTBACK_PAGES	((unsigned long)SZ_16M >> PAGE_SHIFT)

static int vcma_reusable_start(struct vcma_region *r)
{
	struct vcma_memory *memory;
	int err;

	err = vcma_usage_create(r);
	if (err)
		return err;
	err = vcma_memory_add(r, &memory);
	if (err) {
		vcma_usage_online_end(r, err != -ENODEV && vcma_memory_is_orphaned(r));
		vcma_usage_destroy(r);
		return err;
	}
	WRITE_ONCE(r->memory, memory);
	vcma_usage_online_changed(r);
	return 0;
}

/*
 * The host hears of the end before its device is reset: memory that stays with the
 * guest must not be unplugged when no driver is there to isolate it.
 */
static int vcma_reusable_stop(struct vcma_region *r)
{
	struct vcma_memory *memory = r->memory;
	int err;

	WRITE_ONCE(r->memory, NULL);
	vcma_usage_online_stop(r);
	err = vcma_memory_remove(memory);
	vcma_usage_online_end(r, err);
	vcma_usage_destroy(r);
	return err;
}

static int vcma_reusable_get(struct vcma_block *block)
{
	return vcma_memory_get_online(block->region->memory, block->base_gpa, block->bytes);
}

static void vcma_reusable_put(struct vcma_block *block)
{
	vcma_memory_put_online(block->region->memory, block->base_gpa, block->bytes);
}

static unsigned long vcma_block_pfn(const struct vcma_block *block, unsigned long page)
{
	return PHYS_PFN(block->base_gpa) + page;
}

static void vcma_reusable_add_isolated(struct vcma_block *block, unsigned long first_page,
				       unsigned long nr_pages)
{
	vcma_memory_fake_offline(vcma_block_pfn(block, first_page), nr_pages);
	atomic64_sub(PFN_PHYS(nr_pages), &block->region->online_bytes);
	vcma_usage_online_changed(block->region);
}

static int vcma_reusable_isolate(struct vcma_block *block, unsigned long first_page,
				 unsigned long nr_pages, unsigned int flags, ktime_t deadline,
				 struct vcma_busy *busy)
{
	unsigned long pfn = vcma_block_pfn(block, first_page);
	int err;

	err = vcma_isolate_pages(pfn, nr_pages, flags, deadline, busy);
	if (err == -EBUSY)
		busy->first_page += first_page;
	if (err) {
		/* Whoever has looked meanwhile took them for isolated. */
		vcma_usage_online_changed(block->region);
		return err;
	}
	vcma_reusable_add_isolated(block, first_page, nr_pages);
	return 0;
}

static void vcma_reusable_putback(struct vcma_block *block, unsigned long first_page,
				  unsigned long nr_pages)
{
	unsigned long pfn = vcma_block_pfn(block, first_page), end = pfn + nr_pages, some;

	for (; pfn < end; pfn += some) {
		some = min(end - pfn, VCMA_PUTBACK_PAGES);
		vcma_memory_fake_online(pfn, some);
		vcma_putback_pages(pfn, some);
		cond_resched();
	}
	atomic64_add(PFN_PHYS(nr_pages), &block->region->online_bytes);
	vcma_usage_online_changed(block->region);
}

const struct vcma_mode vcma_mode_reusable = {
	.name = "reusable",
	.has_pages = true,
	.unfit = vcma_memory_unfit,
	.start = vcma_reusable_start,
	.stop = vcma_reusable_stop,
	.get = vcma_reusable_get,
	.put = vcma_reusable_put,
	.isolate = vcma_reusable_isolate,
	.zeroes = vcma_pages_come_zeroed,
	.add_isolated = vcma_reusable_add_isolated,
	.putback = vcma_reusable_putback,
	.map = vcma_mapping_make,
	.unmap = vcma_mapping_end,
	.rank = vcma_usage_rank,
	.busy = vcma_usage_busy,
	.clear_busy = vcma_usage_clear_busy,
};

const struct vcma_modes vcma_mm_modes = {
	.private = &vcma_mode_private,
	.reusable = &vcma_mode_reusable,
	.ram = &vcma_mode_ram,
};
