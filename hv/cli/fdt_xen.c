// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt xen: partial trees of devices for domains, domains that Xen starts, and whether they fit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fdt/xen.h"
#include "hv/cli/fdt_xen.h"
#include "hv/cli/xen_config.h"

/* ---- options ---- */

/* An option that is given twice would be ignored once. */
static int set_once(bool *is_set, const char *option)
{
	if (*is_set)
		return hvcma_usage_error("%s is given twice", option);
	*is_set = true;
	return 0;
}

/* "BASE,SIZE" or "BASE,FILE", whose size counts. */
static int set_module(struct hvcma_xen_job *x, enum hvcma_xen_module module, char *arg)
{
	struct hvcma_range *range = &x->domain.modules[module];
	const char *name = hvcma_xen_module_name(module);
	char *file = strchr(arg, ',');
	struct stat st;

	if (range->bytes)
		return hvcma_usage_error("--%s is given twice", name);
	if (file)
		*file++ = '\0';
	if (!file || !*file || !hvcma_fdt_number(arg, &range->base))
		return hvcma_usage_error("--%s is BASE,FILE or BASE,SIZE: '%s' is no base, or nothing follows", name, arg);
	x->has_modules = true;
	if (hvcma_fdt_number(file, &range->bytes))
		return range->bytes ? 0 : hvcma_usage_error("--%s: it has 0 bytes", name);
	if (stat(file, &st))
		return hvcma_usage_error("--%s: %s: %s", name, file, strerror(errno));
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return hvcma_usage_error("--%s: %s is empty, or no file", name, file);
	range->bytes = (uint64_t)st.st_size;
	if (module != HVCMA_XEN_DEVICE_TREE)
		return 0;
	/* Of the domain that is to be added: its name comes later. */
	return hvcma_dtb_load(file, &x->partial_files[x->nr_partials++]);
}

static int set_partial(struct hvcma_xen_job *x, char *arg)
{
	char *file = strchr(arg, '=');
	int ret;

	if (!file || file == arg || !file[1])
		return hvcma_usage_error("--partial is DOMAIN=FILE, not '%s'", arg);
	if (x->nr_partials >= HVCMA_XEN_MAX_LIST - 1)	/* one for --device-tree */
		return hvcma_usage_error("more than %d --partial", HVCMA_XEN_MAX_LIST - 1);
	*file++ = '\0';
	ret = hvcma_dtb_load(file, &x->partial_files[x->nr_partials]);
	if (!ret)
		x->partials[x->nr_partials++].domain = arg;
	return ret;
}

static int set_enhanced(struct hvcma_xen_job *x, const char *arg)
{
	if (!strcmp(arg, "enabled"))
		x->domain.enhanced = HVCMA_XEN_ENHANCED;
	else if (!strcmp(arg, "no-xenstore"))
		x->domain.enhanced = HVCMA_XEN_NO_XENSTORE;
	else
		return hvcma_usage_error("--enhanced is enabled or no-xenstore, not '%s'", arg);
	return 0;
}

static int set_domain(struct hvcma_xen_job *x, int c, char *arg)
{
	struct hvcma_xen_domain *d = &x->domain;
	uint64_t number;

	switch (c) {
	case 'n':
		if (d->name)
			return hvcma_usage_error("--domain is given twice");
		d->name = arg;
		return 0;
	case 'm':
		if (!hvcma_fdt_number(arg, &d->memory_bytes))
			return hvcma_usage_error("--memory: '%s' is no number", arg);
		return set_once(&x->has_memory, "--memory");
	case 'c':
		if (!hvcma_fdt_number(arg, &number) || !number || number > UINT32_MAX)
			return hvcma_usage_error("--cpus: '%s' is no number of processors", arg);
		d->cpus = (uint32_t)number;
		return set_once(&x->has_cpus, "--cpus");
	case 's':
		if (d->nr_static_memory == HVCMA_XEN_MAX_LIST)
			return hvcma_usage_error("more than %d --static-mem", HVCMA_XEN_MAX_LIST);
		if (!hvcma_fdt_range(arg, &x->static_memory[d->nr_static_memory++]))
			return hvcma_usage_error("--static-mem is BASE,SIZE, not '%s'", arg);
		return 0;
	case 'D':
		d->direct_map = true;
		return 0;
	case 'v':
		d->vpl011 = 1;
		return 0;
	case 'E':
		return set_enhanced(x, arg);
	case 'a':
		if (d->bootargs)
			return hvcma_usage_error("--bootargs is given twice");
		d->bootargs = arg;
		return 0;
	default:
		return set_module(x, c == 'k' ? HVCMA_XEN_KERNEL : c == 'r' ? HVCMA_XEN_RAMDISK : HVCMA_XEN_DEVICE_TREE,
				  arg);
	}
}

