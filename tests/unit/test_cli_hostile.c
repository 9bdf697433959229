// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma against a QEMU that means harm: whatever comes through the QMP socket, the
 * program ends in time, by itself, with one of its exit codes; and nothing of it
 * steers the terminal or spoils JSON. Honest answers are for test_cli_status.c.
 */
#include <poll.h>
#include <sys/mman.h>

#include <json-c/json.h>

#include "tests/unit/played_qemu.h"

#define TIMEOUT_S	5		/* one of --timeout, and time to start on a busy machine */
#define MANY		120

/* A command that may take what --timeout allows for each of a few answers, not more. */
static int run_in_time(struct fixture *f, const char *arguments, unsigned int seconds)
{
	char line[8192];

	snprintf(line, sizeof(line), "exec timeout -s KILL %u %s status --qmp %s --timeout 1 %s",
		 seconds, hvcma_program(), f->socket, arguments);
	return run_line(line, f->out, sizeof(f->out));
}

/* ---- endless, broken, deep ---- */

static void shout(int fd, const void *opaque)
{
	static char same[65536];

	memset(same, *(const char *)opaque, sizeof(same));
	send_text(fd, GREETING, SIZE_MAX);
	send_text(fd, "{\"return\": [", SIZE_MAX);
	for (;;)
		send_bytes(fd, same, sizeof(same), SIZE_MAX);
}

static void trickle(int fd, const void *opaque)
{
	(void)opaque;
	send_text(fd, "{\"QMP\": \"", SIZE_MAX);
	for (;;) {
		send_text(fd, "x", SIZE_MAX);
		usleep(50000);
	}
}

static void events(int fd, const void *opaque)
{
	(void)opaque;
	send_text(fd, GREETING, SIZE_MAX);
	for (;;)
		send_text(fd, "{\"event\": \"RESUME\"}\r\n", SIZE_MAX);
}

static void test_endless(void **state)
{
	struct fixture *f = *state;
	const char *const kinds = " 1[{\"x,\\";

	play(f, trickle, NULL);
	assert_int_equal(run_in_time(f, "", TIMEOUT_S + 2), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "did not greet within 1000 ms"));
	stop_qemu(f);
	play(f, events, NULL);
	assert_int_equal(run_in_time(f, "", TIMEOUT_S + 2), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "did not answer within 1000 ms"));
	stop_qemu(f);
	for (const char *kind = kinds; *kind; kind++) {
		play(f, shout, kind);
		if (run_in_time(f, "", 20) != HVCMA_EXIT_FAILED)
			fail_msg("endless '%c': %s", *kind, f->out);
		stop_qemu(f);
	}
}

static void test_deep(void **state)
{
	struct fixture *f = *state;
	char *deep = calloc(1, 300000);
	const char *const answers[] = { GREETING, DONE, deep, NULL };

	strcpy(deep, "{\"return\": ");
	memset(deep + strlen(deep), '[', 100000);
	memset(deep + strlen(deep), ']', 100000);
	strcat(deep, "}\r\n");
	start_qemu(f, answers, SIZE_MAX, true);
	assert_int_equal(run_in_time(f, "--device cma0", TIMEOUT_S), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(f->out, "nesting too deep"));
	free(deep);
}

/* Who hears nothing more for a moment hangs up, so that no test waits for a timeout. */
static void hear_or_leave(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (poll(&pfd, 1, 200) != 1)
		_exit(0);
	hear_command(fd);
}

static void answer_oddly(int fd, const void *opaque)
{
	const char *const *answer = opaque;

	send_text(fd, *answer, 1);
	while (*++answer) {
		hear_or_leave(fd);
		send_text(fd, *answer, 1);
	}
}

