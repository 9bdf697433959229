// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: dma_map_single(), dma_map_sg(), syncs and their corner cases.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/version.h>

#include "selftest.h"

#define GUARD	0xa5

struct shape {
	u32 offset, bytes;
};

/* Where mappings begin and end within pages. */
static const struct shape shapes[] = {
	{ 0, 4096 },		/* |xxxx|			*/
	{ 0, 1 },		/* |x...|			*/
	{ 1, 63 },		/* |.x..|			*/
	{ 512, 512 },		/* |.xx.|			*/
	{ 4095, 2 },		/* |...x|x...|			*/
	{ 4000, 4096 },		/* |...x|xxx.|			*/
	{ 100, 12000 },		/* |.xxx|xxxx|xxxx|x...|	*/
};

/* What a bounced mapping keeps: its place in a slot, which is no larger than 4 KiB. */
static u32 offset_in_slot(dma_addr_t dma)
{
	return dma & (min_t(u32, PAGE_SIZE, SZ_4K) - 1);
}

/* To the device: it reads the first and last up to 4 KiB of the mapping. */
static void test_to_device(struct selftest *t, u8 *buf, struct shape s)
{
	u32 part = min_t(u32, s.bytes, SZ_4K);
	u8 *check = kzalloc(SZ_4K, GFP_KERNEL);
	dma_addr_t dma, back;
	int err;

	if (!check)
		return;
	selftest_fill(buf, SZ_16K, 7);
	dma = dma_map_single(t->dev, buf + s.offset, s.bytes, DMA_TO_DEVICE);
	if (!selftest_result(t, !dma_mapping_error(t->dev, dma), "to device %u+%u: mapped",
			     s.offset, s.bytes))
		goto out;
	selftest_result(t, offset_in_slot(dma) == offset_in_slot(s.offset) &&
			selftest_in_reach(t, dma, s.bytes),
			"to device %u+%u: %pad is in reach, with the same offset in 4 KiB",
			s.offset, s.bytes, &dma);
	err = selftest_device_reads(t, dma + s.bytes - part, part);
	dma_unmap_single(t->dev, dma, s.bytes, DMA_TO_DEVICE);

	/* What the device has read comes back through another mapping. */
	back = dma_map_single(t->dev, check, part, DMA_FROM_DEVICE);
	if (!dma_mapping_error(t->dev, back)) {
		err = err ?: selftest_device_writes(t, back, part);
		dma_unmap_single(t->dev, back, part, DMA_FROM_DEVICE);
	}
	selftest_result(t, !err && !memcmp(check, buf + s.offset + s.bytes - part, part),
			"to device %u+%u: the device has read it", s.offset, s.bytes);
out:
	kfree(check);
}

/* From the device, which writes the middle half only: nothing else may change. */
static void test_from_device(struct selftest *t, u8 *buf, struct shape s)
{
	u32 first = s.bytes / 4, part = min_t(u32, (s.bytes + 1) / 2, SZ_4K);
	u8 *start = buf + s.offset;
	dma_addr_t dma;
	int err;

	selftest_fill(buf, SZ_4K, 9);
	dma = dma_map_single(t->dev, buf, SZ_4K, DMA_TO_DEVICE);
	if (dma_mapping_error(t->dev, dma))
		return;
	err = selftest_device_reads(t, dma, part);
	dma_unmap_single(t->dev, dma, SZ_4K, DMA_TO_DEVICE);

	memset(buf, GUARD, SZ_16K);
	dma = dma_map_single(t->dev, start, s.bytes, DMA_FROM_DEVICE);
	if (dma_mapping_error(t->dev, dma))
		return;
	err = err ?: selftest_device_writes(t, dma + first, part);
	dma_unmap_single(t->dev, dma, s.bytes, DMA_FROM_DEVICE);
	selftest_result(t, !err && selftest_is_filled(start + first, part, 9),
			"from device %u+%u: what it wrote is there", s.offset, s.bytes);
	selftest_result(t, selftest_is_byte(buf, s.offset + first, GUARD) &&
			selftest_is_byte(start + first + part,
					 SZ_16K - s.offset - first - part, GUARD),
			"from device %u+%u: what it did not write is as before",
			s.offset, s.bytes);
}

