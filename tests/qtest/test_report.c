// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reports: what they cost is bounded, all of a region can be had in parts, and
 * who reads changes nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/abi/version.h"
#include "tests/qtest/cma.h"

#define SMALL		4096ull
#define NR		4096u
#define LIST_MAX	1024u

static struct qtest *q;
static struct cma c;

/* 4096 granules of 4 KiB, each an extent of its own, every second one pinned. */
static void start_shattered(void)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-object memory-backend-memfd,id=m0,size=16M "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=4K,"
			"x-provider=fake,x-fake-extent=1,unsafe-noiommu=on");
	cma_open(&c, q, &virtio_pci);
	cma_shatter(&c, SMALL, NR);
}

static struct json_object *get(const char *property)
{
	return qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': {"
			    "'path': '/machine/peripheral/cma0', 'property': '%s'}}", property);
}

static struct json_object *member(struct json_object *obj, const char *name)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(obj, name, &value));
	return value;
}

static uint64_t number(struct json_object *obj, const char *name)
{
	return json_object_get_uint64(member(obj, name));
}

static size_t length(struct json_object *obj, const char *name)
{
	return json_object_array_length(member(obj, name));
}

static bool is_cut(struct json_object *obj, const char *list)
{
	return json_object_get_boolean(member(member(obj, "truncated"), list));
}

static void test_lists_are_cut(void **state)
{
	static const char *const lists[] = { "granules", "extents", "blocks" };
	struct json_object *report, *list;
	size_t i;

	(void)state;
	start_shattered();
	report = get("report");
	for (i = 0; i < 3; i++) {
		assert_int_equal(length(report, lists[i]), LIST_MAX);
		assert_true(is_cut(report, lists[i]));
		list = get(lists[i]);
		assert_int_equal(json_object_array_length(list), LIST_MAX);
		json_object_put(list);
	}
	assert_int_equal(number(member(report, "counters"), "extents"), NR);
	assert_int_equal(number(member(report, "counters"), "blocks"), NR / 2);
	assert_int_equal(number(member(report, "counters"), "pinned-bytes"), NR / 2 * SMALL);
	assert_int_equal(number(member(report, "counters"), "looked-bytes"), NR * SMALL);
	json_object_put(report);

	/* Control: what fits is not cut. */
	virtio_reset(&c.v);
	report = get("report");
	assert_int_equal(length(report, "granules"), 1);
	assert_false(is_cut(report, "granules"));
	assert_true(is_cut(report, "extents"));
	assert_false(is_cut(report, "blocks"));
	json_object_put(report);
	qtest_stop(q);
}

static void set_first(uint64_t first)
{
	json_object_put(qtest_qmp_ok(q, "{'execute': 'qom-set', 'arguments': {"
				     "'path': '/machine/peripheral/cma0', "
				     "'property': 'report-first', 'value': %llu}}",
				     (unsigned long long)first));
}

/* Every granule, extent and block once, in parts that say where they are. */
static void test_parts(void **state)
{
	uint64_t first, runs = 0, granules = 0, extents = 0, blocks = 0;
	struct json_object *part;
	unsigned int parts = 0;
	size_t i;

	(void)state;
	start_shattered();
	for (first = 0; first < NR; parts++) {
		set_first(first);
		part = get("report-part");
		assert_int_equal(number(part, "first"), first);
		assert_int_equal(number(part, "of"), NR);
		for (i = 0; i < length(part, "granules"); i++) {
			struct json_object *run =
				json_object_array_get_idx(member(part, "granules"), i);

			assert_int_equal(number(run, "first"), granules);
			granules += number(run, "nr");
			runs++;
		}
		assert_true(i <= LIST_MAX);
		extents += length(part, "extents");
		blocks += length(part, "blocks");
		first += number(part, "nr");
		assert_int_equal(granules, first);
		json_object_put(part);
	}
	assert_int_equal(first, NR);
	assert_int_equal(runs, NR);
	assert_int_equal(extents, NR);
	assert_int_equal(blocks, NR / 2);
	assert_int_equal(parts, NR / LIST_MAX);

	/* The others still begin with the first granule. */
	part = get("granules");
	assert_int_equal(number(json_object_array_get_idx(part, 0), "first"), 0);
	json_object_put(part);
	qtest_qmp_refused(q, "virtio-cma 'banka': report-first=4096: the region has 4096 granules",
			  "{'execute': 'qom-set', 'arguments': {'path': '/machine/peripheral/cma0', "
			  "'property': 'report-first', 'value': 4096}}");
	assert_int_equal(json_object_get_uint64(get("report-first")), NR - LIST_MAX);
	qtest_stop(q);
}

