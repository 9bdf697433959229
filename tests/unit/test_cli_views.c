// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma top, map, metrics and who against QEMUs that this test plays: one that answers, several, one that
 * does not; the service as far as it is not there. The report is the one of test_cli_status.
 */
#include <json-c/json.h>

#include "tests/unit/played_qemu.h"
#include "tests/unit/played_report.h"

static const char *const conversation[] = {
	GREETING, DONE, DEVICES, NOTHING, REPORT, NULL,
};

/* @fmt: with the socket for a first %s, the folder for a second */
static void expect(struct fixture *f, int status, const char *part, const char *fmt)
{
	char line[1024];
	int got;

	stop_qemu(f);
	start_qemu(f, conversation, SIZE_MAX, false);
	snprintf(line, sizeof(line), fmt, f->socket, f->dir);
	got = run_hvcma(f, line);
	if (got != status || !strstr(f->out, part))
		fail_msg("'%s': exit status %d, no '%s', printed:\n%s", line, got, part, f->out);
}

static void test_who(void **state)
{
	struct fixture *f = *state;

	expect(f, HVCMA_EXIT_OK, "0xffffffffff234567: qmp, region banka (cma0), gpa 0x100234567, allocated for nv0 (pool)\n",
	       "who --qmp %s 0xffffffffff234567");
	expect(f, HVCMA_EXIT_OK, "0xffffffffff400000: qmp, region banka (cma0), gpa 0x100400000, in no block\n",
	       "who --qmp %s 0xffffffffff400000");
	expect(f, HVCMA_EXIT_NO_DEVICE, "0xffffffffff600000 is of no region of these virtual machines",
	       "who --qmp %s 0xffffffffff600000");
	expect(f, HVCMA_EXIT_NO_DEVICE, "0xffffffffff000000: qmp", "who --qmp %s 0x1000 0xffffffffff000000");
	expect(f, HVCMA_EXIT_OK, "\"gpa\":4294967296", "who --json --qmp %s 0xffffffffff000000");
	/* whoever does not answer can't be ruled out */
	expect(f, HVCMA_EXIT_FAILED, "/nowhere", "who --qmp %s --qmp /nowhere 0x1000");
	expect(f, HVCMA_EXIT_USAGE, "'here' is no address", "who --qmp %s here");
	expect(f, HVCMA_EXIT_USAGE, "addresses are needed", "who --qmp %s");
	expect(f, HVCMA_EXIT_USAGE, "--qmp is missing", "who 0x1000 #%s");
	expect(f, HVCMA_EXIT_USAGE, "--timeout is 1 to 3600 seconds, not '0'", "who --timeout 0 --qmp %s 0x1000");
}

static void test_map(void **state)
{
	struct fixture *f = *state;

	expect(f, HVCMA_EXIT_OK,
	       "qmp: region banka (cma0)\n"
	       "guest-physical                                  host-physical (DMA)\n"
	       "0x100000000    ##l..b..                         0xfffffffffc000000                         ##l\n"
	       "\n"
	       "# pinned, + migratable, l online in the guest, b busy, s swapped, . unbacked, ? not in the report\n",
	       "map --qmp %s");
	expect(f, HVCMA_EXIT_OK, "\"granules\":[", "map --json --qmp %s");
	assert_null(strstr(f->out, "counters"));
	expect(f, HVCMA_EXIT_FAILED, "/nowhere", "map --qmp /nowhere --qmp %s");
	assert_non_null(strstr(f->out, "##l..b.."));
	expect(f, HVCMA_EXIT_USAGE, "two forms", "map --qmp %s --json --svg x");
	expect(f, HVCMA_EXIT_USAGE, "--qmp is missing", "map #%s");
	expect(f, HVCMA_EXIT_FAILED, "/nowhere/map.svg: No such file", "map --qmp %s --svg /proc/nowhere/map.svg");
}

/* Well-formed, and with a rectangle for each run in each panel, beside the background and the legend. */
static void test_svg(void **state)
{
	struct fixture *f = *state;
	char line[512];

	expect(f, HVCMA_EXIT_OK, "", "map --qmp %s --svg %s/map.svg");
	snprintf(line, sizeof(line), "python3 -c 'import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); r = [x for x in d.getElementsByTagName(\"rect\") if x.getElementsByTagName(\"title\")]; print(len(r), \"runs\")' %s/map.svg; rm %s/map.svg",
		 f->dir, f->dir);
	run_line(line, f->out, sizeof(f->out));
	assert_string_equal(f->out, "7 runs\n");
}

