// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reset, unplug and replug, of the region and of its clients; the end of QEMU.
 * After each: nothing pinned, no bus master.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"

#define M0		"-object memory-backend-memfd,id=m0,size=64M "
#define EDU_ID		0x11e81234u
#define COMMAND		0x04
#define COMMAND_MEMORY	0x2
#define COMMAND_MASTER	0x4
#define SHARED		VIRTIO_CMA_CLIENT_SHARED

static struct qtest *q;
static struct cma c;

static void start(const char *options)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "%s", options);
}

static bool try_bus_master(uint8_t bus, uint8_t devfn)
{
	qtest_pci_write(q, bus, devfn, COMMAND, COMMAND_MEMORY | COMMAND_MASTER);
	return qtest_pci_read(q, bus, devfn, COMMAND) & COMMAND_MASTER;
}

static bool is_bus_master(uint8_t bus, uint8_t devfn)
{
	return qtest_pci_read(q, bus, devfn, COMMAND) & COMMAND_MASTER;
}

static void assert_idle(void)
{
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
	assert_int_equal(qtest_get(q, "/counters/quarantined-bytes"), 0);
}

/* What the report says of the guest's driver, from the first look to its end. */
static void test_driver_state(void **state)
{
	(void)state;
	start(M0 "-device virtio-cma-pci,id=cma0,memdev=m0,granule=2M,x-provider=fake");
	qtest_assert_text(q, "/driver/state", "none");
	assert_int_equal(qtest_get(q, "/driver/features"), 0);
	cma_open(&c, q, &virtio_pci);
	qtest_assert_text(q, "/driver/state", "running");
	assert_true(qtest_get(q, "/driver/features") & 1ull << 32);	/* version 1 */
	virtio_reset(&c.v);
	qtest_assert_text(q, "/driver/state", "none");
	c.v.t->set_status(&c.v, VIRTIO_S_ACKNOWLEDGE);
	qtest_assert_text(q, "/driver/state", "none");
	c.v.t->set_status(&c.v, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER);
	qtest_assert_text(q, "/driver/state", "starting");
	c.v.t->set_status(&c.v, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FAILED);
	qtest_assert_text(q, "/driver/state", "failed");
	cma_restart(&c);
	qtest_assert_text(q, "/driver/state", "running");
	qtest_writew(q, c.v.vq[VIRTIO_CMA_VQ_REQUEST].avail + 2, 0x8000);	/* more than there are */
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	assert_true(virtio_is_broken(&c.v));
	qtest_assert_text(q, "/driver/state", "broken");
	qtest_stop(q);
}

static void start_with_busy_client(struct virtio_cma_block *block, uint8_t *edu)
{
	start(M0 "-device edu,id=edu0 -device virtio-cma-pci,id=cma0,memdev=m0,granule=2M,"
	      "x-provider=fake,clients=edu0");
	cma_open(&c, q, &virtio_pci);
	*edu = qtest_pci_find(q, 0, EDU_ID);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, 0, block), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master(0, *edu));
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 1);
}

/* The negative control of all DMA: not claimed, no bus master. */
static void test_unclaimed_cannot_master(void **state)
{
	uint8_t edu;

	(void)state;
	start(M0 "-device edu,id=edu0 -device edu,id=edu1 -device virtio-cma-pci,id=cma0,memdev=m0,"
	      "granule=2M,x-provider=fake,clients=edu0");
	cma_open(&c, q, &virtio_pci);
	edu = qtest_pci_find(q, 0, EDU_ID);
	assert_false(try_bus_master(0, edu));
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
	/* its neighbour is no client: nobody interferes */
	assert_true(try_bus_master(0, edu + 8));

	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_false(is_bus_master(0, edu));
	assert_true(try_bus_master(0, edu));
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	assert_false(is_bus_master(0, edu));
	assert_false(try_bus_master(0, edu));
	qtest_stop(q);
}

static void test_device_reset(void **state)
{
	struct virtio_cma_block block;
	uint8_t edu;

	(void)state;
	start_with_busy_client(&block, &edu);
	virtio_reset(&c.v);
	assert_idle();
	assert_false(is_bus_master(0, edu));
	assert_false(try_bus_master(0, edu));
	qtest_assert_text(q, "/clients/0/state", "present");

	/* and all over again */
	cma_restart(&c);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, 64 * MIB, 0, &block), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

