// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Device trees for Xen on Arm. See xen.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/bus.h"
#include "fdt/dma.h"
#include "fdt/interrupts.h"
#include "fdt/path.h"
#include "fdt/registers.h"
#include "fdt/xen.h"
#include "fdt/xen_internal.h"

#define PASSTHROUGH	"/passthrough"
#define REGION		"vcma"
#define REGION_NAME_BYTES	32	/* as the driver has room for */
#define MAX_REGISTERS	16
#define MAX_INTERRUPTS	128
/* Of a GIC: the first cell of an interrupt, and how many interrupts of that kind. */
#define SHARED		0
#define NR_SHARED	988

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, hvcma_fdt_reason(ret));
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

static int read_registers(const struct hvcma_fdt_tree *t, int device, const char *path,
			  struct hvcma_xen_register *regs, size_t room, size_t *nr,
			  struct hvcma_fdt_error *err)
{
	struct hvcma_range at[MAX_REGISTERS];
	size_t found;
	int ret = hvcma_fdt_registers(t, device, path, at, MAX_REGISTERS, &found, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < found && i < room && i < MAX_REGISTERS; i++)
		regs[i] = (struct hvcma_xen_register){ at[i].base, at[i].base, at[i].bytes };
	*nr = found;
	return 0;
}

int hvcma_xen_registers(const void *host, const char *path, struct hvcma_xen_register *regs,
			size_t room, size_t *nr, struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int device, ret;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	ret = read_registers(&tree, device, full, regs, room, nr, err);
	hvcma_fdt_tree_fini(&tree);
	return ret;
}

/* ---- memory as its bus has it ---- */

/* The dma-ranges above a device, up to the top; none: 1:1. An IOMMU gives it the domain's own addresses. */
static int read_pieces(const struct hvcma_fdt_tree *t, int device, struct hvcma_window **pieces,
		       size_t *nr, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_windows w;
	struct hvcma_fdt_dma dma;
	char path[HVCMA_FDT_PATH_BYTES];
	int ret = hvcma_fdt_dma_init(&dma, t, err), bus;

	*pieces = NULL;
	*nr = 0;
	if (ret)
		return ret;
	bus = hvcma_fdt_dma_is_behind_iommu(&dma, device) ? -1 : hvcma_fdt_dma_bus(&dma, device, NULL);
	if (bus >= 0)
		ret = hvcma_fdt_dma_windows(&dma, bus, &w);
	hvcma_fdt_dma_fini(&dma);
	if (bus < 0)
		return 0;
	hvcma_fdt_tree_name(t, bus, path);
	if (ret)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "dma-ranges of '%s' can't be read: \"hvcma fdt check\" says more",
				      path);
	*pieces = calloc(2 * w.nr + 1, sizeof(**pieces));
	if (!*pieces || hvcma_windows_pieces(w.window, w.nr, *pieces, nr))
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for %zu windows", w.nr);
	else if (!*nr)
		ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "dma-ranges of '%s' lead nowhere", path);
	hvcma_fdt_windows_free(&w);
	return ret;
}

static int make_windows(const struct hvcma_fdt_tree *t, int device, const char *path,
			const struct hvcma_window *extents, size_t nr,
			struct hvcma_window **windows, size_t *nr_windows,
			uint64_t *lost_bytes, struct hvcma_fdt_error *err)
{
	struct hvcma_window *pieces;
	size_t nr_pieces;
	int ret;

	if (nr && hvcma_xen_is_behind_iommu(t, device))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' is behind an IOMMU, by which it has the domain's own addresses: machine addresses of extents are not for it",
				      path);
	ret = read_pieces(t, device, &pieces, &nr_pieces, err);
	if (ret || !nr) {
		*windows = pieces;
		*nr_windows = nr_pieces;
		return ret;
	}
	*windows = calloc(nr * (nr_pieces + 1), sizeof(**windows));
	if (!*windows)
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for %zu windows", nr);
	else if (pieces)
		*nr_windows = hvcma_windows_on_bus(extents, nr, pieces, nr_pieces, *windows, lost_bytes);
	else
		memcpy(*windows, extents, (*nr_windows = nr) * sizeof(*extents));
	free(pieces);
	if (!ret && !*nr_windows)
		ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' reaches none of these extents: dma-ranges above it, on the host, end elsewhere",
				     path);
	return ret;
}

