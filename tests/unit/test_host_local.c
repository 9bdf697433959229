// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local provider on real hugepages: what each method does to the pages, how it
 * fails, and that a pin is one: a pinned page neither moves nor goes, an
 * unpinned one does both (the control).
 *
 * check: alone
 * What is free in the pool must be free a moment later, too.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/host/pagemap.h"
#include "tests/unit/host_memory.h"

#include <pthread.h>

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25	/* Linux 6.1 */
#endif

static void expect_granules(struct hvcma_provider *p, uint64_t granule_bytes, uint64_t backed,
			    uint64_t pinned)
{
	struct hvcma_provider_stats stats;

	p->ops->stats(p, &stats);
	assert_int_equal(stats.backed_bytes / granule_bytes, backed);
	assert_int_equal(stats.pinned_bytes / granule_bytes, pinned);
}

/* The physical address of one byte, by the shortest way. */
static uint64_t physical(const void *address)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &entry, 8, (off_t)((uintptr_t)address / SMALL_BYTES * 8)), 8);
	close(fd);
	return (entry & ((UINT64_C(1) << 55) - 1)) * SMALL_BYTES;
}

static void backs_pins_locates_and_discards(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct memory m;
	uint64_t hpa[8], pinned_hpa[3];
	uint64_t i;

	(void)state;
	need_huge(8);
	m = huge_memory(8);
	config = config_of(&m);
	p = local_provider(&config);
	expect_granules(p, HUGE_BYTES, 0, 0);

	assert_int_equal(p->ops->back(p, 1, 5), 0);		/* . b b b b b . . */
	expect_granules(p, HUGE_BYTES, 5, 0);
	memset(m.base + 2 * HUGE_BYTES, 0x5a, HUGE_BYTES);
	assert_int_equal(p->ops->pin(p, 2, 3), 0);		/* . b P P P b . . */
	expect_granules(p, HUGE_BYTES, 5, 3);
	assert_int_equal(p->ops->hpa(p, 0, 8, hpa), 0);
	for (i = 0; i < 8; i++) {
		if (i < 1 || i > 5) {
			assert_int_equal(hpa[i], UINT64_MAX);
			continue;
		}
		assert_int_equal(hpa[i] % HUGE_BYTES, 0);
		assert_int_equal(hpa[i] + 7 * SMALL_BYTES,
				 physical(m.base + i * HUGE_BYTES + 7 * SMALL_BYTES));
	}
	memcpy(pinned_hpa, hpa + 2, sizeof(pinned_hpa));

	/* Refused, and nothing has changed. */
	assert_int_equal(p->ops->discard(p, 1, 2), -EBUSY);
	assert_int_equal(p->ops->pin(p, 1, 2), -EBUSY);
	assert_int_equal(p->ops->pin(p, 5, 2), -ENODATA);
	assert_int_equal(p->ops->unpin(p, 1, 2), -EINVAL);
	assert_int_equal(p->ops->back(p, 7, 2), -ERANGE);
	expect_granules(p, HUGE_BYTES, 5, 3);
	assert_int_equal(p->ops->back(p, 0, 8), 0);		/* b b P P P b b b */
	assert_int_equal(p->ops->hpa(p, 2, 3, hpa), 0);
	assert_memory_equal(hpa, pinned_hpa, sizeof(pinned_hpa));
	assert_int_equal(m.base[2 * HUGE_BYTES], 0x5a);

	assert_int_equal(p->ops->unpin(p, 2, 3), 0);
	expect_granules(p, HUGE_BYTES, 8, 0);
	assert_int_equal(p->ops->discard(p, 2, 6), 0);		/* b b . . . . . . */
	expect_granules(p, HUGE_BYTES, 2, 0);
	assert_int_equal(p->ops->hpa(p, 2, 1, hpa), 0);
	assert_int_equal(hpa[0], UINT64_MAX);
	assert_int_equal(p->ops->back(p, 2, 1), 0);
	assert_int_equal(m.base[2 * HUGE_BYTES], 0);		/* a new page */
	p->ops->destroy(p);
	memory_free(&m);
}

