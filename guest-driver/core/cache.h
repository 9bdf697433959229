/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maintenance of the data caches to the point of coherency, by address, through any
 * mapping of the memory; for arm64. Who needs it when is attr.h's.
 *
 * All functions may be called in any context, touch each cache line once, with one
 * instruction, and are complete on return.
 */
#ifndef VCMA_CACHE_H
#define VCMA_CACHE_H

#include <linux/types.h>

/** vcma_cache_clean() - the device is going to use it: memory gets what caches have. */
void vcma_cache_clean(void *cpu, size_t bytes);

/**
 * vcma_cache_invalidate() - the device has written it: caches lose what they have. A line
 * that is only partly in the range is cleaned first: the rest of it is someone else's.
 */
void vcma_cache_invalidate(void *cpu, size_t bytes);

/** vcma_cache_clean_inval() - the memory begins or ends to be mapped uncached. */
void vcma_cache_clean_inval(void *cpu, size_t bytes);

/** vcma_cache_has_whole_lines() - does [@cpu, @cpu + @bytes) share no cache line? */
bool vcma_cache_has_whole_lines(const void *cpu, size_t bytes);

/** vcma_cache_is_maintained() - does this architecture have any of it? */
static inline bool vcma_cache_is_maintained(void)
{
	return IS_ENABLED(CONFIG_ARM64);
}

#endif /* VCMA_CACHE_H */
