/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The requests of the wire contract as C functions, in host byte order. Every
 * length, count and reserved field of a response is checked here; whether the
 * values make sense for the region is for the caller to judge.
 *
 * All may sleep, allocate with GFP_NOIO only (a client can be the disk that
 * memory is reclaimed to), and return 0 or a negative errno: the one the status
 * table gives for the host's refusal, -EPROTO for an answer outside the contract
 * (the region is dead then), -EAGAIN (suspended), or what the transport returned (after
 * -ETIMEDOUT the region is dead, too). Out-parameters are untouched on
 * failure.
 */
#ifndef VCMA_REQUEST_H
#define VCMA_REQUEST_H

#include <linux/types.h>

#include "hv/abi/virtio_cma.h"

struct hvcma_dma_windows;
struct vcma_region;
struct vcma_constraints;

/* A block, as the host describes it. */
struct vcma_block_desc {
	u64 base_gpa;
	u64 base_dma;
	u64 bytes;
	u32 attr;		/* VIRTIO_CMA_ATTR_* */
};

/* What the memory of a claimed client needs. */
struct vcma_claim {
	u32 attr;		/* VIRTIO_CMA_ATTR_*: how to map it */
	u32 maint;		/* VIRTIO_CMA_MAINT_*, known ones only */
	u32 effective;		/* VIRTIO_CMA_TYPE_*, may be unknown here */
	u32 reason;		/* VIRTIO_CMA_REASON_*, may be unknown here */
};

/**
 * vcma_request_clients() - read @nr entries of the client table, which has them.
 * @clients: filled as on the wire
 */
int vcma_request_clients(struct vcma_region *r, u32 first, u32 nr,
			 struct virtio_cma_client *clients);

/**
 * vcma_request_claim() - the client may become bus master.
 * @coherent: VIRTIO_CMA_COHERENT_*, what the guest knows of its DMA
 * @claim: on -EACCES only @reason is set: why, NONE if not because of memory types
 */
int vcma_request_claim(struct vcma_region *r, u32 client, u32 coherent,
		       struct vcma_claim *claim);

/**
 * vcma_request_windows() - which memory the client reaches, and where on its bus.
 * @windows: checked: as hvcma_dma_windows_set() made it
 * @source: VIRTIO_CMA_SOURCE_*, a known one
 *
 * -EOPNOTSUPP: the host does not tell; then all its clients have the identity.
 */
int vcma_request_windows(struct vcma_region *r, u32 client, struct hvcma_dma_windows *windows,
			 u32 *source);

/** vcma_request_release() - on return 0 the client does no more DMA. */
int vcma_request_release(struct vcma_region *r, u32 client);

/**
 * vcma_request_alloc() - one block in one extent.
 * @hints: where the host looks first, in this order; @nr_hints <= VCMA_MAX_HINTS
 */
#define VCMA_MAX_HINTS	16
int vcma_request_alloc(struct vcma_region *r, const struct vcma_constraints *want,
		       const struct virtio_cma_range *hints, unsigned int nr_hints,
		       struct vcma_block_desc *desc);

/**
 * vcma_request_bulk() - up to @max blocks of @want->bytes each.
 * @nr: 1..@max of @descs are valid; attr is AUTO where the host does not say
 */
int vcma_request_bulk(struct vcma_region *r, const struct vcma_constraints *want,
		      u32 max, struct vcma_block_desc *descs, u32 *nr);

/** vcma_request_free() - free one block to the host. */
int vcma_request_free(struct vcma_region *r, u64 base_gpa, u64 bytes);

/** vcma_request_surrender() - one block, which is isolated, is the host's to give to others. */
int vcma_request_surrender(struct vcma_region *r, u64 base_gpa, u64 bytes);

/** vcma_request_reclaim() - what is surrendered is to be backed again; -ENOBUFS: the host has no pages. */
int vcma_request_reclaim(struct vcma_region *r, u64 base_gpa, u64 bytes);

/**
 * vcma_request_busy() - free a block that could not be isolated.
 * @busy_gpa, @busy_bytes: where; inside the block
 * @why: VIRTIO_CMA_WHY_*
 */
int vcma_request_busy(struct vcma_region *r, u64 base_gpa, u64 bytes,
		      u64 busy_gpa, u64 busy_bytes, u32 why);

/** vcma_request_busy_clear() - these granules are busy no longer. @nr > 0 */
int vcma_request_busy_clear(struct vcma_region *r, const struct virtio_cma_range *ranges,
			    unsigned int nr);

/**
 * vcma_request_extents() - read part of the list of runs of DMA addresses.
 * @extents: room for @max entries, filled as on the wire; each is inside the region,
 * in whole granules
 * @nr, @total: entries filled, entries there are
 */
#define VCMA_EXTENTS_AT_ONCE	512U	/* a good @max for who reads them all */
int vcma_request_extents(struct vcma_region *r, u64 first, u32 max,
			 struct virtio_cma_extent *extents, u32 *nr, u64 *total);

/**
 * vcma_request_ranges() - where a region of mode ram is. Nothing of the answer is judged.
 * @ranges: room for VIRTIO_CMA_MAX_RANGES, filled as on the wire
 */
int vcma_request_ranges(struct vcma_region *r, struct virtio_cma_range *ranges, u32 *nr);

/** vcma_request_report_online() - bit i of @online: granule @first + i is online. */
int vcma_request_report_online(struct vcma_region *r, u64 first, u32 nr,
			       const unsigned long *online);

/**
 * vcma_request_suspend() - wait for all requests under way; on return 0 none is made any more:
 * all get -EAGAIN until vcma_request_resume(). -EOPNOTSUPP: the host would not keep anything.
 */
int vcma_request_suspend(struct vcma_region *r);

/** vcma_request_resume() - after an error nothing of what the region had is pinned. */
int vcma_request_resume(struct vcma_region *r);

/** vcma_request_report() - send the guest's counters. */
int vcma_request_report(struct vcma_region *r,
			const struct virtio_cma_guest_counters *counters);

/** vcma_why_name() - VIRTIO_CMA_WHY_* in a word or two. */
const char *vcma_why_name(u32 why);

#endif /* VCMA_REQUEST_H */
