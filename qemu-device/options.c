/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Properties of virtio-cma: from what the user wrote to a checked engine
 * configuration. Judges one region by itself; what regions mean to each other
 * is for clients.c, where the region lies for memory-device.c.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "exec/cpu-common.h"
#include "exec/memory.h"
#include "hw/boards.h"

#include "attr.h"
#include "client-spec.h"
#include "pinned.h"
#include "printable.h"
#include "ram.h"
#include "static.h"
#include "surrender.h"
#include "test-hooks.h"
#include "virtio-cma.h"
#include "client-windows.h"
#include "hv/host/service_client.h"

typedef struct Choice {
    const char *word;
    uint32_t value;
} Choice;

static const Choice policies[] = {
    { "best-fit", HVCMA_BEST_FIT },
    { "first-fit", HVCMA_FIRST_FIT },
    { "next-fit", HVCMA_NEXT_FIT },
    { }
};

static const Choice attrs[] = {
    { "auto", VIRTIO_CMA_ATTR_AUTO },
    { "cached", VIRTIO_CMA_ATTR_CACHED },
    { "uncached", VIRTIO_CMA_ATTR_UNCACHED },
    { }
};

enum { MODE_PRIVATE, MODE_REUSABLE, MODE_AUTO, MODE_STATIC, MODE_RAM };

static const Choice modes[] = {
    { "private", MODE_PRIVATE },
    { "reusable", MODE_REUSABLE },
    { "auto", MODE_AUTO },
    { "static", MODE_STATIC },
    { "ram", MODE_RAM },
    { }
};

enum { PIN_BLOCKS, PIN_ALL };

static const Choice pins[] = {
    { "blocks", PIN_BLOCKS },
    { "all", PIN_ALL },
    { }
};

static const Choice contiguous[] = {
    { "off", HVCMA_CONTIGUOUS_OFF },
    { "best", HVCMA_CONTIGUOUS_BEST },
    { "required", HVCMA_CONTIGUOUS_REQUIRED },
    { }
};

/* An absent word means the first choice. */
static bool choose(const char *region, const char *property, const char *word,
                   const Choice *choices, uint32_t *value, Error **errp)
{
    g_autoptr(GString) known = g_string_new("");
    const Choice *c;

    for (c = choices; c->word; c++) {
        if (!word || !strcmp(word, c->word)) {
            *value = c->value;
            return true;
        }
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", c->word);
    }
    error_setg(errp, "virtio-cma '%s': %s='%s' is not supported, supported: %s",
               region, property, word, known->str);
    return false;
}

/*
 * What the user wrote shows up in messages, in the report and in the guest. A
 * value that can't be printed has no other use, so none comes in.
 */
bool hvcma_options_check_text(VirtIOCMA *s, const char *property,
                              const char *value, Error **errp)
{
    g_autofree char *name = NULL;
    g_autofree char *printable = NULL;

    if (!value || hvcma_is_printable(value)) {
        return true;
    }
    name = hvcma_printable(s->opts.name ?: hvcma_device_id(s));
    printable = hvcma_printable(value);
    error_setg(errp, "virtio-cma '%s': %s='%s' has control characters, or is "
               "no UTF-8", name, property, printable);
    return false;
}

static bool check_text(VirtIOCMA *s, Error **errp)
{
    const HvcmaOptions *o = &s->opts;
    const struct {
        const char *property;
        const char *value;
    } texts[] = {
        { "name", o->name ?: hvcma_device_id(s) },
        { "mode", o->mode },
        { "pin", o->pin },
        { "contiguous", o->contiguous },
        { "clients", o->clients },
        { "regions", o->regions },
        { "policy", o->policy },
        { "attr", o->attr },
        { "stage2", o->stage2 },
        { "coherent", o->coherent },
        { "dma-windows", o->dma_window },
        { "service", o->service },
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(texts); i++) {
        if (!hvcma_options_check_text(s, texts[i].property, texts[i].value,
                                      errp)) {
            return false;
        }
    }
    return true;
}

static bool check_name(VirtIOCMA *s, Error **errp)
{
    const char *id = hvcma_device_id(s);

    if (!s->opts.name) {
        s->opts.name = g_strdup(id ? id : "virtio-cma");
    }
    if (!s->opts.name[0] || strlen(s->opts.name) >= VIRTIO_CMA_NAME_BYTES) {
        error_setg(errp, "virtio-cma name '%s' has %zu bytes, limit: 1 to %d",
                   s->opts.name, strlen(s->opts.name),
                   VIRTIO_CMA_NAME_BYTES - 1);
        return false;
    }
    s->config.name = s->opts.name;
    return true;
}

