/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A private region as a RamDiscardManager: see discard.h.
 *
 *  populate              withdraw
 *  -------> [populated] --------------------> [discarded]
 *               ^  | withdraw, migrating           ^
 *      populate |  v         end of the migration  |
 *             [ late ] ----------------------------'
 *
 * A granule that is late still counts as populated. Migration and postcopy
 * threads read the map without the big lock: they rely on it that while a
 * migration runs bits are set only, each at once.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "migration/misc.h"
#include "migration/postcopy-ram.h"
#include "qemu/bitmap.h"

#include "backing.h"
#include "discard.h"

struct HvcmaDiscard {
    VirtIOCMA *s;
    MemoryRegion *mr;
    uint64_t granule_bytes;
    uint64_t nr;
    unsigned long *populated;
    unsigned long *late;
    uint64_t nr_late;
    QLIST_HEAD(, RamDiscardListener) listeners;
    NotifierWithReturn migration;
    NotifierWithReturn postcopy;
};

/* ---- parts of sections ---- */

/* The part of @s inside [first, first + nr); false if there is none. */
static bool intersect(const HvcmaDiscard *d, MemoryRegionSection *s,
                      uint64_t first, uint64_t nr)
{
    uint64_t start = MAX(s->offset_within_region, first * d->granule_bytes);
    uint64_t end = MIN(s->offset_within_region + int128_get64(s->size),
                       (first + nr) * d->granule_bytes);

    if (end <= start) {
        return false;
    }
    s->offset_within_address_space += start - s->offset_within_region;
    s->offset_within_region = start;
    s->size = int128_make64(end - start);
    return true;
}

/* The first run inside [from, end) of granules that are populated, or not. */
static uint64_t next_run(const HvcmaDiscard *d, uint64_t from, uint64_t end,
                         bool populated, uint64_t *first)
{
    uint64_t stop;

    if (populated) {
        *first = find_next_bit(d->populated, end, from);
        stop = find_next_zero_bit(d->populated, end, *first);
    } else {
        *first = find_next_zero_bit(d->populated, end, from);
        stop = find_next_bit(d->populated, end, *first);
    }
    return stop - *first;
}

typedef int PartFunc(MemoryRegionSection *part, void *opaque);

/* Stops at the first part for which @func does not return 0. */
static int for_each_part(const HvcmaDiscard *d, const MemoryRegionSection *s,
                         bool populated, PartFunc *func, void *opaque)
{
    uint64_t from = s->offset_within_region / d->granule_bytes;
    uint64_t end = DIV_ROUND_UP(s->offset_within_region +
                                int128_get64(s->size), d->granule_bytes);
    uint64_t first, nr;
    int ret = 0;

    end = MIN(end, d->nr);
    while (!ret && from < end &&
           (nr = next_run(d, from, end, populated, &first))) {
        MemoryRegionSection part = *s;

        if (intersect(d, &part, first, nr)) {
            ret = func(&part, opaque);
        }
        from = first + nr;
    }
    return ret;
}

/* ---- listeners ---- */

static void tell_discarded(HvcmaDiscard *d, uint64_t first, uint64_t nr,
                           const RamDiscardListener *end)
{
    RamDiscardListener *l;

    QLIST_FOREACH(l, &d->listeners, next) {
        MemoryRegionSection part = *l->section;

        if (l == end) {
            return;
        }
        if (intersect(d, &part, first, nr)) {
            l->notify_discard(l, &part);
        }
    }
}

/* All listeners follow, or none. */
static int tell_populated(HvcmaDiscard *d, uint64_t first, uint64_t nr)
{
    RamDiscardListener *l;
    int ret;

    QLIST_FOREACH(l, &d->listeners, next) {
        MemoryRegionSection part = *l->section;

        if (!intersect(d, &part, first, nr)) {
            continue;
        }
        ret = l->notify_populate(l, &part);
        if (ret) {
            tell_discarded(d, first, nr, l);
            return ret;
        }
    }
    return 0;
}

static int populate_listener(MemoryRegionSection *part, void *opaque)
{
    RamDiscardListener *l = opaque;

    return l->notify_populate(l, part);
}

static int discard_listener(MemoryRegionSection *part, void *opaque)
{
    RamDiscardListener *l = opaque;

    l->notify_discard(l, part);
    return 0;
}

