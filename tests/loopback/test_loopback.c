// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest, the engine and the fake provider in one process: a small client that
 * behaves like the guest driver (claims its devices, fills a pool, allocates,
 * frees, reports busy granules, forgets everything when it is reset) against a
 * host that fails at random and moves pages that are not pinned.
 *
 * Checked after every step: what the provider has pinned is what the engine
 * says, and at least what the guest has; granted blocks are whole, pinned,
 * apart from each other and contiguous in host-physical memory. Always: behind
 * the guest's back nothing is unpinned while a device is bus master. In the end
 * nothing is pinned. Seeds are fixed and printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/core/engine.h"
#include "hv/core/le.h"
#include "hv/host/testing/provider_fake.h"

#define GRANULE		UINT64_C(0x200000)
#define GPA		(UINT64_C(4) << 32)
#define HPA		(UINT64_C(1) << 31)	/* extents on both sides of 4 GiB */
#define NR		UINT64_C(2048)
#define NR_CLIENTS	3
#define NR_STEPS	1000
#define POOL_BLOCKS	64
#define MAX_HELD	NR

struct setup {
	const char *text;
	enum hvcma_policy policy;
	struct hvcma_fake_config fake;
	uint64_t pin_limit_granules;
	bool discard;
	bool with_resvs;		/* for each client but the first; backing in turns */
};

struct block {
	uint64_t first, nr;
};

struct bench {
	struct hvcma_engine *engine;
	void *buffer;
	struct hvcma_provider *provider;
	bool discard;
	bool with_resvs;
	bool windows;			/* the guest knows of them */
	uint64_t random;

	/* the devices */
	bool bus_master[NR_CLIENTS];
	unsigned int fail_quiesce;	/* in so many per cent of calls */
	bool by_host;			/* unpins now are not asked for by the guest */

	/* the guest */
	struct block held[MAX_HELD];
	size_t nr_held;
	bool is_allocated[NR];
	uint8_t resp[65536];
	uint64_t nr_ok, nr_refused;
};

static uint64_t below(struct bench *b, uint64_t end)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random % end;
}

/* --- the host: engine operations on a provider ------------------------ */

static enum virtio_cma_status status_of(int error)
{
	switch (error) {
	case 0:
		return VIRTIO_CMA_S_OK;
	case -ENOMEM:
	case -ENODATA:
		return VIRTIO_CMA_S_NO_BACKING;
	case -EDQUOT:
		return VIRTIO_CMA_S_PIN_LIMIT;
	default:
		return VIRTIO_CMA_S_IO;
	}
}

static enum virtio_cma_status host_back(void *opaque, uint64_t first, uint64_t nr)
{
	struct bench *b = opaque;

	return status_of(b->provider->ops->back(b->provider, first, nr));
}

static enum virtio_cma_status host_pin(void *opaque, uint64_t first, uint64_t nr)
{
	struct bench *b = opaque;

	return status_of(b->provider->ops->pin(b->provider, first, nr));
}

static void host_unpin(void *opaque, uint64_t first, uint64_t nr)
{
	struct bench *b = opaque;

	if (b->by_host)
		for (uint32_t id = 0; id < NR_CLIENTS; id++)
			assert_false(b->bus_master[id]);
	assert_int_equal(b->provider->ops->unpin(b->provider, first, nr), 0);
	/* may fail: then the pages stay, which the engine finds out */
	if (b->discard)
		b->provider->ops->discard(b->provider, first, nr);
}

static enum virtio_cma_status host_dma_addr(void *opaque, uint64_t first, uint64_t nr, uint64_t *dma)
{
	struct bench *b = opaque;

	return status_of(b->provider->ops->hpa(b->provider, first, nr, dma));
}

static enum virtio_cma_status host_claim(void *opaque, uint32_t client)
{
	struct bench *b = opaque;

