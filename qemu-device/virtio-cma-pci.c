/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-cma-pci: virtio-cma behind virtio-pci. Transport, hot-unplug and the
 * properties of the device shown on the proxy; nothing of the protocol.
 */
#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/virtio/virtio-md-pci.h"
#include "hw/virtio/virtio-pci.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_ids.h"

#include "clients.h"
#include "virtio-cma.h"

typedef struct VirtIOCMAPCI {
    VirtIOMDPCI parent_obj;
    VirtIOCMA vdev;
} VirtIOCMAPCI;

DECLARE_INSTANCE_CHECKER(VirtIOCMAPCI, VIRTIO_CMA_PCI, TYPE_VIRTIO_CMA_PCI)

static void virtio_cma_pci_realize(VirtIOPCIProxy *proxy, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(&VIRTIO_CMA_PCI(proxy)->vdev);

    if (proxy->nvectors == (uint32_t)DEV_NVECTORS_UNSPECIFIED) {
        proxy->nvectors = VIRTIO_CMA_NR_VQS + 1;
    }
    virtio_pci_force_virtio_1(proxy);
    if (!qdev_realize(DEVICE(vdev), BUS(&proxy->bus), errp)) {
        return;
    }
#ifdef HVCMA_STOCK_QEMU
    /*
     * The guest reads the id in PCI configuration space, where it is by now.
     * QEMU's x-query-virtio-status aborts on ids it does not know: leave it one
     * that it does, of a device without features of its own.
     */
    vdev->device_id = VIRTIO_ID_PMEM;
#endif
}

/*
 * Hot-unplug takes the memory away: only when nobody uses it. What the driver
 * keeps in reserve for everybody it frees itself, and what is online it
 * isolates, before it lets the device go; for orphaned memory, whose driver is
 * gone, nobody would do that.
 */
static void virtio_cma_pci_unplug_request_check(VirtIOMDPCI *vmd, Error **errp)
{
    VirtIOCMA *s = &VIRTIO_CMA_PCI(vmd)->vdev;
    struct hvcma_engine_counters counters;
    uint64_t from = 0, first, nr;
    uint32_t client, purpose, i;

    hvcma_engine_counters(s->engine, &counters);
    if (counters.orphaned_bytes) {
        error_setg(errp, "virtio-cma '%s': %" PRIu64 " bytes are orphaned, RAM "
                   "of the guest whose driver is gone: load the "
                   "driver again, or reset the machine", s->config.name,
                   counters.orphaned_bytes);
        return;
    }
    for (i = 0; i < s->config.nr_clients; i++) {
        if (hvcma_engine_client_state(s->engine, i) ==
            VIRTIO_CMA_CLIENT_CLAIMED) {
            error_setg(errp, "virtio-cma '%s': client '%s' is in use by the "
                       "guest", s->config.name,
                       hvcma_clients_id(s->clients, i));
            return;
        }
    }
    while (hvcma_engine_next_block(s->engine, from, &first, &nr, &client,
                                   &purpose)) {
        bool shared = client >= s->config.nr_clients;

        if (!shared || purpose != VIRTIO_CMA_PURPOSE_POOL) {
            error_setg(errp, "virtio-cma '%s': the guest has a block of %"
                       PRIu64 " bytes for %s '%s'", s->config.name,
                       nr * s->config.granule_bytes,
                       shared ? "purpose" : "client",
                       shared ? hvcma_report_purpose(purpose) :
                       hvcma_clients_id(s->clients, client));
            return;
        }
        from = first + nr;
    }
}

static const Property virtio_cma_pci_properties[] = {
    DEFINE_PROP_BIT("ioeventfd", VirtIOPCIProxy, flags,
                    VIRTIO_PCI_FLAG_USE_IOEVENTFD_BIT, true),
    DEFINE_PROP_UINT32("vectors", VirtIOPCIProxy, nvectors,
                       DEV_NVECTORS_UNSPECIFIED),
};

static void virtio_cma_pci_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    VIRTIO_PCI_CLASS(klass)->realize = virtio_cma_pci_realize;
    VIRTIO_MD_PCI_CLASS(klass)->unplug_request_check =
        virtio_cma_pci_unplug_request_check;
    pc->revision = VIRTIO_PCI_ABI_VERSION;
    pc->class_id = PCI_CLASS_OTHERS;
    dc->desc = "contiguous pinned memory for guest devices";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, virtio_cma_pci_properties);
    object_class_property_set_description(klass, "ioeventfd",
        "queue notifications by eventfd instead of an exit to QEMU");
    object_class_property_set_description(klass, "vectors",
        "MSI-X vectors (default: one for each queue and one more)");
    hvcma_memory_device_class_init(klass);
}

static void virtio_cma_pci_instance_init(Object *obj)
{
    VirtIOCMAPCI *proxy = VIRTIO_CMA_PCI(obj);

    virtio_instance_init_common(obj, &proxy->vdev, sizeof(proxy->vdev),
                                TYPE_VIRTIO_CMA);
}

static const VirtioPCIDeviceTypeInfo virtio_cma_pci_info = {
    .base_name = TYPE_VIRTIO_CMA_PCI,
    .parent = TYPE_VIRTIO_MD_PCI,
    .generic_name = "virtio-cma-pci",
    .instance_size = sizeof(VirtIOCMAPCI),
    .instance_init = virtio_cma_pci_instance_init,
    .class_init = virtio_cma_pci_class_init,
};

static void virtio_cma_pci_register_types(void)
{
    virtio_pci_types_register(&virtio_cma_pci_info);
}
type_init(virtio_cma_pci_register_types)
