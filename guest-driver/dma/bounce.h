/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streaming mappings through bounce buffers: the device gets slots of the pool
 * in place of the driver's own, which lie where it can't or must not reach.
 * Buffers that are mapped cached are maintained for clients that need it; the
 * driver's own pages need nothing, for only the CPU uses them.
 * All functions run in any context.
 */
#ifndef VCMA_BOUNCE_H
#define VCMA_BOUNCE_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct vcma_client;

/**
 * vcma_bounce_map() - map [@phys, @phys + @bytes) of ordinary RAM.
 * @max_dma: highest bus address of the last byte
 *
 * The offset in 4 KiB is kept; in the page if it is that long; of the client's min_align_mask. The
 * device's segment boundary is not crossed by what is no longer.
 * The buffer is filled for every direction and whatever the caller's attributes: a device that
 * writes less than it was asked for must not uncover what was there before.
 *
 * Return: bus address, or DMA_MAPPING_ERROR (counted, traced, not logged).
 */
dma_addr_t vcma_bounce_map(struct vcma_client *c, phys_addr_t phys, size_t bytes,
			   u64 max_dma);

/** vcma_bounce_may_fit() - can that be mapped in one piece, if there is memory? */
bool vcma_bounce_may_fit(const struct vcma_client *c, phys_addr_t phys, size_t bytes);

/**
 * vcma_bounce_unmap() - copy back if @dir says so, and free.
 *
 * Return: false if this client has no such mapping.
 */
bool vcma_bounce_unmap(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		       enum dma_data_direction dir, unsigned long attrs);

/**
 * vcma_bounce_sync() - copy part of a mapping, to the CPU's side or to the device's.
 *
 * Return: false if this client has no mapping with all of it.
 */
bool vcma_bounce_sync(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		      enum dma_data_direction dir, bool for_cpu);

/** vcma_bounce_max_bytes() - the longest mapping drivers should ask for. */
size_t vcma_bounce_max_bytes(struct vcma_client *c);

#endif /* VCMA_BOUNCE_H */
