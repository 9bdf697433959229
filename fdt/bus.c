// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Buses and their devices. See bus.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/bus.h"

/* phys.hi of a PCI address */
#define PCI_SPACE_MEMORY_32	UINT32_C(0x02000000)
#define PCI_SPACE_MEMORY_64	UINT32_C(0x03000000)
#define PCI_DEVFN_SHIFT		8

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, fdt_strerror(ret));
}

int hvcma_fdt_is_pci(const void *fdt, int node)
{
	int len;
	const char *type = fdt_getprop(fdt, node, "device_type", &len);

	return type && len == 4 && !memcmp(type, "pci", 4) &&
	       hvcma_fdt_cells(fdt, node).address == HVCMA_FDT_PCI_CELLS;
}

static int get_u32(const void *fdt, int node, const char *name, uint32_t *value)
{
	int len;
	const fdt32_t *prop = fdt_getprop(fdt, node, name, &len);

	if (!prop || len < HVCMA_FDT_CELL_BYTES)
		return 0;
	*value = fdt32_to_cpu(*prop);
	return 1;
}

int hvcma_fdt_host_bridge(const void *fdt, uint32_t domain, char path[HVCMA_FDT_PATH_BYTES],
			  struct hvcma_fdt_error *err)
{
	int node, depth = 0, inside = 0;

	for (node = fdt_next_node(fdt, -1, &depth); node >= 0 && depth >= 0;
	     node = fdt_next_node(fdt, node, &depth)) {
		uint32_t here = 0;

		if (inside && depth > inside)
			continue;	/* bridges below a host bridge are none */
		inside = 0;
		if (!hvcma_fdt_is_pci(fdt, node))
			continue;
		inside = depth;
		get_u32(fdt, node, "linux,pci-domain", &here);
		if (here != domain)
			continue;
		if (fdt_get_path(fdt, node, path, HVCMA_FDT_PATH_BYTES))
			return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "path of a PCI host bridge is over %d bytes",
					      HVCMA_FDT_PATH_BYTES);
		return 0;
	}
	return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "no PCI host bridge of domain 0x%04x", domain);
}

/* ---- nodes of PCI devices ---- */

static int find_devfn(const void *fdt, int bus, uint32_t devfn)
{
	int node;

	fdt_for_each_subnode(node, fdt, bus) {
		uint32_t hi;

		if (get_u32(fdt, node, "reg", &hi) && (hi >> PCI_DEVFN_SHIFT & 0xff) == devfn)
			return node;
	}
	return node;
}

/* A device or, if something follows below it, a bridge. */
static int add_devfn(void *fdt, int bus, uint32_t devfn, int is_bridge)
{
	fdt32_t reg[5] = { cpu_to_fdt32(devfn << PCI_DEVFN_SHIFT) };
	char name[32];
	int node, ret;

	snprintf(name, sizeof(name), "%s@%x,%x", is_bridge ? "pci" : "dev", devfn >> 3, devfn & 7);
	node = fdt_add_subnode(fdt, bus, name);
	if (node < 0)
		return node;
	ret = fdt_setprop(fdt, node, "reg", reg, sizeof(reg));
	if (!ret && is_bridge)
		ret = fdt_setprop_empty(fdt, node, "ranges");
	if (!ret && is_bridge)
		ret = fdt_setprop_u32(fdt, node, "#size-cells", 2);
	if (!ret && is_bridge)
		ret = fdt_setprop_u32(fdt, node, "#address-cells", HVCMA_FDT_PCI_CELLS);
	if (!ret && is_bridge)
		ret = fdt_setprop_string(fdt, node, "device_type", "pci");
	return ret ? ret : node;
}

static int parse_hex(const char **text, char end, unsigned long limit, uint32_t *value)
{
	/* digits only: strtoul() would take blanks, signs and "0x", too */
	size_t digits = strspn(*text, "0123456789abcdefABCDEF");
	unsigned long v;
	char *after;

	v = strtoul(*text, &after, 16);
	if (!digits || after != *text + digits || *after != end || v > limit)
		return 0;
	*text = end ? after + 1 : after;
	*value = (uint32_t)v;
	return 1;
}

