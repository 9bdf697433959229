// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's pools of hugepages: see host_pool.h.
 */
#include "hv/host/host_pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOLS		"/sys/kernel/mm/hugepages"
#define NODES		"/sys/devices/system/node"
#define ADDED		"/run/hvcma/hugepages"
#define AT_BOOT		"/etc/tmpfiles.d"
#define BOOT_PREFIX	"hvcma-hugepages-"
#define MARK		"# Written by hvcma hugepages --persist"
#define TRIES		3
#define MAX_SIZES	8

static void file_of(const struct hvcma_pool *pool, const char *file, char path[128])
{
	uint64_t kib = pool->page_bytes / 1024;

	if (pool->node == HVCMA_ALL_NODES)
		snprintf(path, 128, POOLS "/hugepages-%" PRIu64 "kB/%s", kib, file);
	else
		snprintf(path, 128, NODES "/node%d/hugepages/hugepages-%" PRIu64 "kB/%s", pool->node, kib, file);
}

/* "2048kB-node0": of files that are about it */
static void name_of(const struct hvcma_pool *pool, char name[64])
{
	uint64_t kib = pool->page_bytes / 1024;

	if (pool->node == HVCMA_ALL_NODES)
		snprintf(name, 64, "%" PRIu64 "kB", kib);
	else
		snprintf(name, 64, "%" PRIu64 "kB-node%d", kib, pool->node);
}

static int reread(const char *root, struct hvcma_pool *pool)
{
	char path[128];
	int ret;

	file_of(pool, "nr_hugepages", path);
	ret = hvcma_host_number(root, &pool->total, "%s", path);
	file_of(pool, "free_hugepages", path);
	return ret ? ret : hvcma_host_number(root, &pool->free, "%s", path);
}

int hvcma_pool_read(const char *root, uint64_t page_bytes, int node, struct hvcma_pool *pool, struct hvcma_error *err)
{
	struct hvcma_pool p = { .page_bytes = page_bytes, .node = node };

	if (reread(root, &p)) {
		hvcma_error_set(err, "this kernel has no hugepages of %" PRIu64 " KiB%s", page_bytes / 1024,
				node == HVCMA_ALL_NODES ? "" : " on that node");
		return -ENOENT;
	}
	*pool = p;
	return 0;
}

/* ---- all of them ---- */

struct walk {
	const char *root;
	hvcma_pool_each_fn *each;
	void *opaque;
	uint64_t page_bytes[MAX_SIZES];
	size_t nr_sizes;
	size_t at;
};

static int take_size(const char *name, void *opaque)
{
	struct walk *w = opaque;
	uint64_t kib;

	if (sscanf(name, "hugepages-%" SCNu64 "kB", &kib) == 1 && w->nr_sizes < MAX_SIZES)
		w->page_bytes[w->nr_sizes++] = kib * 1024;
	return 0;
}

static int visit(struct walk *w, int node)
{
	struct hvcma_pool pool = { .page_bytes = w->page_bytes[w->at], .node = node };

	return reread(w->root, &pool) ? 0 : w->each(&pool, w->opaque);
}