static void test_sync(struct selftest *t, u8 *buf)
{
	dma_addr_t dma;
	int err;

	if (t->direct) {
		selftest_skip(t, "sync", "both sides have the same memory");
		return;
	}
	/* The device gets a known page, then writes it over pages 0 and 1. */
	selftest_fill(buf, SZ_4K, 11);
	dma = dma_map_single(t->dev, buf, SZ_8K, DMA_BIDIRECTIONAL);
	if (!selftest_result(t, !dma_mapping_error(t->dev, dma), "sync: mapped both ways"))
		return;
	err = selftest_device_reads(t, dma, SZ_4K);
	memset(buf, GUARD, SZ_8K);
	dma_sync_single_for_device(t->dev, dma, SZ_8K, DMA_BIDIRECTIONAL);
	err = err ?: selftest_device_writes(t, dma + SZ_2K, SZ_4K);

	dma_sync_single_range_for_cpu(t->dev, dma, SZ_2K, SZ_1K, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_byte(buf, SZ_2K, GUARD) &&
			selftest_is_filled(buf + SZ_2K, SZ_1K, 11) &&
			selftest_is_byte(buf + SZ_2K + SZ_1K, SZ_4K + SZ_1K, GUARD),
			"sync: part for the CPU brings that part only");

	/* Part for the device: it reads back page 0, of which 1 KiB is new. */
	memset(buf, 0x11, SZ_8K);
	dma_sync_single_range_for_device(t->dev, dma, SZ_1K, SZ_1K, DMA_BIDIRECTIONAL);
	err = selftest_device_reads(t, dma, SZ_4K);
	err = err ?: selftest_device_writes(t, dma + SZ_4K, SZ_4K);
	dma_unmap_single(t->dev, dma, SZ_8K, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_byte(buf + SZ_4K, SZ_1K, GUARD) &&
			selftest_is_byte(buf + SZ_4K + SZ_1K, SZ_1K, 0x11) &&
			selftest_is_filled(buf + SZ_4K + SZ_2K, SZ_2K, 11),
			"sync: part for the device takes that part only");

	/* Without sync, nothing moves. */
	memset(buf, GUARD, SZ_4K);
	dma = dma_map_single(t->dev, buf, SZ_4K, DMA_FROM_DEVICE);
	if (dma_mapping_error(t->dev, dma))
		return;
	err = selftest_device_writes(t, dma, SZ_4K);
	dma_unmap_single_attrs(t->dev, dma, SZ_4K, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	selftest_result(t, !err && selftest_is_byte(buf, SZ_4K, GUARD),
			"sync: SKIP_CPU_SYNC leaves the buffer alone");

	/* A device that writes nothing uncovers nothing of what was there before. */
	selftest_fill(buf, SZ_4K, 13);
	dma = dma_map_single(t->dev, buf, SZ_4K, DMA_TO_DEVICE);
	if (dma_mapping_error(t->dev, dma))
		return;
	dma_unmap_single(t->dev, dma, SZ_4K, DMA_TO_DEVICE);
	memset(buf, GUARD, SZ_4K);
	dma = dma_map_single_attrs(t->dev, buf, SZ_4K, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(t->dev, dma))
		return;
	dma_sync_single_for_cpu(t->dev, dma, SZ_4K, DMA_FROM_DEVICE);
	selftest_result(t, selftest_is_byte(buf, SZ_4K, GUARD),
			"sync: mapped with SKIP_CPU_SYNC, not written: nothing of others shows");
	dma_unmap_single_attrs(t->dev, dma, SZ_4K, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
}

#define NR_SEGMENTS	5

static void test_sg(struct selftest *t, u8 *buf)
{
	static const struct shape segments[NR_SEGMENTS] = {
		{ 0, 4096 }, { 4200, 300 }, { 8000, 700 }, { 9000, 1 }, { 10000, 4000 },
	};
	struct scatterlist sgl[NR_SEGMENTS], *sg;
	int i, nents, err = 0;
	bool good = true;

	sg_init_table(sgl, NR_SEGMENTS);
	for (i = 0; i < NR_SEGMENTS; i++)
		sg_set_buf(&sgl[i], buf + segments[i].offset, segments[i].bytes);
	selftest_fill(buf, SZ_16K, 13);
	nents = dma_map_sg(t->dev, sgl, NR_SEGMENTS, DMA_BIDIRECTIONAL);
	if (!selftest_result(t, nents == NR_SEGMENTS, "sg: %d segments mapped", nents))
		return;

	if (!t->direct)		/* what the device has is a copy */
		memset(buf, GUARD, SZ_16K);
	for_each_sg(sgl, sg, nents, i) {
		good &= selftest_in_reach(t, sg_dma_address(sg), sg_dma_len(sg)) &&
			offset_in_slot(sg_dma_address(sg)) == offset_in_slot(segments[i].offset);
	}
	selftest_result(t, good, "sg: in reach, offsets in 4 KiB kept");

	/* The device copies the last 300 bytes of segment 4 over all of segment 1. */
	err = selftest_device_reads(t, sg_dma_address(&sgl[4]) + 3700, 300);
	err = err ?: selftest_device_writes(t, sg_dma_address(&sgl[1]), 300);
	dma_sync_sg_for_cpu(t->dev, sgl, NR_SEGMENTS, DMA_BIDIRECTIONAL);
	dma_unmap_sg(t->dev, sgl, NR_SEGMENTS, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && !memcmp(buf + 4200, buf + 13700, 300) &&
			selftest_is_filled(buf, 4096, 13) && (t->direct || buf[9001] == GUARD),
			"sg: the device has copied one segment to another");
}

/*
 * Where the elements of a list begin in a page is nobody's business: here beyond it. What has no
 * bytes has no mapping, and nothing is wrong with it.
 */
/* An element without bytes: not at an address where there may be memory. */
static bool is_nowhere(const struct scatterlist *sg)
{
	return !sg_dma_len(sg) && sg_dma_address(sg) == DMA_MAPPING_ERROR;
}

static void test_sg_odd(struct selftest *t, u8 *buf)
{
	struct page *page = virt_to_page(buf);
	unsigned int base = offset_in_page(buf);
	struct scatterlist sgl[4];
	int nents, err;

	sg_init_table(sgl, 4);
	sg_set_page(&sgl[0], page, 0, base);
	sg_set_page(&sgl[1], page, SZ_4K, base + SZ_8K + 100);
	sg_set_page(&sgl[2], page, 0, base + SZ_4K);
	sg_set_page(&sgl[3], page, 300, base + SZ_4K + 500);
	memset(buf, GUARD, SZ_16K);
	selftest_fill(buf + SZ_8K + 100, 300, 15);
	nents = dma_map_sg(t->dev, sgl, 4, DMA_BIDIRECTIONAL);
	if (!selftest_result(t, nents == 4 && is_nowhere(&sgl[0]) && is_nowhere(&sgl[2]),
			     "sg: offsets beyond a page, and elements without bytes: %d mapped",
			     nents))
		return;
	err = selftest_device_reads(t, sg_dma_address(&sgl[1]), 300) ?:
	      selftest_device_writes(t, sg_dma_address(&sgl[3]), 300);
	dma_sync_sg_for_cpu(t->dev, sgl, 4, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_filled(buf + SZ_4K + 500, 300, 15) &&
			selftest_is_byte(buf, SZ_4K + 500, GUARD) &&
			selftest_is_byte(buf + SZ_4K + 800, SZ_4K - 700, GUARD),
			"sg: the device has copied from one of them to another");
	dma_sync_sg_for_device(t->dev, sgl, 4, DMA_BIDIRECTIONAL);
	dma_unmap_sg(t->dev, sgl, 4, DMA_BIDIRECTIONAL);
}

#define NR_SMALL	256
#define SMALL_BYTES	64

static unsigned int nr_pages_of(const dma_addr_t *dma, unsigned int nr)
{
	unsigned int i, j, pages = 0;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < i && dma[j] >> PAGE_SHIFT != dma[i] >> PAGE_SHIFT; j++)
			;
		pages += j == i;
	}
	return pages;
}

