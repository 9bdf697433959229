/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Index of a device tree, for looking at all of it: every node with its parent,
 * and nodes by phandle. Built in one pass; libfdt itself walks from the start for
 * each question. Valid until the blob is edited.
 *
 * Cells that a node does not name are those of the node above (of_bus_n_addr_cells() of
 * Linux), where the standard has 2 and 1; of the root they are 1 and 1.
 */
#ifndef HVCMA_FDT_TREE_H
#define HVCMA_FDT_TREE_H

#include <stdbool.h>

#include "fdt/blob.h"

struct hvcma_fdt_node {
	int offset;			/* in the blob */
	int parent;			/* index, -1 for the root */
	const char *name;		/* in the blob; with its @address */
	int host_bridge;		/* index of the topmost PCI bus above it, -1: on none */
	uint32_t phandle;		/* 0: none */
	uint32_t known;			/* which properties of a table it has, see tree.c */
	struct hvcma_fdt_cells cells;	/* of its children, as Linux and Xen read them */
	bool has_props;			/* any at all */
	bool is_enabled;		/* its own status */
	bool is_available;		/* and that of all above it */
	bool is_meta;			/* in /__symbols__ and the like: no device */
	bool is_pci;			/* Linux reads the addresses on this bus as PCI's */
};

struct hvcma_fdt_tree {
	const void *fdt;
	struct hvcma_fdt_node *node;	/* in the order of the blob; [0] is the root */
	int nr;
	int *by_phandle;		/* indexes of nodes with a phandle, sorted by it */
	int nr_phandles;
};

/**
 * hvcma_fdt_tree_init() - index a validated blob.
 *
 * Errors: -FDT_ERR_NOSPACE: out of memory. Nothing is to be freed then.
 */
int hvcma_fdt_tree_init(struct hvcma_fdt_tree *tree, const void *fdt,
			struct hvcma_fdt_error *err);
void hvcma_fdt_tree_fini(struct hvcma_fdt_tree *tree);

/** hvcma_fdt_tree_phandle() - index of a node with this phandle, -1: none. */
int hvcma_fdt_tree_phandle(const struct hvcma_fdt_tree *tree, uint32_t phandle);

/**
 * hvcma_fdt_tree_path() - index of the node at this path, -1: none. An @address may be
 * left out: of several the first, as Linux looks up /reserved-memory.
 */
int hvcma_fdt_tree_path(const struct hvcma_fdt_tree *tree, const char *path);

/**
 * hvcma_fdt_tree_name() - the path of a node, for people: if it does not fit, its
 * start is replaced by "...".
 */
void hvcma_fdt_tree_name(const struct hvcma_fdt_tree *tree, int node,
			 char path[HVCMA_FDT_PATH_BYTES]);

/** hvcma_fdt_tree_prop() - fdt_getprop() of a node by index. */
const void *hvcma_fdt_tree_prop(const struct hvcma_fdt_tree *tree, int node,
				const char *name, int *len);

/** hvcma_fdt_tree_has() - has the node this property? */
int hvcma_fdt_tree_has(const struct hvcma_fdt_tree *tree, int node, const char *name);

#endif /* HVCMA_FDT_TREE_H */