/* What no device can read and write is of no use to one. */
static bool check_machine(VirtIOCMA *s, Error **errp)
{
    MachineState *ms = MACHINE(qdev_get_machine());

    if (ms->cgs || memory_region_has_guest_memfd(&s->opts.memdev->mr)) {
        error_setg(errp, "virtio-cma '%s': this virtual machine is a "
                   "confidential guest (confidential-guest-support=): its "
                   "memory is encrypted, or its own (guest_memfd), and devices "
                   "can't use it", s->opts.name);
        return false;
    }
    return true;
}

bool hvcma_service_path(const char *region, const char *service,
                        const char **path, Error **errp)
{
    if (!service || g_str_equal(service, "off")) {
        *path = NULL;
    } else if (g_str_equal(service, "on")) {
        *path = HVCMA_SERVICE_SOCKET;
    } else if (g_path_is_absolute(service)) {
        *path = service;
    } else {
        error_setg(errp, "virtio-cma '%s': service='%s' is neither on, off nor "
                   "the absolute path of a socket", region, service);
        return false;
    }
    return true;
}

/* The service takes files, by their descriptors, of hugepages. */
static bool check_service(VirtIOCMA *s, size_t page_bytes, Error **errp)
{
    HostMemoryBackend *memdev = s->opts.memdev;

    if (!s->service_path) {
        return true;
    }
    if (memdev->share && memory_region_get_fd(&memdev->mr) >= 0 &&
        page_bytes > qemu_real_host_page_size()) {
        return true;
    }
    error_setg(errp, "virtio-cma '%s': service= needs a memdev of hugepages "
               "that is a file, with share=on (memory-backend-memfd or "
               "-file)", s->opts.name);
    return false;
}

static bool check_memdev(VirtIOCMA *s, bool fake, Error **errp)
{
    HostMemoryBackend *memdev = s->opts.memdev;
    const char *region = s->opts.name;
    g_autofree char *memdev_id = NULL;
    size_t page_bytes;

    if (!memdev) {
        error_setg(errp, "virtio-cma '%s': property 'memdev' is not set%s",
                   region, s->config.flags & VIRTIO_CMA_FLAG_AUTO ?
                   " (mode=auto is mode=ram only with the machine's RAM on "
                   "hugepages, unsafe-noiommu=on and a client)" : "");
        return false;
    }

    memdev_id = g_strdup(object_get_canonical_path_component(OBJECT(memdev)));
    if (host_memory_backend_is_mapped(memdev) && !hvcma_is_machine_ram(s)) {
        error_setg(errp, "virtio-cma '%s': memdev '%s' is already used",
                   region, memdev_id);
        return false;
    }
    if (!memory_region_is_ram(&memdev->mr) ||
        memory_region_is_rom(&memdev->mr) || !memdev->mr.ram_block) {
        error_setg(errp, "virtio-cma '%s': memdev '%s' is not ordinary RAM",
                   region, memdev_id);
        return false;
    }
    page_bytes = host_memory_backend_pagesize(memdev);
    /*
     * With surrender=on all pages are there before a guest is; none goes
     * without memory in its place.
     */
    if (qemu_ram_is_noreserve(memdev->mr.ram_block) && !fake &&
        !s->opts.surrender) {
        error_setg(errp, "virtio-cma '%s': memdev '%s' has reserve=off: its "
                   "pages could be missing when the guest needs them",
                   region, memdev_id);
        return false;
    }
    if (s->opts.unsafe_noiommu && !fake &&
        page_bytes <= qemu_real_host_page_size()) {
        error_setg(errp, "virtio-cma '%s': unsafe-noiommu=on needs hugepages, "
                   "but memdev '%s' has pages of %zu bytes (use hugetlb=on)",
                   region, memdev_id, page_bytes);
        return false;
    }
    if (s->opts.discard && !fake &&
        (!memdev->share || memory_region_get_fd(&memdev->mr) < 0)) {
        error_setg(errp, "virtio-cma '%s': discard=on needs a file, but memdev "
                   "'%s' has none or share=off", region, memdev_id);
        return false;
    }
    return fake || check_service(s, page_bytes, errp);
}

/*
 * Where pages of the backend lie, and stay: @option says it. Only a file's
 * pages can be chosen, and whoever is told guest-physical addresses has no use
 * for it.
 */
static bool check_pages_stay(VirtIOCMA *s, const char *option, Error **errp)
{
    const HvcmaOptions *o = &s->opts;

    if (s->config.mode == VIRTIO_CMA_MODE_RAM) {
        error_setg(errp, "virtio-cma '%s': mode=ram has the pages that the "
                   "guest starts with: %s is of a region beside it, which the "
                   "same device may use", o->name, option);
        return false;
    }
    if (!o->unsafe_noiommu || hvcma_test_is_fake(s) || o->discard ||
        !o->memdev->share || memory_region_get_fd(&o->memdev->mr) < 0) {
        error_setg(errp, "virtio-cma '%s': %s is about where host pages lie, "
                   "and stay: it needs unsafe-noiommu=on and a memdev of "
                   "hugepages with share=on, and no discard=on", o->name,
                   option);
        return false;
    }
    return true;
}

