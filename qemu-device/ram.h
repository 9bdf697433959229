/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode=ram: the machine's own RAM (-machine memory-backend=) is the region. It
 * is pinned from before the guest runs, as with pin=all (pinned.h), nothing is
 * plugged, and there is no second piece of memory. Here is what that asks of
 * the machine, where the RAM lies in guest-physical addresses, and that no
 * other RAM comes beside it: the guest would give it to clients.
 *
 * mode=static may have the machine's RAM, too; what that is for is static.h's.
 */
#ifndef QEMU_DEVICE_RAM_H
#define QEMU_DEVICE_RAM_H

#include "virtio-cma.h"

/** hvcma_is_machine_ram() - is the region's memory RAM of the machine? */
bool hvcma_is_machine_ram(VirtIOCMA *s);

/**
 * hvcma_ram_auto() - does mode=auto mean mode=ram? If memdev= names no other
 * memory than the machine's, that is on hugepages, and there is a client that
 * may be without an IOMMU: one that is named, or default=on, with
 * unsafe-noiommu=on.
 */
bool hvcma_ram_auto(VirtIOCMA *s);

/**
 * hvcma_ram_take_memdev() - without memdev=, the machine's; before memdev= is
 * judged.
 */
bool hvcma_ram_take_memdev(VirtIOCMA *s, Error **errp);

/**
 * hvcma_ram_check() - what mode=ram asks of the other properties, which are
 * checked by themselves, and of the machine; finds where it lies. Of another
 * mode, whether it can be beside one that is there.
 */
bool hvcma_ram_check(VirtIOCMA *s, Error **errp);

/**
 * hvcma_ram_realize() - no other RAM is there, and from now on none comes.
 * Errors: another region or a memory device is there; the machine has started.
 */
bool hvcma_ram_realize(VirtIOCMA *s, Error **errp);

/** hvcma_ram_unrealize() - other RAM may come again. */
void hvcma_ram_unrealize(VirtIOCMA *s);

/** hvcma_granule_gpa() - guest-physical address of a granule, in any mode. */
uint64_t hvcma_granule_gpa(const VirtIOCMA *s, uint64_t granule);

#endif /* QEMU_DEVICE_RAM_H */
