// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Block allocator: each policy, extents, alignment, limits, every refusal.
 *
 * Memory is drawn one character per granule: '?' unknown, '.' free, a capital
 * for the first granule of a block, a small letter for the rest of it, '#'
 * withheld, '%' withheld and unknown. Nothing random here: test_alloc_model.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hv/core/alloc.h"

#define GRANULE		UINT64_C(0x200000)
#define BASE		(UINT64_C(1) << 33)	/* aligned to any block here */
#define ANYWHERE	UINT64_MAX

static struct hvcma_alloc *make(uint64_t nr, enum hvcma_policy policy)
{
	size_t bytes = hvcma_alloc_buffer_bytes(nr, policy);
	void *buffer = aligned_alloc(64, bytes);
	struct hvcma_alloc *a;

	assert_non_null(buffer);
	memset(buffer, 0, bytes);
	a = hvcma_alloc_init(buffer, bytes, nr, GRANULE, policy);
	assert_ptr_equal(a, buffer);
	assert_true(hvcma_alloc_is_valid(a));
	return a;
}

/* Granules from @first on at consecutive addresses. */
static void learn(struct hvcma_alloc *a, uint64_t first, uint64_t nr, uint64_t dma)
{
	for (uint64_t i = 0; i < nr; i++)
		assert_true(hvcma_alloc_learn(a, first + i, dma + i * GRANULE));
	assert_true(hvcma_alloc_is_valid(a));
}

static struct hvcma_alloc *make_linear(uint64_t nr, enum hvcma_policy policy)
{
	struct hvcma_alloc *a = make(nr, policy);

	learn(a, 0, nr, BASE);
	return a;
}

static char drawn(const struct hvcma_alloc *a, uint64_t i, char *letter)
{
	bool known = hvcma_alloc_dma(a, i) != HVCMA_DMA_UNKNOWN;

	if (hvcma_alloc_is_withheld(a, i))
		return known ? '#' : '%';
	if (!known)
		return '?';
	if (!hvcma_alloc_is_allocated(a, i))
		return '.';
	if (hvcma_alloc_block_granules(a, i))
		return ++*letter;
	return (char)(*letter - 'A' + 'a');
}

#define expect_picture(a, picture) check_picture(a, picture, __FILE__, __LINE__)
static void check_picture(const struct hvcma_alloc *a, const char *picture,
			  const char *file, int line)
{
	char got[128] = "", letter = 'A' - 1;

	for (uint64_t i = 0; i < strlen(picture); i++)
		got[i] = drawn(a, i, &letter);
	_assert_string_equal(got, picture, file, line);
	_assert_true(hvcma_alloc_is_valid(a), "is_valid", file, line);
}

static enum hvcma_fit block(struct hvcma_alloc *a, uint64_t nr, uint64_t align,
			    uint64_t max_dma, uint64_t *first)
{
	const struct hvcma_fit_request req = {
		.nr_granules = nr, .align_bytes = align, .max_dma = max_dma,
	};

	return hvcma_alloc_block(a, &req, first);
}

/* Take @nr granules; they must come from @at. */
#define expect_block(a, nr, at) expect_block_under(a, nr, 0, ANYWHERE, at)
#define expect_block_under(a, nr, align, max_dma, at)				\
	do {									\
		uint64_t first_ = UINT64_MAX;					\
										\
		assert_int_equal(block(a, nr, align, max_dma, &first_),		\
				 HVCMA_FIT_OK);					\
		assert_int_equal(first_, at);					\
		assert_true(hvcma_alloc_is_valid(a));				\
	} while (0)

#define expect_no_block(a, nr, align, max_dma, why)				\
	do {									\
		uint64_t first_ = 77;						\
										\
		assert_int_equal(block(a, nr, align, max_dma, &first_), why);	\
		assert_int_equal(first_, 77);					\
		assert_true(hvcma_alloc_is_valid(a));				\
	} while (0)

static void free_block(struct hvcma_alloc *a, uint64_t first, uint64_t nr)
{
	assert_true(hvcma_alloc_free(a, first, nr));
	assert_true(hvcma_alloc_is_valid(a));
}

/*
 * "..A..Bb.....Cccc....": free runs of 2, 2, 5 and 4 granules, from which
 * the policies choose differently.
 */
static struct hvcma_alloc *make_holes(enum hvcma_policy policy)
{
	struct hvcma_alloc *a = make_linear(20, policy);
	const struct hvcma_fit_request one = { .nr_granules = 1, .max_dma = ANYWHERE };
	const struct hvcma_fit_request two = { .nr_granules = 2, .max_dma = ANYWHERE };
	const struct hvcma_fit_request four = { .nr_granules = 4, .max_dma = ANYWHERE };

