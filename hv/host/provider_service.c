// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Provider for a process without privileges: hvcmad backs, pins and locates (docs/service.md), by
 * the session of service_link.h. The rules of granules.h are checked here first, as they are at the
 * service: what a caller does wrong costs no request.
 *
 * The table of states is what the service was asked to do. What comes or goes behind both backs is
 * seen where the service looks: where addresses are wanted. Addresses of pinned granules are final,
 * and are kept.
 */
#include "hv/host/provider.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hv/host/contiguous.h"
#include "hv/host/granules.h"
#include "hv/host/numa.h"
#include "hv/host/service_link.h"

#define MAX_SESSIONS	5	/* for one request, with services that end while they do it */

/* A search for pages zeroes what it looks at, a second for some GiB; others have theirs before. */
#define ARRANGE_PAUSE_MS	5
#define ARRANGE_MAX_PAUSE_MS	100
#define ARRANGE_MAX_MS		300000

struct remote {
	struct hvcma_provider base;
	struct hvcma_granules granules;
	struct hvcma_service_link *link;
	uint32_t region;
	uint64_t max_nr;		/* granules in a request */
	uint64_t *address;		/* of those that are pinned; NULL: nobody wants any */
	struct hvcma_service_user user;
	bool is_lost;			/* a service after the first has it not, or other pins of it */
	uint64_t unpinning_first;	/* of these it is not known whether they are unpinned */
	uint64_t unpinning_nr;
	uint64_t nr_pin_calls;
	uint64_t nr_unpin_calls;
	uint64_t low_bytes;		/* of the stats, these three */
	uint64_t run_bytes;
	uint64_t nr_runs;
	union {
		struct hvcmad_resp_hdr hdr;
		struct hvcmad_register_resp reg;
		struct hvcmad_addresses_resp addresses;
		struct hvcmad_pinned_resp pinned;
		struct hvcmad_resume_resp resume;
		struct hvcmad_wanted_resp wanted;
		struct hvcmad_arrange_resp arrange;
		unsigned char bytes[sizeof(struct hvcmad_addresses_resp) + HVCMAD_MAX_GRANULES * sizeof(uint64_t)];
	} response;
};

_Static_assert(sizeof(((struct remote *)NULL)->response) >=
	       sizeof(struct hvcmad_resp_hdr) + HVCMAD_MAX_TEXT_BYTES, "no room for a refusal");

static struct remote *to_remote(const struct hvcma_provider *p)
{
	return (struct remote *)p;	/* base comes first */
}

