// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Nodes as people name them. See path.h.
 */
#include <string.h>

#include "fdt/path.h"

/* Is @name what is meant by the @bytes of @text? 2: exactly, 1: but for its @address. */
static int fits(const char *name, const char *text, size_t bytes)
{
	if (strncmp(name, text, bytes))
		return 0;
	if (!name[bytes])
		return 2;
	return name[bytes] == '@' && !memchr(text, '@', bytes);
}

static int child_of(const void *fdt, int parent, const char *text, size_t bytes,
		    const char *where, struct hvcma_fdt_error *err)
{
	int node, found = -FDT_ERR_NOTFOUND, other = -1;

	fdt_for_each_subnode(node, fdt, parent) {
		int fit = fits(fdt_get_name(fdt, node, NULL), text, bytes);

		if (fit == 2)
			return node;
		if (fit && found < 0)
			found = node;
		else if (fit)
			other = node;
	}
	if (other >= 0)
		return hvcma_fdt_fail(err, -FDT_ERR_BADPATH, "'%.200s': there are '%.60s' and '%.60s': say which, with its @address",
				      where, fdt_get_name(fdt, found, NULL), fdt_get_name(fdt, other, NULL));
	if (found < 0)
		return hvcma_fdt_fail(err, found, "'%.200s': node '%.60s' has no child '%.*s'", where,
				      parent ? fdt_get_name(fdt, parent, NULL) : "/",
				      (int)(bytes < 60 ? bytes : 60), text);
	return found;
}

/* Down from @node, a step for each part between slashes. */
static int walk(const void *fdt, int node, const char *text, size_t bytes, const char *where,
		struct hvcma_fdt_error *err)
{
	const char *end = text + bytes;

	while (node >= 0 && text < end) {
		const char *slash = memchr(text, '/', (size_t)(end - text));
		size_t part = (size_t)((slash ? slash : end) - text);

		if (part)
			node = child_of(fdt, node, text, part, where, err);
		text += part + (slash != NULL);
	}
	return node;
}

/* The path that a property of /__symbols__ or /aliases holds, NULL: it is none. */
static const char *path_in(const void *fdt, const char *list, const char *name, size_t bytes)
{
	int node, prop, len;

	fdt_for_each_subnode(node, fdt, 0) {
		if (strcmp(fdt_get_name(fdt, node, NULL), list))
			continue;
		fdt_for_each_property_offset(prop, fdt, node) {
			const char *here;
			const char *value = fdt_getprop_by_offset(fdt, prop, &here, &len);

			if (value && strlen(here) == bytes && !memcmp(here, name, bytes))
				return len > 1 && *value == '/' && !value[len - 1] &&
				       strlen(value) == (size_t)len - 1 ? value : NULL;
		}
	}
	return NULL;
}

static int has_symbols(const void *fdt)
{
	return fdt_subnode_offset(fdt, 0, "__symbols__") >= 0;
}

/* "NAME" or "NAME/rest", where @list says what NAME stands for */
static int offset_of_name(const void *fdt, const char *list, const char *name, const char *where,
			  struct hvcma_fdt_error *err)
{
	size_t bytes = strcspn(name, "/");
	const char *path = bytes ? path_in(fdt, list, name, bytes) : NULL;
	int node;

	if (path) {
		node = walk(fdt, 0, path, strlen(path), path, err);
		return node < 0 ? node : walk(fdt, node, name + bytes, strlen(name + bytes), where, err);
	}
	if (name == where)
		return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, "'%.200s' is no path (/...), no label (&...) and no alias in /aliases",
				      where);
	return hvcma_fdt_fail(err, -FDT_ERR_NOTFOUND, has_symbols(fdt) ?
			      "'%.200s': no such label in /__symbols__" :
			      "'%.200s': the blob has no labels (dtc -@ keeps them in /__symbols__); give a path",
			      where);
}

int hvcma_fdt_offset(const void *fdt, const char *where, struct hvcma_fdt_error *err)
{
	size_t bytes = strlen(where);

	if (*where == '/')
		return walk(fdt, 0, where, bytes, where, err);
	if (bytes > 3 && !strncmp(where, "&{/", 3) && where[bytes - 1] == '}')
		return walk(fdt, 0, where + 2, bytes - 3, where, err);
	if (*where == '&')
		return offset_of_name(fdt, "__symbols__", where + 1, where, err);
	return offset_of_name(fdt, "aliases", where, where, err);
}

int hvcma_fdt_full_path(const void *fdt, int node, char path[HVCMA_FDT_PATH_BYTES],
			struct hvcma_fdt_error *err)
{
	char found[HVCMA_FDT_PATH_BYTES];
	int ret = fdt_get_path(fdt, node, found, sizeof(found));

	if (ret)
		return hvcma_fdt_fail(err, ret, "the path of node '%.100s': %s", fdt_get_name(fdt, node, NULL),
				      ret == -FDT_ERR_NOSPACE ? "longer than 511 characters" : hvcma_fdt_reason(ret));
	memcpy(path, found, sizeof(found));
	return 0;
}

int hvcma_fdt_is_enabled(const void *fdt, int node)
{
	int len;
	const char *status = fdt_getprop(fdt, node, "status", &len);

	return !status || (len == sizeof("okay") && !memcmp(status, "okay", sizeof("okay"))) ||
	       (len == sizeof("ok") && !memcmp(status, "ok", sizeof("ok")));
}
