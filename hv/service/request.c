// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What requests do: may this session, then account.h and memory.h, then the response. The message
 * was judged before (service_wire.h); sockets are session.c's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hv/abi/version.h"
#include "hv/service/session.h"

_Static_assert(sizeof(HVCMA_VERSION) <= HVCMAD_HVCMA_BYTES, "a version that HELLO has no room for");

/* Responses are made in place. */
#define RESPONSE(s, type)	((struct type *)(s)->response.bytes)

size_t hvcmad_request_refuse(struct hvcmad_server *s, enum hvcmad_status status, const char *words)
{
	struct hvcmad_resp_hdr *hdr = RESPONSE(s, hvcmad_resp_hdr);
	size_t bytes = strlen(words);

	if (bytes > HVCMAD_MAX_TEXT_BYTES)
		bytes = HVCMAD_MAX_TEXT_BYTES;
	hdr->status = status;
	hdr->bytes = (uint32_t)(sizeof(*hdr) + bytes);
	memcpy(hdr + 1, words, bytes);
	return hdr->bytes;
}

/* A response of @bytes, all zero but its header. */
static void *succeed(struct hvcmad_server *s, size_t bytes)
{
	struct hvcmad_resp_hdr *hdr = RESPONSE(s, hvcmad_resp_hdr);

	memset(hdr, 0, bytes);
	hdr->status = HVCMAD_S_OK;
	hdr->bytes = (uint32_t)bytes;
	return hdr;
}

static struct hvcmad_about about(const struct hvcmad_session *session, const char *region)
{
	return (struct hvcmad_about){
		.vm = session->vm ? session->vm->name : NULL, .region = region, .pid = session->id.pid,
	};
}

static bool is_operator(const struct hvcmad_session *session)
{
	return session->id.uid == 0;
}

static size_t do_hello(struct hvcmad_session *session, const struct hvcmad_hello_req *q)
{
	const bool tells_version = q->features & HVCMAD_F_HVCMA;
	const size_t bytes = tells_version ? sizeof(struct hvcmad_hello_resp) : offsetof(struct hvcmad_hello_resp, hvcma);
	struct hvcmad_hello_resp *r = succeed(session->server, bytes);
	const struct hvcmad_vm *vm = session->vm;

	r->version = HVCMAD_VERSION;
	r->features = q->features & HVCMAD_FEATURES;
	session->features = r->features;
	r->max_range_bytes = HVCMAD_MAX_RANGE_BYTES;
	if (is_operator(session))
		r->allowed |= HVCMAD_ALLOW_STATUS_ALL;
	if (vm) {
		if (vm->quota.regions)
			r->allowed |= HVCMAD_ALLOW_MEMORY;
		if (vm->unsafe_noiommu)
			r->allowed |= HVCMAD_ALLOW_ADDRESSES;
		if (vm->quota.devices)
			r->allowed |= HVCMAD_ALLOW_DEVICES;
		r->quota_memory_bytes = vm->quota.memory_bytes;
		r->quota_pinned_bytes = vm->quota.pinned_bytes;
		r->quota_regions = vm->quota.regions;
		r->quota_devices = vm->quota.devices;
		memcpy(r->vm, vm->name, sizeof(r->vm));
	}
	if (tells_version)
		memcpy(r->hvcma, HVCMA_VERSION, sizeof(HVCMA_VERSION));
	hvcmad_session_set_state(session, HVCMAD_SESSION_READY);
	return bytes;
}

static enum hvcmad_status status_of_peer(int ret)
{
	return ret == -EMFILE || ret == -ENFILE || ret == -ENOMEM ? HVCMAD_S_NO_MEMORY : HVCMAD_S_IO;
}

