// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory attributes: what both stages come to, and the policy on it.
 *
 * Every combination is compared with processors in tests/conformance; here are
 * the cases that people know by heart, the laws that hold for all combinations,
 * and every case of the policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/core/attr.h"

#define ALL_FEATURES	(HVCMA_ATTR_XS | HVCMA_ATTR_MTE | HVCMA_ATTR_MTE_PERM)

#define for_each_combination(mair, s1_sh, memattr, s2_sh)			\
	for (unsigned int mair = 0; mair < 256; mair++)				\
		for (unsigned int s1_sh = 0; s1_sh < 4; s1_sh++)		\
			for (unsigned int memattr = 0; memattr < 16; memattr++)	\
				for (unsigned int s2_sh = 0; s2_sh < 4; s2_sh++)

static int par_of(uint8_t mair, uint8_t memattr, unsigned int features)
{
	struct hvcma_mem_attr a;

	hvcma_attr_combine(mair, HVCMA_SH_INNER, memattr, HVCMA_SH_INNER, features, &a);
	return hvcma_attr_par(&a);
}

static void stage1_encodings(void **state)
{
	struct hvcma_mem_attr a;
	unsigned int defined = 0, with_all = 0;

	(void)state;
	for (unsigned int mair = 0; mair < 256; mair++) {
		hvcma_attr_stage1(mair, HVCMA_SH_NON, 0, &a);
		defined += a.mem != HVCMA_MEM_UNPREDICTABLE;
		if (a.mem != HVCMA_MEM_UNPREDICTABLE)
			assert_int_equal(hvcma_attr_par(&a), mair);
		hvcma_attr_stage1(mair, HVCMA_SH_NON, ALL_FEATURES, &a);
		with_all += a.mem != HVCMA_MEM_UNPREDICTABLE;
		if (a.mem == HVCMA_MEM_UNPREDICTABLE)
			assert_int_equal(hvcma_attr_par(&a), -1);
		else
			assert_int_equal(hvcma_attr_par(&a), mair);
	}
	assert_int_equal(defined, 15 * 15 + 4);		/* two halves, or Device */
	assert_int_equal(with_all, 15 * 15 + 4 + 4 + 2 + 1);	/* XS: 6 more, tags: 1 */

	hvcma_attr_stage1(0xf0, HVCMA_SH_INNER, HVCMA_ATTR_MTE, &a);
	assert_true(a.tagged && a.mem == HVCMA_MEM_NORMAL && a.outer.cache == HVCMA_CACHE_WB);
	hvcma_attr_stage1(0xf0, HVCMA_SH_INNER, HVCMA_ATTR_XS, &a);
	assert_int_equal(a.mem, HVCMA_MEM_UNPREDICTABLE);
}

