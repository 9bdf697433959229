// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Domains for Xen: what is written of modules and devices; the check, which finds each fault that is made and, in a
 * tree that is right, none; what a build can do.
 */
#include "tests/fdt/rig.h"

#include <stdio.h>
#include <string.h>

#include "fdt/xen.h"
#include "fdt/xen_check.h"

static const struct hvcma_range memory = { 0x60000000, 256 * MIB };

/* ---- findings as text ---- */

static char found[16384];
static int nr_faults, nr_all;

static void collect(void *opaque, const struct hvcma_xen_finding *f)
{
	size_t at = strlen(found);

	(void)opaque;
	nr_all++;
	nr_faults += f->severity == HVCMA_FDT_FAULT;
	snprintf(found + at, sizeof(found) - at, "%s %s: %s: %s\n", hvcma_fdt_severity_name(f->severity), f->id, f->path,
		 f->text);
}

static void run(struct rig *rig, const struct hvcma_xen_build *build, const void *partial)
{
	const struct hvcma_xen_partial one = { "d1", partial };

	*found = '\0';
	nr_faults = nr_all = 0;
	assert_int_equal(hvcma_xen_check(rig->fdt, build, &one, partial != NULL, collect, NULL, &rig->err), 0);
}

/* One fault, of this kind, with these words. */
#define FINDS(rig, build, partial, id, words) do {						\
	run(rig, build, partial);								\
	if (nr_faults != 1 || !strstr(found, "fault " id ": ") || !strstr(found, words))	\
		fail_msg("not one fault %s '%s', but:\n%s", id, words, found);			\
} while (0)

#define CLEAN(rig, build, partial) do {								\
	run(rig, build, partial);								\
	if (nr_all)										\
		fail_msg("found:\n%s", found);							\
} while (0)

/* ---- a machine with a domain ---- */

static const char *const dma[] = { "/soc/dma@1000" };

static const struct hvcma_xen_domain domain = {
	.name = "d1", .memory_bytes = 256 * MIB, .cpus = 1, .static_memory = &memory, .nr_static_memory = 1,
	.devices = dma, .nr_devices = 1,
	.modules = { { 0x48000000, 16 * MIB }, { 0x4a000000, MIB }, { 0x4b000000, 4096 } },
	.bootargs = "console=hvc0",
};

static void add(struct rig *rig, const struct hvcma_xen_domain *d)
{
	if (hvcma_xen_add_domain(rig->fdt, d, &rig->err))
		fail_msg("%s", rig->err.text);
}

static void add_domain(struct rig *rig)
{
	add(rig, &domain);
}

static void make_partial(struct rig *rig, const struct hvcma_window *windows, size_t nr)
{
	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, windows, nr, &rig->err), 0);
	if (hvcma_xen_add_device(rig->other, rig->fdt, dma[0], &rig->err))
		fail_msg("%s", rig->err.text);
}

/* Another device, at its own page and interrupt. */
static void add_other(struct rig *rig)
{
	rig_node(rig->fdt, "/soc", "other@3000");
	RIG_PROP(rig->fdt, "/soc/other@3000", "reg", 0x3000, 0x200);
	RIG_PROP(rig->fdt, "/soc/other@3000", "interrupts", 0, 20, 4);
}

/* ---- what is written ---- */

