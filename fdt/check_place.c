// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Pools that the kernel places ("size" without "reg"): are they well-formed, and is
 * there room for all of them? As __reserved_mem_alloc_size() of Linux: one after the
 * other, in the order of the tree, from the top of free memory down. See check.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/check_internal.h"

/* Linux gives nobody its first page (memblock_find_in_range_node()). */
#define FIRST_BYTES	4096

struct wish {
	int node;
	uint64_t bytes, align_bytes;
};

/* ---- free memory ---- */

/* Memory, neighbours joined, without what has its place. */
static void find_free(struct check *c, struct check_list *free_list)
{
	size_t pool = 0;

	for (size_t i = 0; i < c->memory.nr; i++) {
		uint64_t at = c->memory.range[i].base;
		uint64_t last = at + (c->memory.range[i].bytes - 1);

		for (; i + 1 < c->memory.nr && c->memory.range[i + 1].base - 1 <= last; i++)
			if (c->memory.range[i + 1].base + (c->memory.range[i + 1].bytes - 1) > last)
				last = c->memory.range[i + 1].base + (c->memory.range[i + 1].bytes - 1);
		for (; pool < c->pools.nr && c->pools.range[pool].base <= last; pool++) {
			const struct check_range *p = &c->pools.range[pool];
			uint64_t end = p->base + (p->bytes - 1);

			if (p->base > at)
				hvcma_check_list_add(c, free_list,
						     &(struct check_range){ at, p->base - at, -1, 0 });
			if (end >= last)
				break;		/* it may reach into the next piece of memory */
			if (end >= at)
				at = end + 1;
		}
		if (pool == c->pools.nr || c->pools.range[pool].base > last)
			hvcma_check_list_add(c, free_list, &(struct check_range){ at, last - at + 1, -1, 0 });
	}
}

/* The highest place between @base and @last; false: there is none. */
static bool find_place(const struct check_list *free_list, const struct wish *w, uint64_t base,
		       uint64_t last, size_t *index, uint64_t *place)
{
	for (size_t i = free_list->nr; i--;) {
		const struct check_range *f = &free_list->range[i];
		uint64_t low = f->base > base ? f->base : base;
		uint64_t high = f->base + (f->bytes - 1);

		if (!f->bytes)
			continue;
		if (low < FIRST_BYTES)
			low = FIRST_BYTES;
		if (high > last)
			high = last;
		if (high < low || high - low < w->bytes - 1)
			continue;
		*place = (high - (w->bytes - 1)) & ~(w->align_bytes - 1);
		if (*place < low)
			continue;
		*index = i;
		return true;
	}
	return false;
}

static void take_place(struct check *c, struct check_list *free_list, const struct wish *w,
		       size_t index, uint64_t place)
{
	struct check_range f = free_list->range[index];
	struct check_range after = { place + w->bytes, f.base + f.bytes - (place + w->bytes), -1, 0 };
	size_t nr = free_list->nr;

	free_list->range[index].bytes = place - f.base;
	if (!after.bytes)
		return;
	hvcma_check_list_add(c, free_list, &after);	/* for the room of one more */
	if (free_list->nr == nr)
		return;
	memmove(&free_list->range[index + 2], &free_list->range[index + 1],
		(nr - index - 1) * sizeof(after));
	free_list->range[index + 1] = after;
}

/* ---- one pool ---- */

/* What Linux asks of the properties; false (said) if it drops the pool. */
static bool read_wish(struct check *c, int node, struct wish *w)
{
	struct hvcma_fdt_cells cells = c->tree.node[c->reserved].cells;
	int each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES, len;

	*w = (struct wish){ .node = node };
	if (!hvcma_check_number(c, node, "size", cells.size, &w->bytes) || !w->bytes)
		hvcma_check_say(c, HVCMA_FDT_POOL_LENGTH, node, "size is 0 or has not the cells of /reserved-memory, %d",
				cells.size);
	if (hvcma_fdt_tree_prop(&c->tree, node, "alignment", &len) &&
	    !hvcma_check_number(c, node, "alignment", cells.address, &w->align_bytes)) {
		hvcma_check_say(c, HVCMA_FDT_POOL_LENGTH, node, "alignment has %d bytes, not those of %d address cells: Linux drops the pool",
				len, cells.address);
		return false;
	}
	if (w->align_bytes & (w->align_bytes - 1)) {
		hvcma_check_say(c, HVCMA_FDT_POOL_ALIGNMENT, node, "alignment 0x%" PRIx64 " is not a power of two",
				w->align_bytes);
		return false;
	}
	if (hvcma_fdt_tree_prop(&c->tree, node, "alloc-ranges", &len) && (!each || !len || len % each)) {
		hvcma_check_say(c, HVCMA_FDT_POOL_LENGTH, node, "alloc-ranges has %d bytes, %d make a range: Linux drops the pool",
				len, each);
		return false;
	}
	return w->bytes != 0;
}