/* Those inside [from, end) that were told of and don't come after all. */
static void tell_back(HvcmaDiscard *d, uint64_t from, uint64_t end)
{
    uint64_t first, nr;

    while (from < end && (nr = next_run(d, from, end, false, &first))) {
        tell_discarded(d, first, nr, NULL);
        from = first + nr;
    }
}

/* ---- what blocks do ---- */

static void discard(HvcmaDiscard *d, uint64_t first, uint64_t nr)
{
    tell_discarded(d, first, nr, NULL);
    bitmap_clear(d->populated, first, nr);
}

static void late_forget(HvcmaDiscard *d, uint64_t first, uint64_t nr)
{
    uint64_t i;

    for (i = first; d->nr_late && i < first + nr; i++) {
        d->nr_late -= test_and_clear_bit(i, d->late);
    }
}

static void late_add(HvcmaDiscard *d, uint64_t first, uint64_t nr)
{
    uint64_t i;

    for (i = first; i < first + nr; i++) {
        d->nr_late += !test_and_set_bit(i, d->late);
    }
}

/* The migration has ended: what was freed meanwhile is discarded now. */
static void late_drop(HvcmaDiscard *d)
{
    uint64_t first, nr;

    while (d->nr_late) {
        first = find_first_bit(d->late, d->nr);
        nr = find_next_zero_bit(d->late, d->nr, first) - first;
        late_forget(d, first, nr);
        discard(d, first, nr);
        hvcma_backing_discard(d->s->backing, first, nr);
    }
}

int hvcma_discard_populate(VirtIOCMA *s, uint64_t first, uint64_t nr)
{
    HvcmaDiscard *d = s->discard;
    uint64_t from = first, run, len;
    int ret = 0;

    if (!d) {
        return 0;
    }
    while (from < first + nr &&
           (len = next_run(d, from, first + nr, false, &run))) {
        ret = tell_populated(d, run, len);
        if (ret) {
            break;
        }
        from = run + len;
    }
    if (ret) {
        tell_back(d, first, from);
        return ret;
    }
    if (migration_is_running()) {
        /* Its first pass had nothing to send from here. */
        memory_region_set_dirty(d->mr, first * d->granule_bytes,
                                nr * d->granule_bytes);
    }
    late_forget(d, first, nr);
    bitmap_set_atomic(d->populated, first, nr);
    return 0;
}

bool hvcma_discard_withdraw(VirtIOCMA *s, uint64_t first, uint64_t nr)
{
    HvcmaDiscard *d = s->discard;

    if (!d) {
        return true;
    }
    if (migration_is_running()) {
        late_add(d, first, nr);
        return false;
    }
    discard(d, first, nr);
    return true;
}

/* ---- methods ---- */

static HvcmaDiscard *of(const RamDiscardManager *rdm)
{
    return VIRTIO_CMA(rdm)->discard;
}

static uint64_t get_min_granularity(const RamDiscardManager *rdm,
                                    const MemoryRegion *mr)
{
    return of(rdm)->granule_bytes;
}

static int fail(MemoryRegionSection *part, void *opaque)
{
    return -ENODATA;
}

static bool is_populated(const RamDiscardManager *rdm,
                         const MemoryRegionSection *s)
{
    return !for_each_part(of(rdm), s, false, fail, NULL);
}

static int replay_populated(const RamDiscardManager *rdm,
                            MemoryRegionSection *s,
                            ReplayRamPopulate replay, void *opaque)
{
    return for_each_part(of(rdm), s, true, replay, opaque);
}

#if HVCMA_QEMU < 1001
typedef struct DiscardReplay {
    ReplayRamDiscard func;
    void *opaque;
} DiscardReplay;

static int replay_part(MemoryRegionSection *part, void *opaque)
{
    DiscardReplay *r = opaque;

    r->func(part, r->opaque);
    return 0;
}

static void replay_discarded(const RamDiscardManager *rdm,
                             MemoryRegionSection *s, ReplayRamDiscard replay,
                             void *opaque)
{
    DiscardReplay r = { replay, opaque };

    for_each_part(of(rdm), s, false, replay_part, &r);
}
#else
static int replay_discarded(const RamDiscardManager *rdm,
                            MemoryRegionSection *s,
                            ReplayRamDiscardState replay, void *opaque)
{
    return for_each_part(of(rdm), s, false, replay, opaque);
}
#endif

