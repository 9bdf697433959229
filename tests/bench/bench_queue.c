// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cost of ALLOC through the virtqueue of the real device, memory backed before:
 * one 2 MiB granule per request, and per granule 512 in one request, beside the
 * bare system call that pins one page, on the same pages. Addresses are
 * host-physical, so each granule is looked up in pagemap, too.
 *
 * The device answers right after the write to its notification register, before
 * it looks for the next qtest command: so the time of that one command and of one
 * look at the ring is the time of all requests in it and two round trips over the
 * socket, which are measured with an empty ring and taken off. Least of many
 * rounds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/host/hugepages.h"
#include "tests/bench/decision.h"
#include "tests/qtest/cma.h"

#define NR		512
#define NR_SINGLE	64		/* requests in one go */
#define REGION_BYTES	(NR * CMA_GRANULE)
#define ROUNDS		30
#define GOAL		2.0

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

static char *folder;
static char file[64];
static struct cma c;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* ---- pages ---- */

static bool raise_pool(void)
{
	struct hvcma_hugepages pool;
	FILE *f;

	if (hvcma_hugepages_read(CMA_GRANULE, &pool))
		return false;
	if (pool.free - pool.reserved >= NR)
		return true;
	f = fopen("/proc/sys/vm/nr_hugepages", "we");
	if (!f)
		return false;
	fprintf(f, "%" PRIu64 "\n", pool.total + NR - (pool.free - pool.reserved));
	fclose(f);
	return !hvcma_hugepages_read(CMA_GRANULE, &pool) && pool.free - pool.reserved >= NR;
}

/* One file that QEMU and we map; NULL if there are no pages for it. */
static char *map_file(void)
{
	char name[] = "/tmp/hvcma-bench-XXXXXX";
	char *base;
	int fd;

	folder = mkdtemp(name) ? strdup(name) : NULL;
	if (!folder || mount("none", folder, "hugetlbfs", 0, "pagesize=2M"))
		return NULL;
	snprintf(file, sizeof(file), "%s/memory", folder);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, REGION_BYTES))
		return NULL;
	base = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (base == MAP_FAILED || madvise(base, REGION_BYTES, MADV_POPULATE_WRITE))
		return NULL;
	return base;
}

static void unmap_file(char *base)
{
	munmap(base, REGION_BYTES);
	unlink(file);
	umount2(folder, MNT_DETACH);
	rmdir(folder);
	free(folder);
}

/* ---- the bare system call ---- */

static struct io_uring ring;

static void open_ring(void)
{
	assert_int_equal(io_uring_queue_init(1, &ring, 0), 0);
	assert_int_equal(io_uring_register_buffers_sparse(&ring, NR), 0);
}

/* One page, one call; 512 of them. */
static double bare_pin_us(char *base)
{
	double began_us = now_us(), us;
	int i;

	for (i = 0; i < NR; i++) {
		struct iovec page = { base + i * CMA_GRANULE, CMA_GRANULE };

		assert_int_equal(io_uring_register_buffers_update_tag(&ring, i, &page, NULL, 1), 1);
	}
	us = (now_us() - began_us) / NR;
	for (i = 0; i < NR; i++) {
		struct iovec none = { NULL, 0 };

		assert_int_equal(io_uring_register_buffers_update_tag(&ring, i, &none, NULL, 1), 1);
	}
	return us;
}

/* ---- through the queue ---- */

static double kick_us(unsigned int nr_answers)
{
	double began_us = now_us();

	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	while (virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST) < nr_answers)
		;
	return now_us() - began_us;
}

static double empty_kick_us(void)
{
	double least = kick_us(0), us;
	int i;

	for (i = 1; i < 100 * ROUNDS; i++) {
		us = kick_us(0);
		least = us < least ? us : least;
	}
	return least;
}

static void free_blocks(const struct virtio_cma_bulk_block *blocks, uint32_t nr)
{
	static struct {
		struct virtio_cma_free_req head;
		struct virtio_cma_range range[NR];
	} req;
	struct virtio_cma_resp_hdr resp;
	uint32_t i, bytes = (uint32_t)(sizeof(req.head) + nr * sizeof(req.range[0]));

	req.head.hdr.op = VIRTIO_CMA_OP_FREE;
	req.head.hdr.bytes = bytes;
	req.head.nr_ranges = nr;
	for (i = 0; i < nr; i++) {
		req.range[i].base_gpa = blocks[i].base_gpa;
		req.range[i].bytes = CMA_GRANULE;
	}
	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, bytes, &resp, sizeof(resp)),
			 sizeof(resp));
	assert_int_equal(resp.status, VIRTIO_CMA_S_OK);
}

