// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzer: bytes to requests of a hostile guest, resets, unplugs and host faults
 * against one engine. The rig checks every host call, every response header and
 * after every request that the engine's pins are the host's; a check that fails
 * ends the program, which the fuzzer reports.
 */
#include "tests/unit/engine_rig.h"

#include "tests/fuzz/input.h"

static uint64_t get_gpa(struct input *in)
{
	uint64_t granule = input_number(in);

	return GPA + granule * GRANULE + (input_u8(in) == 1 ? input_u8(in) * 512u : 0);
}

static struct virtio_cma_range get_range(struct rig *r, struct input *in)
{
	struct virtio_cma_range range = {
		.base_gpa = hvcma_to_le64(get_gpa(in)),
		.bytes = hvcma_to_le64(input_number(in) * GRANULE),
	};
	uint64_t first, nr;
	uint32_t client, purpose;

	/* mostly a real block */
	if (!(input_u8(in) & 3) ||
	    !hvcma_engine_next_block(r->engine, input_u8(in), &first, &nr, &client, &purpose))
		return range;
	return rig_range(first, nr);
}

/* Bytes as they are, under a header that is right or not. */
static void send_raw(struct rig *r, struct input *in)
{
	uint8_t req[256];
	size_t bytes = input_copy(in, req, input_u8(in));
	struct virtio_cma_req_hdr hdr = rig_hdr(input_u8(in) % (VIRTIO_CMA_NR_OPS + 1), bytes);

	if (bytes >= sizeof(hdr) && input_u8(in) & 7)
		memcpy(req, &hdr, sizeof(hdr));
	rig_send_on(r, req, bytes, !(input_u8(in) & 3));
}

static void send_alloc(struct rig *r, struct input *in)
{
	uint32_t nr_hints = input_u8(in) & 3;
	size_t bytes = sizeof(struct virtio_cma_alloc_req) +
		       nr_hints * sizeof(struct virtio_cma_range);
	struct virtio_cma_alloc_req *req = calloc(1, bytes);

	rig_alloc_req(req, 1, input_u8(in) & VIRTIO_CMA_ALLOC_FLAGS);
	req->hdr = rig_hdr(VIRTIO_CMA_OP_ALLOC, bytes);
	req->bytes = hvcma_to_le64(input_number(in) * (GRANULE / 2));
	if (input_u8(in) & 1)
		req->align_bytes = hvcma_to_le64(input_number(in));
	if (input_u8(in) & 1)
		req->max_dma_addr = hvcma_to_le64(DMA + input_number(in) * GRANULE - 1);
	if (input_u8(in) & 1)
		req->client = hvcma_to_le32((uint32_t)input_number(in));
	req->purpose = hvcma_to_le32(input_u8(in) % 5);
	req->nr_hints = hvcma_to_le32(nr_hints);
	for (uint32_t i = 0; i < nr_hints; i++)
		req->hints[i] = get_range(r, in);
	rig_send(r, req, bytes);
	free(req);
}

static void send_bulk(struct rig *r, struct input *in)
{
	struct virtio_cma_bulk_req req = rig_bulk_req(input_number(in),
						      (uint32_t)input_number(in),
						      input_u8(in) & VIRTIO_CMA_ALLOC_FLAGS);

	if (input_u8(in) & 1)
		req.client = hvcma_to_le32(input_u8(in) % 4);
	if (input_u8(in) & 1)
		req.align_bytes = hvcma_to_le64(input_number(in));
	if (input_u8(in) & 1)
		req.max_dma_addr = hvcma_to_le64(DMA + input_number(in) * GRANULE - 1);
	rig_send(r, &req, sizeof(req));
}

static void send_free(struct rig *r, struct input *in)
{
	struct virtio_cma_range ranges[6];
	uint32_t nr = input_u8(in) % 7;

	for (uint32_t i = 0; i < nr; i++)
		ranges[i] = get_range(r, in);
	rig_free_ranges(r, ranges, nr);
}

static void send_busy(struct rig *r, struct input *in)
{
	static const struct virtio_cma_range no_block;
	struct virtio_cma_range ranges[4];
	uint32_t action = input_u8(in) % 3, nr = input_u8(in) % 5, why = input_u8(in) % 5;

	for (uint32_t i = 0; i < nr; i++) {
		ranges[i] = get_range(r, in);
		if (input_u8(in) & 1)
			ranges[i].bytes = hvcma_to_le64(input_number(in));
	}
	rig_busy_why(r, action, why,
		     action == VIRTIO_CMA_BUSY_CLEAR ? no_block : get_range(r, in), ranges, nr);
}

