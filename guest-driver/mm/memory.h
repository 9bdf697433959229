/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reusable region's memory as RAM of the guest: added as memory blocks, online
 * as ZONE_MOVABLE and nothing else, kept online while any of it is allocated,
 * removed at the end. Pages that the driver has isolated are logically offline: they
 * count neither as the guest's memory nor in a dump.
 *
 * Knows memory blocks (the guest kernel's unit of on- and offlining) and pages;
 * choosing and isolating pages is for usage.c and mode_reusable.c.
 */
#ifndef VCMA_MEMORY_H
#define VCMA_MEMORY_H

#include <linux/completion.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct vcma_busy;
struct vcma_region;

#define VCMA_MEMORY_NAME_BYTES	33

enum vcma_memory_state {
	VCMA_MEMORY_OFFLINE,		/* absent, or not in the page allocator */
	VCMA_MEMORY_GOING_ONLINE,	/* becomes ONLINE or OFFLINE again */
	VCMA_MEMORY_ONLINE,		/* movable */
	VCMA_MEMORY_GOING_OFFLINE,	/* becomes OFFLINE or ONLINE again */
	VCMA_MEMORY_NR_STATES
};

/* One memory block; vcma_memory.lock. */
struct vcma_memory_block {
	enum vcma_memory_state state;
	u32 nr_gets;			/* > 0: stays ONLINE */
	bool isolated;			/* to be removed: all its pages are ours */
};

struct vcma_memory {
	/* Constant. */
	u64 base_gpa;
	u64 bytes;
	char name[VCMA_MEMORY_NAME_BYTES];
	struct notifier_block nb;
	struct notifier_block pm_nb;
	int nid;			/* NUMA node */
	int group;			/* of static memory; negative: none */

	spinlock_t lock;		/* a leaf: all below */
	struct vcma_region *region;	/* NULL: it is gone, and no page is online, or all are ours */
	bool removing;			/* nothing is allocated, nothing more will be */

	struct work_struct plug_work;
	struct completion plugged;
	int plug_err;

	struct work_struct unplug_work;

	u64 block_bytes;
	unsigned int nr_blocks;
	struct vcma_memory_block blocks[];
};

/** vcma_memory_init() - before the first region. Return: 0 or -ENOMEM. */
int vcma_memory_init(void);

/** vcma_memory_exit() - after the last one; waits for what is still to be removed. */
void vcma_memory_exit(void);

/**
 * vcma_memory_unfit() - why can a region not be online to this guest?
 * @reason: set to a sentence naming both numbers if it can't
 *
 * Return: true if it can't: then it can only be private.
 */
bool vcma_memory_unfit(u64 base_gpa, u64 bytes, char *reason, size_t reason_bytes);

/**
 * vcma_memory_add() - add the region's memory, and bring it online. May sleep.
 * Memory that an earlier life of the driver had to leave behind (orphaned memory) is used again.
 * @out: the memory, until vcma_memory_remove()
 *
 * Waits for who has the kernel's lock of device hotplug, which comes before every device's:
 * caller holds no lock. Who has it may be unplugging the device, and wait for this: if the
 * transport is going, the memory that is about to be added is removed later, by somebody else.
 *
 * Return: 0; -ENODEV, not logged, if the transport is going; or an error, logged: if also
 * vcma_memory_is_orphaned(), then somebody had pinned it already, else nothing is left behind.
 */
int vcma_memory_add(struct vcma_region *r, struct vcma_memory **out);

/**
 * vcma_memory_is_orphaned() - is all of the region RAM that a driver had added? Nobody else has
 * anything there. For when no vcma_memory is there.
 */
bool vcma_memory_is_orphaned(const struct vcma_region *r);

/**
 * vcma_memory_remove() - isolate; @memory is the callee's. May sleep. On return 0 nobody uses the
 * memory any more; the kernel's record of it is removed by somebody else, later: that needs the
 * lock of device hotplug, which the caller may have, or somebody who waits for the caller's
 * locks. vcma_memory_exit() and the next vcma_memory_add() wait for it.
 *
 * Memory that somebody else has pinned can't be isolated: after some seconds (or a signal) it
 * stays the guest's RAM, also if the device is being unplugged, and the next vcma_memory_add()
 * uses it again.
 *
 * Return: 0, or -EBUSY (logged): it stays.
 */
int vcma_memory_remove(struct vcma_memory *memory);

/**
 * vcma_memory_get_online() - keep [@base_gpa, @base_gpa + @bytes) online. Any context.
 *
 * Return: 0, or -EBUSY if part of it is not online.
 */
int vcma_memory_get_online(struct vcma_memory *memory, u64 base_gpa, u64 bytes);

/** vcma_memory_put_online() - undo one get. Any context. */
void vcma_memory_put_online(struct vcma_memory *memory, u64 base_gpa, u64 bytes);

/**
 * vcma_memory_online() - bring all of it online as movable; what is already is left alone.
 * May sleep. For vcma_memory_add().
 * @wq: does it
 *
 * Return: 0; -ENODEV (the transport is going); or an error, logged: some of it may be online.
 */
int vcma_memory_online(struct vcma_memory *memory, struct workqueue_struct *wq);

/** vcma_memory_is_online() - is all of it in the page allocator, or allocated? */
bool vcma_memory_is_online(struct vcma_memory *memory, u64 base_gpa, u64 bytes);

/** vcma_memory_is_valid() - do the blocks' states and counts agree? Caller holds the lock. */
bool vcma_memory_is_valid(const struct vcma_memory *memory);

/**
 * vcma_memory_fake_offline() - pages got from the page allocator are the driver's: logically
 * offline, no part of the guest's memory. May sleep. Poisoned ones are left alone.
 * vcma_memory_fake_online() - before they go back.
 */
void vcma_memory_fake_offline(unsigned long pfn, unsigned long nr);
void vcma_memory_fake_online(unsigned long pfn, unsigned long nr);

/**
 * vcma_memory_unref() - fake-offline pages lose their reference, while the kernel takes them
 * offline.
 * vcma_memory_ref() - it did not.
 */
void vcma_memory_unref(unsigned long pfn, unsigned long nr);
void vcma_memory_ref(unsigned long pfn, unsigned long nr);

/**
 * vcma_memory_isolate() - as vcma_isolate_pages(), of all pages that are not poisoned.
 * vcma_memory_putback() - put them back; what was poisoned since is lost.
 */
int vcma_memory_isolate(unsigned long pfn, unsigned long nr, struct vcma_busy *busy);
void vcma_memory_putback(unsigned long pfn, unsigned long nr);

#endif /* VCMA_MEMORY_H */
