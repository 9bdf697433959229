/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The DMA windows of a PCI or platform device of this host: what of host-physical memory it reaches
 * when nothing translates, and at which addresses on its bus.
 *
 * The host's device tree has them, at the node of the host bridge:
 *
 *	SYSFS/bus/pci/devices/BDF -> .../soc/1000110000.pcie/pci0000:00/0000:00:00.0/BDF
 *	                                  of_node -> .../devicetree/base/axi/pcie@1000110000
 *
 * (pci_dma_configure() of Linux takes the node of what pciDDDD:BB is the child of; some
 * host bridges have it themselves.) On x86 addresses are 1:1. ACPI has windows in _DMA,
 * which no program can see.
 *
 * Who reads trees is handed in: this folder knows none.
 */
#ifndef HVCMA_HOST_BUS_WINDOWS_H
#define HVCMA_HOST_BUS_WINDOWS_H

#include "hv/core/dma_windows.h"
#include "hv/host/provider.h"

#define HVCMA_NODE_PATH_BYTES	512
#define HVCMA_PCI_NAME_BYTES	32

/* Where windows are known from. */
enum hvcma_windows_origin {
	HVCMA_WINDOWS_X86,	/* 1:1, as all host bridges of x86 are */
	HVCMA_WINDOWS_ACPI,	/* taken for 1:1: nobody can see */
	HVCMA_WINDOWS_TREE,	/* read */
};

struct hvcma_bus_windows {
	struct hvcma_dma_windows windows;
	enum hvcma_windows_origin origin;
	char node[HVCMA_NODE_PATH_BYTES];	/* the host bridge's in the tree; "": no tree */
	/* for people: which file, whose dma-ranges; and what they had better know, or "" */
	char source[HVCMA_NODE_PATH_BYTES + 128];
	const char *note;
};

/**
 * hvcma_tree_reader_fn() - the windows of @node in a tree.
 * @blob, @bytes: flattened, unchecked
 * @windows: out
 * @bus: out, whose dma-ranges they are; "": nobody's, it is 1:1
 *
 * hvcma_fdt_device_windows() does it.
 *
 * Return: 0; -ENOENT: no such node; another negative errno: what the tree says is refused.
 * With words in @err.
 */
typedef int hvcma_tree_reader_fn(const void *blob, size_t bytes, const char *node,
				 struct hvcma_dma_windows *windows,
				 char bus[HVCMA_NODE_PATH_BYTES], struct hvcma_error *err);

/* The machine that is asked; tests have recorded ones. */
struct hvcma_machine {
	const char *sysfs;
	bool is_x86;
};

/** hvcma_this_machine - the one that this runs on: "/sys". */
extern const struct hvcma_machine hvcma_this_machine;

/**
 * hvcma_pci_name() - the device that is meant, as sysfs names it.
 * @bdf: "0000:01:00.0", or "01:00.0" in domain 0
 *
 * Return: 0, or -EINVAL with words if it has not that form; nothing is looked for.
 */
int hvcma_pci_name(const char *bdf, char name[HVCMA_PCI_NAME_BYTES], struct hvcma_error *err);

/**
 * hvcma_bus_windows_of_pci() - windows of the PCI device at @bdf.
 * @bdf: "0000:01:00.0", or "01:00.0" in domain 0
 * @found: out
 *
 * Of the tree the machine was booted with, if it may be read and has the node; else of that
 * of now.
 *
 * Return: 0; -EINVAL: @bdf is none; -ENOENT: there is no such device, or no tree has its
 * host bridge's node; -ENODEV: its host bridge has neither a node nor ACPI; what @read
 * and machine_tree.h return. @err names device, file and value.
 */
int hvcma_bus_windows_of_pci(const struct hvcma_machine *machine, const char *bdf,
			     hvcma_tree_reader_fn *read, struct hvcma_bus_windows *found,
			     struct hvcma_error *err);

/**
 * hvcma_platform_node() - the node that a platform device was made of.
 * @name: as sysfs has it, "a003e00.virtio_mmio"
 * @node: out, its path in the tree
 *
 * Return: 0; -EINVAL: @name has a '/', or the node is no part of the machine's tree; -ENOENT: there is no
 * such device; -ENODEV: it is in no tree; -ENAMETOOLONG. @err names it.
 */
int hvcma_platform_node(const struct hvcma_machine *machine, const char *name,
			char node[HVCMA_NODE_PATH_BYTES], struct hvcma_error *err);

/** hvcma_bus_windows_of_platform() - windows of the platform device of that name. */
int hvcma_bus_windows_of_platform(const struct hvcma_machine *machine, const char *name,
				  hvcma_tree_reader_fn *read, struct hvcma_bus_windows *found,
				  struct hvcma_error *err);

/** hvcma_bus_windows_of_node() - likewise of a node in the machine's tree. */
int hvcma_bus_windows_of_node(const struct hvcma_machine *machine, const char *node,
			      hvcma_tree_reader_fn *read, struct hvcma_bus_windows *found,
			      struct hvcma_error *err);

/** hvcma_windows_origin_name() - "x86", "acpi", "device-tree": a constant. */
const char *hvcma_windows_origin_name(enum hvcma_windows_origin origin);

#endif /* HVCMA_HOST_BUS_WINDOWS_H */
