/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * The DMA windows of one device, as the tree of the machine that it is in has them: what
 * Linux keeps in dev->dma_range_map, but that nothing doubtful is made use of.
 *
 * dma.h finds and translates; here it is judged, and kept as hv/core/dma_windows.h has it,
 * to do DMA by. Memory is that of the tree's machine: of a host its host-physical one.
 */
#ifndef HVCMA_FDT_DEVICE_WINDOWS_H
#define HVCMA_FDT_DEVICE_WINDOWS_H

#include "fdt/windows.h"
#include "hv/core/dma_windows.h"

/**
 * hvcma_fdt_device_windows() - what of memory a device reaches, and where on its bus.
 * @blob: any bytes, 8-byte aligned
 * @bytes: how many
 * @where: a platform device, a PCI host bridge or a device below one, as
 *	hvcma_fdt_offset() takes it
 * @windows: out; identity where Linux has it, which is where no dma-ranges count
 * @bus: out, the node whose dma-ranges count; "" if none do
 *
 * What differs from Linux, to the safe side:
 *  - Windows of a PCI bus's I/O or configuration space are left out: no memory.
 *  - Windows are cut to whole pages of HVCMA_DMA_WINDOW_ALIGN_BYTES; what is less than one
 *    is left out.
 *  - Windows that the dma-ranges above do not lead to memory are left out as in Linux, but
 *    some must remain; Linux takes addresses 1:1 then.
 *
 * Of windows that overlap in memory the first listed translates, as in Linux.
 *
 * Errors, each naming the node and the value: what hvcma_fdt_validate() and
 * hvcma_fdt_offset() return; -FDT_ERR_BADVALUE: an overlay; the root; a window that is
 * empty, wraps, or ends elsewhere than it leads to where it begins; windows that overlap on
 * the bus and lead to different memory; none that leads to memory, or more than
 * HVCMA_MAX_DMA_WINDOWS; dma-ranges that are no whole number of windows;
 * -FDT_ERR_BADNCELLS; -FDT_ERR_BADSTRUCTURE: as hvcma_fdt_dma_check_way();
 * -FDT_ERR_NOSPACE: out of memory.
 */
int hvcma_fdt_device_windows(const void *blob, size_t bytes, const char *where,
			     struct hvcma_dma_windows *windows, char bus[HVCMA_FDT_PATH_BYTES],
			     struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_reach() - the same for hvcma_windows_on_bus().
 * @reach: out
 *
 * Return: how many windows.
 */
size_t hvcma_fdt_reach(const struct hvcma_dma_windows *windows,
		       struct hvcma_window reach[HVCMA_MAX_DMA_WINDOWS]);

#endif /* HVCMA_FDT_DEVICE_WINDOWS_H */
