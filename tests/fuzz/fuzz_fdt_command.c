// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "hvcma fdt", the command itself in this process, with files, against blobs of any
 * content: chains of subcommands, each of which gets what the one before made.
 *
 * Input: a byte that says where the blob comes from (trees.h), one for the number of
 * steps, a byte for each step, and then the blob, or changes to it. Half of the chains
 * have one step: most of what is wrong needs no more, and long ones grow from those.
 *
 * A step may fail, but only with a status that the manual has. What it writes is a
 * valid blob. An overlay of the first blob and what came of it, applied by libfdt, gives
 * the latter. The files are in memory: tests/fdt/test_cli.sh has those on disks.
 *
 * runs: 10000000
 * options: -max_len=256 -entropic=0 -reload=0
 */
#define _GNU_SOURCE			/* memfd_create() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/cli/command.h"
#include "tests/fuzz/same_tree.h"
#include "tests/fuzz/trees.h"

#define MAX_STEPS	6
#define MAX_ARGS	16

extern const struct hvcma_command hvcma_command_fdt;

/* "FIRST" is the blob; "FILE" is what the edit before made, "OUT" where the next step finds it. */
static const char *const steps[][MAX_ARGS] = {
	{ "check", "FILE" },
	{ "check", "--json", "--strict", "--stage2", "fwb", "--pageblock", "4M", "FILE" },
	{ "show", "FILE" },
	{ "show", "--json", "FILE" },
	{ "add-region", "--name", "new", "--type", "reusable", "--default", "--size", "4M", "--base",
	  "0x60000000", "FILE", "-o", "OUT" },
	{ "add-region", "--name", "dyn", "--type", "no-map", "--size", "64K", "--align", "64K",
	  "--alloc-range", "0x40000000,1G", "FILE", "-o", "OUT" },
	{ "add-region", "--name", "bounce", "--type", "restricted", "--size", "1M", "FILE", "-o", "OUT" },
	{ "remove-region", "--region", "new", "FILE", "-o", "OUT" },
	{ "remove-region", "--region", "&pool", "FILE", "-o", "OUT" },
	{ "bind", "--region", "new", "--client", "00:03.0", "--client", "&dma", "FILE", "-o", "OUT" },
	{ "bind", "--region", "pool", "--client", "pci:0000:00/01.0/00.1", "FILE", "-o", "OUT" },
	{ "bind", "--region", "/reserved-memory/dyn", "--client", "dma0", "FILE", "-o", "OUT" },
	{ "unbind", "--region", "new", "--client", "00:03.0", "FILE", "-o", "OUT" },
	{ "unbind", "--region", "pool", "--client", "pci:0000:00/01.0/00.1", "FILE", "-o", "OUT" },
	{ "unbind", "--region", "pool", "--client", "&dma", "FILE", "-o", "OUT" },
	{ "dma-ranges", "--identity", "0x40000000,256M", "--guards", "FILE", "-o", "OUT" },
	{ "dma-ranges", "--bus", "&soc", "--identity", "0x40000000,64M", "--identity", "0x48000000,64M",
	  "FILE", "-o", "OUT" },
	{ "drop-windows", "FILE", "-o", "OUT" },
	{ "drop-windows", "--bus", "&soc", "FILE", "-o", "OUT" },
	{ "xen", "--device", "&dma", "FILE", "-o", "MADE" },
	{ "xen", "--device", "&dma", "--xl", "FILE", "-o", "/dev/null" },
	{ "xen", "--device", "&dma", "--memory", "64M", "--static-mem", "0x60000000,64M", "--vpl011", "FILE", "-o", "MADE" },
	{ "xen", "--domain", "d", "--memory", "1M", "FILE", "-o", "OUT" },
	{ "xen", "--domain", "e", "--memory", "1M", "--static-mem", "0x50000000,1M", "--kernel", "0x48000000,1M", "--device",
	  "&dma", "FILE", "-o", "OUT" },
	{ "xen", "--check", "FILE" },
	{ "overlay", "FIRST", "FILE", "-o", "MADE" },
};

#define NR_STEPS	(sizeof(steps) / sizeof(*steps))

_Static_assert(NR_STEPS <= 32, "a bit each");

static _Alignas(8) unsigned char blob[TREES_ROOM], first[4 * TREES_ROOM], last[4 * TREES_ROOM],
				 made[4 * TREES_ROOM];
static FILE *null;

/* ---- files ---- */

/* In memory. "-o -" writes to what descriptor 1 is. */
static struct file {
	const char *word;		/* in the steps */
	char path[32];
	int fd;
} files[] = { { .word = "FIRST" }, { .word = "MADE" }, { .word = "a" }, { .word = "b" } };

