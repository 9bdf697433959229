// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Does it fit? The run, domains one by one, and what the build of Xen lacks for them. See xen_check.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/registers.h"
#include "fdt/xen_check_internal.h"

#define MAX_CPUS	128	/* GUEST_MAX_VCPUS, with a GICv3 */
#define MAX_CPUS_GICV2	8

void hvcma_xen_say(struct xen_check *c, enum hvcma_fdt_severity severity, const char *id,
		   const char *path, const char *fmt, ...)
{
	struct hvcma_xen_finding f = { severity, id, path, NULL };
	char text[640];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	f.text = text;
	c->report(c->opaque, &f);
}

const char *hvcma_xen_string(const struct hvcma_fdt_tree *t, int node, const char *name)
{
	int len;
	const char *value = hvcma_fdt_tree_prop(t, node, name, &len);

	return value && len > 0 && memchr(value, 0, (size_t)len) ? value : NULL;
}

/* ---- one domain of the host's tree ---- */

static void path_of(const struct xen_check *c, const struct xen_domain *d, char path[HVCMA_FDT_PATH_BYTES])
{
	hvcma_fdt_tree_name(&c->tree, d->node, path);
}

static void read_memory_bytes(struct xen_check *c, struct xen_domain *d, const char *path)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, d->node, "memory", &len);
	uint64_t kib = p && len >= 8 ? hvcma_fdt_get(p, 2) : 0;

	if (!p || len < 8)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "memory has %d bytes: Xen reads 8, KiB in two cells",
			      p ? len : 0);
	else if (!kib || kib > UINT64_MAX / 1024)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "memory is 0x%" PRIx64 " KiB", kib);
	else
		d->memory_bytes = kib * 1024;
}

/* In whole pages: Xen asserts it. */
static void read_static_memory(struct xen_check *c, struct xen_domain *d, const char *path)
{
	struct hvcma_fdt_cells cells = hvcma_xen_static_cells(c->tree.fdt);
	int len, each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, d->node, "xen,static-mem", &len);
	uint64_t sum = 0;

	if (!p)
		return;
	if (cells.address < 1 || cells.address > 2 || cells.size < 1 || cells.size > 2 || !len || len % each) {
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "xen,static-mem has %d bytes: Xen reads it by #address-cells %d and #size-cells %d of /chosen or the root",
			      len, cells.address, cells.size);
		return;
	}
	for (int i = 0; i < len / each && i < XEN_MAX_RANGES; i++, p += cells.address + cells.size) {
		struct hvcma_range r = { hvcma_fdt_get(p, cells.address), hvcma_fdt_get(p + cells.address, cells.size) };

		if (!r.bytes || (r.base | r.bytes) & (HVCMA_XEN_PAGE_BYTES - 1) || r.bytes - 1 > UINT64_MAX - r.base) {
			hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "static memory 0x%" PRIx64 ", 0x%" PRIx64 " bytes, is not whole pages of 4096",
				      r.base, r.bytes);
			continue;
		}
		d->static_memory[d->nr_static_memory++] = r;
		sum += r.bytes;
	}
	if (d->memory_bytes && sum != d->memory_bytes)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "memory is 0x%" PRIx64 " bytes, but its static memory 0x%" PRIx64,
			      d->memory_bytes, sum);
}

/* Where it is, if that can be known: of other memory Xen says it to nobody. */
static void find_extents(struct xen_check *c, struct xen_domain *d, const char *path)
{
	struct hvcma_fdt_error err;

	if (!d->nr_static_memory)
		return;
	d->extents = calloc(d->nr_static_memory + 1, sizeof(*d->extents));
	if (!d->extents) {
		c->no_memory = true;
		return;
	}
	if (d->is_direct_mapped)
		for (size_t i = 0; i < d->nr_static_memory; i++)
			d->extents[d->nr_extents++] = (struct hvcma_window){ d->static_memory[i].base, d->static_memory[i].base, d->static_memory[i].bytes };
	else if (hvcma_xen_static_extents(d->static_memory, d->nr_static_memory, d->extents, &d->nr_extents, &err))
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "%s", err.text);
}

static void check_cpus(struct xen_check *c, const struct xen_domain *d, const char *path)
{
	int gic = hvcma_xen_find_gic(&c->tree), len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&c->tree, d->node, "cpus", &len);
	uint32_t most = gic >= 0 && !hvcma_fdt_is_compatible(c->tree.fdt, c->tree.node[gic].offset, "arm,gic-v3") ?
		MAX_CPUS_GICV2 : MAX_CPUS;

	if (!p || len < 4)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "domain", path, "cpus is missing: Xen ends at it");
	else if (!fdt32_to_cpu(*p) || fdt32_to_cpu(*p) > most)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "domain", path, "%u processors: with this GIC a domain has 1 to %u",
			      fdt32_to_cpu(*p), most);
}

