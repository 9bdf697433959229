/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another kind of container for VFIO: vfio-pci asks the container class for the
 * attach method, and stock QEMU has no way to add a class for another kind of
 * group. So the methods of the existing classes are replaced, and call the
 * originals for all that is not ours. See stock.h.
 */
#include "qemu/osdep.h"
#include "hw/vfio/vfio-common.h"

#include "stock.h"
#include "vfio-noiommu.h"

typedef bool AttachFunc(const char *name, VFIODevice *vbasedev,
                        AddressSpace *as, Error **errp);

static AttachFunc *legacy_attach;
static AttachFunc *iommufd_attach;

static bool attach(const char *iommu_type, AttachFunc *own, const char *name,
                   VFIODevice *vbasedev, AddressSpace *as, Error **errp)
{
    const char *selected = iommu_type;

    if (!vfio_noiommu_select(vbasedev, as, &selected, errp)) {
        return false;
    }
    if (selected != iommu_type) {
        own = VFIO_IOMMU_CLASS(object_class_by_name(selected))->attach_device;
    }
    return own(name, vbasedev, as, errp);
}

static bool hook_legacy_attach(const char *name, VFIODevice *vbasedev,
                               AddressSpace *as, Error **errp)
{
    return attach(TYPE_VFIO_IOMMU_LEGACY, legacy_attach, name, vbasedev, as,
                  errp);
}

static bool hook_iommufd_attach(const char *name, VFIODevice *vbasedev,
                                AddressSpace *as, Error **errp)
{
    return attach(TYPE_VFIO_IOMMU_IOMMUFD, iommufd_attach, name, vbasedev, as,
                  errp);
}

/* A QEMU without VFIO, or without iommufd, lacks the class: nothing to hook. */
static void hook_attach(const char *class_name, AttachFunc *hook,
                        AttachFunc **own)
{
    ObjectClass *klass = object_class_by_name(class_name);

    if (klass) {
        *own = VFIO_IOMMU_CLASS(klass)->attach_device;
        VFIO_IOMMU_CLASS(klass)->attach_device = hook;
    }
}

/* The class of TYPE_VFIO_IOMMU_NOIOMMU is initialized later, from this one. */
static void stock_vfio_hook(void)
{
    hook_attach(TYPE_VFIO_IOMMU_LEGACY, hook_legacy_attach, &legacy_attach);
    hook_attach(TYPE_VFIO_IOMMU_IOMMUFD, hook_iommufd_attach, &iommufd_attach);
}

type_init(stock_vfio_hook)
