// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA windows as text: what is read, and each way in which it can be wrong, by its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/core/window_text.h"

static void entries_are_read(void **state)
{
	const char *text = "nv0=0x1000000000:0:64G+0xfffffff000:0x1000131000:4K;nv1=identity;1G:2G:3G";
	struct hvcma_text_error err = { .sentence = "" };
	struct hvcma_window_text e;

	(void)state;
	assert_int_equal(hvcma_window_text_next(&text, &e, &err), VIRTIO_CMA_S_OK);
	assert_true(hvcma_slice_is(&e.client, "nv0"));
	assert_int_equal(e.windows.nr, 2);
	assert_int_equal(e.windows.window[0].bus_base, 0x1000000000);
	assert_int_equal(e.windows.window[0].dma_base, 0);
	assert_int_equal(e.windows.window[0].bytes, 0x1000000000);
	assert_int_equal(e.windows.window[1].bus_base, 0xfffffff000);
	assert_int_equal(e.windows.window[1].dma_base, 0x1000131000);
	assert_int_equal(e.windows.window[1].bytes, 4096);
	assert_int_equal(hvcma_window_text_next(&text, &e, &err), VIRTIO_CMA_S_OK);
	assert_true(hvcma_slice_is(&e.client, "nv1"));
	assert_true(hvcma_dma_windows_is_identity(&e.windows));
	assert_int_equal(hvcma_window_text_next(&text, &e, &err), VIRTIO_CMA_S_OK);
	assert_int_equal(e.client.bytes, 0);
	assert_int_equal(e.windows.window[0].bus_base, UINT64_C(1) << 30);
	assert_int_equal(e.windows.window[0].bytes, UINT64_C(3) << 30);
	assert_string_equal(text, "");
}

static void refused(const char *text, size_t at, size_t bytes, const char *sentence)
{
	const char *rest = text;
	struct hvcma_window_text e, before;
	struct hvcma_text_error err = { .sentence = "" };

	memset(&e, 0x5a, sizeof(e));
	before = e;
	while (!hvcma_window_text_next(&rest, &e, &err)) {
		assert_true(*rest);
		before = e;
	}
	if (!strstr(err.sentence, sentence))
		fail_msg("%s: '%s' does not say '%s'", text, err.sentence, sentence);
	if (err.slice.text != text + at || err.slice.bytes != bytes)
		fail_msg("%s: at %td, %zu bytes", text, err.slice.text - text, err.slice.bytes);
	assert_memory_equal(&e, &before, sizeof(e));
}

static void what_is_wrong_is_shown(void **state)
{
	(void)state;
	refused("=0:0:4K", 0, 1, "client is missing");
	refused("nv0=", 4, 0, "number is missing");
	refused("nv0=0:0", 7, 0, "expected ':'");
	refused("nv0=0", 5, 0, "expected ':'");
	refused("nv0=0:0:4K;", 10, 1, "an entry must follow");
	refused("nv0=0:0:4K,nv1=0:0:4K", 10, 1, "expected '+' or ';'");
	refused("nv0=identical", 4, 1, "number is missing");
	refused("nv0=identity+0:0:4K", 12, 1, "expected '+' or ';'");
	refused("nv0=0:0:4K+", 11, 0, "number is missing");
	refused("0:0:0x10000000000000000", 4, 19, "too large");
	refused("12345678901234567890123456789012=0:0:4K", 0, 32, "client has more than 31 bytes");
	refused("a=0:0:4K;b=0:0:0", 11, 5, "its size is 0");
	refused("0:0:4K+0:4K:4K", 7, 7, "overlaps another one on the bus");
	refused("0:0:4K+4K:0:4K;x=identity", 7, 7, "overlaps another one in memory");
	refused("0:0:4000", 0, 8, "no multiple of 4096");
	refused("0x800:0:4K", 0, 10, "on the bus is no multiple of 4096");
	refused("0xfffffffffffff000:0:8K", 0, 23, "beyond 64 bits");
}

static void sixteen_are_allowed(void **state)
{
	char text[17 * 32] = "";
	struct hvcma_text_error err;
	struct hvcma_window_text e;
	const char *rest = text;

	(void)state;
	for (int i = 0; i < HVCMA_MAX_DMA_WINDOWS; i++)
		snprintf(text + strlen(text), 32, "%s%dG:%dM:4K", i ? "+" : "", i, 2 * i);
	assert_int_equal(hvcma_window_text_next(&rest, &e, &err), VIRTIO_CMA_S_OK);
	assert_int_equal(e.windows.nr, HVCMA_MAX_DMA_WINDOWS);
	strcat(text, "+99G:99M:4K");
	refused(text, strlen(text) - strlen("99G:99M:4K"), 1, "more than 16 windows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_read),
		cmocka_unit_test(what_is_wrong_is_shown),
		cmocka_unit_test(sixteen_are_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
