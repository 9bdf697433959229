// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_planted: faults, each of a kind that one of the kernel's instruments is there for. The
 * instrument has to report it; if it did not, that it reports nothing of the driver would show
 * nothing. One per insmod, which succeeds; nothing is damaged.
 *
 *	fault=sleep	may sleep with a spinlock held			DEBUG_ATOMIC_SLEEP
 *	fault=rcu	reads what RCU protects outside of it		PROVE_RCU
 *	fault=freed	reads memory that was freed			KASAN
 *	fault=page	writes to a page that was freed, by an alias	PAGE_POISONING
 *	fault=beyond	reads beyond the end of an object		KASAN
 *	fault=shift	shifts by more bits than there are		UBSAN
 *	fault=index	reads an array beyond its end			UBSAN
 *	fault=object	frees a timer that runs				DEBUG_OBJECTS
 *	fault=unmap	unmaps less than was mapped for a device	DMA_API_DEBUG
 *	fault=leak	forgets an object				DEBUG_KMEMLEAK
 *	fault=race	two threads count in the same variable		KCSAN
 *	fault=locks	takes two locks in both orders; lockdep says so once and is off from then on
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

#include "edu.h"

#define RACE_ROUNDS	3000000

static char *fault = "";
module_param(fault, charp, 0444);

static DEFINE_RAW_SPINLOCK(spinlock);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static int __rcu *protected;
static unsigned int raced;
static int sink;

/* Raw: holding another kind, one may sleep on PREEMPT_RT. */
static void plant_sleep(void)
{
	raw_spin_lock(&spinlock);
	might_sleep();
	raw_spin_unlock(&spinlock);
}

static void plant_rcu(void)
{
	sink = !!rcu_dereference(protected);
}

static void plant_freed(void)
{
	int *p = kzalloc(64, GFP_KERNEL);

	kfree(p);
	sink = p ? READ_ONCE(*p) : 0;
}

static void plant_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	char *alias = page ? vmap(&page, 1, VM_MAP, PAGE_KERNEL) : NULL;
	unsigned int i;

	if (!alias)
		return;
	__free_page(page);
	WRITE_ONCE(alias[100], 1);
	vunmap(alias);
	for (i = 0; i < 64; i++) {
		struct page *again = alloc_page(GFP_KERNEL);

		if (again)
			__free_page(again);
	}
}

static void plant_beyond(void)
{
	char *p = kzalloc(40, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	sink = p ? READ_ONCE(p[40]) : 0;
	kfree(p);
}

static void plant_shift(void)
{
	unsigned int bits = 40;

	OPTIMIZER_HIDE_VAR(bits);
	sink = 1 << bits;
}

static void plant_index(void)
{
	static int array[4];
	unsigned int i = 4;

	OPTIMIZER_HIDE_VAR(i);
	sink = array[i];
}

static void plant_nothing(struct timer_list *unused)
{
}

static void plant_object(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, plant_nothing, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);	/* what reports it stops the timer */
}

static int planted_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	char *p = kzalloc(PAGE_SIZE, GFP_KERNEL);
	dma_addr_t dma;

	if (!p)
		return -ENOMEM;
	if (!dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40))) {
		dma = dma_map_single(dev, p, PAGE_SIZE, DMA_TO_DEVICE);
		if (!dma_mapping_error(dev, dma)) {
			dma_unmap_single(dev, dma, PAGE_SIZE / 2, DMA_TO_DEVICE);
			dma_unmap_single(dev, dma, PAGE_SIZE, DMA_TO_DEVICE);
		}
	}
	kfree(p);
	return 0;
}

static void planted_remove(struct pci_dev *pdev)
{
}

static const struct pci_device_id planted_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};

static struct pci_driver planted_driver = {
	.name = KBUILD_MODNAME,
	.id_table = planted_ids,
	.probe = planted_probe,
	.remove = planted_remove,
};

static void plant_unmap(void)
{
	if (!pci_register_driver(&planted_driver))
		pci_unregister_driver(&planted_driver);
}

static void plant_leak(void)
{
	int *p = kzalloc(123, GFP_KERNEL);

	sink = !!p;
}

static int race(void *unused)
{
	unsigned int i;

	for (i = 0; i < RACE_ROUNDS; i++) {
		raced++;
		barrier();
	}
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static void plant_race(void)
{
	struct task_struct *other = kthread_run(race, NULL, "vcma_planted");
	unsigned int i;

	for (i = 0; i < RACE_ROUNDS; i++) {
		raced++;
		barrier();
	}
	if (!IS_ERR(other))
		kthread_stop(other);
}

static void plant_locks(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static const struct {
	const char *name;
	void (*plant)(void);
} faults[] = {
	{ "sleep", plant_sleep },
	{ "rcu", plant_rcu },
	{ "freed", plant_freed },
	{ "page", plant_page },
	{ "beyond", plant_beyond },
	{ "shift", plant_shift },
	{ "index", plant_index },
	{ "object", plant_object },
	{ "unmap", plant_unmap },
	{ "leak", plant_leak },
	{ "race", plant_race },
	{ "locks", plant_locks },
};

static int __init planted_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(fault, faults[i].name))
			continue;
		faults[i].plant();
		return 0;
	}
	return -EINVAL;
}
module_init(planted_init);

static void __exit planted_exit(void)
{
}
module_exit(planted_exit);

MODULE_DESCRIPTION("Faults that the kernel's instruments have to see");
MODULE_LICENSE("GPL");
