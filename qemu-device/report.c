/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports: the region's state as QOM properties, for qom-get of QMP and HMP.
 *
 * "report" is a struct of all the others, and lists are cut (view.h). What is
 * beyond is in "report-part", of a range that begins where "report-first" says;
 * it tells its range, so that a reader sees when another one has set it anew.
 * Visitors fail on writing only where the reader went away, and then every
 * further call fails as well: so errors are left to the outermost call.
 */
#include "qemu/osdep.h"
#include "qapi/visitor.h"

#include "hv/abi/version.h"

#include "alias.h"
#include "attr.h"
#include "backing.h"
#include "clients.h"
#include "pinned.h"
#include "ram.h"
#include "static.h"
#include "test-hooks.h"
#include "view.h"
#include "client-windows.h"
#include "virtio-cma.h"

/* @view: NULL for parts that tell nothing of granules */
typedef void Part(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                  const char *name);

static void put_u64(Visitor *v, const char *name, uint64_t value)
{
    visit_type_uint64(v, name, &value, NULL);
}

static void put_bool(Visitor *v, const char *name, bool value)
{
    visit_type_bool(v, name, &value, NULL);
}

static void put_str(Visitor *v, const char *name, const char *value)
{
    char *str = (char *)value;

    visit_type_str(v, name, &str, NULL);
}

static void start_struct(Visitor *v, const char *name)
{
    visit_start_struct(v, name, NULL, 0, NULL);
}

static void end_struct(Visitor *v)
{
    visit_check_struct(v, NULL);
    visit_end_struct(v, NULL);
}

static void start_list(Visitor *v, const char *name)
{
    visit_start_list(v, name, NULL, 0, NULL);
}

static void end_list(Visitor *v)
{
    visit_check_list(v, NULL);
    visit_end_list(v, NULL);
}

static const char *const whys[VIRTIO_CMA_NR_WHYS] = {
    [VIRTIO_CMA_WHY_OTHER] = "other",
    [VIRTIO_CMA_WHY_PINNED] = "pinned",
    [VIRTIO_CMA_WHY_UNMOVABLE] = "unmovable",
    [VIRTIO_CMA_WHY_NO_ROOM] = "no-room",
};

const char *hvcma_report_purpose(uint32_t purpose)
{
    static const char *const purposes[VIRTIO_CMA_NR_PURPOSES] = {
        [VIRTIO_CMA_PURPOSE_OTHER] = "other",
        [VIRTIO_CMA_PURPOSE_POOL] = "pool",
        [VIRTIO_CMA_PURPOSE_COHERENT] = "coherent",
        [VIRTIO_CMA_PURPOSE_USER] = "user",
    };

    return purpose < VIRTIO_CMA_NR_PURPOSES ? purposes[purpose] : "?";
}

static uint64_t nr_granules(VirtIOCMA *s)
{
    return s->config.region_bytes / s->config.granule_bytes;
}

/* Granules are counted through them. */
static void put_ranges(VirtIOCMA *s, Visitor *v, const char *name)
{
    const struct hvcma_gpa_range *ranges;
    uint32_t nr = hvcma_engine_ranges(s->engine, &ranges), i;

    start_list(v, name);
    for (i = 0; i < nr; i++) {
        start_struct(v, NULL);
        put_u64(v, "base-gpa", ranges[i].base_gpa);
        put_u64(v, "bytes", ranges[i].bytes);
        end_struct(v);
    }
    end_list(v);
}

