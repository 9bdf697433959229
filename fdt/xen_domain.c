// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Domains that Xen itself starts. See xen_domain.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fdt/path.h"
#include "fdt/xen_domain.h"
#include "fdt/xen_internal.h"

#define MAX_NAME	31
/* What Xen takes where the root does not say (DT_ROOT_NODE_*_CELLS_DEFAULT). */
#define ROOT_ADDRESS_CELLS	2
#define ROOT_SIZE_CELLS		1

static int failed(struct hvcma_fdt_error *err, int ret, const char *what)
{
	return hvcma_fdt_fail(err, ret, "%s: %s", what, hvcma_fdt_reason(ret));
}

const char *hvcma_xen_module_name(enum hvcma_xen_module module)
{
	static const char *const names[HVCMA_XEN_NR_MODULES] = {
		[HVCMA_XEN_KERNEL] = "kernel",
		[HVCMA_XEN_RAMDISK] = "ramdisk",
		[HVCMA_XEN_DEVICE_TREE] = "device-tree",
	};

	return names[module];
}

/* As the devicetree specification has names of nodes. */
static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._+-");

	return len && len <= MAX_NAME && !name[len] && !strchr("0123456789,._+-", *name);
}

static int check_static_memory(const struct hvcma_xen_domain *d, uint64_t *sum,
			       struct hvcma_fdt_error *err)
{
	*sum = 0;
	for (size_t i = 0; i < d->nr_static_memory; i++) {
		const struct hvcma_range *r = &d->static_memory[i];

		if (!r->bytes || (r->base | r->bytes) & (HVCMA_XEN_PAGE_BYTES - 1) ||
		    r->bytes - 1 > UINT64_MAX - r->base)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': static memory 0x%" PRIx64 ", 0x%" PRIx64
					      " bytes, is not whole pages of 4096", d->name, r->base,
					      r->bytes);
		for (size_t k = 0; k < i; k++)
			if (hvcma_xen_overlap(r, &d->static_memory[k]))
				return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': static memory 0x%" PRIx64 " and 0x%"
						      PRIx64 " overlap", d->name, r->base,
						      d->static_memory[k].base);
		*sum += r->bytes;	/* of ranges without overlap: at most 2^64 - 4096 */
	}
	return 0;
}

static int check_modules(const struct hvcma_xen_domain *d, struct hvcma_fdt_error *err)
{
	size_t letters = d->bootargs ? strlen(d->bootargs) : 0;

	for (int i = 0; i < HVCMA_XEN_NR_MODULES; i++) {
		const struct hvcma_range *r = &d->modules[i];

		if (r->bytes && r->bytes - 1 > UINT64_MAX - r->base)
			return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': %s 0x%" PRIx64 ", 0x%" PRIx64
					      " bytes, is no range", d->name, hvcma_xen_module_name(i), r->base,
					      r->bytes);
	}
	if (d->bootargs && !d->modules[HVCMA_XEN_KERNEL].bytes)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': a command line is for a kernel, and it has none",
				      d->name);
	if (letters > HVCMA_XEN_MAX_BOOTARGS)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': a command line of %zu letters, Xen takes %d",
				      d->name, letters, HVCMA_XEN_MAX_BOOTARGS);
	return 0;
}

static int check_domain(const struct hvcma_xen_domain *d, struct hvcma_fdt_error *err)
{
	uint64_t sum;
	int ret;

	if (!is_name(d->name))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "the name of a domain is a letter and up to 30 letters, digits and ,._+- more, not '%.64s'",
				      d->name);
	ret = check_static_memory(d, &sum, err);
	if (ret)
		return ret;
	if (!d->memory_bytes || d->memory_bytes & 1023)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': memory of %" PRIu64 " bytes is not a multiple of 1024",
				      d->name, d->memory_bytes);
	if (d->nr_static_memory && sum != d->memory_bytes)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': memory is %" PRIu64 " bytes, but its static memory %"
				      PRIu64, d->name, d->memory_bytes, sum);
	if (d->direct_map && !d->nr_static_memory)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s': direct-map needs static memory", d->name);
	if (!d->cpus)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "domain '%s' has no processor", d->name);
	return check_modules(d, err);
}

/* As Xen counts below /chosen: what that says, or else the root. */
static int chosen_cells(const void *host, int chosen, const char *name, int standard)
{
	const fdt32_t *p = chosen < 0 ? NULL : fdt_getprop(host, chosen, name, NULL);

	if (!p)
		p = fdt_getprop(host, 0, name, NULL);
	return p ? (int)fdt32_to_cpu(*p) : standard;
}

struct hvcma_fdt_cells hvcma_xen_static_cells(const void *host)
{
	int chosen = fdt_path_offset(host, "/chosen");

