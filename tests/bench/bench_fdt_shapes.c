// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "hvcma fdt check" on device trees of 1 MiB that are all of one thing: nodes in nodes, buses in
 * buses, siblings, regions, buses, windows with clients, levels of windows. None has a fault. And
 * "hvcma fdt overlay" of two trees that differ in 30,000 places.
 *
 * Times: see cpu_time.h.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/write.h"
#include "tests/bench/cpu_time.h"

#define TREE_BYTES	(1u << 20)
#define ROOM		(4u * TREE_BYTES)
#define RUNS		15
#define CHECK_MS	50.0
#define OVERLAY_MS	1000.0

#define PAGE		UINT64_C(0x1000)
#define MIB		(UINT64_C(1) << 20)
#define RAM		(UINT64_C(1) << 32)

#define NR_PLACES	30000
#define NR_REGIONS	6000
#define NR_BUSES	4600
#define NR_WINDOWS	20000
#define NR_CLIENTS	6000
#define NR_LEVEL	18000		/* windows of each of two levels */

static char program[4096], folder[] = "/tmp/hvcma-bench.XXXXXX";
static _Alignas(8) char blob[ROOM];
static fdt32_t cells[NR_WINDOWS * 8];

/* ---- writing ---- */

static void put_cells(struct hvcma_fdt_writer *w, const char *name, const uint64_t *values, int nr)
{
	fdt32_t list[16];

	for (int i = 0; i < nr; i++)
		hvcma_fdt_put(list + 2 * i, 2, values[i]);
	hvcma_fdt_write_prop(w, name, list, nr * 8);
}

#define PUT64(w, name, ...) put_cells(w, name, (const uint64_t[]){ __VA_ARGS__ }, \
				      (int)(sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8))

static void put_u32(struct hvcma_fdt_writer *w, const char *name, uint32_t value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	hvcma_fdt_write_prop(w, name, &cell, 4);
}

static void put_string(struct hvcma_fdt_writer *w, const char *name, const char *value)
{
	hvcma_fdt_write_prop(w, name, value, (int)strlen(value) + 1);
}

static void begin(struct hvcma_fdt_writer *w, const char *name, uint64_t address)
{
	char unit[48];

	snprintf(unit, sizeof(unit), "%s@%" PRIx64, name, address);
	hvcma_fdt_write_begin(w, unit);
}

/* A bus; its children have 2 address cells. */
static void put_bus(struct hvcma_fdt_writer *w, uint32_t size_cells)
{
	put_u32(w, "#address-cells", 2);
	put_u32(w, "#size-cells", size_cells);
	hvcma_fdt_write_prop(w, "ranges", "", 0);
}

static void put_memory(struct hvcma_fdt_writer *w, uint64_t base, uint64_t bytes)
{
	begin(w, "memory", base);
	put_string(w, "device_type", "memory");
	PUT64(w, "reg", base, bytes);
	hvcma_fdt_write_end(w);
}

/* /reserved-memory with so many pools, which have phandles from 1. */
static void put_pools(struct hvcma_fdt_writer *w, uint32_t nr)
{
	hvcma_fdt_write_begin(w, "reserved-memory");
	put_bus(w, 2);
	for (uint32_t i = 0; i < nr; i++) {
		begin(w, "pool", RAM + i * 4 * MIB);
		put_string(w, "compatible", "shared-dma-pool");
		hvcma_fdt_write_prop(w, "reusable", "", 0);
		PUT64(w, "reg", RAM + i * 4 * MIB, 2 * MIB);
		put_u32(w, "phandle", i + 1);
		hvcma_fdt_write_end(w);
	}
	hvcma_fdt_write_end(w);
}

static void put_client(struct hvcma_fdt_writer *w, uint32_t i, uint32_t pool)
{
	begin(w, "dev", i);
	PUT64(w, "reg", i * PAGE, PAGE);
	put_u32(w, "memory-region", pool);
	hvcma_fdt_write_end(w);
}

static bool has_room(const struct hvcma_fdt_writer *w, size_t bytes)
{
	return w->at + w->names_bytes + bytes < TREE_BYTES;
}

static void end_all(struct hvcma_fdt_writer *w, uint32_t nr)
{
	while (nr--)
		hvcma_fdt_write_end(w);
}

/* ---- shapes ---- */

static void deep(struct hvcma_fdt_writer *w)
{
	uint32_t nr = 0;

	put_memory(w, RAM, 1024 * MIB);
	for (; has_room(w, nr * 4 + 64); nr++)
		hvcma_fdt_write_begin(w, "n");
	end_all(w, nr);
}

