// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What comes back to the device from inside of what it does: answers and
 * interrupts written to registers, DMA of clients that are being stopped, the
 * port above that is reset or switched off. QEMU lives, and what comes after the
 * reset finds a device that works.
 *
 *	bus 0: 02.0 root port --- bus 1: 00.0 virtio-cma
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
#include "tests/qtest/hotplug.h"

#define Q35_ECAM_CONTROL	0x60	/* of the host bridge */
#define ECAM			0xb0000000u
#define PORT_SLOT		2
#define PORT(reg)		(ECAM + (PORT_SLOT << 15) + (reg))
#define COMMAND			0x04
#define COMMAND_ON		0x6	/* memory, bus master */
#define BRIDGE_CONTROL		0x3e
#define BRIDGE_BUS_RESET	0x40
#define CAPABILITIES		0x34
#define CAP_EXPRESS		0x10
#define CAP_MSIX		0x11
#define SLOT_CONTROL		0x18	/* in the express capability */
#define SLOT_ON			0x0100

/* struct virtio_pci_common_cfg */
#define STATUS			20
#define QUEUE_SELECT		22
#define QUEUE_MSIX		26
#define QUEUE_RESET		58

#define DEVICE			"-object memory-backend-memfd,id=m0,size=1G "		\
				"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,"	\
				"granule=2M,x-provider=fake"
#define PORT_DEVICE		"-device pcie-root-port,id=rp0,addr=2,chassis=1 "	\
				"-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "

/* Bytes of an answer to ALLOC, at these offsets of it, as values for registers. */
#define AT_STATUS		0			/* 0, if all went well */
#define AT_NR_BLOCKS		16			/* 1 */
#define AT_BYTES_2		(24 + 16 + 2)
#define RESET_BYTES		(68 * MIB)		/* 0x04400000: BRIDGE_BUS_RESET */
#define POWER_OFF_BYTES		(112 * MIB)		/* 0x07000000: slot control 0x0700 */

static struct qtest *q;
static struct cma c;

/* ---- the bed ---- */

static void map_port(void)
{
	qtest_pci_write(q, 0, 0, Q35_ECAM_CONTROL + 4, 0);
	qtest_pci_write(q, 0, 0, Q35_ECAM_CONTROL, ECAM | 1);
	qtest_pci_write(q, 0, PORT_SLOT << 3, 0x18, 0x00010100);
	qtest_pci_write(q, 0, PORT_SLOT << 3, 0x20, 0xefffe800 & ~0x000f000fu);
	qtest_pci_write(q, 0, PORT_SLOT << 3, COMMAND, COMMAND_ON);
}

static void open_behind_port(const char *more)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, PORT_DEVICE DEVICE ",bus=rp0%s", more);
	map_port();
	cma_open_on_bus(&c, q, 1);
}

static int stop(void **state)
{
	(void)state;
	qtest_kill_leftover();
	return 0;
}

static uint64_t capability(uint64_t config, uint8_t id)
{
	uint8_t cap = qtest_readb(q, config + CAPABILITIES);

	while (cap && qtest_readb(q, config + cap) != id)
		cap = qtest_readb(q, config + cap + 1);
	assert_int_not_equal(cap, 0);
	return config + cap;
}

static void put_alloc(uint64_t bytes)
{
	struct virtio_cma_alloc_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
		.bytes = bytes,
		.max_dma_addr = UINT64_MAX,
		.flags = VIRTIO_CMA_ALLOC_CONTIG,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.purpose = VIRTIO_CMA_PURPOSE_POOL,
	};

	qtest_write(q, c.request, &req, sizeof(req));
}

