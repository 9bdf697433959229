// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Windows of clients (dma-windows=): what the driver is told, where blocks lie, and DMA by
 * emulated devices (edu) whose buses have other addresses than memory, two of them in one
 * region; what is wrong with a list is refused with its number. How the host's own windows are
 * read is not of this layer.
 *
 *	memory       | base .......... | +32M .......... |		64 MiB
 *	edu0's bus   | 0x1000000000 -16M|      | 0x2000000000 16M |	a hole after each
 *	edu1's bus                     | 0x40000000 ..... 32M |
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/edu.h"

#define EDU_BAR		0xe0000000u
#define EDU_BAR_BYTES	0x100000u

#define BASE		0x7f00000000ull
#define NR_EDU		2

#define REGION	"-object memory-backend-memfd,id=m0,size=64M " \
	"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake," \
	"clients=edu0:edu1,unsafe-noiommu=on,x-fabric=on,x-fake-base=0x7f00000000"
#define EDUS	" -device edu,id=edu0,dma_mask=0xffffffffffffffff,addr=8" \
		" -device edu,id=edu1,dma_mask=0xffffffffffffffff,addr=9"
#define WINDOWS	"dma-windows=edu0=0x1000000000:0x7f00000000:16M+0x2000000000:0x7f02000000:16M;" \
		"edu1=0x40000000:0x7f02000000:32M"

static struct qtest *q;
static struct cma c;

static void start_as(const char *properties)
{
	unsigned int i;

	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, REGION "%s" EDUS, properties);
	qtest_run(q);
	cma_open(&c, q, &virtio_pci);
	for (i = 0; i < NR_EDU; i++) {
		qtest_pci_write(q, 0, (uint8_t)((8 + i) << 3), BAR0, EDU_BAR + i * EDU_BAR_BYTES);
		qtest_pci_write(q, 0, (uint8_t)((8 + i) << 3), COMMAND, COMMAND_ON);
	}
}

static int start(void **state)
{
	(void)state;
	start_as("," WINDOWS);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	qtest_stop(q);
	return 0;
}

static void claim(unsigned int i)
{
	assert_int_equal(cma_claim(&c, i), VIRTIO_CMA_S_OK);
	qtest_pci_write(q, 0, (uint8_t)((8 + i) << 3), COMMAND, COMMAND_ON);
}

static void dma(unsigned int edu, uint64_t src, uint64_t dst, uint64_t cmd)
{
	edu_dma(q, EDU_BAR + edu * EDU_BAR_BYTES, src, dst, 8, cmd);
}

/* The device writes what it reads 64 bytes further, if it reaches it. */
static void expect_reached(unsigned int edu, uint64_t gpa, uint64_t bus, bool reached)
{
	uint64_t before = qtest_get(q, "/counters/fabric-faults");
	uint64_t value = 0x1122334455667788ull + bus;

	qtest_writeq(q, gpa, value);
	qtest_writeq(q, gpa + 64, 0);
	dma(edu, bus, EDU_BUFFER, 0);
	dma(edu, EDU_BUFFER, bus + 64, EDU_TO_MEMORY);
	assert_true((qtest_readq(q, gpa + 64) == value) == reached);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults") - before, reached ? 0 : 2);
}

struct answer {
	struct virtio_cma_windows_resp head;
	struct virtio_cma_window window[VIRTIO_CMA_MAX_WINDOWS];
};

static uint32_t windows(uint32_t client, struct answer *answer)
{
	const struct virtio_cma_windows_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_WINDOWS, .bytes = sizeof(req) },
		.client = client,
	};
	int64_t used = cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), answer,
			       sizeof(*answer));

	assert_int_equal(used, answer->head.hdr.bytes);
	return answer->head.hdr.status;
}

