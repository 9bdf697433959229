/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device behind an IOMMU, for tests: what VFIO does to guest memory, without
 * the hardware. Preloaded beside the plugin, which knows nothing of it.
 *
 *   -device hvcma-test-mapper,id=map0,memdev=m0[,follows=off][,attached=off]
 *
 * It maps a memory device as VFIO's type 1 container does: through a listener
 * of the address space and, where the region has a RamDiscardManager, its
 * listener; else all of it at once. A mapping is a long-term pin of each part
 * of 2 MiB, and the device's write goes to the page that was pinned, wherever
 * the guest's address leads by then: that is what makes a wrongly discarded
 * page show.
 *
 * follows=off: a device that maps all of memory for good, as vhost-vdpa does,
 * and has discards disabled whole.
 *
 * Properties: "attached" (a device may come later), "mapped" (a bit per part),
 * "max-mapped" (bytes; more is refused), "write" (set: the device writes
 * MAPPER_PATTERN to that offset of the region), "faults" (writes to what is not
 * mapped).
 */
#include "qemu/osdep.h"
#include <liburing.h>

#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/qdev-core.h"
#include "hw/qdev-properties.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "system/hostmem.h"

#include "hv/host/pin.h"

#define TYPE_MAPPER "hvcma-test-mapper"
#define MAPPER_PATTERN UINT64_C(0x64657669636521)
#define PART_BYTES (2 * MiB)

OBJECT_DECLARE_SIMPLE_TYPE(Mapper, MAPPER)

struct Mapper {
    DeviceState parent_obj;

    HostMemoryBackend *memdev;
    bool follows;
    bool attached;
    uint64_t max_mapped_bytes;
    uint64_t mapped;
    uint64_t faults;
    struct hvcma_pins pins;
    int pattern_fd;
    MemoryListener listener;
    RamDiscardListener rdl;
};

static uint64_t bits(const MemoryRegionSection *s)
{
    uint64_t nr = int128_get64(s->size) / PART_BYTES;

    return MAKE_64BIT_MASK(s->offset_within_region / PART_BYTES, nr);
}

static int map(Mapper *m, const MemoryRegionSection *s)
{
    uint64_t all = m->mapped | bits(s);
    int ret;

    if (m->mapped & bits(s)) {
        error_report("%s: is mapped already: 0x%" PRIx64, DEVICE(m)->id,
                     bits(s));
        abort();
    }
    if (ctpop64(all) * PART_BYTES > m->max_mapped_bytes) {
        return -ENOSPC;
    }
    ret = hvcma_pins_add(&m->pins, s->offset_within_region / PART_BYTES,
                         int128_get64(s->size) / PART_BYTES);
    if (!ret) {
        m->mapped = all;
    }
    return ret;
}

static void unmap(Mapper *m, const MemoryRegionSection *s)
{
    uint64_t done;

    hvcma_pins_remove(&m->pins, s->offset_within_region / PART_BYTES,
                      int128_get64(s->size) / PART_BYTES, &done);
    m->mapped &= ~bits(s);
}

static int notify_populate(RamDiscardListener *l, MemoryRegionSection *s)
{
    return map(container_of(l, Mapper, rdl), s);
}

static void notify_discard(RamDiscardListener *l, MemoryRegionSection *s)
{
    unmap(container_of(l, Mapper, rdl), s);
}

static void region_add(MemoryListener *l, MemoryRegionSection *s)
{
    Mapper *m = container_of(l, Mapper, listener);
    RamDiscardManager *rdm;

    if (s->mr != &m->memdev->mr) {
        return;
    }
    rdm = memory_region_get_ram_discard_manager(s->mr);
    if (rdm && m->follows) {
        ram_discard_listener_init(&m->rdl, notify_populate, notify_discard,
                                  true);
        ram_discard_manager_register_listener(rdm, &m->rdl, s);
    } else if (map(m, s)) {
        error_report("%s: can't map the region", DEVICE(m)->id);
    }
}

static void region_del(MemoryListener *l, MemoryRegionSection *s)
{
    Mapper *m = container_of(l, Mapper, listener);

    if (s->mr != &m->memdev->mr) {
        return;
    }
    if (m->rdl.section) {
        ram_discard_manager_unregister_listener(
            memory_region_get_ram_discard_manager(s->mr), &m->rdl);
    } else {
        unmap(m, s);
    }
}

/* Of a ring whose queues nobody has mapped. */
static int map_queues(int ring_fd, struct io_uring *ring)
{
    struct io_uring_params params = { 0 };
    int like_it = io_uring_setup(1, &params);
    int copy = dup(ring_fd);

    if (like_it >= 0) {
        close(like_it);
    }
    if (like_it < 0 || copy < 0 || io_uring_queue_mmap(copy, &params, ring)) {
        return -1;
    }
    /* It goes on where the one before has ended. */
    ring->sq.sqe_head = ring->sq.sqe_tail = *ring->sq.ktail;
    return 0;
}

