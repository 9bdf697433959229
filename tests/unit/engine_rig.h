/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine on a bench: a host that is an array of granules and checks what the
 * engine asks of it, faults on demand, a log of host calls, and requests as a
 * guest would send them, in buffers of exactly their size.
 *
 * For the engine's unit tests. The loopback tests use a real provider instead.
 */
#ifndef HVCMA_TESTS_UNIT_ENGINE_RIG_H
#define HVCMA_TESTS_UNIT_ENGINE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/core/engine.h"
#include "hv/core/le.h"

#define GRANULE		UINT64_C(0x200000)
#define GPA		(UINT64_C(4) << 32)	/* of granule 0 */
#define DMA		(UINT64_C(1) << 33)	/* of granule 0, if nothing else is said */
#define ANYWHERE	UINT64_MAX
#define SHARED		VIRTIO_CMA_CLIENT_SHARED
#define FAST		VIRTIO_CMA_ALLOC_FAST
#define CONTIG		VIRTIO_CMA_ALLOC_CONTIG

enum rig_op { RIG_BACK, RIG_PIN, RIG_DMA, RIG_CLAIM, RIG_QUIESCE, RIG_KEEP_OFF, RIG_NR_OPS };

struct rig {
	struct hvcma_engine *engine;
	void *buffer;
	uint64_t nr;

	/* the host */
	struct {
		bool backed, pinned;
		bool noncoherent;		/* maintained an odd number of times */
		uint64_t dma;
	} *host;
	uint64_t nr_noncoherent;
	bool keeps_off;			/* its own mapping is not used */
	bool discards;			/* unpin discards the backing */
	struct {
		uint64_t skip, count;
		enum virtio_cma_status status;
	} fault[RIG_NR_OPS];
	struct {
		uint64_t granule, dma;	/* pages that move just before the next pin */
	} moves[8];
	unsigned int nr_moves, moves_per_pin;
	char log[4096];			/* "back 0+2 pin 0+2 quiesce 1 unpin 0+2 " */
	char traces[4096];		/* "client 0 1 2 alloc 0 2 4294967295 " */

	/* the last response */
	size_t resp_room;		/* what the guest offers */
	uint8_t *resp;
	uint32_t coherent;		/* what CLAIM says: VIRTIO_CMA_COHERENT_* */
	size_t used;
	uint32_t status;
	uint64_t detail;
};

/* --- the host --------------------------------------------------------- */

static inline void rig_log(struct rig *r, const char *what, uint64_t first, uint64_t nr)
{
	size_t used = strlen(r->log);

	if (nr)
		snprintf(r->log + used, sizeof(r->log) - used, "%s %" PRIu64 "+%" PRIu64 " ",
			 what, first, nr);
	else
		snprintf(r->log + used, sizeof(r->log) - used, "%s %" PRIu64 " ", what, first);
}

static inline enum virtio_cma_status rig_fault(struct rig *r, enum rig_op op)
{
	if (r->fault[op].skip) {
		r->fault[op].skip--;
		return VIRTIO_CMA_S_OK;
	}
	if (!r->fault[op].count)
		return VIRTIO_CMA_S_OK;
	r->fault[op].count--;
	return r->fault[op].status;
}

/* The call number @skip from now of @op, and @count - 1 after it, fail. */
static inline void rig_inject(struct rig *r, enum rig_op op, uint64_t skip,
			      uint64_t count, enum virtio_cma_status status)
{
	r->fault[op].skip = skip;
	r->fault[op].count = count;
	r->fault[op].status = status;
}

static inline enum virtio_cma_status rig_back(void *opaque, uint64_t first, uint64_t nr)
{
	struct rig *r = opaque;
	enum virtio_cma_status status = rig_fault(r, RIG_BACK);

	assert_true(nr && first < r->nr && nr <= r->nr - first);
	rig_log(r, status ? "back!" : "back", first, nr);
	if (status)
		return status;
	for (uint64_t i = first; i < first + nr; i++)
		r->host[i].backed = true;
	return VIRTIO_CMA_S_OK;
}

