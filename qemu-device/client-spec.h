/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user wrote about a region's clients: clients= and regions=, as a
 * list. Knows no device.
 */
#ifndef QEMU_DEVICE_CLIENT_SPEC_H
#define QEMU_DEVICE_CLIENT_SPEC_H

#include "virtio-cma.h"

/* One entry of the client table. */
typedef struct HvcmaClientSpec {
    char *id;                   /* of a -device option */
    char *kind;                 /* "": every kind */
    uint8_t resv;              /* 0: the shared part */
} HvcmaClientSpec;

/**
 * hvcma_regions_check() - what regions= says about the region itself and about
 * its reservations: limits @s->config.pin_limit_bytes, sets the reservations of
 * @s->config, and @s->opts.memaddr. The memdev and granule are checked.
 *
 * Return: false with @errp naming the place in the text.
 */
bool hvcma_regions_check(VirtIOCMA *s, Error **errp);

/**
 * hvcma_client_specs() - entries of clients=, then of regions=.
 *
 * Return: array of HvcmaClientSpec, g_ptr_array_unref(); NULL with @errp.
 */
GPtrArray *hvcma_client_specs(VirtIOCMA *s, Error **errp);

#endif /* QEMU_DEVICE_CLIENT_SPEC_H */
