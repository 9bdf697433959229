/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients: the guest devices that regions serve. See clients.h.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bus.h"
#include "hw/qdev-core.h"
#include "hw/sysbus.h"
#include "qobject/qdict.h"
#include "qapi/util.h"
#include "qemu/config-file.h"
#include "qemu/option.h"
#include "system/system.h"

#include "attr.h"
#include "backing.h"
#include "clients.h"
#include "fabric.h"
#include "gate.h"
#include "static.h"
#include "vfio_noiommu.h"

typedef struct Client {
    HvcmaClients *table;
    uint32_t index;
    char *id;
    DeviceState *dev;           /* NULL while not plugged */
    HvcmaGate *gate;            /* also, closed, on a device that did not fit */
    uint8_t bus;
    char path[VIRTIO_CMA_PATH_BYTES];
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

static Client *find_client(const char *id)
{
    HvcmaClients *c;
    uint32_t i;

    QLIST_FOREACH(c, &regions, next) {
        for (i = 0; i < c->nr; i++) {
            if (!strcmp(c->client[i].id, id)) {
                return &c->client[i];
            }
        }
    }
    return NULL;
}

HvcmaClients *hvcma_clients_new(VirtIOCMA *s, Error **errp)
{
    g_auto(GStrv) ids = g_strsplit(s->opts.clients ?: "", ":", -1);
    HvcmaClients *c = g_new0(HvcmaClients, 1);
    uint32_t i, j;

    c->s = s;
    c->nr = g_strv_length(ids);
    c->client = g_new0(Client, c->nr);
    for (i = 0; i < c->nr; i++) {
        c->client[i].table = c;
        c->client[i].index = i;
        c->client[i].id = g_strdup(ids[i]);
        if (!ids[i][0] || strlen(ids[i]) >= VIRTIO_CMA_NAME_BYTES) {
            error_setg(errp, "virtio-cma '%s': client id '%s' in clients='%s' "
                       "has %zu bytes, limit: 1 to %d", s->config.name, ids[i],
                       s->opts.clients, strlen(ids[i]),
                       VIRTIO_CMA_NAME_BYTES - 1);
            goto fail;
        }
        for (j = 0; j < i; j++) {
            if (!strcmp(ids[i], ids[j])) {
                error_setg(errp, "virtio-cma '%s': clients='%s' names '%s' "
                           "twice", s->config.name, s->opts.clients, ids[i]);
                goto fail;
            }
        }
    }
    return c;

fail:
    hvcma_clients_free(c);
    return NULL;
}

void hvcma_clients_free(HvcmaClients *c)
{
    uint32_t i;

    if (!c) {
        return;
    }
    for (i = 0; i < c->nr; i++) {
        g_free(c->client[i].id);
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

bool hvcma_clients_is_bus_master(const HvcmaClients *c, uint32_t client)
{
    return c->client[client].gate &&
           hvcma_gate_is_bus_master(c->client[client].gate);
}

void hvcma_clients_bus_path(const HvcmaClients *c, uint32_t client,
                            const char **bus, const char **path)
{
    static const char *const names[] = {
        [0] = "",
        [VIRTIO_CMA_BUS_PCI] = "pci",
        [VIRTIO_CMA_BUS_PLATFORM] = "platform",
    };

    *bus = names[c->client[client].dev ? c->client[client].bus : 0];
    *path = c->client[client].dev ? c->client[client].path : "";
}

uint64_t hvcma_clients_fabric_faults(const HvcmaClients *c)
{
    return c->fabric ? hvcma_fabric_nr_faults(c->fabric) : 0;
}

/* "0000:00/03.0/00.0": root bus, then slot.function of each hop. */
static bool pci_path(PCIDevice *dev, char *path, size_t path_bytes)
{
    g_autoptr(GString) hops = g_string_new("");
    const char *root = pci_root_bus_path(dev);
    int len;

    for (;;) {
        g_autofree char *hop = g_strdup_printf("/%02x.%x", PCI_SLOT(dev->devfn),
                                               PCI_FUNC(dev->devfn));
        PCIBus *bus = pci_get_bus(dev);

        g_string_prepend(hops, hop);
        if (pci_bus_is_root(bus)) {
            break;
        }
        dev = bus->parent_dev;
    }
    len = snprintf(path, path_bytes, "%s%s", root, hops->str);
    return len > 0 && (size_t)len < path_bytes;
}

static bool platform_path(SysBusDevice *dev, char *path, size_t path_bytes)
{
    if (!dev->num_mmio || dev->mmio[0].addr == (hwaddr)-1) {
        return false;
    }
    snprintf(path, path_bytes, "0x%" HWADDR_PRIx, dev->mmio[0].addr);
    return true;
}

/*
 * The device as the guest's buses know it: a virtio device on virtio-mmio is
 * its slot.
 */
static DeviceState *bus_device(DeviceState *dev)
{
    DeviceState *slot = dev->parent_bus ? dev->parent_bus->parent : NULL;

    if (object_dynamic_cast(OBJECT(dev), TYPE_VIRTIO_DEVICE) && slot &&
        object_dynamic_cast(OBJECT(slot), TYPE_SYS_BUS_DEVICE)) {
        return slot;
    }
    return dev;
}

static bool client_locate(Client *cl, DeviceState *dev, Error **errp)
{
    bool located;

    if (object_dynamic_cast(OBJECT(dev), TYPE_PCI_DEVICE)) {
        cl->bus = VIRTIO_CMA_BUS_PCI;
        located = pci_path(PCI_DEVICE(dev), cl->path, sizeof(cl->path));
    } else if (object_dynamic_cast(OBJECT(dev), TYPE_SYS_BUS_DEVICE)) {
        cl->bus = VIRTIO_CMA_BUS_PLATFORM;
        located = platform_path(SYS_BUS_DEVICE(dev), cl->path,
                                sizeof(cl->path));
    } else {
        error_setg(errp, "virtio-cma '%s': client '%s' (%s) is neither a PCI "
                   "nor a platform device", cl->table->s->config.name, cl->id,
                   object_get_typename(OBJECT(dev)));
        return false;
    }
    if (!located) {
        error_setg(errp, "virtio-cma '%s': client '%s' (%s) has no path of at "
                   "most %d bytes that the guest could know it by",
                   cl->table->s->config.name, cl->id,
                   object_get_typename(OBJECT(dev)),
                   VIRTIO_CMA_PATH_BYTES - 1);
    }
    return located;
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
    g_autofree char *group = NULL;

    if (!hvcma_vfio_is_noiommu(OBJECT(dev))) {
        return !c->fabric ||
               hvcma_fabric_add(c->fabric, PCI_DEVICE(dev), errp);
    }
    group = hvcma_vfio_group_path(OBJECT(dev));
    return hvcma_backing_watch(c->s->backing, group, errp);
}

static void client_disconnect(Client *cl, bool quiet)
{
    HvcmaClients *c = cl->table;
    g_autofree char *group = NULL;

    if (!hvcma_vfio_is_noiommu(OBJECT(cl->dev))) {
        if (c->fabric) {
            hvcma_fabric_remove(c->fabric, PCI_DEVICE(cl->dev));
        }
    } else if (quiet) {
        group = hvcma_vfio_group_path(OBJECT(cl->dev));
        hvcma_backing_unwatch(c->s->backing, group);
    }
}

/* The device is about to be unrealized; it still works. */
static void client_gone(void *opaque)
{
    Client *cl = opaque;
    VirtIOCMA *s = cl->table->s;
    bool quiet;

    if (!cl->dev) {
        hvcma_gate_free(cl->gate);
        cl->gate = NULL;
        return;
    }
    HVCMA_TRACE(s, "client %s is being unplugged", cl->id);
    quiet = !hvcma_engine_client_removed(s->engine, cl->index);
    if (!quiet) {
        error_report("virtio-cma '%s': client '%s' went without being quiet: "
                     "its memory stays pinned", s->config.name, cl->id);
        cl->lost = true;
    }
    client_disconnect(cl, quiet);
    hvcma_gate_free(cl->gate);
    cl->gate = NULL;
    cl->dev = NULL;
    hvcma_send_event(s, cl->index, VIRTIO_CMA_EVENT_CLIENT_REMOVED);
}

/*
 * Devices whose host-physical region was unplugged. Nobody tells them addresses
 * any more: they stay off the bus until another region takes them or they go.
 */
typedef struct Orphan {
    DeviceState *dev;
    HvcmaGate *gate;
    QLIST_ENTRY(Orphan) next;
} Orphan;

static QLIST_HEAD(, Orphan) orphans = QLIST_HEAD_INITIALIZER(orphans);

static void orphan_free(void *opaque)
{
    Orphan *o = opaque;

    QLIST_REMOVE(o, next);
    hvcma_gate_free(o->gate);
    g_free(o);
}

static void orphan_new(DeviceState *dev)
{
    Orphan *o = g_new0(Orphan, 1);
    Error *err = NULL;

    o->dev = dev;
    o->gate = hvcma_gate_new(dev, orphan_free, o, &err);
    if (!o->gate) {
        error_report_err(err);
        g_free(o);
        return;
    }
    QLIST_INSERT_HEAD(&orphans, o, next);
}

static void orphan_adopt(DeviceState *dev)
{
    Orphan *o;

    QLIST_FOREACH(o, &orphans, next) {
        if (o->dev == dev) {
            orphan_free(o);
            return;
        }
    }
}

/* On failure the gate, if it came that far, stays on and closed. */
static bool client_plug(Client *cl, DeviceState *named, Error **errp)
{
    DeviceState *dev = bus_device(named);
    VirtIOCMA *s = cl->table->s;
    struct hvcma_client_info info;
    int ret;

    if (!client_fits(cl, named, errp) || !client_locate(cl, dev, errp)) {
        return false;
    }
    orphan_adopt(dev);
    cl->gate = hvcma_gate_new(dev, client_gone, cl, errp);
    if (!cl->gate) {
        return false;
    }
    hvcma_gate_set_trace(cl->gate, s->opts.trace);
    if (!client_connect(cl, dev, errp)) {
        return false;
    }
    cl->dev = dev;

    info = (struct hvcma_client_info) {
        .bus = cl->bus,
        .coherent = hvcma_attr_operator(s, cl->id),
        .emulated = hvcma_attr_is_emulated(OBJECT(dev)),
        .kind = "",
        .name = cl->id,
        .path = cl->path,
    };
    ret = hvcma_engine_client_added(s->engine, cl->index, &info);
    if (ret) {
        error_setg(errp, "virtio-cma '%s': client '%s': %s", s->config.name,
                   cl->id, hvcma_status_text(-ret));
        client_disconnect(cl, true);
        cl->dev = NULL;
        return false;
    }
    HVCMA_TRACE(s, "client %s is plugged at %s", cl->id, cl->path);
    hvcma_send_event(s, cl->index, VIRTIO_CMA_EVENT_CLIENT_ADDED);
    hvcma_static_client_added(s, cl->index);
    return true;
}

/* Where a platform device lies is known only when the machine is complete. */
static bool client_plug_must_wait(DeviceState *dev)
{
    return object_dynamic_cast(OBJECT(bus_device(dev)), TYPE_SYS_BUS_DEVICE) &&
           !phase_check(PHASE_MACHINE_READY);
}

static void device_realized(DeviceListener *listener, DeviceState *dev)
{
    Client *cl = dev->id ? find_client(dev->id) : NULL;
    Error *err = NULL;

    if (!cl || cl->gate || client_plug_must_wait(dev) ||
        client_plug(cl, dev, &err)) {
        return;
    }
    /* qdev has no way to fail here; before the guest runs, leaving is right. */
    error_report_err(err);
    if (!phase_check(PHASE_MACHINE_READY)) {
        exit(1);
    }
}

/* Hotplug of a client that does not fit fails before the device exists. */
static bool device_may_be_created(DeviceListener *listener, const QDict *opts,
                                  bool from_json, Error **errp)
{
    const char *id = qdict_get_try_str(opts, "id");
    const char *driver = qdict_get_try_str(opts, "driver");
    Client *cl = id ? find_client(id) : NULL;
    VirtIOCMA *s;

    if (!cl || !driver || !phase_check(PHASE_MACHINE_READY)) {
        return false;
    }
    s = cl->table->s;
    if (cl->lost) {
        error_setg(errp, "virtio-cma '%s': client '%s' was unplugged without "
                   "being quiet and can't come back", s->config.name, id);
    } else if (s->opts.unsafe_noiommu && !s->opts.fabric &&
        !g_str_has_prefix(driver, "vfio-pci")) {
        error_setg(errp, "virtio-cma '%s': with unsafe-noiommu=on, client '%s' "
                   "(%s) must be a vfio-pci device of a no-IOMMU group",
                   s->config.name, id, driver);
    }
    return false;               /* "hide it?" */
}

static DeviceListener listener = {
    .realize = device_realized,
    .hide_device = device_may_be_created,
};

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

            if (cl->gate) {
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
        Client *taken = find_client(c->client[i].id);

        if (taken) {
            error_setg(errp, "virtio-cma '%s': client '%s' is named by region "
                       "'%s' already", s->config.name, taken->id,
                       taken->table->s->config.name);
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
        DeviceState *dev = qdev_find_recursive(sysbus_get_default(), cl->id);

        if (dev && dev->realized && !cl->gate && !client_plug_must_wait(dev) &&
            !client_plug(cl, dev, errp)) {
            hvcma_clients_unregister(s);
            return false;
        }
    }
    return true;
}

void hvcma_clients_unregister(VirtIOCMA *s)
{
    HvcmaClients *c = s->clients;
    uint32_t i;

    QLIST_REMOVE(c, next);
    for (i = 0; i < c->nr; i++) {
        DeviceState *dev = c->client[i].dev;

        if (c->client[i].gate) {
            client_gone(&c->client[i]);
        }
        if (dev && s->opts.unsafe_noiommu) {
            orphan_new(dev);
        }
    }
    if (c->fabric) {
        hvcma_fabric_free(c->fabric);
        c->fabric = NULL;
    }
}

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

int hvcma_clients_claim(HvcmaClients *c, uint32_t client)
{
    Client *cl = &c->client[client];
    Error *err = NULL;

    if (!cl->gate) {
        return -VIRTIO_CMA_S_CLIENT_STATE;
    }
    if (!hvcma_gate_open(cl->gate, &err)) {
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
    return hvcma_gate_close(cl->gate, errp);
}

int hvcma_clients_quiesce(HvcmaClients *c, uint32_t client)
{
    Client *cl = &c->client[client];
    Error *err = NULL;

    if (cl->lost) {
        return -VIRTIO_CMA_S_IO; /* nobody will ever tell us that it is quiet */
    }
    if (cl->gate && !close_gate(cl, &err)) {
        complain(cl, "is not quiet, the region's memory stays pinned", err);
        return -VIRTIO_CMA_S_IO;
    }
    return 0;
}

typedef struct {
    const char *device_id;
    const char *region;
} NoiommuSearch;

/* One -device option: is it a region with unsafe-noiommu=on for that device? */
static int match_device_option(void *opaque, QemuOpts *opts, Error **errp)
{
    NoiommuSearch *search = opaque;
    const char *driver = qemu_opt_get(opts, "driver");
    const char *clients = qemu_opt_get(opts, "clients");
    const char *region = qemu_opt_get(opts, "name") ?: qemu_opts_id(opts);
    const char *unsafe_noiommu = qemu_opt_get(opts, "unsafe-noiommu");
    g_auto(GStrv) ids = NULL;
    bool on;

    if (!driver || !clients || !unsafe_noiommu ||
        !g_str_has_prefix(driver, TYPE_VIRTIO_CMA) ||
        !qapi_bool_parse("unsafe-noiommu", unsafe_noiommu, &on, NULL) || !on) {
        return 0;
    }
    ids = g_strsplit(clients, ":", -1);
    if (g_strv_contains((const char *const *)ids, search->device_id)) {
        search->region = region ?: driver;
        return 1;
    }
    return 0;
}

const char *hvcma_clients_noiommu_region(const char *device_id)
{
    NoiommuSearch search = { .device_id = device_id };
    Client *cl;

    if (!device_id) {
        return NULL;
    }
    cl = find_client(device_id);
    if (cl) {
        return cl->table->s->opts.unsafe_noiommu ? cl->table->s->config.name :
               NULL;
    }
    qemu_opts_foreach(qemu_find_opts("device"), match_device_option, &search,
                      NULL);
    return search.region;
}

bool hvcma_clients_noiommu_attach(const char *device_id, const char *group_path,
                                  Error **errp)
{
    Client *cl;

    if (hvcma_clients_noiommu_region(device_id)) {
        return true;
    }
    cl = device_id ? find_client(device_id) : NULL;
    if (cl) {
        error_setg(errp, "%s has no IOMMU and region '%s' of client '%s' lacks "
                   "unsafe-noiommu=on", group_path, cl->table->s->config.name,
                   device_id);
    } else {
        error_setg(errp, "%s has no IOMMU and no virtio-cma region with "
                   "unsafe-noiommu=on names device '%s' in clients=",
                   group_path, device_id ?: "(without id)");
    }
    error_append_hint(errp, "Put -device virtio-cma-pci,unsafe-noiommu=on,"
                      "clients=%s,... before it. Such a device can write "
                      "anywhere in the host's memory.\n", device_id ?: "ID");
    return false;
}
