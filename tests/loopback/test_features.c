// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Feature bits: what a driver is served with that accepts all of them, all but one, or
 * none; and messages that are longer or shorter than what the other side knows.
 *
 * What a driver gets that knows no features is compared byte by byte with a recording of
 * the engine as it was before there were any (legacy.recording, commit d6a539b). A recording
 * of an engine in folder OLD is made by
 *
 *	gcc -DRECORD -IOLD -o record THIS-FILE OLD/hv/core/[a-z]*.c -lcmocka
 *	./record >tests/loopback/legacy.recording
 */
#include "tests/unit/engine_rig.h"

#define NR_GRANULES	8
#define COUNTERS	VIRTIO_CMA_QUERY_COUNTERS

static uint32_t query(struct rig *r, uint32_t what)
{
	const struct virtio_cma_query_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_QUERY, sizeof(req)),
		.what = hvcma_to_le32(what),
	};

	return rig_send(r, &req, sizeof(req));
}

/* REPORT of @nr granules, or of counters (@nr 0), with a payload of @bytes. */
static uint32_t report(struct rig *r, uint64_t nr, const void *payload, size_t bytes)
{
	const struct virtio_cma_report_req head = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_REPORT, sizeof(head) + bytes),
		.what = hvcma_to_le32(nr ? VIRTIO_CMA_REPORT_ONLINE : VIRTIO_CMA_REPORT_COUNTERS),
		.nr = hvcma_to_le64(nr),
	};
	uint8_t req[sizeof(head) + 1024];

	assert_true(bytes <= 1024);
	memcpy(req, &head, sizeof(head));
	memcpy(req + sizeof(head), payload, bytes);
	return rig_send_on(r, req, sizeof(head) + bytes, true);
}

static uint32_t header_only(struct rig *r, uint32_t op)
{
	const struct virtio_cma_req_hdr req = rig_hdr(op, sizeof(req));

	return rig_send(r, &req, sizeof(req));
}

static uint32_t clients(struct rig *r)
{
	const struct virtio_cma_clients_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_CLIENTS, sizeof(req)),
	};

	return rig_send(r, &req, sizeof(req));
}

/* A region that has all that features are about. */
static struct rig *make(uint32_t flags)
{
	struct hvcma_engine_config config = rig_config(NR_GRANULES);

	config.mode = VIRTIO_CMA_MODE_REUSABLE;
	config.flags = flags;
	config.attr_policy = VIRTIO_CMA_ATTR_CACHED;
	config.stage2 = VIRTIO_CMA_STAGE2_NO_FWB;
	return rig_make_config(&config, true);
}

/* --- the legacy interface --------------------------------------------- */

#define RECORDING_BYTES	65536

static char recording[RECORDING_BYTES];

static void record(const char *what, const void *bytes, size_t nr)
{
	size_t used = strlen(recording);

	used += (size_t)snprintf(recording + used, RECORDING_BYTES - used, "%s", what);
	for (size_t i = 0; i < nr && used < RECORDING_BYTES; i++)
		used += (size_t)snprintf(recording + used, RECORDING_BYTES - used, "%s%02x",
					 i % 4 ? "" : " ", ((const uint8_t *)bytes)[i]);
	assert_true(used + 1 < RECORDING_BYTES);
	strcat(recording, "\n");
}

static void record_answer(struct rig *r, const char *what)
{
	record(what, r->resp, r->used);
}

static void record_config(struct rig *r, const char *what)
{
	struct virtio_cma_config config;

	hvcma_engine_get_config(r->engine, &config);
	record(what, &config, sizeof(config));
}

