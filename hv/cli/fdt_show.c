// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt show: what a blob says of memory and DMA. For people, and as JSON.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fdt/bus.h"
#include "fdt/dma.h"
#include "hv/cli/fdt.h"
#include "hv/cli/size_text.h"
#include "hv/cli/text.h"

#define JSON_FLAGS	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)

struct show {
	bool json;
	struct hvcma_fdt_tree tree;
	struct hvcma_fdt_dma dma;
	int reserved;
	bool is_overlay;	/* phandles may be of nodes in the tree it is for */
	struct json_object *memory, *pools, *buses, *clients;
};

/* What is there and can't be read is said, not left out. */
static void malformed(struct json_object *obj, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void malformed(struct json_object *obj, const char *fmt, ...)
{
	struct json_object *list = NULL;
	char text[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!json_object_object_get_ex(obj, "malformed", &list)) {
		list = json_object_new_array();
		json_object_object_add(obj, "malformed", list);
	}
	json_object_array_add(list, json_object_new_string(text));
}

/* The strings of a property, as a list. */
static void add_strings(struct json_object *obj, const char *key, const struct show *s, int node)
{
	int offset = s->tree.node[node].offset, nr = fdt_stringlist_count(s->tree.fdt, offset, key), len;
	struct json_object *list = json_object_new_array();

	json_object_object_add(obj, key, list);
	if (nr < 0 && hvcma_fdt_tree_prop(&s->tree, node, key, &len))
		malformed(obj, "%s has %d bytes that do not end a string", key, len);
	for (int i = 0; i < nr; i++)
		json_object_array_add(list, json_object_new_string(
			fdt_stringlist_get(s->tree.fdt, offset, key, i, NULL)));
}

static void add_status(struct json_object *obj, const struct show *s, int node)
{
	int len;
	const char *status = hvcma_fdt_tree_prop(&s->tree, node, "status", &len);

	if (status && (!len || status[len - 1] || strlen(status) != (size_t)len - 1))
		malformed(obj, "status has %d bytes that are no string", len);
	else if (status)
		json_object_object_add(obj, "status", json_object_new_string(status));
	json_object_object_add(obj, "enabled", json_object_new_boolean(s->tree.node[node].is_available));
}

static struct json_object *add_object(struct json_object *list, const struct show *s, int node)
{
	struct json_object *obj = json_object_new_object();
	char path[HVCMA_FDT_PATH_BYTES];

	hvcma_fdt_tree_name(&s->tree, node, path);
	json_object_object_add(obj, "node", json_object_new_string(path));
	add_status(obj, s, node);
	json_object_array_add(list, obj);
	return obj;
}

static void add_number(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, json_object_new_uint64(value));
}

/* Ranges of a property, as a list. */
static void add_ranges(struct json_object *obj, const char *key, const struct show *s, int node,
		       const char *prop)
{
	struct hvcma_fdt_cells cells = s->tree.node[s->tree.node[node].parent].cells;
	int each = cells.address + cells.size, len;
	const fdt32_t *p = hvcma_fdt_tree_prop(&s->tree, node, prop, &len);
	struct json_object *list;

	if (!p)
		return;
	if (cells.address < 1 || cells.address > 2 || cells.size < 1 || cells.size > 2) {
		malformed(obj, "%s: the parent has %d address and %d size cells, not 1 or 2", prop,
			  cells.address, cells.size);
		return;
	}
	if (!len || len % (each * HVCMA_FDT_CELL_BYTES))
		malformed(obj, "%s has %d bytes: a range has %d", prop, len, each * HVCMA_FDT_CELL_BYTES);
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
	else if (p)
		malformed(obj, "%s has %d bytes, not %d cells", prop, len, cells);
}

