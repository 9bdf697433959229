// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: memory with struct pages: dma_alloc_pages(), dma_alloc_noncontiguous(),
 * dma_get_sgtable(); and streaming mappings of it, which need no copy:
 *
 *	allocated	|    a    |    b    |		dma = address of a
 *	mapped again	     |xxxx|x|			dma + offset, not a bounce buffer
 *
 * Where the region has no struct pages, all of it is refused.
 *
 * For the kernel's debugging of the DMA API an allocation is a mapping, too, and mappings of one
 * place that the device may write to are an error, whatever a driver does about caches. So what is
 * mapped again was allocated DMA_TO_DEVICE, or is mapped so; and it is synced as a whole, for of
 * several mappings around an address the debugging takes none.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "selftest.h"

#define QUIET	(GFP_KERNEL | __GFP_NOWARN)
#define PART	SZ_2K

/* The device copies PART bytes from one address to another. */
static int device_copies(struct selftest *t, dma_addr_t from, dma_addr_t to)
{
	return selftest_device_reads(t, from, PART) ?: selftest_device_writes(t, to, PART);
}

static void test_alloc_pages(struct selftest *t, size_t bytes)
{
	size_t end = bytes - PART;
	struct page *page;
	dma_addr_t dma;
	u8 *cpu;
	int err;

	page = dma_alloc_pages(t->dev, bytes, &dma, DMA_BIDIRECTIONAL, GFP_KERNEL);
	if (!selftest_result(t, page, "pages %zu bytes: allocated", bytes))
		return;
	cpu = page_address(page);
	selftest_result(t, selftest_is_byte(cpu, bytes, 0) && selftest_in_reach(t, dma, bytes),
			"pages %zu bytes: zeroed, %pad is in reach", bytes, &dma);
	memset(cpu, 0x11, bytes);
	selftest_fill(cpu, PART, 21);
	dma_sync_single_for_device(t->dev, dma, bytes, DMA_BIDIRECTIONAL);
	err = device_copies(t, dma, dma + end);
	/* Only the part that the device has written. */
	dma_sync_single_range_for_cpu(t->dev, dma, end, PART, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_filled(cpu + end, PART, 21) &&
			selftest_is_byte(cpu + PART, end - PART, 0x11),
			"pages %zu bytes: the device has copied the start over the end", bytes);
	dma_free_pages(t->dev, bytes, page, dma, DMA_BIDIRECTIONAL);
}

static void test_alloc_pages_atomic(struct selftest *t)
{
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	struct page *page;
	dma_addr_t dma;

	spin_lock_irqsave(&lock, flags);
	page = dma_alloc_pages(t->dev, SZ_16K, &dma, DMA_FROM_DEVICE, GFP_ATOMIC);
	if (page)
		dma_free_pages(t->dev, SZ_16K, page, dma, DMA_FROM_DEVICE);
	spin_unlock_irqrestore(&lock, flags);
	selftest_result(t, page, "pages: 16 KiB with interrupts off");
	page = dma_alloc_pages(t->dev, 1UL << 40, &dma, DMA_FROM_DEVICE, QUIET);
	selftest_result(t, !page, "pages: 1 TiB is refused");
}

/* ---- noncontiguous ---- */

struct scattered {
	struct selftest *t;
	struct sg_table *sgt;
	size_t bytes;
};

static int scattered_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct scattered *s = file->private_data;

	return dma_mmap_noncontiguous(s->t->dev, vma, s->bytes, s->sgt);
}

static const struct file_operations scattered_fops = {
	.owner = THIS_MODULE,
	.mmap = scattered_mmap,
};

