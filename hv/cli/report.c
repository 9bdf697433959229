// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Layout of a region's report for people. See report.h.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/json_get.h"
#include "hv/cli/report.h"
#include "hv/cli/size_text.h"
#include "hv/cli/versions.h"

#define MAP_COLUMNS	64u
#define LIST_MAX	16u		/* lines per list; --json has them all */
#define COUNTERS_MAX	64u

static void print_title(FILE *out, const char *device, struct json_object *region)
{
	fprintf(out, "region %s (%s): %s at gpa 0x%" PRIx64 ", granule %s\n",
		json_string(region, "name"), device,
		size_text(json_number(region, "bytes")).text,
		json_number(region, "base-gpa"),
		size_text(json_number(region, "granule-bytes")).text);
}

/* What the host had for it when the region was made; where granules are now: extents. */
static void print_runs(FILE *out, struct json_object *region)
{
	uint64_t nr = json_number(region, "runs"), wanted = json_number(region, "run-wanted-bytes");

	if (!nr)
		return;			/* not asked for, or an older device */
	fprintf(out, "  contiguous %s: %" PRIu64 " run%s, the longest %s", json_string(region, "contiguous"),
		nr, nr == 1 ? "" : "s", size_text(json_number(region, "run-bytes")).text);
	if (wanted)
		fprintf(out, ", %s required", size_text(wanted).text);
	fputc('\n', out);
}

uint64_t hvcma_report_gpa(struct json_object *region, uint64_t granule)
{
	uint64_t offset = granule * json_number(region, "granule-bytes");
	struct json_object *ranges = json_member(region, "ranges");

	for (size_t i = 0; i < json_length(ranges); i++) {
		struct json_object *range = json_object_array_get_idx(ranges, i);

		if (offset < json_number(range, "bytes"))
			return json_number(range, "base-gpa") + offset;
		offset -= json_number(range, "bytes");
	}
	return json_number(region, "base-gpa") + offset;
}

static void print_ranges(FILE *out, struct json_object *region)
{
	struct json_object *ranges = json_member(region, "ranges");

	for (size_t i = 0; json_length(ranges) > 1 && i < json_length(ranges); i++) {
		struct json_object *range = json_object_array_get_idx(ranges, i);

		fprintf(out, "  range gpa 0x%09" PRIx64 "  %s\n", json_number(range, "base-gpa"),
			size_text(json_number(range, "bytes")).text);
	}
}

/* A QEMU that was started before an update, and a service that was restarted in it, or was not. */
static void print_versions(FILE *out, struct json_object *report)
{
	struct json_object *versions = json_member(report, "versions");
	bool has_service = !strcmp(json_string(json_member(report, "region"), "provider"), "service");
	struct hvcma_version_words words;

	if (json_member(report, "xen"))
		return;			/* no QEMU has made it */
	/* One that does not tell is older. */
	if (hvcma_version_is_other("this QEMU's virtio-cma", versions ? json_string(versions, "device") : "", &words))
		fprintf(out, "  VERSION: %s (it stays what it was when QEMU started)\n", words.text);
	if (has_service && versions && hvcma_version_is_other("its service", json_string(versions, "service"), &words))
		fprintf(out, "  VERSION: %s\n", words.text);
}

/* A region of Xen: what there is of it beside. The error may be the guest's words. */
static void print_xen(FILE *out, struct json_object *region, struct json_object *xen)
{
	fprintf(out, "  mode %s, domain %" PRIu64 " of Xen: backend %s, frontend %s\n", json_string(region, "mode"),
		json_number(xen, "domain"), json_string(xen, "backend"), json_string(xen, "frontend"));
	if (json_number(xen, "discovery-us"))
		fprintf(out, "  the guest found where it is in %" PRIu64 " us\n", json_number(xen, "discovery-us"));
	if (*json_string(xen, "error"))
		fprintf(out, "  ERROR: %s\n", json_string(xen, "error"));
}

static void print_setup(FILE *out, struct json_object *report)
{
	struct json_object *region = json_member(report, "region"), *xen = json_member(report, "xen");

	if (xen)
		print_xen(out, region, xen);
	else
		fprintf(out, "  mode %s%s%s, policy %s, provider %s, pin limit %s\n",
			json_string(region, "mode"),
			json_truth(region, "default") ? " (default region)" : "",
			strcmp(json_string(region, "pin"), "all") ? "" : ", pinned from the start",
			json_string(region, "policy"), json_string(region, "provider"),
			size_text(json_number(region, "pin-limit-bytes")).text);
	if (json_number(region, "low-wanted-bytes"))
		fprintf(out, "  below 4 GiB of host memory: %s of %s\n",
			size_text(json_number(region, "low-bytes")).text,
			size_text(json_number(region, "low-wanted-bytes")).text);
	print_runs(out, region);
	if (json_truth(region, "unsafe-noiommu"))
		fputs("  UNSAFE: no IOMMU, DMA addresses are host-physical\n", out);
}

