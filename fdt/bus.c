// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Buses and their devices. See bus.h.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/added.h"
#include "fdt/bus.h"
#include "fdt/dma.h"
#include "fdt/region.h"

#define RESERVED		"/reserved-memory"
#define BEFORE			"hvcma,dma-ranges-before"

/* phys.hi of a PCI address */
#define PCI_SPACE_MEMORY_32	UINT32_C(0x02000000)
#define PCI_SPACE_MEMORY_64	UINT32_C(0x03000000)

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, hvcma_fdt_reason(ret));
}

/* ---- memory-region ---- */

/* What binds a client to a region: its node, the region's, and the list as it is. */
struct binding {
	int client, region;
	const fdt32_t *list;
	int nr;				/* phandles in it */
};

/* Nodes that stand for no device, at the top of the tree. */
static int is_no_device(const void *fdt, int node)
{
	static const char *const all_below[] = {
		"aliases", "cpus", "reserved-memory", "__symbols__", "__fixups__", "__local_fixups__",
	};
	int top = node ? fdt_supernode_atdepth_offset(fdt, node, 1, NULL) : -1, len;
	const char *name, *type = fdt_getprop(fdt, node, "device_type", &len);

	if (top < 0)
		return 1;
	name = fdt_get_name(fdt, top, NULL);
	for (size_t i = 0; i < sizeof(all_below) / sizeof(*all_below); i++)
		if (!strcmp(name, all_below[i]))
			return 1;
	return top == node && (!strcmp(name, "chosen") || (type && len == sizeof("memory") && !memcmp(type, "memory", sizeof("memory"))));
}

static int find_binding(const void *fdt, const char *client, const char *region,
			struct binding *b, struct hvcma_fdt_error *err)
{
	int len;

	b->region = hvcma_fdt_offset(fdt, region, err);
	if (b->region < 0)
		return b->region;
	if (!b->region || fdt_parent_offset(fdt, b->region) != fdt_path_offset(fdt, RESERVED))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' is not in " RESERVED, region);
	b->client = hvcma_fdt_offset(fdt, client, err);
	if (b->client < 0)
		return b->client;
	if (is_no_device(fdt, b->client))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "client '%s' is no device: nothing reads memory-region there",
				      client);
	b->list = fdt_getprop(fdt, b->client, "memory-region", &len);
	b->nr = b->list ? len / HVCMA_FDT_CELL_BYTES : 0;
	if (b->list && len % HVCMA_FDT_CELL_BYTES)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "memory-region of '%s' has %d bytes: no list of phandles, 4 bytes each",
				      client, len);
	return 0;
}

static int index_in(const struct binding *b, uint32_t phandle)
{
	for (int i = 0; phandle && i < b->nr; i++)
		if (fdt32_to_cpu(b->list[i]) == phandle)
			return i;
	return -1;
}

int hvcma_fdt_bind(void *fdt, const char *client, const char *region,
		   struct hvcma_fdt_error *err)
{
	struct binding b;
	uint32_t phandle;
	int ret = find_binding(fdt, client, region, &b, err);

	if (ret)
		return ret;
	phandle = fdt_get_phandle(fdt, b.region);
	if (index_in(&b, phandle) >= 0)
		return 0;
	if (!phandle) {
		ret = fdt_generate_phandle(fdt, &phandle);
		if (!ret)
			ret = fdt_setprop_u32(fdt, b.region, "phandle", phandle);
		if (!ret)
			ret = hvcma_fdt_added_note(fdt, b.region, "phandle");
		if (ret)
			return failed(err, ret, region);
		b.client = hvcma_fdt_offset(fdt, client, err);
	}
	ret = fdt_appendprop_u32(fdt, b.client, "memory-region", phandle);
	return ret ? failed(err, ret, client) : 0;
}

