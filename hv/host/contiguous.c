// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Long runs of hugepages for a region: see contiguous.h. What is chosen is runs.c's.
 *
 * A slot is a place for a page: first the granules, in the region's file, then spare ones, in
 * a file of our own. Both are mapped once more, side by side, so that the region's own mapping
 * keeps its memory policy:
 *
 *	window |  granules, want.nr  |  spare, nr_spare  |
 *	slot    0                     want.nr        nr_slots
 */
#define _GNU_SOURCE
#include "hv/host/contiguous.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hv/host/hugepages.h"
#include "hv/host/numa.h"
#include "hv/host/pagemap.h"

#define PASSES		4
#define SURPLUS_TIMES	2	/* surplus pages that are looked at, by those wanted */
#define LOCK_TRIES	20
#define LOCK_WAIT_MS	100
#define STEP_BYTES	(UINT64_C(64) << 20)	/* of spare pages: 30 ms */

struct search {
	const struct hvcma_contiguous_request *r;
	struct hvcma_error *err;
	struct hvcma_contiguous_result out;
	struct hvcma_pagemap pagemap;
	struct hvcma_hugepages pool;	/* before anything was taken */
	bool has_nodes;
	int lock_fd;
	int spare_fd;
	void *space;			/* that the window is in */
	uint64_t space_bytes;
	char *window;
	uint64_t nr_slots;
	uint64_t nr_tried;		/* slots that have been asked a page for */
	uint64_t *hpa;			/* of each slot; HVCMA_HPA_ABSENT: none */
	uint64_t *order;		/* the plan: the slot that has each granule's page */
	bool *is_chosen;		/* of each slot: a granule is to have its page */
	bool *is_placed;		/* of each granule: it has the page that it is to have */
};

static uint64_t page_bytes(const struct search *s)
{
	return s->r->want.page_bytes;
}

static char *address(const struct search *s, uint64_t slot)
{
	return s->window + slot * page_bytes(s);
}

static bool is_granule(const struct search *s, uint64_t slot)
{
	return slot < s->r->want.nr;
}

static bool is_there(const struct search *s, uint64_t slot)
{
	return s->hpa[slot] < HVCMA_HPA_SWAPPED;
}

/* ---- pages that come and go ---- */

static int look(struct search *s, uint64_t first, uint64_t nr)
{
	int ret = hvcma_pagemap_locate(&s->pagemap, address(s, first), page_bytes(s), page_bytes(s),
				       nr, s->hpa + first);

	if (!ret)
		return 0;
	hvcma_error_set(s->err, "cannot read /proc/self/pagemap: %s", strerror(-ret));
	return -EIO;
}

static int punch(struct search *s, uint64_t slot)
{
	bool own = is_granule(s, slot);
	uint64_t at = own ? s->r->offset_bytes + slot * page_bytes(s) :
			    (slot - s->r->want.nr) * page_bytes(s);

	if (!fallocate(own ? s->r->fd : s->spare_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       (off_t)at, (off_t)page_bytes(s))) {
		s->hpa[slot] = HVCMA_HPA_ABSENT;
		return 0;
	}
	hvcma_error_set(s->err, "cannot punch a hole of %" PRIu64 " bytes: %s", page_bytes(s),
			strerror(errno));
	return -EIO;
}

static int out_of_pages(struct search *s)
{
	struct hvcma_hugepages pool = { 0 };

	hvcma_hugepages_read(page_bytes(s), &pool);
	hvcma_error_set(s->err, "the host is out of hugepages of %" PRIu64 " bytes: the pool has %" PRIu64
			", %" PRIu64 " free, of which %" PRIu64 " reserved", page_bytes(s), pool.total,
			pool.free, pool.reserved);
	return -ENOMEM;
}

/* Back to the pool with the last of the spare pages. Return: was there one? */
static bool give_spare(struct search *s)
{
	for (uint64_t slot = s->nr_tried; slot-- > s->r->want.nr;)
		if (is_there(s, slot))
			return !punch(s, slot);
	return false;
}

/* A granule gets a page in any case: if another took the one that was its, a spare one. */
static int fill(struct search *s, uint64_t granule)
{
	while (hvcma_populate(address(s, granule), page_bytes(s)))
		if (!give_spare(s))
			return out_of_pages(s);
	return look(s, granule, 1);
}