/* Without one nothing of the region is in use, but for a static one. */
static void print_driver(FILE *out, struct json_object *report)
{
	static const struct {
		const char *word, *text;
	} states[] = {
		{ "none", "NONE: the guest does not use the region (is virtio_cma loaded?)" },
		{ "starting", "starting" },
		{ "running", "running" },
		{ "suspended", "suspended: the guest sleeps, and keeps what it has" },
		{ "broken", "BROKEN: it used a queue wrongly, and must reset the device" },
		{ "failed", "FAILED: it gave the device up (the guest's log says why)" },
	};
	struct json_object *driver = json_member(report, "driver");
	const char *word = json_string(driver, "state"), *text = word;

	if (!driver)
		return;			/* an older device */
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(word, states[i].word))
			text = states[i].text;
	if (!strcmp(word, "none") && !strcmp(json_string(json_member(report, "region"), "mode"), "static"))
		text = "none, and none is needed (mode static)";
	fprintf(out, "  guest driver %s%s\n", text,
		strcmp(json_string(driver, "interface"), "legacy") ? "" : " (legacy interface)");
}

enum column { PINNED, MIGRATABLE, SWAPPED, UNBACKED, ONLINE, BUSY, NR_COLUMNS };

static const char *const columns[NR_COLUMNS] = {
	"pinned", "migratable", "swapped", "unbacked", "online", "busy",
};

/* Does the report tell only a part of @what? */
static bool is_cut(struct json_object *report, const char *what)
{
	return json_truth(json_member(report, "truncated"), what);
}

/* Granules per state; online and busy ones are also counted by their state. */
static void count_granules(struct json_object *runs, uint64_t counts[NR_COLUMNS])
{
	memset(counts, 0, NR_COLUMNS * sizeof(*counts));
	for (size_t i = 0; i < json_length(runs); i++) {
		struct json_object *run = json_object_array_get_idx(runs, i);
		const char *state = json_string(run, "state");
		uint64_t nr = json_number(run, "nr");

		if (!strcmp(state, "pinned"))
			counts[PINNED] += nr;
		else if (!strcmp(state, "migratable"))
			counts[MIGRATABLE] += nr;
		else if (!strcmp(state, "swapped"))
			counts[SWAPPED] += nr;
		else if (!strcmp(state, "unbacked"))
			counts[UNBACKED] += nr;
		if (json_truth(run, "online"))
			counts[ONLINE] += nr;
		if (json_truth(run, "busy"))
			counts[BUSY] += nr;
	}
}

/* The list of granules is not whole: then the device has counted. */
static void take_counters(struct json_object *counters, uint64_t granule_bytes,
			  uint64_t counts[NR_COLUMNS])
{
	char key[32];

	for (size_t i = 0; i < NR_COLUMNS && granule_bytes; i++) {
		snprintf(key, sizeof(key), "%s-bytes", columns[i]);
		counts[i] = json_number(counters, key) / granule_bytes;
	}
}

static void print_totals(FILE *out, const uint64_t counts[NR_COLUMNS], uint64_t granule_bytes)
{
	const char *separator = "  ";

	for (size_t i = 0; i < NR_COLUMNS; i++) {
		if (!counts[i])
			continue;
		fprintf(out, "%s%s %s", separator, columns[i],
			size_text(counts[i] * granule_bytes).text);
		separator = ", ";
	}
	if (separator[0] == ',')
		fputc('\n', out);
}

/* Why the guest could not isolate what is busy. */
static void print_whys(FILE *out, struct json_object *runs, uint64_t granule_bytes)
{
	static const struct {
		const char *word, *text;
	} whys[] = {
		{ "pinned", "pinned by the guest" },
		{ "unmovable", "unmovable" },
		{ "no-room", "no room to migrate into" },
		{ "other", "other reasons" },
	};
	const char *separator = "  busy by reason: ";

	for (size_t w = 0; w < sizeof(whys) / sizeof(whys[0]); w++) {
		uint64_t nr = 0;

		for (size_t i = 0; i < json_length(runs); i++) {
			struct json_object *run = json_object_array_get_idx(runs, i);

			if (json_truth(run, "busy") && !strcmp(json_string(run, "why"), whys[w].word))
				nr += json_number(run, "nr");
		}
		if (!nr)
			continue;
		fprintf(out, "%s%s %s", separator, whys[w].text,
			size_text(nr * granule_bytes).text);
		separator = ", ";
	}
	if (separator[0] == ',')
		fputc('\n', out);
}

