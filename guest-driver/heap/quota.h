/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of a region programs have: all together, and each user by himself. Knows nothing of
 * buffers.
 */
#ifndef VCMA_QUOTA_H
#define VCMA_QUOTA_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct vcma_quota {
	spinlock_t lock;		/* a leaf: users, and changes of bytes */
	struct list_head users;		/* those who have something */
	atomic64_t bytes;		/* of all; read anywhere */
	u64 limit_bytes;		/* of all, and */
	u64 each_limit_bytes;		/* of one user; both read and written anywhere */
};

/** vcma_quota_init() - nobody has anything yet. */
void vcma_quota_init(struct vcma_quota *q, u64 limit_bytes, u64 each_limit_bytes);

/**
 * vcma_quota_charge() - @uid is to have @bytes more. May sleep.
 *
 * Return: 0, -EDQUOT (one of the limits), -ENOMEM.
 */
int vcma_quota_charge(struct vcma_quota *q, kuid_t uid, u64 bytes);

/** vcma_quota_uncharge() - and less again. */
void vcma_quota_uncharge(struct vcma_quota *q, kuid_t uid, u64 bytes);

#endif /* VCMA_QUOTA_H */
