// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Nodes of /reserved-memory. See region.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fdt/added.h"
#include "fdt/region.h"

#define RESERVED "/reserved-memory"

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, hvcma_fdt_reason(ret));
}

static int cells_fit(const struct hvcma_fdt_cells *cells)
{
	return cells->address >= 1 && cells->address <= HVCMA_FDT_MAX_CELLS &&
	       cells->size >= 1 && cells->size <= HVCMA_FDT_MAX_CELLS;
}

/* Set @name to the ranges, each as address and size. */
static int put_ranges(void *fdt, const char *path, const char *name,
		      const struct hvcma_fdt_cells *cells, const struct hvcma_range *ranges,
		      size_t nr, struct hvcma_fdt_error *err)
{
	int each = (cells->address + cells->size) * HVCMA_FDT_CELL_BYTES;
	int node = hvcma_fdt_offset(fdt, path, err);
	fdt32_t *out;
	void *data;
	int ret;

	if (node < 0)
		return node;
	if (nr > (size_t)(INT32_MAX / each))
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "%zu ranges are too many", nr);
	ret = fdt_setprop_placeholder(fdt, node, name, (int)nr * each, &data);
	if (ret)
		return failed(err, ret, name);
	out = data;
	for (size_t i = 0; i < nr; i++) {
		ret = hvcma_fdt_put(out, cells->address, ranges[i].base);
		if (!ret)
			ret = hvcma_fdt_put(out + cells->address, cells->size, ranges[i].bytes);
		if (ret)
			return hvcma_fdt_fail(err, ret, "%s of %s: 0x%" PRIx64 ", 0x%" PRIx64
					      " bytes, does not fit into %d and %d cells", name, path,
					      ranges[i].base, ranges[i].bytes, cells->address,
					      cells->size);
		out += cells->address + cells->size;
	}
	return 0;
}

/* Something that an existing /reserved-memory lacks, noted. */
static int complete(void *fdt, const char *name, int cells)
{
	int node = fdt_path_offset(fdt, RESERVED), ret;

	if (fdt_getprop(fdt, node, name, NULL))
		return 0;
	ret = cells ? fdt_setprop_u32(fdt, node, name, (uint32_t)cells) :
		      fdt_setprop_empty(fdt, node, name);
	if (ret || hvcma_fdt_added_has(fdt, node, HVCMA_FDT_ADDED_SELF))
		return ret;
	return hvcma_fdt_added_note(fdt, node, name);
}

static int make_reserved(void *fdt, struct hvcma_fdt_cells *cells, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_cells root = hvcma_fdt_cells(fdt, 0), own;
	int node, ret;

	if (!cells_fit(&root))
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "the root has %d address and %d size cells, not 1 or 2",
				      root.address, root.size);
	node = fdt_path_offset(fdt, RESERVED);
	if (node < 0) {
		node = fdt_add_subnode(fdt, 0, "reserved-memory");
		ret = node < 0 ? node : hvcma_fdt_added_note(fdt, node, HVCMA_FDT_ADDED_SELF);
		if (ret)
			return failed(err, ret, RESERVED);
	}
	own = hvcma_fdt_cells(fdt, node);
	if (!fdt_getprop(fdt, node, "#address-cells", NULL) && fdt_first_subnode(fdt, node) < 0)
		own.address = root.address;
	if (!fdt_getprop(fdt, node, "#size-cells", NULL) && fdt_first_subnode(fdt, node) < 0)
		own.size = root.size;
	if (own.address != root.address || own.size != root.size)
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS,
				      RESERVED " has %d address and %d size cells, but the root has %d and %d: Linux ignores it",
				      own.address, own.size, root.address, root.size);
	*cells = root;
	ret = complete(fdt, "ranges", 0);
	if (!ret)
		ret = complete(fdt, "#size-cells", root.size);
	if (!ret)
		ret = complete(fdt, "#address-cells", root.address);
	return ret ? failed(err, ret, RESERVED) : 0;
}

static int check_name(const char *name, struct hvcma_fdt_error *err)
{
	size_t bytes = strlen(name);

	/* devicetree specification 2.2.1 */
	if (!bytes || bytes > 31 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._+-") != bytes)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' is no name of a node: 1 to 31 of letters, digits and ,._+-",
				      name);
	return 0;
}

