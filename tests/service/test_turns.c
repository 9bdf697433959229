// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose turn it is: who is asked for memory, for how much, until when, who comes first, what is said. With regions that this test makes
 * up, and its own time. The real service, and clients that don't give, are in test_turns_taken.c.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/service/rig.h"
#include "hv/service/memory.h"

#define TURN_MS		1000
#define SECOND		UINT64_C(1000000)
#define NR		4

/* Regions 0 to 3 of VMs of their own, a to d. */
static struct {
	struct hvcmad_memory memory;
	struct hvcmad_config config;
	struct hvcmad_vm vm[NR];
	struct hvcmad_region region[NR];
	struct hvcma_provider provider[NR];
	struct hvcma_provider_stats stats[NR];
	struct hvcma_error err;
} t;

static void stats(const struct hvcma_provider *p, struct hvcma_provider_stats *out)
{
	*out = t.stats[p - t.provider];
}

static const struct hvcma_provider_ops ops = { .type = "played", .stats = stats };

/* Each has 64 MiB, all idle; the first offers nothing. */
static int begin(void **state)
{
	int i, ignored;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.config.turn_ms = TURN_MS;
	hvcmad_memory_init(&t.memory, &t.config, NULL);
	for (i = 0; i < NR; i++) {
		struct hvcmad_region *r = &t.region[i];

		snprintf(t.vm[i].name, sizeof(t.vm[i].name), "%c", 'a' + i);
		strcpy(r->name, "banka");
		r->vm = &t.vm[i];
		r->id = (uint32_t)i + 1;
		r->page_bytes = HUGE_BYTES;
		r->bytes = 64 * MIB;
		t.provider[i].ops = &ops;
		r->provider = &t.provider[i];
		t.stats[i].backed_bytes = 64 * MIB;
		hvcmad_turn_init(&r->turn);
		r->next = i + 1 < NR ? &t.region[i + 1] : NULL;
		if (i)
			assert_int_equal(hvcmad_turn_offer(r, &ignored, &t.err), 0);
	}
	t.memory.first = t.region;
	return 0;
}

static int end(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < NR; i++)
		hvcmad_turn_withdraw(&t.region[i]);
	return 0;
}

static bool want(unsigned int i, uint64_t mib, uint64_t available_mib, uint64_t now)
{
	hvcma_error_set(&t.err, "region %s: none", t.region[i].name);
	hvcmad_turns_look(&t.memory, now);
	return hvcmad_turns_want(&t.memory, &t.region[i], mib * MIB, available_mib * MIB, now, &t.err);
}

static uint64_t asked_mib(unsigned int i)
{
	return t.region[i].turn.asked_bytes / MIB;
}

static void expect_asked(uint64_t b, uint64_t c, uint64_t d)
{
	assert_int_equal(asked_mib(1), b);
	assert_int_equal(asked_mib(2), c);
	assert_int_equal(asked_mib(3), d);
}

/* Times that it was told. */
static int told(unsigned int i)
{
	char bytes[16];
	ssize_t got = read(t.region[i].turn.pipe[0], bytes, sizeof(bytes));

	return got < 0 ? 0 : (int)got;
}

static void no_more_is_asked_than_is_needed(void **state)
{
	(void)state;
	t.stats[1].pinned_bytes = 40 * MIB;
	t.stats[3].pinned_bytes = 64 * MIB;
	assert_true(want(0, 80, 8, SECOND));
	expect_asked(16, 64, 0);		/* the one with the most first; what is free is not asked for; steps of 16 MiB */
	assert_int_equal(told(1), 1);
	assert_int_equal(told(2), 1);
	assert_int_equal(told(3), 0);
	assert_words(t.err.text, "region banka: none; wanted 83886080 bytes, free 8388608, 8388608 more could be asked of 3 regions: "
		     "b/banka is asked for 16777216, 1000 ms left, c/banka is asked for 67108864, 1000 ms left");
	/* Again, a moment later: nobody is asked twice. */
	assert_true(want(0, 80, 8, SECOND + 1000));
	expect_asked(16, 64, 0);
	assert_int_equal(told(1), 0);
	/* Part of it was given: it is free now, and not lacking any more. */
	hvcmad_turn_gave(&t.region[2], 24 * MIB);
	t.stats[2].backed_bytes -= 24 * MIB;
	assert_true(want(0, 80, 32, SECOND + 2000));
	expect_asked(16, 40, 0);
	hvcmad_turn_has(&t.region[0]);
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[3]), 0);
}

static void the_lowest_priority_is_asked_first(void **state)
{
	(void)state;
	t.vm[0].priority = 5;
	t.vm[1].priority = 5;
	t.vm[2].priority = 1;
	t.vm[3].priority = 6;
	t.stats[1].backed_bytes = 60 * MIB;
	assert_true(want(0, 80, 0, SECOND));
	expect_asked(16, 64, 0);
	/* By one of the lowest nobody is. */
	assert_false(want(2, 16, 0, SECOND));
	expect_asked(16, 64, 0);
	/* Who is above is never asked. */
	assert_false(want(0, 140, 0, SECOND));
	expect_asked(16, 64, 0);
	assert_words(t.err.text, "d/banka has a higher priority");
}

