/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * View: what one reading of a report sees of a region's granules. See view.h.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"

#include "backing.h"
#include "view.h"

#include "hv/host/provider.h"

#define LOOK_MAX_NS (5 * SCALE_MS)

/* Looked at between two looks at the clock: granules, and pages. */
#define LOOK_CHUNK 256
#define LOOK_CHUNK_PAGES 16384

/* Granules in one state and, if backed, consecutive by address. */
typedef struct Piece {
    uint64_t first;
    uint64_t nr;
    uint64_t dma;               /* HVCMA_DMA_UNKNOWN: not backed */
    uint8_t state;
} Piece;

static uint64_t chunk_granules(VirtIOCMA *s)
{
    size_t page_bytes = host_memory_backend_pagesize(s->opts.memdev);
    uint64_t pages = MAX(1, s->config.granule_bytes / page_bytes);

    return MAX(1, MIN(LOOK_CHUNK, LOOK_CHUNK_PAGES / pages));
}

/* Addresses of granules from view->first on, as many as there is time for. */
static GArray *look(VirtIOCMA *s, const HvcmaView *view, Error **errp)
{
    int64_t end_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + LOOK_MAX_NS;
    GArray *dma = g_array_new(false, false, sizeof(uint64_t));
    uint64_t chunk = chunk_granules(s), at, nr;

    for (at = view->first; at < view->end; at += nr) {
        enum virtio_cma_status status;

        nr = MIN(chunk, view->end - at);
        g_array_set_size(dma, dma->len + nr);
        status = hvcma_backing_look(s->backing, at, nr,
                                    &g_array_index(dma, uint64_t,
                                                   dma->len - nr));
        if (status) {
            error_setg(errp, "virtio-cma '%s': can't see where its granules "
                       "are: %s", s->config.name, hvcma_status_text(status));
            g_array_free(dma, true);
            return NULL;
        }
        if (qemu_clock_get_ns(QEMU_CLOCK_REALTIME) > end_ns) {
            break;
        }
    }
    return dma;
}

/* As the engine knows it, corrected by what was seen. */
static Piece next_piece(VirtIOCMA *s, HvcmaView *view, const GArray *seen,
                        uint64_t first)
{
    uint64_t looked_end = view->first + view->nr_looked;
    uint64_t granule_bytes = s->config.granule_bytes;
    Piece p = { .first = first };
    uint64_t known, now, i;

    p.nr = hvcma_engine_alike(s->engine, first, view->end - first, &p.state,
                              &p.dma);
    if ((p.state & VIRTIO_CMA_GRANULE_STATE_MASK) ==
        VIRTIO_CMA_GRANULE_PINNED || first >= looked_end) {
        return p;
    }
    p.nr = MIN(p.nr, looked_end - first);
    known = p.dma;
    now = g_array_index(seen, uint64_t, first - view->first);
    for (i = 1; i < p.nr; i++) {
        uint64_t step = now < HVCMA_HPA_SWAPPED ? i * granule_bytes : 0;

        if (g_array_index(seen, uint64_t, first - view->first + i) !=
            now + step) {
            break;
        }
    }
    p.nr = i;
    p.dma = now < HVCMA_HPA_SWAPPED ? now : HVCMA_DMA_UNKNOWN;
    p.state &= ~VIRTIO_CMA_GRANULE_STATE_MASK;
    p.state |= now < HVCMA_HPA_SWAPPED ? VIRTIO_CMA_GRANULE_MIGRATABLE :
               now == HVCMA_HPA_SWAPPED ? HVCMA_VIEW_SWAPPED :
               VIRTIO_CMA_GRANULE_UNBACKED;
    if ((known == HVCMA_DMA_UNKNOWN) != (p.dma == HVCMA_DMA_UNKNOWN)) {
        view->more_backed += known == HVCMA_DMA_UNKNOWN ? p.nr : -p.nr;
    }
    view->nr_swapped += now == HVCMA_HPA_SWAPPED ? p.nr : 0;
    return p;
}

