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

#include "quota.h"

struct dma_buf;
struct vcma_heap;
struct vcma_region;

#define VCMA_USER_MINORS	1024
#define VCMA_USER_FD_FLAGS	(O_ACCMODE | O_CLOEXEC)

struct vcma_user {
	struct device dev;		/* counts references */
	struct cdev cdev;
	struct vcma_heap *heap;		/* NULL: no file in /dev/dma_heap; of open and close */
	struct rw_semaphore region_sem;	/* held while region is used */
	struct vcma_region *region;	/* NULL once closed; region_sem */

	struct mutex lock;
	struct list_head buffers;	/* lock */
	wait_queue_head_t wait;		/* for changed: a buffer became idle, or has gone */
	atomic_t changed;

	struct vcma_quota quota;	/* of what is in buffers */
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

/**
 * vcma_user_answer() - give out @buf with the answer @arg, @bytes long, whose descriptor is at
 * *@fd. On failure its reference is gone, too.
 *
 * Return: 0 or an error.
 */
int vcma_user_answer(struct dma_buf *buf, unsigned int fd_flags, s32 *fd, void __user *to,
		     const void *arg, size_t bytes);

/**
 * vcma_users_names() - of which regions programs have buffers, as far as @names has room.
 *
 * Return: length, 0 if they have none.
 */
size_t vcma_users_names(char *names, size_t bytes);

/** vcma_user_in_use() - are there buffers? */
bool vcma_user_in_use(struct vcma_region *r);

#endif /* VCMA_USER_H */
