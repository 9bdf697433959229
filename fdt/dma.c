// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Where a device's DMA goes. See dma.h.
 */
#include <stdlib.h>
#include <string.h>

#include "fdt/dma.h"

/* Linux reads no more cells than these. */
#define MAX_ADDRESS_CELLS	4

/* The first cell of a PCI address, and what of it must agree. */
#define PCI_SPACE_SHIFT		24
#define PCI_SPACE_MASK		3
#define PCI_SPACE_MEMORY	2
#define PCI_PREFETCH		UINT32_C(0x40000000)

/* In the arrays of answers, beside indexes of nodes. */
#define NONE			(-1)
#define NOT_ASKED		(-2)
#define ON_THE_WAY		(-3)
#define GO_ON			(-4)

/*
 * The way up through a node, where that is numbers without flags on both sides. Levels
 * of one window each, as most are, are taken together with what is above: a way through
 * thousands is then one step.
 */
struct hvcma_fdt_level {
	bool is_plain;
	struct hvcma_window *piece;	/* from its children ("gpa") to above ("dma"); sorted */
	size_t nr;
	int next;			/* the node to go on at */
};

/* ---- the way up ---- */

/* Number of the string in a list of strings, -1: it is not there. */
static int string_index(const struct hvcma_fdt_tree *tree, int node, const char *prop,
			const char *string)
{
	if (!hvcma_fdt_tree_has(tree, node, prop))
		return -1;
	return fdt_stringlist_search(tree->fdt, tree->node[node].offset, prop, string);
}

/* The phandle of entry @index in a list of phandles with arguments; 0: none. */
static uint32_t list_phandle(const struct hvcma_fdt_tree *tree, int node, const char *prop,
			     const char *cells, int index)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(tree, node, prop, &len);

	for (int i = 0; p && i < len / HVCMA_FDT_CELL_BYTES; index--) {
		uint32_t phandle = fdt32_to_cpu(p[i++]);
		const fdt32_t *n;
		int target, size;

		if (!index)
			return phandle;
		if (!phandle)
			continue;
		target = hvcma_fdt_tree_phandle(tree, phandle);
		n = target < 0 ? NULL : hvcma_fdt_tree_prop(tree, target, cells, &size);
		if (!n || size != HVCMA_FDT_CELL_BYTES || fdt32_to_cpu(*n) > INT16_MAX)
			return 0;
		i += (int)fdt32_to_cpu(*n);
	}
	return 0;
}

/* The interconnect for DMA; -1: it is not there, with @is_named although the node has one. */
static int find_interconnect(const struct hvcma_fdt_tree *tree, int node, bool *is_named)
{
	int index = string_index(tree, node, "interconnect-names", "dma-mem");

	*is_named = index >= 0;
	return index < 0 ? -1 : hvcma_fdt_tree_phandle(tree, list_phandle(tree, node, "interconnects",
									 "#interconnect-cells", index));
}

static int find_parent(const struct hvcma_fdt_tree *tree, int node)
{
	bool is_named;
	int target = find_interconnect(tree, node, &is_named);

	return target >= 0 ? target : tree->node[node].parent;
}

static bool has_windows(const struct hvcma_fdt_tree *tree, int node)
{
	int len;

	return hvcma_fdt_tree_prop(tree, node, "dma-ranges", &len) && len;
}

int hvcma_fdt_dma_parent(const struct hvcma_fdt_dma *dma, int node)
{
	return dma->parent[node];
}

/* What a search found that ends, without windows, at a node; and the reverse. */
static int ended_at(int node)
{
	return GO_ON - 1 - node;
}

/* Judges of one node on the way up: the answer, or GO_ON. */
static int judge_found(const struct hvcma_fdt_tree *tree, int node)
{
	if (has_windows(tree, node))
		return node;
	return hvcma_fdt_tree_has(tree, node, "dma-ranges") ? GO_ON : ended_at(node);
}

static int judge_above(const struct hvcma_fdt_tree *tree, int node)
{
	return has_windows(tree, node) ? node : GO_ON;
}

static int judge_coherent(const struct hvcma_fdt_tree *tree, int node)
{
	if (hvcma_fdt_tree_has(tree, node, "dma-coherent"))
		return 1;
	return hvcma_fdt_tree_has(tree, node, "dma-noncoherent") ? 0 : GO_ON;
}

