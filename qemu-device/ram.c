/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode=ram: the machine's RAM as the region. See ram.h. Pins are pinned.c's.
 */
#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/boards.h"
#include "hw/mem/memory-device.h"
#include "hw/qdev-core.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"

#include "printable.h"
#include "ram.h"
#include "static.h"
#include "test-hooks.h"

/* There is one RAM. */
static VirtIOCMA *region_of_ram;

static bool is_ram(const VirtIOCMA *s)
{
    return s->config.mode == VIRTIO_CMA_MODE_RAM;
}

bool hvcma_is_machine_ram(VirtIOCMA *s)
{
    return is_ram(s) || hvcma_static_is_ram(s);
}

static HostMemoryBackend *machine_memdev(void)
{
    return MACHINE(qdev_get_machine())->memdev;
}

static bool has_hugepages(VirtIOCMA *s, HostMemoryBackend *memdev)
{
    return hvcma_test_is_fake(s) ||
           host_memory_backend_pagesize(memdev) > qemu_real_host_page_size();
}

bool hvcma_ram_auto(VirtIOCMA *s)
{
    const HvcmaOptions *o = &s->opts;
    HostMemoryBackend *memdev = machine_memdev();

    return memdev && (!o->memdev || o->memdev == memdev) &&
           has_hugepages(s, memdev) && o->unsafe_noiommu &&
           (o->is_default || (o->clients && o->clients[0]) ||
            (o->regions && strchr(o->regions, '/')));
}

bool hvcma_ram_take_memdev(VirtIOCMA *s, Error **errp)
{
    HostMemoryBackend *memdev = machine_memdev();

    if (!is_ram(s) || s->opts.memdev || !memdev) {
        return true;
    }
    return object_property_set_link(OBJECT(s), "memdev", OBJECT(memdev), errp);
}

/* ---- where it lies ---- */

static void add_range(VirtIOCMA *s, uint64_t base_gpa, uint64_t bytes)
{
    s->ranges[s->config.nr_ranges++] = (struct hvcma_gpa_range) {
        .base_gpa = base_gpa, .bytes = bytes,
    };
}

static const MemoryRegion *next_alias(const MemoryRegion *ram, uint64_t offset)
{
    const MemoryRegion *mr;

    QTAILQ_FOREACH(mr, &get_system_memory()->subregions, subregions_link) {
        /* What lies above others shows a part of the same RAM (PAM, SMRAM). */
        if (mr->alias == ram && !mr->priority && mr->enabled &&
            mr->alias_offset == offset) {
            return mr;
        }
    }
    return NULL;
}

/*
 * The RAM is mapped as it is, or in pieces by aliases, one for each side of the
 * hole that x86 has. Pieces go up in both address spaces.
 */
static bool find_ranges(VirtIOCMA *s)
{
    MachineState *ms = MACHINE(qdev_get_machine());
    uint64_t size = memory_region_size(ms->ram), done = 0, end = 0;
    const MemoryRegion *alias;

    s->config.nr_ranges = 0;
    if (ms->ram->container == get_system_memory()) {
        add_range(s, ms->ram->addr, size);
        return true;
    }
    while (done < size && s->config.nr_ranges < VIRTIO_CMA_MAX_RANGES) {
        uint64_t bytes;

        alias = next_alias(ms->ram, done);
        if (!alias || alias->addr < end) {
            return false;
        }
        bytes = MIN(int128_get64(alias->size), size - done);
        add_range(s, alias->addr, bytes);
        end = alias->addr + bytes;
        done += bytes;
    }
    return done == size;
}

static bool check_ranges(VirtIOCMA *s, Error **errp)
{
    uint32_t i;

    if (!find_ranges(s)) {
        error_setg(errp, "virtio-cma '%s': mode=ram: how machine '%s' maps its "
                   "RAM is not known (known are x86's, and machines with RAM "
                   "in one piece)", s->config.name,
                   MACHINE_GET_CLASS(qdev_get_machine())->name);
        return false;
    }
    for (i = 0; i < s->config.nr_ranges; i++) {
        if (!QEMU_IS_ALIGNED(s->ranges[i].base_gpa | s->ranges[i].bytes,
                             s->config.granule_bytes)) {
            error_setg(errp, "virtio-cma '%s': mode=ram: the machine has RAM "
                       "at 0x%" PRIx64 ", %" PRIu64 " bytes, which is not of "
                       "whole granules of %" PRIu64, s->config.name,
                       s->ranges[i].base_gpa, s->ranges[i].bytes,
                       s->config.granule_bytes);
            return false;
        }
    }
    s->config.ranges = s->ranges;
    return true;
}

uint64_t hvcma_granule_gpa(const VirtIOCMA *s, uint64_t granule)
{
    uint64_t offset = granule * s->config.granule_bytes;
    uint32_t i;

    if (!is_ram(s)) {
        return s->opts.memaddr + offset;
    }
    for (i = 0; offset >= s->ranges[i].bytes; i++) {
        offset -= s->ranges[i].bytes;
    }
    return s->ranges[i].base_gpa + offset;
}

/* ---- what it asks of the rest ---- */

static char *id_of(HostMemoryBackend *memdev)
{
    return g_strdup(object_get_canonical_path_component(OBJECT(memdev)));
}