static void test_told(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(windows(0, &a), VIRTIO_CMA_S_OK);
	assert_int_equal(a.head.nr_windows, 2);
	assert_int_equal(a.head.source, VIRTIO_CMA_SOURCE_OPTION);
	assert_int_equal(a.window[0].bus_base, 0x1000000000);
	assert_int_equal(a.window[0].base_dma, BASE);
	assert_int_equal(a.window[0].bytes, 16 * MIB);
	assert_int_equal(a.window[1].bus_base, 0x2000000000);
	assert_int_equal(windows(1, &a), VIRTIO_CMA_S_OK);
	assert_int_equal(a.head.nr_windows, 1);
	assert_int_equal(a.window[0].bus_base, 0x40000000);
	assert_int_equal(windows(2, &a), VIRTIO_CMA_S_NO_CLIENT);

	/* what people and programs see from outside */
	qtest_assert_text(q, "/clients/0/windows-source", "option");
	qtest_assert_text(q, "/clients/0/windows-from", "dma-windows=");
	assert_int_equal(qtest_get(q, "/clients/0/windows/1/bus-base"), 0x2000000000);
	assert_int_equal(qtest_get(q, "/clients/0/windows/1/base-dma"), BASE + 32 * MIB);
	assert_int_equal(qtest_get(q, "/clients/0/windows/1/bytes"), 16 * MIB);
	assert_int_equal(qtest_get(q, "/clients/1/windows/0/bus-base"), 0x40000000);

	/* a reset, and another driver, change nothing */
	cma_restart(&c);
	assert_int_equal(windows(0, &a), VIRTIO_CMA_S_OK);
	assert_int_equal(a.head.nr_windows, 2);
}

/* Two devices, one block, two addresses of it. */
static void test_two_buses(void **state)
{
	struct virtio_cma_block block;
	unsigned int i;

	(void)state;
	claim(0);
	claim(1);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 1, &block), VIRTIO_CMA_S_OK);
	assert_true(block.base_dma >= BASE + 32 * MIB);
	expect_reached(1, block.base_gpa, block.base_dma - (BASE + 32 * MIB) + 0x40000000, true);
	/* Of the other's windows the second: the same memory, if it is of the first half. */
	expect_reached(0, block.base_gpa, block.base_dma - (BASE + 32 * MIB) + 0x2000000000,
		       block.base_dma < BASE + 48 * MIB);
	/* Every granule that can be had, in both windows and none between. */
	for (i = 0; !cma_alloc(&c, CMA_GRANULE, 0, &block); i++) {
		uint64_t off = block.base_dma - BASE;

		assert_true(off < 16 * MIB || (off >= 32 * MIB && off < 48 * MIB));
		expect_reached(0, block.base_gpa, off < 16 * MIB ? 0x1000000000 + off :
			       0x2000000000 + off - 32 * MIB, true);
	}
	assert_in_range(i, 15, 16);
}

/* Negative control: addresses of memory, of the other bus, and in the hole reach nothing. */
static void test_wrong_address(void **state)
{
	struct virtio_cma_block block, hole;

	(void)state;
	claim(0);
	claim(1);
	assert_int_equal(cma_alloc_below(&c, CMA_GRANULE, 0, 0x1fffffffff, 0, &block), 0);
	assert_true(block.base_dma < BASE + 16 * MIB);
	expect_reached(0, block.base_gpa, block.base_dma - BASE + 0x1000000000, true);
	expect_reached(0, block.base_gpa, block.base_dma, false);
	expect_reached(1, block.base_gpa, block.base_dma - BASE + 0x1000000000, false);
	/* Memory that edu0 reaches by no address. */
	do
		assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &hole), 0);
	while (hole.base_dma < BASE + 16 * MIB || hole.base_dma >= BASE + 32 * MIB);
	expect_reached(0, hole.base_gpa, hole.base_dma - BASE + 0x1000000000, false);
}

