// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hostile: plays the host to the guest driver (hostile_driver.c) and answers
 * wrongly in every way the wire contract forbids. Each answer must be refused with
 * the right error, leave nothing allocated, and, if it breaks the contract, leave the
 * region dead. Needs no device; prints TAP to the kernel log. The region lies where
 * there is no memory: a driver that touched what it refused would fault.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "guest-driver/core/region.h"
#include "guest-driver/core/request.h"
#include "guest-driver/mm/modes.h"

#include "hostile.h"

static struct platform_device *pdev;
static unsigned int nr_tests, nr_failed;

void result(bool good, const char *what, const char *how)
{
	nr_tests++;
	nr_failed += !good;
	pr_info("vcma_hostile: %s %u - %s: %s\n", good ? "ok" : "not ok", nr_tests, what, how);
}

/* ---- an honest host ---- */

static size_t answer_clients(struct host *h, struct virtio_cma_clients_resp *resp)
{
	resp->nr_total = cpu_to_le32(h->nr_clients);
	resp->nr_clients = resp->nr_total;
	if (h->nr_clients)
		resp->clients[0] = h->client;
	return struct_size(resp, clients, h->nr_clients);
}

static size_t answer_alloc(struct host *h, const struct virtio_cma_alloc_req *req,
			   struct virtio_cma_alloc_resp *resp)
{
	u64 gpa = BASE + h->next_granule * GRANULE;

	resp->nr_blocks = cpu_to_le32(1);
	resp->blocks[0].base_gpa = cpu_to_le64(gpa);
	resp->blocks[0].base_dma = cpu_to_le64(gpa);
	resp->blocks[0].bytes = cpu_to_le64(ALIGN(le64_to_cpu(req->bytes), GRANULE));
	h->next_granule++;
	return struct_size(resp, blocks, 1);
}

static size_t answer_bulk(struct host *h, const struct virtio_cma_bulk_req *req,
			  struct virtio_cma_bulk_resp *resp)
{
	u32 i, nr = le32_to_cpu(req->nr_blocks);

	resp->nr_blocks = cpu_to_le32(nr);
	for (i = 0; i < nr; i++) {
		resp->blocks[i].base_gpa = cpu_to_le64(BASE + h->next_granule++ * GRANULE);
		resp->blocks[i].base_dma = resp->blocks[i].base_gpa;
	}
	return struct_size(resp, blocks, nr);
}

static size_t answer_windows(struct windows_resp *resp)
{
	resp->head.nr_windows = cpu_to_le32(1);
	resp->head.window_bytes = cpu_to_le32(sizeof(resp->window[0]));
	resp->window[0].bytes = cpu_to_le64(-(u64)VIRTIO_CMA_WINDOW_ALIGN);
	return struct_size(resp, window, 1);
}

struct extent_resp {
	struct virtio_cma_query_resp head;
	struct virtio_cma_extent extent;
};

static size_t answer_extents(struct extent_resp *resp)
{
	resp->head.total = cpu_to_le64(1);
	resp->head.nr = cpu_to_le64(1);
	resp->extent.base_gpa = cpu_to_le64(BASE);
	resp->extent.base_dma = cpu_to_le64(BASE);
	resp->extent.bytes = cpu_to_le64(NR_GRANULES * GRANULE);
	return sizeof(*resp);
}