static struct file *const first_file = &files[0], *const made_file = &files[1];

static void open_file(struct file *f)
{
	f->fd = memfd_create(f->word, MFD_CLOEXEC);
	must(f->fd >= 0);
	sprintf(f->path, "/proc/self/fd/%d", f->fd);
}

static void write_file(const struct file *f, const void *data, size_t bytes)
{
	must(!ftruncate(f->fd, 0) && pwrite(f->fd, data, bytes, 0) == (ssize_t)bytes);
}

/* A blob; 0: it is large. */
static int read_file(const struct file *f, void *data, size_t room)
{
	ssize_t bytes = pread(f->fd, data, room, 0);
	struct hvcma_fdt_error err;

	must(bytes >= 0);
	if ((size_t)bytes == room)
		return 0;
	must(!hvcma_fdt_validate(data, (size_t)bytes, &err));
	return 1;
}

/* Descriptor 1 becomes that file, empty. */
static void write_to(const struct file *f)
{
	must(!ftruncate(f->fd, 0) && !lseek(f->fd, 0, SEEK_SET) && dup2(f->fd, STDOUT_FILENO) == STDOUT_FILENO);
}

static void set_up(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		open_file(&files[i]);
	null = fopen("/dev/null", "w");
	must(null != NULL);
	stdout = null;
}

/* ---- steps ---- */

/* An argument: a word that stands for a file, or as it is. */
static const char *word(const char *arg, const struct file *in, const struct file *out)
{
	if (!strcmp(arg, "FIRST"))
		return first_file->path;
	if (!strcmp(arg, "FILE"))
		return in->path;
	if (strcmp(arg, "OUT") && strcmp(arg, "MADE"))
		return arg;
	write_to(*arg == 'O' ? out : made_file);
	return "-";
}

/* Options are taken apart where they are: arguments are copies. */
static int run(const char *const *args, const struct file *in, const struct file *out)
{
	char copy[MAX_ARGS][64], *argv[MAX_ARGS + 2] = { (char[]){ "fdt" } };
	FILE *own = stderr;
	int argc = 1, status;

	for (; argc <= MAX_ARGS && args[argc - 1]; argc++)
		argv[argc] = strcpy(copy[argc - 1], word(args[argc - 1], in, out));
	argv[argc] = NULL;
	stderr = null;
	status = hvcma_command_fdt.run(argc, argv);
	stderr = own;
	must(status == HVCMA_EXIT_OK || status == HVCMA_EXIT_FAILED || status == HVCMA_EXIT_FINDINGS);
	return status;
}

static bool has_word(const char *const *step, const char *wanted)
{
	for (size_t k = 0; k < MAX_ARGS && step[k]; k++)
		if (!strcmp(step[k], wanted))
			return true;
	return false;
}

static void check_overlay(const struct file *edited)
{
	if (!read_file(first_file, first, sizeof(first)) || !read_file(edited, last, sizeof(last)) ||
	    !read_file(made_file, made, sizeof(made)) || fdt_open_into(first, first, sizeof(first)))
		return;
	must(!fdt_overlay_apply(first, made));
	must(same_tree(first, last));
}

static void run_steps(const uint8_t *choices, size_t nr)
{
	const struct file *in = first_file, *out = &files[2];
	uint32_t done = 0;		/* to this blob: a second time tells nothing */

	for (size_t i = 0; i < nr; i++) {
		const char *const *step = steps[choices[i] % NR_STEPS];
		uint32_t bit = UINT32_C(1) << choices[i] % NR_STEPS;

		if (done & bit)
			continue;
		done |= bit;
		if (run(step, in, out))
			continue;
		if (!strcmp(*step, "overlay"))
			check_overlay(in);
		if (!has_word(step, "OUT"))
			continue;
		read_file(out, last, sizeof(last));	/* valid */
		done = 0;
		in = out;
		out = out == &files[2] ? &files[3] : &files[2];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static const uint8_t lengths[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, MAX_STEPS };
	uint8_t from = input_u8(&in), nr_steps = lengths[input_u8(&in) % 16];
	uint8_t choices[MAX_STEPS];
	struct hvcma_fdt_error err;
	size_t bytes;

	if (!null)
		set_up();
	nr_steps = (uint8_t)input_copy(&in, choices, nr_steps);
	if (!nr_steps)
		return 0;
	bytes = trees_take(from, &in, blob);
	write_file(first_file, blob, bytes);
	/* no blob: all refuse it alike */
	run_steps(choices, hvcma_fdt_validate(blob, bytes, &err) ? 1 : nr_steps);
	return 0;
}
