/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * surrender=on with a service. See surrender-offer.h.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include "backing.h"
#include "requests.h"
#include "surrender-offer.h"
#include "trace.h"

/* A service that is restarted is there again by then. */
#define RETRY_MS 1000

struct HvcmaOffer {
    VirtIOCMA *s;
    int fd;                     /* readable when it asks; -1: not offered */
    QEMUTimer *retry;
};

static void forget(HvcmaOffer *o)
{
    if (o->fd >= 0) {
        qemu_set_fd_handler(o->fd, NULL, NULL, NULL);
        close(o->fd);
    }
    o->fd = -1;
    timer_del(o->retry);
}

static void retry_later(HvcmaOffer *o)
{
    timer_mod(o->retry, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + RETRY_MS);
}

/* How often it has asked says nothing; what it wants now does. */
static void on_asked(void *opaque)
{
    HvcmaOffer *o = opaque;
    struct hvcma_provider *p = hvcma_backing_provider(o->s->backing);
    uint64_t bytes = 0;
    uint32_t deadline_ms = 0;
    char ignored[64];
    ssize_t got;

    do {
        got = read(o->fd, ignored, sizeof(ignored));
    } while (got == sizeof(ignored) || (got < 0 && errno == EINTR));
    if (!got) {                 /* the service has ended, or our session */
        forget(o);
        retry_later(o);
        return;
    }
    if (hvcma_provider_service_wanted(p, &bytes, &deadline_ms)) {
        trace_virtio_cma_provider_error(o->s->config.name, p->error.text);
    } else if (bytes) {
        hvcma_send_wanted(o->s, bytes, deadline_ms);
    }
}

/* A service that knows nothing of this asks nobody. */
static void offer(void *opaque)
{
    HvcmaOffer *o = opaque;
    struct hvcma_provider *p = hvcma_backing_provider(o->s->backing);
    int ret = hvcma_provider_service_offer(p, &o->fd);

    if (!ret) {
        qemu_set_fd_handler(o->fd, on_asked, NULL, o);
        return;
    }
    trace_virtio_cma_provider_error(o->s->config.name, p->error.text);
    o->fd = -1;
    if (ret != -EOPNOTSUPP) {
        retry_later(o);
    }
}

void hvcma_offer_update(VirtIOCMA *s, bool is_there)
{
    HvcmaOffer *o = s->offer;

    is_there = is_there && s->opts.surrender && s->service_path && s->backing &&
               virtio_vdev_has_feature(VIRTIO_DEVICE(s),
                                       VIRTIO_CMA_F_SURRENDER);
    if (!is_there) {
        hvcma_offer_stop(s);
    } else if (!o) {
        o = s->offer = g_new0(HvcmaOffer, 1);
        o->s = s;
        o->fd = -1;
        o->retry = timer_new_ms(QEMU_CLOCK_REALTIME, offer, o);
        offer(o);
    }
}

void hvcma_offer_stop(VirtIOCMA *s)
{
    HvcmaOffer *o = s->offer;

    if (!o) {
        return;
    }
    if (o->fd >= 0) {
        hvcma_provider_service_withdraw(hvcma_backing_provider(s->backing));
    }
    forget(o);
    timer_free(o->retry);
    g_free(o);
    s->offer = NULL;
}
