/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that the service has opened for this process (docs/service.md, OPEN_DEVICE). What is done
 * with it is the caller's affair; what the service does when this process ends, the service's.
 *
 * The caller serialises, as with service_link.h.
 */
#ifndef HVCMA_HOST_SERVICE_DEVICE_H
#define HVCMA_HOST_SERVICE_DEVICE_H

#include "hv/host/service_link.h"

struct hvcma_service_device {
	struct hvcma_service_link *link;
	uint32_t number;
};

/**
 * hvcma_service_device_open() - have a device opened.
 * @path: of the service's socket
 * @name: as Linux calls it, "0000:03:00.0", "a003e00.virtio_mmio"
 * @is_platform: a platform device, else a PCI one
 * @out: out; for hvcma_service_device_close()
 *
 * Return: the device's descriptor, the caller's to close before that; -EINVAL (no such name can be),
 * -EOPNOTSUPP (the service is older than platform devices), or as hvcma_service_link_get() and hvcma_service_link_ask(): -EACCES, -EDQUOT, -EEXIST (somebody has
 * it), -ENODEV; @err says it in words.
 */
int hvcma_service_device_open(const char *path, const char *name, bool is_platform,
			      struct hvcma_service_device *out, struct hvcma_error *err);

/**
 * hvcma_service_device_close() - the device is quiesced, and its descriptor closed: the service sees to
 * it that it stays so. Of a service that is gone there is nothing to be said.
 */
void hvcma_service_device_close(struct hvcma_service_device *device);

#endif /* HVCMA_HOST_SERVICE_DEVICE_H */
