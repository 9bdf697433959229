/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Nodes as people name them: by path, by label, by alias.
 *
 *	/soc@0/dma@1000		a path; an @address may be left out where one node fits
 *	&dma, &dma/child	a label, which dtc -@ keeps in /__symbols__
 *	&{/soc@0/dma@1000}	a path, as dtc writes it
 *	serial0, serial0/child	a name in /aliases
 *
 * And what a node says of itself: whether it is there at all.
 *
 * libfdt takes the first of several nodes that fit, and "soc@0" for "soc" even if
 * there is a "soc": here the exact name goes first, and several are refused.
 */
#ifndef HVCMA_FDT_PATH_H
#define HVCMA_FDT_PATH_H

#include "fdt/blob.h"

/**
 * hvcma_fdt_offset() - the node that is meant by @where.
 *
 * Return: its offset; -FDT_ERR_NOTFOUND (no such node, label or alias);
 * -FDT_ERR_BADPATH (several fit, or it is neither of these).
 */
int hvcma_fdt_offset(const void *fdt, const char *where, struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_full_path() - of the node at an offset.
 * @path: out
 *
 * Errors: -FDT_ERR_NOSPACE if it is longer than that.
 */
int hvcma_fdt_full_path(const void *fdt, int node, char path[HVCMA_FDT_PATH_BYTES],
			struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_is_enabled() - does a node's own status let Linux make a device of it?
 * Source: of_device_is_available() of Linux.
 */
int hvcma_fdt_is_enabled(const void *fdt, int node);

#endif /* HVCMA_FDT_PATH_H */