	assert_true(hvcma_alloc_block_at(a, 2, &one));
	assert_true(hvcma_alloc_block_at(a, 5, &two));
	assert_true(hvcma_alloc_block_at(a, 12, &four));
	expect_picture(a, "..A..Bb.....Cccc....");
	return a;
}

static void best_fit_takes_the_smallest_run(void **state)
{
	struct hvcma_alloc *a = make_holes(HVCMA_BEST_FIT);

	(void)state;
	expect_block(a, 3, 16);		/* the run of 4, not that of 5 */
	expect_picture(a, "..A..Bb.....CcccDdd.");
	expect_block(a, 1, 19);		/* the rest of it */
	expect_block(a, 5, 7);
	expect_picture(a, "..A..BbCccccDdddEeeF");
	expect_no_block(a, 3, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
	expect_no_block(a, 5, 0, ANYWHERE, HVCMA_FIT_NO_SPACE);
	free(a);
}

static void first_fit_takes_the_lowest_run(void **state)
{
	struct hvcma_alloc *a = make_holes(HVCMA_FIRST_FIT);

	(void)state;
	expect_block(a, 3, 7);
	expect_picture(a, "..A..BbCcc..Dddd....");
	expect_block(a, 1, 0);
	expect_block(a, 1, 1);
	expect_block(a, 4, 16);
	expect_picture(a, "ABC..DdEee..FfffGggg");
	free_block(a, 0, 1);
	expect_block(a, 1, 0);
	expect_no_block(a, 3, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
	free(a);
}

static void next_fit_goes_on_and_wraps(void **state)
{
	struct hvcma_alloc *a = make_holes(HVCMA_NEXT_FIT);

	(void)state;
	expect_block(a, 2, 0);
	expect_block(a, 1, 3);
	expect_block(a, 1, 4);		/* not 0: that is behind */
	expect_block(a, 4, 7);
	expect_picture(a, "AaBCDEeFfff.Gggg....");
	free_block(a, 0, 2);
	expect_block(a, 2, 16);
	expect_block(a, 2, 18);		/* the very end: the next starts at 0 */
	expect_block(a, 1, 0);
	expect_picture(a, "A.BCDEeFfff.GgggHhIi");
	free(a);
}

static void next_fit_finds_the_run_around_its_cursor(void **state)
{
	struct hvcma_alloc *a = make_linear(8, HVCMA_NEXT_FIT);

	(void)state;
	expect_block(a, 4, 0);
	expect_block(a, 4, 4);
	free_block(a, 0, 4);
	expect_block(a, 2, 0);
	free_block(a, 4, 4);
	free_block(a, 0, 2);		/* ........ cursor at 2, inside the only run */
	expect_block(a, 8, 0);
	free(a);
}

static void a_block_never_crosses_an_extent(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make(9, (enum hvcma_policy)policy);
		struct hvcma_alloc_stats stats;
		uint64_t first, nr;

		/* 0 1 2 | 3 4 5 6 | 7 8, the last extent just below the first */
		learn(a, 0, 3, BASE);
		learn(a, 3, 4, BASE + 100 * GRANULE);
		learn(a, 7, 2, BASE - 2 * GRANULE);
		hvcma_alloc_stats(a, &stats);
		assert_int_equal(stats.nr_extents, 3);
		assert_int_equal(stats.nr_runs, 3);
		expect_no_block(a, 5, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
		expect_block(a, 4, 3);
		expect_block(a, 3, 0);
		expect_block(a, 2, 7);
		free_block(a, 0, 3);
		free_block(a, 3, 4);
		free_block(a, 7, 2);
		expect_no_block(a, 5, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);

		assert_true(hvcma_alloc_next_extent(a, 0, &first, &nr));
		assert_int_equal(first, 0);
		assert_int_equal(nr, 3);
		assert_true(hvcma_alloc_next_extent(a, 1, &first, &nr));
		assert_int_equal(first, 3);
		assert_int_equal(nr, 4);
		assert_true(hvcma_alloc_nth_extent(a, 2, &first));
		assert_int_equal(first, 7);
		assert_false(hvcma_alloc_nth_extent(a, 3, &first));
		assert_false(hvcma_alloc_next_extent(a, 8, &first, &nr));
		assert_false(hvcma_alloc_next_extent(a, 9, &first, &nr));
		assert_int_equal(hvcma_alloc_lowest_dma(a), BASE - 2 * GRANULE);
		free(a);
	}
}

static void alignment_is_of_the_dma_address(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make(8, (enum hvcma_policy)policy);

		/* granule 0 at 3 granules past a multiple of 4: aligned is 1, 5 */
		learn(a, 0, 8, BASE + 3 * GRANULE);
		expect_block_under(a, 2, 4 * GRANULE, ANYWHERE, 1);
		expect_picture(a, ".Aa.....");
		expect_block_under(a, 1, 4 * GRANULE, ANYWHERE, 5);
		expect_picture(a, ".Aa..B..");
		expect_no_block(a, 1, 4 * GRANULE, ANYWHERE, HVCMA_FIT_FRAGMENTED);
		expect_no_block(a, 1, UINT64_C(1) << 63, ANYWHERE, HVCMA_FIT_FRAGMENTED);
		expect_no_block(a, 1, 3 * GRANULE, ANYWHERE, HVCMA_FIT_NO_SPACE);
		free(a);
	}
}

/* More candidates of the right length than a bounded search looks at. */
static void an_aligned_block_among_many_unaligned_is_found(void **state)
{
	const uint64_t nr = 200;

	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make(nr, (enum hvcma_policy)policy);
		struct hvcma_fit_request req = {
			.nr_granules = 1, .align_bytes = 8 * GRANULE,
			.max_dma = ANYWHERE, .quick = true,
		};
		uint64_t first = 77, search_budget;

		/* Single runs, all at odd addresses but number 120. */
		for (uint64_t i = 0; i < nr; i++)
			learn(a, i, 1, BASE + (8 * i + (i != 120)) * GRANULE);
		assert_int_equal(hvcma_alloc_block(a, &req, &first), HVCMA_FIT_FRAGMENTED);
		assert_int_equal(first, 77);
		req.quick = false;
		req.search_budget = &search_budget;
		search_budget = 30;
		assert_int_equal(hvcma_alloc_block(a, &req, &first), HVCMA_FIT_FRAGMENTED);
		assert_int_equal(hvcma_alloc_longest(a, &req), 0);
		assert_int_equal(search_budget, 0);
		search_budget = 1000;
		assert_int_equal(hvcma_alloc_longest(a, &req), 1);
		assert_int_equal(hvcma_alloc_block(a, &req, &first), HVCMA_FIT_OK);
		assert_int_equal(first, 120);
		assert_in_range(search_budget, 500, 950);
		assert_true(hvcma_alloc_is_valid(a));
		free(a);
	}
}

