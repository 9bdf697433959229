/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block's beginning and end, for hold.c and region.c alone. All others hold and
 * drop blocks by region.h.
 */
#ifndef VCMA_BLOCK_H
#define VCMA_BLOCK_H

#include "region.h"

struct vcma_grant;

/** vcma_block_new() - a block of @grant, not indexed, no reference yet. Return: or NULL. */
struct vcma_block *vcma_block_new(struct vcma_region *r, const struct vcma_want *want,
				  const struct vcma_grant *grant);

/** vcma_block_free() - after a grace period; the block is not indexed. */
void vcma_block_free(struct vcma_block *block);

/**
 * vcma_block_index() - make it findable. May sleep.
 *
 * Return: 0, -ENOMEM, or -EBUSY if a held block overlaps.
 */
int vcma_block_index(struct vcma_block *block);
void vcma_block_unindex(struct vcma_block *block);

/**
 * vcma_block_publish() - it is whole: the holder's reference, and from now on others may have
 * theirs. Until then a block that is given up ends without waiting for anyone.
 */
void vcma_block_publish(struct vcma_block *block);

/** vcma_block_map() - set cpu; all pages are taken. Return: 0 or -ENOMEM. */
int vcma_block_map(struct vcma_block *block);

/** vcma_block_vacate() - unmap, give back what is taken, and undo mode->hold. */
void vcma_block_vacate(struct vcma_block *block);

/**
 * vcma_block_return() - give the memory of a block to the host; frees @block, at once
 * or when the host has taken it. Only its addresses are used.
 */
void vcma_block_return(struct vcma_block *block);

/** vcma_region_drop_work() - ends the blocks in vcma_region.dropped. */
void vcma_region_drop_work(struct work_struct *work);

#endif /* VCMA_BLOCK_H */
