// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: what takes several calls because pins come and go in steps. Nobody sees
 * a block that is pinned in part, limits count what is pinned, and whatever comes
 * between two calls leaves nothing pinned that should not be, or the reverse.
 */
#include "tests/unit/engine_rig.h"

#define STEP	4

static struct hvcma_engine_config config_in_steps(uint64_t nr)
{
	struct hvcma_engine_config config = rig_config(nr);

	config.pin_max_granules = STEP;
	return config;
}

static struct rig *make_in_steps(uint64_t nr)
{
	const struct hvcma_engine_config config = config_in_steps(nr);

	return rig_make_config(&config, true);
}

static bool turn_alloc(struct rig *r, uint64_t granules, uint32_t flags)
{
	struct virtio_cma_alloc_req req;

	rig_alloc_req(&req, granules, flags);
	return rig_turn(r, &req, sizeof(req));
}

struct free_req {
	struct virtio_cma_free_req head;
	struct virtio_cma_range range[2];
};

static bool turn_free(struct rig *r, struct virtio_cma_range range)
{
	const struct free_req req = {
		.head.hdr = rig_hdr(VIRTIO_CMA_OP_FREE,
				    sizeof(req.head) + sizeof(req.range[0])),
		.head.nr_ranges = hvcma_to_le32(1),
		.range = { range },
	};

	return rig_turn(r, &req, sizeof(req.head) + sizeof(req.range[0]));
}

struct busy_req {
	struct virtio_cma_busy_req head;
	struct virtio_cma_range range[2];
};

static bool turn_busy(struct rig *r, uint32_t action, struct virtio_cma_range block,
		      struct virtio_cma_range one, struct virtio_cma_range two)
{
	const struct busy_req req = {
		.head.hdr = rig_hdr(VIRTIO_CMA_OP_BUSY, sizeof(req)),
		.head.block = block,
		.head.action = hvcma_to_le32(action),
		.head.nr_ranges = hvcma_to_le32(2),
		.range = { one, two },
	};

	return rig_turn(r, &req, sizeof(req));
}

static struct hvcma_engine_counters counters_of(const struct rig *r)
{
	struct hvcma_engine_counters counters;

	hvcma_engine_counters(r->engine, &counters);
	return counters;
}

#define expect_counters(r, pinned, allocated, freeable, blocks)			\
	do {									\
		const struct hvcma_engine_counters c_ = counters_of(r);		\
										\
		assert_int_equal(c_.pinned_bytes, (pinned) * GRANULE);		\
		assert_int_equal(c_.allocated_bytes, (allocated) * GRANULE);	\
		assert_int_equal(c_.free_bytes, (freeable) * GRANULE);		\
		assert_int_equal(c_.nr_blocks, blocks);				\
	} while (0)

static void expect_no_block(const struct rig *r)
{
	uint64_t first, nr;
	uint32_t client, purpose;

	assert_false(hvcma_engine_next_block(r->engine, 0, &first, &nr, &client, &purpose));
}

/* Until nothing drains; how many calls. */
static unsigned int leave_all(struct rig *r)
{
	unsigned int nr = 0;

	while (hvcma_engine_is_draining(r->engine)) {
		uint64_t before = rig_nr_pinned(r);

		hvcma_engine_drain(r->engine);
		assert_true(before - rig_nr_pinned(r) <= STEP);
		rig_check(r);
		nr++;
	}
	return nr;
}

/* --- ALLOC ------------------------------------------------------------ */

static void a_long_block_is_pinned_in_pieces(void **state)
{
	struct rig *r = make_in_steps(12);

	(void)state;
	assert_false(turn_alloc(r, 10, CONTIG));
	expect_log(r, "pin 0+4 ");
	expect_counters(r, 4, 0, 2, 0);
	expect_no_block(r);
	/* It is no block of the guest's, in whole or in part. */
	expect_refusal(r, rig_free_block(r, 0, 10), NOT_BLOCK, 0);
	expect_refusal(r, rig_free_block(r, 0, 4), NOT_BLOCK, 0);
	expect_refusal(r, rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 4), NULL, 0),
		       NOT_BLOCK, 0);
	expect_log(r, "");
	assert_false(turn_alloc(r, 10, CONTIG));
	expect_log(r, "pin 4+4 ");
	expect_counters(r, 8, 0, 2, 0);
	assert_true(turn_alloc(r, 10, CONTIG));
	expect_log(r, "pin 8+2 ");
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 10);
	expect_counters(r, 10, 10, 2, 1);
	assert_int_equal(counters_of(r).nr_requests[VIRTIO_CMA_OP_ALLOC], 1);
	expect_traces(r, "client 0 0 1 client 1 0 1 again 0 0 0 again 0 0 0 alloc 0 10 4294967295 ");
	rig_free(r);
}

