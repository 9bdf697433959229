// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_reuse: allocates and isolates memory of a region as the driver's own parts do, with no
 * device in between, to test what its reuse does to it. One test per insmod; prints TAP
 * to the kernel log. What it has is freed by rmmod.
 *
 *	test=alloc	blocks: all is ours, fake-offline, writable; errors
 *	test=stale	blocks that had other contents before: zero or not, as mode->zeroes() says
 *	test=pieces	parts of a block whose other pages stay online
 *	test=parallel	two threads at once, in different granules and in the same one; in
 *			ones far apart both are seen to be isolated at once
 *	test=killed	who waits for pages next to those that somebody else is just isolating, and is
 *			being killed, waits no longer
 *	test=drain	free memory that is kept from others while parts of a granule are isolated
 *	test=give	how much of a large block goes back before others may run
 *	test=keep	allocate mib=N in blocks of block_mib=N, and keep them
 *	test=most	allocate as much of mib=N as can be had; at least least=N blocks
 *	test=busy	keep a page that looks movable and isn't, and all granules but its own,
 *			and ask for that one until rmmod
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/page-flags.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>

#include "address_of.h"
#include "caller_of.h"
#include "find_region.h"
#include "take_page.h"

#include "guest-driver/compat/compat.h"
#include "guest-driver/core/mode.h"
#include "guest-driver/core/region.h"
#include "guest-driver/mm/partial.h"

static char *test = "alloc";
module_param(test, charp, 0444);
static unsigned int mib = 16;
module_param(mib, uint, 0444);
static unsigned int block_mib = 2;
module_param(block_mib, uint, 0444);
static unsigned int least;
module_param(least, uint, 0444);
static bool fast;
module_param(fast, bool, 0444);

#define MAX_BLOCKS	256
#define PIECE_PAGES	(SZ_64K / PAGE_SIZE)
#define ROUNDS		20
#define MEET_PATIENCE	(10 * HZ)
#define BLOCKS_APART	16
#define THREADS		2
#define UNMOVABLE_TRIES	1000

static typeof(vcma_block_alloc) *hold;
static typeof(vcma_block_free) *drop;
static typeof(vcma_block_isolate) *take;
static typeof(vcma_block_putback) *give;

static struct vcma_region *region;
static struct vcma_block *blocks[MAX_BLOCKS];
static unsigned int nr_blocks, nr_tests, nr_failed;
static struct page *unmovable_page;
static struct task_struct *insister, *drainer;

static bool result(bool good, const char *what)
{
	nr_tests++;
	nr_failed += !good;
	pr_info("vcma_reuse: %s %u - %s\n", good ? "ok" : "not ok", nr_tests, what);
	return good;
}

static struct vcma_constraints want_of(u64 bytes)
{
	return (struct vcma_constraints) {
		.bytes = bytes,
		.max_dma = U64_MAX,
		.use = VCMA_BLOCK_USER,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.owner = "vcma_reuse",
		.flags = fast ? VCMA_FAST : 0,
	};
}

/* Return: pages of the block that are fake-offline. */
static unsigned long nr_fake_offline(const struct vcma_block *block)
{
	unsigned long pfn = PHYS_PFN(block->base_gpa), i, nr = 0;

	for (i = 0; i < PHYS_PFN(block->bytes); i++)
		nr += PageOffline(pfn_to_page(pfn + i)) ? 1 : 0;
	return nr;
}

/* ---- blocks ---- */

static bool is_ours(struct vcma_block *block, u8 pattern)
{
	u64 i;

	if (nr_fake_offline(block) != PHYS_PFN(block->bytes))
		return false;
	memset(block->cpu, pattern, block->bytes);
	for (i = 0; i < block->bytes; i += SZ_4K) {
		if (((u8 *)block->cpu)[i] != pattern)
			return false;
	}
	return true;
}

static int allocate_all(u64 bytes, u64 block_bytes)
{
	struct vcma_constraints want = want_of(block_bytes);
	ktime_t start = ktime_get();
	int err = 0;

	while (nr_blocks < MAX_BLOCKS && nr_blocks * block_bytes < bytes) {
		err = hold(region, &want, &blocks[nr_blocks]);
		if (err)
			break;
		nr_blocks++;
	}
	pr_info("vcma_reuse: # %u blocks of %llu MiB in %lld us, then %d\n", nr_blocks,
		block_bytes / SZ_1M, ktime_us_delta(ktime_get(), start), err);
	return err;
}

static void drop_all(void)
{
	while (nr_blocks)
		drop(blocks[--nr_blocks]);
}