static int host_call(struct vcma_transport *t, enum vcma_queue queue, const void *req,
		     size_t req_bytes, void *resp, size_t resp_bytes, size_t *used_bytes)
{
	struct host *h = container_of(t, struct host, transport);
	const struct virtio_cma_req_hdr *hdr = req;
	struct virtio_cma_resp_hdr *out = resp;
	u32 op = le32_to_cpu(hdr->op);
	size_t used = sizeof(*out);

	memset(resp, 0, resp_bytes);
	h->nr_requests[op]++;
	switch (op) {
	case VIRTIO_CMA_OP_CLIENTS:
		h->nr_asked++;
		used = answer_clients(h, resp);
		break;
	case VIRTIO_CMA_OP_CLAIM:
		if (vcma_has_feature(t, VIRTIO_CMA_F_ATTRIBUTES))
			used = sizeof(struct virtio_cma_claim_resp);
		break;
	case VIRTIO_CMA_OP_ALLOC:
		used = answer_alloc(h, req, resp);
		break;
	case VIRTIO_CMA_OP_ALLOC_BULK:
		used = answer_bulk(h, req, resp);
		break;
	case VIRTIO_CMA_OP_FREE:
		h->nr_freed++;
		break;
	case VIRTIO_CMA_OP_WINDOWS:
		used = answer_windows(resp);
		break;
	case VIRTIO_CMA_OP_QUERY:
		used = answer_extents(resp);
		break;
	}
	out->bytes = cpu_to_le32(used);
	if (h->lie && op == h->lie_op)
		h->lie(resp, &used);
	*used_bytes = used;
	return 0;
}

static void host_config(struct vcma_transport *t, struct virtio_cma_config *config)
{
	*config = container_of(t, struct host, transport)->config;
}

static const struct vcma_transport_ops host_ops = {
	.call = host_call,
	.read_config = host_config,
};

void host_init(struct host *h)
{
	*h = (struct host) {
		.transport = { .ops = &host_ops, .dev = &pdev->dev, .features = ALL_FEATURES },
		.config = {
			.region_base_gpa = cpu_to_le64(BASE),
			.region_bytes = cpu_to_le64(NR_GRANULES * GRANULE),
			.granule_bytes = cpu_to_le64(GRANULE),
			.nr_clients = cpu_to_le32(1),
			.max_request_bytes = cpu_to_le32(SZ_64K),
			.max_response_bytes = cpu_to_le32(SZ_256K),
			.max_bulk_blocks = cpu_to_le32(64),
			.max_align_order = cpu_to_le32(VIRTIO_CMA_DEFAULT_ALIGN_ORDER),
			.name = "hostile",
		},
		.client = {
			.bus = VIRTIO_CMA_BUS_PCI,
			.state = VIRTIO_CMA_CLIENT_PRESENT,
			.name = "nobody",
			.path = "ffff:ff/1f.7",
		},
		.nr_clients = 1,
	};
}

static bool region_is_empty(struct vcma_region *r)
{
	return xa_empty(&r->by_gpa) && xa_empty(&r->by_dma) &&
	       !atomic64_read(&r->stats.allocated_bytes);
}

/* ---- configurations ---- */

#define CONFIG_LIE(lie_name, field, value)						\
static void lie_name(struct virtio_cma_config *c)					\
{											\
	c->field = value;								\
}

CONFIG_LIE(config_granule_odd, granule_bytes, cpu_to_le64(3 * SZ_1M))
CONFIG_LIE(config_granule_zero, granule_bytes, 0)
CONFIG_LIE(config_granule_small, granule_bytes, cpu_to_le64(PAGE_SIZE / 2))
CONFIG_LIE(config_size_odd, region_bytes, cpu_to_le64(GRANULE + SZ_4K))
CONFIG_LIE(config_size_zero, region_bytes, 0)
CONFIG_LIE(config_base_zero, region_base_gpa, 0)
CONFIG_LIE(config_base_odd, region_base_gpa, cpu_to_le64(BASE + PAGE_SIZE))
CONFIG_LIE(config_base_wraps, region_base_gpa, cpu_to_le64(-(u64)GRANULE))
CONFIG_LIE(config_attr, attr_policy, cpu_to_le32(9))
CONFIG_LIE(config_flags, flags, cpu_to_le32(0x80))
CONFIG_LIE(config_request_short, max_request_bytes,
	   cpu_to_le32(VIRTIO_CMA_MIN_REQUEST_BYTES - 1))
CONFIG_LIE(config_request_long, max_request_bytes,
	   cpu_to_le32(VIRTIO_CMA_MAX_REQUEST_BYTES + 1))
CONFIG_LIE(config_response_short, max_response_bytes,
	   cpu_to_le32(VIRTIO_CMA_MIN_RESPONSE_BYTES - 1))
