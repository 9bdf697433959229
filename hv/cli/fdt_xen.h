/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvcma fdt xen: what its files share: what was asked for.
 */
#ifndef HVCMA_CLI_FDT_XEN_H
#define HVCMA_CLI_FDT_XEN_H

#include "fdt/xen_check.h"
#include "hv/cli/fdt.h"

#define HVCMA_XEN_MAX_LIST	64	/* devices, ranges, partial trees on one command line */

struct hvcma_xen_job {
	struct hvcma_dtb host;
	struct hvcma_xen_domain domain;	/* name NULL: none is to be added */
	const char *devices[HVCMA_XEN_MAX_LIST];
	struct hvcma_range static_memory[HVCMA_XEN_MAX_LIST];
	struct hvcma_window_list extents;	/* of the domain's memory, as far as it is known */
	struct hvcma_xen_partial partials[HVCMA_XEN_MAX_LIST];
	struct hvcma_dtb partial_files[HVCMA_XEN_MAX_LIST];
	size_t nr_partials;
	struct hvcma_xen_build build;
	bool has_build, has_extents, has_memory, has_cpus, has_modules;
	bool is_check, is_xl;
	const char *region;		/* in a partial tree; NULL: none */
	unsigned int nr_found[HVCMA_FDT_NR_SEVERITIES];
};

/** hvcma_xen_print_xl() - what goes into a configuration with the partial tree in file @tree. Return: an exit value. */
int hvcma_xen_print_xl(const struct hvcma_xen_job *x, const char *tree);

/** hvcma_xen_print_left_out() - on stderr: standard output may be the tree. Return: an exit value. */
int hvcma_xen_print_left_out(const struct hvcma_xen_job *x);

/** hvcma_xen_print_finding() - a hvcma_xen_report_fn; @opaque is the job, in which it counts. */
void hvcma_xen_print_finding(void *opaque, const struct hvcma_xen_finding *finding);

#endif /* HVCMA_CLI_FDT_XEN_H */