/* Several blocks, short ones together, long ones by themselves. */
static void many_blocks_are_pinned_in_steps(void **state)
{
	struct rig *r = make_in_steps(20);
	const struct virtio_cma_bulk_req short_ones = rig_bulk_req(1, 6, 0);
	const struct virtio_cma_bulk_req long_ones = rig_bulk_req(5, 2, 0);

	(void)state;
	assert_false(rig_turn(r, &short_ones, sizeof(short_ones)));
	expect_log(r, "pin 0+4 ");
	assert_true(rig_turn(r, &short_ones, sizeof(short_ones)));
	expect_log(r, "pin 4+2 ");
	expect_counters(r, 6, 6, 14, 6);
	assert_false(rig_turn(r, &long_ones, sizeof(long_ones)));
	expect_log(r, "pin 6+4 ");
	assert_false(rig_turn(r, &long_ones, sizeof(long_ones)));
	expect_log(r, "pin 10+1 pin 11+3 ");
	assert_true(rig_turn(r, &long_ones, sizeof(long_ones)));
	expect_log(r, "pin 14+2 ");
	assert_int_equal(rig_nr_blocks(r), 2);
	expect_counters(r, 16, 16, 4, 8);
	rig_free(r);
}

/* Whichever call of the host fails, in whichever step: all goes, in steps. */
static void a_failure_in_any_step_undoes_all(void **state)
{
	static const enum rig_op ops[] = { RIG_PIN, RIG_DMA, RIG_BACK };
	static const enum virtio_cma_status errors[] = {
		VIRTIO_CMA_S_IO, VIRTIO_CMA_S_PIN_LIMIT, VIRTIO_CMA_S_NO_BACKING
	};

	(void)state;
	for (size_t op = 0; op < 3; op++)
		for (size_t error = 0; error < 3; error++)
			for (uint64_t skip = 0; skip < 8; skip++) {
				struct hvcma_engine_config config = config_in_steps(16);
				struct rig *r;

				config.back_max_granules = 3;
				r = rig_make_config(&config, false);
				rig_inject(r, ops[op], skip, 1, errors[error]);
				rig_alloc(r, 15, CONTIG);
				if (r->status) {
					assert_true(r->status == errors[error] ||
						    ops[op] == RIG_BACK);
					leave_all(r);
					assert_int_equal(rig_nr_pinned(r), 0);
					expect_no_block(r);
				}
				rig_free(r);
			}
}

static void what_is_undone_goes_in_steps(void **state)
{
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_false(turn_alloc(r, 15, CONTIG));
	assert_false(turn_alloc(r, 15, CONTIG));
	assert_false(turn_alloc(r, 15, CONTIG));
	rig_inject(r, RIG_PIN, 0, 1, VIRTIO_CMA_S_IO);
	r->log[0] = 0;
	assert_true(turn_alloc(r, 15, CONTIG));
	assert_int_equal(r->status, VIRTIO_CMA_S_IO);
	expect_log(r, "pin! 12+3 unpin 0+4 ");
	expect_counters(r, 8, 0, 8, 0);
	assert_int_equal(leave_all(r), 2);
	expect_log(r, "unpin 4+4 unpin 8+4 ");
	expect_counters(r, 0, 0, 16, 0);
	rig_free(r);
}

static void what_is_forgotten_goes_in_steps(void **state)
{
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_false(turn_alloc(r, 15, CONTIG));
	assert_false(turn_alloc(r, 15, CONTIG));
	r->log[0] = 0;
	hvcma_engine_forget_pending(r->engine);
	expect_log(r, "unpin 0+4 ");
	expect_counters(r, 4, 0, 12, 0);
	/* What can be had is had at once, the rest is waited for. */
	assert_true(turn_alloc(r, 2, CONTIG));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	assert_int_equal(leave_all(r), 1);
	expect_counters(r, 2, 2, 14, 1);
	hvcma_engine_forget_pending(r->engine);		/* there is none */
	expect_counters(r, 2, 2, 14, 1);
	rig_free(r);
}

