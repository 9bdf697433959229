// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * DMA windows: see dma_windows.h. Lists are short, so each question looks at all windows.
 *
 * The guest's kernel module includes this file: it must stay freestanding.
 */
#include "hv/core/dma_windows.h"

/* The last page of 2^64 is no memory: so the size fits, and no end wraps. */
#define IDENTITY_BYTES	(-HVCMA_DMA_WINDOW_ALIGN_BYTES)

#define LAST		(~(uint64_t)0)	/* neither C nor the kernel has a name for it that both have */

static void clear_from(struct hvcma_dma_windows *w, uint32_t i)
{
	for (; i < HVCMA_MAX_DMA_WINDOWS; i++)
		w->window[i] = (struct hvcma_dma_window){ 0 };
}

void hvcma_dma_windows_identity(struct hvcma_dma_windows *w)
{
	w->nr = 1;
	w->reserved = 0;
	w->window[0] = (struct hvcma_dma_window){ .bytes = IDENTITY_BYTES };
	clear_from(w, 1);
}

bool hvcma_dma_windows_is_identity(const struct hvcma_dma_windows *w)
{
	return w->nr == 1 && !w->window[0].bus_base && !w->window[0].dma_base &&
	       w->window[0].bytes == IDENTITY_BYTES;
}

static enum virtio_cma_status refuse(struct hvcma_dma_windows_error *err, uint32_t window,
				   uint32_t other, uint64_t value, const char *sentence)
{
	err->sentence = sentence;
	err->window = window;
	err->other = other;
	err->value = value;
	return VIRTIO_CMA_S_INVAL;
}

static bool is_aligned(uint64_t value)
{
	return !(value & (HVCMA_DMA_WINDOW_ALIGN_BYTES - 1));
}

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a < b ? b - a < a_bytes : a - b < b_bytes;
}

static enum virtio_cma_status check_one(const struct hvcma_dma_window *w, uint32_t i,
					struct hvcma_dma_windows_error *err)
{
	if (!w->bytes)
		return refuse(err, i, i, 0, "its size is 0");
	if (!is_aligned(w->bytes))
		return refuse(err, i, i, w->bytes, "its size is no multiple of 4096 bytes");
	if (!is_aligned(w->bus_base))
		return refuse(err, i, i, w->bus_base,
			    "its base on the bus is no multiple of 4096 bytes");
	if (!is_aligned(w->dma_base))
		return refuse(err, i, i, w->dma_base,
			    "its base in memory is no multiple of 4096 bytes");
	if (w->bytes > LAST - w->bus_base)
		return refuse(err, i, i, w->bus_base, "its end on the bus is beyond 64 bits");
	if (w->bytes > LAST - w->dma_base)
		return refuse(err, i, i, w->dma_base, "its end in memory is beyond 64 bits");
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status check_pair(const struct hvcma_dma_window *list, uint32_t i,
					 uint32_t j, struct hvcma_dma_windows_error *err)
{
	if (overlap(list[i].dma_base, list[i].bytes, list[j].dma_base, list[j].bytes))
		return refuse(err, i, j, list[i].dma_base, "it overlaps another one in memory");
	if (overlap(list[i].bus_base, list[i].bytes, list[j].bus_base, list[j].bytes))
		return refuse(err, i, j, list[i].bus_base, "it overlaps another one on the bus");
	return VIRTIO_CMA_S_OK;
}

static void insert(struct hvcma_dma_windows *w, const struct hvcma_dma_window *one)
{
	uint32_t i = w->nr++;

	for (; i && w->window[i - 1].dma_base > one->dma_base; i--)
		w->window[i] = w->window[i - 1];
	w->window[i] = *one;
}

static void join(struct hvcma_dma_windows *w)
{
	uint32_t i, last = 0;

	for (i = 1; i < w->nr; i++) {
		struct hvcma_dma_window *a = &w->window[last];
		const struct hvcma_dma_window *b = &w->window[i];

		if (a->dma_base + a->bytes == b->dma_base && a->bus_base + a->bytes == b->bus_base)
			a->bytes += b->bytes;
		else
			w->window[++last] = *b;
	}
	w->nr = last + 1;
}

enum virtio_cma_status hvcma_dma_windows_set(struct hvcma_dma_windows *w,
					     const struct hvcma_dma_window *list, uint32_t nr,
					     struct hvcma_dma_windows_error *err)
{
	uint32_t i, j;

