// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents of a region that is pinned from the start: reading, checking, and translation back
 * (extents.h). The host is not trusted with more than it has to be: what it tells must be a
 * partition of the region's ranges into whole granules, each granule somewhere else for devices.
 *
 * Locks: none: read before the region serves anybody, constant from then on.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "extents.h"
#include "region.h"
#include "request.h"

static int vcma_extents_refuse(struct vcma_region *r, const char *why)
{
	vcma_region_break(r, why);
	return -EPROTO;
}

/* How much of the region is known, in order: all ranges before one, and this up to @end. */
struct vcma_extents_known {
	u32 range;
	u64 end;			/* guest-physical */
};

/* Is @e, which lies in one range, what comes next? Then it is known, too. */
static bool vcma_extents_follow(const struct vcma_region *r, const struct vcma_extent *e,
				struct vcma_extents_known *known)
{
	const struct vcma_range *range = &r->ranges[known->range];

	if (known->end == range->base_gpa + range->bytes && known->range + 1 < r->nr_ranges) {
		known->range++;
		known->end = range[1].base_gpa;
	}
	if (e->base_gpa != known->end)
		return false;
	known->end += e->bytes;
	return true;
}

static bool vcma_extents_are_all(const struct vcma_region *r, const struct vcma_extents_known *known)
{
	const struct vcma_range *range = &r->ranges[known->range];

	return known->range + 1 == r->nr_ranges && known->end == range->base_gpa + range->bytes;
}

/*
 * Read those from number @first on, as far as @buffer goes, and append them.
 * @known: by the ones before; moved on
 */
static int vcma_extents_read_some(struct vcma_region *r, struct vcma_extents *x, u32 first,
				  struct virtio_cma_extent *buffer,
				  struct vcma_extents_known *known)
{
	u64 total;
	u32 nr, i;
	int err;

	err = vcma_request_extents(r, first, min(x->nr - first, VCMA_EXTENTS_AT_ONCE), buffer,
				   &nr, &total);
	if (err)
		return err;
	if (total != x->nr || !nr)
		return vcma_extents_refuse(r, "QUERY: the extents of pinned memory change");
	for (i = 0; i < nr; i++) {
		struct vcma_extent e = {
			.base_gpa = le64_to_cpu(buffer[i].base_gpa),
			.base_dma = le64_to_cpu(buffer[i].base_dma),
			.bytes = le64_to_cpu(buffer[i].bytes),
		};

		if (!vcma_extents_follow(r, &e, known))
			return vcma_extents_refuse(r, "QUERY: extents overlap, or leave something out");
		x->by_dma[first + i] = e;
	}
	return nr;
}

static int vcma_extents_compare(const void *a, const void *b)
{
	const struct vcma_extent *x = a, *y = b;

	return x->base_dma < y->base_dma ? -1 : x->base_dma > y->base_dma;
}

static int vcma_extents_index(struct vcma_region *r, struct vcma_extents *x)
{
	const struct vcma_extent *last = &x->by_dma[x->nr - 1];
	u64 off, borders = 0;
	u32 i;

	sort(x->by_dma, x->nr, sizeof(x->by_dma[0]), vcma_extents_compare, NULL);
	for (i = 1; i < x->nr; i++) {
		const struct vcma_extent *e = &x->by_dma[i];

		if (e->base_dma - e[-1].base_dma < e[-1].bytes)
			return vcma_extents_refuse(r, "QUERY: two extents have the same DMA address");
	}
	x->lowest_dma = x->by_dma[0].base_dma;
	x->highest_dma = last->base_dma + last->bytes - 1;
	x->granule_dma = kvmalloc_array(r->span_bytes >> r->granule_shift, sizeof(*x->granule_dma),
					GFP_KERNEL | __GFP_NOWARN);
	if (!x->granule_dma)
		return -ENOMEM;
	memset64(x->granule_dma, VCMA_NO_EXTENT, r->span_bytes >> r->granule_shift);
	for (i = 0; i < x->nr; i++) {
		const struct vcma_extent *e = &x->by_dma[i];

		borders |= e->base_gpa | (e->base_gpa + e->bytes);
		for (off = 0; off < e->bytes; off += r->granule_bytes)
			x->granule_dma[(e->base_gpa - r->base_gpa + off) >> r->granule_shift] =
				e->base_dma + off;
	}
	x->boundary_bytes = x->nr > 1 ? borders & -borders : 0;
	return 0;
}

/* How many there are, in @nr. */
static int vcma_extents_count(struct vcma_region *r, struct virtio_cma_extent *buffer, u32 *nr)
{
	u64 total;
	u32 got;
	int err;

	err = vcma_request_extents(r, 0, 1, buffer, &got, &total);
	if (err)
		return err;
	if (!total || total > r->bytes >> r->granule_shift)
		return vcma_extents_refuse(r, "QUERY: no extents, or more than granules");
	*nr = total;
	return 0;
}

int vcma_extents_read(struct vcma_region *r, struct vcma_extents **out)
{
	struct virtio_cma_extent *buffer;
	struct vcma_extents *x = NULL;
	struct vcma_extents_known known = { .end = r->base_gpa };
	u32 nr, first = 0;
	int err;

	buffer = kcalloc(VCMA_EXTENTS_AT_ONCE, sizeof(*buffer), GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	err = vcma_extents_count(r, buffer, &nr);
	if (err)
		goto out;
	x = kvzalloc(struct_size(x, by_dma, nr), GFP_KERNEL | __GFP_NOWARN);
	err = -ENOMEM;
	if (!x)
		goto out;
	x->base_gpa = r->base_gpa;
	x->bytes = r->span_bytes;
	x->granule_shift = r->granule_shift;
	x->nr = nr;
	for (; first < nr; first += err) {
		err = vcma_extents_read_some(r, x, first, buffer, &known);
		if (err < 0)
			goto out;
	}
	err = 0;
	if (!vcma_extents_are_all(r, &known))
		err = vcma_extents_refuse(r, "QUERY: the extents of pinned memory are not all of it");
	if (!err)
		err = vcma_extents_index(r, x);
out:
	kfree(buffer);
	if (err)
		vcma_extents_free(x);
	else
		*out = x;
	return err;
}

void vcma_extents_free(struct vcma_extents *x)
{
	if (x)
		kvfree(x->granule_dma);
	kvfree(x);
}

bool vcma_extents_is_contiguous(const struct vcma_extents *x, u64 off, u64 bytes)
{
	u64 i = off >> x->granule_shift, last = (off + bytes - 1) >> x->granule_shift;

	for (; i < last; i++) {
		if (x->granule_dma[i + 1] - x->granule_dma[i] != 1ULL << x->granule_shift)
			return false;
	}
	return true;
}

bool vcma_extents_gpa(const struct vcma_extents *x, u64 dma, u64 bytes, u64 *gpa)
{
	u32 low = 0, high = x->nr;
	const struct vcma_extent *e;

	/* The last one that begins at or below @dma. */
	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (x->by_dma[middle].base_dma <= dma)
			low = middle;
		else
			high = middle;
	}
	e = &x->by_dma[low];
	if (dma < e->base_dma || dma - e->base_dma >= e->bytes ||
	    bytes > e->bytes - (dma - e->base_dma))
		return false;
	*gpa = e->base_gpa + (dma - e->base_dma);
	return true;
}
