// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages below an address for what has pages: see low_hugepages.h. What a pool takes back last
 * it gives out first, so a page goes from one mapping to another by being given back just
 * before the other has none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/host/hugepages.h"
#include "hv/host/low_hugepages.h"
#include "hv/host/pagemap.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

struct swap {
	int fd;
	uint64_t offset_bytes, page_bytes, limit;
	char *base;
	struct hvcma_pagemap pagemap;
	struct hvcma_error *err;
};

static int is_low(struct swap *s, const char *at, bool *low)
{
	uint64_t hpa;
	int ret = hvcma_pagemap_locate(&s->pagemap, at, s->page_bytes, s->page_bytes, 1, &hpa);

	if (ret) {
		hvcma_error_set(s->err, "cannot read /proc/self/pagemap: %s", strerror(-ret));
		return -EIO;
	}
	*low = hpa < HVCMA_HPA_SWAPPED && hpa < s->limit && s->limit - hpa >= s->page_bytes;
	return 0;
}

static int fill(struct swap *s, uint64_t granule)
{
	struct hvcma_hugepages pool = { 0 };
	int ret = hvcma_populate(s->base + granule * s->page_bytes, s->page_bytes);

	if (!ret)
		return 0;
	hvcma_hugepages_read(s->page_bytes, &pool);
	hvcma_error_set(s->err, "the host is out of hugepages of %" PRIu64 " bytes for granule %" PRIu64
			": the pool has %" PRIu64 ", %" PRIu64 " free, of which %" PRIu64 " reserved: %s",
			s->page_bytes, granule, pool.total, pool.free, pool.reserved, strerror(-ret));
	return -ENOMEM;
}

/* The granule's page goes, then @low comes back and is what the granule gets. */
static int move_to(struct swap *s, uint64_t granule, char *low)
{
	if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(s->offset_bytes + granule * s->page_bytes), (off_t)s->page_bytes)) {
		hvcma_error_set(s->err, "cannot punch a hole at granule %" PRIu64 ": %s", granule,
				strerror(errno));
		return -EIO;
	}
	munmap(low, s->page_bytes);
	return fill(s, granule);
}

/* The next granule from @granule on that is not low, or @nr. */
static int next_high(struct swap *s, uint64_t *granule, uint64_t nr)
{
	bool low = true;
	int ret = 0;

	while (*granule < nr) {
		ret = fill(s, *granule);
		if (!ret)
			ret = is_low(s, s->base + *granule * s->page_bytes, &low);
		if (ret || !low)
			break;
		++*granule;
	}
	return ret;
}

/* Takes pages of the pool until there is one for each granule, or no more. */
static int search(struct swap *s, uint64_t nr, char *spare, uint64_t nr_spare)
{
	uint64_t granule = 0, i;
	int ret = next_high(s, &granule, nr);

	for (i = 0; i < nr_spare && granule < nr && !ret; i++) {
		char *at = spare + i * s->page_bytes;
		bool low;

		if (hvcma_populate(at, s->page_bytes))
			break;
		ret = is_low(s, at, &low);
		if (ret || !low)
			continue;
		ret = move_to(s, granule++, at);
		if (!ret)
			ret = next_high(s, &granule, nr);
	}
	/* those that nothing was found for have to be there, too */
	for (; granule < nr && !ret; granule++)
		ret = fill(s, granule);
	return ret;
}

static int count(struct swap *s, uint64_t nr, uint64_t *nr_low)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < nr; i++) {
		bool low;
		int ret = is_low(s, s->base + i * s->page_bytes, &low);

		if (ret)
			return ret;
		sum += low;
	}
	*nr_low = sum;
	return 0;
}

int hvcma_low_hugepages_swap(int fd, uint64_t offset_bytes, void *base, uint64_t page_bytes,
			     uint64_t nr, uint64_t limit, uint64_t *nr_low, struct hvcma_error *err)
{
	struct swap s = {
		.fd = fd, .offset_bytes = offset_bytes, .page_bytes = page_bytes, .limit = limit,
		.base = base, .err = err,
	};
	struct hvcma_hugepages pool = { 0 };
	char *spare;
	int ret = hvcma_pagemap_open(&s.pagemap, err);

	if (ret)
		return ret;
	hvcma_hugepages_read(page_bytes, &pool);
	pool.free += !pool.free;		/* a mapping is not empty */
	spare = mmap(NULL, pool.free * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_HUGETLB | MAP_NORESERVE | (__builtin_ctzll(page_bytes) << MAP_HUGE_SHIFT), -1, 0);
	if (spare == MAP_FAILED) {
		hvcma_error_set(err, "cannot map hugepages of %" PRIu64 " bytes: %s", page_bytes, strerror(errno));
		ret = -ENOMEM;
	} else {
		ret = search(&s, nr, spare, pool.free);
		munmap(spare, pool.free * page_bytes);
	}
	if (!ret)
		ret = count(&s, nr, nr_low);
	hvcma_pagemap_close(&s.pagemap);
	return ret;
}
