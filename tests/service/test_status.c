// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma status --service: the program as built, with the real hvcmad, and with services that this
 * test plays, which are silent, lie, or don't speak the protocol.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "hv/abi/version.h"
#include "tests/service/rig.h"
#include "tests/unit/hvcma_program.h"

static char out[65536];

/* What "hvcma status --service=SOCKET ARGUMENTS" prints; its exit status. */
static int status(const char *socket, const char *arguments)
{
	char line[256];

	snprintf(line, sizeof(line), "status --service=%s %s", socket, arguments);
	return hvcma_run(line, out, sizeof(out));
}

static uint64_t member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(o, key, &value));
	return json_object_get_uint64(value);
}

static void nothing_is_there(void **state)
{
	(void)state;
	assert_int_equal(status(rig.socket, ""), 0);
	assert_string_equal(out, "service: 0 regions, 0 B of 128 MiB, pinned 0 B of 24 MiB\n");
}

static void what_is_there_is_shown(void **state)
{
	struct json_object *report, *regions = NULL, *r;
	int fd = client_open(&rig), lock = pool_take(2);
	char row[128];
	uint32_t number;

	(void)state;
	assert_status(OK, client_register(fd, "banka", 3 * HUGE_BYTES, -1));
	close(got.fd);
	number = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, number, 0, 2, 0));
	pool_unlock(lock);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, number, 0, 1, 0));
	assert_status(OK, client_register(fd, "second", HUGE_BYTES, -1));
	close(got.fd);

	assert_int_equal(status(rig.socket, ""), 0);
	assert_words(out, "service: 2 regions, 8 MiB of 128 MiB, pinned 2 MiB of 24 MiB\n");
	snprintf(row, sizeof(row), "  %-20s %-16s %8d %10s %10s %10s %10s\n", "a", "banka", (int)getpid(), "6 MiB",
		 "2 MiB", "4 MiB", "2 MiB");
	assert_words(out, row);

	assert_int_equal(status(rig.socket, "--json"), 0);
	report = json_tokener_parse(out);
	assert_non_null(report);
	assert_int_equal(member(report, "memory-bytes"), 4 * HUGE_BYTES);
	assert_int_equal(member(report, "pinned-bytes"), HUGE_BYTES);
	assert_int_equal(member(report, "quota-memory-bytes"), 128 * MIB);
	assert_int_equal(member(report, "quota-pinned-bytes"), 24 * MIB);
	assert_true(json_object_object_get_ex(report, "regions", &regions));
	assert_int_equal(json_object_array_length(regions), 2);
	r = json_object_array_get_idx(regions, 0);
	assert_int_equal(member(r, "number"), number);
	assert_int_equal(member(r, "pid"), getpid());
	assert_int_equal(member(r, "bytes"), 3 * HUGE_BYTES);
	assert_int_equal(member(r, "granule-bytes"), HUGE_BYTES);
	assert_int_equal(member(r, "backed-bytes"), 2 * HUGE_BYTES);
	assert_int_equal(member(r, "pinned-bytes"), HUGE_BYTES);
	json_object_put(report);

	assert_int_equal(status(rig.socket, "--field /regions/1/name"), 0);
	assert_string_equal(out, "second\n");
	assert_int_equal(status(rig.socket, "--field /pinned-bytes --json"), 0);
	assert_string_equal(out, "2097152\n");
	assert_int_equal(status(rig.socket, "--field /none"), 3);
	assert_words(out, "the service reports no field '/none'");
	client_close(fd);
}

static void turns_are_shown(void **state)
{
	int fd = client_connect(&rig), lock = pool_take(2), asked;
	struct hvcmad_offer_req q = { { HVCMAD_OP_OFFER, sizeof(q) }, .flags = 0 };
	char row[160];

	(void)state;
	assert_status(OK, client_hello_with(fd, HVCMAD_FEATURES));
	assert_status(OK, client_register(fd, "banka", 3 * HUGE_BYTES, -1));
	close(got.fd);
	q.region = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, q.region, 0, 2, 0));
	assert_int_equal(status(rig.socket, ""), 0);
	assert_null(strstr(out, "takes turns"));
	assert_status(OK, client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr), NULL, 0));
	asked = got.fd;
	assert_int_equal(status(rig.socket, ""), 0);
	snprintf(row, sizeof(row), "  %-20s %-16s %8d %11s %10s %10s %10s %10s\n", "a", "banka", 0, "2 MiB", "4 MiB", "0 B", "0 B",
		 "0 B");
	assert_words(out, row);
	assert_int_equal(status(rig.socket, "--field /turns/0/offers"), 0);
	assert_string_equal(out, "true\n");
	assert_int_equal(status(rig.socket, "--field /turns/0/surrendered-bytes --json"), 0);
	assert_string_equal(out, "2097152\n");
	assert_int_equal(status(rig.socket, "--field /turns/1"), 3);
	close(asked);
	client_close(fd);
	pool_unlock(lock);
}

