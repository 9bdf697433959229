/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attributes of a region's device, whose driver data is the region, or NULL.
 */
#ifndef VCMA_SYSFS_H
#define VCMA_SYSFS_H

#include <linux/sysfs.h>

extern const struct attribute_group *vcma_groups[];

#endif /* VCMA_SYSFS_H */
