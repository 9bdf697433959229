// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Windows of buses, their borders, and what clients find in them. See check.h, and
 * dma.h for which windows count.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/check_internal.h"
#include "hv/core/attr.h"

enum reach { REACH_ALL, REACH_SOME, REACH_NONE };

/* What is known of a bus with windows. */
struct bus {
	int node;
	bool is_pci;
	struct hvcma_window *piece;	/* what its windows come to, sorted, disjoint */
	size_t nr;
	struct check_list covered;	/* memory's side of them, neighbours joined */
	uint64_t limit_dma;		/* the last byte on the bus that any window has */
	bool translates;		/* some address is another on the bus */
	bool is_used;			/* by some device, without an IOMMU between */
	bool has_client;
	int last_pool;			/* -1, or whose reach is known: */
	enum reach last_reach;
	struct hvcma_range last_range;
};

struct buses {
	struct bus *bus;		/* in the order of the tree */
	int nr;
	int *of_node;			/* by node: index into @bus, -1: it has no windows */
};

/* ---- one bus ---- */

static int by_dma(const void *a, const void *b)
{
	const struct hvcma_window *x = a, *y = b;

	return (x->dma > y->dma) - (x->dma < y->dma);
}

/* Two places in memory for one address on the bus; the same twice does no harm. */
static void check_overlap(struct check *c, int node, struct hvcma_window *sorted, size_t nr)
{
	const struct hvcma_window *far = sorted;

	qsort(sorted, nr, sizeof(*sorted), by_dma);
	for (size_t i = 1; i < nr; i++) {
		const struct hvcma_window *w = &sorted[i];

		if (w->dma - far->dma < far->bytes && w->gpa - w->dma != far->gpa - far->dma)
			hvcma_check_say(c, HVCMA_FDT_WINDOW_OVERLAP, node, "windows overlap on the bus at 0x%" PRIx64
					" and lead to different memory", w->dma);
		if (w->dma + (w->bytes - 1) > far->dma + (far->bytes - 1))
			far = w;
	}
}

/* Drops (said) what is no window. */
static void check_windows(struct check *c, int node, struct hvcma_fdt_windows *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->nr; i++) {
		const struct hvcma_window *one = &w->window[i];

		if (!one->bytes)
			hvcma_check_say(c, HVCMA_FDT_WINDOW_EMPTY, node, "the window at 0x%" PRIx64 " is empty", one->gpa);
		else if (one->bytes - 1 > UINT64_MAX - one->gpa || one->bytes - 1 > UINT64_MAX - one->dma)
			hvcma_check_say(c, HVCMA_FDT_WINDOW_WRAPS, node, "window 0x%" PRIx64 " at 0x%" PRIx64 ", 0x%"
					PRIx64 " bytes, wraps", one->dma, one->gpa, one->bytes);
		else
			w->window[kept++] = *one;
	}
	w->nr = kept;
	if (w->nr_lost)
		hvcma_check_say(c, HVCMA_FDT_WINDOW_LOST, node, "%zu window%s, the first at 0x%" PRIx64
				" on the bus, lead%s nowhere through the dma-ranges above: Linux drops %s",
				w->nr_lost, w->nr_lost > 1 ? "s" : "", w->lost_dma,
				w->nr_lost > 1 ? "" : "s", w->nr_lost > 1 ? "them" : "it");
}

/* Windows that end in another place than where they begin. */
static void check_ends(struct check *c, int node, const struct hvcma_fdt_windows *w)
{
	if (w->nr_long)
		hvcma_check_say(c, HVCMA_FDT_WINDOW_LONG, node, "%zu window%s, the first at 0x%" PRIx64
				" on the bus, reach%s beyond what the dma-ranges above translate: Linux looks at the first byte only, what is behind is lost",
				w->nr_long, w->nr_long > 1 ? "s" : "", w->long_dma, w->nr_long > 1 ? "" : "es");
}