	assert_false(b->bus_master[client]);
	b->bus_master[client] = true;
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status host_quiesce(void *opaque, uint32_t client)
{
	struct bench *b = opaque;

	if (below(b, 100) < b->fail_quiesce)
		return VIRTIO_CMA_S_IO;
	b->bus_master[client] = false;
	return VIRTIO_CMA_S_OK;
}

static const struct hvcma_engine_ops host_ops = {
	.back = host_back, .pin = host_pin, .unpin = host_unpin,
	.dma_addr = host_dma_addr, .claim = host_claim, .quiesce = host_quiesce,
};

static void host_move(struct bench *b)
{
	/* -EBUSY for pinned ones is as good */
	hvcma_fake_move(b->provider, below(b, NR), (UINT64_C(1) << 40) + below(b, 1000) * GRANULE);
}

/* --- the guest -------------------------------------------------------- */

static uint32_t send(struct bench *b, void *req, uint32_t op, size_t bytes)
{
	struct virtio_cma_req_hdr hdr = { hvcma_to_le32(op), hvcma_to_le32((uint32_t)bytes) };
	struct virtio_cma_resp_hdr resp;
	size_t used = 0;

	memcpy(req, &hdr, sizeof(hdr));
	/* between the turns of a slow request the host goes on */
	while (!hvcma_engine_request(b->engine, req, bytes, b->resp, sizeof(b->resp), false,
				     &used)) {
		assert_true(b->with_resvs);
		host_move(b);
	}
	assert_true(used >= sizeof(resp));
	memcpy(&resp, b->resp, sizeof(resp));
	if (resp.status)
		b->nr_refused++;
	else
		b->nr_ok++;
	return hvcma_from_le32(resp.status);
}

/* A correct guest is never told that its request was malformed. */
static void expect_sensible(uint32_t status)
{
	assert_int_not_equal(status, VIRTIO_CMA_S_INVAL);
	assert_int_not_equal(status, VIRTIO_CMA_S_UNSUPP);
	assert_int_not_equal(status, VIRTIO_CMA_S_TOO_BIG);
	assert_int_not_equal(status, VIRTIO_CMA_S_RANGE);
	assert_int_not_equal(status, VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_not_equal(status, VIRTIO_CMA_S_NO_CLIENT);
}

/* Of the clients: one reaches all at other addresses, one in two parts and not what is between. */
static const struct {
	uint32_t nr;
	struct hvcma_dma_window list[2];
} windows_of[NR_CLIENTS] = {
	{ 1, { { 0, 0, UINT64_MAX - 4095 } } },
	{ 2, { { 0x80000000, HPA, NR / 4 * GRANULE },
	       { 0, HPA + NR / 2 * GRANULE + 0x1000, NR / 4 * GRANULE } } },
	{ 1, { { 0x1000000000, 0, 0x1000000000 } } },
};

static void windows_make(struct hvcma_dma_windows *w, uint32_t client)
{
	struct hvcma_dma_windows_error err;

	assert_int_equal(hvcma_dma_windows_set(w, windows_of[client].list, windows_of[client].nr,
					       &err), 0);
}

/* Where the one who asked finds what he got. */
static uint64_t bus_of(const struct bench *b, uint32_t client, uint64_t dma, uint64_t bytes)
{
	struct hvcma_dma_windows w;
	uint64_t bus = dma;

	if (!b->windows || client == VIRTIO_CMA_CLIENT_SHARED)
		return dma;
	windows_make(&w, client);
	assert_true(hvcma_dma_windows_to_bus(&w, dma, bytes, &bus));
	return bus;
}

static void add_block(struct bench *b, uint64_t gpa, uint64_t dma, uint64_t bytes, uint32_t client,
		      uint64_t max_bus)
{
	struct block block = { (gpa - GPA) / GRANULE, bytes / GRANULE };

	assert_true(gpa >= GPA && !(gpa % GRANULE) && bytes && !(bytes % GRANULE));
	assert_true(block.first < NR && block.nr <= NR - block.first);
	assert_true(bus_of(b, client, dma, bytes) + (bytes - 1) <= max_bus);
	for (uint64_t i = 0; i < block.nr; i++) {
		uint64_t hpa = 0;

		assert_false(b->is_allocated[block.first + i]);
		b->is_allocated[block.first + i] = true;
		assert_int_equal(hvcma_engine_granule_state(b->engine, block.first + i) &
				 VIRTIO_CMA_GRANULE_STATE_MASK, VIRTIO_CMA_GRANULE_PINNED);
		if (!b->provider->ops->hpa(b->provider, block.first + i, 1, &hpa))
			assert_int_equal(hpa, dma + i * GRANULE);
	}
	b->held[b->nr_held++] = block;
}

static struct block remove_block(struct bench *b, size_t i)
{
	struct block block = b->held[i];

	memset(&b->is_allocated[block.first], 0, block.nr);
	b->held[i] = b->held[--b->nr_held];
	return block;
}

static struct virtio_cma_range range_of(struct block block)
{
	return (struct virtio_cma_range){
		.base_gpa = hvcma_to_le64(GPA + block.first * GRANULE),
		.bytes = hvcma_to_le64(block.nr * GRANULE),
	};
}

static void guest_claim(struct bench *b)
{
	struct virtio_cma_client_req req = {
		.client = hvcma_to_le32((uint32_t)below(b, NR_CLIENTS)),
	};

	expect_sensible(send(b, &req, below(b, 3) ? VIRTIO_CMA_OP_CLAIM : VIRTIO_CMA_OP_RELEASE,
			     sizeof(req)));
}

static uint32_t some_client(struct bench *b)
{
	return b->with_resvs && below(b, 3) ? (uint32_t)below(b, NR_CLIENTS)
					   : VIRTIO_CMA_CLIENT_SHARED;
}

/* Memory for several, within reach of this one. */
static uint32_t some_sharing(struct bench *b, uint32_t client)
{
	return b->windows && client != VIRTIO_CMA_CLIENT_SHARED && below(b, 2) ?
	       VIRTIO_CMA_ALLOC_SHARED : 0;
}

static uint64_t some_limit(struct bench *b)
{
	return below(b, 4) ? UINT64_MAX : (UINT64_C(1) << 32) - 1;
}

static void guest_alloc(struct bench *b)
{
	uint32_t client = some_client(b), flags = (uint32_t)below(b, 4);
	uint64_t max_dma = some_limit(b);
	struct virtio_cma_alloc_req req = {
		.bytes = hvcma_to_le64(1 + below(b, below(b, 8) ? 16 * GRANULE : NR * GRANULE / 4)),
		.align_bytes = hvcma_to_le64(below(b, 3) ? 0 : GRANULE << below(b, 3)),
		.max_dma_addr = hvcma_to_le64(max_dma),
		.flags = hvcma_to_le32(flags | some_sharing(b, client)),
		.client = hvcma_to_le32(client),
		.purpose = hvcma_to_le32(VIRTIO_CMA_PURPOSE_COHERENT),
	};
	uint32_t status = send(b, &req, VIRTIO_CMA_OP_ALLOC, sizeof(req));
	struct virtio_cma_alloc_resp resp;
	uint64_t granted = 0;

	expect_sensible(status);
	if (status)
		return;
	memcpy(&resp, b->resp, sizeof(resp));
	for (uint32_t i = 0; i < hvcma_from_le32(resp.nr_blocks); i++) {
		struct virtio_cma_block block;

		memcpy(&block, b->resp + sizeof(resp) + i * sizeof(block), sizeof(block));
		add_block(b, hvcma_from_le64(block.base_gpa), hvcma_from_le64(block.base_dma),
		     hvcma_from_le64(block.bytes), client, max_dma);
		granted += hvcma_from_le64(block.bytes);
	}
	assert_true(granted >= hvcma_from_le64(req.bytes));
	assert_true(granted < hvcma_from_le64(req.bytes) + GRANULE);
}

static void guest_fill_pool(struct bench *b)
{
	uint64_t max_dma = some_limit(b), granules = 1 + below(b, 2);
	uint32_t client = some_client(b), flags = (uint32_t)below(b, 2) * VIRTIO_CMA_ALLOC_FAST;
	struct virtio_cma_bulk_req req = {
		.block_bytes = hvcma_to_le64(granules * GRANULE),
		.max_dma_addr = hvcma_to_le64(max_dma),
		.flags = hvcma_to_le32(flags | some_sharing(b, client)),
		.client = hvcma_to_le32(client),
		.purpose = hvcma_to_le32(VIRTIO_CMA_PURPOSE_POOL),
		.nr_blocks = hvcma_to_le32(1 + (uint32_t)below(b, POOL_BLOCKS)),
	};
	uint32_t status = send(b, &req, VIRTIO_CMA_OP_ALLOC_BULK, sizeof(req));
	struct virtio_cma_bulk_resp resp;

	expect_sensible(status);
	if (status)
		return;
	memcpy(&resp, b->resp, sizeof(resp));
	assert_int_not_equal(resp.nr_blocks, 0);
	assert_int_equal(resp.nr_blocks == req.nr_blocks, resp.stop_status == 0);
	for (uint32_t i = 0; i < hvcma_from_le32(resp.nr_blocks); i++) {
		struct virtio_cma_bulk_block block;

		memcpy(&block, b->resp + sizeof(resp) + i * sizeof(block), sizeof(block));
		add_block(b, hvcma_from_le64(block.base_gpa), hvcma_from_le64(block.base_dma),
		     granules * GRANULE, client, max_dma);
	}
}

static void guest_free(struct bench *b)
{
	struct {
		struct virtio_cma_req_hdr hdr;
		__le32 nr_ranges, reserved;
		struct virtio_cma_range ranges[32];
	} req = { 0 };
	size_t nr = 1 + below(b, 32), kept = b->nr_held;
	uint32_t status;

	if (nr > b->nr_held)
		nr = b->nr_held;
	if (!nr)
		return;
	for (size_t i = 0; i < nr; i++) {
		size_t pick = below(b, kept);
		struct block block = b->held[pick];

		req.ranges[i] = range_of(block);
		b->held[pick] = b->held[--kept];	/* chosen ones gather at the end */
		b->held[kept] = block;
	}
	req.nr_ranges = hvcma_to_le32((uint32_t)nr);
	status = send(b, &req, VIRTIO_CMA_OP_FREE,
		      offsetof(__typeof__(req), ranges) + nr * sizeof(req.ranges[0]));
	expect_sensible(status);
	while (!status && b->nr_held > kept)
		remove_block(b, b->nr_held - 1);
}

static void guest_busy(struct bench *b)
{
	struct {
		struct virtio_cma_req_hdr hdr;
		struct virtio_cma_range block;
		__le32 action, nr_ranges, why, reserved;
		struct virtio_cma_range range;
	} req = { 0 };

	if (below(b, 2)) {
		req.action = hvcma_to_le32(VIRTIO_CMA_BUSY_CLEAR);
		req.nr_ranges = hvcma_to_le32(1);
		req.range = range_of((struct block){ 0, NR });
		assert_int_equal(send(b, &req, VIRTIO_CMA_OP_BUSY, sizeof(req)), 0);
	} else if (b->nr_held) {
		size_t i = below(b, b->nr_held);
		uint32_t status;

		req.block = range_of(b->held[i]);
		status = send(b, &req, VIRTIO_CMA_OP_BUSY, offsetof(__typeof__(req), range));
		expect_sensible(status);
		if (!status)
			remove_block(b, i);
	}
}

/* --- the host's own doings -------------------------------------------- */

static void host_fault(struct bench *b)
{
	static const int errors[] = { -ENOMEM, -EDQUOT, -ENODATA, -EIO, -EBUSY };

	hvcma_fake_inject(b->provider, (enum hvcma_fake_method)below(b, HVCMA_FAKE_NR_METHODS),
			  below(b, 4), 1 + below(b, 6), errors[below(b, 5)]);
}

static void forget_all(struct bench *b)
{
	b->nr_held = 0;
	memset(b->is_allocated, 0, sizeof(b->is_allocated));
}

static void host_reset(struct bench *b)
{
	b->by_host = true;
	hvcma_engine_reset(b->engine);
	b->by_host = false;
	forget_all(b);
}

static enum virtio_cma_status host_plug(struct bench *b, uint32_t id)
{
	struct hvcma_dma_windows windows;
	const struct hvcma_client_info info = {
		.bus = VIRTIO_CMA_BUS_PCI,
		.windows = &windows,
		.windows_source = VIRTIO_CMA_SOURCE_OPTION,
		.name = "nv",
		.resv = b->with_resvs ? (uint8_t)id : 0,
	};

	windows_make(&windows, id);
	return hvcma_engine_client_added(b->engine, id, &info);
}

static void host_replug(struct bench *b)
{
	uint32_t id = (uint32_t)below(b, NR_CLIENTS);

	hvcma_engine_client_removed(b->engine, id);
	host_plug(b, id);
}

/* --- together --------------------------------------------------------- */

static uint64_t provider_pinned(const struct bench *b)
{
	struct hvcma_provider_stats stats;

	b->provider->ops->stats(b->provider, &stats);
	return stats.pinned_bytes;
}

static void check(const struct bench *b)
{
	struct hvcma_engine_counters counters;
	uint64_t held = 0;

	hvcma_engine_counters(b->engine, &counters);
	for (size_t i = 0; i < b->nr_held; i++)
		held += b->held[i].nr * GRANULE;
	assert_int_equal(provider_pinned(b), counters.pinned_bytes);
	/* more only if a reset left blocks behind because a device was not quiesced */
	if (b->fail_quiesce)
		assert_true(held <= counters.allocated_bytes);
	else
		assert_int_equal(held, counters.allocated_bytes);
	/* or if some are on their way out */
	if (b->fail_quiesce || hvcma_engine_is_draining(b->engine))
		assert_true(held <= counters.pinned_bytes);
	else
		assert_int_equal(held, counters.pinned_bytes);
	assert_int_equal(counters.nr_bad_requests, 0);
	assert_true(hvcma_engine_is_valid(b->engine));
}

static void step(struct bench *b)
{
	uint64_t what = below(b, 100);

	if (what < 25)
		guest_alloc(b);
	else if (what < 45)
		guest_fill_pool(b);
	else if (what < 75)
		guest_free(b);
	else if (what < 79)
		guest_busy(b);
	else if (what < 85)
		guest_claim(b);
	else if (what < 90)
		host_fault(b);
	else if (what < 96)
		host_move(b);
	else if (what < 97)
		host_replug(b);
	else if (what < 98)
		hvcma_engine_drain(b->engine);
	else if (what < 99)
		hvcma_engine_refresh(b->engine);
	else
		host_reset(b);
	check(b);
}

static struct bench *bench_make(const struct setup *setup, uint64_t seed)
{
	static const uint64_t resv_bytes[NR_CLIENTS - 1] = {
		NR / 8 * GRANULE, NR / 4 * GRANULE,
	};
	struct bench *b = calloc(1, sizeof(*b));
	const struct hvcma_provider_config provider = {
		.name = "banka", .bytes = NR * GRANULE, .granule_bytes = GRANULE,
		.page_bytes = GRANULE, .fd = -1, .need_hpa = true,
		.pin_limit_bytes = setup->pin_limit_granules * GRANULE,
	};
	const struct hvcma_engine_config config = {
		.region_base_gpa = GPA, .region_bytes = NR * GRANULE, .granule_bytes = GRANULE,
		.nr_clients = NR_CLIENTS, .policy = setup->policy, .name = "banka",
		.unpin_discards = setup->discard,
		.nr_resvs = setup->with_resvs ? NR_CLIENTS - 1 : 0,
		.resv_bytes = resv_bytes,
		.back_max_granules = setup->with_resvs ? 13 : 0,
		.pin_max_granules = setup->with_resvs ? 5 : 0,
	};
	size_t bytes = hvcma_engine_buffer_bytes(&config);

	assert_non_null(b);
	b->random = seed;
	b->discard = setup->discard;
	b->with_resvs = setup->with_resvs;
	assert_int_equal(hvcma_provider_fake_create(&provider, &setup->fake, &b->provider, NULL),
			 0);
	b->buffer = aligned_alloc(64, bytes);
	memset(b->buffer, 0, bytes);
	assert_int_equal(hvcma_engine_init(b->buffer, bytes, &config, &host_ops, b, &b->engine), 0);
	/* every second guest is one that knows no features */
	b->windows = seed % 2;
	hvcma_engine_set_features(b->engine, seed % 2 ? UINT64_MAX : 0);
	for (uint32_t id = 0; id < NR_CLIENTS; id++)
		assert_int_equal(host_plug(b, id), 0);
	return b;
}

static void bench_free(struct bench *b)
{
	/* the devices come to rest in the end */
	b->fail_quiesce = 0;
	b->by_host = true;
	assert_int_equal(hvcma_engine_fini(b->engine), 0);
	for (uint32_t id = 0; id < NR_CLIENTS; id++)
		assert_false(b->bus_master[id]);
	assert_int_equal(provider_pinned(b), 0);
	b->provider->ops->destroy(b->provider);
	free(b->buffer);
	free(b);
}

static void run(const struct setup *setup, unsigned int fail_quiesce, uint64_t seed)
{
	struct bench *b = bench_make(setup, seed);

	b->fail_quiesce = fail_quiesce;
	for (int i = 0; i < NR_STEPS; i++)
		step(b);
	printf("# %s, seed %" PRIu64 ": %" PRIu64 " requests served, %" PRIu64 " refused\n",
	       setup->text, seed, b->nr_ok, b->nr_refused);
	/* the run says something only if both happened often */
	assert_true(b->nr_ok > NR_STEPS / 5 && b->nr_refused > NR_STEPS / 100);
	bench_free(b);
}

static const struct setup setups[] = {
	{ "best-fit, one extent", HVCMA_BEST_FIT, { .base_hpa = HPA }, 0, false, false },
	{ "best-fit, extents of 7 scrambled", HVCMA_BEST_FIT,
	  { .base_hpa = HPA, .extent_granules = 7, .shuffle = true }, 0, true, false },
	{ "best-fit, extents of 64, pin limit", HVCMA_BEST_FIT,
	  { .base_hpa = HPA, .extent_granules = 64, .shuffle = true }, NR / 4, false, false },
	{ "first-fit, backed from the start", HVCMA_FIRST_FIT,
	  { .base_hpa = HPA, .extent_granules = 100, .prebacked = true }, 0, false, false },
	{ "next-fit, discarding", HVCMA_NEXT_FIT, { .base_hpa = HPA, .extent_granules = 16 }, 0,
	  true, false },
	{ "best-fit, reservations, discarding", HVCMA_BEST_FIT,
	  { .base_hpa = HPA, .extent_granules = 64 }, 0, true, true },
};

static void nothing_stays_pinned(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			run(&setups[i], 0, seed);
}

static void nothing_is_unpinned_under_a_device(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		for (uint64_t seed = 11; seed <= 13; seed++)
			run(&setups[i], 50, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_stays_pinned),
		cmocka_unit_test(nothing_is_unpinned_under_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
