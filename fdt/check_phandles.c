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
};

static const struct reference references[] = {
	{ "memory-region", NULL, 0 },
	{ "interrupt-parent", NULL, 0 },
	{ "interrupts-extended", "#interrupt-cells", 1 },
	{ "msi-parent", "#msi-cells", 0 },
	{ "iommus", "#iommu-cells", 1 },
};

/* Overlays leave open what is in the tree they are for. */
#define OPEN_PHANDLE	UINT32_MAX

static void check_twice(struct check *c)
{
	const struct hvcma_fdt_tree *t = &c->tree;

	for (int i = 1; i < t->nr_phandles; i++)
		if (t->node[t->by_phandle[i]].phandle == t->node[t->by_phandle[i - 1]].phandle)
			hvcma_check_say(c, HVCMA_FDT_PHANDLE_TWICE, t->by_phandle[i], "phandle 0x%x is used twice",
					t->node[t->by_phandle[i]].phandle);
}

/* The node that is meant, -1 (said) if there is none; an overlay may mean one of the tree it is for. */
static int target_of(struct check *c, int node, const char *prop, uint32_t phandle)
{
	int target = hvcma_fdt_tree_phandle(&c->tree, phandle);

	if (target < 0 && c->is_overlay)
		return target;
	if (target < 0)
		hvcma_check_say(c, HVCMA_FDT_PHANDLE_OPEN, node, "%s refers to phandle 0x%x, which no node has",
				prop, phandle);
	else if (!strcmp(prop, "memory-region") && c->tree.node[target].parent != c->reserved && !c->is_overlay)
		hvcma_check_say(c, HVCMA_FDT_PHANDLE_TARGET, node, "%s refers to phandle 0x%x, which is not in /reserved-memory",
				prop, phandle);
	return target;
}

/* A number in one cell, -1: there is none. */
static int number_of(struct check *c, int node, const char *prop)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, prop, &len);

	return p && len == HVCMA_FDT_CELL_BYTES && fdt32_to_cpu(*p) <= INT16_MAX ?
	       (int)fdt32_to_cpu(*p) : -1;
}

/* Cells that follow a phandle; -1 (said) if nobody knows. */
static int arguments_of(struct check *c, int node, const struct reference *r, int target)
{
	int nr;

	if (!r->cells || (!r->must_say && !hvcma_fdt_tree_has(&c->tree, target, r->cells)))
		return 0;
	nr = number_of(c, target, r->cells);
	if (nr < 0)
		hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "%s refers to phandle 0x%x, whose %s is missing or no number",
				r->prop, c->tree.node[target].phandle, r->cells);
	return nr;
}

static void check_list(struct check *c, int node, const struct reference *r)
{
	int len, nr;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, r->prop, &len);

	if (!p)
		return;
	nr = len / HVCMA_FDT_CELL_BYTES;
	if (!len || len % HVCMA_FDT_CELL_BYTES) {
		hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "%s has %d bytes: no list of phandles, %d bytes each",
				r->prop, len, HVCMA_FDT_CELL_BYTES);
		return;
	}
	for (int i = 0; i < nr; i++) {
		uint32_t phandle = fdt32_to_cpu(p[i]);
		int target, arguments;

		if (!phandle && r->cells)
			continue;	/* an entry left out */
		if (phandle == OPEN_PHANDLE && c->is_overlay)
			return;
		target = target_of(c, node, r->prop, phandle);
		if (target < 0 && r->cells)
			return;		/* where the next one begins is not known */
		if (target < 0)
			continue;
		arguments = arguments_of(c, node, r, target);
		if (arguments < 0)
			return;
		if (arguments >= nr - i)
			hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "%s ends within the %d cells that follow phandle 0x%x",
					r->prop, arguments, phandle);
		i += arguments;
	}
}

/*
 * Of reserved memory: a device, and an address and a size as on the bus that its DMA goes to
 * (of_translate_dma_region() of Linux).
 */
static void check_iommu_addresses(struct check *c, int node)
{
	static const char prop[] = "iommu-addresses";
	int len, nr;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, prop, &len);

	if (!p || c->is_overlay)
		return;
	nr = len / HVCMA_FDT_CELL_BYTES;
	for (int i = 0; i < nr;) {
		int target = target_of(c, node, prop, fdt32_to_cpu(p[i])), bus;

		if (target < 0)
			return;
		bus = hvcma_fdt_dma_parent(&c->dma, target);
		if (bus < 0)
			return;
		i += 1 + c->tree.node[bus].cells.address + c->tree.node[bus].cells.size;
		if (i > nr)
			hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "%s has %d bytes: its last entry is cut", prop, len);
	}
}