static void test_written(void **state)
{
	struct rig *rig = *state;
	struct hvcma_xen_domain d = domain;
	char args[HVCMA_XEN_MAX_BOOTARGS + 2];
	int len;

	d.vpl011 = 1;
	d.enhanced = HVCMA_XEN_NO_XENSTORE;
	add(rig, &d);
	RIG_EXPECT(rig->fdt, "/chosen/d1", "#address-cells", 2);
	assert_true(rig_has(rig->fdt, "/chosen/d1", "vpl011"));
	assert_false(rig_has(rig->fdt, "/chosen/d1", "direct-map"));
	assert_string_equal(fdt_getprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "xen,enhanced", NULL), "no-xenstore");
	assert_string_equal(fdt_getprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "hvcma,devices", NULL), dma[0]);
	assert_true(rig_has(rig->fdt, dma[0], "xen,passthrough"));
	RIG_EXPECT(rig->fdt, "/chosen/d1/kernel@48000000", "reg", 0, 0x48000000, 0, 16 * MIB);
	RIG_EXPECT(rig->fdt, "/chosen/d1/ramdisk@4a000000", "reg", 0, 0x4a000000, 0, MIB);
	RIG_EXPECT(rig->fdt, "/chosen/d1/device-tree@4b000000", "reg", 0, 0x4b000000, 0, 4096);
	assert_string_equal(fdt_getprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1/kernel@48000000"), "bootargs", NULL),
			    "console=hvc0");
	assert_memory_equal(fdt_getprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1/ramdisk@4a000000"), "compatible", &len),
			    "multiboot,ramdisk\0multiboot,module", sizeof("multiboot,ramdisk\0multiboot,module"));
	assert_int_equal(len, sizeof("multiboot,ramdisk\0multiboot,module"));
	/* refused */
	d.name = "d2";
	d.nr_devices = 0;
	memset(args, 'x', sizeof(args) - 1);
	args[sizeof(args) - 1] = '\0';
	d.bootargs = args;
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	assert_non_null(strstr(rig->err.text, "1024 letters, Xen takes 1023"));
	d.bootargs = "a";
	d.modules[HVCMA_XEN_KERNEL].bytes = 0;
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	assert_non_null(strstr(rig->err.text, "it has none"));
	d.bootargs = NULL;
	d.modules[HVCMA_XEN_RAMDISK] = (struct hvcma_range){ UINT64_MAX - 10, 100 };
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_BADVALUE);
	assert_non_null(strstr(rig->err.text, "ramdisk 0xfffffffffffffff5"));
	d.modules[HVCMA_XEN_RAMDISK].bytes = 0;
	d.devices = (const char *const[]){ "/gone" };
	d.nr_devices = 1;
	assert_int_equal(hvcma_xen_add_domain(rig->fdt, &d, &rig->err), -FDT_ERR_NOTFOUND);
}

/* Static memory from 1 GiB on, then from 8 GiB on. */
static void test_static_extents(void **state)
{
	const struct hvcma_range far[] = { { 0x880000000, 2048 * MIB }, { 0x900000000, 2048 * MIB } };
	struct rig *rig = *state;
	struct hvcma_window w[3];
	size_t nr;

	assert_int_equal(hvcma_xen_static_extents(far, 2, w, &nr, &rig->err), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(w[0].gpa, 0x40000000);
	assert_int_equal(w[1].gpa, 0xc0000000);
	assert_int_equal(w[1].dma, 0x900000000);
	assert_int_equal(w[1].bytes, 1024 * MIB);
	assert_int_equal(w[2].gpa, 0x200000000);
	assert_int_equal(w[2].dma, 0x940000000);
	assert_int_equal(hvcma_xen_static_extents(&(struct hvcma_range){ 0, UINT64_C(1) << 41 }, 1, w, &nr, &rig->err), -FDT_ERR_BADVALUE);
}

/* A pool is not passed on as the registers of a device. */
static void test_device_memory(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(hvcma_xen_partial_init(rig->other, RIG_ROOM, NULL, 0, &rig->err), 0);
	RIG_PROP(rig->fdt, "/soc", "ranges", 0, 0, 0x50000000, 0x100000);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, dma[0], &rig->err), -FDT_ERR_BADVALUE);
	assert_non_null(strstr(rig->err.text, "at 0x50001000 are memory of the host ('/memory@40000000')"));
	rig_node(rig->fdt, "/", "reserved-memory");
	rig_cells(rig->fdt, fdt_path_offset(rig->fdt, "/reserved-memory"), 2, 2);
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/reserved-memory"), "ranges"), 0);
	rig_node(rig->fdt, "/reserved-memory", "pool@90000000");
	RIG_PROP(rig->fdt, "/reserved-memory/pool@90000000", "reg", 0, 0x90000000, 0, 0x100000);
	assert_int_equal(hvcma_xen_add_device(rig->other, rig->fdt, "/reserved-memory/pool", &rig->err), -FDT_ERR_BADVALUE);
	assert_non_null(strstr(rig->err.text, "Device-nGnRE"));
}

/* ---- the check ---- */

