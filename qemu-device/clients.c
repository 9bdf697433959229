/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients: the guest devices that regions serve. See clients.h.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/qdev-core.h"
#include "hw/sysbus.h"
#include "qobject/qdict.h"
#include "system/system.h"

#include "attr.h"
#include "backing.h"
#include "client-device.h"
#include "client-fit.h"
#include "client-spec.h"
#include "clients.h"
#include "fabric.h"
#include "gate.h"
#include "printable.h"
#include "requests.h"
#include "static.h"
#include "turn.h"
#include "vfio-noiommu.h"

/* One entry of a client table. */
typedef struct Client {
    HvcmaDeviceUser user;       /* also joined to a device that did not fit */
    HvcmaClients *table;
    uint32_t index;
    char *id;                   /* "" of a spare entry that is free */
    char *kind;
    uint8_t resv;
    bool spare;                 /* named by nobody: filled on plug */
    bool plugged;               /* the engine knows of it */
    HvcmaDevicePlace place;
    bool lost;                  /* let go of while it may have been doing DMA */
    bool complained;            /* a guest can repeat what fails: say it once */
} Client;

struct HvcmaClients {
    VirtIOCMA *s;
    HvcmaFabric *fabric;        /* with x-fabric=on */
    uint32_t nr;
    Client *client;
    uint64_t nr_quiesce;        /* calls, for x-fake-fault */
    QLIST_ENTRY(HvcmaClients) next;
};

static QLIST_HEAD(, HvcmaClients) regions = QLIST_HEAD_INITIALIZER(regions);

/* ---- tables ---- */

static HvcmaDeviceUserOps user_ops;

static void client_init(HvcmaClients *c, const HvcmaClientSpec *spec)
{
    Client *cl = &c->client[c->nr];

    cl->user.ops = &user_ops;
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
    c->client = g_new0(Client, specs->len + nr_spare);
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
    const Client *cl = &c->client[client];

    *bus = names[cl->plugged ? cl->place.bus : 0];
    *path = cl->plugged ? cl->place.path : "";
}

uint64_t hvcma_clients_fabric_faults(const HvcmaClients *c)
{
    return c->fabric ? hvcma_fabric_nr_faults(c->fabric) : 0;
}

/* ---- all regions ---- */

static HvcmaClients *default_region(void)
{
    HvcmaClients *c;

    QLIST_FOREACH(c, &regions, next) {
        if (c->s->opts.is_default) {
            return c;
        }
    }
    return NULL;
}

/* The next entry that the operator gave this id; the first after NULL. */
static Client *next_named(Client *after, const char *id)
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
    Client *cl = next_named(NULL, device_id);

    return cl ? cl->table->s : NULL;
}

VirtIOCMA *hvcma_clients_default_region(void)
{
    HvcmaClients *c = default_region();

    return c ? c->s : NULL;
}

/* ---- plug and unplug ---- */

static bool client_locate(Client *cl, DeviceState *dev, Error **errp)
{
    switch (hvcma_device_locate(dev, &cl->place)) {
    case 0:
        return true;
    case -ENODEV:
        error_setg(errp, "virtio-cma '%s': client '%s' (%s) is neither a PCI "
                   "nor a platform device", cl->table->s->config.name, cl->id,
                   object_get_typename(OBJECT(dev)));
        return false;
    default:
        error_setg(errp, "virtio-cma '%s': client '%s' (%s) has no path of at "
                   "most %d bytes that the guest could know it by",
                   cl->table->s->config.name, cl->id,
                   object_get_typename(OBJECT(dev)),
                   VIRTIO_CMA_PATH_BYTES - 1);
        return false;
    }
}

/*
 * A region that hands out host-physical addresses must not confuse a device
 * whose DMA goes to guest-physical ones.
 */
