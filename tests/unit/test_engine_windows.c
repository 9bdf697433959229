// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Windows of clients in the engine: WINDOWS, CLAIM of a driver that knows none, where ALLOC
 * and ALLOC_BULK place blocks for one client, for several, and for nobody. How windows
 * translate is test_dma_windows.c's, how the allocator searches by them test_alloc_model.c's.
 */
#include "engine_rig.h"

#define BIT(x)		(UINT64_C(1) << VIRTIO_CMA_F_##x)
#define ALL		((UINT64_C(1) << VIRTIO_CMA_NR_FEATURES) - 1)
#define OLD		(ALL & ~BIT(WINDOWS))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define FOR_SEVERAL	VIRTIO_CMA_ALLOC_SHARED

/* Granules 0 to 3 at the bottom of the bus, 6 and 7 (5 in part) far above. */
static const struct hvcma_dma_window low[] = {
	{ 0, DMA, 4 * GRANULE },
	{ 0x1000000000 + GRANULE / 2, DMA + 5 * GRANULE + GRANULE / 2, 2 * GRANULE + GRANULE / 2 },
};
/* The other half, by another offset. */
static const struct hvcma_dma_window high[] = {
	{ 0x40000000, DMA + 4 * GRANULE, 4 * GRANULE },
};

static void add_client(struct rig *r, uint32_t id, const struct hvcma_dma_window *list,
		       uint32_t nr)
{
	struct hvcma_dma_windows_error err;
	struct hvcma_dma_windows w;
	const struct hvcma_client_info info = {
		.bus = VIRTIO_CMA_BUS_PCI,
		.name = "nv",
		.path = "0000:00/02.0",
		.windows = &w,
		.windows_source = VIRTIO_CMA_SOURCE_OPTION,
	};

	assert_int_equal(hvcma_dma_windows_set(&w, list, nr, &err), 0);
	hvcma_engine_client_removed(r->engine, id);
	assert_int_equal(hvcma_engine_client_added(r->engine, id, &info), 0);
}

/* 8 granules; client 0 has the windows low, 1 high, 2 identity. */
static struct rig *make(bool backed)
{
	struct rig *r = rig_make(8, backed);

	add_client(r, 0, low, ARRAY_SIZE(low));
	add_client(r, 1, high, ARRAY_SIZE(high));
	rig_add_client(r, 2, 0);
	hvcma_engine_set_features(r->engine, ALL);
	return r;
}

static uint32_t alloc_below(struct rig *r, uint64_t granules, uint32_t flags, uint32_t client,
			    uint64_t align, uint64_t max)
{
	struct virtio_cma_alloc_req req;

	rig_alloc_req(&req, granules, flags);
	req.client = hvcma_to_le32(client);
	req.align_bytes = hvcma_to_le64(align);
	req.max_dma_addr = hvcma_to_le64(max);
	return rig_send(r, &req, sizeof(req));
}

static uint32_t alloc(struct rig *r, uint64_t granules, uint32_t flags, uint32_t client)
{
	return alloc_below(r, granules, flags, client, 0, ANYWHERE);
}

static uint32_t windows(struct rig *r, uint32_t client)
{
	const struct virtio_cma_windows_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_WINDOWS, sizeof(req)),
		.client = hvcma_to_le32(client),
	};

	return rig_send(r, &req, sizeof(req));
}

