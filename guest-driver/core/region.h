/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A region as the guest sees it, and the blocks of it that are allocated.
 *
 * A block is whole granules, one extent: one guest-physical range, one DMA
 * range, one CPU mapping. Translation between the three is an addition within
 * one block and is never done across two.
 *
 * Lock order, outermost first, over the whole driver:
 *	device_lock() of a client device	driver core
 *	vcma_bindings_lock			mutex; bind and unbind of clients, not of others
 *	vcma_client.buffers_lock		rwsem; dmabuf.c has it without the one above
 *	vcma_pool.lock				mutex
 *	vcma_surrender.lock			mutex
 *	vcma_region.index_lock			mutex
 *	vcma_region.talk_lock			rwsem; read, while a request is under way
 *	vcma_names_lock				spinlock, a leaf
 *	vcma_pool.zero_lock, then vcma_stack.lock
 *						spinlocks, interrupts off
 *	vcma_reserve.lock, vcma_region.state_lock, vcma_region.resv_lock, vcma_client.bulk_lock,
 *	vcma_block.isolated_lock, the transport's locks
 *						spinlocks, leaves
 * Allocating, mapping, unmapping and looking up take none of the mutexes unless
 * the pool has to grow.
 */
#ifndef VCMA_REGION_H
#define VCMA_REGION_H

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "cache.h"
#include "mode.h"
#include "stats.h"
#include "surrender.h"
#include "transport/transport.h"

struct dentry;
struct gen_pool;
struct hvcma_dma_windows;
struct shrinker;
struct vcma_client;
struct vcma_client_ops;
struct vcma_extents;
struct vcma_memory;
struct vcma_pool;
struct vcma_slot;
struct vcma_usage;
struct vcma_user;

#define VCMA_OWNER_BYTES	32

enum vcma_region_state {
	VCMA_REGION_STARTING,
	VCMA_REGION_READY,
	VCMA_REGION_STOPPING,	/* no new clients; requests still work */
	VCMA_REGION_DEAD,	/* the host failed us, or was reset: no requests any more */
	VCMA_REGION_NR_STATES
};

/* What a block is allocated for, and who frees it. */
enum vcma_block_use {
	VCMA_BLOCK_POOL,	/* sub-allocated; pool.c */
	VCMA_BLOCK_BULK,	/* isolated in parts; bulk.c */
	VCMA_BLOCK_USER,	/* a buffer of user space; dmabuf.c */
	VCMA_NR_BLOCK_USES
};

/* Of the *_is_valid() functions, in debug builds only. */
#ifdef VCMA_DEBUG
#define vcma_assert_valid(valid)	WARN_ON_ONCE(!(valid))
#else
#define vcma_assert_valid(valid)	((void)sizeof(valid))
#endif

/* Only what costs neither migration in the guest nor new pages on the host. */
#define VCMA_FAST	0x1
/* What was surrendered stays so. */
#define VCMA_NO_RECLAIM	0x2

/* A piece of a region. */
struct vcma_range {
	u64 base_gpa;
	u64 bytes;
};

/* What a block must satisfy. */
struct vcma_constraints {
	u64 bytes;		/* > 0; rounded up to whole granules */
	u64 align_bytes;	/* of the DMA address; 0 or a power of two */
	u64 max_dma;		/* highest DMA address of the last byte */
	/*
	 * NULL, or the block lies in one of these, which are those of the client with the id
	 * place; align_bytes and max_dma are then of bus addresses.
	 */
	const struct hvcma_dma_windows *windows;
	u32 place;
	enum vcma_attr attr;
	enum vcma_block_use use;
	u32 client;		/* id, or VIRTIO_CMA_CLIENT_SHARED */
	unsigned int resv;	/* reservation that it draws on, or 0 */
	unsigned int flags;	/* VCMA_* */
	bool lazy;		/* pin only: no page is isolated, nothing is mapped */
	ktime_t deadline;	/* when to give up at the latest; 0: never */
	const char *owner;	/* for messages; NULL: named by use */
};

/** vcma_is_late() - has @deadline passed? 0: never. Any context. */
static inline bool vcma_is_late(ktime_t deadline)
{
	return deadline && ktime_after(ktime_get(), deadline);
}

struct vcma_block {
	/* Constant while others can find it, but where it says otherwise. */
	struct vcma_region *region;
	u64 base_gpa;
	u64 base_dma;
	u64 bytes;
	enum vcma_attr attr;
	enum vcma_block_use use;
	void *cpu;			/* mapping of all of it, by the mode; NULL if lazy */
	unsigned int resv;		/* as in struct vcma_constraints */
	char owner_name[VCMA_OWNER_BYTES];
	struct list_head node;		/* in the pool: vcma_pool.lock, RCU; or vcma_client.bulk_lock */
	struct llist_node free_node;	/* of who ends it */
	struct rcu_head rcu;

