// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bus-master gate and test fabric, driven as a guest would: configuration space
 * writes of every width, an NVMe controller that really fetches and writes, and
 * all the ways a device is reset. VFIO needs a kernel: see tests/nested.
 *
 *	guest-physical                  DMA addresses (what the controller is given)
 *	base_gpa  +--------------+      0x7700000000 +--------------+
 *	          | block        | <---------------- | pinned       |
 *	          +--------------+                   +--------------+
 *	          | not allocated|                   | fault        |
 *	          +--------------+                   +--------------+
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/nvme.h"

#define COMMAND			0x04
#define COMMAND_MEMORY		0x2
#define COMMAND_MASTER		0x4
#define BAR0			0x10
#define BRIDGE_BUSES		0x18
#define BRIDGE_MEMORY		0x20
#define BRIDGE_CONTROL		0x3e
#define BRIDGE_BUS_RESET	0x40
#define CAPABILITIES		0x34
#define CAP_POWER		0x01
#define CAP_EXPRESS		0x10
#define POWER_STATE		4	/* in the capability */
#define DEVICE_CONTROL		8
#define FUNCTION_RESET		0x8000
#define SLOT_CONTROL		0x18
#define SLOT_ON			0x0100	/* power and its indicator */
#define SLOT_OFF		0x0700

#define Q35_ECAM_CONTROL	0x60	/* of the host bridge */
#define Q35_ECAM		0xb0000000u
#define VIRT_ECAM		0x4010000000u
#define Q35_BAR			0xfd000000u
#define VIRT_BAR		0x10000000u

#define BASE_DMA		0x7700000000ull
#define REGION			CMA_FAKE_REGION ",unsafe-noiommu=on,x-fabric=on,"	\
				"x-fake-base=0x7700000000,clients=nv0:edu0"
#define NVME			"-drive if=none,id=d,driver=null-co,size=16M "		\
				"-device nvme,id=nv0,serial=hvcma,drive=d"
#define CLIENTS			NVME ",addr=5 -device edu,id=edu0,addr=6"
#define NVME_SLOT		5
#define EDU_SLOT		6
#define NVME_CLIENT		0
#define EDU_CLIENT		1

/* Where the controller writes to, in the block; its queues come before. */
#define DATA_OFFSET		NVME_QUEUES_BYTES

struct bed {
	struct qtest *q;
	struct cma c;
	uint64_t ecam, bar;		/* bar: where NVMe's registers are mapped */
	uint8_t bus, slot;		/* of the NVMe controller */
	struct virtio_cma_block block;
	uint64_t dma;			/* base that the controller is given */
	struct nvme nvme;
};

/* ---- configuration space ---- */

static uint64_t config_addr(struct bed *b, uint8_t bus, uint8_t slot, unsigned int reg)
{
	return b->ecam + ((uint64_t)bus << 20 | (uint64_t)slot << 15) + reg;
}

static uint16_t command(struct bed *b, uint8_t slot)
{
	return qtest_readw(b->q, config_addr(b, b->bus, slot, COMMAND));
}

static void set_command(struct bed *b, uint8_t slot, uint16_t value)
{
	qtest_writew(b->q, config_addr(b, b->bus, slot, COMMAND), value);
}

static bool is_master(struct bed *b, uint8_t slot)
{
	return command(b, slot) & COMMAND_MASTER;
}

/* Address of a capability. */
static uint64_t capability(struct bed *b, uint8_t bus, uint8_t slot, uint8_t id)
{
	uint64_t config = config_addr(b, bus, slot, 0);
	uint8_t cap = qtest_readb(b->q, config + CAPABILITIES);

	while (cap && qtest_readb(b->q, config + cap) != id)
		cap = qtest_readb(b->q, config + cap + 1);
	assert_int_not_equal(cap, 0);
	return config + cap;
}

/* ---- the bed ---- */

