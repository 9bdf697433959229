/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coherent allocations: dma_alloc_coherent() and its kin for a claimed client.
 */
#ifndef VCMA_COHERENT_H
#define VCMA_COHERENT_H

#include <linux/types.h>

#include "pool/pool.h"

struct sg_table;
struct vcma_client;
struct vm_area_struct;

/** vcma_alloc_timeout_ms - an allocation that may block gives up then; 0: never. */
extern unsigned int vcma_alloc_timeout_ms;

/**
 * vcma_coherent_alloc() - zeroed, contiguous memory.
 * @attr: the client's; or VCMA_CACHED, for memory with struct pages that the client's
 *	driver syncs as it does streaming mappings
 * @max_dma: highest bus address of the last byte
 * @gfp: without __GFP_DIRECT_RECLAIM only the pool is asked; with __GFP_NORETRY the
 *	host, too, but nothing is migrated; without __GFP_IO or __GFP_FS no page cache is
 * @dma: out, the bus address
 *
 * It is aligned to @bytes rounded up to a power of two, at most to
 * max_align_order of the region (256 pages, as far as Linux CMA aligns by default).
 *
 * Return: CPU address, or NULL (counted, traced, not logged).
 */
void *vcma_coherent_alloc(struct vcma_client *c, enum vcma_attr attr, size_t bytes,
			  u64 max_dma, gfp_t gfp, dma_addr_t *dma);

/**
 * vcma_coherent_free() - @dma as it was given out. Any context. Wrong @bytes are a WARN, and nothing is freed.
 *
 * Return: false if no allocation of this client starts at @dma.
 */
bool vcma_coherent_free(struct vcma_client *c, size_t bytes, dma_addr_t dma);

/**
 * vcma_coherent_mmap() - map part of an allocation to user space.
 * @dma, @bytes: of the allocation, or of a part of it
 *
 * Return: 0, -ENXIO (the mapping is larger than @bytes, or these are not within one allocation).
 */
int vcma_coherent_mmap(struct vcma_client *c, struct vm_area_struct *vma,
		       dma_addr_t dma, size_t bytes);

/**
 * vcma_coherent_sgtable() - a scatterlist of one entry with the pages of an allocation, or of a
 * part of it.
 * @sgt: filled; the caller frees it
 *
 * Return: 0, -ENXIO (the allocation is shorter, there is none, or the region has no
 * struct pages), -ENOMEM.
 */
int vcma_coherent_sgtable(struct vcma_client *c, struct sg_table *sgt, dma_addr_t dma,
			  size_t bytes);

/** vcma_coherent_free_all() - the client is quiesced: free all it has. */
void vcma_coherent_free_all(struct vcma_client *c);

#endif /* VCMA_COHERENT_H */
