// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Findings, and text of any length: see finding.h.
 */
#define _GNU_SOURCE			/* vasprintf() */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/libvirt/finding.h"

static void __attribute__((noreturn)) no_memory(void)
{
	fputs("hvcma: no memory\n", stderr);
	exit(1);
}

static char *format(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		no_memory();
	return text;
}

char *hvcma_text(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	return text;
}

void hvcma_text_add(char **text, const char *fmt, ...)
{
	va_list args;
	char *more, *all;

	va_start(args, fmt);
	more = format(fmt, args);
	va_end(args);
	all = hvcma_text("%s%s", *text ? *text : "", more);
	free(more);
	free(*text);
	*text = all;
}

void *hvcma_grow(void *list, size_t nr, size_t element_bytes)
{
	char *larger = reallocarray(list, nr + 1, element_bytes);

	if (!larger)
		no_memory();
	memset(larger + nr * element_bytes, 0, element_bytes);
	return larger;
}

void hvcma_find(struct hvcma_findings *f, enum hvcma_severity severity, long line, const char *fix,
		const char *fmt, ...)
{
	struct hvcma_finding *one;
	va_list args;

	f->list = hvcma_grow(f->list, f->nr, sizeof(*f->list));
	one = &f->list[f->nr++];
	va_start(args, fmt);
	*one = (struct hvcma_finding){ severity, line, format(fmt, args), hvcma_text("%s", fix) };
	va_end(args);
}

size_t hvcma_findings_errors(const struct hvcma_findings *f)
{
	size_t errors = 0;

	for (size_t i = 0; i < f->nr; i++)
		errors += f->list[i].severity == HVCMA_ERROR;
	return errors;
}

/* There are few: by insertion, which keeps the order of equals. */
void hvcma_findings_sort(struct hvcma_findings *f)
{
	for (size_t i = 1; i < f->nr; i++) {
		struct hvcma_finding one = f->list[i];
		size_t at = i;

		for (; at > 0 && f->list[at - 1].line > one.line; at--)
			f->list[at] = f->list[at - 1];
		f->list[at] = one;
	}
}

void hvcma_findings_free(struct hvcma_findings *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		free(f->list[i].text);
		free(f->list[i].fix);
	}
	free(f->list);
	*f = (struct hvcma_findings){ 0 };
}
