// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Windows of buses, their borders, and what clients find in them. See check.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/bus.h"
#include "fdt/check_internal.h"
#include "hv/core/attr.h"

/* What is known of a bus once it was looked at. */
struct bus {
	int node;
	struct hvcma_window *windows;	/* checked and merged */
	size_t nr;
	struct bus *next;
};

static struct bus *bus_read(struct check *c, int node)
{
	int offset = c->tree.node[node].offset;
	int parent = c->tree.node[c->tree.node[node].parent].offset;
	int nr = hvcma_fdt_nr_dma_ranges(c->tree.fdt, offset, parent);
	struct hvcma_fdt_error err;
	struct bus *b;

	if (nr < 0) {
		hvcma_check_say(c, HVCMA_FDT_CELLS, node, "dma-ranges does not fit the cells of the bus and of its parent");
		return NULL;
	}
	b = calloc(1, sizeof(*b));
	if (b)
		b->windows = calloc((size_t)nr, sizeof(*b->windows));
	if (!b || !b->windows) {
		c->no_memory = 1;
		free(b);
		return NULL;
	}
	b->node = node;
	b->nr = (size_t)nr;
	for (int i = 0; i < nr; i++)
		b->windows[i] = hvcma_fdt_dma_range(c->tree.fdt, offset, parent, i);
	if (hvcma_windows_check(b->windows, b->nr, 1, &err)) {
		hvcma_check_say(c, HVCMA_FDT_WINDOW, node, "%s", err.text);
		b->nr = 0;
	}
	hvcma_windows_merge(b->windows, &b->nr);
	return b;
}

static struct bus *bus_find(struct bus *list, int node)
{
	while (list && list->node != node)
		list = list->next;
	return list;
}

static int is_no_map(struct check *c, uint64_t address)
{
	const struct check_range *r = hvcma_check_find(&c->pools, address);

	return r && r->no_map;
}

/* Is there memory on both sides of the end of a window, and no guard? */
static void check_border(struct check *c, const struct bus *b, const struct hvcma_window *w)
{
	uint64_t end = w->gpa + w->bytes;

	if (!end || !hvcma_check_find(&c->memory, end - 1) || !hvcma_check_find(&c->memory, end) ||
	    is_no_map(c, end - 1) || is_no_map(c, end))
		return;
	hvcma_check_say(c, HVCMA_FDT_BORDER, b->node, "a window ends at 0x%" PRIx64
			", but memory goes on: a buffer across it is torn apart (a page there must be no-map)",
			end);
}

/* ---- IOMMUs ---- */

static int translates(const struct bus *b)
{
	for (size_t i = 0; b && i < b->nr; i++)
		if (b->windows[i].dma != b->windows[i].gpa)
			return 1;
	return 0;
}

/* Addresses behind an IOMMU are what it maps, not where the host's memory lies. */
static void check_iommu(struct check *c, struct bus *list, int node)
{
	const char *prop = hvcma_fdt_tree_has(&c->tree, node, "iommus") ? "iommus" : "iommu-map";
	char path[HVCMA_FDT_PATH_BYTES];
	int bus = node;

	if (!hvcma_fdt_tree_has(&c->tree, node, prop))
		return;
	while ((bus = hvcma_check_dma_bus(c, bus)) >= 0 && !translates(bus_find(list, bus)))
		bus = c->tree.node[bus].parent;
	if (bus < 0)
		return;
	hvcma_fdt_tree_name(&c->tree, bus, path);
	hvcma_check_say(c, HVCMA_FDT_WINDOW, node, "%s puts it behind an IOMMU, but dma-ranges of %s translate: only one of them can be right",
			prop, path);
}

/* ---- clients ---- */

static int covers_pool(struct check *c, const struct bus *b, int pool, struct hvcma_range *r)
{
	int i = 0;

	while (hvcma_check_range(c, pool, "reg", &i, r))
		if (!hvcma_windows_covers(b->windows, b->nr, r->base, r->bytes))
			return 0;
	return 1;
}

static uint32_t mode_of(struct check *c, int pool)
{
	return hvcma_fdt_tree_has(&c->tree, pool, "no-map") ? VIRTIO_CMA_MODE_PRIVATE :
							      VIRTIO_CMA_MODE_STATIC;
}

