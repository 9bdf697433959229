// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma check, of a platform device: see check_platform.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fdt/guest_device.h"
#include "hv/cli/check_platform.h"
#include "hv/cli/plugin.h"
#include "hv/cli/windows.h"
#include "hv/host/bus_windows.h"
#include "hv/host/machine_tree.h"
#include "hv/host/platform_rules.h"

#define MAX_DRIVEN	32	/* a node has a handful */

/* What was said of a node's properties. */
struct said {
	struct hvcma_host_findings *all;
	char driven[MAX_DRIVEN][64];
	size_t nr_driven;
};

/* hvcma_fdt_need_fn */
static void need(void *opaque, const char *property, enum hvcma_fdt_need need)
{
	struct said *said = opaque;
	struct hvcma_host_findings *all = said->all;

	switch (need) {
	case HVCMA_NEED_STAND_IN:
		hvcma_found(all, "device-needs", HVCMA_NOTE, "'%.100s': a fixed one stands in for it in the guest; on the host it has to be on",
			    property);
		hvcma_fix(all, "the host's driver may have switched it off: clk_ignore_unused or regulator_ignore_unused on the host's command line");
		break;
	case HVCMA_NEED_HOST:
		hvcma_found(all, "device-needs", HVCMA_NOTE, "'%.100s' is left to the host, as it is now", property);
		break;
	case HVCMA_NEED_DRIVEN:
		hvcma_found(all, "device-needs", HVCMA_FAIL, "'%.100s' is the host's, and a guest can't have it", property);
		hvcma_fix(all, "if the guest's driver does without: without=%.100s of vfio-platform-noiommu", property);
		if (said->nr_driven < MAX_DRIVEN)
			snprintf(said->driven[said->nr_driven++], sizeof(*said->driven), "%s", property);
		break;
	default:
		hvcma_found(all, "device-needs", HVCMA_WARN, "'%.100s' may refer to another node: the guest does not get it", property);
	}
}

static void check_rule(const char *root, const void *compatible, int bytes, struct hvcma_host_findings *all)
{
	static const char *const files[] = { HVCMA_PLATFORM_RULES_OWN, HVCMA_PLUGINDIR "/" HVCMA_PLATFORM_RULES_FILE };
	struct hvcma_platform_rule rule;
	struct hvcma_error err;
	char path[PATH_MAX];
	int ret;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files) && compatible; i++) {
		snprintf(path, sizeof(path), "%s%s", root, files[i]);
		ret = hvcma_platform_rule_find(path, compatible, (size_t)bytes, &rule, &err);
		if (!ret) {
			hvcma_found(all, "device-reset", HVCMA_PASS, "it can be reset, by the rule of '%s' in %s", rule.compatible, path);
			return;
		}
		if (ret != -ENOENT) {
			hvcma_found(all, "device-reset", HVCMA_FAIL, "%s", err.text);
			return;
		}
	}
	hvcma_found(all, "device-reset", HVCMA_WARN, "no rule says how it is reset: unless the kernel has a reset module for it, it is refused");
	hvcma_fix(all, "write one into " HVCMA_PLATFORM_RULES_OWN " (virtio-cma(7)); with reset=once it can be claimed once");
}

/* What QEMU would refuse it for, as far as the tree tells; what was said already is taken for allowed. */
static void check_node(const void *blob, const char *node, const struct said *said)
{
	const char *without[MAX_DRIVEN];
	struct hvcma_guest_device guest = { .without = without, .nr_without = said->nr_driven };
	struct hvcma_fdt_error err;

	for (size_t i = 0; i < said->nr_driven; i++)
		without[i] = said->driven[i];
	if (hvcma_fdt_judge_device(blob, node, NULL, &err)) {
		hvcma_found(said->all, "device-node", HVCMA_FAIL, "%.300s", err.text);
		return;
	}
	hvcma_found(said->all, "device-node", HVCMA_PASS, "its registers overlap nobody's, its interrupts are such as a guest can have");
	if (hvcma_fdt_judge_guest_device(blob, node, &guest, &err))
		hvcma_found(said->all, "device-needs", HVCMA_FAIL, "%.300s", err.text);
}

static void check_tree(const char *root, const char *node, const struct hvcma_machine_tree *tree,
		       struct hvcma_host_findings *all)
{
	struct said said = { .all = all };
	struct hvcma_fdt_error err;
	uint32_t before = all->nr;
	const void *compatible;
	int len = 0;

	if (hvcma_fdt_validate(tree->blob, tree->bytes, &err) ||
	    hvcma_fdt_device_needs(tree->blob, node, need, &said, &err)) {
		hvcma_found(all, "device-needs", HVCMA_FAIL, "the host's device tree: %.250s", err.text);
		return;
	}
	if (all->nr == before)
		hvcma_found(all, "device-needs", HVCMA_PASS, "it needs nothing of other devices of the host");
	check_node(tree->blob, node, &said);
	compatible = fdt_getprop(tree->blob, fdt_path_offset(tree->blob, node), "compatible", &len);
	check_rule(root, compatible, len, all);
}

void hvcma_check_platform_node(const char *root, const struct hvcma_pci *device, struct hvcma_host_findings *all)
{
	char sysfs[PATH_MAX], node[HVCMA_NODE_PATH_BYTES];
	const struct hvcma_machine machine = { sysfs, false };
	struct hvcma_bus_windows found;
	struct hvcma_machine_tree tree;
	struct hvcma_error err;

	snprintf(sysfs, sizeof(sysfs), "%.3000s/sys", root);
	if (hvcma_platform_node(&machine, device->name, node, &err) || hvcma_machine_tree_live(sysfs, &tree, &err)) {
		hvcma_found(all, "device-needs", HVCMA_FAIL, "%s", err.text);
		return;
	}
	check_tree(root, node, &tree, all);
	hvcma_machine_tree_free(&tree);
	if (hvcma_bus_windows_of_node(&machine, node, hvcma_windows_read_tree, &found, &err)) {
		hvcma_found(all, "device-windows", HVCMA_FAIL, "%s", err.text);
		hvcma_fix(all, "say what its bus does with addresses: dma-windows= of virtio-cma(7)");
	} else {
		hvcma_found(all, "device-windows", HVCMA_PASS, "%s (%.200s)", hvcma_dma_windows_is_identity(&found.windows) ?
			    "it reaches all of memory, at the same addresses" : "its bus has windows on memory", found.source);
	}
}
