// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A random request. See request.h. Both ends are little-endian here.
 */
#include <string.h>

#include "tests/glue/guest.h"
#include "tests/glue/request.h"

static uint32_t any_client(struct guest *g, struct driver *d)
{
	if (d->nr_clients && !random_one_in(g->r, 8))
		return (uint32_t)random_below(g->r, d->nr_clients);
	return random_one_in(g->r, 4) ? (uint32_t)random_number(g->r) : VIRTIO_CMA_CLIENT_SHARED;
}

/* From one granule to the region; every third is more than is backed in one go. */
static uint64_t any_bytes(struct guest *g, struct driver *d)
{
	switch (random_below(g->r, 6)) {
	case 0:
	case 1:
		return d->region->granule_bytes;
	case 2:
		return d->region->granule_bytes * (1 + random_below(g->r, 8));
	case 3:
		return d->region->bytes / (1 + random_below(g->r, 3));
	case 4:
		return 33ull << 20;
	default:
		return random_number(g->r);
	}
}

static struct virtio_cma_range any_range(struct guest *g, struct driver *d)
{
	struct virtio_cma_range range = { .bytes = any_bytes(g, d) };
	unsigned int i;

	if (d->nr_blocks && !random_one_in(g->r, 5)) {
		i = (unsigned int)random_below(g->r, d->nr_blocks);
		range.base_gpa = d->block[i].gpa;
		range.bytes = d->block[i].bytes;
	} else {
		range.base_gpa = d->base_gpa + random_below(g->r, d->region->bytes) /
				 d->region->granule_bytes * d->region->granule_bytes;
	}
	return range;
}

static uint32_t nr_ranges(struct guest *g)
{
	return (uint32_t)random_below(g->r, random_one_in(g->r, 4) ? 9 : 2);
}

static size_t alloc_req(struct guest *g, struct driver *d, struct virtio_cma_alloc_req *req)
{
	uint32_t i;

	req->bytes = any_bytes(g, d);
	req->align_bytes = random_one_in(g->r, 4) ? 1ull << random_below(g->r, 40) : 0;
	req->max_dma_addr = random_one_in(g->r, 8) ? random_number(g->r) : UINT64_MAX;
	req->flags = (uint32_t)random_below(g->r, 4);
	req->client = any_client(g, d);
	req->purpose = (uint32_t)random_below(g->r, 4);
	req->nr_hints = nr_ranges(g);
	for (i = 0; i < req->nr_hints; i++)
		req->hints[i] = any_range(g, d);
	return sizeof(*req) + i * sizeof(req->hints[0]);
}

static size_t bulk_req(struct guest *g, struct driver *d, struct virtio_cma_bulk_req *req)
{
	req->block_bytes = any_bytes(g, d);
	req->align_bytes = random_one_in(g->r, 4) ? 1ull << random_below(g->r, 40) : 0;
	req->max_dma_addr = random_one_in(g->r, 8) ? random_number(g->r) : UINT64_MAX;
	req->flags = (uint32_t)random_below(g->r, 2);
	req->client = any_client(g, d);
	req->purpose = (uint32_t)random_below(g->r, 4);
	req->nr_blocks = (uint32_t)random_below(g->r, 70);
	return sizeof(*req);
}

static size_t free_req(struct guest *g, struct driver *d, struct virtio_cma_free_req *req)
{
	uint32_t i;

	req->nr_ranges = 1 + nr_ranges(g);
	for (i = 0; i < req->nr_ranges; i++)
		req->ranges[i] = any_range(g, d);
	if (i == 1 && d->nr_blocks && req->ranges[0].base_gpa == d->block[d->nr_blocks - 1].gpa)
		d->nr_blocks--;
	return sizeof(*req) + i * sizeof(req->ranges[0]);
}

static size_t busy_req(struct guest *g, struct driver *d, struct virtio_cma_busy_req *req)
{
	uint32_t i;

	req->action = (uint32_t)random_below(g->r, 2);
	if (req->action == VIRTIO_CMA_BUSY_SET) {
		req->block = any_range(g, d);
		req->why = (uint32_t)random_below(g->r, 4);
	}
	req->nr_ranges = nr_ranges(g);
	for (i = 0; i < req->nr_ranges; i++)
		req->ranges[i] = any_range(g, d);
	return sizeof(*req) + i * sizeof(req->ranges[0]);
}

static size_t query_req(struct guest *g, struct driver *d, struct virtio_cma_query_req *req)
{
	req->what = (uint32_t)random_below(g->r, 3);
	if (req->what != VIRTIO_CMA_QUERY_COUNTERS) {
		req->first = random_below(g->r, d->region->bytes / d->region->granule_bytes);
		req->nr = random_below(g->r, 100);
	}
	return sizeof(*req);
}

