// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma release: tells the host's service (hvcmad) to try anew to stop a device that is in quarantine, or
 * that it has stopped.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hv/cli/options.h"
#include "hv/cli/text.h"
#include "hv/host/service_client.h"

#define TIMEOUT_MS	10000

struct options {
	const char *service;
	bool force;
};

static const char help[] =
	"usage: hvcma release [--service SOCKET] [--force] NUMBER\n"
	"A device that can't be stopped when its virtual machine has ended keeps the memory that it\n"
	"may still write to. \"hvcma status --service\" shows it, with its number and what is wrong with\n"
	"it. When that is put right, the service is to try anew; whether it has worked, status shows.\n"
	"\n"
	"  --service SOCKET  the service's socket (" HVCMA_SERVICE_SOCKET ")\n"
	"  --force           try nothing: the device has stopped, I know. If it has not, it\n"
	"                    writes to memory of others from now on\n"
	"  --help            this text\n"
	"\n"
	"exit status: 0 success, 1 no connection, or refused, 2 wrong usage\n";

static int take_option(void *opaque, int c, char *arg)
{
	struct options *opt = opaque;

	if (c == 's')
		opt->service = arg;
	else
		opt->force = true;
	return 0;
}

static int take_number(const char *arg, uint32_t *out)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(arg, &end, 10);
	if (errno || *end || end == arg || *arg == '-' || number > UINT32_MAX)
		return hvcma_usage_error("NUMBER is that of a device in \"hvcma status --service\", not '%s'", arg);
	*out = (uint32_t)number;
	return 0;
}

static int release(const struct options *opt, uint32_t number)
{
	const struct hvcmad_release_req q = {
		.hdr = { HVCMAD_OP_RELEASE, sizeof(q) }, .number = number,
		.flags = opt->force ? HVCMAD_RELEASE_FORCE : 0,
	};
	unsigned char r[sizeof(struct hvcmad_resp_hdr) + HVCMAD_MAX_TEXT_BYTES];
	struct hvcmad_hello_resp hello;
	struct hvcma_error err = { "" };
	size_t bytes;
	int fd, ret = hvcma_service_open(opt->service, TIMEOUT_MS, &fd, &hello, &err);

	if (!ret) {
		ret = hvcma_service_ask(fd, &q, r, sizeof(r), sizeof(struct hvcmad_resp_hdr), &bytes, &err);
		close(fd);
	}
	if (ret) {
		fputs("hvcma: ", stderr);
		hvcma_put_printable(stderr, err.text);
		fputc('\n', stderr);
	}
	return ret ? HVCMA_EXIT_FAILED : HVCMA_EXIT_OK;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "service", required_argument, NULL, 's' },
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options opt = { .service = HVCMA_SERVICE_SOCKET };
	uint32_t number = 0;
	int ret = hvcma_options("release", argc, argv, "h", longs, help, take_option, &opt);

	if (ret)
		return ret;
	if (optind + 1 != argc)
		return hvcma_usage_error("one device is to be named, by its number");
	ret = take_number(argv[optind], &number);
	return ret ? ret : release(&opt, number);
}

const struct hvcma_command hvcma_command_release = {
	.name = "release",
	.summary = "have the service stop a device that is in quarantine",
	.run = run,
};
