// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a hostile or broken guest can put on the rings: each is answered with a
 * status, or the device asks for a reset; none changes anything, and QEMU lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define NR_GRANULES	32
#define SHARED		VIRTIO_CMA_CLIENT_SHARED

static struct qtest *q;
static struct cma c;

static int start(void **state)
{
	const struct virtio_transport *t = *state;

	qtest_skip_unless_built();
	q = qtest_start(t->machine, "-device edu,id=edu0 " CMA_FAKE_REGION ",clients=edu0",
			t->device);
	cma_open(&c, q, t);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	qtest_assert_text(q, "/clients/0/state", "present");
	qtest_stop(q);
	return 0;
}

/* Sends, expects that status and nothing but a header. */
static void refused(const void *req, size_t bytes, uint32_t status)
{
	struct {
		struct virtio_cma_resp_hdr hdr;
		uint8_t room[240];
	} resp;

	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, req, bytes, &resp, sizeof(resp)),
			 sizeof(resp.hdr));
	if (resp.hdr.status != status)
		fail_msg("status %u, not %u (detail 0x%llx)", resp.hdr.status, status,
			 (unsigned long long)resp.hdr.detail);
	assert_int_equal(resp.hdr.bytes, sizeof(resp.hdr));
}

#define ALLOC_REQ(size)							\
	((struct virtio_cma_alloc_req){					\
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC,			\
			 .bytes = sizeof(struct virtio_cma_alloc_req) },	\
		.bytes = (size),					\
		.max_dma_addr = UINT64_MAX,				\
		.flags = VIRTIO_CMA_ALLOC_CONTIG,			\
		.client = SHARED,					\
	})

static void test_short(void **state)
{
	struct virtio_cma_alloc_req req = ALLOC_REQ(CMA_GRANULE);
	size_t bytes;

	(void)state;
	for (bytes = 1; bytes < sizeof(req); bytes++) {
		refused(&req, bytes, VIRTIO_CMA_S_INVAL);
		req.hdr.bytes = (uint32_t)bytes;
		refused(&req, bytes, VIRTIO_CMA_S_INVAL);
		req.hdr.bytes = sizeof(req);
	}
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
}

static void test_long(void **state)
{
	static uint8_t big[VIRTIO_CMA_MAX_REQUEST_BYTES + 4096];
	struct virtio_cma_alloc_req req = ALLOC_REQ(CMA_GRANULE);

	(void)state;
	memcpy(big, &req, sizeof(req));
	refused(big, sizeof(req) + 1, VIRTIO_CMA_S_INVAL);
	refused(big, VIRTIO_CMA_MAX_REQUEST_BYTES, VIRTIO_CMA_S_INVAL);
	refused(big, VIRTIO_CMA_MAX_REQUEST_BYTES + 1, VIRTIO_CMA_S_TOO_BIG);
	req.hdr.bytes = sizeof(big);
	memcpy(big, &req, sizeof(req));
	refused(big, sizeof(big), VIRTIO_CMA_S_TOO_BIG);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
}

static void test_unknown_op(void **state)
{
	struct virtio_cma_req_hdr req = { .bytes = sizeof(req) };

	(void)state;
	req.op = 0;
	refused(&req, sizeof(req), VIRTIO_CMA_S_UNSUPP);
	req.op = VIRTIO_CMA_NR_OPS;
	refused(&req, sizeof(req), VIRTIO_CMA_S_UNSUPP);
	req.op = UINT32_MAX;
	refused(&req, sizeof(req), VIRTIO_CMA_S_UNSUPP);
	assert_int_equal(qtest_get(q, "/counters/bad-requests"), 3);
}

