// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Does it fit? The partial tree of a domain: what Xen takes of it, what it maps, and where its devices find memory. See xen_check.h.
 *
 * Rules: domain_handle_dtb_bootmodule(), scan_pfdt_node(), handle_prop_pfdt() and handle_passthrough_prop().
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fdt/dma.h"
#include "fdt/registers.h"
#include "fdt/xen_check_internal.h"

/* Xen up to 4.17 builds the whole tree of a domain in that many bytes, of which it writes some itself. */
#define OLD_TREE_BYTES	4096
#define OWN_TREE_BYTES	1024

struct partial {
	struct xen_check *c;
	const struct xen_domain *d;
	struct hvcma_fdt_tree t;
};

static bool begin(struct partial *p, struct xen_check *c, int domain)
{
	*p = (struct partial){ .c = c, .d = &c->domain[domain] };
	c->no_memory |= hvcma_fdt_tree_init(&p->t, p->d->partial, NULL) != 0;
	return !c->no_memory;
}

/* The part of which Xen reads what is to be passed on; -1: none. */
static int passthrough(const struct partial *p)
{
	for (int i = 1; i < p->t.nr; i++)
		if (!p->t.node[i].parent && !strcasecmp(p->t.node[i].name, "passthrough"))
			return i;
	return -1;
}

static bool is_passed(const struct partial *p, int node)
{
	int top = passthrough(p);

	while (node > 0 && node != top)
		node = p->t.node[node].parent;
	return node > 0;
}

void hvcma_xen_claim_partial(struct xen_check *c, int domain)
{
	struct partial p;

	if (!begin(&p, c, domain))
		return;
	for (int i = 1; i < p.t.nr; i++) {
		const char *path = hvcma_xen_string(&p.t, i, "xen,path");

		if (path && is_passed(&p, i))
			hvcma_xen_claim(c, domain, path);
	}
	hvcma_fdt_tree_fini(&p.t);
}

/* ---- the tree ---- */

static void check_tops(struct partial *p)
{
	static const char *const taken[] = { "gic", "aliases", "passthrough" };
	char path[HVCMA_FDT_PATH_BYTES];

	for (int i = 1; i < p->t.nr; i++) {
		size_t k = 0;

		if (p->t.node[i].parent)
			continue;
		while (k < 3 && strcasecmp(p->t.node[i].name, taken[k]))
			k++;
		hvcma_fdt_tree_name(&p->t, i, path);
		if (k == 3 && !strcmp(p->t.node[i].name, "reserved-memory"))
			hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "partial", path, "in the partial tree of domain '%.64s': Xen drops it, and no pool comes of it",
				      p->d->name);
		else if (k == 3)
			hvcma_xen_say(p->c, HVCMA_FDT_WARNING, "partial", path, "in the partial tree of domain '%.64s': Xen takes /gic, /aliases and /passthrough, and drops this",
				      p->d->name);
	}
	if (passthrough(p) < 0)
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "partial", "/passthrough", "is not in the partial tree of domain '%.64s': it passes nothing on",
			      p->d->name);
}

static void check_size(struct partial *p)
{
	uint32_t bytes = fdt_size_dt_struct(p->d->partial) + fdt_size_dt_strings(p->d->partial);

	if (p->c->build && p->d->node >= 0 && !hvcma_xen_build_is_since(p->c->build, 4, 18) &&
	    bytes > OLD_TREE_BYTES - OWN_TREE_BYTES)
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "partial", "/", "the partial tree of domain '%.64s' has %u bytes: Xen %u.%u makes all of a domain's tree in %d, and needs %d or more of them itself",
			      p->d->name, bytes, p->c->build->major, p->c->build->minor, OLD_TREE_BYTES, OWN_TREE_BYTES);
}

/* ---- what is mapped ---- */

