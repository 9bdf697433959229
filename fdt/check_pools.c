// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Reserved memory, each node by itself: what the bindings ask and what Linux makes
 * of it (drivers/of/of_reserved_mem.c, kernel/dma/contiguous.c, coherent.c and
 * swiotlb.c). See check.h.
 */
#include <inttypes.h>
#include <string.h>

#include "fdt/check_internal.h"

#define DEFAULT_PAGEBLOCK_BYTES	(UINT64_C(2) << 20)

/* Linux up to 6.12 (MAX_RESERVED_REGIONS); late updates of 6.12 have room for all with "reg" */
#define MAX_RESERVED		64

struct check_pool hvcma_check_pool(struct check *c, int node)
{
	int offset = c->tree.node[node].offset;

	return (struct check_pool){
		.node = node,
		.shared = hvcma_fdt_is_compatible(c->tree.fdt, offset, "shared-dma-pool"),
		.restricted = hvcma_fdt_is_compatible(c->tree.fdt, offset, "restricted-dma-pool"),
		.reusable = hvcma_fdt_tree_has(&c->tree, node, "reusable"),
		.no_map = hvcma_fdt_tree_has(&c->tree, node, "no-map"),
		.cma_default = hvcma_fdt_tree_has(&c->tree, node, "linux,cma-default"),
		.dma_default = hvcma_fdt_tree_has(&c->tree, node, "linux,dma-default"),
	};
}

bool hvcma_check_number(struct check *c, int node, const char *prop, int cells, uint64_t *value)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, prop, &len);

	if (!p || len != cells * HVCMA_FDT_CELL_BYTES || cells < 1 || cells > HVCMA_FDT_MAX_CELLS)
		return false;
	*value = hvcma_fdt_get(p, cells);
	return true;
}

uint64_t hvcma_check_pageblock_bytes(const struct check *c)
{
	return c->policy->pageblock_bytes ? c->policy->pageblock_bytes : DEFAULT_PAGEBLOCK_BYTES;
}

static uint64_t granule_of(struct check *c, int node)
{
	uint64_t bytes = 0;

	if (c->policy->granule_bytes)
		return c->policy->granule_bytes;
	hvcma_check_number(c, node, "hvcma,granule-bytes", 1, &bytes);
	return bytes;
}

static void check_flags(struct check *c, const struct check_pool *p)
{
	if (p->reusable && p->no_map)
		hvcma_check_say(c, HVCMA_FDT_POOL_FLAGS, p->node, "reusable and no-map contradict each other");
	if (p->restricted && (p->reusable || p->no_map || p->cma_default || p->dma_default))
		hvcma_check_say(c, HVCMA_FDT_POOL_FLAGS, p->node, "a restricted-dma-pool can't be %s",
				p->reusable ? "reusable" : p->no_map ? "no-map" : "a default");
	else if (p->cma_default && !(p->shared && p->reusable))
		hvcma_check_say(c, HVCMA_FDT_POOL_FLAGS, p->node, "linux,cma-default needs a reusable shared-dma-pool");
	else if (p->dma_default && !(p->shared && p->no_map))
		hvcma_check_say(c, HVCMA_FDT_POOL_FLAGS, p->node, "linux,dma-default needs a shared-dma-pool with no-map");
	if (p->shared && !p->reusable && !p->no_map)
		hvcma_check_say(c, HVCMA_FDT_POOL_UNMARKED, p->node,
				"is neither reusable nor no-map: coherent memory on arm64, refused by 32-bit Arm");
}

static void check_alignment(struct check *c, const struct check_pool *p,
			    const struct hvcma_range *r)
{
	uint64_t pageblock = hvcma_check_pageblock_bytes(c);
	uint64_t granule = granule_of(c, p->node);

	if (p->shared && p->reusable && (r->base | r->bytes) & (pageblock - 1))
		hvcma_check_say(c, HVCMA_FDT_POOL_ALIGNMENT, p->node, "0x%" PRIx64 ", 0x%" PRIx64
				" bytes: Linux' CMA wants whole pageblocks of 0x%" PRIx64, r->base, r->bytes,
				pageblock);
	if ((p->shared || p->restricted) && granule && (r->base | r->bytes) & (granule - 1))
		hvcma_check_say(c, HVCMA_FDT_POOL_GRANULES, p->node, "0x%" PRIx64 ", 0x%" PRIx64
				" bytes, is not whole granules of 0x%" PRIx64 ": what shares them is pinned, too",
				r->base, r->bytes, granule);
}

/* Boot loaders know of more memory than a tree, if it goes on where that ends. */
static bool is_above_memory(const struct check *c, uint64_t address)
{
	const struct check_range *last = c->memory.nr ? &c->memory.range[c->memory.nr - 1] : NULL;

	return last && address > last->base + (last->bytes - 1);
}

/*
 * Linux' CMA and bounce buffers are ordinary memory; no-map may be anything. Bounce
 * buffers are where firmware wants them, which knows the board's memory.
 */
static void check_has_memory(struct check *c, const struct check_pool *p,
			     const struct hvcma_range *r)
{
	uint64_t at = r->base, left = r->bytes;

	if (!c->memory_known || (!p->reusable && !p->restricted))
		return;
	while (left) {
		const struct check_range *m = hvcma_check_find(&c->memory, at);
		uint64_t here;

		if (!m && p->restricted && is_above_memory(c, at)) {
			hvcma_check_say(c, HVCMA_FDT_POOL_ABOVE_MEMORY, p->node, "0x%" PRIx64 ", 0x%" PRIx64
					" bytes: the tree's memory ends below 0x%" PRIx64
					": the boot loader would have to say more", r->base, r->bytes, at);
			return;
		}
		if (!m) {
			hvcma_check_say(c, HVCMA_FDT_POOL_NO_MEMORY, p->node, "0x%" PRIx64 ", 0x%" PRIx64
					" bytes: no memory at 0x%" PRIx64, r->base, r->bytes, at);
			return;
		}
		here = m->bytes - (at - m->base);
		if (here >= left)
			return;
		at += here;
		left -= here;
	}
}

