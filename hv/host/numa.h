/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NUMA nodes of single pages: where one lies, and from where the next is to come; policies of mappings. The four
 * system calls that this takes; of a machine with one node, or a kernel without NUMA, nothing.
 */
#ifndef HVCMA_HOST_NUMA_H
#define HVCMA_HOST_NUMA_H

#include <stdbool.h>
#include <stdint.h>

/** hvcma_numa_has_nodes() - may this process have memory of more than one node? */
bool hvcma_numa_has_nodes(void);

#define HVCMA_NUMA_MAX_NODES	1024	/* the most that a kernel is built for */

/* A memory policy as the kernel has it: MPOL_*, and nodes as one bit each. All zero: none of its own. */
struct hvcma_numa_policy {
	uint32_t mode;
	uint64_t nodes[HVCMA_NUMA_MAX_NODES / 64];
};

/** hvcma_numa_policy() - of the mapping at @at. Return: 0 or a negative errno, -ENOSYS without NUMA. */
int hvcma_numa_policy(const void *at, struct hvcma_numa_policy *out);

/**
 * hvcma_numa_set() - pages for [@to, @to + @bytes) come from where @policy says.
 *
 * Return: 0 or a negative errno: -EINVAL: no such policy, or not with such nodes, or none of them is one that
 * this process may use.
 */
int hvcma_numa_set(void *to, uint64_t bytes, const struct hvcma_numa_policy *policy);

/**
 * hvcma_numa_like() - pages for [@to, @to + @bytes) are to come from where the memory policy of
 * the mapping at @like has them come from.
 *
 * Return: 0 or a negative errno.
 */
int hvcma_numa_like(void *to, uint64_t bytes, const void *like);

/**
 * hvcma_numa_node() - where the page at @at is.
 *
 * Return: its node, or a negative errno: -ENOENT if there is no page.
 */
int hvcma_numa_node(const void *at);

/** hvcma_numa_bind() - pages for [@at, @at + @bytes) come from @node. Return: 0 or negative errno. */
int hvcma_numa_bind(void *at, uint64_t bytes, int node);

#endif /* HVCMA_HOST_NUMA_H */
