/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For targets that have no machine whose device tree could tell of static
 * regions: hvcma_static_check() refuses those. In place of static-fdt.c.
 */
#include "qemu/osdep.h"

#include "static-fdt.h"

void hvcma_static_fdt_add(VirtIOCMA *s)
{
}

void hvcma_static_fdt_remove(VirtIOCMA *s)
{
}

bool hvcma_static_fdt_is_written(void)
{
    return false;
}