/* What provider.h has for what the service said, or for a service that is gone. */
static int provider_errno(int ret)
{
	switch (ret) {
	case 0:
	case -EDQUOT:
	case -ENOMEM:
	case -EAGAIN:		/* others have been asked for hugepages */
		return ret;
	case -ENOBUFS:		/* out of hugepages */
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* With the descriptor that is to come with the answer, if @received is not NULL. */
static int ask_for(struct remote *r, const void *request, int passed, size_t min_bytes, int *received,
		   struct hvcma_error *err)
{
	struct hvcma_error why = { "" };
	int ret;

	if (r->is_lost) {
		hvcma_error_set(err, "region %s: the service was restarted, and has lost what it had of it",
				r->granules.name);
		return -EIO;
	}
	ret = hvcma_service_link_ask(r->link, request, passed, &r->response, sizeof(r->response), min_bytes,
				     received, &why);
	if (ret)
		hvcma_error_set(err, "region %s: %s", r->granules.name, why.text);
	return ret;
}

static int ask(struct remote *r, const void *request, int passed, size_t min_bytes, struct hvcma_error *err)
{
	return ask_for(r, request, passed, min_bytes, NULL, err);
}

/* One request for @nr granules, max_nr at most; @address: out, with @flags that ask for them. */
static int ask_range(struct remote *r, uint32_t op, uint32_t flags, uint64_t first, uint64_t nr,
		     uint64_t *address)
{
	const struct hvcmad_range_req q = {
		.hdr = { op, sizeof(q) }, .region = r->region, .flags = flags, .first = first, .nr = nr,
	};
	size_t answer_bytes = address ? nr * sizeof(*address) : 0;
	int ret, tries = MAX_SESSIONS;

	do {	/* after a restart nothing is pinned that the table has not: so the same again */
		ret = ask(r, &q, -1, sizeof(struct hvcmad_resp_hdr) + answer_bytes, &r->base.error);
	} while (ret == -ESTALE && --tries);
	if (!ret && address)
		memcpy(address, r->response.addresses.address, answer_bytes);
	return provider_errno(ret);
}

static uint64_t chunk(const struct remote *r, uint64_t at, uint64_t end)
{
	return end - at < r->max_nr ? end - at : r->max_nr;
}

/* Of [first, first + nr), those that were unbacked before go again. */
static void undo_back(struct remote *r, uint64_t first, uint64_t nr)
{
	uint64_t at = first, run, len;

	while ((len = hvcma_granules_next_run(&r->granules, at, first + nr, HVCMA_GRANULE_UNBACKED, &run))) {
		len = chunk(r, run, run + len);
		if (ask_range(r, HVCMAD_OP_DISCARD, 0, run, len, NULL))
			hvcma_granules_fill(&r->granules, run, len);
		at = run + len;
	}
}

static int remote_back(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct remote *r = to_remote(p);
	struct hvcma_error why;
	uint64_t at = first, len;
	int ret = hvcma_granules_may_back(&r->granules, first, nr, &p->error);

	for (; !ret && at < first + nr; at += len) {
		len = chunk(r, at, first + nr);
		ret = ask_range(r, HVCMAD_OP_BACK, 0, at, len, NULL);
		if (ret)
			break;
	}
	if (!ret) {
		hvcma_granules_fill(&r->granules, first, nr);
	} else if (at > first) {
		why = p->error;
		undo_back(r, first, at - first);
		p->error = why;
	}
	return ret;
}

/* After a restart the table has what was done. */
static int unpin_chunk(struct remote *r, uint64_t first, uint64_t nr)
{
	int ret, tries = MAX_SESSIONS;

	do {
		const struct hvcmad_range_req q = {
			.hdr = { HVCMAD_OP_UNPIN, sizeof(q) }, .region = r->region, .first = first, .nr = nr,
		};

		if (r->granules.state[first] != HVCMA_GRANULE_PINNED)
			return 0;
		r->unpinning_first = first;
		r->unpinning_nr = nr;
		ret = ask(r, &q, -1, sizeof(struct hvcmad_resp_hdr), &r->base.error);
		r->unpinning_nr = 0;
	} while (ret == -ESTALE && --tries);
	if (!ret)
		hvcma_granules_set(&r->granules, first, nr, HVCMA_GRANULE_BACKED);
	return provider_errno(ret);
}

static int unpin_some(struct remote *r, uint64_t first, uint64_t nr)
{
	uint64_t at, len;
	int ret;

	for (at = first; at < first + nr; at += len) {
		len = chunk(r, at, first + nr);
		ret = unpin_chunk(r, at, len);
		if (ret)
			return ret;
	}
	return 0;
}

static int remote_pin(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct remote *r = to_remote(p);
	uint32_t flags = r->address ? HVCMAD_PIN_ADDRESSES : 0;
	struct hvcma_error why;
	uint64_t at = first, len;
	int ret = hvcma_granules_may_pin(&r->granules, first, nr, &p->error);

	r->nr_pin_calls++;
	for (; !ret && at < first + nr; at += len) {
		len = chunk(r, at, first + nr);
		ret = ask_range(r, HVCMAD_OP_PIN, flags, at, len, r->address ? r->address + at : NULL);
		if (ret)
			break;
		hvcma_granules_set(&r->granules, at, len, HVCMA_GRANULE_PINNED);
	}
	if (ret && at > first) {
		why = p->error;
		unpin_some(r, first, at - first);
		p->error = why;
	}
	return ret;
}

static int remote_unpin(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct remote *r = to_remote(p);
	int ret = hvcma_granules_may_unpin(&r->granules, first, nr, &p->error);

	r->nr_unpin_calls++;
	return ret ? ret : unpin_some(r, first, nr);
}

static int remote_discard(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	struct remote *r = to_remote(p);
	uint64_t at, len;
	int ret = hvcma_granules_may_discard(&r->granules, first, nr, &p->error);

	for (at = first; !ret && at < first + nr; at += len) {
		len = chunk(r, at, first + nr);
		ret = ask_range(r, HVCMAD_OP_DISCARD, 0, at, len, NULL);
		if (!ret)
			hvcma_granules_set(&r->granules, at, len, HVCMA_GRANULE_UNBACKED);
	}
	return ret;
}

/* Of granules that are not pinned, as far as the service sees them. */
static int locate_some(struct remote *r, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	uint64_t i;
	int ret = ask_range(r, HVCMAD_OP_ADDRESSES, HVCMAD_ADDRESSES_NOW, first, nr, hpa);

	for (i = 0; !ret && i < nr; i++) {
		if (hpa[i] == HVCMAD_ADDRESS_NONE)
			hpa[i] = HVCMA_HPA_ABSENT;
	}
	return ret;
}

/* What the table says: of granules that are there, @there. */
static void look_up(const struct remote *r, uint64_t first, uint64_t nr, uint64_t there, uint64_t *hpa)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		hpa[i] = r->granules.state[first + i] == HVCMA_GRANULE_UNBACKED ? HVCMA_HPA_ABSENT : there;
}

/* Those that are pinned from what was kept, others from the service; the range was checked. */
static int locate(struct remote *r, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	uint64_t at = first, end = first + nr, pinned, len;
	int ret = 0;

	while (!ret && at < end) {
		len = hvcma_granules_next_run(&r->granules, at, end, HVCMA_GRANULE_PINNED, &pinned);
		if (pinned == at) {
			memcpy(hpa + (at - first), r->address + at, len * sizeof(*hpa));
		} else {
			len = chunk(r, at, pinned);
			ret = locate_some(r, at, len, hpa + (at - first));
		}
		at += len;
	}
	return ret;
}

/* Of a service that does not tell, reports have what it was asked to do. */
static int remote_look(struct hvcma_provider *p, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	struct remote *r = to_remote(p);
	int ret = hvcma_granules_may_locate(&r->granules, first, nr, &p->error);

	if (ret)
		return ret;
	if (!r->address)
		look_up(r, first, nr, 0, hpa);
	else if (locate(r, first, nr, hpa))
		look_up(r, first, nr, HVCMA_HPA_SWAPPED, hpa);
	return 0;
}

static int remote_hpa(struct hvcma_provider *p, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	struct remote *r = to_remote(p);
	struct hvcma_granules *g = &r->granules;
	uint64_t i;
	int ret = hvcma_granules_may_locate(g, first, nr, &p->error);

	if (!ret && !r->address) {
		look_up(r, first, nr, 0, hpa);
		return 0;
	}
	if (!ret)
		ret = locate(r, first, nr, hpa);
	for (i = 0; !ret && i < nr; i++) {
		if (g->state[first + i] != HVCMA_GRANULE_PINNED)
			hvcma_granules_set(g, first + i, 1, hpa[i] == HVCMA_HPA_ABSENT ?
					   HVCMA_GRANULE_UNBACKED : HVCMA_GRANULE_BACKED);
	}
	return ret;
}

static void remote_stats(const struct hvcma_provider *p, struct hvcma_provider_stats *stats)
{
	const struct remote *r = to_remote(p);

	memset(stats, 0, sizeof(*stats));
	hvcma_granules_stats(&r->granules, stats);
	stats->nr_pin_calls = r->nr_pin_calls;
	stats->nr_unpin_calls = r->nr_unpin_calls;
	stats->low_bytes = r->low_bytes;
	stats->run_bytes = r->run_bytes;
	stats->nr_runs = r->nr_runs;
}

/* ---- turns ---- */

static int may_take_turns(struct hvcma_provider *p)
{
	if (p->ops->back == remote_back && hvcma_service_link_hello(to_remote(p)->link)->features & HVCMAD_F_TURNS)
		return 0;
	hvcma_error_set(&p->error, "no service that lets regions take turns");
	return -EOPNOTSUPP;
}

static int offer(struct hvcma_provider *p, uint32_t flags, int *fd)
{
	struct remote *r = to_remote(p);
	int ret = may_take_turns(p), tries = MAX_SESSIONS;

	if (ret)
		return ret;
	do {
		const struct hvcmad_offer_req q = {
			.hdr = { HVCMAD_OP_OFFER, sizeof(q) }, .region = r->region, .flags = flags,
		};

		ret = ask_for(r, &q, -1, sizeof(struct hvcmad_resp_hdr), fd, &p->error);
	} while (ret == -ESTALE && --tries);
	return provider_errno(ret);
}

int hvcma_provider_service_offer(struct hvcma_provider *p, int *fd)
{
	return offer(p, 0, fd);
}

int hvcma_provider_service_withdraw(struct hvcma_provider *p)
{
	return offer(p, HVCMAD_OFFER_END, NULL);
}

int hvcma_provider_service_wanted(struct hvcma_provider *p, uint64_t *bytes, uint32_t *deadline_ms)
{
	struct remote *r = to_remote(p);
	const struct hvcmad_wanted_req q = { .hdr = { HVCMAD_OP_WANTED, sizeof(q) }, .region = r->region };
	int ret = may_take_turns(p);

	if (!ret)	/* in another session nothing is offered: no second try */
		ret = provider_errno(ask(r, &q, -1, sizeof(r->response.wanted), &p->error));
	if (ret)
		return ret;
	*bytes = r->response.wanted.bytes;
	*deadline_ms = r->response.wanted.deadline_ms;
	return 0;
}

/* ---- another session ---- */

static int resume_region(struct remote *r)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000000L };
	struct hvcmad_resume_req q = { .hdr = { HVCMAD_OP_RESUME, sizeof(q) } };
	const struct hvcmad_resume_resp *a = &r->response.resume;
	struct hvcma_error ignored;
	int ret, file, tries = 20;

	memcpy(q.name, r->granules.name, strlen(r->granules.name));
	for (;;) {
		ret = hvcma_service_link_ask(r->link, &q, -1, &r->response, sizeof(r->response), sizeof(*a), &file,
					     &ignored);
		/* A service that lives still hears of the end of the session before. */
		if (ret != -ENOENT || !--tries)
			break;
		nanosleep(&pause, NULL);
	}
	if (ret)
		return ret;
	close(file);
	if (a->bytes != r->granules.nr * r->granules.bytes || a->granule_bytes != r->granules.bytes)
		return -EPROTO;
	r->region = a->region;
	return 0;
}

