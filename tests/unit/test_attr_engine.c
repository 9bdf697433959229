// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: what clients are told of memory attributes, and when the host has to
 * maintain its mapping of a block and keep off it.
 */
#include "tests/unit/engine_rig.h"

/* One region of 8 granules; client 0 says that it is not coherent, client 1 that it is. */
static struct rig *rig_arm(uint32_t stage2)
{
	struct hvcma_engine_config config = rig_config(8);
	struct rig *r = rig_host(8, true);

	config.stage2 = stage2;
	rig_start(r, &config);
	rig_add_client(r, 0, VIRTIO_CMA_COHERENT_NO);
	rig_add_client(r, 1, VIRTIO_CMA_COHERENT_YES);
	return r;
}

static struct virtio_cma_claim_resp claim(struct rig *r, uint32_t id)
{
	struct virtio_cma_claim_resp resp;

	assert_int_equal(rig_claim_client(r, id), VIRTIO_CMA_S_OK);
	assert_int_equal(r->used, sizeof(resp));
	memcpy(&resp, r->resp, sizeof(resp));
	return resp;
}

static void expect_decision(struct rig *r, uint32_t id, uint32_t attr, uint32_t maint,
			    uint32_t effective, uint32_t reason)
{
	struct virtio_cma_claim_resp resp = claim(r, id);
	struct hvcma_attr_decision v;

	assert_int_equal(hvcma_from_le32(resp.attr), attr);
	assert_int_equal(hvcma_from_le32(resp.maint), maint);
	assert_int_equal(hvcma_from_le32(resp.effective), effective);
	assert_int_equal(hvcma_from_le32(resp.reason), reason);
	assert_int_equal(hvcma_engine_client_decision(r->engine, id, &v), 0);
	assert_true(!v.refused && v.attr == attr && v.maint == maint &&
		    v.effective == effective && v.reason == reason);
}

static uint32_t alloc_for(struct rig *r, uint32_t client, uint32_t *attr)
{
	struct virtio_cma_block block;
	struct virtio_cma_alloc_req req;
	uint32_t status;

	rig_alloc_req(&req, 1, CONTIG);
	req.client = hvcma_to_le32(client);
	status = rig_send(r, &req, sizeof(req));
	if (!status) {
		memcpy(&block, r->resp + sizeof(struct virtio_cma_alloc_resp), sizeof(block));
		*attr = hvcma_from_le32(block.attr);
	}
	return status;
}

/* @map: a letter for each granule, h: the host must leave it alone */
static void expect_noncoherent(const struct rig *r, const char *map)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; map[i]; i++) {
		assert_int_equal(hvcma_engine_is_noncoherent(r->engine, i), map[i] == 'h');
		nr += map[i] == 'h';
	}
	assert_int_equal(hvcma_engine_noncoherent_bytes(r->engine), nr * GRANULE);
}

