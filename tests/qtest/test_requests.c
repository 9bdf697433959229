// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every request of the protocol, well-formed, over PCI and over MMIO, against
 * the real device in QEMU. The region's memory is fake: nothing is pinned on
 * the host and no privilege is needed (test_local.c has the real one).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define NR_GRANULES	32

struct setup {
	struct qtest *q;
	struct cma c;
};

static struct setup s;

static int start(void **state)
{
	const struct virtio_transport *t = *state;

	qtest_skip_unless_built();
	s.q = qtest_start(t->machine, "-device edu,id=edu0 -device edu,id=edu1 " CMA_FAKE_REGION
			  ",clients=edu0:edu1", t->device);
	cma_open(&s.c, s.q, t);
	return 0;
}

/* Whatever a test did, a reset leaves nothing behind and QEMU in good health. */
static int stop(void **state)
{
	(void)state;
	virtio_reset(&s.c.v);
	assert_int_equal(qtest_get(s.q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_get(s.q, "/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(s.q, "/counters/blocks"), 0);
	qtest_stop(s.q);
	return 0;
}

static void test_config(void **state)
{
	struct virtio_cma_config config;

	(void)state;
	cma_config(&s.c, &config);
	assert_true(config.region_base_gpa);
	assert_int_equal(config.region_base_gpa % CMA_GRANULE, 0);
	assert_int_equal(config.region_bytes, NR_GRANULES * CMA_GRANULE);
	assert_int_equal(config.granule_bytes, CMA_GRANULE);
	assert_int_equal(config.mode, VIRTIO_CMA_MODE_PRIVATE);
	assert_int_equal(config.flags, 0);
	assert_int_equal(config.nr_clients, 2);
	assert_int_equal(config.max_request_bytes, VIRTIO_CMA_MAX_REQUEST_BYTES);
	assert_int_equal(config.max_align_order, VIRTIO_CMA_DEFAULT_ALIGN_ORDER);
	assert_int_equal(config.stage2, VIRTIO_CMA_STAGE2_NONE);
	assert_int_equal(config.reserved, 0);
	assert_int_equal(config.pin_limit_bytes, config.region_bytes);
	assert_int_equal(config.pinned_bytes, 0);
	assert_string_equal((char *)config.name, "banka");
}

static void test_clients(void **state)
{
	struct virtio_cma_client client;

	(void)state;
	cma_client(&s.c, 1, &client);
	assert_string_equal((char *)client.name, "edu1");
	assert_int_equal(client.bus, VIRTIO_CMA_BUS_PCI);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_PRESENT);
	assert_true(!strncmp((char *)client.path, "0000:00/", 8));
}

static void test_claim_release(void **state)
{
	struct virtio_cma_client client;

	(void)state;
	assert_int_equal(cma_claim(&s.c, 0), VIRTIO_CMA_S_OK);
	cma_client(&s.c, 0, &client);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_CLAIMED);
	qtest_assert_text(s.q, "/clients/0/state", "claimed");
	assert_int_equal(cma_claim(&s.c, 0), VIRTIO_CMA_S_CLIENT_STATE);
	assert_int_equal(cma_release(&s.c, 0), VIRTIO_CMA_S_OK);
	qtest_assert_text(s.q, "/clients/0/state", "present");
	assert_int_equal(cma_release(&s.c, 0), VIRTIO_CMA_S_CLIENT_STATE);
	assert_int_equal(cma_claim(&s.c, 2), VIRTIO_CMA_S_NO_CLIENT);
}

static void test_alloc_free(void **state)
{
	struct virtio_cma_block a, b;

	(void)state;
	assert_int_equal(cma_claim(&s.c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&s.c, 3 * MIB, 0, &a), VIRTIO_CMA_S_OK);
	assert_int_equal(a.bytes, 2 * CMA_GRANULE);
	assert_int_equal(a.base_dma, a.base_gpa);
	assert_in_range(a.base_gpa, s.c.base_gpa, s.c.base_gpa + (NR_GRANULES - 2) * CMA_GRANULE);
	assert_int_equal(cma_alloc(&s.c, 1, VIRTIO_CMA_CLIENT_SHARED, &b), VIRTIO_CMA_S_OK);
	assert_int_equal(b.bytes, CMA_GRANULE);
	assert_int_equal(qtest_get(s.q, "/counters/pinned-bytes"), 3 * CMA_GRANULE);
	assert_int_equal(qtest_get(s.q, "/counters/provider-pinned-bytes"), 3 * CMA_GRANULE);

	assert_int_equal(cma_free(&s.c, a.base_gpa, a.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&s.c, a.base_gpa, a.bytes), VIRTIO_CMA_S_NOT_BLOCK);
	assert_int_equal(cma_free(&s.c, b.base_gpa, b.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(s.q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_get(s.q, "/counters/freed"), 2);
}

static void test_alloc_bulk(void **state)
{
	struct virtio_cma_bulk_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC_BULK, .bytes = sizeof(req) },
		.block_bytes = CMA_GRANULE,
		.max_dma_addr = UINT64_MAX,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.nr_blocks = NR_GRANULES + 1,
	};
	struct {
		struct virtio_cma_bulk_resp head;
		struct virtio_cma_bulk_block blocks[NR_GRANULES + 1];
	} resp;
	uint64_t seen = 0;
	unsigned int i;

	(void)state;
	assert_true(cma_raw(&s.c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp)) >=
		    (int64_t)sizeof(resp.head));
	assert_int_equal(resp.head.hdr.status, VIRTIO_CMA_S_OK);
	assert_int_equal(resp.head.nr_blocks, NR_GRANULES);
	assert_int_equal(resp.head.stop_status, VIRTIO_CMA_S_NO_SPACE);
	for (i = 0; i < NR_GRANULES; i++)
		seen |= 1ull << (resp.blocks[i].base_gpa - s.c.base_gpa) / CMA_GRANULE;
	assert_int_equal(seen, (1ull << NR_GRANULES) - 1);
	assert_int_equal(qtest_get(s.q, "/counters/pinned-bytes"), NR_GRANULES * CMA_GRANULE);
}

