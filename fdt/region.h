/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Nodes of /reserved-memory: pools. (Guards: guard.h.)
 *
 * Rules: the devicetree specification (3.5, /reserved-memory), and the bindings
 * reserved-memory.yaml and shared-dma-pool.yaml of dt-schema. What starts with
 * "hvcma," is described in docs/bindings.
 */
#ifndef HVCMA_FDT_REGION_H
#define HVCMA_FDT_REGION_H

#include "fdt/path.h"
#include "fdt/windows.h"

enum hvcma_fdt_pool {
	HVCMA_FDT_REUSABLE,	/* shared-dma-pool: online to the page allocator, CMA */
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
 * hvcma_fdt_add_memory() - a node /memory@BASE for these ranges.
 * @ranges: at least one
 *
 * Errors: -FDT_ERR_EXISTS, -FDT_ERR_BADNCELLS, -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_add_memory(void *fdt, const struct hvcma_range *ranges, size_t nr,
			 struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_find_region() - node of /reserved-memory by name, with or without
 * unit address, by path or by label.
 * @path: out
 *
 * Errors: -FDT_ERR_NOTFOUND; -FDT_ERR_BADPATH if the name fits several.
 */
int hvcma_fdt_find_region(const void *fdt, const char *name, char path[HVCMA_FDT_PATH_BYTES],
			  struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_client_of() - the first node whose memory-region has this phandle.
 *
 * Return: its offset, -FDT_ERR_NOTFOUND.
 */
int hvcma_fdt_client_of(const void *fdt, uint32_t phandle);

/**
 * hvcma_fdt_remove_region() - the reverse of hvcma_fdt_add_region(): the node goes,
 * its labels, and what was added to or for /reserved-memory once no other needs it.
 * @region: as hvcma_fdt_find_region() takes it
 *
 * Errors: as there; -FDT_ERR_BADVALUE if it still has a client, which is named.
 */
int hvcma_fdt_remove_region(void *fdt, const char *region, struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_add_reserved() - an empty node in /reserved-memory, which is made, or
 * given the root's cells, if it lacks them.
 * @base: of its unit address; NULL: it has none
 * @cells: out, of addresses and sizes in it
 * @path: out
 *
 * Errors: as hvcma_fdt_add_region().
 */
int hvcma_fdt_add_reserved(void *fdt, const char *name, const uint64_t *base,
			   struct hvcma_fdt_cells *cells, char path[HVCMA_FDT_PATH_BYTES],
			   struct hvcma_fdt_error *err);

/** hvcma_fdt_remove_reserved() - its reverse. Return: as fdt_del_node(). */
int hvcma_fdt_remove_reserved(void *fdt, const char *path);

#endif /* HVCMA_FDT_REGION_H */
