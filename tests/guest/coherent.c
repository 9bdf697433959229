// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: dma_alloc_coherent() and its kin.
 */
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/dmapool.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "selftest.h"

#define QUIET	(GFP_KERNEL | __GFP_NOWARN)

/* As far as natural alignment is promised: Linux CMA's default. */
#define ALIGN_CAP	SZ_1M

static bool is_aligned_to_size(dma_addr_t dma, size_t bytes)
{
	return IS_ALIGNED(dma, min_t(size_t, PAGE_SIZE << get_order(bytes), ALIGN_CAP));
}

/* Allocate, check all promises, have the device copy the last bytes elsewhere and back. */
static void test_size(struct selftest *t, size_t bytes)
{
	u32 part = min_t(size_t, bytes, SZ_4K);
	dma_addr_t dma;
	u8 *cpu, *end;
	int err;

	cpu = dma_alloc_coherent(t->dev, bytes, &dma, GFP_KERNEL);
	if (!cpu && bytes > SZ_2M && t->fragmented) {
		selftest_skip(t, "coherent, more than a granule", "host memory is fragmented");
		return;
	}
	if (!selftest_result(t, cpu, "coherent %zu bytes: allocated", bytes))
		return;
	end = cpu + bytes - part;
	selftest_result(t, selftest_is_byte(cpu, bytes, 0), "coherent %zu bytes: zeroed", bytes);
	selftest_result(t, is_aligned_to_size(dma, bytes), "coherent %zu bytes: %pad is aligned",
			bytes, &dma);
	selftest_result(t, selftest_in_reach(t, dma, bytes), "coherent %zu bytes: within the mask",
			bytes);

	selftest_fill(cpu, bytes, 1);
	selftest_fill(end, part, 2);
	err = selftest_device_reads(t, dma + bytes - part, part);
	selftest_fill(end, part, 3);
	err = err ?: selftest_device_writes(t, dma + bytes - part, part);
	selftest_result(t, !err && selftest_is_filled(end, part, 2),
			"coherent %zu bytes: the device has read and written its end", bytes);
	selftest_result(t, selftest_is_filled(cpu, bytes - part, 1),
			"coherent %zu bytes: the rest is as it was", bytes);
	dma_free_coherent(t->dev, bytes, cpu, dma);
}

static void test_atomic(struct selftest *t)
{
	struct dma_pool *pool;
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	dma_addr_t dma;
	int i, got = 0;
	void *cpu;
	struct {
		void *cpu;
		dma_addr_t dma;
	} *objects;

	spin_lock_irqsave(&lock, flags);
	cpu = dma_alloc_coherent(t->dev, SZ_8K, &dma, GFP_ATOMIC);
	spin_unlock_irqrestore(&lock, flags);
	selftest_result(t, cpu && selftest_is_byte(cpu, SZ_8K, 0),
			"atomic: 8 KiB with interrupts off");
	if (cpu) {
		spin_lock_bh(&lock);
		dma_free_coherent(t->dev, SZ_8K, cpu, dma);
		spin_unlock_bh(&lock);
	}

	cpu = dma_alloc_coherent(t->dev, SZ_64M, &dma, GFP_ATOMIC | __GFP_NOWARN);
	selftest_result(t, !cpu, "atomic: 64 MiB is refused");
	if (cpu)
		dma_free_coherent(t->dev, SZ_64M, cpu, dma);

	objects = kcalloc(300, sizeof(*objects), GFP_KERNEL);
	pool = dma_pool_create("vcma_selftest", t->dev, 64, 64, 0);
	if (!objects || !pool)
		goto out;
	spin_lock_irqsave(&lock, flags);
	for (i = 0; i < 300; i++) {
		objects[i].cpu = dma_pool_zalloc(pool, GFP_ATOMIC, &objects[i].dma);
		got += objects[i].cpu && IS_ALIGNED(objects[i].dma, 64);
	}
	for (i = 0; i < 300; i++) {
		if (objects[i].cpu)
			dma_pool_free(pool, objects[i].cpu, objects[i].dma);
	}
	spin_unlock_irqrestore(&lock, flags);
out:
	selftest_result(t, got == 300, "atomic: 300 objects of a dma_pool (%d)", got);
	dma_pool_destroy(pool);
	kfree(objects);
}

#define NR_MIDDLING	16

