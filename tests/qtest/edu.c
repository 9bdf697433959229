// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU's "edu" as a bus master. See edu.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/edu.h"

#define EDU_SRC		0x80
#define EDU_DST		0x88
#define EDU_COUNT	0x90
#define EDU_CMD		0x98
#define EDU_RUN		1

void edu_start(struct qtest *q, uint64_t bar, uint64_t src, uint64_t dst, uint64_t bytes,
	       uint64_t direction)
{
	qtest_writeq(q, bar + EDU_SRC, src);
	qtest_writeq(q, bar + EDU_DST, dst);
	qtest_writeq(q, bar + EDU_COUNT, bytes);
	qtest_writeq(q, bar + EDU_CMD, direction | EDU_RUN);
}

void edu_wait(struct qtest *q, uint64_t bar)
{
	unsigned int i;

	for (i = 0; qtest_readq(q, bar + EDU_CMD) & EDU_RUN; i++) {
		assert_true(i < QTEST_TIMEOUT_S * 100);
		usleep(10000);
	}
}

void edu_dma(struct qtest *q, uint64_t bar, uint64_t src, uint64_t dst, uint64_t bytes,
	     uint64_t direction)
{
	edu_start(q, bar, src, dst, bytes, direction);
	edu_wait(q, bar);
}