/* Answers that are JSON and nothing that was asked for. */
static void test_odd_answers(void **state)
{
	static const char *const odd[] = {
		"{}", "{\"return\": null}", "{\"return\": 7}", "{\"return\": \"text\"}",
		"{\"return\": {\"a\": 1}}", "{\"return\": [null, 1, \"a\", [], {}]}",
		"{\"return\": [{\"name\": null, \"type\": null}]}",
		"{\"return\": [{\"name\": 1, \"type\": \"child<virtio-cma-pci>\"}]}",
		"{\"return\": [{\"name\": \"\", \"type\": \"child<virtio-cma-pci>\"}]}",
		"{\"error\": null}", "{\"error\": 7}", "{\"error\": {\"desc\": null, \"class\": null}}",
		"{\"error\": {\"desc\": {}, \"class\": []}}", "null", "7 ", "\"text\"", "[]",
		"{\"return\": {\"region\": {\"name\": null}, \"clients\": [{\"maintenance\": [null], \"reason\": null},"
		" null, {\"maintenance\": [null], \"reason\": 1}], \"counters\": {\"a\": null, \"b\": [], \"c\": {}},"
		" \"guest\": {\"alloc-us-log2\": [18446744073709551615]}}}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (int step = 0; step < 4; step++) {
			const char *answers[] = { GREETING, DONE, DONE, DONE, NULL };
			int ret;

			answers[step] = odd[i];
			play(f, answer_oddly, answers);
			ret = run_in_time(f, step % 2 ? "" : "--device cma0", TIMEOUT_S);
			if (ret < 0 || ret > HVCMA_EXIT_NO_DEVICE)
				fail_msg("%s at step %d: exit status %d: %s", odd[i], step, ret, f->out);
			stop_qemu(f);
		}
	}
}

struct noise {
	unsigned int seed;
};

/* A conversation with bytes changed, left out or cut off anywhere. */
static void garble(int fd, const void *opaque)
{
	static const char *const answers[] = { GREETING, DONE,
		"{\"return\": [{\"name\": \"cma0\", \"type\": \"child<virtio-cma-pci>\"}]}\r\n",
		"{\"return\": []}\r\n",
		"{\"return\": {\"region\": {\"name\": \"b\", \"bytes\": 8192, \"granule-bytes\": 4096},"
		"\"granules\": [{\"first\": 0, \"nr\": 2, \"state\": \"pinned\"}],"
		"\"clients\": [{\"name\": \"c\", \"maintenance\": [\"sync\"], \"reason\": \"r\"}],"
		"\"guest\": {\"alloc-us-log2\": [1, 2, 3]}}}\r\n" };
	const struct noise *noise = opaque;
	char text[1024];

	srand(noise->seed);
	for (size_t i = 0; i < 5; i++) {
		size_t bytes = strlen(answers[i]);

		if (i)
			hear_or_leave(fd);
		memcpy(text, answers[i], bytes);
		for (int n = rand() % 3 ? 0 : rand() % 3; n > 0; n--)
			text[(size_t)rand() % bytes] = (char)rand();
		if (rand() % 16 == 0)
			bytes = (size_t)rand() % bytes;
		send_bytes(fd, text, bytes, SIZE_MAX);
	}
}

static void assert_json(const char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *obj;

	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	obj = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
	if (!obj)
		fail_msg("no JSON: %s", text);
	json_object_put(obj);
	json_tokener_free(tokener);
}

static void test_garbled(void **state)
{
	struct fixture *f = *state;
	int counts[HVCMA_EXIT_NO_DEVICE + 1] = { 0 };

	for (unsigned int seed = 1; seed <= MANY; seed++) {
		const struct noise noise = { seed };
		int ret;

		play(f, garble, &noise);
		ret = run_in_time(f, seed % 2 ? "--json" : "", 10);
		if (ret < 0 || ret > HVCMA_EXIT_NO_DEVICE)
			fail_msg("seed %u: exit status %d: %s", seed, ret, f->out);
		if (ret == HVCMA_EXIT_OK && seed % 2)
			assert_json(f->out);
		counts[ret]++;
		stop_qemu(f);
	}
	/* it is no test if nothing, or everything, comes through */
	assert_true(counts[HVCMA_EXIT_OK] > MANY / 50);
	assert_true(counts[HVCMA_EXIT_FAILED] > MANY / 50);
}

