/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks behind devices of regions that are pinned from the start. Pages that are neighbours for the
 * guest, and by chance in one request, are in one segment of it; if an extent ends between them they
 * are neighbours for no device, and what can't be had in one piece is copied. No driver asks the DMA
 * API for such a boundary, but each request queue has one: it is set when the disk appears, before
 * its first request. Memory for packets needs nothing of the kind: an allocation lies in one granule.
 */
#ifndef VCMA_DISKS_H
#define VCMA_DISKS_H

#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_BLOCK)
/** vcma_disks_register() - watch for disks; before the first region. Return: 0 or an error. */
int vcma_disks_register(void);

/** vcma_disks_unregister() - after the last one. */
void vcma_disks_unregister(void);
#else
static inline int vcma_disks_register(void)
{
	return 0;
}

static inline void vcma_disks_unregister(void)
{
}
#endif

#endif /* VCMA_DISKS_H */
