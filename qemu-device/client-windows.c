/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows of clients, see client-windows.h. The text is hv/core's, the host's
 * tree is read by hv/host and fdt.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"

#include "hw/pci/pci.h"
#include "hw/pci/pci_device.h"

#include "backing.h"
#include "clients.h"
#include "fdt/device_windows.h"
#include "hv/core/window_text.h"
#include "hv/host/bus_windows.h"
#include "hv/host/host_memory.h"
#include "printable.h"
#include "vfio-noiommu.h"
#include "client-windows.h"
#ifdef HVCMA_STOCK_QEMU
#include "vfio-platform.h"
#endif

#define CLASS_UHCI 0x0c0300
#define CLASS_OHCI 0x0c0310

char *hvcma_client_windows_text(const struct hvcma_dma_windows *windows)
{
    g_autoptr(GString) text = g_string_new("");
    uint32_t i;

    if (hvcma_dma_windows_is_identity(windows)) {
        return g_strdup("identity");
    }
    for (i = 0; i < windows->nr; i++) {
        const struct hvcma_dma_window *w = &windows->window[i];

        g_string_append_printf(text, "%s0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64,
                               i ? "+" : "", w->bus_base, w->dma_base,
                               w->bytes);
    }
    return g_string_free(g_steal_pointer(&text), false);
}

const char *hvcma_client_windows_source(uint32_t source)
{
    static const char *const words[VIRTIO_CMA_NR_SOURCES] = {
        [VIRTIO_CMA_SOURCE_NONE] = "none",
        [VIRTIO_CMA_SOURCE_DEVICE_TREE] = "device-tree",
        [VIRTIO_CMA_SOURCE_ACPI] = "acpi",
        [VIRTIO_CMA_SOURCE_OPTION] = "option",
    };

    return words[source];
}

/* ---- what the operator said ---- */

static bool complain(VirtIOCMA *s, const struct hvcma_slice *at,
                     const char *what, Error **errp)
{
    error_setg(errp, "virtio-cma '%s': dma-windows='%s': %s at byte %td "
               "('%.*s')", s->config.name, s->opts.dma_window, what,
               at->text - s->opts.dma_window, (int)at->bytes, at->text);
    return false;
}

bool hvcma_client_windows_check(VirtIOCMA *s, Error **errp)
{
    g_autoptr(GHashTable) named =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *at = s->opts.dma_window;
    struct hvcma_window_text e;
    struct hvcma_text_error err;

    if (!at) {
        return true;
    }
    if (!s->opts.unsafe_noiommu) {
        error_setg(errp, "virtio-cma '%s': dma-windows='%s' is about "
                   "host-physical addresses and so needs unsafe-noiommu=on",
                   s->config.name, at);
        return false;
    }
    if (!*at) {
        error_setg(errp, "virtio-cma '%s': dma-windows='' has no window, "
                   "limit: 1 to %d for each client", s->config.name,
                   HVCMA_MAX_DMA_WINDOWS);
        return false;
    }
    while (*at) {
        if (hvcma_window_text_next(&at, &e, &err)) {
            return complain(s, &err.slice, err.sentence, errp);
        }
        if (!g_hash_table_add(named, g_strndup(e.client.text ?: "",
                                               e.client.bytes))) {
            return complain(s, &e.client, e.client.bytes ?
                            "client is named twice" :
                            "windows for all clients are said twice", errp);
        }
    }
    return true;
}

bool hvcma_client_windows_check_clients(VirtIOCMA *s, Error **errp)
{
    const char *at = s->opts.dma_window;
    struct hvcma_window_text e;
    struct hvcma_text_error err;
    bool known;
    uint32_t i;

    while (at && *at && !hvcma_window_text_next(&at, &e, &err)) {
        /* a device that takes a spare entry may come later */
        known = !e.client.bytes ||
                (s->opts.is_default && s->opts.spare_clients);
        for (i = 0; i < hvcma_clients_nr(s->clients) && !known; i++) {
            known = hvcma_slice_is(&e.client, hvcma_clients_id(s->clients, i));
        }
        if (!known) {
            return complain(s, &e.client, "no client of the region", errp);
        }
    }
    return true;
}

