// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt add-region, bind, dma-ranges: edits of one blob.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/fdt.h"

#define MAX_LIST	64		/* clients, ranges on one command line */

/* The blob to edit, and where the result goes. */
static int edit_file(int argc, char **argv, const char *output, hvcma_dtb_edit_fn *edit,
		     void *opaque)
{
	struct hvcma_dtb dtb;
	int ret;

	if (optind != argc - 1)
		return hvcma_usage_error("one FILE is needed, not %d", argc - optind);
	if (hvcma_dtb_load(argv[optind], &dtb))
		return HVCMA_EXIT_FAILED;
	ret = hvcma_dtb_edit(&dtb, edit, opaque, output ? output : argv[optind]);
	hvcma_dtb_free(&dtb);
	return ret;
}

/* ---- add-region ---- */

struct add_region {
	struct hvcma_fdt_region region;
	struct hvcma_range ranges[MAX_LIST];
	bool has_pool;
};

static int set_pool(struct add_region *a, const char *arg)
{
	static const char *const names[HVCMA_FDT_NR_POOLS] = {
		[HVCMA_FDT_REUSABLE] = "reusable",
		[HVCMA_FDT_NO_MAP] = "no-map",
		[HVCMA_FDT_RESTRICTED] = "restricted",
	};

	for (int i = 0; i < HVCMA_FDT_NR_POOLS; i++) {
		if (strcmp(arg, names[i]))
			continue;
		a->region.pool = (enum hvcma_fdt_pool)i;
		a->has_pool = true;
		return 0;
	}
	return hvcma_usage_error("--type is reusable, no-map or restricted, not '%s'", arg);
}

static int set_number(const char *option, const char *arg, uint64_t *value)
{
	if (hvcma_fdt_number(arg, value))
		return 0;
	return hvcma_usage_error("--%s: '%s' is no number", option, arg);
}

static int set_add_region(void *opaque, int c, char *arg)
{
	struct add_region *a = opaque;
	struct hvcma_fdt_region *r = &a->region;

	switch (c) {
	case 'n':
		r->name = arg;
		return 0;
	case 't':
		return set_pool(a, arg);
	case 's':
		return set_number("size", arg, &r->bytes);
	case 'b':
		r->has_base = 1;
		return set_number("base", arg, &r->base);
	case 'a':
		return set_number("align", arg, &r->align_bytes);
	case 'g':
		return set_number("granule", arg, &r->granule_bytes);
	case 'r':
		if (r->nr_alloc_ranges == MAX_LIST)
			return hvcma_usage_error("more than %d --alloc-range", MAX_LIST);
		if (!hvcma_fdt_range(arg, &a->ranges[r->nr_alloc_ranges++]))
			return hvcma_usage_error("--alloc-range is BASE,SIZE, not '%s'", arg);
		return 0;
	default:
		r->is_default = 1;
		return 0;
	}
}

static int edit_add_region(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct add_region *a = opaque;

	return hvcma_fdt_add_region(fdt, &a->region, NULL, err);
}

static int run_add_region(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "type", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 's' },
		{ "base", required_argument, NULL, 'b' },
		{ "align", required_argument, NULL, 'a' },
		{ "alloc-range", required_argument, NULL, 'r' },
		{ "default", no_argument, NULL, 'd' },
		{ "granule", required_argument, NULL, 'g' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct add_region a = { 0 };
	const char *output = NULL;
	int ret;

	a.region.alloc_ranges = a.ranges;
	ret = hvcma_fdt_options(&hvcma_fdt_add_region_command, argc, argv, longs, set_add_region,
				&a, &output);
	if (ret)
		return ret;
	if (!a.region.name || !a.has_pool || !a.region.bytes)
		return hvcma_usage_error("--name, --type and --size are needed");
	return edit_file(argc, argv, output, edit_add_region, &a);
}

