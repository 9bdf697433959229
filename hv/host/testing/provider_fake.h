/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fake provider, for tests: synthetic addresses and injected faults. In nothing
 * that is installed.
 */
#ifndef HVCMA_HOST_TESTING_PROVIDER_FAKE_H
#define HVCMA_HOST_TESTING_PROVIDER_FAKE_H

#include "hv/host/provider.h"

enum hvcma_fake_method {
	HVCMA_FAKE_BACK, HVCMA_FAKE_PIN, HVCMA_FAKE_HPA, HVCMA_FAKE_DISCARD,
	HVCMA_FAKE_NR_METHODS
};

struct hvcma_fake_config {
	uint64_t base_hpa;		/* granule-aligned */
	uint32_t extent_granules;	/* extents of this length; 0: one extent */
	bool shuffle;			/* extents in a scrambled, fixed order */
	bool prebacked;
	uint32_t pin_us;		/* that a pin takes, and an unpin, of each granule */
};

/**
 * hvcma_provider_fake_create() - synthetic memory: nothing is touched or pinned,
 * config->base and fd are ignored.
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int hvcma_provider_fake_create(const struct hvcma_provider_config *config,
			       const struct hvcma_fake_config *fake,
			       struct hvcma_provider **out,
			       struct hvcma_error *err);

/**
 * hvcma_fake_inject() - arm a fault of a fake provider, in place of an earlier
 * one of that method.
 * @nr: calls of the method that still work, counted from now
 * @count: calls after those that fail, without any effect
 * @error: what they return, a negative errno; 0 disarms
 */
void hvcma_fake_inject(struct hvcma_provider *p, enum hvcma_fake_method method,
		       uint64_t nr, uint64_t count, int error);

/**
 * hvcma_fake_move() - a migratable granule changes its physical address.
 *
 * Return: 0, -ERANGE, -EINVAL (@hpa misaligned), -EBUSY if pinned.
 */
int hvcma_fake_move(struct hvcma_provider *p, uint64_t granule, uint64_t hpa);

#endif /* HVCMA_HOST_TESTING_PROVIDER_FAKE_H */
