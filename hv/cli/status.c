// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma status: asks a running QEMU for the reports of its virtio-cma devices, the
 * host's service for what it has, or Xen, and prints that for people, as JSON, or one
 * field for scripts.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <json-c/json_pointer.h>

#include "hv/cli/devices.h"
#include "hv/cli/json_get.h"
#include "hv/cli/options.h"
#include "hv/cli/report.h"
#include "hv/cli/service_report.h"
#include "hv/cli/sources.h"
#include "hv/cli/status.h"
#include "hv/cli/text.h"
#include "hv/host/service_client.h"

#define DEFAULT_TIMEOUT_S	10u
#define MAX_TIMEOUT_S		3600u

struct options {
	const char *socket;		/* QEMU's */
	const char *service;		/* the service's */
	bool xen;
	const char *device;		/* NULL: all */
	const char *field;		/* JSON pointer, NULL: the whole report */
	unsigned int timeout_s;
	bool json;
};

static const char help[] =
	"usage: hvcma status --qmp SOCKET [OPTION...]\n"
	"       hvcma status --service[=SOCKET] [OPTION...]\n"
	"       hvcma status --xen [OPTION...]\n"
	"Shows what a virtual machine's virtio-cma regions have: pinned, migratable and\n"
	"unbacked memory, extents, DMA window, clients, blocks and counters, but for what is\n"
	"zero. First of all whether the guest has a driver for it. Or what the host's service\n"
	"(hvcmad) has of all virtual machines; or, in the control domain of Xen, the regions of\n"
	"its domains, whose addresses of the machine are what the guests say.\n"
	"\n"
	"  --qmp SOCKET      QEMU's QMP unix socket (-qmp unix:SOCKET,server=on,wait=off)\n"
	"  --service[=SOCKET]  the service's socket (" HVCMA_SERVICE_SOCKET ")\n"
	"  --xen             domains of Xen (hvcma-xen)\n"
	"  --device ID       only this device: its id, or its QOM path; of Xen DOMAIN/NUMBER\n"
	"  --json            as JSON: an object with one report per device\n"
	"  --field POINTER   only this field of the report, by JSON pointer, for scripts\n"
	"                    (/counters/pinned-bytes, /clients/0/bus-master): a line per\n"
	"                    device, or with --json an object with the field per device\n"
	"  --timeout SECONDS how long to wait for each answer (default 10)\n"
	"  --help            this text\n"
	"\n"
	"exit status: 0 success, 1 no connection or no answer, 2 wrong usage,\n"
	"3 no such device or field\n";

static int take_timeout(const char *arg, unsigned int *timeout_s)
{
	unsigned long seconds;
	char *end;

	errno = 0;
	seconds = strtoul(arg, &end, 10);
	if (errno || *end || end == arg || seconds < 1 || seconds > MAX_TIMEOUT_S)
		return hvcma_usage_error("--timeout is 1 to %u seconds, not '%s'", MAX_TIMEOUT_S, arg);
	*timeout_s = seconds;
	return 0;
}

static int take_option(void *opaque, int c, char *arg)
{
	struct options *opt = opaque;

	switch (c) {
	case 'q':
		opt->socket = arg;
		break;
	case 's':
		opt->service = arg ? arg : HVCMA_SERVICE_SOCKET;
		break;
	case 'x':
		opt->xen = true;
		break;
	case 'd':
		opt->device = arg;
		break;
	case 'j':
		opt->json = true;
		break;
	case 'f':
		opt->field = arg;
		break;
	case 't':
		return take_timeout(arg, &opt->timeout_s);
	}
	return 0;
}

static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "qmp", required_argument, NULL, 'q' },
		{ "service", optional_argument, NULL, 's' },
		{ "xen", no_argument, NULL, 'x' },
		{ "device", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "field", required_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int ret;

	*opt = (struct options){ .timeout_s = DEFAULT_TIMEOUT_S };
	ret = hvcma_options("status", argc, argv, "h", longs, help, take_option, opt);
	if (ret)
		return ret;
	if (optind < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind]);
	if (!!opt->socket + !!opt->service + opt->xen > 1)
		return hvcma_usage_error("--qmp, --service and --xen are three things to ask");
	if (!opt->socket && !opt->service && !opt->xen)
		return hvcma_usage_error("option --qmp, --service or --xen is missing");
	if (opt->service && opt->device)
		return hvcma_usage_error("--device is of QEMU, not of the service");
	if (opt->field && *opt->field && *opt->field != '/')
		return hvcma_usage_error("--field is a JSON pointer such as /counters/pinned-bytes, not '%s'",
					 opt->field);
	return 0;
}

/* The field of each device, in place of its report. */
static int take_field(struct json_object *reports, const char *field, struct json_object *fields)
{
	struct hvcma_error err;

	json_object_object_foreach(reports, device, report) {
		struct json_object *value = report;

		if (*field && json_pointer_get(report, field, &value)) {
			hvcma_error_set(&err, "device %s reports no field '%s'", device, field);
			hvcma_failed(err.text);
			return HVCMA_EXIT_NO_DEVICE;
		}
		json_object_object_add(fields, device, json_object_get(value));
	}
	return HVCMA_EXIT_OK;
}

static void print_value(struct json_object *value)
{
	if (json_object_is_type(value, json_type_string)) {
		hvcma_put_printable(stdout, json_object_get_string(value));
		putchar('\n');
	} else {
		hvcma_print_json(value, JSON_C_TO_STRING_PLAIN);
	}
}

static void print_values(struct json_object *fields)
{
	json_object_object_foreach(fields, device, value) {
		(void)device;
		print_value(value);
	}
}

