// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions of several virtual machines: see sources.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/devices.h"
#include "hv/cli/json_get.h"
#include "hv/cli/options.h"
#include "hv/cli/service_report.h"
#include "hv/cli/sources.h"
#include "hv/host/host_run.h"

#define MAX_TIMEOUT_S	3600
#define XEN_MAX_BYTES	(4u << 20)
#define NO_PROGRAM	127

int hvcma_sources_option(struct hvcma_sources *sources, int c, char *arg)
{
	unsigned long seconds;
	char *end;

	switch (c) {
	case 'q':
		if (sources->nr_qmp == HVCMA_MAX_SOURCES)
			return hvcma_usage_error("%d virtual machines at most", HVCMA_MAX_SOURCES);
		sources->qmp[sources->nr_qmp++] = arg;
		return 0;
	case 'x':
		sources->xen = true;
		return 0;
	case 's':
		sources->service = arg ? arg : HVCMA_SERVICE_SOCKET;
		return 0;
	default:
		errno = 0;
		seconds = strtoul(arg, &end, 10);
		if (errno || *end || end == arg || seconds < 1 || seconds > MAX_TIMEOUT_S)
			return hvcma_usage_error("--timeout is 1 to %d seconds, not '%s'", MAX_TIMEOUT_S, arg);
		sources->timeout_s = (unsigned int)seconds;
		return 0;
	}
}

int hvcma_sources_check(const struct hvcma_sources *sources)
{
	return sources->nr_qmp || sources->service || sources->xen ? 0 :
	       hvcma_usage_error("option --qmp, --service or --xen is missing");
}

/* "/run/vm1.qmp" is "vm1". */
static struct json_object *vm_name(const char *path)
{
	const char *name = strrchr(path, '/'), *end;

	name = name ? name + 1 : path;
	end = strrchr(name, '.');
	return json_object_new_string_len(name, end && end > name ? (int)(end - name) : (int)strlen(name));
}

static void add(struct json_object *list, struct json_object *vm, const char *device, struct json_object *report)
{
	struct json_object *one = json_object_new_object();

	json_object_object_add(one, "vm", vm);
	json_object_object_add(one, "device", json_object_new_string(device));
	json_object_object_add(one, "report", report);
	json_object_array_add(list, one);
}

static void add_error(struct json_object *list, struct json_object *vm, const struct hvcma_error *err)
{
	struct json_object *one = json_object_new_object();

	json_object_object_add(one, "vm", vm);
	json_object_object_add(one, "error", json_object_new_string(err->text));
	json_object_array_add(list, one);
}

static int read_reports(struct hvcma_qmp *qmp, const char *path, struct json_object *list, struct hvcma_error *err)
{
	struct json_object *devices = json_object_new_object(), *report;
	int ret = hvcma_devices_find(qmp, NULL, devices, err);

	if (!ret) {
		json_object_object_foreach(devices, device, where) {
			ret = hvcma_device_report(qmp, json_object_get_string(where), &report, err);
			if (ret)
				break;
			add(list, vm_name(path), device, report);
		}
	}
	json_object_put(devices);
	return ret;
}

static void read_qemu(const struct hvcma_sources *sources, const char *path, struct json_object *list)
{
	struct hvcma_error err;
	struct hvcma_qmp *qmp;

	if (hvcma_qmp_connect(path, sources->timeout_s * 1000, &qmp, &err)) {
		add_error(list, vm_name(path), &err);
		return;
	}
	if (read_reports(qmp, path, list, &err))
		add_error(list, vm_name(path), &err);
	hvcma_qmp_close(qmp);
}

/* A region of the service, in the form of a device's report. */
static struct json_object *as_report(struct json_object *r)
{
	static const char *const of_region[] = { "name", "bytes", "granule-bytes" };
	static const char *const of_counters[] = { "backed-bytes", "pinned-bytes" };
	struct json_object *report = json_object_new_object(), *region = json_object_new_object(),
			   *counters = json_object_new_object();

	for (size_t i = 0; i < sizeof(of_region) / sizeof(*of_region); i++)
		json_object_object_add(region, of_region[i], json_object_get(json_member(r, of_region[i])));
	for (size_t i = 0; i < sizeof(of_counters) / sizeof(*of_counters); i++)
		json_object_object_add(counters, of_counters[i], json_object_get(json_member(r, of_counters[i])));
	json_object_object_add(counters, "migratable-bytes",
			       json_object_new_uint64(json_number(r, "backed-bytes") - json_number(r, "pinned-bytes")));
	json_object_object_add(report, "region", region);
	json_object_object_add(report, "counters", counters);
	return report;
}

static void read_service(const struct hvcma_sources *sources, struct json_object *list)
{
	struct json_object *report, *regions;
	struct hvcma_error err;

	if (hvcma_service_report(sources->service, sources->timeout_s * 1000, &report, &err)) {
		add_error(list, json_object_new_string("hvcmad"), &err);
		return;
	}
	regions = json_member(report, "regions");
	for (size_t i = 0; i < json_length(regions); i++) {
		struct json_object *r = json_object_array_get_idx(regions, i);

		add(list, json_object_get(json_member(r, "vm")), "", as_report(r));
	}
	json_object_put(report);
}

/* What the other program says is looked at: no entry but those of regions, and each has its names. */
static int take_xen(const char *text, struct json_object *list, struct hvcma_error *err)
{
	struct json_object *from = json_tokener_parse(text);

	if (!from || !json_object_is_type(from, json_type_array)) {
		hvcma_error_set(err, "hvcma-xen printed no list of regions: %.200s", text);
		json_object_put(from);
		return -EPROTO;
	}
	for (size_t i = 0; i < json_length(from); i++) {
		struct json_object *entry = json_object_array_get_idx(from, i), *report = json_member(entry, "report");

		if (report)
			add(list, json_object_new_string(json_string(entry, "vm")), json_string(entry, "device"),
			    json_object_get(report));
	}
	json_object_put(from);
	return 0;
}

int hvcma_sources_read_xen(unsigned int timeout_s, struct json_object *list, struct hvcma_error *err)
{
	static const char *const argv[] = { "hvcma-xen", "list", "--json", NULL };
	char *text = malloc(XEN_MAX_BYTES);
	int ret;

	if (!text) {
		hvcma_error_set(err, "no memory for what hvcma-xen prints");
		return -ENOMEM;
	}
	ret = hvcma_host_run(argv, NULL, text, XEN_MAX_BYTES, timeout_s);
	if (ret == NO_PROGRAM) {
		hvcma_error_set(err, "there is no hvcma-xen in PATH: is this a control domain of Xen?");
		ret = -ENOENT;
	} else if (ret == -EINTR) {
		hvcma_error_set(err, "hvcma-xen: no answer within %u s", timeout_s);
		ret = -ETIMEDOUT;
	} else if (ret) {
		hvcma_error_set(err, "hvcma-xen list: %.200s", ret < 0 ? strerror(-ret) : text);
		ret = ret < 0 ? ret : -EIO;
	} else {
		ret = take_xen(text, list, err);
	}
	free(text);
	return ret;
}

static void read_xen(const struct hvcma_sources *sources, struct json_object *list)
{
	struct hvcma_error err;

	if (hvcma_sources_read_xen(sources->timeout_s, list, &err))
		add_error(list, json_object_new_string("xen"), &err);
}

struct json_object *hvcma_sources_read(const struct hvcma_sources *sources)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < sources->nr_qmp; i++)
		read_qemu(sources, sources->qmp[i], list);
	if (sources->service)
		read_service(sources, list);
	if (sources->xen)
		read_xen(sources, list);
	return list;
}
