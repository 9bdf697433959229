// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct dma_map_ops for clients: address limits, scatterlists, and the shape of
 * the API; the work is done in coherent.c and bounce.c.
 *
 * Left out, so that the DMA API refuses them: get_sgtable, alloc_pages and
 * alloc_noncontiguous (a private region has no struct pages), map_resource (the
 * address another device's registers have on the bus is unknown here).
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/memremap.h>
#include <linux/minmax.h>
#include <linux/scatterlist.h>
#include <linux/string.h>

#include "binding.h"
#include "bounce.h"
#include "client.h"
#include "coherent.h"
#include "compat.h"
#include "dma_ops.h"
#include "region.h"

/* Highest DMA address for @mask, as the device and the bus above it allow. */
static u64 vcma_max_dma(struct device *dev, u64 mask)
{
	return min_not_zero(mask, dev->bus_dma_limit);
}

static void *vcma_dma_alloc(struct device *dev, size_t size, dma_addr_t *dma, gfp_t gfp,
			    unsigned long attrs)
{
	u64 max_dma = vcma_max_dma(dev, dev->coherent_dma_mask);
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	void *cpu = NULL;
	unsigned int i;

	for (i = 0; !cpu && (c = vcma_binding_source(b, VCMA_KIND_COHERENT, i)); i++)
		cpu = vcma_coherent_alloc(c, size, max_dma, gfp, dma);
	if (!cpu && !(attrs & DMA_ATTR_NO_WARN) && !(gfp & __GFP_NOWARN))
		dev_warn_ratelimited(dev, "virtio_cma: no %zu bytes at or below %#llx%s\n",
				     size, max_dma,
				     gfpflags_allow_blocking(gfp) ? "" : " (atomic)");
	return cpu;
}

/* What the device was given lies in one of its regions; else it is not ours to free. */
static struct vcma_client *vcma_dma_client(struct device *dev, dma_addr_t dma)
{
	struct vcma_client *c = vcma_binding_by_dma(vcma_binding_of(dev), dma);

	dev_WARN_ONCE(dev, !c, "frees, unmaps or syncs %pad, which is in no region\n", &dma);
	return c;
}

static void vcma_dma_free(struct device *dev, size_t size, void *cpu, dma_addr_t dma,
			  unsigned long attrs)
{
	struct vcma_client *c = vcma_dma_client(dev, dma);

	if (c)
		vcma_coherent_free(c, size, dma);
}

static int vcma_dma_mmap(struct device *dev, struct vm_area_struct *vma, void *cpu,
			 dma_addr_t dma, size_t size, unsigned long attrs)
{
	struct vcma_client *c = vcma_binding_by_dma(vcma_binding_of(dev), dma);

	return c ? vcma_coherent_mmap(c, vma, dma, size) : -ENXIO;
}

/* The one place where streaming mappings begin, however the API names them. */
static dma_addr_t vcma_dma_map_phys(struct device *dev, phys_addr_t phys, size_t size,
				    enum dma_data_direction dir, unsigned long attrs)
{
	u64 max_dma = vcma_max_dma(dev, dma_get_mask(dev));
	struct vcma_binding *b = vcma_binding_of(dev);
	dma_addr_t dma = DMA_MAPPING_ERROR;
	struct vcma_client *c;
	unsigned int i;

	if (attrs & (VCMA_DMA_ATTR_MMIO | VCMA_DMA_ATTR_REQUIRE_COHERENT))
		return DMA_MAPPING_ERROR;
	for (i = 0; dma == DMA_MAPPING_ERROR &&
	     (c = vcma_binding_source(b, VCMA_KIND_STREAMING, i)); i++)
		dma = vcma_bounce_map(c, phys, size, max_dma, attrs);
	return dma;
}

static void vcma_dma_unmap_phys(struct device *dev, dma_addr_t dma, size_t size,
				enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_client *c = vcma_dma_client(dev, dma);

	if (c)
		vcma_bounce_unmap(c, dma, size, dir, attrs);
}

#ifndef VCMA_DMA_OPS_BY_PHYS
static dma_addr_t vcma_dma_map_page(struct device *dev, struct page *page,
				    unsigned long offset, size_t size,
				    enum dma_data_direction dir, unsigned long attrs)
{
	if (is_pci_p2pdma_page(page))
		return DMA_MAPPING_ERROR;
	return vcma_dma_map_phys(dev, page_to_phys(page) + offset, size, dir, attrs);
}
#endif

static void vcma_dma_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
			      enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vcma_dma_unmap_phys(dev, sg_dma_address(sg), sg_dma_len(sg), dir, attrs);
}

