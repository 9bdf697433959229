// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_offline: the first memory block of a reusable region is being taken offline, by hand, just when
 * the driver, which is about to end, has all its pages; and those of the last block can't be had, so
 * that the driver has to give the others back. Who takes it offline stands still in the midst of
 * that, and then finds that he can't.
 *
 *	insmod vcma_offline.ko
 *	cat .../parameters/isolated	Y: the driver has the first block, and waits for us with the last
 *	cat .../parameters/inside	Y: somebody stands still
 *	echo 1 >.../parameters/release	he goes on, and is refused; all else runs as ever
 */
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/pfn.h>

#include "find_region.h"

#define PATIENCE	(60 * HZ)

static bool isolated;
module_param(isolated, bool, 0444);
MODULE_PARM_DESC(isolated, "the driver has all pages of the first block");

static bool inside;
module_param(inside, bool, 0444);
MODULE_PARM_DESC(inside, "somebody takes the first block offline, and stands still");

static u64 first_gpa, last_gpa;
static DECLARE_COMPLETION(stands);
static DECLARE_COMPLETION(released);

static int set_release(const char *text, const struct kernel_param *kp)
{
	complete_all(&stands);
	complete_all(&released);
	return 0;
}

static const struct kernel_param_ops release_ops = { .set = set_release };
module_param_cb(release, &release_ops, NULL, 0200);

/* Runs in place of vcma_memory_isolate() for the last block. */
static int take_none(void)
{
	WRITE_ONCE(isolated, true);
	wait_for_completion_timeout(&stands, PATIENCE);
	return -EBUSY;
}

/* Return: 1 if it goes on in take_none() instead. */
static int take_enter(struct kprobe *kp, struct pt_regs *regs)
{
	if (PFN_PHYS(regs_get_kernel_argument(regs, 0)) != last_gpa || completion_done(&released))
		return 0;
	instruction_pointer_set(regs, (unsigned long)take_none);
	return 1;
}
NOKPROBE_SYMBOL(take_enter);

/* That there is one keeps the probe from being optimised into what can't skip a call. */
static void take_leave(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe take_probe = {
	.symbol_name = "vcma_memory_isolate",
	.pre_handler = take_enter,
	.post_handler = take_leave,
};

/* After the driver's own. */
static int offline_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct memory_notify *note = data;

	if (event != MEM_GOING_OFFLINE || PFN_PHYS(note->start_pfn) != first_gpa ||
	    completion_done(&released))
		return NOTIFY_OK;
	WRITE_ONCE(inside, true);
	complete_all(&stands);
	wait_for_completion_timeout(&released, PATIENCE);
	WRITE_ONCE(inside, false);
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block offline_nb = { .notifier_call = offline_notify, .priority = -1 };

static int __init offline_init(void)
{
	struct vcma_region *region = find_region();
	int err;

	if (!region)
		return -ENODEV;
	first_gpa = region->base_gpa;
	last_gpa = region->base_gpa + region->bytes - memory_block_size_bytes();
	err = register_memory_notifier(&offline_nb);
	if (err)
		return err;
	err = register_kprobe(&take_probe);
	if (err)
		unregister_memory_notifier(&offline_nb);
	return err;
}
module_init(offline_init);

static void __exit offline_exit(void)
{
	unregister_kprobe(&take_probe);
	unregister_memory_notifier(&offline_nb);
}
module_exit(offline_exit);

MODULE_DESCRIPTION("Test of taking memory of a virtio_cma region offline at the wrong moment");
MODULE_LICENSE("GPL");