/* Pages that lie low, from the region's start. */
static bool check_low(VirtIOCMA *s, uint64_t granule_bytes, Error **errp)
{
    const HvcmaOptions *o = &s->opts;
    uint64_t bytes = memory_region_size(&o->memdev->mr);
    g_autofree char *option = g_strdup_printf("low=%" PRIu64, o->low_bytes);

    if (!o->low_bytes) {
        return true;
    }
    if (!check_pages_stay(s, option, errp)) {
        return false;
    }
    if (!QEMU_IS_ALIGNED(o->low_bytes, granule_bytes) ||
        o->low_bytes > bytes) {
        error_setg(errp, "virtio-cma '%s': %s is not a multiple of the granule "
                   "%" PRIu64 " up to the memdev's size %" PRIu64, o->name,
                   option, granule_bytes, bytes);
        return false;
    }
    return true;
}

/* Pages that are neighbours in host memory, too. */
static bool check_contiguous(VirtIOCMA *s, uint64_t granule_bytes, Error **errp)
{
    const HvcmaOptions *o = &s->opts;
    uint64_t bytes = memory_region_size(&o->memdev->mr);
    g_autofree char *option = g_strdup_printf("contiguous=%s", o->contiguous);

    if (o->run_bytes && s->contiguous != HVCMA_CONTIGUOUS_REQUIRED) {
        error_setg(errp, "virtio-cma '%s': run=%" PRIu64 " is of "
                   "contiguous=required", o->name, o->run_bytes);
        return false;
    }
    if (s->contiguous == HVCMA_CONTIGUOUS_OFF) {
        return true;
    }
    if (!check_pages_stay(s, option, errp)) {
        return false;
    }
    if (!QEMU_IS_ALIGNED(o->run_bytes, granule_bytes) ||
        o->run_bytes > bytes) {
        error_setg(errp, "virtio-cma '%s': run=%" PRIu64 " is not a multiple "
                   "of the granule %" PRIu64 " up to the memdev's size %"
                   PRIu64, o->name, o->run_bytes, granule_bytes, bytes);
        return false;
    }
    if (s->contiguous == HVCMA_CONTIGUOUS_REQUIRED) {
        s->run_bytes = o->run_bytes ?: bytes;
    }
    return true;
}

static bool check_sizes(VirtIOCMA *s, bool fake, Error **errp)
{
    uint64_t bytes = memory_region_size(&s->opts.memdev->mr);
    uint64_t page_bytes = host_memory_backend_pagesize(s->opts.memdev);
    uint64_t granule_bytes = s->opts.granule_bytes ?: page_bytes;
    const char *region = s->opts.name;

    if (!is_power_of_2(granule_bytes)) {
        error_setg(errp, "virtio-cma '%s': granule=%" PRIu64 " is not a power "
                   "of two", region, granule_bytes);
        return false;
    }
    if (granule_bytes < page_bytes) {
        error_setg(errp, "virtio-cma '%s': granule=%" PRIu64 " is below the "
                   "memdev's page size of %" PRIu64, region, granule_bytes,
                   page_bytes);
        return false;
    }
    if (s->opts.unsafe_noiommu && !fake && granule_bytes > page_bytes) {
        error_setg(errp, "virtio-cma '%s': granule=%" PRIu64 " is above the "
                   "memdev's page size of %" PRIu64 ": with unsafe-noiommu=on "
                   "a granule must be one host page", region, granule_bytes,
                   page_bytes);
        return false;
    }
    if (!QEMU_IS_ALIGNED(bytes, granule_bytes)) {
        error_setg(errp, "virtio-cma '%s': memdev size %" PRIu64 " is not a "
                   "multiple of the granule %" PRIu64, region, bytes,
                   granule_bytes);
        return false;
    }
    if (s->opts.pin_limit_bytes &&
        !QEMU_IS_ALIGNED(s->opts.pin_limit_bytes, granule_bytes)) {
        error_setg(errp, "virtio-cma '%s': pin-limit=%" PRIu64 " is not a "
                   "multiple of the granule %" PRIu64, region,
                   s->opts.pin_limit_bytes, granule_bytes);
        return false;
    }

    if (!check_low(s, granule_bytes, errp) ||
        !check_contiguous(s, granule_bytes, errp)) {
        return false;
    }
    if (s->opts.align_bytes && (!is_power_of_2(s->opts.align_bytes) ||
                                s->opts.align_bytes < granule_bytes)) {
        error_setg(errp, "virtio-cma '%s': align=%" PRIu64 " is not a power of "
                   "two of at least the granule %" PRIu64, region,
                   s->opts.align_bytes, granule_bytes);
        return false;
    }

    s->config.region_bytes = bytes;
    s->config.granule_bytes = granule_bytes;
    s->config.pin_limit_bytes = s->opts.pin_limit_bytes;
    return true;
}

