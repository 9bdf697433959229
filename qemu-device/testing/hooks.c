/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test hooks: the properties x-* and what they do. See test-hooks.h; the bus is
 * fabric.c, the invented memory hv/host/testing/provider_fake.c.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "qemu/units.h"

#include "../backing.h"
#include "../printable.h"
#include "../ram.h"
#include "../test-hooks.h"
#include "fabric.h"
#include "hv/core/window_text.h"
#include "hv/host/testing/provider_fake.h"

/*
 * DMA base of each pinned granule to its index. Devices look up outside the big
 * lock, hence a lock of its own.
 */
struct HvcmaTestPins {
    QemuMutex lock;
    GHashTable *granules;
    uint64_t *dma;              /* its keys, by granule */
};

/* ---- options ---- */

static const Property properties[] = {
    DEFINE_PROP_STRING("x-provider", VirtIOCMA, testing.provider),
    DEFINE_PROP_BOOL("x-fabric", VirtIOCMA, testing.fabric, false),
    DEFINE_PROP_UINT32("x-fake-extent", VirtIOCMA,
                       testing.fake_extent_granules, 0),
    DEFINE_PROP_BOOL("x-fake-shuffle", VirtIOCMA, testing.fake_shuffle, false),
    DEFINE_PROP_UINT32("x-fake-pin-us", VirtIOCMA, testing.fake_pin_us, 0),
    DEFINE_PROP_UINT32("x-fake-step", VirtIOCMA, testing.fake_step, 0),
    DEFINE_PROP_UINT64("x-fake-base", VirtIOCMA, testing.fake_base_hpa,
                       4 * GiB),
    DEFINE_PROP_STRING("x-fake-fault", VirtIOCMA, testing.fake_fault),
    DEFINE_PROP_STRING("x-bus-window", VirtIOCMA, testing.bus_window),
};

const Property *hvcma_test_properties(size_t *nr)
{
    *nr = ARRAY_SIZE(properties);
    return properties;
}

static uint64_t nr_faults(const VirtIOCMA *s)
{
    return s->testing.bus ? hvcma_fabric_nr_faults(s->testing.bus) : 0;
}

static void get_faults(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    VirtIOCMA *s = VIRTIO_CMA(obj);
    uint64_t value;

    if (hvcma_report_is_there(s, name, errp)) {
        value = nr_faults(s);
        visit_type_uint64(v, name, &value, errp);
    }
}

void hvcma_test_put_counters(VirtIOCMA *s, Visitor *v)
{
    uint64_t value = nr_faults(s);

    visit_type_uint64(v, "fabric-faults", &value, NULL);
}

void hvcma_test_class_init(ObjectClass *klass)
{
    static const struct {
        const char *property;
        const char *text;
    } descriptions[] = {
        { "x-provider", "fake has addresses without pins" },
        { "x-fabric", "emulated clients take host-physical addresses" },
        { "x-fake-extent", "granules with consecutive fake addresses" },
        { "x-fake-shuffle", "fake addresses in no order" },
        { "x-fake-pin-us", "time that each fake pin takes" },
        { "x-fake-step", "granules that are pinned in one go" },
        { "x-fake-base", "lowest fake address" },
        { "x-fake-fault", "METHOD:NR:COUNT:ERRNO, calls that fail" },
        { "x-bus-window", "what the bus does, whatever dma-windows says" },
        { "fabric-faults", "DMA outside pinned granules, with x-fabric=on" },
    };
    size_t i;

    object_class_property_add(klass, "fabric-faults", "uint64", get_faults,
                              NULL, NULL, NULL);
    for (i = 0; i < ARRAY_SIZE(descriptions); i++) {
        g_autofree char *text = g_strdup_printf("for tests: %s",
                                                descriptions[i].text);

        object_class_property_set_description(klass, descriptions[i].property,
                                              text);
    }
}

bool hvcma_test_check_words(VirtIOCMA *s, Error **errp)
{
    const HvcmaTesting *t = &s->testing;

    if (!hvcma_options_check_text(s, "x-bus-window", t->bus_window, errp) ||
        !hvcma_options_check_text(s, "x-provider", t->provider, errp) ||
        !hvcma_options_check_text(s, "x-fake-fault", t->fake_fault, errp)) {
        return false;
    }
    if (t->provider && strcmp(t->provider, "local") &&
        strcmp(t->provider, "fake")) {
        error_setg(errp, "virtio-cma '%s': x-provider='%s' is not supported, "
                   "supported: local, fake", s->config.name,
                   t->provider);
        return false;
    }
    return true;
}

