/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a region that the host asked for, for others: blocks are allocated, isolated and surrendered, and
 * reclaimed when an allocation finds too little. Whom the host gives it to is not known here.
 */
#ifndef VCMA_SURRENDER_H
#define VCMA_SURRENDER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct vcma_constraints;
struct vcma_region;

/* What surrender.c keeps in a region. */
struct vcma_surrender {
	struct work_struct work;
	atomic64_t wanted_bytes;	/* by the host, since the work looked */
	u32 deadline_ms;		/* of that; 0: none */
	struct mutex lock;		/* inner to all locks of who allocates */
	struct list_head blocks;	/* isolated, and not the host's pool's any more; lock */
};

/** vcma_surrender_init() - nothing is surrendered. */
void vcma_surrender_init(struct vcma_region *r);

/** vcma_surrender_wanted() - the host would have so much, within @deadline_ms if not 0. Any context. */
void vcma_surrender_wanted(struct vcma_region *r, u64 bytes, u32 deadline_ms);

/**
 * vcma_surrender_reclaim() - what was asked for, @want, could not be had: have so much of what is surrendered
 * again, if there is any. May sleep, and wait for the host to have pages, until the deadline of @want, or for
 * some seconds.
 *
 * Return: true if anything came back, so that it is worth another attempt.
 */
bool vcma_surrender_reclaim(struct vcma_region *r, const struct vcma_constraints *want);

/**
 * vcma_surrender_stop() - the region ends: all of it goes back to the page allocator. What the host has no
 * pages for is ordinary memory then, and is in no block before the machine is reset. May sleep.
 */
void vcma_surrender_stop(struct vcma_region *r);

#endif /* VCMA_SURRENDER_H */
