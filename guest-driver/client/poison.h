/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Broken memory in allocated blocks, and anywhere in a region that is pinned from the start. The kernel marks a page that it was told is broken, and takes it
 * away from who has it mapped; a driver and its device it does not know of, and nobody is called.
 * So the marks are looked for now and then, where there are struct pages; each is logged with who
 * has it, and counted for the host. Nothing is taken away from anybody.
 */
#ifndef VCMA_POISON_H
#define VCMA_POISON_H

struct vcma_region;

void vcma_poison_init(struct vcma_region *r);
/**
 * vcma_poison_look() - at all pages of allocated blocks, and of a region that is pinned from the start at
 * some more, in turn; not twice within some seconds. May sleep.
 */
void vcma_poison_look(struct vcma_region *r);
void vcma_poison_destroy(struct vcma_region *r);

#endif /* VCMA_POISON_H */
