/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers of a region as dma-bufs.
 *
 * A client of the region gets the addresses that the memory has on its bus, without a
 * copy. Other devices can attach if the region has struct pages: to them it is ordinary
 * memory. The CPU's mappings are made page by page, so that they can be taken away.
 */
#ifndef VCMA_DMABUF_H
#define VCMA_DMABUF_H

#include <linux/ktime.h>
#include <linux/types.h>

#include "core/mode.h"

struct dma_buf;
struct vcma_bulk_busy;
struct vcma_region;
struct vcma_user;

struct vcma_buffer_constraints {
	u64 block_bytes;	/* of one block: whole pages */
	u64 align_bytes;	/* of its device address; 0 or a power of two */
	u64 max_dma;
	u32 nr_blocks;		/* > 0 */
	unsigned int flags;	/* VCMA_* */
	unsigned int fd_flags;	/* O_ACCMODE is the dma-buf's mode */
	enum vcma_attr attr;
	ktime_t deadline;	/* 0: none */
};

/**
 * vcma_buffer_create() - a cleared buffer, of as many blocks as could be had, one at least;
 * dma_buf.size tells. Caller holds u->region_sem.
 * @out: one reference, for the caller to put or to install
 * @busy, @nr_busy: as of vcma_bulk_alloc(), written for buffers up to a granule per block
 *
 * Return: 0, -EDQUOT (the limit), or the errors of vcma_block_alloc() or vcma_bulk_alloc().
 */
int vcma_buffer_create(struct vcma_user *u, struct vcma_region *r,
		       const struct vcma_buffer_constraints *want, struct dma_buf **out,
		       struct vcma_bulk_busy *busy, u32 *nr_busy);

/**
 * vcma_buffers_revoke() - free the memory of all buffers that are idle: programs that have
 * them mapped get SIGBUS. Caller holds @u->lock.
 * @owner: room for 32 bytes; who has a buffer that is not idle
 *
 * Return: buffers that are not idle.
 */
unsigned int vcma_buffers_revoke(struct vcma_user *u, char *owner);

#endif /* VCMA_DMABUF_H */
