// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Guards at the ends of windows. See guard.h.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/bus.h"
#include "fdt/guard.h"
#include "fdt/tree.h"

#define RESERVED "/reserved-memory"

/* First addresses of pages; sorted where that is needed. */
struct pages {
	uint64_t *base;
	size_t nr;
};

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, hvcma_fdt_reason(ret));
}

static uint64_t guard_of(const struct hvcma_window *window)
{
	return window->gpa + (window->bytes - HVCMA_GUARD_BYTES);
}

static int pages_new(struct pages *pages, size_t room, struct hvcma_fdt_error *err)
{
	*pages = (struct pages){ .base = calloc(room + 1, sizeof(*pages->base)) };
	return pages->base ? 0 : hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for %zu guards", room);
}

/* ---- adding ---- */

static int add_node(void *fdt, const char *name, const struct pages *pages,
		    struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_cells cells;
	int each, node, ret;
	fdt32_t *out;
	void *data;

	ret = hvcma_fdt_add_reserved(fdt, name, &pages->base[0], &cells, path, err);
	if (ret)
		return ret;
	each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES;
	if (pages->nr > (size_t)(INT32_MAX / each))
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "%zu guards are too many", pages->nr);
	node = fdt_path_offset(fdt, path);
	ret = fdt_setprop_string(fdt, node, "compatible", HVCMA_FDT_GUARD_COMPATIBLE);
	if (!ret)
		ret = fdt_setprop_empty(fdt, node, "no-map");
	if (!ret)
		ret = fdt_setprop_placeholder(fdt, node, "reg", (int)pages->nr * each, &data);
	if (ret)
		return failed(err, ret, path);
	out = data;
	for (size_t i = 0; i < pages->nr; i++, out += cells.address + cells.size)
		if (hvcma_fdt_put(out, cells.address, pages->base[i]) ||
		    hvcma_fdt_put(out + cells.address, cells.size, HVCMA_GUARD_BYTES))
			return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "%s: 0x%" PRIx64 " does not fit into %d cells",
					      path, pages->base[i], cells.address);
	return 0;
}

int hvcma_fdt_add_guards(void *fdt, const char *name, const struct hvcma_window *windows,
			 size_t nr, struct hvcma_fdt_error *err)
{
	struct pages pages;
	int ret;

	if (!nr)
		return 0;
	ret = pages_new(&pages, nr, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < nr; i++)
		pages.base[pages.nr++] = guard_of(&windows[i]);
	ret = add_node(fdt, name, &pages, err);
	free(pages.base);
	return ret;
}

/* ---- taking away ---- */

static int by_base(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool is_in(const struct pages *pages, uint64_t base)
{
	return bsearch(&base, pages->base, pages->nr, sizeof(base), by_base) != NULL;
}

/* Last pages of all windows of all buses. */
static int find_ends(const void *fdt, struct pages *ends, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_tree tree;
	int ret = hvcma_fdt_tree_init(&tree, fdt, err);
	size_t nr = 0;

	if (ret)
		return ret;
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 1; i < tree.nr; i++) {
			int bus = tree.node[i].offset, parent = tree.node[tree.node[i].parent].offset;
			int here = hvcma_fdt_tree_has(&tree, i, "dma-ranges") ?
				   hvcma_fdt_nr_dma_ranges(fdt, bus, parent) : 0;

			if (here <= 0)
				continue;
			nr += (size_t)here;
			for (int k = 0; pass && k < here; k++) {
				struct hvcma_window w = hvcma_fdt_dma_range(fdt, bus, parent, k);

				ends->base[ends->nr++] = guard_of(&w);
			}
		}
		if (!pass)
			ret = pages_new(ends, nr, err);
		if (ret)
			break;
	}
	hvcma_fdt_tree_fini(&tree);
	if (!ret)
		qsort(ends->base, ends->nr, sizeof(*ends->base), by_base);
	return ret;
}

/* Those that are to go. */
static int take_out(struct pages *ends, const struct hvcma_window *windows, size_t nr,
		    struct hvcma_fdt_error *err)
{
	struct pages gone;
	size_t kept = 0;
	int ret = pages_new(&gone, nr, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < nr; i++)
		gone.base[gone.nr++] = guard_of(&windows[i]);
	qsort(gone.base, gone.nr, sizeof(*gone.base), by_base);
	for (size_t i = 0; i < ends->nr; i++)
		if (!is_in(&gone, ends->base[i]))
			ends->base[kept++] = ends->base[i];
	ends->nr = kept;
	free(gone.base);
	return 0;
}

/* The pages of a node that stay; false: all of them do. */
static bool sift(const void *fdt, int node, const struct pages *ends, struct pages *kept)
{
	struct hvcma_fdt_cells cells = hvcma_fdt_cells(fdt, fdt_path_offset(fdt, RESERVED));
	int each = cells.address + cells.size, len, all = 0;
	const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &len);

	kept->nr = 0;
	for (int i = 0; reg && each > 1 && i + each <= len / HVCMA_FDT_CELL_BYTES; i += each, all++) {
		uint64_t base = hvcma_fdt_get(reg + i, cells.address);

		if (is_in(ends, base))
			kept->base[kept->nr++] = base;
	}
	return kept->nr != (size_t)all || !all;
}

/* One node, if it changes. Return: 1 it did, 0 nothing is left to change. */
static int drop_one(void *fdt, const struct pages *ends, struct pages *kept,
		    struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES], name[64];
	int reserved = fdt_path_offset(fdt, RESERVED), node, ret;

	fdt_for_each_subnode(node, fdt, reserved) {
		const char *unit = fdt_get_name(fdt, node, NULL);
		size_t bytes = strcspn(unit, "@");

		if (!hvcma_fdt_is_compatible(fdt, node, HVCMA_FDT_GUARD_COMPATIBLE) ||
		    bytes >= sizeof(name) || !sift(fdt, node, ends, kept))
			continue;
		memcpy(name, unit, bytes);
		name[bytes] = '\0';
		ret = hvcma_fdt_full_path(fdt, node, path, err);
		if (ret)
			return ret;
		ret = hvcma_fdt_remove_reserved(fdt, path);
		if (ret)
			return failed(err, ret, path);
		ret = kept->nr ? add_node(fdt, name, kept, err) : 0;
		return ret ? ret : 1;
	}
	return 0;
}

int hvcma_fdt_drop_guards(void *fdt, const struct hvcma_window *windows, size_t nr,
			  struct hvcma_fdt_error *err)
{
	struct pages ends = { 0 }, kept = { 0 };
	int ret = find_ends(fdt, &ends, err);

	if (!ret)
		ret = take_out(&ends, windows, nr, err);
	if (!ret)	/* a page needs two cells at least */
		ret = pages_new(&kept, fdt_totalsize(fdt) / 8, err);
	if (!ret)
		while ((ret = drop_one(fdt, &ends, &kept, err)) > 0)
			;
	free(kept.base);
	free(ends.base);
	return ret;
}
