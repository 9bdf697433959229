// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of devices whose mappings are an addition (fast.h).
 *
 * Locks: none: made before the device's driver is bound, and kept until it is not.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>

#include "core/region.h"
#include "fast.h"
#include "windows.h"

/* By the client's windows: whole granules, whose low address bits are the same on the bus. */
static u64 *vcma_fast_translate(const struct vcma_client *c, const struct vcma_extents *x)
{
	u64 granule_bytes = 1ULL << x->granule_shift, nr = x->bytes >> x->granule_shift, i;
	u64 *table = kvmalloc_array(nr, sizeof(*table), GFP_KERNEL | __GFP_NOWARN);

	for (i = 0; table && i < nr; i++) {
		u64 bus = x->granule_dma[i];

		if (bus != VCMA_NO_EXTENT)
			bus = vcma_to_bus(c, bus, granule_bytes);
		table[i] = bus & (granule_bytes - 1) ? VCMA_NO_EXTENT : bus;
	}
	return table;
}

void vcma_fast_init(struct vcma_fast *f, struct vcma_client *c)
{
	const struct vcma_extents *x = c->region->extents;
	u64 lowest = U64_MAX, highest = 0, i, nr = 0;

	if (!x || c->maint)
		return;
	f->granule_bus = x->granule_dma;
	if (c->windows)
		f->granule_bus = f->own = vcma_fast_translate(c, x);
	for (i = 0; f->granule_bus && i < x->bytes >> x->granule_shift; i++) {
		if (f->granule_bus[i] == VCMA_NO_EXTENT)
			continue;
		nr++;
		lowest = min(lowest, f->granule_bus[i]);
		highest = max(highest, f->granule_bus[i]);
	}
	if (lowest > highest)
		return;
	f->base_gpa = x->base_gpa;
	f->granule_shift = x->granule_shift;
	f->in_granule = (1ULL << x->granule_shift) - 1;
	f->lowest_bus = lowest;
	f->span_bus = highest - lowest + f->in_granule + 1;
	f->is_all = nr == c->region->bytes >> x->granule_shift;
	f->nr_mapped = &c->region->stats.maps->of[VCMA_STATS_DIRECT];
	f->client = c;
	f->bytes = x->bytes;
}

void vcma_fast_end(struct vcma_fast *f)
{
	f->bytes = 0;
	f->span_bus = 0;
	f->client = NULL;
	kvfree(f->own);
	f->own = NULL;
}
