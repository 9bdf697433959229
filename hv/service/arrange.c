// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Searches for pages by where they lie: see arrange.h.
 *
 * A search has up to three references: its thread's, the region's, until it has been told, and the memory's, to the
 * last one that was begun. Who gives up the last one frees it.
 */
#include "hv/service/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/host/contiguous.h"
#include "hv/host/numa.h"

#define STACK_BYTES	(256 * 1024)	/* files are read there */

struct hvcmad_search {
	/* Of who begins it, then the thread's. */
	struct hvcma_provider_config config;	/* of the region, with a mapping and a descriptor of its own */
	char name[HVCMAD_NAME_BYTES];
	uint64_t keep_pages;
	/* As it was begun; does not change. */
	struct hvcmad_arrange_req request;
	dev_t dev;
	ino_t ino;
	uint64_t page_bytes;
	uint64_t offset;
	uint64_t bytes;
	uint64_t began_us;
	struct hvcmad_vm *vm;			/* of who asks for all of this; NULL: it was told that it has ended */

	pthread_mutex_t lock;			/* of what follows */
	unsigned int refs;
	bool is_stopped;			/* nobody wants it any more */
	bool is_done;				/* then the rest is there, and final */
	uint64_t ended_us;
	int ret;
	struct hvcma_error err;
	struct hvcma_contiguous_result result;
};

static void put(struct hvcmad_search *s)
{
	bool last;

	pthread_mutex_lock(&s->lock);
	last = !--s->refs;
	pthread_mutex_unlock(&s->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool is_done(struct hvcmad_search *s)
{
	bool done;

	pthread_mutex_lock(&s->lock);
	done = s->is_done;
	pthread_mutex_unlock(&s->lock);
	return done;
}

static bool is_stopped(void *opaque)
{
	struct hvcmad_search *s = opaque;
	bool stopped;

	pthread_mutex_lock(&s->lock);
	stopped = s->is_stopped;
	pthread_mutex_unlock(&s->lock);
	return stopped;
}

static void let_go(struct hvcmad_search *s)
{
	munmap(s->config.base, s->config.bytes);
	close(s->config.fd);
}

static void *work(void *opaque)
{
	struct hvcmad_search *s = opaque;
	const struct hvcma_contiguous_limits limits = {
		.keep_nr = s->keep_pages, .is_stopped = is_stopped, .opaque = s,
	};
	struct hvcma_contiguous_result result = { 0 };
	struct hvcma_error err = { "" };
	int ret = hvcma_contiguous_back_region(&s->config, &limits, &result, &err);

	let_go(s);
	pthread_mutex_lock(&s->lock);
	s->ret = ret;
	s->err = err;
	s->result = result;
	s->ended_us = hvcmad_now_us();
	s->is_done = true;
	pthread_mutex_unlock(&s->lock);
	put(s);
	return NULL;
}

static enum hvcmad_status status_of(int ret)
{
	switch (ret) {
	case 0:
		return HVCMAD_S_OK;
	case -EINVAL:
		return HVCMAD_S_INVAL;
	case -ENOSPC:
	case -ENODATA:
		return HVCMAD_S_NO_RUN;
	case -ENOMEM:
		return HVCMAD_S_NO_BACKING;
	default:
		return HVCMAD_S_IO;
	}
}

/* A mapping of its own, with the client's policy, and a descriptor. */
static enum hvcmad_status map(struct hvcmad_search *s, const struct hvcmad_region *r, struct hvcma_error *err)
{
	struct hvcma_numa_policy policy = { .mode = s->request.policy };
	int ret;

	memcpy(policy.nodes, s->request.nodes, sizeof(policy.nodes));
	s->config.fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 3);
	if (s->config.fd < 0) {
		hvcma_error_set(err, "region %s: no descriptor more: %s", r->name, strerror(errno));
		return HVCMAD_S_NO_MEMORY;
	}
	s->config.base = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->fd, (off_t)r->offset);
	if (s->config.base == MAP_FAILED) {
		ret = errno;
		hvcma_error_set(err, "region %s: cannot map %" PRIu64 " bytes: %s", r->name, r->bytes, strerror(ret));
		close(s->config.fd);
		return ret == ENOMEM ? HVCMAD_S_NO_MEMORY : HVCMAD_S_IO;
	}
	ret = hvcma_numa_set(s->config.base, r->bytes, &policy);
	if (!ret || (ret == -ENOSYS && !policy.mode))
		return HVCMAD_S_OK;
	hvcma_error_set(err, "region %s: the service can't have pages as memory policy %" PRIu32 " and its nodes say: %s",
			r->name, policy.mode, strerror(-ret));
	let_go(s);
	return HVCMAD_S_INVAL;
}

static int start(struct hvcmad_search *s)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	/* Signals are the event loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	ret = pthread_create(&thread, &attr, work, s);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* The VM rests from when it has ended, though that is seen by the next who asks. */
static void tell_vm(struct hvcmad_search *s)
{
	if (!s->vm || !is_done(s))
		return;
	hvcmad_vm_search_ended(s->vm, s->ended_us - s->began_us, s->ended_us);
	s->vm = NULL;
}

