// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA windows: lists that are good and those that are not, translation both ways, what of
 * a range can be reached. Compared with a model that looks at single pages. How clients
 * get their windows is for tests of the device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/core/dma_windows.h"

#define GIB	(UINT64_C(1) << 30)
#define PAGE	UINT64_C(4096)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static struct hvcma_dma_windows made(const struct hvcma_dma_window *list, uint32_t nr)
{
	struct hvcma_dma_windows_error err = { 0 };
	struct hvcma_dma_windows w;

	memset(&w, 0xa5, sizeof(w));
	assert_int_equal(hvcma_dma_windows_set(&w, list, nr, &err), VIRTIO_CMA_S_OK);
	assert_null(err.sentence);
	return w;
}

/* Windows of a Raspberry Pi 5's external PCIe. */
static const struct hvcma_dma_window pi5[] = {
	{ 0x1000000000, 0, 64 * GIB },
	{ 0xfffffff000, 0x1000131000, PAGE },
};

static void an_address_is_translated_both_ways(void **state)
{
	struct hvcma_dma_windows w = made(pi5, ARRAY_SIZE(pi5));
	uint64_t bus = 1, dma = 1;

	(void)state;
	assert_true(hvcma_dma_windows_to_bus(&w, 0x80200000, 0x200000, &bus));
	assert_int_equal(bus, 0x1080200000);
	assert_true(hvcma_dma_windows_to_dma(&w, bus, 0x200000, &dma));
	assert_int_equal(dma, 0x80200000);
	assert_true(hvcma_dma_windows_to_bus(&w, 0x1000131ffc, 4, &bus));
	assert_int_equal(bus, 0xfffffffffc);

	/* to the last byte, and not one more; nothing is nowhere */
	assert_true(hvcma_dma_windows_to_bus(&w, 64 * GIB - 1, 1, &bus));
	assert_int_equal(bus, 0x1000000000 + 64 * GIB - 1);
	bus = dma = 1;
	assert_false(hvcma_dma_windows_to_bus(&w, 64 * GIB - 1, 2, &bus));
	assert_false(hvcma_dma_windows_to_bus(&w, 64 * GIB, 1, &bus));
	assert_false(hvcma_dma_windows_to_bus(&w, 0, 0, &bus));
	assert_false(hvcma_dma_windows_to_bus(&w, PAGE, UINT64_MAX, &bus));
	assert_false(hvcma_dma_windows_to_dma(&w, 0x80200000, 1, &dma));
	assert_int_equal(bus, 1);
	assert_int_equal(dma, 1);
}

static void identity_has_no_limit(void **state)
{
	struct hvcma_dma_windows w, none = { 0 };
	const struct hvcma_dma_window lower = { 0, 0, 4 * GIB };
	struct hvcma_dma_windows limited = made(&lower, 1);
	uint64_t bus, first, bytes;

	(void)state;
	memset(&w, 0xa5, sizeof(w));
	hvcma_dma_windows_identity(&w);
	assert_true(hvcma_dma_windows_is_identity(&w));
	assert_true(hvcma_dma_windows_to_bus(&w, 0, UINT64_MAX - 4095, &bus));
	assert_int_equal(bus, 0);
	assert_true(hvcma_dma_windows_reach(&w, 5, 7, UINT64_MAX, &first, &bytes));
	assert_int_equal(first, 5);
	assert_int_equal(bytes, 7);
	/* what is as it is made by the list is the same */
	limited = made(w.window, 1);
	assert_memory_equal(&limited, &w, sizeof(w));

	limited = made(&lower, 1);
	assert_false(hvcma_dma_windows_is_identity(&limited));
	assert_false(hvcma_dma_windows_is_identity(&none));
	assert_false(hvcma_dma_windows_to_bus(&none, 0, 1, &bus));
	assert_false(hvcma_dma_windows_reach(&none, 0, PAGE, UINT64_MAX, &first, &bytes));
}

