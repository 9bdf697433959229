// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SURRENDER and RECLAIM in the engine: what becomes of granules, what is refused and changes nothing,
 * what other requests, resets and marks make of it. Real hugepages are tests/qtest/test_surrender.c's.
 */
#include "engine_rig.h"

#define BIT(x)		(UINT64_C(1) << VIRTIO_CMA_F_##x)
#define ALL		((UINT64_C(1) << VIRTIO_CMA_NR_FEATURES) - 1)
#define NR		8

static struct rig *make(void)
{
	struct hvcma_engine_config config = rig_config(NR);
	struct rig *r;

	config.mode = VIRTIO_CMA_MODE_REUSABLE;
	config.back_max_granules = 4;
	config.pin_max_granules = 4;
	r = rig_make_config(&config, true);
	hvcma_engine_set_features(r->engine, ALL);
	return r;
}

static uint32_t send(struct rig *r, uint32_t op, uint64_t first, uint64_t nr)
{
	const struct virtio_cma_surrender_req req = {
		.hdr = rig_hdr(op, sizeof(req)),
		.range = rig_range(first, nr),
	};

	return rig_send(r, &req, sizeof(req));
}

static uint32_t surrender(struct rig *r, uint64_t first, uint64_t nr)
{
	return send(r, VIRTIO_CMA_OP_SURRENDER, first, nr);
}

static uint32_t reclaim(struct rig *r, uint64_t first, uint64_t nr)
{
	return send(r, VIRTIO_CMA_OP_RECLAIM, first, nr);
}

/* Of the first @nr granules, in one block each. */
static void surrender_first(struct rig *r, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	for (i = 0; i < nr; i++)
		assert_int_equal(surrender(r, i, 1), VIRTIO_CMA_S_OK);
}

static struct hvcma_engine_counters counters(const struct rig *r)
{
	struct hvcma_engine_counters c;

	hvcma_engine_counters(r->engine, &c);
	return c;
}

