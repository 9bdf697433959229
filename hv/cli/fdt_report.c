// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt check, show: what a blob says of memory and DMA, and what is wrong
 * with it. For people, and as JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fdt/bus.h"
#include "fdt/check.h"
#include "fdt/dma.h"
#include "hv/abi/virtio_cma.h"
#include "hv/cli/fdt.h"
#include "hv/cli/size_text.h"
#include "hv/cli/text.h"

#define JSON_FLAGS	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)

/* ---- check ---- */

struct check {
	struct hvcma_fdt_policy policy;
	bool json, quiet, strict, list;
	bool silent[HVCMA_FDT_NR_FINDINGS];
	unsigned int nr[HVCMA_FDT_NR_SEVERITIES];
	struct json_object *findings;
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

static int list_findings(void)
{
#define LINE(name, id, kind, severity) printf("%-20s %-10s %s\n", id, kind, hvcma_fdt_severity_name(HVCMA_FDT_##severity));
	HVCMA_FDT_FINDINGS(LINE)
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
	json_object_object_add(obj, "id", json_object_new_string(f->name));
	json_object_object_add(obj, "kind", json_object_new_string(f->kind));
	json_object_object_add(obj, "severity",
			       json_object_new_string(hvcma_fdt_severity_name(f->severity)));
	json_object_object_add(obj, "note", json_object_new_boolean(f->severity == HVCMA_FDT_NOTE));
	json_object_object_add(obj, "node", json_object_new_string(f->path));
	json_object_object_add(obj, "text", json_object_new_string(f->text));
	json_object_array_add(c->findings, obj);
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
	struct hvcma_fdt_error err;
	struct hvcma_dtb dtb;
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_check_command, argc, argv, longs, set_check, &c, &output);
	if (ret)
		return ret;
	if (c.list)
		return list_findings();
	if (optind != argc - 1 || output)
		return hvcma_usage_error("one FILE is needed, and no -o");
	if (hvcma_dtb_load(argv[optind], &dtb))
		return HVCMA_EXIT_FAILED;
	c.findings = c.json ? json_object_new_array() : NULL;
	if (hvcma_fdt_check(dtb.blob, &c.policy, take_finding, &c, &err))
		ret = hvcma_failed(err.text);
	else if (c.nr[HVCMA_FDT_FAULT] || (c.strict && c.nr[HVCMA_FDT_WARNING]))
		ret = HVCMA_EXIT_FINDINGS;
	if (c.json && ret != HVCMA_EXIT_FAILED)
		hvcma_print_json(c.findings, JSON_FLAGS);
	json_object_put(c.findings);
	hvcma_dtb_free(&dtb);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_check_command = {
	.name = "check",
	.usage = "[OPTION...] FILE",
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
		"exit status: 0 no fault, 1 no valid blob, 2 wrong usage, 4 a fault\n",
	.run = run_check,
};

/* ---- show ---- */

struct show {
	bool json;
	struct hvcma_fdt_tree tree;
	struct hvcma_fdt_dma dma;
	int reserved;
	struct json_object *memory, *pools, *buses, *clients;
};

static struct json_object *add_object(struct json_object *list, const struct show *s, int node)
{
	struct json_object *obj = json_object_new_object();
	char path[HVCMA_FDT_PATH_BYTES];

	hvcma_fdt_tree_name(&s->tree, node, path);
	json_object_object_add(obj, "node", json_object_new_string(path));
	json_object_array_add(list, obj);
	return obj;
}

static void add_number(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, json_object_new_uint64(value));
}

/* Ranges of a property, as a list; nothing if its cells can't be addresses. */
static void add_ranges(struct json_object *obj, const char *key, const struct show *s, int node,
		       const char *prop)
{
	struct hvcma_fdt_cells cells = s->tree.node[s->tree.node[node].parent].cells;
	int each = cells.address + cells.size, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&s->tree, node, prop, &len);
	struct json_object *list;

	if (!p || cells.address < 1 || cells.address > 2 || cells.size < 1 || cells.size > 2)
		return;
	list = json_object_new_array();
	json_object_object_add(obj, key, list);
	for (int i = 0; i < len / (each * HVCMA_FDT_CELL_BYTES); i++, p += each) {
		struct json_object *range = json_object_new_object();

		add_number(range, "base", hvcma_fdt_get(p, cells.address));
		add_number(range, "bytes", hvcma_fdt_get(p + cells.address, cells.size));
		json_object_array_add(list, range);
	}
}