int hvcma_xen_windows(const void *host, const char *path, const struct hvcma_window *extents,
		      size_t nr, struct hvcma_window **windows, size_t *nr_windows,
		      uint64_t *lost_bytes, struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int device, ret;

	*windows = NULL;
	*nr_windows = 0;
	*lost_bytes = 0;
	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	ret = make_windows(&tree, device, full, extents, nr, windows, nr_windows, lost_bytes, err);
	hvcma_fdt_tree_fini(&tree);
	if (ret) {
		free(*windows);
		*windows = NULL;
	}
	return ret;
}

bool hvcma_xen_is_behind_iommu(const struct hvcma_fdt_tree *t, int device)
{
	struct hvcma_fdt_dma dma;
	bool is_behind;

	if (hvcma_fdt_dma_init(&dma, t, NULL))
		return false;
	is_behind = hvcma_fdt_dma_is_behind_iommu(&dma, device);
	hvcma_fdt_dma_fini(&dma);
	return is_behind;
}

int hvcma_xen_is_protected(const void *host, const char *path, char full[HVCMA_FDT_PATH_BYTES],
			   bool *is_protected, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_tree tree;
	int device;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	*is_protected = hvcma_xen_is_behind_iommu(&tree, device);
	hvcma_fdt_tree_fini(&tree);
	return 0;
}

/* ---- interrupts ---- */

int hvcma_xen_find_gic(const struct hvcma_fdt_tree *t)
{
	static const char *const known[] = {
		"arm,cortex-a15-gic", "arm,cortex-a7-gic", "arm,gic-400", "arm,gic-v3",
	};

	for (int i = 1; i < t->nr; i++)
		for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			if (hvcma_fdt_tree_has(t, i, "interrupt-controller") &&
			    t->node[i].is_enabled && !t->node[i].is_meta &&
			    hvcma_fdt_is_compatible(t->fdt, t->node[i].offset, known[k]))
				return i;
	return -1;
}

/* Xen gives a domain shared interrupts of the GIC and none else (route_irq_to_guest()). */
static int read_interrupt(const struct hvcma_fdt_tree *t, const char *path, int i,
			  const struct hvcma_fdt_interrupt *from, struct hvcma_xen_interrupt *to,
			  struct hvcma_fdt_error *err)
{
	char controller[HVCMA_FDT_PATH_BYTES];
	uint32_t kind, number;

	if (from->controller != hvcma_xen_find_gic(t)) {
		hvcma_fdt_tree_name(t, from->controller, controller);
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "interrupt %d of '%.120s' is of the interrupt controller '%.120s', not of the GIC that Xen drives: a domain can't have it",
				      i, path, controller);
	}
	if (from->nr_cells < 3)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "interrupt %d of '%.200s': the GIC is told %d cells, not 3",
				      i, path, from->nr_cells);
	kind = fdt32_to_cpu(from->cells[0]);
	number = fdt32_to_cpu(from->cells[1]);
	if (kind != SHARED || number >= NR_SHARED)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "interrupt %d of '%.200s' (%u %u) is no SPI of the GIC: Xen gives a domain no PPI, and takes an ESPI for one",
				      i, path, kind, number);
	*to = (struct hvcma_xen_interrupt){ number, fdt32_to_cpu(from->cells[2]) };
	return 0;
}

int hvcma_xen_read_interrupts(const struct hvcma_fdt_tree *t, int device, const char *path,
			      struct hvcma_xen_interrupt *irqs, size_t room, size_t *nr,
			      struct hvcma_fdt_error *err)
{
	for (size_t i = 0;; i++) {
		struct hvcma_xen_interrupt to;
		struct hvcma_fdt_interrupt from;
		int ret = hvcma_fdt_interrupt(t, device, (int)i, &from, err);

		if (ret == -FDT_ERR_NOTFOUND) {
			*nr = i;
			return 0;
		}
		if (!ret)
			ret = read_interrupt(t, path, (int)i, &from, &to, err);
		if (ret)
			return ret;
		if (i < room)
			irqs[i] = to;
	}
}

