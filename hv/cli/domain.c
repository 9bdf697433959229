// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma domain: finds its subcommand. Without libxml2 there is none, and this says so.
 */
#include <stdio.h>
#include <string.h>

#include "hv/cli/domain.h"

#ifdef HVCMA_WITH_DOMAIN

static const struct hvcma_domain_command *const commands[] = {
	&hvcma_domain_check_command,
	&hvcma_domain_apply_command,
	&hvcma_domain_diff_command,
	&hvcma_domain_unapply_command,
	&hvcma_domain_define_command,
	&hvcma_domain_start_command,
	&hvcma_domain_status_command,
	&hvcma_domain_attach_region_command,
	&hvcma_domain_detach_region_command,
	&hvcma_domain_attach_device_command,
	&hvcma_domain_detach_device_command,
	&hvcma_domain_hook_command,
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("usage: hvcma domain SUBCOMMAND [OPTION...] ARGUMENT...\n"
	      "Regions declared in the XML of a libvirt domain.\n\nsubcommands:\n", out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-13s %.*s\n", commands[i]->name,
			(int)strcspn(commands[i]->help, "\n"), commands[i]->help);
	fputs("\nA FILE is domain XML; \"-\" is the standard input:\n"
	      "  virsh dumpxml vm | hvcma domain apply - | virsh define /dev/stdin\n"
	      "hvcma domain SUBCOMMAND --help explains a subcommand. Manual: hvcma-domain(1).\n"
	      "exit status: 0 success, 1 failure, 2 wrong usage, 3 no such domain, region or device,\n"
	      "4 faults found\n", out);
}

static int run_command(int argc, char **argv)
{
	const char *names[NR_COMMANDS];

	for (size_t i = 0; i < NR_COMMANDS; i++) {
		names[i] = commands[i]->name;
		if (!strcmp(argv[0], names[i]))
			return commands[i]->run(argc, argv);
	}
	return hvcma_unknown_command("domain", argv[0], names, NR_COMMANDS);
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

#else

static int run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return hvcma_failed("domain: this hvcma was built without libxml2, which reads the XML");
}

#endif

const struct hvcma_command hvcma_command_domain = {
	.name = "domain",
	.summary = "declare memory for devices in the XML of a libvirt domain",
	.run = run,
};