char hvcma_report_mark(struct json_object *run)
{
	const char *state = json_string(run, "state");

	if (json_truth(run, "busy"))
		return 'b';
	if (json_truth(run, "online"))
		return 'l';
	if (!strcmp(state, "pinned"))
		return '#';
	if (!strcmp(state, "swapped"))
		return 's';
	return !strcmp(state, "migratable") ? '+' : '.';
}

/*
 * One character per granule, or per bucket of granules when there are more of
 * them than columns. A bucket shows the rarest thing in it that matters most:
 *
 *	granules   . . . #|. . . .|+ + . .|      4 per bucket
 *	map              #       .       +
 *
 * Granules beyond a list that is cut are '?'.
 */
static void print_map(FILE *out, struct json_object *runs, uint64_t nr_granules, bool cut)
{
	static const char order[] = "?.s+l#b";
	uint64_t per_column = nr_granules / MAP_COLUMNS +
			      !!(nr_granules % MAP_COLUMNS);
	char map[MAP_COLUMNS + 1] = "";

	if (!nr_granules)
		return;
	memset(map, cut ? '?' : '.', nr_granules / per_column + !!(nr_granules % per_column));
	for (size_t i = 0; i < json_length(runs); i++) {
		struct json_object *run = json_object_array_get_idx(runs, i);
		uint64_t first = json_number(run, "first"), nr = json_number(run, "nr");
		char mark = hvcma_report_mark(run);

		if (!nr || first >= nr_granules || nr > nr_granules - first)
			continue;
		for (uint64_t c = first / per_column;
		     c <= (first + nr - 1) / per_column; c++)
			if (strchr(order, mark) > strchr(order, map[c]))
				map[c] = mark;
	}
	fprintf(out, "  map [%s]\n"
		"      # pinned, + migratable, . unbacked, l online, b busy%s%s; %" PRIu64 " granule%s each\n",
		map, strchr(map, 's') ? ", s swapped" : "",
		strchr(map, '?') ? ", ? not in the report" : "", per_column,
		per_column == 1 ? "" : "s");
}

static void print_rest(FILE *out, uint64_t nr)
{
	if (nr > LIST_MAX)
		fprintf(out, "    ... and %" PRIu64 " more\n", nr - LIST_MAX);
}

/* How many there are, whole list or not. */
static uint64_t total(struct json_object *report, const char *list)
{
	return is_cut(report, list) ? json_number(json_member(report, "counters"), list) :
				      json_length(json_member(report, list));
}

static void print_extents(FILE *out, struct json_object *report)
{
	struct json_object *extents = json_member(report, "extents");
	size_t nr = json_length(extents);
	uint64_t all = total(report, "extents");

	if (nr)
		fprintf(out, "  extents %" PRIu64 "\n", all);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *e = json_object_array_get_idx(extents, i);

		fprintf(out, "    gpa 0x%09" PRIx64 "  dma 0x%09" PRIx64 "  %s\n",
			json_number(e, "base-gpa"), json_number(e, "base-dma"),
			size_text(json_number(e, "bytes")).text);
	}
	print_rest(out, all);
}

static void print_window(FILE *out, struct json_object *window)
{
	if (json_number(window, "last"))
		fprintf(out, "  dma window 0x%" PRIx64 "..0x%" PRIx64 "\n",
			json_number(window, "first"), json_number(window, "last"));
}

static void print_attributes(FILE *out, struct json_object *attributes)
{
	uint64_t noncoherent = json_number(attributes, "noncoherent-bytes");

	if (!attributes)
		return;			/* an older device */
	fprintf(out, "  memory types: stage 2 %s (says %s), policy %s\n",
		json_string(attributes, "stage2"), json_string(attributes, "source"),
		json_string(attributes, "policy"));
	if (json_member(attributes, "effective-cached"))
		fprintf(out, "    a guest's cached mapping is %s, an uncached one %s\n",
			json_string(attributes, "effective-cached"),
			json_string(attributes, "effective-uncached"));
	if (noncoherent)
		fprintf(out, "  %s serve non-coherent DMA: QEMU does not touch them\n",
			size_text(noncoherent).text);
}