static bool client_fits(Client *cl, DeviceState *dev, Error **errp)
{
    VirtIOCMA *s = cl->table->s;

    if (object_dynamic_cast(OBJECT(dev), TYPE_VIRTIO_CMA_PCI) ||
        object_dynamic_cast(OBJECT(dev), TYPE_VIRTIO_CMA)) {
        error_setg(errp, "virtio-cma '%s': client '%s' is a virtio-cma device "
                   "itself", s->config.name, cl->id);
        return false;
    }
    if (s->opts.unsafe_noiommu && !hvcma_client_kind_fits(dev, errp)) {
        return false;
    }
    if (!s->opts.unsafe_noiommu || hvcma_vfio_is_noiommu(OBJECT(dev)) ||
        (s->opts.fabric && object_dynamic_cast(OBJECT(dev), TYPE_PCI_DEVICE))) {
        return true;
    }
    error_setg(errp, "virtio-cma '%s': with unsafe-noiommu=on, client '%s' "
               "(%s) must be a vfio-pci device of a no-IOMMU group%s",
               s->config.name, cl->id, object_get_typename(OBJECT(dev)),
               s->opts.fabric ? " or an emulated PCI device" : "");
    return false;
}

static bool client_connect(Client *cl, DeviceState *dev, Error **errp)
{
    HvcmaClients *c = cl->table;
    g_autofree char *enable = NULL;

    if (!hvcma_vfio_is_noiommu(OBJECT(dev))) {
        return !c->fabric ||
               hvcma_fabric_add(c->fabric, PCI_DEVICE(dev), errp);
    }
    enable = hvcma_vfio_enable_path(OBJECT(dev));
    return hvcma_backing_watch(c->s->backing, enable, errp);
}

static void client_disconnect(Client *cl, bool quiet)
{
    DeviceState *dev = hvcma_device_of(&cl->user);
    HvcmaClients *c = cl->table;
    g_autofree char *enable = NULL;

    if (!hvcma_vfio_is_noiommu(OBJECT(dev))) {
        if (c->fabric) {
            hvcma_fabric_remove(c->fabric, PCI_DEVICE(dev));
        }
    } else if (quiet) {
        enable = hvcma_vfio_enable_path(OBJECT(dev));
        hvcma_backing_unwatch(c->s->backing, enable);
    }
}

/*
 * On failure it stays joined, if it came that far: the gate is on, and closed
 * but for what other regions allow.
 */
static bool client_plug(Client *cl, DeviceState *named, Error **errp)
{
    DeviceState *dev = hvcma_device_on_bus(named);
    VirtIOCMA *s = cl->table->s;
    struct hvcma_client_info info;
    int ret;

    if (!client_fits(cl, named, errp) || !client_locate(cl, dev, errp) ||
        !hvcma_device_join(&cl->user, dev, errp)) {
        return false;
    }
    if (s->opts.trace) {
        hvcma_device_set_trace(&cl->user);
    }
    if (!client_connect(cl, dev, errp)) {
        return false;
    }
    info = (struct hvcma_client_info) {
        .bus = cl->place.bus,
        .coherent = hvcma_attr_operator(s, cl->id),
        .emulated = hvcma_attr_is_emulated(OBJECT(dev)),
        .resv = cl->resv,
        .kind = cl->kind,
        .name = cl->id,
        .path = cl->place.path,
    };
    ret = hvcma_engine_client_added(s->engine, cl->index, &info);
    if (ret) {
        error_setg(errp, "virtio-cma '%s': client '%s': %s", s->config.name,
                   cl->id, hvcma_status_text(-ret));
        client_disconnect(cl, true);
        return false;
    }
    cl->plugged = true;
    HVCMA_TRACE(s, "client %s is plugged at %s", cl->id, cl->place.path);
    hvcma_send_event(s, cl->index, VIRTIO_CMA_EVENT_CLIENT_ADDED);
    hvcma_static_client_added(s, cl->index);
    return true;
}

