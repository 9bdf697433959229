// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Index of a device tree. See tree.h.
 */
#include <stdlib.h>
#include <string.h>

#include "fdt/tree.h"
#include "fdt/walk.h"

struct by_phandle {
	uint32_t phandle;
	int node;
};

static int compare_phandles(const void *a, const void *b)
{
	const struct by_phandle *x = a, *y = b;

	if (x->phandle != y->phandle)
		return x->phandle < y->phandle ? -1 : 1;
	return x->node - y->node;
}

/*
 * Properties that are asked for again and again, mostly of nodes without them: a
 * bit each, so that the answer "no" costs no walk through the node. By length.
 */
static const char *const known[] = {
	"reg", "size", "iommus", "no-map", "ranges", "status", "msi-map", "phandle", "reusable",
	"alignment", "iommu-map", "compatible", "dma-ranges", "msi-parent", "#size-cells",
	"device_type", "alloc-ranges", "dma-coherent", "interrupt-map", "linux,phandle",
	"memory-region", "#address-cells", "dma-noncoherent", "iommu-addresses",
	"interrupt-parent", "linux,cma-default", "linux,dma-default", "interconnect-names",
	"hvcma,granule-bytes", "interrupts-extended", "linux,usable-memory",
};

#define NR_KNOWN		(sizeof(known) / sizeof(*known))
#define SHORTEST		3u
#define LONGEST			19u

/* The first that has at least this length. */
static const unsigned char known_from[LONGEST - SHORTEST + 2] = {
	0, 1, 2, 2, 6, 8, 9, 11, 14, 16, 18, 21, 22, 24, 25, 27, 28, 31,
};

_Static_assert(NR_KNOWN <= 32, "a bit each");
_Static_assert(sizeof("interrupts-extended") - 1 == LONGEST, "the longest");

static uint32_t known_bit(const char *name)
{
	size_t bytes = strlen(name);

	if (bytes < SHORTEST || bytes > LONGEST)
		return 0;
	for (unsigned int i = known_from[bytes - SHORTEST]; i < known_from[bytes - SHORTEST + 1]; i++)
		if (*name == *known[i] && !memcmp(name, known[i], bytes))
			return UINT32_C(1) << i;
	return 0;
}

static bool is_string(const void *value, int len, const char *string)
{
	return (size_t)len == strlen(string) + 1 && !memcmp(value, string, (size_t)len);
}

static bool is_meta(const struct hvcma_fdt_tree *tree, const struct hvcma_fdt_node *n)
{
	if (n->parent != 0)
		return n->parent > 0 && tree->node[n->parent].is_meta;
	return n->name[0] == '_' && (!strcmp(n->name, "__symbols__") || !strcmp(n->name, "__fixups__") ||
				     !strcmp(n->name, "__local_fixups__"));
}

static int host_bridge(const struct hvcma_fdt_tree *tree, const struct hvcma_fdt_node *n)
{
	const struct hvcma_fdt_node *above;

	if (n->parent <= 0 || !tree->node[n->parent].is_pci)
		return -1;
	above = &tree->node[n->parent];
	return above->host_bridge >= 0 ? above->host_bridge : n->parent;
}

static bool is_pci_type(const void *value, int len)
{
	return is_string(value, len, "pci") || is_string(value, len, "pciex") ||
	       is_string(value, len, "vci") || is_string(value, len, "ht");
}

/* What a property says of its node; of two with one name, the first. */
static void index_prop(struct hvcma_fdt_node *n, const struct hvcma_fdt_walk *w)
{
	uint32_t bit = known_bit(w->name);
	bool is_cell = w->len == HVCMA_FDT_CELL_BYTES;

	n->has_props = true;
	if (!bit || n->known & bit)
		return;
	n->known |= bit;
	if (*w->name == '#' && is_cell && w->name[1] == 'a')
		n->cells.address = (int)fdt32_ld(w->value);
	else if (*w->name == '#' && is_cell)
		n->cells.size = (int)fdt32_ld(w->value);
	else if (is_cell && (!strcmp(w->name, "phandle") ||
			     (!strcmp(w->name, "linux,phandle") && !n->phandle)))
		n->phandle = fdt32_ld(w->value);
	else if (!strcmp(w->name, "device_type"))
		n->is_pci = is_pci_type(w->value, w->len);
	else if (!strcmp(w->name, "status"))	/* as of_device_is_available() of Linux */
		n->is_enabled = is_string(w->value, w->len, "okay") || is_string(w->value, w->len, "ok");
}

/* Once all its properties are known, and before there are children. */
static void index_node(struct hvcma_fdt_tree *tree, struct hvcma_fdt_node *n)
{
	tree->nr_phandles += n->phandle != 0;
	n->is_available = n->is_enabled && (n->parent < 0 || tree->node[n->parent].is_available);
	n->is_meta = is_meta(tree, n);
	/* as of_bus_pci_match() of Linux, drivers/of/address.c: by type, or by name */
	n->is_pci |= !strncmp(n->name, "pcie", 4) && (!n->name[4] || n->name[4] == '@');
	n->host_bridge = host_bridge(tree, n);
}

static int add_node(struct hvcma_fdt_tree *tree, int *room, const struct hvcma_fdt_walk *w, int parent)
{
	if (tree->nr == *room) {
		int more = *room ? 2 * *room : 256;
		void *node = realloc(tree->node, (size_t)more * sizeof(*tree->node));

		if (!node)
			return -1;
		tree->node = node;
		*room = more;
	}
	tree->node[tree->nr++] = (struct hvcma_fdt_node){
		.offset = w->offset, .parent = parent, .name = w->name,
		.cells = parent < 0 ? (struct hvcma_fdt_cells){ 1, 1 } : tree->node[parent].cells,
		.is_enabled = true,
	};
	return 0;
}