/* An entry with the client's name beats one without. */
static bool said_of(VirtIOCMA *s, const char *client,
                    struct hvcma_dma_windows *windows)
{
    const char *at = s->opts.dma_window;
    struct hvcma_window_text e;
    struct hvcma_text_error err;
    bool found = false;

    while (at && *at && !hvcma_window_text_next(&at, &e, &err)) {
        if (hvcma_slice_is(&e.client, client)) {
            *windows = e.windows;
            return true;
        }
        if (!e.client.bytes) {
            *windows = e.windows;
            found = true;
        }
    }
    return found;
}

/* ---- what the host tells ---- */

/* hvcma_tree_reader_fn */
static int read_tree(const void *blob, size_t bytes, const char *node,
                     struct hvcma_dma_windows *windows,
                     char bus[HVCMA_NODE_PATH_BYTES], struct hvcma_error *err)
{
    char path[HVCMA_FDT_PATH_BYTES];
    struct hvcma_fdt_error why;
    int ret = hvcma_fdt_device_windows(blob, bytes, node, windows, path, &why);

    if (ret) {
        hvcma_error_set(err, "%s", why.text);
        return ret == -FDT_ERR_NOTFOUND ? -ENOENT : -EINVAL;
    }
    pstrcpy(bus, HVCMA_NODE_PATH_BYTES, path);
    return 0;
}

static int find_windows(DeviceState *dev, const char *name,
                        struct hvcma_bus_windows *found,
                        struct hvcma_error *err)
{
#ifdef HVCMA_STOCK_QEMU
    if (vfio_platform_noiommu(dev)) {
        return hvcma_bus_windows_of_platform(&hvcma_this_machine, name,
                                             read_tree, found, err);
    }
#endif
    return hvcma_bus_windows_of_pci(&hvcma_this_machine, name, read_tree,
                                    found, err);
}

static bool read_host(VirtIOCMA *s, const char *client, DeviceState *dev,
                      struct hvcma_dma_windows *windows, uint32_t *source,
                      char **from, Error **errp)
{
    static const uint32_t sources[] = {
        [HVCMA_WINDOWS_X86] = VIRTIO_CMA_SOURCE_NONE,
        [HVCMA_WINDOWS_ACPI] = VIRTIO_CMA_SOURCE_ACPI,
        [HVCMA_WINDOWS_TREE] = VIRTIO_CMA_SOURCE_DEVICE_TREE,
    };
    g_autofree char *enable = hvcma_vfio_enable_path(OBJECT(dev));
    g_autofree char *folder = g_path_get_dirname(enable);
    g_autofree char *bdf = g_path_get_basename(folder);
    struct hvcma_bus_windows found;
    struct hvcma_error err;

    if (find_windows(dev, bdf, &found, &err)) {
        error_setg(errp, "virtio-cma '%s': client '%s': which addresses its "
                   "bus has is not known: %s", s->config.name, client,
                   err.text);
        error_append_hint(errp, "dma-windows=%s=BUS:MEMORY:SIZE says it, or "
                          "dma-windows=%s=identity.\n", client, client);
        return false;
    }
    *from = found.note[0] ? g_strdup_printf("%s; %s", found.source, found.note)
                          : g_strdup(found.source);
    if (found.note[0]) {
        info_report("virtio-cma '%s': client '%s': %s", s->config.name, client,
                    found.note);
    }
    *windows = found.windows;
    *source = sources[found.origin];
    return true;
}

bool hvcma_client_windows_of(VirtIOCMA *s, const char *client, DeviceState *dev,
                      struct hvcma_dma_windows *windows, uint32_t *source,
                      char **from, Error **errp)
{
    if (said_of(s, client, windows)) {
        *source = VIRTIO_CMA_SOURCE_OPTION;
        *from = g_strdup("dma-windows=");
        return true;
    }
    if (s->opts.unsafe_noiommu && hvcma_vfio_is_noiommu(OBJECT(dev))) {
        return read_host(s, client, dev, windows, source, from, errp);
    }
    hvcma_dma_windows_identity(windows);
    *source = VIRTIO_CMA_SOURCE_NONE;
    *from = g_strdup("");
    return true;
}

