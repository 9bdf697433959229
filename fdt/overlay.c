// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * The difference of two device trees as an overlay. See overlay.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/overlay.h"
#include "fdt/tree.h"

#define NO_FRAGMENT	(-1)

struct overlay {
	struct hvcma_fdt_tree base, edited;
	/* by node of @edited: its node in @base (-1: new), its or its ancestor's fragment */
	int *twin, *fragment;
	int nr_fragments;
	uint32_t max_phandle;		/* of @base */
	void *out;
};

/* ---- what differs ---- */

static int same_prop(const void *fdt, int node, const char *name, const void *value, int len)
{
	int other_len;
	const void *other = fdt_getprop(fdt, node, name, &other_len);

	return other && other_len == len && (!len || !memcmp(other, value, (size_t)len));
}

static int node_differs(const struct overlay *o, int node)
{
	int from = o->edited.node[node].offset, to = o->base.node[o->twin[node]].offset, prop;

	fdt_for_each_property_offset(prop, o->edited.fdt, from) {
		const char *name;
		int len;
		const void *value = fdt_getprop_by_offset(o->edited.fdt, prop, &name, &len);

		if (value && !same_prop(o->base.fdt, to, name, value, len))
			return 1;
	}
	return 0;
}

static int has_new_child(const struct overlay *o, int node)
{
	for (int i = node + 1; i < o->edited.nr; i++)
		if (o->edited.node[i].parent == node && o->twin[i] < 0)
			return 1;
	return 0;
}

/* Everything of @base must be there still. */
static int check_nothing_gone(const struct overlay *o, struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	int *back = calloc((size_t)o->base.nr, sizeof(*back)), ret = 0;

	if (!back)
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for %d nodes", o->base.nr);
	for (int i = 0; i < o->edited.nr; i++)
		if (o->twin[i] >= 0)
			back[o->twin[i]] = i + 1;
	for (int i = 0; i < o->base.nr && !ret; i++) {
		int prop;

		hvcma_fdt_tree_name(&o->base, i, path);
		if (!back[i]) {
			ret = hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "%s is gone: an overlay can't take it away", path);
			break;
		}
		fdt_for_each_property_offset(prop, o->base.fdt, o->base.node[i].offset) {
			const char *name;

			fdt_getprop_by_offset(o->base.fdt, prop, &name, NULL);
			if (!hvcma_fdt_tree_has(&o->edited, back[i] - 1, name)) {
				ret = hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "%s of %s is gone: an overlay can't take it away",
						     name, path);
				break;
			}
		}
	}
	free(back);
	return ret;
}

static int index_of(const struct hvcma_fdt_tree *tree, int offset, int after)
{
	for (int i = after; i < tree->nr; i++)
		if (tree->node[i].offset == offset)
			return i;
	return -1;
}

static void find_twins(struct overlay *o)
{
	o->twin[0] = 0;
	for (int i = 1; i < o->edited.nr; i++) {
		int parent = o->twin[o->edited.node[i].parent], offset, len;
		const char *name = fdt_get_name(o->edited.fdt, o->edited.node[i].offset, &len);

		o->twin[i] = -1;
		if (parent < 0)
			continue;
		fdt_for_each_subnode(offset, o->base.fdt, o->base.node[parent].offset) {
			if (strcmp(fdt_get_name(o->base.fdt, offset, NULL), name))
				continue;
			o->twin[i] = index_of(&o->base, offset, parent);
			break;
		}
	}
}

/* ---- writing ---- */

static int sub(void *fdt, int parent, const char *name)
{
	int node = fdt_subnode_offset(fdt, parent, name);

	return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(fdt, parent, name) : node;
}

/*
 * The node in the output that stands for node @i: below "/fragment@N/__overlay__"
 * or, with @fixups, the same below "/__local_fixups__". Made if it is missing.
 */
static int place(struct overlay *o, int i, int fixups)
{
	int chain[64], depth = 0, node = 0;
	char name[32];

	for (int at = i; o->twin[at] < 0; at = o->edited.node[at].parent) {
		if (depth == 64)
			return -FDT_ERR_BADSTRUCTURE;
		chain[depth++] = at;
	}
	snprintf(name, sizeof(name), "fragment@%d", o->fragment[i]);
	if (fixups)
		node = sub(o->out, node, "__local_fixups__");
	if (node >= 0)
		node = sub(o->out, node, name);
	if (node >= 0)
		node = sub(o->out, node, "__overlay__");
	while (node >= 0 && depth--)
		node = sub(o->out, node, fdt_get_name(o->edited.fdt,
						      o->edited.node[chain[depth]].offset, NULL));
	return node;
}

/* A phandle that the overlay brings along counts from 1: applying adds the rest. */
static int is_new_phandle(const struct overlay *o, uint32_t phandle)
{
	return phandle > o->max_phandle && hvcma_fdt_tree_phandle(&o->base, phandle) < 0 &&
	       hvcma_fdt_tree_phandle(&o->edited, phandle) >= 0;
}