int hvcma_xen_interrupts(const void *host, const char *path, struct hvcma_xen_interrupt *irqs,
			 size_t room, size_t *nr, struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int device, ret;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	ret = hvcma_xen_read_interrupts(&tree, device, full, irqs, room, nr, err);
	hvcma_fdt_tree_fini(&tree);
	return ret;
}

/* ---- a device ---- */

/* Xen maps whole pages: nothing else may be in them; that is for the user to know. */
static uint64_t page_base(uint64_t address)
{
	return address & ~(HVCMA_XEN_PAGE_BYTES - 1);
}

static uint64_t page_bytes(const struct hvcma_xen_register *r)
{
	uint64_t end = r->host + r->bytes + HVCMA_XEN_PAGE_BYTES - 1;

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

static int put_interrupts(void *partial, int node, const struct hvcma_xen_interrupt *irqs,
			  size_t nr)
{
	fdt32_t cells[3 * MAX_INTERRUPTS];
	int ret;

	if (!nr)
		return 0;
	for (size_t i = 0; i < nr; i++) {
		cells[3 * i] = cpu_to_fdt32(SHARED);
		cells[3 * i + 1] = cpu_to_fdt32(irqs[i].spi);
		cells[3 * i + 2] = cpu_to_fdt32(irqs[i].flags);
	}
	ret = fdt_setprop(partial, node, "interrupts", cells, (int)(nr * 3 * sizeof(*cells)));
	return ret ? ret : fdt_setprop_u32(partial, node, "interrupt-parent",
					   HVCMA_XEN_PHANDLE_GIC);
}

/* Values that mean the same in another tree. */
static const char *const plain_props[] = {
	"interrupt-names", "reg-names", "clock-frequency", "current-speed", "reg-shift",
	"reg-io-width", "compatible",
};

/* What is made anew, or speaks of the node itself. */
static const char *const known_props[] = {
	"reg", "interrupts", "interrupts-extended", "interrupt-parent", "dma-coherent",
	"dma-noncoherent", "phandle", "linux,phandle", "status", "name", "xen,passthrough",
};

static bool is_in(const char *name, const char *const *names, size_t nr)
{
	while (nr--)
		if (!strcmp(name, *names++))
			return true;
	return false;
}

#define IS_IN(name, names)	is_in(name, names, sizeof(names) / sizeof(*(names)))

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

/* Said of the device itself: the buses that it inherits it from are not there. */
static int put_coherent(void *partial, int node, const struct hvcma_fdt_tree *t, int device)
{
	struct hvcma_fdt_dma dma;
	bool is_coherent;
	int ret = hvcma_fdt_dma_init(&dma, t, NULL);

	if (ret)
		return ret;
	is_coherent = hvcma_fdt_dma_is_coherent(&dma, device);
	hvcma_fdt_dma_fini(&dma);
	return is_coherent ? fdt_setprop_empty(partial, node, "dma-coherent") : 0;
}

struct device {
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_xen_register regs[MAX_REGISTERS];
	struct hvcma_xen_interrupt irqs[MAX_INTERRUPTS];
	size_t nr_regs, nr_irqs;
};

static int put_device(void *partial, const struct hvcma_fdt_tree *t, int from,
		      const struct device *d, struct hvcma_fdt_error *err)
{
	const char *host_name = fdt_get_name(t->fdt, t->node[from].offset, NULL);
	char name[HVCMA_FDT_PATH_BYTES];
	int node, ret;

	snprintf(name, sizeof(name), "%.*s@%" PRIx64, (int)strcspn(host_name, "@"), host_name,
		 d->regs[0].guest);
	node = fdt_path_offset(partial, PASSTHROUGH);
	if (node >= 0)
		node = fdt_add_subnode(partial, node, name);
	if (node < 0)
		return failed(err, node, name);
	ret = fdt_setprop_empty(partial, node, "xen,force-assign-without-iommu");
	if (!ret)
		ret = fdt_setprop_string(partial, node, "xen,path", d->path);
	if (!ret)
		ret = put_interrupts(partial, node, d->irqs, d->nr_irqs);
	if (!ret)
		ret = put_registers(partial, node, d->regs, d->nr_regs);
	if (!ret)
		ret = put_coherent(partial, node, t, from);
	if (!ret)
		ret = copy_props(partial, node, t->fdt, t->node[from].offset);
	return ret ? failed(err, ret, name) : 0;
}

/* ---- what is memory ---- */

static bool is_memory(const struct hvcma_fdt_tree *t, int node)
{
	int len;
	const char *type = hvcma_fdt_tree_prop(t, node, "device_type", &len);

	return type && len == sizeof("memory") && !memcmp(type, "memory", sizeof("memory"));
}

static bool is_reserved(const struct hvcma_fdt_tree *t, int node)
{
	while (node > 0 && t->node[node].parent > 0)
		node = t->node[node].parent;
	return node > 0 && !strcmp(t->node[node].name, "reserved-memory");
}

int hvcma_xen_memory_at(const struct hvcma_fdt_tree *t, const struct hvcma_range *range)
{
	struct hvcma_range at[MAX_REGISTERS];

	for (int i = 1; i < t->nr; i++) {
		size_t nr;

		if (!t->node[i].is_available || t->node[i].is_meta || (!is_memory(t, i) && !is_reserved(t, i)) ||
		    hvcma_fdt_registers(t, i, "", at, MAX_REGISTERS, &nr, NULL))
			continue;
		for (size_t k = 0; k < nr && k < MAX_REGISTERS; k++)
			if (hvcma_xen_overlap(&at[k], range))
				return i;
	}
	return -1;
}

/*
 * Xen would map it as device memory (Device-nGnRE, p2m_mmio_direct_dev): a processor's first
 * unaligned access ends the domain. So no pool comes to a domain as the registers of a device.
 */
static int refuse_memory(const struct hvcma_fdt_tree *t, int device, const struct device *d,
			 struct hvcma_fdt_error *err)
{
	char memory[HVCMA_FDT_PATH_BYTES];

	if (is_memory(t, device) || is_reserved(t, device))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' is memory, no device that a domain can have: Xen would map it as Device-nGnRE, on which unaligned accesses are fatal",
				      d->path);
	for (size_t i = 0; i < d->nr_regs && i < MAX_REGISTERS; i++) {
		struct hvcma_range range = { d->regs[i].host, d->regs[i].bytes };
		int node = hvcma_xen_memory_at(t, &range);

		if (node < 0)
			continue;
		hvcma_fdt_tree_name(t, node, memory);
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "registers of '%.200s' at 0x%" PRIx64 " are memory of the host ('%.150s'): Xen would map it as Device-nGnRE, on which unaligned accesses are fatal",
				      d->path, range.base, memory);
	}
	return 0;
}

