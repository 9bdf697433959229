/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What an edit added to a node that was there, or made on the way: noted in the node
 * itself, so that whoever takes the edit back leaves the tree as it was.
 *
 * The property "hvcma,added" of a node is a list of strings: names of its properties
 * and children, and "." for the node itself. Nothing reads it but these edits.
 */
#ifndef HVCMA_FDT_ADDED_H
#define HVCMA_FDT_ADDED_H

#include "fdt/blob.h"

#define HVCMA_FDT_ADDED		"hvcma,added"
#define HVCMA_FDT_ADDED_SELF	"."

/** hvcma_fdt_added_has() - is @what noted in this node? */
int hvcma_fdt_added_has(const void *fdt, int node, const char *what);

/**
 * hvcma_fdt_added_note() - note it; twice is once.
 *
 * Return: 0 or a negative FDT_ERR_*, as fdt_setprop().
 */
int hvcma_fdt_added_note(void *fdt, int node, const char *what);

/**
 * hvcma_fdt_added_forget() - take the note away, and the property with its last one.
 *
 * Return: as hvcma_fdt_added_note(); 0 if nothing was noted.
 */
int hvcma_fdt_added_forget(void *fdt, int node, const char *what);

#endif /* HVCMA_FDT_ADDED_H */
