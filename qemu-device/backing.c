/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backing: host memory of one region as the engine sees it. See backing.h.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "exec/ramblock.h"
#include "exec/memory.h"
#include "exec/cpu-common.h"

#include "backing.h"
#include "discard.h"
#include "drain.h"
#include "pin-keeper.h"
#include "populate.h"
#include "ram.h"
#include "requests.h"
#include "surrender.h"
#include "test-hooks.h"
#include "trace.h"

/* Zeroing less than that takes a few milliseconds: not worth a thread. */
#define PREPARE_MIN_BYTES (4 * MiB)

/* What others of the host surrender for a guest that is to start. */
#define START_PATIENCE_MS 60000
#define START_PAUSE_MS 100
#define START_STEP_BYTES (256 * MiB)

struct HvcmaBacking {
    VirtIOCMA *s;
    struct hvcma_provider *provider;
    HvcmaPinKeeper *keeper;     /* with unsafe-noiommu=on, and no service */
    HvcmaPopulate *populate;    /* local memory only */
    uint64_t prepared_first;    /* granules that its thread is or was at */
    uint64_t prepared_nr;       /* 0: none */
    uint64_t nr_pinned;         /* granules; discards are off while not 0 */
    bool reusable;              /* discards are off all the time */
    bool warned_no_memory;
    bool warned_failure;
};

/*
 * The words are for the operator: the first of a kind, for a guest can cause
 * more; a pin limit in vain is the guest's business alone.
 */
static void tell(HvcmaBacking *b, int ret)
{
    bool *warned = ret == -ENOMEM ? &b->warned_no_memory : &b->warned_failure;

    if (ret == -EDQUOT || ret == -EAGAIN || *warned) {
        trace_virtio_cma_provider_error(b->s->config.name,
                                        b->provider->error.text);
    } else {
        *warned = true;
        warn_report("virtio-cma: %s", b->provider->error.text);
    }
}

/* The status for the guest: the one place where it is made of an errno. */
static enum virtio_cma_status status_of_errno(HvcmaBacking *b, int ret)
{
    if (ret) {
        tell(b, ret);
    }
    switch (-ret) {
    case 0:
        return VIRTIO_CMA_S_OK;
    case ENODATA:
    case EAGAIN:                /* it asks again, for some seconds */
        return VIRTIO_CMA_S_NO_BACKING;
    case EDQUOT:
        return VIRTIO_CMA_S_PIN_LIMIT;
    default:
        return VIRTIO_CMA_S_IO;
    }
}

/* None is an error of the provider's: less may do. */
static void low_tell(HvcmaBacking *b)
{
    struct hvcma_provider_stats stats;

    b->provider->ops->stats(b->provider, &stats);
    if (stats.low_bytes < b->s->opts.low_bytes) {
        warn_report("virtio-cma '%s': low=%" PRIu64 ": the host's hugepages "
                    "below 4 GiB that are free come to %" PRIu64 " bytes "
                    "(\"hvcma hugepages --low\" makes more)",
                    b->s->config.name, b->s->opts.low_bytes, stats.low_bytes);
    }
}

static bool provider_create(HvcmaBacking *b, Error **errp)
{
    VirtIOCMA *s = b->s;
    MemoryRegion *mr = &s->opts.memdev->mr;
    struct hvcma_provider_config config = {
        .name = s->config.name,
        .base = memory_region_get_ram_ptr(mr),
        .bytes = s->config.region_bytes,
        .granule_bytes = s->config.granule_bytes,
        .page_bytes = host_memory_backend_pagesize(s->opts.memdev),
        .pin_limit_bytes = s->config.pin_limit_bytes,
        .fd = s->opts.memdev->share ? memory_region_get_fd(mr) : -1,
        .fd_offset_bytes = mr->ram_block->fd_offset,
        .need_hpa = s->opts.unsafe_noiommu,
        .low_bytes = s->opts.low_bytes,
        .is_contiguous = s->contiguous != HVCMA_CONTIGUOUS_OFF,
        .run_bytes = s->run_bytes,
    };
    struct hvcma_error err = { "" };
    int ret;

    if (hvcma_test_is_fake(s)) {
        ret = hvcma_test_provider_create(s, &config, &b->provider, &err);
    } else if (s->service_path) {
        ret = hvcma_provider_service_create(s->service_path, &config,
                                            &b->provider, &err);
    } else {
        ret = hvcma_provider_local_create(&config, &b->provider, &err);
    }
    if (ret) {
        error_setg(errp, "virtio-cma '%s': %s", s->config.name, err.text);
        return false;
    }
    low_tell(b);
    return true;
}