/* An ALLOC whose answer goes, with @part bytes at @offset of it, to @reg. */
static void post_alloc_into(uint64_t bytes, uint32_t offset, uint32_t part, uint64_t reg)
{
	struct vring_buf buf[4] = {
		{ .addr = c.request, .bytes = sizeof(struct virtio_cma_alloc_req) },
		{ .addr = c.response, .bytes = offset, .flags = VRING_WRITE },
		{ .addr = reg, .bytes = part, .flags = VRING_WRITE },
		{ .addr = c.response + offset, .bytes = 4096, .flags = VRING_WRITE },
	};

	if (!offset) {
		buf[1] = buf[2];
		buf[2] = buf[3];
	}
	put_alloc(bytes);
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, offset ? 4 : 3);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
}

static void let_it_work(void)
{
	int i;

	for (i = 0; i < 200; i++)
		qtest_readl(q, c.request);
}

/* The driver starts again, and the device is as new. */
static void assert_works_again(void)
{
	struct virtio_cma_block block;

	map_port();
	cma_open_on_bus(&c, q, 1);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(cma_alloc(&c, 3 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
}

/* The region's pages are there already: the answer comes in the same turn. */
static void back_all(void)
{
	struct virtio_cma_block block;

	assert_int_equal(cma_alloc(&c, 1024 * MIB, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
}

/* ---- answers written to registers ---- */

static void answer_resets_bus(bool slow)
{
	open_behind_port("");
	if (!slow)
		back_all();
	post_alloc_into(RESET_BYTES, AT_BYTES_2, 1, PORT(BRIDGE_CONTROL));
	let_it_work();
	assert_int_equal(qtest_readw(q, PORT(BRIDGE_CONTROL)) & BRIDGE_BUS_RESET,
			 BRIDGE_BUS_RESET);
	qtest_writew(q, PORT(BRIDGE_CONTROL), 0);
	assert_works_again();
	qtest_stop(q);
}

static void test_slow_answer_resets_bus(void **state)
{
	(void)state;
	answer_resets_bus(true);
}

static void test_answer_resets_bus(void **state)
{
	(void)state;
	answer_resets_bus(false);
}

static void answer_resets_device(bool slow)
{
	open_behind_port("");
	if (!slow)
		back_all();
	post_alloc_into(RESET_BYTES, AT_STATUS, 1, c.v.regs + STATUS);
	let_it_work();
	assert_works_again();
	qtest_stop(q);
}

static void test_slow_answer_resets_device(void **state)
{
	(void)state;
	answer_resets_device(true);
}

static void test_answer_resets_device(void **state)
{
	(void)state;
	answer_resets_device(false);
	/* It did: control. */
}

static void answer_switches_slot_off(bool slow)
{
	uint64_t slot;

	open_behind_port("");
	slot = capability(PORT(0), CAP_EXPRESS) + SLOT_CONTROL;
	qtest_writew(q, slot, SLOT_ON);
	if (!slow)
		back_all();
	post_alloc_into(POWER_OFF_BYTES, AT_BYTES_2, 2, slot);
	qtest_wait_event(q, "DEVICE_DELETED");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'object-del', 'arguments': {'id': 'm0'}}"));
	qtest_stop(q);
}

static void test_slow_answer_unplugs(void **state)
{
	(void)state;
	answer_switches_slot_off(true);
}

static void test_answer_unplugs(void **state)
{
	(void)state;
	answer_switches_slot_off(false);
}

/* The queue that the answer belongs to: nothing goes into the ring that follows. */
static void test_answer_resets_queue(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	open_behind_port("");
	back_all();
	qtest_writew(q, c.v.regs + QUEUE_SELECT, VIRTIO_CMA_VQ_REQUEST);
	post_alloc_into(2 * CMA_GRANULE, AT_NR_BLOCKS, 2, c.v.regs + QUEUE_RESET);
	let_it_work();
	assert_int_equal(virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST), 0);
	virtio_setup_queue(&c.v, VIRTIO_CMA_VQ_REQUEST, 256);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

/* ---- a queue is reset while a request takes its turns ---- */

#define BIG_DEVICE		"-m 256M,maxmem=140G,slots=4 "				\
				"-object memory-backend-memfd,id=m0,size=128G,reserve=off "	\
				"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,"	\
				"granule=2M,x-provider=fake,x-fake-pin-us=20"
#define BIG_BYTES		(128 * 1024 * MIB)

static void open_big(void)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, BIG_DEVICE);
	cma_open(&c, q, &virtio_pci);
}

static void reset_queue(unsigned int queue)
{
	qtest_writew(q, c.v.regs + QUEUE_SELECT, (uint16_t)queue);
	qtest_writew(q, c.v.regs + QUEUE_RESET, 1);
	assert_int_equal(qtest_readw(q, c.v.regs + QUEUE_RESET), 0);
}

static void test_queue_reset_drops_request(void **state)
{
	struct virtio_cma_block block;
	uint64_t response;
	int i;

	(void)state;
	open_big();
	response = c.response;
	post_alloc_into(BIG_BYTES, 8, 8, c.response + 64);
	assert_int_equal(virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST), 0);
	reset_queue(VIRTIO_CMA_VQ_REQUEST);
	/* It was under way. */
	assert_true((uint64_t)qtest_get(q, "/counters/pinned-bytes") < BIG_BYTES);
	virtio_setup_queue(&c.v, VIRTIO_CMA_VQ_REQUEST, 256);
	c.response = virtio_memory(&c.v, 4096);
	for (i = 0; i < QTEST_TIMEOUT_S * 100 && qtest_get(q, "/counters/pinned-bytes"); i++)
		usleep(10000);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST), 0);
	assert_int_equal(qtest_readq(q, response), 0);

	/* The next request is one of its own. */
	assert_int_equal(cma_alloc(&c, 40 * MIB, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	assert_int_equal(block.bytes, 40 * MIB);
	assert_int_equal(virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST), 0);
	assert_int_equal(qtest_readq(q, response), 0);
	qtest_stop(q);
}

