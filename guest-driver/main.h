/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every transport does with a device it found: start serving, stop serving.
 */
#ifndef VCMA_MAIN_H
#define VCMA_MAIN_H

#include <linux/types.h>

struct vcma_region;
struct vcma_transport;

extern unsigned int vcma_request_timeout_ms;

/**
 * vcma_start() - serve the clients of the region behind @transport. May sleep.
 * @transport: carries calls; outlives the region
 *
 * Return: 0, or an error; the transport must then be reset, and, if *@out was set,
 * vcma_finish() be called.
 */
int vcma_start(struct vcma_transport *transport, struct vcma_region **out);

/**
 * vcma_stop() - unbind the drivers of all clients, release them, free what
 * is allocated, and end the use of the memory. The caller then resets the transport
 * and calls vcma_finish().
 */
void vcma_stop(struct vcma_region *r);

/** vcma_finish() - the transport was reset: free the region. */
void vcma_finish(struct vcma_region *r);

/* Each transport registers its driver. */
int vcma_virtio_register(void);
void vcma_virtio_unregister(void);

#endif /* VCMA_MAIN_H */
