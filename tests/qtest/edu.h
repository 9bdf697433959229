/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's "edu" as a bus master: it copies between the bus and a buffer of its own. Its
 * registers are those of QEMU's docs/specs/edu.rst. Where it is on the bus, and that it is let
 * onto it, is the test's business.
 */
#ifndef TESTS_QTEST_EDU_H
#define TESTS_QTEST_EDU_H

#include <stdint.h>

#include "tests/qtest/qtest.h"

#define EDU_ID		0x11e81234u
#define EDU_BUFFER	0x40000u	/* bus address that is edu's own buffer */
#define EDU_TO_MEMORY	2		/* direction; 0: from memory */

/* Of any PCI function's configuration. */
#define COMMAND		0x04
#define COMMAND_ON	0x6		/* memory, bus master */
#define BAR0		0x10

/**
 * edu_start() - begin to copy @bytes (at most 4096) from @src to @dst, bus addresses, one of them
 * in its buffer.
 * @bar: guest-physical address of its registers
 */
void edu_start(struct qtest *q, uint64_t bar, uint64_t src, uint64_t dst, uint64_t bytes,
	       uint64_t direction);

/** edu_wait() - until it is done; the test fails if that takes too long. */
void edu_wait(struct qtest *q, uint64_t bar);

/** edu_dma() - both. */
void edu_dma(struct qtest *q, uint64_t bar, uint64_t src, uint64_t dst, uint64_t bytes,
	     uint64_t direction);

#endif /* TESTS_QTEST_EDU_H */
