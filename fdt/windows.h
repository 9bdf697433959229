/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Windows: pieces of guest-physical memory and where a device finds them.
 *
 *	guest-physical   | 0x40000000 ...... | 0x44000000 .... |
 *	                       window 0            window 1
 *	on the bus       | 0xc8000000 ...... |   | 0x91000000 .... |
 *
 * Memory may go on after a window's end, in the next window or in none. A buffer
 * across that border would be torn apart, and nothing in an operating system
 * notices: it translates the first byte only. A guard, one page that is no memory,
 * at the end of each window makes such a buffer impossible.
 *
 * Arithmetic; knows no device tree.
 */
#ifndef HVCMA_FDT_WINDOWS_H
#define HVCMA_FDT_WINDOWS_H

#include "fdt/blob.h"

/* With larger pages the rest of the page is lost, too, which is as good. */
#define HVCMA_GUARD_BYTES	UINT64_C(4096)

struct hvcma_window {
	uint64_t dma;		/* base on the bus */
	uint64_t gpa;		/* base in guest-physical memory */
	uint64_t bytes;
};

struct hvcma_range {
	uint64_t base;
	uint64_t bytes;
};

/**
 * hvcma_windows_merge() - sort by guest-physical base and join neighbours that
 * are contiguous on both sides.
 * @nr: in and out; shrinks
 *
 * The windows must have passed hvcma_windows_check(), in any order.
 */
void hvcma_windows_merge(struct hvcma_window *windows, size_t *nr);

/**
 * hvcma_windows_check() - sorts @windows by guest-physical base and judges them.
 * @align_bytes: power of two that bases and sizes are multiples of; 1 for any
 *
 * Errors (-FDT_ERR_BADVALUE): an empty or misaligned window, one that wraps, two
 * that overlap in guest-physical memory or on the bus. The windows stay sorted.
 */
int hvcma_windows_check(struct hvcma_window *windows, size_t nr, uint64_t align_bytes,
			struct hvcma_fdt_error *err);

/**
 * hvcma_windows_pieces() - what windows come to that may overlap in guest-physical
 * memory: of several the first listed translates.
 * @windows: in the order they are looked through; those that are empty or wrap
 *	translate nothing
 * @pieces: out, room for 2 * @nr; sorted, disjoint, neighbours joined
 * @nr_pieces: out
 *
 * Errors: -FDT_ERR_NOSPACE: out of memory.
 */
int hvcma_windows_pieces(const struct hvcma_window *windows, size_t nr,
			 struct hvcma_window *pieces, size_t *nr_pieces);

/**
 * hvcma_windows_on_bus() - extents of a guest's memory as a device finds them whose own bus
 * has memory elsewhere, or not all of it.
 * @extents: their "dma" is where they are in the host's memory
 * @reach: what the device reaches of that, and where on its bus; "gpa" is the host's memory;
 *	disjoint there
 * @out: room for @nr * @nr_reach; "dma" is an address on the device's bus, "gpa" the guest's
 * @lost_bytes: out, what of the extents it does not reach
 *
 * Extents and windows are neither empty nor do they wrap.
 *
 * Return: how many windows; 0: it reaches nothing.
 */
size_t hvcma_windows_on_bus(const struct hvcma_window *extents, size_t nr,
			    const struct hvcma_window *reach, size_t nr_reach,
			    struct hvcma_window *out, uint64_t *lost_bytes);

/** hvcma_windows_covers() - is every byte of the range in some window? (sorted) */
int hvcma_windows_covers(const struct hvcma_window *windows, size_t nr, uint64_t gpa,
			 uint64_t bytes);

#endif /* HVCMA_FDT_WINDOWS_H */
