// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Edits of a device tree: regions, guards, clients, windows; what is refused, and
 * what a full buffer leaves behind.
 */
#include "tests/fdt/rig.h"

#include "fdt/bus.h"
#include "fdt/guard.h"

static const struct hvcma_fdt_region example = {
	.name = "pool", .pool = HVCMA_FDT_REUSABLE, .bytes = 64 * MIB,
	.has_base = 1, .base = 0x50000000,
};

/* ---- blobs ---- */

static void test_blob_refused(void **state)
{
	struct rig *rig = *state;
	char *fdt = rig->fdt;

	assert_int_equal(hvcma_fdt_validate(fdt, RIG_ROOM, &rig->err), 0);
	assert_int_equal(hvcma_fdt_validate(fdt, 7, &rig->err), -FDT_ERR_TRUNCATED);
	assert_int_equal(hvcma_fdt_validate(fdt, RIG_ROOM - 1, &rig->err), -FDT_ERR_TRUNCATED);
	fdt[0] ^= 1;
	assert_int_equal(hvcma_fdt_validate(fdt, RIG_ROOM, &rig->err), -FDT_ERR_BADMAGIC);
	fdt[0] ^= 1;
	RIG_PROP(fdt, "/soc", "#address-cells", 7);	/* no addresses, but cells */
	assert_int_equal(hvcma_fdt_validate(fdt, RIG_ROOM, &rig->err), 0);
	RIG_PROP(fdt, "/soc", "#address-cells", 256);
	assert_int_equal(hvcma_fdt_validate(fdt, RIG_ROOM, &rig->err), -FDT_ERR_BADNCELLS);
	assert_non_null(strstr(rig->err.text, "'soc' is 256, limit: 255"));
	RIG_PROP(fdt, "/soc", "#address-cells", 1, 1);
	assert_int_equal(hvcma_fdt_validate(fdt, RIG_ROOM, &rig->err), -FDT_ERR_BADNCELLS);
	RIG_PROP(fdt, "/soc", "#address-cells", 1);
	rig_node(fdt, "/soc", "bad\033name");
	assert_int_equal(hvcma_fdt_validate(fdt, RIG_ROOM, &rig->err), -FDT_ERR_BADSTRUCTURE);
}

/* What libfdt 1.6 takes for valid: no root, and lengths that wrap when added to an offset. */
static void test_blob_refused_beyond_libfdt(void **state)
{
	struct rig *rig = *state;
	struct fdt_property *prop;

	for (uint32_t less = 1; less <= 16; less++) {
		prop = (struct fdt_property *)(uintptr_t)fdt_get_property(
			rig->fdt, fdt_path_offset(rig->fdt, "/memory@40000000"), "device_type", NULL);
		fdt32_t len = prop->len;

		prop->len = cpu_to_fdt32(0u - less);
		assert_int_equal(hvcma_fdt_validate(rig->fdt, RIG_ROOM, &rig->err),
				 -FDT_ERR_BADSTRUCTURE);
		assert_non_null(strstr(rig->err.text, "bytes, more than the blob"));
		prop->len = len;
		assert_int_equal(hvcma_fdt_validate(rig->fdt, RIG_ROOM, &rig->err), 0);
	}
	assert_int_equal(fdt_create(rig->other, RIG_ROOM), 0);
	assert_int_equal(fdt_finish_reservemap(rig->other), 0);
	assert_int_equal(fdt_finish(rig->other), 0);
	assert_int_equal(hvcma_fdt_validate(rig->other, fdt_totalsize(rig->other), &rig->err),
			 -FDT_ERR_BADSTRUCTURE);
	assert_string_equal(rig->err.text, "no valid device tree: it has no root node");
}

