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
	assert_int_equal(hvcma_run("regions check --json 'a=10%@4G;a/b,c(k)=3'", out, sizeof(out)),
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
	expect_field(top, "/entries/1/bytes", "3");
	expect_field(top, "/entries/1/base", "null");
	json_object_put(top);
}

static void test_wrong_texts(void **state)
{
	(void)state;
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a=1;b=33X2'",
		      "hvcma regions: expected '@' or ';' after the size at byte 8\n"
		      "  a=1;b=33X2\n"
		      "          ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check ''",
		      "hvcma regions: the text is empty\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a=1;b=2;a=512K'",
		      "hvcma regions: region is declared twice at byte 8\n"
		      "  a=1;b=2;a=512K\n"
		      "          ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a/x(k)=0;a/y,x(k)=3'",
		      "hvcma regions: client has that kind twice at byte 13\n"
		      "  a/x(k)=0;a/y,x(k)=3\n"
		      "               ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a/x,y,x=1'",
		      "hvcma regions: client has that kind twice at byte 2\n"
		      "  a/x,y,x=1\n"
		      "    ^\n");
	expect_output(HVCMA_EXIT_FAILED, "regions check 'a/b=512K;a/c=513K;a=1M'",
		      "hvcma regions: more is set aside than the region has at byte 13\n"
		      "  a/b=512K;a/c=513K;a=1M\n"
		      "               ^~~~\n");
}

/* The neighbours of the wrong ones. */
static void test_right_texts(void **state)
{
	(void)state;
	assert_int_equal(hvcma_run("regions check 'a/x=0;a/x(k)=0;b/x=0;b/x(k)=3'", out,
				   sizeof(out)), HVCMA_EXIT_OK);
	assert_int_equal(hvcma_run("regions check 'a/b=512K;a/c=512K;a=1M;b/c=5M'", out,
				   sizeof(out)), HVCMA_EXIT_OK);
	assert_int_equal(hvcma_run("regions check 'a/b=50%;a=10%'", out, sizeof(out)),
			 HVCMA_EXIT_OK);
	assert_int_equal(hvcma_run("regions check 'a/b=50%;a=10%' --ram 1G", out, sizeof(out)),
			 HVCMA_EXIT_FAILED);
}

static void test_usage(void **state)
{
	static const char *const wrong[] = {
		"regions", "regions check", "regions show a=1", "regions check a=1 b=1",
		"regions check a=1 --nonsense", "regions check a=1 --ram 0",
		"regions check a=1 --ram 1X", "regions check a=1 --ram",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(hvcma_run(wrong[i], out, sizeof(out)), HVCMA_EXIT_USAGE);
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
		cmocka_unit_test(test_right_texts),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests_name("hvcma regions", tests, NULL, NULL);
}
