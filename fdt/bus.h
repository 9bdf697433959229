/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Buses and their devices: dma-ranges, memory-region, nodes of PCI devices.
 *
 * Rules: the devicetree specification (2.3.9, dma-ranges), the PCI bus binding
 * to Open Firmware (IEEE 1275) for the three cells of a PCI address, and the
 * binding reserved-memory.yaml for memory-region.
 */
#ifndef HVCMA_FDT_BUS_H
#define HVCMA_FDT_BUS_H

#include "fdt/windows.h"

/**
 * hvcma_fdt_is_pci() - is it a PCI host bridge or a bridge below one?
 * Their addresses have three cells, and device_type is "pci".
 */
int hvcma_fdt_is_pci(const void *fdt, int node);

/**
 * hvcma_fdt_host_bridge() - the PCI host bridge of a domain.
 * @domain: as in linux,pci-domain; without that property, the only bridge is 0
 * @path: out
 *
 * Errors: -FDT_ERR_NOTFOUND.
 */
int hvcma_fdt_host_bridge(const void *fdt, uint32_t domain, char path[HVCMA_FDT_PATH_BYTES],
			  struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_pci_node() - the node of a PCI device; it and the bridges above it
 * are added where they are missing.
 * @where: "0000:00/03.0[/00.0...]": domain:bus of the root bus, then
 *	slot.function of each hop, all in hexadecimal (as in VIRTIO_CMA_BUS_PCI)
 * @path: out
 *
 * A bridge that is added passes addresses through (empty ranges): enough for an
 * operating system that enumerates the bus itself, as Linux does.
 *
 * Errors: -FDT_ERR_BADPATH (@where), -FDT_ERR_NOTFOUND (no such host bridge),
 * -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_pci_node(void *fdt, const char *where, char path[HVCMA_FDT_PATH_BYTES],
		       struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_bind() - add a region to a client's memory-region.
 * @client, @region: paths of nodes
 *
 * Binding twice is no error and has no further effect. A region without phandle
 * gets one.
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADVALUE (region not in /reserved-memory, or
 * a memory-region that is no list of phandles), -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_bind(void *fdt, const char *client, const char *region,
		   struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_set_dma_ranges() - give a bus these windows, in place of what it had.
 * @bus: path of its node
 * @windows: must have passed hvcma_windows_check(); none: the property goes
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADNCELLS (the bus has no addresses, or an
 * address does not fit), -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_set_dma_ranges(void *fdt, const char *bus, const struct hvcma_window *windows,
			     size_t nr, struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_nr_dma_ranges() - how many windows the bus has.
 * @parent: of @bus
 *
 * Return: the number; 0 for an empty dma-ranges (1:1); -FDT_ERR_NOTFOUND without
 * the property; -FDT_ERR_BADVALUE if its length fits no whole number of windows;
 * -FDT_ERR_BADNCELLS if its cells can't be addresses.
 */
int hvcma_fdt_nr_dma_ranges(const void *fdt, int bus, int parent);

/** hvcma_fdt_dma_range() - window @i, below hvcma_fdt_nr_dma_ranges(). */
struct hvcma_window hvcma_fdt_dma_range(const void *fdt, int bus, int parent, int i);

#endif /* HVCMA_FDT_BUS_H */
