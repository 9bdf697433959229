// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Figures of ALLOC + FREE in the engine, beside a plain bitmap first-fit scan.
 *
 * Ours: a whole ALLOC request and a whole FREE request through
 * hvcma_engine_request(), header checks and responses included, with host
 * operations that do nothing. Baseline: find_next_zero_area over a bitmap, the
 * algorithm of Linux CMA, written here word by word; only its search, set and
 * clear are counted, no request around it. It starts from bit 0, as CMA does.
 *
 * Workloads, each at 1 GiB, 64 GiB and 1 TiB of 2 MiB granules:
 *   0      empty; one granule is asked for
 *   50     every other granule is held; one granule
 *   90     90 % is held by blocks of one granule at random places, so what is
 *          free is scattered and mostly single; eight granules are asked for.
 *          There is one hole of eight, in the middle of the region: where the
 *          first that is long enough is on average, if it may be anywhere
 *   90x1   the same, one granule: a scan finds one within a few bits wherever it
 *          starts, so its bare search must win against a whole request
 *   churn  as 90x1, but each FREE gives back a random block instead of the one
 *          just taken, so that memory is touched all over and every FREE misses
 *          the caches
 *
 * Times are the least of many short batches, in rounds: one of ours, one of the other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/core/engine.h"
#include "hv/core/le.h"
#include "tests/bench/decision.h"

#define GRANULE		UINT64_C(0x200000)
#define GPA		(UINT64_C(1) << 40)
#define ROUNDS		10
#define SCAN_GOAL	0.1	/* of the scan's time */
#define GROWTH_GOAL	2.0	/* from 1 GiB to 1 TiB */
#define HOLE		8	/* granules asked for in the workload 90 */

/* --- a host that does nothing ----------------------------------------- */

static enum virtio_cma_status host_range(void *opaque, uint64_t first, uint64_t nr)
{
	(void)opaque;
	(void)first;
	(void)nr;
	return VIRTIO_CMA_S_OK;
}

static void host_unpin(void *opaque, uint64_t first, uint64_t nr)
{
	host_range(opaque, first, nr);
}