/* Another request in its place: the first one is forgotten. */
static void a_changed_request_begins_anew(void **state)
{
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_false(turn_alloc(r, 9, CONTIG));
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	leave_all(r);
	expect_counters(r, 3, 3, 13, 1);
	/* One that is refused by now has nothing left. */
	{
		struct virtio_cma_alloc_req req;

		rig_alloc_req(&req, 9, CONTIG);
		req.client = hvcma_to_le32(1);
		assert_false(rig_turn(r, &req, sizeof(req)));
		assert_int_equal(hvcma_engine_client_removed(r->engine, 1), 0);
		assert_true(rig_turn(r, &req, sizeof(req)));
		assert_int_equal(r->status, VIRTIO_CMA_S_CLIENT_STATE);
	}
	leave_all(r);
	expect_counters(r, 3, 3, 13, 1);
	/* A smaller room for the answer is another request, too. */
	assert_false(turn_alloc(r, 9, 0));
	r->resp_room = sizeof(struct virtio_cma_alloc_resp) + sizeof(struct virtio_cma_block);
	assert_int_equal(rig_alloc(r, 9, 0), VIRTIO_CMA_S_OK);
	expect_counters(r, 12, 12, 4, 2);
	rig_free(r);
}

/* A page moves before its piece is pinned: the whole block is sought anew. */
static void a_page_that_moves_between_the_pieces(void **state)
{
	struct rig *r = make_in_steps(32);

	(void)state;
	assert_false(turn_alloc(r, 10, CONTIG));
	r->moves[0].granule = 5;
	r->moves[0].dma = DMA + 90 * GRANULE;
	r->nr_moves = 1;
	assert_false(turn_alloc(r, 10, CONTIG));
	r->log[0] = 0;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 6, 10);
	leave_all(r);
	expect_counters(r, 10, 10, 22, 1);
	/* And one that has lost its page. */
	assert_int_equal(rig_free_block(r, 6, 10), VIRTIO_CMA_S_OK);
	assert_false(turn_alloc(r, 10, CONTIG));
	assert_true(r->host[6].pinned && !r->host[12].pinned);
	r->host[12].backed = false;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 13, 10);
	leave_all(r);
	expect_counters(r, 10, 10, 21, 1);
	rig_free(r);
}

/* The limit counts what is pinned, reserved or draining; reservations, too. */
static void limits_are_exact_in_between(void **state)
{
	const uint64_t resv_bytes[] = { 6 * GRANULE };
	struct hvcma_engine_config config = config_in_steps(40);
	struct virtio_cma_bulk_req bulk;
	uint64_t bytes, used;
	struct rig *r;

	(void)state;
	config.pin_limit_bytes = 20 * GRANULE;
	config.nr_resvs = 1;
	config.resv_bytes = resv_bytes;
	r = rig_make_config(&config, true);
	assert_false(turn_alloc(r, 14, CONTIG));
	assert_true(hvcma_engine_resv(r->engine, 0, &bytes, &used));
	assert_int_equal(used, 14 * GRANULE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 30, 1, SHARED, 0),
			 VIRTIO_CMA_S_NO_SPACE);
	hvcma_engine_forget_pending(r->engine);
	leave_all(r);
	assert_int_equal(rig_alloc(r, 14, CONTIG), VIRTIO_CMA_S_OK);
	/* As much again is possible when that is gone, and not before. */
	assert_false(turn_free(r, rig_range(0, 14)));
	expect_counters(r, 10, 0, 30, 0);
	assert_int_equal(rig_nr_pinned(r), 10);
	assert_false(turn_alloc(r, 14, CONTIG));
	assert_true(rig_nr_pinned(r) <= 20);
	assert_int_equal(rig_alloc(r, 14, CONTIG), VIRTIO_CMA_S_OK);
	assert_true(turn_free(r, rig_range(0, 14)));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_counters(r, 14, 14, 26, 1);
	/* Nothing drains any more: now it is a refusal. */
	expect_refusal(r, rig_alloc(r, 14, CONTIG), PIN_LIMIT, 20 * GRANULE);
	bulk = rig_bulk_req(1, 14, 0);
	bulk.client = hvcma_to_le32(SHARED);
	expect_refusal(r, rig_send(r, &bulk, sizeof(bulk)), NO_SPACE, 0);
	rig_free(r);
}

/* --- FREE and BUSY ---------------------------------------------------- */

