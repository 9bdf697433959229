// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fdt/ against blobs of any content. The first byte chooses what the rest is:
 *
 *	even	a blob, as it is
 *	odd	changes to the blob of a real machine: each 4 bytes are an offset
 *		(16 bits) and a word to put there; so that inputs get past the header
 *
 * What passes validation is checked, shown to every reader, edited in buffers
 * with little room, and turned into overlays and trees for Xen. Whatever an edit
 * makes must be valid again; an overlay, applied by libfdt, must give what was edited.
 *
 * runs: 10000000
 */
#include <stdlib.h>
#include <string.h>

#include "fdt/bus.h"
#include "fdt/check.h"
#include "fdt/dma.h"
#include "fdt/interrupts.h"
#include "fdt/overlay.h"
#include "fdt/guard.h"
#include "fdt/xen.h"
#include "hv/abi/virtio_cma.h"
#include "tests/fuzz/same_tree.h"

#define ROOM		65536
#define MACHINE_ROOM	4096

static _Alignas(8) unsigned char blob[ROOM], edited[ROOM], made[ROOM], applied[ROOM], seed[MACHINE_ROOM];
static size_t seed_bytes;

static void must(int ok)
{
	if (!ok)
		abort();
}

static void put(void *fdt, int node, const char *name, const uint32_t *cells, int nr)
{
	fdt_delprop(fdt, node, name);
	for (int i = 0; i < nr; i++)
		must(!fdt_appendprop_u32(fdt, node, name, cells[i]));
}

#define PUT(fdt, path, name, ...) \
	put(fdt, fdt_path_offset(fdt, path), name, (const uint32_t[]){ __VA_ARGS__ }, \
	    (int)(sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4))

static size_t machine(void *fdt)
{
	static const struct hvcma_window windows[] = {
		{ 0x80000000, 0x40000000, 0x10000000 }, { 0xc0000000, 0x50000000, 0x30000000 },
	};
	static const struct hvcma_fdt_region pool = {
		.name = "pool", .pool = HVCMA_FDT_REUSABLE, .is_default = 1, .bytes = 0x4000000,
		.has_base = 1, .base = 0x44000000, .granule_bytes = 0x200000,
	};
	char path[HVCMA_FDT_PATH_BYTES];

	must(!fdt_create_empty_tree(fdt, MACHINE_ROOM));
	PUT(fdt, "/", "#address-cells", 2);
	PUT(fdt, "/", "#size-cells", 2);
	must(fdt_add_subnode(fdt, 0, "soc") > 0);
	must(fdt_add_subnode(fdt, fdt_path_offset(fdt, "/soc"), "dma@1000") > 0);
	PUT(fdt, "/soc", "#address-cells", 1);
	PUT(fdt, "/soc", "#size-cells", 1);
	PUT(fdt, "/soc", "ranges", 0, 0, 0x90000000, 0x100000);
	PUT(fdt, "/soc/dma@1000", "reg", 0x1000, 0x200);
	PUT(fdt, "/soc/dma@1000", "interrupts", 0, 16, 4);
	must(fdt_add_subnode(fdt, 0, "pcie@10000000") > 0);
	must(!fdt_setprop_string(fdt, fdt_path_offset(fdt, "/pcie@10000000"), "device_type", "pci"));
	PUT(fdt, "/pcie@10000000", "#address-cells", 3);
	PUT(fdt, "/pcie@10000000", "#size-cells", 2);
	must(!hvcma_fdt_add_memory(fdt, &(struct hvcma_range){ 0x40000000, 0x40000000 }, 1, NULL));
	must(!hvcma_fdt_add_region(fdt, &pool, path, NULL));
	must(!hvcma_fdt_bind(fdt, "/soc/dma@1000", path, NULL));
	must(!hvcma_fdt_pci_node(fdt, "0000:00/03.0/00.1", path, NULL));
	must(!hvcma_fdt_bind(fdt, path, "/reserved-memory/pool@44000000", NULL));
	must(!hvcma_fdt_set_dma_ranges(fdt, "/pcie@10000000", windows, 2, NULL));
	must(!hvcma_fdt_add_guards(fdt, "dma-guard", windows, 2, NULL));
	must(!fdt_add_mem_rsv(fdt, 0x41000000, 0x1000));
	must(!fdt_pack(fdt));
	return fdt_totalsize(fdt);
}

static void change(unsigned char *fdt, size_t bytes, const uint8_t *data, size_t size)
{
	for (; size >= 4; data += 4, size -= 4) {
		size_t at = (size_t)(data[0] << 8 | data[1]) % (bytes - 1);

		fdt[at] = data[2];
		fdt[at + 1] = data[3];
	}
}

static void finding(void *opaque, const struct hvcma_fdt_finding *f)
{
	size_t *sum = opaque;

	*sum += strlen(f->path) + strlen(f->text) + strlen(f->kind) + strlen(f->name);
}

