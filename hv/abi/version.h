/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The version of hvcma, of all its parts: command, service, plugin, guest driver, packages. The Makefile reads it
 * here, too. Versions of what is spoken between parts are others: virtio_cma.h, hvcmad.h.
 */
#ifndef HVCMA_ABI_VERSION_H
#define HVCMA_ABI_VERSION_H

#define HVCMA_VERSION	"0.1"

/* The plugin has this in front of its version, a string in its file. */
#define HVCMA_PLUGIN_VERSION_MARK	"hvcma-plugin-version="

#endif /* HVCMA_ABI_VERSION_H */