static void the_last_byte_obeys_the_limit(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_linear(8, (enum hvcma_policy)policy);

		expect_no_block(a, 1, 0, BASE + GRANULE - 2, HVCMA_FIT_ADDR_LIMIT);
		expect_no_block(a, 1, 0, 0, HVCMA_FIT_ADDR_LIMIT);
		expect_no_block(a, 4, 0, BASE + 4 * GRANULE - 2, HVCMA_FIT_ADDR_LIMIT);
		expect_block_under(a, 4, 0, BASE + 4 * GRANULE - 1, 0);
		expect_no_block(a, 1, 0, BASE + 4 * GRANULE - 1, HVCMA_FIT_ADDR_LIMIT);
		/* alignment moves the start beyond the limit */
		expect_no_block(a, 1, 8 * GRANULE, BASE + 8 * GRANULE, HVCMA_FIT_FRAGMENTED);
		free(a);
	}
}

static void best_fit_keeps_low_memory(void **state)
{
	static const unsigned int border_bits[] = { 28, 30, 32, 36, 40 };
	struct hvcma_alloc *a = make(12, HVCMA_BEST_FIT);

	(void)state;
	/* Two granules below each border and two above the last. */
	for (uint64_t z = 0; z < 5; z++)
		learn(a, 2 * z, 2, (UINT64_C(1) << border_bits[z]) - 8 * GRANULE);
	learn(a, 10, 2, UINT64_C(1) << 41);
	for (uint64_t i = 0; i < 6; i++)
		expect_block(a, 2, 10 - 2 * i);
	for (uint64_t i = 0; i < 6; i++)
		free_block(a, 2 * i, 2);
	for (uint64_t z = 0; z < 5; z++)
		expect_block_under(a, 2, 0, (UINT64_C(1) << border_bits[z]) - 1, 2 * z);
	expect_picture(a, "AaBbCcDdEe..");
	free(a);
}

