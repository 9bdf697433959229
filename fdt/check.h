/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What is wrong with memory and DMA in a device tree, judged as Linux will read it.
 *
 * Looks at: cells and lengths of "reg" and "dma-ranges"; memory and reserved memory
 * that overlap; pools: flags, alignment, whether there is memory and room for them;
 * phandles of pools, interrupt and MSI controllers and IOMMUs; windows of all levels
 * (dma.h) that do not cover a client's pool or the default one, or that a buffer
 * could straddle; attributes that contradict each other or what the host's memory
 * attributes allow. Disabled nodes are as if they were not there. One pass over the
 * blob, then O(n log n) in what it found.
 */
#ifndef HVCMA_FDT_CHECK_H
#define HVCMA_FDT_CHECK_H

#include "fdt/windows.h"

struct hvcma_fdt_policy {
	uint64_t pageblock_bytes;	/* CMA's unit in the guest; power of two, 0: 2 MiB */
	uint64_t granule_bytes;		/* of the host's memory; power of two, 0: as in the tree */
	uint32_t stage2;		/* VIRTIO_CMA_STAGE2_*; UNKNOWN: attributes are not judged */
};

enum hvcma_fdt_severity {
	HVCMA_FDT_NOTE,		/* worth knowing: legal, and has a price */
	HVCMA_FDT_WARNING,	/* not what was meant, probably; it does no harm to others */
	HVCMA_FDT_FAULT,	/* does not work, or loses data */
	HVCMA_FDT_NR_SEVERITIES
};

/*
 * All that can be found: an id that stays, the kind it belongs to, how bad it is.
 * The manual, hvcma-fdt(1), explains each; a test compares it with this list.
 */
