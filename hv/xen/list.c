// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The regions of all domains (list.h). Non-purpose: changing anything.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <xenstore.h>
#include <xen/io/xenbus.h>

#include "hv/host/xen/domain.h"
#include "hv/xen/backend.h"
#include "hv/xen/list.h"

/* What a guest says beyond that is not read: its extents are at least a granule each. */
#define MAX_EXTENTS	65536

struct seen {
	char domain[HVCMA_STORE_VALUE_BYTES];
	char name[HVCMA_STORE_VALUE_BYTES];
	char mode[HVCMA_STORE_VALUE_BYTES];
	char error[HVCMA_STORE_VALUE_BYTES];	/* the backend's, or else the guest's */
	uint64_t backend_state, frontend_state;
	uint64_t bytes, base_gpa;
	uint64_t nr_extents, discovery_us;	/* the guest's words */
};

bool hvcma_xen_next_device(struct xs_handle *xs, int64_t *domid, int64_t *id)
{
	char dir[HVCMA_STORE_PATH_BYTES];

	if (*domid < 0)
		*domid = hvcma_store_next(xs, HVCMA_XEN_BACKENDS, -1);
	while (*domid >= 0) {
		snprintf(dir, sizeof(dir), HVCMA_XEN_BACKENDS "/%" PRId64, *domid);
		*id = hvcma_store_next(xs, dir, *id);
		if (*id >= 0)
			return true;
		*domid = hvcma_store_next(xs, HVCMA_XEN_BACKENDS, *domid);
	}
	return false;
}

static void look(struct xs_handle *xs, const struct hvcma_xen_device *d, struct seen *s)
{
	*s = (struct seen){ .bytes = 0 };
	if (!hvcma_store_read(xs, s->domain, sizeof(s->domain), "/local/domain/%" PRIu32 "/name", d->domid))
		snprintf(s->domain, sizeof(s->domain), "%" PRIu32, d->domid);
	hvcma_store_read(xs, s->name, sizeof(s->name), "%s/name", d->backend);
	hvcma_store_read(xs, s->mode, sizeof(s->mode), "%s/mode", d->backend);
	hvcma_store_read_u64(xs, &s->backend_state, "%s/state", d->backend);
	hvcma_store_read_u64(xs, &s->frontend_state, "%s/state", d->frontend);
	hvcma_store_read_u64(xs, &s->bytes, "%s/bytes", d->backend);
	hvcma_store_read_u64(xs, &s->base_gpa, "%s/base-gpa", d->backend);
	hvcma_store_read_u64(xs, &s->nr_extents, "%s/nr-extents", d->frontend);
	hvcma_store_read_u64(xs, &s->discovery_us, "%s/discovery-us", d->frontend);
	if (!hvcma_store_read(xs, s->error, sizeof(s->error), "%s/error", d->backend))
		hvcma_store_read(xs, s->error, sizeof(s->error), "/local/domain/%" PRIu32 "/error/device/vcma/%" PRIu32 "/error",
				 d->domid, d->id);
	/* What a terminal would obey, and what JSON could not have, is nobody's error. */
	for (char *c = s->error; *c; c++)
		*c = *c >= ' ' && *c <= '~' ? *c : '?';
}

/* ---- lines ---- */

void hvcma_xen_list_lines(struct xs_handle *xs)
{
	int64_t domid = -1, id = -1;

	while (hvcma_xen_next_device(xs, &domid, &id)) {
		struct hvcma_xen_device d;
		struct seen s;

		hvcma_xen_device_set(&d, domid, id);
		look(xs, &d, &s);
		printf("domain=%" PRIu32 " region=%" PRIu32 " name=%s mode=%s backend=%s frontend=%s bytes=%" PRIu64
		       " base=%#" PRIx64 " machine-extents=%" PRIu64 " discovery-us=%" PRIu64 "%s%s\n", d.domid, d.id, s.name,
		       s.mode, hvcma_xen_state_name(s.backend_state), hvcma_xen_state_name(s.frontend_state), s.bytes,
		       s.base_gpa, s.nr_extents, s.discovery_us, s.error[0] ? " error=" : "", s.error);
	}
}

/* ---- JSON ---- */

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

static struct json_object *region_of(const struct seen *s)
{
	struct json_object *region = json_object_new_object();

	add_text(region, "name", s->name);
	add_text(region, "mode", s->mode);
	add_text(region, "provider", "xen");
	add_number(region, "bytes", s->bytes);
	add_number(region, "granule-bytes", HVCMA_XEN_GRANULE_BYTES);
	add_number(region, "base-gpa", s->base_gpa);
	json_object_object_add(region, "unsafe-noiommu", json_object_new_boolean(true));
	return region;
}

