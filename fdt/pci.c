// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * PCI host bridges, and nodes of devices behind them. See pci.h.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/pci.h"

#define PCI_DEVFN_SHIFT		8
#define PCI_SIZE_CELLS		2

#define DOMAIN_UNSAID		UINT32_MAX

int hvcma_fdt_is_pci(const void *fdt, int node)
{
	int len;
	const char *type = fdt_getprop(fdt, node, "device_type", &len);

	return type && len == 4 && !memcmp(type, "pci", 4) &&
	       hvcma_fdt_cells(fdt, node).address == HVCMA_FDT_PCI_CELLS;
}

static int get_u32(const void *fdt, int node, const char *name, uint32_t *value)
{
	int len;
	const fdt32_t *prop = fdt_getprop(fdt, node, name, &len);

	if (!prop || len < HVCMA_FDT_CELL_BYTES)
		return 0;
	*value = fdt32_to_cpu(*prop);
	return 1;
}

/* ---- host bridges ---- */

struct bridge {
	int node;
	bool is_enabled;		/* and all above it */
	uint32_t domain;		/* DOMAIN_UNSAID */
};

struct walk {
	int node, depth;
	int inside;			/* depth of the bridge that we are below, or 0 */
	int disabled;			/* depth of the disabled node that we are below, or 0 */
};

/* The next host bridge in the order of the tree; false: there is none. */
static bool next_bridge(const void *fdt, struct walk *w, struct bridge *b)
{
	while ((w->node = fdt_next_node(fdt, w->node, &w->depth)) >= 0 && w->depth >= 0) {
		if (w->disabled && w->depth <= w->disabled)
			w->disabled = 0;
		if (!w->disabled && w->depth && !hvcma_fdt_is_enabled(fdt, w->node))
			w->disabled = w->depth;
		if (w->inside && w->depth > w->inside)
			continue;	/* bridges below a host bridge are none */
		w->inside = 0;
		if (!w->depth || !hvcma_fdt_is_pci(fdt, w->node))
			continue;
		w->inside = w->depth;
		*b = (struct bridge){ w->node, !w->disabled, DOMAIN_UNSAID };
		get_u32(fdt, w->node, "linux,pci-domain", &b->domain);
		return true;
	}
	return false;
}

#define FIRST_BRIDGE	{ .node = -1 }

/* All of them, with what is known of each. */
static void list_bridges(const void *fdt, char *text, size_t room)
{
	struct walk w = FIRST_BRIDGE;
	struct bridge b;
	size_t used = 0;

	*text = '\0';
	while (next_bridge(fdt, &w, &b)) {
		char path[HVCMA_FDT_PATH_BYTES] = "(a long path)", domain[32] = "";

		fdt_get_path(fdt, b.node, path, sizeof(path));
		if (b.domain != DOMAIN_UNSAID)
			snprintf(domain, sizeof(domain), " (domain 0x%04" PRIx32 ")", b.domain);
		if (strlen(path) + sizeof(domain) + 16 > room - used) {
			snprintf(text + used, room - used, "%s...", used ? ", " : "");
			return;
		}
		used += (size_t)snprintf(text + used, room - used, "%s%s%s%s", used ? ", " : "", path,
					 domain, b.is_enabled ? "" : " (disabled)");
	}
	if (!used)
		snprintf(text, room, "none");
}

/* How many enabled bridges are of this domain; the first of them. */
static int count_bridges(const void *fdt, uint32_t domain, int *first)
{
	struct walk w = FIRST_BRIDGE;
	struct bridge b;
	int nr = 0;

	while (next_bridge(fdt, &w, &b)) {
		if (!b.is_enabled || (domain != HVCMA_FDT_ANY_DOMAIN && b.domain != domain))
			continue;
		if (!nr++)
			*first = b.node;
	}
	return nr;
}

/* Those that do not say their domain. */
static int count_unsaid(const void *fdt, int *first)
{
	struct walk w = FIRST_BRIDGE;
	struct bridge b;
	int nr = 0;

	while (next_bridge(fdt, &w, &b))
		if (b.is_enabled && b.domain == DOMAIN_UNSAID && !nr++)
			*first = b.node;
	return nr;
}

int hvcma_fdt_host_bridge(const void *fdt, uint32_t domain, char path[HVCMA_FDT_PATH_BYTES],
			  struct hvcma_fdt_error *err)
{
	char all[440], what[48] = "host bridge that is enabled";
	int node = -1, nr = count_bridges(fdt, domain, &node);

