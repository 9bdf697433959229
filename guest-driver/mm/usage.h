/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in each granule of a reusable region, or of the guest's RAM, and so where a block is cheapest to
 * isolate; which granules turned out busy; and telling the host which are online.
 */
#ifndef VCMA_USAGE_H
#define VCMA_USAGE_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct vcma_region;
struct vcma_constraints;
struct virtio_cma_extent;
struct virtio_cma_range;

#define VCMA_COST_EMPTY		0U
#define VCMA_COST_UNMOVABLE	U32_MAX		/* can't be isolated, or not ours to ask for */

struct vcma_granule {
	u32 cost;			/* pages to move; VCMA_COST_* */
	u32 seen;			/* jiffies, when */
};

struct vcma_usage {
	struct vcma_region *region;	/* constant, as is nr */
	unsigned long nr;		/* granules */
	unsigned long cursor;		/* what is looked at next; read and written anywhere */
	struct vcma_granule *granules;	/* without a lock: good for choosing only */

	/* Reported to the host as busy, to be cleared soon. */
	spinlock_t busy_lock;		/* a leaf */
	unsigned long *busy;		/* busy_lock */
	struct delayed_work clear_work;

	/* Runs of DMA addresses, as of a moment ago; extents_lock. */
	struct mutex extents_lock;
	struct virtio_cma_extent *extents;
	unsigned int nr_extents;
	unsigned long extents_seen;	/* jiffies */

	/* Of online_work, and of who has cancelled it. */
	unsigned long *online;		/* as the host was told */
	unsigned long *online_now;
	bool online_reported;		/* it was told at all */
	struct delayed_work online_work;
};

/**
 * vcma_usage_create() - set r->usage. Nothing is online yet.
 *
 * Return: 0 or -ENOMEM.
 */
int vcma_usage_create(struct vcma_region *r);

void vcma_usage_destroy(struct vcma_region *r);

/** vcma_usage_rank() - as vcma_mode.rank. */
unsigned int vcma_usage_rank(struct vcma_region *r, const struct vcma_constraints *want,
			     struct virtio_cma_range *hints, unsigned int max);

/**
 * vcma_usage_busy() - the host was told that granules which touch the range are
 * busy: leave them out, and tell it in about a second that they are no more.
 */
void vcma_usage_busy(struct vcma_region *r, u64 base_gpa, u64 bytes);

/** vcma_usage_clear_busy() - tell it now. May sleep. Return: were there any? */
bool vcma_usage_clear_busy(struct vcma_region *r);

/**
 * vcma_usage_online_changed() - report to the host soon. Any context. Does nothing
 * while r->memory is not set: what is online is in the making then.
 */
void vcma_usage_online_changed(struct vcma_region *r);

/** vcma_usage_online_stop() - r->memory is not set any more: wait for who looks at it. */
void vcma_usage_online_stop(struct vcma_region *r);

/**
 * vcma_usage_online_end() - after that: what was online has been isolated, or, if @all,
 * stays with the guest. Tell the host now. May sleep.
 */
void vcma_usage_online_end(struct vcma_region *r, bool all);

#endif /* VCMA_USAGE_H */