/* What network drivers take for their rings, all at once, where they can't wait. */
static void test_atomic_middling(struct selftest *t)
{
	const size_t bytes = 188 * SZ_1K;
	dma_addr_t dma[NR_MIDDLING];
	void *cpu[NR_MIDDLING];
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	bool good = true;
	int i, got = 0;

	spin_lock_irqsave(&lock, flags);
	for (i = 0; i < NR_MIDDLING; i++) {
		cpu[i] = dma_alloc_coherent(t->dev, bytes, &dma[i], GFP_ATOMIC);
		got += !!cpu[i];
	}
	spin_unlock_irqrestore(&lock, flags);
	for (i = 0; i < NR_MIDDLING; i++) {
		if (!cpu[i])
			continue;
		good &= selftest_is_byte(cpu[i], bytes, 0) && is_aligned_to_size(dma[i], bytes) &&
			selftest_in_reach(t, dma[i], bytes);
		selftest_fill(cpu[i], bytes, i);
	}
	for (i = 0; i < NR_MIDDLING; i++) {
		if (!cpu[i])
			continue;
		good &= selftest_is_filled(cpu[i], bytes, i);
		dma_free_coherent(t->dev, bytes, cpu[i], dma[i]);
	}
	selftest_result(t, got == NR_MIDDLING && good, "atomic: %d of 188 KiB at once, %d got",
			NR_MIDDLING, got);
}

/* Flags that say where, and that it is to be zero: the mask says where, and it always is. */
static void test_flags(struct selftest *t)
{
	static const gfp_t flags[] = {
		GFP_KERNEL | GFP_DMA32, GFP_KERNEL | GFP_DMA, GFP_KERNEL | __GFP_ZERO,
		GFP_ATOMIC | GFP_DMA32 | __GFP_ZERO,
	};
	struct dma_pool *pool;
	dma_addr_t dma;
	unsigned int i;
	u8 *cpu;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		cpu = dma_alloc_coherent(t->dev, SZ_64K, &dma, flags[i]);
		selftest_result(t, cpu && selftest_is_byte(cpu, SZ_64K, 0) &&
				selftest_in_reach(t, dma, SZ_64K), "flags %#x: zeroed, in reach",
				(__force unsigned int)flags[i]);
		if (!cpu)
			continue;
		memset(cpu, 0x77, SZ_64K);	/* the next one gets the same */
		dma_free_coherent(t->dev, SZ_64K, cpu, dma);
	}
	pool = dma_pool_create("vcma_selftest", t->dev, 128, 128, 0);
	for (i = 0; pool && i < 2; i++) {
		cpu = dma_pool_alloc(pool, GFP_KERNEL | __GFP_ZERO, &dma);
		selftest_result(t, cpu && selftest_is_byte(cpu, 128, 0),
				"flags: a zeroed object of a dma_pool");
		if (!cpu)
			continue;
		memset(cpu, 0x77, 128);
		dma_pool_free(pool, cpu, dma);
	}
	dma_pool_destroy(pool);
}

/* Further than Linux CMA goes by default. */
static void test_aligned(struct selftest *t)
{
	size_t bytes = (size_t)t->aligned_mib * SZ_1M;
	dma_addr_t dma;
	u8 *cpu;

	cpu = dma_alloc_coherent(t->dev, bytes, &dma, GFP_KERNEL);
	if (!selftest_result(t, cpu && IS_ALIGNED(dma, bytes), "aligned: %u MiB at %pad",
			     t->aligned_mib, &dma))
		return;
	selftest_result(t, selftest_is_byte(cpu, bytes, 0) && selftest_in_reach(t, dma, bytes),
			"aligned: zeroed, in reach");
	dma_free_coherent(t->dev, bytes, cpu, dma);
}

struct piece {
	struct piece *next;
	dma_addr_t dma;
	u32 seed;
};

/* Take all there is in pieces that carry their own list, check, give all back. */
static unsigned int take_all(struct selftest *t, size_t bytes, bool *intact)
{
	struct piece *list = NULL, *p;
	unsigned int nr = 0;
	dma_addr_t dma;

	while ((p = dma_alloc_attrs(t->dev, bytes, &dma, QUIET, DMA_ATTR_NO_WARN))) {
		p->next = list;
		p->dma = dma;
		p->seed = nr++;
		selftest_fill(p + 1, bytes - sizeof(*p), p->seed);
		list = p;
	}
	*intact = true;
	while (list) {
		p = list;
		list = p->next;
		*intact &= selftest_is_filled(p + 1, bytes - sizeof(*p), p->seed) &&
			   selftest_in_reach(t, p->dma, bytes);
		dma_free_attrs(t->dev, bytes, p, p->dma, DMA_ATTR_NO_WARN);
	}
	return nr;
}

