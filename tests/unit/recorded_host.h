/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of a host's sysfs as is read for DMA windows, in a folder of a test: a board with a
 * PCI host bridge, as Linux shows a Raspberry Pi 5.
 *
 *	devices/platform/axi/1000110000.pcie		of_node -> /axi/pcie@1000110000
 *	  pci0001:00/0001:00:00.0/0001:01:00.0		BDF
 *	firmware/fdt, firmware/devicetree/base		the tree
 */
#ifndef TESTS_UNIT_RECORDED_HOST_H
#define TESTS_UNIT_RECORDED_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libfdt.h>

#define RECORDED_BDF	"0001:01:00.0"
#define RECORDED_NODE	"/axi/pcie@1000110000"
#define RECORDED_BRIDGE	"devices/platform/axi/1000110000.pcie"
#define RECORDED_ROOM	(256 << 10)

struct recorded {
	_Alignas(8) char fdt[RECORDED_ROOM];
	char sysfs[64];
};

static inline const char *recorded_path(struct recorded *r, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", r->sysfs, name);
	return path;
}

/* All folders above @path. */
static inline void recorded_folders(const char *path)
{
	char at[4096];

	snprintf(at, sizeof(at), "%s", path);
	for (char *p = strchr(at + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(at, 0700);
		*p = '/';
	}
}

static inline void recorded_put(struct recorded *r, const char *name, const void *data, size_t bytes)
{
	const char *path = recorded_path(r, name);
	FILE *f;

	recorded_folders(path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}

static inline void recorded_link(struct recorded *r, const char *name, const char *target)
{
	const char *path = recorded_path(r, name);
	char full[4096];

	snprintf(full, sizeof(full), "%s/%s", r->sysfs, target);
	recorded_folders(path);
	unlink(path);
	assert_int_equal(symlink(full, path), 0);
}

static inline void recorded_remove(struct recorded *r, const char *name)
{
	char line[4200];

	snprintf(line, sizeof(line), "rm -rf '%s/%s'", r->sysfs, name);
	assert_int_equal(system(line), 0);
}

static inline void recorded_cells(struct recorded *r, const char *node, const char *name,
				  const uint32_t *cells, int nr)
{
	int at = fdt_path_offset(r->fdt, node);

	assert_true(at >= 0);
	fdt_delprop(r->fdt, at, name);
	for (int i = 0; i < nr; i++)
		assert_int_equal(fdt_appendprop_u32(r->fdt, at, name, cells[i]), 0);
}

#define RECORDED_CELLS(r, node, name, ...) do {						\
	const uint32_t recorded_values[] = { __VA_ARGS__ };				\
											\
	recorded_cells(r, node, name, recorded_values,					\
		       (int)(sizeof(recorded_values) / sizeof(*recorded_values)));	\
} while (0)

static inline void recorded_node(struct recorded *r, const char *above, const char *name)
{
	char path[1024];

	assert_true(fdt_add_subnode(r->fdt, fdt_path_offset(r->fdt, above), name) >= 0);
	snprintf(path, sizeof(path), "%s/%s", above[1] ? above : "", name);
	RECORDED_CELLS(r, path, "#address-cells", 2);
	RECORDED_CELLS(r, path, "#size-cells", 2);
}

/* As the kernel shows a node of the tree: a folder, properties as files, and its name as one. */
static inline void recorded_unflatten(struct recorded *r, int node, const char *folder)
{
	char name[2048];
	const char *own = fdt_get_name(r->fdt, node, NULL);
	int at, len;

	snprintf(name, sizeof(name), "%s/name", folder);
	recorded_put(r, name, own, strlen(own) + 1);
	fdt_for_each_property_offset(at, r->fdt, node) {
		const char *prop;
		const void *value = fdt_getprop_by_offset(r->fdt, at, &prop, &len);

		snprintf(name, sizeof(name), "%s/%s", folder, prop);
		recorded_put(r, name, value, (size_t)len);
	}
	fdt_for_each_subnode(at, r->fdt, node) {
		snprintf(name, sizeof(name), "%s/%s", folder, fdt_get_name(r->fdt, at, NULL));
		recorded_unflatten(r, at, name);
	}
}

/* What was changed in r->fdt is seen from now on: as booted with, as it is now. */
static inline void recorded_boot(struct recorded *r)
{
	recorded_put(r, "firmware/fdt", r->fdt, fdt_totalsize(r->fdt));
}

static inline void recorded_live(struct recorded *r)
{
	recorded_remove(r, "firmware/devicetree/base");
	recorded_unflatten(r, 0, "firmware/devicetree/base");
}

static inline int recorded_setup(void **state)
{
	struct recorded *r = calloc(1, sizeof(*r));

	snprintf(r->sysfs, sizeof(r->sysfs), "/tmp/hvcma-sys.XXXXXX");
	assert_non_null(mkdtemp(r->sysfs));
	assert_int_equal(fdt_create_empty_tree(r->fdt, RECORDED_ROOM), 0);
	RECORDED_CELLS(r, "/", "#address-cells", 2);
	RECORDED_CELLS(r, "/", "#size-cells", 2);
	recorded_node(r, "/", "axi");
	RECORDED_CELLS(r, "/axi", "dma-ranges", 0, 0, 0, 0, 0x10, 0, 0x10, 0, 0x10, 0, 1, 0);
	recorded_node(r, "/axi", "pcie@1000110000");
	assert_int_equal(fdt_setprop_string(r->fdt, fdt_path_offset(r->fdt, RECORDED_NODE),
					    "device_type", "pci"), 0);
	RECORDED_CELLS(r, RECORDED_NODE, "#address-cells", 3);
	RECORDED_CELLS(r, RECORDED_NODE, "dma-ranges", 0x03000000, 0x10, 0, 0, 0, 0x10, 0,
		       0x03000000, 0xff, 0xfffff000, 0x10, 0x00131000, 0, 0x1000);
	recorded_boot(r);
	recorded_live(r);
	recorded_put(r, RECORDED_BRIDGE "/pci0001:00/0001:00:00.0/" RECORDED_BDF "/vendor", "0x1\n", 4);
	recorded_link(r, RECORDED_BRIDGE "/of_node", "firmware/devicetree/base" RECORDED_NODE);
	recorded_link(r, "bus/pci/devices/" RECORDED_BDF,
		      RECORDED_BRIDGE "/pci0001:00/0001:00:00.0/" RECORDED_BDF);
	*state = r;
	return 0;
}

static inline int recorded_teardown(void **state)
{
	struct recorded *r = *state;

	recorded_remove(r, "");
	free(r);
	return 0;
}

#define RECORDED_TEST(name)	cmocka_unit_test_setup_teardown(name, recorded_setup, recorded_teardown)

#endif /* TESTS_UNIT_RECORDED_HOST_H */
