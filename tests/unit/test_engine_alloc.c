// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: ALLOC and ALLOC_BULK. What is granted, what it costs the host, what
 * happens when the host fails or pages move, and that nothing is left behind.
 */
#include "tests/unit/engine_rig.h"

static void alloc_backs_pins_and_answers(void **state)
{
	struct rig *r = rig_make(8, false);

	(void)state;
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_blocks(r), 1);
	expect_block(r, 0, 0, 3);
	expect_log(r, "back 0+3 pin 0+3 ");
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	expect_log(r, "unpin 0+3 ");
	/* backed already */
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 2);
	expect_log(r, "pin 0+2 ");
	/* one free granule is left before the unknown ones: one more is enough */
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 2, 2);
	expect_log(r, "back 3+1 pin 2+2 ");
	rig_free(r);
}

static void sizes_are_rounded_up(void **state)
{
	struct rig *r = rig_make(8, true);
	struct virtio_cma_alloc_req req;

	(void)state;
	rig_alloc_req(&req, 1, CONTIG);
	req.bytes = hvcma_to_le64(1);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 1);
	req.bytes = hvcma_to_le64(GRANULE + 1);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 1, 2);
	rig_free(r);
}

static void without_contig_blocks_are_gathered(void **state)
{
	struct rig *r = rig_make(10, true);

	(void)state;
	/* ..A...B... free runs of 2, 3, 3 */
	assert_int_equal(hvcma_engine_restore_block(r->engine, 2, 1, SHARED, 0), 0);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 6, 1, SHARED, 0), 0);
	r->log[0] = 0;
	expect_refusal(r, rig_alloc(r, 7, CONTIG), FRAGMENTED, 3 * GRANULE);
	assert_int_equal(rig_alloc(r, 7, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_blocks(r), 3);
	expect_block(r, 0, 7, 3);		/* the largest first, the last cut */
	expect_block(r, 1, 3, 3);
	expect_block(r, 2, 0, 1);
	expect_log(r, "pin 7+3 pin 3+3 pin 0+1 ");
	assert_int_equal(rig_free_block(r, 3, 3), VIRTIO_CMA_S_OK);
	/* one that fits in a run is one block */
	assert_int_equal(rig_alloc(r, 3, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_blocks(r), 1);
	expect_block(r, 0, 3, 3);
	rig_free(r);
}

static void gathering_ends_with_the_room_for_blocks(void **state)
{
	struct rig *r = rig_make(9, true);

	(void)state;
	for (uint64_t i = 1; i < 9; i += 2)	/* .A.B.C.D. */
		assert_int_equal(hvcma_engine_restore_block(r->engine, i, 1, SHARED, 0), 0);
	r->log[0] = 0;
	r->resp_room = sizeof(struct virtio_cma_alloc_resp) + 4 * sizeof(struct virtio_cma_block);
	expect_refusal(r, rig_alloc(r, 5, 0), FRAGMENTED, GRANULE);
	expect_refusal(r, rig_alloc(r, 6, 0), NO_SPACE, 5 * GRANULE);
	expect_log(r, "");
	assert_int_equal(rig_alloc(r, 4, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_blocks(r), 4);
	rig_free(r);
}

static void gathering_backs_what_is_missing(void **state)
{
	struct rig *r = rig_make(8, false);

	(void)state;
	r->host[0].backed = r->host[1].backed = true;
	r->host[4].dma = DMA + 100 * GRANULE;	/* 0 1 2 3 | 4 | 5 6 7 */
	assert_int_equal(hvcma_engine_refresh(r->engine), 0);
	assert_int_equal(rig_alloc(r, 7, 0), VIRTIO_CMA_S_OK);
	rig_check(r);
	assert_int_equal(rig_nr_pinned(r), 7);
	expect_log(r, "back 2+5 pin 0+2 pin 5+2 pin 2+3 ");
	rig_free(r);
}

static void fast_does_not_back(void **state)
{
	struct rig *r = rig_make(4, false);

	(void)state;
	expect_refusal(r, rig_alloc(r, 1, CONTIG | FAST), NO_SPACE, 0);
	expect_log(r, "");
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG | FAST), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 1);
	rig_free(r);
}

