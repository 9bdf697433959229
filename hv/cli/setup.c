// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma setup: makes a host ready for guests that get these devices: what hvcma hugepages and hvcma bind do,
 * now and at boot, in one go; and undoes it. What is done already is left, so it can be run again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/cli/bind.h"
#include "hv/cli/fdt.h"
#include "hv/cli/options.h"
#include "hv/cli/steps.h"
#include "hv/cli/text.h"
#include "hv/host/host_bind.h"
#include "hv/host/host_check.h"
#include "hv/host/host_pool.h"

#define MIB		(UINT64_C(1) << 20)
#define MAX_DEVICES	16

static const char help[] =
	"usage: hvcma setup [OPTION...] DEVICE...\n"
	"       hvcma setup --undo [OPTION...] DEVICE...\n"
	"\n"
	"Make this host ready for a guest with these devices, now and at each boot: hugepages for its region,\n"
	"the devices in the hands of VFIO. It looks first whether the host can do it at all, as hvcma check\n"
	"does, shows what it will do, and asks. What is done already is left: it can be run again.\n"
	"\n"
	"  DEVICE            0000:01:00.0\n"
	"      --size SIZE   free hugepages that there are to be (default: 512M)\n"
	"      --page SIZE   of the hugepages (default: 2M)\n"
	"      --once        until the next boot only\n"
	"      --force       even if the host uses a device\n"
	"      --undo        give the devices back, and take the hugepages away that were added\n"
	"  -y, --yes         do not ask: a guest with the devices can write anywhere in host memory\n"
	"  -n, --dry-run     show what would be done\n"
	"      --root DIR    of another host, in a folder: for --dry-run\n"
	"  -j, --json        as JSON\n"
	"  -h, --help        this text\n";

struct request {
	const char *root;
	uint64_t bytes, page_bytes;
	struct hvcma_pci device[MAX_DEVICES];
	size_t nr_devices;
	bool once, force, undo, yes, dry_run, json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
	case 's':
	case 'p':
		if (!hvcma_fdt_number(arg, c == 's' ? &r->bytes : &r->page_bytes))
			return hvcma_usage_error("'%s' is no size: 64M, 0x4000000", arg);
		break;
	case 'o':
		r->once = true;
		break;
	case 'f':
		r->force = true;
		break;
	case 'u':
		r->undo = true;
		break;
	case 'y':
		r->yes = true;
		break;
	case 'n':
		r->dry_run = true;
		break;
	case 'r':
		r->root = arg;
		break;
	default:
		r->json = true;
	}
	return 0;
}

/* What the host lacks that this can't give it. */
static int judge_host(const struct request *r)
{
	static struct hvcma_host_findings all;
	bool is_missing = false;
	struct hvcma_error err;

	hvcma_check_host(r->root, NULL, &all);
	for (uint32_t i = 0; i < all.nr; i++) {
		const struct hvcma_host_finding *f = &all.list[i];

		if (f->level != HVCMA_FAIL || !strcmp(f->name, "hugepages"))
			continue;
		hvcma_error_set(&err, "%.150s: %.200s", f->text, f->fix);
		hvcma_failed(err.text);
		is_missing = true;
	}
	return is_missing ? HVCMA_EXIT_FINDINGS : 0;
}

/* ---- doing it ---- */

static int add_hugepages(const struct request *r, const struct hvcma_host_job *job, struct hvcma_error *err)
{
	uint64_t wanted = r->bytes / r->page_bytes, missing;
	struct hvcma_pool pool;
	int ret = hvcma_pool_read(r->root, r->page_bytes, HVCMA_ALL_NODES, &pool, err);

	if (ret)
		return ret;
	missing = pool.free < wanted ? wanted - pool.free : 0;
	if (missing)
		ret = hvcma_pool_add(job, &pool, missing, err);
	if (ret)
		return ret;
	if (!job->dry_run && pool.free < wanted) {
		hvcma_error_set(err, "%" PRIu64 " of %" PRIu64 " hugepages are free: memory is short, or fragmented; at boot there is more",
				pool.free, wanted);
		return -ENOMEM;
	}
	pool.total += job->dry_run ? missing : 0;
	return missing && !r->once ? hvcma_pool_persist(job, &pool, err) : 0;
}

static int bind_all(const struct request *r, const struct hvcma_host_job *job, struct hvcma_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->nr_devices && !ret; i++) {
		ret = hvcma_bind(job, &r->device[i], err);
		if (!ret && !r->once)
			ret = hvcma_bind_persist(job, &r->device[i], hvcma_program_path(), err);
	}
	return ret;
}

