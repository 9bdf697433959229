// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that takes many turns of QEMU's main loop to go back: what is reset,
 * unplugged, stopped, saved or asked for meanwhile. The memory is fake, and each pin
 * takes a fixed time, so that all of it takes some, whatever the machine.
 *
 * check: early
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

#define MACHINE		"-m 256M,maxmem=40G,slots=4 "
#define MEMDEV(size)	"-object memory-backend-memfd,id=m0,size=" size ",reserve=off "
#define M0		MEMDEV("4G")
#define M0_BIG		MEMDEV("16G")		/* where much is done meanwhile */
#define DEVICE		"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,"	\
			"x-provider=fake,x-fake-pin-us=200"
#define SHARED		VIRTIO_CMA_CLIENT_SHARED
#define QUEUE_SELECT	0x16
#define QUEUE_RESET	0x3a

static struct qtest *q;
static struct cma c;
static uint64_t region_bytes = 4 * 1024 * MIB;

static void open_device(const char *options)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, MACHINE M0 "-device edu,id=edu0 " DEVICE ",clients=edu0%s",
			options);
	cma_open(&c, q, &virtio_pci);
}

static int kill_qemu(void **state)
{
	(void)state;
	region_bytes = 4 * 1024 * MIB;
	qtest_kill_leftover();
	return 0;
}

/* All of the region is the guest's, in one block. */
static struct virtio_cma_block take_all(void)
{
	struct virtio_cma_block block;

	assert_int_equal(cma_alloc(&c, region_bytes, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), region_bytes);
	return block;
}

/* Some is pinned that is in no block, and no more than before. */
static void assert_draining(void)
{
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
	assert_int_equal(qtest_get(q, "/counters/allocated-bytes"), 0);
	assert_true(qtest_get(q, "/counters/pinned-bytes") > 0);
	assert_true((uint64_t)qtest_get(q, "/counters/pinned-bytes") < region_bytes);
}

static void wait_gone(void)
{
	int64_t before = INT64_MAX, now;
	int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		now = qtest_get(q, "/counters/pinned-bytes");
		assert_true(now <= before);
		if (!now)
			break;
		before = now;
		usleep(10000);
	}
	assert_int_equal(now, 0);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/free-bytes"), region_bytes);
}

/* Where the answer comes to. */
static uint64_t post(const void *req, size_t bytes)
{
	uint64_t at = virtio_memory(&c.v, 8192);
	struct vring_buf buf[2] = {
		{ .addr = at, .bytes = (uint32_t)bytes },
		{ .addr = at + 4096, .bytes = 4096, .flags = VRING_WRITE },
	};

	qtest_write(q, at, req, bytes);
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	return at + 4096;
}

struct free_req {
	struct virtio_cma_free_req head;
	struct virtio_cma_range range;
};

static uint64_t post_free(const struct virtio_cma_block *block)
{
	const struct free_req req = {
		.head.hdr = { .op = VIRTIO_CMA_OP_FREE, .bytes = sizeof(req) },
		.head.nr_ranges = 1,
		.range = { .base_gpa = block->base_gpa, .bytes = block->bytes },
	};

	return post(&req, sizeof(req));
}

static uint64_t post_busy(const struct virtio_cma_block *block)
{
	const struct virtio_cma_busy_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_BUSY, .bytes = sizeof(req) },
		.block = { .base_gpa = block->base_gpa, .bytes = block->bytes },
		.action = VIRTIO_CMA_BUSY_SET,
	};

	return post(&req, sizeof(req));
}

static uint64_t post_release(void)
{
	const struct virtio_cma_client_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_RELEASE, .bytes = sizeof(req) },
	};

	return post(&req, sizeof(req));
}

static bool answered(uint64_t answer)
{
	return qtest_readl(q, answer + 4);
}

static void expect_ok(uint64_t answer)
{
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST),
			 sizeof(struct virtio_cma_resp_hdr));
	assert_int_equal(qtest_readl(q, answer + 4), sizeof(struct virtio_cma_resp_hdr));
	assert_int_equal(qtest_readl(q, answer), VIRTIO_CMA_S_OK);
}

/* ---- FREE and BUSY ---- */

