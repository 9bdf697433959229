// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FREE and BUSY: what goes back, all or nothing, and what is not offered again.
 */
#include "tests/unit/engine_rig.h"

/* --- FREE ------------------------------------------------------------- */

static void adjacent_blocks_are_unpinned_in_one_call(void **state)
{
	struct rig *r = rig_make_blocks();
	const struct virtio_cma_range ranges[] = {
		rig_range(0, 2), rig_range(2, 3), rig_range(5, 1),
	};
	const struct virtio_cma_range backwards[] = {
		rig_range(5, 1), rig_range(2, 3), rig_range(0, 2),
	};

	(void)state;
	assert_int_equal(rig_free_ranges(r, ranges, 3), VIRTIO_CMA_S_OK);
	expect_log(r, "unpin 0+6 ");
	rig_free(r);
	r = rig_make_blocks();
	assert_int_equal(rig_free_ranges(r, backwards, 3), VIRTIO_CMA_S_OK);
	expect_log(r, "unpin 5+1 unpin 2+3 unpin 0+2 ");
	rig_free(r);
}

static void a_free_is_all_or_nothing(void **state)
{
	struct rig *r = rig_make_blocks();
	struct virtio_cma_range ranges[3] = { rig_range(0, 2), rig_range(5, 1) };
	struct {
		struct virtio_cma_free_req req;
		struct virtio_cma_range range;
	} one;

#define refuse_third(range, status, detail)					\
	(ranges[2] = (range), expect_free_refusal(rig_free_ranges(r, ranges, 3), status, detail))
#define expect_free_refusal(sent, status, detail)				\
	({ expect_refusal(r, sent, status, detail); expect_log(r, ""); })

	(void)state;
	refuse_third(rig_range(0, 2), NOT_BLOCK, 2);		/* twice */
	refuse_third(rig_range(5, 1), NOT_BLOCK, 2);
	refuse_third(rig_range(2, 2), NOT_BLOCK, 2);		/* a part */
	refuse_third(rig_range(3, 2), NOT_BLOCK, 2);
	refuse_third(rig_range(2, 4), NOT_BLOCK, 2);		/* more than a block */
	refuse_third(rig_range(1, 1), NOT_BLOCK, 2);		/* inside a named one */
	refuse_third(rig_range(6, 1), NOT_BLOCK, 2);		/* free */
	refuse_third(rig_range(8, 1), RANGE, 2);
	refuse_third(rig_range(7, 2), RANGE, 2);
	refuse_third(rig_range(0, 1u << 20), RANGE, 2);
	refuse_third(rig_range(-1, 1), RANGE, 2);
	refuse_third(rig_range(0, 0), INVAL, 16 + 32 + 8);
	ranges[2].base_gpa = hvcma_to_le64(GPA + 4096);
	expect_refusal(r, rig_free_ranges(r, ranges, 3), INVAL, 16 + 32);
	/* after all that, every block is still there and can be freed */
	refuse_third(rig_range(7, 1), NOT_BLOCK, 2);
	expect_refusal(r, rig_free_ranges(r, ranges, 0), INVAL, 8);
	assert_int_equal(rig_free_ranges(r, ranges, 2), VIRTIO_CMA_S_OK);
	expect_refusal(r, rig_free_ranges(r, ranges, 1), NOT_BLOCK, 0);

	memset(&one, 0, sizeof(one));
	one.req.hdr = rig_hdr(VIRTIO_CMA_OP_FREE, sizeof(one));
	one.req.nr_ranges = hvcma_to_le32(1);
	one.range = rig_range(2, 3);
	one.req.reserved = hvcma_to_le32(1);
	expect_refusal(r, rig_send(r, &one, sizeof(one)), INVAL, 12);
	one.req.reserved = 0;
	one.req.nr_ranges = hvcma_to_le32(2);
	expect_refusal(r, rig_send(r, &one, sizeof(one)), INVAL, 8);
	one.req.nr_ranges = hvcma_to_le32(0x10000001);
	expect_refusal(r, rig_send(r, &one, sizeof(one)), INVAL, 8);
	one.req.nr_ranges = hvcma_to_le32(1);
	assert_int_equal(rig_send(r, &one, sizeof(one)), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void a_response_header_is_room_enough_to_free(void **state)
{
	struct rig *r = rig_make_blocks();

	(void)state;
	r->resp_room = sizeof(struct virtio_cma_resp_hdr) - 1;
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_NR_STATUS);
	expect_log(r, "");
	r->resp_room++;
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/* --- BUSY ------------------------------------------------------------- */

static const struct virtio_cma_range no_block;

static void busy_granules_are_not_offered(void **state)
{
	struct rig *r = rig_make_blocks();			/* AaBbbC.. */
	struct virtio_cma_range touch[2];
	struct hvcma_engine_counters counters;

	(void)state;
	/* bytes in the middle of granule 2, and from the end of 3 into 4 */
	touch[0].base_gpa = hvcma_to_le64(GPA + 2 * GRANULE + 4096);
	touch[0].bytes = hvcma_to_le64(4096);
	touch[1].base_gpa = hvcma_to_le64(GPA + 4 * GRANULE - 4096);
	touch[1].bytes = hvcma_to_le64(4097);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(2, 3), touch, 2),
			 VIRTIO_CMA_S_OK);
	expect_log(r, "unpin 2+3 ");
	for (uint64_t i = 2; i < 5; i++)
		assert_int_equal(hvcma_engine_granule_state(r->engine, i),
				 VIRTIO_CMA_GRANULE_MIGRATABLE | VIRTIO_CMA_GRANULE_BUSY);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.busy_bytes, 3 * GRANULE);

	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 6, 2);
	expect_refusal(r, rig_alloc(r, 1, CONTIG), BUSY, GPA + 2 * GRANULE);
	expect_refusal(r, rig_alloc(r, 3, 0), BUSY, GPA + 2 * GRANULE);
	expect_refusal(r, rig_alloc(r, 4, 0), NO_SPACE, 0);
	/* clearing one lets it be used */
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, no_block, &touch[0], 1),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 2, 1);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, no_block, &touch[1], 1),
			 VIRTIO_CMA_S_OK);
	/* without ranges all of the block is busy */
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(6, 2), NULL, 0),
			 VIRTIO_CMA_S_OK);
	expect_refusal(r, rig_alloc(r, 3, 0), BUSY, GPA + 6 * GRANULE);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 3, 2);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	assert_int_equal(rig_alloc(r, 8, CONTIG), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/*
 * A request for one run fails, though enough is free, because of a busy granule:
 *
 *	A a . w . C . .		w busy
 */
static void a_run_that_a_busy_granule_cuts_is_busy(void **state)
{
	struct rig *r = rig_make_blocks();			/* AaBbbC.. */
	const struct virtio_cma_range touch = rig_range(3, 1);
	struct virtio_cma_alloc_req req;
	struct virtio_cma_bulk_resp bulk;

	(void)state;
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(2, 3), &touch, 1),
			 VIRTIO_CMA_S_OK);
	expect_refusal(r, rig_alloc(r, 3, CONTIG), BUSY, GPA + 3 * GRANULE);
	expect_refusal(r, rig_alloc(r, 3, CONTIG | FAST), BUSY, GPA + 3 * GRANULE);
	expect_refusal(r, rig_bulk(r, 3, 1, 0), BUSY, GPA + 3 * GRANULE);
	expect_refusal(r, rig_alloc(r, 4, CONTIG), FRAGMENTED, 2 * GRANULE);

	rig_alloc_req(&req, 2, CONTIG);		/* 6 and 7 are above the limit */
	req.max_dma_addr = hvcma_to_le64(DMA + 4 * GRANULE - 1);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), BUSY, GPA + 3 * GRANULE);
	req.max_dma_addr = hvcma_to_le64(DMA + 4 * GRANULE - 2);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), ADDR_LIMIT, DMA + 2 * GRANULE);

	/* a bulk stops for the same reason */
	assert_int_equal(rig_bulk(r, 2, 2, 0), VIRTIO_CMA_S_OK);
	memcpy(&bulk, r->resp, sizeof(bulk));
	assert_int_equal(hvcma_from_le32(bulk.nr_blocks), 1);
	assert_int_equal(hvcma_from_le32(bulk.stop_status), VIRTIO_CMA_S_BUSY);
	assert_int_equal(rig_free_block(r, 6, 2), VIRTIO_CMA_S_OK);

	/* it is not the busy granule if the addresses on both sides do not fit */
	r->host[4].dma = DMA + 50 * GRANULE;
	assert_int_equal(hvcma_engine_refresh(r->engine), 0);
	expect_refusal(r, rig_alloc(r, 3, CONTIG), FRAGMENTED, 2 * GRANULE);
	/* nor if it has none */
	r->host[4].dma = DMA + 4 * GRANULE;
	r->host[3].backed = false;
	assert_int_equal(hvcma_engine_refresh(r->engine), 0);
	expect_refusal(r, rig_alloc(r, 3, CONTIG), FRAGMENTED, 2 * GRANULE);
	rig_free(r);
}