CONFIG_LIE(config_response_long, max_response_bytes,
	   cpu_to_le32(VIRTIO_CMA_MAX_RESPONSE_BYTES + 1))
CONFIG_LIE(config_bulk, max_bulk_blocks, 0)
CONFIG_LIE(config_bulk_many, max_bulk_blocks, cpu_to_le32(VIRTIO_CMA_MAX_BULK_BLOCKS + 1))
CONFIG_LIE(config_clients, nr_clients, cpu_to_le32(VIRTIO_CMA_MAX_CLIENTS + 1))
CONFIG_LIE(config_granules, region_bytes,
	   cpu_to_le64((VIRTIO_CMA_MAX_GRANULES + 1ULL) * GRANULE))
CONFIG_LIE(config_align, max_align_order, cpu_to_le32(32))
CONFIG_LIE(config_stage2, stage2, cpu_to_le32(9))
CONFIG_LIE(config_reserved, reserved, cpu_to_le32(1))
CONFIG_LIE(config_mode, mode, cpu_to_le32(7))
CONFIG_LIE(config_in_ram, region_base_gpa,
	   cpu_to_le64(ALIGN_DOWN((u64)virt_to_phys(pdev), GRANULE)))

static const struct {
	const char *how;
	void (*lie)(struct virtio_cma_config *c);
	int err;
} config_lies[] = {
	{ "granule no power of two", config_granule_odd, -EINVAL },
	{ "granule zero", config_granule_zero, -EINVAL },
	{ "granule below a page", config_granule_small, -EINVAL },
	{ "size no multiple of the granule", config_size_odd, -EINVAL },
	{ "size zero", config_size_zero, -EINVAL },
	{ "base zero", config_base_zero, -EINVAL },
	{ "base misaligned", config_base_odd, -EINVAL },
	{ "base wraps", config_base_wraps, -EINVAL },
	{ "unknown memory type", config_attr, -EINVAL },
	{ "unknown flag", config_flags, -EINVAL },
	{ "request limit too small", config_request_short, -EINVAL },
	{ "request limit too large", config_request_long, -EINVAL },
	{ "response limit too small", config_response_short, -EINVAL },
	{ "response limit too large", config_response_long, -EINVAL },
	{ "no bulk blocks", config_bulk, -EINVAL },
	{ "too many bulk blocks", config_bulk_many, -EINVAL },
	{ "too many clients", config_clients, -EINVAL },
	{ "too many granules", config_granules, -EINVAL },
	{ "alignment cap", config_align, -EINVAL },
	{ "second stage", config_stage2, -EINVAL },
	{ "reserved field", config_reserved, -EINVAL },
	{ "unknown mode", config_mode, -EOPNOTSUPP },
	{ "region in the guest's RAM", config_in_ram, -EBUSY },
};

static void test_config(void)
{
	struct vcma_region *r;
	unsigned int i;
	struct host h;
	int err;

	for (i = 0; i < ARRAY_SIZE(config_lies); i++) {
		host_init(&h);
		config_lies[i].lie(&h.config);
		err = vcma_region_create(&h.transport, &vcma_mm_modes, &r);
		result(err == config_lies[i].err, "config", config_lies[i].how);
		if (!err)
			vcma_region_destroy(r);
	}
}

/* ---- answers to ALLOC ---- */

static struct virtio_cma_block *block_of(void *resp)
{
	return ((struct virtio_cma_alloc_resp *)resp)->blocks;
}

static void lie_empty(void *resp, size_t *used)
{
	*used = 0;
}

static void lie_short(void *resp, size_t *used)
{
	*used = 8;
}

static void lie_header_only(void *resp, size_t *used)
{
	((struct virtio_cma_resp_hdr *)resp)->bytes = cpu_to_le32(16);
	*used = 16;
}

static void lie_longer(void *resp, size_t *used)
{
	((struct virtio_cma_resp_hdr *)resp)->bytes = cpu_to_le32(*used + 8);
}