static void each_unknown_granule_is_tried_once(void **state)
{
	struct rig *r = rig_make(8, false);

	(void)state;
	/* no two granules are adjacent by address */
	for (uint64_t i = 0; i < 8; i++)
		r->host[i].dma = DMA + 2 * i * GRANULE;
	expect_refusal(r, rig_alloc(r, 2, CONTIG), FRAGMENTED, GRANULE);
	expect_log(r, "back 0+2 back 2+1 back 3+1 back 4+1 back 5+1 back 6+1 back 7+1 ");
	rig_free(r);
}

static void a_host_out_of_pages_is_reported(void **state)
{
	struct rig *r = rig_make(8, false);

	(void)state;
	/* Two at a time is too much for this host, wherever; one works. */
	rig_inject(r, RIG_BACK, 0, 1, VIRTIO_CMA_S_NO_BACKING);
	expect_refusal(r, rig_alloc(r, 2, CONTIG), NO_BACKING, 0);
	expect_log(r, "back! 0+2 ");
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 1), VIRTIO_CMA_S_OK);
	rig_inject(r, RIG_BACK, 0, 1, VIRTIO_CMA_S_NO_BACKING);
	r->log[0] = 0;
	expect_refusal(r, rig_alloc(r, 2, CONTIG), NO_BACKING, 0);
	expect_log(r, "back! 1+1 ");
	/* without CONTIG everything taken goes back */
	rig_inject(r, RIG_BACK, 0, 9, VIRTIO_CMA_S_NO_BACKING);
	expect_refusal(r, rig_alloc(r, 4, 0), NO_BACKING, 0);
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_inject(r, RIG_BACK, 0, 1, 1000);		/* no status at all */
	expect_refusal(r, rig_alloc(r, 4, CONTIG), IO, 0);
	rig_inject(r, RIG_BACK, 0, 1, VIRTIO_CMA_NR_STATUS);
	expect_refusal(r, rig_alloc(r, 4, CONTIG), IO, 0);
	rig_free(r);
}

static void a_refused_pin_undoes_everything(void **state)
{
	struct rig *r = rig_make(10, true);

	(void)state;
	assert_int_equal(hvcma_engine_restore_block(r->engine, 4, 1, SHARED, 0), 0);
	r->log[0] = 0;					/* ....A..... */
	rig_inject(r, RIG_PIN, 0, 1, VIRTIO_CMA_S_PIN_LIMIT);
	expect_refusal(r, rig_alloc(r, 2, CONTIG), PIN_LIMIT, 10 * GRANULE);
	rig_inject(r, RIG_PIN, 1, 1, VIRTIO_CMA_S_IO);
	expect_refusal(r, rig_alloc(r, 8, 0), IO, 0);
	expect_log(r, "pin! 0+2 pin 5+5 pin! 0+3 unpin 5+5 ");
	assert_int_equal(rig_nr_pinned(r), 1);
	assert_int_equal(rig_alloc(r, 9, 0), VIRTIO_CMA_S_OK);	/* all is there again */
	rig_free(r);
}

static void failing_address_lookups_undo_everything(void **state)
{
	struct rig *r = rig_make(6, false);

	(void)state;
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);		/* after back */
	expect_refusal(r, rig_alloc(r, 2, CONTIG), IO, 0);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);		/* after pin */
	r->log[0] = 0;
	expect_refusal(r, rig_alloc(r, 1, CONTIG), IO, 0);
	expect_log(r, "back 1+1 ");
	rig_inject(r, RIG_DMA, 1, 1, VIRTIO_CMA_S_IO);
	expect_refusal(r, rig_alloc(r, 3, CONTIG), IO, 0);
	expect_log(r, "back 1+3 pin 1+3 unpin 1+3 ");
	assert_int_equal(rig_nr_pinned(r), 1);
	rig_free(r);
}

/* A backed granule without an address, or with a nonsensical one. */
static void impossible_addresses_are_an_error(void **state)
{
	struct rig *r = rig_make(4, true);

	(void)state;
	r->host[0].dma = HVCMA_DMA_UNKNOWN;
	expect_refusal(r, rig_alloc(r, 4, CONTIG), IO, 0);
	expect_log(r, "pin 0+4 unpin 0+4 ");
	r->host[0].dma = DMA + 1;
	expect_refusal(r, rig_alloc(r, 3, CONTIG), IO, 0);
	expect_log(r, "pin 0+3 unpin 0+3 ");
	rig_free(r);
}

