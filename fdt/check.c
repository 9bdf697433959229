// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * What is wrong with memory and DMA in a device tree: the run, how it is said, and
 * what needs no list: cells, attributes. See check.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/check_internal.h"

struct finding {
	const char *name, *kind;
	enum hvcma_fdt_severity severity;
};

#define FINDING(id, name, kind, severity) { name, kind, HVCMA_FDT_##severity },
static const struct finding findings[] = { HVCMA_FDT_FINDINGS(FINDING) };

int hvcma_fdt_finding_find(const char *name)
{
	for (int i = 0; i < HVCMA_FDT_NR_FINDINGS; i++)
		if (!strcmp(name, findings[i].name))
			return i;
	return -1;
}

const char *hvcma_fdt_severity_name(enum hvcma_fdt_severity severity)
{
	static const char *const names[] = {
		[HVCMA_FDT_NOTE] = "note",
		[HVCMA_FDT_WARNING] = "warning",
		[HVCMA_FDT_FAULT] = "fault",
	};

	return (unsigned int)severity < HVCMA_FDT_NR_SEVERITIES ? names[severity] : "?";
}

void hvcma_check_name(struct check *c, int node, char path[HVCMA_FDT_PATH_BYTES])
{
	if (node >= 0)
		hvcma_fdt_tree_name(&c->tree, node, path);
	else
		strcpy(path, node == CHECK_BLOCK ? "/memreserve/" : "/chosen/linux,initrd-start");
}

void hvcma_check_say(struct check *c, enum hvcma_fdt_finding_id id, int node,
		     const char *fmt, ...)
{
	char text[512], path[HVCMA_FDT_PATH_BYTES];
	const struct hvcma_fdt_finding finding = {
		.id = id, .severity = findings[id].severity, .name = findings[id].name,
		.kind = findings[id].kind, .path = path, .text = text,
	};
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	hvcma_check_name(c, node, path);
	c->report(c->opaque, &finding);
}

/* ---- cells ---- */

/* Ports and endpoints of graphs: their number is read without a bus (of_graph of Linux). */
static bool is_of_graph(struct check *c, int node)
{
	const char *name = c->tree.node[node].name;
	size_t bytes = strcspn(name, "@");

	return (bytes == 4 && !memcmp(name, "port", 4)) ||
	       (bytes == 8 && !memcmp(name, "endpoint", 8));
}

