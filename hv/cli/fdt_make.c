// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt overlay, xen: blobs made out of others.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fdt/overlay.h"
#include "fdt/xen.h"
#include "fdt/xen_domain.h"
#include "hv/cli/fdt.h"

#define MAX_LIST	64
#define MAX_REGISTERS	16
#define MAX_INTERRUPTS	128

/* ---- overlay ---- */

struct overlay {
	struct hvcma_dtb base, edited;
};

static int edit_overlay(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct overlay *o = opaque;

	return hvcma_fdt_overlay(o->base.blob, o->edited.blob, fdt, (int)fdt_totalsize(fdt), err);
}

static int run_overlay(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *output = NULL;
	struct overlay o = { 0 };
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_overlay_command, argc, argv, longs, NULL, NULL, &output);
	if (ret)
		return ret;
	if (optind != argc - 2 || !output)
		return hvcma_usage_error("BASE, EDITED and -o are needed");
	ret = HVCMA_EXIT_FAILED;
	if (!hvcma_dtb_load(argv[optind], &o.base) && !hvcma_dtb_load(argv[optind + 1], &o.edited))
		ret = hvcma_dtb_edit(NULL, edit_overlay, &o, output);
	hvcma_dtb_free(&o.edited);
	hvcma_dtb_free(&o.base);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_overlay_command = {
	.name = "overlay",
	.usage = "BASE EDITED -o OUT",
	.help = "writes the difference of two blobs as an overlay (dtbo)\n"
		"\n"
		"  BASE                 blob that the target has\n"
		"  EDITED               the same, edited (with the other subcommands)\n"
		"  -o, --output OUT     the overlay; applied to BASE it gives EDITED\n"
		"\n"
		"An overlay adds and changes; what EDITED lacks is an error.\n",
	.run = run_overlay,
};

/* ---- xen ---- */

struct xen {
	struct hvcma_dtb host;
	const char *devices[MAX_LIST];
	size_t nr_devices;
	struct hvcma_window_list windows;
	struct hvcma_xen_domain domain;	/* name NULL: a partial tree is wanted */
	struct hvcma_range static_memory[MAX_LIST];
	bool print_xl;
	bool has_extents, has_memory, has_cpus;
};

/* An option that is given twice would be ignored once. */
static int set_once(bool *is_set, const char *option)
{
	if (*is_set)
		return hvcma_usage_error("%s is given twice", option);
	*is_set = true;
	return 0;
}

static int set_xen(void *opaque, int c, char *arg)
{
	struct xen *x = opaque;
	uint64_t number;

	switch (c) {
	case 'd':
		if (x->nr_devices == MAX_LIST)
			return hvcma_usage_error("more than %d --device", MAX_LIST);
		x->devices[x->nr_devices++] = arg;
		return 0;
	case 'e':
		x->has_extents = true;
		return hvcma_windows_from_file(arg, &x->windows);
	case 'x':
		x->print_xl = true;
		return 0;
	case 'n':
		if (x->domain.name)
			return hvcma_usage_error("--domain is given twice");
		x->domain.name = arg;
		return 0;
	case 'm':
		if (!hvcma_fdt_number(arg, &x->domain.memory_bytes))
			return hvcma_usage_error("--memory: '%s' is no number", arg);
		return set_once(&x->has_memory, "--memory");
	case 'c':
		if (!hvcma_fdt_number(arg, &number) || !number || number > UINT32_MAX)
			return hvcma_usage_error("--cpus: '%s' is no number of processors", arg);
		x->domain.cpus = (uint32_t)number;
		return set_once(&x->has_cpus, "--cpus");
	case 's':
		if (x->domain.nr_static_memory == MAX_LIST)
			return hvcma_usage_error("more than %d --static-mem", MAX_LIST);
		if (!hvcma_fdt_range(arg, &x->static_memory[x->domain.nr_static_memory++]))
			return hvcma_usage_error("--static-mem is BASE,SIZE, not '%s'", arg);
		return 0;
	default:
		x->domain.direct_map = 1;
		return 0;
	}
}

/* All devices of a tree are on one bus of it. */
static int find_windows(const struct xen *x, struct hvcma_window_list *list,
			struct hvcma_fdt_error *err)
{
	uint64_t lost_bytes;
	int ret = 0;

