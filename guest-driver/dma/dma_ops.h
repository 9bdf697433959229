/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's DMA API for bound devices, on top of coherent.c and bounce.c.
 */
#ifndef VCMA_DMA_OPS_H
#define VCMA_DMA_OPS_H

struct vcma_binding;

/** vcma_dma_ops_init() - fill b->ops, once, before a device gets them. */
void vcma_dma_ops_init(struct vcma_binding *b);

#endif /* VCMA_DMA_OPS_H */
