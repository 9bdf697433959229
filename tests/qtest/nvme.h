/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An NVMe driver in miniature, over qtest: enough to make a controller fetch a
 * command from memory and write data and a completion back. To see DMA happen,
 * or fail to; no block is ever written.
 */
#ifndef TESTS_QTEST_NVME_H
#define TESTS_QTEST_NVME_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/qtest/qtest.h"

/* What the two queues take at the base that nvme_open() is given. */
#define NVME_QUEUES_BYTES	0x2000

#define NVME_IDENTIFY_BYTES	0x1000
#define NVME_SERIAL_OFFSET	4	/* in the data that identify returns */

struct nvme {
	struct qtest *q;
	uint64_t bar;
	uint64_t queues_gpa;
	unsigned int tail;
	uint64_t io_queues_gpa;
	unsigned int io_tail;
};

/**
 * nvme_open() - enable the controller whose registers are at @bar.
 * @queues_gpa, @queues_dma: one zeroed piece of memory, for us and for it
 */
void nvme_open(struct nvme *n, struct qtest *q, uint64_t bar, uint64_t queues_gpa,
	       uint64_t queues_dma);

/** nvme_identify() - ask the controller to write its description to @data_dma. */
void nvme_identify(struct nvme *n, uint64_t data_dma);

/** nvme_open_io() - a pair of queues for reads, in memory as that of nvme_open(). */
void nvme_open_io(struct nvme *n, uint64_t queues_gpa, uint64_t queues_dma);

/** nvme_read() - ask the controller to read its first sector to @data_dma. */
void nvme_read(struct nvme *n, uint64_t data_dma);

/** nvme_has_completed() - is there a completion of the latest command? */
bool nvme_has_completed(struct nvme *n);

/** nvme_wait() - wait for it; its status. */
uint16_t nvme_wait(struct nvme *n);

/** nvme_wait_fatal() - wait until the controller gives up: it cannot fetch. */
void nvme_wait_fatal(struct nvme *n);

/** nvme_is_hidden() - registers read as zeros, even when written */
bool nvme_is_hidden(struct qtest *q, uint64_t bar);

/** nvme_is_reset() - disabled, and not ready. */
bool nvme_is_reset(struct qtest *q, uint64_t bar);

#endif /* TESTS_QTEST_NVME_H */
