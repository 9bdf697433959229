// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Writing a blob from front to end. See write.h.
 */
#include <stdlib.h>
#include <string.h>

#include "fdt/write.h"

#define VERSION			17
#define COMPATIBLE_VERSION	16
#define STRUCT_OFFSET		(sizeof(struct fdt_header) + sizeof(struct fdt_reserve_entry))

static void *take(struct hvcma_fdt_writer *w, size_t bytes)
{
	size_t padded = (bytes + FDT_TAGSIZE - 1) & ~(size_t)(FDT_TAGSIZE - 1);
	char *here = w->out + w->at;

	if (w->error || padded > w->room - w->at) {
		w->error = -FDT_ERR_NOSPACE;
		return NULL;
	}
	memset(here, 0, padded);
	w->at += padded;
	return here;
}

static void put_tag(struct hvcma_fdt_writer *w, uint32_t tag)
{
	fdt32_t *p = take(w, FDT_TAGSIZE);

	if (p)
		*p = cpu_to_fdt32(tag);
}

void hvcma_fdt_write_init(struct hvcma_fdt_writer *w, void *out, size_t out_bytes)
{
	*w = (struct hvcma_fdt_writer){ .out = out, .room = out_bytes };
	take(w, STRUCT_OFFSET);
}

/* ---- names ---- */

static size_t hash_of(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);	/* FNV-1a */

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * UINT64_C(0x100000001b3);
	return (size_t)(hash ^ hash >> 32);
}

/* Where it is, or where it would go. */
static uint32_t *find_slot(const struct hvcma_fdt_writer *w, const char *name)
{
	size_t i = hash_of(name) & (w->nr_slots - 1);

	while (w->slot[i] && strcmp(w->names + w->slot[i] - 1, name))
		i = (i + 1) & (w->nr_slots - 1);
	return &w->slot[i];
}

/* Half of the slots are free, always. */
static int more_slots(struct hvcma_fdt_writer *w)
{
	uint32_t *old = w->slot;
	size_t nr = w->nr_slots;

	if (2 * (w->nr_names + 1) <= nr)
		return 0;
	w->nr_slots = nr ? 2 * nr : 64;
	w->slot = calloc(w->nr_slots, sizeof(*w->slot));
	if (!w->slot) {
		free(old);
		w->nr_slots = 0;
		return -FDT_ERR_NOSPACE;
	}
	for (size_t i = 0; i < nr; i++)
		if (old[i])
			*find_slot(w, w->names + old[i] - 1) = old[i];
	free(old);
	return 0;
}

static int more_room(struct hvcma_fdt_writer *w, size_t bytes)
{
	size_t room = w->names_room ? w->names_room : 1024;
	char *more;

	while (room < w->names_bytes + bytes)
		room *= 2;
	if (room == w->names_room)
		return 0;
	more = realloc(w->names, room);
	if (!more)
		return -FDT_ERR_NOSPACE;
	w->names = more;
	w->names_room = room;
	return 0;
}

/* Offset of a name in the block of names, where it is added if need be. */
static uint32_t name_offset(struct hvcma_fdt_writer *w, const char *name)
{
	size_t bytes = strlen(name) + 1;
	uint32_t *slot;

	if (w->error)
		return 0;
	w->error = more_slots(w);
	if (!w->error)
		w->error = more_room(w, bytes);
	if (w->error)
		return 0;
	slot = find_slot(w, name);
	if (!*slot) {
		memcpy(w->names + w->names_bytes, name, bytes);
		*slot = (uint32_t)w->names_bytes + 1;
		w->names_bytes += bytes;
		w->nr_names++;
	}
	return *slot - 1;
}

/* ---- the structure ---- */

void hvcma_fdt_write_begin(struct hvcma_fdt_writer *w, const char *name)
{
	size_t bytes = strlen(name) + 1;
	void *p;

	put_tag(w, FDT_BEGIN_NODE);
	p = take(w, bytes);
	if (p)
		memcpy(p, name, bytes);
}

void hvcma_fdt_write_end(struct hvcma_fdt_writer *w)
{
	put_tag(w, FDT_END_NODE);
}

void *hvcma_fdt_write_prop(struct hvcma_fdt_writer *w, const char *name, const void *value, int len)
{
	uint32_t offset = name_offset(w, name);
	struct fdt_property *p = take(w, sizeof(*p) + (size_t)len);

	if (!p)
		return NULL;
	p->tag = cpu_to_fdt32(FDT_PROP);
	p->len = cpu_to_fdt32((uint32_t)len);
	p->nameoff = cpu_to_fdt32(offset);
	if (len)
		memcpy(p->data, value, (size_t)len);
	return p->data;
}

int hvcma_fdt_write_fini(struct hvcma_fdt_writer *w)
{
	size_t end;
	void *names;

	put_tag(w, FDT_END);
	end = w->at;
	names = take(w, w->names_bytes);
	if (names && w->names_bytes)
		memcpy(names, w->names, w->names_bytes);
	if (!w->error) {
		fdt_set_magic(w->out, FDT_MAGIC);
		fdt_set_totalsize(w->out, (uint32_t)w->room);
		fdt_set_off_dt_struct(w->out, STRUCT_OFFSET);
		fdt_set_off_dt_strings(w->out, (uint32_t)end);
		fdt_set_off_mem_rsvmap(w->out, sizeof(struct fdt_header));
		fdt_set_version(w->out, VERSION);
		fdt_set_last_comp_version(w->out, COMPATIBLE_VERSION);
		fdt_set_size_dt_strings(w->out, (uint32_t)w->names_bytes);
		fdt_set_size_dt_struct(w->out, (uint32_t)(end - STRUCT_OFFSET));
	}
	free(w->slot);
	free(w->names);
	return w->error;
}
