// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma windows: what of host-physical memory a device reaches, at which bus addresses, and
 * where that was read. Joins what finds trees (hv/host) with what reads them (fdt). Changes
 * nothing, and asks no QEMU: what a running one uses is in hvcma status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/device_windows.h"
#include "hv/cli/fdt.h"
#include "hv/cli/size_text.h"
#include "hv/cli/text.h"
#include "hv/cli/windows.h"

static const char help[] =
	"usage: hvcma windows [--json] [--sysfs DIR] BDF\n"
	"       hvcma windows [--json] [--sysfs DIR | --dtb FILE] --node PATH\n"
	"\n"
	"Print what of host-physical memory a device of this host reaches, and where on its bus,\n"
	"as property dma-windows of virtio-cma takes it: BUS:MEMORY:SIZE.\n"
	"\n"
	"  BDF               a PCI device, 0000:01:00.0\n"
	"  -n, --node PATH   a platform device or PCI host bridge in the device tree\n"
	"  -d, --dtb FILE    in this tree, not in that of this host\n"
	"  -s, --sysfs DIR   where sysfs is (default: /sys)\n"
	"  -j, --json        as JSON\n"
	"  -h, --help        this text\n";

struct request {
	const char *node, *dtb, *sysfs;
	bool json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
	case 'n':
		r->node = arg;
		break;
	case 'd':
		r->dtb = arg;
		break;
	case 's':
		r->sysfs = arg;
		break;
	default:
		r->json = true;
	}
	return 0;
}

int hvcma_windows_read_tree(const void *blob, size_t bytes, const char *node,
			    struct hvcma_dma_windows *windows, char bus[HVCMA_NODE_PATH_BYTES],
			    struct hvcma_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_error why;
	int ret = hvcma_fdt_device_windows(blob, bytes, node, windows, path, &why);

	if (ret) {
		hvcma_error_set(err, "%s", why.text);
		return ret == -FDT_ERR_NOTFOUND ? -ENOENT : -EINVAL;
	}
	snprintf(bus, HVCMA_NODE_PATH_BYTES, "%s", path);
	return 0;
}

/* Of a tree in a file. Return: an exit value, said. */
static int of_file(const struct request *r, struct hvcma_bus_windows *found)
{
	char bus[HVCMA_NODE_PATH_BYTES];
	struct hvcma_error err;
	struct hvcma_dtb dtb;
	int ret = hvcma_dtb_load(r->dtb, &dtb);

	if (ret)
		return ret;
	*found = (struct hvcma_bus_windows){ .origin = HVCMA_WINDOWS_TREE, .note = "" };
	ret = hvcma_windows_read_tree(dtb.blob, dtb.bytes, r->node, &found->windows, bus, &err);
	hvcma_dtb_free(&dtb);
	if (ret)
		return hvcma_failed(err.text);
	snprintf(found->node, sizeof(found->node), "%s", r->node);
	snprintf(found->source, sizeof(found->source), *bus ? "dma-ranges of %s" :
		 "no dma-ranges on its way up", bus);
	return HVCMA_EXIT_OK;
}

int hvcma_windows_of_host(const char *sysfs, const char *bdf, const char *node,
			  struct hvcma_bus_windows *found)
{
	struct hvcma_machine machine = hvcma_this_machine;
	struct hvcma_error err = { "" };
	int ret;

	if (sysfs)
		machine.sysfs = sysfs;
	ret = bdf ? hvcma_bus_windows_of_pci(&machine, bdf, hvcma_windows_read_tree, found, &err) :
		    hvcma_bus_windows_of_node(&machine, node, hvcma_windows_read_tree, found, &err);
	if (!ret)
		return 0;
	hvcma_failed(err.text);
	return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_FAILED;
}

static void print_text(const char *what, const struct hvcma_bus_windows *found)
{
	hvcma_put_printable(stdout, what);
	if (*found->node && strcmp(found->node, what)) {
		fputs(", host bridge ", stdout);
		hvcma_put_printable(stdout, found->node);
	}
	fputs("\n  read from: ", stdout);
	hvcma_put_printable(stdout, found->source);
	putchar('\n');
	if (*found->note)
		printf("  note: %s\n", found->note);
	if (hvcma_dma_windows_is_identity(&found->windows)) {
		puts("  all of memory, at the same addresses");
		return;
	}
	for (uint32_t i = 0; i < found->windows.nr; i++) {
		const struct hvcma_dma_window *w = &found->windows.window[i];

		printf("  0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64 "  %s at %s0x%" PRIx64 "\n", w->bus_base,
		       w->dma_base, w->bytes, size_text(w->bytes).text,
		       w->bus_base < w->dma_base ? "memory - " : "memory + ",
		       w->bus_base < w->dma_base ? w->dma_base - w->bus_base : w->bus_base - w->dma_base);
	}
}

static void print_json(const char *what, const struct hvcma_bus_windows *found)
{
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();

	for (uint32_t i = 0; i < found->windows.nr; i++) {
		const struct hvcma_dma_window *w = &found->windows.window[i];
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "bus", json_object_new_uint64(w->bus_base));
		json_object_object_add(one, "memory", json_object_new_uint64(w->dma_base));
		json_object_object_add(one, "bytes", json_object_new_uint64(w->bytes));
		json_object_array_add(list, one);
	}
	json_object_object_add(all, "device", json_object_new_string(what));
	json_object_object_add(all, "node", json_object_new_string(found->node));
	json_object_object_add(all, "origin", json_object_new_string(hvcma_windows_origin_name(found->origin)));
	json_object_object_add(all, "source", json_object_new_string(found->source));
	json_object_object_add(all, "note", json_object_new_string(found->note));
	json_object_object_add(all, "identity",
			       json_object_new_boolean(hvcma_dma_windows_is_identity(&found->windows)));
	json_object_object_add(all, "windows", list);
	hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "node", required_argument, NULL, 'n' },
		{ "dtb", required_argument, NULL, 'd' },
		{ "sysfs", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request r = { 0 };
	struct hvcma_bus_windows found;
	int ret = hvcma_options("windows", argc, argv, "n:d:s:jh", longs, help, take_option, &r);

	if (ret)
		return ret;
	if (optind + !r.node != argc)
		return hvcma_usage_error("one device is needed: a BDF, or --node PATH");
	if (r.dtb && !r.node)
		return hvcma_usage_error("--dtb needs --node: a tree has no BDF");
	if (r.dtb && r.sysfs)
		return hvcma_usage_error("--dtb and --sysfs name two trees: one of them");
	ret = r.dtb ? of_file(&r, &found) :
		      hvcma_windows_of_host(r.sysfs, r.node ? NULL : argv[optind], r.node, &found);
	if (ret)
		return ret;
	(r.json ? print_json : print_text)(r.node ? r.node : argv[optind], &found);
	return HVCMA_EXIT_OK;
}

const struct hvcma_command hvcma_command_windows = {
	.name = "windows",
	.summary = "show what of host memory a device reaches, and where on its bus",
	.run = run,
};
