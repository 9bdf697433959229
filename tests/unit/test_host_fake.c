// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fake provider and the granule rules it shares with the local one: every
 * method, every refusal with its words, every kind of injected fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/host/granules.h"
#include "hv/host/testing/provider_fake.h"

#define MIB		(UINT64_C(1) << 20)
#define GRANULE		(2 * MIB)
#define NR		UINT64_C(10)
#define BASE		(UINT64_C(1) << 32)

#define assert_words(text, words) assert_non_null(strstr(text, words))

static struct hvcma_provider *make(uint32_t extent_granules, bool shuffle, uint64_t pin_limit)
{
	const struct hvcma_provider_config config = {
		.name = "banka", .bytes = NR * GRANULE, .granule_bytes = GRANULE,
		.page_bytes = GRANULE, .pin_limit_bytes = pin_limit, .fd = -1, .need_hpa = true,
	};
	const struct hvcma_fake_config fake = {
		.base_hpa = BASE, .extent_granules = extent_granules, .shuffle = shuffle,
	};
	struct hvcma_provider *p = NULL;
	struct hvcma_error err;

	assert_int_equal(hvcma_provider_fake_create(&config, &fake, &p, &err), 0);
	assert_string_equal(p->ops->type, "fake");
	return p;
}

static void expect_bytes(struct hvcma_provider *p, uint64_t backed, uint64_t pinned)
{
	struct hvcma_provider_stats stats;

	p->ops->stats(p, &stats);
	assert_int_equal(stats.backed_bytes, backed * GRANULE);
	assert_int_equal(stats.pinned_bytes, pinned * GRANULE);
}

static void states_follow_the_methods(void **state)
{
	struct hvcma_provider *p = make(0, false, 0);
	struct hvcma_provider_stats stats;

	(void)state;
	expect_bytes(p, 0, 0);
	assert_int_equal(p->ops->back(p, 2, 5), 0);	/* . . b b b b b . . . */
	expect_bytes(p, 5, 0);
	assert_int_equal(p->ops->back(p, 0, 4), 0);	/* b b b b b b b . . . */
	expect_bytes(p, 7, 0);
	assert_int_equal(p->ops->pin(p, 3, 2), 0);	/* b b b P P b b . . . */
	expect_bytes(p, 7, 2);
	assert_int_equal(p->ops->back(p, 0, NR), 0);	/* pinned ones stay so */
	expect_bytes(p, NR, 2);
	assert_int_equal(p->ops->unpin(p, 4, 1), 0);
	expect_bytes(p, NR, 1);
	assert_int_equal(p->ops->discard(p, 4, 6), 0);	/* b b b P . . . . . . */
	expect_bytes(p, 4, 1);
	assert_int_equal(p->ops->discard(p, 4, 1), 0);	/* unbacked already */
	p->ops->stats(p, &stats);
	assert_int_equal(stats.nr_pin_calls, 1);
	assert_int_equal(stats.nr_unpin_calls, 1);
	p->ops->destroy(p);
}

static void bad_ranges_are_refused(void **state)
{
	static const struct {
		uint64_t first, nr;
	} bad[] = {
		{ NR, 1 }, { 0, NR + 1 }, { NR - 1, 2 }, { NR + 1, 0 }, { 1, UINT64_MAX },
		{ UINT64_MAX, 1 }, { UINT64_MAX, UINT64_MAX },
	};
	struct hvcma_provider *p = make(0, false, 0);
	uint64_t hpa[NR + 1];
	size_t i;

	(void)state;
	assert_int_equal(p->ops->back(p, 0, NR), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(p->ops->back(p, bad[i].first, bad[i].nr), -ERANGE);
		assert_int_equal(p->ops->pin(p, bad[i].first, bad[i].nr), -ERANGE);
		assert_int_equal(p->ops->unpin(p, bad[i].first, bad[i].nr), -ERANGE);
		assert_int_equal(p->ops->discard(p, bad[i].first, bad[i].nr), -ERANGE);
		assert_int_equal(p->ops->hpa(p, bad[i].first, bad[i].nr, hpa), -ERANGE);
		assert_words(p->error.text, "region banka");
		assert_words(p->error.text, "there are only 10");
	}
	assert_int_equal(hvcma_fake_move(p, NR, BASE), -ERANGE);
	assert_int_equal(p->ops->pin(p, NR, 0), 0);	/* empty: nothing to do */
	assert_int_equal(p->ops->hpa(p, 3, 0, hpa), 0);
	expect_bytes(p, NR, 0);
	p->ops->destroy(p);
}