static void a_page_that_moved_but_still_fits_is_kept(void **state)
{
	struct rig *r = rig_make(4, true);

	(void)state;
	r->moves[0].granule = 0;
	r->moves[0].dma = DMA + 50 * GRANULE;
	r->nr_moves = 1;
	assert_int_equal(rig_alloc(r, 1, CONTIG | FAST), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 1);			/* checks the new address */
	expect_log(r, "pin 0+1 ");
	rig_free(r);
}

static void a_page_that_moved_too_far_is_replaced(void **state)
{
	struct rig *r = rig_make(8, true);

	(void)state;
	/* 0 leaves just before 0..2 is pinned: 1..3 serve instead */
	r->moves[0].granule = 0;
	r->moves[0].dma = DMA + 50 * GRANULE;
	r->nr_moves = 1;
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 1, 3);
	expect_log(r, "pin 0+3 unpin 0+3 pin 1+3 ");
	/* and with FAST there is no second attempt */
	r->moves[0].granule = 5;
	r->moves[0].dma = DMA + 60 * GRANULE;
	r->nr_moves = 1;
	expect_refusal(r, rig_alloc(r, 3, CONTIG | FAST), FRAGMENTED, 2 * GRANULE);
	expect_log(r, "pin 4+3 unpin 4+3 ");
	assert_int_equal(rig_nr_pinned(r), 3);
	rig_free(r);
}

static void pages_that_keep_moving_end_in_a_refusal(void **state)
{
	struct rig *r = rig_make(16, true);

	(void)state;
	r->nr_moves = 4;
	for (unsigned int i = 0; i < 4; i++) {		/* taken from the end */
		r->moves[i].granule = 3 * (3 - i) + 1;
		r->moves[i].dma = DMA + (100 + 2 * i) * GRANULE;
	}
	expect_refusal(r, rig_alloc(r, 3, CONTIG), FRAGMENTED, 5 * GRANULE);
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_free(r);
}

static void an_address_limit_holds_after_a_move(void **state)
{
	struct rig *r = rig_make(4, true);
	struct virtio_cma_alloc_req req;

	(void)state;
	rig_alloc_req(&req, 1, CONTIG);
	req.max_dma_addr = hvcma_to_le64(DMA + 4 * GRANULE - 1);
	r->moves[0].granule = 0;
	r->moves[0].dma = DMA + 50 * GRANULE;
	r->nr_moves = 1;
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 1, 1);
	req.max_dma_addr = hvcma_to_le64(DMA - 1);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), ADDR_LIMIT, DMA + 2 * GRANULE);
	req.flags = hvcma_to_le32(CONTIG | FAST);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), ADDR_LIMIT, 0);
	rig_free(r);
}

static void pages_dropped_behind_the_engine_are_backed_again(void **state)
{
	struct rig *r = rig_make(4, true);

	(void)state;
	r->host[0].backed = r->host[1].backed = false;
	assert_int_equal(rig_alloc(r, 4, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 4);
	expect_log(r, "pin! 0+4 back 0+2 pin 0+4 ");
	rig_free(r);

	/* the host insists that a backed one is not */
	r = rig_make(4, true);
	rig_inject(r, RIG_PIN, 0, 9, VIRTIO_CMA_S_NO_BACKING);
	expect_refusal(r, rig_alloc(r, 4, CONTIG), NO_BACKING, 0);
	expect_log(r, "pin! 0+4 ");
	rig_free(r);
}

static void unpin_may_drop_pages(void **state)
{
	struct hvcma_engine_config config = rig_config(4);
	struct hvcma_engine_counters counters;
	struct rig *r;

	(void)state;
	config.unpin_discards = true;
	r = rig_make_config(&config, false);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 0), VIRTIO_CMA_GRANULE_UNBACKED);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.backed_bytes, 0);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_log(r, "back 0+2 pin 0+2 unpin 0+2 back 0+2 pin 0+2 ");
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.backed_bytes, 0);
	rig_free(r);
}

