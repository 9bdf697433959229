/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * The difference of two device trees as an overlay (dtbo).
 *
 * Rules: dt-object-internal.txt of dtc: fragments with target-path and
 * __overlay__, __local_fixups__ for references to nodes that the overlay adds.
 */
#ifndef HVCMA_FDT_OVERLAY_H
#define HVCMA_FDT_OVERLAY_H

#include "fdt/blob.h"

/**
 * hvcma_fdt_overlay() - what makes @edited out of @base.
 * @base, @edited: validated; @edited is @base with nodes and properties added or
 *	changed
 * @out: room of @out_bytes; not packed
 *
 * fdt_overlay_apply() on @base gives a tree equal to @edited, phandles included.
 * References to new phandles are known in memory-region and interrupt-parent: these
 * are right even on a tree with more phandles than @base. In n log n of both trees.
 *
 * Errors: -FDT_ERR_NOTFOUND (a node or property of @base is missing in @edited:
 * an overlay can't take away); -FDT_ERR_BADPHANDLE (a phandle is other than in
 * @base, or new and not above all of them: applying would renumber it);
 * -FDT_ERR_BADPATH (a node without address beside one of its name with an address,
 * which libfdt would take for it); -FDT_ERR_BADSTRUCTURE (two of one name);
 * -FDT_ERR_NOSPACE; -FDT_ERR_EXISTS (there is no
 * difference).
 */
int hvcma_fdt_overlay(const void *base, const void *edited, void *out, int out_bytes,
		      struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_OVERLAY_H */