/* One run from low memory into high: only its lower part serves a low limit. */
static void a_run_across_a_zone_border_serves_both(void **state)
{
	struct hvcma_alloc *a = make(16, HVCMA_BEST_FIT);
	const uint64_t border = UINT64_C(1) << 32;

	(void)state;
	learn(a, 0, 8, border - 3 * GRANULE);
	learn(a, 8, 8, UINT64_C(1) << 34);
	expect_no_block(a, 4, 0, border - 1, HVCMA_FIT_ADDR_LIMIT);
	expect_block_under(a, 3, 0, border - 1, 0);
	expect_picture(a, "Aaa.............");
	expect_block(a, 5, 3);
	expect_block(a, 8, 8);
	free(a);
}

/* The limit is inside a zone with many runs above it. */
static void an_odd_limit_is_found_among_many(void **state)
{
	const uint64_t nr = 100;
	const uint64_t limit = BASE + 2 * GRANULE - 1;

	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make(nr, (enum hvcma_policy)policy);

		/* Descending, single runs: the lowest is the last granule. */
		for (uint64_t i = 0; i < nr; i++)
			learn(a, i, 1, BASE + 2 * (nr - 1 - i) * GRANULE);
		expect_block_under(a, 1, 0, limit, nr - 1);
		expect_no_block(a, 1, 0, limit, HVCMA_FIT_ADDR_LIMIT);
		free(a);
	}
}

static void longest_is_exact(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_holes((enum hvcma_policy)policy);
		struct hvcma_fit_request req = { .nr_granules = 20, .max_dma = ANYWHERE };

		assert_int_equal(hvcma_alloc_longest(a, &req), 5);
		req.nr_granules = 3;
		assert_int_equal(hvcma_alloc_longest(a, &req), 3);
		req.nr_granules = UINT64_MAX;
		req.max_dma = BASE + 9 * GRANULE - 1;	/* ..A..Bb..|...Cccc.... */
		assert_int_equal(hvcma_alloc_longest(a, &req), 2);
		req.max_dma = ANYWHERE;
		req.align_bytes = 4 * GRANULE;		/* from 8, from 16 */
		assert_int_equal(hvcma_alloc_longest(a, &req), 4);
		req.align_bytes = 3;
		assert_int_equal(hvcma_alloc_longest(a, &req), 0);
		req.align_bytes = 0;
		req.max_dma = BASE - 1;
		assert_int_equal(hvcma_alloc_longest(a, &req), 0);
		free(a);
	}
}

static void learning_joins_and_splits(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make(6, (enum hvcma_policy)policy);
		struct hvcma_alloc_stats stats;

		learn(a, 0, 2, BASE);
		learn(a, 3, 3, BASE + 3 * GRANULE);
		expect_picture(a, "..?...");
		expect_no_block(a, 4, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
		learn(a, 2, 1, BASE + 2 * GRANULE);	/* closes the gap */
		hvcma_alloc_stats(a, &stats);
		assert_int_equal(stats.nr_runs, 1);
		assert_int_equal(stats.nr_extents, 1);
		learn(a, 2, 1, BASE + 2 * GRANULE);	/* the same again */
		learn(a, 2, 1, BASE + 50 * GRANULE);	/* it moved away */
		hvcma_alloc_stats(a, &stats);
		assert_int_equal(stats.nr_runs, 3);
		assert_int_equal(stats.nr_extents, 3);
		assert_true(hvcma_alloc_learn(a, 4, HVCMA_DMA_UNKNOWN));
		assert_true(hvcma_alloc_learn(a, 4, HVCMA_DMA_UNKNOWN));
		expect_picture(a, "....?.");
		hvcma_alloc_stats(a, &stats);
		assert_int_equal(stats.nr_known, 5);
		assert_int_equal(stats.nr_free, 5);
		assert_int_equal(stats.nr_runs, 4);
		free(a);
	}
}

static void learning_is_refused(void **state)
{
	struct hvcma_alloc *a = make_linear(4, HVCMA_BEST_FIT);

	(void)state;
	expect_block(a, 2, 0);
	assert_false(hvcma_alloc_learn(a, 4, BASE));			/* out of range */
	assert_false(hvcma_alloc_learn(a, UINT64_MAX, BASE));
	assert_false(hvcma_alloc_learn(a, UINT64_C(1) << 32, BASE));
	assert_false(hvcma_alloc_learn(a, 1, BASE + 64 * GRANULE));	/* allocated */
	assert_false(hvcma_alloc_learn(a, 1, HVCMA_DMA_UNKNOWN));
	assert_false(hvcma_alloc_learn(a, 3, BASE + 1));		/* misaligned */
	assert_false(hvcma_alloc_learn(a, 3, BASE + GRANULE / 2));
	assert_false(hvcma_alloc_learn(a, 3, -GRANULE));		/* wraps */
	expect_picture(a, "Aa..");
	assert_int_equal(hvcma_alloc_dma(a, 3), BASE + 3 * GRANULE);
	assert_int_equal(hvcma_alloc_dma(a, 4), HVCMA_DMA_UNKNOWN);
	free(a);
}