static void nobody_is_asked_in_vain(void **state)
{
	(void)state;
	assert_false(want(0, 200, 0, SECOND));		/* they have 192 */
	expect_asked(0, 0, 0);
	assert_words(t.err.text, "wanted 209715200 bytes, free 0, 201326592 more could be asked of 3 regions");
	assert_true(want(0, 200, 8, SECOND));
	expect_asked(64, 64, 64);
	/* One that has ended its offer has not to give any more, and the others have not enough. */
	hvcmad_turn_withdraw(&t.region[3]);
	assert_false(want(0, 200, 8, SECOND));
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[1]), 0);
}

static void who_does_not_give_is_left_alone_for_a_while(void **state)
{
	(void)state;
	t.stats[2].backed_bytes = 0;
	t.stats[3].backed_bytes = 32 * MIB;
	assert_true(want(0, 16, 0, SECOND));
	expect_asked(16, 0, 0);
	hvcmad_turn_gave(&t.region[1], 4 * MIB);
	assert_true(want(0, 16, 4, SECOND + SECOND - 1));
	expect_asked(12, 0, 0);
	/* The time is over: another one. */
	assert_true(want(0, 16, 4, 2 * SECOND));
	expect_asked(0, 0, 16);
	assert_int_equal(t.region[1].turn.missed_bytes, 12 * MIB);
	assert_words(t.err.text, "b/banka has not surrendered 12582912 in time, d/banka is asked for 16777216, 1000 ms left");
	/* Nobody is left. */
	hvcmad_turn_withdraw(&t.region[3]);
	assert_false(want(0, 16, 4, 3 * SECOND - 1));
	expect_asked(0, 0, 0);
	assert_words(t.err.text, "b/banka has not surrendered 12582912 in time");
	/* It has rested. */
	assert_true(want(0, 16, 4, 3 * SECOND));
	expect_asked(16, 0, 0);
}

static void what_is_wanted_is_held_for_who_comes_first(void **state)
{
	(void)state;
	assert_true(want(1, 32, 0, SECOND));
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[0]), 32 * MIB);
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[1]), 0);
	/* The second of the same priority: after the first, and the first is not asked for its sake. */
	assert_true(want(0, 16, 0, SECOND + 1));
	expect_asked(0, 32, 16);
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[1]), 0);
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[3]), 48 * MIB);
	assert_true(want(0, 16, 0, SECOND + 2));
	expect_asked(0, 32, 16);
	assert_words(t.err.text, "free 0, of which 0 are for others before it");
	/* A higher priority passes both. */
	t.vm[3].priority = 1;
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[3]), 0);
	assert_true(want(3, 2, 0, SECOND + 3));
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[1]), 2 * MIB);
	/* What is not asked for again is wanted no more. */
	assert_true(want(0, 16, 0, SECOND + SECOND / 2));
	hvcmad_turns_look(&t.memory, 2 * SECOND + 4);
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[2]), 16 * MIB);
}

static void pools_are_told_apart(void **state)
{
	(void)state;
	t.region[1].page_bytes = 32 * MIB;
	t.region[2].is_limited = t.region[3].is_limited = true;
	t.region[2].dev = 7;
	t.region[3].dev = 8;
	/* Any pages that go back help who lacks the kernel's own. */
	assert_true(want(0, 96, 0, SECOND));
	expect_asked(0, 64, 32);
	/* In a pool with a limit of its own only those of that. */
	assert_false(want(2, 2, 0, SECOND));
	assert_words(t.err.text, "none");
	/* And what is for others there is no matter here. */
	t.region[1].page_bytes = HUGE_BYTES;
	hvcmad_turn_has(&t.region[0]);
	t.region[1].is_limited = true;
	t.region[1].dev = 7;
	assert_true(want(2, 2, 0, SECOND));
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[0]), 0);
	assert_int_equal(hvcmad_turns_held(&t.memory, &t.region[1]), 2 * MIB);
}

static void where_nobody_offers_nothing_is_added(void **state)
{
	int i;

	(void)state;
	for (i = 1; i < NR; i++)
		hvcmad_turn_withdraw(&t.region[i]);
	assert_false(want(0, 2, 0, SECOND));
	assert_string_equal(t.err.text, "region banka: none");
	assert_int_equal(hvcmad_turn_idle_bytes(&t.region[1]), 0);
}

static void words_end_where_there_is_no_room(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < NR; i++) {
		memset(t.vm[i].name, 'x', sizeof(t.vm[i].name) - 1);
		memset(t.region[i].name, 'y', sizeof(t.region[i].name) - 1);
	}
	assert_true(want(0, 192, 0, SECOND));
	assert_int_equal(strlen(t.err.text), sizeof(t.err.text) - 1);
}

static void a_pipe_that_nobody_reads_holds_up_nobody(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		hvcmad_turn_has(&t.region[0]);
		assert_true(want(0, 16, 0, SECOND + (uint64_t)i));
		hvcmad_turn_gave(&t.region[1], 16 * MIB);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(no_more_is_asked_than_is_needed),
		TEST(the_lowest_priority_is_asked_first),
		TEST(nobody_is_asked_in_vain),
		TEST(who_does_not_give_is_left_alone_for_a_while),
		TEST(what_is_wanted_is_held_for_who_comes_first),
		TEST(pools_are_told_apart),
		TEST(where_nobody_offers_nothing_is_added),
		TEST(words_end_where_there_is_no_room),
		TEST(a_pipe_that_nobody_reads_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
