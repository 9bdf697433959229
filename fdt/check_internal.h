/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What the files of the check share: state of one run, lists of ranges.
 */
#ifndef HVCMA_FDT_CHECK_INTERNAL_H
#define HVCMA_FDT_CHECK_INTERNAL_H

#include "fdt/check.h"
#include "fdt/dma.h"

/* In place of nodes. */
#define CHECK_BLOCK	(-1)	/* the reservation block */
#define CHECK_INITRD	(-2)	/* the initial RAM disk, of which /chosen speaks */

struct check_range {
	uint64_t base;
	uint64_t bytes;
	int node;		/* index, or one of those above */
	int no_map;
};

/* Sorted by base once complete. */
struct check_list {
	struct check_range *range;
	size_t nr, room;
};

struct check {
	const struct hvcma_fdt_policy *policy;
	struct hvcma_fdt_tree tree;
	struct hvcma_fdt_dma dma;
	void (*report)(void *opaque, const struct hvcma_fdt_finding *finding);
	void *opaque;
	int no_memory;		/* sticky: out of memory */
	bool is_overlay;
	int reserved;		/* index of /reserved-memory; nr of nodes: none, or Linux ignores it */
	bool is_bypassed;	/* the default pool, by the kernel's command line */
	bool memory_known;	/* it is not for the boot loader to fill in */
	struct check_list memory;
	struct check_list pools;
	struct check_list placed;	/* pools that may lie anywhere: where Linux puts them, by node */
};

void hvcma_check_say(struct check *c, enum hvcma_fdt_finding_id id, int node,
		     const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* What a node, or what stands in place of one, is called. */
void hvcma_check_name(struct check *c, int node, char path[HVCMA_FDT_PATH_BYTES]);

/* ---- ranges ---- */

/*
 * Iterate the ranges of a property of addresses and sizes: *@i counts from 0.
 * Return: 1 with @range set, 0 at the end. Lengths that do not fit end early.
 */
int hvcma_check_range(struct check *c, int node, const char *prop, int *i,
		      struct hvcma_range *range);

void hvcma_check_list_add(struct check *c, struct check_list *list,
			  const struct check_range *range);
void hvcma_check_list_sort(struct check_list *list);

/* Is this byte in the (sorted) list? The range, or NULL. */
const struct check_range *hvcma_check_find(const struct check_list *list, uint64_t address);

/* ---- parts of the run ---- */

/* check_memory.c: memory and reserved memory as lists, what of them overlaps */
void hvcma_check_memory(struct check *c);
/* check_phandles.c: lists and maps of phandles */
void hvcma_check_phandles(struct check *c);
/* check_pools.c: /reserved-memory, each node by itself */
void hvcma_check_pools(struct check *c);
/* check_place.c: pools that the kernel places */
void hvcma_check_places(struct check *c);
/* check_windows.c: dma-ranges, borders, IOMMUs, clients */
void hvcma_check_windows(struct check *c);

/* ---- pools ---- */

struct check_pool {
	int node;
	bool shared, restricted;		/* by compatible */
	bool reusable, no_map;
	bool cma_default, dma_default;
};

struct check_pool hvcma_check_pool(struct check *c, int node);

/* Is all of a pool that has its place in one zone, if Linux' CMA is to have it? In which? */
void hvcma_check_zones(struct check *c, int node, const struct hvcma_range *r);

/* What Linux' CMA takes whole ones of. */
uint64_t hvcma_check_pageblock_bytes(const struct check *c);

/* Number in the cells of /reserved-memory; false: not there or not of that length. */
bool hvcma_check_number(struct check *c, int node, const char *prop, int cells, uint64_t *value);

#endif /* HVCMA_FDT_CHECK_INTERNAL_H */