/*
 *	p p u . . . . .		p pinned, u unmovable, r no room; a later word counts
 *	r p . . . . . .
 */
static void busy_granules_are_counted_by_reason(void **state)
{
	struct rig *r = rig_make(8, true);
	const struct virtio_cma_range second = rig_range(1, 1), third = rig_range(2, 1);
	struct hvcma_engine_counters counters;

#define expect_whys(pinned, unmovable, no_room)					\
	do {									\
		hvcma_engine_counters(r->engine, &counters);			\
		assert_int_equal(counters.busy_bytes, ((pinned) + (unmovable) +	\
						       (no_room)) * GRANULE);	\
		assert_int_equal(counters.busy_why_bytes[VIRTIO_CMA_WHY_OTHER], 0); \
		assert_int_equal(counters.busy_why_bytes[VIRTIO_CMA_WHY_PINNED], \
				 (pinned) * GRANULE);				\
		assert_int_equal(counters.busy_why_bytes[VIRTIO_CMA_WHY_UNMOVABLE], \
				 (unmovable) * GRANULE);			\
		assert_int_equal(counters.busy_why_bytes[VIRTIO_CMA_WHY_NO_ROOM], \
				 (no_room) * GRANULE);				\
	} while (0)

	(void)state;
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 2);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_busy_why(r, VIRTIO_CMA_BUSY_SET, VIRTIO_CMA_WHY_PINNED,
				      rig_range(0, 2), NULL, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_busy_why(r, VIRTIO_CMA_BUSY_SET, VIRTIO_CMA_WHY_UNMOVABLE,
				      rig_range(2, 1), NULL, 0), VIRTIO_CMA_S_OK);
	expect_whys(2, 1, 0);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 1),
			 VIRTIO_CMA_GRANULE_MIGRATABLE | VIRTIO_CMA_GRANULE_BUSY |
			 VIRTIO_CMA_WHY_PINNED << VIRTIO_CMA_GRANULE_WHY_SHIFT);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 3),
			 VIRTIO_CMA_GRANULE_MIGRATABLE);
	/* cleared twice, and where nothing is busy: counted once */
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, no_block, &third, 1),
				 VIRTIO_CMA_S_OK);
	expect_whys(2, 0, 0);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, no_block, &second, 1),
			 VIRTIO_CMA_S_OK);
	expect_whys(1, 0, 0);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 1, 1);
	assert_int_equal(rig_busy_why(r, VIRTIO_CMA_BUSY_SET, VIRTIO_CMA_WHY_NO_ROOM,
				      rig_range(1, 1), NULL, 0), VIRTIO_CMA_S_OK);
	expect_whys(1, 0, 1);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_whys(0, 0, 0);
	rig_free(r);
