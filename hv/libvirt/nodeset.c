// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NUMA nodes as text: see nodeset.h.
 */
#include <ctype.h>
#include <stdlib.h>

#include "hv/libvirt/nodeset.h"

/* strtoul() takes blanks and signs, too. */
static bool number(const char **text, unsigned long *value)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	*value = strtoul(*text, &end, 10);
	*text = end;
	return *value < HVCMA_MAX_NODES;
}

bool hvcma_nodeset_parse(const char *text, struct hvcma_nodeset *set)
{
	struct hvcma_nodeset all = { { 0 } };

	do {
		unsigned long first, last;

		if (!number(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!number(&text, &last))
				return false;
		}
		if (first > last || (*text && *text != ','))
			return false;
		for (; first <= last; first++)
			all.bits[first / HVCMA_NODE_BITS] |= 1ul << first % HVCMA_NODE_BITS;
	} while (*text++ == ',');
	*set = all;
	return true;
}

bool hvcma_nodeset_has(const struct hvcma_nodeset *set, unsigned int node)
{
	return node < HVCMA_MAX_NODES && set->bits[node / HVCMA_NODE_BITS] >> node % HVCMA_NODE_BITS & 1;
}
