// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * More hugepages below an address: see low_hugepages.h.
 */
#define _GNU_SOURCE
#include "hv/host/low_hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/host/hugepages.h"
#include "hv/host/pagemap.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

#define STEP_BYTES	(UINT64_C(1) << 30)
/* Pages that are looked at beyond those wanted before it is given up. */
#define MORE_PAGES	512

enum { GUARD_END, GUARD_PARENT };

struct maker {
	const struct hvcma_low_request *r;
	struct hvcma_low_result out;
	struct hvcma_error *err;
	struct hvcma_pagemap pagemap;
	int pool_fd;			/* nr_hugepages; locked */
	int guard_fd;
	pid_t guard;
	char *base;			/* pages that were taken, and some that are not there */
	uint64_t taken;
	bool *low;			/* of each */
};

/* ---- the pool ---- */

static void pool_path(uint64_t page_bytes, char *path, size_t bytes)
{
	snprintf(path, bytes, "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
		 page_bytes / 1024);
}

static int write_pool(int fd, uint64_t nr)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRIu64, nr);

	return pwrite(fd, text, (size_t)len, 0) == len ? 0 : -errno;
}

static int pool_failed(struct maker *m, int ret, const char *what)
{
	char path[96];

	pool_path(m->r->page_bytes, path, sizeof(path));
	hvcma_error_set(m->err, "%s: %s: %s", path, what, strerror(-ret));
	return ret;
}

static int pool_size(struct maker *m, uint64_t *nr)
{
	struct hvcma_hugepages pool;
	int ret = hvcma_hugepages_read(m->r->page_bytes, &pool);

	if (ret)
		return pool_failed(m, ret, "can't be read");
	*nr = pool.total;
	return 0;
}

/* The kernel takes what it finds; @nr: in and out. */
static int set_pool(struct maker *m, uint64_t *nr)
{
	int ret = write_pool(m->pool_fd, *nr);

	if (ret)
		return pool_failed(m, ret, "can't be written");
	ret = pool_size(m, nr);
	if (!ret && *nr > m->out.pool_most)
		m->out.pool_most = *nr;
	return ret;
}

static int open_pool(struct maker *m)
{
	char path[96];

	pool_path(m->r->page_bytes, path, sizeof(path));
	m->pool_fd = open(path, O_RDWR | O_CLOEXEC);
	if (m->pool_fd < 0)
		return pool_failed(m, -errno, "can't be opened");
	if (flock(m->pool_fd, LOCK_EX | LOCK_NB))
		return pool_failed(m, -EBUSY, "another is at it");
	return pool_size(m, &m->out.pool_before);
}

/* ---- the guard ---- */

/*
 * A child that outlives whatever ends this process, unless it is told that all is well. Pages
 * that the dead still has become surplus, which go when it lets go of them.
 */
static void stand_guard(int told, int pool_fd, uint64_t nr)
{
	char word;
	ssize_t n;

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	do
		n = read(told, &word, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 || !write_pool(pool_fd, nr) ? 0 : 1);
}

static int start_guard(struct maker *m)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return pool_failed(m, -errno, "no pipe to its guard");
	m->guard = fork();
	if (m->guard < 0) {
		int ret = -errno;

		close(ends[GUARD_END]);
		close(ends[GUARD_PARENT]);
		return pool_failed(m, ret, "no process to guard it");
	}
	if (!m->guard) {
		close(ends[GUARD_PARENT]);
		stand_guard(ends[GUARD_END], m->pool_fd, m->out.pool_before);
	}
	close(ends[GUARD_END]);
	m->guard_fd = ends[GUARD_PARENT];
	return 0;
}

/* The pool is what it is to be, unless @is_well is false: then the guard sees to it. */
static void end_guard(struct maker *m, bool is_well)
{
	if (m->guard_fd < 0)
		return;
	while (is_well && write(m->guard_fd, "", 1) < 0 && errno == EINTR)
		;
	close(m->guard_fd);
	while (waitpid(m->guard, NULL, 0) < 0 && errno == EINTR)
		;
}

/* ---- memory ---- */

/* "MemAvailable: 123 kB"; 0 if it is not told. */
static uint64_t available_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f) && !sscanf(line, "MemAvailable: %" SCNu64, &kib))
		;
	if (f)
		fclose(f);
	return kib * 1024;
}

/*
 * Free pages in zones that lie below the limit as a whole; false: there are none, or no other.
 * In /proc/zoneinfo a zone has "pages free", later "spanned", at last "start_pfn:".
 */
static bool low_zones(uint64_t limit, uint64_t *free_bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), nr_free = 0, spanned = 0, start;
	FILE *f = fopen("/proc/zoneinfo", "re");
	bool some = false, others = false;
	char line[256];

	*free_bytes = 0;
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, " pages free %" SCNu64, &nr_free);
		sscanf(line, " spanned %" SCNu64, &spanned);
		if (!sscanf(line, " start_pfn: %" SCNu64, &start) || !spanned)
			continue;
		if ((start + spanned) * page <= limit) {
			*free_bytes += nr_free * page;
			some = true;
		} else {
			others = true;
		}
		spanned = 0;
	}
	if (f)
		fclose(f);
	return some && others;
}

/* ---- the steps ---- */

