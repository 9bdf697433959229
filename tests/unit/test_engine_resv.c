// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reservations: who may have how much, by example and beside a model that keeps
 * them the slow way; and requests that take several turns to be backed.
 */
#include "tests/unit/engine_rig.h"

/* 10 granules: 3 for client 0, 2 for client 1, 5 shared. */
static struct rig *make_resvs(uint64_t pin_limit_granules)
{
	static const uint64_t resv_bytes[] = { 3 * GRANULE, 2 * GRANULE };
	struct hvcma_engine_config config = rig_config(10);
	struct hvcma_client_info info = { .bus = VIRTIO_CMA_BUS_PCI };
	struct rig *r = rig_host(10, true);

	config.nr_resvs = 2;
	config.resv_bytes = resv_bytes;
	config.pin_limit_bytes = pin_limit_granules * GRANULE;
	rig_start(r, &config);
	for (uint32_t id = 0; id < 3; id++) {
		info.resv = id == 2 ? 0 : (uint8_t)(id + 1);
		assert_int_equal(hvcma_engine_client_added(r->engine, id, &info), 0);
	}
	return r;
}

static uint32_t alloc_for(struct rig *r, uint32_t client, uint64_t granules)
{
	struct virtio_cma_alloc_req req;

	rig_alloc_req(&req, granules, CONTIG);
	req.client = hvcma_to_le32(client);
	return rig_send(r, &req, sizeof(req));
}

static uint64_t used_of(struct rig *r, uint32_t resv)
{
	uint64_t bytes, used;

	assert_true(hvcma_engine_resv(r->engine, resv, &bytes, &used));
	return used / GRANULE;
}

/*
 *	reserved   | 1 1 1 | 2 2 | shared    |
 *	client 2   |       |     | x x x x . |  one more and no other
 *	client 0   | x x x |     |         x |
 *	client 1   |       | x x |           |
 */
