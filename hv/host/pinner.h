/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between the providers of memory that is mapped in this process: how they
 * pin it, and who tells where pinned memory lies. All else is provider_local.c's. For
 * this folder only: others make providers (provider.h, iommufd.h).
 */
#ifndef HVCMA_HOST_PINNER_H
#define HVCMA_HOST_PINNER_H

#include "hv/host/provider.h"

struct hvcma_pinner;

/* Ranges are granules inside the region, whose states the caller has looked at. */
struct hvcma_pinner_ops {
	const char *type;	/* of the provider, as in hvcma_provider_ops */
	/* 0 or a negative errno, with words in @err, without the region's name; @config is well-formed. */
	int (*init)(struct hvcma_pinner *p, const struct hvcma_provider_config *config,
		    struct hvcma_error *err);
	/*
	 * Take over rings of @config, which init() has found to be right, and what they have pinned.
	 * NULL: init() refuses them.
	 */
	void (*adopt)(struct hvcma_pinner *p, const struct hvcma_provider_config *config);
	/* Unpins all. */
	void (*fini)(struct hvcma_pinner *p);
	/* Pin, all or none. 0, or what the kernel said; -ENOMEM may be RLIMIT_MEMLOCK. */
	int (*add)(struct hvcma_pinner *p, uint64_t first, uint64_t nr);
	/* Unpin; *done, also on failure: granules from first on that are unpinned now. */
	int (*remove)(struct hvcma_pinner *p, uint64_t first, uint64_t nr, uint64_t *done);
	/*
	 * Host-physical base of each granule, or HVCMA_HPA_SPLIT, of such as have their
	 * pages: all are pinned, or none is, then also 0 for one that nobody tells. NULL: pagemap tells. Returns as init.
	 */
	int (*locate)(struct hvcma_pinner *p, uint64_t first, uint64_t nr, bool are_pinned,
		      uint64_t *hpa, struct hvcma_error *err);
};

struct hvcma_pinner {
	const struct hvcma_pinner_ops *ops;
};

/**
 * hvcma_provider_local_with() - as hvcma_provider_local_create(), with another pinner.
 * @pinner: from malloc(), its init() not called yet; the provider's if this succeeds
 */
int hvcma_provider_local_with(const struct hvcma_provider_config *config, struct hvcma_pinner *pinner,
			      struct hvcma_provider **out, struct hvcma_error *err);

#endif /* HVCMA_HOST_PINNER_H */