static void test_clean(void **state)
{
	const struct hvcma_window w = { memory.base, 0x40000000, memory.bytes };
	struct rig *rig = *state;

	CLEAN(rig, NULL, NULL);
	add_domain(rig);
	CLEAN(rig, NULL, NULL);
	make_partial(rig, &w, 1);
	CLEAN(rig, NULL, rig->other);
}

static void test_memory(void **state)
{
	const struct hvcma_range high = { 0x7ffff000, 256 * MIB }, near = { 0x6f000000, 256 * MIB };
	struct hvcma_xen_domain second = domain;
	struct rig *rig = *state;

	add_domain(rig);
	RIG_PROP(rig->fdt, "/chosen/d1", "memory", 256 * 1024);
	FINDS(rig, NULL, NULL, "memory", "memory has 4 bytes");
	RIG_PROP(rig->fdt, "/chosen/d1", "memory", 0, 128 * 1024);
	FINDS(rig, NULL, NULL, "memory", "memory is 0x8000000 bytes, but its static memory 0x10000000");
	RIG_PROP(rig->fdt, "/chosen/d1", "memory", 0, 256 * 1024);
	RIG_PROP(rig->fdt, "/chosen/d1", "xen,static-mem", 0x60000000, 0, 256);
	FINDS(rig, NULL, NULL, "memory", "xen,static-mem has 12 bytes");
	RIG_PROP(rig->fdt, "/chosen/d1", "xen,static-mem", 0, 0x60000800, 0, 256 * MIB);
	run(rig, NULL, NULL);
	assert_non_null(strstr(found, "0x60000800, 0x10000000 bytes, is not whole pages of 4096"));
	RIG_PROP(rig->fdt, "/chosen/d1", "xen,static-mem", 0, 0x60000000, 0, 256 * MIB);
	CLEAN(rig, NULL, NULL);
	/* a second one, where the first is, and where nothing is */
	second.name = "d2";
	second.nr_devices = 0;
	second.bootargs = NULL;
	second.static_memory = &near;
	second.modules[HVCMA_XEN_RAMDISK].bytes = second.modules[HVCMA_XEN_DEVICE_TREE].bytes = 0;
	add(rig, &second);
	FINDS(rig, NULL, NULL, "memory", "static memory 0x6f000000, 0x10000000 bytes, overlaps static memory 0x60000000");
	RIG_PROP(rig->fdt, "/chosen/d2", "xen,static-mem", 0, high.base, 0, (uint32_t)high.bytes);
	FINDS(rig, NULL, NULL, "memory", "the host has no memory there");
	/* a module in it; one kernel for both, as above, is none */
	RIG_PROP(rig->fdt, "/chosen/d2", "xen,static-mem", 0, 0x50000000, 0, 256 * MIB);
	CLEAN(rig, NULL, NULL);
	RIG_PROP(rig->fdt, "/chosen/d2/kernel@48000000", "reg", 0, 0x48000000, 0, 15 * MIB);
	FINDS(rig, NULL, NULL, "memory", "a module 0x48000000, 0xf00000 bytes, overlaps a module 0x48000000, 0x1000000 bytes, of '/chosen/d1/kernel@48000000'");
	RIG_PROP(rig->fdt, "/chosen/d2/kernel@48000000", "reg", 0, 0x58000000, 0, 15 * MIB);
	FINDS(rig, NULL, NULL, "memory", "a module 0x58000000");
	RIG_PROP(rig->fdt, "/chosen/d2/kernel@48000000", "reg", 0x58000000);
	FINDS(rig, NULL, NULL, "module", "reg has 4 bytes");
	fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d2"));
	assert_int_equal(fdt_add_mem_rsv(rig->fdt, 0x61000000, 0x1000), 0);
	FINDS(rig, NULL, NULL, "memory", "of 'the reservation block'");
	assert_int_equal(fdt_del_mem_rsv(rig->fdt, 0), 0);
	/* all together; static memory is not, so that it is known where each is */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "xen,static-mem");
	RIG_PROP(rig->fdt, "/chosen/d1", "memory", 0, 1025 * 1024);
	FINDS(rig, NULL, NULL, "memory", "together is 0x40100000 bytes, the host has 0x40000000");
}

