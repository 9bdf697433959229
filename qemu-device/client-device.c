/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Client device: what regions that serve one device share. See client-device.h.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/sysbus.h"
#include "hw/virtio/virtio.h"

#include "client-device.h"
#include "gate.h"
#ifdef HVCMA_STOCK_QEMU
#include "vfio-platform.h"
#endif

struct HvcmaClientDevice {
    DeviceState *dev;
    HvcmaGate *gate;
    bool going;                 /* its users are being told */
    QLIST_HEAD(, HvcmaDeviceUser) users;
    QTAILQ_ENTRY(HvcmaClientDevice) next;
};

static QTAILQ_HEAD(, HvcmaClientDevice) devices =
    QTAILQ_HEAD_INITIALIZER(devices);

/* ---- places ---- */

DeviceState *hvcma_device_on_bus(DeviceState *dev)
{
    DeviceState *slot = dev->parent_bus ? dev->parent_bus->parent : NULL;

    if (object_dynamic_cast(OBJECT(dev), TYPE_VIRTIO_DEVICE) && slot &&
        object_dynamic_cast(OBJECT(slot), TYPE_SYS_BUS_DEVICE)) {
        return slot;
    }
    return dev;
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

bool hvcma_device_locate(DeviceState *dev, HvcmaDevicePlace *place,
                         Error **errp)
{
    HvcmaDevicePlace p = { };
    bool located;

    if (object_dynamic_cast(OBJECT(dev), TYPE_PCI_DEVICE)) {
        p.bus = VIRTIO_CMA_BUS_PCI;
        located = pci_path(PCI_DEVICE(dev), p.path, sizeof(p.path));
    } else if (object_dynamic_cast(OBJECT(dev), TYPE_SYS_BUS_DEVICE)) {
        p.bus = VIRTIO_CMA_BUS_PLATFORM;
        located = platform_path(SYS_BUS_DEVICE(dev), p.path, sizeof(p.path));
#ifdef HVCMA_STOCK_QEMU
    } else if (vfio_platform_noiommu(dev)) {
        p.bus = VIRTIO_CMA_BUS_PLATFORM;
        snprintf(p.path, sizeof(p.path), "0x%" PRIx64,
                 vfio_platform_address(vfio_platform_noiommu(dev)));
        located = true;
#endif
    } else {
        error_setg(errp, "(%s) is neither a PCI nor a platform device",
                   object_get_typename(OBJECT(dev)));
        return false;
    }
    if (!located) {
        error_setg(errp, "(%s) has no path of at most %d bytes that the guest "
                   "could know it by", object_get_typename(OBJECT(dev)),
                   VIRTIO_CMA_PATH_BYTES - 1);
        return false;
    }
    *place = p;
    return true;
}

/* ---- users ---- */

static HvcmaClientDevice *device_find(const DeviceState *dev)
{
    HvcmaClientDevice *d;

    QTAILQ_FOREACH(d, &devices, next) {
        if (d->dev == dev) {
            return d;
        }
    }
    return NULL;
}

static void device_free(HvcmaClientDevice *d)
{
    QTAILQ_REMOVE(&devices, d, next);
    hvcma_gate_free(d->gate);
    g_free(d);
}

static void device_gone(void *opaque)
{
    HvcmaClientDevice *d = opaque;

    d->going = true;
    while (!QLIST_EMPTY(&d->users)) {
        HvcmaDeviceUser *u = QLIST_FIRST(&d->users);

        u->ops->gone(u);        /* leaves */
    }
    device_free(d);
}

bool hvcma_device_join(HvcmaDeviceUser *u, DeviceState *dev, Error **errp)
{
    HvcmaClientDevice *d = device_find(dev);

    if (!d) {
        d = g_new0(HvcmaClientDevice, 1);
        d->dev = dev;
        d->gate = hvcma_gate_new(dev, device_gone, d, errp);
        if (!d->gate) {
            g_free(d);
            return false;
        }
        QTAILQ_INSERT_TAIL(&devices, d, next);
    }
    u->device = d;
    QLIST_INSERT_HEAD(&d->users, u, next);
    return true;
}

void hvcma_device_leave(HvcmaDeviceUser *u, bool stay_off)
{
    HvcmaClientDevice *d = u->device;

    if (!d) {
        return;
    }
    QLIST_REMOVE(u, next);
    u->device = NULL;
    if (QLIST_EMPTY(&d->users) && !d->going && !stay_off) {
        device_free(d);
    }
}

bool hvcma_device_open(HvcmaDeviceUser *u, Error **errp)
{
    return hvcma_gate_open(u->device->gate, errp);
}

bool hvcma_device_close(HvcmaDeviceUser *u, Error **errp)
{
    return hvcma_gate_close(u->device->gate, errp);
}

void hvcma_device_tell_quarantined(HvcmaDeviceUser *u)
{
    HvcmaDeviceUser *other;

    QLIST_FOREACH(other, &u->device->users, next) {
        if (other != u) {
            other->ops->quarantined(other);
        }
    }
}

bool hvcma_device_is_bus_master(const HvcmaDeviceUser *u)
{
    return u->device && hvcma_gate_is_bus_master(u->device->gate);
}

DeviceState *hvcma_device_of(const HvcmaDeviceUser *u)
{
    return u->device ? u->device->dev : NULL;
}

void hvcma_device_foreach(void (*func)(DeviceState *dev, void *opaque),
                          void *opaque)
{
    HvcmaClientDevice *d;

    QTAILQ_FOREACH(d, &devices, next) {
        if (!QLIST_EMPTY(&d->users)) {
            func(d->dev, opaque);
        }
    }
}