static void lie_shorter(void *resp, size_t *used)
{
	((struct virtio_cma_resp_hdr *)resp)->bytes = cpu_to_le32(*used - 8);
}

/* The buffer that was offered for one block ends before that. */
static void lie_beyond_buffer(void *resp, size_t *used)
{
	*used += 8;
	((struct virtio_cma_resp_hdr *)resp)->bytes = cpu_to_le32(*used);
}

static void lie_refused_with_body(void *resp, size_t *used)
{
	((struct virtio_cma_resp_hdr *)resp)->status = cpu_to_le32(VIRTIO_CMA_S_NO_SPACE);
}

#define ALLOC_LIE(lie_name, field, value)						\
static void lie_name(void *resp, size_t *used)						\
{											\
	((struct virtio_cma_alloc_resp *)resp)->field = value;				\
}

ALLOC_LIE(lie_no_block, nr_blocks, 0)
ALLOC_LIE(lie_two_blocks, nr_blocks, cpu_to_le32(2))
ALLOC_LIE(lie_reserved, reserved, cpu_to_le32(1))

#define BLOCK_LIE(lie_name, field, value)						\
static void lie_name(void *resp, size_t *used)						\
{											\
	block_of(resp)->field = value;							\
}

BLOCK_LIE(lie_block_reserved, reserved, cpu_to_le32(1))
BLOCK_LIE(lie_smaller, bytes, cpu_to_le64(GRANULE))
BLOCK_LIE(lie_larger, bytes, cpu_to_le64(4 * GRANULE))
BLOCK_LIE(lie_attr, attr, cpu_to_le32(7))
BLOCK_LIE(lie_other_attr, attr, cpu_to_le32(VIRTIO_CMA_ATTR_UNCACHED))
BLOCK_LIE(lie_below, base_gpa, cpu_to_le64(BASE - GRANULE))
BLOCK_LIE(lie_beyond, base_gpa, cpu_to_le64(BASE + (NR_GRANULES - 1) * GRANULE))
BLOCK_LIE(lie_gpa_odd, base_gpa, cpu_to_le64(BASE + SZ_4K))
BLOCK_LIE(lie_gpa_wraps, base_gpa, cpu_to_le64(-(u64)GRANULE))
BLOCK_LIE(lie_dma_odd, base_dma, cpu_to_le64(BASE + SZ_4K))
BLOCK_LIE(lie_dma_high, base_dma, cpu_to_le64(BIT_ULL(40)))
BLOCK_LIE(lie_dma_wraps, base_dma, cpu_to_le64(-(u64)GRANULE))
BLOCK_LIE(lie_dma_other, base_dma, cpu_to_le64(BASE + 16 * GRANULE))

static const struct {
	const char *how;
	void (*lie)(void *resp, size_t *used);
} alloc_lies[] = {
	{ "no response at all", lie_empty },
	{ "half a header", lie_short },
	{ "header only", lie_header_only },
	{ "header claims more than came", lie_longer },
	{ "header claims less than came", lie_shorter },
	{ "more than there is room for", lie_beyond_buffer },
	{ "refusal with a body", lie_refused_with_body },
	{ "no block", lie_no_block },
	{ "two blocks", lie_two_blocks },
	{ "reserved field", lie_reserved },
	{ "reserved field of the block", lie_block_reserved },
	{ "block smaller than asked for", lie_smaller },
	{ "block larger than asked for", lie_larger },
	{ "unknown memory type", lie_attr },
	{ "another memory type", lie_other_attr },
	{ "block below the region", lie_below },
	{ "block ends beyond the region", lie_beyond },
	{ "block misaligned", lie_gpa_odd },
	{ "block wraps", lie_gpa_wraps },
	{ "DMA address misaligned", lie_dma_odd },
	{ "DMA address above the limit", lie_dma_high },
	{ "DMA range wraps", lie_dma_wraps },
	{ "DMA address is not the guest-physical one", lie_dma_other },
};

