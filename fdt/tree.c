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

static int count_nodes(const void *fdt)
{
	int node, depth = 0, nr = 0;

	for (node = fdt_next_node(fdt, -1, &depth); node >= 0 && depth >= 0;
	     node = fdt_next_node(fdt, node, &depth))
		nr++;
	return nr;
}

static void index_nodes(struct hvcma_fdt_tree *tree)
{
	int offset, depth = 0, last_depth = 0, last = -1, i = 0;

	for (offset = fdt_next_node(tree->fdt, -1, &depth); offset >= 0 && depth >= 0;
	     offset = fdt_next_node(tree->fdt, offset, &depth)) {
		struct hvcma_fdt_node *n = &tree->node[i];

		/* @last is the node before: below it, or beside one above it */
		for (; last >= 0 && last_depth >= depth; last_depth--)
			last = tree->node[last].parent;
		n->offset = offset;
		n->parent = last;
		n->phandle = fdt_get_phandle(tree->fdt, offset);
		n->cells = hvcma_fdt_cells(tree->fdt, offset);
		tree->nr_phandles += n->phandle != 0;
		last = i++;
		last_depth = depth;
	}
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
	*tree = (struct hvcma_fdt_tree){ .fdt = fdt, .nr = count_nodes(fdt) };
	tree->node = calloc((size_t)tree->nr + 1, sizeof(*tree->node));
	if (!tree->node)
		goto fail;
	index_nodes(tree);
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
	return fdt_getprop(tree->fdt, tree->node[node].offset, name, len);
}

int hvcma_fdt_tree_has(const struct hvcma_fdt_tree *tree, int node, const char *name)
{
	return hvcma_fdt_tree_prop(tree, node, name, NULL) != NULL;
}

int hvcma_fdt_tree_inherits(const struct hvcma_fdt_tree *tree, int node, const char *name)
{
	for (; node >= 0; node = tree->node[node].parent)
		if (hvcma_fdt_tree_has(tree, node, name))
			return 1;
	return 0;
}