/* Asked where long work begins anew. */
static int check_stopped(struct search *s)
{
	const struct hvcma_contiguous_limits *limits = &s->r->limits;

	if (!limits->is_stopped || !limits->is_stopped(limits->opaque))
		return 0;
	hvcma_error_set(s->err, "the search for pages was stopped");
	return -ECANCELED;
}

/* The next page of a granule is to come from that node. */
static int bind(struct search *s, uint64_t granule, int node)
{
	int ret = s->has_nodes ? hvcma_numa_bind(address(s, granule), page_bytes(s), node) : 0;

	if (!ret)
		return 0;
	hvcma_error_set(s->err, "cannot have a page of NUMA node %d: %s", node, strerror(-ret));
	return -EIO;
}

static int node_of(const struct search *s, uint64_t slot)
{
	return s->has_nodes ? hvcma_numa_node(address(s, slot)) : 0;
}

/* @granule is empty, and gets the page of slot @from. What the pool gets last it gives out first. */
static int move(struct search *s, uint64_t granule, uint64_t from)
{
	int ret = bind(s, granule, node_of(s, from)), filled;

	if (!ret)
		ret = punch(s, from);
	filled = fill(s, granule);	/* in any case, if by whatever page there is */
	s->is_placed[granule] = true;
	s->out.nr_moved++;
	return ret ? ret : filled;
}

/*
 * The @first granule's page goes, and leaves its place to the page that is to be there. That one's
 * place, if it is a granule, is free for the page that is to be there; and so on, until a spare
 * slot is empty, or the first granule's page, the pool's meanwhile, is the last that is missing.
 */
static int move_chain(struct search *s, uint64_t first)
{
	uint64_t to = first, from;
	int node = node_of(s, first);
	int ret = punch(s, first), filled;

	while (!ret && is_granule(s, to) && s->order[to] != first) {
		from = s->order[to];
		ret = move(s, to, from);
		to = from;
		if (!ret)
			ret = check_stopped(s);
	}
	if (ret || !is_granule(s, to))
		return ret;
	s->is_placed[to] = true;
	s->out.nr_moved++;
	ret = bind(s, to, node);
	filled = fill(s, to);
	return ret ? ret : filled;
}

/* ---- the search ---- */

static int plan(struct search *s, struct hvcma_runs *runs)
{
	uint64_t *hpa;
	int ret = hvcma_runs_choose(s->hpa, s->nr_tried, &s->r->want, s->order);

	if (ret == -ENODATA)
		return out_of_pages(s);
	hpa = ret ? NULL : malloc(s->r->want.nr * sizeof(*hpa));
	if (!hpa) {
		hvcma_error_set(s->err, "no memory to sort %" PRIu64 " pages", s->nr_tried);
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < s->r->want.nr; i++)
		hpa[i] = s->hpa[s->order[i]];
	hvcma_runs_count(hpa, &s->r->want, runs);
	free(hpa);
	return 0;
}

static bool cannot_be_better(const struct search *s, const struct hvcma_runs *runs)
{
	return (runs->nr == 1 || s->r->low_only) && runs->nr_low == s->r->want.low_nr;
}

/*
 * Spare pages, in steps that end soon when nobody wants them any more. Fewer than that is no failure:
 * they are looked at.
 */
static int populate_spare(struct search *s, uint64_t first, uint64_t nr)
{
	uint64_t step = page_bytes(s) < STEP_BYTES ? STEP_BYTES / page_bytes(s) : 1;
	uint64_t at = first, n;
	int ret = 0;

	for (; !ret && at < first + nr; at += n) {
		n = first + nr - at < step ? first + nr - at : step;
		if (hvcma_populate(address(s, at), n * page_bytes(s))) {
			s->nr_slots = first + nr;
			break;
		}
		ret = check_stopped(s);
	}
	return ret;
}

