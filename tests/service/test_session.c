// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sessions of the real hvcmad: who is let in, and what clients do that mean harm or don't care.
 * Whatever that is, other sessions go on, and nothing of it is left. Memory is for test_memory.c.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/abi/version.h"
#include "tests/service/rig.h"

#include <netinet/in.h>
#include <time.h>

/* A number of the service's process, as /proc/PID/status has it. */
static long number_of(const char *name)
{
	char path[64], line[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)rig.pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = atol(line + strlen(name) + 1);
	}
	fclose(f);
	assert_true(n >= 0);
	return n;
}

static long switches(void)
{
	return number_of("voluntary_ctxt_switches");
}

/* What all its threads have used. */
static int64_t processor_ns(void)
{
	struct timespec t;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(rig.pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &t), 0);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* One that has said nothing yet: what is said is limited. */
static void rig_again(void)
{
	daemon_stop(&rig);
	daemon_start(&rig, RIG_CONFIG);
}

/* Somebody else's session, that goes on whatever happens. */
static void others_are_served(void)
{
	int fd = client_open(&rig);

	assert_status(OK, client_status(fd, 0, 0));
	close(fd);
}

static void hello_says_what_is_allowed(void **state)
{
	int fd = client_connect(&rig);

	(void)state;
	assert_status(OK, client_hello(fd));
	assert_int_equal(got.hello.version, HVCMAD_VERSION);
	assert_int_equal(got.hello.features, 0);
	assert_string_equal((char *)got.hello.vm, "a");
	assert_int_equal(got.hello.allowed,
			 HVCMAD_ALLOW_MEMORY | HVCMAD_ALLOW_ADDRESSES | HVCMAD_ALLOW_STATUS_ALL);
	assert_int_equal(got.hello.quota_memory_bytes, 128 * MIB);
	assert_int_equal(got.hello.quota_pinned_bytes, 16 * MIB);
	assert_int_equal(got.hello.quota_regions, 5);
	assert_true(got.hello.max_range_bytes >= HUGE_BYTES);
	close(fd);
}

/* For who asks, and in no message to a client that is older than it. */
static void hello_says_which_hvcma_it_is_of(void **state)
{
	const size_t before = offsetof(struct hvcmad_hello_resp, hvcma);
	int fd = client_connect(&rig);

	(void)state;
	assert_status(OK, client_hello_with(fd, UINT64_MAX));
	assert_int_equal(got.hello.features, HVCMAD_FEATURES);
	assert_int_equal(got.hdr.bytes, sizeof(got.hello));
	assert_string_equal((char *)got.hello.hvcma, HVCMA_VERSION);
	close(fd);

	fd = client_connect(&rig);
	memset(&got.hello, 'x', sizeof(got.hello));
	assert_status(OK, client_hello(fd));
	assert_int_equal(got.hello.features, 0);
	assert_int_equal(got.hdr.bytes, before);
	assert_int_equal(got.bytes[before], 'x');
	close(fd);
}

static void user_b(void)
{
	int fd = client_connect(&rig);

	assert_status(OK, client_hello(fd));
	assert_string_equal((char *)got.hello.vm, "b");
	assert_int_equal(got.hello.allowed, HVCMAD_ALLOW_MEMORY);
	assert_refused(REFUSED, "for the user root", client_status(fd, HVCMAD_STATUS_ALL, 0));
	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(got.status.quota_memory_bytes, 64 * MIB);
}

static void a_vm_is_told_by_its_user(void **state)
{
	(void)state;
	ends_well(as_user(USER_B, user_b));
}

static void stranger(void)
{
	int fd = client_connect(&rig);

	assert_refused(REFUSED, "no VM of the service's configuration", client_status(fd, 0, 0));
	assert_refused(REFUSED, "no VM of the service's configuration", client_hello(fd));
	assert_refused(REFUSED, "no VM of the service's configuration", client_register(fd, "x", HUGE_BYTES, -1));
}

static void who_is_no_vm_is_refused(void **state)
{
	(void)state;
	ends_well(as_user(USER_STRANGER, stranger));
	daemon_says(&rig, "user 12347 in control group");
}

static void hold_as_stranger(void)
{
	int fd[64], i, over = 0;

	for (i = 0; i < 64; i++) {
		fd[i] = client_connect(&rig);
		over += client_hello(fd[i]) == -1;
	}
	assert_int_equal(over, 32);
	others_are_served();	/* by this user: fails */
}

