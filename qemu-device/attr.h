/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory attributes of a region: properties "stage2" and "coherent", and what
 * is said of them in reports. The rules are in hv/core/attr.h, the detection in
 * hv/host/arm_stage2.h.
 */
#ifndef QEMU_DEVICE_ATTR_H
#define QEMU_DEVICE_ATTR_H

#include "hv/host/arm_stage2.h"
#include "virtio-cma.h"

/**
 * hvcma_attr_check() - judge "stage2" and the form of "coherent", and find out
 * about the host: fills stage2 and alias of @s->config.
 *
 * Return: false with @errp naming the region, the value and what is allowed.
 */
bool hvcma_attr_check(VirtIOCMA *s, Error **errp);

/**
 * hvcma_attr_check_clients() - does "coherent" name clients of the region only?
 * @s has its clients. In the default region any id is allowed, for its spare
 * slots take in devices that nobody named.
 */
bool hvcma_attr_check_clients(VirtIOCMA *s, Error **errp);

/** hvcma_attr_operator() - "coherent" of a client: VIRTIO_CMA_COHERENT_*. */
uint8_t hvcma_attr_operator(const VirtIOCMA *s, const char *client_id);

/**
 * hvcma_attr_is_emulated() - is this device's DMA done by the host's
 * processors, through their caches? By QEMU, or for it by the host's kernel.
 *
 * It is not where real hardware does it (VFIO, vDPA), or may do it (a process
 * that QEMU knows nothing of: vhost-user, vfio-user, a remote device).
 */
bool hvcma_attr_is_emulated(Object *dev);

/** hvcma_attr_line_bytes() - smallest data cache line of the host, or 0. */
uint32_t hvcma_attr_line_bytes(void);

/** hvcma_attr_source() - who said what the second stage does: a constant. */
const char *hvcma_attr_source(const VirtIOCMA *s);

#endif /* QEMU_DEVICE_ATTR_H */