static void test_hold(void)
{
	struct vcma_constraints want = want_of(SZ_2M);
	struct vcma_block *block;
	s64 online = atomic64_read(&region->online_bytes);
	bool good = true;
	unsigned int i;
	int err;

	err = allocate_all((u64)mib * SZ_1M, (u64)block_mib * SZ_1M);
	result(!err, "as many blocks as asked for");
	for (i = 0; i < nr_blocks; i++)
		good &= is_ours(blocks[i], i);
	result(good, "all pages are fake-offline, all can be written");
	result(atomic64_read(&region->online_bytes) == online - (s64)nr_blocks * block_mib * SZ_1M,
	       "online_bytes counts them");
	drop_all();
	result(atomic64_read(&region->online_bytes) == online, "freed: back online");

	want.deadline = ktime_sub_us(ktime_get(), 1);
	err = hold(region, &want, &block);
	result(err == -ETIMEDOUT, "deadline in the past");
	if (!err)
		drop(block);
	want = want_of(region->bytes + SZ_2M);
	err = hold(region, &want, &block);
	result(err && err != -EPROTO, "more than the region has");
}

/* There were files in all of it, which are gone. */
static void test_stale(void)
{
	bool promised = vcma_mode_zeroes(region->mode), zero = true;
	unsigned int i;

	result(!allocate_all((u64)mib * SZ_1M, (u64)block_mib * SZ_1M), "as many blocks as asked for");
	for (i = 0; i < nr_blocks; i++)
		zero &= !memchr_inv(blocks[i]->cpu, 0, blocks[i]->bytes);
	result(zero == promised, promised ? "zero, as the page allocator promises" :
					    "not zero, which nobody promises");
	drop_all();
}

/* Memory is short, or pinned: what can't be had is refused, and what can be had is good. */
static void test_most(void)
{
	bool good = true;
	unsigned int i;
	int err;

	err = allocate_all((u64)mib * SZ_1M, (u64)block_mib * SZ_1M);
	result(!err || err == -ENOMEM || err == -EBUSY || err == -ENOSPC || err == -ETIMEDOUT,
	       "refused for lack of room, or because pages are busy");
	result(nr_blocks >= least, "as many as there must be");
	for (i = 0; i < nr_blocks; i++)
		good &= is_ours(blocks[i], i);
	result(good, "all pages are fake-offline, all can be written");
	drop_all();
}

/* ---- pieces ---- */

static void test_pieces(void)
{
	struct vcma_constraints want = want_of(region->granule_bytes);
	unsigned long nr = PHYS_PFN(region->granule_bytes), i, got = 0;
	struct vcma_busy busy = {};
	struct vcma_block *block;

	want.lazy = true;
	if (!result(!hold(region, &want, &block), "lazy block"))
		return;
	result(!block->cpu && !nr_fake_offline(block), "lazy block: nothing isolated, nothing mapped");
	/* Every other piece:  |##..##..##..|  */
	for (i = 0; i < nr; i += 2 * PIECE_PAGES)
		got += !take(block, i, PIECE_PAGES, want.flags, 0, &busy);
	result(got == nr / (2 * PIECE_PAGES), "every other 64 KiB isolated");
	result(nr_fake_offline(block) == nr / 2, "these are fake-offline, the others are not");
	result(take(block, 0, 2 * PIECE_PAGES, want.flags, 0, &busy) == -EBUSY &&
	       busy.first_page == 0 && busy.nr_pages == PIECE_PAGES,
	       "who comes second hears which pages are isolated");
	give(block, 0, PIECE_PAGES / 2);
	result(nr_fake_offline(block) == nr / 2 - PIECE_PAGES / 2, "half a piece put back");
	result(!take(block, 0, PIECE_PAGES / 2, want.flags, 0, &busy), "and isolated again");
	drop(block);
}

/* ---- in parallel ---- */

struct worker {
	struct completion done;
	struct vcma_block *block;
	unsigned long first_page;
	unsigned int failed;
};

/*
 * Calls of what isolates pages in the kernel, for the workers, come by here first: who is early
 * waits for the other, which never comes if the driver lets in only one at a time.
 */
static struct vcma_block *apart[THREADS];	/* of each worker */
static DECLARE_COMPLETION(met);		/* or given up */
static atomic_t nr_inside;
static bool have_met;

