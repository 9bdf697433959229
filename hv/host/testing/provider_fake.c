// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fake provider: granule states and limits of the real one, invented physical
 * addresses, and faults on demand. Touches and pins no memory.
 *
 * Layout with extent_granules = 3; a gap of one granule ends each extent, so
 * that neighbours never join by chance:
 *
 *	granule		0 1 2   3 4 5   6 7
 *	in order	A A A . B B B . C C .
 *	shuffled	B B B . C C . . A A A .		(fixed for a number of extents)
 */
#include "hv/host/testing/provider_fake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "hv/host/granules.h"

struct fault {
	uint64_t skip;		/* calls that still work */
	uint64_t count;		/* calls after those that fail */
	int error;		/* negative errno */
};

struct fake {
	struct hvcma_provider base;
	struct hvcma_granules granules;
	struct fault fault[HVCMA_FAKE_NR_METHODS];
	bool need_hpa;
	uint32_t pin_us;
	uint64_t nr_pin_calls;
	uint64_t nr_unpin_calls;
	uint64_t *hpa;		/* of each granule, backed or not */
};

static struct fake *to_fake(const struct hvcma_provider *p)
{
	return (struct fake *)p;	/* base comes first */
}

static int take_fault(struct fake *f, enum hvcma_fake_method method)
{
	static const char *const name[HVCMA_FAKE_NR_METHODS] = {
		[HVCMA_FAKE_BACK] = "back", [HVCMA_FAKE_PIN] = "pin",
		[HVCMA_FAKE_HPA] = "hpa", [HVCMA_FAKE_DISCARD] = "discard",
	};
	struct fault *fault = &f->fault[method];

	if (fault->skip) {
		fault->skip--;
		return 0;
	}
	if (!fault->count)
		return 0;
	fault->count--;
	if (fault->error)
		hvcma_error_set(&f->base.error, "region %s: injected fault %d in %s",
				f->granules.name, -fault->error, name[method]);
	return fault->error;
}

static void take_time(const struct fake *f, uint64_t nr_granules)
{
	uint64_t us = nr_granules * f->pin_us;
	const struct timespec wait = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000,
	};

	if (us)
		nanosleep(&wait, NULL);
}

static int fake_back(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct fake *f = to_fake(p);
	int ret = hvcma_granules_may_back(&f->granules, first, nr, &p->error);

	if (!ret)
		ret = take_fault(f, HVCMA_FAKE_BACK);
	if (!ret)
		hvcma_granules_fill(&f->granules, first, nr);
	return ret;
}

static int fake_pin(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct fake *f = to_fake(p);
	int ret = hvcma_granules_may_pin(&f->granules, first, nr, &p->error);

	f->nr_pin_calls++;
	if (!ret)
		ret = take_fault(f, HVCMA_FAKE_PIN);
	if (!ret)
		hvcma_granules_set(&f->granules, first, nr, HVCMA_GRANULE_PINNED);
	if (!ret)
		take_time(f, nr);
	return ret;
}

static int fake_unpin(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct fake *f = to_fake(p);
	int ret = hvcma_granules_may_unpin(&f->granules, first, nr, &p->error);

	f->nr_unpin_calls++;
	if (!ret)
		hvcma_granules_set(&f->granules, first, nr, HVCMA_GRANULE_BACKED);
	if (!ret)
		take_time(f, nr);
	return ret;
}

static int fake_discard(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct fake *f = to_fake(p);
	int ret = hvcma_granules_may_discard(&f->granules, first, nr, &p->error);

	if (!ret)
		ret = take_fault(f, HVCMA_FAKE_DISCARD);
	if (!ret)
		hvcma_granules_set(&f->granules, first, nr, HVCMA_GRANULE_UNBACKED);
	return ret;
}

static int fake_look(struct hvcma_provider *p, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	struct fake *f = to_fake(p);
	uint64_t i;
	int ret = hvcma_granules_may_locate(&f->granules, first, nr, &p->error);

	if (ret)
		return ret;

	for (i = 0; i < nr; i++) {
		if (f->granules.state[first + i] == HVCMA_GRANULE_UNBACKED)
			hpa[i] = HVCMA_HPA_ABSENT;
		else
			hpa[i] = f->need_hpa ? f->hpa[first + i] : 0;
	}
	return 0;
}

static int fake_hpa(struct hvcma_provider *p, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	struct fake *f = to_fake(p);
	int ret = hvcma_granules_may_locate(&f->granules, first, nr, &p->error);

	if (!ret)
		ret = take_fault(f, HVCMA_FAKE_HPA);
	return ret ? ret : fake_look(p, first, nr, hpa);
}

static void fake_stats(const struct hvcma_provider *p, struct hvcma_provider_stats *stats)
{
	const struct fake *f = to_fake(p);

	hvcma_granules_stats(&f->granules, stats);
	stats->nr_pin_calls = f->nr_pin_calls;
	stats->nr_unpin_calls = f->nr_unpin_calls;
}

