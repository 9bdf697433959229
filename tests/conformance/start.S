/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start-up at EL2 with the MMU off: stack, cleared memory, vectors, then run().
 * Whatever exception comes ends the program with its syndrome as exit status.
 */
	.section .text.start, "ax"
	.global _start
_start:
	mrs	x0, CurrentEL
	cmp	x0, #2 << 2
	mov	x0, #200		/* exit status: not started at EL2 */
	b.ne	finish
	adrp	x0, stack_top
	mov	sp, x0
	adrp	x0, vectors
	msr	vbar_el2, x0
	isb
	adrp	x0, bss_start
	adrp	x1, bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	bl	run
	/* run() returns the exit status */
	.global finish
finish:
	sub	sp, sp, #16		/* SYS_EXIT: reason, status */
	mov	x2, #0x26
	movk	x2, #0x2, lsl #16	/* ADP_Stopped_ApplicationExit */
	stp	x2, x0, [sp]
	mov	w0, #0x18
	mov	x1, sp
	hlt	#0xf000
	b	.

	.global semihosting
semihosting:				/* (operation, parameter block) */
	hlt	#0xf000
	ret

	.global at_s1e1r
at_s1e1r:				/* (virtual address): PAR_EL1 */
	at	s1e1r, x0
	isb
	mrs	x0, par_el1
	ret

	.global at_s12e1r
at_s12e1r:
	at	s12e1r, x0
	isb
	mrs	x0, par_el1
	ret

	.macro	vector
	.balign	0x80
	mrs	x0, esr_el2
	lsr	x0, x0, #26		/* exception class, 100 and up */
	add	x0, x0, #100
	adrp	x1, stack_top
	mov	sp, x1
	b	finish
	.endm

	.section .text.vectors, "ax"
	.balign	0x1000
vectors:
	.rept	16
	vector
	.endr
