// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Platform devices of a host in a guest's tree: what is copied, what stands in, what is left out, and what
 * is refused, each by node and value. The host's tree is the rig's, the guest's one has a bus and a GIC.
 */
#include "tests/fdt/rig.h"

#include "fdt/guest_device.h"

#define DMA		"/soc/dma@1000"
#define BUS		"/platform-bus@c000000"
#define GUEST_DMA	BUS "/dma@2000"

static const struct hvcma_host_device vfio = {
	.reg_bytes = { 0x200 }, .nr_regs = 1, .is_level = { true }, .nr_irqs = 1,
};

static int guest_setup(void **state)
{
	struct rig *r;

	rig_setup(state);
	r = *state;
	assert_int_equal(fdt_create_empty_tree(r->other, RIG_ROOM), 0);
	rig_cells(r->other, 0, 2, 2);
	assert_int_equal(fdt_setprop_empty(r->other, 0, "dma-coherent"), 0);
	rig_cells(r->other, rig_node(r->other, "/", BUS + 1), 1, 1);
	return 0;
}

static int judge(struct rig *r, const struct hvcma_host_device *v)
{
	r->err.text[0] = '\0';
	return hvcma_fdt_judge_device(r->fdt, DMA, v, &r->err);
}

static void refused(struct rig *r, int ret, const char *word)
{
	assert_int_equal(ret, -FDT_ERR_BADVALUE);
	if (!strstr(r->err.text, word))
		fail_msg("'%s' does not say '%s'", r->err.text, word);
}

static void test_judged(void **state)
{
	struct hvcma_host_device v = vfio;
	struct rig *r = *state;

	assert_int_equal(judge(r, &vfio), 0);
	v.is_level[0] = false;
	refused(r, judge(r, &v), "interrupt 0 of '/soc/dma@1000' is a level in the host's tree, and an edge for VFIO");
	v = vfio;
	v.nr_irqs = 2;
	refused(r, judge(r, &v), "has 1 interrupts in the host's tree, and 2 for VFIO");
	v.nr_irqs = 0;
	refused(r, judge(r, &v), "more than 0 interrupts");
	v = vfio;
	v.reg_bytes[0] = 0x1000;
	refused(r, judge(r, &v), "are 0x200 bytes in the host's tree, and 0x1000 for VFIO");
	v = vfio;
	v.nr_regs = 2;
	refused(r, judge(r, &v), "has 1 ranges of registers in the host's tree, and 2 for VFIO");
	RIG_PROP(r->fdt, DMA, "interrupts", 0, 16, 2);
	refused(r, judge(r, &vfio), "interrupt 0 of '/soc/dma@1000' is of type 2");
	RIG_PROP(r->fdt, DMA, "interrupts", 1, 16, 4);
	refused(r, judge(r, &vfio), "(1 16) is not a shared one");
}

static void test_overlap(void **state)
{
	struct hvcma_host_device v = vfio;
	struct rig *r = *state;

	v.nr_regs = 2;
	v.reg_bytes[1] = 0x10;
	RIG_PROP(r->fdt, DMA, "reg", 0x1000, 0x200, 0x11f8, 0x10);
	refused(r, judge(r, &v), "registers 1 of '/soc/dma@1000' (0x900011f8, 0x10 bytes) overlap its registers 0");
	RIG_PROP(r->fdt, DMA, "reg", 0x1000, 0x200, 0x1200, 0x10);
	assert_int_equal(judge(r, &v), 0);
	assert_int_equal(fdt_setprop_string(r->fdt, rig_node(r->fdt, "/soc", "uart@1100"), "compatible", "test,uart"), 0);
	RIG_PROP(r->fdt, "/soc/uart@1100", "reg", 0x1100, 0x10);
	refused(r, judge(r, &v), "overlap registers 0 of '/soc/uart@1100' (0x90001100, 0x10 bytes)");
	assert_int_equal(fdt_setprop_string(r->fdt, fdt_path_offset(r->fdt, "/soc/uart@1100"), "status", "disabled"), 0);
	assert_int_equal(judge(r, &v), 0);
}

static void test_two_in_one(void **state)
{
	struct rig *r = *state;

	rig_node(r->fdt, DMA, "ports");
	assert_int_equal(judge(r, &vfio), 0);
	assert_int_equal(fdt_setprop_string(r->fdt, rig_node(r->fdt, DMA, "core@0"), "compatible", "test,core"), 0);
	refused(r, judge(r, &vfio), "has another device in it, '/soc/dma@1000/core@0'");
}

