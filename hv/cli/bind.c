// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma bind: gives a PCI or platform device without IOMMU to VFIO. What is done and undone is hv/host/host_bind.h's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hv/cli/bind.h"
#include "hv/cli/options.h"
#include "hv/cli/steps.h"
#include "hv/cli/text.h"
#include "hv/host/host_bind.h"

static const char help[] =
	"usage: hvcma bind [OPTION...] DEVICE\n"
	"\n"
	"Give a device that has no IOMMU to VFIO, for a guest: load vfio-pci or vfio-platform, switch the\n"
	"unsafe no-IOMMU mode on, and have it take the device. All of it or nothing; hvcma unbind undoes it.\n"
	"What the host uses is refused: mounted disks, network interfaces with a route.\n"
	"\n"
	"  DEVICE            0000:01:00.0; a platform device by name, fe650000.codec, or node, /soc/codec@fe650000\n"
	"  -y, --yes         do not ask: a guest with the device can write anywhere in host memory\n"
	"      --force       even if the host uses it\n"
	"      --persist     at each boot, too: a rule for udev, files in modprobe.d and modules-load.d\n"
	"  -n, --dry-run     show what would be done\n"
	"      --root DIR    of another host, in a folder: for --dry-run\n"
	"  -j, --json        as JSON\n"
	"  -h, --help        this text\n";

struct request {
	const char *root;
	bool yes, force, persist, dry_run, json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
	case 'y':
		r->yes = true;
		break;
	case 'f':
		r->force = true;
		break;
	case 'p':
		r->persist = true;
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

bool hvcma_bind_is_done(const struct hvcma_pci *pci)
{
	return pci->is_noiommu_group && !strcmp(pci->driver, hvcma_vfio_driver(pci));
}

const char *hvcma_program_path(void)
{
	static char program[PATH_MAX];
	ssize_t bytes = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[bytes > 0 ? bytes : 0] = '\0';
	return program;
}

int hvcma_bind_judge(const char *root, const struct hvcma_pci *pci, bool force)
{
	struct hvcma_error why, err;

	if (hvcma_pci_has_iommu(pci)) {
		hvcma_error_set(&err, "%s needs no hvcma: an IOMMU protects it (group %s). Pass it through in the ordinary way: libvirt's <hostdev managed='yes'>, or driverctl set-override %s vfio-pci",
				pci->name, pci->group, pci->name);
		return hvcma_failed(err.text);
	}
	if (pci->class >> 16 == HVCMA_PCI_CLASS_BRIDGE) {
		hvcma_error_set(&err, "%s is a bridge: the devices behind it are what is passed through", pci->name);
		return hvcma_failed(err.text);
	}
	if (force || hvcma_bind_is_done(pci) || !hvcma_pci_use(root, pci, &why))
		return 0;
	hvcma_error_set(&err, "%s is in use: %.250s (--force does it nevertheless)", pci->name, why.text);
	return hvcma_failed(err.text);
}

/* Return: 0, or an exit value, said. */
static int may(const struct request *r, const struct hvcma_pci *pci)
{
	char unsafe[256];
	int ret = hvcma_bind_judge(r->root, pci, r->force);

	if (ret || r->dry_run || hvcma_bind_is_done(pci))
		return ret;
	snprintf(unsafe, sizeof(unsafe), "%s has no IOMMU: a guest that it is passed to can read and write all of this host's memory.",
		 pci->name);
	return hvcma_confirm(unsafe, r->yes);
}

static void print_json(const struct hvcma_pci *before, const struct hvcma_pci *now, struct json_object *steps)
{
	struct json_object *all = json_object_new_object();
	char file[64] = "";

	if (now->is_noiommu_group)
		snprintf(file, sizeof(file), "/dev/vfio/noiommu-%s", now->group);
	json_object_object_add(all, "device", json_object_new_string(now->name));
	json_object_object_add(all, "driver-before", json_object_new_string(before->driver));
	json_object_object_add(all, "driver", json_object_new_string(now->driver));
	json_object_object_add(all, "file", json_object_new_string(file));
	json_object_object_add(all, "steps", json_object_get(steps));
	hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
}

static void print_text(const struct hvcma_pci *now, bool was_bound)
{
	printf("%s is VFIO's%s: /dev/vfio/noiommu-%s; ", now->name, was_bound ? " already" : "", now->group);
	if (strcmp(now->bus, "platform"))
		printf("hvcma run %s prints a command line for QEMU\n", now->name);
	else
		printf("-device vfio-platform-noiommu,host=%s,id=ID gives it to a guest\n", now->name);
}

static int bind_device(const struct request *r, const struct hvcma_pci *pci, struct hvcma_steps *steps)
{
	const struct hvcma_host_job job = {
		.root = r->root, .dry_run = r->dry_run, .say = hvcma_steps_say, .opaque = steps,
	};
	bool is_bound = hvcma_bind_is_done(pci);
	struct hvcma_error err, ignored;
	struct hvcma_pci now;

	if (hvcma_bind(&job, pci, &err))
		return hvcma_failed(err.text);
	if (r->persist && hvcma_bind_persist(&job, pci, hvcma_program_path(), &err)) {
		if (!is_bound)
			hvcma_unbind(&job, pci, &ignored);
		return hvcma_failed(err.text);
	}
	if (hvcma_device_read(r->root, pci->name, &now, &err))
		return hvcma_failed(err.text);
	if (r->json)
		print_json(pci, &now, steps->list);
	else if (!r->dry_run)
		print_text(&now, is_bound);
	return HVCMA_EXIT_OK;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "force", no_argument, NULL, 'f' },
		{ "persist", no_argument, NULL, 'p' },
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
	int ret = hvcma_options("bind", argc, argv, "ynjh", longs, help, take_option, &r);

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
	if (r.persist && strcmp(pci.bus, "pci"))
		return hvcma_usage_error("--persist is for PCI devices, and %s is a platform device", pci.name);
	ret = r.dry_run ? 0 : hvcma_need_root(r.root);
	if (!ret)
		ret = may(&r, &pci);
	if (ret)
		return ret;
	steps.dry_run = r.dry_run;
	steps.list = r.json ? json_object_new_array() : NULL;
	ret = bind_device(&r, &pci, &steps);
	json_object_put(steps.list);
	return ret;
}

const struct hvcma_command hvcma_command_bind = {
	.name = "bind",
	.summary = "give a device without IOMMU to VFIO, for a guest",
	.run = run,
};
