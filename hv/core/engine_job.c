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
#define SEARCH_BUDGET		(UINT64_C(1) << 18)	/* runs looked at in the worst case */

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

/* --- reserve: blocks of the allocator, not pinned yet ------------------ */

static bool take_hinted(struct hvcma_engine *e, const struct hvcma_fit_request *fit,
			struct hvcma_job *job, uint64_t *first)
{
	for (uint32_t i = 0; i < job->nr_hints && job->hint_budget; i++) {
		struct hvcma_granule_range at = { 0 };
		struct virtio_cma_range hint;

		memcpy(&hint, job->hints + i * sizeof(hint), sizeof(hint));
		job->hint_budget--;
		if (hvcma_ranges_find(e, hvcma_from_le64(hint.base_gpa),
				      hvcma_from_le64(hint.bytes), &at) &&
		    hvcma_alloc_block_within(e->alloc, at.first, at.nr, fit, &job->hint_budget,
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

	if (job->nr_granted == job->max_granted) {
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
	hvcma_reserve_block(e, first, job->owner);
	e->granted[job->nr_granted].first = (uint32_t)first;
	e->granted[job->nr_granted].nr = (uint32_t)fit.nr_granules;
	job->nr_granted++;
	job->left -= fit.nr_granules;
	return true;
}

/* Granules that are worth looking at in one go. */
static uint64_t back_most(const struct hvcma_job *job)
{
	uint64_t most = job->back_budget ? job->back_budget : 1;

	return job->left < most ? job->left : most;
}

/* Would so much in one piece do, wherever the best of pages come from? */
static bool has_place(const struct hvcma_fit_request *fit, uint64_t bytes)
{
	uint64_t from = 0, first, room = fit->max_dma;

	if (!fit->windows)
		return room >= bytes - 1;
	for (; hvcma_dma_windows_reach(fit->windows, from, UINT64_MAX - from, fit->max_dma,
				       &first, &room); from = first + room)
		if (room >= bytes)
			return true;
	return false;
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

	if (job->fit.quick || job->nr_granted == job->max_granted || !is_possible(e, job) ||
	    !has_place(&job->fit, hvcma_bytes(e, job->gather ? 1 : wanted)))
		return false;

	if (job->back_chunk > job->left)
		job->back_chunk = job->left;
	while (hvcma_alloc_next_unknown(e->alloc, job->back_from, back_most(job), &first, &nr)) {
		if (!job->back_budget) {
			job->again = true;
			return false;
		}
		uint64_t before = job->gather ? 0 : hvcma_alloc_free_before(e->alloc, first);
		uint64_t need = before < wanted ? wanted - before : 1;
		uint64_t most = need;
		enum virtio_cma_status status;

		if (job->left > wanted && most < job->back_chunk)
			most = job->back_chunk;
		if (nr > most)
			nr = most;
		if (nr >= job->back_refused) {
			job->back_from = first + nr;
			continue;
		}
		if (e->ops->prepare && !e->ops->prepare(e->opaque, first, nr)) {
			job->again = true;
			return false;
		}
		job->back_budget -= nr;
		status = e->ops->back(e->opaque, first, nr);
		if (status) {
			job->host = hvcma_host_status(status);
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

/* What drains is waited for before anything new is backed. */
static enum virtio_cma_status reserve(struct hvcma_engine *e, struct hvcma_job *job)
{
	bool possible = job->nr_granted || is_possible(e, job);

	while (job->left) {
		if (job->part_drains) {
			if (hvcma_engine_is_draining(e) && hvcma_drain_pending(e))
				return HVCMA_AGAIN;
			if (e->nr_draining)	/* quarantine */
				return VIRTIO_CMA_S_PIN_LIMIT;
			job->part_drains = false;
		}
		if (possible && take_one(e, job))
			continue;
		if (hvcma_engine_is_draining(e)) {
			if (hvcma_drain_pending(e))
				return HVCMA_AGAIN;
			possible = job->nr_granted || is_possible(e, job);
			continue;
		}
		if (!possible)
			return VIRTIO_CMA_S_NO_SPACE;
		if (!back_some(e, job))
			return job->again ? HVCMA_AGAIN : why_not(job);
	}
	return VIRTIO_CMA_S_OK;
}

/* --- pin and verify --------------------------------------------------- */

/* Do the granules have the addresses that the allocator knows? Always, where all is pinned. */
static enum virtio_cma_status compare_addresses(struct hvcma_engine *e, uint64_t first,
						uint64_t nr, bool *same)
{
	*same = true;
	for (uint64_t end = first + nr; !e->pins_all && first < end; first += nr) {
		enum virtio_cma_status status;

		nr = end - first < HVCMA_DMA_CHUNK ? end - first : HVCMA_DMA_CHUNK;
		status = e->ops->dma_addr(e->opaque, first, nr, e->dma);
		if (status)
			return hvcma_host_status(status);
		for (uint64_t i = 0; i < nr; i++)
			if (e->dma[i] != hvcma_alloc_dma(e->alloc, first + i))
				*same = false;
	}
	return VIRTIO_CMA_S_OK;
}

/* A block that is pinned has no UNPINNED mark, and is in non-coherent use if need be. */
static void note_pinned(struct hvcma_engine *e, const struct hvcma_granule_range *g)
{
	hvcma_block_is_pinned(e, g->first);
	hvcma_noncoherent_pinned(e, g);
}

/*
 * A block that was just pinned may have moved before. Keep it if it still is
 * what was asked for, else free it and say so in @kept.
 */
static enum virtio_cma_status settle(struct hvcma_engine *e, struct hvcma_job *job,
				     const struct hvcma_granule_range *g, bool *kept)
{
	struct hvcma_fit_request fit = job->fit;
	enum virtio_cma_status status;

	fit.nr_granules = g->nr;
	hvcma_trace(e, "moved", g->first, g->nr, 0);
	hvcma_block_release(e, g->first);
	status = hvcma_learn_range(e, g->first, g->nr, true);
	*kept = !status && hvcma_alloc_block_at(e->alloc, g->first, &fit);
	if (*kept) {
		hvcma_reserve_block(e, g->first, job->owner);
		note_pinned(e, g);
	} else {
		hvcma_unpin(e, g->first, g->nr);
	}
	return status;
}

/* Forget granted [from, to), whose blocks are back in the allocator. */
static void forget_granted(struct hvcma_engine *e, struct hvcma_job *job,
			   uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		job->left += e->granted[i].nr;
	memmove(&e->granted[from], &e->granted[to],
		(job->nr_granted - to) * sizeof(e->granted[0]));
	job->nr_granted -= to - from;
}

/*
 * Verify granted [from, *to), which were just pinned and are adjacent. Those that
 * moved and do not serve any more are forgotten, and *to comes down accordingly;
 * after a failure none of [from, *to) is pinned or granted.
 */
static enum virtio_cma_status verify(struct hvcma_engine *e, struct hvcma_job *job,
				     uint32_t from, uint32_t *to, uint64_t first,
				     uint64_t nr)
{
	enum virtio_cma_status status;
	uint32_t i = from;
	bool same, kept;

	status = compare_addresses(e, first, nr, &same);
	for (; !status && same && i < *to; i++)
		note_pinned(e, &e->granted[i]);
	while (!status && i < *to) {
		status = settle(e, job, &e->granted[i], &kept);
		if (kept) {
			i++;
		} else {
			forget_granted(e, job, i, i + 1);
			--*to;
		}
	}
	if (!status)
		return status;
	for (uint32_t k = from; k < *to; k++) {
		hvcma_unpin(e, e->granted[k].first, e->granted[k].nr);
		hvcma_block_release(e, e->granted[k].first);
	}
	forget_granted(e, job, from, *to);
	*to = from;
	return status;
}

/*
 * The host says that granules which the engine believes backed are not: look
 * again. OK if there is news, which makes a new search worthwhile.
 */
static enum virtio_cma_status look_again(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	enum virtio_cma_status status;
	bool same;

	status = compare_addresses(e, first, nr, &same);
	return status || !same ? status : VIRTIO_CMA_S_NO_BACKING;
}

/* Granted blocks from @from on that are adjacent: as many as may be pinned at once. */
static uint32_t adjacent_end(const struct hvcma_engine *e, const struct hvcma_job *job,
			     uint32_t from, uint64_t *nr)
{
	uint32_t end = from + 1;

	*nr = e->granted[from].nr;
	while (end < job->nr_granted && end - from < job->pin_max_blocks &&
	       e->granted[end].first == e->granted[from].first + *nr &&
	       *nr + e->granted[end].nr <= job->pin_budget)
		*nr += e->granted[end++].nr;
	return end;
}

/* The granted block that is pinned in part is undone: what is pinned of it drains. */
static void drain_part(struct hvcma_engine *e, struct hvcma_job *job)
{
	const struct hvcma_granule_range g = e->granted[job->nr_pinned];

	if (job->nr_part)
		hvcma_drain_block(e, g.first);
	job->part_drains |= job->nr_part;
	if (job->nr_part < g.nr)
		hvcma_block_release(e, g.first + job->nr_part);
	forget_granted(e, job, job->nr_pinned, job->nr_pinned + 1);
	job->nr_part = 0;
}

/* The next piece of a block that is too long to be pinned at once. */
static enum virtio_cma_status pin_piece(struct hvcma_engine *e, struct hvcma_job *job)
{
	const struct hvcma_granule_range g = e->granted[job->nr_pinned];
	struct hvcma_granule_range piece = {
		.first = g.first + (uint32_t)job->nr_part,
		.nr = g.nr - (uint32_t)job->nr_part,
	};
	enum virtio_cma_status status;
	bool same = true;

	if (piece.nr > job->pin_budget)
		piece.nr = (uint32_t)job->pin_budget;
	job->pin_budget -= piece.nr;
	status = hvcma_pin(e, piece.first, piece.nr);
	if (!status) {
		status = compare_addresses(e, piece.first, piece.nr, &same);
		if (status || !same)
			hvcma_unpin(e, piece.first, piece.nr);
	} else if (status == VIRTIO_CMA_S_NO_BACKING) {
		status = look_again(e, piece.first, piece.nr);
		same = false;
	}
	if (status)
		return status;
	if (!same) {
		hvcma_trace(e, "moved", piece.first, piece.nr, 0);
		drain_part(e, job);
		return hvcma_learn_range(e, piece.first, piece.nr, false);
	}

	if (job->nr_part + piece.nr < g.nr)
		hvcma_block_split(e, piece.first, piece.nr);
	note_pinned(e, &piece);
	if (job->nr_part)
		hvcma_block_join(e, g.first);
	job->nr_part += piece.nr;
	if (job->nr_part == g.nr) {
		job->nr_pinned++;
		job->nr_part = 0;
	}
	return VIRTIO_CMA_S_OK;
}

/* The next granted ones that are adjacent, in one call; if it is refused, half as many. */
static enum virtio_cma_status pin_stretch(struct hvcma_engine *e, struct hvcma_job *job)
{
	const struct hvcma_granule_range g = e->granted[job->nr_pinned];
	enum virtio_cma_status status;
	uint64_t nr;
	uint32_t end = adjacent_end(e, job, job->nr_pinned, &nr);

	job->pin_budget -= nr;
	status = hvcma_pin(e, g.first, nr);
	if (!status) {
		status = verify(e, job, job->nr_pinned, &end, g.first, nr);
		job->nr_pinned = end;
		return status;
	}
	if (end - job->nr_pinned > 1) {
		job->pin_max_blocks = (end - job->nr_pinned) / 2;
		return VIRTIO_CMA_S_OK;
	}
	if (status != VIRTIO_CMA_S_NO_BACKING)
		return status;
	status = look_again(e, g.first, g.nr);
	if (status)
		return status;
	hvcma_block_release(e, g.first);
	forget_granted(e, job, job->nr_pinned, end);
	return hvcma_learn_range(e, g.first, g.nr, false);
}

/* OK when all granted are pinned and have their final address. */
static enum virtio_cma_status pin_granted(struct hvcma_engine *e, struct hvcma_job *job)
{
	enum virtio_cma_status status = VIRTIO_CMA_S_OK;

	while (!status && job->nr_pinned < job->nr_granted) {
		if (!job->pin_budget)
			return HVCMA_AGAIN;
		if (job->nr_part || e->granted[job->nr_pinned].nr > job->pin_budget)
			status = pin_piece(e, job);
		else
			status = pin_stretch(e, job);
	}
	return status;
}

/* --- the whole -------------------------------------------------------- */

/* Undo granted from @from on: what is pinned drains. */
static void undo(struct hvcma_engine *e, struct hvcma_job *job, uint32_t from)
{
	bool drains = job->nr_part || job->nr_pinned > from;

	if (job->nr_part)
		drain_part(e, job);
	for (uint32_t i = from; i < job->nr_granted; i++) {
		if (i < job->nr_pinned)
			hvcma_drain_block(e, e->granted[i].first);
		else
			hvcma_block_release(e, e->granted[i].first);
	}
	forget_granted(e, job, from, job->nr_granted);
	if (job->nr_pinned > from)
		job->nr_pinned = from;
	if (drains)
		hvcma_drain_step(e);
}

void hvcma_job_forget(struct hvcma_engine *e)
{
	if (e->pending_alloc.pending)
		undo(e, &e->pending_alloc.job, 0);
	e->pending_alloc.pending = false;
}

void hvcma_engine_forget_pending(struct hvcma_engine *e)
{
	hvcma_job_forget(e);
	hvcma_pending_free_forget(e);
	hvcma_noncoherent_forget(e);
	hvcma_engine_check(e);
}

/* Of a job that has got nothing yet. */
void hvcma_job_begin(struct hvcma_job *job)
{
	job->nr_granted = 0;
	job->nr_pinned = 0;
	job->nr_part = 0;
	job->part_drains = false;
	job->retries = 0;
	job->pin_max_blocks = UINT32_MAX;
	job->host = VIRTIO_CMA_S_OK;
	job->back_from = 0;
	job->back_refused = UINT64_MAX;
	job->back_chunk = job->left;
}

/*
 * Return: OK when all of the job is granted; HVCMA_AGAIN when it takes another
 * call; else why not, and then nothing is granted unless the job is partial: see
 * job->nr_granted.
 */
enum virtio_cma_status hvcma_job_run(struct hvcma_engine *e, struct hvcma_job *job)
{
	enum virtio_cma_status status, pin_status;

	job->fit.search_budget = &job->search_budget;
	job->search_budget = SEARCH_BUDGET;
	job->hint_budget = HINT_PROBES;
	job->again = false;
	job->back_budget = e->config.back_max_granules ? e->config.back_max_granules
						       : e->nr_granules;
	job->pin_budget = hvcma_pin_budget(e);
	for (;; job->retries++) {
		status = reserve(e, job);
		if (status == HVCMA_AGAIN)
			return status;
		if (status && !job->partial)
			break;
		pin_status = pin_granted(e, job);
		if (pin_status == HVCMA_AGAIN)
			return pin_status;
		if (pin_status)
			status = pin_status;
		if (status || !job->left)
			break;
		if (job->fit.quick || job->retries == MAX_RETRIES) {
			status = VIRTIO_CMA_S_FRAGMENTED;
			break;
		}
		job->host = VIRTIO_CMA_S_OK;
	}
	undo(e, job, status && !job->partial ? 0 : job->nr_pinned);

	for (uint32_t i = 0; i < job->nr_granted; i++) {
		hvcma_block_publish(e, e->granted[i].first);
		hvcma_trace(e, "alloc", e->granted[i].first, e->granted[i].nr,
			    HVCMA_OWNER_CLIENT(job->owner));
	}
	return status;
}

/* Would the job have been granted, had the guest not said that granules are busy? */
static bool is_busy(const struct hvcma_engine *e, const struct hvcma_job *job,
		    enum virtio_cma_status status, const struct hvcma_alloc_stats *stats)
{
	if (stats->nr_withheld == e->nr_surrendered)
		return false;
	switch (status) {
	case VIRTIO_CMA_S_NO_SPACE:
		return nr_wanted(job) <= stats->nr_granules - stats->nr_allocated - e->nr_surrendered;
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
enum virtio_cma_status hvcma_job_refusal(const struct hvcma_engine *e,
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
