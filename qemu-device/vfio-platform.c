/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Platform devices without IOMMU, see vfio-platform.h.
 */
#include "qemu/osdep.h"

#include "exec/address-spaces.h"
#include "hw/arm/virt.h"
#include "hw/platform-bus.h"
#include "hw/qdev-properties.h"
#include "hw/vfio/vfio-common.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/module.h"

#include "vfio-platform.h"

VFIOPlatformNoiommu *vfio_platform_noiommu(DeviceState *dev)
{
    return (VFIOPlatformNoiommu *)
        object_dynamic_cast(OBJECT(dev), TYPE_VFIO_PLATFORM_NOIOMMU);
}

static VirtMachineState *machine(void)
{
    return (VirtMachineState *)object_dynamic_cast(qdev_get_machine(),
                                                   TYPE_VIRT_MACHINE);
}

uint64_t vfio_platform_address(const VFIOPlatformNoiommu *p)
{
    return machine()->memmap[VIRT_PLATFORM_BUS].base +
           p->regions[0].closed.addr;
}

/* ---- registers ---- */

static uint64_t closed_read(void *opaque, hwaddr addr, unsigned size)
{
    return UINT64_MAX;
}

static void closed_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
}

static const MemoryRegionOps closed_ops = {
    .read = closed_read,
    .write = closed_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/* Levels that this raises go down when the guest is at a register: see it. */
static bool must_trap(const VFIOPlatformNoiommu *p)
{
    uint32_t i;

    for (i = 0; i < p->nr_irqs; i++) {
        if (p->irqs[i].is_level && !p->irqs[i].has_irqfd) {
            return true;
        }
    }
    return false;
}

void vfio_platform_show(VFIOPlatformNoiommu *p, bool open)
{
    uint32_t i;

    if (p->is_open == open) {
        return;
    }
    p->is_open = open;
    if (!open) {
        platform_irqs_enable(p, false);
    }
    memory_region_transaction_begin();
    for (i = 0; i < p->nr_regions; i++) {
        memory_region_set_enabled(p->regions[i].vfio.mem, open);
    }
    memory_region_transaction_commit();
    if (open) {
        platform_irqs_enable(p, true);
    }
}

bool vfio_platform_quiet(VFIOPlatformNoiommu *p, Error **errp)
{
    struct hvcma_error err;

    if (hvcma_platform_quiet(p->vbasedev.fd, p->has_rule ? &p->rule : NULL,
                             &err)) {
        error_setg(errp, "%s: %s", p->vbasedev.name, err.text);
        return false;
    }
    return true;
}

/* As platform_bus_map_mmio() of QEMU, which exits where nothing is free. */
static bool region_place(VFIOPlatformNoiommu *p, PlatformRegion *r,
                         Error **errp)
{
    PlatformBusDevice *bus = PLATFORM_BUS_DEVICE(machine()->platform_bus_dev);
    uint64_t bytes = r->vfio.size;
    uint64_t align = pow2ceil(bytes);
    hwaddr at;

    for (at = 0; at + bytes <= bus->mmio_size; at += align) {
        MemoryRegion *mr = memory_region_find(&bus->mmio, at, bytes).mr;

        if (!mr) {
            memory_region_add_subregion(&bus->mmio, at, &r->closed);
            r->is_mapped = true;
            return true;
        }
        memory_region_unref(mr);
    }
    error_setg(errp, "%s: registers %u, 0x%" PRIx64 " bytes, do not fit on the "
               "platform bus, which has 0x%x bytes", p->vbasedev.name,
               r->vfio.nr, bytes, bus->mmio_size);
    return false;
}

static bool region_init(VFIOPlatformNoiommu *p, PlatformRegion *r, uint32_t nr,
                        Error **errp)
{
    g_autofree char *name = g_strdup_printf("%s registers %u",
                                            p->vbasedev.name, nr);
    int ret = vfio_region_setup(OBJECT(p), &p->vbasedev, &r->vfio, nr, name);

    if (!ret && !r->vfio.size) {
        ret = -ENODEV;
    }
    if (ret) {
        error_setg_errno(errp, -ret, "%s: VFIO does not tell about registers "
                         "%u", p->vbasedev.name, nr);
        return false;
    }
    memory_region_init_io(&r->closed, OBJECT(p), &closed_ops, p,
                          "vfio-platform-closed", r->vfio.size);
    memory_region_set_enabled(r->vfio.mem, false);
    memory_region_add_subregion_overlap(&r->closed, 0, r->vfio.mem, 1);
    return true;
}

static void region_fini(PlatformRegion *r)
{
    if (r->is_mapped) {
        memory_region_del_subregion(r->closed.container, &r->closed);
    }
    memory_region_del_subregion(&r->closed, r->vfio.mem);
    vfio_region_exit(&r->vfio);
    vfio_region_finalize(&r->vfio);
    object_unparent(OBJECT(&r->closed));
}

static bool regions_new(VFIOPlatformNoiommu *p, Error **errp)
{
    p->regions = g_new0(PlatformRegion, p->vbasedev.num_regions);
    for (; p->nr_regions < p->vbasedev.num_regions; p->nr_regions++) {
        if (!region_init(p, &p->regions[p->nr_regions], p->nr_regions, errp)) {
            return false;
        }
    }
    if (!p->nr_regions) {
        error_setg(errp, "%s has no registers", p->vbasedev.name);
    }
    return p->nr_regions;
}

/* Whole pages are the guest's without an exit; the rest VFIO does not map. */
static bool regions_place(VFIOPlatformNoiommu *p, Error **errp)
{
    uint32_t i;
    int ret;

    for (i = 0; i < p->nr_regions; i++) {
        if (!region_place(p, &p->regions[i], errp)) {
            return false;
        }
        ret = must_trap(p) ? 0 : vfio_region_mmap(&p->regions[i].vfio);
        if (ret) {
            warn_report("%s: registers %u can't be mapped, each access is an "
                        "exit: %s", p->vbasedev.name, i, strerror(-ret));
        }
    }
    return true;
}

/* ---- come and go ---- */

static void vfio_platform_eoi(VFIODevice *vbasedev)
{
    platform_irqs_served(container_of(vbasedev, VFIOPlatformNoiommu, vbasedev));
}

/* Never asked of a device whose container has no IOMMU. */
static void vfio_platform_compute_needs_reset(VFIODevice *vbasedev)
{
    vbasedev->needs_reset = false;
}

static int vfio_platform_hot_reset_multi(VFIODevice *vbasedev)
{
    return -1;
}

static VFIODeviceOps vfio_platform_ops = {
    .vfio_compute_needs_reset = vfio_platform_compute_needs_reset,
    .vfio_hot_reset_multi = vfio_platform_hot_reset_multi,
    .vfio_eoi = vfio_platform_eoi,
};

static void vfio_platform_free(VFIOPlatformNoiommu *p)
{
    platform_fdt_remove(p);
    platform_irqs_free(p);
    while (p->nr_regions) {
        region_fini(&p->regions[--p->nr_regions]);
    }
    g_free(p->regions);
    p->regions = NULL;
    vfio_detach_device(&p->vbasedev);
    platform_host_free(p);
}

static bool check_machine(Error **errp)
{
    VirtMachineState *vms = machine();

    if (!vms || !vms->platform_bus_dev) {
        error_setg(errp, TYPE_VFIO_PLATFORM_NOIOMMU " needs machine virt of "
                   "Arm, and its platform bus");
        return false;
    }
    return true;
}

static void vfio_platform_realize(DeviceState *dev, Error **errp)
{
    VFIOPlatformNoiommu *p = VFIO_PLATFORM_NOIOMMU(dev);
    VFIODevice *vbasedev = &p->vbasedev;

    if (!check_machine(errp)) {
        return;
    }
    if (platform_host_read(p, errp) &&
        vfio_attach_device(vbasedev->name, vbasedev, &address_space_memory,
                           errp) &&
        regions_new(p, errp) && platform_irqs_new(p, errp) &&
        platform_host_judge(p, errp) && regions_place(p, errp)) {
        platform_fdt_add(p);
        return;
    }
    vfio_platform_free(p);
}

static void vfio_platform_unrealize(DeviceState *dev)
{
    vfio_platform_free(VFIO_PLATFORM_NOIOMMU(dev));
}

static void vfio_platform_instance_init(Object *obj)
{
    VFIOPlatformNoiommu *p = VFIO_PLATFORM_NOIOMMU(obj);

    vfio_device_init(&p->vbasedev, VFIO_DEVICE_TYPE_PLATFORM,
                     &vfio_platform_ops, DEVICE(obj), false);
}

static const VMStateDescription vfio_platform_vmstate = {
    .name = TYPE_VFIO_PLATFORM_NOIOMMU,
    .unmigratable = 1,
};

static const Property vfio_platform_properties[] = {
    DEFINE_PROP_STRING("host", VFIOPlatformNoiommu, vbasedev.name),
    DEFINE_PROP_STRING("reset", VFIOPlatformNoiommu, reset),
    DEFINE_PROP_STRING("rules", VFIOPlatformNoiommu, rules),
    DEFINE_PROP_STRING("without", VFIOPlatformNoiommu, without),
    DEFINE_PROP_STRING("clock-rates", VFIOPlatformNoiommu, clock_rates),
    DEFINE_PROP_BOOL("x-no-mmap", VFIOPlatformNoiommu, vbasedev.no_mmap, false),
    DEFINE_PROP_BOOL("x-irqfd", VFIOPlatformNoiommu, use_irqfd, true),
};

static void vfio_platform_class_init(ObjectClass *klass, void *data)
{
    static const struct { const char *name, *text; } texts[] = {
        { "host", "platform device of the host, as sysfs names it" },
        { "reset", "auto: by the kernel or a rule; once: claimed once only" },
        { "rules", "file with a rule for it, before the installed ones" },
        { "without", "properties of its node that its driver does without" },
        { "clock-rates", "of its clocks, in Hz, where the tree has none" },
    };
    DeviceClass *dc = DEVICE_CLASS(klass);
    int i;

    dc->realize = vfio_platform_realize;
    dc->unrealize = vfio_platform_unrealize;
    dc->hotpluggable = false;
    dc->desc = "platform device of the host without IOMMU (UNSAFE)";
    dc->vmsd = &vfio_platform_vmstate;
    device_class_set_props(dc, vfio_platform_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    for (i = 0; i < ARRAY_SIZE(texts); i++) {
        object_class_property_set_description(klass, texts[i].name,
                                              texts[i].text);
    }
}

static const TypeInfo vfio_platform_info = {
    .name = TYPE_VFIO_PLATFORM_NOIOMMU,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(VFIOPlatformNoiommu),
    .instance_init = vfio_platform_instance_init,
    .class_init = vfio_platform_class_init,
};

static void vfio_platform_register(void)
{
    type_register_static(&vfio_platform_info);
}

type_init(vfio_platform_register)
