// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Granting blocks: reserve in the allocator, back what is missing, pin, verify.
 *
 * A free granule is not pinned, so its page can move between the day its address
 * was learned and the day it is pinned. Hence after the pin, when addresses are
 * final, they are read again; blocks that no longer satisfy the request go back
 * and the search is repeated, a bounded number of times.
 *
 * Knows nothing of wire formats, nor of why blocks go back (engine_free.c).
 */
#include <string.h>

#include "hv/core/engine_internal.h"

#define MAX_RETRIES	3
#define HINT_PROBES	4096	/* runs and blocks looked at in all hints of a request */
#define EFFORT		(UINT64_C(1) << 22)	/* runs looked at in a request's worst case */

static uint64_t nr_wanted(const struct hvcma_job *job)
{
	return job->gather ? job->left : job->fit.nr_granules;
}

/* Enough granules are neither allocated nor withheld, backed or not. */
static bool is_possible(const struct hvcma_engine *e, const struct hvcma_job *job)
{
	struct hvcma_alloc_stats stats;

	hvcma_alloc_stats(e->alloc, &stats);
	return nr_wanted(job) <= stats.nr_granules - stats.nr_allocated - stats.nr_withheld;
}

/* --- reserve: blocks taken from the allocator, not pinned yet --------- */

static bool take_hinted(struct hvcma_engine *e, const struct hvcma_fit_request *fit,
			struct hvcma_job *job, uint64_t *first)
{
	for (uint32_t i = 0; i < job->nr_hints && job->hint_budget; i++) {
		struct virtio_cma_range hint;
		uint64_t from, nr;

		memcpy(&hint, job->hints + i * sizeof(hint), sizeof(hint));
		from = (hvcma_from_le64(hint.base_gpa) - e->config.region_base_gpa) >>
		       e->granule_shift;
		nr = hvcma_from_le64(hint.bytes) >> e->granule_shift;
		job->hint_budget--;
		if (hvcma_alloc_block_within(e->alloc, from, nr, fit, &job->hint_budget,
					     first))
			return true;
	}
	return false;
}

/* One block of the job out of what is known. */
static bool take_one(struct hvcma_engine *e, struct hvcma_job *job)
{
	struct hvcma_fit_request fit = job->fit;
	uint64_t first;

	if (job->nr_grants == job->max_grants) {
		job->why = HVCMA_FIT_FRAGMENTED;
		return false;
	}
	if (job->gather) {
		fit.nr_granules = job->left;
		fit.nr_granules = hvcma_alloc_longest(e->alloc, &fit);
		if (!fit.nr_granules)
			fit.nr_granules = 1;
	}
	if (!take_hinted(e, &fit, job, &first)) {
		job->why = hvcma_alloc_block(e->alloc, &fit, &first);
		if (job->why != HVCMA_FIT_OK)
			return false;
	}
	hvcma_alloc_set_owner(e->alloc, first, job->owner);
	e->grants[job->nr_grants].first = (uint32_t)first;
	e->grants[job->nr_grants].nr = (uint32_t)fit.nr_granules;
	job->nr_grants++;
	job->left -= fit.nr_granules;
	return true;
}

/*
 * Back the next stretch of unknown granules: as many as all blocks of the job
 * need; or, after a refusal, as one block needs beside the free ones just before
 * the stretch. Where even that was refused, only places that need less follow.
 *
 * Return: whether there is something new to search.
 */
static bool back_some(struct hvcma_engine *e, struct hvcma_job *job)
{
	uint64_t wanted = nr_wanted(job);
	uint64_t first, nr;

	if (job->fit.quick || job->nr_grants == job->max_grants || !is_possible(e, job) ||
	    job->fit.max_dma < hvcma_bytes(e, job->gather ? 1 : wanted) - 1)
		return false;

	if (job->back_chunk > job->left)
		job->back_chunk = job->left;
	while (hvcma_alloc_next_unknown(e->alloc, job->back_from, job->left, &first, &nr)) {
		if (!job->back_budget) {
			job->again = true;
			return false;
		}
		uint64_t before = job->gather ? 0 : hvcma_alloc_free_before(e->alloc, first);
		uint64_t need = before < wanted ? wanted - before : 1;
		uint64_t most = need;
		int rc;

		if (job->left > wanted && most < job->back_chunk)
			most = job->back_chunk;
		if (nr > most)
			nr = most;
		if (nr > job->back_budget)
			nr = job->back_budget;
		if (nr >= job->back_refused) {
			job->back_from = first + nr;
			continue;
		}
		job->back_budget -= nr;
		rc = e->ops->back(e->opaque, first, nr);
		if (rc) {
			job->host = hvcma_host_status(rc);
			if (nr > need) {
				job->back_chunk = nr / 2;
			} else {
				job->back_refused = nr;
				job->back_from = first + nr;
			}
			continue;
		}
		job->back_from = first + nr;
		hvcma_trace(e, "back", first, nr, 0);
		job->host = hvcma_learn_range(e, first, nr, true);
		return job->host == VIRTIO_CMA_S_OK;
	}
	return false;
}

