// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots of the ready pool: who has which, and which are zeroed (pool.h).
 *
 * Each block has a gen_pool of its own, so that a block can leave the pool, and
 * no allocation can span two blocks, which may be far apart for the device.
 * gen_pool works on the block's CPU addresses (never 0) without locks; alignment
 * and limits are those of the DMA address, through the block's own algorithm.
 *
 * A slot is always somebody's: the gen_pool's (free), a stack's (free), the zeroer's, or
 * an owner's. Who has it is the only one to change its bit in block->dirty. While the
 * zeroer has slots, or a stack is emptied, zero_lock is held: an allocation that found
 * nothing looks again under it before it says so.
 *
 * Locks: vcma_pool.zero_lock, then vcma_stack.lock; with interrupts off, leaves to all else. Blocks
 * are walked under RCU, or vcma_pool.lock.
 */
#include <linux/bitmap.h>
#include <linux/genalloc.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "core/mode.h"
#include "core/region.h"
#include "hv/core/dma_windows.h"
#include "mm/partial.h"
#include "pool_pages.h"
#include "reserve.h"

/* Zeroed in one go, with interrupts off. */
#define VCMA_ZERO_SLOTS		(SZ_64K >> VCMA_SLOT_SHIFT)
/* Zeroed before others may run: who isolates memory waits for work on every CPU. */
#define VCMA_CLEAR_SLOTS	((u32)SZ_256K >> VCMA_SLOT_SHIFT)
/* Zeroed by their next owner: that takes less time than to wake the zeroer. */
#define VCMA_ZERO_LATER_SLOTS	(SZ_4K >> VCMA_SLOT_SHIFT)

/* ---- which slots are dirty ---- */

/*
 * Slots of one word are several owners': only whole words are written at once, and only if something
 * changes, for the CPUs of all owners have them in their caches.
 */
static void vcma_dirty_set(unsigned long *dirty, u32 first, u32 nr)
{
	u32 end = first + nr, next;
	unsigned long *word, mask;

	for (; first < end; first = next) {
		next = min(round_down(first, BITS_PER_LONG) + BITS_PER_LONG, (unsigned long)end);
		word = &dirty[first / BITS_PER_LONG];
		mask = GENMASK((next - 1) % BITS_PER_LONG, first % BITS_PER_LONG);
		if (mask == ~0UL)
			WRITE_ONCE(*word, mask);
		else if (~READ_ONCE(*word) & mask)
			atomic_long_or(mask, (atomic_long_t *)word);
	}
}

static void vcma_dirty_clear(unsigned long *dirty, u32 first, u32 nr)
{
	u32 end = first + nr, next;

	for (; first < end; first = next) {
		next = min(round_down(first, BITS_PER_LONG) + BITS_PER_LONG, (unsigned long)end);
		if (next - first == BITS_PER_LONG)
			WRITE_ONCE(dirty[first / BITS_PER_LONG], 0);
		else
			atomic_long_andnot(GENMASK((next - 1) % BITS_PER_LONG,
						   first % BITS_PER_LONG),
					   (atomic_long_t *)&dirty[first / BITS_PER_LONG]);
	}
}

/* Zero what is dirty of slots that are the caller's. */
static void vcma_pages_zero(struct vcma_block *block, u32 first, u32 nr)
{
	u32 end = first + nr, from, to;

	for (from = find_next_bit(block->dirty, end, first); from < end;
	     from = find_next_bit(block->dirty, end, to)) {
		to = find_next_zero_bit(block->dirty, end, from);
		memset(block->cpu + ((u64)from << VCMA_SLOT_SHIFT), 0,
		       (u64)(to - from) << VCMA_SLOT_SHIFT);
		vcma_dirty_clear(block->dirty, from, to - from);
	}
}

void vcma_pool_clear(const struct vcma_piece *piece, unsigned int nr, bool may_sleep)
{
	u32 first = piece->slot - piece->block->slots, end = first + nr, some;

	for (; first < end; first += some) {
		some = may_sleep ? min(end - first, VCMA_CLEAR_SLOTS) : end - first;
		vcma_pages_zero(piece->block, first, some);
		if (first + some < end)
			cond_resched();
	}
}

