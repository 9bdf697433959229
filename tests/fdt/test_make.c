// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Overlays, applied with libfdt; trees for Xen.
 */
#include "tests/fdt/rig.h"

#include <stdlib.h>

#include "fdt/bus.h"
#include "fdt/overlay.h"
#include "fdt/region.h"
#include "fdt/tree.h"
#include "fdt/xen.h"
#include "fdt/xen_domain.h"

static const struct hvcma_fdt_region pool = {
	.name = "pool", .pool = HVCMA_FDT_REUSABLE, .bytes = 64 * MIB, .has_base = 1, .base = 0x50000000,
};
static const struct hvcma_window windows[] = {
	{ 0xc0000000, 0x40000000, 1024 * MIB },
};

/* ---- overlays ---- */

static int same_node(const void *a, int node_a, const void *b, int node_b)
{
	int prop, nr_a = 0, nr_b = 0;

	fdt_for_each_property_offset(prop, a, node_a) {
		const char *name;
		int len, other_len;
		const void *value = fdt_getprop_by_offset(a, prop, &name, &len);
		const void *other = fdt_getprop(b, node_b, name, &other_len);

		nr_a++;
		if (!other || len != other_len || memcmp(value, other, (size_t)len))
			return 0;
	}
	fdt_for_each_property_offset(prop, b, node_b)
		nr_b++;
	return nr_a == nr_b;
}

static void assert_same_tree(const void *a, const void *b)
{
	struct hvcma_fdt_tree ta, tb;

	assert_int_equal(hvcma_fdt_tree_init(&ta, a, NULL), 0);
	assert_int_equal(hvcma_fdt_tree_init(&tb, b, NULL), 0);
	assert_int_equal(ta.nr, tb.nr);
	for (int i = 0; i < ta.nr; i++) {
		char path[HVCMA_FDT_PATH_BYTES];
		int j;

		hvcma_fdt_tree_name(&ta, i, path);
		j = hvcma_fdt_tree_path(&tb, path);
		if (j < 0 || !same_node(a, ta.node[i].offset, b, tb.node[j].offset))
			fail_msg("differ at %s", path);
	}
	hvcma_fdt_tree_fini(&tb);
	hvcma_fdt_tree_fini(&ta);
}

static void edit(struct rig *rig)
{
	memcpy(rig->other, rig->fdt, RIG_ROOM);
	assert_int_equal(hvcma_fdt_add_region(rig->other, &pool, rig->path, NULL), 0);
	assert_int_equal(hvcma_fdt_bind(rig->other, "/soc/dma@1000", rig->path, NULL), 0);
	assert_int_equal(hvcma_fdt_pci_node(rig->other, "0000:00/03.0/00.0", rig->path, NULL), 0);
	assert_int_equal(hvcma_fdt_bind(rig->other, rig->path, "/reserved-memory/pool@50000000", NULL), 0);
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->other, "/soc", windows, 1, NULL), 0);
}

/* base + overlay(base, edited) = edited */
static void test_overlay(void **state)
{
	static _Alignas(8) char overlay[RIG_ROOM];
	struct rig *rig = *state;

	edit(rig);
	assert_int_equal(hvcma_fdt_overlay(rig->fdt, rig->other, overlay, RIG_ROOM, &rig->err), 0);
	assert_int_equal(fdt_overlay_apply(rig->fdt, overlay), 0);
	assert_same_tree(rig->fdt, rig->other);
	/* and once applied there is no difference */
	assert_int_equal(hvcma_fdt_overlay(rig->fdt, rig->other, overlay, RIG_ROOM, &rig->err), -FDT_ERR_EXISTS);
}