static void test_noncontiguous_user(struct scattered *s, u8 *cpu)
{
	struct selftest *t = s->t;
	unsigned long user;
	struct file *file;
	u32 word = 0;

	if (!current->mm) {
		selftest_skip(t, "noncontiguous: mmap", "probe runs without user memory");
		return;
	}
	file = anon_inode_getfile("[vcma_selftest]", &scattered_fops, s, O_RDWR);
	if (IS_ERR(file))
		return;
	*(u32 *)(cpu + PAGE_SIZE) = 0x600df00d;
	user = vm_mmap(file, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_SIZE);
	if (selftest_result(t, !IS_ERR_VALUE(user), "noncontiguous: mmap at offset one page")) {
		selftest_result(t, !get_user(word, (u32 __user *)user) && word == 0x600df00d &&
				!put_user(0xfeedU, (u32 __user *)(user + PAGE_SIZE)) &&
				*(u32 *)(cpu + 2 * PAGE_SIZE) == 0xfeed,
				"noncontiguous: user space and the driver see the same");
		vm_munmap(user, 2 * PAGE_SIZE);
	}
	fput(file);
}

static void test_noncontiguous(struct selftest *t, unsigned long attrs)
{
	struct scattered s = { .t = t, .bytes = SZ_256K };
	dma_addr_t dma;
	u8 *cpu;
	int err;

	s.sgt = dma_alloc_noncontiguous(t->dev, s.bytes, DMA_BIDIRECTIONAL, GFP_KERNEL, attrs);
	if (!selftest_result(t, s.sgt, "noncontiguous, attrs %#lx: 256 KiB allocated", attrs))
		return;
	dma = sg_dma_address(s.sgt->sgl);
	selftest_result(t, s.sgt->nents == 1 && sg_dma_len(s.sgt->sgl) == s.bytes &&
			selftest_in_reach(t, dma, s.bytes),
			"noncontiguous: one segment for the device, in reach");
	cpu = dma_vmap_noncontiguous(t->dev, s.bytes, s.sgt);
	if (!selftest_result(t, cpu, "noncontiguous: vmap"))
		goto free;
	selftest_fill(cpu, PART, 22);
	dma_sync_sgtable_for_device(t->dev, s.sgt, DMA_BIDIRECTIONAL);
	err = device_copies(t, dma, dma + SZ_128K);
	dma_sync_sgtable_for_cpu(t->dev, s.sgt, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_filled(cpu + SZ_128K, PART, 22),
			"noncontiguous: the device has read and written it");
	test_noncontiguous_user(&s, cpu);
	dma_vunmap_noncontiguous(t->dev, cpu);
free:
	dma_free_noncontiguous(t->dev, s.bytes, s.sgt, DMA_BIDIRECTIONAL);
}

/* ---- coherent memory as pages ---- */

static void test_sgtable(struct selftest *t)
{
	const size_t size = max_t(size_t, SZ_64K, 2 * PAGE_SIZE);
	struct sg_table sgt;
	phys_addr_t phys;
	dma_addr_t dma;
	u8 *cpu;
	int err;

	cpu = dma_alloc_coherent(t->dev, size, &dma, GFP_KERNEL);
	if (!cpu)
		return;
	err = dma_get_sgtable(t->dev, &sgt, cpu, dma, size);
	if (!selftest_result(t, !err && sgt.orig_nents == 1 && sgt.sgl->length == size,
			     "sgtable: of %zu bytes of coherent memory (%d)", size, err))
		goto free;
	err = dma_map_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);
	if (selftest_result(t, !err && sg_dma_address(sgt.sgl) == dma &&
			    sg_dma_len(sgt.sgl) == size,
			    "sgtable: mapped as it is, not copied")) {
		selftest_fill(cpu, PART, 23);
		err = device_copies(t, sg_dma_address(sgt.sgl), dma + SZ_32K);
		selftest_result(t, !err && selftest_is_filled(cpu + SZ_32K, PART, 23),
				"sgtable: what the device wrote there is in the coherent memory");
		dma_unmap_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);
	}
	phys = sg_phys(sgt.sgl);
	sg_free_table(&sgt);
	err = dma_get_sgtable(t->dev, &sgt, cpu + size / 2, dma + size / 2, size / 2);
	if (selftest_result(t, !err && sg_phys(sgt.sgl) == phys + size / 2 &&
			    sgt.sgl->length == size / 2, "sgtable: of its second half (%d)", err))
		sg_free_table(&sgt);
	err = dma_get_sgtable(t->dev, &sgt, cpu, dma, 2 * size);
	selftest_result(t, err < 0, "sgtable: of more than was allocated: refused (%d)", err);
	if (!err)
		sg_free_table(&sgt);
