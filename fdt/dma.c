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

static int find_parent(const struct hvcma_fdt_tree *tree, int node)
{
	int index = string_index(tree, node, "interconnect-names", "dma-mem");
	int target = -1;

	if (index >= 0)
		target = hvcma_fdt_tree_phandle(tree, list_phandle(tree, node, "interconnects",
								   "#interconnect-cells", index));
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

int hvcma_fdt_dma_above(struct hvcma_fdt_dma *dma, int node)
{
	return ask(dma, dma->above, node, judge_above);
}

bool hvcma_fdt_dma_is_coherent(struct hvcma_fdt_dma *dma, int device)
{
	return ask(dma, dma->coherent, configured_by(dma->tree, device), judge_coherent) == 1;
}

bool hvcma_fdt_dma_is_behind_iommu(const struct hvcma_fdt_dma *dma, int device)
{
	int node = configured_by(dma->tree, device);

	return hvcma_fdt_tree_has(dma->tree, node, "iommu-map") ||
	       hvcma_fdt_tree_has(dma->tree, node, "iommus");
}

/* ---- addresses ---- */

/* How addresses on a bus are written. */
struct form {
	int address, size;	/* cells */
	int flags;		/* of the address: how many of its first are no number */
	bool is_pci;
};

/* On the bus that is node @bus; -1: the one above the root, which has no form. */
static struct form form_on(const struct hvcma_fdt_tree *tree, int bus)
{
	struct form f = { 0 };

	if (bus < 0)
		return f;
	f.is_pci = tree->node[bus].is_pci;
	f.address = tree->node[bus].cells.address;
	f.size = tree->node[bus].cells.size;
	f.flags = f.is_pci || f.address == HVCMA_FDT_PCI_CELLS;
	return f;
}

static bool form_is_readable(const struct form *f)
{
	return f->address > f->flags && f->address <= MAX_ADDRESS_CELLS && f->size >= 1 &&
	       f->size <= MAX_ADDRESS_CELLS;
}

struct address {
	uint32_t flags;		/* 0 if the form has none */
	uint64_t value;
};

static struct address get_address(const fdt32_t *p, const struct form *f)
{
	return (struct address){
		.flags = f->flags ? fdt32_to_cpu(*p) : 0,
		.value = hvcma_fdt_get(p + f->flags, f->address - f->flags),
	};
}

static uint32_t pci_space(uint32_t flags)
{
	uint32_t space = flags >> PCI_SPACE_SHIFT & PCI_SPACE_MASK;

	return space < PCI_SPACE_MEMORY ? space : PCI_SPACE_MEMORY;	/* of 32 or 64 bits */
}

static bool flags_agree(const struct form *f, uint32_t a, uint32_t b)
{
	return f->is_pci ? pci_space(a) == pci_space(b) : a == b;
}

/* Kinds whose neighbours Linux joins. */
static uint32_t kind_of(const struct form *f, uint32_t flags)
{
	return f->is_pci ? flags & (PCI_SPACE_MASK << PCI_SPACE_SHIFT | PCI_PREFETCH) : flags;
}

/* Entries of a dma-ranges. */
struct entries {
	const fdt32_t *p;
	int nr, cells;
	struct form own, parent;
};

static int entries_of(const struct hvcma_fdt_tree *tree, int node, struct entries *e)
{
	int len;

	e->own = form_on(tree, node);
	e->parent = form_on(tree, tree->node[node].parent);
	e->p = hvcma_fdt_tree_prop(tree, node, "dma-ranges", &len);
	e->cells = e->own.address + e->parent.address + e->own.size;
	if (!form_is_readable(&e->own) || !form_is_readable(&e->parent))
		return -FDT_ERR_BADNCELLS;
	e->nr = e->p ? len / (e->cells * HVCMA_FDT_CELL_BYTES) : 0;
	return e->p && len % (e->cells * HVCMA_FDT_CELL_BYTES) ? -FDT_ERR_BADNCELLS : 0;
}

/* Does @node map addresses at all? The root, and what has no parent for DMA, is the end. */
static bool is_end(const struct hvcma_fdt_dma *dma, int node)
{
	return node < 0 || dma->parent[node] < 0;
}

/* Passes an address on as it is, but for what does not fit into one cell. */
static bool is_narrow(const struct hvcma_fdt_tree *tree, int node)
{
	return form_on(tree, tree->node[node].parent).address == 1;
}

static int level_pieces(const struct hvcma_fdt_dma *dma, int node, struct hvcma_fdt_level *l)
{
	struct hvcma_window *window;
	struct entries e = { 0 };
	int ret;

	l->next = dma->parent[node];
	if (has_windows(dma->tree, node))
		l->is_plain = !entries_of(dma->tree, node, &e) && !e.own.flags && !e.parent.flags;
	else
		l->is_plain = !is_narrow(dma->tree, node);
	if (!l->is_plain)
		return 0;
	window = calloc((size_t)e.nr + 1, sizeof(*window));
	l->piece = calloc(2 * (size_t)e.nr + 2, sizeof(*l->piece));
	if (!window || !l->piece) {
		free(window);
		return -FDT_ERR_NOSPACE;
	}
	for (int i = 0; i < e.nr; i++) {
		const fdt32_t *p = e.p + i * e.cells;

		window[i] = (struct hvcma_window){
			.gpa = get_address(p, &e.own).value,
			.dma = get_address(p + e.own.address, &e.parent).value,
			.bytes = hvcma_fdt_get(p + e.own.address + e.parent.address, e.own.size),
		};
	}
	if (!has_windows(dma->tree, node))
		window[e.nr++] = (struct hvcma_window){ 0, 0, UINT64_MAX };
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

static bool map_pieces(const struct hvcma_fdt_level *l, struct address *a)
{
	size_t low = 0, high = l->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->piece[middle].gpa <= a->value)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || a->value - l->piece[low - 1].gpa >= l->piece[low - 1].bytes)
		return false;
	a->value = l->piece[low - 1].dma + (a->value - l->piece[low - 1].gpa);
	return true;
}