#define expect_windows(r, list, from)						\
	do {									\
		struct virtio_cma_windows_resp resp_;				\
		struct virtio_cma_window w_;					\
										\
		memcpy(&resp_, (r)->resp, sizeof(resp_));			\
		assert_int_equal(hvcma_from_le32(resp_.nr_windows), ARRAY_SIZE(list)); \
		assert_int_equal(hvcma_from_le32(resp_.source), VIRTIO_CMA_SOURCE_##from); \
		assert_int_equal(hvcma_from_le32(resp_.window_bytes), sizeof(w_)); \
		assert_int_equal(resp_.reserved, 0);				\
		assert_int_equal((r)->used, sizeof(resp_) + ARRAY_SIZE(list) * sizeof(w_)); \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(list); i_++) {		\
			memcpy(&w_, (r)->resp + sizeof(resp_) + i_ * sizeof(w_), sizeof(w_)); \
			assert_int_equal(hvcma_from_le64(w_.bus_base), (list)[i_].bus_base); \
			assert_int_equal(hvcma_from_le64(w_.base_dma), (list)[i_].dma_base); \
			assert_int_equal(hvcma_from_le64(w_.bytes), (list)[i_].bytes);	\
		}								\
	} while (0)

static void the_driver_is_told(void **state)
{
	static const struct hvcma_dma_window identity[] = { { 0, 0, UINT64_MAX - 4095 } };
	struct virtio_cma_windows_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_WINDOWS, sizeof(req)),
	};
	struct rig *r = make(true);

	(void)state;
	assert_int_equal(windows(r, 0), VIRTIO_CMA_S_OK);
	expect_windows(r, low, OPTION);
	assert_int_equal(windows(r, 1), VIRTIO_CMA_S_OK);
	expect_windows(r, high, OPTION);
	assert_int_equal(windows(r, 2), VIRTIO_CMA_S_OK);
	expect_windows(r, identity, NONE);

	expect_refusal(r, windows(r, 3), NO_CLIENT, 3);
	hvcma_engine_client_removed(r->engine, 2);
	expect_refusal(r, windows(r, 2), CLIENT_STATE, 2);
	req.reserved = hvcma_to_le32(1);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), INVAL, 12);
	req.reserved = 0;
	expect_refusal(r, rig_send(r, &req, sizeof(req) - 1), INVAL, 4);
	req.hdr.bytes = hvcma_to_le32(15);
	expect_refusal(r, rig_send(r, &req, sizeof(req) - 1), INVAL, 4);
	r->resp_room = sizeof(struct virtio_cma_windows_resp) + 2 * 24 - 1;
	expect_refusal(r, windows(r, 0), TOO_BIG, r->resp_room);
	r->resp_room++;
	assert_int_equal(windows(r, 0), VIRTIO_CMA_S_OK);
	r->resp_room = VIRTIO_CMA_MAX_RESPONSE_BYTES;

	/* as long as the client is there, whatever the driver does */
	hvcma_engine_reset(r->engine);
	assert_int_equal(windows(r, 1), VIRTIO_CMA_S_OK);
	expect_windows(r, high, OPTION);
	rig_free(r);
}

/* Never a wrong address: a driver that would hand out others than the bus has gets no client. */
static void who_knows_no_windows_gets_no_client(void **state)
{
	static const uint64_t features[] = { 0, BIT(VERSION_1), OLD };
	struct rig *r = make(true);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		hvcma_engine_set_features(r->engine, features[i]);
		expect_refusal(r, rig_claim_client(r, 0), REFUSED,
			       VIRTIO_CMA_REFUSED_DETAIL(0, VIRTIO_CMA_REASON_WINDOWS));
		assert_int_equal(hvcma_engine_client_state(r->engine, 0),
				 VIRTIO_CMA_CLIENT_PRESENT);
		assert_int_equal(rig_claim_client(r, 2), VIRTIO_CMA_S_OK);
		assert_int_equal(rig_release_client(r, 2), VIRTIO_CMA_S_OK);
		expect_refusal(r, windows(r, 0), UNSUPP, 0);
		expect_refusal(r, alloc(r, 1, CONTIG | FOR_SEVERAL, 2), UNSUPP, 32);
	}
	expect_log(r, "claim 2 quiesce 2 claim 2 quiesce 2 claim 2 quiesce 2 ");
	hvcma_engine_set_features(r->engine, ALL);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void blocks_are_where_their_client_reaches_them(void **state)
{
	struct rig *r = make(true);

	(void)state;
	assert_int_equal(alloc(r, 4, CONTIG, 0), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 4);
	assert_int_equal(alloc(r, 2, CONTIG, 0), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 6, 2);
	/* 4 and 5 are free, and not for it */
	expect_refusal(r, alloc(r, 1, CONTIG, 0), ADDR_LIMIT, DMA + 4 * GRANULE);
	expect_refusal(r, alloc(r, 1, CONTIG | FAST, 0), ADDR_LIMIT, 0);
	expect_refusal(r, alloc(r, 1, 0, 0), ADDR_LIMIT, DMA + 4 * GRANULE);
	assert_int_equal(alloc(r, 1, CONTIG, 1), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 4, 1);
	assert_int_equal(alloc(r, 1, CONTIG, 2), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 5, 1);
	rig_free(r);
}

