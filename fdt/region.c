// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Nodes of /reserved-memory. See region.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fdt/region.h"

#define RESERVED "/reserved-memory"

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, fdt_strerror(ret));
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

static int make_reserved(void *fdt, struct hvcma_fdt_cells *cells, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_cells root = hvcma_fdt_cells(fdt, 0);
	int node, len, ret;

	node = fdt_path_offset(fdt, RESERVED);
	if (node >= 0) {
		*cells = hvcma_fdt_cells(fdt, node);
		if (cells->address != root.address || cells->size != root.size)
			return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS,
					      RESERVED " has %d and %d cells, but the root has %d and %d",
					      cells->address, cells->size, root.address, root.size);
		if (fdt_getprop(fdt, node, "ranges", &len))
			return 0;
		ret = fdt_setprop_empty(fdt, node, "ranges");
		return ret ? failed(err, ret, RESERVED) : 0;
	}
	if (!cells_fit(&root))
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "the root has %d address and %d size cells, not 1 or 2",
				      root.address, root.size);
	*cells = root;
	node = fdt_add_subnode(fdt, 0, "reserved-memory");
	if (node < 0)
		return failed(err, node, RESERVED);
	ret = fdt_setprop_empty(fdt, node, "ranges");
	if (!ret)
		ret = fdt_setprop_u32(fdt, node, "#size-cells", (uint32_t)root.size);
	if (!ret)
		ret = fdt_setprop_u32(fdt, node, "#address-cells", (uint32_t)root.address);
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

/* Adds the node and says where; @base NULL: no unit address. */
static int add_node(void *fdt, const char *name, const uint64_t *base,
		    char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	char unit[64];
	int node;

	if (base)
		snprintf(unit, sizeof(unit), "%s@%" PRIx64, name, *base);
	else
		snprintf(unit, sizeof(unit), "%s", name);
	node = hvcma_fdt_offset(fdt, RESERVED, err);
	if (node < 0)
		return node;
	node = fdt_add_subnode(fdt, node, unit);
	if (node < 0)
		return hvcma_fdt_fail(err, node, RESERVED "/%s: %s", unit, fdt_strerror(node));
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
		ret = make_reserved(fdt, &cells, err);
	if (!ret)
		ret = add_node(fdt, region->name, region->has_base ? &region->base : NULL,
			       node_path, err);
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

static uint64_t guard_of(const struct hvcma_window *window)
{
	return window->gpa + (window->bytes - HVCMA_GUARD_BYTES);
}

int hvcma_fdt_add_guards(void *fdt, const char *name, const struct hvcma_window *windows,
			 size_t nr, struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_cells cells;
	int each, node, ret;
	uint64_t first;
	fdt32_t *out;
	void *data;

	if (!nr)
		return 0;
	first = guard_of(&windows[0]);
	ret = check_name(name, err);
	if (!ret)
		ret = make_reserved(fdt, &cells, err);
	if (!ret)
		ret = add_node(fdt, name, &first, path, err);
	if (ret)
		return ret;
	each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES;
	if (nr > (size_t)(INT32_MAX / each))
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "%zu windows are too many", nr);
	node = fdt_path_offset(fdt, path);
	ret = fdt_setprop_string(fdt, node, "compatible", HVCMA_FDT_GUARD_COMPATIBLE);
	if (!ret)
		ret = fdt_setprop_empty(fdt, node, "no-map");
	if (!ret)
		ret = fdt_setprop_placeholder(fdt, node, "reg", (int)nr * each, &data);
	if (ret)
		return failed(err, ret, path);
	out = data;
	for (size_t i = 0; i < nr; i++, out += cells.address + cells.size)
		if (hvcma_fdt_put(out, cells.address, guard_of(&windows[i])) ||
		    hvcma_fdt_put(out + cells.address, cells.size, HVCMA_GUARD_BYTES))
			return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "%s: 0x%" PRIx64 " does not fit into %d cells",
					      path, guard_of(&windows[i]), cells.address);
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

	if (*name == '/') {
		found = fdt_path_offset(fdt, name);
		if (found >= 0 && fdt_parent_offset(fdt, found) != parent)
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
	if (fdt_get_path(fdt, found, path, HVCMA_FDT_PATH_BYTES))
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "path of region '%s' is over %d bytes",
				      name, HVCMA_FDT_PATH_BYTES);
	return 0;
}