static int set_xen(void *opaque, int c, char *arg)
{
	struct hvcma_xen_job *x = opaque;

	switch (c) {
	case 'd':
		if (x->domain.nr_devices == HVCMA_XEN_MAX_LIST)
			return hvcma_usage_error("more than %d --device", HVCMA_XEN_MAX_LIST);
		x->devices[x->domain.nr_devices++] = arg;
		return 0;
	case 'e':
		x->has_extents = true;
		return hvcma_windows_from_file(arg, &x->extents);
	case 'x':
		x->is_xl = true;
		return 0;
	case 'R':
		if (x->region)
			return hvcma_usage_error("--region is given twice");
		x->region = arg;
		return 0;
	case 'C':
		x->is_check = true;
		return 0;
	case 'p':
		return set_partial(x, arg);
	case 'X':
		return set_once(&x->has_build, "--xen-config") ?: hvcma_xen_config_load(arg, &x->build);
	default:
		return set_domain(x, c, arg);
	}
}

static const struct hvcma_xen_build *build_of(const struct hvcma_xen_job *x)
{
	return x->has_build ? &x->build : NULL;
}

/* ---- a partial tree ---- */

/* All devices of a tree are on one bus of it. */
static int find_windows(const struct hvcma_xen_job *x, struct hvcma_window_list *list,
			struct hvcma_fdt_error *err)
{
	uint64_t lost_bytes;
	int ret = 0;

	for (size_t i = 0; i < x->domain.nr_devices && !ret; i++) {
		struct hvcma_window_list other = { 0 };

		ret = hvcma_xen_windows(x->host.blob, x->devices[i], x->extents.window, x->extents.nr,
					i ? &other.window : &list->window, i ? &other.nr : &list->nr, &lost_bytes, err);
		if (!ret && i && (other.nr != list->nr ||
				  (other.nr && memcmp(other.window, list->window, other.nr * sizeof(*other.window)))))
			ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.150s' and '%.150s' find memory at different addresses (dma-ranges above them, on the host): they can't be in one partial tree",
					     x->devices[0], x->devices[i]);
		hvcma_windows_free(&other);
	}
	return ret;
}

/* What was said while it was made in vain is not said again: what is checked is whole. */
static int check_guest(struct hvcma_xen_job *x, const void *partial, struct hvcma_fdt_error *err)
{
	const struct hvcma_xen_guest guest = {
		.partial = partial, .memory_bytes = x->domain.memory_bytes, .is_direct_mapped = x->domain.direct_map,
		.has_vpl011 = x->domain.vpl011, .extents = x->extents.window, .nr_extents = x->extents.nr,
	};
	int ret = hvcma_xen_check_guest(x->host.blob, &guest, build_of(x), hvcma_xen_print_finding, x, err);

	if (ret)
		return ret == -FDT_ERR_NOSPACE ? -FDT_ERR_INTERNAL : ret;
	return x->nr_found[HVCMA_FDT_FAULT] ?
	       hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "faults: no tree is written") : 0;
}

static int edit_partial(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct hvcma_window_list list = { 0 };
	struct hvcma_xen_job *x = opaque;
	int ret;

	ret = find_windows(x, &list, err);
	/* What is where the machine has it needs no windows. */
	if (!ret && x->domain.direct_map && list.nr && !memcmp(list.window, x->extents.window, list.nr * sizeof(*list.window)))
		list.nr = 0;
	if (!ret)
		ret = hvcma_xen_partial_init(fdt, (int)fdt_totalsize(fdt), list.window, list.nr, err);
	hvcma_windows_free(&list);
	for (size_t i = 0; i < x->domain.nr_devices && !ret; i++)
		ret = hvcma_xen_add_device(fdt, x->host.blob, x->devices[i], err);
	if (!ret && x->region)
		ret = hvcma_xen_add_region(fdt, x->region, err);
	return ret ? ret : check_guest(x, fdt, err);
}

/* Of static memory it is known where it is. */
static int find_extents(struct hvcma_xen_job *x)
{
	const struct hvcma_xen_domain *d = &x->domain;
	struct hvcma_fdt_error err = { "" };

	if (d->nr_static_memory) {
		x->extents.window = calloc(d->nr_static_memory + 1, sizeof(*x->extents.window));
		if (!x->extents.window)
			return hvcma_failed("out of memory");
		if (d->direct_map)
			for (size_t i = 0; i < d->nr_static_memory; i++)
				x->extents.window[x->extents.nr++] = (struct hvcma_window){
					d->static_memory[i].base, d->static_memory[i].base, d->static_memory[i].bytes };
		else if (hvcma_xen_static_extents(d->static_memory, d->nr_static_memory, x->extents.window, &x->extents.nr, &err))
			return hvcma_failed(err.text);
	}
	if (hvcma_windows_check(x->extents.window, x->extents.nr, HVCMA_GUARD_BYTES, &err))
		return hvcma_failed(err.text);
	hvcma_windows_merge(x->extents.window, &x->extents.nr);
	return 0;
}

