// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Long-term pins through io_uring: see pin.h.
 *
 * One table slot per granule (several for a granule above the 1 GiB that a slot
 * can hold), so that each granule can be unpinned alone. The kernel bounds a
 * table at 16384 slots. It also walks the whole table whenever it pins a huge
 * page, to account each page once: pinning costs 3 us in a table of 512, 95 us
 * in a full one of 16384. Hence many small tables: 512 slots each up to 256
 * rings (128 GiB of 2 MiB granules), larger ones beyond, to save descriptors.
 *
 * All rings are made at once: a ring is refused before the guest runs rather
 * than in the middle of its work, and the pin keeper can inherit all of them.
 */
#include "hv/host/pin.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOT_MAX_BYTES	(UINT64_C(1) << 30)
#define RING_MIN_SLOTS	UINT64_C(512)
#define RING_MAX_SLOTS	UINT64_C(16384)
#define NR_RINGS_WANTED	UINT64_C(256)

static uint64_t slot_bytes(uint64_t granule_bytes)
{
	return granule_bytes < SLOT_MAX_BYTES ? granule_bytes : SLOT_MAX_BYTES;
}

struct hvcma_pin_layout hvcma_pin_layout_of(uint64_t bytes, uint64_t granule_bytes)
{
	struct hvcma_pin_layout l = {
		.nr_slots = bytes / slot_bytes(granule_bytes), .slots_per_ring = RING_MIN_SLOTS,
	};

	while (l.slots_per_ring < RING_MAX_SLOTS && l.slots_per_ring * NR_RINGS_WANTED < l.nr_slots)
		l.slots_per_ring *= 2;
	l.nr_rings = (size_t)((l.nr_slots + l.slots_per_ring - 1) / l.slots_per_ring);
	return l;
}

