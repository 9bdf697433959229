/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Populating: a thread that makes host memory ready. See populate.h.
 */
#include "qemu/osdep.h"
#include "block/aio.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"

#include "populate.h"
#include "hv/host/provider.h"

struct HvcmaPopulate {
    QemuThread thread;
    bool busy;
    QEMUBH *bh;
    HvcmaPopulated *done;
    void *opaque;
    void *base;                 /* the thread's while it is busy, and below */
    uint64_t bytes;
    int result;
};

static void *populate_thread(void *opaque)
{
    HvcmaPopulate *p = opaque;

    p->result = hvcma_populate(p->base, p->bytes);
    qemu_bh_schedule(p->bh);
    return NULL;
}

static void populated_bh(void *opaque)
{
    HvcmaPopulate *p = opaque;

    qemu_thread_join(&p->thread);
    p->busy = false;
    p->done(p->opaque);
}

HvcmaPopulate *hvcma_populate_new(HvcmaPopulated *done, void *opaque)
{
    HvcmaPopulate *p = g_new0(HvcmaPopulate, 1);

    p->done = done;
    p->opaque = opaque;
    p->bh = aio_bh_new(iohandler_get_aio_context(), populated_bh, p);
    return p;
}

void hvcma_populate_free(HvcmaPopulate *p)
{
    if (!p) {
        return;
    }
    if (p->busy) {
        qemu_thread_join(&p->thread);
    }
    qemu_bh_delete(p->bh);
    g_free(p);
}

void hvcma_populate_start(HvcmaPopulate *p, void *base, uint64_t bytes)
{
    p->base = base;
    p->bytes = bytes;
    p->busy = true;
    qemu_thread_create(&p->thread, "hvcma-populate", populate_thread, p,
                       QEMU_THREAD_JOINABLE);
}

bool hvcma_populate_is_busy(const HvcmaPopulate *p)
{
    return p && p->busy;
}

int hvcma_populate_result(const HvcmaPopulate *p)
{
    return p->result;
}
