// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Checks of untrusted blobs, cells. See blob.h.
 */
#include <stdio.h>
#include <string.h>

#include "fdt/walk.h"

/* So that lengths made of them are far from overflow. */
#define MAX_NCELLS	255

/* Older ones have other names and alignments. */
#define FIRST_VERSION	16

int hvcma_fdt_fail(struct hvcma_fdt_error *err, int code, const char *fmt, ...)
{
	va_list args;

	if (err) {
		va_start(args, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, args);
		va_end(args);
	}
	return code;
}

const char *hvcma_fdt_reason(int code)
{
	static const char *const reasons[] = {
		[FDT_ERR_NOTFOUND] = "there is none",
		[FDT_ERR_EXISTS] = "there is one already",
		[FDT_ERR_NOSPACE] = "no room",
		[FDT_ERR_BADOFFSET] = "no node or property begins there",
		[FDT_ERR_BADPATH] = "no path: it begins with / and is not too long",
		[FDT_ERR_BADPHANDLE] = "0 and 0xffffffff are no phandles",
		[FDT_ERR_BADSTATE] = "a tree that is not finished",
		[FDT_ERR_TRUNCATED] = "it ends before what its header says",
		[FDT_ERR_BADMAGIC] = "it does not begin with 0xd00dfeed, as a blob does",
		[FDT_ERR_BADVERSION] = "its version is not 16 or 17",
		[FDT_ERR_BADSTRUCTURE] = "its structure is damaged",
		[FDT_ERR_BADLAYOUT] = "its parts are in a wrong order",
		[FDT_ERR_INTERNAL] = "a fault of libfdt",
		[FDT_ERR_BADNCELLS] = "cells that are no number, or do not fit",
		[FDT_ERR_BADVALUE] = "a value that can't be",
		[FDT_ERR_BADOVERLAY] = "an overlay that can't be applied",
		[FDT_ERR_NOPHANDLES] = "no phandle is left",
		[FDT_ERR_BADFLAGS] = "flags that can't be",
	};
	size_t i = code < 0 ? (size_t)-(long)code : 0;

	return i < sizeof(reasons) / sizeof(*reasons) && reasons[i] ? reasons[i] : "unknown reason";
}

/* A name ends up on terminals and in messages. */
static int is_printable(const char *name)
{
	for (; *name; name++)
		if (*name <= ' ' || *name > '~')
			return 0;
	return 1;
}

static int check_ncells(const char *node, const char *name, const fdt32_t *prop, int len,
			struct hvcma_fdt_error *err)
{
	if (len != HVCMA_FDT_CELL_BYTES)
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "%s of node '%s' has %d bytes, not 4",
				      name, node, len);
	if (fdt32_to_cpu(*prop) > MAX_NCELLS)
		return hvcma_fdt_fail(err, -FDT_ERR_BADNCELLS, "%s of node '%s' is %u, limit: %d",
				      name, node, fdt32_to_cpu(*prop), MAX_NCELLS);
	return 0;
}

static int check_node_name(const struct hvcma_fdt_walk *w, struct hvcma_fdt_error *err)
{
	if (!is_printable(w->name))
		return hvcma_fdt_fail(err, -FDT_ERR_BADSTRUCTURE, "the node at offset %d has no printable name",
				      w->offset);
	if (w->offset && (!*w->name || strchr(w->name, '/')))
		return hvcma_fdt_fail(err, -FDT_ERR_BADSTRUCTURE, "the node at offset %d is called '%.60s': no path leads to it",
				      w->offset, w->name);
	return 0;
}

static int check_prop(const struct hvcma_fdt_walk *w, const char *node, struct hvcma_fdt_error *err)
{
	if (!is_printable(w->name))
		return hvcma_fdt_fail(err, -FDT_ERR_BADSTRUCTURE, "node '%s' has a property without a printable name",
				      node);
	if (w->name[0] == '#' && (!strcmp(w->name, "#address-cells") || !strcmp(w->name, "#size-cells")))
		return check_ncells(node, w->name, w->value, w->len, err);
	return 0;
}

/* Names, and what all lengths depend on. The structure is sound. */
static int check_nodes(const void *fdt, struct hvcma_fdt_error *err)
{
	struct hvcma_fdt_walk w;
	const char *node = "";
	uint32_t tag;
	int ret = 0;

	hvcma_fdt_walk_init(&w, fdt, 0);
	while (!ret && (tag = hvcma_fdt_walk_next(&w)) != FDT_END) {
		if (tag == FDT_BEGIN_NODE) {
			node = w.name;
			ret = check_node_name(&w, err);
		} else if (tag == FDT_PROP) {
			ret = check_prop(&w, node, err);
		}
	}
	return ret;
}

/*
 * Do all properties end inside? libfdt 1.6 adds a length to an offset without
 * care: one near 4 GiB leads to what was before, and its own check never ends.
 * Of other faults the walk just stops: that check finds them.
 */
