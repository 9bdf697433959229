/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's own cacheable mapping of a region, while clients do DMA past the
 * caches. See alias.h.
 */
#include "qemu/osdep.h"
#include "exec/gdbstub.h"
#include "migration/blocker.h"
#include "monitor/hmp.h"
#include "monitor/monitor-internal.h"
#include "qapi/qapi-commands-migration.h"
#include "qobject/qdict.h"
#include "system/runstate.h"

#include "alias.h"
#include "attr.h"
#include "trace.h"
#include "hv/host/arm_cache.h"

#define WHY "virtio-cma: a client is doing DMA past the caches, so QEMU must " \
            "not touch its memory"

static QLIST_HEAD(, VirtIOCMA) kept_off = QLIST_HEAD_INITIALIZER(kept_off);

void hvcma_alias_maintain(VirtIOCMA *s, uint64_t first, uint64_t nr)
{
    uint64_t bytes = nr * s->config.granule_bytes;
    uint8_t *base = memory_region_get_ram_ptr(&s->opts.memdev->mr);

    s->alias.maintained_lines +=
        hvcma_clean_invalidate(base + first * s->config.granule_bytes, bytes,
                               hvcma_attr_line_bytes());
    s->alias.maintained_bytes += bytes;
}

uint64_t hvcma_alias_maintained_bytes(const VirtIOCMA *s)
{
    return s->alias.maintained_bytes;
}

uint64_t hvcma_alias_maintained_lines(const VirtIOCMA *s)
{
    return s->alias.maintained_lines;
}

uint64_t hvcma_alias_noncoherent_bytes(const VirtIOCMA *s)
{
    return hvcma_engine_noncoherent_bytes(s->engine);
}

/* ---- commands that read or write guest memory, or start what does ---- */

/* Those that migration's blocker stops are not among them. */
static const char *const qmp_names[] = {
    "dump-guest-memory", "memsave", "pmemsave", "calc-dirty-rate",
    "snapshot-load",
};

/* Those that were enabled: what others have disabled stays so. */
static bool qmp_disabled[ARRAY_SIZE(qmp_names)];

static void qmp_allow(bool on)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(qmp_names); i++) {
        const QmpCommand *cmd = qmp_find_command(&qmp_commands, qmp_names[i]);

        if (on && qmp_disabled[i]) {
            qmp_enable_command(&qmp_commands, qmp_names[i]);
            qmp_disabled[i] = false;
        } else if (!on && cmd && qmp_command_is_enabled(cmd)) {
            qmp_disable_command(&qmp_commands, qmp_names[i], WHY);
            qmp_disabled[i] = true;
        }
    }
}

static const char *const hmp_names[] = {
    "x", "xp", "sum", "memsave", "pmemsave", "dump-guest-memory",
    "calc_dirty_rate", "loadvm", "gdbserver",
};

static void commands_allow(bool on)
{
    size_t i;

    qmp_allow(on);
    for (i = 0; i < ARRAY_SIZE(hmp_names); i++) {
        hmp_block_command(hmp_names[i], on ? NULL : WHY);
    }
}

/* ---- all of them ---- */

bool hvcma_alias_is_kept_off(void)
{
    return !QLIST_EMPTY(&kept_off);
}

bool hvcma_alias_is_noncoherent(uint64_t gpa)
{
    VirtIOCMA *s;

    QLIST_FOREACH(s, &kept_off, alias.next) {
        uint64_t offset = gpa - s->config.region_base_gpa;

        if (gpa >= s->config.region_base_gpa &&
            hvcma_engine_is_noncoherent(s->engine,
                                        offset / s->config.granule_bytes)) {
            return true;
        }
    }
    return false;
}

/*
 * TCG's plugins translate without the big lock, which engines need; what they
 * look at the guest reads through the same mapping anyhow.
 */
static bool is_out_of_reach(hwaddr gpa)
{
    return bql_locked() && hvcma_alias_is_noncoherent(gpa);
}

static const CPUDebugMemoryGuard debug_guard = {
    .is_active = hvcma_alias_is_kept_off,
    .covers = is_out_of_reach,
};

/*
 * By a thread of its own. Until that runs the state is still the first one, but
 * a time has been set.
 */
static bool is_dirty_rate_measured(void)
{
    DirtyRateInfo *info = qmp_query_dirty_rate(false, 0, NULL);
    bool measured = info->status == DIRTY_RATE_STATUS_MEASURING ||
                    (info->status == DIRTY_RATE_STATUS_UNSTARTED &&
                     info->start_time);

    qapi_free_DirtyRateInfo(info);
    return measured;
}

static bool block(VirtIOCMA *s, Error **errp)
{
    if (qemu_system_dump_in_progress()) {
        error_setg(errp, "a dump of guest memory is in progress");
        return false;
    }
    if (is_dirty_rate_measured()) {
        error_setg(errp, "the dirty rate of guest memory is being measured");
        return false;
    }
    cpu_set_debug_memory_guard(&debug_guard);
    if (gdb_has_phy_memory_mode()) {
        error_setg(errp, "the debugger's physical memory mode is on (in gdb, "
                   "'maint packet Qqemu.PhyMemMode:0' ends it)");
        return false;
    }
    error_setg(&s->alias.migration_blocker, "virtio-cma '%s': a client is "
               "doing DMA past the caches: QEMU must not touch its memory",
               s->config.name);
    return !migrate_add_blocker(&s->alias.migration_blocker, errp);
}

void hvcma_alias_forget(VirtIOCMA *s)
{
    if (!s->alias.migration_blocker) {
        return;
    }
    QLIST_REMOVE(s, alias.next);
    migrate_del_blocker(&s->alias.migration_blocker);
    if (QLIST_EMPTY(&kept_off)) {
        commands_allow(true);
    }
}

enum virtio_cma_status hvcma_alias_keep_off(VirtIOCMA *s, bool on)
{
    Error *err = NULL;

    if (on && !block(s, &err)) {
        if (s->alias.complained) {      /* the guest may ask without end */
            error_free(err);
        } else {
            error_reportf_err(err, "virtio-cma '%s': a client whose DMA "
                              "bypasses the caches is refused: ",
                              s->config.name);
        }
        s->alias.complained = true;
        return VIRTIO_CMA_S_REFUSED;
    }
    if (on) {
        s->alias.complained = false;
        if (QLIST_EMPTY(&kept_off)) {
            commands_allow(false);
        }
        QLIST_INSERT_HEAD(&kept_off, s, alias.next);
    } else {
        hvcma_alias_forget(s);
    }
    trace_virtio_cma_keep_off(s->config.name, on ? "off" : "no longer off");
    return VIRTIO_CMA_S_OK;
}
