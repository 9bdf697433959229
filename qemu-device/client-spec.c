/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clients= and regions=, see client-spec.h. The grammar is hv/core's.
 */
#include "qemu/osdep.h"
#include "hw/boards.h"

#include "client-spec.h"
#include "hv/core/region_text.h"

#define PAGE_BYTES UINT64_C(4096)   /* the smallest granule */

static void spec_free(gpointer opaque)
{
    HvcmaClientSpec *spec = opaque;

    g_free(spec->id);
    g_free(spec->kind);
    g_free(spec);
}

static HvcmaClientSpec *spec_find(const GPtrArray *specs, const char *id,
                                  const char *kind)
{
    guint i;

    for (i = 0; i < specs->len; i++) {
        HvcmaClientSpec *spec = g_ptr_array_index(specs, i);

        if (!strcmp(spec->id, id) && !strcmp(spec->kind, kind)) {
            return spec;
        }
    }
    return NULL;
}

/* Takes @id and @kind over. */
static bool spec_add(GPtrArray *specs, char *id, char *kind, uint8_t resv)
{
    HvcmaClientSpec *spec = g_new0(HvcmaClientSpec, 1);
    bool is_new = !spec_find(specs, id, kind);

    spec->id = id;
    spec->kind = kind;
    spec->resv = resv;
    g_ptr_array_add(specs, spec);
    return is_new;
}

/* ---- clients= ---- */

static bool add_clients(VirtIOCMA *s, GPtrArray *specs, Error **errp)
{
    g_auto(GStrv) ids = g_strsplit(s->opts.clients ?: "", ":", -1);
    char **id;

    for (id = ids; *id; id++) {
        if (!(*id)[0] || strlen(*id) >= VIRTIO_CMA_NAME_BYTES) {
            error_setg(errp, "virtio-cma '%s': client id '%s' in clients='%s' "
                       "has %zu bytes, limit: 1 to %d", s->config.name, *id,
                       s->opts.clients, strlen(*id),
                       VIRTIO_CMA_NAME_BYTES - 1);
            return false;
        }
        if (!spec_add(specs, g_strdup(*id), g_strdup(""), 0)) {
            error_setg(errp, "virtio-cma '%s': clients='%s' names '%s' twice",
                       s->config.name, s->opts.clients, *id);
            return false;
        }
    }
    return true;
}

/* ---- regions= ---- */

static bool complain(VirtIOCMA *s, const struct hvcma_slice *at,
                     const char *what, Error **errp)
{
    error_setg(errp, "virtio-cma '%s': regions='%s': %s at byte %td ('%.*s')",
               s->config.name, s->opts.regions, what,
               at->text - s->opts.regions, (int)at->bytes, at->text);
    return false;
}

static bool entry_bytes(VirtIOCMA *s, const struct hvcma_region_text *e,
                        uint64_t *bytes, Error **errp)
{
    uint64_t ram_bytes = MACHINE(qdev_get_machine())->ram_size;

    if (hvcma_region_text_bytes(&e->size, ram_bytes, bytes)) {
        return complain(s, &e->size.text, "a part of no RAM", errp);
    }
    if (!hvcma_region_text_is_relative(&e->size) &&
        !QEMU_IS_ALIGNED(*bytes, PAGE_BYTES)) {
        error_setg(errp, "virtio-cma '%s': regions= says size %" PRIu64
                   ", which is not a multiple of %" PRIu64 " bytes",
                   s->config.name, *bytes, PAGE_BYTES);
        return false;
    }
    return true;
}

/* NAME=SIZE[@BASE]: not more than there is; less is a limit. */
static bool set_region(VirtIOCMA *s, const struct hvcma_region_text *e,
                       Error **errp)
{
    uint64_t bytes;

    if (!entry_bytes(s, e, &bytes, errp)) {
        return false;
    }
    bytes = QEMU_ALIGN_DOWN(bytes, s->config.granule_bytes);
    if (!bytes || bytes > s->config.region_bytes) {
        error_setg(errp, "virtio-cma '%s': regions= gives it '%.*s', limit: "
                   "the granule %" PRIu64 " to the memdev's %" PRIu64,
                   s->config.name, (int)e->size.text.bytes, e->size.text.text,
                   s->config.granule_bytes, s->config.region_bytes);
        return false;
    }
    if (!s->config.pin_limit_bytes || bytes < s->config.pin_limit_bytes) {
        s->config.pin_limit_bytes = bytes;
    }
    if (!e->has_base) {
        return true;
    }
    if (!e->base) {
        error_setg(errp, "virtio-cma '%s': regions= says @0x0, limit: a "
                   "positive multiple of the granule %" PRIu64,
                   s->config.name, s->config.granule_bytes);
        return false;
    }
    if (s->opts.memaddr && s->opts.memaddr != e->base) {
        error_setg(errp, "virtio-cma '%s': memaddr=0x%" PRIx64 " but regions= "
                   "says @0x%" PRIx64, s->config.name, s->opts.memaddr,
                   e->base);
        return false;
    }
    s->opts.memaddr = e->base;
    return true;
}

