// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting (stats.h).
 *
 * Locks: none: counters are atomic, or of one CPU.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/minmax.h>

#include "stats.h"

int vcma_stats_init(struct vcma_stats *stats)
{
	stats->maps = alloc_percpu(struct vcma_stats_maps);
	return stats->maps ? 0 : -ENOMEM;
}

void vcma_stats_destroy(struct vcma_stats *stats)
{
	free_percpu(stats->maps);
}

s64 vcma_stats_mapped(const struct vcma_stats *stats, enum vcma_stats_map what)
{
	s64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats->maps, cpu)->of[what]);
	return sum;
}

void vcma_stats_alloc(struct vcma_stats *stats, enum vcma_stats_kind kind, u64 pages, int err,
		      u64 us)
{
	unsigned int bucket = min_t(unsigned int, fls64(us), VIRTIO_CMA_NR_LATENCIES - 1);

	atomic64_inc(err ? &stats->nr_failed[kind] : &stats->nr_ok[kind]);
	atomic64_add(pages, err ? &stats->nr_failed_pages : &stats->nr_ok_pages);
	atomic64_inc(&stats->alloc_us_log2[bucket]);
	if (err == -ETIMEDOUT)
		atomic64_inc(&stats->nr_deadline_missed);
}