/* More spare pages, twice as many each time, until they would do or there are no more. */
static int gather(struct search *s, struct hvcma_runs *runs)
{
	uint64_t nr = s->r->want.nr;
	int ret = plan(s, runs);

	while (!ret && s->nr_tried < s->nr_slots && !cannot_be_better(s, runs)) {
		uint64_t first = s->nr_tried;

		if (nr > s->nr_slots - first)
			nr = s->nr_slots - first;
		ret = populate_spare(s, first, nr);
		if (!ret)
			ret = look(s, first, nr);
		s->nr_tried += nr;
		nr *= 2;
		if (!ret)
			ret = plan(s, runs);
	}
	return ret;
}

static bool is_better(const struct search *s, const struct hvcma_runs *a, const struct hvcma_runs *b)
{
	if (a->nr_low != b->nr_low || s->r->low_only)
		return a->nr_low > b->nr_low;
	return a->nr < b->nr || a->longest > b->longest;
}

static int move_chains(struct search *s)
{
	uint64_t nr = s->r->want.nr, i;
	int ret = 0;

	memset(s->is_chosen, 0, s->nr_slots * sizeof(*s->is_chosen));
	for (i = 0; i < nr; i++) {
		s->is_placed[i] = s->order[i] == i;
		s->is_chosen[s->order[i]] = true;
	}
	/* those that begin with a page that nobody is to have, then circles */
	for (i = 0; i < nr && !ret; i++)
		if (!s->is_placed[i] && !s->is_chosen[i])
			ret = move_chain(s, i);
	for (i = 0; i < nr && !ret; i++)
		if (!s->is_placed[i])
			ret = move_chain(s, i);
	return ret;
}

/* @missed: out, was another quicker anywhere? */
static int move_all(struct search *s, bool *missed)
{
	uint64_t nr = s->r->want.nr;
	uint64_t *target = malloc(nr * sizeof(*target));
	int ret;

	if (!target) {
		hvcma_error_set(s->err, "no memory to move %" PRIu64 " pages", nr);
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < nr; i++)
		target[i] = s->hpa[s->order[i]];
	ret = move_chains(s);
	*missed = memcmp(target, s->hpa, nr * sizeof(*target));
	free(target);
	return ret;
}

/* What there was to choose from, and why not more. */
static int too_short(struct search *s, const struct hvcma_runs *runs)
{
	uint64_t more = s->pool.surplus_limit > s->pool.surplus ? s->pool.surplus_limit - s->pool.surplus : 0;
	uint64_t looked = s->out.nr_looked;

	hvcma_error_set(s->err, "a run of %" PRIu64 " bytes is wanted, but the longest that can be had is of %"
			PRIu64 ": of %" PRIu64 " hugepages of %" PRIu64 " bytes, %" PRIu64 " beside the region's own; "
			"surplus pages: nr_overcommit_hugepages allows %" PRIu64 "%s",
			s->r->run_nr * page_bytes(s), runs->longest * page_bytes(s), looked, page_bytes(s),
			looked - s->r->want.nr, more, more ? "" : " (none)");
	return -ENOSPC;
}

static void count_looked(struct search *s)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < s->nr_tried; i++)
		nr += is_there(s, i);
	if (nr > s->out.nr_looked)
		s->out.nr_looked = nr;
}

/* More surplus pages than are allowed by now: the pool gives none out for those that it gets. */
static bool is_exhausted(const struct search *s)
{
	return s->pool.surplus > s->pool.surplus_limit;
}

static int search(struct search *s)
{
	const struct hvcma_runs_want *want = &s->r->want;
	struct hvcma_runs can;
	bool missed = true;
	int ret = 0;

	while (missed && s->out.nr_passes < PASSES) {
		ret = gather(s, &can);
		if (ret)
			return ret;
		count_looked(s);
		hvcma_runs_count(s->hpa, want, &s->out.runs);
		if (is_exhausted(s))
			can = s->out.runs;
		if (can.longest < s->r->run_nr)
			return too_short(s, &can);
		if (!is_better(s, &can, &s->out.runs))
			return 0;
		ret = move_all(s, &missed);
		if (ret)
			return ret;
		s->out.nr_passes++;
	}
	hvcma_runs_count(s->hpa, want, &s->out.runs);
	return s->out.runs.longest < s->r->run_nr ? too_short(s, &s->out.runs) : 0;
}

/* ---- before and after ---- */