/* NAME/CLIENT...=SIZE: a reservation is an amount of whole granules. */
static bool set_resv(VirtIOCMA *s, const struct hvcma_region_text *e,
                     Error **errp)
{
    uint64_t bytes;

    if (e->has_base) {
        return complain(s, &e->name, "a reservation has no base", errp);
    }
    if (!entry_bytes(s, e, &bytes, errp)) {
        return false;
    }
    if (bytes > s->config.region_bytes) {
        return complain(s, &e->size.text, "more than the region has", errp);
    }
    bytes = QEMU_ALIGN_UP(bytes, s->config.granule_bytes);
    if (!bytes) {
        return true;
    }
    if (s->config.nr_resvs == HVCMA_MAX_RESVS) {
        return complain(s, &e->name, "more than 255 reservations", errp);
    }
    s->resv_bytes[s->config.nr_resvs++] = bytes;
    return true;
}

static bool check_sum(VirtIOCMA *s, Error **errp)
{
    uint64_t limit = s->config.pin_limit_bytes ?: s->config.region_bytes;
    uint64_t sum = 0;
    uint32_t k;

    for (k = 0; k < s->config.nr_resvs; k++) {
        sum += s->resv_bytes[k];
        if (s->resv_bytes[k] > limit || sum > limit) {
            error_setg(errp, "virtio-cma '%s': regions= sets aside %" PRIu64
                       " bytes or more, limit: %" PRIu64, s->config.name, sum,
                       limit);
            return false;
        }
    }
    return true;
}

bool hvcma_regions_check(VirtIOCMA *s, Error **errp)
{
    const char *at = s->opts.regions;
    bool declared = false, named = false;
    struct hvcma_region_text e;
    struct hvcma_text_error err;

    s->config.nr_resvs = 0;
    s->config.resv_bytes = s->resv_bytes;
    while (at && *at) {
        if (hvcma_region_text_next(&at, &e, &err)) {
            return complain(s, &err.slice, err.sentence, errp);
        }
        if (!hvcma_slice_is(&e.name, s->config.name)) {
            continue;           /* the text may be about all regions */
        }
        if (!e.clients.bytes && declared) {
            return complain(s, &e.name, "region is declared twice", errp);
        }
        if (!(e.clients.bytes ? set_resv : set_region)(s, &e, errp)) {
            return false;
        }
        declared |= !e.clients.bytes;
        named = true;
    }
    if (at && !named) {
        error_setg(errp, "virtio-cma '%s': regions='%s' has no region of that "
                   "name", s->config.name, s->opts.regions);
        return false;
    }
    return check_sum(s, errp);
}

static char *slice_dup(const struct hvcma_slice *slice)
{
    return slice->bytes ? g_strndup(slice->text, slice->bytes) : g_strdup("");
}

/* The text parses; reservations have hvcma_regions_check()'s numbers. */
static bool add_regions(VirtIOCMA *s, GPtrArray *specs, Error **errp)
{
    const char *at = s->opts.regions;
    uint8_t nr_resvs = 0;
    struct hvcma_region_text e;
    struct hvcma_text_error err;

    while (at && *at && !hvcma_region_text_next(&at, &e, &err)) {
        struct hvcma_slice rest = e.clients, client;
        uint64_t bytes = 0;

        if (!hvcma_slice_is(&e.name, s->config.name) || !e.clients.bytes) {
            continue;
        }
        if (!entry_bytes(s, &e, &bytes, errp)) {
            return false;
        }
        nr_resvs += bytes != 0;
        while (hvcma_region_text_client(&rest, &client)) {
            if (!spec_add(specs, slice_dup(&client), slice_dup(&e.kind),
                          bytes ? nr_resvs : 0)) {
                return complain(s, &client, "client has that kind twice",
                                errp);
            }
        }
    }
    return true;
}

GPtrArray *hvcma_client_specs(VirtIOCMA *s, Error **errp)
{
    g_autoptr(GPtrArray) specs = g_ptr_array_new_with_free_func(spec_free);

    if (!add_clients(s, specs, errp) || !add_regions(s, specs, errp)) {
        return NULL;
    }
    return g_steal_pointer(&specs);
}
