/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's hugepage pools, for messages and tests. Changes nothing.
 */
#ifndef HVCMA_HOST_HUGEPAGES_H
#define HVCMA_HOST_HUGEPAGES_H

#include <stdint.h>

/* In pages, over all NUMA nodes. */
struct hvcma_hugepages {
	uint64_t total;
	uint64_t free;
	uint64_t reserved;	/* of the free ones, promised to mappings */
	uint64_t surplus;	/* made on demand beyond the pool */
	uint64_t surplus_limit;	/* so many may be, at most */
};

/**
 * hvcma_hugepages_read() - the pool of pages of @page_bytes.
 *
 * Return: 0, -ENOENT if the kernel has no such pool, or -EIO.
 */
int hvcma_hugepages_read(uint64_t page_bytes, struct hvcma_hugepages *pool);

#endif /* HVCMA_HOST_HUGEPAGES_H */
