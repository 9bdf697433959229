// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What firmware finds of a client that nobody has claimed: registers that read as a
 * constant, no option ROM, and configuration space as ever. And that whatever it has
 * done is gone when the client is claimed. What real firmware makes of it:
 * tests/vm/test_firmware.sh. That NVMe's registers are hidden: test_gate.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define COMMAND			0x04
#define COMMAND_IO		0x1
#define COMMAND_MEMORY		0x2
#define BAR0			0x10
#define BAR1			0x14
#define BAR4			0x20
#define ROM_BAR			0x30
#define ROM_ENABLE		0x1
#define CAPABILITIES		0x34
#define CAP_VENDOR		0x09

#define BAR			0xfd000000u
#define DEVFN			(5 << 3)
#define CLIENT			" -device %s,id=client0,addr=5%s " CMA_FAKE_REGION \
				",clients=client0"

static void open_client(struct cma *c, const char *device, const char *properties)
{
	struct qtest *q = qtest_start(QTEST_Q35, CLIENT, device, properties, "virtio-cma-pci");

	cma_open(c, q, &virtio_pci);
}

static uint8_t config_byte(struct qtest *q, uint8_t reg)
{
	return (uint8_t)(qtest_pci_read(q, 0, DEVFN, reg & ~3u) >> 8 * (reg & 3));
}

static void claim(struct cma *c)
{
	assert_int_equal(cma_claim(c, 0), VIRTIO_CMA_S_OK);
}

/* The driver of such an adapter waits until an interrupt's bit is set. */
static void test_scsi_reads_as_ones(void **state)
{
	struct cma c;
	struct qtest *q;

	(void)state;
	open_client(&c, "lsi53c895a", "");
	q = c.v.q;
	qtest_pci_write(q, 0, DEVFN, BAR1, BAR);
	qtest_pci_write(q, 0, DEVFN, COMMAND, COMMAND_MEMORY);
	assert_int_equal(qtest_readl(q, BAR), 0xffffffff);
	assert_int_equal(qtest_readb(q, BAR + 0x42), 0xff);
	claim(&c);
	assert_int_not_equal(qtest_readl(q, BAR), 0xffffffff);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_readl(q, BAR), 0xffffffff);
	assert_int_equal(qtest_pci_read(q, 0, DEVFN, BAR1), BAR);
	qtest_stop(q);
}

/* A SCSI adapter by its class, but drivers wait until its status is zero. */
static void test_virtio_reads_as_zeros(void **state)
{
	struct cma c;
	struct qtest *q;

	(void)state;
	open_client(&c, "virtio-scsi-pci", ",iommu_platform=on,disable-legacy=on");
	q = c.v.q;
	qtest_pci_write(q, 0, DEVFN, BAR4, BAR);
	qtest_pci_write(q, 0, DEVFN, COMMAND, COMMAND_MEMORY);
	qtest_writel(q, BAR, 1);
	assert_int_equal(qtest_readl(q, BAR), 0);
	assert_int_equal(qtest_readb(q, BAR + 0x14), 0);
	claim(&c);
	qtest_writel(q, BAR, 1);
	assert_int_equal(qtest_readl(q, BAR), 1);
	qtest_stop(q);
}

/* Firmware stops it last thing before an operating system, and waits until it says so. */
#define XHCI_COMMAND		0x00	/* from where its operational registers begin */
#define XHCI_COMMAND_RUN	0x1
#define XHCI_COMMAND_RESET	0x2
#define XHCI_STATUS		0x04
#define XHCI_STATUS_HALTED	0x1