static void the_pin_limit_comes_first(void **state)
{
	struct hvcma_engine_config config = rig_config(8);
	struct rig *r;

	(void)state;
	config.pin_limit_bytes = 3 * GRANULE;
	r = rig_make_config(&config, false);
	expect_refusal(r, rig_alloc(r, 4, CONTIG), PIN_LIMIT, 3 * GRANULE);
	expect_refusal(r, rig_alloc(r, 4, 0), PIN_LIMIT, 3 * GRANULE);
	expect_log(r, "");
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_refusal(r, rig_alloc(r, 2, CONTIG), PIN_LIMIT, 3 * GRANULE);
	/* a bulk is granted up to the limit */
	assert_int_equal(rig_bulk(r, 1, 5, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_pinned(r), 3);
	expect_refusal(r, rig_bulk(r, 1, 5, 0), PIN_LIMIT, 3 * GRANULE);
	rig_free(r);
}

static void hints_are_tried_first(void **state)
{
	struct rig *r = rig_make(12, true);
	struct {
		struct virtio_cma_alloc_req req;
		struct virtio_cma_range hints[3];
	} hinted = {
		.hints = { rig_range(3, 1), rig_range(9, 2), rig_range(5, 4) },
	};

	(void)state;
	rig_alloc_req(&hinted.req, 2, CONTIG);
	hinted.req.hdr = rig_hdr(VIRTIO_CMA_OP_ALLOC, sizeof(hinted));
	hinted.req.nr_hints = hvcma_to_le32(3);
	assert_int_equal(rig_send(r, &hinted, sizeof(hinted)), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 9, 2);		/* the first is too small */
	assert_int_equal(rig_send(r, &hinted, sizeof(hinted)), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 5, 2);
	assert_int_equal(rig_send(r, &hinted, sizeof(hinted)), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 7, 2);
	assert_int_equal(rig_send(r, &hinted, sizeof(hinted)), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 2);		/* anywhere */
	rig_free(r);
}

static void bad_hints_are_refused(void **state)
{
	struct rig *r = rig_make(12, true);
	struct {
		struct virtio_cma_alloc_req req;
		struct virtio_cma_range hints[2];
	} hinted;
	const size_t second = offsetof(__typeof__(hinted), hints[1]);

#define send_hint(first, nr)							\
	(hinted.hints[0] = rig_range(0, 1), hinted.hints[1] = rig_range(first, nr), \
	 rig_send(r, &hinted, sizeof(hinted)))

	(void)state;
	rig_alloc_req(&hinted.req, 2, CONTIG);
	hinted.req.hdr = rig_hdr(VIRTIO_CMA_OP_ALLOC, sizeof(hinted));
	hinted.req.nr_hints = hvcma_to_le32(2);
	expect_refusal(r, send_hint(12, 1), RANGE, 1);
	expect_refusal(r, send_hint(11, 2), RANGE, 1);
	expect_refusal(r, send_hint(-1, 1), RANGE, 1);
	expect_refusal(r, send_hint(1, -1), RANGE, 1);
	expect_refusal(r, send_hint(1, 0), INVAL, second + 8);
	hinted.hints[1].base_gpa = hvcma_to_le64(GPA + 1);
	expect_refusal(r, rig_send(r, &hinted, sizeof(hinted)), INVAL, second);
	hinted.hints[1].base_gpa = hvcma_to_le64(GPA);
	hinted.hints[1].bytes = hvcma_to_le64(GRANULE + 1);
	expect_refusal(r, rig_send(r, &hinted, sizeof(hinted)), INVAL, second + 8);
	hinted.req.nr_hints = hvcma_to_le32(1);
	expect_refusal(r, rig_send(r, &hinted, sizeof(hinted)), INVAL, 44);
	hinted.req.nr_hints = hvcma_to_le32(0x10000002);	/* times 16 wraps */
	expect_refusal(r, rig_send(r, &hinted, sizeof(hinted)), INVAL, 44);
	expect_log(r, "");
	rig_free(r);
}

static void bad_fields_are_refused(void **state)
{
	struct rig *r = rig_make(4, true);
	struct virtio_cma_alloc_req req;
	struct virtio_cma_bulk_req bulk;

#define refuse_field(field, value, status, detail)				\
	do {									\
		rig_alloc_req(&req, 1, CONTIG);					\
		req.field = value;						\
		expect_refusal(r, rig_send(r, &req, sizeof(req)), status, detail); \
	} while (0)

	(void)state;
	refuse_field(bytes, 0, INVAL, 8);
	refuse_field(bytes, hvcma_to_le64(UINT64_MAX), INVAL, 8);
	refuse_field(bytes, hvcma_to_le64(UINT64_MAX - GRANULE + 2), INVAL, 8);
	refuse_field(bytes, hvcma_to_le64(UINT64_MAX - GRANULE + 1), NO_SPACE, 4 * GRANULE);
	refuse_field(bytes, hvcma_to_le64(5 * GRANULE), NO_SPACE, 4 * GRANULE);
	refuse_field(align_bytes, hvcma_to_le64(3), INVAL, 16);
	refuse_field(align_bytes, hvcma_to_le64(GRANULE + 1), INVAL, 16);
	refuse_field(align_bytes, hvcma_to_le64(UINT64_C(1) << 63), FRAGMENTED, 4 * GRANULE);
	refuse_field(max_dma_addr, 0, ADDR_LIMIT, DMA);
	refuse_field(flags, hvcma_to_le32(4), UNSUPP, 32);
	refuse_field(client, hvcma_to_le32(RIG_CLIENTS), NO_CLIENT, RIG_CLIENTS);
	refuse_field(client, hvcma_to_le32(SHARED - 1), NO_CLIENT, SHARED - 1);
	refuse_field(client, hvcma_to_le32(2), CLIENT_STATE, 2);
	refuse_field(purpose, hvcma_to_le32(VIRTIO_CMA_NR_PURPOSES), INVAL, 40);
	refuse_field(nr_hints, hvcma_to_le32(1), INVAL, 44);

	bulk = rig_bulk_req(1, 0, 0);
	expect_refusal(r, rig_send(r, &bulk, sizeof(bulk)), INVAL, 44);
	bulk = rig_bulk_req(1, VIRTIO_CMA_MAX_BULK_BLOCKS + 1, 0);
	expect_refusal(r, rig_send(r, &bulk, sizeof(bulk)), TOO_BIG, 24 + 16 * 8192);
	bulk = rig_bulk_req(1, 1, 8);
	expect_refusal(r, rig_send(r, &bulk, sizeof(bulk)), UNSUPP, 32);
	bulk = rig_bulk_req(UINT64_MAX / GRANULE, VIRTIO_CMA_MAX_BULK_BLOCKS, 0);
	expect_refusal(r, rig_send(r, &bulk, sizeof(bulk)), NO_SPACE, 4 * GRANULE);
	expect_log(r, "");
	rig_free(r);
}

/* 2^51 granules of 4 KiB, 8192 times: the product is 2^64. */
static void products_do_not_wrap(void **state)
{
	struct hvcma_engine_config config = rig_config(1);
	struct virtio_cma_bulk_req bulk = rig_bulk_req(1, VIRTIO_CMA_MAX_BULK_BLOCKS, 0);
	struct rig *r;

	(void)state;
	config.granule_bytes = 4096;
	config.region_bytes = 4 * 4096;
	r = rig_make_config(&config, true);
	bulk.block_bytes = hvcma_to_le64(UINT64_C(1) << 63);
	expect_refusal(r, rig_send(r, &bulk, sizeof(bulk)), NO_SPACE, 4 * 4096);
	rig_free(r);

	config.pin_limit_bytes = 4096;
	r = rig_make_config(&config, true);
	expect_refusal(r, rig_send(r, &bulk, sizeof(bulk)), PIN_LIMIT, 4096);
	rig_free(r);
}

static void a_response_without_room_has_no_effect(void **state)
{
	struct rig *r = rig_make(8, false);
	struct hvcma_engine_counters counters;

	(void)state;
	r->resp_room = sizeof(struct virtio_cma_alloc_resp) + sizeof(struct virtio_cma_block) - 1;
	expect_refusal(r, rig_alloc(r, 1, CONTIG), TOO_BIG, r->resp_room);
	expect_refusal(r, rig_alloc(r, 1, 0), TOO_BIG, r->resp_room);
	r->resp_room = sizeof(struct virtio_cma_bulk_resp) +
		       3 * sizeof(struct virtio_cma_bulk_block) - 1;
	expect_refusal(r, rig_bulk(r, 1, 3, 0), TOO_BIG, r->resp_room);
	r->resp_room = sizeof(struct virtio_cma_resp_hdr) - 1;
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_NR_STATUS);
	assert_int_equal(r->used, 0);
	r->resp_room = 0;
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_NR_STATUS);
	expect_log(r, "");
	assert_int_equal(rig_nr_pinned(r), 0);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.nr_bad_requests, 5);
	rig_free(r);
}

