/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pin=all: what it asks of the other properties, and the pins. See pinned.h.
 */
#include "qemu/osdep.h"
#include "qemu/notify.h"
#include "qemu/thread.h"
#include "migration/postcopy-ram.h"

#include "backing.h"
#include "pinned.h"

/* What the user said that it is asked for by. */
static const char *word_of(const VirtIOCMA *s)
{
    return s->config.mode == VIRTIO_CMA_MODE_RAM ? "mode=ram" : "pin=all";
}

bool hvcma_pinned_check(VirtIOCMA *s, Error **errp)
{
    uint64_t limit = s->config.pin_limit_bytes;

    if (!hvcma_pinned_is_all(s)) {
        return true;
    }
    if ((s->config.mode != VIRTIO_CMA_MODE_REUSABLE &&
         s->config.mode != VIRTIO_CMA_MODE_RAM) ||
        s->config.flags & VIRTIO_CMA_FLAG_AUTO) {
        error_setg(errp, "virtio-cma '%s': pin=all is of mode=reusable, not of "
                   "mode=%s", s->config.name, s->opts.mode ?: "private");
        return false;
    }
    if (limit && limit < s->config.region_bytes) {
        error_setg(errp, "virtio-cma '%s': %s pins all of the %" PRIu64
                   " bytes, but %s= allows %" PRIu64, s->config.name,
                   word_of(s), s->config.region_bytes,
                   s->opts.pin_limit_bytes == limit ? "pin-limit" : "regions",
                   limit);
        return false;
    }
    return true;
}

/* Postcopy replaces pages at the destination: the pinned ones would be lost. */
static int postcopy_event(NotifierWithReturn *n, void *data, Error **errp)
{
    VirtIOCMA *s = container_of(n, VirtIOCMA, pinned_postcopy);
    struct PostcopyNotifyData *event = data;

    if (event->reason != POSTCOPY_NOTIFY_PROBE) {
        return 0;
    }
    error_setg(errp, "virtio-cma '%s': %s can't be migrated by postcopy",
               s->config.name, word_of(s));
    return -ENOTSUP;
}

bool hvcma_pinned_realize(VirtIOCMA *s, Error **errp)
{
    enum virtio_cma_status status;

    if (!hvcma_pinned_is_all(s)) {
        return true;
    }
    status = hvcma_engine_pin_all(s->engine);
    if (status) {
        error_setg(errp, "virtio-cma '%s': %s can't pin the region's %" PRIu64
                   " bytes: %s", s->config.name, word_of(s),
                   s->config.region_bytes,
                   hvcma_backing_error(s->backing) ?:
                   hvcma_status_text(status));
        return false;
    }
    s->pinned_postcopy.notify = postcopy_event;
    postcopy_add_notifier(&s->pinned_postcopy);
    return true;
}

void hvcma_pinned_unrealize(VirtIOCMA *s)
{
    if (s->pinned_postcopy.notify) {
        postcopy_remove_notifier(&s->pinned_postcopy);
        s->pinned_postcopy.notify = NULL;
    }
}
