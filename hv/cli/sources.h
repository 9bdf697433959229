/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions of several virtual machines: asked of their QEMUs, of the host's service, and of Xen.
 */
#ifndef HVCMA_CLI_SOURCES_H
#define HVCMA_CLI_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "hv/host/service_client.h"

#define HVCMA_MAX_SOURCES	64

struct hvcma_sources {
	const char *qmp[HVCMA_MAX_SOURCES];
	size_t nr_qmp;
	const char *service;		/* socket; NULL: it is not asked */
	bool xen;			/* this is a control domain of Xen: hvcma-xen(8) is asked */
	unsigned int timeout_s;		/* for each answer */
};

#define HVCMA_SOURCES_NONE	{ .timeout_s = 10 }

/* Of struct option and in help; 'q', 's', 'x' and 't' go to hvcma_sources_option(). */
#define HVCMA_SOURCES_LONGS						\
	{ "qmp", required_argument, NULL, 'q' },			\
	{ "service", optional_argument, NULL, 's' },			\
	{ "xen", no_argument, NULL, 'x' },				\
	{ "timeout", required_argument, NULL, 't' }

#define HVCMA_SOURCES_HELP						\
	"      --qmp SOCKET  QEMU's QMP unix socket; once for each virtual machine\n" \
	"      --service[=SOCKET]  the host's service (" HVCMA_SERVICE_SOCKET ")\n" \
	"      --xen         domains of Xen, in its control domain (hvcma-xen)\n" \
	"      --timeout SECONDS  how long to wait for each answer (default 10)\n"

/** hvcma_sources_option() - take one. Return: 0, or an exit value, said. */
int hvcma_sources_option(struct hvcma_sources *sources, int c, char *arg);

/** hvcma_sources_check() - is there something to ask? Return: 0, or HVCMA_EXIT_USAGE, said. */
int hvcma_sources_check(const struct hvcma_sources *sources);

/**
 * hvcma_sources_read() - ask them all.
 *
 * Return: a list, the caller's: for each region an object with "vm" (of QEMU the name of its socket without
 * folder and ending), "device" (its id; "": of the service), "report" (of the service as far as that knows); for
 * who does not answer one with "vm" and "error".
 */
struct json_object *hvcma_sources_read(const struct hvcma_sources *sources);

/**
 * hvcma_sources_read_xen() - ask hvcma-xen, which is found in PATH.
 * @list: gets an entry for each region: "vm" is the domain, "device" the region's number
 *
 * Return: 0, or a negative errno with @err: none was added. -ENOENT: there is no hvcma-xen.
 */
int hvcma_sources_read_xen(unsigned int timeout_s, struct json_object *list, struct hvcma_error *err);

#endif /* HVCMA_CLI_SOURCES_H */