static enum virtio_cma_status why_not(const struct hvcma_job *job)
{
	if (job->host)
		return job->host;
	switch (job->why) {
	case HVCMA_FIT_NO_SPACE:
		return VIRTIO_CMA_S_NO_SPACE;
	case HVCMA_FIT_ADDR_LIMIT:
		return VIRTIO_CMA_S_ADDR_LIMIT;
	default:
		return VIRTIO_CMA_S_FRAGMENTED;
	}
}

static enum virtio_cma_status reserve(struct hvcma_engine *e, struct hvcma_job *job)
{
	if (!is_possible(e, job))
		return VIRTIO_CMA_S_NO_SPACE;
	while (job->left) {
		if (!take_one(e, job) && !back_some(e, job))
			return job->again ? HVCMA_AGAIN : why_not(job);
	}
	return VIRTIO_CMA_S_OK;
}

/* --- pin and verify --------------------------------------------------- */

/* Do the granules have the addresses that the allocator knows? */
static enum virtio_cma_status compare_addresses(struct hvcma_engine *e, uint64_t first,
						uint64_t nr, bool *same)
{
	*same = true;
	for (uint64_t end = first + nr; first < end; first += nr) {
		int rc;

		nr = end - first < HVCMA_DMA_CHUNK ? end - first : HVCMA_DMA_CHUNK;
		rc = e->ops->dma_addr(e->opaque, first, nr, e->dma);
		if (rc)
			return hvcma_host_status(rc);
		for (uint64_t i = 0; i < nr; i++)
			if (e->dma[i] != hvcma_alloc_dma(e->alloc, first + i))
				*same = false;
	}
	return VIRTIO_CMA_S_OK;
}

/*
 * A pinned block may have moved before it was pinned. Keep it if it still is
 * what was asked for, else give it back and say so in @kept.
 */
static enum virtio_cma_status settle(struct hvcma_engine *e, struct hvcma_job *job,
				     const struct hvcma_grant *g, bool *kept)
{
	struct hvcma_fit_request fit = job->fit;
	enum virtio_cma_status status;

	fit.nr_granules = g->nr;
	hvcma_trace(e, "moved", g->first, g->nr, 0);
	hvcma_alloc_free(e->alloc, g->first, g->nr);
	status = hvcma_learn_range(e, g->first, g->nr, true);
	*kept = !status && hvcma_alloc_block_at(e->alloc, g->first, &fit);
	if (*kept)
		hvcma_alloc_set_owner(e->alloc, g->first, job->owner);
	else
		e->ops->unpin(e->opaque, g->first, g->nr);
	return status;
}

/* Forget grants [from, to), whose blocks are back in the allocator. */
static void drop_grants(struct hvcma_engine *e, struct hvcma_job *job,
			uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		job->left += e->grants[i].nr;
	memmove(&e->grants[from], &e->grants[to],
		(job->nr_grants - to) * sizeof(e->grants[0]));
	job->nr_grants -= to - from;
}

/*
 * Verify grants [from, *to), which are pinned and adjacent. Those that moved
 * and do not serve any more are dropped, and *to comes down accordingly; after
 * a failure none of [from, *to) is pinned or granted.
 */
static enum virtio_cma_status verify(struct hvcma_engine *e, struct hvcma_job *job,
				     uint32_t from, uint32_t *to, uint64_t first,
				     uint64_t nr)
{
	enum virtio_cma_status status;
	uint32_t i = from;
	bool same, kept;

	status = compare_addresses(e, first, nr, &same);
	if (!status && same)
		return status;
	while (!status && i < *to) {
		status = settle(e, job, &e->grants[i], &kept);
		if (kept) {
			i++;
		} else {
			drop_grants(e, job, i, i + 1);
			--*to;
		}
	}
	if (!status)
		return status;
	for (i = from; i < *to; i++) {
		e->ops->unpin(e->opaque, e->grants[i].first, e->grants[i].nr);
		hvcma_alloc_free(e->alloc, e->grants[i].first, e->grants[i].nr);
	}
	drop_grants(e, job, from, *to);
	*to = from;
	return status;
}

