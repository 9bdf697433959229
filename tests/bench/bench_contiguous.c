// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions of 64 MiB, 256 MiB and 1 GiB out of a fragmented pool of 2 MiB pages: runs that they come
 * in, the longest, and the processor time to get there, zeroing included; beside a plain hugetlb file
 * and beside what DPDK does with --legacy-mem (its lib/eal/linux/eal_memory.c).
 *
 * The pool is fragmented by life: tenants, files of 1 to 96 pages, have all of it; round after
 * round a third of them ends, in random order, and new ones get what that left. In the end some
 * go for good: what they had is free, in the order in which it came back. The random numbers are
 * the same each time, the kernel's memory is not.
 *
 * Every contender finds the same pages free, in the same order: how they come out of the pool is
 * noted once, and they are given back in the reverse of that each time; what comes first is given
 * out first. The control is that the plain file has just these pages, in many runs.
 *
 * DPDK: one file per page, of all that is free; they are mapped, looked at, sorted by address;
 * the first ones are kept, the others unmapped; those kept are mapped anew, in their order. Its
 * result is as many mappings as pages. "possible" is what none can do better: the pages that are
 * free, their runs taken from the longest on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#include "hv/host/contiguous.h"
#include "tests/bench/decision.h"
#include "tests/lib/pool_pages.h"

#define MIB		(UINT64_C(1) << 20)
#define POOL		UINT64_C(1536)	/* 3 GiB */
#define LEFT		UINT64_C(832)	/* of them free in the end, at least */
#define TENANTS		2048
#define TENANT_PAGES	96
#define TURNS		20
#define ROUNDS		7		/* of which the most runs count */
#define TIME_GOAL	1.5

struct tenant {
	char *base;
	uint64_t nr;
	int fd;
};

/* The row of a region's pages, what it comes to, and how long that took. */
struct outcome {
	uint64_t hpa[POOL];
	struct hvcma_runs runs;
	double ms;
};

static struct tenant tenant[TENANTS];
static struct pool_pages pool;
static uint64_t order[POOL];		/* in which the pool gives out what is free */
static uint64_t nr_order;
static char folder[] = "/tmp/hvcma-bench-XXXXXX";

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Processor time: nobody waits here, and the machine may have other work. */
static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static uint64_t nr_free(void)
{
	struct hvcma_hugepages p;

	must(!hvcma_hugepages_read(POOL_PAGE, &p), "the pool");
	return p.free - p.reserved;
}

/* ---- a pool with a past ---- */

static void tenant_begin(struct tenant *t)
{
	uint64_t nr = 1 + (uint64_t)rand() % TENANT_PAGES, most = nr_free();

	t->nr = nr < most ? nr : most;
	t->base = pool_file(t->nr, &t->fd);
	must(t->base && !hvcma_populate(t->base, t->nr * POOL_PAGE), "a tenant");
}

static void tenant_end(struct tenant *t)
{
	pool_file_end(t->base, t->nr, t->fd);
	t->base = NULL;
}

static void end_any(void)
{
	struct tenant *t;

	do
		t = &tenant[rand() % TENANTS];
	while (!t->base);
	tenant_end(t);
}

static void begin_all(void)
{
	for (size_t i = 0; i < TENANTS && nr_free(); i++)
		if (!tenant[i].base)
			tenant_begin(&tenant[i]);
}

static void fragment(void)
{
	srand(1);
	begin_all();
	for (int turn = 0; turn < TURNS; turn++) {
		while (nr_free() < pool.nr / 3)
			end_any();
		begin_all();
	}
	while (nr_free() < LEFT)
		end_any();
}

/* ---- the same for everybody ---- */

static void note_order(void)
{
	int fd;
	uint64_t most = nr_free();
	char *base = pool_file(most, &fd);

	must(base && most <= POOL, "a file");
	for (nr_order = 0; nr_order < most; nr_order++)
		must(!hvcma_populate(base + nr_order * POOL_PAGE, POOL_PAGE), "a page");
	must(pool_addresses(base, nr_order, order), "addresses");
	pool_file_end(base, most, fd);
}

static void restore_order(void)
{
	uint64_t hpa[POOL], i, at;
	int fd;
	char *base = pool_file(nr_order, &fd);

	must(base && nr_free() == nr_order && !hvcma_populate(base, nr_order * POOL_PAGE), "the free pages");
	must(pool_addresses(base, nr_order, hpa), "addresses");
	for (i = nr_order; i-- > 0;) {
		for (at = 0; at < nr_order && hpa[at] != order[i]; at++)
			;
		must(at < nr_order && !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
						 (off_t)(at * POOL_PAGE), POOL_PAGE), "the same free pages");
	}
	pool_file_end(base, nr_order, fd);
}

/* ---- contenders ---- */

static void plain(uint64_t nr, struct outcome *o)
{
	double began = now_ms();
	int fd;
	char *base = pool_file(nr, &fd);

	must(base && !hvcma_populate(base, nr * POOL_PAGE), "a plain file");
	o->ms = now_ms() - began;
	must(pool_addresses(base, nr, o->hpa), "addresses");
	pool_file_end(base, nr, fd);
}

