// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device that the service has opened for this process: see service_device.h.
 */
#include "hv/host/service_device.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MAX_SESSIONS	5	/* for one request, with services that end while they do it */

union answer {
	struct hvcmad_resp_hdr hdr;
	struct hvcmad_open_device_resp open;
	unsigned char bytes[sizeof(struct hvcmad_resp_hdr) + HVCMAD_MAX_TEXT_BYTES];
};

/* Until a session lasts. 0 or a negative errno; what is closed already is not an error. */
static int close_number(struct hvcma_service_link *link, uint32_t number, struct hvcma_error *err)
{
	const struct hvcmad_close_device_req q = { .hdr = { HVCMAD_OP_CLOSE_DEVICE, sizeof(q) }, .number = number };
	int ret, tries = MAX_SESSIONS;
	union answer r;

	do {
		ret = hvcma_service_link_ask(link, &q, -1, &r, sizeof(r), sizeof(r.hdr), NULL, err);
	} while (ret == -ESTALE && --tries);
	return ret == -ENODEV ? 0 : ret;
}

static bool is_open(const struct hvcmad_device_status *s, const char *name)
{
	return s->state == HVCMAD_DEVICE_OPEN && !strncmp((const char *)s->device, name, sizeof(s->device));
}

/*
 * It is not known whether the service that has gone had opened it for this process. If so nobody here has its
 * descriptor: it is closed, and can be opened again.
 */
static int close_unanswered(struct hvcma_service_link *link, const char *name, struct hvcma_error *err)
{
	static union {
		struct hvcmad_devices_resp list;
		unsigned char bytes[HVCMAD_MAX_RESPONSE_BYTES];
	} r;
	struct hvcmad_devices_req q = { .hdr = { HVCMAD_OP_DEVICES, sizeof(q) } };
	int ret, tries = MAX_SESSIONS;
	uint32_t i;

	for (;;) {
		ret = hvcma_service_link_ask(link, &q, -1, &r, sizeof(r), sizeof(r.list), NULL, err);
		if (ret == -ESTALE && --tries)
			continue;
		if (ret || !r.list.nr)
			return ret;
		if (r.list.nr != (r.list.hdr.bytes - sizeof(r.list)) / sizeof(r.list.devices[0])) {
			hvcma_error_set(err, "the service's list of devices is no good");
			return -EPROTO;
		}
		for (i = 0; i < r.list.nr; i++) {
			if (is_open(&r.list.devices[i], name))
				return close_number(link, r.list.devices[i].number, err);
		}
		q.after = r.list.devices[i - 1].number;
	}
}

/* The session may be another one by now, with a service of another version. */
static bool opens_platform(const struct hvcma_service_link *link)
{
	return hvcma_service_link_hello(link)->features & HVCMAD_F_PLATFORM;
}

int hvcma_service_device_open(const char *path, const char *name, bool is_platform,
			      struct hvcma_service_device *out, struct hvcma_error *err)
{
	struct hvcmad_open_device_req q = {
		.hdr = { HVCMAD_OP_OPEN_DEVICE, sizeof(q) }, .flags = is_platform ? HVCMAD_OPEN_PLATFORM : 0,
	};
	struct hvcma_service_link *link;
	int ret, fd = -1, tries = MAX_SESSIONS;
	union answer r;

	if (strlen(name) >= sizeof(q.device)) {
		hvcma_error_set(err, "a service opens no device with a name as long as '%s', limit: %zu bytes", name,
				sizeof(q.device) - 1);
		return -EINVAL;
	}
	memcpy(q.device, name, strlen(name));
	ret = hvcma_service_link_get(path, &link, err);
	if (ret)
		return ret;
	do {
		if (is_platform && !opens_platform(link)) {
			hvcma_error_set(err, "service %s is older and opens PCI devices only, not '%s'", path, name);
			ret = -EOPNOTSUPP;
			break;
		}
		ret = hvcma_service_link_ask(link, &q, -1, &r, sizeof(r), sizeof(r.open), &fd, err);
	} while (ret == -ESTALE && --tries && !close_unanswered(link, name, err));
	if (ret) {
		hvcma_service_link_put(link);
		return ret;
	}
	*out = (struct hvcma_service_device){ .link = link, .number = r.open.number };
	return fd;
}

void hvcma_service_device_close(struct hvcma_service_device *device)
{
	struct hvcma_error ignored;

	close_number(device->link, device->number, &ignored);
	hvcma_service_link_put(device->link);
	device->link = NULL;
}