static enum hvcmad_status not_yet(const struct hvcmad_region *r, struct hvcma_error *err)
{
	hvcma_error_set(err, "region %s: %s", r->name, r->search ? "its pages are being searched for" :
			"pages of another region are being searched for");
	return HVCMAD_S_AGAIN;
}

enum hvcmad_status hvcmad_arrange_begin(struct hvcmad_memory *m, struct hvcmad_region *r,
					const struct hvcmad_arrange_req *q, uint64_t keep_pages,
					struct hvcma_error *err)
{
	struct hvcmad_search *s = calloc(1, sizeof(*s));
	enum hvcmad_status status;

	if (!s) {
		hvcma_error_set(err, "region %s: no memory for a search", r->name);
		return HVCMAD_S_NO_MEMORY;
	}
	memcpy(s->name, r->name, sizeof(s->name));
	s->config = (struct hvcma_provider_config){
		.name = s->name, .base = r->base, .bytes = r->bytes, .granule_bytes = r->granule_bytes,
		.page_bytes = r->page_bytes, .fd = r->fd, .fd_offset_bytes = r->offset, .need_hpa = true,
		.low_bytes = q->low_bytes, .is_contiguous = q->flags & HVCMAD_ARRANGE_RUNS, .run_bytes = q->run_bytes,
	};
	s->keep_pages = keep_pages;
	s->request = *q;
	s->dev = r->dev;
	s->ino = r->ino;
	s->page_bytes = r->page_bytes;
	s->offset = r->offset;
	s->bytes = r->bytes;
	s->began_us = hvcmad_now_us();
	status = hvcma_contiguous_check(&s->config, err) ? HVCMAD_S_INVAL : map(s, r, err);
	if (status) {
		free(s);
		return status;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->refs = 3;
	if (start(s)) {
		hvcma_error_set(err, "region %s: no thread to search for pages", r->name);
		let_go(s);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return HVCMAD_S_NO_MEMORY;
	}
	if (m->search) {
		tell_vm(m->search);
		put(m->search);
	}
	s->vm = r->vm;
	hvcmad_vm_search_begins(s->vm, s->began_us);
	m->search = s;
	r->search = s;
	return not_yet(r, err);
}

static bool is_same(const struct hvcmad_arrange_req *a, const struct hvcmad_arrange_req *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static enum hvcmad_status tell(struct hvcmad_region *r, struct hvcmad_arrange_resp *out, struct hvcma_error *err)
{
	struct hvcmad_search *s = r->search;
	enum hvcmad_status status = status_of(s->ret);

	if (status) {
		*err = s->err;
	} else {
		if (s->request.flags & HVCMAD_ARRANGE_RUNS) {
			out->run_bytes = s->result.runs.longest * s->page_bytes;
			out->nr_runs = s->result.runs.nr;
		}
		out->low_bytes = s->result.runs.nr_low * s->page_bytes;
	}
	r->search = NULL;
	put(s);
	return status;
}

bool hvcmad_arrange_begins(struct hvcmad_memory *m, const struct hvcmad_region *region)
{
	if (m->search)
		tell_vm(m->search);
	return !region->search && (!m->search || is_done(m->search));
}

enum hvcmad_status hvcmad_arrange_outcome(struct hvcmad_region *region, const struct hvcmad_arrange_req *request,
					  struct hvcmad_arrange_resp *out, struct hvcma_error *err)
{
	if (region->search && !is_same(&region->search->request, request)) {
		hvcma_error_set(err, "region %s: other pages are being searched for", region->name);
		return HVCMAD_S_STATE;
	}
	if (region->search && is_done(region->search))
		return tell(region, out, err);
	return not_yet(region, err);
}

void hvcmad_arrange_end(struct hvcmad_region *region)
{
	struct hvcmad_search *s = region->search;

	if (!s)
		return;
	region->search = NULL;
	pthread_mutex_lock(&s->lock);
	s->is_stopped = true;
	pthread_mutex_unlock(&s->lock);
	put(s);
}

bool hvcmad_arrange_has_pool(const struct hvcmad_memory *m, uint64_t page_bytes)
{
	return m->search && m->search->page_bytes == page_bytes && !is_done(m->search);
}

bool hvcmad_arrange_is_at(const struct hvcmad_memory *m, const struct hvcmad_region *part)
{
	const struct hvcmad_search *s = m->search;

	return s && s->dev == part->dev && s->ino == part->ino && s->offset < part->offset + part->bytes &&
	       part->offset < s->offset + s->bytes && !is_done(m->search);
}

void hvcmad_arrange_fini(struct hvcmad_memory *m)
{
	struct hvcmad_search *s = m->search;

	if (!s)
		return;
	if (s->vm)
		hvcmad_vm_search_ended(s->vm, 0, hvcmad_now_us());
	put(s);
	m->search = NULL;
}
