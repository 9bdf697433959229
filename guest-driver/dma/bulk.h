/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bulk allocation: many blocks of one size in one call, as many as can be had. Takes
 * whole granules where nothing is in the way, and the free parts of granules where
 * something is; looks for what can't be moved before it tries, so that a pinned page
 * costs a glance and no more. Every granule is tried at most once or twice per call:
 * it ends.
 *
 *	granule	|....|....|....|....|....|P...|....|.P..|	P pinned
 *	blocks	|  1 |  2 |  3 |  4 |  5 |busy|  6 |busy|
 */
#ifndef VCMA_BULK_H
#define VCMA_BULK_H

#include <linux/ktime.h>
#include <linux/types.h>

#include "pool/pool.h"

struct page;
struct vcma_client;
struct vcma_region;

#define VCMA_BULK_ZERO	0x100	/* beside VCMA_* */

struct vcma_bulk_constraints {
	unsigned int order;	/* of each block, in pages */
	u32 nr;			/* blocks, > 0 */
	unsigned int flags;	/* VCMA_FAST, VCMA_BULK_ZERO */
	u64 max_dma;		/* highest bus address of any byte; without client, DMA address */
	enum vcma_attr attr;
	struct vcma_client *client;	/* whose reservation; NULL: the shared part */
	ktime_t deadline;	/* when to give up at the latest; 0: none */
	const char *owner;	/* for messages; NULL: the client's name, or "bulk" */
};

/* A block; naturally aligned, at most to the granule or the region's cap. */
struct vcma_piece_addr {
	u64 gpa;
	u64 dma;		/* the bus address; without client the DMA address */
	struct page *page;	/* the first; NULL in regions without struct pages */
	void *cpu;		/* mapping with the wanted memory type */
};

/* Where memory could not be isolated. */
struct vcma_bulk_busy {
	u64 gpa;
	u64 bytes;
	u32 why;		/* VIRTIO_CMA_WHY_* */
};

/**
 * vcma_bulk_alloc() - get up to want->nr blocks. May sleep.
 * @pieces: room for want->nr
 * @nr_got: out: how many were got, also on failure (0)
 * @busy: room for *@nr_busy ranges; NULL with @nr_busy NULL
 * @nr_busy: in: room; out: ranges filled, the first ones met, also on failure
 *
 * Return: 0 if any came; or why not: -EINVAL, -ENOSPC, -ENOMEM, -ERANGE, -ETIMEDOUT,
 * -EBUSY (all that is left is busy), -EPROTO, -ESHUTDOWN.
 */
int vcma_bulk_alloc(struct vcma_region *r, const struct vcma_bulk_constraints *want,
		    struct vcma_piece_addr *pieces, u32 *nr_got,
		    struct vcma_bulk_busy *busy, u32 *nr_busy);

/**
 * vcma_bulk_free() - free any of the blocks of any calls; quickest in the order they
 * came. May sleep. What is no such block is a WARN, and left alone.
 */
void vcma_bulk_free(struct vcma_region *r, const struct vcma_piece_addr *pieces, u32 nr,
		    unsigned int order);

/** vcma_bulk_free_all() - the client is quiesced: free all it has. May sleep. */
void vcma_bulk_free_all(struct vcma_client *c);

#endif /* VCMA_BULK_H */