static void open_q35(struct bed *b, const char *options)
{
	memset(b, 0, sizeof(*b));
	b->q = qtest_start(QTEST_Q35, "%s", options);
	cma_open(&b->c, b->q, &virtio_pci);
	qtest_pci_write(b->q, 0, 0, Q35_ECAM_CONTROL + 4, 0);
	qtest_pci_write(b->q, 0, 0, Q35_ECAM_CONTROL, Q35_ECAM | 1);
	b->ecam = Q35_ECAM;
	b->bar = Q35_BAR;
	b->slot = NVME_SLOT;
}

static void map_nvme(struct bed *b)
{
	qtest_writel(b->q, config_addr(b, b->bus, b->slot, BAR0), (uint32_t)b->bar);
	qtest_writel(b->q, config_addr(b, b->bus, b->slot, BAR0 + 4), 0);
	set_command(b, b->slot, COMMAND_MEMORY);
}

static void open_region_first(struct bed *b)
{
	open_q35(b, "-object memory-backend-memfd,id=m0,size=64M -device virtio-cma-pci,"
		    "id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake,"
		    "unsafe-noiommu=on,x-fabric=on,x-fake-base=0x7700000000,"
		    "clients=nv0:edu0 " CLIENTS);
	map_nvme(b);
}

static void open_clients_first(struct bed *b)
{
	char options[1024];

	snprintf(options, sizeof(options), CLIENTS " " REGION, "virtio-cma-pci");
	open_q35(b, options);
	map_nvme(b);
}

static void close_bed(struct bed *b)
{
	qtest_stop(b->q);
}

static void take_block(struct bed *b)
{
	assert_int_equal(cma_alloc(&b->c, CMA_GRANULE, NVME_CLIENT, &b->block),
			 VIRTIO_CMA_S_OK);
	b->dma = b->block.base_dma;
	assert_true(b->dma >= BASE_DMA);
	qtest_memset(b->q, b->block.base_gpa, 0, DATA_OFFSET + NVME_IDENTIFY_BYTES);
}

static void claim_and_enable_master(struct bed *b)
{
	assert_int_equal(cma_claim(&b->c, NVME_CLIENT), VIRTIO_CMA_S_OK);
	assert_false(is_master(b, b->slot));
	/* Whatever was done to it before, by whom: a claimed device is a new one. */
	assert_true(nvme_is_reset(b->q, b->bar));
	set_command(b, b->slot, COMMAND_MEMORY | COMMAND_MASTER);
	assert_true(is_master(b, b->slot));
}

static int64_t count_faults(struct bed *b)
{
	struct json_object *answer = qtest_qmp_ok(b->q, "{'execute': 'qom-get', 'arguments': "
		"{'path': '/machine/peripheral/cma0', 'property': 'fabric-faults'}}");
	int64_t nr = json_object_get_int64(answer);

	json_object_put(answer);
	return nr;
}

/* ---- what the controller does ---- */

static void enable_nvme(struct bed *b)
{
	nvme_open(&b->nvme, b->q, b->bar, b->block.base_gpa, b->dma);
}

/* It tried to fetch the command and could not. */
static void assert_nvme_cannot_fetch(struct bed *b)
{
	nvme_wait_fatal(&b->nvme);
	assert_false(nvme_has_completed(&b->nvme));
}

static void assert_identified(struct bed *b, uint64_t gpa)
{
	char serial[5];

	qtest_read(b->q, gpa + NVME_SERIAL_OFFSET, serial, sizeof(serial));
	assert_memory_equal(serial, "hvcma", sizeof(serial));
}

static void assert_dma_works(struct bed *b)
{
	enable_nvme(b);
	nvme_identify(&b->nvme, b->dma + DATA_OFFSET);
	assert_int_equal(nvme_wait(&b->nvme), 0);
	assert_identified(b, b->block.base_gpa + DATA_OFFSET);
}

/* Closed: not master, nor to be made one, registers hidden; and reset, says the next claim. */
static void assert_closed(struct bed *b)
{
	assert_false(is_master(b, b->slot));
	set_command(b, b->slot, COMMAND_MEMORY | COMMAND_MASTER);
	assert_int_equal(command(b, b->slot), COMMAND_MEMORY);
	assert_true(nvme_is_hidden(b->q, b->bar));
	claim_and_enable_master(b);
}

/* ---- tests ---- */

