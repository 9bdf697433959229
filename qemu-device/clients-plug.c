/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients that come and go: their devices, the spare entries of the default
 * region, and the regions themselves. See clients.h.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/qdev-core.h"
#include "hw/sysbus.h"
#include "qobject/qdict.h"
#include "system/system.h"

#include "attr.h"
#include "backing.h"
#include "client-fit.h"
#include "clients-internal.h"
#include "gate.h"
#include "printable.h"
#include "requests.h"
#include "static.h"
#include "test-hooks.h"
#include "trace.h"
#include "turn.h"
#include "vfio-noiommu.h"
#include "client-windows.h"
#ifdef HVCMA_STOCK_QEMU
#include "vfio-platform.h"
#endif

/* ---- plug and unplug ---- */

static bool client_locate(HvcmaClient *cl, DeviceState *dev, Error **errp)
{
    ERRP_GUARD();

    if (hvcma_device_locate(dev, &cl->place, errp)) {
        return true;
    }
    error_prepend(errp, "virtio-cma '%s': client '%s' ",
                  cl->table->s->config.name, cl->id);
    return false;
}

/*
 * A region that hands out host-physical addresses must not confuse a device
 * whose DMA goes to guest-physical ones.
 */
static bool client_fits(HvcmaClient *cl, DeviceState *dev, Error **errp)
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
        (hvcma_test_has_bus(s) &&
         object_dynamic_cast(OBJECT(dev), TYPE_PCI_DEVICE))) {
        return true;
    }
    error_setg(errp, "virtio-cma '%s': with unsafe-noiommu=on, client '%s' "
               "(%s) must be a vfio-pci device of a no-IOMMU group%s",
               s->config.name, cl->id, object_get_typename(OBJECT(dev)),
               hvcma_test_has_bus(s) ? " or an emulated PCI device" : "");
    return false;
}

static bool client_connect(HvcmaClient *cl, DeviceState *dev,
                           const struct hvcma_dma_windows *windows,
                           Error **errp)
{
    HvcmaClients *c = cl->table;
    g_autofree char *enable = NULL;

    if (!hvcma_vfio_is_noiommu(OBJECT(dev))) {
        return hvcma_test_connect(c->s, dev, cl->id, windows, errp);
    }
    enable = hvcma_vfio_enable_path(OBJECT(dev));
#ifdef HVCMA_STOCK_QEMU
    if (vfio_platform_noiommu(dev)) {
        VFIOPlatformNoiommu *p = vfio_platform_noiommu(dev);

        return hvcma_backing_watch_device(c->s->backing, enable,
                                          p->vbasedev.fd,
                                          p->has_rule ? &p->rule : NULL, errp);
    }
#endif
    return hvcma_backing_watch(c->s->backing, enable, errp);
}

static void client_disconnect(HvcmaClient *cl, bool quiesced)
{
    DeviceState *dev = hvcma_device_of(&cl->user);
    HvcmaClients *c = cl->table;
    g_autofree char *enable = NULL;

    if (!hvcma_vfio_is_noiommu(OBJECT(dev))) {
        hvcma_test_disconnect(c->s, dev);
    } else if (quiesced) {
        enable = hvcma_vfio_enable_path(OBJECT(dev));
        hvcma_backing_unwatch(c->s->backing, enable);
    }
}

/* One device is behind one host bridge, whichever region asks. */
static bool client_agrees(HvcmaClient *cl, DeviceState *dev,
                          const struct hvcma_dma_windows *windows, Error **errp)
{
    HvcmaClients *c;
    uint32_t i;

    for (c = hvcma_clients_next(NULL); c; c = hvcma_clients_next(c)) {
        for (i = 0; i < c->nr; i++) {
            HvcmaClient *other = &c->client[i];
            const struct hvcma_dma_windows *theirs;
            g_autofree char *text = NULL;
            g_autofree char *their_text = NULL;

            if (!other->plugged || hvcma_device_of(&other->user) != dev) {
                continue;
            }
            theirs = hvcma_engine_client_windows(c->s->engine, i, NULL);
            if (hvcma_dma_windows_equal(theirs, windows)) {
                continue;
            }
            text = hvcma_client_windows_text(windows);
            their_text = hvcma_client_windows_text(theirs);
            error_setg(errp, "virtio-cma '%s': client '%s' has windows %s here "
                       "and %s in region '%s': dma-windows= must agree",
                       cl->table->s->config.name, cl->id, text, their_text,
                       c->s->config.name);
            return false;
        }
    }
    return true;
}

static const HvcmaDeviceUserOps user_ops;

