/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What is wrong with memory and DMA in a device tree.
 *
 * Looks at: cells and lengths of "reg" and "dma-ranges"; memory and reserved
 * memory that overlap; alignment of pools; phandles of pools, interrupt and MSI
 * controllers and IOMMUs; windows that do not cover a client's region, that a
 * buffer could straddle, or that an IOMMU makes wrong; attributes that contradict
 * each other or what the host's memory attributes allow. One pass over the blob,
 * then O(n log n) in what it found.
 */
#ifndef HVCMA_FDT_CHECK_H
#define HVCMA_FDT_CHECK_H

#include "fdt/windows.h"

struct hvcma_fdt_policy {
	uint64_t pageblock_bytes;	/* CMA's unit in the guest; power of two, 0: 2 MiB */
	uint64_t granule_bytes;		/* of the host's memory; power of two, 0: as in the tree */
	uint32_t stage2;		/* VIRTIO_CMA_STAGE2_*; UNKNOWN: attributes are not judged */
};

#define HVCMA_FDT_FINDINGS(X)							\
	X(CELLS,	"cells")	/* lengths and cells that do not fit */	\
	X(OVERLAP,	"overlap")						\
	X(ALIGNMENT,	"alignment")						\
	X(PHANDLE,	"phandle")	/* dangling, or used twice */		\
	X(RESERVED,	"reserved")	/* a pool that can't work */		\
	X(WINDOW,	"window")	/* not covered, or not possible */	\
	X(BORDER,	"border")	/* a buffer could lie across it */	\
	X(ATTRIBUTE,	"attribute")	/* contradicts the policy */

#define HVCMA_FDT_FINDING_ENUM(name, text) HVCMA_FDT_##name,
enum hvcma_fdt_finding_kind {
	HVCMA_FDT_FINDINGS(HVCMA_FDT_FINDING_ENUM)
	HVCMA_FDT_NR_FINDINGS
};

struct hvcma_fdt_finding {
	enum hvcma_fdt_finding_kind kind;
	int is_note;			/* worth knowing, not wrong */
	const char *path;		/* of the node */
	const char *text;
};

/** hvcma_fdt_finding_name() - the word of the table; "?" for an unknown kind. */
const char *hvcma_fdt_finding_name(enum hvcma_fdt_finding_kind kind);

/**
 * hvcma_fdt_check() - report all findings.
 * @fdt: validated blob
 * @report: called for each; its strings are valid until it returns
 * @nr: out, findings that are no notes
 *
 * Errors: -FDT_ERR_NOSPACE: out of memory; -FDT_ERR_BADVALUE: @policy.
 */
int hvcma_fdt_check(const void *fdt, const struct hvcma_fdt_policy *policy,
		    void (*report)(void *opaque, const struct hvcma_fdt_finding *finding),
		    void *opaque, unsigned int *nr, struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_CHECK_H */