/* The device still works; where it goes, or its region does. */
static void client_unplug(Client *cl, bool stay_off)
{
    VirtIOCMA *s = cl->table->s;
    bool quiet;

    if (cl->plugged) {
        HVCMA_TRACE(s, "client %s is being unplugged", cl->id);
        quiet = !hvcma_engine_client_removed(s->engine, cl->index);
        if (!cl->plugged) {
            return;             /* it went while it was being stopped */
        }
        if (!quiet) {
            error_report("virtio-cma '%s': client '%s' went without being "
                         "quiet: its memory stays pinned", s->config.name,
                         cl->id);
            cl->lost = true;
        }
        client_disconnect(cl, quiet);
        cl->plugged = false;
        hvcma_send_event(s, cl->index, VIRTIO_CMA_EVENT_CLIENT_REMOVED);
    }
    hvcma_device_leave(&cl->user, stay_off);
    if (cl->spare && !cl->lost) {
        cl->id[0] = 0;
    }
}

static void client_gone(HvcmaDeviceUser *u)
{
    Client *cl = container_of(u, Client, user);
    VirtIOCMA *s = cl->table->s;

    hvcma_turn_begin(s);
    client_unplug(cl, false);
    hvcma_turn_end(s);
}

static void client_quarantined(HvcmaDeviceUser *u)
{
    Client *cl = container_of(u, Client, user);

    if (cl->plugged) {
        hvcma_engine_client_quarantined(cl->table->s->engine, cl->index);
    }
}

static HvcmaDeviceUserOps user_ops = {
    .gone = client_gone,
    .quarantined = client_quarantined,
};

/* ---- spare entries of the default region ---- */

/* Does the region serve the device, or is it to, by any entry? */
static bool region_has(const HvcmaClients *c, const DeviceState *dev)
{
    uint32_t i;

    for (i = 0; i < c->nr; i++) {
        const Client *cl = &c->client[i];

        if (hvcma_device_of(&cl->user) == dev ||
            (!cl->spare && dev->id && !strcmp(cl->id, dev->id))) {
            return true;
        }
    }
    return false;
}

/* A device takes what the default region has to give if its addresses agree. */
static bool default_suits(const HvcmaClients *c, DeviceState *dev)
{
    HvcmaClients *other;

    QLIST_FOREACH(other, &regions, next) {
        if (other != c && region_has(other, dev)) {
            return other->s->opts.unsafe_noiommu == c->s->opts.unsafe_noiommu &&
                   other->s->opts.fabric == c->s->opts.fabric;
        }
    }
    return c->s->opts.unsafe_noiommu && hvcma_vfio_is_noiommu(OBJECT(dev));
}

static void take_spare(DeviceState *dev, void *opaque)
{
    HvcmaClients *c = default_region();
    Client *cl = NULL;
    Error *err = NULL;
    uint32_t i;

    if (!c || region_has(c, dev) || !default_suits(c, dev)) {
        return;
    }
    if (dev->id && !hvcma_is_printable(dev->id)) {
        g_autofree char *id = hvcma_printable(dev->id);

        warn_report("virtio-cma '%s': device '%s' is not served: its id has "
                    "control characters, or is no UTF-8", c->s->config.name,
                    id);
        return;
    }
    for (i = 0; i < c->nr && !cl; i++) {
        if (c->client[i].spare && !c->client[i].id[0]) {
            cl = &c->client[i];
        }
    }
    if (!cl) {
        warn_report("virtio-cma '%s': no entry is left for '%s', limit: "
                    "spare-clients=%" PRIu32, c->s->config.name,
                    dev->id ?: object_get_typename(OBJECT(dev)),
                    c->s->opts.spare_clients);
        return;
    }
    g_free(cl->id);
    cl->id = g_strndup(dev->id ?: object_get_canonical_path_component(
                           OBJECT(dev)), VIRTIO_CMA_NAME_BYTES - 1);
    if (!client_plug(cl, dev, &err)) {
        warn_report_err(err);
        client_unplug(cl, false);
    }
}

/* ---- devices come ---- */

/* Where a platform device lies is known only when the machine is complete. */
static bool client_plug_must_wait(DeviceState *dev)
{
    return object_dynamic_cast(OBJECT(hvcma_device_on_bus(dev)),
                               TYPE_SYS_BUS_DEVICE) &&
           !phase_check(PHASE_MACHINE_READY);
}

