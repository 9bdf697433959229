/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain of libvirt and its monitor, for the subcommands of hvcma domain that ask libvirt.
 */
#ifndef HVCMA_CLI_DOMAIN_LIVE_H
#define HVCMA_CLI_DOMAIN_LIVE_H

#include "hv/cli/domain.h"
#include "hv/cli/qmp.h"
#include "hv/libvirt/connection.h"

struct hvcma_live {
	struct hvcma_connection *connection;
	struct hvcma_qmp *qmp;		/* its monitor, by libvirt */
	bool runs;
};

/**
 * hvcma_live_open() - @name NULL: a connection without a domain.
 *
 * Return: 0, ended with hvcma_live_close(); else an exit value after saying why.
 */
int hvcma_live_open(const char *uri, const char *name, struct hvcma_live *l);
void hvcma_live_close(struct hvcma_live *l);

/**
 * hvcma_live_text() - the domain's XML.
 * Return: 0, or an exit value after saying why.
 */
int hvcma_live_text(struct hvcma_live *l, bool live, struct hvcma_domain_text *t);

/**
 * hvcma_live_redefine() - define the domain as @t, with its regions applied.
 * @with_host: what the host lacks is an error, too
 *
 * Return: 0, or an exit value after saying why; the domain is what it was then.
 */
int hvcma_live_redefine(struct hvcma_live *l, const struct hvcma_domain_text *t, bool with_host,
			const struct hvcma_domain_request *r);

#endif /* HVCMA_CLI_DOMAIN_LIVE_H */