static void test_domain_itself(void **state)
{
	struct rig *rig = *state;

	add_domain(rig);
	RIG_PROP(rig->fdt, "/chosen/d1", "cpus", 129);
	FINDS(rig, NULL, NULL, "domain", "129 processors: with this GIC a domain has 1 to 128");
	assert_int_equal(fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/gic@8000000"), "compatible", "arm,gic-400"), 0);
	RIG_PROP(rig->fdt, "/chosen/d1", "cpus", 9);
	FINDS(rig, NULL, NULL, "domain", "1 to 8");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "cpus");
	FINDS(rig, NULL, NULL, "domain", "cpus is missing");
	RIG_PROP(rig->fdt, "/chosen/d1", "cpus", 1);
	/* the console of a direct-mapped one is where Xen's is */
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "direct-map"), 0);
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "vpl011"), 0);
	FINDS(rig, NULL, NULL, "domain", "/chosen names none");
	add_other(rig);
	assert_int_equal(fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/chosen"), "stdout-path", "/soc/other@3000:115200"), 0);
	FINDS(rig, NULL, NULL, "domain", "has 0x200 bytes of registers, 0x1000 are needed");
	RIG_PROP(rig->fdt, "/soc/other@3000", "reg", 0x3000, 0x1000);
	CLEAN(rig, NULL, NULL);
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "xen,static-mem");
	FINDS(rig, NULL, NULL, "memory", "direct-map needs xen,static-mem");
}

static void test_kinds(void **state)
{
	struct rig *rig = *state;

	add_domain(rig);
	rig_node(rig->fdt, "/chosen/d1", "more");
	assert_int_equal(fdt_setprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1/more"), "compatible",
				     "multiboot,kernel\0multiboot,module", 34), 0);
	RIG_PROP(rig->fdt, "/chosen/d1/more", "reg", 0, 0x4c000000, 0, 4096);
	FINDS(rig, NULL, NULL, "module", "2 modules \"multiboot,kernel\"");
	fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1/more"));
	fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1/kernel@48000000"));
	fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1/device-tree@4b000000"));
	run(rig, NULL, NULL);
	assert_int_equal(nr_faults, 0);
	assert_non_null(strstr(found, "warning module: /chosen/d1: no kernel"));
	assert_non_null(strstr(found, "warning module: /chosen/d1: devices, and no partial tree"));
}

static void test_devices(void **state)
{
	const struct hvcma_range second_memory = { 0x50000000, 64 * MIB };
	struct hvcma_xen_domain second = {
		.name = "d2", .memory_bytes = 64 * MIB, .cpus = 1, .static_memory = &second_memory, .nr_static_memory = 1,
		.devices = (const char *const[]){ "/soc/other@3000" }, .nr_devices = 1,
		.modules = { { 0x48000000, 16 * MIB }, { 0 }, { 0x4c000000, 4096 } },
	};
	struct rig *rig = *state;

	add_domain(rig);
	add_other(rig);
	CLEAN(rig, NULL, NULL);
	/* interrupts: the control domain's, of guests, of another domain */
	RIG_PROP(rig->fdt, "/soc/other@3000", "interrupts", 0, 16, 4);
	FINDS(rig, NULL, NULL, "interrupt", "SPI 16 (interrupt 48) is also '/soc/other@3000''s, which is the control domain's");
	assert_int_equal(fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/soc/other@3000"), "status", "disabled"), 0);
	CLEAN(rig, NULL, NULL);
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc/other@3000"), "status");
	assert_int_equal(hvcma_xen_set_passthrough(rig->fdt, "/soc/other@3000", &rig->err), 0);
	FINDS(rig, NULL, NULL, "interrupt", "which is kept for guests");
	add(rig, &second);
	FINDS(rig, NULL, NULL, "interrupt", "of domain 'd2': SPI 16 (interrupt 48) is also '/soc/dma@1000''s, which is of domain 'd1'");
	/* registers in one page */
	RIG_PROP(rig->fdt, "/soc/other@3000", "interrupts", 0, 20, 4);
	CLEAN(rig, NULL, NULL);
	RIG_PROP(rig->fdt, "/soc/other@3000", "reg", 0x1800, 0x200);
	FINDS(rig, NULL, NULL, "registers", "its pages 0x90001000, 0x1000 bytes, have registers of '/soc/dma@1000', which is of domain 'd1'");
	/* what is below a device is its own */
	fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, "/soc/other@3000"));
	FINDS(rig, NULL, NULL, "device", "of domain 'd2': no such device");
	fdt_del_node(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d2"));
	/* Xen's own */
	assert_int_equal(fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/chosen"), "stdout-path", dma[0]), 0);
	FINDS(rig, NULL, NULL, "device", "of domain 'd1', and it is Xen's own");
	assert_int_equal(fdt_setprop_string(rig->fdt, fdt_path_offset(rig->fdt, "/chosen"), "xen,xen-bootargs", "x dtuart=/none y"), 0);
	CLEAN(rig, NULL, NULL);
	/* left to the control domain; twice */
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, dma[0]), "xen,passthrough");
	FINDS(rig, NULL, NULL, "device", "not marked xen,passthrough");
	assert_int_equal(hvcma_xen_set_passthrough(rig->fdt, dma[0], &rig->err), 0);
	second.devices = dma;
	add(rig, &second);
	FINDS(rig, NULL, NULL, "device", "of domain 'd1', and it is of domain 'd2'");
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d2"), "hvcma,devices");
	run(rig, NULL, NULL);
	assert_int_equal(nr_faults, 0);
	assert_non_null(strstr(found, "note device: /chosen/d2: its devices are not known"));
}

