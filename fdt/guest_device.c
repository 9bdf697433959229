// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * The node of a passed-through device in a guest's tree. See guest_device.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/dma.h"
#include "fdt/guest_device.h"
#include "fdt/registers.h"

#define MAX_CLOCK_CELLS	16
#define NAME_BYTES	128

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, hvcma_fdt_reason(ret));
}

/* ---- what becomes of a property ---- */

/* A '*' at the ends, or one between, stands for any characters. The first that fits counts. */
static const struct {
	const char *name;
	enum hvcma_fdt_need need;
} needs[] = {
	{ "clocks", HVCMA_NEED_STAND_IN },
	{ "*-supply", HVCMA_NEED_STAND_IN },
	{ "resets", HVCMA_NEED_DRIVEN },
	{ "reset-names", HVCMA_NEED_DRIVEN },
	{ "phys", HVCMA_NEED_DRIVEN },
	{ "phy-names", HVCMA_NEED_DRIVEN },
	{ "phy-handle", HVCMA_NEED_DRIVEN },
	{ "dmas", HVCMA_NEED_DRIVEN },
	{ "dma-names", HVCMA_NEED_DRIVEN },
	{ "mboxes", HVCMA_NEED_DRIVEN },
	{ "mbox-names", HVCMA_NEED_DRIVEN },
	{ "gpios", HVCMA_NEED_DRIVEN },
	{ "*-gpios", HVCMA_NEED_DRIVEN },
	{ "*-gpio", HVCMA_NEED_DRIVEN },
	{ "hwlocks", HVCMA_NEED_DRIVEN },
	{ "pwms", HVCMA_NEED_DRIVEN },
	{ "msi-parent", HVCMA_NEED_DRIVEN },
	{ "pinctrl-*", HVCMA_NEED_HOST },
	{ "power-domains", HVCMA_NEED_HOST },
	{ "power-domain-names", HVCMA_NEED_HOST },
	{ "assigned-clock*", HVCMA_NEED_HOST },
	{ "interconnects", HVCMA_NEED_HOST },
	{ "interconnect-names", HVCMA_NEED_HOST },
	{ "operating-points-v2", HVCMA_NEED_HOST },
	{ "nvmem-cells", HVCMA_NEED_HOST },
	{ "nvmem-cell-names", HVCMA_NEED_HOST },
	{ "memory-region-names", HVCMA_NEED_HOST },
	{ "iommus", HVCMA_NEED_HOST },
};

/* What is made anew, or speaks of the node itself. */
static const char *const made[] = {
	"reg", "interrupts", "interrupts-extended", "interrupt-parent", "dma-coherent", "dma-noncoherent",
	"phandle", "linux,phandle", "status", "name", "ranges", "dma-ranges", "#address-cells", "#size-cells",
	"clocks", "xen,passthrough",
};

static bool fits(const char *pattern, const char *name)
{
	const char *star = strchr(pattern, '*');
	size_t before, after, bytes = strlen(name);
	char middle[32];

	if (!star)
		return !strcmp(pattern, name);
	if (star == pattern && star[1] && pattern[strlen(pattern) - 1] == '*') {
		snprintf(middle, sizeof(middle), "%.*s", (int)strlen(pattern) - 2, pattern + 1);
		return strstr(name, middle);
	}
	before = (size_t)(star - pattern);
	after = strlen(star + 1);
	return bytes >= before + after && !strncmp(pattern, name, before) &&
	       !strcmp(star + 1, name + bytes - after);
}

static bool is_made(const char *name)
{
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
		if (!strcmp(made[i], name))
			return true;
	return false;
}

/* Numbers by their names, which may well be that of a phandle. */
static const char *const counts[] = {
	"#*", "*num-*", "*-width", "*-shift", "*-depth", "*-frequency", "*-delay", "*-us", "*-ms", "*-microvolt",
};

static bool is_count(const char *name)
{
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (fits(counts[i], name))
			return true;
	return false;
}