/* Mappings of a few bytes resv pages, and nothing else. */
static void test_small(struct selftest *t)
{
	size_t step = t->slot_bytes, bytes = NR_SMALL * step;
	dma_addr_t *dma = kcalloc(NR_SMALL, sizeof(*dma), GFP_KERNEL);
	u8 *small = kmalloc(bytes, GFP_KERNEL);
	unsigned int nr, i, pages;
	bool good = true;
	int err = -EIO;

	if (!dma || !small)
		goto free;
	for (nr = 0; nr < NR_SMALL; nr++) {
		memset(small + nr * step, GUARD, step);
		selftest_fill(small + nr * step, SMALL_BYTES, nr);
		dma[nr] = dma_map_single(t->dev, small + nr * step, SMALL_BYTES,
					 DMA_BIDIRECTIONAL);
		if (dma_mapping_error(t->dev, dma[nr]))
			break;
	}
	pages = nr_pages_of(dma, nr);
	selftest_result(t, nr == NR_SMALL && pages <= 2 * bytes / PAGE_SIZE,
			"small: %u mappings of %u bytes take %u pages", nr, SMALL_BYTES, pages);
	if (nr == NR_SMALL)
		err = selftest_device_reads(t, dma[3], SMALL_BYTES) ?:
		      selftest_device_writes(t, dma[7], SMALL_BYTES);
	for (i = 0; i < nr; i++) {
		dma_unmap_single(t->dev, dma[i], SMALL_BYTES, DMA_BIDIRECTIONAL);
		good &= selftest_is_filled(small + i * step, SMALL_BYTES, i == 7 ? 3 : i) &&
			selftest_is_byte(small + i * step + SMALL_BYTES, step - SMALL_BYTES, GUARD);
	}
	selftest_result(t, !err && good, "small: each has its own contents, and no more");
free:
	kfree(small);
	kfree(dma);
}