static void test_other_queues_reset(void **state)
{
	struct virtio_cma_event event;
	uint64_t slot;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, PORT_DEVICE "-device edu,id=edu0,bus=rp0 " DEVICE ",clients=edu0");
	map_port();
	cma_open_as(&c, q, &virtio_pci, 0);	/* one that may REPORT on any region */
	cma_report_online(&c, 5);
	reset_queue(VIRTIO_CMA_VQ_REPORT);
	virtio_setup_queue(&c.v, VIRTIO_CMA_VQ_REPORT, 16);
	cma_report_online(&c, 0);

	/* A buffer in the ring that goes is not written to, and the event is kept. */
	cma_offer_event(&c, sizeof(event));
	reset_queue(VIRTIO_CMA_VQ_EVENT);
	slot = capability(PORT(0), CAP_EXPRESS) + SLOT_CONTROL;
	qtest_writew(q, slot, SLOT_ON);
	qtest_writew(q, slot, 0x700);
	qtest_wait_event(q, "DEVICE_DELETED");
	let_it_work();
	assert_int_equal(qtest_readq(q, c.event), 0);
	virtio_setup_queue(&c.v, VIRTIO_CMA_VQ_EVENT, 16);
	cma_offer_event(&c, sizeof(event));
	assert_int_equal(cma_next_event(&c, &event), sizeof(event));
	assert_int_equal(event.type, VIRTIO_CMA_EVENT_CLIENT_REMOVED);
	qtest_stop(q);
}

/* ---- interrupts written to registers ---- */

static void test_interrupt_resets_bus(void **state)
{
	uint64_t msix, config = ECAM + (1 << 20), table = 0xe8200000u;

	(void)state;
	open_behind_port("");
	msix = capability(config, CAP_MSIX);
	qtest_writel(q, config + 0x14, (uint32_t)table);
	qtest_writeq(q, table, PORT(BRIDGE_CONTROL & ~3));
	qtest_writel(q, table + 8, BRIDGE_BUS_RESET << 16);
	qtest_writel(q, table + 12, 0);
	qtest_writew(q, msix + 2, 0x8000);
	qtest_writew(q, c.v.regs + QUEUE_SELECT, VIRTIO_CMA_VQ_REQUEST);
	qtest_writew(q, c.v.regs + QUEUE_MSIX, 0);
	assert_int_equal(qtest_readw(q, c.v.regs + QUEUE_MSIX), 0);
	post_alloc_into(RESET_BYTES, 8, 8, c.response);
	let_it_work();
	assert_int_equal(qtest_readw(q, PORT(BRIDGE_CONTROL)) & BRIDGE_BUS_RESET,
			 BRIDGE_BUS_RESET);
	qtest_writew(q, PORT(BRIDGE_CONTROL), 0);
	assert_works_again();
	qtest_stop(q);
}

