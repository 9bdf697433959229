// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that does anything. See guest.h.
 *
 *	RAM	16 MiB + 4 MiB * n	driver n: rings, a slot per request
 *		48 MiB			NVMe's queues
 *		64 MiB ...		nobody's
 *
 *	a driver's memory	0x00000 + 0x4000 * queue	rings
 *				0x10000 + 0x8000 * head		request, response
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/glue/guest.h"
#include "tests/glue/operator.h"
#include "tests/glue/request.h"
#include "tests/glue/target.h"

#define RAM			0x1000000ull
#define DRIVER_BYTES		0x400000ull
#define NVME_QUEUES		0x3000000ull
#define RING_OFFSET(queue)	((queue) * 0x4000ull)
#define AVAIL_OFFSET		0x1000
#define USED_OFFSET		0x2000
#define INDIRECT_OFFSET		0x3000
#define SLOT_OFFSET(head)	(0x10000ull + (head) * 0x8000ull)
#define RESPONSE_OFFSET		0x1000
#define RESPONSE_ROOM		0x7000

/* registers of modern virtio over PCI, as QEMU lays them out in BAR 4 */
enum {
	FEATURE_SELECT = 8, FEATURE = 12, STATUS = 20, QUEUE_SELECT = 22, QUEUE_SIZE = 24,
	QUEUE_ENABLE = 28, QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48, QUEUE_RESET = 58,
	DEVICE_CONFIG = 0x2000, NOTIFY = 0x3000,
};
#define NEEDS_RESET		0x40
#define DRIVER_OK		0x4
#define F_CMA			((1u << VIRTIO_CMA_NR_FEATURES) - 1)
#define F_INDIRECT		(1u << 28)
#define F_EVENT_IDX		(1u << 29)
#define F_VERSION_1		0x1	/* of the second word */
#define F_PLATFORM		0x2
#define F_RING_RESET		0x100

#define COMMAND			0x04
#define BAR0			0x10
#define BAR4			0x20
#define BRIDGE_BUSES		0x18
#define BRIDGE_MEMORY		0x20
#define BRIDGE_CONTROL		0x3e
#define Q35_ECAM_CONTROL	0x60

/* ---- the buses ---- */

static void place_bar(struct guest *g, uint8_t bus, uint8_t slot, uint8_t reg, uint64_t addr)
{
	qtest_pci_write(g->q, bus, (uint8_t)(slot << 3), reg, (uint32_t)addr);
	qtest_pci_write(g->q, bus, (uint8_t)(slot << 3), reg + 4, 0);
	qtest_pci_write(g->q, bus, (uint8_t)(slot << 3), COMMAND, 0x6);
}

static void place_port(struct guest *g, uint8_t slot, uint8_t bus)
{
	uint32_t window = (uint32_t)(BUS_WINDOW(bus) >> 16);

	qtest_pci_write(g->q, 0, (uint8_t)(slot << 3), BRIDGE_CONTROL - 2, 0);
	qtest_pci_write(g->q, 0, (uint8_t)(slot << 3), BRIDGE_BUSES, 0x10000u * bus + 0x100u * bus);
	qtest_pci_write(g->q, 0, (uint8_t)(slot << 3), BRIDGE_MEMORY, window << 16 | window);
	qtest_pci_write(g->q, 0, (uint8_t)(slot << 3), COMMAND, 0x6);
}

void guest_place_hot(struct guest *g)
{
	place_port(g, SLOT_PORT0, 1);
	place_bar(g, 1, 0, machine_hot(g->m) ? BAR4 : BAR0, BUS_WINDOW(1));
}

void guest_place_all(struct guest *g)
{
	const struct machine *m = g->m;
	unsigned int i;

	qtest_pci_write(g->q, 0, 0, Q35_ECAM_CONTROL + 4, 0);
	qtest_pci_write(g->q, 0, 0, Q35_ECAM_CONTROL, (uint32_t)ECAM | 1);
	guest_place_hot(g);
	place_port(g, SLOT_PORT1, 2);
	for (i = 0; i < m->nr_regions; i++)
		place_bar(g, m->region[i].bus, m->region[i].slot, BAR4, m->region[i].bar);
	if (m->has[SLOT_NVME])
		place_bar(g, 0, SLOT_NVME, BAR0, SLOT_BAR(SLOT_NVME));
	if (m->has[SLOT_BLK])
		place_bar(g, 0, SLOT_BLK, BAR4, SLOT_BAR(SLOT_BLK));
	if (m->has[SLOT_SCSI])
		place_bar(g, 0, SLOT_SCSI, BAR4, SLOT_BAR(SLOT_SCSI));
	if (m->has[SLOT_EDU])
		place_bar(g, 0, SLOT_EDU, BAR0, SLOT_BAR(SLOT_EDU));
}