/*
 * The host says that a block which the engine believes backed is not: look
 * again. OK if the news makes a new search worthwhile; the block is dropped then.
 */
static enum virtio_cma_status recheck_backing(struct hvcma_engine *e,
					      struct hvcma_job *job, uint32_t i)
{
	const struct hvcma_grant g = e->grants[i];
	enum virtio_cma_status status;
	bool same;

	status = compare_addresses(e, g.first, g.nr, &same);
	if (status || same)
		return status ? status : VIRTIO_CMA_S_NO_BACKING;
	hvcma_alloc_free(e->alloc, g.first, g.nr);
	drop_grants(e, job, i, i + 1);
	return hvcma_learn_range(e, g.first, g.nr, false);
}

/* Grants from @from on that are adjacent, at most @max_blocks: end and length. */
static uint32_t adjacent_end(const struct hvcma_engine *e, const struct hvcma_job *job,
			     uint32_t from, uint32_t max_blocks, uint64_t *nr)
{
	uint32_t end = from + 1;

	*nr = e->grants[from].nr;
	while (end < job->nr_grants && end - from < max_blocks &&
	       e->grants[end].first == e->grants[from].first + *nr)
		*nr += e->grants[end++].nr;
	return end;
}

/*
 * Pin grants from @nr_pinned on, adjacent ones in one call; a refused call is
 * repeated with half as many blocks, so that what can be pinned is. On return
 * grants [0, *nr_pinned) are pinned and have their final address.
 */
static enum virtio_cma_status pin_grants(struct hvcma_engine *e, struct hvcma_job *job,
					 uint32_t *nr_pinned)
{
	uint32_t max_blocks = UINT32_MAX;

	while (*nr_pinned < job->nr_grants) {
		enum virtio_cma_status status;
		uint64_t first = e->grants[*nr_pinned].first, nr;
		uint32_t end = adjacent_end(e, job, *nr_pinned, max_blocks, &nr);

		status = hvcma_host_status(e->ops->pin(e->opaque, first, nr));
		if (!status) {
			status = verify(e, job, *nr_pinned, &end, first, nr);
			*nr_pinned = end;
		} else if (end - *nr_pinned > 1) {
			max_blocks = (end - *nr_pinned) / 2;
			continue;
		} else if (status == VIRTIO_CMA_S_NO_BACKING) {
			status = recheck_backing(e, job, *nr_pinned);
		}
		if (status)
			return status;
	}
	return VIRTIO_CMA_S_OK;
}

/* --- the whole -------------------------------------------------------- */

/* Unpinned granules go back to the allocator. */
void hvcma_ungrant(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	hvcma_alloc_free(e->alloc, first, nr);
	if (!e->config.unpin_discards)
		return;
	for (uint64_t i = first; i < first + nr; i++)
		hvcma_alloc_learn(e->alloc, i, HVCMA_DMA_UNKNOWN);
}

/* Undo grants from @from on, of which those before @nr_pinned are pinned. */
static void undo(struct hvcma_engine *e, struct hvcma_job *job, uint32_t from,
		 uint32_t nr_pinned)
{
	for (uint32_t i = job->nr_grants; i-- > from;) {
		const struct hvcma_grant *g = &e->grants[i];

		if (i < nr_pinned) {
			e->ops->unpin(e->opaque, g->first, g->nr);
			hvcma_ungrant(e, g->first, g->nr);
		} else {
			hvcma_alloc_free(e->alloc, g->first, g->nr);
		}
	}
	drop_grants(e, job, from, job->nr_grants);
}

/* A call backs only so much: what it learned of the host is for the next one. */
static void suspend(struct hvcma_engine *e, const struct hvcma_job *job)
{
	e->resume = (struct hvcma_resume){
		.pending = true,
		.host = job->host,
		.back_from = job->back_from,
		.back_refused = job->back_refused,
		.back_chunk = job->back_chunk,
	};
}

void hvcma_engine_forget_begun(struct hvcma_engine *e)
{
	e->resume.pending = false;
}

