// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hostile: the guest driver, but for its transport and its device, as part of
 * this module, so that hostile.c can play the host.
 */
#include <linux/module.h>

#include "guest-driver/attr.c"
#include "guest-driver/binding.c"
#include "guest-driver/block.c"
#include "guest-driver/bounce.c"
#include "guest-driver/cache.c"
#include "guest-driver/bulk.c"
#include "guest-driver/scan.c"
#include "guest-driver/client.c"
#include "guest-driver/coherent.c"
#include "guest-driver/direct.c"
#include "guest-driver/dma_ops.c"
#include "guest-driver/block_alloc.c"
#include "guest-driver/memory.c"
#include "guest-driver/memory_online.c"
#include "guest-driver/memory_pages.c"
#include "guest-driver/mode_private.c"
#include "guest-driver/mode_reusable.c"
#include "guest-driver/usage.c"
#include "guest-driver/partial.c"
#include "guest-driver/pool.c"
#include "guest-driver/pool_pages.c"
#include "guest-driver/region.c"
#include "guest-driver/region_text.c"
#include "guest-driver/report.c"
#include "guest-driver/request.c"
#include "guest-driver/reserve.c"
#include "guest-driver/resv.c"
#include "guest-driver/reprobe.c"
#include "guest-driver/isolate.c"

/* Last: from here on, each inclusion of the header would define them again. */
#define CREATE_TRACE_POINTS
#include "guest-driver/trace.h"
