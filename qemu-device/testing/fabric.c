/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test fabric, see fabric.h.
 *
 * A PCI device does DMA through the container region of its bus_master_as, in
 * which QEMU maps an alias of the machine's memory while bus mastering is on:
 *
 *   bus_master_container_region
 *     priority 1: fabric port (translates page by page)      <- added here
 *     priority 0: bus_master_enable_region (QEMU's own)
 *
 * Being on top, the port works whether QEMU has mapped its alias already (hot
 * plug) or does so at machine-init-done (cold plug), on any machine.
 */

#include "qemu/osdep.h"

#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_host.h"
#include "hw/vfio/vfio-common.h"
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/lockable.h"
#include "qemu/module.h"
#include "qemu/rcu.h"

#include "fabric.h"
#include "../stock.h"

#define TYPE_HVCMA_FABRIC_PORT "hvcma-fabric-port"
#define FABRIC_PAGE_MASK 0xfffULL

OBJECT_DECLARE_SIMPLE_TYPE(HvcmaFabricPort, HVCMA_FABRIC_PORT)

struct HvcmaFabricPort {
    IOMMUMemoryRegion parent_obj;

    struct rcu_head rcu;
    PCIDevice *dev;
    hwaddr last_fault;
    struct hvcma_dma_windows windows;
    GQueue users;               /* HvcmaFabric, the first one first */
    QLIST_ENTRY(HvcmaFabricPort) next;
};

struct HvcmaFabric {
    char *name;
    HvcmaFabricLookup *lookup;
    void *opaque;
    uint64_t nr_faults;
    QLIST_ENTRY(HvcmaFabric) next;
};

/*
 * Devices look up outside the big lock. Changes hold both locks, so that under
 * either one the lists stand still; @lookup is called with this one held.
 */
static QemuMutex fabrics_lock;
static QLIST_HEAD(, HvcmaFabric) fabrics = QLIST_HEAD_INITIALIZER(fabrics);
static QLIST_HEAD(, HvcmaFabricPort) ports = QLIST_HEAD_INITIALIZER(ports);

/*
 * Interrupt doorbells are registers of interrupt controllers. Registers and
 * config space of PCI devices are not: DMA that lands there has gone astray.
 */
static bool fabric_is_doorbell(hwaddr addr)
{
    MemoryRegionSection section = memory_region_find(get_system_memory(), addr,
                                                     sizeof(uint32_t));
    Object *owner;
    bool doorbell;

    if (!section.mr) {
        return false;
    }
    owner = memory_region_owner(section.mr);
    doorbell = !memory_region_is_ram(section.mr) &&
               !memory_region_is_romd(section.mr) &&
               !(owner && (object_dynamic_cast(owner, TYPE_PCI_DEVICE) ||
                           object_dynamic_cast(owner, TYPE_PCI_HOST_BRIDGE)));
    memory_region_unref(section.mr);
    return doorbell;
}

static void fabric_count_fault(HvcmaFabricPort *port, hwaddr addr,
                               IOMMUAccessFlags flag)
{
    hwaddr last = qatomic_xchg(&port->last_fault, addr);
    HvcmaFabric *f;

    /* QEMU goes on word by word where an access hits nothing: one fault. */
    if (addr > last && addr - last <= sizeof(uint64_t) &&
        (addr & FABRIC_PAGE_MASK)) {
        return;
    }
    QEMU_LOCK_GUARD(&fabrics_lock);
    f = g_queue_peek_head(&port->users);
    /* A broken guest faults without end: tell of the 1st, 2nd, 4th, 8th... */
    if (f && is_power_of_2(++f->nr_faults)) {
        warn_report("virtio-cma %s: %s: DMA %s address 0x%" HWADDR_PRIx
                    " which is not pinned (fault %" PRIu64 ")", f->name,
                    port->dev->qdev.id ?: port->dev->name,
                    flag == IOMMU_WO ? "write to" : "read from", addr,
                    f->nr_faults);
    }
}

static bool fabric_lookup(HvcmaFabricPort *port, hwaddr addr, uint64_t *gpa)
{
    uint64_t bytes_left, dma;
    HvcmaFabric *f;

    QEMU_LOCK_GUARD(&fabrics_lock);
    if (!hvcma_dma_windows_to_dma(&port->windows, addr, FABRIC_PAGE_MASK + 1,
                                  &dma)) {
        return false;
    }
    QLIST_FOREACH(f, &fabrics, next) {
        if (f->lookup(f->opaque, dma, gpa, &bytes_left)) {
            return true;
        }
    }
    return false;
}

static IOMMUTLBEntry fabric_translate(IOMMUMemoryRegion *iommu, hwaddr addr,
                                      IOMMUAccessFlags flag, int iommu_idx)
{
    HvcmaFabricPort *port = HVCMA_FABRIC_PORT(iommu);
    IOMMUTLBEntry entry = {
        .target_as = &address_space_memory,
        .iova = addr & ~FABRIC_PAGE_MASK,
        .translated_addr = addr & ~FABRIC_PAGE_MASK,
        .addr_mask = FABRIC_PAGE_MASK,
        .perm = IOMMU_NONE,
    };
    uint64_t gpa;

    if (!(pci_get_word(port->dev->config + PCI_COMMAND) &
          PCI_COMMAND_MASTER)) {
        return entry;
    }
    if (fabric_lookup(port, entry.iova, &gpa)) {
        entry.translated_addr = gpa;
        entry.perm = IOMMU_RW;
    } else if (flag == IOMMU_WO && fabric_is_doorbell(addr)) {
        entry.perm = IOMMU_WO;
    } else if (flag != IOMMU_NONE) {
        fabric_count_fault(port, addr, flag);
    }
    return entry;
}

static HvcmaFabricPort *fabric_find_port(const PCIDevice *dev)
{
    HvcmaFabricPort *port;

    QLIST_FOREACH(port, &ports, next) {
        if (port->dev == dev) {
            return port;
        }
    }
    return NULL;
}

HvcmaFabric *hvcma_fabric_new(const char *name, HvcmaFabricLookup *lookup,
                              void *opaque)
{
    HvcmaFabric *f = g_new0(HvcmaFabric, 1);

    f->name = g_strdup(name);
    f->lookup = lookup;
    f->opaque = opaque;
    QEMU_LOCK_GUARD(&fabrics_lock);
    QLIST_INSERT_HEAD(&fabrics, f, next);
    return f;
}

static HvcmaFabricPort *fabric_new_port(PCIDevice *dev)
{
    HvcmaFabricPort *port = g_new0(HvcmaFabricPort, 1);

    memory_region_init_iommu(port, sizeof(*port), TYPE_HVCMA_FABRIC_PORT,
                             OBJECT(dev), TYPE_HVCMA_FABRIC_PORT, UINT64_MAX);
    /* One reference is the device's, as parent, and one is ours. */
    object_ref(OBJECT(port));
    OBJECT(port)->free = g_free;
    port->dev = dev;
    g_queue_init(&port->users);
    QLIST_INSERT_HEAD(&ports, port, next);
    memory_region_add_subregion_overlap(&dev->bus_master_container_region, 0,
                                        MEMORY_REGION(port), 1);
    return port;
}

bool hvcma_fabric_add(HvcmaFabric *f, PCIDevice *dev,
                      const struct hvcma_dma_windows *windows, Error **errp)
{
    const char *id = dev->qdev.id ?: dev->name;
    HvcmaFabricPort *port = fabric_find_port(dev);

    if (vfio_get_vfio_device(OBJECT(dev))) {
        error_setg(errp, "virtio-cma %s: x-fabric=on is for emulated devices, "
                   "%s is passed through", f->name, id);
        return false;
    }
    if (pci_device_iommu_address_space(dev) != &address_space_memory) {
        error_setg(errp, "virtio-cma %s: x-fabric=on: %s is behind an emulated "
                   "IOMMU", f->name, id);
        return false;
    }
    port = port ?: fabric_new_port(dev);
    QEMU_LOCK_GUARD(&fabrics_lock);
    port->windows = *windows;
    g_queue_push_tail(&port->users, f);
    return true;
}

/* The last flat view with the port in it is gone; the device may be, too. */
static void fabric_free_port(struct rcu_head *rcu)
{
    HvcmaFabricPort *port = container_of(rcu, HvcmaFabricPort, rcu);

    if (OBJECT(port)->parent) {
        object_unparent(OBJECT(port));
    }
    object_unref(OBJECT(port));
}

void hvcma_fabric_remove(HvcmaFabric *f, PCIDevice *dev)
{
    HvcmaFabricPort *port = fabric_find_port(dev);

    if (!port) {
        return;
    }
    WITH_QEMU_LOCK_GUARD(&fabrics_lock) {
        g_queue_remove(&port->users, f);
        if (!g_queue_is_empty(&port->users)) {
            return;
        }
    }
    QLIST_REMOVE(port, next);
    memory_region_del_subregion(&dev->bus_master_container_region,
                                MEMORY_REGION(port));
    call_rcu1(&port->rcu, fabric_free_port);
}

uint64_t hvcma_fabric_nr_faults(const HvcmaFabric *f)
{
    QEMU_LOCK_GUARD(&fabrics_lock);
    return f->nr_faults;
}

static guint fabric_count_uses(const HvcmaFabric *f, HvcmaFabricPort *port)
{
    guint nr = 0;
    GList *user;

    for (user = port->users.head; user; user = user->next) {
        nr += user->data == f;
    }
    return nr;
}

void hvcma_fabric_free(HvcmaFabric *f)
{
    HvcmaFabricPort *port, *next;

    if (!f) {
        return;
    }
    QLIST_FOREACH_SAFE(port, &ports, next, next) {
        PCIDevice *dev = port->dev;
        guint nr = fabric_count_uses(f, port);

        while (nr--) {
            hvcma_fabric_remove(f, dev);
        }
    }
    WITH_QEMU_LOCK_GUARD(&fabrics_lock) {
        QLIST_REMOVE(f, next);
    }
    g_free(f->name);
    g_free(f);
}

static void fabric_port_class_init(ObjectClass *klass, void *data)
{
    IOMMU_MEMORY_REGION_CLASS(klass)->translate = fabric_translate;
}

static const TypeInfo fabric_port_info = {
    .name = TYPE_HVCMA_FABRIC_PORT,
    .parent = TYPE_IOMMU_MEMORY_REGION,
    .instance_size = sizeof(HvcmaFabricPort),
    .class_init = fabric_port_class_init,
};

static void fabric_register_types(void)
{
    qemu_mutex_init(&fabrics_lock);
    type_register_static(&fabric_port_info);
}

type_init(fabric_register_types)