static void device_realized(DeviceListener *listener, DeviceState *dev)
{
    Client *cl = next_named(NULL, dev->id);
    Error *err = NULL;

    hvcma_gate_device_realized(dev);
    if (client_plug_must_wait(dev)) {
        return;
    }
    for (; cl; cl = next_named(cl, dev->id)) {
        if (cl->user.device || client_plug(cl, dev, &err)) {
            continue;
        }
        /* qdev can't fail here; before the guest runs, leaving is right. */
        error_report_err(err);
        err = NULL;
        if (!phase_check(PHASE_MACHINE_READY)) {
            exit(1);
        }
    }
    take_spare(hvcma_device_on_bus(dev), NULL);
}

/* Hotplug of a client that does not fit fails before the device exists. */
static bool device_may_be_created(DeviceListener *listener, const QDict *opts,
                                  bool from_json, Error **errp)
{
    const char *id = qdict_get_try_str(opts, "id");
    const char *driver = qdict_get_try_str(opts, "driver");
    Client *cl;

    if (!driver || !phase_check(PHASE_MACHINE_READY)) {
        return false;
    }
    for (cl = next_named(NULL, id); cl; cl = next_named(cl, id)) {
        VirtIOCMA *s = cl->table->s;

        if (cl->lost) {
            error_setg(errp, "virtio-cma '%s': client '%s' was unplugged "
                       "without being quiet and can't come back",
                       s->config.name, id);
            break;
        }
        if (s->opts.unsafe_noiommu && !s->opts.fabric &&
            !g_str_has_prefix(driver, "vfio-pci")) {
            g_autofree char *type = hvcma_printable(driver);

            error_setg(errp, "virtio-cma '%s': with unsafe-noiommu=on, client "
                       "'%s' (%s) must be a vfio-pci device of a no-IOMMU "
                       "group", s->config.name, id, type);
            break;
        }
    }
    return false;               /* "hide it?" */
}

static DeviceListener listener = {
    .realize = device_realized,
    .hide_device = device_may_be_created,
};

/* Firmware does not reach a client, nor what is behind it. */
static int warn_of_bootindex(DeviceState *dev, void *client)
{
    int64_t index = object_property_get_int(OBJECT(dev), "bootindex", NULL);

    if (index >= 0) {
        warn_report("virtio-cma: nothing can boot from client '%s': '%s' (%s) "
                    "has bootindex=%" PRId64, (const char *)client,
                    dev->id ?: "", object_get_typename(OBJECT(dev)), index);
    }
    return 0;
}

static void warn_if_booted(DeviceState *dev, void *opaque)
{
    qdev_walk_children(dev, warn_of_bootindex, NULL, NULL, NULL,
                       (void *)(dev->id ?: object_get_typename(OBJECT(dev))));
}

/* Every client named on the command line must be there now. */
static void machine_done(Notifier *notifier, void *data)
{
    HvcmaClients *c;
    uint32_t i;

    QLIST_FOREACH(c, &regions, next) {
        for (i = 0; i < c->nr; i++) {
            Client *cl = &c->client[i];
            DeviceState *dev;
            Error *err = NULL;

            if (cl->user.device || cl->spare) {
                continue;
            }
            dev = qdev_find_recursive(sysbus_get_default(), cl->id);
            if (!dev) {
                error_report("virtio-cma '%s': unknown client '%s': no -device "
                             "has that id", c->s->config.name, cl->id);
                exit(1);
            }
            if (!client_plug(cl, dev, &err)) {
                error_report_err(err);
                exit(1);
            }
        }
    }
    hvcma_device_foreach(take_spare, NULL);
    hvcma_device_foreach(warn_if_booted, NULL);
}

static Notifier machine_done_notifier = { .notify = machine_done };

static void listen_once(void)
{
    static bool listening;

    if (!listening) {
        listening = true;
        device_listener_register(&listener);
        if (!phase_check(PHASE_MACHINE_READY)) {
            qemu_add_machine_init_done_notifier(&machine_done_notifier);
        }
    }
}

