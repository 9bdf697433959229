// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio over MMIO, version 2 registers, for virtio.h: the slots of Arm's virt
 * machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/qtest/virtio.h"

#define SLOTS_BASE	0x0a000000u
#define SLOT_BYTES	0x200u
#define NR_SLOTS	32

enum {
	VERSION = 0x04, DEVICE_ID = 0x08, DEVICE_FEATURES = 0x10, DEVICE_FEATURES_SELECT = 0x14,
	DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SELECT = 0x24,
	QUEUE_SELECT = 0x30, QUEUE_SIZE_MAX = 0x34, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50, STATUS = 0x70, QUEUE_DESC = 0x80, QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0, CONFIG_GENERATION = 0xfc, CONFIG = 0x100,
};

static void probe(struct virtio *v, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < NR_SLOTS; i++) {
		v->regs = SLOTS_BASE + i * SLOT_BYTES;
		if (qtest_readl(v->q, v->regs + DEVICE_ID) == id) {
			assert_int_equal(qtest_readl(v->q, v->regs + VERSION), 2);
			v->config = v->regs + CONFIG;
			return;
		}
	}
	fail_msg("no virtio-mmio device with id %u", id);
}

static uint32_t get_features_low(struct virtio *v)
{
	qtest_writel(v->q, v->regs + DEVICE_FEATURES_SELECT, 0);
	return qtest_readl(v->q, v->regs + DEVICE_FEATURES);
}

static void set_features(struct virtio *v)
{
	qtest_writel(v->q, v->regs + DRIVER_FEATURES_SELECT, 1);
	qtest_writel(v->q, v->regs + DRIVER_FEATURES, v->features_high);
	qtest_writel(v->q, v->regs + DRIVER_FEATURES_SELECT, 0);
	qtest_writel(v->q, v->regs + DRIVER_FEATURES, v->features_low & get_features_low(v));
}

static uint8_t get_status(struct virtio *v)
{
	return (uint8_t)qtest_readl(v->q, v->regs + STATUS);
}

static void set_status(struct virtio *v, uint8_t status)
{
	qtest_writel(v->q, v->regs + STATUS, status);
}

static void write_addr(struct virtio *v, uint64_t reg, uint64_t addr)
{
	qtest_writel(v->q, v->regs + reg, (uint32_t)addr);
	qtest_writel(v->q, v->regs + reg + 4, (uint32_t)(addr >> 32));
}

static void setup_queue(struct virtio *v, unsigned int queue)
{
	struct virtqueue *vq = &v->vq[queue];

	/* QEMU shows its maximum ring size here, not the device's default. */
	qtest_writel(v->q, v->regs + QUEUE_SELECT, queue);
	assert_true(vq->size <= qtest_readl(v->q, v->regs + QUEUE_SIZE_MAX));
	qtest_writel(v->q, v->regs + QUEUE_SIZE, vq->size);
	write_addr(v, QUEUE_DESC, vq->desc);
	write_addr(v, QUEUE_DRIVER, vq->avail);
	write_addr(v, QUEUE_DEVICE, vq->used);
	qtest_writel(v->q, v->regs + QUEUE_READY, 1);
}

static void kick(struct virtio *v, unsigned int queue)
{
	qtest_writel(v->q, v->regs + QUEUE_NOTIFY, queue);
}

static uint64_t config_addr(struct virtio *v)
{
	return v->config;
}

static uint8_t config_generation(struct virtio *v)
{
	return (uint8_t)qtest_readl(v->q, v->regs + CONFIG_GENERATION);
}

const struct virtio_transport virtio_mmio = {
	.name = "mmio",
	.machine = QTEST_VIRT,
	.device = "virtio-cma-device",
	.probe = probe,
	.get_features_low = get_features_low,
	.set_features = set_features,
	.get_status = get_status,
	.set_status = set_status,
	.setup_queue = setup_queue,
	.kick = kick,
	.config_addr = config_addr,
	.config_generation = config_generation,
};