/* Spaces of PCI: phys.hi of IEEE 1275; a window is of memory, and fits its space. */
static void check_spaces(struct check *c, int node)
{
	int parent = c->tree.node[c->tree.node[node].parent].cells.address, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, node, "dma-ranges", &len);
	int size = c->tree.node[node].cells.size;
	int each = HVCMA_FDT_PCI_CELLS + parent + size;

	if (c->tree.node[node].cells.address != HVCMA_FDT_PCI_CELLS)
		return;
	for (int i = 0; i + each <= len / HVCMA_FDT_CELL_BYTES; i += each) {
		uint32_t space = fdt32_to_cpu(p[i]) >> 24 & 3;
		uint64_t dma = hvcma_fdt_get(p + i + 1, 2);
		uint64_t bytes = hvcma_fdt_get(p + i + HVCMA_FDT_PCI_CELLS + parent, size);

		if (space < 2)
			hvcma_check_say(c, HVCMA_FDT_WINDOW_SPACE, node, "the window at 0x%" PRIx64 " on the bus is of %s space, not of memory",
					dma, space ? "I/O" : "configuration");
		else if (space == 2 && bytes && (dma > UINT32_MAX || bytes - 1 > UINT32_MAX - dma))
			hvcma_check_say(c, HVCMA_FDT_WINDOW_SPACE, node, "the window at 0x%" PRIx64 " on the bus, 0x%" PRIx64
					" bytes, is of 32-bit space and ends above it", dma, bytes);
	}
}

static void cover(struct check *c, struct bus *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		const struct hvcma_window *w = &b->piece[i];
		struct check_range *last = b->covered.nr ? &b->covered.range[b->covered.nr - 1] : NULL;

		b->translates |= w->dma != w->gpa;
		if (last && last->base + last->bytes == w->gpa && last->bytes + w->bytes > w->bytes)
			last->bytes += w->bytes;
		else
			hvcma_check_list_add(c, &b->covered,
					     &(struct check_range){ w->gpa, w->bytes, b->node, 0 });
	}
}

/* False (said, or out of memory) if there is nothing to judge by. */
static bool bus_read(struct check *c, int node, struct bus *b)
{
	struct hvcma_fdt_windows w;
	int ret = hvcma_fdt_dma_windows(&c->dma, node, &w), len;

	*b = (struct bus){ .node = node, .is_pci = c->tree.node[node].is_pci, .last_pool = -1 };
	if (ret == -FDT_ERR_NOSPACE) {
		c->no_memory = 1;
		return false;
	}
	if (ret || w.is_cut) {
		if (!ret)
			hvcma_fdt_windows_free(&w);
		hvcma_fdt_tree_prop(&c->tree, node, "dma-ranges", &len);
		hvcma_check_say(c, HVCMA_FDT_WINDOW_LENGTH, node, "dma-ranges has %d bytes: it does not fit the cells of the bus and of its parent, %d and %d for addresses and %d for sizes",
				len, c->tree.node[node].cells.address,
				c->tree.node[c->tree.node[node].parent].cells.address,
				c->tree.node[node].cells.size);
		return false;
	}
	check_windows(c, node, &w);
	check_ends(c, node, &w);
	if (b->is_pci)
		check_spaces(c, node);
	b->piece = calloc(2 * w.nr + 1, sizeof(*b->piece));
	if (!b->piece || hvcma_windows_pieces(w.window, w.nr, b->piece, &b->nr))
		c->no_memory = 1;
	for (size_t i = 0; i < w.nr; i++)
		if (w.window[i].dma + (w.window[i].bytes - 1) > b->limit_dma)
			b->limit_dma = w.window[i].dma + (w.window[i].bytes - 1);
	check_overlap(c, node, w.window, w.nr);
	hvcma_fdt_windows_free(&w);
	cover(c, b);
	return true;
}

static bool has_child(struct check *c, int node)
{
	return node + 1 < c->tree.nr && c->tree.node[node + 1].parent == node;
}

/* Windows of nodes that no device is served by. */
static void check_place(struct check *c, int node)
{
	if (c->tree.node[node].is_pci && c->tree.node[node].host_bridge >= 0)
		hvcma_check_say(c, HVCMA_FDT_WINDOW_PCI, node, "dma-ranges has no effect: of PCI devices, that of the host bridge counts");
	else if (!has_child(c, node) && !c->tree.node[node].is_pci &&
		 !hvcma_fdt_tree_has(&c->tree, node, "#interconnect-cells"))
		hvcma_check_say(c, HVCMA_FDT_WINDOW_LEAF, node, "dma-ranges is for what is on a bus, and nothing is: the device itself is served by its parent's");
}

