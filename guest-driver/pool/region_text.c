// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parser of regions as text, of the host's core, compiled into the module:
 * the grammar is written once.
 */
#include "hv/core/region_text.c"
