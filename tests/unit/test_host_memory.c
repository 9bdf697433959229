// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which of a host's RAM a client could ever be given, by recorded /proc/iomem files, and by that
 * of this machine.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/host/host_memory.h"

#define MIB	(UINT64_C(1) << 20)
#define GIB	(UINT64_C(1) << 30)

/* 3 GiB, a hole, and more from 4 GiB on; what is below a line belongs to it. */
static const char pc[] =
	"00000000-00000fff : Reserved\n"
	"00001000-0009fbff : System RAM\n"
	"000a0000-000bffff : PCI Bus 0000:00\n"
	"00100000-bffdffff : System RAM\n"
	"  01000000-01ffffff : Kernel code\n"
	"c0000000-febfffff : PCI Bus 0000:00\n"
	"  e0000000-e00fffff : System RAM\n"
	"100000000-63fffffff : System RAM\n"
	"  630000000-63fffffff : Crash kernel\n"
	"700000000-70fffffff : System RAM (virtio_mem)\n"
	"800000000-80fffffff : Persistent Memory\n";

/* What a process without privileges sees. */
static const char hidden[] =
	"00000000-00000000 : Reserved\n"
	"00000000-00000000 : System RAM\n"
	"00000000-00000000 : System RAM\n";

static char path[64];

static int record(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/hvcma-iomem.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int forget(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct hvcma_dma_windows window(uint64_t bus, uint64_t memory, uint64_t bytes)
{
	const struct hvcma_dma_window list[] = { { bus, memory, bytes } };
	struct hvcma_dma_windows_error wrong;
	struct hvcma_dma_windows w;

	assert_int_equal(hvcma_dma_windows_set(&w, list, 1, &wrong), 0);
	return w;
}

static bool reached(const struct hvcma_dma_windows *w, uint64_t max_bus, uint64_t granule)
{
	struct hvcma_host_memory found;

	assert_int_equal(hvcma_host_memory_reach(path, w, max_bus, granule, &found), 0);
	assert_int_equal(found.lowest_hpa, 0x1000);
	assert_int_equal(found.highest_hpa, 0x70fffffff);
	return found.is_reached;
}

static bool in_window(uint64_t memory, uint64_t bytes, uint64_t granule)
{
	const struct hvcma_dma_windows w = window(64 * GIB, memory, bytes);

	return reached(&w, UINT64_MAX, granule);
}

static void windows_lead_to_memory_or_not(void **state)
{
	(void)state;
	write_file(pc);
	assert_true(in_window(0, 64 * GIB, 2 * MIB));
	assert_true(in_window(GIB, 2 * MIB, 2 * MIB));
	assert_true(in_window(0x6f0000000, GIB, 2 * MIB));	/* that of virtio-mem */
	assert_false(in_window(0x600000000000, GIB, 2 * MIB));	/* above all of it */
	assert_false(in_window(3 * GIB, GIB, 2 * MIB));		/* the hole */
	assert_false(in_window(0xe0000000, MIB, 4096));		/* what is inside of something else */
	assert_false(in_window(0x800000000, GIB / 4, 2 * MIB));	/* other memory */
	/* a granule is aligned, and has to fit */
	assert_false(in_window(GIB + MIB, 2 * MIB, 2 * MIB));
	assert_true(in_window(GIB + MIB, 3 * MIB, 2 * MIB));
	assert_false(in_window(0, GIB, GIB));			/* its first 4 KiB are none, and the hole at 640 KiB */
	assert_true(in_window(0, 2 * GIB, GIB));
	assert_false(in_window(0xbfe00000, 16 * MIB, 2 * MIB));	/* cut by the end of memory */
}

static void address_bits_count_on_the_bus(void **state)
{
	const struct hvcma_dma_windows up = window(64 * GIB, 0, 64 * GIB),
				       down = window(0, 4 * GIB, 4 * GIB);
	struct hvcma_dma_windows all;

	(void)state;
	write_file(pc);
	hvcma_dma_windows_identity(&all);
	assert_true(reached(&all, UINT32_MAX, 2 * MIB));
	assert_true(reached(&all, UINT64_MAX, 2 * MIB));
	assert_false(reached(&all, MIB, 2 * MIB));
	assert_false(reached(&up, UINT32_MAX, 2 * MIB));	/* all that it has is above */
	assert_true(reached(&down, UINT32_MAX, 2 * MIB));	/* 4 GiB is at 0 */
}

static void windows_are_not_joined(void **state)
{
	const struct hvcma_dma_window list[] = {
		{ 0, GIB, MIB }, { 16 * MIB, GIB + MIB, MIB }, { 32 * MIB, GIB + 3 * MIB, 4 * MIB },
	};
	struct hvcma_dma_windows_error wrong;
	struct hvcma_dma_windows w;

	(void)state;
	write_file(pc);
	assert_int_equal(hvcma_dma_windows_set(&w, list, 2, &wrong), 0);
	assert_false(reached(&w, UINT64_MAX, 2 * MIB));
	assert_int_equal(hvcma_dma_windows_set(&w, list, 3, &wrong), 0);
	assert_true(reached(&w, UINT64_MAX, 2 * MIB));
}

static void what_is_not_told_is_not_known(void **state)
{
	struct hvcma_host_memory found = { 1, 2, true };
	struct hvcma_dma_windows all;

	(void)state;
	hvcma_dma_windows_identity(&all);
	write_file(hidden);
	assert_int_equal(hvcma_host_memory_reach(path, &all, UINT64_MAX, 4096, &found), -ENODATA);
	write_file("");
	assert_int_equal(hvcma_host_memory_reach(path, &all, UINT64_MAX, 4096, &found), -ENODATA);
	write_file("nonsense\n10-0 : System RAM\n-5 : System RAM\n1-2 System RAM\n");
	assert_int_equal(hvcma_host_memory_reach(path, &all, UINT64_MAX, 4096, &found), -ENODATA);
	assert_int_equal(hvcma_host_memory_reach("/nonexistent", &all, UINT64_MAX, 4096, &found), -ENOENT);
	assert_int_equal(found.lowest_hpa, 1);
	/* up to the last byte of all */
	write_file("ffffffffffe00000-ffffffffffffffff : System RAM\n");
	assert_int_equal(hvcma_host_memory_reach(path, &all, UINT64_MAX, 4096, &found), 0);
	assert_true(found.is_reached);
	assert_int_equal(hvcma_host_memory_reach(path, &all, UINT64_MAX, 2 * MIB, &found), 0);
	assert_false(found.is_reached);
}

/* All of memory, 1:1, has some, whoever's memory it is. */
static void this_machine(void **state)
{
	struct hvcma_host_memory found;
	struct hvcma_dma_windows all;

	(void)state;
	if (geteuid()) {
		print_message("only root sees addresses\n");
		skip();
	}
	hvcma_dma_windows_identity(&all);
	assert_int_equal(hvcma_host_memory_reach(HVCMA_IOMEM, &all, UINT64_MAX, 2 * MIB, &found), 0);
	assert_true(found.is_reached);
	assert_true(found.lowest_hpa < found.highest_hpa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_lead_to_memory_or_not),
		cmocka_unit_test(address_bits_count_on_the_bus),
		cmocka_unit_test(windows_are_not_joined),
		cmocka_unit_test(what_is_not_told_is_not_known),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, record, forget);
}