static void others_cannot_have_what_is_reserved(void **state)
{
	struct rig *r = make_resvs(0);
	uint64_t bytes, used;

	(void)state;
	assert_int_equal(alloc_for(r, 2, 4), VIRTIO_CMA_S_OK);
	expect_refusal(r, alloc_for(r, 2, 2), NO_SPACE, GRANULE);
	expect_refusal(r, alloc_for(r, SHARED, 2), NO_SPACE, GRANULE);
	expect_refusal(r, alloc_for(r, 0, 5), NO_SPACE, 4 * GRANULE);
	assert_int_equal(alloc_for(r, 0, 4), VIRTIO_CMA_S_OK);
	expect_refusal(r, alloc_for(r, SHARED, 1), NO_SPACE, 0);
	expect_refusal(r, alloc_for(r, 0, 1), NO_SPACE, 0);
	expect_refusal(r, alloc_for(r, 1, 3), NO_SPACE, 2 * GRANULE);
	assert_int_equal(alloc_for(r, 1, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(used_of(r, 0), 4);
	assert_int_equal(used_of(r, 1), 4);
	assert_int_equal(used_of(r, 2), 2);
	assert_true(hvcma_engine_resv(r->engine, 1, &bytes, &used));
	assert_int_equal(bytes, 3 * GRANULE);
	assert_true(hvcma_engine_resv(r->engine, 0, &bytes, &used));
	assert_int_equal(bytes, 5 * GRANULE);
	assert_false(hvcma_engine_resv(r->engine, 3, &bytes, &used));
	rig_free(r);
}

/* What clients free leaves the shared part first, whatever block it was. */
static void freeing_empties_the_shared_part_first(void **state)
{
	struct rig *r = make_resvs(0);

	(void)state;
	assert_int_equal(alloc_for(r, 0, 3), VIRTIO_CMA_S_OK);	/* granules 0 to 2 */
	expect_block(r, 0, 0, 3);
	assert_int_equal(alloc_for(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(alloc_for(r, 2, 4), VIRTIO_CMA_S_OK);
	expect_refusal(r, alloc_for(r, 2, 1), NO_SPACE, 0);
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_int_equal(used_of(r, 1), 1);
	assert_int_equal(alloc_for(r, 2, 1), VIRTIO_CMA_S_OK);
	expect_refusal(r, alloc_for(r, 2, 1), NO_SPACE, 0);
	assert_int_equal(alloc_for(r, 0, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	for (uint32_t resv = 0; resv < 3; resv++)
		assert_int_equal(used_of(r, resv), 0);
	rig_free(r);
}

/* A block that is freed as busy, and one whose client went away, are uncharged. */
static void every_way_back_counts(void **state)
{
	struct rig *r = make_resvs(0);

	(void)state;
	assert_int_equal(alloc_for(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 3), NULL, 0),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(used_of(r, 1), 0);
	assert_int_equal(alloc_for(r, 0, 2), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 3, 2);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 0), 0);
	assert_int_equal(used_of(r, 1), 2);
	assert_int_equal(rig_free_block(r, 3, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(used_of(r, 1), 0);
	rig_free(r);
}

static void bulks_stop_at_the_reservation(void **state)
{
	struct rig *r = make_resvs(0);
	struct virtio_cma_bulk_resp resp;

	(void)state;
	assert_int_equal(rig_bulk(r, 2, 8, 0), VIRTIO_CMA_S_OK);	/* client 0: 3 + 5 */
	memcpy(&resp, r->resp, sizeof(resp));
	assert_int_equal(hvcma_from_le32(resp.nr_blocks), 4);
	assert_int_equal(hvcma_from_le32(resp.stop_status), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(used_of(r, 1), 8);
	expect_refusal(r, rig_bulk(r, 1, 8, 0), NO_SPACE, 0);
	assert_int_equal(alloc_for(r, 1, 2), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/* The pin limit is less than the region: reservations are parts of the limit. */
static void the_pin_limit_is_what_is_divided(void **state)
{
	struct rig *r = make_resvs(6);

	(void)state;
	expect_refusal(r, alloc_for(r, 2, 2), NO_SPACE, GRANULE);
	assert_int_equal(alloc_for(r, 0, 4), VIRTIO_CMA_S_OK);
	expect_refusal(r, alloc_for(r, 1, 3), PIN_LIMIT, 6 * GRANULE);
	assert_int_equal(alloc_for(r, 1, 2), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/* A failed request takes nothing of a reservation. */
static void failures_leave_resvs_alone(void **state)
{
	struct rig *r = make_resvs(0);

	(void)state;
	rig_inject(r, RIG_PIN, 0, 1, VIRTIO_CMA_S_IO);
	expect_refusal(r, alloc_for(r, 0, 3), IO, 0);
	assert_int_equal(used_of(r, 1), 0);
	rig_inject(r, RIG_PIN, 1, 100, VIRTIO_CMA_S_IO);
	r->host[1].dma = DMA + 100 * GRANULE;
	assert_int_equal(hvcma_engine_refresh(r->engine), 0);
	assert_int_equal(rig_bulk(r, 1, 3, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(used_of(r, 1), rig_nr_pinned(r));
	rig_inject(r, RIG_PIN, 0, 0, 0);
	rig_free(r);
}

static void migrated_blocks_count(void **state)
{
	struct rig *r = make_resvs(0);

	(void)state;
	assert_int_equal(hvcma_engine_restore_block(r->engine, 4, 4, 0,
						    VIRTIO_CMA_PURPOSE_POOL), 0);
	assert_int_equal(used_of(r, 1), 4);
	expect_refusal(r, alloc_for(r, 2, 5), NO_SPACE, 4 * GRANULE);
	rig_free(r);
}

/*
 *	reserved   | 1 1 1 | 2 2 | shared    |
 *	client 2   |       |     | x x x x x |  no sixth, which would be of the others
 *	client 1   |       | x . |           |  not plugged yet
 */
static void migrated_blocks_obey_reservations(void **state)
{
	struct rig *r = make_resvs(0);

	(void)state;
	assert_int_equal(hvcma_engine_restore_block(r->engine, 0, 6, 2, 0), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 0, 5, 2, 0), 0);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 1, SHARED, 0),
			 VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 4, 0, 0), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(rig_nr_pinned(r), 5);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 1), 0);
	assert_int_equal(hvcma_engine_client_resv(r->engine, 1, 2), 0);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 1, 1, 0), 0);
	assert_int_equal(used_of(r, 2), 1);
	assert_int_equal(hvcma_engine_client_resv(r->engine, 1, 3), VIRTIO_CMA_S_INVAL);
	assert_int_equal(hvcma_engine_client_resv(r->engine, RIG_CLIENTS, 1),
			 VIRTIO_CMA_S_NO_CLIENT);
	assert_int_equal(hvcma_engine_client_resv(r->engine, 2, 1), 0);	/* plugged */
	expect_refusal(r, alloc_for(r, 2, 1), NO_SPACE, 0);
	rig_free(r);
}

static void bad_resvs_are_refused(void **state)
{
	uint64_t resv_bytes[2] = { 3 * GRANULE, 2 * GRANULE };
	struct hvcma_engine_config config = rig_config(10);
	struct hvcma_client_info info = { .bus = VIRTIO_CMA_BUS_PCI, .resv = 3 };
	struct rig *r = make_resvs(0);

	(void)state;
	assert_int_equal(hvcma_engine_client_removed(r->engine, 2), 0);
	assert_int_equal(hvcma_engine_client_added(r->engine, 2, &info), VIRTIO_CMA_S_INVAL);
	info.resv = 2;
	assert_int_equal(hvcma_engine_client_added(r->engine, 2, &info), 0);
	rig_free(r);

	config.nr_resvs = 2;
	config.resv_bytes = resv_bytes;
	assert_null(hvcma_engine_check_config(&config));
	config.pin_limit_bytes = 4 * GRANULE;
	assert_non_null(strstr(hvcma_engine_check_config(&config), "more is reserved"));
	config.pin_limit_bytes = 5 * GRANULE;
	assert_null(hvcma_engine_check_config(&config));
	resv_bytes[0] = 0;
	assert_non_null(strstr(hvcma_engine_check_config(&config), "is zero"));
	resv_bytes[0] = GRANULE + 1;
	assert_non_null(strstr(hvcma_engine_check_config(&config), "multiple of the granule"));
	resv_bytes[0] = UINT64_MAX & ~(GRANULE - 1);
	assert_non_null(strstr(hvcma_engine_check_config(&config), "more is reserved"));
	config.nr_resvs = HVCMA_MAX_RESVS + 1;
	assert_non_null(strstr(hvcma_engine_check_config(&config), "255"));
}

/*
 * The model: every granule in use is one of its reservation's own, or of the shared
 * part, by name. The engine has one figure per reservation instead.
 */
struct model {
	unsigned int own[3], shared[3];	/* in use, by whom and where */
};

static const unsigned int resv_sizes[3] = { 0, 3, 2 };

static unsigned int model_room(const struct model *m, unsigned int resv)
{
	return resv_sizes[resv] - m->own[resv] +
	       5 - m->shared[0] - m->shared[1] - m->shared[2];
}

static void model_take(struct model *m, unsigned int resv, unsigned int nr)
{
	while (nr--) {
		if (m->own[resv] < resv_sizes[resv])
			m->own[resv]++;
		else
			m->shared[resv]++;
	}
}

static void model_uncharge(struct model *m, unsigned int resv, unsigned int nr)
{
	while (nr--) {
		if (m->shared[resv])
			m->shared[resv]--;
		else
			m->own[resv]--;
	}
}

static void random_requests_agree_with_the_model(void **state)
{
	struct rig *r = make_resvs(0);
	struct model m = { 0 };
	struct { uint64_t first; unsigned int nr, resv; } held[10];
	unsigned int nr_held = 0, nr_ok = 0, nr_refused = 0;
	uint32_t seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int pick, nr, resv;

		seed = seed * 1664525 + 1013904223;
		pick = seed >> 16;
		r->log[0] = r->traces[0] = 0;
		if (pick % 3 && nr_held < 10) {
			const uint32_t clients[3] = { pick & 64 ? 2 : SHARED, 0, 1 };
			struct virtio_cma_block block;
			uint32_t status;

			resv = pick / 3 % 3;
			nr = 1 + pick / 9 % 5;
			status = alloc_for(r, clients[resv], nr);
			if (nr > model_room(&m, resv)) {
				assert_int_equal(status, VIRTIO_CMA_S_NO_SPACE);
				assert_int_equal(r->detail, model_room(&m, resv) * GRANULE);
				nr_refused++;
				continue;
			}
			if (status) {		/* allowed, but no run is long enough */
				assert_int_equal(status, VIRTIO_CMA_S_FRAGMENTED);
				continue;
			}
			memcpy(&block, r->resp + sizeof(struct virtio_cma_alloc_resp),
			       sizeof(block));
			held[nr_held].first = (hvcma_from_le64(block.base_gpa) - GPA) / GRANULE;
			held[nr_held].nr = nr;
			held[nr_held++].resv = resv;
			model_take(&m, resv, nr);
			nr_ok++;
		} else if (nr_held) {
			pick = pick / 3 % nr_held;
			assert_int_equal(rig_free_block(r, held[pick].first, held[pick].nr),
					 VIRTIO_CMA_S_OK);
			model_uncharge(&m, held[pick].resv, held[pick].nr);
			held[pick] = held[--nr_held];
		}
		for (resv = 0; resv < 3; resv++)
			assert_int_equal(used_of(r, resv), m.own[resv] + m.shared[resv]);
	}
	assert_true(nr_ok > 1000 && nr_refused > 1000);
	rig_free(r);
}

/* --- backing in turns ------------------------------------------------- */

static struct rig *make_slow(uint32_t back_max_granules)
{
	struct hvcma_engine_config config = rig_config(10);

	config.back_max_granules = back_max_granules;
	return rig_make_config(&config, false);
}

/* One turn: false, with nothing pinned, if the request is to be made again. */
static bool turn(struct rig *r, const void *req, size_t bytes)
{
	bool done = rig_turn(r, req, bytes);

	if (!done)
		assert_int_equal(rig_nr_pinned(r), 0);
	return done;
}

static void backing_is_bounded_per_turn(void **state)
{
	struct rig *r = make_slow(4);
	struct hvcma_engine_counters counters;
	struct virtio_cma_alloc_req req;

	(void)state;
	rig_alloc_req(&req, 9, CONTIG);
	assert_false(turn(r, &req, sizeof(req)));
	expect_log(r, "back 0+4 ");
	/* others have their turn */
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	expect_log(r, "claim 0 ");
	assert_false(turn(r, &req, sizeof(req)));
	expect_log(r, "back 4+4 ");
	assert_true(turn(r, &req, sizeof(req)));
	expect_log(r, "back 8+1 pin 0+9 ");
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 9);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.nr_requests[VIRTIO_CMA_OP_ALLOC], 1);
	assert_int_equal(counters.nr_alloc_ok, 1);
	rig_free(r);
}

static void a_bulk_takes_turns(void **state)
{
	struct rig *r = make_slow(4);
	const struct virtio_cma_bulk_req req = rig_bulk_req(2, 5, 0);

	(void)state;
	assert_false(turn(r, &req, sizeof(req)));
	assert_false(turn(r, &req, sizeof(req)));
	assert_true(turn(r, &req, sizeof(req)));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_pinned(r), 10);
	rig_free(r);
}

/* What fits into one turn, or needs no backing, is done at once. */
static void small_requests_take_one_turn(void **state)
{
	struct rig *r = make_slow(4);
	struct virtio_cma_alloc_req req;

	(void)state;
	rig_alloc_req(&req, 4, CONTIG);
	assert_true(turn(r, &req, sizeof(req)));
	assert_int_equal(rig_free_block(r, 0, 4), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	assert_true(turn(r, &req, sizeof(req)));
	expect_log(r, "pin 0+4 ");
	rig_alloc_req(&req, 6, CONTIG | VIRTIO_CMA_ALLOC_FAST);
	assert_true(turn(r, &req, sizeof(req)));
	assert_int_equal(r->status, VIRTIO_CMA_S_NO_SPACE);
	rig_free(r);
}

/*
 * A host without pages for the last stretch: refused attempts count, the turns
 * end, and the guest learns why.
 */
static void turns_end_when_the_host_has_no_more(void **state)
{
	struct rig *r = make_slow(2);
	struct virtio_cma_alloc_req req;
	unsigned int nr = 1;

	(void)state;
	rig_inject(r, RIG_BACK, 2, 1000, VIRTIO_CMA_S_NO_BACKING);
	rig_alloc_req(&req, 9, CONTIG);
	while (!turn(r, &req, sizeof(req)))
		assert_true(++nr < 20);
	assert_true(nr > 2);
	assert_int_equal(r->status, VIRTIO_CMA_S_NO_BACKING);
	/* the next request tries anew */
	rig_inject(r, RIG_BACK, 0, 0, 0);
	for (nr = 1; !turn(r, &req, sizeof(req)); nr++)
		assert_true(nr < 20);
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void a_reset_forgets_the_turns(void **state)
{
	struct rig *r = make_slow(2);
	struct virtio_cma_alloc_req req;

	(void)state;
	rig_inject(r, RIG_BACK, 1, 4, VIRTIO_CMA_S_NO_BACKING);
	rig_alloc_req(&req, 10, CONTIG);
	assert_false(turn(r, &req, sizeof(req)));
	assert_false(turn(r, &req, sizeof(req)));	/* refused once */
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	rig_inject(r, RIG_BACK, 0, 0, 0);
	for (unsigned int nr = 1; !turn(r, &req, sizeof(req)); nr++)
		assert_true(nr < 20);
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_cannot_have_what_is_reserved),
		cmocka_unit_test(freeing_empties_the_shared_part_first),
		cmocka_unit_test(every_way_back_counts),
		cmocka_unit_test(bulks_stop_at_the_reservation),
		cmocka_unit_test(the_pin_limit_is_what_is_divided),
		cmocka_unit_test(failures_leave_resvs_alone),
		cmocka_unit_test(migrated_blocks_count),
		cmocka_unit_test(migrated_blocks_obey_reservations),
		cmocka_unit_test(bad_resvs_are_refused),
		cmocka_unit_test(random_requests_agree_with_the_model),
		cmocka_unit_test(backing_is_bounded_per_turn),
		cmocka_unit_test(a_bulk_takes_turns),
		cmocka_unit_test(small_requests_take_one_turn),
		cmocka_unit_test(turns_end_when_the_host_has_no_more),
		cmocka_unit_test(a_reset_forgets_the_turns),
	};

	return cmocka_run_group_tests_name("engine reservations", tests, NULL, NULL);
}