static void refusals_change_nothing_and_say_why(void **state)
{
	struct hvcma_provider *p = make(0, false, 4 * GRANULE);

	(void)state;
	assert_int_equal(p->ops->back(p, 0, 7), 0);
	assert_int_equal(p->ops->pin(p, 1, 2), 0);	/* b P P b b b b . . . */

	assert_int_equal(p->ops->pin(p, 0, 2), -EBUSY);
	assert_words(p->error.text, "granule 1 is pinned already");
	assert_int_equal(p->ops->pin(p, 6, 2), -ENODATA);
	assert_words(p->error.text, "granule 7 is unbacked");
	assert_int_equal(p->ops->pin(p, 3, 3), -EDQUOT);
	assert_words(p->error.text, "6291456");		/* asked */
	assert_words(p->error.text, "pin limit of 8388608");
	assert_int_equal(p->ops->unpin(p, 1, 3), -EINVAL);
	assert_words(p->error.text, "granule 3 is not pinned");
	assert_int_equal(p->ops->discard(p, 0, 3), -EBUSY);
	assert_words(p->error.text, "granule 1 is pinned");
	expect_bytes(p, 7, 2);

	assert_int_equal(p->ops->pin(p, 3, 2), 0);	/* exactly the limit */
	assert_int_equal(p->ops->pin(p, 5, 1), -EDQUOT);
	assert_int_equal(p->ops->unpin(p, 1, 1), 0);
	assert_int_equal(p->ops->pin(p, 5, 1), 0);
	p->ops->destroy(p);
}

static void addresses_come_in_extents(void **state)
{
	struct hvcma_provider *p = make(3, false, 0);
	uint64_t hpa[NR];
	uint64_t i;

	(void)state;
	assert_int_equal(p->ops->back(p, 0, NR - 1), 0);
	assert_int_equal(p->ops->hpa(p, 0, NR, hpa), 0);
	assert_int_equal(hpa[0], BASE);
	for (i = 1; i < NR - 1; i++)
		assert_int_equal(hpa[i] == hpa[i - 1] + GRANULE, i % 3 != 0);
	assert_int_equal(hpa[NR - 1], UINT64_MAX);	/* unbacked */
	p->ops->destroy(p);
}

static void shuffled_extents_are_scrambled_and_distinct(void **state)
{
	struct hvcma_provider *p = make(1, true, 0), *q = make(1, true, 0);
	uint64_t hpa[NR], again[NR];
	bool descends = false;
	uint64_t i, j;

	(void)state;
	assert_int_equal(p->ops->back(p, 0, NR), 0);
	assert_int_equal(q->ops->back(q, 0, NR), 0);
	assert_int_equal(p->ops->hpa(p, 0, NR, hpa), 0);
	assert_int_equal(q->ops->hpa(q, 0, NR, again), 0);
	assert_memory_equal(hpa, again, sizeof(hpa));	/* the same each time */
	for (i = 0; i < NR; i++) {
		assert_int_equal(hpa[i] % GRANULE, 0);
		for (j = 0; j < i; j++)
			assert_int_not_equal(hpa[i], hpa[j]);
		if (i && hpa[i] < hpa[i - 1])
			descends = true;
		if (i)
			assert_int_not_equal(hpa[i], hpa[i - 1] + GRANULE);
	}
	assert_true(descends);
	p->ops->destroy(p);
	q->ops->destroy(q);
}

