/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree of the machine that this runs on, as one flattened blob: the one that it
 * was booted with, or the kernel's own of now. Looks at nothing in it: whoever reads the
 * blob has to expect any bytes.
 */
#ifndef HVCMA_HOST_MACHINE_TREE_H
#define HVCMA_HOST_MACHINE_TREE_H

#include <stddef.h>

#include "hv/host/provider.h"

#define HVCMA_MACHINE_TREE_MAX_BYTES	((size_t)64 << 20)
#define HVCMA_MACHINE_TREE_MAX_DEPTH	64

struct hvcma_machine_tree {
	void *blob;		/* malloc, to be freed by hvcma_machine_tree_free() */
	size_t bytes;
};

/**
 * hvcma_machine_tree_booted() - SYSFS/firmware/fdt, which root alone may read.
 * @sysfs: where sysfs is: "/sys"
 *
 * Return: 0; -ENOENT: it was not booted with one; -EACCES; -EFBIG: more than
 * HVCMA_MACHINE_TREE_MAX_BYTES; -ENOMEM; the errno of reading it.
 */
int hvcma_machine_tree_booted(const char *sysfs, struct hvcma_machine_tree *tree,
			      struct hvcma_error *err);

/**
 * hvcma_machine_tree_live() - what SYSFS/firmware/devicetree/base has, flattened. All may
 * read it, and it has what came after booting. Nodes are in the order of their names.
 *
 * Properties that the kernel keeps to itself ("security-...") are left out.
 *
 * Return: as hvcma_machine_tree_booted(); -ELOOP: nodes below each other deeper than
 * HVCMA_MACHINE_TREE_MAX_DEPTH.
 */
int hvcma_machine_tree_live(const char *sysfs, struct hvcma_machine_tree *tree,
			    struct hvcma_error *err);

void hvcma_machine_tree_free(struct hvcma_machine_tree *tree);

#endif /* HVCMA_HOST_MACHINE_TREE_H */