static void resume(struct hvcma_engine *e, struct hvcma_job *job)
{
	const struct hvcma_resume r = e->resume;

	e->resume.pending = false;
	job->again = false;
	job->back_budget = e->config.back_max_granules ? e->config.back_max_granules
						       : UINT64_MAX;
	job->host = r.pending ? r.host : VIRTIO_CMA_S_OK;
	job->back_from = r.pending ? r.back_from : 0;
	job->back_refused = r.pending ? r.back_refused : UINT64_MAX;
	job->back_chunk = r.pending ? r.back_chunk : job->left;
}

/*
 * Return: OK when all of the job is granted; HVCMA_AGAIN with nothing granted; else
 * why not, and then nothing is granted unless the job is partial: see
 * job->nr_grants.
 */
enum virtio_cma_status hvcma_grant(struct hvcma_engine *e, struct hvcma_job *job)
{
	enum virtio_cma_status status, pin_status;
	uint32_t nr_pinned = 0;

	job->nr_grants = 0;
	job->fit.effort = &job->effort;
	job->effort = EFFORT;
	job->hint_budget = HINT_PROBES;
	resume(e, job);
	for (uint32_t retries = 0;; retries++) {
		status = reserve(e, job);
		if (status == HVCMA_AGAIN || (status && !job->partial))
			break;
		pin_status = pin_grants(e, job, &nr_pinned);
		if (pin_status)
			status = pin_status;
		if (status || !job->left)
			break;
		if (job->fit.quick || retries == MAX_RETRIES) {
			status = VIRTIO_CMA_S_FRAGMENTED;
			break;
		}
		job->host = VIRTIO_CMA_S_OK;
	}
	undo(e, job, status == HVCMA_AGAIN || (status && !job->partial) ? 0 : nr_pinned,
	     nr_pinned);
	if (status == HVCMA_AGAIN)
		suspend(e, job);

	for (uint32_t i = 0; i < job->nr_grants; i++) {
		hvcma_share_take(e, job->owner, e->grants[i].nr);
		hvcma_trace(e, "alloc", e->grants[i].first, e->grants[i].nr,
			    HVCMA_OWNER_CLIENT(job->owner));
	}
	return status;
}

/* Would the job have been granted, had the guest not said that granules are busy? */
static bool is_busy(const struct hvcma_engine *e, const struct hvcma_job *job,
		    enum virtio_cma_status status, const struct hvcma_alloc_stats *stats)
{
	if (!stats->nr_withheld)
		return false;
	switch (status) {
	case VIRTIO_CMA_S_NO_SPACE:
		return nr_wanted(job) <= stats->nr_granules - stats->nr_allocated;
	case VIRTIO_CMA_S_FRAGMENTED:
	case VIRTIO_CMA_S_ADDR_LIMIT:
		return !job->gather && hvcma_alloc_fits_withheld(e->alloc, &job->fit);
	default:
		return false;
	}
}

/*
 * The answer to a job of which not all was granted: its status and detail.
 */
enum virtio_cma_status hvcma_grant_refusal(const struct hvcma_engine *e,
					   const struct hvcma_job *job,
					   enum virtio_cma_status status,
					   struct hvcma_call *call)
{
	struct hvcma_fit_request any = {
		.nr_granules = e->nr_granules,
		.max_dma = UINT64_MAX,
		.quick = job->fit.quick,
	};
	struct hvcma_alloc_stats stats;
	uint64_t granule = 0;

	hvcma_alloc_stats(e->alloc, &stats);
	if (is_busy(e, job, status, &stats)) {
		hvcma_alloc_next_withheld(e->alloc, 0, &granule);
		return hvcma_refuse(call, VIRTIO_CMA_S_BUSY, hvcma_gpa(e, granule));
	}
	switch (status) {
	case VIRTIO_CMA_S_NO_SPACE:
		return hvcma_refuse(call, status, hvcma_bytes(e, stats.nr_free));
	case VIRTIO_CMA_S_FRAGMENTED:
		return hvcma_refuse(call, status,
				    hvcma_bytes(e, hvcma_alloc_longest(e->alloc, &any)));
	case VIRTIO_CMA_S_ADDR_LIMIT:
		return hvcma_refuse(call, status, job->fit.quick ? 0 :
				    hvcma_alloc_lowest_dma(e->alloc));
	case VIRTIO_CMA_S_PIN_LIMIT:
		return hvcma_refuse(call, status, e->config.pin_limit_bytes);
	default:
		return hvcma_refuse(call, status, 0);
	}
}
