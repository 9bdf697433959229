// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * contiguous=: regions in long runs of the machine's hugepages, which the test has fragmented
 * before; what the report and the monitor say of them, what is refused, and that everything goes
 * back. How runs are got: unit/test_host_contiguous.c.
 *
 * check: alone
 * All of the pool is the test's meanwhile.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/pool_pages.h"
#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"

#define NR		8		/* pages of a region */
#define M0		"-object memory-backend-memfd,id=m0,size=16M,hugetlb=on,hugetlbsize=2M,share=on "
#define DEVICE		"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,unsafe-noiommu=on"

static struct pool_pages pool;
static struct qtest *q;

static int leave_pool(void **state)
{
	(void)state;
	if (pool.nr)
		pool_pages_end(&pool);
	pool.nr = 0;
	return 0;
}

static int take_pool(void **state)
{
	(void)state;
	if (!geteuid())
		pool_pages_take_run(&pool, 2 * NR);
	return 0;
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

/* Whatever it did, QEMU has gone, and what it had is there again. */
static int teardown(void **state)
{
	(void)state;
	qtest_deny(0);
	qtest_kill_leftover();
	for (int i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		if (pool_pages_fill(&pool) && pool_pages_run(&pool, 2 * NR) < pool.nr)
			return 0;
		usleep(10000);			/* pins go a little later */
	}
	return -1;
}

/* Of one run of 2 * NR pages every @step-th is free, in an order that is none. */
static void give(uint64_t step, uint64_t nr)
{
	uint64_t first = pool_pages_run(&pool, 2 * NR), at = 1;

	qtest_skip_unless_built();
	assert_true(first < pool.nr);
	for (uint64_t i = 0; i < nr; i++, at = (at + 11) % nr)
		assert_true(pool_pages_give(&pool, first + step * at));
}

static uint64_t extents(void)
{
	return qtest_get(q, "/counters/extents");
}

static void test_control(void **state)
{
	(void)state;
	give(1, 2 * NR);
	q = qtest_start(QTEST_Q35, M0 DEVICE ",mode=reusable");
	assert_true(extents() > NR / 2);
	qtest_assert_text(q, "/region/contiguous", "off");
	assert_int_equal(qtest_get(q, "/region/runs"), 0);
	qtest_stop(q);
}

static void test_one_run(void **state)
{
	struct virtio_cma_block block;
	struct cma c;

	(void)state;
	give(1, 2 * NR);
	q = qtest_start(QTEST_Q35, M0 DEVICE ",contiguous=required");
	assert_int_equal(extents(), 1);
	qtest_assert_text(q, "/region/contiguous", "required");
	assert_int_equal(qtest_get(q, "/region/run-wanted-bytes"), 16 * MIB);
	assert_int_equal(qtest_get(q, "/region/run-bytes"), 16 * MIB);
	assert_int_equal(qtest_get(q, "/region/runs"), 1);
	assert_true(nr_free() >= NR);
	/* a guest may have all of it in one block, which no other way gives it */
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_alloc(&c, 16 * MIB, VIRTIO_CMA_CLIENT_SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(block.bytes, 16 * MIB);
	assert_int_equal(extents(), 1);
	qtest_stop(q);
}

/* Pages of which no two are neighbours. */
static void test_best(void **state)
{
	(void)state;
	give(2, NR);
	q = qtest_start(QTEST_Q35, M0 DEVICE ",contiguous=best");
	assert_int_equal(extents(), NR);
	qtest_assert_text(q, "/region/contiguous", "best");
	assert_int_equal(qtest_get(q, "/region/run-wanted-bytes"), 0);
	assert_int_equal(qtest_get(q, "/region/run-bytes"), 2 * MIB);
	assert_int_equal(qtest_get(q, "/region/runs"), NR);
	qtest_stop(q);
}

static void test_refused(void **state)
{
	(void)state;
	give(2, NR);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': region banka: a run of 16777216 bytes is wanted, but the "
			     "longest that can be had is of 2097152: of ", M0 DEVICE ",contiguous=required");
	qtest_expect_refusal(QTEST_Q35, "surplus pages: nr_overcommit_hugepages allows 0 (none)",
			     M0 DEVICE ",contiguous=required");
	qtest_expect_refusal(QTEST_Q35, "a run of 4194304 bytes is wanted", M0 DEVICE ",contiguous=required,run=4M");
	assert_true(nr_free() >= NR);
}

static void test_options(void **state)
{
	(void)state;
	give(1, 2 * NR);
	qtest_expect_refusal(QTEST_Q35, "run=3145728 is not a multiple of the granule 2097152 up to the memdev's size",
			     M0 DEVICE ",contiguous=required,run=3M");
	qtest_expect_refusal(QTEST_Q35, "run=134217728 is not a multiple of the granule 2097152 up to the memdev's size",
			     M0 DEVICE ",contiguous=required,run=128M");
	qtest_expect_refusal(QTEST_Q35, "contiguous=best is about where host pages lie, and stay",
			     M0 DEVICE ",contiguous=best,discard=on");
	qtest_deny(QTEST_NO_SYS_ADMIN);
	qtest_expect_refusal(QTEST_Q35, "it needs CAP_SYS_ADMIN", M0 DEVICE ",contiguous=best");
	assert_true(nr_free() >= 2 * NR);
}

/* Plugged later, refused, and plugged as it can be had: the same memory backend. */
static void test_hotplug(void **state)
{
	(void)state;
	give(2, NR);
	q = qtest_start(QTEST_Q35, M0 HOTPLUG_PORT);
	qtest_qmp_refused(q, "a run of 16777216 bytes is wanted",
			   "{'execute': 'device_add', 'arguments': {'driver': 'virtio-cma-pci', 'id': 'cma0',"
			   "'memdev': 'm0', 'bus': 'rp0', 'unsafe-noiommu': true, 'contiguous': 'required'}}");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-cma-pci',"
				     "'id': 'cma0', 'memdev': 'm0', 'bus': 'rp0', 'unsafe-noiommu': true,"
				     "'contiguous': 'required', 'run': 2097152}}"));
	assert_int_equal(qtest_get(q, "/region/runs"), NR);
	assert_int_equal(qtest_get(q, "/region/run-wanted-bytes"), 2 * MIB);
	qtest_stop(q);
}

#define TEST(name)	cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_control), TEST(test_one_run), TEST(test_best), TEST(test_refused),
		TEST(test_options), TEST(test_hotplug),
	};

	take_pool(NULL);
	if (!pool.nr) {
		printf("1..0 # SKIP no %d hugepages are in one run, others have some, or not root\n", 2 * NR);
		leave_pool(NULL);
		return 77;
	}
	return cmocka_run_group_tests_name("contiguous", tests, NULL, leave_pool);
}