static void a_free_goes_in_steps(void **state)
{
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	r->traces[0] = 0;
	assert_false(turn_free(r, rig_range(0, 10)));
	expect_log(r, "unpin 0+4 ");
	expect_counters(r, 6, 0, 10, 0);
	expect_no_block(r);
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_OK);	/* not held up */
	r->log[0] = 0;
	assert_false(turn_free(r, rig_range(0, 10)));
	expect_log(r, "unpin 4+4 ");
	assert_true(turn_free(r, rig_range(0, 10)));
	expect_log(r, "unpin 8+2 ");
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_counters(r, 0, 0, 16, 0);
	assert_int_equal(counters_of(r).nr_freed, 1);
	expect_traces(r, "free 0 10 0 again 0 0 0 client 0 2 1 again 0 0 0 ");
	rig_free(r);
}

/* Its own blocks first, whatever else is draining. */
static void a_small_free_does_not_wait_for_others(void **state)
{
	struct rig *r = make_in_steps(64);

	(void)state;
	assert_int_equal(rig_alloc(r, 40, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	assert_true(turn_free(r, rig_range(0, 3)));
	expect_log(r, "unpin 0+3 ");
	assert_true(hvcma_engine_is_draining(r->engine));
	rig_free(r);
}

static void a_forgotten_free_goes_on_by_itself(void **state)
{
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_false(turn_free(r, rig_range(0, 10)));
	hvcma_engine_forget_pending(r->engine);
	expect_refusal(r, rig_free_block(r, 0, 10), NOT_BLOCK, 0);
	assert_int_equal(leave_all(r), 2);
	expect_counters(r, 0, 0, 16, 0);
	rig_free(r);
}

static void freed_memory_is_had_again_before_the_end(void **state)
{
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_int_equal(rig_alloc(r, 16, CONTIG), VIRTIO_CMA_S_OK);
	assert_false(turn_free(r, rig_range(0, 16)));
	assert_true(turn_alloc(r, 4, CONTIG));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 4);
	/* what does not fit waits, in calls that are steps, too */
	assert_false(turn_alloc(r, 8, CONTIG));
	assert_int_equal(rig_alloc(r, 8, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 4, 8);
	assert_true(turn_free(r, rig_range(0, 16)));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_counters(r, 12, 12, 4, 2);
	expect_refusal(r, rig_alloc(r, 8, CONTIG), NO_SPACE, 4 * GRANULE);
	rig_free(r);
}

#define BUSY(r, i) (hvcma_engine_granule_state((r)->engine, i) & VIRTIO_CMA_GRANULE_BUSY)

static void busy_granules_come_with_their_piece(void **state)
{
	static const struct virtio_cma_range none;
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	assert_false(turn_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 10), rig_range(7, 3),
			       rig_range(2, 3)));
	expect_log(r, "unpin 0+4 ");
	expect_counters(r, 6, 0, 8, 0);
	assert_false(BUSY(r, 1));
	assert_true(BUSY(r, 2) && BUSY(r, 3));
	assert_false(turn_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 10), rig_range(7, 3),
			       rig_range(2, 3)));
	assert_true(turn_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 10), rig_range(7, 3),
			      rig_range(2, 3)));
	for (uint64_t i = 0; i < 16; i++)
		assert_int_equal(!!BUSY(r, i), (i >= 2 && i < 5) || (i >= 7 && i < 10));
	expect_counters(r, 0, 0, 10, 0);
	assert_true(turn_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, rig_range(0, 8), rig_range(8, 8)));
	expect_counters(r, 0, 0, 16, 0);

	/* Forgotten in the middle: its block goes, the rest of its marks never comes. */
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_false(turn_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 10), rig_range(7, 3),
			       rig_range(2, 3)));
	hvcma_engine_forget_pending(r->engine);
	leave_all(r);
	expect_counters(r, 0, 0, 14, 0);
	rig_free(r);
}