/* ---- slots of a block ---- */

/* @base: of slot 0, on the bus, in slots; may have wrapped where only later slots are there */
static unsigned long vcma_fit_find_part(const struct vcma_fit *fit, unsigned long *map,
					unsigned long end, unsigned long start, u64 base)
{
	unsigned long bit;
	u64 first, over;

	for (;;) {
		bit = bitmap_find_next_zero_area_off(map, end, start, fit->nr, fit->align_slots - 1,
						     base - fit->match);
		if (bit >= end || !fit->boundary_slots)
			return bit;
		first = base + bit;
		over = round_down(first + fit->nr - 1, fit->boundary_slots);
		if (over <= first)
			return bit;
		start = over - base;
	}
}

/* The same as vcma_fit_find(), through the windows that the slots are in, one by one. */
static unsigned long vcma_fit_find_in_windows(const struct vcma_fit *fit, unsigned long *map,
					      unsigned long end, unsigned long start, u64 base_dma)
{
	u64 from = base_dma + ((u64)start << VCMA_SLOT_SHIFT);
	u64 stop = base_dma + ((u64)end << VCMA_SLOT_SHIFT), part, bytes, bus;
	unsigned long first, last, bit;

	while (from < stop && hvcma_dma_windows_reach(fit->windows, from, stop - from, fit->max_dma,
						      &part, &bytes)) {
		from = part + bytes;
		first = (part - base_dma) >> VCMA_SLOT_SHIFT;
		last = (from - base_dma) >> VCMA_SLOT_SHIFT;
		if (first >= last || !hvcma_dma_windows_to_bus(fit->windows, part, bytes, &bus))
			continue;
		bit = vcma_fit_find_part(fit, map, last, first, (bus >> VCMA_SLOT_SHIFT) - first);
		if (bit < last)
			return bit;
	}
	return end;
}

unsigned long vcma_fit_find(const struct vcma_fit *fit, unsigned long *map, unsigned long end,
			    unsigned long start, u64 base_dma)
{
	unsigned long last = end, bit;

	if (fit->windows)
		return vcma_fit_find_in_windows(fit, map, end, start, base_dma);
	if (fit->max_dma < base_dma)
		return end;
	/* Slots that lie at or below max_dma with all of their bytes. */
	if (fit->max_dma - base_dma < (u64)end << VCMA_SLOT_SHIFT)
		last = (fit->max_dma - base_dma + 1) >> VCMA_SLOT_SHIFT;
	bit = vcma_fit_find_part(fit, map, last, start, base_dma >> VCMA_SLOT_SHIFT);
	return bit < last ? bit : end;
}

struct vcma_algo {
	const struct vcma_fit *fit;
	const struct vcma_block *block;
	bool clean;		/* only zeroed slots will do */
};

static unsigned long vcma_pages_algo(unsigned long *map, unsigned long size,
				     unsigned long start, unsigned int nr, void *data,
				     struct gen_pool *pages, unsigned long start_addr)
{
	const struct vcma_algo *algo = data;
	unsigned long bit, dirty;

	for (;;) {
		bit = vcma_fit_find(algo->fit, map, size, start, algo->block->base_dma);
		if (bit >= size)
			return size;
		if (!algo->clean)
			return bit;
		dirty = find_next_bit(algo->block->dirty, bit + nr, bit);
		if (dirty >= bit + nr)
			return bit;
		start = find_next_zero_bit(algo->block->dirty, size, dirty);
	}
}

bool vcma_pages_isolate(struct vcma_block *block, const struct vcma_fit *fit, bool clean,
			u32 *first)
{
	struct vcma_algo algo = { .fit = fit, .block = block, .clean = clean };
	unsigned long cpu;

	cpu = gen_pool_alloc_algo(block->pages, (size_t)fit->nr << VCMA_SLOT_SHIFT,
				  vcma_pages_algo, &algo);
	if (!cpu)
		return false;
	*first = (cpu - (unsigned long)block->cpu) >> VCMA_SLOT_SHIFT;
	return true;
}

static void vcma_pages_put(struct vcma_block *block, u32 first, u32 nr)
{
	gen_pool_free(block->pages, (unsigned long)block->cpu + ((u64)first << VCMA_SLOT_SHIFT),
		      (size_t)nr << VCMA_SLOT_SHIFT);
}

