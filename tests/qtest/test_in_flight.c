// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads of a client's disk that are under way when the client is let go of: by a
 * RELEASE, a reset of the region, the client's unplug. What they read does not
 * land in memory that has gone to somebody else; and the client can be used again.
 * What comes back from inside of such a release: test_inside.c.
 *
 *	the disk lets 2 reads pass a second:  | 1 | 2 |     the end     | 3 | 4 |
 *
 * check: early
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"
#include "tests/qtest/nvme.h"

#define DISK		"-drive if=none,id=d,driver=null-co,read-zeroes=on,size=1M," \
			"throttling.iops-total=2 "
#define REGION		CMA_FAKE_REGION ",clients=c0"
#define BUS		1
#define COMMAND		0x04
#define COMMAND_ON	0x6		/* memory, bus master */
#define BAR0		0x10
#define NVME_ID		0x00101b36u
#define NVME_BAR	0xe8400000u	/* in the window of the port, see hotplug.c */

#define MEMORY		0x8000000u	/* of the client's driver */
#define MEMORY_BYTES	(1 * MIB)
#define DATA		(MEMORY + MEMORY_BYTES)
#define SECTOR_BYTES	512
#define NR_READS	6
#define ALL_READS_US	4000000
#define OURS		0x5a		/* in memory before the reads, which read zeros */
#define OTHERS		0xa5		/* in it once it is somebody else's */

#define VIRTIO_ID_BLOCK	2
#define VIRTIO_ID_SCSI	8

struct disk {
	const char *options;
	const char *later;		/* plugged once the machine is there, or NULL */
	void (*open)(void);		/* its driver starts; it is claimed */
	void (*read)(uint64_t data);	/* a sector, without waiting */
};

static struct qtest *q;
static struct cma c;
static struct virtio client;
static struct nvme nvme;

/* ---- drivers ---- */

static void virtio_client(uint32_t id, unsigned int nr_queues)
{
	virtio_open_at(&client, q, &virtio_pci, BUS, MEMORY, VIRTIO_F_HIGH_ACCESS_PLATFORM, id,
		       nr_queues, 64);
}

/* @status_bytes: what it answers beside the data, before or after that */
static void virtio_read(unsigned int queue, const void *req, size_t req_bytes, uint64_t data,
			uint32_t status_bytes, bool data_last)
{
	uint64_t at = virtio_memory(&client, 4096);
	struct vring_buf parts[2] = {
		{ .addr = data, .bytes = SECTOR_BYTES, .flags = VRING_WRITE },
		{ .addr = at + 1024, .bytes = status_bytes, .flags = VRING_WRITE },
	};
	struct vring_buf buf[3] = {
		{ .addr = at, .bytes = (uint32_t)req_bytes }, parts[data_last], parts[!data_last],
	};

	qtest_write(q, at, req, req_bytes);
	virtio_post(&client, queue, buf, 3);
	virtio_kick(&client, queue);
}

static void blk_open(void)
{
	virtio_client(VIRTIO_ID_BLOCK, 1);
}

static void blk_read(uint64_t data)
{
	const struct { uint32_t type, prio; uint64_t sector; } req = { 0 };

	virtio_read(0, &req, sizeof(req), data, 1, false);
}

static void scsi_read(uint64_t data)
{
	struct { uint8_t lun[8]; uint64_t tag; uint8_t attr, prio, crn, cdb[32]; }
		__attribute__((packed)) req = {
		.lun = { 1, 0, 0x40, 0 },
		.cdb = { 0x28, [8] = 1 },	/* READ(10) */
	};

	virtio_read(2, &req, sizeof(req), data, 108, true);
}

/* The first request after a reset is told of that, and reads nothing. */
static void scsi_open(void)
{
	virtio_client(VIRTIO_ID_SCSI, 3);
	scsi_read(DATA);
	virtio_wait(&client, 2);
}

static void nvme_start(void)
{
	uint8_t devfn = qtest_pci_find(q, BUS, NVME_ID);

	qtest_pci_write(q, BUS, devfn, BAR0, NVME_BAR);
	qtest_pci_write(q, BUS, devfn, BAR0 + 4, 0);
	qtest_pci_write(q, BUS, devfn, COMMAND, COMMAND_ON);
	qtest_memset(q, MEMORY, 0, 2 * NVME_QUEUES_BYTES);
	nvme_open(&nvme, q, NVME_BAR, MEMORY, MEMORY);
	nvme_open_io(&nvme, MEMORY + NVME_QUEUES_BYTES, MEMORY + NVME_QUEUES_BYTES);
}

static void nvme_read_sector(uint64_t data)
{
	nvme_read(&nvme, data);
}

static const struct disk blk = {
	"-device virtio-blk-pci,id=c0,bus=rp0,drive=d,iommu_platform=on,disable-legacy=on",
	NULL, blk_open, blk_read,
};