static void test_xhci_halts(void **state)
{
	struct cma c;
	struct qtest *q;
	uint64_t registers;

	(void)state;
	open_client(&c, "qemu-xhci", "");
	q = c.v.q;
	qtest_pci_write(q, 0, DEVFN, BAR0, BAR);
	qtest_pci_write(q, 0, DEVFN, COMMAND, COMMAND_MEMORY);
	registers = BAR + qtest_readb(q, BAR);
	assert_int_not_equal(registers, BAR);
	assert_int_equal(qtest_readl(q, BAR + 4), 0);	/* ports, slots */
	assert_int_equal(qtest_readl(q, registers + XHCI_STATUS), XHCI_STATUS_HALTED);
	qtest_writel(q, registers + XHCI_COMMAND, XHCI_COMMAND_RESET);
	assert_int_equal(qtest_readl(q, registers + XHCI_COMMAND), 0);
	qtest_writel(q, registers + XHCI_COMMAND, XHCI_COMMAND_RUN);
	assert_int_equal(qtest_readl(q, registers + XHCI_COMMAND), XHCI_COMMAND_RUN);
	assert_int_equal(qtest_readl(q, registers + XHCI_STATUS), 0);
	qtest_writel(q, registers + XHCI_COMMAND, 0);
	assert_int_equal(qtest_readl(q, registers + XHCI_STATUS), XHCI_STATUS_HALTED);
	qtest_writel(q, registers + XHCI_COMMAND, XHCI_COMMAND_RUN);
	claim(&c);
	assert_int_not_equal(qtest_readl(q, BAR + 4), 0);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_readl(q, registers + XHCI_STATUS), XHCI_STATUS_HALTED);
	qtest_stop(q);
}

/* A BAR that shows another one. */
static void test_aliases_are_hidden(void **state)
{
	struct cma c;
	struct qtest *q;

	(void)state;
	open_client(&c, "rtl8139", ",romfile=");
	q = c.v.q;
	qtest_pci_write(q, 0, DEVFN, BAR1, BAR);
	qtest_pci_write(q, 0, DEVFN, COMMAND, COMMAND_MEMORY);
	assert_int_equal(qtest_readl(q, BAR), 0);
	claim(&c);
	assert_int_not_equal(qtest_readl(q, BAR), 0);
	qtest_stop(q);
}

static char rom_file[] = "/tmp/hvcma-rom-XXXXXX";

static int make_rom(void **state)
{
	char rom[4096] = { 0x55, (char)0xaa, 8 };
	int fd;

	(void)state;
	qtest_skip_unless_built();
	strcpy(rom_file, "/tmp/hvcma-rom-XXXXXX");
	fd = mkstemp(rom_file);
	if (fd < 0)
		return -1;
	if (write(fd, rom, sizeof(rom)) != sizeof(rom)) {
		close(fd);
		return -1;
	}
	return close(fd);
}

static int remove_rom(void **state)
{
	(void)state;
	return unlink(rom_file);
}

/* First word of the option ROM before the device is claimed. */
static uint16_t rom_signature(const char *properties)
{
	char text[128];
	uint16_t signature;
	struct cma c;

	snprintf(text, sizeof(text), ",romfile=%s%s", rom_file, properties);
	open_client(&c, "e1000", text);
	qtest_pci_write(c.v.q, 0, DEVFN, ROM_BAR, BAR | ROM_ENABLE);
	qtest_pci_write(c.v.q, 0, DEVFN, COMMAND, COMMAND_MEMORY);
	assert_int_equal(qtest_pci_read(c.v.q, 0, DEVFN, ROM_BAR), BAR | ROM_ENABLE);
	signature = qtest_readw(c.v.q, BAR);
	qtest_stop(c.v.q);
	return signature;
}

static void test_option_rom(void **state)
{
	(void)state;
	assert_int_equal(rom_signature(""), 0);
	assert_int_equal(rom_signature(",rombar=1"), 0xaa55);
}

/*
 * The capability by which virtio devices give access to BARs through configuration
 * space: what firmware uses that can't reach a BAR above 4 GiB.
 */
static uint8_t find_window(struct qtest *q)
{
	uint8_t cap = config_byte(q, CAPABILITIES);

	while (cap && (config_byte(q, cap) != CAP_VENDOR || config_byte(q, cap + 3) != 5))
		cap = config_byte(q, cap + 1);
	assert_int_not_equal(cap, 0);
	return cap;
}

/* Number of queues, by way of the window. */
static uint16_t nr_queues(struct qtest *q, uint8_t cap)
{
	qtest_pci_write(q, 0, DEVFN, cap + 4, 4);		/* BAR */
	qtest_pci_write(q, 0, DEVFN, cap + 8, 0x12);		/* offset */
	qtest_pci_write(q, 0, DEVFN, cap + 12, 2);		/* bytes */
	return (uint16_t)qtest_pci_read(q, 0, DEVFN, cap + 16);
}

