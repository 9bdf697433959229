// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory types of clients (attr.h).
 *
 * Locks: none here. A client's attributes are written under vcma_bindings_lock, which callers hold, and
 * are constant while its driver is bound.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/kernel.h>

#include "attr.h"
#include "core/mode.h"
#include "core/region.h"
#include "core/request.h"

#define VCMA_TEXT(name, nr, text)	\
	[nr] = text,

static const char * const vcma_type_texts[] = { VIRTIO_CMA_TYPE_TABLE(VCMA_TEXT) };
static const char * const vcma_reason_texts[] = { VIRTIO_CMA_REASON_TABLE(VCMA_TEXT) };

const char *vcma_attr_effective(const struct vcma_client *c)
{
	return vcma_type_texts[c->effective];
}

const char *vcma_attr_reason(const struct vcma_client *c)
{
	return vcma_reason_texts[c->reason];
}

u32 vcma_attr_view(struct device *dev)
{
	return dev_is_dma_coherent(dev) ? VIRTIO_CMA_COHERENT_YES : VIRTIO_CMA_COHERENT_NO;
}

/* How to map memory of the client, @attr being the host's word on it. */
static enum vcma_attr vcma_attr_choose(const struct vcma_client *c, u32 attr)
{
	/* Uncached would be an illusion; cached, the maintenance works. */
	if (c->maint & VIRTIO_CMA_MAINT_NO_COHERENT)
		return VCMA_CACHED;
	if (attr == VIRTIO_CMA_ATTR_AUTO)
		attr = c->region->attr_policy;
	if (attr == VIRTIO_CMA_ATTR_AUTO)
		return dev_is_dma_coherent(c->dev) ? VCMA_CACHED : VCMA_UNCACHED;
	return attr == VIRTIO_CMA_ATTR_UNCACHED ? VCMA_UNCACHED : VCMA_CACHED;
}

int vcma_attr_obey(struct vcma_client *c, const struct vcma_claim *claim)
{
	const u32 maintenance = VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_SYNC;
	const char *wrong = NULL;

	c->warned = 0;
	c->maint = claim->maint;
	c->effective = claim->effective < ARRAY_SIZE(vcma_type_texts) ? claim->effective :
		       VIRTIO_CMA_TYPE_UNKNOWN;
	c->reason = claim->reason < ARRAY_SIZE(vcma_reason_texts) ? claim->reason :
		    VIRTIO_CMA_REASON_NONE;
	c->attr = vcma_attr_choose(c, claim->attr);
	dev_dbg(c->dev, "region %s: client '%s': %scoherent, host says attr %u, care %#x (%s): mapped %s, which is %s\n",
		c->region->name, c->name, dev_is_dma_coherent(c->dev) ? "" : "not ", claim->attr,
		c->maint, vcma_attr_reason(c), c->attr == VCMA_CACHED ? "cached" : "uncached",
		vcma_attr_effective(c));

	if (!vcma_cache_is_maintained() && c->maint & maintenance)
		wrong = "it needs cache maintenance, which this architecture lacks";
	else if (c->maint & VIRTIO_CMA_MAINT_NO_CACHED_ALIAS && c->attr != VCMA_UNCACHED)
		wrong = "it is to be mapped cached and to have no cacheable alias";
	else if (c->maint & VIRTIO_CMA_MAINT_NO_CACHED_ALIAS && c->region->mode->has_pages)
		wrong = "its memory is in the kernel's linear map, a cacheable alias";
	if (!wrong)
		return 0;
	dev_err(c->dev, "region %s: client '%s' can't be served: %s (%s)\n",
		c->region->name, c->name, wrong, vcma_attr_reason(c));
	return -EOPNOTSUPP;
}

void vcma_attr_refused(struct vcma_client *c, u32 reason)
{
	c->effective = VIRTIO_CMA_TYPE_UNKNOWN;
	c->reason = reason < ARRAY_SIZE(vcma_reason_texts) ? reason : VIRTIO_CMA_REASON_NONE;
	if (c->reason != VIRTIO_CMA_REASON_NONE)
		dev_err(c->dev, "region %s: client '%s' is refused: %s\n", c->region->name,
			c->name, vcma_attr_reason(c));
}

bool vcma_attr_refuses_coherent(struct vcma_client *c)
{
	if (likely(!(c->maint & VIRTIO_CMA_MAINT_NO_COHERENT)))
		return false;
	atomic64_inc(&c->region->stats.nr_coherent_refused);
	if (!test_and_set_bit(VCMA_WARNED_NO_COHERENT, &c->warned))
		dev_err(c->dev, "region %s: client '%s' gets no coherent memory: %s\n",
			c->region->name, c->name, vcma_attr_reason(c));
	return true;
}
