// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma status against a QEMU that this test plays: a socket on which each
 * command gets the next prepared answer. Shows the layout of a report and what
 * every kind of broken conversation ends in. Real QEMUs are for the VM tests.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/cli/command.h"
#include "tests/unit/hvcma_program.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define DONE "{\"return\": {}}\r\n"
#define EVENT "{\"event\": \"RESUME\", \"timestamp\": {\"seconds\": 1}}\r\n"
#define NOTHING "{\"return\": []}\r\n"
#define DEVICES \
	"{\"return\": [{\"name\": \"type\", \"type\": \"string\"}," \
	"{\"name\": \"cma0\", \"type\": \"child<virtio-cma-pci>\"}," \
	"{\"name\": \"nv0\", \"type\": \"child<nvme>\"}]}\r\n"

/* 8 granules: 0 and 1 pinned, 2 migratable and lent, 5 busy */
#define REPORT \
	"{\"return\": {\"region\": {\"name\": \"banka\", \"mode\": \"private\"," \
	"\"base-gpa\": 4294967296, \"bytes\": 16777216, \"granule-bytes\": 2097152," \
	"\"policy\": \"best-fit\", \"default\": true, \"unsafe-noiommu\": true," \
	"\"provider\": \"local\", \"pin-limit-bytes\": 16777216}," \
	"\"granules\": [{\"first\": 0, \"nr\": 2, \"state\": \"pinned\", \"lent\": false, \"busy\": false}," \
	"{\"first\": 2, \"nr\": 1, \"state\": \"migratable\", \"lent\": true, \"busy\": false}," \
	"{\"first\": 3, \"nr\": 2, \"state\": \"unbacked\", \"lent\": false, \"busy\": false}," \
	"{\"first\": 5, \"nr\": 1, \"state\": \"unbacked\", \"lent\": false, \"busy\": true, \"why\": \"no-room\"}," \
	"{\"first\": 6, \"nr\": 2, \"state\": \"unbacked\", \"lent\": false, \"busy\": false}]," \
	"\"extents\": [{\"base-gpa\": 4294967296, \"base-dma\": 18446744073692774400, \"bytes\": 6291456}]," \
	"\"blocks\": [{\"first\": 0, \"nr\": 2, \"client\": \"nv0\", \"purpose\": \"pool\"}]," \
	"\"clients\": [{\"id\": 0, \"name\": \"nv0\", \"bus\": \"pci\", \"path\": \"0000:00/03.0\"," \
	"\"state\": \"claimed\", \"bus-master\": true, \"kind\": \"firmware\", \"share\": 1, \"coherent\": \"off\", \"refused\": false," \
	"\"attr\": \"uncached\", \"effective\": \"Normal Non-cacheable\"," \
	"\"care\": [\"handover\", \"no-cached-alias\"], \"reason\": \"not coherent\"}," \
	"{\"id\": 1, \"name\": \"cam\", \"bus\": \"platform\", \"path\": \"0xa000000\"," \
	"\"state\": \"present\", \"bus-master\": false, \"refused\": true, \"attr\": \"auto\"," \
	"\"effective\": \"unknown\", \"care\": [], \"reason\": \"a reason\"}]," \
	"\"attributes\": {\"stage2\": \"no-fwb\", \"source\": \"the kernel log\"," \
	"\"policy\": \"auto\", \"effective-cached\": \"Normal Write-Back\"," \
	"\"effective-uncached\": \"Normal Non-cacheable\", \"handed-bytes\": 4194304}," \
	"\"shares\": [{\"share\": 0, \"bytes\": 12582912, \"used-bytes\": 0}," \
	"{\"share\": 1, \"bytes\": 4194304, \"used-bytes\": 2097152}]," \
	"\"counters\": {\"pinned-bytes\": 4194304, \"nr-blocks\": 1}," \
	"\"dma-window\": {\"first\": 18446744073692774400, \"last\": 18446744073699065855}," \
	"\"guest\": {\"alloc-us-log2\": [1, 0, 0, 40, 0, 3]}}}\r\n"

static const char layout[] =
	"region banka (cma0): 16 MiB at gpa 0x100000000, granule 2 MiB\n"
	"  mode private (default region), policy best-fit, provider local, pin limit 16 MiB\n"
	"  UNSAFE: no IOMMU, DMA addresses are host-physical\n"
	"  pinned 4 MiB, migratable 2 MiB, unbacked 10 MiB, lent 2 MiB, busy 2 MiB\n"
	"  busy by reason: no room to migrate into 2 MiB\n"
	"  map [##l..b..]\n"
	"      # pinned, + migratable, . unbacked, l lent, b busy; 1 granule each\n"
	"  extents 1\n"
	"    gpa 0x100000000  dma 0xffffffffff000000  6 MiB\n"
	"  dma window 0xffffffffff000000..0xffffffffff5fffff\n"
	"  memory types: stage 2 no-fwb (says the kernel log), policy auto\n"
	"    a guest's cached mapping is Normal Write-Back, an uncached one Normal Non-cacheable\n"
	"  4 MiB serve non-coherent DMA: QEMU does not touch them\n"
	"  clients 2\n"
	"    nv0        pci      0000:00/03.0   claimed  bus master on, for firmware, set-aside 1\n"
	"      Normal Non-cacheable, mapped uncached, handover, no-cached-alias: not coherent\n"
	"    cam        platform 0xa000000      present  bus master off\n"
	"      REFUSED: a reason\n"
	"  blocks 1\n"
	"    gpa 0x100000000  4 MiB    nv0        pool\n"
	"  set-asides 1\n"
	"    shared part    12 MiB     used 0 B\n"
	"    set-aside 1    4 MiB      used 2 MiB\n"
	"  counters\n"
	"    nr-blocks                  1\n"
	"    pinned                     4 MiB\n"
	"  guest\n"
	"  allocations by time\n"
	"     <        1 us           1  #\n"
	"     <        8 us          40  ########################################\n"
	"    >=       16 us           3  ###\n";

