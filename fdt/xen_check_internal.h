/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What the files of the check for Xen share: state of one run.
 */
#ifndef HVCMA_FDT_XEN_CHECK_INTERNAL_H
#define HVCMA_FDT_XEN_CHECK_INTERNAL_H

#include "fdt/xen_check.h"
#include "fdt/xen_internal.h"

#define XEN_MAX_RANGES	64	/* of static memory, of registers: more is not looked at */

/* Whose a node of the host's tree is; or index of a domain + 1. */
#define XEN_OWNER_HOST	0	/* the control domain's, if there is one */
#define XEN_OWNER_XEN	(-1)
#define XEN_OWNER_KEPT	(-2)	/* xen,passthrough, and of no domain that is known */

struct xen_domain {
	int node;		/* index; -1: of a toolstack's */
	const char *name;
	uint64_t memory_bytes;	/* 0: not known */
	bool is_direct_mapped, has_vpl011;
	struct hvcma_range static_memory[XEN_MAX_RANGES];
	size_t nr_static_memory;
	const void *partial;	/* NULL: not known */
	struct hvcma_window *extents;	/* malloc; where its memory is */
	size_t nr_extents;	/* 0: not known */
};

struct xen_check {
	struct hvcma_fdt_tree tree;	/* of the host */
	const struct hvcma_xen_build *build;
	hvcma_xen_report_fn *report;
	void *opaque;
	bool no_memory;		/* sticky */
	struct xen_domain *domain;
	int nr_domains;
	int *owner;		/* by node */
};

void hvcma_xen_say(struct xen_check *c, enum hvcma_fdt_severity severity, const char *id,
		   const char *path, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** hvcma_xen_string() - the first string of a property; NULL: it has none that ends inside. */
const char *hvcma_xen_string(const struct hvcma_fdt_tree *t, int node, const char *name);

/* ---- parts of the run ---- */

/* xen_check_memory.c: memory of domains, modules: are they where the host has memory, and nobody else anything? */
void hvcma_xen_check_memory(struct xen_check *c);
/* xen_check_devices.c: whose is what, and is it shared? xen_claim() one by one, then all */
void hvcma_xen_claim_xens(struct xen_check *c);
void hvcma_xen_claim(struct xen_check *c, int domain, const char *path);
void hvcma_xen_check_devices(struct xen_check *c);
/* The node of the console that Xen drives itself; -1: none is named. */
int hvcma_xen_console(const struct xen_check *c);
/* xen_check_partial.c: the partial tree of a domain; first whose devices it names */
void hvcma_xen_claim_partial(struct xen_check *c, int domain);
void hvcma_xen_check_partial(struct xen_check *c, int domain);

#endif /* HVCMA_FDT_XEN_CHECK_INTERNAL_H */
