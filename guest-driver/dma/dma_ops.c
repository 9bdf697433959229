// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct dma_map_ops for bound devices: sources, address limits, scatterlists, and the
 * shape of the API; the work is done in coherent.c, pinned.c, direct.c and bounce.c.
 *
 * Left out, because what the DMA API does without is right:
 *	alloc_noncontiguous	takes contiguous pages of alloc_pages: one DMA segment is
 *				promised, and nothing here joins pages that are apart
 *	get_merge_boundary	no segments are joined
 *	opt_mapping_size	no size costs more than its bytes: the longest is best
 * Peer-to-peer pages are refused, and that is why flags lacks DMA_F_PCI_P2PDMA_SUPPORTED.
 *
 * Locks: none here: a device's binding and its clients stay while its driver is bound (client/binding.h).
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/ioport.h>
#include <linux/memremap.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/scatterlist.h>
#include <linux/string.h>

#include "bounce.h"
#include "bulk.h"
#include "client/attr.h"
#include "client/binding.h"
#include "client/client.h"
#include "client/windows.h"
#include "coherent.h"
#include "compat/compat.h"
#include "core/extents.h"
#include "core/mode.h"
#include "core/region.h"
#include "core/trace.h"
#include "direct.h"
#include "dma_ops.h"
#include "pinned.h"

/* Highest bus address for @mask, as the device and the bus above it allow; 0: none. */
static u64 vcma_max_dma(struct device *dev, u64 mask)
{
	return dev->bus_dma_limit ? min(mask, dev->bus_dma_limit) : mask;
}

/* Return: is @max_dma below all memory that is known? Then the log says so, once. */
static bool vcma_is_out_of_reach(struct device *dev, u64 max_dma)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	u64 lowest = U64_MAX;
	struct vcma_client *c;
	unsigned int i = 0;

	while ((c = vcma_binding_next_claimed(b, &i)))
		lowest = min(lowest, c->windows ? vcma_windows_lowest(c) :
						  READ_ONCE(c->region->lowest_dma));
	if (lowest == U64_MAX || max_dma >= lowest)
		return false;
	if (!test_and_set_bit(VCMA_BINDING_WARNED_REACH, &b->warned))
		dev_err(dev, "virtio_cma: no memory is in reach: mask %#llx, lowest address %#llx\n",
			max_dma, lowest);
	return true;
}

static void vcma_warn_no_memory(struct device *dev, size_t size, u64 max_dma, gfp_t gfp)
{
	if (gfp & __GFP_NOWARN || vcma_is_out_of_reach(dev, max_dma))
		return;
	dev_warn_ratelimited(dev, "virtio_cma: no %zu bytes at or below %#llx%s\n", size,
			     max_dma, gfpflags_allow_blocking(gfp) ? "" : " (atomic)");
}

/*
 * Memory is always contiguous, mapped, zeroed and of one type, whatever @attrs say; they
 * are wishes for less.
 */
static void *vcma_dma_alloc(struct device *dev, size_t size, dma_addr_t *dma, gfp_t gfp,
			    unsigned long attrs)
{
	u64 max_dma = vcma_max_dma(dev, dev->coherent_dma_mask);
	struct vcma_binding *b = vcma_binding_of(dev);
	bool refused = false;
	struct vcma_client *c;
	void *cpu = NULL;
	unsigned int i;

	for (i = 0; !cpu && (c = vcma_binding_source(b, VCMA_KIND_COHERENT, i)); i++) {
		if (vcma_attr_refuses_coherent(c)) {
			refused = true;
			continue;
		}
		cpu = vcma_coherent_alloc(c, c->attr, size, max_dma, gfp, dma);
		if (!cpu)
			dev_dbg_ratelimited(dev, "virtio_cma: source %u, region %s, has no %zu bytes at or below %#llx\n",
					    i, c->region->name, size, max_dma);
	}
	if (!cpu && !refused && !(attrs & DMA_ATTR_NO_WARN))
		vcma_warn_no_memory(dev, size, max_dma, gfp);
	return cpu;
}