/* A granule of which the service and the table differ. */
static int reconcile(struct remote *r, uint64_t granule, bool pinned)
{
	const struct hvcmad_range_req q = {
		.hdr = { HVCMAD_OP_UNPIN, sizeof(q) }, .region = r->region, .first = granule, .nr = 1,
	};
	struct hvcma_error ignored;

	if (pinned)	/* nobody was told, so no device knows */
		return ask(r, &q, -1, sizeof(struct hvcmad_resp_hdr), &ignored);
	if (granule - r->unpinning_first >= r->unpinning_nr)
		return -EIO;
	hvcma_granules_set(&r->granules, granule, 1, HVCMA_GRANULE_BACKED);
	return 0;
}

static int compare_pins(struct remote *r, uint64_t first, uint64_t nr)
{
	const struct hvcmad_range_req q = {
		.hdr = { HVCMAD_OP_PINNED, sizeof(q) }, .region = r->region, .first = first, .nr = nr,
	};
	uint64_t bits[HVCMAD_PINNED_WORDS(HVCMAD_MAX_GRANULES)], i;
	size_t bytes = HVCMAD_PINNED_WORDS(nr) * sizeof(bits[0]);
	struct hvcma_error ignored;
	int ret = ask(r, &q, -1, sizeof(struct hvcmad_resp_hdr) + bytes, &ignored);

	if (ret)
		return ret;
	memcpy(bits, r->response.pinned.pinned, bytes);
	for (i = 0; !ret && i < nr; i++) {
		bool pinned = bits[i / 64] >> i % 64 & 1;

		if (pinned != (r->granules.state[first + i] == HVCMA_GRANULE_PINNED))
			ret = reconcile(r, first + i, pinned);
	}
	return ret;
}