/* DMA: into the pinned page, by its place in the table. */
static void do_write(Mapper *m, uint64_t offset, Error **errp)
{
    uint64_t part = offset / PART_BYTES;
    struct io_uring ring;
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;

    if (part >= 64 || !(m->mapped >> part & 1)) {
        m->faults++;
        return;
    }
    if (map_queues(m->pins.ring_fd[part / m->pins.slots_per_ring], &ring)) {
        error_setg(errp, "no queues for DMA");
        return;
    }
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_read_fixed(sqe, m->pattern_fd, m->pins.base + offset,
                             sizeof(uint64_t), 0,
                             part % m->pins.slots_per_ring);
    if (io_uring_submit_and_wait(&ring, 1) < 0 ||
        io_uring_peek_cqe(&ring, &cqe)) {
        error_setg(errp, "no DMA");
    } else {
        if (cqe->res != sizeof(uint64_t)) {
            error_setg(errp, "DMA ends with %d", cqe->res);
        }
        io_uring_cqe_seen(&ring, cqe);
    }
    io_uring_queue_exit(&ring);
}

static void set_write(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    uint64_t offset;

    if (visit_type_uint64(v, name, &offset, errp)) {
        do_write(MAPPER(obj), offset, errp);
    }
}

static bool attach(Mapper *m, Error **errp)
{
    int ret = m->follows ? ram_block_uncoordinated_discard_disable(true) :
                           ram_block_discard_disable(true);

    if (ret) {
        error_setg(errp, "%s: can't disable discards of RAM", DEVICE(m)->id);
        return false;
    }
    memory_listener_register(&m->listener, &address_space_memory);
    m->attached = true;
    return true;
}

static void detach(Mapper *m)
{
    memory_listener_unregister(&m->listener);
    if (m->follows) {
        ram_block_uncoordinated_discard_disable(false);
    } else {
        ram_block_discard_disable(false);
    }
    m->attached = false;
}

static bool get_attached(Object *obj, Error **errp)
{
    return MAPPER(obj)->attached;
}

static void set_attached(Object *obj, bool on, Error **errp)
{
    Mapper *m = MAPPER(obj);

    if (!DEVICE(obj)->realized) {
        m->attached = on;
    } else if (on && !m->attached) {
        attach(m, errp);
    } else if (!on && m->attached) {
        detach(m);
    }
}

static void mapper_realize(DeviceState *dev, Error **errp)
{
    Mapper *m = MAPPER(dev);
    uint64_t pattern = MAPPER_PATTERN;
    MemoryRegion *mr = &m->memdev->mr;
    struct hvcma_error err = { "" };

    m->pattern_fd = memfd_create(TYPE_MAPPER, MFD_CLOEXEC);
    if (m->pattern_fd < 0 ||
        write(m->pattern_fd, &pattern, sizeof(pattern)) != sizeof(pattern) ||
        hvcma_pins_init(&m->pins, memory_region_get_ram_ptr(mr),
                        memory_region_size(mr), PART_BYTES, &err)) {
        error_setg(errp, "%s: %s", dev->id, err.text);
        return;
    }
    m->listener.name = TYPE_MAPPER;
    m->listener.region_add = region_add;
    m->listener.region_del = region_del;
    if (m->attached) {
        attach(m, errp);
    }
}

static void mapper_init(Object *obj)
{
    Mapper *m = MAPPER(obj);

    object_property_add_uint64_ptr(obj, "mapped", &m->mapped,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "faults", &m->faults,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "max-mapped", &m->max_mapped_bytes,
                                   OBJ_PROP_FLAG_READWRITE);
    m->max_mapped_bytes = UINT64_MAX;
    m->attached = true;
    object_property_add_bool(obj, "attached", get_attached, set_attached);
    object_property_add(obj, "write", "uint64", NULL, set_write, NULL, NULL);
}

static const Property mapper_properties[] = {
    DEFINE_PROP_LINK("memdev", Mapper, memdev, TYPE_MEMORY_BACKEND,
                     HostMemoryBackend *),
    DEFINE_PROP_BOOL("follows", Mapper, follows, true),
};

static void mapper_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = mapper_realize;
    dc->user_creatable = true;
    device_class_set_props(dc, mapper_properties);
}

static const TypeInfo mapper_info = {
    .name = TYPE_MAPPER,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(Mapper),
    .instance_init = mapper_init,
    .class_init = mapper_class_init,
};

static void mapper_register_types(void)
{
    type_register_static(&mapper_info);
}
type_init(mapper_register_types)