/* --- ALLOC_BULK ------------------------------------------------------- */

static uint32_t nr_bulk_blocks(const struct rig *r, uint32_t *stop_status)
{
	struct virtio_cma_bulk_resp resp;

	memcpy(&resp, r->resp, sizeof(resp));
	*stop_status = hvcma_from_le32(resp.stop_status);
	assert_int_equal(r->used, sizeof(resp) + hvcma_from_le32(resp.nr_blocks) *
			 sizeof(struct virtio_cma_bulk_block));
	return hvcma_from_le32(resp.nr_blocks);
}

#define expect_bulk(r, nr, stop)						\
	do {									\
		uint32_t stop_;							\
										\
		assert_int_equal((r)->status, VIRTIO_CMA_S_OK);			\
		assert_int_equal(nr_bulk_blocks(r, &stop_), nr);		\
		assert_int_equal(stop_, VIRTIO_CMA_S_##stop);			\
	} while (0)

static void a_bulk_costs_one_back_and_one_pin(void **state)
{
	struct rig *r = rig_make(1024, false);
	struct virtio_cma_bulk_block block;

	(void)state;
	rig_bulk(r, 1, 512, 0);
	expect_bulk(r, 512, OK);
	expect_log(r, "back 0+512 pin 0+512 ");
	for (uint64_t i = 0; i < 512; i++) {
		memcpy(&block, r->resp + sizeof(struct virtio_cma_bulk_resp) + i * sizeof(block),
		       sizeof(block));
		assert_int_equal(hvcma_from_le64(block.base_gpa), GPA + i * GRANULE);
		assert_int_equal(hvcma_from_le64(block.base_dma), DMA + i * GRANULE);
	}
	assert_int_equal(rig_free_block(r, 0, 512), VIRTIO_CMA_S_NOT_BLOCK);	/* 512 blocks */
	assert_int_equal(rig_free_block(r, 511, 1), VIRTIO_CMA_S_OK);
	expect_log(r, "unpin 511+1 ");
	rig_bulk(r, 2, 3, CONTIG);
	expect_bulk(r, 3, OK);
	rig_free(r);
}

static void a_bulk_is_granted_as_far_as_it_goes(void **state)
{
	struct rig *r = rig_make(10, true);

	(void)state;
	for (uint64_t i = 2; i < 10; i += 3)	/* ..A..B..C. */
		assert_int_equal(hvcma_engine_restore_block(r->engine, i, 1, SHARED, 0), 0);
	rig_bulk(r, 2, 5, 0);
	expect_bulk(r, 3, NO_SPACE);
	expect_refusal(r, rig_bulk(r, 2, 1, 0), NO_SPACE, GRANULE);
	rig_bulk(r, 1, 1, 0);
	expect_bulk(r, 1, OK);
	expect_refusal(r, rig_bulk(r, 1, 1, 0), NO_SPACE, 0);
	rig_free(r);
}

static void a_bulk_halves_what_the_host_refuses(void **state)
{
	struct rig *r = rig_make(16, false);

	(void)state;
	rig_inject(r, RIG_BACK, 0, 1, VIRTIO_CMA_S_NO_BACKING);
	rig_bulk(r, 1, 8, 0);
	expect_bulk(r, 8, OK);
	expect_log(r, "back! 0+8 back 0+4 back 4+4 pin 0+8 ");
	rig_inject(r, RIG_PIN, 0, 1, VIRTIO_CMA_S_PIN_LIMIT);
	rig_bulk(r, 1, 8, 0);
	expect_bulk(r, 8, OK);
	expect_log(r, "back 8+8 pin! 8+8 pin 8+4 pin 12+4 ");
	assert_int_equal(hvcma_engine_reset(r->engine), 0);

	/* the host pins four and no more: all or nothing of the next bulk fails */
	rig_inject(r, RIG_PIN, 1, 5, VIRTIO_CMA_S_PIN_LIMIT);
	r->log[0] = 0;
	assert_int_equal(rig_alloc(r, 4, CONTIG), VIRTIO_CMA_S_OK);
	expect_refusal(r, rig_bulk(r, 1, 8, 0), PIN_LIMIT, 16 * GRANULE);
	expect_log(r, "pin 0+4 pin! 4+8 pin! 4+4 pin! 4+2 pin! 4+1 ");
	rig_inject(r, RIG_PIN, 0, 0, 0);
	rig_free(r);
}

static void a_bulk_keeps_what_was_pinned_before_a_refusal(void **state)
{
	struct rig *r = rig_make(8, true);

	(void)state;
	assert_int_equal(hvcma_engine_restore_block(r->engine, 2, 1, SHARED, 0), 0);
	r->log[0] = 0;					/* ..A..... */
	rig_inject(r, RIG_PIN, 1, 9, VIRTIO_CMA_S_PIN_LIMIT);
	rig_bulk(r, 1, 4, 0);
	expect_bulk(r, 2, PIN_LIMIT);
	expect_log(r, "pin 0+2 pin! 3+2 pin! 3+1 ");
	rig_inject(r, RIG_PIN, 0, 0, 0);
	rig_bulk(r, 1, 5, 0);
	expect_bulk(r, 5, OK);				/* the rest is free again */
	rig_free(r);
}

static void a_bulk_survives_pages_that_move(void **state)
{
	struct rig *r = rig_make(8, true);

	(void)state;
	r->moves[0].granule = 3;		/* 2..3 is split */
	r->moves[0].dma = DMA + 50 * GRANULE;
	r->nr_moves = 1;
	rig_bulk(r, 2, 3, 0);
	expect_bulk(r, 3, OK);			/* 0..1, 4..5, then 6..7 */
	expect_log(r, "pin 0+6 unpin 2+2 pin 6+2 ");
	/* one granule of a pair fails its look-up: none of the pair stays */
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	r->log[0] = 0;
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);
	expect_refusal(r, rig_bulk(r, 1, 2, 0), IO, 0);
	assert_int_equal(rig_nr_pinned(r), 0);
	/* the look-up after a move fails */
	r->moves[0].granule = 1;
	r->moves[0].dma = DMA + 70 * GRANULE;
	r->moves[1].granule = 0;
	r->moves[1].dma = DMA + 72 * GRANULE;
	r->nr_moves = 2;
	r->moves_per_pin = 2;
	rig_inject(r, RIG_DMA, 2, 1, VIRTIO_CMA_S_IO);
	r->log[0] = 0;
	rig_bulk(r, 1, 4, 0);
	expect_bulk(r, 1, IO);
	expect_log(r, "pin 3+1 pin 0+3 unpin 0+1 unpin 1+1 unpin 2+1 ");
	rig_free(r);
}

