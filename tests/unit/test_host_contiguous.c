// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A region in long runs of hugepages, on the machine's own pool, which the test fragments:
 * where pages are is what the kernel says. What is refused leaves the region as it was, and
 * whatever happens the pool has what it had. Which pages are chosen of which: test_host_runs.c.
 *
 * check: alone
 * All of the pool is the test's meanwhile.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "hv/host/contiguous.h"
#include "hv/host/numa.h"
#include "tests/lib/pool_pages.h"
#include "tests/unit/host_memory.h"

#define NR		8		/* pages of the region */
#define MARK		0x5a

static struct pool_pages pool;
static struct memory region;
static struct hvcma_error err;
static struct hvcma_contiguous_result result;

/* A pool of which nothing is free, and that has 2 * NR pages in one run; else none, and tests skip. */
static int take_pool(void **state)
{
	(void)state;
	pool_pages_take_run(&pool, 2 * NR);
	return 0;
}

static int leave_pool(void **state)
{
	(void)state;
	if (pool.nr)
		pool_pages_end(&pool);
	pool.nr = 0;
	return 0;
}

/* A test of surplus pages leaves others than there were: then the pool is taken anew. */
static int setup(void **state)
{
	if (pool.nr && pool_pages_run(&pool, 2 * NR) == pool.nr) {
		leave_pool(state);
		take_pool(state);
	}
	return 0;
}

static void end_region(void)
{
	if (region.base)
		memory_free(&region);
	region.base = NULL;
}

/* What the test was given is taken again, whatever became of it. */
static int teardown(void **state)
{
	(void)state;
	end_region();
	if (pool.nr) {
		assert_true(pool_write("nr_overcommit_hugepages", 0));
		assert_true(pool_pages_fill(&pool));
	}
	return 0;
}

/* Every @step-th page by address, @nr of them from @first on, in an order that is none. */
static void give(uint64_t first, uint64_t step, uint64_t nr)
{
	uint64_t at = nr / 3;

	for (uint64_t i = 0; i < nr; i++, at = (at + 11) % nr)	/* 11: nr is no multiple */
		assert_true(pool_pages_give(&pool, first + step * at));
}

/* The first of 2 * NR pages in one run. */
static uint64_t find_run(void)
{
	uint64_t first;

	if (!pool.nr)
		skip();
	first = pool_pages_run(&pool, 2 * NR);
	assert_true(first < pool.nr);
	return first;
}

/*
 * Others may have some that are free, too, which are promised to them; and what they give back is
 * free for all: so nothing is missing if it is so many at least.
 */
static uint64_t nr_free(void)
{
	struct hvcma_hugepages pages = { 0 };

	assert_int_equal(hvcma_hugepages_read(POOL_PAGE, &pages), 0);
	return pages.free - pages.reserved;
}

static uint64_t nr_persistent(void)
{
	struct hvcma_hugepages pages = { 0 };

	assert_int_equal(hvcma_hugepages_read(POOL_PAGE, &pages), 0);
	return pages.total - pages.surplus;
}

static void make_region(uint64_t nr)
{
	if (!pool.nr)
		skip();
	region = huge_memory(nr);
}

static struct hvcma_contiguous_request request(void)
{
	return (struct hvcma_contiguous_request){
		.fd = region.fd, .base = region.base,
		.want = { .page_bytes = POOL_PAGE, .nr = region.bytes / POOL_PAGE },
	};
}

/* Backed in an order that no pool gives pages in. */
static void scatter(const struct hvcma_contiguous_request *r)
{
	for (uint64_t i = 0, at = 0; i < r->want.nr; i++, at = (at + 11) % r->want.nr)
		assert_int_equal(hvcma_populate((char *)r->base + at * POOL_PAGE, POOL_PAGE), 0);
}

/* What a request's pages are, by the region's own mapping. */
static struct hvcma_runs look(const struct hvcma_contiguous_request *r)
{
	uint64_t hpa[NR];
	struct hvcma_runs runs;

	assert_true(pool_addresses(r->base, r->want.nr, hpa));
	for (uint64_t i = 0; i < r->want.nr; i++)
		assert_true(hpa[i] < HVCMA_HPA_SWAPPED);
	hvcma_runs_count(hpa, &r->want, &runs);
	return runs;
}