/*
 * What a device was given is known by the client that it came from, and there may be several
 * in the region where it lies: all are asked. If none knows it, it is not ours to free.
 * Return: does it not even lie in a region? Then the driver was told.
 */
static bool vcma_dma_is_nowhere(struct device *dev, dma_addr_t dma)
{
	return dev_WARN_ONCE(dev, !vcma_binding_by_dma(vcma_binding_of(dev), dma),
			     "frees, unmaps or syncs %pad, which is in no region\n", &dma);
}

static void vcma_dma_free(struct device *dev, size_t size, void *cpu, dma_addr_t dma,
			  unsigned long attrs)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (vcma_coherent_free(c, size, dma))
			return;
	}
	dev_WARN_ONCE(dev, !vcma_dma_is_nowhere(dev, dma),
		      "frees %#zx bytes at %pad, where nothing of its own begins\n", size, &dma);
}

static int vcma_dma_mmap(struct device *dev, struct vm_area_struct *vma, void *cpu,
			 dma_addr_t dma, size_t size, unsigned long attrs)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;
	int err = -ENXIO;

	while (err == -ENXIO && (c = vcma_binding_next_claimed(b, &i)))
		err = vcma_coherent_mmap(c, vma, dma, size);
	return err;
}

static int vcma_dma_get_sgtable(struct device *dev, struct sg_table *sgt, void *cpu,
				dma_addr_t dma, size_t size, unsigned long attrs)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;
	int err = -ENXIO;

	while (err == -ENXIO && (c = vcma_binding_next_claimed(b, &i)))
		err = vcma_coherent_sgtable(c, sgt, dma, size);
	return err;
}

/* Pages that the driver syncs itself: cacheable, with an address in the linear map. */
static struct page *vcma_dma_alloc_pages(struct device *dev, size_t size, dma_addr_t *dma,
					 enum dma_data_direction dir, gfp_t gfp)
{
	u64 max_dma = vcma_max_dma(dev, dev->coherent_dma_mask);
	struct vcma_binding *b = vcma_binding_of(dev);
	bool any_pages = false;
	struct vcma_client *c;
	unsigned int i;
	void *cpu;

	for (i = 0; (c = vcma_binding_source(b, VCMA_KIND_COHERENT, i)); i++) {
		if (!c->region->mode->has_pages) {
			if (!test_and_set_bit(VCMA_WARNED_NO_PAGES, &c->warned))
				dev_info(dev, "region %s: %s, its memory has no struct pages to allocate\n",
					 c->region->name, c->region->mode->name);
			continue;
		}
		any_pages = true;
		cpu = vcma_coherent_alloc(c, VCMA_CACHED, size, max_dma, gfp, dma);
		if (cpu)
			return virt_to_page(cpu);
	}
	if (any_pages)
		vcma_warn_no_memory(dev, size, max_dma, gfp);
	return NULL;
}

static void vcma_dma_free_pages(struct device *dev, size_t size, struct page *page,
				dma_addr_t dma, enum dma_data_direction dir)
{
	vcma_dma_free(dev, size, NULL, dma, 0);
}

/*
 * Memory that is pinned, as it is: all of the region, or allocated blocks of it. In the former
 * records are the dma-bufs' alone, which find their mappings by them.
 */
static dma_addr_t vcma_dma_map_as_is(struct vcma_client *c, phys_addr_t phys, size_t size,
				     u64 max_dma, enum dma_data_direction dir, unsigned long attrs)
{
	if (c->region->extents)
		return vcma_pinned_map(c, phys, size, max_dma, dir, attrs);
	return vcma_direct_map(c, phys, size, max_dma, dir, attrs);
}