	if (!nr)
		return refuse(err, 0, 0, 0, "there is none: nothing could be reached");
	if (nr > HVCMA_MAX_DMA_WINDOWS)
		return refuse(err, HVCMA_MAX_DMA_WINDOWS, HVCMA_MAX_DMA_WINDOWS, nr,
			    "it is one too many");
	for (i = 0; i < nr; i++) {
		enum virtio_cma_status status = check_one(&list[i], i, err);

		for (j = 0; !status && j < i; j++)
			status = check_pair(list, i, j, err);
		if (status)
			return status;
	}
	w->nr = 0;
	w->reserved = 0;
	for (i = 0; i < nr; i++)
		insert(w, &list[i]);
	join(w);
	clear_from(w, w->nr);
	return VIRTIO_CMA_S_OK;
}

bool hvcma_dma_windows_equal(const struct hvcma_dma_windows *a,
			     const struct hvcma_dma_windows *b)
{
	uint32_t i;

	for (i = 0; a->nr == b->nr && i < a->nr; i++)
		if (a->window[i].bus_base != b->window[i].bus_base ||
		    a->window[i].dma_base != b->window[i].dma_base ||
		    a->window[i].bytes != b->window[i].bytes)
			return false;
	return a->nr == b->nr;
}

/* Is [@base, @base + @bytes) inside the window whose side begins at @window_base? */
static bool inside(uint64_t base, uint64_t bytes, uint64_t window_base, uint64_t window_bytes)
{
	return bytes && base >= window_base && base - window_base < window_bytes &&
	       bytes <= window_bytes - (base - window_base);
}

bool hvcma_dma_windows_to_bus(const struct hvcma_dma_windows *w, uint64_t dma, uint64_t bytes,
			      uint64_t *bus)
{
	uint32_t i;

	for (i = 0; i < w->nr; i++) {
		const struct hvcma_dma_window *one = &w->window[i];

		if (inside(dma, bytes, one->dma_base, one->bytes)) {
			*bus = one->bus_base + (dma - one->dma_base);
			return true;
		}
	}
	return false;
}

bool hvcma_dma_windows_to_dma(const struct hvcma_dma_windows *w, uint64_t bus, uint64_t bytes,
			      uint64_t *dma)
{
	uint32_t i;

	for (i = 0; i < w->nr; i++) {
		const struct hvcma_dma_window *one = &w->window[i];

		if (inside(bus, bytes, one->bus_base, one->bytes)) {
			*dma = one->dma_base + (bus - one->bus_base);
			return true;
		}
	}
	return false;
}

bool hvcma_dma_windows_reach(const struct hvcma_dma_windows *w, uint64_t dma, uint64_t bytes,
			     uint64_t max_bus, uint64_t *first, uint64_t *nr_bytes)
{
	uint32_t i;

	for (i = 0; i < w->nr; i++) {
		const struct hvcma_dma_window *one = &w->window[i];
		uint64_t below = one->bytes, from, end;

		if (one->bus_base > max_bus)
			continue;
		/* as much of the window as ends at or below max_bus */
		if (max_bus - one->bus_base < below - 1)
			below = max_bus - one->bus_base + 1;
		from = dma > one->dma_base ? dma : one->dma_base;
		end = one->dma_base + below;
		if (from >= end || from - dma >= bytes)
			continue;
		*first = from;
		*nr_bytes = end - from < bytes - (from - dma) ? end - from : bytes - (from - dma);
		return true;
	}
	return false;
}
