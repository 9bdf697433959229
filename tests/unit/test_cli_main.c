// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hvcma program as a whole: its commands and how they are found, help and
 * versions, exit codes as the manual has them, output that gets lost, and what
 * does not go to a terminal. What commands do is for tests of their own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/cli/command.h"
#include "tests/unit/hvcma_program.h"

static char out[65536];

static const char *source(void)
{
	const char *src = getenv("HVCMA_SRC");

	return src ? src : ".";
}

static void expect(int status, const char *arguments, const char *part)
{
	int got = hvcma_run(arguments, out, sizeof(out));

	if (got != status || !strstr(out, part))
		fail_msg("'%s': exit status %d, printed:\n%s", arguments, got, out);
}

static void test_help(void **state)
{
	static const char *const commands[] = {
		"status", "attr", "bind", "check", "map", "metrics", "run", "setup", "top",
		"unbind", "who", "hugepages", "regions", "windows", "fdt", "fdt add-region", "fdt bind", "fdt dma-ranges",
		"fdt overlay", "fdt xen", "fdt check", "fdt show",
	};
	static char by_option[sizeof(out)];
	char line[128];

	(void)state;
	expect(HVCMA_EXIT_OK, "help", "usage: hvcma COMMAND");
	expect(HVCMA_EXIT_OK, "help help", "usage: hvcma COMMAND");
	expect(HVCMA_EXIT_OK, "help --help", "usage: hvcma COMMAND");
	expect(HVCMA_EXIT_OK, "help -h", "usage: hvcma COMMAND");
	expect(HVCMA_EXIT_OK, "--help", "usage: hvcma COMMAND");
	expect(HVCMA_EXIT_OK, "-h", "usage: hvcma COMMAND");
	expect(HVCMA_EXIT_USAGE, "", "usage: hvcma COMMAND");
	expect(HVCMA_EXIT_OK, "fdt help", "usage: hvcma fdt SUBCOMMAND");
	expect(HVCMA_EXIT_USAGE, "fdt", "usage: hvcma fdt SUBCOMMAND");
	expect(HVCMA_EXIT_OK, "fdt help check", "usage: hvcma fdt check ");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(line, sizeof(line), "%s --help", commands[i]);
		expect(HVCMA_EXIT_OK, line, "usage: hvcma ");
		strcpy(by_option, out);
		snprintf(line, sizeof(line), "help %s", commands[i]);
		expect(HVCMA_EXIT_OK, line, commands[i]);
		assert_string_equal(out, by_option);
		snprintf(line, sizeof(line), "%s -h", commands[i]);
		expect(HVCMA_EXIT_OK, line, by_option);
	}
}

static void test_version(void **state)
{
	(void)state;
	expect(HVCMA_EXIT_OK, "--version", "hvcma ");
	expect(HVCMA_EXIT_OK, "-V", "hvcma ");
}

static void test_unknown_commands(void **state)
{
	(void)state;
	expect(HVCMA_EXIT_USAGE, "stauts", "hvcma: unknown command 'stauts'; did you mean 'status'? (hvcma --help explains)");
	expect(HVCMA_EXIT_USAGE, "nonsense", "hvcma: unknown command 'nonsense' (hvcma --help explains)");
	expect(HVCMA_EXIT_USAGE, "fdt chekc", "hvcma fdt: unknown command 'chekc'; did you mean 'check'? (hvcma fdt --help explains)");
	expect(HVCMA_EXIT_USAGE, "help regoins", "did you mean 'regions'?");
	expect(HVCMA_EXIT_USAGE, "help fdt shwo", "did you mean 'show'?");
	expect(HVCMA_EXIT_USAGE, "help fdt check more", "help: unexpected argument 'more'");
	expect(HVCMA_EXIT_USAGE, "--verson", "hvcma: unknown option --verson; did you mean --version? (");
	expect(HVCMA_EXIT_USAGE, "--qmp x status", "unknown option --qmp, and a command comes first");
}

static void test_suggestions(void **state)
{
	static const struct {
		const char *word, *meant;
	} rows[] = {
		{ "stats", "status" }, { "sattus", "status" }, { "satus", "status" },
		{ "statusses", "status" }, { "atrt", "attr" }, { "dft", "fdt" }, { "fd", "fdt" },
		{ "region", "regions" }, { "attribute", "attr" }, { "reg", "regions" },
		{ "STATUS", "status" }, { "Statsu", "status" },
		{ "xyz", NULL }, { "''", NULL }, { "f", NULL }, { "at", NULL }, { "cat", NULL },
		{ "a-word-that-is-longer-than-all-commands", NULL },
	};
	char part[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(part, sizeof(part), "; did you mean '%s'?", rows[i].meant ? rows[i].meant : "");
		expect(HVCMA_EXIT_USAGE, rows[i].word, rows[i].meant ? part : "unknown command");
		if (!rows[i].meant)
			assert_null(strstr(out, "did you mean"));
	}
}

