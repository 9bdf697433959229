/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of a region is allocated, by reservation, and how much of it this guest may use.
 * What reservations there are and who draws on them: pool/resv.h.
 */
#ifndef VCMA_ACCOUNT_H
#define VCMA_ACCOUNT_H

#include <linux/list.h>
#include <linux/types.h>

struct vcma_region;

/* Of one reservation; the shared part's is in the region. */
struct vcma_account {
	struct list_head node;		/* in vcma_region.accounts; vcma_bindings_lock, read by RCU */
	unsigned int id;		/* > 0; constant */
	u64 set_bytes;			/* kept for it; 0 for the host's; constant */
	u64 allocated_bytes;		/* vcma_region.resv_lock */
};

/**
 * vcma_account_charge() - @bytes are about to be allocated for reservation @id, 0 for the shared
 * part. Any context.
 *
 * Return: 0, or -EDQUOT: this guest may not use more.
 */
int vcma_account_charge(struct vcma_region *r, unsigned int id, u64 bytes);

/** vcma_account_uncharge() - undo that. */
void vcma_account_uncharge(struct vcma_region *r, unsigned int id, u64 bytes);

#endif /* VCMA_ACCOUNT_H */
