/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does anything: its drivers speak to every device of the machine,
 * well or badly, and forget what they began. Nothing it does may stop QEMU.
 */
#ifndef TESTS_GLUE_GUEST_H
#define TESTS_GLUE_GUEST_H

#include "hv/abi/virtio_cma.h"
#include "tests/glue/machine.h"
#include "tests/qtest/qtest.h"

#define NR_QUEUES	VIRTIO_CMA_NR_VQS
#define MAX_BLOCKS	32
#define QUEUE_ENTRIES	32

/* One ring in guest memory; the device may know the memory by another address. */
struct ring {
	uint64_t gpa;
	uint64_t dma;
	uint16_t nr;			/* entries */
	uint16_t next;			/* descriptor */
	uint16_t avail;
	uint16_t used;
	uint8_t op[QUEUE_ENTRIES];	/* by head */
};

/* A virtio device and what its driver believes. */
struct driver {
	uint64_t bar;
	uint64_t memory;		/* of the guest, for this driver alone */
	struct ring ring[NR_QUEUES];
	const struct region *region;	/* NULL: a client */
	uint64_t base_gpa;
	uint32_t nr_clients;
	struct { uint64_t gpa, dma, bytes; } block[MAX_BLOCKS];
	unsigned int nr_blocks;
};

struct guest {
	struct qtest *q;
	struct random *r;
	const struct machine *m;
	struct driver region[MAX_REGIONS];
	struct driver blk, scsi;
	uint16_t nvme_tail;
	uint64_t nvme_gpa;
	unsigned int hot_selector;	/* of the port's bus, for ACPI hotplug */
	bool migrated;
	uint64_t nr_requests, nr_answers, nr_ok;
};

void guest_start(struct guest *g, struct qtest *q, struct random *r, const struct machine *m);

/** guest_step() - one thing that a guest or its operator may do. */
void guest_step(struct guest *g);

/** guest_place_all() - registers to their addresses, as firmware does. */
void guest_place_all(struct guest *g);

/** guest_place_hot() - those behind the port for hotplug. */
void guest_place_hot(struct guest *g);

/** guest_expect_answer() - start the driver and send a request, both as a driver should. */
void guest_expect_answer(struct guest *g, struct driver *d);

#endif /* TESTS_GLUE_GUEST_H */