/* The manual's table, the program's and what commands do are one. */
static void test_exit_status(void **state)
{
	static const struct {
		int status;
		const char *arguments;
	} rows[] = {
		{ HVCMA_EXIT_OK, "regions check a=4K" },
		{ HVCMA_EXIT_FAILED, "regions check a=4" },
		{ HVCMA_EXIT_FAILED, "status --qmp /nowhere" },
		{ HVCMA_EXIT_FAILED, "fdt show /nowhere" },
		{ HVCMA_EXIT_FAILED, "attr --client coherent --no-fwb --attr uncached" },
		{ HVCMA_EXIT_USAGE, "regions check" },
	};
	char line[12288];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i].status, rows[i].arguments, "");
	for (int i = HVCMA_EXIT_OK; i <= HVCMA_EXIT_FINDINGS; i++) {
		snprintf(line, sizeof(line), "sed -n '/^.SH EXIT STATUS/,/^.SH EX/p' %s/docs/man/hvcma.1 | grep -qx '.B %d'",
			 source(), i);
		if (run_line(line, out, sizeof(out)))
			fail_msg("not in the manual: exit status %d", i);
		snprintf(line, sizeof(line), "%d ", i);
		expect(HVCMA_EXIT_OK, "--help", line);
	}
}

/* Each option of --help has its place in the manual, and the other way round. */
static void test_manual(void **state)
{
	static const struct {
		const char *commands, *page;
	} rows[] = {
		{ "status regions release windows", "hvcma.1" }, { "attr", "hvcma-attr.1" },
		{ "check", "hvcma-check.1" },
		{ "bind unbind", "hvcma-bind.1" },
		{ "hugepages", "hvcma-hugepages.1" }, { "run", "hvcma-run.1" }, { "setup", "hvcma-setup.1" },
		{ "map", "hvcma-map.1" }, { "metrics", "hvcma-metrics.1" }, { "top", "hvcma-top.1" }, { "who", "hvcma-who.1" },
		{ "'fdt add-region' 'fdt bind' 'fdt dma-ranges' 'fdt overlay' 'fdt xen' 'fdt check' 'fdt show'",
		  "hvcma-fdt.1" },
	};
	char line[12288];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line),
			 "dir=$(mktemp -d); for c in %s; do %s $c --help; done | grep -o -e '--[a-z][a-z0-9-]*' | "
			 "sort -u | grep -vx -e --help >$dir/help; sed 's/\\\\-/-/g' %s/docs/man/%s | sed '/^.SH EXAMPLES/,$d' | "
			 "grep -o -e '--[a-z][a-z0-9-]*' | sort -u | grep -vx -e --version -e --complete -e --help >$dir/page; "
			 "diff $dir/help $dir/page; s=$?; rm -r $dir; exit $s",
			 rows[i].commands, hvcma_program(), source(), rows[i].page);
		if (run_line(line, out, sizeof(out)))
			fail_msg("%s and --help (<) differ:\n%s", rows[i].page, out);
	}
}

static void test_lost_output(void **state)
{
	static const char *const lines[] = {
		"--help", "help", "-V", "status --help", "help fdt check", "fdt help", "attr --table",
		"attr --policy --json", "regions check a=4K", "regions check --json a=4K",
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(line, sizeof(line), "%s >/dev/full", lines[i]);
		expect(HVCMA_EXIT_FAILED, line, "not all of the output could be written");
	}
}

/* ---- terminals ---- */

#define TREE	"{ echo '/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; };' | dtc -O dtb -o tree.dtb; } 2>/dev/null"

/* Run a line with /dev/pts/N for T; what reached that terminal is in @seen. */
static int run_on_terminal(const char *line, char *seen, size_t room)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), status;
	char whole[8192];
	ssize_t n;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	snprintf(whole, sizeof(whole), "T=%s; dir=$(mktemp -d); cd $dir; hvcma=%s; " TREE "; %s; s=$?; rm -r $dir; exit $s",
		 ptsname(master), hvcma_program(), line);
	/* held open, so that nothing of what is in it is lost */
	int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);

	status = run_line(whole, out, sizeof(out));
	fcntl(master, F_SETFL, O_NONBLOCK);
	n = read(master, seen, room - 1);
	seen[n > 0 ? n : 0] = '\0';
	close(terminal);
	close(master);
	return status;
}

static void test_no_blob_to_a_terminal(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "$hvcma fdt add-region --name a --type no-map --size 1M tree.dtb -o - >$T",
		  "cannot write '-': a blob does not go to a terminal; name a file (-o), or use a pipe" },
		{ "$hvcma fdt add-region --name a --type no-map --size 1M tree.dtb -o $T",
		  "a blob does not go to a terminal" },
		{ "$hvcma fdt add-region --name a --type no-map --size 1M - <tree.dtb >$T",
		  "a blob does not go to a terminal" },
		{ "$hvcma fdt show - <$T", "the standard input is a terminal: a blob is not typed in" },
		{ "$hvcma fdt check $T", " is a terminal: a blob is not typed in" },
	};
	char seen[4096];

	(void)state;
	if (run_line("dtc --version", out, sizeof(out)))
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got = run_on_terminal(rows[i].line, seen, sizeof(seen));

		if (got != HVCMA_EXIT_FAILED || !strstr(out, rows[i].message) || *seen)
			fail_msg("%s: exit status %d, printed:\n%s", rows[i].line, got, out);
	}
	/* tables do, and blobs go into pipes */
	assert_int_equal(run_on_terminal("$hvcma regions check a=4K >$T", seen, sizeof(seen)),
			 HVCMA_EXIT_OK);
	assert_non_null(strstr(seen, "region  clients"));
	assert_int_equal(run_on_terminal("$hvcma fdt add-region --name a --type no-map --size 1M tree.dtb -o - | "
					 "$hvcma fdt show -", seen, sizeof(seen)), HVCMA_EXIT_OK);
	assert_non_null(strstr(out, "reserved /reserved-memory/a: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_unknown_commands),
		cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_lost_output),
		cmocka_unit_test(test_no_blob_to_a_terminal),
	};

	return cmocka_run_group_tests_name("hvcma", tests, NULL, NULL);
}