/*
 * On failure it stays joined, if it came that far: the gate is on, and closed
 * but for what other regions allow.
 */
static bool client_plug(HvcmaClient *cl, DeviceState *named, Error **errp)
{
    DeviceState *dev = hvcma_device_on_bus(named);
    VirtIOCMA *s = cl->table->s;
    struct hvcma_dma_windows windows;
    struct hvcma_client_info info;
    enum virtio_cma_status status;
    g_autofree char *from = NULL;
    uint32_t source;

    cl->user.ops = &user_ops;
    if (!client_fits(cl, named, errp) || !client_locate(cl, dev, errp) ||
        !hvcma_device_join(&cl->user, dev, errp)) {
        return false;
    }
#ifdef HVCMA_STOCK_QEMU
    if (s->opts.trace) {
        hvcma_trace_start(dev->id ?: object_get_typename(OBJECT(dev)));
    }
#endif
    if (!hvcma_client_windows_of(s, cl->id, dev, &windows, &source, &from,
                                 errp) ||
        !client_agrees(cl, dev, &windows, errp) ||
        !hvcma_client_windows_reach(s, cl->id, &windows, source, UINT64_MAX,
                                    errp) ||
        !client_connect(cl, dev, &windows, errp)) {
        return false;
    }
    info = (struct hvcma_client_info) {
        .bus = cl->place.bus,
        .coherent = hvcma_attr_operator(s, cl->id),
        .emulated = hvcma_attr_is_emulated(OBJECT(dev)),
        .resv = cl->resv,
        .windows = &windows,
        .windows_source = source,
        .kind = cl->kind,
        .name = cl->id,
        .path = cl->place.path,
    };
    status = hvcma_engine_client_added(s->engine, cl->index, &info);
    if (status) {
        error_setg(errp, "virtio-cma '%s': client '%s': %s", s->config.name,
                   cl->id, hvcma_status_text(status));
        client_disconnect(cl, true);
        return false;
    }
    cl->plugged = true;
    g_free(cl->windows_from);
    cl->windows_from = g_steal_pointer(&from);
    trace_virtio_cma_client_plugged(s->config.name, cl->id, cl->place.path);
    hvcma_send_event(s, cl->index, VIRTIO_CMA_EVENT_CLIENT_ADDED);
    hvcma_static_client_added(s, cl->index);
    return true;
}

/* The device still works; where it goes, or its region does. */
static void client_unplug(HvcmaClient *cl, bool stay_off)
{
    VirtIOCMA *s = cl->table->s;
    bool quiesced;

    if (cl->plugged) {
        trace_virtio_cma_client_unplugging(s->config.name, cl->id);
        quiesced = !hvcma_engine_client_removed(s->engine, cl->index);
        if (!cl->plugged) {
            return;             /* it went while it was being stopped */
        }
        if (!quiesced) {
            error_report("virtio-cma '%s': client '%s' went without being "
                         "quiesced: its memory stays pinned", s->config.name,
                         cl->id);
            cl->quarantined = true;
        }
        client_disconnect(cl, quiesced);
        cl->plugged = false;
        hvcma_send_event(s, cl->index, VIRTIO_CMA_EVENT_CLIENT_REMOVED);
    }
    hvcma_device_leave(&cl->user, stay_off);
    if (cl->spare && !cl->quarantined) {
        cl->id[0] = 0;
    }
}

static void client_gone(HvcmaDeviceUser *u)
{
    HvcmaClient *cl = container_of(u, HvcmaClient, user);
    VirtIOCMA *s = cl->table->s;

    hvcma_turn_begin(s);
    client_unplug(cl, false);
    hvcma_turn_end(s);
}

static void client_quarantined(HvcmaDeviceUser *u)
{
    HvcmaClient *cl = container_of(u, HvcmaClient, user);

    if (cl->plugged) {
        hvcma_engine_client_quarantined(cl->table->s->engine, cl->index);
    }
}

static const HvcmaDeviceUserOps user_ops = {
    .gone = client_gone,
    .quarantined = client_quarantined,
};

/* Does its own region have memory that its address bits are enough for? */
static bool region_reached(HvcmaClient *cl, Error **errp)
{
    VirtIOCMA *s = cl->table->s;
    const struct hvcma_dma_windows *windows;
    uint64_t highest;
    uint32_t source;

    if (!s->opts.unsafe_noiommu) {
        return true;
    }
    highest = hvcma_client_highest_bus(hvcma_device_of(&cl->user));
    windows = hvcma_engine_client_windows(s->engine, cl->index, &source);
    return hvcma_client_windows_reach(s, cl->id, windows, source, highest,
                                      errp);
}

