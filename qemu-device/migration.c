/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-cma in a migration stream: which blocks are allocated, for whom,
 * which clients the guest has claimed and what it does not know yet. The memory
 * itself travels as RAM.
 *
 * The destination claims and pins again through the same engine, so a host that
 * can't (pin limit, pages, a client that is missing) fails the load, with
 * nothing left claimed or pinned. Online memory is RAM to the guest and travels
 * as such; the marks of what is online come along, for a guest reports only
 * what changes. Busy marks and the guest's counters are hints and start afresh.
 *
 * A region that gave out host-physical addresses can't move: blocked.
 *
 * A stream comes from outside. What the guest relies on is compared with what
 * is configured here, and every count is judged, before any memory is allocated
 * by it; what follows goes through the engine, which judges it as it does
 * requests. QEMU writes no version for inner descriptions:
 * HVCMA_STREAM_VERSION, that of the device, is to be raised with each change
 * here.
 */
#include "qemu/osdep.h"
#include "migration/blocker.h"
#include "migration/vmstate.h"
#include "qemu/cutils.h"

#include "clients.h"
#include "drain.h"
#include "printable.h"
#include "requests.h"
#include "turn.h"
#include "virtio-cma.h"

typedef struct SavedBlock {
    uint64_t first;
    uint64_t nr;
    uint32_t client;
    uint32_t purpose;
} SavedBlock;

typedef struct SavedClient {
    uint8_t id[VIRTIO_CMA_NAME_BYTES];
    uint8_t claimed;
    uint8_t coherent;           /* by the guest's word: VIRTIO_CMA_COHERENT_* */
    uint8_t event;              /* not delivered yet */
    uint8_t resv;
    uint32_t attr;              /* as the guest knows it */
    uint32_t maint;
    uint8_t kind[VIRTIO_CMA_KIND_BYTES];
} SavedClient;

struct HvcmaMigration {
    VirtIOCMA *s;
    uint8_t name[VIRTIO_CMA_NAME_BYTES];
    uint64_t base_gpa;
    uint64_t region_bytes;
    uint64_t granule_bytes;
    uint64_t pin_limit_bytes;
    uint32_t mode;
    uint32_t flags;
    uint32_t attr_policy;
    uint32_t stage2;
    uint32_t max_align_order;
    uint32_t nr_resvs;
    uint64_t resv_bytes[HVCMA_MAX_RESVS];
    int32_t nr_clients;
    int32_t nr_blocks;
    uint32_t online_bytes;        /* of the bitmap */
    SavedClient *client;
    SavedBlock *block;
    uint8_t *online;              /* a bit per granule, as in REPORT */
    uint64_t orphaned_bytes;
    bool suspended;
};

static void saved_free(HvcmaMigration *m)
{
    g_free(m->client);
    g_free(m->block);
    g_free(m->online);
    m->client = NULL;
    m->block = NULL;
    m->online = NULL;
    m->nr_clients = 0;
    m->nr_blocks = 0;
    m->online_bytes = 0;
    m->orphaned_bytes = 0;
    m->suspended = false;
}

static uint64_t nr_granules(const VirtIOCMA *s)
{
    return s->config.region_bytes / s->config.granule_bytes;
}

/* What the guest knows of the region, and what its blocks may come to. */
static void get_config(const VirtIOCMA *s, HvcmaMigration *m)
{
    pstrcpy((char *)m->name, sizeof(m->name), s->config.name);
    m->base_gpa = s->config.region_base_gpa;
    m->region_bytes = s->config.region_bytes;
    m->granule_bytes = s->config.granule_bytes;
    m->pin_limit_bytes = MIN(s->config.pin_limit_bytes ?: UINT64_MAX,
                             s->config.region_bytes);
    m->mode = s->config.mode;
    m->flags = s->config.flags;
    m->attr_policy = s->config.attr_policy;
    m->stage2 = s->config.stage2;
    m->max_align_order = s->config.max_align_order;
    m->nr_resvs = s->config.nr_resvs;
    memcpy(m->resv_bytes, s->resv_bytes, sizeof(m->resv_bytes));
    m->nr_clients = s->config.nr_clients;
    m->online_bytes = DIV_ROUND_UP(nr_granules(s), 8);
}

