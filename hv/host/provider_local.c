// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local provider: memory mapped in this process, which has the privileges to pin
 * it and to see where it lies. Combines pin.h and pagemap.h with the rules of
 * granules.h, and puts refusals into words. With another pinner (pinner.h) in place
 * of pin.h it is another provider.
 *
 * The table of states is this provider's memory of what it and others did:
 * pages may also come (someone touches the memory) or go (someone punches a
 * hole) behind its back, so it looks again where that matters.
 */
#define _GNU_SOURCE	/* fallocate */
#include "hv/host/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hv/host/contiguous.h"
#include "hv/host/granules.h"
#include "hv/host/hugepages.h"
#include "hv/host/pagemap.h"
#include "hv/host/pin.h"
#include "hv/host/pinner.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23	/* Linux 5.14 */
#endif

#define LOOK_GRANULES	256	/* states looked up at once */

/*
 * A page that the kernel is trying to migrate is unmapped for a moment, even if
 * it is pinned and the attempt will fail: so an absent page of a pinned granule
 * is looked at again.
 */
#define ABSENT_RETRIES	50
#define ABSENT_WAIT_US	1000

struct local {
	struct hvcma_provider base;
	struct hvcma_provider_ops ops;
	struct hvcma_granules granules;
	struct hvcma_pagemap pagemap;
	struct hvcma_pinner *pinner;
	bool need_hpa;
	char *memory;
	uint64_t page_bytes;
	int fd;
	uint64_t fd_offset_bytes;
	uint64_t nr_pin_calls;
	uint64_t nr_unpin_calls;
	uint64_t low_bytes;
	uint64_t run_bytes;
	uint64_t nr_runs;
};

static struct local *to_local(const struct hvcma_provider *p)
{
	return (struct local *)p;	/* base comes first */
}

static char *granule_address(const struct local *l, uint64_t granule)
{
	return l->memory + granule * l->granules.bytes;
}

static int locate(struct local *l, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	int ret = hvcma_pagemap_locate(&l->pagemap, granule_address(l, first),
				       l->granules.bytes, l->page_bytes, nr, hpa);

	if (ret) {
		hvcma_error_set(&l->base.error, "region %s: cannot read /proc/self/pagemap: %s",
				l->granules.name, strerror(-ret));
		return -EIO;
	}
	return 0;
}

/*
 * Has the granule's file contents, somewhere or in @all of it? They need not be
 * mapped here: shared memory in swap looks in pagemap as if there were none.
 * Of a hugepage file nobody tells, and it isn't swapped.
 */
static bool has_data(const struct local *l, uint64_t granule, bool all)
{
	off_t at = (off_t)(l->fd_offset_bytes + granule * l->granules.bytes);
	off_t end = at + (off_t)l->granules.bytes;

	if (l->fd < 0 || l->page_bytes != l->pagemap.entry_bytes)
		return false;
	if (all)
		return lseek(l->fd, at, SEEK_HOLE) >= end;
	at = lseek(l->fd, at, SEEK_DATA);
	return at >= 0 && at < end;
}

/*
 * Unbacked granules of the range become backed if their pages are all there, or
 * with @spare if anything is: so that undoing a back leaves them alone.
 */
static int refresh(struct local *l, uint64_t first, uint64_t nr, bool spare)
{
	uint64_t hpa[LOOK_GRANULES];
	uint64_t at = first, run, len;

	while ((len = hvcma_granules_next_run(&l->granules, at, first + nr,
					      HVCMA_GRANULE_UNBACKED, &run))) {
		uint64_t i;
		int ret;

		if (len > LOOK_GRANULES)
			len = LOOK_GRANULES;
		ret = locate(l, run, len, hpa);
		if (ret)
			return ret;
		for (i = 0; i < len; i++) {
			if (hpa[i] != HVCMA_HPA_ABSENT ||
			    (spare && has_data(l, run + i, false)))
				hvcma_granules_set(&l->granules, run + i, 1,
						   HVCMA_GRANULE_BACKED);
		}
		at = run + len;
	}
	return 0;
}

