// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The longest turn of QEMU's main loop that a request, a reset or a report takes,
 * by size of the region, in granules of 2 MiB. The memory is fake, for machines
 * don't have a terabyte; with real hugepages, zeroed and pinned, once more for 1 GiB.
 * Beside the time, which other load lengthens, how many granules one call of the
 * host pins and unpins: that is what bounds it.
 *
 * QEMU answers qtest commands between turns, so it is asked for something small
 * without a pause. The turn took no longer than the answer, nor than the processor
 * time of QEMU's main thread meanwhile: the lesser one of each look, the longest
 * of all looks, in some rounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bench/decision.h"
#include "tests/qtest/cma.h"

#define ROUNDS		3
#define GOAL_MS		20.0
#define GOAL_GRANULES	64
#define REAL_BYTES	(1024 * MIB)
#define FAKE		"reserve=off", ",x-provider=fake"
#define POOL		"/sys/kernel/mm/hugepages/hugepages-2048kB/"

enum what { ALLOC, BULK, FREE, RESET, REPORT, SEARCH, NR_WHATS };

static struct qtest *q;
static struct cma c;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Of QEMU's main thread, on a processor. */
static double run_ms(void)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)qtest_pid(q));
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu", &ns), 1);
	fclose(f);
	return (double)ns * 1e-6;
}

struct look {
	double began_ms, run_ms;
};

static struct look begin_look(void)
{
	return (struct look){ .run_ms = run_ms(), .began_ms = now_ms() };
}

static void keep_longest(double *longest, const struct look *look)
{
	double ms = now_ms() - look->began_ms, ran_ms = run_ms() - look->run_ms;

	if (ran_ms < ms)
		ms = ran_ms;
	if (ms > *longest)
		*longest = ms;
}

/* Post, and look until it is answered; the longest look. */
static double request_ms(const void *req, size_t bytes, uint32_t room, uint32_t status)
{
	struct vring_buf buf[2] = {
		{ .addr = c.request, .bytes = (uint32_t)bytes },
		{ .addr = c.response, .bytes = room, .flags = VRING_WRITE },
	};
	double longest = 0;
	struct look look;

	qtest_write(q, c.request, req, bytes);
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	look = begin_look();
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	while (!virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST)) {
		keep_longest(&longest, &look);
		look = begin_look();
	}
	keep_longest(&longest, &look);
	virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(qtest_readl(q, c.response), status);
	return longest;
}

static double alloc_ms(uint64_t bytes, uint64_t align_bytes, uint32_t status)
{
	const struct virtio_cma_alloc_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
		.bytes = bytes,
		.align_bytes = align_bytes,
		.max_dma_addr = UINT64_MAX,
		.flags = VIRTIO_CMA_ALLOC_CONTIG,
		.client = VIRTIO_CMA_CLIENT_SHARED,
	};

	return request_ms(&req, sizeof(req), 4096, status);
}

/* As many as one request can have; the region has more, all in all. */
static double bulk_ms(uint64_t bytes)
{
	uint64_t nr = bytes / CMA_GRANULE;
	const struct virtio_cma_bulk_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC_BULK, .bytes = sizeof(req) },
		.block_bytes = nr > VIRTIO_CMA_MAX_BULK_BLOCKS ?
			       bytes / VIRTIO_CMA_MAX_BULK_BLOCKS : CMA_GRANULE,
		.max_dma_addr = UINT64_MAX,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.nr_blocks = nr > VIRTIO_CMA_MAX_BULK_BLOCKS ? VIRTIO_CMA_MAX_BULK_BLOCKS :
							       (uint32_t)nr,
	};

	return request_ms(&req, sizeof(req), VIRTIO_CMA_MAX_RESPONSE_BYTES, VIRTIO_CMA_S_OK);
}

static double free_ms(uint64_t bytes)
{
	const struct {
		struct virtio_cma_free_req head;
		struct virtio_cma_range range;
	} req = {
		.head.hdr = { .op = VIRTIO_CMA_OP_FREE, .bytes = sizeof(req) },
		.head.nr_ranges = 1,
		.range = { .base_gpa = c.base_gpa, .bytes = bytes },
	};

	return request_ms(&req, sizeof(req), 4096, VIRTIO_CMA_S_OK);
}

/*
 * The worst that a guest can make of a region: every second granule is free, none
 * of them where it is asked for.
 */
static double search_ms(uint64_t bytes)
{
	cma_shatter(&c, CMA_GRANULE, (unsigned int)(bytes / CMA_GRANULE));
	return alloc_ms(CMA_GRANULE, UINT64_C(1) << 41, VIRTIO_CMA_S_FRAGMENTED);
}

