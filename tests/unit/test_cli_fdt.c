// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt dma-ranges --qmp, as built, beside a QEMU that the test plays: extents are
 * host-physical, and what is written are the addresses that clients have on their bus. The
 * same with a real QEMU: vm/test_windows.
 */
#include "tests/unit/played_qemu.h"

#include "tests/fdt/rig.h"

/* A client of a report; windows as "{bus, memory, size}" of W(). */
#define W(bus, memory, bytes)							\
	"{\"bus-base\": " #bus ", \"base-dma\": " #memory ", \"bytes\": " #bytes "}"
#define CLIENT(name, windows)							\
	"{\"name\": \"" name "\", \"state\": \"claimed\","			\
	" \"windows-source\": \"device-tree\", \"windows\": [" windows "]}"
#define ABSENT(name) "{\"name\": \"" name "\", \"state\": \"absent\"}"
#define REPORT_OF(clients, more)						\
	"{\"return\": {\"extents\": ["						\
	"{\"base-gpa\": 1073741824, \"base-dma\": 8589934592, \"bytes\": 67108864},"	\
	"{\"base-gpa\": 1140850688, \"base-dma\": 12884901888, \"bytes\": 33554432}],"	\
	" \"clients\": [" clients "]" more "}}\r\n"

/* Memory from 8 GiB on, and that from 12 GiB on, 64 GiB further up, as behind a Raspberry Pi 5. */
#define PI	W(68719476736, 0, 68719476736)
/* 32 MiB from 8 GiB on, at 1 GiB. */
#define NARROW	W(1073741824, 8589934592, 33554432)
#define PLAIN	W(0, 0, 18446744073709547520)

struct expected {
	const char *report, *before, *after;	/* options on both sides of --qmp */
	int status;
	const char *says;			/* and */
	const char *windows;			/* "GPA DMA BYTES;" of each that is written */
};

static void write_tree(const char *path)
{
	static _Alignas(8) char fdt[RIG_ROOM];
	FILE *out = fopen(path, "w");

	rig_machine(fdt);
	assert_int_equal(fdt_pack(fdt), 0);
	assert_non_null(out);
	assert_int_equal(fwrite(fdt, fdt_totalsize(fdt), 1, out), 1);
	assert_int_equal(fclose(out), 0);
}

static void run_one(struct fixture *f, const struct expected *e)
{
	const char *const answers[] = { GREETING, DONE, e->report, NULL };
	char tree[96], line[1024];
	int got;

	snprintf(tree, sizeof(tree), "%s/dtb", f->dir);
	write_tree(tree);
	start_qemu(f, answers, SIZE_MAX, true);
	snprintf(line, sizeof(line), "fdt dma-ranges --device cma0 %s --qmp %s %s %s", e->before,
		 f->socket, e->after, tree);
	got = run_hvcma(f, line);
	if (got != e->status || !strstr(f->out, e->says))
		fail_msg("'%s': exit status %d, printed:\n%s", line, got, f->out);
	if (!got) {
		snprintf(line, sizeof(line), "fdt show %s | sed -n 's/^ *gpa \\(0x[0-9a-f]*\\)  dma \\(0x[0-9a-f]*\\)  /\\1 \\2 /p' | tr '\\n' ';'",
			 tree);
		run_hvcma(f, line);
		assert_string_equal(f->out, e->windows);
	}
	stop_qemu(f);
	unlink(tree);
}

#define RAW "0x040000000 0x200000000 64 MiB;0x044000000 0x300000000 32 MiB;"