static int punch(struct local *l, uint64_t first, uint64_t nr)
{
	uint64_t bytes = l->granules.bytes;

	if (fallocate(l->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(l->fd_offset_bytes + first * bytes), (off_t)(nr * bytes)))
		return -errno;
	return 0;
}

/* The host is short of memory for @bytes of a region. */
static void shortage(struct local *l, uint64_t bytes)
{
	const char *region = l->granules.name;
	struct hvcma_hugepages pool;

	if (hvcma_hugepages_read(l->page_bytes, &pool)) {
		hvcma_error_set(&l->base.error, "region %s: the host has no memory for %" PRIu64
				" bytes", region, bytes);
		return;
	}
	hvcma_error_set(&l->base.error, "region %s: the host is out of hugepages of %" PRIu64
			" bytes: up to %" PRIu64 " wanted; the pool has %" PRIu64 ", %" PRIu64
			" free, of which %" PRIu64 " reserved", region, l->page_bytes,
			bytes / l->page_bytes, pool.total, pool.free, pool.reserved);
}

int hvcma_populate(void *base, uint64_t bytes)
{
	return madvise(base, bytes, MADV_POPULATE_WRITE) ? -errno : 0;
}

static int fault_in(struct local *l, uint64_t first, uint64_t nr)
{
	const char *region = l->granules.name;
	uint64_t bytes = nr * l->granules.bytes;

	int ret = hvcma_populate(granule_address(l, first), bytes);

	switch (ret) {
	case 0:
		return 0;
	case -EINVAL:
		hvcma_error_set(&l->base.error, "region %s: the kernel cannot populate the mapping "
				"(it takes Linux 5.14 or newer, and memory that is writable)",
				region);
		return -EOPNOTSUPP;
	case -EHWPOISON:
		hvcma_error_set(&l->base.error, "region %s: a page of granules %" PRIu64
				" to %" PRIu64 " is poisoned", region, first, first + nr - 1);
		return -EIO;
	default:	/* EFAULT: what a touch would have made a SIGBUS; ENOMEM */
		shortage(l, bytes);
		return -ENOMEM;
	}
}

/* Some of the unbacked granules of the range have pages now: discard these. */
static void undo_fault_in(struct local *l, uint64_t first, uint64_t nr)
{
	uint64_t at = first, run, len;

	while (l->fd >= 0 &&
	       (len = hvcma_granules_next_run(&l->granules, at, first + nr,
					      HVCMA_GRANULE_UNBACKED, &run))) {
		punch(l, run, len);
		at = run + len;
	}
	refresh(l, first, nr, false);	/* what could not be discarded is backed */
}

static int local_back(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct local *l = to_local(p);
	struct hvcma_error why;
	int ret = hvcma_granules_may_back(&l->granules, first, nr, &p->error);

	if (!ret)
		ret = refresh(l, first, nr, true);
	if (ret || !nr)
		return ret;
	ret = fault_in(l, first, nr);		/* also what is in swap */
	if (ret) {
		why = p->error;
		undo_fault_in(l, first, nr);
		p->error = why;
		return ret;
	}
	hvcma_granules_fill(&l->granules, first, nr);
	return 0;
}

/* Does RLIMIT_MEMLOCK apply to what this process pins? */
static bool memlock_applies(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return true;
	return !(data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK));
}

