/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hvcma program as built, run by a test.
 */
#ifndef TESTS_UNIT_HVCMA_PROGRAM_H
#define TESTS_UNIT_HVCMA_PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static inline const char *hvcma_program(void)
{
#ifdef __aarch64__
	static const char arch[] = "arm64";
#else
	static const char arch[] = "amd64";
#endif
	static char path[4096];
	const char *build = getenv("HVCMA_BUILD");

	snprintf(path, sizeof(path), "%s/%s/hvcma", build ? build : "build", arch);
	return path;
}

/*
 * Run a line of shell.
 * @out: what it printed, stderr too, to its first zero byte
 *
 * Return: its exit status; -1 if it could not be run, or was killed.
 */
static inline int run_line(const char *line, char *out, size_t room)
{
	char whole[12800];
	size_t bytes;
	int status;
	FILE *pipe;

	snprintf(whole, sizeof(whole), "exec 2>&1; %s", line);
	pipe = popen(whole, "r");
	if (!pipe)
		return -1;
	bytes = fread(out, 1, room - 1, pipe);
	out[bytes] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * Run hvcma with @arguments, as a shell reads them; it prints what it does.
 * Return: as run_line().
 */
static inline int hvcma_run(const char *arguments, char *out, size_t room)
{
	char line[12288];

	snprintf(line, sizeof(line), "%s %s", hvcma_program(), arguments);
	return run_line(line, out, room);
}

#endif /* TESTS_UNIT_HVCMA_PROGRAM_H */