	/*
	 * Which pages (of isolated[]) are the driver's. In a reusable region the
	 * others are still online, though the host has pinned them, too.
	 */
	spinlock_t isolated_lock;		/* a leaf */
	unsigned long nr_isolated;	/* isolated_lock */
	bool has_leaked;		/* pages that were isolated, and can't go back */

	/*
	 * The owner's, and one per tryget. 0 until it is whole: who finds it in the index before
	 * that, as the watchers of memory must, can't keep it, nor give out its addresses.
	 */
	refcount_t refs;
	bool freeing;			/* the owner's is gone: no more trygets; set once */

	/* VCMA_BLOCK_POOL */
	struct vcma_pool *pool;
	u64 pool_bytes;			/* what the pool has of it: all, or the parts isolated */
	struct gen_pool *pages;
	unsigned long *dirty;		/* one bit per slot, of who has it: to be zeroed before use */
	struct vcma_slot *slots;	/* NULL: nobody may look any more; read under RCU */
	struct vcma_slot *slot_memory;

	/* VCMA_BLOCK_BULK */
	struct vcma_client *owner;	/* or NULL; read anywhere */
	unsigned int piece_order;
	unsigned long *pieces;		/* one bit per piece: it is out; isolated_lock */
	unsigned long nr_pieces;	/* isolated_lock */
	void **piece_cpus;		/* their mappings, if cpu is NULL */

	unsigned long isolated[];		/* one bit per page; isolated_lock */
};

/* What client.c keeps in a region. */
struct vcma_clients {
	const struct vcma_client_ops *ops;	/* constant */
	struct xarray by_id;		/* vcma_bindings_lock */
	/* As of the last refresh: vcma_bindings_lock and vcma_names_lock. */
	u32 nr_absent;
	u64 seen;			/* devices that were there: see vcma_bindings_newest() */
	struct list_head windows;	/* every list there ever was, once; vcma_bindings_lock */
	atomic_t stale;			/* the host told of a change since */
	struct list_head node;		/* of the served regions; vcma_bindings_lock and vcma_names_lock */
	struct work_struct refresh_work;
};

struct vcma_region {
	struct vcma_transport *transport;	/* constant, as the three that follow */
	struct device *dev;
	const struct vcma_mode *mode;
	struct workqueue_struct *wq;	/* WQ_MEM_RECLAIM */

	/* Configuration, checked, constant. */
	u64 base_gpa;
	u64 bytes;			/* of memory */
	u64 span_bytes;			/* from base_gpa to the end of the last range */
	u64 granule_bytes;
	unsigned int granule_shift;
	u32 attr_policy;
	u32 flags;
	u32 nr_clients;
	size_t max_request_bytes;
	size_t max_response_bytes;
	u32 max_bulk_blocks;
	u32 max_align_order;		/* of guest pages; may be overridden */
	char name[VIRTIO_CMA_NAME_BYTES + 1];

	/*
	 * Where it is, ascending, constant. One range, but of mode ram, where holes may be between
	 * them; granules are numbered from base_gpa on, holes included.
	 */
	u32 nr_ranges;
	struct vcma_range ranges[VIRTIO_CMA_MAX_RANGES];

	/* Of all of it, if it is pinned from the start; constant. NULL: blocks are, one by one. */
	struct vcma_extents *extents;

	spinlock_t state_lock;		/* a leaf: changes of state */
	enum vcma_region_state state;	/* read anywhere */
	bool retired;			/* its memory is in use no more, or not ours; of who ends it */

	struct rw_semaphore talk_lock;
	bool suspended;			/* no requests: -EAGAIN; talk_lock */

	/* Allocated blocks, one entry per granule; changed under index_lock, read under RCU. */
	struct mutex index_lock;
	struct xarray by_gpa;		/* granule number in the region */
	struct xarray by_dma;		/* DMA address >> granule_shift */
	u64 lowest_dma;			/* as far as is known; read and written anywhere */

	/* Reusable mode; else NULL. Set by start and stop of the mode. */
	struct vcma_memory *memory;
	struct vcma_usage *usage;
	atomic64_t online_bytes;		/* in the guest's page allocator */

	/* Without a lock. */
	struct llist_head freeing;	/* blocks to free from process context */
	struct work_struct free_work;
	struct llist_head unfreed;	/* not ours any more; the host couldn't free them yet */