static void claim_answers_the_decision(void **state)
{
	struct rig *r = rig_arm(VIRTIO_CMA_STAGE2_NO_FWB);
	uint32_t attr;

	(void)state;
	expect_decision(r, 0, VIRTIO_CMA_ATTR_UNCACHED,
			VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_NO_CACHED_ALIAS,
			VIRTIO_CMA_TYPE_UNCACHED, VIRTIO_CMA_REASON_NONCOHERENT);
	expect_decision(r, 1, VIRTIO_CMA_ATTR_CACHED, 0, VIRTIO_CMA_TYPE_WRITE_BACK,
			VIRTIO_CMA_REASON_COHERENT);
	assert_int_equal(alloc_for(r, 0, &attr), 0);
	assert_int_equal(attr, VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(alloc_for(r, 1, &attr), 0);
	assert_int_equal(attr, VIRTIO_CMA_ATTR_CACHED);
	assert_int_equal(alloc_for(r, SHARED, &attr), 0);
	assert_int_equal(attr, VIRTIO_CMA_ATTR_AUTO);
	rig_free(r);

	r = rig_arm(VIRTIO_CMA_STAGE2_FWB);
	expect_decision(r, 0, VIRTIO_CMA_ATTR_CACHED,
			VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_SYNC | VIRTIO_CMA_MAINT_NO_COHERENT,
			VIRTIO_CMA_TYPE_WRITE_BACK, VIRTIO_CMA_REASON_FWB);
	rig_free(r);
}

static void the_guest_or_emulation_decides_without_a_word(void **state)
{
	struct hvcma_engine_config config = rig_config(4);
	struct hvcma_client_info info = {
		.bus = VIRTIO_CMA_BUS_PCI, .kind = "", .name = "nv1", .path = "0000:00/01.0",
		.emulated = true,
	};
	struct rig *r = rig_host(4, true);

	(void)state;
	config.stage2 = VIRTIO_CMA_STAGE2_NO_FWB;
	rig_start(r, &config);
	rig_add_client(r, 0, VIRTIO_CMA_COHERENT_UNKNOWN);
	assert_int_equal(hvcma_engine_client_added(r->engine, 1, &info), 0);

	r->coherent = VIRTIO_CMA_COHERENT_NO;
	assert_int_equal(hvcma_from_le32(claim(r, 0).reason), VIRTIO_CMA_REASON_NONCOHERENT);
	assert_int_equal(hvcma_from_le32(claim(r, 1).reason), VIRTIO_CMA_REASON_EMULATED);
	assert_int_equal(rig_release_client(r, 0), 0);
	r->coherent = VIRTIO_CMA_COHERENT_YES;
	assert_int_equal(hvcma_from_le32(claim(r, 0).reason), VIRTIO_CMA_REASON_COHERENT);
	assert_int_equal(rig_release_client(r, 0), 0);
	r->coherent = VIRTIO_CMA_COHERENT_UNKNOWN;
	assert_int_equal(hvcma_from_le32(claim(r, 0).reason),
			 VIRTIO_CMA_REASON_COHERENCY_UNKNOWN);
	rig_free(r);
}

static void a_refusal_says_why(void **state)
{
	struct hvcma_engine_config config = rig_config(4);
	struct hvcma_attr_decision v;
	struct rig *r = rig_host(4, true);

	(void)state;
	config.stage2 = VIRTIO_CMA_STAGE2_NO_FWB;
	config.attr_policy = VIRTIO_CMA_ATTR_UNCACHED;
	rig_start(r, &config);
	rig_add_client(r, 0, VIRTIO_CMA_COHERENT_NO);
	rig_add_client(r, 1, VIRTIO_CMA_COHERENT_YES);
	expect_refusal(r, rig_claim_client(r, 1), REFUSED,
		       UINT64_C(1) | (uint64_t)VIRTIO_CMA_REASON_UNCACHED_COHERENT << 32);
	assert_int_equal(VIRTIO_CMA_REFUSED_CLIENT(r->detail), 1);
	assert_int_equal(VIRTIO_CMA_REFUSED_REASON(r->detail),
			 VIRTIO_CMA_REASON_UNCACHED_COHERENT);
	expect_log(r, "");				/* the host was not even asked */
	assert_int_equal(hvcma_engine_client_decision(r->engine, 1, &v), 0);
	assert_true(v.refused);
	assert_int_equal(hvcma_engine_client_decision(r->engine, 2, &v),
			 VIRTIO_CMA_S_CLIENT_STATE);
	assert_int_equal(hvcma_engine_client_decision(r->engine, 3, &v), VIRTIO_CMA_S_NO_CLIENT);
	rig_free(r);

	config.alias = HVCMA_NR_ALIASES;
	assert_non_null(hvcma_engine_check_config(&config));
}

/* A real device that bypasses caches is refused; an emulated one is the host itself. */
static void a_host_that_uses_its_mapping_refuses(void **state)
{
	struct hvcma_engine_config config = rig_config(4);
	struct hvcma_client_info info = {
		.bus = VIRTIO_CMA_BUS_PCI, .kind = "", .name = "nv1", .path = "0000:00/01.0",
		.coherent = VIRTIO_CMA_COHERENT_NO, .emulated = true,
	};
	struct rig *r = rig_host(4, true);

	(void)state;
	config.alias = HVCMA_ALIAS_BUSY;
	rig_start(r, &config);
	rig_add_client(r, 0, VIRTIO_CMA_COHERENT_NO);
	assert_int_equal(hvcma_engine_client_added(r->engine, 1, &info), 0);
	expect_refusal(r, rig_claim_client(r, 0), REFUSED,
		       (uint64_t)VIRTIO_CMA_REASON_HOST_ALIAS << 32);
	assert_int_equal(hvcma_from_le32(claim(r, 1).reason), VIRTIO_CMA_REASON_NONCOHERENT);
	rig_free(r);
}

/*
 * granule   0        1        2        3
 *           client 0 client 1 shared   free
 *
 * The host maintains what the client without coherency may get at: its own and
 * the shared block, when it is claimed and when it is quiesced again; and what is
 * allocated or freed between.
 */
static void blocks_come_into_noncoherent_use_and_out_of_it(void **state)
{
	struct rig *r = rig_arm(VIRTIO_CMA_STAGE2_NO_FWB);
	uint32_t attr;

	(void)state;
	assert_int_equal(alloc_for(r, 0, &attr), 0);
	assert_int_equal(alloc_for(r, 1, &attr), 0);
	assert_int_equal(alloc_for(r, SHARED, &attr), 0);
	r->log[0] = 0;

	claim(r, 1);
	expect_log(r, "claim 1 ");			/* coherent: nothing to do */
	expect_noncoherent(r, "........");
	r->log[0] = 0;
	claim(r, 0);
	expect_log(r, "keep_off 1 maintain 0+1 maintain 2+1 claim 0 ");
	expect_noncoherent(r, "h.h.....");

	r->log[0] = 0;
	assert_int_equal(alloc_for(r, SHARED, &attr), 0);
	assert_int_equal(alloc_for(r, 1, &attr), 0);
	assert_int_equal(rig_bulk(r, 1, 2, 0), 0);
	expect_log(r, "pin 3+1 maintain 3+1 pin 4+1 pin 5+2 maintain 5+1 maintain 6+1 ");
	r->log[0] = 0;
	assert_int_equal(rig_free_block(r, 3, 1), 0);
	assert_int_equal(rig_free_block(r, 4, 1), 0);
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(5, 1), NULL, 0), 0);
	expect_log(r, "maintain 3+1 unpin 3+1 unpin 4+1 maintain 5+1 unpin 5+1 ");

	r->log[0] = 0;
	assert_int_equal(rig_release_client(r, 1), 0);
	expect_log(r, "quiesce 1 ");
	r->log[0] = 0;
	assert_int_equal(rig_release_client(r, 0), 0);
	expect_log(r, "quiesce 0 maintain 0+1 maintain 2+1 maintain 6+1 keep_off 0 ");
	expect_noncoherent(r, "........");
	rig_check(r);
	rig_free(r);
}

