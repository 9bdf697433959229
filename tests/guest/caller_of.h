/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who called a function, in a probe of its first instruction.
 */
#ifndef VCMA_TESTS_CALLER_OF_H
#define VCMA_TESTS_CALLER_OF_H

#include <linux/ptrace.h>

/** caller_of() - Return: the address to which it is going to return. */
static __always_inline unsigned long caller_of(const struct pt_regs *regs)
{
#ifdef CONFIG_X86
	return *(unsigned long *)regs->sp;
#else
	return regs->regs[30];
#endif
}

#endif /* VCMA_TESTS_CALLER_OF_H */
