// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_bench: times the DMA API, whoever implements it for a device: virtio_cma,
 * or the kernel itself with its CMA. A driver of QEMU's "edu" device that does no
 * DMA; each device has a sysfs file "bench" that runs a command when written, in
 * the writer's context, and shows the command's result when read:
 *
 *	latency BYTES COUNT GAP_US	allocate and free; times of the allocations
 *	latency_fast BYTES COUNT GAP_US	the same of what can be had at once (__GFP_NORETRY)
 *	pairs BYTES COUNT		instructions of an allocation and its free
 *	dmapool BYTES COUNT		the same through a dma_pool
 *	map BYTES COUNT			of a mapping and its unmapping, memory from kmalloc
 *	direct BYTES COUNT		the same, memory from the device's own allocation
 *	movable BYTES COUNT		the same, memory as files and programs have it
 *	scatter PAGES COUNT		of a scatter list of so many pages, as files have them
 *	maintain BYTES COUNT		of a clean and invalidate of memory by virtio_cma
 *	maintain_kernel BYTES COUNT	of an invalidate by the kernel's own loop (arm64)
 *	singles BYTES COUNT LIMIT_MS	allocate one by one until COUNT, failure, or too late
 *	bulk BYTES COUNT		the same in one call of virtio_cma
 *	clear BYTES COUNT		clear memory: what the machine can do at all
 *	start, stop			count the instructions of all CPUs between
 *
 * Parameter together: so many commands wait for each other and begin at the same time.
 *
 * Memory is cleared by whoever allocates, as dma_alloc_coherent() promises.
 * Non-purpose: judging; the script that reads the results does.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/ktime.h>
#include <linux/libnvdimm.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/perf_event.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "guest-driver/core/cache.h"
#include "guest-driver/include/vcma.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

static unsigned int together = 1;
module_param(together, uint, 0644);
MODULE_PARM_DESC(together, "commands that are given at the same time");

#define BENCH_MAX_COUNT	100000
#define QUIET		(GFP_KERNEL | __GFP_NOWARN)

struct bench {
	struct device *dev;
	char result[512];
};

/* Instructions, by the CPU's own counter; an emulator has it only under icount. */
static struct perf_event *bench_counters[NR_CPUS];
static DEFINE_MUTEX(bench_counters_lock);

static struct perf_event *bench_counter(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.size = sizeof(attr),
		.pinned = 1,
	};

	return perf_event_create_kernel_counter(&attr, cpu, NULL, NULL, NULL);
}

static u64 bench_counter_read(struct perf_event *event)
{
	u64 enabled, running;

	return IS_ERR_OR_NULL(event) ? 0 : perf_event_read_value(event, &enabled, &running);
}

static u64 bench_counters_stop(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		if (!bench_counters[cpu])
			continue;
		sum += bench_counter_read(bench_counters[cpu]);
		perf_event_release_kernel(bench_counters[cpu]);
		bench_counters[cpu] = NULL;
	}
	return sum;
}

static int bench_counters_start(void)
{
	struct perf_event *event;
	int cpu;

	bench_counters_stop();
	for_each_online_cpu(cpu) {
		event = bench_counter(cpu);
		if (IS_ERR(event)) {
			bench_counters_stop();
			return PTR_ERR(event);
		}
		bench_counters[cpu] = event;
	}
	return 0;
}

static int bench_start(struct bench *b)
{
	int err;

	mutex_lock(&bench_counters_lock);
	err = bench_counters_start();
	mutex_unlock(&bench_counters_lock);
	return err;
}

static int bench_stop(struct bench *b)
{
	mutex_lock(&bench_counters_lock);
	scnprintf(b->result, sizeof(b->result), "instructions=%llu", bench_counters_stop());
	mutex_unlock(&bench_counters_lock);
	return 0;
}

static int bench_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* The least of @count sorted values that at least @percent of them don't exceed. */
static u64 bench_percentile(const u64 *sorted, unsigned int count, unsigned int percent)
{
	return sorted[DIV_ROUND_UP(count * percent, 100) - 1];
}

