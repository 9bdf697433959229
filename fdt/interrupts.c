// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * The interrupt tree. See interrupts.h.
 */
#include "fdt/interrupts.h"

/* Far more than any binding has; so that sums of them are far from overflow. */
#define MAX_CELLS	255

/* A property that is a list of cells; one that is cut is none. */
struct list {
	const fdt32_t *p;
	int nr;
};

static struct list cells_of(const struct hvcma_fdt_tree *t, int node, const char *name)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(t, node, name, &len);

	return p && len % HVCMA_FDT_CELL_BYTES == 0 ?
		(struct list){ p, len / HVCMA_FDT_CELL_BYTES } : (struct list){ NULL, 0 };
}

/* A count in one cell; -1: it has none, or none that can be. */
static int count(const struct hvcma_fdt_tree *t, int node, const char *name)
{
	struct list l = cells_of(t, node, name);

	return l.nr == 1 && fdt32_to_cpu(*l.p) <= MAX_CELLS ? (int)fdt32_to_cpu(*l.p) : -1;
}

static int find_parent(const struct hvcma_fdt_tree *t, int node)
{
	int steps = 0;

	do {
		struct list parent = cells_of(t, node, "interrupt-parent");

		node = parent.nr ? hvcma_fdt_tree_phandle(t, fdt32_to_cpu(*parent.p)) :
				   t->node[node].parent;
	} while (node >= 0 && !hvcma_fdt_tree_has(t, node, "#interrupt-cells") && steps++ < t->nr);
	return steps > t->nr ? -1 : node;
}

/* Cells of addresses in a map of @node: its own, or of the nearest above that has some. */
static int nr_address_cells(const struct hvcma_fdt_tree *t, int node)
{
	while (node > 0 && !hvcma_fdt_tree_has(t, node, "#address-cells"))
		node = t->node[node].parent;
	return t->node[node].cells.address;
}

/* Where an interrupt is on its way: at a node, with the address it came from and its cells. */
struct place {
	int node;
	struct list address, irq;
};

static bool matches(const struct place *at, const fdt32_t *entry, struct list mask)
{
	for (int i = 0; i < at->address.nr + at->irq.nr; i++) {
		fdt32_t cell = i < at->address.nr ? at->address.p[i] :
						    at->irq.p[i - at->address.nr];

		if ((cell ^ entry[i]) & (mask.p ? mask.p[i] : ~(fdt32_t)0))
			return false;
	}
	return true;
}

/* Through the map of a nexus; false: it leads nowhere. */
static bool pass_nexus(const struct hvcma_fdt_tree *t, struct place *at)
{
	struct list map = cells_of(t, at->node, "interrupt-map");
	struct list mask = cells_of(t, at->node, "interrupt-map-mask");
	int key = at->address.nr + at->irq.nr;

	if (!map.p || (hvcma_fdt_tree_has(t, at->node, "interrupt-map-mask") && mask.nr < key))
		return false;
	while (map.nr > key) {
		bool is_it = matches(at, map.p, mask);
		int to = hvcma_fdt_tree_phandle(t, fdt32_to_cpu(map.p[key]));
		int irq = to < 0 ? -1 : count(t, to, "#interrupt-cells");
		int address = to < 0 ? -1 : count(t, to, "#address-cells");

		if (irq < 0)
			return false;
		if (address < 0)
			address = 0;
		map.p += key + 1;
		map.nr -= key + 1;
		if (map.nr < address + irq)
			return false;
		if (is_it) {
			*at = (struct place){ to, { map.p, address }, { map.p + address, irq } };
			return true;
		}
		map.p += address + irq;
		map.nr -= address + irq;
	}
	return false;
}

/* To the controller. */
static int follow(const struct hvcma_fdt_tree *t, int device, struct place at,
		  struct hvcma_fdt_interrupt *irq, struct hvcma_fdt_error *err)
{
	char from[HVCMA_FDT_PATH_BYTES], last[HVCMA_FDT_PATH_BYTES];
	int here = at.node;

	at.address.nr = nr_address_cells(t, at.node);
	for (int steps = 0; at.node >= 0 && steps <= t->nr; steps++) {
		here = at.node;
		if (hvcma_fdt_tree_has(t, at.node, "interrupt-controller")) {
			*irq = (struct hvcma_fdt_interrupt){ at.node, at.irq.p, at.irq.nr };
			return 0;
		}
		if (!hvcma_fdt_tree_has(t, at.node, "interrupt-map")) {
			at.node = find_parent(t, at.node);
			continue;
		}
		if (!at.address.p && at.address.nr)	/* the device's own */
			at.address.p = cells_of(t, device, "reg").nr >= at.address.nr ?
				cells_of(t, device, "reg").p : NULL;
		if ((at.address.nr && !at.address.p) || !pass_nexus(t, &at))
			break;
	}
	hvcma_fdt_tree_name(t, device, from);
	hvcma_fdt_tree_name(t, here, last);
	return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "an interrupt of '%.120s' leads to no interrupt controller: its way ends at '%.120s'",
			      from, last);
}

static int malformed(const struct hvcma_fdt_tree *t, int device, const char *name,
		     struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];

	hvcma_fdt_tree_name(t, device, path);
	return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s of '%.200s' is malformed, or refers to a node that is missing or does not say how many cells follow",
			      name, path);
}

int hvcma_fdt_interrupt(const struct hvcma_fdt_tree *t, int device, int i,
			struct hvcma_fdt_interrupt *irq, struct hvcma_fdt_error *err)
{
	bool is_extended = hvcma_fdt_tree_has(t, device, "interrupts-extended");
	const char *name = is_extended ? "interrupts-extended" : "interrupts";
	struct list l = cells_of(t, device, name);
	int parent = -1, each;

	if (!hvcma_fdt_tree_has(t, device, name) || (l.p && !l.nr))
		return -FDT_ERR_NOTFOUND;
	if (!is_extended)
		parent = find_parent(t, device);
	if (!l.p || (!is_extended && parent < 0))
		return malformed(t, device, name, err);
	for (;; i--) {
		if (is_extended) {
			parent = hvcma_fdt_tree_phandle(t, fdt32_to_cpu(*l.p++));
			l.nr--;
		}
		each = parent < 0 ? -1 : count(t, parent, "#interrupt-cells");
		if (each < (is_extended ? 0 : 1) || l.nr < each)
			return malformed(t, device, name, err);
		if (!i)
			break;
		l.p += each;
		l.nr -= each;
		if (!l.nr)
			return -FDT_ERR_NOTFOUND;
	}
	return follow(t, device, (struct place){ .node = parent, .irq = { l.p, each } }, irq, err);
}