static int vcma_dma_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
			   enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_client *c = vcma_binding_source(vcma_binding_of(dev),
						    VCMA_KIND_STREAMING, 0);
	struct scatterlist *sg;
	int i, err;

	for_each_sg(sgl, sg, nents, i) {
		err = -EREMOTEIO;
		if (is_pci_p2pdma_page(sg_page(sg)))
			goto unmap;
		err = -EIO;	/* not a matter of waiting for memory */
		if (!c || sg->length > c->region->granule_bytes)
			goto unmap;
		err = -ENOMEM;
		sg->dma_address = vcma_dma_map_phys(dev, sg_phys(sg), sg->length, dir, attrs);
		if (sg->dma_address == DMA_MAPPING_ERROR)
			goto unmap;
		sg_dma_len(sg) = sg->length;
	}
	return nents;

unmap:
	vcma_dma_unmap_sg(dev, sgl, i, dir, attrs | DMA_ATTR_SKIP_CPU_SYNC);
	return err;
}

static void vcma_dma_sync_for_cpu(struct device *dev, dma_addr_t dma, size_t size,
				  enum dma_data_direction dir)
{
	struct vcma_client *c = vcma_dma_client(dev, dma);

	if (c)
		vcma_bounce_sync(c, dma, size, dir, true);
}

static void vcma_dma_sync_for_device(struct device *dev, dma_addr_t dma, size_t size,
				     enum dma_data_direction dir)
{
	struct vcma_client *c = vcma_dma_client(dev, dma);

	if (c)
		vcma_bounce_sync(c, dma, size, dir, false);
}

static void vcma_dma_sync_sg_for_cpu(struct device *dev, struct scatterlist *sgl, int nents,
				     enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vcma_dma_sync_for_cpu(dev, sg_dma_address(sg), sg_dma_len(sg), dir);
}

static void vcma_dma_sync_sg_for_device(struct device *dev, struct scatterlist *sgl,
					int nents, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vcma_dma_sync_for_device(dev, sg_dma_address(sg), sg_dma_len(sg), dir);
}

/*
 * A mask is good if there is memory to back it with, and then some is put into the
 * pools: a mapping can't wait for it later. Called from dma_set_mask(), at probe.
 */
static int vcma_dma_supported(struct device *dev, u64 mask)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	u64 max_dma = vcma_max_dma(dev, mask);
	bool supported = false;
	struct vcma_client *c;
	unsigned int i = 0;
	int err = 0;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		err = vcma_pool_reach(&c->region->pools[c->attr], max_dma);
		supported |= !err;
	}
	if (err && !supported)
		dev_warn(dev, "virtio_cma: no region has anything at or below %#llx: %pe\n",
			 max_dma, ERR_PTR(err));
	return supported;
}

/* Host-physical addresses are not known before memory is pinned: assume any. */
static u64 vcma_dma_get_required_mask(struct device *dev)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;
	u64 end = 1;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (c->region->flags & VIRTIO_CMA_F_HPA)
			return DMA_BIT_MASK(64);
		end = max(end, c->region->base_gpa + c->region->bytes - 1);
	}
	return DMA_BIT_MASK(fls64(end));
}

static size_t vcma_dma_max_mapping_size(struct device *dev)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	size_t bytes = SIZE_MAX;
	struct vcma_client *c;
	unsigned int i;

	for (i = 0; (c = vcma_binding_source(b, VCMA_KIND_STREAMING, i)); i++)
		bytes = min(bytes, vcma_bounce_max_bytes(c));
	return bytes;
}

static const struct dma_map_ops vcma_dma_ops = {
	.alloc = vcma_dma_alloc,
	.free = vcma_dma_free,
	.mmap = vcma_dma_mmap,
#ifdef VCMA_DMA_OPS_BY_PHYS
	.map_phys = vcma_dma_map_phys,
	.unmap_phys = vcma_dma_unmap_phys,
#else
	.map_page = vcma_dma_map_page,
	.unmap_page = vcma_dma_unmap_phys,
#endif
	.map_sg = vcma_dma_map_sg,
	.unmap_sg = vcma_dma_unmap_sg,
	.sync_single_for_cpu = vcma_dma_sync_for_cpu,
	.sync_single_for_device = vcma_dma_sync_for_device,
	.sync_sg_for_cpu = vcma_dma_sync_sg_for_cpu,
	.sync_sg_for_device = vcma_dma_sync_sg_for_device,
	.dma_supported = vcma_dma_supported,
	.get_required_mask = vcma_dma_get_required_mask,
	.max_mapping_size = vcma_dma_max_mapping_size,
};

void vcma_dma_ops_init(struct vcma_binding *b)
{
	memcpy((void *)&b->ops, &vcma_dma_ops, sizeof(b->ops));
}
