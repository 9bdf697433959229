/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sources of hv/core ask the C library for, of the kernel. Nothing else includes it.
 */
#ifndef VCMA_LIBC_STDDEF_H
#define VCMA_LIBC_STDDEF_H

#include <linux/stddef.h>

#endif /* VCMA_LIBC_STDDEF_H */