/* Through the memory-mapped window: all aligned accesses that touch the bit. */
static void try_window(struct bed *b, uint8_t slot)
{
	uint64_t base = config_addr(b, b->bus, slot, 0);

	qtest_writeb(b->q, base + COMMAND, 0xff);
	assert_false(is_master(b, slot));
	qtest_writew(b->q, base + COMMAND, 0xffff);
	assert_false(is_master(b, slot));
	qtest_writel(b->q, base + COMMAND, 0xffffffff);
	assert_false(is_master(b, slot));
	qtest_writeq(b->q, base, UINT64_MAX);
	assert_false(is_master(b, slot));
}

/* Through the ports: four bytes at any offset, split by QEMU as hardware would. */
static void try_ports(struct bed *b, uint8_t slot)
{
	uint16_t offset;

	for (offset = 0; offset < 4; offset++) {
		qtest_outl(b->q, 0xcf8, 0x80000000u | (uint32_t)slot << 11);
		qtest_outl(b->q, 0xcfc + offset, 0xffffffff);
		assert_false(is_master(b, slot));
		qtest_outl(b->q, 0xcf8, 0x80000000u | (uint32_t)slot << 11 | COMMAND);
		qtest_outl(b->q, 0xcfc + offset, 0xffffffff);
		assert_false(is_master(b, slot));
	}
}

static void test_unclaimed_cannot_become_master(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	try_window(&b, NVME_SLOT);
	try_ports(&b, NVME_SLOT);
	try_window(&b, EDU_SLOT);
	try_ports(&b, EDU_SLOT);
	/* The other bits of those writes arrived. */
	assert_true(command(&b, NVME_SLOT) & COMMAND_MEMORY);
	assert_true(command(&b, EDU_SLOT) & COMMAND_MEMORY);

	/* The same writes do it once claimed: the test can tell. */
	assert_int_equal(cma_claim(&b.c, EDU_CLIENT), VIRTIO_CMA_S_OK);
	qtest_writeb(b.q, config_addr(&b, 0, EDU_SLOT, COMMAND), 0xff);
	assert_true(is_master(&b, EDU_SLOT));
	assert_false(is_master(&b, NVME_SLOT));
	close_bed(&b);
}

static void test_unclaimed_cannot_be_driven(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	set_command(&b, b.slot, COMMAND_MEMORY | COMMAND_MASTER);
	assert_true(nvme_is_hidden(b.q, b.bar));
	/* Where firmware has put it is where the guest finds it. */
	assert_int_equal(qtest_readl(b.q, config_addr(&b, 0, b.slot, BAR0)) & ~0xfu, b.bar);
	claim_and_enable_master(&b);
	assert_false(nvme_is_hidden(b.q, b.bar));
	close_bed(&b);
}

static void claimed_does_dma(struct bed *b)
{
	claim_and_enable_master(b);
	take_block(b);
	assert_dma_works(b);
	assert_int_equal(count_faults(b), 0);
	close_bed(b);
}

static void test_claimed_does_dma_region_first(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	claimed_does_dma(&b);
}

static void test_claimed_does_dma_clients_first(void **state)
{
	struct bed b;

	(void)state;
	open_clients_first(&b);
	claimed_does_dma(&b);
}

static void test_claimed_does_dma_on_virt(void **state)
{
	struct bed b = { .ecam = VIRT_ECAM, .bar = VIRT_BAR, .slot = NVME_SLOT };

	(void)state;
	b.q = qtest_start(QTEST_VIRT, REGION " " CLIENTS, "virtio-cma-device");
	cma_open(&b.c, b.q, &virtio_mmio);
	map_nvme(&b);
	try_window(&b, EDU_SLOT);
	claimed_does_dma(&b);
}

static void test_master_bit_gates_the_fabric(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	claim_and_enable_master(&b);
	take_block(&b);
	set_command(&b, b.slot, COMMAND_MEMORY);
	enable_nvme(&b);
	nvme_identify(&b.nvme, b.dma + DATA_OFFSET);
	assert_nvme_cannot_fetch(&b);
	assert_int_equal(count_faults(&b), 0);
	close_bed(&b);
}

