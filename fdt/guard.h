/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Guards: the last page of each window is no memory, so that no buffer can lie
 * across its end (see windows.h). docs/bindings describes their node.
 */
#ifndef HVCMA_FDT_GUARD_H
#define HVCMA_FDT_GUARD_H

#include "fdt/region.h"

#define HVCMA_FDT_GUARD_COMPATIBLE "hvcma,dma-guard"

/**
 * hvcma_fdt_add_guards() - take the last page of each window out of memory: one
 * no-map node with a "reg" entry per window.
 * @name: of the node
 * @windows: checked and merged
 *
 * Errors: as hvcma_fdt_add_region().
 */
int hvcma_fdt_add_guards(void *fdt, const char *name, const struct hvcma_window *windows,
			 size_t nr, struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_drop_guards() - delete nodes of guards, but for pages that end a window
 * of some bus of the tree, as it is now.
 * @windows: of these, no page is kept either; may be NULL with @nr 0
 *
 * What is kept of a node moves into one that begins at its first page.
 *
 * Errors: as hvcma_fdt_add_region().
 */
int hvcma_fdt_drop_guards(void *fdt, const struct hvcma_window *windows, size_t nr,
			  struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_GUARD_H */
