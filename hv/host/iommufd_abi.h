/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of the kernel's interface of iommufd and of VFIO's device files, what is used here: for
 * C libraries whose headers are older. Names are the kernel's with another prefix. Linux:
 * include/uapi/linux/iommufd.h, vfio.h.
 */
#ifndef HVCMA_HOST_IOMMUFD_ABI_H
#define HVCMA_HOST_IOMMUFD_ABI_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/ioctl.h>

#define HVCMA_IOMMUFD_TYPE		';'
#define HVCMA_IOMMU_IOAS_ALLOC		_IO(HVCMA_IOMMUFD_TYPE, 0x81)
#define HVCMA_IOMMU_IOAS_MAP		_IO(HVCMA_IOMMUFD_TYPE, 0x85)
#define HVCMA_IOMMU_IOAS_UNMAP		_IO(HVCMA_IOMMUFD_TYPE, 0x86)
#define HVCMA_IOMMU_IOAS_MAP_FILE	_IO(HVCMA_IOMMUFD_TYPE, 0x8f)
#define HVCMA_IOMMU_IOAS_NOIOMMU_GET_PA	_IO(HVCMA_IOMMUFD_TYPE, 0x95)

/* Every structure starts with its own size. */
struct hvcma_iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};
_Static_assert(sizeof(struct hvcma_iommu_ioas_alloc) == 12, "IOAS_ALLOC");

/* flags of both kinds of map */
#define HVCMA_IOMMU_MAP_FIXED_IOVA	0x1
#define HVCMA_IOMMU_MAP_WRITEABLE	0x2
#define HVCMA_IOMMU_MAP_READABLE	0x4

struct hvcma_iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 reserved;
	__u64 user_va;
	__u64 length;
	__u64 iova;
};
_Static_assert(sizeof(struct hvcma_iommu_ioas_map) == 40, "IOAS_MAP");

struct hvcma_iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__u64 start;
	__u64 length;
	__u64 iova;
};
_Static_assert(sizeof(struct hvcma_iommu_ioas_map_file) == 40, "IOAS_MAP_FILE");

struct hvcma_iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__u64 iova;
	__u64 length;
};
_Static_assert(sizeof(struct hvcma_iommu_ioas_unmap) == 24, "IOAS_UNMAP");

struct hvcma_iommu_ioas_noiommu_get_pa {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 reserved;
	__u64 iova;
	__u64 length;
	__u64 out_phys;
};
_Static_assert(sizeof(struct hvcma_iommu_ioas_noiommu_get_pa) == 40, "NOIOMMU_GET_PA");

#define HVCMA_VFIO_TYPE			';'
#define HVCMA_VFIO_DEVICE_BIND_IOMMUFD	_IO(HVCMA_VFIO_TYPE, 100 + 18)
#define HVCMA_VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(HVCMA_VFIO_TYPE, 100 + 19)

struct hvcma_vfio_bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
};
_Static_assert(sizeof(struct hvcma_vfio_bind_iommufd) == 16, "BIND_IOMMUFD");

struct hvcma_vfio_attach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
};
_Static_assert(sizeof(struct hvcma_vfio_attach_iommufd_pt) == 12, "ATTACH_IOMMUFD_PT");

#endif /* HVCMA_HOST_IOMMUFD_ABI_H */