static void put_region(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                       const char *name)
{
    static const char *const policies[] = {
        [HVCMA_BEST_FIT] = "best-fit",
        [HVCMA_FIRST_FIT] = "first-fit",
        [HVCMA_NEXT_FIT] = "next-fit",
    };
    struct hvcma_provider_stats stats;

    start_struct(v, name);
    put_str(v, "name", s->config.name);
    put_str(v, "mode", hvcma_mode_name(s));
    put_str(v, "pin", hvcma_pinned_is_all(s) || hvcma_static_pins(s) ? "all" :
                                                                    "blocks");
    put_u64(v, "base-gpa", s->config.region_base_gpa);
    put_u64(v, "bytes", s->config.region_bytes);
    put_ranges(s, v, "ranges");
    put_u64(v, "granule-bytes", s->config.granule_bytes);
    put_str(v, "policy", policies[s->config.policy]);
    put_u64(v, "max-align-order", s->config.max_align_order);
    put_bool(v, "default", s->opts.is_default);
    put_bool(v, "unsafe-noiommu", s->opts.unsafe_noiommu);
    put_str(v, "provider", hvcma_backing_type(s->backing));
    put_str(v, "keeper", hvcma_backing_keeper_state(s->backing));
    put_u64(v, "pin-limit-bytes",
            s->config.pin_limit_bytes ?: s->config.region_bytes);
    hvcma_backing_stats(s->backing, &stats);
    put_u64(v, "low-wanted-bytes", s->opts.low_bytes);
    put_u64(v, "low-bytes", stats.low_bytes);
    put_str(v, "contiguous", hvcma_contiguous_name(s));
    put_u64(v, "run-wanted-bytes", s->run_bytes);
    put_u64(v, "run-bytes", stats.run_bytes);
    put_u64(v, "runs", stats.nr_runs);
    end_struct(v);
}

/* Whether the guest drives the device at all. */
static const char *driver_state(VirtIOCMA *s)
{
    const VirtIODevice *vdev = VIRTIO_DEVICE(s);

    if (hvcma_engine_is_suspended(s->engine)) {
        return "suspended";
    }
    if (vdev->status & VIRTIO_CONFIG_S_FAILED) {
        return "failed";
    }
    if (vdev->broken) {
        return "broken";
    }
    if (vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) {
        return "running";
    }
    return vdev->status & VIRTIO_CONFIG_S_DRIVER ? "starting" : "none";
}

static const char *driver_interface(const VirtIODevice *vdev)
{
    if (!(vdev->status & VIRTIO_CONFIG_S_FEATURES_OK)) {
        return "none";
    }
    return virtio_vdev_has_feature(vdev, VIRTIO_CMA_F_VERSION_1) ?
           "virtio-cma " VIRTIO_CMA_SPEC_VERSION : "legacy";
}

static void put_driver(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                       const char *name)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    start_struct(v, name);
    put_str(v, "state", driver_state(s));
    put_u64(v, "features", vdev->guest_features);
    put_str(v, "interface", driver_interface(vdev));
    end_struct(v);
}

/* Of hvcma; a service may be replaced while this runs. */
static void put_versions(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                         const char *name)
{
    start_struct(v, name);
    put_str(v, "device", HVCMA_VERSION);
    put_str(v, "service", hvcma_backing_service_version(s->backing));
    end_struct(v);
}

static const char *attr_name(uint32_t attr)
{
    static const char *const names[] = {
        [VIRTIO_CMA_ATTR_AUTO] = "auto",
        [VIRTIO_CMA_ATTR_CACHED] = "cached",
        [VIRTIO_CMA_ATTR_UNCACHED] = "uncached",
    };

    return names[attr];
}

static void put_mapped(VirtIOCMA *s, Visitor *v, const char *name,
                       uint32_t attr)
{
    put_str(v, name, hvcma_attr_type_text(
                         hvcma_attr_mapped(attr, s->config.stage2)));
}

/* What memory attributes come to here, and what QEMU does about its mapping. */
static void put_attributes(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                           const char *name)
{
    start_struct(v, name);
    put_str(v, "stage2", hvcma_stage2_name(s->config.stage2));
    put_str(v, "source", hvcma_attr_source(s));
    put_str(v, "policy", attr_name(s->config.attr_policy));
    put_mapped(s, v, "effective-cached", VIRTIO_CMA_ATTR_CACHED);
    put_mapped(s, v, "effective-uncached", VIRTIO_CMA_ATTR_UNCACHED);
    put_u64(v, "line-bytes", hvcma_attr_line_bytes());
    put_u64(v, "noncoherent-bytes", hvcma_alias_noncoherent_bytes(s));
    put_u64(v, "maintained-bytes", hvcma_alias_maintained_bytes(s));
    put_u64(v, "maintained-lines", hvcma_alias_maintained_lines(s));
    end_struct(v);
}