static int bench_latency(struct bench *b, size_t bytes, unsigned int count,
			 unsigned int gap_us, gfp_t gfp)
{
	u64 *alloc_ns, begin, end, start, freed, sum = 0, free_sum = 0;
	unsigned int i, ok = 0;
	dma_addr_t dma;
	void *cpu;

	alloc_ns = vmalloc(array_size(count, sizeof(*alloc_ns)));
	if (!alloc_ns)
		return -ENOMEM;
	begin = ktime_get_ns();
	for (i = 0; i < count; i++) {
		start = ktime_get_ns();
		cpu = dma_alloc_attrs(b->dev, bytes, &dma, gfp, DMA_ATTR_NO_WARN);
		alloc_ns[ok] = ktime_get_ns() - start;
		if (cpu) {
			sum += alloc_ns[ok++];
			freed = ktime_get_ns();
			dma_free_attrs(b->dev, bytes, cpu, dma, DMA_ATTR_NO_WARN);
			free_sum += ktime_get_ns() - freed;
		}
		if (gap_us)
			usleep_range(gap_us, gap_us + gap_us / 8);
		cond_resched();
	}
	end = ktime_get_ns();
	sort(alloc_ns, ok, sizeof(*alloc_ns), bench_compare, NULL);
	scnprintf(b->result, sizeof(b->result),
		  "ok=%u failed=%u avg_ns=%llu p50_ns=%llu p99_ns=%llu max_ns=%llu free_avg_ns=%llu begin_ns=%llu end_ns=%llu",
		  ok, count - ok, ok ? div_u64(sum, ok) : 0,
		  ok ? bench_percentile(alloc_ns, ok, 50) : 0,
		  ok ? bench_percentile(alloc_ns, ok, 99) : 0, ok ? alloc_ns[ok - 1] : 0,
		  ok ? div_u64(free_sum, ok) : 0, begin, end);
	vfree(alloc_ns);
	return 0;
}

/* What is done COUNT times, with a buffer for those that need one. */
struct bench_work {
	struct device *dev;
	size_t bytes;
	struct dma_pool *pool;
	void *buffer;
	struct sg_table *sgt;
};

static bool bench_do_pair(const struct bench_work *w)
{
	dma_addr_t dma;
	void *cpu = dma_alloc_coherent(w->dev, w->bytes, &dma, GFP_KERNEL);

	if (cpu)
		dma_free_coherent(w->dev, w->bytes, cpu, dma);
	return cpu;
}

static bool bench_do_dmapool(const struct bench_work *w)
{
	dma_addr_t dma;
	void *cpu = dma_pool_zalloc(w->pool, GFP_KERNEL, &dma);

	if (cpu)
		dma_pool_free(w->pool, cpu, dma);
	return cpu;
}

static bool bench_do_map(const struct bench_work *w)
{
	dma_addr_t dma = dma_map_single(w->dev, w->buffer, w->bytes, DMA_BIDIRECTIONAL);

	if (dma_mapping_error(w->dev, dma))
		return false;
	dma_unmap_single(w->dev, dma, w->bytes, DMA_BIDIRECTIONAL);
	return true;
}

static bool bench_do_scatter(const struct bench_work *w)
{
	if (dma_map_sgtable(w->dev, w->sgt, DMA_BIDIRECTIONAL, 0))
		return false;
	dma_unmap_sgtable(w->dev, w->sgt, DMA_BIDIRECTIONAL, 0);
	return true;
}