/* What is not isolated is in use for good, to gen_pool. */
static void vcma_pages_skip(struct vcma_block *block, const struct vcma_partial *parts)
{
	size_t bytes = parts->part_pages << PAGE_SHIFT;
	struct genpool_data_fixed at;
	unsigned long i;

	for_each_clear_bit(i, parts->isolated, parts->nr_parts) {
		at.offset = i * bytes;
		gen_pool_alloc_algo(block->pages, bytes, gen_pool_fixed_alloc, &at);
	}
	block->pool_bytes = parts->nr_isolated * bytes;
}

int vcma_pages_init(struct vcma_pool *pool, struct vcma_block *block,
		    const struct vcma_partial *parts)
{
	size_t nr = block->bytes >> VCMA_SLOT_SHIFT;
	unsigned int noio = memalloc_noio_save();
	int err = -ENOMEM;

	block->slot_memory = kvcalloc(nr, sizeof(*block->slot_memory), GFP_KERNEL);
	block->dirty = kvcalloc(BITS_TO_LONGS(nr), sizeof(long), GFP_KERNEL);
	block->pages = gen_pool_create(VCMA_SLOT_SHIFT, NUMA_NO_NODE);
	if (block->slot_memory && block->dirty && block->pages)
		err = gen_pool_add_virt(block->pages, (unsigned long)block->cpu,
					block->base_gpa, block->bytes, NUMA_NO_NODE);
	memalloc_noio_restore(noio);
	if (err) {
		vcma_pages_destroy(block);
		return err;
	}
	if (!vcma_mode_zeroes(pool->region->mode))
		bitmap_fill(block->dirty, nr);
	block->pool = pool;
	block->pool_bytes = block->bytes;
	if (parts)
		vcma_pages_skip(block, parts);
	WRITE_ONCE(block->slots, block->slot_memory);
	return 0;
}

void vcma_pages_unpublish(struct vcma_block *block)
{
	WRITE_ONCE(block->slots, NULL);
}

/* Undo vcma_pages_skip(): gen_pool wants all of it back. */
static void vcma_pages_let_in(struct vcma_block *block)
{
	unsigned long nr = block->bytes >> PAGE_SHIFT, first, end;

	for (first = find_first_zero_bit(block->isolated, nr); first < nr;
	     first = find_next_zero_bit(block->isolated, nr, end)) {
		end = find_next_bit(block->isolated, nr, first);
		vcma_pages_put(block, first * VCMA_SLOTS_PER_PAGE,
			       (end - first) * VCMA_SLOTS_PER_PAGE);
	}
	block->pool_bytes = block->bytes;
}

void vcma_pages_destroy(struct vcma_block *block)
{
	if (block->pool_bytes && block->pool_bytes < block->bytes)
		vcma_pages_let_in(block);
	kvfree(block->slot_memory);
	block->slot_memory = NULL;
	kvfree(block->dirty);
	block->dirty = NULL;
	if (block->pages)
		gen_pool_destroy(block->pages);
	block->pages = NULL;
}

void vcma_pages_record(struct vcma_block *block, u32 first, u32 nr, struct vcma_pool_user *owner,
		       phys_addr_t orig, u64 bytes, struct vcma_piece *piece)
{
	struct vcma_slot *slot = &block->slots[first];
	u32 i;

	piece->block = block;
	piece->slot = slot;
	piece->cpu = block->cpu + ((u64)first << VCMA_SLOT_SHIFT);
	piece->dma = block->base_dma + ((u64)first << VCMA_SLOT_SHIFT);

	slot->orig = orig;
	slot->first = first;
	slot->bytes = bytes;
	slot->nr = nr;
	for (i = 1; i < nr; i++) {
		slot[i].first = first;
		if (orig != VCMA_NO_ORIG)
			slot[i].orig = ALIGN_DOWN(orig, VCMA_SLOT_BYTES) +
				       ((u64)i << VCMA_SLOT_SHIFT);
	}
	refcount_set(&slot->refs, 1);
	WRITE_ONCE(slot->owner, owner);
}

