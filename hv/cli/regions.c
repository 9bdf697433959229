// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma regions: checks a text of regions (hv/core/region_text.h) and shows what
 * it means, before it goes on the command line of QEMU or of the guest's kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "hv/cli/options.h"
#include "hv/cli/size_text.h"
#include "hv/cli/text.h"
#include "hv/core/region_text.h"

#define PAGE_BYTES	UINT64_C(4096)	/* the smallest granule */

struct options {
	const char *text;
	uint64_t ram_bytes;		/* 0: not known */
	uint64_t granule_bytes;
	bool json;
};

struct entry {
	struct hvcma_region_text text;
	uint64_t bytes;			/* whole granules */
	bool bytes_known;		/* not a share of unknown RAM */
};

static const char help[] =
	"usage: hvcma regions check TEXT [OPTION...]\n"
	"Checks a description of regions and shows what it means. Wrong are: what can't be\n"
	"read, a region declared twice, a client with one kind twice, sizes that are no whole\n"
	"pages of 4096 bytes or less than a granule, more reserved than the region has, bases\n"
	"that are 0 or no multiple of the granule, regions that overlap or wrap at 2^64, what is\n"
	"reserved outside of its region, or twice.\n"
	"\n"
	"  TEXT   NAME[/CLIENT[,CLIENT...][(KIND)]]=SIZE[@BASE][;...]\n"
	"  SIZE   64M, 10% of RAM, min(10%,64M) or max(10%,64M) of up to four; suffixes\n"
	"         K M G T, or hexadecimal (0x) without a suffix\n"
	"         without clients: the region; with clients: memory of the region set\n"
	"         aside for them (0: none, they share the rest)\n"
	"\n"
	"  --ram SIZE        what percentages are of\n"
	"  --granule SIZE    of the regions (default 4096, the smallest there is): regions are\n"
	"                    rounded down to it, reservations are rounded up\n"
	"  --json            as JSON: an object with a list of entries\n"
	"  --help            this text\n"
	"\n"
	"The same text is taken by -device virtio-cma-pci,regions= (commas doubled) and by\n"
	"the module parameter regions= of virtio_cma.ko, but for @BASE: the device takes it\n"
	"without clients only, the module never. The device has at most 255 reservations.\n"
	"\n"
	"exit status: 0 right, 1 something is wrong in the text, 2 wrong usage\n";

static int take_option(void *opaque, int c, char *arg)
{
	struct options *opt = opaque;
	struct hvcma_text_error err;

	if (c == 'j') {
		opt->json = true;
		return 0;
	}
	if (c == 'g') {
		if (hvcma_region_text_amount(arg, &opt->granule_bytes, &err) ||
		    opt->granule_bytes < PAGE_BYTES ||
		    opt->granule_bytes & (opt->granule_bytes - 1))
			return hvcma_usage_error("--granule is a power of two from 4096 on, such as 2M, not '%s'",
						 arg);
		return 0;
	}
	if (hvcma_region_text_amount(arg, &opt->ram_bytes, &err) || !opt->ram_bytes)
		return hvcma_usage_error("--ram is a size such as 16G, not '%s'", arg);
	return 0;
}

static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "ram", required_argument, NULL, 'r' },
		{ "granule", required_argument, NULL, 'g' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static const char *const actions[] = { "check" };
	int ret;

	*opt = (struct options){ .granule_bytes = PAGE_BYTES };
	ret = hvcma_options("regions", argc, argv, "h", longs, help, take_option, opt);
	if (ret)
		return ret;
	if (optind == argc)
		return hvcma_usage_error("'check' is missing");
	if (strcmp(argv[optind], *actions))
		return hvcma_unknown_command("regions", argv[optind], actions, 1);
	if (optind + 1 == argc)
		return hvcma_usage_error("the text is missing");
	if (optind + 2 < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind + 2]);
	opt->text = argv[optind + 1];
	return 0;
}

