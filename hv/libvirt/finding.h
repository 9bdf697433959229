/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong with a domain, or was noticed in it: one finding each, with the line and what
 * mends it. Knows neither XML nor who prints them.
 */
#ifndef HVCMA_LIBVIRT_FINDING_H
#define HVCMA_LIBVIRT_FINDING_H

#include <stdbool.h>
#include <stddef.h>

enum hvcma_severity {
	HVCMA_ERROR,		/* the domain can't be what it says, or would not start */
	HVCMA_WARNING,		/* it would start, and may not be what was meant */
};

struct hvcma_finding {
	enum hvcma_severity severity;
	long line;		/* of the domain's XML, from 1; 0: of none */
	char *text;		/* what is wrong: the object, the value received, the limit */
	char *fix;		/* what to do */
};

/* All zero: none. Not for two threads at once. */
struct hvcma_findings {
	struct hvcma_finding *list;
	size_t nr;
};

/**
 * hvcma_find() - add a finding.
 * @fix: constant or not, copied
 * @fmt: of its text, as printf
 */
void hvcma_find(struct hvcma_findings *f, enum hvcma_severity severity, long line, const char *fix,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** hvcma_findings_errors() - how many are errors. */
size_t hvcma_findings_errors(const struct hvcma_findings *f);

/** hvcma_findings_sort() - by line, in the order they were added where that is the same. */
void hvcma_findings_sort(struct hvcma_findings *f);

/** hvcma_findings_free() - and none again. */
void hvcma_findings_free(struct hvcma_findings *f);

/**
 * hvcma_text() - printf into memory.
 *
 * Return: malloc'ed, never NULL: without memory the program ends.
 */
char *hvcma_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * hvcma_text_add() - printf behind what is there.
 * @text: malloc'ed or NULL; becomes another
 */
void hvcma_text_add(char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * hvcma_grow() - room for one more element of an array of @nr.
 *
 * Return: the array, perhaps elsewhere, the new element zeroed; never NULL.
 */
void *hvcma_grow(void *list, size_t nr, size_t element_bytes);

#endif /* HVCMA_LIBVIRT_FINDING_H */
