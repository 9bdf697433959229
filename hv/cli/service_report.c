// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What hvcmad has: see service_report.h.
 */
#include "hv/cli/service_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/cli/json_get.h"
#include "hv/cli/size_text.h"
#include "hv/cli/versions.h"
#include "hv/host/service_client.h"

static void add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *o, const char *key, const __u8 *text, size_t room)
{
	size_t bytes = strnlen((const char *)text, room);

	json_object_object_add(o, key, json_object_new_string_len((const char *)text, (int)bytes));
}

static struct json_object *region_of(const struct hvcmad_region_status *r)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "vm", r->vm, sizeof(r->vm));
	add_text(o, "name", r->name, sizeof(r->name));
	add_number(o, "number", r->region);
	add_number(o, "pid", r->pid);
	add_number(o, "bytes", r->bytes);
	add_number(o, "granule-bytes", r->granule_bytes);
	add_number(o, "backed-bytes", r->backed_bytes);
	add_number(o, "pinned-bytes", r->pinned_bytes);
	return o;
}

/* As the operator knows it, by number; one that is not known is shown by its number. */
static const char *state_word(uint32_t state)
{
	switch (state) {
	case HVCMAD_DEVICE_OPEN:
		return "open";
	case HVCMAD_DEVICE_STOPPING:
		return "stopping";
	case HVCMAD_DEVICE_QUARANTINED:
		return "quarantined";
	default:
		return "unknown";
	}
}

static struct json_object *device_of(const struct hvcmad_device_status *d)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "vm", d->vm, sizeof(d->vm));
	add_text(o, "device", d->device, sizeof(d->device));
	add_number(o, "number", d->number);
	add_number(o, "pid", d->pid);
	json_object_object_add(o, "state", json_object_new_string(state_word(d->state)));
	add_number(o, "kept-bytes", d->kept_bytes);
	add_text(o, "why", d->why, sizeof(d->why));
	return o;
}

static void add_totals(struct json_object *report, const struct hvcmad_status_resp *r)
{
	add_number(report, "memory-bytes", r->memory_bytes);
	add_number(report, "pinned-bytes", r->pinned_bytes);
	add_number(report, "quota-memory-bytes", r->quota_memory_bytes);
	add_number(report, "quota-pinned-bytes", r->quota_pinned_bytes);
}

/* As many answers as it takes. Numbers rise, so it comes to an end, whatever the service says. */
static int ask_all(int fd, struct json_object *report, struct json_object *regions,
		   struct hvcmad_status_resp *r, struct hvcma_error *err)
{
	struct hvcmad_status_req q = {
		.hdr = { HVCMAD_OP_STATUS, sizeof(q) }, .flags = HVCMAD_STATUS_ALL,
	};
	uint32_t i;

	do {
		size_t bytes;
		int ret = hvcma_service_ask(fd, &q, r, HVCMAD_MAX_RESPONSE_BYTES, sizeof(*r), &bytes, err);

		if (ret)
			return ret;
		if (r->nr != (bytes - sizeof(*r)) / sizeof(r->regions[0]) ||
		    (bytes - sizeof(*r)) % sizeof(r->regions[0])) {
			hvcma_error_set(err, "the service's answer has not the length of its regions");
			return -EPROTO;
		}
		if (!q.after)
			add_totals(report, r);
		for (i = 0; i < r->nr; i++) {
			if (r->regions[i].region <= q.after) {
				hvcma_error_set(err, "the service's regions are not in their order");
				return -EPROTO;
			}
			q.after = r->regions[i].region;
			json_object_array_add(regions, region_of(&r->regions[i]));
		}
	} while (r->nr);
	return 0;
}

