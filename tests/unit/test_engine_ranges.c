// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: a region that is the machine's RAM (VIRTIO_CMA_MODE_RAM), in several ranges of
 * guest-physical addresses. Nothing goes across a border, though host memory does; the hole
 * between is no place for a request; a driver learns the ranges if it knows of them. What pins
 * it from the start is test_engine_pin_all.c's.
 */
#include "tests/unit/engine_rig.h"

#define LOW		3			/* granules below the hole */
#define HIGH		5
#define NR		(LOW + HIGH)
#define HIGH_GPA	(UINT64_C(2) << 32)
#define FEATURES	((UINT64_C(1) << VIRTIO_CMA_NR_FEATURES) - 1)

static const struct hvcma_gpa_range ranges[] = {
	{ .base_gpa = 0, .bytes = LOW * GRANULE },
	{ .base_gpa = HIGH_GPA, .bytes = HIGH * GRANULE },
};

static struct hvcma_engine_config ram_config(void)
{
	struct hvcma_engine_config config = rig_config(NR);

	config.region_base_gpa = 0;
	config.mode = VIRTIO_CMA_MODE_RAM;
	config.flags = VIRTIO_CMA_FLAG_PINNED;
	config.ranges = ranges;
	config.nr_ranges = 2;
	return config;
}

static struct rig *make(enum hvcma_policy policy)
{
	struct hvcma_engine_config config = ram_config();
	struct rig *r;

	config.policy = policy;
	r = rig_make_config(&config, true);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	hvcma_engine_set_features(r->engine, FEATURES);
	r->log[0] = 0;
	return r;
}

static struct virtio_cma_range range_at(uint64_t gpa, uint64_t nr)
{
	return (struct virtio_cma_range){
		.base_gpa = hvcma_to_le64(gpa),
		.bytes = hvcma_to_le64(nr * GRANULE),
	};
}

static uint64_t block_gpa(const struct rig *r)
{
	struct virtio_cma_block block;

	assert_int_equal(rig_nr_blocks(r), 1);
	memcpy(&block, r->resp + sizeof(struct virtio_cma_alloc_resp), sizeof(block));
	return hvcma_from_le64(block.base_gpa);
}

static uint32_t query(struct rig *r, uint32_t what, uint64_t first, uint64_t nr)
{
	const struct virtio_cma_query_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_QUERY, sizeof(req)),
		.what = hvcma_to_le32(what),
		.first = hvcma_to_le64(first),
		.nr = hvcma_to_le64(nr),
	};

	return rig_send(r, &req, sizeof(req));
}

static uint64_t query_total(const struct rig *r)
{
	struct virtio_cma_query_resp resp;

	memcpy(&resp, r->resp, sizeof(resp));
	return hvcma_from_le64(resp.total);
}

