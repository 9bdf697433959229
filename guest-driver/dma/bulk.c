// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bulk allocation (bulk.h).
 *
 * In regions with struct pages a block is allocated lazily (pinned by the host, still online)
 * and its pages are isolated in parts (partial.h), each one block of the caller's order.
 * In regions without them nothing is in the way, and the whole block is isolated and mapped.
 *
 * A granule that yields nothing is kept until the call ends: the host would offer it
 * again.
 *
 * Locks: vcma_client.bulk_lock for the client's list of blocks, vcma_block.isolated_lock for which
 * pieces are out; both are leaves.
 */
#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bulk.h"
#include "client/client.h"
#include "client/windows.h"
#include "core/mode.h"
#include "core/region.h"
#include "core/trace.h"
#include "mm/partial.h"
#include "pool/resv.h"

struct vcma_bulk {
	struct vcma_region *r;
	const struct vcma_bulk_constraints *want;
	unsigned long part_pages;
	struct vcma_piece_addr *pieces;
	u32 nr;
	struct vcma_bulk_busy *busy;
	u32 nr_busy, max_busy;
	struct list_head empty;	/* blocks without a piece */
	int err;			/* why it ended early */
};

static bool vcma_bulk_is_lazy(const struct vcma_region *r)
{
	return r->mode->has_pages;
}

static void vcma_bulk_note_busy(struct vcma_bulk *b, const struct vcma_block *block,
				unsigned long first_page, unsigned long nr_pages, u32 why)
{
	struct vcma_bulk_busy *last = b->nr_busy ? &b->busy[b->nr_busy - 1] : NULL;
	u64 gpa = block->base_gpa + PFN_PHYS(first_page);

	if (last && last->why == why && last->gpa + last->bytes == gpa) {
		last->bytes += PFN_PHYS(nr_pages);
		return;
	}
	if (b->nr_busy < b->max_busy)
		b->busy[b->nr_busy++] = (struct vcma_bulk_busy) {
			.gpa = gpa,
			.bytes = PFN_PHYS(nr_pages),
			.why = why,
		};
}

/* ---- pieces ---- */

/* Pages @first on are isolated: one piece. Return: 0 or -ENOMEM. */
static int vcma_bulk_add_piece(struct vcma_bulk *b, struct vcma_block *block,
			       unsigned long first_page)
{
	unsigned long part = first_page / b->part_pages;
	struct vcma_piece_addr *p = &b->pieces[b->nr];
	int err;

	p->gpa = block->base_gpa + PFN_PHYS(first_page);
	p->dma = block->base_dma + PFN_PHYS(first_page);
	if (b->want->client)
		p->dma = vcma_to_bus(b->want->client, p->dma, PFN_PHYS(b->part_pages));
	p->page = b->r->mode->has_pages ? pfn_to_page(PHYS_PFN(p->gpa)) : NULL;
	if (block->cpu) {
		p->cpu = block->cpu + PFN_PHYS(first_page);
	} else {
		err = b->r->mode->map(block, first_page, b->part_pages, block->attr, &p->cpu);
		if (err)
			return err;
		block->piece_cpus[part] = p->cpu;
	}
	if (b->want->flags & VCMA_BULK_ZERO && !vcma_mode_zeroes(b->r->mode))
		vcma_clear(p->cpu, PFN_PHYS(b->part_pages));
	__set_bit(part, block->pieces);
	block->nr_pieces++;
	b->nr++;
	return 0;
}

/* The same for pages that go back if they can't be mapped. */
static void vcma_bulk_add(struct vcma_bulk *b, struct vcma_block *block,
			  unsigned long first_page)
{
	int err = vcma_bulk_add_piece(b, block, first_page);

	if (!err)
		return;
	vcma_block_putback(block, first_page, b->part_pages);
	b->err = err;
}

/* ---- one block ---- */

static void vcma_bulk_busy(struct vcma_partial *p, unsigned long first_page,
			   unsigned long nr_pages, u32 why)
{
	vcma_bulk_note_busy(p->ctx, p->block, first_page, nr_pages, why);
}