/* "METHOD:NR:COUNT:ERRNO" */
static bool parse_fault(const char *spec, HvcmaTestFault *fault)
{
    static const char *const methods[] = {
        [HVCMA_FAULT_NONE] = "",
        [HVCMA_FAULT_BACK] = "back",
        [HVCMA_FAULT_PIN] = "pin",
        [HVCMA_FAULT_HPA] = "hpa",
        [HVCMA_FAULT_DISCARD] = "discard",
        [HVCMA_FAULT_QUIESCE] = "quiesce",
    };
    g_auto(GStrv) part = g_strsplit(spec, ":", -1);
    unsigned i;

    if (g_strv_length(part) != 4 ||
        qemu_strtou64(part[1], NULL, 10, &fault->nr) ||
        qemu_strtou64(part[2], NULL, 10, &fault->count) ||
        qemu_strtoi(part[3], NULL, 10, &fault->error) || fault->error <= 0) {
        return false;
    }
    for (i = HVCMA_FAULT_BACK; i < ARRAY_SIZE(methods); i++) {
        if (!strcmp(part[0], methods[i])) {
            fault->method = i;
            return true;
        }
    }
    return false;
}

bool hvcma_test_check_options(VirtIOCMA *s, Error **errp)
{
    HvcmaTesting *t = &s->testing;
    const char *region = s->config.name;
    bool fake = hvcma_test_is_fake(s);

    if (t->fabric && !s->opts.unsafe_noiommu) {
        error_setg(errp, "virtio-cma '%s': x-fabric=on hands out host-physical "
                   "addresses and so needs unsafe-noiommu=on", region);
        return false;
    }
    if (!fake && t->fake_fault) {
        error_setg(errp, "virtio-cma '%s': x-fake-fault='%s' needs "
                   "x-provider=fake", region, t->fake_fault);
        return false;
    }
    if (t->fake_fault && !parse_fault(t->fake_fault, &t->fault)) {
        error_setg(errp, "virtio-cma '%s': x-fake-fault='%s' is not "
                   "back|pin|hpa|discard|quiesce:NR:COUNT:ERRNO with a "
                   "positive ERRNO", region, t->fake_fault);
        return false;
    }
    if (fake && !QEMU_IS_ALIGNED(t->fake_base_hpa, s->config.granule_bytes)) {
        error_setg(errp, "virtio-cma '%s': x-fake-base=0x%" PRIx64 " is not a "
                   "multiple of the granule %" PRIu64, region,
                   t->fake_base_hpa, s->config.granule_bytes);
        return false;
    }
    return true;
}

uint32_t hvcma_test_step(const VirtIOCMA *s)
{
    return s->testing.fake_step;
}

/* ---- host memory ---- */

bool hvcma_test_is_fake(const VirtIOCMA *s)
{
    return !g_strcmp0(s->testing.provider, "fake");
}

static void fault_inject(const HvcmaTestFault *f, struct hvcma_provider *p)
{
    static const enum hvcma_fake_method methods[] = {
        [HVCMA_FAULT_BACK] = HVCMA_FAKE_BACK,
        [HVCMA_FAULT_PIN] = HVCMA_FAKE_PIN,
        [HVCMA_FAULT_HPA] = HVCMA_FAKE_HPA,
        [HVCMA_FAULT_DISCARD] = HVCMA_FAKE_DISCARD,
    };

    if (f->method != HVCMA_FAULT_NONE && f->method != HVCMA_FAULT_QUIESCE) {
        hvcma_fake_inject(p, methods[f->method], f->nr, f->count, -f->error);
    }
}

int hvcma_test_provider_create(VirtIOCMA *s,
                               const struct hvcma_provider_config *config,
                               struct hvcma_provider **out,
                               struct hvcma_error *err)
{
    const struct hvcma_fake_config fake = {
        .base_hpa = s->testing.fake_base_hpa,
        .extent_granules = s->testing.fake_extent_granules,
        .shuffle = s->testing.fake_shuffle,
        .pin_us = s->testing.fake_pin_us,
    };
    int ret = hvcma_provider_fake_create(config, &fake, out, err);

    if (!ret) {
        fault_inject(&s->testing.fault, *out);
    }
    return ret;
}

void hvcma_test_memory_new(VirtIOCMA *s)
{
    HvcmaTestPins *pins;

    if (s->testing.fabric) {
        pins = g_new0(HvcmaTestPins, 1);
        qemu_mutex_init(&pins->lock);
        pins->granules = g_hash_table_new(g_int64_hash, g_int64_equal);
        pins->dma = g_new0(uint64_t, s->config.region_bytes /
                                     s->config.granule_bytes);
        s->testing.pins = pins;
    }
}