/*
 * Twice what a pool of the default size has, and nobody asks for more but those who can't wait.
 * Where 32 MiB are all that is in the device's reach, bounce buffers have some of it: then half.
 */
static void test_refill(struct selftest *t)
{
	unsigned int want = (t->mask < DMA_BIT_MASK(32) ? SZ_16M : SZ_32M) / SZ_64K;
	unsigned int nr = 0, pauses = 0;
	struct piece *list = NULL, *p;
	dma_addr_t dma;

	while (nr < want && pauses < 100) {
		p = dma_alloc_attrs(t->dev, SZ_64K, &dma, GFP_ATOMIC | __GFP_NOWARN,
				    DMA_ATTR_NO_WARN);
		if (!p) {
			msleep(100);
			pauses++;
			continue;
		}
		p->next = list;
		p->dma = dma;
		list = p;
		nr++;
	}
	selftest_result(t, nr == want, "refill: %u of %u atomic ones of 64 KiB, with %u pauses", nr,
			want, pauses);
	while (list) {
		p = list;
		list = p->next;
		dma_free_attrs(t->dev, SZ_64K, p, p->dma, DMA_ATTR_NO_WARN);
	}
}

static void test_exhaustion(struct selftest *t)
{
	unsigned int first, again, tries;
	bool intact, intact_again;
	dma_addr_t dma;
	void *cpu;

	first = take_all(t, SZ_256K, &intact);
	selftest_result(t, first && intact, "exhaustion: %u pieces of 256 KiB, all distinct",
			first);
	/* A page that is busy for a moment may keep a granule from us; nothing may do so for good. */
	for (tries = 0; tries < 3; tries++) {
		again = take_all(t, SZ_256K, &intact_again);
		if (again >= first || !intact_again)
			break;
		msleep(1000);
	}
	selftest_result(t, again >= first && intact_again,
			"exhaustion: as many again after freeing them (%u)", again);
	if (t->fragmented) {
		selftest_skip(t, "exhaustion: 8 MiB right after", "host memory is fragmented");
		return;
	}
	cpu = dma_alloc_coherent(t->dev, SZ_8M, &dma, GFP_KERNEL);
	selftest_result(t, cpu, "exhaustion: 8 MiB in one piece right after");
	if (cpu)
		dma_free_coherent(t->dev, SZ_8M, cpu, dma);
}

static void test_impossible(struct selftest *t)
{
	dma_addr_t dma;
	void *cpu;
	int err;

	cpu = dma_alloc_attrs(t->dev, 1UL << 40, &dma, QUIET, DMA_ATTR_NO_WARN);
	selftest_result(t, !cpu, "impossible: 1 TiB is refused");

	err = dma_set_coherent_mask(t->dev, DMA_BIT_MASK(13));
	selftest_result(t, err, "impossible: a mask of 13 bits is refused");
	selftest_result(t, t->dev->coherent_dma_mask == t->mask,
			"impossible: the refused mask has changed nothing");
}

/* ---- mmap ---- */

/* All but a granule in one piece: who can't wait still gets something right after that. */
static void test_nearly_all(struct selftest *t)
{
	size_t bytes = (size_t)t->region_mib * SZ_1M - SZ_2M;
	dma_addr_t dma, small;
	void *cpu, *page;

	cpu = dma_alloc_coherent(t->dev, bytes, &dma, QUIET);
	if (!selftest_result(t, cpu, "coherent, nearly all (%zu bytes): allocated", bytes))
		return;
	page = dma_alloc_coherent(t->dev, SZ_4K, &small, GFP_ATOMIC | __GFP_NOWARN);
	selftest_result(t, page, "coherent, nearly all: an atomic page right after it");
	if (page)
		dma_free_coherent(t->dev, SZ_4K, page, small);
	dma_free_coherent(t->dev, bytes, cpu, dma);
}

struct mapping {
	struct selftest *t;
	void *cpu;
	dma_addr_t dma;
	size_t bytes;
	size_t part, part_bytes;	/* that the driver names */
};