/* ---- regions come and go ---- */

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
        Client *cl = c->client[i].spare ? NULL :
                     next_named(NULL, c->client[i].id);

        if (cl && (cl->table->s->opts.unsafe_noiommu !=
                   s->opts.unsafe_noiommu ||
                   cl->table->s->opts.fabric != s->opts.fabric)) {
            error_setg(errp, "virtio-cma '%s': client '%s' is named by region "
                       "'%s', too, and one of the two gives out host-physical "
                       "addresses, the other does not: unsafe-noiommu= and "
                       "x-fabric= must agree", s->config.name, cl->id,
                       cl->table->s->config.name);
            return false;
        }
    }
    return true;
}

bool hvcma_clients_register(VirtIOCMA *s, Error **errp)
{
    HvcmaClients *c = s->clients;
    uint32_t i;

    if (!check_registry(c, errp)) {
        return false;
    }
    if (s->opts.fabric) {
        c->fabric = hvcma_fabric_new(s->config.name, hvcma_backing_lookup,
                                     s->backing);
    }
    listen_once();
    QLIST_INSERT_HEAD(&regions, c, next);

    for (i = 0; i < c->nr; i++) {
        Client *cl = &c->client[i];
        DeviceState *dev = cl->spare ? NULL :
                           qdev_find_recursive(sysbus_get_default(), cl->id);

        if (dev && dev->realized && !cl->user.device &&
            !client_plug_must_wait(dev) && !client_plug(cl, dev, errp)) {
            hvcma_clients_unregister(s);
            return false;
        }
    }
    hvcma_device_foreach(take_spare, NULL);
    hvcma_vfio_noiommu_foreach(take_spare, NULL);
    return true;
}

void hvcma_clients_unregister(VirtIOCMA *s)
{
    HvcmaClients *c = s->clients;
    uint32_t i;

    QLIST_REMOVE(c, next);
    for (i = 0; i < c->nr; i++) {
        client_unplug(&c->client[i], s->opts.unsafe_noiommu);
    }
    if (c->fabric) {
        hvcma_fabric_free(c->fabric);
        c->fabric = NULL;
    }
}

/* ---- bus mastering ---- */

static void complain(Client *cl, const char *what, Error *err)
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

int hvcma_clients_claim(HvcmaClients *c, uint32_t client)
{
    Client *cl = &c->client[client];
    Error *err = NULL;

    if (!cl->plugged) {
        return -VIRTIO_CMA_S_CLIENT_STATE;
    }
    if (hvcma_backing_lacks_keeper(c->s->backing)) {
        error_setg(&err, "the region has no pin keeper at present");
        complain(cl, "is refused", err);
        return -VIRTIO_CMA_S_REFUSED;
    }
    if (!hvcma_device_open(&cl->user, &err)) {
        complain(cl, "is refused", err);
        return -VIRTIO_CMA_S_REFUSED;
    }
    cl->complained = false;
    return 0;
}

static bool close_gate(Client *cl, Error **errp)
{
    HvcmaClients *c = cl->table;
    const HvcmaFault *f = &c->s->fault;
    uint64_t call = c->nr_quiesce++;

    if (f->method == HVCMA_FAULT_QUIESCE && call >= f->nr &&
        call - f->nr < f->count) {
        error_setg_errno(errp, f->error, "x-fake-fault");
        return false;
    }
    return hvcma_device_close(&cl->user, errp);
}

int hvcma_clients_quiesce(HvcmaClients *c, uint32_t client)
{
    Client *cl = &c->client[client];
    Error *err = NULL;

    if (cl->lost) {
        return -VIRTIO_CMA_S_IO; /* nobody will ever tell us that it is quiet */
    }
    if (cl->user.device && !close_gate(cl, &err)) {
        complain(cl, "is not quiet, the region's memory stays pinned", err);
        if (cl->user.device) {
            hvcma_device_tell_quarantined(&cl->user);
        }
        return -VIRTIO_CMA_S_IO;
    }
    return 0;
}
