// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtio driver in miniature: rings. See virtio.h.
 *
 *	desc   [0][1][2]...   size * 16 bytes
 *	avail  flags, idx, ring[size]
 *	used   flags, idx, { id, length }[size]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/virtio.h"

#define PAGE_BYTES	4096
#define MEMORY_BYTES	0x1000000ull	/* of the guest, for a driver */

uint64_t virtio_memory(struct virtio *v, size_t bytes)
{
	uint64_t addr = v->next_free;

	v->next_free += (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	qtest_memset(v->q, addr, 0, v->next_free - addr);
	return addr;
}

void virtio_setup_queue(struct virtio *v, unsigned int queue, uint16_t queue_size)
{
	struct virtqueue *vq = &v->vq[queue];

	memset(vq, 0, sizeof(*vq));
	vq->size = queue_size;
	vq->desc = virtio_memory(v, vq->size * 16u);
	vq->avail = virtio_memory(v, 6 + vq->size * 2u);
	vq->used = virtio_memory(v, 6 + vq->size * 8u);
	v->t->setup_queue(v, queue);
}

void virtio_reset(struct virtio *v)
{
	v->t->set_status(v, 0);
	assert_int_equal(v->t->get_status(v), 0);
}

#define NEGOTIATED	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK)

bool virtio_negotiate(struct virtio *v)
{
	virtio_reset(v);
	v->t->set_status(v, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER);
	v->t->set_features(v);
	v->t->set_status(v, NEGOTIATED);
	return v->t->get_status(v) == NEGOTIATED;
}

static void start(struct virtio *v, unsigned int nr_queues, uint16_t queue_size)
{
	unsigned int i;

	assert_true(nr_queues <= VIRTIO_MAX_QUEUES);
	assert_true(virtio_negotiate(v));
	for (i = 0; i < nr_queues; i++)
		virtio_setup_queue(v, i, i == 1 ? 16 : queue_size);
	v->t->set_status(v, NEGOTIATED | VIRTIO_S_DRIVER_OK);
}

void virtio_open(struct virtio *v, struct qtest *q, const struct virtio_transport *t,
		 uint8_t bus, unsigned int nth, uint32_t features_low, uint32_t id,
		 unsigned int nr_queues, uint16_t queue_size)
{
	memset(v, 0, sizeof(*v));
	v->nth = nth;
	v->q = q;
	v->t = t;
	v->bus = bus;
	v->features_low = features_low;
	v->features_high = VIRTIO_F_HIGH_VERSION_1;
	v->next_free = qtest_ram_base(q) + nth * MEMORY_BYTES + bus * MEMORY_BYTES / 2;
	t->probe(v, id);
	start(v, nr_queues, queue_size);
}

void virtio_open_at(struct virtio *v, struct qtest *q, const struct virtio_transport *t,
		    uint8_t bus, uint64_t memory, uint32_t features_high, uint32_t id,
		    unsigned int nr_queues, uint16_t queue_size)
{
	memset(v, 0, sizeof(*v));
	v->q = q;
	v->t = t;
	v->bus = bus;
	v->features_high = VIRTIO_F_HIGH_VERSION_1 | features_high;
	v->next_free = memory;
	t->probe(v, id);
	start(v, nr_queues, queue_size);
}

void virtio_restart(struct virtio *v, unsigned int nr_queues, uint16_t queue_size)
{
	start(v, nr_queues, queue_size);
}

void virtio_post(struct virtio *v, unsigned int queue, const struct vring_buf *buf,
		 unsigned int nr)
{
	struct virtqueue *vq = &v->vq[queue];
	uint16_t head = vq->next_desc % vq->size;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		uint16_t at = (uint16_t)(vq->next_desc++ % vq->size);
		uint64_t desc = vq->desc + at * 16u;
		uint16_t flags = buf[i].flags | (i + 1 < nr ? VRING_NEXT : 0);

		qtest_writeq(v->q, desc, buf[i].addr);
		qtest_writel(v->q, desc + 8, buf[i].bytes);
		qtest_writew(v->q, desc + 12, flags);
		qtest_writew(v->q, desc + 14, vq->next_desc % vq->size);
	}
	qtest_writew(v->q, vq->avail + 4 + 2u * (vq->avail_idx % vq->size), head);
	qtest_writew(v->q, vq->avail + 2, ++vq->avail_idx);
}

void virtio_kick(struct virtio *v, unsigned int queue)
{
	v->t->kick(v, queue);
}

unsigned int virtio_nr_used(struct virtio *v, unsigned int queue)
{
	struct virtqueue *vq = &v->vq[queue];

	return (uint16_t)(qtest_readw(v->q, vq->used + 2) - vq->used_idx);
}

bool virtio_is_broken(struct virtio *v)
{
	return v->t->get_status(v) & VIRTIO_S_NEEDS_RESET;
}

int64_t virtio_wait(struct virtio *v, unsigned int queue)
{
	struct virtqueue *vq = &v->vq[queue];
	unsigned int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 1000; i++) {
		if (virtio_nr_used(v, queue)) {
			uint64_t elem = vq->used + 4 + 8u * (vq->used_idx++ % vq->size);

			return qtest_readl(v->q, elem + 4);
		}
		if (virtio_is_broken(v))
			return -1;
		if (i > 10)
			usleep(1000);
	}
	fail_msg("no answer on queue %u", queue);
	return -1;
}
