// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt dma-ranges and its reverse, drop-windows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/device_windows.h"
#include "hv/cli/fdt.h"
#include "hv/cli/windows.h"
#include "hv/core/window_text.h"

#define GUARDS			"dma-guard"

/* ---- dma-ranges ---- */

/* What the user left open, and how it was decided; of the last try. */
struct notes {
	struct hvcma_fdt_error bus, kept;
};

struct dma_ranges {
	const char *bus;		/* NULL: the only PCI host bridge */
	const char *device;
	struct hvcma_window_list list;
	struct hvcma_window_list vm;	/* of running machines, until their clients' windows are known */
	struct hvcma_vm_clients clients;
	const char *unused;		/* --device or --client that no --qmp has followed */
	uint64_t align_bytes;
	bool guards;
	bool has_identity, has_host;
	struct hvcma_dma_windows host;	/* of the device, on its host; with has_host */
	struct notes notes;
};

/* One entry of window_text.h, about no client. */
static int set_host_windows(struct dma_ranges *d, const char *text)
{
	struct hvcma_text_error err = { .sentence = "it is empty" };
	struct hvcma_window_text entry;
	const char *at = text;

	if (!*text || hvcma_window_text_next(&at, &entry, &err))
		return hvcma_usage_error("--host-windows: '%s': %s", text, err.sentence);
	if (*at || entry.client.bytes)
		return hvcma_usage_error("--host-windows: '%s': windows of one device, without its name", text);
	d->host = entry.windows;
	return 0;
}

static int set_host_device(struct dma_ranges *d, const char *bdf)
{
	struct hvcma_bus_windows found;
	int ret = hvcma_windows_of_host(NULL, bdf, NULL, &found);

	if (ret)
		return ret;
	d->host = found.windows;
	if (*found.note)
		hvcma_note(found.note);
	return 0;
}

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
		d->unused = "--device";
		return 0;
	case 'e':
		return hvcma_windows_from_file(arg, &d->list);
	case 'q':
		d->unused = NULL;
		return hvcma_windows_from_vm(arg, d->device, &d->vm, &d->clients);
	case 'c':
		d->clients.only = arg;
		d->unused = "--client";
		return 0;
	case 'a':
		if (!hvcma_fdt_number(arg, &d->align_bytes) || !d->align_bytes ||
		    d->align_bytes & (d->align_bytes - 1))
			return hvcma_usage_error("--granule: '%s' is no power of two", arg);
		return 0;
	case 'g':
		d->guards = true;
		return 0;
	case 'H':
	case 'W':
		if (d->has_host)
			return hvcma_usage_error("--host-device and --host-windows say the same: one of them, once");
		d->has_host = true;
		return c == 'H' ? set_host_device(d, arg) : set_host_windows(d, arg);
	default:
		d->has_identity = true;
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

/* A bus that is named is taken, disabled or not: its status may be the next edit. */
static int named_bus(const void *fdt, const char *bus, struct notes *notes,
		     char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	int node = hvcma_fdt_offset(fdt, bus, err), above, ret;

	if (node < 0)
		return node;
	ret = hvcma_fdt_full_path(fdt, node, path, err);
	for (above = node; above >= 0 && hvcma_fdt_is_enabled(fdt, above);)
		above = fdt_parent_offset(fdt, above);
	if (!ret && above >= 0)
		hvcma_fdt_fail(&notes->bus, 0, "%s is %sdisabled: Linux uses it once it is not", path,
			       above == node ? "" : "below a node that is ");
	return ret;
}

/* The bus that is meant; a note if it was left to us. */
static int find_bus(const void *fdt, const char *bus, struct notes *notes,
		    char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	int ret;

	notes->bus.text[0] = '\0';
	if (bus)
		return named_bus(fdt, bus, notes, path, err);
	ret = hvcma_fdt_host_bridge(fdt, HVCMA_FDT_ANY_DOMAIN, path, err);
	if (!ret)
		hvcma_fdt_fail(&notes->bus, 0, "the bus is %s, the only PCI host bridge that is enabled", path);
	return ret;
}

/* Windows that follow ours. */
static void note_kept(const void *fdt, const char *bus, size_t nr_ours, struct notes *notes)
{
	int node = hvcma_fdt_offset(fdt, bus, NULL), parent = fdt_parent_offset(fdt, node);
	int nr = hvcma_fdt_nr_dma_ranges(fdt, node, parent);
	struct hvcma_window w;

	notes->kept.text[0] = '\0';
	if (nr <= (int)nr_ours)
		return;
	w = hvcma_fdt_dma_range(fdt, node, parent, (int)nr_ours);
	hvcma_fdt_fail(&notes->kept, 0, "%d window%s that carr%s no memory stay%s, first 0x%" PRIx64 " on the bus at 0x%" PRIx64
		       ", 0x%" PRIx64 " bytes", nr - (int)nr_ours, nr - (int)nr_ours > 1 ? "s" : "",
		       nr - (int)nr_ours > 1 ? "y" : "ies", nr - (int)nr_ours > 1 ? "" : "s", w.dma, w.gpa, w.bytes);
}

