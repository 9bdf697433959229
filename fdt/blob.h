/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Flattened device trees as this library treats them: conventions, checks of
 * untrusted blobs, cells.
 *
 * Conventions of all of fdt/:
 *  - A blob that came from outside goes through hvcma_fdt_validate() once. All
 *    other functions rely on that, as libfdt does.
 *  - Functions that edit work in place in the caller's buffer, as libfdt does:
 *    fdt_totalsize() is the room there is. Without enough of it they return
 *    -FDT_ERR_NOSPACE and may have done a part: give up the buffer, start again
 *    from the original in a larger one. No function makes a copy.
 *  - Offsets of nodes change with each edit: nodes are named by path.
 *  - Return values are 0 or a negative FDT_ERR_* of libfdt, with the reason in
 *    words in @err (may be NULL). Out-parameters are untouched on failure.
 *  - No locking: a blob belongs to its caller. No global state.
 *
 * Only what builds an index or a list (tree.c, dma.c, windows.c,
 * device_windows.c, the check), and what keeps windows of before (bus.c), allocates memory.
 */
#ifndef HVCMA_FDT_BLOB_H
#define HVCMA_FDT_BLOB_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <libfdt.h>

/* Cells are 32 bits; addresses and sizes have 1 or 2 of them, PCI addresses 3. */
#define HVCMA_FDT_CELL_BYTES	4
#define HVCMA_FDT_PCI_CELLS	3
#define HVCMA_FDT_MAX_CELLS	2

#define HVCMA_FDT_PATH_BYTES	512

struct hvcma_fdt_error {
	char text[640];
};

/*
 * What can fail in this folder returns a negative FDT_ERR_*, as libfdt does, with
 * the words in struct hvcma_fdt_error if it takes one.
 */

/** hvcma_fdt_fail() - printf into @err (may be NULL); returns @code. */
int hvcma_fdt_fail(struct hvcma_fdt_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** hvcma_fdt_reason() - what a negative FDT_ERR_* means, in words for whoever edits trees. */
const char *hvcma_fdt_reason(int code);

/**
 * hvcma_fdt_validate() - may this blob be handed to libfdt at all?
 * @blob: any bytes, 8-byte aligned
 * @bytes: how many
 *
 * Checks header, reservation block, structure and strings within @bytes; that
 * names can be printed; and that #address-cells and #size-cells are numbers.
 * Reads the whole blob once.
 *
 * Errors: what fdt_check_full() returns; -FDT_ERR_BADNCELLS; -FDT_ERR_BADSTRUCTURE
 * for a name that can't be printed or be part of a path, a tree without root, a property that ends outside.
 */
int hvcma_fdt_validate(const void *blob, size_t bytes, struct hvcma_fdt_error *err);

/* Cells of a node's children; more than four make no address (gpio-keys have seven). */
struct hvcma_fdt_cells {
	int address;
	int size;
};

/** hvcma_fdt_cells() - as the node says, or the standard's 2 and 1. */
struct hvcma_fdt_cells hvcma_fdt_cells(const void *fdt, int node);

/**
 * hvcma_fdt_get() - number in @nr cells, most significant first; of more than two
 * the last two count.
 */
uint64_t hvcma_fdt_get(const fdt32_t *cells, int nr);

/**
 * hvcma_fdt_put() - the reverse.
 *
 * Return: 0, or -FDT_ERR_BADNCELLS if @value does not fit into @nr cells.
 */
int hvcma_fdt_put(fdt32_t *cells, int nr, uint64_t value);

/**
 * hvcma_fdt_is_overlay() - is it an overlay, to be applied to some other tree?
 *
 * Its phandles are open, and the cells of its targets are not known.
 */
int hvcma_fdt_is_overlay(const void *fdt);

/**
 * hvcma_fdt_trim_strings() - forget names of properties, at the end of the list of
 * them, that no property has any more.
 *
 * libfdt adds names there and never takes one away.
 */
void hvcma_fdt_trim_strings(void *fdt);

/** hvcma_fdt_is_compatible() - does its "compatible" list hold this string? */
int hvcma_fdt_is_compatible(const void *fdt, int node, const char *compatible);

#endif /* HVCMA_FDT_BLOB_H */