/* All nodes that a question passes have the same answer: it is kept for each of them. */
static int ask(const struct hvcma_fdt_dma *dma, int *answers, int node,
	       int (*judge)(const struct hvcma_fdt_tree *tree, int node))
{
	int at = node, answer;

	for (;;) {
		/* past the root, or round in a circle of interconnects */
		if (at < 0 || answers[at] == ON_THE_WAY)
			answer = NONE;
		else if (answers[at] != NOT_ASKED)
			answer = answers[at];
		else
			answer = judge(dma->tree, at);
		if (answer != GO_ON)
			break;
		answers[at] = ON_THE_WAY;
		at = dma->parent[at];
	}
	if (at >= 0 && answers[at] == NOT_ASKED)
		answers[at] = answer;
	for (at = node; at >= 0 && answers[at] == ON_THE_WAY; at = dma->parent[at])
		answers[at] = answer;
	return answer;
}

static int *answers_new(int nr)
{
	int *answers = malloc((size_t)nr * sizeof(*answers));

	for (int i = 0; answers && i < nr; i++)
		answers[i] = NOT_ASKED;
	return answers;
}

int hvcma_fdt_dma_init(struct hvcma_fdt_dma *dma, const struct hvcma_fdt_tree *tree,
		       struct hvcma_fdt_error *err)
{
	size_t nr = (size_t)tree->nr;

	*dma = (struct hvcma_fdt_dma){
		.tree = tree, .found = answers_new(tree->nr), .above = answers_new(tree->nr),
		.coherent = answers_new(tree->nr), .parent = calloc(nr, sizeof(*dma->parent)),
		.level = calloc(nr, sizeof(*dma->level)), .stack = calloc(nr, sizeof(*dma->stack)),
	};
	if (!dma->found || !dma->above || !dma->coherent || !dma->parent || !dma->level || !dma->stack) {
		hvcma_fdt_dma_fini(dma);
		return hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for the buses of %d nodes", tree->nr);
	}
	for (int i = 0; i < tree->nr; i++)
		dma->parent[i] = find_parent(tree, i);
	return 0;
}

void hvcma_fdt_dma_fini(struct hvcma_fdt_dma *dma)
{
	for (int i = 0; dma->level && i < dma->tree->nr; i++)
		if (dma->level[i]) {
			free(dma->level[i]->piece);
			free(dma->level[i]);
		}
	free(dma->stack);
	free(dma->level);
	free(dma->parent);
	free(dma->coherent);
	free(dma->above);
	free(dma->found);
}

int hvcma_fdt_dma_bus(struct hvcma_fdt_dma *dma, int device, int *ended)
{
	const struct hvcma_fdt_tree *tree = dma->tree;
	int first = tree->node[device].host_bridge, bus, second;

	if (ended)
		*ended = -1;
	if (first < 0)
		first = tree->node[device].is_pci ? device : dma->parent[device];
	if (first < 0)
		return NONE;
	if (has_windows(tree, first))
		return first;
	second = dma->parent[first];
	if (second < 0)
		return NONE;
	bus = ask(dma, dma->found, second, judge_found);
	if (bus >= 0)
		return bus;
	if (ended && bus < GO_ON && ask(dma, dma->above, second, judge_above) >= 0)
		*ended = ended_at(bus);
	return NONE;
}

/* The node that Linux configures DMA of a device by. */
static int configured_by(const struct hvcma_fdt_tree *tree, int device)
{
	int bridge = tree->node[device].host_bridge;

	return bridge >= 0 ? bridge : device;
}

static int way_failed(const struct hvcma_fdt_tree *tree, int node, const char *what,
		      struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];

	hvcma_fdt_tree_name(tree, node, path);
	return hvcma_fdt_fail(err, -FDT_ERR_BADSTRUCTURE, "%s: %s", path, what);
}

int hvcma_fdt_dma_check_way(const struct hvcma_fdt_dma *dma, int device,
			    struct hvcma_fdt_error *err)
{
	const struct hvcma_fdt_tree *tree = dma->tree;
	int steps = tree->nr;

	for (int at = configured_by(tree, device); at >= 0; at = dma->parent[at]) {
		bool is_named;

		if (find_interconnect(tree, at, &is_named) < 0 && is_named)
			return way_failed(tree, at, "its interconnect \"dma-mem\" is not in the tree: where its DMA goes is not known", err);
		if (!steps--)
			return way_failed(tree, at, "the way of DMA goes in a circle here, through interconnects \"dma-mem\"", err);
	}
	return 0;
}

