// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: a region that is pinned from the start (VIRTIO_CMA_FLAG_PINNED): pinned once, unpinned at
 * the end if every client was quiesced, and by nothing between; its addresses are final, and what a
 * client that bypasses the caches may reach is all of it. What the guest is told is in
 * tests/loopback/test_features.c.
 */
#include "tests/unit/engine_rig.h"

#define NR	8

static struct hvcma_engine_config pinned_config(void)
{
	struct hvcma_engine_config config = rig_config(NR);

	config.mode = VIRTIO_CMA_MODE_REUSABLE;
	config.flags = VIRTIO_CMA_FLAG_PINNED;
	return config;
}

static struct rig *make(void)
{
	const struct hvcma_engine_config config = pinned_config();
	struct rig *r = rig_make_config(&config, true);

	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "pin 0+8 ");
	r->log[0] = 0;
	return r;
}

static void expect_all_pinned(struct rig *r)
{
	struct hvcma_engine_counters counters;
	uint64_t first, nr, dma;
	uint8_t state;

	assert_true(hvcma_engine_is_valid(r->engine));
	assert_int_equal(rig_nr_pinned(r), NR);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.pinned_bytes, NR * GRANULE);
	assert_int_equal(counters.backed_bytes, NR * GRANULE);
	assert_int_equal(counters.nr_extents, 1);
	for (uint64_t i = 0; i < NR; i++)
		assert_int_equal(hvcma_engine_granule_state(r->engine, i) &
				 VIRTIO_CMA_GRANULE_STATE_MASK, VIRTIO_CMA_GRANULE_PINNED);
	assert_true(hvcma_engine_alike(r->engine, 0, NR, &state, &dma) > 0);
	assert_int_equal(state & VIRTIO_CMA_GRANULE_STATE_MASK, VIRTIO_CMA_GRANULE_PINNED);
	assert_true(hvcma_engine_next_extent(r->engine, 0, &first, &nr, &dma));
	assert_int_equal(first, 0);
	assert_int_equal(nr, NR);
	assert_int_equal(dma, DMA);
}

static void blocks_come_and_go(void **state)
{
	const struct virtio_cma_range busy = rig_range(2, 1);
	struct virtio_cma_bulk_req bulk = rig_bulk_req(1, 2, 0);
	struct hvcma_engine_counters counters;
	struct rig *r = make();

	(void)state;
	expect_all_pinned(r);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_send(r, &bulk, sizeof(bulk)), VIRTIO_CMA_S_OK);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.allocated_bytes, 5 * GRANULE);
	expect_all_pinned(r);
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(2, 1), &busy, 1),
			 VIRTIO_CMA_S_OK);
	expect_all_pinned(r);
	assert_int_equal(rig_alloc(r, 9, CONTIG), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_OK);
	expect_all_pinned(r);
	assert_int_equal(hvcma_engine_restore_block(r->engine, 1, 3, SHARED,
						    VIRTIO_CMA_PURPOSE_POOL), VIRTIO_CMA_S_OK);
	expect_all_pinned(r);
	/* All of that without a word to the host. */
	assert_string_equal(r->log, "");
	assert_int_equal(hvcma_engine_fini(r->engine), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "unpin 0+8 ");
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_free(r);
}

static void a_quarantine_keeps_all(void **state)
{
	struct hvcma_engine_counters counters;
	struct rig *r = make();

	(void)state;
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	rig_inject(r, RIG_QUIESCE, 0, 2, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_IO);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.quarantined_bytes, NR * GRANULE);
	expect_all_pinned(r);
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_REFUSED);
	/* Not even at the end, though there need be no block. */
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_fini(r->engine), VIRTIO_CMA_S_IO);
	assert_string_equal(r->log, "quiesce! 0 ");
	expect_all_pinned(r);
	assert_int_equal(hvcma_engine_fini(r->engine), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "quiesce! 0 quiesce 0 unpin 0+8 ");
	rig_free(r);
}

/* The end without a block: what is pinned goes after the client is quiesced. */
static void clients_are_quiesced_first(void **state)
{
	struct rig *r = make();

	(void)state;
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_fini(r->engine), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "quiesce 1 unpin 0+8 ");
	rig_free(r);
}