static void ours(uint64_t nr, struct outcome *o)
{
	struct hvcma_contiguous_request r = { .want = { .page_bytes = POOL_PAGE, .nr = nr } };
	struct hvcma_contiguous_result result;
	struct hvcma_error err = { "" };
	double began = now_ms();

	r.base = pool_file(nr, &r.fd);
	must(r.base, "a file");
	if (hvcma_contiguous_back(&r, &result, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	o->ms = now_ms() - began;
	must(pool_addresses(r.base, nr, o->hpa), "addresses");
	printf("# %" PRIu64 " MiB: of %" PRIu64 " pages looked at, %" PRIu64 " moved in %u pass\n", nr * 2,
	       result.nr_looked, result.nr_moved, result.nr_passes);
	pool_file_end(r.base, nr, r.fd);
}

struct file {
	uint64_t hpa;
	void *at;
	uint64_t number;
};

static int file_order(const void *a, const void *b)
{
	const struct file *f = a, *g = b;

	return (f->hpa > g->hpa) - (f->hpa < g->hpa);
}

static void file_path(const struct file *f, char path[96])
{
	snprintf(path, 96, "%s/map_%" PRIu64, folder, f->number);
}

static void dpdk_map_all(struct file *file, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		char path[96];
		int fd;

		file[i].number = i;
		file_path(&file[i], path);
		fd = open(path, O_CREAT | O_RDWR, 0600);
		must(fd >= 0, path);
		file[i].at = mmap(NULL, POOL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
		must(file[i].at != MAP_FAILED, "a page");
		*(int *)file[i].at = 0;
		close(fd);
	}
}

static void dpdk_look(struct file *file, uint64_t nr)
{
	struct hvcma_pagemap pagemap;

	must(!hvcma_pagemap_open(&pagemap, NULL), "pagemap");
	for (uint64_t i = 0; i < nr; i++)
		must(!hvcma_pagemap_locate(&pagemap, file[i].at, POOL_PAGE, POOL_PAGE, 1, &file[i].hpa), "pagemap");
	hvcma_pagemap_close(&pagemap);
}

static void dpdk_drop(const struct file *f)
{
	char path[96];

	file_path(f, path);
	munmap(f->at, POOL_PAGE);
	unlink(path);
}

/* Return: where they are mapped now, in the order of their addresses. */
static char *dpdk_remap(const struct file *file, uint64_t nr)
{
	char *space = mmap(NULL, (nr + 1) * POOL_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *base = (char *)(((uintptr_t)space + POOL_PAGE - 1) & ~(uintptr_t)(POOL_PAGE - 1));

	must(space != MAP_FAILED, "room");
	for (uint64_t i = 0; i < nr; i++) {
		char path[96];
		int fd;

		file_path(&file[i], path);
		fd = open(path, O_RDWR);
		must(fd >= 0 && mmap(base + i * POOL_PAGE, POOL_PAGE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd, 0) != MAP_FAILED, path);
		munmap(file[i].at, POOL_PAGE);
		close(fd);
	}
	return base;
}

static void dpdk(uint64_t nr, struct outcome *o)
{
	static struct file file[POOL];
	uint64_t all = nr_free(), i;
	double began = now_ms();
	char *base;

	dpdk_map_all(file, all);
	dpdk_look(file, all);
	qsort(file, all, sizeof(*file), file_order);
	for (i = nr; i < all; i++)
		dpdk_drop(&file[i]);
	base = dpdk_remap(file, nr);
	o->ms = now_ms() - began;
	must(pool_addresses(base, nr, o->hpa), "addresses");
	for (i = 0; i < nr; i++) {
		file[i].at = base + i * POOL_PAGE;
		dpdk_drop(&file[i]);
	}
}

/* ---- judged ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of the pages that are free, by nothing but their addresses. */
static struct hvcma_runs possible(uint64_t nr)
{
	uint64_t hpa[POOL], length[POOL], nr_runs = 0, got = 0;
	struct hvcma_runs runs = { 0 };

	memcpy(hpa, order, nr_order * sizeof(*hpa));
	qsort(hpa, nr_order, sizeof(*hpa), by_number);
	for (uint64_t i = 0; i < nr_order; i++) {
		if (i && hpa[i] - hpa[i - 1] == POOL_PAGE)
			length[nr_runs - 1]++;
		else
			length[nr_runs++] = 1;
	}
	qsort(length, nr_runs, sizeof(*length), by_number);
	runs.longest = length[nr_runs - 1] < nr ? length[nr_runs - 1] : nr;
	while (got < nr)
		got += length[nr_runs - ++runs.nr];
	return runs;
}

static void judge(const char *what, uint64_t nr, double mine, const char *baseline, double theirs,
		  const char *unit, bool more_is_better, double goal)
{
	char name[64];
	struct bench_figure f = {
		.name = name, .unit = unit, .baseline = baseline, .goal = goal, .at_least = more_is_better,
	};

	snprintf(name, sizeof(name), "contiguous_%s_%" PRIu64 "m", what, nr * 2);
	bench_add(&f, mine, theirs);
	bench_counted(&f);
}

typedef void contender(uint64_t nr, struct outcome *o);

/* Once more, from the same start. */
static void run_again(contender *c, uint64_t nr, struct outcome *o)
{
	const struct hvcma_runs_want want = { .page_bytes = POOL_PAGE, .nr = nr };
	struct hvcma_runs runs;

	restore_order();
	c(nr, o);
	hvcma_runs_count(o->hpa, &want, &runs);
	if (runs.nr > o->runs.nr)
		o->runs = runs;
}

static bool bench(uint64_t nr)
{
	static struct outcome by_plain, by_dpdk, by_us;
	struct hvcma_runs best = possible(nr), p, d, u;
	struct bench_figure took = { .unit = "ms", .baseline = "dpdk", .goal = TIME_GOAL };
	bool same = true, pass;
	char name[64];

	by_plain = by_dpdk = by_us = (struct outcome){ .ms = 0 };
	for (int round = 0; round < ROUNDS; round++) {
		run_again(plain, nr, &by_plain);
		same &= !memcmp(by_plain.hpa, order, nr * sizeof(*order));
		run_again(dpdk, nr, &by_dpdk);
		run_again(ours, nr, &by_us);
		bench_pair(&took, by_us.ms, by_dpdk.ms);
	}
	p = by_plain.runs;
	d = by_dpdk.runs;
	u = by_us.runs;
	printf("# %" PRIu64 " MiB: plain %" PRIu64 " runs, longest %" PRIu64 " MiB, %.1f ms; dpdk %" PRIu64
	       ", %" PRIu64 " MiB, %.1f ms; ours %" PRIu64 ", %" PRIu64 " MiB, %.1f ms; possible %" PRIu64
	       ", %" PRIu64 " MiB\n", nr * 2, p.nr, p.longest * 2, by_plain.ms, d.nr, d.longest * 2, by_dpdk.ms,
	       u.nr, u.longest * 2, by_us.ms, best.nr, best.longest * 2);
	printf("CONTROL plain_%" PRIu64 "m has the pages that come first: %s, and many runs (%" PRIu64 " of %"
	       PRIu64 " at most): %s\n", nr * 2, same ? "yes" : "NO", p.nr, nr, p.nr > 2 * best.nr ? "yes" : "NO");
	pass = same && p.nr > 2 * best.nr;
	judge("runs", nr, (double)u.nr, "plain", (double)p.nr, "", false, 0.5);
	judge("runs", nr, (double)u.nr, "dpdk", (double)d.nr, "", false, 1);
	judge("runs", nr, (double)u.nr, "possible", (double)best.nr, "", false, 1);
	judge("longest", nr, (double)u.longest * 2, "plain", (double)p.longest * 2, "MiB", true, 1);
	judge("longest", nr, (double)u.longest * 2, "dpdk", (double)d.longest * 2, "MiB", true, 1);
	judge("longest", nr, (double)u.longest * 2, "possible", (double)best.longest * 2, "MiB", true, 1);
	snprintf(name, sizeof(name), "contiguous_time_%" PRIu64 "m", nr * 2);
	took.name = name;
	bench_judge(&took);
	return pass;
}

static bool run(void)
{
	static const uint64_t sizes[] = { 64, 256, 1024 };
	bool pass = true;

	for (uint64_t i = 0; i < pool.nr; i++)
		must(pool_pages_give(&pool, i), "a page");
	fragment();
	note_order();
	printf("# %" PRIu64 " pages of 2 MiB are free, of %" PRIu64 "\n", nr_order, pool.nr);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		pass &= bench(sizes[i] * MIB / POOL_PAGE);
	for (size_t i = 0; i < TENANTS; i++)
		if (tenant[i].base)
			tenant_end(&tenant[i]);
	return pass;
}

int main(void)
{
	bool pass = false;

	if (geteuid() || unshare(CLONE_NEWNS) || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL)) {
		puts("1..0 # SKIP needs root: a pool of hugepages, physical addresses");
		return 77;
	}
	/* what is free already counts: no more than POOL in all */
	if (!pool_pages_take(&pool, nr_free() < POOL ? POOL - nr_free() : 0)) {
		printf("1..0 # SKIP no %" PRIu64 " hugepages of 2 MiB, or others have some\n", POOL);
		return 77;
	}
	if (pool.nr != POOL) {
		printf("1..0 # SKIP there are %" PRIu64 " hugepages of 2 MiB, not %" PRIu64 "\n", pool.nr, POOL);
		pool_pages_end(&pool);
		return 77;
	}
	must(mkdtemp(folder) && !mount("bench", folder, "hugetlbfs", 0, "pagesize=2M"), folder);
	pass = run();
	umount2(folder, MNT_DETACH);
	rmdir(folder);
	pool_pages_end(&pool);
	return bench_exit() || !pass;
}