int hvcma_fdt_dma_above(struct hvcma_fdt_dma *dma, int node)
{
	return ask(dma, dma->above, node, judge_above);
}

bool hvcma_fdt_dma_is_coherent(struct hvcma_fdt_dma *dma, int device)
{
	return ask(dma, dma->coherent, configured_by(dma->tree, device), judge_coherent) == 1;
}

/* Is the cell at @index a phandle of an IOMMU that is there? Linux passes over a disabled one. */
static bool names_iommu(const struct hvcma_fdt_tree *tree, int node, const char *prop, int index)
{
	int len, target;
	const fdt32_t *p = hvcma_fdt_tree_prop(tree, node, prop, &len);

	if (!p || len < (index + 1) * HVCMA_FDT_CELL_BYTES)
		return false;
	target = hvcma_fdt_tree_phandle(tree, fdt32_to_cpu(p[index]));
	return target >= 0 && tree->node[target].is_available;
}

bool hvcma_fdt_dma_is_behind_iommu(const struct hvcma_fdt_dma *dma, int device)
{
	int node = configured_by(dma->tree, device);

	/* a list of IOMMUs; a map has a requester id first */
	return names_iommu(dma->tree, node, "iommus", 0) ||
	       names_iommu(dma->tree, node, "iommu-map", 1);
}

/* ---- addresses ---- */

/* Kinds of buses, which read the first cell of an address differently (of_busses[] of Linux). */
enum kind {
	KIND_PCI,
	KIND_ISA,
	KIND_FLAGS,		/* any other with three cells */
	KIND_PLAIN,
};

static bool is_called(const struct hvcma_fdt_tree *tree, int node, const char *name)
{
	const char *own = fdt_get_name(tree->fdt, tree->node[node].offset, NULL);
	size_t len = strlen(name);

	return !strncmp(own, name, len) && (!own[len] || own[len] == '@');
}

static enum kind kind_of(const struct hvcma_fdt_tree *tree, int bus)
{
	if (tree->node[bus].is_pci)
		return KIND_PCI;
	if (is_called(tree, bus, "isa"))
		return KIND_ISA;
	return tree->node[bus].cells.address == HVCMA_FDT_PCI_CELLS ? KIND_FLAGS : KIND_PLAIN;
}

/* Cells of an address that are no number. */
static int nr_flags(enum kind kind)
{
	return kind != KIND_PLAIN;
}

/* What of the first cell must agree for a window to fit. */
static uint32_t space_of(enum kind kind, uint32_t first)
{
	uint32_t space = first >> PCI_SPACE_SHIFT & PCI_SPACE_MASK;

	switch (kind) {
	case KIND_PCI:
		return space < PCI_SPACE_MEMORY ? space : PCI_SPACE_MEMORY;	/* of 32 or 64 bits */
	case KIND_ISA:
		return first & 1;
	case KIND_FLAGS:
		return first;
	default:
		return 0;
	}
}

/* And for neighbours to be joined. */
static uint32_t joint_of(enum kind kind, uint32_t first)
{
	return kind == KIND_PCI ? first & (PCI_SPACE_MASK << PCI_SPACE_SHIFT | PCI_PREFETCH) :
				  space_of(kind, first);
}

/* An address on its way up: what is written, and how. */
struct address {
	fdt32_t cell[MAX_ADDRESS_CELLS];
	enum kind kind;
	int nr, size;		/* cells of it, and of sizes beside it */
};

/* How addresses of @node look, to which @bus leads; false: in no way that Linux reads. */
static bool set_form(const struct hvcma_fdt_tree *tree, int node, int bus, struct address *a)
{
	int parent = tree->node[node].parent;
	struct hvcma_fdt_cells cells = tree->node[parent < 0 ? node : parent].cells;

	a->kind = kind_of(tree, bus);
	a->nr = a->kind == KIND_PCI ? 3 : a->kind == KIND_ISA ? 2 : cells.address;
	a->size = a->kind == KIND_PCI ? 2 : a->kind == KIND_ISA ? 1 : cells.size;
	return a->nr > 0 && a->nr <= MAX_ADDRESS_CELLS && a->size > 0;
}

