// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests of virtio-cma. See cma.h. Both ends are little-endian here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define QUEUE_SIZE	256

static void take_buffers(struct cma *c)
{
	struct virtio_cma_config config;

	c->request = virtio_memory(&c->v, VIRTIO_CMA_MAX_REQUEST_BYTES * 2);
	c->response = virtio_memory(&c->v, VIRTIO_CMA_MAX_RESPONSE_BYTES);
	c->event = virtio_memory(&c->v, sizeof(struct virtio_cma_event));
	cma_config(c, &config);
	c->base_gpa = config.region_base_gpa;
	c->purpose = VIRTIO_CMA_PURPOSE_POOL;
}

void cma_open_as(struct cma *c, struct qtest *q, const struct virtio_transport *t,
		 uint32_t features)
{
	virtio_open(&c->v, q, t, 0, 0, features, VIRTIO_ID_CMA, VIRTIO_CMA_NR_VQS, QUEUE_SIZE);
	take_buffers(c);
}

void cma_open(struct cma *c, struct qtest *q, const struct virtio_transport *t)
{
	cma_open_as(c, q, t, CMA_FEATURES);
}

void cma_open_on_bus(struct cma *c, struct qtest *q, uint8_t bus)
{
	cma_open_on_bus_as(c, q, bus, CMA_FEATURES);
}

void cma_open_on_bus_as(struct cma *c, struct qtest *q, uint8_t bus, uint32_t features)
{
	virtio_open(&c->v, q, &virtio_pci, bus, 0, features, VIRTIO_ID_CMA, VIRTIO_CMA_NR_VQS,
		    QUEUE_SIZE);
	take_buffers(c);
}

void cma_open_nth(struct cma *c, struct qtest *q, unsigned int nth)
{
	virtio_open(&c->v, q, &virtio_pci, 0, nth, CMA_FEATURES, VIRTIO_ID_CMA, VIRTIO_CMA_NR_VQS,
		    QUEUE_SIZE);
	take_buffers(c);
}

void cma_restart(struct cma *c)
{
	virtio_restart(&c->v, VIRTIO_CMA_NR_VQS, QUEUE_SIZE);
}

void cma_config(struct cma *c, struct virtio_cma_config *config)
{
	uint64_t addr = c->v.t->config_addr(&c->v);
	uint32_t *word = (uint32_t *)config;
	size_t i;

	for (i = 0; i < sizeof(*config) / 4; i++)
		word[i] = qtest_readl(c->v.q, addr + 4 * i);
}

int64_t cma_raw(struct cma *c, unsigned int queue, const void *req, size_t req_bytes,
		void *resp, size_t room)
{
	struct vring_buf buf[2] = {
		{ .addr = c->request, .bytes = (uint32_t)req_bytes },
		{ .addr = c->response, .bytes = (uint32_t)room, .flags = VRING_WRITE },
	};
	unsigned int first = req_bytes ? 0 : 1, last = room ? 2 : 1;
	int64_t used;

	qtest_write(c->v.q, c->request, req, req_bytes);
	virtio_post(&c->v, queue, buf + first, last - first);
	virtio_kick(&c->v, queue);
	used = virtio_wait(&c->v, queue);
	if (used > 0) {
		assert_true((uint64_t)used <= room);
		qtest_read(c->v.q, c->response, resp, (size_t)used);
	}
	return used;
}

/* Sends a request whose response must be a header at least. */
static uint32_t request(struct cma *c, unsigned int queue, void *req, size_t req_bytes,
			void *resp, size_t resp_bytes)
{
	struct virtio_cma_resp_hdr *hdr = resp;
	int64_t used = cma_raw(c, queue, req, req_bytes, resp, resp_bytes);

	assert_true(used >= (int64_t)sizeof(*hdr));
	assert_int_equal(hdr->bytes, used);
	assert_true(hdr->status < VIRTIO_CMA_NR_STATUS);
	return hdr->status;
}

static uint32_t client_request(struct cma *c, uint32_t op, uint32_t client,
			       void *resp, size_t resp_bytes)
{
	struct virtio_cma_client_req req = {
		.hdr = { .op = op, .bytes = sizeof(req) },
		.client = client,
	};

	return request(c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), resp, resp_bytes);
}

uint32_t cma_claim(struct cma *c, uint32_t client)
{
	struct virtio_cma_claim_resp resp;

	return client_request(c, VIRTIO_CMA_OP_CLAIM, client, &resp, sizeof(resp));
}

uint32_t cma_release(struct cma *c, uint32_t client)
{
	struct virtio_cma_resp_hdr resp;

	return client_request(c, VIRTIO_CMA_OP_RELEASE, client, &resp, sizeof(resp));
}

uint32_t cma_alloc_below(struct cma *c, uint64_t bytes, uint64_t align_bytes,
			 uint64_t max_dma_addr, uint32_t client, struct virtio_cma_block *block)
{
	struct virtio_cma_alloc_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
		.bytes = bytes,
		.align_bytes = align_bytes,
		.max_dma_addr = max_dma_addr,
		.flags = VIRTIO_CMA_ALLOC_CONTIG,
		.client = client,
		.purpose = c->purpose,
	};
	struct {
		struct virtio_cma_alloc_resp head;
		struct virtio_cma_block block;
	} resp;
	uint32_t status;

	status = request(c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp));
	if (!status) {
		assert_int_equal(resp.head.nr_blocks, 1);
		assert_int_equal(resp.head.hdr.bytes, sizeof(resp));
		*block = resp.block;
	}
	return status;
}

