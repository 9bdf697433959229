// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma status against a QEMU that this test plays: each command gets the next
 * prepared answer. Shows the layout of a report, every combination of options, and
 * what every kind of broken conversation ends in. Answers that mean harm are for
 * test_cli_hostile.c, real QEMUs for the VM tests.
 */
#include <json-c/json.h>

#include "tests/unit/played_qemu.h"
#include "tests/unit/played_report.h"

static const char layout[] =
	"region banka (cma0): 16 MiB at gpa 0x100000000, granule 2 MiB\n"
	"  guest driver running (legacy interface)\n"
	"  mode private (default region), policy best-fit, provider local, pin limit 16 MiB\n"
	"  below 4 GiB of host memory: 4 MiB of 8 MiB\n"
	"  contiguous required: 3 runs, the longest 6 MiB, 4 MiB required\n"
	"  UNSAFE: no IOMMU, DMA addresses are host-physical\n"
	"  pinned 4 MiB, migratable 2 MiB, unbacked 10 MiB, online 2 MiB, busy 2 MiB\n"
	"  busy by reason: no room to migrate into 2 MiB\n"
	"  map [##l..b..]\n"
	"      # pinned, + migratable, . unbacked, l online, b busy; 1 granule each\n"
	"  extents 1\n"
	"    gpa 0x100000000  dma 0xffffffffff000000  6 MiB\n"
	"  dma window 0xffffffffff000000..0xffffffffff5fffff\n"
	"  memory types: stage 2 no-fwb (says the kernel log), policy auto\n"
	"    a guest's cached mapping is Normal Write-Back, an uncached one Normal Non-cacheable\n"
	"  4 MiB serve non-coherent DMA: QEMU does not touch them\n"
	"  clients 2\n"
	"    nv0        pci      0000:00/03.0   claimed  bus master on, for firmware, reservation 1\n"
	"      Normal Non-cacheable, mapped uncached, block, no-cached-alias: not coherent\n"
	"      window bus 0x1000000000  dma 0x0  64 GiB, offset +0x1000000000 (option)\n"
	"      window bus 0x1000  dma 0x1000131000  4 KiB, offset -0x1000130000 (option)\n"
	"      read from: dma-windows=\n"
	"    cam        platform 0xa000000      present  bus master off\n"
	"      REFUSED: a reason\n"
	"      no windows: bus addresses are DMA addresses (acpi)\n"
	"      read from: ACPI: taken for 1:1; a note\n"
	"  blocks 1\n"
	"    gpa 0x100000000  4 MiB    nv0        pool\n"
	"  reservations 1\n"
	"    shared part      12 MiB     used 0 B\n"
	"    reservation 1    4 MiB      used 2 MiB\n"
	"  counters\n"
	"    nr-blocks                  1\n"
	"    pinned                     4 MiB\n"
	"  allocations by time\n"
	"     <        1 us           1  #\n"
	"     <        8 us          40  ########################################\n"
	"    >=       16 us           3  ###\n";

static const char *const conversation[] = {
	GREETING, DONE, DEVICES, NOTHING, REPORT, NULL,
};

static void test_layout(void **state)
{
	struct fixture *f = *state;

	start_qemu(f, conversation, SIZE_MAX, true);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_OK);
	assert_string_equal(f->out, layout);
}

/* The machine's RAM, around a hole: granules are counted through both. */
static void test_ranges(void **state)
{
	static const char *const answers[] = {
		GREETING, DONE,
		"{\"return\": {\"region\": {\"name\": \"ram\", \"mode\": \"ram\", \"base-gpa\": 0,"
		"\"bytes\": 16777216, \"granule-bytes\": 2097152, \"ranges\": ["
		"{\"base-gpa\": 0, \"bytes\": 6291456}, {\"base-gpa\": 4294967296, \"bytes\": 10485760}]},"
		"\"blocks\": [{\"first\": 2, \"nr\": 1, \"client\": \"\", \"purpose\": \"pool\"},"
		"{\"first\": 4, \"nr\": 1, \"client\": \"\", \"purpose\": \"user\"}]}}\r\n", NULL
	};
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_OK);
	assert_non_null(strstr(f->out, "region ram (cma0): 16 MiB at gpa 0x0, granule 2 MiB\n"
			       "  range gpa 0x000000000  6 MiB\n"
			       "  range gpa 0x100000000  10 MiB\n"));
	assert_non_null(strstr(f->out, "    gpa 0x000400000  2 MiB "));
	assert_non_null(strstr(f->out, "    gpa 0x100200000  2 MiB "));
}

