// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares what a processor said of every combination of memory attributes
 * (stream.h) with hv/core/attr, and prints TAP.
 *
 * Usage: compare NAME FILE [NAME FILE]...
 *
 * The processors are QEMU's models. Where QEMU is known to differ, the difference
 * is a row of the table below: with the rule that decides, and a function that
 * says what QEMU answers instead. An answer that is neither the table's nor that
 * one fails. Combinations that the architecture leaves open can't be right or
 * wrong: they are counted, no more.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/core/attr.h"
#include "tests/conformance/stream.h"

struct combination {
	uint8_t mair, s1_sh, memattr, s2_sh;
	bool stage2;			/* both stages, or stage 1 alone */
	unsigned int features;
	struct hvcma_mem_attr expected;
};

/* The type of stage 2's MemAttr without FWB as a MAIR byte, as QEMU has it. */
static uint8_t s2_as_mair(uint8_t memattr)
{
	static const uint8_t half[] = { 0x0, 0x4, 0xa, 0xf };

	if (memattr < 4)
		return memattr << 2;
	return half[memattr >> 2] << 4 | half[memattr & 3];
}

/* ---- where QEMU differs: each returns its answer, or -1 if the row does not apply ---- */

static int fwb_device_over_device(const struct combination *c)
{
	if (!c->stage2 || !(c->features & HVCMA_ATTR_FWB) || c->memattr > 3)
		return -1;
	return c->memattr << 2;
}

static int device_judged_by_low_half(const struct combination *c)
{
	uint8_t s2, low1, low2;

	if (!c->stage2 || (c->features & HVCMA_ATTR_FWB))
		return -1;
	s2 = s2_as_mair(c->memattr);
	if ((c->mair & 0xf0) && (s2 & 0xf0))
		return -1;
	low1 = (c->mair == 0xf0 ? 0xff : c->mair) & 0xf;
	low2 = s2 & 0xf;
	for (uint8_t type = 0; type <= 8; type += 4)
		if (low1 == type || low2 == type)
			return type;
	return 0xc;
}

static int transient_lost(const struct combination *c)
{
	struct hvcma_mem_attr a = c->expected;

	if (!c->stage2 || (c->features & HVCMA_ATTR_FWB) || a.mem != HVCMA_MEM_NORMAL)
		return -1;
	if (a.outer.cache == HVCMA_CACHE_WT && c->mair >> 4 >= 5 && c->mair >> 4 <= 7)
		a.outer.transient = false;
	if (a.inner.cache == HVCMA_CACHE_WT && (c->mair & 0xf) >= 5 && (c->mair & 0xf) <= 7)
		a.inner.transient = false;
	a.xs = true;
	return hvcma_attr_par(&a);
}

static int xs_not_reported(const struct combination *c)
{
	struct hvcma_mem_attr a = c->expected;

	a.xs = true;
	return hvcma_attr_par(&a);
}

/* Halves of both stages, without FWB. */
static uint8_t combine_halves(uint8_t s1, uint8_t s2)
{
	if (s1 == 4 || s2 == 4)
		return 4;
	return s2 >> 2 == 2 && (s1 & 4) ? 8 | (s1 & 3) : s1;
}

static int xs_byte_combined(const struct combination *c)
{
	uint8_t s2 = s2_as_mair(c->memattr);

	if (!c->stage2 || (c->mair != 0x40 && c->mair != 0xa0))
		return -1;
	if (c->features & HVCMA_ATTR_FWB)
		return c->memattr == 6 ? 0xef : -1;
	return combine_halves(c->mair >> 4, s2 >> 4) << 4 | combine_halves(0, s2 & 0xf);
}

