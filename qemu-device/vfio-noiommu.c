/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO without IOMMU, see vfio-noiommu.h.
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
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
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/module.h"

#include "clients.h"
#include "vfio-noiommu.h"

#define NOIOMMU_PARAMETER \
    "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

OBJECT_DECLARE_SIMPLE_TYPE(NoiommuContainer, VFIO_IOMMU_NOIOMMU)

/*
 * A no-IOMMU group holds one device; it gets a container of its own. Both are
 * entered into QEMU's lists, which takes every container for one of this type.
 */
struct NoiommuContainer {
    VFIOContainer parent_obj;

    VFIOGroup group;
    Error *migration_blocker;
};

/* ---- what kind of group ---- */

typedef struct HostGroup {
    int id;                     /* -1: the device has none */
    bool noiommu;
    char path[32];              /* of the node in /dev */
} HostGroup;

static void set_group_path(HostGroup *group)
{
    snprintf(group->path, sizeof(group->path), "/dev/vfio/%s%d",
             group->noiommu ? "noiommu-" : "", group->id);
}

static HostGroup host_group_of(const VFIODevice *vbasedev)
{
    HostGroup group = { .id = -1 };
    g_autofree char *link = NULL;
    g_autofree char *target = NULL;
    g_autofree char *number = NULL;
    g_autofree char *name_path = NULL;
    g_autofree char *name = NULL;

    if (!vbasedev->sysfsdev) {
        return group;           /* an opened file was passed: iommufd */
    }
    link = g_build_filename(vbasedev->sysfsdev, "iommu_group", NULL);
    target = g_file_read_link(link, NULL);
    if (!target) {
        return group;
    }
    number = g_path_get_basename(target);
    if (qemu_strtoi(number, NULL, 10, &group.id)) {
        group.id = -1;
        return group;
    }
    name_path = g_build_filename(link, "name", NULL);
    group.noiommu = g_file_get_contents(name_path, &name, NULL, NULL) &&
                    g_str_equal(g_strchomp(name), "vfio-noiommu");
    set_group_path(&group);
    return group;
}

/* Why the kernel made no no-IOMMU group for a device that needs one. */
static void set_no_group_error(Error **errp, const char *device,
                               const char *region)
{
    g_autofree char *mode = NULL;

    if (!g_file_get_contents(NOIOMMU_PARAMETER, &mode, NULL, NULL)) {
        error_setg(errp, "client of region %s: the host's vfio module is not "
                   "loaded or was built without CONFIG_VFIO_NOIOMMU (no %s)",
                   region, NOIOMMU_PARAMETER);
    } else if (mode[0] != 'Y') {
        error_setg(errp, "client of region %s: the host's vfio module has "
                   "no-IOMMU mode switched off: write Y to %s, then bind %s "
                   "to vfio-pci", region, NOIOMMU_PARAMETER, device);
    } else {
        error_setg(errp, "client of region %s: has no VFIO group: bind %s to "
                   "vfio-pci", region, device);
    }
}

/*
 * The region whose guest-physical to host-physical promise would be broken by
 * attaching @vbasedev in the ordinary way.
 */
static bool check_ordinary(const VFIODevice *vbasedev, const HostGroup *group,
                           Error **errp)
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

