// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cache maintenance (cache.h). The kernel's own routines are not for modules.
 *
 * Locks: none: the memory is the caller's.
 */
#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/stringify.h>

#include "cache.h"

#ifdef CONFIG_ARM64
#include <asm/alternative-macros.h>
#include <asm/barrier.h>
#include <asm/cpufeature.h>
#include <asm/sysreg.h>

/* The smallest line of any cache of any processor. It does not change. */
static unsigned long vcma_line_bytes(void)
{
	static unsigned long known;
	unsigned long bytes = READ_ONCE(known);

	if (!bytes) {
		/* CTR_EL0.DminLine: log2 of the line in words. */
		bytes = 4UL << ((read_sanitised_ftr_reg(SYS_CTR_EL0) >> 16) & 0xf);
		WRITE_ONCE(known, bytes);
	}
	return bytes;
}

/*
 * The instruction takes an address in a register and nothing else, so that each line
 * costs it and one addition; unrolled, the loop around them hardly counts.
 */
#define VCMA_DC_UNROLLED	16

#define VCMA_DEFINE_DC(op, instruction)							\
static void vcma_dc_##op(unsigned long line, unsigned long end, unsigned long step)	\
{											\
	while (end - line >= VCMA_DC_UNROLLED * step)					\
		asm volatile(".rept " __stringify(VCMA_DC_UNROLLED) "\n"		\
			     instruction "\n"						\
			     "add %0, %0, %1\n"						\
			     ".endr"							\
			     : "+r" (line) : "r" (step) : "memory");			\
	for (; line < end; line += step)						\
		asm volatile(instruction : : "r" (line) : "memory");			\
}

VCMA_DEFINE_DC(ivac, "dc ivac, %0")
VCMA_DEFINE_DC(civac, "dc civac, %0")
/* Early Cortex-A53 may lose data that is only cleaned. */
VCMA_DEFINE_DC(cvac, ALTERNATIVE("dc cvac, %0", "dc civac, %0",
				 ARM64_WORKAROUND_CLEAN_CACHE))

void vcma_cache_clean(void *cpu, size_t bytes)
{
	unsigned long step = vcma_line_bytes(), start = (unsigned long)cpu;

	vcma_dc_cvac(ALIGN_DOWN(start, step), ALIGN(start + bytes, step), step);
	dsb(sy);
}

void vcma_cache_clean_inval(void *cpu, size_t bytes)
{
	unsigned long step = vcma_line_bytes(), start = (unsigned long)cpu;

	vcma_dc_civac(ALIGN_DOWN(start, step), ALIGN(start + bytes, step), step);
	dsb(sy);
}

void vcma_cache_invalidate(void *cpu, size_t bytes)
{
	unsigned long step = vcma_line_bytes(), start = (unsigned long)cpu;
	unsigned long end = start + bytes;
	unsigned long first = ALIGN(start, step), last = ALIGN_DOWN(end, step);

	if (!bytes)
		return;
	/*
	 *	|..xx|xxxx|xxxx|x...|
	 *	     first     last	: between them, whole lines
	 */
	if (first != start)
		vcma_dc_civac(first - step, first, step);
	if (last != end && last >= first)
		vcma_dc_civac(last, last + step, step);
	if (first < last)
		vcma_dc_ivac(first, last, step);
	dsb(sy);
}

bool vcma_cache_has_whole_lines(const void *cpu, size_t bytes)
{
	return IS_ALIGNED((unsigned long)cpu | bytes, vcma_line_bytes());
}

#else /* Nobody calls these: vcma_cache_is_maintained() is false. */

void vcma_cache_clean(void *cpu, size_t bytes)
{
}

void vcma_cache_invalidate(void *cpu, size_t bytes)
{
}

void vcma_cache_clean_inval(void *cpu, size_t bytes)
{
}

bool vcma_cache_has_whole_lines(const void *cpu, size_t bytes)
{
	return true;
}
#endif