static int read_device(const struct hvcma_fdt_tree *t, const char *path, struct device *d,
		       struct hvcma_fdt_error *err)
{
	int device = hvcma_fdt_find_device(t, path, d->path, err), ret;

	if (device < 0)
		return device;
	if (device == hvcma_xen_find_gic(t))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' is the GIC that Xen drives, no device that a domain can have",
				      d->path);
	ret = read_registers(t, device, d->path, d->regs, MAX_REGISTERS, &d->nr_regs, err);
	if (!ret)
		ret = refuse_memory(t, device, d, err);
	if (!ret)
		ret = hvcma_xen_read_interrupts(t, device, d->path, d->irqs, MAX_INTERRUPTS, &d->nr_irqs, err);
	if (ret)
		return ret;
	if (d->nr_regs > MAX_REGISTERS || d->nr_irqs > MAX_INTERRUPTS)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' has %zu ranges of registers and %zu interrupts, limits: %d, %d",
				      d->path, d->nr_regs, d->nr_irqs, MAX_REGISTERS, MAX_INTERRUPTS);
	return device;
}

int hvcma_xen_add_device(void *partial, const void *host, const char *path,
			 struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_tree tree;
	struct device device;
	int from, ret;

	ret = hvcma_fdt_tree_init(&tree, host, err);
	if (ret)
		return ret;
	from = read_device(&tree, path, &device, err);
	ret = from < 0 ? from : put_device(partial, &tree, from, &device, err);
	hvcma_fdt_tree_fini(&tree);
	return ret;
}

