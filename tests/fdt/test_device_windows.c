// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The DMA windows of one device: trees of the kind that boards have, and trees that lie, each
 * refused by node and value. That real trees are read as Linux reads them is for test_linux.sh.
 */
#include "tests/fdt/rig.h"

#include "fdt/device_windows.h"

#define PCI		"/pcie@10000000"
#define DMA		"/soc/dma@1000"

/* Windows as expected: on the bus, in memory, size. */
#define FOUND(r, where, on, ...) do {							\
	const struct hvcma_dma_window want[] = { __VA_ARGS__ };				\
											\
	expect(r, where, on, want, sizeof(want) / sizeof(*want));			\
} while (0)

static int ask(struct rig *r, const char *where, struct hvcma_dma_windows *w)
{
	r->err.text[0] = '\0';
	return hvcma_fdt_device_windows(r->fdt, RIG_ROOM, where, w, r->path, &r->err);
}

static void expect(struct rig *r, const char *where, const char *on,
		   const struct hvcma_dma_window *want, size_t nr)
{
	struct hvcma_dma_windows w;

	assert_int_equal(ask(r, where, &w), 0);
	assert_string_equal(r->path, on);
	assert_int_equal(w.nr, nr);
	assert_memory_equal(w.window, want, nr * sizeof(*want));
}

static void expect_identity(struct rig *r, const char *where)
{
	struct hvcma_dma_windows w;

	assert_int_equal(ask(r, where, &w), 0);
	assert_string_equal(r->path, "");
	assert_true(hvcma_dma_windows_is_identity(&w));
}

/* Refused with this word in the reason, and nothing is written. */
static void refused(struct rig *r, const char *where, int code, const char *word)
{
	struct hvcma_dma_windows w, before;

	memset(&w, 0x5a, sizeof(w));
	before = w;
	strcpy(r->path, "before");
	assert_int_equal(ask(r, where, &w), code);
	if (!strstr(r->err.text, word))
		fail_msg("'%s' does not say '%s'", r->err.text, word);
	assert_memory_equal(&w, &before, sizeof(w));
	assert_string_equal(r->path, "before");
}

static void empty(struct rig *r, const char *path)
{
	assert_int_equal(fdt_setprop_empty(r->fdt, fdt_path_offset(r->fdt, path), "dma-ranges"), 0);
}

/* ---- boards ---- */

static void raspberry_pi_5(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0x10, 0, 0, 0, 0x10, 0,
		 0x03000000, 0xff, 0xfffff000, 0x10, 0x00131000, 0, 0x1000);
	rig_node(r->fdt, PCI, "pci@0,0");
	rig_cells(r->fdt, fdt_path_offset(r->fdt, PCI "/pci@0,0"), 3, 2);
	assert_int_equal(fdt_setprop_string(r->fdt, fdt_path_offset(r->fdt, PCI "/pci@0,0"),
					    "device_type", "pci"), 0);
	rig_node(r->fdt, PCI "/pci@0,0", "nvme@0,0");
	FOUND(r, PCI, PCI, { 0x1000000000, 0, 0x1000000000 },
	      { 0xfffffff000, 0x1000131000, 0x1000 });
	/* what is below has the bridge's */
	RIG_PROP(r->fdt, PCI "/pci@0,0", "dma-ranges", 0x03000000, 0, 0, 0, 0, 0, 0x1000);
	FOUND(r, PCI "/pci@0,0/nvme@0,0", PCI, { 0x1000000000, 0, 0x1000000000 },
	      { 0xfffffff000, 0x1000131000, 0x1000 });
}

