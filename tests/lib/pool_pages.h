/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole of the kernel's pool of 2 MiB pages, in a test's hands, and a little more: what is
 * given back of it is what is found, so that the test says how the pool is fragmented. By
 * addresses that the kernel tells. Needs root, and nobody who uses hugepages beside: it waits a
 * minute for that.
 */
#ifndef TESTS_LIB_POOL_PAGES_H
#define TESTS_LIB_POOL_PAGES_H

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/host/hugepages.h"
#include "hv/host/pagemap.h"
#include "tests/lib/pool_lock.h"

#define POOL_PAGE	(UINT64_C(2) << 20)
#define POOL_WAIT_S	60		/* for others to end */
#define POOL_FOLDER	"/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define POOL_GIGANTIC	"/sys/kernel/mm/hugepages/hugepages-1048576kB/"
#define POOL_GIGANTIC_NR	UINT64_C(512)	/* pages in a gigantic one */
#define POOL_MORE_AT_FIRST	96
#define POOL_MORE_AT_MOST	1536

struct pool_page {
	uint64_t hpa;
	uint64_t at;			/* in the file */
};

struct pool_pages {
	int lock, fd;
	char *base;
	uint64_t most;
	uint64_t nr;
	struct pool_page *page;		/* in order of addresses */
	uint64_t pool_before, surplus_before;
};

static inline bool pool_write_to(const char *folder, const char *name, uint64_t value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", folder, name);
	f = fopen(path, "we");
	if (!f)
		return false;
	fprintf(f, "%" PRIu64, value);
	return !fclose(f);
}

static inline bool pool_write(const char *name, uint64_t value)
{
	return pool_write_to(POOL_FOLDER, name, value);
}

static inline int pool_page_order(const void *a, const void *b)
{
	const struct pool_page *p = a, *q = b;

	return (p->hpa > q->hpa) - (p->hpa < q->hpa);
}

/* A file of hugepages that are promised to nobody. Return: its mapping, or NULL. */
static inline char *pool_file(uint64_t nr, int *fd)
{
	char *base;

	*fd = memfd_create("hvcma-pool", MFD_CLOEXEC | MFD_HUGETLB | (21u << MFD_HUGE_SHIFT));
	if (*fd < 0)
		return NULL;
	base = ftruncate(*fd, (off_t)(nr * POOL_PAGE)) ? MAP_FAILED :
	       mmap(NULL, nr * POOL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
	if (base != MAP_FAILED)
		return base;
	close(*fd);
	return NULL;
}

static inline void pool_file_end(char *base, uint64_t nr, int fd)
{
	munmap(base, nr * POOL_PAGE);
	close(fd);
}

/** pool_addresses() - where @nr pages at @base are; @hpa: out. */
static inline bool pool_addresses(const void *base, uint64_t nr, uint64_t *hpa)
{
	struct hvcma_pagemap pagemap;
	bool ok;

	if (hvcma_pagemap_open(&pagemap, NULL))
		return false;
	ok = !hvcma_pagemap_locate(&pagemap, base, POOL_PAGE, POOL_PAGE, nr, hpa);
	hvcma_pagemap_close(&pagemap);
	return ok;
}

/** pool_pages_end() - the pool is what it was. */
static inline void pool_pages_end(struct pool_pages *p)
{
	if (p->base)
		pool_file_end(p->base, p->most, p->fd);
	free(p->page);
	pool_write("nr_overcommit_hugepages", p->surplus_before);
	pool_write("nr_hugepages", p->pool_before);
	pool_unlock(p->lock);
}

/* All that are there and free, up to @most. */
static inline bool pool_pages_fill(struct pool_pages *p)
{
	p->nr = 0;
	for (uint64_t i = 0; i < p->most; i++) {
		uint64_t hpa;

		if (hvcma_populate(p->base + i * POOL_PAGE, POOL_PAGE))
			continue;
		if (!pool_addresses(p->base + i * POOL_PAGE, 1, &hpa))
			return false;
		p->page[p->nr++] = (struct pool_page){ .hpa = hpa, .at = i };
	}
	qsort(p->page, p->nr, sizeof(*p->page), pool_page_order);
	return true;
}

/* Has another test, by tests/lib/hugepages.sh, been promised pages that it has yet to take? */
static inline bool pool_is_claimed(void)
{
	DIR *claims = opendir("/tmp/hvcma-hugepages-2048");
	const struct dirent *claim;
	bool found = false;

	while (claims && !found && (claim = readdir(claims))) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%.20s", claim->d_name);
		found = claim->d_name[0] != '.' && !access(path, F_OK);
	}
	if (claims)
		closedir(claims);
	return found;
}