static void lists_are_sorted_and_joined(void **state)
{
	static const struct hvcma_dma_window list[] = {
		{ 0xc0000000, 0x40000000, 0x1000000 },
		{ 0x10000000, 0x20000000, 0x1000000 },
		{ 0x11000000, 0x21000000, 0x1000000 },	/* goes on */
		{ 0x13000000, 0x22000000, 0x1000000 },	/* in memory only */
	};
	static const struct hvcma_dma_window other[] = {
		{ 0x13000000, 0x22000000, 0x1000000 },
		{ 0x10000000, 0x20000000, 0x2000000 },
		{ 0xc0000000, 0x40000000, 0x1000000 },
	};
	struct hvcma_dma_windows a = made(list, ARRAY_SIZE(list));
	struct hvcma_dma_windows b = made(other, ARRAY_SIZE(other));
	uint64_t bus;

	(void)state;
	assert_int_equal(a.nr, 3);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(hvcma_dma_windows_equal(&a, &b));
	assert_true(hvcma_dma_windows_to_bus(&a, 0x20fff000, 0x2000, &bus));
	assert_false(hvcma_dma_windows_to_bus(&a, 0x21fff000, 0x2000, &bus));
	b = made(other, 2);
	assert_false(hvcma_dma_windows_equal(&a, &b));
	b = made(list, 3);
	assert_false(hvcma_dma_windows_equal(&a, &b));
}

static void bad_lists_are_refused_with_the_value(void **state)
{
	static const struct {
		struct hvcma_dma_window list[3];
		uint32_t nr, window, other;
		uint64_t value;
		const char *part;
	} bad[] = {
		{ { { 0 } }, 0, 0, 0, 0, "there is none" },
		{ { { 0, 0, 0 } }, 1, 0, 0, 0, "size is 0" },
		{ { { 0, 0, 0x1000 }, { 0x2000, 0x2000, 0x801 } }, 2, 1, 1, 0x801, "its size" },
		{ { { 0x800, 0, 0x1000 } }, 1, 0, 0, 0x800, "base on the bus" },
		{ { { 0, 0x1001, 0x1000 } }, 1, 0, 0, 0x1001, "base in memory" },
		{ { { -PAGE, 0, PAGE } }, 1, 0, 0, -PAGE, "end on the bus" },
		{ { { 0, -2 * PAGE, 2 * PAGE } }, 1, 0, 0, -2 * PAGE, "end in memory" },
		{ { { 0, 0, 0x3000 }, { 0x10000, 0x2000, 0x1000 } }, 2, 1, 0, 0x2000,
		  "in memory" },
		{ { { 0, 0x2000, 0x1000 }, { 0x10000, 0, 0x2001000 } }, 2, 1, 0, 0, "in memory" },
		{ { { 0, 0, 0x3000 }, { 0x9000, 0x9000, 0x1000 }, { 0x2000, 0x10000, 0x1000 } },
		  3, 2, 0, 0x2000, "on the bus" },
		{ { { 0, 0, 0x1000 }, { 0, 0, 0x1000 } }, 2, 1, 0, 0, "in memory" },
	};
	struct hvcma_dma_window many[HVCMA_MAX_DMA_WINDOWS + 1];
	struct hvcma_dma_windows w, before;
	struct hvcma_dma_windows_error err;

	(void)state;
	hvcma_dma_windows_identity(&w);
	before = w;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(hvcma_dma_windows_set(&w, bad[i].list, bad[i].nr, &err),
				 VIRTIO_CMA_S_INVAL);
		assert_non_null(strstr(err.sentence, bad[i].part));
		assert_int_equal(err.window, bad[i].window);
		assert_int_equal(err.other, bad[i].other);
		assert_int_equal(err.value, bad[i].value);
		assert_memory_equal(&w, &before, sizeof(w));
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct hvcma_dma_window){ i * 2 * PAGE, i * 3 * PAGE, PAGE };
	assert_int_equal(hvcma_dma_windows_set(&w, many, ARRAY_SIZE(many), &err),
			 VIRTIO_CMA_S_INVAL);
	assert_int_equal(err.window, HVCMA_MAX_DMA_WINDOWS);
	assert_int_equal(err.value, ARRAY_SIZE(many));
	/* one less is none too many */
	assert_int_equal(made(many, HVCMA_MAX_DMA_WINDOWS).nr, HVCMA_MAX_DMA_WINDOWS);
}