	if (!nr && !domain)
		nr = count_unsaid(fdt, &node);
	if (nr == 1)
		return hvcma_fdt_full_path(fdt, node, path, err);
	list_bridges(fdt, all, sizeof(all));
	if (domain != HVCMA_FDT_ANY_DOMAIN)
		snprintf(what, sizeof(what), "host bridge of domain 0x%04" PRIx32, domain);
	if (!nr)
		return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "no PCI %s; there are: %s", what, all);
	return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "%d nodes can be the PCI %s, say which one (--bus PATH): %s",
			      nr, what, all);
}

/* ---- nodes of devices ---- */

static int find_devfn(const void *fdt, int bus, uint32_t devfn)
{
	int node;

	fdt_for_each_subnode(node, fdt, bus) {
		uint32_t hi;

		if (get_u32(fdt, node, "reg", &hi) && (hi >> PCI_DEVFN_SHIFT & 0xff) == devfn)
			return node;
	}
	return node;
}

static int find_or_add(void *fdt, int bus, uint32_t devfn, int is_bridge)
{
	fdt32_t reg[5] = { cpu_to_fdt32(devfn << PCI_DEVFN_SHIFT) };
	char name[32];
	int node = find_devfn(fdt, bus, devfn), ret;

	if (node != -FDT_ERR_NOTFOUND)
		return node;
	snprintf(name, sizeof(name), "%s@%x,%x", is_bridge ? "pci" : "dev", devfn >> 3, devfn & 7);
	node = fdt_add_subnode(fdt, bus, name);
	if (node < 0)
		return node;
	ret = fdt_setprop(fdt, node, "reg", reg, sizeof(reg));
	if (!ret && is_bridge)
		ret = fdt_setprop_empty(fdt, node, "ranges");
	if (!ret && is_bridge)
		ret = fdt_setprop_u32(fdt, node, "#size-cells", PCI_SIZE_CELLS);
	if (!ret && is_bridge)
		ret = fdt_setprop_u32(fdt, node, "#address-cells", HVCMA_FDT_PCI_CELLS);
	if (!ret && is_bridge)
		ret = fdt_setprop_string(fdt, node, "device_type", "pci");
	return ret ? ret : node;
}

/* Nothing but what find_or_add() puts in? */
static bool is_bare(const void *fdt, int node)
{
	static const char *const bridge[] = { "device_type", "#address-cells", "#size-cells", "ranges" };
	const char *name = fdt_get_name(fdt, node, NULL);
	bool is_bridge = !strncmp(name, "pci@", 4);
	int prop, len, nr = 0;

	if (!is_bridge && strncmp(name, "dev@", 4))
		return false;
	if (fdt_first_subnode(fdt, node) >= 0 || !fdt_getprop(fdt, node, "reg", &len) || len != 20)
		return false;
	fdt_for_each_property_offset(prop, fdt, node)
		nr++;
	if (!is_bridge)
		return nr == 1;
	for (size_t i = 0; i < sizeof(bridge) / sizeof(*bridge); i++)
		if (!fdt_getprop(fdt, node, bridge[i], NULL))
			return false;
	return nr == 5;
}

int hvcma_fdt_pci_prune(void *fdt, const char *path)
{
	int node = hvcma_fdt_offset(fdt, path, NULL), ret = 0;

	while (!ret && node > 0 && is_bare(fdt, node)) {
		int parent = fdt_parent_offset(fdt, node);

		if (parent < 0 || !hvcma_fdt_is_pci(fdt, parent))
			break;
		ret = fdt_del_node(fdt, node);
		node = parent;		/* before what was deleted: it has not moved */
	}
	return ret;
}

/* ---- places ---- */

static int parse_hex(const char **text, char end, unsigned long limit, uint32_t *value)
{
	/* digits only: strtoul() would take blanks, signs and "0x", too */
	size_t digits = strspn(*text, "0123456789abcdefABCDEF");
	unsigned long v;
	char *after;

	v = strtoul(*text, &after, 16);
	if (!digits || after != *text + digits || *after != end || v > limit)
		return 0;
	*text = end ? after + 1 : after;
	*value = (uint32_t)v;
	return 1;
}

/* "03.0", up to the next hop or the end */
static int parse_hop(const char **text, uint32_t *devfn, int *more)
{
	uint32_t slot, function;

	if (!parse_hex(text, '.', 31, &slot))
		return 0;
	*more = strchr(*text, '/') != NULL;
	if (!parse_hex(text, *more ? '/' : '\0', 7, &function))
		return 0;
	*devfn = slot << 3 | function;
	return 1;
}

/* The root bus: "0000:00/", and of lspci "0000:00:" and "00:", which has no domain. */
static int parse_bus(const char **text, uint32_t *domain, uint32_t *bus)
{
	const char *at = *text;

	if (parse_hex(&at, ':', 0xffff, domain) &&
	    (parse_hex(&at, '/', 0xff, bus) || parse_hex(&at, ':', 0xff, bus))) {
		*text = at;
		return 1;
	}
	*domain = DOMAIN_UNSAID;
	return parse_hex(text, ':', 0xff, bus);
}

