// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arguments of subcommands: reading options, and complaining about them.
 */
#define _GNU_SOURCE			/* vasprintf() */
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/options.h"
#include "hv/cli/suggest.h"
#include "hv/cli/text.h"

#define MAX_OPTIONS	32

/* One run of the program has one subcommand. */
static const char *current = "";

static bool completing;

/* ---- completion ---- */

void hvcma_complete_begin(void)
{
	completing = true;
}

/* Entries of a folder of sysfs: there may be none. */
static void print_pci_devices(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			puts(entry->d_name);
	if (dir)
		closedir(dir);
}

/* What its help says in the lines of usage is what a command takes. */
static _Noreturn void print_options(const struct option *longs, const char *help)
{
	const char *end = strchr(help, '\n'), *device = strstr(help, "DEVICE");

	for (; longs->name; longs++)
		printf("--%s%s\n", longs->name, longs->has_arg == required_argument ? "=" : "");
	if (end && device && device < end)
		print_pci_devices();
	exit(HVCMA_EXIT_OK);
}

/* ---- complaints ---- */

/* "hvcma [NAME]: MESSAGE", whatever is in it, and no newline. */
static void complain(const char *message)
{
	fprintf(stderr, "hvcma%s%s: ", *current ? " " : "", current);
	hvcma_put_printable(stderr, message);
}

int hvcma_usage_error(const char *fmt, ...)
{
	char *message;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vasprintf(&message, fmt, args);
	va_end(args);
	complain(length < 0 ? "wrong usage" : message);
	fprintf(stderr, " (hvcma%s%s --help explains)\n", *current ? " " : "", current);
	if (length >= 0)
		free(message);
	return HVCMA_EXIT_USAGE;
}

int hvcma_failed(const char *text)
{
	complain(text);
	fputc('\n', stderr);
	return HVCMA_EXIT_FAILED;
}

void hvcma_note(const char *text)
{
	complain("note: ");
	hvcma_put_printable(stderr, text);
	fputc('\n', stderr);
}

int hvcma_unknown_command(const char *parent, const char *word, const char *const known[], size_t nr)
{
	const char *meant;

	if (completing) {
		for (size_t i = 0; i < nr; i++)
			puts(known[i]);
		return HVCMA_EXIT_OK;
	}
	meant = hvcma_suggest(word, known, nr);
	current = parent;
	if (meant)
		return hvcma_usage_error("unknown command '%s'; did you mean '%s'?", word, meant);
	return hvcma_usage_error("unknown command '%s'", word);
}

/* ---- options ---- */

static const struct option *option_of(const struct option *longs, int c)
{
	while (longs->name && longs->val != c)
		longs++;
	return longs->name ? longs : NULL;
}

static int unknown_option(const char *word, const struct option *longs)
{
	char name[64];
	const char *names[MAX_OPTIONS], *meant;
	size_t nr = 0, letters, nr_beginning = 0;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	letters = strlen(name);
	for (; longs[nr].name && nr < MAX_OPTIONS; nr++) {
		names[nr] = longs[nr].name;
		nr_beginning += !strncmp(name, names[nr], letters);
	}
	if (nr_beginning > 1)
		return hvcma_usage_error("option --%s is the beginning of several", name);
	meant = hvcma_suggest(name, names, nr);
	if (meant)
		return hvcma_usage_error("unknown option --%s; did you mean --%s?", name, meant);
	return hvcma_usage_error("unknown option --%s", name);
}

/* What getopt_long() complains about: @c is its result, @word the last it took. */
static int bad_option(int c, const char *word, const struct option *longs)
{
	const struct option *option = option_of(longs, optopt);
	bool is_long = !strncmp(word, "--", 2);

	if (c == ':' && is_long && option)
		return hvcma_usage_error("option --%s needs a value", option->name);
	if (c == ':')
		return hvcma_usage_error("option -%c needs a value", optopt);
	if (optopt && is_long && option)
		return hvcma_usage_error("option --%s takes no value", option->name);
	if (optopt)
		return hvcma_usage_error("unknown option -%c", optopt);
	return unknown_option(word, longs);
}

/* A value that is an option was left out: "--qmp --json". */
static bool is_option(const char *value, const struct option *longs)
{
	if (strncmp(value, "--", 2))
		return false;
	for (; longs->name; longs++)
		if (!strcmp(value + 2, longs->name))
			return true;
	return false;
}

int hvcma_options(const char *name, int argc, char **argv, const char *shorts,
		  const struct option *longs, const char *help, hvcma_option_fn *take, void *opaque)
{
	char all[16];
	int c, ret;

	if (completing)
		print_options(longs, help);
	snprintf(all, sizeof(all), ":%s", shorts);
	current = name;
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, all, longs, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			exit(HVCMA_EXIT_OK);
		case ':':
		case '?':
			return bad_option(c, argv[optind - 1], longs);
		}
		if (optarg && optarg == argv[optind - 1] && is_option(optarg, longs))
			return hvcma_usage_error("option %s needs a value, and %s is an option",
						 argv[optind - 2], optarg);
		ret = take(opaque, c, optarg);
		if (ret)
			return ret;
	}
	return 0;
}