/* What Linux and hypervisors use, by the byte. */
static void well_known_combinations(void **state)
{
	static const struct {
		uint8_t mair, memattr;
		bool fwb;
		int par;
	} rows[] = {
		/* guest RAM of KVM without FWB: stage 1 decides */
		{ 0xff, 0xf, false, 0xff }, { 0x44, 0xf, false, 0x44 },
		{ 0x00, 0xf, false, 0x00 }, { 0x04, 0xf, false, 0x04 },
		{ 0xbb, 0xf, false, 0xbb },
		/* with FWB: Write-Back whatever the guest says */
		{ 0xff, 0x6, true, 0xff }, { 0x44, 0x6, true, 0xff },
		{ 0x00, 0x6, true, 0xff }, { 0xbb, 0x6, true, 0xff },
		{ 0xaa, 0x6, true, 0xee }, { 0x4f, 0x6, true, 0xff },
		/* Normal-NC of stage 2 */
		{ 0xff, 0x5, false, 0x44 }, { 0xff, 0x5, true, 0x44 },
		{ 0x04, 0x5, false, 0x04 }, { 0x04, 0x5, true, 0x04 },
		/* device memory of KVM */
		{ 0xff, 0x1, false, 0x04 }, { 0xff, 0x1, true, 0x04 },
		{ 0x00, 0x1, false, 0x00 }, { 0x00, 0x1, true, 0x00 },
		{ 0x0c, 0x2, false, 0x08 }, { 0x0c, 0x2, true, 0x08 },
		/* stage 1 as it is */
		{ 0x44, 0x7, true, 0x44 }, { 0x0c, 0x7, true, 0x0c }, { 0x5b, 0x7, true, 0x5b },
		/* inner and outer each on their own */
		{ 0xff, 0x7, false, 0x4f }, { 0xff, 0xd, false, 0xf4 },
		{ 0xff, 0xb, false, 0xbf }, { 0x4f, 0xe, false, 0x4b },
		/* hints and transience are stage 1's */
		{ 0x77, 0xa, false, 0x33 }, { 0xee, 0xa, false, 0xaa },
		/* reserved */
		{ 0xff, 0x8, false, -1 }, { 0xff, 0xc, false, -1 }, { 0xff, 0x4, false, -1 },
		{ 0xff, 0x4, true, -1 }, { 0xff, 0x8, true, -1 }, { 0xff, 0xf, true, -1 },
		{ 0x10, 0xf, false, -1 }, { 0x02, 0xf, false, -1 }, { 0x0f, 0x6, true, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(par_of(rows[i].mair, rows[i].memattr,
					rows[i].fwb ? HVCMA_ATTR_FWB : 0), rows[i].par);
}

static void tags_survive_only_write_back(void **state)
{
	(void)state;
	assert_int_equal(par_of(0xf0, 0xf, HVCMA_ATTR_MTE), 0xf0);
	assert_int_equal(par_of(0xf0, 0xa, HVCMA_ATTR_MTE), 0xbb);
	assert_int_equal(par_of(0xf0, 0x6, HVCMA_ATTR_MTE | HVCMA_ATTR_FWB), 0xf0);
	assert_int_equal(par_of(0xf0, 0x5, HVCMA_ATTR_MTE | HVCMA_ATTR_FWB), 0x44);
	assert_int_equal(par_of(0xf0, 0x4, ALL_FEATURES), 0xe0);
	assert_int_equal(par_of(0xff, 0x4, ALL_FEATURES), 0xff);
	assert_int_equal(par_of(0xf0, 0xe, ALL_FEATURES | HVCMA_ATTR_FWB), 0xe0);
	assert_int_equal(par_of(0xf0, 0xf, ALL_FEATURES | HVCMA_ATTR_FWB), 0xe0);
	assert_int_equal(par_of(0xf0, 0xf, HVCMA_ATTR_MTE | HVCMA_ATTR_FWB), -1);
}

static void xs_goes_with_write_back(void **state)
{
	(void)state;
	assert_int_equal(par_of(0x40, 0xf, HVCMA_ATTR_XS), 0x40);
	assert_int_equal(par_of(0xa0, 0xf, HVCMA_ATTR_XS), 0xa0);
	assert_int_equal(par_of(0xa0, 0x5, HVCMA_ATTR_XS), 0x40);
	assert_int_equal(par_of(0xff, 0x5, HVCMA_ATTR_XS), 0x40);
	assert_int_equal(par_of(0xbb, 0x5, HVCMA_ATTR_XS), 0x44);
	assert_int_equal(par_of(0x05, 0xf, HVCMA_ATTR_XS), 0x05);
	assert_int_equal(par_of(0xff, 0x1, HVCMA_ATTR_XS), 0x05);
	assert_int_equal(par_of(0xff, 0x1, 0), 0x04);
}

static enum hvcma_sh sh_of(uint8_t mair, enum hvcma_sh s1, enum hvcma_sh s2)
{
	struct hvcma_mem_attr a;

	hvcma_attr_combine(mair, s1, 0xf, s2, 0, &a);
	return a.sh;
}

static void shareability(void **state)
{
	(void)state;
	assert_int_equal(sh_of(0xff, HVCMA_SH_NON, HVCMA_SH_NON), HVCMA_SH_NON);
	assert_int_equal(sh_of(0xff, HVCMA_SH_NON, HVCMA_SH_INNER), HVCMA_SH_INNER);
	assert_int_equal(sh_of(0xff, HVCMA_SH_OUTER, HVCMA_SH_INNER), HVCMA_SH_OUTER);
	assert_int_equal(sh_of(0xff, HVCMA_SH_RESERVED, HVCMA_SH_INNER), HVCMA_SH_RESERVED);
	assert_int_equal(sh_of(0xff, HVCMA_SH_RESERVED, HVCMA_SH_OUTER), HVCMA_SH_OUTER);
	/* not cached, so shared with everybody */
	assert_int_equal(sh_of(0x44, HVCMA_SH_NON, HVCMA_SH_RESERVED), HVCMA_SH_OUTER);
	assert_int_equal(sh_of(0x0c, HVCMA_SH_NON, HVCMA_SH_NON), HVCMA_SH_OUTER);
	assert_int_equal(sh_of(0x4f, HVCMA_SH_NON, HVCMA_SH_NON), HVCMA_SH_NON);
}

/* Without FWB neither stage gets more than it asked for. */
static void the_weaker_stage_wins_without_fwb(void **state)
{
	(void)state;
	for_each_combination(mair, s1_sh, memattr, s2_sh) {
		struct hvcma_mem_attr s1, both;

		hvcma_attr_stage1(mair, s1_sh, ALL_FEATURES, &s1);
		hvcma_attr_combine(mair, s1_sh, memattr, s2_sh, ALL_FEATURES, &both);
		if (both.mem == HVCMA_MEM_UNPREDICTABLE)
			continue;
		assert_true(s1.mem != HVCMA_MEM_UNPREDICTABLE);
		assert_true(both.mem <= s1.mem);
		assert_true(both.outer.cache <= s1.outer.cache);
		assert_true(both.inner.cache <= s1.inner.cache);
		if (memattr < 4)
			assert_true((unsigned int)both.mem <= memattr);
		assert_true(hvcma_attr_par(&both) >= 0 && hvcma_attr_par(&both) < 256);
	}
}

static void fwb_does_what_the_descriptor_says(void **state)
{
	(void)state;
	for_each_combination(mair, s1_sh, memattr, s2_sh) {
		struct hvcma_mem_attr s1, both;

		hvcma_attr_stage1(mair, s1_sh, 0, &s1);
		hvcma_attr_combine(mair, s1_sh, memattr, s2_sh, HVCMA_ATTR_FWB, &both);
		if (s1.mem == HVCMA_MEM_UNPREDICTABLE || memattr == 4 || memattr > 7) {
			assert_int_equal(both.mem, HVCMA_MEM_UNPREDICTABLE);
			assert_int_equal(hvcma_attr_type(&both), VIRTIO_CMA_TYPE_UNKNOWN);
		} else if (memattr == 7) {
			assert_int_equal(hvcma_attr_par(&both), hvcma_attr_par(&s1));
		} else if (memattr == 6) {
			assert_int_equal(hvcma_attr_type(&both), VIRTIO_CMA_TYPE_WRITE_BACK);
			assert_int_equal(both.inner.cache, HVCMA_CACHE_WB);
			assert_int_equal(both.outer.cache, HVCMA_CACHE_WB);
		} else if (s1.mem == HVCMA_MEM_NORMAL) {
			assert_int_equal(hvcma_attr_type(&both), memattr == 5 ?
					 VIRTIO_CMA_TYPE_UNCACHED : VIRTIO_CMA_TYPE_DEVICE);
		} else {
			assert_int_equal(both.mem, memattr == 5 || s1.mem < memattr ?
					 s1.mem : memattr);
		}
	}
}

static void types_and_words(void **state)
{
	static const struct {
		uint8_t mair, memattr;
		uint32_t type;
		const char *words;
	} rows[] = {
		{ 0xff, 0xf, VIRTIO_CMA_TYPE_WRITE_BACK, "Normal Write-Back RW-Allocate, Inner Shareable" },
		{ 0x44, 0xf, VIRTIO_CMA_TYPE_UNCACHED, "Normal Non-cacheable, Outer Shareable" },
		{ 0xaa, 0xf, VIRTIO_CMA_TYPE_WRITE_THROUGH,
		  "Normal Write-Through R-Allocate, Inner Shareable" },
		{ 0x4c, 0xf, VIRTIO_CMA_TYPE_WRITE_BACK,
		  "Normal, outer Non-cacheable, inner Write-Back No-Allocate, Inner Shareable" },
		{ 0x15, 0xf, VIRTIO_CMA_TYPE_WRITE_BACK,
		  "Normal, outer Write-Through Transient W-Allocate, inner Write-Back Transient W-Allocate, Inner Shareable" },
		{ 0x04, 0xf, VIRTIO_CMA_TYPE_DEVICE, "Device-nGnRE, Outer Shareable" },
		{ 0xf0, 0xf, VIRTIO_CMA_TYPE_WRITE_BACK,
		  "Normal Write-Back RW-Allocate, Inner Shareable, Tagged" },
		{ 0xf0, 0x4, VIRTIO_CMA_TYPE_WRITE_BACK,
		  "Normal Write-Back RW-Allocate, Inner Shareable, Tagged without access" },
		{ 0x10, 0xf, VIRTIO_CMA_TYPE_UNKNOWN, "unpredictable (reserved encoding)" },
	};
	char text[HVCMA_ATTR_TEXT_BYTES], few[8];
	struct hvcma_mem_attr a;
	unsigned int longest = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hvcma_attr_combine(rows[i].mair, HVCMA_SH_INNER, rows[i].memattr,
				   HVCMA_SH_INNER, ALL_FEATURES, &a);
		assert_int_equal(hvcma_attr_type(&a), rows[i].type);
		assert_int_equal(hvcma_attr_describe(&a, text, sizeof(text)),
				 strlen(rows[i].words));
		assert_string_equal(text, rows[i].words);
		assert_int_equal(hvcma_attr_describe(&a, few, sizeof(few)), 7);
		assert_int_equal(strlen(few), 7);
		assert_int_equal(hvcma_attr_describe(&a, text, 0), 0);
	}
	for_each_combination(mair, s1_sh, memattr, s2_sh) {
		hvcma_attr_combine(mair, s1_sh, memattr, s2_sh, ALL_FEATURES, &a);
		if (hvcma_attr_describe(&a, text, sizeof(text)) > longest)
			longest = strlen(text);
	}
	assert_true(longest + 1 < sizeof(text));	/* nothing is ever cut */
}

/* ---- the policy ---------------------------------------------------------- */

#define NR_MODES	(VIRTIO_CMA_MODE_RAM + 1)
#define NR_MAPS		(VIRTIO_CMA_ATTR_UNCACHED + 1)
#define NR_CASES	(HVCMA_NR_COHERENT * VIRTIO_CMA_NR_STAGE2 * NR_MODES * NR_MAPS * \
			 HVCMA_NR_ALIASES)

