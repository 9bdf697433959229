/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events (tracefs: events/virtio_cma/). Instantiated in main.c.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_cma

#if !defined(VCMA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VCMA_TRACE_H

#include <linux/tracepoint.h>

#include "compat/compat.h"
#include "region.h"

struct vcma_client;
struct vcma_pool;

TRACE_EVENT(vcma_request,

	TP_PROTO(struct vcma_region *r, u32 op, int err, u32 status, s64 us),
	TP_ARGS(r, op, err, status, us),

	TP_STRUCT__entry(
		__string(dev, dev_name(r->dev))
		__field(u32, op)
		__field(int, err)
		__field(u32, status)
		__field(s64, us)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(r->dev));
		__entry->op = op;
		__entry->err = err;
		__entry->status = status;
		__entry->us = us;
	),

	TP_printk("%s op=%u err=%d status=%u us=%lld", __get_str(dev), __entry->op,
		  __entry->err, __entry->status, __entry->us)
);

TRACE_EVENT(vcma_region_state,

	TP_PROTO(struct vcma_region *r, int from, int to),
	TP_ARGS(r, from, to),

	TP_STRUCT__entry(
		__string(dev, dev_name(r->dev))
		__field(int, from)
		__field(int, to)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(r->dev));
		__entry->from = from;
		__entry->to = to;
	),

	TP_printk("%s %d -> %d", __get_str(dev), __entry->from, __entry->to)
);

/* @i: number of the memory block in the region; states as in memory.h */
TRACE_EVENT(vcma_memory_state,

	TP_PROTO(struct vcma_region *r, unsigned int i, int from, int to),
	TP_ARGS(r, i, from, to),

	TP_STRUCT__entry(
		__string(dev, dev_name(r->dev))
		__field(unsigned int, i)
		__field(int, from)
		__field(int, to)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(r->dev));
		__entry->i = i;
		__entry->from = from;
		__entry->to = to;
	),

	TP_printk("%s block=%u %d -> %d", __get_str(dev), __entry->i, __entry->from,
		  __entry->to)
);

/* A block that could not be isolated goes back. */
TRACE_EVENT(vcma_block_busy,

	TP_PROTO(struct vcma_region *r, u64 gpa, u64 bytes, u32 why),
	TP_ARGS(r, gpa, bytes, why),

	TP_STRUCT__entry(
		__string(dev, dev_name(r->dev))
		__field(u64, gpa)
		__field(u64, bytes)
		__field(u32, why)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(r->dev));
		__entry->gpa = gpa;
		__entry->bytes = bytes;
		__entry->why = why;
	),

	TP_printk("%s gpa=%#llx bytes=%#llx why=%u", __get_str(dev), __entry->gpa,
		  __entry->bytes, __entry->why)
);

TRACE_EVENT(vcma_client_state,

	TP_PROTO(struct vcma_client *c, int from, int to),
	TP_ARGS(c, from, to),

	TP_STRUCT__entry(
		__string(client, c->name)
		__string(dev, dev_name(c->dev))
		__field(int, from)
		__field(int, to)
	),

	TP_fast_assign(
		vcma_assign_str(client, c->name);
		vcma_assign_str(dev, dev_name(c->dev));
		__entry->from = from;
		__entry->to = to;
	),

	TP_printk("%s %s %d -> %d", __get_str(client), __get_str(dev), __entry->from,
		  __entry->to)
);

DECLARE_EVENT_CLASS(vcma_block,

	TP_PROTO(struct vcma_block *block),
	TP_ARGS(block),

	TP_STRUCT__entry(
		__string(dev, dev_name(block->region->dev))
		__field(u64, gpa)
		__field(u64, dma)
		__field(u64, bytes)
		__field(int, attr)
		__field(int, use)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(block->region->dev));
		__entry->gpa = block->base_gpa;
		__entry->dma = block->base_dma;
		__entry->bytes = block->bytes;
		__entry->attr = block->attr;
		__entry->use = block->use;
	),

	TP_printk("%s gpa=%#llx dma=%#llx bytes=%#llx attr=%d use=%d", __get_str(dev),
		  __entry->gpa, __entry->dma, __entry->bytes, __entry->attr, __entry->use)
);

DEFINE_EVENT(vcma_block, vcma_block_alloc,

	TP_PROTO(struct vcma_block *block), TP_ARGS(block));
DEFINE_EVENT(vcma_block, vcma_block_free,

	TP_PROTO(struct vcma_block *block), TP_ARGS(block));

TRACE_EVENT(vcma_pool_grow,

	TP_PROTO(struct vcma_pool *pool, u64 bytes, u64 max_dma, int err),
	TP_ARGS(pool, bytes, max_dma, err),

	TP_STRUCT__entry(
		__string(dev, dev_name(pool->region->dev))
		__field(int, attr)
		__field(u64, bytes)
		__field(u64, max_dma)
		__field(s64, free_bytes)
		__field(int, err)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(pool->region->dev));
		__entry->attr = pool->attr;
		__entry->bytes = bytes;
		__entry->max_dma = max_dma;
		__entry->free_bytes = atomic64_read(&pool->free_bytes);
		__entry->err = err;
	),

	TP_printk("%s attr=%d bytes=%#llx max_dma=%#llx free=%#llx err=%d", __get_str(dev),
		  __entry->attr, __entry->bytes, __entry->max_dma, __entry->free_bytes,
		  __entry->err)
);

