// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Block allocator: granule states, and runs kept maximal by boundary tags.
 *
 * The two ends of a run carry its length, so a block that comes back finds the
 * runs beside it, and joins those that continue it by DMA address, in O(1). The two
 * ends of a block alone are marked as allocated; whether a granule between two ends
 * is, its head says.
 * Where runs are looked for is not decided here: see alloc_bins.c (best-fit)
 * and alloc_tree.c (first-fit, next-fit).
 *
 * Cost of hvcma_alloc_block(), n granules, r runs, k granules asked:
 *
 *   alignment <= granule, limit at a zone's end or none	O(1) best-fit,
 *							O(log n) others
 *   alignment of a granules		up to 16 runs of k .. k + a - 2 granules
 *					are tried, then any of k + a - 1 is sure
 *   limit inside a best-fit zone,	up to 16 runs of the zone are tried, then
 *   or any limit otherwise		lower zones, which are sure
 *   if these find nothing and the	every run of k granules or more is tried:
 *   request is not quick		O(r), at most what request.search_budget allows
 *
 * Windows are like a limit inside a zone: what they cut off a run is not known before it is
 * looked at.
 *
 * Learning, forgetting and withholding one granule find the run around it in
 * the bitset of heads, in at most five steps.
 */
#include <string.h>

#include "hv/core/alloc_internal.h"

#define ALIGN_BYTES	64u