static const struct vcma_constraints want_two = {
	.bytes = 2 * GRANULE - SZ_4K,
	.max_dma = DMA_BIT_MASK(39),
	.use = VCMA_BLOCK_USER,
};

static void test_alloc(void)
{
	struct vcma_block *block;
	struct vcma_region *r;
	unsigned int i;
	struct host h;
	int err;

	for (i = 0; i < ARRAY_SIZE(alloc_lies); i++) {
		host_init(&h);
		if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
			return;
		h.lie_op = VIRTIO_CMA_OP_ALLOC;
		h.lie = alloc_lies[i].lie;
		err = vcma_block_alloc(r, &want_two, &block);
		result(err == -EPROTO && !vcma_region_is_live(r) && region_is_empty(r) &&
		       !h.nr_freed, "ALLOC", alloc_lies[i].how);
		vcma_region_destroy(r);
	}
}

/* One block honestly, the next overlaps half of it. */
static void test_overlap(void)
{
	struct vcma_block *first, *second;
	struct vcma_region *r;
	struct host h;
	int err;

	host_init(&h);
	if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
		return;
	err = vcma_block_alloc(r, &want_two, &first);
	result(!err, "ALLOC", "honest answer");
	if (err)
		goto out;
	err = vcma_block_alloc(r, &want_two, &second);
	result(err == -EPROTO && !vcma_region_is_live(r) &&
	       vcma_block_by_gpa(r, BASE + GRANULE) == first &&
	       vcma_block_by_dma(r, BASE + GRANULE) == first &&
	       !vcma_block_by_gpa(r, BASE + 2 * GRANULE), "ALLOC",
	       "block that overlaps an allocated one: refused, and that one as before");
	vcma_block_free(first);
	result(region_is_empty(r) && !h.nr_freed, "ALLOC", "dead region: freed without a word");
out:
	vcma_region_destroy(r);
}

/* Each status of the table is an error of its own; none breaks the region. */
#define REFUSAL(name, nr, err, text)	\
	{ nr, -(err) },
static const struct {
	u32 status;
	int err;
} refusals[] = { VIRTIO_CMA_STATUS_TABLE(REFUSAL) };

static u32 lie_refusal;

static void lie_refused(void *resp, size_t *used)
{
	((struct virtio_cma_resp_hdr *)resp)->status = cpu_to_le32(lie_refusal);
	((struct virtio_cma_resp_hdr *)resp)->bytes = cpu_to_le32(16);
	*used = 16;
}

static void test_refusals(void)
{
	struct vcma_block *block;
	struct vcma_region *r;
	bool good = true;
	unsigned int i;
	struct host h;

	host_init(&h);
	if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
		return;
	h.lie_op = VIRTIO_CMA_OP_ALLOC;
	h.lie = lie_refused;
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (refusals[i].status == VIRTIO_CMA_S_OK)
			continue;
		lie_refusal = refusals[i].status;
		good &= vcma_block_alloc(r, &want_two, &block) == refusals[i].err;
	}
	result(good && vcma_region_is_live(r) && region_is_empty(r), "ALLOC",
	       "every refusal arrives as its error, and the region lives");
	for (lie_refusal = VIRTIO_CMA_NR_STATUS; lie_refusal; lie_refusal <<= 1)
		good &= vcma_block_alloc(r, &want_two, &block) == -EIO;
	result(good && vcma_region_is_live(r) && region_is_empty(r), "ALLOC",
	       "an unknown status is an IO error, and the region lives");
	vcma_region_destroy(r);
}