/* ---- areas: what is free, and stacks ---- */

/* This CPU's. */
static struct vcma_area *vcma_pool_area(struct vcma_pool *pool)
{
	return &pool->areas[raw_smp_processor_id() % VCMA_POOL_AREAS];
}

s64 vcma_pool_free_bytes(const struct vcma_pool *pool)
{
	s64 bytes = atomic64_read(&pool->free_bytes);
	unsigned int area;

	for (area = 0; area < VCMA_POOL_AREAS; area++)
		bytes += atomic64_read(&pool->areas[area].free_bytes);
	return bytes;
}

/*
 * Count @bytes that are free, or (< 0) are not any more.
 * Return: has the pool been told, and has @free_bytes now?
 */
static bool vcma_pool_count(struct vcma_pool *pool, s64 bytes, s64 *free_bytes)
{
	s64 at_most = min_t(s64, VCMA_AREA_BYTES, READ_ONCE(pool->low_bytes) / VCMA_POOL_AREAS);
	struct vcma_area *area = vcma_pool_area(pool);

	if (abs(atomic64_add_return(bytes, &area->free_bytes)) < at_most)
		return false;
	*free_bytes = atomic64_add_return(atomic64_xchg(&area->free_bytes, 0), &pool->free_bytes);
	return true;
}

/* This CPU's stack for runs of @nr slots, or NULL: too many, or no power of two. */
static struct vcma_stack *vcma_pool_stack(struct vcma_pool *pool, u32 nr)
{
	if (nr >= 1U << VCMA_STACK_ORDERS || !is_power_of_2(nr))
		return NULL;
	return &vcma_pool_area(pool)->stacks[ilog2(nr)];
}

/* How many runs of @nr slots wait in one stack, of each kind. */
static unsigned int vcma_stack_depth(u32 nr)
{
	return max(VCMA_STACK_DEPTH / nr, 2U);
}

void vcma_stacks_init(struct vcma_pool *pool)
{
	unsigned int area, order;

	for (area = 0; area < VCMA_POOL_AREAS; area++) {
		for (order = 0; order < VCMA_STACK_ORDERS; order++)
			spin_lock_init(&pool->areas[area].stacks[order].lock);
	}
}

static bool vcma_stack_push(struct vcma_stack *stack, bool dirty, struct vcma_run run, u32 nr)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&stack->lock, flags);
	room = stack->nr[dirty] < vcma_stack_depth(nr);
	if (room)
		stack->runs[dirty][stack->nr[dirty]++] = run;
	spin_unlock_irqrestore(&stack->lock, flags);
	return room;
}

/* @dirty: which are preferred; @any: the others will do as well */
static bool vcma_stack_pop(struct vcma_stack *stack, bool dirty, bool any, struct vcma_run *run)
{
	unsigned long flags;
	bool got;

	spin_lock_irqsave(&stack->lock, flags);
	if (any && !stack->nr[dirty])
		dirty = !dirty;
	got = stack->nr[dirty];
	if (got)
		*run = stack->runs[dirty][--stack->nr[dirty]];
	spin_unlock_irqrestore(&stack->lock, flags);
	return got;
}

/* Caller holds zero_lock. */
static void vcma_stacks_flush_locked(struct vcma_pool *pool)
{
	unsigned int area, order;
	struct vcma_run run;

	for (area = 0; area < VCMA_POOL_AREAS; area++) {
		for (order = 0; order < VCMA_STACK_ORDERS; order++) {
			while (vcma_stack_pop(&pool->areas[area].stacks[order], false, true, &run))
				vcma_pages_put(run.block, run.first, 1U << order);
		}
	}
}

void vcma_stacks_flush(struct vcma_pool *pool)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->zero_lock, flags);
	vcma_stacks_flush_locked(pool);
	spin_unlock_irqrestore(&pool->zero_lock, flags);
}

/* ---- the pool's slots ---- */

/*
 * May an allocation that asks for @fit get any run of its size that the pool has? Aligned as they
 * are, none crosses a boundary of its size or more. Whether a run is in windows, and as aligned
 * there, is seen when there is one.
 */
