// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma top: regions of several virtual machines, a line each, again and again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hv/cli/json_get.h"
#include "hv/cli/options.h"
#include "hv/cli/size_text.h"
#include "hv/cli/sources.h"
#include "hv/cli/text.h"

#define MAX_DELAY_S	3600
#define CLEAR		"\033[H\033[2J"

static const char help[] =
	"usage: hvcma top --qmp SOCKET | --service[=SOCKET] | --xen [OPTION...]\n"
	"\n"
	"Show the regions of virtual machines, a line each, and again after a while, until interrupted.\n"
	"\n"
	HVCMA_SOURCES_HELP
	"  -b, --batch       print one table below the other, without a terminal's help\n"
	"  -n, --count N     end after so many\n"
	"  -d, --delay SECONDS  between two (default: 2)\n"
	"  -j, --json        a line of JSON each time\n"
	"  -h, --help        this text\n";

struct request {
	struct hvcma_sources sources;
	unsigned long count, delay_s;	/* count 0: until interrupted */
	bool batch, json;
};

static atomic_bool stop;

static void on_signal(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

static int take_number(const char *option, const char *arg, unsigned long most, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(arg, &end, 10);
	if (errno || *end || end == arg || !*value || *value > most)
		return hvcma_usage_error("--%s is 1 to %lu, not '%s'", option, most, arg);
	return 0;
}

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
	case 'b':
		r->batch = true;
		return 0;
	case 'n':
		return take_number("count", arg, UINT32_MAX, &r->count);
	case 'd':
		return take_number("delay", arg, MAX_DELAY_S, &r->delay_s);
	case 'j':
		r->json = true;
		return 0;
	default:
		return hvcma_sources_option(&r->sources, c, arg);
	}
}

/* The same region as it was before; NULL: it is new. */
static struct json_object *before_of(struct json_object *before, struct json_object *entry)
{
	for (size_t i = 0; i < json_length(before); i++) {
		struct json_object *old = json_object_array_get_idx(before, i);

		if (!strcmp(json_string(old, "vm"), json_string(entry, "vm")) &&
		    !strcmp(json_string(old, "device"), json_string(entry, "device")) &&
		    !strcmp(json_string(json_member(json_member(old, "report"), "region"), "name"),
			    json_string(json_member(json_member(entry, "report"), "region"), "name")))
			return old;
	}
	return NULL;
}

static void print_entry(struct json_object *entry, struct json_object *before, unsigned long delay_s)
{
	struct json_object *report = json_member(entry, "report"), *region = json_member(report, "region"),
			   *counters = json_member(report, "counters"), *old;
	uint64_t allocated, was;

	if (json_member(entry, "error")) {
		printf("%-16.16s %s\n", json_string(entry, "vm"), json_string(entry, "error"));
		return;
	}
	old = json_member(json_member(before_of(before, entry), "report"), "counters");
	allocated = json_number(counters, "alloc-ok");
	was = old ? json_number(old, "alloc-ok") : allocated;
	printf("%-16.16s %-12.12s %-9.9s %9s %9s %9s %9s %9s %7" PRIu64 " %8.1f\n", json_string(entry, "vm"), json_string(region, "name"),
	       json_member(report, "driver") ? json_string(json_member(report, "driver"), "state") : "-",
	       size_text(json_number(region, "bytes")).text, size_text(json_number(counters, "pinned-bytes")).text,
	       size_text(json_number(counters, "migratable-bytes")).text, size_text(json_number(counters, "online-bytes")).text,
	       size_text(json_number(counters, "busy-bytes")).text, json_number(counters, "blocks"),
	       allocated >= was ? (double)(allocated - was) / (double)delay_s : 0);
}

static void print_table(struct json_object *list, struct json_object *before, const struct request *r)
{
	struct json_object *printable = hvcma_json_printable(list);
	char clock[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	printf("hvcma top - %s\n%-16s %-12s %-9s %9s %9s %9s %9s %9s %7s %8s\n", clock, "VM", "REGION", "DRIVER", "SIZE", "PINNED",
	       "MIGRAT.", "ONLINE", "BUSY", "BLOCKS", "ALLOC/S");
	for (size_t i = 0; i < json_length(printable); i++)
		print_entry(json_object_array_get_idx(printable, i), before, r->delay_s);
	json_object_put(printable);
}

static int top(const struct request *r)
{
	bool is_live = !r->batch && !r->json && isatty(STDOUT_FILENO);
	struct json_object *list = NULL, *before = NULL;

	for (unsigned long i = 0; !atomic_load(&stop) && (!r->count || i < r->count); i++) {
		if (i)
			sleep((unsigned int)r->delay_s);	/* a signal ends it */
		if (atomic_load(&stop))
			break;
		list = hvcma_sources_read(&r->sources);
		if (r->json) {
			hvcma_print_json(list, JSON_C_TO_STRING_PLAIN);
		} else {
			fputs(is_live ? CLEAR : i ? "\n" : "", stdout);
			print_table(list, before, r);
		}
		if (fflush(stdout))
			break;
		json_object_put(before);
		before = list;
	}
	json_object_put(before);
	return HVCMA_EXIT_OK;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		HVCMA_SOURCES_LONGS,
		{ "batch", no_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const struct sigaction action = { .sa_handler = on_signal };
	struct request r = { .sources = HVCMA_SOURCES_NONE, .delay_s = 2 };
	int ret = hvcma_options("top", argc, argv, "bn:d:jh", longs, help, take_option, &r);

	if (!ret)
		ret = hvcma_sources_check(&r.sources);
	if (ret)
		return ret;
	if (optind < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind]);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return top(&r);
}

const struct hvcma_command hvcma_command_top = {
	.name = "top",
	.summary = "show regions of several virtual machines, again and again",
	.run = run,
};