/* In the words that a device of QEMU has for its driver. */
static const char *driver_state(const struct seen *s)
{
	switch (s->frontend_state) {
	case XenbusStateConnected:
		return s->error[0] ? "failed" : "running";
	case XenbusStateInitWait:
	case XenbusStateInitialised:
		return "starting";
	default:
		return s->error[0] ? "failed" : "none";
	}
}

/* Populated is pinned: Xen on Arm never moves memory. From Connected on, until it is taken back. */
static bool is_populated(const struct seen *s)
{
	return s->backend_state == XenbusStateConnected || s->backend_state == XenbusStateClosing;
}

static struct json_object *granules_of(const struct seen *s)
{
	struct json_object *runs = json_object_new_array(), *run = json_object_new_object();

	add_number(run, "first", 0);
	add_number(run, "nr", s->bytes / HVCMA_XEN_GRANULE_BYTES);
	add_text(run, "state", is_populated(s) ? "pinned" : "unbacked");
	json_object_array_add(runs, run);
	return runs;
}

/* Where the guest was told that it is: whole granules, each inside of the region, or left out. */
static struct json_object *extents_of(struct xs_handle *xs, const struct hvcma_xen_device *d, const struct seen *s)
{
	struct json_object *extents = json_object_new_array();
	uint64_t nr = is_populated(s) ? s->nr_extents : 0;

	for (uint64_t i = 0; i < nr && i < MAX_EXTENTS && i < s->bytes / HVCMA_XEN_GRANULE_BYTES; i++) {
		char text[HVCMA_STORE_VALUE_BYTES];
		uint64_t gpa, machine, bytes;
		struct json_object *e;

		if (!hvcma_store_read(xs, text, sizeof(text), "%s/extent/%" PRIu64, d->frontend, i) ||
		    sscanf(text, "%" SCNx64 " %" SCNx64 " %" SCNx64, &gpa, &machine, &bytes) != 3)
			continue;
		if ((gpa | machine | bytes) % HVCMA_XEN_GRANULE_BYTES || !bytes || gpa < s->base_gpa ||
		    gpa - s->base_gpa > s->bytes || bytes > s->bytes - (gpa - s->base_gpa) || machine + bytes < machine)
			continue;
		e = json_object_new_object();
		add_number(e, "base-gpa", gpa);
		add_number(e, "base-dma", machine);
		add_number(e, "bytes", bytes);
		json_object_array_add(extents, e);
	}
	return extents;
}

static struct json_object *counters_of(const struct seen *s)
{
	struct json_object *counters = json_object_new_object();

	add_number(counters, "pinned-bytes", is_populated(s) ? s->bytes : 0);
	add_number(counters, "backed-bytes", is_populated(s) ? s->bytes : 0);
	add_number(counters, "migratable-bytes", 0);
	return counters;
}

static struct json_object *xen_of(const struct hvcma_xen_device *d, const struct seen *s)
{
	struct json_object *xen = json_object_new_object();

	add_number(xen, "domain", d->domid);
	add_text(xen, "backend", hvcma_xen_state_name(s->backend_state));
	add_text(xen, "frontend", hvcma_xen_state_name(s->frontend_state));
	add_number(xen, "discovery-us", s->discovery_us);
	add_text(xen, "error", s->error);
	return xen;
}

static struct json_object *entry_of(struct xs_handle *xs, const struct hvcma_xen_device *d)
{
	struct json_object *entry = json_object_new_object(), *report = json_object_new_object(),
			   *driver = json_object_new_object();
	char number[16];
	struct seen s;

	look(xs, d, &s);
	snprintf(number, sizeof(number), "%" PRIu32, d->id);
	add_text(entry, "vm", s.domain);
	add_text(entry, "device", number);
	add_text(driver, "state", driver_state(&s));
	add_text(driver, "interface", "xen");
	json_object_object_add(report, "region", region_of(&s));
	json_object_object_add(report, "driver", driver);
	json_object_object_add(report, "granules", granules_of(&s));
	json_object_object_add(report, "extents", extents_of(xs, d, &s));
	json_object_object_add(report, "counters", counters_of(&s));
	json_object_object_add(report, "xen", xen_of(d, &s));
	json_object_object_add(entry, "report", report);
	return entry;
}

int hvcma_xen_list_json(struct xs_handle *xs)
{
	struct json_object *list = json_object_new_array();
	int64_t domid = -1, id = -1;
	const char *text;

	while (hvcma_xen_next_device(xs, &domid, &id)) {
		struct hvcma_xen_device d;

		hvcma_xen_device_set(&d, domid, id);
		json_object_array_add(list, entry_of(xs, &d));
	}
	text = json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY);
	if (text)
		puts(text);
	json_object_put(list);
	return text ? 0 : -ENOMEM;
}