static bool check_properties(VirtIOCMA *s, Error **errp)
{
    const HvcmaOptions *o = &s->opts;
    const char *wrong = o->memaddr || o->align_bytes ?
                        "has the addresses that the machine gives it: no "
                        "memaddr=, align= or @BASE" :
                        o->pin && strcmp(o->pin, "all") ?
                        "is pinned from the start: no pin=blocks" : NULL;

    if (wrong) {
        error_setg(errp, "virtio-cma '%s': mode=ram %s", s->config.name, wrong);
    }
    return !wrong;
}

static bool check_memdev(VirtIOCMA *s, Error **errp)
{
    MachineState *ms = MACHINE(qdev_get_machine());
    HostMemoryBackend *memdev = s->opts.memdev;
    g_autofree char *id = id_of(memdev);

    if (memdev != ms->memdev) {
        error_setg(errp, "virtio-cma '%s': mode=ram is of all the machine's "
                   "RAM, %" PRIu64 " bytes, but memdev '%s' is not that: "
                   "-machine memory-backend=%s (RAM of several memdevs, by "
                   "-numa, is not supported)", s->config.name,
                   (uint64_t)ms->ram_size, id, id);
        return false;
    }
    if (!has_hugepages(s, memdev)) {
        error_setg(errp, "virtio-cma '%s': mode=ram needs RAM on hugepages, "
                   "but memdev '%s' has pages of %zu bytes (-object "
                   "memory-backend-memfd,hugetlb=on,... and -machine "
                   "memory-backend=)", s->config.name, id,
                   host_memory_backend_pagesize(memdev));
        return false;
    }
    return true;
}

/* Of another region: RAM beside the machine's, or the machine's itself? */
static bool check_beside(VirtIOCMA *s, const VirtIOCMA *ram, Error **errp)
{
    if (s->config.mode == VIRTIO_CMA_MODE_REUSABLE || is_ram(s) ||
        s->opts.memdev == ram->opts.memdev) {
        error_setg(errp, "virtio-cma '%s': mode=%s makes it RAM of the guest, "
                   "and region '%s' with mode=ram is all of that: what is "
                   "beside it can be mode=private alone", s->config.name,
                   hvcma_mode_name(s), ram->config.name);
        return false;
    }
    return true;
}

bool hvcma_ram_check(VirtIOCMA *s, Error **errp)
{
    if (region_of_ram && region_of_ram != s &&
        !check_beside(s, region_of_ram, errp)) {
        return false;
    }
    return !is_ram(s) || (check_properties(s, errp) && check_memdev(s, errp) &&
                          check_ranges(s, errp));
}

/* ---- nothing beside it ---- */

static bool is_foreign(ObjectClass *klass)
{
    return klass && object_class_dynamic_cast(klass, TYPE_MEMORY_DEVICE) &&
           !object_class_dynamic_cast(klass, TYPE_VIRTIO_CMA_PCI) &&
           !object_class_dynamic_cast(klass, TYPE_VIRTIO_CMA);
}

static void refuse(const VirtIOCMA *s, const char *id, const char *type,
                   Error **errp)
{
    g_autofree char *printable_id = hvcma_printable(id ?: "");
    g_autofree char *printable_type = hvcma_printable(type);

    error_setg(errp, "virtio-cma '%s': mode=ram is all the RAM that its "
               "clients can be given, %" PRIu64 " bytes: memory device '%s' "
               "(%s) would be RAM beside it", s->config.name,
               s->config.region_bytes, printable_id, printable_type);
}

/* Before the device exists; "hide it?" is what is really asked. */
static bool may_be_created(DeviceListener *listener, const QDict *opts,
                           bool from_json, Error **errp)
{
    const char *driver = qdict_get_try_str(opts, "driver");
    g_autofree char *pci = g_strdup_printf("%s-pci", driver ?: "");

    if (driver && (is_foreign(object_class_by_name(driver)) ||
                   is_foreign(object_class_by_name(pci)))) {
        refuse(region_of_ram, qdict_get_try_str(opts, "id"), driver, errp);
    }
    return false;
}

static DeviceListener listener = {
    .hide_device = may_be_created,
};

typedef struct Search {
    VirtIOCMA *s;
    Error *err;
} Search;

static int look_at(Object *obj, void *opaque)
{
    DeviceState *dev = (DeviceState *)object_dynamic_cast(obj, TYPE_DEVICE);
    Search *search = opaque;
    VirtIOCMA *other;

    if (!dev || !dev->realized) {
        return 0;
    }
    other = (VirtIOCMA *)object_dynamic_cast(obj, TYPE_VIRTIO_CMA);
    if (other && other != search->s) {
        check_beside(other, search->s, &search->err);
    } else if (is_foreign(object_get_class(obj))) {
        refuse(search->s, dev->id, object_get_typename(obj), &search->err);
    }
    return search->err != NULL;
}

bool hvcma_ram_realize(VirtIOCMA *s, Error **errp)
{
    Search search = { .s = s };

    if (!is_ram(s)) {
        return true;
    }
    if (phase_check(PHASE_MACHINE_READY)) {
        error_setg(errp, "virtio-cma '%s': mode=ram must be there when the "
                   "machine starts: the guest has its RAM already",
                   s->config.name);
        return false;
    }
    object_child_foreach_recursive(object_get_root(), look_at, &search);
    if (search.err) {
        error_propagate(errp, search.err);
        return false;
    }
    region_of_ram = s;
    device_listener_register(&listener);
    return true;
}

void hvcma_ram_unrealize(VirtIOCMA *s)
{
    if (region_of_ram == s) {
        device_listener_unregister(&listener);
        region_of_ram = NULL;
    }
}