static void expect_result(const struct hvcma_contiguous_request *r, uint64_t nr_runs, uint64_t longest)
{
	struct hvcma_runs runs = look(r);

	assert_int_equal(result.runs.nr, nr_runs);
	assert_int_equal(result.runs.longest, longest);
	assert_memory_equal(&result.runs, &runs, sizeof(runs));
}

/* One run lies in pieces all over the free list: plain memory has it so, a region whole. */
static void pieces_are_put_together(void **state)
{
	struct hvcma_contiguous_request r;

	(void)state;
	give(find_run(), 1, 2 * NR);
	make_region(NR);
	r = request();
	assert_int_equal(hvcma_populate(region.base, region.bytes), 0);
	assert_true(look(&r).nr > NR / 2);			/* the control */
	memset(region.base, MARK, region.bytes);
	if (hvcma_contiguous_back(&r, &result, &err))
		fail_msg("%s", err.text);
	expect_result(&r, 1, NR);
	assert_true(result.nr_passes >= 1 && result.nr_moved >= 1);
	assert_true(result.nr_looked > NR);
	assert_true(nr_free() >= NR);

	/* nothing is to be done again */
	memset(region.base, MARK, region.bytes);
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	expect_result(&r, 1, NR);
	assert_int_equal(result.nr_passes + result.nr_moved, 0);
	for (uint64_t i = 0; i < region.bytes; i += 4096)
		assert_int_equal(region.base[i], MARK);
	assert_true(nr_free() >= NR);
	end_region();
	assert_true(nr_free() >= 2 * NR);
}

/* Two runs of NR / 2 and single pages: the region is the two. */
static void the_longest_there_are(void **state)
{
	uint64_t first = find_run();
	struct hvcma_contiguous_request r;

	(void)state;
	give(first, 1, NR / 2);
	give(first + NR / 2 + 1, 2, 3);
	give(first + 2 * NR - NR / 2, 1, NR / 2);
	make_region(NR);
	r = request();
	r.run_nr = NR / 2;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	expect_result(&r, 2, NR / 2);
	assert_true(result.nr_looked >= NR + 3);
	end_region();
}

/* Other pages of the file, before and behind, are left alone. */
static void a_part_of_a_file(void **state)
{
	struct hvcma_contiguous_request r;

	(void)state;
	give(find_run(), 1, 2 * NR);
	make_region(NR);
	memset(region.base, MARK, region.bytes);
	r = request();
	r.want.nr = NR / 2;
	r.offset_bytes = NR / 4 * POOL_PAGE;
	r.base = region.base + r.offset_bytes;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	expect_result(&r, result.runs.nr, result.runs.longest);
	assert_true(result.nr_moved > 0);
	for (uint64_t i = 0; i < r.offset_bytes; i += 4096) {
		assert_int_equal(region.base[i], MARK);
		assert_int_equal(region.base[region.bytes - 1 - i], MARK);
	}
	end_region();
}

/* Every other page is another's: no two are neighbours. */
static void refused_as_too_short(void **state)
{
	struct hvcma_contiguous_request r;

	(void)state;
	give(find_run(), 2, NR);
	make_region(NR - 4);
	r = request();
	memset(region.base, MARK, region.bytes);
	r.run_nr = 2;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), -ENOSPC);
	assert_words(err.text, "a run of 4194304 bytes is wanted, but the longest that can be had is of 2097152: of ");
	assert_words(err.text, " hugepages of 2097152 bytes, ");
	assert_words(err.text, " beside the region's own; surplus pages: nr_overcommit_hugepages allows 0 (none)");
	for (uint64_t i = 0; i < region.bytes; i += 4096)
		assert_int_equal(region.base[i], MARK);
	assert_true(nr_free() >= 4);

	/* as it comes: in as many runs as pages, and nothing moves for that */
	r.run_nr = 0;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	expect_result(&r, NR - 4, 1);
	assert_int_equal(result.nr_passes, 0);
	assert_true(nr_free() >= 4);
	end_region();
}

