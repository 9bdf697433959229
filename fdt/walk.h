/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * From front to end through a blob that has passed hvcma_fdt_validate(), or whose
 * lengths were looked at there: libfdt looks at them again at each step.
 */
#ifndef HVCMA_FDT_WALK_H
#define HVCMA_FDT_WALK_H

#include "fdt/blob.h"

struct hvcma_fdt_walk {
	const char *structure, *strings;
	uint32_t next;			/* offset of the next tag */
	/* of the tag that was returned last: */
	int offset;			/* as libfdt counts */
	const char *name;		/* of a node or property */
	const void *value;		/* of a property */
	int len;
};

/** hvcma_fdt_walk_init() - to begin at the node at @offset. */
static inline void hvcma_fdt_walk_init(struct hvcma_fdt_walk *w, const void *fdt, int offset)
{
	*w = (struct hvcma_fdt_walk){
		.structure = (const char *)fdt + fdt_off_dt_struct(fdt),
		.strings = (const char *)fdt + fdt_off_dt_strings(fdt),
		.next = (uint32_t)offset,
	};
}

/**
 * hvcma_fdt_walk_next() - one tag on.
 *
 * Return: FDT_BEGIN_NODE, FDT_PROP, FDT_END_NODE, FDT_END; FDT_NOP is passed over.
 */
static inline uint32_t hvcma_fdt_walk_next(struct hvcma_fdt_walk *w)
{
	const struct fdt_property *p;
	uint32_t tag;

	do {
		tag = fdt32_ld((const fdt32_t *)(w->structure + w->next));
		w->offset = (int)w->next;
		w->next += FDT_TAGSIZE;
	} while (tag == FDT_NOP);
	switch (tag) {
	case FDT_BEGIN_NODE:
		w->name = w->structure + w->next;
		w->next += ((uint32_t)__builtin_strlen(w->name) + FDT_TAGSIZE) & ~(uint32_t)(FDT_TAGSIZE - 1);
		break;
	case FDT_PROP:
		p = (const struct fdt_property *)(w->structure + w->offset);
		w->name = w->strings + fdt32_ld(&p->nameoff);
		w->value = p->data;
		w->len = (int)fdt32_ld(&p->len);
		w->next += (uint32_t)(sizeof(*p) - FDT_TAGSIZE) +
			   (((uint32_t)w->len + FDT_TAGSIZE - 1) & ~(uint32_t)(FDT_TAGSIZE - 1));
		break;
	}
	return tag;
}

#endif /* HVCMA_FDT_WALK_H */
