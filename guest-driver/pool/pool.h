/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ready pool: memory that is pinned, isolated, mapped and mostly zeroed ahead of need, and
 * sub-allocated in slots without talking to the host, from any context. Serves coherent
 * allocations of any size (coherent.c) and bounce buffers (bounce.c) alike; knows nothing
 * of what the slots are used for, but keeps one record per slot for its users.
 *
 * There is one pool per region, memory type and reservation (resv.h), whatever the windows of its
 * users are: who asks finds what he reaches, and gets more in his own name. While it has users
 * it is filled to high_bytes; when less than low_bytes of it is free it grows in the
 * background until target_bytes are free; whole idle blocks beyond high_bytes of free
 * memory go back after a while, and more if the guest is short of memory. Without users
 * it keeps nothing.
 *
 *	block	|....##......######......|	# allocated
 *	dirty	|ddd.------..------......|	d to be zeroed: in the background, or when
 *	stacks	 ^ ^      ^					it is handed out before that
 *
 * Runs of a few slots that were freed wait in stacks, one per order, outside of the
 * blocks' bitmaps; a run that was zeroed is handed out before one that was not.
 */
#ifndef VCMA_POOL_H
#define VCMA_POOL_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "core/mode.h"

struct hvcma_dma_windows;
struct vcma_block;
struct vcma_pool_user;
struct vcma_region;

/*
 * A slot is no more than 4 KiB, whatever the kernel's pages are: most mappings are no longer.
 * VCMA_DEBUG builds for 4 KiB pages have several to a page, too.
 */
#ifndef VCMA_SLOT_SHIFT
#define VCMA_SLOT_SHIFT		12
#endif
#define VCMA_SLOT_BYTES		(1UL << VCMA_SLOT_SHIFT)
#define VCMA_SLOTS_PER_PAGE	(PAGE_SIZE >> VCMA_SLOT_SHIFT)

/*
 * Record of one slot of a pool block. The first slot of an allocation speaks for
 * all of it; the others only say where it is.
 */
struct vcma_slot {
	/* All of whoever has the slots: free ones are nobody's to look at but for the owner. */
	struct vcma_pool_user *owner;	/* first slot; NULL: nothing starts here */
	phys_addr_t orig;	/* bounce.c: what this slot stands for */
	u64 bytes;		/* first slot: length in use, from @orig's offset in its slot */
	refcount_t refs;	/* first slot: the owner's, and one per get_range */
	u32 nr;			/* first slot: slots */
	u32 first;		/* index of the first slot */
};

#define VCMA_NO_ORIG	PHYS_ADDR_MAX	/* not a bounce buffer */

/*
 * Free runs of one order, zeroed and not, last in, first out. CPUs have stacks of their own, as far
 * as there are areas: who frees and allocates waits for nobody. All areas together keep a few MiB
 * from who looks for more.
 */
#define VCMA_STACK_ORDERS	5
#define VCMA_STACK_DEPTH	16	/* less of long runs */
#define VCMA_POOL_AREAS		8
/* What an area counts before it tells the pool: one cache line less that CPUs take from each other. */
#define VCMA_AREA_BYTES		((s64)SZ_64K)

struct vcma_run {
	struct vcma_block *block;
	u32 first;			/* slot */
};

struct vcma_stack {
	spinlock_t lock;		/* a leaf: all below */
	unsigned int nr[2];		/* [0] zeroed, [1] dirty */
	struct vcma_run runs[2][VCMA_STACK_DEPTH];
};

struct vcma_area {
	struct vcma_stack stacks[VCMA_STACK_ORDERS];
	atomic64_t free_bytes;		/* more or less than the pool's count has it */
} ____cacheline_aligned_in_smp;

struct vcma_pool {
	struct vcma_region *region;	/* constant, as attr and resv */
	enum vcma_attr attr;
	unsigned int resv;		/* reservation that it draws on, or 0 */
	u64 low_bytes, target_bytes, high_bytes;	/* lock; read anywhere */

