/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving a PCI or platform device without IOMMU to VFIO, and back to whoever had it. All or nothing: what
 * fails on the way is undone in reverse. What is to be undone is kept, before it is done, in
 * /run/hvcma, so that a later process can:
 *
 *	/run/hvcma/bound/0000:01:00.0	the device: its driver, its driver_override
 *	/run/hvcma/vfio			VFIO: whether its no-IOMMU mode was off, modules that were loaded
 *
 * Whoever calls has judged the device (host_pci.h): this asks nobody, and looks at no use of it.
 */
#ifndef HVCMA_HOST_HOST_BIND_H
#define HVCMA_HOST_HOST_BIND_H

#include "hv/host/host_job.h"
#include "hv/host/host_pci.h"

/**
 * hvcma_bind() - loads VFIO's driver for its bus, switches the no-IOMMU mode on, and has it take the device.
 * @pci: as it is; with an IOMMU it is refused
 *
 * A device that VFIO has already is fine: nothing is done.
 *
 * Return: 0; -EPERM: it has an IOMMU; -EOPNOTSUPP: VFIO can't do without; -ENODEV: vfio-pci does not
 * take it; -ENOENT: vfio-pci can't be loaded; -EALREADY: another process binds or unbinds; what the
 * kernel said. @err says it, and if the device is not what it was, that, too.
 */
int hvcma_bind(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err);

/**
 * hvcma_unbind() - takes the device from VFIO and gives it back to the driver that had it; with the
 * last one, VFIO becomes what it was. Of a device that nothing is kept of, the kernel finds the driver.
 *
 * Return: 0, also if VFIO has not got it; -ENODEV: its driver did not take it back; -EALREADY; what the
 * kernel said.
 */
int hvcma_unbind(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err);

/**
 * hvcma_bind_persist() - have @program bind the PCI device at each boot: a rule for udev, that goes by
 * place, vendor and device, and a file each in modprobe.d and modules-load.d. All or none.
 *
 * Return: 0; -EEXIST: such a file is there, and of somebody else; what the kernel said.
 */
int hvcma_bind_persist(const struct hvcma_host_job *job, const struct hvcma_pci *pci, const char *program,
		       struct hvcma_error *err);

/** hvcma_bind_forget() - undo that; the files that are common go with the last rule. */
int hvcma_bind_forget(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err);

#endif /* HVCMA_HOST_HOST_BIND_H */
