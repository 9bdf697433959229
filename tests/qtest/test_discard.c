// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What of a private region is there, for the rest of QEMU: a device behind an
 * IOMMU (plugin/mapper.c) follows the blocks, and nothing faults in what no
 * block has.
 *
 *	granule     0 1 2 3 4 ... 31
 *	            [block] .......... no pages: not mapped, migrated, dumped
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"
#include "tests/qtest/pages.h"

#define PATTERN		0x64657669636521ll	/* what the mapper's device writes */
#define SHARED		VIRTIO_CMA_CLIENT_SHARED

#define MEMDEV	"-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
#define REGION	"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka"
#define MAPPER	" -device hvcma-test-mapper,id=map0,memdev=m0"
#define MAPPER1	" -device hvcma-test-mapper,id=map1,memdev=m0"

/*
 * With TCG QEMU 10.0 asserts in a migration, once RAM gets dirty, that each block
 * of memory is no longer than the first: so the machine's RAM must be that.
 */
#define RAM_FIRST "-object memory-backend-ram,id=ram,size=256M -machine memory-backend=ram "

static struct qtest *q;
static struct cma c;
static char file[64];

static void start(const char *options)
{
	q = qtest_start(QTEST_Q35, MEMDEV REGION "%s", pages_folder(), options);
	cma_open(&c, q, &virtio_pci);
}

static uint64_t number(const char *device, const char *property)
{
	struct json_object *value = qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': "
						 "{'path': '/machine/peripheral/%s', "
						 "'property': '%s'}}", device, property);
	uint64_t n = json_object_get_uint64(value);

	json_object_put(value);
	return n;
}

static void set_number(const char *device, const char *property, uint64_t value)
{
	json_object_put(qtest_qmp_ok(q, "{'execute': 'qom-set', 'arguments': "
				     "{'path': '/machine/peripheral/%s', 'property': '%s', "
				     "'value': %llu}}", device, property,
				     (unsigned long long)value));
}

static void attach(void)
{
	json_object_put(qtest_qmp_ok(q, "{'execute': 'qom-set', 'arguments': {'path': "
				     "'/machine/peripheral/map0', 'property': 'attached', "
				     "'value': true}}"));
}

static void device_writes(uint64_t gpa)
{
	set_number("map0", "write", gpa - c.base_gpa);
}

static uint64_t bits_of(const struct virtio_cma_block *b)
{
	return ((1ull << b->bytes / CMA_GRANULE) - 1) << (b->base_gpa - c.base_gpa) / CMA_GRANULE;
}

/* ---- a device behind an IOMMU ---- */

/* A freed block's new page is the one that the device writes to. */
static void follow(const char *options)
{
	struct virtio_cma_block first, again, other;

	start(options);
	assert_int_equal(number("map0", "mapped"), 0);
	assert_int_equal(pages_nr_mapped(q), 0);

	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &first), VIRTIO_CMA_S_OK);
	assert_int_equal(number("map0", "mapped"), bits_of(&first));
	device_writes(first.base_gpa + CMA_GRANULE);
	assert_true(qtest_readq(q, first.base_gpa + CMA_GRANULE) == PATTERN);

	assert_int_equal(cma_free(&c, first.base_gpa, first.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(number("map0", "mapped"), 0);
	device_writes(first.base_gpa);
	assert_int_equal(number("map0", "faults"), 1);

	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &again), VIRTIO_CMA_S_OK);
	assert_true(again.base_gpa == first.base_gpa);
	qtest_writeq(q, again.base_gpa, 0);
	device_writes(again.base_gpa);
	assert_true(qtest_readq(q, again.base_gpa) == PATTERN);

	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &other), VIRTIO_CMA_S_OK);
	assert_int_equal(number("map0", "mapped"), bits_of(&again) | bits_of(&other));
	virtio_reset(&c.v);
	assert_int_equal(number("map0", "mapped"), 0);
	qtest_stop(q);
}

static void test_device_follows(void **state)
{
	(void)state;
	follow(",discard=on" MAPPER);
}

static void test_device_follows_without_discard(void **state)
{
	(void)state;
	follow(MAPPER);
}

