// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts of a region (account.h).
 *
 * Locks: vcma_region.resv_lock, a leaf. The list only ever grows while the region lives: it is
 * walked without a lock.
 */
#include <linux/errno.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>

#include "account.h"
#include "region.h"

/* What reservations have used beyond what is reserved. Caller holds resv_lock. */
static u64 vcma_shared_used(struct vcma_region *r)
{
	u64 used = r->shared_allocated_bytes;
	struct vcma_account *account;

	list_for_each_entry_rcu(account, &r->accounts, node, true) {
		if (account->allocated_bytes > account->set_bytes)
			used += account->allocated_bytes - account->set_bytes;
	}
	return used;
}

static u64 *vcma_account_find(struct vcma_region *r, unsigned int id)
{
	struct vcma_account *account;

	list_for_each_entry_rcu(account, &r->accounts, node, true) {
		if (account->id == id)
			return &account->allocated_bytes;
	}
	return &r->shared_allocated_bytes;
}

int vcma_account_charge(struct vcma_region *r, unsigned int id, u64 bytes)
{
	u64 *allocated = vcma_account_find(r, id);
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&r->resv_lock, flags);
	*allocated += bytes;
	if (vcma_shared_used(r) > r->shared_limit_bytes) {
		*allocated -= bytes;
		err = -EDQUOT;
	}
	spin_unlock_irqrestore(&r->resv_lock, flags);
	return err;
}

void vcma_account_uncharge(struct vcma_region *r, unsigned int id, u64 bytes)
{
	u64 *allocated = vcma_account_find(r, id);
	unsigned long flags;

	spin_lock_irqsave(&r->resv_lock, flags);
	*allocated -= bytes;
	spin_unlock_irqrestore(&r->resv_lock, flags);
}
