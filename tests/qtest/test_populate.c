// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Granules of 1 GiB, which take the kernel a while to zero: a thread does it. What
 * goes on in the main loop meanwhile, and what may end it. The memory is plain, of
 * small pages, for machines have no hugepages of 1 GiB; so it takes longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"

#define GIB		(1024 * MIB)
#define MACHINE		"-m 256M,maxmem=8G,slots=4 "					\
			"-object memory-backend-memfd,id=m0,size=2G "	\
			HOTPLUG_PORT
#define DEVICE		"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,"		\
			"granule=1G,bus=rp0,trace=on"
#define SHARED		VIRTIO_CMA_CLIENT_SHARED
#define BEGINS		"populates 0 1"
#define ENDS		"populated 0 1: 0"
#define QUEUE_SELECT	22
#define QUEUE_RESET	58

static struct qtest *q;
static struct cma c;
static uint64_t answer;

static const struct virtio_cma_alloc_req alloc_req = {
	.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(alloc_req) },
	.bytes = GIB,
	.max_dma_addr = UINT64_MAX,
	.flags = VIRTIO_CMA_ALLOC_CONTIG,
	.client = SHARED,
};

static void open_device(void)
{
	qtest_skip_unless_built();
	if (geteuid()) {
		print_message("needs root, for pins\n");
		skip();
	}
	q = qtest_start(QTEST_Q35, MACHINE DEVICE);
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
}

static int kill_qemu(void **state)
{
	(void)state;
	qtest_kill_leftover();
	return 0;
}

/* An ALLOC that has to wait for the thread, which is at work now. */
static void begin_alloc(void)
{
	uint64_t at = virtio_memory(&c.v, 8192);
	struct vring_buf buf[2] = {
		{ .addr = at, .bytes = sizeof(alloc_req) },
		{ .addr = at + 4096, .bytes = 4096, .flags = VRING_WRITE },
	};

	answer = at + 4096;
	qtest_write(q, at, &alloc_req, sizeof(alloc_req));
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
}

static void expect_granted(void)
{
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST),
			 sizeof(struct virtio_cma_alloc_resp) + sizeof(struct virtio_cma_block));
	assert_int_equal(qtest_readl(q, answer), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), GIB);
}

static void wait_for(const char *text)
{
	int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100 && !strstr(qtest_stderr(q), text); i++)
		usleep(10000);
	assert_non_null(strstr(qtest_stderr(q), text));
}

/* Is the second in the log, and after the first? */
static bool follows(const char *first, const char *second)
{
	const char *at = strstr(qtest_stderr(q), first);

	return at && strstr(at, second);
}

/* The main loop answers others; the request is answered when its memory is there. */
static void test_main_loop_goes_on(void **state)
{
	int nr_answers = 0;

	(void)state;
	open_device();
	begin_alloc();
	while (!virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST)) {
		if (!strstr(qtest_stderr(q), ENDS))
			nr_answers++;
	}
	assert_true(nr_answers > 3);
	expect_granted();
	assert_true(follows(BEGINS, ENDS) && follows(ENDS, "alloc 0 1"));
	/* What is there already needs no thread. */
	assert_int_equal(cma_free(&c, c.base_gpa, GIB), VIRTIO_CMA_S_OK);
	begin_alloc();
	expect_granted();
	assert_false(follows(ENDS, "populates"));
	qtest_stop(q);
}

/* A reset does not wait for the thread; the next driver finds what it has done. */
static void test_reset(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	open_device();
	begin_alloc();
	virtio_reset(&c.v);
	cma_restart(&c);
	wait_for(ENDS);
	assert_true(follows(BEGINS, "reset 0 0"));
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_readl(q, answer + 4), 0);
	assert_int_equal(cma_alloc(&c, GIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, GIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 2 * GIB);
	qtest_stop(q);
}

static void test_queue_reset(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	open_device();
	begin_alloc();
	qtest_writew(q, c.v.regs + QUEUE_SELECT, VIRTIO_CMA_VQ_REQUEST);
	qtest_writew(q, c.v.regs + QUEUE_RESET, 1);
	virtio_setup_queue(&c.v, VIRTIO_CMA_VQ_REQUEST, 256);
	assert_int_equal(cma_alloc(&c, 2 * GIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_readl(q, answer + 4), 0);
	assert_int_equal(virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST), 0);
	qtest_stop(q);
}

static void test_stop(void **state)
{
	(void)state;
	open_device();
	qtest_run(q);
	begin_alloc();
	json_object_put(qtest_qmp_ok(q, "{'execute': 'stop'}"));
	wait_for(ENDS);
	assert_int_equal(qtest_readl(q, answer + 4), 0);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'cont'}"));
	expect_granted();
	qtest_stop(q);
}

/* The memory stays mapped as long as the thread is at work on it. */
static void test_unplug(void **state)
{
	(void)state;
	open_device();
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	begin_alloc();
	hotplug_eject(q);
	assert_true(follows(BEGINS, ENDS));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'object-del', 'arguments': {'id': 'm0'}}"));
	qtest_stop(q);
}

static void test_quit(void **state)
{
	(void)state;
	open_device();
	begin_alloc();
	qtest_stop(q);
}

#define TEST(name) cmocka_unit_test_teardown(name, kill_qemu)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_main_loop_goes_on), TEST(test_reset), TEST(test_queue_reset),
		TEST(test_stop), TEST(test_unplug), TEST(test_quit),
	};

	return cmocka_run_group_tests_name("populate", tests, NULL, NULL);
}