static void raspberry_pi_4(void **state)
{
	struct rig *r = *state;

	/* the old masters: memory from 3 GiB on */
	RIG_PROP(r->fdt, "/soc", "dma-ranges", 0xc0000000, 0, 0, 0x40000000,
		 0x7c000000, 0, 0xfc000000, 0x03800000, 0x40000000, 0, 0xff800000, 0x00800000);
	FOUND(r, DMA, "/soc", { 0xc0000000, 0, 0x40000000 }, { 0x7c000000, 0xfc000000, 0x03800000 },
	      { 0x40000000, 0xff800000, 0x00800000 });
	/* PCI, whose bridge reaches 3 GiB, behind scb, which has 16 GiB 1:1 */
	rig_cells(r->fdt, rig_node(r->fdt, "/", "scb"), 2, 1);
	RIG_PROP(r->fdt, "/scb", "dma-ranges", 0, 0, 0, 0, 0xfc000000, 1, 0, 1, 0, 0x80000000);
	assert_int_equal(fdt_setprop_string(r->fdt, rig_node(r->fdt, "/scb", "pcie@7d500000"),
					    "device_type", "pci"), 0);
	rig_cells(r->fdt, fdt_path_offset(r->fdt, "/scb/pcie@7d500000"), 3, 2);
	RIG_PROP(r->fdt, "/scb/pcie@7d500000", "dma-ranges", 0x02000000, 0, 0, 0, 0, 0, 0xc0000000);
	FOUND(r, "/scb/pcie@7d500000", "/scb/pcie@7d500000", { 0, 0, 0xc0000000 });
}

static void imx8mp(void **state)
{
	struct rig *r = *state;

	rig_cells(r->fdt, rig_node(r->fdt, "/soc", "bus@30000000"), 1, 1);
	rig_node(r->fdt, "/soc/bus@30000000", "mmc@30b40000");
	RIG_PROP(r->fdt, "/soc", "dma-ranges", 0x40000000, 0, 0x40000000, 0xc0000000);
	/* the bus between has no property: for Linux that passes once */
	FOUND(r, "/soc/bus@30000000/mmc@30b40000", "/soc", { 0x40000000, 0x40000000, 0xc0000000 });
	rig_cells(r->fdt, fdt_path_offset(r->fdt, "/soc/bus@30000000/mmc@30b40000"), 1, 1);
	rig_node(r->fdt, "/soc/bus@30000000/mmc@30b40000", "part@0");
	expect_identity(r, "/soc/bus@30000000/mmc@30b40000/part@0");
}

static void rk3588(void **state)
{
	struct rig *r = *state;

	expect_identity(r, PCI);
	expect_identity(r, DMA);
	empty(r, PCI);
	expect_identity(r, PCI);
}

static void ls1046a(void **state)
{
	struct rig *r = *state;

	rig_cells(r->fdt, rig_node(r->fdt, "/", "bus"), 2, 2);
	RIG_PROP(r->fdt, "/bus", "dma-ranges", 0, 0, 0, 0, 0x10000, 0);
	assert_int_equal(fdt_setprop_string(r->fdt, rig_node(r->fdt, "/bus", "pcie@3400000"),
					    "device_type", "pci"), 0);
	rig_cells(r->fdt, fdt_path_offset(r->fdt, "/bus/pcie@3400000"), 3, 2);
	FOUND(r, "/bus/pcie@3400000", "/bus", { 0, 0, UINT64_C(1) << 48 });
}

/* ---- the walk ---- */

static void levels_are_composed(void **state)
{
	struct rig *r = *state;

	rig_cells(r->fdt, rig_node(r->fdt, "/soc", "inner"), 1, 1);
	rig_node(r->fdt, "/soc/inner", "dev@0");
	RIG_PROP(r->fdt, "/soc/inner", "dma-ranges", 0x1000000, 0x2000000, 0x800000);
	RIG_PROP(r->fdt, "/soc", "dma-ranges", 0x2000000, 8, 0, 0x1000000);
	FOUND(r, "/soc/inner/dev@0", "/soc/inner", { 0x1000000, 0x800000000, 0x800000 });
	/* empty: passed on */
	empty(r, "/soc/inner");
	FOUND(r, "/soc/inner/dev@0", "/soc", { 0x2000000, 0x800000000, 0x1000000 });
	/* one that reaches beyond what is above */
	RIG_PROP(r->fdt, "/soc/inner", "dma-ranges", 0x1000000, 0x2000000, 0x1800000);
	refused(r, "/soc/inner/dev@0", -FDT_ERR_BADVALUE, "/soc/inner: the window at 0x1000000");
	/* and one that leads nowhere, alone and beside another */
	RIG_PROP(r->fdt, "/soc/inner", "dma-ranges", 0x1000000, 0x4000000, 0x800000);
	refused(r, "/soc/inner/dev@0", -FDT_ERR_BADVALUE, "/soc/inner: no window");
	RIG_PROP(r->fdt, "/soc/inner", "dma-ranges", 0x1000000, 0x4000000, 0x800000,
		 0x6000000, 0x2000000, 0x100000);
	FOUND(r, "/soc/inner/dev@0", "/soc/inner", { 0x6000000, 0x800000000, 0x100000 });
}