static int bench_count(struct bench *b, const struct bench_work *w, unsigned int count,
		       bool (*work)(const struct bench_work *))
{
	unsigned int i, ok = 0, warm = min(count, 100U);
	struct perf_event *event;
	u64 before, instructions, start, ns;

	/* The first ones fill caches and lists: not steady state. */
	for (i = 0; i < warm; i++)
		work(w);
	migrate_disable();
	event = bench_counter(smp_processor_id());
	before = bench_counter_read(event);
	start = ktime_get_ns();
	for (i = 0; i < count; i++)
		ok += work(w);
	ns = ktime_get_ns() - start;
	instructions = bench_counter_read(event) - before;
	migrate_enable();
	if (!IS_ERR(event))
		perf_event_release_kernel(event);
	scnprintf(b->result, sizeof(b->result),
		  "ok=%u failed=%u instructions=%llu ns=%llu", ok, count - ok,
		  div_u64(instructions, count), div_u64(ns, count));
	return 0;
}

static bool bench_do_maintain(const struct bench_work *w)
{
	vcma_cache_clean_inval(w->buffer, w->bytes);
	return true;
}

static bool bench_do_maintain_kernel(const struct bench_work *w)
{
	arch_invalidate_pmem(w->buffer, w->bytes);
	return true;
}

static int bench_pairs(struct bench *b, size_t bytes, unsigned int count)
{
	const struct bench_work w = { .dev = b->dev, .bytes = bytes };

	return bench_count(b, &w, count, bench_do_pair);
}

static int bench_dmapool(struct bench *b, size_t bytes, unsigned int count)
{
	struct bench_work w = { .dev = b->dev, .bytes = bytes };
	int err;

	w.pool = dma_pool_create("vcma_bench", b->dev, bytes, bytes, 0);
	if (!w.pool)
		return -ENOMEM;
	err = bench_count(b, &w, count, bench_do_dmapool);
	dma_pool_destroy(w.pool);
	return err;
}

static int bench_with_buffer(struct bench *b, size_t bytes, unsigned int count,
			     bool (*work)(const struct bench_work *))
{
	struct bench_work w = { .dev = b->dev, .bytes = bytes };
	int err;

	w.buffer = kzalloc(bytes, GFP_KERNEL);
	if (!w.buffer)
		return -ENOMEM;
	err = bench_count(b, &w, count, work);
	kfree(w.buffer);
	return err;
}

static int bench_map(struct bench *b, size_t bytes, unsigned int count)
{
	return bench_with_buffer(b, bytes, count, bench_do_map);
}

static int bench_maintain(struct bench *b, size_t bytes, unsigned int count)
{
	return bench_with_buffer(b, bytes, count, bench_do_maintain);
}

static int bench_maintain_kernel(struct bench *b, size_t bytes, unsigned int count)
{
	return bench_with_buffer(b, bytes, count, bench_do_maintain_kernel);
}

static int bench_direct(struct bench *b, size_t bytes, unsigned int count)
{
	struct bench_work w = { .dev = b->dev, .bytes = bytes };
	struct page *page;
	dma_addr_t dma;
	int err;

	page = dma_alloc_pages(b->dev, bytes, &dma, DMA_BIDIRECTIONAL, QUIET);
	if (!page)
		return -ENOMEM;
	w.buffer = page_address(page);
	err = bench_count(b, &w, count, bench_do_map);
	dma_free_pages(b->dev, bytes, page, dma, DMA_BIDIRECTIONAL);
	return err;
}

/* Where pages of files and programs lie: in movable zones as long as there is room. */
static int bench_movable(struct bench *b, size_t bytes, unsigned int count)
{
	struct bench_work w = { .dev = b->dev, .bytes = bytes };
	struct page *page;
	int err;

	page = alloc_pages(GFP_HIGHUSER_MOVABLE, get_order(bytes));
	if (!page)
		return -ENOMEM;
	w.buffer = page_address(page);
	err = bench_count(b, &w, count, bench_do_map);
	__free_pages(page, get_order(bytes));
	return err;
}