static size_t do_register(struct hvcmad_session *session, const struct hvcmad_register_req *q, int fd,
			  int *answer_fd)
{
	struct hvcmad_server *s = session->server;
	struct hvcma_error err = { "" };
	struct hvcmad_register_resp *r;
	struct hvcmad_region *region;
	struct hvcmad_peer *peer;
	struct hvcmad_about who;
	enum hvcmad_status status;
	int ret = hvcmad_peer_get(&s->peers, &session->id, session->pidfd, session->vm->name, &peer, &err);

	if (ret)
		return hvcmad_request_refuse(s, status_of_peer(ret), err.text);
	status = hvcmad_memory_register(&s->memory, session->vm, session, peer, q, fd, &region, &err);
	hvcmad_peer_put(peer);		/* the region has its own */
	/* What the last client had is on its way back. */
	if ((status == HVCMAD_S_QUOTA || status == HVCMAD_S_EXISTS) &&
	    hvcmad_devices_are_stopping(&s->devices, session->vm))
		status = HVCMAD_S_AGAIN;
	if (status)
		return hvcmad_request_refuse(s, status, err.text);

	who = about(session, region->name);
	hvcmad_log(LOG_INFO, HVCMAD_EVENT_REGION, &who, "VM %s: region %s, number %" PRIu32 ", of %" PRIu64 " bytes",
		   session->vm->name, region->name, region->id, region->bytes);
	r = succeed(s, sizeof(*r));
	r->region = region->id;
	r->page_bytes = region->page_bytes;
	r->nr_granules = region->bytes / region->granule_bytes;
	if (q->flags & HVCMAD_REGISTER_MAKE)
		*answer_fd = region->fd;
	return sizeof(*r);
}

/* Is the client that had it this very process, which has lost the session that it had it by? */
static bool may_resume(const struct hvcmad_session *session, const struct hvcmad_session *former)
{
	return former->state == HVCMAD_SESSION_CLOSED && former->id.pid == session->id.pid &&
	       !hvcmad_is_dead(former->pidfd);
}

static size_t do_resume(struct hvcmad_session *session, const struct hvcmad_resume_req *q, int *answer_fd)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_region *region = hvcmad_memory_find_name(&s->memory, session->vm, (const char *)q->name);
	struct hvcmad_session *former = region ? region->owner : NULL;
	struct hvcmad_resume_resp *r;
	char words[128];

	if (!former || !may_resume(session, former)) {
		snprintf(words, sizeof(words), "no session of this process that is over has a region %.31s", q->name);
		return hvcmad_request_refuse(s, HVCMAD_S_NO_REGION, words);
	}
	region->owner = session;
	hvcmad_turn_withdraw(region);
	session->has_opened |= former->has_opened;
	if (!hvcmad_memory_has(&s->memory, former))
		hvcmad_session_end(former);

	r = succeed(s, sizeof(*r));
	r->region = region->id;
	r->bytes = region->bytes;
	r->offset = region->offset;
	r->granule_bytes = region->granule_bytes;
	r->page_bytes = region->page_bytes;
	*answer_fd = region->fd;
	return sizeof(*r);
}

static size_t no_region(struct hvcmad_server *s, uint32_t id)
{
	char words[64];

	snprintf(words, sizeof(words), "this session has no region %" PRIu32, id);
	return hvcmad_request_refuse(s, HVCMAD_S_NO_REGION, words);
}

static size_t do_unregister(struct hvcmad_session *session, const struct hvcmad_unregister_req *q)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_region *region = hvcmad_memory_find(&s->memory, session, q->region);
	struct hvcmad_about who;

	if (!region)
		return no_region(s, q->region);
	who = about(session, region->name);
	hvcmad_log(LOG_INFO, HVCMAD_EVENT_REGION, &who, "VM %s: region %s ends", session->vm->name, region->name);
	hvcmad_memory_unregister(&s->memory, region);
	hvcmad_server_something_gone(s);
	succeed(s, sizeof(struct hvcmad_resp_hdr));
	return sizeof(struct hvcmad_resp_hdr);
}

static size_t do_range(struct hvcmad_session *session, const struct hvcmad_range_req *q)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_region *region = hvcmad_memory_find(&s->memory, session, q->region);
	struct hvcmad_addresses_resp *r = RESPONSE(s, hvcmad_addresses_resp);
	struct hvcma_error err = { "" };
	uint64_t words = 0;
	enum hvcmad_status status;

	if (!region)
		return no_region(s, q->region);
	if (q->hdr.op == HVCMAD_OP_ADDRESSES || q->flags & HVCMAD_PIN_ADDRESSES)
		words = q->nr;
	else if (q->hdr.op == HVCMAD_OP_PINNED)
		words = HVCMAD_PINNED_WORDS(q->nr);
	/* What is answered is written where the response has it. */
	status = hvcmad_region_range(&s->memory, region, q, (uint64_t *)r->address, &err);
	if (status == HVCMAD_S_AGAIN && !(session->features & HVCMAD_F_TURNS))
		status = HVCMAD_S_NO_BACKING;
	if (status)
		return hvcmad_request_refuse(s, status, err.text);
	r->hdr.status = HVCMAD_S_OK;
	r->hdr.bytes = (uint32_t)(sizeof(*r) + words * sizeof(r->address[0]));
	return r->hdr.bytes;
}