/* ---- drivers ---- */

/* A client's rings may lie in a block: memory that it is allowed to see. */
static void place_rings(struct guest *g, struct driver *d)
{
	struct driver *owner = &g->region[random_below(g->r, g->m->nr_regions)];
	unsigned int i;

	for (i = 0; i < NR_QUEUES; i++) {
		struct ring *ring = &d->ring[i];

		memset(ring, 0, sizeof(*ring));
		ring->gpa = ring->dma = d->memory + RING_OFFSET(i);
		ring->nr = random_one_in(g->r, 4) ? 16 : QUEUE_ENTRIES;
		if (!d->region && owner->nr_blocks && !random_one_in(g->r, 4)) {
			unsigned int b = (unsigned int)random_below(g->r, owner->nr_blocks);

			ring->gpa = owner->block[b].gpa + RING_OFFSET(i) % owner->block[b].bytes;
			ring->dma = owner->block[b].dma + RING_OFFSET(i) % owner->block[b].bytes;
		}
		qtest_memset(g->q, ring->gpa, 0, INDIRECT_OFFSET);
	}
}

static void start_queue(struct guest *g, struct driver *d, unsigned int i, bool astray)
{
	struct ring *ring = &d->ring[i];
	uint64_t base = astray ? target(g, 4096) & ~0xfffull : ring->dma;

	qtest_writew(g->q, d->bar + QUEUE_SELECT, (uint16_t)i);
	qtest_writew(g->q, d->bar + QUEUE_SIZE, ring->nr);
	qtest_writeq(g->q, d->bar + QUEUE_DESC, base);
	qtest_writeq(g->q, d->bar + QUEUE_DRIVER, base + AVAIL_OFFSET);
	qtest_writeq(g->q, d->bar + QUEUE_DEVICE, base + USED_OFFSET);
	qtest_writew(g->q, d->bar + QUEUE_ENABLE, 1);
}

/* All of the device's own, none as of old, or any: which can be too few for it to run. */
static uint32_t some_features(struct guest *g, bool calm)
{
	if (random_one_in(g->r, 4))
		return 0;
	if (calm || random_one_in(g->r, 2))
		return F_CMA;
	return (uint32_t)random_below(g->r, F_CMA + 1) | !random_one_in(g->r, 8);
}

/* @calm: in every respect as a driver should */
static void start_driver_as(struct guest *g, struct driver *d, bool calm)
{
	uint32_t features = d->region ? some_features(g, calm) : 0;
	unsigned int i;

	if (random_one_in(g->r, 2))
		features |= F_INDIRECT;
	if (random_one_in(g->r, 4))
		features |= F_EVENT_IDX;
	qtest_writeb(g->q, d->bar + STATUS, 0);
	d->nr_blocks = 0;
	qtest_writeb(g->q, d->bar + STATUS, 3);
	qtest_writel(g->q, d->bar + FEATURE_SELECT, 0);
	qtest_writel(g->q, d->bar + FEATURE, features);
	qtest_writel(g->q, d->bar + FEATURE_SELECT, 1);
	qtest_writel(g->q, d->bar + FEATURE, F_VERSION_1 | (d->region ? 0 : F_PLATFORM) |
		     (random_one_in(g->r, 8) ? 0 : F_RING_RESET));
	qtest_writeb(g->q, d->bar + STATUS, 11);
	place_rings(g, d);
	for (i = 0; i < NR_QUEUES; i++)
		start_queue(g, d, i, !calm && d->region && random_one_in(g->r, 60));
	qtest_writeb(g->q, d->bar + STATUS, 15);
	if (d->region) {
		d->base_gpa = qtest_readq(g->q, d->bar + DEVICE_CONFIG);
		d->nr_clients = qtest_readl(g->q, d->bar + DEVICE_CONFIG + 36);
		if (d->base_gpa > 1ull << 40)
			d->base_gpa = 1ull << 32;	/* nobody is there */
		if (d->nr_clients > 64)
			d->nr_clients = 1;
	}
}

