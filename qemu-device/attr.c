/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory attributes of a region: what the user said and what the host is.
 * See attr.h.
 */
#include "qemu/osdep.h"
#include "hw/qdev-core.h"
#include "hw/virtio/vhost.h"
#include "hw/virtio/vhost-backend.h"
#include "qemu/accel.h"
#include "qemu/error-report.h"

#include "attr.h"
#include "clients.h"

static const struct hvcma_stage2_facts *host_facts(void)
{
    static struct hvcma_stage2_facts facts;

    if (!facts.source) {
        hvcma_arm_stage2_detect(&hvcma_stage2_host, &facts);
    }
    return &facts;
}

/* With TCG neither stages nor caches of the host show in the guest. */
static bool is_virtualised(void)
{
    return object_dynamic_cast(OBJECT(current_accel()), "kvm-accel");
}

static bool check_stage2(VirtIOCMA *s, Error **errp)
{
    const char *word = s->opts.stage2 ?: "auto";
    uint32_t stage2;

    if (!strcmp(word, "auto")) {
        s->config.stage2 = is_virtualised() ? host_facts()->stage2 :
                                              VIRTIO_CMA_STAGE2_NONE;
        return true;
    }
    for (stage2 = VIRTIO_CMA_STAGE2_NONE; stage2 < VIRTIO_CMA_NR_STAGE2;
         stage2++) {
        if (!strcmp(word, hvcma_stage2_name(stage2))) {
            s->config.stage2 = stage2;
            return true;
        }
    }
    error_setg(errp, "virtio-cma '%s': stage2='%s' is not supported, "
               "supported: auto, none, no-fwb, fwb", s->config.name, word);
    return false;
}

static bool parse_coherent(const char *word, uint8_t *coherent)
{
    static const char *const words[VIRTIO_CMA_NR_COHERENT] = {
        [VIRTIO_CMA_COHERENT_UNKNOWN] = "auto",
        [VIRTIO_CMA_COHERENT_YES] = "on",
        [VIRTIO_CMA_COHERENT_NO] = "off",
    };
    uint8_t i;

    for (i = 0; i < VIRTIO_CMA_NR_COHERENT; i++) {
        if (!strcmp(word, words[i])) {
            *coherent = i;
            return true;
        }
    }
    return false;
}

static bool check_coherent(VirtIOCMA *s, Error **errp)
{
    const char *text = s->opts.coherent ?: "auto";
    /* an empty text has one entry, and that is wrong */
    g_auto(GStrv) entries = g_strsplit(*text ? text : ":", ":", -1);
    g_autoptr(GHashTable) named = g_hash_table_new(g_str_hash, g_str_equal);
    uint8_t coherent;
    int i;

    for (i = 0; entries[i]; i++) {
        char *is = strchr(entries[i], '=');

        /* a word for all clients stands alone */
        if (!parse_coherent(is ? is + 1 : entries[i], &coherent) ||
            is == entries[i] || (!is && entries[1])) {
            error_setg(errp, "virtio-cma '%s': coherent='%s': '%s' is neither "
                       "on, off or auto for all clients nor a list of "
                       "ID=on|off|auto", s->config.name, s->opts.coherent,
                       entries[i]);
            return false;
        }
        if (is) {
            *is = 0;
        }
        if (!g_hash_table_add(named, entries[i])) {
            error_setg(errp, "virtio-cma '%s': coherent='%s' names '%s' twice",
                       s->config.name, s->opts.coherent, entries[i]);
            return false;
        }
    }
    return true;
}

/*
 * On Arm, TCG makes every access of the guest one of QEMU's cacheable mapping,
 * and the guest's cache maintenance nothing at all: no way to be right for a
 * real device that ignores caches.
 */
static enum hvcma_alias host_alias(void)
{
    return hvcma_stage2_host.is_arm64 &&
           (!is_virtualised() || !host_facts()->line_bytes) ?
           HVCMA_ALIAS_BUSY : HVCMA_ALIAS_MAINTAINED;
}