static void print_notes(const struct notes *notes)
{
	if (*notes->bus.text)
		hvcma_note(notes->bus.text);
	if (*notes->kept.text)
		hvcma_note(notes->kept.text);
}

static int edit_dma_ranges(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct dma_ranges *d = opaque;
	char bus[HVCMA_FDT_PATH_BYTES];
	int ret = find_bus(fdt, d->bus, &d->notes, bus, err);

	if (!ret)
		ret = hvcma_fdt_set_dma_ranges(fdt, bus, d->list.window, d->list.nr, err);
	if (ret)
		return ret;
	note_kept(fdt, bus, d->list.nr, &d->notes);
	if (!d->guards)
		return hvcma_fdt_drop_guards(fdt, NULL, 0, err);
	ret = hvcma_fdt_drop_guards(fdt, d->list.window, d->list.nr, err);
	return ret ? ret : hvcma_fdt_add_guards(fdt, GUARDS, d->list.window, d->list.nr, err);
}

/* What the device finds of the extents, in place of where they are in the host's memory. */
static int pass_windows(struct hvcma_window_list *list, const struct hvcma_dma_windows *windows)
{
	struct hvcma_window reach[HVCMA_MAX_DMA_WINDOWS], *found;
	size_t nr_reach = hvcma_fdt_reach(windows, reach);
	struct hvcma_fdt_error err;
	uint64_t lost_bytes;
	size_t nr;

	found = calloc(list->nr * nr_reach, sizeof(*found));
	if (!found) {
		hvcma_fdt_fail(&err, 0, "out of memory for %zu windows", list->nr * nr_reach);
		return hvcma_failed(err.text);
	}
	nr = hvcma_windows_on_bus(list->window, list->nr, reach, nr_reach, found, &lost_bytes);
	hvcma_windows_free(list);
	*list = (struct hvcma_window_list){ found, nr };
	if (!nr) {
		hvcma_fdt_fail(&err, 0, "the device reaches nothing of these extents on its host: 0x%" PRIx64
			       " bytes are in none of its windows", lost_bytes);
		return hvcma_failed(err.text);
	}
	if (lost_bytes) {
		hvcma_fdt_fail(&err, 0, "0x%" PRIx64 " bytes are left out: in no window of the device on its host",
			       lost_bytes);
		hvcma_note(err.text);
	}
	return 0;
}

/* What a machine says of its clients holds for its own extents, unless the user says it. */
static int pass_clients(struct dma_ranges *d)
{
	struct hvcma_fdt_error err;

	if (d->has_host || !*d->clients.name || hvcma_dma_windows_is_identity(&d->clients.windows))
		return 0;
	hvcma_fdt_fail(&err, 0, "addresses are those that client '%s' has on its bus (source: %s)", d->clients.name,
		       d->clients.source);
	hvcma_note(err.text);
	return pass_windows(&d->vm, &d->clients.windows);
}

/* The second list goes to the end of the first. */
static int join(struct hvcma_window_list *list, struct hvcma_window_list *more)
{
	struct hvcma_window *all = realloc(list->window, (list->nr + more->nr) * sizeof(*all));
	struct hvcma_fdt_error err;

	if (!all) {
		hvcma_fdt_fail(&err, 0, "out of memory for %zu windows", list->nr + more->nr);
		return hvcma_failed(err.text);
	}
	list->window = all;
	if (more->nr)
		memcpy(all + list->nr, more->window, more->nr * sizeof(*all));
	list->nr += more->nr;
	return 0;
}

static int check_list(const struct hvcma_window_list *list, uint64_t align_bytes)
{
	struct hvcma_fdt_error err;

	return hvcma_windows_check(list->window, list->nr, align_bytes, &err) ? hvcma_failed(err.text) : 0;
}

/* From what was read to what is written, in the list. */
static int make_windows(struct dma_ranges *d)
{
	int ret;

	if (d->unused)
		return hvcma_usage_error("%s is of the --qmp that follows it: there is none", d->unused);
	if (!d->list.nr && !d->vm.nr)
		return hvcma_usage_error("no window: --extents, --qmp or --identity must give one");
	if (d->has_host && d->has_identity)
		return hvcma_usage_error("--identity is memory that is 1:1: not with --host-device or --host-windows");
	ret = check_list(&d->list, d->align_bytes);
	ret = ret ? ret : check_list(&d->vm, d->align_bytes);
	ret = ret ? ret : pass_clients(d);
	ret = ret ? ret : join(&d->list, &d->vm);
	if (!ret && d->has_host)
		ret = pass_windows(&d->list, &d->host);
	ret = ret ? ret : check_list(&d->list, HVCMA_GUARD_BYTES);
	if (!ret)
		hvcma_windows_merge(d->list.window, &d->list.nr);
	return ret;
}