/* Records of a new block. Return: 0 or -ENOMEM. */
static int vcma_bulk_prepare(struct vcma_bulk *b, struct vcma_block *block)
{
	unsigned long nr_parts = PHYS_PFN(block->bytes) / b->part_pages;

	block->piece_order = b->want->order;
	block->pieces = bitmap_zalloc(nr_parts, GFP_KERNEL);
	if (!block->pieces)
		return -ENOMEM;
	if (block->cpu)
		return 0;
	block->piece_cpus = kvcalloc(nr_parts, sizeof(void *), GFP_KERNEL);
	return block->piece_cpus ? 0 : -ENOMEM;
}

/* Who has the block now, if anyone. */
static void vcma_bulk_settle(struct vcma_bulk *b, struct vcma_block *block)
{
	struct vcma_client *c = b->want->client;

	if (!block->nr_pieces) {
		list_add(&block->node, &b->empty);
		return;
	}
	WRITE_ONCE(block->owner, c);
	if (!c)
		return;
	spin_lock(&c->bulk_lock);
	list_add(&block->node, &c->bulk_blocks);
	spin_unlock(&c->bulk_lock);
}

/* Blocks that are mapped as a whole. */
static void vcma_bulk_use(struct vcma_bulk *b, struct vcma_block **blocks, unsigned int nr)
{
	unsigned long page, end;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		end = PHYS_PFN(blocks[i]->bytes);
		if (vcma_bulk_prepare(b, blocks[i]))
			end = 0;
		for (page = 0; page < end && b->nr < b->want->nr; page += b->part_pages)
			vcma_bulk_add_piece(b, blocks[i], page);
		vcma_bulk_settle(b, blocks[i]);
	}
}

/* Blocks that are allocated lazily: what is free first, then what has to be isolated. */
static void vcma_bulk_use_partial(struct vcma_bulk *b, struct vcma_block **blocks,
				  unsigned int nr)
{
	const struct vcma_bulk_constraints *want = b->want;
	unsigned long missing = want->nr - b->nr, part;
	struct vcma_partial *parts;
	unsigned int i, nr_parts = 0;
	int err = 0;

	parts = kcalloc(nr, sizeof(*parts), GFP_KERNEL);
	if (!parts)
		err = -ENOMEM;
	for (; nr_parts < nr && !err; nr_parts++) {
		parts[nr_parts].busy = vcma_bulk_busy;
		parts[nr_parts].ctx = b;
		err = vcma_partial_init(&parts[nr_parts], blocks[nr_parts], b->part_pages) ?:
		      vcma_bulk_prepare(b, blocks[nr_parts]);
	}
	if (!err)
		missing -= vcma_partial_collect(parts, nr, missing);
	for (i = 0; i < nr && !err; i++) {
		unsigned long had = parts[i].nr_isolated;

		err = vcma_partial_isolate(&parts[i], missing, want->flags & VCMA_FAST,
					   want->deadline);
		missing -= parts[i].nr_isolated - had;
	}
	b->err = err;
	for (i = 0; i < nr_parts; i++) {
		if (parts[i].isolated)
			for_each_set_bit(part, parts[i].isolated, parts[i].nr_parts)
				vcma_bulk_add(b, blocks[i], part * b->part_pages);
		vcma_partial_destroy(&parts[i]);
	}
	for (i = 0; i < nr; i++)
		vcma_bulk_settle(b, blocks[i]);
	kfree(parts);
}

/* Undo the mappings of pieces of a lazily allocated block. */
static void vcma_bulk_unmap(struct vcma_block *block, unsigned long first_part,
			    unsigned long nr_parts)
{
	unsigned long part_pages = 1UL << block->piece_order, i;

	for (i = first_part; i < first_part + nr_parts; i++) {
		if (!block->piece_cpus[i])
			continue;
		vcma_block_unmap(block, i * part_pages, part_pages, block->piece_cpus[i]);
		block->piece_cpus[i] = NULL;
	}
}

static void vcma_bulk_free_block(struct vcma_block *block)
{
	unsigned long *pieces = block->pieces;
	unsigned long flags;

	if (block->piece_cpus)
		vcma_bulk_unmap(block, 0, PHYS_PFN(block->bytes) >> block->piece_order);
	spin_lock_irqsave(&block->isolated_lock, flags);
	block->pieces = NULL;
	spin_unlock_irqrestore(&block->isolated_lock, flags);
	bitmap_free(pieces);
	kvfree(block->piece_cpus);
	block->piece_cpus = NULL;
	vcma_block_free(block);
}