/* Strings, which are no list of cells however long they are. */
static bool is_text(const char *value, int len)
{
	if (len <= 0 || value[len - 1] || !value[0])
		return false;
	for (int i = 0; i < len; i++)
		if (value[i] && (value[i] < ' ' || value[i] > '~'))
			return false;
	for (int i = 1; i < len; i++)
		if (!value[i] && !value[i - 1])
			return false;
	return true;
}

static bool may_refer(const struct hvcma_fdt_tree *t, const void *value, int len)
{
	const fdt32_t *cell = value;

	if (len % HVCMA_FDT_CELL_BYTES || is_text(value, len))
		return false;
	for (int i = 0; i < len / HVCMA_FDT_CELL_BYTES; i++)
		if (hvcma_fdt_tree_phandle(t, fdt32_ld(cell + i)) >= 0)
			return true;
	return false;
}

/*
 * Pools serve the host's own DMA, and in the guest the region does. What is not one (firmware's, a frame
 * buffer's) is memory of the host at a place that the device knows, or its driver.
 */
static enum hvcma_fdt_need need_of_memory(const struct hvcma_fdt_tree *t, const fdt32_t *cell, int len)
{
	for (int i = 0; i < len / HVCMA_FDT_CELL_BYTES; i++) {
		int node = hvcma_fdt_tree_phandle(t, fdt32_ld(cell + i));

		if (node < 0 || !hvcma_fdt_is_compatible(t->fdt, t->node[node].offset, "shared-dma-pool"))
			return HVCMA_NEED_DRIVEN;
	}
	return HVCMA_NEED_HOST;
}

static enum hvcma_fdt_need need_of(const struct hvcma_fdt_tree *t, const char *name, const void *value, int len)
{
	if (!strcmp(name, "memory-region"))
		return need_of_memory(t, value, len);
	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
		if (fits(needs[i].name, name))
			return needs[i].need;
	if (is_made(name) || is_count(name) || !may_refer(t, value, len))
		return HVCMA_NEED_PLAIN;
	return HVCMA_NEED_UNKNOWN;
}

static void say_needs(const struct hvcma_fdt_tree *t, int device, hvcma_fdt_need_fn *say, void *opaque)
{
	int prop, len;

	fdt_for_each_property_offset(prop, t->fdt, t->node[device].offset) {
		const char *name;
		const void *value = fdt_getprop_by_offset(t->fdt, prop, &name, &len);
		enum hvcma_fdt_need need = value ? need_of(t, name, value, len) : HVCMA_NEED_PLAIN;

		if (need != HVCMA_NEED_PLAIN)
			say(opaque, name, need);
	}
}

int hvcma_fdt_device_needs(const void *host, const char *path, hvcma_fdt_need_fn *say,
			   void *opaque, struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_tree tree;
	int device;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	say_needs(&tree, device, say, opaque);
	hvcma_fdt_tree_fini(&tree);
	return 0;
}

/* ---- what stands in ---- */

/* A node of its own below the root, with a phandle; it has no address. */
static int add_stand_in(void *guest, char *name, const char *compatible, uint32_t *phandle, int *node)
{
	int ret = fdt_generate_phandle(guest, phandle);

	if (ret)
		return ret;
	for (char *at = strchr(name, '@'); at; at = strchr(at, '@'))
		*at = '-';
	*node = fdt_add_subnode(guest, 0, name);
	if (*node < 0)
		return *node;
	ret = fdt_setprop_u32(guest, *node, "phandle", *phandle);
	return ret ? ret : fdt_setprop_string(guest, *node, "compatible", compatible);
}

/* One entry of a list of clocks: its provider, and how many cells belong to it. */
static int clock_entry(const struct hvcma_fdt_tree *t, const fdt32_t *p, int nr, int *provider, int *nr_cells)
{
	const fdt32_t *cells;
	int len;

	*provider = hvcma_fdt_tree_phandle(t, fdt32_ld(p));
	if (*provider < 0)
		return -FDT_ERR_BADVALUE;
	cells = hvcma_fdt_tree_prop(t, *provider, "#clock-cells", &len);
	*nr_cells = 1 + (cells && len == HVCMA_FDT_CELL_BYTES ? (int)fdt32_ld(cells) : 0);
	return *nr_cells < 1 || *nr_cells > MAX_CLOCK_CELLS || *nr_cells > nr ? -FDT_ERR_BADVALUE : 0;
}

