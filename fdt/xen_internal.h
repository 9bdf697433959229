/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What the files about Xen share: questions to the host's tree, by index.
 */
#ifndef HVCMA_FDT_XEN_INTERNAL_H
#define HVCMA_FDT_XEN_INTERNAL_H

#include "fdt/tree.h"
#include "fdt/xen.h"

/* What Xen maps whole ones of. */
#define HVCMA_XEN_PAGE_BYTES	UINT64_C(4096)

/** hvcma_xen_overlap() - have these a byte in common? Neither is empty or wraps. */
static inline bool hvcma_xen_overlap(const struct hvcma_range *a, const struct hvcma_range *b)
{
	return a->base <= b->base ? b->base - a->base < a->bytes : a->base - b->base < b->bytes;
}

/** hvcma_xen_find_gic() - the one that Xen drives, intc_dt_preinit(): the first it knows; -1: none. */
int hvcma_xen_find_gic(const struct hvcma_fdt_tree *t);

/** hvcma_xen_memory_at() - the node of memory, or of reserved memory, that has a byte of a range; -1: none. */
int hvcma_xen_memory_at(const struct hvcma_fdt_tree *t, const struct hvcma_range *range);

/** hvcma_xen_is_behind_iommu() - has the device an IOMMU? */
bool hvcma_xen_is_behind_iommu(const struct hvcma_fdt_tree *t, int device);

/** hvcma_xen_read_interrupts() - hvcma_xen_interrupts() of a device by index, with its path. */
int hvcma_xen_read_interrupts(const struct hvcma_fdt_tree *t, int device, const char *path,
			      struct hvcma_xen_interrupt *irqs, size_t room, size_t *nr,
			      struct hvcma_fdt_error *err);

#endif /* HVCMA_FDT_XEN_INTERNAL_H */
