// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks of clients (disks.h).
 *
 * Locks: none here: the class calls with its mutex held, and the driver whose disk it is, a client's,
 * stays bound meanwhile; inside, the limits_lock of the queue.
 */
#include <linux/device.h>

#include "binding.h"
#include "compat/block.h"
#include "disks.h"

/* It is not known which of those above it does the DMA: the nearest that is served. */
static VCMA_CLASS_ADD_DEV(vcma_disk_added, dev)
{
	struct device *above;
	u64 boundary_bytes = 0;
	int err;

	if (bdev_is_partition(dev_to_bdev(dev)))
		return 0;
	for (above = dev->parent; above && !boundary_bytes; above = above->parent)
		boundary_bytes = vcma_dev_boundary(above);
	if (!boundary_bytes)
		return 0;
	err = vcma_disk_limit_segments(dev_to_bdev(dev)->bd_disk, boundary_bytes);
	if (err)
		dev_warn(dev, "virtio_cma: no limit of %llu bytes for segments, some will be copied: %pe\n",
			 boundary_bytes, ERR_PTR(err));
	else
		dev_dbg(dev, "virtio_cma: segments end at multiples of %llu bytes\n", boundary_bytes);
	return 0;
}

static struct class_interface vcma_disks = {
	.add_dev = vcma_disk_added,
};

int vcma_disks_register(void)
{
	return vcma_block_class(&vcma_disks) ?: class_interface_register(&vcma_disks);
}

void vcma_disks_unregister(void)
{
	class_interface_unregister(&vcma_disks);
}