static void put_maint(Visitor *v, const char *name, uint32_t maint)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bits[] = {
        { VIRTIO_CMA_MAINT_BLOCK, "block" },
        { VIRTIO_CMA_MAINT_SYNC, "sync" },
        { VIRTIO_CMA_MAINT_NO_COHERENT, "no-coherent" },
        { VIRTIO_CMA_MAINT_NO_CACHED_ALIAS, "no-cached-alias" },
    };
    size_t i;

    start_list(v, name);
    for (i = 0; i < ARRAY_SIZE(bits); i++) {
        if (maint & bits[i].bit) {
            put_str(v, NULL, bits[i].name);
        }
    }
    end_list(v);
}

/* What a client reaches, at which addresses on its bus, and who says so. */
static void put_windows(VirtIOCMA *s, Visitor *v, uint32_t client)
{
    const struct hvcma_dma_windows *w;
    uint32_t source, i;

    w = hvcma_engine_client_windows(s->engine, client, &source);
    if (hvcma_engine_client_state(s->engine, client) ==
        VIRTIO_CMA_CLIENT_ABSENT) {
        return;
    }
    put_str(v, "windows-source", hvcma_client_windows_source(source));
    put_str(v, "windows-from", hvcma_clients_windows_from(s->clients, client));
    start_list(v, "windows");
    for (i = 0; i < w->nr; i++) {
        start_struct(v, NULL);
        put_u64(v, "bus-base", w->window[i].bus_base);
        put_u64(v, "base-dma", w->window[i].dma_base);
        put_u64(v, "bytes", w->window[i].bytes);
        end_struct(v);
    }
    end_list(v);
}

/* Of a client that is plugged: by the guest's word once it has been claimed. */
static void put_decision(VirtIOCMA *s, Visitor *v, uint32_t client)
{
    static const char *const words[] = {
        [VIRTIO_CMA_COHERENT_UNKNOWN] = "auto",
        [VIRTIO_CMA_COHERENT_YES] = "on",
        [VIRTIO_CMA_COHERENT_NO] = "off",
    };
    const char *id = hvcma_clients_id(s->clients, client);
    struct hvcma_attr_decision decision;

    put_str(v, "coherent", words[hvcma_attr_operator(s, id)]);
    if (hvcma_engine_client_decision(s->engine, client, &decision)) {
        return;
    }
    put_bool(v, "refused", decision.refused);
    put_str(v, "attr", attr_name(decision.attr));
    put_str(v, "effective", hvcma_attr_type_text(decision.effective));
    put_maint(v, "maintenance", decision.maint);
    put_str(v, "reason", hvcma_attr_reason_text(decision.reason));
}

static void put_granule_run(Visitor *v, uint64_t first, uint64_t nr,
                            uint8_t state)
{
    static const char *const names[] = {
        [VIRTIO_CMA_GRANULE_UNBACKED] = "unbacked",
        [VIRTIO_CMA_GRANULE_MIGRATABLE] = "migratable",
        [VIRTIO_CMA_GRANULE_PINNED] = "pinned",
        [HVCMA_VIEW_SWAPPED] = "swapped",
    };

    start_struct(v, NULL);
    put_u64(v, "first", first);
    put_u64(v, "nr", nr);
    put_str(v, "state", names[state & VIRTIO_CMA_GRANULE_STATE_MASK]);
    put_bool(v, "online", state & VIRTIO_CMA_GRANULE_ONLINE);
    put_bool(v, "busy", state & VIRTIO_CMA_GRANULE_BUSY);
    if (state & VIRTIO_CMA_GRANULE_BUSY) {
        put_str(v, "why", whys[state >> VIRTIO_CMA_GRANULE_WHY_SHIFT]);
    }
    end_struct(v);
}

static void put_runs(const HvcmaView *view, Visitor *v, const char *name,
                     uint64_t end)
{
    guint i;

    start_list(v, name);
    for (i = 0; i < view->runs->len; i++) {
        const HvcmaViewRun *r = &g_array_index(view->runs, HvcmaViewRun, i);

        if (r->first >= end) {
            break;
        }
        put_granule_run(v, r->first, MIN(r->nr, end - r->first), r->state);
    }
    end_list(v);
}

static void put_granules(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                         const char *name)
{
    put_runs(view, v, name, view->runs_end);
}