static int run_dma_ranges(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "bus", required_argument, NULL, 'b' },
		{ "extents", required_argument, NULL, 'e' },
		{ "qmp", required_argument, NULL, 'q' },
		{ "device", required_argument, NULL, 'd' },
		{ "client", required_argument, NULL, 'c' },
		{ "identity", required_argument, NULL, 'i' },
		{ "host-device", required_argument, NULL, 'H' },
		{ "host-windows", required_argument, NULL, 'W' },
		{ "granule", required_argument, NULL, 'a' },
		{ "guards", no_argument, NULL, 'g' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct dma_ranges d = { .align_bytes = HVCMA_GUARD_BYTES };
	const char *output = NULL;
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_dma_ranges_command, argc, argv, longs, set_dma_ranges,
				&d, &output);
	if (!ret)
		ret = make_windows(&d);
	if (!ret)
		ret = hvcma_fdt_edit_file(argc, argv, output, edit_dma_ranges, &d);
	if (!ret)
		print_notes(&d.notes);
	hvcma_windows_free(&d.vm);
	hvcma_windows_free(&d.list);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_dma_ranges_command = {
	.name = "dma-ranges",
	.usage = "(--extents FILE | [--device ID] [--client ID] --qmp SOCKET | --identity BASE,SIZE)... [--host-device BDF | --host-windows TEXT] FILE [-o OUT]",
	.help = "tells a bus where its devices find memory\n"
		"\n"
		"  --extents FILE       lines \"GUEST-PHYSICAL DMA SIZE\", # for comments\n"
		"  --qmp SOCKET         extents that the virtio-cma regions of a running QEMU report\n"
		"                       at the addresses that its clients have on their bus\n"
		"  --device ID          of this region only; before --qmp\n"
		"  --client ID          as this client has them, where not all have the same; before --qmp\n"
		"  --identity BASE,SIZE memory that devices find where it is\n"
		"  --host-device BDF    the device has them as PCI device BDF of this host does: at\n"
		"                       addresses of its bus there (hvcma windows)\n"
		"  --host-windows TEXT  the same, said: BUS:MEMORY:SIZE[+...]\n"
		"  --bus PATH           the bus, also as &LABEL or alias; without it the only PCI host\n"
		"                       bridge that is enabled\n"
		"  --granule SIZE       windows must be whole granules (default 4096)\n"
		"  --guards             take the last page of each window out of memory, so that no\n"
		"                       buffer can lie across its end\n"
		"  -o, --output OUT     write there instead of into FILE\n"
		"\n"
		"Windows that touch on both sides become one; windows that overlap are an error.\n"
		"What the bus had before is replaced, guards included; windows that carry no memory,\n"
		"such as targets of interrupts, stay.\n",
	.run = run_dma_ranges,
};

/* ---- drop-windows ---- */

struct drop_windows {
	const char *bus;
	struct notes notes;
};

static int set_drop_windows(void *opaque, int c, char *arg)
{
	struct drop_windows *d = opaque;

	(void)c;
	d->bus = arg;
	return 0;
}

static int edit_drop_windows(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct drop_windows *d = opaque;
	char bus[HVCMA_FDT_PATH_BYTES];
	int ret = find_bus(fdt, d->bus, &d->notes, bus, err);

	if (!ret)
		ret = hvcma_fdt_drop_dma_ranges(fdt, bus, err);
	return ret ? ret : hvcma_fdt_drop_guards(fdt, NULL, 0, err);
}

static int run_drop_windows(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "bus", required_argument, NULL, 'b' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct drop_windows d = { 0 };
	const char *output = NULL;
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_drop_windows_command, argc, argv, longs,
				set_drop_windows, &d, &output);
	if (!ret)
		ret = hvcma_fdt_edit_file(argc, argv, output, edit_drop_windows, &d);
	if (!ret)
		print_notes(&d.notes);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_drop_windows_command = {
	.name = "drop-windows",
	.usage = "[--bus PATH] FILE [-o OUT]",
	.help = "takes the windows of a bus away, and their guards\n"
		"\n"
		"  --bus PATH           the bus; without it the only PCI host bridge that is enabled\n"
		"  -o, --output OUT     write there instead of into FILE\n"
		"\n"
		"Undoes dma-ranges: what the bus had before comes back.\n",
	.run = run_drop_windows,
};
