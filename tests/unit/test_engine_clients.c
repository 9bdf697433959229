// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: client states, and that nothing is unpinned while a client may still
 * be doing DMA: CLAIM, RELEASE, unplug, reset, end, quarantine.
 */
#include "tests/unit/engine_rig.h"

#define state_of(r, id) hvcma_engine_client_state((r)->engine, id)

static void claim_and_release(void **state)
{
	struct rig *r = rig_make(4, true);

	(void)state;
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_PRESENT);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_CLAIMED);
	expect_refusal(r, rig_claim_client(r, 0), CLIENT_STATE, 0);
	expect_refusal(r, rig_release_client(r, 1), CLIENT_STATE, 1);
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_PRESENT);
	expect_refusal(r, rig_release_client(r, 0), CLIENT_STATE, 0);
	expect_refusal(r, rig_claim_client(r, 2), CLIENT_STATE, 2);	/* absent */
	expect_refusal(r, rig_release_client(r, 2), CLIENT_STATE, 2);
	expect_refusal(r, rig_claim_client(r, RIG_CLIENTS), NO_CLIENT, RIG_CLIENTS);
	expect_refusal(r, rig_release_client(r, UINT32_MAX), NO_CLIENT, UINT32_MAX);
	expect_log(r, "claim 0 quiesce 0 ");
	assert_int_equal(state_of(r, RIG_CLIENTS), VIRTIO_CMA_CLIENT_ABSENT);
	rig_free(r);
}

static void malformed_claims_are_refused(void **state)
{
	struct rig *r = rig_make(4, true);
	struct virtio_cma_client_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_CLAIM, sizeof(req)),
		.coherent = hvcma_to_le32(VIRTIO_CMA_NR_COHERENT),
	};

	(void)state;
	expect_refusal(r, rig_send(r, &req, sizeof(req)), INVAL, 12);
	req.hdr.op = hvcma_to_le32(VIRTIO_CMA_OP_RELEASE);
	req.coherent = hvcma_to_le32(VIRTIO_CMA_COHERENT_YES);
	expect_refusal(r, rig_send(r, &req, sizeof(req)), INVAL, 12);
	r->resp_room = sizeof(struct virtio_cma_claim_resp) - 1;
	expect_refusal(r, rig_claim_client(r, 0), TOO_BIG, r->resp_room);
	expect_log(r, "");
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_PRESENT);
	rig_free(r);
}