/* Map pages one by one until nothing is left. Return: how many; -1 if that has no end. */
static int map_all(struct selftest *t, void *page, dma_addr_t *dma, int max)
{
	int nr;

	for (nr = 0; nr < max; nr++) {
		dma[nr] = dma_map_single(t->dev, page, SZ_4K, DMA_TO_DEVICE);
		if (dma_mapping_error(t->dev, dma[nr]))
			return nr;
	}
	return -1;
}

static void unmap_some(struct selftest *t, const dma_addr_t *dma, int nr)
{
	while (nr-- > 0)
		dma_unmap_single(t->dev, dma[nr], SZ_4K, DMA_TO_DEVICE);
}

/*
 * Nothing left: single mappings and scatterlists fail cleanly, and what a failed
 * scatterlist had mapped is free again. The pool may grow meanwhile, so first the
 * whole region is mapped away.
 */
static void test_nothing_left(struct selftest *t, u8 *buf)
{
	const int max = SZ_1G / SZ_4K;
	struct scatterlist sgl[NR_SEGMENTS];
	struct sg_table sgt = { .sgl = sgl, .orig_nents = NR_SEGMENTS };
	u8 *far = kmalloc(SZ_4M, GFP_KERNEL);
	dma_addr_t *dma;
	int nr, more, tries, i, err;

	if (t->direct) {
		selftest_skip(t, "nothing left", "a mapping takes nothing");
		kfree(far);
		return;
	}
	dma = kvmalloc_array(max, sizeof(*dma), GFP_KERNEL);
	if (!dma || !far)
		goto out;
	nr = map_all(t, buf, dma, max);
	for (tries = 0; nr > 0 && tries < 20; tries++) {
		msleep(100);
		more = map_all(t, buf, dma + nr, max - nr);
		if (more < 0)
			nr = -1;
		else
			nr += more;
		if (more)
			tries = 0;
	}
	if (!selftest_result(t, nr > NR_SEGMENTS, "nothing left: after %d pages", nr))
		goto out;

	unmap_some(t, dma + nr - NR_SEGMENTS + 1, NR_SEGMENTS - 1);
	nr -= NR_SEGMENTS - 1;
	sg_init_table(sgl, NR_SEGMENTS);
	for (i = 0; i < NR_SEGMENTS; i++)
		sg_set_buf(&sgl[i], buf, SZ_4K);
	err = dma_map_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);
	selftest_result(t, err == -ENOMEM,
			"nothing left: one page less than the list needs: %d", err);
	/* Waiting would help, wherever in its page the last one begins. */
	sg_set_page(&sgl[NR_SEGMENTS - 1], virt_to_page(far), SZ_4K, offset_in_page(far) + SZ_2M);
	err = dma_map_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);
	selftest_result(t, err == -ENOMEM,
			"nothing left: the same with an offset of 2 MiB in it: %d", err);
	more = map_all(t, buf, dma + nr, max - nr);
	selftest_result(t, more == NR_SEGMENTS - 1,
			"nothing left: what the list had got is free again (%d)", more);
	nr += max(more, 0);
	unmap_some(t, dma, nr);
	nr = map_all(t, buf, dma, 16);
	selftest_result(t, nr == -1, "nothing left: all is well after unmapping");
	nr = nr < 0 ? 16 : nr;
	unmap_some(t, dma, nr);
