// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hostile: the guest driver, but for its transport and its device, as part of
 * this module, so that hostile.c can play the host.
 */
#include <linux/module.h>

#include "guest-driver/client/attr.c"
#include "guest-driver/client/binding.c"
#include "guest-driver/client/fast.c"
#include "guest-driver/client/windows.c"
#include "guest-driver/core/dma_windows.c"
#include "guest-driver/core/account.c"
#include "guest-driver/core/block.c"
#include "guest-driver/dma/bounce.c"
#include "guest-driver/core/cache.c"
#include "guest-driver/core/extents.c"
#include "guest-driver/core/ranges.c"
#include "guest-driver/dma/bulk.c"
#include "guest-driver/mm/scan.c"
#include "guest-driver/client/client.c"
#include "guest-driver/dma/coherent.c"
#include "guest-driver/dma/direct.c"
#include "guest-driver/dma/dma_ops.c"
#include "guest-driver/dma/pinned.c"
#include "guest-driver/core/block_alloc.c"
#include "guest-driver/core/surrender.c"
#include "guest-driver/mm/memory.c"
#include "guest-driver/mm/memory_online.c"
#include "guest-driver/mm/memory_pages.c"
#include "guest-driver/mm/mode_private.c"
#include "guest-driver/mm/mode_reusable.c"
#include "guest-driver/mm/mode_ram.c"
#include "guest-driver/mm/mapping.c"
#include "guest-driver/mm/usage.c"
#include "guest-driver/mm/partial.c"
#include "guest-driver/client/poison.c"
#include "guest-driver/pool/pool.c"
#include "guest-driver/pool/pool_grow.c"
#include "guest-driver/pool/pool_pages.c"
#include "guest-driver/core/region.c"
#include "guest-driver/pool/region_text.c"
#include "guest-driver/client/report.c"
#include "guest-driver/core/stats.c"
#include "guest-driver/core/request.c"
#include "guest-driver/pool/reserve.c"
#include "guest-driver/pool/resv.c"
#include "guest-driver/client/reprobe.c"
#include "guest-driver/mm/isolate.c"

/* Last: from here on, each inclusion of the header would define them again. */
#define CREATE_TRACE_POINTS
#include "guest-driver/core/trace.h"