/* "hvcma regions: WHAT" with the text and a mark under the place. */
static int __attribute__((format(printf, 3, 4)))
complain(const char *text, const struct hvcma_slice *at, const char *fmt, ...)
{
	size_t offset = (size_t)(at->text - text), column;
	char what[256], *before, *line;
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	/* What is not to be printed is longer when it is: so the mark moves. */
	before = strndup(text, offset);
	if (!before)
		return hvcma_failed(what);
	line = hvcma_printable(before);
	column = strlen(line);
	free(line);
	free(before);
	line = hvcma_printable(text);
	fprintf(stderr, "hvcma regions: %s at byte %zu\n  %s\n  %*s^", what, offset, line,
		(int)column, "");
	free(line);
	for (size_t i = 1; i < at->bytes; i++)
		fputc('~', stderr);
	fputc('\n', stderr);
	return HVCMA_EXIT_FAILED;
}

#define SLICE(s)	(int)(s).bytes, (s).text

static const struct entry *region_of(const struct entry *entries, size_t nr,
				     const struct hvcma_slice *name)
{
	for (size_t i = 0; i < nr; i++)
		if (!entries[i].text.clients.bytes &&
		    hvcma_slice_equal(&entries[i].text.name, name))
			return &entries[i];
	return NULL;
}

/* One client appears once with a kind: is that client of @e in @other, too? */
static bool resvs_client(const struct hvcma_region_text *e,
			 const struct hvcma_region_text *other, struct hvcma_slice *client)
{
	struct hvcma_slice rest = e->clients, others, theirs;

	if (!hvcma_slice_equal(&e->name, &other->name) ||
	    !hvcma_slice_equal(&e->kind, &other->kind))
		return false;
	while (hvcma_region_text_client(&rest, client)) {
		/* in its own entry: twice behind this place */
		others = e == other ? rest : other->clients;
		while (hvcma_region_text_client(&others, &theirs))
			if (hvcma_slice_equal(client, &theirs))
				return true;
	}
	return false;
}

/* "BASE" behind the size. */
static struct hvcma_slice base_of(const struct hvcma_region_text *e)
{
	const char *text = e->size.text.text + e->size.text.bytes + 1;

	return (struct hvcma_slice){ text, strcspn(text, ";") };
}

/* The size of one entry: read it, refuse what no region can have, round it. */
static int take_size(const struct options *opt, struct entry *e)
{
	const struct hvcma_region_text *t = &e->text;
	uint64_t granule = opt->granule_bytes;

	e->bytes_known = !hvcma_region_text_bytes(&t->size, opt->ram_bytes, &e->bytes);
	if (!e->bytes_known)
		return 0;
	if (!hvcma_region_text_is_relative(&t->size) && e->bytes % PAGE_BYTES)
		return complain(opt->text, &t->size.text,
				"region '%.*s': size %" PRIu64 " is not a multiple of %" PRIu64 " bytes",
				SLICE(t->name), e->bytes, PAGE_BYTES);
	if (t->clients.bytes) {
		if (e->bytes > UINT64_MAX - (granule - 1))
			return complain(opt->text, &t->size.text, "region '%.*s': size %" PRIu64
					" wraps when it is rounded up to a granule", SLICE(t->name), e->bytes);
		e->bytes = (e->bytes + granule - 1) & ~(granule - 1);
		return 0;
	}
	if (e->bytes < granule)
		return complain(opt->text, &t->size.text,
				"region '%.*s': size %s is less than a granule, limit: %s", SLICE(t->name),
				size_text(e->bytes).text, size_text(granule).text);
	e->bytes &= ~(granule - 1);
	return 0;
}

/* The last address of an entry with a base, as far as its size is known. */
static uint64_t last_of(const struct entry *e)
{
	return e->text.base + (e->bytes_known && e->bytes ? e->bytes - 1 : 0);
}

