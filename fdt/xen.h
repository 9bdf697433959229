/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Device trees for Xen on Arm: a device without IOMMU passed to a domain, in its partial tree.
 * Non-purpose: domains that Xen itself starts (xen_domain.h), and whether all fits together
 * (xen_check.h).
 *
 * Rules: docs/misc/arm/passthrough.txt and docs/misc/arm/device-tree/booting.txt
 * of Xen 4.16, 4.17 and later: xen,passthrough, xen,reg, xen,path,
 * xen,force-assign-without-iommu; of the partial tree Xen keeps /gic (for its phandle), /aliases and /passthrough, and
 * drops the rest, reserved-memory included. What a domain can have of interrupts:
 * intc_dt_preinit(), gic_irq_xlate() and route_irq_to_guest().
 *
 * Devices of the host are named as path.h has it. What is written is the full path.
 */
#ifndef HVCMA_FDT_XEN_H
#define HVCMA_FDT_XEN_H

#include <stdbool.h>

#include "fdt/windows.h"

/* Phandle of the interrupt controller in a domain's own tree (GUEST_PHANDLE_GIC). */
#define HVCMA_XEN_PHANDLE_GIC	65000

struct hvcma_xen_register {
	uint64_t host;			/* machine address */
	uint64_t guest;
	uint64_t bytes;
};

struct hvcma_xen_interrupt {
	uint32_t spi;			/* of the GIC; 32 less than what xl counts */
	uint32_t flags;
};

/**
 * hvcma_xen_partial_init() - an empty partial tree.
 * @windows: where devices find the domain's memory ("gpa"), of hvcma_xen_windows():
 *	dma-ranges of /passthrough; 0: 1:1
 *
 * Errors: -FDT_ERR_NOSPACE, -FDT_ERR_BADNCELLS.
 */
int hvcma_xen_partial_init(void *partial, int bytes, const struct hvcma_window *windows,
			   size_t nr, struct hvcma_fdt_error *err);

/**
 * hvcma_xen_windows() - what a device finds of a domain's memory on its bus; one behind an
 * IOMMU finds it where the domain does.
 * @host: validated
 * @path: of the device in it
 * @extents: machine addresses ("dma") of the domain's memory ("gpa"); NULL: it is
 *	direct-mapped
 * @windows: out, to be freed; of @extents what the device reaches, at the addresses of
 *	its bus, by the dma-ranges above it on the host. Without any: @extents. None of a
 *	direct-mapped domain: 1:1
 * @lost_bytes: out, what of @extents the device does not reach
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH; -FDT_ERR_BADVALUE (dma-ranges that can't
 * be read, or that reach nothing of @extents; @extents for a device behind an IOMMU);
 * -FDT_ERR_NOSPACE.
 */
int hvcma_xen_windows(const void *host, const char *path, const struct hvcma_window *extents,
		      size_t nr, struct hvcma_window **windows, size_t *nr_windows,
		      uint64_t *lost_bytes, struct hvcma_fdt_error *err);

/**
 * hvcma_xen_add_device() - copy a device of the host's tree into /passthrough.
 * @host: validated
 * @path: of the device in it
 *
 * Taken over: compatible, interrupts, whether it is coherent, and what else means
 * the same in another tree; nothing that refers to other nodes, see
 * hvcma_xen_left_out(). Registers appear at their machine addresses in the guest;
 * xen,reg has them in whole pages, for Xen maps nothing smaller. The device is
 * assigned without an IOMMU.
 *
 * Errors: -FDT_ERR_NOTFOUND (no such device, or it has no registers),
 * -FDT_ERR_BADPATH (several such devices), -FDT_ERR_BADVALUE (memory, or registers in it,
 * which Xen would map as Device-nGnRE; the GIC itself;
 * an address that no bus above translates, an interrupt that a domain can't have, malformed, too many
 * of either), -FDT_ERR_EXISTS, -FDT_ERR_NOSPACE.
 */
int hvcma_xen_add_device(void *partial, const void *host, const char *path,
			 struct hvcma_fdt_error *err);

/**
 * hvcma_xen_add_region() - have virtio_cma serve all devices of a partial tree, in a domain without
 * xenstore: all of its RAM is one region (docs/bindings/hvcma,xen-ram.yaml).
 * @partial: its devices were added, without windows
 * @name: of the region, 1 to 31 bytes without '/'
 *
 * Errors: -FDT_ERR_BADVALUE (a name that can't be one), -FDT_ERR_NOTFOUND (no device is there),
 * -FDT_ERR_EXISTS, -FDT_ERR_NOSPACE.
 */
int hvcma_xen_add_region(void *partial, const char *name, struct hvcma_fdt_error *err);

/**
 * hvcma_xen_registers() - registers of a device at machine addresses.
 * hvcma_xen_interrupts() - its interrupts, in their order.
 * @nr: out, how many there are; at most @room are written
 *
 * Errors: as hvcma_xen_add_device().
 */
int hvcma_xen_registers(const void *host, const char *path, struct hvcma_xen_register *regs,
			size_t room, size_t *nr, struct hvcma_fdt_error *err);
int hvcma_xen_interrupts(const void *host, const char *path, struct hvcma_xen_interrupt *irqs,
			 size_t room, size_t *nr, struct hvcma_fdt_error *err);

/**
 * hvcma_xen_is_protected() - is a device behind an IOMMU? Xen assigns such a one by it.
 * @host: validated
 * @path: as hvcma_fdt_offset() takes it
 * @full: out, its path
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH, -FDT_ERR_NOSPACE.
 */
int hvcma_xen_is_protected(const void *host, const char *path, char full[HVCMA_FDT_PATH_BYTES],
			   bool *is_protected, struct hvcma_fdt_error *err);

/* @name: of a property, or of a node below the device at @path. */
typedef void hvcma_xen_left_out_fn(void *opaque, const char *path, const char *name,
				   bool is_node);

/**
 * hvcma_xen_left_out() - tell what of a device hvcma_xen_add_device() leaves out.
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH, -FDT_ERR_NOSPACE.
 */
int hvcma_xen_left_out(const void *host, const char *path, hvcma_xen_left_out_fn *say,
		       void *opaque, struct hvcma_fdt_error *err);

/**
 * hvcma_xen_set_passthrough() - keep a device of the host's tree for guests.
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH, -FDT_ERR_NOSPACE.
 */
int hvcma_xen_set_passthrough(void *host, const char *path, struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_XEN_H */