/* A block that the guest could not isolate goes back and is not offered again. */
static void test_busy(void **state)
{
	struct virtio_cma_busy_req busy = {
		.hdr = { .op = VIRTIO_CMA_OP_BUSY, .bytes = sizeof(busy) },
		.action = VIRTIO_CMA_BUSY_SET,
		.why = VIRTIO_CMA_WHY_UNMOVABLE,
	};
	struct virtio_cma_resp_hdr resp;
	struct virtio_cma_block a, b;

	(void)state;
	assert_int_equal(cma_alloc(&s.c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &a), 0);
	busy.block.base_gpa = a.base_gpa;
	busy.block.bytes = a.bytes;
	assert_int_equal(cma_raw(&s.c, VIRTIO_CMA_VQ_REQUEST, &busy, sizeof(busy), &resp, sizeof(resp)),
			 sizeof(resp));
	assert_int_equal(resp.status, VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(s.q, "/counters/busy-bytes"), CMA_GRANULE);
	assert_int_equal(qtest_get(s.q, "/counters/busy-unmovable-bytes"), CMA_GRANULE);
	assert_int_equal(qtest_get(s.q, "/counters/busy-pinned-bytes"), 0);
	qtest_assert_text(s.q, "/granules/0/why", "unmovable");
	assert_int_equal(cma_alloc(&s.c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &b), 0);
	assert_int_not_equal(a.base_gpa, b.base_gpa);
}

/* Of all granules, as QUERY says. */
struct states {
	struct virtio_cma_query_resp head;
	uint8_t states[NR_GRANULES];
};

static void query_states(struct states *resp)
{
	struct virtio_cma_query_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_QUERY, .bytes = sizeof(req) },
		.what = VIRTIO_CMA_QUERY_STATES,
	};

	assert_int_equal(cma_raw(&s.c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), resp,
				 sizeof(*resp)), sizeof(*resp));
	assert_int_equal(resp->head.hdr.status, VIRTIO_CMA_S_OK);
}

