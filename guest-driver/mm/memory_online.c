// SPDX-License-Identifier: GPL-2.0-only
/*
 * Region memory is brought online the way user space would do it, through sysfs: there is no
 * other way for a module. Which zone it may be online in is memory.c's to say.
 *
 * Locks: none here, nor held by callers: sysfs takes those of device hotplug.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "core/region.h"
#include "memory.h"

#define VCMA_ONLINE_TRIES	10

/*
 * Bring memory block number @id online; it may be online already. While somebody else has
 * the lock of device hotplug, the write marks a signal as pending and wants to be restarted.
 * A worker never comes to where that is undone: it would keep the mark, and what it does
 * next, taking memory offline for example, would be interrupted.
 * @removing: when to give up
 */
static int vcma_memory_online_block(unsigned long id, const bool *removing)
{
	static const char word[] = "online_movable";
	char path[64];
	struct file *file;
	ssize_t got;
	loff_t pos;

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%lu/state", id);
	file = filp_open(path, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	do {
		pos = 0;
		got = kernel_write(file, word, sizeof(word) - 1, &pos);
		flush_signals(current);
	} while (got == -ERESTARTNOINTR && !READ_ONCE(*removing));
	filp_close(file, NULL);
	return got < 0 ? got : 0;
}

struct vcma_online_work {
	struct work_struct work;
	struct vcma_memory *memory;
	int err;
};

/*
 * In a worker, which sees the files that the system's first process sees, whatever
 * container or chroot the driver is loaded from.
 */
static void vcma_memory_online_work(struct work_struct *work)
{
	struct vcma_online_work *online = container_of(work, struct vcma_online_work, work);
	struct vcma_memory *memory = online->memory;
	struct vcma_region *r = memory->region;
	const bool *removing = &r->transport->removing;
	unsigned int i, tries;

	for (i = 0; i < memory->nr_blocks; i++) {
		u64 gpa = r->base_gpa + i * memory->block_bytes;
		int err = 0;

		/* Others may bring it online, or just try to, at the same time. */
		for (tries = 0; tries < VCMA_ONLINE_TRIES; tries++) {
			if (vcma_memory_is_online(memory, gpa, memory->block_bytes))
				break;
			err = vcma_memory_online_block(div64_u64(gpa, memory->block_bytes),
						       removing);
			if (err == -ENOENT || err == -ENOMEM || READ_ONCE(*removing))
				break;
		}
		if (vcma_memory_is_online(memory, gpa, memory->block_bytes))
			continue;
		if (READ_ONCE(*removing)) {
			online->err = -ENODEV;
			return;
		}
		dev_err(r->dev, "region %s: bringing memory at %#llx online as movable: %pe%s\n",
			r->name, gpa, ERR_PTR(err),
			err == -ENOENT ? " (is sysfs mounted at /sys?)" : "");
		online->err = err ?: -EBUSY;
		return;
	}
	online->err = 0;
}

int vcma_memory_online(struct vcma_memory *memory, struct workqueue_struct *wq)
{
	struct vcma_online_work online = { .memory = memory };

	INIT_WORK_ONSTACK(&online.work, vcma_memory_online_work);
	queue_work(wq, &online.work);
	flush_work(&online.work);
	destroy_work_on_stack(&online.work);
	return online.err;
}
