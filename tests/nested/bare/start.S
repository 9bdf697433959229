/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start-up at EL1 with the MMU off: stack, cleared memory, vectors, then run(). Whatever exception comes is
 * told to exception(). Neither returns.
 */
	.section .text.start, "ax"
	.global _start
_start:
	adrp	x0, stack_top
	mov	sp, x0
	adrp	x0, vectors
	msr	vbar_el1, x0
	isb
	adrp	x0, bss_start
	adrp	x1, bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	bl	run
	b	.

	.macro	vector
	.balign	0x80
	adrp	x0, stack_top
	mov	sp, x0
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	b	exception
	.endm

	.section .text.vectors, "ax"
	.balign	0x1000
vectors:
	.rept	16
	vector
	.endr
