// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The owner's side of the pin keeper: see keeper.h.
 *
 * The life line is a pair of sockets rather than a pipe: messages stay whole,
 * and writing to a dead keeper is an error instead of a signal.
 */
#define _GNU_SOURCE	/* POSIX_SPAWN_SETSID, environ */
#include "hv/host/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FREE_FD	3	/* after stdin, stdout, stderr */
#define FD_DIGITS	12

struct hvcma_keeper {
	int life_fd;
};

/* What one keeper inherits: descriptors under the numbers they have here. */
struct bequest {
	size_t nr;
	int *fd;		/* the life line, the owner's pidfd, then pins */
	char (*text)[FD_DIGITS];
	char **argv;		/* program, text of each, NULL */
};

static void bequest_fini(struct bequest *l)
{
	while (l->nr)
		close(l->fd[--l->nr]);
	free(l->fd);
	free(l->text);
	free(l->argv);
}

/* A duplicate clear of the standard descriptors, which the keeper replaces. */
static int bequest_add(struct bequest *l, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	if (copy < 0)
		return -errno;
	snprintf(l->text[l->nr], FD_DIGITS, "%d", copy);
	l->argv[l->nr + 1] = l->text[l->nr];
	l->fd[l->nr++] = copy;
	return 0;
}

/* glibc has had a function for it only since 2.36. */
static int bequest_add_owner(struct bequest *l)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = bequest_add(l, fd);
	close(fd);
	return ret;
}

static int bequest_init(struct bequest *l, const char *program_path, int life_fd,
		       const int *pin_fds, size_t nr_pin_fds)
{
	size_t nr = nr_pin_fds + 2;
	size_t i;
	int ret;

	l->nr = 0;
	l->fd = calloc(nr, sizeof(*l->fd));
	l->text = calloc(nr, sizeof(*l->text));
	l->argv = calloc(nr + 2, sizeof(*l->argv));
	ret = l->fd && l->text && l->argv ? 0 : -ENOMEM;
	if (!ret) {
		l->argv[0] = (char *)program_path;
		ret = bequest_add(l, life_fd);
	}
	if (!ret)
		ret = bequest_add_owner(l);
	for (i = 0; !ret && i < nr_pin_fds; i++)
		ret = bequest_add(l, pin_fds[i]);
	if (ret)
		bequest_fini(l);
	return ret;
}

/* Returns 0 or an errno, as the posix_spawn functions do. */
static int spawn(const struct bequest *l, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all;
	size_t i;
	int ret;

	ret = posix_spawn_file_actions_init(&actions);
	if (ret)
		return ret;
	ret = posix_spawnattr_init(&attr);
	if (ret)
		goto destroy_actions;

	ret = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	/* Onto itself: stays open over the exec. */
	for (i = 0; !ret && i < l->nr; i++)
		ret = posix_spawn_file_actions_adddup2(&actions, l->fd[i], l->fd[i]);

	/* No signal meant for the parent's group may reach it, not even early. */
	sigfillset(&all);
	if (!ret)
		ret = posix_spawnattr_setsigmask(&attr, &all);
	if (!ret)
		ret = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
						      POSIX_SPAWN_SETSIGMASK);
	if (!ret)
		ret = posix_spawn(pid, l->argv[0], &actions, &attr, l->argv, environ);

	posix_spawnattr_destroy(&attr);
destroy_actions:
	posix_spawn_file_actions_destroy(&actions);
	return ret;
}

static void spawn_error(struct hvcma_error *err, const char *program_path, int error)
{
	const char *why = "";

	if (error == EPERM)
		why = ": a seccomp filter or security module forbids this process to start programs";
	else if (error == ENOENT)
		why = ": it belongs there, seen from inside a chroot, too";
	hvcma_error_set(err, "cannot start pin keeper %s: %s%s", program_path, strerror(error), why);
}

/*
 * The program forks and its first process exits: with 0 once the keeper runs.
 * Returns 0, -EPERM, -EIO.
 */
static int wait_start(pid_t pid, const char *program_path, struct hvcma_error *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno == ECHILD)
			return 0;	/* SIGCHLD is ignored: nobody knows */
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
		hvcma_error_set(err, "pin keeper %s was ended at its start: a seccomp filter of this "
				"process forbids it a session of its own", program_path);
		return -EPERM;
	}
	if (WIFSIGNALED(status)) {
		hvcma_error_set(err, "pin keeper %s was ended at its start by signal %d (%s)",
				program_path, WTERMSIG(status), strsignal(WTERMSIG(status)));
		return -EIO;
	}
	if (WEXITSTATUS(status)) {
		hvcma_error_set(err, "pin keeper %s gave up at its start", program_path);
		return -EIO;
	}
	return 0;
}

