/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments of subcommands: reading options, and complaining about them. Knows no
 * option.
 */
#ifndef HVCMA_CLI_OPTIONS_H
#define HVCMA_CLI_OPTIONS_H

#include <getopt.h>
#include <stddef.h>

#include "hv/cli/command.h"

/*
 * Takes one option: @c of its struct option, @arg (NULL without), which it may
 * change. Return: 0, or an enum hvcma_exit value after a message.
 */
typedef int hvcma_option_fn(void *opaque, int c, char *arg);

/**
 * hvcma_options() - take all options, wherever they stand between the arguments.
 * @name: of the subcommand in messages, from here on; a constant
 * @shorts, @longs: as for getopt_long(3)
 * @help: printed for 'h', which ends the program
 * @take: called for every other option
 *
 * Return: 0 with optind at the first argument; else an exit value.
 */
int hvcma_options(const char *name, int argc, char **argv, const char *shorts,
		  const struct option *longs, const char *help, hvcma_option_fn *take, void *opaque);

/**
 * hvcma_complete_begin() - from here on the program prints what may come next, for the completion of a shell, instead
 * of doing anything: what the first call of hvcma_options() or hvcma_unknown_command() knows, and ends with 0.
 *
 * One a line: names of subcommands, with a tab and a summary where there is one; options, with a "=" behind those that
 * take a value; PCI devices, where the command takes one.
 */
void hvcma_complete_begin(void);

/**
 * hvcma_usage_error() - print it, and where help is; returns HVCMA_EXIT_USAGE.
 *
 * Here and below: what others wrote may be in the message as it is.
 */
int hvcma_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** hvcma_failed() - print it; returns HVCMA_EXIT_FAILED. */
int hvcma_failed(const char *text);

/** hvcma_note() - print what was decided where the user left it open, on stderr. */
void hvcma_note(const char *text);

/**
 * hvcma_unknown_command() - print that @word is none of @known, and which of them
 * may have been meant; returns HVCMA_EXIT_USAGE.
 * @parent: the command whose subcommand it would be; "": hvcma itself
 */
int hvcma_unknown_command(const char *parent, const char *word, const char *const known[],
			  size_t nr);

#endif /* HVCMA_CLI_OPTIONS_H */