/* A FREE of everything does not hold up a RELEASE; its answer says that all is gone. */
static void test_free_in_parts(void **state)
{
	struct virtio_cma_block block;
	uint64_t freed, released, again;

	(void)state;
	open_device("");
	block = take_all();
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	freed = post_free(&block);
	again = post_free(&block);
	released = post_release();
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	expect_ok(released);
	assert_false(answered(freed));
	assert_draining();
	expect_ok(freed);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	/* The second one waited for the first, and is judged by what it finds. */
	virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(qtest_readl(q, again), VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_equal(qtest_get(q, "/counters/free-bytes"), region_bytes);
	qtest_stop(q);
}

static void test_busy_in_parts(void **state)
{
	struct virtio_cma_block block;
	uint64_t busy;

	(void)state;
	open_device("");
	block = take_all();
	busy = post_busy(&block);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_false(answered(busy));
	assert_draining();
	expect_ok(busy);
	assert_int_equal(qtest_get(q, "/counters/busy-bytes"), region_bytes);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	virtio_reset(&c.v);
	cma_restart(&c);
	take_all();
	assert_int_equal(qtest_get(q, "/counters/busy-bytes"), 0);
	qtest_stop(q);
}

/* What does not fit yet waits; what fits is had before all is gone. */
static void test_alloc_waits(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	qtest_skip_unless_built();
	region_bytes = 16 * 1024 * MIB;
	q = qtest_start(QTEST_Q35, MACHINE M0_BIG DEVICE ",pin-limit=16G");
	cma_open(&c, q, &virtio_pci);
	block = take_all();
	post_free(&block);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_draining();
	virtio_reset(&c.v);
	cma_restart(&c);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_true(qtest_get(q, "/counters/pinned-bytes") > (int64_t)CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 1);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	take_all();
	qtest_stop(q);
}

/* ---- resets ---- */

static void test_reset(void **state)
{
	(void)state;
	open_device("");
	take_all();
	virtio_reset(&c.v);
	assert_draining();
	virtio_reset(&c.v);
	assert_draining();
	cma_restart(&c);
	take_all();
	/* Of the machine. */
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_draining();
	wait_gone();
	qtest_stop(q);
}

/* An ALLOC that is half pinned: nobody sees a block, and what it has got drains. */
static void test_reset_of_an_alloc(void **state)
{
	const struct virtio_cma_alloc_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
		.bytes = region_bytes,
		.max_dma_addr = UINT64_MAX,
		.flags = VIRTIO_CMA_ALLOC_CONTIG,
		.client = SHARED,
	};
	uint64_t answer;
	int i;

	(void)state;
	open_device("");
	take_all();
	virtio_reset(&c.v);
	wait_gone();
	cma_restart(&c);
	answer = post(&req, sizeof(req));
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	for (i = 0; i < 100 && !qtest_get(q, "/counters/pinned-bytes"); i++)
		;
	assert_false(answered(answer));
	assert_draining();
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes") % (int64_t)CMA_GRANULE, 0);
	virtio_reset(&c.v);
	assert_draining();
	wait_gone();
	assert_false(answered(answer));
	qtest_stop(q);
}

static void test_queue_reset(void **state)
{
	struct virtio_cma_block block;
	uint64_t freed;

	(void)state;
	open_device("");
	block = take_all();
	freed = post_free(&block);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	qtest_writew(q, c.v.regs + QUEUE_SELECT, VIRTIO_CMA_VQ_REQUEST);
	qtest_writew(q, c.v.regs + QUEUE_RESET, 1);
	assert_draining();
	virtio_setup_queue(&c.v, VIRTIO_CMA_VQ_REQUEST, 256);
	/* The FREE goes on without its request, and the next one is answered alone. */
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_NOT_BLOCK);
	wait_gone();
	assert_false(answered(freed));
	assert_int_equal(virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST), 0);
	take_all();
	qtest_stop(q);
}

/* ---- unplug ---- */

#define OBJECT_DEL	"{'execute': 'object-del', 'arguments': {'id': 'm0'}}"