/* What the client's memory needs; nothing for one that is not plugged. */
static void print_decision(FILE *out, struct json_object *client)
{
	struct json_object *maint = json_member(client, "maintenance");

	if (!json_member(client, "reason"))
		return;
	if (json_truth(client, "refused"))
		fputs("      REFUSED", out);
	else
		fprintf(out, "      %s, mapped %s", json_string(client, "effective"),
			json_string(client, "attr"));
	for (size_t i = 0; i < json_length(maint); i++)
		fprintf(out, ", %s", json_text_of(json_object_array_get_idx(maint, i)));
	fprintf(out, ": %s\n", json_string(client, "reason"));
}

/* The identity, of a machine on which nothing can say otherwise, is no news. */
static bool is_plain(struct json_object *client)
{
	struct json_object *windows = json_member(client, "windows");
	struct json_object *first = json_object_array_get_idx(windows, 0);

	return json_length(windows) == 1 && !json_number(first, "bus-base") && !json_number(first, "base-dma") &&
	       json_number(first, "bytes") > UINT64_C(1) << 63;
}

/* A plugin that is older does not tell. */
static void print_from(FILE *out, struct json_object *client)
{
	if (*json_string(client, "windows-from"))
		fprintf(out, "      read from: %s\n", json_string(client, "windows-from"));
}

/* At which addresses on its bus a client reaches what of memory, and who says so. */
static void print_windows(FILE *out, struct json_object *client)
{
	struct json_object *windows = json_member(client, "windows");
	const char *source = json_string(client, "windows-source");

	if (!json_length(windows) || (is_plain(client) && !strcmp(source, "none")))
		return;
	if (is_plain(client)) {
		fprintf(out, "      no windows: bus addresses are DMA addresses (%s)\n", source);
		print_from(out, client);
		return;
	}
	for (size_t i = 0; i < json_length(windows); i++) {
		struct json_object *w = json_object_array_get_idx(windows, i);
		uint64_t bus = json_number(w, "bus-base"), dma = json_number(w, "base-dma");

		fprintf(out, "      window bus 0x%" PRIx64 "  dma 0x%" PRIx64 "  %s, offset %s0x%"
			PRIx64 " (%s)\n", bus, dma, size_text(json_number(w, "bytes")).text,
			bus < dma ? "-" : "+", bus < dma ? dma - bus : bus - dma, source);
	}
	print_from(out, client);
}

static void print_clients(FILE *out, struct json_object *clients)
{
	size_t nr = json_length(clients);

	if (nr)
		fprintf(out, "  clients %zu\n", nr);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *c = json_object_array_get_idx(clients, i);

		fprintf(out, "    %-10s %-8s %-14s %-8s bus master %s",
			json_string(c, "name"), json_string(c, "bus"), json_string(c, "path"),
			json_string(c, "state"), json_truth(c, "bus-master") ? "on" : "off");
		if (json_member(c, "kind") && json_string(c, "kind")[0])
			fprintf(out, ", for %s", json_string(c, "kind"));
		if (json_number(c, "reservation"))
			fprintf(out, ", reservation %" PRIu64, json_number(c, "reservation"));
		fputc('\n', out);
		print_decision(out, c);
		print_windows(out, c);
	}
	print_rest(out, nr);
}

static void print_blocks(FILE *out, struct json_object *report)
{
	struct json_object *blocks = json_member(report, "blocks");
	struct json_object *region = json_member(report, "region");
	uint64_t granule_bytes = json_number(region, "granule-bytes");
	size_t nr = json_length(blocks);
	uint64_t all = total(report, "blocks");

	if (nr)
		fprintf(out, "  blocks %" PRIu64 "\n", all);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *b = json_object_array_get_idx(blocks, i);

		fprintf(out, "    gpa 0x%09" PRIx64 "  %-8s %-10s %s\n",
			hvcma_report_gpa(region, json_number(b, "first")),
			size_text(json_number(b, "nr") * granule_bytes).text,
			json_string(b, "client"), json_string(b, "purpose"));
	}
	print_rest(out, all);
}

static void print_counter(FILE *out, const char *key, struct json_object *value)
{
	size_t bytes = strlen(key);

	if (bytes > 6 && !strcmp(key + bytes - 6, "-bytes"))
		fprintf(out, "    %-26.*s %s\n", (int)bytes - 6, key,
			size_text(json_object_get_uint64(value)).text);
	else
		fprintf(out, "    %-26s %s\n", key, json_text_of(value));
}