static int put_phandles(struct overlay *o, int i, const char *name, const fdt32_t *value, int nr,
			int is_reference)
{
	int node = place(o, i, 0), ret;

	if (node < 0)
		return node;
	ret = fdt_delprop(o->out, node, name);
	if (ret == -FDT_ERR_NOTFOUND)
		ret = 0;
	for (int k = 0; k < nr && !ret; k++) {
		uint32_t phandle = fdt32_to_cpu(value[k]);
		int is_new = is_new_phandle(o, phandle);

		ret = fdt_appendprop_u32(o->out, node, name, is_new ? phandle - o->max_phandle : phandle);
		if (ret || !is_new || !is_reference)
			continue;
		node = place(o, i, 1);
		ret = node < 0 ? node : fdt_appendprop_u32(o->out, node, name,
							   (uint32_t)(k * HVCMA_FDT_CELL_BYTES));
		if (ret)
			return ret;
		node = place(o, i, 0);
	}
	return ret;
}

static int put_prop(struct overlay *o, int i, const char *name, const void *value, int len)
{
	int is_phandle = !strcmp(name, "phandle") || !strcmp(name, "linux,phandle");
	int is_reference = !strcmp(name, "memory-region") || !strcmp(name, "interrupt-parent");
	int node;

	if ((is_phandle || is_reference) && len && len % HVCMA_FDT_CELL_BYTES == 0)
		return put_phandles(o, i, name, value, len / HVCMA_FDT_CELL_BYTES, is_reference);
	node = place(o, i, 0);
	return node < 0 ? node : fdt_setprop(o->out, node, name, value, len);
}

static int put_node(struct overlay *o, int i)
{
	const void *fdt = o->edited.fdt;
	int prop, ret = place(o, i, 0);

	if (ret < 0)
		return ret;
	fdt_for_each_property_offset(prop, fdt, o->edited.node[i].offset) {
		const char *name;
		int len;
		const void *value = fdt_getprop_by_offset(fdt, prop, &name, &len);

		if (o->twin[i] >= 0 &&
		    same_prop(o->base.fdt, o->base.node[o->twin[i]].offset, name, value, len))
			continue;
		ret = put_prop(o, i, name, value, len);
		if (ret)
			return ret;
	}
	return 0;
}

/* Not a change, but what makes the fragment's addresses readable by itself. */
static int repeat_cells(struct overlay *o, int i)
{
	static const char *const names[] = { "#size-cells", "#address-cells" };

	for (int k = 0; k < 2; k++) {
		int len, node, ret;
		const void *value = hvcma_fdt_tree_prop(&o->edited, i, names[k], &len);

		if (!value)
			continue;
		node = place(o, i, 0);
		ret = node < 0 ? node : fdt_setprop(o->out, node, names[k], value, len);
		if (ret)
			return ret;
	}
	return 0;
}

static int put_fragment(struct overlay *o, int i)
{
	char path[HVCMA_FDT_PATH_BYTES], name[32];
	int node, ret;

	o->fragment[i] = o->nr_fragments++;
	if (fdt_get_path(o->edited.fdt, o->edited.node[i].offset, path, sizeof(path)))
		return -FDT_ERR_BADPATH;
	snprintf(name, sizeof(name), "fragment@%d", o->fragment[i]);
	node = fdt_add_subnode(o->out, 0, name);
	if (node < 0)
		return node;
	ret = fdt_setprop_string(o->out, node, "target-path", path);
	return ret ? ret : repeat_cells(o, i);
}

static int put_all(struct overlay *o)
{
	for (int i = 0; i < o->edited.nr; i++) {
		int ret = 0;

		o->fragment[i] = NO_FRAGMENT;
		if (o->twin[i] < 0)
			o->fragment[i] = o->fragment[o->edited.node[i].parent];
		else if (node_differs(o, i) || has_new_child(o, i))
			ret = put_fragment(o, i);
		if (!ret && o->fragment[i] != NO_FRAGMENT)
			ret = put_node(o, i);
		if (ret)
			return ret;
	}
	return 0;
}

static int make(struct overlay *o, int out_bytes, struct hvcma_fdt_error *err)
{
	int ret;

	find_twins(o);
	ret = check_nothing_gone(o, err);
	if (ret)
		return ret;
	for (int i = 0; i < o->base.nr; i++)
		if (o->base.node[i].phandle > o->max_phandle)
			o->max_phandle = o->base.node[i].phandle;
	ret = fdt_create_empty_tree(o->out, out_bytes);
	if (!ret)
		ret = put_all(o);
	if (ret)
		return hvcma_fdt_fail(err, ret, "overlay: %s", hvcma_fdt_reason(ret));
	if (!o->nr_fragments)
		return hvcma_fdt_fail(err, -FDT_ERR_EXISTS, "the trees do not differ");
	return 0;
}

int hvcma_fdt_overlay(const void *base, const void *edited, void *out, int out_bytes,
		      struct hvcma_fdt_error *err)
{
	struct overlay o = { .out = out };
	int ret;

	ret = hvcma_fdt_tree_init(&o.base, base, err);
	if (ret)
		return ret;
	ret = hvcma_fdt_tree_init(&o.edited, edited, err);
	if (ret)
		goto out_base;
	o.twin = calloc((size_t)o.edited.nr, sizeof(*o.twin));
	o.fragment = calloc((size_t)o.edited.nr, sizeof(*o.fragment));
	if (!o.twin || !o.fragment)
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for %d nodes", o.edited.nr);
	else
		ret = make(&o, out_bytes, err);
	free(o.fragment);
	free(o.twin);
	hvcma_fdt_tree_fini(&o.edited);
out_base:
	hvcma_fdt_tree_fini(&o.base);
	return ret;
}
