/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sources of hv/core ask the C library for, of the kernel. Nothing else includes it.
 */
#ifndef VCMA_LIBC_STDBOOL_H
#define VCMA_LIBC_STDBOOL_H

#include <linux/types.h>

#endif /* VCMA_LIBC_STDBOOL_H */
