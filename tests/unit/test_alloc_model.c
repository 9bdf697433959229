// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Block allocator against a model: random calls, answers compared with a plain
 * scan of an array of granules, invariants checked after every call.
 *
 * The seeds are fixed and printed; a failure is repeated by its seed alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/core/alloc_internal.h"

#define GRANULE		UINT64_C(0x1000000)	/* 16 MiB: few granules reach all zones */
#define MAX_GRANULES	300
#define ANYWHERE	UINT64_MAX
#define NR_STEPS	6000

struct model {
	enum hvcma_policy policy;
	uint64_t nr, cursor, random;
	struct hvcma_dma_windows windows;	/* of the last request that had any */
	struct {
		uint64_t dma;
		bool withheld;
		uint64_t block;		/* length at the head of a block, else 0 */
		bool allocated;
	} g[MAX_GRANULES];
};

static uint64_t next_random(struct model *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

static uint64_t below(struct model *m, uint64_t end)
{
	return next_random(m) % end;
}

/* --- the model's view ------------------------------------------------- */

static bool is_free(const struct model *m, uint64_t i)
{
	return m->g[i].dma != HVCMA_DMA_UNKNOWN && !m->g[i].withheld && !m->g[i].allocated;
}

static bool continues(const struct model *m, uint64_t i)
{
	return i && is_free(m, i - 1) && m->g[i - 1].dma + GRANULE == m->g[i].dma;
}

static uint64_t run_granules(const struct model *m, uint64_t head)
{
	uint64_t end = head + 1;

	while (end < m->nr && is_free(m, end) && continues(m, end))
		end++;
	return end - head;
}

static bool is_run(const struct model *m, uint64_t i)
{
	return is_free(m, i) && !continues(m, i);
}

/* The first granule from @from on, inside [from, from + nr), where req fits. */
static bool place(const struct model *m, uint64_t from, uint64_t nr,
		  const struct hvcma_fit_request *req, uint64_t *at)
{
	for (uint64_t i = from; i < from + nr; i++) {
		uint64_t bytes = req->nr_granules * GRANULE, bus = m->g[i].dma;

		if (req->nr_granules > from + nr - i)
			return false;
		if (req->windows && !hvcma_dma_windows_to_bus(req->windows, bus, bytes, &bus))
			continue;
		if ((req->align_bytes && bus % req->align_bytes) || bus + bytes - 1 > req->max_dma)
			continue;
		*at = i;
		return true;
	}
	return false;
}

static unsigned int zone(uint64_t dma)
{
	static const unsigned int bits[] = { 28, 30, 32, 36, 40 };
	unsigned int z = 0;

	while (z < 5 && dma >> bits[z])
		z++;
	return z;
}

/* Where the policy must take @req from, exactly; UINT64_MAX if nothing fits. */
static uint64_t expected_head(const struct model *m, const struct hvcma_fit_request *req)
{
	uint64_t best = UINT64_MAX, at;

	for (uint64_t n = 0; n < m->nr; n++) {
		uint64_t i = m->policy == HVCMA_NEXT_FIT ? (m->cursor + n) % m->nr : n;

		if (!is_run(m, i) || !place(m, i, run_granules(m, i), req, &at))
			continue;
		if (m->policy != HVCMA_BEST_FIT)
			return i;
		if (best == UINT64_MAX || zone(m->g[i].dma) > zone(m->g[best].dma) ||
		    (zone(m->g[i].dma) == zone(m->g[best].dma) &&
		     run_granules(m, i) < run_granules(m, best)))
			best = i;
	}
	return best;
}

static uint64_t head_around(const struct model *m, uint64_t i)
{
	while (continues(m, i))
		i--;
	return i;
}

/* --- both sides ------------------------------------------------------- */

static void take(struct model *m, uint64_t at, uint64_t nr)
{
	for (uint64_t i = at; i < at + nr; i++) {
		assert_true(is_free(m, i));
		assert_true(i == at || m->g[i - 1].dma + GRANULE == m->g[i].dma);
		m->g[i].allocated = true;
	}
	m->g[at].block = nr;
}

/* In memory and on the bus at most, but for little, in the zones where limits are tried. */
static bool random_windows(struct model *m)
{
	struct hvcma_dma_window list[3];
	struct hvcma_dma_windows_error err;
	uint32_t nr = 1 + (uint32_t)below(m, 3);

	for (uint32_t i = 0; i < nr; i++)
		list[i] = (struct hvcma_dma_window){
			.bus_base = below(m, 1200) * (GRANULE / 4),
			.dma_base = below(m, 1200) * (GRANULE / 4),
			.bytes = (1 + below(m, below(m, 2) ? 40 : 2000)) * (GRANULE / 4),
		};
	return !hvcma_dma_windows_set(&m->windows, list, nr, &err);
}

static struct hvcma_fit_request random_request(struct model *m)
{
	static const uint64_t limits[] = {
		(UINT64_C(1) << 28) - 1, (UINT64_C(1) << 30) - 1, (UINT64_C(1) << 32) - 1,
		(UINT64_C(1) << 36) - 1, (UINT64_C(1) << 40) - 1,
	};
	struct hvcma_fit_request req = { .max_dma = ANYWHERE };

	req.nr_granules = 1 + below(m, below(m, 4) ? 6 : m->nr);
	if (!below(m, 3))
		req.align_bytes = GRANULE << below(m, 5);
	else if (!below(m, 8))
		req.align_bytes = GRANULE >> below(m, 20);
	if (!below(m, 3))
		req.max_dma = limits[below(m, 5)];
	else if (!below(m, 6))
		req.max_dma = below(m, 600) * (GRANULE / 2);
	req.quick = !below(m, 4);
	if (!below(m, 3) && random_windows(m))
		req.windows = &m->windows;
	return req;
}

static bool is_zone_limit(uint64_t max_dma)
{
	return max_dma == ANYWHERE || zone(max_dma) != zone(max_dma + 1);
}

static void do_block(struct hvcma_alloc *a, struct model *m)
{
	struct hvcma_fit_request req = random_request(m);
	struct hvcma_fit_request unlimited = req;
	uint64_t expected = expected_head(m, &req), first = UINT64_MAX, at = 0, nr_free = 0;
	enum hvcma_fit fit = hvcma_alloc_block(a, &req, &first);

	if (fit == HVCMA_FIT_OK) {
		uint64_t head = head_around(m, first);
		bool exact = req.align_bytes <= GRANULE && !req.windows &&
			     (req.max_dma == ANYWHERE ||
			      (m->policy == HVCMA_BEST_FIT && is_zone_limit(req.max_dma)));

		assert_true(place(m, head, run_granules(m, head), &req, &at));
		assert_int_equal(first, at);
		if (exact && m->policy == HVCMA_BEST_FIT) {
			assert_int_equal(zone(m->g[head].dma), zone(m->g[expected].dma));
			assert_int_equal(run_granules(m, head), run_granules(m, expected));
		} else if (exact) {
			assert_int_equal(head, expected);
		}
		take(m, first, req.nr_granules);
		m->cursor = (first + req.nr_granules) % m->nr;
		return;
	}
	assert_int_equal(first, UINT64_MAX);
	if (!req.quick)
		assert_int_equal(expected, UINT64_MAX);
	for (uint64_t i = 0; i < m->nr; i++)
		nr_free += is_free(m, i);
	assert_int_equal(fit == HVCMA_FIT_NO_SPACE, req.nr_granules > nr_free);
	unlimited.max_dma = ANYWHERE;
	unlimited.windows = NULL;
	if (fit == HVCMA_FIT_ADDR_LIMIT)
		assert_int_not_equal(expected_head(m, &unlimited), UINT64_MAX);
	if (fit == HVCMA_FIT_FRAGMENTED && !req.quick)
		assert_int_equal(expected_head(m, &unlimited), UINT64_MAX);
}

static void do_block_at(struct hvcma_alloc *a, struct model *m)
{
	struct hvcma_fit_request req = random_request(m);
	uint64_t first = below(m, m->nr), at = UINT64_MAX;
	bool fits = is_free(m, first) &&
		    place(m, first, run_granules(m, first), &req, &at) && at == first;

	assert_int_equal(hvcma_alloc_block_at(a, first, &req), fits);
	if (fits)
		take(m, first, req.nr_granules);
}

static void do_block_within(struct hvcma_alloc *a, struct model *m)
{
	struct hvcma_fit_request req = random_request(m);
	uint64_t from = below(m, m->nr), nr = below(m, m->nr - from + 1);
	uint64_t first = UINT64_MAX, expected = UINT64_MAX, part;
	uint32_t budget = UINT32_MAX;

	for (uint64_t i = from; i < from + nr && expected == UINT64_MAX; i += part) {
		part = is_free(m, i) ? run_granules(m, i) : 1;
		if (part > from + nr - i)
			part = from + nr - i;
		if (is_free(m, i))
			place(m, i, part, &req, &expected);
	}
	assert_int_equal(hvcma_alloc_block_within(a, from, nr, &req, &budget, &first),
			 expected != UINT64_MAX);
	assert_int_equal(first, expected);
	if (first != UINT64_MAX)
		take(m, first, req.nr_granules);
}

static void do_longest(struct hvcma_alloc *a, struct model *m)
{
	struct hvcma_fit_request req = random_request(m), probe = req;
	uint64_t longest = 0, got;

	for (probe.nr_granules = 1; probe.nr_granules <= req.nr_granules; probe.nr_granules++)
		if (expected_head(m, &probe) != UINT64_MAX)
			longest = probe.nr_granules;
	got = hvcma_alloc_longest(a, &req);
	if (req.quick)
		assert_true(got <= longest);
	else
		assert_int_equal(got, longest);
}

/* Stretches that would be runs if nothing were withheld, and are not. */
static void do_fits_withheld(struct hvcma_alloc *a, struct model *m)
{
	struct hvcma_fit_request req = random_request(m);
	bool expected = false, withheld;
	uint64_t no_effort = 0, end, at;

	for (uint64_t i = 0; i < m->nr; i = end) {
		withheld = false;
		for (end = i; end < m->nr && m->g[end].dma != HVCMA_DMA_UNKNOWN &&
		     !m->g[end].allocated &&
		     (end == i || m->g[end - 1].dma + GRANULE == m->g[end].dma); end++)
			withheld |= m->g[end].withheld;
		expected |= withheld && place(m, i, end - i, &req, &at);
		if (end == i)
			end++;
	}
	assert_int_equal(hvcma_alloc_fits_withheld(a, &req), expected);
	req.search_budget = &no_effort;
	assert_false(hvcma_alloc_fits_withheld(a, &req));
}

static void do_free(struct hvcma_alloc *a, struct model *m)
{
	uint64_t first = below(m, m->nr), nr = 1 + below(m, 6);

	/* mostly a real block */
	for (uint64_t n = 0; n < m->nr && !m->g[first].block; n++)
		first = (first + 1) % m->nr;
	if (below(m, 8))
		nr = m->g[first].block;
	assert_int_equal(hvcma_alloc_free(a, first, nr), nr && m->g[first].block == nr);
	if (!nr || m->g[first].block != nr)
		return;
	m->g[first].block = 0;
	for (uint64_t i = first; i < first + nr; i++)
		m->g[i].allocated = false;
}

static void do_learn(struct hvcma_alloc *a, struct model *m)
{
	uint64_t i = below(m, m->nr), dma = HVCMA_DMA_UNKNOWN;

	/* beside a neighbour, at a zone's border, anywhere, or nowhere */
	switch (below(m, 5)) {
	case 0:
		dma = i && m->g[i - 1].dma != HVCMA_DMA_UNKNOWN ? m->g[i - 1].dma + GRANULE : 0;
		break;
	case 1:
		dma = (UINT64_C(1) << (28 + 2 * below(m, 7))) - GRANULE * below(m, 4);
		break;
	case 2:
		dma = below(m, 300) * GRANULE;
		break;
	case 3:
		dma = (i + 200) * GRANULE;
		break;
	}
	assert_int_equal(hvcma_alloc_learn(a, i, dma), !m->g[i].allocated);
	if (!m->g[i].allocated)
		m->g[i].dma = dma;
	assert_int_equal(hvcma_alloc_dma(a, i), m->g[i].dma);
}

static void do_withhold(struct hvcma_alloc *a, struct model *m)
{
	uint64_t i = below(m, m->nr);
	bool on = !below(m, 4);

	assert_int_equal(hvcma_alloc_withhold(a, i, on), !m->g[i].allocated);
	if (!m->g[i].allocated)
		m->g[i].withheld = on;
}

static void compare(const struct hvcma_alloc *a, const struct model *m)
{
	struct hvcma_alloc_stats expected = { .nr_granules = m->nr }, stats;

	for (uint64_t i = 0; i < m->nr; i++) {
		bool known = m->g[i].dma != HVCMA_DMA_UNKNOWN;

		expected.nr_known += known;
		expected.nr_free += is_free(m, i);
		expected.nr_allocated += m->g[i].allocated;
		expected.nr_withheld += m->g[i].withheld;
		expected.nr_blocks += !!m->g[i].block;
		expected.nr_runs += is_run(m, i);
		expected.nr_extents += known &&
			!(i && m->g[i - 1].dma != HVCMA_DMA_UNKNOWN &&
			  m->g[i - 1].dma + GRANULE == m->g[i].dma);
		assert_int_equal(hvcma_alloc_is_allocated(a, i), m->g[i].allocated);
		assert_int_equal(hvcma_alloc_is_withheld(a, i), m->g[i].withheld);
		assert_int_equal(hvcma_alloc_block_granules(a, i), m->g[i].block);
	}
	hvcma_alloc_stats(a, &stats);
	assert_memory_equal(&stats, &expected, sizeof(stats));
	assert_true(hvcma_alloc_is_valid(a));
}

static void step(struct hvcma_alloc *a, struct model *m)
{
	uint64_t what = below(m, 20);

	if (what < 7)
		do_block(a, m);
	else if (what < 12)
		do_free(a, m);
	else if (what < 15)
		do_learn(a, m);
	else if (what < 16)
		do_longest(a, m);
	else if (what < 17)
		do_fits_withheld(a, m);
	else if (what < 18)
		do_withhold(a, m);
	else if (what < 19)
		do_block_at(a, m);
	else
		do_block_within(a, m);
	compare(a, m);
}

static struct hvcma_alloc *make(enum hvcma_policy policy, uint64_t nr)
{
	size_t bytes = hvcma_alloc_buffer_bytes(nr, policy);
	void *buffer = aligned_alloc(64, bytes);

	assert_non_null(buffer);
	memset(buffer, 0, bytes);
	return hvcma_alloc_init(buffer, bytes, nr, GRANULE, policy);
}

static void run(enum hvcma_policy policy, uint64_t nr, uint64_t seed, bool linear)
{
	struct model m = { .policy = policy, .nr = nr, .random = seed };
	struct hvcma_alloc *a = make(policy, nr);

	printf("# policy %d, %" PRIu64 " granules, seed %" PRIu64 "\n", policy, nr, seed);
	for (uint64_t i = 0; i < nr; i++) {
		m.g[i].dma = linear ? (i + 200) * GRANULE : HVCMA_DMA_UNKNOWN;
		if (linear)
			assert_true(hvcma_alloc_learn(a, i, m.g[i].dma));
	}
	for (int i = 0; i < NR_STEPS; i++)
		step(a, &m);
	free(a);
}

static void random_calls(void **state)
{
	enum hvcma_policy policy = *(const enum hvcma_policy *)*state;

	run(policy, 1, 1, true);
	run(policy, 17, 2, false);
	run(policy, 64, 3, true);
	run(policy, 65, 4, false);
	run(policy, MAX_GRANULES, 5, true);
	run(policy, MAX_GRANULES, 6, false);
}

/* The check of invariants can fail: every kind of damage is seen. */
static void damage_is_seen(void **state)
{
	enum hvcma_policy policy = *(const enum hvcma_policy *)*state;
	const struct hvcma_fit_request four = { .nr_granules = 4, .max_dma = ANYWHERE };
	struct hvcma_alloc *a;
	uint64_t first;

	a = make(policy, 100);		/* enough for two levels of bits */
	for (uint64_t i = 1; i < 100; i++)
		assert_true(hvcma_alloc_learn(a, i, (i + 200) * GRANULE));
	assert_int_equal(hvcma_alloc_block(a, &four, &first), HVCMA_FIT_OK);
	assert_true(hvcma_alloc_block_at(a, 20, &four));
	assert_true(hvcma_alloc_is_valid(a));	/* ?Aaaa...............Bbbb.......... to 99 */

#define expect_seen(field, damaged)					\
	do {								\
		__typeof__(field) whole = (field);			\
									\
		(field) = (damaged);					\
		assert_false(hvcma_alloc_is_valid(a));			\
		(field) = whole;					\
		assert_true(hvcma_alloc_is_valid(a));			\
	} while (0)
	expect_seen(a->granules[1].tag, HVCMA_TAG_KNOWN);
	expect_seen(a->granules[4].tag, HVCMA_TAG_KNOWN);
	expect_seen(a->granules[2].tag, HVCMA_TAG_KNOWN | HVCMA_TAG_ALLOCATED);
	expect_seen(a->granules[8].tag, HVCMA_TAG_KNOWN | HVCMA_TAG_ALLOCATED);
	expect_seen(a->granules[8].tag, HVCMA_TAG_KNOWN | HVCMA_TAG_WITHHELD);
	expect_seen(a->granules[8].tag, 0);
	expect_seen(a->granules[0].tag, 8);
	expect_seen(a->granules[8].tag, HVCMA_TAG_ALLOCATED);
	expect_seen(a->granules[20].nr, 81);
	expect_seen(a->granules[5].nr, 14);
	expect_seen(a->granules[5].nr, 0);
	expect_seen(a->granules[19].nr, 14);
	expect_seen(a->granules[20].nr, 3);
	expect_seen(a->granules[30].dma, 0);
	expect_seen(a->granules[30].dma, a->granules[30].dma + 1);
	expect_seen(a->heads.level[0][0], whole ^ 1u << 5);
	expect_seen(a->heads.level[0][0], whole ^ 1u << 7);
	expect_seen(a->heads.level[0][0], whole ^ 1);
	expect_seen(a->heads.level[1][0], 2);
	expect_seen(a->unknown.level[0][0], 0);
	expect_seen(a->withheld.level[0][0], 1);
	expect_seen(a->extents.level[0][0], whole | 1u << 10);
	expect_seen(a->stats.nr_free, whole + 1);
	expect_seen(a->stats.nr_runs, whole + 1);
	expect_seen(a->stats.nr_blocks, whole - 1);
	expect_seen(a->stats.nr_extents, whole - 1);
	if (policy == HVCMA_BEST_FIT) {
		expect_seen(a->granules[5].bin.prev, 24);
		expect_seen(a->granules[5].bin.next, 24);
		expect_seen(a->bins.zones[2].first[14], HVCMA_NONE);
		expect_seen(a->bins.zones[2].classes.level[0][0], 0);
		expect_seen(a->bins.zones[2].classes.level[1][0], 0);
	} else {
		expect_seen(a->tree.level[0][5], whole + 1);
		expect_seen(a->tree.level[0][6], 1);
		expect_seen(a->tree.level[1][0], whole + 1);
		expect_seen(a->cursor, 100);
	}
	free(a);
}

int main(void)
{
	static enum hvcma_policy best = HVCMA_BEST_FIT, first = HVCMA_FIRST_FIT,
				 next = HVCMA_NEXT_FIT;
	const struct CMUnitTest tests[] = {
		{ "best_fit_agrees_with_the_model", random_calls, NULL, NULL, &best },
		{ "first_fit_agrees_with_the_model", random_calls, NULL, NULL, &first },
		{ "next_fit_agrees_with_the_model", random_calls, NULL, NULL, &next },
		{ "damage_to_the_lists_is_seen", damage_is_seen, NULL, NULL, &best },
		{ "damage_to_the_tree_is_seen", damage_is_seen, NULL, NULL, &next },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