static void put_extents_before(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                               const char *name, uint64_t end)
{
    guint i;

    start_list(v, name);
    for (i = 0; i < view->extents->len; i++) {
        const HvcmaViewExtent *e = &g_array_index(view->extents,
                                                  HvcmaViewExtent, i);

        if (e->first >= end) {
            break;
        }
        start_struct(v, NULL);
        put_u64(v, "base-gpa", hvcma_granule_gpa(s, e->first));
        put_u64(v, "base-dma", e->dma);
        put_u64(v, "bytes", MIN(e->nr, end - e->first) *
                            s->config.granule_bytes);
        end_struct(v);
    }
    end_list(v);
}

static void put_extents(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                        const char *name)
{
    put_extents_before(s, view, v, name, view->extents_end);
}

/* The span of DMA addresses that backed granules lie in, as far as seen. */
static void put_dma_window(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                           const char *name)
{
    start_struct(v, name);
    put_u64(v, "first", view->nr_extents ? view->lowest_dma : 0);
    put_u64(v, "last", view->highest_dma);
    end_struct(v);
}

static void put_blocks_before(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                              const char *name, uint64_t end)
{
    guint i;

    start_list(v, name);
    for (i = 0; i < view->blocks->len; i++) {
        const HvcmaViewBlock *b = &g_array_index(view->blocks, HvcmaViewBlock,
                                                 i);

        if (b->first >= end) {
            break;
        }
        start_struct(v, NULL);
        put_u64(v, "first", b->first);
        put_u64(v, "nr", b->nr);
        put_str(v, "client", b->client < s->config.nr_clients ?
                hvcma_clients_id(s->clients, b->client) : "shared");
        put_str(v, "purpose", hvcma_report_purpose(b->purpose));
        end_struct(v);
    }
    end_list(v);
}

static void put_blocks(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                       const char *name)
{
    put_blocks_before(s, view, v, name, view->blocks_end);
}

static void put_truncated(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                          const char *name)
{
    start_struct(v, name);
    put_bool(v, "granules", view->runs_end < nr_granules(s));
    put_bool(v, "extents", view->extents_end < nr_granules(s));
    put_bool(v, "blocks", view->blocks_end < nr_granules(s));
    put_bool(v, "dma-window", view->end < nr_granules(s));
    end_struct(v);
}

/* As far as each list goes: the next part begins where this one ends. */
static void put_part(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                     const char *name)
{
    uint64_t end = MIN(MIN(view->runs_end, view->extents_end),
                       view->blocks_end);

    start_struct(v, name);
    put_u64(v, "first", view->first);
    put_u64(v, "nr", end - view->first);
    put_u64(v, "of", nr_granules(s));
    put_u64(v, "looked", MIN(view->nr_looked, end - view->first));
    put_runs(view, v, "granules", end);
    put_extents_before(s, view, v, "extents", end);
    put_blocks_before(s, view, v, "blocks", end);
    end_struct(v);
}

static const char *client_state(VirtIOCMA *s, uint32_t client)
{
    static const char *const states[] = {
        [VIRTIO_CMA_CLIENT_ABSENT] = "absent",
        [VIRTIO_CMA_CLIENT_PRESENT] = "present",
        [VIRTIO_CMA_CLIENT_CLAIMED] = "claimed",
    };

    if (hvcma_engine_client_is_quarantined(s->engine, client)) {
        return "quarantined";
    }
    return states[hvcma_engine_client_state(s->engine, client)];
}

static void put_clients(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                        const char *name)
{
    const char *bus, *path;
    uint32_t i;

    start_list(v, name);
    for (i = 0; i < s->config.nr_clients; i++) {
        if (!hvcma_clients_id(s->clients, i)[0]) {
            continue;           /* a spare entry that is free */
        }
        hvcma_clients_bus_path(s->clients, i, &bus, &path);
        start_struct(v, NULL);
        put_u64(v, "id", i);
        put_str(v, "name", hvcma_clients_id(s->clients, i));
        put_str(v, "kind", hvcma_clients_kind(s->clients, i));
        put_u64(v, "reservation", hvcma_clients_resv(s->clients, i));
        put_bool(v, "spare", hvcma_clients_is_spare(s->clients, i));
        put_str(v, "bus", bus);
        put_str(v, "path", path);
        put_str(v, "state", client_state(s, i));
        put_bool(v, "bus-master", hvcma_clients_is_bus_master(s->clients, i));
        put_decision(s, v, i);
        put_windows(s, v, i);
        end_struct(v);
    }
    end_list(v);
}

