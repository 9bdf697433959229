// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "hvcma fdt check" on a device tree of 1 MiB, the whole program from exec to exit, beside what
 * other programs need to read the same file: dtc to source, fdtdump.
 *
 * The tree is a large machine's, with all that the check looks at: thousands of devices on
 * buses, memory and pools in many pieces, a thousand windows with guards, clients of pools.
 * Half of its bytes is structure of small nodes, the case that costs most.
 *
 * Times: see cpu_time.h. Trees of other shapes: bench_fdt_shapes.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdt/bus.h"
#include "fdt/guard.h"
#include "tests/bench/cpu_time.h"

#define DTB_BYTES	(1u << 20)
#define NR_WINDOWS	1024
#define NR_POOLS	64
#define RUNS		15
#define LIMIT_MS	50.0

#define MIB		(UINT64_C(1) << 20)
#define RAM		(UINT64_C(1) << 32)

static void must(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "bench_fdt: %s: %s\n", what, fdt_strerror(ret));
	exit(1);
}

static void add_memory(void *fdt)
{
	struct hvcma_window windows[NR_WINDOWS];
	struct hvcma_range ram = { RAM, NR_WINDOWS * 64 * MIB };

	must(hvcma_fdt_add_memory(fdt, &ram, 1, NULL), "memory");
	/* no two neighbours in memory are neighbours on the bus */
	for (uint64_t i = 0; i < NR_WINDOWS; i++)
		windows[i] = (struct hvcma_window){
			.gpa = RAM + i * 64 * MIB, .bytes = 64 * MIB,
			.dma = (UINT64_C(1) << 40) + (i * 37 % NR_WINDOWS) * 128 * MIB,
		};
	must(hvcma_fdt_set_dma_ranges(fdt, "/soc", windows, NR_WINDOWS, NULL), "windows");
	must(hvcma_fdt_add_guards(fdt, "dma-guard", windows, NR_WINDOWS, NULL), "guards");
	for (uint64_t i = 0; i < NR_POOLS; i++) {
		struct hvcma_fdt_region pool = {
			.name = "pool", .pool = HVCMA_FDT_REUSABLE, .bytes = 32 * MIB, .has_base = 1,
			.base = RAM + i * 16 * 64 * MIB, .granule_bytes = 2 * MIB,
		};

		must(hvcma_fdt_add_region(fdt, &pool, NULL, NULL), "pool");
	}
}

/* Devices until the blob is full. Every fourth is a client of one of the pools. */
static void add_devices(void *fdt)
{
	int first = fdt_path_offset(fdt, "/reserved-memory");
	uint32_t pools[NR_POOLS], nr = 0;
	int node;

	fdt_for_each_subnode(node, fdt, first)
		if (nr < NR_POOLS && fdt_get_phandle(fdt, node))
			pools[nr++] = fdt_get_phandle(fdt, node);
	for (uint32_t i = 0; (unsigned int)fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt) +
	     fdt_size_dt_strings(fdt) < DTB_BYTES; i++) {
		uint64_t base = 0x10000000 + (uint64_t)i * 0x1000;
		fdt32_t reg[4] = { 0 };
		char name[32];
		int soc = fdt_path_offset(fdt, "/soc");

		snprintf(name, sizeof(name), "device@%" PRIx64, base);
		hvcma_fdt_put(reg, 2, base);
		hvcma_fdt_put(reg + 2, 2, 0x1000);
		node = fdt_add_subnode(fdt, soc, name);
		must(node, "device");
		must(fdt_setprop_string(fdt, node, "compatible", "vendor,a-device-of-some-kind"), "device");
		must(fdt_setprop(fdt, node, "reg", reg, sizeof(reg)), "device");
		must(fdt_setprop_empty(fdt, node, "dma-coherent"), "device");
		if (i % 4 == 0)
			must(fdt_setprop_u32(fdt, node, "memory-region", pools[i / 4 % nr]), "client");
	}
}

static void make_tree(const char *path)
{
	size_t room = 2 * DTB_BYTES;
	void *fdt = malloc(room);
	FILE *out = fopen(path, "wb");
	int soc;

	if (!fdt || !out)
		exit(1);
	must(fdt_create_empty_tree(fdt, (int)room), "tree");
	must(fdt_setprop_u32(fdt, 0, "#address-cells", 2), "cells");
	must(fdt_setprop_u32(fdt, 0, "#size-cells", 2), "cells");
	soc = fdt_add_subnode(fdt, 0, "soc");
	must(soc, "soc");
	must(fdt_setprop_u32(fdt, soc, "#address-cells", 2), "cells");
	must(fdt_setprop_u32(fdt, soc, "#size-cells", 2), "cells");
	must(fdt_setprop_empty(fdt, soc, "ranges"), "ranges");
	add_memory(fdt);
	add_devices(fdt);
	must(fdt_pack(fdt), "pack");
	printf("# a tree of %u bytes\n", fdt_totalsize(fdt));
	if (fwrite(fdt, fdt_totalsize(fdt), 1, out) != 1 || fclose(out))
		exit(1);
	free(fdt);
}

int main(void)
{
	const char *build = getenv("HVCMA_BUILD");
	char dir[] = "/tmp/hvcma-bench.XXXXXX", file[64], program[4096];
	char *ours[] = { program, "fdt", "check", file, NULL };
	char *dtc[] = { "dtc", "-q", "-I", "dtb", "-O", "dts", file, NULL };
	char *fdtdump[] = { "fdtdump", file, NULL };
	static struct bench_figure f = { .name = "fdt_check_1mib", .unit = "ms", .goal = LIMIT_MS };

	setvbuf(stdout, NULL, _IOLBF, 0);	/* children must inherit nothing unwritten */
	if (!mkdtemp(dir))
		return 1;
	snprintf(file, sizeof(file), "%s/large.dtb", dir);
#ifdef __aarch64__
	snprintf(program, sizeof(program), "%s/arm64/hvcma", build ? build : "build");
#else
	snprintf(program, sizeof(program), "%s/amd64/hvcma", build ? build : "build");
#endif
	make_tree(file);
	cpu_time_rounds(&f, ours, RUNS);
	printf("# beside it: dtc %.1f ms, fdtdump %.1f ms\n", cpu_time_run(dtc), cpu_time_run(fdtdump));
	bench_judge(&f);
	unlink(file);
	rmdir(dir);
	return bench_exit();
}
