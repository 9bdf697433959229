/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What the files of the check share: state of one run, lists of ranges.
 */
#ifndef HVCMA_FDT_CHECK_INTERNAL_H
#define HVCMA_FDT_CHECK_INTERNAL_H

#include "fdt/check.h"
#include "fdt/tree.h"

struct check_range {
	uint64_t base;
	uint64_t bytes;
	int node;		/* index; -1: the reservation block */
	int no_map;
};

/* Sorted by base once complete; then overlaps are told. */
struct check_list {
	struct check_range *range;
	size_t nr, room;
};

struct check {
	const struct hvcma_fdt_policy *policy;
	struct hvcma_fdt_tree tree;
	void (*report)(void *opaque, const struct hvcma_fdt_finding *finding);
	void *opaque;
	unsigned int nr;
	int no_memory;		/* sticky: out of memory */
	int reserved;		/* index of /reserved-memory, -1: none */
	struct check_list memory;
	struct check_list pools;
};

void hvcma_check_say(struct check *c, enum hvcma_fdt_finding_kind kind, int node,
		     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void hvcma_check_note(struct check *c, enum hvcma_fdt_finding_kind kind, int node,
		      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Iterate the ranges of a property of addresses and sizes: *@i counts from 0.
 * Return: 1 with @range set, 0 at the end. Lengths that do not fit end early.
 */
int hvcma_check_range(struct check *c, int node, const char *prop, int *i,
		      struct hvcma_range *range);

/* Is this byte in the (sorted) list? The range, or NULL. */
const struct check_range *hvcma_check_find(const struct check_list *list, uint64_t address);

/* The nearest bus above whose dma-ranges translate; -1: none, addresses are 1:1. */
int hvcma_check_dma_bus(struct check *c, int node);

/* check_phandles.c: lists and maps of phandles */
void hvcma_check_phandles(struct check *c);
/* check_pools.c: /reserved-memory, each node by itself */
void hvcma_check_pools(struct check *c);
/* check_windows.c: dma-ranges, borders, IOMMUs, clients */
void hvcma_check_windows(struct check *c);

#endif /* HVCMA_FDT_CHECK_INTERNAL_H */