/* Pages of the host's device: are these among its registers? */
static bool has_pages(const struct hvcma_fdt_tree *host, int device, const struct hvcma_range *pages)
{
	struct hvcma_range at[XEN_MAX_RANGES];
	size_t nr;

	if (hvcma_fdt_registers(host, device, "", at, XEN_MAX_RANGES, &nr, NULL))
		return false;
	for (size_t i = 0; i < nr && i < XEN_MAX_RANGES; i++) {
		uint64_t base = at[i].base & ~(HVCMA_XEN_PAGE_BYTES - 1);
		uint64_t end = (at[i].base + at[i].bytes + HVCMA_XEN_PAGE_BYTES - 1) & ~(HVCMA_XEN_PAGE_BYTES - 1);

		if (pages->base >= base && pages->base - base < end - base &&
		    pages->bytes <= end - base - (pages->base - base))
			return true;
	}
	return false;
}

static void check_mapping(struct partial *p, const char *path, int device, const struct hvcma_range *host, uint64_t guest)
{
	struct hvcma_range there = { guest, host->bytes };
	int memory = hvcma_xen_memory_at(&p->c->tree, host);
	char other[HVCMA_FDT_PATH_BYTES];
	const char *place;

	if (memory >= 0) {
		hvcma_fdt_tree_name(&p->c->tree, memory, other);
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "registers", path, "of domain '%.64s': xen,reg 0x%" PRIx64 ", 0x%" PRIx64 " bytes, is memory of the host ('%.200s'): Xen maps it as Device-nGnRE, on which unaligned accesses are fatal",
			      p->d->name, host->base, host->bytes, other);
	} else if (device > 0 && !has_pages(&p->c->tree, device, host)) {
		hvcma_fdt_tree_name(&p->c->tree, device, other);
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "registers", path, "of domain '%.64s': xen,reg 0x%" PRIx64 ", 0x%" PRIx64 " bytes, has more than registers of '%.200s'",
			      p->d->name, host->base, host->bytes, other);
	}
	place = p->d->is_direct_mapped ? NULL : hvcma_xen_place_of(&there, p->d->memory_bytes, p->d->has_vpl011);
	if (place)
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "registers", path, "of domain '%.64s': at 0x%" PRIx64 " it has %s", p->d->name,
			      guest, place);
}

static void check_xen_reg(struct partial *p, int node, const char *path, int device)
{
	struct hvcma_fdt_cells cells = p->t.node[p->t.node[node].parent].cells;
	int len, each = (2 * cells.address + cells.size) * HVCMA_FDT_CELL_BYTES;
	const fdt32_t *v = hvcma_fdt_tree_prop(&p->t, node, "xen,reg", &len);

	if (!v)
		return;
	if (cells.address < 1 || cells.address > 2 || cells.size < 1 || cells.size > 2 || len % each) {
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "partial", path, "of domain '%.64s': xen,reg has %d bytes, no whole number of machine address, size, address in the guest by %d and %d cells",
			      p->d->name, len, cells.address, cells.size);
		return;
	}
	for (int i = 0; i < len / each; i++, v += 2 * cells.address + cells.size) {
		struct hvcma_range host = { hvcma_fdt_get(v, cells.address), hvcma_fdt_get(v + cells.address, cells.size) };
		uint64_t guest = hvcma_fdt_get(v + cells.address + cells.size, cells.address);

		if (!host.bytes || (host.base | host.bytes | guest) & (HVCMA_XEN_PAGE_BYTES - 1) ||
		    host.bytes - 1 > UINT64_MAX - host.base || host.bytes - 1 > UINT64_MAX - guest)
			hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "partial", path, "of domain '%.64s': xen,reg 0x%" PRIx64 ", 0x%" PRIx64 " bytes at 0x%" PRIx64 " in the guest, is not whole pages of 4096",
				      p->d->name, host.base, host.bytes, guest);
		else
			check_mapping(p, path, device, &host, guest);
	}
}