static void test_wrong_address_faults(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	claim_and_enable_master(&b);
	take_block(&b);
	enable_nvme(&b);

	/*
	 * The guest-physical address instead of the DMA address. QEMU's controller
	 * reports success all the same; what counts is where nothing arrived.
	 */
	nvme_identify(&b.nvme, b.block.base_gpa + DATA_OFFSET);
	nvme_wait(&b.nvme);
	assert_int_equal(count_faults(&b), 1);
	assert_int_equal(qtest_readl(b.q, b.block.base_gpa + DATA_OFFSET + 4), 0);

	/* The granule behind the block: backed or not, it is not pinned. */
	nvme_identify(&b.nvme, b.dma + CMA_GRANULE);
	nvme_wait(&b.nvme);
	assert_int_equal(count_faults(&b), 2);

	/* Ordinary guest memory. */
	nvme_identify(&b.nvme, qtest_ram_base(b.q));
	nvme_wait(&b.nvme);
	assert_int_equal(count_faults(&b), 3);
	close_bed(&b);
}

static void test_freed_block_faults(void **state)
{
	struct virtio_cma_block other;
	struct bed b;

	(void)state;
	open_region_first(&b);
	claim_and_enable_master(&b);
	take_block(&b);
	assert_int_equal(cma_alloc(&b.c, CMA_GRANULE, NVME_CLIENT, &other), VIRTIO_CMA_S_OK);
	enable_nvme(&b);
	nvme_identify(&b.nvme, other.base_dma);
	assert_int_equal(nvme_wait(&b.nvme), 0);
	assert_identified(&b, other.base_gpa);
	assert_int_equal(count_faults(&b), 0);

	assert_int_equal(cma_free(&b.c, other.base_gpa, other.bytes), VIRTIO_CMA_S_OK);
	nvme_identify(&b.nvme, other.base_dma);
	nvme_wait(&b.nvme);
	assert_int_equal(count_faults(&b), 1);
	close_bed(&b);
}

static void test_release_stops_and_resets(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	claim_and_enable_master(&b);
	take_block(&b);
	assert_dma_works(&b);
	assert_int_equal(cma_release(&b.c, NVME_CLIENT), VIRTIO_CMA_S_OK);
	/* BARs stay: the guest does not write them again for the next driver. */
	assert_int_equal(qtest_readl(b.q, config_addr(&b, 0, b.slot, BAR0)) & ~0xfu, b.bar);
	assert_closed(&b);
	assert_dma_works(&b);
	close_bed(&b);
}

static void test_driver_reset_stops_and_resets(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	claim_and_enable_master(&b);
	take_block(&b);
	assert_dma_works(&b);
	virtio_reset(&b.c.v);
	assert_int_equal(qtest_get(b.q, "/counters/pinned-bytes"), 0);
	cma_restart(&b.c);
	assert_closed(&b);
	close_bed(&b);
}

static void test_system_reset_stops_and_resets(void **state)
{
	struct bed b;

	(void)state;
	open_region_first(&b);
	claim_and_enable_master(&b);
	take_block(&b);
	assert_dma_works(&b);
	json_object_put(qtest_qmp_ok(b.q, "{'execute': 'system_reset'}"));
	qtest_wait_event(b.q, "RESET");
	qtest_pci_write(b.q, 0, 0, Q35_ECAM_CONTROL, Q35_ECAM | 1);
	map_nvme(&b);
	assert_int_equal(qtest_get(b.q, "/counters/pinned-bytes"), 0);
	cma_open(&b.c, b.q, &virtio_pci);
	assert_closed(&b);
	close_bed(&b);
}