free:
	dma_free_coherent(t->dev, size, cpu, dma);
}

/* ---- mappings without copy ---- */

static void test_direct(struct selftest *t, struct page *page, dma_addr_t dma)
{
	const size_t off = SZ_4K + SZ_256;
	u8 *cpu = page_address(page);
	dma_addr_t one, two;
	int err;

	one = dma_map_page(t->dev, page, off, SZ_8K, DMA_TO_DEVICE);
	two = dma_map_page(t->dev, page, off, SZ_8K, DMA_BIDIRECTIONAL);
	if (!selftest_result(t, !dma_mapping_error(t->dev, one) &&
			     !dma_mapping_error(t->dev, two) && one == dma + off && two == one,
			     "direct: mapped where it lies, twice (%pad of %pad)", &one, &dma))
		return;
	/* Written after the mapping was made; a copy would not have it. */
	memset(cpu, 0x22, SZ_16K);
	selftest_fill(cpu + off, PART, 24);
	dma_sync_single_for_device(t->dev, dma, SZ_16K, DMA_TO_DEVICE);
	err = device_copies(t, one, two + SZ_4K);
	dma_sync_single_for_cpu(t->dev, two, SZ_8K, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_filled(cpu + off + SZ_4K, PART, 24) &&
			selftest_is_byte(cpu + off + PART, PART, 0x22),
			"direct: synced; the device has copied within it");
	dma_unmap_page(t->dev, one, SZ_8K, DMA_TO_DEVICE);
	err = device_copies(t, two, two + SZ_4K);
	selftest_result(t, !err, "direct: one unmapped, the other one still there");
	dma_unmap_page(t->dev, two, SZ_8K, DMA_BIDIRECTIONAL);
}

/* One list with pages of the region and others: each as it needs. */
static void test_mixed(struct selftest *t, struct page *page, dma_addr_t dma)
{
	u8 *cpu = page_address(page), *other = kmalloc(SZ_4K, GFP_KERNEL);
	struct scatterlist sgl[3];
	int nents, err;

	if (!other)
		return;
	sg_init_table(sgl, 3);
	sg_set_page(&sgl[0], page, SZ_4K, 0);
	sg_set_buf(&sgl[1], other, SZ_4K);
	sg_set_page(&sgl[2], page, SZ_4K, SZ_8K);
	selftest_fill(cpu, SZ_4K, 25);
	memset(other, 0, SZ_4K);
	nents = dma_map_sg(t->dev, sgl, 3, DMA_BIDIRECTIONAL);
	if (!selftest_result(t, nents == 3 && sg_dma_address(&sgl[0]) == dma &&
			     sg_dma_address(&sgl[2]) == dma + SZ_8K &&
			     selftest_in_reach(t, sg_dma_address(&sgl[1]), SZ_4K),
			     "mixed: a list of both kinds, each as it needs"))
		goto out;
	err = device_copies(t, sg_dma_address(&sgl[0]), sg_dma_address(&sgl[1]));
	dma_sync_sg_for_cpu(t->dev, sgl, 3, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_filled(other, PART, 25),
			"mixed: the device has copied from one kind to the other");
	dma_unmap_sg(t->dev, sgl, 3, DMA_BIDIRECTIONAL);
out:
	kfree(other);
}

#define MAX_PIECES	8192

