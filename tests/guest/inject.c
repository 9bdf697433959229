// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_inject: makes a module's calls of kernel functions fail, one at a time, in
 * kernels that are built without fault injection. Each function is probed; the places
 * in the watched module's code that call one are numbered as they are first seen, over
 * all its loads, and the first call from the place that was asked for returns an error
 * instead of running.
 *
 *	insmod vcma_inject.ko functions=p:__kmalloc,i:gen_pool_add_owner
 *	echo 3 >/sys/module/vcma_inject/parameters/fail	fail a call of the third place
 *	cat /sys/module/vcma_inject/parameters/nr_places	known; failed: by name
 *
 * p: returns NULL, i: -ENOMEM, b: -EBUSY, e: ERR_PTR(-ENOMEM), x: an XArray's -ENOMEM.
 * A function that this kernel doesn't have, or has in a module that is not loaded, is
 * named in the log, and insmod fails. Calls that the compiler made from within the
 * kernel on the module's behalf are not seen.
 */
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/xarray.h>

#include "caller_of.h"

#define INJECT_MAX	64
#define INJECT_PLACES	512
#define INJECT_INIT	(1UL << 40)	/* offsets in its init code */

static char *functions = "";
module_param(functions, charp, 0444);
MODULE_PARM_DESC(functions, "KIND:NAME,KIND:NAME...: which calls to count and fail");

static char *watched = "virtio_cma";
module_param(watched, charp, 0444);
MODULE_PARM_DESC(watched, "module whose calls are meant");

static unsigned int nr_places;
module_param(nr_places, uint, 0444);
MODULE_PARM_DESC(nr_places, "places seen that call the functions");

static char failed[KSYM_NAME_LEN];
module_param_string(failed, failed, sizeof(failed), 0444);
MODULE_PARM_DESC(failed, "the function that failed since \"fail\" was set");

static unsigned int nr_probes;
module_param(nr_probes, uint, 0444);
MODULE_PARM_DESC(nr_probes, "functions of this kernel that are watched");

struct inject_probe {
	struct kprobe kp;
	unsigned long value;
};

static struct inject_probe probes[INJECT_MAX];
static struct module *target;
static unsigned int fail_nr;
static unsigned long places[INJECT_PLACES];
/*
 * places, failed, fail_nr, target. A probe's handler runs as an NMI does, which lockdep forbids whoever takes the
 * lock elsewhere, too: it doesn't know that nothing is probed that is called with the lock held.
 */
static arch_spinlock_t inject_lock = __ARCH_SPIN_LOCK_UNLOCKED;

static unsigned long inject_lock_irqsave(void)
{
	unsigned long flags;

	local_irq_save(flags);
	arch_spin_lock(&inject_lock);
	return flags;
}
NOKPROBE_SYMBOL(inject_lock_irqsave);

static void inject_unlock_irqrestore(unsigned long flags)
{
	arch_spin_unlock(&inject_lock);
	local_irq_restore(flags);
}
NOKPROBE_SYMBOL(inject_unlock_irqrestore);

static int inject_set_fail(const char *text, const struct kernel_param *kp)
{
	unsigned long flags;
	unsigned int nr;
	int err = kstrtouint(text, 0, &nr);

	if (err)
		return err;
	flags = inject_lock_irqsave();
	fail_nr = nr;
	failed[0] = '\0';
	inject_unlock_irqrestore(flags);
	return 0;
}

static const struct kernel_param_ops inject_fail_ops = {
	.set = inject_set_fail,
	.get = param_get_uint,
};
module_param_cb(fail, &inject_fail_ops, &fail_nr, 0644);
MODULE_PARM_DESC(fail, "number of the place whose next call fails, from 1; 0: none");

static noinline notrace void inject_return(void)
{
}

#ifdef CONFIG_X86
static void inject_result(struct pt_regs *regs, unsigned long value)
{
	regs->ax = value;
	regs->ip = (unsigned long)inject_return;
}
#else
static void inject_result(struct pt_regs *regs, unsigned long value)
{
	regs->regs[0] = value;
	instruction_pointer_set(regs, (unsigned long)inject_return);
}
#endif

