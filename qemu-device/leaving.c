/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaving: memory goes back between turns. See leaving.h.
 */
#include "qemu/osdep.h"
#include "block/aio.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include "backing.h"
#include "leaving.h"

#define STEP_MAX_NS (5 * SCALE_MS)

struct HvcmaLeaving {
    QEMUBH *bh;
    HvcmaWork *work;            /* when it is done; keeps the device */
};

static bool is_done(VirtIOCMA *s)
{
    return !hvcma_engine_is_leaving(s->engine) &&
           !hvcma_backing_is_busy(s->backing);
}

/* As much as a turn may take. */
static void step(VirtIOCMA *s)
{
    int64_t end_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + STEP_MAX_NS;

    while (hvcma_engine_is_leaving(s->engine) &&
           hvcma_engine_leave(s->engine) &&
           qemu_clock_get_ns(QEMU_CLOCK_REALTIME) < end_ns) {
        /* the next part */
    }
}

static void leaving_bh(void *opaque)
{
    VirtIOCMA *s = opaque;
    HvcmaWork *work = s->leaving->work;

    if (hvcma_turn_is_under_way()) {
        qemu_bh_schedule(s->leaving->bh);
        return;
    }
    hvcma_turn_begin(s);
    step(s);
    if (work && is_done(s)) {
        s->leaving->work = NULL;
        work(s);
        hvcma_let_go(s);
    }
    hvcma_turn_end(s);
}

void hvcma_leaving_check(VirtIOCMA *s)
{
    HvcmaLeaving *l = s->leaving;

    if (l && s->engine &&
        (hvcma_engine_is_leaving(s->engine) || (l->work && is_done(s)))) {
        qemu_bh_schedule(l->bh);
    }
}

void hvcma_leaving_finish(VirtIOCMA *s)
{
    while (hvcma_engine_is_leaving(s->engine)) {
        hvcma_engine_leave(s->engine);
    }
}

void hvcma_leaving_then(VirtIOCMA *s, HvcmaWork *work)
{
    step(s);
    if (is_done(s)) {
        work(s);
        return;
    }
    hvcma_keep(s);
    s->leaving->work = work;
}

void hvcma_leaving_start(VirtIOCMA *s)
{
    s->leaving = g_new0(HvcmaLeaving, 1);
    s->leaving->bh = aio_bh_new(iohandler_get_aio_context(), leaving_bh, s);
}

void hvcma_leaving_stop(VirtIOCMA *s)
{
    qemu_bh_delete(s->leaving->bh);
    g_free(s->leaving);
    s->leaving = NULL;
}