static int make_partial(struct hvcma_xen_job *x, const char *output)
{
	int ret = find_extents(x);

	if (!ret)
		ret = hvcma_dtb_edit(NULL, edit_partial, x, output);
	if (!ret)
		ret = hvcma_xen_print_left_out(x);
	if (!ret && x->is_xl)
		ret = hvcma_xen_print_xl(x, output);
	return ret;
}

/* ---- a domain that Xen starts ---- */

static int check_all(struct hvcma_xen_job *x, const void *host, struct hvcma_fdt_error *err)
{
	int ret = hvcma_xen_check(host, build_of(x), x->partials, x->nr_partials, hvcma_xen_print_finding, x, err);

	return ret == -FDT_ERR_NOSPACE ? -FDT_ERR_INTERNAL : ret;
}

static int edit_host(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct hvcma_xen_job *x = opaque;
	int ret;

	ret = hvcma_xen_add_domain(fdt, &x->domain, err);
	if (!ret)
		ret = check_all(x, fdt, err);
	if (!ret && x->nr_found[HVCMA_FDT_FAULT])
		ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "faults: no tree is written");
	return ret;
}

static int run_check(struct hvcma_xen_job *x)
{
	struct hvcma_fdt_error err;

	if (check_all(x, x->host.blob, &err))
		return hvcma_failed(err.text);
	return x->nr_found[HVCMA_FDT_FAULT] ? HVCMA_EXIT_FINDINGS : HVCMA_EXIT_OK;
}

/* ---- the command ---- */

static int check_check(const struct hvcma_xen_job *x, const char *output)
{
	if (output || x->domain.name || x->domain.nr_devices || x->has_memory || x->has_cpus || x->has_extents ||
	    x->has_modules || x->is_xl || x->domain.nr_static_memory || x->domain.direct_map || x->domain.vpl011 ||
	    x->domain.enhanced || x->domain.bootargs || x->region)
		return hvcma_usage_error("--check goes with --partial, --xen-config and a HOST tree, and with nothing else");
	return 0;
}

static int check_domain(const struct hvcma_xen_job *x)
{
	if (!x->has_memory)
		return hvcma_usage_error("--domain needs --memory");
	if (x->has_extents)
		return hvcma_usage_error("--extents is for a partial tree, without --domain");
	if (x->is_xl)
		return hvcma_usage_error("--xl prints what goes with a partial tree, without --domain");
	if (x->region)
		return hvcma_usage_error("--region is for a partial tree, without --domain");
	return 0;
}

static int check_partial(const struct hvcma_xen_job *x, const char *output)
{
	if (!x->domain.nr_devices)
		return hvcma_usage_error("--device or --domain is needed");
	if (x->has_cpus || x->has_modules || x->domain.bootargs || x->domain.enhanced || x->nr_partials)
		return hvcma_usage_error("--cpus, --kernel, --ramdisk, --device-tree, --bootargs, --enhanced and --partial go with --domain");
	if (x->has_extents && (x->domain.nr_static_memory || x->domain.direct_map))
		return hvcma_usage_error("--extents say what --static-mem and --direct-map say: one of them");
	if (x->region && (x->has_extents || x->domain.nr_static_memory || x->domain.direct_map || x->is_xl))
		return hvcma_usage_error("--region is for a domain whose driver finds its memory: not with --extents, --static-mem, --direct-map, nor --xl, whose domains have hvcma-xen");
	if (x->is_xl && (!strcmp(output, "-") || x->domain.nr_static_memory || x->domain.direct_map))
		return hvcma_usage_error("--xl prints what goes with a partial tree in a file, of a domain without --static-mem and --direct-map");
	if (x->has_memory && (!x->domain.memory_bytes || x->domain.memory_bytes & ((1u << 20) - 1)))
		return hvcma_usage_error("--memory: %llu bytes are no whole number of MiB", (unsigned long long)x->domain.memory_bytes);
	return 0;
}

static int check_xen(const struct hvcma_xen_job *x, int argc, const char *output)
{
	if (optind != argc - 1)
		return hvcma_usage_error("one HOST tree is needed");
	if (x->is_check)
		return check_check(x, output);
	if (!output)
		return hvcma_usage_error("-o is needed");
	return x->domain.name ? check_domain(x) : check_partial(x, output);
}