static void test_alloc_values(void **state)
{
	struct virtio_cma_alloc_req req = ALLOC_REQ(0);

	(void)state;
	refused(&req, sizeof(req), VIRTIO_CMA_S_INVAL);
	req = ALLOC_REQ(UINT64_MAX);	/* can not be rounded up */
	refused(&req, sizeof(req), VIRTIO_CMA_S_INVAL);
	req = ALLOC_REQ((NR_GRANULES + 1) * CMA_GRANULE);
	refused(&req, sizeof(req), VIRTIO_CMA_S_NO_SPACE);
	req = ALLOC_REQ(CMA_GRANULE);
	req.align_bytes = 3;
	refused(&req, sizeof(req), VIRTIO_CMA_S_INVAL);
	req = ALLOC_REQ(CMA_GRANULE);
	req.flags = ~0u;
	refused(&req, sizeof(req), VIRTIO_CMA_S_UNSUPP);
	req = ALLOC_REQ(CMA_GRANULE);
	req.client = 77;
	refused(&req, sizeof(req), VIRTIO_CMA_S_NO_CLIENT);
	req = ALLOC_REQ(CMA_GRANULE);
	req.purpose = VIRTIO_CMA_NR_PURPOSES;
	refused(&req, sizeof(req), VIRTIO_CMA_S_INVAL);
	req = ALLOC_REQ(CMA_GRANULE);
	req.nr_hints = UINT32_MAX;
	refused(&req, sizeof(req), VIRTIO_CMA_S_INVAL);
	req = ALLOC_REQ(CMA_GRANULE);
	req.max_dma_addr = 16 * CMA_GRANULE;
	refused(&req, sizeof(req), VIRTIO_CMA_S_ADDR_LIMIT);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
}

struct free_two {
	struct virtio_cma_free_req head;
	struct virtio_cma_range range[2];
};

static void free_refused(uint64_t base0, uint64_t bytes0, uint64_t base1, uint64_t bytes1,
			 uint32_t status)
{
	struct free_two req = {
		.head.hdr = { .op = VIRTIO_CMA_OP_FREE, .bytes = sizeof(req) },
		.head.nr_ranges = 2,
		.range = { { base0, bytes0 }, { base1, bytes1 } },
	};
	int64_t pinned = qtest_get(q, "/counters/pinned-bytes");

	refused(&req, sizeof(req), status);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), pinned);
}

/*
 *	 a: two granules      b: one
 *	[0   ][1   ]........[n   ]
 */
static void test_free_ranges(void **state)
{
	struct virtio_cma_free_req count = {
		.hdr = { .op = VIRTIO_CMA_OP_FREE, .bytes = sizeof(count) },
		.nr_ranges = 1,
	};
	struct virtio_cma_block a, b;

	(void)state;
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &a), 0);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &b), 0);

	/* duplicate, overlapping, half of one */
	free_refused(a.base_gpa, a.bytes, a.base_gpa, a.bytes, VIRTIO_CMA_S_NOT_BLOCK);
	free_refused(a.base_gpa, a.bytes, a.base_gpa + CMA_GRANULE, CMA_GRANULE,
		     VIRTIO_CMA_S_NOT_BLOCK);
	free_refused(b.base_gpa, b.bytes, a.base_gpa, CMA_GRANULE, VIRTIO_CMA_S_NOT_BLOCK);
	/* misaligned, zero length */
	free_refused(b.base_gpa, b.bytes, a.base_gpa + 1, a.bytes, VIRTIO_CMA_S_INVAL);
	free_refused(b.base_gpa, b.bytes, a.base_gpa, a.bytes - 4096, VIRTIO_CMA_S_INVAL);
	free_refused(b.base_gpa, b.bytes, a.base_gpa, 0, VIRTIO_CMA_S_INVAL);
	/* wrapping, out of range, below */
	free_refused(b.base_gpa, b.bytes, a.base_gpa, -CMA_GRANULE, VIRTIO_CMA_S_RANGE);
	free_refused(b.base_gpa, b.bytes, -CMA_GRANULE, 2 * CMA_GRANULE, VIRTIO_CMA_S_RANGE);
	free_refused(b.base_gpa, b.bytes, c.base_gpa + NR_GRANULES * CMA_GRANULE, CMA_GRANULE,
		     VIRTIO_CMA_S_RANGE);
	free_refused(b.base_gpa, b.bytes, 0, CMA_GRANULE, VIRTIO_CMA_S_RANGE);
	/* more ranges promised than sent, none at all */
	refused(&count, sizeof(count), VIRTIO_CMA_S_INVAL);
	count.nr_ranges = UINT32_MAX;
	refused(&count, sizeof(count), VIRTIO_CMA_S_INVAL);

	assert_int_equal(cma_free(&c, a.base_gpa, a.bytes), 0);
	assert_int_equal(cma_free(&c, b.base_gpa, b.bytes), 0);
}

