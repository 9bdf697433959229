// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Device trees for Xen on Arm. See xen.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fdt/bus.h"
#include "fdt/tree.h"
#include "fdt/xen.h"

#define PASSTHROUGH	"/passthrough"
#define XEN_PAGE_BYTES	UINT64_C(4096)
#define MAX_REGISTERS	16

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, fdt_strerror(ret));
}

/* Each step only if the one before worked. */
static int set_cells(void *fdt, int node)
{
	int ret = fdt_setprop_u32(fdt, node, "#size-cells", 2);

	return ret ? ret : fdt_setprop_u32(fdt, node, "#address-cells", 2);
}

int hvcma_xen_partial_init(void *partial, int bytes, const struct hvcma_window *windows,
			   size_t nr, struct hvcma_fdt_error *err)
{
	int node, ret;

	ret = fdt_create_empty_tree(partial, bytes);
	if (!ret)
		ret = set_cells(partial, 0);
	node = ret ? ret : fdt_add_subnode(partial, 0, "gic");
	if (node >= 0)
		ret = fdt_setprop_u32(partial, node, "phandle", HVCMA_XEN_PHANDLE_GIC);
	if (node >= 0 && !ret)
		ret = fdt_setprop_empty(partial, node, "interrupt-controller");
	if (node >= 0 && !ret)
		ret = fdt_setprop_u32(partial, node, "#interrupt-cells", 3);
	if (node >= 0)
		node = ret ? ret : fdt_add_subnode(partial, 0, "passthrough");
	if (node < 0)
		return failed(err, node, "partial device tree");
	ret = set_cells(partial, node);
	if (!ret)
		ret = fdt_setprop_empty(partial, node, "ranges");
	if (!ret)
		ret = fdt_setprop_string(partial, node, "compatible", "simple-bus");
	if (ret)
		return failed(err, ret, PASSTHROUGH);
	return nr ? hvcma_fdt_set_dma_ranges(partial, PASSTHROUGH, windows, nr, err) : 0;
}

/* ---- registers at machine addresses ---- */

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

static int read_registers(const struct hvcma_fdt_tree *t, int device,
			  struct hvcma_xen_register *regs, size_t room, size_t *nr)
{
	int parent = t->node[device].parent, len;
	struct hvcma_fdt_cells cells = t->node[parent].cells;
	int each = cells.address + cells.size;
	const fdt32_t *p = hvcma_fdt_tree_prop(t, device, "reg", &len);

	if (!p || cells.address < 1 || cells.address > 2 || cells.size < 1 || cells.size > 2)
		return -FDT_ERR_NOTFOUND;
	*nr = (size_t)(len / (each * HVCMA_FDT_CELL_BYTES));
	if (!*nr)
		return -FDT_ERR_NOTFOUND;
	for (size_t i = 0; i < *nr && i < room; i++, p += each) {
		uint64_t address = hvcma_fdt_get(p, cells.address);
		uint64_t bytes = hvcma_fdt_get(p + cells.address, cells.size);

		for (int bus = parent; bus > 0; bus = t->node[bus].parent)
			if (!translate(t, bus, &address, bytes))
				return -FDT_ERR_BADVALUE;
		regs[i] = (struct hvcma_xen_register){ address, address, bytes };
	}
	return 0;
}

int hvcma_xen_registers(const void *host, const char *path, struct hvcma_xen_register *regs,
			size_t room, size_t *nr, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_tree tree;
	int device, ret;

	ret = hvcma_fdt_tree_init(&tree, host, err);
	if (ret)
		return ret;
	device = hvcma_fdt_tree_path(&tree, path);
	ret = device > 0 ? read_registers(&tree, device, regs, room, nr) : -FDT_ERR_NOTFOUND;
	hvcma_fdt_tree_fini(&tree);
	if (ret == -FDT_ERR_BADVALUE)
		return hvcma_fdt_fail(err, ret, "registers of '%s' have no machine address: a bus above does not translate them",
				      path);
	if (ret)
		return hvcma_fdt_fail(err, ret, "the host has no device '%s' with registers in memory", path);
	return 0;
}

/* ---- a device ---- */

/* Xen maps whole pages: nothing else may be in them; that is for the user to know. */
static uint64_t page_base(uint64_t address)
{
	return address & ~(XEN_PAGE_BYTES - 1);
}

static uint64_t page_bytes(const struct hvcma_xen_register *r)
{
	uint64_t end = r->host + r->bytes + XEN_PAGE_BYTES - 1;

	return page_base(end) - page_base(r->host);
}

static int put_registers(void *partial, int node, const struct hvcma_xen_register *regs, size_t nr)
{
	fdt32_t reg[4 * MAX_REGISTERS], xen_reg[6 * MAX_REGISTERS];
	int ret;

	for (size_t i = 0; i < nr; i++) {
		hvcma_fdt_put(reg + 4 * i, 2, regs[i].guest);
		hvcma_fdt_put(reg + 4 * i + 2, 2, regs[i].bytes);
		hvcma_fdt_put(xen_reg + 6 * i, 2, page_base(regs[i].host));
		hvcma_fdt_put(xen_reg + 6 * i + 2, 2, page_bytes(&regs[i]));
		hvcma_fdt_put(xen_reg + 6 * i + 4, 2, page_base(regs[i].guest));
	}
	ret = fdt_setprop(partial, node, "xen,reg", xen_reg, (int)(nr * 6 * sizeof(*xen_reg)));
	return ret ? ret : fdt_setprop(partial, node, "reg", reg, (int)(nr * 4 * sizeof(*reg)));
}