static void describe(const struct hvcmad_region *region, struct hvcmad_region_status *out)
{
	struct hvcma_provider_stats stats = hvcmad_region_stats(region);

	memset(out, 0, sizeof(*out));
	memcpy(out->vm, region->vm->name, sizeof(out->vm));
	memcpy(out->name, region->name, sizeof(out->name));
	out->region = region->id;
	out->pid = (uint32_t)region->pid;
	out->bytes = region->bytes;
	out->granule_bytes = region->granule_bytes;
	out->backed_bytes = stats.backed_bytes;
	out->pinned_bytes = stats.pinned_bytes;
}

static size_t do_status(struct hvcmad_session *session, const struct hvcmad_status_req *q)
{
	const size_t room = (HVCMAD_MAX_RESPONSE_BYTES - sizeof(struct hvcmad_status_resp)) /
			    sizeof(struct hvcmad_region_status);
	struct hvcmad_server *s = session->server;
	bool all = q->flags & HVCMAD_STATUS_ALL;
	const struct hvcmad_quota *quota;
	const struct hvcmad_region *region;
	struct hvcmad_status_resp *r;

	if (all && !is_operator(session))
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, "the state of all VMs is for the user root");
	if (!all && !session->vm)
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, "this process is no VM: it has no state of its own");
	quota = all ? &s->accounts.quota : &session->vm->quota;
	r = succeed(s, sizeof(*r));
	r->quota_memory_bytes = quota->memory_bytes;
	r->quota_pinned_bytes = quota->pinned_bytes;
	for (region = s->memory.first; region; region = region->next) {
		if (!all && region->owner != session)
			continue;
		r->nr_total++;
		r->memory_bytes += region->bytes;
		r->pinned_bytes += hvcmad_region_stats(region).pinned_bytes;
		if (region->id > q->after && r->nr < room)
			describe(region, &r->regions[r->nr++]);
	}
	r->hdr.bytes = (uint32_t)(sizeof(*r) + r->nr * sizeof(r->regions[0]));
	return r->hdr.bytes;
}

/* By its name in the configuration, as that is now; files and groups are the service's to find. */
static size_t do_open_device(struct hvcmad_session *session, const struct hvcmad_open_device_req *q, int *answer_fd)
{
	struct hvcmad_server *s = session->server;
	const struct hvcmad_rule *rule = hvcmad_config_match(s->config, &session->vm->id);
	const char *name = (const char *)q->device;
	struct hvcmad_open_device_resp *r;
	struct hvcma_error err = { "" };
	struct hvcmad_device *device;
	struct hvcmad_peer *peer;
	struct hvcmad_about who;
	enum hvcmad_status status;
	int ret;

	if (q->flags & HVCMAD_OPEN_PLATFORM && !(session->features & HVCMAD_F_PLATFORM))
		return hvcmad_request_refuse(s, HVCMAD_S_UNSUPP,
					     "OPEN_PLATFORM is of the feature PLATFORM, which HELLO has not asked for");
	if (!rule || !hvcmad_rule_has_device(rule, name)) {
		hvcma_error_set(&err, "device %s is not among the 'devices' of VM %s in the configuration", name,
				session->vm->name);
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, err.text);
	}
	ret = hvcmad_peer_get(&s->peers, &session->id, session->pidfd, session->vm->name, &peer, &err);
	if (ret)
		return hvcmad_request_refuse(s, status_of_peer(ret), err.text);
	status = hvcmad_device_open(&s->devices, session->vm, peer, name, &device, &err);
	hvcmad_peer_put(peer);		/* the device has its own */
	if (status)
		return hvcmad_request_refuse(s, status, err.text);

	who = (struct hvcmad_about){ .vm = session->vm->name, .device = device->name, .pid = session->id.pid };
	hvcmad_log(LOG_INFO, HVCMAD_EVENT_DEVICE, &who, "VM %s: device %s, number %" PRIu32 ", is open",
		   session->vm->name, device->name, device->number);
	session->has_opened = true;
	r = succeed(s, sizeof(*r));
	r->number = device->number;
	*answer_fd = device->fd;
	return sizeof(*r);
}