static bool vcma_fit_is_plain(const struct vcma_pool *pool, const struct vcma_fit *fit)
{
	return (fit->windows || fit->max_dma >= READ_ONCE(pool->max_dma)) && !fit->match &&
	       fit->align_slots <= fit->nr;
}

/* Caller is in an RCU read-side section. */
static bool vcma_pool_search(struct vcma_pool *pool, const struct vcma_fit *fit, bool clean,
			     struct vcma_run *run)
{
	list_for_each_entry_rcu(run->block, &pool->blocks, node) {
		if (vcma_pages_isolate(run->block, fit, clean, &run->first))
			return true;
	}
	return false;
}

/* Everything that is free is in the blocks, and stays there meanwhile. */
static bool vcma_pool_search_all(struct vcma_pool *pool, const struct vcma_fit *fit,
				 struct vcma_run *run)
{
	unsigned long flags;
	bool found;

	spin_lock_irqsave(&pool->zero_lock, flags);
	vcma_stacks_flush_locked(pool);
	found = vcma_pool_search(pool, fit, false, run);
	spin_unlock_irqrestore(&pool->zero_lock, flags);
	return found;
}

static bool vcma_run_is_in_reach(const struct vcma_run *run, const struct vcma_fit *fit)
{
	u64 at = run->block->base_dma + ((u64)run->first << VCMA_SLOT_SHIFT);
	u64 bytes = (u64)fit->nr << VCMA_SLOT_SHIFT;

	if (fit->windows && (!hvcma_dma_windows_to_bus(fit->windows, at, bytes, &at) ||
			     !IS_ALIGNED(at, bytes)))
		return false;
	return at + bytes - 1 <= fit->max_dma;
}

/*
 * Take a run of a stack if it is within reach: a block above the limit may have come, and runs of
 * it, since vcma_fit_is_plain() said that there is none.
 */
static bool vcma_pool_pop(struct vcma_pool *pool, struct vcma_stack *stack,
			  const struct vcma_fit *fit, bool dirty, struct vcma_run *run)
{
	unsigned long flags;

	if (!vcma_stack_pop(stack, dirty, true, run))
		return false;
	if (likely(vcma_run_is_in_reach(run, fit)))
		return true;
	spin_lock_irqsave(&pool->zero_lock, flags);
	vcma_pages_put(run->block, run->first, fit->nr);
	spin_unlock_irqrestore(&pool->zero_lock, flags);
	return false;
}

bool vcma_pool_alloc(struct vcma_pool *pool, const struct vcma_fit *fit,
		     struct vcma_pool_user *owner, phys_addr_t orig, u64 bytes,
		     struct vcma_piece *piece)
{
	struct vcma_stack *stack = vcma_pool_stack(pool, fit->nr);
	s64 need = (s64)fit->nr << VCMA_SLOT_SHIFT, left;
	bool clean = orig == VCMA_NO_ORIG;
	struct vcma_run run;
	bool found = false;

	if (stack && vcma_fit_is_plain(pool, fit))
		found = vcma_pool_pop(pool, stack, fit, !clean, &run);
	if (!found && vcma_pool_free_bytes(pool) + VCMA_POOL_AREAS * VCMA_AREA_BYTES >= need) {
		rcu_read_lock();
		found = (clean && vcma_pool_search(pool, fit, true, &run)) ||
			vcma_pool_search(pool, fit, false, &run) ||
			vcma_pool_search_all(pool, fit, &run);
		rcu_read_unlock();
	}
	if (!found) {
		if (fit->align_slots << VCMA_SLOT_SHIFT <= pool->region->granule_bytes &&
		    (u64)need <= pool->region->granule_bytes)
			vcma_pool_wake_failed(pool, owner, fit->max_dma, !clean);
		return false;
	}
	vcma_pages_record(run.block, run.first, fit->nr, owner, orig, bytes, piece);
	if (vcma_pool_count(pool, -need, &left) && left < (s64)READ_ONCE(pool->low_bytes))
		vcma_pool_wake(pool);
	return true;
}

/* Whoever pops a run may count on its natural alignment; a bounce buffer's needs none. */
static bool vcma_run_is_aligned(struct vcma_run run, u32 nr)
{
	return IS_ALIGNED((run.block->base_dma >> VCMA_SLOT_SHIFT) + run.first, nr);
}