/* Of a QEMU that was started before an update, and of one that is so old that it does not say. */
static void test_versions(void **state)
{
#define OF(provider, versions)										\
	{ GREETING, DONE, "{\"return\": {\"region\": {\"provider\": \"" provider "\"}" versions "}}\r\n", NULL }
	static const char *const other[] = OF("local", ", \"versions\": {\"device\": \"0.0.1\", \"service\": \"\"}");
	static const char *const older[] = OF("service", "");
	static const char *const service[] = OF("service", ", \"versions\": {\"device\": \"" HVCMA_VERSION "\", \"service\": \"0.0.1\"}");
	static const char *const same[] = OF("service", ", \"versions\": {\"device\": \"" HVCMA_VERSION "\", \"service\": \"" HVCMA_VERSION "\"}");
	static const struct {
		const char *const *answers;
		const char *line;
	} rows[] = {
		{ other, "  VERSION: this QEMU's virtio-cma is hvcma 0.0.1, this command is hvcma " HVCMA_VERSION
			 " (it stays what it was when QEMU started)\n" },
		{ older, "  VERSION: this QEMU's virtio-cma is hvcma of an unknown version, this command" },
		{ service, "  VERSION: its service is hvcma 0.0.1, this command is hvcma " HVCMA_VERSION "\n" },
		{ same, NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *first;

		start_qemu(f, rows[i].answers, SIZE_MAX, true);
		assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_OK);
		first = strstr(f->out, "VERSION");
		if (!!first != !!rows[i].line || (first && (!strstr(f->out, rows[i].line) || strstr(first + 1, "VERSION"))))
			fail_msg("row %zu: no '%s' alone in:\n%s", i, rows[i].line ? rows[i].line : "", f->out);
		stop_qemu(f);
	}
#undef OF
}

/* A list of one element says only how many there were. */
static void test_one_latency(void **state)
{
	static const char *const answers[] = {
		GREETING, DONE,
		"{\"return\": {\"guest\": {\"alloc-us-log2\": [7]}}}\r\n", NULL
	};
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_OK);
	assert_non_null(strstr(f->out, "  allocations by time\n"
			       "    >=        0 us           7  ####"));
}

/* 64 granules, of which the report tells two; the device has counted all. */
static void test_cut_lists(void **state)
{
	static const char *const answers[] = {
		GREETING, DONE,
		"{\"return\": {\"region\": {\"name\": \"banka\", \"bytes\": 262144, \"granule-bytes\": 4096},"
		"\"granules\": [{\"first\": 0, \"nr\": 1, \"state\": \"pinned\"},"
		"{\"first\": 1, \"nr\": 1, \"state\": \"swapped\"}],"
		"\"extents\": [{\"base-gpa\": 4096, \"base-dma\": 4096, \"bytes\": 4096}], \"blocks\": [],"
		"\"truncated\": {\"granules\": true, \"extents\": true, \"blocks\": false},"
		"\"counters\": {\"pinned-bytes\": 131072, \"swapped-bytes\": 131072, \"extents\": 32}}}\r\n", NULL
	};
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_OK);
	assert_non_null(strstr(f->out, "  pinned 128 KiB, swapped 128 KiB\n"));
	assert_non_null(strstr(f->out, "  map [#s??????"));
	assert_non_null(strstr(f->out, "b busy, s swapped, ? not in the report; 1 granule each\n"));
	assert_non_null(strstr(f->out, "  extents 32\n"));
	assert_non_null(strstr(f->out, "    ... and 16 more\n"));
}

static void test_split_messages_and_events(void **state)
{
	static const char *const answers[] = {
		GREETING, EVENT DONE, EVENT EVENT DEVICES, EVENT NOTHING, EVENT REPORT, NULL,
	};
	struct fixture *f = *state;

	start_qemu(f, answers, 1, true);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_OK);
	assert_string_equal(f->out, layout);
}