/* ---- the port above is a client ---- */

static void test_release_of_port_above(void **state)
{
	struct vring_buf buf[2] = {
		{ .bytes = sizeof(struct virtio_cma_client_req) },
		{ .bytes = 16, .flags = VRING_WRITE },
	};
	struct virtio_cma_client_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_RELEASE, .bytes = sizeof(req) },
	};

	(void)state;
	open_behind_port(",clients=rp0");
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_writew(q, PORT(COMMAND), COMMAND_ON);
	buf[0].addr = c.request;
	buf[1].addr = c.response;
	qtest_write(q, c.request, &req, sizeof(req));
	virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
	virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
	let_it_work();
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_works_again();

	/* A reset of ours, which is one of the port, which is one of ours. */
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_writew(q, PORT(COMMAND), COMMAND_ON);
	virtio_reset(&c.v);
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_works_again();

	/* And of the machine. */
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_works_again();
	qtest_stop(q);
}

/* ---- clients whose block I/O, waited for by RELEASE, runs the main loop ---- */

/*
 * Reads are throttled to one per second and so under way when the client is
 * released; the release waits for them, in a main loop inside the main loop.
 */
#define SECTOR_BYTES		512
#define THROTTLED		"-drive if=none,id=d,driver=null-co,size=1M,throttling.iops-total=1 "
#define CLIENT_MEMORY		0x8000000u	/* of the client's driver */
#define VIRTIO_ID_BLOCK		2
#define VIRTIO_ID_SCSI		8

static struct virtio client;

/* Read a sector. */
static void post_read(unsigned int queue, const void *req, size_t req_bytes, size_t resp_bytes,
		      bool data_last)
{
	uint64_t at = virtio_memory(&client, 4096);
	struct vring_buf status = {
		.addr = at + 1024, .bytes = (uint32_t)resp_bytes, .flags = VRING_WRITE,
	};
	struct vring_buf data = {
		.addr = at + 2048, .bytes = SECTOR_BYTES, .flags = VRING_WRITE,
	};
	struct vring_buf buf[3] = {
		{ .addr = at, .bytes = (uint32_t)req_bytes },
		data_last ? status : data,
		data_last ? data : status,
	};

	qtest_write(q, at, req, req_bytes);
	virtio_post(&client, queue, buf, 3);
	virtio_kick(&client, queue);
}

static void blk_read(void)
{
	const struct { uint32_t type, prio; uint64_t sector; } req = { 0 };

	post_read(0, &req, sizeof(req), 1, false);
}

static void scsi_read(void)
{
	struct { uint8_t lun[8]; uint64_t tag; uint8_t attr, prio, crn, cdb[32]; }
		__attribute__((packed)) req = {
		.lun = { 1, 0, 0x40, 0 },
		.cdb = { 0x28, [8] = 1 },	/* READ(10) */
	};

	post_read(2, &req, sizeof(req), 108, true);
}

static void open_with_client(const char *device, uint32_t id, unsigned int nr_queues)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, THROTTLED "%s " BIG_DEVICE ",clients=c0", device);
	cma_open(&c, q, &virtio_pci);
	/* Its registers are there while it is claimed. */
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	virtio_open_at(&client, q, &virtio_pci, 0, CLIENT_MEMORY,
		       VIRTIO_F_HIGH_ACCESS_PLATFORM, id, nr_queues, 64);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	qtest_run(q);
}