/* Take all pieces there are, look whether one of them lies at @dma, give them back. */
static bool is_given_out(struct selftest *t, dma_addr_t dma, size_t bytes)
{
	struct {
		struct page *page;
		dma_addr_t dma;
	} *pieces;
	bool found = false;
	int i, nr = 0;

	pieces = kvcalloc(MAX_PIECES, sizeof(*pieces), GFP_KERNEL);
	if (!pieces)
		return false;
	for (i = 0; i < MAX_PIECES; i++) {
		pieces[i].page = dma_alloc_pages(t->dev, bytes, &pieces[i].dma,
						 DMA_BIDIRECTIONAL, QUIET);
		if (!pieces[i].page)
			break;
		nr++;
		found |= pieces[i].dma < dma + bytes && dma < pieces[i].dma + bytes;
	}
	while (nr--)
		dma_free_pages(t->dev, bytes, pieces[nr].page, pieces[nr].dma,
			       DMA_BIDIRECTIONAL);
	kvfree(pieces);
	return found;
}

/* Freed by its owner while the device still has it: nobody else may get it. */
static void test_freed_while_mapped(struct selftest *t)
{
	struct page *page;
	dma_addr_t dma, mapped;

	if (t->all_pinned) {
		selftest_skip(t, "freed while mapped", "no mapping is recorded");
		return;
	}
	page = dma_alloc_pages(t->dev, SZ_64K, &dma, DMA_TO_DEVICE, GFP_KERNEL);
	if (!page)
		return;
	/* The middle of it will do. */
	mapped = dma_map_page(t->dev, page, SZ_16K, SZ_4K, DMA_FROM_DEVICE);
	dma_free_pages(t->dev, SZ_64K, page, dma, DMA_TO_DEVICE);
	if (!selftest_result(t, !dma_mapping_error(t->dev, mapped) && mapped == dma + SZ_16K &&
			     !is_given_out(t, dma, SZ_64K), "freed while mapped: nobody gets it"))
		return;
	dma_unmap_page(t->dev, mapped, SZ_4K, DMA_FROM_DEVICE);
	selftest_result(t, is_given_out(t, dma, SZ_64K),
			"freed while mapped: unmapped, it is free");
}

static void test_refused(struct selftest *t)
{
	struct sg_table *scattered, sgt;
	struct page *page;
	dma_addr_t dma;
	void *cpu;
	int err;

	page = dma_alloc_pages(t->dev, SZ_4K, &dma, DMA_BIDIRECTIONAL, QUIET);
	selftest_result(t, !page, "no pages: dma_alloc_pages() is refused");
	if (page)
		dma_free_pages(t->dev, SZ_4K, page, dma, DMA_BIDIRECTIONAL);
	scattered = dma_alloc_noncontiguous(t->dev, SZ_64K, DMA_BIDIRECTIONAL, QUIET, 0);
	selftest_result(t, !scattered, "no pages: dma_alloc_noncontiguous() is refused");
	if (scattered)
		dma_free_noncontiguous(t->dev, SZ_64K, scattered, DMA_BIDIRECTIONAL);
	cpu = dma_alloc_attrs(t->dev, SZ_4K, &dma, QUIET, DMA_ATTR_NO_WARN);
	if (!cpu)
		return;
	err = dma_get_sgtable(t->dev, &sgt, cpu, dma, SZ_4K);
	selftest_result(t, err < 0, "no pages: no scatterlist of coherent memory (%d)", err);
	if (!err)
		sg_free_table(&sgt);
	dma_free_coherent(t->dev, SZ_4K, cpu, dma);
}

void selftest_pages(struct selftest *t)
{
	struct page *page;
	dma_addr_t dma;

	if (!t->has_pages) {
		test_refused(t);
		return;
	}
	test_alloc_pages(t, SZ_4K);
	test_alloc_pages(t, SZ_64K);
	test_alloc_pages(t, SZ_1M);
	test_alloc_pages_atomic(t);
	test_noncontiguous(t, 0);
	test_noncontiguous(t, DMA_ATTR_ALLOC_SINGLE_PAGES);
	test_sgtable(t);
	page = dma_alloc_pages(t->dev, SZ_16K, &dma, DMA_TO_DEVICE, GFP_KERNEL);
	if (page) {
		test_direct(t, page, dma);
		test_mixed(t, page, dma);
		dma_free_pages(t->dev, SZ_16K, page, dma, DMA_TO_DEVICE);
	}
	if (!t->quick)
		test_freed_while_mapped(t);
}
