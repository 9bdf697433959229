// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocated blocks: the index that finds them, who keeps them, which of their pages
 * are isolated, and how they end (region.h). How they begin is in block_alloc.c.
 *
 * Locks: vcma_region.index_lock for changes of the index, which is read under RCU;
 * vcma_block.isolated_lock, a leaf, for which pages are isolated.
 */
#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "account.h"
#include "block.h"
#include "mode.h"
#include "request.h"
#include "trace.h"

#define VCMA_WAIT_REMIND	(10 * HZ)

/* ---- index ---- */

static unsigned long vcma_gpa_key(const struct vcma_region *r, u64 gpa)
{
	return (gpa - r->base_gpa) >> r->granule_shift;
}

static unsigned long vcma_dma_key(const struct vcma_region *r, u64 dma)
{
	return dma >> r->granule_shift;
}

struct vcma_block *vcma_block_by_dma(struct vcma_region *r, u64 dma)
{
	return xa_load(&r->by_dma, vcma_dma_key(r, dma));
}

struct vcma_block *vcma_block_by_gpa(struct vcma_region *r, u64 gpa)
{
	if (gpa < r->base_gpa || gpa - r->base_gpa >= r->span_bytes)
		return NULL;
	return xa_load(&r->by_gpa, vcma_gpa_key(r, gpa));
}

static void vcma_index_erase(struct vcma_block *block, u64 bytes)
{
	struct vcma_region *r = block->region;
	u64 off;

	for (off = 0; off < bytes; off += r->granule_bytes) {
		xa_erase(&r->by_gpa, vcma_gpa_key(r, block->base_gpa + off));
		xa_erase(&r->by_dma, vcma_dma_key(r, block->base_dma + off));
	}
}

int vcma_block_index(struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	int err = 0;
	u64 off;

	mutex_lock(&r->index_lock);
	for (off = 0; off < block->bytes; off += r->granule_bytes) {
		err = xa_insert(&r->by_gpa, vcma_gpa_key(r, block->base_gpa + off),
				block, GFP_NOIO);
		if (err)
			break;
		err = xa_insert(&r->by_dma, vcma_dma_key(r, block->base_dma + off),
				block, GFP_NOIO);
		if (err) {
			xa_erase(&r->by_gpa, vcma_gpa_key(r, block->base_gpa + off));
			break;
		}
	}
	if (err)
		vcma_index_erase(block, off);
	mutex_unlock(&r->index_lock);
	return err;
}

void vcma_block_unindex(struct vcma_block *block)
{
	mutex_lock(&block->region->index_lock);
	vcma_index_erase(block, block->bytes);
	mutex_unlock(&block->region->index_lock);
}

/* ---- isolated pages ---- */

static unsigned long vcma_block_pages(const struct vcma_block *block)
{
	return block->bytes >> PAGE_SHIFT;
}

static bool vcma_block_has(const struct vcma_block *block, unsigned long first_page,
			   unsigned long nr_pages)
{
	return nr_pages && first_page < vcma_block_pages(block) &&
	       nr_pages <= vcma_block_pages(block) - first_page;
}

int vcma_block_isolate(struct vcma_block *block, unsigned long first_page,
		       unsigned long nr_pages, unsigned int flags, ktime_t deadline,
		       struct vcma_busy *busy)
{
	unsigned long end = first_page + nr_pages, bit, irq;
	int err = 0;

	if (WARN_ON(!vcma_block_has(block, first_page, nr_pages)))
		return -EINVAL;

	/* Claimed first, migrated then: no lock is held across the migration. */
	spin_lock_irqsave(&block->isolated_lock, irq);
	bit = find_next_bit(block->isolated, end, first_page);
	if (bit < end) {
		*busy = (struct vcma_busy) {
			.first_page = bit,
			.nr_pages = find_next_zero_bit(block->isolated, end, bit) - bit,
		};
		err = -EBUSY;
	} else {
		bitmap_set(block->isolated, first_page, nr_pages);
		block->nr_isolated += nr_pages;
	}
	spin_unlock_irqrestore(&block->isolated_lock, irq);
	if (err)
		return err;

	err = block->region->mode->isolate(block, first_page, nr_pages, flags, deadline, busy);
	if (err) {
		spin_lock_irqsave(&block->isolated_lock, irq);
		bitmap_clear(block->isolated, first_page, nr_pages);
		block->nr_isolated -= nr_pages;
		spin_unlock_irqrestore(&block->isolated_lock, irq);
	}
	return err;
}
EXPORT_SYMBOL_GPL(vcma_block_isolate);	/* for tests/guest/reuse.c */