static void no_block_lies_in_two_windows(void **state)
{
	static const struct hvcma_dma_window halves[] = {
		{ 0, DMA, 3 * GRANULE },
		{ 0x80000000, DMA + 3 * GRANULE, 5 * GRANULE },
	};
	struct rig *r = make(true);

	(void)state;
	add_client(r, 0, halves, ARRAY_SIZE(halves));
	/* Memory has 8 in one piece, the bus has not. */
	expect_refusal(r, alloc(r, 6, CONTIG, 0), ADDR_LIMIT, DMA);
	assert_int_equal(alloc(r, 5, CONTIG, 0), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 3, 5);
	assert_int_equal(rig_free_block(r, 3, 5), VIRTIO_CMA_S_OK);
	/* Gathered, each piece in one. */
	assert_int_equal(alloc(r, 8, 0, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_blocks(r), 2);
	expect_block(r, 0, 3, 5);
	expect_block(r, 1, 0, 3);
	rig_free(r);
}

static void limit_and_alignment_are_of_the_bus(void **state)
{
	static const struct hvcma_dma_window moved[] = {
		{ 13 * GRANULE, DMA, 8 * GRANULE },
	};
	struct rig *r = make(true);

	(void)state;
	/* DMA addresses of all are above 4 GiB, bus addresses of client 1 from 1 GiB on. */
	assert_int_equal(alloc_below(r, 1, CONTIG, 1, 0, UINT32_MAX), VIRTIO_CMA_S_OK);
	expect_refusal(r, alloc_below(r, 1, CONTIG, SHARED, 0, UINT32_MAX), ADDR_LIMIT, DMA);
	expect_refusal(r, alloc_below(r, 1, CONTIG, 1, 0, 0x3fffffff), ADDR_LIMIT, DMA);
	assert_int_equal(rig_free_block(r, 4, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(alloc_below(r, 1, CONTIG, 1, 0, 0x40000000 + GRANULE - 1),
			 VIRTIO_CMA_S_OK);
	expect_block(r, 0, 4, 1);
	expect_refusal(r, alloc_below(r, 1, CONTIG, 1, 0, 0x40000000 + 2 * GRANULE - 2),
		       ADDR_LIMIT, DMA);
	/* Granule 3 is at 16 granules on this bus, and nothing else is so aligned there. */
	add_client(r, 2, moved, ARRAY_SIZE(moved));
	assert_int_equal(alloc_below(r, 1, CONTIG, 2, 16 * GRANULE, ANYWHERE), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 3, 1);
	assert_int_equal(alloc_below(r, 1, CONTIG, 2, 16 * GRANULE, ANYWHERE),
			 VIRTIO_CMA_S_ADDR_LIMIT);
	rig_free(r);
}

/* A granule at bus address x + half a granule can't be aligned to a granule there. */
static void what_the_bus_misaligns_is_not_taken(void **state)
{
	static const struct hvcma_dma_window odd[] = {
		{ GRANULE / 2, DMA, 8 * GRANULE },
	};
	struct rig *r = make(true);

	(void)state;
	add_client(r, 0, odd, ARRAY_SIZE(odd));
	expect_refusal(r, alloc_below(r, 1, CONTIG, 0, GRANULE, ANYWHERE), ADDR_LIMIT, DMA);
	assert_int_equal(alloc_below(r, 1, CONTIG, 0, GRANULE / 2, ANYWHERE), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void a_shared_block_is_placed_for_the_client_it_names(void **state)
{
	uint64_t first, nr;
	uint32_t client, purpose;
	struct rig *r = make(true);

	(void)state;
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(alloc(r, 2, CONTIG | FOR_SEVERAL, 1), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 4, 2);
	assert_true(hvcma_engine_next_block(r->engine, 0, &first, &nr, &client, &purpose));
	assert_int_equal(first, 4);
	assert_int_equal(client, SHARED);
	expect_refusal(r, alloc(r, 1, CONTIG | FOR_SEVERAL, SHARED), INVAL, 36);
	expect_refusal(r, alloc(r, 1, CONTIG | FOR_SEVERAL, 3), NO_CLIENT, 3);
	/* for nobody: anywhere */
	assert_int_equal(alloc(r, 4, CONTIG, SHARED), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 4);
	rig_free(r);
}

static void bulk_obeys_as_well(void **state)
{
	struct rig *r = make(true);
	struct virtio_cma_bulk_req req = rig_bulk_req(1, 8, 0);
	struct virtio_cma_bulk_resp resp;

	(void)state;
	req.client = hvcma_to_le32(1);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	memcpy(&resp, r->resp, sizeof(resp));
	assert_int_equal(hvcma_from_le32(resp.nr_blocks), 4);
	assert_int_equal(hvcma_from_le32(resp.stop_status), VIRTIO_CMA_S_ADDR_LIMIT);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(r->host[i].pinned, i >= 4);
	rig_free(r);
}

/* Pages come from where the host has them: it goes on until some are within reach. */
static void memory_is_backed_until_some_is_reached(void **state)
{
	struct rig *r = make(false);

	(void)state;
	assert_int_equal(alloc(r, 1, CONTIG, 1), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 4, 1);
	assert_false(r->host[5].backed);
	assert_int_equal(alloc(r, 4, CONTIG, SHARED), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 4);
	/* What no window could ever hold is not looked for. */
	r->log[0] = 0;
	assert_int_equal(alloc(r, 5, CONTIG, 1), VIRTIO_CMA_S_NO_SPACE);
	expect_refusal(r, alloc_below(r, 1, CONTIG, 1, 0, 0x3fffffff), NO_SPACE, 0);
	expect_log(r, "");
	rig_free(r);
}

static void a_page_that_moved_out_of_reach_is_not_kept(void **state)
{
	struct rig *r = make(true);

	(void)state;
	r->moves[0].granule = 4;
	r->moves[0].dma = DMA + 100 * GRANULE;
	r->nr_moves = 1;
	assert_int_equal(alloc(r, 1, CONTIG, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(r->nr_moves, 0);
	expect_block(r, 0, 5, 1);
	assert_false(r->host[4].pinned);
	rig_free(r);
}

/* A request that is not finished when its client is replaced begins anew. */
static void another_client_has_other_windows(void **state)
{
	struct hvcma_engine_config config = rig_config(8);
	struct virtio_cma_alloc_req req;
	struct rig *r;

	(void)state;
	config.pin_max_granules = 1;
	r = rig_make_config(&config, true);
	add_client(r, 0, low, ARRAY_SIZE(low));
	hvcma_engine_set_features(r->engine, ALL);
	rig_alloc_req(&req, 3, CONTIG);
	req.client = 0;
	assert_false(rig_turn(r, &req, sizeof(req)));
	assert_true(r->host[0].pinned);
	add_client(r, 0, high, ARRAY_SIZE(high));
	while (!rig_turn(r, &req, sizeof(req)))
		;
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_block(r, 0, 4, 3);
	assert_false(r->host[0].pinned);
	rig_free(r);
}

static void the_host_can_ask_what_is_reached(void **state)
{
	static const struct hvcma_dma_window nothing[] = {
		{ 0, 0x1000, GRANULE },		/* no aligned granule in it */
		{ GRANULE, 0x10000000, GRANULE / 2 },
	};
	static const uint64_t seen[] = {
		4 * GRANULE, HVCMA_DMA_UNKNOWN, 3 * GRANULE, 5 * GRANULE,
	};
	struct hvcma_dma_windows_error err;
	struct hvcma_dma_windows w;
	struct hvcma_reach reach;
	struct rig *r = make(true);

	(void)state;
	hvcma_engine_reach(r->engine, hvcma_engine_client_windows(r->engine, 0, NULL), UINT64_MAX,
			   &reach);
	assert_int_equal(reach.nr_reached, 6);
	assert_int_equal(reach.nr_missed, 2);
	assert_int_equal(reach.nr_unknown, 0);
	assert_int_equal(reach.lowest_dma, DMA);
	assert_int_equal(reach.highest_dma, DMA + 7 * GRANULE);
	assert_true(reach.has_room);
	/* by address bits: 1:1, all but what ends above */
	hvcma_dma_windows_identity(&w);
	hvcma_engine_reach(r->engine, &w, DMA + 3 * GRANULE - 1, &reach);
	assert_int_equal(reach.nr_reached, 3);
	assert_int_equal(reach.nr_missed, 5);
	hvcma_engine_reach(r->engine, &w, DMA + 3 * GRANULE - 2, &reach);
	assert_int_equal(reach.nr_reached, 2);
	hvcma_engine_reach(r->engine, &w, GRANULE - 2, &reach);
	assert_int_equal(reach.nr_reached, 0);
	assert_false(reach.has_room);
	assert_int_equal(hvcma_dma_windows_set(&w, nothing, 2, &err), 0);
	hvcma_engine_reach(r->engine, &w, UINT64_MAX, &reach);
	assert_int_equal(reach.nr_reached, 0);
	assert_false(reach.has_room);
	rig_free(r);

	r = make(false);
	hvcma_dma_windows_identity(&w);
	hvcma_engine_reach(r->engine, &w, UINT64_MAX, &reach);
	hvcma_engine_reach_at(r->engine, &w, 4 * GRANULE - 1, seen, 4, &reach);
	assert_int_equal(reach.nr_reached, 1);
	assert_int_equal(reach.nr_missed, 2);
	assert_int_equal(reach.nr_unknown, 1);
	assert_int_equal(reach.lowest_dma, 3 * GRANULE);
	assert_int_equal(reach.highest_dma, 5 * GRANULE);
	assert_true(reach.has_room);
	assert_int_equal(hvcma_dma_windows_set(&w, nothing, 2, &err), 0);
	hvcma_engine_reach(r->engine, &w, UINT64_MAX, &reach);
	assert_int_equal(reach.nr_unknown, 8);
	assert_int_equal(reach.lowest_dma, HVCMA_DMA_UNKNOWN);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_driver_is_told),
		cmocka_unit_test(who_knows_no_windows_gets_no_client),
		cmocka_unit_test(blocks_are_where_their_client_reaches_them),
		cmocka_unit_test(no_block_lies_in_two_windows),
		cmocka_unit_test(limit_and_alignment_are_of_the_bus),
		cmocka_unit_test(what_the_bus_misaligns_is_not_taken),
		cmocka_unit_test(a_shared_block_is_placed_for_the_client_it_names),
		cmocka_unit_test(bulk_obeys_as_well),
		cmocka_unit_test(memory_is_backed_until_some_is_reached),
		cmocka_unit_test(a_page_that_moved_out_of_reach_is_not_kept),
		cmocka_unit_test(another_client_has_other_windows),
		cmocka_unit_test(the_host_can_ask_what_is_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
