/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a closed device, see gate-bars.h.
 *
 * A cover lies over everything else in each BAR:
 *
 *     BAR   [ registers | MSI-X table | mapped pages of a device of the host ]
 *     cover [ an answer that does not depend on the registers                ]
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

#include "gate-bars.h"

typedef enum Answer {
    ANSWER_ZEROS,
    ANSWER_ONES,
    ANSWER_XHCI,
} Answer;

typedef struct Cover {
    MemoryRegion mr;            /* must be first: freed with it */
    MemoryRegion *bar;
    Answer answer;
    bool xhci_runs;
    struct rcu_head rcu;
} Cover;

enum {
    XHCI_CAPLENGTH = 0x00,
    XHCI_USBCMD = 0x40,
    XHCI_USBCMD_RUN = 0x1,
    XHCI_USBSTS = XHCI_USBCMD + 4,
    XHCI_USBSTS_HALTED = 0x1,
};

struct HvcmaGateBars {
    PCIDevice *pci;
    uint32_t window;            /* capability that leads to registers, or 0 */
    Cover *cover[PCI_NUM_REGIONS];
};

/* No ports, no pages of any size: nothing to do but to run and to halt. */
static uint64_t xhci_read(const Cover *c, hwaddr addr)
{
    switch (addr) {
    case XHCI_CAPLENGTH:
        return XHCI_USBCMD;
    case XHCI_USBCMD:
        return c->xhci_runs ? XHCI_USBCMD_RUN : 0;
    case XHCI_USBSTS:
        return c->xhci_runs ? 0 : XHCI_USBSTS_HALTED;
    default:
        return 0;
    }
}

static uint64_t cover_read(void *opaque, hwaddr addr, unsigned size)
{
    const Cover *c = opaque;

    switch (c->answer) {
    case ANSWER_ONES:
        return UINT64_MAX;
    case ANSWER_XHCI:
        return xhci_read(c, addr);
    default:
        return 0;
    }
}

static void cover_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Cover *c = opaque;

    if (c->answer == ANSWER_XHCI && addr == XHCI_USBCMD) {
        c->xhci_runs = val & XHCI_USBCMD_RUN;
    }
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
 * name, ask it nothing, and wait until a bit is set: ones end that. All but
 * those of virtio, which wait until the status of a device that they reset is
 * zero, and give up when it has no features. UEFI's driver of xHCI halts what
 * it has started when it leaves the machine to an operating system, and waits
 * for it without limit: it measures time by a timer that is off by then (edk2
 * until 2023).
 */
static Answer answer_of(const PCIDevice *pci)
{
    if (pci_get_word(pci->config + PCI_VENDOR_ID) ==
        PCI_VENDOR_ID_REDHAT_QUMRANET) {
        return ANSWER_ZEROS;
    }
    switch (pci_get_word(pci->config + PCI_CLASS_DEVICE)) {
    case PCI_CLASS_STORAGE_SCSI:
    case PCI_CLASS_STORAGE_RAID:
    case PCI_CLASS_STORAGE_SAS:
    case PCI_CLASS_STORAGE_OTHER:
        return ANSWER_ONES;
    case PCI_CLASS_SERIAL_USB:
        return pci->config[PCI_CLASS_PROG] ==
               (PCI_CLASS_SERIAL_USB_XHCI & 0xff) ? ANSWER_XHCI : ANSWER_ZEROS;
    default:
        return ANSWER_ZEROS;
    }
}

static Cover *cover_new(PCIDevice *pci, MemoryRegion *bar)
{
    Cover *c = g_new0(Cover, 1);

    c->answer = answer_of(pci);
    memory_region_init_io(&c->mr, OBJECT(pci), &cover_ops, c,
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
            b->cover[i]->xhci_runs = false;
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
