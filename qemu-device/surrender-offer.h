/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * surrender=on with a service: the service knows who on this host needs memory,
 * and asks for some while a guest is there that can surrender it. What it asks
 * for becomes the event WANTED. How memory is surrendered is surrender.c's
 * affair; the property "wanted-bytes" works beside.
 *
 * When the service has ended it is offered to the next one.
 */
#ifndef QEMU_DEVICE_SURRENDER_OFFER_H
#define QEMU_DEVICE_SURRENDER_OFFER_H

#include "virtio-cma.h"

/**
 * hvcma_offer_update() - the driver has come, or has gone, or the machine runs
 * or does not.
 * @is_there: it can be asked
 *
 * For each region; does nothing without surrender=on, or without a service.
 */
void hvcma_offer_update(VirtIOCMA *s, bool is_there);

/** hvcma_offer_stop() - the region goes; before its backing does. */
void hvcma_offer_stop(VirtIOCMA *s);

#endif /* QEMU_DEVICE_SURRENDER_OFFER_H */
