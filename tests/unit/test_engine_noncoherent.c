// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: non-coherent use by clients that bypass the caches, in steps. A gate opens only when
 * all that the client has is in such use, a RELEASE is answered only when none of it is, and whatever comes between two calls leaves the two in agreement.
 *
 * Which memory that is at all is in test_attr_engine.c. Maps have a letter for each
 * granule: h is in non-coherent use.
 */
#include "tests/unit/engine_rig.h"

#define STEP	4
#define NR	12

/*
 * granule   0 ...... 5  6 ...... 8  9 ..11
 *           client 0    shared      free
 */
static struct rig *make_blocks(void)
{
	struct hvcma_engine_config config = rig_config(NR);
	struct rig *r = rig_host(NR, true);
	struct virtio_cma_alloc_req req;

	config.stage2 = VIRTIO_CMA_STAGE2_NO_FWB;
	config.pin_max_granules = STEP;
	rig_start(r, &config);
	for (uint32_t id = 0; id < 2; id++)
		rig_add_client(r, id, VIRTIO_CMA_COHERENT_NO);
	rig_alloc_req(&req, 6, CONTIG);
	req.client = hvcma_to_le32(0);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	rig_alloc_req(&req, 3, CONTIG);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	return r;
}

/* One call of CLAIM or RELEASE: false if it is to be made again. */
static bool turn_client(struct rig *r, uint32_t op, uint32_t client)
{
	const struct virtio_cma_client_req req = {
		.hdr = rig_hdr(op, sizeof(req)),
		.client = hvcma_to_le32(client),
		.coherent = hvcma_to_le32(0),
	};

	return rig_turn(r, &req, sizeof(req));
}

#define turn_claim(r, client)	turn_client(r, VIRTIO_CMA_OP_CLAIM, client)
#define turn_release(r, client)	turn_client(r, VIRTIO_CMA_OP_RELEASE, client)

static void expect_noncoherent(const struct rig *r, const char *map)
{
	for (uint64_t i = 0; i < NR; i++)
		assert_int_equal(hvcma_engine_is_noncoherent(r->engine, i), map[i] == 'h');
	assert_false(hvcma_engine_is_noncoherent(r->engine, NR));
}

#define expect_step(r, text, map)						\
	do {									\
		expect_log(r, text);						\
		(r)->log[0] = 0;						\
		expect_noncoherent(r, map);						\
	} while (0)

static void claim(struct rig *r, uint32_t client)
{
	while (!turn_claim(r, client))
		;
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	r->log[0] = 0;
}

static void a_gate_opens_when_all_is_noncoherent_over(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	assert_false(turn_claim(r, 0));
	expect_step(r, "keep_off 1 maintain 0+4 ", "hhhh........");
	assert_int_equal(hvcma_engine_client_state(r->engine, 0), VIRTIO_CMA_CLIENT_PRESENT);
	assert_false(turn_claim(r, 0));
	expect_step(r, "maintain 4+2 maintain 6+2 ", "hhhhhhhh....");
	assert_true(turn_claim(r, 0));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_step(r, "maintain 8+1 claim 0 ", "hhhhhhhhh...");
	assert_false(hvcma_engine_is_draining(r->engine));
	rig_free(r);
}

static void what_is_allocated_between_is_noncoherent_over(void **state)
{
	struct virtio_cma_alloc_req req;
	struct rig *r = make_blocks();

	(void)state;
	assert_false(turn_claim(r, 0));
	r->log[0] = 0;
	rig_alloc_req(&req, 2, CONTIG);
	req.client = hvcma_to_le32(0);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	expect_step(r, "pin 9+2 maintain 9+2 ", "hhhh.....hh.");
	assert_int_equal(rig_free_block(r, 0, 6), VIRTIO_CMA_S_OK);
	expect_step(r, "maintain 0+4 unpin 0+4 unpin 4+2 ", ".........hh.");
	assert_true(turn_claim(r, 0));
	expect_step(r, "maintain 6+3 claim 0 ", "......hhhhh.");
	rig_free(r);
}

static void a_release_is_answered_when_all_is_back(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	claim(r, 0);
	assert_false(turn_release(r, 0));
	expect_step(r, "quiesce 0 maintain 0+4 ", "....hhhhh...");
	assert_true(hvcma_engine_is_draining(r->engine));
	assert_false(turn_release(r, 0));			/* and is not quiesced again */
	expect_step(r, "maintain 4+2 maintain 6+2 ", "........h...");
	assert_true(turn_release(r, 0));
	assert_int_equal(r->status, VIRTIO_CMA_S_OK);
	expect_step(r, "maintain 8+1 keep_off 0 ", "............");
	assert_true(turn_release(r, 0));
	assert_int_equal(r->status, VIRTIO_CMA_S_CLIENT_STATE);
	rig_free(r);
}

/* Shared blocks stay in non-coherent use as long as any client needs that. */
static void the_last_client_gives_shared_blocks_back(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	claim(r, 0);
	claim(r, 1);
	while (!turn_release(r, 0))
		;
	expect_step(r, "quiesce 0 maintain 0+4 maintain 4+2 ", "......hhh...");
	assert_true(turn_release(r, 1));
	expect_step(r, "quiesce 1 maintain 6+3 keep_off 0 ", "............");
	rig_free(r);
}