static struct hvcma_attr_case nth_case(uint32_t n)
{
	struct hvcma_attr_case c;

	c.coherent = n % HVCMA_NR_COHERENT;
	n /= HVCMA_NR_COHERENT;
	c.stage2 = n % VIRTIO_CMA_NR_STAGE2;
	n /= VIRTIO_CMA_NR_STAGE2;
	c.mode = n % NR_MODES;
	n /= NR_MODES;
	c.attr_policy = n % NR_MAPS;
	c.alias = n / NR_MAPS;
	return c;
}

static struct hvcma_attr_decision judge(const struct hvcma_attr_case *c)
{
	struct hvcma_attr_decision v;

	memset(&v, 0xaa, sizeof(v));
	assert_int_equal(hvcma_attr_policy(c, &v), 0);
	return v;
}

static void every_case_has_a_sound_decision(void **state)
{
	unsigned int nr[VIRTIO_CMA_NR_REASONS] = { 0 };

	(void)state;
	for (uint32_t n = 0; n < NR_CASES; n++) {
		const struct hvcma_attr_case c = nth_case(n);
		struct hvcma_attr_decision v = judge(&c);
		bool coherent = c.coherent == VIRTIO_CMA_COHERENT_YES ||
				c.coherent == HVCMA_COHERENT_EMULATED;
		bool may_bypass = !coherent && !(c.coherent == VIRTIO_CMA_COHERENT_UNKNOWN &&
						 c.stage2 == VIRTIO_CMA_STAGE2_NONE);
		bool coherent_allocations = !v.refused && !(v.maint & VIRTIO_CMA_MAINT_NO_COHERENT);

		assert_true(v.attr <= VIRTIO_CMA_ATTR_UNCACHED);
		assert_true(v.reason < VIRTIO_CMA_NR_REASONS && v.reason);
		assert_false(v.maint & ~(uint32_t)VIRTIO_CMA_MAINT_FLAGS);
		nr[v.reason]++;
		if (v.refused) {
			assert_int_equal(v.maint, 0);
			assert_int_equal(v.effective, VIRTIO_CMA_TYPE_UNKNOWN);
			continue;
		}
		/* the safety of it: what bypasses caches meets no cached data unmaintained */
		if (may_bypass) {
			assert_true(v.maint & VIRTIO_CMA_MAINT_BLOCK);
			assert_int_equal(c.alias, HVCMA_ALIAS_MAINTAINED);
			if (v.effective != VIRTIO_CMA_TYPE_UNCACHED)
				assert_true(v.maint & VIRTIO_CMA_MAINT_SYNC);
			if (coherent_allocations)
				assert_int_equal(v.effective, VIRTIO_CMA_TYPE_UNCACHED);
		} else {
			assert_int_equal(v.maint, 0);
		}
		/* and what goes through them is not missed by the guest */
		if (coherent && c.stage2 != VIRTIO_CMA_STAGE2_NONE)
			assert_int_equal(v.effective, VIRTIO_CMA_TYPE_WRITE_BACK);
		/* nothing in a static guest obeys */
		if (c.mode == VIRTIO_CMA_MODE_STATIC)
			assert_false(v.maint & (VIRTIO_CMA_MAINT_NO_COHERENT |
						VIRTIO_CMA_MAINT_NO_CACHED_ALIAS));
	}
	/* None is dead, and what has nothing to do with memory types is no case of it. */
	for (uint32_t reason = 1; reason < VIRTIO_CMA_NR_REASONS; reason++)
		assert_int_equal(!nr[reason], reason == VIRTIO_CMA_REASON_WINDOWS);
}