static const struct difference {
	const char *what;
	const char *rule;
	int (*answer)(const struct combination *c);
} differences[] = {
	{ "XS=0 is not shown in PAR_EL1.ATTR",
	  "MAIR_EL1 and PAR_EL1: FEAT_XS gives encodings of their own to memory without XS",
	  xs_not_reported },
	{ "FWB, Device over Device: stage 2's type instead of the stricter",
	  "FWB does not change how a Device type of stage 2 is combined (AArch64.S2ApplyFWBMemAttrs)",
	  fwb_device_over_device },
	{ "Device and Normal: the Normal stage's inner half is taken for a Device type",
	  "R_HMNDG: if one stage is Device the result is that Device type",
	  device_judged_by_low_half },
	{ "Write-Back Transient made Write-Through: no longer transient",
	  "R_GQFSF: stage 2 has no hints, stage 1's remain, transience among them",
	  transient_lost },
	{ "MAIR 0x40 and 0xa0 are combined as if their inner half were reserved",
	  "MAIR_EL1: with FEAT_XS they are Non-cacheable and Write-Through, inner and outer",
	  xs_byte_combined },
};

#define NR_DIFFERENCES	(sizeof(differences) / sizeof(differences[0]))
#define MAX_COMPLAINTS	20

struct tally {
	unsigned long total;
	unsigned long equal;		/* the rules give one answer, and it came */
	unsigned long open_sh;		/* they give the type but not the shareability */
	unsigned long open;		/* they give nothing: reserved encodings */
	unsigned long wrong;
	unsigned long explained[NR_DIFFERENCES];
};

static int nr_tests, nr_failed;

static void report(bool ok, const char *name, const char *what)
{
	nr_tests++;
	nr_failed += !ok;
	printf("%sok %d - %s: %s\n", ok ? "" : "not ", nr_tests, name, what);
}

static void complain(const struct combination *c, int par, unsigned int result)
{
	char text[HVCMA_ATTR_TEXT_BYTES];

	hvcma_attr_describe(&c->expected, text, sizeof(text));
	printf("# MAIR 0x%02x SH %u", c->mair, c->s1_sh);
	if (c->stage2)
		printf(", MemAttr 0x%x SH %u, FWB %d", c->memattr, c->s2_sh,
		       !!(c->features & HVCMA_ATTR_FWB));
	printf(": expected 0x%02x SH %u (%s), got 0x%02x SH %u%s\n", par,
	       (unsigned int)c->expected.sh, text, AT_ATTR(result), AT_SH(result),
	       AT_BAD(result) ? ", translation failed" : "");
}

/* Does the shareability go with that answer? Device and Non-cacheable are Outer Shareable. */
static bool sh_fits(const struct combination *c, int attr, unsigned int sh)
{
	if (!(attr & 0xf0) || attr == 0x44 || attr == 0x40)
		return sh == HVCMA_SH_OUTER;
	return c->expected.sh == HVCMA_SH_RESERVED || c->expected.sh == sh;
}

static void judge(const struct combination *c, unsigned int result, struct tally *t)
{
	int par = hvcma_attr_par(&c->expected);

	t->total++;
	if (AT_BAD(result))
		goto wrong;
	if (par < 0) {
		t->open++;
		return;
	}
	if (par == (int)AT_ATTR(result) && sh_fits(c, par, AT_SH(result))) {
		t->equal += c->expected.sh != HVCMA_SH_RESERVED;
		t->open_sh += c->expected.sh == HVCMA_SH_RESERVED;
		return;
	}
	for (size_t i = 0; i < NR_DIFFERENCES; i++) {
		int answer = differences[i].answer(c);

		if (answer == (int)AT_ATTR(result) && sh_fits(c, answer, AT_SH(result))) {
			t->explained[i]++;
			return;
		}
	}
wrong:
	if (t->wrong++ < MAX_COMPLAINTS)
		complain(c, par, result);
}

static unsigned int features_of(const struct at_header *h)
{
	unsigned int features = 0;

	if (h->isar1 >> 56 & 0xf)
		features |= HVCMA_ATTR_XS;
	if ((h->pfr1 >> 8 & 0xf) >= 2)
		features |= HVCMA_ATTR_MTE;
	if (h->pfr2 & 0xf)
		features |= HVCMA_ATTR_MTE_PERM;
	return features;
}

