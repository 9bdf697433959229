// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Where a region is in guest-physical addresses: in one range, or, in mode ram, in several, as
 * the machine's RAM is in pieces around what else has addresses there.
 *
 *	guest-physical	| range 0  |  hole  | range 1     |
 *	granules	0 ........ n        n ........... nr_granules
 *
 * Granules are counted through the ranges, so all but this file knows of one stretch of them; the
 * allocator is told where a range begins, and no run, block or extent goes across.
 */
#include "hv/core/engine_internal.h"

VIRTIO_CMA_ASSERT(VIRTIO_CMA_MAX_RANGES <= HVCMA_ALLOC_MAX_CUTS + 1);

const char *hvcma_ranges_check(const struct hvcma_engine_config *config)
{
	uint64_t mask = config->granule_bytes - 1, bytes = 0;

	if (!config->nr_ranges)
		return NULL;
	if (config->mode != VIRTIO_CMA_MODE_RAM)
		return "only mode ram has ranges";
	if (config->nr_ranges > VIRTIO_CMA_MAX_RANGES)
		return "region is in more than 16 ranges";
	for (uint32_t k = 0; k < config->nr_ranges; k++) {
		const struct hvcma_gpa_range *range = &config->ranges[k];

		if (!range->bytes || (range->base_gpa | range->bytes) & mask)
			return "a range of the region is empty, or not of whole granules";
		if (range->bytes > UINT64_MAX - range->base_gpa)
			return "a range of the region wraps around the address space";
		if (k && range->base_gpa - range[-1].base_gpa < range[-1].bytes)
			return "ranges of the region overlap";
		if (k && range->base_gpa < range[-1].base_gpa)
			return "ranges of the region are not in order";
		if (range->bytes > config->region_bytes - bytes)
			return "ranges of the region are more than its size";
		bytes += range->bytes;
	}
	if (bytes != config->region_bytes)
		return "ranges of the region are less than its size";
	if (config->ranges[0].base_gpa != config->region_base_gpa)
		return "the first range of the region is not at its base";
	return NULL;
}

void hvcma_ranges_init(struct hvcma_engine *e, const struct hvcma_engine_config *config)
{
	uint64_t first = 0;

	e->nr_ranges = config->nr_ranges ? config->nr_ranges : 1;
	e->ranges[0] = (struct hvcma_gpa_range){
		.base_gpa = config->region_base_gpa,
		.bytes = config->region_bytes,
	};
	for (uint32_t k = 0; k < config->nr_ranges; k++)
		e->ranges[k] = config->ranges[k];
	for (uint32_t k = 0; k < e->nr_ranges; k++) {
		e->range_first[k] = (uint32_t)first;
		if (k)
			hvcma_alloc_cut(e->alloc, first);
		first += e->ranges[k].bytes >> e->granule_shift;
	}
	e->config.ranges = e->ranges;
	e->config.nr_ranges = e->nr_ranges;
}

uint64_t hvcma_gpa(const struct hvcma_engine *e, uint64_t granule)
{
	uint32_t k = e->nr_ranges - 1;

	while (granule < e->range_first[k])
		k--;
	return e->ranges[k].base_gpa + ((granule - e->range_first[k]) << e->granule_shift);
}

bool hvcma_ranges_find(const struct hvcma_engine *e, uint64_t base_gpa, uint64_t bytes,
		       struct hvcma_granule_range *touched)
{
	for (uint32_t k = 0; k < e->nr_ranges; k++) {
		const struct hvcma_gpa_range *range = &e->ranges[k];
		uint64_t off = base_gpa - range->base_gpa, first;

		if (off >= range->bytes)
			continue;
		if (!bytes || bytes > range->bytes - off)
			return false;
		first = off >> e->granule_shift;
		touched->first = e->range_first[k] + (uint32_t)first;
		touched->nr = (uint32_t)(((off + bytes - 1) >> e->granule_shift) - first) + 1;
		return true;
	}
	return false;
}

uint64_t hvcma_engine_gpa(const struct hvcma_engine *e, uint64_t granule)
{
	return hvcma_gpa(e, granule);
}

uint32_t hvcma_engine_ranges(const struct hvcma_engine *e, const struct hvcma_gpa_range **ranges)
{
	*ranges = e->ranges;
	return e->nr_ranges;
}
