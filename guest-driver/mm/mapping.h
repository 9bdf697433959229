/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU mappings of isolated pages that have a linear address: cached, that is the mapping; uncached,
 * one beside it, after the caches have given up what they have of the pages. As long as that
 * exists nothing uses the linear one: the pages are isolated. On x86, where two memory types for
 * one page are not allowed, the linear address itself changes.
 */
#ifndef VCMA_MAPPING_H
#define VCMA_MAPPING_H

#include "core/mode.h"

/** vcma_mapping_make(), vcma_mapping_end() - as vcma_mode.map and unmap. */
int vcma_mapping_make(struct vcma_block *block, unsigned long first_page, unsigned long nr_pages,
		      enum vcma_attr attr, void **cpu);
int vcma_mapping_end(struct vcma_block *block, unsigned long first_page, unsigned long nr_pages,
		     enum vcma_attr attr, void *cpu);

#endif /* VCMA_MAPPING_H */