static void test_reserved(void **state)
{
	struct virtio_cma_client_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_CLAIM, .bytes = sizeof(req) },
		.coherent = 3,
	};

	(void)state;
	refused(&req, sizeof(req), VIRTIO_CMA_S_INVAL);
	qtest_assert_text(q, "/clients/0/state", "present");
}

/* A response with no room: nothing happens, the element comes back empty. */
static void test_no_room(void **state)
{
	struct virtio_cma_alloc_req req = ALLOC_REQ(CMA_GRANULE);
	struct virtio_cma_alloc_resp resp;

	(void)state;
	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, 0), 0);
	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp,
				 sizeof(struct virtio_cma_resp_hdr) - 1), 0);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
	/* room for the header, not for the block: no block may be lost */
	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp,
				 sizeof(resp)), sizeof(resp.hdr));
	assert_int_equal(resp.hdr.status, VIRTIO_CMA_S_TOO_BIG);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
}

/* A buffer to write to and nothing to read. */
static void test_no_request(void **state)
{
	struct virtio_cma_resp_hdr resp;

	(void)state;
	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, NULL, 0, &resp, sizeof(resp)),
			 sizeof(resp));
	assert_int_equal(resp.status, VIRTIO_CMA_S_INVAL);
}

static void test_wrong_queue(void **state)
{
	struct virtio_cma_report_req report = {
		.hdr = { .op = VIRTIO_CMA_OP_REPORT, .bytes = sizeof(report) },
	};
	struct virtio_cma_alloc_req req = ALLOC_REQ(CMA_GRANULE);
	struct virtio_cma_resp_hdr resp;

	(void)state;
	refused(&report, sizeof(report), VIRTIO_CMA_S_UNSUPP);
	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REPORT, &req, sizeof(req), &resp, sizeof(resp)),
			 sizeof(resp));
	assert_int_equal(resp.status, VIRTIO_CMA_S_UNSUPP);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
}

/* One byte per descriptor, on both sides: legal, and must give the same answer. */
static void test_many_descriptors(void **state)
{
	struct virtio_cma_alloc_req req = ALLOC_REQ(CMA_GRANULE);
	struct {
		struct virtio_cma_alloc_resp head;
		struct virtio_cma_block block;
	} resp;
	struct vring_buf buf[sizeof(req) + sizeof(resp)];
	unsigned int i, nr = 0;

	(void)state;
	qtest_write(q, c.request, &req, sizeof(req));
	for (i = 0; i < sizeof(req); i++)
		buf[nr++] = (struct vring_buf){ c.request + i, 1, 0 };
	for (i = 0; i < sizeof(resp); i++)
		buf[nr++] = (struct vring_buf){ c.response + i, 1, VRING_WRITE };
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, nr);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), sizeof(resp));
	qtest_read(q, c.response, &resp, sizeof(resp));
	assert_int_equal(resp.head.hdr.status, VIRTIO_CMA_S_OK);
	assert_int_equal(resp.head.nr_blocks, 1);
	assert_int_equal(resp.block.bytes, CMA_GRANULE);
}

/* Rings that make no sense: QEMU's virtio core stops the device, no more. */
static void broken_ring(const struct vring_buf *buf, unsigned int nr)
{
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, nr);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), -1);
	cma_restart(&c);
	assert_false(virtio_is_broken(&c.v));
}

