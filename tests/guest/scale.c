// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_scale: threads on 1, 2, ... CPUs map and unmap 4 KiB of a client at once; how often does one
 * wait for a lock that another has? Time says little where processors are emulated; waits are
 * counted, by a probe where the kernel goes to wait for a spinlock.
 *
 *	driver's locks	in its region, in its clients	those are meant
 *	others		of the kernel, of the test	not
 *
 * A device that is no client is there for comparison: of swiotlb's, with swiotlb=force, all waits
 * are counted, for nobody knows its locks.
 *
 * Prints TAP to the kernel log, and a line of figures for each number of CPUs. What else they cost
 * each other is seen from outside, by marks around the mappings (marks.h, tests/bench/tcg/lines.c).
 *
 * shutdown=1: at the end, with the device still bound, the driver of the region's device is told of
 * the machine's end, as the kernel does where the virtio bus is not told.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "edu.h"
#include "marks.h"

#include "guest-driver/client/binding.h"
#include "guest-driver/core/region.h"

#define NR_HELD		4	/* mappings of a thread at once */
#define NR_WARM		64	/* not marked: everyone gets what he will use from then on */
#define MAX_CPUS	8

static unsigned int maps = 20000;
module_param(maps, uint, 0444);
MODULE_PARM_DESC(maps, "mappings by each thread (default: 20000)");

static unsigned int at_most = 1;
module_param(at_most, uint, 0444);
MODULE_PARM_DESC(at_most, "waits for 10000 mappings (default: 1)");

static bool shutdown;
module_param(shutdown, bool, 0444);
MODULE_PARM_DESC(shutdown, "tell the region's driver that the machine ends");

static struct vcma_client *client;
static atomic_long_t nr_waits;
static unsigned int nr_tests;

struct mapper {
	struct device *dev;
	struct completion *start, done;
	unsigned int nr_failed;
};

static bool is_in(unsigned long lock, const void *from, size_t bytes)
{
	return lock - (unsigned long)from < bytes;
}
NOKPROBE_SYMBOL(is_in);

static int wait_enter(struct kprobe *kp, struct pt_regs *regs)
{
	unsigned long lock = regs_get_kernel_argument(regs, 0);

	if (!client || is_in(lock, client->region, sizeof(*client->region)) ||
	    is_in(lock, client, sizeof(*client)))
		atomic_long_inc(&nr_waits);
	return 0;
}
NOKPROBE_SYMBOL(wait_enter);

static struct kprobe wait_probe = {
	.pre_handler = wait_enter,
#ifdef CONFIG_X86
	.symbol_name = "native_queued_spin_lock_slowpath",
#else
	.symbol_name = "queued_spin_lock_slowpath",
#endif
};

static void mark(bool on)
{
	if (on)
		vcma_mark(VCMA_MARK_ON);
	else
		vcma_mark(VCMA_MARK_OFF);
}

/* Interrupts are off: nothing but mappings is marked. Return: how many failed. */
static unsigned int map_some(struct device *dev, void *page, bool is_marked)
{
	dma_addr_t dma[NR_HELD];
	unsigned int nr, i;

	for (nr = 0; nr < NR_HELD; nr++) {
		mark(is_marked);
		dma[nr] = dma_map_single(dev, page, SZ_4K, DMA_TO_DEVICE);
		if (dma_mapping_error(dev, dma[nr]))
			break;
	}
	for (i = 0; i < nr; i++) {
		mark(is_marked);
		dma_unmap_single(dev, dma[i], SZ_4K, DMA_TO_DEVICE);
	}
	mark(false);
	return NR_HELD - nr;
}

static int map_thread(void *data)
{
	struct mapper *m = data;
	void *page = kmalloc(SZ_4K, GFP_KERNEL);
	unsigned long flags;
	unsigned int round;

	wait_for_completion(m->start);
	for (round = 0; page && round < NR_WARM + maps / NR_HELD; round++) {
		local_irq_save(flags);
		m->nr_failed += map_some(m->dev, page, round >= NR_WARM);
		local_irq_restore(flags);
		cond_resched();
	}
	m->nr_failed += !page;
	kfree(page);
	complete(&m->done);
	return 0;
}

/* ---- that a wait would be seen ---- */

static DECLARE_COMPLETION(planted_done);
static bool planted_held, planted_wanted;

static int hold_thread(void *unused)
{
	spin_lock(&client->bulk_lock);
	WRITE_ONCE(planted_held, true);
	while (!READ_ONCE(planted_wanted))
		cpu_relax();
	mdelay(20);
	spin_unlock(&client->bulk_lock);
	return 0;
}