static void a_block_goes_and_comes_back(void **state)
{
	struct rig *r = make();

	(void)state;
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	r->log[0] = '\0';
	assert_int_equal(surrender(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "unpin 0+3 surrender 0+3 ");
	assert_int_equal(counters(r).surrendered_bytes, 3 * GRANULE);
	assert_int_equal(counters(r).busy_bytes, 0);
	assert_int_equal(counters(r).allocated_bytes, 0);
	assert_int_equal(counters(r).backed_bytes, (NR - 3) * GRANULE);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 0), VIRTIO_CMA_GRANULE_UNBACKED);
	assert_int_equal(surrender(r, 0, 3), VIRTIO_CMA_S_NOT_BLOCK);

	/* as the guest likes, not as it gave them */
	r->log[0] = '\0';
	assert_int_equal(reclaim(r, 1, 2), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "back 1+2 ");
	assert_int_equal(reclaim(r, 1, 2), VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_equal(reclaim(r, 0, 3), VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_equal(reclaim(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(counters(r).surrendered_bytes, 0);
	assert_int_equal(counters(r).free_bytes, NR * GRANULE);
	assert_int_equal(rig_alloc(r, NR, CONTIG), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void it_is_no_bodys_to_allocate(void **state)
{
	struct rig *r = make();

	(void)state;
	surrender_first(r, 4);
	r->log[0] = '\0';
	assert_int_equal(rig_alloc(r, 5, CONTIG), VIRTIO_CMA_S_NO_SPACE);
	assert_string_equal(r->log, "");	/* nor does the host make pages for it */
	assert_int_equal(r->detail, 4 * GRANULE);
	assert_int_equal(rig_alloc(r, 4, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, 0), VIRTIO_CMA_S_NO_SPACE);
	/* the host looks at all of it again */
	assert_int_equal(hvcma_engine_refresh(r->engine), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, 0), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(reclaim(r, 2, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void without_pages_nothing_changes(void **state)
{
	struct rig *r = make();

	(void)state;
	surrender_first(r, 3);
	rig_inject(r, RIG_BACK, 0, 1, VIRTIO_CMA_S_NO_BACKING);
	assert_int_equal(reclaim(r, 0, 3), VIRTIO_CMA_S_NO_BACKING);
	assert_int_equal(counters(r).surrendered_bytes, 3 * GRANULE);
	assert_int_equal(reclaim(r, 0, 3), VIRTIO_CMA_S_OK);

	/* pages that are there and can't be seen: as of any other that moved */
	surrender_first(r, 1);
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(reclaim(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(counters(r).surrendered_bytes, 0);
	assert_int_equal(rig_alloc(r, NR, 0), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void what_is_malformed_is_refused(void **state)
{
	struct virtio_cma_surrender_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_SURRENDER, sizeof(req)),
		.range = { hvcma_to_le64(GPA + 4096), hvcma_to_le64(GRANULE) },
	};
	struct rig *r = make();
	char longer[sizeof(req) + 8] = { 0 };

	(void)state;
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_INVAL);
	assert_int_equal(r->detail, offsetof(struct virtio_cma_surrender_req, range.base_gpa));
	req.range.base_gpa = hvcma_to_le64(GPA);
	req.range.bytes = 0;
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_INVAL);
	assert_int_equal(rig_send(r, &req, sizeof(req) - 8), VIRTIO_CMA_S_INVAL);
	memcpy(longer, &req, sizeof(req));
	((struct virtio_cma_surrender_req *)longer)->hdr.bytes = hvcma_to_le32(sizeof(longer));
	assert_int_equal(rig_send(r, longer, sizeof(longer)), VIRTIO_CMA_S_INVAL);
	assert_int_equal(surrender(r, NR, 1), VIRTIO_CMA_S_RANGE);
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_equal(reclaim(r, 0, 1), VIRTIO_CMA_S_NOT_BLOCK);

	/* a part of one, two, and more than goes in one go */
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_equal(surrender(r, 0, 3), VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_equal(rig_alloc(r, 5, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(surrender(r, 3, 5), VIRTIO_CMA_S_TOO_BIG);
	assert_int_equal(r->detail, 4 * GRANULE);
	assert_int_equal(reclaim(r, 3, 5), VIRTIO_CMA_S_TOO_BIG);
	assert_int_equal(counters(r).surrendered_bytes, 0);
	assert_int_equal(counters(r).allocated_bytes, NR * GRANULE);
	rig_free(r);
}

static void without_the_feature_it_is_unknown(void **state)
{
	struct rig *r = make();

	(void)state;
	hvcma_engine_set_features(r->engine, ALL & ~BIT(SURRENDER));
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_UNSUPP);
	assert_int_equal(reclaim(r, 0, 1), VIRTIO_CMA_S_UNSUPP);
	hvcma_engine_set_features(r->engine, 0);	/* the legacy interface */
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_UNSUPP);
	rig_free(r);
}

static void a_reset_leaves_it_to_the_guest(void **state)
{
	struct rig *r = make();

	(void)state;
	surrender_first(r, 3);
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_OK);
	while (hvcma_engine_drain(r->engine))
		;
	rig_check(r);
	assert_int_equal(counters(r).surrendered_bytes, 3 * GRANULE);
	assert_int_equal(rig_alloc(r, 6, 0), VIRTIO_CMA_S_NO_SPACE);

	/* of the machine: no guest has anything in it; one page is left */
	rig_inject(r, RIG_BACK, 1, 1, VIRTIO_CMA_S_NO_BACKING);
	assert_false(hvcma_engine_reclaim_all(r->engine));
	assert_int_equal(counters(r).surrendered_bytes, 2 * GRANULE);
	assert_true(hvcma_engine_reclaim_all(r->engine));
	assert_true(hvcma_engine_reclaim_all(r->engine));
	assert_int_equal(rig_alloc(r, NR, CONTIG), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/* What is busy and what is surrendered are two things, though neither is given out. */
static void busy_marks_are_others(void **state)
{
	const struct virtio_cma_range second = rig_range(1, 1), all = rig_range(0, NR), none = { 0 };
	struct rig *r = make();

	(void)state;
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 2), &second, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(counters(r).busy_bytes, GRANULE);
	assert_int_equal(counters(r).surrendered_bytes, GRANULE);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 1), NULL, 0), VIRTIO_CMA_S_NOT_BLOCK);
	/* what is busy would do, what is surrendered would not */
	assert_int_equal(rig_alloc(r, 7, 0), VIRTIO_CMA_S_BUSY);
	assert_int_equal(rig_alloc(r, 8, 0), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, &all, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(counters(r).busy_bytes, 0);
	assert_int_equal(counters(r).surrendered_bytes, GRANULE);
	assert_int_equal(rig_alloc(r, 8, 0), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(reclaim(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 8, 0), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void in_quarantine_nothing_goes(void **state)
{
	struct rig *r = make();

	(void)state;
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_client_op(r, VIRTIO_CMA_OP_CLAIM, 0), VIRTIO_CMA_S_OK);
	rig_inject(r, RIG_QUIESCE, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(rig_client_op(r, VIRTIO_CMA_OP_RELEASE, 0), VIRTIO_CMA_S_IO);
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_REFUSED);
	assert_int_equal(rig_client_op(r, VIRTIO_CMA_OP_RELEASE, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/* Memory that a client writes to past the caches is maintained before its pages go. */
static void noncoherent_use_ends_first(void **state)
{
	struct rig *r = make();

	(void)state;
	rig_add_client(r, 2, VIRTIO_CMA_COHERENT_NO);
	assert_int_equal(rig_client_op(r, VIRTIO_CMA_OP_CLAIM, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(r->nr_noncoherent, 1);
	assert_int_equal(surrender(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(r->nr_noncoherent, 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_goes_and_comes_back),
		cmocka_unit_test(it_is_no_bodys_to_allocate),
		cmocka_unit_test(without_pages_nothing_changes),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(without_the_feature_it_is_unknown),
		cmocka_unit_test(a_reset_leaves_it_to_the_guest),
		cmocka_unit_test(busy_marks_are_others),
		cmocka_unit_test(in_quarantine_nothing_goes),
		cmocka_unit_test(noncoherent_use_ends_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