static size_t do_close_device(struct hvcmad_session *session, const struct hvcmad_close_device_req *q)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_device *device = hvcmad_device_find(&s->devices, session->id.pid, q->number);
	char words[64];

	if (!device) {
		snprintf(words, sizeof(words), "this process has no device %" PRIu32, q->number);
		return hvcmad_request_refuse(s, HVCMAD_S_NO_DEVICE, words);
	}
	hvcmad_device_stop(device);
	succeed(s, sizeof(struct hvcmad_resp_hdr));
	return sizeof(struct hvcmad_resp_hdr);
}

static void describe_device(const struct hvcmad_server *s, const struct hvcmad_device *device,
			    struct hvcmad_device_status *out)
{
	static const uint32_t state[HVCMAD_DEV_NR_STATES] = {
		[HVCMAD_DEV_OPEN] = HVCMAD_DEVICE_OPEN,
		[HVCMAD_DEV_STOPPING] = HVCMAD_DEVICE_STOPPING,
		[HVCMAD_DEV_QUARANTINED] = HVCMAD_DEVICE_QUARANTINED,
	};

	memset(out, 0, sizeof(*out));
	memcpy(out->vm, device->vm->name, sizeof(out->vm));
	memcpy(out->device, device->name, sizeof(out->device));
	out->number = device->number;
	out->pid = (uint32_t)device->pid;
	out->state = state[device->state];
	out->kept_bytes = hvcmad_memory_kept_bytes(&s->memory, device->pid);
	if (device->state == HVCMAD_DEV_QUARANTINED)
		memcpy(out->why, device->why, sizeof(out->why));
}

static size_t do_devices(struct hvcmad_session *session, const struct hvcmad_devices_req *q)
{
	const size_t room = (HVCMAD_MAX_RESPONSE_BYTES - sizeof(struct hvcmad_devices_resp)) /
			    sizeof(struct hvcmad_device_status);
	struct hvcmad_server *s = session->server;
	bool all = q->flags & HVCMAD_DEVICES_ALL;
	const struct hvcmad_device *device;
	struct hvcmad_devices_resp *r;

	if (all && !is_operator(session))
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, "the devices of all VMs are for the user root");
	if (!all && !session->vm)
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, "this process is no VM: it has no devices of its own");
	r = succeed(s, sizeof(*r));
	for (device = s->devices.first; device; device = device->next) {
		if (!all && device->pid != session->id.pid)
			continue;
		r->nr_total++;
		if (device->number > q->after && r->nr < room)
			describe_device(s, device, &r->devices[r->nr++]);
	}
	r->hdr.bytes = (uint32_t)(sizeof(*r) + r->nr * sizeof(r->devices[0]));
	return r->hdr.bytes;
}

static size_t do_release(struct hvcmad_session *session, const struct hvcmad_release_req *q)
{
	struct hvcmad_server *s = session->server;
	struct hvcma_error err = { "" };
	enum hvcmad_status status;

	if (!is_operator(session))
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, "devices are released by the user root");
	status = hvcmad_device_release(&s->devices, q->number, q->flags & HVCMAD_RELEASE_FORCE, &err);
	if (status)
		return hvcmad_request_refuse(s, status, err.text);
	succeed(s, sizeof(struct hvcmad_resp_hdr));
	return sizeof(struct hvcmad_resp_hdr);
}

static size_t do_offer(struct hvcmad_session *session, const struct hvcmad_offer_req *q, int *answer_fd)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_region *region = hvcmad_memory_find(&s->memory, session, q->region);
	struct hvcma_error err = { "" };
	int ret;

	if (!region)
		return no_region(s, q->region);
	if (q->flags & HVCMAD_OFFER_END) {
		hvcmad_turn_withdraw(region);
	} else {
		ret = hvcmad_turn_offer(region, answer_fd, &err);
		if (ret)
			return hvcmad_request_refuse(s, status_of_peer(ret), err.text);
	}
	succeed(s, sizeof(struct hvcmad_resp_hdr));
	return sizeof(struct hvcmad_resp_hdr);
}