static void add_size(struct json_object *obj, const char *prop, int cells, const struct show *s,
		     int node)
{
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&s->tree, node, prop, &len);

	if (p && cells >= 1 && cells <= 2 && len == cells * HVCMA_FDT_CELL_BYTES)
		add_number(obj, prop, hvcma_fdt_get(p, cells));
}

static void take_pool(struct show *s, int node)
{
	static const char *const flags[] = {
		"reusable", "no-map", "linux,cma-default", "linux,dma-default",
	};
	struct json_object *obj = add_object(s->pools, s, node), *list = json_object_new_array();
	const char *compatible = hvcma_fdt_tree_prop(&s->tree, node, "compatible", NULL);

	json_object_object_add(obj, "compatible", json_object_new_string(compatible ? compatible : ""));
	json_object_object_add(obj, "flags", list);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (hvcma_fdt_tree_has(&s->tree, node, flags[i]))
			json_object_array_add(list, json_object_new_string(flags[i]));
	add_ranges(obj, "ranges", s, node, "reg");
	add_size(obj, "size", s->tree.node[s->reserved].cells.size, s, node);
	add_size(obj, "alignment", s->tree.node[s->reserved].cells.address, s, node);
	add_ranges(obj, "alloc-ranges", s, node, "alloc-ranges");
}

static void take_bus(struct show *s, int node)
{
	int offset = s->tree.node[node].offset;
	int parent = s->tree.node[s->tree.node[node].parent].offset;
	int nr = hvcma_fdt_nr_dma_ranges(s->tree.fdt, offset, parent);
	struct json_object *obj = add_object(s->buses, s, node), *list = json_object_new_array();

	json_object_object_add(obj, "windows", list);
	for (int i = 0; i < nr; i++) {
		struct hvcma_window w = hvcma_fdt_dma_range(s->tree.fdt, offset, parent, i);
		struct json_object *window = json_object_new_object();

		add_number(window, "gpa", w.gpa);
		add_number(window, "dma", w.dma);
		add_number(window, "bytes", w.bytes);
		json_object_array_add(list, window);
	}
}

static void take_client(struct show *s, int node)
{
	struct json_object *obj = add_object(s->clients, s, node), *list = json_object_new_array();
	int len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&s->tree, node, "memory-region", &len);

	json_object_object_add(obj, "regions", list);
	for (int i = 0; i < len / HVCMA_FDT_CELL_BYTES; i++) {
		int pool = hvcma_fdt_tree_phandle(&s->tree, fdt32_to_cpu(p[i]));
		char path[HVCMA_FDT_PATH_BYTES] = "?";

		if (pool >= 0)
			hvcma_fdt_tree_name(&s->tree, pool, path);
		json_object_array_add(list, json_object_new_string(path));
	}
	json_object_object_add(obj, "dma-coherent",
			       json_object_new_boolean(hvcma_fdt_dma_is_coherent(&s->dma, node)));
}

static bool is_memory(const struct show *s, int node)
{
	int len;
	const char *type = hvcma_fdt_tree_prop(&s->tree, node, "device_type", &len);

	return s->tree.node[node].parent == 0 && type && len == sizeof("memory") &&
	       !memcmp(type, "memory", sizeof("memory"));
}

static void take_nodes(struct show *s)
{
	for (int node = 1; node < s->tree.nr; node++) {
		if (is_memory(s, node))
			add_ranges(add_object(s->memory, s, node), "ranges", s, node, "reg");
		if (s->reserved >= 0 && s->tree.node[node].parent == s->reserved)
			take_pool(s, node);
		if (hvcma_fdt_tree_has(&s->tree, node, "dma-ranges"))
			take_bus(s, node);
		if (hvcma_fdt_tree_has(&s->tree, node, "memory-region"))
			take_client(s, node);
	}
}

/* ---- the table ---- */

static struct json_object *member(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(obj, key, &value);
	return value;
}

static size_t length(struct json_object *list)
{
	return list ? json_object_array_length(list) : 0;
}

static uint64_t number(struct json_object *obj, const char *key)
{
	return json_object_get_uint64(member(obj, key));
}