static void test_cells(void **state)
{
	fdt32_t cells[2];

	(void)state;
	assert_int_equal(hvcma_fdt_put(cells, 2, UINT64_C(0x123456789)), 0);
	assert_int_equal(hvcma_fdt_get(cells, 2), UINT64_C(0x123456789));
	assert_int_equal(hvcma_fdt_put(cells, 1, UINT32_MAX), 0);
	assert_int_equal(hvcma_fdt_put(cells, 1, UINT64_C(1) << 32), -FDT_ERR_BADNCELLS);
	assert_int_equal(hvcma_fdt_put(cells, 0, 0), -FDT_ERR_BADNCELLS);
	assert_int_equal(hvcma_fdt_put(cells, 3, 0), -FDT_ERR_BADNCELLS);
}

/* ---- regions ---- */

static void test_region_with_base(void **state)
{
	struct hvcma_fdt_region r = example;
	struct rig *rig = *state;

	r.is_default = 1;
	r.granule_bytes = 2 * MIB;
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &r, rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/reserved-memory/pool@50000000");
	RIG_EXPECT(rig->fdt, rig->path, "reg", 0, 0x50000000, 0, 0x4000000);
	RIG_EXPECT(rig->fdt, rig->path, "phandle", 2);
	RIG_EXPECT(rig->fdt, rig->path, "hvcma,granule-bytes", 0x200000);
	RIG_EXPECT(rig->fdt, "/reserved-memory", "#address-cells", 2);
	RIG_EXPECT(rig->fdt, "/reserved-memory", "#size-cells", 2);
	assert_true(rig_has(rig->fdt, "/reserved-memory", "ranges"));
	assert_true(rig_has(rig->fdt, rig->path, "reusable"));
	assert_true(rig_has(rig->fdt, rig->path, "linux,cma-default"));
	assert_true(hvcma_fdt_is_compatible(rig->fdt, fdt_path_offset(rig->fdt, rig->path),
					    "shared-dma-pool"));
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &r, NULL, &rig->err), -FDT_ERR_EXISTS);
}

static void test_region_placed_by_kernel(void **state)
{
	const struct hvcma_range ranges[] = { { 0x40000000, 512 * MIB }, { 0x70000000, 64 * MIB } };
	struct hvcma_fdt_region r = {
		.name = "later", .pool = HVCMA_FDT_NO_MAP, .is_default = 1, .bytes = 16 * MIB,
		.align_bytes = 4 * MIB, .alloc_ranges = ranges, .nr_alloc_ranges = 2,
	};
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &r, rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/reserved-memory/later");
	RIG_EXPECT(rig->fdt, rig->path, "size", 0, 0x1000000);
	RIG_EXPECT(rig->fdt, rig->path, "alignment", 0, 0x400000);
	RIG_EXPECT(rig->fdt, rig->path, "alloc-ranges", 0, 0x40000000, 0, 0x20000000, 0, 0x70000000,
		   0, 0x4000000);
	assert_true(rig_has(rig->fdt, rig->path, "no-map"));
	assert_true(rig_has(rig->fdt, rig->path, "linux,dma-default"));
	assert_false(rig_has(rig->fdt, rig->path, "reg"));
}

static void test_restricted_region(void **state)
{
	struct hvcma_fdt_region r = example;
	struct rig *rig = *state;

	r.pool = HVCMA_FDT_RESTRICTED;
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &r, rig->path, &rig->err), 0);
	assert_true(hvcma_fdt_is_compatible(rig->fdt, fdt_path_offset(rig->fdt, rig->path),
					    "restricted-dma-pool"));
	assert_false(rig_has(rig->fdt, rig->path, "reusable"));
	assert_false(rig_has(rig->fdt, rig->path, "no-map"));
}