static void take_pool(struct show *s, int node)
{
	static const char *const flags[] = {
		"reusable", "no-map", "linux,cma-default", "linux,dma-default",
	};
	struct json_object *obj = add_object(s->pools, s, node), *list = json_object_new_array();

	add_strings(obj, "compatible", s, node);
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
	int offset = s->tree.node[node].offset, len;
	int parent = node ? s->tree.node[s->tree.node[node].parent].offset : 0;
	int nr = node ? hvcma_fdt_nr_dma_ranges(s->tree.fdt, offset, parent) : -FDT_ERR_BADNCELLS;
	struct json_object *obj = add_object(s->buses, s, node), *list = json_object_new_array();

	json_object_object_add(obj, "windows", list);
	if (nr == -FDT_ERR_BADNCELLS)
		malformed(obj, "dma-ranges: cells of the bus or of its parent make no addresses");
	else if (nr < 0 && hvcma_fdt_tree_prop(&s->tree, node, "dma-ranges", &len))
		malformed(obj, "dma-ranges has %d bytes: no whole number of windows", len);
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
	if (!len || len % HVCMA_FDT_CELL_BYTES)
		malformed(obj, "memory-region has %d bytes: a phandle has %d", len, HVCMA_FDT_CELL_BYTES);
	for (int i = 0; i < len / HVCMA_FDT_CELL_BYTES; i++) {
		int pool = hvcma_fdt_tree_phandle(&s->tree, fdt32_to_cpu(p[i]));
		char path[HVCMA_FDT_PATH_BYTES] = "?";

		if (pool >= 0)
			hvcma_fdt_tree_name(&s->tree, pool, path);
		else if (!s->is_overlay)
			malformed(obj, "memory-region: no node has phandle 0x%x", fdt32_to_cpu(p[i]));
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
		if (s->tree.node[node].is_meta)
			continue;
		if (is_memory(s, node))
			add_ranges(add_object(s->memory, s, node), "ranges", s, node,
				   hvcma_fdt_tree_has(&s->tree, node, "linux,usable-memory") ?
				   "linux,usable-memory" : "reg");
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

/* After what is on one line: whether it is there at all, and what can't be read. */
static void print_state(struct json_object *obj)
{
	struct json_object *list = member(obj, "malformed");

	if (!json_object_get_boolean(member(obj, "enabled"))) {
		const char *status = json_object_get_string(member(obj, "status"));

		printf(" (%s)", status && strcmp(status, "okay") && strcmp(status, "ok") ? status :
			"below a disabled node");
	}
	putchar('\n');
	for (size_t i = 0; i < length(list); i++)
		printf("    malformed: %s\n", json_object_get_string(json_object_array_get_idx(list, i)));
}

static void print_words(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++)
		printf(" %s", json_object_get_string(json_object_array_get_idx(list, i)));
}

static void print_memory(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);

		printf("memory %s", json_object_get_string(member(obj, "node")));
		print_state(obj);
		print_ranges(member(obj, "ranges"));
	}
}

static void print_placed(struct json_object *obj)
{
	struct json_object *ranges = member(obj, "alloc-ranges");

	printf("    %-11s  %s", length(ranges) ? "somewhere" : "anywhere",
	       size_text(number(obj, "size")).text);
	if (member(obj, "alignment"))
		printf(", aligned to %s", size_text(number(obj, "alignment")).text);
	puts(length(ranges) ? ", in" : "");
	print_ranges(ranges);
}

static void print_pools(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);

		printf("reserved %s:", json_object_get_string(member(obj, "node")));
		print_words(member(obj, "compatible"));
		print_words(member(obj, "flags"));
		print_state(obj);
		print_ranges(member(obj, "ranges"));
		if (member(obj, "size"))
			print_placed(obj);
	}
}

static void print_buses(struct json_object *list)
{
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);
		struct json_object *windows = member(obj, "windows");

		printf("bus %s%s", json_object_get_string(member(obj, "node")),
		       length(windows) || member(obj, "malformed") ? "" : ": 1:1");
		print_state(obj);
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

		printf("client %s: %s,", json_object_get_string(member(obj, "node")),
		       json_object_get_boolean(member(obj, "dma-coherent")) ? "coherent" : "not coherent");
		print_words(member(obj, "regions"));
		print_state(obj);
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
	s.is_overlay = hvcma_fdt_is_overlay(dtb.blob);
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
		"  --json               as JSON\n"
		"\n"
		"Disabled nodes are marked with their status; what can't be read is called malformed.\n",
	.run = run_show,
};