/* Negative control: a bus that does something else than the driver is told. */
static void test_lying_option(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start_as(",dma-windows=identity,x-bus-window=edu0=0x1000000000:0:0x10000000000");
	claim(0);
	claim(1);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	expect_reached(0, block.base_gpa, block.base_dma, false);
	expect_reached(0, block.base_gpa, block.base_dma + 0x1000000000, true);
	expect_reached(1, block.base_gpa, block.base_dma, true);
	stop(NULL);
}

/* A driver that knows no windows gets no client that has any, and is told why. */
static void test_old_driver(void **state)
{
	const uint32_t features[] = { 0, CMA_F(VERSION_1), CMA_FEATURES & ~CMA_F(WINDOWS) };
	struct virtio_cma_client_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_CLAIM, .bytes = sizeof(req) },
	};
	struct virtio_cma_claim_resp resp;
	unsigned int i;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, REGION ",dma-windows=edu0=0x1000000000:0:0x10000000000" EDUS);
	qtest_run(q);
	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		cma_open_as(&c, q, &virtio_pci, features[i]);
		assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp,
					 sizeof(resp)), sizeof(resp.hdr));
		assert_int_equal(resp.hdr.status, VIRTIO_CMA_S_REFUSED);
		assert_int_equal(VIRTIO_CMA_REFUSED_REASON(resp.hdr.detail),
				 VIRTIO_CMA_REASON_WINDOWS);
		assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
		assert_int_equal(cma_claim(&c, 1), VIRTIO_CMA_S_OK);
		virtio_reset(&c.v);
	}
	qtest_stop(q);
}

struct refusal {
	const char *name, *options, *message;
};

#define SECOND	" -object memory-backend-memfd,id=m1,size=64M " \
	"-device virtio-cma-pci,id=cma1,memdev=m1,name=bankb,granule=2M,x-provider=fake," \
	"clients=edu0,unsafe-noiommu=on,x-fabric=on,x-fake-base=0x8f00000000"

static const struct refusal refusals[] = {
	{ "without unsafe-noiommu", "-object memory-backend-memfd,id=m0,size=64M "
	  "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake,"
	  "clients=edu0,dma-windows=0:0:1G" EDUS,
	  "virtio-cma 'banka': dma-windows='0:0:1G' is about host-physical addresses and so needs "
	  "unsafe-noiommu=on" },
	{ "empty", REGION ",dma-windows=" EDUS, "virtio-cma 'banka': dma-windows='' has no window" },
	{ "no number", REGION ",dma-windows=edu0=here:0:1G" EDUS, "dma-windows='edu0=here:0:1G'" },
	{ "no size", REGION ",dma-windows=edu0=0:0:0" EDUS, "its size is 0 at byte" },
	{ "wraps", REGION ",dma-windows=edu0=0:0xfffffffffffff000:8K" EDUS,
	  "its end in memory is beyond 64 bits at byte" },
	{ "misaligned", REGION ",dma-windows=edu0=0x800:0:1G" EDUS,
	  "its base on the bus is no multiple of 4096 bytes at byte" },
	{ "overlap in memory", REGION ",dma-windows=edu0=0:0:1G+4G:512M:1G" EDUS,
	  "it overlaps another one in memory at byte" },
	{ "overlap on the bus", REGION ",dma-windows=edu0=0:0:1G+512M:4G:1G" EDUS,
	  "it overlaps another one on the bus at byte" },
	{ "named twice", REGION ",dma-windows=edu0=identity;edu0=identity" EDUS,
	  "client is named twice at byte 14 ('edu0')" },
	{ "said twice of all", REGION ",dma-windows=identity;0:0:1G" EDUS,
	  "windows for all clients are said twice" },
	{ "unknown client", REGION ",dma-windows=edu7=identity" EDUS,
	  "no client of the region at byte 0 ('edu7')" },
	{ "leaves nothing", REGION ",x-fake-shuffle=on,dma-windows=edu1=0:0x7f00100000:2M" EDUS,
	  "virtio-cma 'banka': client 'edu1' reaches nothing: its windows are 0x0:0x7f00100000:0x200000 "
	  "(source: option), and no granule of 2097152 bytes fits into them" },
	{ "nothing is in reach", REGION ",mode=reusable,dma-windows=edu1=0:0:1G" EDUS,
	  "virtio-cma 'banka': client 'edu1' reaches nothing: its windows are 0x0:0x0:0x40000000 "
	  "(source: option), but all 32 granules lie from 0x7f00000000 to 0x7f03ffffff" },
	{ "address bits", REGION ",mode=reusable,clients=u0 -device piix4-usb-uhci,id=u0",
	  "virtio-cma 'banka': client 'u0' reaches nothing: its windows are identity (source: none), "
	  "its addresses on the bus end at 0xffffffff, but all 32 granules lie from 0x7f00000000 to "
	  "0x7f03ffffff" },
	{ "address bits, nothing is backed", REGION ",clients=u0,dma-windows=0x100000000:0x7f00000000:1G "
	  "-device pci-ohci,id=u0",
	  "client 'u0' reaches nothing: its windows are 0x100000000:0x7f00000000:0x40000000 (source: "
	  "option), its addresses on the bus end at 0xffffffff, and no granule of 2097152 bytes fits "
	  "into them" },
	{ "two regions disagree", REGION ",dma-windows=edu0=0x1000000000:0:0x10000000000" SECOND EDUS,
	  "dma-windows= must agree" },
};

