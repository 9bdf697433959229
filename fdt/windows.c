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

/* ---- windows that overlap ---- */

/* Those that begin at or before where the sweep is: a heap, the first listed on top. */
struct heap {
	const struct hvcma_window **at;
	size_t nr;
};

static void heap_swap(struct heap *h, size_t a, size_t b)
{
	const struct hvcma_window *w = h->at[a];

	h->at[a] = h->at[b];
	h->at[b] = w;
}

static void heap_push(struct heap *h, const struct hvcma_window *w)
{
	size_t i = h->nr++;

	h->at[i] = w;
	for (; i && h->at[i] < h->at[(i - 1) / 2]; i = (i - 1) / 2)
		heap_swap(h, i, (i - 1) / 2);
}

static void heap_pop(struct heap *h)
{
	size_t i = 0, child;

	h->at[0] = h->at[--h->nr];
	for (; (child = 2 * i + 1) < h->nr; i = child) {
		if (child + 1 < h->nr && h->at[child + 1] < h->at[child])
			child++;
		if (h->at[i] < h->at[child])
			break;
		heap_swap(h, i, child);
	}
}

static uint64_t last_of(const struct hvcma_window *w)
{
	return w->gpa + (w->bytes - 1);
}

static int by_start(const void *a, const void *b)
{
	const struct hvcma_window *const *x = a, *const *y = b;

	return ((*x)->gpa > (*y)->gpa) - ((*x)->gpa < (*y)->gpa);
}

static void add_piece(struct hvcma_window *pieces, size_t *nr, uint64_t dma, uint64_t gpa,
		      uint64_t bytes)
{
	struct hvcma_window *last = *nr ? &pieces[*nr - 1] : NULL;

	if (last && last->gpa + last->bytes == gpa && last->dma + last->bytes == dma &&
	    last->bytes + bytes > bytes)	/* all of 64 bits is one byte too many */
		last->bytes += bytes;
	else
		pieces[(*nr)++] = (struct hvcma_window){ dma, gpa, bytes };
}

int hvcma_windows_pieces(const struct hvcma_window *windows, size_t nr,
			 struct hvcma_window *pieces, size_t *nr_pieces)
{
	const struct hvcma_window **start = calloc(2 * nr + 1, sizeof(*start));
	struct heap heap = { .at = start + nr };
	size_t nr_starts = 0, next = 0, made = 0;
	uint64_t at = 0;

	if (!start)
		return -FDT_ERR_NOSPACE;
	for (size_t i = 0; i < nr; i++)
		if (windows[i].bytes && windows[i].bytes - 1 <= UINT64_MAX - windows[i].gpa)
			start[nr_starts++] = &windows[i];
	qsort(start, nr_starts, sizeof(*start), by_start);
	while (heap.nr || next < nr_starts) {
		const struct hvcma_window *top;
		uint64_t last;

		if (!heap.nr)
			at = start[next]->gpa;
		while (next < nr_starts && start[next]->gpa <= at)
			heap_push(&heap, start[next++]);
		top = heap.at[0];
		if (last_of(top) < at) {
			heap_pop(&heap);
			continue;
		}
		last = last_of(top);
		if (next < nr_starts && start[next]->gpa - 1 < last)
			last = start[next]->gpa - 1;
		add_piece(pieces, &made, top->dma + (at - top->gpa), at, last - at + 1);
		if (last == UINT64_MAX)
			break;
		at = last + 1;
	}
	free(start);
	*nr_pieces = made;
	return 0;
}

/* Number of windows (sorted) that begin at or before an address. */
static size_t begin_by(const struct hvcma_window *windows, size_t nr, uint64_t gpa)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (windows[middle].gpa <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int hvcma_windows_covers(const struct hvcma_window *windows, size_t nr, uint64_t gpa,
			 uint64_t bytes)
{
	size_t i = begin_by(windows, nr, gpa);

	if (!i)
		return !bytes;
	for (i--; i < nr && bytes; i++) {
		uint64_t offset = gpa - windows[i].gpa, here;

		if (gpa < windows[i].gpa || offset >= windows[i].bytes)
			return 0;
		here = windows[i].bytes - offset;
		if (here >= bytes)
			return 1;
		gpa += here;
		bytes -= here;
	}
	return !bytes;
}

size_t hvcma_windows_on_bus(const struct hvcma_window *extents, size_t nr,
			    const struct hvcma_window *reach, size_t nr_reach,
			    struct hvcma_window *out, uint64_t *lost_bytes)
{
	size_t made = 0;

	*lost_bytes = 0;
	for (size_t i = 0; i < nr; i++) {
		const struct hvcma_window *e = &extents[i];

		*lost_bytes += e->bytes;
		for (size_t k = 0; k < nr_reach; k++) {
			const struct hvcma_window *r = &reach[k];
			uint64_t low = e->dma > r->gpa ? e->dma : r->gpa;
			uint64_t e_last = e->dma + (e->bytes - 1), r_last = r->gpa + (r->bytes - 1);
			uint64_t last = e_last < r_last ? e_last : r_last;

			if (low > last)
				continue;
			out[made++] = (struct hvcma_window){ r->dma + (low - r->gpa), e->gpa + (low - e->dma),
							     last - low + 1 };
			*lost_bytes -= last - low + 1;
		}
	}
	return made;
}
