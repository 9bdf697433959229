// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data cache maintenance by address. See arm_cache.h.
 */
#include "hv/host/arm_cache.h"

#ifdef __aarch64__
uint64_t hvcma_clean_invalidate(const void *base, size_t bytes, uint32_t line_bytes)
{
	uintptr_t line = (uintptr_t)base & ~((uintptr_t)line_bytes - 1);
	uintptr_t end = (uintptr_t)base + bytes;
	uint64_t nr = 0;

	if (!bytes || !line_bytes)
		return 0;
	for (; line < end; line += line_bytes, nr++)
		__asm__ volatile("dc civac, %0" : : "r" (line) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
	return nr;
}
#else
uint64_t hvcma_clean_invalidate(const void *base, size_t bytes, uint32_t line_bytes)
{
	(void)base;
	(void)bytes;
	(void)line_bytes;
	return 0;
}
#endif
