/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pin keeper of one region, as QEMU sees it: started with the region,
 * noticed when it dies, started again. hv/host/keeper.h has what a keeper is.
 *
 *            start again
 *         .---------------.
 *         v               |
 *      [runs] --dies--> [dead] --too often in a row--> [given up]
 *
 * While none runs, a death of QEMU would let pages go before devices are
 * closed: so no client is claimed, the operator is told, the report says it.
 */
#ifndef QEMU_DEVICE_PIN_KEEPER_H
#define QEMU_DEVICE_PIN_KEEPER_H

#include "virtio-cma.h"
#include "hv/host/platform_rules.h"
#include "hv/host/provider.h"

typedef struct HvcmaPinKeeper HvcmaPinKeeper;

/**
 * hvcma_pin_keeper_new() - start one for the pins of @provider, which outlives
 * it.
 *
 * Return: NULL with @errp if the program can't be started; it says why, and
 * what can be done.
 */
HvcmaPinKeeper *hvcma_pin_keeper_new(VirtIOCMA *s,
                                     const struct hvcma_provider *provider,
                                     Error **errp);

/** hvcma_pin_keeper_free() - every device is quiesced; NULL is allowed. */
void hvcma_pin_keeper_free(HvcmaPinKeeper *k);

/** hvcma_pin_keeper_state() - "runs", "dead", "given-up"; of NULL "none". */
const char *hvcma_pin_keeper_state(const HvcmaPinKeeper *k);

/** hvcma_pin_keeper_is_missing() - one is needed, and none runs. */
bool hvcma_pin_keeper_is_missing(const HvcmaPinKeeper *k);

/**
 * hvcma_pin_keeper_watch() - keep the pins until the device is closed.
 * @path: as of hvcma_keeper_watch(). Remembered for a next keeper.
 *
 * True also while none runs.
 */
bool hvcma_pin_keeper_watch(HvcmaPinKeeper *k, const char *path, Error **errp);

/**
 * hvcma_pin_keeper_watch_device() - likewise of a platform device.
 * @device_fd, @rule: as of hvcma_keeper_watch_device(). Remembered, too: the
 *                    descriptor as one of its own.
 */
bool hvcma_pin_keeper_watch_device(HvcmaPinKeeper *k, const char *path,
                                   int device_fd,
                                   const struct hvcma_platform_rule *rule,
                                   Error **errp);

/** hvcma_pin_keeper_unwatch() - that device is quiesced for good. */
void hvcma_pin_keeper_unwatch(HvcmaPinKeeper *k, const char *path);

#endif /* QEMU_DEVICE_PIN_KEEPER_H */
