// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_inject: makes a module's calls of kernel functions fail, one at a time, in
 * kernels that are built without fault injection. Each function is probed; a call
 * that comes from the watched module's code is counted, and the call whose number
 * was asked for returns an error instead of running.
 *
 *	insmod vcma_inject.ko functions=p:__kmalloc,i:gen_pool_add_owner
 *	echo 3 >/sys/module/vcma_inject/parameters/fail	fail the third call from now on
 *	cat /sys/module/vcma_inject/parameters/calls	calls since; failed: by name
 *
 * p: returns NULL, i: -ENOMEM, b: -EBUSY, e: ERR_PTR(-ENOMEM), x: an XArray's -ENOMEM.
 * Functions this kernel doesn't have are left out. Calls that the compiler
 * made from within the kernel on the module's behalf are not seen.
 */
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#define INJECT_MAX	32

static char *functions = "";
module_param(functions, charp, 0444);
MODULE_PARM_DESC(functions, "KIND:NAME,KIND:NAME...: which calls to count and fail");

static char *watched = "virtio_cma";
module_param(watched, charp, 0444);
MODULE_PARM_DESC(watched, "module whose calls are meant");

static unsigned int calls;
module_param(calls, uint, 0444);
MODULE_PARM_DESC(calls, "calls since \"fail\" was set");

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
static DEFINE_SPINLOCK(inject_lock);	/* calls, failed, fail_nr, target */

static int inject_set_fail(const char *text, const struct kernel_param *kp)
{
	unsigned int nr;
	int err = kstrtouint(text, 0, &nr);

	if (err)
		return err;
	spin_lock_irq(&inject_lock);
	fail_nr = nr;
	calls = 0;
	failed[0] = '\0';
	spin_unlock_irq(&inject_lock);
	return 0;
}

static const struct kernel_param_ops inject_fail_ops = {
	.set = inject_set_fail,
	.get = param_get_uint,
};
module_param_cb(fail, &inject_fail_ops, &fail_nr, 0644);
MODULE_PARM_DESC(fail, "number of the call to fail, from 1; 0: none");

static noinline notrace void inject_return(void)
{
}

#ifdef CONFIG_X86
static unsigned long inject_caller(const struct pt_regs *regs)
{
	return *(unsigned long *)regs->sp;
}

static void inject_result(struct pt_regs *regs, unsigned long value)
{
	regs->ax = value;
	regs->ip = (unsigned long)inject_return;
}
#else
static unsigned long inject_caller(const struct pt_regs *regs)
{
	return regs->regs[30];
}

static void inject_result(struct pt_regs *regs, unsigned long value)
{
	regs->regs[0] = value;
	instruction_pointer_set(regs, (unsigned long)inject_return);
}
#endif

/* Return: 1 if the function is not to run. */
static int inject_enter(struct kprobe *kp, struct pt_regs *regs)
{
	struct inject_probe *p = container_of(kp, struct inject_probe, kp);
	unsigned long flags;
	bool fail = false;

	spin_lock_irqsave(&inject_lock, flags);
	if (target && within_module(inject_caller(regs), target)) {
		fail = ++calls == fail_nr;
		if (fail)
			strscpy(failed, kp->symbol_name, sizeof(failed));
	}
	spin_unlock_irqrestore(&inject_lock, flags);
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

	if (strcmp(module->name, watched))
		return NOTIFY_DONE;
	spin_lock_irq(&inject_lock);
	if (event == MODULE_STATE_COMING)
		target = module;
	else if (event == MODULE_STATE_GOING)
		target = NULL;
	spin_unlock_irq(&inject_lock);
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
	if (err == -ENOENT) {
		memset(p, 0, sizeof(*p));
		return 0;
	}
	if (!err)
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