static inline enum virtio_cma_status rig_pin(void *opaque, uint64_t first, uint64_t nr)
{
	struct rig *r = opaque;
	enum virtio_cma_status status = rig_fault(r, RIG_PIN);

	assert_true(nr && first < r->nr && nr <= r->nr - first);
	for (unsigned int i = 0; i < r->moves_per_pin && r->nr_moves; i++) {
		r->nr_moves--;
		r->host[r->moves[r->nr_moves].granule].dma = r->moves[r->nr_moves].dma;
	}
	for (uint64_t i = first; i < first + nr && !status; i++)
		if (!r->host[i].backed)
			status = VIRTIO_CMA_S_NO_BACKING;
	rig_log(r, status ? "pin!" : "pin", first, nr);
	if (status)
		return status;
	for (uint64_t i = first; i < first + nr; i++) {
		assert_false(r->host[i].pinned);
		r->host[i].pinned = true;
	}
	return VIRTIO_CMA_S_OK;
}

static inline void rig_unpin(void *opaque, uint64_t first, uint64_t nr)
{
	struct rig *r = opaque;

	assert_true(nr && first < r->nr && nr <= r->nr - first);
	rig_log(r, "unpin", first, nr);
	for (uint64_t i = first; i < first + nr; i++) {
		assert_true(r->host[i].pinned && !r->host[i].noncoherent);
		r->host[i].pinned = false;
		if (r->discards)
			r->host[i].backed = false;
	}
}

static inline void rig_surrender(void *opaque, uint64_t first, uint64_t nr)
{
	struct rig *r = opaque;

	assert_true(nr && first < r->nr && nr <= r->nr - first);
	rig_log(r, "surrender", first, nr);
	for (uint64_t i = first; i < first + nr; i++) {
		assert_true(!r->host[i].pinned && !r->host[i].noncoherent);
		r->host[i].backed = false;
	}
}

static inline enum virtio_cma_status rig_dma_addr(void *opaque, uint64_t first, uint64_t nr,
						  uint64_t *dma)
{
	struct rig *r = opaque;
	enum virtio_cma_status status = rig_fault(r, RIG_DMA);

	assert_true(nr && first < r->nr && nr <= r->nr - first);
	if (status)
		return status;
	for (uint64_t i = 0; i < nr; i++)
		dma[i] = r->host[first + i].backed ? r->host[first + i].dma
						   : HVCMA_DMA_UNKNOWN;
	return VIRTIO_CMA_S_OK;
}

static inline enum virtio_cma_status rig_claim(void *opaque, uint32_t client)
{
	struct rig *r = opaque;
	enum virtio_cma_status status = rig_fault(r, RIG_CLAIM);

	rig_log(r, status ? "claim!" : "claim", client, 0);
	return status;
}

static inline enum virtio_cma_status rig_quiesce(void *opaque, uint32_t client)
{
	struct rig *r = opaque;
	enum virtio_cma_status status = rig_fault(r, RIG_QUIESCE);

	rig_log(r, status ? "quiesce!" : "quiesce", client, 0);
	return status;
}

static inline void rig_maintain(void *opaque, uint64_t first, uint64_t nr)
{
	struct rig *r = opaque;

	assert_true(nr && first < r->nr && nr <= r->nr - first);
	rig_log(r, "maintain", first, nr);
	for (uint64_t i = first; i < first + nr; i++) {
		assert_true(r->host[i].pinned);
		r->host[i].noncoherent = !r->host[i].noncoherent;
		if (r->host[i].noncoherent)
			r->nr_noncoherent++;
		else
			r->nr_noncoherent--;
	}
	assert_true(r->keeps_off);
}

static inline enum virtio_cma_status rig_keep_off(void *opaque, bool on)
{
	struct rig *r = opaque;
	enum virtio_cma_status status = on ? rig_fault(r, RIG_KEEP_OFF) : VIRTIO_CMA_S_OK;

	rig_log(r, status ? "keep_off!" : "keep_off", on, 0);
	assert_true(r->keeps_off != on && !r->nr_noncoherent);
	if (!status)
		r->keeps_off = on;
	return status;
}

