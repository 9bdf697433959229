// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma regions: checks a text of regions (hv/core/region_text.h) and shows what
 * it means, before it goes on the command line of QEMU or of the guest's kernel.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "hv/cli/options.h"
#include "hv/cli/size_text.h"
#include "hv/core/region_text.h"

struct options {
	const char *text;
	uint64_t ram_bytes;		/* 0: not known */
	bool json;
};

struct entry {
	struct hvcma_region_text text;
	uint64_t bytes;
	bool bytes_known;		/* not a share of unknown RAM */
};

static const char help[] =
	"usage: hvcma regions check TEXT [OPTION...]\n"
	"Checks a description of regions and shows what it means.\n"
	"\n"
	"  TEXT   NAME[/CLIENT[,CLIENT...][(KIND)]]=SIZE[@BASE][;...]\n"
	"  SIZE   64M, 10% of RAM, min(10%,64M) or max(10%,64M) of up to four; suffixes\n"
	"         K M G T, or hexadecimal (0x) without a suffix\n"
	"         without clients: the region; with clients: memory of the region set\n"
	"         aside for them (0: none, they share the rest)\n"
	"\n"
	"  --ram SIZE        what percentages are of\n"
	"  --json            as JSON: an object with a list of entries\n"
	"  --help            this text\n"
	"\n"
	"The same text is taken by -device virtio-cma-pci,regions= (commas doubled) and by\n"
	"the module parameter regions= of virtio_cma.ko, but for @BASE: the device takes it\n"
	"without clients only, the module never. The device has at most 255 set-asides.\n"
	"\n"
	"exit status: 0 right, 1 something is wrong in the text, 2 wrong usage\n";

static int take_option(void *opaque, int c, char *arg)
{
	struct options *opt = opaque;
	struct hvcma_text_error err;

	if (c == 'j')
		opt->json = true;
	else if (hvcma_region_text_amount(arg, &opt->ram_bytes, &err) || !opt->ram_bytes)
		return hvcma_usage_error("--ram is a size such as 16G, not %s", arg);
	return 0;
}

static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "ram", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int ret;

	*opt = (struct options){ 0 };
	ret = hvcma_options("regions", argc, argv, "h", longs, help, take_option, opt);
	if (ret)
		return ret;
	if (optind == argc)
		return hvcma_usage_error("'check' is missing");
	if (strcmp(argv[optind], "check"))
		return hvcma_usage_error("unknown action %s", argv[optind]);
	if (optind + 1 == argc)
		return hvcma_usage_error("the text is missing");
	if (optind + 2 < argc)
		return hvcma_usage_error("unexpected argument %s", argv[optind + 2]);
	opt->text = argv[optind + 1];
	return 0;
}

/* "hvcma regions: WHAT" with the text and a mark under the place. */
static int complain(const char *text, const struct hvcma_slice *at, const char *what)
{
	size_t offset = (size_t)(at->text - text);

	fprintf(stderr, "hvcma regions: %s at byte %zu\n  %s\n  %*s^", what, offset, text,
		(int)offset, "");
	for (size_t i = 1; i < at->bytes; i++)
		fputc('~', stderr);
	fputc('\n', stderr);
	return HVCMA_EXIT_FAILED;
}

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
static bool shares_client(const struct hvcma_region_text *e,
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

static int check_meaning(const char *text, const struct entry *entries, size_t nr)
{
	struct hvcma_slice client;

	for (size_t i = 0; i < nr; i++) {
		const struct hvcma_region_text *e = &entries[i].text;
		const struct entry *region = region_of(entries, nr, &e->name);
		uint64_t aside = 0;

		if (!e->clients.bytes && region != &entries[i])
			return complain(text, &e->name, "region is declared twice");
		for (size_t j = 0; j <= i; j++)
			if (e->clients.bytes && shares_client(e, &entries[j].text, &client))
				return complain(text, &client, "client has that kind twice");
		if (e->clients.bytes)
			continue;
		for (size_t j = 0; j < nr && region->bytes_known; j++) {
			const struct entry *other = &entries[j];

			if (!other->text.clients.bytes || !other->bytes_known ||
			    !hvcma_slice_equal(&other->text.name, &e->name))
				continue;
			if (other->bytes > region->bytes - aside)
				return complain(text, &other->text.size.text,
						"more is set aside than the region has");
			aside += other->bytes;
		}
	}
	return HVCMA_EXIT_OK;
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
	puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY));
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
			ret = complain(opt.text, &err.slice, err.sentence);
			goto out;
		}
		e->bytes_known = !hvcma_region_text_bytes(&e->text.size, opt.ram_bytes, &e->bytes);
	}
	ret = check_meaning(opt.text, entries, nr);
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