/* A direct-mapped one is where Xen's own console is. */
static void check_vpl011(struct xen_check *c, const struct xen_domain *d, const char *path)
{
	struct hvcma_range at[XEN_MAX_RANGES];
	char console_path[HVCMA_FDT_PATH_BYTES];
	int console = hvcma_xen_console(c);
	size_t nr = 0;

	if (!d->has_vpl011 || !d->is_direct_mapped)
		return;
	if (console >= 0) {
		hvcma_fdt_tree_name(&c->tree, console, console_path);
		if (hvcma_fdt_registers(&c->tree, console, console_path, at, XEN_MAX_RANGES, &nr, NULL))
			nr = 0;
	}
	if (!nr)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "domain", path, "vpl011 of a direct-mapped domain is where Xen's console is, and /chosen names none (stdout-path, or dtuart= for Xen)");
	else if (at[0].bytes < HVCMA_XEN_VPL011_BYTES)
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "domain", path, "vpl011 of a direct-mapped domain is where Xen's console is: '%.200s' has 0x%" PRIx64 " bytes of registers, 0x%" PRIx64 " are needed",
			      console_path, at[0].bytes, HVCMA_XEN_VPL011_BYTES);
}

static void lacks(struct xen_check *c, const char *path, const char *what, const char *needs)
{
	hvcma_xen_say(c, HVCMA_FDT_FAULT, "build", path, "%s: this Xen, %u.%u, is built without it (%s)", what,
		      c->build->major, c->build->minor, needs);
}

static void check_build(struct xen_check *c, const struct xen_domain *d, const char *path)
{
	const struct hvcma_xen_build *b = c->build;
	const struct hvcma_fdt_tree *t = &c->tree;

	if (!b)
		return;
	if (!b->has_dom0less)
		lacks(c, path, "a domain that Xen starts itself", "CONFIG_DOM0LESS_BOOT");
	if (hvcma_fdt_tree_has(t, d->node, "xen,static-mem") && !b->has_static_memory)
		lacks(c, path, "xen,static-mem", "CONFIG_STATIC_MEMORY, which needs CONFIG_UNSUPPORTED");
	if (d->has_vpl011 && !b->has_vpl011)
		lacks(c, path, "vpl011", "CONFIG_SBSA_VUART_CONSOLE");
	if ((d->is_direct_mapped || hvcma_fdt_tree_has(t, d->node, "xen,enhanced")) && !hvcma_xen_build_is_since(b, 4, 17))
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "build", path, "%s is known since Xen 4.17: this is %u.%u",
			      d->is_direct_mapped ? "direct-map" : "xen,enhanced", b->major, b->minor);
	for (size_t i = 0; i < d->nr_static_memory; i++)
		if (b->address_bits < 64 && (d->static_memory[i].base + (d->static_memory[i].bytes - 1)) >> b->address_bits)
			hvcma_xen_say(c, HVCMA_FDT_FAULT, "build", path, "static memory 0x%" PRIx64 ", 0x%" PRIx64 " bytes: this Xen has addresses of %u bits",
				      d->static_memory[i].base, d->static_memory[i].bytes, b->address_bits);
}

static void read_domain(struct xen_check *c, struct xen_domain *d)
{
	const struct hvcma_fdt_tree *t = &c->tree;
	char path[HVCMA_FDT_PATH_BYTES];

	path_of(c, d, path);
	d->is_direct_mapped = hvcma_fdt_tree_has(t, d->node, "direct-map");
	d->has_vpl011 = hvcma_fdt_tree_has(t, d->node, "vpl011");
	read_memory_bytes(c, d, path);
	read_static_memory(c, d, path);
	if (d->is_direct_mapped && !hvcma_fdt_tree_has(t, d->node, "xen,static-mem"))
		hvcma_xen_say(c, HVCMA_FDT_FAULT, "memory", path, "direct-map needs xen,static-mem: Xen ends at it");
	find_extents(c, d, path);
	check_cpus(c, d, path);
	check_vpl011(c, d, path);
	check_build(c, d, path);
}

/* Without a partial tree it has none. */
static bool has_partial_module(const struct xen_check *c, const struct xen_domain *d)
{
	for (int i = 1; i < c->tree.nr; i++)
		if (c->tree.node[i].parent == d->node &&
		    hvcma_fdt_is_compatible(c->tree.fdt, c->tree.node[i].offset, "multiboot,device-tree"))
			return true;
	return false;
}

/* The devices that were noted in its node. */
static void claim_noted(struct xen_check *c, int domain)
{
	const struct xen_domain *d = &c->domain[domain];
	int len;
	const char *p = hvcma_fdt_tree_prop(&c->tree, d->node, HVCMA_XEN_DEVICES, &len);
	char path[HVCMA_FDT_PATH_BYTES];

	if (!p && !d->partial && has_partial_module(c, d)) {
		path_of(c, d, path);
		hvcma_xen_say(c, HVCMA_FDT_NOTE, "device", path, "its devices are not known: no partial tree was given, and there is no " HVCMA_XEN_DEVICES);
	}
	while (p && len > 0 && memchr(p, 0, (size_t)len)) {
		hvcma_xen_claim(c, domain, p);
		len -= (int)strlen(p) + 1;
		p += strlen(p) + 1;
	}
}