/* Another search has all that is free: a little later there is more. */
static void lock_pool(struct search *s)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_MS * 1000000L };
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
		 page_bytes(s) / 1024);
	s->lock_fd = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; s->lock_fd >= 0 && flock(s->lock_fd, LOCK_EX | LOCK_NB) && i < LOCK_TRIES; i++)
		nanosleep(&wait, NULL);
}

static uint64_t nr_spare(const struct search *s)
{
	const struct hvcma_hugepages *p = &s->pool;
	uint64_t nr = p->free > p->reserved ? p->free - p->reserved : 0;
	uint64_t more = p->surplus_limit > p->surplus ? p->surplus_limit - p->surplus : 0;
	uint64_t keep = s->r->limits.keep_nr;

	if (keep)
		return nr > keep ? nr - keep : 0;
	if (more > SURPLUS_TIMES * s->r->want.nr)
		more = SURPLUS_TIMES * s->r->want.nr;
	return nr + more;
}

static int no_memory(struct search *s, const char *what)
{
	int ret = -errno;

	hvcma_error_set(s->err, "cannot %s for %" PRIu64 " hugepages of %" PRIu64 " bytes: %s", what,
			s->nr_slots, page_bytes(s), strerror(-ret));
	return -ENOMEM;
}

static int make_tables(struct search *s)
{
	s->hpa = calloc(s->nr_slots, sizeof(*s->hpa));
	s->order = calloc(s->r->want.nr, sizeof(*s->order));
	s->is_chosen = calloc(s->nr_slots, sizeof(*s->is_chosen));
	s->is_placed = calloc(s->r->want.nr, sizeof(*s->is_placed));
	if (!s->hpa || !s->order || !s->is_chosen || !s->is_placed)
		return no_memory(s, "have tables");
	return 0;
}

static int map_window(struct search *s)
{
	const int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE, prot = PROT_READ | PROT_WRITE;
	uint64_t page = page_bytes(s), own_bytes = s->r->want.nr * page;
	uint64_t spare_bytes = s->nr_slots * page - own_bytes;

	s->space_bytes = s->nr_slots * page + page;
	s->space = mmap(NULL, s->space_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->space == MAP_FAILED) {
		s->space = NULL;
		return no_memory(s, "find room");
	}
	s->window = (char *)(((uintptr_t)s->space + page - 1) & ~(uintptr_t)(page - 1));
	if (mmap(s->window, own_bytes, prot, flags, s->r->fd, (off_t)s->r->offset_bytes) == MAP_FAILED)
		return no_memory(s, "map the region");
	if (!spare_bytes)
		return 0;
	s->spare_fd = memfd_create("hvcma-spare", MFD_CLOEXEC | MFD_HUGETLB |
				   ((unsigned int)__builtin_ctzll(page) << MFD_HUGE_SHIFT));
	if (s->spare_fd < 0 || ftruncate(s->spare_fd, (off_t)spare_bytes) ||
	    mmap(s->window + own_bytes, spare_bytes, prot, flags, s->spare_fd, 0) == MAP_FAILED)
		return no_memory(s, "map a file");
	if (s->has_nodes && hvcma_numa_like(s->window + own_bytes, spare_bytes, s->r->base)) {
		hvcma_error_set(s->err, "cannot use the memory policy of the region");
		return -EIO;
	}
	return 0;
}

/* By its own mapping: by its policy. */
static int back_region(struct search *s)
{
	return hvcma_populate(s->r->base, s->r->want.nr * page_bytes(s)) ? out_of_pages(s) : 0;
}

static int open_search(struct search *s)
{
	int ret = hvcma_pagemap_open(&s->pagemap, s->err);

	if (ret) {
		s->pagemap.fd = -1;
		return ret;
	}
	if (!s->pagemap.has_hpa) {
		hvcma_error_set(s->err, "/proc/self/pagemap shows no addresses to this process: it needs CAP_SYS_ADMIN");
		return -EPERM;
	}
	lock_pool(s);
	s->has_nodes = hvcma_numa_has_nodes();
	ret = back_region(s);
	if (ret)
		return ret;
	/* none, and so no spare page, where it can't be read */
	hvcma_hugepages_read(page_bytes(s), &s->pool);
	s->nr_slots = s->r->want.nr + nr_spare(s);
	s->nr_tried = s->r->want.nr;
	ret = make_tables(s);
	if (!ret)
		ret = map_window(s);
	if (!ret && hvcma_populate(s->window, s->r->want.nr * page_bytes(s)))
		ret = out_of_pages(s);		/* it is there: mapped only */
	return ret ? ret : look(s, 0, s->nr_tried);
}

