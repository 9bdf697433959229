// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which pages make the longest runs: of layouts that are written down here, in hugepages of each
 * size that arm64 and x86 have. Of pages that a kernel has: test_host_contiguous.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "hv/host/provider.h"
#include "hv/host/runs.h"

#define MAX		64
#define NONE		UINT64_MAX
#define NR(list)	(sizeof(list) / sizeof((list)[0]))

static const uint64_t sizes[] = {
	64 << 10, 2 << 20, 32 << 20, 512 << 20, 1 << 30,
};

/*
 * Pages @frame, in units of @page_bytes, to a row of @want->nr, whose frames are to be @expect.
 * Return: what the row comes to.
 */
static struct hvcma_runs choose(struct hvcma_runs_want want, const uint64_t *frame, uint64_t nr,
				const uint64_t *expect)
{
	uint64_t hpa[MAX], order[MAX], row[MAX];
	struct hvcma_runs runs;

	for (uint64_t i = 0; i < nr; i++)
		hpa[i] = frame[i] == NONE ? HVCMA_HPA_ABSENT : frame[i] * want.page_bytes;
	assert_int_equal(hvcma_runs_choose(hpa, nr, &want, order), 0);
	for (uint64_t i = 0; i < want.nr; i++) {
		assert_true(order[i] < nr);
		assert_int_equal(frame[order[i]], expect[i]);
		row[i] = hpa[order[i]];
	}
	hvcma_runs_count(row, &want, &runs);
	return runs;
}

static void expect_runs(struct hvcma_runs runs, uint64_t nr, uint64_t longest, uint64_t nr_low)
{
	assert_int_equal(runs.nr, nr);
	assert_int_equal(runs.longest, longest);
	assert_int_equal(runs.nr_low, nr_low);
}

/* The longest first, each in order; the page that is not there is none. */
static void long_runs_come_first(void **state)
{
	static const uint64_t frame[] = { 9, 3, NONE, 12, 8, 4, 13, 5, 20, 7 };
	static const uint64_t eight[] = { 7, 8, 9, 3, 4, 5, 12, 13 };

	(void)state;
	for (size_t i = 0; i < NR(sizes); i++) {
		struct hvcma_runs_want want = { .page_bytes = sizes[i], .nr = 8 };

		expect_runs(choose(want, frame, NR(frame), eight), 3, 3, 0);
		want.nr = 3;
		expect_runs(choose(want, frame, NR(frame), eight), 1, 3, 0);
		want.nr = 1;		/* where nothing long is broken for it */
		expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 20 }), 1, 1, 0);
	}
}

/* What is enough is taken of the shortest run that has it, and of two from the higher one. */
static void long_runs_are_kept_for_others(void **state)
{
	static const uint64_t frame[] = { 1, 2, 3, 4, 5, 6, 11, 12, 13, 21, 22, 23, 31, 32 };
	struct hvcma_runs_want want = { .page_bytes = 2 << 20, .nr = 3 };

	(void)state;
	expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 21, 22, 23 }), 1, 3, 0);
	want.nr = 4;
	expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 1, 2, 3, 4 }), 1, 4, 0);
	want.nr = 8;
	expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 1, 2, 3, 4, 5, 6, 31, 32 }), 2, 6, 0);
	want.nr = 7;		/* one is missing: of the shortest */
	expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 1, 2, 3, 4, 5, 6, 31 }), 2, 6, 0);
}

/* First those below the limit, which a run may go across; what is missing is from anywhere. */
static void low_ones_come_before(void **state)
{
	static const uint64_t frame[] = { 2, 3, 14, 15, 16, 17, 18, 40, 41, 42 };
	struct hvcma_runs_want want = { .nr = 6, .low_nr = 3 };

	(void)state;
	for (size_t i = 0; i < NR(sizes); i++) {
		want.page_bytes = sizes[i];
		want.low_limit = 16 * sizes[i];
		expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 14, 15, 2, 40, 41, 42 }), 3, 3, 3);
		want.low_limit = 17 * sizes[i] - 1;	/* not all of 16 */
		expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 14, 15, 2, 40, 41, 42 }), 3, 3, 3);
		want.low_limit = 3 * sizes[i];
		expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 2, 14, 15, 16, 17, 18 }), 2, 5, 1);
		want.low_limit = 2 * sizes[i];
		expect_runs(choose(want, frame, NR(frame), (uint64_t[]){ 14, 15, 16, 17, 18, 2 }), 2, 5, 0);
	}
}

static void too_few_pages(void **state)
{
	static const uint64_t hpa[] = { 2 << 20, HVCMA_HPA_ABSENT, 4 << 20, HVCMA_HPA_SPLIT, HVCMA_HPA_SWAPPED };
	const struct hvcma_runs_want want = { .page_bytes = 2 << 20, .nr = 3 };
	uint64_t order[3];

	(void)state;
	assert_int_equal(hvcma_runs_choose(hpa, NR(hpa), &want, order), -ENODATA);
	assert_int_equal(hvcma_runs_choose(hpa, 0, &want, order), -ENODATA);
}

/* Absent pages go on with nothing, and with nothing behind them. */
static void rows_are_counted(void **state)
{
	static const uint64_t row[] = {
		0, 2 << 20, HVCMA_HPA_ABSENT, HVCMA_HPA_ABSENT, 4 << 20, 6 << 20, 8 << 20, 2 << 20,
	};
	struct hvcma_runs_want want = {
		.page_bytes = 2 << 20, .nr = NR(row), .low_nr = 2, .low_limit = 2 << 20,
	};
	struct hvcma_runs runs;

	(void)state;
	hvcma_runs_count(row, &want, &runs);
	expect_runs(runs, 5, 3, 1);
	want.low_nr = NR(row);
	want.low_limit = UINT64_MAX;
	hvcma_runs_count(row, &want, &runs);
	assert_int_equal(runs.nr_low, 6);
}

/* Of random layouts: a row of other pages, or in another order, never has fewer runs. */
static void none_has_fewer_runs(void **state)
{
	struct hvcma_runs_want want = { .page_bytes = 2 << 20 };
	uint64_t hpa[16], order[16], row[16];

	(void)state;
	srand(1);
	for (int round = 0; round < 300; round++) {
		struct hvcma_runs ours, other;
		uint64_t nr = 0;

		for (uint64_t frame = 0; frame < 24 && nr < 12; frame++)
			if (rand() % 3)
				hpa[nr++] = frame * want.page_bytes;
		want.nr = 1 + (uint64_t)rand() % nr;
		assert_int_equal(hvcma_runs_choose(hpa, nr, &want, order), 0);
		for (uint64_t i = 0; i < want.nr; i++)
			row[i] = hpa[order[i]];
		hvcma_runs_count(row, &want, &ours);
		/* every set of that many pages, by address, which is their best order */
		for (unsigned int set = 0; set < 1u << nr; set++) {
			uint64_t taken = 0;

			if ((unsigned int)__builtin_popcount(set) != want.nr)
				continue;
			for (uint64_t i = 0; i < nr; i++)
				if (set & 1u << i)
					row[taken++] = hpa[i];
			hvcma_runs_count(row, &want, &other);
			assert_true(ours.nr <= other.nr);
			assert_true(ours.longest >= other.longest);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_runs_come_first),
		cmocka_unit_test(long_runs_are_kept_for_others),
		cmocka_unit_test(low_ones_come_before),
		cmocka_unit_test(too_few_pages),
		cmocka_unit_test(rows_are_counted),
		cmocka_unit_test(none_has_fewer_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