void hvcma_test_memory_free(VirtIOCMA *s)
{
    HvcmaTestPins *pins = g_steal_pointer(&s->testing.pins);

    if (pins) {
        g_hash_table_destroy(pins->granules);
        g_free(pins->dma);
        qemu_mutex_destroy(&pins->lock);
        g_free(pins);
    }
}

enum virtio_cma_status hvcma_test_pinned(VirtIOCMA *s, HvcmaBacking *b,
                                         uint64_t first, uint64_t nr)
{
    HvcmaTestPins *pins = s->testing.pins;
    enum virtio_cma_status status;
    uint64_t i;

    if (!pins) {
        return VIRTIO_CMA_S_OK;
    }
    status = hvcma_backing_dma_addr(b, first, nr, &pins->dma[first]);
    if (status) {
        return status;
    }
    QEMU_LOCK_GUARD(&pins->lock);
    for (i = first; i < first + nr; i++) {
        g_hash_table_insert(pins->granules, &pins->dma[i], GSIZE_TO_POINTER(i));
    }
    return VIRTIO_CMA_S_OK;
}

void hvcma_test_unpinned(VirtIOCMA *s, uint64_t first, uint64_t nr)
{
    HvcmaTestPins *pins = s->testing.pins;
    uint64_t i;

    if (!pins) {
        return;
    }
    QEMU_LOCK_GUARD(&pins->lock);
    for (i = first; i < first + nr; i++) {
        g_hash_table_remove(pins->granules, &pins->dma[i]);
    }
}

/* HvcmaFabricLookup: without the big lock. */
static bool pins_lookup(void *opaque, uint64_t dma, uint64_t *gpa,
                        uint64_t *bytes_left)
{
    VirtIOCMA *s = opaque;
    HvcmaTestPins *pins = s->testing.pins;
    uint64_t granule_bytes = s->config.granule_bytes;
    uint64_t offset = dma & (granule_bytes - 1);
    uint64_t base = dma - offset;
    gpointer granule;

    QEMU_LOCK_GUARD(&pins->lock);
    if (!g_hash_table_lookup_extended(pins->granules, &base, NULL, &granule)) {
        return false;
    }
    *gpa = hvcma_granule_gpa(s, GPOINTER_TO_SIZE(granule)) + offset;
    *bytes_left = granule_bytes - offset;
    return true;
}

/* ---- clients ---- */

bool hvcma_test_has_bus(const VirtIOCMA *s)
{
    return s->testing.fabric;
}

bool hvcma_test_bus_agrees(const VirtIOCMA *s, const VirtIOCMA *other,
                           const char *id, Error **errp)
{
    if (s->testing.fabric == other->testing.fabric) {
        return true;
    }
    error_setg(errp, "virtio-cma '%s': client '%s' is named by region '%s', "
               "too: x-fabric= must agree", s->config.name, id,
               other->config.name);
    return false;
}

void hvcma_test_bus_up(VirtIOCMA *s)
{
    if (s->testing.fabric) {
        s->testing.bus = hvcma_fabric_new(s->config.name, pins_lookup, s);
    }
}

void hvcma_test_bus_down(VirtIOCMA *s)
{
    hvcma_fabric_free(g_steal_pointer(&s->testing.bus));
}

/* Of what is no text, or not about this client, nothing is heard. */
static void bus_windows(VirtIOCMA *s, const char *client,
                        struct hvcma_dma_windows *windows)
{
    const char *at = s->testing.bus_window;
    struct hvcma_window_text e;
    struct hvcma_text_error err;

    while (at && *at && !hvcma_window_text_next(&at, &e, &err)) {
        if (!e.client.bytes || hvcma_slice_is(&e.client, client)) {
            *windows = e.windows;
        }
    }
}

bool hvcma_test_connect(VirtIOCMA *s, DeviceState *dev, const char *client,
                        const struct hvcma_dma_windows *windows, Error **errp)
{
    struct hvcma_dma_windows on_bus = *windows;

    bus_windows(s, client, &on_bus);
    return !s->testing.bus ||
           hvcma_fabric_add(s->testing.bus, PCI_DEVICE(dev), &on_bus, errp);
}

void hvcma_test_disconnect(VirtIOCMA *s, DeviceState *dev)
{
    if (s->testing.bus) {
        hvcma_fabric_remove(s->testing.bus, PCI_DEVICE(dev));
    }
}

bool hvcma_test_close_fails(VirtIOCMA *s, Error **errp)
{
    const HvcmaTestFault *f = &s->testing.fault;
    uint64_t call = s->testing.nr_closed++;

    if (f->method != HVCMA_FAULT_QUIESCE || call < f->nr ||
        call - f->nr >= f->count) {
        return false;
    }
    error_setg_errno(errp, f->error, "x-fake-fault");
    return true;
}
