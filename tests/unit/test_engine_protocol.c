// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Engine: headers, CLIENTS, QUERY, REPORT, the configuration space, status names;
 * and what is wrong with configurations. FREE and BUSY: test_engine_free.c. Client
 * states and reset: test_engine_clients.c.
 */
#include "tests/unit/engine_rig.h"

/* --- headers ---------------------------------------------------------- */

static void every_length_but_the_right_one_is_refused(void **state)
{
	struct rig *r = rig_make(4, true);
	uint8_t bytes[80] = { 0 };
	static const struct {
		uint32_t op;
		size_t bytes;
	} fixed[] = {
		{ VIRTIO_CMA_OP_CLIENTS, 16 }, { VIRTIO_CMA_OP_CLAIM, 16 },
		{ VIRTIO_CMA_OP_RELEASE, 16 }, { VIRTIO_CMA_OP_ALLOC, 48 },
		{ VIRTIO_CMA_OP_ALLOC_BULK, 48 }, { VIRTIO_CMA_OP_FREE, 16 },
		{ VIRTIO_CMA_OP_BUSY, 40 }, { VIRTIO_CMA_OP_QUERY, 32 },
		{ VIRTIO_CMA_OP_REPORT, 32 },
	};

	(void)state;
	for (size_t len = 0; len < 8; len++)
		expect_refusal(r, rig_send(r, bytes, len), INVAL, 4);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		bool report = fixed[i].op == VIRTIO_CMA_OP_REPORT;
		struct virtio_cma_req_hdr hdr;

		for (size_t len = 8; len < fixed[i].bytes; len++) {
			hdr = rig_hdr(fixed[i].op, len);
			memcpy(bytes, &hdr, sizeof(hdr));
			expect_refusal(r, rig_send_on(r, bytes, len, report), INVAL, 4);
		}
		/* one byte too many, whatever follows the fixed part */
		hdr = rig_hdr(fixed[i].op, fixed[i].bytes + 1);
		memcpy(bytes, &hdr, sizeof(hdr));
		assert_int_equal(rig_send_on(r, bytes, fixed[i].bytes + 1, report),
				 VIRTIO_CMA_S_INVAL);
		/* the header says one byte less or more than was sent */
		for (int by = -1; by <= 1; by += 2) {
			hdr = rig_hdr(fixed[i].op, fixed[i].bytes + (size_t)by);
			memcpy(bytes, &hdr, sizeof(hdr));
			expect_refusal(r, rig_send_on(r, bytes, fixed[i].bytes, report),
				       INVAL, 4);
		}
	}
	expect_log(r, "");
	rig_free(r);
}

static void unknown_operations_and_queues_are_refused(void **state)
{
	struct rig *r = rig_make(4, true);
	struct virtio_cma_req_hdr hdr = rig_hdr(0, sizeof(hdr));
	struct hvcma_engine_counters counters;
	uint8_t *big = calloc(1, VIRTIO_CMA_MAX_REQUEST_BYTES + 1);

	(void)state;
	expect_refusal(r, rig_send(r, &hdr, sizeof(hdr)), UNSUPP, 0);
	hdr.op = hvcma_to_le32(VIRTIO_CMA_NR_OPS);
	expect_refusal(r, rig_send(r, &hdr, sizeof(hdr)), UNSUPP, 0);
	hdr.op = hvcma_to_le32(UINT32_MAX);
	expect_refusal(r, rig_send(r, &hdr, sizeof(hdr)), UNSUPP, 0);
	for (uint32_t op = VIRTIO_CMA_OP_CLIENTS; op < VIRTIO_CMA_NR_OPS; op++) {
		hdr.op = hvcma_to_le32(op);
		expect_refusal(r, rig_send_on(r, &hdr, sizeof(hdr), op != VIRTIO_CMA_OP_REPORT),
			       UNSUPP, 0);
	}
	expect_refusal(r, rig_send(r, big, VIRTIO_CMA_MAX_REQUEST_BYTES + 1), TOO_BIG,
		       VIRTIO_CMA_MAX_REQUEST_BYTES);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.nr_requests[0], 3);
	assert_int_equal(counters.nr_requests[VIRTIO_CMA_OP_FREE], 1);
	assert_int_equal(counters.nr_bad_requests, 18);
	free(big);
	rig_free(r);
}

/* --- CLIENTS ---------------------------------------------------------- */