static void the_cases_people_have(void **state)
{
	enum { BY_ADDRESS = VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_SYNC |
			    VIRTIO_CMA_MAINT_NO_COHERENT };
#define CASE(coh, s2, mode, map)						\
	{ VIRTIO_CMA_COHERENT_##coh, VIRTIO_CMA_STAGE2_##s2, VIRTIO_CMA_MODE_##mode, \
	  VIRTIO_CMA_ATTR_##map, HVCMA_ALIAS_MAINTAINED }
	static const struct {
		struct hvcma_attr_case c;
		bool refused;
		uint32_t attr, maint, effective, reason;
	} rows[] = {
		{ CASE(YES, NO_FWB, PRIVATE, AUTO), false, VIRTIO_CMA_ATTR_CACHED, 0,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_COHERENT },
		{ CASE(YES, FWB, REUSABLE, AUTO), false, VIRTIO_CMA_ATTR_CACHED, 0,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_COHERENT },
		{ CASE(NO, NO_FWB, PRIVATE, AUTO), false, VIRTIO_CMA_ATTR_UNCACHED,
		  VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_NO_CACHED_ALIAS,
		  VIRTIO_CMA_TYPE_UNCACHED, VIRTIO_CMA_REASON_NONCOHERENT },
		{ CASE(NO, NO_FWB, REUSABLE, AUTO), false, VIRTIO_CMA_ATTR_UNCACHED,
		  VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_SYNC,
		  VIRTIO_CMA_TYPE_UNCACHED, VIRTIO_CMA_REASON_LINEAR_ALIAS },
		{ CASE(NO, FWB, PRIVATE, AUTO), false, VIRTIO_CMA_ATTR_CACHED, BY_ADDRESS,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_FWB },
		{ CASE(NO, FWB, PRIVATE, UNCACHED), false, VIRTIO_CMA_ATTR_CACHED, BY_ADDRESS,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_FWB },
		{ CASE(NO, UNKNOWN, PRIVATE, AUTO), false, VIRTIO_CMA_ATTR_CACHED, BY_ADDRESS,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_STAGE2_UNKNOWN },
		{ CASE(NO, NO_FWB, PRIVATE, CACHED), false, VIRTIO_CMA_ATTR_CACHED, BY_ADDRESS,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_FORCED_CACHED },
		{ CASE(YES, NO_FWB, PRIVATE, UNCACHED), true, VIRTIO_CMA_ATTR_AUTO, 0,
		  VIRTIO_CMA_TYPE_UNKNOWN, VIRTIO_CMA_REASON_UNCACHED_COHERENT },
		{ CASE(YES, FWB, PRIVATE, UNCACHED), false, VIRTIO_CMA_ATTR_UNCACHED, 0,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_OPERATOR },
		{ CASE(YES, NONE, PRIVATE, UNCACHED), false, VIRTIO_CMA_ATTR_UNCACHED, 0,
		  VIRTIO_CMA_TYPE_UNCACHED, VIRTIO_CMA_REASON_OPERATOR },
		{ CASE(UNKNOWN, NONE, PRIVATE, AUTO), false, VIRTIO_CMA_ATTR_AUTO, 0,
		  VIRTIO_CMA_TYPE_UNKNOWN, VIRTIO_CMA_REASON_GUEST_DECIDES },
		{ CASE(UNKNOWN, NO_FWB, PRIVATE, AUTO), false, VIRTIO_CMA_ATTR_CACHED, BY_ADDRESS,
		  VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_COHERENCY_UNKNOWN },
		{ CASE(NO, FWB, STATIC, AUTO), true, VIRTIO_CMA_ATTR_AUTO, 0,
		  VIRTIO_CMA_TYPE_UNKNOWN, VIRTIO_CMA_REASON_STATIC },
		{ CASE(NO, NO_FWB, STATIC, AUTO), false, VIRTIO_CMA_ATTR_UNCACHED,
		  VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_SYNC,
		  VIRTIO_CMA_TYPE_UNCACHED, VIRTIO_CMA_REASON_LINEAR_ALIAS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hvcma_attr_decision v = judge(&rows[i].c);

		assert_int_equal(v.refused, rows[i].refused);
		assert_int_equal(v.attr, rows[i].attr);
		assert_int_equal(v.maint, rows[i].maint);
		assert_int_equal(v.effective, rows[i].effective);
		assert_int_equal(v.reason, rows[i].reason);
	}
}

static void a_busy_alias_is_refused_only_where_it_matters(void **state)
{
	struct hvcma_attr_case c = {
		.coherent = VIRTIO_CMA_COHERENT_NO, .stage2 = VIRTIO_CMA_STAGE2_NO_FWB,
		.alias = HVCMA_ALIAS_BUSY,
	};

	(void)state;
	assert_true(judge(&c).refused);
	assert_int_equal(judge(&c).reason, VIRTIO_CMA_REASON_HOST_ALIAS);
	c.coherent = VIRTIO_CMA_COHERENT_YES;
	assert_false(judge(&c).refused);
}

static void unknown_values_are_refused(void **state)
{
	static const struct hvcma_attr_case bad[] = {
		{ .coherent = HVCMA_NR_COHERENT },
		{ .stage2 = VIRTIO_CMA_NR_STAGE2 },
		{ .mode = VIRTIO_CMA_MODE_RAM + 1 },
		{ .attr_policy = VIRTIO_CMA_ATTR_UNCACHED + 1 },
		{ .alias = HVCMA_NR_ALIASES },
		{ .coherent = UINT32_MAX },
	};
	struct hvcma_attr_decision v, before;

	(void)state;
	memset(&v, 0x55, sizeof(v));
	before = v;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hvcma_attr_policy(&bad[i], &v), VIRTIO_CMA_S_INVAL);
		assert_memory_equal(&v, &before, sizeof(v));
	}
}