/* ---- a region ---- */

/* Each device gets a phandle. */
static int number_devices(void *partial, uint32_t *first, uint32_t *nr)
{
	uint32_t phandle;
	int node, bus, ret = fdt_generate_phandle(partial, first);

	*nr = 0;
	do {	/* a property that is added moves what follows */
		bus = fdt_path_offset(partial, PASSTHROUGH);
		if (ret || bus < 0)
			return ret ? ret : bus;
		phandle = 0;
		fdt_for_each_subnode(node, partial, bus) {
			if (fdt_get_phandle(partial, node))
				continue;
			phandle = *first + (*nr)++;
			ret = fdt_setprop_u32(partial, node, "phandle", phandle);
			break;
		}
	} while (phandle);
	return ret;
}

static int put_region(void *partial, const char *name, uint32_t first, uint32_t nr)
{
	int node = fdt_path_offset(partial, PASSTHROUGH), ret;

	if (node >= 0)
		node = fdt_add_subnode(partial, node, REGION);
	if (node < 0)
		return node;
	ret = fdt_setprop_string(partial, node, "compatible", "hvcma,xen-ram");
	if (!ret)
		ret = fdt_setprop_string(partial, node, "region-name", name);
	for (uint32_t i = 0; i < nr && !ret; i++)
		ret = fdt_appendprop_u32(partial, node, "clients", first + i);
	return ret;
}

int hvcma_xen_add_region(void *partial, const char *name, struct hvcma_fdt_error *err)
{
	size_t bytes = strlen(name);
	uint32_t first, nr;
	int ret;

	if (!bytes || bytes >= REGION_NAME_BYTES || strchr(name, '/'))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.64s' is no name of a region: 1 to %d bytes without '/'",
				      name, REGION_NAME_BYTES - 1);
	if (fdt_path_offset(partial, PASSTHROUGH "/" REGION) >= 0)
		return failed(err, -FDT_ERR_EXISTS, PASSTHROUGH "/" REGION);
	ret = number_devices(partial, &first, &nr);
	if (!ret && !nr)
		ret = -FDT_ERR_NOTFOUND;
	if (!ret)
		ret = put_region(partial, name, first, nr);
	return ret ? failed(err, ret, PASSTHROUGH "/" REGION) : 0;
}

int hvcma_xen_left_out(const void *host, const char *path, hvcma_xen_left_out_fn *say,
		       void *opaque, struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int device, node, prop;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	device = tree.node[device].offset;
	hvcma_fdt_tree_fini(&tree);
	fdt_for_each_property_offset(prop, host, device) {
		const char *name;

		if (fdt_getprop_by_offset(host, prop, &name, NULL) &&
		    !IS_IN(name, plain_props) && !IS_IN(name, known_props))
			say(opaque, full, name, false);
	}
	fdt_for_each_subnode(node, host, device)
		say(opaque, full, fdt_get_name(host, node, NULL), true);
	return 0;
}

/* ---- the host's tree ---- */

int hvcma_xen_set_passthrough(void *host, const char *path, struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int node, ret;

	node = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (node < 0)
		return node;
	node = tree.node[node].offset;
	hvcma_fdt_tree_fini(&tree);
	ret = fdt_setprop_empty(host, node, "xen,passthrough");
	return ret ? failed(err, ret, path) : 0;
}