static int index_nodes(struct hvcma_fdt_tree *tree)
{
	int open = -1, last = -1, room = 0;	/* nodes: whose end is due; whose properties are read */
	struct hvcma_fdt_walk w;
	uint32_t tag;

	hvcma_fdt_walk_init(&w, tree->fdt, 0);
	while ((tag = hvcma_fdt_walk_next(&w)) != FDT_END) {
		if (tag == FDT_PROP) {
			index_prop(&tree->node[open], &w);
			continue;
		}
		if (last >= 0)
			index_node(tree, &tree->node[last]);
		last = -1;
		if (tag == FDT_END_NODE) {
			open = tree->node[open].parent;
			continue;
		}
		if (add_node(tree, &room, &w, open))
			return -1;
		open = last = tree->nr - 1;
	}
	return 0;
}

static int index_phandles(struct hvcma_fdt_tree *tree)
{
	struct by_phandle *list = calloc((size_t)tree->nr_phandles + 1, sizeof(*list));
	int nr = 0;

	if (!list)
		return -1;
	for (int i = 0; i < tree->nr; i++)
		if (tree->node[i].phandle)
			list[nr++] = (struct by_phandle){ tree->node[i].phandle, i };
	qsort(list, (size_t)nr, sizeof(*list), compare_phandles);
	for (int i = 0; i < nr; i++)
		tree->by_phandle[i] = list[i].node;
	free(list);
	return 0;
}

int hvcma_fdt_tree_init(struct hvcma_fdt_tree *tree, const void *fdt,
			struct hvcma_fdt_error *err)
{
	*tree = (struct hvcma_fdt_tree){ .fdt = fdt };
	if (index_nodes(tree))
		goto fail;
	tree->by_phandle = calloc((size_t)tree->nr_phandles + 1, sizeof(*tree->by_phandle));
	if (!tree->by_phandle || index_phandles(tree))
		goto fail;
	return 0;

fail:
	hvcma_fdt_tree_fini(tree);
	return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for the index of %d nodes", tree->nr);
}

void hvcma_fdt_tree_fini(struct hvcma_fdt_tree *tree)
{
	free(tree->by_phandle);
	free(tree->node);
}

int hvcma_fdt_tree_phandle(const struct hvcma_fdt_tree *tree, uint32_t phandle)
{
	int low = 0, high = tree->nr_phandles;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (tree->node[tree->by_phandle[middle]].phandle < phandle)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == tree->nr_phandles || tree->node[tree->by_phandle[low]].phandle != phandle)
		return -1;
	return tree->by_phandle[low];
}

/* By this part of a path; as fdt_path_offset() has it, which Linux looks up nodes with. */
static bool is_called(const char *name, const char *part, size_t bytes)
{
	return !strncmp(name, part, bytes) &&
	       (!name[bytes] || (name[bytes] == '@' && !memchr(part, '@', bytes)));
}

int hvcma_fdt_tree_path(const struct hvcma_fdt_tree *tree, const char *path)
{
	int node = 0;

	while (*path == '/' && path[1]) {
		size_t bytes = strcspn(++path, "/");
		int child = node + 1;

		while (child < tree->nr && (tree->node[child].parent != node ||
					    !is_called(tree->node[child].name, path, bytes)))
			child++;
		if (child == tree->nr)
			return -1;
		node = child;
		path += bytes;
	}
	return node;
}

void hvcma_fdt_tree_name(const struct hvcma_fdt_tree *tree, int node,
			 char path[HVCMA_FDT_PATH_BYTES])
{
	size_t at = HVCMA_FDT_PATH_BYTES - 1;

	path[at] = '\0';
	if (tree->node[node].parent < 0)
		path[--at] = '/';
	for (; tree->node[node].parent >= 0; node = tree->node[node].parent) {
		size_t len = strlen(tree->node[node].name);

		if (len + 1 + 3 > at) {
			at -= 3;
			memcpy(path + at, "...", 3);
			break;
		}
		at -= len;
		memcpy(path + at, tree->node[node].name, len);
		path[--at] = '/';
	}
	memmove(path, path + at, HVCMA_FDT_PATH_BYTES - at);
}

/* A property by name; false: there is none. */
static bool find_prop(const struct hvcma_fdt_tree *tree, int node, const char *name,
		      struct hvcma_fdt_walk *w)
{
	hvcma_fdt_walk_init(w, tree->fdt, tree->node[node].offset);
	hvcma_fdt_walk_next(w);
	while (hvcma_fdt_walk_next(w) == FDT_PROP)
		if (!strcmp(w->name, name))
			return true;
	return false;
}

const void *hvcma_fdt_tree_prop(const struct hvcma_fdt_tree *tree, int node,
				const char *name, int *len)
{
	uint32_t bit = tree->node[node].has_props ? known_bit(name) : 0;
	struct hvcma_fdt_walk w;

	if (!tree->node[node].has_props || (bit && !(tree->node[node].known & bit)) ||
	    !find_prop(tree, node, name, &w)) {
		if (len)
			*len = -FDT_ERR_NOTFOUND;
		return NULL;
	}
	if (len)
		*len = w.len;
	return w.value;
}

int hvcma_fdt_tree_has(const struct hvcma_fdt_tree *tree, int node, const char *name)
{
	struct hvcma_fdt_walk w;
	uint32_t bit;

	if (!tree->node[node].has_props)
		return false;
	bit = known_bit(name);
	return bit ? (tree->node[node].known & bit) != 0 : find_prop(tree, node, name, &w);
}