static size_t align_up(size_t bytes)
{
	return (bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
}

size_t hvcma_alloc_buffer_bytes(uint64_t nr_granules, enum hvcma_policy policy)
{
	size_t bytes;

	if (!nr_granules || nr_granules > HVCMA_MAX_GRANULES ||
	    (unsigned int)policy >= HVCMA_NR_POLICIES)
		return 0;
	bytes = align_up(sizeof(struct hvcma_alloc));
	bytes += align_up(nr_granules * sizeof(struct hvcma_granule));
	bytes += align_up(4 * hvcma_bitset_words((uint32_t)nr_granules) * sizeof(uint64_t));
	bytes += policy == HVCMA_BEST_FIT ? hvcma_bins_bytes(nr_granules)
					  : hvcma_tree_bytes(nr_granules);
	return align_up(bytes);
}

struct hvcma_alloc *hvcma_alloc_init(void *buffer, size_t buffer_bytes,
				     uint64_t nr_granules,
				     uint64_t granule_bytes,
				     enum hvcma_policy policy)
{
	size_t bytes = hvcma_alloc_buffer_bytes(nr_granules, policy);
	struct hvcma_alloc *a = buffer;
	uint8_t *p = buffer;
	uint32_t nr = (uint32_t)nr_granules;
	uint64_t *words;

	if (!bytes || !buffer || buffer_bytes < bytes || !granule_bytes ||
	    (granule_bytes & (granule_bytes - 1)))
		return NULL;

	a->nr_granules = nr;
	a->shift = (uint32_t)__builtin_ctzll(granule_bytes);
	a->policy = policy;
	p += align_up(sizeof(*a));
	a->granules = (void *)p;
	p += align_up(nr_granules * sizeof(struct hvcma_granule));
	words = (void *)p;
	words = hvcma_bitset_init(&a->heads, words, nr);
	words = hvcma_bitset_init(&a->unknown, words, nr);
	words = hvcma_bitset_init(&a->withheld, words, nr);
	hvcma_bitset_init(&a->extents, words, nr);
	p += align_up(4 * hvcma_bitset_words(nr) * sizeof(uint64_t));
	if (policy == HVCMA_BEST_FIT)
		hvcma_bins_init(a, p);
	else
		hvcma_tree_init(a, p);

	for (uint32_t i = 0; i < nr; i++)
		hvcma_bitset_set(&a->unknown, i);
	a->stats.nr_granules = nr;
	return a;
}

bool hvcma_alloc_cut(struct hvcma_alloc *a, uint64_t granule)
{
	if (!granule || granule >= a->nr_granules || a->nr_cuts == HVCMA_ALLOC_MAX_CUTS)
		return false;
	a->cuts[a->nr_cuts++] = (uint32_t)granule;
	return true;
}

/* --- runs ------------------------------------------------------------- */

static void run_add(struct hvcma_alloc *a, uint32_t head, uint32_t nr)
{
	a->granules[head].nr = nr;
	a->granules[head + nr - 1].nr = nr;
	hvcma_bitset_set(&a->heads, head);
	if (a->policy == HVCMA_BEST_FIT)
		hvcma_bins_insert(a, head);
	else
		hvcma_tree_insert(a, head);
	a->stats.nr_runs++;
	a->stats.nr_free += nr;
}

static uint32_t run_del(struct hvcma_alloc *a, uint32_t head)
{
	uint32_t nr = a->granules[head].nr;

	if (a->policy == HVCMA_BEST_FIT)
		hvcma_bins_remove(a, head);
	else
		hvcma_tree_remove(a, head);
	hvcma_bitset_clear(&a->heads, head);
	a->stats.nr_runs--;
	a->stats.nr_free -= nr;
	return nr;
}

/* [first, first + nr) became free: join it with the runs it continues. */
static void run_join(struct hvcma_alloc *a, uint32_t first, uint32_t nr)
{
	uint32_t end = first + nr;

	if (end < a->nr_granules && hvcma_granule_is_free(a, end) &&
	    hvcma_granule_follows(a, end))
		nr += run_del(a, end);
	if (first && hvcma_granule_is_free(a, first - 1) &&
	    hvcma_granule_follows(a, first)) {
		first -= a->granules[first - 1].nr;
		nr += run_del(a, first);
	}
	run_add(a, first, nr);
}

/* Remove [first, first + nr) from the run at @head; the rest stays in runs. */
static void run_carve(struct hvcma_alloc *a, uint32_t head, uint32_t first,
		      uint32_t nr)
{
	uint32_t end = head + run_del(a, head);

	if (first > head)
		run_add(a, head, first - head);
	if (first + nr < end)
		run_add(a, first + nr, end - first - nr);
}

/* Head of the run or block around a free or allocated granule. */
static uint32_t head_of(const struct hvcma_alloc *a, uint32_t granule)
{
	return hvcma_bitset_prev(&a->heads, granule);
}

static bool is_in_block(const struct hvcma_alloc *a, uint32_t i)
{
	uint8_t tag = a->granules[i].tag;

	return tag & HVCMA_TAG_ALLOCATED ||
	       (tag == HVCMA_TAG_KNOWN &&
		a->granules[head_of(a, i)].tag & HVCMA_TAG_ALLOCATED);
}

/* --- what the allocator is told --------------------------------------- */

static void update_extent_start(struct hvcma_alloc *a, uint32_t i)
{
	bool known = a->granules[i].tag & HVCMA_TAG_KNOWN;
	bool starts = known && !(i && (a->granules[i - 1].tag & HVCMA_TAG_KNOWN) &&
				 hvcma_granule_follows(a, i));

	if (starts == hvcma_bitset_test(&a->extents, i))
		return;
	hvcma_bitset_assign(&a->extents, i, starts);
	if (starts)
		a->stats.nr_extents++;
	else
		a->stats.nr_extents--;
}

bool hvcma_alloc_learn(struct hvcma_alloc *a, uint64_t granule, uint64_t dma)
{
	uint64_t granule_bytes = UINT64_C(1) << a->shift;
	bool known = dma != HVCMA_DMA_UNKNOWN;
	uint32_t i = (uint32_t)granule;
	struct hvcma_granule *g;

	if (granule >= a->nr_granules)
		return false;
	g = &a->granules[i];
	if (is_in_block(a, i))
		return false;
	if (known && ((dma & (granule_bytes - 1)) || dma > UINT64_MAX - granule_bytes))
		return false;
	if (known == (bool)(g->tag & HVCMA_TAG_KNOWN) && (!known || dma == g->dma))
		return true;

	if (hvcma_granule_is_free(a, i))
		run_carve(a, head_of(a, i), i, 1);
	if (g->tag & HVCMA_TAG_KNOWN)
		a->stats.nr_known--;
	if (known) {
		g->dma = dma;
		g->tag |= HVCMA_TAG_KNOWN;
		a->stats.nr_known++;
	} else {
		g->tag &= (uint8_t)~HVCMA_TAG_KNOWN;
	}
	hvcma_bitset_assign(&a->unknown, i, !known);
	update_extent_start(a, i);
	if (i + 1 < a->nr_granules)
		update_extent_start(a, i + 1);
	if (hvcma_granule_is_free(a, i))
		run_join(a, i, 1);
	return true;
}

bool hvcma_alloc_withhold(struct hvcma_alloc *a, uint64_t granule, bool on)
{
	uint32_t i = (uint32_t)granule;
	struct hvcma_granule *g;

	if (granule >= a->nr_granules)
		return false;
	g = &a->granules[i];
	if (is_in_block(a, i))
		return false;
	if (on == (bool)(g->tag & HVCMA_TAG_WITHHELD))
		return true;

	if (on) {
		if (hvcma_granule_is_free(a, i))
			run_carve(a, head_of(a, i), i, 1);
		g->tag |= HVCMA_TAG_WITHHELD;
		a->stats.nr_withheld++;
	} else {
		g->tag &= (uint8_t)~HVCMA_TAG_WITHHELD;
		a->stats.nr_withheld--;
		if (hvcma_granule_is_free(a, i))
			run_join(a, i, 1);
	}
	hvcma_bitset_assign(&a->withheld, i, on);
	return true;
}

/* --- blocks ----------------------------------------------------------- */

/* Highest DMA address that windows lead to, as far as their bus addresses are at most @max_bus. */
static uint64_t highest_dma(const struct hvcma_dma_windows *w, uint64_t max_bus)
{
	uint64_t from = 0, first, bytes, highest = 0;

	while (hvcma_dma_windows_reach(w, from, UINT64_MAX - from, max_bus, &first, &bytes)) {
		highest = first + bytes - 1;
		from = first + bytes;
	}
	return highest;
}

/* False if no block of this size can exist here, or the request is malformed. */
static bool want_from(const struct hvcma_alloc *a,
		      const struct hvcma_fit_request *req, struct hvcma_fit_constraints *want)
{
	uint64_t granule_bytes = UINT64_C(1) << a->shift;
	uint64_t slack = 0;

	if (!req->nr_granules || req->nr_granules > a->nr_granules ||
	    (req->align_bytes & (req->align_bytes - 1)))
		return false;
	if (req->align_bytes >> a->shift)
		slack = (req->align_bytes >> a->shift) - 1;
	want->nr = (uint32_t)req->nr_granules;
	want->slack = slack < a->nr_granules ? (uint32_t)slack : a->nr_granules;
	want->align_mask = slack << a->shift;
	want->max_dma = req->max_dma;
	want->windows = req->windows;
	want->align_low_mask = 0;
	want->max_bus = req->max_dma;
	if (req->windows) {
		want->max_dma = highest_dma(req->windows, req->max_dma);
		if (req->align_bytes)
			want->align_low_mask = (req->align_bytes - 1) & (granule_bytes - 1);
	}
	want->quick = req->quick;
	want->search_budget = req->search_budget;
	return true;
}

/*
 *	run	    |....|....|....|....|....|....|
 *	windows	 |        )[    )       [             )
 *	granules     ....           ....  ....  ....	inside of one; as long as one goes on
 */
uint32_t hvcma_usable_in_windows(const struct hvcma_alloc *a, uint32_t first, uint32_t nr,
				 const struct hvcma_fit_constraints *want, uint32_t *at)
{
	uint64_t mask = (UINT64_C(1) << a->shift) - 1;
	uint64_t dma = a->granules[first].dma, end = dma + ((uint64_t)nr << a->shift);
	uint64_t part, bytes, from = dma;
	uint32_t best = 0;

	while (best < want->nr && from < end &&
	       hvcma_dma_windows_reach(want->windows, from, end - from, want->max_bus, &part,
				       &bytes)) {
		uint64_t start = (part + mask) & ~mask, stop = (part + bytes) & ~mask, pad, bus;

		from = part + bytes;
		if (start >= stop ||
		    !hvcma_dma_windows_to_bus(want->windows, start, stop - start, &bus) ||
		    bus & want->align_low_mask)
			continue;
		pad = -bus & want->align_mask & ~mask;
		if (pad >= stop - start || (stop - start - pad) >> a->shift <= best)
			continue;
		best = (uint32_t)((stop - start - pad) >> a->shift);
		*at = first + (uint32_t)((start + pad - dma) >> a->shift);
	}
	return best;
}

static uint32_t find(const struct hvcma_alloc *a, const struct hvcma_fit_constraints *want,
		     uint32_t *at)
{
	return a->policy == HVCMA_BEST_FIT ? hvcma_bins_find(a, want, at)
					   : hvcma_tree_find(a, want, at);
}

static void mark_ends(struct hvcma_alloc *a, uint32_t first, uint32_t nr, uint8_t tag)
{
	a->granules[first].tag = tag;
	a->granules[first + nr - 1].tag = tag;
}

static void take(struct hvcma_alloc *a, uint32_t head, uint32_t first, uint32_t nr)
{
	run_carve(a, head, first, nr);
	mark_ends(a, first, nr, HVCMA_TAG_KNOWN | HVCMA_TAG_ALLOCATED);
	a->granules[first].nr = nr;
	a->granules[first].owner = 0;
	hvcma_bitset_set(&a->heads, first);
	a->stats.nr_blocks++;
	a->stats.nr_allocated += nr;
}

enum hvcma_fit hvcma_alloc_block(struct hvcma_alloc *a,
				 const struct hvcma_fit_request *req,
				 uint64_t *first)
{
	struct hvcma_fit_constraints want;
	uint32_t head, at;

	if (!want_from(a, req, &want) || want.nr > a->stats.nr_free)
		return HVCMA_FIT_NO_SPACE;
	head = find(a, &want, &at);
	if (head == HVCMA_NONE) {
		if (!want.windows && want.max_dma == UINT64_MAX)
			return HVCMA_FIT_FRAGMENTED;
		want.windows = NULL;
		want.max_dma = UINT64_MAX;
		return find(a, &want, &at) == HVCMA_NONE ? HVCMA_FIT_FRAGMENTED
							 : HVCMA_FIT_ADDR_LIMIT;
	}
	take(a, head, at, want.nr);
	a->cursor = at + want.nr < a->nr_granules ? at + want.nr : 0;
	*first = at;
	return HVCMA_FIT_OK;
}

bool hvcma_alloc_block_within(struct hvcma_alloc *a, uint64_t first, uint64_t nr,
			      const struct hvcma_fit_request *req,
			      uint32_t *budget, uint64_t *block)
{
	struct hvcma_fit_constraints want;
	uint32_t head, start, end, from, to, at = 0;

	if (first >= a->nr_granules || nr > a->nr_granules - first ||
	    !want_from(a, req, &want))
		return false;
	start = (uint32_t)first;
	end = (uint32_t)(first + nr);
	head = hvcma_granule_is_free(a, start) ? head_of(a, start)
					       : hvcma_bitset_next(&a->heads, start);
	while (head < end && *budget) {
		--*budget;
		to = head + a->granules[head].nr;
		if (hvcma_granule_is_free(a, head)) {
			from = head > start ? head : start;
			if (hvcma_usable(a, from, (to < end ? to : end) - from, &want,
					 &at) >= want.nr) {
				take(a, head, at, want.nr);
				*block = at;
				return true;
			}
		}
		head = to < end ? hvcma_bitset_next(&a->heads, to) : HVCMA_NONE;
	}
	return false;
}

bool hvcma_alloc_block_at(struct hvcma_alloc *a, uint64_t first,
			  const struct hvcma_fit_request *req)
{
	struct hvcma_fit_constraints want;
	uint32_t head, at = 0;

	if (!want_from(a, req, &want) || first >= a->nr_granules ||
	    !hvcma_granule_is_free(a, (uint32_t)first) || is_in_block(a, (uint32_t)first))
		return false;
	head = head_of(a, (uint32_t)first);
	if (hvcma_usable(a, (uint32_t)first,
			 head + a->granules[head].nr - (uint32_t)first, &want,
			 &at) < want.nr || at != first)
		return false;
	take(a, head, at, want.nr);
	return true;
}

/*
 * End of the stretch of free and withheld granules, consecutive by address, that
 * the run or the withheld granule at @i begins.
 */
static uint32_t stretch_end(const struct hvcma_alloc *a, uint32_t i, uint64_t *search_budget)
{
	uint32_t end = i;

	while (*search_budget && end < a->nr_granules &&
	       (end == i || hvcma_granule_follows(a, end)) &&
	       (a->granules[end].tag & (uint8_t)~HVCMA_TAG_WITHHELD) == HVCMA_TAG_KNOWN) {
		--*search_budget;
		end += hvcma_granule_is_free(a, end) ? a->granules[end].nr : 1;
	}
	return end;
}

/*
 *	. . w w . . A . w ? . w	. free, w withheld, An allocated, ? unknown
 *	[         )   [ )     [ )	looked at
 */
bool hvcma_alloc_fits_withheld(const struct hvcma_alloc *a,
			       const struct hvcma_fit_request *req)
{
	uint64_t unlimited, *search_budget;
	struct hvcma_fit_constraints want;
	uint32_t i, from, end, at;

	if (!want_from(a, req, &want))
		return false;
	search_budget = hvcma_fit_budget(&want, &unlimited);
	for (i = hvcma_bitset_next(&a->withheld, 0); i != HVCMA_NONE && *search_budget;
	     i = hvcma_bitset_next(&a->withheld, end)) {
		from = i;
		if (i && (a->granules[i].tag & HVCMA_TAG_KNOWN) &&
		    hvcma_granule_is_free(a, i - 1) && hvcma_granule_follows(a, i))
			from = head_of(a, i - 1);
		end = stretch_end(a, from, search_budget);
		if (end > from && hvcma_usable(a, from, end - from, &want, &at) >= want.nr)
			return true;
		if (end <= i)
			end = i + 1;
	}
	return false;
}

uint64_t hvcma_alloc_longest(const struct hvcma_alloc *a,
			     const struct hvcma_fit_request *req)
{
	struct hvcma_fit_request clipped = *req;
	struct hvcma_fit_constraints want;

	if (clipped.nr_granules > a->nr_granules)
		clipped.nr_granules = a->nr_granules;
	if (!want_from(a, &clipped, &want))
		return 0;
	return a->policy == HVCMA_BEST_FIT ? hvcma_bins_longest(a, &want)
					   : hvcma_tree_longest(a, &want);
}

uint64_t hvcma_alloc_lowest_dma(const struct hvcma_alloc *a)
{
	return a->policy == HVCMA_BEST_FIT ? hvcma_bins_lowest_dma(a)
					   : hvcma_tree_lowest_dma(a);
}

uint64_t hvcma_alloc_block_granules(const struct hvcma_alloc *a, uint64_t first)
{
	if (first >= a->nr_granules ||
	    !(a->granules[first].tag & HVCMA_TAG_ALLOCATED) ||
	    !hvcma_bitset_test(&a->heads, (uint32_t)first))
		return 0;
	return a->granules[first].nr;
}

bool hvcma_alloc_free(struct hvcma_alloc *a, uint64_t first, uint64_t nr)
{
	if (!nr || hvcma_alloc_block_granules(a, first) != nr)
		return false;
	mark_ends(a, (uint32_t)first, (uint32_t)nr, HVCMA_TAG_KNOWN);
	hvcma_bitset_clear(&a->heads, (uint32_t)first);
	a->stats.nr_blocks--;
	a->stats.nr_allocated -= nr;
	run_join(a, (uint32_t)first, (uint32_t)nr);
	return true;
}

bool hvcma_alloc_split(struct hvcma_alloc *a, uint64_t first, uint64_t nr)
{
	uint64_t all = hvcma_alloc_block_granules(a, first);
	struct hvcma_granule *head, *rest;

	if (!nr || nr >= all)
		return false;
	head = &a->granules[first];
	rest = &a->granules[first + nr];
	head->nr = (uint32_t)nr;
	rest->nr = (uint32_t)(all - nr);
	rest->owner = head->owner;
	rest->tag |= HVCMA_TAG_ALLOCATED;
	rest[-1].tag |= HVCMA_TAG_ALLOCATED;
	hvcma_bitset_set(&a->heads, (uint32_t)(first + nr));
	a->stats.nr_blocks++;
	return true;
}

bool hvcma_alloc_join(struct hvcma_alloc *a, uint64_t first)
{
	uint64_t nr = hvcma_alloc_block_granules(a, first);
	uint64_t more = nr ? hvcma_alloc_block_granules(a, first + nr) : 0;

	if (!more || !hvcma_granule_follows(a, (uint32_t)(first + nr)))
		return false;
	mark_ends(a, (uint32_t)(first + nr - 1), 2, HVCMA_TAG_KNOWN);
	mark_ends(a, (uint32_t)first, (uint32_t)(nr + more),
		  HVCMA_TAG_KNOWN | HVCMA_TAG_ALLOCATED);
	a->granules[first].nr = (uint32_t)(nr + more);
	hvcma_bitset_clear(&a->heads, (uint32_t)(first + nr));
	a->stats.nr_blocks--;
	return true;
}

bool hvcma_alloc_block_around(const struct hvcma_alloc *a, uint64_t granule,
			      uint64_t *first, uint64_t *nr)
{
	if (!hvcma_alloc_is_allocated(a, granule))
		return false;
	*first = head_of(a, (uint32_t)granule);
	*nr = a->granules[*first].nr;
	return true;
}

void hvcma_alloc_copy_heads(const struct hvcma_alloc *a, struct hvcma_bitset *set)
{
	for (uint32_t l = 0; l < set->nr_levels; l++)
		memcpy(set->level[l], a->heads.level[l],
		       set->nr_words[l] * sizeof(*set->level[l]));
}

bool hvcma_alloc_set_owner(struct hvcma_alloc *a, uint64_t first, uint64_t owner)
{
	if (!hvcma_alloc_block_granules(a, first))
		return false;
	a->granules[first].owner = owner;
	return true;
}

uint64_t hvcma_alloc_owner(const struct hvcma_alloc *a, uint64_t first)
{
	return hvcma_alloc_block_granules(a, first) ? a->granules[first].owner : 0;
}

/* --- looking around --------------------------------------------------- */

uint64_t hvcma_alloc_dma(const struct hvcma_alloc *a, uint64_t granule)
{
	if (granule >= a->nr_granules ||
	    !(a->granules[granule].tag & HVCMA_TAG_KNOWN))
		return HVCMA_DMA_UNKNOWN;
	return a->granules[granule].dma;
}

bool hvcma_alloc_is_allocated(const struct hvcma_alloc *a, uint64_t granule)
{
	return granule < a->nr_granules && is_in_block(a, (uint32_t)granule);
}

bool hvcma_alloc_is_withheld(const struct hvcma_alloc *a, uint64_t granule)
{
	return granule < a->nr_granules &&
	       (a->granules[granule].tag & HVCMA_TAG_WITHHELD);
}

bool hvcma_alloc_next_withheld(const struct hvcma_alloc *a, uint64_t from,
			       uint64_t *granule)
{
	uint32_t i;

	if (from >= a->nr_granules)
		return false;
	i = hvcma_bitset_next(&a->withheld, (uint32_t)from);
	if (i == HVCMA_NONE)
		return false;
	*granule = i;
	return true;
}

bool hvcma_alloc_next_block(const struct hvcma_alloc *a, uint64_t from,
			    uint64_t *first, uint64_t *nr)
{
	uint32_t i;

	if (from >= a->nr_granules)
		return false;
	i = hvcma_bitset_next(&a->heads, (uint32_t)from);
	while (i != HVCMA_NONE && hvcma_granule_is_free(a, i))
		i = hvcma_bitset_next(&a->heads, i + a->granules[i].nr);
	if (i == HVCMA_NONE)
		return false;
	*first = i;
	*nr = a->granules[i].nr;
	return true;
}

bool hvcma_alloc_next_unknown(const struct hvcma_alloc *a, uint64_t from,
			      uint64_t max_granules, uint64_t *first,
			      uint64_t *nr)
{
	uint32_t i, end;

	if (from >= a->nr_granules || !max_granules)
		return false;
	i = hvcma_bitset_next(&a->unknown, (uint32_t)from);
	while (i != HVCMA_NONE && (a->granules[i].tag & HVCMA_TAG_WITHHELD))
		i = hvcma_bitset_next(&a->unknown, i + 1);
	if (i == HVCMA_NONE)
		return false;
	for (end = i + 1; end < a->nr_granules && end - i < max_granules &&
	     !a->granules[end].tag; end++)
		;
	*first = i;
	*nr = end - i;
	return true;
}

bool hvcma_alloc_next_extent(const struct hvcma_alloc *a, uint64_t from,
			     uint64_t *first, uint64_t *nr)
{
	uint32_t i, end, unknown;

	if (from >= a->nr_granules)
		return false;
	i = hvcma_bitset_next(&a->extents, (uint32_t)from);
	if (i == HVCMA_NONE)
		return false;
	end = hvcma_bitset_next(&a->extents, i + 1);
	if (end > a->nr_granules)
		end = a->nr_granules;
	unknown = hvcma_bitset_next(&a->unknown, i);
	*first = i;
	*nr = (unknown < end ? unknown : end) - i;
	return true;
}

bool hvcma_alloc_nth_extent(const struct hvcma_alloc *a, uint64_t nth,
			    uint64_t *first)
{
	uint32_t i = hvcma_bitset_nth(&a->extents, nth);

	if (i == HVCMA_NONE)
		return false;
	*first = i;
	return true;
}

uint64_t hvcma_alloc_alike(const struct hvcma_alloc *a, uint64_t first, uint64_t max)
{
	uint32_t i = (uint32_t)first, end = i, head;
	uint8_t tag;

	if (first >= a->nr_granules || !max)
		return 0;
	head = a->granules[i].tag & HVCMA_TAG_KNOWN &&
	       !(a->granules[i].tag & HVCMA_TAG_WITHHELD) ? head_of(a, i) : i;
	tag = a->granules[head].tag;
	do {	/* whole runs and blocks, or one granule that is in neither */
		end = head + (tag & HVCMA_TAG_KNOWN && !(tag & HVCMA_TAG_WITHHELD) ?
			      a->granules[head].nr : 1);
		head = end;
	} while (end < a->nr_granules && end - i < max && a->granules[end].tag == tag &&
		 (!(tag & HVCMA_TAG_KNOWN) || hvcma_granule_follows(a, end)));
	return end - i < max ? end - i : max;
}

uint64_t hvcma_alloc_free_before(const struct hvcma_alloc *a, uint64_t granule)
{
	uint32_t i = (uint32_t)granule - 1;

	if (!granule || granule > a->nr_granules || !hvcma_granule_is_free(a, i) ||
	    is_in_block(a, i))
		return 0;
	return granule - head_of(a, i);
}

void hvcma_alloc_stats(const struct hvcma_alloc *a,
		       struct hvcma_alloc_stats *stats)
{
	*stats = a->stats;
}