static uint32_t send_clients(struct rig *r, uint32_t first, uint32_t max)
{
	const struct virtio_cma_clients_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_CLIENTS, sizeof(req)),
		.first = hvcma_to_le32(first),
		.max_clients = hvcma_to_le32(max),
	};

	return rig_send(r, &req, sizeof(req));
}

static uint32_t nr_clients(const struct rig *r)
{
	struct virtio_cma_clients_resp resp;

	memcpy(&resp, r->resp, sizeof(resp));
	assert_int_equal(hvcma_from_le32(resp.nr_total), RIG_CLIENTS);
	assert_int_equal(r->used, sizeof(resp) + hvcma_from_le32(resp.nr_clients) *
			 sizeof(struct virtio_cma_client));
	return hvcma_from_le32(resp.nr_clients);
}

static struct virtio_cma_client client_at(const struct rig *r, size_t i)
{
	struct virtio_cma_client client;

	memcpy(&client, r->resp + sizeof(struct virtio_cma_clients_resp) + i * sizeof(client),
	       sizeof(client));
	return client;
}

static void clients_are_listed(void **state)
{
	struct rig *r = rig_make(4, true);
	struct virtio_cma_client client;

	(void)state;
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(send_clients(r, 0, UINT32_MAX), VIRTIO_CMA_S_OK);
	assert_int_equal(nr_clients(r), RIG_CLIENTS);
	client = client_at(r, 0);
	assert_int_equal(hvcma_from_le32(client.id), 0);
	assert_int_equal(client.bus, VIRTIO_CMA_BUS_PCI);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_PRESENT);
	assert_string_equal((char *)client.name, "nv0");
	assert_string_equal((char *)client.kind, "dev");
	assert_string_equal((char *)client.path, "0000:00/00.0");
	assert_int_equal(client.resv, 0);
	assert_int_equal(client_at(r, 1).state, VIRTIO_CMA_CLIENT_CLAIMED);
	assert_int_equal(hvcma_from_le32(client_at(r, 2).id), 2);
	assert_int_equal(client_at(r, 2).state, VIRTIO_CMA_CLIENT_ABSENT);

	assert_int_equal(send_clients(r, 1, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(nr_clients(r), 1);
	assert_int_equal(hvcma_from_le32(client_at(r, 0).id), 1);
	assert_int_equal(send_clients(r, 3, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(nr_clients(r), 0);
	assert_int_equal(send_clients(r, 1, 0), VIRTIO_CMA_S_OK);	/* as many as fit */
	assert_int_equal(nr_clients(r), RIG_CLIENTS - 1);
	expect_refusal(r, send_clients(r, 4, 1), INVAL, 8);
	/* as many as there is room for, but at least one */
	r->resp_room = sizeof(struct virtio_cma_clients_resp) +
		       2 * sizeof(struct virtio_cma_client) + 7;
	assert_int_equal(send_clients(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_int_equal(nr_clients(r), 2);
	assert_int_equal(send_clients(r, 0, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(nr_clients(r), 2);
	r->resp_room = sizeof(struct virtio_cma_clients_resp) +
		       sizeof(struct virtio_cma_client) - 1;
	expect_refusal(r, send_clients(r, 0, 3), TOO_BIG, r->resp_room);
	rig_free(r);
}

/* --- QUERY ------------------------------------------------------------ */

static uint32_t send_query(struct rig *r, uint32_t what, uint64_t first, uint64_t nr)
{
	const struct virtio_cma_query_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_QUERY, sizeof(req)),
		.what = hvcma_to_le32(what),
		.first = hvcma_to_le64(first),
		.nr = hvcma_to_le64(nr),
	};

	return rig_send(r, &req, sizeof(req));
}

#define expect_items(r, expected_nr, expected_total)				\
	do {									\
		struct virtio_cma_query_resp resp_;				\
										\
		assert_int_equal((r)->status, VIRTIO_CMA_S_OK);			\
		memcpy(&resp_, (r)->resp, sizeof(resp_));			\
		assert_int_equal(hvcma_from_le64(resp_.nr), expected_nr);	\
		assert_int_equal(hvcma_from_le64(resp_.total), expected_total);	\
	} while (0)

static void states_can_be_queried(void **state)
{
	struct rig *r = rig_make(8, false);
	static const uint8_t expected[] = { 2, 2, 1, 0, 0, 0, 0, 0 };
	const struct virtio_cma_query_req bad = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_QUERY, sizeof(bad)),
		.reserved = hvcma_to_le32(1),
	};

	(void)state;
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 3), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	send_query(r, VIRTIO_CMA_QUERY_STATES, 0, 0);
	expect_items(r, 8, 8);
	assert_memory_equal(r->resp + sizeof(struct virtio_cma_query_resp), expected, 8);
	send_query(r, VIRTIO_CMA_QUERY_STATES, 1, 2);
	expect_items(r, 2, 8);
	assert_memory_equal(r->resp + sizeof(struct virtio_cma_query_resp), expected + 1, 2);
	send_query(r, VIRTIO_CMA_QUERY_STATES, 6, UINT64_MAX);
	expect_items(r, 2, 8);
	send_query(r, VIRTIO_CMA_QUERY_STATES, 8, 0);
	expect_items(r, 0, 8);
	expect_refusal(r, send_query(r, VIRTIO_CMA_QUERY_STATES, 9, 0), INVAL, 16);
	r->resp_room = sizeof(struct virtio_cma_query_resp) + 3;
	send_query(r, VIRTIO_CMA_QUERY_STATES, 0, 0);
	expect_items(r, 3, 8);
	r->resp_room = sizeof(struct virtio_cma_query_resp);
	expect_refusal(r, send_query(r, VIRTIO_CMA_QUERY_STATES, 0, 0), TOO_BIG, 32);
	send_query(r, VIRTIO_CMA_QUERY_STATES, 8, 0);
	expect_items(r, 0, 8);
	r->resp_room--;
	expect_refusal(r, send_query(r, VIRTIO_CMA_QUERY_STATES, 8, 0), TOO_BIG, 31);
	expect_refusal(r, send_query(r, 3, 0, 0), UNSUPP, 8);
	expect_refusal(r, rig_send(r, &bad, sizeof(bad)), INVAL, 12);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 8), VIRTIO_CMA_GRANULE_UNBACKED);
	rig_free(r);
}