static void the_host_can_refuse_a_claim(void **state)
{
	struct rig *r = rig_make(4, true);

	(void)state;
	rig_inject(r, RIG_CLAIM, 0, 1, VIRTIO_CMA_S_REFUSED);
	expect_refusal(r, rig_claim_client(r, 1), REFUSED, 1);
	assert_int_equal(state_of(r, 1), VIRTIO_CMA_CLIENT_PRESENT);
	rig_inject(r, RIG_CLAIM, 0, 1, 77);	/* no status: not a success */
	expect_refusal(r, rig_claim_client(r, 1), IO, 0);
	assert_int_equal(state_of(r, 1), VIRTIO_CMA_CLIENT_PRESENT);
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static uint32_t claimed_attr(struct rig *r, uint32_t id)
{
	struct virtio_cma_claim_resp resp;

	assert_int_equal(rig_claim_client(r, id), VIRTIO_CMA_S_OK);
	assert_int_equal(r->used, sizeof(resp));
	memcpy(&resp, r->resp, sizeof(resp));
	return hvcma_from_le32(resp.attr);
}

static uint32_t block_attr(struct rig *r, uint32_t client)
{
	struct virtio_cma_block block;
	struct virtio_cma_alloc_req req;

	rig_alloc_req(&req, 1, CONTIG);
	req.client = hvcma_to_le32(client);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	memcpy(&block, r->resp + sizeof(struct virtio_cma_alloc_resp), sizeof(block));
	return hvcma_from_le32(block.attr);
}

static void attributes_follow_policy_and_coherency(void **state)
{
	struct hvcma_engine_config config = rig_config(8);
	struct rig *r = rig_host(8, true);

	(void)state;
	rig_start(r, &config);
	for (uint8_t coherent = 0; coherent < 3; coherent++)
		rig_add_client(r, coherent, coherent);
	assert_int_equal(claimed_attr(r, 0), VIRTIO_CMA_ATTR_AUTO);
	assert_int_equal(claimed_attr(r, 1), VIRTIO_CMA_ATTR_CACHED);
	assert_int_equal(claimed_attr(r, 2), VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(block_attr(r, 2), VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(block_attr(r, SHARED), VIRTIO_CMA_ATTR_AUTO);

	/* the guest's word counts where the operator has none */
	for (uint32_t id = 0; id < 3; id++)
		assert_int_equal(rig_release_client(r, id), VIRTIO_CMA_S_OK);
	r->coherent = VIRTIO_CMA_COHERENT_NO;
	assert_int_equal(claimed_attr(r, 0), VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(claimed_attr(r, 1), VIRTIO_CMA_ATTR_CACHED);
	r->coherent = VIRTIO_CMA_COHERENT_YES;
	assert_int_equal(claimed_attr(r, 2), VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(block_attr(r, 0), VIRTIO_CMA_ATTR_UNCACHED);
	rig_free(r);

	config.attr_policy = VIRTIO_CMA_ATTR_UNCACHED;
	r = rig_make_config(&config, true);
	assert_int_equal(claimed_attr(r, 0), VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(block_attr(r, SHARED), VIRTIO_CMA_ATTR_UNCACHED);
	rig_free(r);
}

static void clients_come_and_go(void **state)
{
	struct rig *r = rig_make(4, true);
	struct hvcma_client_info info = { .bus = VIRTIO_CMA_BUS_PLATFORM };
	char path[VIRTIO_CMA_PATH_BYTES + 1];

	(void)state;
	assert_int_equal(hvcma_engine_client_added(r->engine, RIG_CLIENTS, &info),
			 VIRTIO_CMA_S_NO_CLIENT);
	assert_int_equal(hvcma_engine_client_added(r->engine, 0, &info),
			 VIRTIO_CMA_S_CLIENT_STATE);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	info.path = path;
	assert_int_equal(hvcma_engine_client_added(r->engine, 2, &info), VIRTIO_CMA_S_INVAL);
	path[VIRTIO_CMA_PATH_BYTES - 1] = 0;		/* fits with its NUL */
	info.bus = 3;
	assert_int_equal(hvcma_engine_client_added(r->engine, 2, &info), VIRTIO_CMA_S_INVAL);
	info.bus = VIRTIO_CMA_BUS_PLATFORM;
	info.coherent = 3;
	assert_int_equal(hvcma_engine_client_added(r->engine, 2, &info), VIRTIO_CMA_S_INVAL);
	info.coherent = 0;
	assert_int_equal(state_of(r, 2), VIRTIO_CMA_CLIENT_ABSENT);
	assert_int_equal(hvcma_engine_client_added(r->engine, 2, &info), 0);
	assert_int_equal(state_of(r, 2), VIRTIO_CMA_CLIENT_PRESENT);

	assert_int_equal(hvcma_engine_client_removed(r->engine, 2), 0);
	expect_log(r, "");				/* was not claimed */
	assert_int_equal(hvcma_engine_client_removed(r->engine, 2), 0);
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 1), 0);
	expect_log(r, "claim 1 quiesce 1 ");
	assert_int_equal(state_of(r, 1), VIRTIO_CMA_CLIENT_ABSENT);
	assert_int_equal(hvcma_engine_client_removed(r->engine, RIG_CLIENTS),
			 VIRTIO_CMA_S_NO_CLIENT);
	rig_free(r);
}

static void reset_quiesces_all_then_unpins(void **state)
{
	struct rig *r = rig_make(8, true);
	struct hvcma_engine_counters counters;

	(void)state;
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 2, 1), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 0 quiesce 1 unpin 0+2 unpin 3+3 ");
	rig_check(r);
	assert_int_equal(rig_nr_pinned(r), 0);
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_PRESENT);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.nr_blocks, 0);
	assert_int_equal(counters.nr_freed, 3);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "");
	rig_free(r);
}

static void a_failed_reset_keeps_everything_pinned(void **state)
{
	struct rig *r = rig_make(8, true);
	struct hvcma_engine_counters counters;
	const struct virtio_cma_range range = rig_range(0, 3);

	(void)state;
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	rig_inject(r, RIG_QUIESCE, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_IO);
	expect_log(r, "quiesce! 0 quiesce 1 ");		/* the other one is still stopped */
	rig_check(r);
	assert_int_equal(rig_nr_pinned(r), 3);
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_CLAIMED);
	assert_int_equal(state_of(r, 1), VIRTIO_CMA_CLIENT_PRESENT);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.quarantined_bytes, 3 * GRANULE);

	/* the next guest can work, but nothing is unpinned for it either */
	expect_refusal(r, rig_free_block(r, 0, 3), REFUSED, 0);
	expect_refusal(r, rig_busy(r, VIRTIO_CMA_BUSY_SET, range, NULL, 0), REFUSED, 0);
	expect_refusal(r, rig_claim_client(r, 0), CLIENT_STATE, 0);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 3, 2);
	rig_inject(r, RIG_QUIESCE, 0, 1, VIRTIO_CMA_S_IO);
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_IO);
	expect_log(r, "quiesce! 0 ");

	/* until a reset succeeds */
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 0 unpin 0+5 ");
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_PRESENT);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.quarantined_bytes, 0);
	rig_free(r);
}