/* What the tree alone tells, before VFIO is asked. */
static void test_by_tree(void **state)
{
	uint32_t many[3 * (HVCMA_GUEST_MAX_INTERRUPTS + 1)];
	struct rig *r = *state;

	assert_int_equal(judge(r, NULL), 0);
	RIG_PROP(r->fdt, DMA, "interrupts", 0, 16, 2);
	refused(r, judge(r, NULL), "interrupt 0 of '/soc/dma@1000' is of type 2");
	RIG_PROP(r->fdt, DMA, "interrupts", 0, 16, 1, 1, 17, 4);
	refused(r, judge(r, NULL), "interrupt 1 of '/soc/dma@1000' (1 17) is not a shared one");
	for (size_t i = 0; i <= HVCMA_GUEST_MAX_INTERRUPTS; i++) {
		many[3 * i] = 0;
		many[3 * i + 1] = (uint32_t)i;
		many[3 * i + 2] = 4;
	}
	rig_u32s(r->fdt, fdt_path_offset(r->fdt, DMA), "interrupts", many, 3 * HVCMA_GUEST_MAX_INTERRUPTS);
	assert_int_equal(judge(r, NULL), 0);
	rig_u32s(r->fdt, fdt_path_offset(r->fdt, DMA), "interrupts", many, 3 * (HVCMA_GUEST_MAX_INTERRUPTS + 1));
	refused(r, judge(r, NULL), "has more than 64 interrupts, the limit");
	fdt_delprop(r->fdt, fdt_path_offset(r->fdt, DMA), "interrupts");
	assert_int_equal(judge(r, NULL), 0);
	RIG_PROP(r->fdt, DMA, "reg", 0x1000, 0x200, 0x1100, 0x200);
	refused(r, judge(r, NULL), "overlap its registers 0");
	fdt_delprop(r->fdt, fdt_path_offset(r->fdt, DMA), "reg");
	assert_int_equal(judge(r, NULL), -FDT_ERR_NOTFOUND);
	assert_non_null(strstr(r->err.text, "'/soc/dma@1000' has no registers in memory"));
}

static void test_amba(void **state)
{
	static const char both[] = "arm,pl330\0arm,primecell";
	struct rig *r = *state;

	assert_int_equal(fdt_setprop(r->fdt, fdt_path_offset(r->fdt, DMA), "compatible", both, sizeof(both)), 0);
	refused(r, judge(r, NULL), "'/soc/dma@1000' is an AMBA device (compatible 'arm,primecell')");
}

static int judge_guest(struct rig *r, const char *without)
{
	const struct hvcma_guest_device d = { .without = &without, .nr_without = !!without };

	r->err.text[0] = '\0';
	return hvcma_fdt_judge_guest_device(r->fdt, DMA, &d, &r->err);
}

/* As it would be added, and nothing is. */
static void test_guest_judged(void **state)
{
	struct rig *r = *state;

	assert_int_equal(judge_guest(r, NULL), 0);
	RIG_PROP(r->fdt, DMA, "resets", 1, 3);
	refused(r, judge_guest(r, NULL), "'/soc/dma@1000' needs 'resets' of the host, which a guest can't drive (without=resets:");
	assert_int_equal(judge_guest(r, "resets"), 0);
	RIG_PROP(r->fdt, DMA, "clocks", 1);
	refused(r, judge_guest(r, "resets"), "clock 0 of '/soc/dma@1000' is made by '/gic@8000000'");
	fdt_delprop(r->fdt, fdt_path_offset(r->fdt, DMA), "clocks");
	fdt_delprop(r->fdt, fdt_path_offset(r->fdt, DMA), "reg");
	assert_int_equal(judge_guest(r, "resets"), -FDT_ERR_NOTFOUND);
}

static int add(struct rig *r, const struct hvcma_guest_device *more, hvcma_fdt_need_fn *say, void *opaque)
{
	struct hvcma_guest_device d = {
		.bus = BUS, .bus_base = 0xc000000, .reg = { { 0xc002000, 0x200 } }, .nr_regs = 1,
		.spi = { 113 }, .is_level = { true }, .nr_irqs = 1,
	};

	if (more) {
		d.clock_hz = more->clock_hz;
		d.nr_clock_hz = more->nr_clock_hz;
		d.without = more->without;
		d.nr_without = more->nr_without;
	}
	return hvcma_fdt_add_guest_device(r->other, r->fdt, DMA, &d, say, opaque, r->path, &r->err);
}