static void a_response_is_never_longer_than_announced(void **state)
{
	const uint64_t nr = VIRTIO_CMA_MAX_RESPONSE_BYTES + 1000;
	struct rig *r = rig_make(nr, false);

	(void)state;
	r->resp_room = VIRTIO_CMA_MAX_RESPONSE_BYTES + 4096;
	send_query(r, VIRTIO_CMA_QUERY_STATES, 0, 0);
	expect_items(r, VIRTIO_CMA_MAX_RESPONSE_BYTES - sizeof(struct virtio_cma_query_resp), nr);
	assert_int_equal(r->used, VIRTIO_CMA_MAX_RESPONSE_BYTES);
	rig_free(r);
}

static void extents_can_be_queried(void **state)
{
	struct rig *r = rig_host(8, true);
	const struct hvcma_engine_config config = rig_config(8);
	struct virtio_cma_extent extents[3];
	uint64_t first = 0, nr = 0, dma = 0;

	(void)state;
	/* 0 1 2 | 3 4 | ? | 6 7 */
	r->host[3].dma = DMA + 100 * GRANULE;
	r->host[4].dma = DMA + 101 * GRANULE;
	r->host[5].backed = false;
	rig_start(r, &config);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	send_query(r, VIRTIO_CMA_QUERY_EXTENTS, 0, 0);
	expect_items(r, 3, 3);
	memcpy(extents, r->resp + sizeof(struct virtio_cma_query_resp), sizeof(extents));
	assert_int_equal(hvcma_from_le64(extents[0].base_gpa), GPA);
	assert_int_equal(hvcma_from_le64(extents[0].base_dma), DMA);
	assert_int_equal(hvcma_from_le64(extents[0].bytes), 3 * GRANULE);
	assert_int_equal(hvcma_from_le64(extents[1].base_gpa), GPA + 3 * GRANULE);
	assert_int_equal(hvcma_from_le64(extents[1].base_dma), DMA + 100 * GRANULE);
	assert_int_equal(hvcma_from_le64(extents[1].bytes), 2 * GRANULE);
	assert_int_equal(hvcma_from_le64(extents[2].base_gpa), GPA + 6 * GRANULE);
	assert_int_equal(hvcma_from_le64(extents[2].bytes), 2 * GRANULE);
	send_query(r, VIRTIO_CMA_QUERY_EXTENTS, 2, 5);
	expect_items(r, 1, 3);
	memcpy(extents, r->resp + sizeof(struct virtio_cma_query_resp), sizeof(extents[0]));
	assert_int_equal(hvcma_from_le64(extents[0].base_gpa), GPA + 6 * GRANULE);
	send_query(r, VIRTIO_CMA_QUERY_EXTENTS, 3, 0);
	expect_items(r, 0, 3);
	expect_refusal(r, send_query(r, VIRTIO_CMA_QUERY_EXTENTS, 4, 0), INVAL, 16);

	assert_true(hvcma_engine_next_extent(r->engine, 1, &first, &nr, &dma));
	assert_int_equal(first, 3);
	assert_int_equal(nr, 2);
	assert_int_equal(dma, DMA + 100 * GRANULE);
	assert_false(hvcma_engine_next_extent(r->engine, 7, &first, &nr, &dma));
	rig_free(r);
}