static void without_need_hpa_addresses_are_zero(void **state)
{
	const struct hvcma_provider_config config = {
		.name = "banka", .bytes = 2 * GRANULE, .granule_bytes = GRANULE,
		.page_bytes = MIB, .fd = -1,
	};
	const struct hvcma_fake_config fake = { .base_hpa = BASE, .prebacked = true };
	struct hvcma_provider *p = NULL;
	uint64_t hpa[2];

	(void)state;
	assert_int_equal(hvcma_provider_fake_create(&config, &fake, &p, NULL), 0);
	expect_bytes(p, 2, 0);
	assert_int_equal(p->ops->discard(p, 1, 1), 0);
	assert_int_equal(p->ops->hpa(p, 0, 2, hpa), 0);
	assert_int_equal(hpa[0], 0);
	assert_int_equal(hpa[1], UINT64_MAX);
	p->ops->destroy(p);
}

static int call(struct hvcma_provider *p, enum hvcma_fake_method method)
{
	uint64_t hpa[1];

	switch (method) {
	case HVCMA_FAKE_BACK:
		return p->ops->back(p, 0, 1);
	case HVCMA_FAKE_PIN:
		return p->ops->pin(p, 0, 1);
	case HVCMA_FAKE_HPA:
		return p->ops->hpa(p, 0, 1, hpa);
	default:
		return p->ops->discard(p, 0, 1);
	}
}

static void injected_faults_hit_the_asked_calls_only(void **state)
{
	static const char *const name[] = { "in back", "in pin", "in hpa", "in discard" };
	int method;

	(void)state;
	for (method = 0; method < HVCMA_FAKE_NR_METHODS; method++) {
		struct hvcma_provider *p = make(0, false, 0);
		int i;

		assert_int_equal(p->ops->back(p, 0, 1), 0);
		hvcma_fake_inject(p, method, 2, 3, -ENOMEM);	/* works, works, 3 faults, works */
		for (i = 0; i < 6; i++) {
			int want = i >= 2 && i < 5 ? -ENOMEM : 0;

			assert_int_equal(call(p, method), want);
			if (want)
				assert_words(p->error.text, name[method]);
			if (!want && method == HVCMA_FAKE_PIN)
				assert_int_equal(p->ops->unpin(p, 0, 1), 0);
		}
		p->ops->destroy(p);
	}
}

static void a_fault_has_no_effect_and_can_be_disarmed(void **state)
{
	struct hvcma_provider *p = make(0, false, 0);

	(void)state;
	hvcma_fake_inject(p, HVCMA_FAKE_BACK, 0, UINT64_MAX, -EIO);
	assert_int_equal(p->ops->back(p, 0, NR), -EIO);
	expect_bytes(p, 0, 0);
	assert_int_equal(p->ops->back(p, 0, NR + 1), -ERANGE);	/* refused, not consumed */
	hvcma_fake_inject(p, HVCMA_FAKE_BACK, 0, 0, 0);
	assert_int_equal(p->ops->back(p, 0, NR), 0);
	hvcma_fake_inject(p, HVCMA_FAKE_PIN, 0, 1, -EFAULT);
	assert_int_equal(p->ops->pin(p, 0, 1), -EFAULT);
	hvcma_fake_inject(p, HVCMA_FAKE_DISCARD, 0, 1, -EIO);
	assert_int_equal(p->ops->discard(p, 0, 1), -EIO);
	expect_bytes(p, NR, 0);
	p->ops->destroy(p);
}

