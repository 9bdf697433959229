// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arguments of subcommands: reading options, and complaining about them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hv/cli/options.h"

/* One run of the program has one subcommand. */
static const char *current = "";

int hvcma_options(const char *name, int argc, char **argv, const char *shorts,
		  const struct option *longs, const char *help, hvcma_option_fn *take, void *opaque)
{
	int c, ret;

	current = name;
	optind = 1;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			exit(HVCMA_EXIT_OK);
		case '?':
			return HVCMA_EXIT_USAGE;
		default:
			ret = take(opaque, c, optarg);
			if (ret)
				return ret;
		}
	}
	return 0;
}

int hvcma_usage_error(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "hvcma %s: ", current);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs(" (--help explains)\n", stderr);
	return HVCMA_EXIT_USAGE;
}

int hvcma_failed(const char *text)
{
	fprintf(stderr, "hvcma %s: %s\n", current, text);
	return HVCMA_EXIT_FAILED;
}
