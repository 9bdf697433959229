/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt, asked through its library, which is loaded at the first call: hvcma runs where there
 * is none. One domain at a time. Knows nothing of regions.
 */
#ifndef HVCMA_LIBVIRT_CONNECTION_H
#define HVCMA_LIBVIRT_CONNECTION_H

#include <stdbool.h>

#include "hv/host/provider.h"

struct hvcma_connection;

/**
 * hvcma_connection_open() - @uri NULL: libvirt's default.
 *
 * Return: 0, or a negative errno with @err in words, libvirt's own where it has some: -ENOSYS
 * (built without libvirt, or its library is not here), -ECONNREFUSED.
 */
int hvcma_connection_open(const char *uri, struct hvcma_connection **out, struct hvcma_error *err);
void hvcma_connection_close(struct hvcma_connection *c);	/* NULL is allowed */

/**
 * hvcma_connection_domain() - work on the domain of this name, from here on.
 *
 * Return: 0; -ENOENT with @err.
 */
int hvcma_connection_domain(struct hvcma_connection *c, const char *name, struct hvcma_error *err);

/* All below: 0, or -EREMOTEIO with libvirt's words in @err. */

/** hvcma_connection_define() - and work on that domain. */
int hvcma_connection_define(struct hvcma_connection *c, const char *xml, struct hvcma_error *err);
int hvcma_connection_start(struct hvcma_connection *c, struct hvcma_error *err);
int hvcma_connection_runs(struct hvcma_connection *c, bool *runs, struct hvcma_error *err);
/** hvcma_connection_xml() - its definition, or as it runs; @xml is malloc'ed. */
int hvcma_connection_xml(struct hvcma_connection *c, bool live, char **xml, struct hvcma_error *err);
/** hvcma_connection_attach() - @xml: of a device, as libvirt wants it. */
int hvcma_connection_attach(struct hvcma_connection *c, const char *xml, bool live, bool config,
			    struct hvcma_error *err);
/** hvcma_connection_detach() - asks for it, the guest may take its time. */
int hvcma_connection_detach(struct hvcma_connection *c, const char *alias, bool live, bool config,
			    struct hvcma_error *err);
/** hvcma_connection_monitor() - one QMP command; @answer is malloc'ed, may say that it failed. */
int hvcma_connection_monitor(struct hvcma_connection *c, const char *command, char **answer,
			     struct hvcma_error *err);

#endif /* HVCMA_LIBVIRT_CONNECTION_H */
