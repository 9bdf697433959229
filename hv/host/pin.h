/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long-term pins: the buffer tables of io_uring instances. A buffer registered
 * with io_uring is pinned with FOLL_LONGTERM until it is unregistered or until
 * the last descriptor of its ring is closed, even by another process. No I/O is
 * ever submitted. Knows nothing of granule states: the caller doesn't pin twice.
 */
#ifndef HVCMA_HOST_PIN_H
#define HVCMA_HOST_PIN_H

#include <stddef.h>
#include <stdint.h>

#include "hv/host/provider.h"

#define HVCMA_PIN_BATCH	512	/* table slots that one system call updates */

struct hvcma_pins {
	char *base;
	uint64_t granule_bytes;
	uint64_t slot_bytes;		/* memory behind one slot of a table */
	uint64_t slots_per_granule;
	uint64_t slots_per_ring;
	size_t nr_rings;
	int *ring_fd;
};

/* How the granules of a region are spread over rings. */
struct hvcma_pin_layout {
	uint64_t nr_slots;
	uint64_t slots_per_ring;	/* the last ring may have fewer */
	size_t nr_rings;
};

/** hvcma_pin_layout_of() - how hvcma_pins_init() spreads them. */
struct hvcma_pin_layout hvcma_pin_layout_of(uint64_t bytes, uint64_t granule_bytes);

/**
 * hvcma_pin_ring_new() - one ring, with an empty table.
 *
 * Whoever has a descriptor of it can pin and unpin memory of his own by it; the pins last as long
 * as one of its descriptors.
 *
 * Return: its descriptor, or what the kernel said.
 */
int hvcma_pin_ring_new(uint64_t nr_slots);

/**
 * hvcma_pins_adopt() - use rings that others have made, laid out as by hvcma_pin_layout_of(), and
 * as many as that says. Then hvcma_pins_fini().
 * @ring_fds, @nr_rings: taken over, array and descriptors (malloc())
 */
void hvcma_pins_adopt(struct hvcma_pins *pins, void *base, uint64_t bytes, uint64_t granule_bytes,
		      int *ring_fds, size_t nr_rings);

/**
 * hvcma_pins_init() - make rings with room for every granule of @bytes at @base.
 *
 * Return: 0 (then hvcma_pins_fini()), -EPERM (forbidden), -ENOSYS, -EMFILE,
 * -ENFILE, -ENOMEM; @err says it in words, without the region's name.
 */
int hvcma_pins_init(struct hvcma_pins *pins, void *base, uint64_t bytes,
		    uint64_t granule_bytes, struct hvcma_error *err);

/** hvcma_pins_fini() - unpin all, close the rings. */
void hvcma_pins_fini(struct hvcma_pins *pins);

/**
 * hvcma_pins_add() - pin @nr granules from @first on, all or none.
 *
 * Return: 0, or what the kernel said: -ENOMEM (RLIMIT_MEMLOCK too), -EFAULT, ...
 */
int hvcma_pins_add(struct hvcma_pins *pins, uint64_t first, uint64_t nr);

/**
 * hvcma_pins_remove() - unpin @nr granules from @first on.
 * @done: out, also on failure: granules from @first on that are unpinned now
 *
 * Return: 0, or what the kernel said.
 */
int hvcma_pins_remove(struct hvcma_pins *pins, uint64_t first, uint64_t nr,
		      uint64_t *done);

#endif /* HVCMA_HOST_PIN_H */