/* What is zero or empty is not told; whether there is a driver comes first. */
static void test_idle_layout(void **state)
{
	static const char *const answers[] = { GREETING, DONE,
		"{\"return\": {\"region\": {\"name\": \"banka\", \"mode\": \"private\","
		"\"base-gpa\": 4294967296, \"bytes\": 4194304, \"granule-bytes\": 2097152,"
		"\"policy\": \"best-fit\", \"default\": false, \"provider\": \"local\","
		"\"pin-limit-bytes\": 4194304}, \"driver\": {\"state\": \"none\", \"features\": 0}," REPORT_VERSIONS ","
		"\"granules\": [{\"first\": 0, \"nr\": 2, \"state\": \"unbacked\"}], \"extents\": [],"
		"\"dma-window\": {\"first\": 0, \"last\": 0}, \"blocks\": [], \"clients\": [],"
		"\"reservations\": [{\"reservation\": 0, \"bytes\": 4194304, \"used-bytes\": 0}],"
		"\"counters\": {\"pinned-bytes\": 0, \"unbacked-bytes\": 4194304, \"blocks\": 0},"
		"\"guest\": {\"valid\": false, \"alloc-us-log2\": [0, 0]}}}\r\n", NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_OK);
	assert_string_equal(f->out,
		"region banka (cma0): 4 MiB at gpa 0x100000000, granule 2 MiB\n"
		"  guest driver NONE: the guest does not use the region (is virtio_cma loaded?)\n"
		"  mode private, policy best-fit, provider local, pin limit 4 MiB\n"
		"  unbacked 4 MiB\n"
		"  counters\n"
		"    unbacked                   4 MiB\n");
}

static void test_driver_states(void **state)
{
	static const struct {
		const char *report, *line;
	} rows[] = {
		{ "{\"driver\": {\"state\": \"starting\"}}", "  guest driver starting\n" },
		{ "{\"driver\": {\"state\": \"failed\"}}", "  guest driver FAILED: it gave the device up" },
		{ "{\"driver\": {\"state\": \"broken\"}}", "  guest driver BROKEN: it used a queue wrongly" },
		{ "{\"driver\": {\"state\": \"other\"}}", "  guest driver other\n" },
		{ "{\"driver\": {\"state\": \"none\"}, \"region\": {\"mode\": \"static\"}}",
		  "  guest driver none, and none is needed (mode static)\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char answer[512];
		const char *const answers[] = { GREETING, DONE, answer, NULL };

		snprintf(answer, sizeof(answer), "{\"return\": %s}\r\n", rows[i].report);
		start_qemu(f, answers, SIZE_MAX, true);
		assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_OK);
		assert_non_null(strstr(f->out, rows[i].line));
		stop_qemu(f);
	}
}

static const char *const one_report[] = { GREETING, DONE, REPORT, NULL };

#define TWO_DEVICES \
	"{\"return\": [{\"name\": \"cma0\", \"type\": \"child<virtio-cma-pci>\"}," \
	"{\"name\": \"cma1\", \"type\": \"child<virtio-cma-device>\"}]}\r\n"

static const char *const two_reports[] = {
	GREETING, DONE, TWO_DEVICES, NOTHING, REPORT, REPORT, NULL,
};

