// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pin=all: a reusable region that is pinned from before the guest runs. All of it can be reached by
 * clients, in a block or not; what a guest does, and its resets, unpin nothing; and the end does.
 * On real memory: test_local.c; what is refused: test_options.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/edu.h"
#include "tests/qtest/hotplug.h"

#define EDU_BAR		0xe0000000u

#define NR		32
#define SHARED		VIRTIO_CMA_CLIENT_SHARED
#define PINNED		(CMA_FEATURES | CMA_F(PINNED))
#define M0		"-object memory-backend-memfd,id=m0,size=64M "
#define DEV		"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake," \
			"mode=reusable"
#define HPA		",unsafe-noiommu=on,x-fabric=on,x-fake-extent=2,x-fake-shuffle=on," \
			"x-fake-base=0x7f00000000"

static struct qtest *q;
static struct cma c;
static uint8_t edu;

static void start(const char *options)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 "-device edu,id=edu0,dma_mask=0xffffffffffffffff "
			DEV ",clients=edu0%s", options);
	qtest_run(q);
	cma_open_as(&c, q, &virtio_pci, strstr(options, "pin=all") ? PINNED : CMA_FEATURES);
	edu = qtest_pci_find(q, 0, EDU_ID);
	qtest_pci_write(q, 0, edu, BAR0, EDU_BAR);
	qtest_pci_write(q, 0, edu, COMMAND, COMMAND_ON);
}

static void claim(void)
{
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_pci_write(q, 0, edu, COMMAND, COMMAND_ON);
}

static void expect_pinned(struct qtest *qemu, uint64_t bytes)
{
	assert_int_equal(qtest_get(qemu, "/counters/pinned-bytes"), bytes);
	assert_int_equal(qtest_get(qemu, "/counters/provider-pinned-bytes"), bytes);
}

/* The extents, as the guest driver reads them. Return: how many. */
static uint64_t extents(struct virtio_cma_extent *list)
{
	struct virtio_cma_query_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_QUERY, .bytes = sizeof(req) },
		.what = VIRTIO_CMA_QUERY_EXTENTS,
	};
	struct {
		struct virtio_cma_query_resp head;
		struct virtio_cma_extent extents[NR];
	} resp;

	memset(&resp, 0, sizeof(resp));
	assert_true(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp)) > 0);
	assert_int_equal(resp.head.hdr.status, VIRTIO_CMA_S_OK);
	memcpy(list, resp.extents, sizeof(resp.extents));
	return resp.head.total;
}

static uint64_t dma_of(const struct virtio_cma_extent *list, uint64_t gpa)
{
	while (gpa - list->base_gpa >= list->bytes)
		list++;
	return list->base_dma + (gpa - list->base_gpa);
}

static void dma(uint64_t src, uint64_t dst, uint64_t cmd)
{
	edu_dma(q, EDU_BAR, src, dst, 8, cmd);
}

static void test_seen(void **state)
{
	struct virtio_cma_config config;

	(void)state;
	start(",pin=all");
	cma_config(&c, &config);
	assert_int_equal(config.flags, VIRTIO_CMA_FLAG_PINNED);
	assert_int_equal(config.pinned_bytes, 64 * MIB);
	qtest_assert_text(q, "/region/pin", "all");
	qtest_assert_text(q, "/granules/0/state", "pinned");
	assert_int_equal(qtest_get(q, "/granules/0/nr"), NR);
	assert_int_equal(qtest_get(q, "/counters/migratable-bytes"), 0);
	expect_pinned(q, 64 * MIB);
	qtest_stop(q);

	start(",pin=blocks");
	cma_config(&c, &config);
	assert_int_equal(config.flags, 0);
	qtest_assert_text(q, "/region/pin", "blocks");
	expect_pinned(q, 0);
	qtest_stop(q);
}

/* Every granule, of no block, both ways. */
static void test_all_is_reached(void **state)
{
	struct virtio_cma_extent list[NR];
	unsigned int i;

	(void)state;
	start(",pin=all" HPA);
	claim();
	assert_true(extents(list) > 1);
	for (i = 0; i < NR; i++) {
		uint64_t gpa = c.base_gpa + i * CMA_GRANULE + i * 8;

		qtest_writeq(q, gpa, 0x1122334455667700u + i);
		dma(dma_of(list, gpa), EDU_BUFFER, 0);
		dma(EDU_BUFFER, dma_of(list, gpa + 4096), EDU_TO_MEMORY);
		assert_true(qtest_readq(q, gpa + 4096) == 0x1122334455667700u + i);
	}
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 0);
	qtest_stop(q);
}

