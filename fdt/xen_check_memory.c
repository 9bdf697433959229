// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Does it fit? Memory that domains are given by address, and the modules that boot loaders leave for them. See xen_check.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/registers.h"
#include "fdt/xen_check_internal.h"

/* A range of machine memory that is somebody's. */
struct claim {
	struct hvcma_range range;
	int node;		/* index; -1: the reservation block */
	int domain;		/* index; -1: the host's */
	const char *what;
	bool is_module;
};

struct claims {
	struct claim *claim;
	size_t nr, room;
};

static void add(struct xen_check *c, struct claims *l, const struct claim *claim)
{
	if (l->nr == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct claim *more = realloc(l->claim, room * sizeof(*more));

		if (!more) {
			c->no_memory = true;
			return;
		}
		l->claim = more;
		l->room = room;
	}
	l->claim[l->nr++] = *claim;
}

static int domain_of(const struct xen_check *c, int node)
{
	for (int i = 0; i < c->nr_domains; i++)
		if (c->domain[i].node == node)
			return i;
	return -1;
}

/* ---- modules ---- */

static bool is_module(const struct hvcma_fdt_tree *t, int node)
{
	return hvcma_fdt_is_compatible(t->fdt, t->node[node].offset, "multiboot,module") ||
	       hvcma_fdt_is_compatible(t->fdt, t->node[node].offset, "xen,multiboot-module");
}

/* As Xen reads it: by the cells of the node above, and the first range only; no bus translates it. */
static bool module_range(struct xen_check *c, int node, const char *path, struct hvcma_range *range)
{
	const struct hvcma_fdt_tree *t = &c->tree;
	struct hvcma_fdt_cells cells = t->node[t->node[node].parent].cells;
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(t, node, "reg", &len);

	if (!p && hvcma_fdt_tree_has(t, node, "xen,uefi-binary"))
		return false;	/* it gets one when it is loaded */
	if (!p || cells.address < 1 || cells.address > 2 || cells.size < 1 || cells.size > 2 ||
	    len < (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES) {
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "module", path, "reg has %d bytes: Xen reads an address of %d cells and a size of %d, and ends without",
			      p ? len : 0, cells.address, cells.size);
		return false;
	}
	*range = (struct hvcma_range){ hvcma_fdt_get(p, cells.address), hvcma_fdt_get(p + cells.address, cells.size) };
	if (range->bytes && range->bytes - 1 <= UINT64_MAX - range->base)
		return true;
	hvcma_xen_say(c, HVCMA_FDT_FAULT, "module", path, "0x%" PRIx64 ", 0x%" PRIx64 " bytes, is no range", range->base,
		      range->bytes);
	return false;
}

static void check_bootargs(struct xen_check *c, int node, const char *path)
{
	const char *args = hvcma_xen_string(&c->tree, node, "bootargs");

	if (args && strlen(args) > HVCMA_XEN_MAX_BOOTARGS)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "module", path, "a command line of %zu letters, Xen takes %d",
			      strlen(args), HVCMA_XEN_MAX_BOOTARGS);
}

/* Of domains, and of the host itself, right below /chosen. */
static void add_modules(struct xen_check *c, struct claims *l, int chosen)
{
	const struct hvcma_fdt_tree *t = &c->tree;
	char path[HVCMA_FDT_PATH_BYTES];
	struct claim claim;

	for (int i = 1; i < t->nr; i++) {
		int parent = t->node[i].parent;

		if (!is_module(t, i) || (parent != chosen && domain_of(c, parent) < 0))
			continue;
		hvcma_fdt_tree_name(t, i, path);
		check_bootargs(c, i, path);
		claim = (struct claim){ .node = i, .domain = domain_of(c, parent), .what = "a module", .is_module = true };
		if (module_range(c, i, path, &claim.range))
			add(c, l, &claim);
	}
}

/* How many of a kind a domain has; Xen takes the first. */
static void check_kinds(struct xen_check *c, int domain)
{
	static const char *const kinds[] = { "multiboot,kernel", "multiboot,ramdisk", "multiboot,device-tree" };
	const struct hvcma_fdt_tree *t = &c->tree;
	char path[HVCMA_FDT_PATH_BYTES];
	int nr[3] = { 0 };

	if (c->domain[domain].node < 0)
		return;
	hvcma_fdt_tree_name(t, c->domain[domain].node, path);
	for (int i = 1; i < t->nr; i++)
		for (int k = 0; k < 3; k++)
			nr[k] += t->node[i].parent == c->domain[domain].node &&
				 hvcma_fdt_is_compatible(t->fdt, t->node[i].offset, kinds[k]);
	for (int k = 0; k < 3; k++)
		if (nr[k] > 1)
			hvcma_xen_say(c, HVCMA_FDT_FAULT, "module", path, "%d modules \"%s\": Xen takes one", nr[k], kinds[k]);
	if (!nr[0])
		hvcma_xen_say(c, HVCMA_FDT_WARNING, "module", path, "no kernel: Xen ends at it, unless a boot loader adds one");
	if (!nr[2] && hvcma_fdt_tree_has(t, c->domain[domain].node, HVCMA_XEN_DEVICES))
		hvcma_xen_say(c, HVCMA_FDT_WARNING, "module", path, "devices, and no partial tree (multiboot,device-tree): it has none of them, unless a boot loader adds one");
}

/* ---- what is taken ---- */

static void add_static_memory(struct xen_check *c, struct claims *l, int domain)
{
	const struct xen_domain *d = &c->domain[domain];

	for (size_t i = 0; i < d->nr_static_memory; i++)
		add(c, l, &(struct claim){ d->static_memory[i], d->node, domain, "static memory", false });
}