/* ---- all blocks ---- */

/* Get blocks from the host until there is enough, or no more to get. */
static void vcma_bulk_pass(struct vcma_bulk *b)
{
	const struct vcma_bulk_constraints *want = b->want;
	u64 piece_bytes = PFN_PHYS(b->part_pages);
	u64 bytes = max(piece_bytes, b->r->granule_bytes);
	const struct hvcma_dma_windows *windows = want->client ? want->client->windows : NULL;
	struct vcma_constraints hold = {
		.bytes = bytes,
		/* On a bus blocks need not be where granules are aligned. */
		.align_bytes = max(windows ? 0 : b->r->granule_bytes,
				   min(piece_bytes, PAGE_SIZE << READ_ONCE(b->r->max_align_order))),
		.max_dma = want->max_dma,
		.windows = windows,
		.place = want->client ? want->client->id : 0,
		.attr = want->attr,
		.use = VCMA_BLOCK_BULK,
		.client = want->client ? want->client->id : VIRTIO_CMA_CLIENT_SHARED,
		.resv = want->client ? want->client->resv : 0,
		.flags = want->flags & VCMA_FAST,
		.lazy = vcma_bulk_is_lazy(b->r) && piece_bytes <= b->r->granule_bytes,
		.deadline = want->deadline,
		.owner = want->owner ?: want->client ? want->client->name : NULL,
	};
	struct vcma_block *blocks[VCMA_BULK_BLOCKS];
	int nr;

	while (b->nr < want->nr && !b->err) {
		u64 missing = DIV_ROUND_UP_ULL((u64)(want->nr - b->nr) * piece_bytes, bytes);

		if (vcma_is_late(b->want->deadline)) {
			b->err = -ETIMEDOUT;
			break;
		}
		nr = vcma_block_alloc_bulk(b->r, &hold, min_t(u64, missing, VCMA_BULK_BLOCKS),
					   blocks);
		if (nr < 0) {
			b->err = nr;
			break;
		}
		if (hold.lazy)
			vcma_bulk_use_partial(b, blocks, nr);
		else
			vcma_bulk_use(b, blocks, nr);
	}
}

/* Is it worth asking again once others have freed what they don't need? */
static bool vcma_bulk_may_retry(const struct vcma_bulk *b)
{
	return b->nr < b->want->nr && !(b->want->flags & VCMA_FAST) &&
	       vcma_region_is_live(b->r) && b->err != -ETIMEDOUT && b->err != -EINTR;
}

int vcma_bulk_alloc(struct vcma_region *r, const struct vcma_bulk_constraints *want,
		    struct vcma_piece_addr *pieces, u32 *nr_got,
		    struct vcma_bulk_busy *busy, u32 *nr_busy)
{
	struct vcma_bulk b = {
		.r = r,
		.want = want,
		.part_pages = 1UL << want->order,
		.pieces = pieces,
		.busy = busy,
		.max_busy = nr_busy ? *nr_busy : 0,
		.empty = LIST_HEAD_INIT(b.empty),
	};
	struct vcma_block *block, *next;
	ktime_t start = ktime_get();
	struct vcma_pool *p;
	unsigned int i;

	*nr_got = 0;
	if (nr_busy)
		*nr_busy = 0;
	if (!want->nr || want->order >= 32 || PFN_PHYS(b.part_pages) > r->bytes)
		return -EINVAL;