static void the_driver_learns_them(void **state)
{
	struct rig *r = make(HVCMA_BEST_FIT);
	struct virtio_cma_range told[2];
	struct virtio_cma_extent extents[2];
	struct virtio_cma_config config;
	const struct hvcma_gpa_range *own;

	(void)state;
	hvcma_engine_get_config(r->engine, &config);
	assert_int_equal(hvcma_from_le32(config.mode), VIRTIO_CMA_MODE_RAM);
	assert_int_equal(hvcma_from_le32(config.flags), VIRTIO_CMA_FLAG_PINNED);
	assert_int_equal(hvcma_from_le64(config.region_base_gpa), 0);
	assert_int_equal(hvcma_from_le64(config.region_bytes), NR * GRANULE);
	assert_int_equal(hvcma_from_le64(config.pinned_bytes), NR * GRANULE);

	assert_int_equal(query(r, VIRTIO_CMA_QUERY_RANGES, 0, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(query_total(r), 2);
	assert_int_equal(r->used, sizeof(struct virtio_cma_query_resp) + sizeof(told));
	memcpy(told, r->resp + sizeof(struct virtio_cma_query_resp), sizeof(told));
	assert_int_equal(hvcma_from_le64(told[0].base_gpa), 0);
	assert_int_equal(hvcma_from_le64(told[0].bytes), LOW * GRANULE);
	assert_int_equal(hvcma_from_le64(told[1].base_gpa), HIGH_GPA);
	assert_int_equal(hvcma_from_le64(told[1].bytes), HIGH * GRANULE);
	assert_int_equal(query(r, VIRTIO_CMA_QUERY_RANGES, 1, 1), VIRTIO_CMA_S_OK);
	memcpy(told, r->resp + sizeof(struct virtio_cma_query_resp), sizeof(told[0]));
	assert_int_equal(hvcma_from_le64(told[0].base_gpa), HIGH_GPA);
	expect_refusal(r, query(r, VIRTIO_CMA_QUERY_RANGES, 3, 0), INVAL,
		       offsetof(struct virtio_cma_query_req, first));

	/* One piece of host memory, and yet two extents. */
	assert_int_equal(query(r, VIRTIO_CMA_QUERY_EXTENTS, 0, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(query_total(r), 2);
	memcpy(extents, r->resp + sizeof(struct virtio_cma_query_resp), sizeof(extents));
	assert_int_equal(hvcma_from_le64(extents[0].base_gpa), 0);
	assert_int_equal(hvcma_from_le64(extents[0].bytes), LOW * GRANULE);
	assert_int_equal(hvcma_from_le64(extents[1].base_gpa), HIGH_GPA);
	assert_int_equal(hvcma_from_le64(extents[1].base_dma), DMA + LOW * GRANULE);

	assert_int_equal(hvcma_engine_ranges(r->engine, &own), 2);
	assert_int_equal(own[1].base_gpa, HIGH_GPA);
	assert_int_equal(hvcma_engine_gpa(r->engine, LOW - 1), (LOW - 1) * GRANULE);
	assert_int_equal(hvcma_engine_gpa(r->engine, LOW), HIGH_GPA);
	assert_int_equal(hvcma_engine_gpa(r->engine, NR - 1), HIGH_GPA + (HIGH - 1) * GRANULE);

	hvcma_engine_set_features(r->engine, FEATURES & ~(UINT64_C(1) << VIRTIO_CMA_F_RAM));
	expect_refusal(r, query(r, VIRTIO_CMA_QUERY_RANGES, 0, 0), UNSUPP,
		       offsetof(struct virtio_cma_query_req, what));
	hvcma_engine_set_features(r->engine, 0);
	expect_refusal(r, query(r, VIRTIO_CMA_QUERY_RANGES, 0, 0), UNSUPP,
		       offsetof(struct virtio_cma_query_req, what));
	rig_free(r);
}

static void no_block_goes_across(void **state)
{
	(void)state;
	for (int policy = 0; policy < HVCMA_NR_POLICIES; policy++) {
		struct rig *r = make((enum hvcma_policy)policy);
		struct virtio_cma_range freed[NR];
		uint64_t gpa;

		assert_int_equal(rig_alloc(r, HIGH + 1, CONTIG), VIRTIO_CMA_S_FRAGMENTED);
		assert_int_equal(rig_alloc(r, HIGH, CONTIG), VIRTIO_CMA_S_OK);
		assert_int_equal(block_gpa(r), HIGH_GPA);
		assert_int_equal(rig_alloc(r, LOW, CONTIG), VIRTIO_CMA_S_OK);
		assert_int_equal(block_gpa(r), 0);
		freed[0] = range_at(0, LOW);
		freed[1] = range_at(HIGH_GPA, HIGH);
		assert_int_equal(rig_free_ranges(r, freed, 2), VIRTIO_CMA_S_OK);
		/* They came back beside each other. */
		assert_int_equal(rig_alloc(r, HIGH + 1, CONTIG), VIRTIO_CMA_S_FRAGMENTED);

		/* One by one, the two at the border too. */
		for (uint32_t i = 0; i < NR; i++) {
			assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
			gpa = block_gpa(r);
			assert_true(gpa < LOW * GRANULE || gpa >= HIGH_GPA);
			freed[i] = range_at(gpa, 1);
		}
		assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_NO_SPACE);
		for (uint32_t i = NR; i--;)
			assert_int_equal(rig_free_ranges(r, &freed[i], 1), VIRTIO_CMA_S_OK);
		assert_int_equal(rig_alloc(r, HIGH + 1, CONTIG), VIRTIO_CMA_S_FRAGMENTED);
		assert_int_equal(rig_alloc(r, HIGH, CONTIG), VIRTIO_CMA_S_OK);
		assert_string_equal(r->log, "");
		rig_free(r);
	}
}

static uint32_t alloc_hinted(struct rig *r, uint64_t nr, struct virtio_cma_range hint)
{
	struct {
		struct virtio_cma_alloc_req req;
		struct virtio_cma_range hint;
	} m;

	rig_alloc_req(&m.req, nr, CONTIG);
	m.req.hdr = rig_hdr(VIRTIO_CMA_OP_ALLOC, sizeof(m));
	m.req.nr_hints = hvcma_to_le32(1);
	m.hint = hint;
	return rig_send(r, &m, sizeof(m));
}

static void the_hole_is_no_place(void **state)
{
	const struct virtio_cma_range hole = range_at(LOW * GRANULE, 1);
	const struct virtio_cma_range into = range_at((LOW - 1) * GRANULE, 2);
	const struct virtio_cma_range before = range_at(HIGH_GPA - GRANULE, 2);
	const struct virtio_cma_range beyond = range_at(HIGH_GPA + HIGH * GRANULE, 1);
	const struct virtio_cma_range all = range_at(0, NR), none = { 0 };
	const struct virtio_cma_range last = range_at(HIGH_GPA + (HIGH - 1) * GRANULE, 1);
	const struct virtio_cma_range bad[] = { hole, into, before, beyond, all };
	struct rig *r = make(HVCMA_BEST_FIT);
	struct virtio_cma_range part;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_refusal(r, alloc_hinted(r, 1, bad[i]), RANGE, 0);
		expect_refusal(r, rig_free_ranges(r, &bad[i], 1), RANGE, 0);
		expect_refusal(r, rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, &bad[i], 1), RANGE, 0);
		expect_refusal(r, rig_busy(r, VIRTIO_CMA_BUSY_SET, bad[i], NULL, 0), RANGE, 0);
	}
	/* Hints and busy granules are where they are said to be. */
	assert_int_equal(alloc_hinted(r, 1, last), VIRTIO_CMA_S_OK);
	assert_int_equal(block_gpa(r), HIGH_GPA + (HIGH - 1) * GRANULE);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, last, &last, 1), VIRTIO_CMA_S_OK);
	assert_true(hvcma_engine_granule_state(r->engine, NR - 1) & VIRTIO_CMA_GRANULE_BUSY);
	part = range_at(HIGH_GPA + (HIGH - 1) * GRANULE + 4096, 0);
	part.bytes = hvcma_to_le64(4096);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, none, &part, 1), VIRTIO_CMA_S_OK);
	assert_false(hvcma_engine_granule_state(r->engine, NR - 1) & VIRTIO_CMA_GRANULE_BUSY);
	rig_free(r);
}