static int check_base(const struct options *opt, const struct entry *entries, size_t nr, size_t i)
{
	const struct entry *e = &entries[i];
	const struct hvcma_region_text *t = &e->text;
	const struct entry *region = region_of(entries, nr, &t->name);
	struct hvcma_slice at = base_of(t);

	if (!t->base || t->base & (opt->granule_bytes - 1))
		return complain(opt->text, &at, "region '%.*s': base 0x%" PRIx64
				" is not a positive multiple of the granule, %s", SLICE(t->name), t->base,
				size_text(opt->granule_bytes).text);
	if (e->bytes_known && e->bytes && t->base + (e->bytes - 1) < t->base)
		return complain(opt->text, &at, "region '%.*s': base 0x%" PRIx64 " with size %s wraps, limit: 2^64",
				SLICE(t->name), t->base, size_text(e->bytes).text);
	for (size_t j = 0; j < i; j++) {
		const struct entry *other = &entries[j];

		/* a reservation lies in a region, but not in another reservation */
		if (!t->clients.bytes != !other->text.clients.bytes || !other->text.has_base)
			continue;
		if (t->base <= last_of(other) && other->text.base <= last_of(e))
			return complain(opt->text, &at, "region '%.*s': 0x%" PRIx64 "..0x%" PRIx64
					" overlaps region '%.*s' at 0x%" PRIx64 "..0x%" PRIx64,
					SLICE(t->name), t->base, last_of(e), SLICE(other->text.name),
					other->text.base, last_of(other));
	}
	if (t->clients.bytes && region && region->text.has_base && region->bytes_known &&
	    (t->base < region->text.base || last_of(e) > last_of(region)))
		return complain(opt->text, &at, "region '%.*s': 0x%" PRIx64 "..0x%" PRIx64
				" is reserved outside of the region at 0x%" PRIx64 "..0x%" PRIx64,
				SLICE(t->name), t->base, last_of(e), region->text.base, last_of(region));
	return 0;
}

static int check_resvs(const char *text, const struct entry *region,
		       const struct entry *entries, size_t nr)
{
	uint64_t aside = 0;

	for (size_t i = 0; i < nr && region->bytes_known; i++) {
		const struct entry *e = &entries[i];

		if (!e->text.clients.bytes || !e->bytes_known ||
		    !hvcma_slice_equal(&e->text.name, &region->text.name))
			continue;
		if (e->bytes > region->bytes - aside)
			return complain(text, &e->text.size.text,
					"region '%.*s': %s are to be reserved, limit: %s that are left of %s",
					SLICE(e->text.name), size_text(e->bytes).text,
					size_text(region->bytes - aside).text,
					size_text(region->bytes).text);
		aside += e->bytes;
	}
	return 0;
}

static int check_meaning(const struct options *opt, const struct entry *entries, size_t nr)
{
	struct hvcma_slice client;
	int ret = 0;

	for (size_t i = 0; i < nr && !ret; i++) {
		const struct hvcma_region_text *e = &entries[i].text;
		const struct entry *region = region_of(entries, nr, &e->name);

		if (!e->clients.bytes && region != &entries[i])
			return complain(opt->text, &e->name, "region '%.*s' is declared twice",
					SLICE(e->name));
		for (size_t j = 0; j <= i; j++)
			if (e->clients.bytes && resvs_client(e, &entries[j].text, &client))
				return complain(opt->text, &client,
						"region '%.*s': client '%.*s' has that kind twice",
						SLICE(e->name), SLICE(client));
		if (e->has_base)
			ret = check_base(opt, entries, nr, i);
		if (!ret && !e->clients.bytes)
			ret = check_resvs(opt->text, region, entries, nr);
	}
	return ret;
}

