// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma hugepages: shows the kernel's pools of hugepages, makes them larger, now and at boot, and what they
 * were (hv/host/host_pool.h); and adds hugepages below an address (hv/host/low_hugepages.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "hv/cli/fdt.h"
#include "hv/cli/size_text.h"
#include "hv/cli/steps.h"
#include "hv/cli/text.h"
#include "hv/host/host_pool.h"
#include "hv/host/low_hugepages.h"

#define MIB		(UINT64_C(1) << 20)
#define DEFAULT_LIMIT	(UINT64_C(1) << 32)

static const char help[] =
	"usage: hvcma hugepages [--json]\n"
	"       hvcma hugepages --add SIZE [--page SIZE] [--node N] [--persist] [OPTION...]\n"
	"       hvcma hugepages --low SIZE [--limit ADDRESS] [--page SIZE] [--spare SIZE] [--json]\n"
	"       hvcma hugepages --undo [OPTION...]\n"
	"\n"
	"Show the kernel's pools of hugepages, of which regions are made; add hugepages, of any address, or\n"
	"below 4 GiB, for devices with 32 address bits (property low of virtio-cma); or take away, now and at\n"
	"boot, what was added. As root, while memory is free: at boot.\n"
	"\n"
	"  -a, --add SIZE        how much\n"
	"      --low SIZE        how much, below an address\n"
	"      --limit ADDRESS   below this host-physical address (default: 4G)\n"
	"      --page SIZE       of the hugepages (default: 2M)\n"
	"      --node N          of this NUMA node (default: wherever the kernel takes them)\n"
	"      --persist         at each boot, too: a file in tmpfiles.d\n"
	"      --spare SIZE      what others are left meanwhile: with --low the pool grows into nearly all\n"
	"                        memory for a moment (default: 512M)\n"
	"      --undo            take away what --add and --persist added\n"
	"  -n, --dry-run         show what would be done, of --add and --undo\n"
	"      --root DIR        of another host, in a folder: to show, and for --dry-run\n"
	"  -j, --json            as JSON\n"
	"  -h, --help            this text\n";

static atomic_bool stop;

struct request {
	const char *root;
	uint64_t low_bytes, add_bytes, node;
	bool has_node, persist, undo, dry_run;
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
	case 'a':
		value = &r->add_bytes;
		break;
	case 'N':
		r->has_node = true;
		value = &r->node;
		break;
	case 'P':
		r->persist = true;
		return 0;
	case 'u':
		r->undo = true;
		return 0;
	case 'n':
		r->dry_run = true;
		return 0;
	case 'r':
		r->root = arg;
		return 0;
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
		return hvcma_usage_error("'%s' is no %s", arg, c == 'N' ? "node: 0" : "size: 64M, 0x4000000");
	return 0;
}

/* ---- below an address ---- */

static void on_signal(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

static void print_low_json(const struct request *r, const struct hvcma_low_result *result)
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

static void print_low_text(const struct request *r, const struct hvcma_low_result *result)
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

static int add_low(struct request *r)
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
	(r->json ? print_low_json : print_low_text)(r, &result);
	return result.nr < r->low.nr ? too_few(&result) : HVCMA_EXIT_OK;
}

/* ---- pools ---- */

static int print_pool(const struct hvcma_pool *pool, void *opaque)
{
	struct json_object *list = opaque, *one;

	if (list) {
		one = json_object_new_object();
		json_object_object_add(one, "page-bytes", json_object_new_uint64(pool->page_bytes));
		if (pool->node != HVCMA_ALL_NODES)
			json_object_object_add(one, "node", json_object_new_int(pool->node));
		json_object_object_add(one, "total", json_object_new_uint64(pool->total));
		json_object_object_add(one, "free", json_object_new_uint64(pool->free));
		json_object_array_add(list, one);
	} else if (pool->node == HVCMA_ALL_NODES) {
		printf("%-8s %8" PRIu64 " pages, %8" PRIu64 " free: %s\n", size_text(pool->page_bytes).text, pool->total,
		       pool->free, size_text(pool->free * pool->page_bytes).text);
	} else {
		printf("  node %-3d%7" PRIu64 " pages, %8" PRIu64 " free: %s\n", pool->node, pool->total, pool->free,
		       size_text(pool->free * pool->page_bytes).text);
	}
	return 0;
}

/* All pools, and what was done to them. */
static int print_pools(const struct request *r, struct json_object *steps)
{
	struct json_object *all = NULL, *list = NULL;
	int ret;

	if (r->json) {
		all = json_object_new_object();
		list = json_object_new_array();
		json_object_object_add(all, "pools", list);
		if (steps)
			json_object_object_add(all, "steps", json_object_get(steps));
	}
	ret = hvcma_pools_each(r->root, print_pool, list);
	if (!ret && all)
		hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
	return ret ? hvcma_failed("this kernel has no hugepages (CONFIG_HUGETLBFS)") : HVCMA_EXIT_OK;
}

static int add(const struct request *r, const struct hvcma_host_job *job)
{
	uint64_t page_bytes = r->low.page_bytes, nr = r->add_bytes / page_bytes, before;
	struct hvcma_pool pool;
	struct hvcma_error err;

	if (hvcma_pool_read(r->root, page_bytes, r->has_node ? (int)r->node : HVCMA_ALL_NODES, &pool, &err))
		return hvcma_failed(err.text);
	before = pool.total;
	if (hvcma_pool_add(job, &pool, nr, &err))
		return hvcma_failed(err.text);
	if (job->dry_run)
		pool.total += nr;
	if (r->persist && hvcma_pool_persist(job, &pool, &err))
		return hvcma_failed(err.text);
	if (pool.total >= before + nr)
		return HVCMA_EXIT_OK;
	hvcma_error_set(&err, "%" PRIu64 " of %" PRIu64 " hugepages were added: memory is short, or fragmented; at boot there is more",
			pool.total - before, nr);
	return hvcma_failed(err.text);
}

static int change(const struct request *r)
{
	struct hvcma_steps steps = { .dry_run = r->dry_run };
	const struct hvcma_host_job job = {
		.root = r->root, .dry_run = r->dry_run, .say = hvcma_steps_say, .opaque = &steps,
	};
	struct hvcma_error err;
	int ret = r->dry_run ? 0 : hvcma_need_root(r->root);

	if (ret)
		return ret;
	steps.list = r->json ? json_object_new_array() : NULL;
	if (!r->undo)
		ret = add(r, &job);
	else if (hvcma_pools_undo(&job, &err))
		ret = hvcma_failed(err.text);
	if (!r->dry_run || r->json) {
		int shown = print_pools(r, steps.list);

		ret = ret ? ret : shown;
	}
	json_object_put(steps.list);
	return ret;
}

static int check_request(const struct request *r)
{
	uint64_t bytes = r->low_bytes ? r->low_bytes : r->add_bytes;

	if (!!r->low_bytes + !!r->add_bytes + r->undo > 1)
		return hvcma_usage_error("--add, --low and --undo are three things");
	if (*r->root && !r->dry_run && (bytes || r->undo))
		return hvcma_usage_error("--root is another host's: only what would be done can be shown (--dry-run)");
	if ((r->persist || r->has_node) && !r->add_bytes)
		return hvcma_usage_error("--persist and --node need --add");
	if (r->low_bytes && r->dry_run)
		return hvcma_usage_error("what --low would get is known when it is done: no --dry-run");
	if (r->has_node && r->node > 1023)
		return hvcma_usage_error("no NUMA node has the number %" PRIu64, r->node);
	if (!r->low.page_bytes || bytes % r->low.page_bytes)
		return hvcma_usage_error("--%s is no whole number of pages of %" PRIu64 " bytes", r->low_bytes ? "low" : "add",
					 r->low.page_bytes);
	return 0;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "add", required_argument, NULL, 'a' },
		{ "low", required_argument, NULL, 'l' },
		{ "limit", required_argument, NULL, 'm' },
		{ "page", required_argument, NULL, 'p' },
		{ "node", required_argument, NULL, 'N' },
		{ "persist", no_argument, NULL, 'P' },
		{ "spare", required_argument, NULL, 's' },
		{ "undo", no_argument, NULL, 'u' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "root", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request r = {
		.root = "", .low = { .page_bytes = 2 * MIB, .limit = DEFAULT_LIMIT, .spare_bytes = 512 * MIB },
	};
	int ret = hvcma_options("hugepages", argc, argv, "a:njh", longs, help, take_option, &r);

	if (ret)
		return ret;
	if (optind < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind]);
	ret = check_request(&r);
	if (ret)
		return ret;
	if (r.low_bytes) {
		r.low.nr = r.low_bytes / r.low.page_bytes;
		return add_low(&r);
	}
	return r.add_bytes || r.undo ? change(&r) : print_pools(&r, NULL);
}

const struct hvcma_command hvcma_command_hugepages = {
	.name = "hugepages",
	.summary = "show the kernel's hugepages, and add some",
	.run = run,
};