static void many_marks_are_cleared_in_steps(void **state)
{
	static const struct virtio_cma_range none;
	struct rig *r = make_in_steps(10000);

	(void)state;
	assert_int_equal(rig_alloc(r, 10000, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 10000), NULL, 0),
			 VIRTIO_CMA_S_OK);
	assert_false(turn_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, rig_range(0, 5000),
			       rig_range(5000, 5000)));
	expect_counters(r, 0, 0, 4096, 0);
	assert_false(turn_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, rig_range(0, 5000),
			       rig_range(5000, 5000)));
	assert_true(turn_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, rig_range(0, 5000),
			      rig_range(5000, 5000)));
	expect_counters(r, 0, 0, 10000, 0);

	/* A reset does it likewise; new marks wait until the old ones are gone. */
	assert_int_equal(rig_alloc(r, 9000, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 9000), NULL, 0),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_counters(r, 0, 0, 1000 + 4096, 0);
	assert_true(hvcma_engine_is_draining(r->engine));
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_false(turn_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, rig_range(0, 8),
			       rig_range(8, 8)));
	assert_int_equal(rig_alloc(r, 9999, 0), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/* --- reset and quarantine --------------------------------------------- */

static void a_reset_goes_in_steps(void **state)
{
	struct rig *r = make_in_steps(32);

	(void)state;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_bulk(r, 2, 4, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_false(turn_alloc(r, 9, CONTIG));
	r->log[0] = 0;
	r->traces[0] = 0;
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 1 unpin 18+4 unpin 0+4 ");
	expect_traces(r, "client 1 2 1 reset 5 0 0 ");
	expect_counters(r, 14, 0, 18, 0);
	expect_no_block(r);
	assert_int_equal(counters_of(r).nr_freed, 5);
	/* Another one meanwhile is one more step. */
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "unpin 4+4 ");
	assert_int_equal(counters_of(r).nr_freed, 5);
	/* The next driver asks at once. */
	assert_int_equal(rig_alloc(r, 32, CONTIG), VIRTIO_CMA_S_OK);
	assert_false(hvcma_engine_is_draining(r->engine));
	rig_free(r);
}

/* What the next driver has got meanwhile is not touched; the next reset takes it. */
static void old_and_new_blocks_are_warned_apart(void **state)
{
	struct rig *r = make_in_steps(32);
	uint64_t first, nr;
	uint32_t client, purpose;

	(void)state;
	assert_int_equal(rig_bulk(r, 1, 30, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	leave_all(r);
	expect_counters(r, 5, 5, 27, 2);
	assert_true(hvcma_engine_next_block(r->engine, 0, &first, &nr, &client, &purpose));
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	leave_all(r);
	expect_counters(r, 0, 0, 32, 0);
	rig_free(r);
}

/* A client that becomes quarantined in the middle stops it all; nothing else does. */
static void nothing_leaves_in_quarantine(void **state)
{
	struct rig *r = make_in_steps(32);

	(void)state;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_false(turn_free(r, rig_range(0, 10)));
	rig_inject(r, RIG_QUIESCE, 0, 2, VIRTIO_CMA_S_IO);
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_IO);
	r->log[0] = 0;
	assert_false(hvcma_engine_is_draining(r->engine));
	assert_false(hvcma_engine_drain(r->engine));
	/* It was accepted before: answered, and the rest is nobody's. */
	assert_true(turn_free(r, rig_range(0, 10)));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_refusal(r, rig_free_block(r, 10, 10), REFUSED, 0);
	expect_log(r, "");
	expect_counters(r, 16, 10, 16, 1);
	/* Nor is it waited for: nobody knows how long that takes. */
	expect_refusal(r, rig_alloc(r, 17, CONTIG), NO_SPACE, 16 * GRANULE);
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_IO);
	expect_counters(r, 16, 10, 16, 1);
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_OK);
	assert_true(hvcma_engine_is_draining(r->engine));
	assert_int_equal(leave_all(r), 2);
	expect_counters(r, 10, 10, 22, 1);
	rig_free(r);
}

static void a_busy_in_quarantine_keeps_its_rest(void **state)
{
	struct rig *r = make_in_steps(16);

	(void)state;
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_false(turn_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 10), rig_range(0, 1),
			       rig_range(9, 1)));
	assert_int_equal(hvcma_engine_client_quarantined(r->engine, 0), 0);
	assert_true(turn_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 10), rig_range(0, 1),
			      rig_range(9, 1)));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_counters(r, 6, 0, 9, 0);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 0), 0);	/* quiesced now */
	leave_all(r);
	expect_counters(r, 0, 0, 15, 0);
	rig_free(r);
}

static enum virtio_cma_status remove_inside(void *opaque, uint32_t client)
{
	struct rig *r = opaque;

	rig_log(r, "remove", 1, 0);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 1), 0);
	(void)client;
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status removed_itself(void *opaque, uint32_t client)
{
	return client ? rig_quiesce(opaque, client) : remove_inside(opaque, client);
}