/* Return: is it a mapping that was recorded? */
static bool vcma_dma_unmap_recorded(struct vcma_client *c, dma_addr_t dma, size_t size,
				    enum dma_data_direction dir, unsigned long attrs)
{
	return !c->region->extents && vcma_direct_unmap(c, dma, size, dir, attrs);
}

static bool vcma_dma_unmap_pinned(struct device *dev, dma_addr_t dma, size_t size,
				  enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (vcma_pinned_unmap(c, dma, size, dir, attrs))
			return true;
	}
	return false;
}

/* Pinned memory as it is; whoever of the clients has it. */
static dma_addr_t vcma_dma_map_direct(struct device *dev, phys_addr_t phys, size_t size,
				      enum dma_data_direction dir, unsigned long attrs)
{
	u64 max_dma = vcma_max_dma(dev, dma_get_mask(dev));
	struct vcma_binding *b = vcma_binding_of(dev);
	dma_addr_t dma = DMA_MAPPING_ERROR;
	struct vcma_client *c;
	unsigned int i = 0;

	while (dma == DMA_MAPPING_ERROR && (c = vcma_binding_next_claimed(b, &i)))
		dma = vcma_dma_map_as_is(c, phys, size, max_dma, dir, attrs);
	return dma;
}

/* What is mapped by an addition. Traced mappings are the general case. */
static __always_inline bool vcma_dma_map_fast(struct device *dev, phys_addr_t phys, size_t size,
					      dma_addr_t *dma)
{
	const struct vcma_fast *f = &vcma_binding_of(dev)->fast;

	if (trace_vcma_direct_map_enabled() ||
	    !vcma_fast_map(f, phys, size, vcma_max_dma(dev, dma_get_mask(dev)),
			   dma_get_min_align_mask(dev), dma))
		return false;
	this_cpu_inc(*f->nr_mapped);
	return true;
}

/* Is there nothing to undo? What is far from all mappings is looked at, and reported. */
static __always_inline bool vcma_dma_unmap_fast(struct device *dev, dma_addr_t dma)
{
	return vcma_fast_may_have(&vcma_binding_of(dev)->fast, dma) &&
	       !trace_vcma_direct_unmap_enabled();
}

/*
 * Has the device the guest's RAM for a region, and is this RAM beside it, plugged later? Then
 * somebody has given the guest memory that its devices must not have; that is told, once. Where
 * there is such RAM from the start it is copied.
 */
static bool vcma_dma_is_beside_ram(struct device *dev, phys_addr_t phys, size_t size)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c, *ram = NULL;
	unsigned int i = 0;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (size && vcma_region_has(c->region, phys, size))
			return false;
		if (c->region->mode->is_ram && !c->region->transport->has_ram_beside)
			ram = c;
	}
	if (ram && !test_and_set_bit(VCMA_BINDING_WARNED_BESIDE, &b->warned))
		dev_err(dev, "region %s is all the RAM that devices can be given, %llu bytes: memory at %pap, plugged beside it, is refused\n",
			ram->region->name, ram->region->bytes, &phys);
	return ram;
}

/* All streaming mappings of RAM, which has struct pages, however the API names them. */
static noinline dma_addr_t vcma_dma_map_any(struct device *dev, phys_addr_t phys, size_t size,
					    enum dma_data_direction dir, unsigned long attrs)
{
	u64 max_dma = vcma_max_dma(dev, dma_get_mask(dev));
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i;
	dma_addr_t dma;