static int want_thread(void *unused)
{
	while (!READ_ONCE(planted_held))
		cond_resched();
	WRITE_ONCE(planted_wanted, true);
	spin_lock(&client->bulk_lock);
	spin_unlock(&client->bulk_lock);
	complete(&planted_done);
	return 0;
}

/* One waits for a lock of the client that the other has. */
static void test_planted(void)
{
	unsigned int first = cpumask_first(cpu_online_mask);
	struct task_struct *want = kthread_create(want_thread, NULL, "vcma_scale/want");
	struct task_struct *hold = kthread_create(hold_thread, NULL, "vcma_scale/hold");

	if (IS_ERR(want) || IS_ERR(hold))
		return;
	kthread_bind(want, first);
	kthread_bind(hold, cpumask_next(first, cpu_online_mask));
	atomic_long_set(&nr_waits, 0);
	wake_up_process(want);
	wake_up_process(hold);
	wait_for_completion(&planted_done);
	pr_info("vcma_scale: %s %u - a wait is seen\n",
		atomic_long_read(&nr_waits) == 1 ? "ok" : "not ok", ++nr_tests);
}

/* ---- mappings ---- */

static void run(struct device *dev, unsigned int nr)
{
	DECLARE_COMPLETION_ONSTACK(start);
	struct mapper mappers[MAX_CPUS] = {};
	unsigned int cpu, i = 0, failed = 0;
	struct task_struct *task;
	unsigned long waits;
	ktime_t begin;

	for_each_online_cpu(cpu) {
		if (i == nr)
			break;
		mappers[i].dev = dev;
		mappers[i].start = &start;
		init_completion(&mappers[i].done);
		task = kthread_create(map_thread, &mappers[i], "vcma_scale/%u", cpu);
		if (IS_ERR(task))
			break;
		kthread_bind(task, cpu);
		wake_up_process(task);
		i++;
	}
	atomic_long_set(&nr_waits, 0);
	begin = ktime_get();
	complete_all(&start);
	nr = i;
	for (i = 0; i < nr; i++) {
		wait_for_completion(&mappers[i].done);
		failed += mappers[i].nr_failed;
	}
	waits = atomic_long_read(&nr_waits);
	vcma_mark(VCMA_MARK_TELL);
	pr_info("vcma_scale: # %s cpus=%u maps=%u waits=%lu us=%lld\n",
		client ? "ours" : "swiotlb", nr, nr * maps, waits,
		ktime_us_delta(ktime_get(), begin));
	if (!client)
		return;
	pr_info("vcma_scale: %s %u - %u CPUs: all mapped\n", failed ? "not ok" : "ok", ++nr_tests,
		nr);
	pr_info("vcma_scale: %s %u - %u CPUs: at most %u waits for 10000\n",
		waits * 10000 <= (unsigned long)at_most * nr * maps ? "ok" : "not ok",
		++nr_tests, nr, at_most);
}

static void shut_down(struct device *dev)
{
	bool can = dev->driver->shutdown;

	pr_info("vcma_scale: %s %u - shutdown: the driver can be told\n", can ? "ok" : "not ok",
		++nr_tests);
	if (can)
		dev->driver->shutdown(dev);
}

static int scale_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	unsigned int nr;
	int err;

	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40)))
		return -EIO;
	client = NULL;
	if (dev->dma_ops)
		client = vcma_binding_source(vcma_binding_of(dev), VCMA_KIND_STREAMING, 0);
	wait_probe.addr = NULL;		/* found by its name each time */
	wait_probe.flags = 0;
	err = register_kprobe(&wait_probe);
	if (err)
		return err;
	if (client)
		test_planted();
	for (nr = 1; nr <= min_t(unsigned int, num_online_cpus(), MAX_CPUS); nr *= 2)
		run(dev, nr);
	unregister_kprobe(&wait_probe);
	if (shutdown && client)
		shut_down(client->region->dev);
	return 0;
}

static void scale_remove(struct pci_dev *pdev)
{
}

static const struct pci_device_id scale_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};

static struct pci_driver scale_driver = {
	.name = KBUILD_MODNAME,
	.id_table = scale_ids,
	.probe = scale_probe,
	.remove = scale_remove,
};

static int __init scale_init(void)
{
	int err = pci_register_driver(&scale_driver);

	pr_info("vcma_scale: 1..%u\n", nr_tests);
	return err;
}
module_init(scale_init);

static void __exit scale_exit(void)
{
	pci_unregister_driver(&scale_driver);
}
module_exit(scale_exit);

MODULE_DESCRIPTION("How often mappings of a virtio_cma client wait for each other");
MODULE_LICENSE("GPL");
