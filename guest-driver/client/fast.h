/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings that are an addition: of a device with one client, of a region that is pinned from the
 * start, whose DMA goes through caches. Where each granule is on the device's bus is in a table, in
 * one place with its DMA operations, and nothing else is looked at. What this knows nothing of is
 * the general case, by the same rules (dma/pinned.c): what crosses a granule, what the device
 * reaches not or needs otherwise, and everything of other devices.
 */
#ifndef VCMA_FAST_H
#define VCMA_FAST_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "client.h"
#include "core/extents.h"

/* Constant while the device is served. */
struct vcma_fast {
	u64 base_gpa;			/* of the region, as the two below */
	u64 bytes;			/* its span; 0: nothing is mapped so */
	unsigned int granule_shift;
	u64 in_granule;			/* mask of the address bits that a mapping keeps */
	const u64 *granule_bus;		/* VCMA_NO_EXTENT: none, or not all of the granule's */
	u64 *own;			/* the same table, if it is not the region's; else NULL */
	u64 lowest_bus;			/* of all in the table */
	u64 span_bus;			/* from there to the end of the highest */
	bool is_all;			/* the table has all granules of the region */
	s64 __percpu *nr_mapped;	/* the region's, of mappings without a copy */
	struct vcma_client *client;	/* NULL with 0 bytes */
};

/**
 * vcma_fast_init() - @c is the only client of its device, and claimed. Without memory, or where it
 * isn't such a client, nothing is mapped so. May sleep.
 */
void vcma_fast_init(struct vcma_fast *f, struct vcma_client *c);

/** vcma_fast_end() - the device is served no more; again does nothing. */
void vcma_fast_end(struct vcma_fast *f);

/**
 * vcma_fast_map() - where the device finds [@phys, @phys + @bytes). Any context; counts nothing.
 * @max_bus: highest bus address of the last byte
 * @keep: bits of the address to be kept (dma_get_min_align_mask())
 *
 * Return: false: it is not known here.
 */
static __always_inline bool vcma_fast_map(const struct vcma_fast *f, u64 phys, u64 bytes,
					  u64 max_bus, u64 keep, dma_addr_t *bus)
{
	u64 off = phys - f->base_gpa, in = phys & f->in_granule, at;

	if (unlikely(off >= f->bytes))
		return false;
	at = f->granule_bus[off >> f->granule_shift];
	/* No bytes are as many as there can be. */
	if (unlikely(bytes - 1 > f->in_granule - in || at == VCMA_NO_EXTENT ||
		     at + in + (bytes - 1) > max_bus || keep > f->in_granule))
		return false;
	*bus = at + in;
	return true;
}

/**
 * vcma_fast_may_have() - is there nothing to be undone of a mapping at @bus? No bounce buffer of
 * the device's is in use, and it may be from here. Any context.
 */
static __always_inline bool vcma_fast_may_have(const struct vcma_fast *f, u64 bus)
{
	return bus - f->lowest_bus < f->span_bus && !atomic64_read(&f->client->bounce_bytes);
}

#endif /* VCMA_FAST_H */