static uint64_t numa_node_of(struct check *c, const struct check_range *memory)
{
	uint64_t id = 0;

	hvcma_check_number(c, memory->node, "numa-node-id", 1, &id);
	return id;
}

/* Zones end at 4 GiB, where addresses of 32 bits do, and each NUMA node has its own. */
void hvcma_check_zones(struct check *c, int node, const struct hvcma_range *r)
{
	struct check_pool p = hvcma_check_pool(c, node);
	const struct check_range *first = hvcma_check_find(&c->memory, r->base);
	uint64_t last = r->base + (r->bytes - 1);
	const struct check_range *m = hvcma_check_find(&c->memory, last);

	if (!p.shared || !p.reusable || p.no_map || !r->bytes || last < r->base)
		return;
	if (p.cma_default && r->base > UINT32_MAX)
		hvcma_check_say(c, HVCMA_FDT_POOL_HIGH, node, "the default pool, at 0x%" PRIx64
				", is above 4 GiB: devices with addresses of 32 bits get nothing from it where no dma-ranges translate",
				r->base);
	if (r->base <= UINT32_MAX && last > UINT32_MAX)
		hvcma_check_say(c, HVCMA_FDT_POOL_ZONES, node, "0x%" PRIx64 ", 0x%" PRIx64
				" bytes, lies below and above 4 GiB: Linux' CMA wants it in one zone of memory",
				r->base, r->bytes);
	else if (first && m && numa_node_of(c, first) != numa_node_of(c, m))
		hvcma_check_say(c, HVCMA_FDT_POOL_ZONES, node, "0x%" PRIx64 ", 0x%" PRIx64
				" bytes, lies in memory of two NUMA nodes: Linux' CMA wants it in one",
				r->base, r->bytes);
}

static void check_pool(struct check *c, int node)
{
	struct check_pool p = hvcma_check_pool(c, node);
	struct hvcma_range r;
	int i = 0;

	check_flags(c, &p);
	while (hvcma_check_range(c, node, "reg", &i, &r)) {
		check_alignment(c, &p, &r);
		check_has_memory(c, &p, &r);
		hvcma_check_zones(c, node, &r);
	}
	if (i > 1 && (p.shared || p.restricted))
		hvcma_check_say(c, HVCMA_FDT_POOL_RANGES, node, "reg has %d ranges: Linux makes a pool of the first, and keeps the others from use", i);
}

/* ---- all of them ---- */

/* Is "cma=" among the words of the kernel's command line? */
static bool has_cma_option(struct check *c)
{
	int chosen = hvcma_fdt_tree_path(&c->tree, "/chosen"), len;
	const char *args = chosen < 0 ? NULL : hvcma_fdt_tree_prop(&c->tree, chosen, "bootargs", &len);

	for (int i = 0; args && i + 4 <= len; i++)
		if ((!i || strchr(" \t\n", args[i - 1])) && !memcmp(args + i, "cma=", 4))
			return true;
	return false;
}

/* Pools that Linux does not look for: it reads the children of /reserved-memory and no others. */
static void check_elsewhere(struct check *c)
{
	for (int node = 1; node < c->tree.nr; node++) {
		struct check_pool p;

		if (c->tree.node[node].parent == c->reserved || !c->tree.node[node].is_available ||
		    !hvcma_fdt_tree_has(&c->tree, node, "compatible"))
			continue;
		p = hvcma_check_pool(c, node);
		if (p.shared || p.restricted)
			hvcma_check_say(c, HVCMA_FDT_POOL_ELSEWHERE, node, "a pool that is not in /reserved-memory: Linux does not make it");
	}
}

void hvcma_check_pools(struct check *c)
{
	int nr = 0, nr_cma = 0, nr_dma = 0;

	c->is_bypassed = has_cma_option(c);
	if (!c->is_overlay)
		check_elsewhere(c);
	for (int node = c->reserved + 1; node < c->tree.nr; node++) {
		if (c->tree.node[node].parent != c->reserved || !c->tree.node[node].is_enabled)
			continue;
		nr++;
		check_pool(c, node);
		if (hvcma_fdt_tree_has(&c->tree, node, "linux,cma-default")) {
			if (nr_cma++)
				hvcma_check_say(c, HVCMA_FDT_POOL_DEFAULTS, node, "a second linux,cma-default");
			if (c->is_bypassed)
				hvcma_check_say(c, HVCMA_FDT_POOL_BYPASSED, node, "cma= in /chosen/bootargs takes its place: Linux passes over this node");
		}
		if (hvcma_fdt_tree_has(&c->tree, node, "linux,dma-default") && nr_dma++)
			hvcma_check_say(c, HVCMA_FDT_POOL_DEFAULTS, node, "a second linux,dma-default");
	}
	if (nr > MAX_RESERVED)
		hvcma_check_say(c, HVCMA_FDT_RESERVED_MANY, c->reserved, "%d nodes: Linux up to early 6.12 has room for %d, it drops the others",
				nr, MAX_RESERVED);
}