/* A toolstack has dtdev= and iomem= in place of these. */
static void check_assigned(struct partial *p, int node, const char *path, int device)
{
	bool has_force = hvcma_fdt_tree_has(&p->t, node, "xen,force-assign-without-iommu");
	bool has_path = hvcma_fdt_tree_has(&p->t, node, "xen,path"), has_reg = hvcma_fdt_tree_has(&p->t, node, "xen,reg");

	if (p->d->node < 0)
		return;
	if ((has_path && !has_reg) || (has_reg && !has_path && !has_force))
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "partial", path, "of domain '%.64s': has no %s: Xen refuses it", p->d->name,
			      has_path ? "xen,reg" : "xen,path");
	else if (has_path && device > 0 && !has_force && !hvcma_xen_is_behind_iommu(&p->c->tree, device))
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "partial", path, "of domain '%.64s': is behind no IOMMU: without xen,force-assign-without-iommu Xen refuses it",
			      p->d->name);
}

/* ---- where memory is found ---- */

enum windows { NO_WINDOWS, WINDOWS, UNREADABLE };

/* What the partial tree says of a device: dma-ranges above it, up to the top. @pieces: to be freed */
static enum windows read_windows(struct partial *p, int node, const char *path, struct hvcma_window **pieces,
				 size_t *nr)
{
	struct hvcma_fdt_windows w = { 0 };
	struct hvcma_fdt_dma dma;
	int bus, ret = 0;

	*pieces = NULL;
	*nr = 0;
	if (hvcma_fdt_dma_init(&dma, &p->t, NULL)) {
		p->c->no_memory = true;
		return UNREADABLE;
	}
	bus = hvcma_fdt_dma_bus(&dma, node, NULL);
	if (bus >= 0)
		ret = hvcma_fdt_dma_windows(&dma, bus, &w);
	hvcma_fdt_dma_fini(&dma);
	if (ret) {
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "window", path, "of domain '%.64s': dma-ranges above it can't be read",
			      p->d->name);
		return UNREADABLE;
	}
	if (bus < 0)
		return NO_WINDOWS;
	*pieces = calloc(2 * w.nr + 1, sizeof(**pieces));
	if (!*pieces || hvcma_windows_pieces(w.window, w.nr, *pieces, nr)) {
		p->c->no_memory = true;
		*nr = 0;
	}
	hvcma_fdt_windows_free(&w);
	return p->c->no_memory ? UNREADABLE : WINDOWS;
}

/* Each byte of the guest that both have, at the same place? And which of @wanted has no window? */
static void compare(struct partial *p, const char *path, const struct hvcma_window *wanted, size_t nr_wanted,
		    const struct hvcma_window *said, size_t nr_said)
{
	uint64_t found = 0, all = 0;

	for (size_t i = 0; i < nr_wanted; i++) {
		const struct hvcma_window *w = &wanted[i];

		all += w->bytes;
		for (size_t k = 0; k < nr_said; k++) {
			const struct hvcma_window *s = &said[k];
			uint64_t low = w->gpa > s->gpa ? w->gpa : s->gpa;
			uint64_t w_last = w->gpa + (w->bytes - 1), s_last = s->gpa + (s->bytes - 1);
			uint64_t last = w_last < s_last ? w_last : s_last;

			if (low > last)
				continue;
			found += last - low + 1;
			if (w->dma + (low - w->gpa) != s->dma + (low - s->gpa))
				hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "window", path, "of domain '%.64s': DMA to its memory 0x%" PRIx64 " goes to 0x%" PRIx64 " by the partial tree, and on the device's bus that is at 0x%" PRIx64,
					      p->d->name, low, s->dma + (low - s->gpa), w->dma + (low - w->gpa));
		}
	}
	if (found < all)
		hvcma_xen_say(p->c, HVCMA_FDT_WARNING, "window", path, "of domain '%.64s': dma-ranges lead to 0x%" PRIx64 " bytes of its memory, of 0x%" PRIx64 " that the device reaches",
			      p->d->name, found, all);
}

/* Without dma-ranges each address is taken as it is. */
static void compare_one_to_one(struct partial *p, const char *path, const struct hvcma_window *wanted, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct hvcma_window same = { wanted[i].gpa, wanted[i].gpa, wanted[i].bytes };

		compare(p, path, &wanted[i], 1, &same, 1);
	}
}