/* Online memory is the guest's RAM: nobody may take pages out of it. */
static bool check_mode(VirtIOCMA *s, uint32_t mode, Error **errp)
{
    static const uint32_t wire[] = {
        [MODE_PRIVATE] = VIRTIO_CMA_MODE_PRIVATE,
        [MODE_REUSABLE] = VIRTIO_CMA_MODE_REUSABLE,
        [MODE_AUTO] = VIRTIO_CMA_MODE_REUSABLE,
        [MODE_STATIC] = VIRTIO_CMA_MODE_STATIC,
        [MODE_RAM] = VIRTIO_CMA_MODE_RAM,
    };
    const HvcmaOptions *o = &s->opts;

    if (mode != MODE_PRIVATE && mode != MODE_STATIC && o->discard) {
        error_setg(errp, "virtio-cma '%s': discard=on discards pages that "
                   "mode=%s gives to the guest as RAM", o->name, o->mode);
        return false;
    }
    if (mode == MODE_AUTO && hvcma_ram_auto(s)) {
        mode = MODE_RAM;
    }
    s->config.mode = wire[mode];
    s->config.flags |= mode == MODE_AUTO ? VIRTIO_CMA_FLAG_AUTO :
                       mode == MODE_RAM ? VIRTIO_CMA_FLAG_PINNED : 0;
    return true;
}

const char *hvcma_contiguous_name(const VirtIOCMA *s)
{
    return contiguous[s->contiguous].word;
}

const char *hvcma_mode_name(const VirtIOCMA *s)
{
    static const char *const names[] = {
        [VIRTIO_CMA_MODE_PRIVATE] = "private",
        [VIRTIO_CMA_MODE_REUSABLE] = "reusable",
        [VIRTIO_CMA_MODE_STATIC] = "static",
        [VIRTIO_CMA_MODE_RAM] = "ram",
    };

    return s->config.flags & VIRTIO_CMA_FLAG_AUTO ? "auto" :
                                                    names[s->config.mode];
}

bool hvcma_options_check(VirtIOCMA *s, Error **errp)
{
    HvcmaOptions *o = &s->opts;
    uint32_t policy, mode, pin, runs;

    if (!check_text(s, errp) || !check_name(s, errp) ||
        !choose(o->name, "mode", o->mode, modes, &mode, errp) ||
        !choose(o->name, "pin", o->pin, pins, &pin, errp) ||
        !choose(o->name, "contiguous", o->contiguous, contiguous, &runs,
                errp) ||
        !hvcma_service_path(o->name, o->service, &s->service_path, errp) ||
        !choose(o->name, "policy", o->policy, policies, &policy, errp) ||
        !choose(o->name, "attr", o->attr, attrs, &s->config.attr_policy,
                errp) ||
        !hvcma_test_check_words(s, errp)) {
        return false;
    }
    if (o->max_align_order > VIRTIO_CMA_MAX_ALIGN_ORDER) {
        error_setg(errp, "virtio-cma '%s': max-align-order=%" PRIu32 " is "
                   "above the limit of %d", o->name, o->max_align_order,
                   VIRTIO_CMA_MAX_ALIGN_ORDER);
        return false;
    }
    s->config.max_align_order = o->max_align_order;
    s->config.policy = policy;
    s->contiguous = runs;
    s->config.unpin_discards = o->discard;
    s->config.flags = (o->is_default ? VIRTIO_CMA_FLAG_DEFAULT : 0) |
                      (o->unsafe_noiommu ? VIRTIO_CMA_FLAG_HPA : 0) |
                      (pin == PIN_ALL ? VIRTIO_CMA_FLAG_PINNED : 0);

    return check_mode(s, mode, errp) &&
           hvcma_ram_take_memdev(s, errp) &&
           hvcma_attr_check(s, errp) &&
           hvcma_client_windows_check(s, errp) &&
           check_memdev(s, hvcma_test_is_fake(s), errp) &&
           check_machine(s, errp) &&
           check_sizes(s, hvcma_test_is_fake(s), errp) &&
           hvcma_test_check_options(s, errp) &&
           hvcma_regions_check(s, errp) &&
           hvcma_ram_check(s, errp) &&
           hvcma_pinned_check(s, errp) &&
           hvcma_surrender_check(s, errp) &&
           hvcma_static_check(s, errp);
}