static void test_broken_rings(void **state)
{
	struct virtio_cma_block block;
	struct virtqueue *vq = &c.v.vq[VIRTIO_CMA_VQ_REQUEST];

	(void)state;
	/* read-only after write-only; zero length; nothing at that address */
	broken_ring((struct vring_buf[]){ { c.response, 64, VRING_WRITE }, { c.request, 16, 0 } }, 2);
	broken_ring((struct vring_buf[]){ { c.request, 0, 0 } }, 1);
	/* an index that jumps, a head outside the table */
	qtest_writew(q, vq->avail + 2, vq->size + 1);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), -1);
	cma_restart(&c);
	qtest_writew(q, vq->avail + 4, vq->size);
	qtest_writew(q, vq->avail + 2, 1);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), -1);
	cma_restart(&c);
	/* a descriptor that follows itself */
	qtest_writeq(q, vq->desc, c.request);
	qtest_writel(q, vq->desc + 8, 16);
	qtest_writew(q, vq->desc + 12, VRING_NEXT);
	qtest_writew(q, vq->desc + 14, 0);
	qtest_writew(q, vq->avail + 4, 0);
	qtest_writew(q, vq->avail + 2, 1);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), -1);
	cma_restart(&c);
	/* and after all that, an honest one */
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
}

/*
 * Never-ending requests: the ring is kept full of work while the monitor is
 * asked something. Each round the device must come back to its main loop.
 */
static void test_never_ending(void **state)
{
	struct virtio_cma_query_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_QUERY, .bytes = sizeof(req) },
	};
	struct vring_buf buf[2] = {
		{ c.request, sizeof(req), 0 }, { c.response, 4096, VRING_WRITE },
	};
	unsigned int round, i, per_ring = c.v.vq[VIRTIO_CMA_VQ_REQUEST].size / 2;

	(void)state;
	qtest_write(q, c.request, &req, sizeof(req));
	for (round = 0; round < 3; round++) {
		for (i = 0; i < per_ring; i++)
			virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
		virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
		json_object_put(qtest_qmp_ok(q, "{'execute': 'query-status'}"));
		for (i = 0; i < per_ring; i++)
			assert_true(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST) > 0);
	}
}

/* A guest that resets the device while more is queued than one go serves. */
static void test_reset_with_work_left(void **state)
{
	struct virtio_cma_alloc_req req = ALLOC_REQ(CMA_GRANULE);
	struct vring_buf buf[2] = {
		{ c.request, sizeof(req), 0 }, { c.response, 4096, VRING_WRITE },
	};
	unsigned int i;

	(void)state;
	qtest_write(q, c.request, &req, sizeof(req));
	for (i = 0; i < c.v.vq[VIRTIO_CMA_VQ_REQUEST].size / 2; i++)
		virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
}

/* The configuration space is read only. */
static void test_config_write(void **state)
{
	struct virtio_cma_config before, after;
	uint64_t addr = c.v.t->config_addr(&c.v);
	unsigned int i;

	(void)state;
	cma_config(&c, &before);
	for (i = 0; i < sizeof(before) + 64; i += 4)
		qtest_writel(q, addr + i, 0xdeadbeef);
	cma_config(&c, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

#define BOTH(test)	\
	{ #test " over PCI", test, start, stop, (void *)&virtio_pci },	\
	{ #test " over MMIO", test, start, stop, (void *)&virtio_mmio }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_short), BOTH(test_long), BOTH(test_unknown_op), BOTH(test_alloc_values),
		BOTH(test_free_ranges), BOTH(test_reserved), BOTH(test_no_room),
		BOTH(test_no_request), BOTH(test_wrong_queue), BOTH(test_many_descriptors),
		BOTH(test_broken_rings), BOTH(test_never_ending), BOTH(test_reset_with_work_left),
		BOTH(test_config_write),
	};

	return cmocka_run_group_tests_name("malformed requests", tests, NULL, NULL);
}
