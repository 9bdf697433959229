// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma domain hook: what libvirt's hook for QEMU runs, see packaging/libvirt-hook. Files of
 * regions are made before a domain starts and removed when it has ended. Never asks libvirt,
 * which waits for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/domain.h"
#include "hv/libvirt/check.h"
#include "hv/libvirt/files.h"

/* The first error; virsh shows it. */
static int refuse(const char *name, const struct hvcma_findings *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		char *text;
		int ret;

		if (f->list[i].severity != HVCMA_ERROR)
			continue;
		text = hvcma_text("domain '%s': %s (%s)", name, f->list[i].text, f->list[i].fix);
		ret = hvcma_failed(text);
		free(text);
		return ret;
	}
	return HVCMA_EXIT_OK;
}

static int prepare(const char *name, const struct hvcma_domain_request *r)
{
	struct hvcma_domain_text t;
	struct hvcma_findings f = { 0 };
	struct hvcma_domain d = { 0 };
	struct hvcma_error err;
	xmlDocPtr doc;
	int ret = hvcma_domain_load("-", &t);

	if (ret)
		return ret;
	doc = hvcma_xml_parse(t.text, t.bytes, &f);
	if (doc) {
		hvcma_domain_read(doc, &d, &f);
		hvcma_check_domain(&d, &f);
	}
	ret = refuse(name, &f);
	if (!ret && d.declared.nr && strcmp(d.name, name)) {
		hvcma_error_set(&err, "the XML is of domain '%s', not of '%s'", d.name, name);
		ret = hvcma_failed(err.text);
	} else if (!ret && d.declared.nr && hvcma_files_make(&d, r->mounts, &err)) {
		ret = hvcma_failed(err.text);
	}
	hvcma_domain_free(&d);
	xmlFreeDoc(doc);
	hvcma_findings_free(&f);
	hvcma_domain_text_free(&t);
	return ret;
}

static int run_hook(int argc, char **argv)
{
	struct hvcma_domain_request r;
	const char *name, *operation;
	int ret = hvcma_domain_options(&hvcma_domain_hook_command, argc, argv, "h", 4, &r);

	if (ret)
		return ret;
	name = argv[optind];
	operation = argv[optind + 1];
	if (!strcmp(operation, "prepare"))
		return prepare(name, &r);
	if (!strcmp(operation, "release"))
		hvcma_files_remove(name, r.mounts);
	return HVCMA_EXIT_OK;
}

const struct hvcma_domain_command hvcma_domain_hook_command = {
	.name = "hook",
	.usage = "[OPTION...] DOMAIN OPERATION SUBOPERATION EXTRA",
	.help = "what libvirt's hook for QEMU runs, with the domain on the standard input\n"
		"prepare makes the files of its regions, or refuses; release removes them; all other\n"
		"operations succeed.\n",
	.run = run_hook,
};
