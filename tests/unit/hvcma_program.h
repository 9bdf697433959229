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
 * Run hvcma with @arguments, as a shell reads them.
 * @out: what it printed, stderr too
 *
 * Return: its exit status; -1 if it could not be run.
 */
static inline int hvcma_run(const char *arguments, char *out, size_t room)
{
	char line[12288];
	size_t bytes;
	FILE *pipe;

	snprintf(line, sizeof(line), "%s %s 2>&1", hvcma_program(), arguments);
	pipe = popen(line, "r");
	if (!pipe)
		return -1;
	bytes = fread(out, 1, room - 1, pipe);
	out[bytes] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

#endif /* TESTS_UNIT_HVCMA_PROGRAM_H */
