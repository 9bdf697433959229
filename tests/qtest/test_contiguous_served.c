// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * contiguous= with service=: a QEMU of an ordinary user has hvcmad choose the pages of its region, out of a pool that the
 * test has fragmented before: what the report says, what is refused, the reserve, and that everything goes back. Without a
 * service: test_contiguous.c; the requests: service/test_arrange.c.
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
#include "tests/service/daemon.h"

#define USER		12345
#define BLIND		12346
#define NR		4		/* pages of a region */
#define SANDBOX		"-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
#define M0		SANDBOX "-object memory-backend-memfd,id=m0,size=8M,hugetlb=on,hugetlbsize=2M,share=on "
#define M0_THERE	SANDBOX "-object memory-backend-memfd,id=m0,size=8M,hugetlb=on,hugetlbsize=2M,share=on,prealloc=on "
#define DEVICE		"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,unsafe-noiommu=on,service=%s"

static const char config[] =
	"socket-group = \"nogroup\";\n"
	"totals = { memory = \"64M\"; pinned = \"64M\"; regions = 4; };\n"
	"%svms = ( { name = \"sees\"; user = 12345; memory = \"64M\"; pinned = \"64M\"; regions = 4; unsafe-noiommu = true; },\n"
	"        { name = \"blind\"; user = 12346; memory = \"64M\"; pinned = \"64M\"; regions = 4; } );\n";

static struct pool_pages pool;
static struct daemon d;
static struct qtest *q;

static int leave_pool(void **state)
{
	(void)state;
	if (pool.nr)
		pool_pages_end(&pool);
	pool.nr = 0;
	return 0;
}

/* Of one run of 2 * NR pages every @step-th is free, in an order that is none; a service keeps @keep back. */
static void give(uint64_t step, uint64_t nr, const char *keep)
{
	uint64_t first = pool_pages_run(&pool, 2 * NR), at = 1;
	char text[1024];

	qtest_skip_unless_built();
	snprintf(text, sizeof(text), config, keep);
	daemon_start(&d, text);
	assert_true(first < pool.nr);
	for (uint64_t i = 0; i < nr; i++, at = (at + 11) % nr)
		assert_true(pool_pages_give(&pool, first + step * at));
	qtest_as_user(USER);
}

/* Whatever it did, QEMU and the service have gone, and what they had is there again. */
static int teardown(void **state)
{
	(void)state;
	qtest_as_user(0);
	qtest_kill_leftover();
	if (d.pid)
		daemon_stop(&d);
	for (int i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		if (pool_pages_fill(&pool) && pool_pages_run(&pool, 2 * NR) < pool.nr)
			return 0;
		usleep(10000);			/* pins go a little later */
	}
	return -1;
}

static void test_control(void **state)
{
	(void)state;
	give(1, 2 * NR, "");
	q = qtest_start(QTEST_Q35, M0 DEVICE ",mode=reusable", d.socket);
	assert_true(qtest_get(q, "/counters/extents") > NR / 2);
	assert_int_equal(qtest_get(q, "/region/runs"), 0);
	qtest_stop(q);
}

