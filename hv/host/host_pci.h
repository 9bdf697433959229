/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI device of a host, as sysfs has it: what is known of it before it is passed through, and
 * whether the host uses it. Changes nothing. A platform device is read into the same structure, as far as it
 * has these things: what is done with both is the same but for the bus.
 */
#ifndef HVCMA_HOST_HOST_PCI_H
#define HVCMA_HOST_HOST_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/host/bus_windows.h"
#include "hv/host/host_files.h"

#define HVCMA_PCI_CLASS_BRIDGE	0x06	/* bits 23 to 16 of the class */

enum hvcma_known {
	HVCMA_NOT_KNOWN,
	HVCMA_IS_NOT,
	HVCMA_IS,
};

struct hvcma_pci {
	const char *bus;		/* "pci" or "platform": the folder of sysfs */
	char name[64];			/* "0000:01:00.0", "fe650000.codec" */
	uint32_t vendor, device;
	uint32_t class;			/* 24 bits */
	char driver[64];		/* "": none */
	char driver_override[64];	/* "": none */
	char group[32];			/* IOMMU group; "": none */
	bool is_noiommu_group;		/* made by VFIO, without an IOMMU */
	char iommu[64];			/* what translates for it, "" if that is not told */
	char reset_methods[64];		/* "": it can't be reset, or an old kernel does not tell how */
	bool can_reset;
	uint32_t dma_bits;		/* as its driver has set it; 0: no driver, not known */
	enum hvcma_known has_msi;	/* MSI or MSI-X; those who are not root don't see */
};

/**
 * hvcma_pci_read() - the device @bdf of @root (host_files.h).
 *
 * Return: 0; -EINVAL: @bdf is none; -ENOENT: no such device; @err names it.
 */
int hvcma_pci_read(const char *root, const char *bdf, struct hvcma_pci *pci, struct hvcma_error *err);

/**
 * hvcma_platform_read() - likewise a platform device.
 * @where: its name, or with a '/' the path of its node in the device tree
 *
 * Return: 0; -EINVAL: the name is too long; -ENOENT: there is no such device, or it is an AMBA device, which
 * @err says; -ENOTUNIQ: several are of that node; @err names it.
 */
int hvcma_platform_read(const char *root, const char *where, struct hvcma_pci *device, struct hvcma_error *err);

/** hvcma_device_read() - a PCI device if @where looks like one, else a platform device. */
int hvcma_device_read(const char *root, const char *where, struct hvcma_pci *device, struct hvcma_error *err);

/** hvcma_vfio_driver() - the driver of VFIO that a device of its bus goes to, a constant. */
const char *hvcma_vfio_driver(const struct hvcma_pci *device);

/** hvcma_pci_has_iommu() - does an IOMMU stand between it and memory? */
bool hvcma_pci_has_iommu(const struct hvcma_pci *pci);

/**
 * hvcma_pci_msi_copier() - the family of a device that takes MSI address and data from its
 * configuration space and hands them to its own firmware, which interrupts with them. In a
 * guest they are the guest's, and mean nothing to the host: no interrupt arrives.
 *
 * Return: a constant, NULL: not known for it.
 */
const char *hvcma_pci_msi_copier(const struct hvcma_pci *pci);

/**
 * hvcma_pci_use() - what of the host needs the device as it is: a disk that is mounted, swapped
 * to or part of another (LVM, RAID), a network interface with a route or in a bridge or bond, the
 * screen it was booted with, a virtual machine.
 * @why: out, in words, of the first that is found
 *
 * Return: 1: it is used; 0; negative errno: can't be told, @why says it.
 */
int hvcma_pci_use(const char *root, const struct hvcma_pci *pci, struct hvcma_error *why);

#endif /* HVCMA_HOST_HOST_PCI_H */
