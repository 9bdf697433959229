// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt: finds its subcommand, and reads arguments for all of them.
 */
#define _GNU_SOURCE			/* asprintf() */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/fdt.h"

static const struct hvcma_fdt_command *const commands[] = {
	&hvcma_fdt_add_region_command,
	&hvcma_fdt_remove_region_command,
	&hvcma_fdt_bind_command,
	&hvcma_fdt_unbind_command,
	&hvcma_fdt_dma_ranges_command,
	&hvcma_fdt_drop_windows_command,
	&hvcma_fdt_overlay_command,
	&hvcma_fdt_xen_command,
	&hvcma_fdt_check_command,
	&hvcma_fdt_show_command,
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("usage: hvcma fdt SUBCOMMAND [OPTION...] FILE...\n"
	      "Contiguous memory for devices, declared in a flattened device tree.\n\nsubcommands:\n", out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-13s %.*s\n", commands[i]->name,
			(int)strcspn(commands[i]->help, "\n"), commands[i]->help);
	fputs("\nA FILE is a blob (dtc -O dtb); \"-\" is the standard input. Results replace the FILE\n"
	      "unless -o says where else; \"-o -\" is the standard output. A PATH may be written\n"
	      "as &LABEL or as an alias. Numbers are read as dtc does: 0x is hexadecimal, 0 octal;\n"
	      "they may have a suffix K, M, G or T (of 1024).\n"
	      "hvcma fdt SUBCOMMAND --help explains a subcommand. Manual: hvcma-fdt(1).\n"
	      "exit status: 0 success, 1 failure, 2 wrong usage, 3 no such device, 4 faults found\n",
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
	return hvcma_unknown_command("fdt", argv[0], names, NR_COMMANDS);
}

static int run(int argc, char **argv)
{
	bool is_help = argc > 1 && !strcmp(argv[1], "help");

	if (argc < 2) {
		usage(stderr);
		return HVCMA_EXIT_USAGE;
	}
	if (is_help && argc > 2)
		return run_command(2, (char *[]){ argv[2], "--help", NULL });
	if (is_help || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return HVCMA_EXIT_OK;
	}
	return run_command(argc - 1, argv + 1);
}

const struct hvcma_command hvcma_command_fdt = {
	.name = "fdt",
	.summary = "declare and check memory for devices in a device tree",
	.run = run,
};

/* ---- arguments ---- */

struct with_output {
	hvcma_option_fn *take;
	void *opaque;
	const char **output;
};

static int take_output(void *opaque, int c, char *arg)
{
	struct with_output *w = opaque;

	if (c != 'o')
		return w->take(w->opaque, c, arg);
	*w->output = arg;
	return 0;
}

int hvcma_fdt_options(const struct hvcma_fdt_command *command, int argc, char **argv,
		      const struct option *longs, hvcma_option_fn *take, void *opaque,
		      const char **output)
{
	struct with_output w = { take, opaque, output };
	static char name[32];
	char *help;
	int ret;

	snprintf(name, sizeof(name), "fdt %s", command->name);
	if (asprintf(&help, "usage: hvcma fdt %s %s\n%s", command->name, command->usage,
		     command->help) < 0)
		return hvcma_failed("no memory");
	ret = hvcma_options(name, argc, argv, "ho:", longs, help, take_output, &w);
	free(help);
	return ret;
}

/* Length of what C, and so dtc, lets a number's type be said by. */
static size_t type_suffix(const char *text)
{
	static const char *const types[] = { "ULL", "UL", "LL", "U", "L" };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strncmp(text, types[i], strlen(types[i])))
			return strlen(types[i]);
	return 0;
}

bool hvcma_fdt_number(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	unsigned long long n;
	const char *suffix;
	unsigned int shift;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno)
		return false;
	end += type_suffix(end);
	suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (suffix) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		if (n > UINT64_MAX >> shift)
			return false;
		n <<= shift;
		end++;
	}
	if (*end)
		return false;
	*value = n;
	return true;
}

bool hvcma_fdt_range(const char *text, struct hvcma_range *range)
{
	char base[32];
	size_t length = strcspn(text, ",");

	if (!text[length] || length >= sizeof(base))
		return false;
	memcpy(base, text, length);
	base[length] = '\0';
	return hvcma_fdt_number(base, &range->base) &&
	       hvcma_fdt_number(text + length + 1, &range->bytes);
}
