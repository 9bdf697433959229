/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset of the bus for devices without IOMMU. QEMU's own looks for groups in a
 * list that nobody else sees since QEMU 10.2: none of ours is in it. See
 * stock.h. Before 10.2 there is nothing to do.
 */
#include "qemu/osdep.h"

#include "stock.h"

#if HVCMA_QEMU >= 1002
#include <sys/ioctl.h>
#include "hw/vfio/pci.h"
#include "hw/vfio/vfio-container-legacy.h"
#include "vfio-noiommu.h"

/* A no-IOMMU group has one device; NULL: it is nobody's here. */
static VFIODevice *device_of_group(uint32_t id)
{
    VFIODevice *vbasedev;

    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        if (vbasedev->group && vbasedev->group->groupid == id &&
            hvcma_vfio_is_noiommu(OBJECT(vbasedev->dev))) {
            return vbasedev;
        }
    }
    return NULL;
}

/* Those behind the same bus, into @devices; the number, or a negative code. */
static int find_devices(VFIODevice *vbasedev, bool single,
                        const struct vfio_pci_hot_reset_info *info,
                        VFIODevice **devices)
{
    uint32_t i;
    int nr = 0;

    for (i = 0; i < info->count; i++) {
        VFIODevice *one = device_of_group(info->devices[i].group_id);

        /* A group that a service has open is not ours to show. */
        if (!one || one->group->fd < 0) {
            return -EPERM;
        }
        if (one != vbasedev && (single || !one->dev->realized)) {
            return -EINVAL;
        }
        devices[nr++] = one;
    }
    return single || nr > 1 ? nr : -EINVAL;
}

static int reset_bus(VFIODevice *vbasedev, VFIODevice **devices, int nr)
{
    g_autofree struct vfio_pci_hot_reset *reset =
        g_malloc0(sizeof(*reset) + nr * sizeof(reset->group_fds[0]));
    int i;

    reset->argsz = sizeof(*reset) + nr * sizeof(reset->group_fds[0]);
    for (i = 0; i < nr; i++) {
        reset->group_fds[reset->count++] = devices[i]->group->fd;
    }
    return ioctl(vbasedev->fd, VFIO_DEVICE_PCI_HOT_RESET, reset) ? -errno : 0;
}

/* Without @single QEMU stops the devices before, and they go on after it. */
int stock_pci_hot_reset(VFIODevice *vbasedev, bool single)
{
    VFIOPCIDevice *vdev = vfio_pci_from_vfio_device(vbasedev);
    g_autofree struct vfio_pci_hot_reset_info *info = NULL;
    g_autofree VFIODevice **devices = NULL;
    int ret, i, nr;

    if (!single) {
        vfio_pci_pre_reset(vdev);
    }
    vbasedev->needs_reset = false;
    ret = vfio_pci_get_pci_hot_reset_info(vdev, &info);
    if (!ret) {
        devices = g_new0(VFIODevice *, info->count);
        nr = find_devices(vbasedev, single, info, devices);
        for (i = 0; i < nr; i++) {
            if (devices[i] != vbasedev) {
                vfio_pci_pre_reset(vfio_pci_from_vfio_device(devices[i]));
                devices[i]->needs_reset = false;
            }
        }
        ret = nr < 0 ? nr : reset_bus(vbasedev, devices, nr);
        for (i = 0; i < nr; i++) {
            if (devices[i] != vbasedev) {
                vfio_pci_post_reset(vfio_pci_from_vfio_device(devices[i]));
            }
        }
    }
    if (!single) {
        vfio_pci_post_reset(vdev);
    }
    return ret;
}
#endif