/* Where a domain has something of its own already. */
static void test_places(void **state)
{
	struct rig *rig = *state;

	add_domain(rig);
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "vpl011"), 0);
	RIG_PROP(rig->fdt, dma[0], "interrupts", 0, 0, 4);
	FINDS(rig, NULL, NULL, "interrupt", "SPI 0 (interrupt 32) is that of its console");
	RIG_PROP(rig->fdt, dma[0], "interrupts", 0, 16, 4);
	RIG_PROP(rig->fdt, "/soc", "ranges", 0, 0, 0x21fff000, 0x100000);
	FINDS(rig, NULL, NULL, "registers", "at 0x22000000 it has its console (vpl011)");
	RIG_PROP(rig->fdt, "/soc", "ranges", 0, 0, 0x03000000, 0x100000);
	FINDS(rig, NULL, NULL, "registers", "its interrupt controller");
	RIG_PROP(rig->fdt, "/soc", "ranges", 0, 0, 0x38000000, 0x100000);
	FINDS(rig, NULL, NULL, "registers", "its grant table");
	/* the machine's memory ends before: only the domain has it there */
	RIG_PROP(rig->fdt, "/memory@40000000", "reg", 1, 0, 0, 0x40000000);
	RIG_PROP(rig->fdt, "/chosen/d1", "xen,static-mem", 1, 0, 0, 256 * MIB);
	RIG_PROP(rig->fdt, "/soc", "ranges", 0, 0, 0x44000000, 0x100000);
	run(rig, NULL, NULL);
	assert_non_null(strstr(found, "of domain 'd1': at 0x44001000 it has its memory"));
}

