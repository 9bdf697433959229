/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients: the registry of all regions and their tables, see clients.h. What
 * happens to a device is in clients-plug.c and clients-gate.c.
 */
#include "qemu/osdep.h"

#include "client-spec.h"
#include "clients-internal.h"
#include "test-hooks.h"

/* ---- tables ---- */

static void client_init(HvcmaClients *c, const HvcmaClientSpec *spec)
{
    HvcmaClient *cl = &c->client[c->nr];

    cl->table = c;
    cl->index = c->nr++;
    cl->id = g_strdup(spec ? spec->id : "");
    cl->kind = g_strdup(spec ? spec->kind : "");
    cl->resv = spec ? spec->resv : 0;
    cl->spare = !spec;
}

HvcmaClients *hvcma_clients_new(VirtIOCMA *s, Error **errp)
{
    g_autoptr(GPtrArray) specs = hvcma_client_specs(s, errp);
    uint32_t nr_spare = s->opts.is_default ? s->opts.spare_clients : 0;
    HvcmaClients *c;
    guint i;

    if (!specs) {
        return NULL;
    }
    if ((uint64_t)specs->len + nr_spare > VIRTIO_CMA_MAX_CLIENTS) {
        error_setg(errp, "virtio-cma '%s': %u clients are named, and "
                   "spare-clients=%" PRIu32 ", limit: %d together",
                   s->config.name, specs->len, nr_spare,
                   VIRTIO_CMA_MAX_CLIENTS);
        return NULL;
    }
    c = g_new0(HvcmaClients, 1);
    c->s = s;
    c->client = g_new0(HvcmaClient, specs->len + nr_spare);
    for (i = 0; i < specs->len; i++) {
        client_init(c, g_ptr_array_index(specs, i));
    }
    while (nr_spare--) {
        client_init(c, NULL);
    }
    return c;
}

void hvcma_clients_free(HvcmaClients *c)
{
    uint32_t i;

    if (!c) {
        return;
    }
    for (i = 0; i < c->nr; i++) {
        g_free(c->client[i].id);
        g_free(c->client[i].kind);
        g_free(c->client[i].windows_from);
    }
    g_free(c->client);
    g_free(c);
}

uint32_t hvcma_clients_nr(const HvcmaClients *c)
{
    return c->nr;
}

const char *hvcma_clients_id(const HvcmaClients *c, uint32_t client)
{
    return c->client[client].id;
}

const char *hvcma_clients_kind(const HvcmaClients *c, uint32_t client)
{
    return c->client[client].kind;
}

uint32_t hvcma_clients_resv(const HvcmaClients *c, uint32_t client)
{
    return c->client[client].resv;
}

const char *hvcma_clients_windows_from(const HvcmaClients *c, uint32_t client)
{
    return c->client[client].windows_from ?: "";
}

bool hvcma_clients_is_spare(const HvcmaClients *c, uint32_t client)
{
    return c->client[client].spare;
}

bool hvcma_clients_is_bus_master(const HvcmaClients *c, uint32_t client)
{
    return hvcma_device_is_bus_master(&c->client[client].user);
}

void hvcma_clients_bus_path(const HvcmaClients *c, uint32_t client,
                            const char **bus, const char **path)
{
    static const char *const names[] = {
        [0] = "",
        [VIRTIO_CMA_BUS_PCI] = "pci",
        [VIRTIO_CMA_BUS_PLATFORM] = "platform",
    };
    const HvcmaClient *cl = &c->client[client];

    *bus = names[cl->plugged ? cl->place.bus : 0];
    *path = cl->plugged ? cl->place.path : "";
}

/* ---- all regions ---- */

static QLIST_HEAD(, HvcmaClients) regions = QLIST_HEAD_INITIALIZER(regions);

HvcmaClients *hvcma_clients_next(HvcmaClients *after)
{
    return after ? QLIST_NEXT(after, next) : QLIST_FIRST(&regions);
}

HvcmaClients *hvcma_clients_default(void)
{
    HvcmaClients *c;

    QLIST_FOREACH(c, &regions, next) {
        if (c->s->opts.is_default) {
            return c;
        }
    }
    return NULL;
}

HvcmaClient *hvcma_clients_next_named(HvcmaClient *after, const char *id)
{
    HvcmaClients *c = after ? after->table : QLIST_FIRST(&regions);
    uint32_t i = after ? after->index + 1 : 0;

    for (; id && c; c = QLIST_NEXT(c, next), i = 0) {
        for (; i < c->nr; i++) {
            if (!c->client[i].spare && !strcmp(c->client[i].id, id)) {
                return &c->client[i];
            }
        }
    }
    return NULL;
}

VirtIOCMA *hvcma_clients_region_of(const char *device_id)
{
    HvcmaClient *cl = hvcma_clients_next_named(NULL, device_id);

    return cl ? cl->table->s : NULL;
}

VirtIOCMA *hvcma_clients_default_region(void)
{
    HvcmaClients *c = hvcma_clients_default();

    return c ? c->s : NULL;
}

static bool check_registry(HvcmaClients *c, Error **errp)
{
    VirtIOCMA *s = c->s;
    HvcmaClients *other;
    uint32_t i;

    QLIST_FOREACH(other, &regions, next) {
        if (!strcmp(other->s->config.name, s->config.name)) {
            error_setg(errp, "virtio-cma '%s': another region has that name",
                       s->config.name);
            return false;
        }
        if (other->s->opts.is_default && s->opts.is_default) {
            error_setg(errp, "virtio-cma '%s': default=on, but region '%s' is "
                       "the default already, limit: 1", s->config.name,
                       other->s->config.name);
            return false;
        }
    }
    for (i = 0; i < c->nr; i++) {
        HvcmaClient *cl = c->client[i].spare ? NULL :
                          hvcma_clients_next_named(NULL, c->client[i].id);

        if (cl && cl->table->s->opts.unsafe_noiommu !=
                  s->opts.unsafe_noiommu) {
            error_setg(errp, "virtio-cma '%s': client '%s' is named by region "
                       "'%s', too, and one of the two gives out host-physical "
                       "addresses, the other does not: unsafe-noiommu= must "
                       "agree", s->config.name, cl->id,
                       cl->table->s->config.name);
            return false;
        }
        if (cl && !hvcma_test_bus_agrees(s, cl->table->s, cl->id, errp)) {
            return false;
        }
    }
    return true;
}

bool hvcma_clients_enter(HvcmaClients *c, Error **errp)
{
    if (!check_registry(c, errp)) {
        return false;
    }
    QLIST_INSERT_HEAD(&regions, c, next);
    return true;
}

void hvcma_clients_leave(HvcmaClients *c)
{
    QLIST_REMOVE(c, next);
}
