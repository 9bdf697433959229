// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running other programs: see host_run.h.
 */
#define _GNU_SOURCE
#include "hv/host/host_run.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_PROGRAM	127

static void become(const char *const argv[], int in, int out, unsigned int seconds)
{
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(NO_PROGRAM);
	alarm(seconds);
	execvp(argv[0], (char *const *)argv);
	_exit(NO_PROGRAM);
}

static void take(int fd, char *out, size_t room)
{
	char more[4096];
	size_t used = 0;
	ssize_t got;

	for (;;) {
		if (used < room - 1)
			got = read(fd, out + used, room - 1 - used);
		else
			got = read(fd, more, sizeof(more));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (used < room - 1)
			used += (size_t)got;
	}
	out[used] = '\0';
}

int hvcma_host_run(const char *const argv[], const char *in, char *out, size_t room, unsigned int seconds)
{
	int pipe_fd[2], status, ret, in_fd = open(in ? in : "/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t child;

	out[0] = '\0';
	if (in_fd < 0)
		return -errno;
	if (pipe2(pipe_fd, O_CLOEXEC)) {
		ret = -errno;
		close(in_fd);
		return ret;
	}
	child = fork();
	if (!child)
		become(argv, in_fd, pipe_fd[1], seconds);
	ret = child < 0 ? -errno : 0;
	close(in_fd);
	close(pipe_fd[1]);
	if (!ret)
		take(pipe_fd[0], out, room);
	close(pipe_fd[0]);
	if (ret)
		return ret;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}
