// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shrinker of the ready pools (resv.h).
 *
 * Freeing a block means asking the host, which takes memory and time: that is left
 * to the pools' own work. A scan counts what has gone back since the one before it.
 *
 * Locks: none here: pools are walked as in resv.c, and count atomically.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/shrinker.h>

#include "compat/compat.h"
#include "core/mode.h"
#include "core/region.h"
#include "resv.h"

static unsigned long vcma_shrink_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct vcma_region *r = vcma_shrinker_private(shrinker);
	struct vcma_pool *pool;
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; (pool = vcma_region_pool(r, i)); i++)
		pages += PHYS_PFN(vcma_pool_idle_bytes(pool));
	return pages ?: SHRINK_EMPTY;
}

static unsigned long vcma_shrink_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct vcma_region *r = vcma_shrinker_private(shrinker);
	struct vcma_pool *pool;
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; (pool = vcma_region_pool(r, i)); i++) {
		pages += PHYS_PFN(vcma_pool_relieved_bytes(pool));
		if (vcma_pool_idle_bytes(pool))
			vcma_pool_shrink_later(pool);
	}
	return pages ?: SHRINK_STOP;
}

int vcma_shrink_start(struct vcma_region *r)
{
	if (!r->mode->has_pages)
		return 0;
	r->shrinker = vcma_shrinker_register(vcma_shrink_count, vcma_shrink_scan, r, r->name);
	return r->shrinker ? 0 : -ENOMEM;
}

void vcma_shrink_stop(struct vcma_region *r)
{
	if (r->shrinker)
		vcma_shrinker_unregister(r->shrinker);
	r->shrinker = NULL;
}
