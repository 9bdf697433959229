/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device trees for the fuzzers of "hvcma fdt": three of our own, and what a stream of
 * choices builds out of the words that fdt/ knows. Small ones: what goes wrong in a
 * large tree goes wrong in a small one, a hundred times sooner.
 */
#ifndef HVCMA_TESTS_FUZZ_TREES_H
#define HVCMA_TESTS_FUZZ_TREES_H

#include <stdlib.h>

#include "fdt/bus.h"
#include "fdt/guard.h"
#include "tests/fuzz/input.h"

#define TREES_NR	3
#define TREES_ROOM	32768

static inline void must(int ok)
{
	if (!ok)
		abort();
}

/* ---- our own ---- */

static inline void trees_put(void *fdt, const char *path, const char *name, const uint32_t *cells,
			     size_t nr)
{
	int node = fdt_path_offset(fdt, path);

	fdt_delprop(fdt, node, name);
	for (size_t i = 0; i < nr; i++)
		must(!fdt_appendprop_u32(fdt, node, name, cells[i]));
}

#define TREES_PUT(fdt, path, name, ...) \
	trees_put(fdt, path, name, (const uint32_t[]){ __VA_ARGS__ }, \
		  sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static inline void trees_string(void *fdt, const char *path, const char *name, const char *value)
{
	must(!fdt_setprop_string(fdt, fdt_path_offset(fdt, path), name, value));
}

static inline void trees_node(void *fdt, const char *parent, const char *name)
{
	must(fdt_add_subnode(fdt, fdt_path_offset(fdt, parent), name) > 0);
}

/* Memory, a bus with a device, a host bridge, labels, an alias. */
static inline void trees_plain(void *fdt)
{
	must(!fdt_create_empty_tree(fdt, TREES_ROOM));
	TREES_PUT(fdt, "/", "#address-cells", 2);
	TREES_PUT(fdt, "/", "#size-cells", 2);
	trees_node(fdt, "/", "aliases");
	trees_string(fdt, "/aliases", "dma0", "/soc/dma@1000");
	trees_node(fdt, "/", "__symbols__");
	trees_string(fdt, "/__symbols__", "dma", "/soc/dma@1000");
	trees_string(fdt, "/__symbols__", "soc", "/soc");
	trees_node(fdt, "/", "gic@8000000");
	TREES_PUT(fdt, "/gic@8000000", "phandle", 1);
	TREES_PUT(fdt, "/gic@8000000", "#interrupt-cells", 3);
	must(!fdt_setprop_empty(fdt, fdt_path_offset(fdt, "/gic@8000000"), "interrupt-controller"));
	trees_string(fdt, "/gic@8000000", "compatible", "arm,gic-v3");
	trees_node(fdt, "/", "soc");
	TREES_PUT(fdt, "/soc", "#address-cells", 1);
	TREES_PUT(fdt, "/soc", "#size-cells", 1);
	TREES_PUT(fdt, "/soc", "interrupt-parent", 1);
	TREES_PUT(fdt, "/soc", "ranges", 0, 0, 0x90000000, 0x100000);
	trees_node(fdt, "/soc", "dma@1000");
	TREES_PUT(fdt, "/soc/dma@1000", "reg", 0x1000, 0x200);
	TREES_PUT(fdt, "/soc/dma@1000", "interrupts", 0, 16, 4);
	trees_string(fdt, "/soc/dma@1000", "compatible", "a,dma");
	trees_node(fdt, "/", "pcie@10000000");
	trees_string(fdt, "/pcie@10000000", "device_type", "pci");
	TREES_PUT(fdt, "/pcie@10000000", "#address-cells", 3);
	TREES_PUT(fdt, "/pcie@10000000", "#size-cells", 2);
	must(!hvcma_fdt_add_memory(fdt, &(struct hvcma_range){ 0x40000000, 0x40000000 }, 1, NULL));
}

/* The same after edits: a pool with clients, windows, guards, a window without memory. */
static inline void trees_edited(void *fdt)
{
	static const struct hvcma_window windows[] = {
		{ 0x80000000, 0x40000000, 0x10000000 }, { 0xc0000000, 0x50000000, 0x30000000 },
	};
	static const struct hvcma_fdt_region pool = {
		.name = "pool", .pool = HVCMA_FDT_REUSABLE, .is_default = 1, .bytes = 0x4000000,
		.has_base = 1, .base = 0x44000000, .granule_bytes = 0x200000,
	};
	char path[HVCMA_FDT_PATH_BYTES];

	trees_plain(fdt);
	TREES_PUT(fdt, "/pcie@10000000", "dma-ranges", 0x02000000, 0xff, 0xfffff000, 0x10, 0x130000, 0, 0x1000);
	must(!hvcma_fdt_add_region(fdt, &pool, path, NULL));
	trees_string(fdt, "/__symbols__", "pool", path);
	must(!hvcma_fdt_bind(fdt, "/soc/dma@1000", path, NULL));
	must(!hvcma_fdt_pci_node(fdt, "0000:00/01.0/00.1", path, NULL));
	must(!hvcma_fdt_bind(fdt, path, "&pool", NULL));
	must(!hvcma_fdt_set_dma_ranges(fdt, "/pcie@10000000", windows, 2, NULL));
	must(!hvcma_fdt_add_guards(fdt, "dma-guard", windows, 2, NULL));
	must(!fdt_add_mem_rsv(fdt, 0x41000000, 0x1000));
}

/* Two bridges, levels of dma-ranges, an IOMMU, maps, pools that the kernel places. */
static inline void trees_levels(void *fdt)
{
	trees_plain(fdt);
	TREES_PUT(fdt, "/soc", "dma-ranges", 0, 0, 0x40000000, 0x40000000);
	TREES_PUT(fdt, "/soc/dma@1000", "iommus", 2, 5);
	TREES_PUT(fdt, "/soc/dma@1000", "#address-cells", 1);
	TREES_PUT(fdt, "/soc/dma@1000", "#size-cells", 1);
	TREES_PUT(fdt, "/soc/dma@1000", "dma-ranges", 0, 0x1000000, 0x1000000);
	trees_node(fdt, "/soc/dma@1000", "channel@0");
	TREES_PUT(fdt, "/soc/dma@1000/channel@0", "memory-region", 3);
	trees_node(fdt, "/", "smmu");
	TREES_PUT(fdt, "/smmu", "phandle", 2);
	TREES_PUT(fdt, "/smmu", "#iommu-cells", 1);
	TREES_PUT(fdt, "/pcie@10000000", "iommu-map", 0, 2, 0, 0x100);
	TREES_PUT(fdt, "/pcie@10000000", "#interrupt-cells", 1);
	TREES_PUT(fdt, "/pcie@10000000", "interrupt-map", 0, 0, 0, 1, 1, 0, 7, 4);
	TREES_PUT(fdt, "/pcie@10000000", "linux,pci-domain", 1);
	trees_node(fdt, "/soc", "pcie@8000");
	trees_string(fdt, "/soc/pcie@8000", "device_type", "pci");
	TREES_PUT(fdt, "/soc/pcie@8000", "#address-cells", 3);
	TREES_PUT(fdt, "/soc/pcie@8000", "#size-cells", 2);
	trees_node(fdt, "/", "reserved-memory");
	TREES_PUT(fdt, "/reserved-memory", "#address-cells", 2);
	TREES_PUT(fdt, "/reserved-memory", "#size-cells", 2);
	must(!fdt_setprop_empty(fdt, fdt_path_offset(fdt, "/reserved-memory"), "ranges"));
	trees_node(fdt, "/reserved-memory", "pool");
	trees_string(fdt, "/reserved-memory/pool", "compatible", "shared-dma-pool");
	trees_string(fdt, "/reserved-memory/pool", "status", "okay");
	TREES_PUT(fdt, "/reserved-memory/pool", "phandle", 3);
	TREES_PUT(fdt, "/reserved-memory/pool", "size", 0, 0x400000);
	TREES_PUT(fdt, "/reserved-memory/pool", "alignment", 0, 0x400000);
	TREES_PUT(fdt, "/reserved-memory/pool", "alloc-ranges", 0, 0x40000000, 0, 0x10000000);
	must(!fdt_add_mem_rsv(fdt, 0x41000000, 0x1000));
}

/* One of our own, packed, in room of TREES_ROOM; returns how long it is. */
static inline size_t trees_make(int which, void *fdt)
{
	static void (*const make[TREES_NR])(void *fdt) = { trees_plain, trees_edited, trees_levels };

	make[which](fdt);
	must(!fdt_pack(fdt));
	return fdt_totalsize(fdt);
}

/* Changes to a blob: each 4 bytes are an offset (16 bits) and what to put there. */
static inline void trees_change(unsigned char *fdt, size_t bytes, struct input *in)
{
	for (; in->left >= 4; in->bytes += 4, in->left -= 4) {
		size_t at = (size_t)(in->bytes[0] << 8 | in->bytes[1]) % (bytes - 1);

		fdt[at] = in->bytes[2];
		fdt[at + 1] = in->bytes[3];
	}
}

/* ---- built ---- */

static const char *const trees_names[] = {
	"soc", "bus@0", "dma@1000", "pcie@10000000", "pci@0,0", "pci@8,0", "pci@18,1", "isa@0",
	"memory@40000000", "memory@80000000", "reserved-memory", "pool", "pool@44000000",
	"dma-guard@7ffff000", "chosen", "aliases", "__symbols__", "gic@8000000", "smmu", "port@0",
	"endpoint", "a", "a@0", "", "fragment@0", "__overlay__", "__fixups__", "__local_fixups__",
};

static const char *const trees_props[] = {
	"#address-cells", "#size-cells", "reg", "ranges", "dma-ranges", "phandle", "memory-region",
	"compatible", "status", "device_type", "size", "alignment", "alloc-ranges", "reusable",
	"no-map", "linux,cma-default", "linux,dma-default", "hvcma,granule-bytes", "interrupt-parent",
	"interrupts", "interrupts-extended", "interrupt-map", "interrupt-map-mask", "#interrupt-cells",
	"interrupt-controller", "msi-parent", "msi-map", "#msi-cells", "iommus", "iommu-map",
	"#iommu-cells", "iommu-addresses", "interconnects", "interconnect-names",
	"#interconnect-cells", "dma-coherent", "dma-noncoherent", "linux,usable-memory",
	"linux,phandle", "linux,pci-domain", "bootargs", "dma0", "dma", "pool", "soc", "bus-range",
	"linux,usable-memory-range", "linux,elfcorehdr", "target-path", "xen,passthrough",
	"linux,initrd-start", "kernel-address", "extra",
};

static const char *const trees_strings[] = {
	"okay", "disabled", "pci", "memory", "shared-dma-pool", "restricted-dma-pool",
	"hvcma,dma-guard", "arm,gic-v3", "dma-mem", "/soc/dma@1000", "/reserved-memory/pool", "/soc",
	"cma=64M", "cma=64M@1G-2G numa_cma=0:1M", "/", "", "simple-bus", "arm,smmu-v3",
	"\033[31m\xff", "pcie@10000000",
};

static const uint32_t trees_numbers[] = {
	0x1000, 0x10000, 0x200000, 0x400000, 0x4000000, 0x10000000, 0x40000000, 0x44000000,
	0x7ffff000, 0x80000000, 0xc0000000, 0xfffff000, UINT32_MAX, 0x02000000, 0x42000000,
	0x43000000, 0x01000000, 0x100000, 0x800, 0xff,
};

#define TREES_CHOOSE(in, list)	((list)[input_u8(in) % (sizeof(list) / sizeof(*(list)))])

/* Small ones as they are, then well-known ones, then any. */
static inline uint32_t trees_number(struct input *in)
{
	uint8_t v = input_u8(in);

	if (v < 128)
		return v & 15;
	return v < 240 ? trees_numbers[v % (sizeof(trees_numbers) / sizeof(*trees_numbers))] :
			 input_u32(in);
}

static inline void trees_prop(void *fdt, struct input *in)
{
	const char *name = TREES_CHOOSE(in, trees_props), *string;
	uint8_t how = input_u8(in);
	fdt32_t cells[16];

	if (how >= 192) {
		string = TREES_CHOOSE(in, trees_strings);
		fdt_property(fdt, name, string, (int)strlen(string) + (how != 255));
		return;
	}
	for (int i = 0; i < how % 16; i++)
		cells[i] = cpu_to_fdt32(trees_number(in));
	fdt_property(fdt, name, cells, how % 16 * 4 + (how >= 184));
}

/* What most trees have, so that choices are left for the rest; pools may follow. */
static inline void trees_begin(void *fdt, uint8_t how)
{
	uint32_t cells = how & 1 ? 1 : 2;
	fdt32_t memory[4] = { 0 };

	memory[cells - 1] = memory[2 * cells - 1] = cpu_to_fdt32(0x40000000);
	fdt_begin_node(fdt, "");
	fdt_property_u32(fdt, "#address-cells", cells);
	fdt_property_u32(fdt, "#size-cells", cells);
	fdt_begin_node(fdt, "memory@40000000");
	fdt_property_string(fdt, "device_type", "memory");
	fdt_property(fdt, "reg", memory, (int)(2 * cells * sizeof(*memory)));
	fdt_end_node(fdt);
	fdt_begin_node(fdt, "reserved-memory");
	fdt_property_u32(fdt, "#address-cells", cells);
	fdt_property_u32(fdt, "#size-cells", cells);
	fdt_property(fdt, "ranges", NULL, 0);
}

/* A tree of what the choices say, in @room; returns how long it is, 0: it did not fit. */
static inline size_t trees_build(void *fdt, size_t room, struct input *in)
{
	uint8_t how = input_u8(in);
	int depth = 2, begun = 1;

	fdt_create(fdt, (int)room);
	if (how & 2)
		fdt_add_reservemap_entry(fdt, 0x41000000, 0x1000);
	fdt_finish_reservemap(fdt);
	if (how & 4)
		fdt_begin_node(fdt, "");
	else
		trees_begin(fdt, how);
	depth -= !!(how & 4);
	while (in->left) {
		uint8_t op = input_u8(in) & 7;

		if (op == 1 && depth > 1) {
			fdt_end_node(fdt);
			depth--;
			begun = 0;
		} else if (op < 2 || !begun) {		/* properties come before nodes */
			fdt_begin_node(fdt, TREES_CHOOSE(in, trees_names));
			depth++;
			begun = 1;
		} else {
			trees_prop(fdt, in);
		}
	}
	while (depth--)
		fdt_end_node(fdt);
	return fdt_finish(fdt) ? 0 : fdt_totalsize(fdt);
}

/* ---- one or the other ---- */

enum { TREES_BUILT = TREES_NR, TREES_GIVEN, TREES_NR_KINDS };

/*
 * A blob in TREES_ROOM, which may be none: by @kind one of our own, with changes,
 * one that is built, or what the input is. Returns how many bytes it has.
 */
static inline size_t trees_take(uint8_t kind, struct input *in, void *blob)
{
	static _Alignas(8) unsigned char own[TREES_NR][TREES_ROOM];
	static size_t bytes[TREES_NR];

	if (!bytes[0])
		for (int i = 0; i < TREES_NR; i++)
			bytes[i] = trees_make(i, own[i]);
	kind %= TREES_NR_KINDS;
	if (kind == TREES_GIVEN)
		return input_copy(in, blob, TREES_ROOM);
	if (kind == TREES_BUILT)
		return trees_build(blob, TREES_ROOM, in);
	memcpy(blob, own[kind], bytes[kind]);
	trees_change(blob, bytes[kind], in);
	return bytes[kind];
}

/*
 * Memory that was freed is kept for less long than the sanitizer does by itself, for many more
 * runs: 4 MB are several runs of ours.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:malloc_context_size=8";
}

#endif /* HVCMA_TESTS_FUZZ_TREES_H */