static void record_memory(struct rig *r)
{
	const struct virtio_cma_range all = rig_range(0, NR_GRANULES);
	struct virtio_cma_bulk_req bulk = rig_bulk_req(1, 2, 0);
	struct virtio_cma_alloc_req alloc;

	rig_alloc_req(&alloc, 2, CONTIG);
	alloc.client = 0;
	rig_send(r, &alloc, sizeof(alloc));
	record_answer(r, "ALLOC for a client");
	rig_alloc(r, 1, 0);
	record_answer(r, "ALLOC");
	rig_send(r, &bulk, sizeof(bulk));
	record_answer(r, "ALLOC_BULK");
	rig_send(r, &bulk, sizeof(bulk) - 8);
	record_answer(r, "ALLOC_BULK that is short");
	rig_alloc(r, NR_GRANULES, CONTIG);
	record_answer(r, "ALLOC of too much");
	rig_free_block(r, 2, 1);
	record_answer(r, "FREE");
	rig_free_block(r, 2, 1);
	record_answer(r, "FREE of no block");
	rig_busy(r, VIRTIO_CMA_BUSY_SET, rig_range(0, 2), NULL, 0);
	record_answer(r, "BUSY");
	rig_busy(r, VIRTIO_CMA_BUSY_CLEAR, (struct virtio_cma_range){ 0 }, &all, 1);
	record_answer(r, "BUSY, clear");
}

static void record_reports(struct rig *r)
{
	uint8_t payload[VIRTIO_CMA_GUEST_COUNTERS_LEAST + 8] = { 0x0f };

	query(r, VIRTIO_CMA_QUERY_STATES);
	record_answer(r, "QUERY of states");
	query(r, VIRTIO_CMA_QUERY_EXTENTS);
	record_answer(r, "QUERY of extents");
	query(r, COUNTERS);
	record_answer(r, "QUERY of counters");
	r->resp_room = sizeof(struct virtio_cma_query_resp) + sizeof(struct virtio_cma_counters) - 1;
	query(r, COUNTERS);
	record_answer(r, "QUERY of counters without room");
	r->resp_room = VIRTIO_CMA_MAX_RESPONSE_BYTES;
	report(r, NR_GRANULES, payload, 1);
	record_answer(r, "REPORT of a bitmap");
	report(r, 0, payload, sizeof(payload) - 8);
	record_answer(r, "REPORT of counters");
	report(r, 0, payload, sizeof(payload));
	record_answer(r, "REPORT of more counters");
	report(r, 0, payload, sizeof(payload) - 16);
	record_answer(r, "REPORT of fewer counters");
}

/* Each kind of request, well-formed and not. */
static void record_all(void)
{
	struct rig *r = make(0x7);

	record_config(r, "configuration");
	clients(r);
	record_answer(r, "CLIENTS");
	r->coherent = VIRTIO_CMA_COHERENT_NO;
	rig_claim_client(r, 0);
	record_answer(r, "CLAIM");
	r->resp_room = sizeof(struct virtio_cma_claim_resp) - 1;
	rig_claim_client(r, 1);
	record_answer(r, "CLAIM without room");
	r->resp_room = VIRTIO_CMA_MAX_RESPONSE_BYTES;
	rig_claim_client(r, 2);
	record_answer(r, "CLAIM of an absent client");
	record_memory(r);
	record_reports(r);
	header_only(r, 0);
	record_answer(r, "operation 0");
	header_only(r, VIRTIO_CMA_OP_RESUME);
	record_answer(r, "RESUME without SUSPEND");
	header_only(r, VIRTIO_CMA_OP_SUSPEND);
	record_answer(r, "SUSPEND");
	header_only(r, VIRTIO_CMA_OP_RESUME);
	record_answer(r, "RESUME");
	rig_release_client(r, 0);
	record_answer(r, "RELEASE");
	record_config(r, "configuration in the end");
	rig_free(r);
}

#ifdef RECORD
int main(void)
{
	record_all();
	fputs(recording, stdout);
	return 0;
}
#else

#define BIT(f)		(UINT64_C(1) << VIRTIO_CMA_F_##f)
#define ALL		((UINT64_C(1) << VIRTIO_CMA_NR_FEATURES) - 1)
#define OP		offsetof(struct virtio_cma_req_hdr, op)