/* The shared part, then each reservation. */
static void put_resvs(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                      const char *name)
{
    uint64_t bytes, used_bytes;
    uint32_t k;

    start_list(v, name);
    for (k = 0; hvcma_engine_resv(s->engine, k, &bytes, &used_bytes); k++) {
        start_struct(v, NULL);
        put_u64(v, "reservation", k);
        put_u64(v, "bytes", bytes);
        put_u64(v, "used-bytes", used_bytes);
        end_struct(v);
    }
    end_list(v);
}

static void put_counters(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                         const char *name)
{
    struct hvcma_engine_counters c;
    struct hvcma_provider_stats stats;
    uint64_t swapped_bytes;
    size_t i;

    hvcma_engine_counters(s->engine, &c);
    hvcma_backing_stats(s->backing, &stats);
    c.backed_bytes += view->more_backed * s->config.granule_bytes;
    if (view->end - view->first == nr_granules(s)) {
        c.nr_extents = view->nr_extents;
    }
    swapped_bytes = view->nr_swapped * s->config.granule_bytes;
    start_struct(v, name);
    put_u64(v, "looked-bytes", view->nr_looked * s->config.granule_bytes);
    put_u64(v, "backed-bytes", c.backed_bytes);
    put_u64(v, "pinned-bytes", c.pinned_bytes);
    put_u64(v, "migratable-bytes", c.backed_bytes - c.pinned_bytes);
    put_u64(v, "unbacked-bytes", s->config.region_bytes - c.backed_bytes -
                                 swapped_bytes);
    put_u64(v, "swapped-bytes", swapped_bytes);
    put_u64(v, "online-bytes", c.online_bytes);
    put_u64(v, "orphaned-bytes", c.orphaned_bytes);
    put_u64(v, "surrendered-bytes", c.surrendered_bytes);
    put_u64(v, "busy-bytes", c.busy_bytes);
    for (i = 0; i < VIRTIO_CMA_NR_WHYS; i++) {
        g_autofree char *key = g_strdup_printf("busy-%s-bytes", whys[i]);

        put_u64(v, key, c.busy_why_bytes[i]);
    }
    put_u64(v, "free-bytes", c.free_bytes);
    put_u64(v, "allocated-bytes", c.allocated_bytes);
    put_u64(v, "longest-free-bytes", c.longest_free_bytes);
    put_u64(v, "quarantined-bytes", c.quarantined_bytes);
    put_u64(v, "blocks", c.nr_blocks);
    put_u64(v, "extents", c.nr_extents);
    put_u64(v, "alloc-ok", c.nr_alloc_ok);
    put_u64(v, "alloc-failed", c.nr_alloc_failed);
    put_u64(v, "freed", c.nr_freed);
    put_u64(v, "bad-requests", c.nr_bad_requests);
    put_u64(v, "provider-pinned-bytes", stats.pinned_bytes);
    put_u64(v, "pin-calls", stats.nr_pin_calls);
    put_u64(v, "unpin-calls", stats.nr_unpin_calls);
    hvcma_test_put_counters(s, v);
    end_struct(v);
}

static void put_guest(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                      const char *name)
{
    struct hvcma_engine_counters c;
    size_t i;

    hvcma_engine_counters(s->engine, &c);
    start_struct(v, name);
    put_bool(v, "valid", c.guest_valid);
    put_u64(v, "allocated-bytes", c.guest.allocated_bytes);
    put_u64(v, "coherent-bytes", c.guest.coherent_bytes);
    put_u64(v, "bounce-bytes", c.guest.bounce_bytes);
    put_u64(v, "broken-bytes", c.guest.broken_bytes);
    put_u64(v, "coherent-ok", c.guest.nr_coherent_ok);
    put_u64(v, "coherent-failed", c.guest.nr_coherent_failed);
    put_u64(v, "map-direct", c.guest.nr_map_direct);
    put_u64(v, "map-bounced", c.guest.nr_map_bounced);
    put_u64(v, "map-failed", c.guest.nr_map_failed);
    put_u64(v, "online-bytes", c.guest.online_bytes);
    put_u64(v, "ready-bytes", c.guest.ready_bytes);
    put_u64(v, "busy-retries", c.guest.nr_busy_retries);
    put_u64(v, "deadline-missed", c.guest.nr_deadline_missed);
    put_u64(v, "bulk-blocks", c.guest.nr_bulk_blocks);
    start_list(v, "alloc-us-log2");
    for (i = 0; i < VIRTIO_CMA_NR_LATENCIES; i++) {
        put_u64(v, NULL, c.guest.alloc_us_log2[i]);
    }
    end_list(v);
    end_struct(v);
}