static void strangers_do_not_fill_it(void **state)
{
	int status;
	pid_t pid = as_user(USER_STRANGER, hold_as_stranger);

	(void)state;
	others_are_served();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_not_equal(status, 0);	/* the last line of it; the negative control */
	others_are_served();
	daemon_settles(&rig, rig.idle);
}

static void requests_have_their_time(void **state)
{
	struct hvcmad_hello_req q = {
		.hdr = { HVCMAD_OP_HELLO, sizeof(q) }, .magic = HVCMAD_MAGIC, .version = HVCMAD_VERSION + 1,
	};
	int fd = client_connect(&rig);

	(void)state;
	assert_refused(ORDER, "the first request is HELLO", client_status(fd, 0, 0));
	assert_refused(VERSION, "speaks version 1", client_call_fds(fd, &q, sizeof(q), 8, NULL, 0));
	assert_status(OK, client_hello(fd));
	assert_refused(ORDER, "HELLO comes once", client_hello(fd));
	assert_status(OK, client_status(fd, 0, 0));
	close(fd);
}

static void unknown_operations_are_refused(void **state)
{
	const struct hvcmad_req_hdr q = { 77, sizeof(q) };
	int fd = client_open(&rig);

	(void)state;
	assert_refused(UNSUPP, "unknown operation", client_call_fds(fd, &q, sizeof(q), 8, NULL, 0));
	assert_status(OK, client_status(fd, 0, 0));
	close(fd);
}

static void garbage_ends_the_session(void **state)
{
	static const size_t lengths[] = { 1, 7, 8, 24, 256, 257, 4096, 100000 };
	static unsigned char garbage[100000];
	size_t i;

	(void)state;
	memset(garbage, 0xa5, sizeof(garbage));
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int fd = client_open(&rig);

		assert_status(MALFORMED, client_call_fds(fd, garbage, lengths[i], 8, NULL, 0));
		assert_over(client_receive(fd, 8));
		close(fd);
	}
	others_are_served();
}

static void half_messages_end_the_session(void **state)
{
	struct hvcmad_register_req q = register_request("half", HUGE_BYTES, HVCMAD_REGISTER_MAKE);
	size_t bytes;

	(void)state;
	for (bytes = 1; bytes < sizeof(q); bytes += 13) {
		int fd = client_open(&rig);

		assert_status(MALFORMED, client_call_fds(fd, &q, bytes, 8, NULL, 0));
		assert_over(client_receive(fd, 8));
		close(fd);
	}
	others_are_served();
}

static void an_empty_message_is_the_end(void **state)
{
	int fd = client_open(&rig), pipes[2];

	(void)state;
	assert_over(client_call_fds(fd, "", 0, 8, NULL, 0));
	close(fd);
	fd = client_open(&rig);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_over(client_call_fds(fd, "", 0, 8, pipes, 2));
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	others_are_served();
}

static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
	const struct hvcmad_status_req status = { .hdr = { HVCMAD_OP_STATUS, sizeof(status) } };
	struct hvcmad_register_req with_file = register_request("x", HUGE_BYTES, 0);
	int fd = client_open(&rig), pipes[2], many[253], i;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	for (i = 0; i < 253; i++)
		many[i] = pipes[i % 2];
	assert_refused(DESCRIPTOR, "REGISTER alone", client_call_fds(fd, &status, sizeof(status), 8, pipes, 1));
	assert_refused(DESCRIPTOR, "with one", client_call_fds(fd, &with_file, sizeof(with_file), 8, pipes, 2));
	assert_refused(DESCRIPTOR, "with one", client_call_fds(fd, &with_file, sizeof(with_file), 8, NULL, 0));
	assert_status(OK, client_status(fd, 0, 0));
	daemon_settles(&rig, rig.idle + 2);	/* this session's socket and process */
	/* As many as a message can have: whose they are is told by what is not closed yet. */
	client_send(fd, &with_file, sizeof(with_file), many, 253, 0);
	client_receive(fd, 8);
	close(fd);
	daemon_settles(&rig, rig.idle);
	close(pipes[0]);
	close(pipes[1]);
	others_are_served();
}

/*
 * close() of such a socket waits for its peer: as long as it says, for what is not sent yet. If this
 * process has closed its own, the service has the last one.
 */
