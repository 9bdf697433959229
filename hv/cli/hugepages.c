// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma hugepages: adds hugepages below an address to the kernel's pool. How is in
 * hv/host/low_hugepages.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "hv/cli/fdt.h"
#include "hv/cli/size_text.h"
#include "hv/cli/text.h"
#include "hv/host/low_hugepages.h"

#define MIB		(UINT64_C(1) << 20)
#define DEFAULT_LIMIT	(UINT64_C(1) << 32)

static const char help[] =
	"usage: hvcma hugepages --low SIZE [OPTION...]\n"
	"\n"
	"Add hugepages to the kernel's pool that lie below 4 GiB, for devices with 32 address bits\n"
	"(property low of virtio-cma). As root, while memory is free: at boot.\n"
	"\n"
	"      --low SIZE        how much\n"
	"      --limit ADDRESS   below this host-physical address (default: 4G)\n"
	"      --page SIZE       of the hugepages (default: 2M)\n"
	"      --spare SIZE      what others are left meanwhile: the pool grows into nearly all\n"
	"                        memory for a moment (default: 512M)\n"
	"  -j, --json            as JSON\n"
	"  -h, --help            this text\n";

static atomic_bool stop;

struct request {
	uint64_t low_bytes;
	struct hvcma_low_request low;
	bool json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;
	uint64_t *value;

	switch (c) {
	case 'l':
		value = &r->low_bytes;
		break;
	case 'm':
		value = &r->low.limit;
		break;
	case 'p':
		value = &r->low.page_bytes;
		break;
	case 's':
		value = &r->low.spare_bytes;
		break;
	default:
		r->json = true;
		return 0;
	}
	if (!hvcma_fdt_number(arg, value))
		return hvcma_usage_error("'%s' is no size: 64M, 0x4000000", arg);
	return 0;
}

static void on_signal(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

static void print_json(const struct request *r, const struct hvcma_low_result *result)
{
	struct json_object *all = json_object_new_object();

	json_object_object_add(all, "page-bytes", json_object_new_uint64(r->low.page_bytes));
	json_object_object_add(all, "limit", json_object_new_uint64(r->low.limit));
	json_object_object_add(all, "wanted", json_object_new_uint64(r->low.nr));
	json_object_object_add(all, "added", json_object_new_uint64(result->nr));
	json_object_object_add(all, "pool-before", json_object_new_uint64(result->pool_before));
	json_object_object_add(all, "pool-after", json_object_new_uint64(result->pool_after));
	json_object_object_add(all, "pool-most", json_object_new_uint64(result->pool_most));
	json_object_object_add(all, "short-of-memory", json_object_new_boolean(result->is_short_of_memory));
	hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
}

static void print_text(const struct request *r, const struct hvcma_low_result *result)
{
	printf("%" PRIu64 " of %" PRIu64 " hugepages of %s below 0x%" PRIx64 " added; the pool has %" PRIu64
	       " (before: %" PRIu64 ", meanwhile: %" PRIu64 ")\n", result->nr, r->low.nr,
	       size_text(r->low.page_bytes).text, r->low.limit, result->pool_after, result->pool_before,
	       result->pool_most);
}

static int too_few(const struct hvcma_low_result *result)
{
	return hvcma_failed(result->is_short_of_memory ?
			    "fewer than wanted: memory that is free was used up, or had to be spared, before memory below that address came; at boot there is more" :
			    "fewer than wanted: there is no more memory below that address that is free");
}

static int add(struct request *r)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct hvcma_low_result result;
	struct hvcma_error err = { "" };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	r->low.stop = &stop;
	if (hvcma_low_hugepages_add(&r->low, &result, &err))
		return hvcma_failed(err.text);
	(r->json ? print_json : print_text)(r, &result);
	return result.nr < r->low.nr ? too_few(&result) : HVCMA_EXIT_OK;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "low", required_argument, NULL, 'l' },
		{ "limit", required_argument, NULL, 'm' },
		{ "page", required_argument, NULL, 'p' },
		{ "spare", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request r = {
		.low = { .page_bytes = 2 * MIB, .limit = DEFAULT_LIMIT, .spare_bytes = 512 * MIB },
	};
	int ret = hvcma_options("hugepages", argc, argv, "jh", longs, help, take_option, &r);

	if (ret)
		return ret;
	if (optind < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind]);
	if (!r.low_bytes)
		return hvcma_usage_error("--low SIZE is needed");
	if (!r.low.page_bytes || r.low_bytes % r.low.page_bytes)
		return hvcma_usage_error("--low is no whole number of pages of %" PRIu64 " bytes", r.low.page_bytes);
	r.low.nr = r.low_bytes / r.low.page_bytes;
	return add(&r);
}

const struct hvcma_command hvcma_command_hugepages = {
	.name = "hugepages",
	.summary = "add hugepages below 4 GiB to the kernel's pool",
	.run = run,
};