static void test_metrics(void **state)
{
	struct fixture *f = *state;
	char line[512];

	expect(f, HVCMA_EXIT_OK,
	       "# HELP hvcma_pinned_bytes Memory whose host-physical address can't change.\n"
	       "# TYPE hvcma_pinned_bytes gauge\n"
	       "hvcma_pinned_bytes{vm=\"qmp\",device=\"cma0\",region=\"banka\"} 4194304\n", "metrics --qmp %s");
	assert_non_null(strstr(f->out, "\nhvcma_up{vm=\"qmp\"} 1\n"));
	assert_non_null(strstr(f->out, "# TYPE hvcma_freed_total counter\nhvcma_freed_total{vm=\"qmp\",device=\"cma0\",region=\"banka\"} 0\n"));
	assert_null(strstr(f->out, "hvcma_swapped_bytes"));	/* not in this report */
	/* one that has ended is a 0 */
	expect(f, HVCMA_EXIT_OK, "hvcma_up{vm=\"nowhere\"} 0\nhvcma_up{vm=\"qmp\"} 1\n", "metrics --qmp /nowhere.sock --qmp %s");
	expect(f, HVCMA_EXIT_OK, "hvcma_up{vm=\"hvcmad\"} 0\n", "metrics --qmp %s --service=/nowhere");
	expect(f, HVCMA_EXIT_OK, "\"error\":", "metrics --json --qmp %s --service=/nowhere");
	/* into a file, of which nothing half is ever seen */
	expect(f, HVCMA_EXIT_OK, "", "metrics --qmp %s --output %s/hvcma.prom");
	assert_string_equal(f->out, "");
	snprintf(line, sizeof(line), "cd %s && ls | grep -v qmp && grep -c ^hvcma_ hvcma.prom && rm hvcma.prom", f->dir);
	assert_int_equal(run_line(line, f->out, sizeof(f->out)), 0);
	assert_string_equal(f->out, "hvcma.prom\n7\n");
	expect(f, HVCMA_EXIT_FAILED, "/proc/x.prom: ", "metrics --qmp %s -o /proc/x.prom");
	expect(f, HVCMA_EXIT_USAGE, "files that end with .prom, not 'x'", "metrics --qmp %s -o x");
	expect(f, HVCMA_EXIT_USAGE, "two forms", "metrics --qmp %s --json -o x.prom");
	expect(f, HVCMA_EXIT_USAGE, "--qmp or --service is missing", "metrics #%s");
}

static void test_top(void **state)
{
	struct fixture *f = *state;

	expect(f, HVCMA_EXIT_OK, "qmp              banka        running      16 MiB     4 MiB       0 B       0 B       0 B       0      0.0\n",
	       "top --batch --count 1 --qmp %s");
	assert_non_null(strstr(f->out, "VM               REGION       DRIVER"));
	/* again, and the virtual machine has ended meanwhile */
	expect(f, HVCMA_EXIT_OK, "\n\nhvcma top - ", "top -b -n 2 -d 1 --timeout 1 --qmp %s");
	assert_non_null(strstr(f->out, "running      16 MiB"));
	expect(f, HVCMA_EXIT_OK, "{\"vm\":\"qmp\",\"device\":\"cma0\"", "top --json -n 1 --qmp %s");
	expect(f, HVCMA_EXIT_USAGE, "--count is 1 to", "top -n 0 --qmp %s");
	expect(f, HVCMA_EXIT_USAGE, "--delay is 1 to 3600, not 'x'", "top -d x --qmp %s");
	expect(f, HVCMA_EXIT_USAGE, "--qmp or --service is missing", "top #%s");
}

/* Two virtual machines at once. */
static void test_several(void **state)
{
	struct fixture *f = *state, *g;
	char line[1024];
	void *other = NULL;

	assert_int_equal(setup_fixture(&other), 0);
	g = other;
	start_qemu(f, conversation, SIZE_MAX, false);
	start_qemu(g, conversation, SIZE_MAX, false);
	snprintf(line, sizeof(line), "metrics --qmp %s --qmp %s | grep -c hvcma_pinned_bytes{", f->socket, g->socket);
	assert_int_equal(run_hvcma(f, line), 0);
	assert_string_equal(f->out, "2\n");
	teardown_fixture(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_who),
		FIXTURE_TEST(test_map),
		FIXTURE_TEST(test_svg),
		FIXTURE_TEST(test_metrics),
		FIXTURE_TEST(test_top),
		FIXTURE_TEST(test_several),
	};

	return cmocka_run_group_tests_name("hvcma top, map, metrics, who", tests, NULL, NULL);
}
