/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernel versions this driver builds for, each as one
 * function with one meaning. No other file looks at LINUX_VERSION_CODE.
 */
#ifndef VCMA_COMPAT_H
#define VCMA_COMPAT_H

#include <linux/cc_platform.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/iommu-dma.h>
#endif
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#ifndef CONFIG_64BIT
#error "virtio_cma bounces through the linear map of all RAM: 64-bit kernels only"
#endif

/* What devices have of their own, by the options' names up to 6.11 and since. */
#if !defined(CONFIG_DMA_OPS) && !defined(CONFIG_ARCH_HAS_DMA_OPS)
#error "virtio_cma serves devices by DMA operations of their own: this kernel is built without dev->dma_ops"
#endif

struct vcma_vq_spec {
	const char *name;
	vq_callback_t *callback;
};

#define VCMA_MAX_VQS	4

/* Find @nr <= VCMA_MAX_VQS virtqueues. */
static inline int vcma_find_vqs(struct virtio_device *vdev, unsigned int nr,
				struct virtqueue *vqs[],
				const struct vcma_vq_spec *specs)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	struct virtqueue_info infos[VCMA_MAX_VQS] = {};
	unsigned int i;

	for (i = 0; i < nr; i++) {
		infos[i].name = specs[i].name;
		infos[i].callback = specs[i].callback;
	}
	return virtio_find_vqs(vdev, nr, vqs, infos, NULL);
#else
	vq_callback_t *callbacks[VCMA_MAX_VQS];
	const char *names[VCMA_MAX_VQS];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		names[i] = specs[i].name;
		callbacks[i] = specs[i].callback;
	}
	return virtio_find_vqs(vdev, nr, vqs, callbacks, names, NULL);
#endif
}

/*
 * Does an IOMMU driver serve this device's DMA without setting dev->dma_ops?
 * (Up to 6.11 it set them.)
 */
static inline bool vcma_dev_has_iommu_dma(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return use_dma_iommu(dev);
#else
	return false;
#endif
}

/* Is memory that devices can use other memory than the kernel's own? */
static inline bool vcma_guest_is_encrypted(void)
{
	return cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT);
}

/*
 * Since 6.10 the DMA API skips dma_sync_*() for a device that once bounced
 * nothing, and asks again only in dma_set_mask(), which a driver need not call.
 */
static inline void vcma_dev_need_dma_sync(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	dev_clear_dma_skip_sync(dev);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0) && IS_ENABLED(CONFIG_DMA_NEED_SYNC)
	dev->dma_skip_sync = false;
#endif
}

/* struct dma_map_ops: a member's name. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vcma_op_alloc_pages	alloc_pages_op
#else
#define vcma_op_alloc_pages	alloc_pages
#endif

/* struct dma_map_ops: since 6.19 single mappings are of physical addresses. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define VCMA_DMA_OPS_BY_PHYS
#endif

/* Mappings that can't be bounced: not of RAM, or of what both sides use at once. */
#ifdef DMA_ATTR_MMIO
#define VCMA_DMA_ATTR_MMIO	DMA_ATTR_MMIO
#else
#define VCMA_DMA_ATTR_MMIO	0UL
#endif
#ifdef DMA_ATTR_REQUIRE_COHERENT
#define VCMA_DMA_ATTR_REQUIRE_COHERENT	DMA_ATTR_REQUIRE_COHERENT
#else
#define VCMA_DMA_ATTR_REQUIRE_COHERENT	0UL
#endif

/* Get [@pfn, @end) out of the page allocator. */
static inline int vcma_alloc_contig(unsigned long pfn, unsigned long end, gfp_t gfp)
{
#ifdef ACR_FLAGS_NONE
	return alloc_contig_range(pfn, end, ACR_FLAGS_NONE, gfp);
#else
	return alloc_contig_range(pfn, end, MIGRATE_MOVABLE, gfp);
#endif
}

/*
 * Is what the page allocator gives out zero? So it promises with init_on_alloc, also for
 * ranges. With init_on_free, what was never freed is not. Elsewhere the zeroes may still be in
 * the caches when an uncached mapping shows what is below: there nobody writes them back.
 */
static inline bool vcma_pages_come_zeroed(void)
{
	return (IS_ENABLED(CONFIG_X86) || IS_ENABLED(CONFIG_ARM64)) &&
	       want_init_on_alloc(GFP_KERNEL) && !want_init_on_free();
}

/* Up to 6.10 taking memory offline counts PageOffline() pages as managed ones. */
static inline bool vcma_offlining_counts_fake_offline_pages(void)
{
	return LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0);
}

/* How often is it mapped? Return: false if this kernel doesn't tell modules. */
static inline bool vcma_folio_users(struct folio *folio, int *users)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	*users = folio_mapcount(folio);
#else
	if (folio_test_large(folio))
		return false;
	*users = page_mapcount(folio_page(folio, 0));
#endif
	return true;
}

/* A shrinker with a pointer of its owner's. */
typedef unsigned long vcma_shrinker_func_t(struct shrinker *, struct shrink_control *);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline void *vcma_shrinker_private(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

static inline struct shrinker *vcma_shrinker_register(vcma_shrinker_func_t *count,
						      vcma_shrinker_func_t *scan,
						      void *private, const char *name)
{
	struct shrinker *shrinker = shrinker_alloc(0, "vcma-%s", name);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->private_data = private;
	shrinker_register(shrinker);
	return shrinker;
}

static inline void vcma_shrinker_unregister(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#else
struct vcma_shrinker {
	struct shrinker shrinker;
	void *private;
};

static inline void *vcma_shrinker_private(struct shrinker *shrinker)
{
	return container_of(shrinker, struct vcma_shrinker, shrinker)->private;
}

static inline struct shrinker *vcma_shrinker_register(vcma_shrinker_func_t *count,
						      vcma_shrinker_func_t *scan,
						      void *private, const char *name)
{
	struct vcma_shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->shrinker.count_objects = count;
	s->shrinker.scan_objects = scan;
	s->shrinker.seeks = DEFAULT_SEEKS;
	s->private = private;
	if (register_shrinker(&s->shrinker, "vcma-%s", name)) {
		kfree(s);
		return NULL;
	}
	return &s->shrinker;
}

static inline void vcma_shrinker_unregister(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(container_of(shrinker, struct vcma_shrinker, shrinker));
}
#endif

static inline void vcma_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/* Since 6.13 the namespace is a string. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define VCMA_IMPORT_DMA_BUF	MODULE_IMPORT_NS("DMA_BUF")
#else
#define VCMA_IMPORT_DMA_BUF	MODULE_IMPORT_NS(DMA_BUF)
#endif

/* Trace events: since 6.10 the source of a string is named once, in __string(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vcma_assign_str(field, source)	__assign_str(field)
#else
#define vcma_assign_str(field, source)	__assign_str(field, source)
#endif

#endif /* VCMA_COMPAT_H */
