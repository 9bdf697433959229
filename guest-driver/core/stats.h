/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest counts. Knows nothing of who reads it.
 */
#ifndef VCMA_STATS_H
#define VCMA_STATS_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "hv/abi/virtio_cma.h"

/* Who allocates. */
enum vcma_stats_kind {
	VCMA_STATS_COHERENT,		/* drivers, by the DMA API */
	VCMA_STATS_BULK,		/* drivers, many blocks: one per call and region asked */
	VCMA_STATS_USER,		/* programs: one per buffer */
	VCMA_NR_STATS_KINDS
};

/* Written where it happens, read by sysfs.c and for the host. */
struct vcma_stats {
	atomic64_t allocated_bytes;		/* in blocks */
	atomic64_t coherent_bytes;	/* of these, in whole pages */
	atomic64_t bounce_bytes;	/* of these, as mapped */
	atomic64_t broken_bytes;	/* pages found broken while they were in blocks */
	atomic64_t nr_ok[VCMA_NR_STATS_KINDS];
	atomic64_t nr_failed[VCMA_NR_STATS_KINDS];
	atomic64_t nr_ok_pages;		/* of all of them */
	atomic64_t nr_failed_pages;
	atomic64_t nr_freed_pages;
	atomic64_t nr_coherent_refused;	/* because of memory types */
	atomic64_t nr_map_direct;
	atomic64_t nr_map_bounced;
	atomic64_t nr_map_failed;
	atomic64_t nr_cache_syncs;	/* maintenance by address, for who needs it */
	atomic64_t nr_cache_maintained_blocks;	/* the same, where a mapping begins or ends to be uncached */
	atomic64_t nr_alloc_requests;	/* ALLOC and ALLOC_BULK sent */
	atomic64_t nr_busy_retries;	/* candidates given up for the next one */
	atomic64_t nr_deadline_missed;
	atomic64_t nr_bulk_blocks;
	/* Allocations of all kinds that took below 2^i us; the last one: the rest, too. */
	atomic64_t alloc_us_log2[VIRTIO_CMA_NR_LATENCIES];
};

/* What client/poison.c keeps in a region. */
struct vcma_poison {
	struct xarray seen;		/* by page frame number */
	unsigned long looked_at;	/* jiffies */
};

/* What report.c keeps in a region. */
struct vcma_report {
	struct delayed_work work;
	/* Of the work alone. */
	struct virtio_cma_guest_counters sent;
	unsigned long sent_at;		/* jiffies */
};

/**
 * vcma_stats_alloc() - count an allocation that has ended. Once for each, by whoever was
 * asked for it.
 * @pages: it got, or did not get
 * @err: 0 or why it failed
 * @us: how long it took, in microseconds
 */
void vcma_stats_alloc(struct vcma_stats *stats, enum vcma_stats_kind kind, u64 pages, int err,
		      u64 us);

#endif /* VCMA_STATS_H */