static size_t do_wanted(struct hvcmad_session *session, const struct hvcmad_wanted_req *q)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_region *region = hvcmad_memory_find(&s->memory, session, q->region);
	struct hvcmad_wanted_resp *r;
	uint64_t now = hvcmad_now_us();

	if (!region)
		return no_region(s, q->region);
	hvcmad_turns_look(&s->memory, now);
	r = succeed(s, sizeof(*r));
	r->bytes = region->turn.asked_bytes;
	if (r->bytes)
		r->deadline_ms = hvcmad_turn_left_ms(region->turn.asked_until_us, now);
	return sizeof(*r);
}

static void describe_turn(const struct hvcmad_region *region, uint64_t now, struct hvcmad_turn_status *out)
{
	const struct hvcmad_turn *turn = &region->turn;
	bool offers = hvcmad_turn_offers(region);

	memset(out, 0, sizeof(*out));
	memcpy(out->vm, region->vm->name, sizeof(out->vm));
	memcpy(out->name, region->name, sizeof(out->name));
	out->region = region->id;
	out->pid = (uint32_t)region->pid;
	out->priority = region->vm->priority;
	out->state = (offers ? HVCMAD_TURN_OFFERS : 0) | (turn->wanted_bytes ? HVCMAD_TURN_WANTS : 0) |
		     (turn->rests_until_us ? HVCMAD_TURN_RESTS : 0);
	if (offers) {
		out->surrendered_bytes = region->bytes - hvcmad_region_stats(region).backed_bytes;
		out->idle_bytes = hvcmad_turn_idle_bytes(region);
	}
	out->asked_bytes = turn->asked_bytes;
	out->missed_bytes = turn->missed_bytes;
	out->wanted_bytes = turn->wanted_bytes;
	if (turn->asked_bytes)
		out->asked_ms = hvcmad_turn_left_ms(turn->asked_until_us, now);
}

static size_t do_turns(struct hvcmad_session *session, const struct hvcmad_turns_req *q)
{
	const size_t room = (HVCMAD_MAX_RESPONSE_BYTES - sizeof(struct hvcmad_turns_resp)) /
			    sizeof(struct hvcmad_turn_status);
	struct hvcmad_server *s = session->server;
	bool all = q->flags & HVCMAD_TURNS_ALL;
	const struct hvcmad_region *region;
	struct hvcmad_turns_resp *r;
	uint64_t now = hvcmad_now_us();

	if (all && !is_operator(session))
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, "the turns of all VMs are for the user root");
	if (!all && !session->vm)
		return hvcmad_request_refuse(s, HVCMAD_S_REFUSED, "this process is no VM: it has no turns of its own");
	hvcmad_turns_look(&s->memory, now);
	r = succeed(s, sizeof(*r));
	for (region = s->memory.first; region; region = region->next) {
		if ((!all && region->owner != session) || (!hvcmad_turn_offers(region) && !region->turn.wanted_bytes))
			continue;
		r->nr_total++;
		if (region->id > q->after && r->nr < room)
			describe_turn(region, now, &r->turns[r->nr++]);
	}
	r->hdr.bytes = (uint32_t)(sizeof(*r) + r->nr * sizeof(r->turns[0]));
	return r->hdr.bytes;
}

static size_t do_arrange(struct hvcmad_session *session, const struct hvcmad_arrange_req *q)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_region *region = hvcmad_memory_find(&s->memory, session, q->region);
	struct hvcmad_arrange_resp got = { 0 }, *r;
	struct hvcma_error err = { "" };
	struct hvcmad_about who;
	enum hvcmad_status status;

	if (!region)
		return no_region(s, q->region);
	status = hvcmad_region_arrange(&s->memory, region, q, &got, &err);
	if (status)
		return hvcmad_request_refuse(s, status, err.text);
	who = about(session, region->name);
	hvcmad_log(LOG_INFO, HVCMAD_EVENT_REGION, &who,
		   "VM %s: region %s: %" PRIu64 " runs, the longest of %" PRIu64 " bytes, %" PRIu64 " bytes below 4 GiB",
		   session->vm->name, region->name, (uint64_t)got.nr_runs, (uint64_t)got.run_bytes, (uint64_t)got.low_bytes);
	r = succeed(s, sizeof(*r));
	got.hdr = r->hdr;
	*r = got;
	return sizeof(*r);
}