/* "03.0", up to the next hop or the end */
static int parse_hop(const char **text, uint32_t *devfn, int *more)
{
	uint32_t slot, function;

	if (!parse_hex(text, '.', 31, &slot))
		return 0;
	*more = strchr(*text, '/') != NULL;
	if (!parse_hex(text, *more ? '/' : '\0', 7, &function))
		return 0;
	*devfn = slot << 3 | function;
	return 1;
}

int hvcma_fdt_pci_node(void *fdt, const char *where, char path[HVCMA_FDT_PATH_BYTES],
		       struct hvcma_fdt_error *err)
{
	char bridge[HVCMA_FDT_PATH_BYTES];
	uint32_t domain, bus, devfn;
	const char *text = where;
	int node, child, more, ret;

	if (!parse_hex(&text, ':', 0xffff, &domain) || !parse_hex(&text, '/', 0xff, &bus))
		return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%s' is no PCI device: DOMAIN:BUS/SLOT.FUNCTION[/SLOT.FUNCTION...]",
				      where);
	ret = hvcma_fdt_host_bridge(fdt, domain, bridge, err);
	if (ret)
		return ret;
	node = fdt_path_offset(fdt, bridge);
	do {
		if (!parse_hop(&text, &devfn, &more))
			return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%s': after the root bus come SLOT.FUNCTION in hexadecimal, with / between",
					      where);
		child = find_devfn(fdt, node, devfn);
		if (child == -FDT_ERR_NOTFOUND)
			child = add_devfn(fdt, node, devfn, more);
		if (child < 0)
			return failed(err, child, where);
		node = child;
	} while (more);
	if (fdt_get_path(fdt, node, path, HVCMA_FDT_PATH_BYTES))
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "path of '%s' is over %d bytes", where,
				      HVCMA_FDT_PATH_BYTES);
	return 0;
}

/* ---- memory-region ---- */

static int region_phandle(void *fdt, const char *region, uint32_t *phandle,
			  struct hvcma_fdt_error *err)
{
	int node = hvcma_fdt_offset(fdt, region, err);
	int ret;

	if (node < 0)
		return node;
	if (fdt_parent_offset(fdt, node) != fdt_path_offset(fdt, "/reserved-memory"))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' is not in /reserved-memory", region);
	*phandle = fdt_get_phandle(fdt, node);
	if (*phandle)
		return 0;
	ret = fdt_generate_phandle(fdt, phandle);
	if (!ret)
		ret = fdt_setprop_u32(fdt, node, "phandle", *phandle);
	return ret ? failed(err, ret, region) : 0;
}

int hvcma_fdt_bind(void *fdt, const char *client, const char *region,
		   struct hvcma_fdt_error *err)
{
	const fdt32_t *list;
	uint32_t phandle;
	int node, len, ret;

	ret = region_phandle(fdt, region, &phandle, err);
	if (ret)
		return ret;
	node = hvcma_fdt_offset(fdt, client, err);
	if (node < 0)
		return node;
	list = fdt_getprop(fdt, node, "memory-region", &len);
	if (list && len % HVCMA_FDT_CELL_BYTES)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "memory-region of '%s' has %d bytes: no list of phandles",
				      client, len);
	for (int i = 0; list && i < len / HVCMA_FDT_CELL_BYTES; i++)
		if (fdt32_to_cpu(list[i]) == phandle)
			return 0;
	ret = fdt_appendprop_u32(fdt, node, "memory-region", phandle);
	return ret ? failed(err, ret, client) : 0;
}

/* ---- dma-ranges ---- */

struct layout {
	int address, parent, size;	/* cells; address without phys.hi of PCI */
	int is_pci;
};