	if (is_pci_p2pdma_page(pfn_to_page(PHYS_PFN(phys))))
		return DMA_MAPPING_ERROR;
	dma = vcma_dma_map_direct(dev, phys, size, dir, attrs);
	/* A copy is not what both sides use at once. */
	if (attrs & VCMA_DMA_ATTR_REQUIRE_COHERENT)
		return dma;
	if (dma == DMA_MAPPING_ERROR && vcma_dma_is_beside_ram(dev, phys, size))
		return dma;
	if (dma == DMA_MAPPING_ERROR)
		dev_dbg_ratelimited(dev, "virtio_cma: %#llx+%#zx is not mapped as it is: copied\n",
				    (u64)phys, size);
	for (i = 0; dma == DMA_MAPPING_ERROR &&
	     (c = vcma_binding_source(b, VCMA_KIND_STREAMING, i)); i++)
		dma = vcma_bounce_map(c, phys, size, max_dma);
	return dma;
}

static __always_inline dma_addr_t vcma_dma_map_ram(struct device *dev, phys_addr_t phys, size_t size,
						   enum dma_data_direction dir, unsigned long attrs)
{
	dma_addr_t dma;

	return vcma_dma_map_fast(dev, phys, size, &dma) ? dma :
							  vcma_dma_map_any(dev, phys, size, dir, attrs);
}

static noinline void vcma_dma_unmap_any(struct device *dev, dma_addr_t dma, size_t size,
					enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (vcma_dma_unmap_recorded(c, dma, size, dir, attrs) ||
		    vcma_bounce_unmap(c, dma, size, dir, attrs))
			return;
	}
	/* Not before: bounce buffers lie in such regions, too. */
	if (vcma_dma_unmap_pinned(dev, dma, size, dir, attrs))
		return;
	dev_WARN_ONCE(dev, !vcma_dma_is_nowhere(dev, dma),
		      "unmaps %#zx bytes at %pad, which it has not mapped\n", size, &dma);
}

static void vcma_dma_unmap_ram(struct device *dev, dma_addr_t dma, size_t size,
			       enum dma_data_direction dir, unsigned long attrs)
{
	if (!vcma_dma_unmap_fast(dev, dma))
		vcma_dma_unmap_any(dev, dma, size, dir, attrs);
}

/* Is it no RAM for this guest, though the region has that address? */
static bool vcma_dma_is_over_ram(const struct vcma_binding *b, phys_addr_t phys)
{
	struct vcma_client *c;
	unsigned int i = 0;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (c->region->mode->is_ram && vcma_region_has(c->region, phys, 1))
			return !page_is_ram(PHYS_PFN(phys));
	}
	return false;
}

/*
 * Memory without struct pages of an allocated block, or registers of a device. Where those are
 * on the bus is known if DMA addresses are guest-physical, as all addresses of emulated
 * devices are; else it is not, and no guess is made.
 */
static dma_addr_t vcma_dma_map_resource(struct device *dev, phys_addr_t phys, size_t size,
					enum dma_data_direction dir, unsigned long attrs)
{
	u64 max_dma = vcma_max_dma(dev, dma_get_mask(dev));
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;
	dma_addr_t dma;

	/* On x86 there are registers at addresses that are the region's, too, as of VGA. */
	if (!vcma_dma_is_over_ram(b, phys)) {
		dma = vcma_dma_map_direct(dev, phys, size, dir, attrs);
		if (dma != DMA_MAPPING_ERROR)
			return dma;
	}
	if (!size || phys > max_dma || size - 1 > max_dma - phys ||
	    !vcma_binding_is_claimed(b))
		return DMA_MAPPING_ERROR;
	/* RAM that is not allocated can be anywhere for the device, and the host can move it. */
	if (page_is_ram(PHYS_PFN(phys)) || page_is_ram(PHYS_PFN(phys + size - 1)))
		return DMA_MAPPING_ERROR;
	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (!(c->region->flags & VIRTIO_CMA_FLAG_HPA) && !c->windows)
			continue;
		atomic64_inc(&c->region->stats.nr_map_failed);
		if (!test_and_set_bit(VCMA_WARNED_NO_RESOURCE, &c->warned))
			dev_info(dev, "region %s: addresses are host-physical: no mapping of registers at %pap, whose address on the bus is unknown\n",
				 c->region->name, &phys);
		return DMA_MAPPING_ERROR;
	}
	return phys;
}

