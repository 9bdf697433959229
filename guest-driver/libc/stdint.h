/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sources of hv/core ask the C library for, of the kernel. Nothing else includes it.
 */
#ifndef VCMA_LIBC_STDINT_H
#define VCMA_LIBC_STDINT_H

#include <linux/limits.h>
#include <linux/types.h>

#ifndef UINT32_MAX
#define UINT32_MAX	U32_MAX
#endif
#ifndef UINT64_MAX
#define UINT64_MAX	U64_MAX
#endif
#ifndef UINT32_C
#define UINT32_C(c)	c ## U
#endif
#ifndef UINT64_C
#define UINT64_C(c)	c ## ULL
#endif

#endif /* VCMA_LIBC_STDINT_H */