static int is_power_of_2(uint64_t n)
{
	return n && !(n & (n - 1));
}

static int check_region(const struct hvcma_fdt_region *r, struct hvcma_fdt_error *err)
{
	int ret = check_name(r->name, err);

	if (ret)
		return ret;
	if ((unsigned int)r->pool >= HVCMA_FDT_NR_POOLS)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%s': unknown kind of pool %d",
				      r->name, (int)r->pool);
	if (!r->bytes || r->bytes & (HVCMA_GUARD_BYTES - 1))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%s': size %" PRIu64 " is not a multiple of 4096",
				      r->name, r->bytes);
	if (r->has_base && (r->align_bytes || r->nr_alloc_ranges))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%s' has a base: an alignment or ranges to choose from contradict it",
				      r->name);
	if (r->has_base && (r->base & (HVCMA_GUARD_BYTES - 1) || r->bytes - 1 > UINT64_MAX - r->base))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%s': 0x%" PRIx64 ", 0x%" PRIx64
				      " bytes, wraps or is not aligned to 4096", r->name, r->base,
				      r->bytes);
	if (r->align_bytes && !is_power_of_2(r->align_bytes))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%s': alignment 0x%" PRIx64 " is not a power of two",
				      r->name, r->align_bytes);
	if (r->granule_bytes && (!is_power_of_2(r->granule_bytes) || r->granule_bytes > UINT32_MAX))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%s': granule %" PRIu64 " is not a power of two below 4 GiB",
				      r->name, r->granule_bytes);
	if (r->is_default && r->pool == HVCMA_FDT_RESTRICTED)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%s': a restricted-dma-pool can't be a default",
				      r->name);
	return 0;
}

/* Where it was not as we need it, and was changed: who for. */
static int note_child(void *fdt, const char *unit)
{
	int node = fdt_path_offset(fdt, RESERVED);

	return fdt_getprop(fdt, node, HVCMA_FDT_ADDED, NULL) ? hvcma_fdt_added_note(fdt, node, unit) : 0;
}

int hvcma_fdt_add_reserved(void *fdt, const char *name, const uint64_t *base,
			   struct hvcma_fdt_cells *cells, char path[HVCMA_FDT_PATH_BYTES],
			   struct hvcma_fdt_error *err)
{
	char unit[64];
	int node, ret = check_name(name, err);

	if (!ret)
		ret = make_reserved(fdt, cells, err);
	if (ret)
		return ret;
	if (base)
		snprintf(unit, sizeof(unit), "%s@%" PRIx64, name, *base);
	else
		snprintf(unit, sizeof(unit), "%s", name);
	ret = note_child(fdt, unit);
	if (ret)
		return failed(err, ret, RESERVED);
	node = fdt_add_subnode(fdt, fdt_path_offset(fdt, RESERVED), unit);
	if (node < 0)
		return hvcma_fdt_fail(err, node, RESERVED "/%s: %s", unit, hvcma_fdt_reason(node));
	snprintf(path, HVCMA_FDT_PATH_BYTES, RESERVED "/%s", unit);
	return 0;
}

static int put_place(void *fdt, const char *path, const struct hvcma_fdt_region *r,
		     const struct hvcma_fdt_cells *cells, struct hvcma_fdt_error *err)
{
	struct hvcma_range place = { r->base, r->bytes };
	fdt32_t size[HVCMA_FDT_MAX_CELLS], align[HVCMA_FDT_MAX_CELLS];
	int ret;

	if (r->has_base)
		return put_ranges(fdt, path, "reg", cells, &place, 1, err);
	/* Linux reads an alignment in the cells of an address (__reserved_mem_alloc_size()) */
	if (hvcma_fdt_put(size, cells->size, r->bytes) ||
	    hvcma_fdt_put(align, cells->address, r->align_bytes))
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "region '%s': size or alignment does not fit into %d and %d cells",
				      r->name, cells->size, cells->address);
	ret = fdt_setprop(fdt, fdt_path_offset(fdt, path), "size", size,
			  cells->size * HVCMA_FDT_CELL_BYTES);
	if (!ret && r->align_bytes)
		ret = fdt_setprop(fdt, fdt_path_offset(fdt, path), "alignment", align,
				  cells->address * HVCMA_FDT_CELL_BYTES);
	if (ret)
		return failed(err, ret, path);
	if (!r->nr_alloc_ranges)
		return 0;
	return put_ranges(fdt, path, "alloc-ranges", cells, r->alloc_ranges, r->nr_alloc_ranges, err);
}