#define CANNOT_RUN	77

static void run_status(void)
{
	if (access(hvcma_program(), X_OK))
		_exit(CANNOT_RUN);
	assert_int_equal(status(rig.socket, ""), 1);
	assert_words(out, "the service refuses STATUS: not allowed by the configuration: the state of all VMs is for the user root");
}

static void it_is_for_root(void **state)
{
	pid_t pid = as_user(USER_B, run_status);
	int ended = -1;

	(void)state;
	assert_int_equal(waitpid(pid, &ended, 0), pid);
	if (WIFEXITED(ended) && WEXITSTATUS(ended) == CANNOT_RUN)
		skip_because("other users can't run %s", hvcma_program());
	assert_int_equal(ended, 0);
}

static void wrong_usage_is_told(void **state)
{
	(void)state;
	assert_int_equal(hvcma_run("status --service=/x --qmp /y", out, sizeof(out)), 2);
	assert_words(out, "--qmp, --service and --xen are three things to ask");
	assert_int_equal(hvcma_run("status --service=/x --device y", out, sizeof(out)), 2);
	assert_words(out, "--device is of QEMU");
	assert_int_equal(status("/no/such/socket", ""), 1);
	assert_words(out, "/no/such/socket: No such file or directory");
	assert_int_equal(status("/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""), 1);
	assert_words(out, "longer than a socket's name can be");
}

/* ---- services that are none ---- */

static char played[64];

/* What a played one says to HELLO and to STATUS; NULL: nothing, and the end. It knows no other request. */
static void play(const void *hello, size_t hello_bytes, const void *answer, size_t answer_bytes)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), client;
	const struct hvcmad_resp_hdr unknown = { HVCMAD_S_UNSUPP, sizeof(unknown) };
	union {
		struct hvcmad_req_hdr hdr;
		unsigned char bytes[HVCMAD_MAX_REQUEST_BYTES];
	} request;

	snprintf(played, sizeof(played), "%s/notify", rig.folder);
	unlink(played);
	memcpy(address.sun_path, played, sizeof(played));
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	fflush(NULL);
	if (fork()) {
		close(fd);
		return;
	}
	be_a_child();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	client = accept(fd, NULL, NULL);
	must(client >= 0 && recv(client, &request, sizeof(request), 0) > 0, "HELLO");
	if (hello)
		send(client, hello, hello_bytes, MSG_NOSIGNAL);
	while (answer && recv(client, &request, sizeof(request), 0) > 0) {
		bool is_status = request.hdr.op == HVCMAD_OP_STATUS;

		send(client, is_status ? answer : &unknown, is_status ? answer_bytes : sizeof(unknown), MSG_NOSIGNAL);
	}
	if (!hello && answer_bytes)
		must(recv(client, &request, sizeof(request), 0) <= 0, "silent, until it goes");
	_exit(0);
}

static void expect(const char *words)
{
	assert_int_equal(status(played, "--timeout 1"), 1);
	assert_words(out, words);
	assert_true(wait(NULL) > 0);
}

