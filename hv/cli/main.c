// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma: finds the subcommand, runs it, and fails if what it printed got lost.
 * Knows nothing of what they do.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "hv/cli/command.h"

#ifndef HVCMA_VERSION
#define HVCMA_VERSION "unversioned"
#endif

static const struct hvcma_command *const commands[] = {
	&hvcma_command_attr,
	&hvcma_command_fdt,
	&hvcma_command_regions,
	&hvcma_command_status,
};

static const size_t nr_commands = sizeof(commands) / sizeof(commands[0]);

static void usage(FILE *out)
{
	fputs("usage: hvcma COMMAND [OPTION...]\n"
	      "       hvcma --help | --version\n\ncommands:\n", out);
	for (size_t i = 0; i < nr_commands; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name,
			commands[i]->summary);
	fputs("\nhvcma COMMAND --help explains a command.\n"
	      "exit status: 0 success, 1 failure, 2 wrong usage, 3 no such device or field,\n"
	      "4 faults found\n",
	      out);
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return HVCMA_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return HVCMA_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("hvcma " HVCMA_VERSION);
		return HVCMA_EXIT_OK;
	}
	for (size_t i = 0; i < nr_commands; i++)
		if (!strcmp(argv[1], commands[i]->name))
			return commands[i]->run(argc - 1, argv + 1);

	fprintf(stderr, "hvcma: unknown command '%s' (hvcma --help lists them)\n",
		argv[1]);
	return HVCMA_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	int ret;

	/* A file that must not grow is an error of write(), which is cleaned up after. */
	signal(SIGXFSZ, SIG_IGN);
	ret = run(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fputs("hvcma: not all of the output could be written\n", stderr);
		return HVCMA_EXIT_FAILED;
	}
	return ret;
}
