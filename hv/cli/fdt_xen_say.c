// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt xen: what is said beside the tree: the fragment for xl, what was left out, findings. See fdt_xen.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/xen.h"
#include "hv/cli/fdt_xen.h"
#include "hv/cli/text.h"

#define MAX_REGISTERS	16
#define MAX_INTERRUPTS	128

static bool is_in(uint32_t number, const uint32_t *list, size_t nr)
{
	while (nr--)
		if (*list++ == number)
			return true;
	return false;
}

/* Each once, though devices may share them. */
static int print_irqs(const struct hvcma_xen_job *x)
{
	uint32_t seen[HVCMA_XEN_MAX_LIST * MAX_INTERRUPTS];
	struct hvcma_xen_interrupt irqs[MAX_INTERRUPTS];
	struct hvcma_fdt_error err;
	size_t nr_seen = 0, nr;

	fputs("irqs = [ ", stdout);
	for (size_t i = 0; i < x->domain.nr_devices; i++) {
		if (hvcma_xen_interrupts(x->host.blob, x->domain.devices[i], irqs, MAX_INTERRUPTS, &nr, &err))
			return hvcma_failed(err.text);
		for (size_t k = 0; k < nr && k < MAX_INTERRUPTS; k++) {
			if (is_in(irqs[k].spi, seen, nr_seen))
				continue;
			printf("%s%u", nr_seen ? ", " : "", irqs[k].spi + 32);
			seen[nr_seen++] = irqs[k].spi;
		}
	}
	fputs(" ]\n", stdout);
	return HVCMA_EXIT_OK;
}

/* Are these pages among those that were warned of before? */
static bool is_warned(const struct hvcma_range *warned, size_t nr, uint64_t first, uint64_t pages)
{
	for (size_t i = 0; i < nr; i++)
		if (first >= warned[i].base && first + pages <= warned[i].base + warned[i].bytes)
			return true;
	return false;
}

/* Pages, each once, though registers may share them. */
static int print_iomem(const struct hvcma_xen_job *x)
{
	struct hvcma_range warned[HVCMA_XEN_MAX_LIST * MAX_REGISTERS];
	struct hvcma_xen_register regs[MAX_REGISTERS];
	struct hvcma_fdt_error err;
	size_t nr_warned = 0, nr;

	fputs("iomem = [ ", stdout);
	for (size_t i = 0; i < x->domain.nr_devices; i++) {
		if (hvcma_xen_registers(x->host.blob, x->domain.devices[i], regs, MAX_REGISTERS, &nr, &err))
			return hvcma_failed(err.text);
		for (size_t k = 0; k < nr && k < MAX_REGISTERS; k++) {
			uint64_t first = regs[k].host >> 12;
			uint64_t pages = ((regs[k].host + regs[k].bytes - 1) >> 12) - first + 1;

			if (is_warned(warned, nr_warned, first, pages))
				continue;
			printf("%s\"0x%" PRIx64 ",%" PRIx64 "\"", nr_warned ? ", " : "", first, pages);
			warned[nr_warned++] = (struct hvcma_range){ first, pages };
		}
	}
	fputs(" ]\n", stdout);
	return HVCMA_EXIT_OK;
}

/* Those behind an IOMMU, which xl has assigned by it; the others it must not be told of. */
static int print_dtdev(const struct hvcma_xen_job *x)
{
	char path[HVCMA_FDT_PATH_BYTES];
	struct hvcma_fdt_error err;
	bool is_behind;
	int nr = 0;

	for (size_t i = 0; i < x->domain.nr_devices; i++) {
		if (hvcma_xen_is_protected(x->host.blob, x->domain.devices[i], path, &is_behind, &err))
			return hvcma_failed(err.text);
		if (is_behind)
			printf("%s\"%s\"", nr++ ? ", " : "dtdev = [ ", path);
	}
	if (nr)
		fputs(" ]\n", stdout);
	return HVCMA_EXIT_OK;
}

/* In one piece for a configuration (xl.cfg); the path as the control domain will have it, if that is here. */
int hvcma_xen_print_xl(const struct hvcma_xen_job *x, const char *tree)
{
	char real[4096];
	int ret;

	if (x->domain.memory_bytes)
		printf("memory = %" PRIu64 "\n", x->domain.memory_bytes >> 20);
	if (x->domain.vpl011)
		puts("vuart = \"sbsa_uart\"");
	printf("device_tree = \"%s\"\n", realpath(tree, real) ? real : tree);
	ret = print_dtdev(x);
	if (!ret)
		ret = print_iomem(x);
	return ret ? ret : print_irqs(x);
}

struct left_out {
	bool has_some;
	bool has_node;
};

static void print_left_out(void *opaque, const char *path, const char *name, bool is_node)
{
	struct left_out *l = opaque;

	if (!l->has_some)
		fprintf(stderr, "hvcma: '%s': left out, to be added by hand where it is needed: ", path);
	fprintf(stderr, "%s%s%s", l->has_some ? ", " : "",
		is_node && !l->has_node ? "nodes " : "", name);
	l->has_some = true;
	l->has_node |= is_node;
}

int hvcma_xen_print_left_out(const struct hvcma_xen_job *x)
{
	struct hvcma_fdt_error err;

	for (size_t i = 0; i < x->domain.nr_devices; i++) {
		struct left_out l = { 0 };

		if (hvcma_xen_left_out(x->host.blob, x->domain.devices[i], print_left_out, &l, &err))
			return hvcma_failed(err.text);
		if (l.has_some)
			fputc('\n', stderr);
	}
	return HVCMA_EXIT_OK;
}

/* ---- findings ---- */

/* What is checked on its own is a result; beside a tree it is said like an error. */
void hvcma_xen_print_finding(void *opaque, const struct hvcma_xen_finding *f)
{
	struct hvcma_xen_job *x = opaque;
	FILE *out = x->is_check ? stdout : stderr;

	x->nr_found[f->severity]++;
	if (!x->is_check)
		fputs("hvcma: ", out);
	if (f->severity != HVCMA_FDT_FAULT)
		fprintf(out, "%s: ", hvcma_fdt_severity_name(f->severity));
	fprintf(out, "%s: ", f->id);
	hvcma_put_printable(out, f->path);
	fputs(": ", out);
	hvcma_put_printable(out, f->text);
	fputc('\n', out);
}
