/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest counts, and telling the host about it, once a second while
 * there are clients and something has changed.
 */
#ifndef VCMA_REPORT_H
#define VCMA_REPORT_H

#include <linux/atomic.h>
#include <linux/workqueue.h>

#include "hv/abi/virtio_cma.h"

struct vcma_region;

struct vcma_stats {
	atomic64_t held_bytes;		/* in blocks */
	atomic64_t coherent_bytes;	/* of these, in whole pages */
	atomic64_t bounce_bytes;	/* of these, as mapped */
	atomic64_t nr_coherent_ok;
	atomic64_t nr_coherent_failed;
	atomic64_t nr_map_direct;
	atomic64_t nr_map_bounced;
	atomic64_t nr_map_failed;
	atomic64_t nr_alloc_requests;	/* ALLOC and ALLOC_BULK sent */
};

struct vcma_report {
	struct delayed_work work;
	struct virtio_cma_guest_counters sent;
};

void vcma_report_init(struct vcma_region *r);
/** vcma_report_start() - a client was claimed: report until all are idle again. */
void vcma_report_start(struct vcma_region *r);
void vcma_report_stop(struct vcma_region *r);

#endif /* VCMA_REPORT_H */