/* What a host discards with discard=on is unbacked at once, also to a guest that asks. */
static void test_discarded(void **state)
{
	const struct virtio_transport *t = *state;
	struct states resp;
	struct virtio_cma_config config;
	struct virtio_cma_block block;
	unsigned int i;

	qtest_stop(s.q);
	s.q = qtest_start(t->machine, CMA_FAKE_REGION ",discard=on", t->device);
	cma_open(&s.c, s.q, t);
	assert_int_equal(cma_alloc(&s.c, 3 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	assert_int_equal(cma_free(&s.c, block.base_gpa, block.bytes), 0);
	query_states(&resp);
	for (i = 0; i < NR_GRANULES; i++)
		assert_int_equal(resp.states[i], VIRTIO_CMA_GRANULE_UNBACKED);
	cma_config(&s.c, &config);
	assert_int_equal(config.backed_bytes, 0);
	assert_int_equal(cma_alloc(&s.c, 3 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
}

/*
 * A request that needs more new pages than are backed in one go: it is answered
 * in full, in turns. A guest that resets in between gets nothing of it.
 */
static void test_slow_request(void **state)
{
	struct virtio_cma_alloc_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
		.bytes = NR_GRANULES * CMA_GRANULE,
		.max_dma_addr = UINT64_MAX,
		.flags = VIRTIO_CMA_ALLOC_CONTIG,
		.client = VIRTIO_CMA_CLIENT_SHARED,
	};
	struct vring_buf buf[2] = {
		{ .addr = s.c.request, .bytes = sizeof(req) },
		{ .addr = s.c.response, .bytes = 4096, .flags = VRING_WRITE },
	};
	struct virtio_cma_block block;

	(void)state;
	qtest_write(s.q, s.c.request, &req, sizeof(req));
	virtio_post(&s.c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	virtio_kick(&s.c.v, VIRTIO_CMA_VQ_REQUEST);
	cma_restart(&s.c);
	assert_int_equal(qtest_get(s.q, "/counters/blocks"), 0);
	assert_int_equal(qtest_get(s.q, "/counters/pinned-bytes"), 0);
	assert_int_equal(cma_alloc(&s.c, NR_GRANULES * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED,
				   &block), 0);
	assert_int_equal(block.bytes, NR_GRANULES * CMA_GRANULE);
	assert_int_equal(qtest_get(s.q, "/counters/alloc-failed"), 0);
}

static void test_query(void **state)
{
	struct states resp;
	struct virtio_cma_block block;
	unsigned int i, nr_pinned = 0;

	(void)state;
	assert_int_equal(cma_alloc(&s.c, 3 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	query_states(&resp);
	assert_int_equal(resp.head.total, NR_GRANULES);
	assert_int_equal(resp.head.nr, NR_GRANULES);
	for (i = 0; i < NR_GRANULES; i++)
		nr_pinned += (resp.states[i] & VIRTIO_CMA_GRANULE_STATE_MASK) ==
			     VIRTIO_CMA_GRANULE_PINNED;
	assert_int_equal(nr_pinned, 3);
}

static void test_report(void **state)
{
	struct {
		struct virtio_cma_report_req head;
		struct virtio_cma_guest_counters counters;
	} req = {
		.head.hdr = { .op = VIRTIO_CMA_OP_REPORT, .bytes = sizeof(req) },
		.head.what = VIRTIO_CMA_REPORT_COUNTERS,
		.counters = { .allocated_bytes = 4096, .nr_map_bounced = 7, .online_bytes = 8192,
			      .nr_busy_retries = 3, .alloc_us_log2 = { [5] = 9 } },
	};
	struct virtio_cma_resp_hdr resp;

	(void)state;
	assert_int_equal(qtest_get(s.q, "/guest/valid"), 0);
	assert_int_equal(cma_raw(&s.c, VIRTIO_CMA_VQ_REPORT, &req, sizeof(req), &resp, sizeof(resp)),
			 sizeof(resp));
	assert_int_equal(resp.status, VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(s.q, "/guest/valid"), 1);
	assert_int_equal(qtest_get(s.q, "/guest/allocated-bytes"), 4096);
	assert_int_equal(qtest_get(s.q, "/guest/map-bounced"), 7);
	assert_int_equal(qtest_get(s.q, "/guest/online-bytes"), 8192);
	assert_int_equal(qtest_get(s.q, "/guest/busy-retries"), 3);
	assert_int_equal(qtest_get(s.q, "/guest/alloc-us-log2/5"), 9);
	assert_int_equal(qtest_get(s.q, "/guest/alloc-us-log2/19"), 0);
}

/* The configuration space is live. */
static void test_config_live(void **state)
{
	struct virtio_cma_config config;
	struct virtio_cma_block block;

	(void)state;
	assert_int_equal(cma_alloc(&s.c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	cma_config(&s.c, &config);
	assert_int_equal(config.pinned_bytes, CMA_GRANULE);
	assert_true(config.backed_bytes >= CMA_GRANULE);
}

/* Read in pieces, with an ALLOC in between; and without one, which disturbs nothing. */
static void test_config_generation(void **state)
{
	const struct virtio_transport *t = *state;
	uint64_t pinned = t->config_addr(&s.c.v) + offsetof(struct virtio_cma_config, pinned_bytes);
	struct virtio_cma_block block;
	uint8_t before;

	assert_int_equal(qtest_readl(s.q, pinned), 0);
	before = t->config_generation(&s.c.v);
	assert_int_equal(qtest_readl(s.q, pinned), 0);
	assert_int_equal(qtest_readl(s.q, pinned + 4), 0);
	assert_int_equal(t->config_generation(&s.c.v), before);

	assert_int_equal(qtest_readl(s.q, pinned + 4), 0);
	assert_int_equal(cma_alloc(&s.c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_readl(s.q, pinned), CMA_GRANULE);
	assert_true(t->config_generation(&s.c.v) != before);
}

#define BOTH(test)	\
	{ #test " over PCI", test, start, stop, (void *)&virtio_pci },	\
	{ #test " over MMIO", test, start, stop, (void *)&virtio_mmio }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_config), BOTH(test_clients), BOTH(test_claim_release),
		BOTH(test_alloc_free), BOTH(test_alloc_bulk), BOTH(test_busy), BOTH(test_slow_request),
		BOTH(test_discarded), BOTH(test_query),
		BOTH(test_report), BOTH(test_config_live), BOTH(test_config_generation),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