static int take_node(const char *name, void *opaque)
{
	int node, used;

	return sscanf(name, "node%d%n", &node, &used) == 1 && !name[used] ? visit(opaque, node) : 0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int hvcma_pools_each(const char *root, hvcma_pool_each_fn *each, void *opaque)
{
	struct walk w = { .root = root, .each = each, .opaque = opaque };
	int ret = hvcma_host_list(root, take_size, &w, POOLS);

	if (ret)
		return ret;
	qsort(w.page_bytes, w.nr_sizes, sizeof(*w.page_bytes), by_size);
	for (w.at = 0; w.at < w.nr_sizes && !ret; w.at++) {
		ret = visit(&w, HVCMA_ALL_NODES);
		if (!ret)
			ret = hvcma_host_list(root, take_node, &w, NODES);
		ret = ret == -ENOENT ? 0 : ret;		/* a kernel without NUMA */
	}
	return ret;
}

/* ---- more, and back ---- */

static int set(const struct hvcma_host_job *job, struct hvcma_pool *pool, uint64_t nr, struct hvcma_error *err)
{
	char path[128], value[24];
	int ret;

	file_of(pool, "nr_hugepages", path);
	snprintf(value, sizeof(value), "%" PRIu64, nr);
	ret = hvcma_job_put(job, value, path, err);
	if (!ret && !job->dry_run)
		ret = reread(job->root, pool);
	return ret;
}

/* How many were added to it: kept before it is done. */
static uint64_t added_to(const struct hvcma_host_job *job, const char *name)
{
	uint64_t nr = 0;

	hvcma_host_number(job->root, &nr, ADDED "/%s", name);
	return nr;
}

static int keep(const struct hvcma_host_job *job, const char *name, uint64_t nr, struct hvcma_error *err)
{
	char text[32];
	int ret;

	if (job->dry_run)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", nr);
	ret = nr ? hvcma_host_save(job->root, text, ADDED "/%s", name) : hvcma_host_remove(job->root, ADDED "/%s", name);
	if (ret)
		hvcma_error_set(err, ADDED "/%s: %s", name, strerror(-ret));
	return ret;
}

/* A pool that takes what others need ends them. */
static int check_memory(const struct hvcma_host_job *job, uint64_t bytes, struct hvcma_error *err)
{
	char text[4096];
	const char *at;
	uint64_t kib;

	hvcma_host_read(job->root, text, sizeof(text), "/proc/meminfo");
	at = strstr(text, "MemAvailable:");
	if (!at || sscanf(at, "MemAvailable: %" SCNu64 " kB", &kib) != 1 || bytes / 1024 <= kib)
		return 0;
	hvcma_error_set(err, "%" PRIu64 " MiB of hugepages are wanted, and %" PRIu64 " MiB of memory are available",
			bytes >> 20, kib / 1024);
	return -ENOMEM;
}

int hvcma_pool_add(const struct hvcma_host_job *job, struct hvcma_pool *pool, uint64_t nr, struct hvcma_error *err)
{
	uint64_t before = pool->total, wanted = before + nr, kept;
	struct hvcma_error ignored;
	char name[64];
	int ret = check_memory(job, nr * pool->page_bytes, err);

	if (ret)
		return ret;
	name_of(pool, name);
	kept = added_to(job, name);
	ret = keep(job, name, kept + nr, err);
	for (int i = 0; i < TRIES && !ret; i++) {
		/* Where the kernel can't, more can't be had either. */
		if (i)
			hvcma_job_put(job, "1", "/proc/sys/vm/compact_memory", &ignored);
		ret = set(job, pool, wanted, err);
		if (ret || job->dry_run || pool->total >= wanted)
			break;
	}
	if (job->dry_run)
		return ret;
	if (ret)
		set(job, pool, before, &ignored);
	keep(job, name, kept + (pool->total > before ? pool->total - before : 0), &ignored);
	return ret;
}

int hvcma_pool_persist(const struct hvcma_host_job *job, const struct hvcma_pool *pool, struct hvcma_error *err)
{
	char name[64], path[128], file[128], text[512];

	name_of(pool, name);
	file_of(pool, "nr_hugepages", file);
	snprintf(path, sizeof(path), AT_BOOT "/" BOOT_PREFIX "%s.conf", name);
	snprintf(text, sizeof(text), MARK "; hvcma hugepages --undo removes it.\nw %s - - - - %" PRIu64 "\n", file, pool->total);
	return hvcma_job_save(job, path, MARK, text, err);
}

struct undo {
	const struct hvcma_host_job *job;
	struct hvcma_error *err;
};

static int undo_pool(const char *name, void *opaque)
{
	struct undo *u = opaque;
	struct hvcma_pool pool = { .node = HVCMA_ALL_NODES };
	uint64_t added = added_to(u->job, name), kib;
	int ret;

	if (sscanf(name, "%" SCNu64 "kB-node%d", &kib, &pool.node) < 1)
		return 0;
	pool.page_bytes = kib * 1024;
	ret = reread(u->job->root, &pool);
	if (!ret)
		ret = set(u->job, &pool, pool.total > added ? pool.total - added : 0, u->err);
	if (!ret && !u->job->dry_run)
		ret = hvcma_host_remove(u->job->root, ADDED "/%s", name);
	return ret;
}

static int undo_at_boot(const char *name, void *opaque)
{
	struct undo *u = opaque;
	char path[300];

	if (strncmp(name, BOOT_PREFIX, sizeof(BOOT_PREFIX) - 1))
		return 0;
	snprintf(path, sizeof(path), AT_BOOT "/%s", name);
	return hvcma_job_remove(u->job, path, MARK, u->err);
}

int hvcma_pools_undo(const struct hvcma_host_job *job, struct hvcma_error *err)
{
	struct undo u = { job, err };
	int ret = hvcma_host_list(job->root, undo_at_boot, &u, AT_BOOT);

	if (!ret || ret == -ENOENT)
		ret = hvcma_host_list(job->root, undo_pool, &u, ADDED);
	return ret == -ENOENT ? 0 : ret;
}