/* ---- streams that are closed ---- */

static int *heard;			/* what QEMU was told after its last answer, in bytes */

static void answer_at_length(int fd, const void *opaque)
{
	static char report[65536];
	char rest[4096];
	const char *const answers[] = { GREETING, DONE, report, NULL };
	const struct conversation c = { answers, SIZE_MAX, false };
	ssize_t n;

	(void)opaque;
	/* more than what waits in the program for its end */
	snprintf(report, sizeof(report), "{\"return\": {\"region\": {\"name\": \"%060000d\"}}}\r\n", 0);
	converse(fd, &c);
	while ((n = recv(fd, rest, sizeof(rest), 0)) > 0)
		*heard += (int)n;
}

/* A connection that gets the number of a closed stream is not printed to. */
static void test_closed_streams(void **state)
{
	static const char *const lines[] = { ">&-", "--json >&-", "<&- >&-", "--json <&- >&- 2>&-" };
	struct fixture *f = *state;
	char line[256];

	heard = mmap(NULL, sizeof(*heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(heard, MAP_FAILED);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		play(f, answer_at_length, NULL);
		snprintf(line, sizeof(line), "--device cma0 %s", lines[i]);
		assert_int_equal(run_in_time(f, line, TIMEOUT_S), HVCMA_EXIT_FAILED);
		waitpid(f->qemu, NULL, 0);
		f->qemu = 0;
		if (*heard)
			fail_msg("%s: QEMU was sent %d bytes of the report", lines[i], *heard);
		stop_qemu(f);
	}
	munmap(heard, sizeof(*heard));
}

/* ---- terminals and JSON ---- */

#define EVIL_JSON	"\\u001b[31m\\u0007\\r\\n\\u007f\\u009b2J\\u202eabc"
#define EVIL		"\x1b[31m\a\r\n\x7f\302\2332J\342\200\256abc"
#define EVIL_SHOWN	"\\x1b[31m\\x07\\x0d\\x0a\\x7f\\x9b2J\\u202eabc"

/* Not one byte of text that a terminal would obey, but for the ends of lines. */
static void assert_tame(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if ((*p < 0x20 && *p != '\n') || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			fail_msg("byte 0x%02x in: %s", *p, text);
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_null(strstr(text, "\xff"));
}

static const char *const evil_answers[] = { GREETING, DONE,
	"{\"return\": [{\"name\": \"" EVIL_JSON "\", \"type\": \"child<virtio-cma-pci>\"}]}\r\n",
	"{\"return\": []}\r\n",
	"{\"return\": {\"region\": {\"name\": \"" EVIL_JSON "\", \"mode\": \"\xff\xfe\xc3\"},"
	"\"driver\": {\"state\": \"" EVIL_JSON "\"}, \"counters\": {\"" EVIL_JSON "\": 5},"
	"\"clients\": [{\"name\": \"" EVIL_JSON "\", \"bus\": \"" EVIL_JSON "\", \"path\": \"" EVIL_JSON "\","
	"\"state\": \"" EVIL_JSON "\", \"kind\": \"" EVIL_JSON "\", \"reason\": \"" EVIL_JSON "\","
	"\"maintenance\": [\"" EVIL_JSON "\"]}], \"blocks\": [{\"client\": \"" EVIL_JSON "\"}]}}\r\n", NULL,
};

static void test_names(void **state)
{
	struct fixture *f = *state;

	start_qemu(f, evil_answers, SIZE_MAX, true);
	assert_int_equal(run_in_time(f, "", TIMEOUT_S), HVCMA_EXIT_OK);
	assert_tame(f->out);
	assert_non_null(strstr(f->out, "region " EVIL_SHOWN " (" EVIL_SHOWN "): "));
	assert_non_null(strstr(f->out, "guest driver " EVIL_SHOWN "\n"));
	assert_non_null(strstr(f->out, "mode \\xff\\xfe\\xc3"));
	stop_qemu(f);
	start_qemu(f, evil_answers, SIZE_MAX, true);
	assert_int_equal(run_in_time(f, "--field /region/name", TIMEOUT_S), HVCMA_EXIT_OK);
	assert_string_equal(f->out, EVIL_SHOWN "\n");
}

/* In JSON the names are what they were, and yet it is only text. */
static void test_names_as_json(void **state)
{
	struct fixture *f = *state;
	struct json_object *top, *report, *region, *name;

	start_qemu(f, evil_answers, SIZE_MAX, true);
	assert_int_equal(run_in_time(f, "--json", TIMEOUT_S), HVCMA_EXIT_OK);
	assert_tame(f->out);
	top = json_tokener_parse(f->out);
	assert_non_null(top);
	assert_true(json_object_object_get_ex(top, EVIL, &report));
	assert_true(json_object_object_get_ex(report, "region", &region));
	assert_true(json_object_object_get_ex(region, "name", &name));
	assert_string_equal(json_object_get_string(name), EVIL);
	assert_true(json_object_object_get_ex(region, "mode", &name));
	assert_string_equal(json_object_get_string(name), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	json_object_put(top);
}

static void test_errors(void **state)
{
	static const char *const answers[] = { GREETING, DONE,
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"" EVIL_JSON "\"}}\r\n",
		"{\"return\": \"" EVIL_JSON "\"}\r\n", NULL };
	struct fixture *f = *state;

	start_qemu(f, answers, SIZE_MAX, false);
	assert_int_equal(run_in_time(f, "--device cma0", TIMEOUT_S), HVCMA_EXIT_NO_DEVICE);
	assert_tame(f->out);
	assert_non_null(strstr(f->out, "is no virtio-cma device, but of type " EVIL_SHOWN));
	stop_qemu(f);
	start_qemu(f, answers, SIZE_MAX, false);
	assert_int_equal(run_in_time(f, "", TIMEOUT_S), HVCMA_EXIT_FAILED);
	assert_tame(f->out);
	assert_non_null(strstr(f->out, "qom-list: " EVIL_SHOWN));
}

/* What the user wrote comes from somewhere, too. */
static void test_arguments(void **state)
{
	static const char *const lines[] = {
		"\"$(printf '\\033[31m\\377')\"", "fdt \"$(printf '\\033x')\"",
		"status \"$(printf -- '--\\033x')\"", "status --qmp \"$(printf '/\\033x\\377')\"",
		"status --qmp x \"$(printf 'a\\033x')\"", "regions check \"$(printf 'a=\\033')\"",
		"attr --stage1 \"$(printf 'a\\033x')\"", "fdt check \"$(printf '/\\033x')\"",
		"fdt dma-ranges --extents \"$(printf '/\\033x')\" /dev/null",
		"status --qmp x --field \"$(printf 'a\\033x')\"",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int ret = run_hvcma(f, lines[i]);

		if (ret != HVCMA_EXIT_FAILED && ret != HVCMA_EXIT_USAGE)
			fail_msg("%s: exit status %d: %s", lines[i], ret, f->out);
		assert_tame(f->out);
		if (!strstr(f->out, "\\x1b"))
			fail_msg("%s: %s", lines[i], f->out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_endless),
		FIXTURE_TEST(test_deep),
		FIXTURE_TEST(test_odd_answers),
		FIXTURE_TEST(test_garbled),
		FIXTURE_TEST(test_closed_streams),
		FIXTURE_TEST(test_names),
		FIXTURE_TEST(test_names_as_json),
		FIXTURE_TEST(test_errors),
		FIXTURE_TEST(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