static void the_highest_address_is_usable(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make(2, (enum hvcma_policy)policy);

		learn(a, 0, 1, -2 * GRANULE);
		learn(a, 1, 1, 0);
		expect_no_block(a, 2, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
		expect_block_under(a, 1, 0, GRANULE - 1, 1);
		expect_block(a, 1, 0);
		free(a);
	}
}

static void withheld_granules_are_not_given(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_linear(6, (enum hvcma_policy)policy);
		uint64_t granule = 77;

		assert_false(hvcma_alloc_next_withheld(a, 0, &granule));
		assert_int_equal(granule, 77);
		assert_true(hvcma_alloc_withhold(a, 2, true));
		assert_true(hvcma_alloc_withhold(a, 2, true));
		expect_picture(a, "..#...");
		expect_no_block(a, 4, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
		expect_no_block(a, 6, 0, ANYWHERE, HVCMA_FIT_NO_SPACE);
		assert_true(hvcma_alloc_next_withheld(a, 0, &granule));
		assert_int_equal(granule, 2);
		assert_false(hvcma_alloc_next_withheld(a, 3, &granule));
		assert_false(hvcma_alloc_next_withheld(a, 6, &granule));
		/* survives forgetting and learning */
		assert_true(hvcma_alloc_learn(a, 2, HVCMA_DMA_UNKNOWN));
		expect_picture(a, "..%...");
		assert_true(hvcma_alloc_learn(a, 2, BASE + 2 * GRANULE));
		expect_picture(a, "..#...");
		assert_true(hvcma_alloc_withhold(a, 2, false));
		assert_true(hvcma_alloc_withhold(a, 2, false));
		expect_block(a, 6, 0);
		assert_false(hvcma_alloc_withhold(a, 2, true));		/* allocated */
		assert_false(hvcma_alloc_withhold(a, 6, true));		/* out of range */
		expect_picture(a, "Aaaaaa");
		free(a);
	}
}

static void freeing_needs_exactly_a_block(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_linear(8, (enum hvcma_policy)policy);

		expect_block(a, 2, 0);
		expect_block(a, 3, 2);
		expect_picture(a, "AaBbb...");
		assert_false(hvcma_alloc_free(a, 0, 1));	/* a part */
		assert_false(hvcma_alloc_free(a, 1, 1));
		assert_false(hvcma_alloc_free(a, 0, 5));	/* two blocks */
		assert_false(hvcma_alloc_free(a, 0, 0));
		assert_false(hvcma_alloc_free(a, 5, 3));	/* free already */
		assert_false(hvcma_alloc_free(a, 8, 1));	/* out of range */
		assert_false(hvcma_alloc_free(a, UINT64_MAX, 2));
		assert_false(hvcma_alloc_free(a, 0, (UINT64_C(1) << 32) + 2));
		expect_picture(a, "AaBbb...");
		free_block(a, 0, 2);
		assert_false(hvcma_alloc_free(a, 0, 2));
		expect_picture(a, "..Aaa...");
		free_block(a, 2, 3);
		expect_picture(a, "........");
		expect_block(a, 8, 0);				/* all joined */
		free(a);
	}
}

