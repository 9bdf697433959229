// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Granule states of one region: see granules.h.
 */
#include "hv/host/granules.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bool transition_ok[HVCMA_GRANULE_NR_STATES][HVCMA_GRANULE_NR_STATES] = {
	[HVCMA_GRANULE_UNBACKED] = { [HVCMA_GRANULE_BACKED] = true },
	[HVCMA_GRANULE_BACKED] = {
		[HVCMA_GRANULE_UNBACKED] = true,
		[HVCMA_GRANULE_PINNED] = true,
	},
	[HVCMA_GRANULE_PINNED] = { [HVCMA_GRANULE_BACKED] = true },
};

static bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

int hvcma_granules_init(struct hvcma_granules *g,
			const struct hvcma_provider_config *config,
			struct hvcma_error *err)
{
	uint64_t granule = config->granule_bytes;
	uint64_t page = config->page_bytes;

	if (!is_power_of_two(granule) || !is_power_of_two(page) || granule % page) {
		hvcma_error_set(err, "region %s: granule of %" PRIu64 " bytes on pages of %"
				PRIu64 ": both must be powers of two, the granule whole pages",
				config->name, granule, page);
		return -EINVAL;
	}
	if (!config->bytes || config->bytes % granule) {
		hvcma_error_set(err, "region %s: size of %" PRIu64
				" bytes is not a positive multiple of the granule, %" PRIu64,
				config->name, config->bytes, granule);
		return -EINVAL;
	}

	memset(g, 0, sizeof(*g));
	snprintf(g->name, sizeof(g->name), "%s", config->name);
	g->bytes = granule;
	g->nr = config->bytes / granule;
	g->pin_limit_bytes = config->pin_limit_bytes;
	g->count[HVCMA_GRANULE_UNBACKED] = g->nr;
	g->state = calloc(g->nr, sizeof(*g->state));
	if (!g->state) {
		hvcma_error_set(err, "region %s: no memory for a table of %" PRIu64 " granules",
				g->name, g->nr);
		return -ENOMEM;
	}
	return 0;
}

void hvcma_granules_fini(struct hvcma_granules *g)
{
	free(g->state);
	g->state = NULL;
}

int hvcma_granules_may_locate(const struct hvcma_granules *g, uint64_t first,
			      uint64_t nr, struct hvcma_error *err)
{
	if (first <= g->nr && nr <= g->nr - first)
		return 0;

	hvcma_error_set(err, "region %s: %" PRIu64 " granules from %" PRIu64
			" on: there are only %" PRIu64, g->name, nr, first, g->nr);
	return -ERANGE;
}

int hvcma_granules_may_back(const struct hvcma_granules *g, uint64_t first,
			    uint64_t nr, struct hvcma_error *err)
{
	return hvcma_granules_may_locate(g, first, nr, err);
}

int hvcma_granules_may_pin(const struct hvcma_granules *g, uint64_t first,
			   uint64_t nr, struct hvcma_error *err)
{
	uint64_t pinned = g->count[HVCMA_GRANULE_PINNED];
	uint64_t i;
	int ret = hvcma_granules_may_locate(g, first, nr, err);

	if (ret)
		return ret;

	for (i = first; i < first + nr; i++) {
		if (g->state[i] == HVCMA_GRANULE_BACKED)
			continue;
		ret = g->state[i] == HVCMA_GRANULE_PINNED ? -EBUSY : -ENODATA;
		hvcma_error_set(err, "region %s: granule %" PRIu64 " is %s", g->name, i,
				ret == -EBUSY ? "pinned already" : "unbacked, cannot be pinned");
		return ret;
	}

	if (g->pin_limit_bytes && (pinned + nr) > g->pin_limit_bytes / g->bytes) {
		hvcma_error_set(err, "region %s: pinning %" PRIu64 " bytes beside the %" PRIu64
				" that are pinned would pass the pin limit of %" PRIu64, g->name,
				nr * g->bytes, pinned * g->bytes, g->pin_limit_bytes);
		return -EDQUOT;
	}
	return 0;
}

int hvcma_granules_may_unpin(const struct hvcma_granules *g, uint64_t first,
			     uint64_t nr, struct hvcma_error *err)
{
	uint64_t i;
	int ret = hvcma_granules_may_locate(g, first, nr, err);

	if (ret)
		return ret;

	for (i = first; i < first + nr; i++) {
		if (g->state[i] == HVCMA_GRANULE_PINNED)
			continue;
		hvcma_error_set(err, "region %s: granule %" PRIu64 " is not pinned", g->name, i);
		return -EINVAL;
	}
	return 0;
}

int hvcma_granules_may_discard(const struct hvcma_granules *g, uint64_t first,
			       uint64_t nr, struct hvcma_error *err)
{
	uint64_t i;
	int ret = hvcma_granules_may_locate(g, first, nr, err);

	if (ret)
		return ret;

	for (i = first; i < first + nr; i++) {
		if (g->state[i] != HVCMA_GRANULE_PINNED)
			continue;
		hvcma_error_set(err, "region %s: granule %" PRIu64
				" is pinned, cannot be discarded", g->name, i);
		return -EBUSY;
	}
	return 0;
}

void hvcma_granules_set(struct hvcma_granules *g, uint64_t first, uint64_t nr,
			enum hvcma_granule_state state)
{
	uint64_t i;

	for (i = first; i < first + nr; i++) {
		enum hvcma_granule_state old = g->state[i];

		if (old == state)
			continue;
		assert(transition_ok[old][state]);
		g->count[old]--;
		g->count[state]++;
		g->state[i] = state;
	}
#ifdef HVCMA_DEBUG
	assert(hvcma_granules_is_valid(g));
#endif
}

void hvcma_granules_fill(struct hvcma_granules *g, uint64_t first, uint64_t nr)
{
	uint64_t at = first, run, len;

	while ((len = hvcma_granules_next_run(g, at, first + nr, HVCMA_GRANULE_UNBACKED, &run))) {
		hvcma_granules_set(g, run, len, HVCMA_GRANULE_BACKED);
		at = run + len;
	}
}

uint64_t hvcma_granules_next_run(const struct hvcma_granules *g, uint64_t from,
				 uint64_t end, enum hvcma_granule_state state,
				 uint64_t *first)
{
	uint64_t i = from;
	uint64_t start;

	while (i < end && g->state[i] != state)
		i++;
	start = i;
	while (i < end && g->state[i] == state)
		i++;
	*first = start;
	return i - start;
}

void hvcma_granules_stats(const struct hvcma_granules *g,
			  struct hvcma_provider_stats *stats)
{
	stats->pinned_bytes = g->count[HVCMA_GRANULE_PINNED] * g->bytes;
	stats->backed_bytes = g->count[HVCMA_GRANULE_BACKED] * g->bytes + stats->pinned_bytes;
}

bool hvcma_granules_is_valid(const struct hvcma_granules *g)
{
	uint64_t count[HVCMA_GRANULE_NR_STATES] = { 0 };
	uint64_t i;

	for (i = 0; i < g->nr; i++) {
		if (g->state[i] >= HVCMA_GRANULE_NR_STATES)
			return false;
		count[g->state[i]]++;
	}
	return !memcmp(count, g->count, sizeof(count));
}
