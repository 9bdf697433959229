/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio driver in miniature, over qtest: find the device, negotiate, set up
 * rings in guest memory, post descriptors, look at what comes back. Nothing here
 * knows virtio-cma; everything a driver should not do can be done.
 */
#ifndef TESTS_QTEST_VIRTIO_H
#define TESTS_QTEST_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/qtest/qtest.h"

#define VIRTIO_MAX_QUEUES	4

/* virtio status bits */
#define VIRTIO_S_ACKNOWLEDGE	1
#define VIRTIO_S_DRIVER		2
#define VIRTIO_S_DRIVER_OK	4
#define VIRTIO_S_FEATURES_OK	8
#define VIRTIO_S_NEEDS_RESET	64
#define VIRTIO_S_FAILED		128

/* feature bits, from 32 on */
#define VIRTIO_F_HIGH_VERSION_1		0x1
#define VIRTIO_F_HIGH_ACCESS_PLATFORM	0x2
#define VIRTIO_F_HIGH_RING_RESET	0x100

/* descriptor flags */
#define VRING_NEXT		1
#define VRING_WRITE		2
#define VRING_INDIRECT		4

struct virtio;

/* What differs between PCI and MMIO. */
struct virtio_transport {
	const char *name;
	enum qtest_machine machine;
	const char *device;		/* -device type of virtio-cma */
	/* Find device @id and map its registers. */
	void (*probe)(struct virtio *v, uint32_t id);
	uint32_t (*get_features_low)(struct virtio *v);
	void (*set_features)(struct virtio *v);
	uint8_t (*get_status)(struct virtio *v);
	void (*set_status)(struct virtio *v, uint8_t status);
	void (*setup_queue)(struct virtio *v, unsigned int queue);
	void (*kick)(struct virtio *v, unsigned int queue);
	uint64_t (*config_addr)(struct virtio *v);
	uint8_t (*config_generation)(struct virtio *v);
};

extern const struct virtio_transport virtio_pci;
extern const struct virtio_transport virtio_mmio;

struct virtqueue {
	uint16_t size;
	uint16_t next_desc;		/* descriptors are used once round */
	uint16_t avail_idx;
	uint16_t used_idx;		/* seen so far */
	uint64_t desc, avail, used;
	uint64_t notify;
};

struct virtio {
	struct qtest *q;
	const struct virtio_transport *t;
	uint64_t regs, config, notify, isr;
	uint32_t notify_multiplier;
	uint8_t bus, devfn;
	unsigned int nth;		/* of those with its id on the bus, by devfn */
	uint32_t features_low;		/* bits below 32 that the driver accepts if they are offered */
	uint32_t features_high;		/* bits 32 and up: VERSION_1 if nothing else is said */
	uint64_t next_free;		/* bump allocator of guest memory */
	struct virtqueue vq[VIRTIO_MAX_QUEUES];
};

struct vring_buf {
	uint64_t addr;
	uint32_t bytes;
	uint16_t flags;			/* VRING_*; NEXT is set as needed */
};

/**
 * virtio_open() - find the @nth device @id on @bus (PCI) and bring it to
 * DRIVER_OK with @nr_queues queues of @queue_size.
 */
void virtio_open(struct virtio *v, struct qtest *q, const struct virtio_transport *t,
		 uint8_t bus, unsigned int nth, uint32_t features_low, uint32_t id,
		 unsigned int nr_queues, uint16_t queue_size);

/** virtio_negotiate() - reset, then up to FEATURES_OK; false if the device refuses that. */
bool virtio_negotiate(struct virtio *v);

/**
 * virtio_open_at() - the first device @id on @bus, with memory of its own and
 * further features (bits 32 and up) beside VERSION_1.
 */
void virtio_open_at(struct virtio *v, struct qtest *q, const struct virtio_transport *t,
		    uint8_t bus, uint64_t memory, uint32_t features_high, uint32_t id,
		    unsigned int nr_queues, uint16_t queue_size);

/** virtio_setup_queue() - fresh rings for @queue, enabled: after a reset of it. */
void virtio_setup_queue(struct virtio *v, unsigned int queue, uint16_t queue_size);

/** virtio_restart() - reset by status 0, then DRIVER_OK again with fresh rings. */
void virtio_restart(struct virtio *v, unsigned int nr_queues, uint16_t queue_size);

/** virtio_reset() - write status 0. */
void virtio_reset(struct virtio *v);

/** virtio_memory() - a piece of guest memory, 4 KiB aligned, zeroed. */
uint64_t virtio_memory(struct virtio *v, size_t bytes);

/** virtio_post() - chain @nr buffers and make them available; no notification. */
void virtio_post(struct virtio *v, unsigned int queue, const struct vring_buf *buf,
		 unsigned int nr);

void virtio_kick(struct virtio *v, unsigned int queue);

/**
 * virtio_wait() - wait for the next used element.
 *
 * Return: its length; -1 if none comes because the device wants a reset.
 */
int64_t virtio_wait(struct virtio *v, unsigned int queue);

/** virtio_nr_used() - used elements not waited for yet. */
unsigned int virtio_nr_used(struct virtio *v, unsigned int queue);

bool virtio_is_broken(struct virtio *v);

#endif /* TESTS_QTEST_VIRTIO_H */
