// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What hvcma makes of device trees, to be laid beside what Linux does: see view.c.
 *
 *	linux-ours FILE...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fdt/check.h"
#include "fdt/device_windows.h"
#include "fdt/dma.h"
#include "fdt/path.h"

#define MAX_BYTES	(1u << 25)

static void print_finding(void *opaque, const struct hvcma_fdt_finding *f)
{
	(void)opaque;
	printf("find %s %s %s\n", f->name, f->path, f->text);
}

static void print_path(const struct hvcma_fdt_tree *t, int node)
{
	if (t->node[node].parent > 0)
		print_path(t, t->node[node].parent);
	printf("/%s", fdt_get_name(t->fdt, t->node[node].offset, NULL));
}

static void print_windows(struct hvcma_fdt_dma *dma, int node, const char *kind)
{
	int bus = hvcma_fdt_dma_bus(dma, node, NULL);
	struct hvcma_fdt_windows w;

	if (bus < 0)
		return;
	printf("%s ", kind);
	print_path(dma->tree, node);
	if (hvcma_fdt_dma_windows(dma, bus, &w)) {
		puts(" none");
		return;
	}
	for (size_t i = 0; i < w.nr; i++)
		printf(" 0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64, w.window[i].gpa, w.window[i].dma,
		       w.window[i].bytes);
	puts(w.nr ? "" : " none");
	hvcma_fdt_windows_free(&w);
}

/* What DMA would be done by: of each bus's first device, for the others are as that one is. */
static void print_map(struct hvcma_fdt_dma *dma, int node)
{
	const void *fdt = dma->tree->fdt;
	char path[HVCMA_FDT_PATH_BYTES], on[HVCMA_FDT_PATH_BYTES];
	int bus = hvcma_fdt_dma_bus(dma, node, NULL);
	struct hvcma_dma_windows map;
	struct hvcma_fdt_windows w;
	struct hvcma_fdt_error err;

	if (hvcma_fdt_full_path(fdt, dma->tree->node[node].offset, path, &err))
		return;
	fputs("map ", stdout);
	print_path(dma->tree, node);
	if (hvcma_fdt_device_windows(fdt, fdt_totalsize(fdt), path, &map, on, &err)) {
		printf(" refused %s\n", err.text);
		return;
	}
	if (bus < 0) {
		puts(hvcma_dma_windows_is_identity(&map) ? " identity" : " wrong");
		return;
	}
	for (uint32_t i = 0; i < map.nr; i++)
		printf(" 0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64, map.window[i].dma_base,
		       map.window[i].bus_base, map.window[i].bytes);
	if (!hvcma_fdt_dma_windows(dma, bus, &w)) {
		for (size_t i = 0; i < w.nr; i++)
			if (!w.is_memory[i])
				printf(" left:0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64, w.window[i].gpa,
				       w.window[i].dma, w.window[i].bytes);
		hvcma_fdt_windows_free(&w);
	}
	putchar('\n');
}

static void print_maps(struct hvcma_fdt_dma *dma)
{
	const struct hvcma_fdt_tree *t = dma->tree;
	bool *told = calloc((size_t)t->nr + 1, sizeof(*told));

	for (int i = 1; told && i < t->nr; i++) {
		int bus = hvcma_fdt_dma_bus(dma, i, NULL);

		if (!hvcma_fdt_tree_has(t, i, "compatible") || t->node[t->node[i].parent].is_pci ||
		    told[bus + 1])
			continue;
		told[bus + 1] = true;
		print_map(dma, i);
	}
	free(told);
}

static void print_devices(struct hvcma_fdt_dma *dma)
{
	const struct hvcma_fdt_tree *t = dma->tree;

	for (int i = 1; i < t->nr; i++) {
		if (!hvcma_fdt_tree_has(t, i, "compatible") ||
		    t->node[t->node[i].parent].is_pci)
			continue;
		print_windows(dma, i, t->node[i].is_pci ? "pci" : "dma");
		if (hvcma_fdt_dma_is_coherent(dma, i)) {
			fputs("coherent ", stdout);
			print_path(t, i);
			putchar('\n');
		}
	}
}

static int look(const char *path, void *blob)
{
	const struct hvcma_fdt_policy policy = { 0 };
	FILE *file = fopen(path, "rb");
	struct hvcma_fdt_error err;
	struct hvcma_fdt_tree tree;
	struct hvcma_fdt_dma dma;
	size_t bytes;

	if (!file)
		return -1;
	bytes = fread(blob, 1, MAX_BYTES, file);
	fclose(file);
	if (hvcma_fdt_validate(blob, bytes, &err) ||
	    hvcma_fdt_check(blob, &policy, print_finding, NULL, &err) ||
	    hvcma_fdt_tree_init(&tree, blob, &err))
		return -1;
	if (!hvcma_fdt_dma_init(&dma, &tree, &err)) {
		print_devices(&dma);
		print_maps(&dma);
		hvcma_fdt_dma_fini(&dma);
	}
	hvcma_fdt_tree_fini(&tree);
	return 0;
}

int main(int argc, char **argv)
{
	void *blob = aligned_alloc(8, MAX_BYTES);

	for (int i = 1; blob && i < argc; i++) {
		printf("file %s\n", argv[i]);
		if (look(argv[i], blob))
			puts("broken");
	}
	free(blob);
	return 0;
}
