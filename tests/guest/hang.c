// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hang: the first call of one function of a module comes to no end, as if the host did not
 * answer, until the module here goes; then it has failed (-EIO). Others run as ever.
 *
 *	insmod vcma_hang.ko function=vcma_request_claim
 *	cat /sys/module/vcma_hang/parameters/hangs	Y: somebody is inside
 *	rmmod vcma_hang
 *
 * With fails=1 it has failed at once.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static char *function = "";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "which one; it returns an int");

static bool hangs;
module_param(hangs, bool, 0444);
MODULE_PARM_DESC(hangs, "somebody has called it, and waits");

static bool fails;
module_param(fails, bool, 0444);
MODULE_PARM_DESC(fails, "who has called it does not wait");

static atomic_t nr_calls = ATOMIC_INIT(0);
static DECLARE_COMPLETION(released);

/* Runs in place of the function. */
static int hang(void)
{
	if (fails)
		return -EIO;
	WRITE_ONCE(hangs, true);
	wait_for_completion(&released);
	WRITE_ONCE(hangs, false);
	return -EIO;
}

/* Return: 1 if it goes on in hang() instead. */
static int hang_enter(struct kprobe *kp, struct pt_regs *regs)
{
	if (atomic_inc_return(&nr_calls) > 1)
		return 0;
	instruction_pointer_set(regs, (unsigned long)hang);
	return 1;
}
NOKPROBE_SYMBOL(hang_enter);

/* That there is one keeps the probe from being optimised into what can't skip a call. */
static void hang_leave(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe hang_probe = {
	.pre_handler = hang_enter,
	.post_handler = hang_leave,
};

static int __init hang_init(void)
{
	hang_probe.symbol_name = function;
	return register_kprobe(&hang_probe);
}
module_init(hang_init);

static void __exit hang_exit(void)
{
	unregister_kprobe(&hang_probe);
	complete_all(&released);
	while (READ_ONCE(hangs))
		msleep(20);
	msleep(20);	/* the last instructions of hang() */
}
module_exit(hang_exit);

MODULE_DESCRIPTION("A function of a module that comes to no end");
MODULE_LICENSE("GPL");
