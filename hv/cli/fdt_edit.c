// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt add-region, bind and their reverse, remove-region, unbind.
 */
#include <stdio.h>
#include <string.h>

#include "hv/cli/fdt.h"

#define MAX_LIST	64		/* clients, ranges on one command line */

/* ---- add-region ---- */

struct add_region {
	struct hvcma_fdt_region region;
	struct hvcma_range ranges[MAX_LIST];
	bool has_pool, has_size;
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
		a->has_size = true;
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
	if (!a.region.name || !a.has_pool || !a.has_size)
		return hvcma_usage_error("--name, --type and --size are needed");
	return hvcma_fdt_edit_file(argc, argv, output, edit_add_region, &a);
}

const struct hvcma_fdt_command hvcma_fdt_add_region_command = {
	.name = "add-region",
	.usage = "--name NAME --type TYPE --size SIZE [OPTION...] FILE [-o OUT]",
	.help = "adds a pool to /reserved-memory\n"
		"\n"
		"  --name NAME          of the node, without address\n"
		"  --type reusable      shared-dma-pool that the kernel reuses (CMA)\n"
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

/* ---- remove-region ---- */

struct remove_region {
	const char *regions[MAX_LIST];
	size_t nr;
};

static int set_remove_region(void *opaque, int c, char *arg)
{
	struct remove_region *r = opaque;

	(void)c;
	if (r->nr == MAX_LIST)
		return hvcma_usage_error("more than %d --region", MAX_LIST);
	r->regions[r->nr++] = arg;
	return 0;
}

static int edit_remove_region(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct remove_region *r = opaque;
	int ret = 0;

	for (size_t i = 0; i < r->nr && !ret; i++)
		ret = hvcma_fdt_remove_region(fdt, r->regions[i], err);
	return ret;
}

static int run_remove_region(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "region", required_argument, NULL, 'r' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct remove_region r = { 0 };
	const char *output = NULL;
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_remove_region_command, argc, argv, longs,
				set_remove_region, &r, &output);
	if (ret)
		return ret;
	if (!r.nr)
		return hvcma_usage_error("--region is needed");
	return hvcma_fdt_edit_file(argc, argv, output, edit_remove_region, &r);
}

const struct hvcma_fdt_command hvcma_fdt_remove_region_command = {
	.name = "remove-region",
	.usage = "--region NAME... FILE [-o OUT]",
	.help = "takes a pool out of /reserved-memory\n"
		"\n"
		"  --region NAME        of the pool, with or without its @address, its path or &LABEL;\n"
		"                       may be repeated\n"
		"  -o, --output OUT     write there instead of into FILE\n"
		"\n"
		"Undoes add-region. A pool with clients stays; unbind them first.\n",
	.run = run_remove_region,
};

/* ---- bind, unbind ---- */

struct bind {
	const char *region;
	const char *clients[MAX_LIST];	/* paths, or PCI devices */
	size_t nr_clients;
	const char *bus;		/* host bridge of PCI devices; NULL: by domain */
	bool undo;
};

static int set_bind(void *opaque, int c, char *arg)
{
	struct bind *b = opaque;

	if (c == 'r') {
		b->region = arg;
		return 0;
	}
	if (c == 'b') {
		b->bus = arg;
		return 0;
	}
	if (b->nr_clients == MAX_LIST)
		return hvcma_usage_error("more than %d --client", MAX_LIST);
	b->clients[b->nr_clients++] = arg;
	return 0;
}

static int bind_one(void *fdt, const struct bind *b, const char *client, const char *region,
		    struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_pci_place place = { client, b->bus, b->undo };
	char path[HVCMA_FDT_PATH_BYTES];
	int ret = 0;

	if (!strncmp(client, "pci:", 4))
		place.where += 4;
	if (place.where != client || hvcma_fdt_pci_is_where(client)) {
		ret = hvcma_fdt_pci_find(fdt, &place, path, err);
		client = path;
	}
	if (ret)
		return ret;
	return b->undo ? hvcma_fdt_unbind(fdt, client, region, err) :
			 hvcma_fdt_bind(fdt, client, region, err);
}

static int edit_bind(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	char region[HVCMA_FDT_PATH_BYTES];
	struct bind *b = opaque;
	int ret;

	ret = hvcma_fdt_find_region(fdt, b->region, region, err);
	for (size_t i = 0; i < b->nr_clients && !ret; i++)
		ret = bind_one(fdt, b, b->clients[i], region, err);
	return ret;
}

static int run_either(const struct hvcma_fdt_command *command, bool undo, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "region", required_argument, NULL, 'r' },
		{ "client", required_argument, NULL, 'c' },
		{ "bus", required_argument, NULL, 'b' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct bind b = { .undo = undo };
	const char *output = NULL;
	int ret;

	ret = hvcma_fdt_options(command, argc, argv, longs, set_bind, &b, &output);
	if (ret)
		return ret;
	if (!b.region || !b.nr_clients)
		return hvcma_usage_error("--region and --client are needed");
	return hvcma_fdt_edit_file(argc, argv, output, edit_bind, &b);
}

static int run_bind(int argc, char **argv)
{
	return run_either(&hvcma_fdt_bind_command, false, argc, argv);
}

static int run_unbind(int argc, char **argv)
{
	return run_either(&hvcma_fdt_unbind_command, true, argc, argv);
}

const struct hvcma_fdt_command hvcma_fdt_bind_command = {
	.name = "bind",
	.usage = "--region NAME --client CLIENT... FILE [-o OUT]",
	.help = "points devices to a pool (memory-region)\n"
		"\n"
		"  --region NAME        of the pool, with or without its @address, its path or &LABEL\n"
		"  --client PATH        node of a device, also as &LABEL or alias; may be repeated\n"
		"  --client pci:DOMAIN:BUS/SLOT.FUNCTION[/SLOT.FUNCTION...]\n"
		"                       a PCI device, as in pci:0000:00/03.0: root bus, then a step\n"
		"                       for each bridge; nodes that are missing are added\n"
		"  --client [DOMAIN:]BUS:SLOT.FUNCTION\n"
		"                       as lspci says it, for a device on the root bus\n"
		"  --bus PATH           the PCI host bridge, where DOMAIN does not say which\n"
		"  -o, --output OUT     write there instead of into FILE\n",
	.run = run_bind,
};

const struct hvcma_fdt_command hvcma_fdt_unbind_command = {
	.name = "unbind",
	.usage = "--region NAME --client CLIENT... FILE [-o OUT]",
	.help = "takes a pool out of devices' memory-region\n"
		"\n"
		"  --region NAME, --client CLIENT, --bus PATH\n"
		"                       as of bind; a PCI device must have a node\n"
		"  -o, --output OUT     write there instead of into FILE\n"
		"\n"
		"Undoes bind: nodes and phandles that it added go, too.\n",
	.run = run_unbind,
};
