// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA by an emulated device (edu) at "host-physical" addresses, as on a machine
 * without IOMMU: it reaches what is pinned and nothing else.
 *
 *	guest-physical   base            base + 2M       base + 4M
 *	                 [granule 0     ][granule 1     ]...
 *	bus (fake)       some order of 0x7f00000000 + n * 2M
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/edu.h"

#define EDU_BAR		0xe0000000u

#define Q35_PCIEXBAR	0x60		/* of device 0: where config space lies */
#define Q35_ECAM	0xb0000000ull
#define Q35_MSI		0xfee00000ull

#define FAKE_BASE	0x7f00000000ull

static struct qtest *q;
static struct cma c;
static uint8_t edu;

static int start(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-object memory-backend-memfd,id=m0,size=64M "
			"-device edu,id=edu0,dma_mask=0xffffffffffffffff "
			"-device virtio-cma-pci,id=cma0,memdev=m0,granule=2M,x-provider=fake,"
			"clients=edu0,unsafe-noiommu=on,x-fabric=on,x-fake-extent=2,"
			"x-fake-shuffle=on,x-fake-base=%llu", FAKE_BASE);
	qtest_run(q);
	cma_open(&c, q, &virtio_pci);
	edu = qtest_pci_find(q, 0, EDU_ID);
	qtest_pci_write(q, 0, edu, BAR0, EDU_BAR);
	qtest_pci_write(q, 0, edu, COMMAND, COMMAND_ON);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
	qtest_stop(q);
	return 0;
}

static void dma(uint64_t src, uint64_t dst, uint64_t bytes, uint64_t cmd)
{
	edu_dma(q, EDU_BAR, src, dst, bytes, cmd);
}

/* From @from to @to, both bus addresses, by way of edu's buffer. */
static void dma_copy(uint64_t from, uint64_t to, uint64_t bytes)
{
	dma(from, EDU_BUFFER, bytes, 0);
	dma(EDU_BUFFER, to, bytes, EDU_TO_MEMORY);
}

static void claim_and_alloc(uint64_t bytes, struct virtio_cma_block *block)
{
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_pci_write(q, 0, edu, COMMAND, COMMAND_ON);
	assert_int_equal(cma_alloc(&c, bytes, 0, block), VIRTIO_CMA_S_OK);
	assert_true(block->base_dma >= FAKE_BASE);
}

/* Over the border of two granules that the bus sees as one extent. */
static void test_pinned(void **state)
{
	static const char text[] = "contiguous on the bus, wherever the guest sees it";
	char got[sizeof(text)];
	struct virtio_cma_block block;

	(void)state;
	claim_and_alloc(2 * CMA_GRANULE, &block);
	assert_int_equal(block.bytes, 2 * CMA_GRANULE);
	qtest_write(q, block.base_gpa + 4096, text, sizeof(text));
	dma_copy(block.base_dma + 4096, block.base_dma + CMA_GRANULE - 16, sizeof(text));
	qtest_read(q, block.base_gpa + CMA_GRANULE - 16, got, sizeof(got));
	assert_string_equal(got, text);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 0);
}

/* Two blocks, each at an address of its own. */
static void test_scattered(void **state)
{
	struct virtio_cma_block a, b;

	(void)state;
	claim_and_alloc(2 * CMA_GRANULE, &a);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &b), VIRTIO_CMA_S_OK);
	qtest_writeq(q, a.base_gpa + CMA_GRANULE, 0x1122334455667788);
	dma_copy(a.base_dma + CMA_GRANULE, b.base_dma + 64, 8);
	assert_true(qtest_readq(q, b.base_gpa + 64) == 0x1122334455667788);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 0);
}

/* Negative control: addresses that are not pinned, of every kind. */
static void test_unpinned_faults(void **state)
{
	struct virtio_cma_block block;
	uint64_t ram = qtest_ram_base(q) + 0x800000;

	(void)state;
	claim_and_alloc(CMA_GRANULE, &block);
	qtest_writeq(q, block.base_gpa, 0x5a5a5a5a5a5a5a5a);
	dma(block.base_dma, EDU_BUFFER, 8, 0);

	/* the guest's own RAM, by its guest-physical address */
	qtest_writeq(q, ram, 1);
	dma(EDU_BUFFER, ram, 8, EDU_TO_MEMORY);
	assert_int_equal(qtest_readq(q, ram), 1);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 1);
	/* the block by its guest-physical address */
	qtest_writeq(q, block.base_gpa, 2);
	dma(EDU_BUFFER, block.base_gpa, 8, EDU_TO_MEMORY);
	assert_int_equal(qtest_readq(q, block.base_gpa), 2);
	/* just behind the block */
	dma(EDU_BUFFER, block.base_dma + CMA_GRANULE, 8, EDU_TO_MEMORY);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 3);
}

