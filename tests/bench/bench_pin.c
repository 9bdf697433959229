// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cost of pinning and unpinning one 2 MiB granule through the local provider,
 * 512 in one call, beside the bare system call, one a page, on the same pages
 * and in a table of the same size. Faulting and zeroing are not part of it.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <liburing.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hv/host/hugepages.h"
#include "hv/host/provider.h"
#include "tests/bench/decision.h"

#define HUGE_BYTES	(UINT64_C(2) << 20)
#define NR		512
#define ROUNDS		40
#define GOAL		2.0

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static double per_page(double began_us)
{
	return (now_us() - began_us) / NR;
}

static bool bare_round(struct io_uring *ring, char *base, double *pin_us, double *unpin_us)
{
	double began_us = now_us();
	unsigned int i;

	for (i = 0; i < NR; i++) {
		struct iovec page = { base + i * HUGE_BYTES, HUGE_BYTES };

		if (io_uring_register_buffers_update_tag(ring, i, &page, NULL, 1) != 1)
			return false;
	}
	*pin_us = per_page(began_us);

	began_us = now_us();
	for (i = 0; i < NR; i++) {
		struct iovec none = { NULL, 0 };

		if (io_uring_register_buffers_update_tag(ring, i, &none, NULL, 1) != 1)
			return false;
	}
	*unpin_us = per_page(began_us);
	return true;
}

static bool our_round(struct hvcma_provider *p, double *pin_us, double *unpin_us)
{
	double began_us = now_us();

	if (p->ops->pin(p, 0, NR))
		return false;
	*pin_us = per_page(began_us);

	began_us = now_us();
	if (p->ops->unpin(p, 0, NR))
		return false;
	*unpin_us = per_page(began_us);
	return true;
}

static int run(struct hvcma_provider *p, char *base)
{
	static struct bench_figure pin = {
		.name = "pin_bulk512", .unit = "us", .baseline = "syscall", .goal = GOAL,
	}, unpin = {
		.name = "unpin_bulk512", .unit = "us", .baseline = "syscall", .goal = GOAL,
	};
	double our_pin, our_unpin, bare_pin, bare_unpin;
	struct io_uring ring;
	int round, ret;

	ret = io_uring_queue_init(1, &ring, 0);
	if (!ret)
		ret = io_uring_register_buffers_sparse(&ring, NR);
	if (ret) {
		fprintf(stderr, "io_uring: %s\n", strerror(-ret));
		return 1;
	}
	for (round = 0; round < ROUNDS; round++) {
		if (!bare_round(&ring, base, &bare_pin, &bare_unpin)) {
			fprintf(stderr, "a bare system call failed\n");
			return 1;
		}
		if (!our_round(p, &our_pin, &our_unpin)) {
			fprintf(stderr, "%s\n", p->error.text);
			return 1;
		}
		bench_pair(&pin, our_pin, bare_pin);
		bench_pair(&unpin, our_unpin, bare_unpin);
	}
	io_uring_queue_exit(&ring);
	bench_judge(&pin);
	bench_judge(&unpin);
	return bench_exit();
}

static bool raise_pool(void)
{
	struct hvcma_hugepages pool;
	FILE *f;

	if (hvcma_hugepages_read(HUGE_BYTES, &pool))
		return false;
	if (pool.free - pool.reserved >= NR)
		return true;
	f = fopen("/proc/sys/vm/nr_hugepages", "we");
	if (!f)
		return false;
	fprintf(f, "%" PRIu64 "\n", pool.total + NR - (pool.free - pool.reserved));
	fclose(f);
	return !hvcma_hugepages_read(HUGE_BYTES, &pool) && pool.free - pool.reserved >= NR;
}

int main(void)
{
	struct hvcma_provider_config config = {
		.name = "bench", .bytes = NR * HUGE_BYTES, .granule_bytes = HUGE_BYTES,
		.page_bytes = HUGE_BYTES,
	};
	struct hvcma_provider *p;
	struct hvcma_error err;
	int ret;

	if (!raise_pool()) {
		printf("1..0 # SKIP no %d free hugepages of 2 MiB\n", NR);
		return 77;
	}
	config.fd = memfd_create("bench", MFD_CLOEXEC | MFD_HUGETLB | (21u << MFD_HUGE_SHIFT));
	if (config.fd < 0 || ftruncate(config.fd, (off_t)config.bytes)) {
		perror("hugetlb memfd");
		return 1;
	}
	config.base = mmap(NULL, config.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, config.fd, 0);
	if (config.base == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	if (hvcma_provider_local_create(&config, &p, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	ret = p->ops->back(p, 0, NR);
	if (ret)
		fprintf(stderr, "%s\n", p->error.text);
	else
		ret = run(p, config.base);
	p->ops->destroy(p);
	return ret ? 1 : 0;
}
