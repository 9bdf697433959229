/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frees idle memory of the ready pools when the guest is short of memory. Only
 * for regions whose memory is of use to the guest.
 */
#ifndef VCMA_SHRINK_H
#define VCMA_SHRINK_H

struct vcma_region;

/** vcma_shrink_start() - Return: 0 (also: nothing to do for this region) or -ENOMEM. */
int vcma_shrink_start(struct vcma_region *r);
void vcma_shrink_stop(struct vcma_region *r);

#endif /* VCMA_SHRINK_H */