int hvcma_keeper_start(const char *program_path, const int *pin_fds, size_t nr_pin_fds,
		       struct hvcma_keeper **out, struct hvcma_error *err)
{
	struct hvcma_keeper *k;
	struct bequest bequest;
	int pair[2];
	pid_t pid;
	int ret;

	k = calloc(1, sizeof(*k));
	if (!k) {
		hvcma_error_set(err, "no memory for a pin keeper");
		return -ENOMEM;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		ret = -errno;
		hvcma_error_set(err, "no socket for a pin keeper: %s", strerror(-ret));
		goto free_keeper;
	}
	k->life_fd = pair[0];
	ret = bequest_init(&bequest, program_path, pair[1], pin_fds, nr_pin_fds);
	close(pair[1]);
	if (ret) {
		hvcma_error_set(err, "cannot duplicate %zu descriptors for a pin keeper: %s",
				nr_pin_fds, strerror(-ret));
		goto close_life;
	}

	ret = -spawn(&bequest, &pid);
	bequest_fini(&bequest);
	if (ret) {
		spawn_error(err, program_path, -ret);
		goto close_life;
	}
	ret = wait_start(pid, program_path, err);
	if (ret)
		goto close_life;
	*out = k;
	return 0;

close_life:
	close(k->life_fd);
free_keeper:
	free(k);
	return ret;
}

int hvcma_keeper_fd(const struct hvcma_keeper *k)
{
	return k->life_fd;
}

static int make_text(char text[HVCMA_KEEPER_MESSAGE_BYTES], const char *word, const char *path,
		     struct hvcma_error *err)
{
	int len = snprintf(text, HVCMA_KEEPER_MESSAGE_BYTES, "%s %s", word, path);

	if (path[0] != '/') {
		hvcma_error_set(err, "pin keeper: path '%s' is not absolute", path);
		return -EINVAL;
	}
	if (len < 0 || len >= HVCMA_KEEPER_MESSAGE_BYTES) {
		hvcma_error_set(err, "pin keeper: path of %zu bytes is too long, the message "
				"limit is %d", strlen(path), HVCMA_KEEPER_MESSAGE_BYTES - 1);
		return -ENAMETOOLONG;
	}
	return len;
}

static int send_message(struct hvcma_keeper *k, const struct msghdr *message, const char *word, const char *path,
			struct hvcma_error *err)
{
	int ret;

	if (sendmsg(k->life_fd, message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	ret = errno == ECONNRESET ? -EPIPE : -errno;
	hvcma_error_set(err, "pin keeper cannot be asked to %s %s: %s", word, path,
			ret == -EPIPE ? "it has died" : strerror(-ret));
	return ret;
}

static int tell(struct hvcma_keeper *k, const char *word, const char *path,
		struct hvcma_error *err)
{
	char text[HVCMA_KEEPER_MESSAGE_BYTES];
	struct iovec part = { .iov_base = text };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int len = make_text(text, word, path, err);

	if (len < 0)
		return len;
	part.iov_len = (size_t)len;
	return send_message(k, &message, word, path, err);
}

int hvcma_keeper_watch_device(struct hvcma_keeper *k, const char *path, int device_fd,
			      const struct hvcma_platform_rule *rule, struct hvcma_error *err)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	char text[HVCMA_KEEPER_MESSAGE_BYTES];
	struct iovec part[] = { { .iov_base = text }, { .iov_base = (void *)rule, .iov_len = sizeof(*rule) } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = rule ? 2 : 1, .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	int len = make_text(text, "device", path, err);

	if (len < 0)
		return len;
	part[0].iov_len = (size_t)len + 1;
	memcpy(CMSG_DATA(&control.header), &device_fd, sizeof(device_fd));
	return send_message(k, &message, "watch", path, err);
}

int hvcma_keeper_watch(struct hvcma_keeper *k, const char *path, struct hvcma_error *err)
{
	struct stat st;

	if (path[0] == '/' && stat(path, &st)) {
		int ret = -errno;

		hvcma_error_set(err, "pin keeper cannot watch %s: %s", path, strerror(-ret));
		return ret;
	}
	return tell(k, "watch", path, err);
}

int hvcma_keeper_unwatch(struct hvcma_keeper *k, const char *path, struct hvcma_error *err)
{
	return tell(k, "unwatch", path, err);
}

void hvcma_keeper_stop(struct hvcma_keeper *k)
{
	if (!k)
		return;
	/* If it can't be asked, it waits for what it watches, which is safe. */
	send(k->life_fd, "stop", strlen("stop"), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(k->life_fd);
	free(k);
}
