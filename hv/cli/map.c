// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma map: granules of regions as a picture: by guest-physical and by host-physical address, in a terminal
 * or as SVG.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/cli/granule_map.h"
#include "hv/cli/json_get.h"
#include "hv/cli/options.h"
#include "hv/cli/sources.h"
#include "hv/cli/text.h"
#include "hv/host/host_files.h"

#define MAX_LINES	64

static const char help[] =
	"usage: hvcma map --qmp SOCKET | --xen [OPTION...]\n"
	"\n"
	"Show the granules of regions as a picture: by guest-physical address and, where the region has\n"
	"host-physical ones, by those beside it.\n"
	"\n"
	"      --qmp SOCKET  QEMU's QMP unix socket; once for each virtual machine\n"
	"      --xen         domains of Xen, in its control domain (hvcma-xen)\n"
	"      --timeout SECONDS  how long to wait for each answer (default 10)\n"
	"      --svg FILE    draw it into a file\n"
	"  -j, --json        as JSON: what is drawn\n"
	"  -h, --help        this text\n";

struct request {
	struct hvcma_sources sources;
	const char *svg;
	bool json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
	case 'v':
		r->svg = arg;
		return 0;
	case 'j':
		r->json = true;
		return 0;
	default:
		return hvcma_sources_option(&r->sources, c, arg);
	}
}

static void title_of(struct json_object *entry, char *title, size_t room)
{
	snprintf(title, room, "%s: region %s (%s)", json_string(entry, "vm"),
		 json_string(json_member(json_member(entry, "report"), "region"), "name"), json_string(entry, "device"));
}

/* @list: printable */
static void print_text(struct json_object *list)
{
	bool colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	char title[512];

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (json_member(entry, "error"))
			continue;
		title_of(entry, title, sizeof(title));
		hvcma_granule_map_print(stdout, title, json_member(entry, "report"), MAX_LINES, colours);
		putchar('\n');
	}
	hvcma_granule_map_legend(stdout, colours);
}

static int save_svg(struct json_object *list, const char *path)
{
	struct hvcma_svg *svg = hvcma_svg_begin();
	struct hvcma_error err;
	char title[512], *text;
	int ret;

	if (!svg)
		return hvcma_failed("out of memory");
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (json_member(entry, "error"))
			continue;
		title_of(entry, title, sizeof(title));
		hvcma_svg_add(svg, title, json_member(entry, "report"));
	}
	text = hvcma_svg_end(svg);
	if (!text)
		return hvcma_failed("out of memory");
	ret = hvcma_host_save("", text, "%s", path);
	free(text);
	if (!ret)
		return HVCMA_EXIT_OK;
	hvcma_error_set(&err, "%.200s: %s", path, strerror(-ret));
	return hvcma_failed(err.text);
}

/* Of each region what is drawn, and nothing else of its report. */
static void print_json(struct json_object *list)
{
	static const char *const parts[] = { "region", "granules", "extents" };
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i), *one;

		if (json_member(entry, "error"))
			continue;
		one = json_object_new_object();
		json_object_object_add(one, "vm", json_object_get(json_member(entry, "vm")));
		json_object_object_add(one, "device", json_object_get(json_member(entry, "device")));
		for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++)
			json_object_object_add(one, parts[p], json_object_get(json_member(json_member(entry, "report"), parts[p])));
		json_object_array_add(all, one);
	}
	hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
}

static int map(const struct request *r)
{
	struct json_object *list = hvcma_sources_read(&r->sources), *printable = hvcma_json_printable(list);
	int failed = HVCMA_EXIT_OK, ret = HVCMA_EXIT_OK;

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *error = json_member(json_object_array_get_idx(list, i), "error");

		if (error)
			failed = hvcma_failed(json_object_get_string(error));
	}
	if (r->json)
		print_json(list);
	else if (r->svg)
		ret = save_svg(printable, r->svg);
	else
		print_text(printable);
	json_object_put(printable);
	json_object_put(list);
	return failed ? failed : ret;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "qmp", required_argument, NULL, 'q' },
		{ "xen", no_argument, NULL, 'x' },
		{ "timeout", required_argument, NULL, 't' },
		{ "svg", required_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request r = { .sources = HVCMA_SOURCES_NONE };
	int ret = hvcma_options("map", argc, argv, "jh", longs, help, take_option, &r);

	if (ret)
		return ret;
	if (optind < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind]);
	if (!r.sources.nr_qmp && !r.sources.xen)
		return hvcma_usage_error("option --qmp or --xen is missing");
	if (r.svg && r.json)
		return hvcma_usage_error("--svg and --json are two forms");
	return map(&r);
}

const struct hvcma_command hvcma_command_map = {
	.name = "map",
	.summary = "show granules of regions as a picture",
	.run = run,
};