/* Of devices: memory and reserved memory are judged where they are read. */
static void check_reg(struct check *c, int node)
{
	struct hvcma_fdt_cells cells = c->tree.node[c->tree.node[node].parent].cells;
	int each = (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES, len;

	if (!hvcma_fdt_tree_prop(&c->tree, node, "reg", &len) || is_of_graph(c, node))
		return;
	if (!each || !len || len % each)
		hvcma_check_say(c, HVCMA_FDT_REG_LENGTH, node, "reg has %d bytes: the parent's %d address and %d size cells make %d each",
				len, cells.address, cells.size, each);
}

static bool is_memory_of_some_kind(struct check *c, int node)
{
	int parent = c->tree.node[node].parent, len;
	const char *type = hvcma_fdt_tree_prop(&c->tree, node, "device_type", &len);

	return parent == c->reserved ||
	       (!parent && type && len == sizeof("memory") && !memcmp(type, "memory", sizeof("memory")));
}

static void check_regs(struct check *c)
{
	for (int node = 1; node < c->tree.nr; node++)
		if (c->tree.node[node].is_available && !is_memory_of_some_kind(c, node))
			check_reg(c, node);
}

/* ---- coherency ---- */

static void check_coherency(struct check *c)
{
	for (int node = 0; node < c->tree.nr; node++) {
		bool yes = hvcma_fdt_tree_has(&c->tree, node, "dma-coherent");
		bool no = hvcma_fdt_tree_has(&c->tree, node, "dma-noncoherent");

		if (!c->tree.node[node].is_available || !(yes || no))
			continue;
		if (yes && no)
			hvcma_check_say(c, HVCMA_FDT_COHERENT_BOTH, node, "dma-coherent and dma-noncoherent contradict each other");
		if (c->tree.node[node].host_bridge >= 0)
			hvcma_check_say(c, HVCMA_FDT_COHERENT_PCI, node, "%s has no effect: of PCI devices, what the host bridge says counts",
					yes ? "dma-coherent" : "dma-noncoherent");
	}
}

/* ---- the run ---- */

static bool is_power_of_2_or_0(uint64_t n)
{
	return !(n & (n - 1));
}

/* As Linux does before it reads /reserved-memory (__reserved_mem_check_root()). */
static void check_container(struct check *c)
{
	struct hvcma_fdt_cells own, root = c->tree.node[0].cells;
	bool has_cells;
	int len = -1;

	if (c->reserved < 0) {
		c->reserved = c->tree.nr;	/* parent of no node */
		return;
	}
	own = c->tree.node[c->reserved].cells;
	has_cells = hvcma_fdt_tree_has(&c->tree, c->reserved, "#address-cells") &&
		    hvcma_fdt_tree_has(&c->tree, c->reserved, "#size-cells");
	if (!has_cells)
		hvcma_check_say(c, HVCMA_FDT_RESERVED_CELLS, c->reserved, "has not both #address-cells and #size-cells: Linux ignores it, and all in it");
	else if (own.address != root.address || own.size != root.size)
		hvcma_check_say(c, HVCMA_FDT_RESERVED_CELLS, c->reserved, "%d address and %d size cells, but the root has %d and %d: Linux ignores it, and all in it",
				own.address, own.size, root.address, root.size);
	if (!hvcma_fdt_tree_prop(&c->tree, c->reserved, "ranges", &len))
		hvcma_check_say(c, HVCMA_FDT_RESERVED_RANGES, c->reserved, "must have an empty ranges property: Linux ignores it, and all in it");
	else if (len)
		hvcma_check_say(c, HVCMA_FDT_RESERVED_MAPPED, c->reserved, "ranges is not empty: Linux reserves addresses as they are in it, but drivers that look them up translate them");
}

int hvcma_fdt_check(const void *fdt, const struct hvcma_fdt_policy *policy,
		    void (*report)(void *opaque, const struct hvcma_fdt_finding *finding),
		    void *opaque, struct hvcma_fdt_error *err)
{
	struct check c = { .policy = policy, .report = report, .opaque = opaque };
	int ret;

	if (!is_power_of_2_or_0(policy->pageblock_bytes) ||
	    !is_power_of_2_or_0(policy->granule_bytes))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "pageblock %" PRIu64 " or granule %" PRIu64 " is not a power of two",
				      policy->pageblock_bytes, policy->granule_bytes);
	ret = hvcma_fdt_tree_init(&c.tree, fdt, err);
	if (ret)
		return ret;
	ret = hvcma_fdt_dma_init(&c.dma, &c.tree, err);
	if (ret)
		goto out_tree;
	c.is_overlay = hvcma_fdt_is_overlay(fdt);
	c.reserved = hvcma_fdt_tree_path(&c.tree, "/reserved-memory");
	check_container(&c);
	hvcma_check_phandles(&c);
	if (!c.is_overlay)
		check_regs(&c);
	check_coherency(&c);
	hvcma_check_memory(&c);
	hvcma_check_pools(&c);
	hvcma_check_places(&c);
	hvcma_check_windows(&c);
	if (c.no_memory)
		ret = hvcma_fdt_fail(err, -FDT_ERR_NOSPACE, "no memory for lists of ranges");
	free(c.placed.range);
	free(c.pools.range);
	free(c.memory.range);
	hvcma_fdt_dma_fini(&c.dma);
out_tree:
	hvcma_fdt_tree_fini(&c.tree);
	return ret;
}