static void add_run(HvcmaView *view, const Piece *p)
{
    HvcmaViewRun run = { .first = p->first, .nr = p->nr, .state = p->state };
    HvcmaViewRun *last = view->runs->len ?
        &g_array_index(view->runs, HvcmaViewRun, view->runs->len - 1) : NULL;

    if (view->runs_end != p->first) {
        return;                 /* the list is full */
    }
    if (last && last->state == p->state) {
        last->nr += p->nr;
    } else if (view->runs->len < HVCMA_VIEW_MAX_ENTRIES) {
        g_array_append_val(view->runs, run);
    } else {
        return;
    }
    view->runs_end += p->nr;
}

/* @next_dma: where an extent would go on that ended just before. */
static void add_extent(HvcmaView *view, const Piece *p, uint64_t next_dma)
{
    HvcmaViewExtent extent = { .first = p->first, .nr = p->nr, .dma = p->dma };
    bool listed = view->extents_end == p->first;

    if (p->dma == HVCMA_DMA_UNKNOWN) {
        view->extents_end += listed ? p->nr : 0;
        return;
    }
    view->nr_extents += p->dma != next_dma;
    if (!listed) {
        return;                 /* the list is full */
    }
    if (p->dma == next_dma) {
        g_array_index(view->extents, HvcmaViewExtent,
                      view->extents->len - 1).nr += p->nr;
    } else if (view->extents->len < HVCMA_VIEW_MAX_ENTRIES) {
        g_array_append_val(view->extents, extent);
    } else {
        return;
    }
    view->extents_end += p->nr;
}

static void go_over(VirtIOCMA *s, HvcmaView *view, const GArray *seen)
{
    uint64_t at = view->first, next_dma = HVCMA_DMA_UNKNOWN;
    int pieces;

    for (pieces = 0; at < view->end && pieces < HVCMA_VIEW_MAX_PIECES;
         pieces++) {
        Piece p = next_piece(s, view, seen, at);
        uint64_t bytes = p.nr * s->config.granule_bytes;

        add_run(view, &p);
        add_extent(view, &p, next_dma);
        next_dma = HVCMA_DMA_UNKNOWN;
        if (p.dma != HVCMA_DMA_UNKNOWN) {
            view->lowest_dma = MIN(view->lowest_dma, p.dma);
            view->highest_dma = MAX(view->highest_dma, p.dma + bytes - 1);
            next_dma = p.dma + bytes;
        }
        at += p.nr;
    }
    view->end = at;
    view->nr_looked = MIN(view->nr_looked, at - view->first);
}

static void list_blocks(VirtIOCMA *s, HvcmaView *view)
{
    uint64_t from = view->first;
    HvcmaViewBlock b;

    view->blocks_end = view->end;
    while (hvcma_engine_next_block(s->engine, from, &b.first, &b.nr, &b.client,
                                   &b.purpose) && b.first < view->end) {
        if (view->blocks->len == HVCMA_VIEW_MAX_ENTRIES) {
            view->blocks_end = b.first;
            return;
        }
        g_array_append_val(view->blocks, b);
        from = b.first + b.nr;
    }
}

HvcmaView *hvcma_view_new(VirtIOCMA *s, uint64_t first, Error **errp)
{
    uint64_t total = s->config.region_bytes / s->config.granule_bytes;
    HvcmaView *view = g_new0(HvcmaView, 1);
    GArray *seen;

    view->first = first;
    view->end = MIN(total, first + HVCMA_VIEW_MAX_GRANULES);
    view->runs_end = first;
    view->extents_end = first;
    view->lowest_dma = UINT64_MAX;
    seen = look(s, view, errp);
    if (!seen) {
        g_free(view);
        return NULL;
    }
    view->nr_looked = seen->len;
    view->runs = g_array_new(false, false, sizeof(HvcmaViewRun));
    view->extents = g_array_new(false, false, sizeof(HvcmaViewExtent));
    view->blocks = g_array_new(false, false, sizeof(HvcmaViewBlock));
    go_over(s, view, seen);
    list_blocks(s, view);
    g_array_free(seen, true);
    return view;
}

void hvcma_view_free(HvcmaView *view)
{
    g_array_free(view->runs, true);
    g_array_free(view->extents, true);
    g_array_free(view->blocks, true);
    g_free(view);
}
