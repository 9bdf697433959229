/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of a region by where they lie (ARRANGE): long runs, or below 4 GiB, from the nodes that the client
 * says. How they are got is hv/host/contiguous.h's, which takes a while and zeroes much: a thread does it, one at a
 * time, and who asks is told to ask again. Pins nothing, and maps nothing into the region's own mapping: BACK does.
 *
 * The thread works on a descriptor, a mapping and words of its own: a region may end at any time, and the search
 * stops then, a little later.
 */
#ifndef HVCMA_SERVICE_ARRANGE_H
#define HVCMA_SERVICE_ARRANGE_H

#include "hv/abi/hvcmad.h"
#include "hv/host/provider.h"

struct hvcmad_memory;
struct hvcmad_region;
struct hvcmad_search;

/**
 * hvcmad_arrange_begins() - is a search for this region to begin? No: one of it is there, or another one is at work.
 *
 * It counts for the VM of the one before when that has ended (account.h).
 */
bool hvcmad_arrange_begins(struct hvcmad_memory *m, const struct hvcmad_region *region);

/**
 * hvcmad_arrange_begin() - begin it: hvcmad_arrange_begins() has said so.
 * @keep_pages: free hugepages that are for others
 *
 * May the client, has its VM rested, and has the pool so much, is the caller's to see before.
 *
 * Return: AGAIN (it has begun), INVAL, NO_MEMORY, IO; with words in @err.
 */
enum hvcmad_status hvcmad_arrange_begin(struct hvcmad_memory *m, struct hvcmad_region *region,
					const struct hvcmad_arrange_req *request, uint64_t keep_pages,
					struct hvcma_error *err);

/**
 * hvcmad_arrange_outcome() - how it has ended, if none is to begin.
 * @run_bytes, @nr_runs, @low_bytes of @out: out; the header is the caller's
 *
 * Return: OK, AGAIN (it goes on, or another one does), INVAL, STATE (this is not what was asked for before),
 * NO_RUN, NO_BACKING, NO_MEMORY, IO; with words in @err. What is not AGAIN is told once.
 */
enum hvcmad_status hvcmad_arrange_outcome(struct hvcmad_region *region, const struct hvcmad_arrange_req *request,
					  struct hvcmad_arrange_resp *out, struct hvcma_error *err);

/** hvcmad_arrange_end() - the region ends, or nobody wants it any more. Waits for nothing. */
void hvcmad_arrange_end(struct hvcmad_region *region);

/** hvcmad_arrange_has_pool() - is a search at work that has free hugepages of this size, for the moment? */
bool hvcmad_arrange_has_pool(const struct hvcmad_memory *m, uint64_t page_bytes);

/** hvcmad_arrange_is_at() - is one at work in this part of a file? */
bool hvcmad_arrange_is_at(const struct hvcmad_memory *m, const struct hvcmad_region *part);

/** hvcmad_arrange_fini() - the memory is no more; what is at work stops by itself. */
void hvcmad_arrange_fini(struct hvcmad_memory *m);

#endif /* HVCMA_SERVICE_ARRANGE_H */