static void check_attributes(struct check *c, int client, int pool)
{
	struct hvcma_attr_case question = {
		.coherent = hvcma_fdt_tree_is_coherent(&c->tree, client) ?
			    VIRTIO_CMA_COHERENT_YES : VIRTIO_CMA_COHERENT_NO,
		.stage2 = c->policy->stage2,
		.mode = mode_of(c, pool),
		.attr_policy = VIRTIO_CMA_ATTR_AUTO,
		.alias = HVCMA_ALIAS_QUIET,
	};
	struct hvcma_attr_verdict verdict;

	if (c->policy->stage2 == VIRTIO_CMA_STAGE2_UNKNOWN || hvcma_attr_policy(&question, &verdict))
		return;
	/* Nothing of ours is in such a guest: what would need care can't be had. */
	if (verdict.refused || verdict.care & VIRTIO_CMA_CARE_NO_COHERENT)
		hvcma_check_say(c, HVCMA_FDT_ATTRIBUTE, client, "%s", hvcma_attr_reason_text(verdict.reason));
}

static void check_client(struct check *c, const struct bus *b, int client)
{
	int len;
	const fdt32_t *list = hvcma_fdt_tree_prop(&c->tree, client, "memory-region", &len);

	if (hvcma_fdt_tree_has(&c->tree, client, "dma-coherent") &&
	    hvcma_fdt_tree_has(&c->tree, client, "dma-noncoherent"))
		hvcma_check_say(c, HVCMA_FDT_ATTRIBUTE, client, "dma-coherent and dma-noncoherent contradict each other");
	for (int i = 0; i < len / HVCMA_FDT_CELL_BYTES; i++) {
		int pool = hvcma_fdt_tree_phandle(&c->tree, fdt32_to_cpu(list[i]));
		struct hvcma_range r;

		if (pool < 0 || c->tree.node[pool].parent != c->reserved)
			continue;	/* said before */
		check_attributes(c, client, pool);
		if (b && !covers_pool(c, b, pool, &r))
			hvcma_check_say(c, HVCMA_FDT_WINDOW, client, "its region at 0x%" PRIx64 ", 0x%" PRIx64
					" bytes, is not covered by the dma-ranges of its bus", r.base, r.bytes);
	}
}

/* Memory that clients of the bus can't reach: legal, but it has a price. */
static void note_uncovered(struct check *c, const struct bus *b)
{
	for (size_t i = 0; i < c->memory.nr; i++) {
		const struct check_range *m = &c->memory.range[i];

		if (!hvcma_windows_covers(b->windows, b->nr, m->base, m->bytes))
			hvcma_check_note(c, HVCMA_FDT_WINDOW, b->node, "memory at 0x%" PRIx64 ", 0x%" PRIx64
					 " bytes, is not all covered: streaming DMA there bounces or fails",
					 m->base, m->bytes);
	}
}

static struct bus *read_buses(struct check *c)
{
	struct bus *list = NULL;

	for (int node = 1; node < c->tree.nr; node++) {
		struct bus *b;
		int len;

		if (!hvcma_fdt_tree_prop(&c->tree, node, "dma-ranges", &len) || !len)
			continue;
		b = bus_read(c, node);
		if (!b)
			continue;
		b->next = list;
		list = b;
		for (size_t i = 0; i < b->nr; i++)
			check_border(c, b, &b->windows[i]);
	}
	return list;
}

void hvcma_check_windows(struct check *c)
{
	struct bus *list = read_buses(c), *last = NULL;

	for (int node = 1; node < c->tree.nr; node++) {
		int bus;
		struct bus *b;

		check_iommu(c, list, node);
		if (!hvcma_fdt_tree_has(&c->tree, node, "memory-region"))
			continue;
		bus = hvcma_check_dma_bus(c, node);
		/* Above it another that translates: the product of both is not judged. */
		if (bus >= 0 && hvcma_check_dma_bus(c, c->tree.node[bus].parent) >= 0)
			continue;
		b = bus_find(list, bus);
		check_client(c, b, node);
		if (b && b != last)
			note_uncovered(c, b);
		last = b;
	}
	while (list) {
		struct bus *next = list->next;

		free(list->windows);
		free(list);
		list = next;
	}
}