static int put_flags(void *fdt, const char *path, const struct hvcma_fdt_region *r)
{
	static const char *const flag[] = {
		[HVCMA_FDT_REUSABLE] = "reusable",
		[HVCMA_FDT_NO_MAP] = "no-map",
	};
	static const char *const flag_default[] = {
		[HVCMA_FDT_REUSABLE] = "linux,cma-default",
		[HVCMA_FDT_NO_MAP] = "linux,dma-default",
	};
	int node = fdt_path_offset(fdt, path);
	uint32_t phandle;
	int ret;

	ret = fdt_setprop_string(fdt, node, "compatible", r->pool == HVCMA_FDT_RESTRICTED ?
				 "restricted-dma-pool" : "shared-dma-pool");
	if (!ret && r->pool != HVCMA_FDT_RESTRICTED)
		ret = fdt_setprop_empty(fdt, node, flag[r->pool]);
	if (!ret && r->is_default)
		ret = fdt_setprop_empty(fdt, node, flag_default[r->pool]);
	if (!ret && r->granule_bytes)
		ret = fdt_setprop_u32(fdt, node, "hvcma,granule-bytes", (uint32_t)r->granule_bytes);
	if (!ret)
		ret = fdt_generate_phandle(fdt, &phandle);
	if (!ret)
		ret = fdt_setprop_u32(fdt, node, "phandle", phandle);
	return ret;
}

int hvcma_fdt_add_region(void *fdt, const struct hvcma_fdt_region *region,
			 char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	char node_path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_cells cells;
	int ret;

	ret = check_region(region, err);
	if (!ret)
		ret = hvcma_fdt_add_reserved(fdt, region->name, region->has_base ? &region->base : NULL,
					     &cells, node_path, err);
	if (!ret)
		ret = put_place(fdt, node_path, region, &cells, err);
	if (ret)
		return ret;
	ret = put_flags(fdt, node_path, region);
	if (ret)
		return failed(err, ret, node_path);
	if (path)
		memcpy(path, node_path, sizeof(node_path));
	return 0;
}

int hvcma_fdt_add_memory(void *fdt, const struct hvcma_range *ranges, size_t nr,
			 struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_cells root = hvcma_fdt_cells(fdt, 0);
	char path[64];
	int node, ret;

	if (!cells_fit(&root))
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "the root has %d address and %d size cells, not 1 or 2",
				      root.address, root.size);
	snprintf(path, sizeof(path), "/memory@%" PRIx64, ranges[0].base);
	node = fdt_add_subnode(fdt, 0, path + 1);
	if (node < 0)
		return failed(err, node, path);
	ret = fdt_setprop_string(fdt, node, "device_type", "memory");
	if (ret)
		return failed(err, ret, path);
	return put_ranges(fdt, path, "reg", &root, ranges, nr, err);
}

int hvcma_fdt_find_region(const void *fdt, const char *name, char path[HVCMA_FDT_PATH_BYTES],
			  struct hvcma_fdt_error *err)
{
	int parent = fdt_path_offset(fdt, RESERVED), node, found = -FDT_ERR_NOTFOUND;
	size_t bytes = strlen(name);

	if (*name == '/' || *name == '&') {
		found = hvcma_fdt_offset(fdt, name, err);
		if (found < 0)
			return found;
		if (parent < 0 || fdt_parent_offset(fdt, found) != parent)
			return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "'%s' is not in " RESERVED, name);
	} else if (parent >= 0) {
		fdt_for_each_subnode(node, fdt, parent) {
			const char *here = fdt_get_name(fdt, node, NULL);

			if (!here || strncmp(here, name, bytes) ||
			    (here[bytes] && here[bytes] != '@'))
				continue;
			if (found >= 0)
				return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "several regions are called '%s': say it with @ADDRESS",
						      name);
			found = node;
		}
	}
	if (found < 0)
		return hvcma_fdt_fail(err, found, "no region '%s' in " RESERVED, name);
	return hvcma_fdt_full_path(fdt, found, path, err);
}

