/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Draining: memory is unpinned between turns. See drain.h.
 */
#include "qemu/osdep.h"
#include "block/aio.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include "backing.h"
#include "drain.h"

#define STEP_MAX_NS (5 * SCALE_MS)

struct HvcmaDrain {
    QEMUBH *bh;
    HvcmaWork *work;            /* when it is done; keeps the device */
};

static bool is_done(VirtIOCMA *s)
{
    return !hvcma_engine_is_draining(s->engine) &&
           !hvcma_backing_is_busy(s->backing);
}

/* As much as a turn may take. */
static void step(VirtIOCMA *s)
{
    int64_t end_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + STEP_MAX_NS;

    while (hvcma_engine_is_draining(s->engine) &&
           hvcma_engine_drain(s->engine) &&
           qemu_clock_get_ns(QEMU_CLOCK_REALTIME) < end_ns) {
        /* the next part */
    }
}

static void drain_bh(void *opaque)
{
    VirtIOCMA *s = opaque;
    HvcmaWork *work = s->drain->work;

    if (hvcma_turn_is_under_way()) {
        qemu_bh_schedule(s->drain->bh);
        return;
    }
    hvcma_turn_begin(s);
    step(s);
    if (work && is_done(s)) {
        s->drain->work = NULL;
        work(s);
        hvcma_let_go(s);
    }
    hvcma_turn_end(s);
}

void hvcma_drain_check(VirtIOCMA *s)
{
    HvcmaDrain *l = s->drain;

    if (l && s->engine &&
        (hvcma_engine_is_draining(s->engine) || (l->work && is_done(s)))) {
        qemu_bh_schedule(l->bh);
    }
}

void hvcma_drain_finish(VirtIOCMA *s)
{
    while (hvcma_engine_is_draining(s->engine)) {
        hvcma_engine_drain(s->engine);
    }
}

void hvcma_drain_then(VirtIOCMA *s, HvcmaWork *work)
{
    step(s);
    if (is_done(s)) {
        work(s);
        return;
    }
    hvcma_keep(s);
    s->drain->work = work;
}

void hvcma_drain_start(VirtIOCMA *s)
{
    s->drain = g_new0(HvcmaDrain, 1);
    s->drain->bh = aio_bh_new(iohandler_get_aio_context(), drain_bh, s);
}

void hvcma_drain_stop(VirtIOCMA *s)
{
    qemu_bh_delete(s->drain->bh);
    g_free(s->drain);
    s->drain = NULL;
}