typedef struct PartInfo {
    const char *name;
    const char *type;
    Part *put;
    bool of_granules;           /* tells what a view shows */
    const char *description;
} PartInfo;

static const PartInfo parts[] = {
    { "region", "struct", put_region, false, "what was configured" },
    { "driver", "struct", put_driver, false,
      "whether the guest has one, what was negotiated" },
    { "versions", "struct", put_versions, false,
      "which hvcma the device and its service are of" },
    { "granules", "list", put_granules, true, "runs of granules in one state" },
    { "extents", "list", put_extents, true,
      "runs contiguous in DMA addresses" },
    { "truncated", "struct", put_truncated, true,
      "what is not of the whole region" },
    { "dma-window", "struct", put_dma_window, true,
      "span of the DMA addresses" },
    { "blocks", "list", put_blocks, true, "allocated blocks, for whom" },
    { "clients", "list", put_clients, false, "devices served from the region" },
    { "attributes", "struct", put_attributes, false,
      "memory types of host and region" },
    { "reservations", "list", put_resvs, false,
      "the shared part and reservations" },
    { "counters", "struct", put_counters, true, "bytes and events" },
    { "guest", "struct", put_guest, false, "what the guest driver reported" },
};

static void put_report(VirtIOCMA *s, const HvcmaView *view, Visitor *v,
                       const char *name)
{
    size_t i;

    start_struct(v, name);
    for (i = 0; i < ARRAY_SIZE(parts); i++) {
        parts[i].put(s, view, v, parts[i].name);
    }
    end_struct(v);
}

static const PartInfo others[] = {
    { "report", "struct", put_report, true, "all of the region's state" },
    { "report-part", "struct", put_part, true,
      "granules, extents and blocks from report-first on" },
};

bool hvcma_report_is_there(VirtIOCMA *s, const char *name, Error **errp)
{
    if (!s->engine) {
        error_setg(errp, "virtio-cma: '%s' exists on a realized device only",
                   name);
    }
    return s->engine;
}

static void get_part(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    VirtIOCMA *s = VIRTIO_CMA(obj);
    const PartInfo *part = opaque;
    g_autoptr(HvcmaView) view = NULL;

    if (!hvcma_report_is_there(s, part->name, errp)) {
        return;
    }
    if (part->of_granules) {
        view = hvcma_view_new(s, part->put == put_part ? s->report_first : 0,
                              errp);
        if (!view) {
            return;
        }
    }
    part->put(s, view, v, name);
}

static void get_first(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    visit_type_uint64(v, name, &VIRTIO_CMA(obj)->report_first, errp);
}

static void set_first(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    VirtIOCMA *s = VIRTIO_CMA(obj);
    uint64_t first;

    if (!hvcma_report_is_there(s, "report-first", errp) ||
        !visit_type_uint64(v, name, &first, errp)) {
        return;
    }
    if (first >= nr_granules(s)) {
        error_setg(errp, "virtio-cma '%s': report-first=%" PRIu64 ": the "
                   "region has %" PRIu64 " granules, counted from 0",
                   s->config.name, first, nr_granules(s));
        return;
    }
    s->report_first = first;
}

static void add_part(ObjectClass *klass, const PartInfo *part)
{
    object_class_property_add(klass, part->name, part->type, get_part, NULL,
                              NULL, (void *)part);
    object_class_property_set_description(klass, part->name,
                                          part->description);
}

/* "clients" is an option already: its state is in the report only. */
static bool has_own_property(const PartInfo *part)
{
    return part->put != put_clients;
}

void hvcma_report_class_init(ObjectClass *klass)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(others); i++) {
        add_part(klass, &others[i]);
    }
    for (i = 0; i < ARRAY_SIZE(parts); i++) {
        if (has_own_property(&parts[i])) {
            add_part(klass, &parts[i]);
        }
    }
    object_class_property_add(klass, "report-first", "uint64", get_first,
                              set_first, NULL, NULL);
    object_class_property_set_description(klass, "report-first", "granule "
                                          "that report-part begins with");
}