/* A list with a reference to an old node and one to a new node. */
static void test_overlay_of_a_list(void **state)
{
	static _Alignas(8) char overlay[RIG_ROOM];
	struct hvcma_fdt_region second = pool;
	struct rig *rig = *state;

	edit(rig);
	memcpy(rig->fdt, rig->other, RIG_ROOM);
	second.base = 0x60000000;
	assert_int_equal(hvcma_fdt_add_region(rig->other, &second, rig->path, NULL), 0);
	assert_int_equal(hvcma_fdt_bind(rig->other, "/soc/dma@1000", rig->path, NULL), 0);
	RIG_EXPECT(rig->other, "/soc/dma@1000", "memory-region", 2, 3);
	assert_int_equal(hvcma_fdt_overlay(rig->fdt, rig->other, overlay, RIG_ROOM, &rig->err), 0);
	assert_int_equal(fdt_overlay_apply(rig->fdt, overlay), 0);
	assert_same_tree(rig->fdt, rig->other);
}

static void test_overlay_refused(void **state)
{
	static _Alignas(8) char overlay[RIG_ROOM];
	struct rig *rig = *state;
	int ret = -FDT_ERR_NOSPACE, tries = 0;

	edit(rig);
	for (int room = 64; ret == -FDT_ERR_NOSPACE; room += 8, tries++) {
		assert_true(room < RIG_ROOM);
		ret = hvcma_fdt_overlay(rig->fdt, rig->other, overlay, room, &rig->err);
	}
	assert_int_equal(ret, 0);
	assert_true(tries > 50);
	fdt_delprop(rig->other, fdt_path_offset(rig->other, "/soc"), "ranges");
	assert_int_equal(hvcma_fdt_overlay(rig->fdt, rig->other, overlay, RIG_ROOM, &rig->err), -FDT_ERR_NOTFOUND);
	assert_non_null(strstr(rig->err.text, "ranges of /soc is gone"));
	edit(rig);
	fdt_del_node(rig->other, fdt_path_offset(rig->other, "/gic@8000000"));
	assert_int_equal(hvcma_fdt_overlay(rig->fdt, rig->other, overlay, RIG_ROOM, &rig->err), -FDT_ERR_NOTFOUND);
	assert_non_null(strstr(rig->err.text, "/gic@8000000 is gone"));
}

/* ---- Xen ---- */

static void test_partial(void **state)
{
	struct rig *rig = *state;
	const char *device = "/passthrough/dma@90001000";

	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, windows, 1, &rig->err), 0);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/soc/dma@1000", &rig->err), 0);
	RIG_EXPECT(rig->other, "/gic", "phandle", 65000);
	RIG_EXPECT(rig->other, "/passthrough", "dma-ranges", 0, 0xc0000000, 0, 0x40000000, 0, 0x40000000);
	RIG_EXPECT(rig->other, device, "reg", 0, 0x90001000, 0, 0x200);
	RIG_EXPECT(rig->other, device, "xen,reg", 0, 0x90001000, 0, 0x1000, 0, 0x90001000);
	RIG_EXPECT(rig->other, device, "interrupts", 0, 16, 4);
	RIG_EXPECT(rig->other, device, "interrupt-parent", 65000);
	assert_string_equal(fdt_getprop(rig->other, fdt_path_offset(rig->other, device), "xen,path", NULL),
			    "/soc/dma@1000");
	assert_true(rig_has(rig->other, device, "xen,force-assign-without-iommu"));
	assert_true(rig_has(rig->other, device, "dma-coherent"));
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/soc/dma@1000", &rig->err), -FDT_ERR_EXISTS);
}

static void test_partial_direct_mapped(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, NULL, 0, &rig->err), 0);
	assert_false(rig_has(rig->other, "/passthrough", "dma-ranges"));
	assert_int_equal(hvcma_xen_partial_init(rig->other, 64, NULL, 0, &rig->err), -FDT_ERR_NOSPACE);
}