static void pages_that_are_there_already_count_as_backed(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct memory m;
	uint64_t hpa[4];

	(void)state;
	need_huge(4);
	m = huge_memory(4);
	m.base[0] = 1;
	m.base[3 * HUGE_BYTES] = 1;
	config = config_of(&m);
	p = local_provider(&config);
	expect_granules(p, HUGE_BYTES, 2, 0);			/* b . . b */
	assert_int_equal(p->ops->pin(p, 3, 1), 0);

	m.base[HUGE_BYTES] = 1;					/* touched later: b t . P */
	assert_int_equal(p->ops->hpa(p, 0, 4, hpa), 0);
	assert_int_equal(hpa[1], physical(m.base + HUGE_BYTES));
	expect_granules(p, HUGE_BYTES, 3, 1);
	p->ops->destroy(p);
	memory_free(&m);
}

static void a_region_may_begin_inside_its_file(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct memory m;

	(void)state;
	need_huge(4);
	m = huge_memory(4);
	m.base[0] = 1;
	m.base[2 * HUGE_BYTES] = 2;
	config = config_of(&m);
	config.base = m.base + 2 * HUGE_BYTES;
	config.bytes = 2 * HUGE_BYTES;
	config.fd_offset_bytes = 2 * HUGE_BYTES;
	p = local_provider(&config);
	expect_granules(p, HUGE_BYTES, 1, 0);
	assert_int_equal(p->ops->discard(p, 0, 2), 0);
	assert_int_equal(m.base[0], 1);
	assert_int_equal(m.base[2 * HUGE_BYTES], 0);
	p->ops->destroy(p);
	memory_free(&m);
}

static void granules_of_several_pages(void **state)
{
	const uint64_t granule = 16 * SMALL_BYTES;
	struct memory m = small_memory(4 * granule);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p;
	uint64_t hpa[4] = { 7, 7, 7, 7 };
	uint64_t i;

	(void)state;
	/* In an order in which no allocator gives consecutive pages. */
	for (i = 0; i < 16; i++)
		m.base[granule + (i * 7 % 16) * SMALL_BYTES] = 1;
	m.base[3 * granule] = 1;				/* . B . part */
	config.granule_bytes = granule;

	config.need_hpa = false;
	p = local_provider(&config);
	expect_granules(p, granule, 1, 0);
	assert_int_equal(p->ops->hpa(p, 0, 4, hpa), 0);
	assert_int_equal(hpa[0], UINT64_MAX);
	assert_int_equal(hpa[1], 0);				/* backed; nobody asked where */
	assert_int_equal(hpa[3], UINT64_MAX);
	assert_int_equal(p->ops->back(p, 0, 4), 0);
	assert_int_equal(m.base[3 * granule], 1);
	expect_granules(p, granule, 4, 0);
	assert_int_equal(p->ops->pin(p, 0, 4), 0);
	p->ops->destroy(p);

	config.need_hpa = true;
	p = local_provider(&config);
	assert_int_equal(p->ops->hpa(p, 1, 1, hpa), -EIO);
	assert_words(p->error.text, "granule 1 of 65536 bytes is not one run");
	p->ops->destroy(p);
	memory_free(&m);
}

/* Small granules, so that there are more of them than one ring has slots. */
static void pins_span_many_rings(void **state)
{
	const uint64_t nr = 5 * 512 + 100;
	struct memory m = small_memory(nr * SMALL_BYTES);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p = local_provider(&config);
	const int *fds;
	uint64_t i;

	(void)state;
	assert_int_equal(hvcma_provider_local_pin_fds(p, &fds), 6);
	for (i = 0; i < 6; i++)
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(p->ops->back(p, 0, nr), 0);
	assert_int_equal(p->ops->pin(p, 0, nr), 0);
	expect_granules(p, SMALL_BYTES, nr, nr);
	assert_int_equal(p->ops->unpin(p, 500, 600), 0);	/* over two borders */
	expect_granules(p, SMALL_BYTES, nr, nr - 600);
	assert_int_equal(p->ops->pin(p, 511, 2), 0);
	assert_int_equal(p->ops->unpin(p, 0, 500), 0);
	assert_int_equal(p->ops->unpin(p, 1100, nr - 1100), 0);
	expect_granules(p, SMALL_BYTES, nr, 2);
	assert_int_equal(p->ops->discard(p, 0, 511), 0);
	p->ops->destroy(p);
	memory_free(&m);
}

