// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a report costs QEMU in the worst case, each granule in another state than
 * the one before it and an extent of its own: memory, with 262,144 granules; and
 * time, with 524,288 (1 TiB of 2 MiB granules, fake).
 *
 * Memory is how far the peak of QEMU's resident set rises above what it was, least
 * of a few: three lists of 1,024 entries of 4 to 5 KiB each, twice that for what
 * the C library keeps, and the text. Time is what the main thread runs from the
 * command to its answer, so that of the turn of the main loop and a little more,
 * whoever else uses the processors; median.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bench/decision.h"
#include "tests/qtest/cma.h"

#define ROUNDS		15
#define MEMORY_LIMIT_MB	64.0
#define TURN_LIMIT_MS	20.0

/* What the main thread has run so far. */
static double ran_ms(const struct qtest *q)
{
	char path[64];
	uint64_t ns;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)qtest_pid(q),
		 (int)qtest_pid(q));
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%" SCNu64, &ns), 1);
	fclose(f);
	return (double)ns * 1e-6;
}

/* A line of /proc/PID/status, in MB. */
static double status_mb(const struct qtest *q, const char *key)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)qtest_pid(q));
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kib = strtoul(line + strlen(key), NULL, 10);
	fclose(f);
	assert_true(kib);
	return (double)kib * 1024 / 1e6;
}

static void forget_peak(const struct qtest *q)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)qtest_pid(q));
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("5\n", f);
	fclose(f);
}

static void read_property(struct qtest *q, const char *property)
{
	json_object_put(qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': {"
				     "'path': '/machine/peripheral/cma0', 'property': '%s'}}",
				     property));
}

/* The main loop's own time. */
static void turn(struct qtest *q, const char *name, const char *property)
{
	struct bench_figure f = { .name = name, .unit = "ms", .goal = TURN_LIMIT_MS };
	double ms;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ms = ran_ms(q);
		read_property(q, property);
		bench_round(&f, ran_ms(q) - ms);
	}
	bench_judge(&f);
}

static void bench_memory(void)
{
	struct qtest *q = qtest_start(QTEST_Q35, "-object memory-backend-memfd,id=m0,size=1G "
				      "-device virtio-cma-pci,id=cma0,memdev=m0,granule=4K,"
				      "x-provider=fake,x-fake-extent=1,unsafe-noiommu=on");
	struct bench_figure f = { .name = "report_memory_262144", .unit = "MB", .goal = MEMORY_LIMIT_MB };
	double before, most = 0;
	struct cma c;
	int i;

	cma_open(&c, q, &virtio_pci);
	cma_shatter(&c, 4096, 262144);
	before = status_mb(q, "VmRSS:");
	for (i = 0; i < 5; i++) {
		forget_peak(q);
		read_property(q, "report");
		if (status_mb(q, "VmHWM:") - before > most)
			most = status_mb(q, "VmHWM:") - before;
	}
	qtest_stop(q);
	bench_add(&f, most, 1);
	bench_counted(&f);
}

static void bench_turn(void)
{
	struct qtest *q = qtest_start(QTEST_VIRT, "-m 256M,maxmem=4T "
				      "-object memory-backend-memfd,id=m0,size=1T "
				      "-device virtio-cma-device,id=cma0,memdev=m0,granule=2M,"
				      "x-provider=fake,x-fake-extent=1,unsafe-noiommu=on");
	struct cma c;

	cma_open(&c, q, &virtio_mmio);
	turn(q, "report_turn_1tib_unbacked", "report");
	cma_shatter(&c, 2 << 20, 524288);
	turn(q, "report_turn_1tib_shattered", "report");
	turn(q, "report_turn_1tib_part", "report-part");
	qtest_stop(q);
}

int main(void)
{
	if (access(qtest_plugin(), R_OK)) {
		printf("1..0 # SKIP the plugin is not built\n");
		return 77;
	}
	bench_memory();
	bench_turn();
	return bench_exit();
}