out:
	kfree(far);
	kvfree(dma);
}

struct link {
	struct link *next;
	dma_addr_t dma;
	size_t bytes;
};

/* Coherent memory until there is no more. Return: a list in that memory. */
static struct link *allocate_all(struct selftest *t)
{
	size_t bytes = SZ_64K;
	struct link *first = NULL, *link;
	unsigned int tries = 0;
	dma_addr_t dma;

	while (tries < 20) {
		link = dma_alloc_attrs(t->dev, bytes, &dma, GFP_ATOMIC | __GFP_NOWARN,
				       DMA_ATTR_NO_WARN);
		if (link) {
			*link = (struct link) { .next = first, .dma = dma, .bytes = bytes };
			first = link;
			tries = 0;
		} else if (bytes > SZ_4K) {
			bytes = SZ_4K;
		} else {
			msleep(100);	/* the pool may be growing */
			bytes = SZ_64K;
			tries++;
		}
	}
	return first;
}

/* Who can't map waits for I/O under way: there is none, so it has to be possible. */
static void test_reserve(struct selftest *t)
{
	size_t longest = dma_max_mapping_size(t->dev);
	struct link *link, *next;
	u8 *large = kmalloc(longest, GFP_KERNEL);
	unsigned int nr = 0;
	dma_addr_t dma;
	int i, err = 0;

	if (!large)
		return;
	link = allocate_all(t);
	for (i = 0; i < 3 && !err; i++) {
		selftest_fill(large, SZ_4K, 40 + i);
		dma = dma_map_single(t->dev, large, longest, DMA_BIDIRECTIONAL);
		err = dma_mapping_error(t->dev, dma) ?:
		      selftest_device_reads(t, dma, SZ_4K) ?:
		      selftest_device_writes(t, dma + longest - SZ_4K, SZ_4K);
		if (dma_mapping_error(t->dev, dma))
			break;
		dma_unmap_single(t->dev, dma, longest, DMA_BIDIRECTIONAL);
		err = err ?: selftest_is_filled(large + longest - SZ_4K, SZ_4K, 40 + i) ? 0 : -EIO;
	}
	for (; link; link = next, nr++) {
		next = link->next;
		dma_free_coherent(t->dev, link->bytes, link, link->dma);
	}
	selftest_result(t, nr && !err, "all memory allocated (%u times): %zu bytes can be mapped: %d",
			nr, longest, err);
	kfree(large);
}

