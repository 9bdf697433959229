// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "hvcma fdt", the command itself in this process, with files, against blobs of any
 * content: chains of subcommands, each of which gets what the one before made.
 *
 * Input: a byte that says which blob, one for the number of steps, a byte for each
 * step, and then the blob; or changes to one of our own trees, each an offset
 * (16 bits) and a word to put there.
 *
 * A step may fail, but only with a status that the manual has. What it writes is a
 * valid blob. An overlay of the first and the last blob, applied by libfdt, gives the
 * last one.
 *
 * runs: 10000000
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdt/bus.h"
#include "fdt/guard.h"
#include "hv/cli/command.h"
#include "tests/fuzz/same_tree.h"

#define ROOM		32768
#define MAX_STEPS	6
#define MAX_ARGS	16
#define NR_SEEDS	3

extern const struct hvcma_command hvcma_command_fdt;

/* "FILE" is what the step before made, "OUT" where the next one finds it. */
static const char *const steps[][MAX_ARGS] = {
	{ "check", "FILE" },
	{ "check", "--json", "--strict", "--stage2", "fwb", "--pageblock", "4M", "FILE" },
	{ "show", "FILE" },
	{ "show", "--json", "FILE" },
	{ "add-region", "--name", "new", "--type", "reusable", "--default", "--size", "4M", "--base",
	  "0x60000000", "FILE", "-o", "OUT" },
	{ "add-region", "--name", "dyn", "--type", "no-map", "--size", "64K", "--align", "64K",
	  "--alloc-range", "0x40000000,1G", "FILE", "-o", "OUT" },
	{ "add-region", "--name", "bounce", "--type", "restricted", "--size", "1M", "FILE", "-o", "OUT" },
	{ "remove-region", "--region", "new", "FILE", "-o", "OUT" },
	{ "remove-region", "--region", "&pool", "FILE", "-o", "OUT" },
	{ "bind", "--region", "new", "--client", "00:03.0", "--client", "&dma", "FILE", "-o", "OUT" },
	{ "bind", "--region", "pool", "--client", "pci:0000:00/01.0/00.1", "FILE", "-o", "OUT" },
	{ "bind", "--region", "/reserved-memory/dyn", "--client", "dma0", "FILE", "-o", "OUT" },
	{ "unbind", "--region", "new", "--client", "00:03.0", "FILE", "-o", "OUT" },
	{ "unbind", "--region", "pool", "--client", "pci:0000:00/01.0/00.1", "FILE", "-o", "OUT" },
	{ "unbind", "--region", "pool", "--client", "&dma", "FILE", "-o", "OUT" },
	{ "dma-ranges", "--identity", "0x40000000,256M", "--guards", "FILE", "-o", "OUT" },
	{ "dma-ranges", "--bus", "&soc", "--identity", "0x40000000,64M", "--identity", "0x48000000,64M",
	  "FILE", "-o", "OUT" },
	{ "drop-windows", "FILE", "-o", "OUT" },
	{ "drop-windows", "--bus", "&soc", "FILE", "-o", "OUT" },
	{ "xen", "--device", "&dma", "FILE", "-o", "MADE" },
	{ "xen", "--device", "&dma", "--xl", "FILE", "-o", "MADE" },
	{ "xen", "--domain", "d", "--memory", "1M", "FILE", "-o", "OUT" },
};

#define NR_STEPS	(sizeof(steps) / sizeof(*steps))

static _Alignas(8) unsigned char seed[NR_SEEDS][ROOM], blob[ROOM], first[4 * ROOM], last[4 * ROOM],
				 made[4 * ROOM];
static size_t seed_bytes[NR_SEEDS];
static char folder[64];
static FILE *complaints;

static void must(int ok)
{
	if (!ok)
		abort();
}

/* ---- our own trees ---- */

