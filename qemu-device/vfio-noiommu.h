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
 *
 * The code installs itself when the module is loaded.
 */
#ifndef QEMU_DEVICE_VFIO_NOIOMMU_H
#define QEMU_DEVICE_VFIO_NOIOMMU_H

#include "hw/qdev-core.h"
#include "qom/object.h"

/** hvcma_vfio_is_noiommu() - is @obj a vfio-pci attached without IOMMU? */
bool hvcma_vfio_is_noiommu(Object *obj);

/**
 * hvcma_vfio_enable_path() - the host's file that says how many have this
 * device enabled, "0" once VFIO has closed it, to be freed with g_free(); NULL
 * if @obj is no such device.
 */
char *hvcma_vfio_enable_path(Object *obj);

/** hvcma_vfio_noiommu_foreach() - every device attached without an IOMMU. */
void hvcma_vfio_noiommu_foreach(void (*func)(DeviceState *dev, void *opaque),
                                void *opaque);

#endif /* QEMU_DEVICE_VFIO_NOIOMMU_H */