/* Each case is a good region with a fault laid over it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static void test_region_refused(void **state)
{
	static const struct {
		const char *field;
		struct hvcma_fdt_region region;
	} bad[] = {
#define BAD(...) { #__VA_ARGS__, { .name = "p", .bytes = MIB, .has_base = 1, .base = 0x50000000, __VA_ARGS__ } }
		BAD(.name = ""),
		BAD(.name = "has space"),
		BAD(.name = "a-name-that-is-too-long-for-a-node"),
		BAD(.bytes = 0),
		BAD(.bytes = 4097),
		BAD(.base = 1),
		BAD(.base = UINT64_MAX - 4095, .bytes = 8192),
		BAD(.align_bytes = 4096),
		BAD(.nr_alloc_ranges = 1),
		BAD(.has_base = 0, .align_bytes = 12288),
		BAD(.granule_bytes = 3),
		BAD(.granule_bytes = UINT64_C(1) << 32),
		BAD(.pool = HVCMA_FDT_RESTRICTED, .is_default = 1),
		BAD(.pool = HVCMA_FDT_NR_POOLS),
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strcpy(rig->err.text, "");
		if (hvcma_fdt_add_region(rig->fdt, &bad[i].region, NULL, &rig->err) !=
		    -FDT_ERR_BADVALUE || !rig->err.text[0])
			fail_msg("not refused: %s", bad[i].field);
	}
	assert_int_equal(fdt_path_offset(rig->fdt, "/reserved-memory"), -FDT_ERR_NOTFOUND);
}
#pragma GCC diagnostic pop

static void test_region_in_small_cells(void **state)
{
	struct hvcma_fdt_region r = example;
	struct rig *rig = *state;

	rig_cells(rig->fdt, 0, 1, 1);
	r.base = UINT64_C(1) << 32;
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &r, NULL, &rig->err), -FDT_ERR_BADNCELLS);
	rig_cells(rig->fdt, 0, 3, 2);
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &example, NULL, &rig->err), -FDT_ERR_BADNCELLS);
}

static void test_find_region(void **state)
{
	struct hvcma_fdt_region r = example;
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_find_region(rig->fdt, "pool", rig->path, &rig->err), -FDT_ERR_NOTFOUND);
	/* without /reserved-memory the root, which has no parent either, is no pool */
	assert_int_equal(hvcma_fdt_find_region(rig->fdt, "/", rig->path, &rig->err), -FDT_ERR_NOTFOUND);
	assert_int_equal(hvcma_fdt_remove_region(rig->fdt, "/", &rig->err), -FDT_ERR_NOTFOUND);
	assert_int_equal(hvcma_fdt_bind(rig->fdt, "/soc/dma@1000", "/", &rig->err), -FDT_ERR_BADVALUE);
	assert_int_equal(hvcma_fdt_validate(rig->fdt, RIG_ROOM, &rig->err), 0);
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &r, NULL, &rig->err), 0);
	assert_int_equal(hvcma_fdt_find_region(rig->fdt, "pool", rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/reserved-memory/pool@50000000");
	assert_int_equal(hvcma_fdt_find_region(rig->fdt, "poo", rig->path, &rig->err), -FDT_ERR_NOTFOUND);
	assert_int_equal(hvcma_fdt_find_region(rig->fdt, "/soc", rig->path, &rig->err), -FDT_ERR_NOTFOUND);
	r.base = 0x60000000;
	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &r, NULL, &rig->err), 0);
	assert_int_equal(hvcma_fdt_find_region(rig->fdt, "pool", rig->path, &rig->err), -FDT_ERR_BADPATH);
	assert_int_equal(hvcma_fdt_find_region(rig->fdt, "pool@60000000", rig->path, &rig->err), 0);
}

/* ---- a buffer without room ---- */

/* Whatever is missing, the answer is NOSPACE, and with enough room it works. */
static void test_no_space(void **state)
{
	const struct hvcma_window windows[] = { { 0xc0000000, 0x40000000, 512 * MIB },
						{ 0x80000000, 0x60000000, 512 * MIB } };
	struct rig *rig = *state;
	int ret = -1, tries = 0;

	assert_int_equal(fdt_pack(rig->fdt), 0);
	for (int room = (int)fdt_totalsize(rig->fdt); ret; room += 4, tries++) {
		assert_true(room < RIG_ROOM);
		assert_int_equal(fdt_open_into(rig->fdt, rig->other, room), 0);
		ret = hvcma_fdt_add_region(rig->other, &example, rig->path, &rig->err);
		if (!ret)
			ret = hvcma_fdt_bind(rig->other, "/soc/dma@1000", rig->path, &rig->err);
		if (!ret)
			ret = hvcma_fdt_pci_node(rig->other, "0000:00/03.0/00.1", rig->path, &rig->err);
		if (!ret)
			ret = hvcma_fdt_set_dma_ranges(rig->other, "/pcie@10000000", windows, 2, &rig->err);
		if (!ret)
			ret = hvcma_fdt_add_guards(rig->other, "guard", windows, 2, &rig->err);
		assert_true(!ret || ret == -FDT_ERR_NOSPACE);
		assert_true((int)fdt_totalsize(rig->other) <= room);
	}
	assert_true(tries > 50);
	assert_int_equal(hvcma_fdt_validate(rig->other, fdt_totalsize(rig->other), &rig->err), 0);
}

