// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt check: what is wrong with memory and DMA in blobs. For people, and as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fdt/check.h"
#include "hv/abi/virtio_cma.h"
#include "hv/cli/fdt.h"
#include "hv/cli/text.h"

#define JSON_FLAGS	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)

struct check {
	struct hvcma_fdt_policy policy;
	bool json, quiet, strict, list;
	bool silent[HVCMA_FDT_NR_FINDINGS];
	unsigned int nr[HVCMA_FDT_NR_SEVERITIES];
	struct json_object *findings;
	const char *file;		/* that is judged, if there are several; or NULL */
};

static int set_stage2(struct check *c, const char *arg)
{
	static const struct { const char *name; uint32_t value; } names[] = {
		{ "unknown", VIRTIO_CMA_STAGE2_UNKNOWN }, { "none", VIRTIO_CMA_STAGE2_NONE },
		{ "no-fwb", VIRTIO_CMA_STAGE2_NO_FWB }, { "fwb", VIRTIO_CMA_STAGE2_FWB },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(arg, names[i].name)) {
			c->policy.stage2 = names[i].value;
			return 0;
		}
	}
	return hvcma_usage_error("--stage2 is unknown, none, no-fwb or fwb, not '%s'", arg);
}

static int set_unit(const char *option, const char *arg, uint64_t *value)
{
	if (hvcma_fdt_number(arg, value) && *value && !(*value & (*value - 1)))
		return 0;
	return hvcma_usage_error("--%s: '%s' is no power of two", option, arg);
}

/* A list of ids, with commas between. */
static int set_silent(struct check *c, char *arg)
{
	for (char *id = strtok(arg, ","); id; id = strtok(NULL, ",")) {
		int i = hvcma_fdt_finding_find(id);

		if (i < 0)
			return hvcma_usage_error("--silence: no finding is called '%s' (--list names all)", id);
		c->silent[i] = true;
	}
	return 0;
}

#define LISTED(name, id, kind, severity) { id, kind, HVCMA_FDT_##severity },
static int list_findings(void)
{
	static const struct { const char *id, *kind; enum hvcma_fdt_severity severity; } all[] = {
		HVCMA_FDT_FINDINGS(LISTED)
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		printf("%-20s %-10s %s\n", all[i].id, all[i].kind, hvcma_fdt_severity_name(all[i].severity));
	return HVCMA_EXIT_OK;
}

static int set_check(void *opaque, int c, char *arg)
{
	struct check *check = opaque;

	switch (c) {
	case 'p':
		return set_unit("pageblock", arg, &check->policy.pageblock_bytes);
	case 'g':
		return set_unit("granule", arg, &check->policy.granule_bytes);
	case 's':
		return set_stage2(check, arg);
	case 'S':
		return set_silent(check, arg);
	case 'q':
		check->quiet = true;
		return 0;
	case 't':
		check->strict = true;
		return 0;
	case 'l':
		check->list = true;
		return 0;
	default:
		check->json = true;
		return 0;
	}
}

static void take_finding(void *opaque, const struct hvcma_fdt_finding *f)
{
	struct check *c = opaque;
	struct json_object *obj;

	if (c->silent[f->id])
		return;
	c->nr[f->severity]++;
	if (f->severity == HVCMA_FDT_NOTE && c->quiet)
		return;
	if (!c->json) {
		if (c->file) {
			hvcma_put_printable(stdout, c->file);
			fputs(": ", stdout);
		}
		if (f->severity != HVCMA_FDT_FAULT)
			printf("%s: ", hvcma_fdt_severity_name(f->severity));
		printf("%s: ", f->kind);
		hvcma_put_printable(stdout, f->path);
		fputs(": ", stdout);
		hvcma_put_printable(stdout, f->text);
		printf(" [%s]\n", f->name);
		return;
	}
	obj = json_object_new_object();
	if (c->file)
		json_object_object_add(obj, "file", json_object_new_string(c->file));
	json_object_object_add(obj, "id", json_object_new_string(f->name));
	json_object_object_add(obj, "kind", json_object_new_string(f->kind));
	json_object_object_add(obj, "severity",
			       json_object_new_string(hvcma_fdt_severity_name(f->severity)));
	json_object_object_add(obj, "note", json_object_new_boolean(f->severity == HVCMA_FDT_NOTE));
	json_object_object_add(obj, "node", json_object_new_string(f->path));
	json_object_object_add(obj, "text", json_object_new_string(f->text));
	json_object_array_add(c->findings, obj);
}

/* One of the files. */
static int judge(struct check *c, const char *path)
{
	struct hvcma_fdt_error err, named;
	struct hvcma_dtb dtb;
	int ret = HVCMA_EXIT_OK;

	if (hvcma_dtb_load(path, &dtb))
		return HVCMA_EXIT_FAILED;
	if (hvcma_fdt_check(dtb.blob, &c->policy, take_finding, c, &err)) {
		hvcma_fdt_fail(&named, 0, "%.200s: %.400s", path, err.text);
		ret = hvcma_failed(named.text);
	}
	hvcma_dtb_free(&dtb);
	return ret;
}

static int run_check(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "pageblock", required_argument, NULL, 'p' },
		{ "granule", required_argument, NULL, 'g' },
		{ "stage2", required_argument, NULL, 's' },
		{ "silence", required_argument, NULL, 'S' },
		{ "strict", no_argument, NULL, 't' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "list", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct check c = { .policy.stage2 = VIRTIO_CMA_STAGE2_UNKNOWN };
	const char *output = NULL;
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_check_command, argc, argv, longs, set_check, &c, &output);
	if (ret)
		return ret;
	if (c.list)
		return list_findings();
	if (optind == argc || output)
		return hvcma_usage_error("a FILE is needed, and no -o");
	c.findings = c.json ? json_object_new_array() : NULL;
	for (int i = optind; i < argc; i++) {
		c.file = optind < argc - 1 ? argv[i] : NULL;
		if (judge(&c, argv[i]))
			ret = HVCMA_EXIT_FAILED;
	}
	if (!ret && (c.nr[HVCMA_FDT_FAULT] || (c.strict && c.nr[HVCMA_FDT_WARNING])))
		ret = HVCMA_EXIT_FINDINGS;
	if (c.json && (ret != HVCMA_EXIT_FAILED || c.file))
		hvcma_print_json(c.findings, JSON_FLAGS);
	json_object_put(c.findings);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_check_command = {
	.name = "check",
	.usage = "[OPTION...] FILE...",
	.help = "finds what is wrong with memory and DMA, one line each\n"
		"\n"
		"  --pageblock SIZE     unit of the guest kernel's CMA (default 2M; 4M up to Linux\n"
		"                       5.18, 512M with pages of 64K)\n"
		"  --granule SIZE       unit of the host's memory (default: as the tree says)\n"
		"  --stage2 KIND        what the host does to memory attributes: none, no-fwb, fwb, or\n"
		"                       unknown (default): those of clients are not judged\n"
		"  --strict             warnings count, too\n"
		"  --silence ID[,ID...] as if these were not found; may be repeated\n"
		"  --quiet              no notes\n"
		"  --json               as a list of objects: id, kind, severity, note, node, text\n"
		"  --list               all ids, with kind and severity\n"
		"\n"
		"A line has kind, node, text and [id]; notes and warnings say so in front.\n"
		"Of several FILEs each line has its FILE first (JSON: file), and all that can be are judged.\n"
		"exit status: 0 no fault, 1 one is no valid blob, 2 wrong usage, 4 a fault\n",
	.run = run_check,
};

