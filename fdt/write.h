/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Writing a blob from front to end, in time that grows with its size: libfdt looks
 * through all names of properties for each property it adds.
 */
#ifndef HVCMA_FDT_WRITE_H
#define HVCMA_FDT_WRITE_H

#include "fdt/blob.h"

struct hvcma_fdt_writer {
	char *out;
	size_t room, at;		/* bytes, of the structure written so far its end */
	char *names;			/* malloc */
	size_t names_bytes, names_room;
	uint32_t *slot;			/* hash of names: offset + 1 in @names; 0: free */
	size_t nr_slots, nr_names;
	int error;			/* sticky */
};

/** hvcma_fdt_write_init() - a tree in @out, which has no reserved ranges. */
void hvcma_fdt_write_init(struct hvcma_fdt_writer *w, void *out, size_t out_bytes);

/* Errors are kept until the end. */
void hvcma_fdt_write_begin(struct hvcma_fdt_writer *w, const char *name);
void hvcma_fdt_write_end(struct hvcma_fdt_writer *w);
/** hvcma_fdt_write_prop() - return: where its value is, to be changed in place; NULL: an error. */
void *hvcma_fdt_write_prop(struct hvcma_fdt_writer *w, const char *name, const void *value, int len);

/**
 * hvcma_fdt_write_fini() - header and names; frees what was allocated.
 *
 * The blob's size is all of @out.
 *
 * Errors: -FDT_ERR_NOSPACE: @out is too small, or out of memory.
 */
int hvcma_fdt_write_fini(struct hvcma_fdt_writer *w);

#endif /* HVCMA_FDT_WRITE_H */