/* --- restore ---------------------------------------------------------- */

static void blocks_that_migrated_in_are_restored(void **state)
{
	struct rig *r = rig_make(8, false);
	uint64_t first = 0, nr = 0;
	uint32_t client = 0, purpose = 0;

	(void)state;
	assert_int_equal(hvcma_engine_restore_block(r->engine, 2, 3, 2, 1), 0);
	expect_log(r, "back 2+3 pin 2+3 ");
	assert_true(hvcma_engine_next_block(r->engine, 0, &first, &nr, &client, &purpose));
	assert_int_equal(first, 2);
	assert_int_equal(nr, 3);
	assert_int_equal(client, 2);		/* absent now, present on the source */
	assert_int_equal(purpose, 1);
	assert_false(hvcma_engine_next_block(r->engine, 3, &first, &nr, &client, &purpose));

	assert_int_equal(hvcma_engine_restore_block(r->engine, 4, 2, SHARED, 0),
			 VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 8, 1, SHARED, 0),
			 VIRTIO_CMA_S_RANGE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 4, SHARED, 0),
			 VIRTIO_CMA_S_RANGE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, UINT64_MAX, SHARED, 0),
			 VIRTIO_CMA_S_RANGE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 0, SHARED, 0),
			 VIRTIO_CMA_S_RANGE);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 1, RIG_CLIENTS, 0),
			 VIRTIO_CMA_S_NO_CLIENT);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 1, SHARED,
						    VIRTIO_CMA_NR_PURPOSES),
			 VIRTIO_CMA_S_INVAL);
	expect_log(r, "");
	r->host[6].dma = DMA + 40 * GRANULE;
	assert_int_equal(hvcma_engine_restore_block(r->engine, 5, 2, SHARED, 0),
			 VIRTIO_CMA_S_FRAGMENTED);
	expect_log(r, "back 5+2 pin 5+2 unpin 5+2 ");
	rig_inject(r, RIG_BACK, 0, 1, VIRTIO_CMA_S_NO_BACKING);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 7, 1, SHARED, 0),
			 VIRTIO_CMA_S_NO_BACKING);
	rig_inject(r, RIG_PIN, 0, 1, VIRTIO_CMA_S_PIN_LIMIT);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 7, 1, SHARED, 0),
			 VIRTIO_CMA_S_PIN_LIMIT);
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 7, 1, SHARED, 0),
			 VIRTIO_CMA_S_IO);
	rig_check(r);
	assert_int_equal(rig_nr_pinned(r), 3);
	assert_int_equal(rig_free_block(r, 2, 3), VIRTIO_CMA_S_OK);
	/* known at the start, unknown beyond the end */
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_restore_block(r->engine, 0, 1, SHARED, 0), 0);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 4, 2, SHARED, 0), 0);
	expect_log(r, "back 0+1 pin 0+1 pin 4+2 ");
	rig_free(r);
}