/*
 * Only an interrupt doorbell may be written, and none may be read: registers and
 * config space of PCI devices are where stray DMA lands.
 */
static void test_registers_fault(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	claim_and_alloc(CMA_GRANULE, &block);
	qtest_pci_write(q, 0, 0, Q35_PCIEXBAR, Q35_ECAM | 1);
	assert_int_equal(qtest_readl(q, Q35_ECAM), qtest_pci_read(q, 0, 0, 0));
	dma(EDU_BUFFER, Q35_ECAM, 4, EDU_TO_MEMORY);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 1);
	dma(Q35_ECAM, EDU_BUFFER, 4, 0);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 2);
	dma(Q35_MSI, EDU_BUFFER, 4, 0);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 3);
	dma(EDU_BUFFER, Q35_MSI, 4, EDU_TO_MEMORY);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 3);
}

static void test_freed_faults(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	claim_and_alloc(CMA_GRANULE, &block);
	qtest_writeq(q, block.base_gpa, 0xabcd);
	dma_copy(block.base_dma, block.base_dma + 8, 8);
	assert_int_equal(qtest_readq(q, block.base_gpa + 8), 0xabcd);

	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	qtest_writeq(q, block.base_gpa + 8, 0);
	dma(EDU_BUFFER, block.base_dma + 8, 8, EDU_TO_MEMORY);
	assert_int_equal(qtest_readq(q, block.base_gpa + 8), 0);
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 1);
}

/* Negative control: the right address, but nobody claimed the device. */
static void test_unclaimed_is_silent(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	qtest_writeq(q, block.base_gpa, 0xabcd);
	dma_copy(block.base_dma, block.base_dma + 8, 8);
	assert_int_equal(qtest_readq(q, block.base_gpa + 8), 0);
}

/* Reset in the middle of a transfer (edu waits 100 ms before it copies). */
static void test_reset_in_flight(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	claim_and_alloc(CMA_GRANULE, &block);
	qtest_writeq(q, block.base_gpa, 0xabcd);
	dma(block.base_dma, EDU_BUFFER, 8, 0);
	qtest_writeq(q, block.base_gpa, 0);
	edu_start(q, EDU_BAR, EDU_BUFFER, block.base_dma, 8, EDU_TO_MEMORY);
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	usleep(300000);
	assert_int_equal(qtest_readq(q, block.base_gpa), 0);
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
}

/* All of the region: 16 extents of two granules, scattered over the bus. */
static void test_report(void **state)
{
	uint64_t first = UINT64_MAX, last = 0;
	struct virtio_cma_block block;
	unsigned int i;

	(void)state;
	for (i = 0; i < 16; i++) {
		assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
		first = block.base_dma < first ? block.base_dma : first;
		last = block.base_dma + block.bytes > last ? block.base_dma + block.bytes : last;
	}
	assert_int_equal(qtest_get(q, "/counters/extents"), 16);
	assert_int_equal(qtest_get(q, "/extents/15/bytes"), 2 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/dma-window/first"), first);
	assert_int_equal(qtest_get(q, "/dma-window/last"), last - 1);
	assert_int_equal(qtest_get(q, "/blocks/15/nr"), 2);
	qtest_assert_text(q, "/blocks/0/client", "shared");
	qtest_assert_text(q, "/blocks/0/purpose", "pool");
}

static void test_migration_is_blocked(void **state)
{
	(void)state;
	qtest_qmp_refused(q, "the guest's devices hold physical addresses of this host",
			  "{'execute': 'migrate', 'arguments': {'uri': 'exec:cat >/dev/null'}}");
}

/* Devices that use addresses of the guest on their own. */
#define ON_ITS_OWN	CMA_FAKE_REGION ",unsafe-noiommu=on,x-fabric=on,clients=c0 "	\
			"-device %s,id=c0"

static void test_passes_by(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	qtest_expect_refusal(QTEST_Q35, "'c0' (pvscsi) takes its rings past the bus",
			     ON_ITS_OWN, "virtio-cma-pci", "pvscsi");
}

static void test_reaches_itself(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, ON_ITS_OWN, "virtio-cma-pci", "lsi53c810");
	assert_non_null(strstr(qtest_stderr(q), "'c0' (lsi53c810): its programs reach its own"));
	qtest_stop(q);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pinned), TEST(test_scattered), TEST(test_unpinned_faults),
		TEST(test_registers_fault), TEST(test_freed_faults),
		TEST(test_unclaimed_is_silent),
		TEST(test_reset_in_flight), TEST(test_report), TEST(test_migration_is_blocked),
		cmocka_unit_test(test_passes_by), cmocka_unit_test(test_reaches_itself),
	};

	return cmocka_run_group_tests_name("bus addresses", tests, NULL, NULL);
}