/* Takes bytes out of a property; the property with its last ones. */
static int cut(void *fdt, int node, const char *name, int at, int bytes)
{
	int len;
	char *value = fdt_getprop_w(fdt, node, name, &len);
	void *same;

	if (len == bytes)
		return fdt_delprop(fdt, node, name);
	memmove(value + at, value + at + bytes, (size_t)(len - at - bytes));
	return fdt_setprop_placeholder(fdt, node, name, len - bytes, &same);
}

static int cut_name(void *fdt, int client, int index, int nr)
{
	const char *list, *name;
	int len;

	if (fdt_stringlist_count(fdt, client, "memory-region-names") != nr)
		return 0;
	list = fdt_getprop(fdt, client, "memory-region-names", NULL);
	name = fdt_stringlist_get(fdt, client, "memory-region-names", index, &len);
	return name ? cut(fdt, client, "memory-region-names", (int)(name - list), len + 1) : 0;
}

/* What bind added to the region, if it has no client left. */
static int drop_phandle(void *fdt, const char *region)
{
	int node = hvcma_fdt_offset(fdt, region, NULL), ret;

	if (!hvcma_fdt_added_has(fdt, node, "phandle") || hvcma_fdt_client_of(fdt, fdt_get_phandle(fdt, node)) >= 0)
		return 0;
	ret = fdt_delprop(fdt, node, "phandle");
	return ret ? ret : hvcma_fdt_added_forget(fdt, node, "phandle");
}

int hvcma_fdt_unbind(void *fdt, const char *client, const char *region,
		     struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	struct binding b;
	int index, ret = find_binding(fdt, client, region, &b, err);

	if (!ret)
		ret = hvcma_fdt_full_path(fdt, b.client, path, err);
	if (ret)
		return ret;
	index = index_in(&b, fdt_get_phandle(fdt, b.region));
	if (index < 0)
		return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "'%.150s' is not bound to '%.150s'", client, region);
	ret = cut_name(fdt, b.client, index, b.nr);
	if (!ret)
		ret = cut(fdt, b.client, "memory-region", index * HVCMA_FDT_CELL_BYTES,
			  HVCMA_FDT_CELL_BYTES);
	if (!ret)
		ret = drop_phandle(fdt, region);
	if (!ret)
		ret = hvcma_fdt_pci_prune(fdt, path);
	return ret ? failed(err, ret, client) : 0;
}

/* ---- dma-ranges ---- */

struct layout {
	int address, parent, size;	/* cells; address without phys.hi of PCI */
	int is_pci;
};

static int layout_of(const void *fdt, int bus, int parent, struct layout *l)
{
	struct hvcma_fdt_cells own = hvcma_fdt_cells(fdt, bus);

	l->is_pci = hvcma_fdt_is_pci(fdt, bus);
	l->address = own.address - l->is_pci;
	l->size = own.size;
	l->parent = hvcma_fdt_cells(fdt, parent).address;
	return l->address >= 1 && l->address <= HVCMA_FDT_MAX_CELLS && l->size >= 1 &&
	       l->size <= HVCMA_FDT_MAX_CELLS && l->parent >= 1 && l->parent <= HVCMA_FDT_MAX_CELLS;
}

static int layout_cells(const struct layout *l)
{
	return l->is_pci + l->address + l->parent + l->size;
}

static int put_window(fdt32_t *out, const struct layout *l, const struct hvcma_window *w)
{
	uint64_t last = w->dma + w->bytes - 1;

	if (l->is_pci)
		*out++ = cpu_to_fdt32(last > UINT32_MAX ? PCI_SPACE_MEMORY_64 : PCI_SPACE_MEMORY_32);
	if (hvcma_fdt_put(out, l->address, w->dma) ||
	    hvcma_fdt_put(out + l->address, l->parent, w->gpa) ||
	    hvcma_fdt_put(out + l->address + l->parent, l->size, w->bytes))
		return -FDT_ERR_BADNCELLS;
	return 0;
}

static struct hvcma_window get_window(const fdt32_t *cells, const struct layout *l)
{
	cells += l->is_pci;
	return (struct hvcma_window){
		.dma = hvcma_fdt_get(cells, l->address),
		.gpa = hvcma_fdt_get(cells + l->address, l->parent),
		.bytes = hvcma_fdt_get(cells + l->address + l->parent, l->size),
	};
}

