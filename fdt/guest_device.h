/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * A platform device of a host, passed through without an IOMMU: whether it can be, by what the
 * host's tree says of it, and its node in the guest's tree.
 *
 * Rules: the devicetree specification; GIC: arm,gic.yaml and arm,gic-v3.yaml of Linux (three
 * cells: 0 for a shared interrupt, its number, 1 for edge or 4 for level); clock-bindings,
 * fixed-clock.yaml and fixed-regulator.yaml for what stands in.
 *
 * What a property refers to decides what becomes of it. Nothing that refers to another node of
 * the host's tree gets into the guest's.
 *
 *	kind		which				in the guest
 *	plain		no reference			the same
 *	stand-in	clocks, NAME-supply		a fixed clock, a fixed regulator
 *	host's		pinctrl, power domains, ...	left out: the host's part, as it has left it
 *			memory-region of pools		left out: the guest's region is its pool
 *	driven		resets, phys, DMA channels,	refused, unless it is said that the guest
 *			GPIOs, ..., memory-region of	does without
 *			what is no pool
 *	unknown		other properties with a number	left out
 *			that is a phandle
 *
 * Devices of the host are named as path.h has it.
 */
#ifndef HVCMA_FDT_GUEST_DEVICE_H
#define HVCMA_FDT_GUEST_DEVICE_H

#include <stdbool.h>

#include "fdt/windows.h"

#define HVCMA_GUEST_MAX_REGISTERS	16
#define HVCMA_GUEST_MAX_INTERRUPTS	64

enum hvcma_fdt_need {
	HVCMA_NEED_PLAIN,
	HVCMA_NEED_STAND_IN,
	HVCMA_NEED_HOST,
	HVCMA_NEED_DRIVEN,
	HVCMA_NEED_UNKNOWN,
	HVCMA_NR_NEEDS
};

typedef void hvcma_fdt_need_fn(void *opaque, const char *property, enum hvcma_fdt_need need);

/**
 * hvcma_fdt_device_needs() - each property of a device that is not plain.
 * @host: validated
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH; -FDT_ERR_NOSPACE: out of memory.
 */
int hvcma_fdt_device_needs(const void *host, const char *path, hvcma_fdt_need_fn *say,
			   void *opaque, struct hvcma_fdt_error *err);

/* What VFIO has of a device. */
struct hvcma_host_device {
	uint64_t reg_bytes[HVCMA_GUEST_MAX_REGISTERS];
	size_t nr_regs;
	bool is_level[HVCMA_GUEST_MAX_INTERRUPTS];	/* else edge */
	size_t nr_irqs;
};

/**
 * hvcma_fdt_judge_device() - is it one device, with its registers to itself and interrupts that
 * a guest can have?
 * @host: validated
 * @vfio: what the kernel has made of the node; NULL: not known yet, as the tree alone has it
 *
 * Errors: -FDT_ERR_NOTFOUND, no such node, or it has no registers; -FDT_ERR_BADPATH; -FDT_ERR_BADVALUE,
 * naming node and value: an AMBA device ("arm,primecell"), which is not on the platform bus; another device
 * in the same node; registers that overlap each other's or those of another node that is neither
 * above nor below; more registers or interrupts than the limits above; a number or size of registers, or
 * a number of interrupts, other than VFIO's; an interrupt of the GIC that is not shared, or neither an edge
 * nor a level, or of the other kind than VFIO has it; -FDT_ERR_NOSPACE: out of memory.
 */
int hvcma_fdt_judge_device(const void *host, const char *path, const struct hvcma_host_device *vfio,
			   struct hvcma_fdt_error *err);

/* Where the device is in the guest. */
struct hvcma_guest_device {
	const char *bus;		/* node to add it below: one cell for addresses and sizes */
	uint64_t bus_base;		/* what its addresses are relative to */
	struct hvcma_range reg[HVCMA_GUEST_MAX_REGISTERS];	/* guest-physical */
	size_t nr_regs;
	uint32_t spi[HVCMA_GUEST_MAX_INTERRUPTS];	/* of the guest's GIC */
	bool is_level[HVCMA_GUEST_MAX_INTERRUPTS];
	size_t nr_irqs;
	const uint32_t *clock_hz;	/* of each of its clocks; those that are not said: the tree's */
	size_t nr_clock_hz;
	const char *const *without;	/* properties of the kind "driven" that it does without */
	size_t nr_without;
};

/**
 * hvcma_fdt_add_guest_device() - the device's node, and those that stand in for others.
 * @guest: edited in place
 * @host: validated
 * @path: of the device in it
 * @say: told of each property that is left out; may be NULL
 * @node: out, its path in the guest's tree
 *
 * Coherency is the host's: where the guest's buses have another, the node says so, and the
 * buses above a device that is not coherent no longer say that they are: kernels before 6.4 do
 * not know dma-noncoherent.
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH; -FDT_ERR_BADVALUE: a property of the kind "driven" (named,
 * with what allows it), a clock whose rate is not known; -FDT_ERR_BADNCELLS: an address does not fit;
 * -FDT_ERR_EXISTS; -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_add_guest_device(void *guest, const void *host, const char *path,
			       const struct hvcma_guest_device *device, hvcma_fdt_need_fn *say,
			       void *opaque, char node[HVCMA_FDT_PATH_BYTES],
			       struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_judge_guest_device() - would hvcma_fdt_add_guest_device() give a guest this device? On a
 * tree of its own, with the registers that the host's has.
 * @device: its clocks and what it does without; the rest of it is not looked at
 *
 * Errors: as that function's, and hvcma_fdt_registers()'s.
 */
int hvcma_fdt_judge_guest_device(const void *host, const char *path, const struct hvcma_guest_device *device,
				 struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_GUEST_DEVICE_H */