static void vcma_dma_unmap_resource(struct device *dev, dma_addr_t dma, size_t size,
				    enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;

	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (vcma_dma_unmap_recorded(c, dma, size, dir, attrs))
			return;
	}
	vcma_dma_unmap_pinned(dev, dma, size, dir, attrs);
}

#ifdef VCMA_DMA_OPS_BY_PHYS
static dma_addr_t vcma_dma_map_phys(struct device *dev, phys_addr_t phys, size_t size,
				    enum dma_data_direction dir, unsigned long attrs)
{
	if (attrs & DMA_ATTR_MMIO)
		return vcma_dma_map_resource(dev, phys, size, dir, attrs);
	/* Nothing to copy from where the linear map ends. */
	if (!pfn_valid(PHYS_PFN(phys)))
		return vcma_dma_map_direct(dev, phys, size, dir, attrs);
	return vcma_dma_map_ram(dev, phys, size, dir, attrs);
}

static void vcma_dma_unmap_phys(struct device *dev, dma_addr_t dma, size_t size,
				enum dma_data_direction dir, unsigned long attrs)
{
	if (attrs & DMA_ATTR_MMIO)
		vcma_dma_unmap_resource(dev, dma, size, dir, attrs);
	else
		vcma_dma_unmap_ram(dev, dma, size, dir, attrs);
}
#else
static dma_addr_t vcma_dma_map_page(struct device *dev, struct page *page,
				    unsigned long offset, size_t size,
				    enum dma_data_direction dir, unsigned long attrs)
{
	return vcma_dma_map_ram(dev, page_to_phys(page) + offset, size, dir, attrs);
}
#endif

static void vcma_dma_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
			      enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		/* While no mapping is a copy all of them are alike. */
		if (sg_dma_len(sg) && vcma_dma_unmap_fast(dev, sg_dma_address(sg)))
			return;
		if (sg_dma_len(sg))
			vcma_dma_unmap_any(dev, sg_dma_address(sg), sg_dma_len(sg), dir, attrs);
	}
}

/* Why a segment could not be mapped: is it a matter of waiting for memory? */
static int vcma_dma_sg_error(struct device *dev, struct scatterlist *sg)
{
	const struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i;

	if (vcma_dma_is_beside_ram(dev, sg_phys(sg), sg->length))
		return -EIO;
	for (i = 0; (c = vcma_binding_source(b, VCMA_KIND_STREAMING, i)); i++) {
		if (vcma_bounce_may_fit(c, sg_phys(sg), sg->length))
			return -ENOMEM;
	}
	return -EIO;
}

/*
 * A dma-buf made of a file's pages (udmabuf, GEM objects in shmem), whose exporter says that it
 * syncs, and does, but not the copies that importers work on. Who else has pages of files syncs by
 * mapping and unmapping.
 */
static bool vcma_is_unsynced(struct page *page, unsigned long attrs)
{
	struct folio *folio;

	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		return false;
	folio = page_folio(page);
	return !folio_test_anon(folio) && folio_mapping(folio);
}

/* As it is, or not at all. */
static dma_addr_t vcma_dma_map_unsynced(struct device *dev, phys_addr_t phys, size_t size,
					enum dma_data_direction dir, unsigned long attrs)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	dma_addr_t dma = vcma_dma_map_direct(dev, phys, size, dir, attrs);

	if (dma == DMA_MAPPING_ERROR && !test_and_set_bit(VCMA_BINDING_WARNED_UNSYNCED, &b->warned))
		dev_err(dev, "virtio_cma: a buffer of a file's pages is refused: the device can't reach them, and nobody syncs copies\n");
	return dma;
}

/*
 * The rest of a list, from number @i on, which is @sg. Elements without bytes are as good as the
 * others, and mapped where no memory is: there are devices to which a length of 0 is the longest.
 */