static void add_reserved(struct xen_check *c, struct claims *l)
{
	const struct hvcma_fdt_tree *t = &c->tree;
	struct hvcma_range at[XEN_MAX_RANGES];
	int reserved = hvcma_fdt_tree_path(t, "/reserved-memory");
	uint64_t base, bytes;
	size_t nr;

	for (int i = 1; i < t->nr && reserved > 0; i++) {
		if (t->node[i].parent != reserved || !t->node[i].is_available ||
		    hvcma_fdt_registers(t, i, "", at, XEN_MAX_RANGES, &nr, NULL))
			continue;
		for (size_t k = 0; k < nr && k < XEN_MAX_RANGES; k++)
			add(c, l, &(struct claim){ at[k], i, -1, "reserved memory", false });
	}
	for (int i = 0; i < fdt_num_mem_rsv(t->fdt); i++)
		if (!fdt_get_mem_rsv(t->fdt, i, &base, &bytes) && bytes && bytes - 1 <= UINT64_MAX - base)
			add(c, l, &(struct claim){ { base, bytes }, -1, -1, "reserved memory", false });
}

/* One kernel may serve several domains, and boot loaders reserve what they load. */
static bool may_share(const struct claim *a, const struct claim *b)
{
	bool same = a->range.base == b->range.base && a->range.bytes == b->range.bytes;

	return same && ((a->is_module && b->is_module) || (a->is_module && b->node < 0) || (b->is_module && a->node < 0));
}

static void check_overlaps(struct xen_check *c, const struct claims *l)
{
	char path[HVCMA_FDT_PATH_BYTES], other[HVCMA_FDT_PATH_BYTES];

	for (size_t i = 0; i < l->nr; i++) {
		const struct claim *a = &l->claim[i];

		if (a->domain < 0)
			continue;
		hvcma_fdt_tree_name(&c->tree, a->node, path);
		for (size_t k = 0; k < l->nr; k++) {
			const struct claim *b = &l->claim[k];

			if (k == i || (b->domain >= 0 && k < i) || may_share(a, b) ||
			    !hvcma_xen_overlap(&a->range, &b->range))
				continue;
			snprintf(other, sizeof(other), "the reservation block");
			if (b->node >= 0)
				hvcma_fdt_tree_name(&c->tree, b->node, other);
			hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "%s 0x%" PRIx64 ", 0x%" PRIx64 " bytes, overlaps %s 0x%" PRIx64 ", 0x%" PRIx64 " bytes, of '%.200s'",
				      a->what, a->range.base, a->range.bytes, b->what, b->range.base, b->range.bytes, other);
		}
	}
}

/* ---- what there is ---- */

struct memory {
	struct hvcma_range range[XEN_MAX_RANGES];
	size_t nr;
	uint64_t bytes;
};

/* Empty: it is for the boot loader, or for UEFI, to say. */
static void find_memory(const struct hvcma_fdt_tree *t, struct memory *m)
{
	m->nr = 0;
	m->bytes = 0;
	for (int i = 1; i < t->nr; i++) {
		const char *type = hvcma_xen_string(t, i, "device_type");
		size_t nr;

		if (!type || strcmp(type, "memory") || !t->node[i].is_available ||
		    hvcma_fdt_registers(t, i, "", m->range + m->nr, XEN_MAX_RANGES - m->nr, &nr, NULL))
			continue;
		for (; nr && m->nr < XEN_MAX_RANGES; nr--)
			m->bytes += m->range[m->nr++].bytes;
	}
}

/* Ranges of memory may touch: from one into the next. */
static bool is_in_memory(const struct memory *m, const struct hvcma_range *range)
{
	uint64_t at = range->base, last = range->base + (range->bytes - 1);

	for (size_t i = 0; i < m->nr; i++) {
		uint64_t end = m->range[i].base + (m->range[i].bytes - 1);

		if (at < m->range[i].base || at > end)
			continue;
		if (end >= last)
			return true;
		at = end + 1;
		i = (size_t)-1;		/* from the start: they are in no order */
	}
	return false;
}

static void check_places(struct xen_check *c, const struct claims *l, const struct memory *m)
{
	char path[HVCMA_FDT_PATH_BYTES];

	for (size_t i = 0; i < l->nr && m->nr; i++) {
		const struct claim *a = &l->claim[i];

		if (a->domain < 0 || is_in_memory(m, &a->range))
			continue;
		hvcma_fdt_tree_name(&c->tree, a->node, path);
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "%s 0x%" PRIx64 ", 0x%" PRIx64 " bytes: the host has no memory there, or not for all of it",
			      a->what, a->range.base, a->range.bytes);
	}
}

static void check_sum(struct xen_check *c, const struct memory *m)
{
	uint64_t sum = 0;

	for (int i = 0; i < c->nr_domains; i++)
		sum = c->domain[i].memory_bytes > UINT64_MAX - sum ? UINT64_MAX : sum + c->domain[i].memory_bytes;
	if (m->nr && sum > m->bytes)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", "/chosen", "memory of all domains together is 0x%" PRIx64 " bytes, the host has 0x%" PRIx64,
			      sum, m->bytes);
}

void hvcma_xen_check_memory(struct xen_check *c)
{
	int chosen = hvcma_fdt_tree_path(&c->tree, "/chosen");
	struct claims l = { 0 };
	struct memory m;

	for (int i = 0; i < c->nr_domains; i++) {
		add_static_memory(c, &l, i);
		check_kinds(c, i);
	}
	add_modules(c, &l, chosen);
	add_reserved(c, &l);
	find_memory(&c->tree, &m);
	check_overlaps(c, &l);
	check_places(c, &l, &m);
	check_sum(c, &m);
	free(l.claim);
}
