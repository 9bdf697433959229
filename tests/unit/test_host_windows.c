// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a PCI device of a host to its DMA windows: by recorded trees of boards, by ACPI and on
 * x86; and each way in which that is refused. What trees say is for fdt/test_device_windows.
 */
#include <errno.h>

#include "tests/unit/recorded_host.h"

#include "fdt/device_windows.h"
#include "hv/host/bus_windows.h"
#include "hv/host/machine_tree.h"

static struct hvcma_bus_windows found;
static struct hvcma_error err;

static int by_fdt(const void *blob, size_t bytes, const char *node,
		  struct hvcma_dma_windows *windows, char bus[HVCMA_NODE_PATH_BYTES],
		  struct hvcma_error *why)
{
	struct hvcma_fdt_error text;
	int ret = hvcma_fdt_device_windows(blob, bytes, node, windows, bus, &text);

	if (ret)
		hvcma_error_set(why, "%s", text.text);
	return ret == -FDT_ERR_NOTFOUND ? -ENOENT : ret ? -EINVAL : 0;
}

static int ask(struct recorded *r, bool is_x86, const char *bdf)
{
	const struct hvcma_machine machine = { r->sysfs, is_x86 };

	memset(&found, 0x5a, sizeof(found));
	err.text[0] = '\0';
	return hvcma_bus_windows_of_pci(&machine, bdf, by_fdt, &found, &err);
}

static void refused(struct recorded *r, const char *bdf, int ret, const char *word)
{
	struct hvcma_bus_windows before;

	memset(&before, 0x5a, sizeof(before));
	assert_int_equal(ask(r, false, bdf), ret);
	if (!strstr(err.text, word))
		fail_msg("'%s' does not say '%s'", err.text, word);
	assert_memory_equal(&found, &before, sizeof(found));
}

static void expect_windows(struct recorded *r, const char *file)
{
	char source[256];

	if (ask(r, false, RECORDED_BDF))
		fail_msg("refused: %s", err.text);
	assert_int_equal(found.origin, HVCMA_WINDOWS_TREE);
	assert_string_equal(found.node, RECORDED_NODE);
	assert_string_equal(found.note, "");
	snprintf(source, sizeof(source), "dma-ranges of %s (%s/firmware/%s)", RECORDED_NODE, r->sysfs, file);
	assert_string_equal(found.source, source);
	assert_int_equal(found.windows.nr, 2);
	assert_int_equal(found.windows.window[0].bus_base, 0x1000000000);
	assert_int_equal(found.windows.window[0].dma_base, 0);
	assert_int_equal(found.windows.window[0].bytes, 0x1000000000);
	assert_int_equal(found.windows.window[1].dma_base, 0x1000131000);
}

static void tree_as_booted_and_as_it_is(void **state)
{
	struct recorded *r = *state;

	expect_windows(r, "fdt");
	recorded_remove(r, "firmware/fdt");
	expect_windows(r, "devicetree/base");
	/* a node that came later */
	assert_int_equal(fdt_del_node(r->fdt, fdt_path_offset(r->fdt, RECORDED_NODE)), 0);
	recorded_boot(r);
	expect_windows(r, "devicetree/base");
}

static void node_of_the_root_bus_itself(void **state)
{
	struct recorded *r = *state;

	recorded_remove(r, RECORDED_BRIDGE "/of_node");
	recorded_link(r, RECORDED_BRIDGE "/pci0001:00/of_node", "firmware/devicetree/base" RECORDED_NODE);
	expect_windows(r, "fdt");
}

static void no_dma_ranges(void **state)
{
	struct recorded *r = *state;

	assert_int_equal(fdt_delprop(r->fdt, fdt_path_offset(r->fdt, RECORDED_NODE), "dma-ranges"), 0);
	assert_int_equal(fdt_delprop(r->fdt, fdt_path_offset(r->fdt, "/axi"), "dma-ranges"), 0);
	recorded_boot(r);
	assert_int_equal(ask(r, false, RECORDED_BDF), 0);
	assert_true(hvcma_dma_windows_is_identity(&found.windows));
	assert_int_equal(found.origin, HVCMA_WINDOWS_TREE);
	assert_non_null(strstr(found.source, "no dma-ranges on its way up"));
}

