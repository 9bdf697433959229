/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's own cacheable mapping of a region, while clients do DMA past the
 * caches.
 *
 * A line of that mapping that gets dirty would some time be written over what
 * a device has put into memory, and one that is filled keeps what was there
 * before. So a block is cleaned and invalidated when its non-coherent use
 * begins and when it ends, and nothing in QEMU touches it between: migration is
 * blocked; dumps, measurements of the dirty rate, loads of a snapshot and the
 * monitor's and the debugger's accesses to memory are refused and say why.
 *
 * Not covered: what the guest's mappings need, which is for the guest; the host
 * kernel leaves pages alone that it has handed out.
 */
#ifndef QEMU_DEVICE_ALIAS_H
#define QEMU_DEVICE_ALIAS_H

#include "virtio-cma.h"

/**
 * hvcma_alias_maintain() - clean and invalidate granules: engine op "maintain".
 */
void hvcma_alias_maintain(VirtIOCMA *s, uint64_t first, uint64_t nr);

/**
 * hvcma_alias_keep_off() - engine op "keep_off".
 *
 * Return: OK, or VIRTIO_CMA_S_REFUSED, reported, because a migration, a dump or
 * a measurement of the dirty rate is on its way or a debugger reads memory past
 * every check.
 */
enum virtio_cma_status hvcma_alias_keep_off(VirtIOCMA *s, bool on);

/**
 * hvcma_alias_forget() - the region leaves guest-physical memory with a client
 * that is quarantined: nothing can reach its memory any more.
 */
void hvcma_alias_forget(VirtIOCMA *s);

/** hvcma_alias_is_kept_off() - must QEMU leave memory of any region alone? */
bool hvcma_alias_is_kept_off(void);

/** hvcma_alias_is_noncoherent() - is the granule of @gpa in such use now? */
bool hvcma_alias_is_noncoherent(uint64_t gpa);

/** hvcma_alias_maintained_bytes() - how much was cleaned so far. */
uint64_t hvcma_alias_maintained_bytes(const VirtIOCMA *s);

/**
 * hvcma_alias_maintained_lines() - how many instructions that took, one for
 * each cache line; 0 where there are none for it (not Arm).
 */
uint64_t hvcma_alias_maintained_lines(const VirtIOCMA *s);

/** hvcma_alias_noncoherent_bytes() - how much QEMU must leave alone now. */
uint64_t hvcma_alias_noncoherent_bytes(const VirtIOCMA *s);

#endif /* QEMU_DEVICE_ALIAS_H */