static void test_registers(void **state)
{
	struct hvcma_xen_register regs[2];
	struct rig *rig = *state;
	size_t nr;

	/* 0x200 bytes that end in the next page */
	RIG_PROP(rig->fdt, "/soc/dma@1000", "reg", 0x1f00, 0x200, 0x3000, 4);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma@1000", regs, 2, &nr, &rig->err), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(regs[1].host, 0x90003000);
	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, NULL, 0, &rig->err), 0);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/soc/dma@1000", &rig->err), 0);
	RIG_EXPECT(rig->other, "/passthrough/dma@90001f00", "xen,reg",
		   0, 0x90001000, 0, 0x2000, 0, 0x90001000, 0, 0x90003000, 0, 0x1000, 0, 0x90003000);
	/* outside of what the bus translates */
	RIG_PROP(rig->fdt, "/soc/dma@1000", "reg", 0xfff00, 0x200);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma@1000", regs, 2, &nr, &rig->err), -FDT_ERR_BADVALUE);
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc"), "ranges");
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma@1000", regs, 2, &nr, &rig->err), -FDT_ERR_BADVALUE);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc", regs, 2, &nr, &rig->err), -FDT_ERR_NOTFOUND);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/gone", regs, 2, &nr, &rig->err), -FDT_ERR_NOTFOUND);
}

static void test_device_names(void **state)
{
	struct hvcma_xen_register reg;
	struct rig *rig = *state;
	size_t nr;

	rig_node(rig->fdt, "/", "aliases");
	assert_int_equal(fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/aliases"),
					    "dma0", "/soc/dma@1000"), 0);
	/* what is written is what Xen looks for */
	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, NULL, 0, &rig->err), 0);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "dma0", &rig->err), 0);
	assert_string_equal(fdt_getprop(rig->other, fdt_path_offset(rig->other, "/passthrough/dma@90001000"),
					"xen,path", NULL), "/soc/dma@1000");
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/soc/dma", &rig->err), -FDT_ERR_EXISTS);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "dma1", &reg, 1, &nr, &rig->err), -FDT_ERR_NOTFOUND);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "", &reg, 1, &nr, &rig->err), -FDT_ERR_NOTFOUND);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma@1", &reg, 1, &nr, &rig->err), -FDT_ERR_NOTFOUND);
	rig_node(rig->fdt, "/soc", "dma@2000");
	RIG_PROP(rig->fdt, "/soc/dma@2000", "reg", 0x2000, 0x200);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma", &reg, 1, &nr, &rig->err), -FDT_ERR_BADPATH);
	assert_int_equal(hvcma_xen_set_passthrough(rig->fdt, "/soc/dma", &rig->err), -FDT_ERR_BADPATH);
	/* one that is called just so is meant, whatever libfdt finds first */
	rig_node(rig->fdt, "/soc", "dma-x");
	RIG_PROP(rig->fdt, "/soc/dma-x", "reg", 0x3000, 0x200);
	rig_node(rig->fdt, "/soc", "dma-x@4000");
	RIG_PROP(rig->fdt, "/soc/dma-x@4000", "reg", 0x4000, 0x200);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma-x", &reg, 1, &nr, &rig->err), 0);
	assert_int_equal(reg.host, 0x90003000);
	RIG_PROP(rig->fdt, "/soc/dma@2000", "reg", 0x2000);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma@2000", &reg, 1, &nr, &rig->err), -FDT_ERR_BADVALUE);
	RIG_PROP(rig->fdt, "/soc/dma@2000", "reg", 0x2000, 0);
	assert_int_equal(hvcma_xen_registers(rig->fdt, "/soc/dma@2000", &reg, 1, &nr, &rig->err), -FDT_ERR_BADVALUE);
}

static int dma_interrupts(struct rig *rig, struct hvcma_xen_interrupt *irqs, size_t *nr)
{
	return hvcma_xen_interrupts(rig->fdt, "/soc/dma@1000", irqs, 4, nr, &rig->err);
}

