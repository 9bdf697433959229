// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_order: takes the kernel's lock of device hotplug, as ACPI does when it plugs or unplugs
 * anything, and then what ACPI takes next. Prints TAP to the kernel log.
 *
 *	insmod vcma_order.ko				the lock is held
 *	echo NAME >/sys/module/vcma_order/parameters/check	others are at work: are the locks
 *			of PCI and of the virtio-cma device free? Then the first one is let go.
 *
 * Who waits for the first lock with one of these held would never have come to an end.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "address_of.h"

#include "hv/abi/virtio_cma.h"

#define PATIENCE	(20 * HZ)
#define STEP_MS		20

static void (*lock_hotplug)(void);
static void (*unlock_hotplug)(void);
static struct task_struct *holder;
static DECLARE_COMPLETION(held);
static DECLARE_COMPLETION(asked);
static DECLARE_COMPLETION(done);
static char what[32];
static unsigned int nr_tests;

static void result(bool good, const char *which)
{
	pr_info("vcma_order: %s %u - %s: %s\n", good ? "ok" : "not ok", ++nr_tests, what, which);
}

/* ---- the two locks that come after it ---- */

static DECLARE_COMPLETION(pci_locked);

static int lock_pci(void *unused)
{
	pci_lock_rescan_remove();
	complete(&pci_locked);
	pci_unlock_rescan_remove();
	return 0;
}

static bool can_lock(struct device *dev)
{
	unsigned long give_up = jiffies + PATIENCE;

	while (!device_trylock(dev)) {
		if (time_after(jiffies, give_up))
			return false;
		msleep(STEP_MS);
	}
	device_unlock(dev);
	return true;
}

static int can_lock_child(struct device *dev, void *data)
{
	*(bool *)data &= can_lock(dev);
	return 0;
}

static void look(void)
{
	struct pci_dev *pdev = pci_get_device(0x1af4, 0x1040 + VIRTIO_ID_CMA, NULL);
	bool good = true;

	kthread_run(lock_pci, NULL, "vcma_order/pci");
	result(wait_for_completion_timeout(&pci_locked, PATIENCE), "nobody keeps PCI's lock");
	if (pdev)
		good = can_lock(&pdev->dev);
	if (pdev && good)
		device_for_each_child(&pdev->dev, &good, can_lock_child);
	result(good, "nobody keeps a lock of the device");
	pci_dev_put(pdev);
}

static int hold(void *unused)
{
	lock_hotplug();
	complete(&held);
	wait_for_completion(&asked);
	if (what[0])
		look();
	unlock_hotplug();
	complete(&done);
	return 0;
}

/* ---- module ---- */

static int set_check(const char *text, const struct kernel_param *kp)
{
	if (!holder || completion_done(&asked))
		return -EBUSY;
	strscpy(what, text, sizeof(what));
	strreplace(what, '\n', '\0');
	complete_all(&asked);
	wait_for_completion(&done);
	complete_all(&done);
	pr_info("vcma_order: 1..%u\n", nr_tests);
	return 0;
}

static const struct kernel_param_ops check_ops = { .set = set_check };
module_param_cb(check, &check_ops, NULL, 0200);
MODULE_PARM_DESC(check, "look whether the locks are free; the text is the tests' name");

static int __init order_init(void)
{
	lock_hotplug = address_of("lock_device_hotplug");
	unlock_hotplug = address_of("unlock_device_hotplug");
	if (!lock_hotplug || !unlock_hotplug)
		return -ENOENT;
	holder = kthread_run(hold, NULL, "vcma_order");
	if (IS_ERR(holder))
		return PTR_ERR(holder);
	wait_for_completion(&held);
	return 0;
}
module_init(order_init);

static void __exit order_exit(void)
{
	complete_all(&asked);
	wait_for_completion(&done);
}
module_exit(order_exit);

MODULE_DESCRIPTION("Test of virtio_cma's place in the order of the kernel's hotplug locks");
MODULE_LICENSE("GPL");