static int mapping_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mapping *m = file->private_data;

	return dma_mmap_coherent(m->t->dev, vma, m->cpu + m->part, m->dma + m->part,
				 m->part_bytes);
}

static const struct file_operations mapping_fops = {
	.owner = THIS_MODULE,
	.mmap = mapping_mmap,
};

/*
 * DRM and UIO name as much of it as is to be mapped; drivers that divide it among users name where
 * it begins for one of them.
 */
static void test_mmap_part(struct selftest *t, struct file *file, struct mapping *m)
{
	unsigned long user;
	u32 word = 0;

	*(u32 *)(m->cpu + PAGE_SIZE) = 0x9a27;
	m->part_bytes = 2 * PAGE_SIZE;
	user = vm_mmap(file, 0, 2 * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	if (selftest_result(t, !IS_ERR_VALUE(user), "mmap: the beginning of it")) {
		selftest_result(t, !get_user(word, (u32 __user *)(user + PAGE_SIZE)) &&
				word == 0x9a27, "mmap: user space sees the beginning (%#x)", word);
		vm_munmap(user, 2 * PAGE_SIZE);
	}
	m->part = PAGE_SIZE;
	user = vm_mmap(file, 0, 2 * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	if (selftest_result(t, !IS_ERR_VALUE(user), "mmap: the rest of it")) {
		word = 0;
		selftest_result(t, !get_user(word, (u32 __user *)user) && word == 0x9a27,
				"mmap: user space sees the rest (%#x)", word);
		vm_munmap(user, 2 * PAGE_SIZE);
	}
	m->part_bytes = m->bytes;
	user = vm_mmap(file, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	selftest_result(t, IS_ERR_VALUE(user), "mmap: more than the rest is refused");
	if (!IS_ERR_VALUE(user))
		vm_munmap(user, PAGE_SIZE);
}

static void test_mmap(struct selftest *t)
{
	struct mapping m = { .t = t, .bytes = 3 * PAGE_SIZE, .part_bytes = 3 * PAGE_SIZE };
	unsigned long user;
	struct file *file;
	u32 word = 0;

	if (!current->mm) {
		selftest_skip(t, "mmap", "probe runs without user memory");
		return;
	}
	m.cpu = dma_alloc_coherent(t->dev, m.bytes, &m.dma, GFP_KERNEL);
	if (!m.cpu)
		return;
	file = anon_inode_getfile("[vcma_selftest]", &mapping_fops, &m, O_RDWR);
	if (IS_ERR(file))
		goto free;

	*(u32 *)(m.cpu + PAGE_SIZE) = 0x600df00d;
	user = vm_mmap(file, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_SIZE);
	if (selftest_result(t, !IS_ERR_VALUE(user), "mmap: two pages at offset one")) {
		selftest_result(t, !get_user(word, (u32 __user *)user) && word == 0x600df00d,
				"mmap: user space sees what the driver wrote (%#x)", word);
		selftest_result(t, !put_user(0xfeedU, (u32 __user *)(user + PAGE_SIZE)) &&
				*(u32 *)(m.cpu + 2 * PAGE_SIZE) == 0xfeed,
				"mmap: the driver sees what user space wrote");
		vm_munmap(user, 2 * PAGE_SIZE);
	}
	user = vm_mmap(file, 0, 3 * PAGE_SIZE, PROT_READ, MAP_SHARED, PAGE_SIZE);
	selftest_result(t, IS_ERR_VALUE(user), "mmap: a page beyond the end is refused");
	if (!IS_ERR_VALUE(user))
		vm_munmap(user, 3 * PAGE_SIZE);
	test_mmap_part(t, file, &m);
	fput(file);
free:
	dma_free_coherent(t->dev, m.bytes, m.cpu, m.dma);
}

void selftest_coherent(struct selftest *t)
{
	static const size_t sizes[] = {
		64, SZ_4K, SZ_8K + 1, SZ_64K, SZ_1M, SZ_2M, SZ_2M + SZ_4K, SZ_4M,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		test_size(t, sizes[i]);
	test_atomic(t);
	test_atomic_middling(t);
	test_flags(t);
	if (t->aligned_mib)
		test_aligned(t);
	if (!t->quick) {
		test_refill(t);
		test_exhaustion(t);
	}
	if (t->region_mib)
		test_nearly_all(t);
	test_impossible(t);
	test_mmap(t);
}