/* Adds to the number, behind the flags. */
static void add(struct address *a, uint64_t offset)
{
	int first = nr_flags(a->kind), nr = a->nr - first;
	uint64_t value = hvcma_fdt_get(a->cell + first, nr) + offset;

	memset(a->cell + first, 0, (size_t)nr * sizeof(*a->cell));
	if (nr > 1)
		a->cell[a->nr - 2] = cpu_to_fdt32((uint32_t)(value >> 32));
	if (nr)
		a->cell[a->nr - 1] = cpu_to_fdt32((uint32_t)value);
}

/* Where in the window @p is it? false: it is not. */
static bool find_in(const fdt32_t *p, const struct address *a, int above, uint64_t *offset)
{
	int first = nr_flags(a->kind);
	uint64_t base = hvcma_fdt_get(p + first, a->nr - first);
	uint64_t bytes = hvcma_fdt_get(p + a->nr + above, a->size);
	uint64_t value = hvcma_fdt_get(a->cell + first, a->nr - first);

	if (space_of(a->kind, fdt32_to_cpu(*p)) != space_of(a->kind, fdt32_to_cpu(*a->cell)) ||
	    value < base || value >= base + bytes)
		return false;
	*offset = value - base;
	return true;
}

/* One level up, through the dma-ranges of @bus, to the form that @up has. */
static bool translate_one(const struct hvcma_fdt_tree *tree, int bus, const struct address *a,
			  struct address *up)
{
	int each = a->nr + up->nr + a->size, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(tree, bus, "dma-ranges", &len);
	uint64_t offset;

	if (!p || !len) {
		/* 1:1; the first cell stays what it is, flags or not */
		memset(up->cell, 0, sizeof(up->cell));
		*up->cell = nr_flags(up->kind) ? *a->cell : 0;
		add(up, hvcma_fdt_get(a->cell, a->nr));
		return true;
	}
	for (len /= HVCMA_FDT_CELL_BYTES; len >= each; len -= each, p += each) {
		if (!find_in(p, a, up->nr, &offset))
			continue;
		memcpy(up->cell, p + a->nr, (size_t)up->nr * sizeof(*up->cell));
		add(up, offset);
		return true;
	}
	return false;
}

/* Entries of a dma-ranges. */
struct entries {
	const fdt32_t *p;
	enum kind kind;
	int nr, own, parent, size;	/* how many, cells */
	bool is_cut;
};

static int entries_of(const struct hvcma_fdt_tree *tree, int node, struct entries *e)
{
	int parent = tree->node[node].parent, len, each;

	e->kind = kind_of(tree, node);
	e->own = tree->node[node].cells.address;
	e->size = tree->node[node].cells.size;
	e->parent = tree->node[parent < 0 ? node : parent].cells.address;
	e->p = hvcma_fdt_tree_prop(tree, node, "dma-ranges", &len);
	if (e->own <= nr_flags(e->kind) || e->own > MAX_ADDRESS_CELLS || e->size < 1 ||
	    e->size > MAX_ADDRESS_CELLS || e->parent < 1 || e->parent > MAX_ADDRESS_CELLS)
		return -FDT_ERR_BADNCELLS;
	each = (e->own + e->parent + e->size) * HVCMA_FDT_CELL_BYTES;
	e->nr = e->p ? len / each : 0;
	e->is_cut = e->p && len % each;
	return 0;
}

/* ---- levels ---- */

/* Does @node map addresses at all? The root, and what has no parent for DMA, is the end. */
static bool is_end(const struct hvcma_fdt_dma *dma, int node)
{
	return node < 0 || dma->parent[node] < 0;
}

/*
 * Are addresses plain numbers on both sides of a node? Then pieces of the numbers tell what
 * translate_one() would.
 */
static bool is_plain(const struct hvcma_fdt_dma *dma, int node)
{
	int parent = dma->parent[node];

	return parent == dma->tree->node[node].parent && kind_of(dma->tree, node) == KIND_PLAIN &&
	       kind_of(dma->tree, parent) == KIND_PLAIN;
}

