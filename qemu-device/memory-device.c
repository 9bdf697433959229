/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The region of virtio-cma as a memory device of the machine, for the PCI proxy
 * and the MMIO device alike. Knows addresses only.
 */
#include "qemu/osdep.h"
#include "hw/boards.h"
#include "qapi/qapi-types-machine.h"
#include "qemu/units.h"

#include "ram.h"
#include "virtio-cma.h"

static VirtIOCMA *vcma_of(const MemoryDeviceState *md)
{
    Object *obj = OBJECT(md);

    if (!object_dynamic_cast(obj, TYPE_VIRTIO_CMA)) {
        obj = object_resolve_path_component(obj, "virtio-backend");
    }
    return VIRTIO_CMA(obj);
}

static uint64_t get_addr(const MemoryDeviceState *md)
{
    return vcma_of(md)->opts.memaddr;
}

static void set_addr(MemoryDeviceState *md, uint64_t addr, Error **errp)
{
    vcma_of(md)->opts.memaddr = addr;
}

/* What the machine would check too, but with the numbers of this region. */
static bool check_maxmem(VirtIOCMA *s, Error **errp)
{
    MachineState *ms = MACHINE(qdev_get_machine());
    uint64_t limit = ms->maxram_size - ms->ram_size;
    uint64_t used;

    if (!ms->device_memory || hvcma_is_machine_ram(s)) {
        return true;            /* the machine's own message says it */
    }
    used = ms->device_memory->used_region_size;
    if (used > limit || s->config.region_bytes > limit - used) {
        error_setg(errp, "virtio-cma '%s': region of %" PRIu64 " bytes does "
                   "not fit: maxmem leaves %" PRIu64 " bytes for memory "
                   "devices, %" PRIu64 " of them in use", s->config.name,
                   s->config.region_bytes, limit, used);
        return false;
    }
    return true;
}

static MemoryRegion *get_memory_region(MemoryDeviceState *md, Error **errp)
{
    VirtIOCMA *s = vcma_of(md);
    Error *err = NULL;
    /* The machine asks before realize: what it relies on is checked here. */
    bool ok = s->engine || (hvcma_options_check(s, &err) &&
                            check_maxmem(s, &err));

    /*
     * The machine's own RAM is there already: an empty memory device. What is
     * wrong with it, realize says again.
     */
    if (hvcma_is_machine_ram(s)) {
        error_free(err);
        return NULL;
    }
    if (!ok) {
        error_propagate(errp, err);
        return NULL;
    }
    return host_memory_backend_get_memory(s->opts.memdev);
}

static uint64_t get_plugged_size(const MemoryDeviceState *md, Error **errp)
{
    VirtIOCMA *s = vcma_of(md);

    /* The machine's RAM is counted already. */
    if (hvcma_is_machine_ram(s)) {
        return 0;
    }
    return memory_region_size(&s->opts.memdev->mr);
}

/*
 * Linux adds and removes memory in blocks of 128 MiB to 2 GiB, depending on
 * architecture, page size and RAM. Of a region that is not a multiple of its
 * block size nothing can be online, so the size says what alignment is of use.
 */
#define MAX_MEMORY_BLOCK_BYTES (2 * GiB)

static uint64_t get_min_alignment(const MemoryDeviceState *md)
{
    VirtIOCMA *s = vcma_of(md);
    uint64_t natural = s->config.region_bytes & -s->config.region_bytes;

    if (s->opts.align_bytes) {
        return s->opts.align_bytes;
    }
    if (s->config.mode != VIRTIO_CMA_MODE_REUSABLE) {
        return s->config.granule_bytes;
    }
    return MAX(s->config.granule_bytes, MIN(natural, MAX_MEMORY_BLOCK_BYTES));
}

static void fill_device_info(const MemoryDeviceState *md,
                             MemoryDeviceInfo *info)
{
    VirtIOCMA *s = vcma_of(md);
    uint64_t bytes = memory_region_size(&s->opts.memdev->mr);
    char *memdev = object_get_canonical_path(OBJECT(s->opts.memdev));
#ifdef HVCMA_STOCK_QEMU
    /*
     * MemoryDeviceInfo is a closed union, and of its members libvirt 9.0, which
     * asks for all of them when a machine starts, fails at virtio-pmem. A
     * dimm all versions know; of what it has no meaning here (slot, node)
     * none is looked at. The rest is in QOM properties.
     */
    PCDIMMDeviceInfo *di = g_new0(PCDIMMDeviceInfo, 1);

    di->id = g_strdup(DEVICE(md)->id);
    di->addr = s->opts.memaddr;
    di->size = bytes;
    di->memdev = memdev;
    di->hotplugged = DEVICE(md)->hotplugged;
    di->hotpluggable = true;
    info->type = MEMORY_DEVICE_INFO_KIND_DIMM;
    info->u.dimm.data = di;
#else
    VirtioCMADeviceInfo *vi = g_new0(VirtioCMADeviceInfo, 1);

    vi->id = g_strdup(DEVICE(md)->id);
    vi->memaddr = s->opts.memaddr;
    vi->size = bytes;
    vi->memdev = memdev;
    info->type = MEMORY_DEVICE_INFO_KIND_VIRTIO_CMA;
    info->u.virtio_cma.data = vi;
#endif
}

void hvcma_memory_device_class_init(ObjectClass *klass)
{
    MemoryDeviceClass *mdc = MEMORY_DEVICE_CLASS(klass);

    mdc->get_addr = get_addr;
    mdc->set_addr = set_addr;
    mdc->get_plugged_size = get_plugged_size;
    mdc->get_memory_region = get_memory_region;
    mdc->get_min_alignment = get_min_alignment;
    mdc->fill_device_info = fill_device_info;
}

bool hvcma_memory_device_check(VirtIOCMA *s, Error **errp)
{
    MachineState *ms = MACHINE(qdev_get_machine());

    if (!ms->device_memory && !hvcma_is_machine_ram(s)) {
        error_setg(errp, "virtio-cma '%s': machine '%s' has no device memory "
                   "(-m SIZE,maxmem=SIZE with maxmem above the RAM size; some "
                   "machines such as microvm have none at all)",
                   s->config.name, MACHINE_GET_CLASS(ms)->name);
        return false;
    }
    return true;
}