/* Inside a block nothing can be had, learned or withheld, whatever its length. */
static void blocks_are_split_and_joined(void **state)
{
	const struct hvcma_fit_request one = { .nr_granules = 1, .max_dma = ANYWHERE };

	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_linear(8, (enum hvcma_policy)policy);
		uint64_t first, nr;
		uint32_t budget = 8;

		expect_block(a, 6, 0);
		assert_true(hvcma_alloc_set_owner(a, 0, 7));
		assert_false(hvcma_alloc_split(a, 0, 0));
		assert_false(hvcma_alloc_split(a, 0, 6));
		assert_false(hvcma_alloc_split(a, 1, 1));
		assert_false(hvcma_alloc_split(a, 6, 1));
		assert_false(hvcma_alloc_split(a, 8, 1));
		assert_true(hvcma_alloc_split(a, 0, 4));
		expect_picture(a, "AaaaBb..");
		assert_int_equal(hvcma_alloc_owner(a, 4), 7);
		assert_true(hvcma_alloc_split(a, 0, 1));
		assert_true(hvcma_alloc_split(a, 4, 1));
		expect_picture(a, "ABbbCD..");
		assert_true(hvcma_alloc_block_around(a, 2, &first, &nr));
		assert_true(first == 1 && nr == 3);
		assert_false(hvcma_alloc_block_around(a, 6, &first, &nr));
		assert_false(hvcma_alloc_learn(a, 2, HVCMA_DMA_UNKNOWN));
		assert_false(hvcma_alloc_withhold(a, 2, true));
		assert_false(hvcma_alloc_block_at(a, 2, &one));
		assert_false(hvcma_alloc_block_within(a, 1, 3, &one, &budget, &first));
		assert_int_equal(hvcma_alloc_free_before(a, 3), 0);
		assert_int_equal(hvcma_alloc_alike(a, 2, 8), 4);	/* whichever block */
		assert_int_equal(hvcma_alloc_alike(a, 2, 3), 3);
		assert_int_equal(hvcma_alloc_alike(a, 7, 8), 1);
		assert_true(hvcma_alloc_is_allocated(a, 2));
		assert_true(hvcma_alloc_join(a, 4));
		assert_true(hvcma_alloc_join(a, 0));
		expect_picture(a, "AaaaBb..");
		assert_true(hvcma_alloc_join(a, 0));
		assert_false(hvcma_alloc_join(a, 0));			/* free memory behind it */
		assert_false(hvcma_alloc_join(a, 6));
		expect_picture(a, "Aaaaaa..");
		assert_true(hvcma_alloc_split(a, 0, 2));
		free_block(a, 0, 2);
		expect_picture(a, "..Aaaa..");
		free_block(a, 2, 4);
		expect_block(a, 8, 0);
		/* neighbours that are two by address */
		free_block(a, 0, 8);
		learn(a, 4, 4, BASE + 100 * GRANULE);
		assert_true(hvcma_alloc_block_at(a, 3, &one) && hvcma_alloc_block_at(a, 4, &one));
		assert_false(hvcma_alloc_join(a, 3));
		free(a);
	}
}

static void a_place_can_be_asked_for(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_linear(8, (enum hvcma_policy)policy);
		struct hvcma_fit_request req = { .nr_granules = 2, .max_dma = ANYWHERE };

		assert_true(hvcma_alloc_block_at(a, 3, &req));
		expect_picture(a, "...Aa...");
		assert_false(hvcma_alloc_block_at(a, 2, &req));
		assert_false(hvcma_alloc_block_at(a, 4, &req));
		assert_false(hvcma_alloc_block_at(a, 7, &req));	/* beyond the end */
		assert_false(hvcma_alloc_block_at(a, 8, &req));
		req.align_bytes = 4 * GRANULE;
		assert_false(hvcma_alloc_block_at(a, 5, &req));
		assert_true(hvcma_alloc_block_at(a, 0, &req));
		req.align_bytes = 0;
		req.max_dma = BASE + 7 * GRANULE - 2;
		assert_false(hvcma_alloc_block_at(a, 5, &req));
		req.max_dma++;
		assert_true(hvcma_alloc_block_at(a, 5, &req));
		expect_picture(a, "Aa.BbCc.");
		req.nr_granules = 0;
		assert_false(hvcma_alloc_block_at(a, 7, &req));
		free(a);
	}
}

static void a_range_can_be_asked_for(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_holes((enum hvcma_policy)policy);
		struct hvcma_fit_request req = { .nr_granules = 2, .max_dma = ANYWHERE };
		uint32_t budget = 100;
		uint64_t first = 77;

		/* ..A..Bb.....Cccc.... */
		assert_true(hvcma_alloc_block_within(a, 1, 5, &req, &budget, &first));
		assert_int_equal(first, 3);
		assert_true(hvcma_alloc_block_within(a, 9, 3, &req, &budget, &first));
		assert_int_equal(first, 9);
		expect_picture(a, "..ABbCc..Dd.Eeee....");
		assert_false(hvcma_alloc_block_within(a, 8, 9, &req, &budget, &first));
		assert_false(hvcma_alloc_block_within(a, 18, 3, &req, &budget, &first));
		assert_false(hvcma_alloc_block_within(a, 20, 0, &req, &budget, &first));
		assert_false(hvcma_alloc_block_within(a, 1, UINT64_MAX, &req, &budget, &first));
		budget = 2;
		assert_false(hvcma_alloc_block_within(a, 2, 18, &req, &budget, &first));
		assert_int_equal(budget, 0);
		assert_int_equal(first, 9);
		expect_picture(a, "..ABbCc..Dd.Eeee....");
		free(a);
	}
}

