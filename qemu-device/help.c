/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What -device virtio-cma-pci,help and device-list-properties say of
 * properties. The manual page says it in full; options.c what is accepted.
 */
#include "qemu/osdep.h"

#include "virtio-cma.h"

typedef struct Description {
    const char *property;
    const char *text;
} Description;

static const Description descriptions[] = {
    { "memdev", "memory backend that is the region (mode=ram: the machine's)" },
    { "memaddr", "guest-physical base of the region, 0: chosen by QEMU" },
    { "align", "alignment of a base that QEMU chooses, 0: by mode and size" },
    { "name", "of the region, up to 31 bytes (default: the device's id)" },
    { "mode", "private (default), reusable: RAM of the guest while idle, auto: "
      "the best that can be, static: without a driver in the guest, ram: the "
      "machine's RAM" },
    { "pin", "what is pinned: blocks (default) while the guest has them, all "
      "of a region with mode=reusable from the start, as with mode=ram" },
    { "clients", "ids of devices that the region serves, ID:ID..." },
    { "regions", "reservations and limits as text, see hvcma(1)" },
    { "spare-clients", "with default=on: entries for devices that no region or "
      "another one names" },
    { "policy", "which free memory is used: best-fit (default), first-fit, "
      "next-fit" },
    { "attr", "how clients' memory is mapped by the guest: auto (default), "
      "cached, uncached" },
    { "stage2", "what the host does to memory types: auto (default), none, "
      "no-fwb, fwb" },
    { "dma-windows", "which memory clients reach, and where on their bus: "
      "CLIENT=BUS:MEMORY:SIZE+...;... (default: as the host's device tree has "
      "it)" },
    { "coherent", "whether clients' DMA is coherent: on, off, auto (default), "
      "or ID=on|off|auto:..." },
    { "default", "region for devices that have none of their own" },
    { "pin-limit", "most bytes pinned at a time, 0: all of the region" },
    { "low", "so much of the region is backed by host memory below 4 GiB" },
    { "contiguous", "host memory in runs as long as can be had: off (default), "
      "best, required" },
    { "run", "with contiguous=required: the longest has so much, 0: all of the "
      "region" },
    { "granule", "unit of pinning and giving out, 0: the backend's page size" },
    { "max-align-order", "an allocation of 2^n pages is aligned to 2^n of them "
      "up to this order" },
    { "pool", "with mode=static: size of the pool for DMA, 0: by the region" },
    { "discard", "discard memory that the guest does not use" },
    { "surrender", "with mode=reusable: on the host's wish the guest gives up "
      "memory that it does not need, for others (qom-set wanted-bytes)" },
    { "unsafe-noiommu", "UNSAFE: tell the guest host-physical addresses, allow "
      "VFIO devices without an IOMMU" },
    { "service", "host service that pins and locates the memory, for a QEMU "
      "without privileges: on, off (default) or its socket's path" },
#ifdef HVCMA_STOCK_QEMU
    { "trace", "print requests, state changes and clients' events" },
#endif
    { "version-1", "offer features to the guest's driver; off: the legacy "
      "interface" },
    { "bulk", "offer VIRTIO_CMA_F_BULK" },
    { "kinds", "offer VIRTIO_CMA_F_KINDS" },
    { "client-attributes", "offer VIRTIO_CMA_F_ATTRIBUTES" },
    { "suspend", "offer VIRTIO_CMA_F_SUSPEND" },
    { "client-windows", "offer VIRTIO_CMA_F_WINDOWS" },
};

void hvcma_describe_properties(ObjectClass *klass)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(descriptions); i++) {
        object_class_property_set_description(klass, descriptions[i].property,
                                              descriptions[i].text);
    }
}
