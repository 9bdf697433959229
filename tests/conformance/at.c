// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bare metal, EL2: has the processor translate one address for every combination
 * of memory attributes of both stages and tells what PAR_EL1 says. It knows no
 * rule: compare.c does the judging, on the outside.
 *
 * The EL1&0 regime is set up but never entered. Its stage 1 maps 2,048 pages, one
 * for each (attribute index, SH, page of stage 2); stage 2 has 64 pages, one for
 * each (MemAttr, SH). All end at the same physical page. MAIR_EL1 then goes
 * through all bytes, eight at a time.
 */
#include "tests/conformance/stream.h"

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned long long u64;

/* start.S */
long semihosting(u32 operation, const void *block);
u64 at_s1e1r(u64 va);
u64 at_s12e1r(u64 va);
int run(void);

#define PAGE		0x1000ull
#define ENTRIES		512
#define NR_IDX		8		/* attributes in MAIR_EL1 */
#define NR_STAGE1	(NR_IDX * AT_NR_SH)
#define BASE		0x80000000ull	/* of the mapped pages, virtual and intermediate */

#define aligned_table	__attribute__((aligned(PAGE)))
static u64 s1_l1[ENTRIES] aligned_table, s1_l2[ENTRIES] aligned_table;
static u64 s1_l3[NR_STAGE1 * AT_NR_STAGE2] aligned_table;
static u64 s2_l1[ENTRIES] aligned_table, s2_l2[ENTRIES] aligned_table;
static u64 s2_l3[ENTRIES] aligned_table;
static unsigned char target[PAGE] aligned_table;

static u16 results[NR_IDX][AT_NR_SH][1 + AT_NR_STAGE2];

#define TABLE(t)	((u64)(t) | 3)
#define PAGE_VALID	3ull
#define BLOCK_VALID	1ull
#define AF		(1ull << 10)
#define S1_ATTR(i)	((u64)(i) << 2)
#define S2_ATTR(m)	((u64)(m) << 2)
#define S2_RW		(3ull << 6)
#define SH(s)		((u64)(s) << 8)

#define read_reg(r)	({ u64 v_; __asm__ volatile("mrs %0, " r : "=r" (v_)); v_; })
#define write_reg(r, v)	__asm__ volatile("msr " r ", %0" : : "r" ((u64)(v)))

#define HCR_VM		(1ull << 0)
#define HCR_RW		(1ull << 31)
#define HCR_FWB		(1ull << 46)

/* 39 bits, 4 KiB pages, tables Write-Back and Inner Shareable, 40 bits out. */
#define TCR		(25ull | 1ull << 8 | 1ull << 10 | 3ull << 12 | 1ull << 23 | 2ull << 32)
#define VTCR		(25ull | 1ull << 6 | 1ull << 8 | 1ull << 10 | 3ull << 12 | 2ull << 16 | 1ull << 31)
#define SCTLR		(0x30d00800ull | 1)

static int out = -1;

static int out_open(void)
{
	static const char name[] = ":tt";
	const u64 block[] = { (u64)name, 4 /* "w" */, sizeof(name) - 1 };

	out = (int)semihosting(0x01, block);
	return out;
}

static int out_write(const void *data, u64 bytes)
{
	const u64 block[] = { (u64)out, (u64)data, bytes };

	return semihosting(0x05, block) ? -1 : 0;	/* bytes not written */
}

static void map_stage1(void)
{
	s1_l1[BASE >> 30] = TABLE(s1_l2);
	for (u32 i = 0; i < NR_STAGE1 * AT_NR_STAGE2 / ENTRIES; i++)
		s1_l2[i] = TABLE(&s1_l3[i * ENTRIES]);
	for (u32 s1 = 0; s1 < NR_STAGE1; s1++)
		for (u32 s2 = 0; s2 < AT_NR_STAGE2; s2++)
			s1_l3[s1 * AT_NR_STAGE2 + s2] =
				(BASE + s2 * PAGE) | S1_ATTR(s1 / AT_NR_SH) |
				SH(s1 % AT_NR_SH) | AF | PAGE_VALID;
}

/* The tables of stage 1 are themselves seen through stage 2: 1 GiB, one to one. */
static void map_stage2(int fwb)
{
	s2_l1[0x40000000ull >> 30] = 0x40000000ull | S2_ATTR(fwb ? 6 : 0xf) | S2_RW |
				     SH(3) | AF | BLOCK_VALID;
	s2_l1[BASE >> 30] = TABLE(s2_l2);
	s2_l2[0] = TABLE(s2_l3);
	for (u32 s2 = 0; s2 < AT_NR_STAGE2; s2++)
		s2_l3[s2] = (u64)target | S2_ATTR(s2 / AT_NR_SH) | S2_RW |
			    SH(s2 % AT_NR_SH) | AF | PAGE_VALID;
}

static void flush(void)
{
	__asm__ volatile("dsb sy; isb; tlbi alle1; dsb sy; isb" : : : "memory");
}

static u16 result(u64 par, u64 address)
{
	int bad = (par & 1) || (par & 0xfffffffff000ull) != address;

	return (u16)AT_RESULT(par >> 56, par >> 7 & 3, bad);
}

static int try_all(int fwb)
{
	map_stage2(fwb);
	write_reg("hcr_el2", HCR_RW | HCR_VM | (fwb ? HCR_FWB : 0));
	for (u32 mair = 0; mair < AT_NR_MAIR; mair += NR_IDX) {
		u64 bytes = 0;

		for (u32 i = 0; i < NR_IDX; i++)
			bytes |= (u64)(mair + i) << (i * 8);
		write_reg("mair_el1", bytes);
		flush();
		for (u32 s1 = 0; s1 < NR_STAGE1; s1++) {
			u64 va = BASE + s1 * AT_NR_STAGE2 * PAGE;
			u16 *r = results[s1 / AT_NR_SH][s1 % AT_NR_SH];

			*r++ = result(at_s1e1r(va), BASE);
			for (u32 s2 = 0; s2 < AT_NR_STAGE2; s2++)
				*r++ = result(at_s12e1r(va + s2 * PAGE), (u64)target);
		}
		if (out_write(results, sizeof(results)))
			return -1;
	}
	return 0;
}

int run(void)
{
	static const u32 end = AT_END;
	struct at_header header = {
		.magic = AT_MAGIC,
		.midr = read_reg("midr_el1"),
		.mmfr2 = read_reg("s3_0_c0_c7_2"),
		.isar1 = read_reg("id_aa64isar1_el1"),
		.pfr1 = read_reg("id_aa64pfr1_el1"),
		.pfr2 = read_reg("s3_0_c0_c4_2"),
	};

	map_stage1();
	write_reg("tcr_el1", TCR);
	write_reg("ttbr0_el1", s1_l1);
	write_reg("vtcr_el2", VTCR);
	write_reg("vttbr_el2", s2_l1);
	write_reg("sctlr_el1", SCTLR);
	write_reg("hcr_el2", HCR_RW | HCR_VM | HCR_FWB);
	header.fwb_kept = !!(read_reg("hcr_el2") & HCR_FWB);
	flush();

	if (out_open() < 0)
		return 1;
	if (out_write(&header, sizeof(header)) || try_all(0) || try_all(1) ||
	    out_write(&end, sizeof(end)))
		return 2;
	return 0;
}
