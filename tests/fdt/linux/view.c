// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What Linux makes of device trees: its own files, as a program.
 *
 *	linux-view FILE...
 *
 * For each: what it says while it reads reserved memory, the pools that come of it, and the
 * dma_range_map and coherency of each device. linux-ours prints the same of hvcma's; compare.py
 * compares.
 *
 * Whole files of Linux are included; of others, single functions that build.sh takes out of
 * them. Boot is as on arm64, without what is not in the tree: the kernel's own image.
 */
#define pr_fmt(fmt) fmt
#include "shim.h"

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_OF			1
#define CONFIG_OF_FLATTREE		1
#define CONFIG_OF_EARLY_FLATTREE	1
#define CONFIG_OF_ADDRESS		1
#define CONFIG_OF_RESERVED_MEM		1
#define CONFIG_OF_KOBJ			1	/* disabled nodes are kept */
#define CONFIG_HAS_DMA			1
#define CONFIG_PCI			1
#define CONFIG_CMA			1
#define CONFIG_PHYS_ADDR_T_64BIT	1

#include <linux/cleanup.h>
#include <linux/memblock.h>
#include <linux/libfdt.h>

struct of_device_id {
	char name[32], type[32], compatible[128];
	const void *data;
};

#include <linux/of.h>
#include <linux/of_fdt.h>
#include <linux/of_address.h>
#include <linux/of_reserved_mem.h>
#include <version.h>

/* ---- what those files expect of others ---- */

#define ROOM		(1u << 20)	/* beside each tree */
#define CMA_MIN_ALIGNMENT_BYTES	SZ_2M
#define MAX_CMA_AREAS	20
#define CMA_MAX_NAME	64
#define memblock_alloc(size, align) calloc(1, size)
#define dma_contiguous_early_fixup(base, size) do { } while (0)
#define of_alias_scan(alloc) do { } while (0)
#define __reservedmem_of_table	__start___reservedmem_of_table
/* The linker knows where the table ends; Linux has a variable behind it. */
#define __rmem_of_table_sentinel (*table_end)

struct cma {
	unsigned long base_pfn, count;
	unsigned int order_per_bit;
	char name[CMA_MAX_NAME];
};

const struct fwnode_operations of_fwnode_ops;
KTYPE of_node_ktype;
struct device_node *of_root, *of_chosen, *of_aliases, *of_stdout;
struct mutex of_mutex;
raw_spinlock_t devtree_lock;
static char boot_command_line[COMMAND_LINE_SIZE];
uint8_t __dtb_empty_root_begin[1], __dtb_empty_root_end[1];
static unsigned long long elfcorehdr_addr, elfcorehdr_size;
static struct cma cma_areas[MAX_CMA_AREAS], *dma_contiguous_default_area;
static unsigned int cma_area_count;
static unsigned long totalcma_pages;
static long size_cmdline = -1;
static bool dma_default_coherent;
static phys_addr_t phys_initrd_start __maybe_unused;
static unsigned long phys_initrd_size __maybe_unused;
static unsigned long initrd_start __maybe_unused, initrd_end __maybe_unused;
static int initrd_below_start_ok __maybe_unused;
static const struct reserved_mem_ops rmem_cma_ops, rmem_dma_ops, rmem_swiotlb_ops;

#include "drivers/of/of_private.h"
#define OF_PHANDLE_CACHE_BITS	7
#define OF_PHANDLE_CACHE_SZ	(1 << OF_PHANDLE_CACHE_BITS)
#define hash_32(value, bits)	((u32)((value) * 0x61C88647u) >> (32 - (bits)))
static struct device_node *phandle_cache[OF_PHANDLE_CACHE_SZ];
#include "parts/base.c"
#include "parts/property.c"
#undef pr_fmt
#include "drivers/of/fdt.c"
#undef pr_fmt
#include "drivers/of/of_reserved_mem.c"
#undef pr_fmt
#include "drivers/of/address.c"
#undef pr_fmt
#define pr_fmt(fmt) fmt
#include "parts/cma.c"

RESERVEDMEM_OF_DECLARE(cma, "shared-dma-pool", rmem_cma_setup);
RESERVEDMEM_OF_DECLARE(dma, "shared-dma-pool", rmem_dma_setup);
RESERVEDMEM_OF_DECLARE(swiotlb, "restricted-dma-pool", rmem_swiotlb_setup);
extern const struct of_device_id __stop___reservedmem_of_table[];

/* What memblock.c, which is compiled with the headers of its own simulator, wants. */
#undef kmalloc
#undef kfree
void *kmalloc(size_t bytes, gfp_t flags);
void kfree(void *p);
bool movable_node_enabled;

void *kmalloc(size_t bytes, gfp_t flags)
{
	(void)flags;
	return malloc(bytes);
}

void kfree(void *p)
{
	free(p);
}

/* ---- what it says ---- */

