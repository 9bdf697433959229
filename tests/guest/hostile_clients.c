// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hostile: answers about clients, to CLIENTS and CLAIM; and events that come too late.
 */
#include <linux/string.h>
#include <linux/workqueue.h>

#include "guest-driver/client/client.h"
#include "guest-driver/core/region.h"
#include "guest-driver/core/request.h"
#include "guest-driver/dma/dma_ops.h"
#include "guest-driver/mm/modes.h"
#include "hv/core/dma_windows.h"
#include "guest-driver/pool/resv.h"

#include "hostile.h"

#define CLIENT_LIE(lie_name, field, value)						\
static void lie_name(void *resp, size_t *used)						\
{											\
	((struct virtio_cma_clients_resp *)resp)->field = value;			\
}

CLIENT_LIE(clients_many, nr_clients, cpu_to_le32(33))
CLIENT_LIE(clients_over_total, nr_total, 0)
CLIENT_LIE(clients_total, nr_total, cpu_to_le32(2))
CLIENT_LIE(clients_id, clients[0].id, cpu_to_le32(5))
CLIENT_LIE(clients_state, clients[0].state, 9)
CLIENT_LIE(clients_bus, clients[0].bus, 9)
CLIENT_LIE(clients_coherent, clients[0].coherent, 3)

static void clients_path(void *resp, size_t *used)
{
	memset(((struct virtio_cma_clients_resp *)resp)->clients[0].path, '/',
	       VIRTIO_CMA_PATH_BYTES);
}

static void clients_number(void *resp, size_t *used)
{
	((struct virtio_cma_clients_resp *)resp)->clients[0].bus = VIRTIO_CMA_BUS_PLATFORM;
}

/* Always one more to come: the driver must not ask for ever. */
static void clients_endless(void *resp, size_t *used)
{
	struct virtio_cma_clients_resp *r = resp;

	r->nr_clients = 0;
	r->hdr.bytes = cpu_to_le32(sizeof(*r));
	*used = sizeof(*r);
}

static const struct {
	const char *how;
	void (*lie)(void *resp, size_t *used);
} client_lies[] = {
	{ "more entries than asked for", clients_many },
	{ "more entries than there are", clients_over_total },
	{ "another table size than in the configuration", clients_total },
	{ "another entry than asked for", clients_id },
	{ "unknown state", clients_state },
	{ "unknown bus", clients_bus },
	{ "unknown coherency", clients_coherent },
	{ "path without end", clients_path },
	{ "platform path that is no number", clients_number },
	{ "a table that never ends", clients_endless },
};

void test_clients(void)
{
	struct vcma_region *r;
	unsigned int i;
	struct host h;
	int err;

	for (i = 0; i < ARRAY_SIZE(client_lies); i++) {
		host_init(&h);
		if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
			return;
		if (vcma_resvs_init(r, 0)) {
			vcma_region_destroy(r);
			return;
		}
		vcma_clients_init(r, &vcma_dma_client_ops);
		h.lie_op = VIRTIO_CMA_OP_CLIENTS;
		h.lie = client_lies[i].lie;
		err = vcma_clients_start(r);
		result(err == -EPROTO && !vcma_region_is_live(r), "CLIENTS",
		       client_lies[i].how);
		if (!err)
			vcma_clients_stop(r);
		vcma_clients_forget(r);
		vcma_resvs_destroy(r);
		vcma_region_destroy(r);
	}
}

static void lie_claim_attr(void *resp, size_t *used)
{
	((struct virtio_cma_claim_resp *)resp)->attr = cpu_to_le32(9);
}

void test_claim(void)
{
	struct vcma_region *r;
	struct host h;
	struct vcma_claim claim = { .attr = 77 };
	int err;

	host_init(&h);
	if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
		return;
	h.lie_op = VIRTIO_CMA_OP_CLAIM;
	h.lie = lie_claim_attr;
	err = vcma_request_claim(r, 0, VIRTIO_CMA_COHERENT_YES, &claim);
	result(err == -EPROTO && claim.attr == 77 && !vcma_region_is_live(r), "CLAIM",
	       "unknown memory type");
	result(vcma_request_release(r, 0) == -ESHUTDOWN, "RELEASE", "dead region: not sent");
	vcma_region_destroy(r);
}

/* ---- windows ---- */

static void windows_answer(void *resp, size_t *used, u32 nr, u32 each, size_t bytes)
{
	struct windows_resp *r = resp;

	r->head.nr_windows = cpu_to_le32(nr);
	r->head.window_bytes = cpu_to_le32(each);
	r->head.hdr.bytes = cpu_to_le32(bytes);
	*used = bytes;
}

/* Two of 1 GiB each; @a and @b: bases, on the bus and in memory in turn */
static void windows_two(void *resp, size_t *used, u64 a_bus, u64 a_dma, u64 b_bus, u64 b_dma)
{
	struct windows_resp *r = resp;

	r->window[0].bus_base = cpu_to_le64(a_bus);
	r->window[0].base_dma = cpu_to_le64(a_dma);
	r->window[0].bytes = cpu_to_le64(SZ_1G);
	r->window[1].bus_base = cpu_to_le64(b_bus);
	r->window[1].base_dma = cpu_to_le64(b_dma);
	r->window[1].bytes = cpu_to_le64(SZ_1G);
	windows_answer(resp, used, 2, sizeof(r->window[0]), struct_size(r, window, 2));
}