/* The pool has what the region has; what helps are surplus pages, once they are allowed. */
static void surplus_pages_help(void **state)
{
	struct hvcma_contiguous_request r;
	struct hvcma_hugepages pages;
	uint64_t first = find_run();

	(void)state;
	give(first, 2, NR);
	make_region(NR);
	r = request();
	r.run_nr = 2;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), -ENOSPC);
	assert_words(err.text, " beside the region's own; surplus pages: nr_overcommit_hugepages allows 0 (none)");

	/* what is between them is the kernel's free memory by now, and comes from there */
	give(first + 1, 2, NR);
	assert_true(pool_write("nr_hugepages", nr_persistent() - NR));
	assert_true(pool_write("nr_overcommit_hugepages", 2 * NR));
	r.run_nr = 0;
	if (hvcma_contiguous_back(&r, &result, &err))
		fail_msg("%s", err.text);
	assert_true(result.nr_looked > NR);
	expect_result(&r, result.runs.nr, result.runs.longest);
	assert_int_equal(hvcma_hugepages_read(POOL_PAGE, &pages), 0);
	if (!hvcma_numa_has_nodes())
		assert_int_equal(pages.surplus, 0);		/* given back first of all; of each node */
	if (result.runs.longest < 2)
		skip_because("what the kernel has free has no neighbours here");
	end_region();
}

/* A region of nothing but surplus pages, which come from the kernel's free memory. */
static void surplus_pages_only(void **state)
{
	struct hvcma_contiguous_request r;

	(void)state;
	assert_true(pool_write("nr_overcommit_hugepages", 6 * NR));
	make_region(NR);
	r = request();
	if (hvcma_contiguous_back(&r, &result, &err))
		fail_msg("%s", err.text);
	expect_result(&r, result.runs.nr, result.runs.longest);

	end_region();

	/* by now none is allowed: the pool would give none for what it gets, so nothing moves */
	make_region(NR);
	r = request();
	scatter(&r);
	assert_true(look(&r).nr > 2);
	assert_true(pool_write("nr_overcommit_hugepages", 0));
	memset(region.base, MARK, region.bytes);
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	expect_result(&r, result.runs.nr, result.runs.longest);
	assert_int_equal(result.nr_passes, 0);
	for (uint64_t i = 0; i < region.bytes; i += 4096)
		assert_int_equal(region.base[i], MARK);
	end_region();
}

static void below_an_address(void **state)
{
	uint64_t first = find_run(), limit = pool.page[first + NR].hpa;
	struct hvcma_contiguous_request r;

	(void)state;
	give(first, 1, 2 * NR - 1);
	make_region(NR);
	r = request();
	r.want.low_nr = NR / 2;
	r.want.low_limit = limit;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	assert_int_equal(result.runs.nr_low, NR / 2);
	expect_result(&r, result.runs.nr, result.runs.longest);
	assert_true(result.runs.nr <= 2);
	end_region();

	/* of which there are too few; and none */
	make_region(NR);
	r = request();
	r.want.low_nr = NR;
	r.want.low_limit = pool.page[first + 3].hpa;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	assert_true(result.runs.nr_low >= 3);
	r.want.low_limit = POOL_PAGE;		/* firmware's and the kernel's own */
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	assert_int_equal(result.runs.nr_low, 0);
	expect_result(&r, 1, NR);

	/* where that is all that is wanted no more is looked at than it takes */
	r.low_only = true;
	r.want.low_nr = NR / 4;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	assert_true(result.nr_looked >= 2 * NR - 1);
	assert_int_equal(result.nr_passes, 0);
	r.want.low_limit = UINT64_MAX;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	assert_int_equal(result.nr_looked, NR);
	assert_int_equal(result.nr_passes, 0);
	r.want.low_limit = limit;
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	assert_int_equal(result.runs.nr_low, NR / 4);
	expect_result(&r, result.runs.nr, result.runs.longest);
	end_region();
}

static void too_few_hugepages(void **state)
{
	struct hvcma_contiguous_request r;

	(void)state;
	give(find_run(), 1, NR - 1);
	make_region(NR);
	r = request();
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), -ENOMEM);
	assert_words(err.text, "the host is out of hugepages of 2097152 bytes: the pool has");
	assert_words(err.text, " free, of which ");
	end_region();
	assert_true(nr_free() >= NR - 1);
}

/* ---- beside others ---- */

struct thief {
	pthread_t thread;
	atomic_bool stop;
	char *base;
	int fd;
	uint64_t most, got;
};

/* Takes whatever page is free, as soon as it is, and keeps it. */
static void *steal(void *opaque)
{
	struct thief *t = opaque;

	while (!atomic_load(&t->stop) && t->got < t->most)
		t->got += !hvcma_populate(t->base + t->got * POOL_PAGE, POOL_PAGE);
	return NULL;
}

