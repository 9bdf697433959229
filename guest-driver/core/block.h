/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block's beginning and end, for block_alloc.c and region.c alone. All others allocate and
 * free blocks by region.h.
 */
#ifndef VCMA_BLOCK_H
#define VCMA_BLOCK_H

#include "region.h"

struct vcma_block_desc;

/** vcma_block_new() - a block of @desc, not indexed, no reference yet. Return: or NULL. */
struct vcma_block *vcma_block_new(struct vcma_region *r, const struct vcma_constraints *want,
				  const struct vcma_block_desc *desc);

/** vcma_block_destroy() - after a grace period; the block is not indexed. */
void vcma_block_destroy(struct vcma_block *block);

/**
 * vcma_block_index() - make it findable. May sleep.
 *
 * Return: 0, -ENOMEM, or -EBUSY if an allocated block overlaps.
 */
int vcma_block_index(struct vcma_block *block);
void vcma_block_unindex(struct vcma_block *block);

/**
 * vcma_block_publish() - it is whole: the owner's reference, and from now on others may have
 * theirs. Until then a block that is given up ends without waiting for anyone.
 */
void vcma_block_publish(struct vcma_block *block);

/** vcma_block_map() - set cpu; all pages are isolated. Return: 0 or -ENOMEM. */
int vcma_block_map(struct vcma_block *block);

/** vcma_block_release_pages() - unmap, put back what is isolated, and undo mode->get. */
void vcma_block_release_pages(struct vcma_block *block);

/**
 * vcma_block_return() - free the memory of a block to the host; destroys @block, at once
 * or when the host has freed it. Only its addresses are used.
 */
void vcma_block_return(struct vcma_block *block);

/** vcma_block_free_work() - ends the blocks in vcma_region.freeing. */
void vcma_block_free_work(struct work_struct *work);

#endif /* VCMA_BLOCK_H */