static void a_later_bus_without_ends_it(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, "/soc", "dma-ranges", 0x2000000, 8, 0, 0x1000000);
	rig_cells(r->fdt, rig_node(r->fdt, "/soc", "outer"), 1, 1);
	rig_cells(r->fdt, rig_node(r->fdt, "/soc/outer", "inner"), 1, 1);
	rig_node(r->fdt, "/soc/outer/inner", "dev@0");
	expect_identity(r, "/soc/outer/inner/dev@0");
	empty(r, "/soc/outer");
	FOUND(r, "/soc/outer/inner/dev@0", "/soc", { 0x2000000, 0x800000000, 0x1000000 });
}

static void interconnects_lead_elsewhere(void **state)
{
	struct rig *r = *state;
	int node;

	RIG_PROP(r->fdt, "/soc", "dma-ranges", 0x2000000, 8, 0, 0x1000000);
	rig_cells(r->fdt, rig_node(r->fdt, "/", "mbus"), 1, 1);
	RIG_PROP(r->fdt, "/mbus", "phandle", 77);
	RIG_PROP(r->fdt, "/mbus", "#interconnect-cells", 1);
	RIG_PROP(r->fdt, "/mbus", "dma-ranges", 0, 0, 0x40000000, 0x10000000);
	RIG_PROP(r->fdt, DMA, "interconnects", 77, 5);
	node = fdt_path_offset(r->fdt, DMA);
	assert_int_equal(fdt_setprop_string(r->fdt, node, "interconnect-names", "dma-mem"), 0);
	FOUND(r, DMA, "/mbus", { 0, 0x40000000, 0x10000000 });
	/* Linux would go on at the parent */
	RIG_PROP(r->fdt, DMA, "interconnects", 78, 5);
	refused(r, DMA, -FDT_ERR_BADSTRUCTURE, DMA ": its interconnect");
	/* and here end without a word */
	RIG_PROP(r->fdt, DMA, "interconnects", 77, 5);
	RIG_PROP(r->fdt, "/mbus", "interconnects", 77, 5);
	node = fdt_path_offset(r->fdt, "/mbus");
	assert_int_equal(fdt_setprop_string(r->fdt, node, "interconnect-names", "dma-mem"), 0);
	refused(r, DMA, -FDT_ERR_BADSTRUCTURE, "/mbus: the way of DMA goes in a circle");
}

/* ---- what is in a window ---- */

static void io_space_is_no_memory(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x01000000, 0, 0, 0, 0x50000000, 0, 0x10000,
		 0x42000000, 0, 0x80000000, 0, 0x40000000, 0, 0x10000000);
	FOUND(r, PCI, PCI, { 0x80000000, 0x40000000, 0x10000000 });
	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x01000000, 0, 0, 0, 0x50000000, 0, 0x10000);
	refused(r, PCI, -FDT_ERR_BADVALUE, PCI ": no window");
}

static void windows_are_whole_pages(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0, 0x80000800, 0, 0x40000800, 0, 0x3000,
		 0x03000000, 0, 0x90000000, 0, 0x50000000, 0, 0x800,
		 0x03000000, 0, 0xa0000800, 0, 0x60000000, 0, 0x4000);
	FOUND(r, PCI, PCI, { 0x80001000, 0x40001000, 0x2000 });
	/* all that 64 bits can say */
	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0, 0, 0, 0, 0xffffffff, 0xffffffff);
	FOUND(r, PCI, PCI, { 0, 0, UINT64_MAX - 0xfff });
	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0xffffffff, 0xffff0000, 0, 0x10000000, 0, 0x10000);
	FOUND(r, PCI, PCI, { 0xffffffffffff0000, 0x10000000, 0xf000 });
}

