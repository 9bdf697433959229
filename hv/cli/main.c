// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma: finds the subcommand, runs it, and fails if what it printed got lost.
 * Knows nothing of what they do.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/abi/version.h"
#include "hv/cli/options.h"
#include "hv/cli/suggest.h"

static const struct hvcma_command *const commands[] = {
	&hvcma_command_attr,
	&hvcma_command_bind,
	&hvcma_command_check,
	&hvcma_command_domain,
	&hvcma_command_fdt,
	&hvcma_command_hugepages,
	&hvcma_command_map,
	&hvcma_command_metrics,
	&hvcma_command_regions,
	&hvcma_command_release,
	&hvcma_command_run,
	&hvcma_command_setup,
	&hvcma_command_status,
	&hvcma_command_top,
	&hvcma_command_unbind,
	&hvcma_command_who,
	&hvcma_command_windows,
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("usage: hvcma COMMAND [OPTION...]\n"
	      "       hvcma help [COMMAND [SUBCOMMAND]]\n"
	      "       hvcma --help | --version\n\ncommands:\n", out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name,
			commands[i]->summary);
	fputs("  help       explain a command, as its --help does\n"
	      "\n"
	      "  -h, --help     this text\n"
	      "  -V, --version  the version\n"
	      "\n"
	      "exit status: 0 success, 1 failure, 2 wrong usage, 3 no such device or field,\n"
	      "4 faults found\n",
	      out);
}

static int run_command(int argc, char **argv)
{
	const char *names[NR_COMMANDS];

	for (size_t i = 0; i < NR_COMMANDS; i++) {
		names[i] = commands[i]->name;
		if (!strcmp(argv[0], names[i]))
			return commands[i]->run(argc, argv);
	}
	return hvcma_unknown_command("", argv[0], names, NR_COMMANDS);
}

static bool is_help(const char *word)
{
	return !strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* "help a b" is "a b --help". */
static int help(int argc, char **argv)
{
	char *words[4] = { 0 };

	if (argc > 3)
		return hvcma_usage_error("help: unexpected argument '%s'", argv[3]);
	if (argc < 2 || (argc == 2 && is_help(argv[1]))) {
		usage(stdout);
		return HVCMA_EXIT_OK;
	}
	memcpy(words, argv + 1, (size_t)(argc - 1) * sizeof(*words));
	words[argc - 1] = "--help";
	return run_command(argc, words);
}

static void print_commands(void)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		printf("%s\t%s\n", commands[i]->name, commands[i]->summary);
	puts("help\texplain a command\n--help\n--version");
}

/*
 * "--complete WORD...": what may come behind these words, to shells. The empty word stands for what comes: no
 * command is called so.
 */
static int complete(int argc, char **argv)
{
	char *words[4] = { 0 };
	int nr = 0;

	/* A command and its subcommand: options ask for help, and what is behind them is theirs. */
	while (nr < 2 && nr + 1 < argc && argv[nr + 1][0] != '-') {
		words[nr] = argv[nr + 1];
		nr++;
	}
	if (!nr) {
		print_commands();
		return HVCMA_EXIT_OK;
	}
	words[nr] = "";
	hvcma_complete_begin();
	return run_command(nr + 1, words);
}

static int unknown_option(const char *word)
{
	static const char *const options[] = { "--help", "--version" };
	const char *meant = hvcma_suggest(word, options, 2);

	if (meant)
		return hvcma_usage_error("unknown option %s; did you mean %s?", word, meant);
	return hvcma_usage_error("unknown option %s, and a command comes first", word);
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return HVCMA_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("hvcma " HVCMA_VERSION);
		return HVCMA_EXIT_OK;
	}
	if (!strcmp(argv[1], "--complete"))
		return complete(argc - 1, argv + 1);
	if (!strcmp(argv[1], "help"))
		return help(argc - 1, argv + 1);
	if (is_help(argv[1])) {
		usage(stdout);
		return HVCMA_EXIT_OK;
	}
	if (argv[1][0] == '-')
		return unknown_option(argv[1]);
	return run_command(argc - 1, argv + 1);
}

/*
 * A standard stream that is closed stays one that can't be used: what is opened
 * next would get its number, and be written to in its place.
 */
static void hold_closed_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* However the program ends: a result that got lost is a failure. */
static void close_output(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		fputs("hvcma: not all of the output could be written\n", stderr);
		_exit(HVCMA_EXIT_FAILED);
	}
}

int main(int argc, char **argv)
{
	/* A file that must not grow is an error of write(), which is cleaned up after. */
	signal(SIGXFSZ, SIG_IGN);
	hold_closed_streams();
	atexit(close_output);
	return run(argc, argv);
}
