// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hostile: hosts that are older or newer than the driver: features that were not negotiated,
 * and events that are longer than what it knows.
 */
#include <linux/workqueue.h>

#include "guest-driver/client/client.h"
#include "guest-driver/core/region.h"
#include "guest-driver/core/request.h"
#include "guest-driver/dma/dma_ops.h"
#include "guest-driver/mm/modes.h"

#include "hostile.h"

#define WITHOUT(name)	(ALL_FEATURES & ~BIT_ULL(VIRTIO_CMA_F_##name))

/* Return: the region of a host with these features, or NULL, which is a failure. */
static struct vcma_region *region_with(struct host *h, u64 features, const char *how)
{
	struct vcma_region *r;

	host_init(h);
	h->transport.features = features;
	if (!(features & BIT_ULL(VIRTIO_CMA_F_BULK)) && features)
		h->config.max_bulk_blocks = 0;
	if (!vcma_region_create(&h->transport, &vcma_mm_modes, &r))
		return r;
	result(false, "features", how);
	return NULL;
}

static void test_reusable(void)
{
	struct vcma_region *r;
	struct host h;
	int err;

	host_init(&h);
	h.transport.features = WITHOUT(REUSABLE);
	h.config.mode = cpu_to_le32(VIRTIO_CMA_MODE_REUSABLE);
	err = vcma_region_create(&h.transport, &vcma_mm_modes, &r);
	result(err == -EINVAL, "features", "reusable without having been negotiated");
	if (!err)
		vcma_region_destroy(r);
}

/* Blocks that were asked for at once; in how many requests of which kind. */
static void test_bulk_with(u64 features, u32 nr_bulk, u32 nr_alloc, int nr_expected,
			   const char *how)
{
	static const struct vcma_constraints want = {
		.bytes = GRANULE, .max_dma = U64_MAX, .client = VIRTIO_CMA_CLIENT_SHARED,
	};
	struct vcma_block *blocks[4];
	struct vcma_region *r;
	struct host h;
	int got, i;

	r = region_with(&h, features, how);
	if (!r)
		return;
	got = vcma_block_alloc_bulk(r, &want, ARRAY_SIZE(blocks), blocks);
	result(got == nr_expected && h.nr_requests[VIRTIO_CMA_OP_ALLOC_BULK] == nr_bulk &&
	       h.nr_requests[VIRTIO_CMA_OP_ALLOC] == nr_alloc && vcma_region_is_live(r),
	       "features", how);
	for (i = 0; i < got; i++)
		vcma_block_free(blocks[i]);
	vcma_region_destroy(r);
}

/* An answer that has what was not negotiated. */
static void lie_claim_body(void *resp, size_t *used)
{
	*used = sizeof(struct virtio_cma_claim_resp);
	((struct virtio_cma_resp_hdr *)resp)->bytes = cpu_to_le32(*used);
}

static void test_attributes(void)
{
	struct vcma_claim claim = { .attr = 77, .maint = 77 };
	struct vcma_region *r;
	struct host h;
	int err;

	r = region_with(&h, WITHOUT(ATTRIBUTES), "without attributes");
	if (!r)
		return;
	err = vcma_request_claim(r, 0, VIRTIO_CMA_COHERENT_YES, &claim);
	result(!err && claim.attr == VIRTIO_CMA_ATTR_CACHED && !claim.maint, "features",
	       "without attributes a client is mapped as memory is");
	h.lie_op = VIRTIO_CMA_OP_CLAIM;
	h.lie = lie_claim_body;
	err = vcma_request_claim(r, 0, VIRTIO_CMA_COHERENT_YES, &claim);
	result(err == -EPROTO && !vcma_region_is_live(r), "features",
	       "without attributes an answer has none");
	vcma_region_destroy(r);
}

static void test_suspend_with(u64 features, int err_expected, u32 nr_expected, const char *how)
{
	struct vcma_region *r;
	struct host h;
	int err;

	r = region_with(&h, features, how);
	if (!r)
		return;
	err = vcma_request_suspend(r);
	result(err == err_expected && h.nr_requests[VIRTIO_CMA_OP_SUSPEND] == nr_expected &&
	       vcma_region_is_live(r) && r->suspended == !err_expected, "features", how);
	if (!err)
		vcma_request_resume(r);
	vcma_region_destroy(r);
}

static const struct {
	const char *how;
	u32 type;
	size_t bytes;
	bool heard;
} events[] = {
	{ "as long as it is", VIRTIO_CMA_EVENT_CLIENT_ADDED, 8, true },
	{ "longer than what is known", VIRTIO_CMA_EVENT_CLIENT_REMOVED, 24, true },
	{ "of an unknown type", 77, 16, false },
	{ "half an event", VIRTIO_CMA_EVENT_CLIENT_ADDED, 4, false },
	{ "nothing", VIRTIO_CMA_EVENT_CLIENT_ADDED, 0, false },
};

static void test_events(void)
{
	struct virtio_cma_event event = {};
	struct vcma_region *r;
	unsigned int i;
	struct host h;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		r = region_with(&h, ALL_FEATURES, events[i].how);
		if (!r)
			return;
		vcma_clients_init(r, &vcma_dma_client_ops);
		vcma_region_set_state(r, VCMA_REGION_READY);
		event.type = cpu_to_le32(events[i].type);
		vcma_clients_event(r, &event, events[i].bytes);
		flush_work(&r->clients.refresh_work);
		result(h.nr_asked == events[i].heard && vcma_region_is_live(r), "event",
		       events[i].how);
		vcma_region_set_state(r, VCMA_REGION_STOPPING);
		vcma_clients_forget(r);
		vcma_region_destroy(r);
	}
}

void test_features(void)
{
	test_reusable();
	test_bulk_with(ALL_FEATURES, 1, 0, 4, "with bulk there is one request");
	test_bulk_with(0, 1, 0, 4, "of the legacy interface, too");
	test_bulk_with(WITHOUT(BULK), 0, 4, 4, "without bulk there are single blocks");
	test_attributes();
	test_suspend_with(ALL_FEATURES, 0, 1, "with suspend");
	test_suspend_with(0, 0, 1, "of the legacy interface suspend is tried");
	test_suspend_with(WITHOUT(SUSPEND), -EOPNOTSUPP, 0, "without suspend nothing is tried");
	test_events();
}
