/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * The interrupt tree: to which controller the interrupts of a device go.
 *
 * Rules: the devicetree specification (2.4), as Xen reads it (dt_irq_find_parent(),
 * dt_irq_map_raw() and dt_device_get_raw_irq() of its device-tree.c, which it has from Linux):
 *  - interrupts-extended counts where a device has both it and interrupts.
 *  - The parent is the nearest that says so, or the nearest node above with #interrupt-cells.
 *  - A controller ends the way. A node with interrupt-map and without being a controller is a
 *    nexus: by the device's address and its interrupt the map leads on.
 *
 * Follows references; knows nothing of what the cells mean to a controller.
 */
#ifndef HVCMA_FDT_INTERRUPTS_H
#define HVCMA_FDT_INTERRUPTS_H

#include "fdt/tree.h"

struct hvcma_fdt_interrupt {
	int controller;			/* index of its node */
	const fdt32_t *cells;		/* what that is told, in the blob */
	int nr_cells;
};

/**
 * hvcma_fdt_interrupt() - interrupt @i of a device, as it arrives at a controller.
 * @device: index
 *
 * Errors: -FDT_ERR_NOTFOUND: it has no more than @i, @err is not written;
 * -FDT_ERR_BADVALUE: it leads nowhere, or a property is malformed.
 */
int hvcma_fdt_interrupt(const struct hvcma_fdt_tree *tree, int device, int i,
			struct hvcma_fdt_interrupt *irq, struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_INTERRUPTS_H */
