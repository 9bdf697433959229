/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Client device: one guest device that regions serve, however many they are.
 *
 * Holds what exists once per device: its place on the guest's buses and its
 * gate. Those who use it, one for each entry of a region's client table, open
 * and close the one gate, hear when the device goes, and when it could not be
 * quiesced for another of them. Knows no region and no request.
 *
 * All functions need the big QEMU lock.
 */
#ifndef QEMU_DEVICE_CLIENT_DEVICE_H
#define QEMU_DEVICE_CLIENT_DEVICE_H

#include "hw/qdev-core.h"

#include "hv/abi/virtio_cma.h"

typedef struct HvcmaClientDevice HvcmaClientDevice;
typedef struct HvcmaDeviceUser HvcmaDeviceUser;

typedef struct HvcmaDeviceUserOps {
    /* About to be unrealized, and still usable. Must leave. */
    void (*gone)(HvcmaDeviceUser *u);
    /* Another user could not close the gate. Must not open, close or leave. */
    void (*quarantined)(HvcmaDeviceUser *u);
} HvcmaDeviceUserOps;

/* Embedded in its owner; zeroed but for ops. */
struct HvcmaDeviceUser {
    const HvcmaDeviceUserOps *ops;
    HvcmaClientDevice *device;      /* NULL: has not joined */
    QLIST_ENTRY(HvcmaDeviceUser) next;
};

typedef struct HvcmaDevicePlace {
    uint8_t bus;                    /* VIRTIO_CMA_BUS_* */
    char path[VIRTIO_CMA_PATH_BYTES];
} HvcmaDevicePlace;

/**
 * hvcma_device_on_bus() - the device as the guest's buses know it: of a virtio
 * device on virtio-mmio, its slot.
 */
DeviceState *hvcma_device_on_bus(DeviceState *dev);

/**
 * hvcma_device_locate() - where the guest finds @dev. False if it is neither
 * a PCI nor a platform device, or has no path, or one that does not fit; the
 * words follow on the client's name.
 */
bool hvcma_device_locate(DeviceState *dev, HvcmaDevicePlace *place,
                         Error **errp);

/**
 * hvcma_device_join() - start to use @dev; the first user puts the gate on it,
 * closed.
 * @dev: realized, as on its bus
 *
 * Return: false with @errp as of hvcma_gate_new().
 */
bool hvcma_device_join(HvcmaDeviceUser *u, DeviceState *dev, Error **errp);

/**
 * hvcma_device_leave() - stop to use it; nothing if @u has not joined. The last
 * user takes the gate off.
 * @stay_off: no: the gate stays on, closed, until someone joins or the device
 *      goes: nobody tells it valid addresses
 */
void hvcma_device_leave(HvcmaDeviceUser *u, bool stay_off);

/** hvcma_device_open() - see hvcma_gate_open(). */
bool hvcma_device_open(HvcmaDeviceUser *u, Error **errp);

/**
 * hvcma_device_close() - see hvcma_gate_close(): for all users, whatever the
 * others still want.
 */
bool hvcma_device_close(HvcmaDeviceUser *u, Error **errp);

/** hvcma_device_tell_quarantined() - a close of @u failed: tell the others. */
void hvcma_device_tell_quarantined(HvcmaDeviceUser *u);

bool hvcma_device_is_bus_master(const HvcmaDeviceUser *u);

/** hvcma_device_of() - the device on its bus; NULL if @u has not joined. */
DeviceState *hvcma_device_of(const HvcmaDeviceUser *u);

/** hvcma_device_foreach() - every device that has users, as they came. */
void hvcma_device_foreach(void (*func)(DeviceState *dev, void *opaque),
                          void *opaque);

#endif /* QEMU_DEVICE_CLIENT_DEVICE_H */