static void test_partial(void **state)
{
	const struct hvcma_window w = { memory.base, 0x40000000, memory.bytes }, wrong = { 0x61000000, 0x40000000, memory.bytes };
	const struct hvcma_window half = { memory.base, 0x40000000, memory.bytes / 2 };
	const char *device = "/passthrough/dma@90001000";
	struct rig *rig = *state;

	add_domain(rig);
	make_partial(rig, &wrong, 1);
	FINDS(rig, NULL, rig->other, "window", "memory 0x40000000 goes to 0x61000000 by the partial tree, and on the device's bus that is at 0x60000000");
	make_partial(rig, NULL, 0);
	FINDS(rig, NULL, rig->other, "window", "goes to 0x40000000");
	make_partial(rig, &half, 1);
	run(rig, NULL, rig->other);
	assert_int_equal(nr_faults, 0);
	assert_non_null(strstr(found, "dma-ranges lead to 0x8000000 bytes of its memory, of 0x10000000"));
	/* direct-mapped: as it is */
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "direct-map"), 0);
	make_partial(rig, NULL, 0);
	CLEAN(rig, NULL, rig->other);
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "direct-map");
	/* the bus of the host has less, or elsewhere */
	RIG_PROP(rig->fdt, "/soc", "dma-ranges", 0x10000000, 0, 0x60000000, 0x8000000);
	rig_cells(rig->fdt, 0, 2, 2);
	make_partial(rig, &w, 1);
	run(rig, NULL, rig->other);
	assert_int_equal(nr_faults, 1);
	assert_non_null(strstr(found, "'/soc/dma@1000' does not reach 0x8000000 bytes of its memory"));
	assert_non_null(strstr(found, "on the device's bus that is at 0x10000000"));
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/soc"), "dma-ranges");
	/* what it maps */
	make_partial(rig, &w, 1);
	RIG_PROP(rig->other, device, "xen,reg", 0, 0x50000000, 0, 0x1000, 0, 0x90001000);
	FINDS(rig, NULL, rig->other, "registers", "is memory of the host ('/memory@40000000'): Xen maps it as Device-nGnRE");
	RIG_PROP(rig->other, device, "xen,reg", 0, 0x90001000, 0, 0x2000, 0, 0x90001000);
	FINDS(rig, NULL, rig->other, "registers", "has more than registers of '/soc/dma@1000'");
	RIG_PROP(rig->other, device, "xen,reg", 0, 0x90001000, 0, 0x1000, 0, 0x41000000);
	FINDS(rig, NULL, rig->other, "registers", "at 0x41000000 it has its memory");
	RIG_PROP(rig->other, device, "xen,reg", 0, 0x90001000, 0, 0x200, 0, 0x90001000);
	FINDS(rig, NULL, rig->other, "partial", "is not whole pages");
	RIG_PROP(rig->other, device, "xen,reg", 0, 0x90001000, 0x1000);
	FINDS(rig, NULL, rig->other, "partial", "xen,reg has 12 bytes");
	fdt_delprop(rig->other, fdt_path_offset(rig->other, device), "xen,reg");
	FINDS(rig, NULL, rig->other, "partial", "has no xen,reg");
	make_partial(rig, &w, 1);
	fdt_delprop(rig->other, fdt_path_offset(rig->other, device), "xen,force-assign-without-iommu");
	FINDS(rig, NULL, rig->other, "partial", "is behind no IOMMU");
	make_partial(rig, &w, 1);
	rig_node(rig->other, "/", "reserved-memory");
	FINDS(rig, NULL, rig->other, "partial", "Xen drops it, and no pool comes of it");
	make_partial(rig, &w, 1);
	fdt_del_node(rig->other, fdt_path_offset(rig->other, "/passthrough"));
	FINDS(rig, NULL, rig->other, "partial", "passes nothing on");
	make_partial(rig, &w, 1);
	assert_int_equal(fdt_setprop_string(rig->other, fdt_path_offset(rig->other, device), "xen,path", "/soc/dma"), 0);
	FINDS(rig, NULL, rig->other, "device", "Xen looks for the whole path, which is '/soc/dma@1000'");
	/* of no domain */
	assert_int_equal(hvcma_xen_check(rig->fdt, NULL, &(struct hvcma_xen_partial){ "d9", rig->other }, 1, collect, NULL, &rig->err),
			 -FDT_ERR_NOTFOUND);
	assert_non_null(strstr(rig->err.text, "domain 'd9'"));
}

/* What a toolstack starts. */
static void test_guest(void **state)
{
	const struct hvcma_window w = { 0x60000000, 0x40000000, 64 * MIB };
	struct hvcma_xen_guest guest = { .memory_bytes = 64 * MIB };
	struct rig *rig = *state;

	make_partial(rig, &w, 1);
	guest.partial = rig->other;
	guest.extents = &w;
	guest.nr_extents = 1;
	*found = '\0';
	nr_faults = 0;
	assert_int_equal(hvcma_xen_check_guest(rig->fdt, &guest, NULL, collect, NULL, &rig->err), 0);
	assert_int_equal(nr_faults, 0);
	assert_non_null(strstr(found, "warning device: /soc/dma@1000"));
	RIG_PROP(rig->fdt, "/memory@40000000", "reg", 1, 0, 1, 0);
	guest.memory_bytes = 2048 * MIB;
	assert_int_equal(hvcma_xen_check_guest(rig->fdt, &guest, NULL, collect, NULL, &rig->err), 0);
	assert_int_equal(nr_faults, 1);
	assert_non_null(strstr(found, "of domain 'this domain': at 0x90001000 it has its memory"));
}

/* ---- builds ---- */

#define ARM(release)	"#\n# Xen/arm " release " Configuration\n#\nCONFIG_ARM=y\n"