static bool touch(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a <= b ? b - a < a_bytes : a - b < b_bytes;
}

/* Has the tree memory there? */
static bool carries_memory(const void *fdt, const struct hvcma_window *w)
{
	struct hvcma_fdt_cells cells = hvcma_fdt_cells(fdt, 0);
	int each = cells.address + cells.size, node, len;

	fdt_for_each_subnode(node, fdt, 0) {
		const char *type = fdt_getprop(fdt, node, "device_type", &len);
		const fdt32_t *reg;

		if (!type || len != sizeof("memory") || memcmp(type, "memory", sizeof("memory")))
			continue;
		reg = fdt_getprop(fdt, node, "reg", &len);
		for (int i = 0; reg && each && i + each <= len / HVCMA_FDT_CELL_BYTES; i += each)
			if (touch(w->gpa, w->bytes, hvcma_fdt_get(reg + i, cells.address),
				  hvcma_fdt_get(reg + i + cells.address, cells.size)))
				return true;
	}
	return false;
}

static bool is_in_the_way(const struct hvcma_window *w, const struct hvcma_window *windows, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (touch(w->gpa, w->bytes, windows[i].gpa, windows[i].bytes) ||
		    touch(w->dma, w->bytes, windows[i].dma, windows[i].bytes))
			return true;
	return false;
}

/* A copy of a property; NULL: there is none. Return: 0, -FDT_ERR_NOSPACE. */
static int copy_prop(const void *fdt, int node, const char *name, fdt32_t **copy, int *len)
{
	const void *value = fdt_getprop(fdt, node, name, len);

	*copy = NULL;
	if (!value)
		return 0;
	*copy = malloc((size_t)*len + 1);
	if (!*copy)
		return -FDT_ERR_NOSPACE;
	memcpy(*copy, value, (size_t)*len);
	return 0;
}

/* Keep it for drop, if it is not kept already. */
static int keep_before(void *fdt, int node, const fdt32_t *before, int len)
{
	if (fdt_getprop(fdt, node, BEFORE, NULL) || hvcma_fdt_added_has(fdt, node, "dma-ranges"))
		return 0;
	return before ? fdt_setprop(fdt, node, BEFORE, before, len) :
			hvcma_fdt_added_note(fdt, node, "dma-ranges");
}

static int put_windows(void *fdt, int node, const char *bus, const struct layout *l,
		       const struct hvcma_window *windows, size_t nr, const fdt32_t *kept,
		       size_t nr_kept, struct hvcma_fdt_error *err)
{
	size_t cells = (size_t)layout_cells(l);
	void *data;
	int ret;

	ret = fdt_setprop_placeholder(fdt, node, "dma-ranges",
				      (int)((nr + nr_kept) * cells * HVCMA_FDT_CELL_BYTES), &data);
	if (ret)
		return failed(err, ret, bus);
	for (size_t i = 0; i < nr; i++) {
		ret = put_window((fdt32_t *)data + i * cells, l, &windows[i]);
		if (ret)
			return hvcma_fdt_fail(err, ret, "window 0x%" PRIx64 " at 0x%" PRIx64 ", 0x%" PRIx64
					      " bytes, does not fit into the cells of '%.150s': %d, %d and %d",
					      windows[i].dma, windows[i].gpa, windows[i].bytes, bus,
					      l->address, l->parent, l->size);
	}
	if (nr_kept)
		memcpy((fdt32_t *)data + nr * cells, kept, nr_kept * cells * HVCMA_FDT_CELL_BYTES);
	return 0;
}