static inline void rig_trace(void *opaque, const char *event, uint64_t a, uint64_t b,
			     uint64_t c)
{
	struct rig *r = opaque;
	size_t used = strlen(r->traces);

	snprintf(r->traces + used, sizeof(r->traces) - used,
		 "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " ", event, a, b, c);
}

static const struct hvcma_engine_ops rig_ops = {
	.back = rig_back,
	.pin = rig_pin,
	.unpin = rig_unpin,
	.surrender = rig_surrender,
	.dma_addr = rig_dma_addr,
	.claim = rig_claim,
	.quiesce = rig_quiesce,
	.maintain = rig_maintain,
	.keep_off = rig_keep_off,
	.trace = rig_trace,
};

/* --- set-up ----------------------------------------------------------- */

#define RIG_CLIENTS 3

static inline struct hvcma_engine_config rig_config(uint64_t nr)
{
	return (struct hvcma_engine_config){
		.region_base_gpa = GPA,
		.region_bytes = nr * GRANULE,
		.granule_bytes = GRANULE,
		.nr_clients = RIG_CLIENTS,
		.stage2 = VIRTIO_CMA_STAGE2_NONE,
		.policy = HVCMA_BEST_FIT,
		.name = "banka",
	};
}

/* A host of @nr granules in one extent at DMA, without an engine yet. */
static inline struct rig *rig_host(uint64_t nr, bool backed)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->nr = nr;
	r->host = calloc(nr, sizeof(*r->host));
	r->resp_room = VIRTIO_CMA_MAX_RESPONSE_BYTES;
	r->moves_per_pin = 1;
	for (uint64_t i = 0; i < nr; i++) {
		r->host[i].backed = backed;
		r->host[i].dma = DMA + i * GRANULE;
	}
	return r;
}

static inline void rig_start(struct rig *r, const struct hvcma_engine_config *config)
{
	size_t bytes = hvcma_engine_buffer_bytes(config);

	assert_int_not_equal(bytes, 0);
	r->buffer = aligned_alloc(64, bytes);
	memset(r->buffer, 0, bytes);
	assert_int_equal(hvcma_engine_init(r->buffer, bytes, config, &rig_ops, r, &r->engine),
			 0);
	assert_true(hvcma_engine_is_valid(r->engine));
}

static inline void rig_add_client(struct rig *r, uint32_t id, uint8_t coherent)
{
	char name[8], path[16];
	struct hvcma_client_info info = {
		.bus = VIRTIO_CMA_BUS_PCI, .coherent = coherent, .kind = "dev",
		.name = name, .path = path,
	};

	snprintf(name, sizeof(name), "nv%u", id);
	snprintf(path, sizeof(path), "0000:00/%02x.0", id);
	assert_int_equal(hvcma_engine_client_added(r->engine, id, &info), 0);
}

/* Clients 0 and 1 are there, 2 is absent. */
static inline struct rig *rig_make_config(const struct hvcma_engine_config *config,
					  bool backed)
{
	struct rig *r = rig_host(config->region_bytes / config->granule_bytes, backed);

	r->discards = config->unpin_discards;
	rig_start(r, config);
	rig_add_client(r, 0, 0);
	rig_add_client(r, 1, 0);
	return r;
}

static inline struct rig *rig_make(uint64_t nr, bool backed)
{
	const struct hvcma_engine_config config = rig_config(nr);

	return rig_make_config(&config, backed);
}

static inline uint64_t rig_nr_pinned(const struct rig *r)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < r->nr; i++)
		nr += r->host[i].pinned;
	return nr;
}

/* The engine's idea of what is pinned is the host's, granule by granule. */
#define rig_check(r)								\
	do {									\
		assert_true(hvcma_engine_is_valid((r)->engine));		\
		for (uint64_t i_ = 0; i_ < (r)->nr; i_++)			\
			assert_int_equal((hvcma_engine_granule_state((r)->engine, i_) & \
					  VIRTIO_CMA_GRANULE_STATE_MASK) ==	\
					 VIRTIO_CMA_GRANULE_PINNED,		\
					 (r)->host[i_].pinned);			\
	} while (0)

static inline void rig_free(struct rig *r)
{
	assert_int_equal(hvcma_engine_fini(r->engine), 0);
	rig_check(r);
	assert_int_equal(rig_nr_pinned(r), 0);
	free(r->resp);
	free(r->host);
	free(r->buffer);
	free(r);
}

/* --- requests --------------------------------------------------------- */

static inline uint32_t rig_send_on(struct rig *r, const void *req, size_t bytes,
				   bool report_queue)
{
	void *copy = malloc(bytes ? bytes : 1);
	struct virtio_cma_resp_hdr hdr;

	memcpy(copy, req, bytes);
	free(r->resp);
	r->resp = malloc(r->resp_room ? r->resp_room : 1);
	r->used = 12345;
	while (!hvcma_engine_request(r->engine, copy, bytes, r->resp, r->resp_room,
				     report_queue, &r->used)) {
		assert_int_equal(r->used, 0);
		rig_check(r);
	}
	free(copy);
	assert_true(r->used <= r->resp_room);
	if (!r->used) {
		assert_true(r->resp_room < sizeof(hdr));
		return VIRTIO_CMA_NR_STATUS;
	}
	memcpy(&hdr, r->resp, sizeof(hdr));
	r->status = hvcma_from_le32(hdr.status);
	r->detail = hvcma_from_le64(hdr.detail);
	assert_int_equal(hvcma_from_le32(hdr.bytes), r->used);
	assert_true(r->status < VIRTIO_CMA_NR_STATUS);
	if (r->status)
		assert_int_equal(r->used, sizeof(hdr));
	else
		assert_int_equal(r->detail, 0);
	rig_check(r);
	return r->status;
}

