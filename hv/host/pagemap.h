/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where granules of this process's memory lie in host-physical memory, read
 * from /proc/self/pagemap. Reads only: faults nothing in, keeps nothing in place.
 */
#ifndef HVCMA_HOST_PAGEMAP_H
#define HVCMA_HOST_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/host/provider.h"

struct hvcma_pagemap {
	int fd;
	bool has_hpa;		/* physical addresses are shown to this process; may be cleared */
	uint64_t entry_bytes;	/* memory that one entry stands for */
};

/**
 * hvcma_pagemap_open() - open and find out what the kernel shows.
 *
 * Return: 0 (then hvcma_pagemap_close()), or the negative errno of opening or
 * reading /proc/self/pagemap with words in @err.
 */
int hvcma_pagemap_open(struct hvcma_pagemap *pm, struct hvcma_error *err);
void hvcma_pagemap_close(struct hvcma_pagemap *pm);

/**
 * hvcma_pagemap_locate() - physical base of each of @nr granules from @base on.
 * @page_bytes: host page behind the mapping; divides @granule_bytes
 * @hpa: out, nr entries: HVCMA_HPA_ABSENT (one page at least), HVCMA_HPA_SWAPPED
 *	(one page at least, and none is absent), HVCMA_HPA_SPLIT, or the address;
 *	without has_hpa 0 for every granule that is mapped
 *
 * Return: 0, or the negative errno of the read (@hpa is then undefined).
 */
int hvcma_pagemap_locate(const struct hvcma_pagemap *pm, const void *base,
			 uint64_t granule_bytes, uint64_t page_bytes,
			 uint64_t nr, uint64_t *hpa);

#endif /* HVCMA_HOST_PAGEMAP_H */
