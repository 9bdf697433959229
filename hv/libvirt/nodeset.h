/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NUMA nodes of a host as text, such as "0-1,3". Whether there are such nodes is not known here.
 */
#ifndef HVCMA_LIBVIRT_NODESET_H
#define HVCMA_LIBVIRT_NODESET_H

#include <stdbool.h>
#include <stddef.h>

#define HVCMA_MAX_NODES		1024	/* of Linux: NODES_SHIFT is 10 at most */
#define HVCMA_NODE_BITS		(8 * sizeof(unsigned long))

/* As set_mempolicy(2) takes it. */
struct hvcma_nodeset {
	unsigned long bits[HVCMA_MAX_NODES / HVCMA_NODE_BITS];
};

/**
 * hvcma_nodeset_parse() - numbers, and ranges that don't go down, with commas between.
 *
 * Return: false, @set untouched: it is none of that, or a number is above 1023.
 */
bool hvcma_nodeset_parse(const char *text, struct hvcma_nodeset *set);

/** hvcma_nodeset_has() - false above 1023, too. */
bool hvcma_nodeset_has(const struct hvcma_nodeset *set, unsigned int node);

#endif /* HVCMA_LIBVIRT_NODESET_H */