static inline uint32_t rig_send(struct rig *r, const void *req, size_t bytes)
{
	return rig_send_on(r, req, bytes, false);
}

/* One call: false if the request is to be made again. */
static inline bool rig_turn(struct rig *r, const void *req, size_t bytes)
{
	struct virtio_cma_resp_hdr hdr;
	bool done;

	free(r->resp);
	r->resp = calloc(1, r->resp_room);
	r->used = 12345;
	done = hvcma_engine_request(r->engine, req, bytes, r->resp, r->resp_room, false,
				    &r->used);
	rig_check(r);
	if (!done) {
		assert_int_equal(r->used, 0);
		return false;
	}
	memcpy(&hdr, r->resp, sizeof(hdr));
	r->status = hvcma_from_le32(hdr.status);
	r->detail = hvcma_from_le64(hdr.detail);
	return true;
}

static inline struct virtio_cma_req_hdr rig_hdr(uint32_t op, size_t bytes)
{
	return (struct virtio_cma_req_hdr){
		.op = hvcma_to_le32(op),
		.bytes = hvcma_to_le32((uint32_t)bytes),
	};
}

static inline struct virtio_cma_range rig_range(uint64_t first, uint64_t nr)
{
	return (struct virtio_cma_range){
		.base_gpa = hvcma_to_le64(GPA + first * GRANULE),
		.bytes = hvcma_to_le64(nr * GRANULE),
	};
}

static inline void rig_alloc_req(struct virtio_cma_alloc_req *req, uint64_t granules,
				 uint32_t flags)
{
	memset(req, 0, sizeof(*req));
	req->hdr = rig_hdr(VIRTIO_CMA_OP_ALLOC, sizeof(*req));
	req->bytes = hvcma_to_le64(granules * GRANULE);
	req->max_dma_addr = hvcma_to_le64(ANYWHERE);
	req->flags = hvcma_to_le32(flags);
	req->client = hvcma_to_le32(SHARED);
	req->purpose = hvcma_to_le32(VIRTIO_CMA_PURPOSE_POOL);
}

static inline uint32_t rig_alloc(struct rig *r, uint64_t granules, uint32_t flags)
{
	struct virtio_cma_alloc_req req;

	rig_alloc_req(&req, granules, flags);
	return rig_send(r, &req, sizeof(req));
}

static inline struct virtio_cma_bulk_req rig_bulk_req(uint64_t granules, uint32_t nr_blocks,
						      uint32_t flags)
{
	struct virtio_cma_bulk_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_ALLOC_BULK, sizeof(req)),
		.block_bytes = hvcma_to_le64(granules * GRANULE),
		.max_dma_addr = hvcma_to_le64(ANYWHERE),
		.flags = hvcma_to_le32(flags),
		.client = hvcma_to_le32(0),
		.purpose = hvcma_to_le32(VIRTIO_CMA_PURPOSE_POOL),
		.nr_blocks = hvcma_to_le32(nr_blocks),
	};

	return req;
}

static inline uint32_t rig_bulk(struct rig *r, uint64_t granules, uint32_t nr_blocks,
				uint32_t flags)
{
	struct virtio_cma_bulk_req req = rig_bulk_req(granules, nr_blocks, flags);

	return rig_send(r, &req, sizeof(req));
}

/* AaBbbC..: blocks of 2, 3 and 1 granules of 8. */
static inline struct rig *rig_make_blocks(void)
{
	struct rig *r = rig_make(8, true);

	assert_int_equal(rig_alloc(r, 2, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 3, CONTIG), VIRTIO_CMA_S_OK);
	assert_int_equal(rig_alloc(r, 1, CONTIG), VIRTIO_CMA_S_OK);
	r->log[0] = 0;
	return r;
}

/* FREE of @nr ranges, as they are. */
static inline uint32_t rig_free_ranges(struct rig *r, const struct virtio_cma_range *ranges,
				       uint32_t nr)
{
	size_t bytes = sizeof(struct virtio_cma_free_req) + nr * sizeof(ranges[0]);
	struct virtio_cma_free_req *req = calloc(1, bytes);
	uint32_t status;

	req->hdr = rig_hdr(VIRTIO_CMA_OP_FREE, bytes);
	req->nr_ranges = hvcma_to_le32(nr);
	memcpy(req->ranges, ranges, nr * sizeof(ranges[0]));
	status = rig_send(r, req, bytes);
	free(req);
	return status;
}

