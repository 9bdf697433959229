/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of virtio-cma: from a virtqueue to the engine and back; and events.
 *
 * Copies a request once, has the engine judge the copy, and writes the answer.
 * Of what is in a request it knows only whether that allocates or frees memory.
 *
 * A request on its way belongs to one variable at a time: to the function that
 * serves it, or, while it is unfinished, to the queue where it is parked. It
 * holds no mapping of guest memory: the answer is written to the guest's
 * addresses, which may be registers, piece by piece; then, with nothing else
 * left to write, it goes into the used ring. Each queue has a number of its
 * life, and after everything that can come back to the device from inside
 * (turn.h) it is compared: a request of an earlier life is dropped without
 * another write, the ring it came from being gone.
 *
 * What may happen to a parked request, and to one that is being served:
 *
 *   reset, queue reset   dropped; what the engine began for it drains
 *                        (drain.h). The new ring gets answers to what came in
 *                        it, no others
 *   unplug               dropped
 *   VM stops             parked: goes on when the VM does. Where the VM was
 *                        migrated to, with its place in the ring, it begins
 *                        anew; but a FREE or BUSY that was accepted needs only
 *                        its answer, for its blocks did not come along. No
 *                        CLAIM or RELEASE is: what they take turns for blocks
 *                        migration (alias.h)
 *   same queue, inside   its requests wait for the next turn
 *   other requests       served between the turns of the parked one, and
 *                        answered before it; but for those of its class (ALLOC
 *                        and ALLOC_BULK, FREE and BUSY, CLAIM and RELEASE):
 *                        parked behind it
 *   a thread prepares    parked; no turn until it is done (backing.h)
 *   memory for it
 */
#ifndef QEMU_DEVICE_REQUESTS_H
#define QEMU_DEVICE_REQUESTS_H

#include "virtio-cma.h"

/** hvcma_requests_start() - make the three queues. After virtio_init(). */
void hvcma_requests_start(VirtIOCMA *s);

/** hvcma_requests_stop() - drop what is under way, delete the queues. */
void hvcma_requests_stop(VirtIOCMA *s);

/** hvcma_requests_free() - the memory, when no turn of @s can be under way. */
void hvcma_requests_free(VirtIOCMA *s);

/** hvcma_requests_resume() - take up what may have been left in the rings. */
void hvcma_requests_resume(VirtIOCMA *s);

/* Subsection of the device's: requests under way. */
extern const VMStateDescription vmstate_virtio_cma_requests;

/** hvcma_requests_forget() - the device is reset, with requests and events. */
void hvcma_requests_forget(VirtIOCMA *s);

/** hvcma_requests_forget_queue() - queue @index is reset. */
void hvcma_requests_forget_queue(VirtIOCMA *s, uint32_t index);

/**
 * hvcma_send_event() - tell the guest driver, soon, that a client came or went.
 * @type: VIRTIO_CMA_EVENT_*
 *
 * Kept until the guest offers a buffer; a later event of the same client
 * replaces an undelivered one, for the guest reads the current state anyway.
 */
void hvcma_send_event(VirtIOCMA *s, uint32_t client, uint32_t type);

/**
 * hvcma_send_wanted() - ask the guest driver for memory, which knows
 * VIRTIO_CMA_F_SURRENDER, within so many milliseconds; 0: at any time.
 *
 * Kept as above; what was asked for before and is not delivered is forgotten.
 */
void hvcma_send_wanted(VirtIOCMA *s, uint64_t bytes, uint32_t deadline_ms);

#endif /* QEMU_DEVICE_REQUESTS_H */
