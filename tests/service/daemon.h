/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real hvcmad, on a socket in a folder of its own. In the layer asan it is the program with the
 * sanitizers. Include after <cmocka.h>.
 */
#ifndef HVCMA_TESTS_SERVICE_DAEMON_H
#define HVCMA_TESTS_SERVICE_DAEMON_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/lib/child.h"

struct daemon {
	pid_t pid;
	char folder[32];
	char socket[64];
	char config[64];
	char log[64];
	char keeper[64];	/* socket of a keeper that the test starts; "": the service does */
	int idle;	/* descriptors that it has without any session */
};

static inline const char *daemon_program(void)
{
	static char path[4096];
	const char *build = getenv("HVCMA_BUILD");
	char self[4096] = "";

#ifdef __aarch64__
	static const char arch[] = "arm64";
#else
	static const char arch[] = "amd64";
#endif
	if (!build)
		build = "build";
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 && strstr(self, "/tests/asan/"))
		snprintf(path, sizeof(path), "%s/tests/asan/hvcmad", build);
	else
		snprintf(path, sizeof(path), "%s/%s/hvcmad", build, arch);
	return path;
}

static inline void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Paths, folder, configuration; no process. */
static inline void daemon_prepare(struct daemon *d, const char *config)
{
	*d = (struct daemon){ .folder = "/tmp/hvcmad-XXXXXX" };
	assert_non_null(mkdtemp(d->folder));
	assert_int_equal(chmod(d->folder, 0711), 0);
	snprintf(d->socket, sizeof(d->socket), "%s/socket", d->folder);
	snprintf(d->config, sizeof(d->config), "%s/config", d->folder);
	snprintf(d->log, sizeof(d->log), "%s/log", d->folder);
	write_text(d->config, config);
}

/* In the child: becomes the program. */
static inline void daemon_exec(const struct daemon *d)
{
	int fd = open(d->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	const char *program = daemon_program();

	must(fd >= 0, d->log);
	must(dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0, "dup2");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program, program, "--config", d->config, "--socket", d->socket, d->keeper[0] ? "--keeper" : NULL,
	      d->keeper, NULL);
	must(false, program);
}

/* What it has said up to now. */
static inline const char *daemon_log(const struct daemon *d)
{
	static char text[65536];
	FILE *f = fopen(d->log, "re");

	text[0] = '\0';
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
	}
	return text;
}

static inline void daemon_says(const struct daemon *d, const char *words)
{
	int i;

	for (i = 0; i < 500 && !strstr(daemon_log(d), words); i++)
		usleep(10000);
	assert_words(daemon_log(d), words);
}

static inline void daemon_spawn(struct daemon *d)
{
	fflush(NULL);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (!d->pid) {
		be_a_child();
		daemon_exec(d);
	}
}

/* Ends within ten seconds; its exit status. */
static inline int daemon_wait(struct daemon *d)
{
	int status = -1, i;

	for (i = 0; i < 1000; i++) {
		pid_t got = waitpid(d->pid, &status, WNOHANG);

		assert_true(got >= 0);
		if (got) {
			d->pid = 0;
			if (!WIFEXITED(status))
				fail_msg("hvcmad ended with status %#x: %s", status, daemon_log(d));
			return WEXITSTATUS(status);
		}
		usleep(10000);
	}
	fail_msg("hvcmad does not end: %s", daemon_log(d));
	return -1;
}

static inline void daemon_remove(struct daemon *d)
{
	static const char *const files[] = { "socket", "socket.lock", "keeper.socket", "config", "log", "notify" };
	char path[96];
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->folder, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(d->folder), 0);
}

/* The keeper that it, or one before it, has started: it logs where they do. 0: there is none. */
static inline pid_t daemon_keeper(const struct daemon *d)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	assert_non_null(dir);
	while (!found && (e = readdir(dir))) {
		char path[300], link[4096] = "";

		snprintf(path, sizeof(path), "/proc/%s/exe", e->d_name);
		if (readlink(path, link, sizeof(link) - 1) < 0 || !strstr(link, "/hvcmad-keeper"))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fd/2", e->d_name);
		memset(link, 0, sizeof(link));
		if (readlink(path, link, sizeof(link) - 1) > 0 && !strncmp(link, d->folder, strlen(d->folder)))
			found = (pid_t)atoi(e->d_name);
	}
	closedir(dir);
	return found;
}

/* SIGKILL, and dead when this returns. */
static inline void daemon_kill(struct daemon *d)
{
	int status;

	assert_int_equal(kill(d->pid, SIGKILL), 0);
	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
}

/* Another one on the same socket. */
static inline void daemon_again(struct daemon *d)
{
	unlink(d->log);
	daemon_spawn(d);
	daemon_says(d, "ready");
}

static inline void daemon_stop(struct daemon *d)
{
	assert_int_equal(kill(d->pid, SIGTERM), 0);
	if (daemon_wait(d))
		fail_msg("hvcmad failed: %s", daemon_log(d));
	daemon_remove(d);
}

static inline int daemon_descriptors(const struct daemon *d)
{
	char path[64];
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)d->pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline void daemon_start(struct daemon *d, const char *config)
{
	daemon_prepare(d, config);
	daemon_spawn(d);
	daemon_says(d, "ready");
	d->idle = daemon_descriptors(d);
}

/* Does the number of its descriptors come back to @n within five seconds? */
static inline void daemon_settles(const struct daemon *d, int n)
{
	int i;

	for (i = 0; i < 500 && daemon_descriptors(d) != n; i++)
		usleep(10000);
	assert_int_equal(daemon_descriptors(d), n);
}

#endif /* HVCMA_TESTS_SERVICE_DAEMON_H */
