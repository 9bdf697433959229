/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor time, user and system, of a whole program from exec to exit: the time that passes on a
 * machine with nothing else to do, and nearly the same on one that has.
 */
#ifndef HVCMA_TESTS_BENCH_CPU_TIME_H
#define HVCMA_TESTS_BENCH_CPU_TIME_H

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/decision.h"

static inline double cpu_time_ms_of(const struct timeval *tv)
{
	return (double)tv->tv_sec * 1e3 + (double)tv->tv_usec / 1e3;
}

/* Milliseconds of one run; -1 if it did not exit 0. What it prints is lost. */
static inline double cpu_time_run(char *const *argv)
{
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(126);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status))
		return -1;
	return cpu_time_ms_of(&usage.ru_utime) + cpu_time_ms_of(&usage.ru_stime);
}

/* So many rounds of a figure. */
static inline void cpu_time_rounds(struct bench_figure *f, char *const *argv, int runs)
{
	for (int i = 0; i < runs; i++)
		bench_round(f, cpu_time_run(argv));
}

#endif /* HVCMA_TESTS_BENCH_CPU_TIME_H */