static void save_online(HvcmaMigration *m)
{
    VirtIOCMA *s = m->s;
    struct hvcma_engine_counters counters;
    uint64_t i;

    hvcma_engine_counters(s->engine, &counters);
    m->orphaned_bytes = counters.orphaned_bytes;
    m->online = g_malloc0(m->online_bytes);
    for (i = 0; i < nr_granules(s); i++) {
        if (hvcma_engine_granule_state(s->engine, i) &
            VIRTIO_CMA_GRANULE_ONLINE) {
            m->online[i / 8] |= 1 << (i % 8);
        }
    }
}

static int state_pre_save(void *opaque)
{
    HvcmaMigration *m = opaque;
    VirtIOCMA *s = m->s;
    uint64_t from = 0;
    GArray *blocks;
    SavedBlock b = { };
    struct hvcma_attr_decision decision;
    uint32_t i;

    saved_free(m);
    get_config(s, m);
    save_online(m);
    m->suspended = hvcma_engine_is_suspended(s->engine);

    m->client = g_new0(SavedClient, m->nr_clients);
    for (i = 0; i < s->config.nr_clients; i++) {
        pstrcpy((char *)m->client[i].id, sizeof(m->client[i].id),
                hvcma_clients_id(s->clients, i));
        pstrcpy((char *)m->client[i].kind, sizeof(m->client[i].kind),
                hvcma_clients_kind(s->clients, i));
        m->client[i].claimed = hvcma_engine_client_state(s->engine, i) ==
                               VIRTIO_CMA_CLIENT_CLAIMED;
        m->client[i].coherent = hvcma_engine_client_coherent(s->engine, i);
        m->client[i].event = s->event_pending[i];
        m->client[i].resv = hvcma_clients_resv(s->clients, i);
        if (!hvcma_engine_client_decision(s->engine, i, &decision)) {
            m->client[i].attr = decision.attr;
            m->client[i].maint = decision.maint;
        }
    }

    blocks = g_array_new(false, true, sizeof(SavedBlock));
    while (hvcma_engine_next_block(s->engine, from, &b.first, &b.nr, &b.client,
                                   &b.purpose)) {
        g_array_append_val(blocks, b);
        from = b.first + b.nr;
    }
    m->nr_blocks = blocks->len;
    m->block = (SavedBlock *)g_array_free(blocks, false);
    return 0;
}

static int state_post_save(void *opaque)
{
    saved_free(opaque);
    return 0;
}

static int state_pre_load(void *opaque)
{
    saved_free(opaque);
    return 0;
}

static bool same(VirtIOCMA *s, const char *what, uint64_t here, uint64_t there)
{
    if (here != there) {
        error_report("virtio-cma '%s': %s is 0x%" PRIx64 " here, 0x%" PRIx64
                     " at the source", s->config.name, what, here, there);
    }
    return here == there;
}

/* The stream's text need not end, and may have anything in it. */
static bool same_text(VirtIOCMA *s, const char *what, const char *here,
                      uint8_t *there, size_t bytes)
{
    g_autofree char *text = NULL;

    there[bytes - 1] = 0;
    if (!strcmp(here, (char *)there)) {
        return true;
    }
    text = hvcma_printable((char *)there);
    error_report("virtio-cma '%s': %s is '%s' here, '%s' at the source",
                 s->config.name, what, here, text);
    return false;
}