static void test_system_reset(void **state)
{
	struct virtio_cma_block block;
	uint8_t edu;

	(void)state;
	start_with_busy_client(&block, &edu);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_idle();
	assert_false(is_bus_master(0, edu));
	qtest_assert_text(q, "/clients/0/state", "present");
	qtest_stop(q);
}

/* A device on virtio-mmio is known to the guest by its slot's address. */
static void test_platform_client(void **state)
{
	struct virtio_cma_client client;
	struct virtio_cma_block block;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_VIRT, CMA_FAKE_REGION ",clients=rng0 "
			"-device virtio-rng-device,id=rng0,iommu_platform=on", "virtio-cma-device");
	cma_open(&c, q, &virtio_mmio);
	cma_client(&c, 0, &client);
	assert_int_equal(client.bus, VIRTIO_CMA_BUS_PLATFORM);
	assert_memory_equal(client.path, "0xa003", 6);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_PRESENT);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_idle();
	qtest_assert_text(q, "/clients/0/state", "present");
	qtest_stop(q);
}

/* Orderly end with everything in use: exit status 0 and no complaint. */
static void test_quit_while_busy(void **state)
{
	struct virtio_cma_block block;
	uint8_t edu;

	(void)state;
	start_with_busy_client(&block, &edu);
	assert_null(strstr(qtest_stderr(q), "virtio-cma"));
	qtest_stop(q);
}

/* ---- hotplug ---- */

static void test_region_unplug(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(M0 HOTPLUG_PORT "-device edu,id=edu0 -device virtio-cma-pci,id=cma0,bus=rp0,memdev=m0,"
	      "granule=2M,name=banka,x-provider=fake,clients=edu0");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);

	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, "virtio-cma 'banka': client 'edu0' is in use by the guest", HOTPLUG_DEL("cma0"));
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);

	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, "virtio-cma 'banka': the guest has a block of 4194304 bytes for client 'edu0'",
			  HOTPLUG_DEL("cma0"));
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);

	c.purpose = VIRTIO_CMA_PURPOSE_USER;
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, "the guest has a block of 2097152 bytes for purpose 'user'", HOTPLUG_DEL("cma0"));
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);

	/* what is nobody's the driver frees by itself */
	c.purpose = VIRTIO_CMA_PURPOSE_POOL;
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	hotplug_eject(q);

	/* The memory is free for a new region, the client for a new owner. */
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0',"
				     "'memdev': 'm0', 'granule': 2097152, 'name': 'banka',"
				     "'clients': 'edu0', 'x-provider': 'fake'}}"));
	cma_open_on_bus(&c, q, 1);
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, 64 * MIB, 0, &block), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

/* The guest may eject without being asked: gate first, then the memory. */
static void test_region_ejected_while_busy(void **state)
{
	struct virtio_cma_block block;
	uint8_t edu;

	(void)state;
	start(M0 HOTPLUG_PORT "-device edu,id=edu0 -device virtio-cma-pci,id=cma0,bus=rp0,memdev=m0,"
	      "granule=2M,x-provider=fake,clients=edu0");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	edu = qtest_pci_find(q, 0, EDU_ID);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master(0, edu));
	hotplug_eject(q);
	assert_false(is_bus_master(0, edu));
	assert_null(strstr(qtest_stderr(q), "virtio-cma"));
	qtest_stop(q);
}

/* A guest that does not answer the unplug, and reboots: the reset ejects the region. */
static void test_region_ejected_by_reset(void **state)
{
	uint8_t edu;

	(void)state;
	start(M0 HOTPLUG_PORT "-device edu,id=edu0 -device virtio-cma-pci,id=cma0,bus=rp0,memdev=m0,"
	      "granule=2M,x-provider=fake,clients=edu0");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	edu = qtest_pci_find(q, 0, EDU_ID);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master(0, edu));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "DEVICE_DELETED");
	assert_false(is_bus_master(0, edu));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_stop(q);
}