int hvcma_fdt_pci_is_where(const char *text)
{
	uint32_t domain, bus, devfn;
	int more;

	return parse_bus(&text, &domain, &bus) && text[-1] == ':' &&
	       parse_hop(&text, &devfn, &more) && !more;
}

static int check_bus(const void *fdt, int bridge, uint32_t bus, const char *where,
		     struct hvcma_fdt_error *err)
{
	uint32_t root = 0;

	get_u32(fdt, bridge, "bus-range", &root);
	if (bus == root)
		return 0;
	return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.100s': bus 0x%02" PRIx32 " is not the root bus of '%.100s', 0x%02" PRIx32
			      ": what is behind a bridge is named by the way to it, DOMAIN:BUS/SLOT.FUNCTION/SLOT.FUNCTION...",
			      where, bus, fdt_get_name(fdt, bridge, NULL), root);
}

static int find_bridge(const void *fdt, const struct hvcma_fdt_pci_place *place, uint32_t domain,
		       struct hvcma_fdt_error *err)
{
	char path[HVCMA_FDT_PATH_BYTES];
	uint32_t its = domain;
	int node, ret;

	if (!place->bridge) {
		ret = hvcma_fdt_host_bridge(fdt, domain == DOMAIN_UNSAID ? 0 : domain, path, err);
		return ret ? ret : hvcma_fdt_offset(fdt, path, err);
	}
	node = hvcma_fdt_offset(fdt, place->bridge, err);
	if (node >= 0 && !hvcma_fdt_is_pci(fdt, node))
		return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.200s' is no PCI host bridge (device_type \"pci\", 3 address cells)",
				      place->bridge);
	if (node >= 0 && get_u32(fdt, node, "linux,pci-domain", &its) && domain != DOMAIN_UNSAID && its != domain)
		return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.100s': '%.200s' is the host bridge of domain 0x%04" PRIx32,
				      place->where, place->bridge, its);
	return node;
}

static int walk_hops(void *fdt, int node, const char *text, const struct hvcma_fdt_pci_place *place,
		     struct hvcma_fdt_error *err)
{
	uint32_t devfn;
	int more, child;

	do {
		struct hvcma_fdt_cells cells = hvcma_fdt_cells(fdt, node);

		if (!parse_hop(&text, &devfn, &more))
			return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.200s': after the root bus come SLOT.FUNCTION in hexadecimal, with / between",
					      place->where);
		if (cells.address != HVCMA_FDT_PCI_CELLS || cells.size != PCI_SIZE_CELLS)
			return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.200s': '%.100s' is no bridge, nothing is behind it: its children have %d address and %d size cells, not 3 and 2",
					      place->where, fdt_get_name(fdt, node, NULL), cells.address,
					      cells.size);
		child = place->must_exist ? find_devfn(fdt, node, devfn) :
					    find_or_add(fdt, node, devfn, more);
		if (child < 0)
			return hvcma_fdt_fail(err, child, "'%.200s': %02x.%x on '%.100s': %s", place->where,
					      devfn >> 3, devfn & 7, fdt_get_name(fdt, node, NULL),
					      hvcma_fdt_reason(child));
		node = child;
	} while (more);
	return node;
}

int hvcma_fdt_pci_find(void *fdt, const struct hvcma_fdt_pci_place *place,
		       char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err)
{
	const char *text = place->where;
	uint32_t domain, bus;
	int node, ret;

	if (!parse_bus(&text, &domain, &bus))
		return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.200s' is no PCI device: DOMAIN:BUS/SLOT.FUNCTION[/SLOT.FUNCTION...] or [DOMAIN:]BUS:SLOT.FUNCTION",
				      place->where);
	if (text[-1] == ':' && strchr(text, '/'))
		return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.200s': a way through bridges begins DOMAIN:BUS/, not with a colon",
				      place->where);
	node = find_bridge(fdt, place, domain, err);
	ret = node < 0 ? node : check_bus(fdt, node, bus, place->where, err);
	if (ret)
		return ret;
	node = walk_hops(fdt, node, text, place, err);
	return node < 0 ? node : hvcma_fdt_full_path(fdt, node, path, err);
}

int hvcma_fdt_pci_node(void *fdt, const char *where, char path[HVCMA_FDT_PATH_BYTES],
		       struct hvcma_fdt_error *err)
{
	return hvcma_fdt_pci_find(fdt, &(struct hvcma_fdt_pci_place){ .where = where }, path, err);
}
