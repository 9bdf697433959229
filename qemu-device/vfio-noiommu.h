/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO without IOMMU: lets QEMU's own vfio-pci use a no-IOMMU group.
 *
 * Stock QEMU looks for an IOMMU group only. This adds the other kind: a device
 * in a /dev/vfio/noiommu-N group attaches if, and only if, a region with
 * unsafe-noiommu=on names it as a client. Every other device takes the way it
 * always took. Nothing is mapped for DMA: the guest uses the host-physical
 * addresses that virtio-cma gives it. UNSAFE: such a device can write to all of
 * the host's memory; the gate (gate.h) only guards against accidents.
 */
#ifndef QEMU_DEVICE_VFIO_NOIOMMU_H
#define QEMU_DEVICE_VFIO_NOIOMMU_H

#include "exec/memory.h"
#include "hw/qdev-core.h"
#include "qom/object.h"

#include "stock.h"

#ifdef HVCMA_STOCK_QEMU
#define TYPE_VFIO_IOMMU_NOIOMMU "vfio-iommu-noiommu"
#endif

typedef struct VFIODevice VFIODevice;

/**
 * vfio_noiommu_select() - which kind of container is the device to attach to?
 * @iommu_type: as the user wants it; out, another one for a no-IOMMU group
 *
 * Return: false with @errp if it must not be attached, for the sake of the
 * region that names it, or because none does.
 */
bool vfio_noiommu_select(VFIODevice *vbasedev, AddressSpace *as,
                         const char **iommu_type, Error **errp);

/** hvcma_vfio_device() - what VFIO has of @obj; NULL: it is not VFIO's. */
VFIODevice *hvcma_vfio_device(Object *obj);

/** hvcma_vfio_is_noiommu() - is @obj VFIO's, attached without IOMMU? */
bool hvcma_vfio_is_noiommu(Object *obj);

/**
 * hvcma_vfio_enable_path() - the host's file that says how many have this
 * device enabled, "0" once VFIO has closed it, to be freed with g_free(); NULL
 * if @obj is no such device. Of a platform device, which has none, it is a
 * name.
 */
char *hvcma_vfio_enable_path(Object *obj);

/** hvcma_vfio_noiommu_foreach() - every device attached without an IOMMU. */
void hvcma_vfio_noiommu_foreach(void (*func)(DeviceState *dev, void *opaque),
                                void *opaque);

#endif /* QEMU_DEVICE_VFIO_NOIOMMU_H */
