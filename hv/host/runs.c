// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs of host-physical memory: see runs.h.
 */
#include "hv/host/runs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "hv/host/provider.h"

struct page {
	uint64_t hpa;
	uint64_t at;			/* where it is in the caller's list */
	bool taken;
};

struct run {
	uint64_t first, nr;		/* of the pages, by address */
};

struct chooser {
	uint64_t page_bytes;
	struct page *page;		/* in order of addresses */
	uint64_t nr_pages;
	struct run *run;		/* those that are not taken: the longest first */
	uint64_t nr_runs;
	uint64_t *order;
	uint64_t nr_chosen;
};

static bool is_below(uint64_t hpa, uint64_t page_bytes, uint64_t limit)
{
	return hpa < limit && limit - hpa >= page_bytes;
}

void hvcma_runs_count(const uint64_t *hpa, const struct hvcma_runs_want *want,
		      struct hvcma_runs *runs)
{
	struct hvcma_runs sum = { 0 };
	uint64_t length = 0;

	for (uint64_t i = 0; i < want->nr; i++) {
		bool goes_on = i && hpa[i] < HVCMA_HPA_SWAPPED && hpa[i] - hpa[i - 1] == want->page_bytes;

		length = goes_on ? length + 1 : 1;
		sum.nr += !goes_on;
		if (length > sum.longest)
			sum.longest = length;
		sum.nr_low += i < want->low_nr && is_below(hpa[i], want->page_bytes, want->low_limit);
	}
	*runs = sum;
}

static int by_address(const void *a, const void *b)
{
	const struct page *p = a, *q = b;

	return (p->hpa > q->hpa) - (p->hpa < q->hpa);
}

/* The longest first; of equals the highest: the pages are in order already. */
static int by_length(const void *a, const void *b)
{
	const struct run *r = a, *s = b;

	if (r->nr != s->nr)
		return r->nr < s->nr ? 1 : -1;
	return (r->first < s->first) - (r->first > s->first);
}

/* Of what is not taken, and below @limit. */
static void find_runs(struct chooser *c, uint64_t limit)
{
	struct run *run = NULL;

	c->nr_runs = 0;
	for (uint64_t i = 0; i < c->nr_pages && is_below(c->page[i].hpa, c->page_bytes, limit); i++) {
		if (c->page[i].taken) {
			run = NULL;
		} else if (run && c->page[i].hpa - c->page[i - 1].hpa == c->page_bytes) {
			run->nr++;
		} else {
			run = &c->run[c->nr_runs++];
			*run = (struct run){ .first = i, .nr = 1 };
		}
	}
	qsort(c->run, c->nr_runs, sizeof(*c->run), by_length);
}

/* The first of the shortest that do, from the @k-th on, which does. */
static uint64_t best_fit(const struct chooser *c, uint64_t k, uint64_t nr)
{
	for (uint64_t i = k + 1; i < c->nr_runs && c->run[i].nr >= nr; i++)
		if (c->run[i].nr < c->run[k].nr)
			k = i;
	return k;
}

static void take(struct chooser *c, const struct run *run, uint64_t nr)
{
	for (uint64_t i = run->first; i < run->first + nr; i++) {
		c->page[i].taken = true;
		c->order[c->nr_chosen++] = c->page[i].at;
	}
}

static void choose(struct chooser *c, uint64_t nr, uint64_t limit)
{
	find_runs(c, limit);
	for (uint64_t k = 0; nr && k < c->nr_runs; k++) {
		uint64_t most = c->run[k].nr;

		if (most >= nr) {
			take(c, &c->run[best_fit(c, k, nr)], nr);
			return;
		}
		take(c, &c->run[k], most);
		nr -= most;
	}
}

static int list_pages(struct chooser *c, const uint64_t *hpa, uint64_t nr)
{
	c->page = calloc(nr + 1, sizeof(*c->page));
	c->run = calloc(nr + 1, sizeof(*c->run));
	if (!c->page || !c->run)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr; i++)
		if (hpa[i] < HVCMA_HPA_SWAPPED)
			c->page[c->nr_pages++] = (struct page){ .hpa = hpa[i], .at = i };
	qsort(c->page, c->nr_pages, sizeof(*c->page), by_address);
	return 0;
}

int hvcma_runs_choose(const uint64_t *hpa, uint64_t nr_pages, const struct hvcma_runs_want *want,
		      uint64_t *order)
{
	struct chooser c = { .page_bytes = want->page_bytes, .order = order };
	int ret = list_pages(&c, hpa, nr_pages);

	if (!ret && c.nr_pages < want->nr)
		ret = -ENODATA;
	if (!ret) {
		choose(&c, want->low_nr, want->low_limit);
		choose(&c, want->nr - c.nr_chosen, UINT64_MAX);
	}
	free(c.page);
	free(c.run);
	return ret;
}
