// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma regions: what it prints of a right text, and where it finds a wrong one
 * wrong. What parses is for test_region_text.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>

#include "hv/cli/command.h"
#include "tests/unit/hvcma_program.h"

static char out[8192];

static void expect_output(int status, const char *arguments, const char *text)
{
	int got = hvcma_run(arguments, out, sizeof(out));

	if (got != status || strcmp(out, text))
		fail_msg("%s: exit status %d, printed:\n%s", arguments, got, out);
}

static void test_table(void **state)
{
	(void)state;
	expect_output(HVCMA_EXIT_OK,
		      "regions check 'banka=64M;banka/nvme0,codec=32M@0x140000000;dma/cam(fw)=10%'",
		      "region  clients      kind             size  is          base\n"
		      "banka   -            -                64M   64 MiB      any\n"
		      "banka   nvme0,codec  any              32M   32 MiB      0x140000000\n"
		      "dma     cam          fw               10%   ?           any\n");
	expect_output(HVCMA_EXIT_OK, "regions check --ram 1000M 'a=max(10%,1M)'",
		      "region  clients  kind             size         is          base\n"
		      "a       -        -                max(10%,1M)  100 MiB     any\n");
}

static void expect_field(struct json_object *top, const char *pointer, const char *value)
{
	struct json_object *field = NULL;

	assert_int_equal(json_pointer_get(top, pointer, &field), 0);
	assert_string_equal(json_object_to_json_string(field), value);
}

static void test_json(void **state)
{
	struct json_object *top;

	(void)state;
	assert_int_equal(hvcma_run("regions check --json 'a=10%@4G;a/b,c(k)=12K'", out, sizeof(out)),
			 HVCMA_EXIT_OK);
	top = json_tokener_parse(out);
	assert_non_null(top);
	expect_field(top, "/entries/0/region", "\"a\"");
	expect_field(top, "/entries/0/clients", "[ ]");
	expect_field(top, "/entries/0/size", "\"10%\"");
	expect_field(top, "/entries/0/bytes", "null");
	expect_field(top, "/entries/0/base", "4294967296");
	expect_field(top, "/entries/1/clients", "[ \"b\", \"c\" ]");
	expect_field(top, "/entries/1/kind", "\"k\"");
	expect_field(top, "/entries/1/bytes", "12288");
	expect_field(top, "/entries/1/base", "null");
	json_object_put(top);
}

static void test_wrong_texts(void **state)
{
	(void)state;
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a=4K;b=33X2'",
		      "hvcma regions: expected '@' or ';' after the size at byte 9\n"
		      "  a=4K;b=33X2\n"
		      "           ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check ''",
		      "hvcma regions: the text is empty\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a=4K;b=8K;a=512K'",
		      "hvcma regions: region 'a' is declared twice at byte 10\n"
		      "  a=4K;b=8K;a=512K\n"
		      "            ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a/x(k)=0;a/y,x(k)=4K'",
		      "hvcma regions: region 'a': client 'x' has that kind twice at byte 13\n"
		      "  a/x(k)=0;a/y,x(k)=4K\n"
		      "               ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a/x,y,x=4K'",
		      "hvcma regions: region 'a': client 'x' has that kind twice at byte 2\n"
		      "  a/x,y,x=4K\n"
		      "    ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a/b=512K;a/c=516K;a=1M'",
		      "hvcma regions: region 'a': 516 KiB are to be reserved, limit: 512 KiB that are left of 1 MiB at byte 13\n"
		      "  a/b=512K;a/c=516K;a=1M\n"
		      "               ^~~~\n");
	/* the mark is below the place, whatever had to be written otherwise before it */
	expect_output(HVCMA_EXIT_FAILED, "regions check \"$(printf 'a=4K;\\033b=8K')\"",
		      "hvcma regions: region name is missing at byte 5\n"
		      "  a=4K;\\x1bb=8K\n"
		      "       ^\n");
}