/* Of a pool the guest's region takes the place; other memory can't be had. */
static void test_memory_region(void **state)
{
	struct rig *r = *state;

	rig_cells(r->fdt, rig_node(r->fdt, "/", "reserved-memory"), 2, 2);
	assert_int_equal(fdt_setprop_string(r->fdt, rig_node(r->fdt, "/reserved-memory", "pool"), "compatible", "shared-dma-pool"), 0);
	RIG_PROP(r->fdt, "/reserved-memory/pool", "phandle", 7);
	rig_node(r->fdt, "/reserved-memory", "firmware");
	RIG_PROP(r->fdt, "/reserved-memory/firmware", "phandle", 8);
	RIG_PROP(r->fdt, DMA, "memory-region", 7);
	assert_int_equal(judge_guest(r, NULL), 0);
	RIG_PROP(r->fdt, DMA, "memory-region", 7, 8);
	refused(r, judge_guest(r, NULL), "'/soc/dma@1000' needs 'memory-region' of the host that is no pool");
	assert_int_equal(judge_guest(r, "memory-region"), 0);
	RIG_PROP(r->fdt, DMA, "memory-region", 7);
	assert_int_equal(add(r, NULL, NULL, NULL), 0);
	assert_false(rig_has(r->other, GUEST_DMA, "memory-region"));
}

static void test_node(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, DMA, "test,depth", 16);
	RIG_PROP(r->fdt, DMA, "test,num-queues", 1);	/* the GIC's phandle */
	assert_int_equal(add(r, NULL, NULL, NULL), 0);
	assert_string_equal(r->path, GUEST_DMA);
	RIG_EXPECT(r->other, GUEST_DMA, "test,num-queues", 1);
	RIG_EXPECT(r->other, GUEST_DMA, "reg", 0x2000, 0x200);
	RIG_EXPECT(r->other, GUEST_DMA, "interrupts", 0, 113, 4);
	RIG_EXPECT(r->other, GUEST_DMA, "test,depth", 16);
	assert_true(rig_has(r->other, GUEST_DMA, "dma-coherent"));
	assert_true(hvcma_fdt_is_compatible(r->other, fdt_path_offset(r->other, GUEST_DMA), "test,dma"));
	assert_int_equal(add(r, NULL, NULL, NULL), -FDT_ERR_EXISTS);
}

static void test_noncoherent(void **state)
{
	struct rig *r = *state;

	fdt_delprop(r->fdt, fdt_path_offset(r->fdt, DMA), "dma-coherent");
	assert_int_equal(add(r, NULL, NULL, NULL), 0);
	assert_false(rig_has(r->other, GUEST_DMA, "dma-coherent"));
	assert_true(rig_has(r->other, GUEST_DMA, "dma-noncoherent"));
	assert_false(rig_has(r->other, "/", "dma-coherent"));
}

static void count(void *opaque, const char *property, enum hvcma_fdt_need need)
{
	unsigned int *seen = opaque;

	(void)property;
	seen[need]++;
}

