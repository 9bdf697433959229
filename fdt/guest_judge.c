// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Whether a platform device of a host can be passed through as one device. See guest_device.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/guest_device.h"
#include "fdt/interrupts.h"
#include "fdt/registers.h"

/* Of a GIC: the first cell of a shared interrupt; what the third has, but for a mask of CPUs. */
#define GIC_CELLS	3
#define GIC_SHARED	0
#define GIC_SENSE	0xf
#define GIC_EDGE	1
#define GIC_LEVEL	4

/* Linux puts these on a bus of their own, where vfio-platform has none of them. */
static int check_bus(const struct hvcma_fdt_tree *t, int device, const char *path, struct hvcma_fdt_error *err)
{
	if (!hvcma_fdt_is_compatible(t->fdt, t->node[device].offset, "arm,primecell"))
		return 0;
	return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' is an AMBA device (compatible 'arm,primecell'): Linux has it on the bus 'amba' and VFIO in vfio-amba, supported: platform devices",
			      path);
}

/* A node with a driver of its own within the device's: what is done with one is felt by the other. */
static int check_alone(const struct hvcma_fdt_tree *t, int device, const char *path,
		       struct hvcma_fdt_error *err)
{
	char other[HVCMA_FDT_PATH_BYTES];

	for (int i = device + 1; i < t->nr; i++) {
		int above = t->node[i].parent;

		while (above > device)
			above = t->node[above].parent;
		if (above != device)
			break;		/* nodes below come right behind */
		if (!t->node[i].is_available || !hvcma_fdt_tree_has(t, i, "compatible"))
			continue;
		hvcma_fdt_tree_name(t, i, other);
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' has another device in it, '%.200s': the two can't be told apart",
				      path, other);
	}
	return 0;
}

static bool overlap(const struct hvcma_range *a, const struct hvcma_range *b)
{
	return a->base < b->base + b->bytes && b->base < a->base + a->bytes;
}

static bool is_above(const struct hvcma_fdt_tree *t, int node, int device)
{
	while (device > 0 && device != node)
		device = t->node[device].parent;
	return device == node;
}

static int check_own(const struct hvcma_range *reg, size_t nr, const char *path,
		     struct hvcma_fdt_error *err)
{
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < i; k++)
			if (overlap(&reg[i], &reg[k]))
				return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "registers %zu of '%.200s' (0x%" PRIx64 ", 0x%" PRIx64
						      " bytes) overlap its registers %zu (0x%" PRIx64 ", 0x%" PRIx64 " bytes)",
						      i, path, reg[i].base, reg[i].bytes, k, reg[k].base, reg[k].bytes);
	return 0;
}

static int check_others(const struct hvcma_fdt_tree *t, int device, const struct hvcma_range *reg,
			size_t nr, const char *path, struct hvcma_fdt_error *err)
{
	struct hvcma_range others[HVCMA_GUEST_MAX_REGISTERS];
	char name[HVCMA_FDT_PATH_BYTES];
	size_t nr_others;

	for (int i = 1; i < t->nr; i++) {
		if (!t->node[i].is_available || t->node[i].is_meta || is_above(t, i, device) ||
		    is_above(t, device, i) || t->node[i].is_pci || !hvcma_fdt_tree_has(t, i, "compatible") ||
		    hvcma_fdt_registers(t, i, "", others, HVCMA_GUEST_MAX_REGISTERS, &nr_others, NULL))
			continue;
		for (size_t k = 0; k < nr_others && k < HVCMA_GUEST_MAX_REGISTERS; k++)
			for (size_t r = 0; r < nr; r++) {
				if (!overlap(&reg[r], &others[k]))
					continue;
				hvcma_fdt_tree_name(t, i, name);
				return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "registers %zu of '%.160s' (0x%" PRIx64 ", 0x%" PRIx64
						      " bytes) overlap registers %zu of '%.160s' (0x%" PRIx64 ", 0x%" PRIx64 " bytes)",
						      r, path, reg[r].base, reg[r].bytes, k, name, others[k].base, others[k].bytes);
			}
	}
	return 0;
}

static int check_registers(const struct hvcma_fdt_tree *t, int device, const char *path,
			   const struct hvcma_host_device *vfio, struct hvcma_fdt_error *err)
{
	struct hvcma_range reg[HVCMA_GUEST_MAX_REGISTERS];
	size_t nr;
	int ret = hvcma_fdt_registers(t, device, path, reg, HVCMA_GUEST_MAX_REGISTERS, &nr, err);

	if (ret)
		return ret;
	if (nr > HVCMA_GUEST_MAX_REGISTERS)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' has %zu ranges of registers, limit: %d",
				      path, nr, HVCMA_GUEST_MAX_REGISTERS);
	if (vfio && nr != vfio->nr_regs)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' has %zu ranges of registers in the host's tree, and %zu for VFIO",
				      path, nr, vfio->nr_regs);
	for (size_t i = 0; vfio && i < nr; i++)
		if (reg[i].bytes != vfio->reg_bytes[i])
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "registers %zu of '%.200s' are 0x%" PRIx64
					      " bytes in the host's tree, and 0x%" PRIx64 " for VFIO",
					      i, path, reg[i].bytes, vfio->reg_bytes[i]);
	ret = check_own(reg, nr, path, err);
	return ret ? ret : check_others(t, device, reg, nr, path, err);
}