/* Every combination of one setting of FWB. Returns false at an early end. */
static bool judge_all(FILE *in, unsigned int features, struct tally *t)
{
	uint16_t results[1 + AT_NR_STAGE2];

	for (unsigned int i = 0; i < AT_NR_MAIR * AT_NR_SH; i++) {
		struct combination c = {
			.mair = i / AT_NR_SH, .s1_sh = i % AT_NR_SH, .features = features,
		};

		if (fread(results, sizeof(results), 1, in) != 1)
			return false;
		hvcma_attr_stage1(c.mair, c.s1_sh, features, &c.expected);
		judge(&c, results[0], t);
		c.stage2 = true;
		for (unsigned int s2 = 0; s2 < AT_NR_STAGE2; s2++) {
			c.memattr = s2 / AT_NR_SH;
			c.s2_sh = s2 % AT_NR_SH;
			hvcma_attr_combine(c.mair, c.s1_sh, c.memattr, c.s2_sh, features,
					   &c.expected);
			judge(&c, results[1 + s2], t);
		}
	}
	return true;
}

static unsigned long nr_explained(const struct tally *t)
{
	unsigned long nr = 0;

	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		nr += t->explained[i];
	return nr;
}

static void report_tally(const char *name, bool complete, const struct tally *t)
{
	char text[256];

	snprintf(text, sizeof(text), "%lu combinations: %lu agree, %lu agree where the shareability "
		 "is reserved, %lu are reserved, %lu differ as listed, %lu are wrong",
		 t->total, t->equal, t->open_sh, t->open, nr_explained(t), t->wrong);
	report(complete && !t->wrong, name, text);
	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		if (t->explained[i])
			printf("#   %lu: %s\n#     rule: %s\n", t->explained[i],
			       differences[i].what, differences[i].rule);
}

static void compare(const char *name, const char *path, struct tally *sum)
{
	struct tally t = { 0 };
	struct at_header h;
	FILE *in = fopen(path, "rb");
	uint32_t end = 0;
	bool has_fwb, complete = false;

	if (in && fread(&h, sizeof(h), 1, in) == 1 && h.magic == AT_MAGIC) {
		unsigned int features = features_of(&h);

		has_fwb = h.mmfr2 >> 40 & 0xf;
		printf("# %s: MIDR 0x%llx, FEAT_S2FWB %d, FEAT_XS %d, FEAT_MTE2 %d, FEAT_MTE_PERM %d\n",
		       name, h.midr, has_fwb, !!(features & HVCMA_ATTR_XS),
		       !!(features & HVCMA_ATTR_MTE), !!(features & HVCMA_ATTR_MTE_PERM));
		report(has_fwb == h.fwb_kept, name, "HCR_EL2.FWB can be set if the feature is there");
		complete = judge_all(in, features, &t) &&
			   judge_all(in, features | (has_fwb ? HVCMA_ATTR_FWB : 0), &t) &&
			   fread(&end, sizeof(end), 1, in) == 1 && end == AT_END;
	}
	if (in)
		fclose(in);
	report(complete, name, "told about every combination");
	report_tally(name, complete, &t);
	sum->total += t.total;
	sum->equal += t.equal;
	sum->open_sh += t.open_sh;
	sum->open += t.open;
	sum->wrong += t.wrong;
	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		sum->explained[i] += t.explained[i];
}

int main(int argc, char **argv)
{
	struct tally sum = { 0 };

	if (argc < 3 || argc % 2 == 0) {
		fputs("usage: compare NAME FILE [NAME FILE]...\n", stderr);
		return 2;
	}
	for (int i = 1; i < argc; i += 2)
		compare(argv[i], argv[i + 1], &sum);
	report_tally("all processors", true, &sum);
	printf("BENCH attr_combinations ours=%lu agree=%lu reserved=%lu listed=%lu wrong=%lu goal==0 %s\n",
	       sum.total, sum.equal + sum.open_sh, sum.open, nr_explained(&sum), sum.wrong,
	       sum.wrong || nr_failed ? "FAIL" : "PASS");
	printf("1..%d\n", nr_tests);
	return nr_failed ? 1 : 0;
}
