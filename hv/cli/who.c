// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma who: whose a host-physical address is: virtual machine, region, granule, block.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hv/cli/fdt.h"
#include "hv/cli/json_get.h"
#include "hv/cli/options.h"
#include "hv/cli/report.h"
#include "hv/cli/sources.h"
#include "hv/cli/text.h"

#define MAX_ADDRESSES	64

static const char help[] =
	"usage: hvcma who --qmp SOCKET | --xen [OPTION...] ADDRESS...\n"
	"\n"
	"Tell whose a host-physical address is, as it is in a fault report of a device or of the host's\n"
	"memory: virtual machine, region, address in the guest, and the block it lies in, for whom.\n"
	"\n"
	"  ADDRESS           0x12345000\n"
	"      --qmp SOCKET  QEMU's QMP unix socket; once for each virtual machine\n"
	"      --xen         domains of Xen, in its control domain (hvcma-xen)\n"
	"      --timeout SECONDS  how long to wait for each answer (default 10)\n"
	"  -j, --json        as JSON\n"
	"  -h, --help        this text\n"
	"\n"
	"exit status: 0 all are found, 1 no connection or no answer, 2 wrong usage, 3 one is of no region\n";

struct request {
	struct hvcma_sources sources;
	bool json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	if (c != 'j')
		return hvcma_sources_option(&r->sources, c, arg);
	r->json = true;
	return 0;
}

/* The block that a granule is in; NULL: none. */
static struct json_object *block_of(struct json_object *report, uint64_t gpa)
{
	struct json_object *region = json_member(report, "region"), *blocks = json_member(report, "blocks");
	uint64_t granule_bytes = json_number(region, "granule-bytes");

	for (size_t i = 0; i < json_length(blocks); i++) {
		struct json_object *b = json_object_array_get_idx(blocks, i);
		uint64_t base = hvcma_report_gpa(region, json_number(b, "first"));

		if (gpa >= base && gpa - base < json_number(b, "nr") * granule_bytes)
			return b;
	}
	return NULL;
}

/* Return: an object, the caller's; NULL: it is not of this region. */
static struct json_object *find_in(struct json_object *entry, uint64_t address)
{
	struct json_object *report = json_member(entry, "report"), *region = json_member(report, "region"),
			   *extents = json_member(report, "extents"), *found, *block;

	/* Of a region with guest-physical addresses nobody is told where it is. */
	if (!json_truth(region, "unsafe-noiommu"))
		return NULL;
	for (size_t i = 0; i < json_length(extents); i++) {
		struct json_object *e = json_object_array_get_idx(extents, i);
		uint64_t base = json_number(e, "base-dma"), gpa;

		if (address < base || address - base >= json_number(e, "bytes"))
			continue;
		gpa = json_number(e, "base-gpa") + (address - base);
		block = block_of(report, gpa);
		found = json_object_new_object();
		json_object_object_add(found, "address", json_object_new_uint64(address));
		json_object_object_add(found, "vm", json_object_get(json_member(entry, "vm")));
		json_object_object_add(found, "device", json_object_get(json_member(entry, "device")));
		json_object_object_add(found, "region", json_object_new_string(json_string(region, "name")));
		json_object_object_add(found, "gpa", json_object_new_uint64(gpa));
		json_object_object_add(found, "client", json_object_new_string(block ? json_string(block, "client") : ""));
		json_object_object_add(found, "purpose", json_object_new_string(block ? json_string(block, "purpose") : ""));
		return found;
	}
	return NULL;
}

static struct json_object *find(struct json_object *list, uint64_t address)
{
	struct json_object *found = NULL;

	for (size_t i = 0; i < json_length(list) && !found; i++)
		found = find_in(json_object_array_get_idx(list, i), address);
	return found;
}

static void print_found(struct json_object *found)
{
	struct json_object *f = hvcma_json_printable(found);
	const char *purpose = json_string(f, "purpose");

	printf("0x%" PRIx64 ": %s, region %s (%s), gpa 0x%" PRIx64 ", ", json_number(f, "address"), json_string(f, "vm"),
	       json_string(f, "region"), json_string(f, "device"), json_number(f, "gpa"));
	if (*purpose)
		printf("allocated%s%s (%s)\n", *json_string(f, "client") ? " for " : "", json_string(f, "client"), purpose);
	else
		puts("in no block");
	json_object_put(f);
}

/* Those who don't answer can't be ruled out. Return: how many. */
static int print_errors(struct json_object *list)
{
	int nr = 0;

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *error = json_member(json_object_array_get_idx(list, i), "error");

		if (!error)
			continue;
		hvcma_failed(json_object_get_string(error));
		nr++;
	}
	return nr;
}

static int who(const struct request *r, const uint64_t *address, int nr)
{
	struct json_object *list = hvcma_sources_read(&r->sources), *all = json_object_new_array(), *found;
	int ret = print_errors(list) ? HVCMA_EXIT_FAILED : HVCMA_EXIT_OK;
	struct hvcma_error err;

	for (int i = 0; i < nr; i++) {
		found = find(list, address[i]);
		if (!found) {
			hvcma_error_set(&err, "0x%" PRIx64 " is of no region of these virtual machines", address[i]);
			hvcma_failed(err.text);
			ret = ret ? ret : HVCMA_EXIT_NO_DEVICE;
		} else if (r->json) {
			json_object_array_add(all, found);
		} else {
			print_found(found);
			json_object_put(found);
		}
	}
	if (r->json)
		hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
	json_object_put(list);
	return ret;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "qmp", required_argument, NULL, 'q' },
		{ "xen", no_argument, NULL, 'x' },
		{ "timeout", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request r = { .sources = HVCMA_SOURCES_NONE };
	uint64_t address[MAX_ADDRESSES];
	int nr = 0, ret = hvcma_options("who", argc, argv, "jh", longs, help, take_option, &r);

	if (ret)
		return ret;
	if (!r.sources.nr_qmp && !r.sources.xen)
		return hvcma_usage_error("option --qmp or --xen is missing");
	if (optind == argc || argc - optind > MAX_ADDRESSES)
		return hvcma_usage_error("1 to %d addresses are needed", MAX_ADDRESSES);
	for (int i = optind; i < argc; i++)
		if (!hvcma_fdt_number(argv[i], &address[nr++]))
			return hvcma_usage_error("'%s' is no address: 0x12345000", argv[i]);
	return who(&r, address, nr);
}

const struct hvcma_command hvcma_command_who = {
	.name = "who",
	.summary = "tell whose a host-physical address is",
	.run = run,
};