static void fake_destroy(struct hvcma_provider *p)
{
	struct fake *f = to_fake(p);

	hvcma_granules_fini(&f->granules);
	free(f->hpa);
	free(f);
}

static const struct hvcma_provider_ops fake_ops = {
	.type = "fake",
	.back = fake_back,
	.pin = fake_pin,
	.unpin = fake_unpin,
	.discard = fake_discard,
	.hpa = fake_hpa,
	.look = fake_look,
	.stats = fake_stats,
	.destroy = fake_destroy,
};

/* Fisher-Yates with a fixed linear congruential sequence. */
static void scramble(uint64_t *place, uint64_t nr)
{
	uint64_t x = 1;
	uint64_t i;

	for (i = nr; i > 1; i--) {
		uint64_t j, tmp;

		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		j = (x >> 33) % i;
		tmp = place[i - 1];
		place[i - 1] = place[j];
		place[j] = tmp;
	}
}

static int lay_out(struct fake *f, const struct hvcma_fake_config *config)
{
	uint64_t length = config->extent_granules ? config->extent_granules : f->granules.nr;
	uint64_t nr_extents = (f->granules.nr + length - 1) / length;
	uint64_t *place = calloc(nr_extents, sizeof(*place));
	uint64_t i;

	if (!place)
		return -ENOMEM;

	for (i = 0; i < nr_extents; i++)
		place[i] = i;
	if (config->shuffle)
		scramble(place, nr_extents);
	for (i = 0; i < f->granules.nr; i++)
		f->hpa[i] = config->base_hpa +
			    (place[i / length] * (length + 1) + i % length) * f->granules.bytes;
	free(place);
	return 0;
}

int hvcma_provider_fake_create(const struct hvcma_provider_config *config,
			       const struct hvcma_fake_config *fake,
			       struct hvcma_provider **out,
			       struct hvcma_error *err)
{
	struct fake *f = calloc(1, sizeof(*f));
	int ret;

	if (!f) {
		hvcma_error_set(err, "region %s: no memory for a fake provider", config->name);
		return -ENOMEM;
	}
	ret = hvcma_granules_init(&f->granules, config, err);
	if (ret) {
		free(f);
		return ret;
	}
	f->base.ops = &fake_ops;
	f->need_hpa = config->need_hpa;
	f->pin_us = fake->pin_us;

	if (fake->base_hpa % config->granule_bytes) {
		hvcma_error_set(err, "region %s: fake base %#" PRIx64
				" is not a multiple of the granule, %" PRIu64,
				config->name, fake->base_hpa, config->granule_bytes);
		ret = -EINVAL;
		goto destroy;
	}
	/* with gaps, at most one for each granule */
	if (f->granules.nr > (UINT64_MAX - fake->base_hpa) / config->granule_bytes / 2) {
		hvcma_error_set(err, "region %s: fake base %#" PRIx64 " leaves no room below 2^64 for %" PRIu64
				" granules and their gaps", config->name, fake->base_hpa, f->granules.nr);
		ret = -EINVAL;
		goto destroy;
	}
	f->hpa = calloc(f->granules.nr, sizeof(*f->hpa));
	ret = f->hpa ? lay_out(f, fake) : -ENOMEM;
	if (ret) {
		hvcma_error_set(err, "region %s: no memory for %" PRIu64 " fake granules",
				config->name, f->granules.nr);
		goto destroy;
	}
	if (fake->prebacked)
		hvcma_granules_fill(&f->granules, 0, f->granules.nr);

	*out = &f->base;
	return 0;

destroy:
	fake_destroy(&f->base);
	return ret;
}

void hvcma_fake_inject(struct hvcma_provider *p, enum hvcma_fake_method method,
		       uint64_t nr, uint64_t count, int error)
{
	to_fake(p)->fault[method] = (struct fault){
		.skip = error ? nr : 0,
		.count = error ? count : 0,
		.error = error,
	};
}

int hvcma_fake_move(struct hvcma_provider *p, uint64_t granule, uint64_t hpa)
{
	struct fake *f = to_fake(p);
	int ret = hvcma_granules_may_locate(&f->granules, granule, 1, &p->error);

	if (ret)
		return ret;
	if (hpa % f->granules.bytes) {
		hvcma_error_set(&p->error, "region %s: %#" PRIx64
				" is not a multiple of the granule, %" PRIu64,
				f->granules.name, hpa, f->granules.bytes);
		return -EINVAL;
	}
	if (f->granules.state[granule] == HVCMA_GRANULE_PINNED) {
		hvcma_error_set(&p->error, "region %s: granule %" PRIu64 " is pinned, cannot move",
				f->granules.name, granule);
		return -EBUSY;
	}
	f->hpa[granule] = hpa;
	return 0;
}