/* Straight to the GIC or through two nexus nodes; each once and in its order. */
static void test_interrupts(void **state)
{
	struct hvcma_xen_interrupt irqs[4];
	struct rig *rig = *state;
	size_t nr;

	rig_node(rig->fdt, "/", "nexus");
	RIG_PROP(rig->fdt, "/nexus", "phandle", 2);
	RIG_PROP(rig->fdt, "/nexus", "#interrupt-cells", 1);
	RIG_PROP(rig->fdt, "/nexus", "#address-cells", 0);
	RIG_PROP(rig->fdt, "/nexus", "interrupt-map-mask", 7);
	RIG_PROP(rig->fdt, "/nexus", "interrupt-map", 3, 1, 0, 30, 4, 5, 1, 0, 31, 1);
	rig_node(rig->fdt, "/", "by-address");
	RIG_PROP(rig->fdt, "/by-address", "phandle", 3);
	RIG_PROP(rig->fdt, "/by-address", "#interrupt-cells", 1);
	RIG_PROP(rig->fdt, "/by-address", "#address-cells", 1);
	RIG_PROP(rig->fdt, "/by-address", "interrupt-map", 0x2000, 0, 1, 0, 40, 4, 0x1000, 0, 2, 13);
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 1, 0, 29, 4, 2, 3, 3, 0);
	assert_int_equal(dma_interrupts(rig, irqs, &nr), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(irqs[0].spi, 29);
	assert_int_equal(irqs[1].spi, 30);
	assert_int_equal(irqs[2].spi, 31);
	assert_int_equal(irqs[2].flags, 1);
	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, NULL, 0, &rig->err), 0);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/soc/dma@1000", &rig->err), 0);
	RIG_EXPECT(rig->other, "/passthrough/dma@90001000", "interrupts", 0, 29, 4, 0, 30, 4, 0, 31, 1);
	assert_false(rig_has(rig->other, "/passthrough/dma@90001000", "interrupts-extended"));
	/* "interrupts" of the parent that the bus says */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc/dma@1000"), "interrupts-extended");
	RIG_PROP(rig->fdt, "/soc", "interrupt-parent", 2);
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts", 11, 5);
	assert_int_equal(dma_interrupts(rig, irqs, &nr), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(irqs[0].spi, 30);
	assert_int_equal(irqs[1].spi, 31);
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc/dma@1000"), "interrupts");
	assert_int_equal(dma_interrupts(rig, irqs, &nr), 0);
	assert_int_equal(nr, 0);
}

static void test_interrupts_refused(void **state)
{
	struct hvcma_xen_interrupt irqs[4];
	struct rig *rig = *state;
	size_t nr = 99;

	rig_node(rig->fdt, "/", "gpio");
	RIG_PROP(rig->fdt, "/gpio", "phandle", 2);
	RIG_PROP(rig->fdt, "/gpio", "#interrupt-cells", 3);
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/gpio"),
					   "interrupt-controller"), 0);