static noinline int vcma_dma_map_sg_any(struct device *dev, struct scatterlist *sgl, int nents,
					struct scatterlist *sg, int i,
					enum dma_data_direction dir, unsigned long attrs)
{
	bool unsynced;
	int err;

	for (; i < nents; i++, sg = sg_next(sg)) {
		sg->dma_address = DMA_MAPPING_ERROR;
		sg_dma_len(sg) = sg->length;
		if (!sg->length)
			continue;
		err = -EREMOTEIO;
		if (is_pci_p2pdma_page(sg_page(sg)))
			goto unmap;
		unsynced = vcma_is_unsynced(sg_page(sg), attrs);
		if (unsynced)
			sg->dma_address = vcma_dma_map_unsynced(dev, sg_phys(sg), sg->length,
								dir, attrs);
		else
			sg->dma_address = vcma_dma_map_ram(dev, sg_phys(sg), sg->length, dir,
							   attrs);
		if (sg->dma_address == DMA_MAPPING_ERROR) {
			err = unsynced ? -EIO : vcma_dma_sg_error(dev, sg);
			goto unmap;
		}
	}
	return nents;

unmap:
	vcma_dma_unmap_sg(dev, sgl, i, dir, attrs | DMA_ATTR_SKIP_CPU_SYNC);
	return err;
}

static int vcma_dma_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
			   enum dma_data_direction dir, unsigned long attrs)
{
	const struct vcma_fast *f = &vcma_binding_of(dev)->fast;
	u64 max_dma = vcma_max_dma(dev, dma_get_mask(dev));
	u64 keep = dma_get_min_align_mask(dev);
	struct scatterlist *sg;
	int i = 0;

	if (trace_vcma_direct_map_enabled() || !f->bytes)
		return vcma_dma_map_sg_any(dev, sgl, nents, sgl, 0, dir, attrs);
	for_each_sg(sgl, sg, nents, i) {
		if (!vcma_fast_map(f, sg_phys(sg), sg->length, max_dma, keep, &sg->dma_address))
			break;
		sg_dma_len(sg) = sg->length;
	}
	this_cpu_add(*f->nr_mapped, i);
	return i == nents ? i : vcma_dma_map_sg_any(dev, sgl, nents, sg, i, dir, attrs);
}

static void vcma_dma_sync(struct device *dev, dma_addr_t dma, size_t size,
			  enum dma_data_direction dir, bool for_cpu)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;

	if (vcma_fast_may_have(&b->fast, dma))
		return;
	while ((c = vcma_binding_next_claimed(b, &i))) {
		if (vcma_bounce_sync(c, dma, size, dir, for_cpu))
			return;
	}
	for (i = 0; (c = vcma_binding_next_claimed(b, &i));) {
		if (c->region->extents ? vcma_pinned_sync(c, dma, size, dir, for_cpu) :
					 vcma_direct_sync(c, dma, size, dir, for_cpu))
			return;
	}
	dev_WARN_ONCE(dev, !vcma_dma_is_nowhere(dev, dma),
		      "syncs %#zx bytes at %pad, which it has not mapped\n", size, &dma);
}

static void vcma_dma_sync_for_cpu(struct device *dev, dma_addr_t dma, size_t size,
				  enum dma_data_direction dir)
{
	vcma_dma_sync(dev, dma, size, dir, true);
}

static void vcma_dma_sync_for_device(struct device *dev, dma_addr_t dma, size_t size,
				     enum dma_data_direction dir)
{
	vcma_dma_sync(dev, dma, size, dir, false);
}

static void vcma_dma_sync_sg(struct device *dev, struct scatterlist *sgl, int nents,
			     enum dma_data_direction dir, bool for_cpu)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (sg_dma_len(sg))
			vcma_dma_sync(dev, sg_dma_address(sg), sg_dma_len(sg), dir, for_cpu);
	}
}

