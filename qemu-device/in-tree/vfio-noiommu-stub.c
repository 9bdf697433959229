/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Without CONFIG_VFIO_NOIOMMU every device of VFIO has an IOMMU.
 */
#include "qemu/osdep.h"

#include "vfio-noiommu.h"

bool vfio_noiommu_select(VFIODevice *vbasedev, AddressSpace *as,
                         const char **iommu_type, Error **errp)
{
    return true;
}

bool hvcma_vfio_is_noiommu(Object *obj)
{
    return false;
}

char *hvcma_vfio_enable_path(Object *obj)
{
    return NULL;
}

void hvcma_vfio_noiommu_foreach(void (*func)(DeviceState *dev, void *opaque),
                                void *opaque)
{
}
