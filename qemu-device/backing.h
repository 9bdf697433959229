/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backing: host memory of one region as the engine sees it.
 *
 * Joins a memory backend of QEMU to a provider (hv/host), translates errors to
 * statuses of the protocol and decides what a DMA address is: host-physical
 * with unsafe-noiommu=on, else guest-physical. Knows no client and no request.
 *
 * While a granule is pinned, or may be online, RAM discards by others (balloon)
 * are off. With unsafe-noiommu=on a keeper process, or the service, keeps the
 * pins beyond QEMU's death.
 */
#ifndef QEMU_DEVICE_BACKING_H
#define QEMU_DEVICE_BACKING_H

#include "virtio-cma.h"
#include "hv/host/platform_rules.h"
#include "hv/host/provider.h"

/**
 * hvcma_backing_new() - provider for the region of @s (config and address set).
 *
 * A region that may be online is backed whole: its pages are guest RAM, and
 * there is no way to tell a guest that RAM is missing.
 *
 * Errors: what the provider lacks (CAP_SYS_ADMIN, io_uring, pages), a keeper
 * that does not start, another device that depends on discards.
 */
HvcmaBacking *hvcma_backing_new(VirtIOCMA *s, Error **errp);

/**
 * hvcma_backing_free() - orderly end: unpins, and waits for a thread that
 * prepares. Only after clients are quiesced.
 */
void hvcma_backing_free(HvcmaBacking *b);

/** hvcma_backing_type() - "local", "service" or "fake". */
const char *hvcma_backing_type(const HvcmaBacking *b);

/**
 * hvcma_backing_provider() - for what only a service has, and that is not about
 * granules: hvcma_provider_service_offer() and the like.
 */
struct hvcma_provider *hvcma_backing_provider(HvcmaBacking *b);

void hvcma_backing_stats(const HvcmaBacking *b,
                         struct hvcma_provider_stats *stats);

/**
 * hvcma_backing_prepare() - can granules be backed without a long wait? Else a
 * thread begins to make them ready, one range at a time; the region's requests
 * are taken up again when it is done.
 *
 * Only for granules outside blocks of a private region: where the thread finds
 * too little memory, what it got goes again.
 *
 * Return: true to go on with hvcma_backing_back(), false to ask again later.
 */
bool hvcma_backing_prepare(HvcmaBacking *b, uint64_t first, uint64_t nr);

/** hvcma_backing_is_busy() - is that thread at work? */
bool hvcma_backing_is_busy(const HvcmaBacking *b);

/* Engine operations; the host's errno becomes a status here. */
enum virtio_cma_status hvcma_backing_back(HvcmaBacking *b, uint64_t first,
                                          uint64_t nr);
enum virtio_cma_status hvcma_backing_pin(HvcmaBacking *b, uint64_t first,
                                         uint64_t nr);
void hvcma_backing_unpin(HvcmaBacking *b, uint64_t first, uint64_t nr);
enum virtio_cma_status hvcma_backing_dma_addr(HvcmaBacking *b, uint64_t first,
                                              uint64_t nr, uint64_t *dma);

/**
 * hvcma_backing_error() - what the host said when it failed last, or NULL; for
 * the one who has just been refused.
 */
const char *hvcma_backing_error(const HvcmaBacking *b);

/**
 * hvcma_backing_surrender() - engine op "surrender": the pages go to the host's
 * pool, and ordinary memory is in their place until they are backed. What can't
 * go stays, which is reported.
 */
void hvcma_backing_surrender(HvcmaBacking *b, uint64_t first, uint64_t nr);

/**
 * hvcma_backing_discard() - with discard=on the pages of unpinned granules go,
 * which no device of this virtual machine has mapped any more; else nothing.
 */
void hvcma_backing_discard(HvcmaBacking *b, uint64_t first, uint64_t nr);

/**
 * hvcma_backing_look() - as hvcma_backing_dma_addr(), for reports: changes and
 * reports nothing, and tells HVCMA_HPA_SWAPPED from HVCMA_HPA_ABSENT.
 */
enum virtio_cma_status hvcma_backing_look(HvcmaBacking *b, uint64_t first,
                                          uint64_t nr, uint64_t *dma);

/**
 * hvcma_backing_watch() - the keeper, if any, keeps the pins until the device
 * is closed.
 * @path: of the file that says whether it is enabled, hvcma_vfio_enable_path()
 */
bool hvcma_backing_watch(HvcmaBacking *b, const char *path, Error **errp);

/** hvcma_backing_watch_device() - likewise, see hvcma_keeper_watch_device(). */
bool hvcma_backing_watch_device(HvcmaBacking *b, const char *path,
                                int device_fd,
                                const struct hvcma_platform_rule *rule,
                                Error **errp);

/** hvcma_backing_unwatch() - that device is quiesced for good. */
void hvcma_backing_unwatch(HvcmaBacking *b, const char *path);

/** hvcma_backing_lacks_keeper() - none runs, and one must: claim nothing. */
bool hvcma_backing_lacks_keeper(const HvcmaBacking *b);

/** hvcma_backing_keeper_state() - "none" needed, "runs", "dead", "given-up". */
const char *hvcma_backing_keeper_state(const HvcmaBacking *b);

/** hvcma_backing_service_version() - see hvcma_provider_service_version(). */
const char *hvcma_backing_service_version(const HvcmaBacking *b);

#endif /* QEMU_DEVICE_BACKING_H */
