// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_bulk: a driver of QEMU's edu device that takes many blocks at once from virtio_cma
 * (guest-driver/include/vcma.h), checks what is promised, has the device read and write
 * them, and prints TAP to the kernel log.
 *
 * Who runs it says how much there is: parameter fits (so many blocks can be had), and for
 * what lies empty fast_fits and fast_most. Something may be pinned: then not all fit.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

/* Part of this module, and not of vcma_selftest's alone. */
#include "check.c"
#include "take_page.h"

#include "guest-driver/include/vcma.h"

#define MAX_RANGES	4096

static unsigned int order = 4;
module_param(order, uint, 0444);
MODULE_PARM_DESC(order, "of a block");

static unsigned int count = 64;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "blocks to ask for");

static unsigned int fits = 64;
module_param(fits, uint, 0444);
MODULE_PARM_DESC(fits, "blocks that can be had at least");

static unsigned int fast_fits;
module_param(fast_fits, uint, 0444);
MODULE_PARM_DESC(fast_fits, "of count, so many can be had without moving anything, at least");

static unsigned int fast_most;
module_param(fast_most, uint, 0444);
MODULE_PARM_DESC(fast_most, "and at most so many; 0: don't look");

static bool online;
module_param(online, bool, 0444);
MODULE_PARM_DESC(online, "the region is reusable: what is not isolated of a granule is the guest's");

static bool pinned;
module_param(pinned, bool, 0444);
MODULE_PARM_DESC(pinned, "some of the region is pinned: fewer than count come, with reasons");

static unsigned int singles;
module_param(singles, uint, 0444);
MODULE_PARM_DESC(singles, "compare with this many single allocations of the same size");

static bool leave;
module_param(leave, bool, 0444);
MODULE_PARM_DESC(leave, "end without freeing, instead of testing");

static char *kind;
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "of all blocks, as in the client table");

static unsigned int timeout_ms = 20000;
module_param(timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "for a request; kernels with instruments are several times slower");

static bool misuse;
module_param(misuse, bool, 0444);
MODULE_PARM_DESC(misuse, "free what is not there, instead of testing");

static int by_dma(const void *a, const void *b)
{
	const struct vcma_bulk_block *left = a, *right = b;

	return left->dma < right->dma ? -1 : left->dma > right->dma;
}

static bool are_sane(struct selftest *t, const struct vcma_bulk_block *blocks, unsigned int nr)
{
	size_t bytes = PAGE_SIZE << order;
	unsigned int i, nr_bad = 0;

	for (i = 0; i < nr; i++) {
		if (!IS_ALIGNED(blocks[i].dma, min_t(size_t, bytes, SZ_1M)) || !blocks[i].cpu || !blocks[i].phys ||
		    !selftest_in_reach(t, blocks[i].dma, bytes) ||
		    (blocks[i].page && page_to_phys(blocks[i].page) != blocks[i].phys))
			nr_bad++;
	}
	return !nr_bad;
}

/* No byte is in two blocks. Changes the order. */
static bool are_distinct(struct vcma_bulk_block *blocks, unsigned int nr)
{
	unsigned int i;

	sort(blocks, nr, sizeof(*blocks), by_dma, NULL);
	for (i = 1; i < nr; i++) {
		if (blocks[i].dma - blocks[i - 1].dma < PAGE_SIZE << order)
			return false;
	}
	return true;
}

/* Each has its own contents, to its last byte. */
static bool keep_contents(const struct vcma_bulk_block *blocks, unsigned int nr)
{
	size_t last = (PAGE_SIZE << order) - sizeof(u32);
	bool intact = true;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		*(u32 *)blocks[i].cpu = i;
		*(u32 *)(blocks[i].cpu + last) = ~i;
	}
	for (i = 0; i < nr; i++)
		intact &= *(u32 *)blocks[i].cpu == i && *(u32 *)(blocks[i].cpu + last) == ~i;
	return intact;
}

