// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Layout of a region's report for people. See report.h.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/report.h"
#include "hv/cli/size_text.h"

#define MAP_COLUMNS	64u
#define LIST_MAX	16u		/* lines per list; --json has them all */
#define COUNTERS_MAX	64u

static struct json_object *member(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	if (obj && json_object_is_type(obj, json_type_object))
		json_object_object_get_ex(obj, key, &value);
	return value;
}

static uint64_t number(struct json_object *obj, const char *key)
{
	return json_object_get_uint64(member(obj, key));
}

static bool truth(struct json_object *obj, const char *key)
{
	return json_object_get_boolean(member(obj, key));
}

static const char *text_of(struct json_object *value)
{
	return value ? json_object_get_string(value) : "?";
}

static const char *string(struct json_object *obj, const char *key)
{
	return text_of(member(obj, key));
}

static size_t length(struct json_object *list)
{
	return list && json_object_is_type(list, json_type_array) ?
		json_object_array_length(list) : 0;
}

static void print_title(FILE *out, const char *device, struct json_object *region)
{
	fprintf(out, "region %s (%s): %s at gpa 0x%" PRIx64 ", granule %s\n",
		string(region, "name"), device,
		size_text(number(region, "bytes")).text,
		number(region, "base-gpa"),
		size_text(number(region, "granule-bytes")).text);
}

/* What the host had for it when the region was made; where granules are now: extents. */
static void print_runs(FILE *out, struct json_object *region)
{
	uint64_t nr = number(region, "runs"), wanted = number(region, "run-wanted-bytes");

	if (!nr)
		return;			/* not asked for, or an older device */
	fprintf(out, "  contiguous %s: %" PRIu64 " run%s, the longest %s", string(region, "contiguous"),
		nr, nr == 1 ? "" : "s", size_text(number(region, "run-bytes")).text);
	if (wanted)
		fprintf(out, ", %s required", size_text(wanted).text);
	fputc('\n', out);
}

/* Guest-physical address of a granule; of a device that tells no ranges, there is one. */
static uint64_t gpa_of(struct json_object *region, uint64_t granule)
{
	uint64_t offset = granule * number(region, "granule-bytes");
	struct json_object *ranges = member(region, "ranges");

	for (size_t i = 0; i < length(ranges); i++) {
		struct json_object *range = json_object_array_get_idx(ranges, i);

		if (offset < number(range, "bytes"))
			return number(range, "base-gpa") + offset;
		offset -= number(range, "bytes");
	}
	return number(region, "base-gpa") + offset;
}

static void print_ranges(FILE *out, struct json_object *region)
{
	struct json_object *ranges = member(region, "ranges");

	for (size_t i = 0; length(ranges) > 1 && i < length(ranges); i++) {
		struct json_object *range = json_object_array_get_idx(ranges, i);

		fprintf(out, "  range gpa 0x%09" PRIx64 "  %s\n", number(range, "base-gpa"),
			size_text(number(range, "bytes")).text);
	}
}

static void print_setup(FILE *out, struct json_object *region)
{
	fprintf(out, "  mode %s%s%s, policy %s, provider %s, pin limit %s\n",
		string(region, "mode"),
		truth(region, "default") ? " (default region)" : "",
		strcmp(string(region, "pin"), "all") ? "" : ", pinned from the start",
		string(region, "policy"), string(region, "provider"),
		size_text(number(region, "pin-limit-bytes")).text);
	if (number(region, "low-wanted-bytes"))
		fprintf(out, "  below 4 GiB of host memory: %s of %s\n",
			size_text(number(region, "low-bytes")).text,
			size_text(number(region, "low-wanted-bytes")).text);
	print_runs(out, region);
	if (truth(region, "unsafe-noiommu"))
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
	struct json_object *driver = member(report, "driver");
	const char *word = string(driver, "state"), *text = word;

	if (!driver)
		return;			/* an older device */
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(word, states[i].word))
			text = states[i].text;
	if (!strcmp(word, "none") && !strcmp(string(member(report, "region"), "mode"), "static"))
		text = "none, and none is needed (mode static)";
	fprintf(out, "  guest driver %s%s\n", text,
		strcmp(string(driver, "interface"), "legacy") ? "" : " (legacy interface)");
}

enum column { PINNED, MIGRATABLE, SWAPPED, UNBACKED, ONLINE, BUSY, NR_COLUMNS };

static const char *const columns[NR_COLUMNS] = {
	"pinned", "migratable", "swapped", "unbacked", "online", "busy",
};

/* Does the report tell only a part of @what? */
static bool is_cut(struct json_object *report, const char *what)
{
	return truth(member(report, "truncated"), what);
}