/* What a client that comes reaches, by two windows at most: some of the region, and beside it. */
static const struct hvcma_dma_windows *some_windows(struct input *in, struct hvcma_dma_windows *w)
{
	struct hvcma_dma_window list[2];
	struct hvcma_dma_windows_error err;
	uint32_t nr = input_u8(in) % 3;

	for (uint32_t i = 0; i < nr; i++)
		list[i] = (struct hvcma_dma_window){
			.bus_base = input_number(in) << 12,
			.dma_base = DMA + (input_number(in) % 600) * (GRANULE / 2),
			.bytes = (input_number(in) % 600) * (GRANULE / 2),
		};
	return hvcma_dma_windows_set(w, list, nr, &err) ? NULL : w;
}

static void send_windows(struct rig *r, struct input *in)
{
	const struct virtio_cma_windows_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_WINDOWS, sizeof(req)),
		.client = hvcma_to_le32(input_u8(in) % 4),
		.reserved = !(input_u8(in) & 7),
	};

	rig_send(r, &req, sizeof(req));
}

static void send_surrender(struct rig *r, struct input *in)
{
	uint64_t granule = input_u8(in) % r->nr;
	const struct virtio_cma_surrender_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_SURRENDER + (input_u8(in) & 1), sizeof(req)),
		.range = input_u8(in) & 1 ? get_range(r, in) : rig_range(granule, 1),
	};

	if (input_u8(in) & 31)
		rig_send(r, &req, sizeof(req));
	else
		hvcma_engine_reclaim_all(r->engine);
}

static void host_event(struct rig *r, struct input *in)
{
	struct hvcma_dma_windows windows;
	struct hvcma_client_info info = {
		.bus = VIRTIO_CMA_BUS_PCI,
		.coherent = 1,
		.resv = input_u8(in) % 4,
		.windows = some_windows(in, &windows),
		.windows_source = input_u8(in) % 5,
	};
	uint64_t granule = input_u8(in) % r->nr;

	switch (input_u8(in) % 10) {
	case 0:
		hvcma_engine_reset(r->engine);
		break;
	case 1:
		hvcma_engine_client_added(r->engine, input_u8(in) % 4, &info);
		break;
	case 2:
		hvcma_engine_client_removed(r->engine, input_u8(in) % 4);
		break;
	case 3:
		rig_inject(r, input_u8(in) % RIG_NR_OPS, input_u8(in) % 8, input_u8(in) % 8,
			   -(int)(input_u8(in) % (VIRTIO_CMA_NR_STATUS + 2)));
		break;
	case 4:
		r->moves[0].granule = granule;
		r->moves[0].dma = DMA + (300 + input_number(in) % 300) * GRANULE;
		r->nr_moves = !r->host[granule].pinned;
		break;
	case 5:
		if (!r->host[granule].pinned)
			r->host[granule].backed = false;
		break;
	case 6:
		hvcma_engine_refresh(r->engine);
		break;
	case 7:
		hvcma_engine_client_quarantined(r->engine, input_u8(in) % 4);
		break;
	case 8:
		hvcma_engine_set_features(r->engine, input_u8(in) |
					  UINT64_C(1) << VIRTIO_CMA_F_RAM |
					  UINT64_C(1) << VIRTIO_CMA_F_SURRENDER);
		break;
	default:
		hvcma_engine_restore_block(r->engine, granule, input_number(in),
					   input_u8(in) % 4, input_u8(in) % 5);
		break;
	}
	rig_check(r);
}

/* The request under way: made once, to be made again, or forgotten by others. */
static struct {
	uint8_t bytes[256];
	size_t nr;
} begun[3];

static void turn(struct rig *r, size_t which)
{
	uint8_t *resp = malloc(r->resp_room ? r->resp_room : 1);
	size_t used;

	if (hvcma_engine_request(r->engine, begun[which].bytes, begun[which].nr, resp,
				 r->resp_room, false, &used))
		begun[which].nr = 0;
	free(resp);
	rig_check(r);
}

/* One turn of an ALLOC, of a FREE, or of a CLAIM or RELEASE. */
static void turn_alloc(struct rig *r, struct input *in)
{
	struct virtio_cma_alloc_req req;

	rig_alloc_req(&req, input_number(in), input_u8(in) & 3);
	if (!begun[0].nr) {
		memcpy(begun[0].bytes, &req, sizeof(req));
		begun[0].nr = sizeof(req);
	}
	turn(r, 0);
}

static void turn_free(struct rig *r, struct input *in)
{
	const struct virtio_cma_range range = get_range(r, in);
	const size_t bytes = sizeof(struct virtio_cma_free_req) + sizeof(range);
	const struct virtio_cma_free_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_FREE, bytes),
		.nr_ranges = hvcma_to_le32(1),
	};

	if (!begun[1].nr) {
		memcpy(begun[1].bytes, &req, sizeof(req));
		memcpy(begun[1].bytes + sizeof(req), &range, sizeof(range));
		begun[1].nr = bytes;
	}
	turn(r, 1);
}

static void turn_client(struct rig *r, struct input *in)
{
	const struct virtio_cma_client_req req = {
		.hdr = rig_hdr(VIRTIO_CMA_OP_CLAIM + (input_u8(in) & 1), sizeof(req)),
		.client = hvcma_to_le32(input_u8(in) % 4),
	};

	if (!begun[2].nr) {
		memcpy(begun[2].bytes, &req, sizeof(req));
		begun[2].nr = sizeof(req);
	}
	turn(r, 2);
}