/* Before anything is allocated for what the stream says there is of it. */
static bool config_matches(void *opaque, int version_id)
{
    HvcmaMigration *m = opaque;
    VirtIOCMA *s = m->s;
    g_autofree HvcmaMigration *here = g_new0(HvcmaMigration, 1);
    uint32_t k;

    get_config(s, here);
    if (!same_text(s, "name", s->config.name, m->name, sizeof(m->name)) ||
        !same(s, "base address", here->base_gpa, m->base_gpa) ||
        !same(s, "size", here->region_bytes, m->region_bytes) ||
        !same(s, "granule", here->granule_bytes, m->granule_bytes) ||
        !same(s, "mode", here->mode, m->mode) ||
        !same(s, "pin limit", here->pin_limit_bytes, m->pin_limit_bytes) ||
        !same(s, "flags", here->flags, m->flags) ||
        !same(s, "attribute policy", here->attr_policy, m->attr_policy) ||
        !same(s, "stage 2", here->stage2, m->stage2) ||
        !same(s, "alignment cap", here->max_align_order, m->max_align_order) ||
        !same(s, "number of reservations", here->nr_resvs, m->nr_resvs)) {
        return false;
    }
    for (k = 0; k < here->nr_resvs; k++) {
        g_autofree char *what = g_strdup_printf("reservation %" PRIu32, k + 1);

        if (!same(s, what, here->resv_bytes[k], m->resv_bytes[k])) {
            return false;
        }
    }
    return same(s, "number of clients", here->nr_clients,
                (uint32_t)m->nr_clients) &&
           same(s, "size of the list of online granules", here->online_bytes,
                m->online_bytes);
}

static bool nr_blocks_is_possible(void *opaque, int version_id)
{
    HvcmaMigration *m = opaque;
    uint64_t limit = m->pin_limit_bytes / m->granule_bytes;

    if ((uint32_t)m->nr_blocks > limit) {
        error_report("virtio-cma '%s': the source tells of %" PRIu32 " blocks, "
                     "limit: %" PRIu64, m->s->config.name,
                     (uint32_t)m->nr_blocks, limit);
        return false;
    }
    return true;
}

static bool client_matches(VirtIOCMA *s, uint32_t i, SavedClient *there)
{
    const char *id = hvcma_clients_id(s->clients, i);
    uint32_t resv = hvcma_clients_resv(s->clients, i);
    g_autofree char *entry = g_strdup_printf("client %" PRIu32, i);
    g_autofree char *kind = g_strdup_printf("the kind of client '%s'", id);

    if (!same_text(s, entry, id, there->id, sizeof(there->id)) ||
        !same_text(s, kind, hvcma_clients_kind(s->clients, i), there->kind,
                   sizeof(there->kind))) {
        return false;
    }
    if (there->resv != resv) {
        error_report("virtio-cma '%s': reservation of client '%s' is %" PRIu32
                     " here, %u at the source", s->config.name, id, resv,
                     there->resv);
        return false;
    }
    if (there->event > VIRTIO_CMA_EVENT_CLIENT_REMOVED) {
        error_report("virtio-cma '%s': the source tells of an event %u of "
                     "client '%s', limit: %d", s->config.name, there->event,
                     id, VIRTIO_CMA_EVENT_CLIENT_REMOVED);
        return false;
    }
    return true;
}

static bool clients_match(HvcmaMigration *m)
{
    int32_t i;

    for (i = 0; i < m->nr_clients; i++) {
        if (!client_matches(m->s, i, &m->client[i])) {
            return false;
        }
    }
    return true;
}

/* It must get the same answer. */
static bool claim_again(VirtIOCMA *s, uint32_t client, const SavedClient *saved)
{
    struct virtio_cma_claim_resp resp;
    uint32_t status;

    hvcma_clients_claim_now(s, client, saved->coherent, &resp);
    status = le32_to_cpu(resp.hdr.status);
    if (status) {
        error_report("virtio-cma '%s': client '%s' was claimed at the source "
                     "and can't be here: %s", s->config.name,
                     hvcma_clients_id(s->clients, client),
                     hvcma_status_text(status));
        return false;
    }
    if (le32_to_cpu(resp.attr) != saved->attr ||
        le32_to_cpu(resp.maint) != saved->maint) {
        error_report("virtio-cma '%s': client '%s' needs another mapping here "
                     "than at the source: attr %" PRIu32 ", maintenance "
                     "0x%" PRIx32 "; was attr %" PRIu32 ", maintenance "
                     "0x%" PRIx32,
                     s->config.name, hvcma_clients_id(s->clients, client),
                     le32_to_cpu(resp.attr), le32_to_cpu(resp.maint),
                     saved->attr, saved->maint);
        return false;
    }
    return true;
}

