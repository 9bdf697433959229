/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QEMU that a test plays: a process behind a socket that says what it is told to.
 * Knows no command.
 */
#ifndef TESTS_UNIT_PLAYED_QEMU_H
#define TESTS_UNIT_PLAYED_QEMU_H

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

struct fixture {
	char dir[64];
	char socket[96];
	pid_t qemu;
	char out[65536];			/* what the program printed, stderr too */
};

static inline void send_bytes(int fd, const char *bytes, size_t left, size_t chunk)
{
	while (left) {
		ssize_t n = send(fd, bytes, chunk < left ? chunk : left, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(1);
		bytes += n;
		left -= (size_t)n;
	}
}

static inline void send_text(int fd, const char *text, size_t chunk)
{
	send_bytes(fd, text, strlen(text), chunk);
}

static inline void hear_command(int fd)
{
	char command[4096];

	if (recv(fd, command, sizeof(command), 0) <= 0)
		_exit(1);
}

/* What is said on the one connection; NULL: nobody takes it. */
typedef void speak_fn(int fd, const void *opaque);

static inline void play(struct fixture *f, speak_fn *speak, const void *opaque)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, f->socket);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 0), 0);	/* one may wait */
	f->qemu = fork();
	assert_true(f->qemu >= 0);
	if (!f->qemu) {
		alarm(60);
		if (!speak)
			pause();
		speak(accept(listener, NULL, NULL), opaque);
		_exit(0);
	}
	close(listener);
}

struct conversation {
	const char *const *answers;	/* a greeting, then one per command, NULL */
	size_t chunk;			/* bytes at a time */
	bool stay;			/* at the end: silence; else it hangs up */
};

static inline void converse(int fd, const void *opaque)
{
	const struct conversation *c = opaque;
	const char *const *answer = c->answers;

	send_text(fd, *answer, c->chunk);
	while (*++answer) {
		hear_command(fd);
		send_text(fd, *answer, c->chunk);
	}
	if (c->stay)
		pause();
}

static inline void start_qemu(struct fixture *f, const char *const *answers, size_t chunk, bool stay)
{
	const struct conversation c = { answers, chunk, stay };

	play(f, converse, &c);
}

static inline void stop_qemu(struct fixture *f)
{
	if (f->qemu > 0) {
		kill(f->qemu, SIGKILL);
		waitpid(f->qemu, NULL, 0);
	}
	f->qemu = 0;
	unlink(f->socket);
}

static inline int run_hvcma(struct fixture *f, const char *arguments)
{
	return hvcma_run(arguments, f->out, sizeof(f->out));
}

static inline int run_status(struct fixture *f, const char *arguments)
{
	char line[4096];

	snprintf(line, sizeof(line), "status --qmp %s --timeout 1 %s", f->socket,
		 arguments);
	return run_hvcma(f, line);
}

static inline int setup_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/hvcma-cli.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->socket, sizeof(f->socket), "%s/qmp", f->dir);
	*state = f;
	return 0;
}

static inline int teardown_fixture(void **state)
{
	struct fixture *f = *state;

	stop_qemu(f);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* A test with a socket of its own. */
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_fixture, teardown_fixture)

#endif /* TESTS_UNIT_PLAYED_QEMU_H */