static int level_pieces(const struct hvcma_fdt_dma *dma, int node, struct hvcma_fdt_level *l)
{
	int parent = dma->parent[node], ret;
	struct hvcma_window *window;
	struct entries e = { 0 };
	uint64_t top = dma->tree->node[parent].cells.address == 1 ? UINT32_MAX : UINT64_MAX;

	l->next = parent;
	l->is_plain = is_plain(dma, node) && !entries_of(dma->tree, node, &e);
	if (!l->is_plain)
		return 0;
	window = calloc((size_t)e.nr + 1, sizeof(*window));
	l->piece = calloc(2 * (size_t)e.nr + 2, sizeof(*l->piece));
	if (!window || !l->piece) {
		free(window);
		return -FDT_ERR_NOSPACE;
	}
	for (int i = 0; i < e.nr; i++) {
		const fdt32_t *p = e.p + i * (e.own + e.parent + e.size);

		window[i] = (struct hvcma_window){
			.gpa = hvcma_fdt_get(p, e.own),
			.dma = hvcma_fdt_get(p + e.own, e.parent),
			.bytes = hvcma_fdt_get(p + e.own + e.parent, e.size),
		};
		/* what goes beyond the last address comes back at 0 */
		l->is_plain &= !window[i].bytes || window[i].bytes - 1 <= top - window[i].dma;
	}
	if (!has_windows(dma->tree, node)) {
		window[e.nr++] = (struct hvcma_window){ 0, 0, UINT64_MAX };
		l->is_plain = top == UINT64_MAX;
	}
	ret = hvcma_windows_pieces(window, (size_t)e.nr, l->piece, &l->nr);
	free(window);
	return ret;
}

/* What goes all the way through a level of one piece and that above it. */
static void join_levels(struct hvcma_fdt_level *l, const struct hvcma_fdt_level *above)
{
	const struct hvcma_window *q = above->piece;
	struct hvcma_window *p = l->piece;
	uint64_t low, high, last;

	if (!l->is_plain || !above->is_plain || l->nr != 1 || above->nr != 1 ||
	    p->bytes - 1 > UINT64_MAX - p->dma)
		return;
	low = p->dma > q->gpa ? p->dma : q->gpa;
	high = p->dma + (p->bytes - 1);
	last = q->gpa + (q->bytes - 1);
	if (high > last)
		high = last;
	l->next = above->next;
	l->nr = low <= high;
	if (l->nr)
		*p = (struct hvcma_window){ q->dma + (low - q->gpa), p->gpa + (low - p->dma), high - low + 1 };
}

/* The level of a node, after those above it that are missing; NULL: out of memory. */
static const struct hvcma_fdt_level *level_of(struct hvcma_fdt_dma *dma, int node)
{
	int nr = 0;

	for (int at = node; !is_end(dma, at) && !dma->level[at] && nr < dma->tree->nr; at = dma->parent[at])
		dma->stack[nr++] = at;
	while (nr--) {
		int at = dma->stack[nr], next = dma->parent[at];
		struct hvcma_fdt_level *l;

		if (dma->level[at])
			continue;	/* a circle */
		l = calloc(1, sizeof(*l));
		dma->level[at] = l;
		if (!l || level_pieces(dma, at, l))
			return NULL;
		if (!is_end(dma, next) && dma->level[next] && dma->level[next] != l)
			join_levels(l, dma->level[next]);
	}
	return dma->level[node];
}

static bool map_pieces(const struct hvcma_fdt_level *l, uint64_t *value)
{
	size_t low = 0, high = l->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->piece[middle].gpa <= *value)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || *value - l->piece[low - 1].gpa >= l->piece[low - 1].bytes)
		return false;
	*value = l->piece[low - 1].dma + (*value - l->piece[low - 1].gpa);
	return true;
}

/* Up from @at, by pieces; the node after them, -1: it leads nowhere. */
static int map_level(const struct hvcma_fdt_tree *tree, const struct hvcma_fdt_level *l,
		     struct address *a)
{
	uint64_t value = hvcma_fdt_get(a->cell, a->nr);
	const struct hvcma_fdt_cells *cells = &tree->node[l->next].cells;

	if (!map_pieces(l, &value))
		return -1;
	*a = (struct address){ .kind = KIND_PLAIN, .nr = cells->address, .size = cells->size };
	if (a->nr < 1 || a->nr > MAX_ADDRESS_CELLS || a->size < 1)
		return -1;
	add(a, value);
	return l->next;
}

/* And by what is written, whatever the form. */
static int map_any(const struct hvcma_fdt_dma *dma, int at, struct address *a)
{
	struct address up = { .nr = 0 };

	if (!set_form(dma->tree, at, dma->parent[at], &up) || !translate_one(dma->tree, at, a, &up))
		return -1;
	*a = up;
	return dma->parent[at];
}