/* Pages that are neighbours by chance alone: every second one of those got is left out. */
static int bench_scatter(struct bench *b, size_t nr, unsigned int count)
{
	struct bench_work w = { .dev = b->dev };
	struct sg_table sgt;
	struct scatterlist *sg;
	struct page *page, *other;
	int i, err;

	err = sg_alloc_table(&sgt, nr, GFP_KERNEL);
	if (err)
		return err;
	for_each_sgtable_sg(&sgt, sg, i) {
		page = alloc_page(GFP_HIGHUSER_MOVABLE);
		other = alloc_page(GFP_HIGHUSER_MOVABLE);
		if (other)
			__free_page(other);
		err = page ? err : -ENOMEM;
		sg_set_page(sg, page, page ? PAGE_SIZE : 0, 0);
	}
	w.sgt = &sgt;
	if (!err)
		err = bench_count(b, &w, count, bench_do_scatter);
	for_each_sgtable_sg(&sgt, sg, i) {
		if (sg_page(sg))
			__free_page(sg_page(sg));
	}
	sg_free_table(&sgt);
	return err;
}

static int bench_singles(struct bench *b, size_t bytes, unsigned int count,
			 unsigned int limit_ms)
{
	struct {
		void *cpu;
		dma_addr_t dma;
	} *got;
	unsigned int nr;
	u64 start, ns;

	got = vmalloc(array_size(count, sizeof(*got)));
	if (!got)
		return -ENOMEM;
	start = ktime_get_ns();
	for (nr = 0; nr < count && ktime_get_ns() - start < limit_ms * (u64)NSEC_PER_MSEC; nr++) {
		got[nr].cpu = dma_alloc_attrs(b->dev, bytes, &got[nr].dma, QUIET,
					      DMA_ATTR_NO_WARN);
		if (!got[nr].cpu)
			break;
		cond_resched();
	}
	ns = ktime_get_ns() - start;
	scnprintf(b->result, sizeof(b->result), "got=%u ns=%llu begin_ns=%llu end_ns=%llu", nr, ns,
		  start, start + ns);
	while (nr--) {
		dma_free_attrs(b->dev, bytes, got[nr].cpu, got[nr].dma, DMA_ATTR_NO_WARN);
		cond_resched();
	}
	vfree(got);
	return 0;
}

static int bench_clear(struct bench *b, size_t bytes, unsigned int count)
{
	void *buffer = vzalloc(bytes);
	u64 begin;

	if (!buffer)
		return -ENOMEM;
	begin = ktime_get_ns();
	while (count--) {
		memset(buffer, 0, bytes);
		cond_resched();
	}
	scnprintf(b->result, sizeof(b->result), "begin_ns=%llu end_ns=%llu", begin,
		  ktime_get_ns());
	vfree(buffer);
	return 0;
}

/* By name: the module is to load where there is no virtio_cma. */
static int bench_bulk(struct bench *b, size_t bytes, unsigned int count)
{
	const struct vcma_bulk_request req = {
		.order = get_order(bytes), .nr = count, .flags = VCMA_BULK_REQ_ZERO,
	};
	typeof(vcma_alloc_bulk) *alloc = (void *)__symbol_get("vcma_alloc_bulk");
	typeof(vcma_free_bulk) *free = (void *)__symbol_get("vcma_free_bulk");
	struct vcma_bulk_block *blocks;
	unsigned int nr = 0;
	u64 start, ns;
	int err = -ENODEV;

	blocks = vmalloc(array_size(count, sizeof(*blocks)));
	if (!alloc || !free || !blocks)
		goto out;
	start = ktime_get_ns();
	err = alloc(b->dev, &req, blocks, &nr, NULL, NULL);
	ns = ktime_get_ns() - start;
	scnprintf(b->result, sizeof(b->result), "got=%u ns=%llu error=%d", nr, ns, err);
	if (nr)
		free(b->dev, blocks, nr, req.order);
	err = 0;
out:
	vfree(blocks);
	if (alloc)
		__symbol_put("vcma_alloc_bulk");
	if (free)
		__symbol_put("vcma_free_bulk");
	return err;
}

static DEFINE_SPINLOCK(bench_gather_lock);
static DECLARE_WAIT_QUEUE_HEAD(bench_gathered);
static unsigned int bench_nr_waiting, bench_nr_gathered;