void vcma_block_add_isolated(struct vcma_block *block, unsigned long first_page,
			     unsigned long nr_pages)
{
	unsigned long irq;

	spin_lock_irqsave(&block->isolated_lock, irq);
	bitmap_set(block->isolated, first_page, nr_pages);
	block->nr_isolated += nr_pages;
	spin_unlock_irqrestore(&block->isolated_lock, irq);
	block->region->mode->add_isolated(block, first_page, nr_pages);
}

void vcma_block_putback(struct vcma_block *block, unsigned long first_page,
			unsigned long nr_pages)
{
	unsigned long end = first_page + nr_pages, irq;
	bool isolated;

	if (WARN_ON(!vcma_block_has(block, first_page, nr_pages)))
		return;
	spin_lock_irqsave(&block->isolated_lock, irq);
	isolated = find_next_zero_bit(block->isolated, end, first_page) >= end;
	spin_unlock_irqrestore(&block->isolated_lock, irq);
	if (WARN(!isolated, "region %s: pages %#lx+%#lx of the block at %#llx are not isolated\n",
		 block->region->name, first_page, nr_pages, block->base_gpa))
		return;

	block->region->mode->putback(block, first_page, nr_pages);
	spin_lock_irqsave(&block->isolated_lock, irq);
	bitmap_clear(block->isolated, first_page, nr_pages);
	block->nr_isolated -= nr_pages;
	spin_unlock_irqrestore(&block->isolated_lock, irq);
}
EXPORT_SYMBOL_GPL(vcma_block_putback);	/* for tests/guest/reuse.c */

void vcma_block_putback_isolated(struct vcma_block *block, unsigned long first_page,
				 unsigned long nr_pages)
{
	unsigned long stop = first_page + nr_pages, first, end;

	for (first = find_next_bit(block->isolated, stop, first_page); first < stop;
	     first = find_next_bit(block->isolated, stop, end)) {
		end = find_next_zero_bit(block->isolated, stop, first);
		vcma_block_putback(block, first, end - first);
	}
}

bool vcma_block_is_valid(const struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	u64 off;

	if (!IS_ALIGNED(block->bytes | block->base_dma, r->granule_bytes))
		return false;
	if (block->cpu && !block->nr_isolated)
		return false;
	for (off = 0; off < block->bytes; off += r->granule_bytes) {
		if (vcma_block_by_gpa(r, block->base_gpa + off) != block ||
		    vcma_block_by_dma(r, block->base_dma + off) != block)
			return false;
	}
	return off > 0;
}

/* ---- life ---- */

struct vcma_block *vcma_block_new(struct vcma_region *r, const struct vcma_constraints *want,
				  const struct vcma_block_desc *desc)
{
	static const char * const names[VCMA_NR_BLOCK_USES] = {
		[VCMA_BLOCK_POOL] = "pool",
		[VCMA_BLOCK_BULK] = "bulk",
		[VCMA_BLOCK_USER] = "user",
	};
	struct vcma_block *block;

	block = kvzalloc(struct_size(block, isolated, BITS_TO_LONGS(desc->bytes >> PAGE_SHIFT)),
			 GFP_NOIO);
	if (!block)
		return NULL;
	block->region = r;
	block->base_gpa = desc->base_gpa;
	block->base_dma = desc->base_dma;
	block->bytes = desc->bytes;
	block->attr = want->attr;
	block->use = want->use;
	block->resv = want->resv;
	strscpy(block->owner_name, want->owner ?: names[want->use], sizeof(block->owner_name));
	INIT_LIST_HEAD(&block->node);
	spin_lock_init(&block->isolated_lock);
	refcount_set(&block->refs, 0);
	return block;
}

void vcma_block_publish(struct vcma_block *block)
{
	/* Pairs with vcma_block_tryget(): who keeps it sees all of it. */
	smp_wmb();
	refcount_set(&block->refs, 1);
}

void vcma_block_destroy(struct vcma_block *block)
{
	kvfree_rcu(block, rcu);
}

int vcma_block_map(struct vcma_block *block)
{
	unsigned int noio = memalloc_noio_save();
	int err;

	err = block->region->mode->map(block, 0, vcma_block_pages(block), block->attr,
				       &block->cpu);
	memalloc_noio_restore(noio);
	return err;
}

/* Pages that nobody may have any more: they stay isolated, and their memory where it is, for ever. */
static void vcma_block_leak(struct vcma_block *block, unsigned long first_page,
			    unsigned long nr_pages, int err)
{
	unsigned long irq;

	dev_err(block->region->dev, "region %s: memory %#llx+%#llx of '%s' can't be made cacheable again, and is leaked: %pe\n",
		block->region->name, block->base_gpa + PFN_PHYS(first_page), PFN_PHYS(nr_pages),
		block->owner_name, ERR_PTR(err));
	spin_lock_irqsave(&block->isolated_lock, irq);
	bitmap_clear(block->isolated, first_page, nr_pages);
	block->nr_isolated -= nr_pages;
	block->has_leaked = true;
	spin_unlock_irqrestore(&block->isolated_lock, irq);
}

