/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Are two device trees the same, whatever the order of nodes and properties? For small
 * ones: each node is looked for among all its siblings.
 */
#ifndef HVCMA_TESTS_FUZZ_SAME_TREE_H
#define HVCMA_TESTS_FUZZ_SAME_TREE_H

#include <string.h>

#include <libfdt.h>

static inline int same_child(const void *fdt, int parent, const char *name)
{
	int node;

	fdt_for_each_subnode(node, fdt, parent)
		if (!strcmp(fdt_get_name(fdt, node, NULL), name))
			return node;
	return -1;
}

/* Has @b's node all that @a's has? */
static inline int same_has_all(const void *a, int from, const void *b, int to)
{
	int prop, node;

	fdt_for_each_property_offset(prop, a, from) {
		const char *name;
		int len, other_len;
		const void *value = fdt_getprop_by_offset(a, prop, &name, &len);
		const void *other = fdt_getprop(b, to, name, &other_len);

		if (!value || !other || len != other_len || memcmp(value, other, (size_t)len))
			return 0;
	}
	fdt_for_each_subnode(node, a, from) {
		int child = same_child(b, to, fdt_get_name(a, node, NULL));

		if (child < 0 || !same_has_all(a, node, b, child))
			return 0;
	}
	return 1;
}

static inline int same_tree(const void *a, const void *b)
{
	return same_has_all(a, 0, b, 0) && same_has_all(b, 0, a, 0);
}

#endif /* HVCMA_TESTS_FUZZ_SAME_TREE_H */