static void a_client_goes_inside_while_blocks_leave(void **state)
{
	const struct hvcma_engine_config config = config_in_steps(16);
	struct hvcma_engine_ops ops = rig_ops;
	size_t bytes = hvcma_engine_buffer_bytes(&config);
	struct rig *r = rig_host(16, true);

	(void)state;
	ops.quiesce = removed_itself;
	r->buffer = aligned_alloc(64, bytes);
	memset(r->buffer, 0, bytes);
	assert_int_equal(hvcma_engine_init(r->buffer, bytes, &config, &ops, r, &r->engine), 0);
	rig_add_client(r, 0, 0);
	rig_add_client(r, 1, 0);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_bulk(r, 3, 5, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 3, 3), VIRTIO_CMA_S_OK);
	assert_false(turn_alloc(r, 6, CONTIG));
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	assert_non_null(strstr(r->log, "remove 1 quiesce 1 "));
	rig_check(r);
	leave_all(r);
	expect_counters(r, 0, 0, 16, 0);
	rig_free(r);
}

/*
 * A block that moves when half of it is pinned: that half counts for the
 * limit until it is free.
 */
static void what_moved_counts_until_it_has_left(void **state)
{
	struct hvcma_engine_config config = config_in_steps(16);
	struct rig *r;

	(void)state;
	config.pin_limit_bytes = 2 * STEP * GRANULE;
	r = rig_make_config(&config, true);
	assert_false(turn_alloc(r, 2 * STEP, CONTIG));
	r->moves[0].granule = STEP + 1;
	r->moves[0].dma = DMA + 500 * GRANULE;
	r->nr_moves = 1;
	while (!turn_alloc(r, 2 * STEP, CONTIG))	/* each is checked: never above the limit */
		assert_true(rig_nr_pinned(r) <= 2 * STEP);
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_pinned(r), 2 * STEP);
	rig_free(r);
}

/* DMA past the caches: each piece is maintained while it is pinned. */
static void pieces_are_maintained(void **state)
{
	struct hvcma_engine_config config = config_in_steps(16);
	struct virtio_cma_alloc_req req;
	struct rig *r;

	(void)state;
	config.mode = VIRTIO_CMA_MODE_PRIVATE;
	config.stage2 = VIRTIO_CMA_STAGE2_NONE;
	r = rig_make_config(&config, true);
	r->coherent = VIRTIO_CMA_COHERENT_NO;
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	rig_alloc_req(&req, 6, CONTIG);
	req.client = hvcma_to_le32(0);
	assert_false(rig_turn(r, &req, sizeof(req)));
	expect_log(r, "pin 0+4 maintain 0+4 ");
	assert_int_equal(hvcma_engine_noncoherent_bytes(r->engine), 4 * GRANULE);
	assert_true(hvcma_engine_is_noncoherent(r->engine, 3));
	assert_true(rig_turn(r, &req, sizeof(req)));
	expect_log(r, "pin 4+2 maintain 4+2 ");
	assert_false(turn_free(r, rig_range(0, 6)));
	expect_log(r, "maintain 0+4 unpin 0+4 ");
	assert_int_equal(hvcma_engine_noncoherent_bytes(r->engine), 2 * GRANULE);
	assert_true(hvcma_engine_is_noncoherent(r->engine, 4));
	/* It is quiesced now: that maintains what is left, and ends it. */
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_OK);
	expect_log(r, "quiesce 0 maintain 4+2 keep_off 0 ");
	assert_true(turn_free(r, rig_range(0, 6)));
	expect_log(r, "unpin 4+2 ");
	rig_free(r);
}

