// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private mode: the region's memory belongs to this driver alone. Pages are
 * mapped when they are isolated and only then, so nothing touches a granule that the
 * host has not pinned, and no second mapping with another memory type exists.
 * There are no struct pages.
 *
 * Locks: none: pages of a block are its owner's.
 */
#include <linux/device.h>
#include <linux/io.h>
#include <linux/ioport.h>

#include "core/region.h"
#include "modes.h"

static int vcma_private_start(struct vcma_region *r)
{
	if (!request_mem_region(r->base_gpa, r->bytes, "virtio_cma private")) {
		dev_err(r->dev, "region %s: addresses %#llx+%#llx are in use\n",
			r->name, r->base_gpa, r->bytes);
		return -EBUSY;
	}
	return 0;
}

static int vcma_private_stop(struct vcma_region *r)
{
	release_mem_region(r->base_gpa, r->bytes);
	return 0;
}

/* Nobody else can have them. */
static int vcma_private_isolate(struct vcma_block *block, unsigned long first_page,
				unsigned long nr_pages, unsigned int flags, ktime_t deadline,
				struct vcma_busy *busy)
{
	return 0;
}

static void vcma_private_putback(struct vcma_block *block, unsigned long first_page,
				 unsigned long nr_pages)
{
}

static int vcma_private_map(struct vcma_block *block, unsigned long first_page,
			    unsigned long nr_pages, enum vcma_attr attr, void **cpu)
{
	unsigned long type = attr == VCMA_UNCACHED ? MEMREMAP_WC : MEMREMAP_WB;
	void *mapped;

	mapped = memremap(block->base_gpa + PFN_PHYS(first_page), PFN_PHYS(nr_pages), type);
	if (!mapped)
		return -ENOMEM;
	/* Another client, or what ran before us, may have had it cached. */
	if (attr == VCMA_UNCACHED)
		vcma_region_clean_inval(block->region, mapped, PFN_PHYS(nr_pages));
	*cpu = mapped;
	return 0;
}

static int vcma_private_unmap(struct vcma_block *block, unsigned long first_page,
			      unsigned long nr_pages, enum vcma_attr attr, void *cpu)
{
	if (attr == VCMA_UNCACHED)
		vcma_region_clean_inval(block->region, cpu, PFN_PHYS(nr_pages));
	memunmap(cpu);
	return 0;
}

const struct vcma_mode vcma_mode_private = {
	.name = "private",
	.start = vcma_private_start,
	.stop = vcma_private_stop,
	.isolate = vcma_private_isolate,
	.putback = vcma_private_putback,
	.map = vcma_private_map,
	.unmap = vcma_private_unmap,
};
