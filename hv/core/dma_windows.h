/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * DMA windows: what of memory a client reaches, and at which bus addresses; Linux's
 * dev->dma_range_map.
 *
 *	memory            | 0x00000000 ......... |      | 0x100131000 |
 *	                        window 0                   window 1
 *	on the client's bus   | 0x1000000000 ..... |         | 0xfffffff000 |
 *
 * Memory is known by its DMA address as blocks have it on the wire: host-physical, or
 * guest-physical; the address that the client must be given for it is the bus address.
 * What lies in no window the client can't reach. What is contiguous in memory and goes
 * on in another window is not contiguous on the bus, unless windows were joined.
 *
 * Compiled into QEMU, hvcma and the guest's kernel module: no memory is allocated, no C
 * library is needed. Knows no device tree (fdt/dma.h), no text and no wire. What can fail
 * returns enum virtio_cma_status.
 */
#ifndef HVCMA_CORE_DMA_WINDOWS_H
#define HVCMA_CORE_DMA_WINDOWS_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#include "hv/abi/virtio_cma.h"

#define HVCMA_MAX_DMA_WINDOWS		VIRTIO_CMA_MAX_WINDOWS
/* Bases and sizes are multiples of it. */
#define HVCMA_DMA_WINDOW_ALIGN_BYTES	((uint64_t)VIRTIO_CMA_WINDOW_ALIGN)

struct hvcma_dma_window {
	uint64_t bus_base;
	uint64_t dma_base;		/* of the memory: host- or guest-physical */
	uint64_t bytes;
};

/*
 * Made by the functions below alone: sorted by dma_base, disjoint on both sides,
 * neighbours joined where both sides go on; so equal lists are equal in memory.
 * All zero it reaches nothing.
 */
struct hvcma_dma_windows {
	uint32_t nr;			/* at least 1 */
	uint32_t reserved;
	struct hvcma_dma_window window[HVCMA_MAX_DMA_WINDOWS];	/* beyond nr: zero */
};

/* What is wrong with a list: "window 2: it overlaps window 0 on the bus: 0x80000000". */
struct hvcma_dma_windows_error {
	const char *sentence;		/* constant */
	uint32_t window;		/* as listed, from 0 */
	uint32_t other;			/* the other one, of two that overlap; else window */
	uint64_t value;			/* the number that is wrong */
};

/** hvcma_dma_windows_identity() - all of memory, at the same addresses: no window but this. */
void hvcma_dma_windows_identity(struct hvcma_dma_windows *w);

/** hvcma_dma_windows_is_identity() - are there neither offsets nor limits? */
bool hvcma_dma_windows_is_identity(const struct hvcma_dma_windows *w);

/**
 * hvcma_dma_windows_set() - judge a list, in any order, and keep it.
 * @list: @nr windows; copied
 * @w: out
 * @err: out, on failure
 *
 * Wrong is a list without windows or with more than HVCMA_MAX_DMA_WINDOWS, and a window
 * that is empty, misaligned, wraps or overlaps another, in memory or on the bus.
 *
 * Return: OK; VIRTIO_CMA_S_INVAL with only @err written.
 */
enum virtio_cma_status hvcma_dma_windows_set(struct hvcma_dma_windows *w,
					     const struct hvcma_dma_window *list, uint32_t nr,
					     struct hvcma_dma_windows_error *err);

/** hvcma_dma_windows_equal() - do they translate alike? */
bool hvcma_dma_windows_equal(const struct hvcma_dma_windows *a,
			     const struct hvcma_dma_windows *b);

/**
 * hvcma_dma_windows_to_bus() - the bus address of [@dma, @dma + @bytes).
 * @bytes: > 0
 *
 * Return: false (@bus untouched) unless all of it is in one window.
 */
bool hvcma_dma_windows_to_bus(const struct hvcma_dma_windows *w, uint64_t dma, uint64_t bytes,
			      uint64_t *bus);

/** hvcma_dma_windows_to_dma() - the other way: what of memory is at a bus address. */
bool hvcma_dma_windows_to_dma(const struct hvcma_dma_windows *w, uint64_t bus, uint64_t bytes,
			      uint64_t *dma);

/**
 * hvcma_dma_windows_reach() - the first part of [@dma, @dma + @bytes) that is in one window
 * and whose bus addresses are at most @max_bus.
 * @first, @nr_bytes: out, where it is in memory, and its length
 *
 * To have them all, go on behind what was found. Parts in two windows are two, even
 * where one ends where the other begins.
 *
 * Return: false (both untouched) if the client reaches nothing of it.
 */
bool hvcma_dma_windows_reach(const struct hvcma_dma_windows *w, uint64_t dma, uint64_t bytes,
			     uint64_t max_bus, uint64_t *first, uint64_t *nr_bytes);

#endif /* HVCMA_CORE_DMA_WINDOWS_H */