static uint64_t memlock_bytes(void)
{
	struct rlimit limit;

	if (!memlock_applies() || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

static int local_pin(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct local *l = to_local(p);
	uint64_t bytes = nr * l->granules.bytes;
	uint64_t limit;
	int ret = hvcma_granules_may_pin(&l->granules, first, nr, &p->error);

	l->nr_pin_calls++;
	if (ret)
		return ret;

	ret = l->pinner->ops->add(l->pinner, first, nr);
	if (!ret) {
		hvcma_granules_set(&l->granules, first, nr, HVCMA_GRANULE_PINNED);
		return 0;
	}

	limit = memlock_bytes();
	if (ret == -ENOMEM && limit != UINT64_MAX) {
		hvcma_error_set(&p->error, "region %s: cannot pin %" PRIu64 " bytes more: this "
				"user's RLIMIT_MEMLOCK is %" PRIu64
				" bytes, and there is no CAP_IPC_LOCK",
				l->granules.name, bytes, limit);
		return ret;
	}
	hvcma_error_set(&p->error, "region %s: the kernel refuses to pin %" PRIu64
			" bytes at granule %" PRIu64 ": %s",
			l->granules.name, bytes, first, strerror(-ret));
	return ret == -ENOMEM ? ret : -EIO;
}

static int local_unpin(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct local *l = to_local(p);
	uint64_t done;
	int ret = hvcma_granules_may_unpin(&l->granules, first, nr, &p->error);

	l->nr_unpin_calls++;
	if (ret)
		return ret;

	ret = l->pinner->ops->remove(l->pinner, first, nr, &done);
	hvcma_granules_set(&l->granules, first, done, HVCMA_GRANULE_BACKED);
	if (!ret)
		return 0;

	hvcma_error_set(&p->error, "region %s: the kernel refuses to unpin granule %" PRIu64
			", it stays pinned: %s", l->granules.name, first + done, strerror(-ret));
	return -EIO;
}

static int local_discard(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct local *l = to_local(p);
	int ret = hvcma_granules_may_discard(&l->granules, first, nr, &p->error);

	if (ret || !nr)
		return ret;

	if (l->fd < 0) {
		hvcma_error_set(&p->error, "region %s: its memory has no file, cannot be discarded",
				l->granules.name);
		return -EOPNOTSUPP;
	}
	ret = punch(l, first, nr);
	if (ret) {
		hvcma_error_set(&p->error, "region %s: cannot punch a hole at granule %" PRIu64
				": %s", l->granules.name, first, strerror(-ret));
		return -EIO;
	}
	hvcma_granules_set(&l->granules, first, nr, HVCMA_GRANULE_UNBACKED);
	return 0;
}

/* @err has what went wrong; say for which region. */
static void name_region(struct hvcma_error *err, const char *name)
{
	struct hvcma_error why;

	if (!err)
		return;
	why = *err;
	hvcma_error_set(err, "region %s: %s", name, why.text);
}

static bool is_away(uint64_t hpa)
{
	return hpa == HVCMA_HPA_ABSENT || hpa == HVCMA_HPA_SWAPPED;
}

static bool is_pinned(const struct local *l, uint64_t granule)
{
	return l->granules.state[granule] == HVCMA_GRANULE_PINNED;
}

/* Is a granule away that should not be? Others come and go as they like. */
static bool lost_one(const struct local *l, uint64_t first, uint64_t nr, const uint64_t *hpa)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		if (is_away(hpa[i]) && is_pinned(l, first + i))
			return true;
	}
	return false;
}

/*
 * Addresses that only the pinner can tell, in place of the 0 that pagemap has for what is there:
 * those of pinned granules, or with @all of others, too.
 */
static int ask_pinner(struct local *l, uint64_t first, uint64_t nr, bool all, uint64_t *hpa)
{
	struct hvcma_pinner *p = l->pinner;
	uint64_t i, n;
	int ret = 0;

	if (!p->ops->locate || !l->need_hpa)
		return 0;
	for (i = 0; !ret && i < nr; i += n) {
		bool pinned = is_pinned(l, first + i);

		n = 1;
		if (hpa[i] || (!pinned && !all))
			continue;
		while (i + n < nr && !hpa[i + n] && is_pinned(l, first + i + n) == pinned)
			n++;
		ret = p->ops->locate(p, first + i, n, pinned, hpa + i, &l->base.error);
	}
	if (!ret)
		return 0;
	name_region(&l->base.error, l->granules.name);
	return ret == -ENOMEM ? ret : -EIO;
}