static void thief_start(struct thief *t, uint64_t most)
{
	*t = (struct thief){ .most = most };
	t->base = pool_file(most, &t->fd);
	assert_non_null(t->base);
	assert_int_equal(pthread_create(&t->thread, NULL, steal, t), 0);
}

static void thief_end(struct thief *t)
{
	atomic_store(&t->stop, true);
	pthread_join(t->thread, NULL);
	pool_file_end(t->base, t->most, t->fd);
}

/* Whoever takes pages in the midst of it: the region is whole, and the result what it is. */
static void others_are_quicker(void **state)
{
	uint64_t first = find_run(), stolen = 0;

	(void)state;
	give(first, 1, 2 * NR);
	for (int round = 0; round < 200 && stolen < NR; round++) {
		struct hvcma_contiguous_request r;
		struct thief t;

		make_region(NR);
		r = request();
		assert_int_equal(hvcma_populate(region.base, region.bytes), 0);
		thief_start(&t, 4);
		if (hvcma_contiguous_back(&r, &result, &err))
			fail_msg("%s", err.text);
		assert_in_range(result.nr_passes, 0, 4);
		expect_result(&r, result.runs.nr, result.runs.longest);
		stolen += t.got;
		thief_end(&t);
		end_region();
		assert_true(nr_free() >= 2 * NR);
	}
	assert_true(stolen > 0);
}

/* The last page there is: then the region is refused. */
static void others_take_the_last(void **state)
{
	struct hvcma_contiguous_request r;
	int ret = 0;

	(void)state;
	give(find_run(), 1, NR);
	for (int round = 0; round < 2000 && !ret; round++) {
		struct thief t;

		make_region(NR);
		r = request();
		scatter(&r);			/* to be mended, and nothing is spare */
		thief_start(&t, 1);
		ret = hvcma_contiguous_back(&r, &result, &err);
		thief_end(&t);
		end_region();
		assert_true(nr_free() >= NR);
	}
	if (!ret)
		skip_because("nobody was quicker in 2000 rounds");
	assert_int_equal(ret, -ENOMEM);
	assert_words(err.text, "the host is out of hugepages");
}

struct other {
	pthread_t thread;
	int fd;
};

static void *let_go_later(void *opaque)
{
	struct other *o = opaque;

	usleep(300000);
	close(o->fd);
	return NULL;
}

/* Two searches: the second waits, and not for ever. */
static void searches_take_turns(void **state)
{
	struct hvcma_contiguous_request r;
	struct timespec began, ended;
	struct other o;

	(void)state;
	give(find_run(), 1, NR);
	make_region(NR);
	r = request();
	for (int waits_long = 0; waits_long < 2; waits_long++) {
		double s;

		o.fd = open(POOL_FOLDER "nr_hugepages", O_RDONLY | O_CLOEXEC);
		assert_int_equal(flock(o.fd, LOCK_EX | LOCK_NB), 0);
		if (!waits_long)
			assert_int_equal(pthread_create(&o.thread, NULL, let_go_later, &o), 0);
		clock_gettime(CLOCK_MONOTONIC, &began);
		assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
		clock_gettime(CLOCK_MONOTONIC, &ended);
		s = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) * 1e-9;
		assert_true(s > (waits_long ? 1.9 : 0.2));
		if (waits_long)
			close(o.fd);
		else
			pthread_join(o.thread, NULL);
		expect_result(&r, 1, NR);
	}
	end_region();
}

/* ---- what a child may not do ---- */

static int attempt(struct outcome *o)
{
	struct hvcma_contiguous_request r = request();

	o->ret = hvcma_contiguous_back(&r, &result, &o->err);
	return o->ret;
}

static void unprivileged(struct outcome *o)
{
	drop_capability(CAP_SYS_ADMIN);
	attempt(o);
}

static void without_pagemap(struct outcome *o)
{
	forbid(SYS_pread64, -1, EIO);
	attempt(o);
}

static void without_populate(struct outcome *o)
{
	forbid(SYS_madvise, 23, ENOMEM);
	attempt(o);
}

static void without_file(struct outcome *o)
{
	forbid(SYS_memfd_create, -1, EMFILE);
	attempt(o);
}