static void restoring_obeys_the_pin_limit(void **state)
{
	struct hvcma_engine_config config = rig_config(8);
	struct rig *r;

	(void)state;
	config.pin_limit_bytes = 3 * GRANULE;
	r = rig_make_config(&config, false);
	r->host[0].backed = true;
	assert_int_equal(hvcma_engine_refresh(r->engine), 0);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 0, 4, SHARED, 0),
			 VIRTIO_CMA_S_PIN_LIMIT);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 0, 3, SHARED, 0), 0);
	expect_log(r, "back 1+2 pin 0+3 ");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alloc_backs_pins_and_answers),
		cmocka_unit_test(sizes_are_rounded_up),
		cmocka_unit_test(without_contig_blocks_are_gathered),
		cmocka_unit_test(gathering_ends_with_the_room_for_blocks),
		cmocka_unit_test(gathering_backs_what_is_missing),
		cmocka_unit_test(fast_does_not_back),
		cmocka_unit_test(each_unknown_granule_is_tried_once),
		cmocka_unit_test(a_host_out_of_pages_is_reported),
		cmocka_unit_test(a_refused_pin_undoes_everything),
		cmocka_unit_test(failing_address_lookups_undo_everything),
		cmocka_unit_test(impossible_addresses_are_an_error),
		cmocka_unit_test(a_page_that_moved_but_still_fits_is_kept),
		cmocka_unit_test(a_page_that_moved_too_far_is_replaced),
		cmocka_unit_test(pages_that_keep_moving_end_in_a_refusal),
		cmocka_unit_test(an_address_limit_holds_after_a_move),
		cmocka_unit_test(pages_dropped_behind_the_engine_are_backed_again),
		cmocka_unit_test(unpin_may_drop_pages),
		cmocka_unit_test(the_pin_limit_comes_first),
		cmocka_unit_test(hints_are_tried_first),
		cmocka_unit_test(bad_hints_are_refused),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(products_do_not_wrap),
		cmocka_unit_test(a_response_without_room_has_no_effect),
		cmocka_unit_test(a_bulk_costs_one_back_and_one_pin),
		cmocka_unit_test(a_bulk_is_granted_as_far_as_it_goes),
		cmocka_unit_test(a_bulk_halves_what_the_host_refuses),
		cmocka_unit_test(a_bulk_keeps_what_was_pinned_before_a_refusal),
		cmocka_unit_test(a_bulk_survives_pages_that_move),
		cmocka_unit_test(blocks_that_migrated_in_are_restored),
		cmocka_unit_test(restoring_obeys_the_pin_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