/* After it the service has pinned what the table says, or the region is lost. */
static int remote_resume(struct hvcma_service_user *user)
{
	struct remote *r = (struct remote *)((char *)user - offsetof(struct remote, user));
	uint64_t at, len;
	int ret = r->is_lost ? 0 : resume_region(r);

	for (at = 0; !ret && !r->is_lost && at < r->granules.nr; at += len) {
		len = chunk(r, at, r->granules.nr);
		ret = compare_pins(r, at, len);
	}
	if (ret && ret != -ECONNRESET)
		r->is_lost = true;
	return ret;
}

static void free_remote(struct remote *r)
{
	if (r->link)
		hvcma_service_link_remove(r->link, &r->user);
	hvcma_service_link_put(r->link);
	hvcma_granules_fini(&r->granules);
	free(r->address);
	free(r);
}

static void unregister(struct remote *r)
{
	const struct hvcmad_unregister_req q = {
		.hdr = { HVCMAD_OP_UNREGISTER, sizeof(q) }, .region = r->region,
	};
	struct hvcma_error ignored;
	int tries = MAX_SESSIONS;

	/* A service that is gone has nothing more, and to one that hangs there is nothing more to say. */
	while (ask(r, &q, -1, sizeof(struct hvcmad_resp_hdr), &ignored) == -ESTALE && --tries)
		;
}