static void reset_maintains_before_it_unpins(void **state)
{
	struct rig *r = rig_arm(VIRTIO_CMA_STAGE2_FWB);
	uint32_t attr;

	(void)state;
	claim(r, 0);
	assert_int_equal(alloc_for(r, 0, &attr), 0);
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 0 maintain 0+1 unpin 0+1 keep_off 0 ");
	rig_free(r);
}

/* It may still be doing DMA: the host keeps off until it is known to be quiesced. */
static void a_quarantined_client_keeps_the_host_off(void **state)
{
	struct rig *r = rig_arm(VIRTIO_CMA_STAGE2_NO_FWB);
	uint32_t attr;

	(void)state;
	claim(r, 0);
	assert_int_equal(alloc_for(r, 0, &attr), 0);
	rig_inject(r, RIG_QUIESCE, 0, 2, VIRTIO_CMA_S_IO);
	r->log[0] = 0;
	assert_int_equal(rig_release_client(r, 0), VIRTIO_CMA_S_IO);
	expect_log(r, "quiesce! 0 ");
	expect_noncoherent(r, "h.......");
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_client_removed(r->engine, 0), VIRTIO_CMA_S_IO);
	expect_log(r, "quiesce! 0 ");
	expect_noncoherent(r, "h.......");
	r->log[0] = 0;
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 0 maintain 0+1 unpin 0+1 keep_off 0 ");
	rig_free(r);
}

static void the_host_can_refuse_to_keep_off(void **state)
{
	struct rig *r = rig_arm(VIRTIO_CMA_STAGE2_NO_FWB);
	uint32_t attr;

	(void)state;
	assert_int_equal(alloc_for(r, 0, &attr), 0);
	r->log[0] = 0;
	rig_inject(r, RIG_KEEP_OFF, 0, 1, VIRTIO_CMA_S_REFUSED);
	expect_refusal(r, rig_claim_client(r, 0), REFUSED, 0);
	expect_log(r, "keep_off! 1 ");			/* no gate was opened */

	/* and a gate that does not open lets the host near again */
	r->log[0] = 0;
	rig_inject(r, RIG_CLAIM, 0, 1, VIRTIO_CMA_S_REFUSED);
	expect_refusal(r, rig_claim_client(r, 0), REFUSED, 0);
	expect_log(r, "keep_off 1 maintain 0+1 claim! 0 maintain 0+1 keep_off 0 ");
	claim(r, 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim_answers_the_decision),
		cmocka_unit_test(the_guest_or_emulation_decides_without_a_word),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(a_host_that_uses_its_mapping_refuses),
		cmocka_unit_test(blocks_come_into_noncoherent_use_and_out_of_it),
		cmocka_unit_test(reset_maintains_before_it_unpins),
		cmocka_unit_test(a_quarantined_client_keeps_the_host_off),
		cmocka_unit_test(the_host_can_refuse_to_keep_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