static double bulk_round_us(void)
{
	struct virtio_cma_bulk_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC_BULK, .bytes = sizeof(req) },
		.block_bytes = CMA_GRANULE,
		.max_dma_addr = UINT64_MAX,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.nr_blocks = NR,
	};
	static struct {
		struct virtio_cma_bulk_resp head;
		struct virtio_cma_bulk_block blocks[NR];
	} resp;
	struct vring_buf buf[2] = {
		{ c.request, sizeof(req), 0 }, { c.response, sizeof(resp), VRING_WRITE },
	};
	double us;

	qtest_write(c.v.q, c.request, &req, sizeof(req));
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	us = kick_us(1);
	assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), sizeof(resp));
	qtest_read(c.v.q, c.response, &resp, sizeof(resp));
	assert_int_equal(resp.head.hdr.status, VIRTIO_CMA_S_OK);
	assert_int_equal(resp.head.nr_blocks, NR);
	free_blocks(resp.blocks, NR);
	return us;
}

static double single_round_us(void)
{
	struct virtio_cma_alloc_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
		.bytes = CMA_GRANULE,
		.max_dma_addr = UINT64_MAX,
		.flags = VIRTIO_CMA_ALLOC_CONTIG,
		.client = VIRTIO_CMA_CLIENT_SHARED,
	};
	struct {
		struct virtio_cma_alloc_resp head;
		struct virtio_cma_block block;
	} resp;
	struct virtio_cma_bulk_block blocks[NR_SINGLE];
	double us;
	int i;

	qtest_write(c.v.q, c.request, &req, sizeof(req));
	for (i = 0; i < NR_SINGLE; i++) {
		struct vring_buf buf[2] = {
			{ c.request, sizeof(req), 0 },
			{ c.response + i * sizeof(resp), sizeof(resp), VRING_WRITE },
		};

		virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	}
	us = kick_us(NR_SINGLE);
	for (i = 0; i < NR_SINGLE; i++) {
		assert_int_equal(virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST), sizeof(resp));
		qtest_read(c.v.q, c.response + i * sizeof(resp), &resp, sizeof(resp));
		assert_int_equal(resp.head.hdr.status, VIRTIO_CMA_S_OK);
		blocks[i].base_gpa = resp.block.base_gpa;
	}
	free_blocks(blocks, NR_SINGLE);
	return us;
}

static int skip_bench(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	return 77;
}

int main(void)
{
	static struct bench_figure bulk = {
		.name = "queue_bulk512", .unit = "us", .baseline = "pin_syscall", .goal = GOAL,
	};
	double bare, empty, single, least = 0;
	struct qtest *q;
	char *base;
	int round;

	if (access(qtest_plugin(), R_OK))
		return skip_bench("the plugin is not built");
	if (geteuid() || !raise_pool())
		return skip_bench("needs root and 512 free hugepages of 2 MiB");
	base = map_file();
	if (!base)
		return skip_bench("no 512 hugepages of 2 MiB");

	q = qtest_start(QTEST_Q35, "-object memory-backend-file,id=m0,mem-path=%s,size=1G,share=on,prealloc=on "
			"-device virtio-cma-pci,id=cma0,memdev=m0,unsafe-noiommu=on", file);
	cma_open(&c, q, &virtio_pci);
	open_ring();
	empty = empty_kick_us();
	for (round = 0; round < ROUNDS; round++) {
		bare = bare_pin_us(base);
		bench_pair(&bulk, (bulk_round_us() - empty) / NR, bare);
		single = (single_round_us() - empty) / NR_SINGLE;
		least = !round || single < least ? single : least;
	}
	io_uring_queue_exit(&ring);
	qtest_stop(q);
	unmap_file(base);

	bench_judge(&bulk);
	printf("# queue_alloc1: %.3f us\n", least);
	return bench_exit();
}