static void test_refusal(void **state)
{
	const struct refusal *r = *state;

	qtest_skip_unless_built();
	qtest_expect_refusal(QTEST_Q35, r->message, "%s", r->options);
}

/* What is refused as a pair is fine if both say the same. */
static void test_two_regions(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, REGION ",dma-windows=edu0=0x1000000000:0:0x10000000000" SECOND
			",dma-windows=0x1000000000:0:0x10000000000" EDUS);
	qtest_run(q);
	assert_int_equal(qtest_get(q, "/clients/0/windows/0/bus-base"), 0x1000000000);
	qtest_assert_text(q, "/clients/1/windows-source", "none");
	qtest_assert_text(q, "/clients/1/windows-from", "");
	assert_int_equal(qtest_get(q, "/clients/1/windows/0/bus-base"), 0);
	qtest_stop(q);
}

/* One region with memory for its address bits is enough, and so is a window that leads down. */
static void test_address_bits(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, REGION ",mode=reusable,clients=u0:u1,dma-windows=u1=0x40000000:0x7f00000000:64M "
			"-object memory-backend-memfd,id=m1,size=64M "
			"-device virtio-cma-pci,id=cma1,memdev=m1,name=bankb,granule=2M,x-provider=fake,"
			"mode=reusable,clients=u0,unsafe-noiommu=on,x-fabric=on,x-fake-base=0x40000000 "
			"-device piix4-usb-uhci,id=u0 -device pci-ohci,id=u1");
	qtest_run(q);
	qtest_stop(q);
}

#define NR_REFUSALS	(sizeof(refusals) / sizeof(refusals[0]))

int main(void)
{
	struct CMUnitTest tests[NR_REFUSALS + 7] = {
		cmocka_unit_test_setup_teardown(test_told, start, stop),
		cmocka_unit_test_setup_teardown(test_two_buses, start, stop),
		cmocka_unit_test_setup_teardown(test_wrong_address, start, stop),
		cmocka_unit_test(test_lying_option),
		cmocka_unit_test(test_old_driver),
		cmocka_unit_test(test_two_regions),
		cmocka_unit_test(test_address_bits),
	};
	size_t i;

	for (i = 0; i < NR_REFUSALS; i++)
		tests[7 + i] = (struct CMUnitTest){
			.name = refusals[i].name,
			.test_func = test_refusal,
			.initial_state = (void *)&refusals[i],
		};
	return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}