/* Every combination of --json, --field and --device. */
static void test_combinations(void **state)
{
	static const struct {
		const char *const *answers;
		const char *arguments, *output;
	} rows[] = {
		{ one_report, "--device cma0 --field /extents/0/base-dma", "18446744073692774400\n" },
		{ one_report, "--device cma0 --field /region/name", "banka\n" },
		{ one_report, "--device cma0 --field /clients/1/maintenance", "[]\n" },
		{ one_report, "--device cma0 --json --field /extents/0/base-dma",
		  "{\n  \"cma0\":18446744073692774400\n}\n" },
		{ one_report, "--device cma0 --field /region/name --json", "{\n  \"cma0\":\"banka\"\n}\n" },
		{ two_reports, "--field /counters/pinned-bytes", "4194304\n4194304\n" },
		{ two_reports, "--json --field /counters/pinned-bytes",
		  "{\n  \"cma0\":4194304,\n  \"cma1\":4194304\n}\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start_qemu(f, rows[i].answers, SIZE_MAX, true);
		if (run_status(f, rows[i].arguments) != HVCMA_EXIT_OK ||
		    strcmp(f->out, rows[i].output))
			fail_msg("%s: %s", rows[i].arguments, f->out);
		stop_qemu(f);
	}
}

/* The empty pointer is all of it. */
static void test_whole_field(void **state)
{
	struct fixture *f = *state;
	struct json_object *whole;

	start_qemu(f, one_report, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device cma0 --field ''"), HVCMA_EXIT_OK);
	whole = json_tokener_parse(f->out);
	assert_non_null(whole);
	assert_true(json_object_object_get_ex(whole, "region", NULL));
	json_object_put(whole);
}

static void test_unknown_field(void **state)
{
	struct fixture *f = *state;

	for (int json = 0; json < 2; json++) {
		start_qemu(f, one_report, SIZE_MAX, true);
		assert_int_equal(run_status(f, json ? "--json --device cma0 --field /extents/1" :
						      "--device cma0 --field /extents/1"),
				 HVCMA_EXIT_NO_DEVICE);
		assert_string_equal(f->out, "hvcma status: device cma0 reports no field '/extents/1'\n");
		stop_qemu(f);
	}
}

static void test_json(void **state)
{
	struct fixture *f = *state;

	start_qemu(f, conversation, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--json"), HVCMA_EXIT_OK);
	assert_int_equal(strncmp(f->out, "{\n  \"cma0\":{\n", 13), 0);
	assert_non_null(strstr(f->out, "\"base-dma\":18446744073692774400"));
}

static void test_no_device(void **state)
{
	static const char *const answers[] = { GREETING, DONE, NOTHING, NOTHING, NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_NO_DEVICE);
	assert_non_null(strstr(f->out, "no virtio-cma device"));
}

static void test_unknown_device(void **state)
{
	static const char *const answers[] = { GREETING, DONE,
		"{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not found\"}}\r\n",
		DEVICES, NOTHING, NULL,
	};
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device x"), HVCMA_EXIT_NO_DEVICE);
	assert_string_equal(f->out, "hvcma status: qom-get: Device 'x' not found\n"
			    "hvcma status: virtio-cma devices here: cma0\n");
}

#define NO_PROPERTY \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"Property 'nvme.report' not found\"}}\r\n"

/* There is a device, and it is no region. */
static void test_other_device(void **state)
{
	static const char *const answers[] = { GREETING, DONE, NO_PROPERTY,
		"{\"return\": \"nvme\"}\r\n", DEVICES, NOTHING, NULL,
	};
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device nv0"), HVCMA_EXIT_NO_DEVICE);
	assert_string_equal(f->out,
		"hvcma status: '/machine/peripheral/nv0' is no virtio-cma device, but of type nvme\n"
		"hvcma status: virtio-cma devices here: cma0\n");
}

/* A region that can't answer is one all the same. */
static void test_refusal(void **state)
{
	static const char *const types[] = { "{\"return\": \"virtio-cma-pci\"}\r\n", NO_PROPERTY };
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		const char *const answers[] = { GREETING, DONE,
			"{\"error\": {\"class\": \"GenericError\", \"desc\": \"can't learn the addresses\"}}\r\n",
			types[i], NULL,
		};

		start_qemu(f, answers, SIZE_MAX, true);
		assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_FAILED);
		assert_string_equal(f->out, "hvcma status: qom-get: can't learn the addresses\n");
		stop_qemu(f);
	}
}

static void test_silence(void **state)
{
	static const char *const answers[] = { GREETING, NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "did not answer within 1000 ms"));
}

static void hold(int fd, const void *opaque)
{
	(void)fd;
	(void)opaque;
	pause();
}

/* As QEMU treats a second client (no greeting) and a third one (no connection). */
static void test_busy(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct fixture *f = *state;
	int other;

	play(f, hold, NULL);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, f->socket));
	assert_non_null(strstr(f->out, "did not greet within 1000 ms: another client has it"));
	stop_qemu(f);

	play(f, NULL, NULL);
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(addr.sun_path, f->socket);
	assert_int_equal(connect(other, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, f->socket));
	assert_non_null(strstr(f->out, ": another client has it, most likely: QEMU serves one at a time"));
	assert_null(strstr(f->out, "temporarily unavailable"));
	close(other);
}

static void test_end_of_conversation(void **state)
{
	static const char *const answers[] = { GREETING, DONE, DEVICES, NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, false);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "closed the connection"));
}