static void whose_word_counts(void **state)
{
	const uint32_t none = VIRTIO_CMA_STAGE2_NONE, fwb = VIRTIO_CMA_STAGE2_FWB;

	(void)state;
	for (uint32_t guest = 0; guest < VIRTIO_CMA_NR_COHERENT; guest++) {
		assert_int_equal(hvcma_attr_coherent(VIRTIO_CMA_COHERENT_NO, true, guest, fwb),
				 VIRTIO_CMA_COHERENT_NO);
		assert_int_equal(hvcma_attr_coherent(VIRTIO_CMA_COHERENT_YES, false, guest, fwb),
				 VIRTIO_CMA_COHERENT_YES);
		assert_int_equal(hvcma_attr_coherent(VIRTIO_CMA_COHERENT_UNKNOWN, true, guest, fwb),
				 HVCMA_COHERENT_EMULATED);
		assert_int_equal(hvcma_attr_coherent(VIRTIO_CMA_COHERENT_UNKNOWN, true, guest, none),
				 guest);
		assert_int_equal(hvcma_attr_coherent(VIRTIO_CMA_COHERENT_UNKNOWN, false, guest, fwb),
				 guest);
	}
}

static void names_and_sentences(void **state)
{
	(void)state;
	assert_string_equal(hvcma_attr_reason_name(VIRTIO_CMA_REASON_FWB), "FWB");
	assert_non_null(strstr(hvcma_attr_reason_text(VIRTIO_CMA_REASON_FWB), "FEAT_S2FWB"));
	assert_string_equal(hvcma_attr_reason_name(VIRTIO_CMA_NR_REASONS), "?");
	assert_string_equal(hvcma_attr_reason_text(UINT32_MAX), "unknown reason");
	assert_string_equal(hvcma_attr_type_text(VIRTIO_CMA_TYPE_UNCACHED), "Normal Non-cacheable");
	assert_string_equal(hvcma_attr_type_text(VIRTIO_CMA_NR_TYPES), "unknown memory type");
	for (uint32_t i = 0; i < VIRTIO_CMA_NR_REASONS; i++)
		assert_true(hvcma_attr_reason_text(i) && hvcma_attr_reason_name(i));
}