#define REFUSED(why) do {								\
	assert_int_equal(dma_interrupts(rig, irqs, &nr), -FDT_ERR_BADVALUE);		\
	assert_non_null(strstr(rig->err.text, why));					\
	assert_int_equal(nr, 99);							\
} while (0)
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupt-parent", 2);
	REFUSED("'/gpio', not of the GIC");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 1, 0, 16, 4, 2, 0, 7, 4);
	REFUSED("interrupt 1 of");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 1, 1, 7, 4);
	REFUSED("no SPI");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 1, 2, 7, 4);
	REFUSED("no SPI");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 1, 0, 988, 4);
	REFUSED("no SPI");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 0, 1, 0, 16, 4);
	REFUSED("malformed");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 1, 0, 16, 4, 1, 0);
	REFUSED("malformed");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 9, 0, 16, 4);
	REFUSED("malformed");
	assert_int_equal(fdt_setprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc/dma@1000"),
				     "interrupts-extended", "cut", 3), 0);
	REFUSED("malformed");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc/dma@1000"), "interrupts-extended");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupt-parent", 1);
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts", 0, 16, 4, 0);
	REFUSED("malformed");
	/* nexus nodes: no such entry, a cut one, one that leads to itself, a short mask */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/gpio"), "interrupt-controller");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts-extended", 2, 1, 2, 3);
	REFUSED("(1 2) is no SPI");
	RIG_PROP(rig->fdt, "/gpio", "#address-cells", 0);
	RIG_PROP(rig->fdt, "/gpio", "interrupt-map", 1, 2, 4, 1, 0, 16, 4);
	REFUSED("its way ends at '/gpio'");
	RIG_PROP(rig->fdt, "/gpio", "interrupt-map", 1, 2, 3, 1, 0, 16);
	REFUSED("its way ends at '/gpio'");
	RIG_PROP(rig->fdt, "/gpio", "interrupt-map", 1, 2, 3, 2, 1, 2, 3);
	REFUSED("its way ends at '/gpio'");
	RIG_PROP(rig->fdt, "/gpio", "interrupt-map", 1, 2, 3, 1, 0, 16, 4);
	assert_int_equal(dma_interrupts(rig, irqs, &nr), 0);
	nr = 99;
	RIG_PROP(rig->fdt, "/gpio", "interrupt-map-mask", 1, 2);
	REFUSED("its way ends at '/gpio'");
	/* by address, more of it than the device has */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/gpio"), "interrupt-map-mask");
	RIG_PROP(rig->fdt, "/gpio", "#address-cells", 3);
	RIG_PROP(rig->fdt, "/gpio", "interrupt-map", 0x1000, 0x200, 0, 1, 2, 3, 1, 0, 16, 4);
	REFUSED("its way ends at '/gpio'");
	/* the GIC is not one that Xen knows, or not there */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc/dma@1000"), "interrupts-extended");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "interrupts", 0, 16, 4);
	assert_int_equal(fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/gic@8000000"),
					    "compatible", "brcm,bcm2836-l1-intc"), 0);
	REFUSED("not of the GIC that Xen drives");
	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, NULL, 0, &rig->err), 0);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/soc/dma@1000", &rig->err), -FDT_ERR_BADVALUE);
	assert_int_equal(fdt_path_offset(rig->other, "/passthrough/dma@90001000"), -FDT_ERR_NOTFOUND);
#undef REFUSED
}

static void list_left_out(void *opaque, const char *path, const char *name, bool is_node)
{
	assert_string_equal(path, "/soc/dma@1000");
	strcat(opaque, is_node ? "/" : "");
	strcat(opaque, name);
	strcat(opaque, " ");
}

static void test_left_out(void **state)
{
	struct rig *rig = *state;
	char list[256] = "";

	RIG_PROP(rig->fdt, "/soc/dma@1000", "phandle", 7);
	assert_int_equal(hvcma_xen_left_out(rig->fdt, "/soc/dma@1000", list_left_out, list, &rig->err), 0);
	assert_string_equal(list, "");
	RIG_PROP(rig->fdt, "/soc/dma@1000", "clocks", 1, 2);
	rig_node(rig->fdt, "/soc/dma@1000", "phy@0");
	assert_int_equal(hvcma_xen_left_out(rig->fdt, "/soc/dma", list_left_out, list, &rig->err), 0);
	assert_string_equal(list, "clocks /phy@0 ");
	assert_int_equal(hvcma_xen_left_out(rig->fdt, "/gone", list_left_out, list, &rig->err), -FDT_ERR_NOTFOUND);
	/* what its bus says of it is not lost */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc/dma@1000"), "dma-coherent");
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/soc"), "dma-coherent"), 0);
	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, NULL, 0, &rig->err), 0);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/soc/dma@1000", &rig->err), 0);
	assert_true(rig_has(rig->other, "/passthrough/dma@90001000", "dma-coherent"));
}