	for (size_t i = 0; i < x->nr_devices && !ret; i++) {
		struct hvcma_window_list other = { 0 };

		ret = hvcma_xen_windows(x->host.blob, x->devices[i], x->windows.window, x->windows.nr,
					i ? &other.window : &list->window, i ? &other.nr : &list->nr, &lost_bytes, err);
		if (!ret && i && (other.nr != list->nr ||
				  (other.nr && memcmp(other.window, list->window, other.nr * sizeof(*other.window)))))
			ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.150s' and '%.150s' find memory at different addresses (dma-ranges above them, on the host): they can't be in one partial tree",
					     x->devices[0], x->devices[i]);
		hvcma_windows_free(&other);
	}
	return ret;
}

static int edit_partial(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct hvcma_window_list list = { 0 };
	struct xen *x = opaque;
	int ret;

	ret = find_windows(x, &list, err);
	if (!ret)
		ret = hvcma_xen_partial_init(fdt, (int)fdt_totalsize(fdt), list.window, list.nr, err);
	hvcma_windows_free(&list);
	for (size_t i = 0; i < x->nr_devices && !ret; i++)
		ret = hvcma_xen_add_device(fdt, x->host.blob, x->devices[i], err);
	return ret;
}

static int edit_host(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct xen *x = opaque;
	int ret;

	ret = hvcma_xen_add_domain(fdt, &x->domain, err);
	for (size_t i = 0; i < x->nr_devices && !ret; i++)
		ret = hvcma_xen_set_passthrough(fdt, x->devices[i], err);
	return ret;
}

/* ---- xen: what is said beside the tree ---- */

static bool is_in(uint32_t number, const uint32_t *list, size_t nr)
{
	while (nr--)
		if (*list++ == number)
			return true;
	return false;
}

/* Each once, though devices may share them. */
static int print_irqs(const struct xen *x)
{
	uint32_t seen[MAX_LIST * MAX_INTERRUPTS];
	struct hvcma_xen_interrupt irqs[MAX_INTERRUPTS];
	struct hvcma_fdt_error err;
	size_t nr_seen = 0, nr;

	fputs("irqs = [ ", stdout);
	for (size_t i = 0; i < x->nr_devices; i++) {
		if (hvcma_xen_interrupts(x->host.blob, x->devices[i], irqs, MAX_INTERRUPTS, &nr, &err))
			return hvcma_failed(err.text);
		for (size_t k = 0; k < nr && k < MAX_INTERRUPTS; k++) {
			if (is_in(irqs[k].spi, seen, nr_seen))
				continue;
			printf("%s%u", nr_seen ? ", " : "", irqs[k].spi + 32);
			seen[nr_seen++] = irqs[k].spi;
		}
	}
	fputs(" ]\n", stdout);
	return HVCMA_EXIT_OK;
}

/* Are these pages among those that were warned of before? */
static bool is_warned(const struct hvcma_range *warned, size_t nr, uint64_t first, uint64_t pages)
{
	for (size_t i = 0; i < nr; i++)
		if (first >= warned[i].base && first + pages <= warned[i].base + warned[i].bytes)
			return true;
	return false;
}

/* Pages, each once, though registers may share them. */
static int print_iomem(const struct xen *x)
{
	struct hvcma_range warned[MAX_LIST * MAX_REGISTERS];
	struct hvcma_xen_register regs[MAX_REGISTERS];
	struct hvcma_fdt_error err;
	size_t nr_warned = 0, nr;

	fputs("iomem = [ ", stdout);
	for (size_t i = 0; i < x->nr_devices; i++) {
		if (hvcma_xen_registers(x->host.blob, x->devices[i], regs, MAX_REGISTERS, &nr, &err))
			return hvcma_failed(err.text);
		for (size_t k = 0; k < nr && k < MAX_REGISTERS; k++) {
			uint64_t first = regs[k].host >> 12;
			uint64_t pages = ((regs[k].host + regs[k].bytes - 1) >> 12) - first + 1;

			if (is_warned(warned, nr_warned, first, pages))
				continue;
			printf("%s\"0x%" PRIx64 ",%" PRIx64 "\"", nr_warned ? ", " : "", first, pages);
			warned[nr_warned++] = (struct hvcma_range){ first, pages };
		}
	}
	fputs(" ]\n", stdout);
	return HVCMA_EXIT_OK;
}

static int print_xl(const struct xen *x)
{
	int ret = print_iomem(x);

	return ret ? ret : print_irqs(x);
}

struct left_out {
	bool has_some;
	bool has_node;
};

static void print_left_out(void *opaque, const char *path, const char *name, bool is_node)
{
	struct left_out *l = opaque;

	if (!l->has_some)
		fprintf(stderr, "hvcma: '%s': left out, to be added by hand where it is needed: ", path);
	fprintf(stderr, "%s%s%s", l->has_some ? ", " : "",
		is_node && !l->has_node ? "nodes " : "", name);
	l->has_some = true;
	l->has_node |= is_node;
}

