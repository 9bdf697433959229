// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma top, map, metrics and who against QEMUs that this test plays: one that answers, several, one that
 * does not; the service as far as it is not there; Xen by a hvcma-xen that this test plays. The report is the one
 * of test_cli_status.
 */
#include <sys/stat.h>

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
	expect(f, HVCMA_EXIT_USAGE, "--qmp or --xen is missing", "who 0x1000 #%s");
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
	expect(f, HVCMA_EXIT_USAGE, "--qmp or --xen is missing", "map #%s");
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
	expect(f, HVCMA_EXIT_USAGE, "--qmp, --service or --xen is missing", "metrics #%s");
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
	expect(f, HVCMA_EXIT_USAGE, "--qmp, --service or --xen is missing", "top #%s");
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

#define XEN_LIST \
	"[{\"vm\":\"domu\",\"device\":\"0\",\"report\":{\"region\":{\"name\":\"dma\",\"mode\":\"private\",\"bytes\":8388608," \
	"\"granule-bytes\":2097152,\"base-gpa\":1073741824,\"unsafe-noiommu\":true},\"driver\":{\"state\":\"running\",\"interface\":\"xen\"}," \
	"\"granules\":[{\"first\":0,\"nr\":4,\"state\":\"pinned\"}],\"extents\":[{\"base-gpa\":1073741824,\"base-dma\":2147483648,\"bytes\":8388608}]," \
	"\"counters\":{\"pinned-bytes\":8388608},\"xen\":{\"domain\":1,\"backend\":\"connected\",\"frontend\":\"connected\",\"discovery-us\":77," \
	"\"error\":\"%s\"}}},7,{\"vm\":\"no report\"}]"

static void expect_xen(struct fixture *f, int status, const char *part, const char *arguments)
{
	int got = run_hvcma(f, arguments);

	if (got != status || !strstr(f->out, part))
		fail_msg("'%s': exit status %d, no '%s', printed:\n%s", arguments, got, part, f->out);
}

/* A program hvcma-xen that runs these lines of a shell. */
static void play_hvcma_xen(struct fixture *f, const char *lines)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hvcma-xen", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", lines);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static void test_xen(void **state)
{
	struct fixture *f = *state;
	char *before = strdup(getenv("PATH")), path[4096];

	expect_xen(f, HVCMA_EXIT_FAILED, "no hvcma-xen in PATH: is this a control domain of Xen?", "status --xen");
	snprintf(path, sizeof(path), "%s:%s", f->dir, before);
	setenv("PATH", path, 1);
	play_hvcma_xen(f, "[ \"$*\" = 'list --json' ] && printf '" XEN_LIST "\\n' ''");
	expect_xen(f, HVCMA_EXIT_OK,
		   "region dma (domu/0): 8 MiB at gpa 0x40000000, granule 2 MiB\n"
		   "  guest driver running\n"
		   "  mode private, domain 1 of Xen: backend connected, frontend connected\n"
		   "  the guest found where it is in 77 us\n"
		   "  UNSAFE: no IOMMU, DMA addresses are host-physical\n"
		   "  pinned 8 MiB\n", "status --xen");
	assert_null(strstr(f->out, "VERSION"));
	expect_xen(f, HVCMA_EXIT_OK, "connected\n", "status --xen --device domu/0 --field /xen/backend");
	expect_xen(f, HVCMA_EXIT_NO_DEVICE, "no domain has a region domu/1", "status --xen --device domu/1");
	expect_xen(f, HVCMA_EXIT_NO_DEVICE, "device domu/0 reports no field '/x'", "status --xen --field /x");
	expect_xen(f, HVCMA_EXIT_USAGE, "three things to ask", "status --xen --service");
	expect_xen(f, HVCMA_EXIT_OK, "0x40000000     #### ", "map --xen");
	expect_xen(f, HVCMA_EXIT_OK, "0x80200fff: domu, region dma (0), gpa 0x40200fff, in no block\n", "who --xen 0x80200fff");
	expect_xen(f, HVCMA_EXIT_NO_DEVICE, "0x80800000 is of no region", "who --xen 0x80800000");
	expect_xen(f, HVCMA_EXIT_OK, "domu             dma          running       8 MiB", "top --xen -b -n 1");
	expect_xen(f, HVCMA_EXIT_OK, "hvcma_pinned_bytes{vm=\"domu\",device=\"0\",region=\"dma\"} 8388608\n", "metrics --xen");

	/* what is no list of regions, and no answer */
	play_hvcma_xen(f, "echo []");
	expect_xen(f, HVCMA_EXIT_NO_DEVICE, "no domain has a region\n", "status --xen");
	play_hvcma_xen(f, "echo [");
	expect_xen(f, HVCMA_EXIT_FAILED, "printed no list of regions: [", "status --xen");
	play_hvcma_xen(f, "echo '{}'");
	expect_xen(f, HVCMA_EXIT_FAILED, "printed no list of regions: {}", "map --xen");
	play_hvcma_xen(f, "echo 'hvcma-xen: xenstore can not be opened'; exit 1");
	expect_xen(f, HVCMA_EXIT_FAILED, "hvcma-xen list: hvcma-xen: xenstore can not be opened", "status --xen");
	expect_xen(f, HVCMA_EXIT_OK, "hvcma_up{vm=\"xen\"} 0\n", "metrics --xen");
	play_hvcma_xen(f, "exec sleep 30");
	expect_xen(f, HVCMA_EXIT_FAILED, "hvcma-xen: no answer within 1 s", "status --xen --timeout 1");

	setenv("PATH", before, 1);
	free(before);
	snprintf(path, sizeof(path), "%s/hvcma-xen", f->dir);
	unlink(path);
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
		FIXTURE_TEST(test_xen),
	};

	return cmocka_run_group_tests_name("hvcma top, map, metrics, who", tests, NULL, NULL);
}
