/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU and the plugin: where they are, whether they fit. QEMU itself is asked: nothing else knows.
 */
#ifndef HVCMA_CLI_PLUGIN_H
#define HVCMA_CLI_PLUGIN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define HVCMA_PRELOAD_FILE	"hvcma-preload.so"
/* Where all that belongs to the plugin is installed: the Makefile says it where somebody has chosen. */
#ifndef HVCMA_PLUGINDIR
#define HVCMA_PLUGINDIR "/usr/local/lib/hvcma"
#endif

struct hvcma_qemu_answer {
	char version[160];	/* its first line; "": there is no such program */
	bool has_device;	/* virtio-cma-pci can be made */
	char plugin[PATH_MAX];	/* by this plugin; "": without one */
	char complaint[240];	/* what it says if not */
};

/**
 * hvcma_plugin_find() - the plugin that belongs to this program: beside it, or where it is installed.
 * @path: out; "": there is none
 */
void hvcma_plugin_find(char path[PATH_MAX]);

/**
 * hvcma_plugin_version() - the version of the plugins beside @preload, one for each series of QEMU, "" where it is not to
 * be found, as in a plugin that is older than this function. Of several it is one that is not this command's, if there is.
 */
void hvcma_plugin_version(const char *preload, char *text, size_t room);

/**
 * hvcma_qemu_ask() - start @qemu for its version, and again, with the plugin, for the device.
 * @plugin: "": without
 */
void hvcma_qemu_ask(const char *qemu, const char *plugin, struct hvcma_qemu_answer *answer);

#endif /* HVCMA_CLI_PLUGIN_H */
