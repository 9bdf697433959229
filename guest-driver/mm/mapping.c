// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU mappings of isolated pages (mapping.h).
 *
 * Locks: none: pages of a block are its owner's.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#ifdef CONFIG_X86
#include <asm/set_memory.h>
#endif

#include "compat/compat.h"
#include "core/region.h"
#include "mapping.h"

#ifdef CONFIG_X86
static void *vcma_map_uncached(struct vcma_region *r, unsigned long pfn, unsigned long nr)
{
	void *linear = page_address(pfn_to_page(pfn));

	return set_memory_wc((unsigned long)linear, nr) ? NULL : linear;
}

static int vcma_unmap_uncached(struct vcma_region *r, unsigned long pfn, unsigned long nr,
			       void *cpu)
{
	return set_memory_wb((unsigned long)cpu, nr);
}
#else
static void *vcma_map_uncached(struct vcma_region *r, unsigned long pfn, unsigned long nr)
{
	struct page **pages;
	unsigned long i;
	void *cpu;

	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(pfn + i);
	vcma_region_clean_inval(r, page_address(pages[0]), PFN_PHYS(nr));
	cpu = vmap(pages, nr, VM_MAP, pgprot_dmacoherent(PAGE_KERNEL));
	kvfree(pages);
	return cpu;
}

/* Reads ahead of need may have brought stale lines into the caches. */
static int vcma_unmap_uncached(struct vcma_region *r, unsigned long pfn, unsigned long nr,
			       void *cpu)
{
	vunmap(cpu);
	vcma_region_clean_inval(r, page_address(pfn_to_page(pfn)), PFN_PHYS(nr));
	return 0;
}
#endif

int vcma_mapping_make(struct vcma_block *block, unsigned long first_page, unsigned long nr_pages,
		      enum vcma_attr attr, void **cpu)
{
	unsigned long pfn = PHYS_PFN(block->base_gpa) + first_page;
	void *mapped;

	mapped = attr == VCMA_UNCACHED ? vcma_map_uncached(block->region, pfn, nr_pages) :
					 page_address(pfn_to_page(pfn));
	if (!mapped)
		return -ENOMEM;
	*cpu = mapped;
	return 0;
}

int vcma_mapping_end(struct vcma_block *block, unsigned long first_page, unsigned long nr_pages,
		     enum vcma_attr attr, void *cpu)
{
	if (attr != VCMA_UNCACHED)
		return 0;
	return vcma_unmap_uncached(block->region, PHYS_PFN(block->base_gpa) + first_page, nr_pages, cpu);
}
