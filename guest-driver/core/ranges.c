// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of a region (ranges.h). What the host tells is the whole region, in order, in whole
 * granules, nothing twice; anything else is refused before an address of it is used.
 *
 * Locks: none: read before the region serves anybody, constant from then on.
 */
#include <linux/device.h>
#include <linux/kernel.h>

#include "ranges.h"
#include "region.h"
#include "request.h"

static int vcma_ranges_refuse(struct vcma_region *r, const char *why)
{
	vcma_region_break(r, why);
	return -EPROTO;
}

/* The one range at the base, as all modes but one have it. */
static void vcma_ranges_whole(struct vcma_region *r)
{
	r->nr_ranges = 1;
	r->ranges[0].base_gpa = r->base_gpa;
	r->ranges[0].bytes = r->bytes;
	r->span_bytes = r->bytes;
}

/* @end: where the one before ends, and where this one does. Return: what is wrong, or NULL. */
static const char *vcma_range_check(const struct vcma_region *r, const struct vcma_range *range,
				    u64 *end)
{
	if (!range->bytes || !IS_ALIGNED(range->base_gpa | range->bytes, r->granule_bytes))
		return "QUERY: a range is empty, or not of whole granules";
	if (range->bytes > U64_MAX - range->base_gpa)
		return "QUERY: a range wraps";
	if (range->base_gpa < *end)
		return "QUERY: ranges overlap, or are not in order";
	*end = range->base_gpa + range->bytes;
	if ((*end - r->base_gpa) >> r->granule_shift > VIRTIO_CMA_MAX_GRANULES)
		return "QUERY: ranges are too far apart";
	return NULL;
}

int vcma_ranges_read(struct vcma_region *r)
{
	struct virtio_cma_range told[VIRTIO_CMA_MAX_RANGES];
	u64 end = r->base_gpa, bytes = 0;
	const char *wrong;
	u32 nr, i;
	int err;

	vcma_ranges_whole(r);
	if (!vcma_has_feature(r->transport, VIRTIO_CMA_F_RAM))
		return 0;
	err = vcma_request_ranges(r, told, &nr);
	if (err) {
		dev_err(r->dev, "region %s: its ranges are not known: %pe\n", r->name, ERR_PTR(err));
		return err;
	}
	if (!nr || le64_to_cpu(told[0].base_gpa) != r->base_gpa)
		return vcma_ranges_refuse(r, "QUERY: no ranges, or the first is not at the region's base");
	for (i = 0; i < nr; i++) {
		struct vcma_range *range = &r->ranges[i];

		range->base_gpa = le64_to_cpu(told[i].base_gpa);
		range->bytes = le64_to_cpu(told[i].bytes);
		wrong = vcma_range_check(r, range, &end);
		if (wrong)
			return vcma_ranges_refuse(r, wrong);
		bytes += range->bytes;
	}
	if (bytes != r->bytes)
		return vcma_ranges_refuse(r, "QUERY: ranges are not all of the region");
	r->nr_ranges = nr;
	r->span_bytes = end - r->base_gpa;
	return 0;
}
