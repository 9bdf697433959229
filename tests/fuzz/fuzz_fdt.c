// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fdt/ against blobs of any content. Input: a byte that says where the blob comes from
 * (trees.h), one for the room that edits have, one for the edits, one for what is done:
 * one of
 *
 *	check it
 *	ask every reader of every node, and Xen's of one
 *	edit it, make an overlay of that, apply it by libfdt: the edited tree again
 *	edit it and check that; a tree for Xen out of it, and a domain in it, with their check
 *
 * Whatever an edit makes must be valid again. What is left of the input is the blob, or
 * changes to it.
 *
 * runs: 10000000
 * options: -max_len=256 -entropic=0 -reload=0
 */
#include <stdlib.h>
#include <string.h>

#include "fdt/check.h"
#include "fdt/device_windows.h"
#include "fdt/dma.h"
#include "fdt/interrupts.h"
#include "fdt/overlay.h"
#include "fdt/xen.h"
#include "fdt/xen_check.h"
#include "hv/abi/virtio_cma.h"
#include "tests/fuzz/same_tree.h"
#include "tests/fuzz/trees.h"

#define ROOM	TREES_ROOM

static _Alignas(8) unsigned char blob[ROOM], edited[ROOM], made[ROOM], applied[ROOM];

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

/*
 * What a device would do DMA by is what Linux has: each window's first and last page is where the
 * first listed that has it leads. Refused is with words.
 */
static void look_at_device(struct hvcma_fdt_dma *dma, int node)
{
	char path[HVCMA_FDT_PATH_BYTES], on[HVCMA_FDT_PATH_BYTES];
	struct hvcma_dma_windows found;
	struct hvcma_fdt_windows w;
	struct hvcma_fdt_error err = { "" };
	int bus = hvcma_fdt_dma_bus(dma, node, NULL);

	/* Of two nodes of one name, which a tree that lies may have, a path leads to the first. */
	if (hvcma_fdt_full_path(dma->tree->fdt, dma->tree->node[node].offset, path, &err) ||
	    hvcma_fdt_offset(dma->tree->fdt, path, &err) != dma->tree->node[node].offset)
		return;
	if (hvcma_fdt_device_windows(dma->tree->fdt, fdt_totalsize(dma->tree->fdt), path, &found, on, &err)) {
		must(err.text[0]);
		return;
	}
	must(found.nr && found.nr <= HVCMA_MAX_DMA_WINDOWS && (bus < 0) == !on[0]);
	if (bus < 0) {
		must(hvcma_dma_windows_is_identity(&found));
		return;
	}
	must(!hvcma_fdt_dma_windows(dma, bus, &w));
	for (uint32_t i = 0; i < 2 * found.nr; i++) {
		const struct hvcma_dma_window *one = &found.window[i / 2];
		uint64_t offset = i & 1 ? one->bytes - 1 : 0, at = one->dma_base + offset;
		size_t k = 0;

		while (k < w.nr && (!w.is_memory[k] || at < w.window[k].gpa ||
				    at - w.window[k].gpa >= w.window[k].bytes))
			k++;
		must(k < w.nr && at - w.window[k].gpa + w.window[k].dma == one->bus_base + offset);
	}
	hvcma_fdt_windows_free(&w);
}

static void check(const void *fdt)
{
	const struct hvcma_fdt_policy policy = { .stage2 = VIRTIO_CMA_STAGE2_FWB };
	struct hvcma_fdt_error err;
	size_t sum = 0;

	must(!hvcma_fdt_check(fdt, &policy, finding, &sum, &err));
}

/* All readers; what is Xen's reads all of the tree for one node, the one that is chosen. */
static void look(const void *fdt, uint8_t choice)
{
	struct hvcma_xen_interrupt irqs[2];
	struct hvcma_xen_register regs[2];
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_error err;
	struct hvcma_fdt_tree tree;
	struct hvcma_fdt_dma dma;
	size_t sum = 0, nr;

	must(!hvcma_fdt_tree_init(&tree, fdt, &err));
	must(!hvcma_fdt_dma_init(&dma, &tree, &err));
	for (int i = 0; i < tree.nr; i++) {
		struct hvcma_fdt_interrupt irq;
		int parent = tree.node[i].parent;

		for (int k = 0; !hvcma_fdt_interrupt(&tree, i, k, &irq, &err); k++)
			sum += fdt32_to_cpu(irq.nr_cells ? irq.cells[irq.nr_cells - 1] : 0);
		look_at_windows(&dma, i);
		if (parent < 0)
			continue;
		for (int k = 0; k < hvcma_fdt_nr_dma_ranges(fdt, tree.node[i].offset, tree.node[parent].offset); k++)
			sum += hvcma_fdt_dma_range(fdt, tree.node[i].offset, tree.node[parent].offset, k).bytes;
	}
	look_at_device(&dma, choice % tree.nr);
	hvcma_fdt_tree_name(&tree, choice % tree.nr, path);
	hvcma_fdt_dma_fini(&dma);
	hvcma_fdt_tree_fini(&tree);
	hvcma_xen_registers(fdt, path, regs, 2, &nr, &err);
	hvcma_xen_interrupts(fdt, path, irqs, 2, &nr, &err);
	hvcma_fdt_find_region(fdt, "pool", path, &err);
	hvcma_fdt_host_bridge(fdt, 0, path, &err);
}