static void assert_refused(struct rig *r, uint32_t status, uint32_t expected, uint64_t detail)
{
	assert_int_equal(status, expected);
	assert_int_equal(r->detail, detail);
}

static void a_driver_without_features_is_served_as_ever(void **state)
{
	static char expected[RECORDING_BYTES];
	const char *line = recording, *other = expected;
	char path[4096];
	size_t bytes;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/loopback/legacy.recording", getenv("HVCMA_SRC"));
	f = fopen(path, "r");
	assert_non_null(f);
	bytes = fread(expected, 1, sizeof(expected) - 1, f);
	fclose(f);
	assert_true(bytes > 1000);
	record_all();
	for (; *line && *other; line = strchr(line, '\n') + 1, other = strchr(other, '\n') + 1) {
		size_t length = (size_t)(strchr(line, '\n') - line);

		if (strncmp(line, other, length + 1))
			fail_msg("now:  %.*s\n", (int)length, line);
	}
	assert_int_equal(*line, *other);
}

/* Without the bit that says that it knows them, the driver knows none; nor after a reset. */
static void other_bits_alone_are_nothing(void **state)
{
	struct rig *r = make(0);

	(void)state;
	hvcma_engine_set_features(r->engine, ALL & ~BIT(VERSION_1) & ~BIT(BULK));
	assert_int_equal(rig_bulk(r, 1, 1, 0), VIRTIO_CMA_S_OK);
	hvcma_engine_set_features(r->engine, BIT(VERSION_1));
	assert_refused(r, rig_bulk(r, 1, 1, 0), VIRTIO_CMA_S_UNSUPP, OP);
	hvcma_engine_set_features(r->engine, 0);
	assert_int_equal(rig_bulk(r, 1, 1, 0), VIRTIO_CMA_S_OK);
	/* bits that nobody knows */
	hvcma_engine_set_features(r->engine, UINT64_MAX);
	assert_int_equal(rig_bulk(r, 1, 1, 0), VIRTIO_CMA_S_OK);
	rig_free(r);
}

static struct virtio_cma_config config_of(struct rig *r, uint64_t features)
{
	struct virtio_cma_config config;

	hvcma_engine_set_features(r->engine, features);
	hvcma_engine_get_config(r->engine, &config);
	return config;
}

/* The configuration has what was negotiated, and the rest is as ever. */
static void configuration_follows_features(void **state)
{
	struct rig *r = make(VIRTIO_CMA_FLAG_DEFAULT | VIRTIO_CMA_FLAG_AUTO);
	struct virtio_cma_config legacy = config_of(r, 0), all = config_of(r, ALL), one;

	(void)state;
	assert_memory_equal(&legacy, &all, sizeof(all));
	assert_int_equal(hvcma_from_le32(all.mode), VIRTIO_CMA_MODE_REUSABLE);

	one = config_of(r, ALL & ~BIT(REUSABLE));
	assert_int_equal(hvcma_from_le32(one.mode), VIRTIO_CMA_MODE_PRIVATE);
	assert_int_equal(hvcma_from_le32(one.flags), VIRTIO_CMA_FLAG_DEFAULT);
	one.mode = all.mode;
	one.flags = all.flags;
	assert_memory_equal(&one, &all, sizeof(all));

	one = config_of(r, ALL & ~BIT(BULK));
	assert_int_equal(one.max_bulk_blocks, 0);
	one.max_bulk_blocks = all.max_bulk_blocks;
	assert_memory_equal(&one, &all, sizeof(all));

	one = config_of(r, ALL & ~BIT(ATTRIBUTES));
	assert_int_equal(one.attr_policy, 0);
	assert_int_equal(one.stage2, 0);
	one.attr_policy = all.attr_policy;
	one.stage2 = all.stage2;
	assert_memory_equal(&one, &all, sizeof(all));

	one = config_of(r, ALL & ~BIT(KINDS) & ~BIT(SUSPEND));
	assert_memory_equal(&one, &all, sizeof(all));
	rig_free(r);
}

