/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest does with a region's memory while no device uses it, and how
 * pages of an allocated block are isolated from that use and put back. One object per
 * region mode. Callers other than region.c go through region.h: it keeps the
 * record of which pages are isolated.
 *
 * Pages are numbered from the start of the block, PAGE_SIZE each.
 */
#ifndef VCMA_MODE_H
#define VCMA_MODE_H

#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/types.h>

struct vcma_block;
struct vcma_region;
struct vcma_constraints;
struct virtio_cma_range;

/* Memory type of a mapping. */
enum vcma_attr {
	VCMA_CACHED,		/* Normal Write-Back */
	VCMA_UNCACHED,		/* Normal Non-cacheable; write-combining on x86 */
	VCMA_NR_ATTRS
};

/* Why pages could not be isolated, and which. */
struct vcma_busy {
	unsigned long first_page;
	unsigned long nr_pages;
	u32 why;			/* VIRTIO_CMA_WHY_* */
};

struct vcma_mode {
	const char *name;
	/* Every page of the region has a struct page and a linear address. */
	bool has_pages;
	/*
	 * The region is what RAM this guest has that devices may be given: a page outside of it is
	 * not copied for them, but refused. Not all that lies at its addresses need be RAM for the
	 * guest.
	 */
	bool is_ram;

	/*
	 * Why can a region not be used so by this guest? May be NULL: it always can.
	 * @reason: set to a sentence naming both numbers if it can't
	 */
	bool (*unfit)(u64 base_gpa, u64 bytes, char *reason, size_t reason_bytes);
	/*
	 * Once per region, before the first get(). May sleep.
	 * Return: 0 or an error, logged, with nothing left behind.
	 */
	int (*start)(struct vcma_region *r);
	/*
	 * After the last put(). May sleep, and wait for others to let go of pages.
	 * Return: 0, or -EBUSY (logged): the memory stays in the page allocator.
	 */
	int (*stop)(struct vcma_region *r);

	/*
	 * The host has pinned @block; until put() its memory will not go away
	 * under it. No page is isolated by this. May be NULL.
	 * Return: 0, or -EBUSY (the guest's owner has taken the memory offline).
	 */
	int (*get)(struct vcma_block *block);
	/* Undo get(); no page is isolated any more. May be NULL. */
	void (*put)(struct vcma_block *block);

	/*
	 * Make pages ours alone; their contents are undefined then, unless zeroes() says
	 * otherwise. May sleep. Calls for different granules run in parallel. Logs nothing.
	 * @flags: VCMA_FAST: only if no page has to be migrated
	 * @deadline: as in struct vcma_constraints
	 * @busy: set on -EBUSY: where the first pages are that could not be isolated
	 *
	 * Return: 0; -EBUSY; -ENOMEM (no room for what would have to be migrated);
	 * -ETIMEDOUT. Nothing is isolated on failure.
	 */
	int (*isolate)(struct vcma_block *block, unsigned long first_page,
		       unsigned long nr_pages, unsigned int flags, ktime_t deadline,
		       struct vcma_busy *busy);
	/* Are pages zero that were just isolated, or added? May be NULL: no. Any context. */
	bool (*zeroes)(void);
	/*
	 * Take pages that the caller has got from the page allocator itself, with one
	 * reference each. May be NULL without struct pages. Does not fail.
	 */
	void (*add_isolated)(struct vcma_block *block, unsigned long first_page,
			     unsigned long nr_pages);
	/* Undo isolate(), for any part of it. May sleep. */
	void (*putback)(struct vcma_block *block, unsigned long first_page,
			unsigned long nr_pages);

	/*
	 * A CPU mapping of isolated pages with memory type @attr. May sleep. With
	 * VCMA_UNCACHED no dirty cache line of them is left behind.
	 * @cpu: set on success
	 * Return: 0 or -ENOMEM.
	 */
	int (*map)(struct vcma_block *block, unsigned long first_page,
		   unsigned long nr_pages, enum vcma_attr attr, void **cpu);
	/*
	 * Undo exactly one map. May sleep.
	 * Return: 0, or -ENOMEM: the pages are not as others expect them, and must not go back.
	 */
	int (*unmap)(struct vcma_block *block, unsigned long first_page,
		     unsigned long nr_pages, enum vcma_attr attr, void *cpu);

	/*
	 * Where a block like @want would be cheapest to isolate. May be NULL: anywhere.
	 * @hints: room for @max ranges, filled best first, whole granules each
	 * Return: hints given. Fewer than @max: there are no others.
	 */
	unsigned int (*rank)(struct vcma_region *r, const struct vcma_constraints *want,
			     struct virtio_cma_range *hints, unsigned int max);
	/* With rank(): the host was told that granules which touch the range are busy. */
	void (*busy)(struct vcma_region *r, u64 base_gpa, u64 bytes);
	/* With rank(): tell it that they are no more. May sleep. Return: were there any? */
	bool (*clear_busy)(struct vcma_region *r);
};

/* What a region is created with. */
struct vcma_modes {
	/* Never in the page allocator, never in the linear map: no cacheable alias. */
	const struct vcma_mode *private;
	/* Movable RAM of the guest until it is isolated. */
	const struct vcma_mode *reusable;
	/* The RAM that the guest has been started with. */
	const struct vcma_mode *ram;
};

/* Who isolates memory waits for work on every CPU: others may run after so much. */
#define VCMA_CLEAR_BYTES	SZ_256K

static inline bool vcma_mode_zeroes(const struct vcma_mode *mode)
{
	return mode->zeroes && mode->zeroes();
}

/* Zero what is mapped at @cpu, however much it is. May sleep. */
static inline void vcma_clear(void *cpu, u64 bytes)
{
	u64 some;

	for (; bytes; bytes -= some) {
		some = min_t(u64, bytes, VCMA_CLEAR_BYTES);
		memset(cpu, 0, some);
		cpu += some;
		cond_resched();
	}
}

#endif /* VCMA_MODE_H */