static void what_is_reached_is_found_part_by_part(void **state)
{
	/* a hole in memory, parts that change places on the bus */
	static const struct hvcma_dma_window list[] = {
		{ 0x80000, 0x10000, 0x4000 },
		{ 0x20000, 0x14000, 0x4000 },
		{ 0x40000, 0x1c000, 0x4000 },
	};
	struct hvcma_dma_windows w = made(list, ARRAY_SIZE(list));
	uint64_t first = 1, bytes = 1;

	(void)state;
	assert_true(hvcma_dma_windows_reach(&w, 0, 0x100000, UINT64_MAX, &first, &bytes));
	assert_int_equal(first, 0x10000);
	assert_int_equal(bytes, 0x4000);
	assert_true(hvcma_dma_windows_reach(&w, 0x14000, 0x100000, UINT64_MAX, &first, &bytes));
	assert_int_equal(first, 0x14000);
	assert_int_equal(bytes, 0x4000);
	assert_true(hvcma_dma_windows_reach(&w, 0x18000, 0x5000, UINT64_MAX, &first, &bytes));
	assert_int_equal(first, 0x1c000);
	assert_int_equal(bytes, 0x1000);
	/* a limit cuts windows on the bus, wherever they are in memory */
	assert_true(hvcma_dma_windows_reach(&w, 0, 0x100000, 0x41fff, &first, &bytes));
	assert_int_equal(first, 0x14000);
	assert_true(hvcma_dma_windows_reach(&w, 0x18000, 0x100000, 0x41fff, &first, &bytes));
	assert_int_equal(first, 0x1c000);
	assert_int_equal(bytes, 0x2000);
	first = bytes = 1;
	assert_false(hvcma_dma_windows_reach(&w, 0x18000, 0x4000, UINT64_MAX, &first, &bytes));
	assert_false(hvcma_dma_windows_reach(&w, 0, 0x10000, UINT64_MAX, &first, &bytes));
	assert_false(hvcma_dma_windows_reach(&w, 0x20000, UINT64_MAX, UINT64_MAX, &first, &bytes));
	assert_false(hvcma_dma_windows_reach(&w, 0x10000, 0, UINT64_MAX, &first, &bytes));
	assert_false(hvcma_dma_windows_reach(&w, 0, 0x100000, 0x1ffff, &first, &bytes));
	assert_int_equal(first, 1);
	assert_int_equal(bytes, 1);
}

#define MODEL_PAGES	64

/* Windows of single pages in a small world, and every question about every range of it. */
static void a_model_page_by_page_agrees(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct hvcma_dma_window list[4];
		struct hvcma_dma_windows_error err;
		struct hvcma_dma_windows w;
		int bus_of[MODEL_PAGES];

		for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
			uint64_t r[3];

			for (size_t k = 0; k < ARRAY_SIZE(r); k++) {
				seed = seed * 1103515245 + 12345;
				r[k] = seed >> 16;
			}
			list[i] = (struct hvcma_dma_window){ r[0] % 56 * PAGE, r[1] % 56 * PAGE,
							      (1 + r[2] % 8) * PAGE };
		}
		if (hvcma_dma_windows_set(&w, list, 1 + round % 4, &err))
			continue;
		for (int i = 0; i < MODEL_PAGES; i++)
			bus_of[i] = -1;
		for (int i = 0; i < 1 + round % 4; i++)
			for (uint64_t k = 0; k < list[i].bytes / PAGE; k++)
				bus_of[list[i].dma_base / PAGE + k] =
					(int)(list[i].bus_base / PAGE + k);
		for (int from = 0; from < MODEL_PAGES; from++) {
			int end = from;

			while (end < MODEL_PAGES && bus_of[end] >= 0 &&
			       bus_of[end] - bus_of[from] == end - from)
				end++;
			for (int to = from + 1; to <= MODEL_PAGES; to++) {
				uint64_t bus, dma, bytes = (uint64_t)(to - from) * PAGE;
				bool ok = hvcma_dma_windows_to_bus(&w, from * PAGE, bytes, &bus);

				assert_int_equal(ok, to <= end);
				if (!ok)
					continue;
				assert_int_equal(bus, bus_of[from] * PAGE);
				assert_true(hvcma_dma_windows_to_dma(&w, bus, bytes, &dma));
				assert_int_equal(dma, from * PAGE);
			}
		}
		for (int max = 0; max < MODEL_PAGES; max++) {
			uint64_t at = 0, first, bytes;
			bool reached[MODEL_PAGES] = { false };

			while (hvcma_dma_windows_reach(&w, at, MODEL_PAGES * PAGE - at,
						       max * PAGE + PAGE - 1, &first, &bytes)) {
				assert_true(first >= at && bytes);
				for (at = first; at < first + bytes; at += PAGE)
					reached[at / PAGE] = true;
			}
			for (int i = 0; i < MODEL_PAGES; i++)
				assert_int_equal(reached[i], bus_of[i] >= 0 && bus_of[i] <= max);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_translated_both_ways),
		cmocka_unit_test(identity_has_no_limit),
		cmocka_unit_test(lists_are_sorted_and_joined),
		cmocka_unit_test(bad_lists_are_refused_with_the_value),
		cmocka_unit_test(what_is_reached_is_found_part_by_part),
		cmocka_unit_test(a_model_page_by_page_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