static void read_buses(struct check *c, struct buses *all)
{
	int nr = 0, len;

	for (int node = 1; node < c->tree.nr; node++)
		nr += hvcma_fdt_tree_prop(&c->tree, node, "dma-ranges", &len) && len;
	all->bus = calloc((size_t)nr + 1, sizeof(*all->bus));
	all->of_node = malloc((size_t)c->tree.nr * sizeof(*all->of_node));
	if (!all->bus || !all->of_node) {
		c->no_memory = 1;
		return;
	}
	for (int node = 0; node < c->tree.nr; node++) {
		all->of_node[node] = -1;
		if (!node || !c->tree.node[node].is_available ||
		    !hvcma_fdt_tree_prop(&c->tree, node, "dma-ranges", &len) || !len)
			continue;
		check_place(c, node);
		if (bus_read(c, node, &all->bus[all->nr]))
			all->of_node[node] = all->nr++;
	}
}

/* ---- who uses which bus ---- */

/* Does this node stand for something that does DMA by itself? */
static bool is_device(struct check *c, int node)
{
	if (!c->tree.node[node].is_available || c->tree.node[node].is_meta)
		return false;
	return hvcma_fdt_tree_has(&c->tree, node, "compatible") ||
	       hvcma_fdt_tree_has(&c->tree, node, "reg") ||
	       hvcma_fdt_tree_has(&c->tree, node, "memory-region") ||
	       c->tree.node[node].is_pci;
}

static struct bus *bus_of(struct check *c, struct buses *all, int device, int *ended)
{
	int node = hvcma_fdt_dma_bus(&c->dma, device, ended);

	return node >= 0 && all->of_node[node] >= 0 ? &all->bus[all->of_node[node]] : NULL;
}

static bool is_host_bridge(struct check *c, int node)
{
	return c->tree.node[node].is_pci &&
	       c->tree.node[node].host_bridge < 0;
}

static void find_users(struct check *c, struct buses *all)
{
	for (int node = 1; node < c->tree.nr; node++) {
		struct bus *b;

		/* buses pass on what their devices do */
		if (!is_device(c, node) ||
		    (hvcma_fdt_tree_has(&c->tree, node, "ranges") && !is_host_bridge(c, node)))
			continue;
		b = bus_of(c, all, node, NULL);
		if (!b)
			continue;
		if (!hvcma_fdt_dma_is_behind_iommu(&c->dma, node)) {
			b->is_used = true;
			b->has_client |= hvcma_fdt_tree_has(&c->tree, node, "memory-region");
		} else if (b->translates && (hvcma_fdt_tree_has(&c->tree, node, "iommus") ||
					     hvcma_fdt_tree_has(&c->tree, node, "iommu-map"))) {
			char path[HVCMA_FDT_PATH_BYTES];

			hvcma_fdt_tree_name(&c->tree, b->node, path);
			hvcma_check_say(c, HVCMA_FDT_WINDOW_IOMMU, node, "is behind an IOMMU: of dma-ranges of %s Linux takes the bus's side, as the limit of what the IOMMU maps",
					path);
		}
	}
}

/* ---- borders ---- */

static bool is_no_map(struct check *c, uint64_t address)
{
	const struct check_range *r = hvcma_check_find(&c->pools, address);

	return r && r->no_map;
}

/*
 * Is there memory on both sides of the end of a window, and no guard? A buffer across
 * the end that is the bus's last is refused by Linux (dev->bus_dma_limit) and bounced.
 */
static void check_border(struct check *c, const struct bus *b, const struct hvcma_window *w)
{
	uint64_t end = w->gpa + w->bytes;

	if (w->dma + (w->bytes - 1) == b->limit_dma || !end ||
	    !hvcma_check_find(&c->memory, end - 1) || !hvcma_check_find(&c->memory, end) ||
	    is_no_map(c, end - 1) || is_no_map(c, end))
		return;
	hvcma_check_say(c, HVCMA_FDT_BORDER, b->node, "a window ends at 0x%" PRIx64
			", but memory goes on: a buffer across it is torn apart (a page there must be no-map)",
			end);
}

/* ---- clients ---- */

static bool covers(const struct bus *b, uint64_t base, uint64_t bytes)
{
	const struct check_range *r = hvcma_check_find(&b->covered, base);

	return r && bytes - 1 <= r->bytes - 1 - (base - r->base);
}

