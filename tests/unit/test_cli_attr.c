// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma attr: what it prints, as text and as JSON, and its exit status. Whether
 * the rules are right is for test_attr.c and tests/conformance.
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

static char out[131072];

static void expect_output(int status, const char *arguments, const char *text)
{
	int got = hvcma_run(arguments, out, sizeof(out));

	if (got != status || strcmp(out, text))
		fail_msg("%s: exit status %d, printed:\n%s", arguments, got, out);
}

static void expect_part(int status, const char *arguments, const char *part)
{
	int got = hvcma_run(arguments, out, sizeof(out));

	if (got != status || !strstr(out, part))
		fail_msg("%s: exit status %d, printed:\n%s", arguments, got, out);
}

static void test_combinations(void **state)
{
	(void)state;
	expect_output(HVCMA_EXIT_OK, "attr --stage1 normal-nc --no-fwb",
		      "stage 1   MAIR 0x44    Normal Non-cacheable, Outer Shareable\n"
		      "stage 2   MemAttr 0xf  at most Normal Write-Back (without FWB)\n"
		      "together  PAR 0x44     Normal Non-cacheable, Outer Shareable\n"
		      "The guest gets the type it asked for.\n");
	expect_output(HVCMA_EXIT_OK, "attr --stage1 off --stage2 normal-wb --fwb --sh2 non --sh1 0",
		      "stage 1   MAIR 0x00    Device-nGnRnE, Outer Shareable\n"
		      "stage 2   MemAttr 0x6  Normal Write-Back, whatever stage 1 says (with FWB)\n"
		      "together  PAR 0xff     Normal Write-Back RW-Allocate, Non-shareable\n"
		      "The guest did not ask for Write-Back, but its data will sit in caches: a device\n"
		      "that does not look there misses it.\n");
	expect_part(HVCMA_EXIT_OK, "attr --stage2 device-ngnre --no-fwb",
		    "Device-nGnRE, Outer Shareable\n"
		    "The hypervisor allows the guest less than it asked for.\n");
	expect_part(HVCMA_EXIT_OK, "attr --stage1 0x12 --stage2 8 --no-fwb",
		    "together               unpredictable (reserved encoding)\n");
	expect_part(HVCMA_EXIT_OK, "attr --stage1 normal-tagged --stage2 4 --no-fwb",
		    "stage 2   MemAttr 0x4  reserved");
	expect_part(HVCMA_EXIT_OK,
		    "attr --stage1 normal-tagged --stage2 4 --no-fwb --features mte,mte-perm",
		    "PAR 0xe0     Normal Write-Back RW-Allocate, Inner Shareable, Tagged without access\n");
}

static void test_clients(void **state)
{
	(void)state;
	expect_output(HVCMA_EXIT_OK, "attr --client noncoherent --fwb --mode reusable",
		      "client    noncoherent; host fwb, region reusable, attr=auto\n"
		      "decision   mapped cached, which is Normal Write-Back\n"
		      "because   not coherent, and the host's stage 2 makes every mapping Write-Back (FEAT_S2FWB)\n"
		      "maintain  clean and invalidate each block by address before and after it serves the client\n"
		      "maintain  clean or invalidate by address at each map, unmap and sync\n"
		      "maintain  coherent allocations can't be right: they fail\n");
	expect_part(HVCMA_EXIT_OK, "attr --client noncoherent --no-fwb",
		    "maintain  no cacheable mapping of the memory while the client uses it\n");
	expect_part(HVCMA_EXIT_OK, "attr --client unknown --kind none",
		    "decision   mapped as the guest knows\n");
	expect_output(HVCMA_EXIT_FAILED, "attr --client coherent --no-fwb --attr uncached",
		      "client    coherent; host no-fwb, region private, attr=uncached\n"
		      "decision   REFUSED\n"
		      "because   the operator said uncached, but the client's DMA goes through caches\n");
	expect_part(HVCMA_EXIT_FAILED, "attr --client noncoherent --fwb --alias busy", "REFUSED");
	expect_part(HVCMA_EXIT_OK,
		    "attr --stage1 normal-nc --stage2 normal-wb --fwb --client noncoherent",
		    "misses it.\n\nclient    noncoherent; host fwb");
}

static void expect_field(struct json_object *top, const char *pointer, const char *value)
{
	struct json_object *field = NULL;

	assert_int_equal(json_pointer_get(top, pointer, &field), 0);
	assert_string_equal(json_object_to_json_string(field), value);
}

static struct json_object *parse(const char *arguments, int status)
{
	struct json_object *top;