static bool is_zero(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_int:
		return !json_object_get_int64(value);
	case json_type_boolean:
		return !json_object_get_boolean(value);
	default:
		return !value;
	}
}

/* Reservations, if there are any beside the shared part. */
static void print_resvs(FILE *out, struct json_object *resvs)
{
	size_t nr = json_length(resvs);

	if (nr < 2)
		return;
	fprintf(out, "  reservations %zu\n", nr - 1);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *s = json_object_array_get_idx(resvs, i);
		char name[32] = "shared part";

		if (json_number(s, "reservation"))
			snprintf(name, sizeof(name), "reservation %" PRIu64,
				 json_number(s, "reservation"));
		fprintf(out, "    %-16s %-10s used %s\n", name,
			size_text(json_number(s, "bytes")).text,
			size_text(json_number(s, "used-bytes")).text);
	}
	print_rest(out, nr);
}

/*
 * Allocations by the time they took, a line for each power of two that occurs;
 * the bars are relative to the longest. The last element has what is longer than
 * the others say, be it the only one.
 */
static void print_latencies(FILE *out, struct json_object *buckets)
{
	static const char bar[] = "########################################";
	size_t nr = json_length(buckets);
	uint64_t most = 0;

	for (size_t i = 0; i < nr; i++) {
		uint64_t v = json_object_get_uint64(json_object_array_get_idx(buckets, i));

		if (v > most)
			most = v;
	}
	if (!most)
		return;
	fputs("  allocations by time\n", out);
	for (size_t i = 0; i < nr && i < 64; i++) {
		uint64_t v = json_object_get_uint64(json_object_array_get_idx(buckets, i));
		int width = (int)((double)v / (double)most * (double)(sizeof(bar) - 1));

		bool is_last = i + 1 == nr;
		uint64_t border_us = is_last ? (UINT64_C(1) << i) / 2 : UINT64_C(1) << i;

		if (v)
			fprintf(out, "    %s %8" PRIu64 " us  %10" PRIu64 "  %.*s\n",
				is_last ? ">=" : " <", border_us, v, width ? width : 1, bar);
	}
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Whatever counters there are that count something, so that a newer device needs
 * no newer program; by name, as QEMU gives them in no order.
 */
static void print_counters(FILE *out, const char *title,
			   struct json_object *counters)
{
	const char *keys[COUNTERS_MAX];
	size_t nr = 0;

	if (!counters || !json_object_is_type(counters, json_type_object))
		return;
	json_object_object_foreach(counters, key, value) {
		if (json_object_is_type(value, json_type_array) || is_zero(value))
			continue;
		if (nr < COUNTERS_MAX)
			keys[nr++] = key;
	}
	if (!nr)
		return;
	qsort(keys, nr, sizeof(*keys), compare_keys);
	fprintf(out, "  %s\n", title);
	for (size_t i = 0; i < nr; i++)
		print_counter(out, keys[i], json_member(counters, keys[i]));
}

void hvcma_report_print(FILE *out, const char *device, struct json_object *report)
{
	struct json_object *region = json_member(report, "region");
	struct json_object *runs = json_member(report, "granules");
	uint64_t granule_bytes = json_number(region, "granule-bytes");
	uint64_t counts[NR_COLUMNS];

	if (is_cut(report, "granules"))
		take_counters(json_member(report, "counters"), granule_bytes, counts);
	else
		count_granules(runs, counts);
	print_title(out, device, region);
	print_ranges(out, region);
	print_driver(out, report);
	print_versions(out, report);
	print_setup(out, report);
	print_totals(out, counts, granule_bytes);
	print_whys(out, runs, granule_bytes);
	if (granule_bytes && counts[PINNED] + counts[MIGRATABLE] + counts[ONLINE] + counts[BUSY])
		print_map(out, runs, json_number(region, "bytes") / granule_bytes,
			  is_cut(report, "granules"));
	print_extents(out, report);
	print_window(out, json_member(report, "dma-window"));
	print_attributes(out, json_member(report, "attributes"));
	print_clients(out, json_member(report, "clients"));
	print_blocks(out, report);
	print_resvs(out, json_member(report, "reservations"));
	print_counters(out, "counters", json_member(report, "counters"));
	print_counters(out, "guest", json_member(report, "guest"));
	print_latencies(out, json_member(json_member(report, "guest"), "alloc-us-log2"));
}
