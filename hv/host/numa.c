// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NUMA nodes of single pages: see numa.h.
 */
#define _GNU_SOURCE
#include "hv/host/numa.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_NODES	HVCMA_NUMA_MAX_NODES
#define WORD_BITS	(8 * sizeof(unsigned long))

struct nodes {
	unsigned long word[MAX_NODES / WORD_BITS];
};

bool hvcma_numa_has_nodes(void)
{
	struct nodes nodes = { { 0 } };
	int nr = 0;

	if (syscall(SYS_get_mempolicy, NULL, &nodes, MAX_NODES + 1, NULL, MPOL_F_MEMS_ALLOWED))
		return false;
	for (size_t i = 0; i < MAX_NODES / WORD_BITS; i++)
		nr += __builtin_popcountl(nodes.word[i]);
	return nr > 1;
}

int hvcma_numa_policy(const void *at, struct hvcma_numa_policy *out)
{
	struct hvcma_numa_policy policy = { 0 };
	int mode;

	_Static_assert(sizeof(policy.nodes) == sizeof(struct nodes) && WORD_BITS == 64, "other words than the kernel's");
	if (syscall(SYS_get_mempolicy, &mode, policy.nodes, MAX_NODES + 1, at, MPOL_F_ADDR))
		return -errno;
	policy.mode = (uint32_t)mode;
	*out = policy;
	return 0;
}

int hvcma_numa_set(void *to, uint64_t bytes, const struct hvcma_numa_policy *policy)
{
	return syscall(SYS_mbind, to, bytes, policy->mode, policy->nodes, MAX_NODES + 1, 0) ? -errno : 0;
}

int hvcma_numa_like(void *to, uint64_t bytes, const void *like)
{
	struct hvcma_numa_policy policy;
	int ret = hvcma_numa_policy(like, &policy);

	return ret ? ret : hvcma_numa_set(to, bytes, &policy);
}

int hvcma_numa_node(const void *at)
{
	int node;

	if (syscall(SYS_move_pages, 0, 1, &at, NULL, &node, 0))
		return -errno;
	return node;
}

int hvcma_numa_bind(void *at, uint64_t bytes, int node)
{
	struct nodes nodes = { { 0 } };

	if (node < 0 || node >= MAX_NODES)
		return -EINVAL;
	nodes.word[(unsigned int)node / WORD_BITS] |= 1ul << ((unsigned int)node % WORD_BITS);
	return syscall(SYS_mbind, at, bytes, MPOL_BIND, &nodes, MAX_NODES + 1, 0) ? -errno : 0;
}