/* Buses in buses, each with a window. */
static void deep_buses(struct hvcma_fdt_writer *w)
{
	uint32_t nr = 0;

	put_memory(w, RAM, 1024 * MIB);
	put_pools(w, 1);
	for (; has_room(w, nr * 4 + 256); nr++) {
		hvcma_fdt_write_begin(w, "b");
		put_bus(w, 2);
		PUT64(w, "dma-ranges", 0, 0, 2 * RAM);
	}
	put_client(w, 0, 1);
	end_all(w, nr);
}

static void flat(struct hvcma_fdt_writer *w)
{
	put_memory(w, RAM, 1024 * MIB);
	hvcma_fdt_write_begin(w, "soc");
	put_bus(w, 2);
	for (uint32_t i = 0; has_room(w, 128); i++) {
		begin(w, "dev", i * PAGE);
		put_string(w, "compatible", "a,b");
		PUT64(w, "reg", i * PAGE, PAGE);
		hvcma_fdt_write_end(w);
	}
	hvcma_fdt_write_end(w);
}

/* Regions, and clients of all of them on a bus with one window. */
static void regions(struct hvcma_fdt_writer *w)
{
	put_memory(w, RAM, NR_REGIONS * 4 * MIB);
	put_pools(w, NR_REGIONS);
	hvcma_fdt_write_begin(w, "soc");
	put_bus(w, 2);
	PUT64(w, "dma-ranges", 0, RAM, NR_REGIONS * 4 * MIB);
	for (uint32_t i = 0; has_room(w, 128); i++)
		put_client(w, i, i % NR_REGIONS + 1);
	hvcma_fdt_write_end(w);
}

/* Buses with a window and a client each. */
static void buses(struct hvcma_fdt_writer *w)
{
	put_memory(w, RAM, 1024 * MIB);
	put_pools(w, 64);
	for (uint32_t i = 0; i < NR_BUSES && has_room(w, 256); i++) {
		begin(w, "bus", i);
		put_bus(w, 2);
		PUT64(w, "dma-ranges", i * MIB, RAM, 1024 * MIB);
		put_client(w, i, i % 64 + 1);
		hvcma_fdt_write_end(w);
	}
}

/* A bus with windows of 4 MiB, memory that leaves out the last page of each, and clients. */
static void windows(struct hvcma_fdt_writer *w)
{
	fdt32_t *p = cells;
	char name[16];

	for (uint64_t i = 0; i < NR_WINDOWS; i++, p += 4) {
		hvcma_fdt_put(p, 2, RAM + i * 4 * MIB);
		hvcma_fdt_put(p + 2, 2, 4 * MIB - PAGE);
	}
	begin(w, "memory", RAM);
	put_string(w, "device_type", "memory");
	hvcma_fdt_write_prop(w, "reg", cells, NR_WINDOWS * 16);
	hvcma_fdt_write_end(w);
	put_pools(w, 1);
	hvcma_fdt_write_begin(w, "soc");
	put_bus(w, 1);
	p = cells;
	for (uint64_t i = 0; i < NR_WINDOWS; i++, p += 5) {
		hvcma_fdt_put(p, 2, 64 * RAM + i * 7 % NR_WINDOWS * 8 * MIB);
		hvcma_fdt_put(p + 2, 2, RAM + i * 4 * MIB);
		hvcma_fdt_put(p + 4, 1, 4 * MIB);
	}
	hvcma_fdt_write_prop(w, "dma-ranges", cells, NR_WINDOWS * 20);
	for (uint32_t i = 0; i < NR_CLIENTS; i++) {
		snprintf(name, sizeof(name), "%x", i);
		hvcma_fdt_write_begin(w, name);
		put_u32(w, "memory-region", 1);
		hvcma_fdt_write_end(w);
	}
	hvcma_fdt_write_end(w);
}

/* Two buses, one in the other, with as many windows as fit. */
static void levels(struct hvcma_fdt_writer *w)
{
	put_memory(w, RAM, 1024 * MIB);
	for (uint64_t level = 0; level < 2; level++) {
		fdt32_t *p = cells;

		hvcma_fdt_write_begin(w, "bus");
		put_bus(w, 2);
		for (uint64_t i = 0; i < NR_LEVEL; i++, p += 6) {
			hvcma_fdt_put(p, 2, i * 7 % NR_LEVEL * PAGE);
			hvcma_fdt_put(p + 2, 2, level ? i * PAGE : 8 * RAM + i * PAGE);
			hvcma_fdt_put(p + 4, 2, PAGE);
		}
		hvcma_fdt_write_prop(w, "dma-ranges", cells, NR_LEVEL * 24);
	}
	begin(w, "dev", 0);
	PUT64(w, "reg", 0, PAGE);
	hvcma_fdt_write_end(w);
	end_all(w, 2);
}