	struct mutex lock;
	struct list_head blocks;	/* small ones first; lock, read under RCU */
	struct list_head users;		/* struct vcma_pool_user (reserve.h); lock */
	atomic64_t free_bytes;		/* in blocks and stacks; with the areas' */
	u64 max_dma;			/* of all blocks so far: highest DMA address; lock, read anywhere */

	struct vcma_area areas[VCMA_POOL_AREAS];
	spinlock_t zero_lock;		/* while free pages are neither here nor there */
	struct delayed_work zero;

	/* Read and written anywhere: what is lost by that is a refill too many, or one late. */
	atomic_t refill_failed;		/* an allocation failed since the last refill */
	atomic64_t refill_limit;	/* address limit the next refill obeys */
	u32 refill_for;			/* and the user, by its id, who it is for */
	unsigned long refill_after;	/* jiffies: the host had nothing to give */
	unsigned long relief_until;	/* jiffies: the guest needed it back */
	struct work_struct refill;
	struct delayed_work trim;
	bool pressure;			/* the guest is short of memory: trim more */
	atomic64_t relieved_bytes;	/* went back because of that, not told yet */
};

/* Where an allocation may lie. */
struct vcma_fit {
	unsigned int nr;	/* slots, > 0 */
	/* NULL, or the user's: it lies in one of them, and what follows is of bus addresses. */
	const struct hvcma_dma_windows *windows;
	u64 align_slots;	/* power of two; of the DMA address, in slots */
	u64 match;		/* DMA address, in slots, modulo align_slots */
	u64 boundary_slots;	/* power of two, >= nr, no multiple of which is crossed; or 0 */
	u64 max_dma;		/* highest DMA address of the last byte */
};

/* Slots got from the pool. */
struct vcma_piece {
	struct vcma_block *block;
	struct vcma_slot *slot;	/* the first one */
	void *cpu;
	u64 dma;		/* of the memory; what its user is given is the bus address */
};

/* What a blocking allocation may cost. */
struct vcma_alloc_limits {
	unsigned int flags;	/* VCMA_* */
	ktime_t deadline;	/* when to give up at the latest; 0: never */
};

/** vcma_pool_init() - an empty pool. @size_bytes: 0 for the default size. */
void vcma_pool_init(struct vcma_pool *pool, struct vcma_region *r, enum vcma_attr attr,
		    unsigned int resv, u64 size_bytes);

/**
 * vcma_pool_resize() - change the size, at once or in the background. May sleep.
 * @size_bytes: high_bytes; 0 for the default size; at most the region
 */
void vcma_pool_resize(struct vcma_pool *pool, u64 size_bytes);

/**
 * vcma_pool_get() - one more user; the first one fills the pool. May sleep.
 *
 * Return: 0 (at least one block is allocated), or why none could be got.
 */
int vcma_pool_get(struct vcma_pool *pool, struct vcma_pool_user *user);

/**
 * vcma_pool_put() - one user less; the last one empties the pool, but for blocks
 * with pages in use, which stay allocated. May sleep.
 */
void vcma_pool_put(struct vcma_pool *pool, struct vcma_pool_user *user);

/**
 * vcma_pool_free_bytes() - free in blocks and stacks; more or less by VCMA_AREA_BYTES for each area
 * while CPUs tell what they have counted.
 */
s64 vcma_pool_free_bytes(const struct vcma_pool *pool);

/** vcma_pool_mapped_bytes() - of @owner's bounce buffers, as mapped. May sleep. */
s64 vcma_pool_mapped_bytes(struct vcma_pool *pool, const struct vcma_pool_user *owner);

/** vcma_pool_destroy() - free what is left; no page may be in use. May sleep. */
void vcma_pool_destroy(struct vcma_pool *pool);