/* What the device has asked to be made of this clock. */
static bool assigned_hz(const struct hvcma_fdt_tree *t, int device, const fdt32_t *entry, int nr_cells, uint32_t *hz)
{
	int len, rates_len, provider, each;
	const fdt32_t *p = hvcma_fdt_tree_prop(t, device, "assigned-clocks", &len);
	const fdt32_t *rates = hvcma_fdt_tree_prop(t, device, "assigned-clock-rates", &rates_len);

	if (!p || !rates)
		return false;
	for (len /= HVCMA_FDT_CELL_BYTES, rates_len /= HVCMA_FDT_CELL_BYTES; len > 0 && rates_len > 0;
	     p += each, len -= each, rates++, rates_len--) {
		if (clock_entry(t, p, len, &provider, &each))
			return false;
		if (each == nr_cells && !memcmp(p, entry, (size_t)each * sizeof(*p)) && fdt32_ld(rates)) {
			*hz = fdt32_ld(rates);
			return true;
		}
	}
	return false;
}

static bool clock_hz(const struct hvcma_fdt_tree *t, int device, const fdt32_t *entry, int provider, int nr_cells,
		     uint32_t *hz)
{
	int len;
	const fdt32_t *own = hvcma_fdt_tree_prop(t, provider, "clock-frequency", &len);

	if (own && len == HVCMA_FDT_CELL_BYTES &&
	    hvcma_fdt_is_compatible(t->fdt, t->node[provider].offset, "fixed-clock")) {
		*hz = fdt32_ld(own);
		return true;
	}
	return assigned_hz(t, device, entry, nr_cells, hz);
}

static int put_clock(void *guest, const char *unit, int i, uint32_t hz, fdt32_t *phandle, struct hvcma_fdt_error *err)
{
	char name[NAME_BYTES];
	uint32_t handle;
	int node, ret;

	snprintf(name, sizeof(name), "clock-%.64s-%d", unit, i);
	ret = add_stand_in(guest, name, "fixed-clock", &handle, &node);
	if (!ret)
		ret = fdt_setprop_u32(guest, node, "#clock-cells", 0);
	if (!ret)
		ret = fdt_setprop_u32(guest, node, "clock-frequency", hz);
	if (ret)
		return failed(err, ret, name);
	*phandle = cpu_to_fdt32(handle);
	return 0;
}

/* @phandles: out, of those that stand in, in the order of the device's clocks */
static int put_clocks(void *guest, const struct hvcma_fdt_tree *t, int device, const char *path, const char *unit,
		      const struct hvcma_guest_device *d, fdt32_t *phandles, int *nr, struct hvcma_fdt_error *err)
{
	char name[HVCMA_FDT_PATH_BYTES];
	int len, provider, each, ret = 0;
	const fdt32_t *p = hvcma_fdt_tree_prop(t, device, "clocks", &len);
	uint32_t hz;

	*nr = 0;
	for (len = p ? len / HVCMA_FDT_CELL_BYTES : 0; len > 0 && !ret; p += each, len -= each) {
		ret = clock_entry(t, p, len, &provider, &each);
		if (ret || *nr == MAX_CLOCK_CELLS)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "clocks of '%.200s' are malformed, or more than %d",
					      path, MAX_CLOCK_CELLS);
		if ((size_t)*nr < d->nr_clock_hz) {
			hz = d->clock_hz[*nr];
		} else if (!clock_hz(t, device, p, provider, each, &hz)) {
			hvcma_fdt_tree_name(t, provider, name);
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "clock %d of '%.160s' is made by '%.160s', and its rate is not in the tree: clock-rates= says those of all, in Hz",
					      *nr, path, name);
		}
		ret = put_clock(guest, unit, *nr, hz, &phandles[*nr], err);
		++*nr;
	}
	return ret;
}

