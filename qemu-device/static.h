/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode=static: a region for guests without a driver of ours.
 *
 * The whole region is pinned when the device is realized and stays so until the
 * virtual machine ends. What a stock kernel needs to know is in the device
 * tree: memory, a pool in reserved-memory, memory-region of the clients,
 * dma-ranges of their bus. The region takes the part of the guest in the
 * engine: it claims the clients and allocates a block for each extent, again
 * after each reset of the machine. Resets of the device alone have no effect.
 * Only machine "virt" of Arm has a device tree that is written this late.
 *
 * The region's memory is a memory device, as in other modes, or the RAM of the
 * machine (-M memory-backend=, -numa node,memdev=): then nothing is plugged.
 *
 * Functions take a region of any mode and do nothing for the others, unless
 * said otherwise.
 */
#ifndef QEMU_DEVICE_STATIC_H
#define QEMU_DEVICE_STATIC_H

#include "virtio-cma.h"

/** hvcma_static_is_ram() - is the region's memory RAM of the machine? */
bool hvcma_static_is_ram(VirtIOCMA *s);

/** hvcma_static_ram_base() - where it lies then. */
uint64_t hvcma_static_ram_base(VirtIOCMA *s);

/**
 * hvcma_static_check() - what mode=static asks of the other properties and of
 * the machine. Before the region has an address.
 */
bool hvcma_static_check(VirtIOCMA *s, Error **errp);

/**
 * hvcma_static_realize() - back and pin the region, have the device tree
 * written once the machine is complete. @s has its engine; before its clients
 * are registered.
 *
 * Errors: no pages, no pins; the device came after the machine started.
 */
bool hvcma_static_realize(VirtIOCMA *s, Error **errp);

/**
 * hvcma_static_unrealize() - forget the region; its pins go with the backing.
 * After hvcma_engine_fini().
 */
void hvcma_static_unrealize(VirtIOCMA *s);

/** hvcma_static_pins() - are pins of blocks covered by the region's own? */
bool hvcma_static_pins(VirtIOCMA *s);

/** hvcma_static_machine_reset() - gates and blocks as after realize again. */
void hvcma_static_machine_reset(VirtIOCMA *s);

/** hvcma_static_client_added() - claim a client that was plugged later. */
void hvcma_static_client_added(VirtIOCMA *s, uint32_t client);

#endif /* QEMU_DEVICE_STATIC_H */