struct fixture {
	char dir[64];
	char socket[96];
	pid_t qemu;
	char out[8192];			/* what the program printed, stderr too */
};

static void send_text(int fd, const char *text, size_t chunk)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = send(fd, text, chunk < left ? chunk : left, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(1);
		text += n;
		left -= n;
	}
}

/* The QEMU played: a greeting, then an answer per command, then silence or the end. */
static void play(int listener, const char *const *answers, size_t chunk, bool stay)
{
	char command[4096];
	int fd = accept(listener, NULL, NULL);

	send_text(fd, *answers, chunk);
	while (*++answers) {
		if (recv(fd, command, sizeof(command), 0) <= 0)
			_exit(1);
		send_text(fd, *answers, chunk);
	}
	if (stay)
		pause();
	_exit(0);
}

static void start_qemu(struct fixture *f, const char *const *answers,
		       size_t chunk, bool stay)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, f->socket);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 1), 0);
	f->qemu = fork();
	assert_true(f->qemu >= 0);
	if (!f->qemu)
		play(listener, answers, chunk, stay);
	close(listener);
}

static int run_hvcma(struct fixture *f, const char *arguments)
{
	return hvcma_run(arguments, f->out, sizeof(f->out));
}

static int run_status(struct fixture *f, const char *arguments)
{
	char line[4096];

	snprintf(line, sizeof(line), "status --qmp %s --timeout 1 %s", f->socket,
		 arguments);
	return run_hvcma(f, line);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/hvcma-cli.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->socket, sizeof(f->socket), "%s/qmp", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->qemu > 0) {
		kill(f->qemu, SIGKILL);
		waitpid(f->qemu, NULL, 0);
	}
	unlink(f->socket);
	rmdir(f->dir);
	free(f);
	return 0;
}

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

static void test_field(void **state)
{
	static const char *const answers[] = { GREETING, DONE, REPORT, NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device cma0 --field /extents/0/base-dma"),
			 HVCMA_EXIT_OK);
	assert_string_equal(f->out, "18446744073692774400\n");
}

static void test_unknown_field(void **state)
{
	static const char *const answers[] = { GREETING, DONE, REPORT, NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device cma0 --field /extents/1"),
			 HVCMA_EXIT_NO_DEVICE);
	assert_non_null(strstr(f->out, "cma0 reports no field '/extents/1'"));
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
		NULL,
	};
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device x"), HVCMA_EXIT_NO_DEVICE);
	assert_non_null(strstr(f->out, "Device 'x' not found"));
}

static void test_refusal(void **state)
{
	static const char *const answers[] = { GREETING, DONE,
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such property\"}}\r\n", NULL,
	};
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, "--device nv0"), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "no such property"));
}

static void test_silence(void **state)
{
	static const char *const answers[] = { GREETING, NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_status(f, ""), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "did not answer within 1000 ms"));
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
		kill(f->qemu, SIGKILL);
		waitpid(f->qemu, NULL, 0);
		f->qemu = 0;
		unlink(f->socket);
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
		kill(f->qemu, SIGKILL);
		waitpid(f->qemu, NULL, 0);
		f->qemu = 0;
		unlink(f->socket);
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

	assert_int_equal(run_hvcma(f, ""), HVCMA_EXIT_USAGE);
	assert_int_equal(run_hvcma(f, "nonsense"), HVCMA_EXIT_USAGE);
	assert_int_equal(run_hvcma(f, "status"), HVCMA_EXIT_USAGE);
	assert_int_equal(run_hvcma(f, "status --qmp x y"), HVCMA_EXIT_USAGE);
	assert_int_equal(run_hvcma(f, "status --nonsense"), HVCMA_EXIT_USAGE);
	assert_int_equal(run_hvcma(f, "status --qmp x --timeout 0"), HVCMA_EXIT_USAGE);
	assert_int_equal(run_hvcma(f, "status --qmp x --timeout 3601"), HVCMA_EXIT_USAGE);
	assert_int_equal(run_hvcma(f, "--help"), HVCMA_EXIT_OK);
	assert_non_null(strstr(f->out, "status"));
	assert_int_equal(run_hvcma(f, "--version"), HVCMA_EXIT_OK);
	assert_int_equal(run_hvcma(f, "status --help"), HVCMA_EXIT_OK);
	assert_non_null(strstr(f->out, "exit status"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_layout),
		TEST(test_one_latency),
		TEST(test_split_messages_and_events),
		TEST(test_field),
		TEST(test_unknown_field),
		TEST(test_json),
		TEST(test_no_device),
		TEST(test_unknown_device),
		TEST(test_refusal),
		TEST(test_silence),
		TEST(test_end_of_conversation),
		TEST(test_not_qmp),
		TEST(test_odd_reports),
		TEST(test_no_socket),
		TEST(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
