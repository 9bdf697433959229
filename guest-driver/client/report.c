// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of the guest's counters to the host (report.h).
 *
 * Locks: none: counters are atomic, or of one CPU, and only the work sends.
 */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "core/region.h"
#include "core/request.h"
#include "poison.h"
#include "pool/resv.h"
#include "report.h"

#define VCMA_REPORT_PERIOD	HZ
#define VCMA_REPORT_COUNTS	(10 * HZ)	/* if only what was counted has changed */

static void vcma_report_collect(struct vcma_region *r,
				struct virtio_cma_guest_counters *counters)
{
	struct vcma_stats *s = &r->stats;
	int i;

	*counters = (struct virtio_cma_guest_counters) {
		.allocated_bytes = cpu_to_le64(atomic64_read(&s->allocated_bytes)),
		.coherent_bytes = cpu_to_le64(atomic64_read(&s->coherent_bytes)),
		.bounce_bytes = cpu_to_le64(vcma_stats_mapped(s, VCMA_STATS_BOUNCE_BYTES)),
		.nr_coherent_ok = cpu_to_le64(atomic64_read(&s->nr_ok[VCMA_STATS_COHERENT])),
		.nr_coherent_failed = cpu_to_le64(atomic64_read(&s->nr_failed[VCMA_STATS_COHERENT])),
		.nr_map_direct = cpu_to_le64(vcma_stats_mapped(s, VCMA_STATS_DIRECT)),
		.nr_map_bounced = cpu_to_le64(vcma_stats_mapped(s, VCMA_STATS_BOUNCED)),
		.nr_map_failed = cpu_to_le64(atomic64_read(&s->nr_map_failed)),
		.online_bytes = cpu_to_le64(atomic64_read(&r->online_bytes)),
		.ready_bytes = cpu_to_le64(vcma_region_ready_bytes(r)),
		.nr_busy_retries = cpu_to_le64(atomic64_read(&s->nr_busy_retries)),
		.nr_deadline_missed = cpu_to_le64(atomic64_read(&s->nr_deadline_missed)),
		.nr_bulk_blocks = cpu_to_le64(atomic64_read(&s->nr_bulk_blocks)),
		.broken_bytes = cpu_to_le64(atomic64_read(&s->broken_bytes)),
	};
	for (i = 0; i < VIRTIO_CMA_NR_LATENCIES; i++)
		counters->alloc_us_log2[i] = cpu_to_le64(atomic64_read(&s->alloc_us_log2[i]));
}

/* A report is an exit or two, in the midst of what it counts. */
static bool vcma_report_is_due(const struct vcma_report *report,
			       const struct virtio_cma_guest_counters *now)
{
	if (now->allocated_bytes != report->sent.allocated_bytes ||
	    now->online_bytes != report->sent.online_bytes ||
	    now->broken_bytes != report->sent.broken_bytes)
		return true;
	return memcmp(now, &report->sent, sizeof(*now)) &&
	       time_after_eq(jiffies, report->sent_at + VCMA_REPORT_COUNTS);
}

/* The host asks for nothing here: a report that fails is sent again next time. */
static void vcma_report_work(struct work_struct *work)
{
	struct vcma_report *report = container_of(to_delayed_work(work),
						  struct vcma_report, work);
	struct vcma_region *r = container_of(report, struct vcma_region, report);
	struct virtio_cma_guest_counters now;

	vcma_poison_look(r);
	vcma_report_collect(r, &now);
	if (vcma_report_is_due(report, &now) && !vcma_request_report(r, &now)) {
		report->sent = now;
		report->sent_at = jiffies;
	}
	/* Idle clients have nothing; what is allocated changes no more. */
	if (vcma_region_is_live(r) && (now.allocated_bytes ||
				       memcmp(&now, &report->sent, sizeof(now))))
		queue_delayed_work(r->wq, &report->work, VCMA_REPORT_PERIOD);
}

void vcma_report_init(struct vcma_region *r)
{
	INIT_DEFERRABLE_WORK(&r->report.work, vcma_report_work);
	r->report.sent_at = jiffies;
}

void vcma_report_start(struct vcma_region *r)
{
	queue_delayed_work(r->wq, &r->report.work, VCMA_REPORT_PERIOD);
}

void vcma_report_stop(struct vcma_region *r)
{
	cancel_delayed_work_sync(&r->report.work);
}