/* Granules per state; online and busy ones are also counted by their state. */
static void count_granules(struct json_object *runs, uint64_t counts[NR_COLUMNS])
{
	memset(counts, 0, NR_COLUMNS * sizeof(*counts));
	for (size_t i = 0; i < length(runs); i++) {
		struct json_object *run = json_object_array_get_idx(runs, i);
		const char *state = string(run, "state");
		uint64_t nr = number(run, "nr");

		if (!strcmp(state, "pinned"))
			counts[PINNED] += nr;
		else if (!strcmp(state, "migratable"))
			counts[MIGRATABLE] += nr;
		else if (!strcmp(state, "swapped"))
			counts[SWAPPED] += nr;
		else if (!strcmp(state, "unbacked"))
			counts[UNBACKED] += nr;
		if (truth(run, "online"))
			counts[ONLINE] += nr;
		if (truth(run, "busy"))
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
		counts[i] = number(counters, key) / granule_bytes;
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

		for (size_t i = 0; i < length(runs); i++) {
			struct json_object *run = json_object_array_get_idx(runs, i);

			if (truth(run, "busy") && !strcmp(string(run, "why"), whys[w].word))
				nr += number(run, "nr");
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

static char run_mark(struct json_object *run)
{
	const char *state = string(run, "state");

	if (truth(run, "busy"))
		return 'b';
	if (truth(run, "online"))
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
	for (size_t i = 0; i < length(runs); i++) {
		struct json_object *run = json_object_array_get_idx(runs, i);
		uint64_t first = number(run, "first"), nr = number(run, "nr");
		char mark = run_mark(run);

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
	return is_cut(report, list) ? number(member(report, "counters"), list) :
				      length(member(report, list));
}

static void print_extents(FILE *out, struct json_object *report)
{
	struct json_object *extents = member(report, "extents");
	size_t nr = length(extents);
	uint64_t all = total(report, "extents");

	if (nr)
		fprintf(out, "  extents %" PRIu64 "\n", all);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *e = json_object_array_get_idx(extents, i);

		fprintf(out, "    gpa 0x%09" PRIx64 "  dma 0x%09" PRIx64 "  %s\n",
			number(e, "base-gpa"), number(e, "base-dma"),
			size_text(number(e, "bytes")).text);
	}
	print_rest(out, all);
}

static void print_window(FILE *out, struct json_object *window)
{
	if (number(window, "last"))
		fprintf(out, "  dma window 0x%" PRIx64 "..0x%" PRIx64 "\n",
			number(window, "first"), number(window, "last"));
}

static void print_attributes(FILE *out, struct json_object *attributes)
{
	uint64_t noncoherent = number(attributes, "noncoherent-bytes");

	if (!attributes)
		return;			/* an older device */
	fprintf(out, "  memory types: stage 2 %s (says %s), policy %s\n",
		string(attributes, "stage2"), string(attributes, "source"),
		string(attributes, "policy"));
	if (member(attributes, "effective-cached"))
		fprintf(out, "    a guest's cached mapping is %s, an uncached one %s\n",
			string(attributes, "effective-cached"),
			string(attributes, "effective-uncached"));
	if (noncoherent)
		fprintf(out, "  %s serve non-coherent DMA: QEMU does not touch them\n",
			size_text(noncoherent).text);
}

/* What the client's memory needs; nothing for one that is not plugged. */
static void print_decision(FILE *out, struct json_object *client)
{
	struct json_object *maint = member(client, "maintenance");

	if (!member(client, "reason"))
		return;
	if (truth(client, "refused"))
		fputs("      REFUSED", out);
	else
		fprintf(out, "      %s, mapped %s", string(client, "effective"),
			string(client, "attr"));
	for (size_t i = 0; i < length(maint); i++)
		fprintf(out, ", %s", text_of(json_object_array_get_idx(maint, i)));
	fprintf(out, ": %s\n", string(client, "reason"));
}

/* The identity, of a machine on which nothing can say otherwise, is no news. */
static bool is_plain(struct json_object *client)
{
	struct json_object *windows = member(client, "windows");
	struct json_object *first = json_object_array_get_idx(windows, 0);

	return length(windows) == 1 && !number(first, "bus-base") && !number(first, "base-dma") &&
	       number(first, "bytes") > UINT64_C(1) << 63;
}

/* A plugin that is older does not tell. */
static void print_from(FILE *out, struct json_object *client)
{
	if (*string(client, "windows-from"))
		fprintf(out, "      read from: %s\n", string(client, "windows-from"));
}

/* At which addresses on its bus a client reaches what of memory, and who says so. */
static void print_windows(FILE *out, struct json_object *client)
{
	struct json_object *windows = member(client, "windows");
	const char *source = string(client, "windows-source");

	if (!length(windows) || (is_plain(client) && !strcmp(source, "none")))
		return;
	if (is_plain(client)) {
		fprintf(out, "      no windows: bus addresses are DMA addresses (%s)\n", source);
		print_from(out, client);
		return;
	}
	for (size_t i = 0; i < length(windows); i++) {
		struct json_object *w = json_object_array_get_idx(windows, i);
		uint64_t bus = number(w, "bus-base"), dma = number(w, "base-dma");

		fprintf(out, "      window bus 0x%" PRIx64 "  dma 0x%" PRIx64 "  %s, offset %s0x%"
			PRIx64 " (%s)\n", bus, dma, size_text(number(w, "bytes")).text,
			bus < dma ? "-" : "+", bus < dma ? dma - bus : bus - dma, source);
	}
	print_from(out, client);
}

static void print_clients(FILE *out, struct json_object *clients)
{
	size_t nr = length(clients);

	if (nr)
		fprintf(out, "  clients %zu\n", nr);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *c = json_object_array_get_idx(clients, i);

		fprintf(out, "    %-10s %-8s %-14s %-8s bus master %s",
			string(c, "name"), string(c, "bus"), string(c, "path"),
			string(c, "state"), truth(c, "bus-master") ? "on" : "off");
		if (member(c, "kind") && string(c, "kind")[0])
			fprintf(out, ", for %s", string(c, "kind"));
		if (number(c, "reservation"))
			fprintf(out, ", reservation %" PRIu64, number(c, "reservation"));
		fputc('\n', out);
		print_decision(out, c);
		print_windows(out, c);
	}
	print_rest(out, nr);
}

static void print_blocks(FILE *out, struct json_object *report)
{
	struct json_object *blocks = member(report, "blocks");
	struct json_object *region = member(report, "region");
	uint64_t granule_bytes = number(region, "granule-bytes");
	size_t nr = length(blocks);
	uint64_t all = total(report, "blocks");

	if (nr)
		fprintf(out, "  blocks %" PRIu64 "\n", all);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *b = json_object_array_get_idx(blocks, i);

		fprintf(out, "    gpa 0x%09" PRIx64 "  %-8s %-10s %s\n",
			gpa_of(region, number(b, "first")),
			size_text(number(b, "nr") * granule_bytes).text,
			string(b, "client"), string(b, "purpose"));
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
		fprintf(out, "    %-26s %s\n", key, text_of(value));
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
	size_t nr = length(resvs);

	if (nr < 2)
		return;
	fprintf(out, "  reservations %zu\n", nr - 1);
	for (size_t i = 0; i < nr && i < LIST_MAX; i++) {
		struct json_object *s = json_object_array_get_idx(resvs, i);
		char name[32] = "shared part";

		if (number(s, "reservation"))
			snprintf(name, sizeof(name), "reservation %" PRIu64,
				 number(s, "reservation"));
		fprintf(out, "    %-16s %-10s used %s\n", name,
			size_text(number(s, "bytes")).text,
			size_text(number(s, "used-bytes")).text);
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
	size_t nr = length(buckets);
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
		print_counter(out, keys[i], member(counters, keys[i]));
}

void hvcma_report_print(FILE *out, const char *device, struct json_object *report)
{
	struct json_object *region = member(report, "region");
	struct json_object *runs = member(report, "granules");
	uint64_t granule_bytes = number(region, "granule-bytes");
	uint64_t counts[NR_COLUMNS];

	if (is_cut(report, "granules"))
		take_counters(member(report, "counters"), granule_bytes, counts);
	else
		count_granules(runs, counts);
	print_title(out, device, region);
	print_ranges(out, region);
	print_driver(out, report);
	print_setup(out, region);
	print_totals(out, counts, granule_bytes);
	print_whys(out, runs, granule_bytes);
	if (granule_bytes && counts[PINNED] + counts[MIGRATABLE] + counts[ONLINE] + counts[BUSY])
		print_map(out, runs, number(region, "bytes") / granule_bytes,
			  is_cut(report, "granules"));
	print_extents(out, report);
	print_window(out, member(report, "dma-window"));
	print_attributes(out, member(report, "attributes"));
	print_clients(out, member(report, "clients"));
	print_blocks(out, report);
	print_resvs(out, member(report, "reservations"));
	print_counters(out, "counters", member(report, "counters"));
	print_counters(out, "guest", member(report, "guest"));
	print_latencies(out, member(member(report, "guest"), "alloc-us-log2"));
}