/* ---- taking away ---- */

/* Is any of the children that it was changed for still there? */
static int is_needed(const void *fdt, int reserved)
{
	int node;

	fdt_for_each_subnode(node, fdt, reserved)
		if (hvcma_fdt_added_has(fdt, reserved, fdt_get_name(fdt, node, NULL)))
			return 1;
	return 0;
}

/* What make_reserved() did, once nobody needs it. */
static int undo_reserved(void *fdt)
{
	static const char *const names[] = { "ranges", "#size-cells", "#address-cells" };
	int node = fdt_path_offset(fdt, RESERVED), ret = 0;

	if (node < 0 || is_needed(fdt, node))
		return 0;
	if (hvcma_fdt_added_has(fdt, node, HVCMA_FDT_ADDED_SELF))
		return fdt_first_subnode(fdt, node) < 0 ? fdt_del_node(fdt, node) : 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !ret; i++) {
		node = fdt_path_offset(fdt, RESERVED);
		if (!hvcma_fdt_added_has(fdt, node, names[i]))
			continue;
		ret = fdt_delprop(fdt, node, names[i]);
		if (!ret)
			ret = hvcma_fdt_added_forget(fdt, node, names[i]);
	}
	return ret;
}

int hvcma_fdt_remove_reserved(void *fdt, const char *path)
{
	const char *unit = strrchr(path, '/') + 1;
	int ret = fdt_del_node(fdt, fdt_path_offset(fdt, path));

	if (!ret)
		ret = hvcma_fdt_added_forget(fdt, fdt_path_offset(fdt, RESERVED), unit);
	return ret ? ret : undo_reserved(fdt);
}

int hvcma_fdt_client_of(const void *fdt, uint32_t phandle)
{
	int node, depth = 0, len;

	for (node = fdt_next_node(fdt, -1, &depth); phandle && node >= 0 && depth >= 0;
	     node = fdt_next_node(fdt, node, &depth)) {
		const fdt32_t *list = fdt_getprop(fdt, node, "memory-region", &len);

		for (int i = 0; list && i < len / HVCMA_FDT_CELL_BYTES; i++)
			if (fdt32_to_cpu(list[i]) == phandle)
				return node;
	}
	return -FDT_ERR_NOTFOUND;
}

/* Labels of what is gone. */
static int drop_labels(void *fdt, const char *path)
{
	int symbols = fdt_path_offset(fdt, "/__symbols__"), prop, ret;

again:
	fdt_for_each_property_offset(prop, fdt, symbols) {
		const char *name;
		int len;
		const char *value = fdt_getprop_by_offset(fdt, prop, &name, &len);

		if (!value || (size_t)len != strlen(path) + 1 || memcmp(value, path, (size_t)len))
			continue;
		ret = fdt_delprop(fdt, symbols, name);
		if (ret)
			return ret;
		goto again;		/* all after it has moved */
	}
	return 0;
}

int hvcma_fdt_remove_region(void *fdt, const char *region, struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES], client[HVCMA_FDT_PATH_BYTES];
	int ret = hvcma_fdt_find_region(fdt, region, path, err), node;

	if (ret)
		return ret;
	node = hvcma_fdt_client_of(fdt, fdt_get_phandle(fdt, fdt_path_offset(fdt, path)));
	if (node >= 0 && !hvcma_fdt_full_path(fdt, node, client, NULL))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%.100s' has a client, %.200s: unbind it first",
				      region, client);
	if (node >= 0)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "region '%.100s' has a client: unbind it first", region);
	ret = hvcma_fdt_remove_reserved(fdt, path);
	if (!ret)
		ret = drop_labels(fdt, path);
	return ret ? failed(err, ret, path) : 0;
}
