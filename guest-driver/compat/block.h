/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same as compat.h, of block devices: for the one who looks at disks.
 */
#ifndef VCMA_BLOCK_H
#define VCMA_BLOCK_H

#include <linux/blkdev.h>
#include <linux/device/class.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/version.h>

/* The function by which a class tells of a device. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define VCMA_CLASS_ADD_DEV(name, dev)	int name(struct device *dev)
#else
#define VCMA_CLASS_ADD_DEV(name, dev)	int name(struct device *dev, struct class_interface *intf)
#endif

/* Be told of block devices: their class has no name for modules, but any disk knows it. Return: 0 or -ENOMEM. */
static inline int vcma_block_class(struct class_interface *intf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct gendisk *disk = blk_alloc_disk(NULL, NUMA_NO_NODE);
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);
#endif

	if (IS_ERR_OR_NULL(disk))
		return -ENOMEM;
	intf->class = disk_to_dev(disk)->class;
	put_disk(disk);
	return 0;
}

/*
 * No segment of a request crosses a multiple of @boundary_bytes, a power of two. The disk has no
 * requests yet. Return: 0, or what the block layer does not like.
 */
static inline int vcma_disk_limit_segments(struct gendisk *disk, u64 boundary_bytes)
{
	unsigned long mask = boundary_bytes - 1;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct queue_limits limits = queue_limits_start_update(disk->queue);

	limits.seg_boundary_mask = min(limits.seg_boundary_mask, mask);
	return queue_limits_commit_update(disk->queue, &limits);
#else
	blk_queue_segment_boundary(disk->queue, min(queue_segment_boundary(disk->queue), mask));
	return 0;
#endif
}

#endif /* VCMA_BLOCK_H */