static enum virtio_cma_status host_dma_addr(void *opaque, uint64_t first, uint64_t nr, uint64_t *dma)
{
	(void)opaque;
	for (uint64_t i = 0; i < nr; i++)
		dma[i] = GPA + (first + i) * GRANULE;
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status host_client(void *opaque, uint32_t client)
{
	(void)opaque;
	(void)client;
	return VIRTIO_CMA_S_OK;
}

static const struct hvcma_engine_ops host_ops = {
	.back = host_range, .pin = host_range, .unpin = host_unpin,
	.dma_addr = host_dma_addr, .claim = host_client, .quiesce = host_client,
};

/* --- the baseline ----------------------------------------------------- */

struct scan {
	uint64_t nr;
	uint64_t *map;
};

/* First bit in [i, end) that is set (@invert 0) or clear (@invert ~0), or end. */
static uint64_t next_bit(const struct scan *s, uint64_t i, uint64_t end, uint64_t invert)
{
	uint64_t word;

	if (i >= end)
		return end;
	word = (s->map[i / 64] ^ invert) & ~UINT64_C(0) << (i % 64);
	i &= ~UINT64_C(63);
	while (!word) {
		i += 64;
		if (i >= end)
			return end;
		word = s->map[i / 64] ^ invert;
	}
	i += (uint64_t)__builtin_ctzll(word);
	return i < end ? i : end;
}

static uint64_t scan_alloc(struct scan *s, uint64_t nr)
{
	uint64_t first = 0, set;

	for (;;) {
		first = next_bit(s, first, s->nr, ~UINT64_C(0));
		if (nr > s->nr - first)
			return s->nr;
		set = next_bit(s, first, first + nr, 0);
		if (set == first + nr)
			break;
		first = set + 1;
	}
	for (uint64_t i = first; i < first + nr; i++)
		s->map[i / 64] |= UINT64_C(1) << (i % 64);
	return first;
}

static void scan_free(struct scan *s, uint64_t first, uint64_t nr)
{
	for (uint64_t i = first; i < first + nr; i++)
		s->map[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* --- ours ------------------------------------------------------------- */

static struct hvcma_engine *make_engine(uint64_t nr)
{
	const struct hvcma_engine_config config = {
		.region_base_gpa = GPA, .region_bytes = nr * GRANULE,
		.granule_bytes = GRANULE, .policy = HVCMA_BEST_FIT, .name = "bench",
	};
	size_t bytes = hvcma_engine_buffer_bytes(&config);
	struct hvcma_engine *e;
	void *buffer = aligned_alloc(64, bytes);

	memset(buffer, 0, bytes);
	if (hvcma_engine_init(buffer, bytes, &config, &host_ops, NULL, &e))
		abort();
	return e;
}

static uint64_t engine_alloc(struct hvcma_engine *e, uint64_t nr)
{
	const struct virtio_cma_alloc_req req = {
		.hdr = { hvcma_to_le32(VIRTIO_CMA_OP_ALLOC), hvcma_to_le32(sizeof(req)) },
		.bytes = hvcma_to_le64(nr * GRANULE),
		.max_dma_addr = hvcma_to_le64(UINT64_MAX),
		.flags = hvcma_to_le32(VIRTIO_CMA_ALLOC_CONTIG),
		.client = hvcma_to_le32(VIRTIO_CMA_CLIENT_SHARED),
	};
	uint8_t resp[128];
	struct virtio_cma_block block;
	size_t used;

	hvcma_engine_request(e, &req, sizeof(req), resp, sizeof(resp), false, &used);
	if (used != sizeof(struct virtio_cma_alloc_resp) + sizeof(block))
		abort();
	memcpy(&block, resp + sizeof(struct virtio_cma_alloc_resp), sizeof(block));
	return (hvcma_from_le64(block.base_gpa) - GPA) / GRANULE;
}

static void engine_free(struct hvcma_engine *e, uint64_t first, uint64_t nr)
{
	struct {
		struct virtio_cma_req_hdr hdr;
		__le32 nr_ranges, reserved;
		struct virtio_cma_range range;
	} req = {
		.hdr = { hvcma_to_le32(VIRTIO_CMA_OP_FREE), hvcma_to_le32(sizeof(req)) },
		.nr_ranges = hvcma_to_le32(1),
		.range = { hvcma_to_le64(GPA + first * GRANULE), hvcma_to_le64(nr * GRANULE) },
	};
	struct virtio_cma_resp_hdr resp;
	size_t used;

	hvcma_engine_request(e, &req, sizeof(req), &resp, sizeof(resp), false, &used);
	if (resp.status)
		abort();
}

/* --- workloads -------------------------------------------------------- */

enum fill { EMPTY, HALF, SCATTERED, SCATTERED_1, CHURN, NR_FILLS };
static const char *const fill_names[] = { "0", "50", "90", "90x1", "churn" };

struct load {
	uint64_t nr, ask;		/* granules in all, and per request */
	enum fill fill;
	struct hvcma_engine *engine;
	struct scan scan;
	/* for churn: the blocks in random order, and the next one to go */
	uint64_t *held, *scan_held, nr_held, next_allocated, next_scan_held;
	uint64_t random;
	double ours_ns[ROUNDS], scan_ns[ROUNDS];
};

static uint64_t next_random(struct load *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

static bool is_allocated(struct load *l, uint64_t i)
{
	switch (l->fill) {
	case EMPTY:
		return false;
	case HALF:
		return i % 2;
	case SCATTERED:
		if (i >= l->nr / 2 && i < l->nr / 2 + HOLE)
			return false;
		/* no hole by chance, so that both find the same one */
		return i % HOLE == 0 || next_random(l) % 10;
	default:
		return next_random(l) % 10;
	}
}

static void load_init(struct load *l, uint64_t nr, enum fill fill)
{
	struct hvcma_engine *e = make_engine(nr);

	*l = (struct load){
		.nr = nr, .ask = fill == SCATTERED ? HOLE : 1, .fill = fill, .engine = e,
		.scan = { nr, calloc(nr / 64 + 1, sizeof(uint64_t)) },
		.held = malloc(nr * sizeof(uint64_t)),
		.scan_held = malloc(nr * sizeof(uint64_t)),
		.random = 0x9e3779b97f4a7c15,
	};
	for (uint64_t i = 0; i < nr; i++) {
		if (!is_allocated(l, i))
			continue;
		l->scan.map[i / 64] |= UINT64_C(1) << (i % 64);
		l->held[l->nr_held++] = i;
		if (hvcma_engine_restore_block(e, i, 1, VIRTIO_CMA_CLIENT_SHARED, 0))
			abort();
	}
	for (uint64_t i = l->nr_held; i > 1; i--) {
		uint64_t j = next_random(l) % i, held = l->held[j];

		l->held[j] = l->held[i - 1];
		l->held[i - 1] = held;
	}
	memcpy(l->scan_held, l->held, l->nr_held * sizeof(l->held[0]));
}

static void load_free(struct load *l)
{
	if (!hvcma_engine_is_valid(l->engine) || hvcma_engine_fini(l->engine))
		abort();
	free(l->engine);		/* is at the start of its buffer */
	free(l->scan.map);
	free(l->held);
	free(l->scan_held);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void ours_pair(struct load *l)
{
	uint64_t first = engine_alloc(l->engine, l->ask);

	if (l->fill == CHURN) {
		uint64_t freed = l->held[l->next_allocated];

		l->held[l->next_allocated] = first;
		l->next_allocated = l->next_allocated + 1 < l->nr_held ? l->next_allocated + 1 : 0;
		first = freed;
	}
	engine_free(l->engine, first, l->ask);
}

static void scan_pair(struct load *l)
{
	uint64_t first = scan_alloc(&l->scan, l->ask);

	if (first == l->scan.nr)
		abort();
	if (l->fill == CHURN) {
		uint64_t freed = l->scan_held[l->next_scan_held];

		l->scan_held[l->next_scan_held] = first;
		l->next_scan_held = l->next_scan_held + 1 < l->nr_held ?
				    l->next_scan_held + 1 : 0;
		first = freed;
	}
	scan_free(&l->scan, first, l->ask);
}

/* ns per pair: the best batch of at least 20 us, out of about 6 ms of them. */
static double measure(struct load *l, void (*pair)(struct load *))
{
	double best = 1e18, all = 0;
	uint64_t batch = 1;

	while (all < 6e6) {
		double begin = now_ns(), ns;

		for (uint64_t i = 0; i < batch; i++)
			pair(l);
		ns = now_ns() - begin;
		all += ns;
		if (ns < 2e4)
			batch *= 2;
		else if (ns / (double)batch < best)
			best = ns / (double)batch;
	}
	return best;
}

static void load_round(struct load *l, int round)
{
	l->ours_ns[round] = measure(l, ours_pair);
	l->scan_ns[round] = measure(l, scan_pair);
}

/* --- figures ---------------------------------------------------------- */

static double least(const double *ns)
{
	double best = ns[0];

	for (int i = 1; i < ROUNDS; i++)
		best = ns[i] < best ? ns[i] : best;
	return best;
}

/* Round by round; without a goal a note. */
static void figure(const char *name, const double *ours, const char *baseline, const double *theirs,
		   double goal)
{
	struct bench_figure f = { .name = name, .unit = "ns", .baseline = baseline, .goal = goal };

	if (goal > 0) {
		for (int i = 0; i < ROUNDS; i++)
			bench_pair(&f, ours[i], theirs[i]);
		bench_judge(&f);
	} else {
		printf("# %s: ours %.1f ns, %s %.1f ns\n", name, least(ours), baseline, least(theirs));
	}
}

int main(void)
{
	static const struct {
		const char *name;
		uint64_t nr;
	} sizes[] = { { "1GiB", 512 }, { "64GiB", 32768 }, { "1TiB", 524288 } };
	enum { NR_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

	for (enum fill fill = 0; fill < NR_FILLS; fill++) {
		struct load loads[NR_SIZES], *small = &loads[0], *large = &loads[NR_SIZES - 1];
		char name[64];

		for (int i = 0; i < NR_SIZES; i++)
			load_init(&loads[i], sizes[i].nr, fill);
		for (int round = 0; round < ROUNDS; round++)
			for (int i = 0; i < NR_SIZES; i++)
				load_round(&loads[i], round);
		for (int i = 0; i < NR_SIZES; i++) {
			const struct load *l = &loads[i];

			snprintf(name, sizeof(name), "alloc_%s_%s", sizes[i].name,
				 fill_names[fill]);
			figure(name, l->ours_ns, "scan", l->scan_ns,
			       l == large && fill == SCATTERED ? SCAN_GOAL : 0);
		}
		snprintf(name, sizeof(name), "alloc_growth_%s", fill_names[fill]);
		figure(name, large->ours_ns, "ours_1GiB", small->ours_ns,
		       fill == CHURN ? 0 : GROWTH_GOAL);
		for (int i = 0; i < NR_SIZES; i++)
			load_free(&loads[i]);
	}
	return bench_exit();
}