/* A region in one piece: the same question, and one answer. */
static void one_range_is_a_range(void **state)
{
	struct hvcma_engine_config config = ram_config();
	struct rig *r;

	(void)state;
	config.ranges = NULL;
	config.nr_ranges = 0;
	config.region_base_gpa = GPA;
	r = rig_make_config(&config, true);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	hvcma_engine_set_features(r->engine, FEATURES);
	assert_int_equal(query(r, VIRTIO_CMA_QUERY_RANGES, 0, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(query_total(r), 1);
	assert_int_equal(rig_alloc(r, NR, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, NR);
	rig_free(r);
}

static void the_base_does_not_move(void **state)
{
	const struct hvcma_engine_config config = ram_config();
	struct rig *r = rig_make_config(&config, true);

	(void)state;
	assert_int_equal(hvcma_engine_set_base(r->engine, GRANULE), VIRTIO_CMA_S_INVAL);
	rig_free(r);
}

static void ranges_that_contradict_it(void **state)
{
	static const struct {
		struct hvcma_gpa_range ranges[2];
		const char *word;
	} bad[] = {
		{ { { 0, LOW * GRANULE }, { HIGH_GPA, 0 } }, "empty" },
		{ { { 0, LOW * GRANULE }, { HIGH_GPA + 4096, HIGH * GRANULE } }, "whole granules" },
		{ { { 0, LOW * GRANULE + 4096 }, { HIGH_GPA, HIGH * GRANULE } }, "whole granules" },
		{ { { 0, LOW * GRANULE }, { -2 * GRANULE, HIGH * GRANULE } }, "wraps" },
		{ { { 0, LOW * GRANULE }, { 2 * GRANULE, HIGH * GRANULE } }, "overlap" },
		{ { { HIGH_GPA, LOW * GRANULE }, { 0, HIGH * GRANULE } }, "order" },
		{ { { 0, LOW * GRANULE }, { HIGH_GPA, (HIGH - 1) * GRANULE } }, "less" },
		{ { { 0, LOW * GRANULE }, { HIGH_GPA, (HIGH + 1) * GRANULE } }, "more" },
		{ { { GRANULE, LOW * GRANULE }, { HIGH_GPA, HIGH * GRANULE } }, "not at its base" },
	};
	struct hvcma_gpa_range many[VIRTIO_CMA_MAX_RANGES + 1];
	struct hvcma_engine_config config = ram_config();

	(void)state;
	assert_null(hvcma_engine_check_config(&config));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why;

		config.ranges = bad[i].ranges;
		why = hvcma_engine_check_config(&config);
		assert_non_null(why);
		assert_non_null(strstr(why, bad[i].word));
	}
	for (uint32_t k = 0; k <= VIRTIO_CMA_MAX_RANGES; k++)
		many[k] = (struct hvcma_gpa_range){ .base_gpa = 2 * k * GRANULE, .bytes = GRANULE };
	config.ranges = many;
	config.nr_ranges = VIRTIO_CMA_MAX_RANGES;
	config.region_bytes = VIRTIO_CMA_MAX_RANGES * GRANULE;
	assert_null(hvcma_engine_check_config(&config));
	config.nr_ranges++;
	config.region_bytes += GRANULE;
	assert_non_null(hvcma_engine_check_config(&config));

	config = ram_config();
	config.mode = VIRTIO_CMA_MODE_REUSABLE;
	assert_non_null(hvcma_engine_check_config(&config));
	config = ram_config();
	config.flags = 0;
	assert_non_null(hvcma_engine_check_config(&config));
	config = ram_config();
	config.mode = VIRTIO_CMA_MODE_RAM + 1;
	assert_non_null(hvcma_engine_check_config(&config));
}

static void most_ranges(void **state)
{
	struct hvcma_gpa_range many[VIRTIO_CMA_MAX_RANGES];
	struct hvcma_engine_config config = ram_config();
	struct hvcma_engine_counters counters;
	struct rig *r;

	(void)state;
	for (uint32_t k = 0; k < VIRTIO_CMA_MAX_RANGES; k++)
		many[k] = (struct hvcma_gpa_range){ .base_gpa = 3 * k * GRANULE, .bytes = 2 * GRANULE };
	config.ranges = many;
	config.nr_ranges = VIRTIO_CMA_MAX_RANGES;
	config.region_bytes = 2 * VIRTIO_CMA_MAX_RANGES * GRANULE;
	r = rig_make_config(&config, true);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	hvcma_engine_set_features(r->engine, FEATURES);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.nr_extents, VIRTIO_CMA_MAX_RANGES);
	assert_int_equal(counters.longest_free_bytes, 2 * GRANULE);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_FRAGMENTED);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_driver_learns_them),
		cmocka_unit_test(no_block_goes_across),
		cmocka_unit_test(the_hole_is_no_place),
		cmocka_unit_test(one_range_is_a_range),
		cmocka_unit_test(the_base_does_not_move),
		cmocka_unit_test(ranges_that_contradict_it),
		cmocka_unit_test(most_ranges),
	};

	return cmocka_run_group_tests_name("engine, ranges of RAM", tests, NULL, NULL);
}
