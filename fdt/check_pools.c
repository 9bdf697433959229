// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Reserved memory, each node by itself: what the bindings ask and what Linux
 * makes of it. See check.h.
 */
#include <inttypes.h>
#include <string.h>

#include "fdt/check_internal.h"

#define DEFAULT_PAGEBLOCK_BYTES	(UINT64_C(2) << 20)

struct pool {
	int node;
	int shared, restricted;			/* by compatible */
	int reusable, no_map;
	int cma_default, dma_default;
};

static uint64_t granule_of(struct check *c, int node)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, "hvcma,granule-bytes", &len);

	if (c->policy->granule_bytes)
		return c->policy->granule_bytes;
	return p && len == HVCMA_FDT_CELL_BYTES ? fdt32_to_cpu(*p) : 0;
}

static void check_flags(struct check *c, const struct pool *p)
{
	if (p->reusable && p->no_map)
		hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "reusable and no-map contradict each other");
	if (p->cma_default && !(p->shared && p->reusable))
		hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "linux,cma-default needs a reusable shared-dma-pool");
	if (p->dma_default && !(p->shared && p->no_map))
		hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "linux,dma-default needs a shared-dma-pool with no-map");
	if (p->shared && !p->reusable && !p->no_map)
		hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "a shared-dma-pool is either reusable or no-map");
	if (p->restricted && (p->reusable || p->no_map))
		hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "a restricted-dma-pool can't be %s",
				p->reusable ? "reusable" : "no-map");
}

static void check_alignment(struct check *c, const struct pool *p, const struct hvcma_range *r)
{
	uint64_t pageblock = c->policy->pageblock_bytes ? c->policy->pageblock_bytes :
			     DEFAULT_PAGEBLOCK_BYTES;
	uint64_t granule = granule_of(c, p->node);

	if (p->shared && p->reusable && (r->base | r->bytes) & (pageblock - 1))
		hvcma_check_say(c, HVCMA_FDT_ALIGNMENT, p->node, "0x%" PRIx64 ", 0x%" PRIx64 " bytes: Linux' CMA wants whole pageblocks of 0x%"
				PRIx64, r->base, r->bytes, pageblock);
	if ((p->shared || p->restricted) && granule && (r->base | r->bytes) & (granule - 1))
		hvcma_check_note(c, HVCMA_FDT_ALIGNMENT, p->node, "0x%" PRIx64 ", 0x%" PRIx64
				 " bytes, is not whole granules of 0x%" PRIx64 ": what shares them is pinned, too",
				 r->base, r->bytes, granule);
}

/* Linux' CMA and bounce buffers are ordinary memory; no-map may be anything. */
static void check_memory(struct check *c, const struct pool *p, const struct hvcma_range *r)
{
	uint64_t at = r->base, left = r->bytes;

	if (!p->reusable && !p->restricted)
		return;
	while (left) {
		const struct check_range *m = hvcma_check_find(&c->memory, at);
		uint64_t here;

		if (!m) {
			hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "0x%" PRIx64 ", 0x%" PRIx64 " bytes: no memory at 0x%"
					PRIx64, r->base, r->bytes, at);
			return;
		}
		here = m->bytes - (at - m->base);
		if (here >= left)
			return;
		at += here;
		left -= here;
	}
}

static uint64_t size_of(struct check *c, int node, const char *prop)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, prop, &len);
	int cells = c->tree.node[c->reserved].cells.size;

	if (!p || len != cells * HVCMA_FDT_CELL_BYTES || cells > HVCMA_FDT_MAX_CELLS)
		return 0;
	return hvcma_fdt_get(p, cells);
}

/* A pool that the kernel places. */
static void check_dynamic(struct check *c, const struct pool *p)
{
	uint64_t bytes = size_of(c, p->node, "size"), align = size_of(c, p->node, "alignment");
	struct hvcma_range r;
	int i = 0, fits = 0;

	if (!hvcma_fdt_tree_has(&c->tree, p->node, "size")) {
		hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "has neither reg nor size");
		return;
	}
	if (!bytes)
		hvcma_check_say(c, HVCMA_FDT_CELLS, p->node, "size is 0 or has not the cells of /reserved-memory");
	if (align & (align - 1))
		hvcma_check_say(c, HVCMA_FDT_ALIGNMENT, p->node, "alignment 0x%" PRIx64 " is not a power of two", align);
	if (!hvcma_fdt_tree_has(&c->tree, p->node, "alloc-ranges"))
		return;
	while (hvcma_check_range(c, p->node, "alloc-ranges", &i, &r))
		fits |= r.bytes >= bytes;
	if (!fits)
		hvcma_check_say(c, HVCMA_FDT_RESERVED, p->node, "no range of alloc-ranges has room for 0x%" PRIx64 " bytes",
				bytes);
}

static void check_pool(struct check *c, int node)
{
	int offset = c->tree.node[node].offset, i = 0;
	struct pool p = {
		.node = node,
		.shared = hvcma_fdt_is_compatible(c->tree.fdt, offset, "shared-dma-pool"),
		.restricted = hvcma_fdt_is_compatible(c->tree.fdt, offset, "restricted-dma-pool"),
		.reusable = hvcma_fdt_tree_has(&c->tree, node, "reusable"),
		.no_map = hvcma_fdt_tree_has(&c->tree, node, "no-map"),
		.cma_default = hvcma_fdt_tree_has(&c->tree, node, "linux,cma-default"),
		.dma_default = hvcma_fdt_tree_has(&c->tree, node, "linux,dma-default"),
	};
	struct hvcma_range r;

	check_flags(c, &p);
	if (!hvcma_fdt_tree_has(&c->tree, node, "reg"))
		check_dynamic(c, &p);
	while (hvcma_check_range(c, node, "reg", &i, &r)) {
		check_alignment(c, &p, &r);
		check_memory(c, &p, &r);
	}
}

static void check_container(struct check *c)
{
	struct hvcma_fdt_cells own = c->tree.node[c->reserved].cells, root = c->tree.node[0].cells;
	int len = -1;

	if (own.address != root.address || own.size != root.size)
		hvcma_check_say(c, HVCMA_FDT_CELLS, c->reserved, "%d address and %d size cells, but the root has %d and %d",
				own.address, own.size, root.address, root.size);
	if (!hvcma_fdt_tree_prop(&c->tree, c->reserved, "ranges", &len) || len)
		hvcma_check_say(c, HVCMA_FDT_RESERVED, c->reserved, "must have an empty ranges property");
}

void hvcma_check_pools(struct check *c)
{
	int cma_default = -1, dma_default = -1;

	if (c->reserved >= c->tree.nr)
		return;
	check_container(c);
	for (int node = c->reserved + 1; node < c->tree.nr; node++) {
		if (c->tree.node[node].parent != c->reserved)
			continue;
		check_pool(c, node);
		if (hvcma_fdt_tree_has(&c->tree, node, "linux,cma-default") && cma_default++ >= 0)
			hvcma_check_say(c, HVCMA_FDT_RESERVED, node, "a second linux,cma-default");
		if (hvcma_fdt_tree_has(&c->tree, node, "linux,dma-default") && dma_default++ >= 0)
			hvcma_check_say(c, HVCMA_FDT_RESERVED, node, "a second linux,dma-default");
	}
}