const struct hvcma_fdt_command hvcma_fdt_add_region_command = {
	.name = "add-region",
	.usage = "--name NAME --type TYPE --size SIZE [OPTION...] FILE [-o OUT]",
	.help = "adds a pool to /reserved-memory\n"
		"\n"
		"  --name NAME          of the node, without address\n"
		"  --type reusable      shared-dma-pool that the kernel lends out (CMA)\n"
		"  --type no-map        shared-dma-pool without a mapping of the kernel's own\n"
		"  --type restricted    restricted-dma-pool: a bounce buffer for its clients alone\n"
		"  --size SIZE          multiple of 4096\n"
		"  --base ADDRESS       where it lies; else the kernel places it:\n"
		"  --align SIZE         aligned so, a power of two\n"
		"  --alloc-range BASE,SIZE  inside this; may be repeated\n"
		"  --default            linux,cma-default (reusable) or linux,dma-default (no-map)\n"
		"  --granule SIZE       unit of the host's memory behind it, for \"check\"\n"
		"  -o, --output OUT     write there instead of into FILE\n",
	.run = run_add_region,
};

/* ---- bind ---- */

struct bind {
	const char *region;
	const char *clients[MAX_LIST];	/* paths, or "pci:..." */
	size_t nr_clients;
};

static int set_bind(void *opaque, int c, char *arg)
{
	struct bind *b = opaque;

	if (c == 'r') {
		b->region = arg;
		return 0;
	}
	if (b->nr_clients == MAX_LIST)
		return hvcma_usage_error("more than %d --client", MAX_LIST);
	b->clients[b->nr_clients++] = arg;
	return 0;
}

static int bind_one(void *fdt, const char *client, const char *region,
		    struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	int ret;

	if (strncmp(client, "pci:", 4))
		return hvcma_fdt_bind(fdt, client, region, err);
	ret = hvcma_fdt_pci_node(fdt, client + 4, path, err);
	return ret ? ret : hvcma_fdt_bind(fdt, path, region, err);
}

static int edit_bind(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	char region[HVCMA_FDT_PATH_BYTES];
	struct bind *b = opaque;
	int ret;

	ret = hvcma_fdt_find_region(fdt, b->region, region, err);
	for (size_t i = 0; i < b->nr_clients && !ret; i++)
		ret = bind_one(fdt, b->clients[i], region, err);
	return ret;
}

static int run_bind(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "region", required_argument, NULL, 'r' },
		{ "client", required_argument, NULL, 'c' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *output = NULL;
	struct bind b = { 0 };
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_bind_command, argc, argv, longs, set_bind, &b, &output);
	if (ret)
		return ret;
	if (!b.region || !b.nr_clients)
		return hvcma_usage_error("--region and --client are needed");
	return edit_file(argc, argv, output, edit_bind, &b);
}

const struct hvcma_fdt_command hvcma_fdt_bind_command = {
	.name = "bind",
	.usage = "--region NAME --client CLIENT... FILE [-o OUT]",
	.help = "points devices to a pool (memory-region)\n"
		"\n"
		"  --region NAME        of the pool, with or without its @address, or its path\n"
		"  --client PATH        node of a device; may be repeated\n"
		"  --client pci:DOMAIN:BUS/SLOT.FUNCTION[/SLOT.FUNCTION...]\n"
		"                       a PCI device, as in pci:0000:00/03.0: root bus, then a step\n"
		"                       for each bridge; nodes that are missing are added\n"
		"  -o, --output OUT     write there instead of into FILE\n",
	.run = run_bind,
};

/* ---- dma-ranges ---- */

struct dma_ranges {
	const char *bus;		/* NULL: the PCI host bridge */
	const char *device;
	struct hvcma_window_list list;
	uint64_t align_bytes;
	const char *guards;		/* name of their node, NULL: none */
};