/* It is off its bus at once, and gone when all is unpinned; others don't notice. */
static void test_unplug(void **state)
{
	struct virtio_cma_block block;
	struct cma other;

	(void)state;
	qtest_skip_unless_built();
	region_bytes = 16 * 1024 * MIB;
	q = qtest_start(QTEST_Q35, MACHINE M0_BIG HOTPLUG_PORT
			"-object memory-backend-memfd,id=m1,size=64M,reserve=off "
			"-device edu,id=edu0 " DEVICE ",bus=rp0,clients=edu0 "
			"-device virtio-cma-pci,id=cma1,memdev=m1,name=bankb,granule=2M,"
			"x-provider=fake");
	hotplug_set_up(q);
	cma_open(&other, q, &virtio_pci);
	cma_open_on_bus(&c, q, 1);
	take_all();
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	hotplug_let_go(q);
	assert_int_equal(qtest_pci_read(q, 1, 0, 0), UINT32_MAX);
	qtest_qmp_refused(q, "is in use", OBJECT_DEL);
	assert_int_equal(cma_alloc(&other, 2 * CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&other, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, "is in use", OBJECT_DEL);
	qtest_wait_event(q, "DEVICE_DELETED");
	json_object_put(qtest_qmp_ok(q, OBJECT_DEL));
	qtest_stop(q);
}

/* One of its name, with the same client, may come before the old one is gone. */
static void test_replug(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, MACHINE M0 HOTPLUG_PORT
			"-object memory-backend-memfd,id=m1,size=64M,reserve=off "
			"-device edu,id=edu0 " DEVICE ",bus=rp0,clients=edu0");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	take_all();
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_let_go(q);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0',"
				     "'memdev': 'm1', 'granule': 2097152, 'name': 'banka',"
				     "'clients': 'edu0', 'x-provider': 'fake'}}"));
	cma_open_on_bus(&c, q, 1);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_wait_event(q, "DEVICE_DELETED");
	json_object_put(qtest_qmp_ok(q, OBJECT_DEL));
	qtest_assert_text(q, "/clients/0/state", "claimed");
	qtest_stop(q);
}

/* QEMU's end does not wait for turns. */
static void test_quit_while_leaving(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, MACHINE M0 HOTPLUG_PORT DEVICE ",bus=rp0");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	take_all();
	virtio_reset(&c.v);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, MACHINE M0 HOTPLUG_PORT DEVICE ",bus=rp0");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	take_all();
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_let_go(q);
	qtest_stop(q);
}

/* ---- stop, save, restore ---- */

/* A FREE that was accepted: its block stays behind, its answer comes along. */
static void test_migration(void **state)
{
	char file[] = "/tmp/hvcma-drain-XXXXXX";
	struct virtio_cma_block small, block;
	int fd = mkstemp(file);
	uint64_t freed, busy;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	/* Few granules, slowly: a migration reads all that is still pinned. */
	open_device(",x-fake-pin-us=10000,x-fake-step=4");
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &small), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, 96 * CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_run(q);
	freed = post_free(&block);
	busy = post_busy(&small);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'stop'}"));
	assert_false(answered(freed));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	assert_false(answered(freed));
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, MACHINE M0 "-device edu,id=edu0 " DEVICE
			",clients=edu0 -incoming defer");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	c.v.q = q;
	assert_int_equal(qtest_get(q, "/counters/blocks"), 1);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 2 * CMA_GRANULE);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'cont'}"));
	expect_ok(freed);
	expect_ok(busy);		/* it had not been looked at */
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/busy-bytes"), 2 * CMA_GRANULE);
	qtest_stop(q);
	unlink(file);
}

/* What drains does so while the VM stands still; answers wait. */
static void test_stop(void **state)
{
	struct virtio_cma_block block;
	uint64_t freed;

	(void)state;
	open_device("");
	block = take_all();
	qtest_run(q);
	freed = post_free(&block);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'stop'}"));
	wait_gone();
	assert_false(answered(freed));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'cont'}"));
	expect_ok(freed);
	qtest_stop(q);
}

/* ---- quarantine ---- */

/* A client that can't be quiesced in the middle of it all. */
static void test_quarantine(void **state)
{
	struct virtio_cma_block block;
	uint64_t freed, released;
	int64_t pinned;

	(void)state;
	open_device(",x-fake-fault=quiesce:0:1:5");
	block = take_all();
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	freed = post_free(&block);
	released = post_release();
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(qtest_readl(q, released), VIRTIO_CMA_S_IO);
	expect_ok(freed);
	pinned = qtest_get(q, "/counters/pinned-bytes");
	assert_true(pinned > 0);
	usleep(100000);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), pinned);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), pinned);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	wait_gone();
	qtest_stop(q);
}

#define TEST(name) cmocka_unit_test_teardown(name, kill_qemu)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_free_in_parts), TEST(test_busy_in_parts), TEST(test_alloc_waits),
		TEST(test_reset), TEST(test_reset_of_an_alloc), TEST(test_queue_reset),
		TEST(test_unplug), TEST(test_replug), TEST(test_quit_while_leaving),
		TEST(test_migration), TEST(test_stop), TEST(test_quarantine),
	};

	return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