/* How much of a range, for something of this size, does the bus reach? */
static enum reach reach_of(const struct bus *b, const struct hvcma_range *r, uint64_t bytes)
{
	uint64_t last = r->base + (r->bytes - 1);

	if (covers(b, r->base, r->bytes))
		return REACH_ALL;
	for (size_t i = 0; i < b->covered.nr; i++) {
		const struct check_range *w = &b->covered.range[i];
		uint64_t low = w->base > r->base ? w->base : r->base;
		uint64_t high = w->base + (w->bytes - 1);

		if (high > last)
			high = last;
		if (high >= low && high - low >= bytes - 1)
			return REACH_SOME;
	}
	return REACH_NONE;
}

static int by_node(const void *a, const void *b)
{
	const struct check_range *x = a, *y = b;

	return x->node - y->node;
}

/* Where Linux puts a pool for which all memory is right, from the top down; NULL: it is limited. */
static const struct check_range *place_of(const struct check *c, int pool)
{
	const struct check_range wanted = { .node = pool };

	return c->placed.nr ? bsearch(&wanted, c->placed.range, c->placed.nr, sizeof(wanted), by_node) : NULL;
}

/* Where the kernel may place a pool, and whether the bus reaches that. */
static enum reach reach_of_placed(struct check *c, const struct bus *b, int pool,
				  struct hvcma_range *where)
{
	const struct check_range *place = place_of(c, pool);
	bool some = false, all = true, limited = hvcma_fdt_tree_has(&c->tree, pool, "alloc-ranges");
	struct hvcma_range r;
	uint64_t bytes;
	size_t m = 0;
	int i = 0;

	if (!hvcma_check_number(c, pool, "size", c->tree.node[c->reserved].cells.size, &bytes) || !bytes)
		return REACH_ALL;		/* said before */
	if (!limited && !c->memory_known)
		return REACH_ALL;
	while ((all || !some) &&
	       (limited ? hvcma_check_range(c, pool, "alloc-ranges", &i, &r) : m < c->memory.nr)) {
		if (!limited) {
			r = (struct hvcma_range){ c->memory.range[m].base, c->memory.range[m].bytes };
			m++;
		}
		if (r.bytes < bytes || r.bytes - 1 > UINT64_MAX - r.base)
			continue;
		switch (reach_of(b, &r, bytes)) {
		case REACH_ALL:
			some = true;
			break;
		case REACH_SOME:
			some = true;
			all = false;
			break;
		default:
			all = false;
		}
	}
	if (all)
		return REACH_ALL;
	if (place)
		*where = (struct hvcma_range){ place->base, place->bytes };
	/* firmware may keep the end of memory: the place is not known to the byte */
	if (place && reach_of(b, where, 1) == REACH_NONE)
		return REACH_NONE;
	*where = (struct hvcma_range){ 0, 0 };
	return some ? REACH_SOME : REACH_NONE;
}

/* @r: what is not covered of a pool that has its place, or can be expected to get it */
static enum reach find_reach(struct check *c, const struct bus *b, int pool, struct hvcma_range *r)
{
	int i = 0;

	if (!hvcma_fdt_tree_has(&c->tree, pool, "reg"))
		return reach_of_placed(c, b, pool, r);
	while (hvcma_check_range(c, pool, "reg", &i, r))
		if (r->bytes && !covers(b, r->base, r->bytes))
			return REACH_NONE;
	return REACH_ALL;
}

/* Of many clients of a pool, the first one's answer is that of all. */
static enum reach reach_of_pool(struct check *c, struct bus *b, int pool, struct hvcma_range *r)
{
	if (b->last_pool != pool) {
		b->last_range = (struct hvcma_range){ 0, 0 };
		b->last_reach = find_reach(c, b, pool, &b->last_range);
		b->last_pool = pool;
	}
	*r = b->last_range;
	return b->last_reach;
}