static struct json_object *turn_of(const struct hvcmad_turn_status *t)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "vm", t->vm, sizeof(t->vm));
	add_text(o, "name", t->name, sizeof(t->name));
	add_number(o, "number", t->region);
	add_number(o, "pid", t->pid);
	add_number(o, "priority", t->priority);
	json_object_object_add(o, "offers", json_object_new_boolean(t->state & HVCMAD_TURN_OFFERS));
	json_object_object_add(o, "rests", json_object_new_boolean(t->state & HVCMAD_TURN_RESTS));
	add_number(o, "surrendered-bytes", t->surrendered_bytes);
	add_number(o, "idle-bytes", t->idle_bytes);
	add_number(o, "asked-bytes", t->asked_bytes);
	add_number(o, "asked-ms", t->asked_ms);
	add_number(o, "missed-bytes", t->missed_bytes);
	add_number(o, "wanted-bytes", t->wanted_bytes);
	return o;
}

static struct json_object *device_item(const void *item, uint32_t *number)
{
	const struct hvcmad_device_status *d = item;

	*number = d->number;
	return device_of(d);
}

static struct json_object *turn_item(const void *item, uint32_t *number)
{
	const struct hvcmad_turn_status *t = item;

	*number = t->region;
	return turn_of(t);
}

/* What is asked for as regions are, in answers that have no more than a list. */
static const struct list {
	const char *name;
	uint32_t op, flags;
	size_t item_bytes;
	struct json_object *(*item)(const void *item, uint32_t *number);
} devices_list = {
	"devices", HVCMAD_OP_DEVICES, HVCMAD_DEVICES_ALL, sizeof(struct hvcmad_device_status), device_item
}, turns_list = {
	"turns", HVCMAD_OP_TURNS, HVCMAD_TURNS_ALL, sizeof(struct hvcmad_turn_status), turn_item
};

_Static_assert(sizeof(struct hvcmad_turns_req) == sizeof(struct hvcmad_devices_req) &&
	       offsetof(struct hvcmad_turns_req, after) == offsetof(struct hvcmad_devices_req, after) &&
	       offsetof(struct hvcmad_turns_resp, nr) == offsetof(struct hvcmad_devices_resp, nr) &&
	       offsetof(struct hvcmad_turns_resp, turns) == offsetof(struct hvcmad_devices_resp, devices),
	       "all lists are asked for by the same words");

/* Of an older service that does not know it the list is empty. */
static int ask_list(int fd, const struct list *list, struct json_object *array, struct hvcmad_devices_resp *r,
		    struct hvcma_error *err)
{
	struct hvcmad_devices_req q = { .hdr = { list->op, sizeof(q) }, .flags = list->flags };
	uint32_t i, number;

	do {
		size_t bytes;
		int ret = hvcma_service_ask(fd, &q, r, HVCMAD_MAX_RESPONSE_BYTES, sizeof(*r), &bytes, err);

		if (ret)
			return ret == -EOPNOTSUPP ? 0 : ret;
		if (bytes - sizeof(*r) != r->nr * list->item_bytes) {
			hvcma_error_set(err, "the service's answer has not the length of its %s", list->name);
			return -EPROTO;
		}
		for (i = 0; i < r->nr; i++) {
			struct json_object *o = list->item((const char *)r->devices + i * list->item_bytes, &number);

			json_object_array_add(array, o);
			if (number <= q.after) {
				hvcma_error_set(err, "the service's %s are not in their order", list->name);
				return -EPROTO;
			}
			q.after = number;
		}
	} while (r->nr);
	return 0;
}

int hvcma_service_report(const char *path, unsigned int timeout_ms, struct json_object **report,
			 struct hvcma_error *err)
{
	struct json_object *whole, *regions, *devices, *turns;
	void *r;
	struct hvcmad_hello_resp hello;
	int fd, ret = hvcma_service_open(path, timeout_ms, &fd, &hello, err);

	if (ret)
		return ret;
	r = malloc(HVCMAD_MAX_RESPONSE_BYTES);
	if (!r) {
		hvcma_error_set(err, "no memory for the service's answer");
		close(fd);
		return -ENOMEM;
	}
	whole = json_object_new_object();
	add_text(whole, "version", hello.hvcma, sizeof(hello.hvcma));
	regions = json_object_new_array();
	devices = json_object_new_array();
	turns = json_object_new_array();
	ret = ask_all(fd, whole, regions, r, err);
	if (!ret)
		ret = ask_list(fd, &devices_list, devices, r, err);
	if (!ret)
		ret = ask_list(fd, &turns_list, turns, r, err);
	json_object_object_add(whole, "regions", regions);
	json_object_object_add(whole, "devices", devices);
	json_object_object_add(whole, "turns", turns);
	free(r);
	close(fd);
	if (ret) {
		json_object_put(whole);
		return ret;
	}
	*report = whole;
	return 0;
}

