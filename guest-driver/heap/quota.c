// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs have of a region (quota.h).
 *
 * Locks: vcma_quota.lock, a leaf.
 */
#include <linux/slab.h>

#include "quota.h"

struct vcma_quota_user {
	struct list_head node;
	kuid_t uid;
	u64 bytes;
};

void vcma_quota_init(struct vcma_quota *q, u64 limit_bytes, u64 each_limit_bytes)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->users);
	q->limit_bytes = limit_bytes;
	q->each_limit_bytes = each_limit_bytes;
}

static struct vcma_quota_user *vcma_quota_find(struct vcma_quota *q, kuid_t uid)
{
	struct vcma_quota_user *user;

	list_for_each_entry(user, &q->users, node) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

static bool vcma_quota_has_room(struct vcma_quota *q, const struct vcma_quota_user *user, u64 bytes)
{
	u64 limit = READ_ONCE(q->limit_bytes), each = READ_ONCE(q->each_limit_bytes);
	u64 all = atomic64_read(&q->bytes);

	return bytes <= limit && all <= limit - bytes && bytes <= each && user->bytes <= each - bytes;
}

int vcma_quota_charge(struct vcma_quota *q, kuid_t uid, u64 bytes)
{
	struct vcma_quota_user *new = kzalloc(sizeof(*new), GFP_KERNEL), *user;
	int err = 0;

	if (!new)
		return -ENOMEM;
	new->uid = uid;
	spin_lock(&q->lock);
	user = vcma_quota_find(q, uid) ?: new;
	if (!vcma_quota_has_room(q, user, bytes)) {
		err = -EDQUOT;
	} else {
		user->bytes += bytes;
		atomic64_add(bytes, &q->bytes);
		if (user == new) {
			list_add(&new->node, &q->users);
			new = NULL;
		}
	}
	spin_unlock(&q->lock);
	kfree(new);
	return err;
}

void vcma_quota_uncharge(struct vcma_quota *q, kuid_t uid, u64 bytes)
{
	struct vcma_quota_user *user;

	spin_lock(&q->lock);
	user = vcma_quota_find(q, uid);
	user->bytes -= bytes;
	atomic64_sub(bytes, &q->bytes);
	if (user->bytes)
		user = NULL;
	else
		list_del(&user->node);
	spin_unlock(&q->lock);
	kfree(user);
}