static int parse(const char *text, struct hvcma_xen_build *build, struct rig *rig)
{
	return hvcma_xen_build_parse(text, strlen(text), build, &rig->err);
}

static void test_build(void **state)
{
	struct hvcma_xen_domain d = domain;
	struct hvcma_xen_build build;
	struct rig *rig = *state;

	assert_int_equal(parse(ARM("4.17.7") "CONFIG_HAS_PASSTHROUGH=y\n# CONFIG_STATIC_MEMORY is not set", &build, rig), 0);
	assert_int_equal(build.minor, 17);
	assert_true(build.has_dom0less && build.has_passthrough && !build.has_static_memory && !build.has_vpl011);
	assert_int_equal(build.address_bits, 48);
	d.direct_map = d.vpl011 = 0;
	add(rig, &d);
	FINDS(rig, &build, NULL, "build", "xen,static-mem: this Xen, 4.17, is built without it (CONFIG_STATIC_MEMORY");
	assert_int_equal(parse(ARM("4.20.5-pre") "CONFIG_STATIC_MEMORY=y\nCONFIG_DOM0LESS_BOOT=y\nCONFIG_PADDR_BITS=30\n", &build, rig), 0);
	FINDS(rig, &build, NULL, "build", "this Xen has addresses of 30 bits");
	build.address_bits = 48;
	CLEAN(rig, &build, NULL);
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "vpl011"), 0);
	FINDS(rig, &build, NULL, "build", "CONFIG_SBSA_VUART_CONSOLE");
	build.has_vpl011 = true;
	CLEAN(rig, &build, NULL);
	build.has_dom0less = false;
	FINDS(rig, &build, NULL, "build", "CONFIG_DOM0LESS_BOOT");
	build.has_dom0less = true;
	build.minor = 16;
	fdt_delprop(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "vpl011");
	assert_int_equal(fdt_setprop_empty(rig->fdt, fdt_path_offset(rig->fdt, "/chosen/d1"), "direct-map"), 0);
	FINDS(rig, &build, NULL, "build", "direct-map is known since Xen 4.17: this is 4.16");
	/* since 4.19 it may be left out */
	assert_int_equal(parse(ARM("4.19.0"), &build, rig), 0);
	assert_false(build.has_dom0less);
	/* none */
	assert_int_equal(parse("", &build, rig), -FDT_ERR_BADVALUE);
	assert_int_equal(parse("# Xen/arm 4.17.7 Configuration\n", &build, rig), -FDT_ERR_BADVALUE);
	assert_int_equal(parse("# Xen/x86 4.17.7 Configuration\nCONFIG_X86=y\n", &build, rig), -FDT_ERR_BADVALUE);
	assert_non_null(strstr(rig->err.text, "CONFIG_ARM=y"));
	assert_int_equal(parse("# Linux/arm64 6.12 Kernel Configuration\nCONFIG_ARM=y\n", &build, rig), -FDT_ERR_BADVALUE);
	assert_non_null(strstr(rig->err.text, "no release"));
}

/* Up to 4.17 a domain's tree has a limit. */
static void test_build_size(void **state)
{
	struct hvcma_xen_build build = { 4, 17, true, true, true, true, 48 };
	const struct hvcma_window w = { memory.base, 0x40000000, memory.bytes };
	static char large[4096];
	struct rig *rig = *state;

	add_domain(rig);
	make_partial(rig, &w, 1);
	CLEAN(rig, &build, rig->other);
	assert_int_equal(fdt_setprop(rig->other, fdt_path_offset(rig->other, "/passthrough/dma@90001000"), "large", large, 3000), 0);
	FINDS(rig, &build, rig->other, "partial", "Xen 4.17 makes all of a domain's tree in 4096");
	build.minor = 18;
	CLEAN(rig, &build, rig->other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_written),
		RIG_TEST(test_static_extents),
		RIG_TEST(test_device_memory),
		RIG_TEST(test_clean),
		RIG_TEST(test_memory),
		RIG_TEST(test_domain_itself),
		RIG_TEST(test_kinds),
		RIG_TEST(test_devices),
		RIG_TEST(test_places),
		RIG_TEST(test_partial),
		RIG_TEST(test_guest),
		RIG_TEST(test_build),
		RIG_TEST(test_build_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