/* Values that mean the same in another tree. */
static const char *const plain_props[] = {
	"interrupt-names", "reg-names", "dma-coherent", "dma-noncoherent", "clock-frequency",
	"current-speed", "reg-shift", "reg-io-width", "interrupts", "compatible",
};

static int copy_props(void *partial, int to, const void *host, int from)
{
	for (size_t i = 0; i < sizeof(plain_props) / sizeof(*plain_props); i++) {
		int len, ret;
		const void *value = fdt_getprop(host, from, plain_props[i], &len);

		if (!value)
			continue;
		ret = fdt_setprop(partial, to, plain_props[i], value, len);
		if (ret)
			return ret;
	}
	return 0;
}

int hvcma_xen_add_device(void *partial, const void *host, const char *path,
			 struct hvcma_fdt_error *err)
{
	struct hvcma_xen_register regs[MAX_REGISTERS];
	const char *host_name;
	char name[64];
	size_t nr;
	int from, node, ret, len;

	ret = hvcma_xen_registers(host, path, regs, MAX_REGISTERS, &nr, err);
	if (ret)
		return ret;
	if (nr > MAX_REGISTERS)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' has %zu ranges of registers, limit: %d",
				      path, nr, MAX_REGISTERS);
	from = fdt_path_offset(host, path);
	host_name = fdt_get_name(host, from, &len);
	len = (int)strcspn(host_name, "@");
	snprintf(name, sizeof(name), "%.*s@%" PRIx64, len < 32 ? len : 32, host_name, regs[0].guest);
	node = fdt_path_offset(partial, PASSTHROUGH);
	if (node >= 0)
		node = fdt_add_subnode(partial, node, name);
	if (node < 0)
		return failed(err, node, name);
	ret = fdt_setprop_empty(partial, node, "xen,force-assign-without-iommu");
	if (!ret)
		ret = fdt_setprop_string(partial, node, "xen,path", path);
	if (!ret && fdt_getprop(host, from, "interrupts", NULL))
		ret = fdt_setprop_u32(partial, node, "interrupt-parent", HVCMA_XEN_PHANDLE_GIC);
	if (!ret)
		ret = put_registers(partial, node, regs, nr);
	if (!ret)
		ret = copy_props(partial, node, host, from);
	return ret ? failed(err, ret, name) : 0;
}

/* ---- the host's tree ---- */

int hvcma_xen_set_passthrough(void *host, const char *path, struct hvcma_fdt_error *err)
{
	int node = hvcma_fdt_offset(host, path, err), ret;

	if (node < 0)
		return node;
	ret = fdt_setprop_empty(host, node, "xen,passthrough");
	return ret ? failed(err, ret, path) : 0;
}

static int check_domain(const struct hvcma_xen_domain *d, struct hvcma_fdt_error *err)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < d->nr_static_memory; i++) {
		const struct hvcma_range *r = &d->static_memory[i];

		if (!r->bytes || (r->base | r->bytes) & (XEN_PAGE_BYTES - 1) ||
		    r->bytes - 1 > UINT64_MAX - r->base)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': static memory 0x%" PRIx64 ", 0x%" PRIx64
					      " bytes, is not whole pages of 4096", d->name, r->base,
					      r->bytes);
		sum += r->bytes;
	}
	if (!d->memory_bytes || d->memory_bytes & 1023)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': memory of %" PRIu64 " bytes is not a multiple of 1024",
				      d->name, d->memory_bytes);
	if (d->nr_static_memory && sum != d->memory_bytes)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': memory is %" PRIu64 " bytes, but its static memory %"
				      PRIu64, d->name, d->memory_bytes, sum);
	if (d->direct_map && !d->nr_static_memory)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': direct-map needs static memory", d->name);
	if (!d->cpus)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s' has no processor", d->name);
	return 0;
}

static int put_static_memory(void *host, int node, const struct hvcma_xen_domain *d)
{
	for (size_t i = 0; i < d->nr_static_memory; i++) {
		fdt32_t range[4];
		int ret;

		hvcma_fdt_put(range, 2, d->static_memory[i].base);
		hvcma_fdt_put(range + 2, 2, d->static_memory[i].bytes);
		ret = fdt_appendprop(host, node, "xen,static-mem", range, sizeof(range));
		if (ret)
			return ret;
	}
	return 0;
}

int hvcma_xen_add_domain(void *host, const struct hvcma_xen_domain *d,
			 struct hvcma_fdt_error *err)
{
	fdt32_t kib[2];
	int node, ret;

	ret = check_domain(d, err);
	if (ret)
		return ret;
	node = fdt_path_offset(host, "/chosen");
	if (node == -FDT_ERR_NOTFOUND)
		node = fdt_add_subnode(host, 0, "chosen");
	if (node >= 0)
		node = fdt_add_subnode(host, node, d->name);
	if (node < 0)
		return failed(err, node, d->name);
	ret = set_cells(host, node);
	if (!ret)
		ret = fdt_setprop_string(host, node, "compatible", "xen,domain");
	hvcma_fdt_put(kib, 2, d->memory_bytes / 1024);
	if (!ret)
		ret = fdt_setprop(host, node, "memory", kib, sizeof(kib));
	if (!ret)
		ret = fdt_setprop_u32(host, node, "cpus", d->cpus);
	if (!ret)
		ret = put_static_memory(host, node, d);
	if (!ret && d->direct_map)
		ret = fdt_setprop_empty(host, node, "direct-map");
	return ret ? failed(err, ret, d->name) : 0;
}
