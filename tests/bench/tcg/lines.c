// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin of QEMU's TCG: what it costs vCPUs to do the same thing at once, counted so that neither the
 * machine's load nor its number of processors matters. Between the marks of tests/guest/marks.h it counts
 *
 *	instructions	of the guest's kernel: who waits for a lock spins, and that is instructions; a
 *			string instruction, such as copies a page, is one
 *	shared		uses of cache lines that several vCPUs use and one at least writes: once for each line
 *			in each operation (from mark to mark). So often has a line to come from another vCPU
 *			if they all run at once
 *
 * At VCMA_MARK_TELL it prints "lines: vcpus=N instructions=N shared=N" to standard error, and the lines
 * that were used most of these: "line ADDRESS N". Non-purpose: time, sizes of caches, user space.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <qemu-plugin.h>

#include "tests/guest/marks.h"

#define MAX_VCPUS	8
#define LINE_SHIFT	6
#define NR_LINES	(1 << 20)	/* of the directory; two addresses that meet there: the later one stays */
#define NR_LOCKS	1024
#define NR_TOLD		8
#define MARK_BYTES	7
#define KERNEL_SPACE	(UINT64_C(1) << 63)

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

struct line {
	uint64_t number;		/* address >> LINE_SHIFT; 0: none */
	uint64_t operation[MAX_VCPUS];	/* of each that has used it: the last one */
	uint32_t users;			/* bit n: vCPU n */
	bool written;
	uint32_t uses;
};

/* Each by its vCPU's thread alone, but for VCMA_MARK_TELL, when no other is between marks. */
struct vcpu {
	bool on;
	uint64_t string;		/* address of the string instruction that is under way, or 0 */
	uint64_t operation;		/* its number, the first one is 1 */
	uint64_t instructions;
} __attribute__((aligned(64)));

static struct line lines[NR_LINES];		/* lock of its number */
static pthread_mutex_t locks[NR_LOCKS];
static struct vcpu vcpus[MAX_VCPUS];

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *unused)
{
	uint64_t number = address >> LINE_SHIFT;
	struct line *line = &lines[number % NR_LINES];
	pthread_mutex_t *lock = &locks[number % NR_LOCKS];

	(void)unused;
	if (vcpu >= MAX_VCPUS || !vcpus[vcpu].on || address < KERNEL_SPACE)
		return;
	pthread_mutex_lock(lock);
	if (line->number != number)
		*line = (struct line) { .number = number };
	line->users |= UINT32_C(1) << vcpu;
	line->written |= qemu_plugin_mem_is_store(info);
	line->uses += line->operation[vcpu] != vcpus[vcpu].operation;
	line->operation[vcpu] = vcpus[vcpu].operation;
	pthread_mutex_unlock(lock);
}

/* TCG executes a string instruction once for each of its elements. */
static void on_instruction(unsigned int vcpu, void *string)
{
	if (vcpu >= MAX_VCPUS || !vcpus[vcpu].on)
		return;
	vcpus[vcpu].instructions += !string || vcpus[vcpu].string != (uintptr_t)string;
	vcpus[vcpu].string = (uintptr_t)string;
}

static uint32_t shared_uses(const struct line *line)
{
	return line->written && line->users & (line->users - 1) ? line->uses : 0;
}

static void tell(void)
{
	uint64_t instructions = 0, shared = 0;
	unsigned int nr = 0, i, told;

	for (i = 0; i < MAX_VCPUS; i++) {
		nr += !!vcpus[i].instructions;
		instructions += vcpus[i].instructions;
		vcpus[i].instructions = 0;
	}
	for (i = 0; i < NR_LINES; i++)
		shared += shared_uses(&lines[i]);
	fprintf(stderr, "lines: vcpus=%u instructions=%" PRIu64 " shared=%" PRIu64 "\n", nr,
		instructions, shared);
	for (told = 0; told < NR_TOLD; told++) {
		struct line *most = &lines[0];

		for (i = 0; i < NR_LINES; i++) {
			if (shared_uses(&lines[i]) > shared_uses(most))
				most = &lines[i];
		}
		if (!shared_uses(most))
			break;
		fprintf(stderr, "line %#" PRIx64 " %" PRIu32 "\n", most->number << LINE_SHIFT,
			most->uses);
		most->uses = 0;
	}
	memset(lines, 0, sizeof(lines));
}

static void on_mark(unsigned int vcpu, void *number)
{
	switch ((uintptr_t)number) {
	case VCMA_MARK_ON:
	case VCMA_MARK_OFF:
		if (vcpu >= MAX_VCPUS)
			break;
		vcpus[vcpu].on = (uintptr_t)number == VCMA_MARK_ON;
		vcpus[vcpu].operation++;
		break;
	case VCMA_MARK_TELL:
		tell();
		break;
	}
}

/* Return: its number, 0 if it is none. */
static uintptr_t mark_of(const struct qemu_plugin_insn *insn)
{
	uint8_t code[MARK_BYTES];
	uint32_t number = 0;
	unsigned int i;

	if (qemu_plugin_insn_size(insn) != MARK_BYTES ||
	    qemu_plugin_insn_data(insn, code, MARK_BYTES) != MARK_BYTES ||
	    (code[0] | code[1] << 8 | code[2] << 16) != VCMA_MARK_OPCODE)
		return 0;
	for (i = 0; i < 4; i++)
		number |= (uint32_t)code[3 + i] << (8 * i);
	return (number & ~UINT32_C(0xff)) == VCMA_MARK_MAGIC ? number & 0xff : 0;
}

/* Prefixed by REP or REPNE; PAUSE and some of SSE are, too, and none. */
static bool is_string(const struct qemu_plugin_insn *insn)
{
	uint8_t code[2];

	return qemu_plugin_insn_data(insn, code, sizeof(code)) == sizeof(code) &&
	       (code[0] == 0xf2 || code[0] == 0xf3) && code[1] != 0x0f && code[1] != 0x90;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t nr = qemu_plugin_tb_n_insns(tb), i;
	struct qemu_plugin_insn *insn;
	uintptr_t mark, string;

	(void)id;
	for (i = 0; i < nr; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (qemu_plugin_insn_vaddr(insn) < KERNEL_SPACE)
			continue;
		mark = mark_of(insn);
		if (mark) {
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)mark);
			continue;
		}
		string = is_string(insn) ? qemu_plugin_insn_vaddr(insn) : 0;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, QEMU_PLUGIN_CB_NO_REGS,
						       (void *)string);
		qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, NULL);
	}
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	unsigned int i;

	(void)info, (void)argc, (void)argv;
	for (i = 0; i < NR_LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
