/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/vcma/NAME, one file per region: memory for programs (uapi/vcma.h). Here is the file,
 * its life and its limits; the buffers themselves are in dmabuf.c.
 *
 * The file outlives the region for those who have it open. A buffer does not: before the
 * region ends, its buffers are revoked, and those that a device or the kernel has mapped
 * are waited for.
 */
#ifndef VCMA_USER_H
#define VCMA_USER_H

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/wait.h>

struct vcma_region;

struct vcma_user {
	struct device dev;		/* counts references */
	struct cdev cdev;
	struct rw_semaphore region_sem;	/* region; held while it is used */
	struct vcma_region *region;	/* NULL once closed */

	struct mutex lock;		/* buffers */
	struct list_head buffers;
	wait_queue_head_t wait;		/* for changed: a buffer became idle, or has gone */
	atomic_t changed;

	atomic64_t bytes;		/* in buffers */
	u64 limit_bytes;		/* read and written anywhere */
};

/** vcma_user_register() - once, before the first region. Return: 0 or an error. */
int vcma_user_register(void);
void vcma_user_unregister(void);

/**
 * vcma_user_open() - make the region's file. Without it, which is logged, the region works
 * all the same.
 */
void vcma_user_open(struct vcma_region *r);

/** vcma_user_close() - take the file away; allocations under way are waited for. */
void vcma_user_close(struct vcma_region *r);

/**
 * vcma_user_finish() - after vcma_user_close(), with requests to the host still possible:
 * revoke all buffers, waiting for those that are mapped by others than programs, whose
 * owners are logged. Then the region has no buffer and no user any more.
 */
void vcma_user_finish(struct vcma_region *r);

/** vcma_user_in_use() - are there buffers? */
bool vcma_user_in_use(struct vcma_region *r);

#endif /* VCMA_USER_H */
