/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dma_heap/NAME beside /dev/vcma/NAME: the same buffers, by the interface of the kernel's
 * dma-heaps, for programs that know only that (linux/dma-heap.h). It needs neither CONFIG_DMABUF_HEAPS
 * nor that kernel's dma_heap_add(), which few export: the file is our own.
 */
#ifndef VCMA_HEAP_H
#define VCMA_HEAP_H

struct vcma_region;
struct vcma_user;

/** vcma_heap_register() - once, before the first region. Return: 0 or an error. */
int vcma_heap_register(void);
void vcma_heap_unregister(void);

/**
 * vcma_heap_open() - make the file of a region that has one in /dev/vcma. Without it, which is
 * logged, all else works.
 */
void vcma_heap_open(struct vcma_user *u, struct vcma_region *r);

/** vcma_heap_close() - take it away. Who has it open gets -ENODEV once u->region is NULL. */
void vcma_heap_close(struct vcma_user *u);

#endif /* VCMA_HEAP_H */