	struct list_head accounts;	/* only ever grows: read by RCU; vcma_bindings_lock */
	spinlock_t resv_lock;		/* a leaf: what is allocated, by reservation */
	u64 shared_allocated_bytes;	/* resv_lock */
	u64 shared_limit_bytes;		/* with what reservations use beyond theirs; constant */
	struct vcma_surrender surrender;
	struct vcma_clients clients;
	struct vcma_report report;
	struct vcma_poison poison;	/* of the one who reports */
	struct vcma_stats stats;	/* atomic */
	/* Set by main.c's start and stop. */
	struct vcma_pool *pools;	/* of the shared part, one per memory type */
	struct shrinker *shrinker;
	struct vcma_user *user;		/* NULL: no file */
	struct dentry *debugfs;
};

/**
 * vcma_region_create() - read and check the configuration, claim the addresses.
 * @transport: ready to carry calls; stays the caller's, outlives the region
 * @modes: one of them is chosen
 * @out: region in state STARTING
 *
 * Return: 0; -EINVAL (the configuration contradicts itself or this kernel),
 * -EOPNOTSUPP (unknown mode), -ENOMEM, or what mode->start() returned. All but
 * -ENOMEM are logged.
 */
int vcma_region_create(struct vcma_transport *transport, const struct vcma_modes *modes,
		       struct vcma_region **out);

/**
 * vcma_region_retire() - no block is allocated any more: end the use of the memory. May sleep,
 * and wait for others to let go of pages. If the host can be talked to, it is told what
 * stays with the guest.
 */
void vcma_region_retire(struct vcma_region *r);

/**
 * vcma_region_destroy() - forget everything, after vcma_region_retire() if need be. The
 * host must have freed all blocks already, or be about to be reset before it hears
 * of this guest again.
 */
void vcma_region_destroy(struct vcma_region *r);

/** vcma_region_set_state() - the one setter; an illegal step is a WARN, ignored. */
void vcma_region_set_state(struct vcma_region *r, enum vcma_region_state state);
const char *vcma_region_state_name(enum vcma_region_state state);

/** vcma_region_has() - is [@gpa, @gpa + @bytes), @bytes > 0, in one range of the region? */
static inline bool vcma_region_has(const struct vcma_region *r, u64 gpa, u64 bytes)
{
	u32 i;

	for (i = 0; i < r->nr_ranges; i++) {
		const struct vcma_range *range = &r->ranges[i];

		if (gpa - range->base_gpa < range->bytes)
			return bytes <= range->bytes - (gpa - range->base_gpa);
	}
	return false;
}

/** vcma_region_note_dma() - there is memory at DMA address @dma. */
static inline void vcma_region_note_dma(struct vcma_region *r, u64 dma)
{
	WRITE_ONCE(r->lowest_dma, min(READ_ONCE(r->lowest_dma), dma));
}

/**
 * vcma_region_find_lowest() - ask the host where its lowest memory is, for lowest_dma. What it
 * has not backed yet has no address. May sleep.
 */
void vcma_region_find_lowest(struct vcma_region *r);

/**
 * vcma_region_clean_inval() - memory, @cpu being any mapping of it, begins or ends to be mapped
 * uncached: caches give up what they have of it. Does nothing where nothing is maintained.
 */
static inline void vcma_region_clean_inval(struct vcma_region *r, void *cpu, size_t bytes)
{
	if (!vcma_cache_is_maintained())
		return;
	vcma_cache_clean_inval(cpu, bytes);
	atomic64_inc(&r->stats.nr_cache_maintained_blocks);
}

/** vcma_region_break() - the host broke the contract: log @why, stop talking. */
void vcma_region_break(struct vcma_region *r, const char *why);

/** vcma_region_is_live() - may requests be sent? */
static inline bool vcma_region_is_live(const struct vcma_region *r)
{
	return READ_ONCE(r->state) != VCMA_REGION_DEAD;
}

/**
 * vcma_block_alloc() - get one block from the host, and, unless @want says lazy,
 * isolate all of its pages and map them. May sleep.
 * @out: the block, the caller's until vcma_block_free()
 *
 * Where the guest has to isolate memory, the cheapest place is tried first, then
 * the next; places that turn out busy are reported to the host.
 *
 * Return: 0, or the error of the request, -ENOMEM (also: no room for what would
 * have to be migrated), -EBUSY (no place could be isolated), -ETIMEDOUT (the
 * deadline has passed), or -EPROTO (the host's answer was refused; the region is
 * dead now). Nothing is allocated on failure.
 */
