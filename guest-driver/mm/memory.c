// SPDX-License-Identifier: GPL-2.0-only
/*
 * Region memory as RAM of the guest (memory.h).
 *
 * A module can't choose the zone of memory it adds. What it can do is veto: the
 * notifier refuses any zone but ZONE_MOVABLE, whoever brings the memory online,
 * and then it is brought online the way user space would do it, through sysfs.
 * Where udev or the kernel's own policy were faster and right, nothing is left to
 * be done.
 *
 * The kernel's own offlining retries for as long as a page is pinned. Therefore
 * all pages are isolated first, as for an allocation, which comes to an end; with
 * all pages isolated offlining can't fail for such a reason. Its rule for isolated
 * pages: no reference on them while it runs. That is enough for a device and its
 * memory to go away: nobody touches isolated pages, and the kernel's record of them is
 * removed when the lock is free.
 *
 * Locks: notifiers run under the kernel's memory hotplug lock; they take
 * vcma_memory.lock only, and nobody waits for them while it has any of our locks. The
 * lock of device hotplug comes before those of ACPI, of PCI and of devices, which our
 * callers have: only workers wait for it, and nobody waits for these who holds a lock.
 */
#include <linux/jiffies.h>
#include <linux/ioport.h>
#include <linux/kmemleak.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/suspend.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "core/region.h"
#include "core/request.h"
#include "core/trace.h"
#include "isolate.h"
#include "memory.h"
#include "usage.h"

/* Programs rely on the prefix: kexec, and tools that count RAM. */
#define VCMA_RESOURCE		"System RAM (virtio_cma)"
#define VCMA_REMOVE_PATIENCE	(5 * HZ)
#define VCMA_REMOVE_PAUSE	(HZ / 5)
#define VCMA_RECORD_TRIES	10
#define VCMA_RECORD_PAUSE	HZ

#define VCMA_REMOVING_STEP	(HZ / 10)	/* how often to look for it */

static struct workqueue_struct *vcma_memory_wq;

/* The kernel keeps the pointer for as long as the memory is there: maybe longer than this module. */
static const char *vcma_memory_resource;
/* Memory that has outlived its region, and has the name: how many pages, by the first of them. */
static DEFINE_XARRAY(vcma_memory_left);

/* Memory whose region is gone, on its way out of the kernel. */
static atomic_t vcma_memory_nr_orphans = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(vcma_memory_orphan_gone);

/* A block is not going offline any more. */
static DECLARE_WAIT_QUEUE_HEAD(vcma_memory_settled);

static void vcma_memory_plug_work(struct work_struct *work);
static void vcma_memory_unplug_work(struct work_struct *work);

/* Bit n of entry m: state m may become state n. */
static const u8 vcma_memory_steps[VCMA_MEMORY_NR_STATES] = {
	/* To ONLINE at once: it had begun before we came. */
	[VCMA_MEMORY_OFFLINE] = BIT(VCMA_MEMORY_GOING_ONLINE) | BIT(VCMA_MEMORY_ONLINE),
	[VCMA_MEMORY_GOING_ONLINE] = BIT(VCMA_MEMORY_ONLINE) | BIT(VCMA_MEMORY_OFFLINE),
	[VCMA_MEMORY_ONLINE] = BIT(VCMA_MEMORY_GOING_OFFLINE),
	[VCMA_MEMORY_GOING_OFFLINE] = BIT(VCMA_MEMORY_OFFLINE) | BIT(VCMA_MEMORY_ONLINE),
};

static void vcma_memory_set_state(struct vcma_memory *memory, unsigned int i,
				  enum vcma_memory_state state)
{
	struct vcma_memory_block *block = &memory->blocks[i];

	lockdep_assert_held(&memory->lock);
	WARN(!(vcma_memory_steps[block->state] & BIT(state)), "memory block %u: state %d to %d",
	     i, block->state, state);
	if (memory->region)
		trace_vcma_memory_state(memory->region, i, block->state, state);
	block->state = state;
}

bool vcma_memory_is_valid(const struct vcma_memory *memory)
{
	const struct vcma_memory_block *block;

	lockdep_assert_held(&memory->lock);
	for (block = memory->blocks; block < memory->blocks + memory->nr_blocks; block++) {
		if (block->nr_gets && (block->state != VCMA_MEMORY_ONLINE || block->isolated))
			return false;
		if (block->isolated &&
		    (block->state == VCMA_MEMORY_OFFLINE || !memory->removing))
			return false;
	}
	return true;
}