/*
 * With the lock, once nobody else has a page: what others give back would be found, too, and what
 * they are about to take would be missing. Return: false if that does not come about.
 */
static inline bool pool_lock_idle(int *lock, struct hvcma_hugepages *pool)
{
	for (int i = 0; i < POOL_WAIT_S; i++) {
		*lock = pool_lock();
		if (!hvcma_hugepages_read(POOL_PAGE, pool) && pool->free == pool->total && !pool->reserved &&
		    !pool_is_claimed())
			return true;
		pool_unlock(*lock);
		sleep(1);
	}
	printf("# skipped: the pool is in use: of %" PRIu64 " hugepages %" PRIu64 " are free, and %" PRIu64 " of these promised%s\n",
	       pool->total, pool->free, pool->reserved, pool_is_claimed() ? ", and a test is about to take some" : "");
	return false;
}

/*
 * The pool gets the pages of a gigantic one, which are a run, wherever those in the kernel's lists
 * lie: it moves what is in their way.
 */
static inline bool pool_grow_by_gigantic(void)
{
	struct hvcma_hugepages gigantic, after;
	bool ok;

	if (hvcma_hugepages_read(POOL_PAGE * POOL_GIGANTIC_NR, &gigantic) ||
	    !pool_write_to(POOL_GIGANTIC, "nr_hugepages", gigantic.total + 1))
		return false;
	ok = !hvcma_hugepages_read(POOL_PAGE * POOL_GIGANTIC_NR, &after) &&
	     after.total == gigantic.total + 1 && pool_write_to(POOL_GIGANTIC, "demote", 1);
	if (!ok)
		pool_write_to(POOL_GIGANTIC, "nr_hugepages", gigantic.total);
	return ok;
}

/* @more of the kernel's lists, or the pages of a gigantic one. */
static inline bool pool_pages_take_by(struct pool_pages *p, uint64_t more, bool gigantic)
{
	uint64_t nr = gigantic ? POOL_GIGANTIC_NR : more;
	struct hvcma_hugepages pool;

	*p = (struct pool_pages){ .fd = -1 };
	if (!pool_lock_idle(&p->lock, &pool))
		return false;
	p->pool_before = pool.total;
	p->surplus_before = pool.surplus_limit;
	p->most = pool.free + nr;
	p->page = calloc(p->most, sizeof(*p->page));
	p->base = pool_file(p->most, &p->fd);
	if (p->page && p->base && pool_write("nr_overcommit_hugepages", 0) &&
	    (gigantic ? pool_grow_by_gigantic() : pool_write("nr_hugepages", p->pool_before + more)) && pool_pages_fill(p) &&
	    p->nr >= nr)
		return true;
	pool_pages_end(p);
	return false;
}

/** pool_pages_take() - all that is free, and @more. Return: true, or nothing is changed. */
static inline bool pool_pages_take(struct pool_pages *p, uint64_t more)
{
	return pool_pages_take_by(p, more, false);
}

/** pool_pages_give() - the @i-th page by address is the next that the pool gives out. */
static inline bool pool_pages_give(struct pool_pages *p, uint64_t i)
{
	return !fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)(p->page[i].at * POOL_PAGE), POOL_PAGE);
}

/** pool_pages_run() - the first of @nr pages that are a run, or p->nr. */
static inline uint64_t pool_pages_run(const struct pool_pages *p, uint64_t nr)
{
	uint64_t first = 0;

	for (uint64_t i = 0; i < p->nr; i++) {
		if (i && p->page[i].hpa - p->page[i - 1].hpa != POOL_PAGE)
			first = i;
		if (i - first + 1 == nr)
			return first;
	}
	return p->nr;
}

/** pool_pages_take_run() - all that is free, and more, so that @nr of them are a run. Return: as above. */
static inline bool pool_pages_take_run(struct pool_pages *p, uint64_t nr)
{
	for (uint64_t more = POOL_MORE_AT_FIRST; ; more *= 2) {
		bool gigantic = more > POOL_MORE_AT_MOST;

		if (!pool_pages_take_by(p, more, gigantic))
			break;
		if (pool_pages_run(p, nr) < p->nr)
			return true;
		printf("# no run of %" PRIu64 " hugepages among %" PRIu64 "%s\n", nr, p->nr, gigantic ? ", with those of a gigantic one" : "");
		pool_pages_end(p);
		if (gigantic)
			break;
	}
	p->nr = 0;
	return false;
}

#endif /* TESTS_LIB_POOL_PAGES_H */