static void close_search(struct search *s)
{
	if (s->space)
		munmap(s->space, s->space_bytes);
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->pagemap.fd >= 0)
		hvcma_pagemap_close(&s->pagemap);
	free(s->hpa);
	free(s->order);
	free(s->is_chosen);
	free(s->is_placed);
}

int hvcma_contiguous_back(const struct hvcma_contiguous_request *request,
			  struct hvcma_contiguous_result *result, struct hvcma_error *err)
{
	struct search s = {
		.r = request, .err = err, .pagemap = { .fd = -1 }, .lock_fd = -1, .spare_fd = -1,
	};
	int ret = open_search(&s);

	if (!ret)
		ret = search(&s);
	if (!ret)
		ret = back_region(&s);		/* into its own mapping again */
	close_search(&s);
	if (!ret)
		*result = s.out;
	return ret;
}

/* ---- what a provider's configuration says ---- */

/* Where pages are is no matter of taste: they have to be a file's, a granule each. */
int hvcma_contiguous_check(const struct hvcma_provider_config *config, struct hvcma_error *err)
{
	bool are_ours = config->fd >= 0 && config->need_hpa && config->granule_bytes == config->page_bytes;

	if (config->low_bytes && (!are_ours || config->low_bytes % config->granule_bytes ||
				  config->low_bytes > config->bytes)) {
		hvcma_error_set(err, "region %s: %" PRIu64 " bytes below 0x%" PRIx64
				" need a file, whole granules of one page each, and no more than there are",
				config->name, config->low_bytes, HVCMA_LOW_LIMIT);
		return -EINVAL;
	}
	if (config->is_contiguous ? !are_ours || config->run_bytes % config->granule_bytes ||
				    config->run_bytes > config->bytes : config->run_bytes) {
		hvcma_error_set(err, "region %s: a run of %" PRIu64 " bytes needs is_contiguous, a file, whole "
				"granules of one page each, and no more than there are",
				config->name, config->run_bytes);
		return -EINVAL;
	}
	return 0;
}

/* Pages of which it matters where they are: below the limit as far as there are any, in runs. */
int hvcma_contiguous_back_region(const struct hvcma_provider_config *config,
				 const struct hvcma_contiguous_limits *limits,
				 struct hvcma_contiguous_result *result, struct hvcma_error *err)
{
	uint64_t low_nr = config->low_bytes / config->page_bytes, nr = config->bytes / config->page_bytes;
	const struct hvcma_contiguous_request request = {
		.fd = config->fd, .offset_bytes = config->fd_offset_bytes, .base = config->base,
		.want = {
			.page_bytes = config->page_bytes, .nr = config->is_contiguous ? nr : low_nr,
			.low_nr = low_nr, .low_limit = HVCMA_LOW_LIMIT,
		},
		.run_nr = config->run_bytes / config->page_bytes, .low_only = !config->is_contiguous,
		.limits = limits ? *limits : (struct hvcma_contiguous_limits){ 0 },
	};
	struct hvcma_contiguous_result got = { 0 };
	struct hvcma_error why = { "" };
	int ret = 0;

	if (config->low_bytes || config->is_contiguous)
		ret = hvcma_contiguous_back(&request, &got, &why);
	if (ret) {
		hvcma_error_set(err, "region %s: %s", config->name, why.text);
		return ret;
	}
	if (low_nr && !got.runs.nr_low) {
		hvcma_error_set(err, "region %s: %" PRIu64 " bytes below 0x%" PRIx64 " are wanted, but no free hugepage of %"
				PRIu64 " bytes lies there: \"hvcma hugepages --low\" makes some, at boot",
				config->name, config->low_bytes, HVCMA_LOW_LIMIT, config->page_bytes);
		return -ENODATA;
	}
	*result = got;
	return 0;
}
