/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration of a build of Xen, out of a file: the text, packed or not, or the hypervisor itself, which has it
 * inside (CONFIG_HYPFS_CONFIG: Debian's have). Non-purpose: what it means (fdt/xen_build.h).
 */
#ifndef HVCMA_CLI_XEN_CONFIG_H
#define HVCMA_CLI_XEN_CONFIG_H

#include "fdt/xen_build.h"

/**
 * hvcma_xen_config_load() - what the build in this file can do.
 *
 * Return: 0, or an enum hvcma_exit value after saying why on stderr.
 */
int hvcma_xen_config_load(const char *path, struct hvcma_xen_build *build);

#endif /* HVCMA_CLI_XEN_CONFIG_H */