/* As the guest does it, in reports of the largest size. */
static bool reuse_again(HvcmaMigration *m)
{
    const uint64_t max_bits = 8 * (VIRTIO_CMA_MAX_REQUEST_BYTES -
                                   sizeof(struct virtio_cma_report_req));
    g_autofree struct virtio_cma_report_req *req =
        g_malloc0(VIRTIO_CMA_MAX_REQUEST_BYTES);
    VirtIOCMA *s = m->s;
    uint64_t first, nr;

    for (first = 0; first < nr_granules(s); first += nr) {
        struct virtio_cma_resp_hdr resp;
        uint64_t bytes;
        size_t used;

        nr = MIN(max_bits, nr_granules(s) - first);
        bytes = DIV_ROUND_UP(nr, 8);
        *req = (struct virtio_cma_report_req) {
            .hdr.op = cpu_to_le32(VIRTIO_CMA_OP_REPORT),
            .hdr.bytes = cpu_to_le32(sizeof(*req) + bytes),
            .what = cpu_to_le32(VIRTIO_CMA_REPORT_ONLINE),
            .first = cpu_to_le64(first),
            .nr = cpu_to_le64(nr),
        };
        memcpy(req->payload, m->online + first / 8, bytes);
        hvcma_engine_request(s->engine, req, sizeof(*req) + bytes, &resp,
                             sizeof(resp), true, &used);
        if (resp.status) {
            error_report("virtio-cma '%s': the source's online granules "
                         "can't be restored: %s", s->config.name,
                         hvcma_status_text(le32_to_cpu(resp.status)));
            return false;
        }
    }
    if (hvcma_engine_restore_orphaned(s->engine, m->orphaned_bytes)) {
        error_report("virtio-cma '%s': the source tells of %" PRIu64 " bytes "
                     "orphaned, limit: %" PRIu64, s->config.name,
                     m->orphaned_bytes, s->config.region_bytes);
        return false;
    }
    return true;
}

static bool restore(HvcmaMigration *m)
{
    VirtIOCMA *s = m->s;
    int32_t i;
    enum virtio_cma_status status;

    for (i = 0; i < m->nr_clients; i++) {
        hvcma_engine_client_resv(s->engine, i, m->client[i].resv);
        if (m->client[i].claimed && !claim_again(s, i, &m->client[i])) {
            return false;
        }
    }
    for (i = 0; i < m->nr_blocks; i++) {
        SavedBlock *b = &m->block[i];

        status = hvcma_engine_restore_block(s->engine, b->first, b->nr,
                                            b->client, b->purpose);
        if (status) {
            error_report("virtio-cma '%s': the block of %" PRIu64 " granules "
                         "from %" PRIu64 " can't be allocated here: %s",
                         s->config.name, b->nr, b->first,
                         hvcma_status_text(status));
            return false;
        }
    }
    if (!reuse_again(m)) {
        return false;
    }
    for (i = 0; i < m->nr_clients; i++) {
        s->event_pending[i] = m->client[i].event;
    }
    hvcma_engine_set_suspended(s->engine, m->suspended);
    return true;
}

static int state_post_load(void *opaque, int version_id)
{
    HvcmaMigration *m = opaque;
    int ret = 0;

    hvcma_turn_begin(m->s);
    hvcma_engine_reset(m->s->engine);
    hvcma_drain_finish(m->s);
    if (!clients_match(m)) {
        ret = -EINVAL;
    } else if (!restore(m)) {
        hvcma_engine_reset(m->s->engine);
        ret = -EINVAL;
    }
    saved_free(m);
    hvcma_turn_end(m->s);
    return ret;
}

static const VMStateDescription vmstate_block = {
    .name = TYPE_VIRTIO_CMA "/block",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(first, SavedBlock),
        VMSTATE_UINT64(nr, SavedBlock),
        VMSTATE_UINT32(client, SavedBlock),
        VMSTATE_UINT32(purpose, SavedBlock),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_client = {
    .name = TYPE_VIRTIO_CMA "/client",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_ARRAY(id, SavedClient, VIRTIO_CMA_NAME_BYTES),
        VMSTATE_UINT8(claimed, SavedClient),
        VMSTATE_UINT8(coherent, SavedClient),
        VMSTATE_UINT8(event, SavedClient),
        VMSTATE_UINT8(resv, SavedClient),
        VMSTATE_UINT32(attr, SavedClient),
        VMSTATE_UINT32(maint, SavedClient),
        VMSTATE_UINT8_ARRAY(kind, SavedClient, VIRTIO_CMA_KIND_BYTES),
        VMSTATE_END_OF_LIST()
    },
};

