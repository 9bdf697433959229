/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's DMA API for bound devices, on top of coherent.c, bounce.c and direct.c; and the end
 * of all that a client has.
 */
#ifndef VCMA_DMA_OPS_H
#define VCMA_DMA_OPS_H

#include <linux/dma-map-ops.h>

struct vcma_client_ops;

/* For vcma_bindings_register(): of every binding. */
extern const struct dma_map_ops vcma_dma_ops;

/* For vcma_clients_init(). */
extern const struct vcma_client_ops vcma_dma_client_ops;

#endif /* VCMA_DMA_OPS_H */
