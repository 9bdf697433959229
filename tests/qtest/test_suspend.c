// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that suspends: what its clients have outlives the resets of the device and of the machine
 * that wakes up; and nothing else. The machine goes to sleep and wakes up as with ACPI S3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define EDU_ID		0x11e81234u
#define LPC_ID		0x29188086u
#define COMMAND		0x04
#define COMMAND_MASTER	0x6	/* and memory */
#define PMBASE		0x600
#define ALLOCATED_BYTES	(2 * CMA_GRANULE)

static struct qtest *q;
static struct cma c;
static struct virtio_cma_block block;
static uint8_t edu;
static int64_t extent_dma;
static char file[64];

static const char machine_options[] =
	"-object memory-backend-memfd,id=m0,size=64M -device edu,id=edu0 "
	"-device virtio-cma-pci,id=cma0,memdev=m0,granule=2M,x-provider=fake,clients=edu0";

static uint32_t send_op(uint32_t op)
{
	const struct virtio_cma_req_hdr req = { .op = op, .bytes = sizeof(req) };
	struct virtio_cma_resp_hdr resp;

	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp,
				 sizeof(resp)), sizeof(resp));
	return resp.status;
}

static bool become_bus_master(void)
{
	qtest_pci_write(q, 0, edu, COMMAND, COMMAND_MASTER);
	return (qtest_pci_read(q, 0, edu, COMMAND) & COMMAND_MASTER) == COMMAND_MASTER;
}

/* A client that is bus master, a block, and the device as a driver leaves it that suspends. */
static void start_suspended(void)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "%s", machine_options);
	cma_open(&c, q, &virtio_pci);
	edu = qtest_pci_find(q, 0, EDU_ID);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, ALLOCATED_BYTES, 0, &block), VIRTIO_CMA_S_OK);
	assert_true(become_bus_master());
	extent_dma = qtest_get(q, "/extents/0/base-dma");
	assert_int_equal(send_op(VIRTIO_CMA_OP_SUSPEND), VIRTIO_CMA_S_OK);
	qtest_assert_text(q, "/driver/state", "suspended");
	virtio_reset(&c.v);
	qtest_assert_text(q, "/driver/state", "suspended");
}

static void assert_kept(void)
{
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), ALLOCATED_BYTES);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), ALLOCATED_BYTES);
	assert_int_equal(qtest_get(q, "/blocks/0/first"), (block.base_gpa - c.base_gpa) / CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/extents/0/base-dma"), extent_dma);
	qtest_assert_text(q, "/clients/0/state", "claimed");
}

static void assert_over(void)
{
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
	assert_false(become_bus_master());
}

/* The driver comes back, and goes on. */
static void resume(void)
{
	assert_kept();
	cma_restart(&c);
	assert_kept();
	assert_int_equal(send_op(VIRTIO_CMA_OP_RESUME), VIRTIO_CMA_S_OK);
	assert_kept();
	assert_true(become_bus_master());
	qtest_assert_text(q, "/driver/state", "running");
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, ALLOCATED_BYTES, 0, &block), VIRTIO_CMA_S_OK);
}

/* s2idle: the machine does not know of it. */
static void test_device_reset(void **state)
{
	(void)state;
	start_suspended();
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 1);
	resume();
	virtio_reset(&c.v);	/* now it means what it did */
	assert_over();
	qtest_stop(q);
}

/* The machine's own reset, too, when it wakes up; a client's bus mastering goes with it. */
static void test_sleeping_machine(void **state)
{
	uint8_t lpc;

	(void)state;
	start_suspended();
	lpc = qtest_pci_find(q, 0, LPC_ID);
	qtest_pci_write(q, 0, lpc, 0x40, PMBASE | 1);
	qtest_pci_write(q, 0, lpc, 0x44, 0x80);		/* decoded from now on */
	qtest_outl(q, PMBASE + 4, 1 << 13 | 1 << 10);	/* sleep, S3 */
	qtest_wait_event(q, "SUSPEND");
	assert_kept();
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_wakeup'}"));
	qtest_wait_event(q, "WAKEUP");
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
	c.v.t->probe(&c.v, VIRTIO_ID_CMA);	/* as a guest restores configuration space */
	resume();
	qtest_stop(q);
}

static void test_machine_reset(void **state)
{
	(void)state;
	start_suspended();
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_over();
	qtest_stop(q);
}

/* A driver that knows nothing of what was suspended. */
static void test_another_driver(void **state)
{
	(void)state;
	start_suspended();
	cma_restart(&c);
	assert_kept();
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_CLIENT_STATE);
	assert_over();
	assert_int_equal(send_op(VIRTIO_CMA_OP_RESUME), VIRTIO_CMA_S_INVAL);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

static void test_quit(void **state)
{
	(void)state;
	start_suspended();
	qtest_stop(q);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(file);
	return 0;
}

/* A guest that sleeps is moved, and wakes up elsewhere. */
static void test_migration(void **state)
{
	(void)state;
	snprintf(file, sizeof(file), "/tmp/hvcma-suspend-%d", getpid());
	start_suspended();
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	qtest_wait_migrated(q);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, "-incoming defer %s", machine_options);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	c.v.q = q;
	qtest_assert_text(q, "/driver/state", "suspended");
	resume();
	qtest_stop(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_reset),
		cmocka_unit_test(test_sleeping_machine),
		cmocka_unit_test(test_machine_reset),
		cmocka_unit_test(test_another_driver),
		cmocka_unit_test(test_quit),
		cmocka_unit_test_teardown(test_migration, remove_file),
	};

	return cmocka_run_group_tests_name("suspend", tests, NULL, NULL);
}
