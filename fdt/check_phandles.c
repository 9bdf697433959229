// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * What nodes say of other nodes: phandles that two have or none has, and lists
 * and maps that are cut. See check.h.
 */
#include <string.h>

#include "fdt/check_internal.h"

/* Properties with phandles in them. */
struct reference {
	const char *prop;
	const char *cells;	/* of the target: how many cells follow; NULL: none */
	int must_say;		/* a target without it is wrong, else it stands for 0 */
	int map_cells;		/* a map: cells of an entry, the second is the phandle; 0: a list */
};

static const struct reference references[] = {
	{ "memory-region", NULL, 0, 0 },
	{ "interrupt-parent", NULL, 0, 0 },
	{ "msi-parent", "#msi-cells", 0, 0 },
	{ "iommus", "#iommu-cells", 1, 0 },
	{ "msi-map", NULL, 0, 4 },
	{ "iommu-map", NULL, 0, 4 },
};

static void check_twice(struct check *c)
{
	const struct hvcma_fdt_tree *t = &c->tree;

	for (int i = 1; i < t->nr_phandles; i++)
		if (t->node[t->by_phandle[i]].phandle == t->node[t->by_phandle[i - 1]].phandle)
			hvcma_check_say(c, HVCMA_FDT_PHANDLE, t->by_phandle[i], "phandle 0x%x is used twice",
					t->node[t->by_phandle[i]].phandle);
}

/* The node that is meant, -1 (said) if there is none. */
static int target_of(struct check *c, int node, const char *prop, uint32_t phandle)
{
	int target = hvcma_fdt_tree_phandle(&c->tree, phandle);

	if (target < 0)
		hvcma_check_say(c, HVCMA_FDT_PHANDLE, node, "%s refers to phandle 0x%x, which no node has",
				prop, phandle);
	else if (!strcmp(prop, "memory-region") && c->tree.node[target].parent != c->reserved)
		hvcma_check_say(c, HVCMA_FDT_PHANDLE, node, "%s refers to phandle 0x%x, which is not in /reserved-memory",
				prop, phandle);
	return target;
}

/* Cells that follow a phandle; -1 (said) if nobody knows. */
static int arguments_of(struct check *c, int node, const struct reference *r, int target)
{
	const fdt32_t *p = NULL;
	int len = 0;

	if (r->cells)
		p = hvcma_fdt_tree_prop(&c->tree, target, r->cells, &len);
	if (p && len == HVCMA_FDT_CELL_BYTES && fdt32_to_cpu(*p) <= INT16_MAX)
		return (int)fdt32_to_cpu(*p);
	if (!p && !r->must_say)
		return 0;
	hvcma_check_say(c, HVCMA_FDT_CELLS, node, "%s refers to phandle 0x%x, whose %s is missing or no number",
			r->prop, c->tree.node[target].phandle, r->cells);
	return -1;
}

static void check_list(struct check *c, int node, const struct reference *r,
		       const fdt32_t *p, int nr)
{
	for (int i = 0; i < nr; i++) {
		uint32_t phandle = fdt32_to_cpu(p[i]);
		int target, arguments;

		if (!phandle && r->cells)
			continue;	/* an entry left out */
		target = target_of(c, node, r->prop, phandle);
		if (target < 0 && r->cells)
			return;		/* where the next one begins is not known */
		if (target < 0)
			continue;
		arguments = arguments_of(c, node, r, target);
		if (arguments < 0)
			return;
		if (arguments >= nr - i)
			hvcma_check_say(c, HVCMA_FDT_CELLS, node, "%s ends within the %d cells that follow phandle 0x%x",
					r->prop, arguments, phandle);
		i += arguments;
	}
}

static void check_reference(struct check *c, int node, const struct reference *r)
{
	int each = r->map_cells ? r->map_cells : 1, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, r->prop, &len);

	if (!p)
		return;
	if (!len || len % (each * HVCMA_FDT_CELL_BYTES)) {
		hvcma_check_say(c, HVCMA_FDT_CELLS, node, "%s has %d bytes: no %s of phandles, %d bytes each",
				r->prop, len, r->map_cells ? "map" : "list", each * HVCMA_FDT_CELL_BYTES);
		return;
	}
	if (!r->map_cells)
		check_list(c, node, r, p, len / HVCMA_FDT_CELL_BYTES);
	for (int i = 1; r->map_cells && i < len / HVCMA_FDT_CELL_BYTES; i += each)
		target_of(c, node, r->prop, fdt32_to_cpu(p[i]));
}

void hvcma_check_phandles(struct check *c)
{
	check_twice(c);
	for (int node = 1; node < c->tree.nr; node++)
		for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++)
			check_reference(c, node, &references[i]);
}