/* Linux' CMA takes whole pageblocks only, and asks for their alignment itself. */
static void check_pageblocks(struct check *c, struct wish *w)
{
	uint64_t pageblock = hvcma_check_pageblock_bytes(c);
	struct check_pool p = hvcma_check_pool(c, w->node);

	if (!w->align_bytes)
		w->align_bytes = 1;
	if (!p.shared || !p.reusable || p.no_map)
		return;
	if (w->bytes & (pageblock - 1))
		hvcma_check_say(c, HVCMA_FDT_POOL_ALIGNMENT, w->node, "size 0x%" PRIx64
				": Linux' CMA wants whole pageblocks of 0x%" PRIx64, w->bytes, pageblock);
	if (w->align_bytes < pageblock)
		w->align_bytes = pageblock;
}

static bool has_memory(const struct check *c, uint64_t base, uint64_t last)
{
	for (size_t i = 0; i < c->memory.nr; i++) {
		const struct check_range *m = &c->memory.range[i];

		if (m->base <= last && base <= m->base + (m->bytes - 1))
			return true;
	}
	return false;
}

static void place(struct check *c, struct check_list *free_list, const struct wish *w)
{
	bool is_long_enough = false, has_any = false;
	struct hvcma_range r = { 0, UINT64_MAX };
	bool limited = hvcma_fdt_tree_has(&c->tree, w->node, "alloc-ranges");
	uint64_t base;
	size_t index;

	for (int i = 0; limited ? hvcma_check_range(c, w->node, "alloc-ranges", &i, &r) : !i++;) {
		uint64_t last = r.bytes - 1 > UINT64_MAX - r.base ? UINT64_MAX : r.base + (r.bytes - 1);

		if (r.bytes < w->bytes)
			continue;
		is_long_enough = true;
		if (!c->memory_known)
			continue;
		has_any |= has_memory(c, r.base, last);
		if (!find_place(free_list, w, r.base, last, &index, &base))
			continue;
		take_place(c, free_list, w, index, base);
		if (limited)
			return;
		hvcma_check_list_add(c, &c->placed, &(struct check_range){ base, w->bytes, w->node, 0 });
		hvcma_check_zones(c, w->node, &(struct hvcma_range){ base, w->bytes });
		return;
	}
	if (!is_long_enough)
		hvcma_check_say(c, HVCMA_FDT_POOL_NO_ROOM, w->node, "no range of alloc-ranges has room for 0x%" PRIx64 " bytes",
				w->bytes);
	else if (c->memory_known)
		hvcma_check_say(c, HVCMA_FDT_POOL_NO_ROOM, w->node, "no room for 0x%" PRIx64 " bytes%s: %s", w->bytes,
				limited ? " in alloc-ranges" : "",
				has_any ? "what is reserved before leaves no such piece of memory" :
					  "there is no memory");
}

/* The kernel itself is in memory, too. */
static void check_rest(struct check *c, const struct check_list *free_list)
{
	for (size_t i = 0; i < free_list->nr; i++)
		if (free_list->range[i].bytes)
			return;
	hvcma_check_say(c, HVCMA_FDT_POOL_NO_ROOM, c->reserved, "what is in it leaves no memory for the kernel");
}

void hvcma_check_places(struct check *c)
{
	struct check_list free_list = { 0 };

	find_free(c, &free_list);
	for (int node = c->reserved + 1; node < c->tree.nr; node++) {
		struct wish w;

		if (c->tree.node[node].parent != c->reserved || !c->tree.node[node].is_enabled ||
		    hvcma_fdt_tree_has(&c->tree, node, "reg"))
			continue;
		if (!hvcma_fdt_tree_has(&c->tree, node, "size")) {
			/* such a node reserves addresses behind an IOMMU, no memory */
			if (!hvcma_fdt_tree_has(&c->tree, node, "iommu-addresses"))
				hvcma_check_say(c, HVCMA_FDT_POOL_NO_PLACE, node, "has neither reg nor size: Linux reserves nothing");
			continue;
		}
		if (!read_wish(c, node, &w))
			continue;
		check_pageblocks(c, &w);
		place(c, &free_list, &w);
	}
	if (c->memory_known && c->memory.nr && c->reserved < c->tree.nr)
		check_rest(c, &free_list);
	free(free_list.range);
}