bool vcma_memory_unfit(u64 base_gpa, u64 bytes, char *reason, size_t reason_bytes)
{
	u64 block = memory_block_size_bytes();
	struct range pluggable = mhp_get_pluggable_range(true);

	if (!IS_ALIGNED(base_gpa | bytes, block)) {
		snprintf(reason, reason_bytes,
			 "base %#llx and size %#llx must be multiples of this guest's memory block size %#llx to be online",
			 base_gpa, bytes, block);
		return true;
	}
	if (base_gpa < pluggable.start || base_gpa + bytes - 1 > pluggable.end) {
		snprintf(reason, reason_bytes,
			 "base %#llx, size %#llx: this guest can add memory between %#llx and %#llx only",
			 base_gpa, bytes, pluggable.start, pluggable.end);
		return true;
	}
	return false;
}

/* ---- allocated memory stays online ---- */

static unsigned int vcma_memory_index(const struct vcma_memory *memory, u64 gpa)
{
	return div64_u64(gpa - memory->base_gpa, memory->block_bytes);
}

int vcma_memory_get_online(struct vcma_memory *memory, u64 base_gpa, u64 bytes)
{
	unsigned int first = vcma_memory_index(memory, base_gpa);
	unsigned int last = vcma_memory_index(memory, base_gpa + bytes - 1), i;
	unsigned long irq;
	int err = 0;

	spin_lock_irqsave(&memory->lock, irq);
	for (i = first; i <= last; i++) {
		if (memory->removing || memory->blocks[i].state != VCMA_MEMORY_ONLINE)
			err = -EBUSY;
	}
	for (i = first; !err && i <= last; i++)
		memory->blocks[i].nr_gets++;
	vcma_assert_valid(vcma_memory_is_valid(memory));
	spin_unlock_irqrestore(&memory->lock, irq);
	return err;
}

void vcma_memory_put_online(struct vcma_memory *memory, u64 base_gpa, u64 bytes)
{
	unsigned int first = vcma_memory_index(memory, base_gpa);
	unsigned int last = vcma_memory_index(memory, base_gpa + bytes - 1), i;
	unsigned long irq;

	spin_lock_irqsave(&memory->lock, irq);
	for (i = first; i <= last; i++)
		memory->blocks[i].nr_gets--;
	vcma_assert_valid(vcma_memory_is_valid(memory));
	spin_unlock_irqrestore(&memory->lock, irq);
}

bool vcma_memory_is_online(struct vcma_memory *memory, u64 base_gpa, u64 bytes)
{
	unsigned int first = vcma_memory_index(memory, base_gpa);
	unsigned int last = vcma_memory_index(memory, base_gpa + bytes - 1), i;
	bool online = true;

	for (i = first; i <= last; i++)
		online &= READ_ONCE(memory->blocks[i].state) == VCMA_MEMORY_ONLINE;
	return online;
}

/* ---- what the kernel does with our memory blocks ---- */

/* Name whoever has part of a memory block that somebody wants to take offline. */
static void vcma_memory_blame(struct vcma_memory *memory, u64 base_gpa)
{
	struct vcma_region *r = memory->region;
	struct vcma_block *block = NULL;
	u64 off;

	rcu_read_lock();
	for (off = 0; !block && off < memory->block_bytes; off += r->granule_bytes)
		block = vcma_block_by_gpa(r, base_gpa + off);
	if (block)
		dev_info(r->dev, "region %s: memory at %#llx stays online: '%s' has %#llx bytes at %#llx\n",
			 r->name, base_gpa, block->owner_name, block->bytes, block->base_gpa);
	rcu_read_unlock();
}

static int vcma_memory_going_online(struct vcma_memory *memory, unsigned int i,
				    unsigned long pfn)
{
	bool movable = is_zone_movable_page(pfn_to_page(pfn)), gone;
	unsigned long irq;

	spin_lock_irqsave(&memory->lock, irq);
	gone = !memory->region;
	if (movable && !gone)
		vcma_memory_set_state(memory, i, VCMA_MEMORY_GOING_ONLINE);
	spin_unlock_irqrestore(&memory->lock, irq);
	if (gone)	/* nothing is behind the addresses */
		return notifier_from_errno(-ENODEV);
	if (movable)
		return NOTIFY_OK;
	pr_debug("virtio_cma: region %s: memory at %#llx may be online as movable only\n",
		 memory->name, (u64)PFN_PHYS(pfn));
	return notifier_from_errno(-EPERM);
}