/* Resets the guest can do by itself stop the device and open nothing. */
static void test_function_reset_opens_nothing(void **state)
{
	uint64_t control;
	struct bed b;

	(void)state;
	open_region_first(&b);
	control = capability(&b, 0, b.slot, CAP_EXPRESS) + DEVICE_CONTROL;
	qtest_writew(b.q, control, FUNCTION_RESET);
	assert_false(is_master(&b, b.slot));

	map_nvme(&b);
	claim_and_enable_master(&b);
	take_block(&b);
	assert_dma_works(&b);
	qtest_writew(b.q, control, FUNCTION_RESET);
	assert_false(is_master(&b, b.slot));
	/* Still claimed: the guest may go on. */
	map_nvme(&b);
	set_command(&b, b.slot, COMMAND_MEMORY | COMMAND_MASTER);
	assert_dma_works(&b);
	assert_int_equal(cma_release(&b.c, NVME_CLIENT), VIRTIO_CMA_S_OK);
	assert_closed(&b);
	close_bed(&b);
}

static void test_sleep_opens_nothing(void **state)
{
	uint64_t power;
	struct bed b;

	(void)state;
	open_region_first(&b);
	power = capability(&b, 0, b.slot, CAP_POWER) + POWER_STATE;
	qtest_writew(b.q, power, 3);
	assert_int_equal(qtest_readw(b.q, power) & 3, 3);
	qtest_writew(b.q, power, 0);
	assert_false(is_master(&b, b.slot));

	/* Released while it sleeps. */
	claim_and_enable_master(&b);
	take_block(&b);
	assert_dma_works(&b);
	qtest_writew(b.q, power, 3);
	assert_int_equal(cma_release(&b.c, NVME_CLIENT), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_readw(b.q, power) & 3, 0);
	assert_closed(&b);
	close_bed(&b);
}

/*
 * Hot plug, below a root port:
 *
 *	bus 0: 02.0 root port --- bus 1: 00.0 NVMe
 */
#define PORT_SLOT	2
#define PORT_BUS	1

static void set_slot(struct bed *b, uint16_t value)
{
	qtest_writew(b->q, capability(b, 0, PORT_SLOT, CAP_EXPRESS) + SLOT_CONTROL, value);
}

static void plug_nvme(struct bed *b)
{
	json_object_put(qtest_qmp_ok(b->q, "{'execute': 'device_add', 'arguments': "
		"{'driver': 'nvme', 'id': 'nv0', 'serial': 'hvcma', 'drive': 'd', "
		"'bus': 'rp0'}}"));
	set_slot(b, SLOT_ON);
	map_nvme(b);
	qtest_assert_text(b->q, "/clients/0/state", "present");
}

static void unplug_nvme(struct bed *b)
{
	json_object_put(qtest_qmp_ok(b->q, "{'execute': 'device_del', "
				     "'arguments': {'id': 'nv0'}}"));
	set_slot(b, SLOT_OFF);
	qtest_wait_event(b->q, "DEVICE_DELETED");
	qtest_assert_text(b->q, "/clients/0/state", "absent");
}

static void open_with_port(struct bed *b)
{
	uint64_t port;

	/* Native hot plug, where the guest's part is to switch the slot off. */
	open_q35(b, "-object memory-backend-memfd,id=m0,size=64M "
		    "-device pcie-root-port,id=rp0,addr=2,chassis=1 "
		    "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
		    "-drive if=none,id=d,driver=null-co,size=16M "
		    "-device nvme,id=nv0,serial=hvcma,drive=d,bus=rp0 "
		    "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,"
		    "x-provider=fake,unsafe-noiommu=on,x-fabric=on,"
		    "x-fake-base=0x7700000000,clients=nv0");
	port = config_addr(b, 0, PORT_SLOT, 0);
	qtest_writel(b->q, port + BRIDGE_BUSES, PORT_BUS << 16 | PORT_BUS << 8);
	qtest_writel(b->q, port + BRIDGE_MEMORY, (Q35_BAR & 0xfff00000) | Q35_BAR >> 16);
	qtest_writew(b->q, port + COMMAND, COMMAND_MEMORY | COMMAND_MASTER);
	b->bus = PORT_BUS;
	b->slot = 0;
	map_nvme(b);
}

