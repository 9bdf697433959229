/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hugepages below an address, for devices with few address bits.
 *
 * Nothing in Linux asks for a hugepage by address, but it takes them in an order: the pool
 * grows from the highest zone of memory, and from a lower one only when that has no more;
 * and what has come last is given out first. Hence, on a machine that has memory to spare:
 *
 *	1. the pool grows in steps until the zones below the address begin to shrink,
 *	   and once more, by what is wanted
 *	2. pages are taken and looked at; those below are kept, the others given back
 *	3. the pool shrinks to what it was and those that are kept, which can't go
 *
 * Nothing but what is taken and looked at is zeroed: a second or two. How a region gets them
 * is contiguous.h's.
 */
#ifndef HVCMA_HOST_LOW_HUGEPAGES_H
#define HVCMA_HOST_LOW_HUGEPAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/host/provider.h"

struct hvcma_low_request {
	uint64_t page_bytes;		/* of a pool that the kernel has */
	uint64_t limit;			/* address that all of a page is below */
	uint64_t nr;			/* pages wanted, > 0 */
	uint64_t spare_bytes;		/* memory that others are left while the pool is large */
	const atomic_bool *stop;	/* give up; may be NULL */
};

struct hvcma_low_result {
	uint64_t nr;			/* pages below the limit that the pool has gained */
	uint64_t pool_before, pool_after;
	uint64_t pool_most;		/* how large it was meanwhile */
	bool is_short_of_memory;	/* it could not grow further, or had to spare it */
};

/**
 * hvcma_low_hugepages_add() - more pages below an address for the pool, for good; they are
 * the next that it gives out.
 * @result: out
 *
 * Fewer than wanted is no failure. If this process ends in the midst of it, however, a
 * child of it brings the pool back to what it was. The caller has one thread.
 *
 * Return: 0; -EINVAL: the request; -ENOENT: no such pool; -EACCES, -EPERM: not root, or no
 * CAP_SYS_ADMIN to see addresses; -EBUSY: another does it at this moment; -EINTR: @stop;
 * -ENOMEM, -EIO. On failure the pool is what it was.
 */
int hvcma_low_hugepages_add(const struct hvcma_low_request *request,
			    struct hvcma_low_result *result, struct hvcma_error *err);

#endif /* HVCMA_HOST_LOW_HUGEPAGES_H */
