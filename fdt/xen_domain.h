/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Domains that Xen itself starts (dom0less): their nodes in /chosen of the host's tree, and where in its own
 * addresses such a domain has what. Written here; whether it fits the machine and the other domains is for xen_check.h.
 *
 * Rules: docs/misc/arm/device-tree/booting.txt and create_domUs() of Xen 4.16 to 4.20; the layout:
 * xen/include/public/arch-arm.h, which is the same in 4.17 and 4.20 and no contract of Xen's.
 */
#ifndef HVCMA_FDT_XEN_DOMAIN_H
#define HVCMA_FDT_XEN_DOMAIN_H

#include <stdbool.h>

#include "fdt/windows.h"

/* In a domain's node: full paths of the devices that are passed to it. Xen does not look at it. */
#define HVCMA_XEN_DEVICES	"hvcma,devices"

/* Emulated console of a domain that is not direct-mapped: base, and its SPI (GUEST_VPL011_SPI - 32). */
#define HVCMA_XEN_VPL011_SPI	0
#define HVCMA_XEN_VPL011_BYTES	UINT64_C(0x1000)

/* Longest command line of a module, without its end (BOOTMOD_MAX_CMDLINE). */
#define HVCMA_XEN_MAX_BOOTARGS	1023

enum hvcma_xen_module {
	HVCMA_XEN_KERNEL,
	HVCMA_XEN_RAMDISK,
	HVCMA_XEN_DEVICE_TREE,		/* the partial tree */
	HVCMA_XEN_NR_MODULES
};

enum hvcma_xen_enhanced {
	HVCMA_XEN_PLAIN,		/* no interfaces of Xen: no grants */
	HVCMA_XEN_NO_XENSTORE,		/* all but xenstore */
	HVCMA_XEN_ENHANCED,		/* all; there has to be a control domain */
};

struct hvcma_xen_domain {
	const char *name;		/* node below /chosen, without unit address */
	uint64_t memory_bytes;		/* multiple of 1 KiB; with static memory its sum */
	uint32_t cpus;
	const struct hvcma_range *static_memory;	/* machine ranges */
	size_t nr_static_memory;
	bool direct_map;		/* guest-physical is machine; needs static memory; since Xen 4.17 */
	bool vpl011;			/* emulated console */
	enum hvcma_xen_enhanced enhanced;		/* since Xen 4.17 */
	struct hvcma_range modules[HVCMA_XEN_NR_MODULES];	/* machine ranges; without bytes: none */
	const char *bootargs;		/* of the kernel's module; NULL: none */
	const char *const *devices;	/* as path.h has them; they are kept for guests (xen,passthrough) */
	size_t nr_devices;
};

/** hvcma_xen_module_name() - "kernel", "ramdisk", "device-tree": of its node, and what it is "multiboot," of. */
const char *hvcma_xen_module_name(enum hvcma_xen_module module);

/**
 * hvcma_xen_add_domain() - the node of a dom0less domain in the host's tree.
 * @host: validated, with room; after a failure it may have a part of the domain
 * @domain: nothing of it is kept
 *
 * Errors: -FDT_ERR_BADVALUE (what Xen would refuse, a name that is none),
 * -FDT_ERR_BADNCELLS (static memory does not fit the cells by which Xen reads it:
 * those of /chosen, or else of the root), -FDT_ERR_EXISTS, -FDT_ERR_NOSPACE; of devices,
 * as hvcma_xen_set_passthrough().
 */
int hvcma_xen_add_domain(void *host, const struct hvcma_xen_domain *domain,
			 struct hvcma_fdt_error *err);

/* By how many cells Xen reads xen,static-mem: those of /chosen, or else of the root, or else its own. */
struct hvcma_fdt_cells hvcma_xen_static_cells(const void *host);

/**
 * hvcma_xen_static_extents() - where static memory appears in a domain, "gpa", that is not direct-mapped, as Xen
 * places it: one range after the other from 1 GiB on, beyond 4 GiB from 8 GiB on.
 * @extents: out, "dma" is the machine's; room for @nr + 1, of which some may be written on failure
 * @nr_extents: out, how many there are
 *
 * Errors: -FDT_ERR_BADVALUE: more than a domain has room for.
 */
int hvcma_xen_static_extents(const struct hvcma_range *static_memory, size_t nr,
			     struct hvcma_window *extents, size_t *nr_extents,
			     struct hvcma_fdt_error *err);

/**
 * hvcma_xen_place_of() - what a domain that is not direct-mapped has at some of these addresses already.
 * @range: guest-physical; not empty
 * @memory_bytes: of the domain; 0: not known
 *
 * Return: in words; NULL: nothing.
 */
const char *hvcma_xen_place_of(const struct hvcma_range *range, uint64_t memory_bytes, bool has_vpl011);

#endif /* HVCMA_FDT_XEN_DOMAIN_H */
