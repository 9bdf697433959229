/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streaming mappings without a copy: memory that lies in an allocated block is pinned, its DMA
 * address is known, the device may use it as it is. Whose memory it is does not matter:
 * a driver's coherent buffer mapped for another device, a dma-buf, or pages of the block
 * that are still online.
 *
 * Each mapping keeps its block, and within it the allocation that it is in: what is freed
 * while a device still has it mapped is reused only afterwards. A mapping is found again
 * by client, bus address and length, never by what its page is now.
 */
#ifndef VCMA_DIRECT_H
#define VCMA_DIRECT_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct vcma_client;
struct vcma_direct;

/** vcma_direct_register() - once, before the first client. Return: 0 or -ENOMEM. */
int vcma_direct_register(void);
void vcma_direct_unregister(void);

void vcma_direct_init(struct vcma_direct *direct);

/**
 * vcma_direct_obstacle() - why can't the device have pinned memory as it is? Any context.
 * @phys, @dma: where it is for the CPU and on the client's bus, VCMA_NOWHERE if it reaches it not
 * @max_dma: highest bus address of the last byte
 * @alias: a cacheable mapping of it, or NULL
 *
 * Return: a constant string, or NULL: it can.
 */
const char *vcma_direct_obstacle(struct vcma_client *c, u64 phys, u64 dma, u64 bytes, u64 max_dma,
				 void *alias, enum dma_data_direction dir);

/**
 * vcma_direct_map() - map [@phys, @phys + @bytes) as it is, if all of it lies in one allocated
 * block of the client's region and one of its windows, at or below @max_dma, and the bits that the device's
 * min_align_mask names agree. Any context.
 *
 * A client that needs cache maintenance and may write must be alone in its cache lines.
 *
 * Return: bus address, or DMA_MAPPING_ERROR: can't be used as it is, or no memory for
 * the record. Not counted as a failure: bouncing may work.
 */
dma_addr_t vcma_direct_map(struct vcma_client *c, phys_addr_t phys, size_t bytes,
			   u64 max_dma, enum dma_data_direction dir, unsigned long attrs);

/** vcma_direct_unmap() - Return: false if there is no such mapping. Any context. */
bool vcma_direct_unmap(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		       enum dma_data_direction dir, unsigned long attrs);

/**
 * vcma_direct_sync() - cache maintenance of part of a mapping, or of memory that was
 * allocated cacheable; nothing for most clients.
 *
 * Return: false if the client can't have it: not in one allocated block of its region, and
 * neither allocated by it nor can it be mapped.
 */
bool vcma_direct_sync(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		      enum dma_data_direction dir, bool for_cpu);

/** vcma_direct_forget() - the client is quiesced: end its mappings. Return: how many. */
unsigned int vcma_direct_forget(struct vcma_client *c);

#endif /* VCMA_DIRECT_H */