static void a_node_by_its_path(void **state)
{
	struct recorded *r = *state;
	const struct hvcma_machine machine = { r->sysfs, false };

	assert_int_equal(hvcma_bus_windows_of_node(&machine, "/axi/pcie@1000110000", by_fdt, &found, &err), 0);
	assert_int_equal(found.windows.nr, 2);
	assert_int_equal(hvcma_bus_windows_of_node(&machine, "/axi/none", by_fdt, &found, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/firmware/fdt: "));
	assert_non_null(strstr(err.text, "/firmware/devicetree/base: "));
}

static void without_a_tree(void **state)
{
	struct recorded *r = *state;

	recorded_remove(r, RECORDED_BRIDGE "/of_node");
	refused(r, RECORDED_BDF, -ENODEV, "in no device tree and not in ACPI");
	assert_int_equal(ask(r, true, RECORDED_BDF), 0);
	assert_int_equal(found.origin, HVCMA_WINDOWS_X86);
	assert_true(hvcma_dma_windows_is_identity(&found.windows));
	assert_string_equal(found.note, "");
	recorded_put(r, RECORDED_BRIDGE "/pci0001:00/firmware_node/path", "\\_SB_.PCI1\n", 11);
	assert_int_equal(ask(r, false, RECORDED_BDF), 0);
	assert_int_equal(found.origin, HVCMA_WINDOWS_ACPI);
	assert_true(hvcma_dma_windows_is_identity(&found.windows));
	assert_non_null(strstr(found.note, "_DMA"));
	assert_string_equal(found.node, "");
}

static void devices_that_are_none(void **state)
{
	static const char *const none[] = {
		"", "nv0", "0000:01:00", "0001:01:00.00", "0001:1:00.0", "001:01:00.0", "0001:01:00.0/x",
		"../0001:01:00.0", "0001:01:0g.0", "123456789:01:00.0",
	};
	struct recorded *r = *state;

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		refused(r, none[i], -EINVAL, "is no PCI device");
	refused(r, "0001:02:00.0", -ENOENT, "no PCI device 0001:02:00.0");
	refused(r, "01:00.0", -ENOENT, "0000:01:00.0");
	recorded_link(r, "bus/pci/devices/0000:0a:00.0", RECORDED_BRIDGE "/pci0001:00/0001:00:00.0/" RECORDED_BDF);
	assert_int_equal(ask(r, false, "0A:00.0"), 0);
	recorded_put(r, "devices/platform/odd/0001:03:00.0/vendor", "", 0);
	recorded_link(r, "bus/pci/devices/0001:03:00.0", "devices/platform/odd/0001:03:00.0");
	refused(r, "0001:03:00.0", -ENODEV, "no host bridge");
}

static void trees_that_lie(void **state)
{
	struct recorded *r = *state;

	RECORDED_CELLS(r, RECORDED_NODE, "dma-ranges", 0x03000000, 0x10, 0, 0, 0, 0x10, 0,
		       0x03000000, 0x18, 0, 0, 0x40000000, 0, 0x10000000);
	recorded_boot(r);
	refused(r, RECORDED_BDF, -EINVAL, "/firmware/fdt: " RECORDED_NODE ": windows overlap on the bus at 0x1800000000");
	/* what is doubtful as booted isn't looked up elsewhere */
	recorded_put(r, "firmware/fdt", "no tree at all", 14);
	refused(r, RECORDED_BDF, -EINVAL, "/firmware/fdt: ");
	recorded_put(r, "firmware/fdt", "", 0);
	refused(r, RECORDED_BDF, -EINVAL, "/firmware/fdt: ");
	recorded_remove(r, "firmware/fdt");
	recorded_put(r, "firmware/fdt/x", "", 0);
	refused(r, RECORDED_BDF, -EISDIR, "/firmware/fdt: ");
	recorded_remove(r, "firmware/fdt");
	recorded_remove(r, "firmware/devicetree/base/axi");
	refused(r, RECORDED_BDF, -ENODEV, "in no device tree");
	recorded_put(r, "elsewhere/x", "", 0);
	recorded_link(r, RECORDED_BRIDGE "/of_node", "elsewhere");
	refused(r, RECORDED_BDF, -EINVAL, "of_node of its host bridge is not in");
}

static void the_tree_of_now_is_what_it_is(void **state)
{
	struct hvcma_machine_tree tree;
	struct recorded *r = *state;
	char big[100 << 10];
	const void *value;
	int node, len;

	memset(big, 0x5a, sizeof(big));
	assert_int_equal(fdt_setprop(r->fdt, fdt_path_offset(r->fdt, "/axi"), "big", big, sizeof(big)), 0);
	recorded_live(r);
	assert_int_equal(hvcma_machine_tree_live(r->sysfs, &tree, &err), 0);
	assert_int_equal(fdt_check_full(tree.blob, tree.bytes), 0);
	node = fdt_path_offset(tree.blob, "/axi");
	value = fdt_getprop(tree.blob, node, "big", &len);
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(value, big, sizeof(big));
	/* the kernel's own */
	assert_null(fdt_getprop(tree.blob, node, "name", NULL));
	assert_true(fdt_path_offset(tree.blob, RECORDED_NODE) > 0);
	hvcma_machine_tree_free(&tree);
	assert_null(tree.blob);
}

static void nodes_have_an_end(void **state)
{
	char path[1024] = "firmware/devicetree/base";
	struct hvcma_machine_tree tree;
	struct recorded *r = *state;

	for (int i = 0; i < HVCMA_MACHINE_TREE_MAX_DEPTH; i++)
		strcat(path, "/n");
	strcat(path, "/reg");
	recorded_put(r, path, "", 0);
	assert_int_equal(hvcma_machine_tree_live(r->sysfs, &tree, &err), 0);
	hvcma_machine_tree_free(&tree);
	strcpy(path + strlen(path) - strlen("reg"), "n/reg");
	recorded_put(r, path, "", 0);
	assert_int_equal(hvcma_machine_tree_live(r->sysfs, &tree, &err), -ELOOP);
	assert_non_null(strstr(err.text, "/firmware/devicetree/base: "));
	recorded_remove(r, "firmware/devicetree");
	assert_int_equal(hvcma_machine_tree_live(r->sysfs, &tree, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDED_TEST(tree_as_booted_and_as_it_is),
		RECORDED_TEST(node_of_the_root_bus_itself),
		RECORDED_TEST(no_dma_ranges),
		RECORDED_TEST(a_node_by_its_path),
		RECORDED_TEST(without_a_tree),
		RECORDED_TEST(devices_that_are_none),
		RECORDED_TEST(trees_that_lie),
		RECORDED_TEST(the_tree_of_now_is_what_it_is),
		RECORDED_TEST(nodes_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
