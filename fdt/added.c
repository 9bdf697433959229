// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Notes of what edits added. See added.h.
 */
#include <string.h>

#include "fdt/added.h"

int hvcma_fdt_added_has(const void *fdt, int node, const char *what)
{
	return fdt_stringlist_search(fdt, node, HVCMA_FDT_ADDED, what) >= 0;
}

int hvcma_fdt_added_note(void *fdt, int node, const char *what)
{
	if (hvcma_fdt_added_has(fdt, node, what))
		return 0;
	return fdt_appendprop_string(fdt, node, HVCMA_FDT_ADDED, what);
}

int hvcma_fdt_added_forget(void *fdt, int node, const char *what)
{
	int i = fdt_stringlist_search(fdt, node, HVCMA_FDT_ADDED, what), len;
	size_t gone = strlen(what) + 1;
	char *list, *here;

	if (i < 0)
		return 0;
	here = (char *)(uintptr_t)fdt_stringlist_get(fdt, node, HVCMA_FDT_ADDED, i, NULL);
	list = fdt_getprop_w(fdt, node, HVCMA_FDT_ADDED, &len);
	if ((size_t)len == gone)
		return fdt_delprop(fdt, node, HVCMA_FDT_ADDED);
	memmove(here, here + gone, (size_t)(list + len - (here + gone)));
	return fdt_setprop_placeholder(fdt, node, HVCMA_FDT_ADDED, len - (int)gone, &(void *){ NULL });
}