static int layout_of(const void *fdt, int bus, int parent, struct layout *l)
{
	struct hvcma_fdt_cells own = hvcma_fdt_cells(fdt, bus);

	l->is_pci = hvcma_fdt_is_pci(fdt, bus);
	l->address = own.address - l->is_pci;
	l->size = own.size;
	l->parent = hvcma_fdt_cells(fdt, parent).address;
	return l->address >= 1 && l->address <= HVCMA_FDT_MAX_CELLS && l->size >= 1 &&
	       l->size <= HVCMA_FDT_MAX_CELLS && l->parent >= 1 && l->parent <= HVCMA_FDT_MAX_CELLS;
}

static int layout_cells(const struct layout *l)
{
	return l->is_pci + l->address + l->parent + l->size;
}

static int put_window(fdt32_t *out, const struct layout *l, const struct hvcma_window *w)
{
	uint64_t last = w->dma + w->bytes - 1;

	if (l->is_pci)
		*out++ = cpu_to_fdt32(last > UINT32_MAX ? PCI_SPACE_MEMORY_64 : PCI_SPACE_MEMORY_32);
	if (hvcma_fdt_put(out, l->address, w->dma) ||
	    hvcma_fdt_put(out + l->address, l->parent, w->gpa) ||
	    hvcma_fdt_put(out + l->address + l->parent, l->size, w->bytes))
		return -FDT_ERR_BADNCELLS;
	return 0;
}

int hvcma_fdt_set_dma_ranges(void *fdt, const char *bus, const struct hvcma_window *windows,
			     size_t nr, struct hvcma_fdt_error *err)
{
	int node = hvcma_fdt_offset(fdt, bus, err);
	int each, ret;
	struct layout l;
	void *data;

	if (node < 0)
		return node;
	if (!node || !layout_of(fdt, node, fdt_parent_offset(fdt, node), &l))
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "'%s' is no bus with addresses of 1 or 2 cells", bus);
	if (!nr) {
		ret = fdt_delprop(fdt, node, "dma-ranges");
		return ret && ret != -FDT_ERR_NOTFOUND ? failed(err, ret, bus) : 0;
	}
	each = layout_cells(&l) * HVCMA_FDT_CELL_BYTES;
	if (nr > (size_t)(INT32_MAX / each))
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "%zu windows are too many", nr);
	ret = fdt_setprop_placeholder(fdt, node, "dma-ranges", (int)nr * each, &data);
	if (ret)
		return failed(err, ret, bus);
	for (size_t i = 0; i < nr; i++) {
		ret = put_window((fdt32_t *)data + i * (size_t)layout_cells(&l), &l, &windows[i]);
		if (ret)
			return hvcma_fdt_fail(err, ret, "window 0x%" PRIx64 " at 0x%" PRIx64 ", 0x%" PRIx64
					      " bytes, does not fit into the cells of '%s'",
					      windows[i].dma, windows[i].gpa, windows[i].bytes, bus);
	}
	return 0;
}

int hvcma_fdt_nr_dma_ranges(const void *fdt, int bus, int parent)
{
	struct layout l;
	int len;

	if (!fdt_getprop(fdt, bus, "dma-ranges", &len))
		return -FDT_ERR_NOTFOUND;
	if (!len)
		return 0;
	if (!layout_of(fdt, bus, parent, &l))
		return -FDT_ERR_BADNCELLS;
	if (len % (layout_cells(&l) * HVCMA_FDT_CELL_BYTES))
		return -FDT_ERR_BADVALUE;
	return len / (layout_cells(&l) * HVCMA_FDT_CELL_BYTES);
}

struct hvcma_window hvcma_fdt_dma_range(const void *fdt, int bus, int parent, int i)
{
	const fdt32_t *cells = fdt_getprop(fdt, bus, "dma-ranges", NULL);
	struct layout l;

	layout_of(fdt, bus, parent, &l);
	cells += i * layout_cells(&l) + l.is_pci;
	return (struct hvcma_window){
		.dma = hvcma_fdt_get(cells, l.address),
		.gpa = hvcma_fdt_get(cells + l.address, l.parent),
		.bytes = hvcma_fdt_get(cells + l.address + l.parent, l.size),
	};
}
