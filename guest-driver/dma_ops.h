/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's DMA API for claimed clients, on top of coherent.c and bounce.c.
 */
#ifndef VCMA_DMA_OPS_H
#define VCMA_DMA_OPS_H

struct vcma_client;

/** vcma_dma_ops_init() - fill c->ops, once, before the client can be found. */
void vcma_dma_ops_init(struct vcma_client *c);

#endif /* VCMA_DMA_OPS_H */