/* Nobody's any more, and no mapping needs them. */
static void vcma_pool_free_pages(struct vcma_block *block, struct vcma_slot *slot)
{
	struct vcma_pool *pool = block->pool;
	struct vcma_run run = { .block = block, .first = slot - block->slots };
	struct vcma_stack *stack = vcma_pool_stack(pool, slot->nr);
	u32 nr = slot->nr;
	bool bounce = slot->orig != VCMA_NO_ORIG;
	s64 free_bytes;

	vcma_dirty_set(block->dirty, run.first, nr);
	/* Count first: with all slots free the block may be gone. */
	if (vcma_pool_count(pool, (s64)nr << VCMA_SLOT_SHIFT, &free_bytes) &&
	    free_bytes > (s64)vcma_pool_spare(pool) && !delayed_work_pending(&pool->trim))
		queue_delayed_work(pool->region->wq, &pool->trim, VCMA_TRIM_DELAY);
	if (!stack || !vcma_run_is_aligned(run, nr) || !vcma_stack_push(stack, true, run, nr))
		vcma_pages_put(block, run.first, nr);
	/* The next bounce buffer need not be zeroed. */
	if (!bounce && nr > VCMA_ZERO_LATER_SLOTS && !delayed_work_pending(&pool->zero))
		queue_delayed_work(pool->region->wq, &pool->zero, VCMA_ZERO_DELAY);
}

void vcma_pool_free(struct vcma_block *block, struct vcma_slot *slot)
{
	WRITE_ONCE(slot->owner, NULL);
	vcma_pool_put_range(block, slot);
}

void vcma_pool_put_range(struct vcma_block *block, struct vcma_slot *slot)
{
	if (slot && refcount_dec_and_test(&slot->refs))
		vcma_pool_free_pages(block, slot);
}

bool vcma_pool_get_range(struct vcma_block *block, u64 off, u64 bytes,
			 struct vcma_slot **slot)
{
	u32 at = off >> VCMA_SLOT_SHIFT, end = (off + bytes - 1) >> VCMA_SLOT_SHIFT;
	struct vcma_slot *first, *slots;
	bool got = false;

	if (block->use != VCMA_BLOCK_POOL) {
		*slot = NULL;
		return true;
	}
	rcu_read_lock();
	slots = READ_ONCE(block->slots);
	if (!slots)
		goto out;
	first = &slots[READ_ONCE(slots[at].first)];
	if (!READ_ONCE(first->owner) || !refcount_inc_not_zero(&first->refs))
		goto out;
	/* Now it can't change any more: is it what it was? */
	got = READ_ONCE(first->owner) && first->orig == VCMA_NO_ORIG &&
	      end - first->first < first->nr && at >= first->first;
	if (got)
		*slot = first;
	else
		vcma_pool_put_range(block, first);
out:
	rcu_read_unlock();
	return got;
}

struct vcma_slot *vcma_pool_slot(const struct vcma_block *block, u64 dma)
{
	struct vcma_slot *first, *slots = READ_ONCE(block->slots);
	u32 at = (dma - block->base_dma) >> VCMA_SLOT_SHIFT;

	if (!slots)
		return NULL;
	first = &slots[slots[at].first];
	if (!READ_ONCE(first->owner) || at - (u32)(first - slots) >= first->nr)
		return NULL;
	return first;
}

s64 vcma_pool_mapped_bytes(struct vcma_pool *pool, const struct vcma_pool_user *owner)
{
	struct vcma_block *block;
	s64 bytes = 0;

	mutex_lock(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node) {
		const struct vcma_slot *slot, *end = block->slots + (block->bytes >> VCMA_SLOT_SHIFT);

		for (slot = block->slots; slot < end; slot++) {
			if (READ_ONCE(slot->owner) == owner && slot->orig != VCMA_NO_ORIG)
				bytes += slot->bytes;
		}
	}
	mutex_unlock(&pool->lock);
	return bytes;
}