static void what_a_mapping_comes_to(void **state)
{
	static const struct {
		uint32_t stage2, cached, uncached;
	} rows[] = {
		{ VIRTIO_CMA_STAGE2_NONE, VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_TYPE_UNCACHED },
		{ VIRTIO_CMA_STAGE2_NO_FWB, VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_TYPE_UNCACHED },
		{ VIRTIO_CMA_STAGE2_FWB, VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_TYPE_WRITE_BACK },
		/* cached either way; Non-cacheable perhaps */
		{ VIRTIO_CMA_STAGE2_UNKNOWN, VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_TYPE_UNKNOWN },
		{ VIRTIO_CMA_NR_STAGE2, VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_TYPE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(hvcma_attr_mapped(VIRTIO_CMA_ATTR_CACHED, rows[i].stage2),
				 rows[i].cached);
		assert_int_equal(hvcma_attr_mapped(VIRTIO_CMA_ATTR_UNCACHED, rows[i].stage2),
				 rows[i].uncached);
		assert_int_equal(hvcma_attr_mapped(VIRTIO_CMA_ATTR_AUTO, rows[i].stage2),
				 VIRTIO_CMA_TYPE_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stage1_encodings),
		cmocka_unit_test(well_known_combinations),
		cmocka_unit_test(tags_survive_only_write_back),
		cmocka_unit_test(xs_goes_with_write_back),
		cmocka_unit_test(shareability),
		cmocka_unit_test(the_weaker_stage_wins_without_fwb),
		cmocka_unit_test(fwb_does_what_the_descriptor_says),
		cmocka_unit_test(types_and_words),
		cmocka_unit_test(every_case_has_a_sound_decision),
		cmocka_unit_test(the_cases_people_have),
		cmocka_unit_test(a_busy_alias_is_refused_only_where_it_matters),
		cmocka_unit_test(unknown_values_are_refused),
		cmocka_unit_test(whose_word_counts),
		cmocka_unit_test(what_a_mapping_comes_to),
		cmocka_unit_test(names_and_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
