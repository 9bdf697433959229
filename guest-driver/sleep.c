// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation (sleep.h).
 *
 * Locks: none here: the flag is one word, the suspend code calls one after the other.
 */
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/suspend.h>

#include "client/binding.h"
#include "client/client.h"
#include "client/report.h"
#include "core/region.h"
#include "core/request.h"
#include "heap/user.h"
#include "mm/usage.h"
#include "sleep.h"

#define VCMA_NAMES_BYTES	128	/* of clients, and of programs, in one message */

static bool vcma_is_suspend;

bool vcma_sleep_is_suspend(void)
{
	return READ_ONCE(vcma_is_suspend);
}

int vcma_suspend(struct vcma_region *r)
{
	int err;

	vcma_report_stop(r);
	err = vcma_request_suspend(r);
	if (err)
		vcma_report_start(r);
	return err;
}

void vcma_resume(struct vcma_region *r)
{
	int err = vcma_request_resume(r);

	if (err) {
		dev_err(r->dev, "region %s: resuming: %pe\n", r->name, ERR_PTR(err));
		vcma_region_break(r, "the host has not kept what its clients had");
		return;
	}
	vcma_region_retry_frees(r);
	vcma_clients_changed(r);	/* events were lost */
	if (r->usage)
		vcma_usage_online_changed(r);
	vcma_report_start(r);
}

/* Before anything is frozen. */
static int vcma_sleep_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	char clients[VCMA_NAMES_BYTES], programs[VCMA_NAMES_BYTES];
	bool both;

	WRITE_ONCE(vcma_is_suspend, event == PM_SUSPEND_PREPARE);
	if (event != PM_HIBERNATION_PREPARE && event != PM_RESTORE_PREPARE)
		return NOTIFY_DONE;
	both = vcma_bindings_names(clients, sizeof(clients));
	both &= !!vcma_users_names(programs, sizeof(programs));
	if (!clients[0] && !programs[0])
		return NOTIFY_DONE;
	pr_err("virtio_cma: can't %s: memory that the host has pinned is in use by %s%s%s\n",
	       event == PM_RESTORE_PREPARE ? "resume from an image" : "hibernate",
	       clients, both ? ", " : "", programs);
	return NOTIFY_BAD;
}

/* Before memory.c's, which knows no names. */
static struct notifier_block vcma_sleep_nb = {
	.notifier_call = vcma_sleep_notify,
	.priority = 1,
};

int vcma_sleep_register(void)
{
	return register_pm_notifier(&vcma_sleep_nb);
}

void vcma_sleep_unregister(void)
{
	unregister_pm_notifier(&vcma_sleep_nb);
}
