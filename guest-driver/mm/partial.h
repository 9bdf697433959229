/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Partial blocks: isolates an allocated block in equal parts, as many as can be had. Looks for
 * what can't be moved before it tries, takes free pages straight from the page allocator, then
 * isolates whole runs of parts at once. A pinned page costs a glance and no more; every part is tried
 * a bounded number of times.
 *
 *	block	|....|....|P...|....|.P..|....|	P pinned
 *	parts	|  x |  x |busy|  x |busy|  x |	x isolated
 *
 * Only for regions whose memory has struct pages: elsewhere nothing is in the way.
 */
#ifndef VCMA_PARTIAL_H
#define VCMA_PARTIAL_H

#include <linux/ktime.h>
#include <linux/types.h>

struct vcma_block;

/* The caller's alone: no lock. */
struct vcma_partial {
	struct vcma_block *block;	/* allocated lazily */
	unsigned long part_pages;	/* power of two */
	unsigned long nr_parts;		/* in the block */
	unsigned long *isolated;	/* one bit per part */
	unsigned long nr_isolated;
	unsigned long *tried;		/* busy: not to be tried again */

	/* Called for what could not be had; may be NULL. */
	void (*busy)(struct vcma_partial *p, unsigned long first_page, unsigned long nr_pages,
		     u32 why);
	void *ctx;
};

/** vcma_partial_init() - nothing isolated yet. Return: 0 or -ENOMEM. */
int vcma_partial_init(struct vcma_partial *p, struct vcma_block *block, unsigned long part_pages);
void vcma_partial_destroy(struct vcma_partial *p);

/**
 * vcma_partial_isolate() - isolate up to @max more parts. May sleep.
 * @flags: VCMA_FAST: nothing is migrated
 * @deadline: when to give up at the latest; 0: none
 *
 * Return: 0 (as many as could be had), or why it stopped: -ENOMEM, -ETIMEDOUT, -EINTR.
 */
int vcma_partial_isolate(struct vcma_partial *p, unsigned long max, unsigned int flags,
			 ktime_t deadline);

/**
 * vcma_partial_collect() - take parts that are free, of several blocks of one region, from
 * the page allocator. May sleep, but neither migrates nor reclaims anything, nor makes others
 * do so: of free memory that lies elsewhere little is kept meanwhile.
 * @parts: of @nr blocks, with the same part_pages
 * @max: how many parts are wanted; no more than the blocks have are looked for
 *
 * Return: parts isolated.
 */
unsigned long vcma_partial_collect(struct vcma_partial *parts, unsigned int nr, unsigned long max);

#endif /* VCMA_PARTIAL_H */