static void counters_can_be_queried(void **state)
{
	struct rig *r = rig_make_blocks();
	struct virtio_cma_counters counters;

	(void)state;
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	expect_refusal(r, rig_alloc(r, 4, CONTIG), FRAGMENTED, 2 * GRANULE);
	expect_refusal(r, rig_bulk(r, 3, 2, 0), FRAGMENTED, 2 * GRANULE);
	send_query(r, VIRTIO_CMA_QUERY_COUNTERS, 0, 0);
	expect_items(r, 1, 1);
	memcpy(&counters, r->resp + sizeof(struct virtio_cma_query_resp), sizeof(counters));
	assert_int_equal(hvcma_from_le64(counters.free_bytes), 4 * GRANULE);
	assert_int_equal(hvcma_from_le64(counters.allocated_bytes), 4 * GRANULE);
	assert_int_equal(hvcma_from_le64(counters.busy_bytes), 0);
	assert_int_equal(hvcma_from_le64(counters.longest_free_bytes), 2 * GRANULE);
	assert_int_equal(hvcma_from_le64(counters.nr_blocks), 2);
	assert_int_equal(hvcma_from_le64(counters.nr_extents), 1);
	assert_int_equal(hvcma_from_le64(counters.nr_alloc_ok), 3);
	assert_int_equal(hvcma_from_le64(counters.nr_alloc_failed), 2);
	assert_int_equal(hvcma_from_le64(counters.nr_freed), 1);
	assert_int_equal(hvcma_from_le64(counters.nr_bad_requests), 0);
	expect_refusal(r, send_query(r, VIRTIO_CMA_QUERY_COUNTERS, 1, 0), INVAL, 16);
	expect_refusal(r, send_query(r, VIRTIO_CMA_QUERY_COUNTERS, 0, 1), INVAL, 24);
	r->resp_room = 32 + sizeof(counters) - 1;
	expect_refusal(r, send_query(r, VIRTIO_CMA_QUERY_COUNTERS, 0, 0), TOO_BIG, r->resp_room);
	rig_free(r);
}

/* --- REPORT ----------------------------------------------------------- */

static uint32_t send_report(struct rig *r, uint32_t what, uint64_t first, uint64_t nr,
			    const void *payload, size_t bytes)
{
	size_t total = sizeof(struct virtio_cma_report_req) + bytes;
	struct virtio_cma_report_req *req = calloc(1, total);
	uint32_t status;

	req->hdr = rig_hdr(VIRTIO_CMA_OP_REPORT, total);
	req->what = hvcma_to_le32(what);
	req->first = hvcma_to_le64(first);
	req->nr = hvcma_to_le64(nr);
	memcpy(req->payload, payload, bytes);
	status = rig_send_on(r, req, total, true);
	free(req);
	return status;
}

static void online_granules_are_reported(void **state)
{
	struct rig *r = rig_make(100, true);
	static const uint8_t bits[] = { 0xff, 0x01, 0x80, 0xff };
	struct hvcma_engine_counters counters;

	(void)state;
	assert_int_equal(send_report(r, VIRTIO_CMA_REPORT_ONLINE, 60, 9, bits, 2),
			 VIRTIO_CMA_S_OK);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.online_bytes, 9 * GRANULE);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 60), 0x11);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 68), 0x11);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 69), 0x01);
	assert_int_equal(send_report(r, VIRTIO_CMA_REPORT_ONLINE, 61, 8, bits + 2, 1),
			 VIRTIO_CMA_S_OK);		/* 61..67 are back */
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.online_bytes, 2 * GRANULE);

	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 9, bits, 3), INVAL, 24);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 9, bits, 1), INVAL, 24);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 0, bits, 0), INVAL, 24);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, UINT64_MAX, bits, 0),
		       INVAL, 24);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 7, bits, 1), INVAL, 24);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, 93, 8, bits, 1), RANGE, 0);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, UINT64_MAX, 8, bits, 1),
		       RANGE, 0);
	expect_refusal(r, send_report(r, 2, 0, 8, bits, 1), UNSUPP, 8);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.online_bytes, 2 * GRANULE);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.online_bytes, 0);
	rig_free(r);
}