static bool keeper_start(HvcmaBacking *b, Error **errp)
{
    /* A service outlives us, and keeps pins until devices are stopped. */
    if (!b->s->opts.unsafe_noiommu || hvcma_test_is_fake(b->s) ||
        b->s->service_path) {
        return true;
    }
    b->keeper = hvcma_pin_keeper_new(b->s, b->provider, errp);
    return b->keeper;
}

/*
 * All of it. Of a guest that is not there yet nobody waits for us: others that
 * the service has asked for memory get the time for it, piece by piece.
 */
static int back_all(HvcmaBacking *b)
{
    VirtIOCMA *s = b->s;
    bool waits = s->service_path && !DEVICE(s)->hotplugged;
    int64_t end = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + START_PATIENCE_MS;
    uint64_t nr = s->config.region_bytes / s->config.granule_bytes, at = 0;
    uint64_t step = waits ?
        MAX(START_STEP_BYTES / s->config.granule_bytes, 1) : nr;
    int ret;

    while (at < nr) {
        ret = b->provider->ops->back(b->provider, at, MIN(step, nr - at));
        if (!ret) {
            at += MIN(step, nr - at);
        } else if (ret == -EAGAIN && waits &&
                   qemu_clock_get_ms(QEMU_CLOCK_REALTIME) < end) {
            g_usleep(START_PAUSE_MS * 1000);
        } else {
            return ret;
        }
    }
    return 0;
}

static bool reuse_start(HvcmaBacking *b, Error **errp)
{
    VirtIOCMA *s = b->s;

    if (s->config.mode != VIRTIO_CMA_MODE_REUSABLE &&
        s->config.mode != VIRTIO_CMA_MODE_RAM) {
        return true;
    }
    if (ram_block_uncoordinated_discard_disable(true)) {
        error_setg(errp, "virtio-cma '%s': mode=%s gives the guest RAM, "
                   "but another device depends on discarding guest memory",
                   s->config.name, hvcma_mode_name(s));
        return false;
    }
    b->reusable = true;
    if (back_all(b)) {
        error_setg(errp, "virtio-cma '%s': mode=%s needs all of its %" PRIu64
                   " bytes before the guest starts: %s", s->config.name,
                   hvcma_mode_name(s), s->config.region_bytes,
                   b->provider->error.text);
        return false;
    }
    return true;
}

/* A range is ready, or can't be: back to those who wait for that. */
static void populated(void *opaque)
{
    HvcmaBacking *b = opaque;
    struct hvcma_provider *p = b->provider;
    int ret = hvcma_populate_result(b->populate);

    trace_virtio_cma_populated(b->s->config.name, b->prepared_first,
                               b->prepared_nr, ret);
    if (ret && p->ops->discard(p, b->prepared_first, b->prepared_nr)) {
        trace_virtio_cma_provider_error(b->s->config.name, p->error.text);
    }
    hvcma_requests_resume(b->s);
    hvcma_drain_check(b->s);
}

HvcmaBacking *hvcma_backing_new(VirtIOCMA *s, Error **errp)
{
    HvcmaBacking *b = g_new0(HvcmaBacking, 1);

    b->s = s;
    hvcma_test_memory_new(s);
    /* A service makes pages by itself, as its configuration lets it. */
    if (!hvcma_test_is_fake(s) && !s->service_path) {
        b->populate = hvcma_populate_new(populated, b);
    }
    if (!provider_create(b, errp) || !keeper_start(b, errp) ||
        !reuse_start(b, errp)) {
        hvcma_backing_free(b);
        return NULL;
    }
    return b;
}

void hvcma_backing_free(HvcmaBacking *b)
{
    if (!b) {
        return;
    }
    if (b->nr_pinned) {
        ram_block_uncoordinated_discard_disable(false);
    }
    if (b->reusable) {
        ram_block_uncoordinated_discard_disable(false);
    }
    hvcma_populate_free(b->populate);
    if (b->provider) {
        b->provider->ops->destroy(b->provider);
    }
    hvcma_pin_keeper_free(b->keeper);
    hvcma_test_memory_free(b->s);
    g_free(b);
}

const char *hvcma_backing_error(const HvcmaBacking *b)
{
    return b->provider->error.text[0] ? b->provider->error.text : NULL;
}

struct hvcma_provider *hvcma_backing_provider(HvcmaBacking *b)
{
    return b->provider;
}

const char *hvcma_backing_type(const HvcmaBacking *b)
{
    return b->provider->ops->type;
}

