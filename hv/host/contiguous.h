/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A region in runs of host-physical memory that are as long as the kernel's pool of hugepages
 * has them, however fragmented, or below an address: in one file, in one mapping.
 *
 * Nothing in Linux asks for a hugepage by address, but what the pool got last it gives out
 * first. Hence:
 *
 *	1. more pages than are needed are taken: those of the pool that nobody has been promised,
 *	   then surplus pages, as far as nr_overcommit_hugepages allows
 *	2. their addresses are sorted; of the longest runs a row is made (runs.h)
 *	3. for one granule after the other the page that it is to have goes to the pool, which
 *	   gives out what came last: the granule is faulted in, and looked at. Before the first its
 *	   own page goes; the place of the page that went is the next one to be faulted in
 *	4. where another was quicker it is done again, PASSES times at most
 *	5. what is left over goes back
 *
 *	granule    0  1  2 | spare               pages by their addresses; 3 and 4 are a run
 *	           7  2  9 | 4  3  6
 *	           3  4  9 | -  -  6             and 2, 7 are the pool's again
 *
 * One page at a time, so that what others fault in meanwhile can take no more than one from us,
 * and pages that come from the kernel's free memory and not from a list (surplus) do as well.
 *
 * Each page that is looked at is cleared by the kernel, and each that is moved once more. Meanwhile
 * others find the pool empty, but for what they have reserved; two searches wait for each other,
 * two seconds.
 * Pages may still be moved by the kernel until they are pinned, and then, too, if they lie in
 * memory that it keeps movable (movablecore=, hot-plugged).
 */
#ifndef HVCMA_HOST_CONTIGUOUS_H
#define HVCMA_HOST_CONTIGUOUS_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/host/provider.h"
#include "hv/host/runs.h"

/* Of one who does this for others. All zero: none. */
struct hvcma_contiguous_limits {
	uint64_t keep_nr;		/* so many free pages of the pool are left alone, and surplus
					 * pages, too: the pool gives out those that it has first
					 */
	bool (*is_stopped)(void *opaque);	/* asked now and then: give up; NULL: never */
	void *opaque;
};

struct hvcma_contiguous_request {
	int fd;				/* hugetlb file */
	uint64_t offset_bytes;		/* where in it the granules begin */
	void *base;			/* where that is mapped, shared; pages come from the nodes
					 * that its memory policy allows
					 */
	struct hvcma_runs_want want;	/* its pages, each a granule */
	uint64_t run_nr;		/* refuse if the longest run is shorter, <= want.nr */
	bool low_only;			/* runs don't matter: enough pages below want.low_limit do */
	struct hvcma_contiguous_limits limits;
};

struct hvcma_contiguous_result {
	struct hvcma_runs runs;		/* of the region, as looked at in the end */
	uint64_t nr_looked;		/* pages that there were to choose from, with its own */
	uint64_t nr_moved;
	unsigned int nr_passes;		/* of step 3; 0: it was as good as can be already */
};

/**
 * hvcma_contiguous_back() - back granules of a file by the longest runs that can be had. Where
 * that changes a granule's page its contents are lost. Nobody may use the memory meanwhile.
 * @result: out
 *
 * Return: 0; -ENOSPC: the longest run would be shorter than run_nr, @err says how long;
 * -ENOMEM: the pool has no page for a granule; -EPERM: no CAP_SYS_ADMIN to see addresses;
 * -ECANCELED: stopped; -EIO. With -ENOSPC contents are what they were (but if others took pages
 * during step 3), and granules may be backed that weren't; with -ENOMEM, -ECANCELED and -EIO they may be lost.
 */
int hvcma_contiguous_back(const struct hvcma_contiguous_request *request,
			  struct hvcma_contiguous_result *result, struct hvcma_error *err);

/**
 * hvcma_contiguous_check() - does what a provider's configuration says of places (low_bytes, is_contiguous, run_bytes)
 * fit the rest of it?
 *
 * Return: 0 or -EINVAL with words in @err.
 */
int hvcma_contiguous_check(const struct hvcma_provider_config *config, struct hvcma_error *err);

/**
 * hvcma_contiguous_back_region() - hvcma_contiguous_back() as that says, if it says anything.
 * @config: checked; of it name, base, bytes, page_bytes, fd, fd_offset_bytes and what is said of places
 * @limits: NULL: none
 * @result: out: all zero if it says nothing
 *
 * Return: as hvcma_contiguous_back(), -ENODATA (some are to be low, and there is none at all); @err names the region.
 */
int hvcma_contiguous_back_region(const struct hvcma_provider_config *config,
				 const struct hvcma_contiguous_limits *limits,
				 struct hvcma_contiguous_result *result, struct hvcma_error *err);

#endif /* HVCMA_HOST_CONTIGUOUS_H */
