// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The DMA windows of a PCI device of this host: see bus_windows.h.
 */
#include "hv/host/bus_windows.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/host/machine_tree.h"

const struct hvcma_machine hvcma_this_machine = {
	.sysfs = "/sys",
#if defined(__x86_64__) || defined(__i386__)
	.is_x86 = true,
#endif
};

const char *hvcma_windows_origin_name(enum hvcma_windows_origin origin)
{
	switch (origin) {
	case HVCMA_WINDOWS_X86:
		return "x86";
	case HVCMA_WINDOWS_ACPI:
		return "acpi";
	default:
		return "device-tree";
	}
}

/* ---- names ---- */

static const char *skip_digits(const char *at, int least, int most)
{
	int nr = 0;

	while (at && nr < most && isxdigit((unsigned char)at[nr]))
		nr++;
	return at && nr >= least ? at + nr : NULL;
}

static const char *skip_char(const char *at, char c)
{
	return at && *at == c ? at + 1 : NULL;
}

/* What is behind "BB:SS.F"; NULL: it is not there. */
static const char *skip_place(const char *at)
{
	at = skip_char(skip_digits(at, 2, 2), ':');
	return skip_digits(skip_char(skip_digits(at, 2, 2), '.'), 1, 1);
}

int hvcma_pci_name(const char *bdf, char name[HVCMA_PCI_NAME_BYTES], struct hvcma_error *err)
{
	const char *end = skip_place(skip_char(skip_digits(bdf, 4, 8), ':'));
	bool is_short = false;

	if (!end) {
		end = skip_place(bdf);
		is_short = true;
	}
	if (!end || *end) {
		hvcma_error_set(err, "'%.100s' is no PCI device: it is written as DOMAIN:BUS:SLOT.FUNCTION, 0000:01:00.0",
				bdf);
		return -EINVAL;
	}
	snprintf(name, HVCMA_PCI_NAME_BYTES, "%s%s", is_short ? "0000:" : "", bdf);
	for (char *at = name; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return 0;
}

/* "pci0000:00" */
static bool is_root_bus(const char *name)
{
	const char *end;

	if (strncmp(name, "pci", 3))
		return false;
	end = skip_digits(skip_char(skip_digits(name + 3, 4, 8), ':'), 2, 2);
	return end && !*end;
}

/* ---- the host bridge ---- */

/* Of a device's directory up to that of its root bus; false: it is on none. */
static bool cut_to_root_bus(char *path)
{
	char *last;

	while ((last = strrchr(path, '/')) != NULL) {
		if (is_root_bus(last + 1))
			return true;
		*last = '\0';
	}
	return false;
}

/*
 * The node of a directory, as a path in the tree. Return: 1; 0: it has none; -ENAMETOOLONG,
 * -EINVAL: it is not in the tree.
 */
static int node_of(const struct hvcma_machine *machine, const char *dir, char node[HVCMA_NODE_PATH_BYTES])
{
	char link[PATH_MAX + 16], base[PATH_MAX], at[PATH_MAX];
	size_t len;

	snprintf(link, sizeof(link), "%s/of_node", dir);
	if (!realpath(link, at))
		return 0;
	if (snprintf(link, sizeof(link), "%s/firmware/devicetree/base", machine->sysfs) >= (int)sizeof(link) ||
	    !realpath(link, base))
		return -EINVAL;
	len = strlen(base);
	if (strncmp(at, base, len) || at[len] != '/')
		return -EINVAL;
	if (strlen(at + len) >= HVCMA_NODE_PATH_BYTES)
		return -ENAMETOOLONG;
	strcpy(node, at + len);
	return 1;
}

static bool has_acpi(const char *dir)
{
	char link[PATH_MAX + 16];

	snprintf(link, sizeof(link), "%s/firmware_node", dir);
	return !access(link, F_OK);
}

/*
 * Return: 1 with @node; 0: by ACPI; negative with @err.
 * @path: of the device's directory; written to
 */
static int find_node(const struct hvcma_machine *machine, const char *name, char *path,
		     char node[HVCMA_NODE_PATH_BYTES], struct hvcma_error *err)
{
	bool acpi;
	int ret;

	if (!cut_to_root_bus(path)) {
		hvcma_error_set(err, "PCI device %s: no host bridge (pciDDDD:BB) above it in sysfs", name);
		return -ENODEV;
	}
	acpi = has_acpi(path);
	ret = node_of(machine, path, node);
	if (!ret) {
		*strrchr(path, '/') = '\0';
		ret = node_of(machine, path, node);
	}
	if (ret < 0)
		hvcma_error_set(err, "PCI device %s: of_node of its host bridge is not in %.200s/firmware/devicetree/base, or its path is longer than %d bytes",
				name, machine->sysfs, HVCMA_NODE_PATH_BYTES - 1);
	if (ret || acpi)
		return ret;
	hvcma_error_set(err, "PCI device %s: its host bridge is in no device tree and not in ACPI: what its DMA reaches is not known (dma-windows= can say it)",
			name);
	return -ENODEV;
}

/* ---- trees ---- */

static int read_tree(const struct hvcma_machine *machine, const char *file,
		     const struct hvcma_machine_tree *tree, const char *node,
		     hvcma_tree_reader_fn *read, struct hvcma_bus_windows *found,
		     struct hvcma_error *err)
{
	char bus[HVCMA_NODE_PATH_BYTES];
	struct hvcma_error why = { "" };
	int ret = read(tree->blob, tree->bytes, node, &found->windows, bus, &why);

	if (ret) {
		hvcma_error_set(err, "%.100s/firmware/%s: %.250s", machine->sysfs, file, why.text);
		return ret;
	}
	found->origin = HVCMA_WINDOWS_TREE;
	found->note = "";
	snprintf(found->node, sizeof(found->node), "%s", node);
	if (*bus)
		snprintf(found->source, sizeof(found->source), "dma-ranges of %s (%.64s/firmware/%s)",
			 bus, machine->sysfs, file);
	else
		snprintf(found->source, sizeof(found->source), "no dma-ranges on its way up (%.64s/firmware/%s)",
			 machine->sysfs, file);
	return 0;
}

int hvcma_bus_windows_of_node(const struct hvcma_machine *machine, const char *node,
			      hvcma_tree_reader_fn *read, struct hvcma_bus_windows *found,
			      struct hvcma_error *err)
{
	struct hvcma_error booted = { "" }, live = { "" };
	struct hvcma_bus_windows result;
	struct hvcma_machine_tree tree;
	int ret = hvcma_machine_tree_booted(machine->sysfs, &tree, &booted);

	if (!ret) {
		ret = read_tree(machine, "fdt", &tree, node, read, &result, &booted);
		hvcma_machine_tree_free(&tree);
	}
	if (ret != -EACCES && ret != -ENOENT) {
		if (ret)
			hvcma_error_set(err, "%s", booted.text);
		else
			*found = result;
		return ret;
	}
	/* it may not be read, is not there, or the node is newer */
	ret = hvcma_machine_tree_live(machine->sysfs, &tree, &live);
	if (!ret) {
		ret = read_tree(machine, "devicetree/base", &tree, node, read, &result, &live);
		hvcma_machine_tree_free(&tree);
	}
	if (ret)
		hvcma_error_set(err, "%.180s; %.180s", booted.text, live.text);
	else
		*found = result;
	return ret;
}

static void set_identity(struct hvcma_bus_windows *found, enum hvcma_windows_origin origin,
			 const char *source, const char *note)
{
	hvcma_dma_windows_identity(&found->windows);
	found->origin = origin;
	found->node[0] = '\0';
	found->note = note;
	snprintf(found->source, sizeof(found->source), "%s", source);
}

int hvcma_bus_windows_of_pci(const struct hvcma_machine *machine, const char *bdf,
			     hvcma_tree_reader_fn *read, struct hvcma_bus_windows *found,
			     struct hvcma_error *err)
{
	char link[PATH_MAX], path[PATH_MAX], name[HVCMA_PCI_NAME_BYTES], node[HVCMA_NODE_PATH_BYTES];
	int ret = hvcma_pci_name(bdf, name, err);

	if (ret)
		return ret;
	if (snprintf(link, sizeof(link), "%s/bus/pci/devices/%s", machine->sysfs, name) >= (int)sizeof(link) ||
	    !realpath(link, path)) {
		hvcma_error_set(err, "there is no PCI device %s: no %.200s/bus/pci/devices/%s", name,
				machine->sysfs, name);
		return -ENOENT;
	}
	if (machine->is_x86) {
		set_identity(found, HVCMA_WINDOWS_X86, "x86: 1:1", "");
		return 0;
	}
	ret = find_node(machine, name, path, node, err);
	if (ret < 0)
		return ret;
	if (!ret) {
		set_identity(found, HVCMA_WINDOWS_ACPI, "ACPI: taken for 1:1",
			     "ACPI describes windows in _DMA, which no program can see; if the host bridge shifts or limits addresses, say so with dma-windows=");
		return 0;
	}
	return hvcma_bus_windows_of_node(machine, node, read, found, err);
}

/* ---- platform devices ---- */

int hvcma_platform_node(const struct hvcma_machine *machine, const char *name,
			char node[HVCMA_NODE_PATH_BYTES], struct hvcma_error *err)
{
	char link[PATH_MAX], path[PATH_MAX];
	int ret;

	if (!*name || strchr(name, '/')) {
		hvcma_error_set(err, "'%.200s' is no name of a platform device", name);
		return -EINVAL;
	}
	if (snprintf(link, sizeof(link), "%s/bus/platform/devices/%s", machine->sysfs, name) >= (int)sizeof(link) ||
	    !realpath(link, path)) {
		hvcma_error_set(err, "there is no platform device %.200s: no %.200s/bus/platform/devices/%.200s", name,
				machine->sysfs, name);
		return -ENOENT;
	}
	ret = node_of(machine, path, node);
	if (ret == 1)
		return 0;
	hvcma_error_set(err, "platform device %.200s is in no device tree: only devices that a tree describes can be passed through",
			name);
	return ret ? ret : -ENODEV;
}

int hvcma_bus_windows_of_platform(const struct hvcma_machine *machine, const char *name,
				  hvcma_tree_reader_fn *read, struct hvcma_bus_windows *found,
				  struct hvcma_error *err)
{
	char node[HVCMA_NODE_PATH_BYTES];
	int ret = hvcma_platform_node(machine, name, node, err);

	return ret ? ret : hvcma_bus_windows_of_node(machine, node, read, found, err);
}
