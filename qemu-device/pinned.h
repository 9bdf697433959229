/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pin=all, and mode=ram: a region whose granules are all pinned from before the
 * guest runs until the device is gone and no client could write any more. The
 * guest maps any page of it without asking. Which pins come and go otherwise is
 * the engine's to know; mode=static has its own, static.h.
 *
 * Functions take a region of any kind and do nothing for the others.
 */
#ifndef QEMU_DEVICE_PINNED_H
#define QEMU_DEVICE_PINNED_H

#include "virtio-cma.h"

/** hvcma_pinned_is_all() - is it such a region? Once options are checked. */
static inline bool hvcma_pinned_is_all(const VirtIOCMA *s)
{
    return s->config.flags & VIRTIO_CMA_FLAG_PINNED;
}

/**
 * hvcma_pinned_check() - what pin=all asks of the other properties, which are
 * checked by themselves.
 */
bool hvcma_pinned_check(VirtIOCMA *s, Error **errp);

/**
 * hvcma_pinned_realize() - pin all of the region. @s has its engine, its memory
 * is backed; before anything is pinned for clients. The engine unpins it when
 * it ends. On failure nothing is left to undo.
 */
bool hvcma_pinned_realize(VirtIOCMA *s, Error **errp);

/** hvcma_pinned_unrealize() - before the device goes. */
void hvcma_pinned_unrealize(VirtIOCMA *s);

#endif /* QEMU_DEVICE_PINNED_H */