static void test_not_qmp(void **state)
{
	static const char *const greetings[][2] = {
		{ "HTTP/1.1 400 Bad Request\r\n", NULL },
		{ "{\"hello\": 1}\r\n", NULL },
		{ "[1, 2]\r\n", NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		start_qemu(f, greetings[i], SIZE_MAX, true);
		assert_int_equal(run_status(f, ""), HVCMA_EXIT_FAILED);
		assert_non_null(strstr(f->out, "not a QMP socket"));
		stop_qemu(f);
	}
}

/* Whatever shape the report has, it is printed and nothing is read out of bounds. */
static void test_odd_reports(void **state)
{
	static const char *const reports[][4] = {
		{ GREETING, DONE, "{\"return\": {}}\r\n", NULL },
		{ GREETING, DONE, "{\"return\": []}\r\n", NULL },
		{ GREETING, DONE, "{\"return\": {\"region\": 7, \"granules\": {}, \"extents\": [1, null]}}\r\n", NULL },
		{ GREETING, DONE,
		  "{\"return\": {\"region\": {\"bytes\": 8, \"granule-bytes\": 1}, \"granules\": ["
		  "{\"first\": 7, \"nr\": 2, \"state\": \"pinned\"}, {\"first\": 9, \"nr\": 1},"
		  "{\"first\": 18446744073709551615, \"nr\": 18446744073709551615}]}}\r\n", NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		start_qemu(f, reports[i], SIZE_MAX, true);
		assert_int_equal(run_status(f, "--device cma0"), HVCMA_EXIT_OK);
		stop_qemu(f);
	}
	assert_non_null(strstr(f->out, "map [........]"));
}

static void test_no_socket(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_status(f, ""), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "cannot connect to"));
	assert_int_equal(run_hvcma(f, "status --qmp /tmp/$(printf '%0120d' 0)"),
			 HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "has 125 bytes, the limit is 107"));
}

static void test_usage(void **state)
{
	struct fixture *f = *state;

	static const struct {
		const char *arguments, *message;
	} rows[] = {
		{ "status", "hvcma status: option --qmp, --service or --xen is missing (hvcma status --help explains)" },
		{ "status --qmp", "hvcma status: option --qmp needs a value" },
		{ "status --qmp --json", "option --qmp needs a value, and --json is an option" },
		{ "status --qmp x y", "hvcma status: unexpected argument 'y'" },
		{ "status --nonsense", "hvcma status: unknown option --nonsense (" },
		{ "status --feild /a", "unknown option --feild; did you mean --field?" },
		{ "status --json=yes", "option --json takes no value" },
		{ "status -x", "unknown option -x" },
		{ "status --qmp x --timeout 0", "--timeout is 1 to 3600 seconds, not '0'" },
		{ "status --qmp x --timeout 3601", "--timeout is 1 to 3600 seconds, not '3601'" },
		{ "status --qmp x --field counters", "--field is a JSON pointer such as /counters/pinned-bytes, not 'counters'" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (run_hvcma(f, rows[i].arguments) != HVCMA_EXIT_USAGE ||
		    !strstr(f->out, rows[i].message))
			fail_msg("%s: %s", rows[i].arguments, f->out);
	assert_int_equal(run_hvcma(f, "status --help"), HVCMA_EXIT_OK);
	assert_non_null(strstr(f->out, "exit status"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_layout),
		FIXTURE_TEST(test_split_messages_and_events),
		FIXTURE_TEST(test_idle_layout),
		FIXTURE_TEST(test_driver_states),
		FIXTURE_TEST(test_ranges),
		FIXTURE_TEST(test_versions),
		FIXTURE_TEST(test_one_latency),
		FIXTURE_TEST(test_cut_lists),
		FIXTURE_TEST(test_combinations),
		FIXTURE_TEST(test_whole_field),
		FIXTURE_TEST(test_unknown_field),
		FIXTURE_TEST(test_json),
		FIXTURE_TEST(test_no_device),
		FIXTURE_TEST(test_unknown_device),
		FIXTURE_TEST(test_other_device),
		FIXTURE_TEST(test_refusal),
		FIXTURE_TEST(test_silence),
		FIXTURE_TEST(test_busy),
		FIXTURE_TEST(test_end_of_conversation),
		FIXTURE_TEST(test_not_qmp),
		FIXTURE_TEST(test_odd_reports),
		FIXTURE_TEST(test_no_socket),
		FIXTURE_TEST(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