static int set_dma_ranges(void *opaque, int c, char *arg)
{
	struct dma_ranges *d = opaque;
	struct hvcma_range range;
	struct hvcma_window *w;

	switch (c) {
	case 'b':
		d->bus = arg;
		return 0;
	case 'd':
		d->device = arg;
		return 0;
	case 'e':
		return hvcma_windows_from_file(arg, &d->list);
	case 'q':
		return hvcma_windows_from_vm(arg, d->device, &d->list);
	case 'a':
		if (!hvcma_fdt_number(arg, &d->align_bytes) || !d->align_bytes ||
		    d->align_bytes & (d->align_bytes - 1))
			return hvcma_usage_error("--granule: '%s' is no power of two", arg);
		return 0;
	case 'g':
		d->guards = "dma-guard";
		return 0;
	default:
		if (!hvcma_fdt_range(arg, &range))
			return hvcma_usage_error("--identity is BASE,SIZE, not '%s'", arg);
		w = realloc(d->list.window, (d->list.nr + 1) * sizeof(*w));
		if (!w)
			return HVCMA_EXIT_FAILED;
		d->list.window = w;
		w[d->list.nr++] = (struct hvcma_window){ range.base, range.base, range.bytes };
		return 0;
	}
}

static int edit_dma_ranges(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct dma_ranges *d = opaque;
	char bridge[HVCMA_FDT_PATH_BYTES];
	int ret = 0;

	if (!d->bus)
		ret = hvcma_fdt_host_bridge(fdt, 0, bridge, err);
	if (!ret)
		ret = hvcma_fdt_set_dma_ranges(fdt, d->bus ? d->bus : bridge, d->list.window,
					       d->list.nr, err);
	if (!ret && d->guards)
		ret = hvcma_fdt_add_guards(fdt, d->guards, d->list.window, d->list.nr, err);
	return ret;
}

static int run_dma_ranges(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "bus", required_argument, NULL, 'b' },
		{ "extents", required_argument, NULL, 'e' },
		{ "qmp", required_argument, NULL, 'q' },
		{ "device", required_argument, NULL, 'd' },
		{ "identity", required_argument, NULL, 'i' },
		{ "granule", required_argument, NULL, 'a' },
		{ "guards", no_argument, NULL, 'g' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct dma_ranges d = { .align_bytes = HVCMA_GUARD_BYTES };
	const char *output = NULL;
	struct hvcma_fdt_error err;
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_dma_ranges_command, argc, argv, longs, set_dma_ranges,
				&d, &output);
	if (ret)
		goto out;
	if (!d.list.nr) {
		ret = hvcma_usage_error("no window: --extents, --qmp or --identity must give one");
		goto out;
	}
	if (hvcma_windows_check(d.list.window, d.list.nr, d.align_bytes, &err)) {
		ret = hvcma_failed(err.text);
		goto out;
	}
	hvcma_windows_merge(d.list.window, &d.list.nr);
	ret = edit_file(argc, argv, output, edit_dma_ranges, &d);
out:
	hvcma_windows_free(&d.list);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_dma_ranges_command = {
	.name = "dma-ranges",
	.usage = "(--extents FILE | [--device ID] --qmp SOCKET | --identity BASE,SIZE)... FILE [-o OUT]",
	.help = "tells a bus where its devices find memory\n"
		"\n"
		"  --extents FILE       lines \"GUEST-PHYSICAL DMA SIZE\", # for comments\n"
		"  --qmp SOCKET         extents that the virtio-cma regions of a running QEMU report\n"
		"  --device ID          of this region only; before --qmp\n"
		"  --identity BASE,SIZE memory that devices find where it is\n"
		"  --bus PATH           the bus; without it the PCI host bridge\n"
		"  --granule SIZE       windows must be whole granules (default 4096)\n"
		"  --guards             take the last page of each window out of memory, so that no\n"
		"                       buffer can lie across its end\n"
		"  -o, --output OUT     write there instead of into FILE\n"
		"\n"
		"Windows that touch on both sides become one; windows that overlap are an error.\n"
		"What the bus had before is replaced.\n",
	.run = run_dma_ranges,
};