static void blocks_have_owners_and_can_be_listed(void **state)
{
	struct hvcma_alloc *a = make_holes(HVCMA_BEST_FIT);
	uint64_t first = 0, nr = 0;

	(void)state;
	assert_int_equal(hvcma_alloc_owner(a, 5), 0);
	assert_true(hvcma_alloc_set_owner(a, 5, UINT64_MAX - 5));
	assert_int_equal(hvcma_alloc_owner(a, 5), UINT64_MAX - 5);
	assert_false(hvcma_alloc_set_owner(a, 6, 1));
	assert_false(hvcma_alloc_set_owner(a, 0, 1));
	assert_false(hvcma_alloc_set_owner(a, 20, 1));
	assert_int_equal(hvcma_alloc_owner(a, 6), 0);

	assert_true(hvcma_alloc_next_block(a, 0, &first, &nr));
	assert_int_equal(first, 2);
	assert_int_equal(nr, 1);
	assert_true(hvcma_alloc_next_block(a, 6, &first, &nr));	/* not the one at 5 */
	assert_int_equal(first, 12);
	assert_int_equal(nr, 4);
	assert_false(hvcma_alloc_next_block(a, 13, &first, &nr));
	assert_false(hvcma_alloc_next_block(a, 20, &first, &nr));
	assert_int_equal(hvcma_alloc_block_granules(a, 12), 4);
	assert_int_equal(hvcma_alloc_block_granules(a, 13), 0);
	assert_int_equal(hvcma_alloc_block_granules(a, 0), 0);
	assert_int_equal(hvcma_alloc_block_granules(a, 20), 0);

	free_block(a, 5, 2);
	expect_block(a, 9, 3);
	assert_int_equal(hvcma_alloc_owner(a, 3), 0);	/* nothing inherited */
	free(a);
}

static void unknown_stretches_are_found(void **state)
{
	struct hvcma_alloc *a = make(200, HVCMA_FIRST_FIT);
	uint64_t first = 77, nr = 77;

	(void)state;
	learn(a, 0, 3, BASE);
	learn(a, 6, 1, BASE);
	assert_true(hvcma_alloc_withhold(a, 7, true));		/* ...???.%???? */
	assert_true(hvcma_alloc_next_unknown(a, 0, 10, &first, &nr));
	assert_int_equal(first, 3);
	assert_int_equal(nr, 3);
	assert_true(hvcma_alloc_next_unknown(a, 4, 1, &first, &nr));
	assert_int_equal(first, 4);
	assert_int_equal(nr, 1);
	assert_true(hvcma_alloc_next_unknown(a, 6, UINT64_MAX, &first, &nr));
	assert_int_equal(first, 8);
	assert_int_equal(nr, 192);
	assert_false(hvcma_alloc_next_unknown(a, 0, 0, &first, &nr));
	assert_false(hvcma_alloc_next_unknown(a, 200, 1, &first, &nr));
	learn(a, 8, 192, BASE + 1000 * GRANULE);
	assert_false(hvcma_alloc_next_unknown(a, 6, 1, &first, &nr));

	assert_int_equal(hvcma_alloc_free_before(a, 0), 0);
	assert_int_equal(hvcma_alloc_free_before(a, 2), 2);
	assert_int_equal(hvcma_alloc_free_before(a, 3), 3);
	assert_int_equal(hvcma_alloc_free_before(a, 4), 0);
	assert_int_equal(hvcma_alloc_free_before(a, 200), 192);
	assert_int_equal(hvcma_alloc_free_before(a, 201), 0);
	free(a);
}

static void bad_setups_are_refused(void **state)
{
	size_t bytes = hvcma_alloc_buffer_bytes(4, HVCMA_BEST_FIT);
	void *buffer = aligned_alloc(64, bytes);

	(void)state;
	memset(buffer, 0, bytes);
	assert_int_equal(hvcma_alloc_buffer_bytes(0, HVCMA_BEST_FIT), 0);
	assert_int_equal(hvcma_alloc_buffer_bytes(HVCMA_MAX_GRANULES + 1, HVCMA_BEST_FIT), 0);
	assert_int_equal(hvcma_alloc_buffer_bytes(4, HVCMA_NR_POLICIES), 0);
	assert_null(hvcma_alloc_init(NULL, bytes, 4, GRANULE, HVCMA_BEST_FIT));
	assert_null(hvcma_alloc_init(buffer, bytes - 1, 4, GRANULE, HVCMA_BEST_FIT));
	assert_null(hvcma_alloc_init(buffer, bytes, 0, GRANULE, HVCMA_BEST_FIT));
	assert_null(hvcma_alloc_init(buffer, bytes, 4, 0, HVCMA_BEST_FIT));
	assert_null(hvcma_alloc_init(buffer, bytes, 4, 3 * GRANULE, HVCMA_BEST_FIT));
	free(buffer);
}