static int meet(unsigned long start, unsigned long end, unsigned int unused, gfp_t gfp)
{
	int err;

	if (atomic_inc_return(&nr_inside) == THREADS) {
		have_met = true;
		complete_all(&met);
	} else if (!wait_for_completion_timeout(&met, MEET_PATIENCE)) {
		complete_all(&met);
	}
	err = vcma_alloc_contig(start, end, gfp);
	atomic_dec(&nr_inside);
	return err;
}

/* Return: 1 if it goes on in meet() instead: not if it comes from there. */
static int isolate_enter(struct kprobe *kp, struct pt_regs *regs)
{
	u64 gpa = PFN_PHYS(regs_get_kernel_argument(regs, 0));
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		if (gpa - apart[i]->base_gpa < apart[i]->bytes)
			break;
	}
	if (i == THREADS || within_module(caller_of(regs), THIS_MODULE))
		return 0;
	instruction_pointer_set(regs, (unsigned long)meet);
	return 1;
}
NOKPROBE_SYMBOL(isolate_enter);

/* That there is one keeps the probe from being optimised into what can't skip a call. */
static void isolate_leave(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe isolate_probe = {
	.pre_handler = isolate_enter,
	.post_handler = isolate_leave,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	.symbol_name = "alloc_contig_range",
#else
	.symbol_name = "alloc_contig_range_noprof",
#endif
};

static int work_in_own_granule(void *data)
{
	struct worker *w = data;
	struct vcma_constraints want = want_of(region->granule_bytes);
	struct vcma_block *block;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		if (hold(region, &want, &block)) {
			w->failed++;
			continue;
		}
		w->failed += !is_ours(block, i);
		drop(block);
	}
	complete(&w->done);
	return 0;
}

static int work_in_held_granule(void *data)
{
	struct worker *w = data;
	struct vcma_busy busy;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		if (take(w->block, w->first_page, PIECE_PAGES, 0, 0, &busy))
			w->failed++;
		else
			give(w->block, w->first_page, PIECE_PAGES);
	}
	complete(&w->done);
	return 0;
}

/* @used: allocated, by worker; or NULL */
static void run_parallel(int (*work)(void *), struct vcma_block * const *used, const char *what)
{
	struct worker workers[THREADS] = {};
	ktime_t start = ktime_get();
	unsigned int i, failed = 0;

	for (i = 0; i < THREADS; i++) {
		init_completion(&workers[i].done);
		workers[i].block = used ? used[i] : NULL;
		workers[i].first_page = i * PIECE_PAGES;
		if (IS_ERR(kthread_run(work, &workers[i], "vcma_reuse/%u", i))) {
			failed++;
			complete(&workers[i].done);
		}
	}
	for (i = 0; i < THREADS; i++) {
		wait_for_completion(&workers[i].done);
		failed += workers[i].failed;
	}
	pr_info("vcma_reuse: # %s: %u failed of %u, %lld us\n", what, failed, THREADS * ROUNDS,
		ktime_us_delta(ktime_get(), start));
	result(!failed, what);
}

/*
 * Granules in the same largest block of the buddy allocator are isolated one by one; of
 * these many, the first and the last are not in the same.
 */
static void test_apart(void)
{
	struct vcma_constraints want = want_of(region->granule_bytes);
	unsigned int i;
	int err = 0;

	want.lazy = true;
	for (nr_blocks = 0; nr_blocks < BLOCKS_APART && !err; nr_blocks += !err)
		err = hold(region, &want, &blocks[nr_blocks]);
	if (!result(!err, "lazy blocks"))
		goto drop;
	apart[0] = blocks[0];
	apart[1] = blocks[0];
	for (i = 1; i < nr_blocks; i++) {
		if (blocks[i]->base_gpa < apart[0]->base_gpa)
			apart[0] = blocks[i];
		if (blocks[i]->base_gpa > apart[1]->base_gpa)
			apart[1] = blocks[i];
	}
	err = register_kprobe(&isolate_probe);
	if (!result(!err, "calls that isolate pages can be delayed"))
		goto drop;
	run_parallel(work_in_held_granule, apart, "two threads, granules far apart");
	unregister_kprobe(&isolate_probe);
	result(have_met, "each isolated its own while the other did");
drop:
	drop_all();
}

static void test_parallel(void)
{
	struct vcma_constraints want = want_of(region->granule_bytes);
	struct vcma_block *block;

	run_parallel(work_in_own_granule, NULL, "two threads, a granule each");
	test_apart();
	want.lazy = true;
	if (!result(!hold(region, &want, &block), "lazy block"))
		return;
	run_parallel(work_in_held_granule, (struct vcma_block *[]){ block, block },
		     "two threads, one granule");
	drop(block);
}

