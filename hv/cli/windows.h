/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of host memory a device of this host reaches, for all commands that want to know.
 */
#ifndef HVCMA_CLI_WINDOWS_H
#define HVCMA_CLI_WINDOWS_H

#include "hv/host/bus_windows.h"

/**
 * hvcma_windows_of_host() - hvcma_bus_windows_of_pci(), or _of_node(), of the host that
 * this runs on.
 * @sysfs: NULL: /sys
 * @bdf: NULL: of @node
 *
 * Return: 0, or an exit value after saying why on stderr.
 */
int hvcma_windows_of_host(const char *sysfs, const char *bdf, const char *node,
			  struct hvcma_bus_windows *found);

/** hvcma_windows_read_tree() - a hvcma_tree_reader_fn, by fdt/. */
int hvcma_windows_read_tree(const void *blob, size_t bytes, const char *node,
			    struct hvcma_dma_windows *windows, char bus[HVCMA_NODE_PATH_BYTES],
			    struct hvcma_error *err);

#endif /* HVCMA_CLI_WINDOWS_H */