static int local_hpa(struct hvcma_provider *p, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	const struct timespec wait = { .tv_nsec = ABSENT_WAIT_US * 1000 };
	struct local *l = to_local(p);
	struct hvcma_granules *g = &l->granules;
	int retries = ABSENT_RETRIES;
	uint64_t i;
	int ret = hvcma_granules_may_locate(g, first, nr, &p->error);

	if (!ret)
		ret = locate(l, first, nr, hpa);
	while (!ret && lost_one(l, first, nr, hpa) && retries--) {
		nanosleep(&wait, NULL);
		ret = locate(l, first, nr, hpa);
	}
	if (!ret)
		ret = ask_pinner(l, first, nr, true, hpa);
	if (ret)
		return ret;

	for (i = 0; i < nr; i++) {
		if (is_away(hpa[i]) && is_pinned(l, first + i)) {
			hvcma_error_set(&p->error, "region %s: granule %" PRIu64 " is pinned, but "
					"no longer mapped: someone else discarded it",
					g->name, first + i);
			return -EIO;
		}
		if (hpa[i] == HVCMA_HPA_SPLIT) {
			hvcma_error_set(&p->error, "region %s: granule %" PRIu64 " of %" PRIu64
					" bytes is not one run of host memory (pages of %" PRIu64
					")", g->name, first + i, g->bytes, l->page_bytes);
			return -EIO;
		}
	}
	for (i = 0; i < nr; i++) {
		if (!is_pinned(l, first + i))
			hvcma_granules_set(g, first + i, 1, hpa[i] == HVCMA_HPA_ABSENT ?
					   HVCMA_GRANULE_UNBACKED : HVCMA_GRANULE_BACKED);
		if (hpa[i] == HVCMA_HPA_SWAPPED)
			hpa[i] = HVCMA_HPA_ABSENT;
	}
	return 0;
}

static int local_look(struct hvcma_provider *p, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	struct local *l = to_local(p);
	uint64_t i;
	int ret = hvcma_granules_may_locate(&l->granules, first, nr, &p->error);

	if (!ret)
		ret = locate(l, first, nr, hpa);
	if (!ret)
		ret = ask_pinner(l, first, nr, false, hpa);
	for (i = 0; !ret && i < nr; i++) {
		if (hpa[i] == HVCMA_HPA_ABSENT && has_data(l, first + i, true))
			hpa[i] = HVCMA_HPA_SWAPPED;
	}
	return ret;
}

static void local_stats(const struct hvcma_provider *p, struct hvcma_provider_stats *stats)
{
	const struct local *l = to_local(p);

	hvcma_granules_stats(&l->granules, stats);
	stats->nr_pin_calls = l->nr_pin_calls;
	stats->nr_unpin_calls = l->nr_unpin_calls;
	stats->low_bytes = l->low_bytes;
	stats->run_bytes = l->run_bytes;
	stats->nr_runs = l->nr_runs;
}

static void local_destroy(struct hvcma_provider *p)
{
	struct local *l = to_local(p);

	l->pinner->ops->fini(l->pinner);
	free(l->pinner);
	hvcma_pagemap_close(&l->pagemap);
	hvcma_granules_fini(&l->granules);
	free(l);
}

static const struct hvcma_provider_ops local_ops = {
	.back = local_back,
	.pin = local_pin,
	.unpin = local_unpin,
	.discard = local_discard,
	.hpa = local_hpa,
	.look = local_look,
	.stats = local_stats,
	.destroy = local_destroy,
};