/* The sysctl's value, -1 if the kernel has none (before Linux 6.6). */
static int read_disabled_sysctl(void)
{
	FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

static void ring_error(struct hvcma_error *err, int ret, size_t nr_made, size_t nr_rings)
{
	struct rlimit limit = { 0 };
	int disabled;

	switch (ret) {
	case -EPERM:
		disabled = read_disabled_sysctl();
		if (disabled > 0)
			hvcma_error_set(err, "pinning needs io_uring, which sysctl "
					"kernel.io_uring_disabled=%d forbids (0 allows it)",
					disabled);
		else
			hvcma_error_set(err, "pinning needs io_uring, which a seccomp filter or "
					"security module forbids to this process");
		break;
	case -ENOSYS:
		hvcma_error_set(err, "pinning needs io_uring, which this kernel lacks");
		break;
	case -EINVAL:
		hvcma_error_set(err, "pinning needs the sparse buffer tables of io_uring: "
				"Linux 5.19 or newer");
		break;
	case -EMFILE:
		getrlimit(RLIMIT_NOFILE, &limit);
		hvcma_error_set(err, "pinning needs %zu io_uring descriptors, only %zu could be "
				"opened: RLIMIT_NOFILE is %llu", nr_rings, nr_made,
				(unsigned long long)limit.rlim_cur);
		break;
	default:
		hvcma_error_set(err, "cannot make io_uring instance %zu of %zu for pinning: %s",
				nr_made + 1, nr_rings, strerror(-ret));
	}
}

/* Nothing is ever submitted: its queues are not even mapped. */
int hvcma_pin_ring_new(uint64_t nr_slots)
{
	struct io_uring_rsrc_register table = {
		.nr = (uint32_t)nr_slots, .flags = IORING_RSRC_REGISTER_SPARSE,
	};
	struct io_uring_params params = { 0 };
	int fd = io_uring_setup(1, &params);
	int ret;

	if (fd < 0)
		return fd;
	ret = io_uring_register((unsigned int)fd, IORING_REGISTER_BUFFERS2, &table, sizeof(table));
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

static void set_memory(struct hvcma_pins *pins, void *base, uint64_t bytes, uint64_t granule_bytes)
{
	memset(pins, 0, sizeof(*pins));
	pins->base = base;
	pins->granule_bytes = granule_bytes;
	pins->slot_bytes = slot_bytes(granule_bytes);
	pins->slots_per_granule = granule_bytes / pins->slot_bytes;
	pins->slots_per_ring = hvcma_pin_layout_of(bytes, granule_bytes).slots_per_ring;
}

int hvcma_pins_init(struct hvcma_pins *pins, void *base, uint64_t bytes,
		    uint64_t granule_bytes, struct hvcma_error *err)
{
	const struct hvcma_pin_layout l = hvcma_pin_layout_of(bytes, granule_bytes);

	set_memory(pins, base, bytes, granule_bytes);
	pins->ring_fd = calloc(l.nr_rings, sizeof(*pins->ring_fd));
	if (!pins->ring_fd) {
		hvcma_error_set(err, "no memory for %zu io_uring instances", l.nr_rings);
		return -ENOMEM;
	}

	while (pins->nr_rings < l.nr_rings) {
		uint64_t slots = l.nr_slots - pins->nr_rings * l.slots_per_ring;
		int fd = hvcma_pin_ring_new(slots < l.slots_per_ring ? slots : l.slots_per_ring);

		if (fd < 0) {
			ring_error(err, fd, pins->nr_rings, l.nr_rings);
			hvcma_pins_fini(pins);
			return fd == -EINVAL ? -ENOSYS : fd;
		}
		pins->ring_fd[pins->nr_rings++] = fd;
	}
	return 0;
}

void hvcma_pins_adopt(struct hvcma_pins *pins, void *base, uint64_t bytes, uint64_t granule_bytes,
		      int *ring_fds, size_t nr_rings)
{
	set_memory(pins, base, bytes, granule_bytes);
	pins->ring_fd = ring_fds;
	pins->nr_rings = nr_rings;
}

void hvcma_pins_fini(struct hvcma_pins *pins)
{
	while (pins->nr_rings) {
		int fd = pins->ring_fd[--pins->nr_rings];

		/* Closing does not unpin if another process has the ring, too. */
		io_uring_register((unsigned int)fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
		close(fd);
	}
	free(pins->ring_fd);
	pins->ring_fd = NULL;
}

/* Slots [slot, slot + nr) get their memory, or none. *done counts also on failure. */
static int update(struct hvcma_pins *pins, uint64_t slot, uint64_t nr, bool pin,
		  uint64_t *done)
{
	struct iovec iov[HVCMA_PIN_BATCH];	/* 8 KiB, which no region keeps */

	*done = 0;
	while (*done < nr) {
		uint64_t at = slot + *done;
		uint64_t offset = at % pins->slots_per_ring;
		uint64_t n = nr - *done;
		uint64_t i;
		struct io_uring_rsrc_update2 part = { .offset = (uint32_t)offset, .data = (uintptr_t)iov };
		int ret;

		if (n > pins->slots_per_ring - offset)
			n = pins->slots_per_ring - offset;
		if (n > HVCMA_PIN_BATCH)
			n = HVCMA_PIN_BATCH;
		for (i = 0; i < n; i++) {
			struct iovec *v = &iov[i];

			v->iov_base = pin ? pins->base + (at + i) * pins->slot_bytes : NULL;
			v->iov_len = pin ? pins->slot_bytes : 0;
		}

		/* Returns how many slots it updated before the first that failed. */
		part.nr = (uint32_t)n;
		ret = io_uring_register((unsigned int)pins->ring_fd[at / pins->slots_per_ring],
					IORING_REGISTER_BUFFERS_UPDATE, &part, sizeof(part));
		if (ret <= 0)
			return ret ? ret : -EIO;
		*done += (uint64_t)ret;
	}
	return 0;
}

int hvcma_pins_add(struct hvcma_pins *pins, uint64_t first, uint64_t nr)
{
	uint64_t slot = first * pins->slots_per_granule;
	uint64_t done, undone;
	int ret = update(pins, slot, nr * pins->slots_per_granule, true, &done);

	if (ret)
		update(pins, slot, done, false, &undone);
	return ret;
}

int hvcma_pins_remove(struct hvcma_pins *pins, uint64_t first, uint64_t nr,
		      uint64_t *done)
{
	uint64_t slots_done;
	int ret = update(pins, first * pins->slots_per_granule,
			 nr * pins->slots_per_granule, false, &slots_done);

	*done = slots_done / pins->slots_per_granule;
	return ret;
}