/* What no region can be. */
static void test_impossible(void **state)
{
	static const struct {
		const char *arguments, *message;
	} rows[] = {
		{ "a=64", "region 'a': size 64 is not a multiple of 4096 bytes at byte 2" },
		{ "'a=1M;b=4097'", "region 'b': size 4097 is not a multiple of 4096 bytes at byte 7" },
		{ "a/b=3", "region 'a': size 3 is not a multiple of 4096 bytes at byte 4" },
		{ "a=1M --granule 2M", "region 'a': size 1 MiB is less than a granule, limit: 2 MiB" },
		{ "a=1% --ram 100K", "region 'a': size 1 KiB is less than a granule, limit: 4 KiB" },
		{ "a=1M@0", "region 'a': base 0x0 is not a positive multiple of the granule, 4 KiB" },
		{ "a=1M@0x1001", "region 'a': base 0x1001 is not a positive multiple" },
		{ "a=4M@0x1000 --granule 2M", "base 0x1000 is not a positive multiple of the granule, 2 MiB" },
		{ "a/b=4K@0x1004", "region 'a': base 0x1004 is not a positive multiple" },
		{ "a=8K@0xfffffffffffff000",
		  "region 'a': base 0xfffffffffffff000 with size 8 KiB wraps, limit: 2^64 at byte 5" },
		{ "\"a=4K@0x10000;b=8K@0xf000\"",
		  "region 'b': 0xf000..0x10fff overlaps region 'a' at 0x10000..0x10fff at byte 18" },
		{ "\"a=1M@1M;b=4K@0x180000\"", "region 'b': 0x180000..0x180fff overlaps region 'a'" },
		{ "\"a=1M@1M;b=10%@0x180000\"", "region 'b': 0x180000..0x180000 overlaps region 'a'" },
		{ "'a=10%@1M;b=1M@1M'", "region 'b': 0x100000..0x1fffff overlaps region 'a' at 0x100000..0x100000" },
		{ "'a=1M;a/b=8K@1M;a/c=4K@0x101000'", "0x101000..0x101fff overlaps region 'a' at 0x100000..0x101fff" },
		{ "'a=1M@1M;a/b=4K@2M'",
		  "region 'a': 0x200000..0x200fff is reserved outside of the region at 0x100000..0x1fffff at byte 15" },
		{ "'a/b=8K@0xff000;a=1M@1M'", "0xff000..0x100fff is reserved outside" },
		{ "a/b=18446744073709547520 --granule 2M", "wraps when it is rounded up to a granule" },
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got;

		snprintf(line, sizeof(line), "regions check %s", rows[i].arguments);
		got = hvcma_run(line, out, sizeof(out));
		if (got != HVCMA_EXIT_FAILED || !strstr(out, rows[i].message))
			fail_msg("%s: exit status %d, printed:\n%s", line, got, out);
	}
}

static void test_rounded(void **state)
{
	(void)state;
	expect_output(HVCMA_EXIT_OK, "regions check 'a=10%;a/b=12K' --ram 1G --granule 2M",
		      "region  clients  kind             size  is          base\n"
		      "a       -        -                10%   102 MiB     any\n"
		      "a       b        any              12K   2 MiB       any\n");
}

/* The neighbours of the wrong ones. */
static void test_right_texts(void **state)
{
	static const char *const right[] = {
		"'a/x=0;a/x(k)=0;b/x=0;b/x(k)=4K'", "'a/b=512K;a/c=512K;a=1M;b/c=5M'",
		"'a/b=50%;a=10%'", "a=4K", "a=2M --granule 2M", "a=4K@0xfffffffffffff000",
		"'a=4K@0x10000;b=4K@0xf000;c=4K@0x11000'", "'a=4K@0x10000;a/b=4K@0x10000'",
		"'a=10%@1M;b=1M@2M'", "'a=1M@1M;a/b=4K@1M;a/c=4K@0x101000'", "'a=10%@1M;a/b=4K@2M'",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		char line[256];

		snprintf(line, sizeof(line), "regions check %s", right[i]);
		if (hvcma_run(line, out, sizeof(out)) != HVCMA_EXIT_OK)
			fail_msg("%s: %s", line, out);
	}
	assert_int_equal(hvcma_run("regions check 'a/b=50%;a=10%' --ram 1G", out, sizeof(out)),
			 HVCMA_EXIT_FAILED);
}

static void test_usage(void **state)
{
	static const struct {
		const char *arguments, *message;
	} wrong[] = {
		{ "regions", "'check' is missing (hvcma regions --help explains)" },
		{ "regions check", "the text is missing" },
		{ "regions show a=4K", "hvcma regions: unknown command 'show' (hvcma regions --help explains)" },
		{ "regions chek a=4K", "hvcma regions: unknown command 'chek'; did you mean 'check'?" },
		{ "regions check a=4K b=4K", "unexpected argument 'b=4K'" },
		{ "regions check a=4K --nonsense", "hvcma regions: unknown option --nonsense (" },
		{ "regions check a=4K --rom 1G", "unknown option --rom; did you mean --ram?" },
		{ "regions check a=4K --ram 0", "--ram is a size such as 16G, not '0'" },
		{ "regions check a=4K --ram 1X", "--ram is a size such as 16G, not '1X'" },
		{ "regions check a=4K --ram ''", "--ram is a size such as 16G, not ''" },
		{ "regions check a=4K --ram", "option --ram needs a value" },
		{ "regions check a=4K --granule 3M", "--granule is a power of two from 4096 on, such as 2M, not '3M'" },
		{ "regions check a=4K --granule 2K", "--granule is a power of two from 4096 on" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int got = hvcma_run(wrong[i].arguments, out, sizeof(out));

		if (got != HVCMA_EXIT_USAGE || !strstr(out, wrong[i].message))
			fail_msg("%s: exit status %d, printed:\n%s", wrong[i].arguments, got, out);
	}
	assert_int_equal(hvcma_run("regions --help", out, sizeof(out)), HVCMA_EXIT_OK);
	assert_non_null(strstr(out, "exit status"));
	assert_int_equal(hvcma_run("--help", out, sizeof(out)), HVCMA_EXIT_OK);
	assert_non_null(strstr(out, "regions"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_wrong_texts),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_rounded),
		cmocka_unit_test(test_right_texts),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests_name("hvcma regions", tests, NULL, NULL);
}