static bool suspended_needed(void *opaque)
{
    return ((HvcmaMigration *)opaque)->suspended;
}

static const VMStateDescription vmstate_suspended = {
    .name = TYPE_VIRTIO_CMA "/state/suspended",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = suspended_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(suspended, HvcmaMigration),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_state = {
    .name = TYPE_VIRTIO_CMA "/state",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = state_pre_save,
    .post_save = state_post_save,
    .pre_load = state_pre_load,
    .post_load = state_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_ARRAY(name, HvcmaMigration, VIRTIO_CMA_NAME_BYTES),
        VMSTATE_UINT64(base_gpa, HvcmaMigration),
        VMSTATE_UINT64(region_bytes, HvcmaMigration),
        VMSTATE_UINT64(granule_bytes, HvcmaMigration),
        VMSTATE_UINT64(pin_limit_bytes, HvcmaMigration),
        VMSTATE_UINT32(mode, HvcmaMigration),
        VMSTATE_UINT32(flags, HvcmaMigration),
        VMSTATE_UINT32(attr_policy, HvcmaMigration),
        VMSTATE_UINT32(stage2, HvcmaMigration),
        VMSTATE_UINT32(max_align_order, HvcmaMigration),
        VMSTATE_UINT32(nr_resvs, HvcmaMigration),
        VMSTATE_UINT64_ARRAY(resv_bytes, HvcmaMigration, HVCMA_MAX_RESVS),
        VMSTATE_INT32(nr_clients, HvcmaMigration),
        VMSTATE_INT32(nr_blocks, HvcmaMigration),
        VMSTATE_UINT32(online_bytes, HvcmaMigration),
        VMSTATE_VALIDATE("the same region", config_matches),
        VMSTATE_VALIDATE("as many blocks as there can be",
                         nr_blocks_is_possible),
        VMSTATE_STRUCT_VARRAY_ALLOC(client, HvcmaMigration, nr_clients, 1,
                                    vmstate_client, SavedClient),
        VMSTATE_STRUCT_VARRAY_ALLOC(block, HvcmaMigration, nr_blocks, 1,
                                    vmstate_block, SavedBlock),
        VMSTATE_VBUFFER_ALLOC_UINT32(online, HvcmaMigration, 1, NULL,
                                     online_bytes),
        VMSTATE_UINT64(orphaned_bytes, HvcmaMigration),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const []) {
        &vmstate_suspended,
        NULL
    },
};

const VMStateDescription vmstate_virtio_cma = {
    .name = TYPE_VIRTIO_CMA,
    .version_id = HVCMA_STREAM_VERSION,
    .minimum_version_id = HVCMA_STREAM_VERSION,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_POINTER(migration, VirtIOCMA, vmstate_state,
                               HvcmaMigration),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const []) {
        &vmstate_virtio_cma_requests,
        NULL
    },
};

bool hvcma_migration_init(VirtIOCMA *s, Error **errp)
{
    if (s->opts.unsafe_noiommu || s->config.mode == VIRTIO_CMA_MODE_RAM ||
        s->opts.surrender) {
        error_setg(&s->migration_blocker, "virtio-cma '%s': %s",
                   s->config.name,
                   s->config.mode == VIRTIO_CMA_MODE_RAM ?
                   "mode=ram: the guest's RAM is pinned where it is" :
                   s->opts.surrender && !s->opts.unsafe_noiommu ?
                   "surrender=on: what the guest has given up is not told" :
                   "unsafe-noiommu=on: the guest's devices hold physical "
                   "addresses of this host");
        if (migrate_add_blocker(&s->migration_blocker, errp)) {
            return false;
        }
    }
    s->migration = g_new0(HvcmaMigration, 1);
    s->migration->s = s;
    return true;
}

void hvcma_migration_cleanup(VirtIOCMA *s)
{
    saved_free(s->migration);
    g_free(s->migration);
    s->migration = NULL;
    migrate_del_blocker(&s->migration_blocker);
}