/**
 * vcma_pool_alloc() - take slots; any context but NMI. Wakes the refill if little
 * is left or nothing fits.
 * @owner: recorded with the slots
 * @orig, @bytes: recorded in the first slot; VCMA_NO_ORIG prefers zeroed slots
 *
 * The slots have any contents: see vcma_pool_clear().
 *
 * Return: true and @piece filled, or false.
 */
bool vcma_pool_alloc(struct vcma_pool *pool, const struct vcma_fit *fit,
		     struct vcma_pool_user *owner, phys_addr_t orig, u64 bytes,
		     struct vcma_piece *piece);

/**
 * vcma_pool_alloc_slow() - the same after memory was got for it from the host, in a
 * block that fits, if need be at the expense of other pools, which are filled again; of those of
 * other reservations what small allocations need is left alone. May sleep.
 *
 * Return: 0, or an error as of vcma_block_alloc().
 */
int vcma_pool_alloc_slow(struct vcma_pool *pool, const struct vcma_fit *fit,
			 const struct vcma_alloc_limits *limits, struct vcma_pool_user *owner,
			 u64 bytes, struct vcma_piece *piece);

/**
 * vcma_pool_clear() - zero the first @nr slots of @piece, as far as they are not.
 * @may_sleep: lets others run now and then
 */
void vcma_pool_clear(const struct vcma_piece *piece, unsigned int nr, bool may_sleep);

/**
 * vcma_pool_free() - free the allocation whose first slot is @slot: nobody's from
 * now on, free for others once the last vcma_pool_get_range() of it was put.
 */
void vcma_pool_free(struct vcma_block *block, struct vcma_slot *slot);

/**
 * vcma_pool_get_range() - keep slots of a block from being allocated to others, until
 * vcma_pool_put_range(), whoever frees them. Any context.
 * @block: any block, with a reference
 * @off, @bytes: a range inside of it
 * @slot: set on success; NULL if the block is not a pool's: the reference will do
 *
 * Return: false if a pool's slots are not within one allocation, or are bounce buffers.
 */
bool vcma_pool_get_range(struct vcma_block *block, u64 off, u64 bytes,
			 struct vcma_slot **slot);
void vcma_pool_put_range(struct vcma_block *block, struct vcma_slot *slot);

/**
 * vcma_pool_yield() - someone needs memory elsewhere: free idle blocks now: @all, or
 * all but a few granules for small allocations. May sleep.
 */
void vcma_pool_yield(struct vcma_pool *pool, bool all);

/**
 * vcma_pool_reach() - make sure that @user reaches some of the pool, at or below @max_dma.
 * May sleep.
 *
 * Return: 0, or why the host has no such memory.
 */
int vcma_pool_reach(struct vcma_pool *pool, const struct vcma_pool_user *user, u64 max_dma);

/**
 * vcma_pool_idle_bytes() - what vcma_pool_shrink_later() could free at best. Any
 * context; a snapshot.
 */
u64 vcma_pool_idle_bytes(struct vcma_pool *pool);

/**
 * vcma_pool_shrink_later() - the guest is short of memory: idle blocks go back, but for a few
 * granules for small allocations, and no more are got for a while, unless a mapping fails. Any
 * context.
 */
void vcma_pool_shrink_later(struct vcma_pool *pool);

/** vcma_pool_relieved_bytes() - what has gone back by that since the last call. Any context. */
u64 vcma_pool_relieved_bytes(struct vcma_pool *pool);

/**
 * vcma_pool_slot() - first slot of the allocation that contains @dma.
 * @block: a pool block that contains @dma
 *
 * Return: slot, or NULL if nothing is allocated there.
 */
struct vcma_slot *vcma_pool_slot(const struct vcma_block *block, u64 dma);

/** vcma_pool_free_owned() - free everything of @owner. Return: allocations. */
unsigned int vcma_pool_free_owned(struct vcma_pool *pool,
				  const struct vcma_pool_user *owner);

/** vcma_pool_is_valid() - every invariant that holds while the lock is held. */
bool vcma_pool_is_valid(struct vcma_pool *pool);

#endif /* VCMA_POOL_H */
