// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * The DMA windows of one device. See device_windows.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/device_windows.h"
#include "fdt/dma.h"
#include "fdt/path.h"

#define PAGE_MASK	(HVCMA_DMA_WINDOW_ALIGN_BYTES - 1)

static int no_memory(struct hvcma_fdt_error *err, const char *path)
{
	return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for the windows of %s", path);
}

/* ---- one window ---- */

static int check_one(const struct hvcma_window *w, const char *path, struct hvcma_fdt_error *err)
{
	if (!w->bytes)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: the window at 0x%" PRIx64 " on the bus is empty",
				      path, w->dma);
	if (w->bytes - 1 > UINT64_MAX - w->gpa || w->bytes - 1 > UINT64_MAX - w->dma)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: the window at 0x%" PRIx64 " on the bus, 0x%" PRIx64
				      " bytes of memory at 0x%" PRIx64 ", wraps", path, w->dma, w->bytes, w->gpa);
	return 0;
}

static int by_dma(const void *a, const void *b)
{
	const struct hvcma_window *x = a, *y = b;

	return (x->dma > y->dma) - (x->dma < y->dma);
}

/* Two places in memory for one address on the bus; the same twice does no harm. Sorts. */
static int check_overlaps(struct hvcma_window *w, size_t nr, const char *path,
			  struct hvcma_fdt_error *err)
{
	const struct hvcma_window *far = w;

	qsort(w, nr, sizeof(*w), by_dma);
	for (size_t i = 1; i < nr; i++) {
		if (w[i].dma - far->dma < far->bytes && w[i].gpa - w[i].dma != far->gpa - far->dma)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: windows overlap on the bus at 0x%" PRIx64
					      " and lead to different memory, 0x%" PRIx64 " and 0x%" PRIx64,
					      path, w[i].dma, w[i].gpa, far->gpa + (w[i].dma - far->dma));
		if (w[i].dma + (w[i].bytes - 1) > far->dma + (far->bytes - 1))
			far = &w[i];
	}
	return 0;
}

/* To whole pages on both sides; false: less than one, or the sides have them at different places. */
static bool cut_to_pages(const struct hvcma_window *w, struct hvcma_dma_window *cut)
{
	uint64_t skip = -w->gpa & PAGE_MASK, bytes = w->bytes;

	/* the last page of 64 bits is no memory; without it no end wraps */
	if (w->gpa + (bytes - 1) == UINT64_MAX || w->dma + (bytes - 1) == UINT64_MAX)
		bytes--;
	if (((w->gpa ^ w->dma) & PAGE_MASK) || bytes < skip || bytes - skip <= PAGE_MASK)
		return false;
	*cut = (struct hvcma_dma_window){
		.bus_base = w->dma + skip,
		.dma_base = w->gpa + skip,
		.bytes = (bytes - skip) & ~PAGE_MASK,
	};
	return true;
}

/* ---- all of a bus ---- */

/* Windows of memory, each judged, to the front. */
static int sift(struct hvcma_fdt_windows *w, const char *path, struct hvcma_fdt_error *err)
{
	size_t kept = 0;
	int ret = 0;

	for (size_t i = 0; i < w->nr && !ret; i++) {
		if (!w->is_memory[i])
			continue;
		ret = check_one(&w->window[i], path, err);
		w->window[kept++] = w->window[i];
	}
	w->nr = kept;
	return ret;
}

static int check_all(const struct hvcma_fdt_windows *w, const char *path, struct hvcma_fdt_error *err)
{
	if (w->is_cut)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: its dma-ranges are no whole number of windows", path);
	if (w->nr_long)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: the window at 0x%" PRIx64
				      " on the bus reaches beyond what the dma-ranges above translate",
				      path, w->long_dma);
	return 0;
}

/* @piece: sorted, apart */
static int keep(struct hvcma_dma_windows *windows, const struct hvcma_window *piece, size_t nr,
		const char *path, struct hvcma_fdt_error *err)
{
	struct hvcma_dma_window list[HVCMA_MAX_DMA_WINDOWS];
	struct hvcma_dma_windows_error why;
	uint32_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		struct hvcma_dma_window cut;

		if (!cut_to_pages(&piece[i], &cut))
			continue;
		if (kept == HVCMA_MAX_DMA_WINDOWS)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: more windows than %d, the one at 0x%" PRIx64
					      " on the bus is too many", path, HVCMA_MAX_DMA_WINDOWS, cut.bus_base);
		list[kept++] = cut;
	}
	if (!kept)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: no window of its dma-ranges leads to a page of memory", path);
	if (hvcma_dma_windows_set(windows, list, kept, &why))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "%s: the window at 0x%" PRIx64 " on the bus: %s: 0x%" PRIx64,
				      path, list[why.window].bus_base, why.sentence, why.value);
	return 0;
}