static void remote_destroy(struct hvcma_provider *p)
{
	struct remote *r = to_remote(p);

	unregister(r);
	free_remote(r);
}

static const struct hvcma_provider_ops remote_ops = {
	.type = "service",
	.back = remote_back,
	.pin = remote_pin,
	.unpin = remote_unpin,
	.discard = remote_discard,
	.hpa = remote_hpa,
	.look = remote_look,
	.stats = remote_stats,
	.destroy = remote_destroy,
};

const char *hvcma_provider_service_version(const struct hvcma_provider *p)
{
	if (p->ops != &remote_ops)
		return "";
	return (const char *)hvcma_service_link_hello(to_remote(p)->link)->hvcma;
}

static int check_config(const struct hvcma_provider_config *config, struct hvcma_error *err)
{
	if (config->fd < 0) {
		hvcma_error_set(err, "region %s: a service needs the memory's file, and there is none", config->name);
		return -EINVAL;
	}
	if (strlen(config->name) >= HVCMAD_NAME_BYTES) {
		hvcma_error_set(err, "region %s: a service takes names of %d bytes at most", config->name,
				HVCMAD_NAME_BYTES - 1);
		return -EINVAL;
	}
	return hvcma_contiguous_check(config, err);
}

static int register_region(struct remote *r, const struct hvcma_provider_config *config, struct hvcma_error *err)
{
	struct hvcmad_register_req q = {
		.hdr = { HVCMAD_OP_REGISTER, sizeof(q) }, .bytes = config->bytes, .offset = config->fd_offset_bytes,
		.granule_bytes = config->granule_bytes,
	};
	uint64_t max_bytes = hvcma_service_link_hello(r->link)->max_range_bytes;
	int ret, tries = MAX_SESSIONS;

	memcpy(q.name, config->name, strlen(config->name));
	do {
		ret = ask(r, &q, config->fd, sizeof(r->response.reg), err);
		if (!ret)
			r->region = r->response.reg.region;
		else if (ret == -ESTALE && !resume_region(r))
			ret = 0;	/* it was done */
	} while (ret == -ESTALE && --tries);
	if (ret)
		return ret;
	r->user.resume = remote_resume;
	hvcma_service_link_add(r->link, &r->user);
	r->max_nr = max_bytes / config->granule_bytes;
	if (r->max_nr > HVCMAD_MAX_GRANULES)
		r->max_nr = HVCMAD_MAX_GRANULES;
	if (!r->max_nr)
		r->max_nr = 1;
	return 0;
}

/* As it is asked for in each session. The policy is that of the caller's mapping. */
static void describe_places(const struct hvcma_provider_config *config, struct hvcmad_arrange_req *q)
{
	struct hvcma_numa_policy policy;

	*q = (struct hvcmad_arrange_req){
		.hdr = { HVCMAD_OP_ARRANGE, sizeof(*q) }, .flags = config->is_contiguous ? HVCMAD_ARRANGE_RUNS : 0,
		.run_bytes = config->run_bytes, .low_bytes = config->low_bytes,
	};
	/* a kernel without NUMA has none */
	if (hvcma_numa_policy(config->base, &policy))
		return;
	q->policy = policy.mode;
	memcpy(q->nodes, policy.nodes, sizeof(q->nodes));
}