/* By the windows that the device has on the host. */
static void check_known(struct partial *p, int node, const char *path, const char *device)
{
	struct hvcma_window *wanted, *said;
	size_t nr_wanted, nr_said;
	struct hvcma_fdt_error err;
	uint64_t lost_bytes;

	if (hvcma_xen_windows(p->c->tree.fdt, device, p->d->extents, p->d->nr_extents, &wanted, &nr_wanted,
			      &lost_bytes, &err)) {
		hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "window", path, "of domain '%.64s': %.400s", p->d->name, err.text);
		return;
	}
	if (lost_bytes)
		hvcma_xen_say(p->c, HVCMA_FDT_WARNING, "window", path, "of domain '%.64s': '%.200s' does not reach 0x%" PRIx64 " bytes of its memory: dma-ranges above it, on the host, end before",
			      p->d->name, device, lost_bytes);
	switch (read_windows(p, node, path, &said, &nr_said)) {
	case NO_WINDOWS:
		compare_one_to_one(p, path, wanted, nr_wanted);
		break;
	case WINDOWS:
		compare(p, path, wanted, nr_wanted, said, nr_said);
		break;
	case UNREADABLE:
		break;
	}
	free(wanted);
	free(said);
}

/* Out of all RAM, by virtio_cma in the domain (hvcma_xen_add_region())? */
static bool is_served(const struct partial *p, int node)
{
	const fdt32_t *clients;
	int len;

	for (int i = 1; i < p->t.nr; i++) {
		if (fdt_node_check_compatible(p->t.fdt, p->t.node[i].offset, "hvcma,xen-ram"))
			continue;
		clients = hvcma_fdt_tree_prop(&p->t, i, "clients", &len);
		for (int k = 0; clients && k < len / HVCMA_FDT_CELL_BYTES; k++)
			if (hvcma_fdt_tree_phandle(&p->t, fdt32_to_cpu(clients[k])) == node)
				return true;
	}
	return false;
}

static void check_windows(struct partial *p, int node, const char *path, const char *device)
{
	bool served = is_served(p, node);
	struct hvcma_window *said;
	size_t nr_said;

	if (p->d->nr_extents && !served) {
		check_known(p, node, path, device);
		return;
	}
	switch (read_windows(p, node, path, &said, &nr_said)) {
	case NO_WINDOWS:
		if (p->d->is_direct_mapped || served)
			break;
		hvcma_xen_say(p->c, HVCMA_FDT_WARNING, "window", path, "of domain '%.64s': no dma-ranges: DMA goes astray unless it is direct-mapped, or virtio_cma in it serves the device",
			      p->d->name);
		break;
	case WINDOWS:
		if (served)
			hvcma_xen_say(p->c, HVCMA_FDT_FAULT, "window", path, "of domain '%.64s': dma-ranges, and a client of a region: virtio_cma leaves alone what has them",
				      p->d->name);
		break;
	case UNREADABLE:
		break;
	}
	free(said);
}

/* ---- all of it ---- */

static void check_device(struct partial *p, int node)
{
	char path[HVCMA_FDT_PATH_BYTES], full[HVCMA_FDT_PATH_BYTES];
	const char *xen_path = hvcma_xen_string(&p->t, node, "xen,path");
	int device = xen_path ? hvcma_fdt_find_device(&p->c->tree, xen_path, full, NULL) : -1;

	hvcma_fdt_tree_name(&p->t, node, path);
	check_assigned(p, node, path, device);
	check_xen_reg(p, node, path, device);
	/* One behind an IOMMU that Xen assigns has the domain's own addresses. */
	if (device > 0 && !hvcma_xen_is_behind_iommu(&p->c->tree, device))
		check_windows(p, node, path, full);
}

void hvcma_xen_check_partial(struct xen_check *c, int domain)
{
	struct partial p;

	if (!begin(&p, c, domain))
		return;
	check_tops(&p);
	check_size(&p);
	for (int i = 1; i < p.t.nr; i++)
		if (is_passed(&p, i))
			check_device(&p, i);
	hvcma_fdt_tree_fini(&p.t);
}
