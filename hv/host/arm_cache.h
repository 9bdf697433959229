/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data cache maintenance by address, from user space. On arm64 DC CIVAC, which
 * Linux permits at EL0; elsewhere nothing, for DMA goes through the caches there.
 *
 * Acts on physical lines, so whatever alias put data there is cleaned as well.
 */
#ifndef HVCMA_HOST_ARM_CACHE_H
#define HVCMA_HOST_ARM_CACHE_H

#include <stddef.h>
#include <stdint.h>

/**
 * hvcma_clean_invalidate() - write dirty lines of a mapping back to memory and
 * drop all of its lines, to the point of coherency; complete on return.
 * @base, @bytes: mapped and readable; lines that stick out are maintained whole
 * @line_bytes: hvcma_stage2_facts.line_bytes
 *
 * Return: how many lines, 0 where there is nothing to do.
 */
uint64_t hvcma_clean_invalidate(const void *base, size_t bytes, uint32_t line_bytes);

#endif /* HVCMA_HOST_ARM_CACHE_H */