/* Of a block for several clients the host tells the policy, of bulk blocks nothing. */
static void test_attr(void)
{
	struct vcma_constraints want = {
		.bytes = GRANULE,
		.max_dma = U64_MAX,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.lazy = true,
	};
	struct vcma_block *block;
	struct vcma_region *r;
	struct host h;
	int got;

	host_init(&h);
	h.config.attr_policy = cpu_to_le32(VIRTIO_CMA_ATTR_UNCACHED);
	if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
		return;
	h.lie_op = VIRTIO_CMA_OP_ALLOC;
	h.lie = lie_other_attr;
	want.attr = VCMA_CACHED;
	got = vcma_block_alloc(r, &want, &block);
	if (!got)
		vcma_block_free(block);
	result(!got && vcma_region_is_live(r), "ALLOC",
	       "shared block, mapped otherwise than the policy says");
	want.client = 0;
	got = vcma_block_alloc_bulk(r, &want, 1, &block);
	if (got == 1)
		vcma_block_free(block);
	result(got == 1 && vcma_region_is_live(r), "ALLOC_BULK",
	       "block of a client that is mapped otherwise than the policy says");
	vcma_region_destroy(r);
}

/* ---- memory that can't be had although granted ---- */

static int isolate_fails(struct vcma_block *block, unsigned long first_page,
		      unsigned long nr_pages, unsigned int flags, ktime_t deadline,
		      struct vcma_busy *busy)
{
	*busy = (struct vcma_busy) { .first_page = 3, .nr_pages = 1 };
	return -EBUSY;
}

static void test_give_back(void)
{
	struct vcma_block *block;
	struct vcma_mode failing;
	struct vcma_region *r;
	struct host h;
	int err;

	host_init(&h);
	if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
		return;
	failing = *r->mode;
	failing.isolate = isolate_fails;
	r->mode = &failing;
	err = vcma_block_alloc(r, &want_two, &block);
	result(err == -EBUSY && h.nr_freed == 1 && region_is_empty(r) && vcma_region_is_live(r),
	       "ALLOC", "block that can't be isolated is freed");
	vcma_region_destroy(r);
}

/* ---- answers to ALLOC_BULK ---- */

#define BULK_LIE(lie_name, field, value)						\
static void lie_name(void *resp, size_t *used)						\
{											\
	((struct virtio_cma_bulk_resp *)resp)->field = value;				\
}

BULK_LIE(bulk_none, nr_blocks, 0)
BULK_LIE(bulk_many, nr_blocks, cpu_to_le32(5))
BULK_LIE(bulk_fewer, nr_blocks, cpu_to_le32(3))
BULK_LIE(bulk_stop, stop_status, cpu_to_le32(VIRTIO_CMA_S_NO_SPACE))
BULK_LIE(bulk_second_bad, blocks[1].base_gpa, cpu_to_le64(BASE - GRANULE))
BULK_LIE(bulk_twice, blocks[1], ((struct virtio_cma_bulk_resp *)resp)->blocks[0])

/* Three of four. */
static void bulk_three(struct virtio_cma_bulk_resp *resp, size_t *used, u32 stop_status)
{
	*used = struct_size(resp, blocks, 3);
	resp->hdr.bytes = cpu_to_le32(*used);
	resp->nr_blocks = cpu_to_le32(3);
	resp->stop_status = cpu_to_le32(stop_status);
}

static void bulk_no_reason(void *resp, size_t *used)
{
	bulk_three(resp, used, VIRTIO_CMA_S_OK);
}

static void bulk_strange_reason(void *resp, size_t *used)
{
	bulk_three(resp, used, VIRTIO_CMA_NR_STATUS);
}

static const struct {
	const char *how;
	void (*lie)(void *resp, size_t *used);
	int got;
	bool lives;
} bulk_lies[] = {
	{ "success without a block", bulk_none, -EPROTO },
	{ "more blocks than asked for", bulk_many, -EPROTO },
	{ "count contradicts the length", bulk_fewer, -EPROTO },
	{ "all blocks, and a reason why not", bulk_stop, -EPROTO },
	{ "fewer blocks, and no reason", bulk_no_reason, -EPROTO },
	{ "fewer blocks for a reason that is not known here", bulk_strange_reason, 3, true },
	{ "second block outside: the others are kept", bulk_second_bad, 3 },
	{ "the same block twice: it is kept once", bulk_twice, 3 },
};