static int do_xen(struct hvcma_xen_job *x, const char *host, const char *output)
{
	for (size_t i = 0; i < x->nr_partials; i++) {
		x->partials[i].blob = x->partial_files[i].blob;
		if (!x->partials[i].domain)
			x->partials[i].domain = x->domain.name;
	}
	if (hvcma_dtb_load(host, &x->host))
		return HVCMA_EXIT_FAILED;
	if (x->is_check)
		return run_check(x);
	return x->domain.name ? hvcma_dtb_edit(&x->host, edit_host, x, output) : make_partial(x, output);
}

static int run_xen(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "extents", required_argument, NULL, 'e' },
		{ "xl", no_argument, NULL, 'x' },
		{ "region", required_argument, NULL, 'R' },
		{ "domain", required_argument, NULL, 'n' },
		{ "memory", required_argument, NULL, 'm' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "static-mem", required_argument, NULL, 's' },
		{ "direct-map", no_argument, NULL, 'D' },
		{ "vpl011", no_argument, NULL, 'v' },
		{ "enhanced", required_argument, NULL, 'E' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "ramdisk", required_argument, NULL, 'r' },
		{ "device-tree", required_argument, NULL, 't' },
		{ "bootargs", required_argument, NULL, 'a' },
		{ "check", no_argument, NULL, 'C' },
		{ "partial", required_argument, NULL, 'p' },
		{ "xen-config", required_argument, NULL, 'X' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hvcma_xen_job *x = calloc(1, sizeof(*x));
	const char *output = NULL;
	int ret;

	if (!x)
		return hvcma_failed("out of memory");
	x->domain.cpus = 1;
	x->domain.devices = x->devices;
	x->domain.static_memory = x->static_memory;
	ret = hvcma_fdt_options(&hvcma_fdt_xen_command, argc, argv, longs, set_xen, x, &output);
	if (!ret)
		ret = check_xen(x, argc, output);
	if (!ret)
		ret = do_xen(x, argv[optind], output);
	hvcma_windows_free(&x->extents);
	for (size_t i = 0; i < HVCMA_XEN_MAX_LIST; i++)
		hvcma_dtb_free(&x->partial_files[i]);
	hvcma_dtb_free(&x->host);
	free(x);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_xen_command = {
	.name = "xen",
	.usage = "(--device PATH... | --domain NAME --memory SIZE | --check) [OPTION...] HOST [-o OUT]",
	.help = "makes and checks device trees for Xen on Arm, for devices without IOMMU\n"
		"\n"
		"A partial device tree for a domain (xl's device_tree=, or a dom0less module):\n"
		"  --device PATH        of a device in the HOST tree; may be repeated\n"
		"  --extents FILE       lines \"GUEST-PHYSICAL MACHINE SIZE\" of the domain's memory,\n"
		"                       for dma-ranges. What dma-ranges on the host do to machine\n"
		"                       addresses is taken into account\n"
		"  --static-mem, --direct-map  as below, in place of --extents\n"
		"  --memory, --vpl011   as below: registers must not be where the domain has these\n"
		"  --xl                 print what goes into the domain's configuration (xl.cfg)\n"
		"  --region NAME        the domain's virtio_cma serves the devices out of all its RAM:\n"
		"                       for a domain that Xen starts, with --enhanced no-xenstore\n"
		"  What is left out is listed. A device with an interrupt that a domain can't have,\n"
		"  or whose registers are memory, is refused.\n"
		"\n"
		"Or the HOST tree with a domain that Xen starts (dom0less):\n"
		"  --domain NAME        of the node in /chosen\n"
		"  --memory SIZE        of the domain, multiple of 1K\n"
		"  --cpus N             processors (default 1)\n"
		"  --static-mem BASE,SIZE  machine memory of its own; may be repeated\n"
		"  --direct-map         guest-physical addresses are machine addresses\n"
		"  --vpl011             an emulated console\n"
		"  --enhanced KIND      Xen's interfaces: enabled, or no-xenstore\n"
		"  --kernel BASE,FILE   where the boot loader puts it; the FILE's size, or a SIZE\n"
		"  --ramdisk BASE,FILE, --device-tree BASE,FILE  the same; the latter is a partial tree\n"
		"  --bootargs TEXT      the kernel's command line\n"
		"  --device PATH        is kept for this domain (xen,passthrough)\n"
		"\n"
		"Or a check of all domains of a HOST tree:\n"
		"  --check              one line for each finding\n"
		"  --partial DOMAIN=FILE  the partial tree of a domain; may be repeated. With --domain,\n"
		"                       too: of the others\n"
		"\n"
		"  --xen-config FILE    what the build of Xen can do counts, too: FILE is its .config, or\n"
		"                       the hypervisor itself, with that inside\n"
		"  -o, --output OUT     the result. It is checked, and not written if there is a fault\n"
		"exit status: 0 no fault, 1 nothing was written, 2 wrong usage, 4 --check: a fault\n",
	.run = run_xen,
};
