/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO without IOMMU, see vfio-noiommu.h.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>

#include "exec/address-spaces.h"
#if HVCMA_QEMU < 1001
#include "hw/vfio/vfio-common.h"
#else
#include "hw/vfio/vfio-container-legacy.h"
#include "hw/vfio/vfio-device.h"
#include "hw/vfio/vfio-helpers.h"
#endif
#include "migration/blocker.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/module.h"

#include "clients.h"
#include "hv/host/service_device.h"
#include "hv/host/vfio_noiommu.h"
#include "vfio-noiommu.h"
#ifdef HVCMA_STOCK_QEMU
#include "vfio-platform.h"
#endif

OBJECT_DECLARE_SIMPLE_TYPE(NoiommuContainer, VFIO_IOMMU_NOIOMMU)

/*
 * A no-IOMMU group holds one device; it gets a container of its own. Both are
 * entered into QEMU's lists, which takes every container for one of this type.
 * With a service they are open there, and here the device alone is.
 */
struct NoiommuContainer {
    VFIOContainer parent_obj;

    VFIOGroup group;
    struct hvcma_service_device service;    /* without one: no link */
    Error *migration_blocker;
};

/* ---- what kind of group ---- */

/* An id of -1: it is in none. */
static struct hvcma_vfio_group host_group_of(const VFIODevice *vbasedev)
{
    struct hvcma_vfio_group group = { .id = -1 };

    /* Without a path there an opened file was passed: iommufd. */
    if (vbasedev->sysfsdev) {
        hvcma_vfio_group_of(vbasedev->sysfsdev, &group);
    }
    return group;
}

/* Why the kernel made no no-IOMMU group for a device that needs one. */
static void set_no_group_error(Error **errp, const char *device,
                               const char *region)
{
    struct hvcma_error why = { "" };

    hvcma_vfio_no_group(device, "vfio-pci", &why);
    error_setg(errp, "client of region %s: %s", region, why.text);
}

/*
 * The region whose guest-physical to host-physical promise would be broken by
 * attaching @vbasedev in the ordinary way.
 */
static bool check_ordinary(const VFIODevice *vbasedev,
                           const struct hvcma_vfio_group *group, Error **errp)
{
    const char *region = hvcma_clients_noiommu_region(vbasedev->dev->id);

    if (!region) {
        return true;
    }
    if (group->id < 0) {
        set_no_group_error(errp, vbasedev->name, region);
    } else {
        error_setg(errp, "client of region %s, which has unsafe-noiommu=on and "
                   "gives out host-physical addresses, but its group %s has an "
                   "IOMMU: use a region without unsafe-noiommu", region,
                   group->path);
    }
    return false;
}

/* One of ours: no other platform device has something to stop it by. */
static bool is_platform(const VFIODevice *vbasedev)
{
#ifdef HVCMA_STOCK_QEMU
    return vfio_platform_noiommu(vbasedev->dev);
#else
    return false;
#endif
}

static bool check_noiommu(const VFIODevice *vbasedev,
                          const struct hvcma_vfio_group *group,
                          AddressSpace *as, Error **errp)
{
    if (vbasedev->type != VFIO_DEVICE_TYPE_PCI && !is_platform(vbasedev)) {
        error_setg(errp, "group %s has no IOMMU: only vfio-pci and "
                   "vfio-platform-noiommu devices can be attached without one, "
                   "others can't be kept from DMA", group->path);
        return false;
    }
    if (as != &address_space_memory) {
        error_setg(errp, "group %s has no IOMMU, but the device is behind an "
                   "emulated one, which cannot translate for it", group->path);
        return false;
    }
    return hvcma_clients_noiommu_attach(vbasedev->dev->id, group->path, errp);
}

/* ---- attach ---- */

/* Group, container and device, or the device of a service. */
static int open_device(NoiommuContainer *c, const char *name,
                       VFIODevice *vbasedev,
                       const struct hvcma_vfio_group *host, Error **errp)
{
    struct hvcma_noiommu opened;
    struct hvcma_error err = { "" };
    const char *service;
    int fd;

    if (!hvcma_clients_noiommu_service(vbasedev->dev->id, &service, errp)) {
        return -1;
    }
    if (service) {
        fd = hvcma_service_device_open(service, name, is_platform(vbasedev),
                                       &c->service, &err);
    } else if (hvcma_noiommu_open(host->path, &opened, &err)) {
        fd = -1;
    } else {
        c->group.fd = opened.group_fd;
        c->parent_obj.fd = opened.container_fd;
        fd = hvcma_noiommu_device(&opened, name, &err);
    }
    if (fd < 0) {
        error_setg(errp, "%s", err.text);
    }
    return fd;
}

static void close_group(NoiommuContainer *c)
{
    struct hvcma_noiommu opened = { c->group.fd, c->parent_obj.fd };

    hvcma_noiommu_close(&opened);
    if (c->service.link) {
        hvcma_service_device_close(&c->service);
    }
}