static int put_supply(void *guest, const char *unit, const char *property, fdt32_t *phandle, struct hvcma_fdt_error *err)
{
	char name[NAME_BYTES];
	uint32_t handle;
	int node, ret;

	snprintf(name, sizeof(name), "%.48s-%.48s", property, unit);
	ret = add_stand_in(guest, name, "regulator-fixed", &handle, &node);
	if (!ret)
		ret = fdt_setprop_string(guest, node, "regulator-name", name);
	if (!ret)
		ret = fdt_setprop_empty(guest, node, "regulator-always-on");
	if (ret)
		return failed(err, ret, name);
	*phandle = cpu_to_fdt32(handle);
	return 0;
}

/* ---- the node ---- */

static int add_node(void *guest, const struct hvcma_guest_device *d, const char *unit, struct hvcma_fdt_error *err)
{
	int bus = fdt_path_offset(guest, d->bus);
	int node = bus < 0 ? bus : fdt_add_subnode(guest, bus, unit);

	return node < 0 ? failed(err, node, unit) : node;
}

static int put_registers(void *guest, int node, const struct hvcma_guest_device *d)
{
	fdt32_t cells[2 * HVCMA_GUEST_MAX_REGISTERS];

	for (size_t i = 0; i < d->nr_regs; i++)
		if (hvcma_fdt_put(cells + 2 * i, 1, d->reg[i].base - d->bus_base) ||
		    hvcma_fdt_put(cells + 2 * i + 1, 1, d->reg[i].bytes))
			return -FDT_ERR_BADNCELLS;
	return fdt_setprop(guest, node, "reg", cells, (int)(d->nr_regs * 2 * sizeof(*cells)));
}

static int put_interrupts(void *guest, int node, const struct hvcma_guest_device *d)
{
	fdt32_t cells[3 * HVCMA_GUEST_MAX_INTERRUPTS];

	if (!d->nr_irqs)
		return 0;
	for (size_t i = 0; i < d->nr_irqs; i++) {
		cells[3 * i] = cpu_to_fdt32(0);
		cells[3 * i + 1] = cpu_to_fdt32(d->spi[i]);
		cells[3 * i + 2] = cpu_to_fdt32(d->is_level[i] ? 4 : 1);
	}
	return fdt_setprop(guest, node, "interrupts", cells, (int)(d->nr_irqs * 3 * sizeof(*cells)));
}

static bool does_without(const struct hvcma_guest_device *d, const char *name)
{
	for (size_t i = 0; i < d->nr_without; i++)
		if (!strcmp(d->without[i], name))
			return true;
	return false;
}

/* The names of a list go the way of the list. */
static bool is_names(const char *name)
{
	return strcmp(name, "clock-names") && fits("*-names", name);
}

static int refuse(const char *path, const char *name, struct hvcma_fdt_error *err)
{
	if (!strcmp(name, "memory-region"))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' needs 'memory-region' of the host that is no pool (shared-dma-pool), and so memory at a place of the host's (without=memory-region: its driver does not need it)",
				      path);
	return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' needs '%s' of the host, which a guest can't drive (without=%s: its driver does not need it)",
			      path, name, name);
}

static int put_property(void *guest, const char *path, const char *unit, const struct hvcma_fdt_tree *t,
			const struct hvcma_guest_device *d, const char *name, const void *value, int len,
			hvcma_fdt_need_fn *say, void *opaque, struct hvcma_fdt_error *err)
{
	enum hvcma_fdt_need need = need_of(t, name, value, len);
	char where[HVCMA_FDT_PATH_BYTES];
	fdt32_t phandle;
	int ret = 0;

	if (is_made(name))
		return 0;
	if (need == HVCMA_NEED_DRIVEN && !is_names(name) && !does_without(d, name))
		return refuse(path, name, err);
	if (need == HVCMA_NEED_STAND_IN) {
		ret = put_supply(guest, unit, name, &phandle, err);
		value = &phandle;
		len = sizeof(phandle);
	} else if (need != HVCMA_NEED_PLAIN) {
		if (say)
			say(opaque, name, need);
		return 0;
	}
	if (ret)
		return ret;
	snprintf(where, sizeof(where), "%s/%s", d->bus, unit);
	ret = fdt_setprop(guest, fdt_path_offset(guest, where), name, value, len);
	return ret ? failed(err, ret, name) : 0;
}