static void print_table(const struct entry *entries, size_t nr)
{
	int widths[3] = { 6, 7, 4 };

	for (size_t i = 0; i < nr; i++) {
		const struct hvcma_region_text *e = &entries[i].text;
		const size_t w[3] = { e->name.bytes, e->clients.bytes, e->size.text.bytes };

		for (size_t j = 0; j < 3; j++)
			if (w[j] > (size_t)widths[j])
				widths[j] = (int)w[j];
	}
	printf("%-*s  %-*s  %-15s  %-*s  %-10s  %s\n", widths[0], "region", widths[1],
	       "clients", "kind", widths[2], "size", "is", "base");
	for (size_t i = 0; i < nr; i++) {
		const struct hvcma_region_text *e = &entries[i].text;

		printf("%-*.*s  ", widths[0], (int)e->name.bytes, e->name.text);
		if (e->clients.bytes)
			printf("%-*.*s  ", widths[1], (int)e->clients.bytes, e->clients.text);
		else
			printf("%-*s  ", widths[1], "-");
		if (e->kind.bytes)
			printf("%-15.*s  ", (int)e->kind.bytes, e->kind.text);
		else
			printf("%-15s  ", e->clients.bytes ? "any" : "-");
		printf("%-*.*s  %-10s  ", widths[2], (int)e->size.text.bytes, e->size.text.text,
		       entries[i].bytes_known ? size_text(entries[i].bytes).text : "?");
		if (e->has_base)
			printf("0x%" PRIx64 "\n", e->base);
		else
			puts("any");
	}
}

static struct json_object *json_slice(const struct hvcma_slice *s)
{
	return json_object_new_string_len(s->text, (int)s->bytes);
}

static void print_json(const struct entry *entries, size_t nr)
{
	struct json_object *list = json_object_new_array(), *top = json_object_new_object();

	for (size_t i = 0; i < nr; i++) {
		const struct hvcma_region_text *e = &entries[i].text;
		struct json_object *o = json_object_new_object();
		struct json_object *clients = json_object_new_array();
		struct hvcma_slice rest = e->clients, client;

		while (hvcma_region_text_client(&rest, &client))
			json_object_array_add(clients, json_slice(&client));
		json_object_object_add(o, "region", json_slice(&e->name));
		json_object_object_add(o, "clients", clients);
		json_object_object_add(o, "kind", e->kind.bytes ? json_slice(&e->kind)
								: json_object_new_string(""));
		json_object_object_add(o, "size", json_slice(&e->size.text));
		json_object_object_add(o, "bytes", entries[i].bytes_known ?
				       json_object_new_uint64(entries[i].bytes) : NULL);
		json_object_object_add(o, "base", e->has_base ?
				       json_object_new_uint64(e->base) : NULL);
		json_object_array_add(list, o);
	}
	json_object_object_add(top, "entries", list);
	hvcma_print_json(top, JSON_C_TO_STRING_PRETTY);
	json_object_put(top);
}

static int regions_run(int argc, char **argv)
{
	struct hvcma_text_error err;
	struct entry *entries;
	struct options opt;
	const char *at;
	size_t nr = 0;
	int ret;

	ret = parse_options(argc, argv, &opt);
	if (ret)
		return ret;
	at = opt.text;
	if (!*at)
		return hvcma_failed("the text is empty");
	entries = calloc(strlen(opt.text), sizeof(*entries));	/* more than there can be */
	if (!entries)
		return hvcma_failed(strerror(errno));
	for (; *at; nr++) {
		struct entry *e = &entries[nr];

		if (hvcma_region_text_next(&at, &e->text, &err)) {
			ret = complain(opt.text, &err.slice, "%s", err.sentence);
			goto out;
		}
		ret = take_size(&opt, e);
		if (ret)
			goto out;
	}
	ret = check_meaning(&opt, entries, nr);
	if (ret)
		goto out;
	if (opt.json)
		print_json(entries, nr);
	else
		print_table(entries, nr);
out:
	free(entries);
	return ret;
}

const struct hvcma_command hvcma_command_regions = {
	.name = "regions",
	.summary = "check a description of regions and show what it means",
	.run = regions_run,
};
