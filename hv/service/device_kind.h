/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between devices that are given to clients: where the kernel has them, how they are stopped, how it
 * is seen that nobody has one open.
 *
 *	PCI		"0000:03:00.0"		bus master off, a reset
 *	platform	"a003e00.virtio_mmio"	the kernel's reset, and the rule of its compatible string
 *
 * The name tells the kind. A platform device's rule is read by the service, from files of the operator's: no
 * client has a say in it. Knows no client, no state and no keeper (device.h).
 */
#ifndef HVCMA_SERVICE_DEVICE_KIND_H
#define HVCMA_SERVICE_DEVICE_KIND_H

#include "hv/host/platform_rules.h"

/* Without pointers: a thread has its own, and so has the keeper. */
struct hvcmad_device_kind {
	uint32_t is_platform;
	uint32_t has_rule;			/* of a platform device */
	struct hvcma_platform_rule rule;
};

/**
 * hvcmad_kind_of() - of a device by its name; of a platform device with the rule that there is now.
 * @rules: a file of rules before those that are installed; NULL: none
 * @out: out
 *
 * Return: 0, also if no rule is found; -EINVAL: a file of rules is wrong; what reading it said. @err names it.
 */
int hvcmad_kind_of(const char *name, const char *rules, struct hvcmad_device_kind *out, struct hvcma_error *err);

/**
 * hvcmad_kind_open() - the device's descriptor, which holds its group and container, too.
 *
 * Return: the descriptor, the caller's; -ENODEV: there is none of that name, or it is in no no-IOMMU group; -EBUSY:
 * somebody has it; or what the kernel said. @err names the device.
 */
int hvcmad_kind_open(const struct hvcmad_device_kind *kind, const char *name, struct hvcma_error *err);

/** hvcmad_kind_can_reset() - is there anything that would make it forget what it was told? */
bool hvcmad_kind_can_reset(const struct hvcmad_device_kind *kind, int fd);

/**
 * hvcmad_kind_stop() - no DMA of this device from now on. Takes 0.1 s and more, without end if the hardware hangs.
 * @may_lack_reset: of a PCI device without any reset it is enough that it is no bus master; a platform device
 *	has no such bit
 *
 * Return: 0, also if it is no part of this machine any more; else as hvcma_vfio_stop() and hvcma_platform_quiet().
 */
int hvcmad_kind_stop(const struct hvcmad_device_kind *kind, const char *name, int fd, bool may_lack_reset,
		     struct hvcma_error *err);

/** hvcmad_kind_is_open() - has anybody it open? The caller has closed it. */
bool hvcmad_kind_is_open(const struct hvcmad_device_kind *kind, const char *name);

#endif /* HVCMA_SERVICE_DEVICE_KIND_H */