static void windows_none(void *resp, size_t *used)
{
	windows_answer(resp, used, 0, 24, sizeof(struct windows_resp));
}

static void windows_many(void *resp, size_t *used)
{
	windows_answer(resp, used, 17, 24, sizeof(struct windows_resp) + 17 * 24);
}

static void windows_uncounted(void *resp, size_t *used)
{
	windows_answer(resp, used, 2, 24, sizeof(struct windows_resp) + 24);
}

static void windows_short(void *resp, size_t *used)
{
	windows_answer(resp, used, 1, 16, sizeof(struct windows_resp) + 16);
}

static void windows_long(void *resp, size_t *used)
{
	windows_answer(resp, used, 1, 72, sizeof(struct windows_resp) + 72);
}

static void windows_odd(void *resp, size_t *used)
{
	windows_answer(resp, used, 1, 28, sizeof(struct windows_resp) + 28);
}

static void windows_reserved(void *resp, size_t *used)
{
	((struct windows_resp *)resp)->head.reserved = cpu_to_le32(1);
}

static void windows_empty(void *resp, size_t *used)
{
	((struct windows_resp *)resp)->window[0].bytes = 0;
}

static void windows_misaligned(void *resp, size_t *used)
{
	((struct windows_resp *)resp)->window[0].bus_base = cpu_to_le64(512);
}

static void windows_wrap(void *resp, size_t *used)
{
	((struct windows_resp *)resp)->window[0].bus_base = cpu_to_le64(SZ_1M);
}

static void windows_overlap_dma(void *resp, size_t *used)
{
	windows_two(resp, used, 0, 0, BIT_ULL(40), SZ_512M);
}

static void windows_overlap_bus(void *resp, size_t *used)
{
	windows_two(resp, used, 0, 0, SZ_512M, BIT_ULL(40));
}

static const struct {
	const char *how;
	void (*lie)(void *resp, size_t *used);
} windows_lies[] = {
	{ "none", windows_none },
	{ "more than there can be", windows_many },
	{ "fewer than were counted", windows_uncounted },
	{ "windows that are too short", windows_short },
	{ "windows that are too long", windows_long },
	{ "windows of no whole fields", windows_odd },
	{ "a reserved field is not zero", windows_reserved },
	{ "an empty one", windows_empty },
	{ "a misaligned one", windows_misaligned },
	{ "one that wraps", windows_wrap },
	{ "two that overlap in memory", windows_overlap_dma },
	{ "two that overlap on the bus", windows_overlap_bus },
};

/* Longer than this driver knows, by fields at the end, and from a source that is yet to come. */
static void windows_newer(void *resp, size_t *used)
{
	struct windows_resp *r = resp;

	r->head.source = cpu_to_le32(99);
	r->window[0].bus_base = cpu_to_le64(BIT_ULL(36));
	r->window[0].bytes = cpu_to_le64(SZ_1G);
	memset(&r->window[1], 0xa5, 40);
	windows_answer(resp, used, 1, 64, sizeof(*r) + 64);
}

static void test_windows_one(void (*lie)(void *resp, size_t *used), const char *how)
{
	struct hvcma_dma_windows w = { .nr = 77 };
	struct vcma_region *r;
	struct host h;
	u32 source = 77;
	int err;

	host_init(&h);
	if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
		return;
	h.lie_op = VIRTIO_CMA_OP_WINDOWS;
	h.lie = lie;
	err = vcma_request_windows(r, 0, &w, &source);
	if (lie == windows_newer)
		result(!err && w.nr == 1 && w.window[0].bus_base == BIT_ULL(36) &&
		       source == VIRTIO_CMA_SOURCE_NONE, "WINDOWS", how);
	else
		result(err == -EPROTO && w.nr == 77 && source == 77 && !vcma_region_is_live(r),
		       "WINDOWS", how);
	vcma_region_destroy(r);
}

void test_windows(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(windows_lies); i++)
		test_windows_one(windows_lies[i].lie, windows_lies[i].how);
	test_windows_one(windows_newer, "more of a window than is known: what is known is taken");
}

/* An event that comes when the region is on its way out: nobody reads the table for it. */
void test_late_event(void)
{
	struct vcma_region *r;
	struct host h;

	host_init(&h);
	if (vcma_region_create(&h.transport, &vcma_mm_modes, &r))
		return;
	vcma_clients_init(r, &vcma_dma_client_ops);
	vcma_region_set_state(r, VCMA_REGION_READY);
	vcma_clients_changed(r);
	flush_work(&r->clients.refresh_work);
	result(h.nr_asked == 1, "event", "the table is read");
	vcma_region_set_state(r, VCMA_REGION_STOPPING);
	vcma_clients_changed(r);
	flush_work(&r->clients.refresh_work);
	result(h.nr_asked == 1, "event", "the region is ending: the table is not read");
	vcma_clients_forget(r);
	vcma_region_destroy(r);
}