/* ---- is there anything for it? ---- */

uint64_t hvcma_client_highest_bus(DeviceState *dev)
{
    PCIDevice *pci = (PCIDevice *)object_dynamic_cast(OBJECT(dev),
                                                      TYPE_PCI_DEVICE);
    uint32_t class = pci ? pci_get_long(pci->config + PCI_CLASS_REVISION) >> 8
                         : 0;

    /* their lists have pointers of 32 bits, whoever made them */
    return class == CLASS_UHCI || class == CLASS_OHCI ? UINT32_MAX : UINT64_MAX;
}

/*
 * Pages that are not there yet come from where the host has RAM. What tests
 * make up has no such place.
 */
static bool host_may_have(VirtIOCMA *s, const struct hvcma_dma_windows *windows,
                          uint64_t max_bus, const char *who, Error **errp)
{
    struct hvcma_host_memory memory;

    if (strcmp(hvcma_backing_type(s->backing), "local") ||
        hvcma_host_memory_reach(HVCMA_IOMEM, windows, max_bus,
                                s->config.granule_bytes, &memory) ||
        memory.is_reached) {
        return true;
    }
    error_setg(errp, "%s, but of this host's RAM, from 0x%" PRIx64 " to 0x%"
               PRIx64 ", no granule of %" PRIu64 " bytes lies there", who,
               memory.lowest_hpa, memory.highest_hpa, s->config.granule_bytes);
    return false;
}

/* The engine learns where a page is when it pins it; some may be there now. */
static void look(VirtIOCMA *s, const struct hvcma_dma_windows *windows,
                 uint64_t max_bus, struct hvcma_reach *reach)
{
    uint64_t nr = s->config.region_bytes / s->config.granule_bytes, i;
    g_autofree uint64_t *dma = g_new(uint64_t, nr);

    if (hvcma_backing_look(s->backing, 0, nr, dma)) {
        return;
    }
    for (i = 0; i < nr; i++) {
        if (dma[i] >= HVCMA_HPA_SWAPPED) {
            dma[i] = HVCMA_DMA_UNKNOWN;
        }
    }
    hvcma_engine_reach_at(s->engine, windows, max_bus, dma, nr, reach);
}

bool hvcma_client_windows_reach(VirtIOCMA *s, const char *client,
                         const struct hvcma_dma_windows *windows,
                         uint32_t source, uint64_t max_bus, Error **errp)
{
    g_autofree char *text = NULL;
    g_autofree char *bits = NULL;
    g_autofree char *who = NULL;
    struct hvcma_reach reach;

    if (hvcma_dma_windows_is_identity(windows) && max_bus == UINT64_MAX) {
        return true;
    }
    hvcma_engine_reach(s->engine, windows, max_bus, &reach);
    if (reach.has_room && !reach.nr_reached && reach.nr_unknown) {
        look(s, windows, max_bus, &reach);
    }
    if (reach.has_room && reach.nr_reached) {
        return true;
    }
    text = hvcma_client_windows_text(windows);
    bits = max_bus == UINT64_MAX ? g_strdup("") :
           g_strdup_printf(", its addresses on the bus end at 0x%" PRIx64,
                           max_bus);
    who = g_strdup_printf("virtio-cma '%s': client '%s' reaches nothing: its "
                          "windows are %s (source: %s)%s", s->config.name,
                          client, text, hvcma_client_windows_source(source),
                          bits);
    if (!reach.has_room) {
        error_setg(errp, "%s, and no granule of %" PRIu64 " bytes fits into "
                   "them", who, s->config.granule_bytes);
        return false;
    }
    if (reach.nr_unknown) {
        return host_may_have(s, windows, max_bus, who, errp);
    }
    error_setg(errp, "%s, but all %" PRIu64 " granules lie from 0x%" PRIx64
               " to 0x%" PRIx64, who, reach.nr_missed, reach.lowest_dma,
               reach.highest_dma + s->config.granule_bytes - 1);
    return false;
}
