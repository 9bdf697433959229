// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio over PCI, modern registers, for virtio.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/qtest/virtio.h"

#define VENDOR			0x1af4
#define DEVICE_BASE		0x1040
#define BAR4			0x20
#define COMMAND			0x04
#define COMMAND_MEMORY_MASTER	0x6
#define CAPABILITIES		0x34
#define CAP_VENDOR		9
/* Where BARs are put: one slot of address space per device, away from RAM. */
#define BAR_BASE(bus, devfn)	(0xe8000000u + ((bus) << 20 | (devfn) << 12) * 4u)

/* struct virtio_pci_common_cfg */
enum {
	DEVICE_FEATURE_SELECT = 0, DEVICE_FEATURE = 4, DRIVER_FEATURE_SELECT = 8, DRIVER_FEATURE = 12,
	STATUS = 20, CONFIG_GENERATION = 21, QUEUE_SELECT = 22, QUEUE_SIZE = 24, QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30, QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48,
};

static void probe(struct virtio *v, uint32_t id)
{
	uint32_t bar = BAR_BASE(v->bus, 0);
	uint8_t cap;

	v->devfn = qtest_pci_find_nth(v->q, v->bus, VENDOR | (DEVICE_BASE + id) << 16, v->nth);
	bar = BAR_BASE(v->bus, v->devfn);
	qtest_pci_write(v->q, v->bus, v->devfn, BAR4, bar);
	qtest_pci_write(v->q, v->bus, v->devfn, BAR4 + 4, 0);
	qtest_pci_write(v->q, v->bus, v->devfn, COMMAND, COMMAND_MEMORY_MASTER);

	cap = (uint8_t)qtest_pci_read(v->q, v->bus, v->devfn, CAPABILITIES);
	while (cap) {
		uint32_t head = qtest_pci_read(v->q, v->bus, v->devfn, cap);
		uint64_t addr = bar + qtest_pci_read(v->q, v->bus, v->devfn, cap + 8);

		if ((head & 0xff) == CAP_VENDOR) {
			switch (head >> 24) {
			case 1:
				v->regs = addr;
				break;
			case 2:
				v->notify = addr;
				v->notify_multiplier = qtest_pci_read(v->q, v->bus, v->devfn,
								      cap + 16);
				break;
			case 4:
				v->config = addr;
				break;
			}
		}
		cap = head >> 8 & 0xff;
	}
	assert_true(v->regs && v->notify && v->config);
}

static uint32_t get_features_low(struct virtio *v)
{
	qtest_writel(v->q, v->regs + DEVICE_FEATURE_SELECT, 0);
	return qtest_readl(v->q, v->regs + DEVICE_FEATURE);
}

static void set_features(struct virtio *v)
{
	qtest_writel(v->q, v->regs + DRIVER_FEATURE_SELECT, 1);
	qtest_writel(v->q, v->regs + DRIVER_FEATURE, v->features_high);
	qtest_writel(v->q, v->regs + DRIVER_FEATURE_SELECT, 0);
	qtest_writel(v->q, v->regs + DRIVER_FEATURE, v->features_low & get_features_low(v));
}

static uint8_t get_status(struct virtio *v)
{
	return qtest_readb(v->q, v->regs + STATUS);
}

static void set_status(struct virtio *v, uint8_t status)
{
	qtest_writeb(v->q, v->regs + STATUS, status);
}

static void setup_queue(struct virtio *v, unsigned int queue)
{
	struct virtqueue *vq = &v->vq[queue];

	qtest_writew(v->q, v->regs + QUEUE_SELECT, (uint16_t)queue);
	if (vq->size > qtest_readw(v->q, v->regs + QUEUE_SIZE))
		vq->size = qtest_readw(v->q, v->regs + QUEUE_SIZE);
	qtest_writew(v->q, v->regs + QUEUE_SIZE, vq->size);
	qtest_writeq(v->q, v->regs + QUEUE_DESC, vq->desc);
	qtest_writeq(v->q, v->regs + QUEUE_DRIVER, vq->avail);
	qtest_writeq(v->q, v->regs + QUEUE_DEVICE, vq->used);
	vq->notify = v->notify + v->notify_multiplier *
		     (uint64_t)qtest_readw(v->q, v->regs + QUEUE_NOTIFY_OFF);
	qtest_writew(v->q, v->regs + QUEUE_ENABLE, 1);
}

static void kick(struct virtio *v, unsigned int queue)
{
	qtest_writew(v->q, v->vq[queue].notify, (uint16_t)queue);
}

static uint64_t config_addr(struct virtio *v)
{
	return v->config;
}

static uint8_t config_generation(struct virtio *v)
{
	return qtest_readb(v->q, v->regs + CONFIG_GENERATION);
}

const struct virtio_transport virtio_pci = {
	.name = "pci",
	.machine = QTEST_Q35,
	.device = "virtio-cma-pci",
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