/* Another region's request of the same device failed: what that means here. */
static void a_client_quarantined_elsewhere_is_quarantined_here(void **state)
{
	struct rig *r = rig_make(8, true);

	(void)state;
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	/* not claimed, absent: nothing to do */
	assert_int_equal(hvcma_engine_client_quarantined(r->engine, 1), 0);
	assert_int_equal(hvcma_engine_client_quarantined(r->engine, 2), 0);
	assert_int_equal(hvcma_engine_client_quarantined(r->engine, RIG_CLIENTS),
			 VIRTIO_CMA_S_NO_CLIENT);
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);

	for (int i = 0; i < 2; i++)
		assert_int_equal(hvcma_engine_client_quarantined(r->engine, 0), 0);
	expect_refusal(r, rig_free_block(r, 0, 3), REFUSED, 0);
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_CLAIMED);
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void a_failed_release_can_be_repeated(void **state)
{
	struct rig *r = rig_make(8, true);

	(void)state;
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	rig_inject(r, RIG_QUIESCE, 0, 2, VIRTIO_CMA_S_IO);
	assert_false(hvcma_engine_client_is_quarantined(r->engine, 1));
	expect_refusal(r, rig_release_client(r, 1), IO, 0);
	assert_int_equal(state_of(r, 1), VIRTIO_CMA_CLIENT_CLAIMED);
	assert_true(hvcma_engine_client_is_quarantined(r->engine, 1));
	assert_false(hvcma_engine_client_is_quarantined(r->engine, 0));
	assert_false(hvcma_engine_client_is_quarantined(r->engine, RIG_CLIENTS));
	expect_refusal(r, rig_free_block(r, 0, 3), REFUSED, 1);
	expect_refusal(r, rig_release_client(r, 1), IO, 0);
	assert_int_equal(rig_release_client(r, 1), VIRTIO_CMA_S_OK);
	assert_false(hvcma_engine_client_is_quarantined(r->engine, 1));
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static void an_unplugged_client_that_was_not_quiesced_is_remembered(void **state)
{
	struct rig *r = rig_make(8, true);
	struct hvcma_client_info info = { .bus = VIRTIO_CMA_BUS_PCI };

	(void)state;
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	rig_inject(r, RIG_QUIESCE, 0, 2, VIRTIO_CMA_S_REFUSED);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 1), VIRTIO_CMA_S_REFUSED);
	assert_int_equal(state_of(r, 1), VIRTIO_CMA_CLIENT_ABSENT);
	assert_true(hvcma_engine_client_is_quarantined(r->engine, 1));
	expect_refusal(r, rig_free_block(r, 0, 3), REFUSED, 1);
	expect_refusal(r, rig_release_client(r, 1), CLIENT_STATE, 1);
	assert_int_equal(hvcma_engine_client_added(r->engine, 1, &info),
			 VIRTIO_CMA_S_CLIENT_STATE);
	assert_int_equal(hvcma_engine_client_removed(r->engine, 1), 0);	/* gone already */
	assert_int_equal(hvcma_engine_fini(r->engine), VIRTIO_CMA_S_REFUSED);
	assert_int_equal(rig_nr_pinned(r), 3);
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 1 unpin 0+3 ");
	assert_int_equal(hvcma_engine_client_added(r->engine, 1, &info), 0);
	rig_free(r);
}

static void a_quarantined_client_can_be_unplugged(void **state)
{
	struct rig *r = rig_make(8, true);

	(void)state;
	for (int works = 0; works < 2; works++) {
		assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
		assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
		rig_inject(r, RIG_QUIESCE, 0, works ? 1 : 2, VIRTIO_CMA_S_IO);
		expect_refusal(r, rig_release_client(r, 0), IO, 0);
		assert_int_equal(hvcma_engine_client_removed(r->engine, 0),
				 works ? 0 : VIRTIO_CMA_S_IO);
		assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_ABSENT);
		assert_int_equal(rig_nr_pinned(r), 3);
		if (works)
			assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
		assert_int_equal(hvcma_engine_reset(r->engine), 0);
		assert_int_equal(rig_nr_pinned(r), 0);
		rig_add_client(r, 0, 0);
	}
	rig_free(r);
}

/* Blocks outlive their client: the guest gives them back itself. */
static void release_keeps_blocks(void **state)
{
	struct rig *r = rig_make(8, true);
	uint64_t first = 0, nr = 0;
	uint32_t client = 0, purpose = 0;

	(void)state;
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_bulk(r, 2, 1, 0), VIRTIO_CMA_S_OK);	/* for client 0 */
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_OK);
	assert_true(hvcma_engine_next_block(r->engine, 0, &first, &nr, &client, &purpose));
	assert_int_equal(first, 0);
	assert_int_equal(nr, 2);
	assert_int_equal(client, 0);
	assert_int_equal(purpose, VIRTIO_CMA_PURPOSE_POOL);
	assert_int_equal(rig_nr_pinned(r), 2);
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim_and_release),
		cmocka_unit_test(malformed_claims_are_refused),
		cmocka_unit_test(the_host_can_refuse_a_claim),
		cmocka_unit_test(attributes_follow_policy_and_coherency),
		cmocka_unit_test(clients_come_and_go),
		cmocka_unit_test(reset_quiesces_all_then_unpins),
		cmocka_unit_test(a_failed_reset_keeps_everything_pinned),
		cmocka_unit_test(a_client_quarantined_elsewhere_is_quarantined_here),
		cmocka_unit_test(a_failed_release_can_be_repeated),
		cmocka_unit_test(an_unplugged_client_that_was_not_quiesced_is_remembered),
		cmocka_unit_test(a_quarantined_client_can_be_unplugged),
		cmocka_unit_test(release_keeps_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