_Static_assert(sizeof(((struct hvcma_numa_policy *)NULL)->nodes) == HVCMAD_NODES_WORDS * sizeof(uint64_t),
	       "nodes that the service is not told of");

static void pause_ms(unsigned int ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000L };

	nanosleep(&pause, NULL);
}

/* The service looks for pages while it is asked, again and again, whether it has them. */
static int search_pages(struct remote *r, struct hvcmad_arrange_req *q)
{
	unsigned int pause = ARRANGE_PAUSE_MS, waited = 0;
	int ret, tries = MAX_SESSIONS;

	for (;;) {
		q->region = r->region;	/* another one after a restart, where all begins anew */
		ret = ask(r, q, -1, sizeof(r->response.arrange), &r->base.error);
		if (ret == -ESTALE && --tries)
			continue;
		if (ret != -EAGAIN || waited >= ARRANGE_MAX_MS)
			return ret;
		pause_ms(pause);
		waited += pause;
		if (pause < ARRANGE_MAX_PAUSE_MS)
			pause *= 2;
	}
}

/* Pages of which it matters where they are; then they are the region's as if it had been backed. */
static int arrange(struct remote *r, const struct hvcma_provider_config *config)
{
	struct hvcmad_arrange_req q;
	int ret;

	if (!config->low_bytes && !config->is_contiguous)
		return 0;
	if (!(hvcma_service_link_hello(r->link)->features & HVCMAD_F_ARRANGE)) {
		hvcma_error_set(&r->base.error, "region %s: the service is too old to choose where pages lie: leave out %s",
				config->name, config->is_contiguous ? "contiguous=" : "low=");
		return -EOPNOTSUPP;
	}
	describe_places(config, &q);
	ret = search_pages(r, &q);
	if (ret)
		return ret;
	r->low_bytes = r->response.arrange.low_bytes;
	r->run_bytes = r->response.arrange.run_bytes;
	r->nr_runs = r->response.arrange.nr_runs;
	return remote_back(&r->base, 0, config->is_contiguous ? r->granules.nr :
			   config->low_bytes / config->granule_bytes);
}

/* Where granules are that have pages already, and whether this is told at all. */
static int learn(struct remote *r)
{
	uint64_t *hpa, at, len;
	int ret = 0;

	if (!r->address)
		return 0;
	hpa = r->address;	/* nothing is pinned: no use for it yet */
	for (at = 0; !ret && at < r->granules.nr; at += len) {
		len = chunk(r, at, r->granules.nr);
		ret = remote_hpa(&r->base, at, len, hpa + at);
	}
	return ret;
}

int hvcma_provider_service_create(const char *path, const struct hvcma_provider_config *config,
				  struct hvcma_provider **out, struct hvcma_error *err)
{
	struct remote *r;
	int ret = check_config(config, err);

	if (ret)
		return ret;
	r = calloc(1, sizeof(*r));
	if (!r) {
		hvcma_error_set(err, "region %s: no memory for a provider", config->name);
		return -ENOMEM;
	}
	r->base.ops = &remote_ops;
	ret = hvcma_granules_init(&r->granules, config, err);
	if (ret)
		goto free_provider;
	if (config->need_hpa) {
		r->address = calloc(r->granules.nr, sizeof(*r->address));
		if (!r->address) {
			hvcma_error_set(err, "region %s: no memory for its addresses", config->name);
			ret = -ENOMEM;
			goto free_provider;
		}
	}
	ret = hvcma_service_link_get(path, &r->link, err);
	if (!ret)
		ret = register_region(r, config, err);
	if (ret)
		goto free_provider;
	ret = arrange(r, config);
	if (!ret)
		ret = learn(r);
	if (ret) {
		*err = r->base.error;
		unregister(r);
		goto free_provider;
	}
	*out = &r->base;
	return 0;

free_provider:
	free_remote(r);
	return ret;
}