static void expect_orphaned(struct rig *r, uint64_t granules)
{
	struct hvcma_engine_counters counters;

	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.orphaned_bytes, granules * GRANULE);
}

static void online_memory_outlives_its_driver(void **state)
{
	struct rig *r = rig_make(100, true);
	const struct virtio_cma_guest_counters guest = { 0 };
	static const uint8_t five = 0x1f, none;

	(void)state;
	send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 8, &five, 1);
	expect_orphaned(r, 0);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_orphaned(r, 5);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_orphaned(r, 5);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 9, &five, 1), INVAL, 24);
	expect_orphaned(r, 5);
	assert_int_equal(send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 8, &five, 1),
			 VIRTIO_CMA_S_OK);
	expect_orphaned(r, 0);

	/* isolated before the end */
	assert_int_equal(send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 8, &none, 1),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_orphaned(r, 0);

	/* a driver with nothing online */
	assert_int_equal(hvcma_engine_restore_orphaned(r->engine, 100 * GRANULE), 0);
	expect_orphaned(r, 100);
	assert_int_equal(send_report(r, VIRTIO_CMA_REPORT_COUNTERS, 0, 0, &guest,
				     VIRTIO_CMA_GUEST_COUNTERS_LEAST),
			 VIRTIO_CMA_S_OK);
	expect_orphaned(r, 0);

	/* the end of the machine, on either side of its devices' own reset */
	send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 8, &five, 1);
	hvcma_engine_forget_orphaned(r->engine);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_orphaned(r, 0);
	send_report(r, VIRTIO_CMA_REPORT_ONLINE, 0, 8, &five, 1);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	hvcma_engine_forget_orphaned(r->engine);
	expect_orphaned(r, 0);

	assert_int_equal(hvcma_engine_restore_orphaned(r->engine, 101 * GRANULE),
			 VIRTIO_CMA_S_RANGE);
	assert_int_equal(hvcma_engine_restore_orphaned(r->engine, GRANULE / 2),
			 VIRTIO_CMA_S_RANGE);
	expect_orphaned(r, 0);
	rig_free(r);
}