static int check_lengths(const char *blob, size_t bytes, struct hvcma_fdt_error *err)
{
	uint64_t offset, end, len;
	const char *nul;

	if (fdt_check_header(blob) || fdt_totalsize(blob) > bytes)
		return 0;
	offset = fdt_off_dt_struct(blob);
	end = fdt_totalsize(blob);
	while (offset + FDT_TAGSIZE <= end) {
		switch (fdt32_ld((const fdt32_t *)(blob + offset))) {
		case FDT_BEGIN_NODE:
			nul = memchr(blob + offset + FDT_TAGSIZE, 0, end - offset - FDT_TAGSIZE);
			if (!nul)
				return 0;
			offset = ((uint64_t)(nul - blob) + FDT_TAGSIZE) & ~(uint64_t)(FDT_TAGSIZE - 1);
			break;
		case FDT_PROP:
			if (offset + sizeof(struct fdt_property) > end)
				return 0;
			len = fdt32_ld((const fdt32_t *)(blob + offset + FDT_TAGSIZE));
			offset += sizeof(struct fdt_property);
			if (len > end - offset)
				return hvcma_fdt_fail(err, -FDT_ERR_BADSTRUCTURE, "no valid device tree: the property at offset %u says it has %u bytes, more than the blob",
						      (unsigned int)(offset - sizeof(struct fdt_property)), (unsigned int)len);
			offset += (len + FDT_TAGSIZE - 1) & ~(uint64_t)(FDT_TAGSIZE - 1);
			break;
		case FDT_END_NODE:
		case FDT_NOP:
			offset += FDT_TAGSIZE;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

int hvcma_fdt_validate(const void *blob, size_t bytes, struct hvcma_fdt_error *err)
{
	int depth = 0, ret;

	if (bytes < sizeof(struct fdt_header))
		return hvcma_fdt_fail(err, -FDT_ERR_TRUNCATED, "no device tree: %zu bytes are less than a header",
				      bytes);
	if (fdt_magic(blob) == FDT_MAGIC && fdt_version(blob) < FIRST_VERSION)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVERSION, "its format has version %u, of before 2005: \"dtc -I dtb -O dtb\" makes one of version 17",
				      (unsigned int)fdt_version(blob));
	ret = check_lengths(blob, bytes, err);
	if (ret)
		return ret;
	ret = fdt_check_full(blob, bytes);
	if (ret)
		return hvcma_fdt_fail(err, ret, "no valid device tree: %s", hvcma_fdt_reason(ret));
	if (fdt_next_node(blob, -1, &depth) != 0)
		return hvcma_fdt_fail(err, -FDT_ERR_BADSTRUCTURE, "no valid device tree: it has no root node");
	return check_nodes(blob, err);
}

static int ncells(const void *fdt, int node, const char *name, int standard)
{
	const fdt32_t *prop;
	int len;

	prop = fdt_getprop(fdt, node, name, &len);
	if (!prop || len != HVCMA_FDT_CELL_BYTES || fdt32_to_cpu(*prop) > MAX_NCELLS)
		return standard;
	return (int)fdt32_to_cpu(*prop);
}

struct hvcma_fdt_cells hvcma_fdt_cells(const void *fdt, int node)
{
	return (struct hvcma_fdt_cells){
		.address = ncells(fdt, node, "#address-cells", 2),
		.size = ncells(fdt, node, "#size-cells", 1),
	};
}

uint64_t hvcma_fdt_get(const fdt32_t *cells, int nr)
{
	uint64_t value = 0;

	while (nr--)
		value = value << 32 | fdt32_to_cpu(*cells++);
	return value;
}

int hvcma_fdt_put(fdt32_t *cells, int nr, uint64_t value)
{
	if (nr < 1 || nr > HVCMA_FDT_MAX_CELLS || (nr == 1 && value > UINT32_MAX))
		return -FDT_ERR_BADNCELLS;
	if (nr == 2)
		*cells++ = cpu_to_fdt32((uint32_t)(value >> 32));
	*cells = cpu_to_fdt32((uint32_t)value);
	return 0;
}

int hvcma_fdt_is_overlay(const void *fdt)
{
	struct hvcma_fdt_walk w;
	int depth = 0;			/* of the node, from 1 for the root */
	uint32_t tag;

	hvcma_fdt_walk_init(&w, fdt, 0);
	while ((tag = hvcma_fdt_walk_next(&w)) != FDT_END) {
		if (tag == FDT_END_NODE)
			depth--;
		else if (tag == FDT_BEGIN_NODE && ++depth <= 3 && *w.name == '_' &&
			 ((depth == 2 && !strcmp(w.name, "__fixups__")) ||
			  (depth == 3 && !strcmp(w.name, "__overlay__"))))
			return 1;
	}
	return 0;
}

void hvcma_fdt_trim_strings(void *fdt)
{
	struct hvcma_fdt_walk w;
	size_t used = 0, end;
	uint32_t tag;

	hvcma_fdt_walk_init(&w, fdt, 0);
	while ((tag = hvcma_fdt_walk_next(&w)) != FDT_END) {
		if (tag != FDT_PROP)
			continue;
		end = (size_t)(w.name - w.strings) + strlen(w.name) + 1;
		used = end > used ? end : used;
	}
	if (used < fdt_size_dt_strings(fdt))
		fdt_set_size_dt_strings(fdt, (uint32_t)used);
}

int hvcma_fdt_is_compatible(const void *fdt, int node, const char *compatible)
{
	return fdt_node_check_compatible(fdt, node, compatible) == 0;
}