static void only_migratable_granules_move(void **state)
{
	struct hvcma_provider *p = make(0, false, 0);
	uint64_t hpa[2];

	(void)state;
	assert_int_equal(p->ops->back(p, 0, 2), 0);
	assert_int_equal(p->ops->pin(p, 1, 1), 0);
	assert_int_equal(hvcma_fake_move(p, 0, 9 * BASE), 0);
	assert_int_equal(hvcma_fake_move(p, 1, 9 * BASE), -EBUSY);
	assert_words(p->error.text, "granule 1 is pinned");
	assert_int_equal(hvcma_fake_move(p, 0, BASE + 4096), -EINVAL);
	assert_int_equal(p->ops->hpa(p, 0, 2, hpa), 0);
	assert_int_equal(hpa[0], 9 * BASE);
	assert_int_equal(hpa[1], BASE + GRANULE);
	p->ops->destroy(p);
}

static void bad_sizes_are_refused(void **state)
{
	static const struct {
		uint64_t bytes, granule, page, base;
		const char *words;
	} bad[] = {
		{ 8 * MIB, 3 * MIB, MIB, 0, "3145728" },
		{ 8 * MIB, 2 * MIB, 3, 0, "pages of 3" },
		{ 8 * MIB, 0, 4096, 0, "granule of 0" },
		{ 8 * MIB, 2 * MIB, 0, 0, "pages of 0" },
		{ 8 * MIB, MIB, 2 * MIB, 0, "pages of 2097152" },
		{ 0, 2 * MIB, 4096, 0, "size of 0" },
		{ 5 * MIB, 2 * MIB, 4096, 0, "size of 5242880" },
		{ 8 * MIB, 2 * MIB, 4096, 4096, "0x1000" },
		{ 8 * MIB, 2 * MIB, 4096, 0xffffffffffe00000, "no room below 2^64 for 4" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct hvcma_provider_config config = {
			.name = "odd", .bytes = bad[i].bytes, .granule_bytes = bad[i].granule,
			.page_bytes = bad[i].page, .fd = -1,
		};
		const struct hvcma_fake_config fake = { .base_hpa = bad[i].base };
		struct hvcma_provider *p = (void *)&p;
		struct hvcma_error err = { "" };

		assert_int_equal(hvcma_provider_fake_create(&config, &fake, &p, &err), -EINVAL);
		assert_ptr_equal(p, (void *)&p);	/* untouched */
		assert_words(err.text, "region odd");
		assert_words(err.text, bad[i].words);
	}
}

static void error_text_is_cut_not_overrun(void **state)
{
	struct hvcma_error err;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	hvcma_error_set(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	hvcma_error_set(NULL, "%s", text);
}

static void corrupt_tables_are_noticed(void **state)
{
	const struct hvcma_provider_config config = {
		.name = "banka", .bytes = 4 * GRANULE, .granule_bytes = GRANULE,
		.page_bytes = GRANULE, .fd = -1,
	};
	struct hvcma_granules g;

	(void)state;
	assert_int_equal(hvcma_granules_init(&g, &config, NULL), 0);
	assert_true(hvcma_granules_is_valid(&g));
	g.state[2] = HVCMA_GRANULE_PINNED;		/* behind the setter's back */
	assert_false(hvcma_granules_is_valid(&g));
	g.state[2] = HVCMA_GRANULE_NR_STATES;
	assert_false(hvcma_granules_is_valid(&g));
	hvcma_granules_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_follow_the_methods),
		cmocka_unit_test(bad_ranges_are_refused),
		cmocka_unit_test(refusals_change_nothing_and_say_why),
		cmocka_unit_test(addresses_come_in_extents),
		cmocka_unit_test(shuffled_extents_are_scrambled_and_distinct),
		cmocka_unit_test(without_need_hpa_addresses_are_zero),
		cmocka_unit_test(injected_faults_hit_the_asked_calls_only),
		cmocka_unit_test(a_fault_has_no_effect_and_can_be_disarmed),
		cmocka_unit_test(only_migratable_granules_move),
		cmocka_unit_test(bad_sizes_are_refused),
		cmocka_unit_test(error_text_is_cut_not_overrun),
		cmocka_unit_test(corrupt_tables_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