static double reset_ms(void)
{
	struct look look = begin_look();
	double longest = 0;

	virtio_reset(&c.v);
	keep_longest(&longest, &look);
	cma_restart(&c);
	return longest;
}

static double report_ms(void)
{
	struct look look = begin_look();
	double longest = 0;

	json_object_put(qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': "
				     "{'path': '/machine/peripheral/cma0', 'property': 'report'}}"));
	keep_longest(&longest, &look);
	return longest;
}

static void start(const char *size, const char *memdev, const char *options)
{
	q = qtest_start(QTEST_Q35, "-m 256M,maxmem=1200G,slots=4 -cpu qemu64,phys-bits=46 "
			"-object memory-backend-memfd,id=m0,size=%s,%s "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M%s",
			size, memdev, options);
	cma_open(&c, q, &virtio_pci);
}

/* All of the region was pinned once, and unpinned: in how many calls? */
static void step(const char *what, const char *size, uint64_t bytes)
{
	char counter[64], name[64];
	struct bench_figure f = { .name = name, .unit = "granules", .goal = GOAL_GRANULES };
	uint64_t granules, nr_calls;

	snprintf(counter, sizeof(counter), "/counters/%s-calls", what);
	nr_calls = (uint64_t)qtest_get(q, counter);
	granules = (bytes / CMA_GRANULE + nr_calls - 1) / nr_calls;
	snprintf(name, sizeof(name), "step_%s_%s", what, size);
	bench_add(&f, (double)granules, 1);
	bench_counted(&f);
}

static void bench(const char *name, const char *size, uint64_t bytes, const char *memdev,
		  const char *options)
{
	static const char *const names[NR_WHATS] = {
		"alloc", "bulk", "free", "reset", "report", "search",
	};
	struct bench_figure f[NR_WHATS] = { 0 };
	char title[64];
	int round, what;

	for (round = 0; round < ROUNDS; round++) {
		start(size, memdev, options);	/* new each time, so that all is backed anew */
		bench_round(&f[ALLOC], alloc_ms(bytes, 0, VIRTIO_CMA_S_OK));
		bench_round(&f[REPORT], report_ms());
		bench_round(&f[FREE], free_ms(bytes));
		if (!round) {
			step("pin", name, bytes);
			step("unpin", name, bytes);
		}
		bench_round(&f[BULK], bulk_ms(bytes));
		bench_round(&f[RESET], reset_ms());
		bench_round(&f[SEARCH], search_ms(bytes));
		qtest_stop(q);
	}
	for (what = 0; what < NR_WHATS; what++) {
		snprintf(title, sizeof(title), "turn_%s_%s", names[what], name);
		f[what].name = title;
		f[what].unit = "ms";
		f[what].goal = GOAL_MS;
		bench_judge(&f[what]);
	}
}

static bool read_pool(const char *file, long *value)
{
	char path[128];
	bool ok = false;
	FILE *f;

	snprintf(path, sizeof(path), POOL "%s", file);
	f = fopen(path, "re");
	if (f) {
		ok = fscanf(f, "%ld", value) == 1;
		fclose(f);
	}
	return ok;
}

static bool set_pool(long nr_pages)
{
	FILE *f = fopen(POOL "nr_hugepages", "we");

	if (!f)
		return false;
	fprintf(f, "%ld\n", nr_pages);
	return !fclose(f);
}

/* Pages of the pool for as long as it takes, if the machine has them. */
static void bench_real(void)
{
	const long wanted = (long)(REAL_BYTES / CMA_GRANULE);
	long before = 0, free_pages = 0;

	if (!read_pool("nr_hugepages", &before) || !set_pool(before + wanted) ||
	    !read_pool("free_hugepages", &free_pages) || free_pages < wanted)
		printf("# real pins: skipped, no %ld free hugepages of 2 MiB\n", wanted);
	else
		bench("real_1G", "1G", REAL_BYTES, "hugetlb=on,hugetlbsize=2M", "");
	set_pool(before);
}

int main(void)
{
	int failed;

	if (access(qtest_plugin(), R_OK)) {
		printf("1..0 # SKIP the plugin is not built\n");
		return 77;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench("1G", "1G", 1024 * MIB, FAKE);
	bench("64G", "64G", 64 * 1024 * MIB, FAKE);
	bench("1T", "1T", 1024 * 1024 * MIB, FAKE);
	bench_real();
	failed = bench_exit();
	printf("%sok 1 - turns of the main loop\n1..1\n", failed ? "not " : "");
	return failed;
}
