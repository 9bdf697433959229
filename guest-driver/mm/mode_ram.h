/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mode ram: what of a region's addresses is RAM that a block can be isolated from.
 */
#ifndef VCMA_MODE_RAM_H
#define VCMA_MODE_RAM_H

#include <linux/types.h>

struct vcma_region;

/**
 * vcma_ram_is_usable() - is all of [@gpa, @gpa + @bytes), whole granules, memory of the region that
 * is online, and none that is kept for what reaches nothing else (x86: the first 16 MiB)? What is
 * in the pages is not looked at.
 */
bool vcma_ram_is_usable(const struct vcma_region *r, u64 gpa, u64 bytes);

#endif /* VCMA_MODE_RAM_H */