static void start_driver(struct guest *g, struct driver *d)
{
	start_driver_as(g, d, false);
}

void guest_start(struct guest *g, struct qtest *q, struct random *r, const struct machine *m)
{
	struct json_object *selector, *value;
	unsigned int i;

	g->q = q;
	g->r = r;
	g->m = m;
	for (i = 0; i < m->nr_regions; i++) {
		g->region[i].region = &m->region[i];
		g->region[i].bar = m->region[i].bar;
		g->region[i].memory = RAM + i * DRIVER_BYTES;
	}
	g->blk.bar = SLOT_BAR(SLOT_BLK);
	g->blk.memory = RAM + MAX_REGIONS * DRIVER_BYTES;
	g->scsi.bar = SLOT_BAR(SLOT_SCSI);
	g->scsi.memory = g->blk.memory + DRIVER_BYTES;
	selector = qtest_qmp(q, "{'execute': 'qom-get', 'arguments': {"
			     "'path': '/machine/peripheral/rp0/rp0', 'property': 'acpi-pcihp-bsel'}}");
	if (json_object_object_get_ex(selector, "return", &value))
		g->hot_selector = (unsigned int)json_object_get_int(value);
	json_object_put(selector);
	guest_place_all(g);
	for (i = 0; i < m->nr_regions; i++)
		start_driver(g, &g->region[i]);
}

/* ---- rings ---- */

struct segment {
	uint64_t addr;
	uint32_t bytes;
	uint16_t flags;
};

#define MAX_SEGMENTS	16
#define S_NEXT		1
#define S_WRITE		2
#define S_INDIRECT	4

/* A table of descriptors at @gpa, from @first on; most often a right one. */
static void write_chain(struct guest *g, uint64_t gpa, unsigned int first, unsigned int limit,
			const struct segment *seg, unsigned int nr)
{
	struct { uint64_t addr; uint32_t bytes; uint16_t flags, next; } desc[MAX_SEGMENTS];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		desc[i].addr = seg[i].addr;
		desc[i].bytes = seg[i].bytes;
		desc[i].flags = (uint16_t)(seg[i].flags | (i + 1 < nr ? S_NEXT : 0));
		desc[i].next = (uint16_t)((first + i + 1) % limit);
		if (random_one_in(g->r, 250))
			desc[i].next = (uint16_t)random_number(g->r);
		if (random_one_in(g->r, 250))
			desc[i].flags = (uint16_t)random_below(g->r, 8);
		if (random_one_in(g->r, 150))
			desc[i].bytes = (uint32_t)random_number(g->r);
	}
	qtest_write(g->q, gpa + first * 16u, desc, nr * 16u);
}

/* The head the next chain will have. */
static unsigned int next_head(struct ring *ring, unsigned int nr)
{
	if (ring->next + nr > ring->nr)
		ring->next = 0;
	return ring->next;
}

static void post(struct guest *g, struct driver *d, unsigned int queue, const struct segment *seg,
		 unsigned int nr)
{
	struct ring *ring = &d->ring[queue];
	unsigned int head = next_head(ring, nr);

	if (nr > ring->nr || !nr)
		return;
	if (random_one_in(g->r, 6)) {
		struct segment table = { ring->dma + INDIRECT_OFFSET, nr * 16u, S_INDIRECT };

		write_chain(g, ring->gpa + INDIRECT_OFFSET, 0, 64, seg, nr);
		write_chain(g, ring->gpa, head, ring->nr, &table, 1);
	} else {
		write_chain(g, ring->gpa, head, ring->nr, seg, nr);
	}
	ring->next = (uint16_t)(head + nr);
	qtest_writew(g->q, ring->gpa + AVAIL_OFFSET + 4 + 2u * (ring->avail % ring->nr),
		     (uint16_t)(random_one_in(g->r, 300) ? random_number(g->r) : head));
	ring->avail = (uint16_t)(ring->avail + (random_one_in(g->r, 400) ? random_below(g->r, 400) : 1));
	qtest_writew(g->q, ring->gpa + AVAIL_OFFSET + 2, ring->avail);
}

