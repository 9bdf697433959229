/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What RAM the host has, by addresses, as /proc/iomem tells: whether a client could ever be
 * given any of it. Says nothing of what is free, or of what hugepages are made of.
 */
#ifndef HVCMA_HOST_HOST_MEMORY_H
#define HVCMA_HOST_HOST_MEMORY_H

#include "hv/core/dma_windows.h"

#define HVCMA_IOMEM	"/proc/iomem"

struct hvcma_host_memory {
	uint64_t lowest_hpa, highest_hpa;	/* first and last byte of all RAM */
	bool is_reached;			/* is there a granule that the client reaches? */
};

/**
 * hvcma_host_memory_reach() - is there RAM for a client with these windows?
 * @path: HVCMA_IOMEM; tests have recorded ones
 * @max_bus: the highest bus address that the client has bits for
 * @granule_bytes: a power of two; a granule is aligned to it, and lies in one window
 * @out: untouched on failure
 *
 * Return: 0; -ENODATA: it is not told to this process (zeros in place of addresses, without
 * CAP_SYS_ADMIN), or there is no RAM in the file; the negative errno of opening it.
 */
int hvcma_host_memory_reach(const char *path, const struct hvcma_dma_windows *windows,
			    uint64_t max_bus, uint64_t granule_bytes,
			    struct hvcma_host_memory *out);

#endif /* HVCMA_HOST_HOST_MEMORY_H */