static int judge(struct hvcma_fdt_windows *w, const char *path, struct hvcma_dma_windows *windows,
		 struct hvcma_fdt_error *err)
{
	int ret = check_all(w, path, err);
	struct hvcma_window *piece;
	size_t nr;

	if (!ret)
		ret = sift(w, path, err);
	if (ret)
		return ret;
	piece = calloc(2 * w->nr + 1, sizeof(*piece));
	if (!piece)
		return no_memory(err, path);
	ret = hvcma_windows_pieces(w->window, w->nr, piece, &nr);
	if (ret)
		no_memory(err, path);
	else
		ret = check_overlaps(w->window, w->nr, path, err);
	if (!ret)
		ret = keep(windows, piece, nr, path, err);
	free(piece);
	return ret;
}

static int read_bus(struct hvcma_fdt_dma *dma, int bus, const char *path,
		    struct hvcma_dma_windows *windows, struct hvcma_fdt_error *err)
{
	const struct hvcma_fdt_node *node = &dma->tree->node[bus];
	struct hvcma_fdt_windows w;
	int ret = hvcma_fdt_dma_windows(dma, bus, &w);

	if (ret == -FDT_ERR_NOSPACE)
		return no_memory(err, path);
	if (ret)
		return hvcma_fdt_fail(err, ret, "%s: its dma-ranges can't be read by %d address and %d size cells, and %d address cells above",
				      path, node->cells.address, node->cells.size,
				      dma->tree->node[node->parent < 0 ? bus : node->parent].cells.address);
	ret = judge(&w, path, windows, err);
	hvcma_fdt_windows_free(&w);
	return ret;
}

/* ---- one device ---- */

static int read_device(const struct hvcma_fdt_tree *tree, int device, struct hvcma_dma_windows *windows,
		       char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_dma dma;
	int ret = hvcma_fdt_dma_init(&dma, tree, err), bus;

	if (ret)
		return ret;
	ret = hvcma_fdt_dma_check_way(&dma, device, err);
	if (!ret) {
		bus = hvcma_fdt_dma_bus(&dma, device, NULL);
		if (bus < 0) {
			*path = '\0';
			hvcma_dma_windows_identity(windows);
		} else {
			hvcma_fdt_tree_name(tree, bus, path);
			ret = read_bus(&dma, bus, path, windows, err);
		}
	}
	hvcma_fdt_dma_fini(&dma);
	return ret;
}

static int find_node(const struct hvcma_fdt_tree *tree, const char *where, struct hvcma_fdt_error *err)
{
	int offset = hvcma_fdt_offset(tree->fdt, where, err), node = 0;

	if (offset < 0)
		return offset;
	if (!offset)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' is the root of the tree, and no device", where);
	while (tree->node[node].offset != offset)
		node++;
	return node;
}

int hvcma_fdt_device_windows(const void *blob, size_t bytes, const char *where,
			     struct hvcma_dma_windows *windows, char bus[HVCMA_FDT_PATH_BYTES],
			     struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_dma_windows found;
	struct hvcma_fdt_tree tree;
	int ret = hvcma_fdt_validate(blob, bytes, err);

	if (ret)
		return ret;
	if (hvcma_fdt_is_overlay(blob))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "the tree is an overlay: what lies above '%.200s' is not known", where);
	ret = hvcma_fdt_tree_init(&tree, blob, err);
	if (ret)
		return ret;
	ret = find_node(&tree, where, err);
	if (ret >= 0)
		ret = read_device(&tree, ret, &found, path, err);
	hvcma_fdt_tree_fini(&tree);
	if (ret)
		return ret;
	*windows = found;
	memcpy(bus, path, sizeof(path));
	return 0;
}

size_t hvcma_fdt_reach(const struct hvcma_dma_windows *windows,
		       struct hvcma_window reach[HVCMA_MAX_DMA_WINDOWS])
{
	for (uint32_t i = 0; i < windows->nr; i++)
		reach[i] = (struct hvcma_window){
			.dma = windows->window[i].bus_base,
			.gpa = windows->window[i].dma_base,
			.bytes = windows->window[i].bytes,
		};
	return windows->nr;
}