static void the_first_in_memory_counts(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0x10, 0, 0, 0x40000000, 0, 0x1000000,
		 0x03000000, 0, 0x40000000, 0, 0x40000000, 0, 0x2000000);
	FOUND(r, PCI, PCI, { 0x1000000000, 0x40000000, 0x1000000 },
	      { 0x41000000, 0x41000000, 0x1000000 });
}

/* ---- lies ---- */

static void windows_that_lie(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0, 0x80000000, 0, 0x40000000, 0, 0);
	refused(r, PCI, -FDT_ERR_BADVALUE, PCI ": the window at 0x80000000 on the bus is empty");
	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0xffffffff, 0xf0000000, 0, 0x40000000, 0, 0x20000000);
	refused(r, PCI, -FDT_ERR_BADVALUE, PCI ": the window at 0xfffffffff0000000");
	assert_non_null(strstr(r->err.text, "wraps"));
	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0, 0x80000000, 0, 0x40000000, 0, 0x10000000,
		 0x03000000, 0, 0x88000000, 0, 0x60000000, 0, 0x10000000);
	refused(r, PCI, -FDT_ERR_BADVALUE, "overlap on the bus at 0x88000000 and lead to different memory, 0x60000000 and 0x48000000");
	/* the same, said twice, is no lie */
	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0, 0x80000000, 0, 0x40000000, 0, 0x10000000,
		 0x03000000, 0, 0x88000000, 0, 0x48000000, 0, 0x10000000);
	FOUND(r, PCI, PCI, { 0x80000000, 0x40000000, 0x18000000 });
	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0, 0x80000000, 0, 0x40000000, 0, 0x10000000, 0x03000000);
	refused(r, PCI, -FDT_ERR_BADVALUE, PCI ": its dma-ranges are no whole number");
}

static void too_many_windows(void **state)
{
	uint32_t cells[(HVCMA_MAX_DMA_WINDOWS + 1) * 7];
	struct rig *r = *state;
	int node = fdt_path_offset(r->fdt, PCI);
	struct hvcma_dma_windows w;

	for (uint32_t i = 0; i <= HVCMA_MAX_DMA_WINDOWS; i++) {
		const uint32_t one[7] = { 0x03000000, 0, 0x80000000 + i * 0x2000, 0,
					  0x40000000 + i * 0x10000, 0, 0x1000 };

		memcpy(cells + 7 * i, one, sizeof(one));
	}
	rig_u32s(r->fdt, node, "dma-ranges", cells, HVCMA_MAX_DMA_WINDOWS * 7);
	assert_int_equal(ask(r, PCI, &w), 0);
	assert_int_equal(w.nr, HVCMA_MAX_DMA_WINDOWS);
	rig_u32s(r->fdt, node, "dma-ranges", cells, (HVCMA_MAX_DMA_WINDOWS + 1) * 7);
	refused(r, PCI, -FDT_ERR_BADVALUE, "more windows than 16, the one at 0x80020000");
}

static void cells_that_lie(void **state)
{
	struct rig *r = *state;

	RIG_PROP(r->fdt, "/soc", "dma-ranges", 0x2000000, 8, 0, 0x1000000);
	RIG_PROP(r->fdt, "/soc", "#size-cells", 0);
	refused(r, DMA, -FDT_ERR_BADNCELLS, "/soc: its dma-ranges can't be read by 1 address and 0 size cells");
	RIG_PROP(r->fdt, "/soc", "#size-cells", 1);
	RIG_PROP(r->fdt, "/soc", "#address-cells", 7);
	refused(r, DMA, -FDT_ERR_BADNCELLS, "7 address");
	RIG_PROP(r->fdt, "/soc", "#address-cells", 0xffffffff);
	refused(r, DMA, -FDT_ERR_BADNCELLS, "soc");
}

static void nodes_that_are_none(void **state)
{
	struct rig *r = *state;

	refused(r, "/", -FDT_ERR_BADVALUE, "'/' is the root");
	refused(r, "/pcie@20000000", -FDT_ERR_NOTFOUND, "/pcie@20000000");
	refused(r, "", -FDT_ERR_NOTFOUND, "''");
	rig_node(r->fdt, "/", "fragment@0");
	rig_node(r->fdt, "/fragment@0", "__overlay__");
	refused(r, "/fragment@0/__overlay__", -FDT_ERR_BADVALUE, "the tree is an overlay");
}