static bool prepare_device(NoiommuContainer *c, int fd, const char *name,
                           VFIODevice *vbasedev, Error **errp)
{
    g_autofree struct vfio_device_info *info = vfio_get_device_info(fd);

    if (!info) {
        error_setg_errno(errp, errno, "cannot get information on device %s",
                         name);
        return false;
    }
    vbasedev->fd = fd;
#if HVCMA_QEMU < 1001
    vbasedev->num_irqs = info->num_irqs;
    vbasedev->num_regions = info->num_regions;
    vbasedev->flags = info->flags;
    vbasedev->reset_works = info->flags & VFIO_DEVICE_FLAGS_RESET;
#else
    vfio_device_prepare(vbasedev, VFIO_IOMMU(c), info);
#endif
    return true;
}

static bool block_migration(NoiommuContainer *c, const char *device,
                            Error **errp)
{
    error_setg(&c->migration_blocker, "%s: uses host-physical addresses of "
               "this host", device);
    return migrate_add_blocker(&c->migration_blocker, errp) == 0;
}

/*
 * Where QEMU's hot reset looks for groups. Since 10.2 stock QEMU shows the list
 * to nobody: there is a hot reset of ours.
 */
static void list_group(VFIOGroup *group)
{
#if HVCMA_QEMU < 1002
    QLIST_INSERT_HEAD(&vfio_group_list, group, next);
#else
#ifndef HVCMA_STOCK_QEMU
    QLIST_INSERT_HEAD(&vfio_group_list, group, next);
#endif
#endif
}

/* Enter device, group and container where QEMU's VFIO code looks for them. */
static void link_device(NoiommuContainer *c, VFIODevice *vbasedev,
                        AddressSpace *as)
{
    VFIOContainerBase *base = VFIO_IOMMU(c);

    vfio_address_space_insert(vfio_get_address_space(as), base);
    /*
     * No memory listener: the host's IOMMU is what it would map into. That also
     * leaves RAM discards to others: only what virtio-cma pins must stay.
     */
    base->pgsizes = qemu_real_host_page_size();
    base->initialized = true;

    c->group.container = &c->parent_obj;
    QLIST_INSERT_HEAD(&c->parent_obj.group_list, &c->group, container_next);
    list_group(&c->group);

    vbasedev->group = &c->group;
    QLIST_INSERT_HEAD(&c->group.device_list, vbasedev, next);
#if HVCMA_QEMU < 1001
    vbasedev->bcontainer = base;
    QLIST_INSERT_HEAD(&base->device_list, vbasedev, container_next);
    QLIST_INSERT_HEAD(&vfio_device_list, vbasedev, global_next);
#endif
}

static void unlink_device(NoiommuContainer *c, VFIODevice *vbasedev)
{
#if HVCMA_QEMU < 1001
    QLIST_REMOVE(vbasedev, global_next);
    QLIST_REMOVE(vbasedev, container_next);
    vbasedev->bcontainer = NULL;
#else
    vfio_device_unprepare(vbasedev);
    object_unref(vbasedev->hiod);
#endif
    QLIST_REMOVE(vbasedev, next);
    vbasedev->group = NULL;
    QLIST_SAFE_REMOVE(&c->group, next);     /* it may be in none */
    QLIST_REMOVE(&c->group, container_next);
}

static NoiommuContainer *
noiommu_container_new(const struct hvcma_vfio_group *host)
{
    Object *obj = object_new(TYPE_VFIO_IOMMU_NOIOMMU);
    NoiommuContainer *c = VFIO_IOMMU_NOIOMMU(obj);

    c->parent_obj.fd = -1;
    c->parent_obj.iommu_type = VFIO_NOIOMMU_IOMMU;
    c->group.fd = -1;
    c->group.groupid = host->id;
    QLIST_INIT(&c->group.device_list);
    return c;
}

/*
 * KVM wants to know of groups whose DMA may bypass caches; one that a service
 * has open can't be told to it: on x86 memory stays cached then, as it has to
 * be without an IOMMU, and Arm does not ask.
 */
static void tell_kvm(const NoiommuContainer *c)
{
    Error *err = NULL;

    if (c->group.fd >= 0 && vfio_kvm_device_add_fd(c->group.fd, &err)) {
        warn_report_err(err);
    }
}

static bool noiommu_attach(const char *name, VFIODevice *vbasedev,
                           AddressSpace *as, Error **errp)
{
    struct hvcma_vfio_group host = host_group_of(vbasedev);
    NoiommuContainer *c = noiommu_container_new(&host);
    int fd = open_device(c, name, vbasedev, &host, errp);

    if (fd < 0) {
        goto fail;
    }
#if HVCMA_QEMU < 1001
    if (!vfio_device_hiod_realize(vbasedev, errp)) {
        goto fail;
    }
#endif
    if (!block_migration(c, vbasedev->name, errp)) {
        goto fail;
    }
#if HVCMA_QEMU < 1001
    if (!prepare_device(c, fd, name, vbasedev, errp)) {
        goto unblock;
    }
#else
    if (!vfio_device_hiod_create_and_realize(vbasedev,
            TYPE_HOST_IOMMU_DEVICE_LEGACY_VFIO, errp)) {
        goto unblock;
    }
    if (!prepare_device(c, fd, name, vbasedev, errp)) {
        object_unref(vbasedev->hiod);
        vbasedev->hiod = NULL;
        goto unblock;
    }
#endif
    tell_kvm(c);
    link_device(c, vbasedev, as);
    warn_report("%s: UNSAFE: attached to %s without IOMMU, its DMA can reach "
                "all memory of this host", vbasedev->name, host.path);
    return true;

unblock:
    migrate_del_blocker(&c->migration_blocker);
fail:
    if (fd >= 0) {
        close(fd);
    }
    close_group(c);
    object_unref(OBJECT(c));
    return false;
}