/* Far beyond dma_max_mapping_size(): no promise, but never half of it. */
static void test_large(struct selftest *t, u8 *large)
{
	u8 *end = large + SZ_4M - SZ_4K;
	dma_addr_t dma;
	int err;

	selftest_fill(end, SZ_4K, 17);
	dma = dma_map_single(t->dev, large, SZ_4M, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(t->dev, dma)) {
		selftest_result(t, true, "limits: 4 MiB at once are refused");
		return;
	}
	err = selftest_device_reads(t, dma + SZ_4M - SZ_4K, SZ_4K);
	err = err ?: selftest_device_writes(t, dma, SZ_4K);
	dma_unmap_single(t->dev, dma, SZ_4M, DMA_BIDIRECTIONAL);
	selftest_result(t, !err && selftest_is_filled(large, SZ_4K, 17) &&
			selftest_is_filled(end, SZ_4K, 17) &&
			selftest_in_reach(t, dma, SZ_4M), "limits: 4 MiB at once are served");
}

#define NR_BOUNDED	24

/* What lies between two multiples of the device's segment boundary does so for the device, too. */
static void test_boundary(struct selftest *t, u8 *large, const char *when)
{
	const size_t bytes = 20 * SZ_1K, offset = SZ_1K;
	dma_addr_t dma[NR_BOUNDED];
	unsigned int nr, crossed = 0, i;
	int err = 0;

	dma_set_seg_boundary(t->dev, SZ_64K - 1);
	for (nr = 0; nr < NR_BOUNDED; nr++) {
		dma[nr] = dma_map_single(t->dev, large + nr * SZ_64K + offset, bytes,
					 DMA_BIDIRECTIONAL);
		if (dma_mapping_error(t->dev, dma[nr]))
			break;
		crossed += (dma[nr] ^ (dma[nr] + bytes - 1)) >> 16 != 0;
	}
	selftest_result(t, nr && !crossed,
			"limits: %s: %u of %u mappings cross the segment boundary of 64 KiB", when,
			crossed, nr);
	for (i = 0; i < nr; i++)
		dma_unmap_single(t->dev, dma[i], bytes, DMA_BIDIRECTIONAL);
	/* Longer than the boundary: its driver knows. */
	dma[0] = dma_map_single(t->dev, large + offset, SZ_128K, DMA_BIDIRECTIONAL);
	err = dma_mapping_error(t->dev, dma[0]);
	if (!err)
		dma_unmap_single(t->dev, dma[0], SZ_128K, DMA_BIDIRECTIONAL);
	selftest_result(t, !err, "limits: %s: what is longer than the boundary is mapped", when);
	dma_set_seg_boundary(t->dev, 0);	/* the default */
}

static void test_limits(struct selftest *t, u8 *buf)
{
	/* There may be no limit. */
	size_t longest = min_t(size_t, dma_max_mapping_size(t->dev), SZ_2M);
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	dma_addr_t dma;
	u8 *large;

	if (t->required_bits)
		selftest_result(t, dma_get_required_mask(t->dev) == DMA_BIT_MASK(t->required_bits),
				"limits: the required mask is %#llx, for %u bits",
				dma_get_required_mask(t->dev), t->required_bits);
	large = kmalloc(SZ_4M, GFP_KERNEL);
	if (!large)
		return;
	dma = dma_map_single(t->dev, large + 123, longest, DMA_TO_DEVICE);
	selftest_result(t, longest >= SZ_4K && !dma_mapping_error(t->dev, dma),
			"limits: the longest mapping, %zu bytes", longest);
	if (!dma_mapping_error(t->dev, dma))
		dma_unmap_single(t->dev, dma, longest, DMA_TO_DEVICE);
	test_large(t, large);

	dma_set_min_align_mask(t->dev, SZ_64K - 1);
	dma = dma_map_single(t->dev, large + 0x5432, SZ_4K, DMA_TO_DEVICE);
	selftest_result(t, !dma_mapping_error(t->dev, dma) &&
			(dma & (SZ_64K - 1)) == (virt_to_phys(large + 0x5432) & (SZ_64K - 1)),
			"limits: min_align_mask keeps the low 16 bits (%pad)", &dma);
	if (!dma_mapping_error(t->dev, dma))
		dma_unmap_single(t->dev, dma, SZ_4K, DMA_TO_DEVICE);
	dma_set_min_align_mask(t->dev, 0);
	test_boundary(t, large, "boundary");
	kfree(large);

	spin_lock_irqsave(&lock, flags);
	dma = dma_map_single(t->dev, buf, SZ_4K, DMA_FROM_DEVICE);
	if (!dma_mapping_error(t->dev, dma))
		dma_unmap_single(t->dev, dma, SZ_4K, DMA_FROM_DEVICE);
	spin_unlock_irqrestore(&lock, flags);
	selftest_result(t, !dma_mapping_error(t->dev, dma),
			"limits: map and unmap with interrupts off");
}

