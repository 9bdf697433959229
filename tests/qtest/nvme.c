// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NVMe in miniature. See nvme.h. Both ends are little-endian here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/nvme.h"

/* registers */
#define CC			0x14
#define CC_ENABLE		0x460001	/* 64-byte commands, 16-byte completions */
#define CSTS			0x1c
#define CSTS_READY		1
#define CSTS_FATAL		2
#define AQA			0x24
#define ASQ			0x28
#define ACQ			0x30
#define DOORBELL		0x1000

#define QUEUE_ENTRIES		32
#define SQ_OFFSET		0x0000
#define CQ_OFFSET		0x1000
#define CQ_ENTRY_BYTES		16
#define CQ_STATUS		14
#define CQ_PHASE		1

#define OP_CREATE_SQ		1
#define OP_CREATE_CQ		5
#define OP_IDENTIFY		6
#define OP_READ			2	/* of an I/O queue */
#define QUEUE_CONTIGUOUS	1
#define IO_QUEUE		1
#define IDENTIFY_CONTROLLER	1

#define POLL_US			10000
#define NR_POLLS		(QTEST_TIMEOUT_S * 1000000 / POLL_US)

static void write_pair(struct nvme *n, unsigned int reg, uint64_t value)
{
	qtest_writel(n->q, n->bar + reg, (uint32_t)value);
	qtest_writel(n->q, n->bar + reg + 4, (uint32_t)(value >> 32));
}

void nvme_open(struct nvme *n, struct qtest *q, uint64_t bar, uint64_t queues_gpa,
	       uint64_t queues_dma)
{
	n->q = q;
	n->bar = bar;
	n->queues_gpa = queues_gpa;
	n->tail = 0;
	n->io_tail = 0;
	qtest_writel(q, bar + AQA, (QUEUE_ENTRIES - 1) << 16 | (QUEUE_ENTRIES - 1));
	write_pair(n, ASQ, queues_dma + SQ_OFFSET);
	write_pair(n, ACQ, queues_dma + CQ_OFFSET);
	qtest_writel(q, bar + CC, CC_ENABLE);
	assert_int_equal(qtest_readl(q, bar + CSTS), CSTS_READY);
}

#define COMMAND_WORDS		16

static void submit(struct nvme *n, const uint32_t *command)
{
	const size_t bytes = COMMAND_WORDS * sizeof(*command);

	assert_true(n->tail < QUEUE_ENTRIES - 1);
	qtest_write(n->q, n->queues_gpa + SQ_OFFSET + n->tail * bytes, command, bytes);
	qtest_writel(n->q, n->bar + DOORBELL, ++n->tail);
}

void nvme_identify(struct nvme *n, uint64_t data_dma)
{
	const uint32_t command[COMMAND_WORDS] = {
		[0] = OP_IDENTIFY,
		[6] = (uint32_t)data_dma,
		[7] = (uint32_t)(data_dma >> 32),
		[10] = IDENTIFY_CONTROLLER,
	};

	submit(n, command);
}

static void create_queue(struct nvme *n, uint32_t op, uint64_t dma, uint32_t completions)
{
	const uint32_t command[COMMAND_WORDS] = {
		[0] = op,
		[6] = (uint32_t)dma,
		[7] = (uint32_t)(dma >> 32),
		[10] = (QUEUE_ENTRIES - 1) << 16 | IO_QUEUE,
		[11] = completions << 16 | QUEUE_CONTIGUOUS,
	};

	submit(n, command);
	assert_int_equal(nvme_wait(n), 0);
}

void nvme_open_io(struct nvme *n, uint64_t queues_gpa, uint64_t queues_dma)
{
	n->io_queues_gpa = queues_gpa;
	create_queue(n, OP_CREATE_CQ, queues_dma + CQ_OFFSET, 0);
	create_queue(n, OP_CREATE_SQ, queues_dma + SQ_OFFSET, IO_QUEUE);
}

void nvme_read(struct nvme *n, uint64_t data_dma)
{
	const uint32_t command[COMMAND_WORDS] = {
		[0] = OP_READ,
		[1] = 1,		/* namespace */
		[6] = (uint32_t)data_dma,
		[7] = (uint32_t)(data_dma >> 32),
	};

	assert_true(n->io_tail < QUEUE_ENTRIES - 1);
	qtest_write(n->q, n->io_queues_gpa + SQ_OFFSET + n->io_tail * sizeof(command), command,
		    sizeof(command));
	qtest_writel(n->q, n->bar + DOORBELL + 2 * IO_QUEUE * sizeof(uint32_t), ++n->io_tail);
}

static uint16_t completion_status(struct nvme *n)
{
	return qtest_readw(n->q, n->queues_gpa + CQ_OFFSET + (n->tail - 1) * CQ_ENTRY_BYTES +
				 CQ_STATUS);
}

bool nvme_has_completed(struct nvme *n)
{
	return completion_status(n) & CQ_PHASE;
}

uint16_t nvme_wait(struct nvme *n)
{
	int i;

	for (i = 0; i < NR_POLLS && !nvme_has_completed(n); i++)
		usleep(POLL_US);
	if (!nvme_has_completed(n))
		fail_msg("NVMe: no completion, CSTS is 0x%x", qtest_readl(n->q, n->bar + CSTS));
	return completion_status(n) >> 1;
}

void nvme_wait_fatal(struct nvme *n)
{
	int i;

	for (i = 0; i < NR_POLLS && !(qtest_readl(n->q, n->bar + CSTS) & CSTS_FATAL); i++)
		usleep(POLL_US);
	assert_true(qtest_readl(n->q, n->bar + CSTS) & CSTS_FATAL);
}

bool nvme_is_hidden(struct qtest *q, uint64_t bar)
{
	qtest_writel(q, bar + AQA, (QUEUE_ENTRIES - 1) << 16 | (QUEUE_ENTRIES - 1));
	return !qtest_readl(q, bar + AQA) && !qtest_readq(q, bar);
}

bool nvme_is_reset(struct qtest *q, uint64_t bar)
{
	return !qtest_readl(q, bar + CC) && !qtest_readl(q, bar + CSTS);
}