/* Through the device, from one block's end to another's. */
static bool device_copies(struct selftest *t, const struct vcma_bulk_block *from,
			  const struct vcma_bulk_block *to)
{
	size_t last = (PAGE_SIZE << order) - SZ_4K;

	selftest_fill(from->cpu + last, SZ_4K, 5);
	return !selftest_device_reads(t, from->dma + last, SZ_4K) &&
	       !selftest_device_writes(t, to->dma + last, SZ_4K) &&
	       selftest_is_filled(to->cpu + last, SZ_4K, 5);
}

static void test_busy(struct selftest *t, const struct vcma_bulk_range *busy, unsigned int nr)
{
	unsigned int i, nr_pinned = 0, nr_bad = 0;

	for (i = 0; i < nr; i++) {
		nr_pinned += busy[i].why == VCMA_BULK_PINNED;
		nr_bad += !busy[i].bytes || !IS_ALIGNED(busy[i].phys | busy[i].bytes, PAGE_SIZE);
	}
	selftest_result(t, nr_pinned && !nr_bad, "busy: %u ranges, %u of them pinned", nr,
			nr_pinned);
}

/* As many single allocations, the way to do without. Return: microseconds. */
static s64 time_singles(struct selftest *t, unsigned int *nr)
{
	struct {
		void *cpu;
		dma_addr_t dma;
	} *got = vcalloc(singles, sizeof(*got));
	ktime_t start = ktime_get();
	s64 us;

	*nr = 0;
	if (!got)
		return 0;
	while (*nr < singles) {
		got[*nr].cpu = dma_alloc_attrs(t->dev, PAGE_SIZE << order, &got[*nr].dma,
					       GFP_KERNEL | __GFP_NOWARN, DMA_ATTR_NO_WARN);
		if (!got[*nr].cpu)
			break;
		(*nr)++;
	}
	us = ktime_us_delta(ktime_get(), start);
	for (unsigned int i = 0; i < *nr; i++)
		dma_free_coherent(t->dev, PAGE_SIZE << order, got[i].cpu, got[i].dma);
	vfree(got);
	return us;
}

static void test_bulk(struct selftest *t, struct vcma_bulk_block *blocks,
		      struct vcma_bulk_range *busy)
{
	struct vcma_bulk_request req = { .order = order, .nr = count, .timeout_ms = timeout_ms,
					 .flags = VCMA_BULK_REQ_ZERO, .kind = kind };
	unsigned int nr, nr_busy = MAX_RANGES, nr_single, i;
	bool zeroed = true;
	ktime_t start = ktime_get();
	s64 us, us_single;
	int err;

	err = vcma_alloc_bulk(t->dev, &req, blocks, &nr, busy, &nr_busy);
	us = ktime_us_delta(ktime_get(), start);
	selftest_result(t, !err && nr >= min(fits, count) && nr <= count,
			"one call: %u of %u blocks of order %u, %u fit at least (%d, %lld us)",
			nr, count, order, fits, err, us);
	if (pinned)
		test_busy(t, busy, nr_busy);
	if (err)
		return;
	selftest_result(t, are_sane(t, blocks, nr), "aligned, mapped, in the device's reach");
	for (i = 0; i < nr; i++)
		zeroed &= selftest_is_byte(blocks[i].cpu, PAGE_SIZE << order, 0);
	selftest_result(t, zeroed, "zeroed, as asked for");
	selftest_result(t, are_distinct(blocks, nr), "no two overlap");
	selftest_result(t, keep_contents(blocks, nr), "each keeps what is written to it");
	selftest_result(t, device_copies(t, &blocks[0], &blocks[nr - 1]) &&
			device_copies(t, &blocks[nr - 1], &blocks[nr / 2]),
			"the device has copied between the first, the last and one between");
	/* Every second one first: blocks go back one by one, too. */
	for (i = 0; i < nr; i += 2)
		vcma_free_bulk(t->dev, &blocks[i], 1, order);
	for (i = 1; i < nr; i += 2)
		vcma_free_bulk(t->dev, &blocks[i], 1, order);

	req.flags = 0;
	err = vcma_alloc_bulk(t->dev, &req, blocks, &i, NULL, NULL);
	selftest_result(t, !err && i >= min(fits, count), "as many again after freeing them: %u",
			i);
	if (!err)
		vcma_free_bulk(t->dev, blocks, i, order);
	if (!singles)
		return;
	us_single = time_singles(t, &nr_single);
	pr_info(KBUILD_MODNAME ": # one by one: %u blocks in %lld us\n", nr_single, us_single);
}