/* ---- killed ---- */

#define KILLED_PATIENCE_MS	1000

struct taker {
	struct completion done;
	struct vcma_block *block;
	unsigned long first_page;
	bool killed;
	int err;
	s64 ms;
};

static int take_once(void *data)
{
	struct taker *t = data;
	struct vcma_busy busy;
	ktime_t start = ktime_get();

	if (t->killed) {
		allow_signal(SIGKILL);
		send_sig(SIGKILL, current, 1);
	}
	t->err = take(t->block, t->first_page, PIECE_PAGES, 0, 0, &busy);
	t->ms = ktime_ms_delta(ktime_get(), start);
	if (!t->err)
		give(t->block, t->first_page, PIECE_PAGES);
	complete(&t->done);
	return 0;
}

static void test_killed(void)
{
	struct vcma_constraints want = want_of(region->granule_bytes);
	struct taker takers[THREADS] = { { .killed = false }, { .killed = true } };
	struct vcma_block *block;
	unsigned int i, ms;

	want.lazy = true;
	if (!result(!hold(region, &want, &block), "lazy block"))
		return;
	apart[0] = block;
	apart[1] = block;
	if (!result(!register_kprobe(&isolate_probe), "calls that isolate pages can be held up"))
		goto drop;
	for (i = 0; i < THREADS; i++) {
		init_completion(&takers[i].done);
		takers[i].block = block;
		takers[i].first_page = i * PIECE_PAGES;
		if (IS_ERR(kthread_run(take_once, &takers[i], "vcma_reuse/%u", i)))
			complete(&takers[i].done);
		for (ms = 0; !atomic_read(&nr_inside) && ms < KILLED_PATIENCE_MS; ms += 20)
			msleep(20);
	}
	result(atomic_read(&nr_inside), "one is at it");
	wait_for_completion(&takers[1].done);
	pr_info("vcma_reuse: # the other: %d, after %lld ms\n", takers[1].err, takers[1].ms);
	result(takers[1].err == -EINTR && takers[1].ms < KILLED_PATIENCE_MS,
	       "the other is being killed: it does not wait for that");
	complete_all(&met);
	wait_for_completion(&takers[0].done);
	while (atomic_read(&nr_inside))
		msleep(20);
	unregister_kprobe(&isolate_probe);
drop:
	drop(block);
}

/* ---- free memory of others ---- */

#define MUCH	SZ_64K		/* pages: 256 MiB, of 4 KiB each */

static unsigned long nr_free_before, nr_free_at_worst;

/* What was in the way goes back: before that, least is free. */
static int free_enter(struct kprobe *kp, struct pt_regs *regs)
{
	if (current == drainer && !nr_free_at_worst)
		nr_free_at_worst = global_zone_page_state(NR_FREE_PAGES);
	return 0;
}
NOKPROBE_SYMBOL(free_enter);

static struct kprobe free_probe = { .symbol_name = "__free_pages", .pre_handler = free_enter };

static void test_drain(void)
{
	typeof(vcma_partial_init) *parts_init = address_of("vcma_partial_init");
	typeof(vcma_partial_collect) *collect = address_of("vcma_partial_collect");
	typeof(vcma_partial_destroy) *parts_destroy = address_of("vcma_partial_destroy");
	unsigned long nr = PHYS_PFN(region->granule_bytes), most;
	struct vcma_constraints want = want_of(region->granule_bytes);
	struct vcma_partial parts = {};
	struct vcma_block *block;

	want.lazy = true;
	if (!result(parts_init && collect && parts_destroy && !register_kprobe(&free_probe),
		    "the functions are there"))
		return;
	if (!result(!hold(region, &want, &block) && !parts_init(&parts, block, 1), "lazy block"))
		goto unregister;
	nr_free_before = global_zone_page_state(NR_FREE_PAGES);
	most = 5 * nr + nr_free_before / 8;
	drainer = current;
	collect(&parts, 1, MUCH);
	drainer = NULL;
	pr_info("vcma_reuse: # %lu pages were free, %lu at worst, for %lu of %lu\n", nr_free_before,
		nr_free_at_worst, parts.nr_isolated, nr);
	result(!nr_free_at_worst || nr_free_before - nr_free_at_worst <= most,
	       "most of what is free is left to others meanwhile");
	parts_destroy(&parts);
	drop(block);
unregister:
	unregister_kprobe(&free_probe);
}

/* ---- give ---- */