static void test_bulk(void)
{
	static const struct vcma_constraints want = { .bytes = GRANULE, .max_dma = U64_MAX };
	struct vcma_block *blocks[4];
	struct vcma_region *r;
	struct host h;
	unsigned int i;
	int got, nr;

	for (i = 0; i < ARRAY_SIZE(bulk_lies); i++) {
		host_init(&h);
		if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
			return;
		h.lie_op = VIRTIO_CMA_OP_ALLOC_BULK;
		h.lie = bulk_lies[i].lie;
		got = vcma_block_alloc_bulk(r, &want, 4, blocks);
		for (nr = 0; nr < got; nr++)
			vcma_block_free(blocks[nr]);
		result(got == bulk_lies[i].got &&
		       vcma_region_is_live(r) == bulk_lies[i].lives && region_is_empty(r),
		       "ALLOC_BULK", bulk_lies[i].how);
		vcma_region_destroy(r);
	}
}

/* ---- answers to QUERY ---- */

#define QUERY_LIE(lie_name, field, value)						\
static void lie_name(void *resp, size_t *used)						\
{											\
	((struct extent_resp *)resp)->field = value;					\
}

QUERY_LIE(query_many, head.nr, cpu_to_le64(5))
QUERY_LIE(query_none_of_one, head.nr, 0)
QUERY_LIE(query_over_total, head.total, 0)
QUERY_LIE(extent_below, extent.base_gpa, cpu_to_le64(BASE - GRANULE))
QUERY_LIE(extent_beyond, extent.base_gpa, cpu_to_le64(BASE + GRANULE))
QUERY_LIE(extent_empty, extent.bytes, 0)
QUERY_LIE(extent_part, extent.bytes, cpu_to_le64(GRANULE / 2))
QUERY_LIE(extent_dma_odd, extent.base_dma, cpu_to_le64(BASE + SZ_4K))
QUERY_LIE(extent_dma_wraps, extent.base_dma, cpu_to_le64(-(u64)GRANULE))

static const struct {
	const char *how;
	void (*lie)(void *resp, size_t *used);
} query_lies[] = {
	{ "more extents than asked for", query_many },
	{ "none, although one follows", query_none_of_one },
	{ "more extents than there are", query_over_total },
	{ "extent below the region", extent_below },
	{ "extent ends beyond the region", extent_beyond },
	{ "extent of nothing", extent_empty },
	{ "extent of half a granule", extent_part },
	{ "DMA address misaligned", extent_dma_odd },
	{ "DMA range wraps", extent_dma_wraps },
};

static void test_extents(void)
{
	struct virtio_cma_extent extents[4];
	struct vcma_region *r;
	unsigned int i;
	struct host h;
	u64 total;
	u32 nr;
	int err;

	for (i = 0; i < ARRAY_SIZE(query_lies); i++) {
		host_init(&h);
		if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
			return;
		err = vcma_request_extents(r, 0, ARRAY_SIZE(extents), extents, &nr, &total);
		if (err || nr != 1 || total != 1)
			result(false, "QUERY", "honest answer");
		h.lie_op = VIRTIO_CMA_OP_QUERY;
		h.lie = query_lies[i].lie;
		err = vcma_request_extents(r, 0, ARRAY_SIZE(extents), extents, &nr, &total);
		result(err == -EPROTO && !vcma_region_is_live(r), "QUERY", query_lies[i].how);
		vcma_region_destroy(r);
	}
}

static int __init hostile_init(void)
{
	pdev = platform_device_register_simple("vcma_hostile", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	test_config();
	test_alloc();
	test_overlap();
	test_refusals();
	test_attr();
	test_give_back();
	test_bulk();
	test_clients();
	test_claim();
	test_windows();
	test_extents();
	test_late_event();
	test_features();
	test_pinned();
	test_ranges();
	pr_info("vcma_hostile: 1..%u\n", nr_tests);
	return 0;
}
module_init(hostile_init);

static void __exit hostile_exit(void)
{
	platform_device_unregister(pdev);
}
module_exit(hostile_exit);

MODULE_DESCRIPTION("Wrong answers to the virtio_cma guest driver");
MODULE_LICENSE("GPL");
