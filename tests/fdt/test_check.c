// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The check: a good tree has no finding; each fault that is planted is found, and
 * nothing else.
 */
#include "tests/fdt/rig.h"

#include <stdio.h>

#include "fdt/bus.h"
#include "fdt/check.h"
#include "fdt/guard.h"
#include "hv/abi/virtio_cma.h"

#define CLIENT	"/soc/dma@1000"
#define PCI	"/pcie@10000000"

struct findings {
	unsigned int nr, warnings, notes;
	uint64_t ids;			/* bits, of faults and warnings */
	char text[1024];		/* of all */
};

static void take(void *opaque, const struct hvcma_fdt_finding *f)
{
	struct findings *all = opaque;
	size_t used = strlen(all->text);

	all->nr += f->severity == HVCMA_FDT_FAULT;
	all->warnings += f->severity == HVCMA_FDT_WARNING;
	all->notes += f->severity == HVCMA_FDT_NOTE;
	if (f->severity != HVCMA_FDT_NOTE)
		all->ids |= UINT64_C(1) << f->id;
	snprintf(all->text + used, sizeof(all->text) - used, "%s: %s: %s\n", f->kind, f->path, f->text);
}

static struct findings check_with(struct rig *rig, const struct hvcma_fdt_policy *policy)
{
	struct findings all = { 0 };

	assert_int_equal(hvcma_fdt_validate(rig->fdt, RIG_ROOM, &rig->err), 0);
	assert_int_equal(hvcma_fdt_check(rig->fdt, policy, take, &all, &rig->err), 0);
	return all;
}

static struct findings check(struct rig *rig)
{
	static const struct hvcma_fdt_policy policy = { .stage2 = VIRTIO_CMA_STAGE2_UNKNOWN };

	return check_with(rig, &policy);
}

/* Exactly one finding that is no note, with these words. */
static void expect(struct rig *rig, enum hvcma_fdt_finding_id id, const char *words)
{
	struct findings all = check(rig);

	if (all.nr + all.warnings != 1 || all.ids != UINT64_C(1) << id || !strstr(all.text, words))
		fail_msg("not one finding %d with '%s', but %u and %u warnings:\n%s", (int)id, words,
			 all.nr, all.warnings, all.text);
}

/* No fault and no warning, but a note with these words. */
static void expect_note(struct rig *rig, const char *words)
{
	struct findings all = check(rig);

	if (all.ids || !all.notes || !strstr(all.text, words))
		fail_msg("not just a note with '%s', but:\n%s", words, all.text);
}

/* A pool, a client on each bus, windows with guards: nothing to find. */
static int setup(void **state)
{
	static const struct hvcma_window windows[] = {
		{ 0x80000000, 0x40000000, 512 * MIB }, { UINT64_C(0x200000000), 0x60000000, 512 * MIB },
	};
	static const struct hvcma_window low = { 0x80000000, 0x40000000, 1024 * MIB };
	static const struct hvcma_fdt_region pool = {
		.name = "pool", .pool = HVCMA_FDT_REUSABLE, .is_default = 1, .bytes = 64 * MIB,
		.has_base = 1, .base = 0x50000000, .granule_bytes = 2 * MIB,
	};
	struct rig *rig;

	rig_setup(state);
	rig = *state;
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &pool, rig->path, NULL), 0);
	assert_int_equal(hvcma_fdt_bind(rig->fdt, CLIENT, rig->path, NULL), 0);
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/soc", &low, 1, NULL), 0);
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, PCI, windows, 2, NULL), 0);
	assert_int_equal(hvcma_fdt_add_guards(rig->fdt, "guard", windows, 2, NULL), 0);
	RIG_PROP(rig->fdt, CLIENT, "interrupt-parent", 1);
	return 0;
}

static void test_good(void **state)
{
	struct findings all = check(*state);

	assert_string_equal(all.text, "");
}

