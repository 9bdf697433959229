/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory types: what the host says a client's memory needs is turned into a mapping,
 * into cache maintenance by address, or into a refusal that gives the reason.
 *
 * The host decides (it knows the second stage of translation and the operator's word),
 * this obeys. What it decides from: docs/attributes.md; the flags: docs/protocol.md,
 * CLAIM. Where this architecture has no maintenance, a client that needs any is refused.
 *
 * Where maintenance happens:
 *
 *	mapping of the memory	coherent memory, bounce	buffers		the driver's own pages
 *	uncached		when it starts and stops being uncached	--
 *	cached			--, or refused; at each sync		at each sync
 */
#ifndef VCMA_ATTR_H
#define VCMA_ATTR_H

#include <linux/dma-direction.h>
#include <linux/types.h>

#include "client.h"
#include "core/cache.h"
#include "core/region.h"
#include "hv/abi/virtio_cma.h"

struct device;
struct vcma_claim;

/** vcma_attr_view() - VIRTIO_CMA_COHERENT_*: what this guest's firmware says of @dev. */
u32 vcma_attr_view(struct device *dev);

/**
 * vcma_attr_obey() - take the host's answer to CLAIM: fills c->attr, c->maint,
 * c->effective and c->reason.
 *
 * Return: 0, or -EOPNOTSUPP (logged) if this guest can't do what the client's memory
 * needs: it must then not be used.
 */
int vcma_attr_obey(struct vcma_client *c, const struct vcma_claim *claim);

/**
 * vcma_attr_refused() - the host did not let the client be claimed. @reason, unless it is
 * VIRTIO_CMA_REASON_NONE, is kept in c->reason, and logged.
 */
void vcma_attr_refused(struct vcma_client *c, u32 reason);

/** vcma_attr_effective(), vcma_attr_reason() - the host's words, for people. */
const char *vcma_attr_effective(const struct vcma_client *c);
const char *vcma_attr_reason(const struct vcma_client *c);

/**
 * vcma_attr_refuses_coherent() - is coherent memory impossible for this client? If so
 * it is counted, and logged the first time.
 */
bool vcma_attr_refuses_coherent(struct vcma_client *c);

/** vcma_attr_needs_sync() - does cacheable memory of the client need maintenance? */
static inline bool vcma_attr_needs_sync(const struct vcma_client *c)
{
	return c->maint & VIRTIO_CMA_MAINT_SYNC;
}

/**
 * vcma_attr_bars_cached() - it ignores caches, and nobody maintains them at each sync: must memory
 * that has a cacheable mapping be kept from it?
 */
static inline bool vcma_attr_bars_cached(const struct vcma_client *c)
{
	return c->maint & VIRTIO_CMA_MAINT_NO_CACHED_ALIAS ||
	       (c->maint & VIRTIO_CMA_MAINT_BLOCK && !vcma_attr_needs_sync(c));
}

/**
 * vcma_attr_sync_for_device(), vcma_attr_sync_for_cpu() - what a sync of cacheable memory
 * needs for this client; nothing for most.
 */
static inline void vcma_attr_sync_for_device(const struct vcma_client *c, void *cpu,
					     size_t bytes)
{
	if (!vcma_attr_needs_sync(c))
		return;
	/* Whatever the direction: a dirty line must not be written back over the device's. */
	vcma_cache_clean(cpu, bytes);
	atomic64_inc(&c->region->stats.nr_cache_syncs);
}

static inline void vcma_attr_sync_for_cpu(const struct vcma_client *c, void *cpu,
					  size_t bytes, enum dma_data_direction dir)
{
	if (!vcma_attr_needs_sync(c) || dir == DMA_TO_DEVICE)
		return;
	vcma_cache_invalidate(cpu, bytes);
	atomic64_inc(&c->region->stats.nr_cache_syncs);
}

#endif /* VCMA_ATTR_H */