static void addresses_are_final(void **state)
{
	struct rig *r = make();

	(void)state;
	/* A host that can't look any more, or looks wrong. */
	rig_inject(r, RIG_DMA, 0, 2, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_refresh(r->engine), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	rig_inject(r, RIG_DMA, 0, 0, VIRTIO_CMA_S_OK);
	r->host[3].dma = 0;
	assert_int_equal(hvcma_engine_refresh(r->engine), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_set_base(r->engine, GPA + GRANULE), VIRTIO_CMA_S_BUSY);
	expect_all_pinned(r);
	rig_free(r);
}

/* What moved between the first look and the pin is where the pin found it. */
static void addresses_are_those_after_the_pin(void **state)
{
	const struct hvcma_engine_config config = pinned_config();
	struct rig *r = rig_make_config(&config, true);
	uint64_t first, nr, dma;

	(void)state;
	r->moves[0].granule = 5;
	r->moves[0].dma = DMA + 64 * GRANULE;
	r->nr_moves = 1;
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	assert_true(hvcma_engine_next_extent(r->engine, 1, &first, &nr, &dma));
	assert_true(hvcma_engine_next_extent(r->engine, 5, &first, &nr, &dma));
	assert_int_equal(first, 5);
	assert_int_equal(nr, 1);
	assert_int_equal(dma, DMA + 64 * GRANULE);
	rig_free(r);
}

static void what_fails_pins_nothing(void **state)
{
	const struct hvcma_engine_config config = pinned_config(), blocks = rig_config(NR);
	struct rig *r = rig_make_config(&config, true);

	(void)state;
	rig_inject(r, RIG_PIN, 0, 1, VIRTIO_CMA_S_PIN_LIMIT);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_PIN_LIMIT);
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_IO);
	assert_string_equal(r->log, "pin! 0+8 pin 0+8 unpin 0+8 ");
	assert_int_equal(rig_nr_pinned(r), 0);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_BUSY);
	assert_int_equal(rig_free_block(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_INVAL);
	expect_all_pinned(r);
	rig_free(r);
	/* Unasked, and what is pinned then is blocks. */
	r = rig_make_config(&blocks, true);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_INVAL);
	assert_string_equal(r->log, "");
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 1), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "pin 0+1 unpin 0+1 ");
	rig_free(r);
}

static void expect_noncoherent(struct rig *r, uint64_t nr)
{
	assert_true(hvcma_engine_is_valid(r->engine));
	assert_int_equal(hvcma_engine_noncoherent_bytes(r->engine), nr * GRANULE);
	assert_int_equal(r->nr_noncoherent, nr);
}

/* The guest may map any page: the host touches none while such a client is there. */
static void all_is_in_noncoherent_use(void **state)
{
	struct hvcma_engine_config config = pinned_config();
	struct rig *r = rig_host(NR, true);

	(void)state;
	config.stage2 = VIRTIO_CMA_STAGE2_NO_FWB;
	rig_start(r, &config);
	rig_add_client(r, 0, VIRTIO_CMA_COHERENT_NO);
	rig_add_client(r, 1, VIRTIO_CMA_COHERENT_YES);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	expect_noncoherent(r, 0);
	r->log[0] = 0;
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "keep_off 1 maintain 0+8 claim 0 ");
	expect_noncoherent(r, NR);
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	expect_noncoherent(r, NR);
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_OK);
	expect_noncoherent(r, 0);
	assert_false(r->keeps_off);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_fini(r->engine), VIRTIO_CMA_S_OK);
	assert_string_equal(r->log, "quiesce 0 quiesce 1 maintain 0+8 keep_off 0 unpin 0+8 ");
	rig_free(r);
}

/* Step by step, as far as a call may go, the gate opens at the end. */
static void noncoherent_use_begins_in_steps(void **state)
{
	struct hvcma_engine_config config = pinned_config();
	const struct virtio_cma_client_req claim = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_CLAIM, sizeof(claim)),
		.coherent = hvcma_to_le32(VIRTIO_CMA_COHERENT_NO),
	};
	struct rig *r = rig_host(NR, true);

	(void)state;
	config.stage2 = VIRTIO_CMA_STAGE2_NO_FWB;
	config.pin_max_granules = 3;
	rig_start(r, &config);
	rig_add_client(r, 0, VIRTIO_CMA_COHERENT_NO);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	assert_false(rig_turn(r, &claim, sizeof(claim)));
	assert_false(rig_turn(r, &claim, sizeof(claim)));
	assert_true(rig_turn(r, &claim, sizeof(claim)));
	assert_string_equal(r->log,
			    "keep_off 1 maintain 0+3 maintain 3+3 maintain 6+2 claim 0 ");
	expect_noncoherent(r, NR);
	rig_free(r);
}

static void configurations_that_contradict_it(void **state)
{
	struct hvcma_engine_config config = pinned_config();

	(void)state;
	assert_null(hvcma_engine_check_config(&config));
	config.pin_limit_bytes = NR * GRANULE;
	assert_null(hvcma_engine_check_config(&config));
	config.pin_limit_bytes -= GRANULE;
	assert_non_null(hvcma_engine_check_config(&config));
	config = pinned_config();
	config.unpin_discards = true;
	assert_non_null(hvcma_engine_check_config(&config));
	config = pinned_config();
	config.flags |= VIRTIO_CMA_FLAG_AUTO;
	assert_non_null(hvcma_engine_check_config(&config));
	config = pinned_config();
	config.mode = VIRTIO_CMA_MODE_PRIVATE;
	assert_non_null(hvcma_engine_check_config(&config));
	config.mode = VIRTIO_CMA_MODE_STATIC;
	assert_non_null(hvcma_engine_check_config(&config));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_come_and_go),
		cmocka_unit_test(a_quarantine_keeps_all),
		cmocka_unit_test(clients_are_quiesced_first),
		cmocka_unit_test(addresses_are_final),
		cmocka_unit_test(addresses_are_those_after_the_pin),
		cmocka_unit_test(what_fails_pins_nothing),
		cmocka_unit_test(all_is_in_noncoherent_use),
		cmocka_unit_test(noncoherent_use_begins_in_steps),
		cmocka_unit_test(configurations_that_contradict_it),
	};

	return cmocka_run_group_tests_name("engine, pinned from the start", tests, NULL, NULL);
}