/* Where @caller is in the module, whose addresses are others at each load. */
static unsigned long inject_offset(unsigned long caller)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	unsigned long text = (unsigned long)target->core_layout.base;
	unsigned long init = (unsigned long)target->init_layout.base;
#else
	unsigned long text = (unsigned long)target->mem[MOD_TEXT].base;
	unsigned long init = (unsigned long)target->mem[MOD_INIT_TEXT].base;
#endif

	return within_module_core(caller, target) ? caller - text : INJECT_INIT + caller - init;
}
NOKPROBE_SYMBOL(inject_offset);

/* Return: number of the place, from 1. Caller holds inject_lock. */
static unsigned int inject_place(unsigned long offset)
{
	unsigned int i;

	for (i = 0; i < nr_places; i++) {
		if (places[i] == offset)
			return i + 1;
	}
	if (nr_places < INJECT_PLACES)
		places[nr_places++] = offset;
	return i + 1;
}
NOKPROBE_SYMBOL(inject_place);

/* Return: 1 if the function is not to run. */
static int inject_enter(struct kprobe *kp, struct pt_regs *regs)
{
	struct inject_probe *p = container_of(kp, struct inject_probe, kp);
	unsigned long flags, caller = caller_of(regs);
	bool fail = false;

	flags = inject_lock_irqsave();
	if (target && within_module(caller, target)) {
		fail = inject_place(inject_offset(caller)) == fail_nr && !failed[0];
		if (fail)
			strscpy(failed, kp->symbol_name, sizeof(failed));
	}
	inject_unlock_irqrestore(flags);
	if (fail)
		inject_result(regs, p->value);
	return fail;
}
NOKPROBE_SYMBOL(inject_enter);

/* That there is one keeps the probe from being optimised into what can't skip a call. */
static void inject_leave(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static int inject_module_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct module *module = data;
	unsigned long flags;

	if (strcmp(module->name, watched))
		return NOTIFY_DONE;
	flags = inject_lock_irqsave();
	if (event == MODULE_STATE_COMING)
		target = module;
	else if (event == MODULE_STATE_GOING)
		target = NULL;
	inject_unlock_irqrestore(flags);
	return NOTIFY_OK;
}

static struct notifier_block inject_nb = { .notifier_call = inject_module_event };

static int inject_value(char kind, unsigned long *value)
{
	switch (kind) {
	case 'p':
		*value = 0;
		return 0;
	case 'i':
	case 'e':
		*value = -ENOMEM;
		return 0;
	case 'b':
		*value = -EBUSY;
		return 0;
	case 'x':
		*value = (unsigned long)xa_mk_internal(-ENOMEM);
		return 0;
	}
	return -EINVAL;
}

static int inject_add(char *text)
{
	struct inject_probe *p = &probes[nr_probes];
	int err;

	if (nr_probes == INJECT_MAX)
		return -E2BIG;
	if (strlen(text) < 3 || text[1] != ':' || inject_value(text[0], &p->value))
		return -EINVAL;
	p->kp.symbol_name = text + 2;
	p->kp.pre_handler = inject_enter;
	p->kp.post_handler = inject_leave;
	err = register_kprobe(&p->kp);
	if (err)
		pr_err("vcma_inject: can't probe %s: %d\n", p->kp.symbol_name, err);
	else
		nr_probes++;
	return err;
}

static void inject_remove_all(void)
{
	while (nr_probes)
		unregister_kprobe(&probes[--nr_probes].kp);
}

static int __init inject_init(void)
{
	char *text = functions, *one;
	int err = 0;

	while (!err && (one = strsep(&text, ",")))
		err = inject_add(one);
	if (!err)
		err = register_module_notifier(&inject_nb);
	if (err)
		inject_remove_all();
	return err;
}
module_init(inject_init);

static void __exit inject_exit(void)
{
	unregister_module_notifier(&inject_nb);
	inject_remove_all();
}
module_exit(inject_exit);

MODULE_DESCRIPTION("Failing kernel calls of one module");
MODULE_LICENSE("GPL");
