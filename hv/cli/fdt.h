/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvcma fdt: what its subcommands share: files, arguments, windows.
 *
 * A subcommand reads whole files, works in memory, and writes its result in one
 * step at the end: a reader of the output finds the old file or the new one.
 */
#ifndef HVCMA_CLI_FDT_H
#define HVCMA_CLI_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fdt/bus.h"
#include "fdt/guard.h"
#include "hv/cli/options.h"
#include "hv/core/dma_windows.h"

struct hvcma_fdt_command {
	const char *name;
	const char *usage;		/* after "hvcma fdt NAME " */
	const char *help;		/* what it does and its options, lines */
	/* As in struct hvcma_command; argv[0] is the subcommand. */
	int (*run)(int argc, char **argv);
};

extern const struct hvcma_fdt_command hvcma_fdt_add_region_command;
extern const struct hvcma_fdt_command hvcma_fdt_remove_region_command;
extern const struct hvcma_fdt_command hvcma_fdt_bind_command;
extern const struct hvcma_fdt_command hvcma_fdt_unbind_command;
extern const struct hvcma_fdt_command hvcma_fdt_check_command;
extern const struct hvcma_fdt_command hvcma_fdt_dma_ranges_command;
extern const struct hvcma_fdt_command hvcma_fdt_drop_windows_command;
extern const struct hvcma_fdt_command hvcma_fdt_overlay_command;
extern const struct hvcma_fdt_command hvcma_fdt_show_command;
extern const struct hvcma_fdt_command hvcma_fdt_xen_command;

/**
 * hvcma_fdt_open() - a file to read.
 * @path: "-" is the standard input, which can be opened once
 *
 * Return: to be closed unless it is stdin; NULL with the reason in @err.
 */
FILE *hvcma_fdt_open(const char *path, struct hvcma_fdt_error *err);

/* A device tree blob in memory. */
struct hvcma_dtb {
	void *blob;			/* malloc */
	size_t bytes;
};

/**
 * hvcma_file_load() - read whole, whatever it is.
 * @path: "-" is the standard input
 * @file: out, to be freed by hvcma_dtb_free(); nothing to be freed on failure
 *
 * Return: 0, or an enum hvcma_exit value after saying why on stderr.
 */
int hvcma_file_load(const char *path, struct hvcma_dtb *file);

/**
 * hvcma_dtb_load() - read and validate.
 * @path: "-" is the standard input
 *
 * Return: 0, or an enum hvcma_exit value after saying why on stderr.
 */
int hvcma_dtb_load(const char *path, struct hvcma_dtb *dtb);
void hvcma_dtb_free(struct hvcma_dtb *dtb);

/* One try of an edit, in a buffer with some room; see blob.h. */
typedef int hvcma_dtb_edit_fn(void *fdt, void *opaque, struct hvcma_fdt_error *err);

/**
 * hvcma_dtb_edit() - run @edit on a copy of @from, again in a larger one while it
 * returns -FDT_ERR_NOSPACE, and write the result to @out.
 * @from: NULL: the edit makes a tree of its own in the buffer
 *
 * Return: an enum hvcma_exit value; the reason was printed. On failure @out is
 * what it was.
 */
int hvcma_dtb_edit(const struct hvcma_dtb *from, hvcma_dtb_edit_fn *edit, void *opaque,
		   const char *out);

/**
 * hvcma_fdt_edit_file() - hvcma_dtb_edit() of the one argument that is left, in place
 * or to @output (NULL: none was given). Refuses overlays.
 */
int hvcma_fdt_edit_file(int argc, char **argv, const char *output, hvcma_dtb_edit_fn *edit,
			void *opaque);

/* ---- arguments ---- */

/**
 * hvcma_fdt_options() - hvcma_options() that knows --output.
 * @output: out, of -o; untouched without it
 *
 * Return: as hvcma_options().
 */
int hvcma_fdt_options(const struct hvcma_fdt_command *command, int argc, char **argv,
		      const struct option *longs, hvcma_option_fn *take, void *opaque,
		      const char **output);

/** hvcma_fdt_number() - "0x1000", "64M", "2G" (K M G T); false if it is none. */
bool hvcma_fdt_number(const char *text, uint64_t *value);

/** hvcma_fdt_range() - "BASE,SIZE"; false if it is none. */
bool hvcma_fdt_range(const char *text, struct hvcma_range *range);

/* ---- windows ---- */

struct hvcma_window_list {
	struct hvcma_window *window;	/* malloc */
	size_t nr;
};

/**
 * hvcma_windows_from_file() - lines "GUEST-PHYSICAL DMA SIZE", "#" for comments.
 *
 * Appends to @list.
 * Return: 0, or an exit value after saying why on stderr.
 */
int hvcma_windows_from_file(const char *path, struct hvcma_window_list *list);
void hvcma_windows_free(struct hvcma_window_list *list);

/* What clients of a running QEMU reach, which share a bus of the guest. */
struct hvcma_vm_clients {
	const char *only;		/* this one; NULL: all that are plugged */
	char name[64];			/* the first that was found; "": none */
	char source[32];		/* whose word it is, "device-tree" */
	struct hvcma_dma_windows windows;	/* of all of them; with @name */
};

/**
 * hvcma_windows_from_vm() - extents that a running QEMU reports, host-physical, and the
 * windows that make bus addresses of them.
 * @device: one region only; NULL: all
 * @list: appended to
 * @clients: @only is set, and all else zero or what an earlier call has left
 *
 * Refused are clients whose windows differ, unless one is named, windows that are no good,
 * and a report that has not all extents.
 *
 * Return: 0, or an exit value after saying why on stderr.
 */
int hvcma_windows_from_vm(const char *socket, const char *device,
			  struct hvcma_window_list *list, struct hvcma_vm_clients *clients);

#endif /* HVCMA_CLI_FDT_H */
