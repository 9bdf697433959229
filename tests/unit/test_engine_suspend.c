// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: SUSPEND and RESUME. What is allocated stays as it is between them; who comes without RESUME
 * is another guest, for whom all of it is over before he is heard.
 */
#include "tests/unit/engine_rig.h"

#define state_of(r, id) hvcma_engine_client_state((r)->engine, id)

static uint64_t nr_blocks(const struct rig *r)
{
	struct hvcma_engine_counters counters;

	hvcma_engine_counters(r->engine, &counters);
	return counters.nr_blocks;
}

static uint32_t send_op(struct rig *r, uint32_t op)
{
	const struct virtio_cma_req_hdr hdr = rig_hdr(op, sizeof(hdr));

	return rig_send(r, &hdr, sizeof(hdr));
}

/* A claimed client and a block of 3 granules, suspended. */
static struct rig *make_suspended(void)
{
	struct rig *r = rig_make(8, true);

	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, VIRTIO_CMA_ALLOC_CONTIG), VIRTIO_CMA_S_OK);
	assert_false(hvcma_engine_is_suspended(r->engine));
	expect_log(r, "claim 0 pin 0+3 ");
	assert_int_equal(send_op(r, VIRTIO_CMA_OP_SUSPEND), VIRTIO_CMA_S_OK);
	assert_true(hvcma_engine_is_suspended(r->engine));
	return r;
}

static void assert_kept(struct rig *r)
{
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_CLAIMED);
	assert_int_equal(rig_nr_pinned(r), 3);
	assert_int_equal(nr_blocks(r), 1);
	expect_log(r, "");
}

static void assert_over(struct rig *r)
{
	assert_false(hvcma_engine_is_suspended(r->engine));
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_PRESENT);
	assert_int_equal(rig_nr_pinned(r), 0);
	assert_int_equal(nr_blocks(r), 0);
}

static void resume_finds_everything(void **state)
{
	struct rig *r = make_suspended();

	(void)state;
	assert_kept(r);
	assert_int_equal(send_op(r, VIRTIO_CMA_OP_RESUME), VIRTIO_CMA_S_OK);
	assert_false(hvcma_engine_is_suspended(r->engine));
	assert_kept(r);
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_free(r);
}

static void resume_without_suspend_is_refused(void **state)
{
	struct rig *r = make_suspended();

	(void)state;
	assert_int_equal(send_op(r, VIRTIO_CMA_OP_RESUME), VIRTIO_CMA_S_OK);
	expect_refusal(r, send_op(r, VIRTIO_CMA_OP_RESUME), INVAL, 0);
	assert_kept(r);
	rig_free(r);
}

static void bodies_are_refused(void **state)
{
	const struct {
		struct virtio_cma_req_hdr hdr;
		__u32 body;
	} suspend = { rig_hdr(VIRTIO_CMA_OP_SUSPEND, sizeof(suspend)), 0 },
	  resume = { rig_hdr(VIRTIO_CMA_OP_RESUME, sizeof(resume)), 0 };
	struct rig *r = rig_make(8, true);

	(void)state;
	expect_refusal(r, rig_send(r, &suspend, sizeof(suspend)), INVAL, 4);
	assert_false(hvcma_engine_is_suspended(r->engine));
	rig_free(r);
	r = make_suspended();
	expect_refusal(r, rig_send(r, &resume, sizeof(resume)), INVAL, 4);
	assert_true(hvcma_engine_is_suspended(r->engine));
	assert_kept(r);
	rig_free(r);
}

/* Quiesced first, unpinned then; and what it asks for is served. */
static void another_request_ends_it(void **state)
{
	struct virtio_cma_alloc_req req;
	struct rig *r = make_suspended();

	(void)state;
	rig_alloc_req(&req, 8, VIRTIO_CMA_ALLOC_CONTIG);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	expect_log(r, "quiesce 0 unpin 0+3 pin 0+8 ");
	assert_false(hvcma_engine_is_suspended(r->engine));
	assert_int_equal(state_of(r, 0), VIRTIO_CMA_CLIENT_PRESENT);
	rig_free(r);

	r = make_suspended();
	assert_int_equal(send_op(r, VIRTIO_CMA_OP_SUSPEND), VIRTIO_CMA_S_OK);
	assert_true(hvcma_engine_is_suspended(r->engine));	/* the other's */
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_free(r);
}

static void a_reset_ends_it(void **state)
{
	struct rig *r = make_suspended();

	(void)state;
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_log(r, "quiesce 0 unpin 0+3 ");
	assert_over(r);
	expect_refusal(r, send_op(r, VIRTIO_CMA_OP_RESUME), INVAL, 0);
	rig_free(r);
}

/* A quarantined client keeps the pins of who came before, as ever. */
static void a_client_that_does_not_stop_keeps_its_memory(void **state)
{
	struct rig *r = make_suspended();

	(void)state;
	rig_inject(r, RIG_QUIESCE, 0, 1, VIRTIO_CMA_S_IO);
	expect_refusal(r, rig_claim_client(r, 0), CLIENT_STATE, 0);
	assert_false(hvcma_engine_is_suspended(r->engine));
	assert_int_equal(rig_nr_pinned(r), 3);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	assert_over(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resume_finds_everything),
		cmocka_unit_test(resume_without_suspend_is_refused),
		cmocka_unit_test(bodies_are_refused),
		cmocka_unit_test(another_request_ends_it),
		cmocka_unit_test(a_reset_ends_it),
		cmocka_unit_test(a_client_that_does_not_stop_keeps_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
