/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bus mastering of clients: what CLAIM, RELEASE and resets come to. The gate
 * itself is gate.c. See clients.h.
 */
#include "qemu/osdep.h"

#include "backing.h"
#include "clients-internal.h"
#include "test-hooks.h"

static void complain(HvcmaClient *cl, const char *what, Error *err)
{
    if (cl->complained) {
        error_free(err);
        return;
    }
    cl->complained = true;
    error_reportf_err(err, "virtio-cma '%s': client '%s' %s: ",
                      cl->table->s->config.name, cl->id, what);
}

void hvcma_clients_claim_now(VirtIOCMA *s, uint32_t client, uint32_t coherent,
                             struct virtio_cma_claim_resp *resp)
{
    const struct virtio_cma_client_req req = {
        .hdr = {
            .op = cpu_to_le32(VIRTIO_CMA_OP_CLAIM),
            .bytes = cpu_to_le32(sizeof(req)),
        },
        .client = cpu_to_le32(client),
        .coherent = cpu_to_le32(coherent),
    };
    size_t used;

    while (!hvcma_engine_request(s->engine, &req, sizeof(req), resp,
                                 sizeof(*resp), false, &used)) {
        /* the next step */
    }
}

enum virtio_cma_status hvcma_clients_claim(HvcmaClients *c, uint32_t client)
{
    HvcmaClient *cl = &c->client[client];
    Error *err = NULL;

    if (!cl->plugged) {
        return VIRTIO_CMA_S_CLIENT_STATE;
    }
    if (hvcma_backing_lacks_keeper(c->s->backing)) {
        error_setg(&err, "the region has no pin keeper at present");
        complain(cl, "is refused", err);
        return VIRTIO_CMA_S_REFUSED;
    }
    if (!hvcma_device_open(&cl->user, &err)) {
        complain(cl, "is refused", err);
        return VIRTIO_CMA_S_REFUSED;
    }
    cl->complained = false;
    return VIRTIO_CMA_S_OK;
}

static bool close_gate(HvcmaClient *cl, Error **errp)
{
    return !hvcma_test_close_fails(cl->table->s, errp) &&
           hvcma_device_close(&cl->user, errp);
}

enum virtio_cma_status hvcma_clients_quiesce(HvcmaClients *c, uint32_t client)
{
    HvcmaClient *cl = &c->client[client];
    Error *err = NULL;

    if (cl->quarantined) {
        return VIRTIO_CMA_S_IO; /* nobody will ever quiesce it */
    }
    if (cl->user.device && !close_gate(cl, &err)) {
        complain(cl, "is not quiesced, the region's memory stays pinned", err);
        if (cl->user.device) {
            hvcma_device_tell_quarantined(&cl->user);
        }
        return VIRTIO_CMA_S_IO;
    }
    return VIRTIO_CMA_S_OK;
}
