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

struct io_uring;

#define HVCMA_PIN_BATCH	512	/* table slots that one system call updates */

struct hvcma_pins {
	char *base;
	uint64_t granule_bytes;
	uint64_t slot_bytes;		/* memory behind one slot of a table */
	uint64_t slots_per_granule;
	uint64_t slots_per_ring;
	size_t nr_rings;
	struct io_uring *ring;
	int *ring_fd;
};

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