/* By the cells of /chosen, or else of the root, as Xen reads it. */
static void test_static_memory_cells(void **state)
{
	const struct hvcma_range memory[] = { { 0x50000000, 64 * MIB }, { 0x60000000, 64 * MIB } };
	struct hvcma_range high = { UINT64_C(0x880000000), 128 * MIB };
	struct hvcma_xen_domain d = {
		.name = "domU1", .memory_bytes = 128 * MIB, .cpus = 1, .static_memory = memory,
		.nr_static_memory = 2,
	};
	struct rig *rig = *state;

	rig_cells(rig->fdt, 0, 2, 1);
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/chosen/domU1", "xen,static-mem", 0, 0x50000000, 0x4000000, 0, 0x60000000, 0x4000000);
	RIG_EXPECT(rig->fdt, "/chosen/domU1", "#xen,static-mem-address-cells", 2);
	RIG_EXPECT(rig->fdt, "/chosen/domU1", "#xen,static-mem-size-cells", 1);
	RIG_PROP(rig->fdt, "/chosen", "#address-cells", 1);
	d.name = "domU2";
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/chosen/domU2", "xen,static-mem", 0x50000000, 0x4000000, 0x60000000, 0x4000000);
	RIG_EXPECT(rig->fdt, "/chosen/domU2", "#xen,static-mem-address-cells", 1);
	d.static_memory = &high;
	d.nr_static_memory = 1;
	d.name = "domU3";
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADNCELLS);
	assert_non_null(strstr(rig->err.text, "#address-cells 1"));
	/* Xen's own numbers */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen"), "#address-cells");
	fdt_delprop(rig->fdt, 0, "#address-cells");
	fdt_delprop(rig->fdt, 0, "#size-cells");
	d.name = "domU4";
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/chosen/domU4", "xen,static-mem", 8, 0x80000000, 0x8000000);
	RIG_PROP(rig->fdt, "/chosen", "#size-cells", 3);
	d.name = "domU5";
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADNCELLS);
}

static void test_domain_names(void **state)
{
	static const char *const wrong[] = {
		"", "a/b", "1dom", "dom 1", "dom@1", "/chosen", "a123456789012345678901234567890x", "d\n",
	};
	struct hvcma_xen_domain d = { .memory_bytes = MIB, .cpus = 1 };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		d.name = wrong[i];
		assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	}
	d.name = "a123456789012345678901234567890";
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), 0);
}

static void test_domain(void **state)
{
	const struct hvcma_range memory[] = { { 0x50000000, 64 * MIB }, { UINT64_C(0x880000000), 64 * MIB } };
	struct hvcma_xen_domain d = {
		.name = "domU1", .memory_bytes = 128 * MIB, .cpus = 2, .static_memory = memory,
		.nr_static_memory = 2, .direct_map = 1,
	};
	struct rig *rig = *state;

	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/chosen/domU1", "memory", 0, 128 * 1024);
	RIG_EXPECT(rig->fdt, "/chosen/domU1", "cpus", 2);
	RIG_EXPECT(rig->fdt, "/chosen/domU1", "xen,static-mem", 0, 0x50000000, 0, 0x4000000, 8, 0x80000000, 0, 0x4000000);
	assert_true(rig_has(rig->fdt, "/chosen/domU1", "direct-map"));
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_EXISTS);
	d.static_memory = (struct hvcma_range[]){ { 0x50000000, 64 * MIB }, { 0x53fff000, 64 * MIB } };
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	d.static_memory = memory;
	d.memory_bytes -= 1024;
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	d.nr_static_memory = 0;
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	d.direct_map = 0;
	d.cpus = 0;
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	d.cpus = 1;
	d.memory_bytes = 1000;
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	assert_int_equal(hvcma_xen_set_passthrough(rig->fdt, "/soc/dma@1000", &rig->err), 0);
	assert_true(rig_has(rig->fdt, "/soc/dma@1000", "xen,passthrough"));
	assert_int_equal(hvcma_xen_set_passthrough(rig->fdt, "/gone", &rig->err), -FDT_ERR_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_overlay),
		RIG_TEST(test_overlay_of_a_list),
		RIG_TEST(test_overlay_refused),
		RIG_TEST(test_partial),
		RIG_TEST(test_partial_direct_mapped),
		RIG_TEST(test_registers),
		RIG_TEST(test_device_names),
		RIG_TEST(test_interrupts),
		RIG_TEST(test_interrupts_refused),
		RIG_TEST(test_left_out),
		RIG_TEST(test_static_memory_cells),
		RIG_TEST(test_domain_names),
		RIG_TEST(test_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