#undef expect_whys
}

static void bad_busy_requests_are_refused(void **state)
{
	struct rig *r = rig_make_blocks();			/* AaBbbC.. */
	struct virtio_cma_range touch[3];
	struct virtio_cma_range odd = rig_range(2, 3);
	struct virtio_cma_busy_req req;

#define busy(action, block, nr) rig_busy(r, VIRTIO_CMA_BUSY_##action, block, touch, nr)

	(void)state;
	touch[0] = rig_range(2, 1);
	expect_refusal(r, busy(SET, rig_range(2, 2), 1), NOT_BLOCK, 0);
	expect_refusal(r, busy(SET, rig_range(6, 2), 0), NOT_BLOCK, 0);
	expect_refusal(r, busy(SET, rig_range(8, 1), 0), RANGE, 0);
	expect_refusal(r, busy(SET, no_block, 0), INVAL, 16);	/* no bytes */
	odd.base_gpa = hvcma_to_le64(GPA + 1);
	expect_refusal(r, busy(SET, odd, 0), INVAL, 8);
	touch[1] = rig_range(1, 1);			/* outside the block */
	expect_refusal(r, busy(SET, rig_range(2, 3), 2), RANGE, 1);
	touch[1] = rig_range(4, 2);
	expect_refusal(r, busy(SET, rig_range(2, 3), 2), RANGE, 1);
	touch[1] = rig_range(4, -1);
	expect_refusal(r, busy(SET, rig_range(2, 3), 2), RANGE, 1);
	touch[1] = rig_range(4, 0);
	expect_refusal(r, busy(SET, rig_range(2, 3), 2), INVAL, 40 + 16 + 8);
	touch[0] = touch[1] = touch[2] = rig_range(2, 3);	/* overlapping */
	expect_refusal(r, busy(SET, rig_range(2, 3), 3), INVAL, 28);
	expect_refusal(r, rig_busy(r, 2, rig_range(2, 3), touch, 1), UNSUPP, 24);
	expect_refusal(r, busy(CLEAR, no_block, 0), INVAL, 28);
	expect_refusal(r, busy(CLEAR, rig_range(2, 3), 1), INVAL, 8);
	odd.base_gpa = 0;
	expect_refusal(r, busy(CLEAR, odd, 1), INVAL, 16);
	touch[0] = rig_range(8, 1);
	expect_refusal(r, busy(CLEAR, no_block, 1), RANGE, 0);
	touch[0] = touch[1] = rig_range(0, 8);
	expect_refusal(r, busy(CLEAR, no_block, 2), INVAL, 28);
	assert_int_equal(busy(CLEAR, no_block, 1), VIRTIO_CMA_S_OK);	/* blocks stay */

	memset(&req, 0, sizeof(req));
	req.hdr = rig_hdr(VIRTIO_CMA_OP_BUSY, sizeof(req));
	req.block = rig_range(2, 3);
	req.nr_ranges = hvcma_to_le32(1);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), INVAL, 28);
	req.nr_ranges = 0;
	req.why = hvcma_to_le32(VIRTIO_CMA_NR_WHYS);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), INVAL, 32);
	req.why = 0;
	req.reserved = hvcma_to_le32(1);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), INVAL, 36);
	touch[0] = rig_range(0, 1);
	expect_refusal(r, rig_busy_why(r, VIRTIO_CMA_BUSY_CLEAR, VIRTIO_CMA_WHY_PINNED, no_block,
				       touch, 1), INVAL, 32);
	expect_log(r, "");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adjacent_blocks_are_unpinned_in_one_call),
		cmocka_unit_test(a_free_is_all_or_nothing),
		cmocka_unit_test(a_response_header_is_room_enough_to_free),
		cmocka_unit_test(busy_granules_are_not_offered),
		cmocka_unit_test(a_run_that_a_busy_granule_cuts_is_busy),
		cmocka_unit_test(busy_granules_are_counted_by_reason),
		cmocka_unit_test(bad_busy_requests_are_refused),
	};

	return cmocka_run_group_tests_name("engine FREE and BUSY", tests, NULL, NULL);
}