/* One level up, whatever the form of addresses. */
static bool map_any(const struct hvcma_fdt_tree *tree, int bus, struct address *a)
{
	struct entries e;

	if (!has_windows(tree, bus)) {
		if (is_narrow(tree, bus))
			a->value = (uint32_t)a->value;
		return true;
	}
	if (entries_of(tree, bus, &e))
		return false;
	for (int i = 0; i < e.nr; i++) {
		const fdt32_t *p = e.p + i * e.cells;
		struct address base = get_address(p, &e.own), up;
		uint64_t bytes = hvcma_fdt_get(p + e.own.address + e.parent.address, e.own.size);

		if (!flags_agree(&e.own, base.flags, a->flags) || a->value - base.value >= bytes)
			continue;
		up = get_address(p + e.own.address, &e.parent);
		up.value += a->value - base.value;
		*a = up;
		return true;
	}
	return false;
}

/* From the parent side of @bus to what the processor sees. */
static int translate(struct hvcma_fdt_dma *dma, int bus, struct address *a, bool *leads)
{
	int at = dma->parent[bus];

	*leads = false;
	for (int steps = dma->tree->nr; !is_end(dma, at); steps--) {
		const struct hvcma_fdt_level *l = level_of(dma, at);
		bool is_plain;

		if (!l)
			return -FDT_ERR_NOSPACE;
		is_plain = l->is_plain && !a->flags;
		if (!steps || !(is_plain ? map_pieces(l, a) : map_any(dma->tree, at, a)))
			return 0;
		at = is_plain ? l->next : dma->parent[at];
	}
	*leads = at >= 0;
	return 0;
}

int hvcma_fdt_dma_windows(struct hvcma_fdt_dma *dma, int bus,
			  struct hvcma_fdt_windows *windows)
{
	struct hvcma_fdt_windows w = { 0 };
	struct entries e;
	uint32_t last_kind = 0;
	int ret = entries_of(dma->tree, bus, &e);

	if (ret)
		return ret;
	w.window = calloc((size_t)e.nr + 1, sizeof(*w.window));
	if (!w.window)
		return -FDT_ERR_NOSPACE;
	for (int i = 0; i < e.nr; i++) {
		const fdt32_t *p = e.p + i * e.cells;
		struct address on_bus = get_address(p, &e.own);
		struct address up = get_address(p + e.own.address, &e.parent);
		struct hvcma_window *last = w.nr ? &w.window[w.nr - 1] : NULL;
		uint64_t bytes = hvcma_fdt_get(p + e.own.address + e.parent.address, e.own.size);
		uint32_t kind = kind_of(&e.own, on_bus.flags);
		bool leads;

		ret = translate(dma, bus, &up, &leads);
		if (ret) {
			free(w.window);
			return ret;
		}
		if (!leads) {
			if (!w.nr_lost++)
				w.lost_dma = on_bus.value;
			continue;
		}
		if (last && kind == last_kind && on_bus.value == last->dma + last->bytes &&
		    up.value == last->gpa + last->bytes)
			last->bytes += bytes;
		else
			w.window[w.nr++] = (struct hvcma_window){ on_bus.value, up.value, bytes };
		last_kind = kind;
	}
	*windows = w;
	return 0;
}

void hvcma_fdt_windows_free(struct hvcma_fdt_windows *windows)
{
	free(windows->window);
}
