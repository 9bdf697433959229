// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * What is wrong with memory and DMA in a device tree: the run, memory, cells. See
 * check.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/check_internal.h"

const char *hvcma_fdt_finding_name(enum hvcma_fdt_finding_kind kind)
{
#define NAME(name, text) text,
	static const char *const names[] = { HVCMA_FDT_FINDINGS(NAME) };

	return (unsigned int)kind < HVCMA_FDT_NR_FINDINGS ? names[kind] : "?";
}

/* ---- saying it ---- */

static void say(struct check *c, enum hvcma_fdt_finding_kind kind, int is_note, int node,
		const char *fmt, va_list args)
{
	char text[512], path[HVCMA_FDT_PATH_BYTES] = "/memreserve/";
	struct hvcma_fdt_finding finding = {
		.kind = kind, .is_note = is_note, .path = path, .text = text,
	};

	vsnprintf(text, sizeof(text), fmt, args);
	if (node >= 0)
		hvcma_fdt_tree_name(&c->tree, node, path);
	c->nr += !is_note;
	c->report(c->opaque, &finding);
}

void hvcma_check_say(struct check *c, enum hvcma_fdt_finding_kind kind, int node,
		     const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(c, kind, 0, node, fmt, args);
	va_end(args);
}

void hvcma_check_note(struct check *c, enum hvcma_fdt_finding_kind kind, int node,
		      const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(c, kind, 1, node, fmt, args);
	va_end(args);
}

/* ---- ranges ---- */

int hvcma_check_range(struct check *c, int node, const char *prop, int *i,
		      struct hvcma_range *range)
{
	struct hvcma_fdt_cells cells = c->tree.node[c->tree.node[node].parent].cells;
	int each = cells.address + cells.size, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, prop, &len);

	if (!p || cells.address < 1 || cells.address > HVCMA_FDT_MAX_CELLS || cells.size < 1 ||
	    cells.size > HVCMA_FDT_MAX_CELLS || *i >= len / (each * HVCMA_FDT_CELL_BYTES))
		return 0;
	p += (*i)++ * each;
	range->base = hvcma_fdt_get(p, cells.address);
	range->bytes = hvcma_fdt_get(p + cells.address, cells.size);
	return 1;
}

static void list_add(struct check *c, struct check_list *list, const struct check_range *range)
{
	if (list->nr == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		void *more = realloc(list->range, room * sizeof(*list->range));

		if (!more) {
			c->no_memory = 1;
			return;
		}
		list->range = more;
		list->room = room;
	}
	list->range[list->nr++] = *range;
}

static int by_base(const void *a, const void *b)
{
	const struct check_range *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->node - y->node;
}

static void list_sort(struct check *c, struct check_list *list)
{
	if (list->nr)
		qsort(list->range, list->nr, sizeof(*list->range), by_base);
	for (size_t i = 1; i < list->nr; i++) {
		const struct check_range *a = &list->range[i - 1], *b = &list->range[i];
		char other[HVCMA_FDT_PATH_BYTES] = "/memreserve/";

		if (b->base - a->base >= a->bytes)
			continue;
		if (a->node >= 0)
			hvcma_fdt_tree_name(&c->tree, a->node, other);
		hvcma_check_say(c, HVCMA_FDT_OVERLAP, b->node, "0x%" PRIx64 ", 0x%" PRIx64 " bytes, overlaps %s at 0x%"
				PRIx64, b->base, b->bytes, other, a->base);
	}
}

const struct check_range *hvcma_check_find(const struct check_list *list, uint64_t address)
{
	size_t low = 0, high = list->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->range[middle].base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - list->range[low - 1].base >= list->range[low - 1].bytes)
		return NULL;
	return &list->range[low - 1];
}