/* Dropping pages with the pins: free memory is unbacked again, piece by piece. */
static void pieces_are_discarded(void **state)
{
	struct hvcma_engine_config config = config_in_steps(16);
	struct rig *r;

	(void)state;
	config.unpin_discards = true;
	r = rig_make_config(&config, false);
	assert_int_equal(rig_alloc(r, 10, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	assert_int_equal(counters_of(r).backed_bytes, 6 * GRANULE);
	leave_all(r);
	assert_int_equal(counters_of(r).backed_bytes, 0);
	rig_free(r);
}

/* --- all of it, at random --------------------------------------------- */

static uint32_t next_random(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

static void random_steps(struct rig *r, uint32_t seed, unsigned int nr_steps)
{
	struct virtio_cma_alloc_req alloc;
	struct free_req release;
	bool allocs = false, frees = false;
	uint32_t x = seed;

	for (unsigned int i = 0; i < nr_steps; i++) {
		uint64_t first, nr;
		uint32_t client, purpose;

		r->log[0] = 0;
		r->traces[0] = 0;
		switch (next_random(&x) % 12) {
		case 0:
			hvcma_engine_forget_pending(r->engine);
			allocs = false;
			frees = false;
			break;
		case 1:
			if (next_random(&x) % 8)
				break;
			hvcma_engine_reset(r->engine);
			allocs = false;
			frees = false;
			break;
		case 2:
			hvcma_engine_drain(r->engine);
			break;
		case 3:
			rig_client_op(r, VIRTIO_CMA_OP_CLAIM + next_random(&x) % 2,
				      next_random(&x) % 2);
			break;
		case 4:
			rig_inject(r, next_random(&x) % RIG_NR_OPS, next_random(&x) % 4, 1,
				   VIRTIO_CMA_S_IO);
			break;
		case 5:
			hvcma_engine_refresh(r->engine);
			break;
		case 6:
		case 7:
		case 8:
			if (!frees) {
				if (!hvcma_engine_next_block(r->engine, next_random(&x) % r->nr,
							     &first, &nr, &client, &purpose))
					break;
				memset(&release, 0, sizeof(release));
				release.head.hdr = rig_hdr(VIRTIO_CMA_OP_FREE,
							   sizeof(release.head) +
							   sizeof(release.range[0]));
				release.head.nr_ranges = hvcma_to_le32(1);
				release.range[0] = rig_range(first, nr);
			}
			frees = !rig_turn(r, &release, sizeof(release.head) +
				      sizeof(release.range[0]));
			if (!frees)
				assert_true(r->status == VIRTIO_CMA_S_OK ||
					    r->status == VIRTIO_CMA_S_REFUSED);
			break;
		default:
			if (!allocs)
				rig_alloc_req(&alloc, 1 + next_random(&x) % (r->nr / 2),
					      next_random(&x) % 4);
			allocs = !rig_turn(r, &alloc, sizeof(alloc));
			break;
		}
		rig_check(r);
		assert_true(rig_nr_pinned(r) <= r->nr * 3 / 4);
	}
}

static void at_random(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 60; seed++) {
		struct hvcma_engine_config config = rig_config(40);
		struct rig *r;

		config.pin_max_granules = 1 + seed % 5;
		config.back_max_granules = seed % 4;
		config.pin_limit_bytes = 30 * GRANULE;
		config.unpin_discards = seed & 8;
		config.policy = seed % HVCMA_NR_POLICIES;
		r = rig_make_config(&config, seed & 16);
		random_steps(r, seed, 300);
		memset(r->fault, 0, sizeof(r->fault));
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_block_is_pinned_in_pieces),
		cmocka_unit_test(many_blocks_are_pinned_in_steps),
		cmocka_unit_test(a_failure_in_any_step_undoes_all),
		cmocka_unit_test(what_is_undone_goes_in_steps),
		cmocka_unit_test(what_is_forgotten_goes_in_steps),
		cmocka_unit_test(a_changed_request_begins_anew),
		cmocka_unit_test(a_page_that_moves_between_the_pieces),
		cmocka_unit_test(limits_are_exact_in_between),
		cmocka_unit_test(a_free_goes_in_steps),
		cmocka_unit_test(a_small_free_does_not_wait_for_others),
		cmocka_unit_test(a_forgotten_free_goes_on_by_itself),
		cmocka_unit_test(freed_memory_is_had_again_before_the_end),
		cmocka_unit_test(busy_granules_come_with_their_piece),
		cmocka_unit_test(many_marks_are_cleared_in_steps),
		cmocka_unit_test(a_reset_goes_in_steps),
		cmocka_unit_test(old_and_new_blocks_are_warned_apart),
		cmocka_unit_test(nothing_leaves_in_quarantine),
		cmocka_unit_test(a_busy_in_quarantine_keeps_its_rest),
		cmocka_unit_test(a_client_goes_inside_while_blocks_leave),
		cmocka_unit_test(what_moved_counts_until_it_has_left),
		cmocka_unit_test(pieces_are_maintained),
		cmocka_unit_test(pieces_are_discarded),
		cmocka_unit_test(at_random),
	};

	return cmocka_run_group_tests_name("engine, in turns", tests, NULL, NULL);
}