unsigned int vcma_pool_free_owned(struct vcma_pool *pool, const struct vcma_pool_user *owner)
{
	struct vcma_block *block;
	unsigned int nr = 0;

	mutex_lock(&pool->lock);
	list_for_each_entry(block, &pool->blocks, node) {
		u64 i, end = block->bytes >> VCMA_SLOT_SHIFT;

		for (i = 0; i < end; i++) {
			if (READ_ONCE(block->slots[i].owner) != owner)
				continue;
			vcma_pool_free(block, &block->slots[i]);
			nr++;
		}
	}
	mutex_unlock(&pool->lock);
	return nr;
}

/* ---- zeroing in the background ---- */

/* Finds free dirty slots, takes none. */
struct vcma_dirt {
	const struct vcma_block *block;
	u32 first, nr;
};

static unsigned long vcma_dirt_algo(unsigned long *map, unsigned long size,
				    unsigned long start, unsigned int nr, void *data,
				    struct gen_pool *pages, unsigned long start_addr)
{
	struct vcma_dirt *dirt = data;
	unsigned long bit = 0, end;

	dirt->nr = 0;
	while ((bit = find_next_bit(dirt->block->dirty, size, bit)) < size) {
		if (test_bit(bit, map)) {
			bit = find_next_zero_bit(map, size, bit);
			continue;
		}
		end = min(size, bit + VCMA_ZERO_SLOTS);
		end = find_next_zero_bit(dirt->block->dirty, end, bit);
		end = find_next_bit(map, end, bit);
		dirt->first = bit;
		dirt->nr = end - bit;
		break;
	}
	return size;
}

/* Return: false if the block has no free dirty slot. Caller holds zero_lock. */
static bool vcma_block_zero_some(struct vcma_block *block)
{
	struct vcma_dirt dirt = { .block = block };
	struct genpool_data_fixed at;
	unsigned long cpu;

	gen_pool_alloc_algo(block->pages, VCMA_SLOT_BYTES, vcma_dirt_algo, &dirt);
	if (!dirt.nr)
		return false;
	at.offset = (unsigned long)dirt.first << VCMA_SLOT_SHIFT;
	cpu = gen_pool_alloc_algo(block->pages, (size_t)dirt.nr << VCMA_SLOT_SHIFT,
				  gen_pool_fixed_alloc, &at);
	if (cpu) {	/* else someone was faster */
		vcma_pages_zero(block, dirt.first, dirt.nr);
		vcma_pages_put(block, dirt.first, dirt.nr);
	}
	return true;
}

/* Turn one dirty run of the stacks into a zeroed one. Caller holds zero_lock. */
static bool vcma_stack_zero_one(struct vcma_stack *stack, u32 nr)
{
	struct vcma_run run;

	if (READ_ONCE(stack->nr[0]) == vcma_stack_depth(nr) ||
	    !vcma_stack_pop(stack, true, false, &run))
		return false;
	vcma_pages_zero(run.block, run.first, nr);
	if (!vcma_stack_push(stack, false, run, nr))
		vcma_pages_put(run.block, run.first, nr);
	return true;
}

/* The same, of any stack. */
static bool vcma_stacks_zero_one(struct vcma_pool *pool)
{
	unsigned int area, order;

	for (area = 0; area < VCMA_POOL_AREAS; area++) {
		for (order = 0; order < VCMA_STACK_ORDERS; order++) {
			if (vcma_stack_zero_one(&pool->areas[area].stacks[order], 1U << order))
				return true;
		}
	}
	return false;
}

/* Return: false if there was nothing to do. */
static bool vcma_pool_zero_some(struct vcma_pool *pool)
{
	struct vcma_block *block;
	unsigned long flags;
	bool some;

	rcu_read_lock();
	spin_lock_irqsave(&pool->zero_lock, flags);
	some = vcma_stacks_zero_one(pool);
	if (!some) {
		list_for_each_entry_rcu(block, &pool->blocks, node) {
			some = vcma_block_zero_some(block);
			if (some)
				break;
		}
	}
	spin_unlock_irqrestore(&pool->zero_lock, flags);
	rcu_read_unlock();
	return some;
}

void vcma_pool_zero_work(struct work_struct *work)
{
	struct vcma_pool *pool = container_of(to_delayed_work(work), struct vcma_pool, zero);

	while (vcma_pool_zero_some(pool))
		cond_resched();
}