int vcma_block_alloc(struct vcma_region *r, const struct vcma_constraints *want,
		     struct vcma_block **out);

/**
 * vcma_block_alloc_bulk() - get up to @max blocks like @want in one request.
 * @blocks: room for @max <= VCMA_BULK_BLOCKS pointers
 *
 * Return: how many were got (> 0), else an error as of vcma_block_alloc().
 */
#define VCMA_BULK_BLOCKS	64
int vcma_block_alloc_bulk(struct vcma_region *r, const struct vcma_constraints *want,
			  unsigned int max, struct vcma_block **blocks);

/**
 * vcma_block_free() - the owner's reference goes, and, once no other is left,
 * the block: its pages are put back, it leaves the index, and is freed
 * to the host. May sleep, but does not wait for the others: the last one to put
 * leaves it to a work item. While a client is quarantined the host frees
 * nothing: the block waits for vcma_region_retry_frees(). Any other refusal is
 * logged.
 */
void vcma_block_free(struct vcma_block *block);

/** vcma_block_free_later() - the same, from any context. */
void vcma_block_free_later(struct vcma_block *block);

/** vcma_region_retry_frees() - a client is quiesced, or the guest resumed: free what waits. */
void vcma_region_retry_frees(struct vcma_region *r);

/**
 * vcma_region_wait_idle() - wait until no block is allocated but for pools and clients, naming
 * now and then who still has one.
 */
void vcma_region_wait_idle(struct vcma_region *r);

/** vcma_region_flush_frees() - wait until all free_later() so far are done. */
void vcma_region_flush_frees(struct vcma_region *r);

/**
 * vcma_block_by_dma(), vcma_block_by_gpa() - allocated block that contains an address.
 * Call under rcu_read_lock(); the block stays valid beyond it only while the
 * caller knows of a live allocation in it.
 *
 * Return: block or NULL.
 */
struct vcma_block *vcma_block_by_dma(struct vcma_region *r, u64 dma);
struct vcma_block *vcma_block_by_gpa(struct vcma_region *r, u64 gpa);

/**
 * vcma_block_tryget() - keep a block that was found under rcu_read_lock() pinned
 * until vcma_block_put(), whoever frees it. Any context.
 *
 * Return: false if its owner has freed it, or has not all of it yet: then leave it alone.
 */
bool vcma_block_tryget(struct vcma_block *block);

/** vcma_block_put() - undo one tryget; any context. */
void vcma_block_put(struct vcma_block *block);

/**
 * vcma_block_isolate() - isolate pages of an allocated block that are not isolated yet. May
 * sleep. Parallel calls are fine: who asks for a page second gets -EBUSY.
 * @flags, @deadline: as in struct vcma_constraints
 * @busy: where the first pages that could not be had lie; set on -EBUSY only
 *
 * Return: 0, or an error as of vcma_mode.isolate, with nothing isolated.
 */
int vcma_block_isolate(struct vcma_block *block, unsigned long first_page,
		       unsigned long nr_pages, unsigned int flags, ktime_t deadline,
		       struct vcma_busy *busy);

/**
 * vcma_block_add_isolated() - pages of a lazily allocated block, which the caller got from the
 * page allocator, are isolated now; one reference each. Only in regions with struct pages. May
 * sleep.
 */
void vcma_block_add_isolated(struct vcma_block *block, unsigned long first_page,
			     unsigned long nr_pages);

/**
 * vcma_block_putback() - put back isolated pages, any part of them. May sleep. Pages
 * that are not isolated are a WARN, and nothing is put back.
 */
void vcma_block_putback(struct vcma_block *block, unsigned long first_page,
			unsigned long nr_pages);

/** vcma_block_putback_isolated() - the same, of pages of which some may not be isolated. */
void vcma_block_putback_isolated(struct vcma_block *block, unsigned long first_page,
				 unsigned long nr_pages);

/**
 * vcma_block_unmap() - undo one mode->map. May sleep. Where that fails, which is logged, the pages
 * are isolated no longer, and yet nobody's: the device does not need them, and the guest can't have
 * them.
 */
void vcma_block_unmap(struct vcma_block *block, unsigned long first_page,
		      unsigned long nr_pages, void *cpu);

/** vcma_block_is_valid() - is the block inside its region and indexed throughout? */
bool vcma_block_is_valid(const struct vcma_block *block);

/** vcma_region_round_up() - @bytes in whole granules, 0 if that overflows. */
static inline u64 vcma_region_round_up(const struct vcma_region *r, u64 bytes)
{
	return (bytes + r->granule_bytes - 1) & ~(r->granule_bytes - 1);
}

#endif /* VCMA_REGION_H */