static void guest_counters_are_reported(void **state)
{
	struct rig *r = rig_make(4, true);
	const struct virtio_cma_guest_counters guest = {
		.allocated_bytes = hvcma_to_le64(1), .coherent_bytes = hvcma_to_le64(2),
		.bounce_bytes = hvcma_to_le64(3), .nr_coherent_ok = hvcma_to_le64(4),
		.nr_coherent_failed = hvcma_to_le64(5), .nr_map_direct = hvcma_to_le64(6),
		.nr_map_bounced = hvcma_to_le64(7), .nr_map_failed = hvcma_to_le64(8),
		.online_bytes = hvcma_to_le64(9), .ready_bytes = hvcma_to_le64(10),
		.nr_busy_retries = hvcma_to_le64(11), .nr_deadline_missed = hvcma_to_le64(12),
		.nr_bulk_blocks = hvcma_to_le64(13),
		.alloc_us_log2 = { [0] = hvcma_to_le64(14), [19] = hvcma_to_le64(15) },
		.broken_bytes = hvcma_to_le64(16),
	};
	const size_t bytes = sizeof(guest);
	struct virtio_cma_report_req bad = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_REPORT, 32),
		.reserved = hvcma_to_le32(1),
	};
	struct hvcma_engine_counters counters;

	(void)state;
	hvcma_engine_set_features(r->engine, 1 << VIRTIO_CMA_F_VERSION_1);
	hvcma_engine_counters(r->engine, &counters);
	assert_false(counters.guest_valid);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_COUNTERS, 1, 0, &guest, bytes),
		       INVAL, 16);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_COUNTERS, 0, 1, &guest, bytes),
		       INVAL, 24);
	expect_refusal(r, send_report(r, VIRTIO_CMA_REPORT_COUNTERS, 0, 0, &guest, bytes - 1),
		       INVAL, 4);
	expect_refusal(r, rig_send_on(r, &bad, 32, true), INVAL, 12);
	assert_int_equal(send_report(r, VIRTIO_CMA_REPORT_COUNTERS, 0, 0, &guest, bytes),
			 VIRTIO_CMA_S_OK);
	hvcma_engine_counters(r->engine, &counters);
	assert_true(counters.guest_valid);
	assert_int_equal(counters.guest.allocated_bytes, 1);
	assert_int_equal(counters.guest.coherent_bytes, 2);
	assert_int_equal(counters.guest.bounce_bytes, 3);
	assert_int_equal(counters.guest.nr_coherent_ok, 4);
	assert_int_equal(counters.guest.nr_coherent_failed, 5);
	assert_int_equal(counters.guest.nr_map_direct, 6);
	assert_int_equal(counters.guest.nr_map_bounced, 7);
	assert_int_equal(counters.guest.nr_map_failed, 8);
	assert_int_equal(counters.guest.online_bytes, 9);
	assert_int_equal(counters.guest.ready_bytes, 10);
	assert_int_equal(counters.guest.nr_busy_retries, 11);
	assert_int_equal(counters.guest.nr_deadline_missed, 12);
	assert_int_equal(counters.guest.nr_bulk_blocks, 13);
	assert_int_equal(counters.guest.alloc_us_log2[0], 14);
	assert_int_equal(counters.guest.alloc_us_log2[1], 0);
	assert_int_equal(counters.guest.alloc_us_log2[19], 15);
	assert_int_equal(counters.guest.broken_bytes, 16);

	/* A driver that does not know of broken memory. */
	assert_int_equal(send_report(r, VIRTIO_CMA_REPORT_COUNTERS, 0, 0, &guest,
				     VIRTIO_CMA_GUEST_COUNTERS_LEAST), VIRTIO_CMA_S_OK);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.guest.alloc_us_log2[19], 15);
	assert_int_equal(counters.guest.broken_bytes, 0);
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	hvcma_engine_counters(r->engine, &counters);
	assert_false(counters.guest_valid);
	assert_int_equal(counters.guest.allocated_bytes, 0);
	rig_free(r);
}

/* --- configuration ---------------------------------------------------- */

static void the_configuration_space_is_filled(void **state)
{
	struct hvcma_engine_config config = rig_config(8);
	struct virtio_cma_config space;
	struct rig *r;

	(void)state;
	config.flags = VIRTIO_CMA_FLAG_HPA;
	config.mode = VIRTIO_CMA_MODE_REUSABLE;
	config.attr_policy = VIRTIO_CMA_ATTR_UNCACHED;
	config.max_align_order = 9;
	config.stage2 = VIRTIO_CMA_STAGE2_FWB;
	r = rig_make_config(&config, false);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 3, 2), VIRTIO_CMA_S_OK);
	hvcma_engine_get_config(r->engine, &space);
	assert_int_equal(hvcma_from_le64(space.region_base_gpa), GPA);
	assert_int_equal(hvcma_from_le64(space.region_bytes), 8 * GRANULE);
	assert_int_equal(hvcma_from_le64(space.granule_bytes), GRANULE);
	assert_int_equal(hvcma_from_le32(space.mode), VIRTIO_CMA_MODE_REUSABLE);
	assert_int_equal(hvcma_from_le32(space.attr_policy), VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(hvcma_from_le32(space.flags), VIRTIO_CMA_FLAG_HPA);
	assert_int_equal(hvcma_from_le32(space.nr_clients), RIG_CLIENTS);
	assert_int_equal(hvcma_from_le32(space.max_request_bytes), 65536);
	assert_int_equal(hvcma_from_le32(space.max_response_bytes), 262144);
	assert_int_equal(hvcma_from_le32(space.max_bulk_blocks), 8192);
	assert_int_equal(hvcma_from_le32(space.max_align_order), 9);
	assert_int_equal(hvcma_from_le32(space.stage2), VIRTIO_CMA_STAGE2_FWB);
	assert_int_equal(space.reserved, 0);
	assert_int_equal(hvcma_from_le64(space.pin_limit_bytes), 8 * GRANULE);
	assert_int_equal(hvcma_from_le64(space.pinned_bytes), 3 * GRANULE);
	assert_int_equal(hvcma_from_le64(space.backed_bytes), 5 * GRANULE);
	assert_string_equal((char *)space.name, "banka");
	rig_free(r);
}