	assert_int_equal(hvcma_run(arguments, out, sizeof(out)), status);
	top = json_tokener_parse(out);
	assert_non_null(top);
	return top;
}

static void test_json(void **state)
{
	struct json_object *top;

	(void)state;
	top = parse("attr --json --stage1 0x44 --fwb --client noncoherent", HVCMA_EXIT_OK);
	expect_field(top, "/combination/stage1/par", "68");
	expect_field(top, "/combination/stage2/memattr", "6");
	expect_field(top, "/combination/stage2/fwb", "true");
	expect_field(top, "/combination/together/type", "\"Normal Write-Back\"");
	expect_field(top, "/combination/together/shareability", "\"inner\"");
	expect_field(top, "/client/refused", "false");
	expect_field(top, "/client/maintenance", "[ \"block\", \"sync\", \"no-coherent\" ]");
	expect_field(top, "/client/reason", "\"FWB\"");
	json_object_put(top);

	top = parse("attr --json --stage1 0x02 --no-fwb", HVCMA_EXIT_OK);
	expect_field(top, "/combination/together/par", "null");
	json_object_put(top);

	top = parse("attr --json --client coherent --no-fwb --attr uncached", HVCMA_EXIT_FAILED);
	expect_field(top, "/client/refused", "true");
	json_object_put(top);

	top = parse("attr --policy --json", HVCMA_EXIT_OK);
	assert_int_equal(json_object_array_length(top), 4 * 4 * 3 * 3);
	json_object_put(top);

	top = parse("attr --table --fwb --json", HVCMA_EXIT_OK);
	expect_field(top, "/normal-nc/normal-wb", "\"WB\"");
	expect_field(top, "/device-gre/device-ngnre", "\"nGnRE\"");
	json_object_put(top);
}

static void test_tables(void **state)
{
	(void)state;
	expect_part(HVCMA_EXIT_OK, "attr --table --no-fwb",
		    "normal-wt      nGnRnE        nGnRE         nGRE          GRE           NC            WT            WT");
	expect_part(HVCMA_EXIT_OK, "attr --policy --fwb",
		    "noncoherent  fwb      static    auto      REFUSED   unknown               STATIC");
}

static void test_host(void **state)
{
	struct json_object *top;

	(void)state;
	expect_part(HVCMA_EXIT_OK, "attr --host", "stage 2     ");
	top = parse("attr --host --json", HVCMA_EXIT_OK);
#ifndef __aarch64__
	expect_field(top, "/stage2", "\"none\"");
	expect_field(top, "/line-bytes", "0");
#endif
	json_object_put(top);
}

static void test_usage(void **state)
{
	static const struct {
		const char *arguments, *message;
	} rows[] = {
		{ "attr", "say a combination or a client" },
		{ "attr --host --table", "say a combination or a client, or one of" },
		{ "attr --stage1 pink", "--stage1 'pink' is none of: device-ngnrne" },
		{ "attr --stage1 0x100", "0 to 0xff" },
		{ "attr --stage1 4x", "--stage1 '4x' is none of" },
		{ "attr --stage2 16", "0 to 0xf" },
		{ "attr --stage2 normal-wt --fwb", "--stage2 'normal-wt' is none of" },
		{ "attr --stage2 stage1 --no-fwb", "--stage2 'stage1' is none of" },
		{ "attr --sh1 4", "--sh1 '4' is none of: non, outer, inner, 0 to 0x3" },
		{ "attr --client 1", "--client '1' is none of: coherent, noncoherent" },
		{ "attr --client coherent --mode shared", "--mode 'shared' is none of" },
		{ "attr --client coherent --attr pink", "--attr 'pink' is none of" },
		{ "attr --client coherent --alias loud", "--alias 'loud' is none of" },
		{ "attr --client coherent --kind both", "--kind 'both' is none of" },
		{ "attr --stage1 off --features xs,sve", "--features 'sve' is none of: xs, mte" },
		{ "attr --stage1 off more", "unexpected argument 'more'" },
		{ "attr --nothing", "hvcma attr: unknown option --nothing (hvcma attr --help explains)" },
		{ "attr --stage1", "hvcma attr: option --stage1 needs a value" },
		{ "attr --stage1 --fwb", "option --stage1 needs a value, and --fwb is an option" },
		{ "attr --sh", "option --sh is the beginning of several" },
		{ "attr --table=1", "option --table takes no value" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_part(HVCMA_EXIT_USAGE, rows[i].arguments, rows[i].message);
	expect_part(HVCMA_EXIT_OK, "attr --help", "usage: hvcma attr");
	expect_part(HVCMA_EXIT_OK, "--help", "  attr       explain memory attributes on Arm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
