/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO without IOMMU: opens a device's no-IOMMU group, container and device, and stops a PCI device
 * for good (a platform device: platform_rules.h). Knows who asks for a device as little as what is done
 * with it.
 *
 * The kernel asks CAP_SYS_RAWIO of whoever opens, at each step; the device's descriptor then works
 * for anyone who has it, and is open as long as anyone has.
 */
#ifndef HVCMA_HOST_VFIO_NOIOMMU_H
#define HVCMA_HOST_VFIO_NOIOMMU_H

#include "hv/host/provider.h"

/* Where the kernel shows devices, by their names. */
#define HVCMA_PCI_DEVICES	"/sys/bus/pci/devices"
#define HVCMA_PLATFORM_DEVICES	"/sys/bus/platform/devices"

struct hvcma_vfio_group {
	int id;
	bool is_noiommu;
	char path[32];			/* of its node in /dev */
};

/**
 * hvcma_vfio_group_of() - the group that a device is in.
 * @sysfs_path: of the device, "/sys/bus/pci/devices/0000:03:00.0"
 *
 * Return: 0, or -ENOENT: it is in none, or is not there.
 */
int hvcma_vfio_group_of(const char *sysfs_path, struct hvcma_vfio_group *out);

/**
 * hvcma_vfio_no_group() - why is the device in no group, though it needs a no-IOMMU one? In words.
 * @driver: of VFIO, that makes one
 */
void hvcma_vfio_no_group(const char *device, const char *driver, struct hvcma_error *err);

/* A no-IOMMU group holds one device, and has a container of its own. -1: closed. */
struct hvcma_noiommu {
	int group_fd;
	int container_fd;
};

/**
 * hvcma_noiommu_open() - open a group and put it into a container of its own.
 * @group_path: as hvcma_vfio_group_of() has it
 * @out: out; for hvcma_noiommu_close()
 *
 * Return: 0, -EPERM (no CAP_SYS_RAWIO), -EBUSY (somebody else has it), -ENODEV (not all of its devices
 * are bound to vfio-pci), or what the kernel said; @err says it in words, and @out is closed.
 */
int hvcma_noiommu_open(const char *group_path, struct hvcma_noiommu *out, struct hvcma_error *err);

/**
 * hvcma_noiommu_device() - the descriptor of the group's device.
 * @name: of the device, "0000:03:00.0", "a003e00.virtio_mmio"
 *
 * Return: the descriptor, the caller's; or a negative errno with words in @err.
 */
int hvcma_noiommu_device(const struct hvcma_noiommu *group, const char *name, struct hvcma_error *err);

/** hvcma_noiommu_close() - group and container; what is closed already is left alone. */
void hvcma_noiommu_close(struct hvcma_noiommu *group);

/**
 * hvcma_vfio_stop() - no DMA of this device from now on: bus master off, read back, reset.
 * @device_fd: of a PCI device
 *
 * A reset takes 0.1 s and more, without end if the hardware hangs. Any way of the kernel's is one, which has
 * tried them (reset_method in sysfs: the function's own, a power cycle by D3hot, the bus if nothing else is on it)
 * when VFIO opened the device.
 *
 * Return: 0, -ENODEV (it does not answer any more), -EBUSY (it is a bus master still), -EOPNOTSUPP (it
 * is no bus master, and can't be reset: it goes on with what it was told when somebody makes it one again), or what
 * the kernel said of config space or the reset; @err says it in words. It may run on then.
 */
int hvcma_vfio_stop(int device_fd, struct hvcma_error *err);

/** hvcma_vfio_can_reset() - of a device that VFIO has opened, @device_fd: has it any reset? */
bool hvcma_vfio_can_reset(int device_fd);

/**
 * hvcma_vfio_users() - how many have the device enabled; 0 once VFIO has closed it.
 * @name: of the device
 *
 * Return: their number, or -ENOENT: there is no such device any more.
 */
int hvcma_vfio_users(const char *name);

/**
 * hvcma_vfio_platform_users() - has anybody this platform device open? The kernel counts nobody there, but gives
 * its group to one at a time, and who has the device has the group.
 *
 * The caller has none of both, and CAP_SYS_RAWIO.
 *
 * Return: 0: nobody; 1: somebody, or it can't be seen; -ENOENT: VFIO has no such device any more.
 */
int hvcma_vfio_platform_users(const char *name);

#endif /* HVCMA_HOST_VFIO_NOIOMMU_H */