static void put(void *fdt, const char *path, const char *name, const uint32_t *cells, size_t nr)
{
	int node = fdt_path_offset(fdt, path);

	fdt_delprop(fdt, node, name);
	for (size_t i = 0; i < nr; i++)
		must(!fdt_appendprop_u32(fdt, node, name, cells[i]));
}

#define PUT(fdt, path, name, ...) \
	put(fdt, path, name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void put_string(void *fdt, const char *path, const char *name, const char *value)
{
	must(!fdt_setprop_string(fdt, fdt_path_offset(fdt, path), name, value));
}

static void add(void *fdt, const char *parent, const char *name)
{
	must(fdt_add_subnode(fdt, fdt_path_offset(fdt, parent), name) > 0);
}

/* Memory, a bus with a device, a host bridge, labels, an alias. */
static void plain(void *fdt)
{
	must(!fdt_create_empty_tree(fdt, ROOM));
	PUT(fdt, "/", "#address-cells", 2);
	PUT(fdt, "/", "#size-cells", 2);
	add(fdt, "/", "aliases");
	put_string(fdt, "/aliases", "dma0", "/soc/dma@1000");
	add(fdt, "/", "__symbols__");
	put_string(fdt, "/__symbols__", "dma", "/soc/dma@1000");
	put_string(fdt, "/__symbols__", "soc", "/soc");
	add(fdt, "/", "gic@8000000");
	PUT(fdt, "/gic@8000000", "phandle", 1);
	PUT(fdt, "/gic@8000000", "#interrupt-cells", 3);
	put_string(fdt, "/gic@8000000", "compatible", "arm,gic-v3");
	add(fdt, "/", "soc");
	PUT(fdt, "/soc", "#address-cells", 1);
	PUT(fdt, "/soc", "#size-cells", 1);
	PUT(fdt, "/soc", "interrupt-parent", 1);
	PUT(fdt, "/soc", "ranges", 0, 0, 0x90000000, 0x100000);
	add(fdt, "/soc", "dma@1000");
	PUT(fdt, "/soc/dma@1000", "reg", 0x1000, 0x200);
	PUT(fdt, "/soc/dma@1000", "interrupts", 0, 16, 4);
	put_string(fdt, "/soc/dma@1000", "compatible", "a,dma");
	add(fdt, "/", "pcie@10000000");
	put_string(fdt, "/pcie@10000000", "device_type", "pci");
	PUT(fdt, "/pcie@10000000", "#address-cells", 3);
	PUT(fdt, "/pcie@10000000", "#size-cells", 2);
	must(!hvcma_fdt_add_memory(fdt, &(struct hvcma_range){ 0x40000000, 0x40000000 }, 1, NULL));
}

/* The same after edits: a pool with clients, windows, guards, a window without memory. */
static void edited(void *fdt)
{
	static const struct hvcma_window windows[] = {
		{ 0x80000000, 0x40000000, 0x10000000 }, { 0xc0000000, 0x50000000, 0x30000000 },
	};
	static const struct hvcma_fdt_region pool = {
		.name = "pool", .pool = HVCMA_FDT_REUSABLE, .bytes = 0x4000000, .has_base = 1,
		.base = 0x44000000, .granule_bytes = 0x200000,
	};
	char path[HVCMA_FDT_PATH_BYTES];

	plain(fdt);
	PUT(fdt, "/pcie@10000000", "dma-ranges", 0x02000000, 0xff, 0xfffff000, 0x10, 0x130000, 0, 0x1000);
	must(!hvcma_fdt_add_region(fdt, &pool, path, NULL));
	put_string(fdt, "/__symbols__", "pool", path);
	must(!hvcma_fdt_bind(fdt, "/soc/dma@1000", path, NULL));
	must(!hvcma_fdt_pci_node(fdt, "0000:00/01.0/00.1", path, NULL));
	must(!hvcma_fdt_bind(fdt, path, "&pool", NULL));
	must(!hvcma_fdt_set_dma_ranges(fdt, "/pcie@10000000", windows, 2, NULL));
	must(!hvcma_fdt_add_guards(fdt, "dma-guard", windows, 2, NULL));
}

/* Two bridges, levels of dma-ranges, an IOMMU, maps, pools that the kernel places. */
static void levels(void *fdt)
{
	plain(fdt);
	PUT(fdt, "/soc", "dma-ranges", 0, 0, 0x40000000, 0x40000000);
	PUT(fdt, "/soc/dma@1000", "iommus", 2, 5);
	PUT(fdt, "/soc/dma@1000", "#address-cells", 1);
	PUT(fdt, "/soc/dma@1000", "#size-cells", 1);
	PUT(fdt, "/soc/dma@1000", "dma-ranges", 0, 0x1000000, 0x1000000);
	add(fdt, "/soc/dma@1000", "channel@0");
	PUT(fdt, "/soc/dma@1000/channel@0", "memory-region", 3);
	add(fdt, "/", "smmu");
	PUT(fdt, "/smmu", "phandle", 2);
	PUT(fdt, "/smmu", "#iommu-cells", 1);
	PUT(fdt, "/pcie@10000000", "iommu-map", 0, 2, 0, 0x100);
	PUT(fdt, "/pcie@10000000", "#interrupt-cells", 1);
	PUT(fdt, "/pcie@10000000", "interrupt-map", 0, 0, 0, 1, 1, 0, 7, 4);
	PUT(fdt, "/pcie@10000000", "linux,pci-domain", 1);
	add(fdt, "/soc", "pcie@8000");
	put_string(fdt, "/soc/pcie@8000", "device_type", "pci");
	PUT(fdt, "/soc/pcie@8000", "#address-cells", 3);
	PUT(fdt, "/soc/pcie@8000", "#size-cells", 2);
	add(fdt, "/", "reserved-memory");
	PUT(fdt, "/reserved-memory", "#address-cells", 2);
	PUT(fdt, "/reserved-memory", "#size-cells", 2);
	must(!fdt_setprop_empty(fdt, fdt_path_offset(fdt, "/reserved-memory"), "ranges"));
	add(fdt, "/reserved-memory", "pool");
	put_string(fdt, "/reserved-memory/pool", "compatible", "shared-dma-pool");
	put_string(fdt, "/reserved-memory/pool", "status", "okay");
	PUT(fdt, "/reserved-memory/pool", "phandle", 3);
	PUT(fdt, "/reserved-memory/pool", "size", 0, 0x400000);
	PUT(fdt, "/reserved-memory/pool", "alignment", 0, 0x400000);
	PUT(fdt, "/reserved-memory/pool", "alloc-ranges", 0, 0x40000000, 0, 0x10000000);
	must(!fdt_add_mem_rsv(fdt, 0x41000000, 0x1000));
}

static void make_seeds(void)
{
	static void (*const make[NR_SEEDS])(void *fdt) = { plain, edited, levels };

	for (int i = 0; i < NR_SEEDS; i++) {
		make[i](seed[i]);
		must(!fdt_pack(seed[i]));
		seed_bytes[i] = fdt_totalsize(seed[i]);
	}
}

/* ---- files ---- */

static const char *file(char *path, const char *name)
{
	sprintf(path, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
	char path[96];
	int fd = open(file(path, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes && !close(fd));
}

/* A blob, with some room; false: there is no such file, or it is large. */
static int read_file(const char *name, void *data, size_t room)
{
	struct hvcma_fdt_error err;
	char path[96];
	int fd = open(file(path, name), O_RDONLY);
	ssize_t bytes;

	if (fd < 0)
		return 0;
	bytes = read(fd, data, room);
	must(bytes >= 0 && !close(fd));
	if ((size_t)bytes == room)
		return 0;
	must(!hvcma_fdt_validate(data, (size_t)bytes, &err));
	return 1;
}

static void clean_up(void)
{
	static const char *const names[] = { "first", "a", "b", "made" };
	char path[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(file(path, names[i]));
	rmdir(folder);
}

static void set_up(void)
{
	const char *tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	sprintf(folder, "%s/hvcma-fuzz.XXXXXX", tmp);
	must(mkdtemp(folder) && freopen("/dev/null", "w", stdout));
	atexit(clean_up);
	make_seeds();
	complaints = fopen("/dev/null", "w");
}

/* ---- steps ---- */

static int run(const char *const *args, const char *in, const char *out)
{
	char copy[MAX_ARGS + 1][128], *argv[MAX_ARGS + 2] = { copy[0] };
	FILE *own = stderr;
	int argc = 1, status;

	strcpy(copy[0], "fdt");
	for (; argc <= MAX_ARGS && args[argc - 1]; argc++) {
		const char *arg = args[argc - 1];

		argv[argc] = copy[argc];
		if (!strcmp(arg, "FILE"))
			file(copy[argc], in);
		else if (!strcmp(arg, "OUT"))
			file(copy[argc], out);
		else if (!strcmp(arg, "MADE"))
			file(copy[argc], "made");
		else if (!strcmp(arg, "FIRST"))
			file(copy[argc], "first");
		else
			strcpy(copy[argc], arg);
	}
	argv[argc] = NULL;
	stderr = complaints;
	status = hvcma_command_fdt.run(argc, argv);
	stderr = own;
	must(status == HVCMA_EXIT_OK || status == HVCMA_EXIT_FAILED || status == HVCMA_EXIT_FINDINGS);
	return status;
}

static void check_overlay(const char *edited_name)
{
	static const char *const overlay[] = { "overlay", "FIRST", "FILE", "-o", "MADE", NULL };

	if (run(overlay, edited_name, "") || !read_file("first", first, sizeof(first)) ||
	    !read_file(edited_name, last, sizeof(last)) || !read_file("made", made, sizeof(made)) ||
	    fdt_open_into(first, first, sizeof(first)))
		return;
	must(!fdt_overlay_apply(first, made));
	must(same_tree(first, last));
}

static void change(unsigned char *fdt, size_t bytes, const uint8_t *data, size_t size)
{
	for (; size >= 4; data += 4, size -= 4) {
		size_t at = (size_t)(data[0] << 8 | data[1]) % (bytes - 1);

		fdt[at] = data[2];
		fdt[at + 1] = data[3];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *in = "first", *out = "a";
	size_t bytes, nr_steps, which;

	if (!*folder)
		set_up();
	if (size < 2 + MAX_STEPS)
		return 0;
	nr_steps = data[1] % MAX_STEPS + 1;
	which = data[0] % (NR_SEEDS + 1);
	if (which < NR_SEEDS) {
		bytes = seed_bytes[which];
		memcpy(blob, seed[which], bytes);
		change(blob, bytes, data + 2 + MAX_STEPS, size - 2 - MAX_STEPS);
	} else {
		bytes = size - 2 - MAX_STEPS < ROOM ? size - 2 - MAX_STEPS : ROOM;
		memcpy(blob, data + 2 + MAX_STEPS, bytes);
	}
	write_file("first", blob, bytes);
	if (run((const char *const[]){ "check", "FILE", NULL }, in, out) == HVCMA_EXIT_FAILED)
		nr_steps = 1;		/* no blob: all refuse it */
	for (size_t i = 0; i < nr_steps; i++) {
		const char *const *step = steps[data[2 + i] % NR_STEPS];
		int is_edit = 0;

		for (size_t k = 0; k < MAX_ARGS && step[k]; k++)
			is_edit |= !strcmp(step[k], "OUT");
		if (run(step, in, out) || !is_edit)
			continue;
		read_file(out, last, sizeof(last));	/* valid */
		in = out;
		out = *out == 'a' ? "b" : "a";
	}
	if (strcmp(in, "first"))
		check_overlay(in);
	return 0;
}