#define GIVE_AT_MOST	(SZ_16M >> PAGE_SHIFT)

static unsigned long nr_given, most_given;

static int give_enter(struct kprobe *kp, struct pt_regs *regs)
{
	unsigned long nr = regs_get_kernel_argument(regs, 1);

	nr_given += nr;
	most_given = max(most_given, nr);
	return 0;
}
NOKPROBE_SYMBOL(give_enter);

static struct kprobe give_probe = {
	.pre_handler = give_enter,
	.symbol_name = "free_contig_range",
};

static void test_give(void)
{
	struct vcma_constraints want = want_of((u64)block_mib * SZ_1M);
	struct vcma_block *block;

	if (!result(!hold(region, &want, &block), "a large block"))
		return;
	if (!result(!register_kprobe(&give_probe), "the kernel's function is there")) {
		drop(block);
		return;
	}
	drop(block);
	unregister_kprobe(&give_probe);
	result(nr_given == PHYS_PFN(want.bytes), "all of it goes back");
	result(most_given <= GIVE_AT_MOST, "in parts, between which others may run");
}

/* ---- busy ---- */

/* Nobody can move it when it is in use by the kernel, and on no list of its own. */
static bool is_of_region(phys_addr_t phys, const void *unused)
{
	return phys - region->base_gpa < region->bytes;
}

/* What is left is busy: it is asked for again as soon as the mark on it is gone. */
static int insist(void *unused)
{
	struct vcma_constraints want = want_of(region->granule_bytes);
	struct vcma_block *block;

	while (!kthread_should_stop()) {
		if (!hold(region, &want, &block)) {
			pr_err("vcma_reuse: the granule of the page that is in use was granted\n");
			drop(block);
		}
		msleep(50);
	}
	return 0;
}

static void test_busy(void)
{
	s64 retries = atomic64_read(&region->stats.nr_busy_retries);
	int err;

	unmovable_page = take_page(is_of_region, NULL, UNMOVABLE_TRIES);
	if (!result(unmovable_page, "a page of the region is the kernel's"))
		return;
	err = allocate_all(region->bytes, region->granule_bytes);
	result(err == -EBUSY, "the last granule is busy");
	result(nr_blocks == (region->bytes >> region->granule_shift) - 1, "all others are allocated");
	result(atomic64_read(&region->stats.nr_busy_retries) > retries, "retries are counted");
	insister = kthread_run(insist, NULL, "vcma_reuse");
	if (IS_ERR(insister))
		insister = NULL;
}

static void end_busy(void)
{
	if (insister)
		kthread_stop(insister);
	if (unmovable_page)
		__free_page(unmovable_page);
}

/* ---- module ---- */

static void put_symbols(void)
{
	if (hold)
		symbol_put(vcma_block_alloc);
	if (drop)
		symbol_put(vcma_block_free);
	if (take)
		symbol_put(vcma_block_isolate);
	if (give)
		symbol_put(vcma_block_putback);
}

static int __init reuse_init(void)
{
	hold = symbol_get(vcma_block_alloc);
	drop = symbol_get(vcma_block_free);
	take = symbol_get(vcma_block_isolate);
	give = symbol_get(vcma_block_putback);
	region = find_region();
	if (!hold || !drop || !take || !give || !region || !region->mode->has_pages) {
		pr_err("vcma_reuse: no reusable region\n");
		put_symbols();
		return -ENODEV;
	}
	if (!strcmp(test, "alloc"))
		test_hold();
	else if (!strcmp(test, "stale"))
		test_stale();
	else if (!strcmp(test, "pieces"))
		test_pieces();
	else if (!strcmp(test, "parallel"))
		test_parallel();
	else if (!strcmp(test, "killed"))
		test_killed();
	else if (!strcmp(test, "drain"))
		test_drain();
	else if (!strcmp(test, "give"))
		test_give();
	else if (!strcmp(test, "most"))
		test_most();
	else if (!strcmp(test, "busy"))
		test_busy();
	else if (!strcmp(test, "keep"))
		result(!allocate_all((u64)mib * SZ_1M, (u64)block_mib * SZ_1M), "allocated and kept");
	else
		result(false, "unknown test");
	pr_info("vcma_reuse: 1..%u\n", nr_tests);
	return 0;
}
module_init(reuse_init);

static void __exit reuse_exit(void)
{
	end_busy();
	drop_all();
	put_symbols();
}
module_exit(reuse_exit);

MODULE_DESCRIPTION("Test of reusable memory of virtio_cma regions");
MODULE_LICENSE("GPL");
