// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is at the other end: control groups as /proc tells them, machines by their scopes, and real
 * processes over a real socket.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/service/identity.h"

static void expect(const char *text, const char *cgroup, const char *machine)
{
	struct hvcmad_identity id = { .machine = "before" };

	assert_int_equal(hvcmad_identity_set_cgroup(&id, text), 0);
	assert_string_equal(id.cgroup, cgroup);
	assert_string_equal(id.machine, machine);
}

#define SCOPE	"/machine.slice/machine-qemu\\x2d12\\x2dbanka.scope"

static void the_unit_is_found(void **state)
{
	(void)state;
	expect("0::" SCOPE "\n", SCOPE, "banka");
	expect("0::" SCOPE "/libvirt/emulator\n", SCOPE, "banka");
	expect("0::/system.slice/ssh.service/sub.scope/x\n", "/system.slice/ssh.service", "");
	/* A user's own manager can make any scope below its service: that is not part of it. */
	expect("0::/user.slice/user-1.slice/user@1.service/machine.slice/machine-a.scope\n",
	       "/user.slice/user-1.slice/user@1.service", "");
	expect("0::/\n", "/", "");
	expect("", "/", "");		/* a host without control groups */
	expect("0::/a/b\n", "/a/b", "");
	/* As systemd has it with the old hierarchies, and with both. */
	expect("5:cpu:/other\n1:name=systemd:" SCOPE "/emulator\n", SCOPE, "banka");
	expect("1:name=systemd:" SCOPE "\n0::/\n", SCOPE, "banka");
	expect("1:name=systemd:/\n0::" SCOPE "\n", SCOPE, "banka");
	expect("9:name=systemd:/\n0::/\n", "/", "");
	expect("0::/x.scope", "/x.scope", "");		/* no newline at the end */
	expect("0::/.scope/x\n", "/.scope", "");
}

static void machines_are_told_by_their_scope(void **state)
{
	(void)state;
	expect("0::/machine.slice/machine-web.scope\n", "/machine.slice/machine-web.scope", "web");
	expect("0::/machine.slice/machine-qemu\\x2d3\\x2dx\\x2dbanka.scope\n",
	       "/machine.slice/machine-qemu\\x2d3\\x2dx\\x2dbanka.scope", "x-banka");
	expect("0::/machine.slice/machine-qemu\\x2dbanka.scope\n",
	       "/machine.slice/machine-qemu\\x2dbanka.scope", "qemu-banka");
	expect("0::/machine.slice/machine-qemu\\x2d3\\x2d.scope\n",
	       "/machine.slice/machine-qemu\\x2d3\\x2d.scope", "qemu-3-");
	/* Elsewhere, other units, and what no name of a machine is. */
	expect("0::/my.slice/machine-qemu\\x2d3\\x2dbanka.scope\n",
	       "/my.slice/machine-qemu\\x2d3\\x2dbanka.scope", "");
	expect("0::/machine.slice/machine-banka.service\n", "/machine.slice/machine-banka.service", "");
	expect("0::/machine.slice/machine-.scope\n", "/machine.slice/machine-.scope", "");
	expect("0::/machine.slice/machine-a-b.scope\n", "/machine.slice/machine-a-b.scope", "");
	expect("0::/machine.slice/machine-a\\x2.scope\n", "/machine.slice/machine-a\\x2.scope", "");
	expect("0::/machine.slice/machine-a\\x2f.scope\n", "/machine.slice/machine-a\\x2f.scope", "");
	expect("0::/machine.slice/machine-a\\x00.scope\n", "/machine.slice/machine-a\\x00.scope", "");
	expect("0::/machine.slice/machine-a/b.scope\n", "/machine.slice/machine-a/b.scope", "");
	expect("0::/machine.slice/machine-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.scope\n",
	       "/machine.slice/machine-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.scope", "");
}

static void what_is_no_list_of_groups_is_refused(void **state)
{
	static const char *const none[] = { "\n", "0::\n", "0:/\n", "1:cpu:/x\n", "0::x\n", ":::", "0" };
	struct hvcmad_identity id = { .cgroup = "before" };
	char text[HVCMAD_CGROUP_BYTES + 8] = "0::/";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(hvcmad_identity_set_cgroup(&id, none[i]), -EINVAL);
	memset(text + 4, 'a', HVCMAD_CGROUP_BYTES - 2);
	assert_int_equal(hvcmad_identity_set_cgroup(&id, text), 0);
	assert_int_equal(strlen(id.cgroup), HVCMAD_CGROUP_BYTES - 1);
	text[4 + HVCMAD_CGROUP_BYTES - 2] = 'a';
	assert_int_equal(hvcmad_identity_set_cgroup(&id, text), -E2BIG);
}

/* A socket that listens, by an address of its own that is no file. */
static int listen_at(struct sockaddr_un *address, socklen_t *bytes)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     (size_t)snprintf(address->sun_path + 1, 64, "hvcmad-test-%d", (int)getpid()));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)address, *bytes), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* A child of another user connects, and waits if it is told to. */
static pid_t connect_in_child(const struct sockaddr_un *address, socklen_t bytes, uid_t uid, bool wait)
{
	pid_t pid = fork();
	int fd;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if ((uid && setuid(uid)) || connect(fd, (const void *)address, bytes))
		_exit(1);
	if (wait)
		pause();
	_exit(0);
}

static void a_process_that_lives_is_known(void **state)
{
	struct hvcmad_identity id;
	struct sockaddr_un address;
	struct hvcma_error err = { "" };
	uid_t uid = geteuid() ? geteuid() : 12345;
	socklen_t bytes;
	int listener = listen_at(&address, &bytes), fd, pidfd = -1;
	pid_t pid = connect_in_child(&address, bytes, geteuid() ? 0 : uid, true);

	(void)state;
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	if (hvcmad_identity_of_peer(fd, &id, &pidfd, &err))
		fail_msg("%s", err.text);
	assert_int_equal(id.pid, pid);
	assert_int_equal(id.uid, uid);
	assert_int_equal(id.cgroup[0], '/');
	assert_false(hvcmad_is_dead(pidfd));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(hvcmad_is_dead(pidfd));
	close(pidfd);
	close(fd);
	close(listener);
}

static void a_process_that_has_ended_is_refused(void **state)
{
	struct hvcmad_identity id = { .pid = 42 };
	struct sockaddr_un address;
	struct hvcma_error err = { "" };
	socklen_t bytes;
	int listener = listen_at(&address, &bytes), fd, pidfd = 42;
	pid_t pid = connect_in_child(&address, bytes, 0, false);

	(void)state;
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	assert_true(hvcmad_identity_of_peer(fd, &id, &pidfd, &err) < 0);
	assert_non_null(strstr(err.text, "process "));
	assert_int_equal(id.pid, 42);
	assert_int_equal(pidfd, 42);
	close(fd);
	close(listener);
}

static void what_is_no_socket_is_refused(void **state)
{
	struct hvcmad_identity id;
	struct hvcma_error err = { "" };
	int pidfd = -1;

	(void)state;
	assert_int_equal(hvcmad_identity_of_peer(STDERR_FILENO, &id, &pidfd, &err), -ENOTSOCK);
	assert_non_null(strstr(err.text, "credentials"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_unit_is_found),
		cmocka_unit_test(machines_are_told_by_their_scope),
		cmocka_unit_test(what_is_no_list_of_groups_is_refused),
		cmocka_unit_test(a_process_that_lives_is_known),
		cmocka_unit_test(a_process_that_has_ended_is_refused),
		cmocka_unit_test(what_is_no_socket_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