void hvcma_backing_stats(const HvcmaBacking *b,
                         struct hvcma_provider_stats *stats)
{
    b->provider->ops->stats(b->provider, stats);
}

bool hvcma_backing_is_busy(const HvcmaBacking *b)
{
    return hvcma_populate_is_busy(b->populate);
}

bool hvcma_backing_prepare(HvcmaBacking *b, uint64_t first, uint64_t nr)
{
    uint64_t granule_bytes = b->s->config.granule_bytes;
    void *base = memory_region_get_ram_ptr(&b->s->opts.memdev->mr);

    if (!b->populate || nr * granule_bytes < PREPARE_MIN_BYTES) {
        return true;
    }
    if (hvcma_backing_is_busy(b)) {
        return false;
    }
    if (b->prepared_nr && first >= b->prepared_first &&
        first + nr <= b->prepared_first + b->prepared_nr) {
        b->prepared_nr = 0;
        return true;
    }
    b->prepared_first = first;
    b->prepared_nr = nr;
    trace_virtio_cma_populate(b->s->config.name, first, nr);
    hvcma_populate_start(b->populate, base + first * granule_bytes,
                         nr * granule_bytes);
    return false;
}

/*
 * What was surrendered. The pages are in the file before the guest can touch
 * them: a service makes them by a mapping of its own, else that is done here.
 */
static int back_surrendered(HvcmaBacking *b, uint64_t first, uint64_t nr)
{
    struct hvcma_provider *p = b->provider;
    int ret = b->s->service_path ?
              p->ops->back(p, first, nr) :
              hvcma_surrender_make_pages(b->s, first, nr, &p->error);

    if (ret) {
        return ret;
    }
    ret = hvcma_surrender_uncover(b->s, first, nr, &p->error);
    if (!ret && !b->s->service_path) {
        ret = p->ops->back(p, first, nr);
    }
    if (!ret && hvcma_discard_populate(b->s, first, nr)) {
        hvcma_error_set(&p->error, "region %s: a device of this virtual "
                        "machine can't map what is reclaimed",
                        b->s->config.name);
        ret = -EIO;
    }
    if (ret) {
        struct hvcma_error why = p->error;

        hvcma_backing_surrender(b, first, nr);
        p->error = why;
    }
    return ret;
}

enum virtio_cma_status hvcma_backing_back(HvcmaBacking *b, uint64_t first,
                                          uint64_t nr)
{
    struct hvcma_provider *p = b->provider;
    int ret = hvcma_surrender_has(b->s, first, nr) ?
              back_surrendered(b, first, nr) : p->ops->back(p, first, nr);
    enum virtio_cma_status status = status_of_errno(b, ret);

    return ret == -ENOMEM ? VIRTIO_CMA_S_NO_BACKING : status;
}

void hvcma_backing_surrender(HvcmaBacking *b, uint64_t first, uint64_t nr)
{
    struct hvcma_provider *p = b->provider;

    hvcma_discard_withdraw(b->s, first, nr);
    if (hvcma_surrender_cover(b->s, first, nr, &p->error) ||
        p->ops->discard(p, first, nr)) {
        warn_report_once("virtio-cma '%s': %" PRIu64 " granules from %" PRIu64
                         ", which are surrendered, keep their host pages: %s",
                         b->s->config.name, nr, first, p->error.text);
    }
}

/* In place of those that are surrendered is memory that is not the region's. */
static void hide_surrendered(HvcmaBacking *b, uint64_t first, uint64_t nr,
                             uint64_t *hpa)
{
    uint64_t i;

    for (i = 0; b->s->surrender && i < nr; i++) {
        if (hvcma_surrender_has(b->s, first + i, 1)) {
            hpa[i] = HVCMA_HPA_ABSENT;
        }
    }
}

/* Host-physical addresses become what the guest is told. */
static void hpa_to_dma(HvcmaBacking *b, uint64_t first, uint64_t nr,
                       uint64_t *dma)
{
    uint64_t i;

    for (i = 0; i < nr && !b->s->opts.unsafe_noiommu; i++) {
        if (dma[i] < HVCMA_HPA_SWAPPED) {
            dma[i] = hvcma_granule_gpa(b->s, first + i);
        }
    }
}