static void test_cells(void **state)
{
	struct rig *rig = *state;

	RIG_PROP(rig->fdt, CLIENT, "reg", 0x1000);
	expect(rig, HVCMA_FDT_REG_LENGTH, "reg has 4 bytes");
	RIG_PROP(rig->fdt, CLIENT, "reg", 0x1000, 0x200);
	RIG_PROP(rig->fdt, "/memory@40000000", "reg", 0, 0x40000000, 0, 0x40000000, 0, 0x1000, 0, 0);
	expect_note(rig, "memory has an empty range");
	RIG_PROP(rig->fdt, "/memory@40000000", "reg", 0, 0x40000000, 0, 0x40000000, ~0u, ~0u, 0, 2);
	expect(rig, HVCMA_FDT_MEMORY_WRAPS, "wraps");
}

static void test_dma_ranges_cells(void **state)
{
	struct rig *rig = *state;

	RIG_PROP(rig->fdt, "/soc", "dma-ranges", 1, 2, 3);
	expect(rig, HVCMA_FDT_WINDOW_LENGTH, "/soc: dma-ranges has 12 bytes: it does not fit the cells");
}

static void test_overlaps(void **state)
{
	const struct hvcma_fdt_region other = {
		.name = "other", .pool = HVCMA_FDT_NO_MAP, .bytes = 2 * MIB, .has_base = 1, .base = 0x53e00000,
	};
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &other, rig->path, NULL), 0);
	expect(rig, HVCMA_FDT_RESERVED_OVERLAP, "other@53e00000: 0x53e00000, 0x200000 bytes, overlaps /reserved-memory/pool@50000000");
	assert_int_equal(fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, rig->path)), 0);
	assert_int_equal(fdt_add_mem_rsv(rig->fdt, 0x50001000, 0x1000), 0);
	expect(rig, HVCMA_FDT_RESERVED_OVERLAP, "/memreserve/");
}

static void test_memory_overlap(void **state)
{
	struct rig *rig = *state;

	fdt_setprop_string(rig->fdt, rig_node(rig->fdt, "/", "memory@7ff00000"), "device_type", "memory");
	RIG_PROP(rig->fdt, "/memory@7ff00000", "reg", 0, 0x7ff00000, 0, 0x100000);
	expect(rig, HVCMA_FDT_MEMORY_OVERLAP, "/memory@7ff00000");
}

static void test_alignment(void **state)
{
	const struct hvcma_fdt_policy large = { .pageblock_bytes = 512 * MIB };
	const struct hvcma_fdt_policy odd = { .granule_bytes = 3 };
	const struct hvcma_fdt_policy granule = { .granule_bytes = 1024 * MIB };
	struct rig *rig = *state;
	struct findings all;

	RIG_PROP(rig->fdt, "/reserved-memory/pool@50000000", "reg", 0, 0x50100000, 0, 0x4000000);
	expect(rig, HVCMA_FDT_POOL_ALIGNMENT, "whole pageblocks of 0x200000");
	RIG_PROP(rig->fdt, "/reserved-memory/pool@50000000", "reg", 0, 0x50000000, 0, 0x4000000);
	all = check_with(rig, &large);
	assert_int_equal(all.ids, UINT64_C(1) << HVCMA_FDT_POOL_ALIGNMENT);
	assert_int_equal(all.nr, 1);
	all = check_with(rig, &granule);
	assert_int_equal(all.nr, 0);
	assert_int_equal(all.notes, 1);
	assert_int_equal(hvcma_fdt_check(rig->fdt, &odd, take, &all, &rig->err), -FDT_ERR_BADVALUE);
}