/* As Linux's printk(), as far as these files use it: %pa is a pointer to an address. */
void shim_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("say ", stdout);
	for (; *fmt; fmt++) {
		char one[8] = "%";
		size_t n = 1;

		if (*fmt != '%') {
			putchar(*fmt == '\n' ? ' ' : *fmt);
			continue;
		}
		if (!strncmp(fmt, "%pa", 3)) {
			printf("0x%llx", (unsigned long long)*va_arg(args, phys_addr_t *));
			fmt += 2;
			continue;
		}
		if (!strncmp(fmt, "%pOF", 4)) {
			fputs(va_arg(args, struct device_node *)->full_name, stdout);
			fmt += 3;
			continue;
		}
		do
			one[n++] = *++fmt;
		while (*fmt == 'l' || *fmt == '#' || *fmt == '0');
		if (*fmt == 's')
			printf(one, va_arg(args, char *));
		else if (one[1] == 'l')
			printf(one, va_arg(args, unsigned long));
		else
			printf(one, va_arg(args, unsigned int));
	}
	putchar('\n');
	va_end(args);
}

static void print_path(const struct device_node *np)
{
	if (np->parent && np->parent->parent)
		print_path(np->parent);
	printf("/%s", kbasename(np->full_name));
}

static void print_windows(const char *kind, struct device_node *np, struct device_node *bus)
{
	const struct bus_dma_region *map = NULL;
	int ret = of_dma_get_range(bus, &map);

	if (ret == -ENODEV)
		return;
	printf("%s ", kind);
	print_path(np);
	for (; !ret && map->size; map++)
		printf(" 0x%llx:0x%llx:0x%llx", (unsigned long long)map->cpu_start,
		       (unsigned long long)map->dma_start, (unsigned long long)map->size);
	puts(ret ? " none" : "");
}

static bool is_below_pci(struct device_node *np)
{
	return np->parent && of_bus_pci_match(np->parent);
}

static void print_device(struct device_node *np)
{
	if (!np->parent || !of_get_property(np, "compatible", NULL) || is_below_pci(np))
		return;
	if (of_bus_pci_match(np))
		print_windows("pci", np, np);
	else
		print_windows("dma", np, __of_get_dma_parent(np));
	if (of_dma_is_coherent(np)) {
		fputs("coherent ", stdout);
		print_path(np);
		putchar('\n');
	}
}

/* Of several ranges Linux makes a pool of the first; 6.12 says so. */
static bool is_long(unsigned long node)
{
	int len;

	return of_get_flat_dt_prop(node, "reg", &len) &&
	       len / (int)sizeof(__be32) > dt_root_addr_cells + dt_root_size_cells;
}

static void print_pools(void)
{
	for (unsigned long i = 0; i < memblock.memory.cnt; i++)
		printf("memory 0x%llx 0x%llx\n", (unsigned long long)memblock.memory.regions[i].base,
		       (unsigned long long)memblock.memory.regions[i].size);
	for (int i = 0; i < reserved_mem_count; i++) {
		const struct reserved_mem *r = &reserved_mem[i];
		const __be32 *align = of_get_flat_dt_prop(r->fdt_node, "alignment", NULL);

		if (!r->size)		/* Linux 6.1 keeps those that it has found no place for */
			continue;
		if (align && !of_get_flat_dt_prop(r->fdt_node, "reg", NULL) &&
		    r->base % dt_mem_next_cell(dt_root_addr_cells, &align))
			printf("misplaced %s\n", r->name);
		if (is_long(r->fdt_node))
			printf("long %s\n", r->name);
		if (r->ops != &rmem_cma_ops && of_get_flat_dt_prop(r->fdt_node, "linux,cma-default", NULL))
			printf("ineffective %s\n", r->name);
		printf("pool %s 0x%llx 0x%llx %s\n", r->name, (unsigned long long)r->base,
		       (unsigned long long)r->size, r->ops == &rmem_cma_ops ? "cma" :
		       r->ops == &rmem_dma_ops ? "dma" : r->ops ? "swiotlb" : "none");
	}
}

/* "cma=" as dma_contiguous_reserve() and early_param() see it. */
static void scan_command_line(void)
{
	const char *cma = strstr(boot_command_line, "cma=");

	if (cma && (cma == boot_command_line || strchr(" \t\n", cma[-1])))
		size_cmdline = strtol(cma + 4, NULL, 0);
}

static void view(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct device_node *np;
	void *blob = NULL;
	size_t bytes;

	table_end = __stop___reservedmem_of_table;
	if (!file || posix_memalign(&blob, 8, 1u << 25))
		exit(1);
	bytes = fread(blob, 1, (1u << 25) - ROOM, file);
	if (!bytes || !VERIFY(blob))
		exit(1);
	early_init_dt_scan_nodes();
	scan_command_line();
	early_init_fdt_scan_reserved_mem();
	unflatten_device_tree();
	print_pools();
	for (np = of_find_all_nodes(NULL); np; np = of_find_all_nodes(np))
		print_device(np);
}

int main(int argc, char **argv)
{
	int failed = 0;

	/* Linux boots once: a process for each */
	for (int i = 1; i < argc; i++) {
		int status = -1;
		pid_t pid;

		printf("file %s\n", argv[i]);
		fflush(stdout);
		pid = fork();
		if (!pid) {
			view(argv[i]);
			fflush(stdout);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
			printf("broken %d\n", status);
			failed = 1;
		}
	}
	return failed;
}
