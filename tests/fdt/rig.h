/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of fdt/ share: a small machine's device tree, made with libfdt.
 *
 *	/			2 address cells, 2 size cells
 *	  memory@40000000	1 GiB
 *	  gic@8000000		phandle 1
 *	  soc			simple-bus, 1 + 1 cells, 0x0 is 0x90000000 of the machine
 *	    dma@1000		registers, interrupt, dma-coherent
 *	  pcie@10000000		PCI host bridge, domain 0
 */
#ifndef TESTS_FDT_RIG_H
#define TESTS_FDT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fdt/blob.h"

#define RIG_ROOM	16384
#define MIB		(UINT64_C(1) << 20)

struct rig {
	_Alignas(8) char fdt[RIG_ROOM];
	_Alignas(8) char other[RIG_ROOM];
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_error err;
};

static inline void rig_cells(void *fdt, int node, uint32_t address, uint32_t size)
{
	assert_int_equal(fdt_setprop_u32(fdt, node, "#address-cells", address), 0);
	assert_int_equal(fdt_setprop_u32(fdt, node, "#size-cells", size), 0);
}

static inline void rig_u32s(void *fdt, int node, const char *name, const uint32_t *values, int nr)
{
	fdt_delprop(fdt, node, name);
	for (int i = 0; i < nr; i++)
		assert_int_equal(fdt_appendprop_u32(fdt, node, name, values[i]), 0);
}

#define RIG_PROP(fdt, path, name, ...) do {						\
	const uint32_t rig_values[] = { __VA_ARGS__ };					\
	int rig_node = fdt_path_offset(fdt, path);					\
											\
	assert_true(rig_node >= 0);							\
	rig_u32s(fdt, rig_node, name, rig_values, (int)(sizeof(rig_values) / 4));	\
} while (0)

static inline int rig_node(void *fdt, const char *parent, const char *name)
{
	int node = fdt_add_subnode(fdt, fdt_path_offset(fdt, parent), name);

	assert_true(node >= 0);
	return node;
}

static inline void rig_machine(void *fdt)
{
	assert_int_equal(fdt_create_empty_tree(fdt, RIG_ROOM), 0);
	rig_cells(fdt, 0, 2, 2);
	assert_int_equal(fdt_setprop_string(fdt, rig_node(fdt, "/", "pcie@10000000"),
					    "device_type", "pci"), 0);
	rig_cells(fdt, fdt_path_offset(fdt, "/pcie@10000000"), 3, 2);
	RIG_PROP(fdt, "/pcie@10000000", "reg", 0x40, 0x10000000, 0, 0x10000000);
	RIG_PROP(fdt, "/pcie@10000000", "linux,pci-domain", 0);
	rig_cells(fdt, rig_node(fdt, "/", "soc"), 1, 1);
	RIG_PROP(fdt, "/soc", "ranges", 0, 0, 0x90000000, 0x100000);
	assert_int_equal(fdt_setprop_string(fdt, rig_node(fdt, "/soc", "dma@1000"),
					    "compatible", "test,dma"), 0);
	RIG_PROP(fdt, "/soc/dma@1000", "reg", 0x1000, 0x200);
	RIG_PROP(fdt, "/soc/dma@1000", "interrupts", 0, 16, 4);
	assert_int_equal(fdt_setprop_empty(fdt, fdt_path_offset(fdt, "/soc/dma@1000"),
					   "dma-coherent"), 0);
	rig_node(fdt, "/", "gic@8000000");
	RIG_PROP(fdt, "/gic@8000000", "phandle", 1);
	RIG_PROP(fdt, "/gic@8000000", "#interrupt-cells", 3);
	assert_int_equal(fdt_setprop_empty(fdt, fdt_path_offset(fdt, "/gic@8000000"),
					   "interrupt-controller"), 0);
	assert_int_equal(fdt_setprop_string(fdt, fdt_path_offset(fdt, "/gic@8000000"),
					    "compatible", "arm,gic-v3"), 0);
	RIG_PROP(fdt, "/", "interrupt-parent", 1);
	assert_int_equal(fdt_setprop_string(fdt, rig_node(fdt, "/", "memory@40000000"),
					    "device_type", "memory"), 0);
	RIG_PROP(fdt, "/memory@40000000", "reg", 0, 0x40000000, 0, 0x40000000);
}

static inline int rig_setup(void **state)
{
	static struct rig rig;

	memset(&rig, 0, sizeof(rig));
	rig_machine(rig.fdt);
	*state = &rig;
	return 0;
}

/* The property is exactly these cells. */
#define RIG_EXPECT(fdt, path, name, ...) do {						\
	const uint32_t rig_values[] = { __VA_ARGS__ };					\
	int rig_len = -1;								\
	const fdt32_t *rig_cells = fdt_getprop(fdt, fdt_path_offset(fdt, path), name,	\
					       &rig_len);				\
											\
	assert_int_equal(rig_len, sizeof(rig_values));					\
	for (size_t rig_i = 0; rig_i < sizeof(rig_values) / 4; rig_i++)		\
		assert_int_equal(fdt32_to_cpu(rig_cells[rig_i]), rig_values[rig_i]);	\
} while (0)

static inline int rig_has(const void *fdt, const char *path, const char *name)
{
	int node = fdt_path_offset(fdt, path);

	return node >= 0 && fdt_getprop(fdt, node, name, NULL);
}

#define RIG_TEST(name)	cmocka_unit_test_setup(name, rig_setup)

#endif /* TESTS_FDT_RIG_H */