static int undo_all(const struct request *r, const struct hvcma_host_job *job, struct hvcma_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->nr_devices && !ret; i++) {
		ret = hvcma_bind_forget(job, &r->device[i], err);
		if (!ret)
			ret = hvcma_unbind(job, &r->device[i], err);
	}
	return ret ? ret : hvcma_pools_undo(job, err);
}

static int act(const struct request *r, bool dry_run, struct json_object *list, struct hvcma_error *err)
{
	struct hvcma_steps steps = { .list = list, .dry_run = dry_run };
	const struct hvcma_host_job job = {
		.root = r->root, .dry_run = dry_run, .say = hvcma_steps_say, .opaque = &steps,
	};
	int ret;

	if (r->undo)
		return undo_all(r, &job, err);
	ret = add_hugepages(r, &job, err);
	return ret ? ret : bind_all(r, &job, err);
}

static void print_json(const struct request *r, struct json_object *steps)
{
	struct json_object *all = json_object_new_object(), *devices = json_object_new_array();

	for (size_t i = 0; i < r->nr_devices; i++)
		json_object_array_add(devices, json_object_new_string(r->device[i].name));
	json_object_object_add(all, "devices", devices);
	json_object_object_add(all, "steps", json_object_get(steps));
	hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
}

static int do_all(const struct request *r)
{
	struct json_object *list = r->json ? json_object_new_array() : NULL;
	struct hvcma_error err;
	int ret = 0;

	/* What will be done is shown to whoever is asked. */
	if (!r->dry_run && !r->yes && !r->undo) {
		if (act(r, true, NULL, &err))
			ret = hvcma_failed(err.text);
		else
			ret = hvcma_confirm("A guest with these devices can read and write all of this host's memory.", false);
	}
	if (!ret && act(r, r->dry_run, list, &err))
		ret = hvcma_failed(err.text);
	if (list && !ret)
		print_json(r, list);
	else if (!ret && !r->dry_run)
		puts(r->undo ? "undone" : "ready: hvcma run --print shows how to start a guest");
	json_object_put(list);
	return ret;
}

/* ---- what is asked for ---- */

static int take_device(struct request *r, const char *name)
{
	struct hvcma_pci *pci = &r->device[r->nr_devices];
	struct hvcma_error err;
	int ret;

	if (r->nr_devices == MAX_DEVICES)
		return hvcma_usage_error("%d devices at most", MAX_DEVICES);
	ret = hvcma_pci_read(r->root, name, pci, &err);
	if (ret) {
		hvcma_failed(err.text);
		return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_USAGE;
	}
	r->nr_devices++;
	if (!r->undo)
		return hvcma_bind_judge(r->root, pci, r->force);
	/* The kernel would wait, for as long as it takes. */
	if (hvcma_bind_is_done(pci) && hvcma_pci_use(r->root, pci, &err))
		return hvcma_failed(err.text);
	return 0;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "size", required_argument, NULL, 's' },
		{ "page", required_argument, NULL, 'p' },
		{ "once", no_argument, NULL, 'o' },
		{ "force", no_argument, NULL, 'f' },
		{ "undo", no_argument, NULL, 'u' },
		{ "yes", no_argument, NULL, 'y' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "root", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct request r;
	int ret;

	r = (struct request){ .root = "", .bytes = 512 * MIB, .page_bytes = 2 * MIB };
	ret = hvcma_options("setup", argc, argv, "ynjh", longs, help, take_option, &r);
	if (ret)
		return ret;
	if (optind == argc)
		return hvcma_usage_error("a device is needed: 0000:01:00.0");
	if (*r.root && !r.dry_run)
		return hvcma_usage_error("--root is another host's: only what would be done can be shown (--dry-run)");
	if (!r.page_bytes || r.bytes % r.page_bytes)
		return hvcma_usage_error("--size is no whole number of pages of %" PRIu64 " bytes", r.page_bytes);
	for (int i = optind; i < argc && !ret; i++)
		ret = take_device(&r, argv[i]);
	if (!ret && !r.dry_run)
		ret = hvcma_need_root(r.root);
	if (!ret && !r.undo)
		ret = judge_host(&r);
	return ret ? ret : do_all(&r);
}

const struct hvcma_command hvcma_command_setup = {
	.name = "setup",
	.summary = "make this host ready for a guest with devices without IOMMU, and undo it",
	.run = run,
};