static void addresses_are_those_of_the_bus(void **state)
{
	static const struct expected rows[] = {
		{ REPORT_OF(CLIENT("nv0", PLAIN), ""), "", "", HVCMA_EXIT_OK, "", RAW },
		{ REPORT_OF("", ""), "", "", HVCMA_EXIT_OK, "", RAW },
		{ REPORT_OF(ABSENT("nv0"), ""), "", "", HVCMA_EXIT_OK, "", RAW },
		{ REPORT_OF(CLIENT("nv0", PI), ""), "", "", HVCMA_EXIT_OK,
		  "addresses are those that client 'nv0' has on its bus (source: device-tree)",
		  "0x040000000 0x1200000000 64 MiB;0x044000000 0x1300000000 32 MiB;" },
		{ REPORT_OF(ABSENT("x") "," CLIENT("nv0", PI) "," CLIENT("nv1", PI), ""), "", "",
		  HVCMA_EXIT_OK, "client 'nv0'", "0x040000000 0x1200000000 64 MiB;0x044000000 0x1300000000 32 MiB;" },
		/* what is in no window is left out, and said */
		{ REPORT_OF(CLIENT("nv0", NARROW), ""), "", "", HVCMA_EXIT_OK, "0x4000000 bytes are left out",
		  "0x040000000 0x040000000 32 MiB;" },
		/* one of two */
		{ REPORT_OF(CLIENT("nv0", NARROW) "," CLIENT("nv1", PLAIN), ""), "--client nv1", "",
		  HVCMA_EXIT_OK, "", RAW },
		{ REPORT_OF(CLIENT("nv0", NARROW) "," CLIENT("nv1", PLAIN), ""), "--client nv0", "",
		  HVCMA_EXIT_OK, "client 'nv0'", "0x040000000 0x040000000 32 MiB;" },
		/* the user knows better */
		{ REPORT_OF(CLIENT("nv0", NARROW), ""), "", "--host-windows identity", HVCMA_EXIT_OK, "", RAW },
		{ REPORT_OF(CLIENT("nv0", NARROW), ""), "--host-windows 0:8G:8G", "", HVCMA_EXIT_OK, "",
		  "0x040000000 0x000000000 64 MiB;0x044000000 0x100000000 32 MiB;" },
		/* memory that is said to be 1:1 has nothing to do with a client's windows */
		{ REPORT_OF(CLIENT("nv0", PI), ""), "--identity 0x48000000,16M", "", HVCMA_EXIT_OK, "client 'nv0'",
		  "0x040000000 0x1200000000 64 MiB;0x044000000 0x1300000000 32 MiB;0x048000000 0x048000000 16 MiB;" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_one(*state, &rows[i]);
}

static void what_is_no_good_is_refused(void **state)
{
	static const struct expected rows[] = {
		{ REPORT_OF(CLIENT("nv0", PI) "," CLIENT("nv1", PLAIN), ""), "", "", HVCMA_EXIT_FAILED,
		  "client 'nv1' has other windows, and a bus has one list: --client ID says whose it is. The other one: nv0", "" },
		{ REPORT_OF(CLIENT("nv0", PI), ""), "--client nv7", "", HVCMA_EXIT_FAILED,
		  "client 'nv7' is not plugged, or of no such region", "" },
		{ REPORT_OF(ABSENT("nv0"), ""), "--client nv0", "", HVCMA_EXIT_FAILED,
		  "client 'nv0' is not plugged, or of no such region", "" },
		{ REPORT_OF(CLIENT("nv0", W(0, 0, 1073741824)), ""), "", "", HVCMA_EXIT_FAILED,
		  "the device reaches nothing of these extents", "" },
		{ REPORT_OF(CLIENT("nv0", ""), ""), "", "", HVCMA_EXIT_FAILED,
		  "window 0 of client 'nv0': there is none", "" },
		{ REPORT_OF(CLIENT("nv0", W(0, 0, 0)), ""), "", "", HVCMA_EXIT_FAILED,
		  "window 0 of client 'nv0': its size is 0: 0x0", "" },
		{ REPORT_OF(CLIENT("nv0", W(0, 0, 8192) "," W(4096, 1048576, 8192)), ""), "", "", HVCMA_EXIT_FAILED,
		  "window 1 of client 'nv0': it overlaps another one on the bus: 0x1000", "" },
		{ REPORT_OF(CLIENT("nv0", W(512, 0, 8192)), ""), "", "", HVCMA_EXIT_FAILED,
		  "its base on the bus is no multiple of 4096 bytes: 0x200", "" },
		{ REPORT_OF(CLIENT("nv0", W(0, 18446744073709547520, 8192)), ""), "", "", HVCMA_EXIT_FAILED,
		  "its end in memory is beyond 64 bits", "" },
		{ REPORT_OF(CLIENT("nv0", PI), ", \"truncated\": {\"extents\": true}"), "", "", HVCMA_EXIT_FAILED,
		  "device 'cma0' has more extents than the 2 that it reports", "" },
		{ REPORT_OF(CLIENT("nv0", PI), ""), "", "--client nv0", HVCMA_EXIT_USAGE,
		  "--client is of the --qmp that follows it", "" },
		{ REPORT_OF(CLIENT("nv0", PI), ""), "", "--device cma1", HVCMA_EXIT_USAGE,
		  "--device is of the --qmp that follows it", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_one(*state, &rows[i]);
}

/* One more than there can be. */
static void too_many(void **state)
{
	static char report[8192];
	struct expected e = { report, "", "", HVCMA_EXIT_FAILED, "window 16 of client 'nv0': it is one too many: 0x11", "" };
	FILE *out = fmemopen(report, sizeof(report), "w");

	assert_non_null(out);
	fputs("{\"return\": {\"extents\": [{\"base-gpa\": 0, \"base-dma\": 0, \"bytes\": 4096}],", out);
	fputs("\"clients\": [{\"name\": \"nv0\", \"windows\": [", out);
	for (int i = 0; i < 17; i++)
		fprintf(out, "%s{\"bus-base\": %d, \"base-dma\": %d, \"bytes\": 4096}", i ? "," : "", i * 8192,
			i * 16384);
	fputs("]}]}}\r\n", out);
	fclose(out);
	run_one(*state, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(addresses_are_those_of_the_bus),
		FIXTURE_TEST(what_is_no_good_is_refused),
		FIXTURE_TEST(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