static void test_phandles(void **state)
{
	struct rig *rig = *state;

	RIG_PROP(rig->fdt, CLIENT, "memory-region", 0x77);
	expect(rig, HVCMA_FDT_PHANDLE_OPEN, "refers to phandle 0x77, which no node has");
	RIG_PROP(rig->fdt, CLIENT, "memory-region", 1);
	expect(rig, HVCMA_FDT_PHANDLE_TARGET, "not in /reserved-memory");
	RIG_PROP(rig->fdt, CLIENT, "memory-region", 2);
	RIG_PROP(rig->fdt, CLIENT, "interrupt-parent", 5);
	expect(rig, HVCMA_FDT_PHANDLE_OPEN, "interrupt-parent refers to phandle 0x5");
	RIG_PROP(rig->fdt, CLIENT, "interrupt-parent", 1);
	RIG_PROP(rig->fdt, PCI, "phandle", 1);
	expect(rig, HVCMA_FDT_PHANDLE_TWICE, "phandle 0x1 is used twice");
}

/* Lists and maps: phandle 1 is an interrupt controller, 9 an IOMMU with one cell. */
static void test_references(void **state)
{
	struct rig *rig = *state;

	rig_node(rig->fdt, "/", "iommu@9000000");
	RIG_PROP(rig->fdt, "/iommu@9000000", "phandle", 9);
	RIG_PROP(rig->fdt, CLIENT, "msi-parent", 1);
	assert_int_equal(check(rig).nr, 0);
	RIG_PROP(rig->fdt, CLIENT, "msi-parent", 0x66);
	expect(rig, HVCMA_FDT_PHANDLE_OPEN, CLIENT ": msi-parent refers to phandle 0x66, which no node has");
	RIG_PROP(rig->fdt, "/gic@8000000", "#msi-cells", 1);
	RIG_PROP(rig->fdt, CLIENT, "msi-parent", 1, 0x66, 0, 1, 0x67);
	assert_int_equal(check(rig).nr, 0);		/* those are arguments, and one is left out */
	RIG_PROP(rig->fdt, CLIENT, "msi-parent", 1, 0x66, 1);
	expect(rig, HVCMA_FDT_LIST_LENGTH, "msi-parent ends within the 1 cells that follow phandle 0x1");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, CLIENT), "msi-parent");

	RIG_PROP(rig->fdt, PCI, "msi-map", 0, 1, 0, 0x10000);
	assert_int_equal(check(rig).nr, 0);
	RIG_PROP(rig->fdt, PCI, "msi-map", 0, 1, 0, 0x10000, 0, 0x68, 0, 1);
	expect(rig, HVCMA_FDT_PHANDLE_OPEN, PCI ": msi-map refers to phandle 0x68");
	RIG_PROP(rig->fdt, PCI, "msi-map", 0, 1, 0);
	expect(rig, HVCMA_FDT_LIST_LENGTH, "msi-map has 12 bytes: no map");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, PCI), "msi-map");

	/* without windows, which would be another finding */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc"), "dma-ranges");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, PCI), "dma-ranges");
	RIG_PROP(rig->fdt, CLIENT, "iommus", 9, 0x20);
	expect(rig, HVCMA_FDT_LIST_LENGTH, "iommus refers to phandle 0x9, whose #iommu-cells is missing");
	RIG_PROP(rig->fdt, "/iommu@9000000", "#iommu-cells", 1);
	assert_int_equal(check(rig).nr, 0);
	RIG_PROP(rig->fdt, CLIENT, "iommus", 0x69, 0x20);
	expect(rig, HVCMA_FDT_PHANDLE_OPEN, CLIENT ": iommus refers to phandle 0x69");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, CLIENT), "iommus");
	RIG_PROP(rig->fdt, PCI, "iommu-map", 0, 9, 0, 0x10000);
	assert_int_equal(check(rig).nr, 0);
	RIG_PROP(rig->fdt, PCI, "iommu-map", 0, 0x6a, 0, 0x10000);
	expect(rig, HVCMA_FDT_PHANDLE_OPEN, PCI ": iommu-map refers to phandle 0x6a");
}