/* A range of memory or of reserved memory; what can't be one is said. */
static void take_range(struct check *c, struct check_list *list, int node,
		       const struct hvcma_range *range, int no_map)
{
	struct check_range r = { range->base, range->bytes, node, no_map };

	if (!r.bytes)
		hvcma_check_say(c, HVCMA_FDT_CELLS, node, "reg has an empty range at 0x%" PRIx64, r.base);
	else if (r.bytes - 1 > UINT64_MAX - r.base)
		hvcma_check_say(c, HVCMA_FDT_CELLS, node, "reg wraps: 0x%" PRIx64 ", 0x%" PRIx64 " bytes",
				r.base, r.bytes);
	else
		list_add(c, list, &r);
}

static int is_memory(struct check *c, int node)
{
	int len;
	const char *type = hvcma_fdt_tree_prop(&c->tree, node, "device_type", &len);

	return type && len == sizeof("memory") && !memcmp(type, "memory", sizeof("memory"));
}

static void collect(struct check *c)
{
	int nr_reserved = fdt_num_mem_rsv(c->tree.fdt);
	struct hvcma_range r;

	for (int node = 1; node < c->tree.nr; node++) {
		int parent = c->tree.node[node].parent, i = 0;

		if (parent == 0 && is_memory(c, node))
			while (hvcma_check_range(c, node, "reg", &i, &r))
				take_range(c, &c->memory, node, &r, 0);
		if (parent == c->reserved)
			while (hvcma_check_range(c, node, "reg", &i, &r))
				take_range(c, &c->pools, node, &r,
					   hvcma_fdt_tree_has(&c->tree, node, "no-map"));
	}
	for (int i = 0; i < nr_reserved; i++) {
		if (!fdt_get_mem_rsv(c->tree.fdt, i, &r.base, &r.bytes) && r.bytes)
			take_range(c, &c->pools, -1, &r, 0);
	}
	list_sort(c, &c->memory);
	list_sort(c, &c->pools);
}

/* ---- cells ---- */

static void check_reg(struct check *c, int node)
{
	struct hvcma_fdt_cells cells = c->tree.node[c->tree.node[node].parent].cells;
	int each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES, len;

	if (!hvcma_fdt_tree_prop(&c->tree, node, "reg", &len))
		return;
	if (!each || !len || len % each)
		hvcma_check_say(c, HVCMA_FDT_CELLS, node, "reg has %d bytes: the parent's %d address and %d size cells make %d each",
				len, cells.address, cells.size, each);
}

static void check_regs(struct check *c)
{
	for (int node = 1; node < c->tree.nr; node++)
		check_reg(c, node);
}

int hvcma_check_dma_bus(struct check *c, int node)
{
	int len;

	for (; node > 0; node = c->tree.node[node].parent)
		if (hvcma_fdt_tree_prop(&c->tree, node, "dma-ranges", &len) && len)
			return node;
	return -1;
}

/* ---- the run ---- */

static int is_power_of_2_or_0(uint64_t n)
{
	return !(n & (n - 1));
}

int hvcma_fdt_check(const void *fdt, const struct hvcma_fdt_policy *policy,
		    void (*report)(void *opaque, const struct hvcma_fdt_finding *finding),
		    void *opaque, unsigned int *nr, struct hvcma_fdt_error *err)
{
	struct check c = { .policy = policy, .report = report, .opaque = opaque };
	int ret;

	if (!is_power_of_2_or_0(policy->pageblock_bytes) ||
	    !is_power_of_2_or_0(policy->granule_bytes))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "pageblock %" PRIu64 " or granule %" PRIu64 " is not a power of two",
				      policy->pageblock_bytes, policy->granule_bytes);
	ret = hvcma_fdt_tree_init(&c.tree, fdt, err);
	if (ret)
		return ret;
	c.reserved = hvcma_fdt_tree_path(&c.tree, "/reserved-memory");
	if (c.reserved < 0)
		c.reserved = c.tree.nr;		/* parent of no node */
	hvcma_check_phandles(&c);
	check_regs(&c);
	collect(&c);
	hvcma_check_pools(&c);
	hvcma_check_windows(&c);
	free(c.pools.range);
	free(c.memory.range);
	hvcma_fdt_tree_fini(&c.tree);
	if (c.no_memory)
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for lists of ranges");
	*nr = c.nr;
	return 0;
}