static void vcma_dma_sync_sg_for_cpu(struct device *dev, struct scatterlist *sgl, int nents,
				     enum dma_data_direction dir)
{
	vcma_dma_sync_sg(dev, sgl, nents, dir, true);
}

static void vcma_dma_sync_sg_for_device(struct device *dev, struct scatterlist *sgl,
					int nents, enum dma_data_direction dir)
{
	vcma_dma_sync_sg(dev, sgl, nents, dir, false);
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
		err = vcma_pool_reach(&c->pools[c->attr], &c->pool_user, max_dma);
		if (!err)
			vcma_reserve_fill(&c->pool_user, max_dma);
		else
			vcma_region_find_lowest(c->region);
		supported |= !err;
	}
	if (err && !supported && !vcma_is_out_of_reach(dev, max_dma))
		dev_warn(dev, "virtio_cma: no region has anything at or below %#llx: %pe\n",
			 max_dma, ERR_PTR(err));
	return supported;
}

/*
 * Which addresses a driver has to reckon with: exact where all memory is pinned already. Else
 * host-physical ones can be any.
 */
static u64 vcma_dma_get_required_mask(struct device *dev)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	struct vcma_client *c;
	unsigned int i = 0;
	u64 end = 1;

	while ((c = vcma_binding_next_claimed(b, &i)))
		end = max(end, vcma_client_highest(c));
	return DMA_BIT_MASK(fls64(end));
}

/*
 * What may have to be copied is as long as copies in reserve can be. Where the region is all of the
 * guest's RAM, and the device reaches all of it, that is what crosses two extents: nothing, if there
 * is one, and nothing that a disk is asked for (client/disks.h), so that its requests can be longer.
 */
static size_t vcma_dma_max_mapping_size(struct device *dev)
{
	u64 max_dma = vcma_max_dma(dev, dma_get_mask(dev));
	struct vcma_binding *b = vcma_binding_of(dev);
	const struct vcma_fast *f = &b->fast;
	size_t bytes = SIZE_MAX;
	struct vcma_client *c;
	unsigned int i;

	if (f->bytes && f->is_all && f->client->region->mode->is_ram &&
	    f->lowest_bus + f->span_bus - 1 <= max_dma)
		return vcma_client_boundary(f->client) ? f->client->region->granule_bytes / 2 : SIZE_MAX;
	for (i = 0; (c = vcma_binding_source(b, VCMA_KIND_STREAMING, i)); i++)
		bytes = min(bytes, vcma_bounce_max_bytes(c));
	return bytes;
}

const struct dma_map_ops vcma_dma_ops = {
	.alloc = vcma_dma_alloc,
	.free = vcma_dma_free,
	.vcma_op_alloc_pages = vcma_dma_alloc_pages,
	.free_pages = vcma_dma_free_pages,
	.mmap = vcma_dma_mmap,
	.get_sgtable = vcma_dma_get_sgtable,
#ifdef VCMA_DMA_OPS_BY_PHYS
	.map_phys = vcma_dma_map_phys,
	.unmap_phys = vcma_dma_unmap_phys,
#else
	.map_page = vcma_dma_map_page,
	.unmap_page = vcma_dma_unmap_ram,
	.map_resource = vcma_dma_map_resource,
	.unmap_resource = vcma_dma_unmap_resource,
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

/* ---- clients ---- */

static void vcma_dma_client_init(struct vcma_client *c)
{
	vcma_direct_init(&c->direct);
}

static void vcma_dma_client_free_all(struct vcma_client *c)
{
	vcma_direct_forget(c);
	if (c->has_pool)
		vcma_reserve_empty(&c->pool_user);
	vcma_coherent_free_all(c);
	vcma_bulk_free_all(c);
}

const struct vcma_client_ops vcma_dma_client_ops = {
	.init = vcma_dma_client_init,
	.free_all = vcma_dma_client_free_all,
};
