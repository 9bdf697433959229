/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pins and host-physical addresses by iommufd, for devices without an IOMMU (Linux 7.3
 * and newer, with CONFIG_VFIO_DEVICE_CDEV and CONFIG_VFIO_NOIOMMU): an I/O address
 * space that no hardware translates, whose mappings pin and whose addresses can be
 * asked for. Opens no device: that is its owner's, who adds it here.
 *
 * What it wants of this process is CAP_SYS_RAWIO, to open the device and to ask for
 * addresses. CAP_SYS_ADMIN is not needed: of pagemap only what is there is read.
 *
 * What holds the pins are the descriptors of the devices: as long as one of those added
 * here is open, in whatever process (they can be passed and stored, which those of
 * io_uring can't), all that is pinned stays so, and its file, this process gone or not. When the last
 * reference to a device goes, the kernel first takes bus mastering away and resets it, and lets
 * go of the pins after that.
 */
#ifndef HVCMA_HOST_IOMMUFD_H
#define HVCMA_HOST_IOMMUFD_H

#include "hv/host/provider.h"

#define HVCMA_IOMMUFD_PATH	"/dev/iommu"
#define HVCMA_IOMMUFD_PATH_BYTES	64

/* One for all regions and devices of a virtual machine. */
struct hvcma_iommufd {
	int fd;
	uint32_t ioas;		/* number of the I/O address space in it */
};

/**
 * hvcma_iommufd_find_device() - the file by which a device without an IOMMU is opened
 * for iommufd, if kernel and device have it.
 * @sysfs: the device's folder, as /sys/bus/pci/devices/0000:01:00.0
 * @path: out, of HVCMA_IOMMUFD_PATH_BYTES: /dev/vfio/devices/noiommu-vfioN
 *
 * Return: 0, -ENODEV (no driver of VFIO has the device, or it has an IOMMU, or the
 * kernel has no such files), or the errno of reading the folder; @err says it in words.
 */
int hvcma_iommufd_find_device(const char *sysfs, char *path, struct hvcma_error *err);

/**
 * hvcma_iommufd_init() - an I/O address space.
 * @fd: of HVCMA_IOMMUFD_PATH; @io's if this succeeds
 *
 * Return: 0 (then hvcma_iommufd_fini()), -EOPNOTSUPP (the kernel tells no addresses:
 * before Linux 7.3, or built without), -EPERM (no CAP_SYS_RAWIO), or what the kernel
 * said; @err says it in words.
 */
int hvcma_iommufd_init(struct hvcma_iommufd *io, int fd, struct hvcma_error *err);

/** hvcma_iommufd_fini() - close it. Pins are the kernel's affair (above). */
void hvcma_iommufd_fini(struct hvcma_iommufd *io);

/**
 * hvcma_iommufd_add_device() - bind a device that was opened by its file, and attach it.
 * @device: stays the caller's, who closes it to take it out again
 *
 * Only now it can be used as VFIO's other descriptors of devices are.
 *
 * Return: 0, -EBUSY (its group is in use), -EINVAL (not a descriptor of such a file, or
 * bound already), or what the kernel said; @err says it in words.
 */
int hvcma_iommufd_add_device(struct hvcma_iommufd *io, int device, struct hvcma_error *err);

/**
 * hvcma_provider_iommufd_create() - as hvcma_provider_local_create(), but pins are
 * mappings of @io, which also tells where they are.
 * @io: outlives the provider
 *
 * A device must have been added to @io before anything is pinned, and one be open as long as
 * anything is: with the last the kernel lets go of all pins, and hpa is -EIO for those. Two
 * differences to the local provider: hpa pins granules that are not pinned for the time that
 * it takes to ask, and so can fail as pin does, and has 0 for them while there is no device;
 * look has 0 for them.
 *
 * Return: as the local one, but for what is io_uring's and pagemap's.
 */
int hvcma_provider_iommufd_create(const struct hvcma_provider_config *config, const struct hvcma_iommufd *io,
				  struct hvcma_provider **out, struct hvcma_error *err);

#endif /* HVCMA_HOST_IOMMUFD_H */