/* Memory is asked for that is not ready: a block, or @nr of a bulk. */
TRACE_EVENT(vcma_alloc_start,

	TP_PROTO(struct vcma_region *r, u64 bytes, u32 nr, u64 max_dma, unsigned int flags),
	TP_ARGS(r, bytes, nr, max_dma, flags),

	TP_STRUCT__entry(
		__string(dev, dev_name(r->dev))
		__field(u64, bytes)
		__field(u32, nr)
		__field(u64, max_dma)
		__field(unsigned int, flags)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(r->dev));
		__entry->bytes = bytes;
		__entry->nr = nr;
		__entry->max_dma = max_dma;
		__entry->flags = flags;
	),

	TP_printk("%s bytes=%#llx nr=%u max_dma=%#llx flags=%#x", __get_str(dev),
		  __entry->bytes, __entry->nr, __entry->max_dma, __entry->flags)
);

TRACE_EVENT(vcma_alloc_finish,

	TP_PROTO(struct vcma_region *r, u64 bytes, u32 nr, int err, s64 us),
	TP_ARGS(r, bytes, nr, err, us),

	TP_STRUCT__entry(
		__string(dev, dev_name(r->dev))
		__field(u64, bytes)
		__field(u32, nr)
		__field(int, err)
		__field(s64, us)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(r->dev));
		__entry->bytes = bytes;
		__entry->nr = nr;
		__entry->err = err;
		__entry->us = us;
	),

	TP_printk("%s bytes=%#llx nr=%u err=%d us=%lld", __get_str(dev), __entry->bytes,
		  __entry->nr, __entry->err, __entry->us)
);

TRACE_EVENT(vcma_coherent_alloc,

	TP_PROTO(struct vcma_client *c, size_t bytes, u64 max_dma, u64 dma),
	TP_ARGS(c, bytes, max_dma, dma),

	TP_STRUCT__entry(
		__string(dev, dev_name(c->dev))
		__field(size_t, bytes)
		__field(u64, max_dma)
		__field(u64, dma)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(c->dev));
		__entry->bytes = bytes;
		__entry->max_dma = max_dma;
		__entry->dma = dma;
	),

	TP_printk("%s bytes=%zu max_dma=%#llx dma=%#llx", __get_str(dev), __entry->bytes,
		  __entry->max_dma, __entry->dma)
);

TRACE_EVENT(vcma_coherent_free,

	TP_PROTO(struct vcma_client *c, size_t bytes, u64 dma),
	TP_ARGS(c, bytes, dma),

	TP_STRUCT__entry(
		__string(dev, dev_name(c->dev))
		__field(size_t, bytes)
		__field(u64, dma)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(c->dev));
		__entry->bytes = bytes;
		__entry->dma = dma;
	),

	TP_printk("%s bytes=%zu dma=%#llx", __get_str(dev), __entry->bytes, __entry->dma)
);

DECLARE_EVENT_CLASS(vcma_mapping,

	TP_PROTO(struct vcma_client *c, u64 phys, u64 bytes, u64 dma),
	TP_ARGS(c, phys, bytes, dma),

	TP_STRUCT__entry(
		__string(dev, dev_name(c->dev))
		__field(u64, phys)
		__field(u64, bytes)
		__field(u64, dma)
	),

	TP_fast_assign(
		vcma_assign_str(dev, dev_name(c->dev));
		__entry->phys = phys;
		__entry->bytes = bytes;
		__entry->dma = dma;
	),

	TP_printk("%s phys=%#llx bytes=%llu dma=%#llx", __get_str(dev), __entry->phys,
		  __entry->bytes, __entry->dma)
);

DEFINE_EVENT(vcma_mapping, vcma_bounce_map,

	TP_PROTO(struct vcma_client *c, u64 phys, u64 bytes, u64 dma),
	TP_ARGS(c, phys, bytes, dma));
DEFINE_EVENT(vcma_mapping, vcma_bounce_unmap,

	TP_PROTO(struct vcma_client *c, u64 phys, u64 bytes, u64 dma),
	TP_ARGS(c, phys, bytes, dma));
DEFINE_EVENT(vcma_mapping, vcma_direct_map,

	TP_PROTO(struct vcma_client *c, u64 phys, u64 bytes, u64 dma),
	TP_ARGS(c, phys, bytes, dma));
DEFINE_EVENT(vcma_mapping, vcma_direct_unmap,

	TP_PROTO(struct vcma_client *c, u64 phys, u64 bytes, u64 dma),
	TP_ARGS(c, phys, bytes, dma));

#endif /* VCMA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH core
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
