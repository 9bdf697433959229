/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streaming mappings without a copy, of regions that are pinned from the start: any page of such
 * a region is mapped by translation, whoever has it, and nothing is recorded: no page of it is
 * unpinned as long as a device can be a client. (Other regions: direct.h.)
 *
 * Functions are for clients of any region and do nothing for those of the others. Any context.
 */
#ifndef VCMA_PINNED_H
#define VCMA_PINNED_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct vcma_client;

/**
 * vcma_pinned_map() - map [@phys, @phys + @bytes) as it is, if all of it lies in one extent of the
 * client's region and one of its windows, and the device can have it (vcma_direct_obstacle()).
 *
 * Return: bus address, or DMA_MAPPING_ERROR: bouncing may work.
 */
dma_addr_t vcma_pinned_map(struct vcma_client *c, phys_addr_t phys, size_t bytes, u64 max_dma,
			   enum dma_data_direction dir, unsigned long attrs);

/**
 * vcma_pinned_unmap() - what is no bounce buffer, and no mapping in another region. Where caches need
 * nothing a look at the region's bounds is all: there is nothing to undo.
 *
 * Return: false if it can't be such a mapping.
 */
bool vcma_pinned_unmap(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		       enum dma_data_direction dir, unsigned long attrs);

/** vcma_pinned_sync() - likewise: cache maintenance of a part of it. */
bool vcma_pinned_sync(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		      enum dma_data_direction dir, bool for_cpu);

#endif /* VCMA_PINNED_H */