static void test_bus_reset_opens_nothing(void **state)
{
	uint64_t control;
	struct bed b;

	(void)state;
	open_with_port(&b);
	control = config_addr(&b, 0, PORT_SLOT, BRIDGE_CONTROL);
	/* The bridge above being master does not make the device one. */
	assert_false(is_master(&b, b.slot));
	claim_and_enable_master(&b);
	take_block(&b);
	assert_dma_works(&b);
	qtest_writew(b.q, control, BRIDGE_BUS_RESET);
	qtest_writew(b.q, control, 0);
	assert_false(is_master(&b, b.slot));
	map_nvme(&b);
	assert_int_equal(cma_release(&b.c, NVME_CLIENT), VIRTIO_CMA_S_OK);
	assert_closed(&b);
	close_bed(&b);
}

static void test_unplug_and_replug(void **state)
{
	struct bed b;
	int i;

	(void)state;
	open_with_port(&b);
	unplug_nvme(&b);
	for (i = 0; i < 3; i++) {
		plug_nvme(&b);
		set_command(&b, b.slot, COMMAND_MEMORY | COMMAND_MASTER);
		assert_false(is_master(&b, b.slot));
		claim_and_enable_master(&b);
		take_block(&b);
		assert_dma_works(&b);
		assert_int_equal(count_faults(&b), 0);
		unplug_nvme(&b);
		assert_int_equal(cma_claim(&b.c, NVME_CLIENT), VIRTIO_CMA_S_CLIENT_STATE);
		assert_int_equal(cma_free(&b.c, b.block.base_gpa, b.block.bytes),
				 VIRTIO_CMA_S_OK);
	}
	close_bed(&b);
}

/*
 * A device comes in as bus master from a VM that had no gate; the stream is loaded
 * behind the back of configuration space writes. Without the region: it is left alone.
 */
#define NET		"-device e1000,id=net0,addr=5,romfile="