/* A device may be a client of several regions: one has to have some. */
static bool client_has_memory(HvcmaClient *cl, Error **errp)
{
    HvcmaClients *c;
    uint32_t i;

    for (c = hvcma_clients_next(NULL); c; c = hvcma_clients_next(c)) {
        for (i = 0; i < c->nr; i++) {
            HvcmaClient *other = &c->client[i];

            if (other->plugged &&
                hvcma_device_of(&other->user) == hvcma_device_of(&cl->user) &&
                region_reached(other, NULL)) {
                return true;
            }
        }
    }
    return region_reached(cl, errp);
}

/* ---- spare entries of the default region ---- */

/* Does the region serve the device, or is it to, by any entry? */
static bool region_has(const HvcmaClients *c, const DeviceState *dev)
{
    uint32_t i;

    for (i = 0; i < c->nr; i++) {
        const HvcmaClient *cl = &c->client[i];

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

    for (other = hvcma_clients_next(NULL); other;
         other = hvcma_clients_next(other)) {
        if (other != c && region_has(other, dev)) {
            return other->s->opts.unsafe_noiommu == c->s->opts.unsafe_noiommu &&
                   hvcma_test_bus_agrees(c->s, other->s, NULL, NULL);
        }
    }
    return c->s->opts.unsafe_noiommu && hvcma_vfio_is_noiommu(OBJECT(dev));
}

static void take_spare(DeviceState *dev, void *opaque)
{
    HvcmaClients *c = hvcma_clients_default();
    HvcmaClient *cl = NULL;
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
    HvcmaClient *cl = hvcma_clients_next_named(NULL, dev->id);
    Error *err = NULL;

#ifdef HVCMA_STOCK_QEMU
    hvcma_gate_device_realized(dev);
#endif
    if (client_plug_must_wait(dev)) {
        return;
    }
    for (; cl; cl = hvcma_clients_next_named(cl, dev->id)) {
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
    HvcmaClient *cl;

    if (!driver || !phase_check(PHASE_MACHINE_READY)) {
        return false;
    }
    for (cl = hvcma_clients_next_named(NULL, id); cl;
         cl = hvcma_clients_next_named(cl, id)) {
        VirtIOCMA *s = cl->table->s;

        if (cl->quarantined) {
            error_setg(errp, "virtio-cma '%s': client '%s' was unplugged "
                       "without being quiesced and can't come back",
                       s->config.name, id);
            break;
        }
        if (s->opts.unsafe_noiommu && !hvcma_test_has_bus(s) &&
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

/* All regions are there, and so are all their clients. */
static void check_memory_of_clients(void)
{
    HvcmaClients *c;
    Error *err = NULL;
    uint32_t i;

    for (c = hvcma_clients_next(NULL); c; c = hvcma_clients_next(c)) {
        for (i = 0; i < c->nr; i++) {
            if (c->client[i].plugged &&
                !client_has_memory(&c->client[i], &err)) {
                error_report_err(err);
                exit(1);
            }
        }
    }
}

/* Every client named on the command line must be there now. */
static void machine_done(Notifier *notifier, void *data)
{
    HvcmaClients *c;
    uint32_t i;

    for (c = hvcma_clients_next(NULL); c; c = hvcma_clients_next(c)) {
        for (i = 0; i < c->nr; i++) {
            HvcmaClient *cl = &c->client[i];
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
    check_memory_of_clients();
    hvcma_device_foreach(take_spare, NULL);
    hvcma_device_foreach(warn_if_booted, NULL);
}

static Notifier machine_done_notifier = { .notify = machine_done };

static void listen_once(void)
{
    static bool listening;

    if (!listening) {
        listening = true;
#ifndef HVCMA_STOCK_QEMU
        hvcma_gate_listen();
#endif
        device_listener_register(&listener);
        if (!phase_check(PHASE_MACHINE_READY)) {
            qemu_add_machine_init_done_notifier(&machine_done_notifier);
        }
    }
}

/* ---- regions come and go ---- */

bool hvcma_clients_register(VirtIOCMA *s, Error **errp)
{
    HvcmaClients *c = s->clients;
    uint32_t i;

    if (!hvcma_clients_enter(c, errp)) {
        return false;
    }
    hvcma_test_bus_up(s);
    listen_once();

    for (i = 0; i < c->nr; i++) {
        HvcmaClient *cl = &c->client[i];
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

    hvcma_clients_leave(c);
    for (i = 0; i < c->nr; i++) {
        client_unplug(&c->client[i], s->opts.unsafe_noiommu);
    }
    hvcma_test_bus_down(s);
}