static int socket_that_lingers(int *peer)
{
	const int small = 4096;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct linger linger = { .l_onoff = 1, .l_linger = 20 };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	socklen_t bytes = sizeof(address);
	char block[4096] = "";

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) || bind(listener, (void *)&address, bytes) || listen(listener, 1) ||
	    getsockname(listener, (void *)&address, &bytes))
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	assert_int_equal(connect(fd, (void *)&address, sizeof(address)), 0);
	*peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	while (send(fd, block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	return fd;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void descriptors_that_cannot_be_closed_delay_nobody(void **state)
{
	struct hvcmad_register_req q = register_request("x", HUGE_BYTES, 0);
	int fd, peer[2], bad[2], i;
	double begin;

	(void)state;
	for (i = 0; i < 2; i++) {
		bad[i] = socket_that_lingers(&peer[i]);
		if (bad[i] < 0)
			skip_because("no TCP on this machine's loopback: %s", strerror(errno));
	}
	rig_again();
	fd = client_open(&rig);
	/*
	 * One that is taken and refused, and one that waits in the socket when that is closed. The
	 * service stands still until this process has closed its own: who closes last waits.
	 */
	assert_int_equal(kill(rig.pid, SIGSTOP), 0);
	client_send(fd, &q, sizeof(q), &bad[0], 1, 0);
	client_send(fd, "garbage", 7, NULL, 0, 0);
	client_send(fd, &q, sizeof(q), &bad[1], 1, 0);
	close(bad[0]);
	close(bad[1]);
	assert_int_equal(kill(rig.pid, SIGCONT), 0);
	begin = seconds();
	daemon_says(&rig, "not of a memfd");
	daemon_says(&rig, "a malformed message ends its session");
	close(fd);
	for (i = 0; i < 20; i++)
		others_are_served();
	assert_true(seconds() - begin < 10);
	assert_int_equal(number_of("Threads"), 3);	/* two of them wait still */
	for (i = 0; i < 2; i++)
		close(peer[i]);		/* a reset: nobody waits any more */
	for (i = 0; i < 500 && number_of("Threads") > 1; i++)
		usleep(10000);
	assert_int_equal(number_of("Threads"), 1);
	daemon_settles(&rig, rig.idle);
}

/* 32 that the threads wait for, 32 more of theirs, then clients that are turned away, until it is full. */
static void who_stuffs_it_is_not_taken_in(void **state)
{
	struct hvcmad_register_req q = register_request("x", HUGE_BYTES, 0);
	int fd, quiet, peer[32], bad[32], pipes[2], i, over = 0, last[80];

	(void)state;
	for (i = 0; i < 32; i++) {
		bad[i] = socket_that_lingers(&peer[i]);
		if (bad[i] < 0)
			skip_because("no TCP on this machine's loopback: %s", strerror(errno));
	}
	rig_again();
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	quiet = client_open(&rig);
	fd = client_open(&rig);
	assert_int_equal(kill(rig.pid, SIGSTOP), 0);
	for (i = 0; i < 64; i++)
		assert_true(client_send(fd, &q, sizeof(q), i < 32 ? &bad[i] : &pipes[i % 2], 1, 0) > 0);
	for (i = 0; i < 32; i++)
		close(bad[i]);
	assert_int_equal(kill(rig.pid, SIGCONT), 0);
	while (client_receive(fd, 8) != -1)	/* what was refused, then the end */
		;
	close(fd);
	assert_int_equal(number_of("Threads"), 33);
	for (i = 0; i < 63; i++) {
		fd = client_connect(&rig);
		over += client_hello(fd) == -1;
		close(fd);
	}
	assert_int_equal(over, 63);
	daemon_says(&rig, "VM a has sent 65 descriptors that can't be closed");
	assert_status(OK, client_status(quiet, 0, 0));	/* who is in is served */
	for (i = 0; i < 2; i++)
		last[i] = client_connect(&rig);
	daemon_says(&rig, "waits for a second: too many descriptors of clients can't be closed");
	for (i = 0; i < 32; i++)
		close(peer[i]);
	assert_status(OK, client_hello(last[1]));	/* taken in after all */
	close(last[0]);
	close(last[1]);
	close(quiet);
	close(pipes[0]);
	close(pipes[1]);
	daemon_settles(&rig, rig.idle + 1);	/* the timer of its event loop */
	rig_again();
}

static void clients_that_never_read_wait_for_themselves(void **state)
{
	const struct hvcmad_status_req q = { .hdr = { HVCMAD_OP_STATUS, sizeof(q) } };
	int fd = client_open(&rig), sent = 0, i;

	(void)state;
	while (client_send(fd, &q, sizeof(q), NULL, 0, MSG_DONTWAIT) > 0 || !usleep(20000)) {
		if (errno == EAGAIN && sent > 100 &&
		    client_send(fd, &q, sizeof(q), NULL, 0, MSG_DONTWAIT) < 0)
			break;
		sent++;
		assert_true(sent < 1000000);	/* it does not take them without end */
	}
	assert_true(sent > 100);
	others_are_served();
	for (i = 0; i < 100; i++)
		assert_status(OK, client_receive(fd, sizeof(got.status)));
	close(fd);
	daemon_settles(&rig, rig.idle);
}

static void clients_that_vanish_leave_nothing(void **state)
{
	const struct hvcmad_status_req q = { .hdr = { HVCMAD_OP_STATUS, sizeof(q) } };
	int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		int fd = i % 2 ? client_open(&rig) : client_connect(&rig);

		client_send(fd, &q, sizeof(q), NULL, 0, 0);
		close(fd);
	}
	others_are_served();
	daemon_settles(&rig, rig.idle);
}

static void a_fork_does_not_speak_for_its_parent(void **state)
{
	pid_t pid;
	int fd;

	(void)state;
	rig_again();
	fd = client_open(&rig);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		be_a_child();
		_exit(client_status(fd, 0, 0) == -1 ? 0 : 1);
	}
	ends_well(pid);
	assert_over(client_status(fd, 0, 0));
	close(fd);
	daemon_says(&rig, "another process uses its session");
	others_are_served();
}

