/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfio-platform-noiommu: a platform device of the host, passed through without
 * an IOMMU, on the platform bus of machine virt.
 *
 * Not QEMU's own vfio-platform, which knows two devices by name and is gone in
 * later releases. This one takes any device whose node in the host's tree can
 * be copied (fdt/guest_device.h), and has what takes the place of a bus-master
 * bit: no register can be reached before the device's gate opens, and when it
 * closes the device is reset and read back quiet (hv/host/platform_rules.h).
 *
 *    closed:  [ ~0, writes are ignored                       ]  no interrupts
 *    open:    [ the device's registers; whole pages mapped   ]  eventfd, irqfd
 *
 * All functions need the big QEMU lock.
 */
#ifndef QEMU_DEVICE_VFIO_PLATFORM_H
#define QEMU_DEVICE_VFIO_PLATFORM_H

#include "hw/qdev-core.h"
#include "hw/vfio/vfio-common.h"
#if HVCMA_QEMU >= 1002
#include "hw/vfio/vfio-region.h"
#endif
#include "qemu/event_notifier.h"
#include "qom/object.h"

#include "fdt/guest_device.h"
#include "hv/host/machine_tree.h"
#include "hv/host/platform_rules.h"
#include "stock.h"

#define TYPE_VFIO_PLATFORM_NOIOMMU "vfio-platform-noiommu"
OBJECT_DECLARE_SIMPLE_TYPE(VFIOPlatformNoiommu, VFIO_PLATFORM_NOIOMMU)

typedef struct PlatformRegion {
    VFIORegion vfio;
    MemoryRegion closed;        /* the device's registers lie over it if open */
    bool is_mapped;             /* on the platform bus */
} PlatformRegion;

typedef struct PlatformIrq {
    VFIOPlatformNoiommu *device;
    uint32_t index;             /* of VFIO */
    bool is_level;
    bool has_irqfd;             /* KVM raises it; else this does */
    bool is_raised;             /* by this */
    bool is_taken;              /* a line of the platform bus */
    int line;
    EventNotifier trigger;
    EventNotifier unmask;       /* a level's, for KVM */
    qemu_irq irq;
} PlatformIrq;

struct VFIOPlatformNoiommu {
    DeviceState parent_obj;

    VFIODevice vbasedev;
    char *reset;                /* as the user wrote it */
    char *rules;
    char *without;
    char *clock_rates;
    bool use_irqfd;

    PlatformRegion *regions;
    uint32_t nr_regions;        /* set up */
    PlatformIrq *irqs;
    uint32_t nr_irqs;           /* set up */
    char *node;                 /* in the host's tree */
    struct hvcma_machine_tree host_tree;
    bool has_rule;
    struct hvcma_platform_rule rule;
    bool is_open;
};

/* ---- vfio-platform.c ---- */

/** vfio_platform_noiommu() - @dev if it is of that type, or NULL. */
VFIOPlatformNoiommu *vfio_platform_noiommu(DeviceState *dev);

/** vfio_platform_address() - guest-physical, of its first registers. */
uint64_t vfio_platform_address(const VFIOPlatformNoiommu *p);

/** vfio_platform_show() - let the guest reach it, or no longer. */
void vfio_platform_show(VFIOPlatformNoiommu *p, bool open);

/**
 * vfio_platform_quiet() - of a device that the guest can't reach: reset it, and
 * see that it is quiet. Up to a second and more if it is not.
 *
 * Return: false with @errp if that can't be shown: it may do DMA.
 */
bool vfio_platform_quiet(VFIOPlatformNoiommu *p, Error **errp);

/* ---- vfio-platform-host.c ---- */

/**
 * platform_host_read() - find the device, its node and its rule, and refuse
 * what sysfs, the tree or the options say can't be; VFIO is not asked yet.
 *
 * Return: false with @errp naming the device, the value and the limit. Either
 * way platform_host_free().
 */
bool platform_host_read(VFIOPlatformNoiommu *p, Error **errp);

/**
 * platform_host_judge() - has VFIO of it what the tree has, and does anything
 * reset it? With registers and interrupts set up; false with @errp.
 */
bool platform_host_judge(VFIOPlatformNoiommu *p, Error **errp);

void platform_host_free(VFIOPlatformNoiommu *p);

/* ---- vfio-platform-irq.c ---- */

/** platform_irqs_new() - all interrupts, connected; false with @errp. */
bool platform_irqs_new(VFIOPlatformNoiommu *p, Error **errp);
void platform_irqs_free(VFIOPlatformNoiommu *p);

/** platform_irqs_enable() - let the host's interrupts arrive, or not. */
void platform_irqs_enable(VFIOPlatformNoiommu *p, bool enable);

/** platform_irqs_served() - the guest was at a register: levels may go down. */
void platform_irqs_served(VFIOPlatformNoiommu *p);

/* ---- vfio-platform-fdt.c ---- */

/** platform_fdt_judge() - could @p be written into one? false with @errp. */
bool platform_fdt_judge(const VFIOPlatformNoiommu *p, Error **errp);

/** platform_fdt_add() - have @p written into the guest's tree. */
void platform_fdt_add(VFIOPlatformNoiommu *p);
void platform_fdt_remove(VFIOPlatformNoiommu *p);

#endif /* QEMU_DEVICE_VFIO_PLATFORM_H */