static void between_turns(struct rig *r, struct input *in)
{
	switch (input_u8(in) % 6) {
	case 0:
		hvcma_engine_forget_pending(r->engine);
		memset(begun, 0, sizeof(begun));
		break;
	case 1:
		hvcma_engine_drain(r->engine);
		break;
	case 4:
		turn_client(r, in);
		break;
	case 2:
	case 3:
		turn_alloc(r, in);
		break;
	default:
		turn_free(r, in);
		break;
	}
	rig_check(r);
}

static void step(struct rig *r, struct input *in)
{
	static const uint32_t rooms[] = { 0, 15, 16, 24, 40, 56, 88, 300, 4096, 262144 };

	r->log[0] = 0;
	/* A page cannot move once it is pinned. */
	if (r->nr_moves && r->host[r->moves[0].granule].pinned)
		r->nr_moves = 0;
	r->resp_room = 4096;
	if (!(input_u8(in) & 7))
		r->resp_room = rooms[input_u8(in) % (sizeof(rooms) / sizeof(rooms[0]))];
	switch (input_u8(in) % 11) {
	case 0:
		send_raw(r, in);
		break;
	case 1:
	case 2:
		send_alloc(r, in);
		break;
	case 3:
		send_bulk(r, in);
		break;
	case 4:
	case 5:
		send_free(r, in);
		break;
	case 6:
		send_busy(r, in);
		break;
	case 7:
		if (input_u8(in) & 3)
			rig_client_op(r, VIRTIO_CMA_OP_CLAIM + (input_u8(in) & 1), input_u8(in) % 4);
		else
			send_windows(r, in);
		break;
	case 8:
		between_turns(r, in);
		break;
	case 9:
		send_surrender(r, in);
		break;
	default:
		host_event(r, in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = { .bytes = bytes, .left = size };
	struct hvcma_engine_config config = rig_config(1 + input_u8(&in));
	uint8_t how = input_u8(&in);
	uint8_t extent = input_u8(&in);
	uint8_t attr = input_u8(&in);
	struct hvcma_gpa_range ranges[2];
	uint64_t resv_bytes[2];
	struct rig *r;

	config.policy = (enum hvcma_policy)(how % HVCMA_NR_POLICIES);
	config.unpin_discards = how & 16;
	config.stage2 = attr % VIRTIO_CMA_NR_STAGE2;
	config.attr_policy = attr / 4 % (VIRTIO_CMA_ATTR_UNCACHED + 1);
	config.alias = attr & 64 ? HVCMA_ALIAS_BUSY : HVCMA_ALIAS_MAINTAINED;
	if (how & 32)
		config.pin_limit_bytes = (1 + input_u8(&in)) * GRANULE;
	if (how & 128) {
		config.back_max_granules = input_u8(&in);
		config.pin_max_granules = input_u8(&in);
		config.resv_bytes = resv_bytes;
		config.nr_resvs = 2;
		for (size_t k = 0; k < 2; k++)
			resv_bytes[k] = input_u8(&in) * GRANULE;
		if (hvcma_engine_check_config(&config))
			config.nr_resvs = 0;
	}
	if (attr & 32 && how & 64 && !config.pin_limit_bytes && !config.unpin_discards) {
		config.mode = VIRTIO_CMA_MODE_REUSABLE;
		config.flags = VIRTIO_CMA_FLAG_PINNED;
		if (attr & 16 && config.region_bytes > 3 * GRANULE) {
			config.mode = VIRTIO_CMA_MODE_RAM;
			config.ranges = ranges;
			config.nr_ranges = 2;
			ranges[0] = (struct hvcma_gpa_range){ GPA, 3 * GRANULE };
			ranges[1] = (struct hvcma_gpa_range){ GPA + 5 * GRANULE,
							  config.region_bytes - 3 * GRANULE };
		}
	}
	r = rig_host(config.region_bytes / GRANULE, how & 64);
	r->discards = config.unpin_discards;
	for (uint64_t i = 0; extent && i < r->nr; i++)
		r->host[i].dma = DMA + (i + i / extent) * GRANULE;
	memset(begun, 0, sizeof(begun));
	rig_start(r, &config);
	if (config.flags & VIRTIO_CMA_FLAG_PINNED)
		assert_int_equal(hvcma_engine_pin_all(r->engine), VIRTIO_CMA_S_OK);
	rig_add_client(r, 0, VIRTIO_CMA_COHERENT_UNKNOWN);
	rig_add_client(r, 1, attr & 128 ? VIRTIO_CMA_COHERENT_NO : VIRTIO_CMA_COHERENT_UNKNOWN);
	while (in.left)
		step(r, &in);
	memset(r->fault, 0, sizeof(r->fault));
	rig_free(r);
	return 0;
}