enum virtio_cma_status hvcma_backing_dma_addr(HvcmaBacking *b, uint64_t first,
                                              uint64_t nr, uint64_t *dma)
{
    int ret = b->provider->ops->hpa(b->provider, first, nr, dma);

    if (ret) {
        return status_of_errno(b, ret);
    }
    hide_surrendered(b, first, nr, dma);
    hpa_to_dma(b, first, nr, dma);
    return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_backing_look(HvcmaBacking *b, uint64_t first,
                                          uint64_t nr, uint64_t *dma)
{
    if (b->provider->ops->look(b->provider, first, nr, dma)) {
        return VIRTIO_CMA_S_IO;
    }
    hide_surrendered(b, first, nr, dma);
    hpa_to_dma(b, first, nr, dma);
    return VIRTIO_CMA_S_OK;
}

/* Freshly pinned: for devices that map guest memory. */
static enum virtio_cma_status pinned_show(HvcmaBacking *b, uint64_t first,
                                          uint64_t nr)
{
    enum virtio_cma_status status = hvcma_test_pinned(b->s, b, first, nr);
    int ret;

    if (status) {
        return status;
    }
    ret = hvcma_discard_populate(b->s, first, nr);
    if (ret) {
        hvcma_test_unpinned(b->s, first, nr);
        error_report_once("virtio-cma '%s': a device of this virtual machine "
                          "can't map %" PRIu64 " granules from %" PRIu64
                          ": %s", b->s->config.name, nr, first, strerror(-ret));
        return VIRTIO_CMA_S_IO;
    }
    return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_backing_pin(HvcmaBacking *b, uint64_t first,
                                         uint64_t nr)
{
    enum virtio_cma_status status;

    if (!b->nr_pinned && ram_block_uncoordinated_discard_disable(true)) {
        error_report_once("virtio-cma '%s': can't pin while another device "
                          "depends on discarding guest memory",
                          b->s->config.name);
        return VIRTIO_CMA_S_IO;
    }
    status = status_of_errno(b, b->provider->ops->pin(b->provider, first, nr));
    if (!status) {
        status = pinned_show(b, first, nr);
        if (status) {
            b->provider->ops->unpin(b->provider, first, nr);
        }
    }
    if (!status) {
        b->nr_pinned += nr;
    } else if (!b->nr_pinned) {
        ram_block_uncoordinated_discard_disable(false);
    }
    return status;
}

void hvcma_backing_unpin(HvcmaBacking *b, uint64_t first, uint64_t nr)
{
    struct hvcma_provider *p = b->provider;
    bool may_drop;
    int ret;

    hvcma_test_unpinned(b->s, first, nr);
    /* With surrender=on it is RAM of the guest's, pinned or not. */
    may_drop = !b->s->opts.surrender &&
               hvcma_discard_withdraw(b->s, first, nr);
    ret = p->ops->unpin(p, first, nr);
    if (ret) {
        error_report_once("virtio-cma '%s': unpinning %" PRIu64 " granules "
                          "from %" PRIu64 " failed: %s", b->s->config.name, nr,
                          first, p->error.text);
        return;
    }
    b->nr_pinned -= nr;
    if (!b->nr_pinned) {
        ram_block_uncoordinated_discard_disable(false);
    }
    if (may_drop) {
        hvcma_backing_discard(b, first, nr);
    }
}

void hvcma_backing_discard(HvcmaBacking *b, uint64_t first, uint64_t nr)
{
    struct hvcma_provider *p = b->provider;

    if (b->s->opts.discard && p->ops->discard(p, first, nr)) {
        warn_report_once("virtio-cma '%s': %" PRIu64 " granules from %" PRIu64
                         " keep their host pages: %s", b->s->config.name, nr,
                         first, p->error.text);
    }
}

void hvcma_backing_unwatch(HvcmaBacking *b, const char *path)
{
    if (b->keeper) {
        hvcma_pin_keeper_unwatch(b->keeper, path);
    }
}

bool hvcma_backing_watch(HvcmaBacking *b, const char *path, Error **errp)
{
    return !b->keeper || hvcma_pin_keeper_watch(b->keeper, path, errp);
}

bool hvcma_backing_lacks_keeper(const HvcmaBacking *b)
{
    return hvcma_pin_keeper_is_missing(b->keeper);
}

const char *hvcma_backing_keeper_state(const HvcmaBacking *b)
{
    return hvcma_pin_keeper_state(b->keeper);
}

const char *hvcma_backing_service_version(const HvcmaBacking *b)
{
    return hvcma_provider_service_version(b->provider);
}

bool hvcma_backing_watch_device(HvcmaBacking *b, const char *path,
                                int device_fd,
                                const struct hvcma_platform_rule *rule,
                                Error **errp)
{
    return !b->keeper ||
           hvcma_pin_keeper_watch_device(b->keeper, path, device_fd, rule,
                                         errp);
}
