/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * View: what one reading of a report sees of a region's granules.
 *
 * The engine knows what is pinned and what it was told; the guest and the host
 * may have touched, discarded or swapped the rest since. So granules are looked
 * at anew, as many as 5 ms allow, beginning with the first; of the others the
 * view shows what the device knows. Nothing is learned by it: a reader changes
 * nothing.
 *
 * A view goes over 2^20 granules at most, and over 2^16 changes of state or
 * address; lists have 1024 entries at most, for an entry costs 5 KiB and more
 * on its way to the reader. So one reading costs some 16 MB and less than 20 ms
 * whatever the region is like.
 *
 * Does not print: report.c does.
 */
#ifndef QEMU_DEVICE_VIEW_H
#define QEMU_DEVICE_VIEW_H

#include "virtio-cma.h"

#define HVCMA_VIEW_MAX_ENTRIES 1024
#define HVCMA_VIEW_MAX_GRANULES (UINT64_C(1) << 20)
#define HVCMA_VIEW_MAX_PIECES (1 << 16)

/* In a state byte, beside VIRTIO_CMA_GRANULE_*: kept, but not in memory. */
#define HVCMA_VIEW_SWAPPED 3

typedef struct HvcmaViewRun {
    uint64_t first;
    uint64_t nr;
    uint8_t state;              /* as on the wire, or HVCMA_VIEW_SWAPPED */
} HvcmaViewRun;

typedef struct HvcmaViewExtent {
    uint64_t first;
    uint64_t nr;
    uint64_t dma;
} HvcmaViewExtent;

typedef struct HvcmaViewBlock {
    uint64_t first;
    uint64_t nr;
    uint32_t client;
    uint32_t purpose;
} HvcmaViewBlock;

typedef struct HvcmaView {
    uint64_t first;             /* granule that it begins with */
    uint64_t end;               /* granules before it were gone over */
    uint64_t nr_looked;         /* of these, from first on: looked at anew */
    GArray *runs;               /* of granules in one state */
    GArray *extents;
    GArray *blocks;             /* that begin in it */
    uint64_t runs_end;          /* granules before it are in the list */
    uint64_t extents_end;
    uint64_t blocks_end;
    uint64_t nr_extents;        /* listed or not */
    uint64_t lowest_dma;        /* UINT64_MAX if nothing is backed */
    uint64_t highest_dma;
    int64_t more_backed;        /* granules, than the engine knows */
    uint64_t nr_swapped;        /* granules */
} HvcmaView;

/**
 * hvcma_view_new() - look at the granules from @first on, which is in range.
 *
 * Return: NULL with @errp if the host does not tell.
 */
HvcmaView *hvcma_view_new(VirtIOCMA *s, uint64_t first, Error **errp);
void hvcma_view_free(HvcmaView *view);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HvcmaView, hvcma_view_free)

#endif /* QEMU_DEVICE_VIEW_H */
