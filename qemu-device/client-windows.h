/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows of clients: which memory a client reaches, and at which addresses on
 * its bus (hv/core/dma_windows.h). What the operator said of them, what the
 * host tells of a passed-through device, and whether a region has anything for
 * a client with such windows. What the guest hears and where blocks lie is the
 * engine's.
 */
#ifndef QEMU_DEVICE_CLIENT_WINDOWS_H
#define QEMU_DEVICE_CLIENT_WINDOWS_H

#include "virtio-cma.h"

/**
 * hvcma_client_windows_check() - dma-windows= by itself: the text, no client
 * twice, a region whose addresses are host-physical. @s->config has its name.
 */
bool hvcma_client_windows_check(VirtIOCMA *s, Error **errp);

/**
 * hvcma_client_windows_check_clients() - whom dma-windows= names is a client;
 * the tables are there.
 */
bool hvcma_client_windows_check_clients(VirtIOCMA *s, Error **errp);

/**
 * hvcma_client_windows_of() - the windows of a client that is plugged.
 * @dev: the device on its bus
 * @source: out, VIRTIO_CMA_SOURCE_*
 * @from: out, where that was read, for people; g_free(). "" if it was nowhere
 *
 * The operator's word beats everything. Without one a passed-through device has
 * what the host's device tree says of its host bridge, and all others have the
 * identity: so have machines without a device tree.
 *
 * Errors: the host's tree can't be read, or says what can't be.
 */
bool hvcma_client_windows_of(VirtIOCMA *s, const char *client, DeviceState *dev,
                      struct hvcma_dma_windows *windows, uint32_t *source,
                      char **from, Error **errp);

/**
 * hvcma_client_windows_reach() - is there anything in the region for a client
 * with these windows, or may there be, wherever the host has pages?
 * @max_bus: the highest address on its bus that the client has bits for
 *
 * false with @errp naming client, windows, bits and what there is.
 */
bool hvcma_client_windows_reach(VirtIOCMA *s, const char *client,
                         const struct hvcma_dma_windows *windows,
                         uint32_t source, uint64_t max_bus, Error **errp);

/**
 * hvcma_client_highest_bus() - the highest bus address that a device of this
 * kind has bits for; UINT64_MAX if that is its driver's to know.
 */
uint64_t hvcma_client_highest_bus(DeviceState *dev);

/** hvcma_client_windows_text() - as dma-windows= takes them; g_free(). */
char *hvcma_client_windows_text(const struct hvcma_dma_windows *windows);

/** hvcma_client_windows_source() - VIRTIO_CMA_SOURCE_* as a word. */
const char *hvcma_client_windows_source(uint32_t source);

#endif /* QEMU_DEVICE_CLIENT_WINDOWS_H */
