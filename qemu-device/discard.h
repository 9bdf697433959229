/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a private region is there, for the rest of QEMU: the region as a
 * RamDiscardManager.
 *
 * Populated is what is in blocks, and nothing else: outside of them the guest
 * must not touch the region, so whatever pages are there have no content. VFIO
 * behind an IOMMU maps and unmaps as blocks come and go; migration, snapshots
 * and dumps leave out the rest instead of faulting pages in.
 *
 * With surrender=on all but what is surrendered is populated.
 *
 * In the other modes all of the region is guest RAM, or pinned for good, and
 * never discarded: they have no manager, and the functions below do nothing.
 *
 * A migration wants what is populated to stay so: granules that are freed
 * meanwhile are kept, with their pages, until its end.
 *
 * Knows no pin and no provider; backing.c decides what is discarded.
 */
#ifndef QEMU_DEVICE_DISCARD_H
#define QEMU_DEVICE_DISCARD_H

#include "virtio-cma.h"

/** hvcma_discard_class_init() - methods of TYPE_RAM_DISCARD_MANAGER. */
void hvcma_discard_class_init(ObjectClass *klass);

/**
 * hvcma_discard_init() - before the region is mapped anywhere.
 *
 * With discard=on other devices of this VM must be able to follow: an error if
 * one can't, which also keeps such devices from coming later.
 */
bool hvcma_discard_init(VirtIOCMA *s, Error **errp);

/** hvcma_discard_cleanup() - the region is mapped nowhere any more. */
void hvcma_discard_cleanup(VirtIOCMA *s);

/**
 * hvcma_discard_populate() - granules were pinned for a block, or reclaimed:
 * tell those who map them.
 *
 * Return: 0, or the negative errno of one who can't: then nobody has them
 * mapped who had not before.
 */
int hvcma_discard_populate(VirtIOCMA *s, uint64_t first, uint64_t nr);

/**
 * hvcma_discard_withdraw() - granules are freed, and about to be
 * unpinned, or surrendered: have them unmapped.
 *
 * Return: true if their pages may go; false if a migration still wants them:
 * hvcma_backing_discard() is called at its end.
 */
bool hvcma_discard_withdraw(VirtIOCMA *s, uint64_t first, uint64_t nr);

#endif /* QEMU_DEVICE_DISCARD_H */
