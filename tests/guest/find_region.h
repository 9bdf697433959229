/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The region of the first virtio-cma device, behind the driver's back.
 */
#ifndef VCMA_TESTS_FIND_REGION_H
#define VCMA_TESTS_FIND_REGION_H

#include <linux/device.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "guest-driver/core/region.h"

/* A PCI device may have other children beside the virtio device. */
static inline int find_region_child(struct device *dev, void *data)
{
	struct vcma_region **r = data;

	if (!strstarts(dev_name(dev), "virtio"))
		return 0;
	*r = dev_get_drvdata(dev);
	return 1;
}

/** find_region() - Return: region, or NULL. It stays as long as the driver is bound. */
static inline struct vcma_region *find_region(void)
{
	struct pci_dev *pdev = pci_get_device(0x1af4, 0x1040 + VIRTIO_ID_CMA, NULL);
	struct vcma_region *r = NULL;

	if (!pdev)
		return NULL;
	device_for_each_child(&pdev->dev, &r, find_region_child);
	pci_dev_put(pdev);
	return r;
}

#endif /* VCMA_TESTS_FIND_REGION_H */