static void print_ranges(struct json_object *ranges)
{
	for (size_t i = 0; i < length(ranges); i++) {
		struct json_object *r = json_object_array_get_idx(ranges, i);

		if (i == 8 && length(ranges) > 9) {
			printf("    ... %zu more (--json has them)\n", length(ranges) - i);
			break;
		}
		printf("    0x%09" PRIx64 "  %s\n", number(r, "base"), size_text(number(r, "bytes")).text);
	}
}

static void print_memory(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);

		printf("memory %s\n", json_object_get_string(member(obj, "node")));
		print_ranges(member(obj, "ranges"));
	}
}

static void print_pools(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);
		struct json_object *flags = member(obj, "flags");

		printf("reserved %s: %s", json_object_get_string(member(obj, "node")),
		       json_object_get_string(member(obj, "compatible")));
		for (size_t k = 0; k < length(flags); k++)
			printf(" %s", json_object_get_string(json_object_array_get_idx(flags, k)));
		putchar('\n');
		print_ranges(member(obj, "ranges"));
		if (member(obj, "size"))
			printf("    anywhere     %s, aligned to %s\n", size_text(number(obj, "size")).text,
			       size_text(number(obj, "alignment")).text);
	}
}

static void print_buses(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);
		struct json_object *windows = member(obj, "windows");

		printf("bus %s%s\n", json_object_get_string(member(obj, "node")),
		       length(windows) ? "" : ": 1:1");
		for (size_t k = 0; k < length(windows); k++) {
			struct json_object *w = json_object_array_get_idx(windows, k);

			if (k == 16 && length(windows) > 17) {
				printf("    ... %zu more (--json has them)\n", length(windows) - k);
				break;
			}
			printf("    gpa 0x%09" PRIx64 "  dma 0x%09" PRIx64 "  %s\n", number(w, "gpa"),
			       number(w, "dma"), size_text(number(w, "bytes")).text);
		}
	}
}

static void print_clients(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);
		struct json_object *regions = member(obj, "regions");

		printf("client %s: %s,", json_object_get_string(member(obj, "node")),
		       json_object_get_boolean(member(obj, "dma-coherent")) ? "coherent" : "not coherent");
		for (size_t k = 0; k < length(regions); k++)
			printf(" %s", json_object_get_string(json_object_array_get_idx(regions, k)));
		putchar('\n');
	}
}

static void print_table(struct json_object *all)
{
	struct json_object *printable = hvcma_json_printable(all);

	print_memory(member(printable, "memory"));
	print_pools(member(printable, "reserved"));
	print_buses(member(printable, "buses"));
	print_clients(member(printable, "clients"));
	json_object_put(printable);
}

static int set_show(void *opaque, int c, char *arg)
{
	struct show *s = opaque;

	(void)c;
	(void)arg;
	s->json = true;
	return 0;
}

static int run_show(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *output = NULL;
	struct hvcma_fdt_error err;
	struct json_object *all;
	struct hvcma_dtb dtb;
	struct show s = { 0 };
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_show_command, argc, argv, longs, set_show, &s, &output);
	if (ret)
		return ret;
	if (optind != argc - 1 || output)
		return hvcma_usage_error("one FILE is needed, and no -o");
	if (hvcma_dtb_load(argv[optind], &dtb))
		return HVCMA_EXIT_FAILED;
	if (hvcma_fdt_tree_init(&s.tree, dtb.blob, &err)) {
		ret = hvcma_failed(err.text);
		goto out_dtb;
	}
	if (hvcma_fdt_dma_init(&s.dma, &s.tree, &err)) {
		ret = hvcma_failed(err.text);
		goto out_tree;
	}
	s.reserved = hvcma_fdt_tree_path(&s.tree, "/reserved-memory");
	all = json_object_new_object();
	json_object_object_add(all, "memory", s.memory = json_object_new_array());
	json_object_object_add(all, "reserved", s.pools = json_object_new_array());
	json_object_object_add(all, "buses", s.buses = json_object_new_array());
	json_object_object_add(all, "clients", s.clients = json_object_new_array());
	take_nodes(&s);
	if (s.json)
		hvcma_print_json(all, JSON_FLAGS);
	else
		print_table(all);
	json_object_put(all);
	hvcma_fdt_dma_fini(&s.dma);
out_tree:
	hvcma_fdt_tree_fini(&s.tree);
out_dtb:
	hvcma_dtb_free(&dtb);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_show_command = {
	.name = "show",
	.usage = "[--json] FILE",
	.help = "shows memory, pools, windows and clients\n"
		"\n"
		"  --json               as JSON\n",
	.run = run_show,
};