void vcma_block_unmap(struct vcma_block *block, unsigned long first_page,
		      unsigned long nr_pages, void *cpu)
{
	int err = block->region->mode->unmap(block, first_page, nr_pages, block->attr, cpu);

	if (err)
		vcma_block_leak(block, first_page, nr_pages, err);
}

void vcma_block_release_pages(struct vcma_block *block)
{
	const struct vcma_mode *mode = block->region->mode;

	if (block->cpu)
		vcma_block_unmap(block, 0, vcma_block_pages(block), block->cpu);
	block->cpu = NULL;
	vcma_block_putback_isolated(block, 0, vcma_block_pages(block));
	if (mode->put && !block->has_leaked)
		mode->put(block);
}

void vcma_block_return(struct vcma_block *block)
{
	struct vcma_region *r = block->region;
	int err = vcma_request_free(r, block->base_gpa, block->bytes);

	if (err == -EACCES || err == -EAGAIN) {
		llist_add(&block->free_node, &r->unfreed);
		return;
	}
	if (err && vcma_region_is_live(r))
		dev_err(r->dev, "region %s: host did not free gpa %#llx size %#llx: %pe\n",
			r->name, block->base_gpa, block->bytes, ERR_PTR(err));
	vcma_block_destroy(block);
}

/* The last reference is gone. */
static void vcma_block_end(struct vcma_block *block)
{
	unsigned int noio = memalloc_noio_save();

	trace_vcma_block_free(block);
	vcma_block_unindex(block);
	vcma_block_release_pages(block);
	atomic64_sub(block->bytes, &block->region->stats.allocated_bytes);
	vcma_account_uncharge(block->region, block->resv, block->bytes);
	vcma_block_return(block);
	memalloc_noio_restore(noio);
}

bool vcma_block_tryget(struct vcma_block *block)
{
	if (READ_ONCE(block->freeing) || !refcount_inc_not_zero(&block->refs))
		return false;
	/* Pairs with vcma_block_publish(). */
	smp_acquire__after_ctrl_dep();
	return true;
}

void vcma_block_put(struct vcma_block *block)
{
	struct vcma_region *r = block->region;

	if (!refcount_dec_and_test(&block->refs))
		return;
	llist_add(&block->free_node, &r->freeing);
	queue_work(r->wq, &r->free_work);
}

void vcma_block_free(struct vcma_block *block)
{
	WRITE_ONCE(block->freeing, true);
	if (refcount_dec_and_test(&block->refs))
		vcma_block_end(block);
}
EXPORT_SYMBOL_GPL(vcma_block_free);	/* for tests/guest/reuse.c */

void vcma_block_free_later(struct vcma_block *block)
{
	WRITE_ONCE(block->freeing, true);
	vcma_block_put(block);
}

void vcma_block_free_work(struct work_struct *work)
{
	struct vcma_region *r = container_of(work, struct vcma_region, free_work);
	struct llist_node *list = llist_del_all(&r->freeing);
	struct vcma_block *block, *next;

	llist_for_each_entry_safe(block, next, list, free_node)
		vcma_block_end(block);
}

void vcma_region_flush_frees(struct vcma_region *r)
{
	flush_work(&r->free_work);
}

/*
 * What clients have is the pools', or a bulk's with their name, and is freed with them: after
 * a reset if they can't be quiesced. So is what only their mappings keep.
 * Return: is there more?
 * @name: say whose
 */
static bool vcma_region_has_block_of(struct vcma_region *r, bool name)
{
	struct vcma_block *block;
	bool found = false;
	unsigned long i;

	rcu_read_lock();
	xa_for_each(&r->by_gpa, i, block) {
		if (block->use == VCMA_BLOCK_POOL || READ_ONCE(block->owner) ||
		    READ_ONCE(block->freeing))
			continue;
		found = true;
		if (name)
			dev_warn(r->dev, "region %s: waiting: '%s' has %#llx bytes at %#llx\n",
				 r->name, block->owner_name, block->bytes, block->base_gpa);
		break;
	}
	rcu_read_unlock();
	return found;
}

void vcma_region_wait_idle(struct vcma_region *r)
{
	unsigned long remind = jiffies + HZ;
	bool name = false;

	vcma_region_flush_frees(r);
	while (vcma_region_has_block_of(r, name)) {
		schedule_timeout_idle(HZ / 10);
		vcma_region_flush_frees(r);
		name = time_after(jiffies, remind);
		if (name)
			remind = jiffies + VCMA_WAIT_REMIND;
	}
}

void vcma_region_retry_frees(struct vcma_region *r)
{
	struct llist_node *list = llist_del_all(&r->unfreed);
	struct vcma_block *block, *next;

	llist_for_each_entry_safe(block, next, list, free_node)
		vcma_block_return(block);
}