static bool check_noiommu(const VFIODevice *vbasedev, const HostGroup *group,
                          AddressSpace *as, Error **errp)
{
    if (vbasedev->type != VFIO_DEVICE_TYPE_PCI) {
        error_setg(errp, "group %s has no IOMMU: only vfio-pci devices can be "
                   "attached without one, others have no bus master bit",
                   group->path);
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

static int open_node(const char *path, Error **errp)
{
    int fd = qemu_open_old(path, O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        return fd;
    }
    switch (errno) {
    case EPERM:
        error_setg(errp, "cannot open %s: CAP_SYS_RAWIO is needed", path);
        break;
    case EBUSY:
        error_setg(errp, "cannot open %s: in use by another process or by "
                   "another device of this VM", path);
        break;
    default:
        error_setg_errno(errp, errno, "cannot open %s", path);
        break;
    }
    return -1;
}

static bool open_group(NoiommuContainer *c, const HostGroup *host, Error **errp)
{
    struct vfio_group_status status = { .argsz = sizeof(status) };
    int version;

    c->group.fd = open_node(host->path, errp);
    if (c->group.fd < 0) {
        return false;
    }
    if (ioctl(c->group.fd, VFIO_GROUP_GET_STATUS, &status)) {
        error_setg_errno(errp, errno, "%s: cannot get its status", host->path);
        return false;
    }
    if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
        error_setg(errp, "%s is not viable: bind its device to vfio-pci",
                   host->path);
        return false;
    }
    c->parent_obj.fd = open_node("/dev/vfio/vfio", errp);
    if (c->parent_obj.fd < 0) {
        return false;
    }
    version = ioctl(c->parent_obj.fd, VFIO_GET_API_VERSION);
    if (version != VFIO_API_VERSION) {
        error_setg(errp, "/dev/vfio/vfio: API version is %d, not %d", version,
                   VFIO_API_VERSION);
        return false;
    }
    if (ioctl(c->group.fd, VFIO_GROUP_SET_CONTAINER, &c->parent_obj.fd)) {
        error_setg_errno(errp, errno, "%s: cannot set its container",
                         host->path);
        return false;
    }
    if (ioctl(c->parent_obj.fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU)) {
        error_setg_errno(errp, errno, "%s: cannot set no-IOMMU mode",
                         host->path);
        return false;
    }
    return true;
}

static void close_group(NoiommuContainer *c)
{
    if (c->parent_obj.fd >= 0) {
        /* Fails if the group was never added; closing both ends it anyway. */
        ioctl(c->group.fd, VFIO_GROUP_UNSET_CONTAINER, &c->parent_obj.fd);
        close(c->parent_obj.fd);
    }
    if (c->group.fd >= 0) {
        close(c->group.fd);
    }
}

static bool open_device(NoiommuContainer *c, const char *name,
                        VFIODevice *vbasedev, Error **errp)
{
    g_autofree struct vfio_device_info *info = NULL;
    int fd = ioctl(c->group.fd, VFIO_GROUP_GET_DEVICE_FD, name);

    if (fd < 0) {
        error_setg_errno(errp, errno, "cannot get device %s from its group",
                         name);
        return false;
    }
    info = vfio_get_device_info(fd);
    if (!info) {
        error_setg_errno(errp, errno, "cannot get information on device %s",
                         name);
        close(fd);
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
    QLIST_INSERT_HEAD(&vfio_group_list, &c->group, next);

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
    QLIST_REMOVE(&c->group, next);
    QLIST_REMOVE(&c->group, container_next);
}

static NoiommuContainer *noiommu_container_new(const HostGroup *host)
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

static bool noiommu_attach(const char *name, VFIODevice *vbasedev,
                           AddressSpace *as, Error **errp)
{
    HostGroup host = host_group_of(vbasedev);
    NoiommuContainer *c = noiommu_container_new(&host);
    Error *err = NULL;

    if (!open_group(c, &host, errp)) {
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
    if (!open_device(c, name, vbasedev, errp)) {
        goto unblock;
    }
#else
    if (!vfio_device_hiod_create_and_realize(vbasedev,
            TYPE_HOST_IOMMU_DEVICE_LEGACY_VFIO, errp)) {
        goto unblock;
    }
    if (!open_device(c, name, vbasedev, errp)) {
        object_unref(vbasedev->hiod);
        vbasedev->hiod = NULL;
        goto unblock;
    }
#endif
    if (vfio_kvm_device_add_fd(c->group.fd, &err)) {
        warn_report_err(err);
    }
    link_device(c, vbasedev, as);
    warn_report("%s: UNSAFE: attached to %s without IOMMU, its DMA can reach "
                "all memory of this host", vbasedev->name, host.path);
    return true;

unblock:
    migrate_del_blocker(&c->migration_blocker);
fail:
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
    vfio_kvm_device_del_fd(c->group.fd, NULL);
    close_group(c);
    migrate_del_blocker(&c->migration_blocker);
    object_unref(OBJECT(c));            /* leaves the address space */
    vfio_put_address_space(space);
}

/* ---- interface ---- */

static bool check_iommufd(const VFIODevice *vbasedev, const HostGroup *group,
                          Error **errp)
{
    const char *region = hvcma_clients_noiommu_region(vbasedev->dev->id);

    if (region) {
        error_setg(errp, "client of region %s, which has unsafe-noiommu=on: "
                   "iommufd needs an IOMMU: leave out iommufd=", region);
        return false;
    }
    if (group->noiommu) {
        error_setg(errp, "group %s has no IOMMU and iommufd needs one",
                   group->path);
        return false;
    }
    return true;
}

bool vfio_noiommu_select(VFIODevice *vbasedev, AddressSpace *as,
                         const char **iommu_type, Error **errp)
{
    HostGroup group = host_group_of(vbasedev);

    if (g_str_equal(*iommu_type, TYPE_VFIO_IOMMU_IOMMUFD)) {
        return check_iommufd(vbasedev, &group, errp);
    }
    if (!group.noiommu) {
        return check_ordinary(vbasedev, &group, errp);
    }
    *iommu_type = TYPE_VFIO_IOMMU_NOIOMMU;
    return check_noiommu(vbasedev, &group, as, errp);
}

bool hvcma_vfio_is_noiommu(Object *obj)
{
    VFIODevice *vbasedev = vfio_get_vfio_device(obj);

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
    path = g_build_filename(vfio_get_vfio_device(obj)->sysfsdev, "enable",
                            NULL);
    return g_canonicalize_filename(path, NULL);
}

static void noiommu_class_init(ObjectClass *klass, void *data)
{
    VFIO_IOMMU_CLASS(klass)->attach_device = noiommu_attach;
    VFIO_IOMMU_CLASS(klass)->detach_device = noiommu_detach;
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