/* The session of a process that has died, though others have its socket. */
static void a_session_ends_with_its_process(void **state)
{
	int fd, pair[2];
	char ready;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		be_a_child();
		fd = client_open(&rig);
		must(client_send(pair[1], "r", 1, &fd, 1, 0) == 1, "pass");
		must(read(pair[1], &ready, 1) == 1, "told");
		_exit(0);
	}
	{
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = { &ready, 1 };
		struct msghdr m = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof(control),
		};

		assert_int_equal(recvmsg(pair[0], &m, MSG_CMSG_CLOEXEC), 1);
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	}
	assert_int_equal(recv(fd, &ready, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);	/* it lives, and so does its session */
	assert_int_equal(write(pair[0], "r", 1), 1);
	ends_well(pid);
	assert_over(client_receive(fd, 8));
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

static void sessions_of_a_vm_are_bounded(void **state)
{
	int fd[17], i;

	(void)state;
	rig_again();
	for (i = 0; i < 16; i++)
		fd[i] = client_open(&rig);
	fd[16] = client_connect(&rig);
	assert_over(client_hello(fd[16]));
	daemon_says(&rig, "VM a has 16 sessions");
	for (i = 0; i < 17; i++)
		close(fd[i]);
	daemon_settles(&rig, rig.idle);
	others_are_served();
}


static void idle_it_never_wakes_up(void **state)
{
	int fd = client_open(&rig);
	int64_t used;
	long before;

	(void)state;
	usleep(300000);
	before = switches();
	usleep(1500000);
	assert_int_equal(switches(), before);
	assert_status(OK, client_status(fd, 0, 0));	/* the negative control */
	usleep(300000);
	assert_int_not_equal(switches(), before);
	used = processor_ns();	/* awake for a while, it sleeps again */
	usleep(500000);
	assert_int_equal(processor_ns(), used);
	close(fd);
}

int main(void)
{
#define T(test)	cmocka_unit_test(test)
	const struct CMUnitTest tests[] = {
		T(hello_says_what_is_allowed),
		T(hello_says_which_hvcma_it_is_of),
		T(a_vm_is_told_by_its_user),
		T(who_is_no_vm_is_refused),
		T(strangers_do_not_fill_it),
		T(requests_have_their_time),
		T(unknown_operations_are_refused),
		T(garbage_ends_the_session),
		T(half_messages_end_the_session),
		T(an_empty_message_is_the_end),
		T(descriptors_that_nobody_asked_for_are_closed),
		T(descriptors_that_cannot_be_closed_delay_nobody),
		T(who_stuffs_it_is_not_taken_in),
		T(clients_that_never_read_wait_for_themselves),
		T(clients_that_vanish_leave_nothing),
		T(a_fork_does_not_speak_for_its_parent),
		T(a_session_ends_with_its_process),
		T(sessions_of_a_vm_are_bounded),
		T(idle_it_never_wakes_up),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, rig_start, rig_stop);
}
