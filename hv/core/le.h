/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Little-endian wire integers to host order and back, on any host.
 */
#ifndef HVCMA_CORE_LE_H
#define HVCMA_CORE_LE_H

#include <linux/types.h>
#include <stdint.h>

#ifdef __CHECKER__
#define HVCMA_FORCE	__attribute__((force))
#else
#define HVCMA_FORCE
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HVCMA_SWAP32(x)	(x)
#define HVCMA_SWAP64(x)	(x)
#else
#define HVCMA_SWAP32(x)	__builtin_bswap32(x)
#define HVCMA_SWAP64(x)	__builtin_bswap64(x)
#endif

static inline uint32_t hvcma_from_le32(__le32 v)
{
	return HVCMA_SWAP32((HVCMA_FORCE uint32_t)v);
}

static inline uint64_t hvcma_from_le64(__le64 v)
{
	return HVCMA_SWAP64((HVCMA_FORCE uint64_t)v);
}

static inline __le32 hvcma_to_le32(uint32_t v)
{
	return (HVCMA_FORCE __le32)HVCMA_SWAP32(v);
}

static inline __le64 hvcma_to_le64(uint64_t v)
{
	return (HVCMA_FORCE __le64)HVCMA_SWAP64(v);
}

#endif /* HVCMA_CORE_LE_H */
