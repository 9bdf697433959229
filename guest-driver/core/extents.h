/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extents of a region that the host has pinned from the start (VIRTIO_CMA_FLAG_PINNED): where
 * each of its granules is for devices, read once, checked, and constant from then on. So both
 * translations take no lock, count nothing and run in any context.
 *
 * Which devices may use such an address as it is, and how memory reaches them otherwise, is
 * dma/pinned.c's. Addresses are those of blocks (vcma_block.base_dma).
 */
#ifndef VCMA_EXTENTS_H
#define VCMA_EXTENTS_H

#include <linux/limits.h>
#include <linux/types.h>

struct vcma_region;

#define VCMA_NO_EXTENT	U64_MAX

struct vcma_extent {
	u64 base_gpa;
	u64 base_dma;
	u64 bytes;
};

struct vcma_extents {
	u64 base_gpa;			/* of the region, as granule_shift */
	u64 bytes;			/* its span, holes between its ranges included */
	unsigned int granule_shift;
	u64 lowest_dma;			/* of all of it */
	u64 highest_dma;		/* last byte */
	/*
	 * DMA address of each granule: one load whatever the number of extents, where a search
	 * through thousands would cost more than all the rest of a mapping. Of a hole it is
	 * VCMA_NO_EXTENT.
	 */
	u64 *granule_dma;
	/*
	 * What does not cross a multiple of it lies in one extent: a power of two, a granule at
	 * least; 0: there is one.
	 */
	u64 boundary_bytes;
	u32 nr;
	struct vcma_extent by_dma[];	/* nr of them, ordered */
};

/**
 * vcma_extents_read() - ask the host for all extents of @r, whose configuration and ranges are
 * known. May sleep.
 * @out: the table, to be freed by vcma_extents_free()
 *
 * Return: 0; -ENOMEM (the region can be used without); -EPROTO (the answers contradict the
 * contract: logged, the region is dead), or the error of the request.
 */
int vcma_extents_read(struct vcma_region *r, struct vcma_extents **out);

/** vcma_extents_free() - @x may be NULL. */
void vcma_extents_free(struct vcma_extents *x);

/** vcma_extents_is_contiguous() - is [@off, @off + @bytes) of the region one extent's? */
bool vcma_extents_is_contiguous(const struct vcma_extents *x, u64 off, u64 bytes);

/**
 * vcma_extents_dma() - where devices see [@gpa, @gpa + @bytes), @bytes > 0.
 *
 * Return: false if not all of it lies in one extent.
 */
static inline bool vcma_extents_dma(const struct vcma_extents *x, u64 gpa, u64 bytes, u64 *dma)
{
	u64 off = gpa - x->base_gpa, in_granule, at;

	if (off >= x->bytes || bytes > x->bytes - off)
		return false;
	in_granule = off & ((1ULL << x->granule_shift) - 1);
	if (in_granule + bytes > 1ULL << x->granule_shift &&
	    !vcma_extents_is_contiguous(x, off, bytes))
		return false;
	at = x->granule_dma[off >> x->granule_shift];
	*dma = at + in_granule;
	return at != VCMA_NO_EXTENT;
}

/**
 * vcma_extents_gpa() - what devices see at [@dma, @dma + @bytes), @bytes > 0.
 *
 * Return: false if not all of it lies in one extent.
 */
bool vcma_extents_gpa(const struct vcma_extents *x, u64 dma, u64 bytes, u64 *gpa);

#endif /* VCMA_EXTENTS_H */