bool hvcma_attr_check(VirtIOCMA *s, Error **errp)
{
    s->config.alias = host_alias();
    return check_stage2(s, errp) && check_coherent(s, errp);
}

bool hvcma_attr_check_clients(VirtIOCMA *s, Error **errp)
{
    g_auto(GStrv) entries = g_strsplit(s->opts.coherent ?: "", ":", -1);
    uint32_t client;
    int i;

    for (i = 0; entries[i] && !s->opts.is_default; i++) {
        char *is = strchr(entries[i], '=');

        if (!is) {
            continue;
        }
        *is = 0;
        for (client = 0; client < s->config.nr_clients; client++) {
            if (!strcmp(entries[i], hvcma_clients_id(s->clients, client))) {
                break;
            }
        }
        if (client == s->config.nr_clients) {
            error_setg(errp, "virtio-cma '%s': coherent='%s' names '%s', which "
                       "is no client of this region", s->config.name,
                       s->opts.coherent, entries[i]);
            return false;
        }
    }
    return true;
}

uint8_t hvcma_attr_operator(const VirtIOCMA *s, const char *client_id)
{
    g_auto(GStrv) entries = g_strsplit(s->opts.coherent ?: "", ":", -1);
    uint8_t coherent = VIRTIO_CMA_COHERENT_UNKNOWN;
    int i;

    for (i = 0; entries[i]; i++) {
        char *is = strchr(entries[i], '=');

        if (is) {
            *is++ = 0;
        }
        if (!is || !strcmp(entries[i], client_id)) {
            parse_coherent(is ?: entries[i], &coherent);
        }
    }
    return coherent;
}

/* By types that this QEMU may not know. Mediated devices are vfio-pci. */
static bool is_passed_through(Object *dev)
{
    static const char *const types[] = {
        "vfio-pci", "vfio-platform", "vfio-user-pci", "x-pci-proxy-dev",
        "xen-pci-passthrough",
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(types); i++) {
        if (object_dynamic_cast(dev, types[i])) {
            return true;
        }
    }
    return false;
}

/*
 * Whose vhost back end is hardware or a process. One in the host's kernel
 * copies by processor, or leaves caches to the kernel's own DMA interface.
 * A back end that is not there yet is known by the device's type alone.
 */
static bool is_served_elsewhere(VirtIODevice *vdev)
{
    const char *type = object_get_typename(OBJECT(vdev));
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    struct vhost_dev *vhost = vdc->get_vhost ? vdc->get_vhost(vdev) : NULL;

    if (vhost && vhost->vhost_ops) {
        return vhost->vhost_ops->backend_type != VHOST_BACKEND_TYPE_KERNEL;
    }
    return g_str_has_prefix(type, "vhost-user") ||
           g_str_has_prefix(type, "vhost-vdpa");
}

bool hvcma_attr_is_emulated(Object *dev)
{
    BusChild *kid;
    BusState *bus;

    if (is_passed_through(dev)) {
        return false;
    }
    /* A virtio device sits on the bus of its transport. */
    QLIST_FOREACH(bus, &DEVICE(dev)->child_bus, sibling) {
        QTAILQ_FOREACH(kid, &bus->children, sibling) {
            Object *child = OBJECT(kid->child);

            if (object_dynamic_cast(child, TYPE_VIRTIO_DEVICE) &&
                is_served_elsewhere(VIRTIO_DEVICE(child))) {
                return false;
            }
        }
    }
    return true;
}

uint32_t hvcma_attr_line_bytes(void)
{
    return host_facts()->line_bytes;
}

const char *hvcma_attr_source(const VirtIOCMA *s)
{
    if (s->opts.stage2 && strcmp(s->opts.stage2, "auto")) {
        return "property stage2";
    }
    return is_virtualised() ? host_facts()->source : "emulation";
}
