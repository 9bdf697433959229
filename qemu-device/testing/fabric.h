/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test fabric: gives emulated PCI devices the bus of a machine without IOMMU.
 *
 * There is a fabric for each region, and one bus for all of them: a device on
 * any fabric reaches, at the addresses their providers gave them, only memory
 * that is pinned for DMA at that moment, and interrupt doorbells. Real
 * hardware would let every other address through, to memory that belongs to
 * someone else; here such an access fails and is counted. For tests: no
 * protection, no model of a particular machine. Devices emulated by QEMU only;
 * passed-through ones use the real bus.
 *
 * Functions need the big QEMU lock unless said otherwise.
 */
#ifndef QEMU_DEVICE_FABRIC_H
#define QEMU_DEVICE_FABRIC_H

#include "hw/pci/pci_device.h"

#include "hv/core/dma_windows.h"

typedef struct HvcmaFabric HvcmaFabric;

/*
 * Find the guest-physical address of @dma.
 * @bytes_left: out, memory from there on that is contiguous in both; page-wise
 *
 * Called from any thread, with or without the big QEMU lock.
 * Return: false if nothing is pinned there.
 */
typedef bool HvcmaFabricLookup(void *opaque, uint64_t dma, uint64_t *gpa,
                               uint64_t *bytes_left);

/**
 * hvcma_fabric_new() - a bus without devices.
 * @name: of the region, for messages; copied
 */
HvcmaFabric *hvcma_fabric_new(const char *name, HvcmaFabricLookup *lookup,
                              void *opaque);

/**
 * hvcma_fabric_add() - take a realized device off the machine's bus and onto
 * this one. Bus mastering must still be on for DMA.
 * @windows: of the host bridge that it is behind: an address that leads through
 *      none reaches nothing; of a device on several fabrics the last ones count
 *
 * A device may be on several fabrics, and several times on one; its faults are
 * counted by the one it has been on for longest. To be undone, each time, by
 * hvcma_fabric_remove() while the device is still realized.
 *
 * Return: false with @errp if the device is passed through by VFIO or sits
 * behind an emulated IOMMU.
 */
bool hvcma_fabric_add(HvcmaFabric *f, PCIDevice *dev,
                      const struct hvcma_dma_windows *windows, Error **errp);

/**
 * hvcma_fabric_remove() - off this fabric, and back to the machine's bus if it
 * was the last one; nothing if not on @f. After the device's gate was closed.
 */
void hvcma_fabric_remove(HvcmaFabric *f, PCIDevice *dev);

/** hvcma_fabric_nr_faults() - failed accesses, by page, since the start. */
uint64_t hvcma_fabric_nr_faults(const HvcmaFabric *f);

/** hvcma_fabric_free() - remove what is left. @f may be NULL. */
void hvcma_fabric_free(HvcmaFabric *f);

#endif /* QEMU_DEVICE_FABRIC_H */
