/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns: one piece of work at a time. See turn.h.
 */
#include "qemu/osdep.h"
#include "qemu/queue.h"

#include "drain.h"
#include "turn.h"

typedef struct PutOff {
    VirtIOCMA *s;
    HvcmaWork *work;
    QSIMPLEQ_ENTRY(PutOff) next;
} PutOff;

static unsigned int depth;
static QSIMPLEQ_HEAD(, PutOff) put_off = QSIMPLEQ_HEAD_INITIALIZER(put_off);

bool hvcma_turn_is_under_way(void)
{
    return depth;
}

void hvcma_keep(VirtIOCMA *s)
{
    object_ref(s->transport);
    object_ref(OBJECT(s));
}

void hvcma_let_go(VirtIOCMA *s)
{
    Object *transport = s->transport;

    object_unref(OBJECT(s));
    object_unref(transport);
}

static void put_off_work(VirtIOCMA *s, HvcmaWork *work)
{
    PutOff *p;

    QSIMPLEQ_FOREACH(p, &put_off, next) {
        if (p->s == s && p->work == work) {
            return;
        }
    }
    p = g_new(PutOff, 1);
    p->s = s;
    p->work = work;
    hvcma_keep(s);
    QSIMPLEQ_INSERT_TAIL(&put_off, p, next);
}

void hvcma_turn_begin(VirtIOCMA *s)
{
    hvcma_keep(s);
    depth++;
}

void hvcma_turn_end(VirtIOCMA *s)
{
    PutOff *p;

    while (depth == 1 && (p = QSIMPLEQ_FIRST(&put_off))) {
        QSIMPLEQ_REMOVE_HEAD(&put_off, next);
        p->work(p->s);
        hvcma_drain_check(p->s);
        hvcma_let_go(p->s);
        g_free(p);
    }
    depth--;
    hvcma_drain_check(s);
    hvcma_let_go(s);
}

void hvcma_turn_run(VirtIOCMA *s, HvcmaWork *work)
{
    if (depth) {
        put_off_work(s, work);
        return;
    }
    hvcma_turn_begin(s);
    work(s);
    hvcma_turn_end(s);
}
