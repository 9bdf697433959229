/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_cma for other kernel modules: many blocks of memory for a device in one call.
 * Everything else such a module needs is the DMA API.
 *
 * Blocks are contiguous for the device and for the CPU. They are the caller's until
 * vcma_free_bulk(), at the latest from its remove(): memory that a driver leaves behind is
 * freed once the device is quiesced. Blocks need no dma_map_*(): they have their
 * addresses, and a device that is not cache coherent is given uncached memory.
 */
#ifndef LINUX_VCMA_H
#define LINUX_VCMA_H

#include <linux/types.h>

struct device;
struct page;

/* vcma_bulk_request.flags */
#define VCMA_BULK_REQ_FAST	0x1	/* only what can be had at once: nothing is migrated */
#define VCMA_BULK_REQ_ZERO	0x2	/* cleared; else the contents are undefined */

struct vcma_bulk_request {
	unsigned int order;		/* of each block: PAGE_SIZE << order bytes */
	unsigned int nr;		/* blocks, > 0 */
	unsigned int flags;		/* VCMA_BULK_REQ_* */
	unsigned int timeout_ms;	/* 0: no limit */
	const char *kind;		/* as in the client table; NULL: "coherent" */
};

struct vcma_bulk_block {
	dma_addr_t dma;
	phys_addr_t phys;
	void *cpu;
	struct page *page;		/* the first; NULL in private regions */
};

/* Why memory could not be had */
enum vcma_bulk_why {
	VCMA_BULK_BUSY,			/* somebody uses it in passing */
	VCMA_BULK_PINNED,		/* extra references: DMA, O_DIRECT, vmsplice */
	VCMA_BULK_UNMOVABLE,
	VCMA_BULK_NO_ROOM,		/* nothing free to migrate into */
};

struct vcma_bulk_range {
	phys_addr_t phys;
	u64 bytes;
	enum vcma_bulk_why why;
};

/**
 * vcma_alloc_bulk() - get up to @req->nr blocks for @dev. May sleep.
 * @dev: a device served by virtio_cma, with its driver bound or in probe()
 * @blocks: room for @req->nr blocks; ordered for the quickest vcma_free_bulk()
 * @nr_got: out: how many were got, also on failure (0)
 * @busy: room for *@nr_busy ranges that could not be isolated; or NULL
 * @nr_busy: in: room; out: filled, the first ones met, also on failure; or NULL
 *
 * The regions of the device are asked in their fallback order. Blocks are naturally
 * aligned, as far as dma_alloc_coherent() aligns, and lie below the device's
 * coherent_dma_mask.
 *
 * Return: 0 if any came; -ENODEV (the device is not served), -EINVAL, -EOPNOTSUPP
 * (the memory type would be wrong for the device), -ENOSPC, -ENOMEM, -ERANGE,
 * -ETIMEDOUT, -EBUSY (what is left can't be isolated), -ENOBUFS (the host is out of
 * hugepages), -EDQUOT (the host's pin limit, or that of the parameter "regions"),
 * -EINTR (the process is being killed), -EIO (the region is dead, or the host failed).
 */
int vcma_alloc_bulk(struct device *dev, const struct vcma_bulk_request *req,
		    struct vcma_bulk_block *blocks, unsigned int *nr_got,
		    struct vcma_bulk_range *busy, unsigned int *nr_busy);

/**
 * vcma_free_bulk() - free blocks of one order, of any calls. May sleep. What
 * is not such a block of @dev is a WARN, and left alone.
 */
void vcma_free_bulk(struct device *dev, const struct vcma_bulk_block *blocks, unsigned int nr,
		    unsigned int order);

#endif /* LINUX_VCMA_H */