/* Of the windows of before, those that stay, to the front; how many. */
static size_t sift(const void *fdt, fdt32_t *before, int len, const struct layout *l,
		   const struct hvcma_window *windows, size_t nr)
{
	size_t cells = (size_t)layout_cells(l), bytes = cells * HVCMA_FDT_CELL_BYTES, kept = 0;

	if (!before || (size_t)len % bytes)
		return 0;
	for (size_t i = 0; i < (size_t)len / bytes; i++) {
		struct hvcma_window w = get_window(before + i * cells, l);

		if (!w.bytes || carries_memory(fdt, &w) || is_in_the_way(&w, windows, nr))
			continue;
		memmove(before + kept++ * cells, before + i * cells, bytes);
	}
	return kept;
}

/* Has it, or may it get, anything below it? What is a device only is served by the bus it is on. */
static bool may_be_bus(const void *fdt, int node)
{
	static const char *const signs[] = { "#address-cells", "ranges", "dma-ranges", "#interconnect-cells" };

	if (fdt_first_subnode(fdt, node) >= 0)
		return true;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (fdt_getprop(fdt, node, signs[i], NULL))
			return true;
	return false;
}

/* Of nodes whose windows nobody would read; 0, or why not. */
static int check_bus(const void *fdt, int node, const char *bus, struct hvcma_fdt_error *err)
{
	int parent = node ? fdt_parent_offset(fdt, node) : -1;

	if (node && is_no_device(fdt, node))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%s' is no bus: no device is on it", bus);
	if (parent > 0 && hvcma_fdt_is_pci(fdt, parent))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' is behind a PCI host bridge, whose windows count for all below it: name that one",
				      bus);
	if (node && !may_be_bus(fdt, node))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' is no bus, nothing is below it: a device has the windows of the bus that it is on, '%.60s'",
				      bus, parent > 0 ? fdt_get_name(fdt, parent, NULL) : "/");
	return 0;
}

/* Do the windows lead where they should, through the dma-ranges above the bus? */
static int check_way(const struct hvcma_fdt_tree *tree, int bus, const struct hvcma_window *windows,
		     size_t nr, struct hvcma_fdt_error *err)
{
	struct hvcma_window *piece = NULL;
	struct hvcma_fdt_windows w = { 0 };
	struct hvcma_fdt_dma dma;
	size_t nr_pieces = 0, i = 0;
	int ret = hvcma_fdt_dma_init(&dma, tree, err);

	if (ret)
		return ret;
	ret = hvcma_fdt_dma_windows(&dma, bus, &w);
	if (ret != -FDT_ERR_NOSPACE) {
		piece = calloc(2 * w.nr + 1, sizeof(*piece));
		ret = piece ? hvcma_windows_pieces(w.window, w.nr, piece, &nr_pieces) : -FDT_ERR_NOSPACE;
	}
	if (ret)
		hvcma_fdt_fail(err, ret, "no memory for %zu windows", nr);
	for (size_t k = 0; k < nr && !ret; k++) {
		const struct hvcma_window *ours = &windows[k];

		/* both are sorted; of pieces neighbours are joined */
		while (i < nr_pieces && piece[i].gpa + (piece[i].bytes - 1) < ours->gpa)
			i++;
		if (i == nr_pieces || ours->gpa < piece[i].gpa ||
		    ours->bytes > piece[i].bytes - (ours->gpa - piece[i].gpa) ||
		    ours->dma - ours->gpa != piece[i].dma - piece[i].gpa)
			ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "window 0x%" PRIx64 " at 0x%" PRIx64 ", 0x%" PRIx64
					     " bytes, would lead elsewhere: dma-ranges above '%.60s' translate it again. Give the windows to the bus that has those",
					     ours->dma, ours->gpa, ours->bytes, tree->node[bus].name);
	}
	if (!ret && w.nr_long)
		ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "the window 0x%" PRIx64 " reaches beyond what dma-ranges above '%.60s' lead to memory",
				     w.long_dma, tree->node[bus].name);
	free(piece);
	hvcma_fdt_windows_free(&w);
	hvcma_fdt_dma_fini(&dma);
	return ret;
}