static void bad_configurations_are_named(void **state)
{
	const struct hvcma_engine_config good = rig_config(8);
	struct hvcma_engine_config config;
	struct hvcma_engine *engine = NULL;
	struct hvcma_engine_ops ops;
	uint8_t *buffer = aligned_alloc(64, hvcma_engine_buffer_bytes(&good));

#define refuse_config(field, value, words)					\
	do {									\
		config = good;							\
		config.field = value;						\
		assert_non_null(hvcma_engine_check_config(&config));		\
		assert_non_null(strstr(hvcma_engine_check_config(&config), words)); \
		assert_int_equal(hvcma_engine_buffer_bytes(&config), 0);	\
		assert_int_equal(hvcma_engine_init(buffer, SIZE_MAX, &config, &rig_ops, NULL, \
						   &engine), VIRTIO_CMA_S_INVAL); \
	} while (0)

	(void)state;
	assert_null(hvcma_engine_check_config(&good));
	refuse_config(granule_bytes, 0, "granule");
	refuse_config(granule_bytes, 2048, "granule");
	refuse_config(granule_bytes, 3 * GRANULE, "granule");
	refuse_config(region_bytes, 0, "multiple of the granule");
	refuse_config(region_bytes, GRANULE + 4096, "multiple of the granule");
	refuse_config(region_bytes, GRANULE << 31, "2^30");
	refuse_config(region_base_gpa, GPA + 4096, "aligned");
	refuse_config(region_base_gpa, -GRANULE, "wraps");
	refuse_config(pin_limit_bytes, GRANULE - 1, "pin limit");
	refuse_config(max_align_order, 32, "order 31");
	refuse_config(stage2, 4, "second stage");
	refuse_config(flags, VIRTIO_CMA_FLAG_AUTO, "reusable");
	refuse_config(mode, VIRTIO_CMA_MODE_RAM, "pinned from the start");
	refuse_config(mode, VIRTIO_CMA_MODE_RAM + 1, "mode");
	refuse_config(max_align_order, 32, "order 31");
	refuse_config(attr_policy, 3, "attribute");
	refuse_config(policy, HVCMA_NR_POLICIES, "policy");
	refuse_config(nr_clients, 4097, "clients");
	refuse_config(name, NULL, "name");
	refuse_config(name, "", "name");
	refuse_config(name, "0123456789012345678901234567890x", "name");
	assert_int_equal(hvcma_engine_init(NULL, SIZE_MAX, &good, &rig_ops, NULL, &engine),
			 VIRTIO_CMA_S_INVAL);
	assert_int_equal(hvcma_engine_init(buffer, hvcma_engine_buffer_bytes(&good) - 1, &good,
					   &rig_ops, NULL, &engine), VIRTIO_CMA_S_INVAL);
#define refuse_without(op)							\
	do {									\
		ops = rig_ops;							\
		ops.op = NULL;							\
		assert_int_equal(hvcma_engine_init(buffer, SIZE_MAX, &good, &ops, NULL, \
						   &engine), VIRTIO_CMA_S_INVAL); \
	} while (0)
	refuse_without(back);
	refuse_without(pin);
	refuse_without(unpin);
	refuse_without(dma_addr);
	refuse_without(claim);
	refuse_without(quiesce);
	assert_null(engine);
	free(buffer);
}

static void a_host_that_cannot_say_addresses_stops_the_start(void **state)
{
	const struct hvcma_engine_config config = rig_config(8);
	struct rig *r = rig_host(8, true);
	size_t bytes = hvcma_engine_buffer_bytes(&config);
	struct hvcma_engine *engine = NULL;

	(void)state;
	r->buffer = aligned_alloc(64, bytes);
	memset(r->buffer, 0, bytes);
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_REFUSED);
	assert_int_equal(hvcma_engine_init(r->buffer, bytes, &config, &rig_ops, r, &engine),
			 VIRTIO_CMA_S_REFUSED);
	assert_null(engine);
	free(r->buffer);
	free(r->host);
	free(r);
}

static void the_base_can_be_set_while_nothing_is_held(void **state)
{
	struct rig *r = rig_make(4, true);
	struct virtio_cma_config space;

	(void)state;
	assert_int_equal(hvcma_engine_set_base(r->engine, GPA + 1), VIRTIO_CMA_S_INVAL);
	assert_int_equal(hvcma_engine_set_base(r->engine, -GRANULE), VIRTIO_CMA_S_INVAL);
	for (uint64_t i = 0; i < 4; i++)
		r->host[i].dma = 2 * GPA + i * GRANULE;
	assert_int_equal(hvcma_engine_set_base(r->engine, 2 * GPA), 0);
	hvcma_engine_get_config(r->engine, &space);
	assert_int_equal(hvcma_from_le64(space.region_base_gpa), 2 * GPA);
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_set_base(r->engine, 3 * GPA), VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_set_base(r->engine, GPA), 0);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	expect_block(r, 0, 0, 1);
	assert_int_equal(hvcma_engine_set_base(r->engine, 2 * GPA), VIRTIO_CMA_S_BUSY);
	rig_free(r);
}