static void test_refusals(struct selftest *t, struct vcma_bulk_block *blocks)
{
	struct vcma_bulk_request req = { .order = 4, .nr = 0 };
	struct platform_device *other;
	unsigned int nr = 7;
	int err;

	err = vcma_alloc_bulk(t->dev, &req, blocks, &nr, NULL, NULL);
	selftest_result(t, err == -EINVAL && !nr, "refused: no blocks (%d)", err);
	req.nr = 1;
	req.order = 31;
	err = vcma_alloc_bulk(t->dev, &req, blocks, &nr, NULL, NULL);
	selftest_result(t, err == -EINVAL && !nr, "refused: larger than the region (%d)", err);
	req.order = 4;
	req.flags = 0x80;
	err = vcma_alloc_bulk(t->dev, &req, blocks, &nr, NULL, NULL);
	selftest_result(t, err == -EINVAL && !nr, "refused: unknown flag (%d)", err);

	req.flags = 0;
	other = platform_device_register_simple("vcma_bulk", PLATFORM_DEVID_NONE, NULL, 0);
	if (!IS_ERR(other)) {
		err = vcma_alloc_bulk(&other->dev, &req, blocks, &nr, NULL, NULL);
		selftest_result(t, err == -ENODEV && !nr, "refused: no client (%d)", err);
		platform_device_unregister(other);
	}
}

/* Before anything else is had, which would leave what it had empty. */
static void test_fast(struct selftest *t, struct vcma_bulk_block *blocks)
{
	struct vcma_bulk_request req = { .order = order, .nr = count,
					 .flags = VCMA_BULK_REQ_FAST };
	unsigned int nr;
	int err = vcma_alloc_bulk(t->dev, &req, blocks, &nr, NULL, NULL);

	selftest_result(t, !err == !!nr && nr >= fast_fits && nr <= fast_most,
			"FAST: %u of %u blocks, %u to %u can be (%d)", nr, count, fast_fits,
			fast_most, err);
	if (!err)
		vcma_free_bulk(t->dev, blocks, nr, order);
}

/* ---- beside the blocks ---- */

#define BESIDE_ORDER	4
#define BESIDE_BLOCKS	8
#define BESIDE_TRIES	65536

struct beside {
	struct vcma_bulk_block blocks[BESIDE_BLOCKS];
	unsigned int nr;
};

/* The block in whose granule @phys is, or NULL. */
static const struct vcma_bulk_block *beside(const struct beside *b, phys_addr_t phys)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++) {
		if (ALIGN_DOWN(b->blocks[i].phys, SZ_2M) == ALIGN_DOWN(phys, SZ_2M))
			return &b->blocks[i];
	}
	return NULL;
}

static bool is_beside(phys_addr_t phys, const void *arg)
{
	return beside(arg, phys);
}

/*
 * A granule of which we have parts; the others are online, and pinned with it:
 *
 *	granule	|####|####|....|..p.|....|	p is mapped where it lies
 */
