// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: many threads allocate, map, sync and free at once. Each marks its
 * memory and finds the marks again: two that got the same pages would notice.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "selftest.h"

#define NR_THREADS	4
#define NR_ROUNDS	3000
#define NR_HELD		8

struct stress {
	struct selftest *t;
	struct task_struct *task;
	struct completion done;
	u32 seed;
	unsigned int nr_ok, nr_full, nr_bad;
};

struct held {
	void *cpu;		/* coherent: ours and the device's; else the driver's side */
	dma_addr_t dma;
	size_t bytes;
	bool coherent;
};

static u32 below(u32 limit)
{
	return get_random_u32() % limit;
}

static void stress_free(struct stress *s, struct held *h)
{
	if (h->coherent) {
		s->nr_bad += !selftest_is_filled(h->cpu, h->bytes, s->seed);
		dma_free_coherent(s->t->dev, h->bytes, h->cpu, h->dma);
	} else {
		/* Overwritten on this side; a copy must still hold the marks. */
		if (!s->t->direct)
			memset(h->cpu, 0, h->bytes);
		dma_unmap_single(s->t->dev, h->dma, h->bytes, DMA_FROM_DEVICE);
		s->nr_bad += !selftest_is_filled(h->cpu, h->bytes, s->seed);
		kfree(h->cpu);
	}
	h->cpu = NULL;
	s->nr_ok++;
}

static void stress_take(struct stress *s, struct held *h)
{
	gfp_t gfp = below(4) ? GFP_ATOMIC : GFP_KERNEL;

	h->bytes = 1 + below(SZ_64K);
	h->coherent = below(2);
	if (h->coherent) {
		h->cpu = dma_alloc_attrs(s->t->dev, h->bytes, &h->dma, gfp | __GFP_NOWARN,
					 DMA_ATTR_NO_WARN);
		s->nr_full += !h->cpu;
		if (h->cpu)
			selftest_fill(h->cpu, h->bytes, s->seed);
		return;
	}
	h->cpu = kmalloc(h->bytes, GFP_KERNEL);
	if (!h->cpu)
		return;
	selftest_fill(h->cpu, h->bytes, s->seed);
	h->dma = dma_map_single(s->t->dev, h->cpu, h->bytes, DMA_FROM_DEVICE);
	if (dma_mapping_error(s->t->dev, h->dma)) {
		s->nr_full++;
		kfree(h->cpu);
		h->cpu = NULL;
	}
}

static int stress_thread(void *data)
{
	struct held held[NR_HELD] = {};
	struct stress *s = data;
	unsigned int round, i;

	for (round = 0; round < NR_ROUNDS; round++) {
		struct held *h = &held[below(NR_HELD)];

		if (h->cpu)
			stress_free(s, h);
		else
			stress_take(s, h);
		cond_resched();
	}
	for (i = 0; i < NR_HELD; i++) {
		if (held[i].cpu)
			stress_free(s, &held[i]);
	}
	complete(&s->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 100);
	return 0;
}

void selftest_stress(struct selftest *t)
{
	unsigned int i, nr_ok = 0, nr_full = 0, nr_bad = 0;
	struct stress *threads;

	threads = kcalloc(NR_THREADS, sizeof(*threads), GFP_KERNEL);
	if (!threads)
		return;
	for (i = 0; i < NR_THREADS; i++) {
		threads[i].t = t;
		threads[i].seed = 100 + i;
		init_completion(&threads[i].done);
		threads[i].task = kthread_run(stress_thread, &threads[i], "vcma_selftest/%u", i);
		if (IS_ERR(threads[i].task))
			nr_bad++;
	}
	for (i = 0; i < NR_THREADS; i++) {
		if (IS_ERR(threads[i].task))
			continue;
		wait_for_completion(&threads[i].done);
		kthread_stop(threads[i].task);
		nr_ok += threads[i].nr_ok;
		nr_full += threads[i].nr_full;
		nr_bad += threads[i].nr_bad;
	}
	selftest_result(t, nr_ok && !nr_bad,
			"stress: %u threads, %u kept their contents, %u refused, %u damaged",
			NR_THREADS, nr_ok, nr_full, nr_bad);
	kfree(threads);
}
