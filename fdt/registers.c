// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Registers of a device. See registers.h.
 */
#include <inttypes.h>

#include "fdt/path.h"
#include "fdt/registers.h"

/* Ranges end that far from the end of addresses: they can be rounded up to whole pages. */
#define PAGE_BYTES	UINT64_C(4096)

int hvcma_fdt_find_device(const struct hvcma_fdt_tree *t, const char *where,
			  char full[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	int offset = hvcma_fdt_offset(t->fdt, where, err), ret;

	if (offset < 0)
		return offset;
	ret = hvcma_fdt_full_path(t->fdt, offset, full, err);
	if (ret)
		return ret;
	for (int i = 1; i < t->nr; i++)
		if (t->node[i].offset == offset)
			return i;
	return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "'%.200s' is no device", where);
}

int hvcma_fdt_tree_init_device(struct hvcma_fdt_tree *tree, const void *fdt, const char *where,
			       char full[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	int ret = hvcma_fdt_tree_init(tree, fdt, err), device;

	if (ret)
		return ret;
	device = hvcma_fdt_find_device(tree, where, full, err);
	if (device < 0)
		hvcma_fdt_tree_fini(tree);
	return device;
}

/* Through the "ranges" of one bus; 0 if it does not translate this. */
static int translate(const struct hvcma_fdt_tree *t, int bus, uint64_t *address, uint64_t bytes)
{
	struct hvcma_fdt_cells own = t->node[bus].cells;
	int parent = t->node[t->node[bus].parent].cells.address, each, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(t, bus, "ranges", &len);

	if (!p)
		return 0;
	if (!len)
		return 1;		/* 1:1 */
	if (own.address < 1 || own.address > 2 || own.size < 1 || own.size > 2 || parent < 1 ||
	    parent > 2)
		return 0;
	each = own.address + parent + own.size;
	for (int i = 0; i < len / (each * HVCMA_FDT_CELL_BYTES); i++, p += each) {
		uint64_t child = hvcma_fdt_get(p, own.address);
		uint64_t size = hvcma_fdt_get(p + own.address + parent, own.size);

		if (*address < child || *address - child >= size ||
		    size - (*address - child) < bytes)
			continue;
		*address = *address - child + hvcma_fdt_get(p + own.address, parent);
		return 1;
	}
	return 0;
}

int hvcma_fdt_registers(const struct hvcma_fdt_tree *t, int device, const char *path,
			struct hvcma_range *regs, size_t room, size_t *nr,
			struct hvcma_fdt_error *err)
{
	int parent = t->node[device].parent, len, each;
	struct hvcma_fdt_cells cells = t->node[parent].cells;
	const fdt32_t *p = hvcma_fdt_tree_prop(t, device, "reg", &len);

	each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES;
	if (!p || !len || cells.address < 1 || cells.address > 2 || cells.size < 1 ||
	    cells.size > 2)
		return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "the device '%s' has no registers in memory",
				      path);
	if (len % each)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "registers of '%s': %d bytes are no whole number of addresses and sizes of %d",
				      path, len, each);
	for (size_t i = 0; i < (size_t)(len / each) && i < room;
	     i++, p += cells.address + cells.size) {
		uint64_t address = hvcma_fdt_get(p, cells.address);
		uint64_t bytes = hvcma_fdt_get(p + cells.address, cells.size);

		for (int bus = parent; bus > 0; bus = t->node[bus].parent)
			if (!translate(t, bus, &address, bytes))
				return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "registers of '%s' have no machine address: a bus above does not translate them",
						      path);
		if (!bytes || bytes - 1 > UINT64_MAX - PAGE_BYTES - address)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "registers of '%s': 0x%" PRIx64 " bytes at 0x%"
					      PRIx64 " are no range", path, bytes, address);
		regs[i] = (struct hvcma_range){ address, bytes };
	}
	*nr = (size_t)(len / each);
	return 0;
}