static void memory_per_granule_is_bounded(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		uint64_t nr = UINT64_C(8) << 20;

		assert_in_range(hvcma_alloc_buffer_bytes(nr, (enum hvcma_policy)policy) / nr,
				1, 30);
		assert_int_not_equal(hvcma_alloc_buffer_bytes(HVCMA_MAX_GRANULES,
							      (enum hvcma_policy)policy), 0);
	}
}

/* 1 TiB of 2 MiB granules: classes beyond the exact ones, deep trees. */
static void a_large_region_works(void **state)
{
	const uint64_t nr = UINT64_C(1) << 19;

	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct hvcma_alloc *a = make_linear(nr, (enum hvcma_policy)policy);
		struct hvcma_fit_request req = { .nr_granules = nr, .max_dma = ANYWHERE };

		expect_block(a, nr, 0);
		free_block(a, 0, nr);
		/* 300000 granules, one block, the rest: 224287 */
		req.nr_granules = 1;
		assert_true(hvcma_alloc_block_at(a, 300000, &req));
		req.nr_granules = nr;
		assert_int_equal(hvcma_alloc_longest(a, &req), 300000);
		expect_no_block(a, 300001, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
		expect_block(a, 300000, 0);
		assert_int_equal(hvcma_alloc_longest(a, &req), nr - 300001);
		expect_block(a, nr - 300001, 300001);
		expect_no_block(a, 1, 0, ANYWHERE, HVCMA_FIT_NO_SPACE);
		free(a);
	}
}

/* Lengths that share a class: the one that fits is found behind those that do not. */
static void a_run_in_a_shared_class_is_found(void **state)
{
	struct hvcma_alloc *a = make(100 * 2100, HVCMA_BEST_FIT);
	uint64_t dma = BASE;

	(void)state;
	/* 100 runs of 2048 .. 2079 granules, class of 32 lengths; one of 2079 */
	for (uint64_t i = 0; i < 100; i++, dma += 4096 * GRANULE)
		for (uint64_t j = 0; j < (i == 50 ? 2079 : 2048); j++)
			assert_true(hvcma_alloc_learn(a, i * 2100 + j, dma + j * GRANULE));
	expect_block(a, 2079, 50 * 2100);
	expect_no_block(a, 2049, 0, ANYWHERE, HVCMA_FIT_FRAGMENTED);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(best_fit_takes_the_smallest_run),
		cmocka_unit_test(first_fit_takes_the_lowest_run),
		cmocka_unit_test(next_fit_goes_on_and_wraps),
		cmocka_unit_test(next_fit_finds_the_run_around_its_cursor),
		cmocka_unit_test(a_block_never_crosses_an_extent),
		cmocka_unit_test(alignment_is_of_the_dma_address),
		cmocka_unit_test(an_aligned_block_among_many_unaligned_is_found),
		cmocka_unit_test(the_last_byte_obeys_the_limit),
		cmocka_unit_test(best_fit_keeps_low_memory),
		cmocka_unit_test(a_run_across_a_zone_border_serves_both),
		cmocka_unit_test(an_odd_limit_is_found_among_many),
		cmocka_unit_test(longest_is_exact),
		cmocka_unit_test(learning_joins_and_splits),
		cmocka_unit_test(learning_is_refused),
		cmocka_unit_test(the_highest_address_is_usable),
		cmocka_unit_test(withheld_granules_are_not_given),
		cmocka_unit_test(freeing_needs_exactly_a_block),
		cmocka_unit_test(blocks_are_split_and_joined),
		cmocka_unit_test(a_place_can_be_asked_for),
		cmocka_unit_test(a_range_can_be_asked_for),
		cmocka_unit_test(blocks_have_owners_and_can_be_listed),
		cmocka_unit_test(unknown_stretches_are_found),
		cmocka_unit_test(bad_setups_are_refused),
		cmocka_unit_test(memory_per_granule_is_bounded),
		cmocka_unit_test(a_large_region_works),
		cmocka_unit_test(a_run_in_a_shared_class_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