static int check_mapping(const struct hvcma_provider_config *config, struct hvcma_error *err)
{
	uint64_t system_page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (config->page_bytes % system_page) {
		hvcma_error_set(err, "region %s: host pages of %" PRIu64
				" bytes are not a multiple of the system's, %" PRIu64,
				config->name, config->page_bytes, system_page);
		return -EINVAL;
	}
	if (!config->base || (uintptr_t)config->base % config->page_bytes ||
	    config->fd_offset_bytes % config->page_bytes) {
		hvcma_error_set(err, "region %s: mapping at %p, file offset %" PRIu64
				": not aligned to the host page, %" PRIu64, config->name,
				config->base, config->fd_offset_bytes, config->page_bytes);
		return -EINVAL;
	}
	return 0;
}

/* What is refused here would otherwise fail in the middle of the guest's work. */
static int check_memlock(const struct hvcma_provider_config *config, struct hvcma_error *err)
{
	uint64_t want = config->pin_limit_bytes && config->pin_limit_bytes < config->bytes ?
			config->pin_limit_bytes : config->bytes;
	uint64_t limit = memlock_bytes();

	if (want <= limit)
		return 0;

	hvcma_error_set(err, "region %s: up to %" PRIu64 " bytes may be pinned, but "
			"RLIMIT_MEMLOCK is %" PRIu64 " bytes and there is no CAP_IPC_LOCK: "
			"raise it or set a pin limit",
			config->name, want, limit);
	return -EPERM;
}

/* Pages of which it matters where they are. */
static int back_in_places(struct local *l, const struct hvcma_provider_config *config,
			  struct hvcma_error *err)
{
	struct hvcma_contiguous_result result;
	int ret = hvcma_contiguous_check(config, err);

	if (!ret)
		ret = hvcma_contiguous_back_region(config, NULL, &result, err);
	if (ret)
		return ret;
	l->low_bytes = result.runs.nr_low * l->page_bytes;
	if (config->is_contiguous) {
		l->run_bytes = result.runs.longest * l->page_bytes;
		l->nr_runs = result.runs.nr;
	}
	return 0;
}

/* May this process see where the region's memory lies? Or does its pinner? */
static int check_addresses(struct local *l, const struct hvcma_provider_config *config,
			   struct hvcma_error *err)
{
	bool by_pinner = l->pinner->ops->locate;

	if (config->need_hpa && !by_pinner && !l->pagemap.has_hpa) {
		hvcma_error_set(err, "region %s: physical addresses are wanted, but "
				"/proc/self/pagemap shows none to this process: it needs "
				"CAP_SYS_ADMIN", config->name);
		return -EPERM;
	}
	l->need_hpa = config->need_hpa;
	l->pagemap.has_hpa = config->need_hpa && !by_pinner;	/* else nobody is to see them */
	return 0;
}

/* Rings of somebody else, and what is pinned by them. */
static void adopt(struct local *l, const struct hvcma_provider_config *config)
{
	uint64_t i;

	l->pinner->ops->adopt(l->pinner, config);
	for (i = 0; config->pinned && i < l->granules.nr; i++) {
		if (!config->pinned[i])
			continue;
		hvcma_granules_fill(&l->granules, i, 1);
		hvcma_granules_set(&l->granules, i, 1, HVCMA_GRANULE_PINNED);
	}
}

int hvcma_provider_local_with(const struct hvcma_provider_config *config,
			      struct hvcma_pinner *pinner, struct hvcma_provider **out,
			      struct hvcma_error *err)
{
	struct local *l = calloc(1, sizeof(*l));
	int ret;

	if (!l) {
		hvcma_error_set(err, "region %s: no memory for its provider", config->name);
		return -ENOMEM;
	}
	l->ops = local_ops;
	l->ops.type = pinner->ops->type;
	l->base.ops = &l->ops;
	l->pinner = pinner;
	l->memory = config->base;
	l->page_bytes = config->page_bytes;
	l->fd = config->fd;
	l->fd_offset_bytes = config->fd_offset_bytes;

	ret = hvcma_granules_init(&l->granules, config, err);
	if (ret)
		goto free_provider;
	ret = check_mapping(config, err);
	if (!ret)
		ret = check_memlock(config, err);
	if (ret)
		goto fini_granules;