static void print_tables(struct json_object *reports)
{
	struct json_object *printable = hvcma_json_printable(reports);
	bool first = true;

	json_object_object_foreach(printable, device, report) {
		if (!first)
			putchar('\n');
		first = false;
		hvcma_report_print(stdout, device, report);
	}
	json_object_put(printable);
}

static int print_reports(struct json_object *reports, const struct options *opt)
{
	struct json_object *fields = NULL;
	int ret = HVCMA_EXIT_OK;

	if (opt->field) {
		fields = json_object_new_object();
		ret = take_field(reports, opt->field, fields);
	}
	if (ret)
		;
	else if (opt->json)
		hvcma_print_json(fields ? fields : reports, JSON_C_TO_STRING_PRETTY);
	else if (fields)
		print_values(fields);
	else
		print_tables(reports);
	json_object_put(fields);
	return ret;
}

/* What --device could have said. */
static void print_devices(struct hvcma_qmp *qmp)
{
	struct json_object *devices = json_object_new_object();
	struct hvcma_error err;
	size_t bytes = 0;

	if (!hvcma_devices_find(qmp, NULL, devices, &err) && json_object_object_length(devices)) {
		json_object_object_foreach(devices, name, path) {
			(void)path;
			if (bytes < sizeof(err.text))
				bytes += (size_t)snprintf(err.text + bytes, sizeof(err.text) - bytes, "%s%s",
							  bytes ? ", " : "virtio-cma devices here: ", name);
		}
		hvcma_failed(err.text);
	}
	json_object_put(devices);
}

static int status(struct hvcma_qmp *qmp, const struct options *opt,
		  struct json_object *devices, struct json_object *reports)
{
	struct hvcma_error err;
	int ret;

	ret = hvcma_devices_find(qmp, opt->device, devices, &err);
	if (ret)
		return hvcma_failed(err.text);
	if (!json_object_object_length(devices)) {
		hvcma_failed("this QEMU has no virtio-cma device");
		return HVCMA_EXIT_NO_DEVICE;
	}
	json_object_object_foreach(devices, title, path) {
		struct json_object *report;

		ret = hvcma_device_report(qmp, json_object_get_string(path), &report, &err);
		if (ret) {
			hvcma_failed(err.text);
			if (ret != -ENOENT)
				return HVCMA_EXIT_FAILED;
			print_devices(qmp);
			return HVCMA_EXIT_NO_DEVICE;
		}
		json_object_object_add(reports, title, report);
	}
	return print_reports(reports, opt);
}

/* One report, not one for each device. */
static int service_status(const struct options *opt)
{
	struct json_object *report, *value, *printable;
	struct hvcma_error err;

	if (hvcma_service_report(opt->service, opt->timeout_s * 1000, &report, &err))
		return hvcma_failed(err.text);
	value = report;
	if (opt->field && *opt->field && json_pointer_get(report, opt->field, &value)) {
		hvcma_error_set(&err, "the service reports no field '%s'", opt->field);
		hvcma_failed(err.text);
		json_object_put(report);
		return HVCMA_EXIT_NO_DEVICE;
	}
	if (opt->json) {
		hvcma_print_json(value, JSON_C_TO_STRING_PRETTY);
	} else if (opt->field) {
		print_value(value);
	} else {
		printable = hvcma_json_printable(report);
		hvcma_service_report_print(stdout, printable);
		json_object_put(printable);
	}
	json_object_put(report);
	return HVCMA_EXIT_OK;
}

/* Each region by its domain's name and its number. */
static int take_xen(struct json_object *list, const char *device, struct json_object *reports)
{
	struct hvcma_error err;
	char title[300];

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		snprintf(title, sizeof(title), "%s/%s", json_string(entry, "vm"), json_string(entry, "device"));
		if (!device || !strcmp(device, title))
			json_object_object_add(reports, title, json_object_get(json_member(entry, "report")));
	}
	if (json_object_object_length(reports))
		return HVCMA_EXIT_OK;
	if (device)
		hvcma_error_set(&err, "no domain has a region %s", device);
	else
		hvcma_error_set(&err, "no domain has a region");
	hvcma_failed(err.text);
	return HVCMA_EXIT_NO_DEVICE;
}

static int xen_status(const struct options *opt)
{
	struct json_object *list = json_object_new_array(), *reports = json_object_new_object();
	struct hvcma_error err;
	int ret;

	if (hvcma_sources_read_xen(opt->timeout_s, list, &err))
		ret = hvcma_failed(err.text);
	else
		ret = take_xen(list, opt->device, reports);
	if (!ret)
		ret = print_reports(reports, opt);
	json_object_put(reports);
	json_object_put(list);
	return ret;
}

static int status_of(struct hvcma_qmp *qmp, const struct options *opt)
{
	struct json_object *devices = json_object_new_object(), *reports = json_object_new_object();
	int ret = status(qmp, opt, devices, reports);

	json_object_put(reports);
	json_object_put(devices);
	return ret;
}

static int run(int argc, char **argv)
{
	struct hvcma_error err;
	struct hvcma_qmp *qmp;
	struct options opt;
	int ret;

	ret = parse_options(argc, argv, &opt);
	if (ret)
		return ret;
	if (opt.service)
		return service_status(&opt);
	if (opt.xen)
		return xen_status(&opt);
	if (hvcma_qmp_connect(opt.socket, opt.timeout_s * 1000, &qmp, &err))
		return hvcma_failed(err.text);
	ret = status_of(qmp, &opt);
	hvcma_qmp_close(qmp);
	return ret;
}

int hvcma_status_of(struct hvcma_qmp *qmp, const char *device, const char *field, bool json)
{
	const struct options opt = { .device = device, .field = field, .json = json };

	return status_of(qmp, &opt);
}

const struct hvcma_command hvcma_command_status = {
	.name = "status",
	.summary = "show what the virtio-cma regions of a virtual machine have",
	.run = run,
};