static void noiommu_detach(VFIODevice *vbasedev)
{
    NoiommuContainer *c = VFIO_IOMMU_NOIOMMU(vbasedev->bcontainer);
    VFIOAddressSpace *space = VFIO_IOMMU(c)->space;

    unlink_device(c, vbasedev);
    close(vbasedev->fd);
    /* Without KVM there is nothing to take it from: no error to speak of. */
    if (c->group.fd >= 0) {
        vfio_kvm_device_del_fd(c->group.fd, NULL);
    }
    close_group(c);
    migrate_del_blocker(&c->migration_blocker);
    object_unref(OBJECT(c));            /* leaves the address space */
    vfio_put_address_space(space);
}

/* ---- interface ---- */

static bool check_iommufd(const VFIODevice *vbasedev,
                          const struct hvcma_vfio_group *group, Error **errp)
{
    const char *region = hvcma_clients_noiommu_region(vbasedev->dev->id);

    if (region) {
        error_setg(errp, "client of region %s, which has unsafe-noiommu=on: "
                   "iommufd needs an IOMMU: leave out iommufd=", region);
        return false;
    }
    if (group->is_noiommu) {
        error_setg(errp, "group %s has no IOMMU and iommufd needs one",
                   group->path);
        return false;
    }
    return true;
}

bool vfio_noiommu_select(VFIODevice *vbasedev, AddressSpace *as,
                         const char **iommu_type, Error **errp)
{
    struct hvcma_vfio_group group = host_group_of(vbasedev);

    if (g_str_equal(*iommu_type, TYPE_VFIO_IOMMU_IOMMUFD)) {
        return check_iommufd(vbasedev, &group, errp);
    }
    if (!group.is_noiommu) {
        return check_ordinary(vbasedev, &group, errp);
    }
    *iommu_type = TYPE_VFIO_IOMMU_NOIOMMU;
    return check_noiommu(vbasedev, &group, as, errp);
}

VFIODevice *hvcma_vfio_device(Object *obj)
{
#ifdef HVCMA_STOCK_QEMU
    VFIOPlatformNoiommu *p = (VFIOPlatformNoiommu *)
        object_dynamic_cast(obj, TYPE_VFIO_PLATFORM_NOIOMMU);

    if (p) {
        return &p->vbasedev;
    }
#endif
    return vfio_get_vfio_device(obj);
}

bool hvcma_vfio_is_noiommu(Object *obj)
{
    VFIODevice *vbasedev = hvcma_vfio_device(obj);

    return vbasedev && vbasedev->bcontainer &&
           object_dynamic_cast(OBJECT(vbasedev->bcontainer),
                               TYPE_VFIO_IOMMU_NOIOMMU);
}

void hvcma_vfio_noiommu_foreach(void (*func)(DeviceState *dev, void *opaque),
                                void *opaque)
{
    VFIODevice *vbasedev;

    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        if (hvcma_vfio_is_noiommu(OBJECT(vbasedev->dev))) {
            func(vbasedev->dev, opaque);
        }
    }
}

char *hvcma_vfio_enable_path(Object *obj)
{
    g_autofree char *path = NULL;

    if (!hvcma_vfio_is_noiommu(obj)) {
        return NULL;
    }
    path = g_build_filename(hvcma_vfio_device(obj)->sysfsdev, "enable", NULL);
    return g_canonicalize_filename(path, NULL);
}

static void noiommu_class_init(ObjectClass *klass, void *data)
{
    VFIO_IOMMU_CLASS(klass)->attach_device = noiommu_attach;
    VFIO_IOMMU_CLASS(klass)->detach_device = noiommu_detach;
#ifdef HVCMA_STOCK_QEMU
#if HVCMA_QEMU >= 1002
    VFIO_IOMMU_CLASS(klass)->pci_hot_reset = stock_pci_hot_reset;
#endif
#endif
}

static const TypeInfo noiommu_info = {
    .name = TYPE_VFIO_IOMMU_NOIOMMU,
    .parent = TYPE_VFIO_IOMMU_LEGACY,
    .instance_size = sizeof(NoiommuContainer),
    .class_init = noiommu_class_init,
};

static void noiommu_register_types(void)
{
    type_register_static(&noiommu_info);
}

type_init(noiommu_register_types)
