// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device that the service has opened for this process: see service_device.h.
 */
#include "hv/host/service_device.h"

#include <errno.h>
#include <string.h>

union answer {
	struct hvcmad_resp_hdr hdr;
	struct hvcmad_open_device_resp open;
	unsigned char bytes[sizeof(struct hvcmad_resp_hdr) + HVCMAD_MAX_TEXT_BYTES];
};

int hvcma_service_device_open(const char *path, const char *name, struct hvcma_service_device *out,
			      struct hvcma_error *err)
{
	struct hvcmad_open_device_req q = { .hdr = { HVCMAD_OP_OPEN_DEVICE, sizeof(q) } };
	struct hvcma_service_link *link;
	int ret, fd = -1;
	union answer r;

	if (strlen(name) >= sizeof(q.device)) {
		hvcma_error_set(err, "no PCI device is called '%s'", name);
		return -EINVAL;
	}
	memcpy(q.device, name, strlen(name));
	ret = hvcma_service_link_get(path, &link, err);
	if (ret)
		return ret;
	ret = hvcma_service_link_ask(link, &q, -1, &r, sizeof(r), sizeof(r.open), &fd, err);
	if (ret) {
		hvcma_service_link_put(link);
		return ret;
	}
	*out = (struct hvcma_service_device){ .link = link, .number = r.open.number };
	return fd;
}

void hvcma_service_device_close(struct hvcma_service_device *device)
{
	const struct hvcmad_close_device_req q = {
		.hdr = { HVCMAD_OP_CLOSE_DEVICE, sizeof(q) }, .number = device->number,
	};
	struct hvcma_error ignored;
	union answer r;

	hvcma_service_link_ask(device->link, &q, -1, &r, sizeof(r), sizeof(r.hdr), NULL, &ignored);
	hvcma_service_link_put(device->link);
	device->link = NULL;
}