/* For overlays: one node with so many properties, or a node for each. */
static void properties(struct hvcma_fdt_writer *w, uint32_t value)
{
	char name[16];

	hvcma_fdt_write_begin(w, "a");
	for (uint32_t i = 0; i < NR_PLACES; i++) {
		snprintf(name, sizeof(name), "p%" PRIu32, i);
		put_u32(w, name, value);
	}
	hvcma_fdt_write_end(w);
}

static void nodes(struct hvcma_fdt_writer *w, uint32_t value)
{
	hvcma_fdt_write_begin(w, "a");
	for (uint32_t i = 0; i < NR_PLACES; i++) {
		begin(w, "n", i);
		put_u32(w, "v", value);
		hvcma_fdt_write_end(w);
	}
	hvcma_fdt_write_end(w);
}

/* ---- runs ---- */

static void begin_tree(struct hvcma_fdt_writer *w)
{
	hvcma_fdt_write_init(w, blob, ROOM);
	hvcma_fdt_write_begin(w, "");
	put_u32(w, "#address-cells", 2);
	put_u32(w, "#size-cells", 2);
}

static void end_tree(struct hvcma_fdt_writer *w, char path[64], const char *name)
{
	FILE *out;

	hvcma_fdt_write_end(w);
	snprintf(path, 64, "%s/%s", folder, name);
	out = fopen(path, "wb");
	if (hvcma_fdt_write_fini(w) || fdt_pack(blob) || !out ||
	    fwrite(blob, fdt_totalsize(blob), 1, out) != 1 || fclose(out)) {
		fprintf(stderr, "bench_fdt_shapes: %s could not be made\n", name);
		exit(1);
	}
}

static void judge(const char *what, const char *name, double goal_ms, char *const *argv, int runs)
{
	char title[96];
	struct bench_figure f = { .name = title, .unit = "ms", .goal = goal_ms };

	snprintf(title, sizeof(title), "%s_%s", what, name);
	printf("# %s: %u bytes\n", title, fdt_totalsize(blob));
	cpu_time_rounds(&f, argv, runs);
	bench_judge(&f);
}

static void check(const char *name, void (*make)(struct hvcma_fdt_writer *w))
{
	char path[64], *argv[] = { program, "fdt", "check", "--quiet", path, NULL };
	struct hvcma_fdt_writer w;

	begin_tree(&w);
	make(&w);
	end_tree(&w, path, "tree");
	judge("fdt_check", name, CHECK_MS, argv, RUNS);
	unlink(path);
}

static void overlay(const char *name, void (*make)(struct hvcma_fdt_writer *w, uint32_t value))
{
	char base[64], edited[64], out[64], what[32];
	char *argv[] = { program, "fdt", "overlay", base, edited, "-o", out, NULL };
	struct hvcma_fdt_writer w;

	begin_tree(&w);
	make(&w, 1);
	end_tree(&w, base, "base");
	begin_tree(&w);
	make(&w, 2);
	end_tree(&w, edited, "edited");
	snprintf(out, sizeof(out), "%s/overlay", folder);
	snprintf(what, sizeof(what), "fdt_overlay_%d", NR_PLACES);
	judge(what, name, OVERLAY_MS, argv, 3);
	unlink(base);
	unlink(edited);
	unlink(out);
}

int main(void)
{
	const char *build = getenv("HVCMA_BUILD");

	setvbuf(stdout, NULL, _IOLBF, 0);	/* children must inherit nothing unwritten */
	if (!mkdtemp(folder))
		return 1;
#ifdef __aarch64__
	snprintf(program, sizeof(program), "%s/arm64/hvcma", build ? build : "build");
#else
	snprintf(program, sizeof(program), "%s/amd64/hvcma", build ? build : "build");
#endif
	check("deep", deep);
	check("deep_buses", deep_buses);
	check("flat", flat);
	check("6000_regions", regions);
	check("4600_buses", buses);
	check("20000_windows_6000_clients", windows);
	check("2_levels_of_windows", levels);
	overlay("properties", properties);
	overlay("nodes", nodes);
	rmdir(folder);
	return bench_exit();
}
