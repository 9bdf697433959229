/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvcma domain: what its subcommands share: arguments, a domain read from a file or from
 * libvirt, findings printed.
 */
#ifndef HVCMA_CLI_DOMAIN_H
#define HVCMA_CLI_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "hv/cli/options.h"

struct hvcma_domain_command {
	const char *name;
	const char *usage;		/* after "hvcma domain NAME " */
	const char *help;		/* what it does, lines */
	/* As in struct hvcma_command; argv[0] is the subcommand. */
	int (*run)(int argc, char **argv);
};

extern const struct hvcma_domain_command hvcma_domain_apply_command;
extern const struct hvcma_domain_command hvcma_domain_attach_device_command;
extern const struct hvcma_domain_command hvcma_domain_attach_region_command;
extern const struct hvcma_domain_command hvcma_domain_check_command;
extern const struct hvcma_domain_command hvcma_domain_define_command;
extern const struct hvcma_domain_command hvcma_domain_detach_device_command;
extern const struct hvcma_domain_command hvcma_domain_detach_region_command;
extern const struct hvcma_domain_command hvcma_domain_diff_command;
extern const struct hvcma_domain_command hvcma_domain_hook_command;
extern const struct hvcma_domain_command hvcma_domain_start_command;
extern const struct hvcma_domain_command hvcma_domain_status_command;
extern const struct hvcma_domain_command hvcma_domain_unapply_command;

/* What several of them may be told. */
struct hvcma_domain_request {
	const char *output;		/* NULL: the standard output */
	const char *connect;		/* URI of libvirt, NULL: its default */
	const char *sysfs, *mounts, *emulator, *service;	/* where the host is looked at */
	const char *device, *field;
	bool json, no_host, in_place;
	bool live, config;		/* neither: what the domain is, live if it runs */
};

/* As many arguments as there are, at least one. */
#define HVCMA_DOMAIN_SEVERAL	0

/**
 * hvcma_domain_options() - take all options of @command.
 * @letters: of those it knows: c(onnect), j(son), o(utput), i(n-place), n(o-host), h(ost: sysfs, mounts,
 *	emulator), d(evice, field), l(ive, config)
 * @arguments: how many there are, after them, or HVCMA_DOMAIN_SEVERAL
 *
 * Return: 0 with optind at the first argument; else an exit value.
 */
int hvcma_domain_options(const struct hvcma_domain_command *command, int argc, char **argv,
			 const char *letters, int arguments, struct hvcma_domain_request *r);

/* The XML of a domain, as it came. */
struct hvcma_domain_text {
	char *text;			/* malloc */
	size_t bytes;
	char *name;			/* of its file, for messages */
};

/**
 * hvcma_domain_load() - all of a file.
 * @path: "-" is the standard input
 *
 * Return: 0, or an exit value after saying why.
 */
int hvcma_domain_load(const char *path, struct hvcma_domain_text *t);
void hvcma_domain_text_free(struct hvcma_domain_text *t);

struct hvcma_findings;

/**
 * hvcma_domain_print_findings() - each with its line and what mends it.
 * @name: of the file
 */
void hvcma_domain_print_findings(FILE *out, const char *name, const struct hvcma_findings *f);

/* Two ways to change a domain's XML. */
enum hvcma_domain_change { HVCMA_DOMAIN_APPLY, HVCMA_DOMAIN_UNAPPLY };

/**
 * hvcma_domain_change() - its XML with its regions written into it, or without.
 * @with_host: what the host lacks is an error, too
 * @changed: out, malloc'ed
 *
 * Return: 0, or HVCMA_EXIT_FINDINGS after printing them.
 */
int hvcma_domain_change(const struct hvcma_domain_text *t, enum hvcma_domain_change change, bool with_host,
			const struct hvcma_domain_request *r, char **changed);

#endif /* HVCMA_CLI_DOMAIN_H */