static void test_needs(void **state)
{
	unsigned int told[HVCMA_NR_NEEDS] = { 0 }, seen[HVCMA_NR_NEEDS] = { 0 };
	const uint32_t rates[] = { 1000, 2000 };
	const char *const without[] = { "resets" };
	struct hvcma_guest_device more = { .without = without, .nr_without = 1 };
	struct rig *r = *state;

	rig_node(r->fdt, "/", "osc");
	RIG_PROP(r->fdt, "/osc", "phandle", 7);
	RIG_PROP(r->fdt, "/osc", "#clock-cells", 1);
	RIG_PROP(r->fdt, DMA, "clocks", 7, 3, 7, 4);
	assert_int_equal(fdt_setprop(r->fdt, fdt_path_offset(r->fdt, DMA), "clock-names", "bus\0core", 9), 0);
	RIG_PROP(r->fdt, DMA, "vdd-supply", 7);
	RIG_PROP(r->fdt, DMA, "power-domains", 7);
	RIG_PROP(r->fdt, DMA, "resets", 7, 1);
	RIG_PROP(r->fdt, DMA, "test,syscon", 7);
	assert_int_equal(hvcma_fdt_device_needs(r->fdt, DMA, count, seen, &r->err), 0);
	assert_int_equal(seen[HVCMA_NEED_STAND_IN], 2);
	assert_int_equal(seen[HVCMA_NEED_HOST], 1);
	assert_int_equal(seen[HVCMA_NEED_DRIVEN], 1);
	assert_int_equal(seen[HVCMA_NEED_UNKNOWN], 1);

	refused(r, add(r, NULL, NULL, NULL), "clock 0 of '/soc/dma@1000' is made by '/osc', and its rate is not in the tree");
	guest_setup(state);
	r = *state;
	rig_node(r->fdt, "/", "osc");
	RIG_PROP(r->fdt, "/osc", "phandle", 7);
	RIG_PROP(r->fdt, "/osc", "#clock-cells", 1);
	RIG_PROP(r->fdt, DMA, "clocks", 7, 3, 7, 4);
	RIG_PROP(r->fdt, DMA, "vdd-supply", 7);
	RIG_PROP(r->fdt, DMA, "power-domains", 7);
	RIG_PROP(r->fdt, DMA, "resets", 7, 1);
	RIG_PROP(r->fdt, DMA, "test,syscon", 7);
	more.clock_hz = rates;
	more.nr_clock_hz = 2;
	more.nr_without = 0;
	refused(r, add(r, &more, NULL, NULL), "'/soc/dma@1000' needs 'resets' of the host");
	assert_int_equal(fdt_del_node(r->other, fdt_path_offset(r->other, GUEST_DMA)), 0);
	assert_int_equal(fdt_del_node(r->other, fdt_path_offset(r->other, "/clock-dma-2000-0")), 0);
	assert_int_equal(fdt_del_node(r->other, fdt_path_offset(r->other, "/clock-dma-2000-1")), 0);
	fdt_del_node(r->other, fdt_path_offset(r->other, "/vdd-supply-dma-2000"));
	more.nr_without = 1;
	assert_int_equal(add(r, &more, count, told), 0);
	assert_int_equal(told[HVCMA_NEED_HOST], 1);
	assert_int_equal(told[HVCMA_NEED_DRIVEN], 1);
	assert_int_equal(told[HVCMA_NEED_UNKNOWN], 1);
	RIG_EXPECT(r->other, "/clock-dma-2000-1", "clock-frequency", 2000);
	assert_true(rig_has(r->other, "/vdd-supply-dma-2000", "regulator-always-on"));
	assert_true(rig_has(r->other, GUEST_DMA, "clocks"));
	assert_true(rig_has(r->other, GUEST_DMA, "vdd-supply"));
	assert_false(rig_has(r->other, GUEST_DMA, "power-domains"));
	assert_false(rig_has(r->other, GUEST_DMA, "test,syscon"));
}

/* What a fixed clock of the host has, and what the device has assigned. */
static void test_rates(void **state)
{
	struct rig *r = *state;
	int node = rig_node(r->fdt, "/", "xtal");

	assert_int_equal(fdt_setprop_string(r->fdt, node, "compatible", "fixed-clock"), 0);
	RIG_PROP(r->fdt, "/xtal", "phandle", 7);
	RIG_PROP(r->fdt, "/xtal", "#clock-cells", 0);
	RIG_PROP(r->fdt, "/xtal", "clock-frequency", 24000000);
	rig_node(r->fdt, "/", "pll");
	RIG_PROP(r->fdt, "/pll", "phandle", 8);
	RIG_PROP(r->fdt, "/pll", "#clock-cells", 1);
	RIG_PROP(r->fdt, DMA, "clocks", 7, 8, 5);
	RIG_PROP(r->fdt, DMA, "assigned-clocks", 8, 4, 8, 5);
	RIG_PROP(r->fdt, DMA, "assigned-clock-rates", 0, 600000000);
	assert_int_equal(add(r, NULL, NULL, NULL), 0);
	RIG_EXPECT(r->other, "/clock-dma-2000-0", "clock-frequency", 24000000);
	RIG_EXPECT(r->other, "/clock-dma-2000-1", "clock-frequency", 600000000);
}

int main(void)
{
#define GUEST_TEST(name)	cmocka_unit_test_setup(name, guest_setup)
	const struct CMUnitTest tests[] = {
		GUEST_TEST(test_judged), GUEST_TEST(test_overlap), GUEST_TEST(test_two_in_one), GUEST_TEST(test_by_tree),
		GUEST_TEST(test_amba), GUEST_TEST(test_guest_judged), GUEST_TEST(test_memory_region),
		GUEST_TEST(test_node), GUEST_TEST(test_noncoherent), GUEST_TEST(test_needs), GUEST_TEST(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
