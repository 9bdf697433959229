/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * A device of a tree, and its registers at addresses of the machine: its reg, through the ranges of all
 * buses above it (the devicetree specification, 2.3.6 and 2.3.8). Says where they are,
 * and judges nothing but whether they are a range.
 */
#ifndef HVCMA_FDT_REGISTERS_H
#define HVCMA_FDT_REGISTERS_H

#include "fdt/tree.h"
#include "fdt/windows.h"

/**
 * hvcma_fdt_find_device() - the device that is meant.
 * @where: as hvcma_fdt_offset() takes it
 * @full: out, its path
 *
 * Return: its index; -FDT_ERR_NOTFOUND (no such node, or it is the root), -FDT_ERR_BADPATH,
 * -FDT_ERR_NOSPACE (its path is too long).
 */
int hvcma_fdt_find_device(const struct hvcma_fdt_tree *tree, const char *where,
			  char full[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_tree_init_device() - hvcma_fdt_tree_init() of a tree, and hvcma_fdt_find_device() in it.
 * @tree: out, for hvcma_fdt_tree_fini(); nothing to be ended on failure
 *
 * Return: index of the device, or the error of either.
 */
int hvcma_fdt_tree_init_device(struct hvcma_fdt_tree *tree, const void *fdt, const char *where,
			       char full[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_registers() - registers of a device.
 * @device: index
 * @path: of it, for messages
 * @regs: out; at most @room are written
 * @nr: out, how many there are
 *
 * Errors: -FDT_ERR_NOTFOUND (it has none, or no addresses), -FDT_ERR_BADVALUE (malformed, empty, or
 * a bus above does not translate them).
 */
int hvcma_fdt_registers(const struct hvcma_fdt_tree *tree, int device, const char *path,
			struct hvcma_range *regs, size_t room, size_t *nr,
			struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_REGISTERS_H */