static void kick(struct guest *g, struct driver *d, unsigned int queue)
{
	qtest_writew(g->q, d->bar + NOTIFY + 4 * queue, (uint16_t)queue);
}

/* ---- requests ---- */

/* Cuts @bytes at @gpa into pieces, some of which are elsewhere. */
static unsigned int cut_to(struct guest *g, struct segment *seg, unsigned int max, uint64_t gpa,
			   uint32_t bytes, uint16_t flags, unsigned int one_in,
			   uint64_t (*elsewhere)(struct guest *g, uint64_t bytes))
{
	static const uint8_t pieces[] = { 1, 2, 4, 4, 4, 8, 8, 12, 16, 24, 32 };
	uint32_t at = 0, piece;
	unsigned int nr = 0;

	while (at < bytes && nr < max) {
		piece = nr + 1 == max || random_one_in(g->r, 4) ? bytes - at :
			pieces[random_below(g->r, sizeof(pieces))];
		if (piece > bytes - at)
			piece = bytes - at;
		if (piece > 64 && one_in && random_one_in(g->r, 3))
			piece = 4;
		seg[nr] = (struct segment){ gpa + at, piece, flags };
		if (one_in && piece <= 4096 && random_one_in(g->r, one_in))
			seg[nr].addr = elsewhere(g, piece);
		nr++;
		at += piece;
	}
	return nr;
}

static unsigned int cut(struct guest *g, struct segment *seg, unsigned int max, uint64_t gpa,
			uint32_t bytes, uint16_t flags, unsigned int one_in)
{
	return cut_to(g, seg, max, gpa, bytes, flags, one_in, target);
}

static void learn(struct guest *g, struct driver *d, unsigned int head)
{
	uint64_t at = d->memory + SLOT_OFFSET(head) + RESPONSE_OFFSET;
	struct {
		struct virtio_cma_alloc_resp head;
		struct virtio_cma_block block[2];
	} resp;
	unsigned int i;

	qtest_read(g->q, at, &resp, sizeof(resp));
	g->nr_answers++;
	if (resp.head.hdr.status)
		return;
	g->nr_ok++;
	if (d->ring[0].op[head] != VIRTIO_CMA_OP_ALLOC || resp.head.nr_blocks > 1000)
		return;
	for (i = 0; i < resp.head.nr_blocks && i < 2; i++) {
		unsigned int to = d->nr_blocks < MAX_BLOCKS ? d->nr_blocks++ :
				  (unsigned int)random_below(g->r, MAX_BLOCKS);

		if (!resp.block[i].bytes || resp.block[i].base_gpa > 1ull << 40) {
			d->nr_blocks -= to + 1 == d->nr_blocks;
			continue;
		}
		d->block[to].gpa = resp.block[i].base_gpa;
		d->block[to].dma = resp.block[i].base_dma;
		d->block[to].bytes = resp.block[i].bytes;
	}
}

static void collect(struct guest *g, struct driver *d)
{
	struct ring *ring = &d->ring[VIRTIO_CMA_VQ_REQUEST];
	uint16_t used = qtest_readw(g->q, ring->gpa + USED_OFFSET + 2);
	unsigned int n;

	for (n = 0; n < 8 && ring->used != used; n++) {
		uint32_t head = qtest_readl(g->q, ring->gpa + USED_OFFSET + 4 +
					    8u * (ring->used++ % ring->nr));

		if (head < QUEUE_ENTRIES)
			learn(g, d, head);
	}
	ring->used = used;
}

/*
 * Answers that reset something: success is 0, which resets the device it is written to; and
 * a block's address has a byte (machine.c) that resets the bus behind the port it is written to.
 */
static unsigned int resetting_pieces(struct guest *g, struct driver *d, struct segment *seg,
				     uint64_t response)
{
	uint8_t port = random_one_in(g->r, 2) ? SLOT_PORT0 : SLOT_PORT1;
	const uint32_t before = offsetof(struct virtio_cma_alloc_resp, blocks) + REGION_RESET_BYTE;

	if (random_one_in(g->r, 3)) {
		seg[0] = (struct segment){ d->bar + STATUS, 1 + (uint32_t)random_below(g->r, 4), S_WRITE };
		return 1;
	}
	if (d->region->bus && !random_one_in(g->r, 4))
		port = (uint8_t)(SLOT_PORT0 + d->region->bus - 1);
	seg[0] = (struct segment){ response, before, S_WRITE };
	seg[1] = (struct segment){ target_config(0, port) + BRIDGE_CONTROL, 1, S_WRITE };
	return 2;
}