/* ---- the run ---- */

static bool is_domain(const struct hvcma_fdt_tree *t, int node, int chosen)
{
	return t->node[node].parent == chosen && t->node[node].is_enabled &&
	       hvcma_fdt_is_compatible(t->fdt, t->node[node].offset, "xen,domain");
}

static int find_domains(struct xen_check *c)
{
	int chosen = hvcma_fdt_tree_path(&c->tree, "/chosen");

	for (int pass = 0; pass < 2; pass++) {
		c->nr_domains = 0;
		for (int i = 1; i < c->tree.nr && chosen > 0; i++) {
			if (!is_domain(&c->tree, i, chosen))
				continue;
			if (pass)
				c->domain[c->nr_domains] = (struct xen_domain){ .node = i, .name = c->tree.node[i].name };
			c->nr_domains++;
		}
		if (!pass)
			c->domain = calloc((size_t)c->nr_domains + 1, sizeof(*c->domain));
		if (!c->domain)
			return -FDT_ERR_NOSPACE;
	}
	return 0;
}

static int take_partials(struct xen_check *c, const struct hvcma_xen_partial *partials, size_t nr,
			 struct hvcma_fdt_error *err)
{
	for (size_t i = 0; i < nr; i++) {
		int k = 0;

		while (k < c->nr_domains && strcmp(c->domain[k].name, partials[i].domain))
			k++;
		if (k == c->nr_domains)
			return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "a partial tree for domain '%.64s': /chosen has none of that name",
					      partials[i].domain);
		c->domain[k].partial = partials[i].blob;
	}
	return 0;
}

static void free_run(struct xen_check *c)
{
	for (int i = 0; c->domain && i < c->nr_domains; i++)
		free(c->domain[i].extents);
	free(c->domain);
	free(c->owner);
	hvcma_fdt_tree_fini(&c->tree);
}

static int begin_run(struct xen_check *c, const void *host, struct hvcma_fdt_error *err)
{
	int ret = hvcma_fdt_tree_init(&c->tree, host, err);

	if (ret)
		return ret;
	c->owner = calloc((size_t)c->tree.nr, sizeof(*c->owner));
	return c->owner ? 0 : hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "out of memory");
}

/* All of it, once domains and their partial trees are known; what a toolstack starts has no node. */
static void judge(struct xen_check *c)
{
	hvcma_xen_claim_xens(c);
	for (int i = 0; i < c->nr_domains; i++) {
		if (c->domain[i].partial)
			hvcma_xen_claim_partial(c, i);
		if (c->domain[i].node >= 0)
			claim_noted(c, i);
	}
	hvcma_xen_check_memory(c);
	hvcma_xen_check_devices(c);
	for (int i = 0; i < c->nr_domains; i++)
		if (c->domain[i].partial)
			hvcma_xen_check_partial(c, i);
}

int hvcma_xen_check(const void *host, const struct hvcma_xen_build *build,
		    const struct hvcma_xen_partial *partials, size_t nr,
		    hvcma_xen_report_fn *report, void *opaque, struct hvcma_fdt_error *err)
{
	struct xen_check c = { .build = build, .report = report, .opaque = opaque };
	int ret = begin_run(&c, host, err);

	if (!ret && find_domains(&c))
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "out of memory");
	if (!ret)
		ret = take_partials(&c, partials, nr, err);
	if (!ret) {
		for (int i = 0; i < c.nr_domains; i++)
			read_domain(&c, &c.domain[i]);
		judge(&c);
	}
	if (!ret && c.no_memory)
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "out of memory");
	free_run(&c);
	return ret;
}

static int take_guest(struct xen_check *c, const struct hvcma_xen_guest *guest)
{
	c->domain = calloc(1, sizeof(*c->domain));
	if (!c->domain)
		return -FDT_ERR_NOSPACE;
	*c->domain = (struct xen_domain){
		.node = -1, .name = "this domain", .memory_bytes = guest->memory_bytes,
		.is_direct_mapped = guest->is_direct_mapped, .has_vpl011 = guest->has_vpl011, .partial = guest->partial,
	};
	c->nr_domains = 1;
	c->domain->extents = calloc(guest->nr_extents + 1, sizeof(*guest->extents));
	if (!c->domain->extents)
		return -FDT_ERR_NOSPACE;
	c->domain->nr_extents = guest->nr_extents;
	for (size_t i = 0; i < guest->nr_extents; i++)
		c->domain->extents[i] = guest->extents[i];
	return 0;
}

int hvcma_xen_check_guest(const void *host, const struct hvcma_xen_guest *guest,
			  const struct hvcma_xen_build *build, hvcma_xen_report_fn *report,
			  void *opaque, struct hvcma_fdt_error *err)
{
	struct xen_check c = { .build = build, .report = report, .opaque = opaque };
	int ret = begin_run(&c, host, err);

	if (!ret && take_guest(&c, guest))
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "out of memory");
	if (!ret)
		judge(&c);
	if (!ret && c.no_memory)
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "out of memory");
	free_run(&c);
	return ret;
}
