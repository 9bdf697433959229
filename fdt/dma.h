/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Where a device's DMA goes: which dma-ranges count for it, translated to the top,
 * and whether it is coherent.
 *
 * Rules: what Linux does, not what one might wish (of_dma_get_range(),
 * __of_translate_address() and of_dma_is_coherent() of drivers/of/address.c;
 * of_dma_configure_id() of device.c; translate_phys_to_dma() of dma-direct.h):
 *  - The search begins at the device's parent; for a PCI device, at the host bridge.
 *  - The parent for DMA is the interconnect called "dma-mem", where there is one.
 *  - Empty dma-ranges pass addresses on. A bus without the property does, too, if it
 *    is the first; a later one ends the search: addresses are 1:1, whatever lies above.
 *  - Above the bus found, each window's first address is translated by dma-ranges of
 *    all levels; there a missing property is 1:1. What can't be translated is dropped.
 *  - Buses called "isa" and those with three cells have flags in the first, as PCI has.
 *  - Of windows that overlap in guest-physical memory the first listed translates.
 *
 * Finds and translates; judges nothing (check.h does).
 */
#ifndef HVCMA_FDT_DMA_H
#define HVCMA_FDT_DMA_H

#include "fdt/tree.h"
#include "fdt/windows.h"

struct hvcma_fdt_level;

/* Answers that nodes share, each found once. */
struct hvcma_fdt_dma {
	const struct hvcma_fdt_tree *tree;
	int *parent;		/* by node: see hvcma_fdt_dma_parent() */
	struct hvcma_fdt_level **level;	/* by node: the way up through its dma-ranges */
	int *stack;		/* room for all nodes */
	int *found;		/* by node: what ends a search that comes from below */
	int *above;		/* by node: nearest with windows, here or above */
	int *coherent;
};

/**
 * hvcma_fdt_dma_init() - @tree must outlive @dma.
 *
 * Errors: -FDT_ERR_NOSPACE: out of memory. Nothing is to be freed then.
 */
int hvcma_fdt_dma_init(struct hvcma_fdt_dma *dma, const struct hvcma_fdt_tree *tree,
		       struct hvcma_fdt_error *err);
void hvcma_fdt_dma_fini(struct hvcma_fdt_dma *dma);

/** hvcma_fdt_dma_parent() - the next node on the way of DMA; -1 above the root. */
int hvcma_fdt_dma_parent(const struct hvcma_fdt_dma *dma, int node);

/**
 * hvcma_fdt_dma_bus() - the node whose dma-ranges count for a device.
 * @device: index; a host bridge stands for the devices below it
 * @ended: out, may be NULL: the bus without dma-ranges that keeps those above it
 *	from counting; -1 if there is none
 *
 * Return: its index; -1: none, addresses are 1:1.
 */
int hvcma_fdt_dma_bus(struct hvcma_fdt_dma *dma, int device, int *ended);

/**
 * hvcma_fdt_dma_check_way() - is there one way from a device up to the root?
 * @device: as hvcma_fdt_dma_bus() takes it
 *
 * Linux makes do with a parent that is not there, and ends in a circle; so do the other
 * functions here.
 *
 * Errors (-FDT_ERR_BADSTRUCTURE, in words): a circle; an interconnect "dma-mem" that is not
 * in the tree.
 */
int hvcma_fdt_dma_check_way(const struct hvcma_fdt_dma *dma, int device,
			    struct hvcma_fdt_error *err);

/** hvcma_fdt_dma_above() - the nearest with windows, @node or above it; -1: none. */
int hvcma_fdt_dma_above(struct hvcma_fdt_dma *dma, int node);

/** hvcma_fdt_dma_is_coherent() - as Linux on Arm sees it: without a word, it is not. */
bool hvcma_fdt_dma_is_coherent(struct hvcma_fdt_dma *dma, int device);

/**
 * hvcma_fdt_dma_is_behind_iommu() - has the device, or its host bridge, an IOMMU? One that
 * is disabled is none (of_iommu_xlate() of Linux); of several the first decides.
 */
bool hvcma_fdt_dma_is_behind_iommu(const struct hvcma_fdt_dma *dma, int device);

struct hvcma_fdt_windows {
	struct hvcma_window *window;	/* as listed, neighbours of one kind joined */
	bool *is_memory;		/* of each: not of a PCI bus's I/O or configuration space */
	size_t nr;
	size_t nr_lost;			/* windows that do not lead to memory */
	uint64_t lost_dma;		/* base of the first of those on the bus */
	size_t nr_long;			/* windows whose end does not lead on where they begin */
	uint64_t long_dma;		/* base of the first of those on the bus */
	bool is_cut;			/* what follows the last is less than a window */
};

/**
 * hvcma_fdt_dma_windows() - windows of a bus, up to the root.
 * @bus: as hvcma_fdt_dma_bus() found it
 * @windows: out, to be freed by hvcma_fdt_windows_free()
 *
 * Errors: -FDT_ERR_BADNCELLS: cells that Linux can't read; -FDT_ERR_NOSPACE: out of
 * memory.
 */
int hvcma_fdt_dma_windows(struct hvcma_fdt_dma *dma, int bus,
			  struct hvcma_fdt_windows *windows);
void hvcma_fdt_windows_free(struct hvcma_fdt_windows *windows);

#endif /* HVCMA_FDT_DMA_H */
