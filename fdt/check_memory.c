// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Memory and reserved memory as lists of ranges, and what of them overlaps. See
 * check.h; early_init_dt_scan_memory() of Linux says what memory is.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/check_internal.h"

/* ---- ranges ---- */

static bool are_numbers(struct hvcma_fdt_cells cells)
{
	return cells.address >= 1 && cells.address <= HVCMA_FDT_MAX_CELLS && cells.size >= 1 &&
	       cells.size <= HVCMA_FDT_MAX_CELLS;
}

int hvcma_check_range(struct check *c, int node, const char *prop, int *i,
		      struct hvcma_range *range)
{
	struct hvcma_fdt_cells cells = c->tree.node[c->tree.node[node].parent].cells;
	int each = cells.address + cells.size, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, prop, &len);

	if (!p || !are_numbers(cells) || *i >= len / (each * HVCMA_FDT_CELL_BYTES))
		return 0;
	p += (*i)++ * each;
	range->base = hvcma_fdt_get(p, cells.address);
	range->bytes = hvcma_fdt_get(p + cells.address, cells.size);
	return 1;
}

void hvcma_check_list_add(struct check *c, struct check_list *list,
			  const struct check_range *range)
{
	if (list->nr == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
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

void hvcma_check_list_sort(struct check_list *list)
{
	if (list->nr)
		qsort(list->range, list->nr, sizeof(*list->range), by_base);
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

/* ---- overlaps ---- */

/*
 * The reservation block and a node may say the same twice: boot loaders write it so. What is
 * only kept from use may be so twice, too; but what is in a pool is used, and no-map fails
 * where Linux has reserved before.
 */
static bool is_said_twice(struct check *c, const struct check_range *a, const struct check_range *b)
{
	const struct check_range *node = a->node >= 0 ? a : b, *other = a->node >= 0 ? b : a;
	struct check_pool p;

	if (node->node < 0 || other->node >= 0)
		return false;
	if (other->node == CHECK_BLOCK && a->base == b->base && a->bytes == b->bytes)
		return true;
	p = hvcma_check_pool(c, node->node);
	return !p.shared && !p.restricted && !p.no_map;
}

static void say_overlap(struct check *c, enum hvcma_fdt_finding_id id, const struct check_range *r,
			const struct check_range *far)
{
	char other[HVCMA_FDT_PATH_BYTES];

	/* the reservation block may have the initial RAM disk, too */
	if (r->node < 0 && far->node < 0 && r->node != far->node)
		return;
	hvcma_check_name(c, far->node, other);
	hvcma_check_say(c, is_said_twice(c, far, r) ? HVCMA_FDT_RESERVED_TWICE : id, r->node,
			"0x%" PRIx64 ", 0x%" PRIx64 " bytes, overlaps %s at 0x%" PRIx64, r->base, r->bytes,
			other, far->base);
}

static void check_overlaps(struct check *c, const struct check_list *list,
			   enum hvcma_fdt_finding_id id)
{
	const struct check_range *far = list->range;	/* of those before, it reaches furthest */

	for (size_t i = 1; i < list->nr; i++) {
		const struct check_range *r = &list->range[i];

		if (r->base - far->base < far->bytes)
			say_overlap(c, id, r, far);
		if (r->base + (r->bytes - 1) > far->base + (far->bytes - 1))
			far = r;
	}
}

/* ---- memory ---- */

static bool wraps(const struct hvcma_range *r)
{
	return r->bytes && r->bytes - 1 > UINT64_MAX - r->base;
}

/* Does the length of a property fit the cells of the node's parent? Says it if not. */
static bool length_fits(struct check *c, int node, const char *prop,
			enum hvcma_fdt_finding_id id)
{
	struct hvcma_fdt_cells cells = c->tree.node[c->tree.node[node].parent].cells;
	int each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES, len;

	if (!hvcma_fdt_tree_prop(&c->tree, node, prop, &len))
		return true;
	if (each && len % each == 0)
		return true;
	hvcma_check_say(c, id, node, "%s has %d bytes: the parent's %d address and %d size cells make %d each",
			prop, len, cells.address, cells.size, each);
	return false;
}

static void unknown(struct check *c, int node, const char *what)
{
	c->memory_known = false;
	hvcma_check_say(c, HVCMA_FDT_MEMORY_UNKNOWN, node, "%s: the boot loader fills it in; what needs to know is not judged",
			what);
}

static void take_memory(struct check *c, int node)
{
	const char *prop = hvcma_fdt_tree_has(&c->tree, node, "linux,usable-memory") ?
			   "linux,usable-memory" : "reg";
	struct hvcma_range r;
	int i = 0, nr_empty = 0;

	if (!hvcma_fdt_tree_has(&c->tree, node, prop)) {
		unknown(c, node, "memory without reg");
		return;
	}
	length_fits(c, node, prop, HVCMA_FDT_MEMORY_LENGTH);
	while (hvcma_check_range(c, node, prop, &i, &r)) {
		if (wraps(&r))
			hvcma_check_say(c, HVCMA_FDT_MEMORY_WRAPS, node, "%s wraps: 0x%" PRIx64 ", 0x%" PRIx64 " bytes",
					prop, r.base, r.bytes);
		else if (!r.bytes)
			nr_empty++;
		else
			hvcma_check_list_add(c, &c->memory,
					     &(struct check_range){ r.base, r.bytes, node, 0 });
	}
	if (nr_empty)
		unknown(c, node, "memory has an empty range");
}

/* A node that boot loaders make memory of, and Linux only then. */
static bool is_memory_to_be(struct check *c, int node)
{
	const char *name = c->tree.node[node].name;

	return !strncmp(name, "memory", 6) && (!name[6] || name[6] == '@');
}

static void collect_memory(struct check *c)
{
	int nr_nodes = 0;

	c->memory_known = true;
	for (int node = 1; node < c->tree.nr; node++) {
		int len;
		const char *type;

		if (c->tree.node[node].parent != 0)
			continue;
		type = hvcma_fdt_tree_prop(&c->tree, node, "device_type", &len);
		if (type && len == sizeof("memory") && !memcmp(type, "memory", sizeof("memory"))) {
			nr_nodes++;
			if (c->tree.node[node].is_enabled)
				take_memory(c, node);
		} else if (!type && c->tree.node[node].is_enabled && is_memory_to_be(c, node)) {
			nr_nodes++;
			unknown(c, node, "has no device_type, so it is no memory yet");
		}
	}
	if (!nr_nodes && !c->is_overlay)
		unknown(c, 0, "no memory");
	hvcma_check_list_sort(&c->memory);
}

/* ---- reserved memory ---- */

static void take_reserved(struct check *c, int node, const struct hvcma_range *range)
{
	struct check_range r = { range->base, range->bytes, node, 0 };

	if (node >= 0)
		r.no_map = hvcma_fdt_tree_has(&c->tree, node, "no-map");
	if (!range->bytes)
		hvcma_check_say(c, HVCMA_FDT_RESERVED_EMPTY, node, "reg has an empty range at 0x%" PRIx64 ": Linux reserves nothing",
				range->base);
	else if (wraps(range))
		hvcma_check_say(c, HVCMA_FDT_RESERVED_WRAPS, node, "reg wraps: 0x%" PRIx64 ", 0x%" PRIx64 " bytes",
				range->base, range->bytes);
	else
		hvcma_check_list_add(c, &c->pools, &r);
}

/* An address in /chosen, in as many cells as its length makes. */
static bool chosen_address(struct check *c, int chosen, const char *prop, uint64_t *value)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, chosen, prop, &len);
	int cells = p ? len / HVCMA_FDT_CELL_BYTES : 0;

	if (cells < 1 || cells > HVCMA_FDT_MAX_CELLS)
		return false;
	*value = hvcma_fdt_get(p, cells);
	return true;
}

/* Linux reserves it before it reads nodes (early_init_dt_check_for_initrd()). */
static void take_initrd(struct check *c)
{
	int chosen = hvcma_fdt_tree_path(&c->tree, "/chosen");
	uint64_t start, end;

	if (chosen >= 0 && chosen_address(c, chosen, "linux,initrd-start", &start) &&
	    chosen_address(c, chosen, "linux,initrd-end", &end) && start < end)
		take_reserved(c, CHECK_INITRD, &(struct hvcma_range){ start, end - start });
}

static void collect_reserved(struct check *c)
{
	int nr_block = fdt_num_mem_rsv(c->tree.fdt);
	struct hvcma_range r;

	for (int node = 1; node < c->tree.nr; node++) {
		int i = 0;

		if (c->tree.node[node].parent != c->reserved || !c->tree.node[node].is_enabled)
			continue;
		if (!length_fits(c, node, "reg", HVCMA_FDT_RESERVED_LENGTH))
			continue;		/* Linux skips the node */
		while (hvcma_check_range(c, node, "reg", &i, &r))
			take_reserved(c, node, &r);
	}
	for (int i = 0; i < nr_block; i++)
		if (!fdt_get_mem_rsv(c->tree.fdt, i, &r.base, &r.bytes) && r.bytes)
			take_reserved(c, CHECK_BLOCK, &r);
	take_initrd(c);
	hvcma_check_list_sort(&c->pools);
}

void hvcma_check_memory(struct check *c)
{
	collect_memory(c);
	collect_reserved(c);
	check_overlaps(c, &c->memory, HVCMA_FDT_MEMORY_OVERLAP);
	check_overlaps(c, &c->pools, HVCMA_FDT_RESERVED_OVERLAP);
}
