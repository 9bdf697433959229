/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the bare-metal program tells the comparing one: a header, then a result
 * for every combination, in this order, without gaps:
 *
 *	for each value of HCR_EL2.FWB, 0 and 1
 *		for each byte of MAIR_EL1
 *			for each stage-1 SH
 *				AT S1E1R
 *				for each stage-2 MemAttr
 *					for each stage-2 SH
 *						AT S12E1R
 *
 * Little-endian; included by both, so it includes nothing.
 */
#ifndef HVCMA_TESTS_CONFORMANCE_STREAM_H
#define HVCMA_TESTS_CONFORMANCE_STREAM_H

#define AT_MAGIC	0x31544132534c4441ull
#define AT_END		0x444e4554u		/* one uint32_t behind the last result */

#define AT_NR_FWB	2
#define AT_NR_MAIR	256
#define AT_NR_SH	4
#define AT_NR_MEMATTR	16
#define AT_NR_STAGE2	(AT_NR_MEMATTR * AT_NR_SH)

struct at_header {
	unsigned long long magic;
	unsigned long long midr;		/* MIDR_EL1: which processor */
	unsigned long long mmfr2;		/* ID_AA64MMFR2_EL1: FEAT_S2FWB */
	unsigned long long isar1;		/* ID_AA64ISAR1_EL1: FEAT_XS */
	unsigned long long pfr1, pfr2;		/* ID_AA64PFR[12]_EL1: FEAT_MTE2, FEAT_MTE_PERM */
	unsigned long long fwb_kept;		/* HCR_EL2.FWB read back after writing 1 */
};

/* A result: PAR_EL1.ATTR, PAR_EL1.SH, and whether the translation failed or went astray. */
#define AT_RESULT(attr, sh, bad)	((attr) | (sh) << 8 | (bad) << 15)
#define AT_ATTR(result)			((result) & 0xff)
#define AT_SH(result)			((result) >> 8 & 3)
#define AT_BAD(result)			((result) >> 15)

#endif /* HVCMA_TESTS_CONFORMANCE_STREAM_H */
