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