/* Its client has bus addresses that are void now: it stays off until claimed again. */
static void test_client_without_region(void **state)
{
	static const char add[] = "{'execute': 'device_add', 'arguments': {"
		"'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0', 'memdev': 'm0',"
		"'granule': 2097152, 'clients': 'edu0', 'x-provider': 'fake',"
		"'unsafe-noiommu': true, 'x-fabric': true}}";
	uint8_t edu;

	(void)state;
	start(M0 HOTPLUG_PORT "-device edu,id=edu0");
	edu = qtest_pci_find(q, 0, EDU_ID);
	assert_true(try_bus_master(0, edu));
	hotplug_set_up(q);
	json_object_put(qtest_qmp_ok(q, "%s", add));
	assert_false(is_bus_master(0, edu));
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_eject(q);
	assert_false(try_bus_master(0, edu));

	json_object_put(qtest_qmp_ok(q, "%s", add));
	cma_open_on_bus(&c, q, 1);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master(0, edu));
	qtest_stop(q);
}

static void test_client_unplug(void **state)
{
	struct virtio_cma_client client;
	struct virtio_cma_event event;
	struct virtio_cma_block block;

	(void)state;
	start(M0 HOTPLUG_PORT "-device edu,id=edu0,bus=rp0 -device virtio-cma-pci,id=cma0,memdev=m0,"
	      "granule=2M,x-provider=fake,clients=edu0");
	hotplug_set_up(q);
	cma_open(&c, q, &virtio_pci);
	cma_client(&c, 0, &client);
	assert_true(strlen((char *)client.path) == strlen("0000:00/01.0/00.0"));
	assert_string_equal((char *)client.path + 12, "/00.0");

	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master(1, 0));
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("edu0")));
	hotplug_eject(q);
	qtest_assert_text(q, "/clients/0/state", "absent");
	qtest_assert_text(q, "/clients/0/path", "");

	/* A buffer that is too small comes back empty; the event waits. */
	cma_offer_event(&c, sizeof(event) - 1);
	assert_int_equal(cma_next_event(&c, &event), 0);
	cma_offer_event(&c, sizeof(event));
	assert_int_equal(cma_next_event(&c, &event), sizeof(event));
	assert_int_equal(event.type, VIRTIO_CMA_EVENT_CLIENT_REMOVED);
	assert_int_equal(event.client, 0);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_CLIENT_STATE);
	/* its blocks stay the guest's until it frees them */
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);

	cma_offer_event(&c, sizeof(event));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'edu', 'id': 'edu0', 'bus': 'rp0'}}"));
	assert_int_equal(cma_next_event(&c, &event), sizeof(event));
	assert_int_equal(event.type, VIRTIO_CMA_EVENT_CLIENT_ADDED);
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_false(try_bus_master(1, 0));
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master(1, 0));
	qtest_stop(q);
}

/* Hotplug of what does not fit fails, and leaves the client absent. */
static void test_unfit_client_hotplug(void **state)
{
	(void)state;
	start(M0 HOTPLUG_PORT "-device virtio-cma-pci,id=cma1,memdev=m0,granule=2M,x-provider=fake");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'object-add', 'arguments': {"
				     "'qom-type': 'memory-backend-memfd', 'id': 'm1',"
				     "'size': 67108864}}"));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0',"
				     "'memdev': 'm1', 'granule': 2097152, 'unsafe-noiommu': true,"
				     "'clients': 'edu0', 'x-provider': 'fake'}}"));
	qtest_assert_text(q, "/clients/0/state", "absent");
	qtest_qmp_refused(q, "client 'edu0' (edu) must be a vfio-pci device",
			  "{'execute': 'device_add', 'arguments': {'driver': 'edu', 'id': 'edu0'}}");
	qtest_assert_text(q, "/clients/0/state", "absent");
	qtest_stop(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_driver_state),
		cmocka_unit_test(test_unclaimed_cannot_master),
		cmocka_unit_test(test_device_reset),
		cmocka_unit_test(test_system_reset),
		cmocka_unit_test(test_platform_client),
		cmocka_unit_test(test_quit_while_busy),
		cmocka_unit_test(test_region_unplug),
		cmocka_unit_test(test_region_ejected_while_busy),
		cmocka_unit_test(test_region_ejected_by_reset),
		cmocka_unit_test(test_client_without_region),
		cmocka_unit_test(test_client_unplug),
		cmocka_unit_test(test_unfit_client_hotplug),
	};

	return cmocka_run_group_tests_name("life cycle", tests, NULL, NULL);
}