/* A device that comes later finds what is there; the one that stays is left alone. */
static void test_late_device(void **state)
{
	struct virtio_cma_block block[3];
	int i;

	(void)state;
	start(",discard=on" MAPPER ",attached=off");
	for (i = 0; i < 3; i++)
		assert_int_equal(cma_alloc(&c, (i + 1) * CMA_GRANULE, SHARED, &block[i]),
				 VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, block[1].base_gpa, block[1].bytes), VIRTIO_CMA_S_OK);
	attach();
	assert_int_equal(number("map0", "mapped"), bits_of(&block[0]) | bits_of(&block[2]));
	device_writes(block[2].base_gpa);
	assert_true(qtest_readq(q, block[2].base_gpa) == PATTERN);
	assert_int_equal(cma_free(&c, block[0].base_gpa, block[0].bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(number("map0", "mapped"), bits_of(&block[2]));
	qtest_stop(q);
}

/* It can't map: the guest is told, nobody has it mapped, nothing stays pinned. */
static void test_device_refuses(void **state)
{
	struct virtio_cma_block small, big;

	(void)state;
	start(",discard=on" MAPPER MAPPER1);
	set_number("map0", "max-mapped", 3 * CMA_GRANULE);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &small), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, 3 * CMA_GRANULE, SHARED, &big), VIRTIO_CMA_S_IO);
	assert_non_null(strstr(qtest_stderr(q), "virtio-cma 'banka': a device of this virtual machine "
			       "can't map 3 granules from"));
	assert_int_equal(number("map0", "mapped"), bits_of(&small));
	assert_int_equal(number("map1", "mapped"), bits_of(&small));
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), CMA_GRANULE);
	set_number("map0", "max-mapped", 64 * MIB);
	assert_int_equal(cma_alloc(&c, 3 * CMA_GRANULE, SHARED, &big), VIRTIO_CMA_S_OK);
	assert_int_equal(number("map1", "mapped"), bits_of(&small) | bits_of(&big));
	qtest_stop(q);
}

static void test_unplug(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	q = qtest_start(QTEST_Q35, MEMDEV HOTPLUG_PORT MAPPER " " REGION ",discard=on,bus=rp0",
			pages_folder());
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(number("map0", "mapped"), bits_of(&block));
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_eject(q);
	assert_int_equal(number("map0", "mapped"), 0);
	qtest_stop(q);
}

/* ---- a device that maps everything for good ---- */

static void test_device_for_good(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': discard=on discards pages of guest memory, "
			     "but another device of this virtual machine maps all of it for good",
			     MEMDEV MAPPER ",follows=off " REGION ",discard=on", pages_folder());
	qtest_expect_refusal(QTEST_Q35, "map0: can't disable discards of RAM",
			     MEMDEV REGION ",discard=on" MAPPER ",follows=off", pages_folder());

	/* without discard=on no page ever goes */
	start(MAPPER ",follows=off");
	assert_int_equal(number("map0", "mapped"), 0xffffffff);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	device_writes(block.base_gpa);
	assert_true(qtest_readq(q, block.base_gpa) == PATTERN);
	qtest_stop(q);
}

/* A region that is refused, early or late, keeps no device from coming. */
static void test_refused_region(void **state)
{
	static const char add[] = "{'execute': 'device_add', 'arguments': {'driver': "
				  "'virtio-cma-pci', 'memdev': 'm0', 'bus': 'rp0', "
				  "'discard': true, '%s': '%s'}}";

	(void)state;
	q = qtest_start(QTEST_Q35, MEMDEV "-device pcie-root-port,id=rp0" MAPPER
			",follows=off,attached=off", pages_folder());
	qtest_qmp_refused(q, "policy='worst' is not supported", add, "policy", "worst");
	qtest_qmp_refused(q, "can't learn the addresses", add, "x-provider': 'fake', "
			  "'x-fake-fault", "hpa:0:1:5");
	attach();
	qtest_qmp_refused(q, "discard=on discards pages", add, "name", "banka");
	qtest_stop(q);
}

/* ---- migration and dumps ---- */

static const char *migration_status(void)
{
	static char text[32];
	struct json_object *info = qtest_qmp_ok(q, "{'execute': 'query-migrate'}"), *status;

	snprintf(text, sizeof(text), "%s", json_object_object_get_ex(info, "status", &status) ?
		 json_object_get_string(status) : "none");
	json_object_put(info);
	return text;
}

static void wait_migration(const char *wanted)
{
	unsigned int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		if (!strcmp(migration_status(), wanted))
			return;
		usleep(10000);
	}
	fail_msg("migration is %s, not %s", migration_status(), wanted);
}

static void migrate(void)
{
	snprintf(file, sizeof(file), "/tmp/hvcma-discard-%d", getpid());
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
}