static void test_one_run(void **state)
{
	struct virtio_cma_block block;
	struct cma c;

	(void)state;
	give(1, 2 * NR, "");
	q = qtest_start(QTEST_Q35, M0 DEVICE ",contiguous=required", d.socket);
	qtest_assert_text(q, "/region/contiguous", "required");
	assert_int_equal(qtest_get(q, "/region/run-wanted-bytes"), 8 * MIB);
	assert_int_equal(qtest_get(q, "/region/run-bytes"), 8 * MIB);
	assert_int_equal(qtest_get(q, "/region/runs"), 1);
	assert_int_equal(qtest_get(q, "/counters/extents"), 1);
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_alloc(&c, 8 * MIB, VIRTIO_CMA_CLIENT_SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(block.bytes, 8 * MIB);
	assert_int_equal(qtest_get(q, "/counters/extents"), 1);
	qtest_stop(q);
}

/* Pages of which no two are neighbours. */
static void test_best(void **state)
{
	(void)state;
	give(2, NR, "");
	q = qtest_start(QTEST_Q35, M0 DEVICE ",contiguous=best", d.socket);
	qtest_assert_text(q, "/region/contiguous", "best");
	assert_int_equal(qtest_get(q, "/region/run-bytes"), 2 * MIB);
	assert_int_equal(qtest_get(q, "/region/runs"), NR);
	assert_int_equal(qtest_get(q, "/counters/extents"), NR);
	qtest_stop(q);
}

static void test_refused(void **state)
{
	(void)state;
	give(2, NR, "");
	qtest_expect_refusal(QTEST_Q35, "the service refuses ARRANGE: no hugepages that lie as is asked for: region banka: "
			     "a run of 8388608 bytes is wanted, but the longest that can be had is of 2097152: of ",
			     M0 DEVICE ",contiguous=required", d.socket);
	qtest_expect_refusal(QTEST_Q35, "a run of 4194304 bytes is wanted", M0 DEVICE ",contiguous=required,run=4M", d.socket);
	qtest_as_user(BLIND);
	qtest_expect_refusal(QTEST_Q35, "the configuration lacks unsafe-noiommu", M0 DEVICE ",contiguous=best", d.socket);
}

/*
 * What is kept back is not even looked at: of eight pages QEMU has made four, the other four are kept. With one
 * kept there is a run. What is yet to be made has to fit beside it.
 */
static void test_reserve(void **state)
{
	(void)state;
	give(1, 2 * NR, "reserves = ( { hugepage = \"2M\"; keep = \"8M\"; } );\n");
	qtest_expect_refusal(QTEST_Q35, "of 4 hugepages of 2097152 bytes, 0 beside the region's own",
			     M0_THERE DEVICE ",contiguous=required", d.socket);
	assert_int_equal(teardown(NULL), 0);

	give(1, 2 * NR, "reserves = ( { hugepage = \"2M\"; keep = \"2M\"; } );\n");
	qtest_expect_refusal(QTEST_Q35, "would leave less than the 1 that the configuration keeps back",
			     M0 DEVICE ",contiguous=required", d.socket);
	q = qtest_start(QTEST_Q35, M0_THERE DEVICE ",contiguous=required", d.socket);
	assert_int_equal(qtest_get(q, "/region/runs"), 1);
	qtest_stop(q);
}

/* Plugged later, refused, and plugged as it can be had: the same memory backend. */
static void test_hotplug(void **state)
{
	char text[512];

	(void)state;
	give(2, NR, "");
	q = qtest_start(QTEST_Q35, M0 HOTPLUG_PORT);
	snprintf(text, sizeof(text), "{'execute': 'device_add', 'arguments': {'driver': 'virtio-cma-pci', 'id': 'cma0',"
		 "'memdev': 'm0', 'bus': 'rp0', 'unsafe-noiommu': true, 'contiguous': 'required', 'service': '%s'}}", d.socket);
	qtest_qmp_refused(q, "a run of 8388608 bytes is wanted", text);
	snprintf(text, sizeof(text), "{'execute': 'device_add', 'arguments': {'driver': 'virtio-cma-pci', 'id': 'cma0',"
		 "'memdev': 'm0', 'bus': 'rp0', 'unsafe-noiommu': true, 'contiguous': 'required', 'run': 2097152,"
		 "'service': '%s'}}", d.socket);
	json_object_put(qtest_qmp_ok(q, text));
	assert_int_equal(qtest_get(q, "/region/runs"), NR);
	qtest_stop(q);
}

#define TEST(name)	cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_control), TEST(test_one_run), TEST(test_best), TEST(test_refused), TEST(test_reserve),
		TEST(test_hotplug),
	};

	if (!geteuid())
		pool_pages_take_run(&pool, 2 * NR);
	if (!pool.nr) {
		printf("1..0 # SKIP no %d hugepages are in one run, others have some, or not root\n", 2 * NR);
		leave_pool(NULL);
		return 77;
	}
	return cmocka_run_group_tests_name("contiguous served", tests, NULL, leave_pool);
}