/* Pieces of windows, by whatever way, are sorted and apart. */
static void look_at_windows(struct hvcma_fdt_dma *dma, int node)
{
	struct hvcma_fdt_windows w;
	struct hvcma_window *piece;
	int ended, bus = hvcma_fdt_dma_bus(dma, node, &ended);
	size_t nr;

	hvcma_fdt_dma_is_coherent(dma, node);
	must(bus < dma->tree->nr && ended < dma->tree->nr && (bus < 0 || ended < 0));
	if (bus < 0 || hvcma_fdt_dma_windows(dma, bus, &w))
		return;
	piece = calloc(2 * w.nr + 1, sizeof(*piece));
	must(piece && !hvcma_windows_pieces(w.window, w.nr, piece, &nr) && nr <= 2 * w.nr);
	for (size_t i = 1; i < nr; i++)
		must(piece[i - 1].gpa + (piece[i - 1].bytes - 1) < piece[i].gpa);
	free(piece);
	hvcma_fdt_windows_free(&w);
}

static void look(const void *fdt)
{
	const struct hvcma_fdt_policy policy = { .stage2 = VIRTIO_CMA_STAGE2_FWB };
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_error err;
	struct hvcma_fdt_tree tree;
	struct hvcma_fdt_dma dma;
	size_t sum = 0;

	must(!hvcma_fdt_check(fdt, &policy, finding, &sum, &err));
	must(!hvcma_fdt_tree_init(&tree, fdt, &err));
	must(!hvcma_fdt_dma_init(&dma, &tree, &err));
	for (int i = 0; i < tree.nr; i++) {
		struct hvcma_xen_register regs[2];
		struct hvcma_fdt_interrupt irq;
		int parent = tree.node[i].parent;
		size_t nr_regs;

		hvcma_fdt_tree_name(&tree, i, path);
		hvcma_xen_registers(fdt, path, regs, 2, &nr_regs, &err);
		for (int k = 0; !hvcma_fdt_interrupt(&tree, i, k, &irq, &err); k++)
			sum += fdt32_to_cpu(irq.nr_cells ? irq.cells[irq.nr_cells - 1] : 0);
		look_at_windows(&dma, i);
		if (parent < 0)
			continue;
		for (int k = 0; k < hvcma_fdt_nr_dma_ranges(fdt, tree.node[i].offset, tree.node[parent].offset); k++)
			sum += hvcma_fdt_dma_range(fdt, tree.node[i].offset, tree.node[parent].offset, k).bytes;
	}
	hvcma_fdt_dma_fini(&dma);
	hvcma_fdt_tree_fini(&tree);
	hvcma_fdt_find_region(fdt, "pool", path, &err);
	hvcma_fdt_host_bridge(fdt, 0, path, &err);
}

/* Applied to what it is for, by libfdt, an overlay gives what was edited. */
static void check_overlay(const void *fdt)
{
	if (fdt_open_into(fdt, applied, ROOM))
		return;
	must(!fdt_overlay_apply(applied, made));
	must(same_tree(applied, edited));
}

/* With @more bytes of room; edits may fail in any way, but not leave a broken tree. */
static void work(const void *fdt, size_t more)
{
	static const struct hvcma_window window = { 0xd0000000, 0x60000000, 0x1000000 };
	static const struct hvcma_fdt_region later = {
		.name = "later", .pool = HVCMA_FDT_NO_MAP, .bytes = 0x1000000, .align_bytes = 0x200000,
	};
	int room = (int)(fdt_totalsize(fdt) + more);
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_error err;

	if (room > ROOM || fdt_open_into(fdt, edited, room))
		return;
	if (!hvcma_fdt_add_region(edited, &later, path, &err))
		hvcma_fdt_bind(edited, "/soc/dma@1000", path, &err);
	if (!hvcma_fdt_pci_node(edited, "0000:00/03.0/02.0", path, &err))
		hvcma_fdt_bind(edited, path, "/reserved-memory/later", &err);
	hvcma_fdt_set_dma_ranges(edited, "/soc", &window, 1, &err);
	hvcma_fdt_set_dma_ranges(edited, "/pcie@10000000", &window, 1, &err);
	hvcma_fdt_add_guards(edited, "guard", &window, 1, &err);
	must(!hvcma_fdt_validate(edited, (size_t)room, &err));
	if (!hvcma_fdt_overlay(fdt, edited, made, (int)(1024 + 8 * more), &err))
		check_overlay(fdt);
	if (!hvcma_xen_partial_init(made, (int)(256 + 8 * more), &window, 1, &err))
		hvcma_xen_add_device(made, fdt, "/soc/dma@1000", &err);
	look(edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hvcma_fdt_error err;
	size_t bytes, more;

	if (size < 2)
		return 0;
	more = (size_t)data[1] * 8;
	if (data[0] & 1) {
		if (!seed_bytes)
			seed_bytes = machine(seed);
		bytes = seed_bytes;
		memcpy(blob, seed, bytes);
		change(blob, bytes, data + 2, size - 2);
	} else {
		bytes = size - 2 < ROOM ? size - 2 : ROOM;
		memcpy(blob, data + 2, bytes);
	}
	if (hvcma_fdt_validate(blob, bytes, &err)) {
		must(err.text[0]);
		return 0;
	}
	look(blob);
	work(blob, more);
	return 0;
}
