// SPDX-License-Identifier: GPL-2.0-or-later
/*
 *	seed DIR
 *
 * First inputs for QEMU's generic fuzzer: a driver that sets the device up, and one request of
 * each kind. Non-purpose: what follows from them; that is the fuzzer's.
 *
 * The fuzzer plays operations, separated by a word. It has no memory operation: what the device
 * reads from memory is filled in as it reads, with one pattern after the other, in turn. For a
 * request the device reads, in this order:
 *
 *	avail.idx | avail.ring[0] | descriptor 0 | its buffer, the request | descriptor 1 | avail.idx ...
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "hv/abi/virtio_cma.h"

#define SEPARATOR	"FUZZ"		/* QEMU tests/qtest/fuzz/generic_fuzz.c */

enum operation { OP_WRITE = 3, OP_ADD_PATTERN = 7 };

/* Of the device's regions by address; the table and the bits of MSI-X come first. */
enum region { COMMON = 2, NOTIFY = 5 };

/* struct virtio_pci_common_cfg, virtio 1.2 section 4.1.4.3 */
enum common {
	FEATURE_SELECT = 0x08, FEATURE = 0x0c, STATUS = 0x14, QUEUE = 0x16, QUEUE_ENABLE = 0x1c,
	QUEUE_DESC = 0x20, QUEUE_AVAIL = 0x28, QUEUE_USED = 0x30,
};

static void operation(FILE *f, enum operation op, const void *data, size_t bytes)
{
	fputc(op, f);
	fwrite(data, 1, bytes, f);
	fputs(SEPARATOR, f);
}

static void poke(FILE *f, enum region region, uint32_t offset, uint64_t value, uint8_t log2_bytes)
{
	struct {
		uint8_t size, region;
		uint32_t offset;
		uint64_t value;
	} w;

	memset(&w, 0, sizeof(w));
	w.size = log2_bytes;
	w.region = (uint8_t)region;
	w.offset = offset;
	w.value = value;
	operation(f, OP_WRITE, &w, sizeof(w));
}

static void pattern(FILE *f, const void *data, size_t bytes)
{
	uint8_t p[2 + 4096] = { 0, 0 };		/* which byte grows with each repetition, by how much */

	memcpy(p + 2, data, bytes);
	operation(f, OP_ADD_PATTERN, p, 2 + bytes);
}

static void set_up(FILE *f)
{
	poke(f, COMMON, STATUS, 0x3, 0);
	poke(f, COMMON, FEATURE_SELECT, 1, 2);
	poke(f, COMMON, FEATURE, 1, 2);			/* VIRTIO_F_VERSION_1 */
	poke(f, COMMON, FEATURE_SELECT, 0, 2);
	poke(f, COMMON, FEATURE, (1u << VIRTIO_CMA_NR_FEATURES) - 1, 2);
	poke(f, COMMON, STATUS, 0xb, 0);
	for (uint32_t queue = 0; queue < VIRTIO_CMA_NR_VQS; queue++) {
		poke(f, COMMON, QUEUE, queue, 1);
		poke(f, COMMON, QUEUE_DESC, 0x100000 * (queue + 1), 2);
		poke(f, COMMON, QUEUE_AVAIL, 0x100000 * (queue + 1) + 0x10000, 2);
		poke(f, COMMON, QUEUE_USED, 0x100000 * (queue + 1) + 0x20000, 2);
		poke(f, COMMON, QUEUE_ENABLE, 1, 1);
	}
	poke(f, COMMON, STATUS, 0xf, 0);
}

static void post(FILE *f, uint32_t queue, const void *request, uint32_t bytes)
{
	const struct descriptor {
		uint64_t addr;
		uint32_t bytes;
		uint16_t flags, next;
	} out = { 0x800000, bytes, 1, 1 }, in = { 0x900000, 4096, 2, 0 };
	const uint16_t idx = 1, head = 0;

	pattern(f, &idx, sizeof(idx));
	pattern(f, &head, sizeof(head));
	pattern(f, &out, sizeof(out));
	pattern(f, request, bytes);
	pattern(f, &in, sizeof(in));
	poke(f, NOTIFY, queue * 4, queue, 1);
}

static int seed(const char *folder, const char *name, uint32_t queue, const void *request,
		uint32_t bytes)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	if (!f) {
		fprintf(stderr, "seed: %s: %s\n", path, strerror(errno));
		return 1;
	}
	set_up(f);
	post(f, queue, request, bytes);
	return fclose(f) ? 1 : 0;
}

#define HEAD(type, what)	{ .op = VIRTIO_CMA_OP_##what, .bytes = sizeof(struct type) }

int main(int argc, char **argv)
{
	const struct virtio_cma_client_req claim = { .hdr = HEAD(virtio_cma_client_req, CLAIM) };
	const struct virtio_cma_client_req release = { .hdr = HEAD(virtio_cma_client_req, RELEASE) };
	const struct virtio_cma_clients_req clients = {
		.hdr = HEAD(virtio_cma_clients_req, CLIENTS), .max_clients = 4,
	};
	const struct virtio_cma_alloc_req alloc = {
		.hdr = HEAD(virtio_cma_alloc_req, ALLOC), .bytes = 4 << 20, .max_dma_addr = UINT64_MAX,
		.flags = VIRTIO_CMA_ALLOC_CONTIG, .client = VIRTIO_CMA_CLIENT_SHARED,
	};
	const struct virtio_cma_bulk_req bulk = {
		.hdr = HEAD(virtio_cma_bulk_req, ALLOC_BULK), .block_bytes = 2 << 20,
		.max_dma_addr = UINT64_MAX, .client = VIRTIO_CMA_CLIENT_SHARED, .nr_blocks = 8,
	};
	const struct virtio_cma_query_req query = { .hdr = HEAD(virtio_cma_query_req, QUERY) };
	const struct virtio_cma_report_req report = { .hdr = HEAD(virtio_cma_report_req, REPORT) };
	const struct virtio_cma_busy_req busy = {
		.hdr = HEAD(virtio_cma_busy_req, BUSY), .action = VIRTIO_CMA_BUSY_CLEAR,
	};
	const struct virtio_cma_free_req free_none = { .hdr = HEAD(virtio_cma_free_req, FREE) };
	const struct {
		const char *name;
		uint32_t queue;
		const void *request;
		uint32_t bytes;
	} seeds[] = {
		{ "clients", VIRTIO_CMA_VQ_REQUEST, &clients, sizeof(clients) },
		{ "claim", VIRTIO_CMA_VQ_REQUEST, &claim, sizeof(claim) },
		{ "release", VIRTIO_CMA_VQ_REQUEST, &release, sizeof(release) },
		{ "alloc", VIRTIO_CMA_VQ_REQUEST, &alloc, sizeof(alloc) },
		{ "bulk", VIRTIO_CMA_VQ_REQUEST, &bulk, sizeof(bulk) },
		{ "query", VIRTIO_CMA_VQ_REQUEST, &query, sizeof(query) },
		{ "busy", VIRTIO_CMA_VQ_REQUEST, &busy, sizeof(busy) },
		{ "free", VIRTIO_CMA_VQ_REQUEST, &free_none, sizeof(free_none) },
		{ "report", VIRTIO_CMA_VQ_REPORT, &report, sizeof(report) },
	};
	int failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: seed DIR\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		failed |= seed(argv[1], seeds[i].name, seeds[i].queue, seeds[i].request,
			       seeds[i].bytes);
	return failed;
}
