// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other modules may call (include/vcma.h), in terms of bulk.c: regions in fallback
 * order, and the two structures of a block.
 *
 * Locks: none here, those of bulk.c inside.
 */
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "bulk.h"
#include "client/attr.h"
#include "client/binding.h"
#include "core/region.h"
#include "include/vcma.h"

/* Blocks converted at a time when they are freed. */
#define VCMA_FREE_AT_ONCE	32

static_assert((int)VCMA_BULK_BUSY == VIRTIO_CMA_WHY_OTHER);
static_assert((int)VCMA_BULK_PINNED == VIRTIO_CMA_WHY_PINNED);
static_assert((int)VCMA_BULK_UNMOVABLE == VIRTIO_CMA_WHY_UNMOVABLE);
static_assert((int)VCMA_BULK_NO_ROOM == VIRTIO_CMA_WHY_NO_ROOM);

/* Room for the answers of one region. */
struct vcma_bulk_room {
	struct vcma_piece_addr *pieces;
	struct vcma_bulk_busy *busy;
};

/* As much as one region has of it; the answers are appended. */
static int vcma_bulk_from(struct vcma_client *c, const struct vcma_bulk_constraints *want,
			  const struct vcma_bulk_room *room, struct vcma_bulk_block *blocks,
			  unsigned int *nr_got, struct vcma_bulk_range *busy,
			  unsigned int *nr_busy, unsigned int max_busy)
{
	u32 got, left = max_busy - *nr_busy, i;
	ktime_t start = ktime_get();
	int err;

	err = vcma_bulk_alloc(c->region, want, room->pieces, &got, room->busy, &left);
	vcma_stats_alloc(&c->region->stats, VCMA_STATS_BULK,
			 (u64)(err ? want->nr : got) << want->order, err,
			 ktime_us_delta(ktime_get(), start));
	for (i = 0; i < got; i++)
		blocks[*nr_got + i] = (struct vcma_bulk_block) {
			.dma = room->pieces[i].dma,
			.phys = room->pieces[i].gpa,
			.cpu = room->pieces[i].cpu,
			.page = room->pieces[i].page,
		};
	for (i = 0; i < left; i++)
		busy[*nr_busy + i] = (struct vcma_bulk_range) {
			.phys = room->busy[i].gpa,
			.bytes = room->busy[i].bytes,
			.why = (enum vcma_bulk_why)room->busy[i].why,
		};
	*nr_got += got;
	*nr_busy += left;
	return err;
}

static int vcma_bulk_from_all(struct device *dev, const struct vcma_bulk_request *req,
			      const struct vcma_bulk_room *room,
			      struct vcma_bulk_block *blocks, unsigned int *nr_got,
			      struct vcma_bulk_range *busy, unsigned int *nr_busy,
			      unsigned int max_busy)
{
	struct vcma_binding *b = vcma_binding_of(dev);
	const char *kind = req->kind ?: "coherent";
	struct vcma_bulk_constraints want = {
		.order = req->order,
		.flags = (req->flags & VCMA_BULK_REQ_FAST ? VCMA_FAST : 0) |
			 (req->flags & VCMA_BULK_REQ_ZERO ? VCMA_BULK_ZERO : 0),
		.max_dma = min_not_zero(dev->coherent_dma_mask, dev->bus_dma_limit),
		.deadline = req->timeout_ms ? ktime_add_ms(ktime_get(), req->timeout_ms) : 0,
	};
	int err = -ENODEV;
	unsigned int i;

	for (i = 0; *nr_got < req->nr; i++) {
		struct vcma_client *c = vcma_binding_named_source(b, kind, i);

		if (!c)
			break;
		if (vcma_attr_refuses_coherent(c)) {
			err = -EOPNOTSUPP;
			continue;
		}
		want.client = c;
		want.attr = c->attr;
		want.nr = req->nr - *nr_got;
		err = vcma_bulk_from(c, &want, room, blocks, nr_got, busy, nr_busy, max_busy);
	}
	return *nr_got ? 0 : err;
}

int vcma_alloc_bulk(struct device *dev, const struct vcma_bulk_request *req,
		    struct vcma_bulk_block *blocks, unsigned int *nr_got,
		    struct vcma_bulk_range *busy, unsigned int *nr_busy)
{
	unsigned int max_busy = busy && nr_busy ? *nr_busy : 0, filled = 0;
	struct vcma_bulk_room room;
	int err;

	*nr_got = 0;
	if (nr_busy)
		*nr_busy = 0;
	if (!req->nr || req->flags & ~(VCMA_BULK_REQ_FAST | VCMA_BULK_REQ_ZERO))
		return -EINVAL;
	if (!vcma_dev_is_bound(dev))
		return -ENODEV;
	room.pieces = kvcalloc(req->nr, sizeof(*room.pieces), GFP_KERNEL);
	room.busy = kvcalloc(max(max_busy, 1U), sizeof(*room.busy), GFP_KERNEL);
	if (room.pieces && room.busy)
		err = vcma_bulk_from_all(dev, req, &room, blocks, nr_got, busy, &filled,
					 max_busy);
	else
		err = -ENOMEM;
	kvfree(room.busy);
	kvfree(room.pieces);
	if (nr_busy)
		*nr_busy = filled;
	return err == -EPROTO || err == -ESHUTDOWN ? -EIO : err;
}
EXPORT_SYMBOL_GPL(vcma_alloc_bulk);

void vcma_free_bulk(struct device *dev, const struct vcma_bulk_block *blocks, unsigned int nr,
		    unsigned int order)
{
	struct vcma_piece_addr pieces[VCMA_FREE_AT_ONCE];
	struct vcma_client *c, *next;
	unsigned int i, n;

	if (WARN_ON(!vcma_dev_is_bound(dev)))
		return;
	for (i = 0; i < nr; i += n) {
		c = vcma_binding_by_dma(vcma_binding_of(dev), blocks[i].dma);
		for (n = 0; i + n < nr && n < VCMA_FREE_AT_ONCE; n++) {
			next = vcma_binding_by_dma(vcma_binding_of(dev), blocks[i + n].dma);
			if (next != c)
				break;
			pieces[n].gpa = blocks[i + n].phys;
		}
		if (WARN_ON(!c))
			continue;
		atomic64_add((u64)n << order, &c->region->stats.nr_freed_pages);
		vcma_bulk_free(c->region, pieces, n, order);
	}
}
EXPORT_SYMBOL_GPL(vcma_free_bulk);
