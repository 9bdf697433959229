/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Buses and their devices: dma-ranges, memory-region.
 *
 * Rules: the devicetree specification (2.3.9, dma-ranges), the binding
 * reserved-memory.yaml for memory-region; pci.h for addresses on a PCI bus.
 */
#ifndef HVCMA_FDT_BUS_H
#define HVCMA_FDT_BUS_H

#include "fdt/pci.h"
#include "fdt/windows.h"

/**
 * hvcma_fdt_bind() - add a region to a client's memory-region.
 * @client, @region: as hvcma_fdt_offset() takes them
 *
 * Binding twice is no error and has no further effect. A region without phandle
 * gets one.
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH; -FDT_ERR_BADVALUE (region not in
 * /reserved-memory, a client that is no device, or a memory-region that is no list
 * of phandles); -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_bind(void *fdt, const char *client, const char *region,
		   struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_unbind() - the reverse: the client's list is shorter by one, and so is
 * memory-region-names if it had as many; what was added for bind goes.
 *
 * Errors: as hvcma_fdt_bind(); -FDT_ERR_NOTFOUND also if it is not bound.
 */
int hvcma_fdt_unbind(void *fdt, const char *client, const char *region,
		     struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_set_dma_ranges() - give a bus these windows, in place of what it had.
 * @bus: as hvcma_fdt_offset() takes it
 * @windows: must have passed hvcma_windows_check(); none: the property goes
 *
 * Windows of before that carry no memory (targets of interrupts, registers) and are
 * not in the way of the new ones follow these. What there was before any such edit
 * is kept in hvcma,dma-ranges-before, for hvcma_fdt_drop_dma_ranges().
 *
 * Errors: -FDT_ERR_NOTFOUND, -FDT_ERR_BADPATH, -FDT_ERR_BADNCELLS (the bus has no
 * addresses, or an address does not fit), -FDT_ERR_BADVALUE (memory and the like, which
 * no device is on; a device; a bridge behind a PCI host bridge; dma-ranges above the
 * bus lead elsewhere), -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_set_dma_ranges(void *fdt, const char *bus, const struct hvcma_window *windows,
			     size_t nr, struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_drop_dma_ranges() - take a bus's windows away; what was there before
 * hvcma_fdt_set_dma_ranges() comes back.
 *
 * Errors: as there; -FDT_ERR_NOTFOUND also if it has none.
 */
int hvcma_fdt_drop_dma_ranges(void *fdt, const char *bus, struct hvcma_fdt_error *err);

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