#define SCSI	"-device virtio-scsi-pci,id=c0,bus=rp0,iommu_platform=on,disable-legacy=on"

static const struct disk scsi = {
	SCSI " -device scsi-hd,drive=d,bus=c0.0", NULL, scsi_open, scsi_read,
};

static const struct disk scsi_plugged = {
	SCSI, "{'execute': 'device_add', 'arguments': {'driver': 'scsi-hd', 'drive': 'd', "
	"'bus': 'c0.0'}}", scsi_open, scsi_read,
};

static const struct disk nvm = {
	"-device nvme,id=c0,bus=rp0,serial=c0,drive=d", NULL, nvme_start, nvme_read_sector,
};

/* ---- reads ---- */

static uint64_t data_of(unsigned int nr)
{
	return DATA + nr * 4096;
}

/* How many sectors in memory have this byte, first and last. */
static unsigned int nr_with(uint8_t byte)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_READS; i++)
		nr += qtest_readb(q, data_of(i)) == byte &&
		      qtest_readb(q, data_of(i) + SECTOR_BYTES - 1) == byte;
	return nr;
}

static void claim(const struct disk *d)
{
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	d->open();
}

/* Some have ended, others are under way. */
static void start_reads(const struct disk *d)
{
	unsigned int i;

	qtest_memset(q, DATA, OURS, NR_READS * 4096);
	for (i = 0; i < NR_READS; i++)
		d->read(data_of(i));
	for (i = 0; i < 100 && !nr_with(0); i++)
		usleep(10000);
	assert_in_range(nr_with(0), 1, NR_READS - 1);
	assert_in_range(nr_with(OURS), 1, NR_READS - 1);
}

static void start(const struct disk *d)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, HOTPLUG_PORT DISK "%s " REGION, d->options, "virtio-cma-pci");
	hotplug_set_up(q);
	cma_open(&c, q, &virtio_pci);
	if (d->later)
		json_object_put(qtest_qmp_ok(q, "%s", d->later));
	qtest_run(q);
	claim(d);
	start_reads(d);
}

/* The memory goes to somebody else, and stays theirs. */
static void assert_nothing_lands(void)
{
	qtest_memset(q, DATA, OTHERS, NR_READS * 4096);
	usleep(ALL_READS_US);
	assert_int_equal(nr_with(OTHERS), NR_READS);
}

static void assert_reads_again(const struct disk *d)
{
	claim(d);
	start_reads(d);
	qtest_stop(q);
}

/* ---- ends ---- */

static void goes_on(const struct disk *d)
{
	unsigned int i;

	start(d);
	for (i = 0; i < QTEST_TIMEOUT_S && nr_with(0) < NR_READS; i++)
		usleep(1000000);
	assert_int_equal(nr_with(0), NR_READS);
	qtest_stop(q);
}

static void is_released(const struct disk *d)
{
	start(d);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
	assert_nothing_lands();
	assert_reads_again(d);
}

static void loses_region(const struct disk *d)
{
	start(d);
	virtio_reset(&c.v);
	qtest_assert_text(q, "/clients/0/state", "present");
	assert_int_equal(qtest_get(q, "/clients/0/bus-master"), 0);
	assert_nothing_lands();
	cma_restart(&c);
	assert_reads_again(d);
}

/* QEMU never frees an NVMe controller that has had reads under way, client or not. */
static void is_unplugged(const struct disk *d)
{
	start(d);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("c0")));
	hotplug_let_go(q);
	if (d != &nvm)
		qtest_wait_event(q, "DEVICE_DELETED");
	qtest_assert_text(q, "/clients/0/state", "absent");
	assert_nothing_lands();
	assert_null(strstr(qtest_stderr(q), "without being quiesced"));
	qtest_stop(q);
}

#define EACH(what)							\
	static void test_blk_##what(void **state)			\
	{								\
		(void)state;						\
		what(&blk);						\
	}								\
	static void test_scsi_##what(void **state)			\
	{								\
		(void)state;						\
		what(&scsi);						\
	}								\
	static void test_nvme_##what(void **state)			\
	{								\
		(void)state;						\
		what(&nvm);						\
	}

EACH(goes_on)
EACH(is_released)
EACH(loses_region)
EACH(is_unplugged)

static void test_scsi_plugged_is_unplugged(void **state)
{
	(void)state;
	is_unplugged(&scsi_plugged);
}

static int stop(void **state)
{
	(void)state;
	qtest_kill_leftover();
	return 0;
}

#define TEST(name)	cmocka_unit_test_teardown(name, stop)
#define TESTS(what)	TEST(test_blk_##what), TEST(test_scsi_##what), TEST(test_nvme_##what)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(goes_on), TESTS(is_released), TESTS(loses_region), TESTS(is_unplugged),
		TEST(test_scsi_plugged_is_unplugged),
	};

	return cmocka_run_group_tests_name("in flight", tests, NULL, NULL);
}