static void migrate_in(const char *file, const char *region, bool master)
{
	struct bed b = { .ecam = VIRT_ECAM, .slot = NVME_SLOT };

	b.q = qtest_start(QTEST_VIRT, NET " %s -incoming defer", region);
	json_object_put(qtest_qmp_ok(b.q, "{'execute': 'migrate-incoming', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	qtest_wait_migrated(b.q);
	assert_true(is_master(&b, b.slot));
	json_object_put(qtest_qmp_ok(b.q, "{'execute': 'cont'}"));
	qtest_wait_event(b.q, "RESUME");
	json_object_put(qtest_qmp_ok(b.q, "{'execute': 'stop'}"));
	assert_int_equal(is_master(&b, b.slot), master);
	close_bed(&b);
}

static int setup_file(void **state)
{
	char *file = strdup("/tmp/hvcma-gate-XXXXXX");
	int fd;

	qtest_skip_unless_built();
	fd = mkstemp(file);
	if (fd < 0)
		return -1;
	close(fd);
	*state = file;
	return 0;
}

static int remove_file(void **state)
{
	unlink(*state);
	free(*state);
	return 0;
}

static void test_migration_opens_nothing(void **state)
{
	struct bed b = { .ecam = VIRT_ECAM, .slot = NVME_SLOT };
	const char *file = *state;

	b.q = qtest_start(QTEST_VIRT, NET);
	set_command(&b, b.slot, COMMAND_MEMORY | COMMAND_MASTER);
	assert_true(is_master(&b, b.slot));
	json_object_put(qtest_qmp_ok(b.q, "{'execute': 'migrate', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	qtest_wait_migrated(b.q);
	close_bed(&b);

	migrate_in(file, "", true);
	migrate_in(file, "-object memory-backend-memfd,id=m0,size=64M -device virtio-cma-device,"
			 "id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake,clients=net0",
		   false);
}

/* A claimed device is not reset where its state has just come in. */
#define CLAIMED_NET	NET " " CMA_FAKE_REGION ",clients=net0"
#define E1000_VET	0x38

static void test_migration_keeps_a_claimed_device(void **state)
{
	struct bed b = { .ecam = VIRT_ECAM, .bar = VIRT_BAR, .slot = NVME_SLOT };
	const char *file = *state;

	b.q = qtest_start(QTEST_VIRT, CLAIMED_NET, "virtio-cma-device");
	cma_open(&b.c, b.q, &virtio_mmio);
	map_nvme(&b);
	assert_int_equal(cma_claim(&b.c, 0), VIRTIO_CMA_S_OK);
	qtest_writel(b.q, b.bar + E1000_VET, 0x1234);
	json_object_put(qtest_qmp_ok(b.q, "{'execute': 'migrate', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	qtest_wait_migrated(b.q);
	close_bed(&b);

	b.q = qtest_start(QTEST_VIRT, CLAIMED_NET " -incoming defer", "virtio-cma-device");
	json_object_put(qtest_qmp_ok(b.q, "{'execute': 'migrate-incoming', 'arguments': "
				     "{'uri': 'file:%s'}}", file));
	qtest_wait_migrated(b.q);
	qtest_assert_text(b.q, "/clients/0/state", "claimed");
	assert_int_equal(qtest_readl(b.q, b.bar + E1000_VET), 0x1234);
	close_bed(&b);
}

/* Control: with the plugin, but in no region, a device is as it always was. */
static void test_no_client_no_gate(void **state)
{
	struct bed b;

	(void)state;
	memset(&b, 0, sizeof(b));
	b.q = qtest_start(QTEST_Q35, CLIENTS);
	qtest_pci_write(b.q, 0, 0, Q35_ECAM_CONTROL, Q35_ECAM | 1);
	b.ecam = Q35_ECAM;
	set_command(&b, NVME_SLOT, COMMAND_MEMORY | COMMAND_MASTER);
	assert_true(is_master(&b, NVME_SLOT));
	close_bed(&b);
}

static void test_refusals(void **state)
{
	(void)state;
	qtest_expect_refusal(QTEST_Q35, "ignores the bus master bit",
			     CMA_FAKE_REGION ",clients=rng0 -device virtio-rng-pci,id=rng0",
			     "virtio-cma-pci");
	qtest_expect_refusal(QTEST_Q35, "is behind an emulated IOMMU",
			     "-device intel-iommu " REGION " " CLIENTS, "virtio-cma-pci");
}

/* With iommu_platform=on a virtio device respects the bit. */
static void test_virtio_client(void **state)
{
	struct bed b;

	(void)state;
	open_q35(&b, "-object memory-backend-memfd,id=m0,size=64M "
		     "-device virtio-rng-pci,id=rng0,addr=5,iommu_platform=on,"
		     "disable-legacy=on -device virtio-cma-pci,id=cma0,memdev=m0,name=banka,"
		     "granule=2M,x-provider=fake,clients=rng0");
	set_command(&b, b.slot, COMMAND_MEMORY | COMMAND_MASTER);
	assert_int_equal(command(&b, b.slot), COMMAND_MEMORY);
	assert_int_equal(cma_claim(&b.c, 0), VIRTIO_CMA_S_OK);
	set_command(&b, b.slot, COMMAND_MEMORY | COMMAND_MASTER);
	assert_true(is_master(&b, b.slot));
	assert_int_equal(cma_release(&b.c, 0), VIRTIO_CMA_S_OK);
	assert_false(is_master(&b, b.slot));
	close_bed(&b);
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
		TEST(test_unclaimed_cannot_become_master),
		TEST(test_unclaimed_cannot_be_driven),
		TEST(test_claimed_does_dma_region_first),
		TEST(test_claimed_does_dma_clients_first),
		TEST(test_claimed_does_dma_on_virt),
		TEST(test_master_bit_gates_the_fabric),
		TEST(test_wrong_address_faults),
		TEST(test_freed_block_faults),
		TEST(test_release_stops_and_resets),
		TEST(test_driver_reset_stops_and_resets),
		TEST(test_system_reset_stops_and_resets),
		TEST(test_function_reset_opens_nothing),
		TEST(test_sleep_opens_nothing),
		TEST(test_bus_reset_opens_nothing),
		TEST(test_unplug_and_replug),
		cmocka_unit_test_setup_teardown(test_migration_opens_nothing, setup_file, remove_file),
		cmocka_unit_test_setup_teardown(test_migration_keeps_a_claimed_device, setup_file,
						remove_file),
		TEST(test_no_client_no_gate),
		TEST(test_refusals),
		TEST(test_virtio_client),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
