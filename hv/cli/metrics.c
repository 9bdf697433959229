// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma metrics: what regions have, in the text format of Prometheus, for the textfile collector of
 * node_exporter: to stdout, or into a file in one step.
 */
#define _GNU_SOURCE			/* open_memstream() */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/json_get.h"
#include "hv/cli/options.h"
#include "hv/cli/sources.h"
#include "hv/cli/text.h"
#include "hv/host/host_files.h"

static const char help[] =
	"usage: hvcma metrics --qmp SOCKET | --service[=SOCKET] | --xen [OPTION...]\n"
	"\n"
	"Print what the regions of virtual machines have in the text format of Prometheus. With --output,\n"
	"for a timer: into a folder of node_exporter's textfile collector, replaced in one step.\n"
	"\n"
	HVCMA_SOURCES_HELP
	"  -o, --output FILE into this file, whose name ends with .prom\n"
	"  -j, --json        as JSON\n"
	"  -h, --help        this text\n";

struct request {
	struct hvcma_sources sources;
	const char *output;
	bool json;
};

/* One that is not in a report is left out. */
static const struct {
	const char *name, *part, *key, *type, *help;
} metrics[] = {
	{ "hvcma_region_bytes", "region", "bytes", "gauge", "Size of the region." },
	{ "hvcma_granule_bytes", "region", "granule-bytes", "gauge", "Size of a granule, the unit of pinning." },
	{ "hvcma_pin_limit_bytes", "region", "pin-limit-bytes", "gauge", "Most that may be pinned." },
	{ "hvcma_pinned_bytes", "counters", "pinned-bytes", "gauge", "Memory whose host-physical address can't change." },
	{ "hvcma_migratable_bytes", "counters", "migratable-bytes", "gauge", "Memory that is there and may move." },
	{ "hvcma_unbacked_bytes", "counters", "unbacked-bytes", "gauge", "Memory that is not there yet." },
	{ "hvcma_swapped_bytes", "counters", "swapped-bytes", "gauge", "Memory that the host has swapped out." },
	{ "hvcma_online_bytes", "counters", "online-bytes", "gauge", "Memory in the guest's page allocator." },
	{ "hvcma_busy_bytes", "counters", "busy-bytes", "gauge", "Memory that the guest could not isolate." },
	{ "hvcma_allocated_bytes", "counters", "allocated-bytes", "gauge", "Memory in blocks." },
	{ "hvcma_longest_free_bytes", "counters", "longest-free-bytes", "gauge", "Longest run of free memory." },
	{ "hvcma_quarantined_bytes", "counters", "quarantined-bytes", "gauge", "Memory kept from a device that was not quiesced." },
	{ "hvcma_blocks", "counters", "blocks", "gauge", "Blocks." },
	{ "hvcma_extents", "counters", "extents", "gauge", "Runs that are contiguous in host-physical memory." },
	{ "hvcma_alloc_ok_total", "counters", "alloc-ok", "counter", "Allocations that succeeded." },
	{ "hvcma_alloc_failed_total", "counters", "alloc-failed", "counter", "Allocations that failed." },
	{ "hvcma_freed_total", "counters", "freed", "counter", "Blocks given back." },
	{ "hvcma_bad_requests_total", "counters", "bad-requests", "counter", "Requests that broke the protocol." },
	{ "hvcma_guest_map_direct_total", "guest", "map-direct", "counter", "Mappings of the guest without a copy." },
	{ "hvcma_guest_map_bounced_total", "guest", "map-bounced", "counter", "Mappings of the guest that were copied." },
	{ "hvcma_guest_map_failed_total", "guest", "map-failed", "counter", "Mappings of the guest that failed." },
};

#define NR_METRICS	(sizeof(metrics) / sizeof(*metrics))

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
	case 'o':
		r->output = arg;
		return 0;
	case 'j':
		r->json = true;
		return 0;
	default:
		return hvcma_sources_option(&r->sources, c, arg);
	}
}