static void a_failed_back_is_undone(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct small_pool pool;
	struct memory m;

	(void)state;
	if (!small_pool_make(&pool, 4))
		skip_because("cannot mount a hugetlbfs of four pages");
	m = small_pool_memory(&pool, 8);
	config = config_of(&m);
	p = local_provider(&config);

	assert_int_equal(p->ops->back(p, 1, 1), 0);
	m.base[HUGE_BYTES] = 0x77;
	assert_int_equal(p->ops->pin(p, 1, 1), 0);
	m.base[6 * HUGE_BYTES] = 0x66;				/* . P . . . . t . */
	assert_int_equal(small_pool_used(&pool), 2);

	assert_int_equal(p->ops->back(p, 0, 8), -ENOMEM);	/* six more: room for two */
	assert_words(p->error.text, "region banka: the host is out of hugepages of 2097152 bytes");
	expect_granules(p, HUGE_BYTES, 2, 1);
	assert_int_equal(small_pool_used(&pool), 2);
	assert_int_equal(m.base[HUGE_BYTES], 0x77);
	assert_int_equal(m.base[6 * HUGE_BYTES], 0x66);

	assert_int_equal(p->ops->back(p, 2, 2), 0);		/* what there is, is had */
	assert_int_equal(p->ops->back(p, 4, 1), -ENOMEM);
	expect_granules(p, HUGE_BYTES, 4, 1);
	p->ops->destroy(p);
	memory_free(&m);
	assert_true(small_pool_settles(&pool, 0));
	small_pool_free(&pool);
}

/* By a thread that knows no provider: what it has done, or not, is found there. */
static void populated_memory_is_found(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct small_pool pool;
	struct memory m;

	(void)state;
	if (!small_pool_make(&pool, 4))
		skip_because("cannot mount a hugetlbfs of four pages");
	m = small_pool_memory(&pool, 8);
	config = config_of(&m);
	p = local_provider(&config);

	assert_int_equal(hvcma_populate(m.base, 2 * HUGE_BYTES), 0);
	assert_int_equal(small_pool_used(&pool), 2);
	assert_int_equal(p->ops->back(p, 0, 2), 0);
	expect_granules(p, HUGE_BYTES, 2, 0);

	assert_true(hvcma_populate(m.base + 2 * HUGE_BYTES, 4 * HUGE_BYTES) < 0);
	assert_int_equal(small_pool_used(&pool), 4);		/* as far as it got */
	assert_int_equal(p->ops->discard(p, 2, 4), 0);
	assert_int_equal(small_pool_used(&pool), 2);
	expect_granules(p, HUGE_BYTES, 2, 0);
	p->ops->destroy(p);
	memory_free(&m);
	assert_true(small_pool_settles(&pool, 0));
	small_pool_free(&pool);
}

static void without_a_file_a_failed_back_is_reported(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct small_pool pool;
	struct memory m;

	(void)state;
	if (!small_pool_make(&pool, 4))
		skip_because("cannot mount a hugetlbfs of four pages");
	m = small_pool_memory(&pool, 8);
	config = config_of(&m);
	config.fd = -1;
	p = local_provider(&config);
	assert_int_equal(p->ops->back(p, 0, 8), -ENOMEM);
	expect_granules(p, HUGE_BYTES, 4, 0);			/* the truth */
	assert_int_equal(small_pool_used(&pool), 4);
	assert_int_equal(p->ops->discard(p, 0, 4), -EOPNOTSUPP);
	assert_words(p->error.text, "no file");
	p->ops->destroy(p);
	memory_free(&m);
	small_pool_free(&pool);
}