	trace_vcma_alloc_start(r, PFN_PHYS(b.part_pages), want->nr, want->max_dma, want->flags);
	vcma_bulk_pass(&b);
	if (vcma_bulk_may_retry(&b)) {
		vcma_region_flush_frees(r);
		for (i = 0; (p = vcma_region_pool(r, i)); i++)
			vcma_pool_yield(p, false);
		b.err = 0;
		vcma_bulk_pass(&b);
	}
	list_for_each_entry_safe(block, next, &b.empty, node) {
		list_del_init(&block->node);
		vcma_bulk_free_block(block);
	}
	atomic64_add(b.nr, &r->stats.nr_bulk_blocks);
	if (b.nr && b.err == -ETIMEDOUT)	/* no failure, and yet */
		atomic64_inc(&r->stats.nr_deadline_missed);
	trace_vcma_alloc_finish(r, PFN_PHYS(b.part_pages), b.nr, b.err,
				ktime_us_delta(ktime_get(), start));
	*nr_got = b.nr;
	if (nr_busy)
		*nr_busy = b.nr_busy;
	return b.nr ? 0 : b.err ?: -EBUSY;
}

/* ---- the end of pieces ---- */

/* Return: the block of a piece that is out, which is not out any more; or NULL. */
static struct vcma_block *vcma_bulk_find_piece(struct vcma_region *r, u64 gpa, unsigned int order)
{
	struct vcma_block *block;
	unsigned long flags;
	bool out = false;
	u64 off;

	rcu_read_lock();
	block = vcma_block_by_gpa(r, gpa);
	if (block && block->use == VCMA_BLOCK_BULK && block->piece_order == order) {
		off = gpa - block->base_gpa;
		spin_lock_irqsave(&block->isolated_lock, flags);
		out = block->pieces && IS_ALIGNED(off, PAGE_SIZE << order) &&
		      __test_and_clear_bit(off >> (PAGE_SHIFT + order), block->pieces);
		spin_unlock_irqrestore(&block->isolated_lock, flags);
	}
	rcu_read_unlock();
	return out ? block : NULL;
}

/* Some pieces of the block are free again, their pages put back. */
static void vcma_bulk_put(struct vcma_block *block, u32 nr)
{
	struct vcma_client *c = block->owner;
	unsigned long flags;
	bool last;

	spin_lock_irqsave(&block->isolated_lock, flags);
	block->nr_pieces -= nr;
	last = !block->nr_pieces;
	spin_unlock_irqrestore(&block->isolated_lock, flags);
	if (!last)
		return;
	if (c) {
		spin_lock(&c->bulk_lock);
		list_del_init(&block->node);
		spin_unlock(&c->bulk_lock);
	}
	vcma_bulk_free_block(block);
}

void vcma_bulk_free(struct vcma_region *r, const struct vcma_piece_addr *pieces, u32 nr,
		    unsigned int order)
{
	unsigned long part_pages = 1UL << order, first;
	struct vcma_block *block;
	u32 i, j;

	for (i = 0; i < nr; i = j) {
		j = i + 1;
		block = vcma_bulk_find_piece(r, pieces[i].gpa, order);
		if (WARN(!block, "region %s: %#llx is no block of order %u to be freed\n",
			 r->name, pieces[i].gpa, order))
			continue;
		/* What follows in the same block goes back with it. */
		while (j < nr && pieces[j].gpa == pieces[j - 1].gpa + PFN_PHYS(part_pages) &&
		       pieces[j].gpa - block->base_gpa < block->bytes &&
		       vcma_bulk_find_piece(r, pieces[j].gpa, order))
			j++;
		first = PHYS_PFN(pieces[i].gpa - block->base_gpa);
		if (block->piece_cpus) {
			vcma_bulk_unmap(block, first / part_pages, j - i);
			/* What a device may still use goes back with the block. */
			if (refcount_read(&block->refs) == 1)
				vcma_block_putback_isolated(block, first, (j - i) * part_pages);
		}
		vcma_bulk_put(block, j - i);
	}
}

static struct vcma_block *vcma_bulk_first(struct vcma_client *c)
{
	struct vcma_block *block;

	spin_lock(&c->bulk_lock);
	block = list_first_entry_or_null(&c->bulk_blocks, struct vcma_block, node);
	if (block)
		list_del_init(&block->node);
	spin_unlock(&c->bulk_lock);
	return block;
}

void vcma_bulk_free_all(struct vcma_client *c)
{
	struct vcma_block *block;

	/* No driver is left that could take more. */
	while ((block = vcma_bulk_first(c))) {
		atomic64_add((u64)block->nr_pieces << block->piece_order,
			     &block->region->stats.nr_freed_pages);
		vcma_bulk_free_block(block);
	}
}
