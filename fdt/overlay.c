// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * The difference of two device trees as an overlay. See overlay.h.
 *
 * Nodes of EDITED have twins of the same path in BASE, or are new. What differs below
 * a node that differs goes into the same fragment: all is written in one pass.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/overlay.h"
#include "fdt/tree.h"
#include "fdt/walk.h"
#include "fdt/write.h"

#define NEW		(-1)

struct prop {
	const char *name;
	const void *value;
	int len;
};

struct props {
	struct prop *prop;
	size_t nr, room;
};

/* Of a node of EDITED. */
struct node {
	int twin;			/* in BASE, or NEW */
	int fragment;			/* number, if one begins here */
	bool differs;			/* or is new, or has a new child */
	bool below;			/* something below it does */
	bool inside;			/* of a fragment that begins above it */
	bool refers, refers_below;	/* to a phandle that is new */
};

struct child {
	int parent, node;
	const char *name;
};

struct overlay {
	struct hvcma_fdt_tree base, edited;
	/* all nodes of each tree, by parent and name, in one array */
	struct child *base_children, *edited_children;
	struct node *node;
	struct props of_twin;		/* sorted by name */
	uint32_t max_phandle;		/* of BASE */
	struct hvcma_fdt_writer out;
	struct hvcma_fdt_error *err;
};

static int no_memory(struct overlay *o)
{
	return hvcma_fdt_fail(o->err, -FDT_ERR_NOSPACE, "no memory for the difference of %d and %d nodes",
			      o->base.nr, o->edited.nr);
}

static const char *name_of(const struct hvcma_fdt_tree *tree, int node)
{
	return tree->node[node].name;
}

/* ---- children by name ---- */

