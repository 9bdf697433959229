// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma domain define, start, status: domains of libvirt, by its library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/domain_live.h"
#include "hv/cli/status.h"
#include "hv/libvirt/domain.h"

static int carry(void *opaque, const char *command, char **answer, struct hvcma_error *err)
{
	return hvcma_connection_monitor(opaque, command, answer, err);
}

int hvcma_live_open(const char *uri, const char *name, struct hvcma_live *l)
{
	struct hvcma_error err;
	int ret;

	*l = (struct hvcma_live){ 0 };
	ret = hvcma_connection_open(uri, &l->connection, &err);
	if (!ret && name)
		ret = hvcma_connection_domain(l->connection, name, &err);
	if (!ret && name)
		ret = hvcma_connection_runs(l->connection, &l->runs, &err);
	if (!ret)
		ret = hvcma_qmp_carried(carry, l->connection, &l->qmp, &err);
	if (!ret)
		return 0;
	hvcma_live_close(l);
	hvcma_failed(err.text);
	return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_FAILED;
}

void hvcma_live_close(struct hvcma_live *l)
{
	hvcma_qmp_close(l->qmp);
	hvcma_connection_close(l->connection);
}

int hvcma_live_text(struct hvcma_live *l, bool live, struct hvcma_domain_text *t)
{
	struct hvcma_error err;

	*t = (struct hvcma_domain_text){ 0 };
	if (hvcma_connection_xml(l->connection, live, &t->text, &err))
		return hvcma_failed(err.text);
	t->bytes = strlen(t->text);
	t->name = hvcma_text("%s", live ? "domain as it runs" : "definition");
	return 0;
}

int hvcma_live_redefine(struct hvcma_live *l, const struct hvcma_domain_text *t, bool with_host,
			const struct hvcma_domain_request *r)
{
	struct hvcma_error err;
	char *changed;
	int ret = hvcma_domain_change(t, HVCMA_DOMAIN_APPLY, with_host, r, &changed);

	if (ret)
		return ret;
	if (strcmp(changed, t->text) && hvcma_connection_define(l->connection, changed, &err))
		ret = hvcma_failed(err.text);
	free(changed);
	return ret;
}

/* ---- define ---- */

static int run_define(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_domain_text t;
	struct hvcma_error err;
	struct hvcma_live l;
	char *changed;
	int ret = hvcma_domain_options(&hvcma_domain_define_command, argc, argv, "cnh", 1, &r);

	if (!ret)
		ret = hvcma_domain_load(argv[optind], &t);
	if (ret)
		return ret;
	ret = hvcma_domain_change(&t, HVCMA_DOMAIN_APPLY, !r.no_host, &r, &changed);
	if (!ret) {
		ret = hvcma_live_open(r.connect, NULL, &l);
		if (!ret) {
			if (hvcma_connection_define(l.connection, changed, &err))
				ret = hvcma_failed(err.text);
			hvcma_live_close(&l);
		}
		free(changed);
	}
	hvcma_domain_text_free(&t);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_define_command = {
	.name = "define",
	.usage = "[OPTION...] FILE",
	.help = "check, apply, and define the domain at libvirt\n"
		"With faults libvirt is not asked.\n",
	.run = run_define,
};

/* ---- start ---- */

static int start(struct hvcma_live *l, const char *name, const struct hvcma_domain_request *r)
{
	struct hvcma_domain_text t;
	struct hvcma_error err;
	int ret;

	if (l->runs) {
		hvcma_error_set(&err, "domain '%s' is already running", name);
		return hvcma_failed(err.text);
	}
	ret = hvcma_live_text(l, false, &t);
	if (ret)
		return ret;
	ret = hvcma_live_redefine(l, &t, !r->no_host, r);
	hvcma_domain_text_free(&t);
	if (!ret && hvcma_connection_start(l->connection, &err))
		ret = hvcma_failed(err.text);
	return ret;
}

static int run_start(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_live l;
	int ret = hvcma_domain_options(&hvcma_domain_start_command, argc, argv, "cnh", 1, &r);

	if (!ret)
		ret = hvcma_live_open(r.connect, argv[optind], &l);
	if (ret)
		return ret;
	ret = start(&l, argv[optind], &r);
	hvcma_live_close(&l);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_start_command = {
	.name = "start",
	.usage = "[OPTION...] DOMAIN",
	.help = "check, apply what has been declared since, and start the domain\n",
	.run = run_start,
};

/* ---- status ---- */

static int run_status(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_error err;
	struct hvcma_live l;
	char *id = NULL;
	int ret = hvcma_domain_options(&hvcma_domain_status_command, argc, argv, "cdj", 1, &r);

	if (!ret)
		ret = hvcma_live_open(r.connect, argv[optind], &l);
	if (ret)
		return ret;
	if (r.device)
		id = hvcma_text(HVCMA_ALIAS_PREFIX "%s", r.device);
	if (l.runs) {
		ret = hvcma_status_of(l.qmp, id, r.field, r.json);
	} else {
		hvcma_error_set(&err, "domain '%s' is not running", argv[optind]);
		ret = hvcma_failed(err.text);
	}
	free(id);
	hvcma_live_close(&l);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_status_command = {
	.name = "status",
	.usage = "[OPTION...] DOMAIN",
	.help = "show what the regions of a running domain have\n"
		"As hvcma status does, by libvirt's own connection to QEMU.\n",
	.run = run_status,
};