static inline uint32_t rig_free_block(struct rig *r, uint64_t first, uint64_t nr)
{
	const struct virtio_cma_range range = rig_range(first, nr);

	return rig_free_ranges(r, &range, 1);
}

static inline uint32_t rig_busy_why(struct rig *r, uint32_t action, uint32_t why,
				    struct virtio_cma_range block,
				    const struct virtio_cma_range *ranges, uint32_t nr)
{
	size_t bytes = sizeof(struct virtio_cma_busy_req) + nr * sizeof(ranges[0]);
	struct virtio_cma_busy_req *req = calloc(1, bytes);
	uint32_t status;

	req->hdr = rig_hdr(VIRTIO_CMA_OP_BUSY, bytes);
	req->block = block;
	req->action = hvcma_to_le32(action);
	req->why = hvcma_to_le32(why);
	req->nr_ranges = hvcma_to_le32(nr);
	if (nr)
		memcpy(req->ranges, ranges, nr * sizeof(ranges[0]));
	status = rig_send(r, req, bytes);
	free(req);
	return status;
}

#define rig_busy(r, action, block, ranges, nr)					\
	rig_busy_why(r, action, VIRTIO_CMA_WHY_OTHER, block, ranges, nr)

static inline uint32_t rig_client_op(struct rig *r, uint32_t op, uint32_t client)
{
	const struct virtio_cma_client_req req = {
		.hdr = rig_hdr(op, sizeof(req)),
		.client = hvcma_to_le32(client),
		.coherent = hvcma_to_le32(op == VIRTIO_CMA_OP_CLAIM ? r->coherent : 0),
	};

	return rig_send(r, &req, sizeof(req));
}

#define rig_claim_client(r, client)	rig_client_op(r, VIRTIO_CMA_OP_CLAIM, client)
#define rig_release_client(r, client)	rig_client_op(r, VIRTIO_CMA_OP_RELEASE, client)

/* --- responses -------------------------------------------------------- */

static inline uint32_t rig_nr_blocks(const struct rig *r)
{
	struct virtio_cma_alloc_resp resp;

	memcpy(&resp, r->resp, sizeof(resp));
	assert_int_equal(resp.reserved, 0);
	return hvcma_from_le32(resp.nr_blocks);
}

/* Block @i of the ALLOC just answered is [first, first + nr), and pinned. */
#define expect_block(r, i, first, nr)						\
	do {									\
		struct virtio_cma_block block_;					\
										\
		assert_true((i) < rig_nr_blocks(r));				\
		memcpy(&block_, (r)->resp + sizeof(struct virtio_cma_alloc_resp) + \
		       (i) * sizeof(block_), sizeof(block_));			\
		assert_int_equal(hvcma_from_le64(block_.base_gpa), GPA + (first) * GRANULE); \
		assert_int_equal(hvcma_from_le64(block_.bytes), (nr) * GRANULE); \
		assert_int_equal(block_.reserved, 0);				\
		for (uint64_t g_ = 0; g_ < (nr); g_++) {			\
			assert_true((r)->host[(first) + g_].pinned);		\
			assert_int_equal((r)->host[(first) + g_].dma,		\
					 hvcma_from_le64(block_.base_dma) + g_ * GRANULE); \
		}								\
	} while (0)

/* The request just sent was refused so, and had no effect on pins. */
#define expect_refusal(r, sent, expected_status, expected_detail)		\
	do {									\
		uint64_t nr_before_ = rig_nr_pinned(r);				\
										\
		assert_int_equal(sent, VIRTIO_CMA_S_##expected_status);		\
		assert_int_equal((r)->detail, expected_detail);			\
		assert_int_equal(rig_nr_pinned(r), nr_before_);			\
	} while (0)

/* Host calls since the last look. */
#define expect_log(r, text)							\
	do {									\
		assert_string_equal((r)->log, text);				\
		(r)->log[0] = 0;						\
	} while (0)

/* Trace events since the last look. */
#define expect_traces(r, text)							\
	do {									\
		assert_string_equal((r)->traces, text);				\
		(r)->traces[0] = 0;						\
	} while (0)

#endif /* HVCMA_TESTS_UNIT_ENGINE_RIG_H */
