/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What people see of a region beside the log: sysfs.c, debugfs.c.
 */
#ifndef VCMA_MAIN_H
#define VCMA_MAIN_H

struct attribute_group;
struct vcma_region;

/* Attributes of a region's device, whose driver data is the region, or NULL. */
extern const struct attribute_group *vcma_groups[];

/*
 * debugfs: what lies where in a region. Nothing there is stable.
 * Once for the module.
 */
void vcma_debugfs_register(void);
void vcma_debugfs_unregister(void);

/** vcma_debugfs_add() - the region's folder; without debugfs nothing happens. */
void vcma_debugfs_add(struct vcma_region *r);

/** vcma_debugfs_remove() - readers are waited for. Before blocks can't be looked up any more. */
void vcma_debugfs_remove(struct vcma_region *r);

#endif /* VCMA_MAIN_H */