/* Behind an IOMMU windows are of its addresses: nothing is wrong, but worth knowing. */
static void test_iommu_and_windows(void **state)
{
	const struct hvcma_window identity = { 0x40000000, 0x40000000, 1024 * MIB };
	struct rig *rig = *state;

	rig_node(rig->fdt, "/", "iommu@9000000");
	RIG_PROP(rig->fdt, "/iommu@9000000", "phandle", 9);
	RIG_PROP(rig->fdt, "/iommu@9000000", "#iommu-cells", 1);
	RIG_PROP(rig->fdt, PCI, "iommu-map", 0, 9, 0, 0x10000);
	expect_note(rig, PCI ": is behind an IOMMU: of dma-ranges of " PCI);
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, PCI), "iommu-map");
	RIG_PROP(rig->fdt, CLIENT, "iommus", 9, 0);
	expect_note(rig, CLIENT ": is behind an IOMMU: of dma-ranges of /soc");
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/soc", &identity, 1, NULL), 0);
	assert_int_equal(check(rig).nr, 0);
}

static void test_pools(void **state)
{
	static const struct {
		const char *flag, *words;
	} faults[] = {
		{ "no-map", "reusable and no-map" },
		{ "linux,dma-default", "linux,dma-default needs" },
	};
	const char *pool = "/reserved-memory/pool@50000000";
	struct rig *rig = *state;

	for (int i = 0; i < 2; i++) {
		fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, pool), faults[i].flag);
		expect(rig, HVCMA_FDT_POOL_FLAGS, faults[i].words);
		fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, pool), faults[i].flag);
	}
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, pool), "reusable");
	expect(rig, HVCMA_FDT_POOL_FLAGS, "linux,cma-default needs a reusable");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, pool), "linux,cma-default");
	expect_note(rig, "neither reusable nor no-map");
	fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, pool), "compatible", "restricted-dma-pool");
	assert_int_equal(check(rig).nr, 0);
	fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, pool), "reusable");
	expect(rig, HVCMA_FDT_POOL_FLAGS, "a restricted-dma-pool can't be reusable");
}

static void test_pool_without_memory(void **state)
{
	struct rig *rig = *state;

	RIG_PROP(rig->fdt, "/memory@40000000", "reg", 0, 0x40000000, 0, 0x11000000, 0, 0x60000000, 0, 0x20000000);
	expect(rig, HVCMA_FDT_POOL_NO_MEMORY, "no memory at 0x51000000");
}

static void test_second_default(void **state)
{
	const struct hvcma_fdt_region other = {
		.name = "other", .pool = HVCMA_FDT_REUSABLE, .is_default = 1, .bytes = 2 * MIB, .has_base = 1,
		.base = 0x60000000,
	};
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &other, NULL, NULL), 0);
	expect(rig, HVCMA_FDT_POOL_DEFAULTS, "a second linux,cma-default");
}

static void test_placed_by_kernel(void **state)
{
	const struct hvcma_range small = { 0x40000000, 2 * MIB };
	const struct hvcma_fdt_region later = {
		.name = "later", .pool = HVCMA_FDT_REUSABLE, .bytes = 4 * MIB, .alloc_ranges = &small,
		.nr_alloc_ranges = 1,
	};
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &later, rig->path, NULL), 0);
	expect(rig, HVCMA_FDT_POOL_NO_ROOM, "no range of alloc-ranges has room");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, rig->path), "alloc-ranges");
	RIG_PROP(rig->fdt, rig->path, "alignment", 0, 3);
	expect(rig, HVCMA_FDT_POOL_ALIGNMENT, "not a power of two");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, rig->path), "alignment");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, rig->path), "size");
	expect(rig, HVCMA_FDT_POOL_NO_PLACE, "neither reg nor size");
}

static void test_container(void **state)
{
	struct rig *rig = *state;

	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/reserved-memory"), "ranges");
	expect(rig, HVCMA_FDT_RESERVED_RANGES, "empty ranges");
}

