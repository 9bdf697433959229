// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the next service reads of a granule's pin (hv/service/pin_table.c): at any moment
 * a granule that is PINNED has its address, whichever store was the last one. Kills nobody: test_client does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/service/pin_table.h"

#define HPA	UINT64_C(0x140000000)

static struct hvcmad_pin_table table;

static void expect(enum hvcmad_pin_state state, uint64_t hpa)
{
	assert_int_equal(hvcmad_pin_table_state(&table, 1), state);
	assert_int_equal(hvcmad_pin_table_address(&table, 1), hpa);
	assert_true(hvcmad_pin_table_is_backed(&table, 1));
	/* those beside it: nobody has touched them */
	assert_true(!table.entry[0] && !table.entry[2]);
}

static void to(enum hvcmad_pin_state state)
{
	hvcmad_pin_table_set(&table, 1, 1, state);
}

static void an_address_is_there_before_the_granule_is_pinned(void **state)
{
	(void)state;
	to(HVCMAD_PIN_PINNING);
	expect(HVCMAD_PIN_PINNING, 0);
	hvcmad_pin_table_set_address(&table, 1, HPA);
	expect(HVCMAD_PIN_PINNING, HPA);
	to(HVCMAD_PIN_PINNED);
	expect(HVCMAD_PIN_PINNED, HPA);
}

static void an_unpin_that_is_refused_leaves_it(void **state)
{
	(void)state;
	to(HVCMAD_PIN_UNPINNING);
	to(HVCMAD_PIN_PINNED);
	expect(HVCMAD_PIN_PINNED, HPA);
}

static void unpinned_has_none(void **state)
{
	(void)state;
	to(HVCMAD_PIN_UNPINNING);
	to(HVCMAD_PIN_NONE);
	expect(HVCMAD_PIN_NONE, 0);
}

static int begin(void **state)
{
	(void)state;
	if (hvcmad_pin_table_make(&table, 3))
		return -1;
	hvcmad_pin_table_set_backed(&table, 1, 1, true);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hvcmad_pin_table_fini(&table);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_there_before_the_granule_is_pinned),
		cmocka_unit_test(an_unpin_that_is_refused_leaves_it),
		cmocka_unit_test(unpinned_has_none),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