static void without_holes(struct outcome *o)
{
	forbid(SYS_fallocate, -1, EPERM);
	attempt(o);
}

/* The region is the last third of its file: there holes may be made, not in the spare pages'. */
static struct hvcma_contiguous_request last_third(void)
{
	struct hvcma_contiguous_request r = request();

	r.want.nr = NR;
	r.offset_bytes = 2 * NR * POOL_PAGE;
	r.base = region.base + r.offset_bytes;
	return r;
}

static void without_spare_holes(struct outcome *o)
{
	struct hvcma_contiguous_request r = last_third();

	for (uint64_t i = 0; i < 2 * NR; i++)
		forbid(SYS_fallocate, (int)(i * POOL_PAGE), EPERM);
	o->ret = hvcma_contiguous_back(&r, &result, &o->err);
}

static void too_little_space(struct outcome *o)
{
	forbid(SYS_mmap, PROT_NONE, ENOMEM);
	attempt(o);
}

static void expect_refusal(void (*body)(struct outcome *o), int ret, const char *words)
{
	struct outcome o;

	memset(region.base, MARK, region.bytes);
	o = in_child(body);
	assert_int_equal(o.ret, ret);
	assert_words(o.err.text, words);
	for (uint64_t i = 0; i < region.bytes; i += 4096)
		assert_int_equal(region.base[i], MARK);
	assert_true(nr_free() >= NR);
}

/* What fails before a page has gone leaves all of them what they were. */
static void refused_and_as_it_was(void **state)
{
	struct hvcma_contiguous_request r;

	(void)state;
	give(find_run(), 1, 2 * NR);
	make_region(NR);
	r = request();
	scatter(&r);				/* to be mended */
	assert_true(look(&r).nr > 1);
	expect_refusal(unprivileged, -EPERM, "shows no addresses to this process: it needs CAP_SYS_ADMIN");
	expect_refusal(without_pagemap, -EIO, "cannot read /proc/self/pagemap");
	expect_refusal(without_populate, -ENOMEM, "the host is out of hugepages");
	expect_refusal(without_file, -ENOMEM, "cannot map a file for");
	expect_refusal(without_holes, -EIO, "cannot punch a hole of 2097152 bytes: Operation not permitted");
	expect_refusal(too_little_space, -ENOMEM, "cannot find room for");
	end_region();
}

/* And what fails then leaves a page in every place. */
static void refused_in_the_midst(void **state)
{
	uint64_t first = find_run();
	struct hvcma_contiguous_request r;
	struct outcome o;

	(void)state;
	give(first + 1, 2, NR - 1);		/* for the region, */
	region = map_file(memfd_create("hvcma-test", MFD_CLOEXEC | MFD_HUGETLB | (21u << MFD_HUGE_SHIFT)),
			  3 * NR * POOL_PAGE, POOL_PAGE);
	r = last_third();
	assert_true(pool_pages_give(&pool, first + 2 * NR - 1));
	scatter(&r);
	give(first, 2, NR);			/* and between those, to spare */
	o = in_child(without_spare_holes);
	assert_int_equal(o.ret, -EIO);
	assert_words(o.err.text, "cannot punch a hole");
	assert_true(nr_free() >= NR);
	assert_int_equal(hvcma_populate(r.base, NR * POOL_PAGE), 0);
	look(&r);
	assert_true(nr_free() >= NR);
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);	/* the control */
	expect_result(&r, 1, NR);
	end_region();
}

/* ---- by a provider ---- */

static void a_region_has_them(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider_stats stats;
	struct hvcma_provider *p = NULL;
	uint64_t hpa[NR];

	(void)state;
	give(find_run(), 1, 2 * NR);
	make_region(NR);
	config = config_of(&region);
	p = local_provider(&config);			/* the control */
	p->ops->stats(p, &stats);
	assert_int_equal(stats.backed_bytes + stats.run_bytes + stats.nr_runs, 0);
	p->ops->destroy(p);

	config.is_contiguous = true;
	config.run_bytes = region.bytes;
	p = local_provider(&config);
	p->ops->stats(p, &stats);
	assert_int_equal(stats.backed_bytes, region.bytes);
	assert_int_equal(stats.run_bytes, region.bytes);
	assert_int_equal(stats.nr_runs, 1);
	/* and that is what it pins */
	assert_int_equal(p->ops->pin(p, 0, NR), 0);
	assert_int_equal(p->ops->hpa(p, 0, NR, hpa), 0);
	for (uint64_t i = 1; i < NR; i++)
		assert_int_equal(hpa[i] - hpa[0], i * POOL_PAGE);
	p->ops->destroy(p);
	end_region();
}