static bool is_gic(const struct hvcma_fdt_tree *t, int node)
{
	static const char *const known[] = {
		"arm,gic-v3", "arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a9-gic", "arm,cortex-a7-gic",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (hvcma_fdt_is_compatible(t->fdt, t->node[node].offset, known[i]))
			return true;
	return false;
}

/* What arrives by way of another controller is as VFIO has it: that knows what a type is there. */
static int check_interrupt(const struct hvcma_fdt_tree *t, const struct hvcma_fdt_interrupt *irq, size_t i,
			   const char *path, const struct hvcma_host_device *vfio, struct hvcma_fdt_error *err)
{
	bool is_level = vfio && vfio->is_level[i];
	uint32_t kind, sense;

	if (!is_gic(t, irq->controller) || irq->nr_cells < GIC_CELLS)
		return 0;
	kind = fdt32_to_cpu(irq->cells[0]);
	sense = fdt32_to_cpu(irq->cells[2]) & GIC_SENSE;
	if (kind != GIC_SHARED)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "interrupt %zu of '%.200s' (%u %u) is not a shared one (SPI) of the GIC: it is each CPU's own",
				      i, path, kind, fdt32_to_cpu(irq->cells[1]));
	if (sense != GIC_EDGE && sense != GIC_LEVEL)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "interrupt %zu of '%.200s' is of type %u: the GIC has rising edges (%d) and high levels (%d)",
				      i, path, sense, GIC_EDGE, GIC_LEVEL);
	if (vfio && (sense == GIC_LEVEL) != is_level)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "interrupt %zu of '%.200s' is %s in the host's tree, and %s for VFIO",
				      i, path, sense == GIC_LEVEL ? "a level" : "an edge", is_level ? "a level" : "an edge");
	return 0;
}

static int check_interrupts(const struct hvcma_fdt_tree *t, int device, const char *path,
			    const struct hvcma_host_device *vfio, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_interrupt irq;
	int ret;

	for (size_t i = 0;; i++) {
		ret = hvcma_fdt_interrupt(t, device, (int)i, &irq, err);
		if (ret == -FDT_ERR_NOTFOUND && (!vfio || i == vfio->nr_irqs))
			return 0;
		if (!ret && i == HVCMA_GUEST_MAX_INTERRUPTS)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' has more than %d interrupts, the limit",
					      path, HVCMA_GUEST_MAX_INTERRUPTS);
		if (vfio && (ret == -FDT_ERR_NOTFOUND || (!ret && i >= vfio->nr_irqs)))
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' has %s%zu interrupts in the host's tree, and %zu for VFIO",
					      path, ret ? "" : "more than ", i, vfio->nr_irqs);
		if (!ret)
			ret = check_interrupt(t, &irq, i, path, vfio, err);
		if (ret)
			return ret;
	}
}

int hvcma_fdt_judge_device(const void *host, const char *path, const struct hvcma_host_device *vfio,
			   struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int device, ret;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	ret = check_bus(&tree, device, full, err);
	if (!ret)
		ret = check_alone(&tree, device, full, err);
	if (!ret)
		ret = check_registers(&tree, device, full, vfio, err);
	if (!ret)
		ret = check_interrupts(&tree, device, full, vfio, err);
	hvcma_fdt_tree_fini(&tree);
	return ret;
}

/* As large as all nodes of the host, and what stands in. */
#define GUEST_ROOM(host)	(fdt_totalsize(host) + (1 << 16))
#define GUEST_BUS		"/platform-bus"

static int empty_guest(void *guest, size_t room)
{
	int ret = fdt_create_empty_tree(guest, (int)room), bus;

	if (ret)
		return ret;
	bus = fdt_add_subnode(guest, 0, &GUEST_BUS[1]);
	if (bus < 0)
		return bus;
	ret = fdt_setprop_u32(guest, bus, "#address-cells", 1);
	return ret ? ret : fdt_setprop_u32(guest, bus, "#size-cells", 1);
}

/* One behind the other, as far as that goes in one cell: how they are placed is the guest's affair. */
static int place(const void *host, const char *path, struct hvcma_guest_device *d, struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int device, ret;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	ret = hvcma_fdt_registers(&tree, device, full, d->reg, HVCMA_GUEST_MAX_REGISTERS, &d->nr_regs, err);
	if (!ret && d->nr_regs > HVCMA_GUEST_MAX_REGISTERS)
		ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' has %zu ranges of registers, limit: %d",
				     full, d->nr_regs, HVCMA_GUEST_MAX_REGISTERS);
	for (size_t i = 0; !ret && i < d->nr_regs; i++)
		d->reg[i].base = i ? d->reg[i - 1].base + d->reg[i - 1].bytes : d->bus_base;
	hvcma_fdt_tree_fini(&tree);
	return ret;
}

int hvcma_fdt_judge_guest_device(const void *host, const char *path, const struct hvcma_guest_device *device,
				 struct hvcma_fdt_error *err)
{
	struct hvcma_guest_device d = {
		.bus = GUEST_BUS, .clock_hz = device->clock_hz, .nr_clock_hz = device->nr_clock_hz,
		.without = device->without, .nr_without = device->nr_without,
	};
	char node[HVCMA_FDT_PATH_BYTES];
	void *guest = malloc(GUEST_ROOM(host));
	int ret;

	if (!guest)
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for a guest's tree");
	ret = place(host, path, &d, err);
	if (!ret) {
		ret = empty_guest(guest, GUEST_ROOM(host));
		if (ret)
			hvcma_fdt_fail(err, ret, "a guest's tree: %s", hvcma_fdt_reason(ret));
	}
	if (!ret)
		ret = hvcma_fdt_add_guest_device(guest, host, path, &d, NULL, NULL, node, err);
	free(guest);
	return ret;
}
