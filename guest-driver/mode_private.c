// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private mode: the region's memory belongs to this driver alone. Each block is
 * mapped when it is taken and only then, so nothing touches a granule that the
 * host has not pinned, and no second mapping with another memory type exists.
 * There are no struct pages.
 */
#include <linux/io.h>
#include <linux/ioport.h>

#include "mode.h"
#include "region.h"

static int vcma_private_start(struct vcma_region *r)
{
	if (!request_mem_region(r->base_gpa, r->bytes, "virtio_cma private")) {
		dev_err(r->dev, "region %s: addresses %#llx+%#llx are in use\n",
			r->name, r->base_gpa, r->bytes);
		return -EBUSY;
	}
	return 0;
}

static void vcma_private_stop(struct vcma_region *r)
{
	release_mem_region(r->base_gpa, r->bytes);
}

static int vcma_private_take(struct vcma_block *block)
{
	unsigned long type = block->attr == VCMA_UNCACHED ? MEMREMAP_WC : MEMREMAP_WB;

	block->cpu = memremap(block->base_gpa, block->bytes, type);
	return block->cpu ? 0 : -ENOMEM;
}

static void vcma_private_give(struct vcma_block *block)
{
	memunmap(block->cpu);
	block->cpu = NULL;
}

const struct vcma_mode vcma_mode_private = {
	.name = "private",
	.start = vcma_private_start,
	.stop = vcma_private_stop,
	.take = vcma_private_take,
	.give = vcma_private_give,
};
