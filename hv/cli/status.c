// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma status: asks a running QEMU for the reports of its virtio-cma devices
 * and prints them for people, as JSON, or one field for scripts.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <json-c/json_pointer.h>

#include "hv/cli/devices.h"
#include "hv/cli/options.h"
#include "hv/cli/report.h"

#define DEFAULT_TIMEOUT_S	10u
#define MAX_TIMEOUT_S		3600u

struct options {
	const char *socket;
	const char *device;		/* NULL: all */
	const char *field;		/* JSON pointer, NULL: the whole report */
	unsigned int timeout_s;
	bool json;
};

static const char help[] =
	"usage: hvcma status --qmp SOCKET [OPTION...]\n"
	"Shows what a virtual machine's virtio-cma regions hold: pinned, migratable and\n"
	"unbacked memory, extents, DMA window, clients, blocks and counters.\n"
	"\n"
	"  --qmp SOCKET      QEMU's QMP unix socket (-qmp unix:SOCKET,server=on,wait=off)\n"
	"  --device ID       only this device: its id, or its QOM path\n"
	"  --json            as JSON: an object with one report per device\n"
	"  --field POINTER   only this field of the report, by JSON pointer, for scripts\n"
	"                    (/counters/pinned-bytes, /clients/0/bus-master)\n"
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
		return hvcma_usage_error("--timeout is 1 to %u seconds, not %s", MAX_TIMEOUT_S, arg);
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
		return hvcma_usage_error("unexpected argument %s", argv[optind]);
	if (!opt->socket)
		return hvcma_usage_error("--qmp is missing");
	return 0;
}

static int print_field(struct json_object *reports, const char *field)
{
	struct json_object *value;

	json_object_object_foreach(reports, device, report) {
		if (json_pointer_get(report, field, &value)) {
			fprintf(stderr, "hvcma status: device %s reports no field '%s'\n",
				device, field);
			return HVCMA_EXIT_NO_DEVICE;
		}
		puts(json_object_is_type(value, json_type_string) ?
			json_object_get_string(value) :
			json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	}
	return HVCMA_EXIT_OK;
}

static int print_reports(struct json_object *reports, const struct options *opt)
{
	bool first = true;

	if (opt->field)
		return print_field(reports, opt->field);
	if (opt->json) {
		puts(json_object_to_json_string_ext(reports, JSON_C_TO_STRING_PRETTY));
		return HVCMA_EXIT_OK;
	}
	json_object_object_foreach(reports, device, report) {
		if (!first)
			putchar('\n');
		first = false;
		hvcma_report_print(stdout, device, report);
	}
	return HVCMA_EXIT_OK;
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
		fputs("hvcma status: this QEMU has no virtio-cma device\n", stderr);
		return HVCMA_EXIT_NO_DEVICE;
	}
	json_object_object_foreach(devices, title, path) {
		struct json_object *report;

		ret = hvcma_device_report(qmp, json_object_get_string(path), &report, &err);
		if (ret) {
			hvcma_failed(err.text);
			return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_FAILED;
		}
		json_object_object_add(reports, title, report);
	}
	return print_reports(reports, opt);
}

static int run(int argc, char **argv)
{
	struct json_object *devices, *reports;
	struct hvcma_error err;
	struct hvcma_qmp *qmp;
	struct options opt;
	int ret;

	ret = parse_options(argc, argv, &opt);
	if (ret)
		return ret;
	if (hvcma_qmp_connect(opt.socket, opt.timeout_s * 1000, &qmp, &err))
		return hvcma_failed(err.text);
	devices = json_object_new_object();
	reports = json_object_new_object();
	ret = status(qmp, &opt, devices, reports);
	json_object_put(reports);
	json_object_put(devices);
	hvcma_qmp_close(qmp);
	return ret;
}

const struct hvcma_command hvcma_command_status = {
	.name = "status",
	.summary = "show what the virtio-cma regions of a virtual machine hold",
	.run = run,
};