static void send_request(struct guest *g, struct driver *d)
{
	static const unsigned int odds[] = { 0, 0, 0, 2, 3, 8 };
	unsigned int one_in = odds[random_below(g->r, 6)], nr;
	uint8_t req[REQUEST_MAX_BYTES];
	struct segment seg[MAX_SEGMENTS];
	unsigned int queue = VIRTIO_CMA_VQ_REQUEST, head;
	uint32_t room = random_one_in(g->r, 5) ? (uint32_t)random_below(g->r, 200) : RESPONSE_ROOM;
	uint32_t op;
	size_t bytes = request_random(g, d, req, &op);
	uint64_t slot;

	if (op == VIRTIO_CMA_OP_REPORT ? !random_one_in(g->r, 8) : random_one_in(g->r, 40))
		queue = VIRTIO_CMA_VQ_REPORT;
	head = next_head(&d->ring[queue], MAX_SEGMENTS);
	slot = d->memory + SLOT_OFFSET(head);
	nr = cut(g, seg, 4, slot, (uint32_t)bytes, 0, random_one_in(g->r, 20) ? 2 : 0);
	if (one_in && random_one_in(g->r, 3))
		nr += resetting_pieces(g, d, seg + nr, slot + RESPONSE_OFFSET);
	nr += cut(g, seg + nr, MAX_SEGMENTS - nr, slot + RESPONSE_OFFSET, room, S_WRITE, one_in);
	d->ring[queue].op[head] = (uint8_t)op;
	qtest_write(g->q, slot, req, bytes);
	post(g, d, queue, seg, nr);
	g->nr_requests++;
	if (!random_one_in(g->r, 5))
		kick(g, d, queue);
	if (!random_one_in(g->r, 3))
		collect(g, d);
}

static void send_event_buffer(struct guest *g, struct driver *d)
{
	struct segment seg[4];
	uint32_t bytes = (uint32_t)(random_one_in(g->r, 4) ? random_below(g->r, 9) : 8);
	unsigned int nr = cut(g, seg, 4, d->memory + 0xf000, bytes, S_WRITE,
			      random_one_in(g->r, 3) ? 2 : 0);

	post(g, d, VIRTIO_CMA_VQ_EVENT, seg, nr);
	kick(g, d, VIRTIO_CMA_VQ_EVENT);
}

static void reset_queue(struct guest *g, struct driver *d)
{
	unsigned int i = random_one_in(g->r, 3) ? (unsigned int)random_below(g->r, 4) : 0;

	qtest_writew(g->q, d->bar + QUEUE_SELECT, (uint16_t)i);
	qtest_writew(g->q, d->bar + QUEUE_RESET, 1);
	if (i >= NR_QUEUES || random_one_in(g->r, 5))
		return;
	place_rings(g, d);
	start_queue(g, d, i, random_one_in(g->r, 30));
}

/* Some register of the device, or all of it anew. */
static void disturb(struct guest *g, struct driver *d)
{
	static const uint8_t regs[] = { 0, 8, 12, 16, 20, 20, 22, 24, 26, 28, 32, 40, 48, 56, 58 };
	uint8_t reg = regs[random_below(g->r, sizeof(regs))];

	switch (random_below(g->r, 5)) {
	case 0:
		qtest_writeb(g->q, d->bar + STATUS, 0);
		break;
	case 1:
		qtest_writew(g->q, d->bar + QUEUE_SELECT, (uint16_t)random_below(g->r, 4));
		break;
	case 2:
		qtest_writew(g->q, d->bar + reg, (uint16_t)random_number(g->r));
		break;
	case 3:
		qtest_readl(g->q, d->bar + DEVICE_CONFIG + random_below(g->r, 130));
		break;
	default:
		start_driver(g, d);
	}
}

/* Drivers find out that their device stands still. */
static void heal(struct guest *g, struct driver *d)
{
	uint8_t status = qtest_readb(g->q, d->bar + STATUS);

	if ((status & (NEEDS_RESET | DRIVER_OK)) != DRIVER_OK && !random_one_in(g->r, 4)) {
		if (random_one_in(g->r, 2))
			guest_place_all(g);
		start_driver(g, d);
	}
}