/* The control: the same addresses, which nothing has pinned. */
static void test_blocks_alone_fault(void **state)
{
	struct virtio_cma_extent list[NR];

	(void)state;
	start(HPA);
	claim();
	extents(list);
	dma(dma_of(list, c.base_gpa), EDU_BUFFER, 0);
	assert_true(qtest_get(q, "/counters/fabric-faults") > 0);
	qtest_stop(q);
}

static void test_nothing_unpins(void **state)
{
	struct virtio_cma_extent before[NR], after[NR];
	struct virtio_cma_block block;

	(void)state;
	start(",pin=all" HPA);
	claim();
	extents(before);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(block.base_dma, dma_of(before, block.base_gpa));
	expect_pinned(q, 64 * MIB);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	expect_pinned(q, 64 * MIB);
	virtio_reset(&c.v);
	expect_pinned(q, 64 * MIB);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	expect_pinned(q, 64 * MIB);
	cma_open_as(&c, q, &virtio_pci, PINNED);
	extents(after);
	assert_memory_equal(before, after, sizeof(after));
	/* Another driver, of before: the same memory. */
	cma_open_as(&c, q, &virtio_pci, CMA_FEATURES);
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	expect_pinned(q, 64 * MIB);
	qtest_stop(q);
}

/* Whoever can't be stopped keeps all of it, at a reset and at the end. */
static void test_quarantine(void **state)
{
	(void)state;
	start(",pin=all" HPA ",x-fake-fault=quiesce:0:100:5");
	claim();
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/quarantined-bytes"), 64 * MIB);
	expect_pinned(q, 64 * MIB);
	qtest_stop(q);
}

static void test_unplug(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 HOTPLUG_PORT DEV ",pin=all,bus=rp0");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	expect_pinned(q, 64 * MIB);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_eject(q);
	/* Its memory is free for the next one, which pins it again. */
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0',"
				     "'memdev': 'm0', 'granule': 2097152, 'mode': 'reusable',"
				     "'pin': 'all', 'x-provider': 'fake'}}"));
	expect_pinned(q, 64 * MIB);
	qtest_stop(q);
}

/* A plug that can't pin leaves nothing behind. */
static void test_failed_plug(void **state)
{
	struct json_object *devices;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 "-device pcie-root-port,id=rp0");
	qtest_qmp_refused(q, "pin=all can't pin the region's 67108864 bytes",
			  "{'execute': 'device_add', 'arguments': {"
			  "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0', 'memdev': 'm0',"
			  "'granule': 2097152, 'mode': 'reusable', 'pin': 'all',"
			  "'x-provider': 'fake', 'x-fake-fault': 'pin:0:1:5'}}");
	devices = qtest_qmp_ok(q, "{'execute': 'query-memory-devices'}");
	assert_int_equal(json_object_array_length(devices), 0);
	json_object_put(devices);
	qtest_stop(q);
}

/* Guest-physical addresses: pinned at both ends, and both have to be told. */
static void test_migration(void **state)
{
	static const char region[] = M0 "-device edu,id=edu0 " DEV ",clients=edu0";
	struct virtio_cma_block block;
	struct virtio_cma_config config;
	char file[64];

	(void)state;
	qtest_skip_unless_built();
	snprintf(file, sizeof(file), "/tmp/hvcma-pin-all-%d", getpid());
	q = qtest_start(QTEST_Q35, "%s,pin=all", region);
	cma_open_as(&c, q, &virtio_pci, PINNED);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_writeq(q, c.base_gpa + 5 * CMA_GRANULE, 0x6f6e6c696e65);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	qtest_wait_migrated(q);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, "-incoming defer %s,pin=all", region);
	expect_pinned(q, 64 * MIB);
	qtest_qmp_refused(q, "virtio-cma 'banka': pin=all can't be migrated by postcopy",
			  "{'execute': 'migrate-set-capabilities', 'arguments': {'capabilities': "
			  "[{'capability': 'postcopy-ram', 'state': true}]}}");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	c.v.q = q;
	expect_pinned(q, 64 * MIB);
	cma_config(&c, &config);
	assert_int_equal(config.flags, VIRTIO_CMA_FLAG_PINNED);
	assert_true(qtest_readq(q, c.base_gpa + 5 * CMA_GRANULE) == 0x6f6e6c696e65u);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	expect_pinned(q, 64 * MIB);
	qtest_stop(q);

	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': flags is 0x0 here, 0x8 at the source",
			     "-incoming file:%s %s", file, region);
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_all_is_reached),
		cmocka_unit_test(test_blocks_alone_fault),
		cmocka_unit_test(test_nothing_unpins),
		cmocka_unit_test(test_quarantine),
		cmocka_unit_test(test_unplug),
		cmocka_unit_test(test_failed_plug),
		cmocka_unit_test(test_migration),
	};

	return cmocka_run_group_tests_name("pin=all", tests, NULL, NULL);
}