/* Applied to what it is for, by libfdt, an overlay gives what was edited. */
static void overlay(const void *fdt, size_t more)
{
	struct hvcma_fdt_error err;

	if (hvcma_fdt_overlay(fdt, edited, made, (int)(1024 + 8 * more), &err) ||
	    fdt_open_into(fdt, applied, ROOM))
		return;
	must(!fdt_overlay_apply(applied, made));
	must(same_tree(applied, edited));
}

static void xen_finding(void *opaque, const struct hvcma_xen_finding *f)
{
	must(f->id && f->path && f->text[0]);
	++*(size_t *)opaque;
}

/* A domain in the tree, if it can be added; what it is told to have is judged, and the tree as it was. */
static void xen(const void *fdt, size_t more)
{
	static const struct hvcma_window window = { 0xd0000000, 0x60000000, 0x1000000 };
	static const struct hvcma_xen_build build = { .major = 4, .minor = 17, .address_bits = 32 };
	static const struct hvcma_range memory = { 0x60000000, 0x1000000 };
	static const char *const devices[] = { "/soc/dma@1000" };
	static const struct hvcma_xen_domain domain = {
		.name = "d", .memory_bytes = 0x1000000, .cpus = 1, .static_memory = &memory, .nr_static_memory = 1,
		.vpl011 = 1, .modules = { { 0x50000000, 0x1000 } }, .devices = devices, .nr_devices = 1,
	};
	struct hvcma_xen_partial partial = { "d", made };
	struct hvcma_fdt_error err;
	size_t sum = 0, nr = 0;

	if (!hvcma_xen_partial_init(made, (int)(256 + 8 * more), &window, 1, &err))
		nr = !hvcma_xen_add_device(made, fdt, devices[0], &err);
	must(!hvcma_xen_check(fdt, &build, NULL, 0, xen_finding, &sum, &err));
	if (fdt_totalsize(fdt) + 1024 > ROOM || fdt_open_into(fdt, edited, ROOM) ||
	    hvcma_xen_add_domain(edited, &domain, &err))
		return;
	must(!hvcma_xen_check(edited, &build, &partial, nr, xen_finding, &sum, &err));
}

/* The edits of @which, with @more bytes of room; any may fail, but not leave a broken tree. */
static int edit(const void *fdt, size_t more, uint8_t which)
{
	static const struct hvcma_window window = { 0xd0000000, 0x60000000, 0x1000000 };
	static const struct hvcma_fdt_region later = {
		.name = "later", .pool = HVCMA_FDT_NO_MAP, .bytes = 0x1000000, .align_bytes = 0x200000,
	};
	int room = (int)(fdt_totalsize(fdt) + more);
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_error err;

	if (room > ROOM || fdt_open_into(fdt, edited, room))
		return -1;
	if (which & 1 && !hvcma_fdt_add_region(edited, &later, path, &err))
		hvcma_fdt_bind(edited, "/soc/dma@1000", path, &err);
	if (which & 2 && !hvcma_fdt_pci_node(edited, "0000:00/03.0/02.0", path, &err))
		hvcma_fdt_bind(edited, path, "/reserved-memory/later", &err);
	if (which & 4)
		hvcma_fdt_set_dma_ranges(edited, "/soc", &window, 1, &err);
	if (which & 8)
		hvcma_fdt_set_dma_ranges(edited, "/pcie@10000000", &window, 1, &err);
	if (which & 16)
		hvcma_fdt_add_guards(edited, "guard", &window, 1, &err);
	if (which & 32)
		hvcma_fdt_unbind(edited, "/soc/dma@1000", "pool", &err);
	if (which & 64)
		hvcma_fdt_remove_region(edited, "pool", &err);
	if (which & 128)
		hvcma_fdt_drop_dma_ranges(edited, "/pcie@10000000", &err);
	must(!hvcma_fdt_validate(edited, (size_t)room, &err));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t from = input_u8(&in), which, what;
	size_t more = (size_t)input_u8(&in) * 8, bytes;
	struct hvcma_fdt_error err;

	which = input_u8(&in);
	what = input_u8(&in);
	bytes = trees_take(from, &in, blob);
	if (hvcma_fdt_validate(blob, bytes, &err)) {
		must(err.text[0]);
		return 0;
	}
	switch (what % 4) {
	case 0:
		check(blob);
		break;
	case 1:
		look(blob, what / 4);
		break;
	case 2:
		if (!edit(blob, more, which))
			overlay(blob, more);
		break;
	default:
		if (!edit(blob, more, which))
			check(edited);
		xen(blob, more);
	}
	return 0;
}