/* ---- clients ---- */

static void client_config(struct guest *g)
{
	uint8_t bus = 0, slot = (uint8_t)(SLOT_NVME + random_below(g->r, NR_SLOTS - SLOT_NVME));
	uint64_t config;

	if (random_one_in(g->r, 6)) {
		bus = (uint8_t)(1 + random_below(g->r, 2));
		slot = 0;
	}
	config = target_config(bus, slot);
	switch (random_below(g->r, 6)) {
	case 0:
		qtest_writew(g->q, config + COMMAND, (uint16_t)random_below(g->r, 8));
		break;
	case 1:
		qtest_writeb(g->q, config + COMMAND, 6);
		break;
	case 2:
		qtest_writel(g->q, config + COMMAND, 6);
		break;
	case 3:				/* a bus reset, or the end of one */
		qtest_writeb(g->q, config + BRIDGE_CONTROL, random_one_in(g->r, 2) ? 0x40 : 0);
		break;
	case 4:				/* a function, its power, its slot */
		target_capability(g, config, (uint16_t)random_u64(g->r));
		break;
	default:
		qtest_writew(g->q, config + COMMAND, 6);
	}
}

static void nvme_step(struct guest *g)
{
	uint64_t bar = SLOT_BAR(SLOT_NVME), dma;
	struct driver *owner = &g->region[random_below(g->r, g->m->nr_regions)];
	uint32_t command[16] = { 0 };

	if (!g->nvme_gpa || g->nvme_tail >= 30 || random_one_in(g->r, 8)) {
		g->nvme_tail = 0;
		g->nvme_gpa = dma = NVME_QUEUES;
		if (owner->nr_blocks && !random_one_in(g->r, 3)) {
			g->nvme_gpa = owner->block[0].gpa;
			dma = owner->block[0].dma;
		}
		qtest_writel(g->q, bar + 0x14, 0);
		qtest_writel(g->q, bar + 0x24, 31 << 16 | 31);
		qtest_writeq(g->q, bar + 0x28, dma);
		qtest_writeq(g->q, bar + 0x30, random_one_in(g->r, 10) ? target(g, 4096) & ~0xfffull :
			     dma + 0x1000);
		qtest_writel(g->q, bar + 0x14, 0x460001);
	}
	dma = target(g, 4096);
	command[0] = 6;			/* identify */
	command[6] = (uint32_t)dma;
	command[7] = (uint32_t)(dma >> 32);
	command[10] = (uint32_t)random_below(g->r, 3);
	qtest_write(g->q, g->nvme_gpa + g->nvme_tail * sizeof(command), command, sizeof(command));
	qtest_writel(g->q, bar + 0x1000, ++g->nvme_tail);
}

/*
 * A disk's: to memory, and to registers that reset no disk. QEMU waits without end for a
 * transfer whose own completion resets its disk.
 */
static unsigned int cut_disk(struct guest *g, struct segment *seg, unsigned int max, uint64_t dma,
			     uint32_t bytes, uint16_t flags, unsigned int one_in)
{
	return cut_to(g, seg, max, dma, bytes, flags, one_in, target_memory);
}

static void virtio_client_step(struct guest *g, struct driver *d, unsigned int queue)
{
	struct { uint32_t type, reserved; uint64_t sector; } blk = { .sector = random_below(g->r, 99) };
	uint8_t scsi[51] = { 1, 0, 0x40, 0, [19] = 0x12, [23] = 36 };
	struct ring *ring = &d->ring[queue];
	struct segment seg[MAX_SEGMENTS];
	uint64_t dma = ring->dma + 0x800, gpa = ring->gpa + 0x800;
	unsigned int nr;

	if (!(qtest_readb(g->q, d->bar + STATUS) & DRIVER_OK) || random_one_in(g->r, 12))
		start_driver(g, d);
	if (queue) {
		qtest_write(g->q, gpa, scsi, sizeof(scsi));
		nr = cut_disk(g, seg, 2, dma, sizeof(scsi), 0, 0);
		nr += cut_disk(g, seg + nr, 4, dma + 0x100, 108, S_WRITE, 4);
		nr += cut_disk(g, seg + nr, 2, dma + 0x200, 64, S_WRITE, 2);
	} else {
		blk.type = random_one_in(g->r, 4) ? 1 : 0;
		qtest_write(g->q, gpa, &blk, sizeof(blk));
		nr = cut_disk(g, seg, 1, dma, sizeof(blk), 0, 0);
		nr += cut_disk(g, seg + nr, 3, dma + 0x100, 512, blk.type ? 0 : S_WRITE, 2);
		nr += cut_disk(g, seg + nr, 1, dma + 0x300, 1, S_WRITE, 3);
	}
	post(g, d, queue, seg, nr);
	kick(g, d, queue);
}

