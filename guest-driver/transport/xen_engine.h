/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's part of the protocol, inside the guest: hv/core's engine, for hypervisors that give
 * a guest its region for good and tell nobody else where it is (Xen). Requests are answered as
 * QEMU's device answers them, by the same code, without leaving the guest.
 *
 * Knows nothing of Xen: memory comes as a list of granules with their DMA addresses.
 */
#ifndef VCMA_XEN_ENGINE_H
#define VCMA_XEN_ENGINE_H

#include <linux/types.h>

struct hvcma_gpa_range;
struct vcma_xen_engine;
struct virtio_cma_config;

struct vcma_xen_client {
	u32 bus;		/* VIRTIO_CMA_BUS_* */
	char path[64];		/* as in struct virtio_cma_client */
	char name[32];
	char kind[16];
};

/* What the engine is made of; the caller's, copied where it stays. */
struct vcma_xen_region {
	char name[32];
	u64 base_gpa;
	u64 bytes;
	u64 granule_bytes;
	u32 mode;		/* VIRTIO_CMA_MODE_*; all but _PRIVATE is pinned from the start */
	u32 nr_ranges;		/* of _RAM, as struct hvcma_engine_config has them; else 0 */
	const struct hvcma_gpa_range *ranges;
	u32 stage2;		/* VIRTIO_CMA_STAGE2_* */
	bool refuses;		/* DMA addresses are not to be believed: no client may be claimed */
	u32 nr_clients;
	const struct vcma_xen_client *clients;
};

/**
 * vcma_xen_engine_create() - may sleep.
 * @granule_dma: DMA address of each granule, the engine's from now on if it is made (kvfree());
 *	NULL: the addresses are not known, or not to be believed: no client may be claimed
 * @features: by VIRTIO_CMA_F_*, what the driver is served with
 * @wrong: out, on -EINVAL: a sentence that is constant
 *
 * Return: 0; -EINVAL (the region contradicts itself), -ENOMEM.
 */
int vcma_xen_engine_create(const struct vcma_xen_region *region, u64 *granule_dma, u64 features,
			   struct vcma_xen_engine **out, const char **wrong);

/** vcma_xen_engine_destroy() - @e may be NULL. No client does DMA any more. */
void vcma_xen_engine_destroy(struct vcma_xen_engine *e);

/**
 * vcma_xen_engine_call() - serve one request (transport.h, call()). May sleep.
 * Return: 0, or -ENOMEM.
 */
int vcma_xen_engine_call(struct vcma_xen_engine *e, bool from_report_queue, const void *req,
			 size_t req_bytes, void *resp, size_t resp_bytes, size_t *used_bytes);

/** vcma_xen_engine_config() - the configuration as it is now. May sleep. */
void vcma_xen_engine_config(struct vcma_xen_engine *e, struct virtio_cma_config *config);

#endif /* VCMA_XEN_ENGINE_H */
