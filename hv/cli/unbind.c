// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma unbind: takes a PCI device from VFIO and gives it back to the host. See bind.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/cli/options.h"
#include "hv/cli/steps.h"
#include "hv/cli/text.h"
#include "hv/host/host_bind.h"

static const char help[] =
	"usage: hvcma unbind [OPTION...] DEVICE\n"
	"\n"
	"Take a PCI device from VFIO, and give it back to the driver that had it: everything that\n"
	"hvcma bind did is undone, at boot (--persist), too. One that a virtual machine has is refused.\n"
	"\n"
	"  DEVICE            0000:01:00.0; a platform device by name, or by its node, which has a '/'\n"
	"  -n, --dry-run     show what would be done\n"
	"      --root DIR    of another host, in a folder: for --dry-run\n"
	"  -j, --json        as JSON\n"
	"  -h, --help        this text\n";

struct request {
	const char *root;
	bool dry_run, json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
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

static int unbind_device(const struct request *r, const struct hvcma_pci *pci, struct hvcma_steps *steps)
{
	const struct hvcma_host_job job = {
		.root = r->root, .dry_run = r->dry_run, .say = hvcma_steps_say, .opaque = steps,
	};
	struct json_object *all;
	struct hvcma_error err;
	struct hvcma_pci now;

	/* The kernel would wait, for as long as it takes. */
	if (!strcmp(pci->driver, hvcma_vfio_driver(pci)) && hvcma_pci_use(r->root, pci, &err)) {
		hvcma_failed(err.text);
		return HVCMA_EXIT_FAILED;
	}
	if (hvcma_bind_forget(&job, pci, &err) || hvcma_unbind(&job, pci, &err) ||
	    hvcma_device_read(r->root, pci->name, &now, &err))
		return hvcma_failed(err.text);
	if (r->json) {
		all = json_object_new_object();
		json_object_object_add(all, "device", json_object_new_string(now.name));
		json_object_object_add(all, "driver-before", json_object_new_string(pci->driver));
		json_object_object_add(all, "driver", json_object_new_string(now.driver));
		json_object_object_add(all, "steps", json_object_get(steps->list));
		hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
		json_object_put(all);
	} else if (!r->dry_run) {
		printf("%s is the host's: %s%s\n", now.name, *now.driver ? "driver " : "no driver has it", now.driver);
	}
	return HVCMA_EXIT_OK;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "root", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request r = { .root = "" };
	struct hvcma_steps steps = { 0 };
	struct hvcma_pci pci;
	struct hvcma_error err;
	int ret = hvcma_options("unbind", argc, argv, "njh", longs, help, take_option, &r);

	if (ret)
		return ret;
	if (optind + 1 != argc)
		return hvcma_usage_error("one device is needed: 0000:01:00.0");
	if (*r.root && !r.dry_run)
		return hvcma_usage_error("--root is another host's: only what would be done can be shown (--dry-run)");
	ret = hvcma_device_read(r.root, argv[optind], &pci, &err);
	if (ret) {
		hvcma_failed(err.text);
		return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_USAGE;
	}
	ret = r.dry_run ? 0 : hvcma_need_root(r.root);
	if (ret)
		return ret;
	steps.dry_run = r.dry_run;
	steps.list = r.json ? json_object_new_array() : NULL;
	ret = unbind_device(&r, &pci, &steps);
	json_object_put(steps.list);
	return ret;
}

const struct hvcma_command hvcma_command_unbind = {
	.name = "unbind",
	.summary = "give a device back to the host",
	.run = run,
};
