/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which devices may be without an IOMMU: those that the operator gave to a
 * region with unsafe-noiommu=on, which may come later on the command line.
 */
#include "qemu/osdep.h"
#include "qapi/util.h"
#include "qemu/config-file.h"
#include "qemu/option.h"

#include "clients.h"
#include "hv/core/region_text.h"
#include "printable.h"

typedef struct Search {
    const char *device_id;      /* NULL: for the default region */
    const char *region;         /* found */
    const char *service;        /* of it, as the user said */
} Search;

/* Does the text set anything aside for the device, or name it, in @region? */
static bool text_names(const char *text, const char *region, const char *id)
{
    struct hvcma_slice rest, client;
    struct hvcma_text_error err;
    struct hvcma_region_text e;

    while (text && *text && !hvcma_region_text_next(&text, &e, &err)) {
        rest = e.clients;
        while (hvcma_slice_is(&e.name, region) &&
               hvcma_region_text_client(&rest, &client)) {
            if (hvcma_slice_is(&client, id)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_on(QemuOpts *opts, const char *name)
{
    const char *value = qemu_opt_get(opts, name);
    bool on;

    return value && qapi_bool_parse(name, value, &on, NULL) && on;
}

/* One -device option: is it a region with unsafe-noiommu=on for that device? */
static int match_device_option(void *opaque, QemuOpts *opts, Error **errp)
{
    Search *search = opaque;
    const char *driver = qemu_opt_get(opts, "driver");
    const char *clients = qemu_opt_get(opts, "clients");
    const char *region = qemu_opt_get(opts, "name") ?: qemu_opts_id(opts);
    g_auto(GStrv) ids = g_strsplit(clients ?: "", ":", -1);
    bool found;

    if (!driver || !g_str_has_prefix(driver, TYPE_VIRTIO_CMA) ||
        !is_on(opts, "unsafe-noiommu")) {
        return 0;
    }
    region = region ?: driver;
    if (search->device_id) {
        found = g_strv_contains((const char *const *)ids, search->device_id) ||
                text_names(qemu_opt_get(opts, "regions"), region,
                           search->device_id);
    } else {
        found = is_on(opts, "default");
    }
    if (found) {
        search->region = region;
        search->service = qemu_opt_get(opts, "service");
    }
    return found;
}

static Search search_options(const char *device_id)
{
    Search search = { .device_id = device_id };

    qemu_opts_foreach(qemu_find_opts("device"), match_device_option, &search,
                      NULL);
    return search;
}

const char *hvcma_clients_noiommu_region(const char *device_id)
{
    VirtIOCMA *s = hvcma_clients_region_of(device_id);

    if (!device_id) {
        return NULL;
    }
    if (s) {
        return s->opts.unsafe_noiommu ? s->config.name : NULL;
    }
    return search_options(device_id).region;
}

static bool default_takes_noiommu(void)
{
    VirtIOCMA *s = hvcma_clients_default_region();

    return s ? s->opts.unsafe_noiommu : search_options(NULL).region != NULL;
}

bool hvcma_clients_noiommu_service(const char *device_id, const char **path,
                                   Error **errp)
{
    VirtIOCMA *s = device_id ? hvcma_clients_region_of(device_id) : NULL;
    Search search = { };

    if (!s && device_id) {
        search = search_options(device_id);
    }
    if (!s && !search.region) {
        s = hvcma_clients_default_region();
    }
    if (s) {
        *path = s->service_path;
        return true;
    }
    if (!search.region) {
        search = search_options(NULL);
    }
    return hvcma_service_path(search.region, search.service, path, errp);
}

bool hvcma_clients_noiommu_attach(const char *device_id, const char *group_path,
                                  Error **errp)
{
    VirtIOCMA *s = hvcma_clients_region_of(device_id);
    g_autofree char *id = hvcma_printable(device_id);

    if (hvcma_clients_noiommu_region(device_id) ||
        (!s && default_takes_noiommu())) {
        return true;
    }
    if (s) {
        error_setg(errp, "%s has no IOMMU and region '%s' of client '%s' lacks "
                   "unsafe-noiommu=on", group_path, s->config.name, id);
    } else {
        error_setg(errp, "%s has no IOMMU and no virtio-cma region with "
                   "unsafe-noiommu=on names device '%s' in clients=",
                   group_path, device_id ? id : "(without id)");
    }
    error_append_hint(errp, "Put -device virtio-cma-pci,unsafe-noiommu=on,"
                      "clients=%s,... before it. Such a device can write "
                      "anywhere in the host's memory.\n",
                      device_id ? id : "ID");
    return false;
}