/* Undo the above; does nothing for a block that was refused. */
static void vcma_memory_cancel_online(struct vcma_memory *memory, unsigned int i)
{
	unsigned long irq;

	spin_lock_irqsave(&memory->lock, irq);
	if (memory->blocks[i].state == VCMA_MEMORY_GOING_ONLINE)
		vcma_memory_set_state(memory, i, VCMA_MEMORY_OFFLINE);
	spin_unlock_irqrestore(&memory->lock, irq);
}

static int vcma_memory_going_offline(struct vcma_memory *memory, unsigned int i,
				     unsigned long pfn, unsigned long nr)
{
	struct vcma_memory_block *block = &memory->blocks[i];
	bool kept, isolated;
	unsigned long irq;

	spin_lock_irqsave(&memory->lock, irq);
	isolated = block->isolated;
	kept = block->nr_gets || (memory->removing && !isolated);
	if (!kept)
		vcma_memory_set_state(memory, i, VCMA_MEMORY_GOING_OFFLINE);
	spin_unlock_irqrestore(&memory->lock, irq);

	if (kept) {
		/* Then the region is there, and stays: its end waits for this lock's holder. */
		vcma_memory_blame(memory, PFN_PHYS(pfn));
		return notifier_from_errno(-EBUSY);
	}
	if (isolated)
		vcma_memory_unref(pfn, nr);
	return NOTIFY_OK;
}

/* Undo the above; does nothing for a block that was refused. */
static void vcma_memory_cancel_offline(struct vcma_memory *memory, unsigned int i,
				       unsigned long pfn, unsigned long nr)
{
	struct vcma_memory_block *block = &memory->blocks[i];
	unsigned long irq;

	if (READ_ONCE(block->state) != VCMA_MEMORY_GOING_OFFLINE)
		return;
	/* Nobody gives them back until the state is another one. */
	if (block->isolated)
		vcma_memory_ref(pfn, nr);
	spin_lock_irqsave(&memory->lock, irq);
	vcma_memory_set_state(memory, i, VCMA_MEMORY_ONLINE);
	spin_unlock_irqrestore(&memory->lock, irq);
	wake_up_all(&vcma_memory_settled);
}

/* What is on- or offline anew has no pages of ours. */
static void vcma_memory_changed(struct vcma_memory *memory, unsigned int i,
				enum vcma_memory_state state, s64 bytes)
{
	unsigned long irq;

	spin_lock_irqsave(&memory->lock, irq);
	vcma_memory_set_state(memory, i, state);
	if (memory->blocks[i].isolated)
		bytes = 0;	/* not online any more when they were isolated */
	memory->blocks[i].isolated = false;
	vcma_assert_valid(vcma_memory_is_valid(memory));
	if (memory->region) {
		atomic64_add(state == VCMA_MEMORY_ONLINE ? bytes : -bytes,
			     &memory->region->online_bytes);
		vcma_usage_online_changed(memory->region);
	}
	spin_unlock_irqrestore(&memory->lock, irq);
	wake_up_all(&vcma_memory_settled);
}

static int vcma_memory_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct vcma_memory *memory = container_of(nb, struct vcma_memory, nb);
	const struct memory_notify *note = data;
	u64 gpa = PFN_PHYS(note->start_pfn);
	s64 bytes = PFN_PHYS(note->nr_pages);
	unsigned int i;

	if (gpa < memory->base_gpa || gpa - memory->base_gpa >= memory->bytes)
		return NOTIFY_DONE;
	i = vcma_memory_index(memory, gpa);
	switch (event) {
	case MEM_GOING_ONLINE:
		return vcma_memory_going_online(memory, i, note->start_pfn);
	case MEM_CANCEL_ONLINE:
		vcma_memory_cancel_online(memory, i);
		break;
	case MEM_ONLINE:
		vcma_memory_changed(memory, i, VCMA_MEMORY_ONLINE, bytes);
		break;
	case MEM_GOING_OFFLINE:
		return vcma_memory_going_offline(memory, i, note->start_pfn, note->nr_pages);
	case MEM_CANCEL_OFFLINE:
		vcma_memory_cancel_offline(memory, i, note->start_pfn, note->nr_pages);
		break;
	case MEM_OFFLINE:
		vcma_memory_changed(memory, i, VCMA_MEMORY_OFFLINE, bytes);
		break;
	}
	return NOTIFY_OK;
}

