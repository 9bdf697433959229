// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests that take many turns of QEMU's main loop, and what goes on between
 * these: other requests are answered, requests for memory wait in order, and a
 * migration takes along what is unfinished.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define REGION_BYTES	(128 * 1024 * MIB)
#define DEVICE		"-m 256M,maxmem=140G,slots=4 "					\
			"-object memory-backend-memfd,id=m0,size=128G,reserve=off "	\
			"-device edu,id=edu0 "						\
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,"		\
			"granule=2M,x-provider=fake,x-fake-pin-us=20,clients=edu0"

static struct qtest *q;
static struct cma c;

static void open_device(void)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, DEVICE);
	cma_open(&c, q, &virtio_pci);
}

static int kill_qemu(void **state)
{
	(void)state;
	qtest_kill_leftover();
	return 0;
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

static uint64_t post_alloc(uint64_t bytes)
{
	const struct virtio_cma_alloc_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
		.bytes = bytes,
		.max_dma_addr = UINT64_MAX,
		.flags = VIRTIO_CMA_ALLOC_CONTIG,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.purpose = VIRTIO_CMA_PURPOSE_POOL,
	};

	return post(&req, sizeof(req));
}

static uint64_t post_free(const struct virtio_cma_block *block)
{
	const struct {
		struct virtio_cma_free_req head;
		struct virtio_cma_range range;
	} req = {
		.head.hdr = { .op = VIRTIO_CMA_OP_FREE, .bytes = sizeof(req) },
		.head.nr_ranges = 1,
		.range = { .base_gpa = block->base_gpa, .bytes = block->bytes },
	};

	return post(&req, sizeof(req));
}

static uint64_t post_release(uint32_t client)
{
	const struct virtio_cma_client_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_RELEASE, .bytes = sizeof(req) },
		.client = client,
	};

	return post(&req, sizeof(req));
}

/* The header's length: 0 as long as there is no answer. */
static uint32_t answered(uint64_t answer)
{
	return qtest_readl(q, answer + 4);
}

static uint32_t status_of(uint64_t answer)
{
	assert_true(answered(answer) >= sizeof(struct virtio_cma_resp_hdr));
	return qtest_readl(q, answer);
}

static void test_others_overtake(void **state)
{
	uint64_t slow, slow_too, free_answer, release_answer;
	struct virtio_cma_block block;

	(void)state;
	open_device();
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	assert_int_equal(cma_claim(&c, 0), 0);
	slow = post_alloc(REGION_BYTES - 8 * CMA_GRANULE);
	slow_too = post_alloc(CMA_GRANULE);
	free_answer = post_free(&block);
	release_answer = post_release(0);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), 16);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), 16);
	assert_int_equal(answered(slow), 0);
	assert_int_equal(answered(slow_too), 0);
	assert_int_equal(status_of(free_answer), VIRTIO_CMA_S_OK);
	assert_int_equal(status_of(release_answer), VIRTIO_CMA_S_OK);

	/* Those for memory come in order. */
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), 56);
	assert_int_equal(status_of(slow), VIRTIO_CMA_S_OK);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), 56);
	assert_int_equal(status_of(slow_too), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 2);
	qtest_stop(q);
}

static void test_migration_takes_along(void **state)
{
	char file[] = "/tmp/hvcma-turns-XXXXXX";
	uint64_t slow, slow_too, free_answer;
	struct virtio_cma_block block;
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	open_device();
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	qtest_run(q);
	slow = post_alloc(REGION_BYTES - 8 * CMA_GRANULE);
	slow_too = post_alloc(CMA_GRANULE);
	free_answer = post_free(&block);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'stop'}"));
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), 16);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	assert_int_equal(answered(slow), 0);
	qtest_wait_migrated(q);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, DEVICE " -incoming defer");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	c.v.q = q;
	assert_int_equal(status_of(free_answer), VIRTIO_CMA_S_OK);
	assert_int_equal(answered(slow), 0);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'cont'}"));
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), 56);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), 56);
	assert_int_equal(status_of(slow), VIRTIO_CMA_S_OK);
	assert_int_equal(status_of(slow_too), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 2);
	qtest_stop(q);
	unlink(file);
}

#define TEST(name) cmocka_unit_test_teardown(name, kill_qemu)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_others_overtake),
		TEST(test_migration_takes_along),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