/*
 * Memory that is plugged beside the guest's RAM, where that is the region (mode=ram): no device may
 * be given it, and it is not copied either. It is never online, so nothing has to be behind it.
 * Windows of PCI can be anywhere above RAM; not at each power of two.
 */
void selftest_beside(struct selftest *t)
{
	u64 bytes = memory_block_size_bytes(), end = mhp_get_pluggable_range(true).end, gpa;
	int err = -ENOSPC;
	struct scatterlist sg;
	dma_addr_t dma;

	for (gpa = SZ_8G; gpa + bytes <= end; gpa *= 2) {
		err = add_memory_driver_managed(0, gpa, bytes, "System RAM (vcma_selftest)",
						MHP_NONE);
		if (err != -EEXIST)
			break;
	}
	if (!selftest_result(t, !err, "beside: memory is plugged at %#llx: %d", gpa, err))
		return;
	dma = dma_map_page(t->dev, pfn_to_page(PHYS_PFN(gpa)), 0, SZ_4K, DMA_TO_DEVICE);
	selftest_result(t, dma_mapping_error(t->dev, dma), "beside: it can't be mapped (%pad)", &dma);
	sg_init_table(&sg, 1);
	sg_set_page(&sg, pfn_to_page(PHYS_PFN(gpa)), SZ_4K, 0);
	err = dma_map_sgtable(t->dev, &(struct sg_table){ .sgl = &sg, .orig_nents = 1 },
			      DMA_TO_DEVICE, 0);
	selftest_result(t, err == -EIO, "beside: nor in a list: %d", err);
	err = remove_memory(gpa, bytes);
	selftest_result(t, !err, "beside: it goes again: %d", err);
}

/* Registers of a device that are said to be RAM: there is no page to copy. */
static void test_no_page(struct selftest *t)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	dma_addr_t dma = dma_map_phys(t->dev, pci_resource_start(t->pdev, 0), SZ_4K,
				      DMA_BIDIRECTIONAL, 0);

	selftest_result(t, dma_mapping_error(t->dev, dma), "no page: is refused");
#endif
}

/*
 * Registers of a device: where they are on the bus is known only if DMA addresses are
 * the processor's. Then the edu device reads its own first register, which says who it is.
 */