/* Standard output may be the tree. */
static int print_all_left_out(const struct xen *x)
{
	struct hvcma_fdt_error err;

	for (size_t i = 0; i < x->nr_devices; i++) {
		struct left_out l = { 0 };

		if (hvcma_xen_left_out(x->host.blob, x->devices[i], print_left_out, &l, &err))
			return hvcma_failed(err.text);
		if (l.has_some)
			fputc('\n', stderr);
	}
	return HVCMA_EXIT_OK;
}

static int check_xen(struct xen *x, int argc, const char *output)
{
	struct hvcma_fdt_error err;

	if (optind != argc - 1 || !output)
		return hvcma_usage_error("one HOST tree and -o are needed");
	if (!x->domain.name && !x->nr_devices)
		return hvcma_usage_error("--device or --domain is needed");
	if (!x->domain.name && (x->has_memory || x->has_cpus || x->domain.nr_static_memory ||
				x->domain.direct_map))
		return hvcma_usage_error("--memory, --cpus, --static-mem and --direct-map go with --domain");
	if (x->domain.name && !x->has_memory)
		return hvcma_usage_error("--domain needs --memory");
	if (x->domain.name && x->has_extents)
		return hvcma_usage_error("--extents is for a partial tree, without --domain");
	if (x->print_xl && (x->domain.name || !strcmp(output, "-")))
		return hvcma_usage_error("--xl prints what goes with a partial tree in a file");
	if (hvcma_windows_check(x->windows.window, x->windows.nr, HVCMA_GUARD_BYTES, &err))
		return hvcma_failed(err.text);
	hvcma_windows_merge(x->windows.window, &x->windows.nr);
	return 0;
}

static int make_xen(struct xen *x, const char *host, const char *output)
{
	int ret;

	if (hvcma_dtb_load(host, &x->host))
		return HVCMA_EXIT_FAILED;
	ret = x->domain.name ? hvcma_dtb_edit(&x->host, edit_host, x, output) :
			       hvcma_dtb_edit(NULL, edit_partial, x, output);
	if (!ret && !x->domain.name)
		ret = print_all_left_out(x);
	if (!ret && x->print_xl)
		ret = print_xl(x);
	hvcma_dtb_free(&x->host);
	return ret;
}

static int run_xen(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "extents", required_argument, NULL, 'e' },
		{ "xl", no_argument, NULL, 'x' },
		{ "domain", required_argument, NULL, 'n' },
		{ "memory", required_argument, NULL, 'm' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "static-mem", required_argument, NULL, 's' },
		{ "direct-map", no_argument, NULL, 'D' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct xen x = { .domain.cpus = 1 };
	const char *output = NULL;
	int ret;

	x.domain.static_memory = x.static_memory;
	ret = hvcma_fdt_options(&hvcma_fdt_xen_command, argc, argv, longs, set_xen, &x, &output);
	if (!ret)
		ret = check_xen(&x, argc, output);
	if (!ret)
		ret = make_xen(&x, argv[optind], output);
	hvcma_windows_free(&x.windows);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_xen_command = {
	.name = "xen",
	.usage = "(--device PATH... [--extents FILE] | --domain NAME --memory SIZE) HOST -o OUT",
	.help = "makes device trees for Xen on Arm, for devices without IOMMU\n"
		"\n"
		"A partial device tree for a domain (xl's device_tree=, or a dom0less module):\n"
		"  --device PATH        of a device in the HOST tree; may be repeated\n"
		"  --extents FILE       lines \"GUEST-PHYSICAL MACHINE SIZE\" of the domain's memory,\n"
		"                       for dma-ranges; not needed if it is direct-mapped. What dma-ranges\n"
		"                       on the host do to machine addresses is taken into account\n"
		"  What is left out is listed. A device with an interrupt that a domain can't have\n"
		"  is refused.\n"
		"  --xl                 print iomem and irqs for the domain's configuration, too\n"
		"\n"
		"Or the HOST tree with a domain that Xen starts (dom0less):\n"
		"  --domain NAME        of the node in /chosen\n"
		"  --memory SIZE        of the domain, multiple of 1K\n"
		"  --cpus N             processors (default 1)\n"
		"  --static-mem BASE,SIZE  machine memory of its own; may be repeated\n"
		"  --direct-map         guest-physical addresses are machine addresses\n"
		"  --device PATH        is kept for guests (xen,passthrough)\n"
		"\n"
		"  -o, --output OUT     the result\n",
	.run = run_xen,
};
