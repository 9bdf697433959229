/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * What a build of Xen can do, by its configuration: the text that is made as xen/.config, and that is kept in the
 * hypervisor itself (CONFIG_HYPFS_CONFIG). Non-purpose: finding that text.
 *
 * Rules: Kconfig files of Xen 4.16 to 4.20.
 */
#ifndef HVCMA_FDT_XEN_BUILD_H
#define HVCMA_FDT_XEN_BUILD_H

#include <stdbool.h>

#include "fdt/blob.h"

struct hvcma_xen_build {
	uint32_t major, minor;		/* release */
	bool has_dom0less;		/* starts domains itself: always before 4.19 */
	bool has_static_memory;		/* xen,static-mem, and direct-map with it; not in Debian */
	bool has_vpl011;
	bool has_passthrough;
	uint32_t address_bits;		/* of machine addresses */
};

/**
 * hvcma_xen_build_parse() - read a configuration.
 * @text: @bytes of it, need not end with 0
 *
 * Errors: -FDT_ERR_BADVALUE: it is none, not of Xen for Arm, or of no release.
 */
int hvcma_xen_build_parse(const char *text, size_t bytes, struct hvcma_xen_build *build,
			  struct hvcma_fdt_error *err);

/** hvcma_xen_build_is_since() - is it that release or a later one? */
static inline bool hvcma_xen_build_is_since(const struct hvcma_xen_build *build, uint32_t major,
					    uint32_t minor)
{
	return build->major > major || (build->major == major && build->minor >= minor);
}

#endif /* HVCMA_FDT_XEN_BUILD_H */
