/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree of a machine with static regions.
 *
 * It is written when QEMU's own part is complete, in the last step before the
 * blob becomes a ROM of the guest. From then on nothing in it may change.
 */
#ifndef QEMU_DEVICE_STATIC_FDT_H
#define QEMU_DEVICE_STATIC_FDT_H

#include "virtio-cma.h"

/**
 * hvcma_static_fdt_add() - @s is to be described; before machine-init-done.
 * Only in machine virt of Arm.
 */
void hvcma_static_fdt_add(VirtIOCMA *s);
void hvcma_static_fdt_remove(VirtIOCMA *s);

/** hvcma_static_fdt_is_written() - does the guest know of the regions? */
bool hvcma_static_fdt_is_written(void);

#endif /* QEMU_DEVICE_STATIC_FDT_H */