/*
 * Behind a request of many turns, of which some are taken when the guest notifies
 * and the others in the bottom half: when the request ends in one of the former,
 * the bottom half is there to run inside the release. Often enough, once in two.
 */
#define NR_ROUNDS	6

static void release_twice(void (*start_read)(void), unsigned int nr_queues)
{
	const struct virtio_cma_client_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_RELEASE, .bytes = sizeof(req) },
	};
	unsigned int round, i, nr;

	for (round = 0; round < NR_ROUNDS; round++) {
		uint64_t at = virtio_memory(&c.v, 4096);
		struct vring_buf buf[2] = {
			{ .addr = at, .bytes = sizeof(req) },
			{ .addr = at + 1024, .bytes = 16, .flags = VRING_WRITE },
		};

		assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
		qtest_pci_write(q, client.bus, client.devfn, COMMAND, COMMAND_ON);
		virtio_restart(&client, nr_queues, 64);
		start_read();
		start_read();
		start_read();
		post_alloc_into(CMA_GRANULE * 16 * 40, 8, 8, c.response + 64);
		qtest_write(q, at, &req, sizeof(req));
		virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
		buf[1].addr += 16;
		virtio_post(&c.v, VIRTIO_CMA_VQ_REQUEST, buf, 2);
		for (nr = 0, i = 0; nr < 3 && i < 100000; i++) {
			virtio_kick(&c.v, VIRTIO_CMA_VQ_REQUEST);
			nr = virtio_nr_used(&c.v, VIRTIO_CMA_VQ_REQUEST);
		}
		assert_int_equal(nr, 3);
		for (i = 0; i < 3; i++)
			virtio_wait(&c.v, VIRTIO_CMA_VQ_REQUEST);
		assert_int_equal(qtest_readl(q, at + 1024), VIRTIO_CMA_S_OK);
		assert_int_equal(qtest_readl(q, at + 1024 + 16), VIRTIO_CMA_S_CLIENT_STATE);
		qtest_assert_text(q, "/clients/0/state", "present");
	}
	assert_null(strstr(qtest_stderr(q), "error"));
	qtest_stop(q);
}

#define BLK	"-device virtio-blk-pci,id=c0,drive=d,iommu_platform=on,disable-legacy=on"
#define SCSI	"-device virtio-scsi-pci,id=c0,iommu_platform=on,disable-legacy=on "	\
		"-device scsi-hd,drive=d,bus=c0.0"

static void test_release_twice_blk(void **state)
{
	(void)state;
	open_with_client(BLK, VIRTIO_ID_BLOCK, 1);
	release_twice(blk_read, 1);
}

static void test_release_twice_scsi(void **state)
{
	(void)state;
	open_with_client(SCSI, VIRTIO_ID_SCSI, 3);
	release_twice(scsi_read, 3);
}

static void test_unplug_below_client(void **state)
{
	(void)state;
	open_behind_port(",clients=rp0");
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_writew(q, PORT(COMMAND), COMMAND_ON);
	qtest_writew(q, capability(PORT(0), CAP_EXPRESS) + SLOT_CONTROL, SLOT_ON);
	qtest_writew(q, capability(PORT(0), CAP_EXPRESS) + SLOT_CONTROL, 0x700);
	qtest_wait_event(q, "DEVICE_DELETED");
	qtest_stop(q);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slow_answer_resets_bus),
		TEST(test_answer_resets_bus),
		TEST(test_slow_answer_resets_device),
		TEST(test_answer_resets_device),
		TEST(test_slow_answer_unplugs),
		TEST(test_answer_unplugs),
		TEST(test_answer_resets_queue),
		TEST(test_interrupt_resets_bus),
		TEST(test_queue_reset_drops_request),
		TEST(test_other_queues_reset),
		TEST(test_release_twice_blk),
		TEST(test_release_twice_scsi),
		TEST(test_release_of_port_above),
		TEST(test_unplug_below_client),
	};

	return cmocka_run_group_tests_name("inside", tests, NULL, NULL);
}