static void blobs_that_are_none(void **state)
{
	struct hvcma_dma_windows w;
	struct rig *r = *state;
	size_t bytes;

	assert_int_equal(fdt_pack(r->fdt), 0);
	bytes = fdt_totalsize(r->fdt);
	assert_int_equal(hvcma_fdt_device_windows(r->fdt, bytes, PCI, &w, r->path, &r->err), 0);
	/* cut off anywhere */
	for (size_t cut = 0; cut < bytes; cut++) {
		r->err.text[0] = '\0';
		assert_true(hvcma_fdt_device_windows(r->fdt, cut, PCI, &w, r->path, &r->err) < 0);
		assert_true(r->err.text[0]);
	}
	memset(r->fdt, 0, 64);
	refused(r, PCI, -FDT_ERR_BADMAGIC, "");
}

/* ---- extents of a guest behind a host bridge ---- */

static void extents_on_the_bus(void **state)
{
	static const struct hvcma_window extents[] = {
		{ .dma = 0x80000000, .gpa = 0x40000000, .bytes = 0x8000000 },
		{ .dma = 0xffff000000, .gpa = 0x48000000, .bytes = 0x2000000 },
		{ .dma = 0x20000000, .gpa = 0x50000000, .bytes = 0x4000000 },
	};
	struct hvcma_window reach[HVCMA_MAX_DMA_WINDOWS], out[3 * HVCMA_MAX_DMA_WINDOWS];
	struct rig *r = *state;
	struct hvcma_dma_windows w;
	uint64_t lost;
	size_t nr;

	RIG_PROP(r->fdt, PCI, "dma-ranges", 0x03000000, 0x10, 0, 0, 0x22000000, 0, 0x60000000,
		 0x03000000, 0x10, 0x80000000, 0, 0x82000000, 0, 0x1000000);
	assert_int_equal(ask(r, PCI, &w), 0);
	nr = hvcma_fdt_reach(&w, reach);
	assert_int_equal(nr, 2);
	nr = hvcma_windows_on_bus(extents, 3, reach, nr, out, &lost);
	/* up to the first window's end, in the second, and the end of the last extent */
	assert_int_equal(nr, 3);
	assert_int_equal(out[0].dma, 0x105e000000);
	assert_int_equal(out[0].gpa, 0x40000000);
	assert_int_equal(out[0].bytes, 0x2000000);
	assert_int_equal(out[1].dma, 0x1080000000);
	assert_int_equal(out[1].gpa, 0x42000000);
	assert_int_equal(out[1].bytes, 0x1000000);
	assert_int_equal(out[2].dma, 0x1000000000);
	assert_int_equal(out[2].gpa, 0x52000000);
	assert_int_equal(out[2].bytes, 0x2000000);
	assert_int_equal(lost, 0x8000000 + 0x2000000 + 0x4000000 - 0x5000000);
	/* 1:1 */
	hvcma_dma_windows_identity(&w);
	nr = hvcma_windows_on_bus(extents, 3, reach, hvcma_fdt_reach(&w, reach), out, &lost);
	assert_int_equal(nr, 3);
	assert_memory_equal(out, extents, sizeof(extents));
	assert_int_equal(lost, 0);
	/* out of reach */
	nr = hvcma_windows_on_bus(extents + 1, 1, reach, 0, out, &lost);
	assert_int_equal(nr, 0);
	assert_int_equal(lost, 0x2000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(raspberry_pi_5),
		RIG_TEST(raspberry_pi_4),
		RIG_TEST(imx8mp),
		RIG_TEST(rk3588),
		RIG_TEST(ls1046a),
		RIG_TEST(levels_are_composed),
		RIG_TEST(a_later_bus_without_ends_it),
		RIG_TEST(interconnects_lead_elsewhere),
		RIG_TEST(io_space_is_no_memory),
		RIG_TEST(windows_are_whole_pages),
		RIG_TEST(the_first_in_memory_counts),
		RIG_TEST(windows_that_lie),
		RIG_TEST(too_many_windows),
		RIG_TEST(cells_that_lie),
		RIG_TEST(nodes_that_are_none),
		RIG_TEST(blobs_that_are_none),
		RIG_TEST(extents_on_the_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
