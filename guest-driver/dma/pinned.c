// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streaming mappings in regions that are pinned from the start (pinned.h). Such a region is RAM of
 * the guest: every page has a linear address, and none is mapped uncached while it is not in a
 * block.
 *
 * Locks: none: where memory is for devices never changes.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>

#include "client/attr.h"
#include "client/windows.h"
#include "compat/compat.h"
#include "core/extents.h"
#include "core/trace.h"
#include "direct.h"
#include "pinned.h"

dma_addr_t vcma_pinned_map(struct vcma_client *c, phys_addr_t phys, size_t bytes, u64 max_dma,
			   enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_region *r = c->region;
	const struct vcma_extents *x = r->extents;
	const char *obstacle;
	u64 dma;

	if (!x || !bytes || !vcma_extents_dma(x, phys, bytes, &dma) ||
	    (attrs & VCMA_DMA_ATTR_REQUIRE_COHERENT && vcma_attr_needs_sync(c)))
		return DMA_MAPPING_ERROR;
	dma = vcma_to_bus(c, dma, bytes);
	obstacle = vcma_direct_obstacle(c, phys, dma, bytes, max_dma, phys_to_virt(phys), dir);
	if (unlikely(obstacle)) {
		dev_dbg_ratelimited(c->dev, "region %s: %#llx+%#zx is pinned, but not mapped as it is: %s\n",
				    r->name, (u64)phys, bytes, obstacle);
		return DMA_MAPPING_ERROR;
	}
	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		vcma_attr_sync_for_device(c, phys_to_virt(phys), bytes);
	vcma_stats_map(&r->stats, VCMA_STATS_DIRECT, 1);
	trace_vcma_direct_map(c, phys, bytes, dma);
	return dma;
}

/* Could [@dma, @dma + @bytes) be part of such a mapping? Exact where there is one extent. */
static bool vcma_pinned_may_have(const struct vcma_extents *x, u64 dma, size_t bytes)
{
	return x && dma >= x->lowest_dma && dma <= x->highest_dma &&
	       bytes - 1 <= x->highest_dma - dma;
}

bool vcma_pinned_unmap(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		       enum dma_data_direction dir, unsigned long attrs)
{
	const struct vcma_extents *x = c->region->extents;
	u64 at = vcma_to_dma(c, dma), gpa;

	if (!vcma_pinned_may_have(x, at, bytes))
		return false;
	if (!vcma_attr_needs_sync(c) && !trace_vcma_direct_unmap_enabled())
		return true;
	if (!vcma_extents_gpa(x, at, bytes, &gpa))
		return false;
	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		vcma_attr_sync_for_cpu(c, phys_to_virt(gpa), bytes, dir);
	trace_vcma_direct_unmap(c, gpa, bytes, dma);
	return true;
}

bool vcma_pinned_sync(struct vcma_client *c, dma_addr_t dma, size_t bytes,
		      enum dma_data_direction dir, bool for_cpu)
{
	const struct vcma_extents *x = c->region->extents;
	u64 at = vcma_to_dma(c, dma), gpa;

	if (!vcma_pinned_may_have(x, at, bytes))
		return false;
	if (!vcma_attr_needs_sync(c))
		return true;
	if (!vcma_extents_gpa(x, at, bytes, &gpa))
		return false;
	if (for_cpu)
		vcma_attr_sync_for_cpu(c, phys_to_virt(gpa), bytes, dir);
	else
		vcma_attr_sync_for_device(c, phys_to_virt(gpa), bytes);
	return true;
}
