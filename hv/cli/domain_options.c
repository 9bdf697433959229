// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arguments of the subcommands of hvcma domain: one table of options, of which each knows some.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/domain.h"
#include "hv/host/service_client.h"
#include "hv/libvirt/finding.h"

static const struct known {
	char letter;			/* in hvcma_domain_options() */
	struct option option;
	const char *help;
} known[] = {
	{ 'c', { "connect", required_argument, NULL, 'c' }, "  -c, --connect URI   which libvirt (default: its own)\n" },
	{ 'd', { "device", required_argument, NULL, 'd' }, "  -d, --device NAME   only this region\n" },
	{ 'd', { "field", required_argument, NULL, 'f' },
	  "  -f, --field POINTER only this field of the report, as of hvcma status\n" },
	{ 'j', { "json", no_argument, NULL, 'j' }, "  -j, --json          as JSON\n" },
	{ 'l', { "live", no_argument, NULL, 'l' }, "  -l, --live          the running domain\n" },
	{ 'l', { "config", no_argument, NULL, 'C' },
	  "  -C, --config        its definition, from the next start on\n"
	  "                      (neither: the running one if it runs, else the definition)\n" },
	{ 'n', { "no-host", no_argument, NULL, 'n' }, "  -n, --no-host       leave this host out of it\n" },
	{ 'o', { "output", required_argument, NULL, 'o' },
	  "  -o, --output FILE   where the result goes (default: standard output)\n" },
	{ 'i', { "in-place", no_argument, NULL, 'i' }, "  -i, --in-place      the result replaces each FILE\n" },
	{ 'h', { "sysfs", required_argument, NULL, 's' }, "      --sysfs DIR     where sysfs is (default: /sys)\n" },
	{ 'h', { "mounts", required_argument, NULL, 'm' },
	  "      --mounts FILE   what is mounted (default: /proc/self/mounts)\n" },
	{ 'h', { "emulator", required_argument, NULL, 'e' },
	  "      --emulator FILE the emulator to ask (default: the domain's, with the plugin)\n" },
	{ 'h', { "service", required_argument, NULL, 'S' },
	  "      --service PATH  the service's socket (default: " HVCMA_SERVICE_SOCKET ")\n" },
};

#define NR_KNOWN	(sizeof(known) / sizeof(*known))

static int take_option(void *opaque, int c, char *arg)
{
	struct hvcma_domain_request *r = opaque;

	switch (c) {
	case 'c':
		r->connect = arg;
		break;
	case 'd':
		r->device = arg;
		break;
	case 'f':
		r->field = arg;
		break;
	case 'j':
		r->json = true;
		break;
	case 'l':
		r->live = true;
		break;
	case 'C':
		r->config = true;
		break;
	case 'n':
		r->no_host = true;
		break;
	case 'i':
		r->in_place = true;
		break;
	case 'o':
		r->output = arg;
		break;
	case 's':
		r->sysfs = arg;
		break;
	case 'm':
		r->mounts = arg;
		break;
	case 'e':
		r->emulator = arg;
		break;
	case 'S':
		r->service = arg;
		break;
	}
	return 0;
}

int hvcma_domain_options(const struct hvcma_domain_command *command, int argc, char **argv,
			 const char *letters, int arguments, struct hvcma_domain_request *r)
{
	static char name[32];
	struct option longs[NR_KNOWN + 2] = { 0 };
	char shorts[16] = "h", *help = NULL;
	size_t nr = 0;
	int ret;

	*r = (struct hvcma_domain_request){
		.sysfs = "/sys", .mounts = "/proc/self/mounts", .service = HVCMA_SERVICE_SOCKET,
	};
	snprintf(name, sizeof(name), "domain %s", command->name);
	hvcma_text_add(&help, "usage: hvcma domain %s %s\n%s\n", command->name, command->usage, command->help);
	for (size_t i = 0; i < NR_KNOWN; i++) {
		if (!strchr(letters, known[i].letter))
			continue;
		longs[nr++] = known[i].option;
		hvcma_text_add(&help, "%s", known[i].help);
		if (known[i].letter != 'h')
			snprintf(shorts + strlen(shorts), sizeof(shorts) - strlen(shorts), "%c%s",
				 known[i].option.val, known[i].option.has_arg ? ":" : "");
	}
	longs[nr] = (struct option){ "help", no_argument, NULL, 'h' };
	hvcma_text_add(&help, "  -h, --help          this text\n");
	ret = hvcma_options(name, argc, argv, shorts, longs, help, take_option, r);
	free(help);
	if (ret)
		return ret;
	if (argc - optind < (arguments == HVCMA_DOMAIN_SEVERAL ? 1 : arguments))
		return hvcma_usage_error("arguments are missing: %s", command->usage);
	if (arguments != HVCMA_DOMAIN_SEVERAL && argc - optind > arguments)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind + arguments]);
	return 0;
}
