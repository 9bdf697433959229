/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges of a region: where it is in guest-physical addresses. All but one mode has one, which
 * the configuration tells; the guest's RAM (VIRTIO_CMA_MODE_RAM) is in pieces, and the host is
 * asked. Addresses in the holes between are not the region's (vcma_region_has()).
 */
#ifndef VCMA_RANGES_H
#define VCMA_RANGES_H

struct vcma_region;

/**
 * vcma_ranges_read() - set ranges, nr_ranges and span_bytes of @r, whose configuration is known.
 * May sleep.
 *
 * Return: 0; -EPROTO (the answer contradicts the contract or the configuration: logged, the
 * region is dead), or the error of the request, logged.
 */
int vcma_ranges_read(struct vcma_region *r);

#endif /* VCMA_RANGES_H */