/* A resumed image would expect the region to be where and what it was. */
static int vcma_memory_pm_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct vcma_memory *memory = container_of(nb, struct vcma_memory, pm_nb);

	switch (event) {
	case PM_HIBERNATION_PREPARE:
		pr_err("virtio_cma: region %s: can't hibernate while its memory is online\n",
		       memory->name);
		return NOTIFY_BAD;
	case PM_RESTORE_PREPARE:	/* an image of before it was */
		pr_err("virtio_cma: region %s: can't resume from an image while its memory is online\n",
		       memory->name);
		return NOTIFY_BAD;
	}
	return NOTIFY_DONE;
}

/* ---- add ---- */

/* What was left before, at this place and under another size, covers it: regions have left memory whole. */
static void vcma_memory_leave(const struct vcma_memory *memory)
{
	xa_cmpxchg(&vcma_memory_left, PHYS_PFN(memory->base_gpa), NULL,
		   xa_mk_value(PHYS_PFN(memory->bytes)), GFP_KERNEL | __GFP_NOFAIL);
}

/* A region has it again: all of it, or the rest is left still. What another module left is its own. */
static void vcma_memory_take_up(const struct vcma_memory *memory)
{
	xa_cmpxchg(&vcma_memory_left, PHYS_PFN(memory->base_gpa),
		   xa_mk_value(PHYS_PFN(memory->bytes)), NULL, GFP_KERNEL);
}

static int vcma_count_ram(struct resource *res, void *bytes)
{
	*(u64 *)bytes += resource_size(res);
	return 0;
}

bool vcma_memory_is_orphaned(const struct vcma_region *r)
{
	unsigned long flags = IORESOURCE_SYSTEM_RAM | IORESOURCE_SYSRAM_DRIVER_MANAGED;
	u64 bytes = 0;

	walk_iomem_res_desc(IORES_DESC_NONE, flags, r->base_gpa, r->base_gpa + r->bytes - 1,
			    &bytes, vcma_count_ram);
	return bytes == r->bytes;
}

/* Its blocks may be online or not; none in another zone, or the veto would come too late. */
static int vcma_memory_reattach(struct vcma_memory *memory)
{
	struct vcma_region *r = memory->region;
	unsigned int i;

	for (i = 0; i < memory->nr_blocks; i++) {
		unsigned long pfn = PHYS_PFN(r->base_gpa + i * memory->block_bytes);
		struct page *page = pfn_to_online_page(pfn);

		if (page && !is_zone_movable_page(page)) {
			dev_err(r->dev, "region %s: memory at %#llx is online in a zone that is not movable\n",
				r->name, (u64)PFN_PHYS(pfn));
			return -EBUSY;
		}
		if (!page)
			continue;
		memory->blocks[i].state = VCMA_MEMORY_ONLINE;
		atomic64_add(memory->block_bytes, &r->online_bytes);
	}
	vcma_memory_take_up(memory);
	dev_info(r->dev, "region %s: uses its orphaned memory at %#llx again\n",
		 r->name, r->base_gpa);
	return 0;
}

/* The region may go meanwhile. */
static int vcma_memory_plug(struct vcma_memory *memory)
{
	int err;

	memory->group = memory_group_register_static(memory->nid, PHYS_PFN(memory->bytes));
	if (memory->group < 0) {
		pr_err("virtio_cma: region %s: registering a memory group: %pe\n", memory->name,
		       ERR_PTR(memory->group));
		return memory->group;
	}
	err = add_memory_driver_managed(memory->group, memory->base_gpa, memory->bytes,
					vcma_memory_resource,
					MHP_MERGE_RESOURCE | MHP_NID_IS_MGID);
	if (err) {
		pr_err("virtio_cma: region %s: adding memory %#llx+%#llx: %pe\n", memory->name,
		       memory->base_gpa, memory->bytes, ERR_PTR(err));
		memory_group_unregister(memory->group);
	}
	return err;
}

