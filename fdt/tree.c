// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Index of a device tree. See tree.h.
 */
#include <stdlib.h>
#include <string.h>

#include "fdt/tree.h"

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
 * bit each, so that the answer "no" costs no walk through the node.
 */
static const char *const known[] = {
	"reg", "ranges", "dma-ranges", "memory-region", "interrupt-parent", "device_type",
	"dma-coherent", "dma-noncoherent", "no-map", "reusable", "compatible", "phandle",
	"linux,phandle", "#address-cells", "#size-cells", "size", "alignment", "alloc-ranges",
	"linux,cma-default", "linux,dma-default", "hvcma,granule-bytes", "msi-parent", "msi-map",
	"iommus", "iommu-map", "status", "interrupts-extended", "interrupt-map",
	"interconnect-names", "linux,usable-memory", "iommu-addresses",
};

_Static_assert(sizeof(known) / sizeof(*known) <= 32, "a bit each");

static uint32_t known_bit(const char *name)
{
	for (unsigned int i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (*name == *known[i] && !strcmp(name, known[i]))
			return UINT32_C(1) << i;
	return 0;
}

/* As of_device_is_available() of Linux: nothing said is "okay". */
static bool is_okay(const void *fdt, int offset)
{
	int len;
	const char *status = fdt_getprop(fdt, offset, "status", &len);

	return !status || (len == 5 && !memcmp(status, "okay", 5)) ||
	       (len == 3 && !memcmp(status, "ok", 3));
}

static bool is_meta(const struct hvcma_fdt_tree *tree, const struct hvcma_fdt_node *n)
{
	const char *name;

	if (n->parent != 0)
		return n->parent > 0 && tree->node[n->parent].is_meta;
	name = fdt_get_name(tree->fdt, n->offset, NULL);
	return !strcmp(name, "__symbols__") || !strcmp(name, "__fixups__") ||
	       !strcmp(name, "__local_fixups__");
}

static void index_node(struct hvcma_fdt_tree *tree, struct hvcma_fdt_node *n)
{
	int prop;

	fdt_for_each_property_offset(prop, tree->fdt, n->offset) {
		const char *name;

		if (fdt_getprop_by_offset(tree->fdt, prop, &name, NULL))
			n->known |= known_bit(name);
	}
	n->cells = (struct hvcma_fdt_cells){ 2, 1 };
	if (n->known & (known_bit("#address-cells") | known_bit("#size-cells")))
		n->cells = hvcma_fdt_cells(tree->fdt, n->offset);
	if (n->known & (known_bit("phandle") | known_bit("linux,phandle")))
		n->phandle = fdt_get_phandle(tree->fdt, n->offset);
	tree->nr_phandles += n->phandle != 0;
	n->is_enabled = !(n->known & known_bit("status")) || is_okay(tree->fdt, n->offset);
	n->is_available = n->is_enabled && (n->parent < 0 || tree->node[n->parent].is_available);
	n->is_meta = is_meta(tree, n);
}

static struct hvcma_fdt_node *add_node(struct hvcma_fdt_tree *tree, int *room)
{
	if (tree->nr == *room) {
		int more = *room ? 2 * *room : 256;
		void *node = realloc(tree->node, (size_t)more * sizeof(*tree->node));

		if (!node)
			return NULL;
		tree->node = node;
		*room = more;
	}
	return &tree->node[tree->nr];
}

static int index_nodes(struct hvcma_fdt_tree *tree)
{
	int offset, depth = 0, last_depth = 0, last = -1, room = 0;

	for (offset = fdt_next_node(tree->fdt, -1, &depth); offset >= 0 && depth >= 0;
	     offset = fdt_next_node(tree->fdt, offset, &depth)) {
		struct hvcma_fdt_node *n = add_node(tree, &room);

		if (!n)
			return -1;
		/* @last is the node before: below it, or beside one above it */
		for (; last >= 0 && last_depth >= depth; last_depth--)
			last = tree->node[last].parent;
		*n = (struct hvcma_fdt_node){ .offset = offset, .parent = last };
		index_node(tree, n);
		last = tree->nr++;
		last_depth = depth;
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

int hvcma_fdt_tree_path(const struct hvcma_fdt_tree *tree, const char *path)
{
	int offset = fdt_path_offset(tree->fdt, path), low = 0, high = tree->nr;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (tree->node[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return offset >= 0 && low < tree->nr ? low : -1;
}

void hvcma_fdt_tree_name(const struct hvcma_fdt_tree *tree, int node,
			 char path[HVCMA_FDT_PATH_BYTES])
{
	size_t at = HVCMA_FDT_PATH_BYTES - 1;

	path[at] = '\0';
	if (tree->node[node].parent < 0)
		path[--at] = '/';
	for (; tree->node[node].parent >= 0; node = tree->node[node].parent) {
		int len;
		const char *name = fdt_get_name(tree->fdt, tree->node[node].offset, &len);

		if ((size_t)len + 1 + 3 > at) {
			at -= 3;
			memcpy(path + at, "...", 3);
			break;
		}
		at -= (size_t)len;
		memcpy(path + at, name, (size_t)len);
		path[--at] = '/';
	}
	memmove(path, path + at, HVCMA_FDT_PATH_BYTES - at);
}

const void *hvcma_fdt_tree_prop(const struct hvcma_fdt_tree *tree, int node,
				const char *name, int *len)
{
	uint32_t bit = known_bit(name);

	if (bit && !(tree->node[node].known & bit)) {
		if (len)
			*len = -FDT_ERR_NOTFOUND;
		return NULL;
	}
	return fdt_getprop(tree->fdt, tree->node[node].offset, name, len);
}

int hvcma_fdt_tree_has(const struct hvcma_fdt_tree *tree, int node, const char *name)
{
	uint32_t bit = known_bit(name);

	return bit ? (tree->node[node].known & bit) != 0 :
		     fdt_getprop(tree->fdt, tree->node[node].offset, name, NULL) != NULL;
}

bool hvcma_fdt_tree_is_pci(const struct hvcma_fdt_tree *tree, int node)
{
	static const char *const types[] = { "pci", "pciex", "vci", "ht" };
	int len;
	const char *type = hvcma_fdt_tree_prop(tree, node, "device_type", &len);
	const char *name;

	for (size_t i = 0; type && i < sizeof(types) / sizeof(*types); i++)
		if ((size_t)len == strlen(types[i]) + 1 && !memcmp(type, types[i], (size_t)len))
			return true;
	name = fdt_get_name(tree->fdt, tree->node[node].offset, NULL);
	return !strncmp(name, "pcie", 4) && (!name[4] || name[4] == '@');
}

int hvcma_fdt_tree_host_bridge(const struct hvcma_fdt_tree *tree, int node)
{
	int bridge = -1;

	for (node = tree->node[node].parent; node > 0 && hvcma_fdt_tree_is_pci(tree, node);
	     node = tree->node[node].parent)
		bridge = node;
	return bridge;
}
