/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a closed device, see gate_bars.h.
 *
 * A cover lies over everything else in each BAR:
 *
 *     BAR   [ registers | MSI-X table | mapped pages of a device of the host ]
 *     cover [ the constant                                                   ]
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_device.h"
#include "hw/virtio/virtio-pci.h"
#include "qemu/range.h"
#include "qemu/rcu.h"
#include "standard-headers/linux/virtio_pci.h"

#include "gate_bars.h"

typedef struct Cover {
    MemoryRegion mr;            /* must be first: freed with it */
    MemoryRegion *bar;
    struct rcu_head rcu;
} Cover;

struct HvcmaGateBars {
    PCIDevice *pci;
    uint32_t window;            /* capability that leads to registers, or 0 */
    Cover *cover[PCI_NUM_REGIONS];
};

static uint64_t cover_read(void *opaque, hwaddr addr, unsigned size)
{
    return (uintptr_t)opaque ? UINT64_MAX : 0;
}

static void cover_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
}

static const MemoryRegionOps cover_ops = {
    .read = cover_read,
    .write = cover_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/*
 * Zeros are a controller without ports, command sets or devices, which drivers
 * of a class know what to do about. The drivers of SCSI adapters know theirs by
 * name, ask it nothing, and wait until a bit is set: ones end that. All but those
 * of virtio, which wait until the status of a device that they reset is zero, and
 * give up when it has no features.
 */
static bool reads_as_ones(const PCIDevice *pci)
{
    if (pci_get_word(pci->config + PCI_VENDOR_ID) ==
        PCI_VENDOR_ID_REDHAT_QUMRANET) {
        return false;
    }
    switch (pci_get_word(pci->config + PCI_CLASS_DEVICE)) {
    case PCI_CLASS_STORAGE_SCSI:
    case PCI_CLASS_STORAGE_RAID:
    case PCI_CLASS_STORAGE_SAS:
    case PCI_CLASS_STORAGE_OTHER:
        return true;
    default:
        return false;
    }
}

static Cover *cover_new(PCIDevice *pci, MemoryRegion *bar)
{
    Cover *c = g_new0(Cover, 1);

    memory_region_init_io(&c->mr, OBJECT(pci), &cover_ops,
                          (void *)(uintptr_t)reads_as_ones(pci),
                          "virtio-cma-closed", UINT64_MAX);
    /* One reference is the device's, as parent, and one is ours. */
    object_ref(OBJECT(&c->mr));
    OBJECT(&c->mr)->free = g_free;
    c->bar = bar;
    memory_region_add_subregion_overlap(bar, 0, &c->mr, INT_MAX);
    return c;
}

/* The last flat view with the cover in it is gone; the device may be, too. */
static void cover_reclaim(struct rcu_head *rcu)
{
    Cover *c = container_of(rcu, Cover, rcu);

    if (OBJECT(&c->mr)->parent) {
        object_unparent(OBJECT(&c->mr));
    }
    object_unref(OBJECT(&c->mr));
}

HvcmaGateBars *hvcma_gate_bars_new(PCIDevice *pci)
{
    HvcmaGateBars *b = g_new0(HvcmaGateBars, 1);
    int i;

    b->pci = pci;
    if (object_dynamic_cast(OBJECT(pci), TYPE_PCI_BRIDGE)) {
        return b;
    }
    if (object_dynamic_cast(OBJECT(pci), TYPE_VIRTIO_PCI)) {
        b->window = VIRTIO_PCI(pci)->config_cap;
    }
    memory_region_transaction_begin();
    for (i = 0; i < PCI_NUM_REGIONS; i++) {
        bool wanted = i == PCI_ROM_SLOT && pci->rom_bar > 0;

        if (pci->io_regions[i].size && !wanted) {
            b->cover[i] = cover_new(pci, pci->io_regions[i].memory);
        }
    }
    memory_region_transaction_commit();
    return b;
}

void hvcma_gate_bars_hide(HvcmaGateBars *b, bool hide)
{
    int i;

    memory_region_transaction_begin();
    for (i = 0; i < PCI_NUM_REGIONS; i++) {
        if (b->cover[i]) {
            memory_region_set_enabled(&b->cover[i]->mr, hide);
        }
    }
    memory_region_transaction_commit();
}

bool hvcma_gate_bars_keeps(const HvcmaGateBars *b, uint32_t addr, int len)
{
    return b->window &&
           ranges_overlap(addr, len, b->window + PCI_CAP_FLAGS,
                          sizeof(struct virtio_pci_cfg_cap) - PCI_CAP_FLAGS);
}

void hvcma_gate_bars_free(HvcmaGateBars *b)
{
    int i;

    if (!b) {
        return;
    }
    for (i = 0; i < PCI_NUM_REGIONS; i++) {
        Cover *c = b->cover[i];

        if (c) {
            memory_region_del_subregion(c->bar, &c->mr);
            call_rcu1(&c->rcu, cover_reclaim);
        }
    }
    g_free(b);
}