static void services_that_are_none_are_told(void **state)
{
	struct hvcmad_hello_resp hello = {
		.hdr = { 0, sizeof(hello) }, .version = HVCMAD_VERSION,
	}, other;
	const size_t bytes = sizeof(struct hvcmad_status_resp) + 2 * sizeof(struct hvcmad_region_status);
	struct hvcmad_status_resp *answer = calloc(1, bytes);
	static unsigned char long_answer[HVCMAD_MAX_RESPONSE_BYTES + 64];

	(void)state;
	assert_non_null(answer);
	answer->hdr.bytes = (uint32_t)bytes;
	answer->nr_total = 2;
	play(NULL, 0, NULL, 0);
	expect("the service has ended the session");
	play(NULL, 0, NULL, 1);
	expect("the service does not answer: Connection timed out");
	play("garbage!", 8, NULL, 0);
	expect("the service's answer is not as long as it says");
	play(&hello, sizeof(hello) - 8, NULL, 0);
	expect("the service's answer is not as long as it says");
	play(long_answer, 1000, NULL, 0);
	expect("which is too long");
	other = hello;
	other.version = 2;
	play(&other, sizeof(other), NULL, 0);
	expect("the service's HELLO is not that of version 1");
	other = hello;
	memset(other.vm, 'a', sizeof(other.vm));
	play(&other, sizeof(other), NULL, 0);
	expect("the service's HELLO is not that of version 1");

	other = hello;
	memset(other.hvcma, 'a', sizeof(other.hvcma));
	play(&other, sizeof(other), NULL, 0);
	expect("the service's HELLO is not that of version 1");
	other = hello;
	other.features = HVCMAD_F_HVCMA;
	other.hdr.bytes = offsetof(struct hvcmad_hello_resp, hvcma);
	play(&other, other.hdr.bytes, NULL, 0);
	expect("the service's HELLO is not that of version 1");

	play(&hello, sizeof(hello), long_answer, sizeof(long_answer));
	expect("which is too long");
	answer->nr = 1;
	play(&hello, sizeof(hello), answer, bytes);
	expect("has not the length of its regions");
	answer->nr = 2;
	answer->regions[0].region = 5;
	answer->regions[1].region = 5;
	play(&hello, sizeof(hello), answer, bytes);
	expect("the service's regions are not in their order");
	answer->regions[1].region = 6;	/* the same again, and again */
	play(&hello, sizeof(hello), answer, bytes);
	expect("the service's regions are not in their order");
	free(answer);
	unlink(played);
}

/* An empty service of such a version (NULL: as old as without) says so to both that ask. */
static void service_of(const char *version, const char *told)
{
	const bool is_other = *told;
	struct hvcmad_hello_resp hello = { .version = HVCMAD_VERSION };
	struct hvcmad_status_resp none = { .hdr = { 0, sizeof(none) } };
	char line[256], check[160];

	hello.hdr.bytes = version ? sizeof(hello) : offsetof(struct hvcmad_hello_resp, hvcma);
	if (version) {
		hello.features = HVCMAD_F_HVCMA;
		snprintf((char *)hello.hvcma, sizeof(hello.hvcma), "%s", version);
	}
	play(&hello, hello.hdr.bytes, &none, sizeof(none));
	assert_int_equal(status(played, "--timeout 1"), 0);
	snprintf(line, sizeof(line), "VERSION: hvcmad, as it runs, is hvcma %s, this command is hvcma " HVCMA_VERSION "\n", told);
	assert_int_equal(!strncmp(out, line, strlen(line)), is_other);
	assert_int_equal(!!strstr(out, "VERSION"), is_other);
	assert_true(wait(NULL) > 0);

	play(&hello, hello.hdr.bytes, NULL, 0);
	snprintf(line, sizeof(line), "check --service %s --root /proc/self/cwd", played);
	hvcma_run(line, out, sizeof(out));
	snprintf(check, sizeof(check), "%s  service-version ", is_other ? "WARN" : "PASS");
	assert_words(out, check);
	assert_words(out, is_other ? told : "hvcmad, as it runs, and this command are hvcma " HVCMA_VERSION);
	assert_true(wait(NULL) > 0);
	unlink(played);
}

static void another_version_is_told(void **state)
{
	(void)state;
	service_of("0.0.1", "0.0.1");
	service_of(NULL, "of an unknown version");
	service_of("\033[2J", "\\x1b[2J");
	service_of(HVCMA_VERSION, "");
	/* and that is what it is of */
	assert_int_equal(status(rig.socket, "--field /version"), 0);
	assert_string_equal(out, HVCMA_VERSION "\n");
}

static void a_service_that_lies_steers_no_terminal(void **state)
{
	struct hvcmad_hello_resp hello = {
		.hdr = { 0, sizeof(hello) }, .version = HVCMAD_VERSION,
	};
	static const char refusal[] = "\x06\0\0\0\x0c\0\0\0\033[2J";

	(void)state;
	play(&hello, sizeof(hello), refusal, 12);
	expect("not allowed by the configuration: \\x1b[2J");
	unlink(played);
}

int main(void)
{
#define T(test)	cmocka_unit_test(test)
	const struct CMUnitTest tests[] = {
		T(nothing_is_there),
		T(what_is_there_is_shown),
		T(turns_are_shown),
		T(it_is_for_root),
		T(wrong_usage_is_told),
		T(services_that_are_none_are_told),
		T(another_version_is_told),
		T(a_service_that_lies_steers_no_terminal),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, rig_start, rig_stop);
}