static void without_reusable_nothing_is_online(void **state)
{
	struct rig *r = make(VIRTIO_CMA_FLAG_AUTO);
	const struct virtio_cma_guest_counters counters = { 0 };
	const uint8_t bits = 0x03;

	(void)state;
	hvcma_engine_set_features(r->engine, ALL & ~BIT(REUSABLE));
	assert_refused(r, report(r, 8, &bits, 1), VIRTIO_CMA_S_UNSUPP,
		       offsetof(struct virtio_cma_report_req, what));
	assert_int_equal(report(r, 0, &counters, sizeof(counters)), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 0), VIRTIO_CMA_GRANULE_MIGRATABLE);
	hvcma_engine_set_features(r->engine, ALL);
	assert_int_equal(report(r, 8, &bits, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(hvcma_engine_granule_state(r->engine, 0),
			 VIRTIO_CMA_GRANULE_MIGRATABLE | VIRTIO_CMA_GRANULE_ONLINE);
	rig_free(r);
}

static void without_bulk_there_are_single_blocks(void **state)
{
	struct rig *r = make(0);

	(void)state;
	hvcma_engine_set_features(r->engine, ALL & ~BIT(BULK));
	assert_refused(r, rig_bulk(r, 1, 1, 0), VIRTIO_CMA_S_UNSUPP, OP);
	assert_int_equal(rig_nr_pinned(r), 0);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	rig_free(r);
}

/* One that is under way ends with the bit, as any that is refused after it was begun. */
static void a_bulk_under_way_ends_with_its_feature(void **state)
{
	struct hvcma_engine_config config = rig_config(NR_GRANULES);
	const struct virtio_cma_bulk_req req = rig_bulk_req(1, 4, 0);
	struct rig *r;

	(void)state;
	config.pin_max_granules = 1;
	r = rig_make_config(&config, true);
	hvcma_engine_set_features(r->engine, ALL);
	assert_false(rig_turn(r, &req, sizeof(req)));
	hvcma_engine_set_features(r->engine, ALL & ~BIT(BULK));
	assert_true(rig_turn(r, &req, sizeof(req)));
	assert_int_equal(r->status, VIRTIO_CMA_S_UNSUPP);
	while (hvcma_engine_drain(r->engine))
		;
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_free(r);
}

static struct virtio_cma_client first_client(struct rig *r)
{
	struct virtio_cma_client client;

	assert_int_equal(clients(r), VIRTIO_CMA_S_OK);
	memcpy(&client, r->resp + sizeof(struct virtio_cma_clients_resp), sizeof(client));
	return client;
}

static void without_kinds_entries_have_none(void **state)
{
	struct virtio_cma_client with, without;
	struct rig *r = make(0);

	(void)state;
	hvcma_engine_set_features(r->engine, ALL);
	with = first_client(r);
	assert_memory_equal(with.kind, "dev", 4);
	hvcma_engine_set_features(r->engine, ALL & ~BIT(KINDS));
	without = first_client(r);
	assert_int_equal(without.kind[0], 0);
	memcpy(without.kind, with.kind, sizeof(with.kind));
	assert_memory_equal(&with, &without, sizeof(with));
	rig_free(r);
}

/* Who can't be told that a client needs more than memory does not get it. */
static void without_attributes_clients_are_as_memory(void **state)
{
	struct virtio_cma_alloc_req alloc;
	struct virtio_cma_block block;
	struct rig *r = make(0);

	(void)state;
	hvcma_engine_set_features(r->engine, ALL & ~BIT(ATTRIBUTES));
	r->coherent = VIRTIO_CMA_COHERENT_NO;
	assert_refused(r, rig_claim_client(r, 0), VIRTIO_CMA_S_REFUSED,
		       VIRTIO_CMA_REFUSED_DETAIL(0, (uint64_t)VIRTIO_CMA_REASON_FORCED_CACHED));
	assert_string_equal(r->log, "");
	r->coherent = VIRTIO_CMA_COHERENT_YES;
	r->resp_room = sizeof(struct virtio_cma_resp_hdr);
	assert_int_equal(rig_claim_client(r, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(r->used, sizeof(struct virtio_cma_resp_hdr));
	r->resp_room = VIRTIO_CMA_MAX_RESPONSE_BYTES;
	rig_alloc_req(&alloc, 1, CONTIG);
	alloc.client = 0;
	assert_int_equal(rig_send(r, &alloc, sizeof(alloc)), VIRTIO_CMA_S_OK);
	memcpy(&block, r->resp + sizeof(struct virtio_cma_alloc_resp), sizeof(block));
	assert_int_equal(block.attr, VIRTIO_CMA_ATTR_AUTO);

	hvcma_engine_set_features(r->engine, ALL);
	r->coherent = VIRTIO_CMA_COHERENT_NO;
	assert_int_equal(rig_claim_client(r, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(r->used, sizeof(struct virtio_cma_claim_resp));
	rig_free(r);
}

static void without_suspend_a_reset_ends_all(void **state)
{
	struct rig *r = make(0);

	(void)state;
	hvcma_engine_set_features(r->engine, ALL & ~BIT(SUSPEND));
	assert_refused(r, header_only(r, VIRTIO_CMA_OP_SUSPEND), VIRTIO_CMA_S_UNSUPP, OP);
	assert_false(hvcma_engine_is_suspended(r->engine));
	assert_refused(r, header_only(r, VIRTIO_CMA_OP_RESUME), VIRTIO_CMA_S_UNSUPP, OP);

	/* Whoever says RESUME without the bit is not the driver that said SUSPEND. */
	hvcma_engine_set_features(r->engine, ALL);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(header_only(r, VIRTIO_CMA_OP_SUSPEND), VIRTIO_CMA_S_OK);
	hvcma_engine_set_features(r->engine, ALL & ~BIT(SUSPEND));
	assert_refused(r, header_only(r, VIRTIO_CMA_OP_RESUME), VIRTIO_CMA_S_UNSUPP, OP);
	assert_false(hvcma_engine_is_suspended(r->engine));
	assert_int_equal(rig_nr_pinned(r), 0);
	rig_free(r);
}

/* A driver that is not told has a region that is reusable as ever. */
static void without_pinned_it_is_not_shown(void **state)
{
	struct hvcma_engine_config config = rig_config(NR_GRANULES);
	const uint32_t flags = VIRTIO_CMA_FLAG_HPA | VIRTIO_CMA_FLAG_PINNED;
	struct virtio_cma_config with, one;
	struct rig *r;

	(void)state;
	config.mode = VIRTIO_CMA_MODE_REUSABLE;
	config.flags = flags;
	r = rig_make_config(&config, true);
	/* Not before it is so, whoever asks. */
	assert_int_equal(hvcma_from_le32(config_of(r, ALL).flags), VIRTIO_CMA_FLAG_HPA);
	assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	with = config_of(r, ALL);
	assert_int_equal(hvcma_from_le32(with.flags), flags);
	assert_int_equal(hvcma_from_le64(with.pinned_bytes), NR_GRANULES * GRANULE);
	one = config_of(r, ALL & ~BIT(PINNED));
	assert_int_equal(hvcma_from_le32(one.flags), VIRTIO_CMA_FLAG_HPA);
	one.flags = with.flags;
	assert_memory_equal(&one, &with, sizeof(with));
	assert_int_equal(hvcma_from_le32(config_of(r, 0).flags), VIRTIO_CMA_FLAG_HPA);
	assert_int_equal(hvcma_from_le32(config_of(r, ALL & ~BIT(VERSION_1)).flags),
			 VIRTIO_CMA_FLAG_HPA);

	/* And is served alike. */
	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_free_block(r, 0, 2), VIRTIO_CMA_S_OK);
	assert_int_equal(query(r, VIRTIO_CMA_QUERY_EXTENTS), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_nr_pinned(r), NR_GRANULES);
	rig_free(r);
}

/* --- longer and shorter ------------------------------------------------- */

static void a_driver_may_count_more_or_less(void **state)
{
	struct { struct virtio_cma_guest_counters known; __le64 more[4]; } guest = { 0 };
	struct hvcma_engine_counters counters;
	struct rig *r = make(0);
	const uint32_t bytes_at = offsetof(struct virtio_cma_req_hdr, bytes);

	(void)state;
	hvcma_engine_set_features(r->engine, BIT(VERSION_1));
	memset(&guest, 0x11, sizeof(guest));
	assert_int_equal(report(r, 0, &guest, sizeof(guest)), VIRTIO_CMA_S_OK);
	hvcma_engine_counters(r->engine, &counters);
	assert_true(counters.guest_valid);
	assert_int_equal(counters.guest.allocated_bytes, 0x1111111111111111);
	assert_int_equal(counters.guest.alloc_us_log2[VIRTIO_CMA_NR_LATENCIES - 1],
			 0x1111111111111111);

	assert_int_equal(report(r, 0, &guest, 2 * sizeof(__le64)), VIRTIO_CMA_S_OK);
	hvcma_engine_counters(r->engine, &counters);
	assert_int_equal(counters.guest.coherent_bytes, 0x1111111111111111);
	assert_int_equal(counters.guest.bounce_bytes, 0);
	assert_int_equal(counters.guest.alloc_us_log2[VIRTIO_CMA_NR_LATENCIES - 1], 0);

	assert_refused(r, report(r, 0, &guest, 0), VIRTIO_CMA_S_INVAL, bytes_at);
	assert_refused(r, report(r, 0, &guest, sizeof(guest) - 1), VIRTIO_CMA_S_INVAL, bytes_at);
	rig_free(r);
}

static void a_driver_gets_the_counters_that_it_knows(void **state)
{
	const size_t head = sizeof(struct virtio_cma_query_resp);
	uint8_t all[sizeof(struct virtio_cma_counters)];
	struct rig *r = make(0);
	size_t room;

	(void)state;
	hvcma_engine_set_features(r->engine, BIT(VERSION_1));
	assert_int_equal(query(r, COUNTERS), VIRTIO_CMA_S_OK);
	assert_int_equal(r->used, head + sizeof(all));
	memcpy(all, r->resp + head, sizeof(all));
	for (room = 8; room < sizeof(all); room += 4) {
		r->resp_room = head + room;
		assert_int_equal(query(r, COUNTERS), VIRTIO_CMA_S_OK);
		assert_int_equal(r->used, head + room / 8 * 8);
		assert_memory_equal(r->resp + head, all, room / 8 * 8);
	}
	r->resp_room = head + 7;
	assert_refused(r, query(r, COUNTERS), VIRTIO_CMA_S_TOO_BIG, r->resp_room);
	r->resp_room = head - 1;
	assert_refused(r, query(r, COUNTERS), VIRTIO_CMA_S_TOO_BIG, r->resp_room);
	/* what is no list of counters has items of one length */
	r->resp_room = head + sizeof(struct virtio_cma_extent) - 1;
	assert_refused(r, query(r, VIRTIO_CMA_QUERY_EXTENTS), VIRTIO_CMA_S_TOO_BIG, r->resp_room);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_without_features_is_served_as_ever),
		cmocka_unit_test(other_bits_alone_are_nothing),
		cmocka_unit_test(configuration_follows_features),
		cmocka_unit_test(without_reusable_nothing_is_online),
		cmocka_unit_test(without_bulk_there_are_single_blocks),
		cmocka_unit_test(a_bulk_under_way_ends_with_its_feature),
		cmocka_unit_test(without_kinds_entries_have_none),
		cmocka_unit_test(without_attributes_clients_are_as_memory),
		cmocka_unit_test(without_suspend_a_reset_ends_all),
		cmocka_unit_test(without_pinned_it_is_not_shown),
		cmocka_unit_test(a_driver_may_count_more_or_less),
		cmocka_unit_test(a_driver_gets_the_counters_that_it_knows),
	};

	return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
#endif