static bool is_of_turns(uint32_t op)
{
	return op == HVCMAD_OP_OFFER || op == HVCMAD_OP_WANTED || op == HVCMAD_OP_TURNS;
}

static bool is_operators(uint32_t op)
{
	return op == HVCMAD_OP_TURNS || op == HVCMAD_OP_HELLO || op == HVCMAD_OP_STATUS || op == HVCMAD_OP_DEVICES || op == HVCMAD_OP_RELEASE;
}

static bool takes_more(uint32_t op)
{
	return op == HVCMAD_OP_REGISTER || op == HVCMAD_OP_BACK || op == HVCMAD_OP_PIN ||
	       op == HVCMAD_OP_OPEN_DEVICE || op == HVCMAD_OP_ARRANGE;
}

/* What the session may ask for at all, now. NULL: go on. */
static const char *out_of_place(const struct hvcmad_session *session, uint32_t op, enum hvcmad_status *status)
{
	bool stopping = session->server->stopping;

	*status = HVCMAD_S_REFUSED;
	if (!session->vm && !is_operator(session))
		return "this process is no VM of the service's configuration";
	*status = HVCMAD_S_ORDER;
	if (op == HVCMAD_OP_HELLO && session->state != HVCMAD_SESSION_GREETING)
		return "HELLO comes once, at the beginning";
	if (op != HVCMAD_OP_HELLO && session->state == HVCMAD_SESSION_GREETING)
		return "the first request is HELLO";
	*status = HVCMAD_S_REFUSED;
	if (!session->vm && !is_operators(op))
		return "this process is no VM of the service's configuration";
	*status = HVCMAD_S_UNSUPP;
	if (is_of_turns(op) && !(session->features & HVCMAD_F_TURNS))
		return "a request of the feature TURNS, which HELLO has not asked for";
	if (op == HVCMAD_OP_ARRANGE && !(session->features & HVCMAD_F_ARRANGE))
		return "a request of the feature ARRANGE, which HELLO has not asked for";
	*status = HVCMAD_S_STOPPING;
	if (stopping && takes_more(op))
		return "the service is about to end: it waits for what is there";
	return NULL;
}

size_t hvcmad_request_do(struct hvcmad_session *session, const union hvcma_service_request *request, int fd,
			 int *answer_fd)
{
	enum hvcmad_status status;
	const char *words = out_of_place(session, request->hdr.op, &status);

	if (words)
		return hvcmad_request_refuse(session->server, status, words);
	switch (request->hdr.op) {
	case HVCMAD_OP_HELLO:
		return do_hello(session, &request->hello);
	case HVCMAD_OP_REGISTER:
		return do_register(session, &request->reg, fd, answer_fd);
	case HVCMAD_OP_RESUME:
		return do_resume(session, &request->resume, answer_fd);
	case HVCMAD_OP_UNREGISTER:
		return do_unregister(session, &request->unregister);
	case HVCMAD_OP_STATUS:
		return do_status(session, &request->status);
	case HVCMAD_OP_OPEN_DEVICE:
		return do_open_device(session, &request->open_device, answer_fd);
	case HVCMAD_OP_CLOSE_DEVICE:
		return do_close_device(session, &request->close_device);
	case HVCMAD_OP_DEVICES:
		return do_devices(session, &request->devices);
	case HVCMAD_OP_RELEASE:
		return do_release(session, &request->release);
	case HVCMAD_OP_OFFER:
		return do_offer(session, &request->offer, answer_fd);
	case HVCMAD_OP_WANTED:
		return do_wanted(session, &request->wanted);
	case HVCMAD_OP_TURNS:
		return do_turns(session, &request->turns);
	case HVCMAD_OP_ARRANGE:
		return do_arrange(session, &request->arrange);
	default:
		return do_range(session, &request->range);
	}
}
