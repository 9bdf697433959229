// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Windows between guest-physical and bus addresses. See windows.h.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "fdt/windows.h"

static int by_gpa(const void *a, const void *b)
{
	const struct hvcma_window *x = a, *y = b;

	return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

static int by_dma(const void *a, const void *b)
{
	const struct hvcma_window *x = a, *y = b;

	return (x->dma > y->dma) - (x->dma < y->dma);
}

void hvcma_windows_merge(struct hvcma_window *windows, size_t *nr)
{
	size_t kept = 0;

	if (!*nr)
		return;
	qsort(windows, *nr, sizeof(*windows), by_gpa);
	for (size_t i = 1; i < *nr; i++) {
		struct hvcma_window *last = &windows[kept];

		if (last->gpa + last->bytes == windows[i].gpa &&
		    last->dma + last->bytes == windows[i].dma)
			last->bytes += windows[i].bytes;
		else
			windows[++kept] = windows[i];
	}
	*nr = kept + 1;
}

static int check_one(const struct hvcma_window *w, uint64_t align_bytes,
		     struct hvcma_fdt_error *err)
{
	if (!w->bytes)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "the window at 0x%" PRIx64 " is empty", w->gpa);
	if ((w->gpa | w->dma | w->bytes) & (align_bytes - 1))
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "window 0x%" PRIx64 " at 0x%" PRIx64 ", 0x%" PRIx64
				      " bytes, is not aligned to 0x%" PRIx64, w->dma, w->gpa,
				      w->bytes, align_bytes);
	if (w->bytes - 1 > UINT64_MAX - w->gpa || w->bytes - 1 > UINT64_MAX - w->dma)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "window 0x%" PRIx64 " at 0x%" PRIx64 ", 0x%" PRIx64
				      " bytes, wraps", w->dma, w->gpa, w->bytes);
	return 0;
}

int hvcma_windows_check(struct hvcma_window *windows, size_t nr, uint64_t align_bytes,
			struct hvcma_fdt_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < nr && !ret; i++)
		ret = check_one(&windows[i], align_bytes, err);
	if (ret || !nr)
		return ret;

	qsort(windows, nr, sizeof(*windows), by_dma);
	for (size_t i = 1; i < nr && !ret; i++)
		if (windows[i].dma - windows[i - 1].dma < windows[i - 1].bytes)
			ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "windows overlap on the bus at 0x%" PRIx64,
					     windows[i].dma);
	qsort(windows, nr, sizeof(*windows), by_gpa);
	for (size_t i = 1; i < nr && !ret; i++)
		if (windows[i].gpa - windows[i - 1].gpa < windows[i - 1].bytes)
			ret = hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "windows overlap in memory at 0x%" PRIx64,
					     windows[i].gpa);
	return ret;
}

int hvcma_windows_covers(const struct hvcma_window *windows, size_t nr, uint64_t gpa,
			 uint64_t bytes)
{
	for (size_t i = 0; i < nr && bytes; i++) {
		uint64_t offset = gpa - windows[i].gpa, here;

		if (gpa < windows[i].gpa || offset >= windows[i].bytes)
			continue;
		here = windows[i].bytes - offset;
		if (here >= bytes)
			return 1;
		gpa += here;
		bytes -= here;
	}
	return !bytes;
}
