// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RAM of the host, by addresses: see host_memory.h.
 */
#include "hv/host/host_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES	256

/* Lines of its own kind are not indented: "00100000-bfffffff : System RAM". */
static bool parse(const char *line, uint64_t *first, uint64_t *last)
{
	int at = 0;

	return *line != ' ' && sscanf(line, "%" SCNx64 "-%" SCNx64 " : %n", first, last, &at) == 2 && at &&
	       !strncmp(line + at, "System RAM", 10) && *first <= *last;
}

/* Is there a granule of [@first, @last] in one window? */
static bool holds_granule(const struct hvcma_dma_windows *windows, uint64_t max_bus,
			  uint64_t granule_bytes, uint64_t first, uint64_t last)
{
	uint64_t base, bytes;

	while (first <= last &&
	       hvcma_dma_windows_reach(windows, first, last - first + 1, max_bus, &base, &bytes)) {
		uint64_t pad = -base & (granule_bytes - 1);

		if (pad < bytes && bytes - pad >= granule_bytes)
			return true;
		first = base + bytes;
		if (!first)
			break;
	}
	return false;
}

int hvcma_host_memory_reach(const char *path, const struct hvcma_dma_windows *windows,
			    uint64_t max_bus, uint64_t granule_bytes,
			    struct hvcma_host_memory *out)
{
	struct hvcma_host_memory found = { .lowest_hpa = UINT64_MAX };
	uint64_t first, last;
	char line[LINE_BYTES];
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (!parse(line, &first, &last) || !last)
			continue;
		if (first < found.lowest_hpa)
			found.lowest_hpa = first;
		if (last > found.highest_hpa)
			found.highest_hpa = last;
		found.is_reached |= holds_granule(windows, max_bus, granule_bytes, first, last);
	}
	fclose(f);
	if (!found.highest_hpa)
		return -ENODATA;
	*out = found;
	return 0;
}