static void expect_refused_region(struct hvcma_provider_config config, int ret, const char *words)
{
	struct hvcma_provider *p = NULL;

	assert_int_equal(hvcma_provider_local_create(&config, &p, &err), ret);
	assert_words(err.text, words);
	assert_null(p);
}

static void regions_that_are_refused(void **state)
{
	struct hvcma_provider_config good, config;

	(void)state;
	give(find_run(), 2, NR);
	make_region(NR);
	good = config_of(&region);
	good.is_contiguous = true;
	config = good;
	config.run_bytes = POOL_PAGE * 3 / 2;
	expect_refused_region(config, -EINVAL, "region banka: a run of 3145728 bytes needs");
	config.run_bytes = region.bytes + POOL_PAGE;
	expect_refused_region(config, -EINVAL, "region banka: a run of 18874368 bytes needs");
	config.run_bytes = POOL_PAGE;
	config.is_contiguous = false;
	expect_refused_region(config, -EINVAL, "needs is_contiguous");
	config = good;
	config.need_hpa = false;
	expect_refused_region(config, -EINVAL, "no more than there are");
	config = good;
	config.fd = -1;
	expect_refused_region(config, -EINVAL, "a file, whole granules of one page each");
	config = good;
	config.granule_bytes = 2 * POOL_PAGE;
	expect_refused_region(config, -EINVAL, "a file, whole granules of one page each");
	config = good;
	config.run_bytes = 2 * POOL_PAGE;
	expect_refused_region(config, -ENOSPC, "region banka: a run of 4194304 bytes is wanted");
	if (pool.page[0].hpa >= HVCMA_LOW_LIMIT) {
		config = good;
		config.low_bytes = POOL_PAGE;
		expect_refused_region(config, -ENODATA, "2097152 bytes below 0x100000000 are wanted, but no free");
	}
	end_region();
}

/* ---- on a machine with nodes ---- */

/* As in tests/vm/test_host.sh: pages of the node that the region's memory is bound to. */
static void nodes_are_kept_to(void **state)
{
	struct hvcma_contiguous_request r;

	(void)state;
	if (!hvcma_numa_has_nodes())
		skip_because("this machine has one NUMA node");
	for (uint64_t i = 0; i < pool.nr; i++)
		assert_true(pool_pages_give(&pool, (i * 7 + 3) % pool.nr));
	for (int node = 0; node < 2; node++) {
		make_region(NR);
		assert_int_equal(hvcma_numa_bind(region.base, region.bytes, node), 0);
		r = request();
		if (hvcma_contiguous_back(&r, &result, &err))
			fail_msg("%s", err.text);
		expect_result(&r, result.runs.nr, result.runs.longest);
		for (uint64_t i = 0; i < NR; i++)
			assert_int_equal(hvcma_numa_node(region.base + i * POOL_PAGE), node);
		end_region();
	}
	/* and from all of them where nothing is said: exactly as planned, so in one pass */
	make_region(NR);
	r = request();
	assert_int_equal(hvcma_contiguous_back(&r, &result, &err), 0);
	assert_true(result.nr_passes <= 1);
	expect_result(&r, result.runs.nr, result.runs.longest);
	end_region();
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_are_put_together), TEST(the_longest_there_are), TEST(a_part_of_a_file),
		TEST(refused_as_too_short), TEST(surplus_pages_help), TEST(surplus_pages_only),
		TEST(below_an_address), TEST(too_few_hugepages), TEST(others_are_quicker),
		TEST(others_take_the_last), TEST(searches_take_turns), TEST(refused_and_as_it_was),
		TEST(refused_in_the_midst), TEST(a_region_has_them), TEST(regions_that_are_refused),
		TEST(nodes_are_kept_to),
	};

	SKIP_ALL_UNLESS_ROOT();
	take_pool(NULL);
	if (!pool.nr) {
		printf("1..0 # SKIP this machine has no %d hugepages of 2 MiB in one run, or others have some\n", 2 * NR);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, leave_pool);
}