static void vcma_memory_forget(struct vcma_memory *memory)
{
	bool orphan = !memory->region;

	unregister_pm_notifier(&memory->pm_nb);
	unregister_memory_notifier(&memory->nb);
	kvfree(memory);
	if (orphan && atomic_dec_and_test(&vcma_memory_nr_orphans))
		wake_up_all(&vcma_memory_orphan_gone);
}

/*
 * The region goes; what is to be done about its memory is left to a worker.
 * Return: false if pages are in the page allocator, or about to come there.
 */
static bool vcma_memory_orphan(struct vcma_memory *memory)
{
	const struct vcma_memory_block *block;

	lockdep_assert_held(&memory->lock);
	for (block = memory->blocks; block < memory->blocks + memory->nr_blocks; block++) {
		if (block->state != VCMA_MEMORY_OFFLINE && !block->isolated)
			return false;
	}
	atomic_inc(&vcma_memory_nr_orphans);
	memory->region = NULL;
	return true;
}

/* Remove memory that is offline, or all ours, from the kernel. */
static int vcma_memory_remove_record(struct vcma_memory *memory)
{
	int err = offline_and_remove_memory(memory->base_gpa, memory->bytes);

	if (!err && memory->group >= 0)
		memory_group_unregister(memory->group);
	return err;
}

/* Nobody waits for this who holds a lock: @memory ends here. */
static void vcma_memory_remove_orphan(struct vcma_memory *memory)
{
	unsigned int tries = 1;
	int err;

	/* Others may look at a page for a moment, or have a notifier that refuses. */
	while ((err = vcma_memory_remove_record(memory)) && tries++ < VCMA_RECORD_TRIES)
		schedule_timeout_idle(VCMA_RECORD_PAUSE);
	if (err) {
		vcma_memory_leave(memory);
		pr_err("virtio_cma: region %s: removing memory %#llx+%#llx, of which nothing is in use: %pe\n",
		       memory->name, memory->base_gpa, memory->bytes, ERR_PTR(err));
	}
	vcma_memory_forget(memory);
}

static void vcma_memory_plug_work(struct work_struct *work)
{
	struct vcma_memory *memory = container_of(work, struct vcma_memory, plug_work);
	unsigned long irq;
	bool orphan;
	int err;

	err = vcma_memory_plug(memory);
	spin_lock_irqsave(&memory->lock, irq);
	orphan = !memory->region;
	memory->plug_err = err;
	complete(&memory->plugged);
	spin_unlock_irqrestore(&memory->lock, irq);
	if (orphan && err)
		vcma_memory_forget(memory);
	else if (orphan)
		vcma_memory_remove_orphan(memory);
}

/* Return: false if the transport goes, and the memory is left to the worker. */
static bool vcma_memory_wait_plugged(struct vcma_memory *memory)
{
	const bool *removing = &memory->region->transport->removing;
	bool orphaned = false;
	unsigned long irq;

	while (!orphaned && !wait_for_completion_timeout(&memory->plugged, VCMA_REMOVING_STEP)) {
		spin_lock_irqsave(&memory->lock, irq);
		orphaned = READ_ONCE(*removing) && !completion_done(&memory->plugged) &&
			   vcma_memory_orphan(memory);
		spin_unlock_irqrestore(&memory->lock, irq);
	}
	if (!orphaned)	/* until it lets go of the lock */
		flush_work(&memory->plug_work);
	return !orphaned;
}

/* Wait for memory of regions that were here before. Return: 0 or -ENODEV. */
static int vcma_memory_wait_orphans(const struct vcma_region *r)
{
	while (!wait_event_timeout(vcma_memory_orphan_gone,
				   !atomic_read(&vcma_memory_nr_orphans), VCMA_REMOVING_STEP)) {
		if (READ_ONCE(r->transport->removing))
			return -ENODEV;
	}
	return 0;
}