static void print_devices(FILE *out, struct json_object *devices)
{
	size_t nr = json_object_array_length(devices), i;

	if (nr)
		fprintf(out, "  %-20s %-16s %8s %10s %-12s %10s\n", "VM", "device", "process", "number", "state",
			"kept");
	for (i = 0; i < nr; i++) {
		struct json_object *d = json_object_array_get_idx(devices, i);
		const char *why = json_object_get_string(json_member(d, "why"));

		fprintf(out, "  %-20s %-16s %8" PRIu64 " %10" PRIu64 " %-12s %10s\n",
			json_object_get_string(json_member(d, "vm")), json_object_get_string(json_member(d, "device")),
			json_number(d, "pid"), json_number(d, "number"), json_object_get_string(json_member(d, "state")),
			size_text(json_number(d, "kept-bytes")).text);
		if (*why)
			fprintf(out, "    %s; then \"hvcma release --service %" PRIu64 "\"\n", why,
				json_number(d, "number"));
	}
}

static void print_turns(FILE *out, struct json_object *turns)
{
	size_t nr = json_object_array_length(turns), i;

	if (nr)
		fprintf(out, "  %-20s %-16s %8s %11s %10s %10s %10s %10s\n", "VM", "takes turns", "priority", "surrendered",
			"idle", "asked for", "missed", "wants");
	for (i = 0; i < nr; i++) {
		struct json_object *t = json_object_array_get_idx(turns, i);

		fprintf(out, "  %-20s %-16s %8" PRIu64 " %11s %10s %10s %10s %10s\n",
			json_object_get_string(json_member(t, "vm")), json_object_get_string(json_member(t, "name")),
			json_number(t, "priority"), size_text(json_number(t, "surrendered-bytes")).text,
			size_text(json_number(t, "idle-bytes")).text, size_text(json_number(t, "asked-bytes")).text,
			size_text(json_number(t, "missed-bytes")).text, size_text(json_number(t, "wanted-bytes")).text);
	}
}

void hvcma_service_report_print(FILE *out, struct json_object *report)
{
	struct json_object *regions = json_member(report, "regions");
	size_t nr = json_object_array_length(regions), i;
	struct hvcma_version_words words;

	if (hvcma_version_is_other("hvcmad, as it runs,", json_string(report, "version"), &words))
		fprintf(out, "VERSION: %s\n", words.text);
	fprintf(out, "service: %zu regions, %s of %s, pinned %s of %s\n", nr,
		size_text(json_number(report, "memory-bytes")).text, size_text(json_number(report, "quota-memory-bytes")).text,
		size_text(json_number(report, "pinned-bytes")).text, size_text(json_number(report, "quota-pinned-bytes")).text);
	if (nr)
		fprintf(out, "  %-20s %-16s %8s %10s %10s %10s %10s\n", "VM", "region", "process", "size", "granule",
			"backed", "pinned");
	for (i = 0; i < nr; i++) {
		struct json_object *r = json_object_array_get_idx(regions, i);

		fprintf(out, "  %-20s %-16s %8" PRIu64 " %10s %10s %10s %10s\n",
			json_object_get_string(json_member(r, "vm")), json_object_get_string(json_member(r, "name")),
			json_number(r, "pid"), size_text(json_number(r, "bytes")).text,
			size_text(json_number(r, "granule-bytes")).text, size_text(json_number(r, "backed-bytes")).text,
			size_text(json_number(r, "pinned-bytes")).text);
	}
	print_devices(out, json_member(report, "devices"));
	print_turns(out, json_member(report, "turns"));
}