/* A label's value: backslash, quote and newline are escaped, nothing else may steer. */
static void put_label(FILE *out, const char *name, const char *value)
{
	char *printable = hvcma_printable(value);

	fprintf(out, "%s=\"", name);
	for (const char *at = printable; *at; at++) {
		if (*at == '"' || *at == '\\')
			fputc('\\', out);
		fputc(*at, out);
	}
	fputc('"', out);
	free(printable);
}

static void put_labels(FILE *out, struct json_object *entry)
{
	put_label(out, "{vm", json_string(entry, "vm"));
	put_label(out, ",device", json_string(entry, "device"));
	put_label(out, ",region", json_string(json_member(json_member(entry, "report"), "region"), "name"));
	fputs("} ", out);
}

static void put_metric(FILE *out, struct json_object *list, size_t m)
{
	bool is_first = true;

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *value = json_member(json_member(json_member(entry, "report"), metrics[m].part), metrics[m].key);

		if (!value)
			continue;
		if (is_first)
			fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name, metrics[m].help, metrics[m].name, metrics[m].type);
		is_first = false;
		fputs(metrics[m].name, out);
		put_labels(out, entry);
		fprintf(out, "%" PRIu64 "\n", json_object_get_uint64(value));
	}
}

/* Who answers: a virtual machine that has ended is a 0, and no reason to have no figures of the others. */
static void put_up(FILE *out, struct json_object *list)
{
	const char *before = "";

	fputs("# HELP hvcma_up Does it answer?\n# TYPE hvcma_up gauge\n", out);
	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *vm = json_string(entry, "vm");

		if (strcmp(vm, before)) {
			fputs("hvcma_up", out);
			put_label(out, "{vm", vm);
			fprintf(out, "} %d\n", !json_member(entry, "error"));
		}
		before = vm;
	}
}

static char *as_text(struct json_object *list)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	put_up(out, list);
	for (size_t m = 0; m < NR_METRICS; m++)
		put_metric(out, list, m);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int save(const char *path, const char *text)
{
	struct hvcma_error err;
	int ret = hvcma_host_save("", text, "%s", path);

	if (!ret)
		return HVCMA_EXIT_OK;
	hvcma_error_set(&err, "%.200s: %s", path, strerror(-ret));
	return hvcma_failed(err.text);
}

static int print(const struct request *r, struct json_object *list)
{
	char *text;
	int ret = HVCMA_EXIT_OK;

	if (r->json) {
		hvcma_print_json(list, JSON_C_TO_STRING_PRETTY);
		return HVCMA_EXIT_OK;
	}
	text = as_text(list);
	if (!text)
		return hvcma_failed("out of memory");
	if (r->output)
		ret = save(r->output, text);
	else
		fputs(text, stdout);
	free(text);
	return ret;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		HVCMA_SOURCES_LONGS,
		{ "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request r = { .sources = HVCMA_SOURCES_NONE };
	struct json_object *list;
	size_t length;
	int ret = hvcma_options("metrics", argc, argv, "o:jh", longs, help, take_option, &r);

	if (!ret)
		ret = hvcma_sources_check(&r.sources);
	if (ret)
		return ret;
	if (optind < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind]);
	length = r.output ? strlen(r.output) : 0;
	if (r.output && (length < 6 || strcmp(r.output + length - 5, ".prom")))
		return hvcma_usage_error("--output: node_exporter reads files that end with .prom, not '%s'", r.output);
	if (r.output && r.json)
		return hvcma_usage_error("--json and --output are two forms");
	list = hvcma_sources_read(&r.sources);
	ret = print(&r, list);
	json_object_put(list);
	return ret;
}

const struct hvcma_command hvcma_command_metrics = {
	.name = "metrics",
	.summary = "print figures of regions for Prometheus",
	.run = run,
};