	return (struct hvcma_fdt_cells){
		chosen_cells(host, chosen, "#address-cells", ROOT_ADDRESS_CELLS),
		chosen_cells(host, chosen, "#size-cells", ROOT_SIZE_CELLS),
	};
}

/*
 * The cells are those of /chosen since Xen 4.17. Xen 4.16 has properties of its
 * own for them, which the others don't look at.
 */
static int put_static_memory(void *host, int node, struct hvcma_fdt_cells cells,
			     const struct hvcma_xen_domain *d, struct hvcma_fdt_error *err)
{
	int ret;

	for (size_t i = 0; i < d->nr_static_memory; i++) {
		const struct hvcma_range *r = &d->static_memory[i];
		fdt32_t range[4];

		if (hvcma_fdt_put(range, cells.address, r->base) ||
		    hvcma_fdt_put(range + cells.address, cells.size, r->bytes))
			return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "domain '%s': static memory 0x%" PRIx64 ", 0x%" PRIx64
					      " bytes, does not fit the cells that Xen reads it by, #address-cells %d and #size-cells %d of /chosen or the root",
					      d->name, r->base, r->bytes, cells.address, cells.size);
		ret = fdt_appendprop(host, node, "xen,static-mem", range,
				     (cells.address + cells.size) * HVCMA_FDT_CELL_BYTES);
		if (ret)
			return failed(err, ret, d->name);
	}
	if (!d->nr_static_memory)
		return 0;
	ret = fdt_setprop_u32(host, node, "#xen,static-mem-size-cells", (uint32_t)cells.size);
	if (!ret)
		ret = fdt_setprop_u32(host, node, "#xen,static-mem-address-cells",
				      (uint32_t)cells.address);
	return ret ? failed(err, ret, d->name) : 0;
}

/* Its addresses have two cells each: those of the domain's node. */
static int put_module(void *host, int domain, const struct hvcma_xen_domain *d, enum hvcma_xen_module module,
		      struct hvcma_fdt_error *err)
{
	const struct hvcma_range *r = &d->modules[module];
	const char *kind = hvcma_xen_module_name(module);
	char name[64], compatible[64];
	fdt32_t reg[4];
	int node, ret, len;

	if (!r->bytes)
		return 0;
	snprintf(name, sizeof(name), "%s@%" PRIx64, kind, r->base);
	/* Two strings, the general one last. */
	len = snprintf(compatible, sizeof(compatible), "multiboot,%s%cmultiboot,module", kind, '\0') + 1;
	hvcma_fdt_put(reg, 2, r->base);
	hvcma_fdt_put(reg + 2, 2, r->bytes);
	node = fdt_add_subnode(host, domain, name);
	ret = node < 0 ? node : 0;
	if (!ret && module == HVCMA_XEN_KERNEL && d->bootargs)
		ret = fdt_setprop_string(host, node, "bootargs", d->bootargs);
	if (!ret)
		ret = fdt_setprop(host, node, "reg", reg, sizeof(reg));
	if (!ret)
		ret = fdt_setprop(host, node, "compatible", compatible, len);
	return ret ? failed(err, ret, name) : 0;
}

/* Before the node is there: what is named by offset must stay where it is. */
static int keep_devices(void *host, const struct hvcma_xen_domain *d, struct hvcma_fdt_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < d->nr_devices && !ret; i++)
		ret = hvcma_xen_set_passthrough(host, d->devices[i], err);
	return ret;
}

static int put_devices(void *host, int domain, const struct hvcma_xen_domain *d, struct hvcma_fdt_error *err)
{
	for (size_t i = 0; i < d->nr_devices; i++) {
		char path[HVCMA_FDT_PATH_BYTES];
		int node = hvcma_fdt_offset(host, d->devices[i], err);
		int ret = node < 0 ? node : hvcma_fdt_full_path(host, node, path, err);

		if (ret)
			return ret;
		ret = fdt_appendprop_string(host, domain, HVCMA_XEN_DEVICES, path);
		if (ret)
			return failed(err, ret, d->name);
	}
	return 0;
}

/* Xen 4.17 and later; without it a domain has none of Xen's interfaces. */
static int put_enhanced(void *host, int domain, enum hvcma_xen_enhanced enhanced)
{
	static const char *const words[] = {
		[HVCMA_XEN_NO_XENSTORE] = "no-xenstore",
		[HVCMA_XEN_ENHANCED] = "enabled",
	};

	return enhanced == HVCMA_XEN_PLAIN ? 0 : fdt_setprop_string(host, domain, "xen,enhanced", words[enhanced]);
}

