// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Platform devices of the host that must not get as far as VFIO: each is refused by name, with the value and
 * the limit, by what sysfs and the host's tree say of it. This machine's own sysfs is hidden behind one of
 * files, which QEMU reads as it would the kernel's. What VFIO itself says is for nested/test_platform_ends.
 */
#define _GNU_SOURCE	/* unshare */
#include "tests/unit/recorded_host.h"

#include <sched.h>
#include <sys/mount.h>

#include "tests/qtest/qtest.h"

#define CODEC		"a000000.codec"
#define NODE		"/codec@a000000"
#define PLATFORM	"bus/platform/devices/"
#define DEVICE		"-device vfio-platform-noiommu,id=g0,host="

static struct recorded host = { .sysfs = "/sys" };

static void put_text(const char *path, const char *text)
{
	recorded_put(&host, path, text, strlen(text));
}

static void set_text(const char *node, const char *name, const char *text)
{
	assert_int_equal(fdt_setprop_string(host.fdt, fdt_path_offset(host.fdt, node), name, text), 0);
}

static void add_node(const char *name)
{
	assert_true(fdt_add_subnode(host.fdt, 0, name) >= 0);
}

/* A codec that could be passed through. */
static void good_tree(void)
{
	assert_int_equal(fdt_create_empty_tree(host.fdt, RECORDED_ROOM), 0);
	RECORDED_CELLS(&host, "/", "#address-cells", 2);
	RECORDED_CELLS(&host, "/", "#size-cells", 2);
	RECORDED_CELLS(&host, "/", "interrupt-parent", 1);
	add_node("gic@8000000");
	RECORDED_CELLS(&host, "/gic@8000000", "phandle", 1);
	RECORDED_CELLS(&host, "/gic@8000000", "#interrupt-cells", 3);
	set_text("/gic@8000000", "interrupt-controller", "");
	set_text("/gic@8000000", "compatible", "arm,gic-v3");
	add_node(NODE + 1);
	set_text(NODE, "compatible", "test,codec");
	RECORDED_CELLS(&host, NODE, "reg", 0, 0xa000000, 0, 0x1000);
	RECORDED_CELLS(&host, NODE, "interrupts", 0, 16, 4);
}

static void put_driver(const char *driver)
{
	char path[256];

	snprintf(path, sizeof(path), "bus/platform/drivers/%s", driver);
	recorded_link(&host, "devices/platform/" CODEC "/driver", path);
}

static void put_group(const char *name)
{
	put_text("kernel/iommu_groups/7/name", name);
	recorded_link(&host, "devices/platform/" CODEC "/iommu_group", "kernel/iommu_groups/7");
}

