/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysfs attributes of a region's device; its driver data is the region, or NULL.
 */
#ifndef VCMA_SYSFS_H
#define VCMA_SYSFS_H

#include <linux/sysfs.h>

extern const struct attribute_group *vcma_groups[];

#endif /* VCMA_SYSFS_H */