static void check_attributes(struct check *c, int client, const struct check_pool *pool)
{
	struct hvcma_attr_case question = {
		.coherent = hvcma_fdt_dma_is_coherent(&c->dma, client) ?
			    VIRTIO_CMA_COHERENT_YES : VIRTIO_CMA_COHERENT_NO,
		.stage2 = c->policy->stage2,
		.mode = pool->no_map ? VIRTIO_CMA_MODE_PRIVATE : VIRTIO_CMA_MODE_STATIC,
		.attr_policy = VIRTIO_CMA_ATTR_AUTO,
		.alias = HVCMA_ALIAS_MAINTAINED,
	};
	struct hvcma_attr_decision decision;

	if (c->policy->stage2 == VIRTIO_CMA_STAGE2_UNKNOWN || hvcma_attr_policy(&question, &decision))
		return;
	/* Nothing of ours is in such a guest: what would need care can't be had. */
	if (decision.refused || decision.maint & VIRTIO_CMA_MAINT_NO_COHERENT)
		hvcma_check_say(c, HVCMA_FDT_ATTRIBUTE, client, "%s", hvcma_attr_reason_text(decision.reason));
}

/* A bus without dma-ranges between client and windows: do they mean something else? */
static void check_ended(struct check *c, struct buses *all, int client, int ended)
{
	char path[HVCMA_FDT_PATH_BYTES], at[HVCMA_FDT_PATH_BYTES];
	int above = hvcma_fdt_dma_above(&c->dma, ended);

	if (above < 0 || all->of_node[above] < 0 || !all->bus[all->of_node[above]].translates)
		return;
	hvcma_fdt_tree_name(&c->tree, above, path);
	hvcma_fdt_tree_name(&c->tree, ended, at);
	hvcma_check_say(c, HVCMA_FDT_WINDOW_UNUSED, client, "dma-ranges of %s do not count for it: %s, on the way, has none (not even empty), so Linux takes addresses 1:1",
			path, at);
}

static void check_pool_of(struct check *c, struct bus *b, int client, int pool)
{
	struct check_pool p = hvcma_check_pool(c, pool);
	struct hvcma_range r = { 0 };

	if (!c->tree.node[pool].is_enabled) {
		hvcma_check_say(c, HVCMA_FDT_POOL_DISABLED, client, "its region %s is disabled: Linux does not make it",
				c->tree.node[pool].name);
		return;
	}
	if (c->is_bypassed && p.cma_default) {
		hvcma_check_say(c, HVCMA_FDT_POOL_DISABLED, client, "its region %s is not made: cma= in /chosen/bootargs takes its place",
				c->tree.node[pool].name);
		return;
	}
	if (!p.shared && !p.restricted)
		return;			/* a carveout: its driver alone knows what it is for */
	check_attributes(c, client, &p);
	if (!b || hvcma_fdt_dma_is_behind_iommu(&c->dma, client))
		return;
	switch (reach_of_pool(c, b, pool, &r)) {
	case REACH_ALL:
		break;
	case REACH_SOME:
		hvcma_check_say(c, HVCMA_FDT_WINDOW_PLACE, client, "its region %s may be placed where the dma-ranges of its bus don't reach",
				c->tree.node[pool].name);
		break;
	default:
		if (r.bytes)
			hvcma_check_say(c, HVCMA_FDT_WINDOW_POOL, client, "its region at 0x%" PRIx64 ", 0x%" PRIx64
					" bytes%s, is not covered by the dma-ranges of its bus", r.base, r.bytes,
					hvcma_fdt_tree_has(&c->tree, pool, "reg") ? "" :
					", where Linux places it (from the top of memory)");
		else
			hvcma_check_say(c, HVCMA_FDT_WINDOW_POOL, client, "its region %s can be placed only where the dma-ranges of its bus don't reach",
					c->tree.node[pool].name);
	}
}

static void check_client(struct check *c, struct buses *all, int client)
{
	int len, ended;
	const fdt32_t *list = hvcma_fdt_tree_prop(&c->tree, client, "memory-region", &len);
	struct bus *b = bus_of(c, all, client, &ended);
	bool has_pool = false;

	for (int i = 0; i < len / HVCMA_FDT_CELL_BYTES; i++) {
		int pool = hvcma_fdt_tree_phandle(&c->tree, fdt32_to_cpu(list[i]));

		if (pool < 0 || c->tree.node[pool].parent != c->reserved)
			continue;	/* said before */
		has_pool = true;
		check_pool_of(c, b, client, pool);
	}
	if (has_pool && ended >= 0 && !hvcma_fdt_dma_is_behind_iommu(&c->dma, client))
		check_ended(c, all, client, ended);
}

/* ---- what all devices of a bus share ---- */