/* By hvcma_engine_drain(), step by step, where nobody waits. */
static void expect_all_back(struct rig *r, const char *first_map)
{
	expect_noncoherent(r, first_map);
	assert_true(hvcma_engine_is_draining(r->engine));
	while (hvcma_engine_drain(r->engine))
		rig_check(r);
	expect_noncoherent(r, "............");
	assert_non_null(strstr(r->log, "keep_off 0 "));
	assert_null(strstr(strstr(r->log, "keep_off 0 ") + 1, "keep_off"));
}

static void a_forgotten_claim_is_undone(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	assert_false(turn_claim(r, 0));
	hvcma_engine_forget_pending(r->engine);
	expect_all_back(r, "hhhh........");
	assert_null(strstr(r->log, "claim"));
	claim(r, 0);
	rig_free(r);
}

static void a_claim_that_is_refused_is_undone(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	rig_inject(r, RIG_CLAIM, 0, 1, VIRTIO_CMA_S_REFUSED);
	while (!turn_claim(r, 0))
		;
	assert_int_equal(r->status, VIRTIO_CMA_S_REFUSED);
	expect_all_back(r, "....hhhhh...");
	rig_free(r);
}

static void a_client_that_goes_between_is_not_claimed(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	assert_false(turn_claim(r, 0));
	assert_int_equal(hvcma_engine_client_removed(r->engine, 0), 0);
	assert_true(turn_claim(r, 0));
	assert_int_equal(r->status, VIRTIO_CMA_S_CLIENT_STATE);
	expect_all_back(r, "hhhh........");
	rig_free(r);
}

static void an_unplug_gives_back_in_steps(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	claim(r, 0);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 0), 0);
	expect_step(r, "quiesce 0 ", "hhhhhhhhh...");
	expect_all_back(r, "hhhhhhhhh...");
	rig_free(r);
}

/* Another begins to use what the first has not ended with yet: no granule twice. */
static void a_claim_meets_what_is_still_noncoherent_over(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	claim(r, 0);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 0), 0);
	r->log[0] = 0;
	assert_false(turn_claim(r, 1));
	expect_step(r, "maintain 0+4 ", "....hhhhh...");
	assert_true(turn_claim(r, 1));
	expect_step(r, "maintain 4+2 claim 1 ", "......hhh...");
	rig_free(r);
}

static void a_forgotten_release_is_finished(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	claim(r, 0);
	assert_false(turn_release(r, 0));
	hvcma_engine_forget_pending(r->engine);
	expect_all_back(r, "....hhhhh...");
	assert_true(turn_release(r, 0));
	assert_int_equal(r->status, VIRTIO_CMA_S_CLIENT_STATE);
	rig_free(r);
}

static void a_reset_gives_back_with_the_pins(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	claim(r, 0);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 0 maintain 0+4 unpin 0+4 maintain 4+2 maintain 6+2 ");
	expect_all_back(r, "........h...");
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_free(r);
}

static void a_restored_block_is_noncoherent_over(void **state)
{
	struct rig *r = make_blocks();

	(void)state;
	claim(r, 0);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 9, 2, SHARED, VIRTIO_CMA_PURPOSE_OTHER), 0);
	assert_true(hvcma_engine_is_draining(r->engine));
	while (hvcma_engine_drain(r->engine))
		;
	expect_noncoherent(r, "hhhhhhhhhhh.");
	rig_free(r);
}

/* A quarantined one keeps what it has; for the others it ends. */
static void a_quarantined_client_keeps_its_own(void **state)
{
	struct virtio_cma_alloc_req req;
	struct rig *r = make_blocks();

	(void)state;
	rig_alloc_req(&req, 2, CONTIG);
	req.client = hvcma_to_le32(1);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	claim(r, 0);
	claim(r, 1);
	expect_noncoherent(r, "hhhhhhhhhhh.");
	rig_inject(r, RIG_QUIESCE, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_IO);
	while (hvcma_engine_drain(r->engine))
		;
	expect_log(r, "quiesce! 0 quiesce 1 maintain 9+2 ");
	expect_noncoherent(r, "hhhhhhhhh...");
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_all_back(r, "........h...");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gate_opens_when_all_is_noncoherent_over),
		cmocka_unit_test(what_is_allocated_between_is_noncoherent_over),
		cmocka_unit_test(a_release_is_answered_when_all_is_back),
		cmocka_unit_test(the_last_client_gives_shared_blocks_back),
		cmocka_unit_test(a_forgotten_claim_is_undone),
		cmocka_unit_test(a_claim_that_is_refused_is_undone),
		cmocka_unit_test(a_client_that_goes_between_is_not_claimed),
		cmocka_unit_test(an_unplug_gives_back_in_steps),
		cmocka_unit_test(a_claim_meets_what_is_still_noncoherent_over),
		cmocka_unit_test(a_forgotten_release_is_finished),
		cmocka_unit_test(a_reset_gives_back_with_the_pins),
		cmocka_unit_test(a_restored_block_is_noncoherent_over),
		cmocka_unit_test(a_quarantined_client_keeps_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
