/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subcommands of the hvcma program: the table entry each one provides and the
 * exit codes they share. One file per subcommand.
 */
#ifndef HVCMA_CLI_COMMAND_H
#define HVCMA_CLI_COMMAND_H

/*
 * Exit codes of the program, shown by --help. A subcommand returns one, and so does
 * what helps it and has printed why; helpers that print nothing return a negative
 * errno, or libfdt's, with the words.
 */
enum hvcma_exit {
	HVCMA_EXIT_OK = 0,
	HVCMA_EXIT_FAILED = 1,		/* no connection, no answer, or a refusal */
	HVCMA_EXIT_USAGE = 2,
	HVCMA_EXIT_NO_DEVICE = 3,	/* QEMU answered: there is no such device or field */
	HVCMA_EXIT_FINDINGS = 4,	/* what was checked has faults */
};

struct hvcma_command {
	const char *name;
	const char *summary;		/* one line, for hvcma --help */
	/*
	 * argv[0] is the subcommand. Prints results to stdout and errors to
	 * stderr. Return: an enum hvcma_exit value.
	 */
	int (*run)(int argc, char **argv);
};

extern const struct hvcma_command hvcma_command_attr;
extern const struct hvcma_command hvcma_command_bind;
extern const struct hvcma_command hvcma_command_check;
extern const struct hvcma_command hvcma_command_domain;
extern const struct hvcma_command hvcma_command_fdt;
extern const struct hvcma_command hvcma_command_hugepages;
extern const struct hvcma_command hvcma_command_map;
extern const struct hvcma_command hvcma_command_metrics;
extern const struct hvcma_command hvcma_command_regions;
extern const struct hvcma_command hvcma_command_release;
extern const struct hvcma_command hvcma_command_run;
extern const struct hvcma_command hvcma_command_setup;
extern const struct hvcma_command hvcma_command_status;
extern const struct hvcma_command hvcma_command_top;
extern const struct hvcma_command hvcma_command_unbind;
extern const struct hvcma_command hvcma_command_who;
extern const struct hvcma_command hvcma_command_windows;

#endif /* HVCMA_CLI_COMMAND_H */
