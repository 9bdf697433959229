/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * debugfs: what lies where in a region, for people. Nothing here is stable.
 */
#ifndef VCMA_DEBUGFS_H
#define VCMA_DEBUGFS_H

struct vcma_region;

/* Once for the module. */
void vcma_debugfs_register(void);
void vcma_debugfs_unregister(void);

/** vcma_debugfs_add() - the region's folder; without debugfs nothing happens. */
void vcma_debugfs_add(struct vcma_region *r);

/** vcma_debugfs_remove() - readers are waited for. Before blocks can't be looked up any more. */
void vcma_debugfs_remove(struct vcma_region *r);

#endif /* VCMA_DEBUGFS_H */
