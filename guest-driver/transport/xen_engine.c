// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine inside the guest (xen_engine.h). Who backs, pins and quiesces is nobody: memory was
 * given for good, and a device of ours is quiet when its driver has gone.
 *
 * Locks: vcma_xen_engine.lock, a mutex: the engine serves one request at a time.
 */
#include <linux/align.h>
#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "hv/core/engine.h"
#include "xen_engine.h"

/* As the engine wants it; kvzalloc() promises less. */
#define VCMA_ENGINE_ALIGN	64

struct vcma_xen_engine {
	struct mutex lock;
	struct hvcma_engine *engine;	/* lock; in buffer */
	void *buffer;
	u64 *granule_dma;		/* constant, as is refuses; NULL: nothing is known */
	bool refuses;			/* who would do DMA there */
};

static enum virtio_cma_status vcma_xen_back(void *opaque, uint64_t first, uint64_t nr)
{
	struct vcma_xen_engine *e = opaque;

	return e->granule_dma ? VIRTIO_CMA_S_OK : VIRTIO_CMA_S_NO_BACKING;
}

static void vcma_xen_unpin(void *opaque, uint64_t first, uint64_t nr)
{
}

static enum virtio_cma_status vcma_xen_dma_addr(void *opaque, uint64_t first, uint64_t nr,
						uint64_t *dma)
{
	struct vcma_xen_engine *e = opaque;
	uint64_t i;

	for (i = 0; i < nr; i++)
		dma[i] = e->granule_dma ? e->granule_dma[first + i] : HVCMA_DMA_UNKNOWN;
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status vcma_xen_claim(void *opaque, uint32_t client)
{
	struct vcma_xen_engine *e = opaque;

	return e->granule_dma && !e->refuses ? VIRTIO_CMA_S_OK : VIRTIO_CMA_S_IO;
}

static enum virtio_cma_status vcma_xen_quiesce(void *opaque, uint32_t client)
{
	return VIRTIO_CMA_S_OK;
}

static const struct hvcma_engine_ops vcma_xen_ops = {
	.back = vcma_xen_back,
	.pin = vcma_xen_back,
	.unpin = vcma_xen_unpin,
	.dma_addr = vcma_xen_dma_addr,
	.claim = vcma_xen_claim,
	.quiesce = vcma_xen_quiesce,
};

static const char *vcma_xen_add_clients(struct vcma_xen_engine *e,
					const struct vcma_xen_region *region)
{
	u32 i;

	for (i = 0; i < region->nr_clients; i++) {
		const struct vcma_xen_client *c = &region->clients[i];
		struct hvcma_client_info info = {
			.bus = c->bus,
			.kind = c->kind,
			.name = c->name,
			.path = c->path,
		};

		if (hvcma_engine_client_added(e->engine, i, &info))
			return "a client's bus, path, name or kind is not valid";
	}
	return NULL;
}

static int vcma_xen_engine_start(struct vcma_xen_engine *e, const struct vcma_xen_region *region,
				 u64 features, const char **wrong)
{
	bool is_pinned = region->mode != VIRTIO_CMA_MODE_PRIVATE && e->granule_dma;
	struct hvcma_engine_config config = {
		.region_base_gpa = region->base_gpa,
		.region_bytes = region->bytes,
		.ranges = region->ranges,
		.nr_ranges = region->nr_ranges,
		.granule_bytes = region->granule_bytes,
		.mode = region->mode,
		.flags = VIRTIO_CMA_FLAG_DEFAULT | VIRTIO_CMA_FLAG_HPA |
			 (is_pinned ? VIRTIO_CMA_FLAG_PINNED : 0),
		.nr_clients = region->nr_clients,
		.max_align_order = VIRTIO_CMA_DEFAULT_ALIGN_ORDER,
		.stage2 = region->stage2,
		.alias = HVCMA_ALIAS_MAINTAINED,
		.policy = HVCMA_BEST_FIT,
		.name = region->name,
	};
	size_t bytes;

	*wrong = hvcma_engine_check_config(&config);
	if (*wrong)
		return -EINVAL;
	bytes = hvcma_engine_buffer_bytes(&config);
	e->buffer = kvzalloc(bytes + VCMA_ENGINE_ALIGN, GFP_KERNEL);
	if (!e->buffer)
		return -ENOMEM;
	*wrong = "the engine does not start";
	if (hvcma_engine_init(PTR_ALIGN(e->buffer, VCMA_ENGINE_ALIGN), bytes, &config,
			      &vcma_xen_ops, e, &e->engine))
		return -EINVAL;
	hvcma_engine_set_features(e->engine, features);
	*wrong = vcma_xen_add_clients(e, region);
	if (*wrong)
		return -EINVAL;
	*wrong = "not all of it can be pinned";
	if (is_pinned && hvcma_engine_pin_all(e->engine))
		return -EINVAL;
	*wrong = NULL;
	return 0;
}

int vcma_xen_engine_create(const struct vcma_xen_region *region, u64 *granule_dma, u64 features,
			   struct vcma_xen_engine **out, const char **wrong)
{
	struct vcma_xen_engine *e = kzalloc(sizeof(*e), GFP_KERNEL);
	int err;

	if (!e)
		return -ENOMEM;
	mutex_init(&e->lock);
	e->granule_dma = granule_dma;
	e->refuses = region->refuses;
	err = vcma_xen_engine_start(e, region, features, wrong);
	if (err) {
		e->granule_dma = NULL;
		vcma_xen_engine_destroy(e);
		return err;
	}
	*out = e;
	return 0;
}

void vcma_xen_engine_destroy(struct vcma_xen_engine *e)
{
	if (!e)
		return;
	if (e->engine)
		hvcma_engine_fini(e->engine);
	kvfree(e->buffer);
	kvfree(e->granule_dma);
	kfree(e);
}

int vcma_xen_engine_call(struct vcma_xen_engine *e, bool from_report_queue, const void *req,
			 size_t req_bytes, void *resp, size_t resp_bytes, size_t *used_bytes)
{
	mutex_lock(&e->lock);
	while (!hvcma_engine_request(e->engine, req, req_bytes, resp, resp_bytes,
				     from_report_queue, used_bytes)) {
		hvcma_engine_drain(e->engine);
		cond_resched();
	}
	mutex_unlock(&e->lock);
	return 0;
}

void vcma_xen_engine_config(struct vcma_xen_engine *e, struct virtio_cma_config *config)
{
	mutex_lock(&e->lock);
	hvcma_engine_get_config(e->engine, config);
	mutex_unlock(&e->lock);
}