static void test_resource(struct selftest *t, u8 *buf)
{
	phys_addr_t regs = pci_resource_start(t->pdev, 0);
	dma_addr_t dma, back;
	int err;

	dma = dma_map_resource(t->dev, regs, SZ_4K, DMA_BIDIRECTIONAL, 0);
	if (!t->guest_physical) {
		selftest_result(t, dma_mapping_error(t->dev, dma),
				"resource: registers of a device are refused");
		return;
	}
	if (!selftest_result(t, !dma_mapping_error(t->dev, dma) && dma == regs,
			     "resource: registers are mapped as they are (%pad)", &dma))
		return;
	memset(buf, 0, SZ_4K);
	back = dma_map_single(t->dev, buf, SZ_4K, DMA_FROM_DEVICE);
	err = dma_mapping_error(t->dev, back);
	if (!err) {
		err = selftest_device_reads(t, dma, 4) ?: selftest_device_writes(t, back, 4);
		dma_unmap_single(t->dev, back, SZ_4K, DMA_FROM_DEVICE);
	}
	selftest_result(t, !err && *(u32 *)buf == readl(t->regs),
			"resource: the device has read a register (%#x)", *(u32 *)buf);
	dma_unmap_resource(t->dev, dma, SZ_4K, DMA_BIDIRECTIONAL, 0);
	dma = dma_map_resource(t->dev, virt_to_phys(buf), SZ_4K, DMA_TO_DEVICE, 0);
	selftest_result(t, dma_mapping_error(t->dev, dma),
			"resource: RAM that nobody has pinned is refused");
	dma = dma_map_resource(t->dev, t->mask + 1, SZ_4K, DMA_TO_DEVICE, 0);
	selftest_result(t, dma_mapping_error(t->dev, dma), "resource: out of reach is refused");
}

/*
 * What a driver must not do: warned of once in the log, without harm to what is there. The
 * script looks for the messages.
 */
void selftest_misuse(struct selftest *t)
{
	u8 *buf = kmalloc(SZ_8K, GFP_KERNEL), *cpu;
	dma_addr_t dma, mapped;

	cpu = dma_alloc_coherent(t->dev, SZ_16K, &dma, GFP_KERNEL);
	if (!buf || !selftest_result(t, cpu, "misuse: 16 KiB to begin with"))
		goto free;
	selftest_fill(cpu, SZ_16K, 31);
	dma_free_coherent(t->dev, SZ_8K, cpu, dma);
	dma_free_coherent(t->dev, SZ_8K, cpu + SZ_8K, dma + SZ_8K);
	dma_unmap_single(t->dev, dma, SZ_4K, DMA_FROM_DEVICE);
	dma_unmap_single(t->dev, t->mask & PAGE_MASK, SZ_4K, DMA_FROM_DEVICE);

	memset(buf, GUARD, SZ_8K);
	mapped = dma_map_single(t->dev, buf, SZ_4K, DMA_FROM_DEVICE);
	if (!selftest_result(t, !dma_mapping_error(t->dev, mapped), "misuse: 4 KiB mapped"))
		goto free;
	dma_sync_single_for_cpu(t->dev, mapped + SZ_2K, SZ_4K, DMA_FROM_DEVICE);
	dma_unmap_single(t->dev, mapped, SZ_8K, DMA_FROM_DEVICE);
	selftest_result(t, !selftest_device_reads(t, dma, SZ_4K) &&
			!selftest_device_writes(t, mapped, SZ_4K),
			"misuse: the device still has both");
	dma_unmap_single(t->dev, mapped, SZ_4K, DMA_FROM_DEVICE);
	selftest_result(t, selftest_is_filled(buf, SZ_4K, 31) &&
			selftest_is_byte(buf + SZ_4K, SZ_4K, GUARD) &&
			selftest_is_filled(cpu, SZ_16K, 31), "misuse: nothing was damaged");
free:
	if (cpu)
		dma_free_coherent(t->dev, SZ_16K, cpu, dma);
	kfree(buf);
}

void selftest_streaming(struct selftest *t)
{
	unsigned int i;
	u8 *buf;

	/* Page-aligned by its size; larger than every shape. */
	buf = kmalloc(SZ_16K, GFP_KERNEL);
	if (!buf)
		return;
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		test_to_device(t, buf, shapes[i]);
		test_from_device(t, buf, shapes[i]);
	}
	test_sync(t, buf);
	test_sg(t, buf);
	test_sg_odd(t, buf);
	if (t->slot_bytes < PAGE_SIZE)
		test_small(t);
	test_limits(t, buf);
	test_resource(t, buf);
	test_no_page(t);
	if (!t->quick)
		test_nothing_left(t, buf);
	if (!t->quick && !t->coherent_refused)
		test_reserve(t);
	kfree(buf);
}