	ret = hvcma_pagemap_open(&l->pagemap, err);
	if (ret) {
		name_region(err, config->name);
		goto fini_granules;
	}
	ret = check_addresses(l, config, err);
	if (ret)
		goto close_pagemap;

	ret = pinner->ops->init(pinner, config, err);
	if (ret) {
		name_region(err, config->name);
		goto close_pagemap;
	}

	ret = back_in_places(l, config, err);
	if (ret)
		goto fini_pinner;
	ret = refresh(l, 0, l->granules.nr, false);
	if (ret) {
		hvcma_error_set(err, "%s", l->base.error.text);
		goto fini_pinner;
	}
	/* Last: what fails before leaves the rings and their pins as they are. */
	if (config->ring_fds)
		adopt(l, config);

	*out = &l->base;
	return 0;

fini_pinner:
	pinner->ops->fini(pinner);
close_pagemap:
	hvcma_pagemap_close(&l->pagemap);
fini_granules:
	hvcma_granules_fini(&l->granules);
free_provider:
	free(l);
	return ret;
}

/* ---- pins by io_uring ---- */

struct ring_pinner {
	struct hvcma_pinner base;
	struct hvcma_pins pins;
};

static struct hvcma_pins *to_pins(struct hvcma_pinner *p)
{
	return &((struct ring_pinner *)p)->pins;	/* base comes first */
}

static int ring_init(struct hvcma_pinner *p, const struct hvcma_provider_config *config,
		     struct hvcma_error *err)
{
	size_t nr_rings = hvcma_pin_layout_of(config->bytes, config->granule_bytes).nr_rings;

	if (!config->ring_fds)
		return hvcma_pins_init(to_pins(p), config->base, config->bytes, config->granule_bytes, err);
	if (config->nr_rings != nr_rings) {
		hvcma_error_set(err, "%zu io_uring instances are not the %zu that it needs", config->nr_rings,
				nr_rings);
		return -EINVAL;
	}
	return 0;
}

static void ring_adopt(struct hvcma_pinner *p, const struct hvcma_provider_config *config)
{
	hvcma_pins_adopt(to_pins(p), config->base, config->bytes, config->granule_bytes, config->ring_fds,
			 config->nr_rings);
}

static void ring_fini(struct hvcma_pinner *p)
{
	hvcma_pins_fini(to_pins(p));
}

static int ring_add(struct hvcma_pinner *p, uint64_t first, uint64_t nr)
{
	return hvcma_pins_add(to_pins(p), first, nr);
}

static int ring_remove(struct hvcma_pinner *p, uint64_t first, uint64_t nr, uint64_t *done)
{
	return hvcma_pins_remove(to_pins(p), first, nr, done);
}

static const struct hvcma_pinner_ops ring_ops = {
	.type = "local",
	.init = ring_init,
	.adopt = ring_adopt,
	.fini = ring_fini,
	.add = ring_add,
	.remove = ring_remove,
};

int hvcma_provider_local_create(const struct hvcma_provider_config *config,
				struct hvcma_provider **out,
				struct hvcma_error *err)
{
	struct ring_pinner *p = calloc(1, sizeof(*p));
	int ret;

	if (!p) {
		hvcma_error_set(err, "region %s: no memory for a local provider", config->name);
		return -ENOMEM;
	}
	p->base.ops = &ring_ops;
	ret = hvcma_provider_local_with(config, &p->base, out, err);
	if (ret)
		free(p);
	return ret;
}

size_t hvcma_provider_local_pin_fds(const struct hvcma_provider *p, const int **fds)
{
	const struct hvcma_pins *pins;

	if (p->ops->back != local_back || to_local(p)->pinner->ops != &ring_ops)
		return 0;
	pins = to_pins(to_local(p)->pinner);
	*fds = pins->ring_fd;
	return pins->nr_rings;
}
