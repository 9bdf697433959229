// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows of clients, of the host's core, compiled into the module: translation is written once.
 */
#include "hv/core/dma_windows.c"