/* What nodes above say counts for those below that say nothing. */
static int put_coherent(void *guest, const char *where, const struct hvcma_fdt_tree *t, int device)
{
	int node = fdt_path_offset(guest, where), ret;
	struct hvcma_fdt_dma dma;
	bool is_coherent;

	ret = hvcma_fdt_dma_init(&dma, t, NULL);
	if (ret)
		return ret;
	is_coherent = hvcma_fdt_dma_is_coherent(&dma, device);
	hvcma_fdt_dma_fini(&dma);
	if (is_coherent)
		return fdt_setprop_empty(guest, node, "dma-coherent");
	ret = fdt_setprop_empty(guest, node, "dma-noncoherent");
	for (node = fdt_parent_offset(guest, node); node >= 0 && !ret; node = fdt_parent_offset(guest, node)) {
		ret = fdt_delprop(guest, node, "dma-coherent");
		ret = ret == -FDT_ERR_NOTFOUND ? 0 : ret;
	}
	return ret;
}

static int put_device(void *guest, const struct hvcma_fdt_tree *t, int device, const char *path, const char *unit,
		      const struct hvcma_guest_device *d, hvcma_fdt_need_fn *say, void *opaque,
		      struct hvcma_fdt_error *err)
{
	fdt32_t clocks[MAX_CLOCK_CELLS];
	char where[HVCMA_FDT_PATH_BYTES];
	int node, ret, prop, len, nr_clocks;

	ret = put_clocks(guest, t, device, path, unit, d, clocks, &nr_clocks, err);
	node = ret ? ret : add_node(guest, d, unit, err);
	if (node < 0)
		return node;
	ret = put_registers(guest, node, d);
	if (!ret)
		ret = put_interrupts(guest, node, d);
	if (!ret && nr_clocks)
		ret = fdt_setprop(guest, node, "clocks", clocks, nr_clocks * (int)sizeof(*clocks));
	snprintf(where, sizeof(where), "%s/%s", d->bus, unit);
	if (!ret)
		ret = put_coherent(guest, where, t, device);
	if (ret)
		return failed(err, ret, unit);
	fdt_for_each_property_offset(prop, t->fdt, t->node[device].offset) {
		const char *name;
		const void *value = fdt_getprop_by_offset(t->fdt, prop, &name, &len);

		ret = value ? put_property(guest, path, unit, t, d, name, value, len, say, opaque, err) : len;
		if (ret)
			return ret;
	}
	return 0;
}

int hvcma_fdt_add_guest_device(void *guest, const void *host, const char *path,
			       const struct hvcma_guest_device *d, hvcma_fdt_need_fn *say,
			       void *opaque, char where[HVCMA_FDT_PATH_BYTES],
			       struct hvcma_fdt_error *err)
{
	char full[HVCMA_FDT_PATH_BYTES], unit[NAME_BYTES];
	struct hvcma_fdt_tree tree;
	int device, ret = 0;

	device = hvcma_fdt_tree_init_device(&tree, host, path, full, err);
	if (device < 0)
		return device;
	if (!d->nr_regs)
		ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "'%.200s' has no registers in the guest", full);
	if (!ret) {
		snprintf(unit, sizeof(unit), "%.*s@%" PRIx64, (int)strcspn(tree.node[device].name, "@"),
			 tree.node[device].name, d->reg[0].base - d->bus_base);
		ret = put_device(guest, &tree, device, full, unit, d, say, opaque, err);
	}
	if (!ret)
		snprintf(where, HVCMA_FDT_PATH_BYTES, "%.300s/%s", d->bus, unit);
	hvcma_fdt_tree_fini(&tree);
	return ret;
}
