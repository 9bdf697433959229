// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Does it fit? Whose each device is: an interrupt or a page of registers is of one domain, or of Xen, or of the control
 * domain. See xen_check.h.
 *
 * Rules: route_irq_to_guest() refuses an interrupt that another has; nothing in Xen looks at pages that several domains
 * have, so that one reaches the other's device. handle_device(): what is not marked xen,passthrough is the control
 * domain's, with its interrupts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/interrupts.h"
#include "fdt/registers.h"
#include "fdt/xen_check_internal.h"

#define SHARED		0	/* kind of interrupt of a GIC */
#define FIRST_INTERRUPT	32	/* of those, as Xen and xl count */

static const char *owner_name(const struct xen_check *c, int owner, char buf[96])
{
	switch (owner) {
	case XEN_OWNER_HOST:
		return "the control domain's: pass both, or disable it";
	case XEN_OWNER_XEN:
		return "Xen's own";
	case XEN_OWNER_KEPT:
		return "kept for guests (xen,passthrough), and not known to be of this domain";
	}
	snprintf(buf, 96, "of domain '%.64s'", c->domain[owner - 1].name);
	return buf;
}

/* ---- whose it is ---- */

static bool is_in(const struct hvcma_fdt_tree *t, int node, int above)
{
	while (node > 0 && node != above)
		node = t->node[node].parent;
	return node > 0;
}

/* "dtuart=PATH[:...]" of a command line, which ends at a blank. */
static const char *dtuart(const char *args, char path[HVCMA_FDT_PATH_BYTES])
{
	for (const char *p = args; p && (p = strstr(p, "dtuart=")); p++) {
		if (p != args && p[-1] != ' ')
			continue;
		p += strlen("dtuart=");
		snprintf(path, HVCMA_FDT_PATH_BYTES, "%.*s", (int)strcspn(p, ": "), p);
		return path;
	}
	return NULL;
}

int hvcma_xen_console(const struct xen_check *c)
{
	static const char *const command_lines[] = { "xen,xen-bootargs", "bootargs" };
	static const char *const said[] = { "stdout-path", "linux,stdout-path" };
	const struct hvcma_fdt_tree *t = &c->tree;
	int chosen = hvcma_fdt_tree_path(t, "/chosen");
	char path[HVCMA_FDT_PATH_BYTES], full[HVCMA_FDT_PATH_BYTES];
	const char *where = NULL;

	for (int i = 0; i < 2 && chosen > 0 && !where; i++)
		where = dtuart(hvcma_xen_string(t, chosen, command_lines[i]), path);
	for (int i = 0; i < 2 && chosen > 0 && !where; i++) {
		where = hvcma_xen_string(t, chosen, said[i]);
		if (where)
			snprintf(path, sizeof(path), "%.*s", (int)strcspn(where, ":"), where);
	}
	return where && *path ? hvcma_fdt_find_device(t, path, full, NULL) : -1;
}

static bool is_iommu(const struct hvcma_fdt_tree *t, int node)
{
	static const char *const known[] = {
		"arm,smmu-v1", "arm,smmu-v2", "arm,mmu-400", "arm,mmu-401", "arm,mmu-500", "arm,smmu-v3",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (hvcma_fdt_is_compatible(t->fdt, t->node[node].offset, known[i]))
			return true;
	return false;
}

void hvcma_xen_claim_xens(struct xen_check *c)
{
	const struct hvcma_fdt_tree *t = &c->tree;
	int gic = hvcma_xen_find_gic(t), console = hvcma_xen_console(c);

	for (int i = 1; i < t->nr; i++) {
		if (i == console || (gic > 0 && is_in(t, i, gic)) || is_iommu(t, i))
			c->owner[i] = XEN_OWNER_XEN;
		else if (hvcma_fdt_tree_has(t, i, "xen,passthrough"))
			c->owner[i] = XEN_OWNER_KEPT;
	}
}

/* Xen looks for just this path (dt_find_node_by_path()). */
void hvcma_xen_claim(struct xen_check *c, int domain, const char *path)
{
	const struct xen_domain *d = &c->domain[domain];
	char full[HVCMA_FDT_PATH_BYTES], buf[96];
	struct hvcma_fdt_error err;
	int node = hvcma_fdt_find_device(&c->tree, path, full, &err);

	if (node < 0) {
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "device", path, "of domain '%.64s': no such device of the host: %.300s",
			      d->name, err.text);
		return;
	}
	if (strcmp(path, full))
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "device", path, "of domain '%.64s': Xen looks for the whole path, which is '%.300s'",
			      d->name, full);
	if (c->owner[node] == domain + 1)
		return;
	if (c->owner[node] > 0 || c->owner[node] == XEN_OWNER_XEN) {
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "device", full, "of domain '%.64s', and it is %s", d->name,
			      owner_name(c, c->owner[node], buf));
		return;
	}
	if (c->owner[node] == XEN_OWNER_HOST)
		hvcma_xen_say(c, d->node < 0 ? HVCMA_FDT_WARNING : HVCMA_FDT_FAULT, "device", full, "of domain '%.64s', and not marked xen,passthrough: it is the control domain's, with its interrupts",
			      d->name);
	c->owner[node] = domain + 1;
}

/* ---- what it has ---- */

struct use {
	int node;
	bool is_interrupt;
	uint32_t spi;
	struct hvcma_range pages;
};

struct uses {
	struct use *use;
	size_t nr, room;
};