static char file[64];

/*
 * Real memory, of which pages come and go behind the device's back: the report
 * shows it, the device goes by what it knows.
 */
static void test_reading_changes_nothing(void **state)
{
	struct virtio_cma_config before, after;

	(void)state;
	qtest_skip_unless_built();
	if (geteuid()) {
		print_message("# skipped: needs root\n");
		skip();
	}
	snprintf(file, sizeof(file), "/dev/shm/hvcma-report-%d", getpid());
	q = qtest_start(QTEST_Q35, "-object memory-backend-file,id=m0,size=1M,share=on,mem-path=%s "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=4K", file);
	cma_open(&c, q, &virtio_pci);
	cma_config(&c, &before);
	assert_int_equal(before.backed_bytes, 0);
	qtest_writeq(q, c.base_gpa, 1);
	assert_int_equal(qtest_get(q, "/counters/migratable-bytes"), SMALL);
	qtest_assert_text(q, "/granules/0/state", "migratable");
	cma_config(&c, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	qtest_stop(q);
}

/* Contents that another process has put into the file: QEMU has no page of them. */
static void test_swapped(void **state)
{
	struct virtio_cma_block block;
	const uint64_t value = 0x5a5a;
	int fd;

	(void)state;
	qtest_skip_unless_built();
	if (geteuid()) {
		print_message("# skipped: needs root\n");
		skip();
	}
	snprintf(file, sizeof(file), "/dev/shm/hvcma-report-%d", getpid());
	q = qtest_start(QTEST_Q35, "-object memory-backend-file,id=m0,size=1M,share=on,mem-path=%s "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=4K", file);
	cma_open(&c, q, &virtio_pci);
	fd = open(file, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &value, sizeof(value), 2 * SMALL), sizeof(value));
	close(fd);
	qtest_assert_text(q, "/granules/0/state", "unbacked");
	assert_int_equal(qtest_get(q, "/granules/0/nr"), 2);
	qtest_assert_text(q, "/granules/1/state", "swapped");
	assert_int_equal(qtest_get(q, "/granules/1/nr"), 1);
	assert_int_equal(qtest_get(q, "/counters/swapped-bytes"), SMALL);
	assert_int_equal(qtest_get(q, "/counters/unbacked-bytes"), 255 * SMALL);
	assert_int_equal(cma_alloc(&c, 256 * SMALL, VIRTIO_CMA_CLIENT_SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_readq(q, c.base_gpa + 2 * SMALL), value);
	assert_int_equal(qtest_get(q, "/counters/swapped-bytes"), 0);
	qtest_stop(q);
}

/* Without a service, which has one of its own (test_service). */
static void test_versions(void **state)
{
	(void)state;
	q = qtest_start(QTEST_Q35, "-object memory-backend-memfd,id=m0,size=1M "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=4K,x-provider=fake");
	qtest_assert_text(q, "/versions/device", HVCMA_VERSION);
	qtest_assert_text(q, "/versions/service", "");
	qtest_stop(q);
}

static int remove_file(void **state)
{
	(void)state;
	if (file[0])
		unlink(file);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_are_cut),
		cmocka_unit_test(test_parts),
		cmocka_unit_test_teardown(test_reading_changes_nothing, remove_file),
		cmocka_unit_test_teardown(test_swapped, remove_file),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
