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
#include "qemu/module.h"
#include "qemu/rcu.h"

#include "fabric.h"

#define TYPE_HVCMA_FABRIC_PORT "hvcma-fabric-port"
#define FABRIC_PAGE_MASK 0xfffULL

OBJECT_DECLARE_SIMPLE_TYPE(HvcmaFabricPort, HVCMA_FABRIC_PORT)

struct HvcmaFabricPort {
    IOMMUMemoryRegion parent_obj;

    struct rcu_head rcu;
    HvcmaFabric *fabric;
    PCIDevice *dev;
    hwaddr last_fault;
    QLIST_ENTRY(HvcmaFabricPort) next;
};

struct HvcmaFabric {
    char *name;
    HvcmaFabricLookup *lookup;
    void *opaque;
    uint64_t nr_faults;
    QLIST_HEAD(, HvcmaFabricPort) ports;
};

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
    HvcmaFabric *f = port->fabric;
    hwaddr last = qatomic_xchg(&port->last_fault, addr);
    uint64_t nr;

    /* QEMU goes on word by word where an access hits nothing: one fault. */
    if (addr > last && addr - last <= sizeof(uint64_t) &&
        (addr & FABRIC_PAGE_MASK)) {
        return;
    }
    nr = qatomic_fetch_inc(&f->nr_faults) + 1;
    /* A broken guest faults without end: tell of the 1st, 2nd, 4th, 8th... */
    if (is_power_of_2(nr)) {
        warn_report("virtio-cma %s: %s: DMA %s address 0x%" HWADDR_PRIx
                    " which is not pinned (fault %" PRIu64 ")", f->name,
                    port->dev->qdev.id ?: port->dev->name,
                    flag == IOMMU_WO ? "write to" : "read from", addr, nr);
    }
}

static IOMMUTLBEntry fabric_translate(IOMMUMemoryRegion *iommu, hwaddr addr,
                                      IOMMUAccessFlags flag, int iommu_idx)
{
    HvcmaFabricPort *port = HVCMA_FABRIC_PORT(iommu);
    HvcmaFabric *f = port->fabric;
    IOMMUTLBEntry entry = {
        .target_as = &address_space_memory,
        .iova = addr & ~FABRIC_PAGE_MASK,
        .translated_addr = addr & ~FABRIC_PAGE_MASK,
        .addr_mask = FABRIC_PAGE_MASK,
        .perm = IOMMU_NONE,
    };
    uint64_t gpa, bytes_left;

    if (!(pci_get_word(port->dev->config + PCI_COMMAND) &
          PCI_COMMAND_MASTER)) {
        return entry;
    }
    if (f->lookup(f->opaque, entry.iova, &gpa, &bytes_left)) {
        entry.translated_addr = gpa;
        entry.perm = IOMMU_RW;
    } else if (flag == IOMMU_WO && fabric_is_doorbell(addr)) {
        entry.perm = IOMMU_WO;
    } else if (flag != IOMMU_NONE) {
        fabric_count_fault(port, addr, flag);
    }
    return entry;
}

static HvcmaFabricPort *fabric_find(HvcmaFabric *f, const PCIDevice *dev)
{
    HvcmaFabricPort *port;

    QLIST_FOREACH(port, &f->ports, next) {
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
    QLIST_INIT(&f->ports);
    return f;
}

bool hvcma_fabric_add(HvcmaFabric *f, PCIDevice *dev, Error **errp)
{
    const char *id = dev->qdev.id ?: dev->name;
    HvcmaFabricPort *port;

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
    port = g_new0(HvcmaFabricPort, 1);
    memory_region_init_iommu(port, sizeof(*port), TYPE_HVCMA_FABRIC_PORT,
                             OBJECT(dev), TYPE_HVCMA_FABRIC_PORT, UINT64_MAX);
    /* One reference is the device's, as parent, and one is ours. */
    object_ref(OBJECT(port));
    OBJECT(port)->free = g_free;
    port->fabric = f;
    port->dev = dev;
    QLIST_INSERT_HEAD(&f->ports, port, next);
    memory_region_add_subregion_overlap(&dev->bus_master_container_region, 0,
                                        MEMORY_REGION(port), 1);
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
    HvcmaFabricPort *port = fabric_find(f, dev);

    if (!port) {
        return;
    }
    QLIST_REMOVE(port, next);
    memory_region_del_subregion(&dev->bus_master_container_region,
                                MEMORY_REGION(port));
    call_rcu1(&port->rcu, fabric_free_port);
}

uint64_t hvcma_fabric_nr_faults(const HvcmaFabric *f)
{
    return qatomic_read(&f->nr_faults);
}

void hvcma_fabric_free(HvcmaFabric *f)
{
    if (!f) {
        return;
    }
    while (!QLIST_EMPTY(&f->ports)) {
        hvcma_fabric_remove(f, QLIST_FIRST(&f->ports)->dev);
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
    type_register_static(&fabric_port_info);
}

type_init(fabric_register_types)
