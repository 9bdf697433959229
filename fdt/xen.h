/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Device trees for Xen on Arm: a device without IOMMU passed to a domain, and
 * the domain's node for domains that Xen itself starts (dom0less).
 *
 * Rules: docs/misc/arm/passthrough.txt and docs/misc/arm/device-tree/booting.txt
 * of Xen 4.17: xen,passthrough, xen,reg, xen,path, xen,force-assign-without-iommu,
 * xen,static-mem, direct-map; of the partial tree Xen keeps /gic (for its
 * phandle), /aliases and /passthrough, and drops the rest, reserved-memory
 * included.
 */
#ifndef HVCMA_FDT_XEN_H
#define HVCMA_FDT_XEN_H

#include "fdt/windows.h"

/* Phandle of the interrupt controller in a domain's own tree (GUEST_PHANDLE_GIC). */
#define HVCMA_XEN_PHANDLE_GIC	65000

struct hvcma_xen_register {
	uint64_t host;			/* machine address */
	uint64_t guest;
	uint64_t bytes;
};

/**
 * hvcma_xen_partial_init() - an empty partial tree.
 * @windows: machine addresses ("dma") of the domain's memory ("gpa"): dma-ranges
 *	of /passthrough, checked and merged; 0 for a direct-mapped domain
 *
 * Errors: -FDT_ERR_NOSPACE, -FDT_ERR_BADNCELLS.
 */
int hvcma_xen_partial_init(void *partial, int bytes, const struct hvcma_window *windows,
			   size_t nr, struct hvcma_fdt_error *err);

/**
 * hvcma_xen_add_device() - copy a device of the host's tree into /passthrough.
 * @host: validated
 * @path: of the device in it
 *
 * Taken over: compatible, interrupts, dma-coherent, and what else means the same in
 * another tree; nothing that refers to other nodes. Registers appear at their
 * machine addresses in the guest; xen,reg has them in whole pages, for Xen maps
 * nothing smaller. The device is assigned without an IOMMU.
 *
 * Errors: -FDT_ERR_NOTFOUND (no such device, or it has no registers),
 * -FDT_ERR_BADVALUE (an address that no bus above translates, too many
 * registers), -FDT_ERR_EXISTS, -FDT_ERR_NOSPACE.
 */
int hvcma_xen_add_device(void *partial, const void *host, const char *path,
			 struct hvcma_fdt_error *err);

/**
 * hvcma_xen_registers() - registers of a device at machine addresses.
 * @nr: out, how many there are; at most @room are written
 *
 * Errors: as hvcma_xen_add_device().
 */
int hvcma_xen_registers(const void *host, const char *path, struct hvcma_xen_register *regs,
			size_t room, size_t *nr, struct hvcma_fdt_error *err);

struct hvcma_xen_domain {
	const char *name;		/* node below /chosen */
	uint64_t memory_bytes;		/* multiple of 1 KiB; with static memory its sum */
	uint32_t cpus;
	const struct hvcma_range *static_memory;	/* machine ranges */
	size_t nr_static_memory;
	int direct_map;			/* guest-physical is machine; needs static memory */
};

/**
 * hvcma_xen_add_domain() - the node of a dom0less domain in the host's tree.
 *
 * Errors: -FDT_ERR_BADVALUE (what Xen would refuse), -FDT_ERR_EXISTS,
 * -FDT_ERR_NOSPACE.
 */
int hvcma_xen_add_domain(void *host, const struct hvcma_xen_domain *domain,
			 struct hvcma_fdt_error *err);

/**
 * hvcma_xen_set_passthrough() - keep a device of the host's tree for guests.
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_NOSPACE.
 */
int hvcma_xen_set_passthrough(void *host, const char *path, struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_XEN_H */