/* ---- maps of requester ids ---- */

/*
 * Entries of id, phandle, the target's cells and a length. Where that does not come
 * out even, entries of four cells, whatever the target says: so it was read before
 * Linux 7.2, and so many trees are.
 */
static bool ids_come_out(struct check *c, const fdt32_t *p, int nr, const char *cells, int fixed)
{
	int i = 0;

	while (i + 3 <= nr) {
		int target = hvcma_fdt_tree_phandle(&c->tree, fdt32_to_cpu(p[i + 1])), arguments = fixed;

		if (arguments < 0 && target >= 0)
			arguments = number_of(c, target, cells);
		if (arguments < 0)
			arguments = 1;
		i += 3 + arguments;
	}
	return nr && i == nr;
}

static void check_id_map(struct check *c, int node, const char *prop, const char *cells)
{
	int len, nr, fixed = -1;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, prop, &len);

	if (!p)
		return;
	nr = len / HVCMA_FDT_CELL_BYTES;
	if (!ids_come_out(c, p, nr, cells, fixed))
		fixed = 1;
	if (len % HVCMA_FDT_CELL_BYTES || !ids_come_out(c, p, nr, cells, fixed)) {
		hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "%s has %d bytes: no map of ids, phandles, their %s and lengths",
				prop, len, cells);
		return;
	}
	for (int i = 0; i < nr;) {
		uint32_t phandle = fdt32_to_cpu(p[i + 1]);
		int target, arguments = fixed;

		if (phandle == OPEN_PHANDLE && c->is_overlay)
			return;
		target = target_of(c, node, prop, phandle);
		if (arguments < 0 && target >= 0)
			arguments = number_of(c, target, cells);
		i += 3 + (arguments < 0 ? 1 : arguments);
	}
}

/* ---- interrupt-map ---- */

/*
 * Entries of a child's address and interrupt, a phandle, and an address and an
 * interrupt of the parent it names (devicetree specification 2.4.4).
 */
static bool is_read_by_its_driver(struct check *c, int node)
{
	/* of_irq_imap_abusers of Linux: in a form of their own */
	static const char *const compatibles[] = {
		"CBEA,platform-spider-pic", "sti,platform-spider-pic", "realtek,rtl-intc",
		"fsl,ls1021a-extirq", "fsl,ls1043a-extirq", "fsl,ls1088a-extirq", "renesas,rza1-irqc",
	};

	for (size_t i = 0; i < sizeof(compatibles) / sizeof(*compatibles); i++)
		if (hvcma_fdt_is_compatible(c->tree.fdt, c->tree.node[node].offset, compatibles[i]))
			return true;
	return false;
}

static void check_interrupt_map(struct check *c, int node)
{
	int len, nr, own;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, "interrupt-map", &len);

	if (!p || is_read_by_its_driver(c, node))
		return;
	nr = len / HVCMA_FDT_CELL_BYTES;
	own = number_of(c, node, "#interrupt-cells");
	if (own < 0) {
		hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "interrupt-map, but #interrupt-cells is missing or no number");
		return;
	}
	own += c->tree.node[node].cells.address;
	for (int i = 0; i < nr;) {
		uint32_t phandle = own < nr - i ? fdt32_to_cpu(p[i + own]) : 0;
		int target, address, interrupt;

		if (phandle == OPEN_PHANDLE && c->is_overlay)
			return;
		target = own < nr - i ? target_of(c, node, "interrupt-map", phandle) : -1;
		if (target < 0 && own < nr - i)
			return;
		address = target < 0 ? 0 : number_of(c, target, "#address-cells");
		interrupt = target < 0 ? 0 : number_of(c, target, "#interrupt-cells");
		if (target >= 0 && interrupt < 0) {
			hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "interrupt-map refers to phandle 0x%x, whose #interrupt-cells is missing or no number",
					phandle);
			return;
		}
		i += own + 1 + (address < 0 ? 0 : address) + interrupt;
		if (i > nr)
			hvcma_check_say(c, HVCMA_FDT_LIST_LENGTH, node, "interrupt-map has %d bytes: its last entry is cut",
					len);
	}
}

void hvcma_check_phandles(struct check *c)
{
	check_twice(c);
	for (int node = 1; node < c->tree.nr; node++) {
		if (!c->tree.node[node].is_available || c->tree.node[node].is_meta)
			continue;
		for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++)
			check_list(c, node, &references[i]);
		check_iommu_addresses(c, node);
		check_id_map(c, node, "msi-map", "#msi-cells");
		check_id_map(c, node, "iommu-map", "#iommu-cells");
		check_interrupt_map(c, node);
	}
}
