// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * DMA windows of clients as text: see window_text.h. What windows may be is dma_windows.h's.
 */
#include "hv/core/window_text.h"

static const char identity[] = "identity";

static enum virtio_cma_status fail(struct hvcma_text_error *err, const char *from, const char *to,
				   const char *sentence)
{
	err->slice.text = from;
	err->slice.bytes = (size_t)(to - from);
	err->sentence = sentence;
	return VIRTIO_CMA_S_INVAL;
}

static enum virtio_cma_status fail_at(struct hvcma_text_error *err, const char *at,
				      const char *sentence)
{
	return fail(err, at, *at ? at + 1 : at, sentence);
}

/* What stands before "=" in this entry; none: all other clients. */
static enum virtio_cma_status parse_client(const char **p, struct hvcma_slice *client,
					   struct hvcma_text_error *err)
{
	const char *from = *p, *to = from;

	client->text = from;
	client->bytes = 0;
	while (*to && *to != '=' && *to != ';')
		to++;
	if (*to != '=')
		return VIRTIO_CMA_S_OK;
	if (to == from)
		return fail_at(err, from, "client is missing");
	if (to - from >= VIRTIO_CMA_NAME_BYTES)
		return fail(err, from, to, "client has more than 31 bytes");
	client->bytes = (size_t)(to - from);
	*p = to + 1;
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status parse_window(const char **p, struct hvcma_dma_window *w,
					   struct hvcma_text_error *err)
{
	if (hvcma_region_text_take_amount(p, &w->bus_base, err))
		return VIRTIO_CMA_S_INVAL;
	if (**p != ':')
		return fail_at(err, *p, "expected ':' after the address on the bus");
	++*p;
	if (hvcma_region_text_take_amount(p, &w->dma_base, err))
		return VIRTIO_CMA_S_INVAL;
	if (**p != ':')
		return fail_at(err, *p, "expected ':' after the address in memory");
	++*p;
	return hvcma_region_text_take_amount(p, &w->bytes, err);
}

static enum virtio_cma_status parse_windows(const char **p, struct hvcma_dma_windows *windows,
					    struct hvcma_text_error *err)
{
	struct hvcma_dma_window list[HVCMA_MAX_DMA_WINDOWS];
	const char *at[HVCMA_MAX_DMA_WINDOWS + 1];
	struct hvcma_dma_windows_error why;
	uint32_t nr = 0;

	for (;;) {
		at[nr] = *p;
		if (nr == HVCMA_MAX_DMA_WINDOWS)
			return fail_at(err, *p, "more than 16 windows");
		if (parse_window(p, &list[nr++], err))
			return VIRTIO_CMA_S_INVAL;
		if (**p != '+')
			break;
		++*p;
	}
	if (!hvcma_dma_windows_set(windows, list, nr, &why))
		return VIRTIO_CMA_S_OK;
	at[nr] = *p + 1;
	return fail(err, at[why.window], at[why.window + 1] - 1, why.sentence);
}

/* "identity", to its end. */
static bool take_identity(const char **p)
{
	size_t i = 0;

	while (identity[i] && (*p)[i] == identity[i])
		i++;
	if (identity[i])
		return false;
	*p += i;
	return true;
}

enum virtio_cma_status hvcma_window_text_next(const char **text, struct hvcma_window_text *entry,
					      struct hvcma_text_error *err)
{
	struct hvcma_window_text e;
	const char *p = *text;

	if (parse_client(&p, &e.client, err))
		return VIRTIO_CMA_S_INVAL;
	if (take_identity(&p))
		hvcma_dma_windows_identity(&e.windows);
	else if (parse_windows(&p, &e.windows, err))
		return VIRTIO_CMA_S_INVAL;
	if (*p == ';') {
		p++;
		if (!*p)
			return fail_at(err, p - 1, "an entry must follow the ';'");
	} else if (*p) {
		return fail_at(err, p, "expected '+' or ';' after the window");
	}
	*entry = e;
	*text = p;
	return VIRTIO_CMA_S_OK;
}
