// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzer: any bytes as a text of regions. An entry lies inside the text and
 * parses to the same again; an error points into it.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/core/window_text.h"

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_inside(const struct hvcma_slice *s, const char *from, const char *to)
{
	expect(!s->bytes || (s->text >= from && s->text <= to &&
			     s->bytes <= (size_t)(to - s->text)));
}

static void check_entry(const struct hvcma_region_text *e, const char *from, const char *to)
{
	struct hvcma_slice rest = e->clients, client;
	uint64_t bytes = 0, less = 0, nr = 0, clients_bytes = 0;

	check_inside(&e->name, from, to);
	check_inside(&e->clients, from, to);
	check_inside(&e->kind, from, to);
	check_inside(&e->size.text, from, to);
	expect(e->name.bytes && e->name.bytes < VIRTIO_CMA_NAME_BYTES);
	expect(e->kind.bytes < VIRTIO_CMA_KIND_BYTES);
	expect(!e->kind.bytes || e->clients.bytes);
	while (hvcma_region_text_client(&rest, &client)) {
		check_inside(&client, from, to);
		expect(client.bytes && client.bytes < VIRTIO_CMA_NAME_BYTES);
		clients_bytes += client.bytes;
		nr++;
	}
	expect(e->clients.bytes == clients_bytes + (nr ? nr - 1 : 0));
	expect(e->size.nr && e->size.nr <= HVCMA_TEXT_MAX_QUANTITIES);
	expect(!hvcma_region_text_bytes(&e->size, UINT64_MAX, &bytes));
	expect(!hvcma_region_text_bytes(&e->size, 1, &less));
	expect(less <= bytes);
}

/* What is read of a text is inside it, and what is refused changes nothing. */
static void look_for_windows(const char *text, const char *end)
{
	struct hvcma_text_error err;
	struct hvcma_window_text e;

	while (*text) {
		const char *from = text;

		if (hvcma_window_text_next(&text, &e, &err)) {
			expect(text == from && err.sentence && err.slice.text >= from &&
			       err.slice.text + err.slice.bytes <= end);
			break;
		}
		expect(text > from && text <= end && e.windows.nr && e.windows.nr <= HVCMA_MAX_DMA_WINDOWS);
		check_inside(&e.client, from, text);
		expect(e.client.bytes < VIRTIO_CMA_NAME_BYTES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nr)
{
	char *text = malloc(nr + 1);
	const char *at = text, *end;
	struct hvcma_text_error err;
	uint64_t amount;

	memcpy(text, bytes, nr);
	text[nr] = 0;
	end = text + strlen(text);
	while (*at) {
		struct hvcma_region_text e, again;
		const char *from = at, *twice = at;

		if (hvcma_region_text_next(&at, &e, &err)) {
			expect(at == from && err.sentence && err.slice.text >= from &&
			       err.slice.text + err.slice.bytes <= end);
			break;
		}
		expect(at > from && at <= end);
		check_entry(&e, from, at);
		expect(!hvcma_region_text_next(&twice, &again, &err) && twice == at &&
		       hvcma_slice_equal(&e.clients, &again.clients) && e.base == again.base);
	}
	hvcma_region_text_amount(text, &amount, &err);
	look_for_windows(text, end);
	free(text);
	return 0;
}