static void test_beside(struct selftest *t)
{
	struct vcma_bulk_request req = { .order = BESIDE_ORDER, .nr = BESIDE_BLOCKS };
	struct beside b = { .nr = 0 };
	const struct vcma_bulk_block *block;
	struct page *page;
	dma_addr_t dma;
	int err;

	err = vcma_alloc_bulk(t->dev, &req, b.blocks, &b.nr, NULL, NULL);
	if (!selftest_result(t, !err && b.nr == BESIDE_BLOCKS, "beside: %u blocks", b.nr))
		return;
	page = take_page(is_beside, &b, BESIDE_TRIES);
	if (!selftest_result(t, page, "beside: an online page in the same granule"))
		goto free;
	block = beside(&b, page_to_phys(page));
	dma = dma_map_page(t->dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	selftest_result(t, dma == block->dma + (page_to_phys(page) - block->phys),
			"beside: it is mapped where it lies (%pad)", &dma);
	if (dma_mapping_error(t->dev, dma))
		goto free_page;
	selftest_fill(page_address(page), SZ_4K, 19);
	err = selftest_device_reads(t, dma, SZ_4K);
	vcma_free_bulk(t->dev, b.blocks, b.nr, BESIDE_ORDER);
	b.nr = 0;
	memset(page_address(page), 0, SZ_4K);
	err = err ?: selftest_device_writes(t, dma, SZ_4K);
	selftest_result(t, !err && selftest_is_filled(page_address(page), SZ_4K, 19),
			"beside: the device has it, also when the blocks are gone");
	dma_unmap_page(t->dev, dma, PAGE_SIZE, DMA_BIDIRECTIONAL);
free_page:
	__free_page(page);
free:
	if (b.nr)
		vcma_free_bulk(t->dev, b.blocks, b.nr, BESIDE_ORDER);
}

/* Warnings are what is expected: whoever runs this counts them. */
static void test_misuse(struct selftest *t, struct vcma_bulk_block *blocks)
{
	struct vcma_bulk_request req = { .order = order, .nr = 4 };
	struct vcma_bulk_block wrong;
	unsigned int nr;
	int err;

	err = vcma_alloc_bulk(t->dev, &req, blocks, &nr, NULL, NULL);
	if (!selftest_result(t, !err && nr == 4, "misuse: four blocks"))
		return;
	wrong = blocks[1];
	wrong.phys += PAGE_SIZE;
	vcma_free_bulk(t->dev, &wrong, 1, order);
	vcma_free_bulk(t->dev, &blocks[1], 1, order + 1);
	vcma_free_bulk(t->dev, &blocks[0], 1, order);
	vcma_free_bulk(t->dev, &blocks[0], 1, order);
	selftest_result(t, keep_contents(blocks + 1, 3), "misuse: the others are as they were");
	vcma_free_bulk(t->dev, blocks + 1, 3, order);
}

static void test_leave(struct selftest *t, struct vcma_bulk_block *blocks)
{
	struct vcma_bulk_request req = { .order = order, .nr = count, .kind = kind };
	unsigned int nr;
	int err = vcma_alloc_bulk(t->dev, &req, blocks, &nr, NULL, NULL);

	selftest_result(t, !err && nr, "left: %u blocks", nr);
}

static int bulk_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vcma_bulk_range *busy = vcalloc(MAX_RANGES, sizeof(*busy));
	struct vcma_bulk_block *blocks = vcalloc(max(count, 4U), sizeof(*blocks));
	struct selftest *t = devm_kzalloc(&pdev->dev, sizeof(*t), GFP_KERNEL);
	int err = -ENOMEM;

	if (!busy || !blocks || !t)
		goto out;
	t->pdev = pdev;
	t->dev = &pdev->dev;
	t->mask = DMA_BIT_MASK(40);
	err = pcim_enable_device(pdev);
	if (err)
		goto out;
	t->regs = pcim_iomap(pdev, 0, 0);
	err = t->regs ? dma_set_mask_and_coherent(t->dev, t->mask) : -ENOMEM;
	if (err)
		goto out;
	pci_set_master(pdev);
	if (leave) {
		test_leave(t, blocks);
	} else if (misuse) {
		test_misuse(t, blocks);
	} else {
		if (fast_most)
			test_fast(t, blocks);
		if (online)
			test_beside(t);
		test_bulk(t, blocks, busy);
		test_refusals(t, blocks);
	}
	pr_info(KBUILD_MODNAME ": 1..%u\n", t->nr_tests);
out:
	vfree(blocks);
	vfree(busy);
	return err;
}

static void bulk_remove(struct pci_dev *pdev)
{
	pci_clear_master(pdev);
}

static const struct pci_device_id bulk_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};
MODULE_DEVICE_TABLE(pci, bulk_ids);

static struct pci_driver bulk_driver = {
	.name = KBUILD_MODNAME,
	.id_table = bulk_ids,
	.probe = bulk_probe,
	.remove = bulk_remove,
};
module_pci_driver(bulk_driver);

MODULE_DESCRIPTION("Bulk allocation from virtio_cma, tested with QEMU's edu device");
MODULE_LICENSE("GPL");