static void test_virtio_window_is_shut(void **state)
{
	struct cma c;
	uint8_t cap;

	(void)state;
	open_client(&c, "virtio-rng-pci", ",iommu_platform=on,disable-legacy=on");
	cap = find_window(c.v.q);
	assert_int_equal(nr_queues(c.v.q, cap), 0);
	claim(&c);
	assert_int_equal(nr_queues(c.v.q, cap), 1);
	qtest_stop(c.v.q);
}

/*
 * The reset of a device that clears the BARs as well, which firmware has placed and the
 * kernel knows.
 */
#define IO_BAR			0xc001u		/* in port space */

static void test_reset_keeps_bars(void **state)
{
	struct cma c;
	struct qtest *q;

	(void)state;
	open_client(&c, "piix3-ide", "");
	q = c.v.q;
	qtest_pci_write(q, 0, DEVFN, BAR4, IO_BAR);
	qtest_pci_write(q, 0, DEVFN, COMMAND, COMMAND_IO);
	claim(&c);
	assert_int_equal(qtest_pci_read(q, 0, DEVFN, BAR4), IO_BAR);
	assert_int_equal(qtest_pci_read(q, 0, DEVFN, COMMAND) & 0xffff, COMMAND_IO);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_pci_read(q, 0, DEVFN, BAR4), IO_BAR);
	qtest_stop(q);
}

/* A platform device has nothing to hide it: it is reset when it is claimed. */
#define SLOTS			0x0a000000u
#define SLOT_BYTES		0x200u
#define NR_SLOTS		32
#define DEVICE_ID		0x08
#define STATUS			0x70
#define RNG			4

static void test_platform_device_is_reset(void **state)
{
	uint64_t slot = SLOTS;
	struct qtest *q;
	struct cma c;

	(void)state;
	q = qtest_start(QTEST_VIRT, CMA_FAKE_REGION ",clients=rng0 "
			"-device virtio-rng-device,id=rng0", "virtio-cma-device");
	cma_open(&c, q, &virtio_mmio);
	while (qtest_readl(q, slot + DEVICE_ID) != RNG) {
		slot += SLOT_BYTES;
		assert_true(slot < SLOTS + NR_SLOTS * SLOT_BYTES);
	}
	qtest_writel(q, slot + STATUS, 3);
	assert_int_equal(qtest_readl(q, slot + STATUS), 3);
	claim(&c);
	assert_int_equal(qtest_readl(q, slot + STATUS), 0);
	qtest_stop(q);
}

/* At start it is said that nothing boots from a client, of the device or behind it. */
static void assert_warned(const char *clients, const char *warning)
{
	struct qtest *q = qtest_start(QTEST_Q35, "%s " CMA_FAKE_REGION ",clients=client0",
				      clients, "virtio-cma-pci");
	bool warned = strstr(qtest_stderr(q), "bootindex");

	assert_int_equal(warned, !!warning);
	assert_true(!warning || strstr(qtest_stderr(q), warning));
	qtest_stop(q);
}

static void test_bootindex(void **state)
{
	(void)state;
	assert_warned("-drive if=none,id=d,driver=null-co,size=16M "
		      "-device nvme,id=client0,serial=hvcma,drive=d,bootindex=1",
		      "client 'client0': 'client0' (nvme) has bootindex=1");
	assert_warned("-drive if=none,id=d,driver=null-co,size=16M -device lsi53c895a,id=client0 "
		      "-device scsi-hd,id=disk0,drive=d,bus=client0.0,bootindex=7",
		      "'disk0' (scsi-hd) has bootindex=7");
	assert_warned("-drive if=none,id=d,driver=null-co,size=16M "
		      "-device nvme,id=client0,serial=hvcma,drive=d", NULL);
}

static int setup(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_scsi_reads_as_ones),
		TEST(test_virtio_reads_as_zeros),
		TEST(test_xhci_halts),
		TEST(test_aliases_are_hidden),
		cmocka_unit_test_setup_teardown(test_option_rom, make_rom, remove_rom),
		TEST(test_virtio_window_is_shut),
		TEST(test_reset_keeps_bars),
		TEST(test_platform_device_is_reset),
		TEST(test_bootindex),
	};

	return cmocka_run_group_tests_name("closed", tests, NULL, NULL);
}
