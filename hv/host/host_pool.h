/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's pools of hugepages: looked at by size and node, made larger now and at boot, and made what
 * they were. What was added is kept in /run/hvcma/hugepages, a file for each pool; what is to be there at
 * boot in /etc/tmpfiles.d, a file each. Where pages lie is low_hugepages.h's.
 */
#ifndef HVCMA_HOST_HOST_POOL_H
#define HVCMA_HOST_HOST_POOL_H

#include "hv/host/host_job.h"

#define HVCMA_ALL_NODES	(-1)

struct hvcma_pool {
	uint64_t page_bytes;
	int node;		/* HVCMA_ALL_NODES: their sum */
	uint64_t total, free;	/* in pages */
};

/**
 * hvcma_pools_each() - all pools: by size, each the sum and then the nodes.
 *
 * Return: 0, what @each returned if not 0, -ENOENT: a kernel without hugepages.
 */
typedef int hvcma_pool_each_fn(const struct hvcma_pool *pool, void *opaque);
int hvcma_pools_each(const char *root, hvcma_pool_each_fn *each, void *opaque);

/** hvcma_pool_read() - one of them. Return: 0, or -ENOENT with words: no such size or node. */
int hvcma_pool_read(const char *root, uint64_t page_bytes, int node, struct hvcma_pool *pool, struct hvcma_error *err);

/**
 * hvcma_pool_add() - more pages.
 * @pool: which, as read; out: as it is then
 * @nr: so many more; memory is compacted if they don't come at first
 *
 * That the kernel has fewer is no failure: pool->total tells.
 *
 * Return: 0; -ENOMEM: more than all the memory that is available; what the kernel said. The pool is what it
 * was then.
 */
int hvcma_pool_add(const struct hvcma_host_job *job, struct hvcma_pool *pool, uint64_t nr, struct hvcma_error *err);

/**
 * hvcma_pool_persist() - have at each boot as many pages in the pool as it has now.
 *
 * Return: 0; -EEXIST: the file is somebody else's; what the kernel said.
 */
int hvcma_pool_persist(const struct hvcma_host_job *job, const struct hvcma_pool *pool, struct hvcma_error *err);

/**
 * hvcma_pools_undo() - take away, now and at boot, all that was added. Pages that are in use go when they are
 * given back.
 *
 * Return: 0 or what the kernel said.
 */
int hvcma_pools_undo(const struct hvcma_host_job *job, struct hvcma_error *err);

#endif /* HVCMA_HOST_HOST_POOL_H */