uint32_t cma_alloc(struct cma *c, uint64_t bytes, uint32_t client,
		   struct virtio_cma_block *block)
{
	return cma_alloc_below(c, bytes, 0, UINT64_MAX, client, block);
}

uint32_t cma_free(struct cma *c, uint64_t base_gpa, uint64_t bytes)
{
	struct {
		struct virtio_cma_free_req head;
		struct virtio_cma_range range;
	} req = {
		.head.hdr = { .op = VIRTIO_CMA_OP_FREE, .bytes = sizeof(req) },
		.head.nr_ranges = 1,
		.range = { .base_gpa = base_gpa, .bytes = bytes },
	};
	struct virtio_cma_resp_hdr resp;

	return request(c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp));
}

static void take_singly(struct cma *c, uint64_t granule_bytes, unsigned int nr)
{
	struct virtio_cma_bulk_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC_BULK, .bytes = sizeof(req) },
		.block_bytes = granule_bytes,
		.max_dma_addr = UINT64_MAX,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.purpose = c->purpose,
	};
	static uint8_t resp[VIRTIO_CMA_MAX_RESPONSE_BYTES];
	unsigned int i;

	for (i = 0; i < nr; i += req.nr_blocks) {
		req.nr_blocks = nr - i < VIRTIO_CMA_MAX_BULK_BLOCKS ? nr - i : VIRTIO_CMA_MAX_BULK_BLOCKS;
		assert_int_equal(request(c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), resp,
					 sizeof(resp)), VIRTIO_CMA_S_OK);
		assert_int_equal(((struct virtio_cma_bulk_resp *)resp)->nr_blocks, req.nr_blocks);
	}
}

void cma_shatter(struct cma *c, uint64_t granule_bytes, unsigned int nr)
{
	enum { MAX_RANGES = 4000 };
	static struct {
		struct virtio_cma_free_req head;
		struct virtio_cma_range ranges[MAX_RANGES];
	} req = { .head.hdr.op = VIRTIO_CMA_OP_FREE };
	struct virtio_cma_resp_hdr resp;
	unsigned int i, k;

	take_singly(c, granule_bytes, nr);
	for (i = 0; i < nr; i += 2 * k) {
		for (k = 0; k < MAX_RANGES && i + 2 * k < nr; k++)
			req.ranges[k] = (struct virtio_cma_range){
				c->base_gpa + (i + 2 * k) * granule_bytes, granule_bytes
			};
		req.head.nr_ranges = k;
		req.head.hdr.bytes = (uint32_t)(sizeof(req.head) + k * sizeof(req.ranges[0]));
		assert_int_equal(request(c, VIRTIO_CMA_VQ_REQUEST, &req, req.head.hdr.bytes, &resp,
					 sizeof(resp)), VIRTIO_CMA_S_OK);
	}
}

void cma_report_online(struct cma *c, uint32_t bits)
{
	struct {
		struct virtio_cma_report_req head;
		uint32_t bits;
	} __attribute__((packed)) req = {
		.head.hdr = { .op = VIRTIO_CMA_OP_REPORT, .bytes = sizeof(req) },
		.head.what = VIRTIO_CMA_REPORT_ONLINE,
		.head.nr = 32,
		.bits = bits,
	};
	struct virtio_cma_resp_hdr resp;

	assert_int_equal(request(c, VIRTIO_CMA_VQ_REPORT, &req, sizeof(req), &resp, sizeof(resp)),
			 VIRTIO_CMA_S_OK);
}

void cma_client(struct cma *c, uint32_t id, struct virtio_cma_client *client)
{
	struct virtio_cma_clients_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_CLIENTS, .bytes = sizeof(req) },
		.first = id,
		.max_clients = 1,
	};
	struct {
		struct virtio_cma_clients_resp head;
		struct virtio_cma_client client;
	} resp;

	assert_int_equal(request(c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp,
				 sizeof(resp)), VIRTIO_CMA_S_OK);
	assert_int_equal(resp.head.nr_clients, 1);
	assert_int_equal(resp.client.id, id);
	*client = resp.client;
}

void cma_offer_event(struct cma *c, uint32_t bytes)
{
	struct vring_buf buf = { .addr = c->event, .bytes = bytes, .flags = VRING_WRITE };

	virtio_post(&c->v, VIRTIO_CMA_VQ_EVENT, &buf, 1);
	virtio_kick(&c->v, VIRTIO_CMA_VQ_EVENT);
}

int64_t cma_next_event(struct cma *c, struct virtio_cma_event *event)
{
	int64_t used = virtio_wait(&c->v, VIRTIO_CMA_VQ_EVENT);

	qtest_read(c->v.q, c->event, event, sizeof(*event));
	return used;
}