/* Within its buffer only: with other addresses QEMU's edu ends QEMU. */
static void edu_step(struct guest *g)
{
	uint64_t bar = SLOT_BAR(SLOT_EDU);
	bool out = random_one_in(g->r, 2);

	if (qtest_readq(g->q, bar + 0x98) & 1)
		return;
	qtest_writeq(g->q, bar + (out ? 0x80 : 0x88), 0x40000);
	qtest_writeq(g->q, bar + (out ? 0x88 : 0x80), target(g, 64));
	qtest_writeq(g->q, bar + 0x90, 1 + random_below(g->r, 64));
	qtest_writeq(g->q, bar + 0x98, out ? 3 : 1);
}

static void client_step(struct guest *g)
{
	switch (random_below(g->r, 5)) {
	case 0:
		if (g->m->has[SLOT_NVME])
			nvme_step(g);
		break;
	case 1:
		if (g->m->has[SLOT_BLK])
			virtio_client_step(g, &g->blk, 0);
		break;
	case 2:
		if (g->m->has[SLOT_SCSI])
			virtio_client_step(g, &g->scsi, 2);
		break;
	case 3:
		if (g->m->has[SLOT_EDU])
			edu_step(g);
		break;
	default:
		client_config(g);
	}
}

/* ---- anything ---- */

void guest_step(struct guest *g)
{
	struct driver *d = &g->region[random_below(g->r, g->m->nr_regions)];
	unsigned int what = (unsigned int)random_below(g->r, 100);

	if (what < 52)
		send_request(g, d);
	else if (what < 58)
		kick(g, d, (unsigned int)random_below(g->r, NR_QUEUES));
	else if (what < 62)
		send_event_buffer(g, d);
	else if (what < 66)
		reset_queue(g, d);
	else if (what < 69)
		disturb(g, d);
	else if (what < 77)
		heal(g, d);
	else if (what < 93)
		client_step(g);
	else if (what < 98)
		operator_step(g);
	else
		qtest_writel(g->q, target(g, 4) & ~3ull, (uint32_t)random_number(g->r));
}

void guest_expect_answer(struct guest *g, struct driver *d)
{
	struct virtio_cma_query_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_QUERY, .bytes = sizeof(req) },
		.what = VIRTIO_CMA_QUERY_COUNTERS,
	};
	uint64_t slot = d->memory + SLOT_OFFSET(0);
	struct ring *ring = &d->ring[0];
	const uint64_t desc[4] = {
		slot, sizeof(req) | (uint64_t)S_NEXT << 32 | 1ull << 48,
		slot + RESPONSE_OFFSET, 4096 | (uint64_t)S_WRITE << 32,
	};
	unsigned int i;

	start_driver_as(g, d, true);
	qtest_write(g->q, slot, &req, sizeof(req));
	qtest_memset(g->q, slot + RESPONSE_OFFSET, 0xff, 16);
	qtest_write(g->q, ring->gpa, desc, sizeof(desc));
	qtest_writew(g->q, ring->gpa + AVAIL_OFFSET + 4, 0);
	qtest_writew(g->q, ring->gpa + AVAIL_OFFSET + 2, 1);
	kick(g, d, 0);
	for (i = 0; i < 2000 && qtest_readw(g->q, ring->gpa + USED_OFFSET + 2) != 1; i++)
		usleep(1000);
	if (qtest_readl(g->q, slot + RESPONSE_OFFSET) != VIRTIO_CMA_S_OK)
		fail_msg("region %s does not answer: used %u, status 0x%x", d->region->id,
			 qtest_readw(g->q, ring->gpa + USED_OFFSET + 2),
			 qtest_readb(g->q, d->bar + STATUS));
}