int vcma_memory_add(struct vcma_region *r, struct vcma_memory **out)
{
	u64 block_bytes = memory_block_size_bytes();
	unsigned int nr = div64_u64(r->bytes, block_bytes);
	struct vcma_memory *memory;
	int err;

	err = vcma_memory_wait_orphans(r);
	if (err)
		return err;
	memory = kvzalloc(struct_size(memory, blocks, nr), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	memory->region = r;
	memory->base_gpa = r->base_gpa;
	memory->bytes = r->bytes;
	strscpy(memory->name, r->name, sizeof(memory->name));
	memory->group = -1;
	memory->nid = dev_to_node(r->dev);
	if (memory->nid == NUMA_NO_NODE)
		memory->nid = memory_add_physaddr_to_nid(r->base_gpa);
	memory->block_bytes = block_bytes;
	memory->nr_blocks = nr;
	spin_lock_init(&memory->lock);
	init_completion(&memory->plugged);
	INIT_WORK(&memory->plug_work, vcma_memory_plug_work);
	INIT_WORK(&memory->unplug_work, vcma_memory_unplug_work);
	memory->nb.notifier_call = vcma_memory_notify;
	memory->pm_nb.notifier_call = vcma_memory_pm_notify;

	err = register_memory_notifier(&memory->nb);
	if (err)
		goto free;
	err = register_pm_notifier(&memory->pm_nb);
	if (err)
		goto unregister;
	if (vcma_memory_is_orphaned(r)) {
		err = vcma_memory_reattach(memory);
	} else {
		queue_work(vcma_memory_wq, &memory->plug_work);
		if (!vcma_memory_wait_plugged(memory))
			return -ENODEV;
		err = memory->plug_err;
	}
	if (err)
		goto forget;
	err = vcma_memory_online(memory, vcma_memory_wq);
	if (err) {
		vcma_memory_remove(memory);
		return err;
	}
	*out = memory;
	return 0;

forget:
	vcma_memory_forget(memory);
	return err;
unregister:
	unregister_memory_notifier(&memory->nb);
free:
	kvfree(memory);
	return err;
}

/* ---- remove ---- */

static void vcma_memory_set_isolated(struct vcma_memory *memory, unsigned int i, bool isolated)
{
	s64 bytes = memory->block_bytes;

	lockdep_assert_held(&memory->lock);
	memory->blocks[i].isolated = isolated;
	vcma_assert_valid(vcma_memory_is_valid(memory));
	if (memory->region)
		atomic64_add(isolated ? -bytes : bytes, &memory->region->online_bytes);
}

/*
 * Return: false if somebody is just taking the block offline.
 * @ours: else, is it the caller's to give back? Then nobody else can take it offline any more.
 */
static bool vcma_memory_end_isolated(struct vcma_memory *memory, unsigned int i, bool *ours)
{
	struct vcma_memory_block *block = &memory->blocks[i];
	unsigned long irq;
	bool settled;

	spin_lock_irqsave(&memory->lock, irq);
	settled = block->state != VCMA_MEMORY_GOING_OFFLINE;
	*ours = settled && block->isolated;
	if (*ours)
		vcma_memory_set_isolated(memory, i, false);
	spin_unlock_irqrestore(&memory->lock, irq);
	return settled;
}

static void vcma_memory_putback_all(struct vcma_memory *memory)
{
	unsigned long nr = PHYS_PFN(memory->block_bytes), pfn;
	unsigned int i;
	bool ours;

	for (i = 0; i < memory->nr_blocks; i++) {
		/* Who takes it offline needs none of the locks that our callers may have. */
		wait_event(vcma_memory_settled, vcma_memory_end_isolated(memory, i, &ours));
		if (!ours)
			continue;
		pfn = PHYS_PFN(memory->base_gpa) + i * nr;
		vcma_memory_fake_online(pfn, nr);
		vcma_memory_putback(pfn, nr);
	}
}

struct vcma_isolate_work {
	struct work_struct work;
	struct vcma_memory *memory;
	struct vcma_busy *busy;
	int err;
};

/*
 * In a worker, which may wait for I/O: a caller in ACPI's hotplug must not, and could
 * not migrate page cache.
 */
static void vcma_memory_isolate_work(struct work_struct *work)
{
	struct vcma_isolate_work *isolate = container_of(work, struct vcma_isolate_work, work);
	struct vcma_memory *memory = isolate->memory;
	unsigned long nr = PHYS_PFN(memory->block_bytes), pfn;
	struct vcma_busy *busy = isolate->busy;
	unsigned long irq;
	unsigned int i;
	int err;

	for (i = 0; i < memory->nr_blocks; i++) {
		if (memory->blocks[i].state != VCMA_MEMORY_ONLINE)
			continue;
		pfn = PHYS_PFN(memory->base_gpa) + i * nr;
		err = vcma_memory_isolate(pfn, nr, busy);
		if (err) {
			*busy = (struct vcma_busy) {
				.first_page = i * nr + (err == -EBUSY ? busy->first_page : 0),
				.why = err == -EBUSY ? busy->why : VIRTIO_CMA_WHY_NO_ROOM,
			};
			vcma_memory_putback_all(memory);
			isolate->err = err;
			return;
		}
		vcma_memory_fake_offline(pfn, nr);
		spin_lock_irqsave(&memory->lock, irq);
		vcma_memory_set_isolated(memory, i, true);
		spin_unlock_irqrestore(&memory->lock, irq);
	}
}

/*
 * Isolate all pages of the online blocks. On failure none is isolated, and
 * @busy says where one could not be.
 */
static int vcma_memory_isolate_all(struct vcma_memory *memory, struct vcma_busy *busy)
{
	struct vcma_isolate_work isolate = { .memory = memory, .busy = busy };

	INIT_WORK_ONSTACK(&isolate.work, vcma_memory_isolate_work);
	queue_work(vcma_memory_wq, &isolate.work);
	flush_work(&isolate.work);
	destroy_work_on_stack(&isolate.work);
	return isolate.err;
}

/* All pages are ours, and the region is gone. */
static void vcma_memory_unplug_work(struct work_struct *work)
{
	vcma_memory_remove_orphan(container_of(work, struct vcma_memory, unplug_work));
}

/* One attempt. On failure all is as before; else @memory is left to a worker. */
static int vcma_memory_unplug(struct vcma_memory *memory, struct vcma_busy *busy)
{
	unsigned long irq;
	bool orphaned;
	int err;

	err = vcma_memory_isolate_all(memory, busy);
	if (err)
		return err;
	spin_lock_irqsave(&memory->lock, irq);
	orphaned = vcma_memory_orphan(memory);
	spin_unlock_irqrestore(&memory->lock, irq);
	if (!orphaned) {	/* somebody is bringing some of it online */
		vcma_memory_putback_all(memory);
		return -EAGAIN;
	}
	queue_work(vcma_memory_wq, &memory->unplug_work);
	return 0;
}

int vcma_memory_remove(struct vcma_memory *memory)
{
	unsigned long give_up = jiffies + VCMA_REMOVE_PATIENCE;
	struct vcma_region *r = memory->region;
	struct vcma_busy busy = {};
	unsigned long irq;
	int err;

	spin_lock_irqsave(&memory->lock, irq);
	memory->removing = true;
	spin_unlock_irqrestore(&memory->lock, irq);

	while ((err = vcma_memory_unplug(memory, &busy))) {
		if (time_after(jiffies, give_up) || signal_pending(current))
			break;
		schedule_timeout_idle(VCMA_REMOVE_PAUSE);
	}
	if (!err)
		return 0;
	dev_err(r->dev, "region %s: memory in use at %#llx (%s): all of %#llx+%#llx stays RAM of this guest until the driver is loaded again\n",
		r->name, r->base_gpa + PFN_PHYS(busy.first_page), vcma_why_name(busy.why),
		r->base_gpa, r->bytes);
	vcma_memory_leave(memory);
	vcma_memory_forget(memory);
	return -EBUSY;
}

/* ---- module ---- */

int vcma_memory_init(void)
{
	vcma_memory_resource = kstrdup(VCMA_RESOURCE, GFP_KERNEL);
	if (!vcma_memory_resource)
		return -ENOMEM;
	vcma_memory_wq = alloc_workqueue("vcma-memory", WQ_UNBOUND, 0);
	if (!vcma_memory_wq)
		goto free;
	if (vcma_isolate_init())
		goto destroy_wq;
	return 0;

destroy_wq:
	destroy_workqueue(vcma_memory_wq);
free:
	kfree(vcma_memory_resource);
	return -ENOMEM;
}

void vcma_memory_exit(void)
{
	vcma_isolate_exit();
	destroy_workqueue(vcma_memory_wq);
	if (xa_empty(&vcma_memory_left))
		kfree(vcma_memory_resource);
	else	/* the kernel's from now on */
		kmemleak_not_leak(vcma_memory_resource);
	xa_destroy(&vcma_memory_left);
}
