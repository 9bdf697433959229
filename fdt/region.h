/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Nodes of /reserved-memory: pools, and guards at borders of windows.
 *
 * Rules: the devicetree specification (3.5, /reserved-memory), and the bindings
 * reserved-memory.yaml and shared-dma-pool.yaml of dt-schema. Guards, and what
 * starts with "hvcma,", are described in docs/bindings.
 */
#ifndef HVCMA_FDT_REGION_H
#define HVCMA_FDT_REGION_H

#include "fdt/windows.h"

#define HVCMA_FDT_GUARD_COMPATIBLE "hvcma,dma-guard"

enum hvcma_fdt_pool {
	HVCMA_FDT_REUSABLE,	/* shared-dma-pool: lent to the page allocator, CMA */
	HVCMA_FDT_NO_MAP,	/* shared-dma-pool: never mapped by the kernel itself */
	HVCMA_FDT_RESTRICTED,	/* restricted-dma-pool: a bounce buffer of its own */
	HVCMA_FDT_NR_POOLS
};

struct hvcma_fdt_region {
	const char *name;		/* of the node, without unit address */
	enum hvcma_fdt_pool pool;
	int is_default;			/* linux,cma-default or linux,dma-default; not restricted */
	uint64_t bytes;
	int has_base;			/* at base; else the kernel places it */
	uint64_t base;
	uint64_t align_bytes;		/* if the kernel places it: power of two, 0: none */
	const struct hvcma_range *alloc_ranges;	/* and where it may */
	size_t nr_alloc_ranges;
	uint64_t granule_bytes;		/* hvcma,granule-bytes; 0: none */
};

/**
 * hvcma_fdt_add_region() - add a pool; makes /reserved-memory if it is missing.
 * @path: out, of the new node; may be NULL
 *
 * Errors: -FDT_ERR_BADVALUE (name, size, alignment, contradicting wishes),
 * -FDT_ERR_EXISTS, -FDT_ERR_BADNCELLS (an address does not fit, /reserved-memory
 * has other cells than the root), -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_add_region(void *fdt, const struct hvcma_fdt_region *region,
			 char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err);

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
 * hvcma_fdt_add_memory() - a node /memory@BASE for these ranges.
 * @ranges: at least one
 *
 * Errors: -FDT_ERR_EXISTS, -FDT_ERR_BADNCELLS, -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_add_memory(void *fdt, const struct hvcma_range *ranges, size_t nr,
			 struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_find_region() - node of /reserved-memory by name, with or without
 * unit address, or by path.
 * @path: out
 *
 * Errors: -FDT_ERR_NOTFOUND; -FDT_ERR_BADPATH if the name fits several.
 */
int hvcma_fdt_find_region(const void *fdt, const char *name, char path[HVCMA_FDT_PATH_BYTES],
			  struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_REGION_H */
