/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Does it fit? Domains that Xen starts, their devices, their partial trees, against the machine, what Xen and the
 * control domain (domain 0) have of it, each other, and what the build of Xen can do.
 *
 * Judged as Xen 4.17 and 4.20 read it; a domain that Xen would leave without a device, silently (4.17), or end at (4.20),
 * is a fault. Non-purpose: whether the trees are right in themselves (check.h).
 */
#ifndef HVCMA_FDT_XEN_CHECK_H
#define HVCMA_FDT_XEN_CHECK_H

#include "fdt/check.h"
#include "fdt/xen_build.h"
#include "fdt/xen_domain.h"

struct hvcma_xen_finding {
	enum hvcma_fdt_severity severity;
	const char *id;			/* what it has to do with, in a word: see hvcma-fdt(1) */
	const char *path;		/* of the node; of the host's tree, or of the partial one of the domain that the text names */
	const char *text;
};

/* Its strings are valid until it returns. */
typedef void hvcma_xen_report_fn(void *opaque, const struct hvcma_xen_finding *finding);

struct hvcma_xen_partial {
	const char *domain;		/* name of its node in /chosen */
	const void *blob;		/* validated */
};

/**
 * hvcma_xen_check() - all domains in /chosen of a host's tree.
 * @host: validated
 * @build: of the Xen that is to start them; NULL: what it can do is not judged
 * @partials: @nr partial trees that are known; of other domains the devices are those that hvcma_xen_add_domain() noted
 * @report: for each finding, with @opaque; what it gets is this function's
 *
 * Errors: -FDT_ERR_NOSPACE: out of memory, what was reported is not all; -FDT_ERR_NOTFOUND: a partial tree
 * of no domain that is there.
 */
int hvcma_xen_check(const void *host, const struct hvcma_xen_build *build,
		    const struct hvcma_xen_partial *partials, size_t nr,
		    hvcma_xen_report_fn *report, void *opaque, struct hvcma_fdt_error *err);

/* A domain that a toolstack starts. */
struct hvcma_xen_guest {
	const void *partial;		/* its tree, validated; its xen,path name the devices */
	uint64_t memory_bytes;		/* 0: not known */
	bool is_direct_mapped, has_vpl011;
	const struct hvcma_window *extents;	/* of its memory; "dma" is the machine's */
	size_t nr_extents;		/* 0: not known */
};

/**
 * hvcma_xen_check_guest() - a domain that is not in the host's tree: its devices and its partial tree.
 * The arguments are those of hvcma_xen_check(); nothing of @guest is kept.
 *
 * Errors: -FDT_ERR_NOSPACE: out of memory, what was reported is not all.
 */
int hvcma_xen_check_guest(const void *host, const struct hvcma_xen_guest *guest,
			  const struct hvcma_xen_build *build, hvcma_xen_report_fn *report,
			  void *opaque, struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_XEN_CHECK_H */