/* The node and what is in it; children come last: properties go before them. */
static int put_domain(void *host, int node, const struct hvcma_xen_domain *d, struct hvcma_fdt_error *err)
{
	fdt32_t kib[2];
	int ret;

	ret = fdt_setprop_u32(host, node, "#size-cells", 2);
	if (!ret)
		ret = fdt_setprop_u32(host, node, "#address-cells", 2);
	if (!ret)
		ret = fdt_setprop_string(host, node, "compatible", "xen,domain");
	hvcma_fdt_put(kib, 2, d->memory_bytes / 1024);
	if (!ret)
		ret = fdt_setprop(host, node, "memory", kib, sizeof(kib));
	if (!ret)
		ret = fdt_setprop_u32(host, node, "cpus", d->cpus);
	if (!ret && d->vpl011)
		ret = fdt_setprop_empty(host, node, "vpl011");
	if (!ret)
		ret = put_enhanced(host, node, d->enhanced);
	if (!ret && d->direct_map)
		ret = fdt_setprop_empty(host, node, "direct-map");
	if (ret)
		return failed(err, ret, d->name);
	ret = put_static_memory(host, node, hvcma_xen_static_cells(host), d, err);
	if (!ret)
		ret = put_devices(host, node, d, err);
	for (int i = 0; i < HVCMA_XEN_NR_MODULES && !ret; i++)
		ret = put_module(host, node, d, (enum hvcma_xen_module)i, err);
	return ret;
}

int hvcma_xen_add_domain(void *host, const struct hvcma_xen_domain *d,
			 struct hvcma_fdt_error *err)
{
	int node, ret;

	ret = check_domain(d, err);
	if (!ret)
		ret = keep_devices(host, d, err);
	if (ret)
		return ret;
	node = fdt_path_offset(host, "/chosen");
	if (node == -FDT_ERR_NOTFOUND)
		node = fdt_add_subnode(host, 0, "chosen");
	if (node >= 0)
		node = fdt_add_subnode(host, node, d->name);
	return node < 0 ? failed(err, node, d->name) : put_domain(host, node, d, err);
}

/* ---- a domain's own addresses ---- */

#define RAM0_BASE	UINT64_C(0x40000000)
#define RAM0_BYTES	UINT64_C(0xc0000000)
#define RAM1_BASE	UINT64_C(0x200000000)
#define RAM1_BYTES	UINT64_C(0xfe00000000)

static const struct hvcma_range banks[] = { { RAM0_BASE, RAM0_BYTES }, { RAM1_BASE, RAM1_BYTES } };

#define NR_BANKS	(sizeof(banks) / sizeof(*banks))

int hvcma_xen_static_extents(const struct hvcma_range *static_memory, size_t nr,
			     struct hvcma_window *extents, size_t *nr_extents,
			     struct hvcma_fdt_error *err)
{
	uint64_t used_bytes = 0;
	size_t bank = 0, made = 0;

	for (size_t i = 0; i < nr; i++) {
		struct hvcma_range left = static_memory[i];

		while (left.bytes) {
			uint64_t room_bytes = banks[bank].bytes - used_bytes;
			uint64_t bytes = left.bytes < room_bytes ? left.bytes : room_bytes;

			if (bytes)
				extents[made++] = (struct hvcma_window){ left.base, banks[bank].base + used_bytes, bytes };
			left.base += bytes;
			left.bytes -= bytes;
			used_bytes += bytes;
			if (!left.bytes)
				break;
			if (++bank == NR_BANKS)
				return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "a domain has room for 0x%" PRIx64 " bytes of memory, and its static memory is larger",
						      RAM0_BYTES + RAM1_BYTES);
			used_bytes = 0;
		}
	}
	*nr_extents = made;
	return 0;
}

/* Memory is placed from the start of each bank on. */
static bool is_memory_place(const struct hvcma_range *range, uint64_t memory_bytes)
{
	for (size_t i = 0; i < NR_BANKS && memory_bytes; i++) {
		struct hvcma_range bank = banks[i];

		if (bank.bytes > memory_bytes)
			bank.bytes = memory_bytes;
		memory_bytes -= bank.bytes;
		if (hvcma_xen_overlap(&bank, range))
			return true;
	}
	return false;
}

const char *hvcma_xen_place_of(const struct hvcma_range *range, uint64_t memory_bytes, bool has_vpl011)
{
	static const struct { struct hvcma_range range; const char *what; } places[] = {
		{ { 0x03001000, 0x10000 }, "its interrupt controller" },
		{ { 0x03020000, 0x1000000 }, "its interrupt controller" },
		{ { 0x38000000, 0x1000000 }, "its grant table" },
		{ { 0x39000000, 0x1000000 }, "its pages for Xen's interfaces" },
	};
	static const struct hvcma_range vpl011 = { 0x22000000, HVCMA_XEN_VPL011_BYTES };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (hvcma_xen_overlap(&places[i].range, range))
			return places[i].what;
	if (has_vpl011 && hvcma_xen_overlap(&vpl011, range))
		return "its console (vpl011)";
	return is_memory_place(range, memory_bytes) ? "its memory" : NULL;
}
