/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * surrender=on: on the host's wish the guest gives up granules of a reusable
 * region that it does not need, their hugepages go to others, and ordinary
 * memory of this process is in their place, covers them, until the guest wants
 * them back and the pool has some.
 *
 * A guest that uses what it has surrendered, or a device of this machine that
 * does, finds memory there: nobody is ever sent a SIGBUS. Pages are in the file
 * before the cover goes.
 *
 * Who wants memory, and who is asked for it, is decided elsewhere, by setting
 * the property "wanted-bytes". Functions take a region of any kind and do
 * nothing for others.
 */
#ifndef QEMU_DEVICE_SURRENDER_H
#define QEMU_DEVICE_SURRENDER_H

#include "virtio-cma.h"
#include "hv/host/provider.h"

/** hvcma_surrender_class_init() - the property "wanted-bytes". */
void hvcma_surrender_class_init(ObjectClass *klass);

/**
 * hvcma_surrender_check() - what surrender=on asks of the other properties,
 * which are checked by themselves.
 */
bool hvcma_surrender_check(VirtIOCMA *s, Error **errp);

/** hvcma_surrender_init() - nothing is covered. */
void hvcma_surrender_init(VirtIOCMA *s);

/** hvcma_surrender_cleanup() - the region's memory is used no more. */
void hvcma_surrender_cleanup(VirtIOCMA *s);

/**
 * hvcma_surrender_restore() - the device goes, its provider has gone: who uses
 * the memdev next finds its file everywhere.
 *
 * Return: false, reported, if the pool has too few pages for that: then nobody
 * may use it again.
 */
bool hvcma_surrender_restore(VirtIOCMA *s);

/** hvcma_surrender_has() - is any of these granules covered? */
bool hvcma_surrender_has(const VirtIOCMA *s, uint64_t first, uint64_t nr);

/**
 * hvcma_surrender_cover() - ordinary memory comes in place of these granules,
 * which are not pinned. The pages stay in the file.
 *
 * Return: 0, or a negative errno with words in @err: nothing has changed.
 */
int hvcma_surrender_cover(VirtIOCMA *s, uint64_t first, uint64_t nr,
                          struct hvcma_error *err);

/**
 * hvcma_surrender_make_pages() - the file has pages for these granules, which
 * are covered, zeroed.
 *
 * Return: 0; -ENOMEM: the pool has too few; another negative errno; with words
 * in @err. No page was made then.
 */
int hvcma_surrender_make_pages(VirtIOCMA *s, uint64_t first, uint64_t nr,
                               struct hvcma_error *err);

/**
 * hvcma_surrender_uncover() - the file's pages, which are there, are what the
 * guest has again; what was in the cover is lost.
 *
 * Return: 0, or a negative errno with words in @err: they are covered still.
 */
int hvcma_surrender_uncover(VirtIOCMA *s, uint64_t first, uint64_t nr,
                            struct hvcma_error *err);

#endif /* QEMU_DEVICE_SURRENDER_H */