static void add(struct xen_check *c, struct uses *u, const struct use *use)
{
	if (u->nr == u->room) {
		size_t room = u->room ? 2 * u->room : 256;
		struct use *more = realloc(u->use, room * sizeof(*more));

		if (!more) {
			c->no_memory = true;
			return;
		}
		u->use = more;
		u->room = room;
	}
	u->use[u->nr++] = *use;
}

static void add_registers(struct xen_check *c, struct uses *u, int node)
{
	struct hvcma_range at[XEN_MAX_RANGES];
	size_t nr;

	if (hvcma_fdt_registers(&c->tree, node, "", at, XEN_MAX_RANGES, &nr, NULL))
		return;
	for (size_t i = 0; i < nr && i < XEN_MAX_RANGES; i++) {
		uint64_t base = at[i].base & ~(HVCMA_XEN_PAGE_BYTES - 1);
		uint64_t end = (at[i].base + at[i].bytes + HVCMA_XEN_PAGE_BYTES - 1) & ~(HVCMA_XEN_PAGE_BYTES - 1);

		add(c, u, &(struct use){ .node = node, .pages = { base, end - base } });
	}
}

static void add_interrupts(struct xen_check *c, struct uses *u, int node, int gic)
{
	struct hvcma_fdt_interrupt irq;

	for (int i = 0; !hvcma_fdt_interrupt(&c->tree, node, i, &irq, NULL); i++)
		if (irq.controller == gic && irq.nr_cells >= 3 && fdt32_to_cpu(irq.cells[0]) == SHARED)
			add(c, u, &(struct use){ .node = node, .is_interrupt = true, .spi = fdt32_to_cpu(irq.cells[1]) });
}

/* Memory is looked at elsewhere; what is disabled, nobody uses, unless it was passed on. */
static void find_uses(struct xen_check *c, struct uses *u)
{
	const struct hvcma_fdt_tree *t = &c->tree;
	int gic = hvcma_xen_find_gic(t), reserved = hvcma_fdt_tree_path(t, "/reserved-memory");

	for (int i = 1; i < t->nr; i++) {
		const char *type = hvcma_xen_string(t, i, "device_type");

		if (t->node[i].is_meta || (c->owner[i] <= 0 && !t->node[i].is_available) ||
		    (type && !strcmp(type, "memory")) || (reserved > 0 && is_in(t, i, reserved)))
			continue;
		add_registers(c, u, i);
		add_interrupts(c, u, i, gic);
	}
}

/* ---- what is shared ---- */

static void check_pair(struct xen_check *c, const struct use *a, const struct use *b)
{
	char path[HVCMA_FDT_PATH_BYTES], other[HVCMA_FDT_PATH_BYTES], buf[96];
	const char *name = c->domain[c->owner[a->node] - 1].name;

	if (a->is_interrupt != b->is_interrupt)
		return;
	hvcma_fdt_tree_name(&c->tree, a->node, path);
	hvcma_fdt_tree_name(&c->tree, b->node, other);
	if (a->is_interrupt && a->spi == b->spi)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "interrupt", path, "of domain '%.64s': SPI %u (interrupt %u) is also '%.200s''s, which is %s",
			      name, a->spi, a->spi + FIRST_INTERRUPT, other, owner_name(c, c->owner[b->node], buf));
	/* What is below a device is part of it: nothing drives it without that. */
	if (!a->is_interrupt && hvcma_xen_overlap(&a->pages, &b->pages) && !is_in(&c->tree, b->node, a->node))
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "registers", path, "of domain '%.64s': its pages 0x%" PRIx64 ", 0x%" PRIx64 " bytes, have registers of '%.200s', which is %s",
			      name, a->pages.base, a->pages.bytes, other, owner_name(c, c->owner[b->node], buf));
}

/* In a domain that is direct-mapped what is at an address of the machine's is there by itself. */
static void check_place(struct xen_check *c, const struct use *u)
{
	const struct xen_domain *d = &c->domain[c->owner[u->node] - 1];
	char path[HVCMA_FDT_PATH_BYTES];
	const char *place;

	hvcma_fdt_tree_name(&c->tree, u->node, path);
	if (u->is_interrupt && u->spi == HVCMA_XEN_VPL011_SPI && d->has_vpl011 && !d->is_direct_mapped)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "interrupt", path, "of domain '%.64s': SPI %u (interrupt %u) is that of its console (vpl011)",
			      d->name, u->spi, u->spi + FIRST_INTERRUPT);
	if (u->is_interrupt || d->partial || d->is_direct_mapped)
		return;
	place = hvcma_xen_place_of(&u->pages, d->memory_bytes, d->has_vpl011);
	if (place)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "registers", path, "of domain '%.64s': at 0x%" PRIx64 " it has %s",
			      d->name, u->pages.base, place);
}

void hvcma_xen_check_devices(struct xen_check *c)
{
	struct uses u = { 0 };

	find_uses(c, &u);
	for (size_t i = 0; i < u.nr; i++) {
		int owner = c->owner[u.use[i].node];

		if (owner <= 0)
			continue;
		check_place(c, &u.use[i]);
		for (size_t k = 0; k < u.nr; k++) {
			int other = c->owner[u.use[k].node];

			/* Two domains: once is enough. */
			if (other != owner && (other <= 0 || k > i))
				check_pair(c, &u.use[i], &u.use[k]);
		}
	}
	free(u.use);
}