static void register_listener(RamDiscardManager *rdm, RamDiscardListener *l,
                              MemoryRegionSection *s)
{
    HvcmaDiscard *d = of(rdm);
    int ret;

    l->section = memory_region_section_new_copy(s);
    QLIST_INSERT_HEAD(&d->listeners, l, next);
    ret = for_each_part(d, l->section, true, populate_listener, l);
    if (ret) {
        error_report("virtio-cma '%s': allocated blocks can't be mapped "
                     "for a device: %s", d->s->config.name, strerror(-ret));
    }
}

static void unregister_listener(RamDiscardManager *rdm, RamDiscardListener *l)
{
    for_each_part(of(rdm), l->section, true, discard_listener, l);
    memory_region_section_free_copy(l->section);
    l->section = NULL;
    QLIST_REMOVE(l, next);
}

void hvcma_discard_class_init(ObjectClass *klass)
{
    RamDiscardManagerClass *rdmc = RAM_DISCARD_MANAGER_CLASS(klass);

    rdmc->get_min_granularity = get_min_granularity;
    rdmc->is_populated = is_populated;
    rdmc->replay_populated = replay_populated;
    rdmc->replay_discarded = replay_discarded;
    rdmc->register_listener = register_listener;
    rdmc->unregister_listener = unregister_listener;
}

/* ---- life ---- */

static int migration_event(NotifierWithReturn *n, MigrationEvent *e,
                           Error **errp)
{
    if (e->type != MIG_EVENT_PRECOPY_SETUP) {
        late_drop(container_of(n, HvcmaDiscard, migration));
    }
    return 0;
}

/*
 * After a switch to postcopy the guest runs at the destination and its blocks
 * come and go, but the source answers only for pages that were populated there.
 */
static int postcopy_event(NotifierWithReturn *n, void *data, Error **errp)
{
    HvcmaDiscard *d = container_of(n, HvcmaDiscard, postcopy);
    struct PostcopyNotifyData *event = data;

    if (event->reason != POSTCOPY_NOTIFY_PROBE) {
        return 0;
    }
    error_setg(errp, "virtio-cma '%s': mode=private can't be migrated by "
               "postcopy", d->s->config.name);
    return -ENOTSUP;
}

static bool discards(const VirtIOCMA *s)
{
    return s->opts.discard || s->opts.surrender;
}

bool hvcma_discard_init(VirtIOCMA *s, Error **errp)
{
    HvcmaDiscard *d;

    if (s->config.mode != VIRTIO_CMA_MODE_PRIVATE && !s->opts.surrender) {
        return true;
    }
    if (discards(s) && ram_block_coordinated_discard_require(true)) {
        const char *option = s->opts.discard ? "discard=on" : "surrender=on";

        error_setg(errp, "virtio-cma '%s': %s discards pages of guest "
                   "memory, but another device of this virtual machine maps "
                   "all of it for good (vhost-vdpa, nvme:// and encrypted "
                   "guests do): leave out %s, or that device",
                   s->config.name, option, option);
        return false;
    }
    d = g_new0(HvcmaDiscard, 1);
    d->s = s;
    d->mr = &s->opts.memdev->mr;
    d->granule_bytes = s->config.granule_bytes;
    d->nr = s->config.region_bytes / s->config.granule_bytes;
    d->populated = bitmap_new(d->nr);
    d->late = bitmap_new(d->nr);
    if (s->opts.surrender) {
        bitmap_fill(d->populated, d->nr);
    }
    QLIST_INIT(&d->listeners);
    migration_add_notifier(&d->migration, migration_event);
    d->postcopy.notify = postcopy_event;
    postcopy_add_notifier(&d->postcopy);
    s->discard = d;
    memory_region_set_ram_discard_manager(d->mr, RAM_DISCARD_MANAGER(s));
    return true;
}

void hvcma_discard_cleanup(VirtIOCMA *s)
{
    HvcmaDiscard *d = s->discard;

    if (!d) {
        return;
    }
    memory_region_set_ram_discard_manager(d->mr, NULL);
    postcopy_remove_notifier(&d->postcopy);
    migration_remove_notifier(&d->migration);
    if (discards(s)) {
        ram_block_coordinated_discard_require(false);
    }
    g_free(d->late);
    g_free(d->populated);
    g_free(d);
    s->discard = NULL;
}
