/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest does with a region's memory while no device uses it, and how a
 * block is taken from and given back to that use. One object per region mode.
 */
#ifndef VCMA_MODE_H
#define VCMA_MODE_H

struct vcma_block;
struct vcma_region;

struct vcma_mode {
	const char *name;
	/* Once per region, before the first take. Return: 0 or an error, logged. */
	int (*start)(struct vcma_region *r);
	/* After the last give. */
	void (*stop)(struct vcma_region *r);
	/*
	 * The host has pinned @block: make its memory ours and set @block->cpu, a
	 * mapping of all of it with memory type @block->attr. May sleep.
	 * Return: 0, -ENOMEM, or -EBUSY (this block can't be vacated).
	 */
	int (*take)(struct vcma_block *block);
	/* Undo take. May sleep. */
	void (*give)(struct vcma_block *block);
};

/* Never in the page allocator, never in the linear map: no cacheable alias. */
extern const struct vcma_mode vcma_mode_private;

#endif /* VCMA_MODE_H */