#define HVCMA_FDT_FINDINGS(X)						\
	X(REG_LENGTH,		"reg-length",		"cells",	WARNING)	\
	X(MEMORY_LENGTH,	"memory-length",	"cells",	FAULT)		\
	X(MEMORY_WRAPS,		"memory-wraps",		"cells",	FAULT)		\
	X(MEMORY_UNKNOWN,	"memory-unknown",	"cells",	NOTE)		\
	X(MEMORY_OVERLAP,	"memory-overlap",	"overlap",	FAULT)		\
	X(RESERVED_CELLS,	"reserved-cells",	"cells",	FAULT)		\
	X(RESERVED_RANGES,	"reserved-ranges",	"reserved",	FAULT)		\
	X(RESERVED_MAPPED,	"reserved-mapped",	"reserved",	WARNING)	\
	X(RESERVED_LENGTH,	"reserved-length",	"cells",	FAULT)		\
	X(RESERVED_EMPTY,	"reserved-empty",	"cells",	WARNING)	\
	X(RESERVED_WRAPS,	"reserved-wraps",	"cells",	FAULT)		\
	X(RESERVED_OVERLAP,	"reserved-overlap",	"overlap",	FAULT)		\
	X(RESERVED_TWICE,	"reserved-twice",	"overlap",	NOTE)		\
	X(RESERVED_MANY,	"reserved-many",	"reserved",	NOTE)		\
	X(POOL_FLAGS,		"pool-flags",		"reserved",	FAULT)		\
	X(POOL_UNMARKED,	"pool-unmarked",	"reserved",	NOTE)		\
	X(POOL_DEFAULTS,	"pool-defaults",	"reserved",	FAULT)		\
	X(POOL_BYPASSED,	"pool-bypassed",	"reserved",	WARNING)	\
	X(POOL_ALIGNMENT,	"pool-alignment",	"alignment",	FAULT)		\
	X(POOL_GRANULES,	"pool-granules",	"alignment",	NOTE)		\
	X(POOL_NO_MEMORY,	"pool-no-memory",	"reserved",	FAULT)		\
	X(POOL_ZONES,		"pool-zones",		"reserved",	FAULT)		\
	X(POOL_HIGH,		"pool-high",		"reserved",	NOTE)		\
	X(POOL_ABOVE_MEMORY,	"pool-above-memory",	"reserved",	WARNING)	\
	X(POOL_RANGES,		"pool-ranges",		"reserved",	WARNING)	\
	X(POOL_LENGTH,		"pool-length",		"cells",	FAULT)		\
	X(POOL_NO_PLACE,	"pool-no-place",	"reserved",	WARNING)	\
	X(POOL_NO_ROOM,		"pool-no-room",		"reserved",	FAULT)		\
	X(POOL_ELSEWHERE,	"pool-elsewhere",	"reserved",	WARNING)	\
	X(POOL_DISABLED,	"pool-disabled",	"reserved",	FAULT)		\
	X(PHANDLE_OPEN,		"phandle-open",		"phandle",	FAULT)		\
	X(PHANDLE_TWICE,	"phandle-twice",	"phandle",	FAULT)		\
	X(PHANDLE_TARGET,	"phandle-target",	"phandle",	FAULT)		\
	X(LIST_LENGTH,		"list-length",		"cells",	FAULT)		\
	X(WINDOW_LENGTH,	"window-length",	"cells",	FAULT)		\
	X(WINDOW_EMPTY,		"window-empty",		"window",	WARNING)	\
	X(WINDOW_WRAPS,		"window-wraps",		"window",	FAULT)		\
	X(WINDOW_OVERLAP,	"window-overlap",	"window",	FAULT)		\
	X(WINDOW_SPACE,		"window-space",		"window",	WARNING)		\
	X(WINDOW_LEAF,		"window-leaf",		"window",	WARNING)	\
	X(WINDOW_PCI,		"window-pci",		"window",	WARNING)	\
	X(WINDOW_LOST,		"window-lost",		"window",	WARNING)	\
	X(WINDOW_LONG,		"window-long",		"window",	FAULT)		\
	X(WINDOW_UNUSED,	"window-unused",	"window",	FAULT)		\
	X(WINDOW_POOL,		"window-pool",		"window",	FAULT)		\
	X(WINDOW_PLACE,		"window-place",		"window",	NOTE)		\
	X(WINDOW_DEFAULT,	"window-default",	"window",	FAULT)		\
	X(WINDOW_DEFAULT_BUS,	"window-default-bus",	"window",	WARNING)	\
	X(WINDOW_MEMORY,	"window-memory",	"window",	NOTE)		\
	X(WINDOW_HIGH,		"window-high",		"window",	NOTE)		\
	X(WINDOW_IOMMU,		"window-iommu",		"window",	NOTE)		\
	X(BORDER,		"border",		"border",	FAULT)		\
	X(COHERENT_BOTH,	"coherent-both",	"attribute",	FAULT)		\
	X(COHERENT_PCI,		"coherent-pci",		"attribute",	WARNING)	\
	X(ATTRIBUTE,		"attribute",		"attribute",	FAULT)

#define HVCMA_FDT_FINDING_ENUM(name, id, kind, severity) HVCMA_FDT_##name,
enum hvcma_fdt_finding_id {
	HVCMA_FDT_FINDINGS(HVCMA_FDT_FINDING_ENUM)
	HVCMA_FDT_NR_FINDINGS
};

struct hvcma_fdt_finding {
	enum hvcma_fdt_finding_id id;
	enum hvcma_fdt_severity severity;
	const char *name;		/* of the id */
	const char *kind;		/* what it has to do with, in a word */
	const char *path;		/* of the node */
	const char *text;
};

/** hvcma_fdt_finding_find() - the finding with this name. Return: -1 if none has it. */
int hvcma_fdt_finding_find(const char *name);

/** hvcma_fdt_severity_name() - "note", "warning", "fault"; "?" for others. */
const char *hvcma_fdt_severity_name(enum hvcma_fdt_severity severity);

/**
 * hvcma_fdt_check() - report all findings.
 * @fdt: validated blob
 * @report: called for each; its strings are valid until it returns
 *
 * Errors: -FDT_ERR_NOSPACE: out of memory, what was reported is not all;
 * -FDT_ERR_BADVALUE: @policy.
 */
int hvcma_fdt_check(const void *fdt, const struct hvcma_fdt_policy *policy,
		    void (*report)(void *opaque, const struct hvcma_fdt_finding *finding),
		    void *opaque, struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_CHECK_H */