static int check_written(const void *fdt, const char *bus, const struct hvcma_window *windows,
			 size_t nr, struct hvcma_fdt_error *err)
{
	int offset = hvcma_fdt_offset(fdt, bus, err), ret, node = 1;
	struct hvcma_fdt_tree tree;

	ret = offset < 0 ? offset : hvcma_fdt_tree_init(&tree, fdt, err);
	if (ret)
		return ret;
	while (tree.node[node].offset != offset)
		node++;
	ret = check_way(&tree, node, windows, nr, err);
	hvcma_fdt_tree_fini(&tree);
	return ret;
}

int hvcma_fdt_set_dma_ranges(void *fdt, const char *bus, const struct hvcma_window *windows,
			     size_t nr, struct hvcma_fdt_error *err)
{
	int node = hvcma_fdt_offset(fdt, bus, err), len = 0, ret;
	fdt32_t *before = NULL;
	struct layout l;

	if (node < 0)
		return node;
	ret = check_bus(fdt, node, bus, err);
	if (ret)
		return ret;
	if (!node || !layout_of(fdt, node, fdt_parent_offset(fdt, node), &l))
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "'%s' is no bus with addresses of 1 or 2 cells", bus);
	if (!nr) {
		ret = fdt_delprop(fdt, node, "dma-ranges");
		return ret && ret != -FDT_ERR_NOTFOUND ? failed(err, ret, bus) : 0;
	}
	if (nr > (size_t)(INT32_MAX / 2 / (layout_cells(&l) * HVCMA_FDT_CELL_BYTES)))
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "%zu windows are too many", nr);
	ret = 0;
	if (fdt_getprop(fdt, node, BEFORE, NULL))
		ret = copy_prop(fdt, node, BEFORE, &before, &len);
	else if (!hvcma_fdt_added_has(fdt, node, "dma-ranges"))
		ret = copy_prop(fdt, node, "dma-ranges", &before, &len);
	if (!ret)
		ret = keep_before(fdt, node, before, len);
	if (ret)
		failed(err, ret, bus);
	else
		ret = put_windows(fdt, node, bus, &l, windows, nr, before,
				  sift(fdt, before, len, &l, windows, nr), err);
	free(before);
	return ret ? ret : check_written(fdt, bus, windows, nr, err);
}

int hvcma_fdt_drop_dma_ranges(void *fdt, const char *bus, struct hvcma_fdt_error *err)
{
	int node = hvcma_fdt_offset(fdt, bus, err), len, ret;
	fdt32_t *before;

	if (node < 0)
		return node;
	if (!fdt_getprop(fdt, node, "dma-ranges", NULL))
		return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "'%s' has no dma-ranges", bus);
	ret = copy_prop(fdt, node, BEFORE, &before, &len);
	if (!ret && before) {
		ret = fdt_setprop(fdt, node, "dma-ranges", before, len);
		if (!ret)
			ret = fdt_delprop(fdt, node, BEFORE);
	} else if (!ret) {
		ret = fdt_delprop(fdt, node, "dma-ranges");
		if (!ret)
			ret = hvcma_fdt_added_forget(fdt, node, "dma-ranges");
	}
	free(before);
	return ret ? failed(err, ret, bus) : 0;
}

int hvcma_fdt_nr_dma_ranges(const void *fdt, int bus, int parent)
{
	struct layout l;
	int len;

	if (!fdt_getprop(fdt, bus, "dma-ranges", &len))
		return -FDT_ERR_NOTFOUND;
	if (!len)
		return 0;
	if (!layout_of(fdt, bus, parent, &l))
		return -FDT_ERR_BADNCELLS;
	if (len % (layout_cells(&l) * HVCMA_FDT_CELL_BYTES))
		return -FDT_ERR_BADVALUE;
	return len / (layout_cells(&l) * HVCMA_FDT_CELL_BYTES);
}

struct hvcma_window hvcma_fdt_dma_range(const void *fdt, int bus, int parent, int i)
{
	const fdt32_t *cells = fdt_getprop(fdt, bus, "dma-ranges", NULL);
	struct layout l;

	layout_of(fdt, bus, parent, &l);
	return get_window(cells + i * layout_cells(&l), &l);
}
