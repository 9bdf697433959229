/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * DMA windows of clients as text: what an operator says of a host bridge.
 *
 *	text   = entry { ";" entry }
 *	entry  = [ client "=" ] ( "identity" | window { "+" window } )
 *	window = bus ":" memory ":" size
 *
 *	nv0=0x1000000000:0:64G+0xfffffff000:0x1000131000:4K;nv1=identity
 *
 * An entry without client is about all that have none of their own. Numbers are as in
 * region_text.h: decimal, with K, M, G or T, or hexadecimal after 0x. No blanks.
 *
 * No memory is allocated. Which clients there are is for the user of the text, and so is
 * whether one is named twice.
 */
#ifndef HVCMA_CORE_WINDOW_TEXT_H
#define HVCMA_CORE_WINDOW_TEXT_H

#include "hv/core/dma_windows.h"
#include "hv/core/region_text.h"

struct hvcma_window_text {
	struct hvcma_slice client;	/* below VIRTIO_CMA_NAME_BYTES; empty: all others */
	struct hvcma_dma_windows windows;
};

/**
 * hvcma_window_text_next() - parse and judge one entry.
 * @text: in: NUL-terminated, at the start of an entry; out: behind it, at the start of the
 *	next one or at the NUL
 * @entry: out; its slice points into the text
 * @err: out, on failure: the window, number or character that is wrong
 *
 * Iterate while (*text)[0]. An empty text has no entry and is not to be passed.
 *
 * Return: OK; VIRTIO_CMA_S_INVAL with only @err written.
 */
enum virtio_cma_status hvcma_window_text_next(const char **text, struct hvcma_window_text *entry,
					      struct hvcma_text_error *err);

#endif /* HVCMA_CORE_WINDOW_TEXT_H */