static void an_empty_pool_is_an_error_not_a_signal(void **state)
{
	const uint64_t gib = UINT64_C(1) << 30;
	struct hvcma_provider_config config;
	struct hvcma_hugepages pool;
	struct hvcma_provider *p;
	struct memory m = { .bytes = 2 * gib, .page_bytes = gib };
	char *space;

	(void)state;
	if (hvcma_hugepages_read(gib, &pool) || pool.free || pool.surplus_limit)
		skip_because("no empty pool of 1 GiB pages on this machine");
	m.fd = memfd_create("hvcma-test", MFD_CLOEXEC | MFD_HUGETLB | (30u << MFD_HUGE_SHIFT));
	assert_true(m.fd >= 0);
	assert_int_equal(ftruncate(m.fd, (off_t)m.bytes), 0);
	space = mmap(NULL, m.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m.fd, 0);
	assert_true(space != MAP_FAILED);
	m.base = space;
	config = config_of(&m);
	p = local_provider(&config);
	assert_int_equal(p->ops->back(p, 0, 2), -ENOMEM);
	assert_words(p->error.text, "of 1073741824 bytes: up to 2 wanted; the pool has 0");
	expect_granules(p, gib, 0, 0);
	p->ops->destroy(p);
	memory_free(&m);
}

static void a_file_that_cannot_be_punched(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct memory m;

	(void)state;
	need_huge(2);
	m = huge_memory(2);
	assert_int_equal(fcntl(m.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	config = config_of(&m);
	p = local_provider(&config);
	assert_int_equal(p->ops->back(p, 0, 2), 0);
	assert_int_equal(p->ops->discard(p, 1, 1), -EIO);
	assert_words(p->error.text, "hole at granule 1");
	expect_granules(p, HUGE_BYTES, 2, 0);
	p->ops->destroy(p);
	memory_free(&m);
}

static void memory_that_cannot_be_written(void **state)
{
	struct memory m = small_memory(4 * SMALL_BYTES);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p = local_provider(&config);

	(void)state;
	assert_int_equal(mprotect(m.base, m.bytes, PROT_READ), 0);
	assert_int_equal(p->ops->back(p, 0, 4), -EOPNOTSUPP);
	assert_words(p->error.text, "cannot populate");
	p->ops->destroy(p);
	memory_free(&m);
}

static void a_pin_that_fails_half_way_is_undone(void **state)
{
	struct memory m = small_memory(1000 * SMALL_BYTES);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p = local_provider(&config);

	(void)state;
	assert_int_equal(p->ops->back(p, 0, 1000), 0);
	munmap(m.base + 700 * SMALL_BYTES, SMALL_BYTES);	/* in the second ring */
	assert_int_equal(p->ops->pin(p, 100, 900), -EIO);
	assert_words(p->error.text, "refuses to pin");
	expect_granules(p, SMALL_BYTES, 1000, 0);
	assert_int_equal(p->ops->pin(p, 0, 700), 0);		/* no slot was left taken */
	assert_int_equal(p->ops->pin(p, 701, 299), 0);
	p->ops->destroy(p);
	memory_free(&m);
}

static void pages_that_others_take_away_are_noticed(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct memory m;
	uint64_t hpa[3];

	(void)state;
	need_huge(3);
	m = huge_memory(3);
	config = config_of(&m);
	p = local_provider(&config);
	assert_int_equal(p->ops->back(p, 0, 3), 0);
	assert_int_equal(p->ops->pin(p, 2, 1), 0);
	assert_int_equal(fallocate(m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE_BYTES,
				   2 * HUGE_BYTES), 0);		/* b - P- */
	assert_int_equal(p->ops->hpa(p, 0, 2, hpa), 0);
	assert_int_equal(hpa[1], UINT64_MAX);
	expect_granules(p, HUGE_BYTES, 2, 1);
	assert_int_equal(p->ops->hpa(p, 0, 3, hpa), -EIO);
	assert_words(p->error.text, "granule 2 is pinned, but no longer mapped");
	p->ops->destroy(p);
	memory_free(&m);
}

static long voluntary_switches(void)
{
	struct rusage use;

	assert_int_equal(getrusage(RUSAGE_THREAD, &use), 0);
	return use.ru_nvcsw;
}

/* Only a page that is pinned is sure to come back soon. */
static void only_pinned_pages_are_waited_for(void **state)
{
	struct memory m = small_memory(8 * SMALL_BYTES);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p = local_provider(&config);
	uint64_t hpa[8];
	long before;

	(void)state;
	assert_int_equal(p->ops->back(p, 0, 8), 0);
	assert_int_equal(fallocate(m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, (off_t)(4 * SMALL_BYTES)), 0);
	before = voluntary_switches();
	assert_int_equal(p->ops->hpa(p, 0, 8, hpa), 0);
	assert_true(voluntary_switches() - before < 10);
	assert_true(hpa[0] == HVCMA_HPA_ABSENT && hpa[4] < HVCMA_HPA_SWAPPED);

	assert_int_equal(p->ops->pin(p, 4, 1), 0);		/* control */
	assert_int_equal(madvise(m.base + 4 * SMALL_BYTES, SMALL_BYTES, MADV_DONTNEED), 0);
	before = voluntary_switches();
	assert_int_equal(p->ops->hpa(p, 4, 1, hpa), -EIO);
	assert_true(voluntary_switches() - before >= 40);
	p->ops->destroy(p);
	memory_free(&m);
}

/*
 * Shared memory in swap has no entry in the page table, as if it were unmapped
 * with its contents in the file: not to be lost when a granule beside it can't
 * be backed, because the file is too short.
 *
 *	granule	  0 1 2 | 3		k: contents, not mapped
 *		  . k . | (no file)
 */
static void contents_that_are_not_mapped_are_kept(void **state)
{
	struct memory m = small_memory(4 * SMALL_BYTES);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p = local_provider(&config);
	uint64_t hpa[4];

	(void)state;
	m.base[SMALL_BYTES] = 0x5a;
	assert_int_equal(madvise(m.base, m.bytes, MADV_DONTNEED), 0);
	assert_int_equal(ftruncate(m.fd, (off_t)(3 * SMALL_BYTES)), 0);
	assert_int_equal(p->ops->look(p, 0, 3, hpa), 0);
	assert_true(hpa[0] == HVCMA_HPA_ABSENT);
	assert_true(hpa[1] == HVCMA_HPA_SWAPPED);
	assert_int_equal(p->ops->hpa(p, 1, 1, hpa), 0);
	assert_true(hpa[0] == HVCMA_HPA_ABSENT);		/* it has no address */

	assert_int_equal(p->ops->back(p, 0, 4), -ENOMEM);
	assert_int_equal(p->ops->look(p, 0, 3, hpa), 0);
	assert_true(hpa[0] == HVCMA_HPA_ABSENT);		/* undone */
	assert_int_equal(m.base[SMALL_BYTES], 0x5a);

	assert_int_equal(madvise(m.base, m.bytes, MADV_DONTNEED), 0);
	assert_int_equal(p->ops->back(p, 0, 3), 0);
	assert_int_equal(p->ops->hpa(p, 0, 3, hpa), 0);
	assert_true(hpa[1] < HVCMA_HPA_SWAPPED);
	assert_int_equal(m.base[SMALL_BYTES], 0x5a);
	p->ops->destroy(p);
	memory_free(&m);
}

/* A look tells what others did, and the provider is none the wiser. */
static void a_look_changes_nothing(void **state)
{
	struct memory m = small_memory(4 * SMALL_BYTES);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p = local_provider(&config);
	uint64_t hpa[4];

	(void)state;
	m.base[0] = 1;
	expect_granules(p, SMALL_BYTES, 0, 0);
	assert_int_equal(p->ops->look(p, 0, 4, hpa), 0);
	assert_int_equal(hpa[0], physical(m.base));
	assert_true(hpa[1] == HVCMA_HPA_ABSENT);
	expect_granules(p, SMALL_BYTES, 0, 0);
	assert_int_equal(p->ops->look(p, 1, 4, hpa), -ERANGE);
	assert_int_equal(p->ops->hpa(p, 0, 4, hpa), 0);		/* control */
	expect_granules(p, SMALL_BYTES, 1, 0);
	p->ops->destroy(p);
	memory_free(&m);
}

/*
 * Bits 63 and 62 of an entry, in a pagemap that is made up. Granules of two
 * pages: P present, s swapped, . neither.
 *
 *	granule	  0   1   2   3   4
 *		  PP  Ps  sP  s.  ..
 */
static void swapped_is_warned_from_absent(void **state)
{
	static const uint64_t present = UINT64_C(1) << 63, swapped = UINT64_C(1) << 62;
	const uint64_t entries[] = {
		present | 5, present | 6, present | 9, swapped | 0x3e, swapped | 0x3e, present | 9,
		swapped, 0, 0, 0,
	};
	struct hvcma_pagemap pm = {
		.fd = memfd_create("pagemap", MFD_CLOEXEC), .has_hpa = true,
		.entry_bytes = SMALL_BYTES,
	};
	uint64_t hpa[5];

	(void)state;
	assert_int_equal(pwrite(pm.fd, entries, sizeof(entries), 0), sizeof(entries));
	assert_int_equal(hvcma_pagemap_locate(&pm, NULL, 2 * SMALL_BYTES, SMALL_BYTES, 5, hpa), 0);
	assert_int_equal(hpa[0], 5 * SMALL_BYTES);
	assert_true(hpa[1] == HVCMA_HPA_SWAPPED);
	assert_true(hpa[2] == HVCMA_HPA_SWAPPED);
	assert_true(hpa[3] == HVCMA_HPA_ABSENT);
	assert_true(hpa[4] == HVCMA_HPA_ABSENT);
	close(pm.fd);
}

/*
 * The pages of a dead file: the pinned one is held, the other goes back to the
 * pool at once; destroying the provider lets go of it although another
 * descriptor of the ring is open.
 */
static void a_pinned_page_outlives_its_file_until_unpinned(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct small_pool pool;
	struct memory m;
	const int *fds;
	int copy;

	(void)state;
	if (!small_pool_make(&pool, 4))
		skip_because("cannot mount a hugetlbfs of four pages");
	m = small_pool_memory(&pool, 4);
	config = config_of(&m);
	p = local_provider(&config);
	assert_int_equal(p->ops->back(p, 0, 4), 0);
	assert_int_equal(p->ops->pin(p, 0, 3), 0);
	assert_int_equal(p->ops->unpin(p, 1, 1), 0);		/* P b P b */
	memory_free(&m);
	assert_true(small_pool_settles(&pool, 2));
	usleep(100000);
	assert_int_equal(small_pool_used(&pool), 2);

	assert_int_equal(p->ops->unpin(p, 2, 1), 0);
	assert_true(small_pool_settles(&pool, 1));
	assert_int_equal(hvcma_provider_local_pin_fds(p, &fds), 1);
	copy = dup(fds[0]);
	p->ops->destroy(p);
	assert_true(small_pool_settles(&pool, 0));
	close(copy);
	small_pool_free(&pool);
}

/* The kernel is asked to take a page out of use: it must move what is there. */
static void soft_offline_moves_only_unpinned_hugepages(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
	struct memory m;
	uint64_t before[2], after[2];

	(void)state;
	need_huge(8);
	m = huge_memory(2);
	if (madvise(m.base, SMALL_BYTES, MADV_SOFT_OFFLINE) && errno == EINVAL) {
		memory_free(&m);
		skip_because("this kernel has no CONFIG_MEMORY_FAILURE");
	}
	config = config_of(&m);
	p = local_provider(&config);
	assert_int_equal(p->ops->back(p, 0, 2), 0);
	assert_int_equal(p->ops->pin(p, 0, 1), 0);
	memset(m.base, 0x11, 2 * HUGE_BYTES);
	assert_int_equal(p->ops->hpa(p, 0, 2, before), 0);

	assert_int_not_equal(madvise(m.base, SMALL_BYTES, MADV_SOFT_OFFLINE), 0);
	assert_int_equal(madvise(m.base + HUGE_BYTES, SMALL_BYTES, MADV_SOFT_OFFLINE), 0);
	assert_int_equal(m.base[HUGE_BYTES], 0x11);		/* moved, not lost */
	assert_int_equal(p->ops->hpa(p, 0, 2, after), 0);
	assert_int_equal(after[0], before[0]);
	assert_int_not_equal(after[1], before[1]);
	p->ops->destroy(p);
	memory_free(&m);
}

/* Small pages are to become a huge one: the kernel copies them to another place. */
static void collapse_moves_only_unpinned_pages(void **state)
{
	const uint64_t nr = HUGE_BYTES / SMALL_BYTES, pinned = 5;
	struct memory m = small_memory(2 * HUGE_BYTES);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p;
	uint64_t before[2], after[2];
	int i;

	(void)state;
	p = local_provider(&config);
	assert_int_equal(p->ops->back(p, 0, 2 * nr), 0);
	assert_int_equal(p->ops->pin(p, pinned, 1), 0);
	memset(m.base, 0x11, 2 * HUGE_BYTES);
	assert_int_equal(p->ops->hpa(p, pinned, 1, &before[0]), 0);
	assert_int_equal(p->ops->hpa(p, nr + pinned, 1, &before[1]), 0);

	if (madvise(m.base + HUGE_BYTES, HUGE_BYTES, MADV_COLLAPSE)) {
		p->ops->destroy(p);
		memory_free(&m);
		skip_because("this kernel does not collapse shared memory: %s", strerror(errno));
	}
	assert_int_not_equal(madvise(m.base, HUGE_BYTES, MADV_COLLAPSE), 0);
	assert_int_equal(m.base[HUGE_BYTES + pinned * SMALL_BYTES], 0x11);
	assert_int_equal(p->ops->back(p, 0, 2 * nr), 0);	/* collapsing unmaps */
	assert_int_equal(p->ops->hpa(p, pinned, 1, &after[0]), 0);
	assert_int_equal(p->ops->hpa(p, nr + pinned, 1, &after[1]), 0);
	assert_int_equal(after[0], before[0]);
	assert_int_not_equal(after[1], before[1]);

	assert_int_equal(p->ops->unpin(p, pinned, 1), 0);	/* and now it goes, too */
	for (i = 0; i < 300 && madvise(m.base, HUGE_BYTES, MADV_COLLAPSE); i++)
		usleep(10000);					/* Linux 6.1 takes its time */
	assert_int_not_equal(i, 300);
	m.base[pinned * SMALL_BYTES] = 1;
	assert_int_not_equal(physical(m.base + pinned * SMALL_BYTES), before[0]);
	p->ops->destroy(p);
	memory_free(&m);
}

static void *use_a_provider(void *arg)
{
	struct hvcma_provider_config *config = arg;
	struct hvcma_provider *p = NULL;
	struct hvcma_error err;
	uint64_t nr = config->bytes / config->granule_bytes;
	int i;

	if (hvcma_provider_local_create(config, &p, &err))
		return (void *)"create";
	for (i = 0; i < 200; i++) {
		if (p->ops->back(p, 0, nr) || p->ops->pin(p, 0, nr) || p->ops->unpin(p, 0, nr) ||
		    p->ops->discard(p, 0, nr))
			return (void *)"method";
	}
	p->ops->destroy(p);
	return NULL;
}

static void providers_in_several_threads_are_independent(void **state)
{
	struct hvcma_provider_config config[4];
	struct memory m[4];
	pthread_t thread[4];
	void *failed;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		m[i] = small_memory(64 * SMALL_BYTES);
		config[i] = config_of(&m[i]);
		config[i].need_hpa = false;
		assert_int_equal(pthread_create(&thread[i], NULL, use_a_provider, &config[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(thread[i], &failed), 0);
		if (failed)
			fail_msg("%s failed", (char *)failed);
		memory_free(&m[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backs_pins_locates_and_discards),
		cmocka_unit_test(pages_that_are_there_already_count_as_backed),
		cmocka_unit_test(a_region_may_begin_inside_its_file),
		cmocka_unit_test(granules_of_several_pages),
		cmocka_unit_test(pins_span_many_rings),
		cmocka_unit_test(a_failed_back_is_undone),
		cmocka_unit_test(populated_memory_is_found),
		cmocka_unit_test(without_a_file_a_failed_back_is_reported),
		cmocka_unit_test(an_empty_pool_is_an_error_not_a_signal),
		cmocka_unit_test(a_file_that_cannot_be_punched),
		cmocka_unit_test(memory_that_cannot_be_written),
		cmocka_unit_test(a_pin_that_fails_half_way_is_undone),
		cmocka_unit_test(pages_that_others_take_away_are_noticed),
		cmocka_unit_test(only_pinned_pages_are_waited_for),
		cmocka_unit_test(contents_that_are_not_mapped_are_kept),
		cmocka_unit_test(a_look_changes_nothing),
		cmocka_unit_test(swapped_is_warned_from_absent),
		cmocka_unit_test(a_pinned_page_outlives_its_file_until_unpinned),
		cmocka_unit_test(soft_offline_moves_only_unpinned_hugepages),
		cmocka_unit_test(collapse_moves_only_unpinned_pages),
		cmocka_unit_test(providers_in_several_threads_are_independent),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