static int setup(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	good_tree();
	recorded_live(&host);
	put_text("devices/platform/" CODEC "/modalias", "of:Ncodec\n");
	recorded_link(&host, PLATFORM CODEC, "devices/platform/" CODEC);
	recorded_link(&host, "devices/platform/" CODEC "/of_node", "firmware/devicetree/base" NODE);
	put_text("module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	put_driver("vfio-platform");
	put_group("vfio-noiommu\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	qtest_kill_leftover();
	return 0;
}

static void refused(const char *options, const char *message)
{
	qtest_expect_refusal(QTEST_VIRT, message, "%s", options);
}

/* As the tree in host.fdt has it now. */
static void refused_by_tree(const char *options, const char *message)
{
	recorded_live(&host);
	refused(options, message);
	good_tree();
	recorded_live(&host);
}

/* Whoever gets here has passed all that follows, and is stopped by the last before VFIO: there is no region. */
static void test_passes(void **state)
{
	(void)state;
	refused(DEVICE CODEC, "no virtio-cma region with unsafe-noiommu=on names device 'g0'");
}

static void test_sysfs(void **state)
{
	(void)state;
	refused(DEVICE "none.codec", "there is no platform device 'none.codec' in /sys/bus/platform/devices");
	refused(DEVICE "../" CODEC, "host='../" CODEC "' is to be the name of a platform device");
	put_text("bus/amba/devices/9000000.pl011/modalias", "amba:d00041011\n");
	refused(DEVICE "9000000.pl011", "'9000000.pl011' is an AMBA device (/sys/bus/amba/devices), which takes vfio-amba");
	put_driver("codec");
	refused(DEVICE CODEC, CODEC " is not bound to vfio-platform, but to codec: 'hvcma bind " CODEC "' does it");
	put_driver("vfio-platform");
	put_group("DMA\n");
	refused(DEVICE CODEC, CODEC " has an IOMMU (group 7): this device is for those without");
	recorded_remove(&host, "devices/platform/" CODEC "/iommu_group");
	refused(DEVICE CODEC, CODEC ": has no VFIO group: bind " CODEC " to vfio-platform");
	put_group("vfio-noiommu\n");
	recorded_remove(&host, "devices/platform/" CODEC "/of_node");
	refused(DEVICE CODEC, "platform device " CODEC " is in no device tree");
}

static void test_tree(void **state)
{
	(void)state;
	RECORDED_CELLS(&host, NODE, "interrupts", 0, 16, 2);
	refused_by_tree(DEVICE CODEC, "interrupt 0 of '" NODE "' is of type 2: the GIC has rising edges (1) and high levels (4)");
	add_node("uart@a000800");
	set_text("/uart@a000800", "compatible", "test,uart");
	RECORDED_CELLS(&host, "/uart@a000800", "reg", 0, 0xa000800, 0, 0x100);
	refused_by_tree(DEVICE CODEC, "registers 0 of '" NODE "' (0xa000000, 0x1000 bytes) overlap registers 0 of '/uart@a000800'");
	assert_true(fdt_add_subnode(host.fdt, fdt_path_offset(host.fdt, NODE), "core") >= 0);
	set_text(NODE "/core", "compatible", "test,core");
	refused_by_tree(DEVICE CODEC, "'" NODE "' has another device in it, '" NODE "/core'");
	fdt_delprop(host.fdt, fdt_path_offset(host.fdt, NODE), "reg");
	refused_by_tree(DEVICE CODEC, "the device '" NODE "' has no registers in memory");
	RECORDED_CELLS(&host, NODE, "resets", 1, 3);
	refused_by_tree(DEVICE CODEC, "'" NODE "' needs 'resets' of the host, which a guest can't drive (without=resets:");
	RECORDED_CELLS(&host, NODE, "resets", 1, 3);
	refused_by_tree(DEVICE CODEC ",without=resets", "no virtio-cma region with unsafe-noiommu=on names device 'g0'");
	RECORDED_CELLS(&host, NODE, "clocks", 1);
	refused_by_tree(DEVICE CODEC, "clock 0 of '" NODE "' is made by '/gic@8000000', and its rate is not in the tree");
}

static void test_options(void **state)
{
	const char *rules = "/tmp/hvcma-test-platform-rules";
	char options[256];
	FILE *f;

	(void)state;
	refused(DEVICE CODEC ",reset=twice", CODEC ": reset='twice' is not supported, supported: auto, once");
	refused(DEVICE CODEC ",clock-rates=24M", CODEC ": clock-rates=: '24M' is no rate in Hz, limit: 4294967295");
	unlink(rules);
	snprintf(options, sizeof(options), DEVICE CODEC ",rules=%s", rules);
	refused(options, CODEC ": /tmp/hvcma-test-platform-rules: No such file or directory");
	f = fopen(rules, "w");
	assert_non_null(f);
	fprintf(f, "# a write shows nothing\ntest,codec 0x10=1\n");
	assert_int_equal(fclose(f), 0);
	refused(options, "line 2: rule of 'test,codec': its last step is to be a read");
	unlink(rules);
}

/* Out of sight of all others: a file system of this process and its children. */
static int hide_sysfs(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/sys", "tmpfs", 0, NULL)) {
		perror("# no mount namespace");
		return -1;
	}
	return 0;
}

int main(void)
{
#define HOST_TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		HOST_TEST(test_passes), HOST_TEST(test_sysfs), HOST_TEST(test_tree), HOST_TEST(test_options),
	};

	if (geteuid() || qtest_is_built_in()) {
		puts("1..0 # SKIP needs root, and a QEMU that passes platform devices through: the plugin's");
		return 77;
	}
	return cmocka_run_group_tests(tests, hide_sysfs, NULL);
}