static void refresh_sees_what_the_host_did(void **state)
{
	struct rig *r = rig_make(4, true);
	struct hvcma_engine_counters counters;

	(void)state;
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	r->host[2].backed = false;
	r->host[3].dma = DMA + 50 * GRANULE;
	assert_int_equal(hvcma_engine_refresh(r->engine), 0);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.backed_bytes, 3 * GRANULE);
	assert_int_equal(counters.nr_extents, 2);
	rig_inject(r, RIG_DMA, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_refresh(r->engine), VIRTIO_CMA_S_IO);
	rig_check(r);
	rig_free(r);
}

static void changes_are_traced(void **state)
{
	struct rig *r = rig_make(8, false);
	struct virtio_cma_alloc_req req;

	(void)state;
	expect_traces(r, "client 0 0 1 client 1 0 1 ");
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	rig_alloc_req(&req, 2, CONTIG);
	req.client = hvcma_to_le32(1);
	assert_int_equal(rig_send(r, &req, sizeof(req)), VIRTIO_CMA_S_OK);
	expect_traces(r, "client 1 1 2 back 0 2 0 alloc 0 2 1 ");
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	expect_traces(r, "free 0 2 0 ");
	r->moves[0].granule = 0;
	r->moves[0].dma = DMA + 50 * GRANULE;
	r->nr_moves = 1;
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	expect_traces(r, "moved 0 1 0 alloc 0 1 4294967295 ");
	assert_int_equal(rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 1), NULL, 0),
			 VIRTIO_CMA_S_OK);
	expect_traces(r, "free 0 1 0 busy 0 1 1 ");
	assert_int_equal(hvcma_engine_restore_block(r->engine, 4, 3, 0, 0), 0);
	expect_traces(r, "restore 4 3 0 ");
	rig_inject(r, RIG_QUIESCE, 0, 1, VIRTIO_CMA_S_IO);
	assert_int_equal(hvcma_engine_reset(r->engine), VIRTIO_CMA_S_IO);
	expect_traces(r, "client 1 2 3 reset 0 1 0 ");
	assert_int_equal(hvcma_engine_reset(r->engine), 0);
	expect_traces(r, "client 1 3 1 reset 1 0 0 ");
	rig_free(r);
}

static void statuses_have_names(void **state)
{
	(void)state;
	assert_string_equal(hvcma_status_name(VIRTIO_CMA_S_OK), "OK");
	assert_string_equal(hvcma_status_name(VIRTIO_CMA_S_NO_SPACE), "NO_SPACE");
	assert_string_equal(hvcma_status_name(VIRTIO_CMA_S_IO), "IO");
	assert_string_equal(hvcma_status_name(VIRTIO_CMA_NR_STATUS), "?");
	assert_string_equal(hvcma_status_text(VIRTIO_CMA_S_PIN_LIMIT), "pin limit reached");
	assert_string_equal(hvcma_status_text(UINT32_MAX), "unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_but_the_right_one_is_refused),
		cmocka_unit_test(unknown_operations_and_queues_are_refused),
		cmocka_unit_test(clients_are_listed),
		cmocka_unit_test(states_can_be_queried),
		cmocka_unit_test(a_response_is_never_longer_than_announced),
		cmocka_unit_test(extents_can_be_queried),
		cmocka_unit_test(counters_can_be_queried),
		cmocka_unit_test(online_granules_are_reported),
		cmocka_unit_test(online_memory_outlives_its_driver),
		cmocka_unit_test(guest_counters_are_reported),
		cmocka_unit_test(the_configuration_space_is_filled),
		cmocka_unit_test(bad_configurations_are_named),
		cmocka_unit_test(a_host_that_cannot_say_addresses_stops_the_start),
		cmocka_unit_test(the_base_can_be_set_while_nothing_is_held),
		cmocka_unit_test(refresh_sees_what_the_host_did),
		cmocka_unit_test(changes_are_traced),
		cmocka_unit_test(statuses_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
