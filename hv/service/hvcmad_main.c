// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcmad: options, and the order of the start. See hvcmad(8).
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/abi/version.h"
#include "hv/service/server.h"

#define DEFAULT_SOCKET	"/run/hvcma/hvcmad.socket"

enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct options {
	const char *config;
	const char *socket;
	const char *keeper;
	bool check;
};

static const char help[] =
	"usage: hvcmad [OPTION...]\n"
	"The host's service of hvcma: holds memory of virtual machines for a QEMU without\n"
	"privileges, pins it and tells where it is, as its configuration allows.\n"
	"\n"
	"  --config FILE   configuration (" HVCMAD_CONFIG ")\n"
	"  --socket PATH   socket to make, if systemd has passed none (" DEFAULT_SOCKET ")\n"
	"  --keeper PATH   socket of the keeper, which somebody else starts; without, this service starts it\n"
	"  --check-config  say what is wrong with the configuration, or what it allows, and end\n"
	"  --version       print the version\n"
	"  --help          this text\n"
	"\n"
	"exit status: 0 success, 1 failure, 2 wrong usage\n";

/* -1: go on; else an exit status. */
static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "keeper", required_argument, NULL, 'p' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*opt = (struct options){ .socket = DEFAULT_SOCKET };
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			opt->config = optarg;
			break;
		case 's':
			opt->socket = optarg;
			break;
		case 'p':
			opt->keeper = optarg;
			break;
		case 'k':
			opt->check = true;
			break;
		case 'v':
			puts("hvcmad " HVCMA_VERSION);
			return EXIT_OK;
		case 'h':
			fputs(help, stdout);
			return EXIT_OK;
		default:
			fputs("hvcmad: see hvcmad --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hvcmad: unexpected argument '%s'; see hvcmad --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

/* Without a file, where none was named, nothing is allowed. */
static int read_config(const struct options *opt, const char **path, struct hvcmad_config **out)
{
	struct hvcma_error err = { "" };
	int ret;

	*path = opt->config ? opt->config : HVCMAD_CONFIG;
	ret = hvcmad_config_read(*path, out, &err);
	if (ret == -ENOENT && !opt->config) {
		hvcmad_log(LOG_WARNING, HVCMAD_EVENT_SERVICE, NULL, "there is no %s: nothing is allowed", *path);
		*out = hvcmad_config_none();
		ret = *out ? 0 : -ENOMEM;
	}
	if (ret)
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_SERVICE, NULL, "%s", ret == -ENOMEM ? "no memory" : err.text);
	return ret;
}

/* Each region takes descriptors, for its file and its pins. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	static struct hvcmad_server server;
	struct hvcmad_config *config;
	struct hvcma_error err = { "" };
	struct options opt;
	const char *path;
	int ret = parse_options(argc, argv, &opt);

	if (ret >= 0)
		return ret;
	hvcmad_log_open();
	if (read_config(&opt, &path, &config))
		return EXIT_FAILED;
	if (opt.check) {
		hvcmad_config_print(config, stdout);
		hvcmad_config_free(config);
		return EXIT_OK;
	}

	umask(077);
	raise_descriptors();
	if (hvcmad_server_init(&server, path, config, &err)) {
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_SERVICE, NULL, "%s", err.text);
		return EXIT_FAILED;
	}
	ret = hvcmad_listen(&server, opt.socket, &err);
	if (!ret)
		ret = hvcmad_server_keep(&server, opt.keeper, &err);
	if (ret)
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_SERVICE, NULL, "%s", err.text);
	else
		ret = hvcmad_server_run(&server);
	hvcmad_server_fini(&server);
	return ret ? EXIT_FAILED : EXIT_OK;
}
