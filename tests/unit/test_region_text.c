// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions as text: what parses and to what, what does not and where it is said
 * to be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/core/region_text.h"

#define KIB	UINT64_C(1024)
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)
#define TIB	(1024 * GIB)

static struct hvcma_region_text only(const char *text)
{
	struct hvcma_region_text e;
	struct hvcma_text_error err = { .sentence = "" };

	if (hvcma_region_text_next(&text, &e, &err))
		fail_msg("%s at \"%s\"", err.sentence, err.slice.text);
	assert_int_equal(*text, 0);
	return e;
}

static void the_designs_example_parses(void **state)
{
	const char *text = "banka=64M;banka/nvme0,codec=32M@0x140000000;dma/cam(firmware)=16M";
	struct hvcma_slice rest, client;
	struct hvcma_text_error err;
	struct hvcma_region_text e;

	(void)state;
	assert_int_equal(hvcma_region_text_next(&text, &e, &err), 0);
	assert_true(hvcma_slice_is(&e.name, "banka"));
	assert_int_equal(e.clients.bytes, 0);
	assert_int_equal(e.kind.bytes, 0);
	assert_int_equal(e.size.quantity[0].value, 64 * MIB);
	assert_false(e.has_base);

	assert_int_equal(hvcma_region_text_next(&text, &e, &err), 0);
	assert_true(hvcma_slice_is(&e.name, "banka"));
	assert_true(hvcma_slice_is(&e.clients, "nvme0,codec"));
	assert_true(hvcma_slice_is(&e.size.text, "32M"));
	assert_true(e.has_base);
	assert_int_equal(e.base, 0x140000000);
	rest = e.clients;
	assert_true(hvcma_region_text_client(&rest, &client));
	assert_true(hvcma_slice_is(&client, "nvme0"));
	assert_true(hvcma_region_text_client(&rest, &client));
	assert_true(hvcma_slice_is(&client, "codec"));
	assert_false(hvcma_region_text_client(&rest, &client));

	assert_int_equal(hvcma_region_text_next(&text, &e, &err), 0);
	assert_true(hvcma_slice_is(&e.name, "dma"));
	assert_true(hvcma_slice_is(&e.clients, "cam"));
	assert_true(hvcma_slice_is(&e.kind, "firmware"));
	assert_int_equal(*text, 0);
}

static void slices_compare_whole(void **state)
{
	const struct hvcma_slice abc = { "abcd", 3 }, ab = { "abcd", 2 }, also = { "xabc" + 1, 3 };
	const struct hvcma_slice empty = { NULL, 0 };

	(void)state;
	assert_true(hvcma_slice_equal(&abc, &also));
	assert_false(hvcma_slice_equal(&abc, &ab));
	assert_true(hvcma_slice_equal(&empty, &empty));
	assert_true(hvcma_slice_is(&abc, "abc"));
	assert_false(hvcma_slice_is(&abc, "abcd"));
	assert_false(hvcma_slice_is(&abc, "ab"));
	assert_true(hvcma_slice_is(&empty, ""));
}