/* ---- clients ---- */

static void test_bind(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_add_region(rig->fdt, &example, rig->path, &rig->err), 0);
	assert_int_equal(hvcma_fdt_bind(rig->fdt, "/soc/dma@1000", rig->path, &rig->err), 0);
	assert_int_equal(hvcma_fdt_bind(rig->fdt, "/soc/dma@1000", rig->path, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/soc/dma@1000", "memory-region", 2);
	assert_int_equal(hvcma_fdt_bind(rig->fdt, "/soc/gone", rig->path, &rig->err), -FDT_ERR_NOTFOUND);
	assert_int_equal(hvcma_fdt_bind(rig->fdt, "/soc", "/memory@40000000", &rig->err), -FDT_ERR_BADVALUE);
	fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/soc"), "memory-region", "text");
	assert_int_equal(hvcma_fdt_bind(rig->fdt, "/soc", rig->path, &rig->err), -FDT_ERR_BADVALUE);
}

static void test_pci_node(void **state)
{
	static const char *const bad[] = {
		"", "0000", "0000:00", "0000:00/", "0000:00/03", "0000:00/20.0", "0000:00/03.8",
		"0000:00/03.0/", "0000:00/03.0 ", "0000:00/ 3.0", "x:00/03.0", "10000:00/03.0",
		"0000:100/03.0", "0000:00/03.0/00", "0000:00/-3.0", "0000:00/0x3.0",
	};
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_pci_node(rig->fdt, "0000:00/03.0", rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/pcie@10000000/dev@3,0");
	RIG_EXPECT(rig->fdt, rig->path, "reg", 0x1800, 0, 0, 0, 0);
	assert_int_equal(hvcma_fdt_pci_node(rig->fdt, "0000:00/1f.7/02.1", rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/pcie@10000000/pci@1f,7/dev@2,1");
	RIG_EXPECT(rig->fdt, "/pcie@10000000/pci@1f,7", "reg", 0xff00, 0, 0, 0, 0);
	RIG_EXPECT(rig->fdt, "/pcie@10000000/pci@1f,7", "#address-cells", 3);
	RIG_EXPECT(rig->fdt, rig->path, "reg", 0x1100, 0, 0, 0, 0);
	/* found again, whatever it is called */
	assert_int_equal(fdt_set_name(rig->fdt, fdt_path_offset(rig->fdt, rig->path), "nvme@2,1"), 0);
	assert_int_equal(hvcma_fdt_pci_node(rig->fdt, "0000:00/1f.7/02.1", rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/pcie@10000000/pci@1f,7/nvme@2,1");
	assert_int_equal(hvcma_fdt_pci_node(rig->fdt, "0001:00/03.0", rig->path, &rig->err), -FDT_ERR_NOTFOUND);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (hvcma_fdt_pci_node(rig->fdt, bad[i], rig->path, &rig->err) != -FDT_ERR_BADPATH)
			fail_msg("not refused: '%s'", bad[i]);
}

static void test_second_domain(void **state)
{
	struct rig *rig = *state;

	/* bridges below a host bridge are none themselves */
	assert_int_equal(hvcma_fdt_pci_node(rig->fdt, "0000:00/01.0/00.0", rig->path, &rig->err), 0);
	assert_int_equal(hvcma_fdt_host_bridge(rig->fdt, 0, rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/pcie@10000000");
	fdt_setprop_string(rig->fdt, rig_node(rig->fdt, "/soc", "pcie@8000"), "device_type", "pci");
	rig_cells(rig->fdt, fdt_path_offset(rig->fdt, "/soc/pcie@8000"), 3, 2);
	RIG_PROP(rig->fdt, "/soc/pcie@8000", "linux,pci-domain", 7);
	assert_int_equal(hvcma_fdt_host_bridge(rig->fdt, 7, rig->path, &rig->err), 0);
	assert_string_equal(rig->path, "/soc/pcie@8000");
}

/* ---- windows ---- */

static void test_dma_ranges(void **state)
{
	const struct hvcma_window pci[] = { { UINT64_C(0x100000000), 0x40000000, 16 * MIB },
					    { 0x80000000, 0x60000000, 32 * MIB } };
	const struct hvcma_window high = { UINT64_C(0x100000000), 0x40000000, 16 * MIB };
	const struct hvcma_window low = { 0x80000000, 0x40000000, 16 * MIB };
	struct hvcma_window read;
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/pcie@10000000", pci, 2, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/pcie@10000000", "dma-ranges",
		   0x03000000, 1, 0, 0, 0x40000000, 0, 0x1000000,
		   0x02000000, 0, 0x80000000, 0, 0x60000000, 0, 0x2000000);
	assert_int_equal(hvcma_fdt_nr_dma_ranges(rig->fdt, fdt_path_offset(rig->fdt, "/pcie@10000000"), 0), 2);
	read = hvcma_fdt_dma_range(rig->fdt, fdt_path_offset(rig->fdt, "/pcie@10000000"), 0, 1);
	assert_memory_equal(&read, &pci[1], sizeof(read));

	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/soc", &low, 1, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/soc", "dma-ranges", 0x80000000, 0, 0x40000000, 0x1000000);
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/soc", &high, 1, &rig->err), -FDT_ERR_BADNCELLS);
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/soc", NULL, 0, &rig->err), 0);
	assert_false(rig_has(rig->fdt, "/soc", "dma-ranges"));
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/", &low, 1, &rig->err), -FDT_ERR_BADNCELLS);
	assert_int_equal(hvcma_fdt_set_dma_ranges(rig->fdt, "/gone", &low, 1, &rig->err), -FDT_ERR_NOTFOUND);
}

static void test_odd_dma_ranges(void **state)
{
	struct rig *rig = *state;
	int soc = fdt_path_offset(rig->fdt, "/soc");

	assert_int_equal(hvcma_fdt_nr_dma_ranges(rig->fdt, soc, 0), -FDT_ERR_NOTFOUND);
	fdt_setprop_empty(rig->fdt, soc, "dma-ranges");
	assert_int_equal(hvcma_fdt_nr_dma_ranges(rig->fdt, soc, 0), 0);
	RIG_PROP(rig->fdt, "/soc", "dma-ranges", 1, 2, 3);
	assert_int_equal(hvcma_fdt_nr_dma_ranges(rig->fdt, soc, 0), -FDT_ERR_BADVALUE);
	RIG_PROP(rig->fdt, "/soc", "#address-cells", 3);
	assert_int_equal(hvcma_fdt_nr_dma_ranges(rig->fdt, soc, 0), -FDT_ERR_BADNCELLS);
}

static void test_guards(void **state)
{
	const struct hvcma_window windows[] = { { 0xc0000000, 0x40000000, 64 * MIB },
						{ 0x80000000, 0x44000000, 64 * MIB } };
	struct rig *rig = *state;

	assert_int_equal(hvcma_fdt_add_guards(rig->fdt, "guard", windows, 2, &rig->err), 0);
	RIG_EXPECT(rig->fdt, "/reserved-memory/guard@43fff000", "reg",
		   0, 0x43fff000, 0, 0x1000, 0, 0x47fff000, 0, 0x1000);
	assert_true(rig_has(rig->fdt, "/reserved-memory/guard@43fff000", "no-map"));
	assert_int_equal(hvcma_fdt_add_guards(rig->fdt, "guard", windows, 0, &rig->err), 0);
}

static void test_windows_merge(void **state)
{
	/*
	 *	gpa   | b | a | c |   | d |	a and b touch in memory only,
	 *	dma   b: 0x90  a: 0x80  c: 0x81	a and c on both sides
	 */
	struct hvcma_window w[] = {
		{ 0x80000000, 0x41000000, 16 * MIB },
		{ 0x90000000, 0x40000000, 16 * MIB },
		{ 0x81000000, 0x42000000, 16 * MIB },
		{ 0x82000000, 0x50000000, 16 * MIB },
	};
	size_t nr = 4;

	(void)state;
	assert_int_equal(hvcma_windows_check(w, nr, 2 * MIB, NULL), 0);
	hvcma_windows_merge(w, &nr);
	assert_int_equal(nr, 3);
	assert_int_equal(w[0].dma, 0x90000000);
	assert_int_equal(w[1].dma, 0x80000000);
	assert_int_equal(w[1].bytes, 32 * MIB);
	assert_true(hvcma_windows_covers(w, nr, 0x40000000, 48 * MIB));
	assert_true(hvcma_windows_covers(w, nr, 0x40fff000, 8192));
	assert_false(hvcma_windows_covers(w, nr, 0x40000000, 48 * MIB + 1));
	assert_false(hvcma_windows_covers(w, nr, 0x3fffffff, 2));
	assert_true(hvcma_windows_covers(w, nr, 0x50000000, 16 * MIB));
}

static void test_windows_refused(void **state)
{
	static const struct {
		const char *what;
		struct hvcma_window w[2];
		size_t nr;
	} bad[] = {
		{ "empty", { { 0, 0, 0 } }, 1 },
		{ "not aligned", { { 0x1000, 0x2000, 0x1800 } }, 1 },
		{ "not aligned", { { 0x1800, 0x2000, 0x1000 } }, 1 },
		{ "wraps", { { UINT64_MAX - 0xfff, 0, 0x2000 } }, 1 },
		{ "wraps", { { 0, UINT64_MAX - 0xfff, 0x2000 } }, 1 },
		{ "overlap on the bus", { { 0x2000, 0x9000, 0x2000 }, { 0x1000, 0x5000, 0x2000 } }, 2 },
		{ "overlap in memory", { { 0x9000, 0x2000, 0x2000 }, { 0x5000, 0x1000, 0x2000 } }, 2 },
		{ "overlap", { { 0x9000, 0x2000, 0x1000 }, { 0x5000, 0x2000, 0x1000 } }, 2 },
	};
	struct rig *rig = *state;
	struct hvcma_window top = { UINT64_MAX - 0xfff, UINT64_MAX - 0xfff, 0x1000 };

	assert_int_equal(hvcma_windows_check(&top, 1, 4096, &rig->err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct hvcma_window w[2] = { bad[i].w[0], bad[i].w[1] };

		assert_int_equal(hvcma_windows_check(w, bad[i].nr, 4096, &rig->err), -FDT_ERR_BADVALUE);
		if (!strstr(rig->err.text, bad[i].what))
			fail_msg("'%s' does not say '%s'", rig->err.text, bad[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_blob_refused),
		RIG_TEST(test_blob_refused_beyond_libfdt),
		RIG_TEST(test_cells),
		RIG_TEST(test_region_with_base),
		RIG_TEST(test_region_placed_by_kernel),
		RIG_TEST(test_restricted_region),
		RIG_TEST(test_region_refused),
		RIG_TEST(test_region_in_small_cells),
		RIG_TEST(test_find_region),
		RIG_TEST(test_no_space),
		RIG_TEST(test_bind),
		RIG_TEST(test_pci_node),
		RIG_TEST(test_second_domain),
		RIG_TEST(test_dma_ranges),
		RIG_TEST(test_odd_dma_ranges),
		RIG_TEST(test_guards),
		RIG_TEST(test_windows_merge),
		RIG_TEST(test_windows_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
