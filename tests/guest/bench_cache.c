// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_bench: the guest driver's cache maintenance as part of this module, which is to load
 * where there is no virtio_cma.
 */
#include "guest-driver/core/cache.c"