static size_t report_req(struct guest *g, struct driver *d, struct virtio_cma_report_req *req)
{
	size_t i, bytes;

	if (random_one_in(g->r, 3)) {
		req->what = VIRTIO_CMA_REPORT_COUNTERS;
		bytes = sizeof(struct virtio_cma_guest_counters);
	} else {
		req->what = VIRTIO_CMA_REPORT_ONLINE;
		req->first = random_below(g->r, d->region->bytes / d->region->granule_bytes);
		req->nr = 1 + random_below(g->r, 200);
		bytes = (req->nr + 7) / 8;
	}
	for (i = 0; i < bytes; i++)
		req->payload[i] = (uint8_t)random_u64(g->r);
	return sizeof(*req) + bytes;
}

static size_t client_req(struct guest *g, struct driver *d, struct virtio_cma_client_req *req)
{
	req->client = any_client(g, d);
	if (req->hdr.op == VIRTIO_CMA_OP_CLAIM)
		req->coherent = (uint32_t)random_below(g->r, 3);
	return sizeof(*req);
}

static size_t body(struct guest *g, struct driver *d, void *req, uint32_t op)
{
	switch (op) {
	case VIRTIO_CMA_OP_CLAIM:
	case VIRTIO_CMA_OP_RELEASE:
		return client_req(g, d, req);
	case VIRTIO_CMA_OP_ALLOC:
		return alloc_req(g, d, req);
	case VIRTIO_CMA_OP_ALLOC_BULK:
		return bulk_req(g, d, req);
	case VIRTIO_CMA_OP_FREE:
		return free_req(g, d, req);
	case VIRTIO_CMA_OP_BUSY:
		return busy_req(g, d, req);
	case VIRTIO_CMA_OP_QUERY:
		return query_req(g, d, req);
	case VIRTIO_CMA_OP_REPORT:
		return report_req(g, d, req);
	case VIRTIO_CMA_OP_CLIENTS:
		((struct virtio_cma_clients_req *)req)->first = (uint32_t)random_below(g->r, 4);
		((struct virtio_cma_clients_req *)req)->max_clients = (uint32_t)random_below(g->r, 9);
		return sizeof(struct virtio_cma_clients_req);
	case VIRTIO_CMA_OP_SUSPEND:
	case VIRTIO_CMA_OP_RESUME:
		return sizeof(struct virtio_cma_req_hdr);
	default:
		return random_below(g->r, 64);
	}
}

size_t request_random(struct guest *g, struct driver *d, uint8_t *req, uint32_t *op)
{
	static const uint8_t ops[] = {
		VIRTIO_CMA_OP_CLAIM, VIRTIO_CMA_OP_CLAIM, VIRTIO_CMA_OP_CLAIM,
		VIRTIO_CMA_OP_RELEASE, VIRTIO_CMA_OP_RELEASE,
		VIRTIO_CMA_OP_ALLOC, VIRTIO_CMA_OP_ALLOC, VIRTIO_CMA_OP_ALLOC, VIRTIO_CMA_OP_ALLOC,
		VIRTIO_CMA_OP_ALLOC_BULK, VIRTIO_CMA_OP_FREE, VIRTIO_CMA_OP_FREE, VIRTIO_CMA_OP_FREE,
		VIRTIO_CMA_OP_BUSY, VIRTIO_CMA_OP_QUERY, VIRTIO_CMA_OP_QUERY, VIRTIO_CMA_OP_REPORT,
		VIRTIO_CMA_OP_CLIENTS, VIRTIO_CMA_OP_SUSPEND, VIRTIO_CMA_OP_RESUME, 0, 77,
	};
	struct virtio_cma_req_hdr *hdr = (struct virtio_cma_req_hdr *)req;
	unsigned int i;
	size_t bytes;

	memset(req, 0, REQUEST_MAX_BYTES);
	hdr->op = *op = ops[random_below(g->r, sizeof(ops))];
	bytes = body(g, d, req, *op);
	hdr->bytes = (uint32_t)bytes;
	if (random_one_in(g->r, 8)) {
		for (i = (unsigned int)random_below(g->r, 4); i && bytes; i--)
			req[random_below(g->r, bytes)] ^= (uint8_t)(1 << random_below(g->r, 8));
		if (random_one_in(g->r, 2))
			bytes = random_below(g->r, REQUEST_MAX_BYTES);
	}
	return bytes;
}