static int by_parent_and_name(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int sort_children(struct overlay *o, const struct hvcma_fdt_tree *tree,
			 struct child *children)
{
	for (int i = 0; i < tree->nr; i++)
		children[i] = (struct child){ tree->node[i].parent, i, name_of(tree, i) };
	qsort(children, (size_t)tree->nr, sizeof(*children), by_parent_and_name);
	for (int i = 1; i < tree->nr; i++)
		if (!by_parent_and_name(&children[i - 1], &children[i]))
			return hvcma_fdt_fail(o->err, -FDT_ERR_BADSTRUCTURE, "a node has two children '%.200s'",
					      children[i].name);
	return 0;
}

/* The first of @nr children that is not before this one. */
static const struct child *lower_bound(const struct child *children, int nr, int parent,
				       const char *name)
{
	const struct child wanted = { .parent = parent, .name = name };
	int low = 0, high = nr;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (by_parent_and_name(&children[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return &children[low];
}

static void find_twins(struct overlay *o)
{
	const struct child *end = o->base_children + o->base.nr;

	for (int i = 1; i < o->edited.nr; i++) {
		int parent = o->node[o->edited.node[i].parent].twin;
		const char *name = name_of(&o->edited, i);
		const struct child *c = parent == NEW ? end :
					lower_bound(o->base_children, o->base.nr, parent, name);

		o->node[i].twin = c < end && c->parent == parent && !strcmp(c->name, name) ?
				  c->node : NEW;
	}
}

/* ---- properties ---- */

static int read_props(struct overlay *o, const struct hvcma_fdt_tree *tree, int node,
		      struct props *props)
{
	struct hvcma_fdt_walk w;

	props->nr = 0;
	hvcma_fdt_walk_init(&w, tree->fdt, tree->node[node].offset);
	hvcma_fdt_walk_next(&w);
	while (hvcma_fdt_walk_next(&w) == FDT_PROP) {
		if (props->nr == props->room) {
			size_t room = props->room ? 2 * props->room : 64;
			void *more = realloc(props->prop, room * sizeof(*props->prop));

			if (!more)
				return no_memory(o);
			props->prop = more;
			props->room = room;
		}
		props->prop[props->nr++] = (struct prop){ w.name, w.value, w.len };
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct prop *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Sorted; what is there twice can't be told apart. */
static int sort_props(struct overlay *o, struct props *props)
{
	if (props->nr)
		qsort(props->prop, props->nr, sizeof(*props->prop), by_name);
	for (size_t k = 1; k < props->nr; k++)
		if (!by_name(&props->prop[k - 1], &props->prop[k]))
			return hvcma_fdt_fail(o->err, -FDT_ERR_BADSTRUCTURE, "a node has the property '%.200s' twice",
					      props->prop[k].name);
	return 0;
}

static int read_twin(struct overlay *o, int i)
{
	int ret;

	o->of_twin.nr = 0;
	if (o->node[i].twin == NEW)
		return 0;
	ret = read_props(o, &o->base, o->node[i].twin, &o->of_twin);
	return ret ? ret : sort_props(o, &o->of_twin);
}

/* The twin's property; NULL: it has none of that name. */
static const struct prop *twin_prop(const struct overlay *o, const struct prop *p)
{
	if (!o->of_twin.nr)
		return NULL;
	return bsearch(p, o->of_twin.prop, o->of_twin.nr, sizeof(*p), by_name);
}

static bool is_same(const struct prop *a, const struct prop *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->value, b->value, (size_t)a->len));
}

static bool is_phandle(const struct prop *p)
{
	return !strcmp(p->name, "phandle") || !strcmp(p->name, "linux,phandle");
}

/* Properties of phandles alone, which are known to be so. */
static bool is_reference(const struct prop *p)
{
	return (!strcmp(p->name, "memory-region") || !strcmp(p->name, "interrupt-parent")) &&
	       p->len % HVCMA_FDT_CELL_BYTES == 0;
}

/* A phandle that the overlay brings along counts from 1: applying adds the rest. */
static bool is_new_phandle(const struct overlay *o, uint32_t phandle)
{
	return phandle > o->max_phandle && hvcma_fdt_tree_phandle(&o->edited, phandle) >= 0;
}

static bool refers_to_new(const struct overlay *o, const struct prop *p)
{
	const fdt32_t *cells = p->value;

	if (!is_reference(p))
		return false;
	for (int k = 0; k < p->len / HVCMA_FDT_CELL_BYTES; k++)
		if (is_new_phandle(o, fdt32_to_cpu(cells[k])))
			return true;
	return false;
}

/* ---- what an overlay can't say ---- */

static int check_phandle(struct overlay *o, int i, const struct prop *p)
{
	uint32_t phandle = p->len == HVCMA_FDT_CELL_BYTES ? fdt32_to_cpu(*(const fdt32_t *)p->value) : 0;
	int twin = o->node[i].twin;
	char path[HVCMA_FDT_PATH_BYTES];

	hvcma_fdt_tree_name(&o->edited, i, path);
	if (twin != NEW && o->base.node[twin].phandle)
		return hvcma_fdt_fail(o->err, -FDT_ERR_BADPHANDLE, "%.200s has phandle 0x%x in BASE and 0x%x in EDITED: EDITED must be an edited copy of BASE, not compiled anew",
				      path, o->base.node[twin].phandle, phandle);
	if (phandle <= o->max_phandle || phandle == UINT32_MAX)
		return hvcma_fdt_fail(o->err, -FDT_ERR_BADPHANDLE, "%.200s has a new phandle, 0x%x, and BASE has phandles up to 0x%x: applied, an overlay's are above those. EDITED must be an edited copy of BASE, not compiled anew",
				      path, phandle, o->max_phandle);
	return 0;
}

/* "timer" beside "timer@1000": libfdt takes one for the other when it applies. */
static int check_name(struct overlay *o, int i)
{
	char with_address[64], path[HVCMA_FDT_PATH_BYTES];
	const struct child *other, *end = o->edited_children + o->edited.nr;
	const char *name = name_of(&o->edited, i);
	int parent = o->edited.node[i].parent;
	size_t bytes = strlen(name);

	if (!i || strchr(name, '@') || bytes + 2 > sizeof(with_address))
		return 0;
	memcpy(with_address, name, bytes);
	memcpy(with_address + bytes, "@", 2);
	other = lower_bound(o->edited_children, o->edited.nr, parent, with_address);
	if (other == end || other->parent != parent || strncmp(other->name, with_address, bytes + 1))
		return 0;
	hvcma_fdt_tree_name(&o->edited, i, path);
	return hvcma_fdt_fail(o->err, -FDT_ERR_BADPATH, "%.200s can't be told from '%.60s' beside it, in an overlay: of nodes without address the first that fits is taken",
			      path, other->name);
}

/* Everything of BASE must be there still. */
static int check_nothing_gone(struct overlay *o)
{
	char *found = calloc((size_t)o->base.nr, 1), path[HVCMA_FDT_PATH_BYTES];
	int ret = 0;

	if (!found)
		return no_memory(o);
	for (int i = 0; i < o->edited.nr; i++)
		if (o->node[i].twin != NEW)
			found[o->node[i].twin] = 1;
	for (int i = 0; i < o->base.nr && !ret; i++) {
		if (found[i])
			continue;
		hvcma_fdt_tree_name(&o->base, i, path);
		ret = hvcma_fdt_fail(o->err, -FDT_ERR_NOTFOUND, "%.300s is gone: an overlay can't take it away", path);
	}
	free(found);
	return ret;
}

static int gone(struct overlay *o, int i, const struct props *props)
{
	char path[HVCMA_FDT_PATH_BYTES];
	const char *name = "a property";

	for (size_t k = 0; k < o->of_twin.nr; k++) {
		size_t j = 0;

		while (j < props->nr && strcmp(props->prop[j].name, o->of_twin.prop[k].name))
			j++;
		if (j == props->nr)
			name = o->of_twin.prop[k].name;
	}
	hvcma_fdt_tree_name(&o->edited, i, path);
	return hvcma_fdt_fail(o->err, -FDT_ERR_NOTFOUND, "%.60s of %.300s is gone: an overlay can't take it away",
			      name, path);
}

/* ---- what differs ---- */

static int compare(struct overlay *o, int i, struct props *props)
{
	size_t nr_found = 0;
	int ret = read_twin(o, i);

	if (!ret)
		ret = read_props(o, &o->edited, i, props);
	if (!ret)
		ret = sort_props(o, props);
	for (size_t k = 0; k < props->nr && !ret; k++) {
		const struct prop *p = &props->prop[k], *twin = twin_prop(o, p);

		nr_found += twin != NULL;
		if (twin && is_same(p, twin))
			continue;
		o->node[i].differs = true;
		o->node[i].refers |= refers_to_new(o, p);
		if (is_phandle(p))
			ret = check_phandle(o, i, p);
	}
	if (!ret && nr_found < o->of_twin.nr)
		return gone(o, i, props);
	return ret;
}

static int compare_all(struct overlay *o)
{
	struct props props = { 0 };
	int ret = 0, parent;

	for (int i = 0; i < o->edited.nr && !ret; i++) {
		ret = compare(o, i, &props);
		if (o->node[i].twin != NEW)
			continue;
		o->node[i].differs = true;
		o->node[o->edited.node[i].parent].differs = true;
	}
	free(props.prop);
	for (int i = o->edited.nr - 1; i > 0; i--) {
		parent = o->edited.node[i].parent;
		o->node[parent].below |= o->node[i].differs || o->node[i].below;
		o->node[parent].refers_below |= o->node[i].refers || o->node[i].refers_below;
	}
	for (int i = 1; i < o->edited.nr; i++) {
		parent = o->edited.node[i].parent;
		o->node[i].inside = o->node[parent].inside || o->node[parent].differs;
	}
	for (int i = 1; i < o->edited.nr && !ret; i++)
		if (o->node[i].differs || o->node[i].below)
			ret = check_name(o, i);
	return ret;
}

/* ---- writing ---- */

static bool begins_fragment(const struct overlay *o, int i)
{
	return o->node[i].differs && !o->node[i].inside;
}

/* Full path of a node, whatever its length: malloc. */
static char *path_of(const struct hvcma_fdt_tree *tree, int node)
{
	size_t bytes = 1, at;
	char *path;

	for (int i = node; i > 0; i = tree->node[i].parent)
		bytes += strlen(name_of(tree, i)) + 1;
	at = bytes - (node > 0);
	bytes += !node;
	path = malloc(bytes + 1);
	if (!path)
		return NULL;
	if (!node) {
		memcpy(path, "/", 2);
		return path;
	}
	path[at] = '\0';
	for (int i = node; i > 0; i = tree->node[i].parent) {
		size_t len = strlen(name_of(tree, i));

		at -= len;
		memcpy(path + at, name_of(tree, i), len);
		path[--at] = '/';
	}
	return path;
}

static void begin_fragment(struct overlay *o, int i, bool has_target)
{
	char name[32], *path;

	snprintf(name, sizeof(name), "fragment@%d", o->node[i].fragment);
	hvcma_fdt_write_begin(&o->out, name);
	if (has_target) {
		path = path_of(&o->edited, i);
		if (path)
			hvcma_fdt_write_prop(&o->out, "target-path", path, (int)strlen(path) + 1);
		else
			o->out.error = -FDT_ERR_NOSPACE;
		free(path);
	}
	hvcma_fdt_write_begin(&o->out, "__overlay__");
}

static void write_prop(struct overlay *o, const struct prop *p)
{
	fdt32_t *cells = hvcma_fdt_write_prop(&o->out, p->name, p->value, p->len);

	if (cells && is_phandle(p))
		*cells = cpu_to_fdt32(fdt32_to_cpu(*cells) - o->max_phandle);
	for (int k = 0; cells && is_reference(p) && k < p->len / HVCMA_FDT_CELL_BYTES; k++)
		if (is_new_phandle(o, fdt32_to_cpu(cells[k])))
			cells[k] = cpu_to_fdt32(fdt32_to_cpu(cells[k]) - o->max_phandle);
}

/* Not a change, but what makes addresses in the overlay readable by itself. */
static bool is_cells(const struct prop *p)
{
	return !strcmp(p->name, "#address-cells") || !strcmp(p->name, "#size-cells");
}

static int write_props(struct overlay *o, int i, struct props *props)
{
	int ret = read_twin(o, i);

	if (!ret)
		ret = read_props(o, &o->edited, i, props);
	for (size_t k = 0; k < props->nr && !ret; k++) {
		const struct prop *p = &props->prop[k], *twin = twin_prop(o, p);

		if (!twin || !is_same(p, twin) || is_cells(p))
			write_prop(o, p);
	}
	return ret;
}

/* Where in a property the new phandles are. */
static void write_fixup(struct overlay *o, const struct prop *p)
{
	const fdt32_t *cells = p->value;
	fdt32_t *at = malloc((size_t)p->len + 1);
	int nr = 0;

	if (!at) {
		o->out.error = -FDT_ERR_NOSPACE;
		return;
	}
	for (int k = 0; k < p->len / HVCMA_FDT_CELL_BYTES; k++)
		if (is_new_phandle(o, fdt32_to_cpu(cells[k])))
			at[nr++] = cpu_to_fdt32((uint32_t)(k * HVCMA_FDT_CELL_BYTES));
	hvcma_fdt_write_prop(&o->out, p->name, at, nr * HVCMA_FDT_CELL_BYTES);
	free(at);
}

static int write_fixups(struct overlay *o, int i, struct props *props)
{
	int ret = o->node[i].refers ? read_twin(o, i) : 0;

	if (!o->node[i].refers)
		return 0;
	if (!ret)
		ret = read_props(o, &o->edited, i, props);
	for (size_t k = 0; k < props->nr && !ret; k++) {
		const struct prop *p = &props->prop[k], *twin = twin_prop(o, p);

		if ((!twin || !is_same(p, twin)) && refers_to_new(o, p))
			write_fixup(o, p);
	}
	return ret;
}

/* Fragments, or what is in them of __local_fixups__: nodes as they are nested in EDITED. */
static int write_nodes(struct overlay *o, bool fixups)
{
	struct props props = { 0 };
	int top = -1, ret = 0;		/* the node that is open */

	for (int i = 0; i <= o->edited.nr && !ret; i++) {
		const struct node *n = &o->node[i];
		int parent = i < o->edited.nr ? o->edited.node[i].parent : -1;

		if (i < o->edited.nr && !(fixups ? n->refers || n->refers_below : n->differs || n->below))
			continue;
		if (i < o->edited.nr && !n->inside && !n->differs)
			continue;
		for (; top >= 0 && (top != parent || i == o->edited.nr);
		     top = begins_fragment(o, top) ? -1 : o->edited.node[top].parent) {
			hvcma_fdt_write_end(&o->out);
			if (begins_fragment(o, top))
				hvcma_fdt_write_end(&o->out);
		}
		if (i == o->edited.nr)
			break;
		if (begins_fragment(o, i))
			begin_fragment(o, i, !fixups);
		else
			hvcma_fdt_write_begin(&o->out, name_of(&o->edited, i));
		top = i;
		ret = fixups ? write_fixups(o, i, &props) : write_props(o, i, &props);
	}
	free(props.prop);
	return ret;
}

static int write_all(struct overlay *o, void *out, int out_bytes)
{
	int ret, failed;

	hvcma_fdt_write_init(&o->out, out, (size_t)out_bytes);
	hvcma_fdt_write_begin(&o->out, "");
	ret = write_nodes(o, false);
	if (!ret && (o->node[0].refers || o->node[0].refers_below)) {
		hvcma_fdt_write_begin(&o->out, "__local_fixups__");
		ret = write_nodes(o, true);
		hvcma_fdt_write_end(&o->out);
	}
	hvcma_fdt_write_end(&o->out);
	failed = hvcma_fdt_write_fini(&o->out);
	if (ret || !failed)
		return ret;
	return hvcma_fdt_fail(o->err, failed, "overlay: no room in %d bytes", out_bytes);
}

static int make(struct overlay *o, void *out, int out_bytes)
{
	int nr_fragments = 0, ret;

	for (int i = 0; i < o->base.nr; i++)
		if (o->base.node[i].phandle > o->max_phandle)
			o->max_phandle = o->base.node[i].phandle;
	ret = sort_children(o, &o->base, o->base_children);
	if (!ret)
		ret = sort_children(o, &o->edited, o->edited_children);
	if (ret)
		return ret;
	find_twins(o);
	ret = check_nothing_gone(o);
	if (!ret)
		ret = compare_all(o);
	if (ret)
		return ret;
	for (int i = 0; i < o->edited.nr; i++)
		if (begins_fragment(o, i))
			o->node[i].fragment = nr_fragments++;
	if (!nr_fragments)
		return hvcma_fdt_fail(o->err, -FDT_ERR_EXISTS, "the trees do not differ");
	return write_all(o, out, out_bytes);
}

int hvcma_fdt_overlay(const void *base, const void *edited, void *out, int out_bytes,
		      struct hvcma_fdt_error *err)
{
	struct overlay o = { .err = err };
	int ret;

	ret = hvcma_fdt_tree_init(&o.base, base, err);
	if (ret)
		return ret;
	ret = hvcma_fdt_tree_init(&o.edited, edited, err);
	if (ret)
		goto out_base;
	o.base_children = calloc((size_t)o.base.nr + (size_t)o.edited.nr, sizeof(*o.base_children));
	o.edited_children = o.base_children + o.base.nr;
	o.node = calloc((size_t)o.edited.nr, sizeof(*o.node));
	ret = o.base_children && o.node ? make(&o, out, out_bytes) : no_memory(&o);
	free(o.of_twin.prop);
	free(o.node);
	free(o.base_children);
	hvcma_fdt_tree_fini(&o.edited);
out_base:
	hvcma_fdt_tree_fini(&o.base);
	return ret;
}
