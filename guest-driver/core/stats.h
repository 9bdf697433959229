/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest counts. Knows nothing of who reads it.
 */
#ifndef VCMA_STATS_H
#define VCMA_STATS_H

#include <linux/atomic.h>
#include <linux/percpu.h>
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

/* What is counted at every mapping: by each CPU for itself, so that none waits for another's cache. */
enum vcma_stats_map {
	VCMA_STATS_DIRECT,		/* mappings without copy, so far */
	VCMA_STATS_BOUNCED,		/* copied ones, so far */
	VCMA_STATS_BOUNCE_BYTES,	/* copied ones that there are, as mapped */
	VCMA_NR_STATS_MAPS
};

struct vcma_stats_maps {
	s64 of[VCMA_NR_STATS_MAPS];
};

/* Written where it happens, read by sysfs.c and for the host. */
struct vcma_stats {
	struct vcma_stats_maps __percpu *maps;
	atomic64_t allocated_bytes;		/* in blocks */
	atomic64_t coherent_bytes;	/* of these, in whole pages */
	atomic64_t broken_bytes;	/* pages found broken while devices could have them */
	atomic64_t nr_ok[VCMA_NR_STATS_KINDS];
	atomic64_t nr_failed[VCMA_NR_STATS_KINDS];
	atomic64_t nr_ok_pages;		/* of all of them */
	atomic64_t nr_failed_pages;
	atomic64_t nr_freed_pages;
	atomic64_t nr_coherent_refused;	/* because of memory types */
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
	unsigned long next;		/* page of a region that is pinned from the start */
};

/* What report.c keeps in a region. */
struct vcma_report {
	struct delayed_work work;
	/* Of the work alone. */
	struct virtio_cma_guest_counters sent;
	unsigned long sent_at;		/* jiffies */
};

/** vcma_stats_init() - all 0. Return: 0 or -ENOMEM. */
int vcma_stats_init(struct vcma_stats *stats);
void vcma_stats_destroy(struct vcma_stats *stats);

/** vcma_stats_map() - count @change more of @what. */
static inline void vcma_stats_map(struct vcma_stats *stats, enum vcma_stats_map what, s64 change)
{
	this_cpu_add(stats->maps->of[what], change);
}

/** vcma_stats_mapped() - what all CPUs have counted; exact once they are done. */
s64 vcma_stats_mapped(const struct vcma_stats *stats, enum vcma_stats_map what);

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