/* Neither end gets pages that are in no block; what is in blocks arrives. */
static void test_migration(void **state)
{
	struct virtio_cma_block block, freed;

	(void)state;
	start("");
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &freed), VIRTIO_CMA_S_OK);
	qtest_writeq(q, block.base_gpa + CMA_GRANULE, 0xabcd);
	qtest_writeq(q, freed.base_gpa, 0xabcd);
	assert_int_equal(cma_free(&c, freed.base_gpa, freed.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped(q), 3);
	migrate();
	wait_migration("completed");
	assert_int_equal(pages_nr_mapped(q), 3);
	qtest_stop(q);
	pages_assert_free(PAGES_NR);

	q = qtest_start(QTEST_Q35, "-incoming defer " MEMDEV REGION MAPPER, pages_folder());
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	wait_migration("completed");
	assert_int_equal(pages_nr_mapped(q), 2);
	assert_int_equal(number("map0", "mapped"), bits_of(&block));
	c.v.q = q;
	assert_true(qtest_readq(q, block.base_gpa + CMA_GRANULE) == 0xabcd);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

/* What blocks leave while a migration runs goes at its end, what they take is in it. */
static void test_blocks_during_migration(void **state)
{
	struct virtio_cma_block freed, back, taken;
	unsigned int i;

	(void)state;
	start(",discard=on" MAPPER);
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &freed), VIRTIO_CMA_S_OK);
	for (i = 0; i < 2 * CMA_GRANULE / 4096; i++)
		qtest_writeq(q, freed.base_gpa + i * 4096, ~0ull - i);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-set-parameters', 'arguments': "
				     "{'max-bandwidth': 100000}}"));
	migrate();
	wait_migration("active");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &taken), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, freed.base_gpa, freed.bytes), VIRTIO_CMA_S_OK);
	assert_string_equal(migration_status(), "active");
	assert_int_equal(pages_nr_mapped(q), 3);
	assert_int_equal(number("map0", "mapped"), bits_of(&freed) | bits_of(&taken));
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &back), VIRTIO_CMA_S_OK);
	assert_int_equal(number("map0", "mapped"), bits_of(&freed) | bits_of(&taken));
	assert_true(qtest_readq(q, back.base_gpa) != 0);
	assert_string_equal(migration_status(), "active");

	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate_cancel'}"));
	wait_migration("cancelled");
	assert_int_equal(number("map0", "mapped"), bits_of(&back) | bits_of(&taken));
	assert_int_equal(pages_nr_mapped(q), 2);
	qtest_writeq(q, back.base_gpa, 0);
	device_writes(back.base_gpa);
	assert_true(qtest_readq(q, back.base_gpa) == PATTERN);
	qtest_stop(q);
}

/* Taken while a migration runs: sent, too. */
static void test_block_taken_during_migration(void **state)
{
	struct virtio_cma_block held, block;
	unsigned int i;

	(void)state;
	q = qtest_start(QTEST_Q35, RAM_FIRST MEMDEV REGION, pages_folder());
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_writeq(q, block.base_gpa, 0xabcd);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &held), VIRTIO_CMA_S_OK);
	for (i = 0; i < CMA_GRANULE / 4096; i++)
		qtest_writeq(q, held.base_gpa + i * 4096, ~0ull - i);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-set-parameters', 'arguments': "
				     "{'max-bandwidth': 100000}}"));
	migrate();
	wait_migration("active");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_true(qtest_readq(q, block.base_gpa) == 0xabcd);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-set-parameters', 'arguments': "
				     "{'max-bandwidth': 1000000000}}"));
	wait_migration("completed");
	qtest_stop(q);
	pages_assert_free(PAGES_NR);

	q = qtest_start(QTEST_Q35, "-incoming defer " RAM_FIRST MEMDEV REGION, pages_folder());
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	wait_migration("completed");
	assert_true(qtest_readq(q, block.base_gpa) == 0xabcd);
	qtest_stop(q);
}

static void test_postcopy_refused(void **state)
{
	(void)state;
	q = qtest_start(QTEST_Q35, "-incoming defer " MEMDEV REGION, pages_folder());
	qtest_qmp_refused(q, "virtio-cma 'banka': mode=private can't be migrated by postcopy",
			  "{'execute': 'migrate-set-capabilities', 'arguments': {'capabilities': "
			  "[{'capability': 'postcopy-ram', 'state': true}]}}");
	qtest_stop(q);
}

/* RAM, 3 granules; the holes of the region are not in it, nor read for it. */
static void test_dump(void **state)
{
	struct virtio_cma_block block;
	struct stat st;

	(void)state;
	start(",discard=on");
	assert_int_equal(cma_alloc(&c, 3 * CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	snprintf(file, sizeof(file), "/tmp/hvcma-discard-%d", getpid());
	json_object_put(qtest_qmp_ok(q, "{'execute': 'dump-guest-memory', 'arguments': {"
				     "'paging': false, 'protocol': 'file:%s'}}", file));
	assert_int_equal(pages_nr_mapped(q), 3);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size > 6 * (off_t)MIB);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'dump-guest-memory', 'arguments': {"
				     "'paging': false, 'protocol': 'file:%s', 'begin': %llu, "
				     "'length': %llu}}", file, (unsigned long long)c.base_gpa,
				     (unsigned long long)(64 * MIB)));
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size >= 6 * (off_t)MIB && st.st_size < 7 * (off_t)MIB);
	assert_int_equal(pages_nr_mapped(q), 3);
	qtest_stop(q);
}

static int clean_up(void **state)
{
	if (file[0])
		unlink(file);
	file[0] = '\0';
	return pages_check_after(state);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, pages_check, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_device_follows), TEST(test_device_follows_without_discard),
		TEST(test_late_device), TEST(test_device_refuses), TEST(test_unplug),
		TEST(test_device_for_good), TEST(test_refused_region), TEST(test_migration),
		TEST(test_blocks_during_migration), TEST(test_block_taken_during_migration),
		TEST(test_postcopy_refused), TEST(test_dump),
	};

	qtest_add_preload("hvcma-test-devices.so");
	return cmocka_run_group_tests_name("discards", tests, pages_mount, pages_unmount);
}
