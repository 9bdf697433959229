/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks in a guest's code, for who looks on from outside (tests/bench/tcg): an instruction that does
 * nothing, with a number in it. Knows nothing of what is marked. x86 only; elsewhere there are none.
 */
#ifndef VCMA_MARKS_H
#define VCMA_MARKS_H

/* nopl NUMBER(%rax): seven bytes, of which no compiler has reason to make any. */
#define VCMA_MARK_OPCODE	0x801f0f
#define VCMA_MARK_MAGIC		0x76634d00

#define VCMA_MARK_ON		1	/* this processor is looked at from here; another operation */
#define VCMA_MARK_OFF		2	/* to here */
#define VCMA_MARK_TELL		3	/* what was seen since the last time is told, and forgotten */

#if defined(__x86_64__)
#define vcma_mark(number)	asm volatile(".byte 0x0f, 0x1f, 0x80\n\t.long %c0" \
					     : : "i" (VCMA_MARK_MAGIC + (number)) : "memory")
#else
#define vcma_mark(number)	do { } while (0)
#endif

#endif /* VCMA_MARKS_H */
