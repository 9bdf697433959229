/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of virtio-cma: from a virtqueue to the engine and back; and events.
 *
 * Copies a request once, has the engine judge the copy, and writes the answer.
 * Does not look into requests.
 */
#ifndef QEMU_DEVICE_REQUESTS_H
#define QEMU_DEVICE_REQUESTS_H

#include "virtio_cma.h"

/** hvcma_requests_start() - make the three queues. After virtio_init(). */
void hvcma_requests_start(VirtIOCMA *s);

/** hvcma_requests_stop() - drop what is under way, delete the queues. */
void hvcma_requests_stop(VirtIOCMA *s);

/** hvcma_requests_resume() - take up what may have been left in the rings. */
void hvcma_requests_resume(VirtIOCMA *s);

/** hvcma_requests_put_back() - the VM stops: unfinished ones back to the ring. */
void hvcma_requests_put_back(VirtIOCMA *s);

/** hvcma_requests_forget() - the device is reset: so are requests and events. */
void hvcma_requests_forget(VirtIOCMA *s);

/**
 * hvcma_send_event() - tell the guest driver that a client came or went.
 * @type: VIRTIO_CMA_EVENT_*
 *
 * Kept until the guest offers a buffer; a later event of the same client
 * replaces an undelivered one, for the guest reads the current state anyway.
 */
void hvcma_send_event(VirtIOCMA *s, uint32_t client, uint32_t type);

#endif /* QEMU_DEVICE_REQUESTS_H */