static void sizes_are_computed(void **state)
{
	static const struct {
		const char *text;
		uint64_t ram, bytes;
	} sizes[] = {
		{ "r=1", 0, 1 },
		{ "r=0x1000", 0, 4096 },
		{ "r=0XfF", 0, 255 },
		{ "r=3K", 0, 3 * KIB },
		{ "r=3k", 0, 3 * KIB },
		{ "r=2m", 0, 2 * MIB },
		{ "r=7G", 0, 7 * GIB },
		{ "r=5T", 0, 5 * TIB },
		{ "r=16777215T", 0, 16777215 * TIB },
		{ "r=18446744073709551615", 0, UINT64_MAX },
		{ "r=0xffffffffffffffff", 0, UINT64_MAX },
		{ "r=10%", 1000, 100 },
		{ "r=100%", UINT64_MAX, UINT64_MAX },
		{ "r=33%", 101, 33 },
		{ "r=1%", 99, 0 },
		{ "r=min(10%,64M)", GIB, 64 * MIB },
		{ "r=min(10%,64M)", 100 * MIB, 10 * MIB },
		{ "r=max(10%,64M)", GIB, 107374182 },
		{ "r=max(10%,64M)", 100 * MIB, 64 * MIB },
		{ "r=max(1M,3M,2M)", 0, 3 * MIB },
		{ "r=min(3M,1M,2M,4M)", 0, MIB },
		{ "r=min(5M)", 0, 5 * MIB },
		{ "r/c=0", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct hvcma_region_text e = only(sizes[i].text);
		uint64_t bytes = 77;

		assert_int_equal(hvcma_region_text_bytes(&e.size, sizes[i].ram, &bytes), 0);
		if (bytes != sizes[i].bytes)
			fail_msg("%s of %ju: %ju, not %ju", sizes[i].text,
				 (uintmax_t)sizes[i].ram, (uintmax_t)bytes,
				 (uintmax_t)sizes[i].bytes);
	}
}

static void percents_need_something_to_be_of(void **state)
{
	struct hvcma_region_text e = only("r=min(64M,10%)");
	uint64_t bytes = 77;

	(void)state;
	assert_int_equal(hvcma_region_text_bytes(&e.size, 0, &bytes), VIRTIO_CMA_S_INVAL);
	assert_int_equal(bytes, 77);
}

static void limits_are_inclusive(void **state)
{
	struct hvcma_region_text e;

	(void)state;
	e = only("abcdefghijklmnopqrstuvwxyz01234/0000:00:03.0,b(abcdefghijklmno)=1@18446744073709551615");
	assert_int_equal(e.name.bytes, 31);
	assert_true(hvcma_slice_is(&e.clients, "0000:00:03.0,b"));
	assert_int_equal(e.kind.bytes, 15);
	assert_true(e.base == UINT64_MAX);
}

/* The offending part, and where it begins. */
static void errors_say_where(void **state)
{
	static const struct {
		const char *text, *slice, *sentence;
		size_t offset;
	} errors[] = {
		{ "=1", "=", "region name is missing", 0 },
		{ " a=1", " ", "region name is missing", 0 },
		{ ";a=1", ";", "region name is missing", 0 },
		{ "abcdefghijklmnopqrstuvwxyz012345=1", "abcdefghijklmnopqrstuvwxyz012345",
		  "region name has more than 31 bytes", 0 },
		{ "a", "", "expected '/' or '='", 1 },
		{ "a b=1", " ", "expected '/' or '='", 1 },
		{ "a(k)=1", "(", "a kind needs clients before it", 1 },
		{ "a/=1", "=", "client is missing", 2 },
		{ "a/b,=1", "=", "client is missing", 4 },
		{ "a/b,,c=1", ",", "client is missing", 4 },
		{ "a/abcdefghijklmnopqrstuvwxyz012345=1", "abcdefghijklmnopqrstuvwxyz012345",
		  "client has more than 31 bytes", 2 },
		{ "a/b()=1", ")", "kind is missing", 4 },
		{ "a/b(abcdefghijklmnop)=1", "abcdefghijklmnop", "kind has more than 15 bytes", 4 },
		{ "a/b(k=1", "=", "expected ')' after the kind", 5 },
		{ "a/b(k)c=1", "c", "expected ',', '(' or '='", 6 },
		{ "a=", "", "number is missing", 2 },
		{ "a=x", "x", "number is missing", 2 },
		{ "a=0x", "", "number is missing", 4 },
		{ "a=-1", "-", "number is missing", 2 },
		{ "a=18446744073709551616", "18446744073709551616", "number is too large", 2 },
		{ "a=0x10000000000000000", "0x10000000000000000", "number is too large", 2 },
		{ "a=16777216T", "16777216T", "number is too large", 2 },
		{ "a=0", "0", "size is zero", 2 },
		{ "a=0M", "0M", "size is zero", 2 },
		{ "a/b=min(0,1M)", "min(0,1M)", "size is zero", 4 },
		{ "a=0%", "0%", "percentage is not between 1 and 100", 2 },
		{ "a=101%", "101%", "percentage is not between 1 and 100", 2 },
		{ "a=1M%", "1M%", "a percentage has no suffix", 2 },
		{ "a=min(1,2,3,4,5)", "5", "more than 4 quantities", 14 },
		{ "a=min()", ")", "number is missing", 6 },
		{ "a=min(1", "", "expected ',' or ')' after the quantity", 7 },
		{ "a=max(1;2)", ";", "expected ',' or ')' after the quantity", 7 },
		{ "a=min(min(1,2),3)", "m", "number is missing", 6 },
		{ "a=1MM", "M", "expected '@' or ';' after the size", 4 },
		{ "a=0x10M", "M", "expected '@' or ';' after the size", 6 },
		{ "a=1@", "", "number is missing", 4 },
		{ "a=1@10%", "%", "expected ';' after the base", 6 },
		{ "a=1;", ";", "an entry must follow the ';'", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const char *text = errors[i].text;
		struct hvcma_region_text e = { .base = 77 };
		struct hvcma_text_error err = { .sentence = "nothing" };

		if (!hvcma_region_text_next(&text, &e, &err))
			fail_msg("\"%s\" parses", errors[i].text);
		assert_ptr_equal(text, errors[i].text);
		assert_int_equal(e.base, 77);
		if (strcmp(err.sentence, errors[i].sentence) ||
		    (size_t)(err.slice.text - errors[i].text) != errors[i].offset ||
		    !hvcma_slice_is(&err.slice, errors[i].slice))
			fail_msg("\"%s\": %s at %td (%.*s)", errors[i].text, err.sentence,
				 err.slice.text - errors[i].text, (int)err.slice.bytes,
				 err.slice.text);
	}
}

static void a_later_entry_can_be_wrong(void **state)
{
	const char *text = "a=1M;b=;c=1", *start = text;
	struct hvcma_text_error err;
	struct hvcma_region_text e;

	(void)state;
	assert_int_equal(hvcma_region_text_next(&text, &e, &err), 0);
	assert_int_equal(hvcma_region_text_next(&text, &e, &err), VIRTIO_CMA_S_INVAL);
	assert_int_equal(err.slice.text - start, 7);
}

static void amounts_stand_alone(void **state)
{
	struct hvcma_text_error err;
	uint64_t bytes = 77;

	(void)state;
	assert_int_equal(hvcma_region_text_amount("16G", &bytes, &err), 0);
	assert_int_equal(bytes, 16 * GIB);
	bytes = 77;
	assert_int_equal(hvcma_region_text_amount("", &bytes, &err), VIRTIO_CMA_S_INVAL);
	assert_int_equal(hvcma_region_text_amount("10%", &bytes, &err), VIRTIO_CMA_S_INVAL);
	assert_string_equal(err.sentence, "expected nothing after the number");
	assert_int_equal(hvcma_region_text_amount("1Mx", &bytes, &err), VIRTIO_CMA_S_INVAL);
	assert_int_equal(bytes, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_designs_example_parses),
		cmocka_unit_test(slices_compare_whole),
		cmocka_unit_test(sizes_are_computed),
		cmocka_unit_test(percents_need_something_to_be_of),
		cmocka_unit_test(limits_are_inclusive),
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(a_later_entry_can_be_wrong),
		cmocka_unit_test(amounts_stand_alone),
	};

	return cmocka_run_group_tests_name("region text", tests, NULL, NULL);
}