/* How many ranges of memory begin at or before an address. */
static size_t memory_by(const struct check *c, uint64_t address)
{
	size_t low = 0, high = c->memory.nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->memory.range[middle].base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first range of memory that devices of the bus can't reach, or not all of; NULL: none. */
static const struct check_range *first_beyond(struct check *c, const struct bus *b)
{
	for (size_t i = 0; i < c->memory.nr;) {
		const struct check_range *m = &c->memory.range[i];
		const struct check_range *r = hvcma_check_find(&b->covered, m->base);

		if (!r)
			return m;
		/* of those that begin in this piece only the last one can end beyond it */
		i = memory_by(c, r->base + (r->bytes - 1));
		m = &c->memory.range[i - 1];
		if (!covers(b, m->base, m->bytes))
			return m;
	}
	return NULL;
}

/* Legal, but it has a price. */
static void note_memory(struct check *c, const struct bus *b)
{
	const struct check_range *m = first_beyond(c, b);

	if (m)
		hvcma_check_say(c, HVCMA_FDT_WINDOW_MEMORY, b->node, "memory at 0x%" PRIx64 ", 0x%" PRIx64
				" bytes, is not all covered: streaming DMA there bounces or fails",
				m->base, m->bytes);
}

static void note_high(struct check *c, const struct bus *b)
{
	for (size_t i = 0; i < b->nr; i++)
		if (b->piece[i].dma <= UINT32_MAX)
			return;
	if (b->nr)
		hvcma_check_say(c, HVCMA_FDT_WINDOW_HIGH, b->node, "all windows are above 4 GiB on the bus: a device with addresses of 32 bits reaches none");
}

/* The pool that drivers get coherent memory from, which have no memory-region. */
static void check_default(struct check *c, struct bus *b, int pool)
{
	enum hvcma_fdt_finding_id id = b->is_pci ? HVCMA_FDT_WINDOW_DEFAULT : HVCMA_FDT_WINDOW_DEFAULT_BUS;
	const char *name = c->tree.node[pool].name;
	struct hvcma_range r;

	if (reach_of_pool(c, b, pool, &r) != REACH_NONE)
		return;
	if (r.bytes)
		hvcma_check_say(c, id, b->node, "the default pool %s, at 0x%" PRIx64 ", 0x%" PRIx64
				" bytes, is not covered by its dma-ranges: devices on it get no coherent memory from there",
				name, r.base, r.bytes);
	else
		hvcma_check_say(c, id, b->node, "the default pool %s can be placed only where its dma-ranges don't reach: devices on it get no coherent memory from there",
				name);
}

static int find_default(struct check *c)
{
	for (int node = c->reserved + 1; node < c->tree.nr && !c->is_bypassed; node++) {
		struct check_pool p;

		if (c->tree.node[node].parent != c->reserved || !c->tree.node[node].is_enabled ||
		    !hvcma_fdt_tree_has(&c->tree, node, "linux,cma-default"))
			continue;
		p = hvcma_check_pool(c, node);
		if (p.shared && p.reusable && !p.no_map)
			return node;
	}
	return -1;
}

static void check_buses(struct check *c, struct buses *all)
{
	int pool = find_default(c);

	for (int i = 0; i < all->nr; i++) {
		struct bus *b = &all->bus[i];

		if (!b->is_used)
			continue;
		for (size_t k = 0; k < b->nr; k++)
			check_border(c, b, &b->piece[k]);
		if (b->has_client)
			note_memory(c, b);
		note_high(c, b);
		if (pool >= 0 && b->nr)
			check_default(c, b, pool);
	}
}

void hvcma_check_windows(struct check *c)
{
	struct buses all = { 0 };

	if (c->is_overlay)
		return;			/* what lies above its targets is not known */
	read_buses(c, &all);
	if (!c->no_memory) {
		find_users(c, &all);
		for (int node = 1; node < c->tree.nr; node++)
			if (c->tree.node[node].is_available && !c->tree.node[node].is_meta &&
			    hvcma_fdt_tree_has(&c->tree, node, "memory-region"))
				check_client(c, &all, node);
		check_buses(c, &all);
	}
	for (int i = 0; i < all.nr; i++) {
		free(all.bus[i].covered.range);
		free(all.bus[i].piece);
	}
	free(all.of_node);
	free(all.bus);
}