static void test_windows(void **state)
{
	const struct hvcma_window half = { 0x80000000, 0x40000000, 256 * MIB };
	const struct hvcma_window overlap[] = { { 0x80000000, 0x40000000, 512 * MIB },
						{ 0x90000000, 0x60000000, 512 * MIB } };
	struct rig *rig = *state;
	struct findings all;

	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/soc", &half, 1, NULL), 0);
	all = check(rig);
	assert_int_equal(all.nr, 1);		/* the end of the only window is no border */
	assert_int_equal(all.ids, UINT64_C(1) << HVCMA_FDT_WINDOW_POOL | UINT64_C(1) << HVCMA_FDT_WINDOW_DEFAULT_BUS);
	assert_non_null(strstr(all.text, CLIENT ": its region at 0x50000000"));
	assert_non_null(strstr(all.text, "memory at 0x40000000, 0x40000000 bytes, is not all covered"));
	assert_int_equal(all.notes, 1);

	/* a bus with no client: only that its windows are impossible */
	setup(state);
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, PCI, overlap, 2, NULL), 0);
	expect(rig, HVCMA_FDT_WINDOW_OVERLAP, "windows overlap on the bus at 0x90000000");
}

static void test_border(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, "/reserved-memory/guard@5ffff000")), 0);
	expect(rig, HVCMA_FDT_BORDER, "a window ends at 0x60000000");
	/* a hole in memory does as well, on either side */
	RIG_PROP(rig->fdt, "/memory@40000000", "reg", 0, 0x40000000, 0, 0x1ffff000, 0, 0x60000000, 0, 0x20000000);
	assert_int_equal(check(rig).nr, 0);
	RIG_PROP(rig->fdt, "/memory@40000000", "reg", 0, 0x40000000, 0, 0x20000000, 0, 0x60001000, 0, 0x1ffff000);
	assert_int_equal(check(rig).nr, 0);
}

static void test_attributes(void **state)
{
	const struct hvcma_fdt_policy fwb = { .stage2 = VIRTIO_CMA_STAGE2_FWB };
	const struct hvcma_fdt_policy none = { .stage2 = VIRTIO_CMA_STAGE2_NONE };
	struct rig *rig = *state;

	assert_int_equal(check_with(rig, &fwb).nr, 0);	/* dma-coherent */
	fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, CLIENT), "dma-noncoherent");
	expect(rig, HVCMA_FDT_COHERENT_BOTH, "contradict");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, CLIENT), "dma-coherent");
	assert_int_equal(check(rig).nr, 0);
	assert_int_equal(check_with(rig, &fwb).ids, UINT64_C(1) << HVCMA_FDT_ATTRIBUTE);
	assert_int_equal(check_with(rig, &fwb).nr, 1);
	assert_int_equal(check_with(rig, &none).nr, 0);

	/* the nearest word counts */
	fdt_setprop_empty(rig->fdt, 0, "dma-coherent");
	assert_int_equal(check_with(rig, &fwb).ids, UINT64_C(1) << HVCMA_FDT_ATTRIBUTE);
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, CLIENT), "dma-noncoherent");
	assert_int_equal(check_with(rig, &fwb).nr, 0);
	fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/soc"), "dma-noncoherent");
	assert_int_equal(check_with(rig, &fwb).ids, UINT64_C(1) << HVCMA_FDT_ATTRIBUTE);
	fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, CLIENT), "dma-coherent");
	assert_int_equal(check_with(rig, &fwb).nr, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_good),
		TEST(test_cells),
		TEST(test_dma_ranges_cells),
		TEST(test_overlaps),
		TEST(test_memory_overlap),
		TEST(test_alignment),
		TEST(test_phandles),
		TEST(test_references),
		TEST(test_iommu_and_windows),
		TEST(test_pools),
		TEST(test_pool_without_memory),
		TEST(test_second_default),
		TEST(test_placed_by_kernel),
		TEST(test_container),
		TEST(test_windows),
		TEST(test_border),
		TEST(test_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