static int check_stop(struct maker *m)
{
	if (!m->r->stop || !atomic_load(m->r->stop))
		return 0;
	hvcma_error_set(m->err, "interrupted: the pool has %" PRIu64 " pages again", m->out.pool_before);
	return -EINTR;
}

/* By so many; false, with @ret 0, if it has not grown by all of that. */
static bool grow(struct maker *m, uint64_t *size, uint64_t nr, int *ret)
{
	uint64_t want = *size + nr, got = want;

	*ret = check_stop(m);
	if (*ret)
		return false;
	if (available_bytes() < m->r->spare_bytes + nr * m->r->page_bytes) {
		m->out.is_short_of_memory = true;
		return false;
	}
	*ret = set_pool(m, &got);
	if (*ret)
		return false;
	*size = got;
	m->out.is_short_of_memory |= got < want;
	return got >= want;
}

static int grow_into_low(struct maker *m)
{
	uint64_t step = STEP_BYTES / m->r->page_bytes ? STEP_BYTES / m->r->page_bytes : 1;
	uint64_t size = m->out.pool_before, before, after;
	int ret = 0;

	/* at most as often as there is memory for: each turn takes some, or is the last */
	while (low_zones(m->r->limit, &before)) {
		if (!grow(m, &size, step, &ret))
			return ret;
		low_zones(m->r->limit, &after);
		if (after < before && before - after > step * m->r->page_bytes / 4)
			break;
	}
	grow(m, &size, m->r->nr, &ret);
	return ret;
}

static bool is_low(const struct hvcma_low_request *r, uint64_t hpa)
{
	return hpa < HVCMA_HPA_SWAPPED && hpa < r->limit && r->limit - hpa >= r->page_bytes;
}

static int take_pages(struct maker *m)
{
	uint64_t page = m->r->page_bytes, most = m->r->nr + MORE_PAGES, hpa;
	int shift = __builtin_ctzll(page);

	m->low = calloc(most, sizeof(*m->low));
	m->base = mmap(NULL, most * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_HUGETLB | MAP_NORESERVE | (shift << MAP_HUGE_SHIFT), -1, 0);
	if (!m->low || m->base == MAP_FAILED) {
		m->base = NULL;
		return pool_failed(m, -ENOMEM, "its pages can't be mapped");
	}
	while (m->taken < most && m->out.nr < m->r->nr) {
		char *at = m->base + m->taken * page;
		int ret = check_stop(m);

		if (!ret && hvcma_populate(at, page))
			break;			/* the pool is empty */
		if (!ret)
			ret = hvcma_pagemap_locate(&m->pagemap, at, page, page, 1, &hpa);
		if (ret)
			return ret == -EINTR ? ret : pool_failed(m, ret, "its pages can't be looked at");
		m->low[m->taken] = is_low(m->r, hpa);
		m->out.nr += m->low[m->taken];
		m->taken++;
	}
	return 0;
}

/* All but the low ones, with the first of what was not taken. */
static void give_back(struct maker *m)
{
	for (uint64_t i = 0; i < m->taken; i++)
		if (!m->low[i])
			munmap(m->base + i * m->r->page_bytes, m->r->page_bytes);
}

static int keep_low(struct maker *m)
{
	uint64_t size = m->out.pool_before + m->out.nr;
	int ret;

	give_back(m);
	ret = set_pool(m, &size);
	m->out.pool_after = size;
	return ret;
}

static int make(struct maker *m)
{
	int ret = grow_into_low(m);

	if (!ret)
		ret = take_pages(m);
	if (!ret)
		ret = keep_low(m);
	return ret;
}

static int check_request(const struct hvcma_low_request *r, struct hvcma_error *err)
{
	uint64_t page = r->page_bytes;

	if (!page || page & (page - 1) || page < (uint64_t)sysconf(_SC_PAGESIZE)) {
		hvcma_error_set(err, "hugepages of %" PRIu64 " bytes: there are none of that size", page);
		return -EINVAL;
	}
	if (r->limit < page || !r->nr || r->nr > r->limit / page) {
		hvcma_error_set(err, "%" PRIu64 " pages of %" PRIu64 " bytes are no number of pages that fit below 0x%" PRIx64,
				r->nr, page, r->limit);
		return -EINVAL;
	}
	return 0;
}

int hvcma_low_hugepages_add(const struct hvcma_low_request *request,
			    struct hvcma_low_result *result, struct hvcma_error *err)
{
	struct maker m = { .r = request, .err = err, .pool_fd = -1, .guard_fd = -1 };
	int ret = check_request(request, err);

	if (!ret)
		ret = hvcma_pagemap_open(&m.pagemap, err);
	if (ret)
		return ret;
	if (!m.pagemap.has_hpa) {
		hvcma_error_set(err, "/proc/self/pagemap shows no addresses to this process: it needs CAP_SYS_ADMIN");
		ret = -EPERM;
	}
	if (!ret)
		ret = open_pool(&m);
	if (!ret)
		ret = start_guard(&m);
	if (!ret)
		ret = make(&m);
	if (m.base)
		munmap(m.base, (request->nr + MORE_PAGES) * request->page_bytes);
	end_guard(&m, !ret);
	if (m.pool_fd >= 0)
		close(m.pool_fd);
	hvcma_pagemap_close(&m.pagemap);
	free(m.low);
	if (!ret)
		*result = m.out;
	return ret;
}
