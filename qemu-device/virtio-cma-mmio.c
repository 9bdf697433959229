/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-cma-device: virtio-cma on a virtio-mmio slot. Does for itself what
 * machines do for PCI only: finds an address for the region and maps it.
 * Nothing of the protocol.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "hw/boards.h"
#include "hw/sysbus.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_ids.h"
#include "standard-headers/linux/virtio_mmio.h"

#include "virtio-cma.h"

typedef struct VirtIOCMADevice {
    VirtIOCMA parent_obj;
#ifdef HVCMA_STOCK_QEMU
    MemoryRegion id_register;
#endif
} VirtIOCMADevice;

DECLARE_INSTANCE_CHECKER(VirtIOCMADevice, VIRTIO_CMA_DEVICE,
                         TYPE_VIRTIO_CMA_DEVICE)

static DeviceState *slot_of(DeviceState *dev)
{
    return qdev_get_parent_bus(dev)->parent;
}

#ifdef HVCMA_STOCK_QEMU
/*
 * The guest reads the id from this register. It is laid over the slot's own so
 * that the device can have an id that QEMU's x-query-virtio-status knows: that
 * aborts on others.
 */
static uint64_t id_read(void *opaque, hwaddr addr, unsigned size)
{
    return VIRTIO_ID_CMA;
}

static void id_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps id_ops = {
    .read = id_read,
    .write = id_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static MemoryRegion *slot_registers(DeviceState *dev)
{
    return sysbus_mmio_get_region(SYS_BUS_DEVICE(slot_of(dev)), 0);
}

static void show_id(DeviceState *dev)
{
    VirtIOCMADevice *d = VIRTIO_CMA_DEVICE(dev);

    memory_region_init_io(&d->id_register, OBJECT(dev), &id_ops, NULL,
                          "virtio-cma-id", sizeof(uint32_t));
    memory_region_add_subregion_overlap(slot_registers(dev),
                                        VIRTIO_MMIO_DEVICE_ID,
                                        &d->id_register, 1);
    VIRTIO_DEVICE(dev)->device_id = VIRTIO_ID_PMEM;
}

static void hide_id(DeviceState *dev)
{
    VirtIOCMADevice *d = VIRTIO_CMA_DEVICE(dev);

    memory_region_del_subregion(slot_registers(dev), &d->id_register);
    object_unparent(OBJECT(&d->id_register));
}
#endif

static bool check_slot(VirtIOCMA *s, Error **errp)
{
    Object *slot = OBJECT(slot_of(DEVICE(s)));

    if (!object_property_get_bool(slot, "force-legacy", NULL)) {
        return true;
    }
    error_setg(errp, "virtio-cma '%s': virtio-mmio is in its legacy version 1, "
               "version 2 is needed (-global virtio-mmio.force-legacy=false)",
               s->config.name);
    return false;
}

static void virtio_cma_device_realize(DeviceState *dev, Error **errp)
{
    ERRP_GUARD();
    MachineState *ms = MACHINE(qdev_get_machine());
    VirtIOCMA *s = VIRTIO_CMA(dev);

    if (!hvcma_options_check(s, errp) || !hvcma_memory_device_check(s, errp) ||
        !check_slot(s, errp)) {
        return;
    }
    memory_device_pre_plug(MEMORY_DEVICE(dev), ms, errp);
    if (*errp) {
        return;
    }
    virtio_cma_realize(dev, errp);
    if (*errp) {
        return;
    }
    memory_device_plug(MEMORY_DEVICE(dev), ms);
#ifdef HVCMA_STOCK_QEMU
    show_id(dev);
#endif
}

static void virtio_cma_device_unrealize(DeviceState *dev)
{
#ifdef HVCMA_STOCK_QEMU
    hide_id(dev);
#endif
    memory_device_unplug(MEMORY_DEVICE(dev), MACHINE(qdev_get_machine()));
    virtio_cma_unrealize(dev);
}

static void virtio_cma_device_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    dc->user_creatable = true;
    dc->hotpluggable = false;   /* virtio-mmio slots are fixed */
    dc->desc = "contiguous pinned memory for guest devices (virtio-mmio)";
    vdc->realize = virtio_cma_device_realize;
    vdc->unrealize = virtio_cma_device_unrealize;
    hvcma_memory_device_class_init(klass);
}

static const TypeInfo virtio_cma_device_info = {
    .name = TYPE_VIRTIO_CMA_DEVICE,
    .parent = TYPE_VIRTIO_CMA,
    .instance_size = sizeof(VirtIOCMADevice),
    .class_init = virtio_cma_device_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_MEMORY_DEVICE },
        { }
    },
};

static void virtio_cma_device_register_types(void)
{
    type_register_static(&virtio_cma_device_info);
}
type_init(virtio_cma_device_register_types)