/* From the parent side of @bus, an address written at @p and @offset, to what the processor sees. */
static int translate(struct hvcma_fdt_dma *dma, int bus, const fdt32_t *p, int room, uint64_t offset,
		     uint64_t *value, bool *leads)
{
	int at = dma->parent[bus], steps = dma->tree->nr;
	struct address a = { .nr = 0 };

	*leads = false;
	if (at < 0 || !set_form(dma->tree, bus, at, &a))
		return 0;
	memcpy(a.cell, p, (size_t)(a.nr < room ? a.nr : room) * sizeof(*p));
	if (offset)
		add(&a, offset);
	while (!is_end(dma, at)) {
		const struct hvcma_fdt_level *l = level_of(dma, at);
		const struct hvcma_fdt_cells *own = &dma->tree->node[at].cells;

		if (!l)
			return -FDT_ERR_NOSPACE;
		if (!steps--)
			return 0;
		at = l->is_plain && a.kind == KIND_PLAIN && a.nr == own->address && a.size == own->size ?
			map_level(dma->tree, l, &a) : map_any(dma, at, &a);
		if (at < 0)
			return 0;
	}
	*value = hvcma_fdt_get(a.cell, a.nr);
	*leads = true;
	return 0;
}

/* Linux takes a window to go on as it begins. Does it, through the levels above? */
static int look_at_end(struct hvcma_fdt_dma *dma, int bus, const fdt32_t *p, int room,
		       const struct hvcma_window *window, struct hvcma_fdt_windows *w)
{
	uint64_t last;
	bool leads;
	int ret = translate(dma, bus, p, room, window->bytes - 1, &last, &leads);

	if (!ret && (!leads || last != window->gpa + (window->bytes - 1)) && !w->nr_long++)
		w->long_dma = window->dma;
	return ret;
}

int hvcma_fdt_dma_windows(struct hvcma_fdt_dma *dma, int bus,
			  struct hvcma_fdt_windows *windows)
{
	struct hvcma_fdt_windows w = { 0 };
	struct entries e;
	uint32_t last_joint = 0;
	bool may_join = false;
	int ret = entries_of(dma->tree, bus, &e);
	int each = e.own + e.parent + e.size;

	if (ret)
		return ret;
	w.window = calloc((size_t)e.nr + 1, sizeof(*w.window));
	w.is_memory = calloc((size_t)e.nr + 1, sizeof(*w.is_memory));
	if (!w.window || !w.is_memory) {
		hvcma_fdt_windows_free(&w);
		return -FDT_ERR_NOSPACE;
	}
	w.is_cut = e.is_cut;
	for (int i = 0; i < e.nr; i++) {
		const fdt32_t *p = e.p + i * each;
		struct hvcma_window *last = w.nr ? &w.window[w.nr - 1] : NULL;
		uint64_t on_bus = hvcma_fdt_get(p + nr_flags(e.kind), e.own - nr_flags(e.kind)), gpa;
		uint64_t bytes = hvcma_fdt_get(p + e.own + e.parent, e.size);
		uint32_t joint = joint_of(e.kind, fdt32_to_cpu(*p));

		bool leads;

		ret = translate(dma, bus, p + e.own, (e.nr - i) * each - e.own, 0, &gpa, &leads);
		if (!ret && leads && bytes)
			ret = look_at_end(dma, bus, p + e.own, (e.nr - i) * each - e.own,
					  &(struct hvcma_window){ on_bus, gpa, bytes }, &w);
		if (ret) {
			hvcma_fdt_windows_free(&w);
			return ret;
		}
		if (!leads) {
			if (!w.nr_lost++)
				w.lost_dma = on_bus;
			may_join = false;
			continue;
		}
		if (may_join && joint == last_joint && on_bus == last->dma + last->bytes &&
		    gpa == last->gpa + last->bytes) {
			last->bytes += bytes;
		} else {
			w.is_memory[w.nr] = e.kind != KIND_PCI || space_of(e.kind, fdt32_to_cpu(*p)) == PCI_SPACE_MEMORY;
			w.window[w.nr++] = (struct hvcma_window){ on_bus, gpa, bytes };
		}
		last_joint = joint;
		may_join = true;
	}
	*windows = w;
	return 0;
}

void hvcma_fdt_windows_free(struct hvcma_fdt_windows *windows)
{
	free(windows->is_memory);
	free(windows->window);
}