/* Wait for as many as belong together. */
static int bench_gather(void)
{
	unsigned int round;
	int err;

	spin_lock(&bench_gather_lock);
	round = bench_nr_gathered;
	if (++bench_nr_waiting >= READ_ONCE(together)) {
		bench_nr_waiting = 0;
		WRITE_ONCE(bench_nr_gathered, round + 1);
	}
	spin_unlock(&bench_gather_lock);
	wake_up_all(&bench_gathered);
	err = wait_event_killable(bench_gathered, READ_ONCE(bench_nr_gathered) != round);
	if (err) {
		spin_lock(&bench_gather_lock);
		if (bench_nr_gathered == round)
			bench_nr_waiting--;
		spin_unlock(&bench_gather_lock);
	}
	return err;
}

static int bench_run(struct bench *b, const char *text)
{
	static const struct {
		const char *name;
		int (*run)(struct bench *b, size_t bytes, unsigned int count);
	} commands[] = {
		{ "pairs", bench_pairs },
		{ "dmapool", bench_dmapool },
		{ "map", bench_map },
		{ "direct", bench_direct },
		{ "movable", bench_movable },
		{ "scatter", bench_scatter },
		{ "maintain", bench_maintain },
		{ "maintain_kernel", bench_maintain_kernel },
		{ "bulk", bench_bulk },
		{ "clear", bench_clear },
	};
	unsigned int count = 0, pause = 0, i;
	char name[16] = "";
	size_t bytes = 0;
	int err;

	if (sscanf(text, "%15s %zu %u %u", name, &bytes, &count, &pause) < 1)
		return -EINVAL;
	if (!strcmp(name, "start"))
		return bench_start(b);
	if (!strcmp(name, "stop"))
		return bench_stop(b);
	if (!bytes || !count || count > BENCH_MAX_COUNT)
		return -EINVAL;
	err = bench_gather();
	if (err)
		return err;
	if (!strcmp(name, "latency"))
		return bench_latency(b, bytes, count, pause, QUIET);
	if (!strcmp(name, "latency_fast"))
		return bench_latency(b, bytes, count, pause, QUIET | __GFP_NORETRY);
	if (!strcmp(name, "singles"))
		return bench_singles(b, bytes, count, pause);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(name, commands[i].name))
			return commands[i].run(b, bytes, count);
	}
	return -EINVAL;
}

static ssize_t bench_store(struct device *dev, struct device_attribute *attr,
			   const char *text, size_t len)
{
	int err = bench_run(dev_get_drvdata(dev), text);

	return err ?: len;
}

static ssize_t bench_show(struct device *dev, struct device_attribute *attr, char *text)
{
	struct bench *b = dev_get_drvdata(dev);

	return sysfs_emit(text, "%s\n", b->result);
}
static DEVICE_ATTR_RW(bench);

static struct attribute *bench_attrs[] = {
	&dev_attr_bench.attr,
	NULL
};
ATTRIBUTE_GROUPS(bench);

static int bench_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bench *b;
	int err;

	b = devm_kzalloc(&pdev->dev, sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	b->dev = &pdev->dev;
	err = pcim_enable_device(pdev);
	if (err)
		return err;
	err = dma_set_mask_and_coherent(b->dev, DMA_BIT_MASK(64));
	if (err)
		return err;
	pci_set_drvdata(pdev, b);
	return 0;
}

static void bench_remove(struct pci_dev *pdev)
{
	mutex_lock(&bench_counters_lock);
	bench_counters_stop();
	mutex_unlock(&bench_counters_lock);
}

static const struct pci_device_id bench_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};
MODULE_DEVICE_TABLE(pci, bench_ids);

static struct pci_driver bench_driver = {
	.name = KBUILD_MODNAME,
	.id_table = bench_ids,
	.probe = bench_probe,
	.remove = bench_remove,
	.dev_groups = bench_groups,
};
module_pci_driver(bench_driver);

MODULE_DESCRIPTION("DMA API figures");
MODULE_LICENSE("GPL");
